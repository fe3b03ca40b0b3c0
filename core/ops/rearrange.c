/* rearrange.c: copies in which each place of an axis comes from one place of x, or from none: flip, roll, pad, tile,
 * repeat_interleave; and the triangles and diagonals of matrices. What comes from none is filled; backward adds the
 * gradient of each place to where it came from. */
#include "../internal.h"

/* Where place (from 0) of an axis of the result comes from, in an axis of size n; -1 for nowhere. */
typedef int64_t rule(const rnni_call *c, int axis, int64_t n, int64_t place);

/* One block of width elements; from < 0: filled with the number in n[0]. */
static rnn_status move_block(const rnni_call *c, const rnn_tensor *y, int64_t at, const rnn_tensor *x, int64_t from,
                             int64_t width, bool backward) {
  if (backward) {
    if (from >= 0) rnni_add(rnni_f(x) + from, rnni_f(y) + at, width);
  } else if (from >= 0) {
    size_t size = rnni_type_size(y->type);
    char *to = (char *)y->data + (size_t)at * size;
    const char *source = (const char *)x->data + (size_t)from * size;
    if (width > RNNI_PIECE) return rnni_copy(y->ctx, to, source, (size_t)width * size);
    memcpy(to, source, (size_t)width * size);
  } else if (y->type == RNN_FLOAT) {
    for (int64_t i = at; i < at + width; i++) rnni_f(y)[i] = (real)c->args.n[0];
  } else {
    for (int64_t i = at; i < at + width; i++) rnni_i(y)[i] = (int32_t)c->args.n[0];
  }
  return RNN_OK;
}

/* The same for a run of single elements, which are wanted from the places from. */
static void move_run(const rnni_call *c, const rnn_tensor *y, int64_t at, const rnn_tensor *x, int64_t base,
                     const int64_t *from, int64_t count, bool backward) {
#define RUN(T)                                                                         \
  do {                                                                                 \
    T *to = (T *)y->data + at, fill = (T)c->args.n[0];                                 \
    const T *values = (const T *)x->data + base;                                       \
    for (int64_t i = 0; i < count; i++) to[i] = from[i] < 0 ? fill : values[from[i]]; \
  } while (0)
  if (backward) {
    for (int64_t i = 0; i < count; i++)
      if (from[i] >= 0) rnni_f(x)[base + from[i]] += rnni_f(y)[at + i];
  } else if (y->type == RNN_FLOAT) {
    RUN(real);
  } else {
    RUN(int32_t);
  }
#undef RUN
}

/* An axis of y as it comes from x. */
typedef struct origin {
  const rnni_call *c;
  rule *rule;
  int axis;
  int64_t size, stride; /* of the axis of x; 1 and 0 where x has none */
} origin;

/* What a place adds to the place in x, or -1. */
static int64_t offset(const origin *o, int64_t place) {
  int64_t from = o->rule(o->c, o->axis, o->size, place);
  return from < 0 ? -1 : from * o->stride;
}

/* Is the axis as in x? */
static rnn_status is_same(rnn_ctx *ctx, const origin *o, int64_t size, bool *same) {
  int64_t done = 0;
  *same = size == o->size;
  for (int64_t k = 0; k < size && *same; k++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    *same = o->rule(o->c, o->axis, o->size, k) == k;
  }
  return RNN_OK;
}

