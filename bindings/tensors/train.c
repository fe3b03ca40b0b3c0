/* train.c: the recurrent engine, optimisers and clipping from Lua. */
#include <string.h>

#include "../binding.h"
#include "ops/ops.h"

/* recurrent({cell, units, returns, reverse, ...}, x, weights [, state]) -> y, state; the options are those of
   rnn_recurrent in rnn.h under their own names. */
rnn_recurrent lrnn_recurrent_description(lua_State *L, int arg) {
  static const char *const cells[] = {"rnn", "lstm", "gru", NULL};
  static const char *const activations[] = {"tanh", "relu", NULL};
  static const char *const returns[] = {"sequence", "last", NULL};
  const char *f = "recurrent";
  lrnn_check_table(L, f, arg, "description");
  return (rnn_recurrent){
      .cell = (rnn_cell)lrnn_option_name(L, f, arg, "cell", cells, NULL),
      .activation = (rnn_activation)lrnn_option_name(L, f, arg, "activation", activations, "tanh"),
      .last_only = lrnn_option_name(L, f, arg, "returns", returns, "sequence") == 1,
      .units = lrnn_option_integer(L, f, arg, "units", 0),
      .reverse = lrnn_option_boolean(L, f, arg, "reverse"),
      .recompute = lrnn_option_integer(L, f, arg, "recompute", 0),
      .watch = lrnn_option_integer(L, f, arg, "watch", 0),
  };
}

/*--- rnn.recurrent(description, x, weights [, state]) -> y, state
---
--- One recurrent layer over whole sequences, forward and recorded for backward: what nn.RNN, nn.LSTM and nn.GRU are
--- made of. The description says cell = "rnn", "lstm" or "gru", units, and what else rnn_recurrent in core/rnn.h has.
--- Errors: shapes that do not fit the description; the message names the tensor.
---@param description table
---@param x rnn.Tensor (N, T, D)
---@param weights rnn.Tensor[] weight_ih (G units, D), weight_hh (G units, units), bias_ih, bias_hh (G units)
---@param state? rnn.Tensor[] (N, units) each
---@return rnn.Tensor y (N, T, units), or (N, units) with returns = "last"
---@return rnn.Tensor[] state (N, units) each */
static int lrnn_recurrent(lua_State *L) {
  const char *fname = "recurrent";
  rnn_recurrent r = lrnn_recurrent_description(L, 1);
  r.has_state = !lua_isnoneornil(L, 4);
  rnn_tensor *x = lrnn_check_tensor(L, fname, 2);
  int weights = lrnn_table_length(L, fname, 3), states = r.has_state ? lrnn_table_length(L, fname, 4) : 0;
  rnn_tensor **in = lrnn_scratch(L, 1 + weights + states);
  in[0] = x;
  weights = lrnn_push_tensors(L, fname, 3, weights, in + 1);
  if (r.has_state) states = lrnn_push_tensors(L, fname, 4, states, in + 1 + weights);
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, rnn_recurrent_states(&r), 0);
  int table = lua_gettop(L);
  rnn_args args = {.t = in, .nt = 1 + weights + states, .recurrent = &r};
  for (int i = lrnn_apply(L, &rnni_op_recurrent, &args) - 1; i > 0; i--) lua_rawseti(L, table, i);
  lua_insert(L, table); /* y goes before the states */
  return 2;
}

/*--- rnn.watched(number) -> figures
---
--- What the last backward pass met in the layer whose description had watch = number: for each step the Euclidean norm
--- of the loss's gradient by h_t over the batch, the share of saturated gate elements (sigmoid below 0.05 or above 0.95)
--- and that of saturated activations (tanh beyond 0.95, ReLU at 0). Reading takes it away. Layers: layer:watch(). Errors:
--- a number that is no integer.
---@param number integer
---@return rnn.Tensor? figures (T, 3), or nil when there was no backward pass since the last reading */
static int lrnn_watched(lua_State *L) {
  int64_t id = lrnn_check_integer(L, "watched", 1, "number");
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_watched(lrnn_context(L), id, box));
  if (!*box) lua_pushnil(L);
  return 1;
}

