/* checksum.c: does a file hold what was written into it? Each word is mixed in by a bijection, so that a change within
 * one word is always seen; it is no protection against people. */
#include "../internal.h"

/* Bytes until an interrupt is seen. */
#define PIECE ((size_t)8 << 20)

static uint64_t mix(uint64_t h) {
  h *= 0x9E3779B97F4A7C15;
  return h << 31 | h >> 33;
}

static uint64_t add(uint64_t h, const void *bytes, size_t size) {
  const char *at = bytes;
  uint64_t word;
  h = mix(h ^ size);
  for (; size >= sizeof word; at += sizeof word, size -= sizeof word) {
    memcpy(&word, at, sizeof word);
    h = mix(h ^ word);
  }
  word = 0;
  if (size > 0) memcpy(&word, at, size);
  return mix(h ^ word);
}

uint64_t rnn_checksum(const void *bytes, size_t size) { return add(1, bytes, size); }

rnn_status rnn_tensor_checksum(rnn_ctx *ctx, rnn_tensor *tensor, uint64_t *out) {
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_NEED_TENSOR(ctx, tensor);
  rnn_tensor *t;
  RNNI_TRY(rnn_tensor_contiguous(ctx, tensor, &t));
  uint64_t h = add((uint64_t)t->type, t->dims, (size_t)t->ndim * sizeof *t->dims);
  const char *at = t->data;
  size_t left = (size_t)t->count * rnni_type_size(t->type);
  rnn_status status = RNN_OK;
  for (size_t part; left > 0; at += part, left -= part) {
    RNNI_GOTO(rnni_poll(ctx));
    part = RNNI_MIN(left, PIECE);
    h = add(h, at, part);
  }
  *out = h;
done:
  rnn_tensor_free(t);
  return status;
}
