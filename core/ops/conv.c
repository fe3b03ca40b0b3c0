/* conv.c: convolution over time.
 *
 *   y[t] = b + sum over taps k of W_k x[t stride + k dilation - left]        left: how many zeros precede the sequence
 *
 * The input is not copied: each tap is a product on rows of x some steps apart, and a block of y stays in the cache
 * while its taps pass by. What falls outside of a sequence, or behind its length, is left out instead of multiplied by
 * zeros. Every element of y, dx and dW is one chain whose order the sizes alone decide, whatever the threads. */
#include "../internal.h"
#include "../kernels/kernels.h"

enum { VALID, CAUSAL, SAME };

typedef struct conv {
  int64_t N, T, D;    /* of x */
  int64_t U, K;       /* filters and taps: weight is (U, D, K) */
  int64_t steps;      /* of y, (N, steps, U) */
  int64_t stride, dilation, padding;
  const int32_t *lengths;
} conv;

static conv conv_of(const rnni_call *c) {
  const rnn_tensor *x = c->in[0], *w = c->in[1];
  return (conv){.N = x->dims[0], .T = x->dims[1], .D = x->dims[2], .U = w->dims[0], .K = w->dims[2],
                .stride = c->args.i[0], .dilation = c->args.i[1], .padding = c->args.i[2],
                .lengths = x->lengths ? rnni_i(x->lengths) : NULL};
}

static int64_t length_of(const conv *v, int64_t n) { return v->lengths ? v->lengths[n] : v->T; }

/* From the first tap to the last. */
static int64_t reach(const conv *v) { return (v->K - 1) * v->dilation; }

static int64_t steps_for(const conv *v, int64_t length) {
  if (v->padding != VALID) return (length + v->stride - 1) / v->stride;
  return length > reach(v) ? (length - reach(v) - 1) / v->stride + 1 : 0;
}

/* How many zeros precede a sequence; "same" divides what is missing, the odd one goes behind (as in Keras). */
static int64_t left_of(const conv *v, int64_t length) {
  if (v->padding != SAME) return v->padding == CAUSAL ? reach(v) : 0;
  int64_t missing = (steps_for(v, length) - 1) * v->stride + reach(v) + 1 - length;
  return RNNI_MAX(missing, 0) / 2;
}

static rnn_status conv1d_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *w = c->in[1], *b = c->nin > 2 ? c->in[2] : NULL;
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, 3));
  if (x->ndim != 3 || x->dims[2] != w->dims[1])
    return rnni_fail(ctx, RNN_ESHAPE, "conv1d: expected input (N, T, %lld) for weight %s, got %s",
                     (long long)w->dims[1], RNNI_SHAPE(w), RNNI_SHAPE(x));
  if (b && (b->type != RNN_FLOAT || b->ndim != 1 || b->dims[0] != w->dims[0]))
    return rnni_fail(ctx, RNN_ESHAPE, "conv1d: expected bias (%lld,) for weight %s, got %s %s", (long long)w->dims[0],
                     RNNI_SHAPE(w), RNNI_SHAPE(b), rnni_type_text(b->type));
  conv v = conv_of(c);
  if (v.K < 1 || v.K > INT32_MAX)
    return rnni_fail(ctx, RNN_ESHAPE, "conv1d: expected weight (filters, inputs, taps) with at least one tap, got %s",
                     RNNI_SHAPE(w));
  if (v.stride < 1 || v.stride > INT32_MAX || v.dilation < 1 || v.dilation > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "conv1d: expected a stride and a dilation of at least 1, got %lld and %lld",
                     (long long)v.stride, (long long)v.dilation);
  if (v.padding < VALID || v.padding > SAME)
    return rnni_fail(ctx, RNN_EARG, "conv1d: expected padding 0 (valid), 1 (causal) or 2 (same), got %lld",
                     (long long)v.padding);
  if (v.padding == VALID && v.T <= reach(&v) && !v.lengths) /* with lengths short sequences are nothing unusual */
    return rnni_fail(ctx, RNN_ESHAPE, "conv1d: %s has fewer steps than the %lld that the taps of weight %s span",
                     RNNI_SHAPE(x), (long long)reach(&v) + 1, RNNI_SHAPE(w));
  c->out_ndim = 3;
  c->out_dims[0] = v.N;
  c->out_dims[1] = steps_for(&v, v.T);
  c->out_dims[2] = v.U;
  return RNN_OK;
}

