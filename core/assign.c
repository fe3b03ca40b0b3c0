/* assign.c: writing into tensors, and what that does to histories.
 *
 * Views share memory with their base (shape.c makes them). A write into either is a write into the base, so all of them
 * see it. When values with a history are written, or written over, the write is recorded: the base gets a new history,
 * in which what was overwritten has no gradient and what was written has. A view notices by the number of recorded writes
 * that the base has seen since the view's own history was made, and is then a part of the base as it is now (after
 * PyTorch's views and CopySlices). */
#include "ops/ops.h"
#include "tape.h"

/* The part of whole, shaped and lying like the base, that the shell of a view says. */
static rnn_tensor part_of(const rnn_tensor *whole, const rnn_tensor *shell) {
  rnn_tensor part = *shell;
  part.data = rnni_f(whole) + shell->offset;
  return part;
}

/* ---- the two ops of views: what a view's history is after a write, and the write ---- */

/* in: the base; out: the view. */
static rnn_status part_backward(rnn_ctx *ctx, rnni_call *c) {
  (void)ctx;
  rnn_tensor part = part_of(c->din[0], c->out[0]);
  rnni_move_add(&part, c->dout[0]);
  return RNN_OK;
}
static const rnn_op op_part = {.name = "view", .args = "T", .backward = part_backward, .view = true};

static void clear(const rnn_tensor *part) {
  rnn_tensor zero = {.type = RNN_FLOAT, .data = &(real){0}};
  rnni_move(part, &zero);
}

/* in: the base before, what was written, the shell of where; out: the base after. */
static rnn_status assign_backward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor *whole = c->dout[0], *copy;
  rnn_tensor part = part_of(whole, c->in[2]);
  if (c->wants[1]) {
    RNNI_TRY(rnn_tensor_copy(ctx, &part, &copy));
    rnni_add_reduced(c->din[1], copy);
    rnn_tensor_free(copy);
  }
  if (!c->wants[0]) return RNN_OK;
  if (c->din[0] == whole) { /* handed on by the tape, so that writing T parts costs no T wholes */
    clear(&part);
    return RNN_OK;
  }
  RNNI_TRY(rnn_tensor_copy(ctx, whole, &copy));
  part = part_of(copy, c->in[2]);
  clear(&part);
  rnni_add(rnni_f(c->din[0]), rnni_f(copy), copy->count);
  rnn_tensor_free(copy);
  return RNN_OK;
}
const rnn_op rnni_op_assign = {.name = "assign", .args = "TTT", .backward = assign_backward};

rnn_status rnni_refresh(rnn_ctx *ctx, rnn_tensor *t) {
  if (!t || !t->base || !ctx->recording) return RNN_OK;
  if (t->writes == t->base->writes) return RNN_OK;
  rnni_call c = {.op = &op_part, .nin = 1, .nout = 1, .in = &t->base, .out = &t};
  RNNI_TRY(rnni_record(ctx, &c, t));
  t->writes = t->base->writes;
  return RNN_OK;
}

/* Does writing src, NULL for a number, into dst, or into some places of it, have to be recorded? A parameter takes
   numbers, and as a whole the values of another parameter, but no history. */
static rnn_status recorded(rnn_ctx *ctx, const rnn_tensor *dst, bool whole, rnn_tensor *src, bool *record) {
  const rnn_tensor *base = dst->base ? dst->base : dst;
  *record = false;
  if (ctx->trace && rnni_trace_keeps(dst)) return rnni_trace_refuse_write(ctx);
  if (!ctx->recording) return RNN_OK;
  if (src) RNNI_TRY(rnni_refresh(ctx, src));
  bool parameter = base->requires_grad && !base->node;
  bool moves = src && src->requires_grad && !(parameter && whole && !src->node);
  if (moves && src->node && src->node->consumed)
    return rnni_fail(ctx, RNN_ESTALE, "assign: the values %s are a result of a computation that backward has already "
                     "consumed; x:detach() has them without their history", RNNI_SHAPE(src));
  if (moves && parameter)
    return rnni_fail(ctx, RNN_EARG, "assign: a value with a history cannot be written into a parameter, %s; x:detach() "
                     "has it without its history", RNNI_SHAPE(base));
  if (moves && base->node && base->node->consumed)
    return rnni_fail(ctx, RNN_ESTALE, "assign: the tensor written to, %s, is a result of a computation that backward "
                     "has already consumed; x:detach() has its values without their history", RNNI_SHAPE(base));
  *record = moves || (base->node && !base->node->consumed);
  return RNN_OK;
}

