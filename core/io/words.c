/* words.c: see words.h. */
#include "words.h"

static uint32_t hash_of(const char *text, size_t size) {
  uint64_t h = size * 0x9e3779b97f4a7c15u, piece;
  for (; size >= 8; text += 8, size -= 8) {
    memcpy(&piece, text, 8);
    h = (h ^ piece) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  }
  piece = 0;
  for (size_t i = 0; i < size; i++) piece = piece << 8 | (unsigned char)text[i];
  h = (h ^ piece) * 0xff51afd7ed558ccdu; /* the multiplier of MurmurHash3 */
  return (uint32_t)(h >> 32);
}

static size_t start_of(const rnni_words *words, int32_t id) { return id > 1 ? words->ends[id - 2] : 0; }

const char *rnni_words_at(const rnni_words *words, int32_t id) { return words->bytes + start_of(words, id); }

/* The slot that holds text, or the free one where it belongs. There is always a free one. */
static uint32_t slot_of(const rnni_words *words, const char *text, size_t size, uint32_t hash) {
  uint32_t mask = words->slot_count - 1, slot = hash & mask;
  for (int32_t id; (id = words->slots[slot]); slot = (slot + 1) & mask) {
    size_t start = start_of(words, id);
    if (words->hashes[id - 1] == hash && words->ends[id - 1] - start == size + 1 &&
        memcmp(words->bytes + start, text, size) == 0)
      break;
  }
  return slot;
}

int32_t rnni_words_find(const rnni_words *words, const char *text, size_t size) {
  return words->count ? words->slots[slot_of(words, text, size, hash_of(text, size))] : 0;
}

static rnn_status more_slots(rnn_ctx *ctx, rnni_words *words) {
  uint32_t count = words->slot_count ? words->slot_count * 2 : 16, mask = count - 1;
  int32_t *slots;
  RNNI_TRY(rnni_calloc(ctx, count * sizeof *slots, &slots));
  for (int32_t id = 1; id <= words->count; id++) {
    uint32_t slot = words->hashes[id - 1] & mask;
    while (slots[slot]) slot = (slot + 1) & mask;
    slots[slot] = id;
  }
  rnni_free(ctx, words->slots);
  words->slots = slots;
  words->slot_count = count;
  return RNN_OK;
}

/* Room for one more string of size bytes and its NUL. */
static rnn_status reserve(rnn_ctx *ctx, rnni_words *words, size_t size) {
  if (words->count >= INT32_MAX / 2) return rnni_fail(ctx, RNN_EARG, "more than %d distinct words", INT32_MAX / 2);
  if ((uint32_t)words->count >= words->slot_count / 4 * 3) RNNI_TRY(more_slots(ctx, words));
  if (words->count == words->room) {
    int32_t room = words->room ? words->room * 2 : 16;
    RNNI_TRY(rnni_realloc(ctx, (size_t)room * sizeof *words->ends, &words->ends));
    RNNI_TRY(rnni_realloc(ctx, (size_t)room * sizeof *words->hashes, &words->hashes));
    words->room = room;
  }
  size_t used = words->count ? words->ends[words->count - 1] : 0;
  if (size + 1 > words->bytes_room - used) {
    size_t room = RNNI_MAX(words->bytes_room * 2, used + size + 1);
    RNNI_TRY(rnni_realloc(ctx, room, &words->bytes));
    words->bytes_room = room;
  }
  return RNN_OK;
}

rnn_status rnni_words_add(rnn_ctx *ctx, rnni_words *words, const char *text, size_t size, int32_t *id) {
  uint32_t hash = hash_of(text, size);
  if (words->slot_count) {
    uint32_t slot = slot_of(words, text, size, hash);
    if (words->slots[slot]) {
      *id = words->slots[slot];
      return RNN_OK;
    }
  }
  RNNI_TRY(reserve(ctx, words, size));
  size_t start = words->count ? words->ends[words->count - 1] : 0;
  memcpy(words->bytes + start, text, size);
  words->bytes[start + size] = '\0';
  words->hashes[words->count] = hash;
  words->ends[words->count] = start + size + 1;
  words->slots[slot_of(words, text, size, hash)] = ++words->count;
  *id = words->count;
  return RNN_OK;
}

rnn_status rnni_words_copy(rnn_ctx *ctx, const rnni_words *words, char ***out) {
  char **array = NULL, *bytes;
  if (words->count) {
    size_t size = words->ends[words->count - 1];
    RNNI_TRY(rnni_alloc(ctx, size, &bytes));
    rnn_status status = rnni_array(ctx, words->count, sizeof *array, &array);
    if (status != RNN_OK) {
      rnni_free(ctx, bytes);
      return status;
    }
    memcpy(bytes, words->bytes, size);
    for (int32_t i = 0; i < words->count; i++) array[i] = bytes + start_of(words, i + 1);
  }
  *out = array;
  return RNN_OK;
}

rnn_status rnni_words_take(rnn_ctx *ctx, rnni_words *words, char ***out) {
  char **array = NULL;
  if (words->count) {
    /* The hash table goes first: the array then costs no memory that was not in use before. */
    rnni_free(ctx, words->slots);
    words->slots = NULL;
    words->slot_count = 0;
    RNNI_TRY(rnni_array(ctx, words->count, sizeof *array, &array));
    for (int32_t i = 0; i < words->count; i++) array[i] = words->bytes + start_of(words, i + 1);
    words->bytes = NULL;
  }
  rnni_words_free(ctx, words);
  *out = array;
  return RNN_OK;
}

void rnni_words_free(rnn_ctx *ctx, rnni_words *words) {
  rnni_free(ctx, words->slots);
  rnni_free(ctx, words->bytes);
  rnni_free(ctx, words->hashes);
  rnni_free(ctx, words->ends);
  *words = (rnni_words){0};
}
