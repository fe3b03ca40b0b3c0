/* npy.c: reading and writing arrays as NumPy's .npy files (numpy.lib.format, versions 1.0 to 3.0).
 *
 *   "\x93NUMPY" | major, minor | u16 (from version 2: u32) length n, little-endian | n bytes of text | the elements
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      spaces, '\n' last
 *
 * The text is a Python literal of these three keys and no others, which is parsed as such: nothing of the file is ever
 * run, and arrays of objects, which are pickles, are not read. Everything is checked against the size of the file before
 * memory is taken for a single element. */
#include <stdio.h>
#include <unistd.h>

#include "elements.h"
#include "npy.h"

#define MAGIC "\x93NUMPY"
/* NumPy itself reads 10000 bytes; longer ones have only records of many fields. */
#define MAX_TEXT ((int64_t)1 << 20)

#define BAD(s, format, ...) rnni_fail((s)->ctx, RNN_EFORMAT, "%s: " format, (s)->where, __VA_ARGS__)

/* ---- the text ---- */

typedef struct header {
  const rnni_element *element; /* NULL: a type that is not read */
  char type[64];               /* "float64", or of one that is not read what stands in the file */
  const char *means;           /* of one that is not read */
  bool swap;                   /* big-endian */
  bool fortran;                /* the first axis runs fastest */
  int ndim;
  int64_t dims[RNN_MAX_DIMS];
} header;

static void skip_blanks(const char **at) {
  while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r') ++*at;
}

static bool skip_char(const char **at, char c) {
  skip_blanks(at);
  if (**at != c) return false;
  ++*at;
  return true;
}

/* A string, with its quotes. */
static bool skip_string(const char **at) {
  char quote = **at;
  if (quote != '\'' && quote != '"') return false;
  while (*++*at != quote) {
    if (**at == '\0') return false;
    if (**at == '\\' && *++*at == '\0') return false;
  }
  ++*at;
  return true;
}

/* Any value, up to the comma or bracket behind it. */
static bool skip_value(const char **at) {
  int depth = 0;
  for (;; ++*at) {
    while (**at == '\'' || **at == '"')
      if (!skip_string(at)) return false;
    if (**at == '\0') return false;
    if (depth == 0 && strchr(",)]}", **at)) return true;
    if (strchr("([{", **at)) depth++;
    if (strchr(")]}", **at)) depth--;
  }
}

/* A number of the shape, which Python 2 ended with L. */
static bool take_size(const char **at, int64_t *size) {
  skip_blanks(at);
  if (**at < '0' || **at > '9') return false;
  for (*size = 0; **at >= '0' && **at <= '9'; ++*at)
    if (__builtin_mul_overflow(*size, 10, size) || __builtin_add_overflow(*size, **at - '0', size)) return false;
  if (**at == 'L') ++*at;
  return true;
}

/* How many axes, of which those that are allowed are stored; -1 for what is no tuple of sizes. */
static int take_shape(const char *at, int64_t *dims) {
  int n = 0;
  if (!skip_char(&at, '(')) return -1;
  while (!skip_char(&at, ')')) {
    int64_t size;
    if (!take_size(&at, &size)) return -1;
    if (n < RNN_MAX_DIMS) dims[n] = size;
    n++;
    if (skip_char(&at, ',')) continue;
    if (n > 1 && skip_char(&at, ')')) break;
    return -1;
  }
  skip_blanks(&at);
  return *at == '\0' ? n : -1;
}

/* The type at text, as it stands in the file. */
static void take_type(const char *text, header *h) {
  static const struct {
    const char *descr, *element, *name;
  } known[] = {
      {"f8", "F64", "float64"}, {"f4", "F32", "float32"}, {"f2", "F16", "float16"}, {"i8", "I64", "int64"},
      {"i4", "I32", "int32"},   {"i2", "I16", "int16"},   {"i1", "I8", "int8"},     {"u8", "U64", "uint64"},
      {"u4", "U32", "uint32"},  {"u2", "U16", "uint16"},  {"u1", "U8", "uint8"},    {"b1", "BOOL", "bool"},
  };
  static const struct {
    char kind;
    const char *means;
  } others[] = {
      {'c', "complex numbers"}, {'O', "Python objects, a pickle, which could run any program"}, {'U', "text"},
      {'S', "bytes of text"},   {'a', "bytes of text"}, {'M', "dates"}, {'m', "durations"}, {'V', "raw bytes"},
      {'f', "floats of another size"}, {'[', "records"}, {'(', "arrays within arrays"},
  };
  bool string = text[0] == '\'' || text[0] == '"';
  const char *kind = text + string;
  kind += string && *kind && strchr("<>=|", *kind) != NULL;
  size_t length = strlen(kind);
  for (size_t i = 0; string && i < sizeof known / sizeof *known; i++)
    if (length == 3 && memcmp(kind, known[i].descr, 2) == 0 && kind[2] == text[0]) {
      h->element = rnni_element_find(known[i].element);
      h->swap = text[1] == '>' && h->element->size > 1;
      snprintf(h->type, sizeof h->type, "%s", known[i].name);
      return;
    }
  h->means = "unknown here";
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (*kind == others[i].kind) h->means = others[i].means;
  size_t shown = RNNI_MIN(strlen(text), sizeof h->type - 4);
  for (size_t i = 0; i < shown; i++) h->type[i] = text[i];
  for (size_t i = 0; i < shown; i++) /* names of fields, in any encoding */
    if (h->type[i] < ' ' || h->type[i] > '~') h->type[i] = '?';
  strcpy(h->type + shown, text[shown] ? "..." : "");
}

