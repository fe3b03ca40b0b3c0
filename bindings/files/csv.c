/* csv.c: core.csv_read, core.csv_open: a CSV file as tensors and words, whole or in parts. */
#include <stdlib.h>
#include <string.h>

#include "../binding.h"

#define FNAME "data.csv"

static const char *const option_names[] = {"separator", "columns", "types",    "header",  "decimal",
                                           "thousands", "comment", "missing", "encoding", NULL};
static const char *const type_names[] = {"auto", "number", "date", "text"}; /* by rnn_csv_type */

/* The stack of csv_read. ANCHOR is a table that has every string of the options as a key, so that no finaliser of the
   script's can take one away. */
enum { PATH = 1, OPTIONS, ANCHOR, COLUMNS, TYPES, MISSING, RESULT };

/* The core takes strings that end at their first NUL; one that is longer would silently mean something else. */
static const char *check_text(lua_State *L, int index, const char *what) {
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (strlen(text) != size) lrnn_error(L, FNAME ": %s '%.60s' has a NUL byte in it", what, text);
  lua_pushvalue(L, index);
  lua_pushboolean(L, 1);
  lua_rawset(L, ANCHOR);
  return text;
}

/* The option as a string, or NULL. */
static const char *take_text(lua_State *L, const char *key) {
  const char *text = NULL;
  if (lua_getfield(L, OPTIONS, key) != LUA_TNIL) {
    if (lua_type(L, -1) != LUA_TSTRING)
      lrnn_error(L, FNAME ": option %s: expected a string, got %s", key, luaL_typename(L, -1));
    text = check_text(L, -1, key);
  }
  lua_pop(L, 1);
  return text;
}

/* The option as a single byte, or 0. */
static char take_byte(lua_State *L, const char *key) {
  char byte = '\0';
  if (lua_getfield(L, OPTIONS, key) != LUA_TNIL) {
    if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) != 1 || *lua_tostring(L, -1) == '\0')
      lrnn_error(L, FNAME ": option %s: expected a string of one byte, got '%.60s'", key, luaL_tolstring(L, -1, NULL));
    byte = *lua_tostring(L, -1);
  }
  lua_pop(L, 1);
  return byte;
}

static rnn_csv_header take_header(lua_State *L) {
  rnn_csv_header header = RNN_CSV_NAMES;
  if (lua_getfield(L, OPTIONS, "header") != LUA_TNIL) {
    if (!lua_isboolean(L, -1))
      lrnn_error(L, FNAME ": option header: expected true or false, got %s", luaL_typename(L, -1));
    header = lua_toboolean(L, -1) ? RNN_CSV_ANY_NAMES : RNN_CSV_NO_NAMES;
  }
  lua_pop(L, 1);
  return header;
}

/* Pushes the table of the option, or nil. */
static void push_table(lua_State *L, const char *key, const char *expected) {
  int type = lua_getfield(L, OPTIONS, key);
  if (type != LUA_TNIL && type != LUA_TTABLE)
    lrnn_error(L, FNAME ": option %s: expected %s, got %s", key, expected, luaL_typename(L, -1));
}

static bool is_unit(const char *text) {
  static const char *const units[] = {"seconds", "milliseconds", "microseconds", "nanoseconds"};
  for (int i = 0; i < 4; i++)
    if (strcmp(text, units[i]) == 0) return true;
  return false;
}

/* The type named by the value on top, for the column named below it; with a % in it, it is the format of dates, and so
   is the unit of numbers since 1970. */
static rnn_csv_type check_type(lua_State *L, const char **format) {
  *format = NULL;
  if (lua_type(L, -1) == LUA_TSTRING && (strchr(lua_tostring(L, -1), '%') || is_unit(lua_tostring(L, -1)))) {
    *format = check_text(L, -1, "format");
    return RNN_CSV_DATE;
  }
  for (int i = RNN_CSV_NUMBER; i <= RNN_CSV_TEXT; i++)
    if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), type_names[i]) == 0) return (rnn_csv_type)i;
  const char *name = lua_tostring(L, -2), *got = luaL_tolstring(L, -1, NULL);
  lrnn_error(L, FNAME ": option types: expected \"number\", \"date\", \"text\", a format of dates like \"%%d/%%m/%%Y\", "
             "or \"seconds\" or \"milliseconds\" since 1970 for '%.60s', got '%.60s'", name, got);
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

/* An array of strings. */
static int take_list(lua_State *L, int table, const char *key, const char *what, const char **list, int room) {
  for (int i = 0; i < room; i++) {
    if (lua_rawgeti(L, table, i + 1) != LUA_TSTRING)
      lrnn_error(L, FNAME ": option %s: expected a table of %s, but element %d is a %s", key, what, i + 1,
                 luaL_typename(L, -1));
    list[i] = check_text(L, -1, key);
    lua_pop(L, 1);
  }
  return room;
}

