/* hooks.c: functions that meet a gradient before it goes on; custom.c hands them out, backward.c runs them. */
#include "tape.h"

rnn_status rnni_check_gradient(rnn_ctx *ctx, const char *name, const rnn_tensor *grad, const rnn_tensor *of) {
  if (!rnni_is_tensor(ctx, grad)) return rnni_fail(ctx, RNN_EARG, "%s: the gradient is no tensor of this context", name);
  if (grad->type == RNN_FLOAT && rnni_same_shape(grad, of)) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: expected a float gradient %s, got %s %s", name, RNNI_SHAPE(of), RNNI_SHAPE(grad),
                   rnni_type_text(grad->type));
}

static void hook_drop(rnn_hook *h) {
  if (--h->refs == 0) rnni_free(h->ctx, h);
}

void rnn_hook_remove(rnn_hook *h) {
  if (!h || !h->call) return;
  h->call = NULL;
  if (h->free) h->free(h->self);
}

void rnn_hook_free(rnn_hook *h) {
  if (h) hook_drop(h);
}

void rnni_hooks_free(rnn_hook **list) {
  while (*list) {
    rnn_hook *h = *list;
    *list = h->next;
    rnn_hook_remove(h);
    hook_drop(h);
  }
}

/* Nobody goes over a list that is changed: removed hooks stay in it while a run goes on. */
static void forget_removed(const rnn_ctx *ctx, rnn_hook **list) {
  while (*list && ctx->runs == 0) {
    rnn_hook *h = *list;
    if (h->call) {
      list = &h->next;
      continue;
    }
    *list = h->next;
    hook_drop(h);
  }
}

void rnni_hooks_add(rnn_ctx *ctx, rnn_hook **list, rnn_hook *h) {
  ctx->drop_hooks = rnni_hooks_free;
  forget_removed(ctx, list);
  while (*list) list = &(*list)->next;
  *list = h;
}

/* ---- runs ---- */

static rnn_status run_hook(rnn_ctx *ctx, const rnn_hook *h, rnn_tensor *lengths, rnn_tensor **grad) {
  rnn_tensor *seen, *other = NULL, *copy;
  RNNI_TRY(rnn_tensor_copy(ctx, *grad, &seen)); /* theirs to keep; what they make of it, too, is copied */
  rnn_tensor_free(seen->lengths);
  seen->lengths = rnn_tensor_ref(lengths);
  (void)rnni_fail(ctx, RNN_OK, "on_grad: the function failed");
  bool was = rnn_ctx_set_recording(ctx, false);
  rnn_status status = h->call(h->self, seen, &other);
  rnn_ctx_set_recording(ctx, was);
  if (status != RNN_OK) goto done;
  if (!other && seen->storage->version != 0) {
    status = rnni_fail(ctx, RNN_EARG, "on_grad: the gradient %s was changed in place, which has no effect; return the new "
                       "one", RNNI_SHAPE(seen));
    goto done;
  }
  if (!other) goto done;
  RNNI_GOTO(rnni_check_gradient(ctx, "on_grad", other, seen));
  RNNI_GOTO(rnn_tensor_copy(ctx, other, &copy));
  rnn_tensor_free(copy->lengths);
  copy->lengths = rnn_tensor_ref(lengths);
  rnni_clear_padding(rnni_f(copy), copy);
  rnn_tensor_free(*grad);
  *grad = copy;
done:
  rnn_tensor_free(seen);
  rnn_tensor_free(other);
  return status;
}

rnn_status rnni_hooks_run(rnn_ctx *ctx, rnn_hook *list, int output, rnn_tensor *lengths, rnn_tensor **grad) {
  rnn_status status = RNN_OK;
  const rnn_hook *last = list;
  while (last && last->next) last = last->next; /* one that is added now waits for the next run */
  for (rnn_hook *h = list; h && status == RNN_OK; h = h == last ? NULL : h->next)
    if (h->call && h->output == output) status = run_hook(ctx, h, lengths, grad);
  return status;
}
