/* softmax.c: softmax and its logarithm along an axis, safe against overflow by subtracting the largest element. */
#include "../internal.h"
#include "../kernels/kernels.h"

static rnn_status softmax_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  if (c->args.i[0] == 1 && c->in[0]->lengths)
    return rnni_fail(ctx, RNN_EARG, "%s: along time of %s with lengths; x:without_lengths() drops them on purpose",
                     c->op->name, RNNI_SHAPE(c->in[0]));
  return rnni_shape_same(ctx, c);
}

/* One line of length elements, inner apart: y = x - max, and the sum of its exponentials. */
static rnn_status shifted(rnn_ctx *ctx, int64_t *work, const real *x, real *y, real *scratch, int64_t length,
                          int64_t inner, double *sum) {
  real top = (real)-INFINITY;
  *sum = 0;
  for (int64_t k = 0; k < length; k++)
    if (x[k * inner] > top) top = x[k * inner];
  for (RNNI_PIECES(length, from, to)) {
    RNNI_TRY(rnni_pace(ctx, work, RNNI_ROW + 2 * (to - from)));
    for (int64_t k = from; k < to; k++) y[k * inner] = scratch[k] = x[k * inner] - top;
    rnni_kernel->exp(to - from, scratch + from, scratch + from);
    for (int64_t k = from; k < to; k++) *sum += (double)scratch[k];
  }
  return RNN_OK;
}

static rnn_status forward(rnn_ctx *ctx, rnni_call *c, bool logarithm) {
  int64_t outer, length, inner;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  real *scratch;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, length, sizeof *scratch, &scratch));
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      int64_t at = o * length * inner + i;
      real *y = rnni_f(c->out[0]) + at;
      double sum;
      RNNI_GOTO(shifted(ctx, &work, rnni_f(c->in[0]) + at, y, scratch, length, inner, &sum));
      real scale = (real)(1 / sum), shift = logarithm ? (real)rnni_log(sum) : 0;
      for (int64_t k = 0; k < length; k++) y[k * inner] = logarithm ? y[k * inner] - shift : scratch[k] * scale;
    }
done:
  rnni_free(ctx, scratch);
  return status;
}

static rnn_status softmax_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, false); }
static rnn_status log_softmax_forward(rnn_ctx *ctx, rnni_call *c) { return forward(ctx, c, true); }

/* dx = y (dy - sum(y dy)) */
static rnn_status softmax_backward(rnn_ctx *ctx, rnni_call *c) {
  int64_t outer, length, inner, work = 0;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      RNNI_TRY(rnni_pace(ctx, &work, RNNI_ROW + length));
      int64_t at = o * length * inner + i;
      const real *y = rnni_f(c->out[0]) + at, *dy = rnni_f(c->dout[0]) + at;
      real *dx = rnni_f(c->din[0]) + at;
      double dot = 0;
      for (int64_t k = 0; k < length * inner; k += inner) dot += (double)y[k] * (double)dy[k];
      for (int64_t k = 0; k < length * inner; k += inner) dx[k] += y[k] * (dy[k] - (real)dot);
    }
  return RNN_OK;
}

/* dx = dy - softmax sum(dy) */
static rnn_status log_softmax_backward(rnn_ctx *ctx, rnni_call *c) {
  int64_t outer, length, inner;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  real *p;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, length, sizeof *p, &p));
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + length));
      int64_t at = o * length * inner + i;
      const real *y = rnni_f(c->out[0]) + at, *dy = rnni_f(c->dout[0]) + at;
      real *dx = rnni_f(c->din[0]) + at;
      double sum = 0;
      for (int64_t k = 0; k < length; k++) {
        p[k] = y[k * inner];
        sum += (double)dy[k * inner];
      }
      rnni_kernel->exp(length, p, p);
      for (int64_t k = 0; k < length; k++) dx[k * inner] += dy[k * inner] - p[k] * (real)sum;
    }
done:
  rnni_free(ctx, p);
  return status;
}

const rnn_op rnni_op_softmax = {.name = "softmax", .args = "tx", .doc = "(x, axis). e^x / sum(e^x) along axis."
                               " Errors: an axis that x does not have; int32.",
                                .shape = softmax_shape, .forward = softmax_forward, .backward = softmax_backward,
                                .saves = RNNI_SAVE_OUT, .lengths = RNNI_LENGTHS_KEEP};
const rnn_op rnni_op_log_softmax = {.name = "log_softmax", .args = "tx", .doc = "(x, axis). log(softmax(x)) along axis."
                               " Errors: an axis that x does not have; int32.",
                                    .shape = softmax_shape, .forward = log_softmax_forward,
                                    .backward = log_softmax_backward, .saves = RNNI_SAVE_OUT,
                                    .lengths = RNNI_LENGTHS_KEEP};