/* y from x, or with backward the gradient of x from that of y. y has the axes of x and perhaps more in front. */
static rnn_status rearrange(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *y, const rnn_tensor *x, rule *where,
                            bool backward) {
  if (y->count == 0) return RNN_OK;
  origin o[RNN_MAX_DIMS];
  int64_t strides[RNN_MAX_DIMS], index[RNN_MAX_DIMS] = {0}, from[RNN_MAX_DIMS], inner[RNNI_PIECE], done = 0;
  int64_t width = 1, begin = -1;
  int lead = y->ndim - x->ndim, last = y->ndim;
  rnni_row_strides(x->ndim, x->dims, strides);
  for (int i = 0; i < y->ndim; i++) {
    o[i] = (origin){c, where, i, i < lead ? 1 : x->dims[i - lead], i < lead ? 0 : strides[i - lead]};
    from[i] = offset(&o[i], 0);
  }
  for (bool same = true; last > 0; last--) { /* elements of the last axes that are as in x are moved together */
    RNNI_TRY(is_same(ctx, &o[last - 1], y->dims[last - 1], &same));
    if (!same) break;
    width *= y->dims[last - 1];
  }
  int64_t runs = last ? y->dims[last - 1] : 1;
  inner[0] = 0; /* for one run of all */
  for (int64_t at = 0; at < y->count;) {
    int64_t base = 0;
    for (int i = 0; i < last - 1; i++) base = base < 0 || from[i] < 0 ? -1 : base + from[i];
    for (RNNI_PIECES(runs, k, end)) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + end - k));
      if (last && base >= 0 && begin != k)
        for (int64_t i = 0; i < end - k; i++) inner[i] = offset(&o[last - 1], k + i);
      if (base >= 0) begin = k;
      if (base >= 0 && width == 1) {
        move_run(c, y, at, x, base, inner, end - k, backward);
        at += end - k;
        continue;
      }
      for (int64_t i = 0; i < end - k; i++, at += width) {
        RNNI_TRY(rnni_pace(ctx, &done, width));
        RNNI_TRY(move_block(c, y, at, x, base < 0 || inner[i] < 0 ? -1 : base + inner[i], width, backward));
      }
    }
    for (int i = last - 2; i >= 0; i--) {
      index[i] = index[i] + 1 == y->dims[i] ? 0 : index[i] + 1;
      from[i] = offset(&o[i], index[i]);
      if (index[i]) break;
    }
  }
  return RNN_OK;
}

/* For the ops below: forward and backward by their rule. */
#define BY_RULE(name)                                                           \
  static rnn_status name##_forward(rnn_ctx *ctx, rnni_call *c) {                \
    RNNI_TRY(rearrange(ctx, c, c->out[0], c->in[0], name##_rule, false));       \
    return rnni_carry_lengths(ctx, c, name##_keeps(c));                         \
  }                                                                             \
  static rnn_status name##_backward(rnn_ctx *ctx, rnni_call *c) {               \
    return rearrange(ctx, c, c->dout[0], c->din[0], name##_rule, true);         \
  }
#define LENGTHS " Errors: an axis that x does not have; along sequences or time of a batch with lengths."

static rnn_status shape_like(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_out_like(c, c->in[0]);
  c->out_type = c->in[0]->type;
  return RNN_OK;
}

/* ---- flip ---- */

static int64_t flip_rule(const rnni_call *c, int axis, int64_t n, int64_t place) {
  bool turned = c->args.nshape == 0;
  for (int i = 0; i < c->args.nshape; i++) turned |= c->args.shape[i] == axis;
  return turned ? n - 1 - place : place;
}

static bool flip_keeps(const rnni_call *c) {
  bool keeps = c->args.nshape > 0;
  for (int i = 0; i < c->args.nshape; i++) keeps &= c->args.shape[i] >= 2;
  return keeps;
}
BY_RULE(flip)
const rnn_op rnni_op_flip = {.name = "flip", .args = "T?a", .doc = "(x [, axes]). x backwards along axes; without any, along all. x:slice(axis, -1, 1, -1) is a view." LENGTHS,
                             .shape = shape_like, .forward = flip_forward, .backward = flip_backward,
                             .lengths = RNNI_LENGTHS_OWN};

/* ---- roll ---- */

static int64_t roll_rule(const rnni_call *c, int axis, int64_t n, int64_t place) {
  if (c->args.i[1] >= 0 && axis != c->args.i[1]) return place;
  int64_t from = (place - c->args.i[0] % n) % n;
  return from < 0 ? from + n : from;
}

/* t, or without an axis its elements in a row. */
static rnn_tensor rolled(const rnni_call *c, const rnn_tensor *t) {
  rnn_tensor row = *t;
  if (c->args.i[1] >= 0) return row;
  row.ndim = 1;
  row.dims[0] = t->count;
  return row;
}

static rnn_status roll_forward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor y = rolled(c, c->out[0]), x = rolled(c, c->in[0]);
  RNNI_TRY(rearrange(ctx, c, &y, &x, roll_rule, false));
  return rnni_carry_lengths(ctx, c, c->args.i[1] >= 2);
}

static rnn_status roll_backward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor dy = rolled(c, c->dout[0]), dx = rolled(c, c->din[0]);
  return rearrange(ctx, c, &dy, &dx, roll_rule, true);
}
const rnn_op rnni_op_roll = {.name = "roll", .args = "TiX", .doc = "(x, shift, axis or nil). Each place moved shift further along axis, the last ones to the beginning; without axis, all elements row by row." LENGTHS,
                             .shape = shape_like, .forward = roll_forward, .backward = roll_backward,
                             .lengths = RNNI_LENGTHS_OWN};

