/* custom.c: Lua functions that backward calls: operations with a backward of one's own, and hooks.
 *
 * The core holds them by a pointer to a held, a userdata that is anchored in a table of the registry until the core lets
 * go of it. They run on the stack of the backward that is going on, protected, so that no error jumps over the core: it
 * stays on the stack, and is raised when the core has returned. */
#include <stdio.h>
#include <string.h>

#include "../binding.h"

static char calls_key, held_key;

/* One for a Lua state. */
typedef struct calls {
  lua_State *running; /* on which backward was called last */
  lua_State *spare;   /* whose stack always has room: the core lets go at any moment */
  bool failed;        /* an error waits on the stack of running */
} calls;

/* User values: the function; of operations, ctx and the versions of the tensors in it, too. */
typedef struct held {
  calls *calls;
  char name[96]; /* for messages */
  int arguments, results; /* of forward, and which arguments are tensors */
  int tensors, places[];
} held;

enum { FUNCTION = 1, CTX, VERSIONS, VALUES = VERSIONS };

void lrnn_custom_open(lua_State *L) {
  calls *c = lua_newuserdatauv(L, sizeof *c, 1);
  *c = (calls){.spare = lua_newthread(L)};
  lua_setiuservalue(L, -2, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &calls_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &held_key);
}

static calls *calls_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &calls_key);
  calls *c = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return c;
}

lua_State *lrnn_backward_begins(lua_State *L) {
  calls *c = calls_of(L);
  lua_State *outer = c->running;
  c->running = L;
  return outer;
}

void lrnn_backward_ends(lua_State *L, const char *fname, lua_State *outer, rnn_status status) {
  calls *c = calls_of(L);
  bool failed = c->failed;
  c->running = outer;
  c->failed = false;
  if (failed) lrnn_results(L, LUA_ERRRUN, fname); /* raises */
  lrnn_check(L, status);
}

/* ---- what the core holds ---- */

/* Pushes it. */
static held *new_held(lua_State *L, int tensors) {
  held *h = lua_newuserdatauv(L, sizeof *h + (size_t)tensors * sizeof *h->places, VALUES);
  memset(h, 0, sizeof *h);
  h->calls = calls_of(L);
  h->tensors = tensors;
  return h;
}

/* Anchors the one on top. */
static void anchor(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, lua_touserdata(L, -1));
  lua_pop(L, 1);
}

static void let_go(void *self) {
  lua_State *S = ((held *)self)->calls->spare;
  lua_rawgetp(S, LUA_REGISTRYINDEX, &held_key);
  lua_pushnil(S);
  lua_rawsetp(S, -2, self);
  lua_pop(S, 1);
}

static void push_held(lua_State *L, const held *h) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
  lua_rawgetp(L, -1, h);
  lua_remove(L, -2);
}

/* Calls f(L) with arguments as its only argument. */
static rnn_status protected(calls *c, lua_CFunction f, void *arguments) {
  lua_State *L = c->running;
  if (!L || !lua_checkstack(L, 4)) return RNN_ENOMEM;
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, arguments);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return RNN_OK;
  c->failed = true;
  return RNN_EARG;
}

/* Pushes t, or nil. */
static void push_tensor(lua_State *L, rnn_tensor *t) {
  if (!t) {
    lua_pushnil(L);
    return;
  }
  rnn_tensor **box = lrnn_box(L);
  *box = rnn_tensor_ref(t);
}

/* ---- operations: backward ---- */

typedef struct backward_call {
  const held *h;
  rnn_tensor *const *dy;
  const bool *wants;
  rnn_tensor **dx;
} backward_call;

/* ctx.needs_input_grad, of the ctx on top: for each argument of forward. */
static void set_needs(lua_State *L, const held *h, const bool *wants) {
  lua_pushliteral(L, "needs_input_grad");
  lua_createtable(L, h->arguments, 0);
  for (int i = 1; i <= h->arguments; i++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, i);
  }
  for (int k = 0; k < h->tensors; k++) {
    lua_pushboolean(L, wants[k]);
    lua_rawseti(L, -2, h->places[k]);
  }
  lua_rawset(L, -3);
}

