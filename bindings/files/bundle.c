/* bundle.c: what sharing an experiment needs: ZIP archives of whole files, fingerprints that nobody can forge, and which
 * files a script has used. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../binding.h"

#define BUNDLE "rnn.Bundle" /* what is read, until Lua has strings of it */

static int bundle_gc(lua_State *L) {
  rnn_bundle_free(lrnn_context(L), lrnn_check_class(L, "__gc", BUNDLE));
  return 0;
}

/*--- rnn.bundle_read(path, most [, foreign = false]) -> files | nil, message, code
---
--- The files in a ZIP archive, { { name = "a/b.txt", bytes = "..." }, ... }, in their order there. Names that lead out of
--- the folder that one unpacks into, two that differ in capitals only, links, and what is no member of the archive make
--- it unsound, as does more than most bytes; of a foreign archive, which another program has written, folders and what is
--- no member are passed over. Errors: arguments of another type; a file that cannot be read or is not sound gives nil and
--- a message.
---@param path string
---@param most integer
---@param foreign? boolean
---@return { name: string, bytes: string }[]?
---@return string? message
---@return string? code */
static int lrnn_bundle_read(lua_State *L) {
  const char *path = lrnn_check_read(L, "bundle_read", 1);
  lua_Integer most = lrnn_check_integer(L, "bundle_read", 2, "most");
  if (most < 0) return lrnn_argument_error(L, "bundle_read", 2, "most", "an integer of at least 0");
  rnn_bundle *b = lrnn_new(L, BUNDLE, sizeof *b, 0, bundle_gc);
  rnn_status status = rnn_bundle_read(lrnn_context(L), path, most, lua_toboolean(L, 3), b);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_createtable(L, b->count, 0);
  for (int i = 0; i < b->count; i++) {
    lua_createtable(L, 0, 2);
    lua_pushstring(L, b->files[i].name);
    lua_setfield(L, -2, "name");
    lua_pushlstring(L, b->files[i].bytes, b->files[i].size);
    lua_setfield(L, -2, "bytes");
    lua_rawseti(L, -2, i + 1);
  }
  rnn_bundle_free(lrnn_context(L), b);
  return 1;
}

#define MOST_RATIO 1032 /* of deflate: a byte for what 258 bytes stand for, four of them in one */

/*--- rnn.inflate(packed, size) -> bytes | nil, message, code
---
--- The size bytes that a stream of zlib's stands for. Errors: arguments of another type; a stream that is damaged, or
--- stands for more or fewer bytes, gives nil and a message.
---@param packed string
---@param size integer
---@return string?
---@return string? message
---@return string? code */
static int lrnn_inflate(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING) return lrnn_argument_error(L, "inflate", 1, "packed", "a string");
  size_t packed_size;
  const char *packed = lua_tolstring(L, 1, &packed_size);
  lua_Integer size = lrnn_check_integer(L, "inflate", 2, "size");
  if (size < 0) return lrnn_argument_error(L, "inflate", 2, "size", "an integer of at least 0");
  if ((uint64_t)size / MOST_RATIO > packed_size) {
    lua_pushnil(L);
    lua_pushfstring(L, "%I bytes, which so few cannot stand for", size);
    lua_pushliteral(L, "EFORMAT");
    return 3;
  }
  luaL_Buffer buffer;
  char *bytes = luaL_buffinitsize(L, &buffer, (size_t)size);
  rnn_status status = rnn_inflate(lrnn_context(L), packed, packed_size, bytes, (size_t)size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  luaL_pushresultsize(&buffer, (size_t)size);
  return 1;
}

