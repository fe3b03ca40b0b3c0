/* method.c: looking at tensors and changing them in place from Lua. Indices count from 1. */
#include <stdio.h>
#include <string.h>

#include "binding.h"

/*--- x:shape() -> n, m, ...
---
--- The sizes of all axes, as several results; none for a scalar. Never an error.
---@return integer ... one for each axis */
static int lrnn_tensor_shape(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "shape", 1);
  int n = rnn_tensor_ndim(t);
  for (int i = 0; i < n; i++) lua_pushinteger(L, rnn_tensor_dims(t)[i]);
  return n;
}

/*--- x:size(axis) -> integer
---
--- The size of one axis. Errors: an axis that x does not have.
---@param axis integer from 1, or from -1 backwards
---@return integer */
static int lrnn_tensor_size(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "size", 1);
  lua_pushinteger(L, rnn_tensor_dims(t)[lrnn_check_axis(L, "size", 2, rnn_tensor_ndim(t))]);
  return 1;
}

/*--- x:ndim() -> integer
---
--- The number of axes. Never an error.
---@return integer */
static int lrnn_tensor_ndim(lua_State *L) {
  lua_pushinteger(L, rnn_tensor_ndim(lrnn_check_tensor(L, "ndim", 1)));
  return 1;
}

/*--- x:count() -> integer
---
--- The number of elements. Never an error.
---@return integer */
static int lrnn_tensor_count(lua_State *L) {
  lua_pushinteger(L, rnn_tensor_count(lrnn_check_tensor(L, "count", 1)));
  return 1;
}

/*--- x:type() -> "float" | "int32"
---
--- "float" stands for the working precision, rnn.precision. Never an error.
---@return string */
static int lrnn_tensor_type(lua_State *L) {
  lua_pushstring(L, rnn_tensor_type(lrnn_check_tensor(L, "type", 1)) == RNN_FLOAT ? "float" : "int32");
  return 1;
}

static int length(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "#", 1);
  if (rnn_tensor_ndim(t) == 0) return lrnn_error(L, "#: a scalar tensor has no length");
  lua_pushinteger(L, rnn_tensor_dims(t)[0]);
  return 1;
}

/* ---- elements ---- */

static void push_element(lua_State *L, rnn_tensor *t, int64_t i) {
  if (rnn_tensor_type(t) == RNN_FLOAT) lua_pushnumber(L, (lua_Number)rnn_tensor_floats(t)[i]);
  else lua_pushinteger(L, rnn_tensor_ints(t)[i]);
}

/*--- x:item() -> number
---
--- The only element, of a loss for instance. Errors: a tensor with more elements or none.
---@return number */
static int lrnn_tensor_item(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "item", 1);
  char text[160];
  if (rnn_tensor_count(t) != 1)
    return lrnn_error(L, "item: expected a tensor of one element, got %s", rnn_tensor_describe(t, text, sizeof text));
  push_element(L, t, 0);
  return 1;
}

static void push_nested(lua_State *L, rnn_tensor *t, int level, int64_t *at) {
  if (level == rnn_tensor_ndim(t)) {
    push_element(L, t, (*at)++);
    lrnn_poll(L, *at);
    return;
  }
  luaL_checkstack(L, 4, "totable: too deep");
  int64_t n = rnn_tensor_dims(t)[level];
  lua_createtable(L, (int)(n < 1000000 ? n : 1000000), 0);
  for (int64_t i = 1; i <= n; i++) {
    push_nested(L, t, level + 1, at);
    lua_rawseti(L, -2, i);
  }
}

/*--- x:totable() -> table | number
---
--- All elements as nested tables, the first axis outermost; a scalar as a number. Never an error.
---@return table|number */
static int lrnn_tensor_totable(lua_State *L) {
  int64_t at = 0;
  push_nested(L, lrnn_check_tensor(L, "totable", 1), 0, &at);
  return 1;
}

