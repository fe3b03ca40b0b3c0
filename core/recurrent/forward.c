/* forward.c: the time loop, forwards. The input product of all steps is one matrix product; the recurrent weights are
 * packed once; then the steps run, cut over threads. */
#include "engine.h"

int rnn_recurrent_gates(const rnn_recurrent *r) {
  return r->cell == RNN_CELL_LSTM ? 4 : r->cell == RNN_CELL_GRU ? 3 : 1;
}
int rnn_recurrent_states(const rnn_recurrent *r) { return r->cell == RNN_CELL_LSTM ? 2 : 1; }

typedef struct loop {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_packed_layer *k;
  const real *b_n; /* the GRU's b'_n, added where U_n h is, which is reset */
  real *a;         /* l->a, or the simple RNN's outputs in h */
  bool alone;      /* a single step that comes after a pause: see rnni_threads_warm */
} loop;

/* a += U h; of the GRU's n, beside it. h and a are at the piece's first row, a at its first unit. */
static void recurrent_product(const loop *j, const rnni_piece *p, const real *h, real *a) {
  const rnni_layer *l = j->l;
  const rnni_packed_layer *k = j->k;
  int64_t H = l->H;
  bool gru = l->r->cell == RNN_CELL_GRU, whole = p->units == H && k->gate % H == 0;
  int64_t beside = gru ? 2 * H : l->G; /* columns of u */
  if (l->N == 1) rnni_row_product(j->ctx, beside, H, h, k->u, NULL, a, true, j->alone);
  else if (whole) rnni_multiply(p->rows, beside, H, h, H, 1, k->u, NULL, a, l->A, true);
  else
    for (int64_t g = 0; g < beside / H; g++)
      rnni_multiply(p->rows, p->units, H, h, H, 1, rnni_panels_from(k->u, g * k->gate + p->unit), NULL, a + g * H, l->A,
                    true);
  if (gru)
    rnni_multiply(p->rows, p->units, H, h, H, 1, rnni_panels_from(k->u_n, p->unit), j->b_n + p->unit, a + 3 * H, l->A, false);
}

/* Where a sequence has ended, its state goes on unchanged. */
static void carry(const rnni_layer *l, int64_t t, const rnni_piece *p) {
  size_t size = (size_t)p->units * sizeof(real);
  for (int64_t n = p->row; n < p->row + p->rows; n++) {
    if (!rnni_padding(l, n, t)) continue;
    int64_t from = (rnni_before(l, t) * l->N + n) * l->H + p->unit, to = (rnni_after(l, t) * l->N + n) * l->H + p->unit;
    memcpy(l->h + to, l->h + from, size);
    if (l->c) memcpy(l->c + to, l->c + from, size);
  }
}

/* Blocks of units as rnni_few has them. */
static int64_t blocks_of(const rnni_layer *l) { return (l->H + rnni_kernel->tile_cols - 1) / rnni_kernel->tile_cols; }

/* A step of few samples at a time, of which each task makes some units: a core reads its share of the weights from its
   own cache. */
typedef struct few_step {
  rnni_few s;
  int64_t blocks;
  int tasks;
} few_step;

static void run_blocks(void *arg, int task) {
  const few_step *f = arg;
  rnni_kernel->few(&f->s, f->blocks * task / f->tasks, f->blocks * (task + 1) / f->tasks);
}

