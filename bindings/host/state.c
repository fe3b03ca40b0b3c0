/* state.c: a Lua state with the library in it. Nothing of the library is opened before it is used. */
#include <lauxlib.h>
#include <lualib.h>

#include "embedded.h"
#include "host.h"

int luaopen_rnn_core(lua_State *L);
int luaopen_rnn_core_double(lua_State *L);

static const lrnn_start *start;

static void call_with_integer(lua_State *L, const char *function, lua_Integer value) {
  lua_getfield(L, 1, function);
  lua_pushinteger(L, value);
  lua_call(L, 1, 0);
}

/* math.random was seeded when the state was opened, and may have been used since. */
static void seed_core(lua_State *L) {
  lua_getfield(L, 1, "random_state");
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, start->seed);
  lua_setfield(L, -2, "seed");
  lua_call(L, 1, 0);
}

/* The loader of rnn.core. The options for it wait until it is wanted. */
static int open_core(lua_State *L) {
  lua_pushcfunction(L, start->use_double ? luaopen_rnn_core_double : luaopen_rnn_core);
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  lrnn_interrupt_core(L);
  if (start->threads) call_with_integer(L, "threads", start->threads);
  if (start->seeded) seed_core(L);
  if (start->blas) {
    lua_getfield(L, 1, "blas");
    lua_pushstring(L, start->blas);
    lua_call(L, 1, 0);
  }
  return 1;
}

static void preload(lua_State *L) {
  static const luaL_Reg loaders[] = {{"rnn.core", open_core}, {"rnn.signals", lrnn_open_signals}, {"rnn.child", lrnn_open_child},
                                     {"rnn.server", lrnn_open_server}, {NULL, NULL}};
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, loaders, 0);
  lua_pop(L, 1);
  lrnn_stdlib_register(L);
}

static void seed_lua(lua_State *L) {
  lua_getglobal(L, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, start->seed);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
}

void lrnn_open_state(lua_State *L, const lrnn_start *how) {
  start = how;
  if (start->ignore_environment) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  lrnn_load_text_only(L);
  lrnn_watch_functions(L);
  lrnn_note_files(L);
  preload(L);
  lrnn_repeat(L);
  if (start->seeded || lrnn_repeats()) seed_lua(L); /* with 0, as the core, when there is no --seed */
}
