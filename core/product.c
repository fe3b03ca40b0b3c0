/* product.c: matrix products over threads, on the packed kernel. */
#include <stdlib.h>

#include "internal.h"
#include "kernels/kernels.h"
#include "linalg/linalg.h"

typedef struct job {
  int64_t m, n, k;
  const real *a, *bias;
  rnni_panels b;
  ptrdiff_t ars, acs, ldc;
  real *c;
  bool accumulate;
  int64_t row_tasks, column_tasks;
} job;

static void run_job(void *arg, int task) {
  const job *j = arg;
  int64_t tr = task / j->column_tasks, tc = task % j->column_tasks;
  int64_t r0 = rnni_cut(j->m, rnni_kernel->tile_rows, tr, j->row_tasks);
  int64_t r1 = rnni_cut(j->m, rnni_kernel->tile_rows, tr + 1, j->row_tasks);
  int cols = rnni_panel_cols(j->b.form);
  int64_t c0 = rnni_cut(j->n, cols, tc, j->column_tasks);
  int64_t c1 = rnni_cut(j->n, cols, tc + 1, j->column_tasks);
  if (r0 == r1 || c0 == c1) return;
  rnni_multiply(r1 - r0, c1 - c0, j->k, j->a + r0 * j->ars, j->ars, j->acs, rnni_panels_from(j->b, c0),
                j->bias ? j->bias + c0 : NULL, j->c + r0 * j->ldc + c0, j->ldc, j->accumulate);
}

/* ---- packing ---- */

typedef struct packing {
  int64_t k, n, rs, cs;
  const real *b;
  real *out;
  rnn_form low;
  int tasks;
} packing;

static void pack_task(void *arg, int task) {
  const packing *p = arg;
  int64_t from = rnni_cut(p->n, rnni_panel_cols(p->low), task, p->tasks);
  int64_t to = rnni_cut(p->n, rnni_panel_cols(p->low), task + 1, p->tasks);
  rnni_pack_panels(p->low, p->k, to - from, p->b + from * p->cs, p->rs, p->cs,
                   p->out + from / rnni_panel_cols(p->low) * rnni_panel_size(p->low, p->k));
}

#define PACK_WORTH 4 /* threads are awake: products come before and after */

void rnni_pack(rnn_ctx *ctx, rnn_form form, int64_t k, int64_t n, const real *b, int64_t rs, int64_t cs, real *out) {
  packing p = {.k = k, .n = n, .rs = rs, .cs = cs, .b = b, .out = out, .low = form,
               .tasks = rnni_threads_for_elements(ctx, PACK_WORTH * (double)k * (double)n)};
  rnni_parallel(ctx, p.tasks, pack_task, &p);
}

/* ---- products ---- */

void rnni_row_product(rnn_ctx *ctx, int64_t n, int64_t k, const real *a, rnni_panels b, const real *bias, real *c,
                      bool accumulate, bool alone) {
  int tasks = alone ? 1 : rnni_threads_for_elements(ctx, (double)k * (double)n);
  job j = {.m = 1, .n = n, .k = k, .a = a, .b = b, .bias = bias, .ars = k, .acs = 1, .ldc = n, .c = c,
           .accumulate = accumulate, .row_tasks = 1, .column_tasks = tasks};
  if (tasks == 1) rnni_multiply(1, n, k, a, k, 1, b, bias, c, n, accumulate);
  else rnni_parallel(ctx, tasks, run_job, &j);
}

/* Work of a thread between two looks at the interrupt flag: some milliseconds. */
#define POLL_MULTIPLY_ADDS 2e8
/* Elements of B packed at a time. */
#define PACKED_MOST ((int64_t)1 << 20)

/* Are the rows of B good panels as they lie? Packing pays only when many rows of A pass by. */
static bool lies_in_panels(const rnn_ctx *ctx, int64_t m, int64_t n, int64_t brs, int64_t bcs) {
  int64_t cols = rnni_kernel->tile_cols;
  return !ctx->low && bcs == 1 && n % cols == 0 && (brs == cols || m <= 4 * rnni_kernel->tile_rows);
}

static rnn_status run(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, int64_t ars, int64_t acs,
                      rnni_panels b, const real *bias, real *c, int64_t ldc, bool accumulate) {
  rnn_status status = RNN_OK;
  double row_work = (double)n * (double)RNNI_MAX(k, 1), memory = 40 * ((double)n + (double)k);
  int64_t step = (int64_t)RNNI_MAX(96.0, ctx->threads * POLL_MULTIPLY_ADDS / (row_work + memory)) / 96 * 96;
  for (int64_t r = 0; r < m && status == RNN_OK; r += step) {
    int64_t rows = RNNI_MIN(step, m - r);
    job j = {.m = rows, .n = n, .k = k, .a = a + r * ars, .b = b, .bias = bias, .ars = ars, .acs = acs,
             .ldc = ldc, .c = c + r * ldc, .accumulate = accumulate, .row_tasks = 1, .column_tasks = 1};
    int64_t threads = rnni_threads_for(ctx, (double)rows * row_work);
    if (rows >= threads * rnni_kernel->tile_rows) j.row_tasks = threads;
    else j.column_tasks = threads;
    rnni_parallel(ctx, (int)threads, run_job, &j);
    status = rnni_poll(ctx);
  }
  return status;
}

