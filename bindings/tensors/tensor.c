/* tensor.c: making tensors from Lua. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../binding.h"
#include "ops/ops.h"

/* ---- sizes ---- */

/* A table of sizes has no other field than type, and nothing comes after it but the value of full. */
static void check_table(lua_State *L, const char *fname, int arg, int most) {
  int given = lrnn_count(L, most);
  if (given > most)
    lrnn_error(L, "%s: expected nothing after the table of sizes, got %d arguments more; a type goes into the table: "
               "%s{2, 3, type = \"int32\"}", fname, given - most, fname);
  static const char *const known[] = {"type", NULL};
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), known[0]) != 0)
      lrnn_unknown_option(L, fname, -2, known);
}

/* 2, 3 or { 2, 3 } or { 2, 3, type = "int32" } from arg on; returns how many sizes. */
static int check_sizes(lua_State *L, const char *fname, int arg, int64_t *dims, rnn_type *type) {
  static const char *const types[] = {"float", "int32", NULL};
  int n = lrnn_check_shape(L, fname, arg, 0, dims);
  if (!lua_istable(L, arg)) return n;
  check_table(L, fname, arg, strcmp(fname, "full") == 0 ? 2 : arg);
  *type = lrnn_option_name(L, fname, arg, "type", types, *type == RNN_INT ? "int32" : "float") ? RNN_INT : RNN_FLOAT;
  return n;
}

static rnn_tensor *new_tensor(lua_State *L, rnn_type type, int n, const int64_t *dims) {
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_new(lrnn_context(L), type, n, dims, box));
  return *box;
}

/* zeros(2, 3), zeros{2, 3}, zeros{2, 3, type = "int32"} */
static rnn_tensor *new_from_shape(lua_State *L, const char *fname, bool float_only) {
  int64_t dims[RNN_MAX_DIMS];
  rnn_type type = RNN_FLOAT;
  int n = check_sizes(L, fname, 1, dims, &type);
  if (float_only && type != RNN_FLOAT) lrnn_error(L, "%s: random numbers are float, not int32", fname);
  return new_tensor(L, type, n, dims);
}

/* Zeros of the shape, the type and the lengths of argument 1. */
static rnn_tensor *new_like(lua_State *L, const char *fname, bool float_only) {
  rnn_tensor *x = lrnn_check_shape_of(L, fname, 1);
  if (float_only && rnn_tensor_type(x) != RNN_FLOAT) lrnn_error(L, "%s: random numbers are float, not int32", fname);
  rnn_tensor *t = new_tensor(L, rnn_tensor_type(x), rnn_tensor_ndim(x), rnn_tensor_dims(x));
  lrnn_check(L, rnn_tensor_set_lengths(lrnn_context(L), t, rnn_tensor_lengths(x)));
  return t;
}

/*--- rnn.zeros(n, m, ...) -> tensor
---
--- A tensor of zeros of any shape; no sizes make a scalar. rnn.zeros(2, 3), rnn.zeros { 2, 3 }, and with a type
--- rnn.zeros { 2, 3, type = "int32" }. Errors: sizes that are not whole or are negative, more than 6 axes, too little
--- memory.
---@param ... integer|table sizes of the axes, or one table of them with an optional type, "float" or "int32"
---@return rnn.Tensor of shape (n, m, ...) */
static int lrnn_zeros(lua_State *L) {
  new_from_shape(L, "zeros", false);
  return 1;
}

/*--- rnn.ones(n, m, ...) -> tensor
---
--- A tensor of ones; sizes, type and errors as for rnn.zeros.
---@param ... integer|table sizes of the axes, or one table of them with an optional type, "float" or "int32"
---@return rnn.Tensor of shape (n, m, ...) */
static int lrnn_ones(lua_State *L) {
  lrnn_check(L, rnn_tensor_fill(lrnn_context(L), new_from_shape(L, "ones", false), 1));
  return 1;
}

