/* backward.c: the time loop, backwards (BPTT), and after it the gradients of the weights: the loop leaves the gates'
 * gradients where the gates were, so dW is one product over all steps. */
#include "engine.h"

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_layer_gradients *g;
  rnni_panels u, u_n, w_hr; /* packed: U, the GRU's U_n, the projection */
  real *a;         /* l->a, or the simple RNN's gradients of a */
  real *dh, *dc;   /* (N, R), (N, H): of the state after the step at hand */
  real *dm;        /* (N, H): of o act(c); of r h */
  real *entering;  /* (N, R): of h where it enters U */
  real *kept_h, *kept_c; /* what zoneout hands straight to the state before */
  real *past_h, *past_c; /* what padding hands on whole */
  real *cell;      /* (2, N, H) scratch of the normalised c */
  real *dnh;       /* (T, N, G) of U h, with layer norm */
  real *dnc;       /* (T, N, H) of c normalised, with layer norm */
  real *dmade;     /* (T, N, R) of h before projection's zoneout: what dW_hr needs */
  real *masked;    /* (T, N, R) h as it entered U, with dropout */
  int tasks;
} loop;

static const real *state_before(const rnni_layer *l, const real *states, int64_t width) {
  return states + rnni_before(l, 0) * l->N * width; /* of step 0; the others follow */
}
static const real *state_after(const rnni_layer *l, const real *states, int64_t width) {
  return states + rnni_after(l, 0) * l->N * width;
}

