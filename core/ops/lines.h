/* lines.h: how the elements of a tensor lie around the axes that a reduction takes away. */
#ifndef RNNI_LINES_H
#define RNNI_LINES_H

#include "../internal.h"

/* Element k of line (o, i) lies at (o*length + k)*inner + i of x. Axes that do not lie together, and valid steps of several
   sequences, are brought together in a copy. */
typedef struct rnni_lines {
  int64_t outer, length, inner;
  const void *x;          /* NULL for a shell */
  real *dx;               /* of rnni_lines_gradient, laid out like x */
  const int32_t *lengths; /* NULL, or how many steps of sequence o / per count, each of step elements of a line */
  int64_t per, step;
  bool packed;      /* x has the valid steps only */
  bool moved;       /* x has other axes first than in arranged */
  void *copies[3], *gradients[2];
  rnn_tensor arranged; /* when moved: the tensor, or the packed one, with its axes in the order of x; else not set */
} rnni_lines;

/* For the texts of ops. */
#define RNNI_AXES " axes: one, several in a table, or nil for all; keep leaves them with size 1. Over time of a batch" \
                  " with lengths only valid steps count."
#define RNNI_AXES_ERRORS " Errors: an axis that x does not have, the batch without time of one with lengths"

/* The shape rule: args.shape has the axes (none: all), i[0] says whether they stay with size 1. Over time, with or without
   the batch, padding does not count; over the batch alone it would. */
RNN_MUST_USE rnn_status rnni_reduced_shape(rnn_ctx *ctx, rnni_call *c);
/* What forward ends with: the lengths stay where the steps do. */
RNN_MUST_USE rnn_status rnni_reduced_lengths(rnn_ctx *ctx, rnni_call *c);
RNN_MUST_USE rnn_status rnni_lines_open(rnn_ctx *ctx, const rnni_call *c, rnni_lines *l);
/* The same with the elements that count as floats, also of int32, which float must hold as they are. */
RNN_MUST_USE rnn_status rnni_lines_open_floats(rnn_ctx *ctx, const rnni_call *c, rnni_lines *l);
/* l->dx: zeros, or the gradient itself, to which backward adds; then rnni_lines_give brings it where it belongs. */
RNN_MUST_USE rnn_status rnni_lines_gradient(rnn_ctx *ctx, rnni_call *c, rnni_lines *l);
RNN_MUST_USE rnn_status rnni_lines_give(rnn_ctx *ctx, rnni_call *c, rnni_lines *l);
void rnni_lines_close(rnn_ctx *ctx, rnni_lines *l);

/* How many elements of line o count: the first ones. */
static inline int64_t rnni_line_valid(const rnni_lines *l, int64_t o) {
  return l->lengths ? l->lengths[o / l->per] * l->step : l->length;
}

/* Does nothing count that line o makes, as it is padding itself? */
static inline bool rnni_line_is_padding(const rnni_call *c, const rnni_lines *l, int64_t o) {
  const rnn_tensor *x = c->in[0];
  if (!x->lengths || l->lengths || l->packed) return false;
  return !rnni_is_valid_row(x, o / (l->outer / (x->dims[0] * x->dims[1])));
}

#endif
