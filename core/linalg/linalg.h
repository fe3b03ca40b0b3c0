/* linalg.h: factors of matrices. Matrices are of doubles in both precisions, row by row, rows ld apart.
 *
 * What rnni_own_ names is our own (plain.c): the same bits on every machine and for every number of threads. The others
 * (factor.c) take LAPACK's (lapack.c) unless RNNLUA_DETERMINISTIC=1. Every function polls for interrupts; LAPACK's do so
 * only between one matrix and the next. */
#ifndef RNNI_LINALG_H
#define RNNI_LINALG_H

#include "../internal.h"

#define RNNI_PANEL 32 /* columns that are factored at a time */

/* Rows of n doubles lie so far apart, for those a power of two apart share places in the cache. */
static inline int64_t rnni_apart(int64_t n) { return (n + 7) / 8 * 8 + 8; }

/* C (m, n) += A (m, k) B (k, n); element (i, p) of A at a[i*ars + p*acs]. */
RNN_MUST_USE rnn_status rnni_own_product(rnn_ctx *ctx, int64_t m, int64_t n, int64_t k, const double *a, int64_t ars,
                                         int64_t acs, const double *b, int64_t ldb, double *c, int64_t ldc);

/* The lower triangle becomes L of A = L L', of which it alone is read. *pivot: 0, or the number (from 1) of the first one
   that is not positive; *value is that pivot. */
RNN_MUST_USE rnn_status rnni_own_cholesky(rnn_ctx *ctx, int64_t n, double *a, int64_t lda, int64_t *pivot,
                                          double *value);

/* PA = LU with partial pivoting, L without its diagonal of ones: row i went to the place of row pivots[i] (from 0).
   *pivot: 0, or the number (from 1) of the first one that is 0. */
RNN_MUST_USE rnn_status rnni_own_lu(rnn_ctx *ctx, int64_t n, double *a, int64_t lda, int32_t *pivots, int64_t *pivot);
/* B (n, k) becomes A^-1 B, or A'^-1 B when transposed. */
RNN_MUST_USE rnn_status rnni_own_lu_solve(rnn_ctx *ctx, bool transposed, int64_t n, int64_t k, const double *lu,
                                          int64_t lda, const int32_t *pivots, double *b, int64_t ldb);

/* B (n, k) becomes T^-1 B, or T'^-1 B when transposed; T is the lower or upper triangle of a, its diagonal ones if unit. */
typedef struct rnni_triangle {
  const double *a;
  int64_t ld;
  bool lower, transposed, unit;
} rnni_triangle;
RNN_MUST_USE rnn_status rnni_own_triangle_solve(rnn_ctx *ctx, rnni_triangle t, int64_t n, int64_t k, double *b,
                                                int64_t ldb);

/* Householder: A (m, n) = Q R. R ends on and above the diagonal, the reflections below it and in t, which has
   rnni_own_qr_room(m, n) elements. Numbers should be near 1, for their squares must not overflow or vanish. */
int64_t rnni_own_qr_room(int64_t m, int64_t n);
RNN_MUST_USE rnn_status rnni_own_qr(rnn_ctx *ctx, int64_t m, int64_t n, double *a, int64_t lda, double *t);
/* C (m, k) becomes Q C, or Q' C when transposed. */
RNN_MUST_USE rnn_status rnni_own_qr_apply(rnn_ctx *ctx, bool transposed, int64_t m, int64_t n, const double *a,
                                          int64_t lda, const double *t, int64_t k, double *c, int64_t ldc);
/* q (m, min(m, n)) becomes the first columns of Q. */
RNN_MUST_USE rnn_status rnni_own_qr_q(rnn_ctx *ctx, int64_t m, int64_t n, const double *a, int64_t lda, const double *t,
                                      double *q, int64_t ldq);
/* Folds further rows A (rows, width) into an upper triangle R (n, n) beside which right-hand sides stand, R (n, width):
   R becomes that of QR of both (Golub, Van Loan, "Matrix computations", 6.5); A is used up. */
RNN_MUST_USE rnn_status rnni_own_fold(rnn_ctx *ctx, int64_t n, int64_t width, double *r, int64_t ldr, int64_t rows,
                                      double *a, int64_t lda);

/* ---- LAPACK ---- */