static void check_versions(lua_State *L, const held *h, int at) {
  lua_getiuservalue(L, at, VERSIONS);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    rnn_tensor *t = lrnn_test_tensor(L, -2);
    char text[160];
    if (t && rnn_tensor_version(t) != (uint32_t)lua_tointeger(L, -1))
      lrnn_error(L, "%s: a tensor %s that forward kept in ctx was changed in place before backward", h->name,
                 rnn_tensor_describe(t, text, sizeof text));
  }
  lua_pop(L, 1);
}

/* The gradients lie from place first on. */
static void check_gradients(lua_State *L, const backward_call *b, int first) {
  const held *h = b->h;
  int given = lrnn_count(L, first - 1 + h->arguments) - first + 1, k = 0;
  if (given > h->arguments)
    lrnn_error(L, "%s: expected %d gradients from backward, one for each argument, got %d", h->name, h->arguments, given);
  for (int i = 1; i <= h->arguments; i++) {
    bool tensor = k < h->tensors && h->places[k] == i, wanted = tensor && b->wants[k];
    int at = first + i - 1;
    if (tensor) k++;
    if (lua_isnone(L, at) && wanted)
      lrnn_error(L, "%s: expected %d gradients from backward, one for each argument (nil for none), got %d", h->name,
                 h->arguments, lua_gettop(L) - first + 1);
    if (!lua_isnoneornil(L, at) && !lrnn_test_tensor(L, at))
      lrnn_error(L, "%s: gradient %d: expected a tensor or nil, got %s", h->name, i, lrnn_describe(L, at));
    if (!lua_isnoneornil(L, at) && !tensor)
      lrnn_error(L, "%s: gradient %d: expected nil, as argument %d is no tensor, got %s", h->name, i, i,
                 lrnn_describe(L, at));
  }
}

static int run_operation(lua_State *L) {
  backward_call *b = lua_touserdata(L, 1);
  luaL_checkstack(L, b->h->results + LUA_MINSTACK, "too many results");
  push_held(L, b->h);
  check_versions(L, b->h, 2);
  lua_getiuservalue(L, 2, FUNCTION);
  lua_getiuservalue(L, 2, CTX);
  set_needs(L, b->h, b->wants);
  for (int i = 0; i < b->h->results; i++) push_tensor(L, b->dy[i]);
  lua_call(L, 1 + b->h->results, LUA_MULTRET);
  check_gradients(L, b, 3);
  for (int k = 0; k < b->h->tensors; k++) b->dx[k] = rnn_tensor_ref(lrnn_test_tensor(L, 2 + b->h->places[k]));
  return 0;
}

static rnn_status operation_backward(void *self, rnn_tensor *const *dy, const bool *wants, rnn_tensor **dx) {
  held *h = self;
  return protected(h->calls, run_operation, &(backward_call){h, dy, wants, dx});
}

/* ---- operations: forward ---- */

/* Notes the versions of the tensors in the table at place at, and in plain tables in it, in the table at place versions,
   which also marks the tables that it has seen. */
static void note_versions(lua_State *L, int at, int versions) {
  luaL_checkstack(L, LUA_MINSTACK, "custom: tables in ctx too deep");
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
    rnn_tensor *t = lrnn_test_tensor(L, -1);
    bool table = lua_istable(L, -1) && !lua_getmetatable(L, -1);
    if (lua_istable(L, -1) && !table) lua_pop(L, 1);
    if (!t && !table) continue;
    lua_pushvalue(L, -1);
    bool seen = lua_rawget(L, versions) != LUA_TNIL;
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushinteger(L, t ? rnn_tensor_version(t) : 0);
    lua_rawset(L, versions);
    if (table && !seen) note_versions(L, lua_gettop(L), versions);
  }
}

/* Stack of a call: the arguments; ctx, forward, ctx again and the arguments that it gets, which then become its results;
   the new results. Upvalues: forward, backward, name. */