static void run_few(const loop *j, bool keep) {
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H;
  few_step f = {.s = {.gru = l->r->cell == RNN_CELL_GRU, .keep = keep, .rows = N, .units = H, .inputs = l->D,
                      .w = j->k->few_w, .x = l->x, .bias = j->k->few_bias, .u = j->k->few_u},
                .blocks = blocks_of(l)};
  f.tasks = j->alone ? 1 : (int)RNNI_MIN(rnni_threads_for_elements(j->ctx, (double)H * (double)(l->G + l->D)), f.blocks);
  for (int64_t s = 0; s < l->T && !rnni_interrupted(j->ctx); s++) {
    int64_t t = rnni_step(l, s), before = rnni_before(l, t) * N * H, after = rnni_after(l, t) * N * H;
    f.s.a = j->a + t * N * l->A;
    f.s.h_before = l->h + before;
    f.s.h = l->h + after;
    if (l->c) f.s.c_before = l->c + before, f.s.c = l->c + after;
    if (f.tasks == 1) rnni_kernel->few(&f.s, 0, f.blocks);
    else rnni_parallel(j->ctx, f.tasks, run_blocks, &f);
    if (l->lengths) carry(l, t, &(rnni_piece){.rows = N, .units = H});
  }
}

static void elman(const rnni_layer *l, const rnni_piece *p, real *h) {
  bool relu = l->r->activation == RNN_RELU;
  if (p->units == l->H) rnni_kernel->elman_forward(relu, p->rows * l->H, h);
  else
    for (int64_t r = 0; r < p->rows; r++) rnni_kernel->elman_forward(relu, p->units, h + r * l->H);
}

static void run_steps(const void *arg, const rnni_piece *p, int64_t first, int64_t end) {
  const loop *j = arg;
  const rnni_layer *l = j->l;
  int64_t N = l->N, H = l->H;
  for (int64_t s = first; s < end && !rnni_interrupted(j->ctx); s++) {
    int64_t t = rnni_step(l, s), before = (rnni_before(l, t) * N + p->row) * H;
    int64_t at = (rnni_after(l, t) * N + p->row) * H + p->unit;
    real *a = j->a + (t * N + p->row) * l->A + p->unit;
    const real *h_before = l->h + before + p->unit, *c_before = l->c ? l->c + before + p->unit : NULL;
    recurrent_product(j, p, l->h + before, a);
    switch (l->r->cell) {
      case RNN_CELL_RNN: elman(l, p, a); break; /* a is h after */
      case RNN_CELL_LSTM: rnni_kernel->lstm_forward(H, p->units, p->rows, a, c_before, l->c + at, l->h + at); break;
      case RNN_CELL_GRU: rnni_kernel->gru_forward(H, p->units, p->rows, a, h_before, l->h + at); break;
    }
    if (l->lengths) carry(l, t, p);
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
  if (j->k->few_w) return RNN_OK; /* made beside U h */
  if (!j->k->w.at) return rnni_gemm(ctx, rows, G, D, l->x, D, 1, l->p[RNNI_W_IH], 1, D, bias, j->a, l->A, false);
  if (rows == 1) rnni_row_product(ctx, G, D, l->x, j->k->w, bias, j->a, false, j->alone);
  else return rnni_gemm_packed(ctx, rows, G, D, l->x, j->k->w, bias, j->a, l->A);
  return RNN_OK;
}

/* W (G, k) for rnni_few. */
static const real *pack_blocks(const rnni_layer *l, int64_t k, const real *w, real **next) {
  int64_t H = l->H, cols = rnni_kernel->tile_cols, gates = rnn_recurrent_gates(l->r), blocks = blocks_of(l);
  real *out = rnni_take(next, blocks * k * gates * cols), *start = out;
  for (int64_t b = 0; b < blocks; b++, out += k * gates * cols)
    for (int64_t p0 = 0; p0 < k; p0 += 64) /* rows of W are read as they lie, while these of out stay in the first cache */
      for (int64_t g = 0; g < gates; g++)
        for (int64_t i = 0; i < cols; i++)
          for (int64_t p = p0; p < RNNI_MIN(k, p0 + 64); p++)
            out[(p * gates + g) * cols + i] = b * cols + i < H ? w[(g * H + b * cols + i) * k + p] : 0;
  return start;
}

/* The biases for rnni_few: with the input product's or without. */
static const real *pack_biases(const rnni_layer *l, const real *bias, real **next) {
  int64_t H = l->H, cols = rnni_kernel->tile_cols, blocks = blocks_of(l);
  real *out = rnni_take(next, blocks * 4 * cols), *start = out;
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t g = 0; g < 4; g++)
      for (int64_t i = b * cols; i < (b + 1) * cols; i++)
        *out++ = i >= H ? 0 : g * H < l->G ? bias[g * H + i] : l->p[RNNI_B_HH][2 * H + i];
  return start;
}