static rnn_status need_own(rnn_ctx *ctx, const rnn_tensor *dst) {
  if (!dst->copied) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG,
                   "a write into this %s would not reach the tensor that it was taken from: what picks by ids (gather, "
                   "take_along_axis), last, diag, broadcast_to, and reshape of what does not lie in rows, copy; write into "
                   "that tensor, x[ids] = y, or into x:copy()", RNNI_SHAPE(dst));
}

static rnn_status record_write(rnn_ctx *ctx, rnn_tensor *base, rnn_tensor *src, const rnn_tensor *dst) {
  rnn_tensor *in[3] = {base, src, NULL};
  RNNI_TRY(rnni_tensor_shell(ctx, dst, &in[2]));
  rnni_call c = {.op = &rnni_op_assign, .nin = 3, .nout = 1, .in = in, .out = &base};
  rnn_status status = rnni_record(ctx, &c, base);
  rnn_tensor_free(in[2]);
  if (status == RNN_OK) base->writes++;
  return status;
}

/* src is not on the stack when the write is recorded. stop as for rnni_move_until; a record is of the whole. */
static rnn_status write(rnn_ctx *ctx, rnn_tensor *dst, rnn_tensor *src, bool record, const rnn_ctx *stop) {
  rnn_tensor *apart = NULL;
  if (src->storage == dst->storage) RNNI_TRY(rnn_tensor_copy(ctx, src, &apart)); /* they may overlap */
  rnn_status status = record ? record_write(ctx, dst->base ? dst->base : dst, src, dst) : RNN_OK;
  if (status == RNN_OK) {
    rnn_tensor_changed(dst);
    int64_t moved = rnni_move_until(dst, apart ? apart : src, false, stop);
    if (moved < dst->count)
      status = rnni_fail(ctx, RNN_EINTR, "the first %lld of the %lld elements of %s have been written: interrupted!",
                         (long long)moved, (long long)dst->count, RNNI_SHAPE(dst));
  }
  rnn_tensor_free(apart);
  return status;
}

/* src without axes of size 1 in front, of which it has more than dst. */
static rnn_status assign_last_axes(rnn_ctx *ctx, rnn_tensor *dst, rnn_tensor *src) {
  rnn_tensor *fewer;
  rnn_args args = {.t = &src, .nt = 1, .nshape = dst->ndim};
  memcpy(args.shape, src->dims + src->ndim - dst->ndim, (size_t)dst->ndim * sizeof *args.shape);
  RNNI_TRY(rnn_apply(ctx, &rnni_op_reshape, &args, &fewer));
  rnn_status status = rnn_tensor_assign(ctx, dst, fewer);
  rnn_tensor_free(fewer);
  return status;
}

rnn_status rnn_tensor_assign(rnn_ctx *ctx, rnn_tensor *dst, rnn_tensor *src) {
  RNNI_NEED_TENSOR(ctx, dst);
  RNNI_NEED_TENSOR(ctx, src);
  int surplus = src->ndim - dst->ndim, ones = 0;
  while (ones < surplus && src->dims[ones] == 1) ones++;
  if (surplus > 0 && ones == surplus) return assign_last_axes(ctx, dst, src);
  rnn_tensor both = {0};
  bool record, fits = rnni_broadcast_dims(ctx, "assign", dst, src, &both.ndim, both.dims) == RNN_OK &&
                      rnni_same_shape(&both, dst);
  if (!fits)
    return rnni_fail(ctx, RNN_ESHAPE, "assign: expected %s, or what can be broadcast to it, got %s %s", RNNI_SHAPE(dst),
                     RNNI_SHAPE(src), rnni_type_text(src->type));
  if (dst->type != src->type)
    return rnni_fail(ctx, RNN_ETYPE, "assign: expected %s, got %s", rnni_type_text(dst->type), rnni_type_text(src->type));
  RNNI_TRY(need_own(ctx, dst));
  RNNI_TRY(recorded(ctx, dst, !dst->base, src, &record));
  return write(ctx, dst, src, record, record ? NULL : ctx);
}

