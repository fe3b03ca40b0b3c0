/* json.c: JSON for scripts, on jansson.
 *
 *   nil in tables: absent    core.null: null      integer and float stay apart: 3 is 3, 3.0 is 3.0
 *   {1..n}: array            other tables: object with string keys
 *   {}: object, unless its metatable has __json = "array"; an empty array is decoded to such a table
 *
 * What is decoded encodes to the same value again. JSON that is being built or taken apart hangs in a userdata, each
 * value attached to its parent as soon as it is made, so that Lua may raise at any point. */
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "../binding.h"

/* Tables within tables, both ways. jansson's own limit is 2048; C's stack has room for far more. */
#define MAX_DEPTH 200

static char array_key; /* its address is a registry key */

#define HOLDER "rnn.Json"

static int holder_gc(lua_State *L) {
  json_t **holder = lrnn_check_class(L, "__gc", HOLDER);
  json_decref(*holder);
  *holder = NULL;
  return 0;
}

/* Pushes an empty place for JSON. */
static json_t **push_holder(lua_State *L) {
  return lrnn_new(L, HOLDER, sizeof(json_t *), 0, holder_gc);
}

/* ---- encoding ---- */

/* Where a value stands in the value that is encoded, for the messages and against cycles. */
typedef struct place {
  const struct place *up; /* NULL: the argument itself */
  json_t *into;           /* the array, or the object when key is not NULL, that gets the value */
  const char *key;
  size_t key_size;
  int index;         /* 1-based, without a key */
  const void *table; /* the table that stands here; NULL for other values */
  int depth;
} place;

static void push_place(lua_State *L, const place *p) {
  if (!p->up) {
    lua_pushliteral(L, "value");
    return;
  }
  push_place(L, p->up);
  if (p->key) lua_pushfstring(L, "%s.%s", lua_tostring(L, -1), p->key);
  else lua_pushfstring(L, "%s[%d]", lua_tostring(L, -1), p->index);
  lua_remove(L, -2);
}

static void encode_error(lua_State *L, const place *p, const char *text) {
  push_place(L, p);
  lrnn_error(L, "json_encode: %s (at %.300s)", text, lua_tostring(L, -1));
}

static void no_memory(lua_State *L) { lrnn_error(L, "json_encode: not enough memory"); }

/* jansson refuses a text that is not UTF-8 with the same NULL as a lack of memory. */
static void text_error(lua_State *L, const place *p, const char *text, size_t size, const char *message) {
  json_t *unchecked = json_stringn_nocheck(text, size);
  if (!unchecked) no_memory(L);
  json_decref(unchecked);
  encode_error(L, p, message);
}

/* Puts a new value (NULL: it could not be made) into its place. */
static void attach(lua_State *L, const place *p, json_t *value) {
  if (!value) no_memory(L);
  if (!p->key) {
    if (json_array_append_new(p->into, value) != 0) no_memory(L);
  } else if (json_object_setn_new(p->into, p->key, p->key_size, value) != 0) {
    text_error(L, p, p->key, p->key_size, "a key must be valid UTF-8");
  }
}

/* Whether the table on top is written as an array. An error unless its keys are 1..n or all strings. */
static bool is_array(lua_State *L, const place *p) {
  lua_Integer count = 0, largest = 0;
  bool strings = false, others = false;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), count++) {
    if (lua_type(L, -2) == LUA_TSTRING) strings = true;
    else if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1) others = true;
    else if (lua_tointeger(L, -2) > largest) largest = lua_tointeger(L, -2);
  }
  if (others || (strings && largest > 0) || (!strings && largest != count) || largest > INT_MAX)
    encode_error(L, p, "the keys of a table must be 1..n without holes, or all strings");
  if (count > 0) return !strings;
  if (luaL_getmetafield(L, -1, "__json") == LUA_TNIL) return false;
  lua_pushliteral(L, "array");
  bool marked = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return marked;
}

static void encode(lua_State *L, const place *p);

