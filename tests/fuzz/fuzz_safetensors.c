/* fuzz_safetensors.c: no bytes may crash the reader, and what it accepts must survive a round trip.
 *
 * The input is a whole file, tried as it is and once more with the header's length mended to end at the last '}': most
 * mutations would not get past it otherwise. It is read from a memory file; what was accepted is written to a scratch
 * file in memory and read again. A leak is found by the live-byte count. */
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

static rnn_ctx *ctx;
static int memory_file = -1;
static char source[64], scratch[64];

static void remove_scratch(void) { unlink(scratch); }

static void start(void) {
  MUST(rnn_ctx_new(&ctx) == RNN_OK);
  rnn_memory_set_limit(ctx, LIMIT);
  memory_file = memfd_create("fuzz", 0);
  MUST(memory_file >= 0);
  snprintf(source, sizeof source, "/proc/self/fd/%d", memory_file);
  snprintf(scratch, sizeof scratch, "/dev/shm/fuzz-safetensors-%ld", (long)getpid());
  atexit(remove_scratch);
}

static void same_archive(const rnn_archive *a, const rnn_archive *b) {
  MUST(a->count == b->count && a->metadata_count == b->metadata_count);
  for (int i = 0; i < a->count; i++)
    for (int j = 0; j <= b->count; j++) { /* the order may differ, the names are unique */
      MUST(j < b->count);
      if (strcmp(a->names[i], b->names[j]) != 0) continue;
      const rnn_tensor *x = a->tensors[i], *y = b->tensors[j];
      MUST(x->type == y->type && rnni_same_shape(x, y));
      MUST(memcmp(x->data, y->data, (size_t)x->count * rnni_type_size(x->type)) == 0);
      break;
    }
}

static void try_file(void) {
  rnn_archive a, b;
  rnn_status status = rnn_safetensors_read(ctx, source, &a);
  MUST(status == RNN_OK || status == RNN_EFORMAT || status == RNN_ENOMEM);
  if (status == RNN_OK) {
    MUST(rnn_safetensors_write(ctx, scratch, &a) == RNN_OK);
    MUST(rnn_safetensors_read(ctx, scratch, &b) == RNN_OK);
    same_archive(&a, &b);
    rnn_archive_free(ctx, &b);
    rnn_archive_free(ctx, &a);
  }
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  MUST(m.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (!ctx) start();
  MUST(ftruncate(memory_file, 0) == 0);
  MUST(pwrite(memory_file, bytes, size, 0) == (ssize_t)size);
  try_file();
  const uint8_t *last = memrchr(bytes, '}', size);
  uint64_t length = last ? (uint64_t)(last + 1 - bytes) : 0;
  if (length <= sizeof length) return 0;
  length -= sizeof length;
  MUST(pwrite(memory_file, &length, sizeof length, 0) == sizeof length);
  try_file();
  return 0;
}
