/* fuzz_npy.c: no bytes may crash the readers of NumPy's files, and what they accept must survive a round trip.
 *
 * The input is tried as an .npy file, as an .npz file and as the text of an .npy file's header: most mutations would not
 * get past its length otherwise. */
#include "files.h"

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
    same_archive(&a, &b);
    rnn_archive_free(ctx, &b);
  }
  rnn_archive_free(ctx, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  start();
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
  no_leak();
  return 0;
}