/*--- rnn.full(shape, value) -> tensor
---
--- A tensor in which every element is value: rnn.full({ 2, 3 }, 0.5). Errors: as rnn.zeros, and a value that the type
--- cannot hold.
---@param shape table { n, m, ... }, with type = "int32" for ids
---@param value number
---@return rnn.Tensor of shape (n, m, ...) */
static int lrnn_full(lua_State *L) {
  lrnn_check_table(L, "full", 1, "shape");
  lrnn_check_number(L, "full", 2, "value");
  rnn_tensor *t = new_from_shape(L, "full", false);
  lrnn_check(L, rnn_tensor_fill(lrnn_context(L), t, lrnn_check_element(L, "full", t, 2)));
  return 1;
}

/*--- rnn.rand(n, m, ...) -> tensor
---
--- Random numbers, uniform from 0 to below 1. Errors: as rnn.zeros; the type int32.
---@param ... integer|table sizes of the axes, or one table of them
---@return rnn.Tensor of shape (n, m, ...) */
static int lrnn_rand(lua_State *L) {
  rnn_tensor *t = new_from_shape(L, "rand", true);
  lrnn_check(L, rnn_tensor_uniform(lrnn_context(L), t, 0, 1));
  return 1;
}

/*--- rnn.randn(n, m, ...) -> tensor
---
--- Random numbers of the normal distribution with mean 0 and deviation 1. Errors: as rnn.zeros; the type int32.
---@param ... integer|table sizes of the axes, or one table of them
---@return rnn.Tensor of shape (n, m, ...) */
static int lrnn_randn(lua_State *L) {
  rnn_tensor *t = new_from_shape(L, "randn", true);
  lrnn_check(L, rnn_tensor_normal(lrnn_context(L), t, 0, 1));
  return 1;
}

/*--- rnn.zeros_like(x) -> tensor
---
--- Zeros of the shape, the type and the lengths of x. Never an error but too little memory.
---@param x rnn.Tensor
---@return rnn.Tensor */
static int lrnn_zeros_like(lua_State *L) {
  new_like(L, "zeros_like", false);
  return 1;
}

/*--- rnn.ones_like(x) -> tensor
---
--- Ones of the shape, the type and the lengths of x. Never an error but too little memory.
---@param x rnn.Tensor
---@return rnn.Tensor */
static int lrnn_ones_like(lua_State *L) {
  lrnn_check(L, rnn_tensor_fill(lrnn_context(L), new_like(L, "ones_like", false), 1));
  return 1;
}

/*--- rnn.full_like(x, value) -> tensor
---
--- A tensor of the shape, the type and the lengths of x in which every element is value. Errors: a value that the type
--- cannot hold.
---@param x rnn.Tensor
---@param value number
---@return rnn.Tensor */
static int lrnn_full_like(lua_State *L) {
  double value = lrnn_check_element(L, "full_like", lrnn_check_shape_of(L, "full_like", 1), 2);
  lrnn_check(L, rnn_tensor_fill(lrnn_context(L), new_like(L, "full_like", false), value));
  return 1;
}

/*--- rnn.rand_like(x) -> tensor
---
--- Random numbers, uniform from 0 to below 1, of the shape and the lengths of x. Errors: an int32 tensor.
---@param x rnn.Tensor
---@return rnn.Tensor */
static int lrnn_rand_like(lua_State *L) {
  lrnn_check(L, rnn_tensor_uniform(lrnn_context(L), new_like(L, "rand_like", true), 0, 1));
  return 1;
}

/*--- rnn.randn_like(x) -> tensor
---
--- Random numbers of the normal distribution with mean 0 and deviation 1, of the shape and the lengths of x. Errors: an
--- int32 tensor.
---@param x rnn.Tensor
---@return rnn.Tensor */
static int lrnn_randn_like(lua_State *L) {
  lrnn_check(L, rnn_tensor_normal(lrnn_context(L), new_like(L, "randn_like", true), 0, 1));
  return 1;
}

