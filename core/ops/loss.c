/* loss.c: losses, one number each: the mean over all valid elements (or labels); 0 when none is valid. */
#include "../internal.h"
#include "../kernels/kernels.h"

static rnn_status pair_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_float(ctx, c, 1));
  if (!rnni_same_shape(c->in[0], c->in[1]))
    return rnni_fail(ctx, RNN_ESHAPE, "%s: prediction %s and target %s differ in shape", c->op->name,
                     RNNI_SHAPE(c->in[0]), RNNI_SHAPE(c->in[1]));
  c->out_ndim = 0;
  return rnni_need_same_lengths(ctx, c, c->in[0]->lengths, c->in[1]->lengths);
}

/* The tensor whose lengths count: the prediction, or else the target. */
static const rnn_tensor *judge(const rnni_call *c) {
  return c->in[0]->lengths || c->nin < 2 ? c->in[0] : c->in[1];
}

/* total and what n valid elements add to it; their derivatives by the predictions y, into v. n is at most RNNI_PIECE. */
typedef double value_fn(int64_t n, const real *y, const real *t, double p, double total);
typedef void slope_fn(int64_t n, const real *y, const real *t, double p, double *v);

#define VALUE_AND_SLOPE(op, value, slope)                                                             \
  static double op##_value(int64_t n, const real *ys, const real *ts, double p, double total) {       \
    (void)p;                                                                                          \
    for (int64_t i = 0; i < n; i++) {                                                                 \
      double e = (double)ys[i] - (double)ts[i];                                                       \
      total += (value);                                                                               \
    }                                                                                                 \
    return total;                                                                                     \
  }                                                                                                   \
  static void op##_slope(int64_t n, const real *ys, const real *ts, double p, double *v) {            \
    (void)p;                                                                                          \
    for (int64_t i = 0; i < n; i++) {                                                                 \
      double e = (double)ys[i] - (double)ts[i];                                                       \
      v[i] = (slope);                                                                                 \
    }                                                                                                 \
  }
VALUE_AND_SLOPE(mse, e *e, 2 * e)
VALUE_AND_SLOPE(mae, fabs(e), (double)((e > 0) - (e < 0)))
VALUE_AND_SLOPE(huber, fabs(e) <= p ? e * e / 2 : p * (fabs(e) - p / 2), e > p ? p : e < -p ? -p : e)

/* y is a logit: -t log s(y) - (1-t) log(1-s(y)), arranged so that no exponential overflows, as y (1-t) for y > 0, else
   -y t, and softplus(-|y|); 0 times infinity is 0 here: a label that is sure of itself costs nothing. */
static double bce_value(int64_t n, const real *y, const real *t, double p, double total) {
  (void)p;
  real e[RNNI_PIECE] = {0};
  for (int64_t i = 0; i < n; i++) e[i] = -RNNI_M(fabs)(y[i]);
  rnni_kernel->softplus(n, e, e);
  for (int64_t i = 0; i < n; i++) {
    double share = y[i] > 0 ? 1 - (double)t[i] : (double)t[i];
    total += (share == 0 ? 0 : share * fabs((double)y[i])) + (double)e[i];
  }
  return total;
}

/* s(y) - t, with s(-|y|), which keeps its digits where s(y) is near 1. */
static void bce_slope(int64_t n, const real *y, const real *t, double p, double *v) {
  (void)p;
  real e[RNNI_PIECE] = {0};
  for (int64_t i = 0; i < n; i++) e[i] = -RNNI_M(fabs)(y[i]);
  rnni_kernel->sigmoid(n, e, e);
  for (int64_t i = 0; i < n; i++) v[i] = y[i] > 0 ? (1 - (double)t[i]) - (double)e[i] : (double)e[i] - (double)t[i];
}

static rnn_status pair_forward(rnn_ctx *ctx, rnni_call *c, value_fn *f) {
  const rnn_tensor *of = judge(c);
  int64_t width, rows = rnni_valid_rows(of, &width), valid = 0, done = 0;
  double total = 0;
  for (int64_t r = 0; r < rows; r++) {
    if (!rnni_is_valid_row(of, r)) continue;
    valid += width;
    const real *y = rnni_f(c->in[0]) + r * width, *t = rnni_f(c->in[1]) + r * width;
    for (RNNI_PIECES(width, from, to)) {
      RNNI_TRY(rnni_pace(ctx, &done, to - from));
      total = f(to - from, y + from, t + from, c->args.n[0], total);
    }
  }
  rnni_f(c->out[0])[0] = (real)(total / (double)RNNI_MAX(valid, 1));
  return RNN_OK;
}

