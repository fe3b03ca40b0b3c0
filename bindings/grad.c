/* grad.c: recording and gradients from Lua. */
#include "binding.h"

static int lrnn_recording(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  bool was = rnn_ctx_recording(ctx);
  if (!lua_isnoneornil(L, 1)) rnn_ctx_set_recording(ctx, lrnn_check_boolean(L, "recording", 1, "on"));
  lua_pushboolean(L, was);
  return 1;
}

/* Runs after the protected call, whether it returned, raised or yielded in between. ctx: what recording was. */
static int no_grad_finish(lua_State *L, int status, lua_KContext was) {
  rnn_ctx_set_recording(lrnn_context(L), was != 0);
  if (status != LUA_OK && status != LUA_YIELD) return lua_error(L);
  return lua_gettop(L);
}

static int lrnn_no_grad(lua_State *L) {
  if (!lua_isfunction(L, 1)) return lrnn_argument_error(L, "no_grad", 1, "f", "a function");
  bool was = rnn_ctx_set_recording(lrnn_context(L), false);
  int status = lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, was, no_grad_finish);
  return no_grad_finish(L, status, was);
}

const luaL_Reg lrnn_grad_functions[] = {{"no_grad", lrnn_no_grad}, {"recording", lrnn_recording}, {NULL, NULL}};

static int lrnn_tensor_requires_grad(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "requires_grad", 1);
  if (lua_isnoneornil(L, 2)) {
    lua_pushboolean(L, rnn_tensor_requires_grad(t));
    return 1;
  }
  lrnn_check(L, rnn_tensor_set_requires_grad(lrnn_context(L), t, lrnn_check_boolean(L, "requires_grad", 2, "on")));
  lua_settop(L, 1);
  return 1;
}

static int lrnn_tensor_backward(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "backward", 1);
  rnn_tensor *d = lua_isnoneornil(L, 2) ? NULL : lrnn_check_tensor(L, "backward", 2);
  lrnn_check(L, rnn_backward(lrnn_context(L), t, d));
  return 0;
}

static int lrnn_tensor_zero_grad(lua_State *L) {
  rnn_tensor_clear_grad(lrnn_check_tensor(L, "zero_grad", 1));
  lua_settop(L, 1);
  return 1;
}

static int lrnn_tensor_retain_grad(lua_State *L) {
  lrnn_check(L, rnn_tensor_retain_grad(lrnn_context(L), lrnn_check_tensor(L, "retain_grad", 1)));
  lua_settop(L, 1);
  return 1;
}

const luaL_Reg lrnn_grad_methods[] = {{"requires_grad", lrnn_tensor_requires_grad},
                                      {"backward", lrnn_tensor_backward},
                                      {"zero_grad", lrnn_tensor_zero_grad},
                                      {"retain_grad", lrnn_tensor_retain_grad},
                                      {NULL, NULL}};
