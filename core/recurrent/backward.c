/* backward.c: the time loop, backwards (BPTT). It leaves the gates' gradients where the gates were; sums.c makes those of
 * the parameters from them. */
#include "engine.h"

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_layer_gradients *g;
  rnni_panels u, u_n, w_hr; /* packed: U, the GRU's U_n, the projection */
  rnni_step_gradients s;
  real *dh, *dc;   /* (N, R), (N, H): of the state after the step at hand */
  real *dm;        /* (N, H): of o act(c); of r h */
  real *entering;  /* (N, R): of h where it enters U */
  real *kept_h, *kept_c; /* what zoneout hands straight to the state before */
  real *past_h, *past_c; /* what padding hands on whole */
  real *cell;      /* (2, N, H) scratch of the normalised c */
  int tasks;
} loop;

/* The simple RNN's outputs, from step 0 on. */
static const real *rnn_h(const rnni_layer *l) { return l->a ? l->a : rnni_state_after(l, l->h, l->R); }

/* ---- one step ---- */

/* Adds dy, where there is a step; what belongs to padding is put aside, to be handed on unchanged. */
static void enter(const loop *j, int64_t t, int64_t r0, int64_t r1) {
  const rnni_layer *l = j->l;
  for (int64_t n = r0; n < r1; n++) {
    if (rnni_padding(l, n, t)) {
      memcpy(j->past_h + n * l->R, j->dh + n * l->R, (size_t)l->R * sizeof(real));
      if (l->c) memcpy(j->past_c + n * l->H, j->dc + n * l->H, (size_t)l->H * sizeof(real));
    } else if (j->g->dy) {
      rnni_add(j->dh + n * l->R, j->g->dy + n * j->g->row + t * j->g->step, l->R);
    }
  }
}

static void leave_padding(const loop *j, int64_t t, int64_t r0, int64_t r1) {
  const rnni_layer *l = j->l;
  for (int64_t n = r0; n < r1; n++) {
    if (!rnni_padding(l, n, t)) continue;
    memcpy(j->dh + n * l->R, j->past_h + n * l->R, (size_t)l->R * sizeof(real));
    if (l->c) memcpy(j->dc + n * l->H, j->past_c + n * l->H, (size_t)l->H * sizeof(real));
  }
}

/* Padding has no part in any weight. */
static void clear_padding(const rnni_layer *l, int64_t t, int64_t r0, int64_t r1, real *p, int64_t columns) {
  for (int64_t n = r0; l->lengths && n < r1; n++)
    if (rnni_padding(l, n, t)) memset(p + (n - r0) * columns, 0, (size_t)columns * sizeof *p);
}

static void lstm_step(const loop *j, int64_t rows, int64_t t, int64_t r0, int64_t r1, real *a) {
  const rnni_layer *l = j->l;
  int64_t H = l->H, at = t * l->N + r0;
  const real *c_before = rnni_state_before(l, l->c, H) + at * H;
  const real *c = l->fresh ? l->fresh + at * H : rnni_state_after(l, l->c, H) + at * H;
  real *dh = j->dh + r0 * l->R, *dc = j->dc + r0 * H, *dm = dh;
  if (l->m) {
    dm = j->dm + r0 * H;
    memcpy(j->s.dmade + at * l->R, dh, (size_t)(rows * l->R) * sizeof *dh);
    clear_padding(l, t, r0, r1, j->s.dmade + at * l->R, l->R);
    rnni_kernel->product(rows, H, l->R, dh, l->R, 1, j->w_hr, NULL, dm, H, false);
  }
  if (l->r->layer_norm) {
    real *normal = j->cell + r0 * H, *back = j->cell + (l->N + r0) * H, *dnc = j->s.dnc + at * H;
    const real *hat = l->nc + at * H;
    rnni_kernel->scale_columns(rows, H, l->p[RNNI_GAIN_C], hat, H, l->p[RNNI_BIAS_C], normal, H, false);
    rnni_kernel->lstm_output_backward(&l->gates, rows, a, normal, dm, dnc);
    clear_padding(l, t, r0, r1, dnc, H);
    rnni_kernel->norm_backward(rows, H, dnc, H, l->p[RNNI_GAIN_C], hat, l->sc + at, back);
    rnni_add(dc, back, rows * H);
  }
  rnni_kernel->lstm_backward(&l->gates, rows, a, c_before, c, dm, dc);
}

