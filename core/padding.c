/* padding.c: what lies behind the lengths of a batch never reaches a result or a gradient, whatever it holds.
 *
 * Losses and reductions over time do not read padding, the recurrent engine and convolutions read zeros there, and ops
 * that take each step by itself may make of it what they like. Two things would carry a NaN or an infinity on from there,
 * for 0 times one is NaN: so a gradient of padding that is not finite is 0 (backward.c, after the backward of every op), and
 * what sums over steps in backward, marked adds_steps, reads 0 in place of padding that is not finite. Finite padding stays
 * as it is: who drops the lengths on purpose gets its values and their gradients. */
#include "internal.h"

/* The padding of row n of a batch (N, T, ...): its first element, and how many. */
static int64_t padding_of(const rnn_tensor *batch, int64_t n, int64_t *at) {
  int64_t row = batch->count / batch->dims[0], inner = row / batch->dims[1], length = rnni_i(batch->lengths)[n];
  *at = n * row + length * inner;
  return row - length * inner;
}

static bool has_padding(const rnn_tensor *batch) { return batch->lengths && batch->count > 0; }

void rnni_clear_padding(real *x, const rnn_tensor *batch) {
  for (int64_t n = 0, at; has_padding(batch) && n < batch->dims[0]; n++) {
    int64_t count = padding_of(batch, n, &at);
    if (rnni_all_finite(x + at, count)) continue;
    for (int64_t i = at; i < at + count; i++)
      if (!isfinite(x[i])) x[i] = 0;
  }
}

rnn_status rnni_clean(rnn_ctx *ctx, rnn_tensor **t) {
  rnn_tensor *x = *t;
  bool clean = true;
  for (int64_t n = 0, at; has_padding(x) && clean && n < x->dims[0]; n++) {
    int64_t count = padding_of(x, n, &at);
    clean = rnni_all_finite(rnni_f(x) + at, count);
  }
  if (clean) return RNN_OK;
  RNNI_TRY(rnn_tensor_copy(ctx, x, t));
  rnni_clear_padding(rnni_f(*t), *t);
  rnn_tensor_free(x);
  return RNN_OK;
}

/* ---- zero_padding: for what takes the steps of a batch apart by itself ---- */

static rnn_status zero_padding_shape(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  c->out_type = c->in[0]->type;
  return RNN_OK;
}

static rnn_status zero_padding_forward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  const rnn_tensor *x = c->in[0];
  size_t size = rnni_type_size(x->type);
  memcpy(c->out[0]->data, x->data, (size_t)x->count * size);
  for (int64_t n = 0, at; has_padding(x) && n < x->dims[0]; n++) {
    int64_t count = padding_of(x, n, &at);
    memset((char *)c->out[0]->data + (size_t)at * size, 0, (size_t)count * size);
  }
  return RNN_OK;
}

static rnn_status zero_padding_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  int64_t width, rows = rnni_valid_rows(c->in[0], &width);
  for (int64_t r = 0; r < rows; r++)
    if (rnni_is_valid_row(c->in[0], r)) rnni_add(rnni_f(c->din[0]) + r * width, rnni_f(c->dout[0]) + r * width, width);
  return RNN_OK;
}
const rnn_op rnni_op_zero_padding = {.name = "zero_padding", .args = "T",
                                     .doc = "(x). x (N, T, ...) with 0 behind its lengths, whatever is there; any x without lengths as it is. For what takes the steps of a batch apart and so drops its lengths: x:zero_padding():without_lengths(). Never an error.",
                                     .shape = zero_padding_shape, .forward = zero_padding_forward,
                                     .backward = zero_padding_backward, .lengths = RNNI_LENGTHS_KEEP};
