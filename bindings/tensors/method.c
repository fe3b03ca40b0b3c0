/* method.c: looking at whole tensors and changing them in place from Lua. */
#include <stdio.h>
#include <string.h>

#include "../binding.h"
#include "ops/ops.h"

/*--- x:shape() -> n, m, ...
---
--- The sizes of all axes, as several results; none for a scalar. Never an error.
---@return integer ... one for each axis */
static int lrnn_tensor_shape(lua_State *L) {
  rnn_tensor *t = lrnn_check_shape_of(L, "shape", 1);
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
  rnn_tensor *t = lrnn_check_shape_of(L, "size", 1);
  lua_pushinteger(L, rnn_tensor_dims(t)[lrnn_check_axis(L, "size", 2, rnn_tensor_ndim(t))]);
  return 1;
}

/*--- x:ndim() -> integer
---
--- The number of axes. Never an error.
---@return integer */
static int lrnn_tensor_ndim(lua_State *L) {
  lua_pushinteger(L, rnn_tensor_ndim(lrnn_check_shape_of(L, "ndim", 1)));
  return 1;
}

/*--- x:count() -> integer
---
--- The number of elements. Never an error.
---@return integer */
static int lrnn_tensor_count(lua_State *L) {
  lua_pushinteger(L, rnn_tensor_count(lrnn_check_shape_of(L, "count", 1)));
  return 1;
}

/*--- x:type() -> "float" | "int32"
---
--- "float" stands for the working precision, rnn.precision(). Never an error.
---@return string */
static int lrnn_tensor_type(lua_State *L) {
  lua_pushstring(L, rnn_tensor_type(lrnn_check_shape_of(L, "type", 1)) == RNN_FLOAT ? "float" : "int32");
  return 1;
}

static int length(lua_State *L) {
  rnn_tensor *t = lrnn_check_shape_of(L, "#", 1);
  if (rnn_tensor_ndim(t) == 0) return lrnn_error(L, "#: a scalar tensor has no length");
  lua_pushinteger(L, rnn_tensor_dims(t)[0]);
  return 1;
}

/* ---- elements ---- */

/* The element that lies at from the first. */
void lrnn_push_element(lua_State *L, rnn_tensor *t, int64_t at) {
  if (rnn_tensor_type(t) == RNN_FLOAT) lua_pushnumber(L, (lua_Number)((rnn_real *)rnn_tensor_data(t))[at]);
  else lua_pushinteger(L, ((int32_t *)rnn_tensor_data(t))[at]);
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
  lrnn_push_element(L, t, 0);
  return 1;
}

static void push_nested(lua_State *L, rnn_tensor *t, int level, int64_t at) {
  if (level == rnn_tensor_ndim(t)) {
    lrnn_push_element(L, t, at);
    lrnn_poll(L, at);
    return;
  }
  luaL_checkstack(L, 4, "totable: too deep");
  int64_t n = rnn_tensor_dims(t)[level];
  lua_createtable(L, (int)(n < 1000000 ? n : 1000000), 0);
  for (int64_t i = 1; i <= n; i++) {
    push_nested(L, t, level + 1, at + (i - 1) * rnn_tensor_strides(t)[level]);
    lua_rawseti(L, -2, i);
  }
}

/*--- x:totable() -> table | number
---
--- All elements as nested tables, the first axis outermost; a scalar as a number. Never an error.
---@return table|number */
static int lrnn_tensor_totable(lua_State *L) {
  push_nested(L, lrnn_check_tensor(L, "totable", 1), 0, 0);
  return 1;
}

/* ---- operators of numbers: a tensor of one element is one ---- */

/* Pushes the number, or raises. */
static void push_number(lua_State *L, const char *operator, int arg) {
  rnn_tensor *t = lrnn_test_tensor(L, arg);
  char text[160];
  if (t && rnn_tensor_count(t) != 1)
    lrnn_error(L, "%s: expected a tensor of one element, got %s; x:lt(y), x:le(y), x:gt(y) and x:ge(y) compare element by "
               "element", operator, rnn_tensor_describe(t, text, sizeof text));
  if (!t && lua_type(L, arg) != LUA_TNUMBER) lrnn_argument_error(L, operator, arg, NULL, "a tensor or a number");
  if (t) lrnn_push_element(L, t, 0);
  else lua_pushvalue(L, arg);
}

static int compare(lua_State *L, const char *operator, int how) {
  push_number(L, operator, 1);
  push_number(L, operator, 2);
  lua_pushboolean(L, lua_compare(L, -2, -1, how));
  return 1;
}

static int less_than(lua_State *L) { return compare(L, "< or >", LUA_OPLT); }
static int less_or_equal(lua_State *L) { return compare(L, "<= or >=", LUA_OPLE); }

