/* repeats.c: what makes a script's numbers repeat where the kernels cannot see to it, with --deterministic (and when a
 * capsule is made, which sets it): pairs walks keys in order, for Lua gives strings another order in every process;
 * math.random begins with the seed; and what may still spoil it is noted, with its line: rnn.repeats. */
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host.h"

/* ---- doubts ---- */

#define DOUBTS "rnn.Doubts" /* an array of { what =, where =, why = }, and "what\nwhere" as keys */
enum { MOST_DOUBTS = 100, LOOKS = 1000 };

/* Notes what, at the line of the script that called; not what the library does. */
static void doubt(lua_State *L, const char *what, const char *why) {
  lua_Debug ar;
  if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "Sl", &ar) || ar.currentline < 0 || strncmp(ar.source, "@[rnn]", 6) == 0)
    return;
  luaL_checkstack(L, 6, NULL);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, DOUBTS);
  lua_pushfstring(L, "%s:%d", ar.source[0] == '@' || ar.source[0] == '=' ? ar.source + 1 : ar.short_src, ar.currentline);
  lua_pushfstring(L, "%s\n%s", what, lua_tostring(L, -1));
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -4) == LUA_TNIL && lua_rawlen(L, -4) < MOST_DOUBTS) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, what);
    lua_setfield(L, -2, "what");
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "where");
    lua_pushstring(L, why);
    lua_setfield(L, -2, "why");
    lua_pushvalue(L, -1);
    lua_rawseti(L, -5, (lua_Integer)lua_rawlen(L, -5) + 1);
    lua_rawset(L, -4);
    lua_pop(L, 2);
    return;
  }
  lua_pop(L, 4);
}

/* Functions of Lua, which have no upvalues, that may give another thing each time; of math: elsewhere, since the C library
 * computes the last bits. */
static struct {
  const char *library, *name, *why;
  int looks; /* the line of a call is looked up for so many calls only */
} noted[] = {{"math", "exp", NULL, 0},  {"math", "log", NULL, 0},  {"math", "sin", NULL, 0},  {"math", "cos", NULL, 0},
             {"math", "tan", NULL, 0},  {"math", "asin", NULL, 0}, {"math", "acos", NULL, 0}, {"math", "atan", NULL, 0},
             {"os", "time", "the time of day", 0},
             {"os", "date", "the time of day", 0},
             {"os", "clock", "the time that was used", 0},
             {"os", "getenv", "a variable of the environment", 0},
             {"os", "execute", "another program", 0},
             {"io", "popen", "another program", 0},
             {"io", "read", "standard input", 0}};

