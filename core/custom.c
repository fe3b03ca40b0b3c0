/* custom.c: what users add to the tape: operations with a backward of their own, and hooks, which meet a gradient on its
 * way. Both are functions that may do anything: apply ops, and run backward over other computations. */
#include "tape.h"

/* ---- operations ---- */

static rnni_node *node_of(rnni_call *c) { return (rnni_node *)((char *)c - offsetof(rnni_node, call)); }

/* The gradient of output i: zeros when none has arrived, a copy when somebody else has it, for it may be changed. */
static rnn_status gradient_of_output(rnn_ctx *ctx, const rnni_call *c, int i, rnn_tensor **out) {
  const rnn_tensor *y = c->out[i];
  rnn_tensor *dy = c->dout[i];
  if (y->type != RNN_FLOAT) return RNN_OK;
  if (!dy) RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, y->ndim, y->dims, out));
  else if (dy->refs > 1) RNNI_TRY(rnn_tensor_copy(ctx, dy, out));
  else *out = rnn_tensor_ref(dy);
  rnn_tensor_free((*out)->lengths);
  (*out)->lengths = rnn_tensor_ref(y->lengths);
  return RNN_OK;
}

static rnn_status call_backward(rnn_ctx *ctx, const rnn_custom *custom, rnni_call *c, rnn_tensor **dy, rnn_tensor **dx) {
  for (int i = 0; i < c->nout; i++) RNNI_TRY(gradient_of_output(ctx, c, i, &dy[i]));
  (void)rnni_fail(ctx, RNN_OK, "%s: its backward failed", custom->name); /* unless a better reason comes */
  bool was = rnn_ctx_set_recording(ctx, false);
  rnn_status status = custom->backward(custom->self, dy, c->wants, dx);
  rnn_ctx_set_recording(ctx, was);
  RNNI_TRY(status);
  for (int i = 0; i < c->nin; i++) {
    if (!dx[i]) continue;
    RNNI_TRY(rnni_check_gradient(ctx, custom->name, dx[i], c->in[i]));
    if (c->wants[i]) rnni_move_add(c->din[i], dx[i]);
  }
  return RNN_OK;
}

static rnn_status custom_backward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor **all;
  size_t count = (size_t)(c->nin + c->nout);
  RNNI_TRY(rnni_calloc(ctx, count * sizeof *all, &all));
  rnn_status status = call_backward(ctx, &node_of(c)->custom, c, all, all + c->nout);
  for (size_t i = 0; i < count; i++) rnn_tensor_free(all[i]);
  rnni_free(ctx, all);
  return status;
}

static const rnn_op op_custom = {.name = "custom", .args = "L", .backward = custom_backward};

/* The values of y as a result: in the memory of y, where neither inputs nor earlier results have it and it is that of no
   parameter. */
static rnn_status result_of(rnn_ctx *ctx, rnn_tensor *const *x, int nx, rnn_tensor *const *y, int i, rnn_tensor **out) {
  bool own = y[i]->contiguous && !y[i]->base && !y[i]->copied && !y[i]->requires_grad;
  for (int k = 0; k < nx; k++) own &= y[i]->storage != x[k]->storage;
  for (int k = 0; k < i; k++) own &= y[i]->storage != y[k]->storage;
  return own ? rnn_tensor_detach(ctx, y[i], out) : rnn_tensor_copy(ctx, y[i], out);
}

rnn_status rnn_record(rnn_ctx *ctx, const rnn_custom *custom, rnn_tensor *const *x, int nx, rnn_tensor *const *y, int ny,
                      rnn_tensor **out) {
  RNNI_NEED(ctx, custom && custom->name && custom->backward, "custom, its name or backward is NULL");
  RNNI_NEED_TENSORS(ctx, x, nx);
  RNNI_NEED_TENSORS(ctx, y, ny);
  RNNI_NEED(ctx, out && ny > 0, "out is NULL, or there is no result");
  rnni_call c = {.op = &op_custom, .nin = nx, .nout = ny, .in = (rnn_tensor **)x, .out = out};
  rnni_node *node = NULL;
  bool record = false;
  rnn_status status;
  RNNI_TRY(rnni_check_inputs(ctx, &c, &record));
  if (record) RNNI_TRY(rnni_check_fresh(ctx, &c, x));
  memset(out, 0, (size_t)ny * sizeof *out);
  for (int i = 0; i < ny; i++) RNNI_GOTO(result_of(ctx, x, nx, y, i, &out[i]));
  if (record) RNNI_GOTO(rnni_record_new(ctx, &c, &node));
  if (node) node->custom = *custom;
  else if (custom->free) custom->free(custom->self);
done:
  for (int i = 0; status != RNN_OK && i < ny; i++) {
    rnn_tensor_free(out[i]);
    out[i] = NULL;
  }
  return status;
}

/* ---- hooks ---- */

rnn_status rnn_tensor_on_grad(rnn_ctx *ctx, rnn_tensor *t, rnn_hook_call *call, void (*release)(void *self), void *self,
                              rnn_hook **out) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, call && out, "call or out is NULL");
  RNNI_TRY(rnni_history_of(ctx, t));
  if (!t->requires_grad)
    return rnni_fail(ctx, RNN_EARG, "on_grad: %s does not depend on a parameter", RNNI_SHAPE(t));
  if (t->node && t->node->consumed)
    return rnni_fail(ctx, RNN_ESTALE, "on_grad: the history of this result %s was already consumed by backward",
                     RNNI_SHAPE(t));
  rnn_hook *h;
  RNNI_TRY(rnni_calloc(ctx, sizeof *h, &h));
  *h = (rnn_hook){.ctx = ctx, .refs = 2, .output = t->node ? t->output : 0, .call = call, .free = release, .self = self};
  rnni_hooks_add(ctx, t->node ? &t->node->hooks : &t->hooks, h);
  *out = h;
  return RNN_OK;
}
