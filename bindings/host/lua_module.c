/* lua_module.c: the way into a stock lua5.4: require "rnn" finds rnn.so, whose entry this is. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "embedded.h"

int luaopen_rnn_core(lua_State *L);
int luaopen_rnn_core_double(lua_State *L);

__attribute__((visibility("default"))) int luaopen_rnn(lua_State *L);

static lua_CFunction chosen_core(void) {
  const char *wish = getenv("RNNLUA_DOUBLE");
  return wish && strcmp(wish, "1") == 0 ? luaopen_rnn_core_double : luaopen_rnn_core;
}

/* require calls this as ("rnn", path of rnn.so) and keeps the result; the embedded rnn is therefore called here and
 * not required, which would find package.loaded still empty and come back. */
int luaopen_rnn(lua_State *L) {
  lrnn_stdlib_register(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, chosen_core());
  lua_setfield(L, -2, "rnn.core");
  lua_getfield(L, -1, "rnn");
  lua_pushliteral(L, "rnn");
  lua_call(L, 1, 1);
  return 1;
}