/* The simple RNN's outputs, from step 0 on. */
static const real *rnn_h(const rnni_layer *l) { return l->a ? l->a : state_after(l, l->h, l->R); }

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
  const real *c_before = state_before(l, l->c, H) + at * H;
  const real *c = l->fresh ? l->fresh + at * H : state_after(l, l->c, H) + at * H;
  real *dh = j->dh + r0 * l->R, *dc = j->dc + r0 * H, *dm = dh;
  if (l->m) {
    dm = j->dm + r0 * H;
    memcpy(j->dmade + at * l->R, dh, (size_t)(rows * l->R) * sizeof *dh);
    clear_padding(l, t, r0, r1, j->dmade + at * l->R, l->R);
    rnni_kernel->product(rows, H, l->R, dh, l->R, 1, j->w_hr, NULL, dm, H, false);
  }
  if (l->r->layer_norm) {
    real *normal = j->cell + r0 * H, *back = j->cell + (l->N + r0) * H, *dnc = j->dnc + at * H;
    const real *hat = l->nc + at * H;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < H; i++)
        normal[r * H + i] = l->p[RNNI_GAIN_C][i] * hat[r * H + i] + l->p[RNNI_BIAS_C][i];
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
  bool apart = l->r->cell == RNN_CELL_GRU && !l->r->reset_before;
  for (int64_t r = 0; r < rows; r++) {
    int64_t at = t * l->N + r0 + r;
    const real *from = a + r * l->A + l->first + column;
    real *d = j->dnh + at * l->G + column;
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
    d = j->dnh + (t * l->N + r0) * l->G;
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
    dn = j->dnh + (t * l->N + r0) * l->G + 2 * H;
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
  for (int64_t s = l->T - 1; s >= 0 && !atomic_load_explicit(&j->ctx->interrupted, memory_order_relaxed); s--) {
    int64_t t = rnni_step(l, s), at = t * N + r0;
    const real *h_before = state_before(l, l->h, R) + at * R;
    const real *entering = l->mask ? j->masked + at * R : h_before;
    real *a = j->a + at * l->A;
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

/* ---- sums over all steps ---- */

/* sums[i] += sum of column i of a, times that of b when there is one; blocks of rows first, so that long sums keep
   their digits. also, when it is not NULL, gets the same. */
static void add_columns(int64_t rows, int64_t columns, const real *a, int64_t lda, const real *b, int64_t ldb,
                        real *block, real *sums, real *also) {
  if (!sums && !also) return;
  for (int64_t r = 0; r < rows; r += 64) {
    memset(block, 0, (size_t)columns * sizeof *block);
    for (int64_t k = r; k < RNNI_MIN(r + 64, rows); k++) {
      if (!b) rnni_add(block, a + k * lda, columns);
      else
        for (int64_t i = 0; i < columns; i++) block[i] += a[k * lda + i] * b[k * ldb + i];
    }
    if (sums) rnni_add(sums, block, columns);
    if (also) rnni_add(also, block, columns);
  }
}

/* The same for what belongs to U h, whose last part a GRU that resets after keeps at 3H. */
static void add_recurrent_columns(const loop *j, int64_t rows, const real *b, real *block, real *sums) {
  const rnni_layer *l = j->l;
  if (!sums) return;
  bool apart = l->r->cell == RNN_CELL_GRU && !l->r->reset_before;
  int64_t H = l->H;
  add_columns(rows, apart ? 2 * H : l->G, j->a + l->first, l->A, b, l->G, block, sums, NULL);
  if (apart) add_columns(rows, H, j->a + 3 * H, l->A, b ? b + 2 * H : NULL, l->G, block, sums + 2 * H, NULL);
}

static void vector_gradients(const loop *j, int64_t rows, real *block) {
  const rnni_layer *l = j->l;
  real *const *d = j->g->d;
  int64_t H = l->H, A = l->A;
  if (l->r->cell == RNN_CELL_GRU && !l->r->reset_before) {
    add_columns(rows, l->G, j->a, A, NULL, 0, block, d[RNNI_B_IH], NULL);
    add_recurrent_columns(j, rows, NULL, block, d[RNNI_B_HH]);
  } else { /* both biases are added to the same sums */
    add_columns(rows, l->G, j->a + l->first, A, NULL, 0, block, d[RNNI_B_IH], d[RNNI_B_HH]);
  }
  if (l->r->layer_norm) {
    add_columns(rows, l->G, j->a + l->first, A, l->nx, l->G, block, d[RNNI_GAIN_IH], NULL);
    add_recurrent_columns(j, rows, l->nh, block, d[RNNI_GAIN_HH]);
    if (l->nc) {
      add_columns(rows, H, j->dnc, H, l->nc, H, block, d[RNNI_GAIN_C], NULL);
      add_columns(rows, H, j->dnc, H, NULL, 0, block, d[RNNI_BIAS_C], NULL);
    }
  }
  if (d[RNNI_PEEPHOLE]) {
    const real *before = state_before(l, l->c, H), *c = l->fresh ? l->fresh : state_after(l, l->c, H);
    if (!l->r->coupled) add_columns(rows, H, j->a, A, before, H, block, d[RNNI_PEEPHOLE], NULL);
    add_columns(rows, H, j->a + H, A, before, H, block, d[RNNI_PEEPHOLE] + H, NULL);
    add_columns(rows, H, j->a + 3 * H, A, c, H, block, d[RNNI_PEEPHOLE] + 2 * H, NULL);
  }
}

/* dU = d' h, d the gradient of U h. */
static rnn_status recurrent_weights(const loop *j, int64_t rows, real *dw) {
  rnn_ctx *ctx = j->ctx;
  const rnni_layer *l = j->l;
  int64_t H = l->H, R = l->R;
  bool gru = l->r->cell == RNN_CELL_GRU, norm = l->r->layer_norm, before = l->r->reset_before;
  const real *h = l->mask ? j->masked : state_before(l, l->h, R);
  const real *d = norm ? j->dnh : j->a + l->first;
  int64_t ld = norm ? l->G : l->A;
  RNNI_TRY(rnni_gemm(ctx, gru ? 2 * H : l->G, R, rows, d, 1, ld, h, R, 1, NULL, dw, R, true));
  if (!gru) return RNN_OK;
  const real *d_n = norm ? j->dnh + 2 * H : before ? j->a + 2 * H : j->a + 3 * H;
  const real *h_n = before ? l->a + 3 * H : h; /* r h */
  return rnni_gemm(ctx, H, R, rows, d_n, 1, ld, h_n, before ? l->A : R, 1, NULL, dw + 2 * H * R, R, true);
}

static rnn_status matrix_gradients(const loop *j, int64_t rows) {
  rnn_ctx *ctx = j->ctx;
  const rnni_layer *l = j->l;
  real *const *d = j->g->d;
  int64_t D = l->D, G = l->G;
  if (d[RNNI_W_HH]) RNNI_TRY(recurrent_weights(j, rows, d[RNNI_W_HH]));
  if (d[RNNI_W_HR])
    RNNI_TRY(rnni_gemm(ctx, l->R, l->H, rows, j->dmade, 1, l->R, l->m, l->H, 1, NULL, d[RNNI_W_HR], l->H, true));
  const real *dx = j->a + l->first; /* of W x */
  int64_t ld = l->A;
  if (l->r->layer_norm) {
    rnni_kernel->norm_backward(rows, G, dx, ld, l->p[RNNI_GAIN_IH], l->nx, l->sx, l->nx);
    dx = l->nx;
    ld = G;
  }
  if (d[RNNI_W_IH]) RNNI_TRY(rnni_gemm(ctx, G, D, rows, dx, 1, ld, l->x, D, 1, NULL, d[RNNI_W_IH], D, true));
  if (d[RNNI_X]) RNNI_TRY(rnni_gemm(ctx, rows, D, G, dx, ld, 1, l->p[RNNI_W_IH], D, 1, NULL, d[RNNI_X], D, false));
  return RNN_OK;
}

/* ---- blocks of time ----
 *
 * Sums over time are made block by block, those computed last first, and a segment is a whole number of blocks: so a
 * layer that is run again in segments sums the same numbers in the same order, and gets the same bits. */

int64_t rnni_block_steps(int64_t N) { return RNNI_MAX(1, 512 / RNNI_MAX(N, 1)); }

/* The loop as if it began at step t. */
static void shift(loop *j, rnni_layer *l, rnni_layer_gradients *g, int64_t t) {
  int64_t rows = t * l->N, H = l->H;
  real *const at[] = {l->x, l->a, l->h, l->c, l->fresh, l->m, l->nx, l->nh, l->nc};
  real **const moved[] = {&l->x, &l->a, &l->h, &l->c, &l->fresh, &l->m, &l->nx, &l->nh, &l->nc};
  const int64_t width[] = {l->D, l->A, l->R, H, H, H, l->G, l->G, H};
  for (int i = 0; i < 9; i++)
    if (at[i]) *moved[i] = at[i] + rows * width[i];
  if (l->sx) l->sx += rows;
  real **const own[] = {&j->a, &j->dnh, &j->dnc, &j->dmade, &j->masked, &g->d[RNNI_X]};
  const int64_t own_width[] = {l->A, l->G, H, l->R, l->R, l->D};
  for (int i = 0; i < 6; i++)
    if (*own[i]) *own[i] += rows * own_width[i];
  j->l = l;
  j->g = g;
}

static rnn_status sum_over_time(const loop *whole, real *block) {
  const rnni_layer *l = whole->l;
  int64_t steps = rnni_block_steps(l->N), blocks = (l->T + steps - 1) / steps;
  for (int64_t b = 0; b < blocks; b++) {
    int64_t from = (l->r->reverse ? b : blocks - 1 - b) * steps, rows = RNNI_MIN(steps, l->T - from) * l->N;
    loop j = *whole;
    rnni_layer part = *l;
    rnni_layer_gradients g = *whole->g;
    shift(&j, &part, &g, from);
    vector_gradients(&j, rows, block);
    RNNI_TRY(matrix_gradients(&j, rows));
  }
  return RNN_OK;
}

/* ---- all of it ---- */

static void mask_states(const loop *j, int64_t rows) {
  const rnni_layer *l = j->l;
  const real *h = state_before(l, l->h, l->R);
  int64_t row = l->N * l->R;
  for (int64_t i = 0; i < rows * l->R; i++) j->masked[i] = h[i] * l->mask[i % row];
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
  RNNI_GOTO(rnni_array(ctx, packed + N * (3 * R + 5 * H) + RNNI_MAX(l->G, H), sizeof *room, &room));
  RNNI_GOTO(rnni_array(ctx, rows * per_row, sizeof *kept, &kept));
  real *p = room, *q = kept;
  loop j = {.ctx = ctx, .l = l, .g = g, .a = l->a, .dh = g->dh, .dc = g->dc};
  j.u = rnni_pack_into(&p, first, R, l->p[RNNI_W_HH], R, 1);
  if (gru) j.u_n = rnni_pack_into(&p, H, H, l->p[RNNI_W_HH] + 2 * H * H, H, 1);
  if (l->m) j.w_hr = rnni_pack_into(&p, R, H, l->p[RNNI_W_HR], H, 1);
  j.dm = rnni_take(&p, N * H);
  j.entering = rnni_take(&p, N * R);
  j.kept_h = rnni_take(&p, N * R);
  j.kept_c = rnni_take(&p, N * H);
  j.past_h = rnni_take(&p, N * R);
  j.past_c = rnni_take(&p, N * H);
  j.cell = rnni_take(&p, 2 * N * H);
  if (rnn) j.a = rnni_take(&q, rows * H);
  if (norm) j.dnh = rnni_take(&q, rows * l->G);
  if (l->nc) j.dnc = rnni_take(&q, rows * H);
  if (l->m) j.dmade = rnni_take(&q, rows * R);
  if (l->mask) {
    j.masked = q;
    mask_states(&j, rows);
  }
  j.tasks = rnni_slices(ctx, l);
  rnni_parallel(ctx, j.tasks, run_slice, &j);
  RNNI_GOTO(rnni_poll(ctx));
  status = sum_over_time(&j, p);
done:
  rnni_set_float_mode(mode);
  rnni_free(ctx, kept);
  rnni_free(ctx, room);
  return status;
}
