/* index.c: elements chosen by ids. Ids count from 1; 0 means "nothing here" where that has a meaning. */
#include <stdlib.h>

#include "../internal.h"

static bool is_valid(const rnn_tensor *ids, int64_t i) {
  return !ids->lengths || rnni_is_valid_row(ids, i / (ids->count / (ids->dims[0] * ids->dims[1])));
}

/* Id number i; behind lengths it is 0, whatever stands there. */
static int32_t id_at(const rnn_tensor *ids, int64_t i) { return is_valid(ids, i) ? rnni_i(ids)[i] : 0; }

static rnn_status check_ids(rnn_ctx *ctx, const char *name, const rnn_tensor *ids, int64_t low, int64_t high) {
  int64_t done = 0;
  for (int64_t i = 0; i < ids->count; i++) {
    int32_t id = rnni_i(ids)[i];
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if ((id < low || id > high) && is_valid(ids, i))
      return rnni_fail(ctx, RNN_EARG, "%s: id %d at place %lld is not within %lld to %lld", name, id, (long long)i + 1,
                       (long long)low, (long long)high);
  }
  return RNN_OK;
}

/* ---- gather ---- */

static rnn_status gather_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1];
  int64_t axis = c->args.i[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, 1));
  RNNI_TRY(check_ids(ctx, "gather", ids, 1, x->dims[axis]));
  rnni_out_like(c, x);
  c->out_type = x->type;
  c->out_dims[axis] = ids->count;
  return RNN_OK;
}

static rnn_status gather_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1];
  int64_t outer, length, inner;
  rnni_split_at(x, (int)c->args.i[0], &outer, &length, &inner);
  size_t width = (size_t)inner * rnni_type_size(x->type);
  char *to = c->out[0]->data;
  int64_t done = 0;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < ids->count; k++, to += width) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + inner));
      memcpy(to, (const char *)x->data + (size_t)(o * length + rnni_i(ids)[k] - 1) * width, width);
    }
  c->out[0]->copied = true;
  return rnni_carry_lengths(ctx, c, c->args.i[0] >= 2);
}

static rnn_status gather_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[1];
  int64_t outer, length, inner, done = 0;
  rnni_split_at(c->in[0], (int)c->args.i[0], &outer, &length, &inner);
  const real *dy = rnni_f(c->dout[0]);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < ids->count; k++, dy += inner) {
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + inner));
      rnni_add(rnni_f(c->din[0]) + (o * length + rnni_i(ids)[k] - 1) * inner, dy, inner);
    }
  return RNN_OK;
}
const rnn_op rnni_op_gather = {.name = "gather", .args = "TxT", .doc = "(x, axis, ids). The places ids (int32, one axis, from 1) along axis."
                               " Errors: ids outside 1 .. size.",
                               .shape = gather_shape, .forward = gather_forward, .backward = gather_backward,
                               .saves = RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_OWN};

/* ---- index_put ---- */

static rnn_status index_put_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1], *y = c->in[2];
  RNNI_TRY(rnni_need_axis(ctx, c, 0));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, 1));
  RNNI_TRY(check_ids(ctx, "index_put", ids, 1, x->dims[0]));
  if (y->type != x->type)
    return rnni_fail(ctx, RNN_ETYPE, "index_put: expected values of the type %s, got %s", rnni_type_text(x->type),
                     rnni_type_text(y->type));
  rnn_tensor places = *x, both;
  places.dims[0] = ids->count;
  if (rnni_broadcast_dims(ctx, "index_put", &places, y, &both.ndim, both.dims) != RNN_OK ||
      !rnni_same_shape(&both, &places))
    return rnni_fail(ctx, RNN_ESHAPE, "index_put: expected values %s, or what can be broadcast to it, got %s",
                     RNNI_SHAPE(&places), RNNI_SHAPE(y));
  rnni_out_like(c, x);
  c->out_type = x->type;
  return RNN_OK;
}

