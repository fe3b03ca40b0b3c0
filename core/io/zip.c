/* zip.c: ZIP archives (PKWARE's APPNOTE 6.3.3), read and written: those of NumPy's .npz files, and capsules.
 *
 *   for each member: local header, name, extra fields | its bytes, stored or deflated
 *   for each member: central header, name, extra fields, comment
 *   [ZIP64 end record, its locator] | end record, comment
 *
 * What is here, on zlib, which is linked anyway, is all that these files use. A library of ZIP files would take memory
 * that the context's limit does not see, replace files in its own way, and read what is ambiguous as it likes.
 *
 * The central directory is believed as far as the file bears it out: members lie in the file and do not overlap, their
 * local headers say the same, no member is larger than deflate could make it, and checksums agree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "zip.h"

#define LOCAL 0x04034b50u
#define CENTRAL 0x02014b50u
#define END 0x06054b50u
#define END64 0x06064b50u
#define LOCATOR64 0x07064b50u
enum { LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56, LOCATOR64_SIZE = 20, MAX_COMMENT = 65535 };
enum { STORED = RNNI_ZIP_STORED, DEFLATED = RNNI_ZIP_DEFLATED };

#define MOST_DEFLATED 1032 /* bytes that one byte can stand for: 258 in 2 bits */
#define PIECE ((size_t)64 << 10) /* of the file, at a time */
#define BURST ((size_t)1 << 20)  /* of a member, until an interrupt is seen */

static uint64_t get(const unsigned char *at, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--) v = v << 8 | at[i];
  return v;
}

/* zlib's memory passes the gate of the context. */
static void *zalloc(void *ctx, uInt items, uInt size) {
  void *block;
  return rnni_calloc(ctx, (size_t)items * size, &block) == RNN_OK ? block : Z_NULL;
}
static void zfree(void *ctx, void *block) { rnni_free(ctx, block); }

/* ---- reading: the directory ---- */

typedef rnni_zip_member member;
typedef rnni_zip reader;

#define BAD(r, format, ...) rnni_fail((r)->ctx, RNN_EFORMAT, "%.200s: " format, (r)->path, __VA_ARGS__)

static rnn_status go_to(reader *r, int64_t at) {
  if (lseek(r->fd, at, SEEK_SET) >= 0) return RNN_OK;
  return rnni_fail(r->ctx, RNN_EIO, "cannot read %.200s: %s", r->path, strerror(errno));
}

static rnn_status take(reader *r, void *bytes, size_t size) {
  size_t got;
  RNNI_TRY(rnni_file_get(r->ctx, r->path, r->fd, bytes, size, &got));
  if (got < size) return BAD(r, "the file ended while it was read, %zu bytes early", size - got);
  return RNN_OK;
}

/* Bytes [at, at + size) of the file, which it must have. */
static rnn_status take_at(reader *r, int64_t at, void *bytes, size_t size, const char *what) {
  if (at < 0 || at > r->size || (int64_t)size > r->size - at) return BAD(r, "%s lies outside the file", what);
  RNNI_TRY(go_to(r, at));
  return take(r, bytes, size);
}

/* From the end record at place end of the file: where the directory is, and how many members it has. */
static rnn_status read_end(reader *r, const unsigned char *record, int64_t end, uint64_t *count) {
  uint64_t disks = get(record + 4, 2) | get(record + 6, 2), size = get(record + 12, 4), at = get(record + 16, 4);
  uint64_t here = get(record + 8, 2);
  *count = get(record + 10, 2);
  unsigned char locator[LOCATOR64_SIZE], wide[END64_SIZE];
  int64_t limit = end;
  if (end >= LOCATOR64_SIZE) {
    RNNI_TRY(take_at(r, end - LOCATOR64_SIZE, locator, sizeof locator, "the locator"));
    if (get(locator, 4) == LOCATOR64) {
      uint64_t place = get(locator + 8, 8);
      if (place > (uint64_t)(end - LOCATOR64_SIZE)) return BAD(r, "the ZIP64 end record lies outside %s", "the file");
      limit = (int64_t)place;
      RNNI_TRY(take_at(r, limit, wide, sizeof wide, "the ZIP64 end record"));
      if (get(wide, 4) != END64) return BAD(r, "no ZIP64 end record where the file says one is: %s", "damaged");
      disks = get(locator + 4, 4) | get(wide + 16, 4) | get(wide + 20, 4);
      here = get(wide + 24, 8);
      *count = get(wide + 32, 8);
      size = get(wide + 40, 8);
      at = get(wide + 48, 8);
    }
  }
  if (disks || here != *count) return BAD(r, "one part of a ZIP archive of %s", "several");
  if (at > (uint64_t)limit || size != (uint64_t)limit - at || *count > size / CENTRAL_SIZE)
    return BAD(r, "the directory of the archive is said to have %llu members in %llu bytes from byte %llu, which does not "
               "fit into the file", (unsigned long long)*count, (unsigned long long)size, (unsigned long long)at);
  r->directory_at = (int64_t)at;
  r->directory_size = (int64_t)size;
  return RNN_OK;
}

