/* stepper.c: layers that run one step at a time, from Lua. core.stepper makes one; nn's layer:step uses it. A step is a
 * single call that asks for no memory: on small layers, what Lua does around it takes longer than its products. */
#include "binding.h"

#define NAME "rnn.Stepper"
#define WEIGHTS 16 /* more than any layer has */
#define PARTS 64

/* The parts of a layer, one upon the other. User values: 1 the names of their weights in the layer, one list for all
   parts; 2 the places for the sums of a residual layer, or nil. */
typedef struct stepper {
  int count, states; /* parts; states of all of them */
  struct part {
    rnn_stepper *run;
    int weights, states;
  } part[];
} stepper;

/* For functions that have the metatable of steppers as their upvalue. */
static stepper *check_stepper(lua_State *L, const char *fname) {
  stepper *s = lua_touserdata(L, 1);
  bool ours = lua_type(L, 1) == LUA_TUSERDATA && lua_getmetatable(L, 1);
  if (ours) {
    ours = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
  }
  if (!ours || s->count == 0) lrnn_argument_error(L, fname, 1, NULL, "a stepper");
  return s;
}

static int stepper_gc(lua_State *L) {
  stepper *s = lrnn_check_class(L, "__gc", NAME);
  while (s->count > 0) rnn_stepper_free(s->part[--s->count].run);
  return 0;
}

/* The weights that the layer at index holds under count names, of the list on top from first + 1 on; NULL where there is
   none. */
static void weights_of(lua_State *L, int index, int first, int count, rnn_tensor **weights) {
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, -1, first + i + 1);
    lua_rawget(L, index);
    weights[i] = lrnn_test_tensor(L, -1);
    lua_pop(L, 1);
  }
}

/* Adds the names of the part on top of the stack to the list below it; returns how many. */
static int add_names(lua_State *L, const char *fname, int known) {
  if (lua_getfield(L, -1, "names") != LUA_TTABLE) lrnn_error(L, "%s: a part has no list of names", fname);
  int n = (int)lua_rawlen(L, -1);
  if (n > WEIGHTS) lrnn_error(L, "%s: a part has more than %d weights", fname, WEIGHTS);
  for (int i = 1; i <= n; i++) {
    if (lua_rawgeti(L, -1, i) == LUA_TNIL) lrnn_error(L, "%s: name %d is missing", fname, i);
    lua_rawseti(L, -4, known + i);
  }
  lua_pop(L, 1);
  return n;
}

/*--- rnn.stepper(layer, parts, batch [, sums]) -> stepper
---
--- A recurrent layer prepared for single steps, with its weights packed: what layer:step is made of. Each part has a
--- description (rnn.recurrent) and the names of its weights in layer. stepper:run(layer, x, from, into [, own]) makes a
--- step through all parts: the states of the list from, zeros where it has none, become those of the list into, and the
--- output is returned; nothing is, when a weight has changed or x is of another size. With own, from must be complete,
--- and gets the tensors of into. With sums, each part after the first adds its input to its output, which lies in sums
--- then. Errors: as rnn.recurrent.
---@param layer table
---@param parts table[] { description =, names = } each
---@param batch integer
---@param sums? rnn.Tensor[] (batch, width), with false in front
---@return userdata */
static int lrnn_stepper(lua_State *L) {
  const char *fname = "stepper";
  lua_settop(L, 4);
  lrnn_check_table(L, fname, 1, "layer");
  lrnn_check_table(L, fname, 2, "parts");
  lua_Integer batch = lrnn_check_integer(L, fname, 3, "batch");
  if (batch < 1 || batch > 1 << 24) lrnn_argument_error(L, fname, 3, "batch", "an integer from 1 to 16777216");
  if (!lua_isnil(L, 4)) lrnn_check_table(L, fname, 4, "sums");
  int count = (int)lua_rawlen(L, 2);
  if (count < 1 || count > PARTS)
    return lrnn_error(L, "stepper: argument 2 (parts): expected 1 to %d parts, got %d", PARTS, count);
  stepper *s = lrnn_new(L, NAME, sizeof *s + (size_t)count * sizeof *s->part, 2, stepper_gc);
  lua_pushvalue(L, 4);
  lua_setiuservalue(L, 5, 2);
  lua_newtable(L); /* names, at 6 */
  lua_pushvalue(L, 6);
  lua_setiuservalue(L, 5, 1);
  int known = 0;
  for (int k = 0; k < count; k++) {
    rnn_tensor *weights[WEIGHTS];
    lua_settop(L, 6);
    if (lua_rawgeti(L, 2, k + 1) != LUA_TTABLE) return lrnn_error(L, "stepper: part %d is no table", k + 1);
    int n = add_names(L, fname, known);
    lua_getfield(L, 7, "description");
    rnn_recurrent r = lrnn_recurrent_description(L, 8);
    lua_settop(L, 6);
    weights_of(L, 1, known, n, weights);
    for (int i = 0; i < n; i++)
      if (!weights[i]) return lrnn_error(L, "stepper: weight %d of part %d is missing", i + 1, k + 1);
    if (n < 1) return lrnn_error(L, "stepper: part %d has no weights", k + 1);
    s->part[k] = (struct part){.weights = n, .states = rnn_recurrent_states(&r)};
    lrnn_check(L, rnn_stepper_new(lrnn_context(L), &r, weights, n, batch, &s->part[k].run));
    s->count = k + 1;
    s->states += s->part[k].states;
    known += n;
  }
  lua_settop(L, 5);
  return 1;
}

