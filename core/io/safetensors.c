/* safetensors.c: reading and writing safetensors files (github.com/huggingface/safetensors).
 *
 *   u64 length n, little-endian | n bytes of JSON, '{' first, spaces last | the values, packed, row-major
 *   {"__metadata__": {text: text}, NAME: {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, ...}
 *
 * Loading is safe: the header is checked as the reference implementation checks it, with duplicate keys refused,
 * and against the size of the file, before memory is taken for a single value. Files are read with read(), so one
 * that shrinks meanwhile is an error and not a signal.
 *
 * The JSON is parsed and printed by jansson, which allocates on its own: a header (100 MB at most) is the one
 * thing here that the context's memory limit does not see. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "elements.h"

#define MAX_HEADER ((uint64_t)100000000)

#define METADATA "__metadata__"

/* ---- reading ---- */

/* One tensor of the header. name belongs to the JSON. */
typedef struct entry {
  const char *name;
  const char *type; /* as the header has it */
  const rnni_element *dtype; /* NULL: a type that is not read */
  int ndim;
  int64_t dims[RNN_MAX_DIMS];
  int64_t begin, end; /* bytes, from the end of the header */
} entry;

typedef struct reader {
  rnn_ctx *ctx;
  const char *path;
  int fd;
  int64_t buffer; /* bytes after the header */
  int64_t start;  /* of these bytes in the file */
  bool map;       /* values stay in the file */
  json_t *header;
  int count;
  entry *entries; /* in the order of their bytes */
} reader;

/* Paths and names are cut, so that the reason always fits into the message. */
#define BAD(r, format, ...) rnni_fail((r)->ctx, RNN_EFORMAT, "%.200s: " format, (r)->path, __VA_ARGS__)

static rnn_status take(reader *r, void *bytes, size_t size) {
  size_t got;
  RNNI_TRY(rnni_file_get(r->ctx, r->path, r->fd, bytes, size, &got));
  if (got < size) return BAD(r, "the file ended while it was read, %zu bytes early", size - got);
  return RNN_OK;
}

static rnn_status read_header(reader *r) {
  int64_t size = 0;
  RNNI_TRY(rnni_file_open(r->ctx, r->path, false, &r->fd, &size));
  uint64_t length;
  if (size < (int64_t)sizeof length)
    return BAD(r, "not a safetensors file: %lld bytes, and a header's length alone takes 8", (long long)size);
  RNNI_TRY(take(r, &length, sizeof length));
  if (length > MAX_HEADER)
    return BAD(r, "not a safetensors file: a header of %llu bytes, where %llu are allowed", (unsigned long long)length,
               (unsigned long long)MAX_HEADER);
  r->buffer = size - (int64_t)sizeof length - (int64_t)length;
  r->start = size - r->buffer;
  if (r->buffer < 0)
    return BAD(r, "the header's %llu bytes go past the end of the file (%lld bytes)", (unsigned long long)length,
               (long long)size);
  char *text;
  RNNI_TRY(rnni_alloc(r->ctx, length, &text));
  rnn_status status;
  RNNI_GOTO(take(r, text, length));
  if (length == 0 || text[0] != '{') {
    status = BAD(r, "not a safetensors file: the header does not start with %s", "'{'");
    goto done;
  }
  json_error_t error;
  r->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
  if (!r->header) {
    /* jansson says nothing when it is out of memory, unless that was inside a text, which it calls bad JSON. */
    if (!error.text[0]) status = rnni_fail(r->ctx, RNN_ENOMEM, "not enough memory for the header of %.200s", r->path);
    else status = BAD(r, "bad JSON in the header, at byte %d: %s", error.position, error.text);
  }
done:
  rnni_free(r->ctx, text);
  return status;
}

/* A size or an offset. JSON's 1.0 is refused as the reference does. */
static bool natural(const json_t *value, int64_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = json_integer_value(value);
  return true;
}

