/* factor.c: factors of one matrix, by LAPACK, or by our own code (plain.c) where the same bits are wanted everywhere.
 *
 * Fortran's matrices lie column by column, so LAPACK sees the transpose of ours: each function asks for what makes the
 * answer for A out of that for A'. */
#include <float.h>
#include <stdio.h>

#include "linalg.h"

#include "../kernels/kernels.h"

#ifdef RNN_DOUBLE
#define EPSILON DBL_EPSILON /* of the numbers that come in */
#else
#define EPSILON FLT_EPSILON
#endif

static rnn_status too_large(rnn_ctx *ctx, const char *what, int64_t m, int64_t n) {
  if (m <= INT32_MAX / 2 && n <= INT32_MAX / 2) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: (%lld, %lld) is too large for LAPACK", what, (long long)m, (long long)n);
}

static rnn_status open_lapack(rnn_ctx *ctx, const char *what, const rnni_lapack **out) {
  char name[32]; /* without the number of the matrix */
  snprintf(name, sizeof name, "%.*s", (int)strcspn(what, ":"), what);
  return rnni_lapack_need(ctx, name, out);
}

/* For what we have nothing of our own. */
static rnn_status need_lapack(rnn_ctx *ctx, const char *what, const rnni_lapack **out) {
  if (rnni_deterministic())
    return rnni_fail(ctx, RNN_EARG, "%.*s: not with --deterministic: LAPACK does it, whose results differ in their last "
                     "bits from one processor to another", (int)strcspn(what, ":"), what);
  return open_lapack(ctx, what, out);
}

/* info of a call of LAPACK that must not fail: below 0 is a mistake of ours, above 0 what came of the matrix. */
static rnn_status check(rnn_ctx *ctx, const char *what, int info, const char *meaning) {
  if (info == 0) return RNN_OK;
  if (info < 0) return rnni_fail(ctx, RNN_EARG, "%s: LAPACK refused its argument %d", what, -info);
  return rnni_fail(ctx, RNN_EARG, "%s: %s", what, meaning);
}

static void transpose(int64_t m, int64_t n, const double *a, double *out) { /* (m, n) to (n, m) */
  for (int64_t i = 0; i < m; i += 16)
    for (int64_t j = 0; j < n; j += 16)
      for (int64_t k = i; k < RNNI_MIN(i + 16, m); k++)
        for (int64_t l = j; l < RNNI_MIN(j + 16, n); l++) out[l * m + k] = a[k * n + l];
}

/* ---- Cholesky ---- */

rnn_status rnni_cholesky(rnn_ctx *ctx, const char *what, int64_t n, double *a) {
  bool done = false;
  if (!rnni_deterministic()) {
    const rnni_lapack *lapack;
    const int size = (int)n;
    int info;
    double *copy; /* what LAPACK leaves of a matrix that is not positive definite does not tell the pivot */
    RNNI_TRY(too_large(ctx, what, n, n));
    RNNI_TRY(open_lapack(ctx, what, &lapack));
    RNNI_TRY(rnni_array(ctx, n, (size_t)n * sizeof *copy, &copy));
    memcpy(copy, a, (size_t)(n * n) * sizeof *copy);
    lapack->dpotrf_("U", &size, copy, &size, &info, 1);
    done = info == 0;
    if (done) memcpy(a, copy, (size_t)(n * n) * sizeof *copy);
    rnni_free(ctx, copy);
  }
  if (!done) {
    int64_t pivot;
    double value = 0;
    RNNI_TRY(rnni_own_cholesky(ctx, n, a, n, &pivot, &value));
    if (pivot)
      return rnni_fail(ctx, RNN_EARG, "%s is not positive definite: pivot %lld is %s", what, (long long)pivot,
                       rnni_number_text(value));
  }
  for (int64_t i = 0; i < n; i++) memset(a + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof *a);
  return RNN_OK;
}

/* ---- LU ---- */