static rnn_status find_end(reader *r, uint64_t *count) {
  const int64_t room = RNNI_MIN(r->size, END_SIZE + MAX_COMMENT);
  unsigned char *tail;
  RNNI_TRY(rnni_alloc(r->ctx, (size_t)room, &tail));
  rnn_status status;
  int64_t at = room - END_SIZE;
  RNNI_GOTO(take_at(r, r->size - room, tail, (size_t)room, "the end"));
  while (at >= 0 && (get(tail + at, 4) != END || (int64_t)get(tail + at + 20, 2) != room - at - END_SIZE)) at--;
  if (at >= 0) status = read_end(r, tail + at, r->size - room + at, count);
  else if (room >= 6 && memcmp(tail, "\x93NUMPY", 6) == 0 && room == r->size)
    status = BAD(r, "no %s: one array, which rnn.npy_read reads", r->what);
  else status = BAD(r, "no %s, or cut off: no end of a ZIP archive", r->what);
done:
  rnni_free(r->ctx, tail);
  return status;
}

/* The sizes that did not fit into 32 bits, from the ZIP64 field among the extra ones. */
static bool widen(const unsigned char *extra, size_t size, uint64_t *values[3]) {
  bool wanted = *values[0] == UINT32_MAX || *values[1] == UINT32_MAX || *values[2] == UINT32_MAX;
  while (wanted && size >= 4) {
    size_t length = (size_t)get(extra + 2, 2);
    if (length > size - 4) return false;
    if (get(extra, 2) == 1) {
      const unsigned char *at = extra + 4;
      for (int i = 0; i < 3; i++) {
        if (*values[i] != UINT32_MAX) continue;
        if (at + 8 > extra + 4 + length) return false;
        *values[i] = get(at, 8);
        at += 8;
      }
      return true;
    }
    extra += 4 + length;
    size -= 4 + length;
  }
  return !wanted;
}

/* The central header at *at, which is moved behind it; its name goes to *names, likewise. */
static rnn_status read_member(reader *r, const unsigned char **at, char **names) {
  const unsigned char *c = *at, *end = r->directory + r->directory_size;
  if (end - c < CENTRAL_SIZE || get(c, 4) != CENTRAL) return BAD(r, "the directory of the archive is %s", "damaged");
  uint64_t packed = get(c + 20, 4), size = get(c + 24, 4), header = get(c + 42, 4);
  size_t name = (size_t)get(c + 28, 2), extra = (size_t)get(c + 30, 2), comment = (size_t)get(c + 32, 2);
  if ((size_t)(end - c) - CENTRAL_SIZE < name + extra + comment)
    return BAD(r, "the directory of the archive is %s", "cut off");
  member *m = &r->members[r->count++];
  const char *text = (const char *)c + CENTRAL_SIZE;
  m->name = *names;
  m->name_size = name;
  memcpy(*names, text, name);
  (*names)[name] = '\0';
  *names += name + 1;
  if (memchr(text, '\0', name)) return BAD(r, "a NUL byte in the name of member '%.100s'", m->name);
  if (!widen(c + CENTRAL_SIZE + name, extra, (uint64_t *[]){&size, &packed, &header}))
    return BAD(r, "member '%.100s': its ZIP64 sizes are missing", m->name);
  m->flags = (unsigned)get(c + 8, 2);
  m->attributes = (uint32_t)get(c + 38, 4);
  if (m->flags & 1) return BAD(r, "member '%.100s' is encrypted", m->name);
  m->method = (unsigned)get(c + 10, 2);
  if (m->method != STORED && m->method != DEFLATED)
    return BAD(r, "member '%.100s' is compressed by method %u, where stored (0) and deflated (8) are known", m->name,
               m->method);
  if (header > (uint64_t)r->directory_at || packed > (uint64_t)r->directory_at - header ||
      (m->method == STORED ? size != packed : size / MOST_DEFLATED > packed))
    return BAD(r, "member '%.100s' is said to have %llu bytes, packed into %llu from byte %llu: impossible in this file",
               m->name, (unsigned long long)size, (unsigned long long)packed, (unsigned long long)header);
  m->place = c - r->directory;
  m->crc = (uint32_t)get(c + 16, 4);
  m->packed = (int64_t)packed;
  m->size = (int64_t)size;
  m->header = (int64_t)header;
  *at = c + CENTRAL_SIZE + name + extra + comment;
  return RNN_OK;
}

