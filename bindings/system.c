/* system.c: memory, threads and time, for scripts and the stdlib. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "binding.h"

/*--- rnn.fail(format, ...)
---
--- Raises an error at the line of the user's script, not of the library: rnn.fail("Model: expected (N, T), got %s",
--- shape). The arguments go through string.format. Errors: always.
---@param format string
---@param ... any */
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

/*--- rnn.threads([n]) -> integer
---
--- How many threads compute; with an argument it is set. Results do not depend on it. Errors: an n that is not from 1
--- to 256.
---@param n? integer
---@return integer */
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

/*--- rnn.regions([on]) -> list or nil
---
--- What more cores would give: with true, what is cut into tasks runs one task after the other, and for each place in the
--- source calls, tasks, the seconds of all tasks (work) and of the longest one of each call (longest) are summed, until
--- false. Without an argument, what has been recorded so far; tests/bench/scaling.lua reads it. Errors: another argument.
---@param on? boolean
---@return { name: string, calls: integer, tasks: integer, work: number, longest: number }[]? */
static int lrnn_regions(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  if (!lua_isnoneornil(L, 1)) {
    if (!lua_isboolean(L, 1)) lrnn_argument_error(L, "regions", 1, "on", "true or false");
    lrnn_check(L, rnn_ctx_measure(ctx, lua_toboolean(L, 1)));
  }
  const rnn_region *r = rnn_ctx_regions(ctx);
  if (!r) return 0;
  lua_newtable(L);
  for (int i = 0; i < RNN_REGIONS && r[i].calls; i++) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, r[i].name);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, r[i].calls);
    lua_setfield(L, -2, "calls");
    lua_pushinteger(L, r[i].tasks);
    lua_setfield(L, -2, "tasks");
    lua_pushnumber(L, r[i].work);
    lua_setfield(L, -2, "work");
    lua_pushnumber(L, r[i].longest);
    lua_setfield(L, -2, "longest");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/*--- rnn.peak() -> number
---
--- Multiply-adds a second that one core can do, measured on the spot with numbers in registers alone, in 20 milliseconds:
--- what products are held against. Never an error.
---@return number */
static int lrnn_peak(lua_State *L) {
  lua_pushnumber(L, rnn_peak());
  return 1;
}

/*--- rnn.blas([name]) -> name
---
--- Who computes large matrix products: "own", our kernels, or "openblas" (also rnnlua --blas); with an argument it is
--- chosen. OpenBLAS's results differ in their last bits from one processor to another. It is the default only where
--- no kernels of ours were made for the processor. Errors: another name; openblas where it is missing or older than
--- 0.3.21, and with --deterministic.
---@param name? "own"|"openblas"
---@return "own"|"openblas" */
static int lrnn_blas(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  if (!lua_isnoneornil(L, 1)) {
    const char *name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
    const bool openblas = strcmp(name, "openblas") == 0;
    if (!openblas && strcmp(name, "own") != 0) lrnn_argument_error(L, "blas", 1, "name", "'own' or 'openblas'");
    lrnn_check(L, rnn_ctx_set_openblas(ctx, openblas));
  }
  lua_pushstring(L, rnn_ctx_openblas(ctx) ? "openblas" : "own");
  return 1;
}

/*--- rnn.low_isa() -> string
---
--- The instruction set that computes products in bf16 and int8: "amx", "avx512-dot", "x86-64-v4" ...; "none" with
--- --double. Never an error.
---@return string */
static int lrnn_low_isa(lua_State *L) {
  lua_pushstring(L, rnn_low_isa());
  return 1;
}

/*--- rnn.bf16([on]) -> before
---
--- Whether products of floats are computed in bf16; with an argument it is switched. rnn.precision is for users. Errors: an
--- argument that is no boolean; true with --double.
---@param on? boolean
---@return boolean before */
static int lrnn_bf16(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  bool before = rnn_ctx_bf16(ctx);
  if (!lua_isnoneornil(L, 1)) lrnn_check(L, rnn_ctx_set_bf16(ctx, lrnn_check_boolean(L, "bf16", 1, "on")));
  lua_pushboolean(L, before);
  return 1;
}

/*--- rnn.form(tensor [, name]) -> name
---
--- The form of a tensor, "float", "bf16" or "int8": what products with it are computed in, and what files hold it in; with
--- an argument it is set, which rounds the values. model:to and model:quantise are for users. Errors: what is no float
--- tensor, or a view; another name; a form other than "float" with --double; int8 of what is no matrix or not finite.
---@param tensor rnn.Tensor of any shape
---@param name? "float"|"bf16"|"int8"
---@return "float"|"bf16"|"int8" */
static int lrnn_form(lua_State *L) {
  static const char *const names[] = {"float", "bf16", "int8"};
  rnn_tensor *t = lrnn_check_tensor(L, "form", 1);
  if (!lua_isnoneornil(L, 2)) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    int form = 0;
    while (form < 3 && strcmp(name, names[form]) != 0) form++;
    if (form == 3) lrnn_argument_error(L, "form", 2, "name", "'float', 'bf16' or 'int8'");
    lrnn_check(L, rnn_tensor_set_form(lrnn_context(L), t, (rnn_form)form));
  }
  lua_pushstring(L, names[rnn_tensor_form(t)]);
  return 1;
}

