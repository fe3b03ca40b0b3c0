/* zip.h: ZIP archives, member by member. */
#ifndef RNNI_ZIP_H
#define RNNI_ZIP_H

#define ZLIB_CONST
#include <zlib.h>

#include "../internal.h"

enum { RNNI_ZIP_STORED = 0, RNNI_ZIP_DEFLATED = 8, RNNI_ZIP_END = 22 /* bytes of the end record without a comment */ };

/* ---- reading ---- */

typedef struct rnni_zip_member {
  char *name;       /* ended by a NUL */
  size_t name_size; /* in the file */
  unsigned method, flags;
  uint32_t crc, attributes;
  int64_t packed, size, header, data; /* data: where its bytes are, known when they are read */
  int64_t place;                      /* of its central header in the directory */
} rnni_zip_member;

typedef struct rnni_zip {
  rnn_ctx *ctx;
  const char *path, *what; /* what: ".npz file", for messages */
  int fd;
  int64_t size;
  unsigned char *directory;
  int64_t directory_at, directory_size;
  char *names; /* of the members */
  int count;
  rnni_zip_member *members; /* in the order of the file */
} rnni_zip;

/* Opens a file and reads its directory; after a failure there is nothing to close. */
RNN_MUST_USE rnn_status rnni_zip_open(rnn_ctx *ctx, const char *path, const char *what, rnni_zip *z);
void rnni_zip_close(rnni_zip *z);
/* RNN_EFORMAT when two members have one name: which of them is meant would be chance. */
RNN_MUST_USE rnn_status rnni_zip_need_unique(rnni_zip *z);

typedef struct rnni_zip_stream {
  rnni_zip *r;
  const rnni_zip_member *m;
  int64_t packed_left;
  unsigned char *piece; /* of packed bytes */
  z_stream deflated;
  bool ended; /* the deflated stream says so */
  uint32_t crc;
} rnni_zip_stream;

/* Begins with the bytes of member i, takes all of them, and checks that they are what was written. Once it has begun,
   leave it, whatever happened. */
RNN_MUST_USE rnn_status rnni_zip_begin_member(rnni_zip *z, int i, rnni_zip_stream *s);
RNN_MUST_USE rnn_status rnni_zip_take(rnni_zip_stream *s, void *bytes, size_t size);
RNN_MUST_USE rnn_status rnni_zip_end_member(rnni_zip_stream *s);
void rnni_zip_leave_member(rnni_zip_stream *s);

/* ---- writing ---- */

typedef struct rnni_zip_item {
  const char *name, *suffix;
  bool compress, wide; /* wide: its sizes may not fit into 32 bits */
  uint32_t crc;        /* this and the rest are found out */
  int64_t packed, size, header;
} rnni_zip_item;

typedef struct rnni_zip_writer {
  rnn_ctx *ctx;
  rnni_file file;
  int64_t at; /* bytes put so far */
  z_stream z;
  unsigned char *piece;
  rnni_zip_item *item; /* the one that is being written */
  int64_t start;       /* of its bytes */
} rnni_zip_writer;

/* Creates the file, to be finished whatever happens, with the status of what happened. */
RNN_MUST_USE rnn_status rnni_zip_create(rnn_ctx *ctx, const char *path, rnni_zip_writer *w);
RNN_MUST_USE rnn_status rnni_zip_put_begin(rnni_zip_writer *w, rnni_zip_item *m);
/* last: these bytes are the last ones; there may be none. */
RNN_MUST_USE rnn_status rnni_zip_put(rnni_zip_writer *w, const void *bytes, size_t size, bool last);
RNN_MUST_USE rnn_status rnni_zip_put_end(rnni_zip_writer *w);
RNN_MUST_USE rnn_status rnni_zip_put_directory(rnni_zip_writer *w, const rnni_zip_item *items, int count);
RNN_MUST_USE rnn_status rnni_zip_finish(rnni_zip_writer *w, rnn_status status);

#endif
