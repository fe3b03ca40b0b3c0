/* npz.c: NumPy's .npz files, which are ZIP archives (zip.c) of .npy files. */
#include <stdio.h>
#include <stdlib.h>

#include "npy.h"
#include "zip.h"

/* ---- reading ---- */

typedef struct array_source {
  rnni_npy_source source;
  rnni_zip_stream stream;
} array_source;

static rnn_status take_from_member(rnni_npy_source *source, void *bytes, size_t size) {
  return rnni_zip_take(&((array_source *)source)->stream, bytes, size);
}

static rnn_status read_array(rnni_zip *z, int i, rnn_tensor **out, char unread[RNNI_NPY_UNREAD]) {
  const rnni_zip_member *m = &z->members[i];
  array_source s = {.source = {.ctx = z->ctx, .left = m->size, .take = take_from_member}};
  snprintf(s.source.where, sizeof s.source.where, "%.200s: member '%.100s'", z->path, m->name);
  RNNI_TRY(rnni_zip_begin_member(z, i, &s.stream));
  rnn_tensor *t = NULL;
  rnn_status status = rnni_npy_take(&s.source, &t, unread);
  if (status == RNN_OK && t) status = rnni_zip_end_member(&s.stream);
  rnni_zip_leave_member(&s.stream);
  if (status == RNN_OK) *out = t;
  else rnn_tensor_free(t);
  return status;
}

/* Cuts .npy off the end of a name; false when it is not there. */
static bool cut_suffix(rnni_zip_member *m) {
  size_t length = strlen(m->name);
  if (length < 4 || strcmp(m->name + length - 4, ".npy") != 0) return false;
  m->name[length - 4] = '\0';
  return true;
}

static rnn_status read_arrays(rnni_zip *z, rnn_archive *a) {
  bool *is_array;
  RNNI_TRY(rnni_array(z->ctx, z->count, sizeof *is_array, &is_array));
  for (int i = 0; i < z->count; i++) is_array[i] = cut_suffix(&z->members[i]);
  rnn_status status;
  RNNI_GOTO(rnni_zip_need_unique(z));
  RNNI_GOTO(rnni_calloc(z->ctx, (size_t)z->count * sizeof *a->names, &a->names));
  RNNI_GOTO(rnni_calloc(z->ctx, (size_t)z->count * sizeof *a->tensors, &a->tensors));
  RNNI_GOTO(rnni_calloc(z->ctx, 2 * (size_t)z->count * sizeof *a->unread, &a->unread));
  for (int i = 0; i < z->count; i++) {
    const char *name = z->members[i].name;
    rnn_tensor *t = NULL;
    char unread[RNNI_NPY_UNREAD] = "no .npy file";
    if (is_array[i]) RNNI_GOTO(read_array(z, i, &t, unread));
    if (!t) {
      char **pair = &a->unread[2 * a->unread_count++];
      RNNI_GOTO(rnni_strdup(z->ctx, name, &pair[0]));
      RNNI_GOTO(rnni_strdup(z->ctx, unread, &pair[1]));
      continue;
    }
    a->tensors[a->count] = t;
    RNNI_GOTO(rnni_strdup(z->ctx, name, &a->names[a->count++]));
  }
done:
  rnni_free(z->ctx, is_array);
  return status;
}

rnn_status rnn_npz_read(rnn_ctx *ctx, const char *path, rnn_archive *out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  rnni_zip z;
  rnn_archive a = {0};
  RNNI_TRY(rnni_zip_open(ctx, path, ".npz file", &z));
  rnn_status status = read_arrays(&z, &a);
  rnni_zip_close(&z);
  if (status == RNN_OK) *out = a;
  else rnn_archive_free(ctx, &a);
  return status;
}

/* ---- writing ---- */

typedef struct array {
  const char *name;
  rnn_tensor *tensor;
} array;

static int by_name(const void *a, const void *b) { return strcmp(((const array *)a)->name, ((const array *)b)->name); }

static rnn_status check_arrays(rnn_ctx *ctx, const array *arrays, int count) {
  for (int i = 0; i < count; i++) {
    const char *name = arrays[i].name;
    RNNI_TRY(rnni_npy_need_writable(ctx, "npz_write", arrays[i].tensor));
    if (strlen(name) > UINT16_MAX - 4)
      return rnni_fail(ctx, RNN_EARG, "npz_write: a name of %zu bytes: '%.60s...'", strlen(name), name);
    if (rnni_utf8_length(name, strlen(name)) < strlen(name))
      return rnni_fail(ctx, RNN_EARG, "npz_write: '%.100s' must be UTF-8", name);
    if (i > 0 && strcmp(name, arrays[i - 1].name) == 0)
      return rnni_fail(ctx, RNN_EARG, "npz_write: two arrays are called '%.100s'", name);
  }
  return RNN_OK;
}

static rnn_status put_array(rnni_zip_writer *w, rnni_zip_item *item, rnn_tensor *tensor) {
  char head[RNNI_NPY_HEAD];
  rnn_tensor *t;
  RNNI_TRY(rnni_zip_put_begin(w, item));
  RNNI_TRY(rnn_tensor_contiguous(w->ctx, tensor, &t));
  rnn_status status = rnni_zip_put(w, head, rnni_npy_head(t, head), false);
  if (status == RNN_OK) status = rnni_zip_put(w, t->data, (size_t)t->count * rnni_type_size(t->type), true);
  rnn_tensor_free(t);
  RNNI_TRY(status);
  return rnni_zip_put_end(w);
}

static rnn_status put_arrays(rnni_zip_writer *w, const array *arrays, rnni_zip_item *items, int count) {
  for (int i = 0; i < count; i++) RNNI_TRY(put_array(w, &items[i], arrays[i].tensor));
  return rnni_zip_put_directory(w, items, count);
}

rnn_status rnn_npz_write(rnn_ctx *ctx, const char *path, const rnn_archive *a, bool compress) {
  RNNI_NEED(ctx, path && a, "path or a is NULL");
  rnni_zip_writer w;
  array *arrays = NULL;
  rnni_zip_item *items = NULL;
  rnn_status status;
  RNNI_GOTO(rnni_array(ctx, a->count, sizeof *arrays, &arrays));
  RNNI_GOTO(rnni_array(ctx, a->count, sizeof *items, &items));
  for (int i = 0; i < a->count; i++) arrays[i] = (array){a->names[i], a->tensors[i]};
  qsort(arrays, (size_t)a->count, sizeof *arrays, by_name);
  RNNI_GOTO(check_arrays(ctx, arrays, a->count));
  /* Sizes are always in the ZIP64 field, as NumPy has them. */
  for (int i = 0; i < a->count; i++)
    items[i] = (rnni_zip_item){.name = arrays[i].name, .suffix = ".npy", .compress = compress, .wide = true};
  RNNI_GOTO(rnni_zip_create(ctx, path, &w));
  status = rnni_zip_finish(&w, put_arrays(&w, arrays, items, a->count));
done:
  rnni_free(ctx, arrays);
  rnni_free(ctx, items);
  return status;
}