rnn_status rnni_gemm_packed(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, rnni_panels b,
                            const real *bias, real *c, int64_t ldc) {
  return run(ctx, m, n, k, a, k, 1, b, bias, c, ldc, false);
}

/* ---- OpenBLAS ---- */

rnn_status rnn_ctx_set_openblas(rnn_ctx *ctx, bool on) {
  const rnni_lapack *lapack;
  if (on && rnni_deterministic())
    return rnni_fail(ctx, RNN_EARG, "blas: openblas is not with --deterministic: its results differ in their last bits "
                     "from one processor to another");
  if (on) RNNI_TRY(rnni_lapack_need(ctx, "blas", &lapack));
  ctx->openblas = on;
  return RNN_OK;
}
bool rnn_ctx_openblas(const rnn_ctx *ctx) { return ctx->openblas; }

#define LARGE 2.5e5 /* multiply-adds: 64 x 64 x 64; below, calling it costs more than it gains */

typedef struct blas_job {
  const rnni_lapack *lapack;
  job j;
  const real *b;
  int64_t brs, bcs;
} blas_job;

/* Its matrices lie column by column: C' = B' A'. */
static void run_blas(void *arg, int task) {
  const blas_job *p = arg;
  const job *j = &p->j;
  const int64_t from = rnni_cut(j->m, 16, task, j->row_tasks);
  const int m = (int)(rnni_cut(j->m, 16, task + 1, j->row_tasks) - from), n = (int)j->n, k = (int)j->k, ldc = (int)j->ldc;
  const int lda = (int)RNNI_MAX(j->acs == 1 ? j->ars : j->acs, 1), ldb = (int)RNNI_MAX(p->bcs == 1 ? p->brs : p->bcs, 1);
  const real one = 1, add = j->accumulate || j->bias;
  real *c = j->c + from * j->ldc;
  for (int64_t i = 0; j->bias && i < m; i++)
    for (int64_t l = 0; l < n; l++) c[i * ldc + l] = j->bias[l] + (j->accumulate ? c[i * ldc + l] : 0);
  if (m > 0)
    p->lapack->gemm(p->bcs == 1 ? "N" : "T", j->acs == 1 ? "N" : "T", &n, &m, &k, &one, p->b, &ldb, j->a + from * j->ars,
                    &lda, &add, c, &ldc, 1, 1);
}

/* Does OpenBLAS take it? A row or a column of a matrix on each side must lie in one piece. */
static bool for_openblas(const rnn_ctx *ctx, const blas_job *p) {
  const job *j = &p->j;
  const double most = INT32_MAX;
  return ctx->openblas && !ctx->low && (double)j->m * (double)j->n * (double)j->k >= LARGE && j->m > 1 && j->n > 1 && j->k > 1 &&
         (j->acs == 1 ? j->ars >= j->k : j->ars == 1 && j->acs >= j->m) &&
         (p->bcs == 1 ? p->brs >= j->n : p->brs == 1 && p->bcs >= j->k) && (double)j->ldc < most &&
         (double)RNNI_MAX(j->ars, j->acs) < most && (double)RNNI_MAX(p->brs, p->bcs) < most && (double)j->m < most;
}

static rnn_status gemm_openblas(rnn_ctx *ctx, blas_job whole) {
  const int64_t step = (int64_t)RNNI_MAX(POLL_MULTIPLY_ADDS / ((double)whole.j.n * (double)whole.j.k), 1) * 96;
  for (int64_t r = 0; r < whole.j.m; r += step) {
    blas_job p = whole;
    p.j.m = RNNI_MIN(step, whole.j.m - r);
    p.j.a += r * p.j.ars;
    p.j.c += r * p.j.ldc;
    p.j.row_tasks = rnni_threads_for(ctx, (double)p.j.m * (double)p.j.n * (double)p.j.k);
    rnni_parallel(ctx, (int)p.j.row_tasks, run_blas, &p);
    RNNI_TRY(rnni_poll(ctx));
  }
  return RNN_OK;
}

