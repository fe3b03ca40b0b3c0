/* sums.c: the gradients of the parameters, once the loop backwards has left those of the gates at every step.
 *
 * Sums over time are made block by block, those computed last first, and a segment is a whole number of blocks: so a
 * layer that is run again in segments sums the same numbers in the same order, and gets the same bits. Tasks take
 * columns of the gates, each through all blocks. */
#include "engine.h"

typedef struct sums {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_layer_gradients *g;
  const real *a;  /* (T, N, A) the gates' gradients */
  int tasks;
  real *room;     /* for each task, what it packs of a block, or makes of one */
  int64_t size;
  rnni_panels w;   /* W */
} sums;

/* One task's part of one block. */
typedef struct part {
  const sums *q;
  int task;
  int64_t at, rows; /* of the block: rows of (T N, ...) */
  real *next;       /* of the room */
} part;

int64_t rnni_block_steps(int64_t N) { return RNNI_MAX(1, 512 / RNNI_MAX(N, 1)); }

/* Where a task's share of n columns begins. */
static int64_t cut(const sums *q, int64_t n, int task) {
  return rnni_cut(n, rnni_kernel->tile_cols, task, q->tasks);
}

/* ---- vectors ---- */

/* to += the sums of n columns of a. */
static void columns(const part *p, int64_t n, const real *a, int64_t lda, real *to) {
  int64_t from = cut(p->q, n, p->task), count = cut(p->q, n, p->task + 1) - from;
  if (to && count > 0) rnni_kernel->sum_columns(p->rows, count, a + from + p->at * lda, lda, NULL, 0, to + from);
}

static void vectors(part *p) {
  const rnni_layer *l = p->q->l;
  const real *a = p->q->a;
  real *const *d = p->q->g->d;
  int64_t H = l->H;
  bool gru = l->r->cell == RNN_CELL_GRU; /* its last part beside U h is apart, at 3H */
  columns(p, l->G, a, l->A, d[RNNI_B_IH]);
  columns(p, gru ? 2 * H : l->G, a, l->A, d[RNNI_B_HH]);
  if (gru && d[RNNI_B_HH]) columns(p, H, a + 3 * H, l->A, d[RNNI_B_HH] + 2 * H);
}

/* ---- matrices ---- */

/* What is multiplied with the gates' gradients: n columns of x or h, and the gradient that grows from them. */
typedef struct factor {
  rnni_panels b;
  int64_t n;
  real *dw; /* NULL when not wanted */
} factor;

static rnni_panels pack(part *p, real **next, int64_t k, int64_t n, const real *b, int64_t ldb) {
  rnn_form low = p->q->ctx->low;
  real *to = rnni_take(next, rnni_panels_size(low, k, n));
  rnni_pack_panels(low, k, n, b, ldb, 1, to);
  return rnni_panels_at(low, to, k);
}

static factor factor_of(part *p, const real *b, int64_t n, real *dw) {
  int64_t cols = rnni_kernel->tile_cols;
  factor f = {.n = n, .dw = dw};
  if (!dw) return f;
  b += p->at * n;
  if (n == 1) f.b = (rnni_panels){b, 1, 0, RNN_FORM_FLOAT}; /* see add_products */
  else if (n == cols && p->q->ctx->low == RNN_FORM_FLOAT) f.b = rnni_packed(b, p->rows); /* is packed as it lies */
  else f.b = pack(p, &p->next, p->rows, n, b, n);
  return f;
}

/* One column is better seen as one row: dw' = b' d. */
static void add_row(part *p, int64_t m, const real *d, int64_t ld, const factor *f, real *dw) {
  real *next = p->next;
  rnni_multiply(1, m, p->rows, f->b.at, 1, f->b.step, pack(p, &next, p->rows, m, d, ld), NULL, dw, m, true);
}

/* Rows [row, row + n) of the gradients += d' x, d' h; d: n columns of the gates' gradients. */
static void add_products(part *p, int64_t n, const real *d, int64_t row, const factor *f, int count) {
  int64_t from = cut(p->q, n, p->task), m = cut(p->q, n, p->task + 1) - from, ld = p->q->l->A;
  if (m == 0) return;
  d += p->at * ld + from;
  rnni_target to[2];
  int targets = 0;
  for (int i = 0; i < count; i++) {
    if (!f[i].dw) continue;
    real *dw = f[i].dw + (row + from) * f[i].n;
    if (f[i].n == 1) add_row(p, m, d, ld, f + i, dw);
    else to[targets++] = (rnni_target){.b = f[i].b, .n = f[i].n, .c = dw, .ldc = f[i].n};
  }
  if (targets == 2) rnni_multiply_pair(m, p->rows, d, 1, ld, to);
  if (targets == 1) rnni_multiply(m, to->n, p->rows, d, 1, ld, to->b, NULL, to->c, to->ldc, true);
}

