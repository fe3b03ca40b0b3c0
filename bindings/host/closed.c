/* closed.c: wall 4 of the sandbox (sandbox.h), what a script finds in its globals. The chunks of a script have an
 * environment of their own, with copies of Lua's libraries; the library's chunks keep the open one, so that nothing a
 * script puts into its tables is called by them. What is not there is a function that says so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host.h"
#include "sandbox.h"

#define ENVIRONMENT "rnn.Environment"
#define DENIED "rnn.Denied" /* what is added to "Permission denied", also by bindings/error.c */

/* ---- functions that are not there, or only in part ---- */

static int not_there(lua_State *L) {
  return luaL_error(L, "%s is not there in the sandbox (wall 4, Lua)", lua_tostring(L, lua_upvalueindex(1)));
}

/* Calls upvalue 1, and says which wall it was when a file may not be opened. */
static int explain_denied(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  int text = status != LUA_OK ? 1 : 2;
  bool failed = status != LUA_OK || (lua_gettop(L) == 3 && lua_isnil(L, 1));
  if (failed && lua_type(L, text) == LUA_TSTRING) {
    const char *message = lua_tostring(L, text);
    bool denied = strstr(message, strerror(EACCES)) || strstr(message, strerror(EPERM)) || strstr(message, strerror(EXDEV));
    if (status != LUA_OK) luaL_where(L, 1);
    else lua_pushliteral(L, "");
    lua_pushvalue(L, text);
    if (denied) lua_getfield(L, LUA_REGISTRYINDEX, DENIED);
    else lua_pushliteral(L, "");
    lua_concat(L, 3);
    lua_replace(L, text);
  }
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* os.tmpname(): in the folder that may be written. */
static int temporary_name(lua_State *L) {
  lua_pushfstring(L, "%s/lua_XXXXXX", getenv("TMPDIR"));
  char *name = strdup(lua_tostring(L, -1));
  int fd = name ? mkstemp(name) : -1;
  if (fd >= 0) close(fd);
  lua_pushstring(L, name);
  free(name);
  return fd >= 0 ? 1 : luaL_error(L, "unable to generate a unique filename");
}

/* What the library puts others in the place of: what is there now. Upvalues: the library's name, the function's. */
static int call_open(lua_State *L) {
  lua_getglobal(L, lua_tostring(L, lua_upvalueindex(1)));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_rawget(L, -2);
  lua_insert(L, 1);
  lua_pop(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* getmetatable(value): of tables only; those of strings, files and tensors are shared with the library. */
static int closed_getmetatable(lua_State *L) {
  luaL_checkany(L, 1);
  if (!lua_getmetatable(L, 1)) return 0;
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) return 1;
  if (!lua_istable(L, 1)) lua_pushboolean(L, 0);
  return 1;
}

/* setmetatable(table, metatable): without a finaliser, which would run outside of the script's calls. Upvalue 1: Lua's. */
static int closed_setmetatable(lua_State *L) {
  lua_settop(L, 2);
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "setmetatable: no __gc in the sandbox (wall 4, Lua)");
    lua_pop(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

/* ---- modules ---- */

static const char *const libraries[] = {"_G", LUA_COLIBNAME, LUA_TABLIBNAME, LUA_IOLIBNAME, LUA_OSLIBNAME, LUA_STRLIBNAME,
                                        LUA_MATHLIBNAME, LUA_UTF8LIBNAME, LUA_DBLIBNAME, LUA_LOADLIBNAME, NULL};

/* Pushes what require(name) has given before, nil when nothing: of Lua's libraries, the script's copies. */
static bool push_loaded(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
  for (int i = 0; libraries[i]; i++)
    if (strcmp(libraries[i], name) == 0) {
      lua_getfield(L, -1, name);
      lua_remove(L, -2);
      return true;
    }
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, name);
  lua_replace(L, -3);
  lua_pop(L, 1);
  return !lua_isnil(L, -1);
}

/* A module that the program carries, of which the prompt's are taken away. */
static bool is_ours(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  bool there = lua_getfield(L, -1, name) != LUA_TNIL;
  lua_pop(L, 2);
  return there;
}

/* package.loaded[name] */
static int loaded_get(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  push_loaded(L, lua_tostring(L, 2));
  return 1;
}

/* package.loaded[name] = value */
static int loaded_set(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  bool library = is_ours(L, name);
  for (int i = 0; libraries[i]; i++) library |= strcmp(libraries[i], name) == 0;
  if (library) return luaL_error(L, "package.loaded: '%s' stays in the sandbox (wall 4, Lua)", name);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, 3);
  lua_setfield(L, -2, name);
  return 0;
}

/* require(name). Upvalues: Lua's require and package.searchpath, the script's table package. */
static int closed_require(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (push_loaded(L, name)) return 1;
  if (is_ours(L, name)) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 2);
    return 2;
  }
  lua_settop(L, 1);
  lua_getfield(L, lua_upvalueindex(3), "preload");
  if (lua_istable(L, 2) && lua_getfield(L, 2, name) != LUA_TNIL) {
    lua_pushliteral(L, ":preload:");
    lua_replace(L, 2);
  } else {
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_getfield(L, lua_upvalueindex(3), "path");
    if (!lua_isstring(L, -1)) return luaL_error(L, "'package.path' must be a string");
    lua_call(L, 2, 2);
    if (lua_isnil(L, 2))
      return luaL_error(L, "module '%s' not found:%s\n\tin the sandbox, modules are .lua files in the script's folder and "
                           "below --read (wall 4, Lua)", name, lua_tostring(L, 3));
    lua_settop(L, 2);
    if (luaL_loadfilex(L, lua_tostring(L, 2), "t") != LUA_OK)
      return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, lua_tostring(L, 2),
                        lua_tostring(L, -1));
    lrnn_set_environment(L);
  }
  lua_pushvalue(L, 1); /* name, where, chunk, name */
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1); /* name, where, result */
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_isnil(L, 3)) { /* what it put there itself, or true */
    if (lua_getfield(L, 4, name) == LUA_TNIL) lua_pushboolean(L, 1);
    lua_replace(L, 3);
  }
  lua_pushvalue(L, 3);
  lua_setfield(L, 4, name);
  lua_pushvalue(L, 3);
  lua_pushvalue(L, 2);
  return 2;
}