static bool is_current(lua_State *L, const stepper *s) {
  lua_getiuservalue(L, 1, 1);
  int first = 0;
  bool current = true;
  for (int k = 0; k < s->count && current; k++) {
    rnn_tensor *weights[WEIGHTS];
    weights_of(L, 2, first, s->part[k].weights, weights);
    current = rnn_stepper_made_of(s->part[k].run, weights, s->part[k].weights);
    first += s->part[k].weights;
  }
  lua_pop(L, 1);
  return current;
}

/* The first n tensors of the list at index; NULL where there is nil or false. */
static void tensors_of(lua_State *L, int index, int n, rnn_tensor **tensors) {
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, index, i + 1);
    tensors[i] = lrnn_test_tensor(L, -1);
    if (!tensors[i] && lua_toboolean(L, -1))
      lrnn_error(L, "step: expected a tensor as number %d of the state, got %s", i + 1, lrnn_describe(L, -1));
    lua_pop(L, 1);
  }
}

/* Puts into the list from what the list into has, where they differ. */
static void renew(lua_State *L, rnn_tensor *const *from, rnn_tensor *const *into, int n) {
  for (int i = 0; i < n; i++)
    if (from[i] != into[i]) {
      lua_rawgeti(L, 5, i + 1);
      lua_rawseti(L, 4, i + 1);
    }
}

/* stepper:run(layer, x, from, into [, own]) -> y, or nothing */
static int stepper_run(lua_State *L) {
  const char *fname = "step";
  stepper *s = check_stepper(L, fname);
  lua_settop(L, 6);
  bool own = lua_toboolean(L, 6);
  if (!lua_istable(L, 2) || !lua_istable(L, 4) || !lua_istable(L, 5))
    return lrnn_error(L, "step: expected a layer, an input and two lists of states");
  rnn_tensor *x = lrnn_test_tensor(L, 3), *from[2 * PARTS], *into[2 * PARTS], *sums[PARTS] = {NULL};
  if (!x || !rnn_stepper_takes(s->part[0].run, x) || !is_current(L, s)) return 0;
  tensors_of(L, 4, s->states, from);
  tensors_of(L, 5, s->states, into);
  for (int i = 0; own && i < s->states; i++)
    if (!from[i]) return 0;
  bool summed = lua_getiuservalue(L, 1, 2) == LUA_TTABLE && s->count > 1; /* at 7 */
  if (summed) tensors_of(L, 7, s->count, sums);
  int at = 0; /* all states are read before one is written: from may have those of into in another order */
  for (int k = 0; k < s->count; at += s->part[k++].states)
    lrnn_check(L, rnn_stepper_load(s->part[k].run, from[at], s->part[k].states == 2 ? from[at + 1] : NULL));
  at = 0;
  for (int k = 0; k < s->count; at += s->part[k++].states) {
    rnn_tensor *h = into[at], *c = s->part[k].states == 2 ? into[at + 1] : NULL, *sum = k > 0 ? sums[k] : NULL;
    if (!h) return lrnn_error(L, "step: expected a place for the output");
    lrnn_check(L, rnn_stepper_run(s->part[k].run, x, h, c, sum));
    x = sum ? sum : h;
  }
  if (own) renew(L, from, into, s->states);
  lua_rawgeti(L, summed ? 7 : 5, summed ? s->count : at - s->part[s->count - 1].states + 1);
  return 1;
}

void lrnn_stepper_open(lua_State *L) {
  lrnn_class(L, NAME, stepper_gc);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, stepper_run, 1);
  lua_setfield(L, -2, "run");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

const luaL_Reg lrnn_stepper_functions[] = {{"stepper", lrnn_stepper}, {NULL, NULL}};
