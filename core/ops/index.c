/* index.c: elements chosen by ids. Ids count from 1; 0 means "nothing here" where that has a meaning. */
#include <stdlib.h>

#include "../internal.h"

/* Id number i; behind lengths it is 0, whatever stands there. */
static int32_t id_at(const rnn_tensor *ids, int64_t i) {
  return !ids->lengths || rnni_is_valid_row(ids, i / (ids->count / (ids->dims[0] * ids->dims[1]))) ? rnni_i(ids)[i] : 0;
}

static rnn_status check_ids(rnn_ctx *ctx, const char *name, const rnn_tensor *ids, int64_t low, int64_t high) {
  int64_t done = 0;
  for (int64_t i = 0; i < ids->count; i++) {
    int32_t id = id_at(ids, i);
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (id < low || id > high)
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
  RNNI_TRY(rnni_need_ndim(ctx, c, 0, 1));
  c->out_type = RNN_INT;
  c->out_ndim = 1;
  c->out_dims[0] = 0;
  int64_t done = 0;
  for (int64_t i = 0; i < c->in[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    c->out_dims[0] += is_nonzero(c->in[0], i);
  }
  return RNN_OK;
}

static rnn_status nonzero_forward(rnn_ctx *ctx, rnni_call *c) {
  int32_t *y = rnni_i(c->out[0]);
  int64_t done = 0;
  for (int64_t i = 0; i < c->in[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 1));
    if (is_nonzero(c->in[0], i)) *y++ = (int32_t)i + 1;
  }
  return RNN_OK;
}
const rnn_op rnni_op_nonzero = {.name = "nonzero", .args = "T", .doc = "(x) -> int32. The places (from 1) of the elements of x, of one axis, that are not 0."
                               " Errors: more than one axis.",
                                .shape = nonzero_shape, .forward = nonzero_forward, .lengths = RNNI_LENGTHS_REFUSE};
