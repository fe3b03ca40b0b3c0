/* steps.c: the steps of padded batches (N, T, ...): which are valid, the last of each sequence, and their reverse. Without
 * lengths all T are valid. */
#include "../internal.h"

static rnn_status need_steps(rnn_ctx *ctx, const rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  if (x->ndim >= 2) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: expected sequences (N, T, ...), got %s", c->op->name, RNNI_SHAPE(x));
}

static int64_t length_of(const rnn_tensor *x, int64_t n) { return x->lengths ? rnni_i(x->lengths)[n] : x->dims[1]; }

/* How many elements a step has. */
static int64_t width_of(const rnn_tensor *x) {
  int64_t width = 1;
  for (int i = 2; i < x->ndim; i++) width *= x->dims[i];
  return width;
}

/* ---- mask ---- */

static rnn_status mask_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(need_steps(ctx, c));
  c->out_ndim = 2;
  memcpy(c->out_dims, c->in[0]->dims, 2 * sizeof *c->out_dims);
  return RNN_OK;
}

static rnn_status mask_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t steps = x->dims[1];
  int64_t done = 0;
  for (int64_t n = 0; n < x->dims[0]; n++)
    for (RNNI_PIECES(steps, from, to)) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + to - from));
      for (int64_t t = from; t < to; t++) rnni_f(c->out[0])[n * steps + t] = t < length_of(x, n);
    }
  return RNN_OK;
}
const rnn_op rnni_op_mask = {.name = "mask", .args = "T",
                             .doc = "(x). Of x (N, T, ...) the mask (N, T): 1 where a step is valid, 0 behind the lengths; all 1 without lengths."
                             " Errors: an x of less than two axes.",
                             .shape = mask_shape, .forward = mask_forward, .lengths = RNNI_LENGTHS_OWN};

/* ---- last ---- */

static rnn_status last_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(need_steps(ctx, c));
  c->out_type = x->type;
  c->out_ndim = x->ndim - 1;
  c->out_dims[0] = x->dims[0];
  memcpy(c->out_dims + 1, x->dims + 2, (size_t)(x->ndim - 2) * sizeof *x->dims);
  return RNN_OK;
}

static rnn_status last_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const size_t size = (size_t)width_of(x) * rnni_type_size(x->type);
  int64_t done = 0;
  char *to = c->out[0]->data;
  for (int64_t n = 0; n < x->dims[0]; n++, to += size) {
    const int64_t length = length_of(x, n);
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + width_of(x)));
    if (length == 0) memset(to, 0, size);
    else memcpy(to, (const char *)x->data + (size_t)(n * x->dims[1] + length - 1) * size, size);
  }
  c->out[0]->copied = true;
  return RNN_OK;
}

static rnn_status last_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t width = width_of(x);
  int64_t done = 0;
  for (int64_t n = 0; n < x->dims[0]; n++) {
    const int64_t length = length_of(x, n);
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + width));
    if (length > 0)
      rnni_add(rnni_f(c->din[0]) + (n * x->dims[1] + length - 1) * width, rnni_f(c->dout[0]) + n * width, width);
  }
  return RNN_OK;
}
const rnn_op rnni_op_last = {.name = "last", .args = "T",
                             .doc = "(x). Of x (N, T, ...) the last valid step of each sequence, (N, ...); 0 of a sequence without steps."
                             " Errors: an x of less than two axes.",
                             .shape = last_shape, .forward = last_forward, .backward = last_backward,
                             .lengths = RNNI_LENGTHS_OWN};

/* ---- reverse_steps ---- */

static rnn_status reverse_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(need_steps(ctx, c));
  rnni_out_like(c, c->in[0]);
  c->out_type = c->in[0]->type;
  return RNN_OK;
}

/* Where in its sequence of that length step t of the result comes from: padding stays where it is. */
static int64_t source_of(int64_t t, int64_t length) { return t < length ? length - 1 - t : t; }

static rnn_status reverse_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const size_t size = (size_t)width_of(x) * rnni_type_size(x->type);
  int64_t done = 0;
  char *to = c->out[0]->data;
  for (int64_t n = 0; n < x->dims[0]; n++)
    for (int64_t t = 0; t < x->dims[1]; t++, to += size) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + width_of(x)));
      memcpy(to, (const char *)x->data + (size_t)(n * x->dims[1] + source_of(t, length_of(x, n))) * size, size);
    }
  return RNN_OK;
}

static rnn_status reverse_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t width = width_of(x);
  int64_t done = 0;
  for (int64_t n = 0; n < x->dims[0]; n++)
    for (int64_t t = 0; t < x->dims[1]; t++) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + width));
      rnni_add(rnni_f(c->din[0]) + (n * x->dims[1] + source_of(t, length_of(x, n))) * width,
               rnni_f(c->dout[0]) + (n * x->dims[1] + t) * width, width);
    }
  return RNN_OK;
}
const rnn_op rnni_op_reverse_steps = {.name = "reverse_steps", .args = "T",
                                      .doc = "(x). x (N, T, ...) with the steps of each sequence in reverse, within its length; padding stays where it is."
                                      " Errors: an x of less than two axes.",
                                      .shape = reverse_shape, .forward = reverse_forward, .backward = reverse_backward,
                                      .lengths = RNNI_LENGTHS_KEEP};
