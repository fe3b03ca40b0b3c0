/* plain.c: Cholesky, LU and QR of our own, by panels of RNNI_PANEL columns (Golub, Van Loan, "Matrix computations": 4.2,
 * 3.4, 5.2): most of the work is products (kernels.h: add_product). Each element is one chain of operations whose order
 * nothing changes, so the bits are the same on every machine. */
#include "linalg.h"

#include "../kernels/kernels.h"

#define POLL_MULTIPLY_ADDS 3e7 /* between two looks at the interrupt flag */

/* ---- products ---- */

typedef struct product {
  int64_t m, n, k, ars, acs, ldb, ldc;
  const double *a, *b;
  double *c;
  int tasks;
} product;

static void product_task(void *arg, int task) {
  const product *p = arg;
  int64_t from = rnni_cut(p->n, 16, task, p->tasks), to = rnni_cut(p->n, 16, task + 1, p->tasks);
  rnni_kernel->add_product(p->m, to - from, p->k, p->a, p->ars, p->acs, p->b + from, p->ldb, p->c + from, p->ldc);
}

rnn_status rnni_own_product(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const double *a, int64_t ars, int64_t acs,
                            const double *b, int64_t ldb, double *c, int64_t ldc) {
  int64_t step = RNNI_MAX((int64_t)(POLL_MULTIPLY_ADDS / ((double)n * (double)k + 1)), 8);
  for (int64_t i = 0; i < m; i += step) {
    product p = {.m = RNNI_MIN(step, m - i), .n = n, .k = k, .a = a + i * ars, .ars = ars, .acs = acs, .b = b,
                 .ldb = ldb, .c = c + i * ldc, .ldc = ldc};
    p.tasks = rnni_threads_for(ctx, 2 * (double)p.m * (double)n * (double)k);
    rnni_parallel(ctx, p.tasks, product_task, &p);
    RNNI_TRY(rnni_poll(ctx));
  }
  return RNN_OK;
}

/* -A, by rows: the products only add. */
static void negate(int64_t m, int64_t n, const double *a, int64_t rs, int64_t cs, double *out) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) out[i * n + j] = -a[i * rs + j * cs];
}

/* ---- Cholesky ---- */

/* Rows from to n, columns from j on, a panel of them; what is left of it has been taken away. */
static bool cholesky_panel(int64_t j, int64_t end, int64_t n, double *a, int64_t lda, int64_t *pivot, double *value) {
  for (int64_t i = j; i < n; i++)
    for (int64_t c = j; c <= RNNI_MIN(i, end - 1); c++) {
      double sum = a[i * lda + c];
      for (int64_t p = j; p < c; p++) sum -= a[i * lda + p] * a[c * lda + p];
      if (c < i) a[i * lda + c] = sum / a[c * lda + c];
      else if (sum > 0) a[i * lda + i] = sqrt(sum);
      else return *pivot = i + 1, *value = sum, false;
    }
  return true;
}

rnn_status rnni_own_cholesky(rnn_ctx *ctx, int64_t n, double *a, int64_t lda, int64_t *pivot, double *value) {
  double *left, *right;
  rnn_status status = RNN_OK;
  *pivot = 0;
  RNNI_TRY(rnni_array(ctx, 2 * n + 1, RNNI_PANEL * sizeof *left, &left));
  right = left + n * RNNI_PANEL;
  for (int64_t j = 0, end; j < n; j = end) {
    end = RNNI_MIN(j + RNNI_PANEL, n);
    RNNI_GOTO(rnni_poll(ctx));
    if (!cholesky_panel(j, end, n, a, lda, pivot, value)) break;
    int64_t width = end - j, rest = n - end;
    negate(rest, width, a + end * lda + j, lda, 1, left);
    for (int64_t i = 0; i < rest; i++)
      for (int64_t p = 0; p < width; p++) right[p * rest + i] = a[(end + i) * lda + j + p];
    for (int64_t i = 0; i < rest; i += 64) { /* the lower triangle, and what is beside it in blocks on the diagonal */
      int64_t rows = RNNI_MIN(64, rest - i);
      RNNI_GOTO(rnni_own_product(ctx, rows, i + rows, width, left + i * width, width, 1, right, rest,
                                 a + (end + i) * lda + end, lda));
    }
  }
done:
  rnni_free(ctx, left);
  return status;
}

