/* check.c: arguments and options, with messages that say the function, the argument, what was expected, what came. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"

int lrnn_count(lua_State *L, int most) {
  int given = lua_gettop(L);
  while (given > most && lua_isnil(L, given)) given--;
  return given;
}

int lrnn_count_error(lua_State *L, const char *fname, int most, int given) {
  return lrnn_error(L, "%s: expected at most %d argument%s, got %d", fname, most, most == 1 ? "" : "s", given);
}

void lrnn_check_count(lua_State *L, const char *fname, int most) {
  int given = lrnn_count(L, most);
  if (given > most) lrnn_count_error(L, fname, most, given);
}

static int call(lua_State *L) {
  const lrnn_function *f = lua_touserdata(L, lua_upvalueindex(1));
  if (f->most != LRNN_ANY) lrnn_check_count(L, f->name, f->most);
  return f->call(L);
}

void lrnn_set_functions(lua_State *L, const lrnn_function *list) {
  for (; list->name; list++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)list);
    lua_pushcclosure(L, call, 1);
    lua_setfield(L, -2, list->name);
  }
}

lua_Integer lrnn_check_integer(lua_State *L, const char *fname, int arg, const char *what) {
  int ok;
  lua_Integer v = lua_type(L, arg) == LUA_TNUMBER ? lua_tointegerx(L, arg, &ok) : (ok = 0);
  if (!ok) lrnn_argument_error(L, fname, arg, what, "an integer");
  return v;
}

lua_Number lrnn_check_number(lua_State *L, const char *fname, int arg, const char *what) {
  if (lua_type(L, arg) != LUA_TNUMBER) lrnn_argument_error(L, fname, arg, what, "a number");
  return lua_tonumber(L, arg);
}

const char *lrnn_check_string(lua_State *L, const char *fname, int arg, const char *what) {
  if (lua_type(L, arg) != LUA_TSTRING) lrnn_argument_error(L, fname, arg, what, "a string");
  return lua_tostring(L, arg);
}

const char *lrnn_check_c_string(lua_State *L, const char *fname, int index, const char *what) {
  if (lua_type(L, index) != LUA_TSTRING)
    lrnn_error(L, "%s: %s must be a string, got %s", fname, what, luaL_typename(L, index));
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (strlen(text) != size) lrnn_error(L, "%s: %s has a zero byte: '%.100s\\0...'", fname, what, text);
  return text;
}

const char *lrnn_check_path(lua_State *L, const char *fname, int arg) {
  lrnn_check_string(L, fname, arg, "path");
  return lrnn_check_c_string(L, fname, arg, "the path");
}

static const char *note_file(lua_State *L, const char *fname, int arg, const char *use) {
  const char *path = lrnn_check_path(L, fname, arg);
  if (*use == 'r' && access(path, R_OK) != 0) return path;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LRNN_FILES);
  const char *before = lua_getfield(L, -1, path) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (!before || (*before == 'r' && *use == 'w')) {
    lua_pushstring(L, before ? "changed" : use);
    lua_setfield(L, -3, path);
  }
  lua_pop(L, 2);
  return path;
}

const char *lrnn_check_read(lua_State *L, const char *fname, int arg) { return note_file(L, fname, arg, "read"); }
const char *lrnn_check_write(lua_State *L, const char *fname, int arg) { return note_file(L, fname, arg, "write"); }

void lrnn_check_table(lua_State *L, const char *fname, int arg, const char *what) {
  if (!lua_istable(L, arg)) lrnn_argument_error(L, fname, arg, what, "a table");
}

bool lrnn_check_boolean(lua_State *L, const char *fname, int arg, const char *what) {
  if (!lua_isnoneornil(L, arg) && !lua_isboolean(L, arg)) lrnn_argument_error(L, fname, arg, what, "true or false");
  return lua_toboolean(L, arg);
}

/* The axis at index of the stack; arg is the argument that it is, or is in. */
static int axis_at(lua_State *L, const char *fname, int index, int arg, int ndim) {
  int ok;
  lua_Integer axis = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &ok) : (ok = 0);
  if (!ok) lrnn_error(L, "%s: argument %d (axis): expected an integer, got %s", fname, arg, lrnn_describe(L, index));
  if (axis == 0 || axis > ndim || axis < -ndim)
    lrnn_error(L, "%s: argument %d (axis): expected 1 to %d or -1 to -%d, got %lld", fname, arg, ndim, ndim,
               (long long)axis);
  return (int)(axis > 0 ? axis - 1 : ndim + axis);
}