/* ---- pad ---- */

enum { CONSTANT, REPLICATE, REFLECT, CIRCULAR };

static rnn_status pad_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], n, before = c->args.i[1], after = c->args.i[2];
  double value = c->args.n[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  if (__builtin_add_overflow(before, after, &n) || __builtin_add_overflow(n, x->dims[axis], &n) || n < 0 ||
      before < -x->dims[axis] || after < -x->dims[axis])
    return rnni_fail(ctx, RNN_EARG, "pad: %lld before and %lld behind do not fit axis %lld of %s", (long long)before,
                     (long long)after, (long long)axis + 1, RNNI_SHAPE(x));
  if (c->args.i[3] != CONSTANT && x->dims[axis] == 0 && n > 0)
    return rnni_fail(ctx, RNN_EARG, "pad: axis %lld of %s has nothing to repeat", (long long)axis + 1, RNNI_SHAPE(x));
  if (c->args.i[3] != CONSTANT && value != 0)
    return rnni_fail(ctx, RNN_EARG, "pad: a value goes with the mode 'constant' only");
  if (x->type == RNN_INT && !(value >= INT32_MIN && value <= INT32_MAX && value == floor(value)))
    return rnni_fail(ctx, RNN_EARG, "pad: %s is no int32", rnni_number_text(value));
  RNNI_TRY(shape_like(ctx, c));
  c->out_dims[axis] = n;
  return RNN_OK;
}

static int64_t pad_rule(const rnni_call *c, int axis, int64_t n, int64_t place) {
  if (axis != c->args.i[0]) return place;
  int64_t from = place - c->args.i[1], period = c->args.i[3] == REFLECT ? RNNI_MAX(2 * (n - 1), 1) : n;
  if (from >= 0 && from < n) return from;
  if (c->args.i[3] == CONSTANT) return -1;
  if (c->args.i[3] == REPLICATE) return from < 0 ? 0 : n - 1;
  from %= period;
  if (from < 0) from += period;
  return from < n ? from : period - from;
}

static bool pad_keeps(const rnni_call *c) { return c->args.i[0] >= 2; }
BY_RULE(pad)
const rnn_op rnni_op_pad = {.name = "pad", .args = "Txii?c?n", .choices = (const char *const[]){"constant", "replicate", "reflect", "circular", NULL}, .doc = "(x, axis, before, after [, mode = \"constant\" [, value = 0]]). x with so many places more before and behind along axis, less where negative: of value, of the \"replicate\"d edge, \"reflect\"ed at the edge, or \"circular\", from the other end."
                            " Errors: along sequences or time of a batch with lengths; nothing there to repeat; a value that the type cannot hold.",
                            .shape = pad_shape, .forward = pad_forward, .backward = pad_backward,
                            .lengths = RNNI_LENGTHS_OWN};

/* ---- tile and repeat_interleave ---- */

static rnn_status tile_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int n = c->args.nshape, ndim = RNNI_MAX(n, x->ndim);
  for (int i = 0; i < ndim; i++) {
    int64_t size = i < ndim - x->ndim ? 1 : x->dims[i - (ndim - x->ndim)];
    int64_t count = i < ndim - n ? 1 : c->args.shape[i - (ndim - n)];
    if (count < 0 || __builtin_mul_overflow(size, count, &c->out_dims[i]))
      return rnni_fail(ctx, RNN_EARG, "tile: %s cannot be repeated %s times", RNNI_SHAPE(x), rnni_shape_text(n, c->args.shape));
  }
  c->out_ndim = ndim;
  c->out_type = x->type;
  return RNN_OK;
}

