/* numbers.c: rnn.Numbers, the number columns of frames: exact as the file has them. They are no tensors; :tensor()
 * makes one, as far as the working precision can hold them. */
#include <math.h>
#include <string.h>

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

static bool double_holds(lua_Integer v) {
  double d = (double)v;
  return d < 0x1p63 && (lua_Integer)d == v;
}

/* ---- arithmetic and comparison ---- */

/* A number for all rows, at an index. */
static rnn_numbers_operand check_number(lua_State *L, const char *fname, int arg, const char *name) {
  if (lua_isinteger(L, arg)) return (rnn_numbers_operand){.whole = true, .integer = lua_tointeger(L, arg)};
  double value = lrnn_check_number(L, fname, arg, name);
  bool whole = value == rint(value) && fabs(value) < 0x1p53;
  return (rnn_numbers_operand){.whole = whole, .integer = whole ? (int64_t)value : 0, .real = value};
}

/* Numbers, or such a number. */
static rnn_numbers_operand check_operand(lua_State *L, const char *fname, int arg) {
  rnn_numbers **box = lrnn_test(L, arg, NUMBERS_NAME);
  return box && *box ? (rnn_numbers_operand){.numbers = *box} : check_number(L, fname, arg, "number");
}

/*--- numbers:fill([value]) -> numbers
---
--- A number in place of the missing ones, or without one the number before each. Errors: a fraction among integers, an
--- integer among doubles that none of them is.
---@param value? number
---@return rnn.Numbers */
static int lrnn_numbers_fill(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "fill", 1);
  rnn_numbers_operand value, *given = NULL;
  if (!lua_isnoneornil(L, 2)) {
    value = check_number(L, "fill", 2, "value");
    given = &value;
  }
  lrnn_check(L, rnn_numbers_fill(x, given, lrnn_numbers_box(L)));
  return 1;
}

/* Of a column of a frame, which has operators of its own, this one is meant. */
static int combine(lua_State *L, const char *fname, rnn_numbers_op op) {
  static const char *const operators[] = {
      [RNN_NUMBERS_ADD] = "__add", [RNN_NUMBERS_SUB] = "__sub",       [RNN_NUMBERS_MUL] = "__mul",
      [RNN_NUMBERS_DIV] = "__div", [RNN_NUMBERS_FLOOR_DIV] = "__idiv", [RNN_NUMBERS_MOD] = "__mod",
      [RNN_NUMBERS_POW] = "__pow"};
  if (lua_istable(L, 2) && luaL_getmetafield(L, 2, operators[op]) != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    return 1;
  }
  rnn_numbers_operand x = check_operand(L, fname, 1), y = check_operand(L, fname, 2);
  lrnn_check(L, rnn_numbers_combine(lrnn_context(L), op, x, y, lrnn_numbers_box(L)));
  return 1;
}

static int numbers_add(lua_State *L) { return combine(L, "addition", RNN_NUMBERS_ADD); }
static int numbers_sub(lua_State *L) { return combine(L, "subtraction", RNN_NUMBERS_SUB); }
static int numbers_mul(lua_State *L) { return combine(L, "multiplication", RNN_NUMBERS_MUL); }
static int numbers_div(lua_State *L) { return combine(L, "division", RNN_NUMBERS_DIV); }
static int numbers_idiv(lua_State *L) { return combine(L, "division", RNN_NUMBERS_FLOOR_DIV); }
static int numbers_mod(lua_State *L) { return combine(L, "modulo", RNN_NUMBERS_MOD); }
static int numbers_pow(lua_State *L) { return combine(L, "power", RNN_NUMBERS_POW); }

static int numbers_unm(lua_State *L) {
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  lua_insert(L, 1);
  return combine(L, "subtraction", RNN_NUMBERS_SUB);
}

static int compare(lua_State *L, const char *fname, rnn_numbers_op op) {
  check_numbers(L, fname, 1);
  rnn_numbers_operand x = check_operand(L, fname, 1), y = check_operand(L, fname, 2);
  lrnn_check(L, rnn_numbers_compare(lrnn_context(L), op, x, y, lrnn_box(L)));
  return 1;
}

/*--- numbers:eq(other) -> tensor
---
--- 1 where both are the same number, else 0; of shape (rows). other: numbers, or a number for all rows. Errors: numbers
--- of another count.
---@param other rnn.Numbers|number
---@return rnn.Tensor */
static int lrnn_numbers_eq(lua_State *L) { return compare(L, "eq", RNN_NUMBERS_EQ); }

/*--- numbers:ne(other) -> tensor
---
--- 1 where they differ, or one is missing, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor */
static int lrnn_numbers_ne(lua_State *L) { return compare(L, "ne", RNN_NUMBERS_NE); }

