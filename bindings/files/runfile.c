/* runfile.c: the files of a training run that grow, and the lock that keeps two processes out of one folder. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "../binding.h"

#define LOCK_NAME "rnn.Lock"

/*--- rnn.file_append(path, content) -> size | nil, message, code
---
--- Adds to the end of a file; all of it is on the disk then, or none. Errors: arguments that are no strings; a file
--- that cannot be written gives nil and a message.
---@param path string
---@param content string
---@return integer? size of the file
---@return string? message
---@return string? code */
static int lrnn_file_append(lua_State *L) {
  const char *path = lrnn_check_write(L, "file_append", 1);
  lrnn_check_string(L, "file_append", 2, "content");
  size_t size;
  int64_t end;
  const char *bytes = lua_tolstring(L, 2, &size);
  rnn_status status = rnn_file_append(lrnn_context(L), path, bytes, size, &end);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushinteger(L, end);
  return 1;
}

/*--- rnn.file_truncate(path, size) -> true | nil, message, code
---
--- Cuts a file to size bytes. Errors: a size that is no integer of at least 0; a shorter file gives nil and a message.
---@param path string
---@param size integer
---@return true?
---@return string? message
---@return string? code */
static int lrnn_file_truncate(lua_State *L) {
  const char *path = lrnn_check_path(L, "file_truncate", 1);
  lua_Integer size = lrnn_check_integer(L, "file_truncate", 2, "size");
  if (size < 0) return lrnn_argument_error(L, "file_truncate", 2, "size", "an integer of at least 0");
  rnn_status status = rnn_file_truncate(lrnn_context(L), path, size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*--- rnn.file_is_there(path) -> boolean | nil, message, code
---
--- Is there a file, a folder or anything else of that name? false only where it is certain that there is none; what
--- cannot be found out gives nil and a message. A link is there whether or not it leads anywhere. Errors: a path that is
--- no string.
---@param path string
---@return boolean?
---@return string? message
---@return string? code */
static int lrnn_file_is_there(lua_State *L) {
  const char *path = lrnn_check_path(L, "file_is_there", 1);
  struct stat found;
  bool there = lstat(path, &found) == 0;
  if (!there && errno != ENOENT) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot open %s: %s", path, strerror(errno));
    lua_pushliteral(L, "EIO");
    return 3;
  }
  lua_pushboolean(L, there);
  return 1;
}

/*--- rnn.file_status(path) -> size, changed, number | nil, message, code
---
--- The bytes of a file, when it was last written, in seconds since 1970, and the number that the file system has for it.
--- It is not opened. Errors: a path that is no string; a file that is not there gives nil and a message.
---@param path string
---@return integer? size
---@return number|string changed
---@return integer|string? number */
static int lrnn_file_status(lua_State *L) {
  const char *path = lrnn_check_path(L, "file_status", 1);
  struct stat found;
  if (stat(path, &found) != 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot open %s: %s", path, strerror(errno));
    lua_pushliteral(L, "EIO");
    return 3;
  }
  lua_pushinteger(L, (lua_Integer)found.st_size);
  lua_pushnumber(L, (lua_Number)found.st_mtim.tv_sec + (lua_Number)found.st_mtim.tv_nsec * 1e-9);
  lua_pushinteger(L, (lua_Integer)found.st_ino);
  return 3;
}

/*--- rnn.checksum(value) -> integer
---
--- 64 bits that differ when two strings do, or the types, shapes or values of two tensors: for telling whether something
--- is still the same, not against people who want it to look so. Errors: anything else.
---@param value rnn.Tensor|string of any shape
---@return integer */
static int lrnn_checksum(lua_State *L) {
  rnn_tensor *t = lrnn_test_tensor(L, 1);
  if (t) {
    uint64_t sum;
    lrnn_check(L, rnn_tensor_checksum(lrnn_context(L), t, &sum));
    lua_pushinteger(L, (lua_Integer)sum);
    return 1;
  }
  if (lua_type(L, 1) != LUA_TSTRING) return lrnn_argument_error(L, "checksum", 1, "value", "a tensor or a string");
  size_t size;
  const char *bytes = lua_tolstring(L, 1, &size);
  lua_pushinteger(L, (lua_Integer)rnn_checksum(bytes, size));
  return 1;
}

/*--- rnn.file_sweep(path)
---
--- Removes what killed processes left of unfinished writes to path. Errors: a path that is no string.
---@param path string */
static int lrnn_file_sweep(lua_State *L) {
  rnn_file_sweep(lrnn_check_path(L, "file_sweep", 1));
  return 0;
}

static int lock_close(lua_State *L) {
  int *fd = lrnn_check_class(L, "close", LOCK_NAME);
  if (*fd >= 0) rnn_file_unlock(*fd);
  *fd = -1;
  return 0;
}

/*--- rnn.file_lock(path) -> lock | nil, message, code
---
--- Keeps other processes out until lock:close() or the end of the process. Errors: a path that is no string; a file
--- that somebody else has locked gives nil and a message.
---@param path string
---@return userdata?
---@return string? message
---@return string? code */
static int lrnn_file_lock(lua_State *L) {
  const char *path = lrnn_check_path(L, "file_lock", 1);
  int *fd = lrnn_new(L, LOCK_NAME, sizeof *fd, 0, lock_close);
  *fd = -1;
  rnn_status status = rnn_file_lock(lrnn_context(L), path, fd);
  return status == RNN_OK ? 1 : lrnn_fail(L, status);
}

void lrnn_runfile_open(lua_State *L) {
  static const lrnn_function methods[] = {{"close", lock_close, 1}, {NULL, NULL, 0}};
  lrnn_class(L, LOCK_NAME, lock_close);
  lua_pushcfunction(L, lock_close);
  lua_setfield(L, -2, "__close");
  lua_newtable(L);
  lrnn_set_functions(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

const lrnn_function lrnn_runfile_functions[] = {{"file_append", lrnn_file_append, 2},
                                                {"file_truncate", lrnn_file_truncate, 2},
                                                {"file_is_there", lrnn_file_is_there, 1},
                                                {"file_status", lrnn_file_status, 1},
                                                {"file_sweep", lrnn_file_sweep, 1},
                                                {"checksum", lrnn_checksum, 1},
                                                {"file_lock", lrnn_file_lock, 1},
                                                {NULL, NULL, 0}};
