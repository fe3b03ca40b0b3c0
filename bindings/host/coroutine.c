/* coroutine.c: Lua's functions that run coroutines, which say which one runs, so that Ctrl-C can stop it; those that
 * catch errors, which let the error of a Ctrl-C that insists pass; and os.exit, after which nothing of the state may be
 * touched. In all else they do what Lua's own do. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "host.h"

/* Resumes co with the top arguments of L. Returns how many results are on L instead, or -1 and the error there. */
static int resume(lua_State *L, lua_State *co, int arguments) {
  if (!lua_checkstack(co, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, arguments);
  int results;
  lua_State *outer = lrnn_interrupt_enter(co);
  int status = lua_resume(co, L, arguments, &results); /* cannot raise */
  lrnn_interrupt_leave(outer);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

/* Closes the variables of co. Returns its status, with an error, if there is one, on L. */
static int close(lua_State *L, lua_State *co) {
  lua_State *outer = lrnn_interrupt_enter(co);
  int status = lua_resetthread(co);
  lrnn_interrupt_leave(outer);
  if (status != LUA_OK) lua_xmove(co, L, 1);
  return status;
}

/* false and the error on top of the stack, as the results of a function that catches errors. */
static int caught(lua_State *L) {
  if (lrnn_interrupt_insists()) return lua_error(L);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/* coroutine.resume(co, ...) */
static int coroutine_resume(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  int results = resume(L, co, lua_gettop(L) - 1);
  if (results < 0) return caught(L);
  lua_pushboolean(L, 1);
  lua_insert(L, -results - 1);
  return results + 1;
}

/* coroutine.close(co) */
static int coroutine_close(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  lua_Debug ar;
  luaL_argexpected(L, co, 1, "coroutine");
  if (co == L) return luaL_error(L, "cannot close a running coroutine");
  if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)) return luaL_error(L, "cannot close a normal coroutine");
  if (close(L, co) != LUA_OK) return caught(L);
  lua_pushboolean(L, 1);
  return 1;
}

/* The function that coroutine.wrap gives; upvalue 1: the coroutine. An error ends it, closing its variables, and goes
 * on to the caller with the caller's position in front, unless that is within the library. */
static int call_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  luaL_argexpected(L, co, lua_upvalueindex(1), "coroutine");
  int results = resume(L, co, lua_gettop(L));
  if (results >= 0) return results;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) status = close(L, co); /* with the error, or a newer one on the way */
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    if (strncmp(lua_tostring(L, -1), "[rnn]", 5) == 0) {
      lua_pop(L, 1);
    } else {
      lua_insert(L, -2);
      lua_concat(L, 2);
    }
  }
  return lua_error(L);
}

/* coroutine.wrap(f) */
static int coroutine_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

/* Of pcall and xpcall, which keep so many values below the results. */
static int finish_call(lua_State *L, int status, lua_KContext below) {
  if (status != LUA_OK && status != LUA_YIELD) return caught(L);
  return lua_gettop(L) - (int)below;
}

/* pcall(f, ...) */
static int protected_call(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  return finish_call(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_call), 0);
}

/* xpcall(f, handler, ...) */
static int handled_call(lua_State *L) {
  int arguments = lua_gettop(L) - 2;
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2); /* f, handler, true, f, arguments */
  return finish_call(L, lua_pcallk(L, arguments, LUA_MULTRET, 2, 2, finish_call), 2);
}

/* os.exit([code [, close]]); upvalue 1: Lua's own */
static int os_exit(lua_State *L) {
  if (!lua_isboolean(L, 1)) luaL_optinteger(L, 1, EXIT_SUCCESS);
  lrnn_interrupt_off();
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 0);
  return 0;
}

void lrnn_watch_functions(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {"close", coroutine_close}, {NULL, NULL}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, functions, 0);
  lua_register(L, "pcall", protected_call);
  lua_register(L, "xpcall", handled_call);
  lua_getglobal(L, "os");
  lua_getfield(L, -1, "exit");
  lua_pushcclosure(L, os_exit, 1);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 2);
}