static rnn_status pair_backward(rnn_ctx *ctx, rnni_call *c, slope_fn *slope) {
  const rnn_tensor *of = judge(c);
  int64_t width, rows = rnni_valid_rows(of, &width), valid = 0, done = 0;
  double v[RNNI_PIECE];
  for (int64_t r = 0; r < rows; r++) valid += rnni_is_valid_row(of, r) ? width : 0;
  double scale = (double)rnni_f(c->dout[0])[0] / (double)RNNI_MAX(valid, 1);
  for (int64_t r = 0; r < rows; r++) {
    if (!rnni_is_valid_row(of, r)) continue;
    for (RNNI_PIECES(width, from, to)) {
      RNNI_TRY(rnni_pace(ctx, &done, to - from));
      int64_t at = r * width + from;
      slope(to - from, rnni_f(c->in[0]) + at, rnni_f(c->in[1]) + at, c->args.n[0], v);
      for (int64_t i = 0; i < to - from; i++) {
        real d = (real)(scale * v[i]);
        if (c->wants[0]) rnni_f(c->din[0])[at + i] += d;
        if (c->wants[1]) rnni_f(c->din[1])[at + i] -= d; /* all of these depend on y - target only, bar the last */
      }
    }
  }
  return RNN_OK;
}

#define PAIR(op, value, slope, sig, none, text)                               \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                \
    return pair_forward(ctx, c, value);                                       \
  }                                                                           \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) {               \
    return pair_backward(ctx, c, slope);                                      \
  }                                                                           \
  const rnn_op rnni_op_##op = {.name = #op, .args = sig, .doc = text " Any shape, over valid steps. Errors: shapes that differ.", .shape = op##_shape, .forward = op##_forward, \
                               .backward = op##_backward, .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_OWN, \
                               .absent = none};

#define mse_shape pair_shape
#define mae_shape pair_shape

static rnn_status huber_shape(rnn_ctx *ctx, rnni_call *c) {
  if (!(c->args.n[0] > 0))
    return rnni_fail(ctx, RNN_EARG, "huber: expected a positive delta, got %s", rnni_number_text(c->args.n[0]));
  return pair_shape(ctx, c);
}

static rnn_status binary_cross_entropy_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(pair_shape(ctx, c));
  int64_t width, rows = rnni_valid_rows(judge(c), &width);
  const real *t = rnni_f(c->in[1]);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = r * width; rnni_is_valid_row(judge(c), r) && i < (r + 1) * width; i++)
      if (!(t[i] >= 0 && t[i] <= 1))
        return rnni_fail(ctx, RNN_EARG, "binary_cross_entropy: target %g at place %lld is not within 0 to 1", (double)t[i],
                         (long long)i + 1);
  if (c->in[1]->requires_grad && ctx->recording)
    return rnni_fail(ctx, RNN_EARG, "binary_cross_entropy: the target must not require a gradient; detach it");
  return RNN_OK;
}

PAIR(mse, mse_value, mse_slope, "tt", 0, "(prediction, target). Mean squared error.")
PAIR(mae, mae_value, mae_slope, "tt", 0, "(prediction, target). Mean absolute error.")
PAIR(huber, huber_value, huber_slope, "tt?n", 1, "(prediction, target [, delta = 1]). e^2/2 for errors up to delta, delta(|e| - delta/2) beyond (Huber 1964).")
PAIR(binary_cross_entropy, bce_value, bce_slope, "tt", 0, "(logits, target). -t log s(y) - (1-t) log(1-s(y)), s the sigmoid; target from 0 to 1, all else is an error.")

rnn_status rnni_need_no_padding(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *labels) {
  for (int64_t i = 0; i < labels->count && !labels->lengths; i++)
    if (rnni_i(labels)[i] == 0)
      return rnni_fail(ctx, RNN_EARG, "%s: label 0 at place %lld: labels count from 1, and 0 is padding; where it is "
                       "meant, give the labels lengths or the option padded = true", c->op->name, (long long)i + 1);
  return RNN_OK;
}

/* ---- cross entropy of logits (..., V) against labels (...) int32, 0 = no label ----

   With class weights w (V; else 1) and smoothing e a row of label y costs

     (1 - e) w[y] (lse - x[y]) + e/V sum over k of w[k] (lse - x[k]),     lse = log sum of exp(x[k]),

   and the loss is the sum over rows divided by the sum of w[y], as in PyTorch. Smoothing: Szegedy et al. 2016. */

