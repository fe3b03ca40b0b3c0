/* archive.c: safetensors files and whole files, for scripts. */
#include <string.h>

#include "binding.h"

/* The string at index as the core reads it: one with a zero byte would mean something else there. */
static const char *c_string(lua_State *L, const char *fname, int index, const char *what) {
  if (lua_type(L, index) != LUA_TSTRING)
    lrnn_error(L, "%s: %s must be a string, got %s", fname, what, luaL_typename(L, index));
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (strlen(text) != size) lrnn_error(L, "%s: %s has a zero byte: '%.100s\\0...'", fname, what, text);
  return text;
}

const char *lrnn_check_path(lua_State *L, const char *fname, int arg) {
  lrnn_check_string(L, fname, arg, "path");
  return c_string(L, fname, arg, "the path");
}

#define ARCHIVE "rnn.Archive" /* what is read, until Lua's boxes have taken it over */

#define BYTES "rnn.Bytes" /* of a file, until Lua has a string of them */

static int archive_gc(lua_State *L) {
  rnn_archive_free(lrnn_context(L), lrnn_check_class(L, "__gc", ARCHIVE));
  return 0;
}

/* tensors[name] of one that was not read. Upvalues: the types of those by name, the path. */
static int unread_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) return 1;
  return lrnn_error(L, "%.200s: tensor '%.100s' has dtype %.20s, which cannot be read (F64, F32, F16, BF16, I64, I32, "
                    "I16, I8, U64, U32, U16, U8 and BOOL can)",
                    lua_tostring(L, lua_upvalueindex(2)), lua_tostring(L, 2), lua_tostring(L, -1));
}

/* Makes access to tensors that were not read an error, in the table on top. */
static void push_unread(lua_State *L, const rnn_archive *a, const char *path) {
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, a->unread_count);
  for (int i = 0; i < a->unread_count; i++) {
    lua_pushstring(L, a->unread[2 * i + 1]);
    lua_setfield(L, -2, a->unread[2 * i]);
  }
  lua_pushstring(L, path);
  lua_pushcclosure(L, unread_index, 2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

/*--- rnn.archive_read(path) -> tensors, metadata | nil, message, code
---
--- All tensors of a safetensors file by their names, and its text entries. Loading runs no code. Errors: a path that
--- is no string, and the name of a tensor of a type that is not known here: the others are read. A file that cannot be
--- read or is not sound gives nil and a message, as does an element that the type it becomes cannot hold.
---@param path string
---@return table<string, rnn.Tensor>? tensors of the shapes in the file
---@return table<string, string>|string
---@return string? code */
static int lrnn_archive_read(lua_State *L) {
  const char *path = lrnn_check_path(L, "archive_read", 1);
  rnn_archive *a = lrnn_new(L, ARCHIVE, sizeof *a, 0, archive_gc);
  rnn_ctx *ctx = lrnn_context(L);
  rnn_status status = rnn_safetensors_read(ctx, path, a);
  if (status == RNN_ENOMEM) { /* tensors that nobody holds any more may be what is in the way */
    lua_gc(L, LUA_GCCOLLECT);
    status = rnn_safetensors_read(ctx, path, a);
  }
  if (status != RNN_OK) return lrnn_fail(L, status);

  lua_createtable(L, 0, a->count);
  for (int i = 0; i < a->count; i++) {
    rnn_tensor **box = lrnn_box(L);
    *box = a->tensors[i];
    a->tensors[i] = NULL;
    lua_setfield(L, -2, a->names[i]);
  }
  if (a->unread_count) push_unread(L, a, path);
  lua_createtable(L, 0, a->metadata_count);
  for (int i = 0; i < a->metadata_count; i++) {
    lua_pushstring(L, a->metadata[2 * i + 1]);
    lua_setfield(L, -2, a->metadata[2 * i]);
  }
  rnn_archive_free(ctx, a);
  return 2;
}

static int count_fields(lua_State *L, int table) {
  int n = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    n++;
    lua_pop(L, 1);
  }
  return n;
}

/*--- rnn.archive_write(path, tensors [, metadata]) -> true | nil, message, code
---
--- Writes a safetensors file, whole or not at all. Errors: names that are no strings, values that are no tensors; a
--- file that cannot be written gives nil and a message, and the old one stays.
---@param path string
---@param tensors table<string, rnn.Tensor> of any shape
---@param metadata? table<string, string>
---@return true?
---@return string? message
---@return string? code */
/* The archive borrows everything from the two tables. Between filling it and writing it nothing is allocated in Lua,
   so no finaliser can change them. */
