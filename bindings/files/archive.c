/* archive.c: files of tensors, safetensors and NumPy's, and whole files, for scripts. */
#include <string.h>

#include "../binding.h"

#define ARCHIVE "rnn.Archive" /* what is read, until Lua's boxes have taken it over */

#define BYTES "rnn.Bytes" /* of a file, until Lua has a string of them */

static int archive_gc(lua_State *L) {
  rnn_archive_free(lrnn_context(L), lrnn_check_class(L, "__gc", ARCHIVE));
  return 0;
}

/* A format of files of several tensors. */
typedef struct format {
  const char *fname;
  rnn_status (*read)(rnn_ctx *ctx, const char *path, rnn_archive *out);
  const char *unread; /* of a tensor that was not read: its file, its name, its type */
} format;

static const format safetensors = {
    "archive_read", rnn_safetensors_read,
    "%.200s: tensor '%.100s' has dtype %.20s, which cannot be read (F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, "
    "U8 and BOOL can)"};
static const format mapped = {
    "archive_map", rnn_safetensors_map,
    "%.200s: tensor '%.100s' has dtype %.20s, which cannot stay in the file (F32, F64 with --double, and I32 can)"};
static const format npz = {
    "npz_read", rnn_npz_read,
    "%.200s: '%.100s' is of type %.110s, which cannot be read (floats of 16 to 64 bits, integers of 8 to 64 and bool can)"};

/* tensors[name] of one that was not read. Upvalues: the types of those by name, the path, the format. */
static int unread_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) return 1;
  const format *f = lua_touserdata(L, lua_upvalueindex(3));
  return lrnn_error(L, f->unread, lua_tostring(L, lua_upvalueindex(2)), lua_tostring(L, 2), lua_tostring(L, -1));
}

/* Makes access to tensors that were not read an error, in the table on top. */
static void push_unread(lua_State *L, const rnn_archive *a, const char *path, const format *f) {
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, a->unread_count);
  for (int i = 0; i < a->unread_count; i++) {
    lua_pushstring(L, a->unread[2 * i + 1]);
    lua_setfield(L, -2, a->unread[2 * i]);
  }
  lua_pushstring(L, path);
  lua_pushlightuserdata(L, (void *)f);
  lua_pushcclosure(L, unread_index, 3);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

/* Pushes the file at argument 1 as an archive, which keeps what Lua has not taken over, and its tensors as a table; or
   nil, message, code, and returns NULL. */
static rnn_archive *read_archive(lua_State *L, const format *f) {
  const char *path = lrnn_check_read(L, f->fname, 1);
  rnn_archive *a = lrnn_new(L, ARCHIVE, sizeof *a, 0, archive_gc);
  rnn_ctx *ctx = lrnn_context(L);
  rnn_status status = f->read(ctx, path, a);
  if (status == RNN_ENOMEM) { /* tensors that nobody holds any more may be what is in the way */
    lua_gc(L, LUA_GCCOLLECT);
    status = f->read(ctx, path, a);
  }
  if (status != RNN_OK) {
    lrnn_fail(L, status);
    return NULL;
  }
  lua_createtable(L, 0, a->count);
  for (int i = 0; i < a->count; i++) {
    rnn_tensor **box = lrnn_box(L);
    *box = a->tensors[i];
    a->tensors[i] = NULL;
    lua_setfield(L, -2, a->names[i]);
  }
  if (a->unread_count) push_unread(L, a, path, f);
  return a;
}

static int push_archive(lua_State *L, const format *f) {
  rnn_archive *a = read_archive(L, f);
  if (!a) return 3;
  lua_createtable(L, 0, a->metadata_count);
  for (int i = 0; i < a->metadata_count; i++) {
    lua_pushstring(L, a->metadata[2 * i + 1]);
    lua_setfield(L, -2, a->metadata[2 * i]);
  }
  rnn_archive_free(lrnn_context(L), a);
  return 2;
}

