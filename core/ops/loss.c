/* loss.c: losses. Each has a value for every element (for every row of labels, for every sequence), and then, as their
   last arguments, what is made of these values:

     sample_weights   a tensor (...) with the first axes of the target: how many times each item, step or element counts
     reduction        mean: the sum of weight times value over the sum of the weights; sum: without the division; none:
                      weight times value, one by one

   What is behind the lengths, and what has the weight 0, counts for nothing and is not even read: its value is 0. The mean
   of nothing is 0. */
#include "../internal.h"
#include "../kernels/kernels.h"

/* The tensor whose lengths count: the first that has some. */
static const rnn_tensor *judge(const rnni_call *c) {
  for (int i = 0; i < c->nin; i++)
    if (c->in[i] && c->in[i]->lengths) return c->in[i];
  return c->in[0];
}

/* The rows of the members that are valid or not as one, and how many elements of a member are in each. The lengths may be
   those of the sample weights, which have fewer axes. */
static int64_t rows_of(const rnni_call *c, int64_t *width) {
  const rnn_tensor *of = judge(c);
  int64_t rows = of->lengths ? of->dims[0] * of->dims[1] : 1;
  *width = rows ? c->in[0]->count / rows : 0;
  return rows;
}

const rnn_tensor *rnni_sample_weights(const rnni_call *c, int input) { return input < c->nin ? c->in[input] : NULL; }

double rnni_sample_weight(const rnn_tensor *w, int64_t count, int64_t at) {
  return w ? (double)rnni_f(w)[at / (count / w->count)] : 1;
}

rnn_status rnni_loss_shape(rnn_ctx *ctx, rnni_call *c, int input, int reduction, int ndim, const int64_t *dims) {
  const rnn_tensor *w = rnni_sample_weights(c, input), *of = judge(c);
  c->out_ndim = c->args.i[reduction] == RNN_NONE ? ndim : 0;
  memcpy(c->out_dims, dims, sizeof *dims * (size_t)c->out_ndim);
  if (!w) return RNN_OK;
  RNNI_TRY(rnni_need_float(ctx, c, input));
  if (w->ndim > ndim || memcmp(w->dims, dims, sizeof *dims * (size_t)w->ndim) != 0)
    return rnni_fail(ctx, RNN_ESHAPE, "%s: sample weights %s do not have the first axes of %s", c->op->name, RNNI_SHAPE(w),
                     rnni_shape_text(ndim, dims));
  if (w->requires_grad && ctx->recording)
    return rnni_fail(ctx, RNN_EARG, "%s: the sample weights must not require a gradient; detach them", c->op->name);
  int64_t steps = of->lengths && w->ndim > 1 ? of->dims[0] * of->dims[1] : 0, done = 0;
  for (int64_t i = 0; i < w->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (steps && !rnni_is_valid_row(of, i / (w->count / steps))) continue;
    if (!(rnni_f(w)[i] >= 0) || isinf(rnni_f(w)[i]))
      return rnni_fail(ctx, RNN_EARG, "%s: sample weight %lld is %s", c->op->name, (long long)i + 1,
                       rnni_number_text((double)rnni_f(w)[i]));
  }
  return rnni_need_same_lengths(ctx, c, of->lengths, w->lengths);
}

/* ---- losses of each element ---- */

/* The inputs that have an element each: all but the sample weights. */
static int members(const rnni_call *c) {
  int n = 0;
  for (const char *s = c->op->args; *s == 't'; s++) n++;
  return n;
}

static rnn_status each_shape(rnn_ctx *ctx, rnni_call *c) {
  static const char *const names[] = {"prediction", "target", "variance"};
  int n = members(c);
  for (int i = 0; i < n; i++) {
    RNNI_TRY(rnni_need_float(ctx, c, i));
    if (!rnni_same_shape(c->in[0], c->in[i]))
      return rnni_fail(ctx, RNN_ESHAPE, "%s: prediction %s and %s %s differ in shape", c->op->name, RNNI_SHAPE(c->in[0]),
                       names[i], RNNI_SHAPE(c->in[i]));
    RNNI_TRY(rnni_need_same_lengths(ctx, c, judge(c)->lengths, c->in[i]->lengths));
  }
  return rnni_loss_shape(ctx, c, n, 0, c->in[0]->ndim, c->in[0]->dims);
}

/* RNN_EARG for a valid element of an input that is below least or above most; NaN passes unless strict. */
static rnn_status need_within(rnn_ctx *ctx, const rnni_call *c, int input, double least, double most, bool strict,
                              const char *what) {
  int64_t width, rows = rows_of(c, &width), done = 0;
  const real *t = rnni_f(c->in[input]);
  for (int64_t r = 0; r < rows; r++) {
    if (!rnni_is_valid_row(judge(c), r)) continue;
    for (int64_t i = r * width; i < (r + 1) * width; i++) {
      RNNI_TRY(rnni_pace(ctx, &done, 1));
      if ((double)t[i] < least || (double)t[i] > most || (strict && t[i] != t[i]))
        return rnni_fail(ctx, RNN_EARG, "%s: %s %s at place %lld %s", c->op->name, input == 2 ? "variance" : "target",
                         rnni_number_text((double)t[i]), (long long)i + 1, what);
    }
  }
  return RNN_OK;
}