/* The table on top. */
static void encode_table(lua_State *L, const place *p) {
  place here = *p;
  here.table = lua_topointer(L, -1);
  for (const place *above = p->up; above; above = above->up)
    if (above->table == here.table) encode_error(L, p, "the table contains itself");
  if (p->depth >= MAX_DEPTH) encode_error(L, p, "tables nested too deeply");
  luaL_checkstack(L, 8, "json_encode");
  place child = {.up = &here, .depth = p->depth + 1};
  if (is_array(L, p)) {
    child.into = json_array();
    attach(L, p, child.into);
    int n = (int)lua_rawlen(L, -1);
    for (child.index = 1; child.index <= n; child.index++) {
      lua_rawgeti(L, -1, child.index);
      encode(L, &child);
      lua_pop(L, 1);
    }
  } else {
    child.into = json_object();
    attach(L, p, child.into);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      child.key = lua_tolstring(L, -2, &child.key_size);
      if (strlen(child.key) != child.key_size) encode_error(L, &child, "a key must not have zero bytes");
      encode(L, &child);
    }
  }
}

/* The value on top. */
static void encode(lua_State *L, const place *p) {
  switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN: attach(L, p, json_boolean(lua_toboolean(L, -1))); return;
    case LUA_TTABLE: encode_table(L, p); return;
    case LUA_TNUMBER:
      if (lua_isinteger(L, -1)) {
        attach(L, p, json_integer(lua_tointeger(L, -1)));
        return;
      }
      if (isnan(lua_tonumber(L, -1))) encode_error(L, p, "NaN is no number in JSON");
      if (isinf(lua_tonumber(L, -1))) encode_error(L, p, "an infinity is no number in JSON");
      attach(L, p, json_real(lua_tonumber(L, -1)));
      return;
    case LUA_TSTRING: {
      size_t size;
      const char *text = lua_tolstring(L, -1, &size);
      json_t *value = json_stringn(text, size);
      if (!value) text_error(L, p, text, size, "a string must be valid UTF-8");
      attach(L, p, value);
      return;
    }
    case LUA_TLIGHTUSERDATA:
      if (!lua_touserdata(L, -1)) {
        attach(L, p, json_null());
        return;
      } /* fall through */
    default:
      if (lrnn_test_shape(L, -1)) encode_error(L, p, "JSON has no form for a tensor: give its totable()");
      lua_pushfstring(L, "JSON has no form for a %s", luaL_typename(L, -1));
      encode_error(L, p, lua_tostring(L, -1));
  }
}

/*--- rnn.json_encode(value [, options]) -> string
---
--- A value as JSON. A table with the keys 1 .. n is an array, an empty one an object; rnn.null is null. Errors: values
--- that JSON has not: functions, tensors, NaN, tables that contain themselves. The message has the path to it.
---@param value any
---@param options? { indent?: integer, sort?: boolean } sort: keys in order, so that equal values give equal strings
---@return string */
static int lrnn_json_encode(lua_State *L) {
  if (lua_isnone(L, 1)) return lrnn_argument_error(L, "json_encode", 1, "value", "a value");
  lua_settop(L, 2);
  size_t flags = JSON_ENCODE_ANY | JSON_SORT_KEYS;
  lua_Integer indent = 0;
  if (!lua_isnil(L, 2)) {
    static const char *const known[] = {"indent", "sort", NULL};
    lrnn_check_options(L, "json_encode", 2, known);
    indent = lrnn_option_integer(L, "json_encode", 2, "indent", 0);
    if (indent < 0 || indent > JSON_MAX_INDENT)
      return lrnn_error(L, "json_encode: option indent: expected 0 to %d, got %lld", JSON_MAX_INDENT,
                        (long long)indent);
    int sort = lua_getfield(L, 2, "sort");
    if (sort != LUA_TNIL && sort != LUA_TBOOLEAN)
      return lrnn_error(L, "json_encode: option sort: expected true or false, got %s", luaL_tolstring(L, -1, NULL));
    if (sort == LUA_TBOOLEAN && !lua_toboolean(L, -1)) flags &= ~(size_t)JSON_SORT_KEYS;
  }
  flags |= indent ? JSON_INDENT((size_t)indent) : JSON_COMPACT;

  json_t **holder = push_holder(L);
  *holder = json_array(); /* of the one value */
  if (!*holder) no_memory(L);
  lua_pushvalue(L, 1);
  encode(L, &(place){.into = *holder});
  const json_t *value = json_array_get(*holder, 0);
  size_t size = json_dumpb(value, NULL, 0, flags);
  luaL_Buffer b;
  char *bytes = luaL_buffinitsize(L, &b, size);
  if (size == 0 || json_dumpb(value, bytes, size, flags) != size) no_memory(L);
  luaL_pushresultsize(&b, size);
  json_decref(*holder);
  *holder = NULL;
  return 1;
}

