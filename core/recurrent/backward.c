/* backward.c: the time loop, backwards (BPTT). It leaves the gates' gradients where the gates were; sums.c makes those of
 * the parameters from them. */
#include "engine.h"

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_layer_gradients *g;
  rnni_panels u, u_n;    /* packed: U, the GRU's U_n */
  real *a;               /* (T, N, A) gradients of the gates before activation: l->a, or a block of its own */
  real *past_h, *past_c; /* (N, H): what padding hands on whole */
  int tasks;
} loop;

/* ---- one step ---- */

/* Adds dy, where there is a step; what belongs to padding is put aside, to be handed on unchanged. */
static void enter(const loop *j, int64_t t, int64_t r0, int64_t r1) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  for (int64_t n = r0; n < r1; n++) {
    if (rnni_padding(l, n, t)) {
      memcpy(j->past_h + n * H, j->g->dh + n * H, (size_t)H * sizeof(real));
      if (l->c) memcpy(j->past_c + n * H, j->g->dc + n * H, (size_t)H * sizeof(real));
    } else if (j->g->dy) {
      rnni_add(j->g->dh + n * H, j->g->dy + n * j->g->row + t * j->g->step, H);
    }
  }
}

static void leave_padding(const loop *j, int64_t t, int64_t r0, int64_t r1) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  for (int64_t n = r0; n < r1; n++) {
    if (!rnni_padding(l, n, t)) continue;
    memcpy(j->g->dh + n * H, j->past_h + n * H, (size_t)H * sizeof(real));
    if (l->c) memcpy(j->g->dc + n * H, j->past_c + n * H, (size_t)H * sizeof(real));
  }
}

/* Padding has no part in any weight. */
static void clear_padding(const rnni_layer *l, int64_t t, int64_t r0, int64_t r1, real *a) {
  for (int64_t n = r0; l->lengths && n < r1; n++)
    if (rnni_padding(l, n, t)) memset(a + (n - r0) * l->A, 0, (size_t)l->A * sizeof *a);
}

/* The gradient of h where it entered U: the whole of the next dh, or added to the GRU's direct part of it. */
static void through_u(const loop *j, int64_t rows, const real *a, real *dh) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  bool gru = l->r->cell == RNN_CELL_GRU;
  rnni_multiply(rows, H, gru ? 2 * H : l->G, a, l->A, 1, j->u, NULL, dh, H, gru);
  if (gru) rnni_multiply(rows, H, H, a + 3 * H, l->A, 1, j->u_n, NULL, dh, H, true);
}

static void run_slice(void *arg, int task) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H, r0 = N * task / j->tasks, r1 = N * (task + 1) / j->tasks, rows = r1 - r0;
  const real *h_before = rnni_state_before(l, l->h), *h_after = rnni_state_after(l, l->h);
  real *dh = j->g->dh + r0 * H, *dc = j->g->dc + r0 * H;
  for (int64_t s = l->T - 1; s >= 0 && !rnni_interrupted(j->ctx); s--) {
    int64_t t = rnni_step(l, s), at = (t * N + r0) * H;
    real *a = j->a + (t * N + r0) * l->A;
    enter(j, t, r0, r1);
    if (j->g->figures) rnni_watch_step(l, j->g->figures, t, r0, r1, dh, l->a ? a : h_after + at);
    switch (l->r->cell) {
      case RNN_CELL_RNN:
        rnni_kernel->elman_backward(l->r->activation == RNN_RELU, rows * H, h_after + at, dh, a);
        break;
      case RNN_CELL_LSTM:
        rnni_kernel->lstm_backward(H, rows, a, rnni_state_before(l, l->c) + at, rnni_state_after(l, l->c) + at, dh, dc);
        break;
      case RNN_CELL_GRU: rnni_kernel->gru_backward(H, rows, a, h_before + at, dh); break;
    }
    clear_padding(l, t, r0, r1, a);
    through_u(j, rows, a, dh);
    if (l->lengths) leave_padding(j, t, r0, r1);
  }
}

/* ---- all of it ---- */

rnn_status rnni_layer_backward(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g) {
  int64_t H = l->H, N = l->N;
  bool gru = l->r->cell == RNN_CELL_GRU;
  int64_t first = gru ? 2 * H : l->G; /* rows of the first packed block */
  int64_t packed = rnni_panels_size(ctx->low, first, H) + (gru ? rnni_panels_size(ctx->low, H, H) : 0);
  real *room = NULL, *own = NULL;
  rnn_status status;
  uint64_t mode = rnni_float_mode();
  rnni_flush_subnormals(); /* a gradient that vanishes gets there */
  RNNI_GOTO(rnni_array(ctx, packed + 2 * N * H, sizeof *room, &room));
  if (!l->a) RNNI_GOTO(rnni_array(ctx, l->T * N * H, sizeof *own, &own));
  real *p = room;
  loop j = {.ctx = ctx, .l = l, .g = g, .a = l->a ? l->a : own};
  j.u = rnni_pack_into(ctx, ctx->low, &p, first, H, l->p[RNNI_W_HH], H, 1);
  if (gru) j.u_n = rnni_pack_into(ctx, ctx->low, &p, H, H, l->p[RNNI_W_HH] + 2 * H * H, H, 1);
  j.past_h = rnni_take(&p, N * H);
  j.past_c = rnni_take(&p, N * H);
  j.tasks = rnni_slices(ctx, l);
  rnni_parallel(ctx, j.tasks, run_slice, &j);
  RNNI_GOTO(rnni_poll(ctx));
  status = rnni_sum_over_time(ctx, l, g, j.a);
done:
  rnni_set_float_mode(mode);
  rnni_free(ctx, own);
  rnni_free(ctx, room);
  return status;
}
