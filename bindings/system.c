/* system.c: memory, threads, time and the terminal, for scripts and the stdlib. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "binding.h"

/* fail(format, ...): raises at the user's line; the arguments go through string.format. */
static int lrnn_core_fail(lua_State *L) {
  int n = lua_gettop(L);
  lrnn_check_string(L, "fail", 1, "format");
  lua_getglobal(L, "string");
  lua_getfield(L, -1, "format");
  lua_insert(L, 1);
  lua_settop(L, n + 1);
  if (lua_pcall(L, n, 1, 0) != LUA_OK) return lrnn_error(L, "fail: %s", luaL_tolstring(L, -1, NULL));
  return lrnn_error(L, "%s", luaL_tolstring(L, -1, NULL));
}

static int lrnn_threads(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = lrnn_check_integer(L, "threads", 1, "n");
    if (n < 1 || n > 256) lrnn_argument_error(L, "threads", 1, "n", "an integer from 1 to 256");
    lrnn_check(L, rnn_ctx_set_threads(ctx, (int)n));
  }
  lua_pushinteger(L, rnn_ctx_threads(ctx));
  return 1;
}

static void set_bytes(lua_State *L, const char *key, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, key);
}

static int lrnn_memory(lua_State *L) {
  rnn_memory m;
  rnn_memory_read(lrnn_context(L), &m);
  lua_createtable(L, 0, 4);
  set_bytes(L, "live", m.live);
  set_bytes(L, "peak", m.peak);
  set_bytes(L, "cached", m.cached);
  set_bytes(L, "allocated", m.allocated);
  return 1;
}

static int lrnn_reset_peak(lua_State *L) {
  rnn_memory_reset_peak(lrnn_context(L));
  return 0;
}

static int lrnn_memory_limit(lua_State *L) {
  lua_Integer n = lrnn_check_integer(L, "memory_limit", 1, "bytes");
  if (n < 0) return lrnn_argument_error(L, "memory_limit", 1, "bytes", "an integer of at least 0");
  rnn_memory_set_limit(lrnn_context(L), (size_t)n);
  return 0;
}

/* For tests: fail_allocation(nth [, count]) -> allocations asked for since the last call. */
static int lrnn_fail_allocation(lua_State *L) {
  lua_Integer nth = lrnn_check_integer(L, "fail_allocation", 1, "nth");
  lua_Integer count = lua_isnoneornil(L, 2) ? 1 : lrnn_check_integer(L, "fail_allocation", 2, "count");
  lua_pushinteger(L, (lua_Integer)rnn_memory_fail(lrnn_context(L), (uint64_t)nth, (uint64_t)count));
  return 1;
}

static int lrnn_clock(lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

static int lrnn_isatty(lua_State *L) {
  lua_Integer fd = lrnn_check_integer(L, "isatty", 1, "stream");
  lua_pushboolean(L, fd >= 0 && fd <= 2 && isatty((int)fd));
  return 1;
}

static int lrnn_terminal_width(lua_State *L) {
  struct winsize w;
  const char *columns = getenv("COLUMNS");
  long n = 0;
  if (ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) n = w.ws_col;
  else if (columns) n = strtol(columns, NULL, 10);
  lua_pushinteger(L, n > 0 && n < 10000 ? n : 80);
  return 1;
}

static int lrnn_isa(lua_State *L) {
  lua_pushstring(L, rnn_isa());
  return 1;
}

/* op_doc(name) -> text or nil, signature */
static int lrnn_op_doc(lua_State *L) {
  const rnn_op *op = rnn_op_find(lrnn_check_string(L, "op_doc", 1, "name"));
  if (!op) return 0;
  lua_pushstring(L, rnn_op_doc(op));
  lua_pushstring(L, rnn_op_signature(op));
  return 2;
}

const luaL_Reg lrnn_system_functions[] = {{"fail", lrnn_core_fail},
                                          {"threads", lrnn_threads},
                                          {"memory", lrnn_memory},
                                          {"reset_peak", lrnn_reset_peak},
                                          {"memory_limit", lrnn_memory_limit},
                                          {"fail_allocation", lrnn_fail_allocation},
                                          {"clock", lrnn_clock},
                                          {"isatty", lrnn_isatty},
                                          {"terminal_width", lrnn_terminal_width},
                                          {"isa", lrnn_isa},
                                          {"op_doc", lrnn_op_doc},
                                          {NULL, NULL}};
