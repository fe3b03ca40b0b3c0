/* shape.c: the same elements in another shape or order. reshape, transpose, slice and select give views, which share
 * memory with x (assign.c); concat, stack and broadcast_to copy. */
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

/* ---- transpose ---- */

static rnn_status transpose_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[0]));
  RNNI_TRY(rnni_need_axis(ctx, c, c->args.i[1]));
  rnni_out_like(c, x);
  c->out_dims[c->args.i[0]] = x->dims[c->args.i[1]];
  c->out_dims[c->args.i[1]] = x->dims[c->args.i[0]];
  c->out_ndim = -1; /* forward makes a view, here and below */
  return RNN_OK;
}

static rnn_status transpose_forward(rnn_ctx *ctx, rnni_call *c) {
  int64_t a = c->args.i[0], b = c->args.i[1], strides[RNN_MAX_DIMS];
  const rnn_tensor *x = c->in[0];
  memcpy(strides, x->strides, sizeof strides);
  strides[a] = x->strides[b];
  strides[b] = x->strides[a];
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], x->ndim, c->out_dims, strides, 0, &c->out[0]));
  return rnni_carry_lengths(ctx, c, (a >= 2 && b >= 2) || a == b);
}

static rnn_status transpose_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnn_tensor d = *c->dout[0];
  int64_t a = c->args.i[0], b = c->args.i[1];
  memcpy(d.dims, c->in[0]->dims, sizeof d.dims);
  d.strides[a] = c->dout[0]->strides[b];
  d.strides[b] = c->dout[0]->strides[a];
  rnni_move_add(c->din[0], &d);
  return RNN_OK;
}
const rnn_op rnni_op_transpose = {.name = "transpose", .args = "Txx", .doc = "(x, a, b). Axes a and b exchanged." SHARES
                               " The shape is that of x with two sizes exchanged. Errors: axes that x does not have; time of a batch with lengths.",
                                  .shape = transpose_shape, .forward = transpose_forward,
                                  .backward = transpose_backward, .view = true, .lengths = RNNI_LENGTHS_OWN};

/* ---- slice and select; from and to are 1-based and inclusive in i[1], i[2], as in Lua ---- */

static rnn_status slice_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], from = c->args.i[1], to = c->args.i[2];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  if (from < 1 || to < from - 1 || to > x->dims[axis])
    return rnni_fail(ctx, RNN_EARG, "slice: %lld to %lld is not within 1 to %lld, axis %lld of %s", (long long)from,
                     (long long)to, (long long)x->dims[axis], (long long)axis + 1, RNNI_SHAPE(x));
  rnni_out_like(c, x);
  c->out_dims[axis] = to - from + 1;
  c->out_ndim = -1;
  return RNN_OK;
}

static rnn_status slice_forward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor *x = c->in[0], *lengths = x->lengths;
  int64_t axis = c->args.i[0], from = c->args.i[1] - 1;
  RNNI_TRY(rnni_tensor_view(ctx, c->in[0], x->ndim, c->out_dims, x->strides, from * x->strides[axis], &c->out[0]));
  if (axis > 0 || !lengths) return rnni_carry_lengths(ctx, c, axis >= 2);
  return rnni_tensor_view(ctx, lengths, 1, c->out_dims, lengths->strides, from, &c->out[0]->lengths);
}

/* A slice of some places, or a selected one. */
static rnn_status slice_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  int64_t outer, length, inner, from = c->args.i[1] - 1, width = c->args.i[2] - from;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  add_blocks(outer, width * inner, c->dout[0], 0, width * inner, c->din[0], from * inner, length * inner);
  return RNN_OK;
}
const rnn_op rnni_op_slice = {.name = "slice", .args = "Txii", .doc = "(x, axis, from, to). Elements from..to (inclusive) along axis." SHARES
                               " Errors: places outside 1 .. size; along time of a batch with lengths.",
                              .shape = slice_shape, .forward = slice_forward, .backward = slice_backward,
                              .view = true, .lengths = RNNI_LENGTHS_OWN};

static rnn_status select_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t axis = c->args.i[0], at = c->args.i[1];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  if (at < 1 || at > x->dims[axis])
    return rnni_fail(ctx, RNN_EARG, "select: %lld is not within 1 to %lld, axis %lld of %s", (long long)at,
                     (long long)x->dims[axis], (long long)axis + 1, RNNI_SHAPE(x));
  c->args.i[2] = at;
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
const rnn_op rnni_op_select = {.name = "select", .args = "Txi", .doc = "(x, axis, index). One place along axis, which disappears." SHARES
                               " Errors: a place outside 1 .. size; of a batch with lengths, along its sequences or time.",
                               .shape = select_shape, .forward = select_forward, .backward = slice_backward,
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
  int64_t axis = c->args.i[0];
  RNNI_TRY(need_alike(ctx, c, -1));
  const rnn_tensor *x = c->in[0];
  axis += axis < 0 ? x->ndim + 1 : -1; /* 1-based in Lua; the binding cannot know that there is one axis more */
  if (axis < 0 || axis > x->ndim || x->ndim == RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_EARG, "stack: a new axis %lld does not fit into %s", (long long)axis + 1, RNNI_SHAPE(x));
  c->args.i[0] = axis;
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
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  if (rnni_broadcast_dims(ctx, "broadcast_to", x, &to, &c->out_ndim, c->out_dims) != RNN_OK ||
      c->out_ndim != to.ndim || memcmp(c->out_dims, to.dims, (size_t)to.ndim * sizeof *to.dims) != 0)
    return rnni_fail(ctx, RNN_ESHAPE, "broadcast_to: %s cannot become %s", RNNI_SHAPE(x), RNNI_SHAPE(&to));
  return RNN_OK;
}

static rnn_status broadcast_forward(rnn_ctx *ctx, rnni_call *c) {
  return rnni_move_new(ctx, c->out[0], c->in[0]);
}

static rnn_status broadcast_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnni_add_reduced(c->din[0], c->dout[0]);
  return RNN_OK;
}
const rnn_op rnni_op_broadcast_to = {.name = "broadcast_to", .args = "Ts", .doc = "(x, shape). x repeated to a shape it can be broadcast to."
                               " Errors: a shape that x cannot become.",
                                     .shape = broadcast_shape, .forward = broadcast_forward,
                                     .backward = broadcast_backward, .lengths = RNNI_LENGTHS_KEEP};
