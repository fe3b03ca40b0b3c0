/* sha256.c: SHA-256, FIPS 180-4. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../internal.h"

/* Bytes until an interrupt is seen. */
#define PIECE ((size_t)1 << 20)

typedef struct sha256 {
  uint32_t h[8];
  unsigned char block[64];
  uint64_t size;
} sha256;

static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint32_t keys[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static inline uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void mix(uint32_t h[8], const unsigned char *block) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++, block += 4)
    w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  memcpy(s, h, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t one = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25), choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    uint32_t a = s[7] + one + choice + keys[i] + w[i];
    uint32_t zero = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += a;
    s[0] = a + zero + majority;
  }
  for (int i = 0; i < 8; i++) h[i] += s[i];
}

static void begin(sha256 *s) {
  memcpy(s->h, first, sizeof first);
  s->size = 0;
}

static void add(sha256 *s, const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  size_t used = (size_t)(s->size % sizeof s->block);
  s->size += size;
  if (used > 0) {
    size_t part = RNNI_MIN(size, sizeof s->block - used);
    memcpy(s->block + used, at, part);
    at += part;
    size -= part;
    if (used + part < sizeof s->block) return;
    mix(s->h, s->block);
  }
  for (; size >= sizeof s->block; at += sizeof s->block, size -= sizeof s->block) mix(s->h, at);
  if (size > 0) memcpy(s->block, at, size);
}

static void end(sha256 *s, char out[RNN_SHA256_TEXT]) {
  static const unsigned char padding[64] = {0x80};
  unsigned char length[8];
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)(s->size * 8 >> (56 - 8 * i));
  add(s, padding, 1 + (119 - (size_t)(s->size % 64)) % 64);
  add(s, length, sizeof length);
  for (int i = 0; i < 8; i++) snprintf(out + 8 * i, 9, "%08x", s->h[i]);
}

void rnn_sha256(const void *bytes, size_t size, char out[RNN_SHA256_TEXT]) {
  sha256 s;
  begin(&s);
  add(&s, bytes, size);
  end(&s, out);
}

rnn_status rnn_file_sha256(rnn_ctx *ctx, const char *path, char out[RNN_SHA256_TEXT], int64_t *size) {
  RNNI_NEED(ctx, path && out && size, "path, out or size is NULL");
  int fd;
  char *piece = NULL;
  size_t got;
  sha256 s;
  RNNI_TRY(rnni_file_open(ctx, path, false, &fd, size));
  rnn_status status;
  RNNI_GOTO(rnni_alloc(ctx, PIECE, &piece));
  begin(&s);
  do {
    RNNI_GOTO(rnni_file_get(ctx, path, fd, piece, PIECE, &got));
    add(&s, piece, got);
  } while (got == PIECE);
  *size = (int64_t)s.size;
  end(&s, out);
done:
  close(fd);
  rnni_free(ctx, piece);
  return status;
}

rnn_status rnn_tensor_sha256(rnn_ctx *ctx, rnn_tensor *tensor, char out[RNN_SHA256_TEXT]) {
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_NEED_TENSOR(ctx, tensor);
  rnn_tensor *t;
  sha256 s;
  RNNI_TRY(rnn_tensor_contiguous(ctx, tensor, &t));
  rnn_status status = RNN_OK;
  const char *at = t->data;
  size_t left = (size_t)t->count * rnni_type_size(t->type);
  begin(&s);
  for (size_t part; left > 0; at += part, left -= part) {
    RNNI_GOTO(rnni_poll(ctx));
    part = RNNI_MIN(left, PIECE);
    add(&s, at, part);
  }
  end(&s, out);
done:
  rnn_tensor_free(t);
  return status;
}