static rnn_status cross_entropy_weights(rnn_ctx *ctx, rnni_call *c, int64_t v) {
  const rnn_tensor *w = c->in[2];
  RNNI_TRY(rnni_need_float(ctx, c, 2));
  if (w->ndim != 1 || w->dims[0] != v)
    return rnni_fail(ctx, RNN_ESHAPE, "cross_entropy: expected a weight for each of %lld classes, got %s", (long long)v,
                     RNNI_SHAPE(w));
  for (int64_t k = 0; k < v; k++)
    if (!(rnni_f(w)[k] >= 0) || isinf(rnni_f(w)[k]))
      return rnni_fail(ctx, RNN_EARG, "cross_entropy: the weight of class %lld is %s", (long long)k + 1,
                       rnni_number_text((double)rnni_f(w)[k]));
  if (w->requires_grad && ctx->recording)
    return rnni_fail(ctx, RNN_EARG, "cross_entropy: the weights must not require a gradient; detach them");
  return RNN_OK;
}

static bool label_counts(const rnni_call *c, int64_t row) {
  const rnn_tensor *of = judge(c);
  if (rnni_i(c->in[1])[row] == 0) return false;
  if (!of->lengths) return true;
  int64_t steps = of->dims[0] * of->dims[1];
  return rnni_is_valid_row(of, row / (c->in[1]->count / steps));
}

static rnn_status cross_entropy_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *y = c->in[0], *labels = c->in[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  if (y->ndim != labels->ndim + 1 || memcmp(y->dims, labels->dims, (size_t)labels->ndim * sizeof *y->dims) != 0)
    return rnni_fail(ctx, RNN_ESHAPE, "cross_entropy: expected logits (..., V) and labels (...), got %s and %s",
                     RNNI_SHAPE(y), RNNI_SHAPE(labels));
  int64_t v = y->dims[y->ndim - 1];
  if (v == 1)
    return rnni_fail(ctx, RNN_ESHAPE, "cross_entropy: logits %s of one class, whose loss is 0 whatever they are; "
                     "binary_cross_entropy is for yes and no", RNNI_SHAPE(y));
  if (!y->lengths && !c->args.i[0]) RNNI_TRY(rnni_need_no_padding(ctx, c, labels));
  if (y->lengths && labels->ndim < 2) /* (N, V): the second axis is not time */
    return rnni_fail(ctx, RNN_EARG, "cross_entropy: logits %s without time cannot have lengths; x:without_lengths() "
                     "drops them", RNNI_SHAPE(y));
  if (!(c->args.n[0] >= 0 && c->args.n[0] <= 1))
    return rnni_fail(ctx, RNN_EARG, "cross_entropy: expected a label smoothing of 0 to 1, got %s",
                     rnni_number_text(c->args.n[0]));
  if (c->nin > 2) RNNI_TRY(cross_entropy_weights(ctx, c, v));
  RNNI_TRY(rnni_need_same_lengths(ctx, c, y->lengths, labels->lengths));
  int64_t done = 0;
  for (int64_t i = 0; i < labels->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (label_counts(c, i) && (rnni_i(labels)[i] < 0 || rnni_i(labels)[i] > v))
      return rnni_fail(ctx, RNN_EARG, "cross_entropy: label %d at place %lld is not within 0 to %lld", rnni_i(labels)[i],
                       (long long)i + 1, (long long)v);
  }
  c->out_ndim = 0;
  return RNN_OK;
}

static double class_weight(const rnni_call *c, int64_t class) {
  return c->nin > 2 ? (double)rnni_f(c->in[2])[class] : 1;
}

/* sum over k of w[k] (lse - x[k]); classes without weight do not count, whatever their logit. */
static double smoothed(const rnni_call *c, const real *x, int64_t v, double top, double log_sum) {
  double sum = 0;
  for (int64_t k = 0; k < v; k++) {
    double w = class_weight(c, k);
    if (w > 0) sum += w * (log_sum - ((double)x[k] - top));
  }
  return sum;
}

/* scratch 0, kept when recorded: of each row the largest logit, and the log of the sum of the exponentials below it. Their
   sum, lse, would have lost digits where logits are large. */
