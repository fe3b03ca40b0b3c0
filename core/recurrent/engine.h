/* engine.h: one recurrent layer in one direction over whole sequences, as the op (op.c) asks forward.c and backward.c to
 * run it.
 *
 * Inside the engine everything is time-major, (T, N, ...): the rows of a step lie together, and the whole sequence is
 * one matrix for the input product and for dW. States have T+1 places: of step t, the state before lies at place t and
 * the one after at t+1, or, for a layer that runs in reverse, at t+1 and t. On padding the state is carried along. */
#ifndef RNNI_ENGINE_H
#define RNNI_ENGINE_H

#include "../internal.h"
#include "../kernels/kernels.h"

/* The tensors of the op in their order; states may be absent. */
enum { RNNI_X, RNNI_W_IH, RNNI_W_HH, RNNI_B_IH, RNNI_B_HH, RNNI_H0, RNNI_C0, RNNI_TENSORS };

typedef struct rnni_layer {
  const rnn_recurrent *r;
  int64_t N, T, D, H;
  int64_t G;              /* columns of the products: gates * H */
  int64_t A;              /* columns of a step's row in a: 4H, or H for the simple RNN */
  int64_t t0, all;        /* these T steps are steps t0, t0 + 1 ... of all */
  const int32_t *lengths; /* (N) or NULL */
  const real *p[RNNI_H0]; /* parameters */
  /* What forward leaves for backward: */
  real *x;                /* (T, N, D) */
  real *a;                /* (T, N, A) activated gates; the GRU's fourth part is U_n h + b'_n. NULL for the simple RNN */
  real *h, *c;            /* (T+1, N, H); c NULL but for the LSTM */
} rnni_layer;

typedef struct rnni_layer_gradients {
  const real *dy;              /* from above, NULL when none; of sample n at step t: dy + n*row + t*step */
  ptrdiff_t row, step;
  real *dh, *dc;               /* (N, H) of the final states; become those of the initial ones */
  double *figures;             /* where the watch writes, or NULL */
  real *dx;                    /* of the input, added to, NULL when not wanted: of sample n at step t, at */
  ptrdiff_t dx_row;            /*   dx + n*dx_row + t*D */
  real *d[RNNI_H0];            /* of the parameters, added to; NULL when not wanted */
} rnni_layer_gradients;

/* Is the state carried at step t, because sample n ended before? */
static inline bool rnni_padding(const rnni_layer *l, int64_t n, int64_t t) {
  return l->lengths && l->t0 + t >= l->lengths[n];
}
/* Places of the states around step t. */
static inline int64_t rnni_before(const rnni_layer *l, int64_t t) { return l->r->reverse ? t + 1 : t; }
static inline int64_t rnni_after(const rnni_layer *l, int64_t t) { return l->r->reverse ? t : t + 1; }
static inline int64_t rnni_end(const rnni_layer *l) { return l->r->reverse ? 0 : l->T; }
static inline int64_t rnni_start(const rnni_layer *l) { return l->r->reverse ? l->T : 0; }
/* The states before and after step 0; those of the other steps follow. */
static inline const real *rnni_state_before(const rnni_layer *l, const real *states) {
  return states + rnni_before(l, 0) * l->N * l->H;
}
static inline const real *rnni_state_after(const rnni_layer *l, const real *states) {
  return states + rnni_after(l, 0) * l->N * l->H;
}
/* Step number s in the order of computation. */
static inline int64_t rnni_step(const rnni_layer *l, int64_t s) { return l->r->reverse ? l->T - 1 - s : s; }

/* The next n elements of a block that is dealt out piece by piece. */
static inline real *rnni_take(real **next, int64_t n) {
  real *p = *next;
  *next += n;
  return p;
}
/* B (k, n), element (p, j) at w[p*rs + j*cs], packed into the next elements of a block. */
static inline rnni_panels rnni_pack_into(rnn_ctx *ctx, rnn_form form, real **next, int64_t k, int64_t n, const real *w,
                                         int64_t rs, int64_t cs) {
  real *to = rnni_take(next, rnni_panels_size(form, k, n));
  rnni_pack(ctx, form, k, n, w, rs, cs, to);
  return rnni_panels_at(form, to, k);
}

/* product.c: C = A B + bias, B as rnni_pack leaves it and A's rows as they lie. */
RNN_MUST_USE rnn_status rnni_gemm_packed(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, rnni_panels b,
                                         const real *bias, real *c, int64_t ldc);
/* product.c: C (1, n) = A B [+ C] [+ bias] by all threads, or alone by this one: a single row reads all of B for little work, and each core
   reads its share from its own cache. */
void rnni_row_product(rnn_ctx *ctx, int64_t n, int64_t k, const real *a, rnni_panels b, const real *bias, real *c,
                      bool accumulate, bool alone);

/* ---- cuts.c: the time loop over threads ---- */

/* Slices of the batch go through all steps without meeting each other. Where there are more threads than slices worth
   while, units are cut as well, and then all meet after every step. */