rnn_status rnni_lu_factor(rnn_ctx *ctx, const char *what, int64_t n, double *a, int32_t *pivots, rnni_lu *out) {
  *out = (rnni_lu){.n = n, .a = a, .pivots = pivots, .own = rnni_deterministic()};
  if (out->own) return rnni_own_lu(ctx, n, a, n, pivots, &out->pivot);
  const rnni_lapack *lapack;
  const int size = (int)n;
  int info;
  RNNI_TRY(too_large(ctx, what, n, n));
  RNNI_TRY(open_lapack(ctx, what, &lapack));
  lapack->dgetrf_(&size, &size, a, &size, pivots, &info); /* A' = P L U */
  if (info < 0) return check(ctx, what, info, "");
  out->pivot = info;
  for (int64_t i = 0; i < n; i++) pivots[i]--;
  return RNN_OK;
}

rnn_status rnni_lu_need_regular(rnn_ctx *ctx, const char *what, const rnni_lu *lu) {
  if (lu->pivot == 0) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s is singular: pivot %lld is 0", what, (long long)lu->pivot);
}

rnn_status rnni_lu_solve(rnn_ctx *ctx, const rnni_lu *lu, bool transposed, int64_t k, double *b) {
  if (lu->own) return rnni_own_lu_solve(ctx, transposed, lu->n, k, lu->a, lu->n, lu->pivots, b, k);
  const rnni_lapack *lapack;
  const int size = (int)lu->n, right = (int)k;
  int info;
  double *columns;
  int32_t *from_one;
  RNNI_TRY(too_large(ctx, "solve", lu->n, k));
  RNNI_TRY(rnni_lapack_need(ctx, "solve", &lapack));
  RNNI_TRY(rnni_array(ctx, lu->n, (size_t)(k + 1) * sizeof *columns, &columns));
  from_one = (int32_t *)(columns + lu->n * k);
  for (int64_t i = 0; i < lu->n; i++) from_one[i] = lu->pivots[i] + 1;
  transpose(lu->n, k, b, columns);
  lapack->dgetrs_(transposed ? "N" : "T", &size, &right, lu->a, &size, from_one, columns, &size, &info, 1);
  transpose(k, lu->n, columns, b);
  rnni_free(ctx, columns);
  return check(ctx, "solve", info, "");
}

void rnni_lu_determinant(const rnni_lu *lu, double *sign, double *log_size) {
  *sign = 1;
  *log_size = 0;
  for (int64_t i = 0; i < lu->n; i++) {
    double u = lu->a[i * (lu->n + 1)];
    if (lu->pivots[i] != i) *sign = -*sign;
    if (u < 0) *sign = -*sign;
    if (u == 0) *sign = 0;
    *log_size += u == 0 ? -INFINITY : rnni_log(fabs(u));
  }
}

/* ---- QR ---- */

/* A power of two that brings the largest of n numbers near 1, so that squares neither overflow nor vanish. */
static double scale_of(int64_t n, const double *a) {
  double most = 0;
  int e;
  for (int64_t i = 0; i < n; i++) most = RNNI_MAX(most, fabs(a[i]));
  frexp(most, &e);
  return most == 0 ? 1 : ldexp(1, -RNNI_MAX(RNNI_MIN(e, 1000), -1000));
}
static void multiply(int64_t n, double *a, double by) {
  for (int64_t i = 0; by != 1 && i < n; i++) a[i] *= by;
}

static rnn_status own_qr(rnn_ctx *ctx, int64_t m, int64_t n, double *a, double *q, double *r) {
  const int64_t k = RNNI_MIN(m, n);
  const double scale = scale_of(m * n, a);
  double *t;
  rnn_status status;
  RNNI_TRY(rnni_array(ctx, rnni_own_qr_room(m, n), sizeof *t, &t));
  multiply(m * n, a, scale);
  RNNI_GOTO(rnni_own_qr(ctx, m, n, a, n, t));
  RNNI_GOTO(rnni_own_qr_q(ctx, m, n, a, n, t, q, k));
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = 0; j < n; j++) r[i * n + j] = j < i ? 0 : a[i * n + j] / scale;
done:
  rnni_free(ctx, t);
  return status;
}