/* The values of n elements of the inputs, at most RNNI_PIECE, into v; and their derivatives by those inputs whose d is
   not NULL. p is the op's number. */
typedef void value_fn(int64_t n, const real *const *in, double p, double *v);
typedef void slope_fn(int64_t n, const real *const *in, double p, double *const *d);

/* Losses of the error e = prediction - target alone. */
#define VALUE_AND_SLOPE(op, value, slope)                                              \
  static void op##_value(int64_t n, const real *const *in, double p, double *v) {      \
    (void)p;                                                                           \
    for (int64_t i = 0; i < n; i++) {                                                  \
      double e = (double)in[0][i] - (double)in[1][i];                                  \
      v[i] = (value);                                                                  \
    }                                                                                  \
  }                                                                                    \
  static void op##_slope(int64_t n, const real *const *in, double p, double *const *d) { \
    (void)p;                                                                           \
    for (int64_t i = 0; i < n; i++) {                                                  \
      double e = (double)in[0][i] - (double)in[1][i], v = (slope);                     \
      if (d[0]) d[0][i] = v;                                                           \
      if (d[1]) d[1][i] = -v;                                                          \
    }                                                                                  \
  }
VALUE_AND_SLOPE(mse, e *e, 2 * e)
VALUE_AND_SLOPE(mae, fabs(e), (double)((e > 0) - (e < 0)))
VALUE_AND_SLOPE(huber, fabs(e) <= p ? e * e / 2 : p * (fabs(e) - p / 2), e > p ? p : e < -p ? -p : e)
VALUE_AND_SLOPE(quantile, e > 0 ? (1 - p) * e : -p * e, e > 0 ? 1 - p : e < 0 ? -p : 0)

/* y is a logit: -t log s(y) - (1-t) log(1-s(y)), arranged so that no exponential overflows, as y (1-t) for y > 0, else
   -y t, and softplus(-|y|); 0 times infinity is 0 here: a label that is sure of itself costs nothing. */
static void bce_value(int64_t n, const real *const *in, double p, double *v) {
  const real *y = in[0], *t = in[1];
  (void)p;
  real e[RNNI_PIECE] = {0};
  for (int64_t i = 0; i < n; i++) e[i] = -RNNI_M(fabs)(y[i]);
  rnni_kernel->softplus(n, e, e);
  for (int64_t i = 0; i < n; i++) {
    double share = y[i] > 0 ? 1 - (double)t[i] : (double)t[i];
    v[i] = (share == 0 ? 0 : share * fabs((double)y[i])) + (double)e[i];
  }
}

/* s(y) - t, with s(-|y|), which keeps its digits where s(y) is near 1. */
static void bce_slope(int64_t n, const real *const *in, double p, double *const *d) {
  const real *y = in[0], *t = in[1];
  (void)p;
  real e[RNNI_PIECE] = {0};
  for (int64_t i = 0; i < n; i++) e[i] = -RNNI_M(fabs)(y[i]);
  rnni_kernel->sigmoid(n, e, e);
  for (int64_t i = 0; i < n; i++)
    d[0][i] = y[i] > 0 ? (1 - (double)t[i]) - (double)e[i] : (double)e[i] - (double)t[i];
}

/* y is a log-probability, t a probability: t (log t - y); a share of 0 costs nothing, whatever y. */
static void kl_value(int64_t n, const real *const *in, double p, double *v) {
  const real *y = in[0], *t = in[1];
  (void)p;
  for (int64_t i = 0; i < n; i++) v[i] = t[i] > 0 ? (double)t[i] : 1;
  rnni_logs(n, v);
  for (int64_t i = 0; i < n; i++) v[i] = t[i] == 0 ? 0 : (double)t[i] * (v[i] - (double)y[i]);
}
static void kl_slope(int64_t n, const real *const *in, double p, double *const *d) {
  const real *y = in[0], *t = in[1];
  (void)p;
  for (int64_t i = 0; i < n && d[0]; i++) d[0][i] = -(double)t[i];
  if (!d[1]) return;
  for (int64_t i = 0; i < n; i++) d[1][i] = t[i] > 0 ? (double)t[i] : 1;
  rnni_logs(n, d[1]);
  for (int64_t i = 0; i < n; i++) d[1][i] = t[i] == 0 ? 0 : d[1][i] + 1 - (double)y[i];
}