/* The place of element (i, j, ...) from arg 2 on. */
static int64_t place_of(lua_State *L, const char *fname, const rnn_tensor *t) {
  int64_t at = 0;
  for (int axis = 0; axis < rnn_tensor_ndim(t); axis++) {
    int64_t n = rnn_tensor_dims(t)[axis];
    int ok;
    lua_Integer i = lua_type(L, axis + 2) == LUA_TNUMBER ? lua_tointegerx(L, axis + 2, &ok) : (ok = 0);
    char text[160];
    if (!ok) {
      snprintf(text, sizeof text, "index of axis %d", axis + 1);
      lrnn_argument_error(L, fname, axis + 2, text, "an integer");
    }
    if (i < 1 || i > n)
      lrnn_error(L, "%s: index %lld of axis %d is not within 1 to %lld, %s", fname, (long long)i, axis + 1, (long long)n,
                 rnn_tensor_describe(t, text, sizeof text));
    at = at * n + i - 1;
  }
  return at;
}

/*--- x:get(i, j, ...) -> number
---
--- One element; for the rows of a matrix there is x[i]. Errors: indices outside 1 .. size, or too few of them.
---@param ... integer an index for each axis
---@return number */
static int lrnn_tensor_get(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "get", 1);
  push_element(L, t, place_of(L, "get", t));
  return 1;
}

static rnn_tensor *push_reshaped(lua_State *L, rnn_tensor *t, int ndim, const int64_t *dims) {
  rnn_args args = {.t = &t, .nt = 1, .nshape = ndim};
  memcpy(args.shape, dims, (size_t)ndim * sizeof *dims);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_apply(lrnn_context(L), rnn_op_find("reshape"), &args, box));
  return *box;
}

/* Puts a number into one element, through a one-element view so that the core notices the change. */
static void set_element(lua_State *L, const char *fname, rnn_tensor *t, int64_t at, int arg) {
  double v = lrnn_check_element(L, fname, t, arg);
  rnn_ctx *ctx = lrnn_context(L);
  int64_t count = rnn_tensor_count(t);
  rnn_tensor **bare = lrnn_box(L), **one = lrnn_box(L);
  lrnn_check(L, rnn_tensor_detach(ctx, t, bare));
  lrnn_check(L, rnn_tensor_set_lengths(ctx, *bare, NULL));
  lrnn_check(L, rnn_tensor_rows(ctx, push_reshaped(L, *bare, 1, &count), at, at + 1, one));
  rnn_tensor_fill(*one, v);
  lua_pop(L, 3);
}

/*--- x:set(i, j, ..., value) -> x
---
--- Changes one element in place. Errors: indices outside 1 .. size, a value that the type cannot hold, a tensor that
--- backward still needs.
---@param ... number an index for each axis, then the value
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_set(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "set", 1);
  set_element(L, "set", t, place_of(L, "set", t), rnn_tensor_ndim(t) + 2);
  lua_settop(L, 1);
  return 1;
}

/* ---- rows ---- */

static int push_rows(lua_State *L, rnn_tensor *t, int64_t from, int64_t to) {
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_rows(lrnn_context(L), t, from, to, box));
  return 1;
}

/* Does a result with history have to come from an op, so that gradients flow? */
static bool recorded(lua_State *L, const rnn_tensor *t) {
  return rnn_ctx_recording(lrnn_context(L)) && rnn_tensor_requires_grad(t);
}

static int apply(lua_State *L, const char *op, rnn_tensor *t, int64_t a, int64_t b, int64_t c) {
  rnn_tensor **box = lrnn_box(L);
  rnn_args args = {.t = &t, .nt = 1, .i = {a, b, c}};
  lrnn_check(L, rnn_apply(lrnn_context(L), rnn_op_find(op), &args, box));
  return 1;
}