/* ---- triangles ---- */

rnn_status rnni_own_triangle_solve(rnn_ctx *ctx, rnni_triangle t, int64_t n, int64_t k, double *b, int64_t ldb) {
  const int64_t rs = t.transposed ? 1 : t.ld, cs = t.transposed ? t.ld : 1;
  const bool down = t.lower != t.transposed; /* the first unknown is that of the first row */
  int64_t blocks = (n + RNNI_PANEL - 1) / RNNI_PANEL;
  double *rest;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, n + 1, RNNI_PANEL * sizeof *rest, &rest));
  for (int64_t done = 0; done < blocks; done++) {
    int64_t from = (down ? done : blocks - 1 - done) * RNNI_PANEL, to = RNNI_MIN(from + RNNI_PANEL, n);
    RNNI_GOTO(rnni_poll(ctx));
    for (int64_t r = from; r < to; r++) {
      int64_t i = down ? r : from + to - 1 - r;
      double *x = b + i * ldb;
      for (int64_t j = down ? from : i + 1; j < (down ? i : to); j++) {
        const double f = t.a[i * rs + j * cs], *y = b + j * ldb;
        for (int64_t c = 0; c < k; c++) x[c] -= f * y[c];
      }
      if (t.unit) continue;
      for (int64_t c = 0; c < k; c++) x[c] /= t.a[i * (rs + cs)];
    }
    int64_t first = down ? to : 0, rows = down ? n - to : from;
    negate(rows, to - from, t.a + first * rs + from * cs, rs, cs, rest);
    RNNI_GOTO(rnni_own_product(ctx, rows, k, to - from, rest, to - from, 1, b + from * ldb, ldb, b + first * ldb, ldb));
  }
done:
  rnni_free(ctx, rest);
  return status;
}

/* ---- LU ---- */

static void swap_rows(int64_t n, double *a, double *b) {
  for (int64_t j = 0; a != b && j < n; j++) {
    double keep = a[j];
    a[j] = b[j];
    b[j] = keep;
  }
}

rnn_status rnni_own_lu(rnn_ctx *ctx, int64_t n, double *a, int64_t lda, int32_t *pivots, int64_t *pivot) {
  double *left;
  rnn_status status = RNN_OK;
  *pivot = 0;
  RNNI_TRY(rnni_array(ctx, n + 1, RNNI_PANEL * sizeof *left, &left));
  for (int64_t j = 0, end; j < n; j = end) {
    end = RNNI_MIN(j + RNNI_PANEL, n);
    RNNI_GOTO(rnni_poll(ctx));
    for (int64_t c = j; c < end; c++) {
      int64_t best = c;
      for (int64_t i = c + 1; i < n; i++)
        if (fabs(a[i * lda + c]) > fabs(a[best * lda + c])) best = i;
      pivots[c] = (int32_t)best;
      swap_rows(n, a + c * lda, a + best * lda);
      const double *top = a + c * lda;
      if (top[c] == 0 && *pivot == 0) *pivot = c + 1;
      for (int64_t i = c + 1; top[c] != 0 && i < n; i++) {
        double *row = a + i * lda;
        row[c] /= top[c];
        for (int64_t p = c + 1; p < end; p++) row[p] -= row[c] * top[p];
      }
    }
    rnni_triangle unit = {.a = a + j * lda + j, .ld = lda, .lower = true, .unit = true};
    RNNI_GOTO(rnni_own_triangle_solve(ctx, unit, end - j, n - end, a + j * lda + end, lda));
    negate(n - end, end - j, a + end * lda + j, lda, 1, left);
    RNNI_GOTO(rnni_own_product(ctx, n - end, n - end, end - j, left, end - j, 1, a + j * lda + end, lda,
                               a + end * lda + end, lda));
  }
done:
  rnni_free(ctx, left);
  return status;
}