/* ---- the environment ---- */

/* What is not named here is not there. */
static const struct {
  const char *library, *names;
} there[] = {
    {"_G", " assert collectgarbage dofile error ipairs load loadfile next pairs pcall print rawequal rawget rawlen rawset "
           "select setmetatable tonumber tostring type warn xpcall "},
    {LUA_COLIBNAME, " create isyieldable resume running status wrap yield close "},
    {LUA_TABLIBNAME, " concat insert move pack remove sort unpack "},
    {LUA_STRLIBNAME, " byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper "},
    {LUA_UTF8LIBNAME, " char codepoint codes len offset "},
    {LUA_MATHLIBNAME, " abs acos asin atan ceil cos deg exp floor fmod log max min modf rad sin sqrt tan tointeger type ult "
                      "cosh sinh tanh pow frexp ldexp log10 "},
    {LUA_IOLIBNAME, " close flush input lines open output read type write "},
    {LUA_OSLIBNAME, " clock date difftime getenv remove rename time tmpname "},
    {LUA_DBLIBNAME, " traceback "},
    {NULL, NULL}};

static bool is_there(const char *names, const char *name) {
  const char *at = strstr(names, name);
  size_t n = strlen(name);
  for (; at; at = strstr(at + 1, name))
    if (at[-1] == ' ' && at[n] == ' ') return true;
  return false;
}

/* Copies to the table on top what its library at index from has and may be there; other functions say that they are not. */
static void copy(lua_State *L, int from, const char *library, const char *names) {
  for (lua_pushnil(L); lua_next(L, from);) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (lua_type(L, -1) == LUA_TFUNCTION && !is_there(names, name)) {
      lua_pop(L, 1);
      lua_pushfstring(L, strcmp(library, "_G") == 0 ? "%s%s" : "%s.%s", strcmp(library, "_G") == 0 ? "" : library, name);
      lua_pushcclosure(L, not_there, 1);
    } else if (lua_istable(L, -1)) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_settable(L, -4);
  }
}

/* Of the library's table at index from, in the open environment as well, since the library needs none of it. */
static void take_away(lua_State *L, const char *library, const char *name) {
  lua_getglobal(L, library);
  lua_pushfstring(L, "%s.%s", library, name);
  lua_pushcclosure(L, not_there, 1);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* The modules of the prompt, which look into everything. */
static void take_away_prompt(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING || strncmp(lua_tostring(L, -1), "rnn.repl", 8) != 0) continue;
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, -4); /* a field that is there may go meanwhile */
  }
  lua_pop(L, 1);
}

/* In the table on top: field name is function with its old value as upvalue 1. */
static void wrap(lua_State *L, const char *name, lua_CFunction function) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, name);
}