static rnn_status read_entry(reader *r, const char *name, const json_t *info, entry *e) {
  e->name = name;
  const char *type = json_string_value(json_object_get(info, "dtype"));
  if (!type) return BAD(r, "tensor '%.100s' has no dtype", name);
  e->type = type;
  e->dtype = rnni_element_find(type);

  const json_t *shape = json_object_get(info, "shape");
  if (!json_is_array(shape)) return BAD(r, "tensor '%.100s' has no shape", name);
  size_t ndim = json_array_size(shape);
  if (ndim > RNN_MAX_DIMS)
    return BAD(r, "tensor '%.100s' has %zu axes, where %d are allowed", name, ndim, RNN_MAX_DIMS);
  e->ndim = (int)ndim;
  int64_t count = 1;
  bool overflow = false;
  for (size_t i = 0; i < ndim; i++) {
    if (!natural(json_array_get(shape, i), &e->dims[i]))
      return BAD(r, "tensor '%.100s': size %zu of its shape is not a whole number >= 0", name, i + 1);
    /* The bound of a tensor's own count, so that a shape without values is judged here as well. */
    overflow |= __builtin_mul_overflow(count, e->dims[i], &count) || count > INT64_MAX / 16;
  }
  if (overflow) return BAD(r, "tensor '%.100s': the product of its sizes overflows", name);

  const json_t *offsets = json_object_get(info, "data_offsets");
  if (json_array_size(offsets) != 2 || !natural(json_array_get(offsets, 0), &e->begin) ||
      !natural(json_array_get(offsets, 1), &e->end) || e->begin > e->end)
    return BAD(r, "tensor '%.100s': data_offsets must be two whole numbers, begin <= end", name);
  if (!e->dtype) return RNN_OK;
  int64_t bytes = count * (int64_t)e->dtype->size;
  if (e->end - e->begin != bytes)
    return BAD(r, "tensor '%.100s': %s of shape %s takes %lld bytes, its data_offsets give it %lld", name, type,
               rnni_shape_text(e->ndim, e->dims), (long long)bytes, (long long)(e->end - e->begin));
  return RNN_OK;
}

static int by_offset(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->name, y->name); /* empty ones at one place: any order will do, but always the same */
}

/* Every entry in turn, then together: they must cover the buffer without holes or overlap. */
static rnn_status read_entries(reader *r) {
  RNNI_TRY(rnni_array(r->ctx, (int64_t)json_object_size(r->header), sizeof *r->entries, &r->entries));
  const char *name;
  json_t *info;
  json_object_foreach(r->header, name, info) {
    if (strcmp(name, METADATA) == 0) continue;
    RNNI_TRY(read_entry(r, name, info, &r->entries[r->count]));
    r->count++;
  }
  qsort(r->entries, (size_t)r->count, sizeof *r->entries, by_offset);
  int64_t end = 0;
  for (int i = 0; i < r->count; i++) {
    const entry *e = &r->entries[i];
    if (e->begin != end)
      return BAD(r, "tensor '%.100s' starts at byte %lld, where %lld was expected: the buffer has %s", e->name,
                 (long long)e->begin, (long long)end, e->begin < end ? "an overlap" : "a hole");
    end = e->end;
  }
  if (end != r->buffer)
    return BAD(r, "the tensors take %lld bytes, but %lld follow the header: %s", (long long)end, (long long)r->buffer,
               end > r->buffer ? "the file is cut off" : "the file has something behind them");
  return RNN_OK;
}

static rnn_status read_metadata(reader *r, rnn_archive *a) {
  json_t *metadata = json_object_get(r->header, METADATA);
  if (!metadata || json_is_null(metadata)) return RNN_OK;
  if (!json_is_object(metadata)) return BAD(r, METADATA " must be an object, with texts as %s", "values");
  RNNI_TRY(rnni_calloc(r->ctx, 2 * json_object_size(metadata) * sizeof *a->metadata, &a->metadata));
  const char *key;
  json_t *value;
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value)) return BAD(r, METADATA ": the value of '%.100s' must be a text", key);
    char **pair = &a->metadata[2 * a->metadata_count++];
    RNNI_TRY(rnni_strdup(r->ctx, key, &pair[0]));
    RNNI_TRY(rnni_strdup(r->ctx, json_string_value(value), &pair[1]));
  }
  return RNN_OK;
}

static rnn_status read_values(reader *r, const entry *e, rnn_tensor *t, char *chunk) {
  size_t n = (size_t)t->count, size = e->dtype->size, own = rnni_type_size(t->type);
  if (strcmp(e->dtype->name, rnni_element_written(t->type)) == 0) return take(r, t->data, n * size);
  for (size_t at = 0, part; at < n; at += part) {
    part = RNNI_MIN(RNNI_CHUNK / size, n - at);
    RNNI_TRY(take(r, chunk, part * size));
    size_t good = e->dtype->convert((char *)t->data + at * own, chunk, part);
    char text[240];
    if (good < part)
      return BAD(r, "tensor '%.100s': element %zu%s", e->name, at + good + 1,
                 rnni_element_refused(e->dtype, e->type, chunk + good * size, text, sizeof text));
  }
  return RNN_OK;
}