/*--- rnn.bundle_write(path, files) -> true | nil, message, code
---
--- Writes files into a ZIP archive in the order given, whole or not at all; equal files give equal bytes. compress: by
--- deflate. Errors: files that are not as in rnn.bundle_read; one that cannot be written gives nil and a message.
---@param path string
---@param files { name: string, bytes: string, compress?: boolean }[]
---@return true?
---@return string? message
---@return string? code */
static int lrnn_bundle_write(lua_State *L) {
  const char *path = lrnn_check_write(L, "bundle_write", 1);
  lrnn_check_table(L, "bundle_write", 2, "files");
  lua_settop(L, 2);
  int count = (int)lua_rawlen(L, 2);
  rnn_bundle b = {.count = count, .files = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *b.files, 0)};
  luaL_checkstack(L, 2 * count + 8, "too many files");
  for (int i = 0; i < count; i++) { /* the strings stay on the stack: nothing of it is collected */
    if (lua_rawgeti(L, 2, i + 1) != LUA_TTABLE) lrnn_error(L, "bundle_write: file %d: expected a table, got %s", i + 1,
                                                           luaL_typename(L, -1));
    int file = lua_gettop(L);
    lua_getfield(L, file, "compress");
    b.files[i].compress = lua_toboolean(L, -1);
    lua_getfield(L, file, "name");
    b.files[i].name = lrnn_check_c_string(L, "bundle_write", -1, "a file's name");
    if (lua_getfield(L, file, "bytes") != LUA_TSTRING)
      lrnn_error(L, "bundle_write: '%.100s': bytes must be a string, got %s", b.files[i].name, luaL_typename(L, -1));
    b.files[i].bytes = lua_tolstring(L, -1, &b.files[i].size);
    lua_remove(L, file + 1);
    lua_remove(L, file);
  }
  rnn_status status = rnn_bundle_write(lrnn_context(L), path, &b);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*--- rnn.sha256(value) -> string
---
--- SHA-256 in 64 hexadecimal digits, of a string, or of the elements of a tensor, in rows as in a safetensors file.
--- Errors: anything else.
---@param value rnn.Tensor|string of any shape
---@return string */
static int lrnn_sha256(lua_State *L) {
  char text[RNN_SHA256_TEXT];
  rnn_tensor *t = lrnn_test_tensor(L, 1);
  if (t) {
    lrnn_check(L, rnn_tensor_sha256(lrnn_context(L), t, text));
  } else {
    if (lua_type(L, 1) != LUA_TSTRING) return lrnn_argument_error(L, "sha256", 1, "value", "a tensor or a string");
    size_t size;
    const char *bytes = lua_tolstring(L, 1, &size);
    rnn_sha256(bytes, size, text);
  }
  lua_pushstring(L, text);
  return 1;
}

/*--- rnn.file_sha256(path) -> string, size | nil, message, code
---
--- SHA-256 of the bytes of a file in 64 hexadecimal digits, as sha256sum has it, and how many bytes it has. Errors: a path
--- that is no string; what cannot be read, or is no regular file, gives nil and a message.
---@param path string
---@return string?
---@return integer|string
---@return string? code */
static int lrnn_file_sha256(lua_State *L) {
  char text[RNN_SHA256_TEXT];
  int64_t size;
  rnn_status status = rnn_file_sha256(lrnn_context(L), lrnn_check_path(L, "file_sha256", 1), text, &size);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushstring(L, text);
  lua_pushinteger(L, size);
  return 2;
}

/*--- rnn.files_used() -> files, scripts
---
--- What was done with each file, by its path: "read"; "write", which may have been read afterwards; "changed", read and
--- then written. And the Lua files that the program has loaded, with their text, in order. Never an error.
---@return table<string, string>
---@return { path: string, module?: string, text: string }[] */
static int lrnn_files_used(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LRNN_FILES);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LRNN_SCRIPTS);
  return 2;
}

/*--- rnn.built_with() -> compiler, libc
---
--- The compiler of this program, and the release of the C library that it runs with. Never an error.
---@return string
---@return string */
static int lrnn_built_with(lua_State *L) {
#ifdef __clang__
  lua_pushliteral(L, __VERSION__);
#else
  lua_pushliteral(L, "GCC " __VERSION__);
#endif
  lua_pushfstring(L, "glibc %s", gnu_get_libc_version());
  return 2;
}

/* ---- folders ---- */

/* nil, message, code for what a call of the system could not do. */
static int refused(lua_State *L, const char *what, const char *path) {
  int reason = errno;
  lua_pushnil(L);
  lua_pushfstring(L, "cannot %s %s: %s", what, path, strerror(reason));
  lua_pushliteral(L, "EIO");
  return 3;
}

/*--- rnn.folder_scratch() -> path | nil, message, code
---
--- A new, empty folder in that of the variable TMPDIR, else in /tmp, for this user alone. Never an error.
---@return string?
---@return string? message
---@return string? code */
static int lrnn_folder_scratch(lua_State *L) {
  char path[PATH_MAX];
  const char *above = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/rnnlua-XXXXXX", above && *above ? above : "/tmp");
  if (!mkdtemp(path)) return refused(L, "make the folder", path);
  lua_pushstring(L, path);
  return 1;
}

/* Removes what is in the folder name of top. Folders that are not empty move up into top, with numbers for names: however
 * deep they lie and whatever they are called, no path is long. */