/*--- numbers:lt(other) -> tensor
---
--- 1 where one is less, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor */
static int lrnn_numbers_lt(lua_State *L) { return compare(L, "lt", RNN_NUMBERS_LT); }

/*--- numbers:le(other) -> tensor
---
--- 1 where one is less or equal, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor */
static int lrnn_numbers_le(lua_State *L) { return compare(L, "le", RNN_NUMBERS_LE); }

/*--- numbers:gt(other) -> tensor
---
--- 1 where one is greater, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor */
static int lrnn_numbers_gt(lua_State *L) { return compare(L, "gt", RNN_NUMBERS_GT); }

/*--- numbers:ge(other) -> tensor
---
--- 1 where one is greater or equal, else 0; of shape (rows). Errors as in eq.
---@param other rnn.Numbers|number
---@return rnn.Tensor */
static int lrnn_numbers_ge(lua_State *L) { return compare(L, "ge", RNN_NUMBERS_GE); }

/* ---- whole columns ---- */

static const char *const sums[] = {"count", "sum", "mean", "min",   "max",  "std",
                                   "var",   "median", "first", "last", NULL};

/*--- numbers:ranges(first, last, how) -> numbers
---
--- For each i what rows first[i] to last[i] come to, as how says: "count", "sum", "mean", "min", "max", "std", "var",
--- "median", "first" or "last". Missing ones do not count; where none is left the result is missing, but a count is 0.
--- first, last: int32 of the same shape (n). Errors: rows that are not there.
---@param first rnn.Tensor
---@param last rnn.Tensor
---@param how string
---@return rnn.Numbers */
static int lrnn_numbers_ranges(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "ranges", 1);
  const rnn_tensor *first = lrnn_check_tensor(L, "ranges", 2), *last = lrnn_check_tensor(L, "ranges", 3);
  const char *how = lrnn_check_string(L, "ranges", 4, "how");
  for (int i = 0; sums[i]; i++) {
    if (strcmp(how, sums[i]) != 0) continue;
    lrnn_check(L, rnn_numbers_ranges(x, first, last, (rnn_numbers_sum)i, lrnn_numbers_box(L)));
    return 1;
  }
  return lrnn_error(L, "ranges: argument 3 (how): expected count, sum, mean, min, max, std, var, median, first or last, "
                    "got '%.40s'", how);
}

/*--- numbers:match(others) -> tensor
---
--- For each of others the first place of that number, 0 where there is none; int32, of the shape (rows) of others.
--- Errors: doubles with int64.
---@param others rnn.Numbers
---@return rnn.Tensor */
static int lrnn_numbers_match(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "match", 1), *y = check_numbers(L, "match", 2);
  lrnn_check(L, rnn_numbers_match(x, y, lrnn_box(L)));
  return 1;
}

/*--- numbers:describe() -> table
---
--- { missing =, distinct =, least =, most =, mean = }: how many are missing, how many differ (nil beyond 65536), and
--- the least, greatest and mean of the others (nil where there are none). Never an error.
---@return table */
static int lrnn_numbers_describe(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "describe", 1);
  rnn_numbers_summary s;
  lrnn_check(L, rnn_numbers_describe(x, &s));
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, s.missing);
  lua_setfield(L, -2, "missing");
  if (s.distinct >= 0) {
    lua_pushinteger(L, s.distinct);
    lua_setfield(L, -2, "distinct");
  }
  if (s.least < 0) return 1;
  push_number(L, x, s.least);
  lua_setfield(L, -2, "least");
  push_number(L, x, s.most);
  lua_setfield(L, -2, "most");
  lua_pushnumber(L, s.mean);
  lua_setfield(L, -2, "mean");
  return 1;
}

/*--- numbers:diff() -> numbers
---
--- Each less the one before, one fewer than there are; missing where either is. Never an error.
---@return rnn.Numbers */
static int lrnn_numbers_diff(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "diff", 1);
  lrnn_check(L, rnn_numbers_diff(x, lrnn_numbers_box(L)));
  return 1;
}

/*--- numbers:counts() -> values, counts | nil
---
--- Which whole numbers there are, in ascending order, and how often each; nil when more than 65536 differ.
--- Errors: numbers that are no whole ones.
---@return rnn.Numbers? values
---@return rnn.Numbers? counts */
static int lrnn_numbers_counts(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "counts", 1);
  if (!x->whole) return lrnn_error(L, "counts: expected whole numbers");
  rnn_numbers **values = lrnn_numbers_box(L), **counts = lrnn_numbers_box(L);
  rnn_status status = rnn_numbers_counts(x, values, counts);
  if (status == RNN_EARG) return lua_pushnil(L), 1;
  lrnn_check(L, status);
  return 2;
}

