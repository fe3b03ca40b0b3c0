/* status.c: the message of what failed, arguments of public functions, interrupts; whether ops are recorded. */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static const char *const status_names[] = {"OK",     "ENOMEM", "ESHAPE",  "ETYPE", "EARG",
                                           "ESTALE", "EIO",    "EFORMAT", "ENAN", "EINTR"};

const char *rnn_status_name(rnn_status status) {
  size_t i = (size_t)status;
  return i < sizeof status_names / sizeof *status_names ? status_names[i] : "?";
}

const char *rnn_message(const rnn_ctx *ctx) { return ctx ? ctx->message : "no context"; }

rnn_status rnni_fail(rnn_ctx *ctx, rnn_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(ctx->message, sizeof ctx->message, format, args);
  va_end(args);
  return status;
}

rnn_status rnni_misused(rnn_ctx *ctx, const char *function, const char *what) {
  return ctx ? rnni_fail(ctx, RNN_EARG, "%s: %s", function, what) : RNN_EARG;
}

bool rnni_is_tensor(const rnn_ctx *ctx, const rnn_tensor *t) { return t && t->ctx == ctx; }

bool rnni_are_tensors(const rnn_ctx *ctx, rnn_tensor *const *t, int64_t count) {
  bool all = count >= 0 && (t || count == 0);
  for (int64_t i = 0; all && i < count; i++) all = rnni_is_tensor(ctx, t[i]);
  return all;
}

void rnn_ctx_interrupt(rnn_ctx *ctx) { atomic_store_explicit(&ctx->interrupted, true, memory_order_relaxed); }

bool rnn_ctx_clear_interrupt(rnn_ctx *ctx) { return atomic_exchange(&ctx->interrupted, false); }

rnn_status rnni_poll(rnn_ctx *ctx) {
  if (!rnni_interrupted(ctx)) return RNN_OK;
  return rnni_fail(ctx, RNN_EINTR, "interrupted!");
}

rnn_status rnn_ctx_poll(rnn_ctx *ctx) { return rnni_poll(ctx); }

bool rnn_ctx_recording(const rnn_ctx *ctx) { return ctx->recording; }

bool rnn_ctx_set_recording(rnn_ctx *ctx, bool on) {
  bool was = ctx->recording;
  ctx->recording = on;
  return was;
}