/* text is ended by a NUL, and cut into its values. */
static rnn_status parse(rnni_npy_source *s, char *text, header *h) {
  static const char *const keys[] = {"descr", "fortran_order", "shape"};
  char *values[3] = {NULL}, *ends[3];
  const char *at = text;
  bool sound = skip_char(&at, '{'), more = true;
  while (sound && !skip_char(&at, '}')) {
    skip_blanks(&at);
    const char *key = at + 1;
    if (!(sound = more && skip_string(&at))) break;
    int length = (int)(at - 1 - key), which = 0;
    while (which < 3 && (strncmp(keys[which], key, (size_t)length) != 0 || keys[which][length])) which++;
    if (which == 3 || values[which])
      return BAD(s, "%s key '%.*s' in the header", which == 3 ? "an unknown" : "twice the", RNNI_MIN(length, 40), key);
    sound = skip_char(&at, ':');
    skip_blanks(&at);
    values[which] = text + (at - text);
    sound = sound && skip_value(&at);
    ends[which] = text + (at - text);
    more = skip_char(&at, ',');
  }
  skip_blanks(&at);
  if (!sound || *at != '\0') return BAD(s, "the header is no Python dictionary of %s", "descr, fortran_order and shape");
  for (int i = 0; i < 3; i++) {
    if (!values[i]) return BAD(s, "the header has no key '%s'", keys[i]);
    while (ends[i] > values[i] && ends[i][-1] == ' ') ends[i]--;
    *ends[i] = '\0';
  }

  take_type(values[0], h);
  h->fortran = strcmp(values[1], "True") == 0;
  if (!h->fortran && strcmp(values[1], "False") != 0)
    return BAD(s, "fortran_order must be True or False, and is %.40s", values[1]);
  h->ndim = take_shape(values[2], h->dims);
  if (h->ndim < 0) return BAD(s, "the shape is no tuple of sizes: %.60s", values[2]);
  if (h->ndim > RNN_MAX_DIMS) return BAD(s, "an array of %d axes, where %d are allowed", h->ndim, RNN_MAX_DIMS);
  return RNN_OK;
}

static rnn_status take(rnni_npy_source *s, void *bytes, size_t size, const char *what) {
  if (s->left < (int64_t)size) return BAD(s, "it ends within %s", what);
  RNNI_TRY(s->take(s, bytes, size));
  s->left -= (int64_t)size;
  return RNN_OK;
}

static rnn_status take_header(rnni_npy_source *s, header *h) {
  unsigned char start[8], length[4] = {0};
  if (s->left < (int64_t)sizeof start) return BAD(s, "no .npy file: %lld bytes", (long long)s->left);
  RNNI_TRY(take(s, start, sizeof start, "its head"));
  if (memcmp(start, "PK\3\4", 4) == 0) return BAD(s, "no .npy file: %s", "a ZIP archive, which rnn.npz_read reads");
  if (memcmp(start, MAGIC, 6) != 0) return BAD(s, "no .npy file: it does not start with %s", "\\x93NUMPY");
  if (start[6] < 1 || start[6] > 3)
    return BAD(s, "version %d.%d of the format, where 1.0 to 3.0 are known", start[6], start[7]);
  RNNI_TRY(take(s, length, start[6] == 1 ? 2 : 4, "its head"));
  uint32_t size;
  memcpy(&size, length, sizeof size);
  if (size > s->left || size > MAX_TEXT)
    return BAD(s, "a header of %lld bytes, where %lld are left", (long long)size, (long long)RNNI_MIN(s->left, MAX_TEXT));
  char *text;
  RNNI_TRY(rnni_alloc(s->ctx, (size_t)size + 1, &text));
  text[size] = '\0';
  rnn_status status;
  RNNI_GOTO(take(s, text, size, "its header"));
  if (strlen(text) != size) {
    status = BAD(s, "a NUL byte in the %s", "header");
    goto done;
  }
  RNNI_GOTO(parse(s, text, h));
done:
  rnni_free(s->ctx, text);
  return status;
}