/* y is the logarithm of a rate: e^y - t y. */
static void poisson_value(int64_t n, const real *const *in, double p, double *v) {
  const real *y = in[0], *t = in[1];
  (void)p;
  real e[RNNI_PIECE] = {0};
  rnni_kernel->exp(n, y, e);
  for (int64_t i = 0; i < n; i++) v[i] = (double)e[i] - (t[i] == 0 ? 0 : (double)t[i] * (double)y[i]);
}
static void poisson_slope(int64_t n, const real *const *in, double p, double *const *d) {
  const real *y = in[0], *t = in[1];
  (void)p;
  real e[RNNI_PIECE] = {0};
  if (d[0]) rnni_kernel->exp(n, y, e);
  for (int64_t i = 0; i < n && d[0]; i++) d[0][i] = (double)e[i] - (double)t[i];
  for (int64_t i = 0; i < n && d[1]; i++) d[1][i] = -(double)y[i];
}

/* A variance below this counts as this, as in PyTorch: the logarithm of 0 would say that the mean is certain. */
#define LEAST_VARIANCE 1e-6
static double at_least(real variance) { return (double)variance < LEAST_VARIANCE ? LEAST_VARIANCE : (double)variance; }

static void gaussian_value(int64_t n, const real *const *in, double p, double *v) {
  (void)p;
  for (int64_t i = 0; i < n; i++) v[i] = at_least(in[2][i]);
  rnni_logs(n, v);
  for (int64_t i = 0; i < n; i++) {
    double e = (double)in[0][i] - (double)in[1][i];
    v[i] = (v[i] + e * e / at_least(in[2][i])) / 2;
  }
}
static void gaussian_slope(int64_t n, const real *const *in, double p, double *const *d) {
  (void)p;
  for (int64_t i = 0; i < n; i++) {
    double variance = at_least(in[2][i]), share = ((double)in[0][i] - (double)in[1][i]) / variance;
    if (d[0]) d[0][i] = share;
    if (d[1]) d[1][i] = -share;
    if (d[2]) d[2][i] = (1 / variance - share * share) / 2;
  }
}

static void inputs_at(const rnni_call *c, int64_t at, const real **in) {
  for (int k = 0; k < members(c); k++) in[k] = c->in[k]->data ? rnni_f(c->in[k]) + at : NULL; /* not all are saved */
}

/* v, of the elements at .. at + n, times their weights; 0 times infinity is 0 here. */
static void weigh(const rnn_tensor *w, int64_t count, int64_t at, int64_t n, double *v) {
  for (int64_t i = 0; i < n; i++) {
    double weight = rnni_sample_weight(w, count, at + i);
    v[i] = weight > 0 ? weight * v[i] : 0;
  }
}

/* The sum of the weights of all valid elements. */
static rnn_status total_weight(rnn_ctx *ctx, const rnni_call *c, double *all) {
  const rnn_tensor *of = judge(c), *w = rnni_sample_weights(c, members(c));
  int64_t width, rows = rows_of(c, &width), valid = 0, done = 0;
  *all = 0;
  for (int64_t r = 0; r < rows; r++) {
    if (!rnni_is_valid_row(of, r)) continue;
    valid += width;
    if (!w) continue;
    for (int64_t i = r * width; i < (r + 1) * width; i++) {
      RNNI_TRY(rnni_pace(ctx, &done, 1));
      *all += rnni_sample_weight(w, c->in[0]->count, i);
    }
  }
  if (!w) *all = (double)valid;
  return RNN_OK;
}

static rnn_status each_forward(rnn_ctx *ctx, rnni_call *c, value_fn *f, unsigned seldom) {
  const rnn_tensor *of = judge(c), *w = rnni_sample_weights(c, members(c));
  int64_t width, rows = rows_of(c, &width), done = 0;
  real *none = c->args.i[0] == RNN_NONE ? rnni_f(c->out[0]) : NULL;
  double total = 0, all = 1, v[RNNI_PIECE];
  const real *in[3];
  for (int64_t r = 0; r < rows; r++) {
    bool valid = rnni_is_valid_row(of, r);
    if (!valid && !none) continue;
    for (RNNI_PIECES(width, from, to)) {
      int64_t at = r * width + from, n = to - from;
      RNNI_TRY(rnni_pace(ctx, &done, n));
      inputs_at(c, at, in);
      if (valid) f(n, in, c->args.n[0], v);
      if (valid && w) weigh(w, c->in[0]->count, at, n, v);
      if (none)
        for (int64_t i = 0; i < n; i++) none[at + i] = valid ? (real)v[i] : 0;
      else
        for (int64_t i = 0; i < n; i++) total += v[i];
    }
  }
  if (c->wants && !c->wants[1]) c->saves &= ~(seldom & RNNI_SAVE_IN0); /* what only the other's gradient looks at */
  if (c->wants && !c->wants[0]) c->saves &= ~(seldom & RNNI_SAVE_IN1);
  if (none) {
    if (of->lengths) c->out[0]->lengths = rnn_tensor_ref(of->lengths);
    return RNN_OK;
  }
  if (c->args.i[0] == RNN_MEAN) RNNI_TRY(total_weight(ctx, c, &all));
  rnni_f(c->out[0])[0] = (real)(all > 0 ? total / all : 0);
  return RNN_OK;
}