int lrnn_check_axis(lua_State *L, const char *fname, int arg, int ndim) { return axis_at(L, fname, arg, arg, ndim); }

int lrnn_check_axes(lua_State *L, const char *fname, int arg, int ndim, int64_t *axes) {
  bool table = lua_istable(L, arg);
  int n = table ? (int)lua_rawlen(L, arg) : lua_gettop(L) - arg + 1;
  if (n > RNN_MAX_DIMS) lrnn_error(L, "%s: at most %d axes, got %d", fname, RNN_MAX_DIMS, n);
  for (int i = 0; i < n; i++) {
    if (table) lua_rawgeti(L, arg, i + 1);
    axes[i] = axis_at(L, fname, table ? -1 : arg + i, table ? arg : arg + i, ndim);
    if (table) lua_pop(L, 1);
  }
  return n < 0 ? 0 : n;
}

double lrnn_check_element(lua_State *L, const char *fname, const rnn_tensor *t, int arg) {
  double v = lrnn_check_number(L, fname, arg, "value");
  if (rnn_tensor_type(t) == RNN_INT && (!(v >= INT32_MIN && v <= INT32_MAX) || v != (double)(int32_t)v))
    lrnn_argument_error(L, fname, arg, "value", "an integer that fits an int32");
  if (rnn_tensor_type(t) == RNN_FLOAT) lrnn_check_real(L, fname, v);
  return v;
}

void lrnn_check_real(lua_State *L, const char *what, double v) {
  char text[160];
  if (rnn_real_refuses(v, text, sizeof text))
    lrnn_error(L, "%s: %s; take an int32 tensor, subtract or divide first, or run with --double", what, text);
}

static int64_t size_at(lua_State *L, const char *fname, int index, int place, int64_t least) {
  int ok;
  lua_Integer n = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &ok) : (ok = 0);
  if (!ok || n < least)
    lrnn_error(L, "%s: size %d of the shape: expected an integer of at least 0, got %s", fname, place,
               lrnn_describe(L, index));
  return n;
}

int lrnn_check_shape(lua_State *L, const char *fname, int arg, int64_t least, int64_t *dims) {
  int n = lua_gettop(L) - arg + 1;
  if (lua_istable(L, arg)) {
    n = (int)lua_rawlen(L, arg);
    if (n > RNN_MAX_DIMS) lrnn_error(L, "%s: at most %d axes, got %d", fname, RNN_MAX_DIMS, n);
    for (int i = 0; i < n; i++) {
      lua_rawgeti(L, arg, i + 1);
      dims[i] = size_at(L, fname, -1, i + 1, least);
      lua_pop(L, 1);
    }
    return n;
  }
  if (n > RNN_MAX_DIMS) lrnn_error(L, "%s: at most %d axes, got %d", fname, RNN_MAX_DIMS, n);
  for (int i = 0; i < n; i++) dims[i] = size_at(L, fname, arg + i, i + 1, least);
  return n < 0 ? 0 : n;
}

/* ---- options: fields of the table at arg ---- */

enum { LONGEST = 60 }; /* letters of a word that may be a misspelling */

/* How many letters have to be put in, taken out, changed or swapped with the next one to make a into b (Damerau 1964,
   Levenshtein 1966). */
static int distance(const char *a, int m, const char *b, int n) {
  int space[3][LONGEST + 1], *before = space[0], *above = space[1], *row = space[2];
  for (int j = 0; j <= n; j++) above[j] = j;
  for (int i = 1; i <= m; i++) {
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int d = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < d) d = above[j] + 1;
      if (row[j - 1] + 1 < d) d = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < d) d = before[j - 2] + 1;
      row[j] = d;
    }
    int *oldest = before;
    before = above;
    above = row;
    row = oldest;
  }
  return above[n];
}

/* Pushes the name, in the list at index, that the word is a misspelling of, the first of equally near ones, or nil. A
   third of the letters may be wrong, one of two to five. */
