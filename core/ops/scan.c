/* scan.c: running sums, products and extremes along an axis. Padding lies behind the valid steps, so that it never reaches them. */
#include "../internal.h"

static rnn_status scan_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  if (c->args.i[0] == 0) RNNI_TRY(rnni_need_no_lengths(ctx, c, 0));
  rnni_out_like(c, c->in[0]);
  c->out_type = c->in[0]->type;
  return RNN_OK;
}

#define STRIP 256 /* columns that go down the axis together */

/* x at line o and from column i on, `n` columns; y alike. */
typedef rnn_status scan_fn(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n);

static rnn_status scan(rnn_ctx *ctx, rnni_call *c, scan_fn *f) {
  int64_t outer, length, inner, work = 0; /* f polls within a strip, which may be short */
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i += STRIP) {
      int64_t n = RNNI_MIN(STRIP, inner - i);
      RNNI_TRY(rnni_pace(ctx, &work, 2 * length * n));
      RNNI_TRY(f(ctx, c, o * length * inner + i, length, inner, n));
    }
  return RNN_OK;
}

static rnn_status scan_floats(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n,
                              bool product) {
  const real *x = rnni_f(c->in[0]) + at;
  real *y = rnni_f(c->out[0]) + at;
  double now[STRIP];
  int64_t work = 0;
  for (int64_t i = 0; i < n; i++) now[i] = product;
  for (int64_t k = 0; k < length; k++, x += inner, y += inner) {
    RNNI_TRY(rnni_pace(ctx, &work, n));
    for (int64_t i = 0; i < n; i++) {
      now[i] = product ? now[i] * (double)x[i] : now[i] + (double)x[i];
      y[i] = (real)now[i];
    }
  }
  return RNN_OK;
}

/* What overflows in padding is 0. */
static rnn_status scan_ints(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n,
                            bool product) {
  const int32_t *x = rnni_i(c->in[0]);
  int32_t *y = rnni_i(c->out[0]);
  int64_t now[STRIP], work = 0, width;
  rnni_valid_rows(c->in[0], &width);
  for (int64_t i = 0; i < n; i++) now[i] = product;
  for (int64_t k = 0; k < length; k++, at += inner) {
    RNNI_TRY(rnni_pace(ctx, &work, n));
    for (int64_t i = 0; i < n; i++) {
      now[i] = product ? now[i] * x[at + i] : now[i] + x[at + i];
      if (now[i] != (int32_t)now[i]) {
        if (rnni_is_valid_row(c->in[0], (at + i) / width))
          return rnni_fail(ctx, RNN_EARG, "%s: element %lld of the result is beyond what an int32 can hold; x:to_float() first",
                           c->op->name, (long long)(at + i) + 1);
        now[i] = 0;
      }
      y[at + i] = (int32_t)now[i];
    }
  }
  return RNN_OK;
}

static rnn_status sums(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  return (c->in[0]->type == RNN_INT ? scan_ints : scan_floats)(ctx, c, at, length, inner, n, false);
}
static rnn_status products(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  return (c->in[0]->type == RNN_INT ? scan_ints : scan_floats)(ctx, c, at, length, inner, n, true);
}

/* dx_k = dy_k + dy_k+1 ... */
static rnn_status sums_backward(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  double now[STRIP] = {0};
  int64_t work = 0;
  for (int64_t k = length - 1; k >= 0; k--) {
    const real *dy = rnni_f(c->dout[0]) + at + k * inner;
    real *dx = rnni_f(c->din[0]) + at + k * inner;
    RNNI_TRY(rnni_pace(ctx, &work, n));
    for (int64_t i = 0; i < n; i++) {
      now[i] += (double)dy[i];
      dx[i] += (real)now[i];
    }
  }
  return RNN_OK;
}

/* dx_k = (x_1 ... x_k-1) s_k, s_k = dy_k + x_k+1 s_k+1: no zero divides. */
static rnn_status product_backward(rnn_ctx *ctx, rnni_call *c, double *before, int64_t at, int64_t length, int64_t inner) {
  const real *x = rnni_f(c->in[0]) + at, *dy = rnni_f(c->dout[0]) + at;
  real *dx = rnni_f(c->din[0]) + at;
  double now = 1;
  int64_t work = 0;
  for (int64_t k = 0; k < length; k++) {
    RNNI_TRY(rnni_pace(ctx, &work, 2));
    before[k] = now;
    now *= (double)x[k * inner];
  }
  now = 0;
  for (int64_t k = length - 1; k >= 0; k--) {
    RNNI_TRY(rnni_pace(ctx, &work, 2));
    now += (double)dy[k * inner];
    dx[k * inner] += (real)(before[k] * now);
    now *= (double)x[k * inner];
  }
  return RNN_OK;
}

static rnn_status products_backward(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  double *before;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, length, sizeof *before, &before));
  for (int64_t i = 0; i < n && status == RNN_OK; i++)
    status = product_backward(ctx, c, before, at + i, length, inner);
  rnni_free(ctx, before);
  return status;
}

