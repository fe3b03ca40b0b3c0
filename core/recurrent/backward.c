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
} loop;

/* ---- one step ---- */

/* Adds dy, where there is a step; what belongs to padding is put aside, to be handed on unchanged. */
static void enter(const loop *j, int64_t t, const rnni_piece *p) {
  const rnni_layer *l = j->l;
  size_t size = (size_t)p->units * sizeof(real);
  for (int64_t n = p->row; n < p->row + p->rows; n++) {
    int64_t at = n * l->H + p->unit;
    if (rnni_padding(l, n, t)) {
      memcpy(j->past_h + at, j->g->dh + at, size);
      if (l->c) memcpy(j->past_c + at, j->g->dc + at, size);
    } else if (j->g->dy) {
      rnni_add(j->g->dh + at, j->g->dy + n * j->g->row + t * j->g->step + p->unit, p->units);
    }
  }
}

static void leave_padding(const loop *j, int64_t t, const rnni_piece *p) {
  const rnni_layer *l = j->l;
  size_t size = (size_t)p->units * sizeof(real);
  for (int64_t n = p->row; n < p->row + p->rows; n++) {
    int64_t at = n * l->H + p->unit;
    if (!rnni_padding(l, n, t)) continue;
    memcpy(j->g->dh + at, j->past_h + at, size);
    if (l->c) memcpy(j->g->dc + at, j->past_c + at, size);
  }
}

/* Padding has no part in any weight. a: at the piece. */
static void clear_padding(const rnni_layer *l, int64_t t, const rnni_piece *p, real *a) {
  for (int64_t n = 0; l->lengths && n < p->rows; n++)
    for (int64_t gate = 0; gate < l->A && rnni_padding(l, p->row + n, t); gate += l->H)
      memset(a + n * l->A + gate, 0, (size_t)p->units * sizeof *a);
}

/* From step t's gates to the gradient of h where it entered U: the whole of the next dh, or added to the GRU's direct
   part of it. */
static void through_u(const loop *j, int64_t t, const rnni_piece *p) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  bool gru = l->r->cell == RNN_CELL_GRU;
  const real *a = j->a + (t * l->N + p->row) * l->A;
  real *dh = j->g->dh + p->row * H + p->unit;
  rnni_multiply(p->rows, p->units, gru ? 2 * H : l->G, a, l->A, 1, rnni_panels_from(j->u, p->unit), NULL, dh, H, gru);
  if (gru) rnni_multiply(p->rows, p->units, H, a + 3 * H, l->A, 1, rnni_panels_from(j->u_n, p->unit), NULL, dh, H, true);
  if (l->lengths) leave_padding(j, t, p);
}

static void elman(const rnni_layer *l, const rnni_piece *p, const real *h, const real *dh, real *a) {
  bool relu = l->r->activation == RNN_RELU;
  if (p->units == l->H) rnni_kernel->elman_backward(relu, p->rows * l->H, h, dh, a);
  else
    for (int64_t r = 0; r < p->rows; r++)
      rnni_kernel->elman_backward(relu, p->units, h + r * l->H, dh + r * l->H, a + r * l->H);
}

static void through_gates(const loop *j, int64_t t, const rnni_piece *p) {
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H, part = p->row * H + p->unit, at = t * N * H + part;
  const real *h_before = rnni_state_before(l, l->h), *h_after = rnni_state_after(l, l->h);
  real *dh = j->g->dh + part, *dc = j->g->dc + part, *a = j->a + (t * N + p->row) * l->A + p->unit;
  enter(j, t, p);
  if (j->g->figures) rnni_watch_step(l, j->g->figures, t, p->row, p->row + p->rows, dh, l->a ? a : h_after + at);
  switch (l->r->cell) {
    case RNN_CELL_RNN: elman(l, p, h_after + at, dh, a); break;
    case RNN_CELL_LSTM:
      rnni_kernel->lstm_backward(H, p->units, p->rows, a, rnni_state_before(l, l->c) + at, rnni_state_after(l, l->c) + at,
                                 dh, dc);
      break;
    case RNN_CELL_GRU: rnni_kernel->gru_backward(H, p->units, p->rows, a, h_before + at, dh); break;
  }
  clear_padding(l, t, p, a);
}

/* Steps are counted from the last on. One goes through U when the next begins, for then its gates are those of all units. */
static void run_steps(const void *arg, const rnni_piece *p, int64_t first, int64_t end) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  for (int64_t s = first; s < end && !rnni_interrupted(j->ctx); s++) {
    if (s > 0) through_u(j, rnni_step(l, l->T - s), p);
    if (s < l->T) through_gates(j, rnni_step(l, l->T - 1 - s), p);
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
  rnni_cuts cuts = rnni_cuts_of(ctx, l, !g->figures); /* which are of rows */
  rnni_run_steps(ctx, l, cuts, l->T + 1, run_steps, &j, "backward.c:run_steps");
  RNNI_GOTO(rnni_poll(ctx));
  status = rnni_sum_over_time(ctx, l, g, j.a);
done:
  rnni_set_float_mode(mode);
  rnni_free(ctx, own);
  rnni_free(ctx, room);
  return status;
}
