/* tensor.c: tensors as values: making, sharing, describing. What connects them to their history is in tape.c. */
#include <errno.h>
#include <unistd.h>

#include <stddef.h>
#include <stdio.h>

#include "internal.h"

const char *rnni_type_text(rnn_type type) { return type == RNN_FLOAT ? RNN_PRECISION : "int32"; }

#define SMALL ((size_t)4096) /* bytes of elements that lie behind their storage, in one block */

/* No memory bounds the axes of a tensor without elements, but there are loops over them. */
#define EMPTY_MOST ((int64_t)1 << 28)

/* A storage lies behind the handle that it was made with, in one block, and so do few elements: making a small tensor is
   one allocation. The block goes with the storage, which other handles may keep. */
typedef struct whole {
  rnn_tensor handle;
  rnni_storage storage;
} whole;

const char *rnn_real_refuses(double v, char *text, size_t size) {
  real r = (real)v;
  if ((double)r == v || isnan(v)) return NULL;
  if (isinf(r)) {
    snprintf(text, size, "%g is beyond the range of " RNN_PRECISION, v);
    return text;
  }
  if (fabs(v) > RNNI_EXACT_MOST || v != rint(v)) return NULL;
  snprintf(text, size, "%.0f is a whole number that " RNN_PRECISION " would round to %.0f", v, (double)r);
  return text;
}

/* A handle, in a block of its own or at the head of a whole one. */
static rnn_status handle_new(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, bool with_storage, rnn_tensor **out) {
  if ((unsigned)type > RNN_INT) return rnni_fail(ctx, RNN_EARG, "tensor: there is no type %d", (int)type);
  if (ndim < 0 || ndim > RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_ESHAPE, "tensor: at most %d axes, got %d", RNN_MAX_DIMS, ndim);
  if (ndim && !dims) return rnni_fail(ctx, RNN_EARG, "tensor: %d axes without their sizes", ndim);
  int64_t count = 1, most = 1; /* most: were every axis of size 0 one of size 1 */
  bool possible = true;
  for (int i = 0; i < ndim && possible; i++) {
    possible = dims[i] >= 0 && !__builtin_mul_overflow(most, RNNI_MAX(dims[i], 1), &most) && most <= INT64_MAX / 16;
    if (possible) count *= dims[i];
  }
  if (!possible || (count == 0 && most > EMPTY_MOST))
    return rnni_fail(ctx, RNN_ESHAPE, "tensor: impossible shape %s", rnni_shape_text(ndim, dims));
  size_t bytes = (size_t)count * rnni_type_size(type);
  rnn_tensor *t;
  RNNI_TRY(rnni_alloc(ctx, with_storage ? sizeof(whole) + (bytes <= SMALL ? bytes : 0) : sizeof *t, &t));
  *t = (rnn_tensor){.ctx = ctx, .refs = 1, .type = type, .ndim = ndim, .count = count, .contiguous = true};
  if (ndim) memcpy(t->dims, dims, (size_t)ndim * sizeof *dims);
  rnni_row_strides(ndim, t->dims, t->strides);
  *out = t;
  return RNN_OK;
}

rnn_status rnni_tensor_raw(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out) {
  rnn_tensor *t;
  RNNI_TRY(handle_new(ctx, type, ndim, dims, true, &t));
  rnni_storage *s = &((whole *)t)->storage;
  size_t bytes = (size_t)t->count * rnni_type_size(type);
  *s = (rnni_storage){.refs = 1, .count = t->count, .data = s + 1, .trace = ctx->trace ? ctx->traces : 0,
                      .id = ++ctx->storages};
  if (bytes > SMALL) {
    rnn_status status = rnni_alloc(ctx, bytes, &s->data);
    if (status != RNN_OK) {
      rnni_free(ctx, t);
      return status;
    }
  }
  t->storage = s;
  t->data = s->data;
  *out = t;
  return RNN_OK;
}

