/* numbers.c: rnn.Numbers, the number columns of frames: exact as the file has them. They are no tensors; :tensor()
 * makes one, as far as the working precision can hold them. */
#include <math.h>

#include "../binding.h"

#define NUMBERS_NAME "rnn.Numbers"

static int numbers_gc(lua_State *L) {
  rnn_numbers **box = lrnn_check_class(L, "__gc", NUMBERS_NAME);
  rnn_numbers_free(*box);
  *box = NULL;
  return 0;
}

rnn_numbers **lrnn_numbers_box(lua_State *L) {
  lrnn_collect_sometimes(L);
  return lrnn_new(L, NUMBERS_NAME, sizeof(rnn_numbers *), 0, numbers_gc);
}

static const rnn_numbers *check_numbers(lua_State *L, const char *fname, int arg) {
  rnn_numbers **box = lrnn_test(L, arg, NUMBERS_NAME);
  if (!box || !*box) lrnn_argument_error(L, fname, arg, NULL, "numbers of a frame");
  return *box;
}

static void push_number(lua_State *L, const rnn_numbers *x, int64_t i) {
  if (rnn_numbers_missing_at(x, i)) lua_pushnumber(L, (lua_Number)NAN);
  else if (x->whole) lua_pushinteger(L, x->integers[i]);
  else lua_pushnumber(L, x->doubles[i]);
}

/*--- numbers:get(i) -> number
---
--- One of them as the file has it, nan where missing: an integer in a column of whole numbers beyond 2^53, else a
--- float. Errors: an i outside 1 .. #numbers.
---@param i integer
---@return number */
static int lrnn_numbers_get(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "get", 1);
  lua_Integer i = lrnn_check_integer(L, "get", 2, "index");
  if (i < 1 || i > x->count)
    return lrnn_error(L, "get: index %lld is not within 1 to %lld", (long long)i, (long long)x->count);
  push_number(L, x, i - 1);
  return 1;
}

/*--- numbers:totable() -> array of numbers
---
--- All of them, as get gives them. Never an error.
---@return number[] */
static int lrnn_numbers_totable(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "totable", 1);
  lua_createtable(L, x->count < 1 << 30 ? (int)x->count : 0, 0);
  for (int64_t i = 0; i < x->count; i++) {
    push_number(L, x, i);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/*--- numbers:type() -> "double" | "int64"
---
--- int64 where all are whole and some of them beyond 2^53. Never an error.
---@return string */
static int lrnn_numbers_type(lua_State *L) {
  lua_pushstring(L, check_numbers(L, "type", 1)->whole ? "int64" : "double");
  return 1;
}

/*--- numbers:tensor([what]) -> tensor
---
--- As a float tensor of shape (rows), nan where missing. Fractions are rounded to the working precision. Errors: a
--- whole number that it would round, a number beyond its range; subtract or divide first, as in
--- (numbers - 1700000000) / 60.
---@param what? string what stands in the message for the numbers
---@return rnn.Tensor */
static int lrnn_numbers_tensor(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "tensor", 1);
  const char *what = lua_isnoneornil(L, 2) ? "tensor" : lrnn_check_string(L, "tensor", 2, "what");
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_numbers_tensor(x, what, box));
  return 1;
}

/*--- numbers:argsort() -> tensor
---
--- The places (from 1) that put them into ascending order; stable, missing ones last. Errors: too little memory.
---@return rnn.Tensor int32 (rows) */
static int lrnn_numbers_argsort(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "argsort", 1);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_numbers_argsort(x, box));
  return 1;
}

/*--- numbers:gather(ids) -> numbers
---
--- Those at the places ids, an int32 tensor of shape (n); 0 gives a missing one. Errors: places outside 0 .. #numbers.
---@param ids rnn.Tensor
---@return rnn.Numbers */
static int lrnn_numbers_gather(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "gather", 1);
  const rnn_tensor *ids = lrnn_check_tensor(L, "gather", 2);
  lrnn_check(L, rnn_numbers_gather(x, ids, lrnn_numbers_box(L)));
  return 1;
}

