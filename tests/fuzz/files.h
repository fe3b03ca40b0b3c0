/* files.h: what the fuzzers of readers of tensor files share. The input is read from a memory file; what was accepted is
 * written to a scratch file in memory and read again. A leak is found by the live-byte count. */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define LIMIT ((size_t)64 << 20)

#define MUST(condition)                                          \
  do {                                                           \
    if (!(condition)) {                                          \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                   \
    }                                                            \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static rnn_ctx *ctx;
static int memory_file = -1;
static char source[64], scratch[64];

static void remove_scratch(void) { unlink(scratch); }

static void start(void) {
  if (ctx) return;
  MUST(rnn_ctx_new(&ctx) == RNN_OK);
  rnn_memory_set_limit(ctx, LIMIT);
  memory_file = memfd_create("fuzz", 0);
  MUST(memory_file >= 0);
  snprintf(source, sizeof source, "/proc/self/fd/%d", memory_file);
  snprintf(scratch, sizeof scratch, "/dev/shm/fuzz-%ld", (long)getpid());
  atexit(remove_scratch);
}

/* Makes the bytes the file source. */
static void hold(const void *bytes, size_t size) {
  MUST(pwrite(memory_file, bytes, size, 0) == (ssize_t)size);
  MUST(ftruncate(memory_file, (off_t)size) == 0);
}

static bool accepted(rnn_status status) {
  MUST(status == RNN_OK || status == RNN_EFORMAT || status == RNN_ENOMEM);
  return status == RNN_OK;
}

static void same(const rnn_tensor *x, const rnn_tensor *y) {
  MUST(x->type == y->type && rnni_same_shape(x, y));
  MUST(memcmp(x->data, y->data, (size_t)x->count * rnni_type_size(x->type)) == 0);
}

static void same_archive(const rnn_archive *a, const rnn_archive *b) {
  MUST(a->count == b->count && a->metadata_count == b->metadata_count);
  for (int i = 0; i < a->count; i++)
    for (int j = 0; j <= b->count; j++) { /* the order may differ, the names are unique */
      MUST(j < b->count);
      if (strcmp(a->names[i], b->names[j]) != 0) continue;
      same(a->tensors[i], b->tensors[j]);
      break;
    }
}

static void no_leak(void) {
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  MUST(m.live == 0);
}

#endif
