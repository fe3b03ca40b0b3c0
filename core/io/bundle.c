/* bundle.c: whole files in one ZIP archive, as capsules have them. What other programs would read in another way, or
 * write outside the folder that they unpack into, is refused; how much memory it takes follows from the file's size. Of
 * archives that others write, foreign ones, the members alone are asked for: sizes that stand behind the bytes, folders
 * and gaps are no fault of theirs. */
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "zip.h"

#define FLAGS (1u << 11 | 3u << 1) /* UTF-8 in the name; how hard it was deflated */
#define FOLDER 0x10u               /* among the attributes of DOS */
#define RATIO 200                  /* of all bytes to those of the file, beyond what is small anyway */
#define SMALL ((int64_t)16 << 20)

#define BAD(z, format, ...) rnni_fail((z)->ctx, RNN_EFORMAT, "%.200s: " format, (z)->path, __VA_ARGS__)

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

static rnn_status check_member(rnni_zip *z, const rnni_zip_member *m, int64_t at, bool foreign) {
  const unsigned mode = m->attributes >> 16 & S_IFMT;
  if (m->name_size == 0 || m->name_size > 1000 || rnni_utf8_length(m->name, m->name_size) < m->name_size)
    return BAD(z, "a member's name has %zu bytes, where 1 to 1000 of UTF-8 are expected", m->name_size);
  if (!is_printed(m->name)) return BAD(z, "a member's name has a control character or a backslash%s", "");
  if (!is_below(m->name)) return BAD(z, "member '%.200s' is none below the folder it is unpacked into", m->name);
  if (foreign) return RNN_OK;
  if ((mode != 0 && mode != S_IFREG) || m->attributes & FOLDER)
    return BAD(z, "member '%.200s' is a link, a folder or a device", m->name);
  if (m->flags & ~FLAGS) return BAD(z, "member '%.200s' has the flags %#x, which are not known", m->name, m->flags);
  if (m->header != at) return BAD(z, "there is something before member '%.200s' that is none", m->name);
  return RNN_OK;
}

static int by_name(const void *a, const void *b) {
  return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* Names that some systems take for one, and a file that is a folder to others. */
static rnn_status check_names(rnni_zip *z) {
  char **names;
  RNNI_TRY(rnni_array(z->ctx, z->count, sizeof *names, &names));
  rnn_status status = RNN_OK;
  for (int i = 0; i < z->count; i++) names[i] = z->members[i].name;
  qsort(names, (size_t)z->count, sizeof *names, by_name);
  for (int i = 0; i + 1 < z->count && status == RNN_OK; i++) {
    size_t length = strlen(names[i]);
    if (strcasecmp(names[i], names[i + 1]) == 0)
      status = BAD(z, "two members are called '%.200s', but for capitals", names[i]);
    for (int k = i + 1; k < z->count && strncasecmp(names[i], names[k], length) == 0 && status == RNN_OK; k++)
      if (names[k][length] == '/') status = BAD(z, "member '%.200s' is a file and a folder", names[i]);
  }
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
      return BAD(z, "its members would take more than %lld bytes", (long long)room);
    total += z->members[i].size;
  }
  RNNI_TRY(check_names(z));
  RNNI_TRY(rnni_calloc(z->ctx, (size_t)z->count * sizeof *b->files, &b->files));
  for (int i = 0; i < z->count; i++) {
    if (foreign && is_folder(&z->members[i])) continue;
    b->count++;
    RNNI_TRY(read_member(z, i, foreign, &b->files[b->count - 1], &end));
  }
  if (foreign) return RNN_OK;
  if (end != z->directory_at || z->directory_at + z->directory_size + RNNI_ZIP_END != z->size)
    return BAD(z, "there is something between its %d members and its end", z->count);
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
  rnni_zip_item *items;
  RNNI_TRY(rnni_array(ctx, b->count, sizeof *items, &items));
  for (int i = 0; i < b->count; i++) {
    const rnn_bundle_file *f = &b->files[i];
    items[i] = (rnni_zip_item){.name = f->name, .suffix = "", .compress = f->compress, .wide = f->size >= UINT32_MAX / 2};
  }
  rnn_status status;
  RNNI_GOTO(rnni_zip_create(ctx, path, &w));
  status = rnni_zip_finish(&w, write_all(&w, items, b));
done:
  rnni_free(ctx, items);
  return status;
}