/*--- x:rows(from, to) -> tensor
---
--- The places from .. to, both included, of the first axis. It shares memory with x, unless gradients flow through it.
--- Errors: places outside 1 .. #x.
---@param from integer
---@param to integer from - 1 gives none
---@return rnn.Tensor of shape (to - from + 1, ...) */
static int lrnn_tensor_rows(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "rows", 1);
  int64_t from = lrnn_check_integer(L, "rows", 2, "from"), to = lrnn_check_integer(L, "rows", 3, "to");
  int64_t n = rnn_tensor_ndim(t) ? rnn_tensor_dims(t)[0] : 0;
  if (from < 1 || from > n + 1 || to < from - 1 || to > n)
    return lrnn_error(L, "rows: %lld to %lld is not within 1 to %lld", (long long)from, (long long)to, (long long)n);
  if (recorded(L, t)) return apply(L, "slice", t, 0, from, to);
  return push_rows(L, t, from - 1, to);
}

/* A view of row i without its axis, without history. */
static rnn_tensor *push_row(lua_State *L, rnn_tensor *t, int64_t i) {
  push_rows(L, t, i - 1, i);
  rnn_tensor *row = lrnn_test_tensor(L, -1);
  int n = rnn_tensor_ndim(row);
  lrnn_check(L, rnn_tensor_set_lengths(lrnn_context(L), row, NULL));
  return push_reshaped(L, row, n - 1, rnn_tensor_dims(row) + 1);
}

static void check_row(lua_State *L, rnn_tensor *t, int64_t i) {
  char text[160];
  int64_t rows = rnn_tensor_ndim(t) ? rnn_tensor_dims(t)[0] : 0;
  if (i < 1 || i > rows)
    lrnn_error(L, "index %lld is not within 1 to %lld, the first axis of %s", (long long)i, (long long)rows,
               rnn_tensor_describe(t, text, sizeof text));
}

static int index_row(lua_State *L, rnn_tensor *t, int64_t i) {
  int n = rnn_tensor_ndim(t);
  check_row(L, t, i);
  if (n == 1) {
    push_element(L, t, i - 1);
    return 1;
  }
  if (recorded(L, t)) return apply(L, "select", t, 0, i, 0);
  push_row(L, t, i);
  return 1;
}

/* t[i], t.grad, t:method. Upvalue 1: the methods. */
static int tensor_index(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "index", 1);
  if (lua_isinteger(L, 2)) return index_row(L, t, lua_tointeger(L, 2));
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    const char *key = lua_tostring(L, 2);
    if (strcmp(key, "grad") == 0) {
      if (!rnn_tensor_grad(t)) return 1;
      rnn_tensor **box = lrnn_box(L); /* a finaliser that it runs may take the gradient away */
      if (rnn_tensor_grad(t)) *box = rnn_tensor_ref(rnn_tensor_grad(t));
      else lua_pushnil(L);
      return 1;
    }
    return lrnn_error(L, "a tensor has no method or field '%s'", key);
  }
  return lrnn_argument_error(L, "index", 2, NULL, "an integer or a name");
}

static int tensor_newindex(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "index", 1);
  int64_t i = lrnn_check_integer(L, "assignment", 2, "index");
  check_row(L, t, i);
  if (rnn_tensor_ndim(t) == 1) {
    set_element(L, "assignment", t, i - 1, 3);
    return 0;
  }
  rnn_tensor *row = push_row(L, t, i);
  if (lua_type(L, 3) == LUA_TNUMBER) rnn_tensor_fill(row, lrnn_check_element(L, "assignment", row, 3));
  else lrnn_check(L, rnn_tensor_assign(lrnn_context(L), row, lrnn_check_tensor(L, "assignment", 3)));
  return 0;
}

/* ---- copies and changes in place ---- */

/*--- x:copy() -> tensor
---
--- The same values in memory of their own, without history. Errors: too little memory.
---@return rnn.Tensor of the same shape */
static int lrnn_tensor_copy(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "copy", 1);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_copy(lrnn_context(L), t, box));
  return 1;
}