static rnn_status cumsum_forward(rnn_ctx *ctx, rnni_call *c) { return scan(ctx, c, sums); }
static rnn_status cumsum_backward(rnn_ctx *ctx, rnni_call *c) { return scan(ctx, c, sums_backward); }
const rnn_op rnni_op_cumsum = {.name = "cumsum", .args = "tx", .doc = "(x, axis). Running sum along axis; int32 gives int32."
                               " Errors: an axis that x does not have, the batch of one with lengths, an int32 sum that overflows.",
                               .shape = scan_shape, .forward = cumsum_forward, .backward = cumsum_backward,
                               .lengths = RNNI_LENGTHS_KEEP};

static rnn_status cumprod_forward(rnn_ctx *ctx, rnni_call *c) { return scan(ctx, c, products); }
static rnn_status cumprod_backward(rnn_ctx *ctx, rnni_call *c) { return scan(ctx, c, products_backward); }
const rnn_op rnni_op_cumprod = {.name = "cumprod", .args = "tx", .doc = "(x, axis). Running product along axis; int32 gives int32."
                                " Errors: an axis that x does not have, the batch of one with lengths, an int32 product that overflows.",
                                .shape = scan_shape, .forward = cumprod_forward, .backward = cumprod_backward,
                                .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_KEEP, .adds_steps = true};

/* ---- extremes ---- */

static int two_outputs(const rnn_args *args) {
  (void)args;
  return 2;
}

static rnn_status running_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(scan_shape(ctx, c));
  c->out_ndim = -1;
  return RNN_OK;
}

/* Row k of a strip of n columns; the first extreme of equals stays, NaN comes before all. */
#define RUN(T, comes_before)                                                        \
  static void run_##T(const T *x, T *y, int32_t *ids, int64_t k, int64_t inner, int64_t n, bool smallest) { \
    for (int64_t i = 0; i < n; i++) {                                               \
      const T *before = y + i - inner;                                              \
      bool new = k == 0 || (comes_before);                                          \
      y[i] = new ? x[i] : *before;                                                  \
      ids[i] = new ? (int32_t)k + 1 : ids[i - inner];                               \
    }                                                                               \
  }
RUN(real, (smallest ? x[i] < *before : x[i] > *before) || (x[i] != x[i] && *before == *before))
RUN(int32_t, smallest ? x[i] < *before : x[i] > *before)

static rnn_status extremes(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n, bool smallest) {
  int64_t work = 0;
  for (int64_t k = 0; k < length; k++, at += inner) {
    int32_t *ids = rnni_i(c->out[1]) + at;
    RNNI_TRY(rnni_pace(ctx, &work, 2 * n));
    if (c->in[0]->type == RNN_INT) run_int32_t(rnni_i(c->in[0]) + at, rnni_i(c->out[0]) + at, ids, k, inner, n, smallest);
    else run_real(rnni_f(c->in[0]) + at, rnni_f(c->out[0]) + at, ids, k, inner, n, smallest);
  }
  return RNN_OK;
}

static rnn_status largest(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  return extremes(ctx, c, at, length, inner, n, false);
}
static rnn_status smallest(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  return extremes(ctx, c, at, length, inner, n, true);
}

/* scratch 0, kept when recorded: the places. */
static rnn_status extremes_forward(rnn_ctx *ctx, rnni_call *c, scan_fn *f) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_tensor_raw(ctx, x->type, x->ndim, x->dims, &c->out[0]));
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_INT, x->ndim, x->dims, &c->out[1]));
  RNNI_TRY(scan(ctx, c, f));
  return c->keep ? rnn_tensor_copy(ctx, c->out[1], &c->scratch[0]) : RNN_OK;
}

static rnn_status extremes_gradient(rnn_ctx *ctx, rnni_call *c, int64_t at, int64_t length, int64_t inner, int64_t n) {
  int64_t work = 0;
  for (int64_t k = 0; k < length; k++) {
    RNNI_TRY(rnni_pace(ctx, &work, 2 * n));
    for (int64_t i = at + k * inner; i < at + k * inner + n; i++)
      rnni_f(c->din[0])[i - (k + 1 - rnni_i(c->scratch[0])[i]) * inner] += rnni_f(c->dout[0])[i];
  }
  return RNN_OK;
}
static rnn_status cummax_forward(rnn_ctx *ctx, rnni_call *c) { return extremes_forward(ctx, c, largest); }
static rnn_status cummin_forward(rnn_ctx *ctx, rnni_call *c) { return extremes_forward(ctx, c, smallest); }
static rnn_status extremes_backward(rnn_ctx *ctx, rnni_call *c) { return scan(ctx, c, extremes_gradient); }
#define RUNNING " element so far along axis, and int32 the place (from 1) where it lies, the first of equals, which takes the" \
                " gradient; NaN comes before all; int32 gives int32. Errors: an axis that x does not have, the batch of one with lengths."
const rnn_op rnni_op_cummax = {.name = "cummax", .args = "Tx", .doc = "(x, axis) -> values, ids. The largest" RUNNING,
                               .shape = running_shape, .forward = cummax_forward, .backward = extremes_backward,
                               .lengths = RNNI_LENGTHS_KEEP, .outputs = two_outputs};
const rnn_op rnni_op_cummin = {.name = "cummin", .args = "Tx", .doc = "(x, axis) -> values, ids. The smallest" RUNNING,
                               .shape = running_shape, .forward = cummin_forward, .backward = extremes_backward,
                               .lengths = RNNI_LENGTHS_KEEP, .outputs = two_outputs};