static rnn_status read_tensors(reader *r, rnn_archive *a) {
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->count * sizeof *a->names, &a->names));
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)r->count * sizeof *a->tensors, &a->tensors));
  RNNI_TRY(rnni_calloc(r->ctx, 2 * (size_t)r->count * sizeof *a->unread, &a->unread));
  char *chunk;
  RNNI_TRY(rnni_alloc(r->ctx, RNNI_CHUNK, &chunk));
  rnn_status status = RNN_OK;
  for (int i = 0; i < r->count; i++) {
    const entry *e = &r->entries[i];
    if (!e->dtype || (r->map && strcmp(e->dtype->name, rnni_element_written(e->dtype->type)) != 0)) {
      char **pair = &a->unread[2 * a->unread_count++];
      RNNI_GOTO(rnni_strdup(r->ctx, e->name, &pair[0]));
      RNNI_GOTO(rnni_strdup(r->ctx, e->type, &pair[1]));
      if (lseek(r->fd, e->end - e->begin, SEEK_CUR) < 0)
        RNNI_GOTO(rnni_fail(r->ctx, RNN_EIO, "cannot read %.200s: %s", r->path, strerror(errno)));
      continue;
    }
    int at = a->count++;
    RNNI_GOTO(rnni_strdup(r->ctx, e->name, &a->names[at]));
    if (r->map) {
      RNNI_GOTO(rnni_tensor_mapped(r->ctx, r->path, r->fd, r->start + e->begin, e->dtype->type, e->ndim, e->dims,
                                   &a->tensors[at]));
      continue;
    }
    RNNI_GOTO(rnni_tensor_raw(r->ctx, e->dtype->type, e->ndim, e->dims, &a->tensors[at]));
    RNNI_GOTO(read_values(r, e, a->tensors[at], chunk));
  }
done:
  rnni_free(r->ctx, chunk);
  return status;
}

static rnn_status read_file(rnn_ctx *ctx, const char *path, bool map, rnn_archive *out) {
  reader r = {.ctx = ctx, .path = path, .fd = -1, .map = map};
  rnn_archive a = {0};
  rnn_status status;
  RNNI_GOTO(read_header(&r));
  RNNI_GOTO(read_entries(&r));
  RNNI_GOTO(read_metadata(&r, &a));
  RNNI_GOTO(read_tensors(&r, &a));
done:
  if (r.fd >= 0) close(r.fd);
  json_decref(r.header);
  rnni_free(ctx, r.entries);
  if (status == RNN_OK) *out = a;
  else rnn_archive_free(ctx, &a);
  return status;
}

rnn_status rnn_safetensors_read(rnn_ctx *ctx, const char *path, rnn_archive *out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  return read_file(ctx, path, false, out);
}

rnn_status rnn_safetensors_map(rnn_ctx *ctx, const char *path, rnn_archive *out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  return read_file(ctx, path, true, out);
}

void rnn_archive_free(rnn_ctx *ctx, rnn_archive *a) {
  for (int i = 0; i < a->count; i++) {
    rnni_free(ctx, a->names[i]);
    rnn_tensor_free(a->tensors[i]);
  }
  for (int i = 0; i < 2 * a->metadata_count; i++) rnni_free(ctx, a->metadata[i]);
  for (int i = 0; i < 2 * a->unread_count; i++) rnni_free(ctx, a->unread[i]);
  rnni_free(ctx, a->unread);
  rnni_free(ctx, a->names);
  rnni_free(ctx, a->tensors);
  rnni_free(ctx, a->metadata);
  *a = (rnn_archive){0};
}

/* ---- writing ---- */

static rnn_status no_memory(rnn_ctx *ctx, const char *path) {
  return rnni_fail(ctx, RNN_ENOMEM, "not enough memory for the header of %.200s", path);
}

/* A text as JSON. jansson refuses what is not UTF-8 with the same NULL as a lack of memory. */
static rnn_status text_json(rnn_ctx *ctx, const char *path, const char *text, json_t **out) {
  *out = json_string(text);
  if (*out) return RNN_OK;
  json_t *unchecked = json_string_nocheck(text);
  if (!unchecked) return no_memory(ctx, path);
  json_decref(unchecked);
  return rnni_fail(ctx, RNN_EARG, "safetensors_write: '%.100s' must be UTF-8, as everything in %.200s", text, path);
}

