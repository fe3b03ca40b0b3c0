/* tensor.c: tensors as values: making, sharing, describing. What connects them to their history is in tape.c. */
#include <stdio.h>

#include "internal.h"
#include "tape.h"

size_t rnni_type_size(rnn_type type) { return type == RNN_FLOAT ? sizeof(real) : sizeof(int32_t); }
const char *rnni_type_text(rnn_type type) { return type == RNN_FLOAT ? RNN_PRECISION : "int32"; }

/* No memory bounds the axes of a tensor without elements, but there are loops over them. */
#define EMPTY_MOST ((int64_t)1 << 28)

static rnn_status handle_new(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out) {
  if (ndim < 0 || ndim > RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_ESHAPE, "tensor: at most %d axes, got %d", RNN_MAX_DIMS, ndim);
  int64_t count = 1, most = 1; /* most: were every axis of size 0 one of size 1 */
  bool possible = true;
  for (int i = 0; i < ndim && possible; i++) {
    possible = dims[i] >= 0 && !__builtin_mul_overflow(most, RNNI_MAX(dims[i], 1), &most) && most <= INT64_MAX / 16;
    if (possible) count *= dims[i];
  }
  if (!possible || (count == 0 && most > EMPTY_MOST))
    return rnni_fail(ctx, RNN_ESHAPE, "tensor: impossible shape %s", rnni_shape_text(ndim, dims));
  rnn_tensor *t;
  RNNI_TRY(rnni_calloc(ctx, sizeof *t, &t));
  t->ctx = ctx;
  t->refs = 1;
  t->type = type;
  t->ndim = ndim;
  if (ndim) memcpy(t->dims, dims, (size_t)ndim * sizeof *dims);
  t->count = count;
  *out = t;
  return RNN_OK;
}

rnn_status rnni_tensor_raw(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out) {
  rnn_tensor *t;
  RNNI_TRY(handle_new(ctx, type, ndim, dims, &t));
  rnn_status status = rnni_alloc(ctx, sizeof *t->storage, &t->storage);
  if (status == RNN_OK) {
    t->storage->refs = 1;
    t->storage->data = NULL;
    t->storage->version = 0;
    status = rnni_array(ctx, t->count, rnni_type_size(type), &t->storage->data);
  }
  if (status != RNN_OK) {
    rnn_tensor_free(t);
    return status;
  }
  t->data = t->storage->data;
  *out = t;
  return RNN_OK;
}

rnn_status rnn_tensor_new(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out) {
  RNNI_TRY(rnni_tensor_raw(ctx, type, ndim, dims, out));
  rnn_status status = rnni_copy(ctx, (*out)->data, NULL, (size_t)(*out)->count * rnni_type_size(type));
  if (status == RNN_OK) return RNN_OK;
  rnn_tensor_free(*out);
  *out = NULL;
  return status;
}

rnn_tensor *rnn_tensor_ref(rnn_tensor *t) {
  t->refs++;
  return t;
}

void rnn_tensor_free(rnn_tensor *t) {
  if (!t || --t->refs > 0) return;
  rnn_ctx *ctx = t->ctx;
  rnn_tensor_free(t->lengths);
  rnn_tensor_free(t->grad);
  rnni_node_forget(t);
  if (t->storage && --t->storage->refs == 0) {
    rnni_free(ctx, t->storage->data);
    rnni_free(ctx, t->storage);
  }
  rnni_free(ctx, t);
}

rnn_type rnn_tensor_type(const rnn_tensor *t) { return t->type; }
int rnn_tensor_ndim(const rnn_tensor *t) { return t->ndim; }
const int64_t *rnn_tensor_dims(const rnn_tensor *t) { return t->dims; }
int64_t rnn_tensor_count(const rnn_tensor *t) { return t->count; }
rnn_real *rnn_tensor_floats(rnn_tensor *t) { return t->type == RNN_FLOAT ? t->data : NULL; }
int32_t *rnn_tensor_ints(rnn_tensor *t) { return t->type == RNN_INT ? t->data : NULL; }
rnn_tensor *rnn_tensor_lengths(const rnn_tensor *t) { return t->lengths; }

bool rnni_same_shape(const rnn_tensor *a, const rnn_tensor *b) {
  return a->ndim == b->ndim && memcmp(a->dims, b->dims, (size_t)a->ndim * sizeof *a->dims) == 0;
}

const char *rnni_shape_text(int ndim, const int64_t *dims) {
  static _Thread_local char slots[8][128];
  static _Thread_local unsigned next;
  char *s = slots[next++ % 8];
  size_t size = sizeof slots[0], n = 0;
  s[n++] = '(';
  for (int i = 0; i < ndim && n < size - 4; i++) {
    int wrote = snprintf(s + n, size - n, i ? ", %lld" : "%lld", (long long)dims[i]);
    n = RNNI_MIN(n + (size_t)wrote, size - 4);
  }
  if (ndim == 1) s[n++] = ',';
  s[n++] = ')';
  s[n] = '\0';
  return s;
}

const char *rnni_number_text(double value) {
  static _Thread_local char slots[4][32];
  static _Thread_local unsigned next;
  char *s = slots[next++ % 4];
  if (value != value) return "nan"; /* C may write -nan */
  snprintf(s, sizeof slots[0], "%g", value);
  return s;
}

char *rnn_tensor_describe(const rnn_tensor *t, char *buf, size_t size) {
  snprintf(buf, size, "%s %s", RNNI_SHAPE(t), rnni_type_text(t->type));
  return buf;
}

