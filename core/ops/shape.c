/* shape.c: the same elements in another shape or order. reshape, unsqueeze, squeeze, permute, transpose, slice and select
 * give views, which share memory with x (assign.c); concat, stack and broadcast_to copy. */
#include "../internal.h"

#define SHARES " Shares memory with x."

static size_t element(const rnn_tensor *t) { return rnni_type_size(t->type); }

/* Copies, or for gradients adds, blocks: count blocks of width elements, from every from_step to every to_step. */
static void copy_blocks(int64_t count, int64_t width, const rnn_tensor *from, int64_t from_at, int64_t from_step,
                        rnn_tensor *to, int64_t to_at, int64_t to_step) {
  size_t size = element(from);
  const char *f = (const char *)from->data + (size_t)from_at * size;
  char *t = (char *)to->data + (size_t)to_at * size;
  for (int64_t i = 0; i < count && !rnni_interrupted(from->ctx); i++) { /* the caller polls */
    if (width <= RNNI_PIECE) memcpy(t, f, (size_t)width * size);
    else if (rnni_copy(from->ctx, t, f, (size_t)width * size) != RNN_OK) return;
    f += (size_t)from_step * size;
    t += (size_t)to_step * size;
  }
}

static void add_blocks(int64_t count, int64_t width, const rnn_tensor *from, int64_t from_at, int64_t from_step,
                       rnn_tensor *to, int64_t to_at, int64_t to_step) {
  for (int64_t i = 0; i < count; i++)
    for (RNNI_PIECES(width, at, end)) {
      if (rnni_interrupted(from->ctx)) return;
      rnni_add(rnni_f(to) + to_at + i * to_step + at, rnni_f(from) + from_at + i * from_step + at, end - at);
    }
}

/* ---- reshape ---- */

static rnn_status reshape_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t dims[RNN_MAX_DIMS], known = 1;
  int n = c->args.nshape, guess = -1;
  for (int i = 0; i < n; i++) {
    dims[i] = c->args.shape[i];
    if (dims[i] == -1 && guess < 0) guess = i;
    else if (dims[i] < 0 || __builtin_mul_overflow(known, dims[i], &known))
      return rnni_fail(ctx, RNN_EARG, "reshape: impossible shape %s", rnni_shape_text(n, c->args.shape));
  }
  if (guess >= 0) {
    if (known == 0 || x->count % known != 0)
      return rnni_fail(ctx, RNN_ESHAPE, "reshape: %s does not fit into %s", RNNI_SHAPE(x),
                       rnni_shape_text(n, c->args.shape));
    known *= dims[guess] = x->count / known;
  }
  if (known != x->count)
    return rnni_fail(ctx, RNN_ESHAPE, "reshape: %s has %lld elements, %s has %lld", RNNI_SHAPE(x), (long long)x->count,
                     rnni_shape_text(n, dims), (long long)known);
  memcpy(c->out_dims, dims, sizeof dims);
  c->args.nshape = n;
  c->out_ndim = -1;
  return RNN_OK;
}

/* A view where x lies in rows, else a copy that must not be taken for one. */
static rnn_status reshape_forward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor *x = c->in[0];
  int64_t strides[RNN_MAX_DIMS];
  int n = c->args.nshape;
  rnni_row_strides(n, c->out_dims, strides);
  if (x->contiguous) {
    RNNI_TRY(rnni_tensor_view(ctx, x, n, c->out_dims, strides, 0, &c->out[0]));
  } else {
    RNNI_TRY(rnni_tensor_raw(ctx, x->type, n, c->out_dims, &c->out[0]));
    RNNI_TRY(rnni_copy_rows(ctx, x, c->out[0]->data));
    c->out[0]->copied = true;
  }
  const rnn_tensor *y = c->out[0];
  bool keep = y->ndim >= 2 && x->ndim >= 2 && y->dims[0] == x->dims[0] && y->dims[1] == x->dims[1];
  return rnni_carry_lengths(ctx, c, keep);
}