/* The gradients of columns [column, column + n) of U h before it was normalised, from those of the gates in a. */
static void unnormalise(const loop *j, int64_t rows, int64_t column, int64_t n, int64_t t, int64_t r0, const real *a) {
  const rnni_layer *l = j->l;
  int64_t segment = column > 0; /* U_n (r h) is normalised by itself */
  bool apart = rnni_resets_after(l);
  for (int64_t r = 0; r < rows; r++) {
    int64_t at = t * l->N + r0 + r;
    const real *from = a + r * l->A + l->first + column;
    real *d = j->s.dnh + at * l->G + column;
    int64_t together = apart ? 2 * l->H : n; /* the GRU's last part lies apart, at 3H */
    memcpy(d, from, (size_t)together * sizeof *d);
    if (apart) memcpy(d + together, from + 3 * l->H, (size_t)l->H * sizeof *d);
    rnni_kernel->norm_backward(1, n, d, n, l->p[RNNI_GAIN_HH] + column, l->nh + at * l->G + column,
                               l->sh + at * 2 + segment, d);
  }
}

/* to [+]= the gradient of h where it entered U. */
static void through_u(const loop *j, int64_t rows, int64_t t, int64_t r0, const real *a, real *to, bool add) {
  const rnni_layer *l = j->l;
  int64_t H = l->H, R = l->R;
  bool gru = l->r->cell == RNN_CELL_GRU, before = l->r->reset_before;
  const real *d = a + l->first, *d_n = a + 3 * H;
  int64_t ld = l->A, n = gru ? 2 * H : l->G;
  if (l->r->layer_norm) {
    unnormalise(j, rows, 0, before ? n : l->G, t, r0, a);
    d = j->s.dnh + (t * l->N + r0) * l->G;
    d_n = d + 2 * H;
    ld = l->G;
  }
  rnni_kernel->product(rows, R, n, d, ld, 1, j->u, NULL, to, R, add);
  if (gru && !before) rnni_kernel->product(rows, R, H, d_n, ld, 1, j->u_n, NULL, to, R, true);
}

/* dh becomes its direct part; with the reset before the product, what flows through r h is added to to. */
static void gru_step(const loop *j, int64_t rows, int64_t t, int64_t r0, real *a, const real *h_before,
                     const real *entering, real *dh, real *to) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  if (!l->r->reset_before) {
    rnni_kernel->gru_backward(&l->gates, rows, a, h_before, dh);
    return;
  }
  rnni_kernel->gru_update_backward(&l->gates, rows, a, h_before, dh);
  const real *dn = a + 2 * H;
  int64_t ld = l->A;
  if (l->r->layer_norm) {
    unnormalise(j, rows, 2 * H, H, t, r0, a);
    dn = j->s.dnh + (t * l->N + r0) * l->G + 2 * H;
    ld = l->G;
  }
  real *drh = j->dm + r0 * H;
  rnni_kernel->product(rows, H, H, dn, ld, 1, j->u_n, NULL, drh, H, false);
  rnni_kernel->gru_reset_backward(&l->gates, rows, a, entering, drh, to);
}

static void run_slice(void *arg, int task) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H, R = l->R, r0 = N * task / j->tasks, r1 = N * (task + 1) / j->tasks, rows = r1 - r0;
  bool zone_h = rnni_zoned(l, RNNI_ZONE_H), gru = l->r->cell == RNN_CELL_GRU;
  bool rnn = l->r->cell == RNN_CELL_RNN;
  /* Usually the gradient through U is the whole of the next dh, or adds to the GRU's direct part of it. */
  bool straight = !zone_h && !l->mask;
  real *dh = j->dh + r0 * R, *dc = j->dc + r0 * H, *kept_h = j->kept_h + r0 * R, *kept_c = j->kept_c + r0 * H;
  real *to = straight ? dh : j->entering + r0 * R;
  for (int64_t s = l->T - 1; s >= 0 && !rnni_interrupted(j->ctx); s--) {
    int64_t t = rnni_step(l, s), at = t * N + r0;
    const real *h_before = rnni_state_before(l, l->h, R) + at * R;
    const real *entering = l->mask ? j->s.masked + at * R : h_before;
    real *a = j->s.a + at * l->A;
    enter(j, t, r0, r1);
    if (j->g->figures) rnni_watch_step(l, j->g->figures, t, r0, r1, dh, rnn ? rnn_h(l) + at * H : a);
    if (zone_h) rnni_zone_backward(l, RNNI_ZONE_H, t, r0, rows, dh, kept_h);
    if (l->fresh) rnni_zone_backward(l, RNNI_ZONE_C, t, r0, rows, dc, kept_c);
    if (!straight) memset(to, 0, (size_t)(rows * R) * sizeof *to);
    switch (l->r->cell) {
      case RNN_CELL_RNN: rnni_kernel->rnn_backward(&l->gates, rows, rnn_h(l) + at * H, dh, a); break;
      case RNN_CELL_LSTM: lstm_step(j, rows, t, r0, r1, a); break;
      case RNN_CELL_GRU: gru_step(j, rows, t, r0, a, h_before, entering, dh, to); break;
    }
    clear_padding(l, t, r0, r1, a, l->A);
    through_u(j, rows, t, r0, a, to, !straight || gru);
    for (int64_t i = 0; !straight && i < rows * R; i++)
      dh[i] = (gru ? dh[i] : 0) + (zone_h ? kept_h[i] : 0) + (l->mask ? l->mask[r0 * R + i] : 1) * to[i];
    if (l->fresh) rnni_add(dc, kept_c, rows * H);
    if (l->lengths) leave_padding(j, t, r0, r1);
  }
}

