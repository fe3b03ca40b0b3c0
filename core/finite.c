/* finite.c: what looks for the first value that is not finite, when somebody asks where a NaN comes from. */
#include <math.h>
#include <stdio.h>

#include "internal.h"

void rnn_ctx_check_finite(rnn_ctx *ctx, bool on) { ctx->checks_finite = on; }
bool rnn_ctx_checks_finite(const rnn_ctx *ctx) { return ctx->checks_finite; }
void rnn_ctx_note(rnn_ctx *ctx, const char *where) { snprintf(ctx->where, sizeof ctx->where, "%s", where); }

bool rnni_all_finite(const real *x, int64_t n) {
  real lane[16] = {0}, sum = 0; /* 0 times what is finite is 0; NaN and infinity make the sum a NaN */
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int k = 0; k < 16; k++) lane[k] += x[i + k] * 0;
  for (; i < n; i++) sum += x[i] * 0;
  for (int k = 0; k < 16; k++) sum += lane[k];
  return sum == 0;
}

bool rnn_tensor_finite(const rnn_tensor *t) {
  if (t->type != RNN_FLOAT) return true;
  if (!t->contiguous && t->ndim) { /* place by place of the first axis */
    rnn_tensor part = *t;
    part.ndim--;
    memmove(part.dims, t->dims + 1, sizeof part.dims - sizeof *part.dims);
    memmove(part.strides, t->strides + 1, sizeof part.strides - sizeof *part.strides);
    part.count = t->dims[0] ? t->count / t->dims[0] : 0;
    part.contiguous = part.ndim == 0;
    bool finite = true;
    for (int64_t i = 0; i < t->dims[0] && finite; i++) {
      part.data = (real *)t->data + i * t->strides[0];
      finite = rnn_tensor_finite(&part);
    }
    return finite;
  }
  for (int64_t i = 0; i < t->count; i += RNNI_BLOCK) {
    if (i > 0 && rnni_interrupted(t->ctx)) break; /* nobody waits for the answer */
    if (!rnni_all_finite(rnni_f(t) + i, RNNI_MIN(RNNI_BLOCK, t->count - i))) return false;
  }
  return true;
}

/* The first element that is not finite, or -1. */
static int64_t first_of(const rnn_tensor *t) {
  if (!t || t->type != RNN_FLOAT) return -1;
  const real *x = rnni_f(t);
  int64_t width, rows = rnni_valid_rows(t, &width); /* padding may be anything */
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = r * width; i < (r + 1) * width && rnni_is_valid_row(t, r); i++) {
      if (!isfinite(x[i])) return i;
      if (i % RNNI_BLOCK == RNNI_BLOCK - 1 && rnni_interrupted(t->ctx)) return -1; /* nobody waits for the answer */
    }
  return -1;
}

/* "nan at (3, 17, 1) of (32, 50, 4)", and with steps ": sample 3, time step 17". */
static const char *describe_place(const rnn_tensor *t, int64_t at, bool steps, char *text, size_t size) {
  int64_t index[RNN_MAX_DIMS], rest = at;
  for (int i = t->ndim - 1; i >= 0; i--) {
    index[i] = rest % t->dims[i] + 1;
    rest /= t->dims[i];
  }
  double value = (double)rnni_f(t)[at];
  size_t used = (size_t)snprintf(text, size, "%s", value != value ? "nan" : value > 0 ? "inf" : "-inf");
  for (int i = 0; i < t->ndim && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : " at (", (long long)index[i]);
  if (t->ndim && used < size) used += (size_t)snprintf(text + used, size - used, ") of %s", RNNI_SHAPE(t));
  if (steps && t->ndim == 3 && used < size)
    snprintf(text + used, size - used, ": sample %lld, time step %lld", (long long)index[0], (long long)index[1]);
  return text;
}
static const char *describe(const rnn_tensor *t, int64_t at, char *text, size_t size) {
  return describe_place(t, at, true, text, size);
}

rnn_status rnni_need_finite(rnn_ctx *ctx, const rnni_call *c, int input) {
  char text[200];
  if (rnn_tensor_finite(c->in[input])) return RNN_OK;
  int64_t at = first_of(c->in[input]);
  if (at < 0) return rnni_poll(ctx);
  return rnni_fail(ctx, RNN_EARG, "%s: %s: expected finite numbers, got %s", c->op->name, rnni_input_name(c, input),
                   describe_place(c->in[input], at, false, text, sizeof text));
}

rnn_status rnni_check_results(rnn_ctx *ctx, const rnni_call *c) {
  char text[200], input[200];
  for (int i = 0; i < c->nin; i++) {
    int64_t at = first_of(c->in[i]);
    if (at >= 0)
      return rnni_fail(ctx, RNN_ENAN, "%s: %s is already not finite: %s", c->op->name, rnni_input_name(c, i),
                       describe(c->in[i], at, input, sizeof input));
  }
  for (int i = 0; i < c->nout; i++) {
    int64_t at = first_of(c->out[i]);
    if (at < 0) continue;
    describe(c->out[i], at, text, sizeof text);
    const rnn_tensor *in = c->nin ? c->in[0] : NULL;
    if (in && in->type == RNN_FLOAT && in->count == c->out[i]->count)
      return rnni_fail(ctx, RNN_ENAN, "%s gives %s, from %s", c->op->name, text,
                       rnni_number_text((double)rnni_f(in)[at]));
    return rnni_fail(ctx, RNN_ENAN, "%s gives %s, from arguments that are all finite", c->op->name, text);
  }
  return RNN_OK;
}

rnn_status rnni_check_gradients(rnn_ctx *ctx, const rnni_call *c, const char *where) {
  char text[200];
  for (int i = 0; i < c->nin; i++) {
    int64_t at = first_of(c->din[i]);
    if (at >= 0)
      return rnni_fail(ctx, RNN_ENAN, "backward of %s, applied at %s: the gradient of %s is %s", c->op->name,
                       *where ? where : "an unknown place", rnni_input_name(c, i),
                       describe(c->din[i], at, text, sizeof text));
  }
  return RNN_OK;
}