static rnn_status lapack_qr(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, double *a, double *q, double *r) {
  const rnni_lapack *lapack;
  const int rows = (int)n, columns = (int)m, k = RNNI_MIN(rows, columns), room = 64 * RNNI_MAX(rows, columns);
  int info;
  double *tau;
  RNNI_TRY(too_large(ctx, what, 64 * m, 64 * n));
  RNNI_TRY(open_lapack(ctx, what, &lapack));
  RNNI_TRY(rnni_array(ctx, k + room, sizeof *tau, &tau));
  lapack->dgelqf_(&rows, &columns, a, &rows, tau, tau + k, &room, &info); /* A' = L Q' */
  for (int64_t i = 0; i < k; i++)
    for (int64_t j = 0; j < n; j++) r[i * n + j] = j < i ? 0 : a[i * n + j];
  for (int64_t i = 0; i < m; i++) memcpy(q + i * k, a + i * n, (size_t)k * sizeof *q);
  if (info == 0) lapack->dorglq_(&k, &columns, &k, q, &k, tau, tau + k, &room, &info);
  rnni_free(ctx, tau);
  return check(ctx, what, info, "");
}

rnn_status rnni_qr(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, double *a, double *q, double *r) {
  const int64_t k = RNNI_MIN(m, n);
  if (rnni_deterministic()) RNNI_TRY(own_qr(ctx, m, n, a, q, r));
  else RNNI_TRY(lapack_qr(ctx, what, m, n, a, q, r));
  for (int64_t i = 0; i < k; i++) {
    if (!(r[i * n + i] < 0)) continue;
    for (int64_t j = i; j < n; j++) r[i * n + j] = -r[i * n + j];
    for (int64_t j = 0; j < m; j++) q[j * k + i] = -q[j * k + i];
  }
  return RNN_OK;
}

/* ---- singular values ---- */

/* -1 when the first of the largest of n numbers, step apart, is negative; rounding decides nothing. */
static double sign_of_largest(int64_t n, const double *x, int64_t step) {
  double most = 0;
  int64_t i = 0;
  for (int64_t k = 0; k < n; k++) most = RNNI_MAX(most, fabs(x[k * step]));
  while (i + 1 < n && fabs(x[i * step]) < most * (1 - 1e-6)) i++;
  return n > 0 && x[i * step] < 0 ? -1 : 1;
}

rnn_status rnni_svd(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, double *a, double *u, double *s, double *vt) {
  const rnni_lapack *lapack;
  const int rows = (int)n, columns = (int)m, k = RNNI_MIN(rows, columns), query = -1;
  double *work = NULL, *kept = NULL, best;
  int *whole = NULL, info, room;
  rnn_status status;
  RNNI_TRY(too_large(ctx, what, m, n));
  RNNI_TRY(need_lapack(ctx, what, &lapack));
  RNNI_GOTO(rnni_array(ctx, 8 * (int64_t)k, sizeof *whole, &whole));
  RNNI_GOTO(rnni_array(ctx, m, (size_t)n * sizeof *kept, &kept));
  memcpy(kept, a, (size_t)(m * n) * sizeof *kept);
  /* A' = U1 S V1', so U1 is V and V1' becomes U, when each is read by rows */
  lapack->dgesdd_("S", &rows, &columns, a, &rows, s, vt, &rows, u, &k, &best, &query, whole, &info, 1);
  RNNI_GOTO(check(ctx, what, info, ""));
  room = (int)best;
  RNNI_GOTO(rnni_array(ctx, room, sizeof *work, &work));
  lapack->dgesdd_("S", &rows, &columns, a, &rows, s, vt, &rows, u, &k, work, &room, whole, &info, 1);
  if (info > 0) { /* it does not converge for some matrices for which the older method does */
    lapack->dgesvd_("S", "S", &rows, &columns, kept, &rows, s, vt, &rows, u, &k, &best, &query, &info, 1, 1);
    room = (int)best;
    rnni_free(ctx, work);
    work = NULL;
    RNNI_GOTO(rnni_array(ctx, room, sizeof *work, &work));
    lapack->dgesvd_("S", "S", &rows, &columns, kept, &rows, s, vt, &rows, u, &k, work, &room, &info, 1, 1);
  }
  RNNI_GOTO(check(ctx, what, info, "the singular values did not converge"));
  for (int64_t i = 0; i < k; i++) {
    if (sign_of_largest(m, u + i, k) > 0) continue;
    for (int64_t j = 0; j < m; j++) u[j * k + i] = -u[j * k + i];
    for (int64_t j = 0; j < n; j++) vt[i * n + j] = -vt[i * n + j];
  }
done:
  rnni_free(ctx, work);
  rnni_free(ctx, kept);
  rnni_free(ctx, whole);
  return status;
}