/* columns = {"a", "b"}: these; the type of each, if any, is in types. */
static void take_columns(lua_State *L, const char **names, rnn_csv_type *types, const char **formats, int count) {
  int typed = count_types(L);
  take_list(L, COLUMNS, "columns", "names", names, count);
  for (int i = 0; i < count; i++) {
    types[i] = RNN_CSV_AUTO;
    formats[i] = NULL;
    if (!typed) continue;
    lua_pushstring(L, names[i]);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, TYPES) != LUA_TNIL) types[i] = check_type(L, &formats[i]);
    lua_pop(L, 2);
  }
  if (!typed) return;
  for (lua_pushnil(L); lua_next(L, TYPES); lua_pop(L, 1)) {
    bool kept = false;
    for (int i = 0; i < count; i++) kept |= strcmp(names[i], lua_tostring(L, -2)) == 0;
    if (!kept) lrnn_error(L, FNAME ": option types: '%.60s' is not among the columns to keep", lua_tostring(L, -2));
  }
}

/* Only types = {a = "text"}: all columns, these with a type. Returns how many these are. */
static int take_types(lua_State *L, const char **names, rnn_csv_type *types, const char **formats, int count) {
  int i = 0;
  if (!count) return 0;
  for (lua_pushnil(L); i < count && lua_next(L, TYPES); lua_pop(L, 1), i++) {
    names[i] = check_text(L, -2, "column");
    types[i] = check_type(L, &formats[i]);
  }
  return i;
}

#define RESULT_CLASS "rnn.Csv"

typedef struct result {
  rnn_csv_stream *stream;
  rnn_csv csv;
} result;

static void clear(lua_State *L, result *r) {
  rnn_csv_close(r->stream);
  r->stream = NULL;
  rnn_csv_free(lrnn_context(L), &r->csv);
}

static int result_gc(lua_State *L) {
  clear(L, lrnn_check_class(L, "__gc", RESULT_CLASS));
  return 0;
}