static bool empty(int top, const char *name, unsigned long *number) {
  fchmodat(top, name, 0700, 0); /* its maker may have locked it */
  int fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  bool good = folder != NULL;
  for (struct dirent *e; good && (e = readdir(folder));) {
    char up[24];
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (unlinkat(fd, e->d_name, 0) == 0 || unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0) continue;
    do snprintf(up, sizeof up, "%lu", ++*number);
    while (faccessat(top, up, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    good = errno == ENOENT && fchmodat(fd, e->d_name, 0700, 0) == 0 && renameat(fd, e->d_name, top, up) == 0;
  }
  int reason = errno;
  if (folder) closedir(folder);
  else if (fd >= 0) close(fd);
  errno = reason;
  return good;
}

/* With errno when something stays. */
static bool remove_all(const char *path) {
  int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (top < 0) return unlink(path) == 0;
  DIR *folder = fdopendir(top);
  unsigned long number = 0;
  bool good = folder != NULL, any = true;
  while (good && any) { /* until nothing more has moved up */
    any = false;
    rewinddir(folder);
    for (struct dirent *e; good && (e = readdir(folder));) {
      if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
      any = true;
      if (unlinkat(top, e->d_name, 0) == 0 || unlinkat(top, e->d_name, AT_REMOVEDIR) == 0) continue;
      good = errno == ENOENT || ((errno == ENOTEMPTY || errno == EEXIST) && empty(top, e->d_name, &number) &&
                                 unlinkat(top, e->d_name, AT_REMOVEDIR) == 0);
    }
  }
  int reason = errno;
  if (folder) closedir(folder);
  else close(top);
  errno = reason;
  return good && rmdir(path) == 0;
}

/*--- rnn.folder_remove(path) -> true | nil, message, code
---
--- Removes a folder and all that is in it; links are removed, not followed. Errors: a path that is no string; what cannot
--- be removed gives nil and a message.
---@param path string
---@return true?
---@return string? message
---@return string? code */
static int lrnn_folder_remove(lua_State *L) {
  const char *path = lrnn_check_path(L, "folder_remove", 1);
  if (!remove_all(path)) return refused(L, "remove", path);
  lua_pushboolean(L, 1);
  return 1;
}

/* nftw has no argument for its function: the names, NUL after NUL, and sizes of what it found. */
static _Thread_local struct found {
  char *bytes;
  size_t used, room;
} found;

static int find_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)place;
  if (kind != FTW_F || !S_ISREG(info->st_mode)) return 0;
  size_t length = strlen(path) + 1, need = found.used + length + sizeof(int64_t);
  if (need > found.room) {
    char *more = realloc(found.bytes, 2 * need);
    if (!more) return -1;
    found.bytes = more;
    found.room = 2 * need;
  }
  memcpy(found.bytes + found.used, path, length);
  memcpy(found.bytes + found.used + length, &(int64_t){info->st_size}, sizeof(int64_t));
  found.used = need;
  return 0;
}

/*--- rnn.folder_files(path) -> sizes | nil, message, code
---
--- The sizes of all regular files in a folder and in those below it, by their paths; links are not followed. Errors: a
--- path that is no string; a folder that cannot be read gives nil and a message.
---@param path string
---@return table<string, integer>?
---@return string? message
---@return string? code */
static int lrnn_folder_files(lua_State *L) {
  const char *path = lrnn_check_path(L, "folder_files", 1);
  found.used = 0;
  if (nftw(path, find_one, 16, FTW_PHYS) != 0) return refused(L, "read the folder", path);
  lua_newtable(L);
  for (size_t at = 0; at < found.used;) {
    const char *name = found.bytes + at;
    int64_t size;
    at += strlen(name) + 1;
    memcpy(&size, found.bytes + at, sizeof size);
    at += sizeof size;
    lua_pushinteger(L, size);
    lua_setfield(L, -2, name);
  }
  free(found.bytes);
  found = (struct found){0};
  return 1;
}

const lrnn_function lrnn_bundle_functions[] = {{"bundle_read", lrnn_bundle_read, 3},
                                               {"bundle_write", lrnn_bundle_write, 2},
                                               {"inflate", lrnn_inflate, 2},
                                               {"sha256", lrnn_sha256, 1},
                                               {"file_sha256", lrnn_file_sha256, 1},
                                               {"files_used", lrnn_files_used, 0},
                                               {"built_with", lrnn_built_with, 0},
                                               {"folder_scratch", lrnn_folder_scratch, 0},
                                               {"folder_remove", lrnn_folder_remove, 1},
                                               {"folder_files", lrnn_folder_files, 1},
                                               {NULL, NULL, 0}};
