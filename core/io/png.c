/* png.c: a tensor as a PNG picture (W3C Recommendation, second edition, 2003); zlib compresses. */
#include <zlib.h>

#include "../internal.h"

#define MOST_PIXELS ((int64_t)1 << 26)
#define FRAME 64 /* bytes of everything but the compressed rows: signature, IHDR, IEND, headers and checksums */

/* Channels, 1 to 4, of a tensor that is a picture; 0 of any other. */
static int channels_of(const rnn_tensor *t) {
  if (t->ndim != 2 && t->ndim != 3) return 0;
  int64_t channels = t->ndim == 3 ? t->dims[2] : 1;
  if (channels < 1 || channels > 4 || t->dims[0] < 1 || t->dims[1] < 1) return 0;
  if (t->dims[0] > MOST_PIXELS || t->dims[1] > MOST_PIXELS || t->dims[0] * t->dims[1] > MOST_PIXELS) return 0;
  return (int)channels;
}

/* Rows as PNG has them: a byte 0 ("no filter"), then the pixels. */
static size_t raw_size(const rnn_tensor *t) {
  return (size_t)t->dims[0] * (1 + (size_t)t->dims[1] * (size_t)channels_of(t));
}

size_t rnn_png_bound(const rnn_tensor *t) {
  return channels_of(t) ? compressBound(raw_size(t)) + FRAME : 0;
}

static unsigned char level(const rnn_tensor *t, int64_t i) {
  double v = t->type == RNN_INT ? (double)rnni_i(t)[i] : (double)rnni_f(t)[i] * 255;
  return v >= 255 ? 255 : v > 0 ? (unsigned char)(v + 0.5) : 0; /* NaN is 0 */
}

static void fill_rows(const rnn_tensor *t, unsigned char *raw) {
  int64_t width = t->dims[1] * channels_of(t);
  for (int64_t y = 0; y < t->dims[0]; y++) {
    *raw++ = 0;
    for (int64_t x = 0; x < width; x++) *raw++ = level(t, y * width + x);
  }
}

static unsigned char *put(unsigned char *at, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = (unsigned char)(value >> shift);
  return at;
}

/* The chunk whose size bytes already stand at at + 8; returns its end. */
static unsigned char *finish_chunk(unsigned char *at, const char *type, size_t size) {
  put(at, (uint32_t)size);
  memcpy(at + 4, type, 4);
  return put(at + 8 + size, (uint32_t)crc32(0, at + 4, (uInt)size + 4));
}

rnn_status rnn_png_encode(rnn_ctx *ctx, const rnn_tensor *t, void *into, size_t *size) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_TRY(rnni_need_rows(ctx, "png_encode", t));
  static const unsigned char signature[8] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
  static const unsigned char color_types[] = {0, 0, 4, 2, 6}; /* grey, grey and alpha, RGB, RGBA */
  int channels = channels_of(t);
  if (!channels) {
    char text[128];
    return rnni_fail(ctx, RNN_ESHAPE,
                     "a picture is a tensor (H, W) or (H, W, C) of C = 1 to 4 and at most %lld pixels, got %s",
                     (long long)MOST_PIXELS, rnn_tensor_describe(t, text, sizeof text));
  }
  RNNI_NEED(ctx, into && size, "into or size is NULL");
  unsigned char *raw, *at = into;
  RNNI_TRY(rnni_alloc(ctx, raw_size(t), &raw));
  fill_rows(t, raw);

  memcpy(at, signature, sizeof signature);
  at += sizeof signature;
  unsigned char *header = put(put(at + 8, (uint32_t)t->dims[1]), (uint32_t)t->dims[0]);
  memcpy(header, (unsigned char[]){8, color_types[channels], 0, 0, 0}, 5); /* 8 bits a channel */
  at = finish_chunk(at, "IHDR", 13);
  uLongf packed = compressBound(raw_size(t));
  int failed = compress2(at + 8, &packed, raw, raw_size(t), Z_DEFAULT_COMPRESSION);
  rnni_free(ctx, raw);
  if (failed) return rnni_fail(ctx, RNN_ENOMEM, "not enough memory for a picture of %lld bytes", (long long)raw_size(t));
  at = finish_chunk(at, "IDAT", packed);
  at = finish_chunk(at, "IEND", 0);
  *size = (size_t)(at - (unsigned char *)into);
  return RNN_OK;
}
