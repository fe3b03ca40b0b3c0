/* csv.c: core.csv_read: a CSV file as tensors and words. */
#include <string.h>

#include "../binding.h"

#define FNAME "csv_read"

static const char *const option_names[] = {"separator", "columns", "types", NULL};
static const char *const type_names[] = {"auto", "number", "date", "text"}; /* by rnn_csv_type */

/* The stack of csv_read. */
enum { PATH = 1, OPTIONS, COLUMNS, TYPES, NAME_ARRAY, TYPE_ARRAY, FORMAT_ARRAY, RESULT };

/* The core takes strings that end at their first NUL; one that is longer would silently mean something else. */
static const char *check_text(lua_State *L, int index, const char *what) {
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (strlen(text) != size) lrnn_error(L, FNAME ": %s '%.60s' has a NUL byte in it", what, text);
  return text;
}

static char check_separator(lua_State *L) {
  char separator = '\0';
  if (lua_getfield(L, OPTIONS, "separator") != LUA_TNIL) {
    if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) != 1 || *lua_tostring(L, -1) == '\0')
      lrnn_error(L, FNAME ": option separator: expected a string of one byte, got '%.60s'",
                 luaL_tolstring(L, -1, NULL));
    separator = *lua_tostring(L, -1);
  }
  lua_pop(L, 1);
  return separator;
}

/* Pushes the table of the option, or nil. */
static void push_table(lua_State *L, const char *key, const char *expected) {
  int type = lua_getfield(L, OPTIONS, key);
  if (type != LUA_TNIL && type != LUA_TTABLE)
    lrnn_error(L, FNAME ": option %s: expected %s, got %s", key, expected, luaL_typename(L, -1));
}

/* The type named by the value on top, for the column named below it; with a % in it, it is the format of dates. */
static rnn_csv_type check_type(lua_State *L, const char **format) {
  *format = NULL;
  if (lua_type(L, -1) == LUA_TSTRING && strchr(lua_tostring(L, -1), '%')) {
    *format = check_text(L, -1, "format");
    return RNN_CSV_DATE;
  }
  for (int i = RNN_CSV_NUMBER; i <= RNN_CSV_TEXT; i++)
    if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), type_names[i]) == 0) return (rnn_csv_type)i;
  const char *name = lua_tostring(L, -2), *got = luaL_tolstring(L, -1, NULL);
  lrnn_error(L, FNAME ": option types: expected \"number\", \"date\", \"text\" or, like \"%%d/%%m/%%Y\", a format of "
             "dates for '%.60s', got '%.60s'", name, got);
  return RNN_CSV_AUTO;
}

/* How many entries types has. */
static int count_types(lua_State *L) {
  int n = 0;
  if (lua_isnil(L, TYPES)) return 0;
  for (lua_pushnil(L); lua_next(L, TYPES); lua_pop(L, 1)) n++;
  return n;
}

static void check_types(lua_State *L) {
  const char *format;
  if (lua_isnil(L, TYPES)) return;
  for (lua_pushnil(L); lua_next(L, TYPES); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      lrnn_error(L, FNAME ": option types: expected column = \"type\", got a key that is a %s", luaL_typename(L, -2));
    check_type(L, &format);
  }
}

/* columns = {"a", "b"}: these; the type of each, if any, is in types. */
static void take_columns(lua_State *L, const char **names, rnn_csv_type *types, const char **formats,
                         int count) {
  int typed = count_types(L);
  for (int i = 0; i < count; i++) {
    if (lua_rawgeti(L, COLUMNS, i + 1) != LUA_TSTRING)
      lrnn_error(L, FNAME ": option columns: expected a table of names, but element %d is a %s", i + 1,
                 luaL_typename(L, -1));
    names[i] = check_text(L, -1, "column");
    types[i] = RNN_CSV_AUTO;
    formats[i] = NULL;
    if (typed) {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, TYPES) != LUA_TNIL) types[i] = check_type(L, &formats[i]);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  if (!typed) return;
  for (lua_pushnil(L); lua_next(L, TYPES); lua_pop(L, 1)) {
    bool kept = false;
    for (int i = 0; i < count; i++) kept |= strcmp(names[i], lua_tostring(L, -2)) == 0;
    if (!kept) lrnn_error(L, FNAME ": option types: '%.60s' is not among the columns to keep", lua_tostring(L, -2));
  }
}