/* value as an element of type, where number has room for one. */
static rnn_status element_of(rnn_ctx *ctx, rnn_type type, double value, void *number) {
  if (type == RNN_FLOAT) {
    *(real *)number = (real)value;
    return RNN_OK;
  }
  int32_t whole = value >= INT32_MIN && value <= INT32_MAX ? (int32_t)value : 0;
  if ((double)whole != value) return rnni_fail(ctx, RNN_EARG, "fill: %g is no int32", value);
  *(int32_t *)number = whole;
  return RNN_OK;
}

rnn_status rnn_tensor_fill(rnn_ctx *ctx, rnn_tensor *t, double value) {
  RNNI_NEED_TENSOR(ctx, t);
  real number;
  rnn_tensor one = {.ctx = ctx, .type = t->type, .data = &number}, *src;
  bool record;
  RNNI_TRY(element_of(ctx, t->type, value, &number));
  RNNI_TRY(need_own(ctx, t));
  RNNI_TRY(recorded(ctx, t, true, NULL, &record));
  if (!record) return write(ctx, t, &one, false, ctx);
  RNNI_TRY(rnn_tensor_copy(ctx, &one, &src));
  rnn_status status = write(ctx, t, src, true, NULL);
  rnn_tensor_free(src);
  return status;
}

rnn_status rnni_fill_by(rnn_ctx *ctx, rnn_tensor *t, rnn_status (*make)(rnn_ctx *, rnn_tensor *, void *), void *arg) {
  bool record;
  rnn_tensor *made;
  if (ctx->trace) return rnni_trace_refuse_draw(ctx);
  RNNI_TRY(need_own(ctx, t));
  RNNI_TRY(recorded(ctx, t, true, NULL, &record));
  rnn_random_state before = ctx->random;
  if (!record && t->contiguous && t->storage->version == 0) { /* new: nothing to lose */
    rnn_status made_here = make(ctx, t, arg);
    if (made_here != RNN_OK) ctx->random = before;
    rnn_tensor_changed(t);
    return made_here;
  }
  RNNI_TRY(rnni_tensor_raw(ctx, t->type, t->ndim, t->dims, &made));
  rnn_status status = make(ctx, made, arg);
  if (status == RNN_OK) status = write(ctx, t, made, record, NULL);
  if (status != RNN_OK) ctx->random = before;
  rnn_tensor_free(made);
  return status;
}

/* Where a part of t begins, in elements from its first. */
static rnn_status place_of(rnn_ctx *ctx, const rnn_tensor *t, int n, const int64_t *index, int64_t *offset) {
  *offset = 0;
  for (int i = 0; i < n; i++) {
    if (index[i] < 0 || index[i] >= t->dims[i])
      return rnni_fail(ctx, RNN_EARG, "part: index %lld of axis %d is not in %s", (long long)index[i] + 1, i + 1,
                       RNNI_SHAPE(t));
    *offset += index[i] * t->strides[i];
  }
  return RNN_OK;
}

rnn_status rnn_tensor_rows(rnn_ctx *ctx, rnn_tensor *t, int64_t from, int64_t to, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, out, "out is NULL");
  rnn_args args = {.t = &t, .nt = 1, .i = {0, from + 1, to, 1}};
  return rnn_apply(ctx, &rnni_op_slice, &args, out);
}

rnn_status rnn_tensor_part(rnn_ctx *ctx, rnn_tensor *t, int n, const int64_t *index, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_NEED(ctx, n >= 0 && n <= t->ndim && (index || n == 0), "n is not within 0 to the number of axes");
  int64_t offset;
  RNNI_TRY(place_of(ctx, t, n, index, &offset));
  return rnni_tensor_view(ctx, t, t->ndim - n, t->dims + n, t->strides + n, offset, out);
}

rnn_status rnn_tensor_fill_part(rnn_ctx *ctx, rnn_tensor *t, int n, const int64_t *index, double value) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, n >= 0 && n <= t->ndim && (index || n == 0), "n is not within 0 to the number of axes");
  bool record;
  RNNI_TRY(recorded(ctx, t, false, NULL, &record));
  if (n == t->ndim && !record) {
    int64_t offset;
    RNNI_TRY(place_of(ctx, t, n, index, &offset));
    RNNI_TRY(need_own(ctx, t));
    RNNI_TRY(element_of(ctx, t->type, value, (char *)t->data + offset * (int64_t)rnni_type_size(t->type)));
    rnn_tensor_changed(t);
    return RNN_OK;
  }
  rnn_tensor *part;
  RNNI_TRY(rnn_tensor_part(ctx, t, n, index, &part));
  rnn_status status = rnn_tensor_fill(ctx, part, value);
  rnn_tensor_free(part);
  return status;
}

