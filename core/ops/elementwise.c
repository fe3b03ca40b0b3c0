/* elementwise.c: functions of one tensor, element by element. */
#include "../kernels/kernels.h"
#include "walk.h"

#define ELEMENTWISE " Any shape. Errors: an int32 tensor."
#define OF_BOTH " Any shape, float or int32. Errors: a result that no int32 can hold."

/* One piece; where x or y is not kept, nobody looks at it. */
typedef rnni_value_fn value_fn;
typedef rnni_slope_fn slope_fn;
#define COST 3 /* of most functions, beside a sum */

typedef void kernel_fn(int64_t n, const real *x, real *y);
/* Of int32; may be beyond it. */
typedef int64_t whole_fn(int64_t x, const double *numbers);

typedef struct job {
  rnni_call *c;
  value_fn *value;
  slope_fn *slope;
  whole_fn *whole;
} job;

static bool value_piece(void *arg, const rnni_piece *p) {
  const job *j = arg;
  j->value(p->n, p->in[0], rnni_f(j->c->out[0]) + p->at, j->c->args.n);
  return true;
}

static rnn_status forward(rnn_ctx *ctx, rnni_call *c, value_fn *f) {
  job j = {.c = c, .value = f};
  rnni_walk w = {.inputs = 1, .in = c->in, .ndim = c->out_ndim, .dims = c->out_dims, .piece = value_piece, .arg = &j,
                 .cost = COST};
  bool right;
  return rnni_walk_all(ctx, &w, &right);
}

static bool slope_piece(void *arg, const rnni_piece *p) {
  const job *j = arg;
  const real *x = rnni_f(j->c->in[0]), *y = rnni_f(j->c->out[0]);
  real *dx = rnni_f(j->c->din[0]) + p->at;
  if (j->c->raw[0]) memset(dx, 0, (size_t)p->n * sizeof *dx);
  j->slope(p->n, x ? x + p->at : NULL, y ? y + p->at : NULL, p->in[0], dx, j->c->args.n);
  return true;
}

static rnn_status backward(rnn_ctx *ctx, rnni_call *c, slope_fn *f) {
  const rnn_tensor *dy = c->dout[0];
  job j = {.c = c, .slope = f};
  rnni_walk w = {.inputs = 1, .in = c->dout, .ndim = dy->ndim, .dims = dy->dims, .piece = slope_piece, .arg = &j,
                 .cost = COST};
  bool right;
  return rnni_walk_all(ctx, &w, &right);
}

static bool whole_piece(void *arg, const rnni_piece *p) {
  const job *j = arg;
  const int32_t *x = p->in[0];
  int32_t *y = rnni_i(j->c->out[0]) + p->at;
  bool right = true;
  for (int64_t i = 0; i < p->n; i++) {
    int64_t v = j->whole(x[i], j->c->args.n);
    y[i] = (int32_t)v;
    right &= v == y[i];
  }
  return right;
}

static rnn_status whole_forward(rnn_ctx *ctx, rnni_call *c, whole_fn *f) {
  job j = {.c = c, .whole = f};
  rnni_walk w = {.inputs = 1, .in = c->in, .ndim = c->out_ndim, .dims = c->out_dims, .piece = whole_piece, .arg = &j};
  bool right;
  RNNI_TRY(rnni_walk_all(ctx, &w, &right));
  for (int64_t i = 0; !right && i < c->out[0]->count; i++) {
    int32_t x = rnni_i(c->in[0])[i];
    if (f(x, c->args.n) != rnni_i(c->out[0])[i] && rnni_counts(c, i))
      return rnni_fail(ctx, RNN_EARG, "%s: element %lld: %d gives %lld, beyond int32; x:to_float() has room for it",
                       c->op->name, (long long)i + 1, x, (long long)f(x, c->args.n));
  }
  return RNN_OK;
}

/* The result has the type of the argument. */
static rnn_status shape_alike(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  c->out_type = c->in[0]->type;
  return RNN_OK;
}

/* dx += dy sign f(x) */
static void add_slope(kernel_fn *f, real sign, int64_t n, const real *x, const real *dy, real *dx) {
  real e[RNNI_PIECE];
  f(n, x, e);
  for (int64_t i = 0; i < n; i++) dx[i] += dy[i] * (sign * e[i]);
}