/*--- rnn.archive_read(path) -> tensors, metadata | nil, message, code
---
--- All tensors of a safetensors file by their names, and its text entries. Floats become float, integers int32, bool a
--- mask, float 0 and 1. Loading runs no code. Errors: a path that is no string, and the name of a tensor of a type that
--- is not known here: the others are read. A file that cannot be read or is not sound gives nil and a message, as does
--- an element that the type it becomes cannot hold.
---@param path string
---@return table<string, rnn.Tensor>? tensors of the shapes in the file
---@return table<string, string>|string
---@return string? code */
static int lrnn_archive_read(lua_State *L) { return push_archive(L, &safetensors); }

/*--- rnn.archive_map(path) -> tensors, metadata | nil, message, code
---
--- As rnn.archive_read, but the values stay in the file: data.open. Errors: a path that is no string, and the name of a
--- tensor whose values do not lie in the file as they do in memory.
---@param path string
---@return table<string, rnn.Tensor>? tensors of the shapes in the file
---@return table<string, string>|string
---@return string? code */
static int lrnn_archive_map(lua_State *L) { return push_archive(L, &mapped); }

static int count_fields(lua_State *L, int table) {
  int n = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    n++;
    lua_pop(L, 1);
  }
  return n;
}

/* The tensors of the table at argument 2 by their names, in an archive that borrows them. From here until it is written
   nothing is allocated in Lua, so that no finaliser can change the table. */
static rnn_archive borrow_tensors(lua_State *L, const char *fname) {
  int count = count_fields(L, 2), top;
  rnn_archive a = {.names = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *a.names, 0)};
  a.tensors = lrnn_scratch(L, count);
  top = lua_gettop(L);
  for (lua_pushnil(L); a.count < count && lua_next(L, 2); lua_pop(L, 1)) {
    const char *name = lrnn_check_c_string(L, fname, -2, "a tensor's name");
    rnn_tensor *t = lrnn_test_tensor(L, -1);
    if (!t) lrnn_error(L, "%s: '%.100s': expected a tensor, got %s", fname, name, luaL_typename(L, -1));
    a.names[a.count] = (char *)name;
    a.tensors[a.count++] = t;
  }
  lua_settop(L, top);
  return a;
}

static int written(lua_State *L, rnn_status status) {
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*--- rnn.archive_write(path, tensors [, metadata [, forms]]) -> true | nil, message, code
---
--- Writes a safetensors file, whole or not at all; with forms each tensor in its form (rnn.form), else floats as F32. Errors: names that are no strings, values that are no tensors; a
--- file that cannot be written gives nil and a message, and the old one stays.
---@param path string
---@param tensors table<string, rnn.Tensor> of any shape
---@param metadata? table<string, string>
---@param forms? boolean
---@return true?
---@return string? message
---@return string? code */
static int lrnn_archive_write(lua_State *L) {
  const char *path = lrnn_check_write(L, "archive_write", 1);
  lrnn_check_table(L, "archive_write", 2, "tensors");
  bool forms = !lua_isnoneornil(L, 4) && lrnn_check_boolean(L, "archive_write", 4, "forms");
  if (lua_isnoneornil(L, 3)) {
    lua_settop(L, 2);
    lua_newtable(L);
  }
  lrnn_check_table(L, "archive_write", 3, "metadata");
  lua_settop(L, 3);
  int texts = count_fields(L, 3);
  char **metadata = lua_newuserdatauv(L, ((size_t)texts + 1) * 2 * sizeof *metadata, 0);
  rnn_archive a = borrow_tensors(L, "archive_write");
  a.metadata = metadata;
  a.in_forms = forms;
  for (lua_pushnil(L); a.metadata_count < texts && lua_next(L, 3); lua_pop(L, 1)) {
    a.metadata[2 * a.metadata_count] = (char *)lrnn_check_c_string(L, "archive_write", -2, "a metadata key");
    a.metadata[2 * a.metadata_count + 1] = (char *)lrnn_check_c_string(L, "archive_write", -1, "a metadata value");
    a.metadata_count++;
  }
  return written(L, rnn_safetensors_write(lrnn_context(L), path, &a));
}

/*--- rnn.tensor_of_bytes(bytes, type, shape) -> tensor | nil, message, code
---
--- The little-endian elements of a type of safetensors files ("F32", "I64"), row by row, as a tensor of a shape. Errors:
--- arguments of another type; another number of bytes, a type that is not read, or an element that the type it becomes
--- cannot hold, gives nil and a message.
---@param bytes string
---@param type string
---@param shape integer[]
---@return rnn.Tensor?
---@return string? message
---@return string? code */
static int lrnn_tensor_of_bytes(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING) return lrnn_argument_error(L, "tensor_of_bytes", 1, "bytes", "a string");
  size_t size;
  const char *bytes = lua_tolstring(L, 1, &size);
  const char *type = lrnn_check_c_string(L, "tensor_of_bytes", 2, "type");
  lrnn_check_table(L, "tensor_of_bytes", 3, "shape");
  int64_t dims[RNN_MAX_DIMS];
  int ndim = lrnn_check_shape(L, "tensor_of_bytes", 3, 0, dims);
  rnn_tensor **box = lrnn_box(L);
  rnn_status status = rnn_tensor_of_bytes(lrnn_context(L), type, bytes, size, ndim, dims, box);
  return status == RNN_OK ? 1 : lrnn_fail(L, status);
}

