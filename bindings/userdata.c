/* userdata.c: the context and tensors as userdata, and when Lua collects those that are no longer used.
 *
 * A box is a userdata with a pointer, born NULL with its metatable, so that its end may come at any moment: by its
 * finaliser, or, in the program's own memory (pool.h), by what that tells. Lua cannot see
 * the memory behind it, so lrnn_box has it collect (lrnn_collect_sometimes): young values, which takes half a microsecond,
 * as often as new tensors would leave the processor's cache; and all, whenever 8 MB and twice what Lua itself held have come to
 * what was in use before, for that takes as long as it is large. So a loop of any length is flat, the memory that it takes
 * again and again stays in the cache, and large tables do not slow small ones. In Lua's incremental mode only the second
 * helps. */
#include <string.h>

#include "binding.h"
#include "pool.h"

static char context_key, metatable_key; /* addresses as registry keys */

void lrnn_class(lua_State *L, const char *class, lua_CFunction gc) {
  luaL_newmetatable(L, class);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
}

void *lrnn_new(lua_State *L, const char *class, size_t size, int uservalues, lua_CFunction gc) {
  void *new = memset(lua_newuserdatauv(L, size, uservalues), 0, size);
  lrnn_class(L, class, gc);
  lua_setmetatable(L, -2);
  return new;
}

void *lrnn_test(lua_State *L, int arg, const char *class) {
  return lua_type(L, arg) == LUA_TUSERDATA ? luaL_testudata(L, arg, class) : NULL;
}

typedef struct holder {
  rnn_ctx *ctx;
  const void *mark; /* tells it from other userdata of its size */
  uint64_t collected; /* memory.allocated when Lua last collected young values for it, */
  uint64_t seen, large; /* when it was last looked at, and by how much it grew since in large parts */
  size_t kept, heap;  /* all that was in use when Lua last collected everything, and what of it was Lua's */
} holder;

/* What tells a box from other userdata of its size. */
typedef struct box {
  rnn_tensor *t; /* first: lrnn_box gives its address */
  const void *mark;
} box;

void lrnn_push_holder(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key); }

static holder *need_open(lua_State *L, holder *h) {
  if (!h->ctx) luaL_error(L, "rnn.core: too late: the Lua state is closing"); /* a finaliser of the script's */
  return h;
}

static holder *holder_of(lua_State *L) {
  lrnn_push_holder(L);
  holder *h = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return need_open(L, h);
}

rnn_ctx *lrnn_context(lua_State *L) { return holder_of(L)->ctx; }

#define YOUNG ((uint64_t)1 << 16)
#define LARGE ((uint64_t)1 << 15) /* so much at once takes longer to fetch than to collect */
#define LARGE_MOST ((uint64_t)1 << 18)
#define SLACK ((size_t)8 << 20)

/* Everything there is: tensors, and what Lua holds. */
static size_t in_use(lua_State *L, const holder *h, rnn_memory *m) {
  rnn_memory_read(h->ctx, m);
  return m->live + 1024 * (size_t)lua_gc(L, LUA_GCCOUNT);
}

static void collect(lua_State *L, holder *h) {
  rnn_memory m;
  lua_gc(L, LUA_GCSTEP, 0);
  size_t now = in_use(L, h, &m);
  h->collected = m.allocated;
  h->large = 0;
  if (now < h->kept) h->kept = now;
  if (now - h->kept < SLACK + 2 * h->heap) return;
  lua_gc(L, LUA_GCCOLLECT);
  h->kept = in_use(L, h, &m);
  h->heap = h->kept - m.live;
}

static rnn_ctx *collect_sometimes(lua_State *L, holder *h) {
  rnn_memory m;
  rnn_memory_read(h->ctx, &m);
  uint64_t fresh = m.allocated - h->collected, grown = m.allocated - h->seen;
  h->seen = m.allocated;
  if (grown >= LARGE && !rnn_ctx_recording(h->ctx)) h->large += grown; /* recorded values live on, and would grow old */
  if (fresh < YOUNG) return h->ctx;
  int kilobytes = lua_gc(L, LUA_GCCOUNT); /* -1 in a finaliser */
  if (kilobytes >= 0 && (h->large >= LARGE_MOST || fresh - YOUNG >= 1024 * (uint64_t)kilobytes)) collect(L, h);
  return h->ctx;
}