static rnn_status each_backward(rnn_ctx *ctx, rnni_call *c, slope_fn *slope) {
  const rnn_tensor *of = judge(c), *w = rnni_sample_weights(c, members(c));
  int64_t width, rows = rows_of(c, &width), done = 0;
  const real *dout = rnni_f(c->dout[0]), *in[3];
  bool none = c->args.i[0] == RNN_NONE;
  double slopes[3][RNNI_PIECE], *d[3] = {NULL}, all = 1;
  for (int k = 0; k < members(c); k++) d[k] = c->wants[k] ? slopes[k] : NULL;
  if (c->args.i[0] == RNN_MEAN) RNNI_TRY(total_weight(ctx, c, &all));
  double scale = none || !(all > 0) ? 0 : (double)dout[0] / all;
  for (int64_t r = 0; r < rows; r++) {
    if (!rnni_is_valid_row(of, r)) continue;
    for (RNNI_PIECES(width, from, to)) {
      RNNI_TRY(rnni_pace(ctx, &done, to - from));
      int64_t at = r * width + from, n = to - from;
      inputs_at(c, at, in);
      slope(n, in, c->args.n[0], d);
      for (int k = 0; k < members(c); k++) {
        if (!d[k]) continue;
        real *dx = rnni_f(c->din[k]) + at;
        if (w) weigh(w, c->in[0]->count, at, n, d[k]);
        if (none)
          for (int64_t i = 0; i < n; i++) dx[i] += (real)((double)dout[at + i] * d[k][i]);
        else
          for (int64_t i = 0; i < n; i++) dx[i] += (real)(scale * d[k][i]);
      }
    }
  }
  return RNN_OK;
}

#define REDUCED " [, sample_weights [, reduction = \"mean\"]]"
#define EACH(op, value, slope, sig, none, seldom, text, ...)                  \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                \
    return each_forward(ctx, c, value, seldom);                               \
  }                                                                           \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) {               \
    return each_backward(ctx, c, slope);                                      \
  }                                                                           \
  const rnn_op rnni_op_##op = {.name = #op, .args = sig, .choices = rnni_reductions, .doc = text " Any shape, over valid steps; none gives the value of each element." RNNI_REDUCTION_DOC " Errors: shapes that differ.", .shape = op##_shape, .forward = op##_forward, \
                               .backward = op##_backward, .saves = RNNI_SAVE_INPUTS, .lengths = RNNI_LENGTHS_OWN, \
                               .absent = none, __VA_ARGS__};

#define mse_shape each_shape
#define mae_shape each_shape

static rnn_status huber_shape(rnn_ctx *ctx, rnni_call *c) {
  if (!(c->args.n[0] > 0))
    return rnni_fail(ctx, RNN_EARG, "huber: expected a positive delta, got %s", rnni_number_text(c->args.n[0]));
  return each_shape(ctx, c);
}

static rnn_status quantile_loss_shape(rnn_ctx *ctx, rnni_call *c) {
  if (!(c->args.n[0] > 0 && c->args.n[0] < 1))
    return rnni_fail(ctx, RNN_EARG, "quantile_loss: expected a quantile between 0 and 1, got %s",
                     rnni_number_text(c->args.n[0]));
  return each_shape(ctx, c);
}

static rnn_status binary_cross_entropy_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(each_shape(ctx, c));
  RNNI_TRY(need_within(ctx, c, 1, 0, 1, true, "is not within 0 to 1"));
  if (c->in[1]->requires_grad && ctx->recording)
    return rnni_fail(ctx, RNN_EARG, "binary_cross_entropy: the target must not require a gradient; detach it");
  return RNN_OK;
}

static rnn_status kl_div_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(each_shape(ctx, c));
  return need_within(ctx, c, 1, 0, INFINITY, false, "is no probability");
}

static rnn_status poisson_nll_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(each_shape(ctx, c));
  return need_within(ctx, c, 1, 0, INFINITY, false, "is no count");
}

static rnn_status gaussian_nll_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(each_shape(ctx, c));
  return need_within(ctx, c, 2, 0, INFINITY, false, "is negative");
}