rnn_status rnni_own_lu_solve(rnn_ctx *ctx, bool transposed, int64_t n, int64_t k, const double *lu, int64_t lda,
                             const int32_t *pivots, double *b, int64_t ldb) {
  rnni_triangle lower = {.a = lu, .ld = lda, .lower = true, .unit = true, .transposed = transposed};
  rnni_triangle upper = {.a = lu, .ld = lda, .transposed = transposed};
  for (int64_t i = 0; !transposed && i < n; i++) swap_rows(k, b + i * ldb, b + pivots[i] * ldb);
  RNNI_TRY(rnni_own_triangle_solve(ctx, transposed ? upper : lower, n, k, b, ldb));
  RNNI_TRY(rnni_own_triangle_solve(ctx, transposed ? lower : upper, n, k, b, ldb));
  for (int64_t i = n - 1; transposed && i >= 0; i--) swap_rows(k, b + i * ldb, b + pivots[i] * ldb);
  return RNN_OK;
}

/* ---- QR ---- */

/* A panel's reflections are together I - V T V' (Schreiber, Van Loan 1989): v (rows, RNNI_PANEL), ones on its diagonal and
   zeros above, t the upper triangle (RNNI_PANEL, RNNI_PANEL). */

/* v holds the columns, and then their reflections; the first rows of R land in r. */
static void reflections(int64_t columns, int64_t rows, double *v, double *t, double *r) {
  double w[RNNI_PANEL], products[RNNI_PANEL * RNNI_PANEL] = {0};
  memset(r, 0, RNNI_PANEL * RNNI_PANEL * sizeof *r);
  memset(t, 0, RNNI_PANEL * RNNI_PANEL * sizeof *t);
  for (int64_t c = 0; c < columns; c++) {
    double *top = v + c * RNNI_PANEL, below = 0;
    for (int64_t i = c + 1; i < rows; i++) below += v[i * RNNI_PANEL + c] * v[i * RNNI_PANEL + c];
    const double alpha = top[c], beta = below == 0 ? alpha : -copysign(sqrt(alpha * alpha + below), alpha);
    const double tau = below == 0 ? 0 : (beta - alpha) / beta;
    t[c * RNNI_PANEL + c] = tau;
    if (tau != 0) {
      for (int64_t p = c + 1; p < columns; p++) w[p] = top[p];
      for (int64_t i = c + 1; i < rows; i++) {
        double *row = v + i * RNNI_PANEL;
        row[c] /= alpha - beta;
        for (int64_t p = c + 1; p < columns; p++) w[p] += row[c] * row[p];
      }
      for (int64_t p = c + 1; p < columns; p++) top[p] -= w[p] *= tau;
      for (int64_t i = c + 1; i < rows; i++) {
        double *row = v + i * RNNI_PANEL;
        for (int64_t p = c + 1; p < columns; p++) row[p] -= row[c] * w[p];
      }
    }
    for (int64_t p = c + 1; p < columns; p++) r[c * RNNI_PANEL + p] = top[p], top[p] = 0;
    r[c * RNNI_PANEL + c] = beta;
    top[c] = 1;
  }
  rnni_kernel->add_product(columns, columns, rows, v, 1, RNNI_PANEL, v, RNNI_PANEL, products, RNNI_PANEL);
  for (int64_t c = 1; c < columns; c++) /* t[:c, c] = -tau t[:c, :c] v[:, :c]' v[:, c] */
    for (int64_t i = 0; i < c; i++) {
      double sum = 0;
      for (int64_t p = i; p < c; p++) sum += t[i * RNNI_PANEL + p] * products[p * RNNI_PANEL + c];
      t[i * RNNI_PANEL + c] = -t[c * RNNI_PANEL + c] * sum;
    }
}

/* What a panel's reflections do to n columns of two pieces of a matrix, upper (columns rows) and lower. */
typedef struct reflecting {
  int64_t columns, rows, n, ldu, ldl;
  const double *v, *t;
  bool transposed;
  double *upper, *lower;
  int tasks;
} reflecting;

#define TOGETHER 64 /* columns at a time */

