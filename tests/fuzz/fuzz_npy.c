/* fuzz_npy.c: no bytes may crash the readers of NumPy's files, and what they accept must survive a round trip.
 *
 * The input is tried as an .npy file, as an .npz file and as the text of an .npy file's header: most mutations would not
 * get past its length otherwise. It is read from a memory file; what was accepted is written to a scratch file in memory
 * and read again. A leak is found by the live-byte count. */
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
  snprintf(scratch, sizeof scratch, "/dev/shm/fuzz-npy-%ld", (long)getpid());
  atexit(remove_scratch);
}

static bool accepted(rnn_status status) {
  MUST(status == RNN_OK || status == RNN_EFORMAT || status == RNN_ENOMEM);
  return status == RNN_OK;
}

static void same(const rnn_tensor *x, const rnn_tensor *y) {
  MUST(x->type == y->type && rnni_same_shape(x, y));
  MUST(memcmp(x->data, y->data, (size_t)x->count * rnni_type_size(x->type)) == 0);
}

static void try_npy(void) {
  rnn_tensor *x, *y;
  if (!accepted(rnn_npy_read(ctx, source, &x))) return;
  MUST(rnn_npy_write(ctx, scratch, x) == RNN_OK);
  MUST(rnn_npy_read(ctx, scratch, &y) == RNN_OK);
  same(x, y);
  rnn_tensor_free(x);
  rnn_tensor_free(y);
}

static void try_npz(void) {
  rnn_archive a, b;
  if (!accepted(rnn_npz_read(ctx, source, &a))) return;
  rnn_status status = rnn_npz_write(ctx, scratch, &a, a.count % 2);
  MUST(status == RNN_OK || status == RNN_EARG); /* a name that is no UTF-8 */
  if (status == RNN_OK) {
    MUST(rnn_npz_read(ctx, scratch, &b) == RNN_OK);
    MUST(a.count == b.count);
    for (int i = 0; i < a.count; i++)
      for (int j = 0; j <= b.count; j++) {
        MUST(j < b.count);
        if (strcmp(a.names[i], b.names[j]) != 0) continue;
        same(a.tensors[i], b.tensors[j]);
        break;
      }
    rnn_archive_free(ctx, &b);
  }
  rnn_archive_free(ctx, &a);
}

static void hold(const void *bytes, size_t size) {
  MUST(pwrite(memory_file, bytes, size, 0) == (ssize_t)size);
  MUST(ftruncate(memory_file, (off_t)size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (!ctx) start();
  hold(bytes, size);
  try_npy();
  try_npz();
  /* The input as the text of a header, before 64 bytes of elements. */
  static unsigned char made[10 + 4096 + 64] = "\x93NUMPY\1";
  if (size <= 4096) {
    made[8] = (unsigned char)size;
    made[9] = (unsigned char)(size >> 8);
    memcpy(made + 10, bytes, size);
    hold(made, 10 + size + 64);
    try_npy();
  }
  rnn_memory m;
  rnn_memory_read(ctx, &m);
  MUST(m.live == 0);
  return 0;
}