/*--- x:detach() -> tensor
---
--- The same values, sharing memory, without history: backward stops here. Never an error.
---@return rnn.Tensor of the same shape */
static int lrnn_tensor_detach(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "detach", 1);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_detach(lrnn_context(L), t, box));
  return 1;
}

/*--- x:assign(y) -> x
---
--- Copies all elements of y into x. Errors: shapes or types that differ, a tensor that backward still needs.
---@param y rnn.Tensor of the same shape
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_assign(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "assign", 1);
  lrnn_check(L, rnn_tensor_assign(lrnn_context(L), t, lrnn_check_tensor(L, "assign", 2)));
  lua_settop(L, 1);
  return 1;
}

/*--- x:fill_(value) -> x
---
--- Makes every element value. Errors: a value that the type cannot hold.
---@param value number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_fill(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "fill_", 1);
  rnn_tensor_fill(t, lrnn_check_element(L, "fill_", t, 2));
  lua_settop(L, 1);
  return 1;
}

/*--- x:uniform_(low, high) -> x
---
--- Fills x with random numbers, uniform from low to below high. Errors: an int32 tensor.
---@param low number
---@param high number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_uniform(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "uniform_", 1);
  double low = lrnn_check_number(L, "uniform_", 2, "low"), high = lrnn_check_number(L, "uniform_", 3, "high");
  lrnn_check(L, rnn_tensor_uniform(lrnn_context(L), t, low, high));
  lua_settop(L, 1);
  return 1;
}

/*--- x:normal_(mean, deviation) -> x
---
--- Fills x with random numbers of a normal distribution. Errors: an int32 tensor.
---@param mean number
---@param deviation number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_normal(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "normal_", 1);
  double mean = lrnn_check_number(L, "normal_", 2, "mean"), sd = lrnn_check_number(L, "normal_", 3, "deviation");
  lrnn_check(L, rnn_tensor_normal(lrnn_context(L), t, mean, sd));
  lua_settop(L, 1);
  return 1;
}

/*--- x:orthogonal_([blocks = 1 [, gain = 1]]) -> x
---
--- Fills a matrix with random orthonormal rows or columns, whichever are fewer; with blocks, each of so many equal
--- parts of its rows. Saxe et al. 2014. Errors: a tensor that is no float matrix, rows that blocks does not divide.
---@param blocks? integer
---@param gain? number a factor of every element
---@return rnn.Tensor x itself, (n, m) */
static int lrnn_tensor_orthogonal(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "orthogonal_", 1);
  lua_Integer blocks = lua_isnoneornil(L, 2) ? 1 : lrnn_check_integer(L, "orthogonal_", 2, "blocks");
  double gain = lua_isnoneornil(L, 3) ? 1 : lrnn_check_number(L, "orthogonal_", 3, "gain");
  lrnn_check(L, rnn_tensor_orthogonal(lrnn_context(L), t, blocks, gain));
  lua_settop(L, 1);
  return 1;
}

/* ---- lengths ---- */

/*--- x:lengths() -> tensor | nil
---
--- How many steps of each sequence of a padded batch count; nil for a batch without lengths. Never an error.
---@return rnn.Tensor? int32 (N) */
static int lrnn_tensor_lengths(lua_State *L) {
  rnn_tensor *lengths = rnn_tensor_lengths(lrnn_check_tensor(L, "lengths", 1));
  if (!lengths) {
    lua_pushnil(L);
    return 1;
  }
  rnn_tensor **box = lrnn_box(L); /* a copy: they were checked once, when they were given to the tensor */
  lrnn_check(L, rnn_tensor_copy(lrnn_context(L), lengths, box));
  return 1;
}

