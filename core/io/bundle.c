/* bundle.c: whole files in one ZIP archive, as capsules have them. What other programs would read in another way, or
 * write outside the folder that they unpack into, is refused, in writing too; how much memory it takes follows from the
 * file's size. Of archives that others write, foreign ones, the members alone are asked for: sizes that stand behind the
 * bytes, folders and gaps are no fault of theirs. */
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "zip.h"

#define FLAGS (1u << 11 | 3u << 1) /* UTF-8 in the name; how hard it was deflated */
#define FOLDER 0x10u               /* among the attributes of DOS */
#define RATIO 200                  /* of all bytes to those of the file, beyond what is small anyway */
#define SMALL ((int64_t)16 << 20)

#define BAD(ctx, path, format, ...) rnni_fail(ctx, RNN_EFORMAT, "%.200s: " format, path, __VA_ARGS__)

/* Below the folder that it is unpacked into, on every system? */
static bool is_below(const char *name) {
  for (const char *at = name;; at++) {
    size_t length = strcspn(at, "/");
    if (length == 0 || strncmp(at, ".", length) == 0 || (length == 2 && at[0] == '.' && at[1] == '.')) return false;
    at += length;
    if (*at == '\0') return true;
  }
}

static bool is_printed(const char *name) {
  for (const char *at = name; *at; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7f || *at == '\\') return false;
  return true;
}

static rnn_status check_name(rnn_ctx *ctx, const char *path, const char *name) {
  const size_t size = strlen(name);
  if (size == 0 || size > 1000 || rnni_utf8_length(name, size) < size)
    return BAD(ctx, path, "a member's name has %zu bytes, where 1 to 1000 of UTF-8 are expected", size);
  if (!is_printed(name)) return BAD(ctx, path, "a member's name has a control character or a backslash%s", "");
  if (!is_below(name)) return BAD(ctx, path, "member '%.200s' is none below the folder it is unpacked into", name);
  return RNN_OK;
}

static rnn_status check_member(rnni_zip *z, const rnni_zip_member *m, int64_t at, bool foreign) {
  const unsigned mode = m->attributes >> 16 & S_IFMT;
  RNNI_TRY(check_name(z->ctx, z->path, m->name));
  if (foreign) return RNN_OK;
  if ((mode != 0 && mode != S_IFREG) || m->attributes & FOLDER)
    return BAD(z->ctx, z->path, "member '%.200s' is a link, a folder or a device", m->name);
  if (m->flags & ~FLAGS) return BAD(z->ctx, z->path, "member '%.200s' has the flags %#x, which are not known", m->name, m->flags);
  if (m->header != at) return BAD(z->ctx, z->path, "there is something before member '%.200s' that is none", m->name);
  return RNN_OK;
}

