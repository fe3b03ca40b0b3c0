/* forward.c: the time loop, forwards. The input product of all steps is one matrix product; the recurrent weights are
 * packed once; then the batch is cut into slices and each runs its whole sequence without meeting the others. */
#include "engine.h"

int rnn_recurrent_gates(const rnn_recurrent *r) {
  return r->cell == RNN_CELL_LSTM ? r->coupled ? 3 : 4 : r->cell == RNN_CELL_GRU ? 3 : 1;
}
int rnn_recurrent_states(const rnn_recurrent *r) { return r->cell == RNN_CELL_LSTM ? 2 : 1; }

int rnni_slices(rnn_ctx *ctx, const rnni_layer *l) {
  double work = (double)l->T * (double)l->N * (double)l->R * (double)(l->G + 8); /* 8: the functions of the gates */
  return (int)RNNI_MIN(rnni_threads_for(ctx, work), RNNI_MAX(l->N, 1));
}

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_packed_layer *k;
  const real *b_n; /* the GRU's b'_n, added where U_n h is, when that is reset */
  real *a;         /* l->a, or the simple RNN's outputs in h */
  int tasks;
  bool alone;      /* a single step that comes after a pause: see rnni_threads_warm */
} loop;

/* The normalised input product of these rows, times gain, plus bias: where the rest of the step will be added. */
static void normalise_input(const loop *j, int64_t rows, int64_t t, int64_t r0, real *a) {
  const rnni_layer *l = j->l;
  int64_t G = l->G, at = t * l->N + r0;
  real *hat = l->nx + at * G;
  rnni_kernel->norm_forward(rows, G, RNNI_NORM_EPS, hat, G, hat, l->sx + at);
  rnni_kernel->scale_columns(rows, G, l->p[RNNI_GAIN_IH], hat, G, j->k->bias, a + l->first, l->A, false);
}

/* p (rows, n) normalised and, times gain, added to a's columns; the part that a GRU will reset is set, with bias, at 3H. */
static void normalise_into(const rnni_layer *l, int64_t rows, int64_t n, const real *p, int64_t column, int64_t t,
                           int64_t r0, real *a, const real *bias) {
  int64_t segment = column > 0 && l->r->reset_before; /* U_n (r h) is normalised by itself */
  int64_t H = l->H, G = l->G, at = t * l->N + r0, added = bias ? 2 * H : n;
  const real *gain = l->p[RNNI_GAIN_HH] + column;
  real *hat = l->nh + at * G + column;
  for (int64_t r = 0; r < rows; r++)
    rnni_kernel->norm_forward(1, n, RNNI_NORM_EPS, p + r * n, n, hat + r * G, l->sh + (at + r) * 2 + segment);
  rnni_kernel->scale_columns(rows, added, gain, hat, G, NULL, a, l->A, true);
  if (bias) rnni_kernel->scale_columns(rows, H, gain + added, hat + added, G, bias, a + 3 * H, l->A, false);
}

/* a += U h for every gate that does not wait for a reset. */
static void recurrent_product(const loop *j, int64_t rows, const real *h, int64_t t, int64_t r0, real *a) {
  const rnni_layer *l = j->l;
  int64_t H = l->H, R = l->R;
  bool gru = l->r->cell == RNN_CELL_GRU, before = gru && l->r->reset_before;
  if (!l->r->layer_norm) {
    if (l->N == 1) rnni_row_product(j->ctx, gru ? 2 * H : l->G, R, h, j->k->u, NULL, a + l->first, true, j->alone);
    else rnni_kernel->product(rows, gru ? 2 * H : l->G, R, h, R, 1, j->k->u, NULL, a + l->first, l->A, true);
    if (gru && !before) rnni_kernel->product(rows, H, R, h, R, 1, j->k->u_n, j->b_n, a + 3 * H, l->A, false);
    return;
  }
  int64_t n = gru ? 2 * H : l->G, all = before ? n : l->G;
  real *p = j->k->product + r0 * l->G;
  rnni_kernel->product(rows, n, R, h, R, 1, j->k->u, NULL, p, all, false);
  if (gru && !before) rnni_kernel->product(rows, H, R, h, R, 1, j->k->u_n, NULL, p + 2 * H, all, false);
  normalise_into(l, rows, all, p, 0, t, r0, a + l->first, gru && !before ? j->b_n : NULL);
}

