/* scratch.h: what tests of files share: a folder of their own, and whole files in one call. Include after cmocka.h. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

typedef struct scratch {
  rnn_ctx *ctx;
  char folder[PATH_MAX - 300]; /* without a final slash */
} scratch;

static inline int scratch_setup(void **state) {
  scratch *s = calloc(1, sizeof *s);
  assert_non_null(s);
  const char *base = getenv("TMPDIR");
  snprintf(s->folder, sizeof s->folder, "%s/rnn-test-XXXXXX", base && *base ? base : "/tmp");
  assert_non_null(mkdtemp(s->folder));
  assert_int_equal(rnn_ctx_new(&s->ctx), RNN_OK);
  *state = s;
  return 0;
}

/* folder/name; each call uses one of 8 slots in turn. */
static inline const char *in_scratch(const scratch *s, const char *name) {
  static char slots[8][PATH_MAX];
  static int next;
  char *path = slots[next++ % 8];
  snprintf(path, PATH_MAX, "%s/%s", s->folder, name);
  return path;
}

/* How many files the folder has. */
static inline int scratch_count(const scratch *s) {
  DIR *dir = opendir(s->folder);
  assert_non_null(dir);
  int n = 0;
  for (struct dirent *e; (e = readdir(dir));) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
  closedir(dir);
  return n;
}

static inline int scratch_teardown(void **state) {
  scratch *s = *state;
  rnn_memory m;
  rnn_memory_read(s->ctx, &m);
  assert_int_equal(m.live, 0); /* every test gives back what it took */
  rnn_ctx_free(s->ctx);
  DIR *dir = opendir(s->folder);
  assert_non_null(dir);
  for (struct dirent *e; (e = readdir(dir));) {
    const char *path = in_scratch(s, e->d_name);
    if (unlink(path) != 0) rmdir(path);
  }
  closedir(dir);
  assert_int_equal(rmdir(s->folder), 0);
  free(s);
  return 0;
}

static inline void spew(const char *path, const void *bytes, size_t size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

/* The whole file and a zero behind it; the caller frees it. */
static inline char *slurp(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  struct stat st;
  assert_int_equal(fstat(fileno(f), &st), 0);
  *size = (size_t)st.st_size;
  char *bytes = malloc(*size + 1);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, f), *size);
  bytes[*size] = '\0';
  fclose(f);
  return bytes;
}

static inline void assert_content(const char *path, const char *text) {
  size_t size;
  char *bytes = slurp(path, &size);
  assert_string_equal(bytes, text);
  assert_int_equal(size, strlen(text));
  free(bytes);
}

/* Fails the test unless status and a part of the context's message are as said. */
#define assert_failure(ctx, got, wanted, part)                                       \
  do {                                                                               \
    rnn_status failure = (got);                                                      \
    if (failure != (wanted) || !strstr(rnn_message(ctx), part))                      \
      fail_msg("wanted %s with '%s', got %s: %s", rnn_status_name(wanted), part,     \
               rnn_status_name(failure), failure ? rnn_message(ctx) : "");           \
  } while (0)

#define assert_ok(ctx, got)                                                                      \
  do {                                                                                           \
    rnn_status outcome = (got);                                                                  \
    if (outcome != RNN_OK) fail_msg("%s: %s", rnn_status_name(outcome), rnn_message(ctx));       \
  } while (0)

#endif