static void share_storage(rnn_tensor *to, const rnn_tensor *from, void *data) {
  to->storage = from->storage;
  to->storage->refs++;
  to->data = data;
}

rnn_status rnni_tensor_alias(rnn_ctx *ctx, const rnn_tensor *t, int ndim, const int64_t *dims, rnn_tensor **out) {
  RNNI_TRY(handle_new(ctx, t->type, ndim, dims, out));
  share_storage(*out, t, t->data);
  return RNN_OK;
}

rnn_status rnni_tensor_shell(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out) {
  RNNI_TRY(handle_new(ctx, t->type, t->ndim, t->dims, out));
  if (t->lengths) (*out)->lengths = rnn_tensor_ref(t->lengths);
  return RNN_OK;
}

rnn_status rnn_tensor_rows(rnn_ctx *ctx, rnn_tensor *t, int64_t from, int64_t to, rnn_tensor **out) {
  if (t->ndim == 0) return rnni_fail(ctx, RNN_ESHAPE, "rows: a scalar has no rows");
  if (from < 0 || to < from || to > t->dims[0])
    return rnni_fail(ctx, RNN_EARG, "rows: %lld to %lld is not within 1 to %lld", (long long)from + 1, (long long)to,
                     (long long)t->dims[0]);
  int64_t dims[RNN_MAX_DIMS];
  memcpy(dims, t->dims, sizeof dims);
  dims[0] = to - from;
  rnn_tensor *rows, *lengths = NULL;
  if (t->lengths) RNNI_TRY(rnn_tensor_rows(ctx, t->lengths, from, to, &lengths));
  rnn_status status = handle_new(ctx, t->type, t->ndim, dims, &rows);
  if (status != RNN_OK) {
    rnn_tensor_free(lengths);
    return status;
  }
  int64_t inner = 1;
  for (int i = 1; i < t->ndim; i++) inner *= t->dims[i];
  share_storage(rows, t, (char *)t->data + (size_t)(from * inner) * rnni_type_size(t->type));
  rows->lengths = lengths;
  *out = rows;
  return RNN_OK;
}

rnn_status rnn_tensor_detach(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out) {
  RNNI_TRY(rnni_tensor_alias(ctx, t, t->ndim, t->dims, out));
  if (t->lengths) (*out)->lengths = rnn_tensor_ref(t->lengths);
  return RNN_OK;
}

rnn_status rnn_tensor_copy(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out) {
  RNNI_TRY(rnni_tensor_raw(ctx, t->type, t->ndim, t->dims, out));
  rnn_status status = rnni_copy(ctx, (*out)->data, t->data, (size_t)t->count * rnni_type_size(t->type));
  if (status != RNN_OK) {
    rnn_tensor_free(*out);
    *out = NULL;
    return status;
  }
  if (t->lengths) (*out)->lengths = rnn_tensor_ref(t->lengths);
  return RNN_OK;
}

rnn_status rnn_tensor_assign(rnn_ctx *ctx, rnn_tensor *dst, const rnn_tensor *src) {
  if (dst->type != src->type || !rnni_same_shape(dst, src))
    return rnni_fail(ctx, RNN_ESHAPE, "assign: expected %s %s, got %s %s", RNNI_SHAPE(dst), rnni_type_text(dst->type),
                     RNNI_SHAPE(src), rnni_type_text(src->type));
  dst->storage->version++;
  size_t size = (size_t)dst->count * rnni_type_size(dst->type);
  if (dst->storage != src->storage) return rnni_copy(ctx, dst->data, src->data, size);
  memmove(dst->data, src->data, size);
  return RNN_OK;
}

void rnn_tensor_fill(rnn_tensor *t, double value) {
  t->storage->version++;
  for (RNNI_PIECES(t->count, from, to)) {
    if (from % RNNI_BLOCK == RNNI_BLOCK - RNNI_PIECE && rnni_interrupted(t->ctx)) return;
    if (t->type == RNN_FLOAT)
      for (int64_t i = from; i < to; i++) rnni_f(t)[i] = (real)value;
    else
      for (int64_t i = from; i < to; i++) rnni_i(t)[i] = (int32_t)value;
  }
}

rnn_status rnn_tensor_set_lengths(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor *lengths) {
  if (lengths) {
    if (t->ndim < 2)
      return rnni_fail(ctx, RNN_ESHAPE, "with_lengths: expected a tensor (N, T, ...), got %s", RNNI_SHAPE(t));
    if (lengths->type != RNN_INT || lengths->ndim != 1 || lengths->dims[0] != t->dims[0])
      return rnni_fail(ctx, RNN_ESHAPE, "with_lengths: expected (%lld,) int32 lengths for %s, got %s %s",
                       (long long)t->dims[0], RNNI_SHAPE(t), RNNI_SHAPE(lengths), rnni_type_text(lengths->type));
    for (int64_t i = 0; i < lengths->count; i++)
      if (rnni_i(lengths)[i] < 0 || rnni_i(lengths)[i] > t->dims[1])
        return rnni_fail(ctx, RNN_EARG, "with_lengths: length %d of sequence %lld is not within 0 to %lld",
                         rnni_i(lengths)[i], (long long)i + 1, (long long)t->dims[1]);
    RNNI_TRY(rnn_tensor_copy(ctx, lengths, &lengths)); /* later changes of the caller's are not checked */
  }
  rnn_tensor_free(t->lengths);
  t->lengths = lengths;
  return RNN_OK;
}