/* dx += dy times above where x is above 0, e^x times below elsewhere */
static void add_elu_slope(real above, real below, int64_t n, const real *x, const real *dy, real *dx) {
  real e[RNNI_PIECE];
  rnni_kernel->exp(n, x, e);
  for (int64_t i = 0; i < n; i++) dx[i] += dy[i] * (x[i] <= 0 ? below * e[i] : above);
}

/* value and slope are statements on the pieces x, y, dy, dx of n elements, with the numbers p and q of the call. */
#define PIECEWISE(op, value, slope, save, text) PIECES(op, value, slope) UNARY_OP(op, "t", rnni_shape_same, save, text ELEMENTWISE)

#define PIECES(op, value, slope)                                                                                 \
  static void op##_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {           \
    const real p = (real)numbers[0], q = (real)numbers[1];                                                       \
    (void)p, (void)q;                                                                                            \
    value;                                                                                                       \
  }                                                                                                              \
  static void op##_slope(int64_t n, const real *restrict x, const real *restrict y, const real *restrict dy,     \
                         real *restrict dx, const double *numbers) {                                             \
    const real p = (real)numbers[0], q = (real)numbers[1];                                                       \
    (void)p, (void)q, (void)x, (void)y;                                                                          \
    slope;                                                                                                       \
  }                                                                                                              \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) { return backward(ctx, c, op##_slope); }

#define UNARY_OP(op, sig, shape_rule, save, text)                                                                \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, op##_value); }             \
  DEFINE(op, op##_backward, op##_slope, sig, shape_rule, save, text)

#define DEFINE(op, bwd, df, sig, shape_rule, save, text)                                                         \
  const rnn_op rnni_op_##op = {.name = #op, .args = sig, .doc = text, .shape = shape_rule,                       \
                               .forward = op##_forward, .backward = bwd, .saves = save, .lengths = RNNI_LENGTHS_KEEP, \
                               .value = op##_value, .slope = df, .fills = true};

#define EACH(statement) for (int64_t i = 0; i < n; i++) statement
#define X x[i]
#define Y y[i]

/* y = f(X), dx += dy df(X, Y); the second with a forward pass of the kernel table. */
#define UNARY(op, f, df, save, text) PIECEWISE(op, EACH(Y = (f)), EACH(dx[i] += dy[i] * (df)), save, text)
#define UNARY_KERNEL(op, slope, save, text) PIECEWISE(op, rnni_kernel->op(n, x, y), slope, save, text)

/* Of int32 as well: g of x, exactly. */
#define WHOLE_FORWARD(op, g)                                                                                     \
  static int64_t op##_whole(int64_t x, const double *numbers) {                                                  \
    (void)numbers;                                                                                               \
    return g;                                                                                                    \
  }                                                                                                              \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                                   \
    return c->out_type == RNN_INT ? whole_forward(ctx, c, op##_whole) : forward(ctx, c, op##_value);             \
  }
#define UNARY_BOTH(op, f, df, g, save, text)                                                                     \
  PIECES(op, EACH(Y = (f)), EACH(dx[i] += dy[i] * (df)))                                                         \
  WHOLE_FORWARD(op, g)                                                                                           \
  DEFINE(op, op##_backward, op##_slope, "t", shape_alike, save, text OF_BOTH " Errors: an int32 result beyond int32.")

#define SELU_SCALE ((real)1.0507009873554805)
#define SELU_ALPHA ((real)1.6732632423543772)

static rnn_status clamp_shape(rnn_ctx *ctx, rnni_call *c) {
  double low = c->args.n[0], high = c->args.n[1];
  if (!(low <= high))
    return rnni_fail(ctx, RNN_EARG, "clamp: expected limits low <= high, got %s and %s", rnni_number_text(low),
                     rnni_number_text(high));
  bool whole = (floor(low) == low && low <= INT32_MAX) && (floor(high) == high && high >= INT32_MIN);
  if (c->in[0]->type == RNN_INT && !whole)
    return rnni_fail(ctx, RNN_EARG, "clamp: expected limits that are int32 or infinite, got %s and %s; x:to_float() takes "
                     "others", rnni_number_text(low), rnni_number_text(high));
  return shape_alike(ctx, c);
}

UNARY_BOTH(neg, -X, -1, -x, 0, "(x). -x.")
UNARY_BOTH(abs, RNNI_M(fabs)(X), (real)((X > 0) - (X < 0)), x < 0 ? -x : x, RNNI_SAVE_IN0,
           "(x). |x|; its derivative at 0 is 0.")
UNARY_BOTH(square, X *X, 2 * X, x *x, RNNI_SAVE_IN0, "(x). x*x.")
UNARY(sqrt, RNNI_M(sqrt)(X), (real)0.5 / Y, RNNI_SAVE_OUT, "(x). Square root; NaN below 0.")
UNARY(rsqrt, 1 / RNNI_M(sqrt)(X), (real)-0.5 * Y * Y * Y, RNNI_SAVE_OUT, "(x). 1 over the square root; NaN below 0.")
UNARY(reciprocal, 1 / X, -Y * Y, RNNI_SAVE_OUT, "(x). 1/x.")
UNARY_KERNEL(log, EACH(dx[i] += dy[i] / X), RNNI_SAVE_IN0, "(x). Natural logarithm; NaN below 0.")
UNARY_KERNEL(log1p, EACH(dx[i] += dy[i] / (1 + X)), RNNI_SAVE_IN0, "(x). log(1 + x), also of a small x; NaN below -1.")
UNARY_KERNEL(expm1, EACH(dx[i] += dy[i] * (Y + 1)), RNNI_SAVE_OUT, "(x). e^x - 1, also of a small x.")
UNARY_KERNEL(sin, add_slope(rnni_kernel->cos, 1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). Sine, x in radians.")
UNARY_KERNEL(cos, add_slope(rnni_kernel->sin, -1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). Cosine, x in radians.")

static void tan_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  real cosine[RNNI_PIECE];
  (void)numbers;
  rnni_kernel->sin(n, x, y);
  rnni_kernel->cos(n, x, cosine);
  EACH(Y /= cosine[i]);
}
/* sqrt(1 - x^2) */
static void other_leg(int64_t n, const real *x, real *y) { EACH(Y = RNNI_M(sqrt)((1 - X) * (1 + X))); }
static void asin_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  (void)numbers;
  other_leg(n, x, y);
  rnni_kernel->atan2(n, x, 1, y, 1, y);
}
static void acos_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  (void)numbers;
  other_leg(n, x, y);
  rnni_kernel->atan2(n, y, 1, x, 1, y);
}
static void atan_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  (void)numbers;
  rnni_kernel->atan2(n, x, 1, &(real){1}, 0, y);
}
/* e^|x| / 2 in two factors, which stays finite as long as it can. */
static __attribute__((noinline)) void half_exp(int64_t n, const real *x, real *y) {
  EACH(Y = RNNI_M(fabs)(X) / 2);
  rnni_kernel->exp(n, y, y);
  EACH(Y = Y / 2 * Y);
}
static void cosh_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  (void)numbers;
  half_exp(n, x, y);
  EACH(Y += (real)0.25 / Y);
}
static void sinh_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  real e[RNNI_PIECE];
  (void)numbers;
  EACH(Y = RNNI_M(fabs)(X));
  rnni_kernel->expm1(n, y, e);
  half_exp(n, x, y);
  EACH(Y = e[i] < 1000 ? (e[i] + e[i] / (e[i] + 1)) / 2 : Y);
  EACH(Y = X < 0 ? -Y : X == 0 ? X : Y);
}
#define SLOPE_ONLY(op, statement, save, text)                                                                     \
  static void op##_slope(int64_t n, const real *restrict x, const real *restrict y, const real *restrict dy,     \
                         real *restrict dx, const double *numbers) {                                             \
    (void)x, (void)y, (void)numbers;                                                                             \
    statement;                                                                                                   \
  }                                                                                                              \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) { return backward(ctx, c, op##_slope); }           \
  UNARY_OP(op, "t", rnni_shape_same, save, text ELEMENTWISE)
static void plain_sinh(int64_t n, const real *x, real *y) { sinh_value(n, x, y, NULL); }
static void plain_cosh(int64_t n, const real *x, real *y) { cosh_value(n, x, y, NULL); }
SLOPE_ONLY(tan, EACH(dx[i] += dy[i] * (1 + Y * Y)), RNNI_SAVE_OUT, "(x). Tangent, x in radians.")
SLOPE_ONLY(asin, EACH(dx[i] += dy[i] / RNNI_M(sqrt)((1 - X) * (1 + X))), RNNI_SAVE_IN0,
           "(x). The angle whose sine is x, in radians; NaN beyond -1 to 1.")
SLOPE_ONLY(acos, EACH(dx[i] -= dy[i] / RNNI_M(sqrt)((1 - X) * (1 + X))), RNNI_SAVE_IN0,
           "(x). The angle whose cosine is x, in radians; NaN beyond -1 to 1.")
SLOPE_ONLY(atan, EACH(dx[i] += dy[i] / (1 + X * X)), RNNI_SAVE_IN0, "(x). The angle whose tangent is x, in radians.")
SLOPE_ONLY(sinh, add_slope(plain_cosh, 1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). Hyperbolic sine.")
SLOPE_ONLY(cosh, add_slope(plain_sinh, 1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). Hyperbolic cosine.")

/* dx += dy 2/sqrt(pi) e^(-x^2) */
static void erf_density(int64_t n, const real *x, real *y) {
  EACH(Y = -X * X);
  rnni_kernel->exp(n, y, y);
}
UNARY_KERNEL(erf, add_slope(erf_density, (real)1.1283791670955126, n, x, dy, dx), RNNI_SAVE_IN0,
             "(x). The error function.")

/* The share of the normal distribution below x, and x times its density. */
static void gelu_derivative(int64_t n, const real *x, real *y) {
  real density[RNNI_PIECE];
  EACH(Y = -X * X / 2);
  rnni_kernel->exp(n, y, density);
  EACH(Y = X * (real)0.7071067811865475);
  rnni_kernel->erf(n, y, y);
  EACH(Y = (1 + Y) / 2 + (RNNI_M(fabs)(X) < 100 ? X * (density[i] * (real)0.3989422804014327) : 0));
}
UNARY_KERNEL(gelu, add_slope(gelu_derivative, 1, n, x, dy, dx), RNNI_SAVE_IN0,
             "(x). x times the share of the normal distribution below x, exactly, by erf (Hendrycks and Gimpel 2016).")

static void silu_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  (void)numbers;
  rnni_kernel->sigmoid(n, x, y);
  EACH(Y = X == -(real)INFINITY ? 0 : X * Y);
}
static void silu_derivative(int64_t n, const real *x, real *y) {
  rnni_kernel->sigmoid(n, x, y);
  EACH(Y = RNNI_M(fabs)(X) == (real)INFINITY ? Y : Y * (1 + X * (1 - Y)));
}
SLOPE_ONLY(silu, add_slope(silu_derivative, 1, n, x, dy, dx), RNNI_SAVE_IN0,
           "(x). x sigmoid(x), also called swish (Elfwing et al. 2018).")

static void log_sigmoid_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {
  (void)numbers;
  EACH(Y = -X);
  rnni_kernel->softplus(n, y, y);
  EACH(Y = -Y);
}
static void log_sigmoid_derivative(int64_t n, const real *x, real *y) {
  EACH(Y = -X);
  rnni_kernel->sigmoid(n, y, y);
}
SLOPE_ONLY(log_sigmoid, add_slope(log_sigmoid_derivative, 1, n, x, dy, dx), RNNI_SAVE_IN0,
           "(x). log(sigmoid(x)), also where the sigmoid is 0.")
UNARY_KERNEL(exp, EACH(dx[i] += dy[i] * Y), RNNI_SAVE_OUT, "(x). e^x.")
UNARY_KERNEL(tanh, EACH(dx[i] += dy[i] * (1 - Y * Y)), RNNI_SAVE_OUT, "(x). Hyperbolic tangent.")
UNARY_KERNEL(sigmoid, EACH(dx[i] += dy[i] * (Y * (1 - Y))), RNNI_SAVE_OUT, "(x). 1/(1+e^-x).")
UNARY_KERNEL(softplus, add_slope(rnni_kernel->sigmoid, 1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). log(1 + e^x).")
PIECEWISE(relu, rnni_kernel->elements->real[RNNI_MAXIMUM](n, &(real){0}, 0, x, 1, y), EACH(dx[i] += dy[i] * (Y <= 0 ? 0 : 1)),
          RNNI_SAVE_OUT, "(x). max(x, 0).")
PIECES(leaky_relu, EACH(Y = X > 0 ? X : p * X), EACH(dx[i] += dy[i] * (X > 0 ? 1 : p)))
UNARY_OP(leaky_relu, "tn", rnni_shape_same, RNNI_SAVE_IN0, "(x, slope). x above 0, slope*x below." ELEMENTWISE)
PIECEWISE(elu, rnni_kernel->expm1(n, x, y); EACH(Y = X > 0 ? X : Y), add_elu_slope(1, 1, n, x, dy, dx),
          RNNI_SAVE_IN0, "(x). x above 0, e^x - 1 below (Clevert et al. 2016).")
PIECEWISE(selu, rnni_kernel->expm1(n, x, y); EACH(Y = SELU_SCALE * (X > 0 ? X : SELU_ALPHA * Y)),
          add_elu_slope(SELU_SCALE, SELU_SCALE * SELU_ALPHA, n, x, dy, dx), RNNI_SAVE_IN0,
          "(x). Scaled elu (Klambauer et al. 2017).")
UNARY(softsign, RNNI_M(fabs)(X) == (real)INFINITY ? (real)((X > 0) - (X < 0)) : X / (1 + RNNI_M(fabs)(X)),
      1 / ((1 + RNNI_M(fabs)(X)) * (1 + RNNI_M(fabs)(X))), RNNI_SAVE_IN0, "(x). x/(1+|x|).")
UNARY(hard_sigmoid, X <= -3 ? 0 : X >= 3 ? 1 : X / 6 + (real)0.5, (real)(X > -3 && X < 3) / 6, RNNI_SAVE_IN0,
      "(x). clamp(x/6 + 1/2, 0, 1), as in Keras 3 and PyTorch.")
PIECES(clamp, EACH(Y = X < p ? p : X > q ? q : X), EACH(dx[i] += X >= p && X <= q ? dy[i] : 0))
static int64_t clamp_whole(int64_t x, const double *numbers) {
  double v = (double)x;
  return (int64_t)(v < numbers[0] ? numbers[0] : v > numbers[1] ? numbers[1] : v); /* beyond int32 it is an error */
}
static rnn_status clamp_forward(rnn_ctx *ctx, rnni_call *c) {
  return c->out_type == RNN_INT ? whole_forward(ctx, c, clamp_whole) : forward(ctx, c, clamp_value);
}
DEFINE(clamp, clamp_backward, clamp_slope, "tnn", clamp_shape, RNNI_SAVE_IN0,
       "(x, low, high). x limited to [low, high], either of which may be infinite; NaN stays." OF_BOTH
       " Errors: a low above high, for int32 a limit that is none.")

/* Piecewise constant: no gradient. */
#define STEP_VALUE(op, statement)                                                                                \
  static void op##_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {           \
    (void)numbers;                                                                                               \
    statement;                                                                                                   \
  }
#define STEP(op, statement, g, text) STEP_VALUE(op, statement) WHOLE_FORWARD(op, g) \
  DEFINE(op, NULL, NULL, "t", shape_alike, 0, text OF_BOTH " Never an error.")
STEP(sign, EACH(Y = (real)((X > 0) - (X < 0))), (x > 0) - (x < 0), "(x). -1, 0 or 1.")
STEP(floor, rnni_kernel->elements->floor(n, x, y), x, "(x). The largest integer not above x.")
STEP(ceil, EACH(Y = -X); rnni_kernel->elements->floor(n, y, y); EACH(Y = -Y), x, "(x). The smallest integer not below x.")
STEP_VALUE(is_finite, EACH(Y = (real)isfinite(X)))
static rnn_status is_finite_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, is_finite_value); }
DEFINE(is_finite, NULL, NULL, "t", rnni_shape_same, 0, "(x). 1 where x is a number, 0 where it is NaN or infinite." ELEMENTWISE)

/* i[0]: straight through; without it the call is as flat as floor. */
static rnn_status round_shape(rnn_ctx *ctx, rnni_call *c) {
  c->flat = !c->args.i[0];
  return shape_alike(ctx, c);
}
STEP_VALUE(round, rnni_kernel->elements->round(n, x, y))
WHOLE_FORWARD(round, x)
static rnn_status round_backward(rnn_ctx *ctx, rnni_call *c) {
  if (c->raw[0]) return rnni_copy(ctx, rnni_f(c->din[0]), rnni_f(c->dout[0]), (size_t)c->din[0]->count * sizeof(real));
  return rnni_add_tensor(ctx, c->din[0], c->dout[0]);
}
DEFINE(round, round_backward, NULL, "tb", round_shape, 0,
       "(x [, straight_through]). The nearest integer, of two the even one. No gradient, or with straight_through that of x (Bengio et al. 2013)."
       OF_BOTH " Never an error.")

static rnn_status to_int_shape(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  c->out_type = RNN_INT;
  return RNN_OK;
}

static rnn_status to_int_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int32_t *y = rnni_i(c->out[0]);
  int64_t done = 0, width;
  if (x->type == RNN_INT) return rnni_copy(ctx, y, x->data, (size_t)x->count * sizeof *y);
  rnni_valid_rows(x, &width);
  for (int64_t i = 0; i < x->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    double v = (double)rnni_f(x)[i];
    bool holds = v > -2147483649.0 && v < 2147483648.0;
    if (!holds && rnni_is_valid_row(x, i / width))
      return rnni_fail(ctx, RNN_EARG, "to_int: element %lld is %s, which no int32 can hold", (long long)i + 1,
                       rnni_number_text(v));
    y[i] = holds ? (int32_t)v : 0;
  }
  return RNN_OK;
}
const rnn_op rnni_op_to_int = {.name = "to_int", .args = "t", .doc = "(x) -> int32 tensor. Cut towards 0."
                               " Any shape. Errors: an element that no int32 can hold; behind lengths it is 0.",
                               .shape = to_int_shape, .forward = to_int_forward, .lengths = RNNI_LENGTHS_KEEP};