/* Leaves the stack up to RESULT, whose user value is ANCHOR. */
static result *take_options(lua_State *L, rnn_csv_options *o) {
  lrnn_check_options(L, FNAME, OPTIONS, option_names);
  lua_newtable(L);
  *o = (rnn_csv_options){.separator = take_byte(L, "separator"), .header = take_header(L),
                         .decimal = take_byte(L, "decimal"), .thousands = take_text(L, "thousands"),
                         .comment = take_byte(L, "comment"), .encoding = take_text(L, "encoding")};
  if (o->thousands && !*o->thousands) o->thousands = NULL;
  push_table(L, "columns", "a table of names");
  push_table(L, "types", "a table column = \"type\"");
  push_table(L, "missing", "a table of strings");
  bool chosen = !lua_isnil(L, COLUMNS);
  lua_Unsigned room = chosen ? lua_rawlen(L, COLUMNS) : (lua_Unsigned)count_types(L);
  lua_Unsigned marks = lua_isnil(L, MISSING) ? 0 : lua_rawlen(L, MISSING);
  if (room > 1000000) lrnn_error(L, FNAME ": option columns: more than 1000000 names");
  if (marks > 1000) lrnn_error(L, FNAME ": option missing: more than 1000 strings");
  result *r = lrnn_new(L, RESULT_CLASS, sizeof *r, 4, result_gc);
  *r = (result){0};
  const char **names = lua_newuserdatauv(L, sizeof *names * (room + 1), 0);
  lua_setiuservalue(L, RESULT, 1);
  rnn_csv_type *types = lua_newuserdatauv(L, sizeof *types * (room + 1), 0);
  lua_setiuservalue(L, RESULT, 2);
  const char **formats = lua_newuserdatauv(L, sizeof *formats * (room + 1 + marks), 0);
  lua_setiuservalue(L, RESULT, 3);
  lua_pushvalue(L, ANCHOR);
  lua_setiuservalue(L, RESULT, 4);
  check_types(L);
  int count = (int)room;
  if (chosen) take_columns(L, names, types, formats, count);
  else count = take_types(L, names, types, formats, count);
  lua_settop(L, RESULT);
  o->missing = formats + room + 1;
  o->missing_count = take_list(L, MISSING, "missing", "strings", formats + room + 1, (int)marks);
  if (chosen || count) {
    o->columns = names;
    o->types = types;
    o->formats = formats;
    o->column_count = count;
    o->others = !chosen;
  }
  return r;
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
  if (c->type == RNN_CSV_DATE && c->zoned) {
    if (c->offset) {
      int minutes = abs(c->offset) / 60;
      lua_pushfstring(L, "%s%d%d:%d%d", c->offset < 0 ? "-" : "+", minutes / 600, minutes / 60 % 10, minutes % 60 / 10,
                      minutes % 10);
    } else {
      lua_pushliteral(L, "UTC");
    }
    lua_setfield(L, -2, "zone");
    lua_pushboolean(L, c->offsets_differ);
    lua_setfield(L, -2, "offsets_differ");
  }
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

/* Pushes the table of what was read. */
static void push_csv(lua_State *L, rnn_csv *csv) {
  char separator[2] = {csv->separator, '\0'};
  lua_createtable(L, csv->count, 2);
  lua_pushinteger(L, csv->rows);
  lua_setfield(L, -2, "rows");
  lua_pushstring(L, separator);
  lua_setfield(L, -2, "separator");
  for (int i = 0; i < csv->count; i++) {
    push_column(L, &csv->columns[i]);
    lua_rawseti(L, -2, i + 1);
  }
  rnn_csv_free(lrnn_context(L), csv);
}

/* The file of the arguments, open; or its status. Leaves the stack up to RESULT. */
static rnn_status open_file(lua_State *L, result **r) {
  lua_settop(L, OPTIONS);
  const char *path = lrnn_check_read(L, FNAME, PATH);
  if (lua_isnil(L, OPTIONS)) {
    lua_newtable(L);
    lua_replace(L, OPTIONS);
  }
  lrnn_check_table(L, FNAME, OPTIONS, "options");
  rnn_csv_options options;
  *r = take_options(L, &options);
  return rnn_csv_open(lrnn_context(L), path, &options, &(*r)->stream);
}

/*--- rnn.csv_read(path [, options]) -> table | nil, message, code
---
--- What data.csv is made of: { rows = n, separator =, { name =, type =, values = numbers or tensor, words = strings,
--- zone = of dates with an offset from UTC, odd = { row =, text = } where a cell made a column text }, ... }. Errors:
--- options that are none; a file that cannot be read gives nil and a message that names file, row and column.
---@param path string
---@param options? data.csv.Options
---@return table?
---@return string? message
---@return string? code */
static int lrnn_csv_read(lua_State *L) {
  result *r;
  rnn_status status = open_file(L, &r);
  if (status == RNN_OK) status = rnn_csv_next(r->stream, INT64_MAX, &r->csv);
  rnn_csv_close(r->stream);
  r->stream = NULL;
  if (status != RNN_OK) return lrnn_fail(L, status);
  push_csv(L, &r->csv);
  return 1;
}

/* Upvalue 1: the result. Argument 1: how many rows at least. */
static int next_part(lua_State *L) {
  result *r = lua_touserdata(L, lua_upvalueindex(1));
  lua_Integer rows = luaL_optinteger(L, 1, 0);
  if (rows < 1 || !r->stream) {
    clear(L, r);
    return 0;
  }
  rnn_status status = rnn_csv_next(r->stream, rows, &r->csv);
  if (status != RNN_OK) {
    rnn_csv_close(r->stream);
    r->stream = NULL;
    return lrnn_fail(L, status);
  }
  push_csv(L, &r->csv);
  return 1;
}

/*--- rnn.csv_open(path [, options]) -> next | nil, message, code
---
--- What data.csv_stream is made of: next(rows) gives the next part of the file, of so many rows or a few more, as
--- csv_read does, and one of 0 rows at its end; next() closes the file. Errors as in csv_read.
---@param path string
---@param options? data.csv.Options
---@return function?
---@return string? message
---@return string? code */
static int lrnn_csv_open(lua_State *L) {
  result *r;
  rnn_status status = open_file(L, &r);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushcclosure(L, next_part, 1);
  return 1;
}

static void push_micros(lua_State *L, int64_t micros) {
  if (micros == RNN_MISSING) lua_pushnil(L);
  else lua_pushinteger(L, micros);
}

/*--- rnn.date_read(text) -> month_first, day_first | nil
---
--- A date as data.csv reads it, in microseconds since 1970-01-01 UTC, or of the wall clock where it has no offset: with
--- the month first and with the day first, nil for an order in which it is no date. Errors: a text that is no string.
---@param text string
---@return integer? month_first
---@return integer? day_first */
static int lrnn_date_read(lua_State *L) {
  int64_t month_first, day_first;
  const char *text = lrnn_check_string(L, "date_read", 1, "text");
  if (!rnn_date_read(text, lua_rawlen(L, 1), &month_first, &day_first)) return 0;
  push_micros(L, month_first);
  push_micros(L, day_first);
  return 2;
}

const lrnn_function lrnn_csv_functions[] = {
    {"csv_open", lrnn_csv_open, 2}, {"csv_read", lrnn_csv_read, 2}, {"date_read", lrnn_date_read, 1}, {NULL, NULL, 0}};
