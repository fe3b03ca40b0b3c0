/* box.c: tensors as Lua values, and when Lua collects those that are no longer used.
 *
 * A box is a userdata with a pointer, born NULL with its metatable, so that __gc may run at any moment. Lua cannot see
 * the memory behind it, so lrnn_box has it collect (lrnn_collect_sometimes): young values, which takes a moment, as often
 * as new tensors would leave the processor's cache; and all, whenever 8 MB and twice what Lua itself held have come to
 * what was in use before, for that takes as long as it is large. So a loop of any length is flat, the memory that it takes
 * again and again stays in the cache, and large tables do not slow small ones. In Lua's incremental mode only the second
 * helps. */
#include <string.h>

#include "binding.h"

#define CONTEXT "rnn.Context"

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

void *lrnn_check_class(lua_State *L, const char *fname, const char *class) {
  void *self = lrnn_test(L, 1, class);
  if (!self) lrnn_argument_error(L, fname, 1, NULL, lua_pushfstring(L, "a userdata of class %s", class));
  return self;
}

typedef struct holder {
  rnn_ctx *ctx;
  uint64_t collected; /* memory.allocated when Lua last collected young values for it */
  size_t kept, heap;  /* all that was in use when Lua last collected everything, and what of it was Lua's */
} holder;

/* What tells a box from other userdata of its size. */
typedef struct box {
  rnn_tensor *t; /* first: lrnn_box gives its address */
  const void *mark;
} box;

static int holder_gc(lua_State *L) {
  holder *h = lrnn_check_class(L, "__gc", CONTEXT);
  rnn_ctx_free(h->ctx);
  h->ctx = NULL;
  return 0;
}

static holder *holder_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
  holder *h = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (!h->ctx) luaL_error(L, "rnn.core: too late: the Lua state is closing"); /* a finaliser of the script's */
  return h;
}

rnn_ctx *lrnn_context(lua_State *L) { return holder_of(L)->ctx; }

#define YOUNG ((uint64_t)1 << 16)
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
  if (now < h->kept) h->kept = now;
  if (now - h->kept < SLACK + 2 * h->heap) return;
  lua_gc(L, LUA_GCCOLLECT);
  h->kept = in_use(L, h, &m);
  h->heap = h->kept - m.live;
}

rnn_ctx *lrnn_collect_sometimes(lua_State *L) {
  holder *h = holder_of(L);
  rnn_memory m;
  rnn_memory_read(h->ctx, &m);
  uint64_t fresh = m.allocated - h->collected;
  if (fresh < YOUNG) return h->ctx;
  int kilobytes = lua_gc(L, LUA_GCCOUNT); /* -1 in a finaliser */
  if (kilobytes >= 0 && fresh - YOUNG >= 1024 * (uint64_t)kilobytes) collect(L, h);
  return h->ctx;
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

/* What was a box before its finaliser ran. */
static bool is_ended(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TUSERDATA || !lua_getmetatable(L, arg)) return false;
  lrnn_push_metatable(L);
  return lua_rawequal(L, -1, -2);
}

static int box_gc(lua_State *L) {
  box *b = test_box(L, 1);
  if (!b) return is_ended(L, 1) ? 0 : lrnn_argument_error(L, "__gc", 1, NULL, "a tensor");
  rnn_tensor_free(b->t);
  *b = (box){NULL, NULL}; /* its memory may be that of other userdata next */
  return 0;
}

rnn_tensor *lrnn_test_shape(lua_State *L, int arg) {
  box *b = test_box(L, arg);
  return b ? b->t : NULL;
}

rnn_tensor *lrnn_check_shape_of(lua_State *L, const char *fname, int arg) {
  rnn_tensor *t = lrnn_test_shape(L, arg);
  if (!t) lrnn_argument_error(L, fname, arg, NULL, "a tensor");
  return t;
}

/* A tensor of a formula has no values to be read or written. */
static rnn_tensor *need_values(lua_State *L, const char *fname, rnn_tensor *t) {
  if (!rnn_tensor_is_formula(t)) return t;
  size_t n = fname ? strlen(fname) : 0;
  bool writes = n > 0 && (fname[n - 1] == '_' || strncmp(fname, "assign", 6) == 0 || strcmp(fname, "set") == 0);
  if (writes) lrnn_error(L, "%s changes its argument in place; write h = h + ...", fname);
  bool reads = !fname || !rnn_op_find(fname);
  static const char *const others[] = {"detach", "copy", "requires_grad", "retain_grad", "with_lengths", "recurrent", "backward"};
  for (size_t i = 0; reads && i < sizeof others / sizeof *others; i++) reads = strcmp(fname ? fname : "", others[i]) != 0;
  if (!reads) lrnn_error(L, "%s has no rule for a formula", fname);
  lrnn_error(L, "step reads a value: a formula has no values yet; use where(cond, a, b)");
  return NULL;
}

rnn_tensor *lrnn_test_tensor(lua_State *L, int arg) { return need_values(L, NULL, lrnn_test_shape(L, arg)); }

rnn_tensor *lrnn_check_tensor(lua_State *L, const char *fname, int arg) {
  return need_values(L, fname, lrnn_check_shape_of(L, fname, arg));
}

rnn_tensor *lrnn_check_rows(lua_State *L, const char *fname, int arg) {
  rnn_tensor *t = lrnn_check_tensor(L, fname, arg);
  if (rnn_tensor_floats(t) || rnn_tensor_ints(t)) return t;
  rnn_tensor **rows = lrnn_box(L);
  lrnn_check(L, rnn_tensor_contiguous(lrnn_context(L), t, rows));
  lua_replace(L, arg);
  return *rows;
}

int lrnn_table_length(lua_State *L, const char *fname, int arg) {
  lrnn_check_table(L, fname, arg, NULL);
  lua_Unsigned n = lua_rawlen(L, arg);
  if (n > 100000) lrnn_error(L, "%s: argument %d: a table of more than 100000 tensors", fname, arg);
  return (int)n;
}

int lrnn_push_tensors(lua_State *L, const char *fname, int arg, int max, rnn_tensor **out) {
  int n = lrnn_table_length(L, fname, arg);
  if (n > max) n = max; /* the table shrank or grew between two looks only if a finaliser did it */
  luaL_checkstack(L, n + 8, "too many tensors");
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, arg, i + 1);
    out[i] = lrnn_test_shape(L, -1);
    if (!out[i])
      lrnn_error(L, "%s: argument %d: expected a table of tensors, but element %d is %s", fname, arg, i + 1,
                 luaL_typename(L, -1));
  }
  return n;
}

rnn_tensor **lrnn_scratch(lua_State *L, int count) {
  return lua_newuserdatauv(L, sizeof(rnn_tensor *) * (size_t)(count > 0 ? count : 1), 0);
}

void lrnn_box_open(lua_State *L) {
  /* Before any tensor: finalisers run in reverse order, so the context goes last. */
  holder *h = lrnn_new(L, CONTEXT, sizeof *h, 0, holder_gc);
  if (rnn_ctx_new(&h->ctx) != RNN_OK) luaL_error(L, "not enough memory");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);

  lua_createtable(L, 0, 24);
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushliteral(L, "rnn.Tensor");
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable"); /* scripts cannot reach __gc and call it on something else */
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
}