/* ---- places chosen by ids or by a mask ---- */

static rnn_status need_axes(rnn_ctx *ctx, const rnn_tensor *x, int axis, const rnn_tensor *mask) {
  if (axis + mask->ndim <= x->ndim && memcmp(mask->dims, x->dims + axis, (size_t)mask->ndim * sizeof *x->dims) == 0)
    return RNN_OK;
  if (axis == 0)
    return rnni_fail(ctx, RNN_ESHAPE, "index: a mask %s does not have the first axes of %s", RNNI_SHAPE(mask), RNNI_SHAPE(x));
  return rnni_fail(ctx, RNN_ESHAPE, "index: a mask %s does not have the axes of %s from axis %d on", RNNI_SHAPE(mask),
                   RNNI_SHAPE(x), axis + 1);
}

/* How many axes of x the n entries of which choose from. */
static int axes_of(int n, rnn_tensor *const *which) {
  int axes = 0;
  for (int i = 0; i < n; i++) axes += which[i]->type == RNN_FLOAT ? which[i]->ndim : 1;
  return axes;
}

/* Axes of x from axis on, seen as one; the numbers of the places chosen of it; and the axes that these become. */
typedef struct choice {
  rnn_tensor *rows, *ids;
  int ndim;
  int64_t dims[RNN_MAX_DIMS];
} choice;

static void choice_free(choice *c) {
  rnn_tensor_free(c->rows);
  rnn_tensor_free(c->ids);
  c->rows = c->ids = NULL;
}

/* The places of a mask's ones, row by row. */
static rnn_status ids_of_mask(rnn_ctx *ctx, const rnn_tensor *mask, rnn_tensor **ids) {
  rnn_tensor *flat = NULL;
  int64_t wrong;
  rnn_status status;
  RNNI_TRY(rnn_tensor_copy(ctx, mask, &flat)); /* row by row */
  rnn_tensor_free(flat->lengths);
  flat->lengths = NULL;
  RNNI_GOTO(rnni_no_mask_at(ctx, flat, &wrong));
  if (wrong >= 0) {
    status = rnni_fail(ctx, RNN_EARG, "index: a mask holds 0 and 1, but element %lld is %s; ids are int32",
                       (long long)wrong + 1, rnni_number_text((double)rnni_f(flat)[wrong]));
    goto done;
  }
  flat->ndim = 1;
  flat->dims[0] = flat->count;
  flat->strides[0] = 1;
  status = rnn_apply(ctx, &rnni_op_nonzero, &(rnn_args){.t = &flat, .nt = 1}, ids);
done:
  rnn_tensor_free(flat);
  return status;
}

/* Broadcasts ids of an axis and counts them on top of those of the axes before: sum = sum * size + id, from 1. */
static rnn_status count_on(rnn_ctx *ctx, const rnn_tensor *x, int axis, rnn_tensor *ids, const choice *c) {
  rnn_tensor *all;
  rnn_args args = {.t = &ids, .nt = 1, .nshape = c->ndim};
  int64_t size = x->dims[axis], work = 0;
  memcpy(args.shape, c->dims, sizeof args.shape);
  RNNI_TRY(rnn_apply(ctx, &rnni_op_broadcast_to, &args, &all));
  rnn_status status = RNN_OK;
  for (int64_t i = 0; i < all->count && status == RNN_OK; i++) {
    int32_t *sum = &rnni_i(c->ids)[i], id = rnni_i(all)[i];
    status = rnni_pace(ctx, &work, 2);
    if (status == RNN_OK && (id < 1 || id > size))
      status = rnni_fail(ctx, RNN_EARG, "index: id %d at place %lld is not within 1 to %lld, axis %d of %s", id,
                         (long long)i + 1, (long long)size, axis + 1, RNNI_SHAPE(x));
    *sum = (int32_t)((*sum - 1) * size + id);
  }
  rnn_tensor_free(all);
  return status;
}