static int by_place(const void *a, const void *b) {
  const member *x = a, *y = b;
  return x->header < y->header ? -1 : x->header > y->header;
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const member *const *)a)->name, (*(const member *const *)b)->name);
}

rnn_status rnni_zip_need_unique(reader *r) {
  const member **sorted;
  RNNI_TRY(rnni_array(r->ctx, r->count, sizeof *sorted, &sorted));
  rnn_status status = RNN_OK;
  for (int i = 0; i < r->count; i++) sorted[i] = &r->members[i];
  qsort(sorted, (size_t)r->count, sizeof *sorted, by_name);
  for (int i = 1; i < r->count && status == RNN_OK; i++)
    if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
      status = BAD(r, "two members are called '%.100s'", sorted[i]->name);
  rnni_free(r->ctx, sorted);
  return status;
}

static rnn_status read_directory(reader *r) {
  uint64_t count = 0;
  RNNI_TRY(rnni_file_open(r->ctx, r->path, false, &r->fd, &r->size));
  if (r->size < END_SIZE) return BAD(r, "no %s: %lld bytes", r->what, (long long)r->size);
  RNNI_TRY(find_end(r, &count));
  RNNI_TRY(rnni_alloc(r->ctx, (size_t)r->directory_size, &r->directory));
  RNNI_TRY(rnni_alloc(r->ctx, (size_t)r->directory_size + 1, &r->names)); /* a name and its NUL are less than its header */
  RNNI_TRY(rnni_calloc(r->ctx, (size_t)count * sizeof *r->members, &r->members));
  RNNI_TRY(take_at(r, r->directory_at, r->directory, (size_t)r->directory_size, "the directory"));
  const unsigned char *at = r->directory;
  char *names = r->names;
  while (r->count < (int64_t)count) RNNI_TRY(read_member(r, &at, &names));
  if (at != r->directory + r->directory_size)
    return BAD(r, "the directory of the archive has more than the %llu members it says", (unsigned long long)count);
  qsort(r->members, (size_t)r->count, sizeof *r->members, by_place);
  return RNN_OK;
}

rnn_status rnni_zip_open(rnn_ctx *ctx, const char *path, const char *what, rnni_zip *r) {
  *r = (reader){.ctx = ctx, .path = path, .what = what, .fd = -1};
  rnn_status status = read_directory(r);
  if (status != RNN_OK) rnni_zip_close(r);
  return status;
}

void rnni_zip_close(rnni_zip *r) {
  if (r->fd >= 0) close(r->fd);
  rnni_free(r->ctx, r->directory);
  rnni_free(r->ctx, r->names);
  rnni_free(r->ctx, r->members);
  *r = (reader){.fd = -1};
}

/* ---- reading: a member ---- */

typedef rnni_zip_stream stream;

static rnn_status refill(stream *s) {
  if (s->deflated.avail_in > 0) return RNN_OK;
  size_t part = (size_t)RNNI_MIN(s->packed_left, (int64_t)PIECE);
  RNNI_TRY(take(s->r, s->piece, part));
  s->packed_left -= (int64_t)part;
  s->deflated.next_in = s->piece;
  s->deflated.avail_in = (uInt)part;
  return RNN_OK;
}