static rnn_status add_whole(rnn_ctx *ctx, rnni_call *c) {
  return rnni_add_tensor(ctx, c->din[0], c->dout[0]);
}
const rnn_op rnni_op_reshape = {.name = "reshape", .args = "Ts", .doc = "(x, shape). The same elements in another shape; one size may be -1. Shares memory with x, unless x does not"
                               " lie in rows, as after transpose: then it is a copy, into which writing is an error. Errors: a shape of another number of elements.",
                                .shape = reshape_shape, .forward = reshape_forward, .backward = add_whole,
                                .view = true, .lengths = RNNI_LENGTHS_OWN};

/* ---- unsqueeze and squeeze ---- */

/* The new axis in i[0] from 0; the binding cannot know that there is one more. */
static rnn_status new_axis(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0];
  c->args.i[0] += axis < 0 ? x->ndim + 1 : -1;
  if (c->args.i[0] >= 0 && c->args.i[0] <= x->ndim && x->ndim < RNN_MAX_DIMS) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: a new axis %lld does not fit into %s", c->op->name, (long long)axis, RNNI_SHAPE(x));
}

static rnn_status unsqueeze_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(new_axis(ctx, c));
  for (int i = 0, j = 0; i <= x->ndim; i++) c->out_dims[i] = i == c->args.i[0] ? 1 : x->dims[j++];
  c->out_ndim = -1;
  return RNN_OK;
}

static rnn_status unsqueeze_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], strides[RNN_MAX_DIMS];
  for (int i = 0, j = 0; i <= x->ndim; i++) strides[i] = i == axis ? 1 : x->strides[j++];
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], x->ndim + 1, c->out_dims, strides, 0, &c->out[0]));
  return rnni_carry_lengths(ctx, c, axis >= 2);
}
const rnn_op rnni_op_unsqueeze = {.name = "unsqueeze", .args = "Ti", .doc = "(x, axis). x with a new axis of size 1; -1 is behind the last." SHARES
                                  " Errors: an axis outside 1 .. the number of axes + 1; in front of time of a batch with lengths.",
                                  .shape = unsqueeze_shape, .forward = unsqueeze_forward, .backward = add_whole,
                                  .view = true, .lengths = RNNI_LENGTHS_OWN};

static rnn_status squeeze_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0];
  if (axis >= 0) RNNI_TRY(rnni_need_axis(ctx, c, axis));
  if (axis >= 0 && x->dims[axis] != 1)
    return rnni_fail(ctx, RNN_ESHAPE, "squeeze: axis %lld of %s has size %lld, not 1", (long long)axis + 1, RNNI_SHAPE(x),
                     (long long)x->dims[axis]);
  c->out_ndim = -1;
  return RNN_OK;
}

static rnn_status squeeze_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], dims[RNN_MAX_DIMS], strides[RNN_MAX_DIMS];
  bool keep = true;
  int n = 0;
  for (int i = 0; i < x->ndim; i++) {
    bool goes = axis < 0 ? x->dims[i] == 1 : i == axis;
    if (goes) keep &= i >= 2;
    else dims[n] = x->dims[i], strides[n++] = x->strides[i];
  }
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], n, dims, strides, 0, &c->out[0]));
  return rnni_carry_lengths(ctx, c, keep);
}
const rnn_op rnni_op_squeeze = {.name = "squeeze", .args = "TX", .doc = "(x, axis or nil). x without an axis of size 1; without axis, without all of them." SHARES
                                " Errors: an axis of another size; time or sequences of a batch with lengths.",
                                .shape = squeeze_shape, .forward = squeeze_forward, .backward = add_whole,
                                .view = true, .lengths = RNNI_LENGTHS_OWN};

/* ---- permute and transpose; order[i] is the axis of x that comes i-th ---- */

static rnn_status permute_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  if (c->args.nshape != x->ndim)
    return rnni_fail(ctx, RNN_EARG, "permute: expected each of the %d axes of %s once", x->ndim, RNNI_SHAPE(x));
  c->out_ndim = -1;
  return RNN_OK;
}

static rnn_status reorder(rnn_ctx *ctx, rnni_call *c, const int64_t *order) {
  const rnn_tensor *x = c->in[0];
  int64_t dims[RNN_MAX_DIMS], strides[RNN_MAX_DIMS];
  for (int i = 0; i < x->ndim; i++) dims[i] = x->dims[order[i]], strides[i] = x->strides[order[i]];
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], x->ndim, dims, strides, 0, &c->out[0]));
  return rnni_carry_lengths(ctx, c, x->ndim < 2 || (order[0] == 0 && order[1] == 1));
}