static void reflect_task(void *arg, int task) {
  const reflecting *p = arg;
  const int64_t below = p->rows - p->columns, k = p->columns;
  const double *low = p->v + k * RNNI_PANEL;
  double w[RNNI_PANEL * TOGETHER], change[RNNI_PANEL * TOGETHER], minus[RNNI_PANEL * RNNI_PANEL];
  negate(RNNI_PANEL, RNNI_PANEL, p->t, p->transposed ? 1 : RNNI_PANEL, p->transposed ? RNNI_PANEL : 1, minus);
  int64_t end = rnni_cut(p->n, 16, task + 1, p->tasks);
  for (int64_t j = rnni_cut(p->n, 16, task, p->tasks); j < end; j += TOGETHER) {
    const int64_t n = RNNI_MIN(TOGETHER, end - j);
    double *up = p->upper + j, *down = p->lower + j;
    memset(w, 0, sizeof w);
    memset(change, 0, sizeof change);
    rnni_kernel->add_product(k, n, k, p->v, 1, RNNI_PANEL, up, p->ldu, w, TOGETHER);
    rnni_kernel->add_product(k, n, below, low, 1, RNNI_PANEL, down, p->ldl, w, TOGETHER);
    rnni_kernel->add_product(k, n, k, minus, RNNI_PANEL, 1, w, TOGETHER, change, TOGETHER);
    rnni_kernel->add_product(k, n, k, p->v, RNNI_PANEL, 1, change, TOGETHER, up, p->ldu);
    rnni_kernel->add_product(below, n, k, low, RNNI_PANEL, 1, change, TOGETHER, down, p->ldl);
  }
}

static rnn_status reflect(rnn_ctx *ctx, reflecting whole) {
  const double column = 4 * (double)whole.rows * (double)whole.columns;
  const int64_t step = (int64_t)RNNI_MAX(1, POLL_MULTIPLY_ADDS / column / TOGETHER) * TOGETHER;
  for (int64_t j = 0; j < whole.n; j += step) {
    reflecting p = whole;
    p.n = RNNI_MIN(step, whole.n - j);
    p.upper += j;
    p.lower += j;
    p.tasks = rnni_threads_for(ctx, column * (double)p.n);
    rnni_parallel(ctx, p.tasks, reflect_task, &p);
    RNNI_TRY(rnni_poll(ctx));
  }
  return RNN_OK;
}

/* Between a panel where it lies and v, in two pieces: upper has columns rows. */
static void take_panel(int64_t columns, int64_t rows, const double *upper, int64_t ldu, const double *lower, int64_t ldl,
                       double *v) {
  for (int64_t i = 0; i < rows; i++)
    memcpy(v + i * RNNI_PANEL, i < columns ? upper + i * ldu : lower + (i - columns) * ldl,
           (size_t)columns * sizeof *v);
}
static void put_panel(int64_t columns, int64_t rows, const double *v, double *to, int64_t ld) {
  for (int64_t i = 0; i < rows; i++) memcpy(to + i * ld, v + i * RNNI_PANEL, (size_t)columns * sizeof *v);
}

int64_t rnni_own_qr_room(int64_t m, int64_t n) {
  return (RNNI_MIN(m, n) + RNNI_PANEL - 1) / RNNI_PANEL * RNNI_PANEL * RNNI_PANEL;
}

rnn_status rnni_own_qr(rnn_ctx *ctx, int64_t m, int64_t n, double *a, int64_t lda, double *t) {
  double *v, r[RNNI_PANEL * RNNI_PANEL];
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, m + 1, RNNI_PANEL * sizeof *v, &v));
  for (int64_t j = 0, most = RNNI_MIN(m, n); j < most; j += RNNI_PANEL, t += RNNI_PANEL * RNNI_PANEL) {
    int64_t columns = RNNI_MIN(RNNI_PANEL, most - j);
    double *at = a + j * lda + j, *below = at + columns * lda;
    take_panel(columns, m - j, at, lda, below, lda, v);
    reflections(columns, m - j, v, t, r);
    put_panel(columns, m - j, v, at, lda);
    for (int64_t i = 0; i < columns; i++)
      memcpy(at + i * lda + i, r + i * RNNI_PANEL + i, (size_t)(columns - i) * sizeof *r);
    RNNI_GOTO(reflect(ctx, (reflecting){.columns = columns, .rows = m - j, .n = n - j - columns, .v = v, .t = t,
                                        .transposed = true, .upper = at + columns, .ldu = lda,
                                        .lower = below + columns, .ldl = lda}));
  }