/* ---- work cut into items, which threads take ---- */

#define BLOCK 96 /* steps of an item */
#define POLL_MULTIPLY_ADDS 4e7

typedef struct job {
  conv v;
  const real *x, *dy, *bias;
  real *y, *dx;
  real *dw;         /* (K, D, U), rows close together for the products */
  real *packed;     /* one matrix for each tap, tap_size elements apart */
  int64_t tap_size;
  rnn_form low;     /* what they are in */
  /* dW: rows [row, end) of dY, seen as (N*steps, U), lie at rows, width apart */
  const real *rows;
  int64_t row, end, width;
  /* items [from, to) are now done, by tasks threads */
  void (*item)(const struct job *j, int64_t i);
  int64_t from, to;
  int tasks;
} job;

static void run_task(void *arg, int task) {
  const job *j = arg;
  int64_t n = j->to - j->from;
  for (int64_t i = n * task / j->tasks; i < n * (task + 1) / j->tasks; i++) j->item(j, j->from + i);
}

static rnn_status run(rnn_ctx *ctx, job *j, void (*item)(const job *, int64_t), int64_t items, double multiply_adds) {
  int64_t step = (int64_t)RNNI_MAX(1.0, POLL_MULTIPLY_ADDS / RNNI_MAX(multiply_adds, 1.0));
  j->item = item;
  for (j->from = 0; j->from < items; j->from = j->to) {
    j->to = RNNI_MIN(items, j->from + step);
    j->tasks = rnni_threads_for(ctx, (double)(j->to - j->from) * multiply_adds);
    rnni_parallel(ctx, j->tasks, run_task, j);
    RNNI_TRY(rnni_poll(ctx));
  }
  return RNN_OK;
}

/* The matrix (k, n) of each tap, element (p, i) of tap 0 at w[p*rs + i*cs], in panels. */
static rnn_status pack_taps(rnn_ctx *ctx, job *j, const real *w, int64_t k, int64_t n, int64_t rs, int64_t cs) {
  j->low = ctx->low;
  j->tap_size = rnni_panels_size(j->low, k, n);
  RNNI_TRY(rnni_array(ctx, j->v.K * j->tap_size, sizeof *j->packed, &j->packed));
  for (int64_t tap = 0; tap < j->v.K; tap++)
    rnni_pack_panels(j->low, k, n, w + tap, rs, cs, j->packed + tap * j->tap_size);
  return RNN_OK;
}

/* Where a tap lies for t = 0, in steps of the sequence. */
static int64_t tap_at(const conv *v, int64_t length, int64_t tap) { return tap * v->dilation - left_of(v, length); }

/* The first t that brings a tap to step s, or behind it. */
static int64_t reaching(const conv *v, int64_t tap_at, int64_t s) {
  return s > tap_at ? (s - tap_at + v->stride - 1) / v->stride : 0;
}

static int64_t blocks_of(int64_t steps) { return (steps + BLOCK - 1) / BLOCK; }

/* ---- forward: an item is a block of steps of one sequence of y ---- */

static void forward_item(const job *j, int64_t i) {
  const conv *v = &j->v;
  int64_t n = i / blocks_of(v->steps), begin = i % blocks_of(v->steps) * BLOCK;
  int64_t end = RNNI_MIN(begin + BLOCK, v->steps), length = length_of(v, n);
  int64_t valid = RNNI_MAX(begin, RNNI_MIN(end, steps_for(v, length)));
  real *y = j->y + n * v->steps * v->U;
  for (int64_t t = begin; t < valid && j->bias; t++) memcpy(y + t * v->U, j->bias, (size_t)v->U * sizeof *y);
  int64_t zero = j->bias ? valid : begin;
  memset(y + zero * v->U, 0, (size_t)((end - zero) * v->U) * sizeof *y);
  for (int64_t tap = 0; tap < v->K; tap++) {
    int64_t at = tap_at(v, length, tap);
    int64_t from = RNNI_MAX(begin, reaching(v, at, 0)), to = RNNI_MIN(valid, reaching(v, at, length));
    if (from >= to) continue;
    rnni_multiply(to - from, v->U, v->D, j->x + (n * v->T + from * v->stride + at) * v->D, v->stride * v->D, 1,
                  rnni_panels_at(j->low, j->packed + tap * j->tap_size, v->D), NULL, y + from * v->U, v->U, true);
  }
}