static int by_name(const void *a, const void *b) {
  return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* Names that some systems take for one, and a file that is a folder to others. The names are sorted. */
static rnn_status check_names(rnn_ctx *ctx, const char *path, const char **names, int count) {
  qsort(names, (size_t)count, sizeof *names, by_name);
  for (int i = 0; i + 1 < count; i++) {
    size_t length = strlen(names[i]);
    if (strcasecmp(names[i], names[i + 1]) == 0)
      return BAD(ctx, path, "two members are called '%.200s', but for capitals", names[i]);
    for (int k = i + 1; k < count && strncasecmp(names[i], names[k], length) == 0; k++)
      if (names[k][length] == '/') return BAD(ctx, path, "member '%.200s' is a file and a folder", names[i]);
  }
  return RNN_OK;
}

static rnn_status check_members(rnni_zip *z) {
  const char **names;
  RNNI_TRY(rnni_array(z->ctx, z->count, sizeof *names, &names));
  for (int i = 0; i < z->count; i++) names[i] = z->members[i].name;
  rnn_status status = check_names(z->ctx, z->path, names, z->count);
  rnni_free(z->ctx, names);
  return status;
}

/* Where the bytes of a member end is where the next one begins, so that nothing is between them. */
static rnn_status read_member(rnni_zip *z, int i, bool foreign, rnn_bundle_file *out, int64_t *end) {
  rnni_zip_stream s;
  char *bytes;
  const rnni_zip_member *m = &z->members[i];
  RNNI_TRY(check_member(z, m, *end, foreign));
  RNNI_TRY(rnni_zip_begin_member(z, i, &s));
  rnn_status status;
  RNNI_GOTO(rnni_alloc(z->ctx, (size_t)m->size + 1, &bytes));
  out->bytes = bytes;
  out->size = (size_t)m->size;
  RNNI_GOTO(rnni_zip_take(&s, bytes, out->size));
  RNNI_GOTO(rnni_zip_end_member(&s));
  bytes[m->size] = '\0';
  RNNI_GOTO(rnni_strdup(z->ctx, m->name, (char **)&out->name));
  *end = m->data + m->packed;
done:
  rnni_zip_leave_member(&s);
  return status;
}

static bool is_folder(const rnni_zip_member *m) {
  return m->size == 0 && m->name_size > 1 && m->name[m->name_size - 1] == '/';
}

static rnn_status read_all(rnni_zip *z, int64_t most, bool foreign, rnn_bundle *b) {
  const int64_t room = RNNI_MIN(most, z->size / 2 > (INT64_MAX - SMALL) / RATIO ? INT64_MAX : z->size * RATIO + SMALL);
  int64_t total = 0, end = 0;
  for (int i = 0; i < z->count; i++) {
    if (z->members[i].size > room - total)
      return BAD(z->ctx, z->path, "its members would take more than %lld bytes", (long long)room);
    total += z->members[i].size;
  }
  RNNI_TRY(check_members(z));
  RNNI_TRY(rnni_calloc(z->ctx, (size_t)z->count * sizeof *b->files, &b->files));
  for (int i = 0; i < z->count; i++) {
    if (foreign && is_folder(&z->members[i])) continue;
    b->count++;
    RNNI_TRY(read_member(z, i, foreign, &b->files[b->count - 1], &end));
  }
  if (foreign) return RNN_OK;
  if (end != z->directory_at || z->directory_at + z->directory_size + RNNI_ZIP_END != z->size)
    return BAD(z->ctx, z->path, "there is something between its %d members and its end", z->count);
  return RNN_OK;
}

rnn_status rnn_bundle_read(rnn_ctx *ctx, const char *path, int64_t most, bool foreign, rnn_bundle *out) {
  RNNI_NEED(ctx, path && out, "path or out is NULL");
  rnni_zip z;
  rnn_bundle b = {0};
  RNNI_TRY(rnni_zip_open(ctx, path, "ZIP archive", &z));
  rnn_status status = read_all(&z, most, foreign, &b);
  rnni_zip_close(&z);
  if (status == RNN_OK) *out = b;
  else rnn_bundle_free(ctx, &b);
  return status;
}

void rnn_bundle_free(rnn_ctx *ctx, rnn_bundle *b) {
  for (int i = 0; i < b->count; i++) {
    rnni_free(ctx, (char *)b->files[i].name);
    rnni_free(ctx, (char *)b->files[i].bytes);
  }
  rnni_free(ctx, b->files);
  *b = (rnn_bundle){0};
}

static rnn_status write_all(rnni_zip_writer *w, rnni_zip_item *items, const rnn_bundle *b) {
  for (int i = 0; i < b->count; i++) {
    RNNI_TRY(rnni_zip_put_begin(w, &items[i]));
    RNNI_TRY(rnni_zip_put(w, b->files[i].bytes, b->files[i].size, true));
    RNNI_TRY(rnni_zip_put_end(w));
  }
  return rnni_zip_put_directory(w, items, b->count);
}

rnn_status rnn_bundle_write(rnn_ctx *ctx, const char *path, const rnn_bundle *b) {
  RNNI_NEED(ctx, path && b, "path or b is NULL");
  rnni_zip_writer w;
  rnni_zip_item *items = NULL;
  const char **names;
  rnn_status status;
  RNNI_TRY(rnni_array(ctx, b->count, sizeof *names, &names));
  RNNI_GOTO(rnni_array(ctx, b->count, sizeof *items, &items));
  for (int i = 0; i < b->count; i++) {
    const rnn_bundle_file *f = &b->files[i];
    names[i] = f->name;
    RNNI_GOTO(check_name(ctx, path, f->name));
    items[i] = (rnni_zip_item){.name = f->name, .suffix = "", .compress = f->compress, .wide = f->size >= UINT32_MAX / 2};
  }
  RNNI_GOTO(check_names(ctx, path, names, b->count));
  RNNI_GOTO(rnni_zip_create(ctx, path, &w));
  status = rnni_zip_finish(&w, write_all(&w, items, b));
done:
  rnni_free(ctx, items);
  rnni_free(ctx, names);
  return status;
}