/* One place for each element of all ids together, which are broadcast. */
static rnn_status ids_of_all(rnn_ctx *ctx, const rnn_tensor *x, int axis, int n, rnn_tensor *const *which, choice *c) {
  rnn_tensor both = {.type = RNN_INT, .count = 1}, *ids[RNN_MAX_DIMS] = {NULL};
  rnn_status status = RNN_OK;
  for (int i = 0; i < n; i++) {
    const rnn_tensor *t = which[i];
    if (t->type == RNN_FLOAT && t->ndim != 1) {
      status = rnni_fail(ctx, RNN_EARG, "index: a mask %s beside other entries that choose; mask:nonzero() has its places",
                         RNNI_SHAPE(t));
      goto done;
    }
    if (t->type == RNN_FLOAT) RNNI_GOTO(need_axes(ctx, x, axis + i, t));
    if (t->type == RNN_FLOAT) RNNI_GOTO(ids_of_mask(ctx, t, &ids[i]));
    else ids[i] = rnn_tensor_ref(which[i]);
    if (ids[i]->lengths) {
      status = rnni_fail(ctx, RNN_EARG, "index: ids %s with lengths, behind which there are none; ids:without_lengths() takes "
                         "all", RNNI_SHAPE(ids[i]));
      goto done;
    }
    RNNI_GOTO(rnni_broadcast_dims(ctx, "index", &both, ids[i], &both.ndim, both.dims));
  }
  c->ndim = both.ndim;
  memcpy(c->dims, both.dims, sizeof c->dims);
  for (int i = 0; i < both.ndim; i++) both.count *= both.dims[i];
  RNNI_GOTO(rnni_tensor_raw(ctx, RNN_INT, 1, &both.count, &c->ids));
  for (int64_t i = 0; i < both.count; i++) rnni_i(c->ids)[i] = 1;
  for (int i = 0; i < n; i++) RNNI_GOTO(count_on(ctx, x, axis + i, ids[i], c));
done:
  for (int i = 0; i < n; i++) rnn_tensor_free(ids[i]);
  return status;
}

static rnn_status chosen(rnn_ctx *ctx, rnn_tensor *x, int axis, int n, rnn_tensor *const *which, choice *c) {
  *c = (choice){.ndim = 1};
  int axes = axes_of(n, which), behind = axis + axes;
  bool one = n == 1 && (which[0]->type == RNN_FLOAT || which[0]->ndim == 1);
  if (one && which[0]->type == RNN_INT) {
    c->ids = rnn_tensor_ref(which[0]);
  } else if (one) {
    RNNI_TRY(need_axes(ctx, x, axis, which[0]));
    RNNI_TRY(ids_of_mask(ctx, which[0], &c->ids));
  }
  rnn_args args = {.t = &x, .nt = 1, .nshape = x->ndim - axes + 1};
  int64_t places = 1;
  for (int i = axis; i < behind; i++) places *= x->dims[i];
  rnn_status status = RNN_OK;
  if (places > INT32_MAX)
    status = rnni_fail(ctx, RNN_EARG, "index: %lld places of %s are too many to choose from", (long long)places, RNNI_SHAPE(x));
  if (status == RNN_OK && !one) status = ids_of_all(ctx, x, axis, n, which, c);
  if (one) c->dims[0] = c->ids->count;
  memcpy(args.shape, x->dims, (size_t)axis * sizeof *x->dims);
  args.shape[axis] = places;
  memcpy(args.shape + axis + 1, x->dims + behind, (size_t)(x->ndim - behind) * sizeof *x->dims);
  if (status == RNN_OK && axes == 1) c->rows = rnn_tensor_ref(x);
  else if (status == RNN_OK) status = rnn_apply(ctx, &rnni_op_reshape, &args, &c->rows);
  if (status != RNN_OK) choice_free(c);
  return status;
}

/* *t with all axes of the choice in the place of this one. */
static rnn_status spread(rnn_ctx *ctx, const choice *c, int axis, rnn_tensor **t) {
  if (c->ndim == 1) return RNN_OK;
  rnn_tensor *one = *t, *all;
  rnn_args args = {.t = &one, .nt = 1, .nshape = one->ndim - 1 + c->ndim};
  if (args.nshape > RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_ESHAPE, "index: at most %d axes, got %d", RNN_MAX_DIMS, args.nshape);
  memcpy(args.shape, one->dims, (size_t)axis * sizeof *one->dims);
  memcpy(args.shape + axis, c->dims, (size_t)c->ndim * sizeof *c->dims);
  memcpy(args.shape + axis + c->ndim, one->dims + axis + 1, (size_t)(one->ndim - axis - 1) * sizeof *one->dims);
  RNNI_TRY(rnn_apply(ctx, &rnni_op_reshape, &args, &all));
  rnn_tensor_free(one);
  *t = all;
  return RNN_OK;
}

