/* form.c: what products of floats are computed in: the setting of a context, and the forms of tensors. */
#include "internal.h"
#include "kernels/kernels.h"

static rnn_status has_bf16(rnn_ctx *ctx) {
  if (rnni_lows[RNN_FORM_BF16]) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "bf16 and int8 are there in single precision; this computes in double");
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

/* Each row becomes whole numbers times a scale, of so few bits that these products are exact: packing finds the same numbers
   and scale in them again. */
static rnn_status to_int8(rnn_ctx *ctx, rnn_tensor *t) {
  int64_t width = t->dims[1];
  for (int64_t r = 0; r < t->dims[0]; r++) {
    real *row = rnni_f(t) + r * width;
    float most = 0, scale;
    for (int64_t i = 0; i < width; i++) most = RNNI_MAX(most, (float)RNNI_M(fabs)(row[i]));
    scale = most / 127;
    uint32_t bits;
    memcpy(&bits, &scale, sizeof bits);
    bits = (bits + 0xff) & ~0xffu;
    memcpy(&scale, &bits, sizeof bits);
    for (int64_t i = 0; i < width; i++) {
      float q = most < 1e-30f ? 0 : (float)row[i] / scale + 12582912.0f; /* 1.5 * 2^23: rounds */
      row[i] = most < 1e-30f ? 0 : (real)((q - 12582912.0f) * scale);
    }
    RNNI_TRY(rnni_poll(ctx));
  }
  return RNN_OK;
}

#define WIDEST 65536 /* whose sums an int32 holds */

static rnn_status check_int8(rnn_ctx *ctx, const rnn_tensor *t) {
  if (t->ndim != 2 || t->dims[1] > WIDEST)
    return rnni_fail(ctx, RNN_ESHAPE, "form: int8 is for matrices of up to %d columns, got %s", WIDEST, RNNI_SHAPE(t));
  for (int64_t i = 0; i < t->count; i++)
    if (rnni_f(t)[i] - rnni_f(t)[i] != 0)
      return rnni_fail(ctx, RNN_EARG, "form: int8: a weight %s has elements that are not finite", RNNI_SHAPE(t));
  return RNN_OK;
}

rnn_status rnn_tensor_set_form(rnn_ctx *ctx, rnn_tensor *t, rnn_form form) {
  RNNI_NEED_TENSOR(ctx, t);
  if (t->type != RNN_FLOAT) return rnni_fail(ctx, RNN_ETYPE, "form: expected a float tensor, got int32 %s", RNNI_SHAPE(t));
  if (form == t->form) return RNN_OK;
  if (form != RNN_FORM_FLOAT) RNNI_TRY(has_bf16(ctx));
  if (t->base || !t->contiguous)
    return rnni_fail(ctx, RNN_EARG, "form: expected a tensor of its own, got a view %s", RNNI_SHAPE(t));
  if (form == RNN_FORM_INT8) RNNI_TRY(check_int8(ctx, t));
  if (form == RNN_FORM_INT8) RNNI_TRY(to_int8(ctx, t));
  if (form == RNN_FORM_BF16) round_all(t);
  if (form != RNN_FORM_FLOAT) rnn_tensor_changed(t);
  t->form = form;
  return RNN_OK;
}
rnn_form rnn_tensor_form(const rnn_tensor *t) { return t ? (t->base ? t->base : t)->form : RNN_FORM_FLOAT; }

rnn_form rnni_products_form(const rnn_ctx *ctx, rnn_tensor *const *t, int count, bool may_int8) {
  rnn_form form = ctx->bf16 ? RNN_FORM_BF16 : RNN_FORM_FLOAT;
  for (int i = 0; i < count; i++) {
    rnn_form own = t[i] ? rnn_tensor_form(t[i]) : RNN_FORM_FLOAT;
    if (own == RNN_FORM_INT8 && may_int8) return own;
    if (own == RNN_FORM_BF16) form = own;
  }
  return form;
}