/* Up to size bytes; fewer only when the stream ends. */
static rnn_status expand(stream *s, unsigned char *bytes, size_t size, size_t *got) {
  s->deflated.next_out = bytes;
  s->deflated.avail_out = (uInt)size;
  while (s->deflated.avail_out > 0 && !s->ended) {
    RNNI_TRY(rnni_poll(s->r->ctx));
    RNNI_TRY(refill(s));
    int result = inflate(&s->deflated, Z_NO_FLUSH);
    s->ended = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) return RNN_ENOMEM; /* zalloc has said so */
    if (result != Z_OK && !s->ended)
      return BAD(s->r, "member '%.100s': %s", s->m->name, s->deflated.msg ? s->deflated.msg : "its deflated bytes are cut off");
  }
  *got = size - s->deflated.avail_out;
  return RNN_OK;
}

rnn_status rnni_zip_take(rnni_zip_stream *s, void *bytes, size_t size) {
  unsigned char *at = bytes;
  for (size_t part, got; size > 0; at += part, size -= part) {
    got = part = RNNI_MIN(size, BURST);
    if (s->m->method == STORED) RNNI_TRY(take(s->r, at, part));
    else RNNI_TRY(expand(s, at, part, &got));
    if (got < part) return BAD(s->r, "member '%.100s' has fewer bytes than is said", s->m->name);
    s->crc = (uint32_t)crc32(s->crc, at, (uInt)part);
  }
  return RNN_OK;
}

/* The member has been read to its end: is it what was written? */
rnn_status rnni_zip_end_member(rnni_zip_stream *s) {
  unsigned char beyond;
  size_t more = 0;
  if (s->m->method == DEFLATED) RNNI_TRY(expand(s, &beyond, 1, &more));
  if (more || s->packed_left > 0 || s->deflated.avail_in > 0)
    return BAD(s->r, "member '%.100s' has more bytes than is said", s->m->name);
  if (s->crc != s->m->crc) return BAD(s->r, "member '%.100s' is damaged: its checksum is wrong", s->m->name);
  return RNN_OK;
}

/* A size in a local header, which may be in its ZIP64 field. */
static bool is_said(const unsigned char *at, int64_t size) {
  uint64_t said = get(at, 4);
  return said == UINT32_MAX || said == (uint64_t)size;
}

/* Where the bytes of member i begin: behind a local header that says what the directory does, and before the next. */
static rnn_status check_local(reader *r, int i) {
  member *m = &r->members[i];
  unsigned char local[LOCAL_SIZE];
  char name[4096];
  const int64_t limit = i + 1 < r->count ? r->members[i + 1].header : r->directory_at;
  RNNI_TRY(take_at(r, m->header, local, sizeof local, "a member"));
  if (get(local, 4) != LOCAL || get(local + 8, 2) != m->method || get(local + 26, 2) != m->name_size)
    return BAD(r, "member '%.100s' is described in two ways", m->name);
  if (!(m->flags & 8) && ((uint32_t)get(local + 14, 4) != m->crc || !is_said(local + 18, m->packed) ||
                          !is_said(local + 22, m->size))) /* 8: they stand behind the bytes */
    return BAD(r, "member '%.100s' is described in two ways", m->name);
  if (m->name_size > sizeof name) return BAD(r, "member '%.100s...' has a name of more than 4096 bytes", m->name);
  RNNI_TRY(take_at(r, m->header + LOCAL_SIZE, name, m->name_size, "a member"));
  const char *said = (const char *)r->directory + m->place + CENTRAL_SIZE;
  if (memcmp(name, said, m->name_size) != 0) return BAD(r, "member '%.100s' has two names", m->name);
  m->data = m->header + LOCAL_SIZE + (int64_t)m->name_size + (int64_t)get(local + 28, 2);
  if (m->data > limit || m->packed > limit - m->data) return BAD(r, "member '%.100s' overlaps what follows it", m->name);
  return RNN_OK;
}