/* Pushes whether one of the n tensors has a gradient: with none, nothing is trained. */
static void push_any_grad(lua_State *L, rnn_tensor *const *t, int n) {
  bool any = false;
  for (int i = 0; i < n && !any; i++) any = rnn_tensor_grad(t[i]) != NULL;
  lua_pushboolean(L, any);
}

/*--- rnn.optimizer_step(options, params, state) -> boolean
---
--- One step over all parameters: what optim.SGD and the others are made of. options has kind = "sgd", "rmsprop",
--- "adam", "adamw" or "nadam", their settings, and step, counted from 1. Errors: a number of state tensors other than
--- that of the kind for each parameter, shapes that differ.
---@param options table
---@param params rnn.Tensor[] of any shape; one without a gradient is left alone
---@param state rnn.Tensor[] of the shapes of params: one each for "sgd", two for the others
---@return boolean whether a parameter had a gradient */
static int lrnn_optimizer_step(lua_State *L) {
  static const char *const kinds[] = {"sgd", "rmsprop", "adam", "adamw", "nadam", NULL};
  const char *fname = "optimizer_step";
  lrnn_check_table(L, fname, 1, "options");
  rnn_optimizer_options o = {.kind = (rnn_optimizer)lrnn_option_name(L, fname, 1, "kind", kinds, NULL),
                             .nesterov = lrnn_option_boolean(L, fname, 1, "nesterov"),
                             .lr = lrnn_option_number(L, fname, 1, "lr", 0.01),
                             .momentum = lrnn_option_number(L, fname, 1, "momentum", 0),
                             .beta1 = lrnn_option_number(L, fname, 1, "beta1", 0.9),
                             .beta2 = lrnn_option_number(L, fname, 1, "beta2", 0.999),
                             .epsilon = lrnn_option_number(L, fname, 1, "epsilon", 1e-8),
                             .weight_decay = lrnn_option_number(L, fname, 1, "weight_decay", 0),
                             .step = lrnn_option_integer(L, fname, 1, "step", 1)};
  int params = lrnn_table_length(L, fname, 2), states = lrnn_table_length(L, fname, 3);
  int slots = rnn_optimizer_slots(o.kind);
  if (states != params * slots)
    return lrnn_error(L, "%s: argument 3: expected %d tensors, %d for each of %d parameters, got %d", fname,
                      params * slots, slots, params, states);
  rnn_tensor **t = lrnn_scratch(L, params + states);
  params = lrnn_push_tensors(L, fname, 2, params, t);
  states = lrnn_push_tensors(L, fname, 3, states, t + params);
  if (states != params * slots) return lrnn_error(L, "%s: the tables changed while they were read", fname);
  lrnn_check(L, rnn_optimizer_step(lrnn_context(L), &o, t, params, t + params));
  push_any_grad(L, t, params);
  return 1;
}

/* The tensors of argument 1, and their number; they stay on the stack. */
static rnn_tensor **check_params(lua_State *L, const char *fname, int *n) {
  *n = lrnn_table_length(L, fname, 1);
  rnn_tensor **t = lrnn_scratch(L, *n);
  *n = lrnn_push_tensors(L, fname, 1, *n, t);
  return t;
}

/*--- rnn.clip_grad_norm(params, max_norm) -> norm, any
---
--- What optim.clip_grad_norm does. Errors: params that are no tensors, a negative max_norm.
---@param params rnn.Tensor[] of any shape
---@param max_norm number
---@return number norm before
---@return boolean whether there was a gradient */
static int lrnn_clip_grad_norm(lua_State *L) {
  const char *fname = "clip_grad_norm";
  double norm, max = lrnn_check_number(L, fname, 2, "max_norm");
  int n;
  rnn_tensor **t = check_params(L, fname, &n);
  lrnn_check(L, rnn_clip_grad_norm(lrnn_context(L), t, n, max, &norm));
  lua_pushnumber(L, norm);
  push_any_grad(L, t, n);
  return 2;
}