/* Row i of t, of which each has ndim axes; t itself where all rows are the same. */
static rnn_tensor row_of(const rnn_tensor *t, int ndim, int64_t i) {
  rnn_tensor row = *t;
  if (t->ndim <= ndim) return row;
  row.ndim = ndim;
  memmove(row.dims, t->dims + 1, sizeof row.dims - sizeof *row.dims);
  memmove(row.strides, t->strides + 1, sizeof row.strides - sizeof *row.strides);
  row.count = t->dims[0] ? t->count / t->dims[0] : 0;
  if (t->dims[0] > 1) row.data = (char *)t->data + (size_t)(i * t->strides[0]) * rnni_type_size(t->type);
  return row;
}

static rnn_status index_put_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1];
  int64_t done = 0;
  RNNI_TRY(rnni_copy_rows(ctx, x, c->out[0]->data));
  for (int64_t k = 0; k < ids->count; k++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + x->count / RNNI_MAX(x->dims[0], 1)));
    rnn_tensor to = row_of(c->out[0], x->ndim - 1, rnni_i(ids)[k] - 1), from = row_of(c->in[2], x->ndim - 1, k);
    rnni_move(&to, &from);
  }
  return RNN_OK;
}

/* From the last id to the first, so that of equal ones only the last, whose values stand there, has a gradient. */
static rnn_status index_put_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[1];
  rnn_tensor *left;
  int64_t work = 0;
  rnn_status status = RNN_OK;
  int n = c->in[0]->ndim - 1;
  RNNI_TRY(rnn_tensor_copy(ctx, c->dout[0], &left));
  for (int64_t k = ids->count - 1; k >= 0; k--) {
    RNNI_GOTO(rnni_pace(ctx, &work, RNNI_ROW + left->count / RNNI_MAX(left->dims[0], 1)));
    rnn_tensor from = row_of(left, n, rnni_i(ids)[k] - 1);
    if (c->wants[2]) {
      rnn_tensor to = row_of(c->din[2], n, k);
      rnni_add_reduced(&to, &from);
    }
    memset(from.data, 0, (size_t)from.count * sizeof(real));
  }
  if (c->wants[0]) status = rnni_add_tensor(ctx, c->din[0], left);
done:
  rnn_tensor_free(left);
  return status;
}
const rnn_op rnni_op_index_put = {.name = "index_put", .args = "TTt", .doc = "(x, ids, y). x with y, broadcast to (#ids, ...), at the places ids (int32, from 1) of the first axis; of equal"
                               " ids the last counts. x[ids] = y does it in place. Errors: ids outside 1 .. size, values of another type.",
                                  .shape = index_put_shape, .forward = index_put_forward, .backward = index_put_backward,
                                  .saves = RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_REFUSE};

/* ---- take_along_axis, scatter, scatter_add: an id for each element ---- */

typedef enum along { TAKE, TAKE_BACK, PUT, PUT_BACK, ADD, ADD_BACK } along;

/* Walks over ids, with the element of x that each names along the axis, and its element of y. */
typedef struct walk {
  int ndim;
  const int64_t *dims;
  const rnn_tensor *ids, *x, *y;
  int64_t ids_strides[RNN_MAX_DIMS], x_strides[RNN_MAX_DIMS], y_strides[RNN_MAX_DIMS];
  int64_t axis_stride;
} walk;

static walk walk_along(int axis, int ndim, const int64_t *dims, const rnn_tensor *ids, const rnn_tensor *x,
                       const rnn_tensor *y) {
  walk w = {.ndim = ndim, .dims = dims, .ids = ids, .x = x, .y = y, .axis_stride = x->strides[axis]};
  rnni_broadcast_strides(ids, ndim, w.ids_strides);
  rnni_broadcast_strides(x, ndim, w.x_strides);
  rnni_broadcast_strides(y, ndim, w.y_strides);
  w.x_strides[axis] = 0;
  return w;
}

/* Elements from to end of a row that begins at id i, element x of x and y of y; PUT_BACK goes backwards. The place of the
   id whose sum is beyond int32, or -1. */