static int operation_call(lua_State *L) {
  int arguments = lua_gettop(L), count = 0;
  const char *name = lua_tostring(L, lua_upvalueindex(3));
  rnn_ctx *ctx = lrnn_context(L);
  bool recording = rnn_ctx_recording(ctx), any = false;
  luaL_checkstack(L, 2 * arguments + LUA_MINSTACK, "custom: too many arguments");
  rnn_tensor **x = lrnn_scratch(L, arguments);
  held *h = new_held(L, arguments);
  bool *wants = lua_newuserdatauv(L, (size_t)arguments + 1, 0);
  for (int i = 1; i <= arguments; i++) {
    rnn_tensor *t = lrnn_test_tensor(L, i);
    if (!t) continue;
    wants[count] = recording && rnn_tensor_requires_grad(t);
    any |= wants[count];
    h->places[count] = i;
    x[count++] = t;
  }
  h->tensors = count;
  h->arguments = arguments;
  snprintf(h->name, sizeof h->name, "%s", name);
  lua_newtable(L);
  int own = lua_gettop(L);
  set_needs(L, h, wants);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, own);
  for (int i = 1; i <= arguments; i++) {
    if (!lrnn_test_tensor(L, i)) {
      lua_pushvalue(L, i);
      continue;
    }
    rnn_tensor **box = lrnn_box(L);
    lrnn_check(L, rnn_tensor_detach(ctx, lrnn_test_tensor(L, i), box));
  }
  uint32_t *versions = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *versions, 0);
  for (int k = 0; k < count; k++) versions[k] = rnn_tensor_version(x[k]);
  lua_insert(L, own);
  own++;
  rnn_ctx_set_recording(ctx, false);
  int status = lua_pcall(L, arguments + 1, LUA_MULTRET, 0);
  rnn_ctx_set_recording(ctx, recording);
  if (status != LUA_OK) return lrnn_results(L, status, name);
  int results = lua_gettop(L) - own;
  if (results == 0) return lrnn_error(L, "%s: expected tensors from forward, got nothing", name);
  for (int i = 1; i <= results; i++)
    if (!lrnn_test_tensor(L, own + i))
      return lrnn_error(L, "%s: result %d of forward: expected a tensor, got %s", name, i, lrnn_describe(L, own + i));
  for (int k = 0; k < count; k++)
    if (wants[k] && versions[k] != rnn_tensor_version(x[k]))
      return lrnn_error(L, "%s: forward changed argument %d in place; it may change a copy, x:copy()", name, h->places[k]);
  luaL_checkstack(L, 2 * results + LUA_MINSTACK, "custom: too many results");
  rnn_tensor **y = lrnn_scratch(L, 2 * results), **out = y + results;
  for (int i = 0; i < results; i++) y[i] = lrnn_test_tensor(L, own + 1 + i);
  h->results = results;
  rnn_custom custom = {.name = h->name, .backward = operation_backward, .free = any ? let_go : NULL, .self = h};
  lua_newtable(L);
  if (any) note_versions(L, own, lua_gettop(L));
  lua_pushvalue(L, own - 3); /* held */
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, VERSIONS);
  lua_pushvalue(L, own);
  lua_setiuservalue(L, -2, CTX);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_setiuservalue(L, -2, FUNCTION);
  for (int i = 0; i < results; i++) lrnn_box(L);
  lua_pushvalue(L, own - 3);
  if (any) anchor(L);
  lua_pop(L, 1);
  rnn_status recorded = rnn_record(ctx, &custom, x, count, y, results, out);
  if (recorded != RNN_OK && any) let_go(h);
  lrnn_check(L, recorded);
  for (int i = 0; i < results; i++) *(rnn_tensor **)lua_touserdata(L, i - results) = out[i];
  return results;
}