typedef struct tensor_item {
  const char *name;
  rnn_tensor *tensor;
  rnn_form form; /* that it is written in */
} tensor_item;

static size_t element_size(const tensor_item *i) {
  return i->form == RNN_FORM_BF16 ? 2 : i->form == RNN_FORM_INT8 ? 1 : rnni_type_size(i->tensor->type);
}

static const char *type_name(const tensor_item *i) {
  return i->form == RNN_FORM_BF16 ? "BF16" : i->form == RNN_FORM_INT8 ? "I8" : rnni_element_written(i->tensor->type);
}

/* float before int32, as the reference sorts its types (by size, float first); then by name. */
static int by_type_and_name(const void *a, const void *b) {
  const tensor_item *x = a, *y = b;
  if (element_size(x) != element_size(y)) return element_size(x) > element_size(y) ? -1 : 1;
  if (x->tensor->type != y->tensor->type) return x->tensor->type == RNN_FLOAT ? -1 : 1;
  return strcmp(x->name, y->name);
}

typedef struct text_pair {
  const char *key, *value;
} text_pair;

static int by_key(const void *a, const void *b) {
  return strcmp(((const text_pair *)a)->key, ((const text_pair *)b)->key);
}

/* Puts value under key, which must be new; takes value (NULL: it could not be made) in every case. */
static rnn_status put(rnn_ctx *ctx, const char *path, json_t *object, const char *key, json_t *value) {
  if (!value) return no_memory(ctx, path);
  if (json_object_get(object, key)) {
    json_decref(value);
    return rnni_fail(ctx, RNN_EARG, "safetensors_write: two entries of %.200s are called '%.100s'", path, key);
  }
  if (json_object_set_new(object, key, value) == 0) return RNN_OK;
  json_t *checked;
  RNNI_TRY(text_json(ctx, path, key, &checked));
  json_decref(checked);
  return no_memory(ctx, path);
}

static rnn_status put_metadata(rnn_ctx *ctx, const char *path, const text_pair *pairs, int count, json_t *header) {
  if (count == 0) return RNN_OK;
  json_t *object = json_object();
  RNNI_TRY(put(ctx, path, header, METADATA, object));
  for (int i = 0; i < count; i++) {
    json_t *value;
    RNNI_TRY(text_json(ctx, path, pairs[i].value, &value));
    RNNI_TRY(put(ctx, path, object, pairs[i].key, value));
  }
  return RNN_OK;
}

static rnn_status put_tensor(rnn_ctx *ctx, const char *path, const tensor_item *item, int64_t *offset,
                             json_t *header) {
  const rnn_tensor *t = item->tensor;
  if (strcmp(item->name, METADATA) == 0)
    return rnni_fail(ctx, RNN_EARG, "safetensors_write: a tensor cannot be called '%s', the format's own name",
                     METADATA);
  if (t->lengths)
    return rnni_fail(ctx, RNN_EARG,
                     "safetensors_write: tensor '%.100s' has lengths, which a safetensors file cannot hold: save "
                     "its lengths as a tensor of their own, and the values without_lengths()",
                     item->name);
  int64_t end = *offset + t->count * (int64_t)element_size(item);
  json_t *shape = json_array();
  for (int i = 0; shape && i < t->ndim; i++)
    if (json_array_append_new(shape, json_integer(t->dims[i])) != 0) {
      json_decref(shape);
      shape = NULL;
    }
  if (!shape) return no_memory(ctx, path);
  RNNI_TRY(put(ctx, path, header, item->name,
               json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_name(item), "shape", shape, "data_offsets",
                         (json_int_t)*offset, (json_int_t)end)));
  *offset = end;
  return RNN_OK;
}

/* The header as it stands in the file: its length, its text, spaces up to a multiple of 8. */
static rnn_status header_bytes(rnn_ctx *ctx, const char *path, const json_t *header, char **bytes, size_t *size) {
  size_t length = json_dumpb(header, NULL, 0, JSON_COMPACT);
  if (length == 0) return no_memory(ctx, path);
  uint64_t padded = (length + 7) / 8 * 8;
  if (padded > MAX_HEADER)
    return rnni_fail(ctx, RNN_EARG, "safetensors_write: %.200s needs a header of %zu bytes, where %llu are allowed",
                     path, length, (unsigned long long)MAX_HEADER);
  RNNI_TRY(rnni_alloc(ctx, sizeof padded + padded, bytes));
  memcpy(*bytes, &padded, sizeof padded);
  memset(*bytes + sizeof padded, ' ', padded);
  if (json_dumpb(header, *bytes + sizeof padded, length, JSON_COMPACT) != length) {
    rnni_free(ctx, *bytes);
    *bytes = NULL;
    return no_memory(ctx, path);
  }
  *size = sizeof padded + padded;
  return RNN_OK;
}