/* Upvalues: Lua's function and the index. */
static int call_noted(lua_State *L) {
  int i = (int)lua_tointeger(L, lua_upvalueindex(2));
  if (noted[i].looks++ < LOOKS) {
    char what[16], why[80];
    snprintf(what, sizeof what, "%s.%s", noted[i].library, noted[i].name);
    snprintf(why, sizeof why, "another release of the C library may round otherwise; this is glibc %s", gnu_get_libc_version());
    doubt(L, what, noted[i].why ? noted[i].why : why);
  } else {
    noted[i].looks = LOOKS;
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* next stays as it is, for who asks whether a table is empty, and is noted when it walks over names. Upvalue: Lua's. */
static int call_next(lua_State *L) {
  static int looks;
  if (lua_type(L, 2) == LUA_TSTRING && looks < LOOKS) {
    looks++;
    doubt(L, "next", "strings come in another order in every process; pairs has one order");
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- pairs in order ---- */

/* Numbers first, then strings by their bytes, false, true; the rest stays in Lua's order, behind them. */
typedef struct key {
  int kind, place; /* place: in Lua's order */
  long double number; /* exact for every integer and float */
  const char *text;
  size_t size;
} key;

enum { NUMBER, STRING, BOOLEAN, OTHER };

/* The key at index; the string stays alive in its table. */
static key key_at(lua_State *L, int index, int place) {
  key k = {.kind = OTHER, .place = place};
  switch (lua_type(L, index)) {
    case LUA_TNUMBER:
      k.kind = NUMBER;
      k.number = lua_isinteger(L, index) ? (long double)lua_tointeger(L, index) : (long double)lua_tonumber(L, index);
      break;
    case LUA_TSTRING:
      k.kind = STRING;
      k.text = lua_tolstring(L, index, &k.size);
      break;
    case LUA_TBOOLEAN:
      k.kind = BOOLEAN;
      k.number = lua_toboolean(L, index);
  }
  return k;
}

static int compare(const void *left, const void *right) {
  const key *a = left, *b = right;
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  if (a->kind == STRING) {
    int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return order ? order : a->size < b->size ? -1 : 1;
  }
  if (a->kind == OTHER) return a->place < b->place ? -1 : 1;
  return a->number < b->number ? -1 : 1;
}

/* Are the keys of the table at 1 in order already, as those of an array? *count: how many; *odd: some have no order. */
static bool in_order(lua_State *L, int *count, bool *odd) {
  key before = {.kind = NUMBER};
  bool ordered = true;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    key now = key_at(L, -2, *count);
    if (*count > 0 && ordered) ordered = compare(&before, &now) < 0;
    *odd = *odd || now.kind == OTHER;
    before = now;
    ++*count;
  }
  return ordered;
}

/* The iterator: (t, k) -> the next key and its value. Upvalues: the keys in order, and the place of the last one given. A key
 * whose value is gone by now is passed over. */
static int next_in_order(lua_State *L) {
  lua_settop(L, 2);
  lua_Integer i = lua_isnil(L, 2) ? 0 : lua_tointeger(L, lua_upvalueindex(2));
  if (i > 0 && (lua_rawgeti(L, lua_upvalueindex(1), i), !lua_rawequal(L, 2, -1)))
    for (i = 1; lua_rawgeti(L, lua_upvalueindex(1), i) != LUA_TNIL && !lua_rawequal(L, 2, -1); i++) lua_pop(L, 1);
  lua_settop(L, 2);
  for (;;) {
    i++;
    if (lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL) return 1;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, 1) != LUA_TNIL) break;
    lua_pop(L, 2);
  }
  lua_pushinteger(L, i);
  lua_replace(L, lua_upvalueindex(2));
  return 2;
}

/* Pushes the iterator over the count keys of the table at 1. */
static void push_iterator(lua_State *L, int count) {
  key *keys = lua_newuserdatauv(L, (size_t)count * sizeof *keys, 0);
  int given = lua_gettop(L) + 1, n = 0;
  lua_createtable(L, count, 0); /* in Lua's order, then in ours */
  lua_pushnil(L);
  for (; n < count && lua_next(L, 1); lua_pop(L, 1)) { /* a finaliser may have changed the table meanwhile */
    keys[n] = key_at(L, -2, n);
    n++;
    lua_pushvalue(L, -2);
    lua_rawseti(L, given, n);
  }
  lua_settop(L, given);
  qsort(keys, (size_t)n, sizeof *keys, compare);
  lua_createtable(L, count, 0);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, given, keys[i].place + 1);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_in_order, 2);
}

/* pairs(t). Upvalue: Lua's next. */
static int ordered_pairs(lua_State *L) {
  luaL_checkany(L, 1);
  if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  int count = 0;
  bool odd = false, ordered = lua_type(L, 1) != LUA_TTABLE || in_order(L, &count, &odd);
  if (odd && count > 1)
    doubt(L, "pairs", "keys that are tables, functions or userdata come in another order in every process");
  if (ordered) lua_pushvalue(L, lua_upvalueindex(1));
  else push_iterator(L, count);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* ---- the module ---- */

/* doubts() -> array of { what =, where =, why = } */
static int doubts(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, DOUBTS);
  lua_newtable(L);
  for (lua_Integer i = 1; lua_rawgeti(L, -2, i) != LUA_TNIL; i++) lua_rawseti(L, -2, i);
  lua_pop(L, 1);
  return 1;
}

static int open_repeats(lua_State *L) {
  luaL_newlib(L, ((luaL_Reg[]){{"doubts", doubts}, {NULL, NULL}}));
  return 1;
}

bool lrnn_repeats(void) {
  const char *wanted = getenv("RNNLUA_DETERMINISTIC"); /* which --deterministic sets, for the core to read */
  return wanted && strcmp(wanted, "1") == 0;
}

void lrnn_repeat(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open_repeats);
  lua_setfield(L, -2, "rnn.repeats");
  lua_pop(L, 1);
  if (!lrnn_repeats()) return;
  lua_getglobal(L, "next");
  lua_pushcclosure(L, ordered_pairs, 1);
  lua_setglobal(L, "pairs");
  lua_getglobal(L, "next");
  lua_pushcclosure(L, call_next, 1);
  lua_setglobal(L, "next");
  for (int i = 0; i < (int)(sizeof noted / sizeof *noted); i++) {
    lua_getglobal(L, noted[i].library);
    lua_getfield(L, -1, noted[i].name);
    lua_pushinteger(L, i);
    lua_pushcclosure(L, call_noted, 2);
    lua_setfield(L, -2, noted[i].name);
    lua_pop(L, 1);
  }
}