/*--- rnn.eye(n [, m = n]) -> tensor
---
--- Ones on the main diagonal, else zeros. Errors: as rnn.zeros; more than two sizes.
---@param n integer|table the rows; or a table of the sizes, with type = "int32" for integers
---@param m? integer the columns
---@return rnn.Tensor (n, m) */
static int lrnn_eye(lua_State *L) {
  int64_t dims[RNN_MAX_DIMS];
  rnn_type type = RNN_FLOAT;
  int n = check_sizes(L, "eye", 1, dims, &type);
  if (n < 1 || n > 2) return lrnn_error(L, "eye: expected one or two sizes, got %d", n);
  if (n == 1) dims[1] = dims[0];
  rnn_tensor *t = new_tensor(L, type, 2, dims);
  for (int64_t i = 0; i < dims[0] && i < dims[1]; i++) {
    lrnn_poll(L, i);
    if (type == RNN_INT) rnn_tensor_ints(t)[i * (dims[1] + 1)] = 1;
    else rnn_tensor_floats(t)[i * (dims[1] + 1)] = 1;
  }
  return 1;
}

static rnn_tensor *new_ids(lua_State *L, const char *fname) {
  int64_t n = lrnn_check_integer(L, fname, 1, "n");
  if (n < 0 || n > INT32_MAX) lrnn_argument_error(L, fname, 1, "n", "an integer from 0 to 2147483647");
  return new_tensor(L, RNN_INT, 1, &n);
}

/* from, from + step ... to as int32. */
static void push_integers(lua_State *L, lua_Integer from, lua_Integer to, lua_Integer step) {
  uint64_t steps = step > 0 ? ((uint64_t)to - (uint64_t)from) / (uint64_t)step
                            : ((uint64_t)from - (uint64_t)to) / (0 - (uint64_t)step);
  int64_t n = (step > 0 ? from > to : from < to) ? 0 : steps < INT32_MAX ? (int64_t)steps + 1 : -1;
  lua_Integer last;
  if (n < 0 || (n > 0 && (from < INT32_MIN || from > INT32_MAX || __builtin_mul_overflow(n - 1, step, &last) ||
                          __builtin_add_overflow(from, last, &last) || last < INT32_MIN || last > INT32_MAX)))
    lrnn_error(L, "arange: %lld to %lld in steps of %lld are too many numbers, or beyond int32", (long long)from,
               (long long)to, (long long)step);
  rnn_tensor *t = new_tensor(L, RNN_INT, 1, &n);
  for (int64_t i = 0; i < n; i++) {
    lrnn_poll(L, i);
    rnn_tensor_ints(t)[i] = (int32_t)(from + i * step);
  }
}

/* n numbers from + i * step, the last of them at most last. */
static void push_numbers(lua_State *L, const char *fname, double from, double step, int64_t n) {
  rnn_tensor *t = new_tensor(L, RNN_FLOAT, 1, &n);
  for (int64_t i = 0; i < n; i++) {
    double v = from + (double)i * step;
    lrnn_poll(L, i);
    lrnn_check_real(L, fname, v);
    rnn_tensor_floats(t)[i] = (rnn_real)v;
  }
}

/*--- rnn.arange(n) -> tensor; rnn.arange(from, to [, step = 1])
---
--- The numbers 1 to n; or from, from + step ... up to to, which is included, as Lua's for counts: int32 when from and step
--- are integers, else float. rnn.linspace meets its end exactly. Errors: an n that is no integer from 0 to 2147483647, a
--- step of 0, numbers that the type cannot hold.
---@param from number or n
---@param to? number
---@param step? number
---@return rnn.Tensor of one axis */
static int lrnn_arange(lua_State *L) {
  if (lua_isnoneornil(L, 2) && lua_isnoneornil(L, 3)) {
    lua_Integer n = lrnn_check_integer(L, "arange", 1, "n");
    if (n < 0 || n > INT32_MAX) return lrnn_argument_error(L, "arange", 1, "n", "an integer from 0 to 2147483647");
    push_integers(L, 1, n, 1);
    return 1;
  }
  double from = lrnn_check_number(L, "arange", 1, "from"), to = lrnn_check_number(L, "arange", 2, "to");
  double step = lua_isnoneornil(L, 3) ? 1 : lrnn_check_number(L, "arange", 3, "step");
  if (step == 0) return lrnn_error(L, "arange: a step of 0 leads nowhere");
  if (lua_isinteger(L, 1) && (lua_isnoneornil(L, 3) || lua_isinteger(L, 3))) {
    lua_Integer by = lua_isnoneornil(L, 3) ? 1 : lua_tointeger(L, 3), end;
    if (lua_isinteger(L, 2)) end = lua_tointeger(L, 2);
    else if (to != to) return lrnn_argument_error(L, "arange", 2, "to", "a number");
    else if (!lua_numbertointeger(by > 0 ? floor(to) : ceil(to), &end)) end = to > 0 ? LUA_MAXINTEGER : LUA_MININTEGER;
    push_integers(L, lua_tointeger(L, 1), end, by);
    return 1;
  }
  double count = floor((to - from) / step) + 1;
  if (!isfinite(from) || !isfinite(step) || !(count <= INT32_MAX))
    return lrnn_error(L, "arange: %s to %s are too many numbers", lrnn_describe(L, 1), lrnn_describe(L, 2));
  push_numbers(L, "arange", from, step, count < 0 ? 0 : (int64_t)count);
  return 1;
}

