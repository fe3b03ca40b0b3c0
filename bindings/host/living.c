/* living.c: a prompt inside a loop that trains: where it may open, and how. */
#include <string.h>

#include <lauxlib.h>

#include "host.h"

static const char function_key; /* its address is the registry key of f */
static bool there;

int lrnn_living_with(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &function_key);
  there = true;
  return 0;
}

bool lrnn_living_there(void) { return there; }

static bool is_in(const char *source, const char *folder) { return strncmp(source, folder, strlen(folder)) == 0; }

/* Between two statements of a user, unless they run inside a step of rnn.fit, a user's loss function, say; rnn.fit
 * itself passes through safe_place.lua after each step. */
bool lrnn_living_place(lua_State *L, lua_Debug *ar) {
  lua_getinfo(L, "S", ar);
  if (strcmp(ar->source, "@[rnn]/train/safe_place.lua") == 0) return true;
  if (is_in(ar->source, "@[rnn]")) return false;
  lua_Debug outer;
  for (int level = 1; lua_getstack(L, level, &outer); level++) {
    lua_getinfo(L, "S", &outer);
    if (is_in(outer.source, "@[rnn]/train/")) return false;
  }
  return true;
}

/* f runs in a coroutine of its own: within a hook no other hook is called, so Ctrl-C would not stop what is computed at
 * the inner prompt. */
bool lrnn_living_open(lua_State *L) {
  if (!lua_checkstack(L, 3)) return false;
  lua_State *co = lua_newthread(L);
  lua_sethook(co, NULL, 0, 0); /* the one that it has inherited */
  lua_rawgetp(co, LUA_REGISTRYINDEX, &function_key);
  lua_pushthread(L);
  lua_xmove(L, co, 1);
  bool go_on = lua_pcall(co, 1, 1, 0) == LUA_OK && lua_toboolean(co, -1);
  lua_pop(L, 1);
  return go_on;
}
