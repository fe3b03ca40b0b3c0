/* elementwise.c: functions of one tensor, element by element. */
#include "../internal.h"
#include "../kernels/kernels.h"

#define ELEMENTWISE " Any shape. Errors: an int32 tensor."

/* One piece: y = f(x); dx += dy df. Where x or y is not kept, nobody looks at it. */
typedef void value_fn(int64_t n, const real *restrict x, real *restrict y, const double *numbers);
typedef void slope_fn(int64_t n, const real *restrict x, const real *restrict y, const real *restrict dy,
                      real *restrict dx, const double *numbers);
typedef void kernel_fn(int64_t n, const real *x, real *y);

static rnn_status forward(rnn_ctx *ctx, rnni_call *c, value_fn *f) {
  int64_t done = 0;
  for (RNNI_PIECES(c->out[0]->count, from, to)) {
    RNNI_TRY(rnni_pace(ctx, &done, to - from));
    f(to - from, rnni_f(c->in[0]) + from, rnni_f(c->out[0]) + from, c->args.n);
  }
  return RNN_OK;
}

static rnn_status backward(rnn_ctx *ctx, rnni_call *c, slope_fn *f) {
  const real *x = rnni_f(c->in[0]), *y = rnni_f(c->out[0]);
  int64_t done = 0;
  for (RNNI_PIECES(c->dout[0]->count, from, to)) {
    RNNI_TRY(rnni_pace(ctx, &done, to - from));
    f(to - from, x ? x + from : NULL, y ? y + from : NULL, rnni_f(c->dout[0]) + from, rnni_f(c->din[0]) + from,
      c->args.n);
  }
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
#define PIECEWISE(op, value, slope, sig, shape_rule, save, text)                                                 \
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
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, op##_value); }             \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) { return backward(ctx, c, op##_slope); }           \
  UNARY_OP(op, op##_backward, sig, shape_rule, save, text)

#define UNARY_OP(op, bwd, sig, shape_rule, save, text)                                                           \
  const rnn_op rnni_op_##op = {.name = #op, .args = sig, .doc = text ELEMENTWISE, .shape = shape_rule,           \
                               .forward = op##_forward, .backward = bwd, .saves = save, .lengths = RNNI_LENGTHS_KEEP};

#define EACH(statement) for (int64_t i = 0; i < n; i++) statement
#define X x[i]
#define Y y[i]

/* y = f(X), dx += dy df(X, Y); the second with a forward pass of the kernel table. */
#define UNARY(op, f, df, sig, save, text) \
  PIECEWISE(op, EACH(Y = (f)), EACH(dx[i] += dy[i] * (df)), sig, rnni_shape_same, save, text)
#define UNARY_KERNEL(op, slope, save, text) PIECEWISE(op, rnni_kernel->op(n, x, y), slope, "t", rnni_shape_same, save, text)

#define SELU_SCALE ((real)1.0507009873554805)
#define SELU_ALPHA ((real)1.6732632423543772)

static rnn_status clamp_shape(rnn_ctx *ctx, rnni_call *c) {
  double low = c->args.n[0], high = c->args.n[1];
  if (!(low <= high))
    return rnni_fail(ctx, RNN_EARG, "clamp: expected limits low <= high, got %s and %s", rnni_number_text(low),
                     rnni_number_text(high));
  return rnni_shape_same(ctx, c);
}

UNARY(neg, -X, -1, "t", 0, "(x). -x.")
UNARY(abs, RNNI_M(fabs)(X), (real)((X > 0) - (X < 0)), "t", RNNI_SAVE_IN0, "(x). |x|; its derivative at 0 is 0.")
UNARY(sqrt, RNNI_M(sqrt)(X), (real)0.5 / Y, "t", RNNI_SAVE_OUT, "(x). Square root; NaN below 0.")
UNARY(square, X *X, 2 * X, "t", RNNI_SAVE_IN0, "(x). x*x.")
UNARY(reciprocal, 1 / X, -Y * Y, "t", RNNI_SAVE_OUT, "(x). 1/x.")
UNARY_KERNEL(log, EACH(dx[i] += dy[i] / X), RNNI_SAVE_IN0, "(x). Natural logarithm; NaN below 0.")
UNARY_KERNEL(sin, add_slope(rnni_kernel->cos, 1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). Sine, x in radians.")
UNARY_KERNEL(cos, add_slope(rnni_kernel->sin, -1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). Cosine, x in radians.")
UNARY_KERNEL(exp, EACH(dx[i] += dy[i] * Y), RNNI_SAVE_OUT, "(x). e^x.")
UNARY_KERNEL(tanh, EACH(dx[i] += dy[i] * (1 - Y * Y)), RNNI_SAVE_OUT, "(x). Hyperbolic tangent.")
UNARY_KERNEL(sigmoid, EACH(dx[i] += dy[i] * (Y * (1 - Y))), RNNI_SAVE_OUT, "(x). 1/(1+e^-x).")
UNARY_KERNEL(softplus, add_slope(rnni_kernel->sigmoid, 1, n, x, dy, dx), RNNI_SAVE_IN0, "(x). log(1 + e^x).")
UNARY(relu, X > 0 ? X : X != X ? X : 0, Y <= 0 ? 0 : 1, "t", RNNI_SAVE_OUT, "(x). max(x, 0).")
UNARY(leaky_relu, X > 0 ? X : p * X, X > 0 ? 1 : p, "tn", RNNI_SAVE_IN0, "(x, slope). x above 0, slope*x below.")
PIECEWISE(elu, rnni_kernel->expm1(n, x, y); EACH(Y = X > 0 ? X : Y), add_elu_slope(1, 1, n, x, dy, dx), "t",
          rnni_shape_same, RNNI_SAVE_IN0, "(x). x above 0, e^x - 1 below (Clevert et al. 2016).")
PIECEWISE(selu, rnni_kernel->expm1(n, x, y); EACH(Y = SELU_SCALE * (X > 0 ? X : SELU_ALPHA * Y)),
          add_elu_slope(SELU_SCALE, SELU_SCALE * SELU_ALPHA, n, x, dy, dx), "t", rnni_shape_same, RNNI_SAVE_IN0,
          "(x). Scaled elu (Klambauer et al. 2017).")
UNARY(softsign, RNNI_M(fabs)(X) == (real)INFINITY ? (real)((X > 0) - (X < 0)) : X / (1 + RNNI_M(fabs)(X)),
      1 / ((1 + RNNI_M(fabs)(X)) * (1 + RNNI_M(fabs)(X))), "t", RNNI_SAVE_IN0, "(x). x/(1+|x|).")
UNARY(hard_sigmoid, X <= -3 ? 0 : X >= 3 ? 1 : X / 6 + (real)0.5, (real)(X > -3 && X < 3) / 6, "t", RNNI_SAVE_IN0,
      "(x). clamp(x/6 + 1/2, 0, 1), as in Keras 3 and PyTorch.")
PIECEWISE(clamp, EACH(Y = X < p ? p : X > q ? q : X), EACH(dx[i] += X >= p && X <= q ? dy[i] : 0), "tnn", clamp_shape,
          RNNI_SAVE_IN0, "(x, low, high). x limited to [low, high]; NaN stays. Errors: a low above high.")

/* Piecewise constant: no gradient. */
#define STEP(op, f, text)                                                                                        \
  static void op##_value(int64_t n, const real *restrict x, real *restrict y, const double *numbers) {           \
    (void)numbers;                                                                                               \
    EACH(Y = (real)(f));                                                                                         \
  }                                                                                                              \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, op##_value); }             \
  UNARY_OP(op, NULL, "t", rnni_shape_same, 0, text)
STEP(sign, (X > 0) - (X < 0), "(x). -1, 0 or 1.")
STEP(floor, RNNI_M(floor)(X), "(x). The largest integer not above x.")
STEP(is_finite, isfinite(X), "(x). 1 where x is a number, 0 where it is NaN or infinite.")

static rnn_status to_int_shape(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  c->out_type = RNN_INT;
  return RNN_OK;
}

static rnn_status to_int_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int32_t *y = rnni_i(c->out[0]);
  int64_t done = 0;
  if (x->type == RNN_INT) return rnni_copy(ctx, y, x->data, (size_t)x->count * sizeof *y);
  for (int64_t i = 0; i < x->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    double v = (double)rnni_f(x)[i];
    if (!(v > -2147483649.0 && v < 2147483648.0))
      return rnni_fail(ctx, RNN_EARG, "to_int: element %lld is %s, which no int32 can hold", (long long)i + 1,
                       rnni_number_text(v));
    y[i] = (int32_t)v;
  }
  return RNN_OK;
}
const rnn_op rnni_op_to_int = {.name = "to_int", .args = "t", .doc = "(x) -> int32 tensor. Cut towards 0."
                               " Any shape. Errors: an element that no int32 can hold.",
                               .shape = to_int_shape, .forward = to_int_forward, .lengths = RNNI_LENGTHS_KEEP};

static rnn_status to_float_shape(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  return RNN_OK;
}

static rnn_status to_float_forward(rnn_ctx *ctx, rnni_call *c) {
  char text[160];
  const rnn_tensor *x = c->in[0];
  real *y = rnni_f(c->out[0]);
  int64_t done = 0;
  if (x->type == RNN_FLOAT) return rnni_copy(ctx, y, x->data, (size_t)x->count * sizeof *y);
  for (RNNI_PIECES(x->count, from, to)) {
    RNNI_TRY(rnni_pace(ctx, &done, to - from));
    for (int64_t i = from; i < to; i++) {
      y[i] = (real)rnni_i(x)[i];
      if ((double)y[i] != rnni_i(x)[i])
        return rnni_fail(ctx, RNN_EARG, "to_float: element %lld: %s; subtract or divide first, or run with --double",
                         (long long)i + 1, rnn_real_refuses(rnni_i(x)[i], text, sizeof text));
    }
  }
  return RNN_OK;
}

static rnn_status to_float_backward(rnn_ctx *ctx, rnni_call *c) {
  return rnni_add_tensor(ctx, c->din[0], c->dout[0]);
}
const rnn_op rnni_op_to_float = {.name = "to_float", .args = "t", .doc = "(x) -> float tensor."
                               " Any shape. Errors: an int32 that float would round.",
                                 .shape = to_float_shape, .forward = to_float_forward, .backward = to_float_backward,
                                 .lengths = RNNI_LENGTHS_KEEP};