/* ---- all of it ---- */

static void mask_states(const loop *j, int64_t rows) {
  const rnni_layer *l = j->l;
  const real *h = rnni_state_before(l, l->h, l->R);
  int64_t row = l->N * l->R;
  for (int64_t i = 0; i < rows * l->R; i++) j->s.masked[i] = h[i] * l->mask[i % row];
}

rnn_status rnni_layer_backward(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g) {
  int64_t H = l->H, R = l->R, N = l->N, rows = l->T * N;
  bool gru = l->r->cell == RNN_CELL_GRU, rnn = l->r->cell == RNN_CELL_RNN, norm = l->r->layer_norm;
  int64_t first = gru ? 2 * H : l->G; /* rows of the first packed block */
  int64_t packed = rnni_packed_size(first, R) + (gru ? rnni_packed_size(H, H) : 0) +
                   (l->m ? rnni_packed_size(R, H) : 0);
  int64_t per_row = (rnn ? H : 0) + (norm ? l->G : 0) + (l->nc ? H : 0) + (l->m ? R : 0) + (l->mask ? R : 0);
  real *room = NULL, *kept = NULL;
  rnn_status status;
  uint64_t mode = rnni_float_mode();
  rnni_flush_subnormals(); /* a gradient that vanishes gets there */
  RNNI_GOTO(rnni_array(ctx, packed + N * (3 * R + 5 * H), sizeof *room, &room));
  RNNI_GOTO(rnni_array(ctx, rows * per_row, sizeof *kept, &kept));
  real *p = room, *q = kept;
  loop j = {.ctx = ctx, .l = l, .g = g, .s = {.a = l->a}, .dh = g->dh, .dc = g->dc};
  j.u = rnni_pack_into(ctx, &p, first, R, l->p[RNNI_W_HH], R, 1);
  if (gru) j.u_n = rnni_pack_into(ctx, &p, H, H, l->p[RNNI_W_HH] + 2 * H * H, H, 1);
  if (l->m) j.w_hr = rnni_pack_into(ctx, &p, R, H, l->p[RNNI_W_HR], H, 1);
  j.dm = rnni_take(&p, N * H);
  j.entering = rnni_take(&p, N * R);
  j.kept_h = rnni_take(&p, N * R);
  j.kept_c = rnni_take(&p, N * H);
  j.past_h = rnni_take(&p, N * R);
  j.past_c = rnni_take(&p, N * H);
  j.cell = rnni_take(&p, 2 * N * H);
  if (rnn) j.s.a = rnni_take(&q, rows * H);
  if (norm) j.s.dnh = rnni_take(&q, rows * l->G);
  if (l->nc) j.s.dnc = rnni_take(&q, rows * H);
  if (l->m) j.s.dmade = rnni_take(&q, rows * R);
  if (l->mask) {
    j.s.masked = q;
    mask_states(&j, rows);
  }
  j.tasks = rnni_slices(ctx, l);
  rnni_parallel(ctx, j.tasks, run_slice, &j);
  RNNI_GOTO(rnni_poll(ctx));
  status = rnni_sum_over_time(ctx, l, g, &j.s);
done:
  rnni_set_float_mode(mode);
  rnni_free(ctx, kept);
  rnni_free(ctx, room);
  return status;
}
