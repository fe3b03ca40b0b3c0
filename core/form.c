/* form.c: what products of floats are computed in: the setting of a context, and the forms of tensors. */
#include "internal.h"
#include "kernels/kernels.h"

static rnn_status has_bf16(rnn_ctx *ctx) {
  if (rnni_bf16) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "bf16: products in bf16 are there in single precision; this computes in double");
}

rnn_status rnn_ctx_set_bf16(rnn_ctx *ctx, bool on) {
  if (on) RNNI_TRY(has_bf16(ctx));
  ctx->bf16 = on;
  return RNN_OK;
}
bool rnn_ctx_bf16(const rnn_ctx *ctx) { return ctx->bf16; }

static void round_all(rnn_tensor *t) {
  for (int64_t i = 0; i < t->count; i++) {
    float x = (float)rnni_f(t)[i];
    uint32_t bits = (uint32_t)rnni_bf16_bits(x) << 16;
    memcpy(&x, &bits, sizeof x);
    rnni_f(t)[i] = (real)x;
  }
}

rnn_status rnn_tensor_set_form(rnn_ctx *ctx, rnn_tensor *t, rnn_form form) {
  RNNI_NEED_TENSOR(ctx, t);
  if (t->type != RNN_FLOAT) return rnni_fail(ctx, RNN_ETYPE, "form: expected a float tensor, got int32 %s", RNNI_SHAPE(t));
  if (form == t->form) return RNN_OK;
  if (form != RNN_FORM_FLOAT) RNNI_TRY(has_bf16(ctx));
  if (t->base || !t->contiguous)
    return rnni_fail(ctx, RNN_EARG, "form: expected a tensor of its own, got a view %s", RNNI_SHAPE(t));
  if (form == RNN_FORM_BF16) round_all(t);
  if (form != RNN_FORM_FLOAT) rnn_tensor_changed(t);
  t->form = form;
  return RNN_OK;
}
rnn_form rnn_tensor_form(const rnn_tensor *t) { return t ? (t->base ? t->base : t)->form : RNN_FORM_FLOAT; }

/* Are the products of a call with these tensors in bf16? */
bool rnni_is_low(const rnn_ctx *ctx, rnn_tensor *const *t, int count) {
  bool low = ctx->bf16;
  for (int i = 0; i < count && !low; i++) low = t[i] && rnn_tensor_form(t[i]) == RNN_FORM_BF16;
  return low;
}
