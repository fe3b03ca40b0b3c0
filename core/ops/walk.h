/* walk.h: broadcasting, solved once. A walk goes over the elements of a result in pieces, along each of which every
 * input either moves on by one or stands still. */
#ifndef RNNI_WALK_H
#define RNNI_WALK_H

#include "../internal.h"

#define RNNI_WALK_INPUTS 3

typedef struct rnni_piece {
  int64_t at, n;                    /* where in the result; with all rows at most RNNI_PIECE elements */
  const void *in[RNNI_WALK_INPUTS]; /* the inputs' elements from there on */
  int step[RNNI_WALK_INPUTS];       /* 1, or 0: it stands still */
  int64_t rows;                     /* of n elements each, one after the other in the result; 1 unless the walk says so */
  int64_t ld[RNNI_WALK_INPUTS];     /* from a row's elements to those of the next */
} rnni_piece;

/* Does one piece; false: something is wrong with it, which rnni_walk passes on. Runs in any thread. */
typedef bool rnni_piece_fn(void *arg, const rnni_piece *p);

typedef struct rnni_walk {
  int inputs;
  rnn_tensor *const *in;
  int ndim;
  const int64_t *dims; /* of the result */
  bool moving;         /* every step has to be 1 */
  bool rows;           /* a piece may have several rows */
  int cost;            /* of an element, in those of a sum; 0 is 1 */
  rnni_piece_fn *piece;
  void *arg;
} rnni_walk;

/* Goes over all pieces, on as many threads as there is work for. *right: whether none was wrong. An input that has no
   values (a shell) reads as one number. Interrupted, large walks end early: RNN_EINTR. */
RNN_MUST_USE rnn_status rnni_walk_all(rnn_ctx *ctx, const rnni_walk *w, bool *right);

/* Where element i of the result lies in in. */
int64_t rnni_walk_place(const rnn_tensor *in, int64_t i, int ndim, const int64_t *dims);

#endif