/*--- numbers:eq(others) -> tensor
---
--- 1 where both are the same number, else 0; of shape (rows). Errors: numbers of another type or count.
---@param others rnn.Numbers
---@return rnn.Tensor */
static int lrnn_numbers_eq(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "eq", 1), *y = check_numbers(L, "eq", 2);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_numbers_eq(x, y, box));
  return 1;
}

/*--- numbers:missing() -> tensor
---
--- 1 where one is missing, else 0; of shape (rows). Never an error.
---@return rnn.Tensor */
static int lrnn_numbers_missing(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "missing", 1);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_numbers_missing(x, box));
  return 1;
}

/*--- numbers:fill([value]) -> numbers
---
--- A number in place of the missing ones, or without one the number before each. Errors: a fraction among integers.
---@param value? number
---@return rnn.Numbers */
static int lrnn_numbers_fill(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "fill", 1);
  double value = 0, *given = NULL;
  if (!lua_isnoneornil(L, 2)) {
    value = lrnn_check_number(L, "fill", 2, "value");
    given = &value;
  }
  lrnn_check(L, rnn_numbers_fill(x, given, lrnn_numbers_box(L)));
  return 1;
}

/* numbers - offset */
static int numbers_sub(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "subtraction", 1);
  double offset = lrnn_check_number(L, "subtraction", 2, "offset");
  int whole;
  lua_Integer exact = lua_tointegerx(L, 2, &whole);
  lrnn_check(L, rnn_numbers_scale(x, whole ? exact : 0, whole ? 0 : offset, 1, lrnn_numbers_box(L)));
  return 1;
}

/* numbers / scale */
static int numbers_div(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "division", 1);
  double scale = lrnn_check_number(L, "division", 2, "scale");
  lrnn_check(L, rnn_numbers_scale(x, 0, 0, scale, lrnn_numbers_box(L)));
  return 1;
}

static int numbers_len(lua_State *L) {
  lua_pushinteger(L, check_numbers(L, "length", 1)->count);
  return 1;
}

/* numbers[i], numbers:method. Upvalue 1: the methods. */
static int numbers_index(lua_State *L) {
  if (lua_isinteger(L, 2)) return lrnn_numbers_get(L);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL)
    return lrnn_error(L, "numbers of a frame have no '%.40s'; numbers:tensor() makes a tensor of them",
                      luaL_tolstring(L, 2, NULL));
  return 1;
}

static int numbers_tostring(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "tostring", 1);
  lua_pushfstring(L, NUMBERS_NAME ": %I of type %s", (lua_Integer)x->count, x->whole ? "int64" : "double");
  return 1;
}

static const lrnn_function methods[] = {{"get", lrnn_numbers_get, 2},         {"totable", lrnn_numbers_totable, 1},
                                        {"type", lrnn_numbers_type, 1},       {"tensor", lrnn_numbers_tensor, 2},
                                        {"argsort", lrnn_numbers_argsort, 1}, {"gather", lrnn_numbers_gather, 2},
                                        {"eq", lrnn_numbers_eq, 2},           {"missing", lrnn_numbers_missing, 1},
                                        {"fill", lrnn_numbers_fill, 2},       {NULL, NULL, 0}};
static const luaL_Reg metamethods[] = {{"__len", numbers_len}, {"__tostring", numbers_tostring},
                                       {"__sub", numbers_sub}, {"__div", numbers_div}, {NULL, NULL}};

/*--- rnn.is_numbers(value) -> boolean
---
--- Whether a value is rnn.Numbers, as frame:column gives them. Never an error.
---@param value any
---@return boolean */
static int lrnn_is_numbers(lua_State *L) {
  lua_pushboolean(L, lrnn_test(L, 1, NUMBERS_NAME) != NULL);
  return 1;
}

const lrnn_function lrnn_numbers_functions[] = {{"is_numbers", lrnn_is_numbers, 1}, {NULL, NULL, 0}};

void lrnn_numbers_open(lua_State *L) {
  lrnn_class(L, NUMBERS_NAME, numbers_gc);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  lrnn_set_functions(L, methods);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, numbers_index, 1);
  lua_setfield(L, -3, "__index");
  lua_setfield(L, -2, "names"); /* for completion, as in lazy tables: __index is a function */
  lua_pop(L, 1);
}