/* A new tensor of lengths for y, where x has lengths. */
static rnn_status make_lengths(rnn_ctx *ctx, rnni_call *c, const conv *v) {
  if (!v->lengths) return RNN_OK;
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_INT, 1, &v->N, &c->out[0]->lengths));
  for (int64_t n = 0; n < v->N; n++) rnni_i(c->out[0]->lengths)[n] = (int32_t)steps_for(v, v->lengths[n]);
  return RNN_OK;
}

static rnn_status conv1d_forward(rnn_ctx *ctx, rnni_call *c) {
  job j = {.v = conv_of(c), .x = rnni_f(c->in[0]), .y = rnni_f(c->out[0])};
  conv *v = &j.v;
  v->steps = c->out[0]->dims[1];
  rnni_save_factors(c);
  j.bias = c->nin > 2 && c->in[2] ? rnni_f(c->in[2]) : NULL;
  RNNI_TRY(make_lengths(ctx, c, v));
  RNNI_TRY(pack_taps(ctx, &j, rnni_f(c->in[1]), v->D, v->U, v->K, v->D * v->K));
  int64_t rows = RNNI_MIN(BLOCK, v->steps);
  rnn_status status =
      run(ctx, &j, forward_item, v->N * blocks_of(v->steps), (double)(rows * v->U) * (double)(v->D * v->K));
  rnni_free(ctx, j.packed);
  return status;
}

/* ---- backward to x: an item is a block of steps of one sequence of dx, to which no other item adds ---- */

static void dx_item(const job *j, int64_t i) {
  const conv *v = &j->v;
  int64_t n = i / blocks_of(v->T), begin = i % blocks_of(v->T) * BLOCK, length = length_of(v, n);
  int64_t end = RNNI_MIN(begin + BLOCK, length), steps = steps_for(v, length);
  for (int64_t tap = 0; tap < v->K && begin < end; tap++) {
    int64_t at = tap_at(v, length, tap);
    int64_t from = reaching(v, at, begin), to = RNNI_MIN(steps, reaching(v, at, end));
    if (from >= to) continue;
    rnni_multiply(to - from, v->D, v->U, j->dy + (n * v->steps + from) * v->U, v->U, 1,
                  rnni_panels_at(j->low, j->packed + tap * j->tap_size, v->U), NULL,
                  j->dx + (n * v->T + from * v->stride + at) * v->D, v->stride * v->D, true);
  }
}

static rnn_status backward_x(rnn_ctx *ctx, job *j, const real *w) {
  const conv *v = &j->v;
  RNNI_TRY(pack_taps(ctx, j, w, v->U, v->D, v->D * v->K, v->K));
  double rows = (double)RNNI_MIN(BLOCK, v->T) / (double)v->stride;
  rnn_status status = run(ctx, j, dx_item, v->N * blocks_of(v->T), rows * (double)(v->U * v->D * v->K));
  rnni_free(ctx, j->packed);
  return status;
}

/* ---- backward to the weight: an item is some rows of one tap's dW' (D, U), over all sequences in order ---- */

#define PACKED_MOST ((int64_t)1 << 20) /* elements of dY taken at a time */

static int64_t features_of_item(void) { return 4 * rnni_kernel->tile_rows; }
static int64_t items_of_tap(const conv *v) { return (v->D + features_of_item() - 1) / features_of_item(); }

static void dw_item(const job *j, int64_t i) {
  const conv *v = &j->v;
  int64_t tap = i / items_of_tap(v), d = i % items_of_tap(v) * features_of_item();
  int64_t features = RNNI_MIN(features_of_item(), v->D - d);
  for (int64_t n = j->row / v->steps; n * v->steps < j->end; n++) {
    int64_t length = length_of(v, n), at = tap_at(v, length, tap), first = n * v->steps;
    int64_t from = RNNI_MAX(reaching(v, at, 0), j->row - first);
    int64_t to = RNNI_MIN(RNNI_MIN(steps_for(v, length), reaching(v, at, length)), j->end - first);
    if (from >= to) continue;
    rnni_panels dy = {j->rows + (first + from - j->row) * j->width, j->width, rnni_kernel->tile_cols, RNN_FORM_FLOAT}; /* in float, always */
    rnni_kernel->product(features, v->U, to - from, j->x + (n * v->T + from * v->stride + at) * v->D + d, 1,
                         v->stride * v->D, dy, NULL, j->dw + (tap * v->D + d) * v->U, v->U, true);
  }
}