/* ---- the elements ---- */

static void swap(unsigned char *bytes, size_t size, size_t n) {
  for (size_t i = 0; i < n; i++, bytes += size)
    for (size_t a = 0, b = size - 1; a < b; a++, b--) {
      unsigned char kept = bytes[a];
      bytes[a] = bytes[b];
      bytes[b] = kept;
    }
}

static rnn_status take_elements(rnni_npy_source *s, const header *h, rnn_tensor *t) {
  const rnni_element *e = h->element;
  size_t n = (size_t)t->count, own = rnni_type_size(t->type);
  if (!h->swap && strcmp(e->name, rnni_element_written(t->type)) == 0) return take(s, t->data, n * own, "its elements");
  char *chunk, text[240];
  RNNI_TRY(rnni_alloc(s->ctx, RNNI_CHUNK, &chunk));
  rnn_status status = RNN_OK;
  for (size_t at = 0, part; at < n && status == RNN_OK; at += part) {
    part = RNNI_MIN(RNNI_CHUNK / e->size, n - at);
    status = take(s, chunk, part * e->size, "its elements");
    if (status != RNN_OK) break;
    if (h->swap) swap((unsigned char *)chunk, e->size, part);
    size_t good = e->convert((char *)t->data + at * own, chunk, part);
    if (good < part)
      status = BAD(s, "element %zu of the file%s", at + good + 1,
                   rnni_element_refused(e, h->type, chunk + good * e->size, text, sizeof text));
  }
  rnni_free(s->ctx, chunk);
  return status;
}

/* t, whose axes are those of the array from the last to the first, turned round. */
static rnn_status turn(rnn_ctx *ctx, rnn_tensor **t) {
  int64_t dims[RNN_MAX_DIMS], strides[RNN_MAX_DIMS];
  const int n = (*t)->ndim;
  for (int i = 0; i < n; i++) {
    dims[i] = (*t)->dims[n - 1 - i];
    strides[i] = (*t)->strides[n - 1 - i];
  }
  rnn_tensor *view = NULL, *turned = NULL;
  rnn_status status;
  RNNI_GOTO(rnni_tensor_view(ctx, *t, n, dims, strides, 0, &view));
  RNNI_GOTO(rnni_tensor_raw(ctx, (*t)->type, n, dims, &turned));
  RNNI_GOTO(rnni_move_new(ctx, turned, view));
done:
  rnn_tensor_free(view);
  if (status != RNN_OK) {
    rnn_tensor_free(turned);
    return status;
  }
  rnn_tensor_free(*t);
  *t = turned;
  return RNN_OK;
}

rnn_status rnni_npy_take(rnni_npy_source *s, rnn_tensor **out, char unread[RNNI_NPY_UNREAD]) {
  header h = {0};
  RNNI_TRY(take_header(s, &h));
  if (!h.element) {
    *out = NULL;
    snprintf(unread, RNNI_NPY_UNREAD, "%s (%s)", h.type, h.means);
    return RNN_OK;
  }
  int64_t count = 1;
  bool overflow = false;
  for (int i = 0; i < h.ndim; i++)
    overflow |= __builtin_mul_overflow(count, h.dims[i], &count) || count > INT64_MAX / 16;
  if (overflow) return BAD(s, "the product of the sizes %s overflows", rnni_shape_text(h.ndim, h.dims));
  const int64_t bytes = count * (int64_t)h.element->size;
  if (bytes != s->left)
    return BAD(s, "%s of shape %s takes %lld bytes, but %lld follow the header: %s", h.type,
               rnni_shape_text(h.ndim, h.dims), (long long)bytes, (long long)s->left,
               bytes > s->left ? "it is cut off" : "something stands behind it");
  int64_t dims[RNN_MAX_DIMS];
  const bool turned = h.fortran && h.ndim > 1;
  for (int i = 0; i < h.ndim; i++) dims[i] = h.dims[turned ? h.ndim - 1 - i : i];
  rnn_tensor *t;
  if (s->map) {
    if (turned || h.swap || strcmp(h.element->name, rnni_element_written(h.element->type)) != 0)
      return BAD(s, "%s in %s order%s cannot stay in the file: float32 (float64 with --double) and int32 in C order can",
                 h.type, h.fortran ? "Fortran" : "C", h.swap ? ", big-endian," : "");
    return s->map(s, h.element->type, h.ndim, dims, out);
  }
  RNNI_TRY(rnni_tensor_raw(s->ctx, h.element->type, h.ndim, dims, &t));
  rnn_status status = take_elements(s, &h, t);
  if (status == RNN_OK && turned) status = turn(s->ctx, &t);
  if (status == RNN_OK) *out = t;
  else rnn_tensor_free(t);
  return status;
}