static int64_t walk_run(const walk *w, along what, int64_t from, int64_t end, int64_t i, int64_t x, int64_t y) {
  int last = w->ndim - 1;
  int64_t i_step = w->ids_strides[last], x_step = w->x_strides[last], y_step = w->y_strides[last];
#define EACH(T, body)                                                          \
  for (int64_t n = 0; n < end - from; n++) {                                   \
    int64_t k = what == PUT_BACK ? end - 1 - n : from + n;                     \
    int32_t id = id_at(w->ids, i + k * i_step);                                \
    T *b = (T *)w->y->data + y + k * y_step;                                   \
    T *a = (T *)w->x->data + x + k * x_step + RNNI_MAX(id - 1, 0) * w->axis_stride; \
    body;                                                                      \
  }
#define MOVE(T)                              \
  if (what == TAKE) EACH(T, *b = id ? *a : 0) \
  else EACH(T, if (id) *a = *b)
  if (w->x->type == RNN_INT && what == ADD) EACH(int32_t, if (id && __builtin_add_overflow(*a, *b, a)) return i + k * i_step)
  else if (w->x->type == RNN_INT) MOVE(int32_t)
  else if (what == TAKE_BACK) EACH(real, if (id) *a += *b)
  else if (what == PUT_BACK) EACH(real, if (id) (*b += *a, *a = 0))
  else if (what == ADD) EACH(real, if (id) *a += *b)
  else if (what == ADD_BACK) EACH(real, if (id) *b += *a)
  else MOVE(real)
  return -1;
#undef MOVE
#undef EACH
}

static rnn_status walk_all(rnn_ctx *ctx, const rnni_call *c, const walk *w, along what) {
  int64_t width = w->dims[w->ndim - 1], rows = 1, done = 0, index[RNN_MAX_DIMS], i = 0, x = 0, y = 0;
  int way = what == PUT_BACK ? -1 : 1, last = w->ndim - 1;
  for (int axis = 0; axis < last; axis++) {
    rows *= w->dims[axis];
    index[axis] = way < 0 ? w->dims[axis] - 1 : 0;
    i += index[axis] * w->ids_strides[axis], x += index[axis] * w->x_strides[axis], y += index[axis] * w->y_strides[axis];
  }
  if (width == 0) return RNN_OK;
  for (int64_t n = 0; n < rows; n++) {
    for (RNNI_PIECES(width, from, to)) {
      int64_t first = what == PUT_BACK ? width - to : from;
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + 4 * (to - from)));
      int64_t beyond = walk_run(w, what, first, first + to - from, i, x, y);
      if (beyond >= 0)
        return rnni_fail(ctx, RNN_EARG, "%s: the sum of the id at place %lld is beyond int32; x:to_float() has room for more",
                         c->op->name, (long long)beyond + 1);
    }
    for (int axis = last - 1; axis >= 0; axis--) {
      bool ends = index[axis] == (way < 0 ? 0 : w->dims[axis] - 1);
      int64_t by = ends ? -way * (w->dims[axis] - 1) : way;
      index[axis] += by;
      i += by * w->ids_strides[axis], x += by * w->x_strides[axis], y += by * w->y_strides[axis];
      if (!ends) break;
    }
  }
  return RNN_OK;
}

static rnn_status need_features(rnn_ctx *ctx, const rnni_call *c, int64_t axis) {
  for (int i = 0; i < c->nin; i++)
    if (c->in[i]->lengths && axis < 2)
      return rnni_fail(ctx, RNN_EARG, "%s: along %s of %s with lengths; x:without_lengths() drops them on purpose",
                       c->op->name, axis ? "time" : "the sequences", RNNI_SHAPE(c->in[i]));
  return RNN_OK;
}

static rnn_status take_along_axis_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1];
  int64_t axis = c->args.i[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, x->ndim));
  RNNI_TRY(need_features(ctx, c, axis));
  rnn_tensor others = *x;
  others.dims[axis] = ids->dims[axis];
  RNNI_TRY(rnni_broadcast_dims(ctx, "take_along_axis", &others, ids, &c->out_ndim, c->out_dims));
  c->out_type = x->type;
  return check_ids(ctx, "take_along_axis", ids, 1, x->dims[axis]);
}