static void gru_step(const loop *j, int64_t rows, const real *h_before, const real *entering, int64_t t, int64_t r0,
                     real *a, real *h) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  if (!l->r->reset_before) {
    rnni_kernel->gru_forward(&l->gates, rows, a, h_before, h);
    return;
  }
  rnni_kernel->gru_reset(&l->gates, rows, a, entering);
  if (l->r->layer_norm) {
    real *p = j->k->product + r0 * l->G;
    rnni_kernel->product(rows, H, H, a + 3 * H, l->A, 1, j->k->u_n, NULL, p, H, false);
    normalise_into(l, rows, H, p, 2 * H, t, r0, a + 2 * H, NULL);
  } else {
    rnni_kernel->product(rows, H, H, a + 3 * H, l->A, 1, j->k->u_n, NULL, a + 2 * H, l->A, true);
  }
  rnni_kernel->gru_update(&l->gates, rows, a, h_before, h);
}

/* c normalised, times gain, plus bias. */
static void normalise_cell(const rnni_layer *l, int64_t rows, const real *c, int64_t at, real *out) {
  int64_t H = l->H;
  real *hat = l->nc + at * H;
  rnni_kernel->norm_forward(rows, H, RNNI_NORM_EPS, c, H, hat, l->sc + at);
  rnni_kernel->scale_columns(rows, H, l->p[RNNI_GAIN_C], hat, H, l->p[RNNI_BIAS_C], out, H, false);
}

static void lstm_step(const loop *j, int64_t rows, int64_t t, int64_t r0, real *a, real *h) {
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H, at = t * N + r0;
  const real *c_before = l->c + (rnni_before(l, t) * N + r0) * H;
  real *c_after = l->c + (rnni_after(l, t) * N + r0) * H;
  real *c = l->fresh ? l->fresh + at * H : c_after, *m = l->m ? l->m + at * H : h;
  rnni_kernel->lstm_forward(&l->gates, rows, a, c_before, c, m);
  if (l->r->layer_norm) {
    normalise_cell(l, rows, c, at, j->k->cell + r0 * H);
    rnni_kernel->lstm_output(&l->gates, rows, a, j->k->cell + r0 * H, m);
  }
  if (l->m) rnni_kernel->product(rows, l->R, H, m, H, 1, j->k->w_hr, NULL, h, l->R, false);
  if (l->fresh) rnni_zone(l, RNNI_ZONE_C, t, r0, rows, c_before, c, c_after);
}

/* Where a sequence has ended, its state goes on unchanged. */
static void carry(const rnni_layer *l, int64_t t, int64_t r0, int64_t r1) {
  for (int64_t n = r0; n < r1; n++) {
    if (!rnni_padding(l, n, t)) continue;
    int64_t from = rnni_before(l, t) * l->N + n, to = rnni_after(l, t) * l->N + n;
    memcpy(l->h + to * l->R, l->h + from * l->R, (size_t)l->R * sizeof(real));
    if (l->c) memcpy(l->c + to * l->H, l->c + from * l->H, (size_t)l->H * sizeof(real));
  }
}

static void run_slice(void *arg, int task) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  int64_t N = l->N, R = l->R, r0 = N * task / j->tasks, r1 = N * (task + 1) / j->tasks, rows = r1 - r0;
  for (int64_t s = 0; s < l->T && !rnni_interrupted(j->ctx); s++) {
    int64_t t = rnni_step(l, s);
    const real *h_before = l->h + (rnni_before(l, t) * N + r0) * R, *entering = h_before;
    real *h_after = l->h + (rnni_after(l, t) * N + r0) * R;
    real *a = j->a + (t * N + r0) * l->A;
    bool zoned = rnni_zoned(l, RNNI_ZONE_H);
    real *h = zoned ? j->k->made + r0 * R : h_after;
    if (l->mask) {
      real *masked = j->k->masked + r0 * R;
      for (int64_t i = 0; i < rows * R; i++) masked[i] = h_before[i] * l->mask[r0 * R + i];
      entering = masked;
    }
    if (l->r->layer_norm) normalise_input(j, rows, t, r0, a);
    recurrent_product(j, rows, entering, t, r0, a);
    switch (l->r->cell) {
      case RNN_CELL_RNN:
        rnni_kernel->activate(l->gates.act, rows * R, a, a);
        h = a; /* which is h_after unless zoned */
        break;
      case RNN_CELL_LSTM: lstm_step(j, rows, t, r0, a, h); break;
      case RNN_CELL_GRU: gru_step(j, rows, h_before, entering, t, r0, a, h); break;
    }
    if (zoned) rnni_zone(l, RNNI_ZONE_H, t, r0, rows, h_before, h, h_after);
    if (l->lengths) carry(l, t, r0, r1);
  }
}

