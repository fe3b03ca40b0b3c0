/* ctx.c: the context's life. */
#include <sched.h>
#include <stdlib.h>

#include "internal.h"
#include "kernels/kernels.h"

static int default_threads(void) {
  const char *text = getenv("RNNLUA_THREADS");
  if (text) {
    long n = strtol(text, NULL, 10);
    if (n >= 1 && n <= 256) return (int)n;
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return RNNI_MIN(CPU_COUNT(&set), 256);
}

rnn_status rnn_ctx_new(rnn_ctx **out) {
  if (!out) return RNN_EARG;
  rnn_ctx *ctx = calloc(1, sizeof *ctx); /* the gate needs a context, so the context comes from outside it */
  if (!ctx) return RNN_ENOMEM;
  ctx->recording = true;
  ctx->next_seq = 1;
  ctx->threads = default_threads();
  atomic_init(&ctx->interrupted, false);
  rnni_kernels_choose();
  ctx->openblas = !rnni_has_vector_set() && !rnni_deterministic();
  *out = ctx;
  return RNN_OK;
}

void rnn_ctx_free(rnn_ctx *ctx) {
  if (!ctx) return;
  rnni_threads_stop(ctx);
  rnni_free(ctx, ctx->regions);
  if (ctx->watches) ctx->drop_watches(ctx);
  rnni_memory_trim(ctx);
  free(ctx);
}