EACH(mse, mse_value, mse_slope, "tt?T?c", 0, 0, "(prediction, target" REDUCED "). Squared error.")
EACH(mae, mae_value, mae_slope, "tt?T?c", 0, 0, "(prediction, target" REDUCED "). Absolute error.")
EACH(huber, huber_value, huber_slope, "tt?n?T?c", 1, 0, "(prediction, target [, delta = 1" REDUCED "]). e^2/2 for errors up to delta, delta(|e| - delta/2) beyond (Huber 1964).")
EACH(quantile_loss, quantile_value, quantile_slope, "ttn?T?c", 0, 0, "(prediction, target, q" REDUCED "). The pinball loss, whose least is at the quantile q of the targets: q (t - y) for a prediction y below its target t, (1 - q) (y - t) above (Koenker, Bassett 1978).")
EACH(binary_cross_entropy, bce_value, bce_slope, "tt?T?c", 0, 0, "(logits, target" REDUCED "). -t log s(y) - (1-t) log(1-s(y)), s the sigmoid; target from 0 to 1, all else is an error.", .logits = "sigmoid")
EACH(kl_div, kl_value, kl_slope, "tt?T?c", 0, RNNI_SAVE_IN0, "(log_probabilities, target" REDUCED "). t (log t - y) of log-probabilities y, such as x:log_softmax(-1), and probabilities t: the Kullback-Leibler divergence of whole distributions is the sum of their elements.", .logits = "log")
EACH(poisson_nll, poisson_value, poisson_slope, "tt?T?c", 0, RNNI_SAVE_IN1, "(log_rate, target" REDUCED "). e^y - t y: -log of the Poisson probability of the counts t at rates e^y, without the part that depends on t alone.")
EACH(gaussian_nll, gaussian_value, gaussian_slope, "ttt?T?c", 0, 0, "(mean, target, variance" REDUCED "). (log v + (y - t)^2 / v) / 2: -log of the normal density of the targets t at means y and variances v, without its constant; v below 1e-6 counts as 1e-6 (Nix, Weigend 1994).")

rnn_status rnni_need_no_padding(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *labels, const rnn_tensor *of) {
  const int64_t behind = of->lengths ? labels->count / RNNI_MAX(of->dims[0] * of->dims[1], 1) : 0;
  for (int64_t i = 0, done = 0; i < labels->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (rnni_i(labels)[i] == 0 && (!of->lengths || rnni_is_valid_row(of, i / behind)))
      return rnni_fail(ctx, RNN_EARG, "%s: label 0 at place %lld%s: labels count from 1, and 0 is padding; where it is "
                       "meant, give the labels lengths that end before it or the option padded = true", c->op->name,
                       (long long)i + 1, of->lengths ? ", within its sequence" : "");
  }
  return RNN_OK;
}

/* ---- cross entropy of logits (..., V) against labels (...) int32, 0 = no label ----

   With class weights w (V; else 1) and smoothing e a row of label y costs

     (1 - e) w[y] (lse - x[y]) + e/V sum over k of w[k] (lse - x[k]),     lse = log sum of exp(x[k]),

   and the mean is the sum over rows divided by the sum of w[y], as in PyTorch. Smoothing: Szegedy et al. 2016. */

#define SAMPLE_WEIGHTS 3
#define REDUCTION 1

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
  if (y->lengths && labels->ndim < 2) /* (N, V): the second axis is not time */
    return rnni_fail(ctx, RNN_EARG, "cross_entropy: logits %s without time cannot have lengths; x:without_lengths() "
                     "drops them", RNNI_SHAPE(y));
  if (!(c->args.n[0] >= 0 && c->args.n[0] <= 1))
    return rnni_fail(ctx, RNN_EARG, "cross_entropy: expected a label smoothing of 0 to 1, got %s",
                     rnni_number_text(c->args.n[0]));
  if (c->nin > 2 && c->in[2]) RNNI_TRY(cross_entropy_weights(ctx, c, v));
  RNNI_TRY(rnni_need_same_lengths(ctx, c, y->lengths, labels->lengths));
  if (!c->args.i[0]) RNNI_TRY(rnni_need_no_padding(ctx, c, labels, judge(c)));
  int64_t done = 0;
  for (int64_t i = 0; i < labels->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (label_counts(c, i) && (rnni_i(labels)[i] < 0 || rnni_i(labels)[i] > v))
      return rnni_fail(ctx, RNN_EARG, "cross_entropy: label %d at place %lld is not within 0 to %lld, the number of classes "
                       "in logits %s", rnni_i(labels)[i], (long long)i + 1, (long long)v, RNNI_SHAPE(y));
  }
  return rnni_loss_shape(ctx, c, SAMPLE_WEIGHTS, REDUCTION, labels->ndim, labels->dims);
}

static double class_weight(const rnni_call *c, int64_t class) {
  return c->nin > 2 && c->in[2] ? (double)rnni_f(c->in[2])[class] : 1;
}