/*--- rnn.custom(functions) -> function
---
--- An operation with a gradient of one's own: op = rnn.custom { forward = f, backward = g }. A call op(x, ...) calls
--- f(ctx, x, ...), without recording, and gives the tensors that it returns, with a history; backward calls g(ctx, dy,
--- ...) with the gradient of each of them, of its shape and lengths, and g returns a gradient for each argument of op, of
--- its shape: nil for none, and for what is no tensor. ctx is a table for what g needs; ctx.needs_input_grad says of each
--- argument whether its gradient is wanted. Tensors in ctx must not be changed in place before backward. f and g may use
--- any op, and g rnn.grad of a computation of its own. Errors: those of f and g; gradients of other shapes or too few; a
--- yield out of f or g.
---@param functions { forward: function, backward: function }
---@return function op (...) -> tensors of the shapes that f gives them */
static int lrnn_custom(lua_State *L) {
  static const char *const known[] = {"forward", "backward", NULL};
  lrnn_check_table(L, "custom", 1, "functions");
  lrnn_check_options(L, "custom", 1, known);
  for (int i = 0; known[i]; i++)
    if (lua_getfield(L, 1, known[i]) != LUA_TFUNCTION)
      return lrnn_error(L, "custom: option %s: expected a function, got %s", known[i], lrnn_describe(L, -1));
  lua_Debug ar;
  lua_pushvalue(L, -1);
  lua_getinfo(L, ">S", &ar);
  if (ar.linedefined > 0) lua_pushfstring(L, "custom at %s:%d", ar.short_src, ar.linedefined);
  else lua_pushliteral(L, "custom");
  lua_pushcclosure(L, operation_call, 3);
  return 1;
}

/* ---- hooks ---- */

#define HOOK "rnn.Hook"

typedef struct hook_call {
  const held *h;
  rnn_tensor *grad, **out;
} hook_call;

static int run_hook(lua_State *L) {
  hook_call *c = lua_touserdata(L, 1);
  push_held(L, c->h);
  lua_getiuservalue(L, 2, FUNCTION);
  push_tensor(L, c->grad);
  lua_call(L, 1, 1);
  rnn_tensor *other = lrnn_test_tensor(L, -1);
  if (!other && !lua_isnil(L, -1))
    return lrnn_error(L, "%s: expected a tensor or nil, got %s", c->h->name, lrnn_describe(L, -1));
  *c->out = rnn_tensor_ref(other);
  return 0;
}

static rnn_status call_hook(void *self, rnn_tensor *grad, rnn_tensor **out) {
  held *h = self;
  return protected(h->calls, run_hook, &(hook_call){h, grad, out});
}

static int hook_gc(lua_State *L) {
  rnn_hook **hook = lrnn_check_class(L, "__gc", HOOK);
  rnn_hook_free(*hook);
  *hook = NULL;
  return 0;
}

/* Upvalue 1: the hook. */
static int remove_hook(lua_State *L) {
  lrnn_check_count(L, "on_grad", 0);
  rnn_hook_remove(*(rnn_hook **)lua_touserdata(L, lua_upvalueindex(1)));
  return 0;
}

/*--- x:on_grad(f) -> function
---
--- Has every backward, and rnn.grad, that reaches x call f(g) once, when the whole gradient g of x is there, with the shape
--- and lengths of x; when f returns a tensor, it is the gradient from there on: x:on_grad(function(g) return g:clamp(-1, 1)
--- end). The function that is returned removes the hook. A result loses its hooks with its history; those of a parameter
--- stay. Errors: a tensor without history that requires no gradient, or whose history is used up; in backward those of f,
--- gradients of another shape, a yield out of f.
---@param f fun(g: rnn.Tensor): rnn.Tensor?
---@return function remove (), which may be called more than once */
static int lrnn_tensor_on_grad(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "on_grad", 1);
  if (!lua_isfunction(L, 2)) return lrnn_argument_error(L, "on_grad", 2, "f", "a function");
  rnn_hook **hook = lrnn_new(L, HOOK, sizeof *hook, 0, hook_gc);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, remove_hook, 1);
  held *h = new_held(L, 0);
  snprintf(h->name, sizeof h->name, "on_grad");
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, FUNCTION);
  anchor(L);
  rnn_status status = rnn_tensor_on_grad(lrnn_context(L), t, call_hook, let_go, h, hook);
  if (status != RNN_OK) let_go(h);
  lrnn_check(L, status);
  lua_pop(L, 1);
  return 1;
}

const lrnn_function lrnn_custom_functions[] = {{"custom", lrnn_custom, 1}, {NULL, NULL, 0}};
const lrnn_function lrnn_custom_methods[] = {{"on_grad", lrnn_tensor_on_grad, 2}, {NULL, NULL, 0}};