rnn_status rnni_tensor_mapped(rnn_ctx *ctx, const char *path, int fd, int64_t offset, rnn_type type, int ndim,
                              const int64_t *dims, rnn_tensor **out) {
  const int64_t page = sysconf(_SC_PAGESIZE), before = offset % page;
  rnn_tensor *t;
  RNNI_TRY(handle_new(ctx, type, ndim, dims, true, &t));
  rnni_storage *s = &((whole *)t)->storage;
  size_t width = rnni_type_size(type), bytes = (size_t)t->count * width;
  *s = (rnni_storage){.refs = 1, .count = t->count, .data = s + 1, .trace = ctx->trace ? ctx->traces : 0,
                      .id = ++ctx->storages};
  rnn_status status = RNN_OK;
  if ((size_t)offset % width != 0)
    status = rnni_fail(ctx, RNN_EFORMAT, "%.200s: values at byte %lld, which is no multiple of their size, cannot stay in the "
                       "file", path, (long long)offset);
  else if (bytes > 0) {
    char *start;
    status = rnni_map(ctx, path, fd, offset - before, bytes + (size_t)before, &start);
    if (status == RNN_OK) s->data = start + before, s->mapped = bytes + (size_t)before;
  }
  if (status != RNN_OK) {
    rnni_free(ctx, t);
    return status;
  }
  t->storage = s;
  t->data = s->data;
  *out = t;
  return RNN_OK;
}

rnn_status rnn_tensor_new(rnn_ctx *ctx, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out) {
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_TRY(rnni_tensor_raw(ctx, type, ndim, dims, out));
  rnn_status status = rnni_copy(ctx, (*out)->data, NULL, (size_t)(*out)->count * rnni_type_size(type));
  if (status == RNN_OK) return RNN_OK;
  rnn_tensor_free(*out);
  *out = NULL;
  return status;
}

rnn_tensor *rnn_tensor_ref(rnn_tensor *t) {
  if (t) t->refs++;
  return t;
}

void rnn_tensor_free(rnn_tensor *t) {
  if (!t || --t->refs > 0) return;
  rnn_ctx *ctx = t->ctx;
  const rnn_type type = t->type;
  rnn_tensor_free(t->lengths);
  rnn_tensor_free(t->grad);
  if (t->hooks) ctx->drop_hooks(&t->hooks);
  if (t->node) ctx->drop_node(t);
  rnn_tensor_free(t->base);
  rnni_storage *s = t->storage;
  whole *born = s ? (whole *)((char *)s - offsetof(whole, storage)) : NULL;
  if (!born || t != &born->handle) rnni_free(ctx, t);
  if (!s || --s->refs > 0) return;
  rnni_free(ctx, s->kept);
  if (s->mapped) rnni_unmap((char *)s->data - (s->mapped - (size_t)s->count * rnni_type_size(type)), s->mapped);
  else if (s->data != s + 1) rnni_free(ctx, s->data);
  rnni_free(ctx, born);
}

void rnn_tensor_changed(rnn_tensor *t) {
  t->storage->version++;
  if (t->ctx->trace && rnni_trace_keeps(t)) t->ctx->trace_wrote = true;
}

rnn_type rnn_tensor_type(const rnn_tensor *t) { return t ? t->type : RNN_FLOAT; }
int rnn_tensor_ndim(const rnn_tensor *t) { return t ? t->ndim : 0; }
const int64_t *rnn_tensor_dims(const rnn_tensor *t) { return t ? t->dims : NULL; }
int64_t rnn_tensor_count(const rnn_tensor *t) { return t ? t->count : 0; }
rnn_real *rnn_tensor_floats(rnn_tensor *t) { return t && t->type == RNN_FLOAT && t->contiguous ? t->data : NULL; }
int32_t *rnn_tensor_ints(rnn_tensor *t) { return t && t->type == RNN_INT && t->contiguous ? t->data : NULL; }
const int64_t *rnn_tensor_strides(const rnn_tensor *t) { return t ? t->strides : NULL; }
void *rnn_tensor_data(rnn_tensor *t) { return t ? t->data : NULL; }
uint32_t rnn_tensor_version(const rnn_tensor *t) { return t && t->storage ? t->storage->version : 0; }
rnn_tensor *rnn_tensor_lengths(const rnn_tensor *t) { return t ? t->lengths : NULL; }

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

static bool lies_in_rows(const rnn_tensor *t) {
  int64_t expected[RNN_MAX_DIMS];
  rnni_row_strides(t->ndim, t->dims, expected);
  for (int i = 0; i < t->ndim && t->count; i++)
    if (t->dims[i] != 1 && t->strides[i] != expected[i]) return false;
  return true;
}

static void share_storage(rnn_tensor *to, const rnn_tensor *from, int64_t offset) {
  to->storage = from->storage;
  to->storage->refs++;
  to->data = (char *)from->data + offset * (int64_t)rnni_type_size(from->type);
}

