/* kernels.h: the table of inner loops, one for each instruction set; also the seam for another back end.
 *
 * kernels.c is compiled once per instruction set and exports one table; choose.c picks one at start. Kernels are pure:
 * plain pointers and sizes in, no allocation, no context, no failure. Every element of a product is one chain of
 * multiply-adds over k in order, so no cut of rows or columns changes a bit. */
#ifndef RNNI_KERNELS_H
#define RNNI_KERNELS_H

#include "../rnn.h"

/* B (k, n) in panels of tile_cols columns: row p of panel j starts at at + j*panel + p*step. Packed panels have step
   tile_cols and panel k*tile_cols; rows of B as they lie (n a multiple of tile_cols) have step ldb, panel tile_cols. */
typedef struct rnni_panels {
  const rnn_real *at;
  ptrdiff_t step, panel;
  rnn_form form; /* not float: of rnni_lows; words of several elements lie at at, panel apart */
} rnni_panels;

/* A second factor and where its product is added. */
typedef struct rnni_target {
  rnni_panels b;
  int64_t n;
  rnn_real *c;
  ptrdiff_t ldc;
} rnni_target;

/* Functions of two numbers, x and y. */
typedef enum rnni_pair {
  RNNI_ADD,
  RNNI_SUB,
  RNNI_MUL,
  RNNI_DIV,
  RNNI_FLOOR_DIV,
  RNNI_MOD, /* x - floor(x/y) y */
  RNNI_MAXIMUM,
  RNNI_MINIMUM,
  RNNI_EQ, /* comparisons: 1 or 0 */
  RNNI_NE,
  RNNI_LT,
  RNNI_LE,
  RNNI_TANH_BACK,    /* y (1 - x x): the gradient of what is left of tanh, x, when y arrives; the same of a sigmoid */
  RNNI_SIGMOID_BACK,
  RNNI_PAIRS,
} rnni_pair;

/* Loops over elements, elements.c. Each of a and b either moves on by 1 or, with a step of 0, stands still; out is
   another place. */
typedef struct rnni_elements {
  void (*real[RNNI_PAIRS])(int64_t n, const rnn_real *a, int step_a, const rnn_real *b, int step_b, rnn_real *out);
  /* False when an element of the result is beyond int32; NULL where there is none. */
  bool (*whole[RNNI_PAIRS])(int64_t n, const int32_t *a, int step_a, const int32_t *b, int step_b, int32_t *out);
  /* Of int32, from RNNI_EQ on. */
  void (*compare[RNNI_PAIRS - RNNI_EQ])(int64_t n, const int32_t *a, int step_a, const int32_t *b, int step_b,
                                        rnn_real *out);
  /* By rnn_type: a where mask is not 0, else b. */
  void (*where[2])(int64_t n, const rnn_real *mask, const void *a, const void *b, void *out);
  void (*floor)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*round)(int64_t n, const rnn_real *x, rnn_real *y); /* half to even */
  bool (*is_mask)(int64_t n, const rnn_real *x); /* 0 and 1, nothing else */
} rnni_elements;

/* What a reduction makes of rows of x, in doubles: it adds x, |x| or (x - shift)^2, or multiplies by x. */
typedef enum rnni_fold { RNNI_SUM, RNNI_SIZES, RNNI_SQUARES, RNNI_PRODUCT } rnni_fold;

/* The number of a row, as wide as an element. */
#ifdef RNN_DOUBLE
typedef int64_t rnni_row;
#else
typedef int32_t rnni_row;
#endif

/* One time step of an LSTM or GRU for few samples: their products and gates at once. Units go in blocks of tile_cols, of
   which each has its weights in one piece, [k][gates][tile_cols], padded with 0. */
typedef struct rnni_few {
  bool gru, keep;       /* keep: the activated gates are wanted in a */
  int64_t rows, units, inputs;
  const rnn_real *x, *w; /* (rows, inputs) and W: the product is made here; w NULL: it lies in a */
  const rnn_real *bias;  /* [block][4][tile_cols], the GRU's b'_n last; without w only that is used */
  const rnn_real *u;     /* U; of the GRU r z n */
  const rnn_real *h_before, *c_before; /* (rows, units) */
  rnn_real *a;           /* (rows, 4*units), as in lstm_forward and gru_forward */
  rnn_real *h, *c;       /* other places than h_before, c_before */
} rnni_few;