static int lrnn_archive_write(lua_State *L) {
  const char *path = lrnn_check_path(L, "archive_write", 1);
  lrnn_check_table(L, "archive_write", 2, "tensors");
  if (lua_isnoneornil(L, 3)) {
    lua_settop(L, 2);
    lua_newtable(L);
  }
  lrnn_check_table(L, "archive_write", 3, "metadata");
  lua_settop(L, 3);
  int tensors = count_fields(L, 2), texts = count_fields(L, 3);
  char **names = lua_newuserdatauv(L, ((size_t)tensors + 1) * sizeof *names, 0);
  char **metadata = lua_newuserdatauv(L, ((size_t)texts + 1) * 2 * sizeof *metadata, 0);
  rnn_archive a = {.names = names, .tensors = lrnn_scratch(L, tensors), .metadata = metadata};

  for (lua_pushnil(L); a.count < tensors && lua_next(L, 2); lua_pop(L, 1)) {
    const char *name = c_string(L, "archive_write", -2, "a tensor's name");
    rnn_tensor *t = lrnn_test_tensor(L, -1);
    if (!t)
      return lrnn_error(L, "archive_write: '%.100s': expected a tensor, got %s", name, luaL_typename(L, -1));
    a.names[a.count] = (char *)name;
    a.tensors[a.count++] = t;
  }
  lua_settop(L, 6);
  for (lua_pushnil(L); a.metadata_count < texts && lua_next(L, 3); lua_pop(L, 1)) {
    a.metadata[2 * a.metadata_count] = (char *)c_string(L, "archive_write", -2, "a metadata key");
    a.metadata[2 * a.metadata_count + 1] = (char *)c_string(L, "archive_write", -1, "a metadata value");
    a.metadata_count++;
  }
  rnn_status status = rnn_safetensors_write(lrnn_context(L), path, &a);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

static int bytes_gc(lua_State *L) {
  char **bytes = lrnn_check_class(L, "__gc", BYTES);
  rnn_file_read_free(lrnn_context(L), *bytes);
  *bytes = NULL;
  return 0;
}

/*--- rnn.file_read(path) -> string | nil, message, code
---
--- The whole of a file: a regular one, or a pipe that is open already, as /dev/stdin is. Errors: a path that is no
--- string; a file that cannot be read, or need not end, as devices, gives nil and a message.
---@param path string
---@return string?
---@return string? message
---@return string? code */
static int lrnn_file_read(lua_State *L) {
  const char *path = lrnn_check_path(L, "file_read", 1);
  char **bytes = lrnn_new(L, BYTES, sizeof *bytes, 0, bytes_gc);
  size_t size;
  rnn_status status = rnn_file_read(lrnn_context(L), path, bytes, &size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushlstring(L, *bytes, size);
  rnn_file_read_free(lrnn_context(L), *bytes);
  *bytes = NULL;
  return 1;
}

/*--- rnn.file_kind(content) -> string | nil
---
--- What content is, "compressed by gzip", when it is one of those that are taken for text by mistake. Errors: a content
--- that is no string.
---@param content string
---@return string? */
static int lrnn_file_kind(lua_State *L) {
  lrnn_check_string(L, "file_kind", 1, "content");
  size_t size;
  const char *bytes = lua_tolstring(L, 1, &size);
  lua_pushstring(L, rnn_file_kind(bytes, size));
  return 1;
}

/*--- rnn.file_write(path, content) -> true | nil, message, code
---
--- Writes a file, whole or not at all. Errors: arguments that are no strings; a file that cannot be written gives nil
--- and a message, and the old one stays.
---@param path string
---@param content string
---@return true?
---@return string? message
---@return string? code */
static int lrnn_file_write(lua_State *L) {
  const char *path = lrnn_check_path(L, "file_write", 1);
  lrnn_check_string(L, "file_write", 2, "content");
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  rnn_status status = rnn_file_write(lrnn_context(L), path, bytes, size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*--- rnn.make_folder(path) -> true | nil, message, code
---
--- Makes a folder and those above it; one that is there is fine. Errors: a path that is no string; otherwise nil and a
--- message.
---@param path string
---@return true?
---@return string? message
---@return string? code */
static int lrnn_make_folder(lua_State *L) {
  rnn_status status = rnn_folder_make(lrnn_context(L), lrnn_check_path(L, "make_folder", 1));
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

const lrnn_function lrnn_archive_functions[] = {{"archive_read", lrnn_archive_read, 1},
                                                {"archive_write", lrnn_archive_write, 3},
                                                {"file_read", lrnn_file_read, 1},
                                                {"file_kind", lrnn_file_kind, 1},
                                                {"file_write", lrnn_file_write, 2},
                                                {"make_folder", lrnn_make_folder, 1},
                                                {NULL, NULL, 0}};