/*--- rnn.grads_finite(params) -> boolean
---
--- Are all gradients finite? Parameters without one count as such. Errors: params that are no tensors.
---@param params rnn.Tensor[] of any shape
---@return boolean */
static int lrnn_grads_finite(lua_State *L) {
  const char *fname = "grads_finite";
  int n;
  rnn_tensor **t = check_params(L, fname, &n);
  bool finite = true;
  for (int i = 0; i < n && finite; i++) {
    rnn_tensor *grad = rnn_tensor_grad(t[i]);
    finite = !grad || rnn_tensor_finite(grad);
  }
  lua_pushboolean(L, finite);
  return 1;
}

/*--- rnn.clip_grad_value(params, limit) -> count, any
---
--- What optim.clip_grad_value does. Errors: params that are no tensors, a limit that is no positive number.
---@param params rnn.Tensor[] of any shape
---@param limit number
---@return integer count of the elements that were outside
---@return boolean whether there was a gradient */
static int lrnn_clip_grad_value(lua_State *L) {
  const char *fname = "clip_grad_value";
  double limit = lrnn_check_number(L, fname, 2, "limit");
  int64_t clipped;
  int n;
  rnn_tensor **t = check_params(L, fname, &n);
  lrnn_check(L, rnn_clip_grad_value(lrnn_context(L), t, n, limit, &clipped));
  lua_pushinteger(L, clipped);
  push_any_grad(L, t, n);
  return 2;
}

/*--- rnn.scale_grad(params, factor)
---
--- Multiplies all gradients. Errors: params that are no tensors, a factor that is no number.
---@param params rnn.Tensor[] of any shape
---@param factor number */
static int lrnn_scale_grad(lua_State *L) {
  const char *fname = "scale_grad";
  double factor = lrnn_check_number(L, fname, 2, "factor");
  int n;
  rnn_tensor **t = check_params(L, fname, &n);
  lrnn_check(L, rnn_scale_grad(lrnn_context(L), t, n, factor));
  return 0;
}

/*--- rnn.average_step(averages, live, decay)
---
--- Moves each average towards its live tensor: decay * average + (1 - decay) * live. Errors: lists of unequal lengths,
--- shapes that differ.
---@param averages rnn.Tensor[] of any shape
---@param live rnn.Tensor[] of the same shapes
---@param decay number from 0 to 1 */
static int lrnn_average_step(lua_State *L) {
  const char *fname = "average_step";
  double decay = lrnn_check_number(L, fname, 3, "decay");
  int n = lrnn_table_length(L, fname, 1), lives = lrnn_table_length(L, fname, 2);
  rnn_tensor **t = lrnn_scratch(L, n + lives);
  n = lrnn_push_tensors(L, fname, 1, n, t);
  if (lrnn_push_tensors(L, fname, 2, lives, t + n) != n)
    return lrnn_error(L, "%s: expected as many tensors in both tables, got %d and %d", fname, n, lives);
  lrnn_check(L, rnn_average_step(lrnn_context(L), t, t + n, n, decay));
  return 0;
}