static void matrices(part *p) {
  const rnni_layer *l = p->q->l;
  const real *a = p->q->a;
  real *const *d = p->q->g->d;
  int64_t D = l->D, H = l->H;
  bool gru = l->r->cell == RNN_CELL_GRU;
  factor f[2] = {factor_of(p, l->x, D, d[RNNI_W_IH]), factor_of(p, rnni_state_before(l, l->h), H, d[RNNI_W_HH])};
  add_products(p, gru ? 2 * H : l->G, a, 0, f, 2);
  if (!gru) return;
  add_products(p, H, a + 2 * H, 2 * H, f, 1);
  add_products(p, H, a + 3 * H, 2 * H, f + 1, 1);
}

/* ---- the input ---- */

/* Steps of a block of dx: it is made in time order in a task's room, and added where the input lies by samples. */
static int64_t input_steps(const rnni_layer *l) { return RNNI_MAX(1, 96 / RNNI_MAX(l->N, 1)); }

static void input_task(void *arg, int task) {
  const sums *q = arg;
  const rnni_layer *l = q->l;
  int64_t N = l->N, D = l->D, steps = input_steps(l), blocks = (l->T + steps - 1) / steps;
  real *dx = q->room + task * q->size;
  for (int64_t b = blocks * task / q->tasks; b < blocks * (task + 1) / q->tasks && !rnni_interrupted(q->ctx); b++) {
    int64_t from = b * steps, rows = RNNI_MIN(steps, l->T - from) * N;
    rnni_multiply(rows, D, l->G, q->a + from * N * l->A, l->A, 1, q->w, NULL, dx, D, false);
    for (int64_t r = 0; r < rows; r++)
      rnni_kernel->add(D, dx + r * D, q->g->dx + r % N * q->g->dx_row + (from + r / N) * D);
  }
}

/* ---- all of it ---- */

static void through_blocks(const sums *q, int task, void (*add)(part *)) {
  const rnni_layer *l = q->l;
  int64_t steps = rnni_block_steps(l->N), blocks = (l->T + steps - 1) / steps;
  for (int64_t b = 0; b < blocks && !rnni_interrupted(q->ctx); b++) {
    int64_t from = (l->r->reverse ? b : blocks - 1 - b) * steps;
    add(&(part){.q = q, .task = task, .at = from * l->N, .rows = RNNI_MIN(steps, l->T - from) * l->N,
                .next = q->room + task * q->size});
  }
}

static void vector_task(void *q, int task) { through_blocks(q, task, vectors); }
static void matrix_task(void *q, int task) { through_blocks(q, task, matrices); }

static int64_t room_of(rnn_form low, const rnni_layer *l, int64_t all) {
  int64_t block = RNNI_MIN(rnni_block_steps(l->N) * l->N, all), D = l->D, H = l->H;
  int64_t packed = rnni_panels_size(low, block, D) + rnni_panels_size(low, block, H) +
                   (D == 1 || H == 1 ? rnni_panels_size(low, block, l->G) : 0);
  return (RNNI_MAX(packed, RNNI_MIN(input_steps(l) * l->N, all) * D) + 15) / 16 * 16;
}

rnn_status rnni_sum_over_time(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g, const real *a) {
  int64_t all = l->T * l->N;
  int tasks = rnni_threads_for(ctx, (double)all * (double)l->G * (double)(l->D + l->H));
  sums q = {.ctx = ctx, .l = l, .g = g, .a = a, .tasks = tasks, .size = room_of(ctx->low, l, all)};
  RNNI_TRY(rnni_array(ctx, tasks * q.size + (g->dx ? rnni_panels_size(ctx->low, l->G, l->D) : 0), sizeof *q.room, &q.room));
  rnni_parallel(ctx, tasks, vector_task, &q);
  rnni_parallel(ctx, tasks, matrix_task, &q);
  if (g->dx) {
    real *next = q.room + tasks * q.size;
    q.w = rnni_pack_into(ctx, ctx->low, &next, l->G, l->D, l->p[RNNI_W_IH], l->D, 1);
    rnni_parallel(ctx, tasks, input_task, &q);
  }
  rnni_free(ctx, q.room);
  return rnni_poll(ctx);
}