/* "loss " .. x: the number of a tensor of one element, what print shows of others. */
static int concat(lua_State *L) {
  for (int i = 1; i <= 2; i++) {
    rnn_tensor *t = lrnn_test_tensor(L, i);
    if (!t && !lua_isstring(L, i)) return lrnn_argument_error(L, "..", i, NULL, "a tensor, a string or a number");
    if (t && rnn_tensor_count(t) == 1) lrnn_push_element(L, t, 0);
    else lua_pushvalue(L, i);
  }
  luaL_tolstring(L, -2, NULL);
  luaL_tolstring(L, -2, NULL);
  lua_concat(L, 2);
  return 1;
}

/* string.format, to which a tensor of one element is its number. Upvalue 1: Lua's own, which raises errors as if it were
   called, as it is, in our place. */
static int format(lua_State *L) {
  for (int i = 2; i <= lua_gettop(L); i++) {
    rnn_tensor *t = lrnn_test_tensor(L, i);
    if (!t || rnn_tensor_count(t) != 1) continue;
    lrnn_push_element(L, t, 0);
    lua_replace(L, i);
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void lrnn_format_open(lua_State *L) {
  int top = lua_gettop(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "string") == LUA_TTABLE && lua_getfield(L, -1, "format") == LUA_TFUNCTION &&
      lua_iscfunction(L, -1) && !lua_getupvalue(L, -1, 1)) {
    lua_pushcclosure(L, format, 1);
    lua_setfield(L, -2, "format");
  }
  lua_settop(L, top);
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
--- Writes y, broadcast, into all of x, as x[i] = y does into a part. Parts share memory, so a write into one is a write
--- into the tensor that it was taken from. A y with a history keeps it; what was overwritten has no gradient any more.
--- Ctrl-C may leave a large write half done; the error says how far it came. Errors: a shape that cannot become that of
--- x, another type, a y with a history into a parameter, an x that is a copy of a part.
---@param y rnn.Tensor of a shape that can be broadcast to that of x
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_assign(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "assign", 1);
  lrnn_check(L, rnn_tensor_assign(lrnn_context(L), t, lrnn_check_tensor(L, "assign", 2)));
  lua_settop(L, 1);
  return 1;
}

/*--- x:fill_(value) -> x
---
--- Makes every element value; Ctrl-C as for x:assign. Errors: a value that the type cannot hold.
---@param value number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_fill(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "fill_", 1);
  lrnn_check(L, rnn_tensor_fill(lrnn_context(L), t, lrnn_check_element(L, "fill_", t, 2)));
  lua_settop(L, 1);
  return 1;
}

static double number_or(lua_State *L, const char *fname, int arg, const char *what, double otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : lrnn_check_number(L, fname, arg, what);
}

/*--- x:uniform_([low = 0 [, high = 1]]) -> x
---
--- Fills x with random numbers, uniform from low to below high. Errors: an int32 tensor.
---@param low? number
---@param high? number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_uniform(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "uniform_", 1);
  double low = number_or(L, "uniform_", 2, "low", 0), high = number_or(L, "uniform_", 3, "high", 1);
  lrnn_check(L, rnn_tensor_uniform(lrnn_context(L), t, low, high));
  lua_settop(L, 1);
  return 1;
}

/*--- x:normal_([mean = 0 [, deviation = 1]]) -> x
---
--- Fills x with random numbers of a normal distribution. Errors: an int32 tensor.
---@param mean? number
---@param deviation? number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_normal(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "normal_", 1);
  double mean = number_or(L, "normal_", 2, "mean", 0), sd = number_or(L, "normal_", 3, "deviation", 1);
  lrnn_check(L, rnn_tensor_normal(lrnn_context(L), t, mean, sd));
  lua_settop(L, 1);
  return 1;
}

/*--- x:truncated_normal_([mean = 0 [, deviation = 1 [, low [, high]]]]) -> x
---
--- Fills x with random numbers of a normal distribution, but only such from low to high; without these, up to two
--- deviations from the mean. Errors: an int32 tensor, low not below high.
---@param mean? number
---@param deviation? number
---@param low? number may be -math.huge
---@param high? number may be math.huge
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_truncated_normal(lua_State *L) {
  const char *fname = "truncated_normal_";
  rnn_tensor *t = lrnn_check_tensor(L, fname, 1);
  double mean = number_or(L, fname, 2, "mean", 0), sd = number_or(L, fname, 3, "deviation", 1);
  double low = number_or(L, fname, 4, "low", mean - 2 * sd), high = number_or(L, fname, 5, "high", mean + 2 * sd);
  lrnn_check(L, rnn_tensor_truncated_normal(lrnn_context(L), t, mean, sd, low, high));
  lua_settop(L, 1);
  return 1;
}

/*--- x:exponential_([rate = 1]) -> x
---
--- Fills x with random numbers of the exponential distribution, of mean 1 / rate. Errors: an int32 tensor, a rate that is
--- not positive.
---@param rate? number
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_exponential(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "exponential_", 1);
  lrnn_check(L, rnn_tensor_exponential(lrnn_context(L), t, number_or(L, "exponential_", 2, "rate", 1)));
  lua_settop(L, 1);
  return 1;
}

/*--- x:bernoulli_([p = 0.5]) -> x
---
--- Makes each element 1 with probability p, else 0. Errors: an int32 tensor, probabilities outside 0 .. 1.
---@param p? number|rnn.Tensor of a shape that can be broadcast to that of x
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_bernoulli(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "bernoulli_", 1), *p = lrnn_test_tensor(L, 2);
  if (!p) {
    double v = number_or(L, "bernoulli_", 2, "p", 0.5);
    rnn_tensor **box = lrnn_box(L);
    lrnn_check(L, rnn_tensor_new(lrnn_context(L), RNN_FLOAT, 0, NULL, box));
    rnn_tensor_floats(p = *box)[0] = (rnn_real)v;
  }
  lrnn_check(L, rnn_tensor_bernoulli(lrnn_context(L), t, p));
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

/* A view of t with other lengths: an exchange of an axis with itself, as a scalar its own shape again. */
rnn_tensor *lrnn_with_lengths(lua_State *L, rnn_tensor *t, rnn_tensor *lengths) {
  rnn_args same = {.t = &t, .nt = 1};
  lrnn_apply(L, rnn_tensor_ndim(t) ? &rnni_op_transpose : &rnni_op_reshape, &same);
  rnn_tensor *view = lrnn_test_shape(L, -1);
  lrnn_check(L, rnn_tensor_set_lengths(lrnn_context(L), view, lengths));
  return view;
}

/*--- x:lengths() -> tensor | nil
---
--- How many steps of each sequence of a padded batch count; nil for a batch without lengths. Never an error.
---@return rnn.Tensor? int32 (N) */
static int lrnn_tensor_lengths(lua_State *L) {
  rnn_tensor *lengths = rnn_tensor_lengths(lrnn_check_shape_of(L, "lengths", 1));
  if (!lengths) {
    lua_pushnil(L);
    return 1;
  }
  rnn_tensor **box = lrnn_box(L); /* a copy: they were checked once, when they were given to the tensor */
  lrnn_check(L, rnn_tensor_copy(lrnn_context(L), lengths, box));
  return 1;
}

/*--- x:with_lengths(lengths) -> tensor
---
--- The batch x with the number of steps that count in each sequence. What is behind them reaches no result and no
--- gradient of layers, losses and metrics, whatever it holds, nan and inf included; x itself stays as it is.
--- Gradients flow through. Errors: a tensor of less than two axes, not one length for each sequence,
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
  lrnn_with_lengths(L, t, lrnn_check_tensor(L, "with_lengths", 2));
  return 1;
}

/*--- x:without_lengths() -> tensor
---
--- The batch x with all its steps; padding counts like the rest, whatever it holds: x:zero_padding() makes it 0 before.
--- Never an error.
---@return rnn.Tensor of the same shape */
static int lrnn_tensor_without_lengths(lua_State *L) {
  lrnn_with_lengths(L, lrnn_check_tensor(L, "without_lengths", 1), NULL);
  return 1;
}

const lrnn_function lrnn_tensor_methods[] = {{"shape", lrnn_tensor_shape, 1},
                                             {"size", lrnn_tensor_size, 2},
                                             {"ndim", lrnn_tensor_ndim, 1},
                                             {"count", lrnn_tensor_count, 1},
                                             {"type", lrnn_tensor_type, 1},
                                             {"item", lrnn_tensor_item, 1},
                                             {"totable", lrnn_tensor_totable, 1},
                                             {"copy", lrnn_tensor_copy, 1},
                                             {"detach", lrnn_tensor_detach, 1},
                                             {"assign", lrnn_tensor_assign, 2},
                                             {"fill_", lrnn_tensor_fill, 2},
                                             {"uniform_", lrnn_tensor_uniform, 3},
                                             {"normal_", lrnn_tensor_normal, 3},
                                             {"truncated_normal_", lrnn_tensor_truncated_normal, 5},
                                             {"exponential_", lrnn_tensor_exponential, 2},
                                             {"bernoulli_", lrnn_tensor_bernoulli, 2},
                                             {"orthogonal_", lrnn_tensor_orthogonal, 3},
                                             {"lengths", lrnn_tensor_lengths, 1},
                                             {"with_lengths", lrnn_tensor_with_lengths, 2},
                                             {"without_lengths", lrnn_tensor_without_lengths, 1},
                                             {NULL, NULL, 0}};

const luaL_Reg lrnn_tensor_metamethods[] = {{"__len", length},
                                            {"__lt", less_than},
                                            {"__le", less_or_equal},
                                            {"__concat", concat},
                                            {"__tostring", lrnn_print_tensor},
                                            {NULL, NULL}};
