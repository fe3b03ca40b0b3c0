/* elementwise.c: functions of one tensor, element by element. */
#include "../internal.h"
#include "../kernels/kernels.h"

/* y = f(x), dx += dy * df, where df may use x, y, and the numbers p and q. */
#define ELEMENTWISE " Any shape. Errors: an int32 tensor."

#define UNARY(op, f, df, sig, save, text)                                                      \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                 \
    (void)ctx;                                                                                 \
    const real *restrict from = rnni_f(c->in[0]);                                              \
    real *restrict to = rnni_f(c->out[0]);                                                     \
    const real p = (real)c->args.n[0], q = (real)c->args.n[1];                                 \
    (void)p, (void)q;                                                                          \
    for (int64_t i = 0; i < c->out[0]->count; i++) {                                           \
      real x = from[i];                                                                        \
      to[i] = (f);                                                                             \
    }                                                                                          \
    return RNN_OK;                                                                             \
  }                                                                                            \
  UNARY_BACKWARD(op, df)                                                                       \
  UNARY_OP(op, op##_forward, op##_backward, sig, save, text)

/* The same with the forward pass of the kernel table. */
#define UNARY_KERNEL(op, df, text)                                                             \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                 \
    (void)ctx;                                                                                 \
    rnni_kernel->op(c->out[0]->count, rnni_f(c->in[0]), rnni_f(c->out[0]));                    \
    return RNN_OK;                                                                             \
  }                                                                                            \
  UNARY_BACKWARD(op, df)                                                                       \
  UNARY_OP(op, op##_forward, op##_backward, "t", RNNI_SAVE_OUT, text)

#define UNARY_BACKWARD(op, df)                                                                 \
  static rnn_status op##_backward(rnn_ctx *ctx, rnni_call *c) {                                \
    (void)ctx;                                                                                 \
    const real *restrict xs = rnni_f(c->in[0]), *restrict ys = rnni_f(c->out[0]);              \
    const real *restrict dys = rnni_f(c->dout[0]);                                             \
    real *restrict dxs = rnni_f(c->din[0]);                                                    \
    const real p = (real)c->args.n[0], q = (real)c->args.n[1];                                 \
    (void)p, (void)q, (void)xs, (void)ys;                                                      \
    for (int64_t i = 0; i < c->dout[0]->count; i++) dxs[i] += dys[i] * (df);                   \
    return RNN_OK;                                                                             \
  }
#define X xs[i]
#define Y ys[i]

#define UNARY_OP(op, fwd, bwd, sig, save, text)                                                \
  const rnn_op rnni_op_##op = {.name = #op, .args = sig, .doc = text ELEMENTWISE, .shape = rnni_shape_same, \
                               .forward = fwd, .backward = bwd, .saves = save, .lengths = RNNI_LENGTHS_KEEP};

#define SELU_SCALE ((real)1.0507009873554805)
#define SELU_ALPHA ((real)1.6732632423543772)

UNARY(neg, -x, -1, "t", 0, "(x). -x.")
UNARY(abs, RNNI_M(fabs)(x), (real)((X > 0) - (X < 0)), "t", RNNI_SAVE_IN0, "(x). |x|; its derivative at 0 is 0.")
UNARY(sqrt, RNNI_M(sqrt)(x), (real)0.5 / Y, "t", RNNI_SAVE_OUT, "(x). Square root; NaN below 0.")
UNARY(square, x *x, 2 * X, "t", RNNI_SAVE_IN0, "(x). x*x.")
UNARY(reciprocal, 1 / x, -Y * Y, "t", RNNI_SAVE_OUT, "(x). 1/x.")
UNARY(log, RNNI_M(log)(x), 1 / X, "t", RNNI_SAVE_IN0, "(x). Natural logarithm; NaN below 0.")
UNARY(sin, RNNI_M(sin)(x), RNNI_M(cos)(X), "t", RNNI_SAVE_IN0, "(x). Sine, x in radians.")
UNARY(cos, RNNI_M(cos)(x), -RNNI_M(sin)(X), "t", RNNI_SAVE_IN0, "(x). Cosine, x in radians.")
UNARY_KERNEL(exp, Y, "(x). e^x.")
UNARY_KERNEL(tanh, 1 - Y * Y, "(x). Hyperbolic tangent.")
UNARY_KERNEL(sigmoid, Y *(1 - Y), "(x). 1/(1+e^-x).")
UNARY(relu, x > 0 ? x : x != x ? x : 0, (real)(X > 0), "t", RNNI_SAVE_IN0, "(x). max(x, 0).")
UNARY(leaky_relu, x > 0 ? x : p * x, X > 0 ? 1 : p, "tn", RNNI_SAVE_IN0, "(x, slope). x above 0, slope*x below.")
UNARY(elu, x > 0 ? x : RNNI_M(expm1)(x), X > 0 ? 1 : Y + 1, "t", RNNI_SAVE_INPUTS | RNNI_SAVE_OUT,
      "(x). x above 0, e^x - 1 below (Clevert et al. 2016).")