static void reorder_back(rnni_call *c, const int64_t *order) {
  const rnn_tensor *dy = c->dout[0];
  rnn_tensor d = *dy;
  for (int i = 0; i < d.ndim; i++) d.dims[order[i]] = dy->dims[i], d.strides[order[i]] = dy->strides[i];
  rnni_move_add(c->din[0], &d);
}

static rnn_status permute_forward(rnn_ctx *ctx, rnni_call *c) { return reorder(ctx, c, c->args.shape); }

static rnn_status permute_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  reorder_back(c, c->args.shape);
  return RNN_OK;
}
const rnn_op rnni_op_permute = {.name = "permute", .args = "Ta", .doc = "(x, axes). The axes in another order: x:permute(3, 1, 2) has axis 3 of x first." SHARES
                                " Errors: not each axis once; another place for sequences or time of a batch with lengths.",
                                .shape = permute_shape, .forward = permute_forward, .backward = permute_backward,
                                .view = true, .lengths = RNNI_LENGTHS_OWN};

static rnn_status transpose_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[1]));
  c->out_ndim = -1; /* forward makes a view */
  return RNN_OK;
}

static void exchange(const rnni_call *c, int64_t *order) {
  for (int i = 0; i < RNN_MAX_DIMS; i++) order[i] = i;
  order[c->args.i[0]] = c->args.i[1];
  order[c->args.i[1]] = c->args.i[0];
}

static rnn_status transpose_forward(rnn_ctx *ctx, rnni_call *c) {
  int64_t order[RNN_MAX_DIMS];
  exchange(c, order);
  return reorder(ctx, c, order);
}

static rnn_status transpose_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  int64_t order[RNN_MAX_DIMS];
  exchange(c, order);
  reorder_back(c, order);
  return RNN_OK;
}
const rnn_op rnni_op_transpose = {.name = "transpose", .args = "Txx", .doc = "(x, a, b). Axes a and b exchanged." SHARES
                               " The shape is that of x with two sizes exchanged. Errors: axes that x does not have; time of a batch with lengths.",
                                  .shape = transpose_shape, .forward = transpose_forward,
                                  .backward = transpose_backward, .view = true, .lengths = RNNI_LENGTHS_OWN};

/* ---- slice and select: places as in Lua, from 1 or from -1 backwards, and inclusive ---- */

static int64_t from_one(int64_t place, int64_t size) { return place < 0 ? size + 1 + place : place; }

static rnn_status slice_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  int64_t n = x->dims[axis], from = from_one(c->args.i[1], n), to = from_one(c->args.i[2], n);
  int64_t step = RNNI_MAX(RNNI_MIN(c->args.i[3], n + 1), -n - 1); /* more leads outside just as well */
  if (step == 0) return rnni_fail(ctx, RNN_EARG, "slice: a step of 0 leads nowhere");
  bool fits = step > 0 ? from >= 1 && to >= from - 1 && to <= n : from <= n && to <= from + 1 && to >= 1;
  if (!fits)
    return rnni_fail(ctx, RNN_EARG, "slice: %lld to %lld%s is not within 1 to %lld, axis %lld of %s%s",
                     (long long)c->args.i[1], (long long)c->args.i[2], step < 0 ? " backwards" : "", (long long)n,
                     (long long)axis + 1, RNNI_SHAPE(x),
                     step > 0 && to < from ? "; backwards takes a step of -1" : "");
  c->args.i[1] = from;
  c->args.i[3] = step;
  rnni_out_like(c, x);
  c->out_dims[axis] = (step > 0 ? to < from : to > from) ? 0 : (to - from) / step + 1;
  c->out_ndim = -1;
  return RNN_OK;
}