static int64_t tile_rule(const rnni_call *c, int axis, int64_t n, int64_t place) {
  (void)c, (void)axis;
  return place % n;
}

static bool tile_keeps(const rnni_call *c) {
  int n = c->args.nshape, lead = n - c->in[0]->ndim;
  bool keeps = lead <= 0;
  for (int i = 0; keeps && i < RNNI_MIN(2 + lead, n); i++) keeps &= c->args.shape[i] == 1;
  return keeps;
}
BY_RULE(tile)
const rnn_op rnni_op_tile = {.name = "tile", .args = "Ts", .doc = "(x, counts). x side by side, as often as counts says for each axis; for fewer counts than axes, of the last ones, for more, of new axes in front. (repeat is a word of Lua.)"
                             " Errors: negative counts; sequences or time of a batch with lengths more than once.",
                             .shape = tile_shape, .forward = tile_forward, .backward = tile_backward,
                             .lengths = RNNI_LENGTHS_OWN};

static rnn_status repeat_interleave_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[1]));
  RNNI_TRY(shape_like(ctx, c));
  if (c->args.i[0] < 0 || __builtin_mul_overflow(x->dims[c->args.i[1]], c->args.i[0], &c->out_dims[c->args.i[1]]))
    return rnni_fail(ctx, RNN_EARG, "repeat_interleave: %s cannot be repeated %lld times", RNNI_SHAPE(x),
                     (long long)c->args.i[0]);
  return RNN_OK;
}

static int64_t repeat_interleave_rule(const rnni_call *c, int axis, int64_t n, int64_t place) {
  (void)n;
  return axis == c->args.i[1] ? place / c->args.i[0] : place;
}

static bool repeat_interleave_keeps(const rnni_call *c) { return c->args.i[1] >= 2; }
BY_RULE(repeat_interleave)
const rnn_op rnni_op_repeat_interleave = {.name = "repeat_interleave", .args = "Tix", .doc = "(x, count, axis). Each place along axis count times, one behind the other. NumPy's repeat."
                                          " Errors: a negative count; along sequences or time of a batch with lengths.",
                                          .shape = repeat_interleave_shape, .forward = repeat_interleave_forward,
                                          .backward = repeat_interleave_backward, .lengths = RNNI_LENGTHS_OWN};

/* ---- tril and triu: row i keeps columns up to, or from, i + k ---- */

static rnn_status triangle_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  if (x->ndim < 2)
    return rnni_fail(ctx, RNN_ESHAPE, "%s: expected at least 2 axes, got %s", c->op->name, RNNI_SHAPE(x));
  int64_t rows = x->dims[x->ndim - 2], columns = x->dims[x->ndim - 1];
  c->args.i[0] = RNNI_MIN(RNNI_MAX(c->args.i[0], -rows), columns);
  return shape_like(ctx, c);
}

static rnn_status triangle(rnn_ctx *ctx, const rnni_call *c, bool upper, bool backward) {
  const rnn_tensor *y = backward ? c->dout[0] : c->out[0], *x = backward ? c->din[0] : c->in[0];
  int64_t rows = y->dims[y->ndim - 2], columns = y->dims[y->ndim - 1], done = 0;
  for (int64_t at = 0, i = 0; at < y->count; at += columns, i = i + 1 == rows ? 0 : i + 1) {
    int64_t cut = RNNI_MIN(RNNI_MAX(i + c->args.i[0] + !upper, 0), columns);
    int64_t from = upper ? cut : 0, to = upper ? columns : cut;
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + columns));
    if (from < to) RNNI_TRY(move_block(c, y, at + from, x, at + from, to - from, backward));
    RNNI_TRY(move_block(c, y, at, x, -1, from, backward));
    RNNI_TRY(move_block(c, y, at + to, x, -1, columns - to, backward));
  }
  return RNN_OK;
}

