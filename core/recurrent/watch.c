/* watch.c: what flows back through a layer that is watched, step by step: the norm of the gradient of h, and how many
 * gates and activations are saturated. Backward writes it for every sample and step, so that no cut of the batch
 * changes a bit; it is summed when it is read. A layer that is not watched pays one comparison a step. */
#include <math.h>

#include "engine.h"

enum { SQUARES, GATES, ACTIVATIONS, VALID, FIGURES };

struct rnni_watch {
  rnni_watch *next;
  int64_t id, N, T, gates; /* gates: elements of gates of a sample at a step; activations: units */
  int64_t units;
  double *figures; /* (T, N, FIGURES) */
};

static void drop(rnn_ctx *ctx, rnni_watch *w) {
  rnni_free(ctx, w->figures);
  rnni_free(ctx, w);
}

static void drop_all(rnn_ctx *ctx) {
  for (rnni_watch *w = ctx->watches, *next; w; w = next) {
    next = w->next;
    drop(ctx, w);
  }
  ctx->watches = NULL;
}

rnn_status rnni_watch_open(rnn_ctx *ctx, int64_t id, int64_t N, int64_t T, int64_t units, int64_t gates, double **figures) {
  *figures = NULL;
  rnni_watch *w = ctx->watches;
  while (w && w->id != id) w = w->next;
  if (!w) {
    RNNI_TRY(rnni_calloc(ctx, sizeof *w, &w));
    w->id = id;
    w->next = ctx->watches;
    ctx->watches = w;
    ctx->drop_watches = drop_all;
  }
  w->T = 0; /* nothing to read, should the memory fail */
  RNNI_TRY(rnni_realloc(ctx, (size_t)(N * T) * FIGURES * sizeof *w->figures, &w->figures));
  memset(w->figures, 0, (size_t)(N * T) * FIGURES * sizeof *w->figures);
  w->N = N;
  w->T = T;
  w->units = units;
  w->gates = gates;
  *figures = w->figures;
  return RNN_OK;
}

rnn_status rnni_watch_begin(rnn_ctx *ctx, const rnni_layer *l, double **figures) {
  *figures = NULL;
  if (!l->r->watch) return RNN_OK;
  int64_t gates = rnn_recurrent_gates(l->r) - 1; /* the other one is the activation */
  return rnni_watch_open(ctx, l->r->watch, l->N, l->all, l->H, l->H * gates, figures);
}

/* How many lie within a twentieth of an end of the function's range, or on the flat part of a ramp. A loop for each
   function, so that it is one of vectors. */
static int64_t count(rnn_activation f, const real *y, int64_t n) {
  const real low = (real)0.05, high = (real)0.95;
  int sum = 0; /* n is at most INT32_MAX */
  switch (f) {
    case RNN_TANH:
    case RNN_SOFTSIGN:
      for (int64_t i = 0; i < n; i++) sum += y[i] > high || y[i] < -high;
      break;
    case RNN_SIGMOID:
    case RNN_HARD_SIGMOID:
      for (int64_t i = 0; i < n; i++) sum += y[i] < low || y[i] > high;
      break;
    case RNN_RELU:
      for (int64_t i = 0; i < n; i++) sum += y[i] == 0;
      break;
  }
  return sum;
}

double *rnni_watch_at(double *figures, int64_t N, int64_t t, int64_t n, const real *dh, int64_t width) {
  double *f = figures + (t * N + n) * FIGURES;
  f[SQUARES] = rnni_squares(dh, width);
  f[VALID] = 1;
  return f;
}

void rnni_watch_count(double *f, bool gate, rnn_activation function, const real *y, int64_t n) {
  f[gate ? GATES : ACTIVATIONS] += (double)count(function, y, n);
}

void rnni_watch_step(const rnni_layer *l, double *figures, int64_t t, int64_t r0, int64_t r1, const real *dh,
                     const real *a) {
  int64_t H = l->H;
  for (int64_t n = r0; n < r1; n++, dh += H, a += l->A) {
    if (rnni_padding(l, n, t)) continue;
    double *f = rnni_watch_at(figures, l->N, l->t0 + t, n, dh, H);
    for (int64_t k = 0; k < l->G / H; k++) { /* i f g o, or r z n, or h */
      bool gate = l->G > H && k != 2;
      rnni_watch_count(f, gate, gate ? RNN_SIGMOID : l->r->activation, a + k * H, H);
    }
  }
}

rnn_status rnn_watched(rnn_ctx *ctx, int64_t id, rnn_tensor **out) {
  RNNI_NEED(ctx, out, "out is NULL");
  rnni_watch **at = &ctx->watches;
  while (*at && (*at)->id != id) at = &(*at)->next;
  rnni_watch *w = *at;
  *out = NULL;
  if (!w) return RNN_OK;
  if (w->T > 0) RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){w->T, 3}, out));
  for (int64_t t = 0; t < w->T; t++) {
    double sum[FIGURES] = {0};
    for (int64_t n = 0; n < w->N; n++)
      for (int i = 0; i < FIGURES; i++) sum[i] += w->figures[(t * w->N + n) * FIGURES + i];
    double valid = RNNI_MAX(sum[VALID], 1), gates = RNNI_MAX((double)w->gates, 1), units = RNNI_MAX((double)w->units, 1);
    real *to = rnni_f(*out) + t * 3;
    to[0] = (real)sqrt(sum[SQUARES]);
    to[1] = (real)(sum[GATES] / (valid * gates));
    to[2] = (real)(sum[ACTIVATIONS] / (valid * units));
  }
  *at = w->next; /* read once */
  drop(ctx, w);
  return RNN_OK;
}