/*--- rnn.linspace(from, to, n) -> tensor
---
--- n numbers at equal distances, the first of them from, the last to; one alone is from. Errors: a negative n, ends that
--- are not finite.
---@param from number
---@param to number
---@param n integer
---@return rnn.Tensor float (n) */
static int lrnn_linspace(lua_State *L) {
  double from = lrnn_check_number(L, "linspace", 1, "from"), to = lrnn_check_number(L, "linspace", 2, "to");
  lua_Integer n = lrnn_check_integer(L, "linspace", 3, "n");
  if (n < 0) return lrnn_argument_error(L, "linspace", 3, "n", "an integer of at least 0");
  if (!isfinite(from) || !isfinite(to)) return lrnn_error(L, "linspace: expected two finite numbers, got %f and %f", from, to);
  lrnn_check_real(L, "linspace", to);
  push_numbers(L, "linspace", from, n > 1 ? (to - from) / (double)(n - 1) : 0, n);
  if (n > 1) rnn_tensor_floats(lrnn_test_tensor(L, -1))[n - 1] = (rnn_real)to;
  return 1;
}

/*--- rnn.randperm(n) -> tensor
---
--- The numbers 1 to n in random order. Errors: an n that is no integer from 0 to 2147483647.
---@param n integer
---@return rnn.Tensor int32 (n) */
static int lrnn_randperm(lua_State *L) {
  rnn_tensor *t = new_ids(L, "randperm");
  lrnn_check(L, rnn_tensor_shuffle(lrnn_context(L), t));
  return 1;
}

/*--- rnn.randint(low, high, n, m, ...) -> tensor
---
--- Random integers from low to high, both included, each as likely as the others. Errors: as rnn.zeros; low above high,
--- numbers that are no int32.
---@param low integer
---@param high integer
---@param ... integer|table sizes of the axes, or one table of them; none make a scalar
---@return rnn.Tensor int32 (n, m, ...) */
static int lrnn_randint(lua_State *L) {
  int64_t low = lrnn_check_integer(L, "randint", 1, "low"), high = lrnn_check_integer(L, "randint", 2, "high");
  int64_t dims[RNN_MAX_DIMS];
  rnn_type type = RNN_INT;
  int n = check_sizes(L, "randint", 3, dims, &type);
  if (type != RNN_INT) return lrnn_error(L, "randint: these numbers are int32, not float");
  rnn_tensor *t = new_tensor(L, type, n, dims);
  lrnn_check(L, rnn_tensor_randint(lrnn_context(L), t, low, high));
  return 1;
}

/*--- rnn.bernoulli(p) -> tensor
---
--- For each probability 1 with that probability, else 0; of the shape and the lengths of p, 0 behind them. Errors:
--- probabilities outside 0 .. 1.
---@param p rnn.Tensor float
---@return rnn.Tensor */
static int lrnn_bernoulli(lua_State *L) {
  rnn_tensor *p = lrnn_check_tensor(L, "bernoulli", 1);
  lrnn_check(L, rnn_tensor_bernoulli(lrnn_context(L), new_like(L, "bernoulli", true), p));
  return 1;
}