static rnn_status take_along_axis_forward(rnn_ctx *ctx, rnni_call *c) {
  walk w = walk_along((int)c->args.i[0], c->out[0]->ndim, c->out[0]->dims, c->in[1], c->in[0], c->out[0]);
  c->out[0]->copied = true;
  return walk_all(ctx, c, &w, TAKE);
}

static rnn_status take_along_axis_backward(rnn_ctx *ctx, rnni_call *c) {
  walk w = walk_along((int)c->args.i[0], c->dout[0]->ndim, c->dout[0]->dims, c->in[1], c->din[0], c->dout[0]);
  return walk_all(ctx, c, &w, TAKE_BACK);
}
const rnn_op rnni_op_take_along_axis = {.name = "take_along_axis", .args = "TTx", .doc = "(x, ids, axis). For each id (int32, from 1) that place along axis, in the same place of the other axes, which are broadcast: what argsort and argmax found. x:gather(axis, ids) takes whole places."
                                        " Errors: ids outside 1 .. size, another number of axes; along sequences or time of a batch with lengths.",
                                        .shape = take_along_axis_shape, .forward = take_along_axis_forward,
                                        .backward = take_along_axis_backward, .saves = RNNI_SAVE_IN1,
                                        .lengths = RNNI_LENGTHS_KEEP};

static rnn_status scatter_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1], *y = c->in[2];
  int64_t axis = c->args.i[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, x->ndim));
  RNNI_TRY(need_features(ctx, c, axis));
  if (y->type != x->type)
    return rnni_fail(ctx, RNN_ETYPE, "%s: expected values of the type %s, got %s", c->op->name, rnni_type_text(x->type),
                     rnni_type_text(y->type));
  bool fits = y->ndim == 0 || y->ndim == ids->ndim;
  for (int i = 0; i < ids->ndim; i++) {
    fits &= i == axis || ids->dims[i] <= x->dims[i];
    fits &= y->ndim != ids->ndim || y->dims[i] >= ids->dims[i] || y->dims[i] == 1;
  }
  if (!fits)
    return rnni_fail(ctx, RNN_ESHAPE, "%s: ids %s do not fit into x %s and values %s", c->op->name, RNNI_SHAPE(ids),
                     RNNI_SHAPE(x), RNNI_SHAPE(y));
  rnni_out_like(c, x);
  c->out_type = x->type;
  return check_ids(ctx, c->op->name, ids, 1, x->dims[axis]);
}

static rnn_status scatter_by(rnn_ctx *ctx, rnni_call *c, along what) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1];
  RNNI_TRY(rnni_copy(ctx, c->out[0]->data, x->data, (size_t)x->count * rnni_type_size(x->type)));
  walk w = walk_along((int)c->args.i[0], ids->ndim, ids->dims, ids, c->out[0], c->in[2]);
  return walk_all(ctx, c, &w, what);
}

/* The gradient of y for scatter_add; where it goes into x is no longer there for scatter. */
static rnn_status scatter_back(rnn_ctx *ctx, rnni_call *c, const rnn_tensor *dout, along what) {
  if (!c->wants[2] && what == ADD_BACK) return RNN_OK;
  rnn_tensor *dy = c->din[2], *unseen = NULL;
  if (!dy) RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, c->in[2]->ndim, c->in[2]->dims, &unseen));
  walk w = walk_along((int)c->args.i[0], c->in[1]->ndim, c->in[1]->dims, c->in[1], dout, dy ? dy : unseen);
  rnn_status status = walk_all(ctx, c, &w, what);
  rnn_tensor_free(unseen);
  return status;
}

static rnn_status scatter_forward(rnn_ctx *ctx, rnni_call *c) { return scatter_by(ctx, c, PUT); }