static void push_closest(lua_State *L, const char *word, int index) {
  size_t size = strlen(word);
  int length = size <= LONGEST ? (int)size : LONGEST, least = length < 2 ? length : length < 6 ? 2 : length / 3 + 1;
  lua_pushnil(L);
  if (size > LONGEST) return;
  for (lua_Integer i = 1; lua_rawgeti(L, index, i) == LUA_TSTRING; i++) {
    const char *name = lua_tostring(L, -1);
    int d = lua_rawlen(L, -1) <= LONGEST ? distance(word, length, name, (int)strlen(name)) : least;
    if (d < least) lua_copy(L, -1, -2);
    if (d < least) least = d;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* _closest(word, names) -> name or nil: what check.closest is. */
static int closest(lua_State *L) {
  const char *word = lrnn_check_string(L, "closest", 1, "word");
  lrnn_check_table(L, "closest", 2, "names");
  push_closest(L, word, 2);
  return 1;
}

const lrnn_function lrnn_check_functions[] = {{"_closest", closest, 2}, {NULL, NULL, 0}};

/* "a, b and c", or with another last "a, b, c". */
static void push_list(lua_State *L, const char *const *names, const char *last) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 0; names[i]; i++) {
    if (i) luaL_addstring(&b, names[i + 1] ? ", " : last);
    luaL_addstring(&b, names[i]);
  }
  luaL_pushresult(&b);
}

void lrnn_unknown_option(lua_State *L, const char *fname, int key, const char *const *names) {
  key = lua_absindex(L, key);
  const char *name = luaL_tolstring(L, key, NULL);
  lua_newtable(L);
  for (int i = 0; names[i]; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  push_closest(L, name, lua_gettop(L));
  if (lua_isstring(L, -1)) lua_pushfstring(L, "; did you mean '%s'?", lua_tostring(L, -1));
  else lua_pushliteral(L, ";");
  push_list(L, names, " and ");
  lrnn_error(L, "%s: unknown option '%.60s'%s the option%s %s", fname, name, lua_tostring(L, -2),
             names[1] ? "s are" : " is", lua_tostring(L, -1));
}

void lrnn_check_options(lua_State *L, const char *fname, int arg, const char *const *names) {
  if (lua_isnoneornil(L, arg)) return;
  lrnn_check_table(L, fname, arg, "options");
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    int i = 0;
    while (lua_type(L, -2) == LUA_TSTRING && names[i] && strcmp(names[i], lua_tostring(L, -2)) != 0) i++;
    if (lua_type(L, -2) != LUA_TSTRING || !names[i]) lrnn_unknown_option(L, fname, -2, names);
  }
}

static bool option(lua_State *L, int arg, const char *key) {
  if (lua_getfield(L, arg, key) != LUA_TNIL) return true;
  lua_pop(L, 1);
  return false;
}

static void option_error(lua_State *L, const char *fname, const char *key, const char *expected) {
  lrnn_error(L, "%s: option %s: expected %s, got %s", fname, key, expected, lrnn_describe(L, -1));
}

double lrnn_option_number(lua_State *L, const char *fname, int arg, const char *key, double otherwise) {
  if (!option(L, arg, key)) return otherwise;
  if (lua_type(L, -1) != LUA_TNUMBER) option_error(L, fname, key, "a number");
  double v = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return v;
}

lua_Integer lrnn_option_integer(lua_State *L, const char *fname, int arg, const char *key, lua_Integer otherwise) {
  if (!option(L, arg, key)) return otherwise;
  int ok;
  lua_Integer v = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &ok) : (ok = 0);
  if (!ok) option_error(L, fname, key, "an integer");
  lua_pop(L, 1);
  return v;
}

bool lrnn_option_boolean(lua_State *L, const char *fname, int arg, const char *key) {
  if (!option(L, arg, key)) return false;
  if (!lua_isboolean(L, -1)) option_error(L, fname, key, "true or false");
  bool v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

int lrnn_option_name(lua_State *L, const char *fname, int arg, const char *key, const char *const *names,
                     const char *otherwise) {
  bool given = option(L, arg, key);
  if (given && lua_type(L, -1) != LUA_TSTRING) option_error(L, fname, key, "a string");
  const char *name = given ? lua_tostring(L, -1) : otherwise;
  for (int i = 0; names[i]; i++)
    if (name && strcmp(name, names[i]) == 0) {
      if (given) lua_pop(L, 1);
      return i;
    }
  push_list(L, names, ", ");
  return lrnn_error(L, "%s: option %s: expected one of %s, got %s", fname, key, lua_tostring(L, -1),
                    name ? name : "nothing");
}