/* The whole numbers of a row. */
static rnn_status put_int8(rnn_ctx *ctx, rnni_file *f, int64_t n, const real *row) {
  int8_t chunk[RNNI_PIECE];
  real most = 0;
  for (int64_t i = 0; i < n; i++) most = RNNI_MAX(most, RNNI_M(fabs)(row[i]));
  for (RNNI_PIECES(n, from, to)) {
    for (int64_t i = from; i < to; i++) chunk[i - from] = most > 0 ? (int8_t)RNNI_M(floor)(row[i] / (most / 127) + (real)0.5) : 0;
    RNNI_TRY(rnni_file_put(ctx, f, chunk, (size_t)(to - from)));
  }
  return RNN_OK;
}

/* The values of t, which lies in rows. */
static rnn_status put_values(rnn_ctx *ctx, rnni_file *f, const tensor_item *item, const rnn_tensor *t) {
  if (item->form == RNN_FORM_FLOAT) return rnni_file_put(ctx, f, t->data, (size_t)t->count * rnni_type_size(t->type));
  if (item->form == RNN_FORM_INT8) {
    for (int64_t r = 0; r < t->dims[0]; r++) RNNI_TRY(put_int8(ctx, f, t->dims[1], rnni_f(t) + r * t->dims[1]));
    return RNN_OK;
  }
  uint16_t chunk[RNNI_PIECE];
  for (RNNI_PIECES(t->count, from, to)) {
    for (int64_t i = from; i < to; i++) chunk[i - from] = rnni_bf16_bits((float)rnni_f(t)[i]);
    RNNI_TRY(rnni_file_put(ctx, f, chunk, (size_t)(to - from) * sizeof *chunk));
  }
  return RNN_OK;
}

rnn_status rnn_safetensors_write(rnn_ctx *ctx, const char *path, const rnn_archive *a) {
  RNNI_NEED(ctx, path && a, "path or a is NULL");
  tensor_item *items = NULL;
  text_pair *pairs = NULL;
  char *bytes = NULL;
  size_t size = 0;
  json_t *header = NULL;
  rnn_status status;
  RNNI_GOTO(rnni_array(ctx, a->count, sizeof *items, &items));
  RNNI_GOTO(rnni_array(ctx, a->metadata_count, sizeof *pairs, &pairs));
  for (int i = 0; i < a->count; i++) {
    rnn_form form = a->in_forms ? rnn_tensor_form(a->tensors[i]) : RNN_FORM_FLOAT;
    items[i] = (tensor_item){a->names[i], a->tensors[i], form};
  }
  for (int i = 0; i < a->metadata_count; i++) pairs[i] = (text_pair){a->metadata[2 * i], a->metadata[2 * i + 1]};
  qsort(items, (size_t)a->count, sizeof *items, by_type_and_name);
  qsort(pairs, (size_t)a->metadata_count, sizeof *pairs, by_key);

  header = json_object();
  if (!header) {
    status = no_memory(ctx, path);
    goto done;
  }
  RNNI_GOTO(put_metadata(ctx, path, pairs, a->metadata_count, header));
  int64_t offset = 0;
  for (int i = 0; i < a->count; i++) RNNI_GOTO(put_tensor(ctx, path, &items[i], &offset, header));
  RNNI_GOTO(header_bytes(ctx, path, header, &bytes, &size));

  rnni_file f;
  RNNI_GOTO(rnni_file_begin(ctx, path, &f));
  status = rnni_file_put(ctx, &f, bytes, size);
  for (int i = 0; i < a->count && status == RNN_OK; i++) {
    rnn_tensor *t;
    status = rnn_tensor_contiguous(ctx, items[i].tensor, &t);
    if (status != RNN_OK) break;
    status = put_values(ctx, &f, &items[i], t);
    rnn_tensor_free(t);
  }
  rnn_status finished = rnni_file_finish(ctx, &f, status == RNN_OK);
  if (status == RNN_OK) status = finished;
done:
  json_decref(header);
  rnni_free(ctx, bytes);
  rnni_free(ctx, items);
  rnni_free(ctx, pairs);
  return status;
}