/* How many times row r counts: 0 where it has no label. */
static double row_weight(const rnni_call *c, int64_t r) {
  return label_counts(c, r) ? rnni_sample_weight(rnni_sample_weights(c, SAMPLE_WEIGHTS), c->in[1]->count, r) : 0;
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
  real *none = c->args.i[REDUCTION] == RNN_NONE ? rnni_f(c->out[0]) : NULL;
  double total = 0, weights = 0, smoothing = c->args.n[0];
  for (int64_t r = 0; r < labels->count; r++) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * v));
    sums[r] = 1;
    if (!(row_weight(c, r) > 0)) continue;
    sums[r] = rnni_exponentials(ctx, v, rnni_f(y) + r * v, 1, e, rnni_f(c->scratch[0]) + 2 * r);
  }
  RNNI_GOTO(rnni_poll(ctx));
  rnni_logs(labels->count, sums);
  for (int64_t r = 0; r < labels->count; r++) {
    double times = row_weight(c, r), value = 0;
    if (none) none[r] = 0;
    if (!(times > 0)) continue;
    const real *row = rnni_f(y) + r * v;
    int32_t label = rnni_i(labels)[r] - 1;
    real top = rnni_f(c->scratch[0])[2 * r];
    double log_sum = sums[r], below = (double)row[label] - (double)top, weight = class_weight(c, label);
    rnni_f(c->scratch[0])[2 * r + 1] = (real)log_sum;
    if (smoothing < 1 && weight > 0) value += (1 - smoothing) * weight * (log_sum - below);
    if (smoothing > 0) value += smoothing / (double)v * smoothed(c, row, v, (double)top, log_sum);
    if (none) none[r] = (real)(times * value);
    total += times * value;
    weights += times * weight;
  }
  if (none && judge(c)->lengths) c->out[0]->lengths = rnn_tensor_ref(judge(c)->lengths);
  if (!none) {
    if (c->args.i[REDUCTION] == RNN_SUM) weights = 1;
    rnni_f(c->out[0])[0] = (real)(weights > 0 ? total / weights : 0);
  }
done:
  rnni_free(ctx, sums);
  rnni_free(ctx, e);
  return status;
}

/* dx[k] = ((1 - e) w[y] + e/V sum of w) softmax[k] - e/V w[k] - (1 - e) w[y] [k = y], over the sum of the w[y]
   where the loss is a mean. */
static rnn_status cross_entropy_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *y = c->in[0], *labels = c->in[1];
  int64_t v = y->dims[y->ndim - 1];
  const real *dout = rnni_f(c->dout[0]);
  bool none = c->args.i[REDUCTION] == RNN_NONE, mean = c->args.i[REDUCTION] == RNN_MEAN;
  double weights = mean ? 0 : 1, all = 0, smoothing = c->args.n[0], spread = smoothing / (double)v;
  for (int64_t r = 0; r < labels->count && mean; r++) {
    double times = row_weight(c, r);
    if (times > 0) weights += times * class_weight(c, rnni_i(labels)[r] - 1);
  }
  if (weights == 0) return RNN_OK;
  for (int64_t k = 0; k < v; k++) all += class_weight(c, k);
  real *e;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, v, sizeof *e, &e));
  for (int64_t r = 0; r < labels->count; r++) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + 2 * v));
    double times = row_weight(c, r);
    if (!(times > 0)) continue;
    double scale = (double)dout[none ? r : 0] / weights * times;
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
const rnn_op rnni_op_cross_entropy = {.name = "cross_entropy", .logits = "softmax", .args = "TT?T?n?b?T?c", .choices = rnni_reductions,
                                      .doc = "(logits, labels [, weights [, smoothing = 0 [, padded = false" REDUCED "]]]). -log softmax(logits)[label]: logits (..., V), labels (...) int32 from 1; label 0 is padding, which is left out, and an error before the end of a sequence where padded is not said; weights (V) of the classes, over whose sum the mean is; smoothing is shared evenly among the classes; none gives the value of each label."
                                      RNNI_REDUCTION_DOC
                               " Errors: labels outside 0 .. V, one class only (V = 1), labels of another shape, weights that are not (V).",
                                      .shape = cross_entropy_shape, .forward = cross_entropy_forward,
                                      .backward = cross_entropy_backward, .saves = RNNI_SAVE_INPUTS,
                                      .lengths = RNNI_LENGTHS_OWN};

/* ---- a linear layer and its cross entropy -------------------------------------------------------------------------
   The logits of a few rows at a time are made, used for the gradients and forgotten: with many classes they, and their
   gradient, would be most of what a model needs. So forward leaves the gradients of a loss of 1, when it is recorded. */

enum { HIDDEN, LABELS, WEIGHT, BIAS };       /* the inputs */
enum { D_HIDDEN, D_WEIGHT, D_BIAS };         /* scratch */
#define LOGITS_MOST ((int64_t)1 << 23)       /* elements of the logits at hand, */
#define ROWS_LEAST 128                       /* but so many rows */