/*--- rnn.linear_forecast(x, starts, length, y, new_x, new_starts) -> forecast
---
--- Fits a linear model with a constant by least squares to the windows of x at starts, whose targets are the rows of y
--- with the same numbers, and applies it to those of new_x at new_starts. Exact: QR in double precision, with a ridge of
--- 1e-20 on scaled columns, so that constant and collinear ones have a well-defined answer. length = 1 tells rows from
--- rows. Nothing is recorded. Errors: windows that lie beyond a tensor, other numbers of columns.
---@param x rnn.Tensor (L, D)
---@param starts rnn.Tensor (N) int32: the first rows of the windows to fit
---@param length integer steps of a window
---@param y rnn.Tensor (M, K), one row for each start
---@param new_x rnn.Tensor (L', D)
---@param new_starts rnn.Tensor (N') int32
---@return rnn.Tensor forecast (N', K) */
static int lrnn_linear_forecast(lua_State *L) {
  const char *fname = "linear_forecast";
  rnn_tensor *x = lrnn_check_rows(L, fname, 1), *starts = lrnn_check_rows(L, fname, 2);
  int64_t length = lrnn_check_integer(L, fname, 3, "length");
  rnn_tensor *y = lrnn_check_rows(L, fname, 4), *new_x = lrnn_check_rows(L, fname, 5),
             *new_starts = lrnn_check_rows(L, fname, 6);
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_linear_forecast(lrnn_context(L), x, starts, length, y, new_x, new_starts, box));
  return 1;
}

/*--- rnn.ridge(x, y, penalty) -> w
---
--- Ridge regression: w (P, K) with the least |x w - y|^2 + penalty |w|^2 for x (R, P) and y (R, K). Normal equations in
--- double, by Cholesky, with the same bits on every machine. Nothing is recorded. A list of penalties gives a list of
--- solutions, which takes hardly longer than one. Errors: other shapes, numbers that are not finite, a penalty that is not
--- positive or too small for columns that depend on each other.
---@param x rnn.Tensor
---@param y rnn.Tensor
---@param penalty number|number[]
---@return rnn.Tensor|rnn.Tensor[] w */
static int lrnn_ridge(lua_State *L) {
  rnn_tensor *x = lrnn_check_rows(L, "ridge", 1), *y = lrnn_check_rows(L, "ridge", 2);
  bool one = !lua_istable(L, 3);
  lua_Unsigned length = one ? 1 : lua_rawlen(L, 3);
  if (length < 1 || length > 1000) return lrnn_argument_error(L, "ridge", 3, "penalty", "a number, or 1 to 1000 of them");
  int count = (int)length;
  double *penalties = lua_newuserdatauv(L, sizeof *penalties * (size_t)count, 0);
  if (one) penalties[0] = lrnn_check_number(L, "ridge", 3, "penalty");
  for (int i = 0; i < count && !one; i++) {
    if (lua_rawgeti(L, 3, i + 1) != LUA_TNUMBER)
      return lrnn_error(L, "ridge: argument 3 (penalty): expected numbers, got %s at place %d", lrnn_describe(L, -1), i + 1);
    penalties[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  rnn_tensor **out = lrnn_scratch(L, count);
  luaL_checkstack(L, count + 4, "ridge: penalties");
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) lrnn_box(L);
  lrnn_check(L, rnn_ridge(lrnn_context(L), x, y, penalties, count, out));
  for (int i = 0; i < count; i++) *(rnn_tensor **)lua_touserdata(L, i - count) = out[i];
  if (one) return 1;
  for (int i = count; i > 0; i--) lua_rawseti(L, -1 - i, i);
  return 1;
}

const lrnn_function lrnn_train_functions[] = {{"recurrent", lrnn_recurrent, 4},
                                              {"watched", lrnn_watched, 1},
                                              {"optimizer_step", lrnn_optimizer_step, 3},
                                              {"clip_grad_norm", lrnn_clip_grad_norm, 2},
                                              {"grads_finite", lrnn_grads_finite, 1},
                                              {"clip_grad_value", lrnn_clip_grad_value, 2},
                                              {"scale_grad", lrnn_scale_grad, 2},
                                              {"average_step", lrnn_average_step, 3},
                                              {"linear_forecast", lrnn_linear_forecast, 6},
                                              {"ridge", lrnn_ridge, 3},
                                              {NULL, NULL, 0}};
