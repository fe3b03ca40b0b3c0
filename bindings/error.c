/* error.c: the one place where a status or a wrong argument becomes a Lua error. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"

/* The position of the first Lua function on the stack that is not one of the stdlib's, as luaL_where writes it. */
static void push_user_position(lua_State *L) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0 && strncmp(ar.source, "@[rnn]", 6) != 0) {
      lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
      return;
    }
  }
  lua_pushliteral(L, "");
}

void lrnn_note_position(lua_State *L, rnn_ctx *ctx) {
  if (!rnn_ctx_wants_lines(ctx)) return;
  luaL_checkstack(L, 1, NULL);
  push_user_position(L);
  size_t length;
  const char *where = lua_tolstring(L, -1, &length);
  char text[128];
  snprintf(text, sizeof text, "%.*s", length > 2 ? (int)length - 2 : 0, where);
  rnn_ctx_note(ctx, text);
  lua_pop(L, 1);
}

int lrnn_error(lua_State *L, const char *format, ...) {
  char text[640];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  push_user_position(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return lua_error(L);
}

void lrnn_check(lua_State *L, rnn_status status) {
  if (status == RNN_OK) return;
  if (status == RNN_EINTR) rnn_ctx_clear_interrupt(lrnn_context(L)); /* it stops one computation, and this is it */
  lrnn_error(L, "%s", rnn_message(lrnn_context(L)));
}

void lrnn_poll(lua_State *L, int64_t element) {
  if ((element & 0xffff) == 0xffff) lrnn_check(L, rnn_ctx_poll(lrnn_context(L)));
}

int lrnn_fail(lua_State *L, rnn_status status) {
  if (status != RNN_EIO && status != RNN_EFORMAT) lrnn_check(L, status);
  luaL_pushfail(L);
  lua_pushstring(L, rnn_message(lrnn_context(L)));
  if (lua_getfield(L, LUA_REGISTRYINDEX, "rnn.Denied") == LUA_TSTRING && strstr(lua_tostring(L, -2), strerror(EACCES)))
    lua_concat(L, 2); /* the sandbox says which wall it was */
  else lua_pop(L, 1);
  lua_pushstring(L, rnn_status_name(status));
  return 3;
}

int lrnn_results(lua_State *L, int status, const char *fname) {
  if (status == LUA_OK) return lua_gettop(L);
  bool yielded = lua_type(L, -1) == LUA_TSTRING &&
                 strcmp(lua_tostring(L, -1), "attempt to yield across a C-call boundary") == 0;
  if (yielded) return lrnn_error(L, "%s: a coroutine cannot yield from inside of it, only before or after", fname);
  return lua_error(L);
}

const char *lrnn_describe(lua_State *L, int arg) {
  if (arg < 0) arg = lua_absindex(L, arg);
  rnn_tensor *t = lrnn_test_shape(L, arg);
  if (t) {
    char text[160];
    return lua_pushfstring(L, "tensor %s", rnn_tensor_describe(t, text, sizeof text));
  }
  switch (lua_type(L, arg)) {
    case LUA_TNONE: return "nothing";
    case LUA_TNUMBER:
      if (lua_tonumber(L, arg) != lua_tonumber(L, arg)) return "nan"; /* C may write -nan */
      return lua_pushfstring(L, "%s", luaL_tolstring(L, arg, NULL));
    case LUA_TSTRING: {
      char text[64]; /* lua_pushfstring knows no precision */
      snprintf(text, sizeof text, "string '%.40s'", lua_tostring(L, arg));
      return lua_pushstring(L, text);
    }
    case LUA_TTABLE: /* an object of a class may say what it is */
      if (luaL_getmetafield(L, arg, "__describe") != LUA_TNIL) {
        lua_pushvalue(L, arg);
        if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING) return lua_tostring(L, -1);
      } /* fall through */
    case LUA_TUSERDATA:
      if (luaL_getmetafield(L, arg, "__name") == LUA_TSTRING) return lua_tostring(L, -1); /* fall through */
    default: return luaL_typename(L, arg);
  }
}

/* What the text of an op, "(x [, axis = 1]). ...", calls its argument; NULL when it does not say. Pushes. */
static const char *op_argument(lua_State *L, const char *fname, int arg) {
  const rnn_op *op = rnn_op_find(fname);
  const char *s = op ? rnn_op_doc(op) : "";
  if (*s++ != '(') return NULL;
  for (; arg > 1; arg--) {
    s += strcspn(s, ",{)");
    if (*s != ',') return NULL;
    s++;
  }
  s += strspn(s, " [");
  size_t length = strcspn(s, " ,])");
  return length > 0 && *s != '{' ? lua_pushlstring(L, s, length) : NULL;
}

int lrnn_argument_error(lua_State *L, const char *fname, int arg, const char *what, const char *expected) {
  const char *got = lrnn_describe(L, arg);
  if (!what) what = op_argument(L, fname, arg);
  if (arg == 1 && lua_isnone(L, 1) && strcmp(expected, "a tensor") == 0) /* x.relu() */
    return lrnn_error(L, "%s: expected a tensor, got nothing; write x:%s(), with a colon", fname, fname);
  if (what) return lrnn_error(L, "%s: argument %d (%s): expected %s, got %s", fname, arg, what, expected, got);
  return lrnn_error(L, "%s: argument %d: expected %s, got %s", fname, arg, expected, got);
}

/* nil is called: Lua's own error and, of x:froward(...), which method of x was meant. Reading an absent field of an object
   is no mistake, and costs nothing more. */
static int call_nil(lua_State *L) {
  lua_Debug ar;
  int given = lua_gettop(L);
  luaL_checkstack(L, 6, NULL);
  lua_getstack(L, 0, &ar);
  lua_getinfo(L, "n", &ar);
  luaL_where(L, 1);
  lua_pushliteral(L, "attempt to call a nil value");
  if (ar.name) lua_pushfstring(L, " (%s '%s')", ar.namewhat, ar.name);
  if (ar.name && strcmp(ar.namewhat, "method") == 0) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "rnn.names");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "meant");
    lua_remove(L, -2);
    lua_pushvalue(L, 2);
    lua_pushstring(L, ar.name);
    lua_call(L, 2, 1);
  }
  lua_concat(L, lua_gettop(L) - given);
  return lua_error(L);
}

void lrnn_nil_open(lua_State *L) {
  lua_pushnil(L);
  if (!lua_getmetatable(L, -1)) { /* else somebody has another use for it */
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, call_nil);
    lua_setfield(L, -2, "__call");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable"); /* nil has none, to who asks whether it can be called */
    lua_setmetatable(L, -2);
  } else {
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