rnn_ctx *lrnn_collect_sometimes(lua_State *L) { return collect_sometimes(L, holder_of(L)); }

rnn_ctx *lrnn_collect_for(lua_State *L, int index) {
  holder *h = lua_touserdata(L, index);
  bool right = h && lua_rawlen(L, index) == sizeof *h && h->mark == &context_key;
  if (!right) luaL_error(L, "not what lrnn_push_holder pushes");
  return collect_sometimes(L, need_open(L, h));
}

void lrnn_push_metatable(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key); }

rnn_tensor **lrnn_new_box(lua_State *L, int metatable) {
  box *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (box){NULL, &metatable_key};
  if (metatable) lua_pushvalue(L, metatable);
  else lrnn_push_metatable(L);
  lua_setmetatable(L, -2);
  return &b->t;
}

rnn_tensor **lrnn_box(lua_State *L) {
  lrnn_collect_sometimes(L);
  return lrnn_new_box(L, 0);
}

/* lrnn_test for tensors, which are looked at all the time. */
static box *test_box(lua_State *L, int arg) {
  box *b = lua_touserdata(L, arg);
  return b && lua_rawlen(L, arg) == sizeof *b && b->mark == &metatable_key ? b : NULL;
}

rnn_tensor *lrnn_test_shape(lua_State *L, int arg) {
  box *b = test_box(L, arg);
  return b ? b->t : NULL;
}

bool lrnn_box_end(lua_State *L, int arg) {
  box *b = test_box(L, arg);
  if (!b) return false;
  rnn_tensor_free(b->t);
  *b = (box){NULL, NULL}; /* its memory may be that of other userdata next */
  return true;
}

rnn_tensor **lrnn_scratch(lua_State *L, int count) {
  return lua_newuserdatauv(L, sizeof(rnn_tensor *) * (size_t)(count > 0 ? count : 1), 0);
}

void lrnn_context_open(lua_State *L, const char *class, lua_CFunction gc) {
  holder *h = lrnn_new(L, class, sizeof *h, 0, gc);
  h->mark = &context_key;
  if (rnn_ctx_new(&h->ctx) != RNN_OK) luaL_error(L, "not enough memory");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
}

void lrnn_context_end(void *held) {
  holder *h = held;
  rnn_ctx_free(h->ctx);
  h->ctx = NULL;
}

/* ---- boxes that die without a finaliser ---- */

/* What the memory of a box is from its end until its tensor is freed. */
typedef struct ended {
  struct ended *next;
  rnn_tensor *t;
} ended;

typedef struct grave {
  size_t offset; /* from the head of a userdata to what it holds */
  ended *first;
} grave;

static bool box_died(lrnn_pool *pool, void *block) {
  grave *g = pool->listener;
  box *b = (box *)((char *)block + g->offset);
  if (b->mark != &metatable_key) return false;
  b->mark = NULL; /* the memory may be that of scratch next, whose content nobody clears */
  if (!b->t) return false;
  ended e = {g->first, b->t}, *at = block;
  *at = e;
  g->first = at;
  return true;
}

/* The finaliser of a value that each collection finds dead: frees the tensors of boxes that died in it. */
static int bury(lua_State *L) {
  lrnn_pool *pool = lua_touserdata(L, lua_upvalueindex(1));
  grave *g = pool->listener;
  while (g->first) {
    ended *e = g->first;
    g->first = e->next;
    rnn_tensor_free(e->t);
    pool->keep(pool, e);
  }
  lua_newuserdatauv(L, 0, 0); /* the next one */
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_setmetatable(L, -2);
  return 0;
}

/* Has the pool tell of boxes that die; false where Lua has another memory. */
static bool watch_boxes(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LRNN_POOL);
  lrnn_pool *pool = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (!pool) return false;
  grave *g = memset(lua_newuserdatauv(L, sizeof *g, 0), 0, sizeof *g);
  lua_rawsetp(L, LUA_REGISTRYINDEX, g);
  char *content = lua_newuserdatauv(L, sizeof(box), 0);
  g->offset = (size_t)(content - (char *)pool->last);
  pool->listener = g;
  pool->died = box_died;
  pool->watched = g->offset + sizeof(box);
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 2);
  lua_pushlightuserdata(L, pool);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, bury, 2);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pop(L, 2);
  return true;
}

void lrnn_metatable_open(lua_State *L, lua_CFunction gc) {
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
  if (watch_boxes(L)) return;
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
}
