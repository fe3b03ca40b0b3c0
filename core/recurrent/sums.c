/* sums.c: the gradients of the parameters, once the loop backwards has left those of the gates at every step.
 *
 * Sums over time are made block by block, those computed last first, and a segment is a whole number of blocks: so a
 * layer that is run again in segments sums the same numbers in the same order, and gets the same bits. Of each block x
 * and h are packed once, for all; then tasks take columns of the gates. */
#include "engine.h"

/* What is multiplied with the gates' gradients: n columns of x or h, and the gradient that grows from them. */
typedef struct factor {
  rnni_panels b;
  int64_t n;
  real *dw; /* NULL when not wanted */
} factor;

typedef struct sums {
  rnn_ctx *ctx;
  const rnni_layer *l;
  const rnni_layer_gradients *g;
  const real *a;    /* (T, N, A) the gates' gradients */
  int tasks;
  int64_t at, rows; /* of the block: rows of (T N, ...) */
  factor f[2];      /* x and h of the block */
  real *room;       /* for each task: what it packs of a block, or makes of one */
  int64_t size;
  rnni_panels w;    /* W */
} sums;

int64_t rnni_block_steps(int64_t N) { return RNNI_MAX(1, 512 / RNNI_MAX(N, 1)); }

/* Where a task's share of n columns begins. */
static int64_t cut(const sums *q, int64_t n, int task) {
  return rnni_cut(n, rnni_kernel->tile_cols, task, q->tasks);
}

/* ---- vectors ---- */

/* to += the sums of n columns of a. */
static void columns(const sums *q, int task, int64_t n, const real *a, real *to) {
  int64_t from = cut(q, n, task), count = cut(q, n, task + 1) - from, lda = q->l->A;
  if (to && count > 0) rnni_kernel->sum_columns(q->rows, count, a + from + q->at * lda, lda, NULL, 0, to + from);
}

static void vectors(const sums *q, int task) {
  real *const *d = q->g->d;
  int64_t H = q->l->H;
  bool gru = q->l->r->cell == RNN_CELL_GRU; /* its last part beside U h is apart, at 3H */
  columns(q, task, q->l->G, q->a, d[RNNI_B_IH]);
  columns(q, task, gru ? 2 * H : q->l->G, q->a, d[RNNI_B_HH]);
  if (gru && d[RNNI_B_HH]) columns(q, task, H, q->a + 3 * H, d[RNNI_B_HH] + 2 * H);
}

/* ---- matrices ---- */

static factor factor_of(const sums *q, const real *b, int64_t n, real *dw, real **next) {
  factor f = {.n = n, .dw = dw};
  if (!dw) return f;
  b += q->at * n;
  if (n == 1) f.b = (rnni_panels){b, 1, 0, RNN_FORM_FLOAT}; /* see add_products */
  else if (n == rnni_kernel->tile_cols && q->ctx->low == RNN_FORM_FLOAT) f.b = rnni_packed(b, q->rows); /* as it lies */
  else f.b = rnni_pack_into(q->ctx, q->ctx->low, next, q->rows, n, b, n, 1);
  return f;
}

/* One column is better seen as one row: dw' = b' d. */
static void add_row(const sums *q, int task, int64_t m, const real *d, int64_t ld, const factor *f, real *dw) {
  real *to = q->room + task * q->size;
  rnni_pack_panels(q->ctx->low, q->rows, m, d, ld, 1, to);
  rnni_multiply(1, m, q->rows, f->b.at, 1, f->b.step, rnni_panels_at(q->ctx->low, to, q->rows), NULL, dw, m, true);
}

/* Rows [row, row + n) of the gradients += d' x, d' h; d: n columns of the gates' gradients. */
static void add_products(const sums *q, int task, int64_t n, const real *d, int64_t row, const factor *f, int count) {
  int64_t from = cut(q, n, task), m = cut(q, n, task + 1) - from, ld = q->l->A;
  if (m == 0) return;
  d += q->at * ld + from;
  rnni_target to[2];
  int targets = 0;
  for (int i = 0; i < count; i++) {
    if (!f[i].dw) continue;
    real *dw = f[i].dw + (row + from) * f[i].n;
    if (f[i].n == 1) add_row(q, task, m, d, ld, f + i, dw);
    else to[targets++] = (rnni_target){.b = f[i].b, .n = f[i].n, .c = dw, .ldc = f[i].n};
  }
  if (targets == 2) rnni_multiply_pair(m, q->rows, d, 1, ld, to);
  if (targets == 1) rnni_multiply(m, to->n, q->rows, d, 1, ld, to->b, NULL, to->c, to->ldc, true);
}

static void block_task(void *arg, int task) {
  const sums *q = arg;
  int64_t H = q->l->H;
  bool gru = q->l->r->cell == RNN_CELL_GRU;
  vectors(q, task);
  add_products(q, task, gru ? 2 * H : q->l->G, q->a, 0, q->f, 2);
  if (!gru) return;
  add_products(q, task, H, q->a + 2 * H, 2 * H, q->f, 1);
  add_products(q, task, H, q->a + 3 * H, 2 * H, q->f + 1, 1);
}

static void through_blocks(sums *q, real *packed) {
  const rnni_layer *l = q->l;
  int64_t steps = rnni_block_steps(l->N), blocks = (l->T + steps - 1) / steps;
  for (int64_t b = 0; b < blocks && !rnni_interrupted(q->ctx); b++) {
    int64_t from = (l->r->reverse ? b : blocks - 1 - b) * steps;
    real *next = packed;
    q->at = from * l->N;
    q->rows = RNNI_MIN(steps, l->T - from) * l->N;
    q->f[0] = factor_of(q, l->x, l->D, q->g->d[RNNI_W_IH], &next);
    q->f[1] = factor_of(q, rnni_state_before(l, l->h), l->H, q->g->d[RNNI_W_HH], &next);
    rnni_parallel(q->ctx, q->tasks, block_task, q);
  }
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

rnn_status rnni_sum_over_time(rnn_ctx *ctx, const rnni_layer *l, const rnni_layer_gradients *g, const real *a) {
  const rnn_form low = ctx->low;
  int64_t all = l->T * l->N, block = RNNI_MIN(rnni_block_steps(l->N) * l->N, all), D = l->D, H = l->H;
  int tasks = rnni_threads_for(ctx, (double)all * (double)l->G * (double)(D + H));
  int64_t room = RNNI_MAX(D == 1 || H == 1 ? rnni_panels_size(low, block, l->G) : 0, RNNI_MIN(input_steps(l) * l->N, all) * D);
  int64_t packed = RNNI_MAX(rnni_panels_size(low, block, D) + rnni_panels_size(low, block, H),
                            g->dx ? rnni_panels_size(low, l->G, D) : 0);
  sums q = {.ctx = ctx, .l = l, .g = g, .a = a, .tasks = tasks, .size = (room + 15) / 16 * 16};
  RNNI_TRY(rnni_array(ctx, tasks * q.size + packed, sizeof *q.room, &q.room));
  real *next = q.room + tasks * q.size;
  through_blocks(&q, next);
  if (g->dx) {
    q.w = rnni_pack_into(ctx, low, &next, l->G, D, l->p[RNNI_W_IH], D, 1);
    rnni_parallel(ctx, tasks, input_task, &q);
  }
  rnni_free(ctx, q.room);
  return rnni_poll(ctx);
}