static rnn_status cross_entropy_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *y = c->in[0], *labels = c->in[1];
  int64_t v = y->dims[y->ndim - 1];
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){labels->count, 2}, &c->scratch[0]));
  real *e;
  double *sums = NULL; /* of each row, then their logarithms */
  int64_t work = 0;
  rnn_status status;
  RNNI_TRY(rnni_array(ctx, v, sizeof *e, &e));
  RNNI_GOTO(rnni_array(ctx, labels->count, sizeof *sums, &sums));
  double total = 0, weights = 0, smoothing = c->args.n[0];
  for (int64_t r = 0; r < labels->count; r++) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * v));
    sums[r] = 1;
    if (!label_counts(c, r)) continue;
    const real *row = rnni_f(y) + r * v;
    real top = row[0];
    for (int64_t k = 1; k < v; k++)
      if (row[k] > top) top = row[k];
    for (int64_t k = 0; k < v; k++) e[k] = row[k] - top;
    rnni_kernel->exp(v, e, e);
    double sum = 0;
    for (int64_t k = 0; k < v; k++) sum += (double)e[k];
    sums[r] = sum;
    rnni_f(c->scratch[0])[2 * r] = top;
  }
  rnni_logs(labels->count, sums);
  for (int64_t r = 0; r < labels->count; r++) {
    if (!label_counts(c, r)) continue;
    const real *row = rnni_f(y) + r * v;
    int32_t label = rnni_i(labels)[r] - 1;
    real top = rnni_f(c->scratch[0])[2 * r];
    double log_sum = sums[r], below = (double)row[label] - (double)top, weight = class_weight(c, label);
    rnni_f(c->scratch[0])[2 * r + 1] = (real)log_sum;
    if (smoothing < 1 && weight > 0) total += (1 - smoothing) * weight * (log_sum - below);
    if (smoothing > 0) total += smoothing / (double)v * smoothed(c, row, v, (double)top, log_sum);
    weights += weight;
  }
  rnni_f(c->out[0])[0] = (real)(weights > 0 ? total / weights : 0);
done:
  rnni_free(ctx, sums);
  rnni_free(ctx, e);
  return status;
}

/* dx[k] = ((1 - e) w[y] + e/V sum of w) softmax[k] - e/V w[k] - (1 - e) w[y] [k = y], over the sum of the w[y]. */
static rnn_status cross_entropy_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *y = c->in[0], *labels = c->in[1];
  int64_t v = y->dims[y->ndim - 1];
  double weights = 0, all = 0, smoothing = c->args.n[0];
  for (int64_t r = 0; r < labels->count; r++)
    if (label_counts(c, r)) weights += class_weight(c, rnni_i(labels)[r] - 1);
  if (weights == 0) return RNN_OK;
  for (int64_t k = 0; k < v; k++) all += class_weight(c, k);
  double scale = (double)rnni_f(c->dout[0])[0] / weights, spread = smoothing / (double)v;
  real *e;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, v, sizeof *e, &e));
  for (int64_t r = 0; r < labels->count; r++) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * v));
    if (!label_counts(c, r)) continue;
    const real *row = rnni_f(y) + r * v;
    real *dx = rnni_f(c->din[0]) + r * v, top = rnni_f(c->scratch[0])[2 * r], log_sum = rnni_f(c->scratch[0])[2 * r + 1];
    for (int64_t k = 0; k < v; k++) e[k] = row[k] - top - log_sum;
    rnni_kernel->exp(v, e, e);
    int32_t label = rnni_i(labels)[r] - 1;
    double own = (1 - smoothing) * class_weight(c, label);
    real factor = (real)(scale * (own + spread * all)), even = (real)(scale * spread);
    for (int64_t k = 0; k < v; k++) dx[k] += factor * e[k];
    if (smoothing > 0)
      for (int64_t k = 0; k < v; k++) dx[k] -= even * (real)class_weight(c, k);
    dx[label] -= (real)(scale * own);
  }
done:
  rnni_free(ctx, e);
  return status;
}
const rnn_op rnni_op_cross_entropy = {.name = "cross_entropy", .args = "TT?T?n?b",
                                      .doc = "(logits, labels [, weights [, smoothing = 0 [, padded = false]]]). Mean of -log softmax(logits)[label]: logits (..., V), labels (...) int32 from 1; label 0 is padding, which is left out, and an error in tensors that have no lengths and are not said to be padded; weights (V) of the classes; smoothing is shared evenly among the classes."
                               " Errors: labels outside 0 .. V, one class only (V = 1), labels of another shape, weights that are not (V).",
                                      .shape = cross_entropy_shape, .forward = cross_entropy_forward,
                                      .backward = cross_entropy_backward, .saves = RNNI_SAVE_INPUTS,
                                      .lengths = RNNI_LENGTHS_OWN};
