/* reduction.h: reducing lines to one value each. */
#ifndef RNNI_REDUCTION_H
#define RNNI_REDUCTION_H

#include "../kernels/kernels.h"
#include "lines.h"

/* What is wanted of every line of l, in the order of the result. */
typedef struct rnni_reduction {
  rnn_ctx *ctx;
  const rnni_lines *l;
  rnn_type type; /* of the elements */
  /* Sums and products: in sums, or those of int32 in ints, INT64_MAX standing for all beyond. */
  rnni_fold how;
  const double *shift; /* what to subtract from the elements of each line, or NULL */
  /* What is taken in their place, for values alone, or NULL: y, rows behind each other, of rows of n elements that lie ld
     apart; shift has one for each element of a row, or, of_rows, for each row. */
  void (*map)(const struct rnni_reduction *r, int64_t rows, int64_t n, const real *x, int64_t ld, const double *shift,
              bool of_rows, real *y);
  double number; /* for map */
  double *sums;
  int64_t *ints;
  /* Extremes: the element and its place (from 0; -1 of nothing), each where it is not NULL. */
  bool smallest;
  void *top; /* real or int32 */
  int64_t *place;
  /* How the work is cut; reduction.c. */
  int64_t lanes, strips, pieces, piece_rows, tasks;
  struct rnni_state *parts;
} rnni_reduction;

RNN_MUST_USE rnn_status rnni_reduce(rnni_reduction *r);

/* Room for a double for each line, on the stack where there are few. */
#define RNNI_FEW 64
typedef struct rnni_doubles {
  double few[RNNI_FEW], *at;
} rnni_doubles;
RNN_MUST_USE static inline rnn_status rnni_doubles_new(rnn_ctx *ctx, int64_t n, rnni_doubles *d) {
  d->at = d->few;
  return n <= RNNI_FEW ? RNN_OK : rnni_array(ctx, n, sizeof *d->at, &d->at);
}
static inline void rnni_doubles_free(rnn_ctx *ctx, rnni_doubles *d) {
  if (d->at != d->few) rnni_free(ctx, d->at);
}

#endif
