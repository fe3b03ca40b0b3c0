/* grad.c: recording and gradients from Lua. */
#include <string.h>

#include "../binding.h"

/*--- rnn.recording([on]) -> boolean
---
--- Whether ops are recorded for backward; with an argument it is switched, and what it was is returned. rnn.no_grad is
--- safer, as it switches back. There is one switch for all coroutines. Errors: an argument that is no boolean.
---@param on? boolean
---@return boolean */
static int lrnn_recording(lua_State *L) {
  rnn_ctx *ctx = lrnn_context(L);
  bool was = rnn_ctx_recording(ctx);
  if (!lua_isnoneornil(L, 1)) rnn_ctx_set_recording(ctx, lrnn_check_boolean(L, "recording", 1, "on"));
  lua_pushboolean(L, was);
  return 1;
}

/*--- rnn.no_grad(f, ...) -> results of f
---
--- Calls f(...), such as a model, without recording: no memory is kept for backward. Errors: an f that cannot be called,
--- a yield out of f, which would leave recording off elsewhere, and the errors of f.
---@param f function|nn.Module
---@param ... any
---@return any ... what f returned */
static int lrnn_no_grad(lua_State *L) {
  int n = lua_gettop(L);
  if (lua_isnoneornil(L, 1) || (!lua_isfunction(L, 1) && luaL_getmetafield(L, 1, "__call") == LUA_TNIL)) {
    return lrnn_argument_error(L, "no_grad", 1, "f", "a function");
  }
  lua_settop(L, n);
  bool was = rnn_ctx_set_recording(lrnn_context(L), false);
  int status = lua_pcall(L, n - 1, LUA_MULTRET, 0);
  rnn_ctx_set_recording(lrnn_context(L), was);
  return lrnn_results(L, status, "no_grad");
}

/*--- rnn.finally(name, after, f, ...) -> results of f
---
--- Calls f(...), which changes something for a while, then after(), however f ended, also in a coroutine that an error
--- ends (where variables to be closed wait for coroutine.close). Errors: those of f and after, and a yield out of f, with
--- which the change would last; it is said to come from the function name.
---@param name string
---@param after function
---@param f function
---@param ... any
---@return any ... what f returned */
static int lrnn_finally(lua_State *L) {
  const char *name = lrnn_check_string(L, "finally", 1, "name");
  if (!lua_isfunction(L, 2)) return lrnn_argument_error(L, "finally", 2, "after", "a function");
  if (!lua_isfunction(L, 3)) return lrnn_argument_error(L, "finally", 3, "f", "a function");
  int status = lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 0);
  luaL_checkstack(L, 2, NULL);
  lua_pushvalue(L, 2);
  lua_call(L, 0, 0);
  return lrnn_results(L, status, name) - 2;
}

uint64_t lrnn_backward_calls;

/* The options of rnn.grad; pushes the gradient of the loss, or nil. */
static void grad_options(lua_State *L, bool *retain, bool *allow_unused) {
  static const char *const known[] = {"gradient", "retain_graph", "allow_unused", NULL};
  lua_pushnil(L);
  if (lua_isnoneornil(L, 3)) return;
  lrnn_check_table(L, "grad", 3, "options");
  if (lua_getfield(L, 3, "create_graph") != LUA_TNIL)
    lrnn_error(L, "grad: option create_graph: there are no second derivatives; rnn.hvp(f, inputs, v) gives their products "
               "with a vector");
  lua_pop(L, 2);
  lrnn_check_options(L, "grad", 3, known);
  *retain = lrnn_option_boolean(L, "grad", 3, "retain_graph");
  *allow_unused = lrnn_option_boolean(L, "grad", 3, "allow_unused");
  if (lua_getfield(L, 3, "gradient") != LUA_TNIL && !lrnn_test_tensor(L, -1))
    lrnn_error(L, "grad: option gradient: expected a tensor, got %s", lrnn_describe(L, -1));
}