/* x as a view without its lengths: a place that is chosen is chosen, padding or not. */
static rnn_status without_lengths(rnn_ctx *ctx, rnn_tensor *x, rnn_tensor **out) {
  RNNI_TRY(rnn_apply(ctx, &rnni_op_transpose, &(rnn_args){.t = &x, .nt = 1}, out));
  return rnn_tensor_set_lengths(ctx, *out, NULL);
}

static rnn_status check_choice(rnn_ctx *ctx, const rnn_tensor *x, int axis, int n, rnn_tensor *const *which) {
  RNNI_NEED_TENSOR(ctx, x);
  RNNI_NEED(ctx, n >= 1 && n <= RNN_MAX_DIMS && which, "which is empty");
  for (int i = 0; i < n; i++) RNNI_NEED_TENSOR(ctx, which[i]);
  RNNI_NEED(ctx, axis >= 0 && (axis == 0 || axis < x->ndim), "axis is none of x");
  if (x->ndim == 0) return rnni_fail(ctx, RNN_ESHAPE, "index: () has no axis to choose from");
  if (n == 1 && which[0]->type == RNN_FLOAT) return RNN_OK; /* need_axes has more to say */
  RNNI_NEED(ctx, axis + axes_of(n, which) <= x->ndim, "more entries than axes of x");
  return RNN_OK;
}

rnn_status rnn_tensor_pick(rnn_ctx *ctx, rnn_tensor *x, int axis, int n, rnn_tensor *const *which, rnn_tensor **out) {
  RNNI_TRY(check_choice(ctx, x, axis, n, which));
  RNNI_NEED(ctx, out, "out is NULL");
  rnn_tensor *bare = NULL;
  choice c;
  bool whole_places = which[0]->type == RNN_FLOAT || (n > 1 && axis == 0);
  if (x->lengths && whole_places) RNNI_TRY(without_lengths(ctx, x, &bare));
  rnn_status status = chosen(ctx, bare ? bare : x, axis, n, which, &c);
  rnn_tensor_free(bare);
  RNNI_TRY(status);
  status = rnn_apply(ctx, &rnni_op_gather, &(rnn_args){.t = (rnn_tensor *[]){c.rows, c.ids}, .nt = 2, .i = {axis}}, out);
  if (status == RNN_OK) {
    status = spread(ctx, &c, axis, out);
    if (status != RNN_OK) {
      rnn_tensor_free(*out);
      *out = NULL;
    }
  }
  choice_free(&c);
  return status;
}

/* Values for all places of a choice of the first axes: rows of a choice made one. */
static rnn_status values_of(rnn_ctx *ctx, const choice *c, rnn_tensor *y, rnn_tensor **out) {
  rnn_args args = {.t = &y, .nt = 1};
  *out = NULL;
  if (c->ndim == 1 || y->ndim == 0) {
    *out = rnn_tensor_ref(y);
    return RNN_OK;
  }
  rnn_tensor to = {.ndim = c->ndim + c->rows->ndim - 1}, both, *all;
  if (to.ndim > RNN_MAX_DIMS) return rnni_fail(ctx, RNN_ESHAPE, "index: at most %d axes, got %d", RNN_MAX_DIMS, to.ndim);
  memcpy(to.dims, c->dims, sizeof to.dims);
  memcpy(to.dims + c->ndim, c->rows->dims + 1, (size_t)(c->rows->ndim - 1) * sizeof *to.dims);
  both = to;
  if (rnni_broadcast_dims(ctx, "index_put", &to, y, &both.ndim, both.dims) != RNN_OK || !rnni_same_shape(&both, &to))
    return rnni_fail(ctx, RNN_ESHAPE, "index_put: expected values %s, or what can be broadcast to it, got %s",
                     RNNI_SHAPE(&to), RNNI_SHAPE(y));
  args.nshape = to.ndim;
  memcpy(args.shape, to.dims, sizeof args.shape);
  RNNI_TRY(rnn_apply(ctx, &rnni_op_broadcast_to, &args, &all));
  args.t = &all;
  args.nshape = c->rows->ndim;
  memcpy(args.shape, c->rows->dims, sizeof args.shape);
  args.shape[0] = c->ids->count;
  rnn_status status = rnn_apply(ctx, &rnni_op_reshape, &args, out);
  rnn_tensor_free(all);
  return status;
}