/*--- rnn.multinomial(weights, n [, replacement = false]) -> tensor
---
--- n places drawn from each row of weights, which need not add up to 1: each with the probability of its weight, and
--- without replacement each at most once. (..., K) -> int32 (..., n), places from 1; 0 behind lengths. Errors: weights
--- that are negative or not finite, a row of zeros, more places than have a weight.
---@param weights rnn.Tensor float (..., K)
---@param n integer
---@param replacement? boolean
---@return rnn.Tensor int32 (..., n) */
static int lrnn_multinomial(lua_State *L) {
  rnn_tensor *weights = lrnn_check_tensor(L, "multinomial", 1);
  lua_Integer n = lrnn_check_integer(L, "multinomial", 2, "n");
  bool replacement = lrnn_check_boolean(L, "multinomial", 3, "replacement");
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_multinomial(lrnn_context(L), weights, n, replacement, box));
  return 1;
}

/*--- rnn.categorical(weights) -> tensor
---
--- One place drawn from each row of weights, as rnn.multinomial does: (..., K) -> int32 (...). Errors: as there.
---@param weights rnn.Tensor float (..., K)
---@return rnn.Tensor int32 (...) */
static int lrnn_categorical(lua_State *L) {
  rnn_tensor *weights = lrnn_check_tensor(L, "categorical", 1);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_multinomial(lrnn_context(L), weights, 1, true, box));
  lrnn_apply(L, &rnni_op_squeeze, &(rnn_args){.t = box, .nt = 1, .i = {rnn_tensor_ndim(*box) - 1}});
  return 1;
}

/* ---- nested tables ---- */

static int measure(lua_State *L, int64_t *dims) {
  int n = 0;
  lua_pushvalue(L, 1);
  while (lua_istable(L, -1)) {
    if (n == RNN_MAX_DIMS) return lrnn_error(L, "tensor: more than %d levels of tables", RNN_MAX_DIMS);
    dims[n] = (int64_t)lua_rawlen(L, -1);
    if (dims[n++] == 0) break;
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
  }
  lua_pop(L, 1);
  return n;
}

typedef struct filler {
  rnn_tensor *t;
  int64_t at;
} filler;

static void fill_number(lua_State *L, filler *f) {
  int isnumber, place = lua_gettop(L);
  lrnn_poll(L, f->at);
  double v = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumberx(L, -1, &isnumber) : (isnumber = 0);
  if (!isnumber)
    lrnn_error(L, "tensor: element %lld: expected a number, got %s%s", (long long)f->at + 1, lrnn_describe(L, place),
               lrnn_test_shape(L, place) ? "; rnn.stack makes one tensor of many, rnn.concat joins them" : "");
  if (rnn_tensor_type(f->t) == RNN_FLOAT) {
    if ((double)(rnn_real)v != v) { /* seldom, and then with the place in the message */
      char what[48];
      snprintf(what, sizeof what, "tensor: element %lld", (long long)f->at + 1);
      lrnn_check_real(L, what, v);
    }
    rnn_tensor_floats(f->t)[f->at++] = (rnn_real)v;
    return;
  }
  if (!(v >= INT32_MIN && v <= INT32_MAX) || v != (double)(int32_t)v)
    lrnn_error(L, "tensor: element %lld: %s is not an int32", (long long)f->at + 1, lrnn_describe(L, -1));
  rnn_tensor_ints(f->t)[f->at++] = (int32_t)v;
}

static void fill(lua_State *L, filler *f, int level) {
  int ndim = rnn_tensor_ndim(f->t);
  if (level == ndim) {
    fill_number(L, f);
    return;
  }
  int64_t n = rnn_tensor_dims(f->t)[level];
  if (!lua_istable(L, -1) || (int64_t)lua_rawlen(L, -1) != n)
    lrnn_error(L, "tensor: the tables are ragged: at level %d expected a table of %lld, got %s of %lld; rnn.padded "
               "takes sequences of unequal length", level + 1, (long long)n, luaL_typename(L, -1),
               lua_istable(L, -1) ? (long long)lua_rawlen(L, -1) : 0);
  luaL_checkstack(L, 4, "tensor: tables too deep");
  for (int64_t i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    fill(L, f, level + 1);
    lua_pop(L, 1);
  }
}