typedef struct rnni_kernels {
  const char *isa;
  const rnni_elements *elements;
  int tile_rows, tile_cols; /* of the product's micro-kernel */
  int few_samples;          /* so many rnni_few takes; 0: there is none */

  /* Multiply-adds of registers with registers, as many at once as the processor takes; returns their number. */
  int64_t (*peak)(int64_t rounds, rnn_real *result);

  /* B (k, n), element (p, j) at b[p*rs + j*cs], into panels of tile_cols columns: [panel][k][tile_cols], zero-padded.
     out has rnni_panels_size(RNN_FORM_FLOAT, k, n) elements. */
  void (*pack)(int64_t k, int64_t n, const rnn_real *b, ptrdiff_t rs, ptrdiff_t cs, rnn_real *out);
  /* C (m, n) = A B [+ C] [+ bias]; element (i, p) of A at a[i*ars + p*acs]. */
  void (*product)(int64_t m, int64_t n, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs,
                  rnni_panels b, const rnn_real *bias, rnn_real *c, ptrdiff_t ldc, bool accumulate);
  /* C_i (m, n_i) += A B_i for two targets; A (m, k) is packed once. */
  void (*product_pair)(int64_t m, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs, const rnni_target *to);

  /* y = f(x) over n elements; x and y may be the same. */
  void (*exp)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*tanh)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*sigmoid)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*log)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*sin)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*cos)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*expm1)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*softplus)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*log1p)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*erf)(int64_t n, const rnn_real *x, rnn_real *y);
  void (*gelu)(int64_t n, const rnn_real *x, rnn_real *y); /* x times the normal distribution's share below x */
  /* y = x^e; each of x and e either moves on by 1 or, with a step of 0, stands still. */
  void (*pow)(int64_t n, const rnn_real *x, int step_x, const rnn_real *e, int step_e, rnn_real *y);
  /* out = the angle of the point (x, y), the same way. */
  void (*atan2)(int64_t n, const rnn_real *y, int step_y, const rnn_real *x, int step_x, rnn_real *out);

  /* y = log(e^x + e^y), of doubles in both precisions */
  void (*log_add)(int64_t n, const double *x, double *y);
  /* Pairs of numbers of the normal distribution with mean 0 (Box and Muller 1958), of doubles in both precisions: pair i of
     bits[2i] and bits[2i + 1], whose first 53 bits count. */
  void (*normal_pairs)(int64_t pairs, const uint64_t *bits, double deviation, double *out);
  /* C (m, n) += A B, of doubles in both precisions; element (i, p) of A at a[i*ars + p*acs], B and C by rows. Each of C is
     one chain over p, multiplied and then added: what IEEE 754 rounds the same everywhere. */
  void (*add_product)(int64_t m, int64_t n, int64_t k, const double *a, ptrdiff_t ars, ptrdiff_t acs, const double *b,
                      ptrdiff_t ldb, double *c, ptrdiff_t ldc);

  /* out = a b + c, rounded once where there is an instruction for it */
  void (*multiply_add)(int64_t n, const rnn_real *a, const rnn_real *b, const rnn_real *c, rnn_real *out);
  /* y += x */
  void (*add)(int64_t n, const rnn_real *x, rnn_real *y);
  /* (A, B, width), with rows of from row apart, to (B, A, width), rows to_row apart. */
  void (*swap_axes)(int64_t A, int64_t B, int64_t width, const rnn_real *from, ptrdiff_t row, rnn_real *to,
                    ptrdiff_t to_row);

  /* Layer normalisation of rows of n: hat = (x - mean) scale, scale = 1/sqrt(variance + eps), one a row. x may be hat. */
  void (*norm_forward)(int64_t rows, int64_t n, double eps, const rnn_real *x, ptrdiff_t ldx, rnn_real *hat,
                       rnn_real *scale);
  /* dx = scale (d - mean(d) - hat mean(d hat)), d = dy gain. */
  void (*norm_backward)(int64_t rows, int64_t n, const rnn_real *dy, ptrdiff_t lddy, const rnn_real *gain,
                        const rnn_real *hat, const rnn_real *scale, rnn_real *dx);

  /* y = gain x + bias for rows of n. bias may be NULL. */
  void (*scale_columns)(int64_t rows, int64_t n, const rnn_real *gain, const rnn_real *x, const rnn_real *bias, rnn_real *y);
  /* sums (n) += over rows of a, or of a b. b may be NULL. */
  void (*sum_columns)(int64_t rows, int64_t n, const rnn_real *a, ptrdiff_t lda, const rnn_real *b, ptrdiff_t ldb,
                      rnn_real *sums);

  /* Of a matrix a (m, n) and vectors b (n), c (m): y (m) = a b [+ from], y (n) = c a, y (m, n) = c b'. Each sum is one
     chain in the order of its elements, as in products. from may be NULL. */
  void (*dots)(int64_t m, int64_t n, const rnn_real *a, const rnn_real *b, const rnn_real *from, rnn_real *y);
  void (*mix)(int64_t m, int64_t n, const rnn_real *a, const rnn_real *c, rnn_real *y);
  void (*outer)(int64_t m, int64_t n, const rnn_real *c, const rnn_real *b, rnn_real *y);

  /* Reductions of rows that lie ld apart, column by column: a column's result depends on its elements alone, never on the
     width of a vector. acc (n) takes in four rows at a time, then those left; shift (n) or NULL for 0. */
  void (*fold)(rnni_fold how, int64_t rows, int64_t n, const rnn_real *x, ptrdiff_t ld, const double *shift, double *acc);
  /* top (n): the largest element, or with smallest the smallest; NaN comes before all. row (n), or NULL: its first row,
     counted from first. At least one row; top and row have room for a multiple of 64 columns. */
  void (*extreme)(bool smallest, int64_t rows, int64_t n, const rnn_real *x, ptrdiff_t ld, rnni_row first,
                  rnn_real *top, rnni_row *row);

  /* The same of lines of n elements that lie behind each other, stride apart: each by itself, in a number of lanes that
     n says. shift has one for each line, or is NULL; acc, top and row are written; at least one element for extremes. */
  void (*fold_lines)(rnni_fold how, int64_t lines, int64_t n, const rnn_real *x, ptrdiff_t stride, const double *shift,
                     double *acc);
  void (*extreme_lines)(bool smallest, int64_t lines, int64_t n, const rnn_real *x, ptrdiff_t stride, rnni_row first,
                        rnn_real *top, rnni_row *row);

  /* One time step for rows samples, of some units out of H: buffers are (rows, H), a is (rows, 4*H), each at the first of
     these units. dh is the whole gradient of h, from above and from the next step. */

  /* The simple RNN, n units of one sample, or of several that lie together: h becomes tanh(h), or ReLU; a = dh times its slope. */
  void (*elman_forward)(bool relu, int64_t n, rnn_real *h);
  void (*elman_backward)(bool relu, int64_t n, const rnn_real *h, const rnn_real *dh, rnn_real *a);
  /* LSTM: a holds i f g o before, and after, their activations; c and h are written. */
  void (*lstm_forward)(int64_t H, int64_t units, int64_t rows, rnn_real *a, const rnn_real *c_before, rnn_real *c,
                       rnn_real *h);
  /* a becomes the gradient of the gates before activation; dc, of c, becomes that of c_before. */
  void (*lstm_backward)(int64_t H, int64_t units, int64_t rows, rnn_real *a, const rnn_real *c_before, const rnn_real *c,
                        const rnn_real *dh, rnn_real *dc);
  /* GRU: a holds r z n and, fourth, U_n h + b'_n; r z n become activations. */
  void (*gru_forward)(int64_t H, int64_t units, int64_t rows, rnn_real *a, const rnn_real *h_before, rnn_real *h);
  /* a becomes dr dz dn and, fourth, the gradient of U_n h + b'_n; dh becomes its direct part z dh. */
  void (*gru_backward)(int64_t H, int64_t units, int64_t rows, rnn_real *a, const rnn_real *h_before, rnn_real *dh);
  /* Blocks [from, to) of a step of rows <= few_samples samples. */
  void (*few)(const rnni_few *s, int64_t from, int64_t to);
} rnni_kernels;

