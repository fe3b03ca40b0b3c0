/* moments.c: variance, standard deviation and norms of lines. */
#include "reduction.h"

/* ---- variance: two passes, so that a large mean takes no digits ---- */

static rnn_status variance_shape(rnn_ctx *ctx, rnni_call *c) {
  if (c->args.i[1] < 0)
    return rnni_fail(ctx, RNN_EARG, "%s: expected a correction of at least 0, got %lld", c->op->name,
                     (long long)c->args.i[1]);
  return rnni_reduced_shape(ctx, c);
}

/* The mean of each line; of nothing 0. */
static rnn_status means(rnn_ctx *ctx, const rnni_lines *l, double *out) {
  RNNI_TRY(rnni_reduce(&(rnni_reduction){.ctx = ctx, .l = l, .type = RNN_FLOAT, .how = RNNI_SUM, .sums = out}));
  for (int64_t i = 0; i < l->outer * l->inner; i++) out[i] /= (double)RNNI_MAX(rnni_line_valid(l, i / l->inner), 1);
  return RNN_OK;
}

/* What a sum of squares is divided by; NaN where nothing is left. */
static double divisor(const rnni_call *c, const rnni_lines *l, int64_t i) {
  double n = (double)rnni_line_valid(l, i / l->inner) - (double)c->args.i[1];
  return n > 0 ? n : (double)NAN;
}

static rnn_status variance_forward(rnn_ctx *ctx, rnni_call *c, bool root) {
  int64_t count = c->out[0]->count;
  rnni_lines l;
  rnni_doubles mean = {.at = mean.few}, squares = {.at = squares.few};
  rnn_status status;
  RNNI_TRY(rnni_lines_open_floats(ctx, c, &l));
  RNNI_GOTO(rnni_doubles_new(ctx, count, &mean));
  RNNI_GOTO(rnni_doubles_new(ctx, count, &squares));
  RNNI_GOTO(means(ctx, &l, mean.at));
  RNNI_GOTO(rnni_reduce(&(rnni_reduction){.ctx = ctx, .l = &l, .type = RNN_FLOAT, .how = RNNI_SQUARES,
                                          .shift = mean.at, .sums = squares.at}));
  for (int64_t i = 0; i < count; i++) {
    double y = squares.at[i] / divisor(c, &l, i);
    rnni_f(c->out[0])[i] = (real)(root ? sqrt(y) : y);
  }
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_doubles_free(ctx, &squares);
  rnni_doubles_free(ctx, &mean);
  rnni_lines_close(ctx, &l);
  return status;
}

/* dx = dy 2 (x - mean) / (n - correction), or, of the root, dy (x - mean) / ((n - correction) y); 0 where that is 0. */
static rnn_status variance_backward(rnn_ctx *ctx, rnni_call *c, bool root) {
  rnni_lines l;
  rnni_doubles mean = {.at = mean.few}, slope = {.at = slope.few};
  int64_t count = c->dout[0]->count, work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  RNNI_GOTO(rnni_doubles_new(ctx, count, &mean));
  RNNI_GOTO(rnni_doubles_new(ctx, count, &slope));
  RNNI_GOTO(means(ctx, &l, mean.at));
  for (int64_t i = 0; i < count; i++) {
    double y = root ? (double)rnni_f(c->out[0])[i] : 0.5;
    slope.at[i] = y == 0 ? 0 : (double)rnni_f(c->dout[0])[i] / (divisor(c, &l, i) * y);
  }
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t k = 0, n = rnni_line_valid(&l, o); k < n; k++) {
      int64_t at = (o * l.length + k) * l.inner;
      RNNI_GOTO(rnni_pace(ctx, &work, 2 + l.inner));
      for (int64_t i = 0; i < l.inner; i++)
        l.dx[at + i] += (real)(slope.at[o * l.inner + i] * ((double)((const real *)l.x)[at + i] - mean.at[o * l.inner + i]));
    }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_doubles_free(ctx, &slope);
  rnni_doubles_free(ctx, &mean);
  rnni_lines_close(ctx, &l);
  return status;
}

#define CORRECTION " the sum of squared distances from the mean, divided by their number less correction: 1, the default, for a" \
                   " sample, 0 for all there is; NaN where nothing is left. Along" RNNI_AXES " int32 gives float." RNNI_AXES_ERRORS ", a correction below 0."

static rnn_status var_forward(rnn_ctx *ctx, rnni_call *c) { return variance_forward(ctx, c, false); }
static rnn_status var_backward(rnn_ctx *ctx, rnni_call *c) { return variance_backward(ctx, c, false); }
const rnn_op rnni_op_var = {.name = "var", .args = "tA?b?i", .absent = 1, .doc = "(x [, axes [, keep [, correction = 1]]]). Variance:" CORRECTION,
                            .shape = variance_shape, .forward = var_forward, .backward = var_backward,
                            .saves = RNNI_SAVE_IN0, .lengths = RNNI_LENGTHS_OWN};

static rnn_status std_forward(rnn_ctx *ctx, rnni_call *c) { return variance_forward(ctx, c, true); }
static rnn_status std_backward(rnn_ctx *ctx, rnni_call *c) { return variance_backward(ctx, c, true); }
const rnn_op rnni_op_std = {.name = "std", .args = "tA?b?i", .absent = 1, .doc = "(x [, axes [, keep [, correction = 1]]]). Standard deviation, the root of the variance:" CORRECTION " Where it is 0, so is its gradient.",
                            .shape = variance_shape, .forward = std_forward, .backward = std_backward,
                            .saves = RNNI_SAVE_IN0 | RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_OWN};