/* From the last id to the first, as in index_put. */
static rnn_status scatter_backward(rnn_ctx *ctx, rnni_call *c) {
  rnn_tensor *left;
  RNNI_TRY(rnn_tensor_copy(ctx, c->dout[0], &left));
  rnn_status status = scatter_back(ctx, c, left, PUT_BACK);
  if (status == RNN_OK && c->wants[0]) status = rnni_add_tensor(ctx, c->din[0], left);
  rnn_tensor_free(left);
  return status;
}
#define SCATTER " ids (int32, from 1) have the axes of x and at most its sizes, but along axis any; y is a number, or has at least their sizes, or 1 to be broadcast."
const rnn_op rnni_op_scatter = {.name = "scatter", .args = "TxTt", .doc = "(x, axis, ids, y). x with y in the places that ids name along axis; of equal ones the last counts." SCATTER
                                " Errors: ids outside 1 .. size, values of another type; along sequences or time of a batch with lengths.",
                                .shape = scatter_shape, .forward = scatter_forward, .backward = scatter_backward,
                                .saves = RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_KEEP};

static rnn_status scatter_add_forward(rnn_ctx *ctx, rnni_call *c) { return scatter_by(ctx, c, ADD); }

static rnn_status scatter_add_backward(rnn_ctx *ctx, rnni_call *c) {
  if (c->wants[0]) RNNI_TRY(rnni_add_tensor(ctx, c->din[0], c->dout[0]));
  return scatter_back(ctx, c, c->dout[0], ADD_BACK);
}
const rnn_op rnni_op_scatter_add = {.name = "scatter_add", .args = "TxTt", .doc = "(x, axis, ids, y). x with y added in the places that ids name along axis, each as often as it is named." SCATTER
                                    " Errors: ids outside 1 .. size, values of another type, int32 sums beyond int32; along sequences or time of a batch with lengths.",
                                    .shape = scatter_shape, .forward = scatter_add_forward,
                                    .backward = scatter_add_backward, .saves = RNNI_SAVE_IN1,
                                    .lengths = RNNI_LENGTHS_KEEP};

/* ---- index_add ---- */

static rnn_status index_add_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *ids = c->in[1], *y = c->in[2];
  int64_t axis = c->args.i[0];
  RNNI_TRY(rnni_need_axis(ctx, c, axis));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, 1));
  RNNI_TRY(need_features(ctx, c, axis));
  rnn_tensor places = *x;
  places.dims[axis] = ids->count;
  if (y->type != x->type || !rnni_same_shape(y, &places))
    return rnni_fail(ctx, RNN_ESHAPE, "index_add: expected values %s %s, got %s %s", RNNI_SHAPE(&places),
                     rnni_type_text(x->type), RNNI_SHAPE(y), rnni_type_text(y->type));
  rnni_out_like(c, x);
  c->out_type = x->type;
  return check_ids(ctx, "index_add", ids, 1, x->dims[axis]);
}

/* For each id its place of x, and its own of y: adds the one to the other. */
static rnn_status index_add_all(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *x, const rnn_tensor *y, bool back) {
  const rnn_tensor *ids = c->in[1];
  int64_t outer, length, inner, done = 0;
  rnni_split_at(x, (int)c->args.i[0], &outer, &length, &inner);
  for (int64_t o = 0, b = 0; o < outer; o++)
    for (int64_t k = 0; k < ids->count; k++, b += inner) {
      int64_t a = (o * length + rnni_i(ids)[k] - 1) * inner;
      RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + inner));
      if (back) rnni_add(rnni_f(y) + b, rnni_f(x) + a, inner);
      else if (x->type == RNN_FLOAT) rnni_add(rnni_f(x) + a, rnni_f(y) + b, inner);
      else
        for (int64_t i = 0; i < inner; i++)
          if (__builtin_add_overflow(rnni_i(x)[a + i], rnni_i(y)[b + i], &rnni_i(x)[a + i]))
            return rnni_fail(ctx, RNN_EARG, "index_add: the sum in element %lld is beyond int32; x:to_float() has room for "
                             "more", (long long)(a + i) + 1);
    }
  return RNN_OK;
}

static rnn_status index_add_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_copy(ctx, c->out[0]->data, x->data, (size_t)x->count * rnni_type_size(x->type)));
  return index_add_all(ctx, c, c->out[0], c->in[2], false);
}

