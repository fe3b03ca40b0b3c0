/* inflate.c: a stream of zlib's, as files of other programs have them in their parts. */
#include <limits.h>
#include <zlib.h>

#include "../internal.h"

#define PIECE ((size_t)1 << 20) /* bytes until an interrupt is seen */

static void *zalloc(void *ctx, uInt count, uInt size) {
  void *bytes;
  return rnni_calloc(ctx, (size_t)count * size, &bytes) == RNN_OK ? bytes : NULL;
}

static void zfree(void *ctx, void *bytes) { rnni_free(ctx, bytes); }

rnn_status rnn_inflate(rnn_ctx *ctx, const void *packed, size_t packed_size, void *bytes, size_t size) {
  RNNI_NEED(ctx, packed && (bytes || size == 0), "packed or bytes is NULL");
  z_stream z = {.zalloc = zalloc, .zfree = zfree, .opaque = ctx, .next_in = (Bytef *)packed, .next_out = bytes};
  if (packed_size > UINT_MAX || size > UINT_MAX) return rnni_fail(ctx, RNN_EFORMAT, "4 GiB or more in one piece");
  if (inflateInit(&z) != Z_OK) return RNN_ENOMEM;
  z.avail_in = (uInt)packed_size;
  unsigned char beyond;
  int result = Z_OK;
  rnn_status status = RNN_OK;
  while (result == Z_OK && status == RNN_OK) {
    size_t left = size - z.total_out;
    if (left == 0) z.next_out = &beyond; /* is there more than is said? */
    z.avail_out = left > 0 ? (uInt)RNNI_MIN(left, PIECE) : 1;
    result = inflate(&z, Z_NO_FLUSH);
    if (z.total_out > size) break;
    status = rnni_poll(ctx);
  }
  if (status == RNN_OK && (result != Z_STREAM_END || z.total_out != size || z.avail_in > 0))
    status = rnni_fail(ctx, RNN_EFORMAT, "compressed bytes that are damaged, or of another size than %zu", size);
  inflateEnd(&z);
  return status;
}