UNARY(selu, SELU_SCALE *(x > 0 ? x : SELU_ALPHA * RNNI_M(expm1)(x)), X > 0 ? SELU_SCALE : Y + SELU_SCALE * SELU_ALPHA,
      "t", RNNI_SAVE_INPUTS | RNNI_SAVE_OUT, "(x). Scaled elu (Klambauer et al. 2017).")
UNARY(softplus, x > 0 ? x + RNNI_M(log1p)(RNNI_M(exp)(-x)) : RNNI_M(log1p)(RNNI_M(exp)(x)), 1 / (1 + RNNI_M(exp)(-X)),
      "t", RNNI_SAVE_IN0, "(x). log(1 + e^x).")
UNARY(softsign, x / (1 + RNNI_M(fabs)(x)), 1 / ((1 + RNNI_M(fabs)(X)) * (1 + RNNI_M(fabs)(X))), "t", RNNI_SAVE_IN0,
      "(x). x/(1+|x|).")
UNARY(hard_sigmoid, x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + (real)0.5, (real)(X > -3 && X < 3) / 6, "t", RNNI_SAVE_IN0,
      "(x). clamp(x/6 + 1/2, 0, 1), as in Keras 3 and PyTorch.")
UNARY(clamp, x < p ? p : x > q ? q : x, (real)(X >= p && X <= q), "tnn", RNNI_SAVE_IN0,
      "(x, low, high). x limited to [low, high].")

/* Piecewise constant: no gradient. */
#define STEP(op, f, text)                                                                      \
  static rnn_status op##_forward(rnn_ctx *ctx, rnni_call *c) {                                 \
    (void)ctx;                                                                                 \
    for (int64_t i = 0; i < c->out[0]->count; i++) {                                           \
      real x = rnni_f(c->in[0])[i];                                                            \
      rnni_f(c->out[0])[i] = (real)(f);                                                        \
    }                                                                                          \
    return RNN_OK;                                                                             \
  }                                                                                            \
  UNARY_OP(op, op##_forward, NULL, "t", 0, text)
STEP(sign, (x > 0) - (x < 0), "(x). -1, 0 or 1.")
STEP(floor, RNNI_M(floor)(x), "(x). The largest integer not above x.")
STEP(is_finite, isfinite(x), "(x). 1 where x is a number, 0 where it is NaN or infinite.")

static rnn_status to_int_shape(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  c->out_type = RNN_INT;
  return RNN_OK;
}

static rnn_status to_int_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int32_t *y = rnni_i(c->out[0]);
  if (x->type == RNN_INT) {
    memcpy(y, x->data, (size_t)x->count * sizeof *y);
    return RNN_OK;
  }
  for (int64_t i = 0; i < x->count; i++) {
    double v = (double)rnni_f(x)[i];
    if (!(v > -2147483649.0 && v < 2147483648.0))
      return rnni_fail(ctx, RNN_EARG, "to_int: element %lld is %g, which no int32 can hold", (long long)i + 1, v);
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
  (void)ctx;
  const rnn_tensor *x = c->in[0];
  real *y = rnni_f(c->out[0]);
  if (x->type == RNN_FLOAT) memcpy(y, x->data, (size_t)x->count * sizeof *y);
  else
    for (int64_t i = 0; i < x->count; i++) y[i] = (real)rnni_i(x)[i];
  return RNN_OK;
}

static rnn_status to_float_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_add(rnni_f(c->din[0]), rnni_f(c->dout[0]), c->dout[0]->count);
  return RNN_OK;
}
const rnn_op rnni_op_to_float = {.name = "to_float", .args = "t", .doc = "(x) -> float tensor."
                               " Any shape. Never an error.",
                                 .shape = to_float_shape, .forward = to_float_forward, .backward = to_float_backward,
                                 .lengths = RNNI_LENGTHS_KEEP};