/* Rows of dY are good panels as they lie when U fills tiles; otherwise copies are. */
static rnn_status run_rows(rnn_ctx *ctx, job *j, real *copies) {
  const conv *v = &j->v;
  int64_t all = v->N * v->steps, most = RNNI_MAX(PACKED_MOST / RNNI_MAX(j->width, 1), 1);
  for (j->row = 0; j->row < all; j->row = j->end) {
    j->end = RNNI_MIN(all, j->row + most);
    j->rows = copies ? copies : j->dy + j->row * v->U;
    for (int64_t r = 0; copies && r < j->end - j->row; r++)
      memcpy(copies + r * j->width, j->dy + (j->row + r) * v->U, (size_t)v->U * sizeof *copies);
    double multiply_adds = (double)(j->end - j->row) * (double)(RNNI_MIN(features_of_item(), v->D) * v->U);
    RNNI_TRY(run(ctx, j, dw_item, v->K * items_of_tap(v), multiply_adds));
  }
  return RNN_OK;
}

static rnn_status backward_weight(rnn_ctx *ctx, job *j, real *dweight) {
  const conv *v = &j->v;
  int64_t cols = rnni_kernel->tile_cols, all = v->N * v->steps;
  real *copies = NULL;
  rnn_status status;
  j->width = (v->U + cols - 1) / cols * cols;
  RNNI_TRY(rnni_calloc(ctx, (size_t)(v->K * v->D * v->U) * sizeof *j->dw, &j->dw));
  if (j->width != v->U) {
    int64_t rows = RNNI_MIN(all, RNNI_MAX(PACKED_MOST / j->width, 1));
    RNNI_GOTO(rnni_calloc(ctx, (size_t)(rows * j->width) * sizeof *copies, &copies));
  }
  RNNI_GOTO(run_rows(ctx, j, copies));
  for (int64_t u = 0; u < v->U; u++)
    for (int64_t d = 0; d < v->D; d++)
      for (int64_t tap = 0; tap < v->K; tap++) *dweight++ += j->dw[(tap * v->D + d) * v->U + u];
done:
  rnni_free(ctx, copies);
  rnni_free(ctx, j->dw);
  return status;
}

static rnn_status backward_bias(rnn_ctx *ctx, const job *j, real *db) {
  const conv *v = &j->v;
  int64_t done = 0;
  for (int64_t n = 0; n < v->N; n++)
    for (int64_t t = 0, steps = steps_for(v, length_of(v, n)); t < steps; t++) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + v->U));
      rnni_add(db, j->dy + (n * v->steps + t) * v->U, v->U);
    }
  return RNN_OK;
}

static rnn_status conv1d_backward(rnn_ctx *ctx, rnni_call *c) {
  job j = {.v = conv_of(c), .x = rnni_f(c->in[0]), .dy = rnni_f(c->dout[0])};
  j.v.steps = c->dout[0]->dims[1];
  if (c->wants[0]) {
    j.dx = rnni_f(c->din[0]);
    RNNI_TRY(backward_x(ctx, &j, rnni_f(c->in[1])));
  }
  if (c->wants[1]) RNNI_TRY(backward_weight(ctx, &j, rnni_f(c->din[1])));
  if (c->nin > 2 && c->in[2] && c->wants[2]) RNNI_TRY(backward_bias(ctx, &j, rnni_f(c->din[2])));
  return RNN_OK;
}
const rnn_op rnni_op_conv1d = {.name = "conv1d", .args = "TT?Tiii",
                               .doc = "(x, weight, bias or nil, stride, dilation, padding). Convolution over time: x (N, T, in), weight (out, in, taps), bias (out) -> (N, T', out); padding 0 valid, 1 causal, 2 same."
                               " Errors: shapes that do not fit together, fewer steps than the taps span.",
                               .shape = conv1d_shape, .forward = conv1d_forward, .backward = conv1d_backward,
                               .saves = RNNI_SAVE_IN0 | RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_OWN};