#define RNNI_LOW_COLS 32
#define RNNI_BF16_BLOCK 32 /* elements of k, which packed panels are filled up to */
#define RNNI_INT8_BLOCK 64

/* Products of factors in a form of less bits, in single precision only; bf16.c and int8.c say what exactly is computed. */
typedef struct rnni_low {
  const char *isa;
  /* As those above. B lies in panels of RNNI_LOW_COLS columns, words of 2 or 4 elements, with zeros up to whole blocks of k;
     out has rnni_panels_size(form, k, n) places. product_pair is NULL for int8. */
  void (*pack)(int64_t k, int64_t n, const rnn_real *b, ptrdiff_t rs, ptrdiff_t cs, rnn_real *out);
  void (*product)(int64_t m, int64_t n, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs, rnni_panels b,
                  const rnn_real *bias, rnn_real *c, ptrdiff_t ldc, bool accumulate);
  void (*product_pair)(int64_t m, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs, const rnni_target *to);
} rnni_low;

extern const rnni_low *rnni_lows[RNN_FORM_INT8 + 1]; /* by rnn_form, chosen with rnni_kernel; NULL in double precision */
extern const rnni_kernels *rnni_kernel; /* chosen by rnni_kernels_choose, the same for every context */
void rnni_kernels_choose(void);
bool rnni_deterministic(void);  /* RNNLUA_DETERMINISTIC=1 */
bool rnni_has_vector_set(void); /* a set of kernels was made for this processor, forced to another or not */