/* The bias that belongs to the input product: b + b', but a GRU's b'_n stays with U_n h when that is reset after. */
static void input_bias(const rnni_layer *l, real *bias) {
  int64_t both = rnni_resets_after(l) ? 2 * l->H : l->G;
  for (int64_t i = 0; i < l->G; i++) bias[i] = l->p[RNNI_B_IH][i] + (i < both ? l->p[RNNI_B_HH][i] : 0);
}

/* a = W x + bias; or nx = W x, for each step to normalise. */
static rnn_status input_product(rnn_ctx *ctx, const loop *j) {
  const rnni_layer *l = j->l;
  int64_t rows = l->T * l->N, G = l->G, D = l->D;
  bool norm = l->r->layer_norm;
  real *to = norm ? l->nx : j->a + l->first;
  const real *bias = norm ? NULL : j->k->bias;
  int64_t ld = norm ? G : l->A;
  if (!j->k->w.at) return rnni_gemm(ctx, rows, G, D, l->x, D, 1, l->p[RNNI_W_IH], 1, D, bias, to, ld, false);
  if (rows == 1) rnni_row_product(ctx, G, D, l->x, j->k->w, bias, to, false, j->alone);
  else rnni_kernel->product(rows, G, D, l->x, D, 1, j->k->w, bias, to, ld, false);
  return RNN_OK;
}

rnn_status rnni_pack_forward(rnn_ctx *ctx, const rnni_layer *l, bool input, rnni_packed_layer *k) {
  int64_t H = l->H, R = l->R, N = l->N, D = l->D;
  bool gru = l->r->cell == RNN_CELL_GRU;
  int64_t first = gru ? 2 * H : l->G; /* columns of the first packed block */
  int64_t size = (input ? rnni_packed_size(D, l->G) : 0) + rnni_packed_size(R, first) +
                 (gru ? rnni_packed_size(H, H) : 0) + (l->r->projection ? rnni_packed_size(H, R) : 0);
  *k = (rnni_packed_layer){0};
  RNNI_TRY(rnni_array(ctx, size + l->G + N * (l->G + 2 * R + H), sizeof *k->room, &k->room));
  real *next = k->room;
  if (input) k->w = rnni_pack_into(ctx, &next, D, l->G, l->p[RNNI_W_IH], 1, D);
  k->u = rnni_pack_into(ctx, &next, R, first, l->p[RNNI_W_HH], 1, R);
  if (gru) k->u_n = rnni_pack_into(ctx, &next, H, H, l->p[RNNI_W_HH] + 2 * H * H, 1, H);
  if (l->r->projection) k->w_hr = rnni_pack_into(ctx, &next, H, R, l->p[RNNI_W_HR], 1, H);
  k->bias = rnni_take(&next, l->G);
  k->product = rnni_take(&next, N * l->G);
  k->masked = rnni_take(&next, N * R);
  k->made = rnni_take(&next, N * R);
  k->cell = rnni_take(&next, N * H);
  input_bias(l, k->bias);
  return RNN_OK;
}

rnn_status rnni_layer_forward(rnn_ctx *ctx, const rnni_layer *l, const rnni_packed_layer *k) {
  loop j = {.ctx = ctx, .l = l, .k = k, .a = l->a ? l->a : l->h + rnni_after(l, 0) * l->N * l->R,
            .b_n = l->p[RNNI_B_HH] + 2 * l->H};
  bool single = l->T == 1 && l->N == 1 && rnni_threads_for_elements(ctx, (double)l->R * (double)l->G) > 1;
  j.alone = single && !rnni_threads_warm(ctx);
  RNNI_TRY(input_product(ctx, &j));
  j.tasks = rnni_slices(ctx, l);
  rnni_parallel(ctx, j.tasks, run_slice, &j);
  if (single) rnni_threads_used(ctx);
  return rnni_poll(ctx);
}
