/* fuzz_safetensors.c: no bytes may crash the reader, and what it accepts must survive a round trip.
 *
 * The input is a whole file, tried as it is and once more with the header's length mended to end at the last '}': most
 * mutations would not get past it otherwise. */
#include "files.h"

static void try_file(void) {
  rnn_archive a, b;
  if (accepted(rnn_safetensors_read(ctx, source, &a))) {
    MUST(rnn_safetensors_write(ctx, scratch, &a) == RNN_OK);
    MUST(rnn_safetensors_read(ctx, scratch, &b) == RNN_OK);
    same_archive(&a, &b);
    rnn_archive_free(ctx, &b);
    rnn_archive_free(ctx, &a);
  }
  no_leak();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  start();
  hold(bytes, size);
  try_file();
  const uint8_t *last = memrchr(bytes, '}', size);
  uint64_t length = last ? (uint64_t)(last + 1 - bytes) : 0;
  if (length <= sizeof length) return 0;
  length -= sizeof length;
  MUST(pwrite(memory_file, &length, sizeof length, 0) == sizeof length);
  try_file();
  return 0;
}
