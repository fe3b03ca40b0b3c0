/* reduce.c: sums, means, extremes along one axis or over everything, and running sums.
 *
 * Sums are carried in double: independent of the instruction set, and exact enough for any loss. Where the reduced
 * axis is time, or everything is reduced, padding is left out and means divide by the valid steps. */
#include "../internal.h"

static rnn_status reduced_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], keep = c->args.i[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  c->out_ndim = 0;
  if (axis >= 0) {
    RNNI_TRY(rnni_need_axis(ctx, c, axis));
    for (int i = 0; i < x->ndim; i++)
      if (i != axis) c->out_dims[c->out_ndim++] = x->dims[i];
      else if (keep) c->out_dims[c->out_ndim++] = 1;
  }
  if (axis == 0 && x->lengths)
    return rnni_fail(ctx, RNN_EARG, "%s: over the batch of %s with lengths; x:without_lengths() drops them on purpose",
                     c->op->name, RNNI_SHAPE(x));
  return RNN_OK;
}

/* How the elements of x lie around the reduced axis. */
typedef struct lines {
  int64_t outer, length, inner;
} lines;

static lines lines_of(const rnni_call *c, const rnn_tensor *x) {
  lines l = {1, x->count, 1};
  if (c->args.i[0] >= 0) rnni_split_at(x, (int)c->args.i[0], &l.outer, &l.length, &l.inner);
  return l;
}

/* Is element k of line (o, ...) a valid step? Only asked when x has lengths and time is reduced. */
static bool valid(const rnni_call *c, const rnn_tensor *x, int64_t o, int64_t k) {
  if (c->args.i[0] == 1) return k < rnni_i(x->lengths)[o];
  int64_t row = k / (x->count / (x->dims[0] * x->dims[1]));
  return rnni_is_valid_row(x, row);
}

static bool masks(const rnni_call *c, const rnn_tensor *x) { return x->lengths && c->args.i[0] < 2; }

static rnn_status finish(rnn_ctx *ctx, rnni_call *c) {
  if (c->args.i[0] >= 2) return rnni_carry_lengths(ctx, c, true);
  return RNN_OK;
}

static int64_t valid_count(const rnni_call *c, const rnn_tensor *x, int64_t o, int64_t length) {
  if (!masks(c, x)) return length;
  int64_t n = 0;
  for (int64_t k = 0; k < length; k++) n += valid(c, x, o, k);
  return n;
}

static rnn_status sum_or_mean(rnn_ctx *ctx, rnni_call *c, bool mean) {
  const rnn_tensor *x = c->in[0];
  lines l = lines_of(c, x);
  bool mask = masks(c, x);
  int64_t done = 0;
  for (int64_t o = 0; o < l.outer; o++) {
    double scale = mean ? 1 / (double)RNNI_MAX(valid_count(c, x, o, l.length), 1) : 1;
    for (int64_t i = 0; i < l.inner; i++) {
      const real *line = rnni_f(x) + o * l.length * l.inner + i;
      double sums[4] = {0}; /* a fixed number of chains: the order never depends on the machine */
      for (RNNI_PIECES(l.length, from, to)) {
        RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + to - from));
        for (int64_t k = from; k < to; k++)
          if (!mask || valid(c, x, o, k)) sums[k & 3] += (double)line[k * l.inner];
      }
      rnni_f(c->out[0])[o * l.inner + i] = (real)(((sums[0] + sums[1]) + (sums[2] + sums[3])) * scale);
    }
  }
  return finish(ctx, c);
}

static rnn_status sum_or_mean_backward(rnn_ctx *ctx, rnni_call *c, bool mean) {
  const rnn_tensor *x = c->in[0];
  lines l = lines_of(c, x);
  bool mask = masks(c, x);
  const real *dy = rnni_f(c->dout[0]);
  int64_t done = 0;
  for (int64_t o = 0; o < l.outer; o++) {
    real scale = mean ? (real)(1 / (double)RNNI_MAX(valid_count(c, x, o, l.length), 1)) : 1;
    for (int64_t k = 0; k < l.length; k++) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + l.inner));
      if (mask && !valid(c, x, o, k)) continue;
      real *dx = rnni_f(c->din[0]) + (o * l.length + k) * l.inner;
      for (int64_t i = 0; i < l.inner; i++) dx[i] += scale * dy[o * l.inner + i];
    }
  }
  return RNN_OK;
}