typedef struct rnni_cuts {
  int slices, units;
} rnni_cuts;
/* with_units: may units be cut? */
rnni_cuts rnni_cuts_of(const rnn_ctx *ctx, const rnni_layer *l, bool with_units);
/* What a task makes of a step: rows [row, row + rows) of the batch and units [unit, unit + units). */
typedef struct rnni_piece {
  int64_t row, rows, unit, units;
} rnni_piece;
/* Runs steps [from, to) of a piece. */
typedef void rnni_steps_fn(const void *loop, const rnni_piece *p, int64_t from, int64_t to);
/* All pieces through steps [0, count). name: of the region, for rnni_parallel_named. */
void rnni_run_steps(rnn_ctx *ctx, const rnni_layer *l, rnni_cuts cuts, int64_t count, rnni_steps_fn *run,
                    const void *loop, const char *name);

/* Does rnni_few run this layer, whose weights are packed in a form? */
static inline bool rnni_is_few(const rnni_layer *l, rnn_form form) {
  return form == RNN_FORM_FLOAT && l->r->cell != RNN_CELL_RNN && l->N > 0 && l->N <= rnni_kernel->few_samples;
}

/* Weights packed for the way forwards; the same for all segments. At the head of one allocation. */
typedef struct rnni_packed_layer {
  rnni_made_of made_of; /* when it is kept for the next call */
  rnni_panels w, u, u_n; /* W', U', the GRU's U_n'; w.at NULL where rnni_gemm is to pack it */
  int64_t gate;          /* columns of u from one gate to the next, each of which begins a panel; 0: they do not */
  real *bias;            /* (G) of the input product */
  const real *few_w, *few_u, *few_bias; /* instead of u and u_n: as rnni_few has them; few_w only for single steps */
} rnni_packed_layer;
/* What of them is for: a whole sequence once, a sequence in segments or again and again, single steps. */
typedef enum rnni_packing { RNNI_PACK_ONCE, RNNI_PACK_SEGMENTS, RNNI_PACK_STEPS } rnni_packing;
RNN_MUST_USE rnn_status rnni_pack_forward(rnn_ctx *ctx, const rnni_layer *l, rnni_packing how, rnni_packed_layer **out);

/* How many tensors the op has, of which the states are the last. */
int rnni_tensors(const rnn_recurrent *r);
/* "x", "weight_ih" ...; of the op recurrent. */
const char *rnni_layer_input_name(const rnni_call *c, int input);
/* Lays out T steps, from t0 on, of a layer in memory that begins at kept; returns the elements it takes. */
int64_t rnni_lay_out(rnni_layer *l, int64_t t0, int64_t T, real *kept);
/* Sizes, options and parameters of a layer; in has the op's inputs, of which x and states may be NULL. */
void rnni_layer_init(rnni_layer *l, const rnn_recurrent *r, int64_t N, int64_t all, int64_t D, rnn_tensor *const *in);
RNN_MUST_USE rnn_status rnni_check_layer(rnn_ctx *ctx, const rnn_recurrent *r, rnn_tensor *const *in, int64_t N,
                                         int64_t D);

/* h and c hold the initial states at rnni_start. Without keep, what backward needs is not left in a. */
RNN_MUST_USE rnn_status rnni_layer_forward(rnn_ctx *ctx, const rnni_layer *l, const rnni_packed_layer *p, bool keep);
/* Steps of a block of the sums over time; a segment is a whole number of blocks. */
int64_t rnni_block_steps(int64_t N);
/* Overwrites what forward kept. */
RNN_MUST_USE rnn_status rnni_layer_backward(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g);

/* ---- sums.c: the gradients of the parameters and of x ---- */

/* a: (T, N, A), the gradients of the gates before activation at every step. */
RNN_MUST_USE rnn_status rnni_sum_over_time(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g, const real *a);

/* ---- watch.c: what a watched layer meets in backward ---- */

/* Room for the figures of N samples at T steps, of so many activations and gates. */
RNN_MUST_USE rnn_status rnni_watch_open(rnn_ctx *ctx, int64_t id, int64_t N, int64_t T, int64_t units, int64_t gates,
                                        double **figures);
/* Those of sample n at step t, where the gradient dh of h has arrived; y: n values of a gate, or of an activation. */
double *rnni_watch_at(double *figures, int64_t N, int64_t t, int64_t n, const real *dh, int64_t width);
void rnni_watch_count(double *figures, bool gate, rnn_activation function, const real *y, int64_t n);
/* figures: NULL when the layer is not watched. */
RNN_MUST_USE rnn_status rnni_watch_begin(rnn_ctx *ctx, const rnni_layer *l, double **figures);
/* dh: of the rows r0 to r1, the whole gradient of h after step t; a: their gates, or h of the simple RNN. */
void rnni_watch_step(const rnni_layer *l, double *figures, int64_t t, int64_t r0, int64_t r1, const real *dh,
                     const real *a);

#endif