static rnn_status put(rnn_ctx *ctx, rnn_tensor *x, int n, rnn_tensor *const *which, rnn_tensor *y) {
  rnn_tensor *values = NULL, *made = NULL, *back = NULL;
  choice c = {0};
  rnn_status status;
  bool recording = ctx->recording, record;
  RNNI_TRY(recorded(ctx, x, false, y, &record));
  ctx->recording = record;
  if (record && x->base && !x->node) x->writes = x->base->writes - 1; /* what is not written to keeps its history */
  RNNI_GOTO(chosen(ctx, x, 0, n, which, &c));
  RNNI_GOTO(values_of(ctx, &c, y, &values));
  RNNI_GOTO(rnn_apply(ctx, &rnni_op_index_put, &(rnn_args){.t = (rnn_tensor *[]){c.rows, c.ids, values}, .nt = 3}, &made));
  rnn_args args = {.t = &made, .nt = 1, .nshape = x->ndim};
  memcpy(args.shape, x->dims, sizeof args.shape);
  RNNI_GOTO(rnn_apply(ctx, &rnni_op_reshape, &args, &back));
  status = rnn_tensor_assign(ctx, x, back);
done:
  ctx->recording = recording;
  choice_free(&c);
  rnn_tensor_free(values);
  rnn_tensor_free(made);
  rnn_tensor_free(back);
  return status;
}

/* A view of t in which count axes from the given one on come first. */
static rnn_status in_front(rnn_ctx *ctx, rnn_tensor *t, int axis, int count, rnn_tensor **out) {
  rnn_args args = {.t = &t, .nt = 1};
  for (int i = 0; i < count; i++) args.shape[args.nshape++] = axis + i;
  for (int i = 0; i < t->ndim; i++)
    if (i < axis || i >= axis + count) args.shape[args.nshape++] = i;
  return rnn_apply(ctx, &rnni_op_permute, &args, out);
}

/* The values y of what has ndim axes, with count axes from this one on first. */
static rnn_status values_in_front(rnn_ctx *ctx, rnn_tensor *y, int ndim, int axis, int count, rnn_tensor **out) {
  rnn_args args = {.t = &y, .nt = 1, .nshape = ndim};
  int lead = ndim - y->ndim;
  if (y->ndim == 0 || lead < 0 || ndim > RNN_MAX_DIMS) { /* a number; too many axes, which is said later */
    *out = rnn_tensor_ref(y);
    return RNN_OK;
  }
  for (int i = 0; i < ndim; i++) args.shape[i] = i < lead ? 1 : y->dims[i - lead];
  rnn_tensor *all;
  RNNI_TRY(rnn_apply(ctx, &rnni_op_reshape, &args, &all));
  rnn_status status = in_front(ctx, all, axis, count, out);
  rnn_tensor_free(all);
  return status;
}

rnn_status rnn_tensor_put(rnn_ctx *ctx, rnn_tensor *x, int axis, int n, rnn_tensor *const *which, rnn_tensor *y) {
  RNNI_TRY(check_choice(ctx, x, axis, n, which));
  RNNI_NEED_TENSOR(ctx, y);
  RNNI_TRY(need_own(ctx, x));
  rnn_tensor *bare = NULL, *front = NULL, *values = NULL;
  rnn_status status = RNN_OK;
  bool recording = ctx->recording;
  int count = axes_of(n, which), made = 0; /* axes that the places become */
  for (int i = 0; i < n; i++) made = RNNI_MAX(made, which[i]->type == RNN_INT ? which[i]->ndim : 1);
  if (n == 1 && which[0]->type == RNN_FLOAT) RNNI_TRY(need_axes(ctx, x, axis, which[0]));
  if (x->lengths) RNNI_TRY(without_lengths(ctx, x, &bare));
  if (bare) x = bare;
  if (axis == 0) {
    status = put(ctx, x, n, which, y);
  } else {
    ctx->recording = false; /* a part to write to */
    status = in_front(ctx, x, axis, count, &front);
    ctx->recording = recording;
    if (status == RNN_OK) status = values_in_front(ctx, y, x->ndim - count + made, axis, made, &values);
    if (status == RNN_OK) status = put(ctx, front, n, which, values);
  }
  rnn_tensor_free(bare);
  rnn_tensor_free(front);
  rnn_tensor_free(values);
  return status;
}