static inline rnni_panels rnni_packed(const rnn_real *packed, int64_t k) {
  return (rnni_panels){packed, rnni_kernel->tile_cols, k * rnni_kernel->tile_cols, RNN_FORM_FLOAT};
}

/* Panels of any form: places from one to the next, how they lie at packed, and what all take. */
static inline int64_t rnni_panel_size(rnn_form form, int64_t k) {
  if (form == RNN_FORM_BF16) return (k + RNNI_BF16_BLOCK - 1) / RNNI_BF16_BLOCK * (RNNI_BF16_BLOCK / 2) * RNNI_LOW_COLS;
  if (form == RNN_FORM_INT8) return ((k + RNNI_INT8_BLOCK - 1) / RNNI_INT8_BLOCK * (RNNI_INT8_BLOCK / 4) + 2) * RNNI_LOW_COLS;
  return k * rnni_kernel->tile_cols;
}
static inline int rnni_panel_cols(rnn_form form) { return form == RNN_FORM_FLOAT ? rnni_kernel->tile_cols : RNNI_LOW_COLS; }
static inline rnni_panels rnni_panels_at(rnn_form form, const rnn_real *packed, int64_t k) {
  return (rnni_panels){packed, rnni_panel_cols(form), rnni_panel_size(form, k), form};
}
static inline int64_t rnni_panels_size(rnn_form form, int64_t k, int64_t n) {
  int64_t cols = rnni_panel_cols(form);
  return (n + cols - 1) / cols * rnni_panel_size(form, k);
}
/* B from a column on, the first of a panel. */
static inline rnni_panels rnni_panels_from(rnni_panels b, int64_t column) {
  b.at += column / rnni_panel_cols(b.form) * b.panel;
  return b;
}
static inline void rnni_pack_panels(rnn_form form, int64_t k, int64_t n, const rnn_real *b, ptrdiff_t rs, ptrdiff_t cs,
                                    rnn_real *out) {
  (form == RNN_FORM_FLOAT ? rnni_kernel->pack : rnni_lows[form]->pack)(k, n, b, rs, cs, out);
}
static inline void rnni_multiply(int64_t m, int64_t n, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs,
                                 rnni_panels b, const rnn_real *bias, rnn_real *c, ptrdiff_t ldc, bool accumulate) {
  (b.form == RNN_FORM_FLOAT ? rnni_kernel->product : rnni_lows[b.form]->product)(m, n, k, a, ars, acs, b, bias, c, ldc,
                                                                                 accumulate);
}
static inline void rnni_multiply_pair(int64_t m, int64_t k, const rnn_real *a, ptrdiff_t ars, ptrdiff_t acs,
                                      const rnni_target *to) {
  (to->b.form == RNN_FORM_FLOAT ? rnni_kernel->product_pair : rnni_lows[to->b.form]->product_pair)(m, k, a, ars, acs, to);
}

#endif