/* The same values and history with other lengths. */
static int with_lengths(lua_State *L, rnn_tensor *t, rnn_tensor *lengths) {
  rnn_ctx *ctx = lrnn_context(L);
  rnn_tensor **bare = lrnn_box(L), **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_detach(ctx, t, bare));
  if (recorded(L, t)) { /* through an op, so that gradients flow */
    rnn_args args = {.t = &t, .nt = 1, .nshape = rnn_tensor_ndim(t)};
    memcpy(args.shape, rnn_tensor_dims(t), (size_t)args.nshape * sizeof *args.shape);
    lrnn_check(L, rnn_apply(ctx, rnn_op_find("reshape"), &args, box));
  } else {
    *box = rnn_tensor_ref(*bare);
  }
  lrnn_check(L, rnn_tensor_set_lengths(ctx, *box, lengths));
  return 1;
}

/*--- x:with_lengths(lengths) -> tensor
---
--- The batch x with the number of steps that count in each sequence; layers, losses and metrics leave out what is
--- behind them. Gradients flow through. Errors: a tensor of less than two axes, not one length for each sequence,
--- lengths that are no integers from 0 to T.
---@param lengths rnn.Tensor|integer[] int32 (N)
---@return rnn.Tensor (N, T, ...) */
static int lrnn_tensor_with_lengths(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "with_lengths", 1);
  if (lua_istable(L, 2)) { /* a table of integers */
    int64_t n = (int64_t)lua_rawlen(L, 2);
    rnn_tensor **box = lrnn_box(L);
    lrnn_check(L, rnn_tensor_new(lrnn_context(L), RNN_INT, 1, &n, box));
    for (int64_t i = 1; i <= n; i++) {
      int ok;
      lua_rawgeti(L, 2, i);
      lua_Integer v = lua_tointegerx(L, -1, &ok);
      if (!ok || v < 0 || v > INT32_MAX)
        return lrnn_error(L, "with_lengths: length %lld: expected an integer of at least 0, got %s", (long long)i,
                          luaL_tolstring(L, -1, NULL));
      rnn_tensor_ints(*box)[i - 1] = (int32_t)v;
      lua_pop(L, 1);
    }
    lua_replace(L, 2);
  }
  return with_lengths(L, t, lrnn_check_tensor(L, "with_lengths", 2));
}

/*--- x:without_lengths() -> tensor
---
--- The batch x with all its steps; padding counts like the rest. Never an error.
---@return rnn.Tensor of the same shape */
static int lrnn_tensor_without_lengths(lua_State *L) {
  return with_lengths(L, lrnn_check_tensor(L, "without_lengths", 1), NULL);
}

const luaL_Reg lrnn_tensor_methods[] = {{"shape", lrnn_tensor_shape},
                                        {"size", lrnn_tensor_size},
                                        {"ndim", lrnn_tensor_ndim},
                                        {"count", lrnn_tensor_count},
                                        {"type", lrnn_tensor_type},
                                        {"item", lrnn_tensor_item},
                                        {"totable", lrnn_tensor_totable},
                                        {"get", lrnn_tensor_get},
                                        {"set", lrnn_tensor_set},
                                        {"rows", lrnn_tensor_rows},
                                        {"copy", lrnn_tensor_copy},
                                        {"detach", lrnn_tensor_detach},
                                        {"assign", lrnn_tensor_assign},
                                        {"fill_", lrnn_tensor_fill},
                                        {"uniform_", lrnn_tensor_uniform},
                                        {"normal_", lrnn_tensor_normal},
                                        {"orthogonal_", lrnn_tensor_orthogonal},
                                        {"lengths", lrnn_tensor_lengths},
                                        {"with_lengths", lrnn_tensor_with_lengths},
                                        {"without_lengths", lrnn_tensor_without_lengths},
                                        {NULL, NULL}};

/* __index is set by module.c, which has the methods. */
const luaL_Reg lrnn_tensor_metamethods[] = {{"__index", tensor_index},
                                            {"__newindex", tensor_newindex},
                                            {"__len", length},
                                            {"__tostring", lrnn_print_tensor},
                                            {NULL, NULL}};