/* ---- eigenvalues ---- */

rnn_status rnni_eigh(rnn_ctx *ctx, const char *what, int64_t n, double *a, double *w, double *v) {
  const rnni_lapack *lapack;
  const int size = (int)n, query = -1;
  double *work = NULL, best;
  int *whole = NULL, info, room, room_whole;
  rnn_status status;
  RNNI_TRY(too_large(ctx, what, n, n));
  RNNI_TRY(need_lapack(ctx, what, &lapack));
  lapack->dsyevd_("V", "U", &size, a, &size, w, &best, &query, &room_whole, &query, &info, 1, 1);
  RNNI_TRY(check(ctx, what, info, ""));
  room = (int)best;
  RNNI_GOTO(rnni_array(ctx, room, sizeof *work, &work));
  RNNI_GOTO(rnni_array(ctx, room_whole, sizeof *whole, &whole));
  lapack->dsyevd_("V", "U", &size, a, &size, w, work, &room, whole, &room_whole, &info, 1, 1);
  RNNI_GOTO(check(ctx, what, info, "the eigenvalues did not converge"));
  for (int64_t i = 0; i < n; i++) multiply(n, a + i * n, sign_of_largest(n, a + i * n, 1));
  transpose(n, n, a, v);
done:
  rnni_free(ctx, work);
  rnni_free(ctx, whole);
  return status;
}

/* Columns j and, for a pair, j + 1 of vectors, as LAPACK has them (rows here), into v. */
static void put_vector(int64_t n, const double *vectors, int64_t j, bool pair, double *v) {
  const double *re = vectors + j * n, *im = re + n;
  double length = 0, sign = sign_of_largest(n, re, 1); /* LAPACK makes the largest of a pair real, too */
  for (int64_t i = 0; i < n; i++) length += re[i] * re[i] + (pair ? im[i] * im[i] : 0);
  for (int64_t i = 0; i < n; i++) {
    double by = sign / sqrt(length), *to = v + (i * n + j) * 2;
    to[0] = re[i] * by;
    to[1] = pair ? im[i] * by : 0;
    if (pair) to[2] = to[0], to[3] = -to[1];
  }
}

rnn_status rnni_eig(rnn_ctx *ctx, const char *what, int64_t n, double *a, double *w, double *v) {
  const rnni_lapack *lapack;
  const int size = (int)n, query = -1, one = 1;
  double *work = NULL, *parts = NULL, best;
  int info, room;
  rnn_status status;
  RNNI_TRY(too_large(ctx, what, n, n));
  RNNI_TRY(need_lapack(ctx, what, &lapack));
  RNNI_GOTO(rnni_array(ctx, 2 * n + 2, (size_t)(n + 1) * sizeof *parts, &parts));
  double *wr = parts, *wi = parts + n, *turned = wi + n, *vectors = turned + n * n;
  const char *right = v ? "V" : "N";
  transpose(n, n, a, turned);
  lapack->dgeev_("N", right, &size, turned, &size, wr, wi, &best, &one, vectors, &size, &best, &query, &info, 1, 1);
  RNNI_GOTO(check(ctx, what, info, ""));
  room = (int)best;
  RNNI_GOTO(rnni_array(ctx, room, sizeof *work, &work));
  lapack->dgeev_("N", right, &size, turned, &size, wr, wi, &best, &one, vectors, &size, work, &room, &info, 1, 1);
  RNNI_GOTO(check(ctx, what, info, "the eigenvalues did not converge"));
  for (int64_t i = 0; i < n; i++) w[2 * i] = wr[i], w[2 * i + 1] = wi[i];
  for (int64_t j = 0; v && j < n; j++) {
    put_vector(n, vectors, j, wi[j] != 0, v);
    if (wi[j] != 0) j++;
  }
done:
  rnni_free(ctx, work);
  rnni_free(ctx, parts);
  return status;
}

/* ---- least squares ---- */