rnn_status rnni_zip_begin_member(rnni_zip *r, int i, rnni_zip_stream *s) {
  const member *m = &r->members[i];
  RNNI_TRY(check_local(r, i));
  RNNI_TRY(go_to(r, m->data));
  *s = (stream){.r = r, .m = m, .deflated = {.zalloc = zalloc, .zfree = zfree, .opaque = r->ctx}};
  if (m->method == STORED) return RNN_OK;
  s->packed_left = m->packed;
  RNNI_TRY(rnni_alloc(r->ctx, PIECE, &s->piece));
  if (inflateInit2(&s->deflated, -MAX_WBITS) == Z_OK) return RNN_OK;
  rnni_free(r->ctx, s->piece);
  return RNN_ENOMEM;
}

void rnni_zip_leave_member(rnni_zip_stream *s) {
  if (s->m->method == STORED) return;
  inflateEnd(&s->deflated);
  rnni_free(s->r->ctx, s->piece);
}

/* ---- writing ---- */

typedef rnni_zip_item item;
typedef rnni_zip_writer writer;

static unsigned char *put(unsigned char *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
  return at + bytes;
}

static rnn_status append(writer *w, const void *bytes, size_t size) {
  RNNI_TRY(rnni_file_put(w->ctx, &w->file, bytes, size));
  w->at += (int64_t)size;
  return RNN_OK;
}

/* What both headers of a member begin with, from the version that is needed to the length of the name. Date: 1980-01-01,
   so that the same tensors give the same bytes. */
static unsigned char *put_common(unsigned char *at, const item *m, uint32_t packed, uint32_t size) {
  bool ascii = true;
  for (const char *c = m->name; *c; c++) ascii &= (unsigned char)*c < 0x80;
  at = put(at, m->wide ? 45 : 20, 2);
  at = put(at, ascii ? 0 : 1 << 11, 2); /* the name is UTF-8 */
  at = put(at, m->compress ? DEFLATED : STORED, 2);
  at = put(at, 33 << 16, 4);
  at = put(at, m->crc, 4);
  at = put(at, packed, 4);
  at = put(at, size, 4);
  return put(at, strlen(m->name) + strlen(m->suffix), 2);
}

static rnn_status append_name(writer *w, const item *m) {
  RNNI_TRY(append(w, m->name, strlen(m->name)));
  return append(w, m->suffix, strlen(m->suffix));
}

static uint32_t narrow(int64_t v) { return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX; }

/* The local header; the sizes of a wide member are in its ZIP64 field. */
static size_t local_header(const item *m, unsigned char *bytes) {
  uint32_t packed = m->wide ? UINT32_MAX : (uint32_t)m->packed, size = m->wide ? UINT32_MAX : (uint32_t)m->size;
  unsigned char *at = put_common(put(bytes, LOCAL, 4), m, packed, size);
  at = put(at, m->wide ? 20 : 0, 2);
  return (size_t)(at - bytes);
}

static size_t local_sizes(const item *m, unsigned char *bytes) {
  if (!m->wide) return 0;
  unsigned char *at = put(put(bytes, 1, 2), 16, 2);
  at = put(put(at, (uint64_t)m->size, 8), (uint64_t)m->packed, 8);
  return (size_t)(at - bytes);
}

rnn_status rnni_zip_put(rnni_zip_writer *w, const void *bytes, size_t size, bool last) {
  item *m = w->item;
  const unsigned char *from = bytes;
  do {
    size_t part = RNNI_MIN(size, BURST);
    m->crc = (uint32_t)crc32(m->crc, from, (uInt)part);
    m->size += (int64_t)part;
    if (!m->compress) RNNI_TRY(append(w, from, part));
    w->z.next_in = from;
    w->z.avail_in = m->compress ? (uInt)part : 0;
    for (bool full = m->compress; full;) {
      RNNI_TRY(rnni_poll(w->ctx));
      w->z.next_out = w->piece;
      w->z.avail_out = (uInt)PIECE;
      deflate(&w->z, last && part == size ? Z_FINISH : Z_NO_FLUSH);
      full = w->z.avail_out == 0;
      RNNI_TRY(append(w, w->piece, PIECE - w->z.avail_out));
    }
    from += part;
    size -= part;
  } while (size > 0);
  return RNN_OK;
}

