/* pool.c: the memory of the program's Lua state. A loop over small tensors makes and drops a userdata for each, and so does
 * all of Lua with tables, strings and functions: small blocks come from lists of their size, in half the time that malloc
 * and free take, and go back there. They are cut from chunks that begin at multiples of their size, so a block finds its
 * chunk, which says whether somebody wants to hear of its end (pool.h): a finaliser would take as long as all the rest. */
#include "../pool.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP ((size_t)16)
#define MOST ((size_t)512) /* bytes of a small block */
#define CHUNK ((size_t)1 << 16)

typedef struct freed {
  struct freed *next;
} freed;

typedef struct chunk {
  _Alignas(16) bool watched;
} chunk;

typedef struct source {
  freed *list[MOST / STEP + 1];
  char *at, *end; /* what is left of the last chunk */
} source;

typedef struct pool {
  lrnn_pool shared;
  source sources[2]; /* of blocks, of watched ones */
  bool warns, inside;
} pool;

static chunk *chunk_of(void *block) { return (chunk *)((uintptr_t)block & ~(uintptr_t)(CHUNK - 1)); }
static size_t class_of(size_t size) { return (size + STEP - 1) / STEP; }

static void *take(pool *p, size_t size, bool watched) {
  if (size > MOST) return malloc(size);
  source *s = &p->sources[watched];
  size_t class = class_of(size);
  freed *block = s->list[class];
  if (block) {
    s->list[class] = block->next;
    return block;
  }
  if ((size_t)(s->end - s->at) < class * STEP) {
    chunk *c = aligned_alloc(CHUNK, CHUNK);
    if (!c) return NULL;
    if (watched) memset(c, 0, CHUNK); /* who hears of an end looks at what a block holds */
    c->watched = watched;
    s->at = (char *)(c + 1);
    s->end = (char *)c + CHUNK;
  }
  char *fresh = s->at;
  s->at += class * STEP;
  return fresh;
}

static void put(source *s, void *block, size_t size) {
  freed *f = block;
  f->next = s->list[class_of(size)];
  s->list[class_of(size)] = f;
}

static void give(pool *p, void *block, size_t size) {
  if (size > MOST) {
    free(block);
    return;
  }
  bool watched = chunk_of(block)->watched;
  if (watched && p->shared.died(&p->shared, block)) return;
  put(&p->sources[watched], block, size);
}

static void keep(lrnn_pool *shared, void *block) { put(&((pool *)shared)->sources[1], block, shared->watched); }

/* lua_Alloc: of a new block, old is the kind of its object. */
static void *allocate(void *ud, void *block, size_t old, size_t size) {
  pool *p = ud;
  if (!block && size == 0) return NULL;
  if (!block) {
    bool userdata = old == LUA_TUSERDATA;
    void *fresh = take(p, size, userdata && size == p->shared.watched);
    if (userdata) p->shared.last = fresh;
    return fresh;
  }
  if (size == 0) {
    give(p, block, old);
    return NULL;
  }
  if (old > MOST && size > MOST) return realloc(block, size);
  if (size <= MOST && class_of(old) == class_of(size)) return block;
  void *fresh = take(p, size, false);
  if (!fresh) return NULL;
  memcpy(fresh, block, old < size ? old : size);
  give(p, block, old);
  return fresh;
}

/* As in a state of luaL_newstate: silent until warn "@on". */
static void warning(void *ud, const char *text, int more) {
  pool *p = ud;
  if (!p->inside && !more && *text == '@') {
    if (strcmp(text, "@on") == 0) p->warns = true;
    if (strcmp(text, "@off") == 0) p->warns = false;
    return;
  }
  if (p->warns) fprintf(stderr, "%s%s%s", p->inside ? "" : "Lua warning: ", text, more ? "" : "\n");
  p->inside = more;
}

lua_State *lrnn_pool_state(void) {
#ifdef __SANITIZE_ADDRESS__ /* which sees no use of a freed block that waits in a list */
  return luaL_newstate();
#else
  static pool p;
  p = (pool){.shared = {.keep = keep}};
  lua_State *L = lua_newstate(allocate, &p);
  if (!L) return NULL;
  lua_setwarnf(L, warning, &p);
  lua_pushlightuserdata(L, &p.shared);
  lua_setfield(L, LUA_REGISTRYINDEX, LRNN_POOL);
  return L;
#endif
}
