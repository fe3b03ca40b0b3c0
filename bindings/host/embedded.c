/* embedded.c: loaders for the embedded Lua files, and for the folder that replaces them during development. */
#include "embedded.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <lauxlib.h>
#include <zlib.h>

/* The folder whose files go before the embedded ones, or NULL. */
static const char *override_folder(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  bool ignore = lua_toboolean(L, -1);
  lua_pop(L, 1);
  const char *folder = ignore ? NULL : getenv("RNNLUA_PATH");
  return folder && *folder ? folder : NULL;
}

/* Pushes FOLDER/nn/linear.lua for the module "rnn.nn.linear". */
static const char *push_path(lua_State *L, const char *folder, const char *name, const char *suffix) {
  luaL_gsub(L, name + strlen("rnn"), ".", "/");
  const char *path = lua_pushfstring(L, "%s%s%s", folder, lua_tostring(L, -1), suffix);
  lua_remove(L, -2);
  return path;
}

/* A name with others below it is a folder, whose own file is init.lua: no module has both x.lua and x/. */
static const char *suffix_of(const char *name) {
  size_t length = strlen(name);
  for (const struct rnnlua_chunk *c = rnnlua_stdlib; c->name; c++)
    if (strncmp(c->name, name, length) == 0 && c->name[length] == '.') return "/init.lua";
  return ".lua";
}

struct source {
  FILE *file;
  char buffer[4096];
};

static const char *read_source(lua_State *L, void *data, size_t *size) {
  (void)L;
  struct source *s = data;
  *size = fread(s->buffer, 1, sizeof s->buffer, s->file);
  return s->buffer;
}

/* Pushes the compiled chunk of a module's file in folder; false, and nothing pushed, when there is no such file. */
static bool load_from_folder(lua_State *L, const char *folder, const char *name, const char *suffix) {
  const char *chunkname = push_path(L, "@[rnn]", name, suffix);
  lua_pushfstring(L, "%s/rnn", folder);
  const char *path = push_path(L, lua_tostring(L, -1), name, suffix);
  struct source source;
  source.file = fopen(path, "rb");
  if (source.file) {
    int status = lua_load(L, read_source, &source, chunkname, "t"); /* cannot raise, so the file is closed */
    fclose(source.file);
    if (status != LUA_OK) lua_error(L);
    lua_replace(L, -4); /* over the chunk name */
    lua_pop(L, 2);
    return true;
  }
  lua_pop(L, 3);
  return false;
}

static bool load_override(lua_State *L, const char *name) {
  const char *folder = override_folder(L);
  return folder && (load_from_folder(L, folder, name, ".lua") || load_from_folder(L, folder, name, "/init.lua"));
}

static const struct rnnlua_chunk *find_chunk(const char *name) {
  for (const struct rnnlua_chunk *c = rnnlua_stdlib; c->name; c++)
    if (strcmp(c->name, name) == 0) return c;
  return NULL;
}

/* Pushes the source of c, in a userdata. */
static const char *push_source(lua_State *L, const struct rnnlua_chunk *c) {
  char *source = lua_newuserdatauv(L, c->size, 0);
  z_stream z = {.next_in = (Bytef *)c->packed, .avail_in = (uInt)c->packed_size, .next_out = (Bytef *)source,
                .avail_out = (uInt)c->size};
  bool done = inflateInit2(&z, 16 + MAX_WBITS) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END;
  inflateEnd(&z);
  if (!done || z.total_out != c->size) luaL_error(L, "not enough memory");
  return source;
}

/* Upvalue 1: the module's name. Arguments (name, ":preload:") go on to the chunk, as require passes them. */
static int load_chunk(lua_State *L) {
  const struct rnnlua_chunk *c = find_chunk(luaL_checkstring(L, lua_upvalueindex(1)));
  if (!c) return luaL_error(L, "no such module");
  int arguments = lua_gettop(L);
  if (!load_override(L, c->name)) {
    const char *chunkname = push_path(L, "@[rnn]", c->name, suffix_of(c->name));
    if (luaL_loadbufferx(L, push_source(L, c), c->size, chunkname, "t") != LUA_OK) return lua_error(L);
    lua_replace(L, -3);
    lua_pop(L, 1);
  }
  lua_insert(L, 1);
  lua_call(L, arguments, 1);
  return 1;
}

/* A searcher for files that are in the overriding folder only: those added since the build. */
static int search_override(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  if (strncmp(name, "rnn.", 4) != 0 || !load_override(L, name)) return 0;
  lua_pushstring(L, "RNNLUA_PATH");
  return 2;
}

/* ---- rnn.sources: the text of the stdlib, for help and documentation ---- */

/* Pushes the text of a module's file in folder; false, and nothing pushed, when there is no such file. */
static bool push_file(lua_State *L, const char *folder, const char *name, const char *suffix) {
  struct stat info;
  lua_pushfstring(L, "%s/rnn", folder);
  const char *path = push_path(L, lua_tostring(L, -1), name, suffix);
  if (stat(path, &info) != 0) {
    lua_pop(L, 2);
    return false;
  }
  char *text = lua_newuserdatauv(L, (size_t)info.st_size, 0);
  FILE *file = fopen(path, "rb"); /* nothing raises until it is closed */
  size_t size = file ? fread(text, 1, (size_t)info.st_size, file) : 0;
  if (file) fclose(file);
  lua_pushlstring(L, text, size);
  lua_replace(L, -4);
  lua_pop(L, 2);
  return true;
}

/* sources() -> array of the modules' names; sources(name) -> the text of one, or nil */
static int sources(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_newtable(L);
    for (lua_Integer i = 0; rnnlua_stdlib[i].name; i++) {
      lua_pushstring(L, rnnlua_stdlib[i].name);
      lua_rawseti(L, -2, i + 1);
    }
    return 1;
  }
  const char *name = luaL_checkstring(L, 1), *folder = override_folder(L);
  if (folder && strncmp(name, "rnn", 3) == 0 &&
      (push_file(L, folder, name, ".lua") || push_file(L, folder, name, "/init.lua")))
    return 1;
  const struct rnnlua_chunk *c = find_chunk(name);
  if (!c) return 0;
  lua_pushlstring(L, push_source(L, c), c->size);
  return 1;
}

static int open_sources(lua_State *L) {
  lua_pushcfunction(L, sources);
  return 1;
}

static void add_searcher(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, search_override);
  lua_rawseti(L, -2, luaL_len(L, -2) + 1);
  lua_pop(L, 2);
}

void lrnn_stdlib_register(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const struct rnnlua_chunk *c = rnnlua_stdlib; c->name; c++) {
    lua_pushstring(L, c->name);
    lua_pushcclosure(L, load_chunk, 1);
    lua_setfield(L, -2, c->name);
  }
  lua_pushcfunction(L, open_sources);
  lua_setfield(L, -2, "rnn.sources");
  lua_pop(L, 1);
  if (override_folder(L)) add_searcher(L);
}
