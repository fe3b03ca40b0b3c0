/* textload.c: load, loadfile, dofile and the searcher for Lua files, for text only. They do what Lua's own do, but a
 * mode that allows bytecode counts as "t". */
#include <string.h>

#include <lauxlib.h>

#include "host.h"

#define BINARY_WANTED "mode '%s' asks for a binary chunk, and rnnlua loads text only"

/* Is the mode at index (default "t") one that allows text? If not, pushes nil and the message. */
static int allows_text(lua_State *L, int index) {
  const char *mode = luaL_optstring(L, index, "t");
  if (strchr(mode, 't')) return 1;
  lua_pushnil(L);
  lua_pushfstring(L, BINARY_WANTED, mode);
  return 0;
}

/* Results of load and loadfile: the function, with its environment set when there is one at index env, or nil and the
 * message on top of the stack. */
static int loaded(lua_State *L, int status, int env) {
  if (status != LUA_OK) {
    if (lrnn_interrupt_insists()) return lua_error(L); /* of the function that gives the pieces */
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (env) {
    lua_pushvalue(L, env);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1); /* a chunk without globals has no _ENV to set */
  } else {
    lrnn_set_environment(L);
  }
  return 1;
}

#define PIECE 5 /* the stack index that keeps the current piece alive while the parser reads it */

/* The pieces of load(function): its argument 1 is called until it gives nil or "". */
static const char *read_piece(lua_State *L, void *data, size_t *size) {
  (void)data;
  luaL_checkstack(L, 2, "too many nested functions");
  lua_pushvalue(L, 1);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    *size = 0;
    return NULL;
  }
  if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
  lua_replace(L, PIECE);
  return lua_tolstring(L, PIECE, size);
}

/* load(chunk [, chunkname [, mode [, env]]]) */
static int text_load(lua_State *L) {
  int env = lua_isnone(L, 4) ? 0 : 4;
  if (!allows_text(L, 3)) return 2;
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  if (text) return loaded(L, luaL_loadbufferx(L, text, size, luaL_optstring(L, 2, text), "t"), env);
  const char *chunkname = luaL_optstring(L, 2, "=(load)");
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, PIECE);
  return loaded(L, lua_load(L, read_piece, NULL, chunkname, "t"), env);
}

/* loadfile([filename [, mode [, env]]]) */
static int text_loadfile(lua_State *L) {
  const char *path = luaL_optstring(L, 1, NULL);
  int env = lua_isnone(L, 3) ? 0 : 3;
  if (!allows_text(L, 2)) return 2;
  int status = luaL_loadfilex(L, path, "t");
  if (status == LUA_OK) lrnn_note_script(L, path, NULL);
  return loaded(L, status, env);
}

static int dofile_results(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L) - 1;
}

/* dofile([filename]) */
static int text_dofile(lua_State *L) {
  const char *path = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (luaL_loadfilex(L, path, "t") != LUA_OK) return lua_error(L);
  lrnn_note_script(L, path, NULL);
  lrnn_set_environment(L);
  lua_callk(L, 0, LUA_MULTRET, 0, dofile_results);
  return dofile_results(L, LUA_OK, 0);
}

/* The searcher of require for Lua files. Upvalues: the table package, and package.searchpath. */
static int search_lua(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "path");
  if (!lua_isstring(L, -1)) return luaL_error(L, "'package.path' must be a string");
  lua_call(L, 2, 2); /* path, nil or nil, message */
  if (lua_isnil(L, -2)) return 1;
  const char *path = lua_tostring(L, -2);
  if (luaL_loadfilex(L, path, "t") != LUA_OK)
    return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path, lua_tostring(L, -1));
  lrnn_note_script(L, path, name);
  lrnn_set_environment(L); /* that name.lua lies there, the library has not said */
  lua_pushstring(L, path);
  return 2; /* the chunk, and what require passes to it and returns */
}

void lrnn_load_text_only(lua_State *L) {
  lua_register(L, "load", text_load);
  lua_register(L, "loadfile", text_loadfile);
  lua_register(L, "dofile", text_dofile);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_pushvalue(L, -2);
  lua_getfield(L, -1, "searchpath");
  lua_pushcclosure(L, search_lua, 2);
  lua_rawseti(L, -2, 2); /* after the one for package.preload */
  lua_pop(L, 2);
}
