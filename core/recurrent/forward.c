/* forward.c: the time loop, forwards. The input product of all steps is one matrix product; the recurrent weights are
 * packed once; then the batch is cut into slices and each runs its whole sequence without meeting the others. */
#include "engine.h"

int rnn_recurrent_gates(const rnn_recurrent *r) {
  return r->cell == RNN_CELL_LSTM ? 4 : r->cell == RNN_CELL_GRU ? 3 : 1;
}
int rnn_recurrent_states(const rnn_recurrent *r) { return r->cell == RNN_CELL_LSTM ? 2 : 1; }

int rnni_slices(rnn_ctx *ctx, const rnni_layer *l) {
  double work = (double)l->T * (double)l->N * (double)l->H * (double)(l->G + 8); /* 8: the functions of the gates */
  return (int)RNNI_MIN(rnni_threads_for(ctx, work), RNNI_MAX(l->N, 1));
}

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_packed_layer *k;
  const real *b_n; /* the GRU's b'_n, added where U_n h is, which is reset */
  real *a;         /* l->a, or the simple RNN's outputs in h */
  int tasks;
  bool alone;      /* a single step that comes after a pause: see rnni_threads_warm */
} loop;

/* a += U h; of the GRU's n, beside it. */
static void recurrent_product(const loop *j, int64_t rows, const real *h, real *a) {
  const rnni_layer *l = j->l;
  int64_t H = l->H;
  bool gru = l->r->cell == RNN_CELL_GRU;
  if (l->N == 1) rnni_row_product(j->ctx, gru ? 2 * H : l->G, H, h, j->k->u, NULL, a, true, j->alone);
  else rnni_multiply(rows, gru ? 2 * H : l->G, H, h, H, 1, j->k->u, NULL, a, l->A, true);
  if (gru) rnni_multiply(rows, H, H, h, H, 1, j->k->u_n, j->b_n, a + 3 * H, l->A, false);
}

/* Where a sequence has ended, its state goes on unchanged. */
static void carry(const rnni_layer *l, int64_t t, int64_t r0, int64_t r1) {
  for (int64_t n = r0; n < r1; n++) {
    if (!rnni_padding(l, n, t)) continue;
    int64_t from = (rnni_before(l, t) * l->N + n) * l->H, to = (rnni_after(l, t) * l->N + n) * l->H;
    memcpy(l->h + to, l->h + from, (size_t)l->H * sizeof(real));
    if (l->c) memcpy(l->c + to, l->c + from, (size_t)l->H * sizeof(real));
  }
}

static void run_slice(void *arg, int task) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H, r0 = N * task / j->tasks, r1 = N * (task + 1) / j->tasks, rows = r1 - r0;
  for (int64_t s = 0; s < l->T && !rnni_interrupted(j->ctx); s++) {
    int64_t t = rnni_step(l, s), before = (rnni_before(l, t) * N + r0) * H, after = (rnni_after(l, t) * N + r0) * H;
    real *a = j->a + (t * N + r0) * l->A;
    recurrent_product(j, rows, l->h + before, a);
    switch (l->r->cell) {
      case RNN_CELL_RNN: rnni_kernel->elman_forward(l->r->activation == RNN_RELU, rows * H, a); break; /* a is h after */
      case RNN_CELL_LSTM: rnni_kernel->lstm_forward(H, rows, a, l->c + before, l->c + after, l->h + after); break;
      case RNN_CELL_GRU: rnni_kernel->gru_forward(H, rows, a, l->h + before, l->h + after); break;
    }
    if (l->lengths) carry(l, t, r0, r1);
  }
}

/* The bias that belongs to the input product: b + b', but the GRU's b'_n stays with U_n h, which is reset. */
static void input_bias(const rnni_layer *l, real *bias) {
  int64_t both = l->r->cell == RNN_CELL_GRU ? 2 * l->H : l->G;
  for (int64_t i = 0; i < l->G; i++) bias[i] = l->p[RNNI_B_IH][i] + (i < both ? l->p[RNNI_B_HH][i] : 0);
}

/* a = W x + bias. */
static rnn_status input_product(rnn_ctx *ctx, const loop *j) {
  const rnni_layer *l = j->l;
  int64_t rows = l->T * l->N, G = l->G, D = l->D;
  const real *bias = j->k->bias;
  if (!j->k->w.at) return rnni_gemm(ctx, rows, G, D, l->x, D, 1, l->p[RNNI_W_IH], 1, D, bias, j->a, l->A, false);
  if (rows == 1) rnni_row_product(ctx, G, D, l->x, j->k->w, bias, j->a, false, j->alone);
  else rnni_multiply(rows, G, D, l->x, D, 1, j->k->w, bias, j->a, l->A, false);
  return RNN_OK;
}

rnn_status rnni_pack_forward(rnn_ctx *ctx, const rnni_layer *l, bool input, rnni_packed_layer *k) {
  int64_t H = l->H, D = l->D;
  bool gru = l->r->cell == RNN_CELL_GRU;
  int64_t first = gru ? 2 * H : l->G; /* columns of the first packed block */
  int64_t size = (input ? rnni_panels_size(ctx->low, D, l->G) : 0) + rnni_panels_size(ctx->low, H, first) +
                 (gru ? rnni_panels_size(ctx->low, H, H) : 0);
  *k = (rnni_packed_layer){0};
  RNNI_TRY(rnni_array(ctx, size + l->G, sizeof *k->room, &k->room));
  real *next = k->room;
  if (input) k->w = rnni_pack_into(ctx, ctx->low, &next, D, l->G, l->p[RNNI_W_IH], 1, D);
  k->u = rnni_pack_into(ctx, ctx->low, &next, H, first, l->p[RNNI_W_HH], 1, H);
  if (gru) k->u_n = rnni_pack_into(ctx, ctx->low, &next, H, H, l->p[RNNI_W_HH] + 2 * H * H, 1, H);
  k->bias = next;
  input_bias(l, k->bias);
  return RNN_OK;
}

rnn_status rnni_layer_forward(rnn_ctx *ctx, const rnni_layer *l, const rnni_packed_layer *k) {
  loop j = {.ctx = ctx, .l = l, .k = k, .a = l->a ? l->a : l->h + rnni_after(l, 0) * l->N * l->H,
            .b_n = l->p[RNNI_B_HH] + 2 * l->H};
  bool single = l->T == 1 && l->N == 1 && rnni_threads_for_elements(ctx, (double)l->H * (double)l->G) > 1;
  j.alone = single && !rnni_threads_warm(ctx);
  RNNI_TRY(input_product(ctx, &j));
  j.tasks = rnni_slices(ctx, l);
  rnni_parallel(ctx, j.tasks, run_slice, &j);
  if (single) rnni_threads_used(ctx);
  return rnni_poll(ctx);
}