rnn_status rnni_pack_forward(rnn_ctx *ctx, const rnni_layer *l, rnni_packing how, rnni_packed_layer **out) {
  const rnn_form form = ctx->low;
  int64_t H = l->H, D = l->D, G = l->G, cols = rnni_panel_cols(form);
  bool gru = l->r->cell == RNN_CELL_GRU, few = rnni_is_few(l, form);
  bool few_w = few && how == RNNI_PACK_STEPS, w = how == RNNI_PACK_STEPS ? !few : how == RNNI_PACK_SEGMENTS && (form || !ctx->openblas);
  int64_t padded = blocks_of(l) * rnni_kernel->tile_cols, first = gru ? 2 * H : G; /* columns of the first packed block */
  int64_t together = H % cols > 0 && rnni_cuts_of(ctx, l, true).units > 1 ? H : first; /* columns that are packed in one piece */
  int64_t size = G + (w ? rnni_panels_size(form, D, G) : 0);
  if (few) size += padded * (4 + (G / H) * (H + (few_w ? D : 0)));
  else size += first / together * rnni_panels_size(form, H, together) + (gru ? rnni_panels_size(form, H, H) : 0);
  int64_t head = (int64_t)(sizeof **out + 63) / 64 * 64 / (int64_t)sizeof(real);
  RNNI_TRY(rnni_array(ctx, head + size, sizeof(real), out));
  rnni_packed_layer *k = *out;
  *k = (rnni_packed_layer){0};
  real *next = (real *)k + head, *bias = next + size - G;
  k->bias = bias;
  input_bias(l, bias);
  if (w) k->w = rnni_pack_into(ctx, form, &next, D, G, l->p[RNNI_W_IH], 1, D);
  if (few_w) k->few_w = pack_blocks(l, D, l->p[RNNI_W_IH], &next);
  if (few) {
    k->few_u = pack_blocks(l, H, l->p[RNNI_W_HH], &next);
    k->few_bias = pack_biases(l, bias, &next);
    return RNN_OK;
  }
  k->u = rnni_panels_at(form, next, H);
  for (int64_t column = 0; column < first; column += together)
    rnni_pack_into(ctx, form, &next, H, together, l->p[RNNI_W_HH] + column * H, 1, H);
  if (together == H || H % cols == 0) k->gate = (H + cols - 1) / cols * cols;
  if (gru) k->u_n = rnni_pack_into(ctx, form, &next, H, H, l->p[RNNI_W_HH] + 2 * H * H, 1, H);
  return RNN_OK;
}

rnn_status rnni_layer_forward(rnn_ctx *ctx, const rnni_layer *l, const rnni_packed_layer *k, bool keep) {
  loop j = {.ctx = ctx, .l = l, .k = k, .a = l->a ? l->a : l->h + rnni_after(l, 0) * l->N * l->H,
            .b_n = l->p[RNNI_B_HH] + 2 * l->H};
  bool single = l->T == 1 && l->N == 1 && rnni_threads_for_elements(ctx, (double)l->H * (double)l->G) > 1;
  j.alone = single && !rnni_threads_warm(ctx);
  RNNI_TRY(input_product(ctx, &j));
  rnni_cuts cuts = rnni_cuts_of(ctx, l, k->gate > 0);
  if (k->few_u) run_few(&j, keep);
  else rnni_run_steps(ctx, l, cuts, l->T, run_steps, &j, "forward.c:run_steps");
  if (single) rnni_threads_used(ctx);
  return rnni_poll(ctx);
}