/*--- rnn.grad(loss, tensors [, options]) -> gradients
---
--- The gradients of loss by tensors: parameters, or results on the way to it. They are values: no x.grad changes, and
--- they have no history, as there are no second derivatives (rnn.hvp gives their products with a vector). Only the
--- history between loss and tensors is used, and forgotten; with retain_graph it stays, so that it can be gone through
--- again. gradient is that of loss, of its shape, and 1 for a scalar. Errors: as of x:backward; a tensor that requires no
--- gradient; one that loss does not depend on, for which there are zeros with allow_unused.
---@param loss rnn.Tensor of one element, or of any shape with the option gradient
---@param tensors rnn.Tensor|rnn.Tensor[] of any shapes
---@param options? { gradient?: rnn.Tensor, retain_graph?: boolean, allow_unused?: boolean }
---@return rnn.Tensor|rnn.Tensor[] gradients of the shapes and with the lengths of tensors; one for one tensor */
static int lrnn_grad(lua_State *L) {
  bool retain = false, allow_unused = false, single = lrnn_test_tensor(L, 2) != NULL;
  rnn_tensor *loss = lrnn_check_tensor(L, "grad", 1);
  if (!single && !lua_istable(L, 2)) return lrnn_argument_error(L, "grad", 2, "tensors", "a tensor or a table of tensors");
  lua_settop(L, 3);
  grad_options(L, &retain, &allow_unused);
  rnn_tensor *dloss = lrnn_test_tensor(L, 4);
  if (single) {
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    lua_replace(L, 2);
  }
  int count = lrnn_table_length(L, "grad", 2);
  rnn_tensor **tensors = lrnn_scratch(L, 2 * count), **out = tensors + count;
  lua_createtable(L, count, 0);
  int gradients = lua_gettop(L);
  count = lrnn_push_tensors(L, "grad", 2, count, tensors);
  for (int i = 1; i <= count; i++) {
    lrnn_box(L);
    lua_rawseti(L, gradients, i);
  }
  rnn_ctx *ctx = lrnn_context(L);
  lua_State *outer = lrnn_backward_begins(L);
  rnn_status status = rnn_grad(ctx, loss, dloss, tensors, count, retain, allow_unused, out);
  lrnn_backward_ends(L, "grad", outer, status);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, gradients, i);
    *(rnn_tensor **)lua_touserdata(L, -1) = out[i - 1];
    lua_pop(L, 1);
  }
  lrnn_backward_calls++;
  lua_settop(L, gradients);
  if (single) lua_rawgeti(L, gradients, 1);
  return 1;
}

/* need_logits(fname, x, taken): as rnn_check_logits says. */
static int lrnn_need_logits(lua_State *L) {
  lrnn_check(L, rnn_check_logits(lrnn_context(L), luaL_checkstring(L, 1), lrnn_check_shape_of(L, "need_logits", 2),
                                 luaL_checkstring(L, 3)));
  return 0;
}

const lrnn_function lrnn_grad_functions[] = {{"grad", lrnn_grad, 3},
                                             {"need_logits", lrnn_need_logits, 3},
                                             {"no_grad", lrnn_no_grad, LRNN_ANY},
                                             {"finally", lrnn_finally, LRNN_ANY},
                                             {"recording", lrnn_recording, 1},
                                             {NULL, NULL, 0}};

/*--- x:requires_grad([on]) -> boolean | x
---
--- Whether backward gives x a gradient; with an argument it is switched, and x is returned. What a layer's parameters
--- have. Errors: an int32 tensor, or one that an op has made.
---@param on? boolean
---@return boolean|rnn.Tensor x itself, of any shape, when it was switched */
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

/*--- x:is_leaf() -> boolean
---
--- False for the recorded result of an op, which has a history, also when backward has used it up; true for all else.
--- Parameters are leaves. Never an error.
---@return boolean */
static int lrnn_tensor_is_leaf(lua_State *L) {
  lua_pushboolean(L, rnn_tensor_is_leaf(lrnn_check_tensor(L, "is_leaf", 1)));
  return 1;
}

/*--- x:backward([dx])
---
--- Adds the gradient of x to x.grad of every tensor that requires one, and forgets the history of x. Errors: a tensor
--- that was not recorded or whose history is used up, one that was changed in place since, more than one element
--- without dx.
---@param dx? rnn.Tensor the gradient of x, of the same shape; of a scalar it is 1 */
static int lrnn_tensor_backward(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "backward", 1);
  rnn_tensor *d = lua_isnoneornil(L, 2) ? NULL : lrnn_check_tensor(L, "backward", 2);
  rnn_ctx *ctx = lrnn_context(L);
  lua_State *outer = lrnn_backward_begins(L);
  rnn_status status = rnn_backward(ctx, t, d);
  lrnn_backward_ends(L, "backward", outer, status);
  lrnn_backward_calls++;
  return 0;
}

/*--- x:zero_grad() -> x
---
--- Forgets the gradient of x. Never an error.
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_zero_grad(lua_State *L) {
  rnn_tensor_clear_grad(lrnn_check_tensor(L, "zero_grad", 1));
  lua_settop(L, 1);
  return 1;
}

/*--- x:retain_grad() -> x
---
--- Lets backward keep the gradient of something in between in x.grad, as it does for parameters. Errors: a tensor that
--- was not recorded.
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_retain_grad(lua_State *L) {
  lrnn_check(L, rnn_tensor_retain_grad(lrnn_context(L), lrnn_check_tensor(L, "retain_grad", 1)));
  lua_settop(L, 1);
  return 1;
}

const lrnn_function lrnn_grad_methods[] = {{"requires_grad", lrnn_tensor_requires_grad, 2},
                                           {"is_leaf", lrnn_tensor_is_leaf, 1},
                                           {"backward", lrnn_tensor_backward, 2},
                                           {"zero_grad", lrnn_tensor_zero_grad, 1},
                                           {"retain_grad", lrnn_tensor_retain_grad, 1},
                                           {NULL, NULL, 0}};
