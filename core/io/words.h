/* words.h: a set of strings that are numbered 1, 2, 3 ... in the order of their first appearance. */
#ifndef RNN_WORDS_H
#define RNN_WORDS_H

#include "internal.h"

/* All zero is the empty set. */
typedef struct rnni_words {
  int32_t count;
  int32_t room;
  size_t *ends;     /* (count) where in bytes the string of this id ends, its NUL included */
  uint32_t *hashes; /* (count) */
  char *bytes;      /* the strings end to end, each with a NUL */
  size_t bytes_room;
  int32_t *slots; /* (slot_count, a power of two) ids, 0 where free; open addressing */
  uint32_t slot_count;
} rnni_words;

/* The id of text, which is new when it equals the count after the call. text must not contain a NUL. */
RNN_MUST_USE rnn_status rnni_words_add(rnn_ctx *ctx, rnni_words *words, const char *text, size_t size, int32_t *id);
/* 0 when text is not in the set */
int32_t rnni_words_find(const rnni_words *words, const char *text, size_t size);
const char *rnni_words_at(const rnni_words *words, int32_t id);
/* The strings as an array, whose first entry is the start of the one block that holds them all; NULL for the empty
   set. The set is empty afterwards. The caller frees the block, then the array. */
RNN_MUST_USE rnn_status rnni_words_take(rnn_ctx *ctx, rnni_words *words, char ***out);
/* The same of a copy; the set stays as it is. */
RNN_MUST_USE rnn_status rnni_words_copy(rnn_ctx *ctx, const rnni_words *words, char ***out);
void rnni_words_free(rnn_ctx *ctx, rnni_words *words);

#endif