static rnn_status sum_forward(rnn_ctx *ctx, rnni_call *c) { return sum_or_mean(ctx, c, false); }
static rnn_status mean_forward(rnn_ctx *ctx, rnni_call *c) { return sum_or_mean(ctx, c, true); }
static rnn_status sum_backward(rnn_ctx *ctx, rnni_call *c) {
  return sum_or_mean_backward(ctx, c, false);
}
static rnn_status mean_backward(rnn_ctx *ctx, rnni_call *c) {
  return sum_or_mean_backward(ctx, c, true);
}

const rnn_op rnni_op_sum = {.name = "sum", .args = "tX?b", .doc = "(x [, axis [, keep]]). Sum of all elements or along axis; keep leaves the axis with size 1."
                               " Errors: an axis that x does not have; int32.",
                            .shape = reduced_shape, .forward = sum_forward, .backward = sum_backward,
                            .lengths = RNNI_LENGTHS_OWN};
const rnn_op rnni_op_mean = {.name = "mean", .args = "tX?b", .doc = "(x [, axis [, keep]]). Mean of all elements or along axis, over valid steps; 0 of nothing."
                               " Errors: an axis that x does not have; int32.",
                             .shape = reduced_shape, .forward = mean_forward, .backward = mean_backward,
                             .lengths = RNNI_LENGTHS_OWN};

/* ---- extremes ---- */

/* The place along a line of the first largest (sign 1) or smallest (sign -1) element; NaN wins; -1 of nothing. */
static rnn_status extreme(rnn_ctx *ctx, int64_t *done, const rnni_call *c, const rnn_tensor *x, const lines *l, int64_t o,
                          int64_t i, int sign, int64_t *place) {
  const real *line = rnni_f(x) + o * l->length * l->inner + i;
  bool mask = masks(c, x);
  int64_t best = -1;
  real top = 0;
  for (RNNI_PIECES(l->length, from, to)) {
    RNNI_TRY(rnni_pace(ctx, done, RNNI_ROW + to - from));
    for (int64_t k = from; k < to; k++) {
      if (mask && !valid(c, x, o, k)) continue;
      real v = (real)sign * line[k * l->inner];
      if (v != v) {
        *place = k;
        return RNN_OK;
      }
      if (v > top || best < 0) {
        top = v;
        best = k;
      }
    }
  }
  *place = best;
  return RNN_OK;
}

/* scratch 0, kept when recorded: where in x each extreme lies, an int64 in two int32; -1 of nothing. */
static rnn_status extreme_forward(rnn_ctx *ctx, rnni_call *c, int sign) {
  const rnn_tensor *x = c->in[0];
  lines l = lines_of(c, x);
  int64_t done = 0, *places = NULL;
  if (c->keep) {
    RNNI_TRY(rnni_tensor_raw(ctx, RNN_INT, 2, (int64_t[]){c->out[0]->count, 2}, &c->scratch[0]));
    places = c->scratch[0]->data;
  }
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t i = 0; i < l.inner; i++) {
      int64_t k;
      RNNI_TRY(extreme(ctx, &done, c, x, &l, o, i, sign, &k));
      int64_t at = k < 0 ? -1 : (o * l.length + k) * l.inner + i;
      rnni_f(c->out[0])[o * l.inner + i] = at < 0 ? (real)(sign > 0 ? -INFINITY : INFINITY) : rnni_f(x)[at];
      if (places) places[o * l.inner + i] = at;
    }
  return finish(ctx, c);
}

