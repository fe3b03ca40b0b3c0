/* record.c: which files a script uses, as rnn.files_used tells: the Lua files that are loaded, what io.open and io.lines
 * open, and what os.rename makes, beside what the core reads and writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "../binding.h"
#include "host.h"

/* The text of a file that could be loaded just now; nothing is pushed. */
void lrnn_note_script(lua_State *L, const char *path, const char *module) {
  if (!path) return; /* standard input */
  FILE *file = fopen(path, "rb");
  if (!file) return;
  luaL_Buffer text; /* nothing raises but for want of memory, which ends the script anyway */
  luaL_buffinit(L, &text);
  size_t got;
  do {
    char *room = luaL_prepbuffer(&text);
    got = fread(room, 1, LUAL_BUFFERSIZE, file);
    luaL_addsize(&text, got);
  } while (got == LUAL_BUFFERSIZE);
  fclose(file);
  luaL_pushresult(&text);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LRNN_SCRIPTS);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, module);
  lua_setfield(L, -2, "module");
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "text");
  lua_rawseti(L, -2, luaL_len(L, -2) + 1);
  lua_pop(L, 2);
}

/* Calls Lua's own function, upvalue 1, with all arguments. It would put the position of its caller in front of a message:
 * that is this one, which has none. */
static int call_own(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == LUA_OK) return lua_gettop(L);
  if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
  return luaL_error(L, "%s", lua_tostring(L, -1));
}

static void note(lua_State *L, const char *mode) {
  if (mode[0] == 'r') lrnn_check_read(L, "open", 1);
  if (mode[0] != 'r' || strchr(mode, '+')) lrnn_check_write(L, "open", 1);
}

static bool is_mode(const char *mode) {
  if (!*mode || !strchr("rwa", *mode)) return false;
  mode += mode[1] == '+' ? 2 : 1;
  return strspn(mode, "b") == strlen(mode);
}

/* io.open(filename [, mode]) */
static int noted_open(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size), *mode = luaL_optstring(L, 2, "r");
  luaL_argcheck(L, is_mode(mode), 2, "invalid mode");
  lua_settop(L, 2);
  if (strlen(path) == size && lua_type(L, 1) == LUA_TSTRING) note(L, mode);
  return call_own(L);
}

/* io.lines([filename, ...]) and io.input([file]) */
static int noted_input(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING && strlen(lua_tostring(L, 1)) == lua_rawlen(L, 1)) note(L, "r");
  return call_own(L);
}

/* os.rename(from, to): what is at the second place is this script's doing. */
static int noted_rename(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING && strlen(lua_tostring(L, 2)) == lua_rawlen(L, 2)) lrnn_check_write(L, "rename", 2);
  return call_own(L);
}

void lrnn_note_files(lua_State *L) {
  static const struct {
    const char *library, *name;
    lua_CFunction noted;
  } functions[] = {
      {"io", "open", noted_open}, {"io", "lines", noted_input}, {"io", "input", noted_input}, {"os", "rename", noted_rename}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    lua_getglobal(L, functions[i].library);
    lua_getfield(L, -1, functions[i].name);
    lua_pushcclosure(L, functions[i].noted, 1);
    lua_setfield(L, -2, functions[i].name);
    lua_pop(L, 1);
  }
}