rnn_status rnni_zip_put_begin(rnni_zip_writer *w, rnni_zip_item *m) {
  unsigned char bytes[LOCAL_SIZE];
  w->item = m;
  m->header = w->at;
  if (m->compress && !w->piece) {
    RNNI_TRY(rnni_alloc(w->ctx, PIECE, &w->piece));
    w->z = (z_stream){.zalloc = zalloc, .zfree = zfree, .opaque = w->ctx};
    if (deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      return RNN_ENOMEM;
  } else if (m->compress) {
    deflateReset(&w->z);
  }
  RNNI_TRY(append(w, bytes, local_header(m, bytes)));
  RNNI_TRY(append_name(w, m));
  RNNI_TRY(append(w, bytes, local_sizes(m, bytes)));
  w->start = w->at;
  return RNN_OK;
}

rnn_status rnni_zip_put_end(rnni_zip_writer *w) {
  unsigned char bytes[LOCAL_SIZE];
  item *m = w->item;
  m->packed = w->at - w->start;
  RNNI_TRY(rnni_file_patch(w->ctx, &w->file, m->header, bytes, local_header(m, bytes)));
  if (!m->wide) return RNN_OK;
  return rnni_file_patch(w->ctx, &w->file, w->start - 20, bytes, local_sizes(m, bytes));
}

rnn_status rnni_zip_put_directory(rnni_zip_writer *w, const rnni_zip_item *items, int count) {
  unsigned char bytes[END64_SIZE + LOCATOR64_SIZE + END_SIZE], extra[4 + 24], *at;
  const int64_t start = w->at;
  for (int i = 0; i < count; i++) {
    const item *m = &items[i];
    unsigned char *e = extra + 4;
    if (m->size >= UINT32_MAX) e = put(e, (uint64_t)m->size, 8);
    if (m->packed >= UINT32_MAX) e = put(e, (uint64_t)m->packed, 8);
    if (m->header >= UINT32_MAX) e = put(e, (uint64_t)m->header, 8);
    put(put(extra, 1, 2), (uint64_t)(e - extra - 4), 2);
    const size_t wide = e > extra + 4 ? (size_t)(e - extra) : 0;
    at = put_common(put(put(bytes, CENTRAL, 4), 45, 2), m, narrow(m->packed), narrow(m->size));
    at = put(at, wide, 2);
    at = put(put(at, 0, 8), 0, 2); /* no comment, first disk, no attributes */
    at = put(at, narrow(m->header), 4);
    RNNI_TRY(append(w, bytes, CENTRAL_SIZE));
    RNNI_TRY(append_name(w, m));
    RNNI_TRY(append(w, extra, wide));
  }
  const int64_t end = w->at, size = end - start;
  at = bytes;
  if (count >= UINT16_MAX || start >= UINT32_MAX || size >= UINT32_MAX) {
    at = put(put(put(at, END64, 4), END64_SIZE - 12, 8), 45 << 16 | 45, 4);
    at = put(put(put(at, 0, 8), (uint64_t)count, 8), (uint64_t)count, 8);
    at = put(put(at, (uint64_t)size, 8), (uint64_t)start, 8);
    at = put(put(put(put(at, LOCATOR64, 4), 0, 4), (uint64_t)end, 8), 1, 4);
  }
  const uint64_t shown = (uint64_t)RNNI_MIN(count, UINT16_MAX);
  at = put(put(put(put(at, END, 4), 0, 4), shown, 2), shown, 2);
  at = put(put(put(at, narrow(size), 4), narrow(start), 4), 0, 2);
  return append(w, bytes, (size_t)(at - bytes));
}

rnn_status rnni_zip_create(rnn_ctx *ctx, const char *path, rnni_zip_writer *w) {
  *w = (writer){.ctx = ctx};
  return rnni_file_begin(ctx, path, &w->file);
}

rnn_status rnni_zip_finish(rnni_zip_writer *w, rnn_status status) {
  rnn_status finished = rnni_file_finish(w->ctx, &w->file, status == RNN_OK);
  if (w->z.state) deflateEnd(&w->z);
  rnni_free(w->ctx, w->piece);
  return status == RNN_OK ? finished : status;
}