static rnn_status slice_forward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor *x = c->in[0], *lengths = x->lengths;
  int64_t axis = c->args.i[0], from = c->args.i[1] - 1, step = c->args.i[3], strides[RNN_MAX_DIMS];
  memcpy(strides, x->strides, sizeof strides);
  strides[axis] *= step;
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], x->ndim, c->out_dims, strides, from * x->strides[axis], &c->out[0]));
  if (axis > 0 || !lengths) return rnni_carry_lengths(ctx, c, axis >= 2);
  strides[0] = step;
  RNNI_TRY(rnni_tensor_view(ctx, lengths, 1, c->out_dims, strides, from, &lengths));
  rnn_status status = rnn_tensor_set_lengths(ctx, c->out[0], lengths);
  rnn_tensor_free(lengths);
  return status;
}

static rnn_status slice_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  int64_t axis = c->args.i[0], at = (c->args.i[1] - 1) * c->din[0]->strides[axis];
  rnn_tensor part = *c->din[0];
  part.count = c->dout[0]->count;
  part.dims[axis] = c->dout[0]->dims[axis];
  part.strides[axis] *= c->args.i[3];
  part.data = rnni_f(c->din[0]) + at;
  rnni_move_add(&part, c->dout[0]);
  return RNN_OK;
}
const rnn_op rnni_op_slice = {.name = "slice", .args = "Txii?i", .absent = 1, .doc = "(x, axis, from, to [, step = 1]). Elements from..to (inclusive) along axis, from 1 or from -1 backwards; every step-th, a negative step goes backwards." SHARES
                               " Errors: places outside the axis, a step of 0; along time of a batch with lengths.",
                              .shape = slice_shape, .forward = slice_forward, .backward = slice_backward,
                              .view = true, .lengths = RNNI_LENGTHS_OWN};

static rnn_status select_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  int64_t at = from_one(c->args.i[1], x->dims[axis]);
  if (at < 1 || at > x->dims[axis])
    return rnni_fail(ctx, RNN_EARG, "select: %lld is not within 1 to %lld, axis %lld of %s", (long long)c->args.i[1],
                     (long long)x->dims[axis], (long long)axis + 1, RNNI_SHAPE(x));
  c->args.i[1] = at;
  c->out_ndim = -1;
  return RNN_OK;
}

static rnn_status select_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], dims[RNN_MAX_DIMS], strides[RNN_MAX_DIMS];
  int n = 0;
  for (int i = 0; i < x->ndim; i++)
    if (i != axis) dims[n] = x->dims[i], strides[n++] = x->strides[i];
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], n, dims, strides, (c->args.i[1] - 1) * x->strides[axis], &c->out[0]));
  return rnni_carry_lengths(ctx, c, axis >= 2);
}

static rnn_status select_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  int64_t outer, length, inner, from = c->args.i[1] - 1;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  add_blocks(outer, inner, c->dout[0], 0, inner, c->din[0], from * inner, length * inner);
  return RNN_OK;
}
const rnn_op rnni_op_select = {.name = "select", .args = "Txi", .doc = "(x, axis, index). One place along axis, which disappears; from 1, or from -1 backwards." SHARES
                               " Errors: a place outside the axis; of a batch with lengths, along its sequences or time.",
                               .shape = select_shape, .forward = select_forward, .backward = select_backward,
                               .view = true, .lengths = RNNI_LENGTHS_OWN};

/* ---- concat and stack ---- */

static rnn_status need_alike(rnn_ctx *ctx, const rnni_call *c, int64_t free_axis) {
  if (c->nin == 0) return rnni_fail(ctx, RNN_EARG, "%s: expected a table of at least one tensor", c->op->name);
  for (int i = 1; i < c->nin; i++) {
    const rnn_tensor *a = c->in[0], *b = c->in[i];
    bool same = a->type == b->type && a->ndim == b->ndim;
    for (int j = 0; same && j < a->ndim; j++) same = j == free_axis || a->dims[j] == b->dims[j];
    if (!same)
      return rnni_fail(ctx, RNN_ESHAPE, "%s: tensor 1 is %s %s, but tensor %d is %s %s", c->op->name,
                       rnni_type_text(a->type), RNNI_SHAPE(a), i + 1, rnni_type_text(b->type), RNNI_SHAPE(b));
  }
  return RNN_OK;
}

