/* stepper.c: layers that run one step at a time, from Lua. core.stepper makes one; nn's layer:step uses it. */
#include "binding.h"

#define NAME "rnn.Stepper"

static rnn_stepper *check_stepper(lua_State *L, const char *fname) {
  rnn_stepper **box = luaL_testudata(L, 1, NAME);
  if (!box || !*box) lrnn_argument_error(L, fname, 1, NULL, "a stepper");
  return *box;
}

/*--- rnn.stepper(description, weights, batch) -> stepper
---
--- A recurrent layer prepared for single steps, with its weights packed: what layer:step is made of. stepper:run(x, h,
--- c, new_h, new_c) makes one, stepper:stale() says whether the weights have changed since. Errors: as rnn.recurrent.
---@param description table
---@param weights rnn.Tensor[] as for rnn.recurrent, (G units, D) and so on
---@param batch integer
---@return userdata */
static int lrnn_stepper(lua_State *L) {
  const char *fname = "stepper";
  lua_settop(L, 3);
  rnn_recurrent r = lrnn_recurrent_description(L, 1);
  lua_Integer batch = lrnn_check_integer(L, fname, 3, "batch");
  if (batch < 1 || batch > 1 << 24) lrnn_argument_error(L, fname, 3, "batch", "an integer from 1 to 16777216");
  rnn_stepper **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, NAME);
  int n = lrnn_table_length(L, fname, 2);
  rnn_tensor **weights = lrnn_scratch(L, n);
  n = lrnn_push_tensors(L, fname, 2, n, weights);
  if (n < 1) return lrnn_error(L, "stepper: argument 2: expected the weights of the layer, got none");
  lrnn_check(L, rnn_stepper_new(lrnn_context(L), &r, weights, n, batch, box));
  lua_pushvalue(L, 4);
  return 1;
}

/* stepper:run(x, h_before or nil, c_before or nil, h, c or nil) */
static int stepper_run(lua_State *L) {
  const char *fname = "step";
  rnn_stepper *s = check_stepper(L, fname);
  rnn_tensor *t[5];
  for (int i = 0; i < 5; i++)
    t[i] = lua_isnoneornil(L, i + 2) ? NULL : lrnn_check_tensor(L, fname, i + 2);
  if (!t[0] || !t[3]) return lrnn_error(L, "step: expected an input and a place for the output");
  lrnn_check(L, rnn_stepper_run(s, t[0], t[1], t[2], t[3], t[4]));
  return 0;
}

static int stepper_stale(lua_State *L) {
  lua_pushboolean(L, rnn_stepper_stale(check_stepper(L, "stale")));
  return 1;
}

static int stepper_gc(lua_State *L) {
  rnn_stepper **box = luaL_checkudata(L, 1, NAME);
  rnn_stepper_free(*box);
  *box = NULL;
  return 0;
}

void lrnn_stepper_open(lua_State *L) {
  luaL_newmetatable(L, NAME);
  lua_pushcfunction(L, stepper_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, stepper_run);
  lua_setfield(L, -2, "run");
  lua_pushcfunction(L, stepper_stale);
  lua_setfield(L, -2, "stale");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

const luaL_Reg lrnn_stepper_functions[] = {{"stepper", lrnn_stepper}, {NULL, NULL}};