/*--- rnn.tensor_bytes(tensor) -> bytes
---
--- Its elements, row by row and little-endian: of a float tensor floats of the working precision, of an int32 one
--- integers of 32 bits. Errors: what is no tensor.
---@param tensor rnn.Tensor
---@return string */
static int lrnn_tensor_bytes(lua_State *L) {
  rnn_tensor *t = lrnn_check_rows(L, "tensor_bytes", 1);
  const size_t size = rnn_tensor_type(t) == RNN_INT ? sizeof(int32_t) : sizeof(rnn_real);
  lua_pushlstring(L, rnn_tensor_data(t), (size_t)rnn_tensor_count(t) * size);
  return 1;
}

static int push_npy(lua_State *L, const char *fname, rnn_status (*read)(rnn_ctx *, const char *, rnn_tensor **)) {
  const char *path = lrnn_check_read(L, fname, 1);
  rnn_tensor **box = lrnn_box(L);
  rnn_status status = read(lrnn_context(L), path, box);
  if (status == RNN_ENOMEM) {
    lua_gc(L, LUA_GCCOLLECT);
    status = read(lrnn_context(L), path, box);
  }
  return status == RNN_OK ? 1 : lrnn_fail(L, status);
}

/*--- rnn.npy_read(path) -> tensor | nil, message, code
---
--- The array of one of NumPy's .npy files (numpy.save), of its shape: C or Fortran order, either order of bytes. Floats
--- of 16, 32 and 64 bits become float; integers of 8 to 64 bits int32; bool a mask, float 0 and 1. Loading runs no code.
--- Errors: a path that is no string. A file that cannot be read or is not sound gives nil and a message, as does one of
--- another type (complex, text, dates, records, Python objects), or with an element that the type it becomes cannot hold.
---@param path string
---@return rnn.Tensor?
---@return string? message
---@return string? code */
static int lrnn_npy_read(lua_State *L) { return push_npy(L, "npy_read", rnn_npy_read); }

/*--- rnn.npy_map(path) -> tensor | nil, message, code
---
--- As rnn.npy_read, but the elements stay in the file: data.open. Errors: a path that is no string. Elements that do not
--- lie in the file as they do in memory give nil and a message.
---@param path string
---@return rnn.Tensor?
---@return string? message
---@return string? code */
static int lrnn_npy_map(lua_State *L) { return push_npy(L, "npy_map", rnn_npy_map); }

/*--- rnn.npy_write(path, tensor) -> true | nil, message, code
---
--- Writes a tensor, of any shape, as numpy.load reads it: float32 (float64 with --double) or int32, whole or not at all.
--- Errors: what is no tensor, or has lengths; a file that cannot be written gives nil and a message, and the old one
--- stays.
---@param path string
---@param tensor rnn.Tensor
---@return true?
---@return string? message
---@return string? code */
static int lrnn_npy_write(lua_State *L) {
  const char *path = lrnn_check_write(L, "npy_write", 1);
  return written(L, rnn_npy_write(lrnn_context(L), path, lrnn_check_tensor(L, "npy_write", 2)));
}