static rnn_status index_add_backward(rnn_ctx *ctx, rnni_call *c) {
  if (c->wants[0]) RNNI_TRY(rnni_add_tensor(ctx, c->din[0], c->dout[0]));
  return c->wants[2] ? index_add_all(ctx, c, c->dout[0], c->din[2], true) : RNN_OK;
}
const rnn_op rnni_op_index_add = {.name = "index_add", .args = "TxTT", .doc = "(x, axis, ids, y). x with the places of y along axis added to those that ids (int32, one axis, from 1) name, each as often as it is named."
                                  " Errors: ids outside 1 .. size, values of another shape or type, int32 sums beyond int32; along sequences or time of a batch with lengths.",
                                  .shape = index_add_shape, .forward = index_add_forward, .backward = index_add_backward,
                                  .saves = RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_KEEP};

/* ---- embedding ---- */

static rnn_status embedding_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *w = c->in[0], *ids = c->in[1];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  RNNI_TRY(rnni_need_ndim(ctx, c, 0, 2));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  if (ids->ndim == RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_ESHAPE, "embedding: ids of %s leave no axis for the features", RNNI_SHAPE(ids));
  RNNI_TRY(check_ids(ctx, "embedding", ids, 0, w->dims[0]));
  rnni_out_like(c, ids);
  c->out_dims[c->out_ndim++] = w->dims[1];
  return RNN_OK;
}

static rnn_status embedding_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *w = c->in[0], *ids = c->in[1];
  int64_t d = w->dims[1], done = 0;
  for (int64_t i = 0; i < ids->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + d));
    int32_t id = id_at(ids, i);
    real *y = rnni_f(c->out[0]) + i * d;
    if (id) memcpy(y, rnni_f(w) + (id - 1) * d, (size_t)d * sizeof *y);
    else memset(y, 0, (size_t)d * sizeof *y);
  }
  return RNN_OK;
}

static rnn_status embedding_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[1];
  int64_t d = c->in[0]->dims[1], done = 0;
  for (int64_t i = 0; i < ids->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + d));
    int64_t id = id_at(ids, i);
    if (id) rnni_add(rnni_f(c->din[0]) + (id - 1) * d, rnni_f(c->dout[0]) + i * d, d);
  }
  return RNN_OK;
}
const rnn_op rnni_op_embedding = {.name = "embedding", .args = "TT", .doc = "(weight, ids). Row id of weight (V, D) for every id (int32): (...) -> (..., D); id 0 gives zeros."
                               " Errors: ids outside 0 .. V.",
                                  .shape = embedding_shape, .forward = embedding_forward,
                                  .backward = embedding_backward, .saves = RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_KEEP};

/* ---- one_hot ---- */

static rnn_status one_hot_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[0];
  int64_t v = c->args.i[0];
  RNNI_TRY(rnni_need_int(ctx, c, 0));
  if (v < 1) return rnni_fail(ctx, RNN_EARG, "one_hot: expected a positive number of classes, got %lld", (long long)v);
  if (ids->ndim == RNN_MAX_DIMS) return rnni_fail(ctx, RNN_ESHAPE, "one_hot: %s has no axis left", RNNI_SHAPE(ids));
  RNNI_TRY(check_ids(ctx, "one_hot", ids, 0, v));
  rnni_out_like(c, ids);
  c->out_dims[c->out_ndim++] = v;
  return RNN_OK;
}

static rnn_status one_hot_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *ids = c->in[0];
  real *y = rnni_f(c->out[0]);
  int64_t done = 0;
  RNNI_TRY(rnni_copy(ctx, y, NULL, (size_t)c->out[0]->count * sizeof *y));
  for (int64_t i = 0; i < ids->count; i++, y += c->args.i[0]) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    if (id_at(ids, i)) y[rnni_i(ids)[i] - 1] = 1;
  }
  return RNN_OK;
}
const rnn_op rnni_op_one_hot = {.name = "one_hot", .args = "Ti", .doc = "(ids, classes). (...) int32 -> (..., classes) float with a 1 at each id; id 0 gives zeros."
                               " Errors: ids outside 0 .. classes.",
                                .shape = one_hot_shape, .forward = one_hot_forward, .lengths = RNNI_LENGTHS_KEEP};