rnn_status rnni_tensor_view(rnn_ctx *ctx, rnn_tensor *t, int ndim, const int64_t *dims, const int64_t *strides,
                            int64_t offset, rnn_tensor **out) {
  rnn_tensor *v;
  RNNI_TRY(handle_new(ctx, t->type, ndim, dims, false, &v));
  memcpy(v->strides, strides, (size_t)ndim * sizeof *strides);
  v->contiguous = lies_in_rows(v);
  if (v->count == 0) offset = 0; /* which may lie behind the end */
  share_storage(v, t, offset);
  v->base = rnn_tensor_ref(t->base ? t->base : t);
  v->offset = t->offset + offset;
  v->writes = v->base->writes;
  v->copied = t->copied;
  *out = v;
  return RNN_OK;
}

/* A handle on the same values that knows nothing of where they come from. What does not lie in rows is a view of a
   new handle on the whole storage: a tensor that is no view always does. */
static rnn_status alias(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out) {
  if (t->contiguous) {
    RNNI_TRY(handle_new(ctx, t->type, t->ndim, t->dims, false, out));
    share_storage(*out, t, 0);
    (*out)->copied = t->copied;
    return RNN_OK;
  }
  rnn_tensor *all = NULL;
  RNNI_TRY(handle_new(ctx, t->type, 1, &t->storage->count, false, &all));
  share_storage(all, t, 0);
  all->data = t->storage->data;
  all->copied = t->copied;
  int64_t offset = ((char *)t->data - (char *)all->data) / (int64_t)rnni_type_size(t->type);
  rnn_status status = rnni_tensor_view(ctx, all, t->ndim, t->dims, t->strides, offset, out);
  rnn_tensor_free(all);
  return status;
}

rnn_status rnni_tensor_shell(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out) {
  RNNI_TRY(handle_new(ctx, t->type, t->ndim, t->dims, false, out));
  memcpy((*out)->strides, t->strides, sizeof t->strides);
  (*out)->contiguous = t->contiguous;
  (*out)->offset = t->offset;
  if (t->lengths) (*out)->lengths = rnn_tensor_ref(t->lengths);
  return RNN_OK;
}

rnn_status rnn_tensor_detach(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_TRY(alias(ctx, t, out));
  if (t->lengths) (*out)->lengths = rnn_tensor_ref(t->lengths);
  return RNN_OK;
}

rnn_status rnn_tensor_copy(rnn_ctx *ctx, const rnn_tensor *t, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_TRY(rnni_tensor_raw(ctx, t->type, t->ndim, t->dims, out));
  rnn_status status = rnni_move_new(ctx, *out, t);
  if (status != RNN_OK) {
    rnn_tensor_free(*out);
    *out = NULL;
    return status;
  }
  if (t->lengths) (*out)->lengths = rnn_tensor_ref(t->lengths);
  return RNN_OK;
}

rnn_status rnn_tensor_contiguous(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED(ctx, out, "out is NULL");
  return t->contiguous ? rnn_tensor_detach(ctx, t, out) : rnn_tensor_copy(ctx, t, out);
}

rnn_status rnni_need_rows(rnn_ctx *ctx, const char *name, const rnn_tensor *t) {
  if (t->contiguous) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: the part %s does not lie in rows; rnn_tensor_contiguous or x:copy() gives one that does",
                   name, RNNI_SHAPE(t));
}

rnn_status rnn_tensor_set_lengths(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor *lengths) {
  RNNI_NEED_TENSOR(ctx, t);
  if (lengths) RNNI_NEED_TENSOR(ctx, lengths);
  if (lengths) {
    if (t->ndim < 2)
      return rnni_fail(ctx, RNN_ESHAPE, "with_lengths: expected a tensor (N, T, ...), got %s", RNNI_SHAPE(t));
    if (lengths->type != RNN_INT || lengths->ndim != 1 || lengths->dims[0] != t->dims[0])
      return rnni_fail(ctx, RNN_ESHAPE, "with_lengths: expected (%lld,) int32 lengths for %s, got %s %s",
                       (long long)t->dims[0], RNNI_SHAPE(t), RNNI_SHAPE(lengths), rnni_type_text(lengths->type));
    RNNI_TRY(rnn_tensor_copy(ctx, lengths, &lengths)); /* later changes of the caller's are not checked */
    for (int64_t i = 0; i < lengths->count; i++) {
      int32_t length = rnni_i(lengths)[i];
      if (length >= 0 && length <= t->dims[1]) continue;
      rnn_tensor_free(lengths);
      return rnni_fail(ctx, RNN_EARG, "with_lengths: length %d of sequence %lld is not within 0 to %lld", length,
                       (long long)i + 1, (long long)t->dims[1]);
    }
  }
  rnn_tensor_free(t->lengths);
  t->lengths = lengths;
  return RNN_OK;
}