rnn_status rnni_gemm(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, int64_t ars, int64_t acs,
                     const real *b, int64_t brs, int64_t bcs, const real *bias, real *c, int64_t ldc, bool accumulate) {
  if (m == 0 || n == 0) return RNN_OK;
  bool int8 = ctx->low == RNN_FORM_INT8; /* B is a weight, and whole: each of its columns has a scale */
  if (n == 1 && ldc == 1 && m > 1 && !bias && !int8) /* one column is better seen as one row: C' = B' A' */
    return rnni_gemm(ctx, 1, m, k, b, 1, brs, a, acs, ars, NULL, c, m, accumulate);
  blas_job blas = {.j = {.m = m, .n = n, .k = k, .a = a, .ars = ars, .acs = acs, .bias = bias, .c = c, .ldc = ldc,
                         .accumulate = accumulate}, .b = b, .brs = brs, .bcs = bcs};
  if (for_openblas(ctx, &blas)) {
    if (rnni_lapack_need(ctx, "blas", &blas.lapack) == RNN_OK) return gemm_openblas(ctx, blas);
    ctx->openblas = false; /* it was the default, and is not there */
  }
  bool direct = lies_in_panels(ctx, m, n, brs, bcs);
  int64_t most = RNNI_MAX(PACKED_MOST / n, 256) / 256 * 256;
  if (direct) most = RNNI_MAX((int64_t)(POLL_MULTIPLY_ADDS / ((double)n * (double)RNNI_MIN(m, 96))), 256);
  if (k > most && !int8) { /* the same chain in pieces, so that packing never doubles a large operand, and to poll */
    for (int64_t p = 0; p < k; p += most)
      RNNI_TRY(rnni_gemm(ctx, m, n, RNNI_MIN(most, k - p), a + p * acs, ars, acs, b + p * brs, brs, bcs,
                         p ? NULL : bias, c, ldc, accumulate || p));
    return RNN_OK;
  }
  if (direct)
    return run(ctx, m, n, k, a, ars, acs, (rnni_panels){b, brs, rnni_kernel->tile_cols, RNN_FORM_FLOAT}, bias, c, ldc, accumulate);
  real *packed;
  RNNI_TRY(rnni_array(ctx, rnni_panels_size(ctx->low, k, n), sizeof *packed, &packed));
  rnni_pack(ctx, ctx->low, k, n, b, brs, bcs, packed);
  rnn_status status = run(ctx, m, n, k, a, ars, acs, rnni_panels_at(ctx->low, packed, k), bias, c, ldc, accumulate);
  rnni_free(ctx, packed);
  return status;
}

/* ---- weights ---- */

void *rnni_kept(rnn_ctx *ctx, rnni_storage *s, const rnni_made_of of) {
  if (s->kept && memcmp(s->kept, of, sizeof(rnni_made_of)) == 0) return s->kept;
  rnni_free(ctx, s->kept);
  s->kept = NULL;
  return NULL;
}

#define KEPT_ROWS 256                /* of A: with more of them packing takes a small part of a product */
#define KEPT_MOST ((int64_t)1 << 25) /* elements: products of all rows take some milliseconds between two polls */

/* The panels of a weight, or NULL: they are for this product only. A product in a network that learns comes once with the
   same values, or many times, when a script loops over steps: the second one shows that. */
static const real *kept_panels(rnn_ctx *ctx, int64_t n, int64_t k, const rnn_tensor *w, int64_t brs, int64_t bcs) {
  rnni_storage *s = w->storage;
  const rnni_made_of of = {UINT64_MAX, (uint64_t)n, (uint64_t)k, (uint64_t)brs, (uint64_t)bcs, (uint64_t)ctx->low, s->version,
                           (uint64_t)((char *)w->data - (char *)s->data)};
  const size_t head = (sizeof of + 63) / 64 * 64 / sizeof(real), size = (size_t)rnni_panels_size(ctx->low, k, n);
  const uint32_t asked = (s->version << 1 | (brs == 1)) + 1;
  real *block = rnni_kept(ctx, s, of);
#ifdef __SANITIZE_ADDRESS__ /* who writes to w and does not call rnn_tensor_changed is found here */
  real *now = block ? calloc(size, sizeof *now) : NULL;
  if (now) rnni_pack(ctx, ctx->low, k, n, w->data, brs, bcs, now);
  if (now && memcmp(now, block + head, size * sizeof *now) != 0) abort();
  free(now);
#endif
  if (!block && s->asked == asked && rnni_array(ctx, (int64_t)(head + size), sizeof *block, &block) == RNN_OK) {
    memcpy(block, of, sizeof of);
    rnni_pack(ctx, ctx->low, k, n, w->data, brs, bcs, block + head);
    s->kept = (rnni_made_of *)(void *)block;
  }
  s->asked = asked;
  return block ? block + head : NULL;
}

rnn_status rnni_gemm_weight(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const real *a, const rnn_tensor *w, int64_t brs,
                            int64_t bcs, const real *bias, real *c, bool accumulate) {
  const blas_job blas = {.j = {.m = m, .n = n, .k = k, .a = a, .ars = k, .acs = 1, .ldc = n}, .b = w->data, .brs = brs, .bcs = bcs};
  const bool keeps = m > 0 && m <= KEPT_ROWS && n > 1 && k > 0 && n <= KEPT_MOST / k && !lies_in_panels(ctx, m, n, brs, bcs) &&
                     !for_openblas(ctx, &blas);
  const real *panels = keeps ? kept_panels(ctx, n, k, w, brs, bcs) : NULL;
  if (panels) return run(ctx, m, n, k, a, k, 1, rnni_panels_at(ctx->low, panels, k), bias, c, n, accumulate);
  return rnni_gemm(ctx, m, n, k, a, k, 1, w->data, brs, bcs, bias, c, n, accumulate);
}