/* ---- norms ---- */

static rnn_status norm_shape(rnn_ctx *ctx, rnni_call *c) {
  if (c->args.n[0] != c->args.n[0]) return rnni_fail(ctx, RNN_EARG, "norm: expected a number p, got nan");
  return rnni_reduced_shape(ctx, c);
}

/* |x|^p; of p 0, whether x is not 0. */
static void map_powers(const rnni_reduction *r, int64_t rows, int64_t n, const real *x, int64_t ld, const double *shift,
                       bool of_rows, real *y) {
  real p = (real)r->number;
  (void)shift, (void)of_rows;
  for (int64_t k = 0; k < rows; k++)
    for (int64_t i = 0; i < n; i++) {
      real v = RNNI_M(fabs)(x[k * ld + i]);
      y[k * n + i] = p == 0 && v > 0 ? 1 : v;
    }
  if (p != 0) rnni_kernel->pow(rows * n, y, 1, &p, 0, y);
}

static void map_sizes(const rnni_reduction *r, int64_t rows, int64_t n, const real *x, int64_t ld, const double *shift,
                      bool of_rows, real *y) {
  (void)r, (void)shift, (void)of_rows;
  for (int64_t k = 0; k < rows; k++)
    for (int64_t i = 0; i < n; i++) y[k * n + i] = RNNI_M(fabs)(x[k * ld + i]);
}

static rnn_status norm_of(rnn_ctx *ctx, const rnni_lines *l, double p, double *sums, real *y) {
  rnni_reduction r = {.ctx = ctx, .l = l, .type = RNN_FLOAT, .number = p};
  int64_t count = l->outer * l->inner;
  if (isinf(p)) {
    r.map = map_sizes;
    r.smallest = p < 0;
    r.top = y;
    RNNI_TRY(rnni_reduce(&r));
    for (int64_t i = 0; i < count && p > 0; i++)
      if (rnni_line_valid(l, i / l->inner) == 0) y[i] = 0;
    return RNN_OK;
  }
  r.how = p == 1 ? RNNI_SIZES : p == 2 ? RNNI_SQUARES : RNNI_SUM;
  if (r.how == RNNI_SUM) r.map = map_powers;
  r.sums = sums;
  RNNI_TRY(rnni_reduce(&r));
  for (int64_t i = 0; i < count; i++)
    y[i] = (real)(p == 2 ? sqrt(sums[i]) : p == 1 || p == 0 ? sums[i] : rnni_pow(sums[i], 1 / p));
  return RNN_OK;
}

static rnn_status norm_forward(rnn_ctx *ctx, rnni_call *c) {
  rnni_lines l;
  rnni_doubles sums = {.at = sums.few};
  rnn_status status;
  RNNI_TRY(rnni_lines_open_floats(ctx, c, &l));
  RNNI_GOTO(rnni_doubles_new(ctx, c->out[0]->count, &sums));
  RNNI_GOTO(norm_of(ctx, &l, c->args.n[0], sums.at, rnni_f(c->out[0])));
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_doubles_free(ctx, &sums);
  rnni_lines_close(ctx, &l);
  return status;
}

/* dx = dy sign(x) (|x| / y)^(p-1); of an infinite p that of the first element which is the norm. 0 where x or y is. */
static real norm_slope(double p, real x, real y) {
  double sign = (x > 0) - (x < 0), share = fabs((double)x) / (double)y;
  if (x != x || y != y) return (real)NAN;
  if (x == 0 || y == 0 || p == 0) return 0;
  return (real)(p == 1 || isinf(p) ? sign : p == 2 ? sign * share : sign * rnni_pow(share, p - 1));
}

static rnn_status norm_backward(rnn_ctx *ctx, rnni_call *c) {
  const real *y = rnni_f(c->out[0]), *dy = rnni_f(c->dout[0]);
  double p = c->args.n[0];
  rnni_lines l;
  int64_t work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  for (int64_t i = 0; i < c->dout[0]->count; i++) {
    int64_t o = i / l.inner, at = o * l.length * l.inner + i % l.inner, n = rnni_line_valid(&l, o);
    for (int64_t k = 0; k < n; k++, at += l.inner) {
      real x = ((const real *)l.x)[at];
      RNNI_GOTO(rnni_pace(ctx, &work, isinf(p) || p == 1 || p == 2 ? 2 : 20));
      if (isinf(p) && RNNI_M(fabs)(x) != y[i] && x == x) continue;
      l.dx[at] += dy[i] * norm_slope(p, x, y[i]);
      if (isinf(p)) break;
    }
  }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_lines_close(ctx, &l);
  return status;
}
const rnn_op rnni_op_norm = {.name = "norm", .args = "t?nA?b", .absent = 2, .doc = "(x [, p = 2 [, axes [, keep]]]). The p-norm (sum of |x|^p)^(1/p): math.huge for the largest |x|, whose first place takes the gradient, -math.huge for the smallest, 0 for how many are not 0. Along" RNNI_AXES " 0 of nothing; its gradient is 0 where it is 0; int32 gives float." RNNI_AXES_ERRORS ", a p that is nan.",
                             .shape = norm_shape, .forward = norm_forward, .backward = norm_backward,
                             .saves = RNNI_SAVE_IN0 | RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_OWN};
