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

#endif