/*--- rnn.npz_read(path) -> tensors | nil, message, code
---
--- All arrays of one of NumPy's .npz files (numpy.savez, numpy.savez_compressed) by their names, of their shapes, each
--- as rnn.npy_read has it. Errors: a path that is no string, and the name of an array of a type that cannot be read: the
--- others are there. A file that cannot be read or is not sound gives nil and a message, as does an element that the
--- type it becomes cannot hold.
---@param path string
---@return table<string, rnn.Tensor>? tensors
---@return string? message
---@return string? code */
static int lrnn_npz_read(lua_State *L) {
  rnn_archive *a = read_archive(L, &npz);
  if (!a) return 3;
  rnn_archive_free(lrnn_context(L), a);
  return 1;
}

/*--- rnn.npz_write(path, tensors [, options]) -> true | nil, message, code
---
--- Writes tensors, of any shapes, by their names as numpy.load reads them, whole or not at all; compress as
--- numpy.savez_compressed does. Errors: names that are no strings, values that are no tensors or have lengths; a file
--- that cannot be written gives nil and a message, and the old one stays.
---@param path string
---@param tensors table<string, rnn.Tensor>
---@param options? { compress?: boolean }
---@return true?
---@return string? message
---@return string? code */
static int lrnn_npz_write(lua_State *L) {
  static const char *const options[] = {"compress", NULL};
  const char *path = lrnn_check_write(L, "npz_write", 1);
  lrnn_check_table(L, "npz_write", 2, "tensors");
  lrnn_check_options(L, "npz_write", 3, options);
  bool compress = !lua_isnoneornil(L, 3) && lrnn_option_boolean(L, "npz_write", 3, "compress");
  lua_settop(L, 3);
  rnn_archive a = borrow_tensors(L, "npz_write");
  return written(L, rnn_npz_write(lrnn_context(L), path, &a, compress));
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
  const char *path = lrnn_check_read(L, "file_read", 1);
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
  const char *path = lrnn_check_write(L, "file_write", 1);
  lrnn_check_string(L, "file_write", 2, "content");
  size_t size;
  const char *bytes = lua_tolstring(L, 2, &size);
  return written(L, rnn_file_write(lrnn_context(L), path, bytes, size));
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
  return written(L, rnn_folder_make(lrnn_context(L), lrnn_check_path(L, "make_folder", 1)));
}

/*--- rnn.folder_list(path) -> names, id | nil, message, code
---
--- The names in a folder, in order by bytes; one that is a folder itself, or a link to one, ends with "/". Two ways to the
--- same folder give the same id. Errors: a path that is no string; otherwise nil and a message.
---@param path string
---@return string[]?
---@return integer|string id or message
---@return string? code */
static int lrnn_folder_list(lua_State *L) {
  const char *path = lrnn_check_path(L, "folder_list", 1);
  char **names = lrnn_new(L, BYTES, sizeof *names, 0, bytes_gc);
  size_t size;
  uint64_t id;
  rnn_status status = rnn_folder_list(lrnn_context(L), path, names, &size, &id);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_newtable(L);
  lua_Integer i = 1;
  for (const char *name = *names; name < *names + size; name += strlen(name) + 1) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i++);
  }
  rnn_file_read_free(lrnn_context(L), *names);
  *names = NULL;
  lua_pushinteger(L, (lua_Integer)id);
  return 2;
}

const lrnn_function lrnn_archive_functions[] = {{"archive_read", lrnn_archive_read, 1},
                                                {"archive_write", lrnn_archive_write, 4},
                                                {"tensor_of_bytes", lrnn_tensor_of_bytes, 3},
                                                {"tensor_bytes", lrnn_tensor_bytes, 1},
                                                {"archive_map", lrnn_archive_map, 1},
                                                {"npy_map", lrnn_npy_map, 1},
                                                {"npy_read", lrnn_npy_read, 1},
                                                {"npy_write", lrnn_npy_write, 2},
                                                {"npz_read", lrnn_npz_read, 1},
                                                {"npz_write", lrnn_npz_write, 3},
                                                {"file_read", lrnn_file_read, 1},
                                                {"file_kind", lrnn_file_kind, 1},
                                                {"file_write", lrnn_file_write, 2},
                                                {"make_folder", lrnn_make_folder, 1},
                                                {"folder_list", lrnn_folder_list, 1},
                                                {NULL, NULL, 0}};