static rnn_status extreme_backward(rnn_ctx *ctx, rnni_call *c) {
  const int64_t *places = c->scratch[0]->data;
  int64_t done = 0;
  for (int64_t i = 0; i < c->dout[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (places[i] >= 0) rnni_f(c->din[0])[places[i]] += rnni_f(c->dout[0])[i];
  }
  return RNN_OK;
}

static rnn_status max_forward(rnn_ctx *ctx, rnni_call *c) { return extreme_forward(ctx, c, 1); }
static rnn_status min_forward(rnn_ctx *ctx, rnni_call *c) { return extreme_forward(ctx, c, -1); }
const rnn_op rnni_op_max = {.name = "max", .args = "tX?b", .doc = "(x [, axis [, keep]]). Largest element; its first place takes the gradient; -inf of nothing."
                               " Errors: an axis that x does not have; int32.",
                            .shape = reduced_shape, .forward = max_forward,
                            .backward = extreme_backward, .lengths = RNNI_LENGTHS_OWN};
const rnn_op rnni_op_min = {.name = "min", .args = "tX?b", .doc = "(x [, axis [, keep]]). Smallest element; its first place takes the gradient; inf of nothing."
                               " Errors: an axis that x does not have; int32.",
                            .shape = reduced_shape, .forward = min_forward,
                            .backward = extreme_backward, .lengths = RNNI_LENGTHS_OWN};

static rnn_status place_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  c->args.i[1] = 0;
  RNNI_TRY(reduced_shape(ctx, c));
  c->out_type = RNN_INT;
  return RNN_OK;
}

static rnn_status place_forward(rnn_ctx *ctx, rnni_call *c, int sign) {
  lines l = lines_of(c, c->in[0]);
  int64_t done = 0;
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t i = 0; i < l.inner; i++) {
      int64_t k;
      RNNI_TRY(extreme(ctx, &done, c, c->in[0], &l, o, i, sign, &k));
      rnni_i(c->out[0])[o * l.inner + i] = (int32_t)k + 1;
    }
  return finish(ctx, c);
}
static rnn_status argmax_forward(rnn_ctx *ctx, rnni_call *c) { return place_forward(ctx, c, 1); }
static rnn_status argmin_forward(rnn_ctx *ctx, rnni_call *c) { return place_forward(ctx, c, -1); }
const rnn_op rnni_op_argmax = {.name = "argmax", .args = "tx", .doc = "(x, axis) -> int32. Place (from 1) of the largest element along axis; 0 of nothing."
                               " Errors: an axis that x does not have; int32.",
                               .shape = place_shape, .forward = argmax_forward, .lengths = RNNI_LENGTHS_OWN};
const rnn_op rnni_op_argmin = {.name = "argmin", .args = "tx", .doc = "(x, axis) -> int32. Place (from 1) of the smallest element along axis; 0 of nothing."
                               " Errors: an axis that x does not have; int32.",
                               .shape = place_shape, .forward = argmin_forward, .lengths = RNNI_LENGTHS_OWN};

/* ---- running sums ---- */

static rnn_status cumsum_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  if (c->args.i[0] == 0) RNNI_TRY(rnni_need_no_lengths(ctx, c, 0));
  return rnni_shape_same(ctx, c);
}

static rnn_status cumsum_forward(rnn_ctx *ctx, rnni_call *c) {
  lines l = lines_of(c, c->in[0]);
  int64_t done = 0;
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t i = 0; i < l.inner; i++) {
      double sum = 0;
      for (RNNI_PIECES(l.length, from, to)) {
        RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + to - from));
        for (int64_t k = from; k < to; k++) {
          int64_t at = (o * l.length + k) * l.inner + i;
          sum += (double)rnni_f(c->in[0])[at];
          rnni_f(c->out[0])[at] = (real)sum;
        }
      }
    }
  return RNN_OK;
}

static rnn_status cumsum_backward(rnn_ctx *ctx, rnni_call *c) {
  lines l = lines_of(c, c->in[0]);
  int64_t done = 0;
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t i = 0; i < l.inner; i++) {
      double sum = 0;
      for (RNNI_PIECES(l.length, from, to)) { /* counted from the end */
        RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + to - from));
        for (int64_t k = from; k < to; k++) {
          int64_t at = (o * l.length + l.length - 1 - k) * l.inner + i;
          sum += (double)rnni_f(c->dout[0])[at];
          rnni_f(c->din[0])[at] += (real)sum;
        }
      }
    }
  return RNN_OK;
}
const rnn_op rnni_op_cumsum = {.name = "cumsum", .args = "tx", .doc = "(x, axis). Running sum along axis."
                               " Errors: an axis that x does not have; int32.",
                               .shape = cumsum_shape, .forward = cumsum_forward, .backward = cumsum_backward,
                               .lengths = RNNI_LENGTHS_KEEP};