static void set_open(lua_State *L, const char *library, const char *name) {
  lua_pushstring(L, library);
  lua_pushstring(L, name);
  lua_pushcclosure(L, call_open, 2);
  lua_setfield(L, -2, name);
}

static void make_package(lua_State *L, int environment) {
  lua_newtable(L);
  lua_getglobal(L, LUA_LOADLIBNAME);
  static const char *const fields[] = {"path", "config", "searchpath"};
  for (int i = 0; i < 3; i++) {
    lua_getfield(L, -1, fields[i]);
    lua_setfield(L, -3, fields[i]);
  }
  lua_pop(L, 1);
  lua_pushliteral(L, "");
  lua_setfield(L, -2, "cpath");
  lua_newtable(L);
  lua_setfield(L, -2, "preload");
  lua_newtable(L); /* loaded, and its metatable */
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, loaded_get);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, loaded_set);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "loaded");
  lua_pushliteral(L, "package.loadlib");
  lua_pushcclosure(L, not_there, 1);
  lua_setfield(L, -2, "loadlib");
  lua_getglobal(L, "require");
  lua_getfield(L, -2, "searchpath");
  lua_pushvalue(L, -3);
  lua_pushcclosure(L, closed_require, 3);
  lua_setfield(L, environment, "require");
  lua_setfield(L, environment, LUA_LOADLIBNAME);
}

void lrnn_close_environment(lua_State *L) {
  lua_pushfstring(L, " (sandbox: wall 1, files: %s may be written; --read gives more to read)", getenv("TMPDIR"));
  lua_setfield(L, LUA_REGISTRYINDEX, DENIED);
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, temporary_name);
  lua_setfield(L, -2, "tmpname");
  lua_pop(L, 1);
  if (!lrnn_walls_stands(4)) return;
  take_away(L, LUA_STRLIBNAME, "dump"); /* which ("").dump would reach */
  take_away(L, LUA_OSLIBNAME, "execute");
  take_away(L, LUA_IOLIBNAME, "popen");
  take_away(L, LUA_LOADLIBNAME, "loadlib");
  take_away_prompt(L);
  static const char *const looks[] = {"debug", "getregistry", "getupvalue", "setcstacklimit", "setlocal", "setmetatable",
                                      "setupvalue", "setuservalue", "upvalueid", "upvaluejoin"};
  for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) take_away(L, LUA_DBLIBNAME, looks[i]);
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_pushliteral(L, ""); /* require looks for no libraries in C */
  lua_setfield(L, -2, "cpath");
  lua_pop(L, 1);
  lua_getglobal(L, "setmetatable"); /* of the library as well, which makes objects of a script's classes */
  lua_pushcclosure(L, closed_setmetatable, 1);
  lua_setglobal(L, "setmetatable");
  lua_newtable(L);
  int environment = lua_gettop(L);
  for (int i = 0; there[i].library; i++) {
    lua_getglobal(L, there[i].library);
    if (i == 0) lua_pushvalue(L, environment);
    else lua_newtable(L);
    copy(L, environment + 1, there[i].library, there[i].names);
    if (strcmp(there[i].library, LUA_IOLIBNAME) == 0) {
      static const char *const names[] = {"open", "lines", "input", "output"};
      for (int k = 0; k < 4; k++) wrap(L, names[k], explain_denied);
    } else if (strcmp(there[i].library, LUA_OSLIBNAME) == 0) {
      wrap(L, "remove", explain_denied);
      wrap(L, "rename", explain_denied);
      set_open(L, LUA_OSLIBNAME, "exit"); /* as a capsule is made, it ends the record */
    } else if (strcmp(there[i].library, LUA_MATHLIBNAME) == 0) { /* as a run's numbers begin, those of the run */
      set_open(L, LUA_MATHLIBNAME, "random");
      set_open(L, LUA_MATHLIBNAME, "randomseed");
    }
    lua_setfield(L, environment, there[i].library);
    lua_settop(L, environment);
  }
  lua_getglobal(L, "arg");
  lua_setfield(L, environment, "arg");
#ifdef RNNLUA_SANDBOX_TEST
  lrnn_raw_open(L);
  lua_getglobal(L, "raw");
  lua_setfield(L, environment, "raw");
#endif
  lua_pushcfunction(L, closed_getmetatable);
  lua_setfield(L, environment, "getmetatable");
  make_package(L, environment);
  lua_setfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
}

void lrnn_set_environment(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, ENVIRONMENT) != LUA_TTABLE || !lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
}