static rnn_status own_lstsq(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, int64_t k, double *a, double *b,
                            double *x, int64_t *rank) {
  const bool wide = m < n; /* then A' = Q R, and of all solutions X = Q R'^-1 B is the least */
  const int64_t rows = RNNI_MAX(m, n), few = RNNI_MIN(m, n);
  const double scale = scale_of(m * n, a);
  double *t, *turned = NULL, most = 0;
  rnn_status status;
  RNNI_TRY(rnni_array(ctx, rnni_own_qr_room(m, n), sizeof *t, &t));
  RNNI_GOTO(rnni_array(ctx, m, (size_t)n * sizeof *turned, &turned));
  if (wide) transpose(m, n, a, turned);
  else memcpy(turned, a, (size_t)(m * n) * sizeof *a);
  multiply(m * n, turned, scale);
  RNNI_GOTO(rnni_own_qr(ctx, rows, few, turned, few, t));
  *rank = few;
  for (int64_t i = 0; i < few; i++) most = RNNI_MAX(most, fabs(turned[i * (few + 1)]));
  for (int64_t i = 0; i < few; i++)
    if (!(fabs(turned[i * (few + 1)]) > (double)EPSILON * (double)rows * most)) {
      status = rnni_fail(ctx, RNN_EARG, "%s has not full rank: pivot %lld of its QR is as good as 0; without "
                         "--deterministic LAPACK finds the least solution", what, (long long)i + 1);
      goto done;
    }
  if (wide) {
    memset(x, 0, (size_t)(n * k) * sizeof *x);
    memcpy(x, b, (size_t)(m * k) * sizeof *x);
  } else {
    RNNI_GOTO(rnni_own_qr_apply(ctx, true, rows, few, turned, few, t, k, b, k));
    memcpy(x, b, (size_t)(n * k) * sizeof *x);
  }
  RNNI_GOTO(rnni_own_triangle_solve(ctx, (rnni_triangle){.a = turned, .ld = few, .transposed = wide}, few, k, x, k));
  if (wide) RNNI_GOTO(rnni_own_qr_apply(ctx, false, rows, few, turned, few, t, k, x, k));
  multiply(n * k, x, scale);
done:
  rnni_free(ctx, turned);
  rnni_free(ctx, t);
  return status;
}

rnn_status rnni_lstsq(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, int64_t k, double *a, double *b, double *x,
                      int64_t *rank) {
  if (rnni_deterministic()) return own_lstsq(ctx, what, m, n, k, a, b, x, rank);
  const rnni_lapack *lapack;
  const int rows = (int)m, columns = (int)n, right = (int)k, most = RNNI_MAX(rows, columns), query = -1;
  const double cut = (double)EPSILON * most;
  double *turned = NULL, *sides, *values, *work = NULL, best;
  int *whole = NULL, info, room, whole_room, found;
  rnn_status status;
  RNNI_TRY(too_large(ctx, what, RNNI_MAX(m, k), n));
  RNNI_TRY(open_lapack(ctx, what, &lapack));
  RNNI_GOTO(rnni_array(ctx, m * n + (int64_t)most * (k + 1), sizeof *turned, &turned));
  sides = turned + m * n;
  values = sides + (int64_t)most * k;
  transpose(m, n, a, turned);
  memset(sides, 0, (size_t)(most * k) * sizeof *sides);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < k; j++) sides[j * most + i] = b[i * k + j];
  lapack->dgelsd_(&rows, &columns, &right, turned, &rows, sides, &most, values, &cut, &found, &best, &query, &whole_room,
                  &info);
  RNNI_GOTO(check(ctx, what, info, ""));
  room = (int)best;
  RNNI_GOTO(rnni_array(ctx, room, sizeof *work, &work));
  RNNI_GOTO(rnni_array(ctx, whole_room, sizeof *whole, &whole));
  lapack->dgelsd_(&rows, &columns, &right, turned, &rows, sides, &most, values, &cut, &found, work, &room, whole, &info);
  RNNI_GOTO(check(ctx, what, info, "the singular values did not converge"));
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < k; j++) x[i * k + j] = sides[j * most + i];
  *rank = found;
done:
  rnni_free(ctx, work);
  rnni_free(ctx, whole);
  rnni_free(ctx, turned);
  return status;
}