/* ---- decoding ---- */

/* Pushes the value; false when it is nested too deeply. */
static bool push_json(lua_State *L, json_t *value, int depth) {
  switch (json_typeof(value)) {
    case JSON_NULL: lua_pushlightuserdata(L, NULL); return true;
    case JSON_TRUE: lua_pushboolean(L, 1); return true;
    case JSON_FALSE: lua_pushboolean(L, 0); return true;
    case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); return true;
    case JSON_REAL: lua_pushnumber(L, json_real_value(value)); return true;
    case JSON_STRING: lua_pushlstring(L, json_string_value(value), json_string_length(value)); return true;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
  }
  if (depth >= MAX_DEPTH) return false;
  luaL_checkstack(L, 4, "json_decode");
  if (json_is_array(value)) {
    int n = (int)json_array_size(value);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
      if (!push_json(L, json_array_get(value, (size_t)i), depth + 1)) return false;
      lua_rawseti(L, -2, i + 1);
    }
    if (n > 0) return true;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) == LUA_TNIL) {
      lua_pop(L, 1);
      lua_createtable(L, 0, 1);
      lua_pushliteral(L, "array");
      lua_setfield(L, -2, "__json");
      lua_pushvalue(L, -1);
      lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
    }
    lua_setmetatable(L, -2);
    return true;
  }
  lua_createtable(L, 0, (int)json_object_size(value));
  const char *key;
  json_t *field;
  json_object_foreach(value, key, field) {
    if (!push_json(L, field, depth + 1)) return false;
    lua_setfield(L, -2, key); /* jansson refuses keys with zero bytes */
  }
  return true;
}

static int decode_error(lua_State *L, const char *text) {
  luaL_pushfail(L);
  lua_pushfstring(L, "json_decode: %s", text);
  lua_pushliteral(L, "EFORMAT");
  return 3;
}

/*--- rnn.json_decode(text) -> value | nil, message, code
---
--- The value of a JSON text; null becomes rnn.null. Errors: a text that is no string; one that is no JSON gives nil
--- and a message with its line.
---@param text string
---@return any
---@return string? message
---@return string? code */
static int lrnn_json_decode(lua_State *L) {
  lrnn_check_string(L, "json_decode", 1, "text");
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  json_t **holder = push_holder(L);
  json_error_t error;
  *holder = json_loadb(text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  if (!*holder) {
    if (!error.text[0]) return lrnn_error(L, "json_decode: not enough memory");
    return decode_error(L, lua_pushfstring(L, "line %d, column %d: %s", error.line, error.column, error.text));
  }
  bool ok = push_json(L, *holder, 0);
  json_decref(*holder);
  *holder = NULL;
  return ok ? 1 : decode_error(L, "arrays and objects nested too deeply");
}

const lrnn_function lrnn_json_functions[] = {{"json_encode", lrnn_json_encode, 2},
                                             {"json_decode", lrnn_json_decode, 1},
                                             {NULL, NULL, 0}};
