/* shards.c: sums of gradients over shards from Lua, and tensors as bytes, for those who send them somewhere. */
#include <stdlib.h>
#include <string.h>

#include "../binding.h"

/* The tensors of the list at arg, behind each other in scratch. */
static rnn_tensor **list(lua_State *L, const char *fname, int arg, int *count) {
  *count = lua_isnoneornil(L, arg) ? 0 : lrnn_table_length(L, fname, arg);
  rnn_tensor **t = lrnn_scratch(L, *count + 1);
  if (*count > 0) *count = lrnn_push_tensors(L, fname, arg, *count, t);
  return t;
}

/* Its elements, where they lie row by row, or NULL. */
static void *rows_of(rnn_tensor *t) {
  return rnn_tensor_type(t) == RNN_FLOAT ? (void *)rnn_tensor_floats(t) : (void *)rnn_tensor_ints(t);
}

/* A string of as many bytes, "0" and "1" as text, or raises. */
static const char *marks(lua_State *L, const char *fname, int arg, int count, char *there) {
  size_t length;
  const char *text = lua_type(L, arg) == LUA_TSTRING ? lua_tolstring(L, arg, &length) : NULL;
  if (!text || length != (size_t)count) {
    lrnn_error(L, "%s: argument %d (there): expected a string of %d marks", fname, arg, count);
    return NULL;
  }
  for (int i = 0; i < count; i++) there[i] = text[i] == '1';
  return there;
}

/*--- rnn.shard_take(params, buffers, before, rows, sum, adds) -> there
---
--- Moves the gradients of params, and rows times how far buffers are from before, into sum, or adds them to it; buffers
--- become before. there has "1" for what has a gradient or has moved, else "0". Errors: a sum that is too short, an int32
--- buffer that has changed.
---@param params rnn.Tensor[] of any shape
---@param buffers rnn.Tensor[] of any shape
---@param before rnn.Tensor[] of the shapes of buffers
---@param rows number
---@param sum rnn.Tensor (n), as many as they all have elements
---@param adds boolean
---@return string there */
static int lrnn_shard_take(lua_State *L) {
  const char *fname = "shard_take";
  double rows = lrnn_check_number(L, fname, 4, "rows");
  rnn_tensor *sum = lrnn_check_rows(L, fname, 5);
  bool adds = lrnn_check_boolean(L, fname, 6, "adds");
  lua_settop(L, 6);
  int count, buffers, before;
  rnn_tensor **p = list(L, fname, 1, &count), **b = list(L, fname, 2, &buffers), **was = list(L, fname, 3, &before);
  if (buffers != before) return lrnn_error(L, "%s: %d buffers, but %d of what they were", fname, buffers, before);
  char *there = lua_newuserdatauv(L, (size_t)(count + buffers) + 1, 0);
  lrnn_check(L, rnn_shard_take(lrnn_context(L), p, count, b, was, buffers, rows, adds, sum, there));
  for (int i = 0; i < count + buffers; i++) there[i] = there[i] ? '1' : '0';
  lua_pushlstring(L, there, (size_t)(count + buffers));
  return 1;
}

/*--- rnn.shard_add(sum, other)
---
--- sum += other, in place, without history. Errors: other lengths.
---@param sum rnn.Tensor (n)
---@param other rnn.Tensor (n) */
static int lrnn_shard_add(lua_State *L) {
  rnn_tensor *sum = lrnn_check_tensor(L, "shard_add", 1), *other = lrnn_check_tensor(L, "shard_add", 2);
  lrnn_check(L, rnn_shard_add(lrnn_context(L), sum, other));
  return 0;
}

/*--- rnn.shard_give(params, buffers, sum, there, rows)
---
--- The gradients of params become those of a sum (of those without a mark in there nil), and buffers move by their part
--- of it over rows. Errors: a sum or marks of another length.
---@param params? rnn.Tensor[] of any shape; nil: gradients stay
---@param buffers? rnn.Tensor[] of any shape, the last of sum; nil: they stay
---@param sum rnn.Tensor (n)
---@param there string as rnn.shard_take gives it, of params or of buffers alone where the others are nil
---@param rows number */
static int lrnn_shard_give(lua_State *L) {
  const char *fname = "shard_give";
  rnn_tensor *sum = lrnn_check_rows(L, fname, 3);
  double rows = lrnn_check_number(L, fname, 5, "rows");
  lua_settop(L, 5);
  int count, buffers;
  rnn_tensor **p = list(L, fname, 1, &count), **b = list(L, fname, 2, &buffers);
  char *there = lua_newuserdatauv(L, (size_t)(count + buffers) + 1, 0);
  marks(L, fname, 4, count + buffers, there);
  lrnn_check(L, rnn_shard_gradients(lrnn_context(L), p, count, sum, there));
  lrnn_check(L, rnn_shard_buffers(lrnn_context(L), b, buffers, sum, there + count, rows));
  return 0;
}

/*--- rnn.tensor_bytes(x) -> string
---
--- The elements as they lie in memory, row by row, without lengths. Never an error but for what is no tensor.
---@param x rnn.Tensor of any shape
---@return string */
static int lrnn_tensor_bytes(lua_State *L) {
  rnn_tensor *t = lrnn_check_rows(L, "tensor_bytes", 1);
  size_t width = rnn_tensor_type(t) == RNN_FLOAT ? sizeof(rnn_real) : sizeof(int32_t);
  lua_pushlstring(L, rows_of(t), (size_t)rnn_tensor_count(t) * width);
  return 1;
}

/*--- rnn.tensor_fill(x, bytes) -> x
---
--- The reverse of rnn.tensor_bytes, into a tensor of the same type and size. Errors: another number of bytes.
---@param x rnn.Tensor of any shape
---@param bytes string
---@return rnn.Tensor x itself */
static int lrnn_tensor_fill(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "tensor_fill", 1);
  size_t length, width = rnn_tensor_type(t) == RNN_FLOAT ? sizeof(rnn_real) : sizeof(int32_t);
  lrnn_check_string(L, "tensor_fill", 2, "bytes");
  const char *bytes = lua_tolstring(L, 2, &length);
  if (!rows_of(t) || length != (size_t)rnn_tensor_count(t) * width)
    return lrnn_error(L, "tensor_fill: expected %d bytes for %s, got %d", (int)((size_t)rnn_tensor_count(t) * width),
                      lrnn_describe(L, 1), (int)length);
  memcpy(rows_of(t), bytes, length);
  rnn_tensor_changed(t);
  lua_settop(L, 1);
  return 1;
}

/*--- rnn.tensor_address(x) -> lightuserdata
---
--- Where the elements lie in memory, for modules in C that read or write them while x is kept. Errors: a tensor that
--- does not lie row by row.
---@param x rnn.Tensor of any shape
---@return lightuserdata */
static int lrnn_tensor_address(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "tensor_address", 1);
  if (!rows_of(t)) return lrnn_error(L, "tensor_address: expected a tensor that lies row by row");
  rnn_tensor_changed(t);
  lua_pushlightuserdata(L, rows_of(t));
  return 1;
}

const lrnn_function lrnn_shard_functions[] = {{"shard_take", lrnn_shard_take, 6},
                                              {"shard_add", lrnn_shard_add, 2},
                                              {"shard_give", lrnn_shard_give, 5},
                                              {"tensor_bytes", lrnn_tensor_bytes, 1},
                                              {"tensor_fill", lrnn_tensor_fill, 2},
                                              {"tensor_address", lrnn_tensor_address, 1},
                                              {NULL, NULL, 0}};
