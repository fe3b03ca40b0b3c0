/* locale.c: numbers have a decimal point, whatever locale a script sets.
 *
 * Lua writes numbers through the C library, so a locale with a decimal comma would get into every file: CSV, SVG, JSON,
 * pages. Instead of each writer, the one place that changes the locale minds it: LC_NUMERIC stays "C". */
#include <locale.h>
#include <string.h>

#include <lualib.h>

#include "binding.h"

/* os.setlocale([locale [, category]]) of Lua, upvalue 1, but that numbers stay as they are: for the category "numeric"
 * any other locale is refused with nil, as one that the system does not have. */
static int set_locale(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  bool numeric = lua_type(L, 3) == LUA_TSTRING && strcmp(lua_tostring(L, 3), "numeric") == 0;
  lua_call(L, 2, 1);
  const char *now = setlocale(LC_NUMERIC, NULL);
  if (numeric && strcmp(now, "C") != 0 && strcmp(now, "POSIX") != 0) luaL_pushfail(L);
  setlocale(LC_NUMERIC, "C");
  return 1;
}

void lrnn_locale_open(lua_State *L) {
  setlocale(LC_NUMERIC, "C");
  int top = lua_gettop(L);
  lua_getglobal(L, LUA_OSLIBNAME);
  if (lua_istable(L, -1) && lua_getfield(L, -1, "setlocale") == LUA_TFUNCTION) {
    lua_pushcclosure(L, set_locale, 1);
    lua_setfield(L, -2, "setlocale");
  }
  lua_settop(L, top);
}