static rnn_status tril_forward(rnn_ctx *ctx, rnni_call *c) { return triangle(ctx, c, false, false); }
static rnn_status tril_backward(rnn_ctx *ctx, rnni_call *c) { return triangle(ctx, c, false, true); }
const rnn_op rnni_op_tril = {.name = "tril", .args = "T?i", .doc = "(x [, k = 0]). The matrices of the last two axes with 0 above the k-th diagonal; k < 0 is below the main one."
                             " Errors: fewer than two axes.",
                             .shape = triangle_shape, .forward = tril_forward, .backward = tril_backward,
                             .lengths = RNNI_LENGTHS_KEEP};

static rnn_status triu_forward(rnn_ctx *ctx, rnni_call *c) { return triangle(ctx, c, true, false); }
static rnn_status triu_backward(rnn_ctx *ctx, rnni_call *c) { return triangle(ctx, c, true, true); }
const rnn_op rnni_op_triu = {.name = "triu", .args = "T?i", .doc = "(x [, k = 0]). The matrices of the last two axes with 0 below the k-th diagonal; k < 0 is below the main one."
                             " Errors: fewer than two axes.",
                             .shape = triangle_shape, .forward = triu_forward, .backward = triu_backward,
                             .lengths = RNNI_LENGTHS_KEEP};

/* ---- diag ---- */

static rnn_status diag_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t k = c->args.i[0], n = x->ndim;
  if (n == 0) return rnni_fail(ctx, RNN_ESHAPE, "diag: expected a vector or matrices, got ()");
  if (k < -INT32_MAX || k > INT32_MAX) return rnni_fail(ctx, RNN_EARG, "diag: there is no diagonal %lld", (long long)k);
  RNNI_TRY(shape_like(ctx, c));
  int64_t down = RNNI_MAX(-k, 0), right = RNNI_MAX(k, 0);
  if (n == 1) {
    c->out_ndim = 2;
    c->out_dims[0] = c->out_dims[1] = x->dims[0] + down + right;
  } else {
    c->out_ndim--;
    c->out_dims[n - 2] = RNNI_MAX(RNNI_MIN(x->dims[n - 2] - down, x->dims[n - 1] - right), 0);
  }
  return RNN_OK;
}

/* The diagonals of matrices, seen as a tensor without their last axis. */
static rnn_tensor diagonals(const rnni_call *c, const rnn_tensor *matrices, const rnn_tensor *like) {
  rnn_tensor d = *matrices;
  int64_t k = c->args.i[0], columns = matrices->dims[d.ndim - 1], at = k < 0 ? -k * columns : k;
  d.ndim--;
  d.dims[d.ndim - 1] = like->dims[like->ndim - 1];
  d.strides[d.ndim - 1] = columns + 1;
  d.count = like->count;
  d.contiguous = false;
  if (d.count) d.data = (char *)matrices->data + (size_t)at * rnni_type_size(d.type);
  return d;
}

static rnn_status diag_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  rnn_tensor *y = c->out[0];
  if (x->ndim > 1) {
    rnn_tensor d = diagonals(c, x, y);
    y->copied = true;
    return rnni_move_new(ctx, y, &d);
  }
  RNNI_TRY(rnni_copy(ctx, y->data, NULL, (size_t)y->count * rnni_type_size(y->type)));
  rnn_tensor d = diagonals(c, y, x);
  return rnni_move_new(ctx, &d, x);
}

static rnn_status diag_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  const rnn_tensor *dy = c->dout[0], *dx = c->din[0];
  bool vector = dx->ndim == 1;
  rnn_tensor d = vector ? diagonals(c, dy, dx) : diagonals(c, dx, dy);
  if (vector) rnni_move_add(dx, &d);
  else rnni_move_add(&d, dy);
  return RNN_OK;
}
const rnn_op rnni_op_diag = {.name = "diag", .args = "T?i", .doc = "(x [, k = 0]). The k-th diagonals of matrices (..., n, m) -> (..., l), a copy; or the matrix (n + |k|, n + |k|) that has the vector x (n) there and 0 elsewhere. k < 0 is below the main diagonal."
                             " Errors: a scalar.",
                             .shape = diag_shape, .forward = diag_forward, .backward = diag_backward,
                             .lengths = RNNI_LENGTHS_REFUSE};