/* Only types = {a = "text"}: all columns, these with a type. Returns how many these are. */
static int take_types(lua_State *L, const char **names, rnn_csv_type *types, const char **formats,
                         int count) {
  int i = 0;
  if (!count) return 0;
  for (lua_pushnil(L); lua_next(L, TYPES) && i < count; lua_pop(L, 1), i++) {
    names[i] = check_text(L, -2, "column");
    types[i] = check_type(L, &formats[i]);
  }
  return i;
}

#define RESULT_CLASS "rnn.Csv"

static int result_gc(lua_State *L) {
  rnn_csv_free(lrnn_context(L), lrnn_check_class(L, "__gc", RESULT_CLASS));
  return 0;
}

/* Leaves the stack up to RESULT. Once names are taken from the tables, nothing may make a Lua object before the core is
   done with them: a finaliser of the script's could run and take the strings away. */
static rnn_csv *take_options(lua_State *L, rnn_csv_options *o) {
  lrnn_check_options(L, FNAME, OPTIONS, option_names);
  o->separator = check_separator(L);
  push_table(L, "columns", "a table of names");
  push_table(L, "types", "a table column = \"type\"");
  bool chosen = !lua_isnil(L, COLUMNS);
  lua_Unsigned room = chosen ? lua_rawlen(L, COLUMNS) : (lua_Unsigned)count_types(L);
  if (room > 1000000) lrnn_error(L, FNAME ": option columns: more than 1000000 names");
  const char **names = lua_newuserdatauv(L, sizeof *names * (room + 1), 0);
  rnn_csv_type *types = lua_newuserdatauv(L, sizeof *types * (room + 1), 0);
  const char **formats = lua_newuserdatauv(L, sizeof *formats * (room + 1), 0);
  rnn_csv *result = lrnn_new(L, RESULT_CLASS, sizeof *result, 0, result_gc);
  check_types(L);
  int count = (int)room;
  if (chosen) take_columns(L, names, types, formats, count);
  else count = take_types(L, names, types, formats, count);
  if (chosen || count) *o = (rnn_csv_options){o->separator, names, types, formats, count, !chosen};
  return result;
}

/* Pushes {name = , type = , values = , words = , odd = } and leaves the column without its values. */
static void push_column(lua_State *L, rnn_csv_column *c) {
  lua_createtable(L, 0, 4);
  lua_pushstring(L, c->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, type_names[c->type]);
  lua_setfield(L, -2, "type");
  if (c->numbers) {
    *lrnn_numbers_box(L) = c->numbers;
    c->numbers = NULL;
  } else {
    *lrnn_box(L) = c->values;
    c->values = NULL;
  }
  lua_setfield(L, -2, "values");
  if (c->type != RNN_CSV_TEXT) return;
  if (c->odd_row) {
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, c->odd_row);
    lua_setfield(L, -2, "row");
    lua_pushstring(L, c->words[c->odd_id - 1]);
    lua_setfield(L, -2, "text");
    lua_setfield(L, -2, "odd");
  }
  lua_createtable(L, c->word_count, 0);
  for (int i = 0; i < c->word_count; i++) {
    lua_pushstring(L, c->words[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "words");
}

/*--- rnn.csv_read(path [, options]) -> table | nil, message, code
---
--- What data.csv is made of: { rows = n, { name =, type =, values = numbers or tensor, words = strings,
--- odd = { row =, text = } where a cell made a column text }, ... }. Errors: options
--- that are none; a file that cannot be read gives nil and a message that names file, row and column.
---@param path string
---@param options? { separator?: string, columns?: string[], types?: table }
---@return table?
---@return string? message
---@return string? code */
static int lrnn_csv_read(lua_State *L) {
  lua_settop(L, OPTIONS);
  lrnn_check_string(L, FNAME, PATH, "path");
  check_text(L, PATH, "path");
  const char *path = lrnn_check_read(L, FNAME, PATH);
  if (lua_isnil(L, OPTIONS)) {
    lua_newtable(L);
    lua_replace(L, OPTIONS);
  }
  lrnn_check_table(L, FNAME, OPTIONS, "options");
  rnn_csv_options options = {0};
  rnn_csv *csv = take_options(L, &options);
  rnn_status status = rnn_csv_read(lrnn_context(L), path, &options, csv);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_createtable(L, csv->count, 1);
  lua_pushinteger(L, csv->rows);
  lua_setfield(L, -2, "rows");
  for (int i = 0; i < csv->count; i++) {
    push_column(L, &csv->columns[i]);
    lua_rawseti(L, -2, i + 1);
  }
  rnn_csv_free(lrnn_context(L), csv);
  return 1;
}

const lrnn_function lrnn_csv_functions[] = {{"csv_read", lrnn_csv_read, 2}, {NULL, NULL, 0}};