static rnn_status concat_shape(rnn_ctx *ctx, rnni_call *c) {
  int64_t axis = c->args.i[0];
  RNNI_TRY(need_alike(ctx, c, axis));
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  rnni_out_like(c, c->in[0]);
  c->out_type = c->in[0]->type;
  for (int i = 1; i < c->nin; i++) c->out_dims[axis] += c->in[i]->dims[axis];
  return RNN_OK;
}

/* Both ops: input i fills, in each of outer blocks, a stripe of its own width. */
static void stripes(const rnni_call *c, int axis, const rnn_tensor *whole, bool backward) {
  int64_t outer, length, inner, at = 0;
  rnni_split_at(whole, axis, &outer, &length, &inner);
  if (outer == 0) return;
  for (int i = 0; i < c->nin; i++) {
    int64_t width = c->in[i]->count / outer;
    if (!backward)
      copy_blocks(outer, width, c->in[i], 0, width, c->out[0], at, length * inner);
    else if (c->wants[i])
      add_blocks(outer, width, whole, at, length * inner, c->din[i], 0, width);
    at += width;
  }
}

static rnn_status concat_forward(rnn_ctx *ctx, rnni_call *c) {
  stripes(c, (int)c->args.i[0], c->out[0], false);
  return rnni_poll(ctx);
}
static rnn_status concat_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  stripes(c, (int)c->args.i[0], c->dout[0], true);
  return RNN_OK;
}
const rnn_op rnni_op_concat = {.name = "concat", .args = "Lx", .doc = "({x, y, ...}, axis). Joined along an axis they have."
                               " Errors: shapes that differ elsewhere, types that differ.",
                               .shape = concat_shape, .forward = concat_forward, .backward = concat_backward,
                               .lengths = RNNI_LENGTHS_KEEP};

static rnn_status stack_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(need_alike(ctx, c, -1));
  RNNI_TRY(new_axis(ctx, c));
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0];
  c->out_type = x->type;
  c->out_ndim = x->ndim + 1;
  for (int i = 0, j = 0; i < c->out_ndim; i++) c->out_dims[i] = i == axis ? c->nin : x->dims[j++];
  return RNN_OK;
}
const rnn_op rnni_op_stack = {.name = "stack", .args = "Li", .doc = "({x, y, ...}, axis). Tensors of one shape joined along a new axis."
                               " Errors: shapes or types that differ.",
                              .shape = stack_shape, .forward = concat_forward, .backward = concat_backward,
                              .lengths = RNNI_LENGTHS_REFUSE};

/* ---- broadcast_to ---- */

static rnn_status broadcast_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  rnn_tensor to = {.ndim = c->args.nshape};
  memcpy(to.dims, c->args.shape, sizeof to.dims);
  bool possible = true;
  for (int i = 0, lead = to.ndim - x->ndim; i < to.ndim; i++) {
    if (to.dims[i] == -1 && i >= lead) to.dims[i] = x->dims[i - lead];
    possible &= to.dims[i] >= 0;
  }
  c->out_type = x->type;
  if (!possible || rnni_broadcast_dims(ctx, "broadcast_to", x, &to, &c->out_ndim, c->out_dims) != RNN_OK ||
      c->out_ndim != to.ndim || memcmp(c->out_dims, to.dims, (size_t)to.ndim * sizeof *to.dims) != 0)
    return rnni_fail(ctx, RNN_ESHAPE, "broadcast_to: %s cannot become %s", RNNI_SHAPE(x),
                     rnni_shape_text(to.ndim, c->args.shape));
  return RNN_OK;
}

static rnn_status broadcast_forward(rnn_ctx *ctx, rnni_call *c) {
  c->out[0]->copied = true;
  return rnni_move_new(ctx, c->out[0], c->in[0]);
}

static rnn_status broadcast_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_add_reduced(c->din[0], c->dout[0]);
  return RNN_OK;
}
const rnn_op rnni_op_broadcast_to = {.name = "broadcast_to", .args = "Ts", .doc = "(x, shape). x repeated to a shape it can be broadcast to; -1 is the size that x has there."
                               " Errors: a shape that x cannot become.",
                                     .shape = broadcast_shape, .forward = broadcast_forward,
                                     .backward = broadcast_backward, .lengths = RNNI_LENGTHS_KEEP};
