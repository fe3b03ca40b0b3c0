/* mem.c: the one gate for memory: aligned, counted, cached by size, limited, and able to fail on purpose.
 *
 * Sizes are rounded up to eight classes an octave (at most 12.5 % waste), from a megabyte on to 64. A freed block waits in the list of its
 * class for the next request, so a training step after the first asks the system for nothing. The cache never makes
 * the process larger than the most that was ever in use at once, plus 64 MB: a request that would, empties it first.
 * Under AddressSanitizer nothing is cached, so that every use after a free is seen. */
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

#if defined(__SANITIZE_ADDRESS__)
#define CACHING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHING 0
#endif
#endif
#ifndef CACHING
#define CACHING 1
#endif

#define ALIGN ((size_t)64)
#define CACHE_SLACK ((size_t)64 << 20)
#define LARGE ((size_t)1 << 14) /* in units of ALIGN; its first class has shift LARGE_SHIFT */
#define LARGE_SHIFT 8
#define HUGE_PAGE ((size_t)2 << 20)

/* In front of every block, filling its first 64 bytes. */
struct rnni_block {
  size_t size; /* rounded, without the header */
  int class;
  rnni_block *next;
};

/* Sizes in 2^bits steps an octave: the class's number among those of its kind, and the size rounded up to it. */
static int step_of(size_t units, int bits, size_t *rounded) {
  size_t steps = (size_t)1 << bits;
  int shift = 0;
  while ((units >> shift) >= 2 * steps) shift++;
  size_t top = (units + ((size_t)1 << shift) - 1) >> shift; /* steps..2*steps */
  *rounded = (top << shift) * ALIGN;
  return shift * (int)steps + (int)(top - steps);
}

static int class_of(size_t size, size_t *rounded) {
  size_t units = (size + ALIGN - 1) / ALIGN;
  if (units <= 8) {
    *rounded = RNNI_MAX(units, 1) * ALIGN;
    return (int)(*rounded / ALIGN) - 1;
  }
  if (units < LARGE) return 8 + step_of(units, 3, rounded);
  return RNNI_SMALL_CLASSES + step_of(units, 6, rounded) - LARGE_SHIFT * 64;
}

static rnn_status out_of_memory(rnn_ctx *ctx, size_t size) {
  if (ctx->limit)
    return rnni_fail(ctx, RNN_ENOMEM, "not enough memory: %zu bytes wanted, %zu in use, limit %zu", size,
                     ctx->memory.live, ctx->limit);
  return rnni_fail(ctx, RNN_ENOMEM, "not enough memory: %zu bytes wanted, %zu in use", size, ctx->memory.live);
}

/* Large blocks ask for huge pages: a product that walks down a column touches a page a row. */
static rnni_block *from_system(size_t size) {
  if (size < 2 * HUGE_PAGE) return aligned_alloc(ALIGN, size);
  rnni_block *b = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
#ifdef MADV_HUGEPAGE
  if (b) madvise(b, size, MADV_HUGEPAGE); /* without them it is only slower */
#endif
  return b;
}

rnn_status rnni_alloc(rnn_ctx *ctx, size_t size, void *out) {
  ctx->asked++;
  if (ctx->fail_at && ctx->asked >= ctx->fail_at && ctx->asked - ctx->fail_at < ctx->fail_count)
    return out_of_memory(ctx, size);
  if (size > SIZE_MAX / 2) return out_of_memory(ctx, size);
  size_t rounded;
  int class = class_of(size, &rounded);
  if (ctx->limit && ctx->memory.live + rounded > ctx->limit) return out_of_memory(ctx, size);
  rnni_block *b = class < RNNI_CLASSES ? ctx->free_blocks[class] : NULL;
  if (b) {
    ctx->free_blocks[class] = b->next;
    ctx->memory.cached -= rounded;
  } else {
    size_t in_use = ctx->memory.live + rounded;
    if (in_use + ctx->memory.cached > RNNI_MAX(ctx->memory.peak, in_use) + CACHE_SLACK) rnni_memory_trim(ctx);
    b = from_system(ALIGN + rounded);
    if (!b) {
      rnni_memory_trim(ctx);
      b = from_system(ALIGN + rounded);
      if (!b) return out_of_memory(ctx, size);
    }
    b->size = rounded;
    b->class = class;
  }
  b->next = NULL;
  ctx->memory.live += rounded;
  ctx->memory.allocated += rounded;
  if (ctx->memory.live > ctx->memory.peak) ctx->memory.peak = ctx->memory.live;
  *(void **)out = (char *)b + ALIGN;
  return RNN_OK;
}

rnn_status rnni_calloc(rnn_ctx *ctx, size_t size, void *out) {
  RNNI_TRY(rnni_alloc(ctx, size, out));
  memset(*(void **)out, 0, size);
  return RNN_OK;
}

void rnni_free(rnn_ctx *ctx, void *block) {
  if (!block) return;
  rnni_block *b = (rnni_block *)((char *)block - ALIGN);
  ctx->memory.live -= b->size;
  if (!CACHING || b->class >= RNNI_CLASSES) {
    free(b);
    return;
  }
  b->next = ctx->free_blocks[b->class];
  ctx->free_blocks[b->class] = b;
  ctx->memory.cached += b->size;
}

rnn_status rnni_realloc(rnn_ctx *ctx, size_t size, void *block) {
  void *old = *(void **)block, *fresh = NULL;
  size_t had = old ? ((rnni_block *)((char *)old - ALIGN))->size : 0;
  if (old && had >= size && had / 2 <= size) return RNN_OK;
  RNNI_TRY(rnni_alloc(ctx, size, &fresh));
  if (old) memcpy(fresh, old, RNNI_MIN(had, size));
  rnni_free(ctx, old);
  *(void **)block = fresh;
  return RNN_OK;
}

rnn_status rnni_strdup(rnn_ctx *ctx, const char *text, char **out) {
  size_t size = strlen(text) + 1;
  RNNI_TRY(rnni_alloc(ctx, size, out));
  memcpy(*out, text, size);
  return RNN_OK;
}

rnn_status rnni_array(rnn_ctx *ctx, int64_t count, size_t size, void *out) {
  size_t bytes;
  if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes)) return out_of_memory(ctx, SIZE_MAX);
  return rnni_alloc(ctx, bytes, out);
}

void rnni_memory_trim(rnn_ctx *ctx) {
  for (int i = 0; i < RNNI_CLASSES; i++)
    for (rnni_block *b = ctx->free_blocks[i], *next; b; b = next) {
      next = b->next;
      free(b);
    }
  memset(ctx->free_blocks, 0, sizeof ctx->free_blocks);
  ctx->memory.cached = 0;
}

void rnn_memory_read(const rnn_ctx *ctx, rnn_memory *m) { *m = ctx->memory; }
void rnn_memory_reset_peak(rnn_ctx *ctx) { ctx->memory.peak = ctx->memory.live; }
void rnn_memory_set_limit(rnn_ctx *ctx, size_t bytes) { ctx->limit = bytes; }

uint64_t rnn_memory_fail(rnn_ctx *ctx, uint64_t nth, uint64_t count) {
  uint64_t asked = ctx->asked;
  ctx->asked = 0;
  ctx->fail_at = nth;
  ctx->fail_count = count;
  return asked;
}