/*--- numbers:to_wall(zone) -> numbers
---
--- What clocks of a zone show at these times, both in microseconds since 1970-01-01. zone: "UTC", "+02:00" or a name
--- like "Europe/Berlin". Errors: a zone that is none.
---@param zone string
---@return rnn.Numbers */
static int lrnn_numbers_to_wall(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "to_wall", 1);
  const char *zone = lrnn_check_string(L, "to_wall", 2, "zone");
  lrnn_check(L, rnn_times_to_wall(x, zone, lrnn_numbers_box(L)));
  return 1;
}

/*--- numbers:to_utc(zone) -> numbers | nil, message
---
--- The times at which clocks of a zone show these. Of a time that clocks show twice, as they go back, the second one is
--- meant where the row before is not earlier. nil and a message for a time that clocks skipped. Errors: as in to_wall.
---@param zone string
---@return rnn.Numbers?
---@return string? message */
static int lrnn_numbers_to_utc(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "to_utc", 1);
  const char *zone = lrnn_check_string(L, "to_utc", 2, "zone");
  rnn_numbers *y;
  rnn_status status = rnn_times_to_utc(x, zone, &y);
  if (status == RNN_EARG) {
    lua_pushnil(L);
    lua_pushstring(L, rnn_message(lrnn_context(L)));
    return 2;
  }
  lrnn_check(L, status);
  *lrnn_numbers_box(L) = y;
  return 1;
}

static const char *const parts[] = {"year", "month", "day", "dayofyear", "week", NULL};

/*--- numbers:date_part(part) -> numbers
---
--- Of days since 1970-01-01 the "year", "month", "day", "dayofyear" or "week" (ISO 8601). Errors: another part, numbers
--- that are no whole ones.
---@param part string
---@return rnn.Numbers */
static int lrnn_numbers_date_part(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "date_part", 1);
  const char *part = lrnn_check_string(L, "date_part", 2, "part");
  for (int i = 0; parts[i]; i++) {
    if (strcmp(part, parts[i]) != 0) continue;
    lrnn_check(L, rnn_days_part(x, (rnn_date_part)i, lrnn_numbers_box(L)));
    return 1;
  }
  return lrnn_error(L, "date_part: expected year, month, day, dayofyear or week, got '%.40s'", part);
}

/* The element of an array, left on the stack, as a whole number; false where it is none, missing ones aside. */
static bool whole_element(lua_State *L, int64_t i, int64_t *v) {
  *v = RNN_MISSING;
  lua_rawgeti(L, 1, i);
  double d = lua_tonumber(L, -1);
  if (lua_isinteger(L, -1)) *v = lua_tointeger(L, -1);
  else if (d == rint(d) && fabs(d) < 0x1p63) *v = (int64_t)d;
  else return isnan(d);
  return true;
}

/*--- rnn.numbers(values [, missing [, what]]) -> numbers
---
--- Numbers of an array, or of a tensor of shape (rows); in an int32 tensor the number missing stands for a missing one.
--- An array of integers gives int64, and so does one in which an integer is beyond 2^53 where doubles have gaps; nan,
--- or among integers math.mininteger, is a missing one. Errors: an element that is no number, fractions beside an
--- integer that no double is, a tensor of several axes.
---@param values number[]|rnn.Tensor
---@param missing? integer
---@param what? string what stands in messages for the numbers
---@return rnn.Numbers */
static int lrnn_numbers_new(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE) {
    const rnn_tensor *t = lrnn_check_tensor(L, "numbers", 1);
    lua_Integer missing = lua_isnoneornil(L, 2) ? INT32_MIN : lrnn_check_integer(L, "numbers", 2, "missing");
    lrnn_check(L, rnn_numbers_of(t, (int32_t)missing, lrnn_numbers_box(L)));
    return 1;
  }
  const char *what = lua_isnoneornil(L, 3) ? "numbers" : lrnn_check_string(L, "numbers", 3, "what");
  int64_t n = (int64_t)lua_rawlen(L, 1), large = 0, fraction = 0, v;
  bool integers = n > 0;
  for (int64_t i = 1; i <= n; i++) {
    bool whole = whole_element(L, i, &v);
    if (lua_type(L, -1) != LUA_TNUMBER)
      return lrnn_error(L, "%s: element %lld: expected a number, got %s", what, (long long)i, luaL_typename(L, -1));
    integers &= lua_isinteger(L, -1) != 0;
    if (!whole) fraction = i;
    else if (!double_holds(v)) large = i;
    lua_pop(L, 1);
  }
  if (large && fraction) {
    lua_rawgeti(L, 1, large);
    lua_rawgeti(L, 1, fraction);
    return lrnn_error(L, "%s: row %lld has the integer %lld, which no double is, and row %lld has %g", what,
                      (long long)large, (long long)lua_tointeger(L, -2), (long long)fraction, lua_tonumber(L, -1));
  }
  rnn_numbers **box = lrnn_numbers_box(L);
  bool whole = integers || large;
  lrnn_check(L, rnn_numbers_new(lrnn_context(L), whole, n, box));
  for (int64_t i = 0; i < n; i++) {
    (void)whole_element(L, i + 1, &v);
    if (whole) (*box)->integers[i] = v;
    else (*box)->doubles[i] = lua_isinteger(L, -1) && v == RNN_MISSING ? (double)NAN : lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return 1;
}