done:
  rnni_free(ctx, v);
  return status;
}

/* Columns of C from first(j) on, where j is the panel's. */
static rnn_status apply(rnn_ctx *ctx, bool transposed, bool from_panel, int64_t m, int64_t n, const double *a,
                        int64_t lda, const double *t, int64_t k, double *c, int64_t ldc) {
  double *v;
  rnn_status status = RNN_OK;
  int64_t most = RNNI_MIN(m, n), panels = (most + RNNI_PANEL - 1) / RNNI_PANEL;
  RNNI_TRY(rnni_array(ctx, m + 1, RNNI_PANEL * sizeof *v, &v));
  for (int64_t p = 0; p < panels; p++) {
    int64_t panel = transposed ? p : panels - 1 - p, j = panel * RNNI_PANEL, columns = RNNI_MIN(RNNI_PANEL, most - j);
    int64_t first = from_panel ? j : 0;
    const double *at = a + j * lda + j;
    take_panel(columns, m - j, at, lda, at + columns * lda, lda, v);
    for (int64_t i = 0; i < columns; i++) {
      v[i * RNNI_PANEL + i] = 1;
      for (int64_t l = i + 1; l < columns; l++) v[i * RNNI_PANEL + l] = 0;
    }
    RNNI_GOTO(reflect(ctx, (reflecting){.columns = columns, .rows = m - j, .n = k - first, .v = v,
                                        .t = t + panel * RNNI_PANEL * RNNI_PANEL, .transposed = transposed,
                                        .upper = c + j * ldc + first, .ldu = ldc,
                                        .lower = c + (j + columns) * ldc + first, .ldl = ldc}));
  }
done:
  rnni_free(ctx, v);
  return status;
}

rnn_status rnni_own_qr_apply(rnn_ctx *ctx, bool transposed, int64_t m, int64_t n, const double *a, int64_t lda,
                             const double *t, int64_t k, double *c, int64_t ldc) {
  return apply(ctx, transposed, false, m, n, a, lda, t, k, c, ldc);
}

rnn_status rnni_own_qr_q(rnn_ctx *ctx, int64_t m, int64_t n, const double *a, int64_t lda, const double *t, double *q,
                         int64_t ldq) {
  int64_t k = RNNI_MIN(m, n);
  for (int64_t i = 0; i < m; i++) {
    memset(q + i * ldq, 0, (size_t)k * sizeof *q);
    if (i < k) q[i * ldq + i] = 1;
  }
  return apply(ctx, false, true, m, n, a, lda, t, k, q, ldq); /* the columns before a panel's are still those of I */
}

rnn_status rnni_own_fold(rnn_ctx *ctx, int64_t n, int64_t width, double *r, int64_t ldr, int64_t rows, double *a,
                         int64_t lda) {
  double *v, t[RNNI_PANEL * RNNI_PANEL], top[RNNI_PANEL * RNNI_PANEL];
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, rows + RNNI_PANEL, RNNI_PANEL * sizeof *v, &v));
  for (int64_t j = 0; j < n; j += RNNI_PANEL) {
    int64_t columns = RNNI_MIN(RNNI_PANEL, n - j), next = j + columns;
    take_panel(columns, columns + rows, r + j * ldr + j, ldr, a + j, lda, v);
    reflections(columns, columns + rows, v, t, top);
    put_panel(columns, columns, top, r + j * ldr + j, ldr);
    RNNI_GOTO(reflect(ctx, (reflecting){.columns = columns, .rows = columns + rows, .n = width - next, .v = v, .t = t,
                                        .transposed = true, .upper = r + j * ldr + next, .ldu = ldr,
                                        .lower = a + next, .ldl = lda}));
  }
done:
  rnni_free(ctx, v);
  return status;
}