static rnn_status to_float_shape(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  return RNN_OK;
}

rnn_status rnni_to_float(rnn_ctx *ctx, const char *what, const rnn_tensor *x, real *y) {
  char text[160];
  int64_t width, done = 0;
  for (RNNI_PIECES(x->count, from, to)) {
    RNNI_TRY(rnni_pace(ctx, &done, to - from));
    bool exact = true;
    for (int64_t i = from; i < to; i++) {
      y[i] = (real)rnni_i(x)[i];
      exact &= (double)y[i] == rnni_i(x)[i];
    }
    if (exact) continue;
    int64_t rows = rnni_valid_rows(x, &width);
    for (int64_t i = from; i < to; i++)
      if ((double)y[i] != rnni_i(x)[i] && (rows == 1 || rnni_is_valid_row(x, i / width)))
        return rnni_fail(ctx, RNN_EARG, "%s: element %lld: %s; subtract or divide first, or run with --double", what,
                         (long long)i + 1, rnn_real_refuses(rnni_i(x)[i], text, sizeof text));
  }
  return RNN_OK;
}

static rnn_status to_float_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  real *y = rnni_f(c->out[0]);
  if (x->type == RNN_FLOAT) return rnni_copy(ctx, y, x->data, (size_t)x->count * sizeof *y);
  return rnni_to_float(ctx, "to_float", x, y);
}

static rnn_status to_float_backward(rnn_ctx *ctx, rnni_call *c) {
  return rnni_add_tensor(ctx, c->din[0], c->dout[0]);
}
const rnn_op rnni_op_to_float = {.name = "to_float", .args = "t", .doc = "(x) -> float tensor."
                               " Any shape. Errors: an int32 that float would round.",
                                 .shape = to_float_shape, .forward = to_float_forward, .backward = to_float_backward,
                                 .lengths = RNNI_LENGTHS_KEEP};