/* ---- windows ---- */

static rnn_status windows_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *starts = c->in[1];
  int64_t length = c->args.i[0];
  RNNI_TRY(rnni_need_ndim(ctx, c, 0, 2));
  RNNI_TRY(rnni_need_int(ctx, c, 1));
  RNNI_TRY(rnni_need_ndim(ctx, c, 1, 1));
  if (length < 0 || length > x->dims[0])
    return rnni_fail(ctx, RNN_EARG, "windows: length %lld is not within 0 to the %lld rows of %s", (long long)length,
                     (long long)x->dims[0], RNNI_SHAPE(x));
  RNNI_TRY(check_ids(ctx, "windows", starts, 1, x->dims[0] - length + 1));
  c->out_type = x->type;
  c->out_ndim = 3;
  c->out_dims[0] = starts->count;
  c->out_dims[1] = length;
  c->out_dims[2] = x->dims[1];
  return RNN_OK;
}

static rnn_status windows_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0], *starts = c->in[1];
  int64_t done = 0;
  size_t row = (size_t)x->dims[1] * rnni_type_size(x->type), width = row * (size_t)c->args.i[0];
  char *to = c->out[0]->data;
  for (int64_t b = 0; b < starts->count; b++, to += width) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + x->dims[1] * c->args.i[0]));
    memcpy(to, (const char *)x->data + (size_t)(rnni_i(starts)[b] - 1) * row, width);
  }
  c->out[0]->copied = true;
  return RNN_OK;
}

static rnn_status windows_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *starts = c->in[1];
  int64_t d = c->in[0]->dims[1], width = c->args.i[0] * d, done = 0;
  for (int64_t b = 0; b < starts->count; b++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW + width));
    rnni_add(rnni_f(c->din[0]) + (rnni_i(starts)[b] - 1) * d, rnni_f(c->dout[0]) + b * width, width);
  }
  return RNN_OK;
}
const rnn_op rnni_op_windows = {.name = "windows", .args = "TTi", .doc = "(series, starts, length). Series (L, D), starts int32 (B) -> (B, length, D): the rows from each start on."
                               " Errors: starts from which less than length rows are left.",
                                .shape = windows_shape, .forward = windows_forward, .backward = windows_backward,
                                .saves = RNNI_SAVE_IN1, .lengths = RNNI_LENGTHS_REFUSE};

/* ---- nonzero ---- */

static bool is_nonzero(const rnn_tensor *x, int64_t i) {
  return x->type == RNN_FLOAT ? rnni_f(x)[i] != 0 : rnni_i(x)[i] != 0;
}

static rnn_status nonzero_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  if (x->ndim == 0) return rnni_fail(ctx, RNN_ESHAPE, "nonzero: expected a tensor with an axis, got a scalar");
  c->out_type = RNN_INT;
  c->out_ndim = x->ndim == 1 ? 1 : 2;
  c->out_dims[0] = 0;
  c->out_dims[1] = x->ndim;
  int64_t done = 0;
  for (int64_t i = 0; i < x->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    c->out_dims[0] += is_nonzero(x, i);
  }
  return RNN_OK;
}

static rnn_status nonzero_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int32_t *y = rnni_i(c->out[0]);
  int64_t done = 0;
  for (int64_t i = 0; i < x->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, x->ndim));
    if (!is_nonzero(x, i)) continue;
    int64_t rest = i;
    for (int k = x->ndim - 1; k >= 0; k--) {
      y[k] = (int32_t)(rest % x->dims[k]) + 1;
      rest /= x->dims[k];
    }
    y += x->ndim;
  }
  return RNN_OK;
}
const rnn_op rnni_op_nonzero = {.name = "nonzero", .args = "T", .doc = "(x) -> int32. The places (from 1) of the elements of x that are not 0, in order: (n) for a vector,"
                               " else a row for each, (n, number of axes). Errors: a scalar.",
                                .shape = nonzero_shape, .forward = nonzero_forward, .lengths = RNNI_LENGTHS_REFUSE};