/*--- rnn.tensor(values [, type = "float"]) -> tensor
---
--- A tensor of the numbers in a table, or tables of tables: rnn.tensor { { 1, 2 }, { 3, 4 } } is (2, 2); a number
--- makes a scalar. Errors: tables of unequal lengths side by side, elements that are no numbers, or no int32 where
--- that is asked for; the message says which element.
---@param values number|table
---@param type? "float"|"int32"
---@return rnn.Tensor of the shape of the tables */
static int lrnn_tensor(lua_State *L) {
  int64_t dims[RNN_MAX_DIMS];
  rnn_type type = RNN_FLOAT;
  if (!lua_isnoneornil(L, 2)) {
    const char *name = lrnn_check_string(L, "tensor", 2, "type");
    if (strcmp(name, "int32") == 0) type = RNN_INT;
    else if (strcmp(name, "float") != 0) return lrnn_argument_error(L, "tensor", 2, "type", "\"float\" or \"int32\"");
  }
  bool object = luaL_getmetafield(L, 1, "__name") != LUA_TNIL; /* of a class: a column of a frame, a batch */
  if (object || (!lua_istable(L, 1) && lua_type(L, 1) != LUA_TNUMBER))
    return lrnn_argument_error(L, "tensor", 1, "values", "a number or a table of numbers");
  lua_pushnil(L);
  if (lua_istable(L, 1) && lua_rawlen(L, 1) == 0 && lua_next(L, 1))
    return lrnn_error(L, "tensor: argument 1 (values): expected a number or a table of numbers, got a table with names");
  lua_settop(L, 1);
  int n = measure(L, dims);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_new(lrnn_context(L), type, n, dims, box));
  filler f = {*box, 0};
  lua_pushvalue(L, 1);
  fill(L, &f, 0);
  lua_pop(L, 1);
  return 1;
}

/*--- rnn.is_tensor(value) -> boolean
---
--- Whether a value is a tensor. Never an error.
---@param value any
---@return boolean */
static int lrnn_is_tensor(lua_State *L) {
  lua_pushboolean(L, lrnn_test_shape(L, 1) != NULL);
  return 1;
}

/* ---- random numbers ---- */

/*--- rnn.seed(seed)
---
--- Starts the random numbers anew, those of the library and those of math.random: the same seed gives the same numbers
--- on every machine. rnnlua --seed does the same before the script begins. Errors: a seed that is no integer.
---@param seed integer */
static int lrnn_seed(lua_State *L) {
  lua_Integer seed = lrnn_check_integer(L, "seed", 1, "seed");
  rnn_seed(lrnn_context(L), (uint64_t)seed);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "math") == LUA_TTABLE && lua_getfield(L, -1, "randomseed") == LUA_TFUNCTION) {
    lua_pushinteger(L, seed);
    lua_call(L, 1, 0);
  }
  return 0;
}

/* The four words that Lua's math.random keeps (xoshiro256**), in a userdata that its functions share; NULL when a script has put another
   function in its place. */
static uint64_t *lua_random(lua_State *L) {
  uint64_t *words = NULL;
  int top = lua_gettop(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "math") == LUA_TTABLE && lua_getfield(L, -1, "random") == LUA_TFUNCTION &&
      lua_iscfunction(L, -1) && lua_getupvalue(L, -1, 1) && lua_type(L, -1) == LUA_TUSERDATA &&
      lua_rawlen(L, -1) == 4 * sizeof *words)
    words = lua_touserdata(L, -1); /* math.random keeps it alive */
  lua_settop(L, top);
  return words;
}