static rnn_status linear_cross_entropy_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[HIDDEN], *labels = c->in[LABELS], *w = c->in[WEIGHT], *b = c->nin > BIAS ? c->in[BIAS] : NULL;
  RNNI_TRY(rnni_need_float(ctx, c, HIDDEN));
  RNNI_TRY(rnni_need_int(ctx, c, LABELS));
  RNNI_TRY(rnni_need_float(ctx, c, WEIGHT));
  if (b) RNNI_TRY(rnni_need_float(ctx, c, BIAS));
  if (x->ndim != labels->ndim + 1 || memcmp(x->dims, labels->dims, (size_t)labels->ndim * sizeof *x->dims) != 0)
    return rnni_fail(ctx, RNN_ESHAPE, "linear_cross_entropy: expected x (..., D) and labels (...), got %s and %s",
                     RNNI_SHAPE(x), RNNI_SHAPE(labels));
  if (w->ndim != 2 || w->dims[1] != x->dims[x->ndim - 1] || w->dims[0] < 2)
    return rnni_fail(ctx, RNN_ESHAPE, "linear_cross_entropy: expected a weight (V, %lld) with V of 2 or more, got %s",
                     (long long)x->dims[x->ndim - 1], RNNI_SHAPE(w));
  if (b && (b->ndim != 1 || b->dims[0] != w->dims[0]))
    return rnni_fail(ctx, RNN_ESHAPE, "linear_cross_entropy: expected a bias (%lld), got %s", (long long)w->dims[0],
                     RNNI_SHAPE(b));
  if (c->args.i[REDUCTION] == RNN_NONE)
    return rnni_fail(ctx, RNN_EARG, "linear_cross_entropy: expected the reduction 'mean' or 'sum'; cross_entropy of logits gives single values");
  if (x->lengths && labels->ndim < 2)
    return rnni_fail(ctx, RNN_EARG, "linear_cross_entropy: x %s without time cannot have lengths; x:without_lengths() "
                     "drops them", RNNI_SHAPE(x));
  RNNI_TRY(rnni_need_same_lengths(ctx, c, x->lengths, labels->lengths));
  if (!c->args.i[0]) RNNI_TRY(rnni_need_no_padding(ctx, c, labels, judge(c)));
  int64_t done = 0;
  for (int64_t i = 0; i < labels->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (label_counts(c, i) && (rnni_i(labels)[i] < 0 || rnni_i(labels)[i] > w->dims[0]))
      return rnni_fail(ctx, RNN_EARG, "linear_cross_entropy: label %d at place %lld is not within 0 to %lld, the number of "
                       "classes in w %s", rnni_i(labels)[i], (long long)i + 1, (long long)w->dims[0], RNNI_SHAPE(w));
  }
  c->out_ndim = 0;
  return RNN_OK;
}

/* Rows that count, a few at a time. */
typedef struct head {
  rnn_ctx *ctx;
  int64_t D, V, rows, tasks;
  const int64_t *at;  /* of each row at hand, its number */
  const int32_t *labels;
  real *x, *logits;   /* (rows, D), (rows, V) */
  double *values;     /* (rows) */
  double scale;       /* of the gradients */
} head;

/* The losses of rows; their logits become their gradients. */
static void head_task(void *arg, int task) {
  const head *h = arg;
  for (int64_t r = h->rows * task / h->tasks; r < h->rows * (task + 1) / h->tasks && !rnni_interrupted(h->ctx); r++) {
    real *row = h->logits + r * h->V, top, below = row[h->labels[h->at[r]] - 1];
    double sum = rnni_exponentials(h->ctx, h->V, row, 1, row, &top);
    h->values[r] = rnni_log(sum) - ((double)below - (double)top);
    real factor = (real)(h->scale / sum);
    for (int64_t k = 0; k < h->V; k++) row[k] *= factor;
    row[h->labels[h->at[r]] - 1] -= (real)h->scale;
  }
}

static rnn_status head_rows(const rnni_call *c, head *h, double *total) {
  rnn_ctx *ctx = h->ctx;
  const real *x = rnni_f(c->in[HIDDEN]), *w = rnni_f(c->in[WEIGHT]);
  const real *b = c->nin > BIAS && c->in[BIAS] ? rnni_f(c->in[BIAS]) : NULL;
  int64_t D = h->D, V = h->V;
  for (int64_t r = 0; r < h->rows; r++) memcpy(h->x + r * D, x + h->at[r] * D, (size_t)D * sizeof *x);
  RNNI_TRY(rnni_gemm(ctx, h->rows, V, D, h->x, D, 1, w, 1, D, b, h->logits, V, false));
  h->tasks = rnni_threads_for_elements(ctx, (double)h->rows * (double)V);
  rnni_parallel(ctx, (int)h->tasks, head_task, h);
  RNNI_TRY(rnni_poll(ctx));
  for (int64_t r = 0; r < h->rows; r++) *total += h->values[r];
  if (!c->keep) return RNN_OK;
  if (c->wants[WEIGHT])
    RNNI_TRY(rnni_gemm(ctx, V, D, h->rows, h->logits, 1, V, h->x, D, 1, NULL, rnni_f(c->scratch[D_WEIGHT]), D, true));
  if (b && c->wants[BIAS]) rnni_kernel->sum_columns(h->rows, V, h->logits, V, NULL, 0, rnni_f(c->scratch[D_BIAS]));
  if (!c->wants[HIDDEN]) return RNN_OK;
  RNNI_TRY(rnni_gemm(ctx, h->rows, D, V, h->logits, V, 1, w, D, 1, NULL, h->x, D, false));
  for (int64_t r = 0; r < h->rows; r++)
    memcpy(rnni_f(c->scratch[D_HIDDEN]) + h->at[r] * D, h->x + r * D, (size_t)D * sizeof *x);
  return RNN_OK;
}