/* Fortran's functions: the lengths of their strings come at the end. */
typedef struct rnni_lapack {
  char *(*openblas_get_config)(void);
  void (*dpotrf_)(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
  void (*dgetrf_)(const int *m, const int *n, double *a, const int *lda, int *ipiv, int *info);
  void (*dgetrs_)(const char *trans, const int *n, const int *nrhs, const double *a, const int *lda, const int *ipiv,
                  double *b, const int *ldb, int *info, size_t);
  void (*dgelqf_)(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
                  int *info);
  void (*dorglq_)(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work,
                  const int *lwork, int *info);
  void (*dgesdd_)(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                  const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
                  size_t);
  void (*dgesvd_)(const char *jobu, const char *jobvt, const int *m, const int *n, double *a, const int *lda, double *s,
                  double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *info,
                  size_t, size_t);
  void (*dsyevd_)(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
                  const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);
  void (*dgeev_)(const char *jobvl, const char *jobvr, const int *n, double *a, const int *lda, double *wr, double *wi,
                 double *vl, const int *ldvl, double *vr, const int *ldvr, double *work, const int *lwork, int *info,
                 size_t, size_t);
  void (*dgelsd_)(const int *m, const int *n, const int *nrhs, double *a, const int *lda, double *b, const int *ldb,
                  double *s, const double *rcond, int *rank, double *work, const int *lwork, int *iwork, int *info);
  void (*gemm)(const char *transa, const char *transb, const int *m, const int *n, const int *k, const real *alpha,
               const real *a, const int *lda, const real *b, const int *ldb, const real *beta, real *c, const int *ldc,
               size_t, size_t); /* in the working precision */
} rnni_lapack;

/* OpenBLAS, opened at the first call, with one thread of its own unless OPENBLAS_NUM_THREADS says otherwise. RNN_EIO
   when it is not there or older than 0.3.21; what names the task. */
RNN_MUST_USE rnn_status rnni_lapack_need(rnn_ctx *ctx, const char *what, const rnni_lapack **out);

/* ---- factors by one or the other ---- */

/* All take and give contiguous matrices; what goes into messages: "svd: matrix 3". Each is RNN_EARG, saying which, when
   the matrix is not one that it can be done for. */

/* a (n, n), of which the lower triangle is read, becomes L, with zeros above. */
RNN_MUST_USE rnn_status rnni_cholesky(rnn_ctx *ctx, const char *what, int64_t n, double *a);
/* A (n, n) factored once, for solving. pivot: as rnni_own_lu. */
typedef struct rnni_lu {
  int64_t n, pivot;
  double *a;
  int32_t *pivots;
  bool own;
} rnni_lu;
RNN_MUST_USE rnn_status rnni_lu_factor(rnn_ctx *ctx, const char *what, int64_t n, double *a, int32_t *pivots,
                                       rnni_lu *out);
RNN_MUST_USE rnn_status rnni_lu_need_regular(rnn_ctx *ctx, const char *what, const rnni_lu *lu);
/* b (n, k) becomes A^-1 B or A'^-1 B. */
RNN_MUST_USE rnn_status rnni_lu_solve(rnn_ctx *ctx, const rnni_lu *lu, bool transposed, int64_t k, double *b);
/* The sign of the determinant, 0 when it is 0, and the logarithm of its size. */
void rnni_lu_determinant(const rnni_lu *lu, double *sign, double *log_size);
/* q (m, k) and r (k, n), k = min(m, n), the diagonal of r not negative; a is used up. */
RNN_MUST_USE rnn_status rnni_qr(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, double *a, double *q, double *r);
/* u (m, k), s (k) from the largest down, vt (k, n); the first largest entry of each column of u is positive. */
RNN_MUST_USE rnn_status rnni_svd(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, double *a, double *u, double *s,
                                 double *vt);
/* w (n) from the least up, v (n, n) in columns, the first largest entry of each positive; the lower triangle is read. */
RNN_MUST_USE rnn_status rnni_eigh(rnn_ctx *ctx, const char *what, int64_t n, double *a, double *w, double *v);
/* w (n, 2); v (n, n, 2) in columns of length 1, or NULL. */
RNN_MUST_USE rnn_status rnni_eig(rnn_ctx *ctx, const char *what, int64_t n, double *a, double *w, double *v);
/* x (n, k) with the least |A X - B|, and of several such the least |X|; a and b are used up. Own: full rank only. */
RNN_MUST_USE rnn_status rnni_lstsq(rnn_ctx *ctx, const char *what, int64_t m, int64_t n, int64_t k, double *a, double *b,
                                   double *x, int64_t *rank);

#endif
