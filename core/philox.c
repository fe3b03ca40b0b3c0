/* philox.c: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): bits by seed and position.
 * One number uses one position of the counter. */
#include "internal.h"

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
    memcpy(c, next, sizeof next);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/* A block of 128 bits holds two. */
void rnni_random_bits_at(uint64_t seed, uint64_t position, int64_t n, uint64_t *bits) {
  for (int64_t i = 0; i < n;) {
    uint64_t block = (position + (uint64_t)i) >> 1;
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
    philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    if (((position + (uint64_t)i) & 1) == 0) bits[i++] = (uint64_t)c[1] << 32 | c[0];
    if (i < n) bits[i++] = (uint64_t)c[3] << 32 | c[2];
  }
}

static uint64_t bits_at(uint64_t seed, uint64_t position) {
  uint64_t bits;
  rnni_random_bits_at(seed, position, 1, &bits);
  return bits;
}

uint64_t rnni_random_bits(rnn_ctx *ctx) { return bits_at(ctx->random.seed, ctx->random.position++); }

double rnni_random_at(uint64_t seed, uint64_t position) { return rnni_to_unit(bits_at(seed, position)); }

void rnn_seed(rnn_ctx *ctx, uint64_t seed) { ctx->random = (rnn_random_state){.seed = seed}; }
rnn_random_state rnn_random_get(const rnn_ctx *ctx) { return ctx->random; }
void rnn_random_set(rnn_ctx *ctx, rnn_random_state state) { ctx->random = state; }