static rnn_status linear_cross_entropy_forward(rnn_ctx *ctx, rnni_call *c) {
  static const int of[] = {[D_HIDDEN] = HIDDEN, [D_WEIGHT] = WEIGHT, [D_BIAS] = BIAS};
  const rnn_tensor *labels = c->in[LABELS], *w = c->in[WEIGHT];
  head h = {.ctx = ctx, .V = w->dims[0], .D = w->dims[1], .labels = rnni_i(labels)};
  int64_t most = RNNI_MIN(RNNI_MAX(LOGITS_MOST / h.V, ROWS_LEAST), RNNI_MAX(labels->count, 1)), counted = 0, done = 0;
  int64_t *at = NULL;
  double total = 0;
  rnn_status status = RNN_OK;
  for (int k = 0; k < 3 && c->keep; k++)
    if (of[k] < c->nin && c->in[of[k]] && c->wants[of[k]])
      RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, c->in[of[k]]->ndim, c->in[of[k]]->dims, &c->scratch[k]));
  RNNI_GOTO(rnni_array(ctx, RNNI_MAX(labels->count, 1), sizeof *at, &at));
  RNNI_GOTO(rnni_array(ctx, most * h.D, sizeof *h.x, &h.x));
  RNNI_GOTO(rnni_array(ctx, most * h.V, sizeof *h.logits, &h.logits));
  RNNI_GOTO(rnni_array(ctx, most, sizeof *h.values, &h.values));
  for (int64_t r = 0; r < labels->count; r++) {
    RNNI_GOTO(rnni_pace(ctx, &done, 1));
    if (label_counts(c, r)) at[counted++] = r;
  }
  h.scale = c->args.i[REDUCTION] == RNN_MEAN && counted > 0 ? 1 / (double)counted : 1;
  for (int64_t r = 0; r < counted; r += most) {
    h.at = at + r;
    h.rows = RNNI_MIN(most, counted - r);
    RNNI_GOTO(head_rows(c, &h, &total));
  }
  rnni_f(c->out[0])[0] = (real)(total * h.scale);
done:
  rnni_free(ctx, h.values);
  rnni_free(ctx, h.logits);
  rnni_free(ctx, h.x);
  rnni_free(ctx, at);
  return status;
}

static rnn_status linear_cross_entropy_backward(rnn_ctx *ctx, rnni_call *c) {
  static const int of[] = {[D_HIDDEN] = HIDDEN, [D_WEIGHT] = WEIGHT, [D_BIAS] = BIAS};
  real by = rnni_f(c->dout[0])[0];
  int64_t work = 0;
  for (int k = 0; k < 3; k++) {
    if (of[k] >= c->nin || !c->wants[of[k]]) continue;
    const real *d = rnni_f(c->scratch[k]);
    real *to = rnni_f(c->din[of[k]]);
    for (RNNI_PIECES(c->scratch[k]->count, from, end)) {
      RNNI_TRY(rnni_pace(ctx, &work, end - from));
      for (int64_t i = from; i < end; i++) to[i] += by * d[i];
    }
  }
  return RNN_OK;
}

const rnn_op rnni_op_linear_cross_entropy = {.name = "linear_cross_entropy", .args = "TTT?T?b?c", .choices = rnni_reductions,
    .doc = "(x, labels, weight [, bias [, padded = false [, reduction = mean]]]). The cross entropy of the logits x weight' + bias, without ever holding all of them: x (..., D), labels (...) int32 from 1 as in cross_entropy, weight (V, D), bias (V). For vocabularies of 10,000 words and more; forward makes the gradients already, from the logits of some rows at a time. reduction: mean over the labels that count, or sum."
           " Errors: labels outside 0 .. V, another shape; the reduction none.",
    .shape = linear_cross_entropy_shape, .forward = linear_cross_entropy_forward,
    .backward = linear_cross_entropy_backward, .saves = RNNI_SAVE_NONE, .lengths = RNNI_LENGTHS_OWN};