typedef struct file_source {
  rnni_npy_source source;
  int fd;
  int64_t size;
} file_source;

static rnn_status take_from_file(rnni_npy_source *s, void *bytes, size_t size) {
  size_t got;
  RNNI_TRY(rnni_file_get(s->ctx, s->where, ((file_source *)s)->fd, bytes, size, &got));
  if (got < size) return BAD(s, "the file ended while it was read, %zu bytes early", size - got);
  return RNN_OK;
}

static rnn_status map_of_file(rnni_npy_source *s, rnn_type type, int ndim, const int64_t *dims, rnn_tensor **out) {
  const file_source *f = (file_source *)s;
  return rnni_tensor_mapped(s->ctx, s->where, f->fd, f->size - s->left, type, ndim, dims, out);
}

static rnn_status read_file(rnn_ctx *ctx, const char *path, bool map, rnn_tensor **out) {
  file_source f = {.source = {.ctx = ctx, .take = take_from_file, .map = map ? map_of_file : NULL}};
  snprintf(f.source.where, sizeof f.source.where, "%.200s", path);
  RNNI_TRY(rnni_file_open(ctx, path, false, &f.fd, &f.source.left));
  f.size = f.source.left;
  rnn_tensor *t;
  char unread[RNNI_NPY_UNREAD];
  rnn_status status = rnni_npy_take(&f.source, &t, unread);
  close(f.fd);
  if (status != RNN_OK) return status;
  if (!t)
    return BAD(&f.source, "elements of type %s cannot be read (" RNNI_NPY_KINDS ")", unread);
  *out = t;
  return RNN_OK;
}

rnn_status rnn_npy_read(rnn_ctx *ctx, const char *path, rnn_tensor **out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  return read_file(ctx, path, false, out);
}

rnn_status rnn_npy_map(rnn_ctx *ctx, const char *path, rnn_tensor **out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  return read_file(ctx, path, true, out);
}

/* ---- writing ---- */

rnn_status rnni_npy_need_writable(rnn_ctx *ctx, const char *function, const rnn_tensor *t) {
  if (!t->lengths) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: %s has lengths, which NumPy's files cannot hold: write its lengths as an array of "
                   "their own, and the values without_lengths()", function, RNNI_SHAPE(t));
}

size_t rnni_npy_head(const rnn_tensor *t, char head[RNNI_NPY_HEAD]) {
  char *text = head + 10;
  const size_t room = RNNI_NPY_HEAD - 10;
  int n = snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                   t->type == RNN_INT ? "<i4" : sizeof(real) == 8 ? "<f8" : "<f4");
  for (int i = 0; i < t->ndim; i++)
    n += snprintf(text + n, room - (size_t)n, i ? ", %lld" : "%lld", (long long)t->dims[i]);
  n += snprintf(text + n, room - (size_t)n, t->ndim == 1 ? ",), }" : "), }");
  const size_t size = ((size_t)n + 10 + 1 + 63) / 64 * 64;
  memset(text + n, ' ', size - 10 - (size_t)n);
  head[size - 1] = '\n';
  memcpy(head, MAGIC "\1", 8); /* version 1.0 */
  head[8] = (char)((size - 10) & 255);
  head[9] = (char)((size - 10) >> 8);
  return size;
}

rnn_status rnn_npy_write(rnn_ctx *ctx, const char *path, rnn_tensor *tensor) {
  RNNI_NEED(ctx, path, "path is NULL");
  RNNI_NEED_TENSOR(ctx, tensor);
  RNNI_TRY(rnni_npy_need_writable(ctx, "npy_write", tensor));
  rnn_tensor *t;
  RNNI_TRY(rnn_tensor_contiguous(ctx, tensor, &t));
  char head[RNNI_NPY_HEAD];
  rnni_file f;
  rnn_status status = rnni_file_begin(ctx, path, &f);
  if (status == RNN_OK) {
    status = rnni_file_put(ctx, &f, head, rnni_npy_head(t, head));
    if (status == RNN_OK) status = rnni_file_put(ctx, &f, t->data, (size_t)t->count * rnni_type_size(t->type));
    rnn_status finished = rnni_file_finish(ctx, &f, status == RNN_OK);
    if (status == RNN_OK) status = finished;
  }
  rnn_tensor_free(t);
  return status;
}