/* The field lua of a state to math.random. */
static void set_lua_random(lua_State *L, int arg) {
  uint64_t words[4], *all = lua_random(L);
  if (lua_getfield(L, arg, "lua") != LUA_TTABLE) {
    if (!lua_isnil(L, -1)) lrnn_error(L, "random_state: option lua: expected four integers, got %s", lrnn_describe(L, -1));
    return;
  }
  for (int i = 0; i < 4; i++) {
    int ok = 0;
    if (lua_rawgeti(L, -1, i + 1) == LUA_TNUMBER) words[i] = (uint64_t)lua_tointegerx(L, -1, &ok);
    if (!ok) lrnn_error(L, "random_state: option lua: expected four integers, got %s", lrnn_describe(L, -1));
    lua_pop(L, 1);
  }
  if (all) memcpy(all, words, sizeof words);
}

/*--- rnn.random_state([state]) -> state
---
--- Where the random numbers are: those of the library, and in the field lua those of math.random, as long as that is
--- Lua's own. Given back later, they go on from there; without a field lua math.random stays where it is. Errors: fields
--- that are no integers.
---@param state? { seed: integer, position: integer, lua?: integer[] }
---@return { seed: integer, position: integer, lua?: integer[] } */
static int lrnn_random_state(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  if (!lua_isnoneornil(L, 1)) {
    static const char *const known[] = {"seed", "position", "lua", NULL};
    lrnn_check_options(L, "random_state", 1, known);
    if (lua_istable(L, 1)) set_lua_random(L, 1);
    rnn_random_set(ctx, (rnn_random_state){(uint64_t)lrnn_option_integer(L, "random_state", 1, "seed", 0),
                                           (uint64_t)lrnn_option_integer(L, "random_state", 1, "position", 0)});
  }
  rnn_random_state s = rnn_random_get(ctx);
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, (lua_Integer)s.seed);
  lua_setfield(L, -2, "seed");
  lua_pushinteger(L, (lua_Integer)s.position);
  lua_setfield(L, -2, "position");
  const uint64_t *words = lua_random(L);
  if (!words) return 1;
  lua_createtable(L, 4, 0);
  for (int i = 0; i < 4; i++) {
    lua_pushinteger(L, (lua_Integer)words[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "lua");
  return 1;
}

/*--- rnn.random_position() -> integer, integer
---
--- Of rnn.random_state() the field position and the first integer of the field lua, or nil, without a table: for loops
--- that want to come back to a place. Never an error.
---@return integer
---@return integer? */
static int lrnn_random_position(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)rnn_random_get(lrnn_context(L)).position);
  const uint64_t *words = lua_random(L);
  if (!words) return 1;
  lua_pushinteger(L, (lua_Integer)words[0]);
  return 2;
}

const lrnn_function lrnn_like_functions[] = {{"zeros_like", lrnn_zeros_like, 1},
                                             {"ones_like", lrnn_ones_like, 1},
                                             {"full_like", lrnn_full_like, 2},
                                             {"rand_like", lrnn_rand_like, 1},
                                             {"randn_like", lrnn_randn_like, 1},
                                             {"bernoulli", lrnn_bernoulli, 1},
                                             {"multinomial", lrnn_multinomial, 3},
                                             {"categorical", lrnn_categorical, 1},
                                             {NULL, NULL, 0}};

const lrnn_function lrnn_tensor_functions[] = {{"tensor", lrnn_tensor, 2},
                                               {"zeros", lrnn_zeros, LRNN_ANY},
                                               {"ones", lrnn_ones, LRNN_ANY},
                                               {"full", lrnn_full, 2},
                                               {"rand", lrnn_rand, LRNN_ANY},
                                               {"randn", lrnn_randn, LRNN_ANY},
                                               {"eye", lrnn_eye, LRNN_ANY},
                                               {"arange", lrnn_arange, 3},
                                               {"linspace", lrnn_linspace, 3},
                                               {"randperm", lrnn_randperm, 1},
                                               {"randint", lrnn_randint, LRNN_ANY},
                                               {"is_tensor", lrnn_is_tensor, 1},
                                               {"seed", lrnn_seed, 1},
                                               {"random_state", lrnn_random_state, 1},
                                               {"random_position", lrnn_random_position, 0},
                                               {NULL, NULL, 0}};