static void set_bytes(lua_State *L, const char *key, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, key);
}

/*--- rnn.check_finite([on]) -> before
---
--- On: every op's results, and every gradient that an op makes, must be finite; the first that is not is an error that
--- names the op, the element (of sequences: sample and time step) and the line of the script. Slow: it is for finding out
--- where a NaN comes from, which rnn.fit does by itself. Without on nothing changes. Errors: an argument that is no boolean.
---@param on? boolean
---@return boolean before */
static int lrnn_check_finite(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  bool before = rnn_ctx_checks_finite(ctx);
  if (!lua_isnoneornil(L, 1)) rnn_ctx_check_finite(ctx, lrnn_check_boolean(L, "check_finite", 1, "on"));
  lua_pushboolean(L, before);
  return 1;
}

/*--- rnn.memory() -> table
---
--- Bytes of tensors: live now, peak since rnn.reset_peak, cached for new ones, allocated so far in all. Never an error.
---@return { live: integer, peak: integer, cached: integer, allocated: integer } */
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

/*--- rnn.reset_peak()
---
--- Lets the peak of rnn.memory begin at what is live now. Never an error. */
static int lrnn_reset_peak(lua_State *L) {
  rnn_memory_reset_peak(lrnn_context(L));
  return 0;
}

/*--- rnn.memory_limit(bytes)
---
--- More memory for tensors than this is an error, "not enough memory", and the program goes on. Errors: a number that
--- is no integer of at least 0; 0 stands for no limit.
---@param bytes integer */
static int lrnn_memory_limit(lua_State *L) {
  lua_Integer n = lrnn_check_integer(L, "memory_limit", 1, "bytes");
  if (n < 0) return lrnn_argument_error(L, "memory_limit", 1, "bytes", "an integer of at least 0");
  rnn_memory_set_limit(lrnn_context(L), (size_t)n);
  return 0;
}

/*--- rnn.fail_allocation(nth [, count = 1]) -> integer
---
--- For tests: the nth request for memory from now on fails, and count in all. Errors: arguments that are no integers.
---@param nth integer
---@param count? integer
---@return integer requests since the last call */
static int lrnn_fail_allocation(lua_State *L) {
  lua_Integer nth = lrnn_check_integer(L, "fail_allocation", 1, "nth");
  lua_Integer count = lua_isnoneornil(L, 2) ? 1 : lrnn_check_integer(L, "fail_allocation", 2, "count");
  lua_pushinteger(L, (lua_Integer)rnn_memory_fail(lrnn_context(L), (uint64_t)nth, (uint64_t)count));
  return 1;
}

/*--- rnn.clock() -> seconds
---
--- Time that only goes forward, to measure with: differences count. Never an error.
---@return number */
static int lrnn_clock(lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

/*--- rnn.isa() -> string
---
--- The instruction set whose kernels compute: "x86-64-v4". Never an error.
---@return string */
static int lrnn_isa(lua_State *L) {
  lua_pushstring(L, rnn_isa());
  return 1;
}

/*--- rnn.op_doc(name) -> text, signature, choices | nothing
---
--- The text that the core has for an op, and its arguments as letters (core/internal.h). Errors: a name that is no
--- string.
---@param name string
---@return string? text
---@return string? signature
---@return string[]? choices what its letter c may be */
static int lrnn_op_doc(lua_State *L) {
  const rnn_op *op = rnn_op_find(lrnn_check_string(L, "op_doc", 1, "name"));
  if (!op) return 0;
  lua_pushstring(L, rnn_op_doc(op));
  lua_pushstring(L, rnn_op_signature(op));
  const char *const *choices = rnn_op_choices(op);
  if (!choices) return 2;
  lua_newtable(L);
  for (int i = 0; choices[i]; i++) {
    lua_pushstring(L, choices[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 3;
}

const lrnn_function lrnn_system_functions[] = {{"fail", lrnn_core_fail, LRNN_ANY},
                                               {"threads", lrnn_threads, 1},
                                               {"regions", lrnn_regions, 1},
                                               {"peak", lrnn_peak, 0},
                                               {"memory", lrnn_memory, 0},
                                               {"check_finite", lrnn_check_finite, 1},
                                               {"reset_peak", lrnn_reset_peak, 0},
                                               {"memory_limit", lrnn_memory_limit, 1},
                                               {"fail_allocation", lrnn_fail_allocation, 2},
                                               {"clock", lrnn_clock, 0},
                                               {"isa", lrnn_isa, 0},
                                               {"blas", lrnn_blas, 1},
                                               {"bf16", lrnn_bf16, 1},
                                               {"form", lrnn_form, 2},
                                               {"low_isa", lrnn_low_isa, 0},
                                               {"op_doc", lrnn_op_doc, 1},
                                               {NULL, NULL, 0}};