/*--- numbers:double() -> numbers
---
--- The same as doubles, rounded beyond 2^53. Never an error.
---@return rnn.Numbers */
static int lrnn_numbers_double(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "double", 1);
  lrnn_check(L, rnn_numbers_scale(x, 0, 0, 1, lrnn_numbers_box(L)));
  return 1;
}

/*--- numbers:int32([offset]) -> tensor
---
--- As an int32 tensor of shape (rows), less offset; the least int32 where missing. Errors: one that is beyond its range
--- or has a fraction.
---@param offset? integer
---@return rnn.Tensor */
static int lrnn_numbers_int32(lua_State *L) {
  const rnn_numbers *x = check_numbers(L, "int32", 1);
  int64_t offset = lua_isnoneornil(L, 2) ? 0 : lrnn_check_integer(L, "int32", 2, "offset"), v;
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_tensor_new(lrnn_context(L), RNN_INT, 1, &x->count, box));
  int32_t *to = rnn_tensor_ints(*box);
  for (int64_t i = 0; i < x->count; i++) {
    to[i] = INT32_MIN;
    if (rnn_numbers_missing_at(x, i)) continue;
    if (!x->whole && x->doubles[i] != rint(x->doubles[i]))
      return lrnn_error(L, "int32: row %lld: %f has a fraction", (long long)i + 1, x->doubles[i]);
    v = x->whole ? x->integers[i] : fabs(x->doubles[i]) < 0x1p62 ? (int64_t)x->doubles[i] : INT64_MAX;
    if (__builtin_sub_overflow(v, offset, &v) || v > INT32_MAX || v <= INT32_MIN)
      return lrnn_error(L, "int32: row %lld is beyond its range", (long long)i + 1);
    to[i] = (int32_t)v;
  }
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

static const lrnn_function methods[] = {
    {"get", lrnn_numbers_get, 2},         {"totable", lrnn_numbers_totable, 1},   {"type", lrnn_numbers_type, 1},
    {"tensor", lrnn_numbers_tensor, 2},   {"double", lrnn_numbers_double, 1},     {"int32", lrnn_numbers_int32, 2},
    {"argsort", lrnn_numbers_argsort, 1}, {"gather", lrnn_numbers_gather, 2},     {"missing", lrnn_numbers_missing, 1},
    {"fill", lrnn_numbers_fill, 2},       {"eq", lrnn_numbers_eq, 2},             {"ne", lrnn_numbers_ne, 2},
    {"lt", lrnn_numbers_lt, 2},           {"le", lrnn_numbers_le, 2},             {"gt", lrnn_numbers_gt, 2},
    {"ge", lrnn_numbers_ge, 2},           {"ranges", lrnn_numbers_ranges, 4},     {"match", lrnn_numbers_match, 2},
    {"describe", lrnn_numbers_describe, 1}, {"to_wall", lrnn_numbers_to_wall, 2}, {"to_utc", lrnn_numbers_to_utc, 2},
    {"date_part", lrnn_numbers_date_part, 2}, {"diff", lrnn_numbers_diff, 1}, {"counts", lrnn_numbers_counts, 1}, {NULL, NULL, 0}};
static const luaL_Reg metamethods[] = {{"__len", numbers_len}, {"__tostring", numbers_tostring},
                                       {"__add", numbers_add}, {"__sub", numbers_sub}, {"__mul", numbers_mul},
                                       {"__div", numbers_div}, {"__idiv", numbers_idiv}, {"__mod", numbers_mod},
                                       {"__unm", numbers_unm}, {"__pow", numbers_pow},
                                       {NULL, NULL}};

/*--- rnn.is_numbers(value) -> boolean
---
--- Whether a value is rnn.Numbers, as frame:column gives them. Never an error.
---@param value any
---@return boolean */
static int lrnn_is_numbers(lua_State *L) {
  lua_pushboolean(L, lrnn_test(L, 1, NUMBERS_NAME) != NULL);
  return 1;
}

const lrnn_function lrnn_numbers_functions[] = {
    {"is_numbers", lrnn_is_numbers, 1}, {"numbers", lrnn_numbers_new, 3}, {NULL, NULL, 0}};

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
