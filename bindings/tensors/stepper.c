/* stepper.c: layers that run one step at a time, from Lua: nn's layer:step. A step is a
 * single call: on small layers, what Lua does around it takes longer than its products. */
#include "../binding.h"

#include <string.h>

#define NAME "rnn.Stepper"
#define WEIGHTS 16 /* more than any layer has */
#define PARTS 64
#define KEYS 1

/* The parts of a layer, one upon the other. User value KEYS: a list of the names of all their weights in the layer;
   after it, only to be kept alive, those weights and the layer. */
typedef struct stepper {
  rnn_ctx *ctx;
  const void *layer;
  int count, states; /* parts; states of all of them */
  int64_t batch;
  int64_t bytes, fresh; /* about what a step makes; what was made since the collector was told */
  bool residual;
  struct part {
    rnn_stepper *run;
    int weights, states;
    int64_t units;
    rnn_tensor **box[WEIGHTS]; /* what the layer had under the names */
  } part[];
} stepper;

static int stepper_gc(lua_State *L) {
  stepper *s = lrnn_check_class(L, "__gc", NAME);
  while (s->count > 0) rnn_stepper_free(s->part[--s->count].run);
  return 0;
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

/*--- rnn.stepper(layer, parts, batch, kind [, residual])
---
--- Prepares a recurrent layer for single steps, with its weights packed, and keeps what it made in kind[1]: see rnn.step.
--- Each part has a description (rnn.recurrent) and the names of its weights in layer. kind is the metatable of the
--- layer's states. With residual, each part after the first adds its input to its output. Errors: as rnn.recurrent.
---@param layer table
---@param parts table[] { description =, names = } each
---@param batch integer
---@param kind table
---@param residual? boolean */
static int lrnn_stepper(lua_State *L) {
  const char *fname = "stepper";
  lua_settop(L, 5);
  lrnn_check_table(L, fname, 1, "layer");
  lrnn_check_table(L, fname, 2, "parts");
  lua_Integer batch = lrnn_check_integer(L, fname, 3, "batch");
  if (batch < 1 || batch > 1 << 24) lrnn_argument_error(L, fname, 3, "batch", "an integer from 1 to 16777216");
  lrnn_check_table(L, fname, 4, "kind");
  int count = (int)lua_rawlen(L, 2);
  if (count < 1 || count > PARTS)
    return lrnn_error(L, "stepper: argument 2 (parts): expected 1 to %d parts, got %d", PARTS, count);
  stepper *s = lrnn_new(L, NAME, sizeof *s + (size_t)count * sizeof *s->part, 1, stepper_gc); /* at 6 */
  *s = (stepper){.ctx = lrnn_context(L), .layer = lua_topointer(L, 1), .batch = batch, .residual = lua_toboolean(L, 5)};
  lua_newtable(L); /* at 7 */
  lua_pushvalue(L, 7);
  lua_setiuservalue(L, 6, KEYS);
  int known = 0;
  for (int k = 0; k < count; k++) {
    lua_settop(L, 7);
    if (lua_rawgeti(L, 2, k + 1) != LUA_TTABLE) return lrnn_error(L, "stepper: part %d is no table", k + 1);
    int n = add_names(L, fname, known);
    lua_getfield(L, 8, "description");
    rnn_recurrent r = lrnn_recurrent_description(L, 9);
    lua_settop(L, 7);
    if (n < 1) return lrnn_error(L, "stepper: part %d has no weights", k + 1);
    struct part *p = s->part + k;
    *p = (struct part){.weights = n, .states = rnn_recurrent_states(&r), .units = r.units};
    rnn_tensor *weights[WEIGHTS];
    luaL_checkstack(L, n + 8, NULL);
    for (int i = 0; i < n; i++) {
      lua_rawgeti(L, 7, known + i + 1);
      lua_rawget(L, 1);
      weights[i] = lrnn_test_tensor(L, -1);
      if (!weights[i]) return lrnn_error(L, "stepper: weight %d of part %d is missing", i + 1, k + 1);
      p->box[i] = lua_touserdata(L, -1);
    }
    lrnn_check(L, rnn_stepper_new(s->ctx, &r, weights, n, batch, &p->run));
    s->count = k + 1;
    s->states += p->states;
    s->bytes += p->states * (batch * p->units * (int64_t)sizeof(rnn_real) + 512);
    known += n;
    for (int i = n; i > 0; i--) lua_rawsetp(L, 7, p->box[i - 1]);
  }
  lua_pushvalue(L, 1);
  lua_rawsetp(L, 7, s->layer);
  lua_settop(L, 6);
  lua_rawseti(L, 4, 1);
  return 0;
}

/* ---- a step; upvalues: 1 the metatable of tensors, 2 that of steppers, 3 nil or what to call instead ---- */

enum { LAYER = 1, X, STATE, INTO, KIND, STEPPER }; /* on the stack */

static bool has_metatable(lua_State *L, int index, const void *metatable) {
  if (!lua_getmetatable(L, index)) return false;
  bool has = lua_topointer(L, -1) == metatable;
  lua_pop(L, 1);
  return has;
}

static rnn_tensor *tensor_at(lua_State *L, int index, const void *metatable) {
  rnn_tensor **box = lua_touserdata(L, index);
  return box && has_metatable(L, index, metatable) ? *box : NULL;
}

/* Pushes the metatable of the state at 3 and, at STEPPER, what it has of the layer at 1; NULL when that is no stepper. */
static stepper *push_stepper(lua_State *L) {
  if (!lua_istable(L, 3) || !lua_getmetatable(L, 3) || lua_rawgeti(L, KIND, 1) != LUA_TUSERDATA ||
      !has_metatable(L, STEPPER, lua_topointer(L, lua_upvalueindex(2))))
    return NULL;
  stepper *s = lua_touserdata(L, STEPPER);
  return s->count > 0 && s->layer == lua_topointer(L, 1) ? s : NULL;
}

static bool is_current(lua_State *L, const stepper *s) {
  bool current = true;
  lua_getiuservalue(L, STEPPER, KEYS);
  int keys = lua_gettop(L);
  for (int k = 0, at = 0; k < s->count && current; k++) {
    const struct part *p = s->part + k;
    rnn_tensor *weights[WEIGHTS];
    for (int i = 0; i < p->weights && current; i++) {
      lua_rawgeti(L, keys, ++at);
      lua_rawget(L, 1);
      current = lua_touserdata(L, -1) == p->box[i];
      weights[i] = *p->box[i];
    }
    lua_settop(L, keys);
    current = current && rnn_stepper_made_of(p->run, weights, p->weights);
  }
  lua_pop(L, 1);
  return current;
}

/* Tells Lua's collector of the memory that steps take, so that what old ones left is used again while it is in the
   processor's cache: new memory at every step would push out the weights. */
static void collect_often(lua_State *L, stepper *s) {
  s->fresh += s->bytes;
  if (s->fresh < (1 << 17)) return;
  if (lua_gc(L, LUA_GCISRUNNING)) lua_gc(L, LUA_GCSTEP, 128);
  s->fresh = 0;
  lrnn_collect_sometimes(L);
}

/* Pushes a new tensor (batch, width). */
static rnn_tensor *push_place(lua_State *L, const stepper *s, int64_t width) {
  rnn_tensor **box = lrnn_new_box(L, lua_upvalueindex(1));
  rnn_status status = rnn_tensor_new(s->ctx, RNN_FLOAT, 2, (int64_t[]){s->batch, width}, box);
  if (status == RNN_ENOMEM) { /* perhaps garbage holds what is missing */
    lua_gc(L, LUA_GCCOLLECT);
    status = rnn_tensor_new(s->ctx, RNN_FLOAT, 2, (int64_t[]){s->batch, width}, box);
  }
  lrnn_check(L, status);
  return *box;
}

/* Would a gradient of t be lost, as a step records nothing? In training that is an error. */
static bool cuts_off(lua_State *L, const stepper *s, const rnn_tensor *t) {
  if (!rnn_tensor_requires_grad(t) || !rnn_ctx_recording(s->ctx)) return false;
  lua_pushliteral(L, "training");
  lua_rawget(L, 1);
  bool training = lua_isnil(L, -1) || lua_toboolean(L, -1); /* as every layer is from the start */
  lua_pop(L, 1);
  return training;
}

/* Gives the tensors of the state at 3 to the parts; false when they are not what these need. */
static bool load(lua_State *L, const stepper *s, const void *tensors) {
  for (int k = 0, at = 0; k < s->count; k++) {
    rnn_tensor *from[2] = {NULL};
    for (int i = 0; i < s->part[k].states; i++) {
      lua_rawgeti(L, 3, ++at);
      from[i] = tensor_at(L, -1, tensors);
      lua_pop(L, 1);
      if (!from[i] || cuts_off(L, s, from[i])) return false;
    }
    if (rnn_stepper_load(s->part[k].run, from[0], from[1]) != RNN_OK) return false;
  }
  return true;
}

/* Pushes the tensors of the state at INTO, which are to be overwritten; false when the layer did not make it, or they are
   not what it needs. */
static bool push_places(lua_State *L, const stepper *s, rnn_tensor **to) {
  if (!lua_istable(L, INTO) || !has_metatable(L, INTO, lua_topointer(L, KIND))) return false;
  const void *tensors = lua_topointer(L, lua_upvalueindex(1));
  for (int k = 0, at = 0; k < s->count; k++)
    for (int i = 0; i < s->part[k].states; i++, at++) {
      lua_rawgeti(L, INTO, at + 1);
      to[at] = tensor_at(L, -1, tensors);
      for (int earlier = 0; earlier < at && to[at]; earlier++)
        if (to[earlier] == to[at]) return false;
      if (!to[at] || !rnn_stepper_gives(s->part[k].run, to[at])) return false;
    }
  return true;
}

/* Steps with what the stepper needs on the stack; 0 when it is not as the stepper was made for. */
static int step(lua_State *L) {
  stepper *s = push_stepper(L);
  if (!s) return 0;
  luaL_checkstack(L, s->states + s->count + WEIGHTS + 8, NULL);
  bool into = !lua_isnil(L, INTO);
  if (!into) collect_often(L, s);
  rnn_tensor *to[2 * PARTS], *sum[PARTS]; /* sum only with residual, and not of the first */
  /* All places first: making one may run finalisers of the script's, and those may step, too. */
  if (into && !push_places(L, s, to)) return 0;
  for (int k = 0, at = 0; !into && k < s->count; k++)
    for (int i = 0; i < s->part[k].states; i++) to[at++] = push_place(L, s, s->part[k].units);
  bool sums = s->residual && s->count > 1;
  for (int k = 1; sums && k < s->count; k++) sum[k] = push_place(L, s, s->part[k].units);
  /* y is the last sum, or the last h: of into itself, else a copy, for what a script writes into y is not the state's. */
  rnn_tensor *y = into || sums ? NULL : push_place(L, s, s->part[s->count - 1].units);
  if (into && !sums) lua_pushvalue(L, STEPPER + s->states - s->part[s->count - 1].states + 1);
  const void *tensors = lua_topointer(L, lua_upvalueindex(1));
  rnn_tensor *x = tensor_at(L, X, tensors);
  if (!x || cuts_off(L, s, x) || !rnn_stepper_takes(s->part[0].run, x) || !is_current(L, s) || !load(L, s, tensors)) return 0;
  for (int k = 0, at = 0; k < s->count; at += s->part[k++].states) {
    rnn_tensor *total = sums && k > 0 ? sum[k] : NULL;
    lrnn_check(L, rnn_stepper_run(s->part[k].run, x, to[at], s->part[k].states == 2 ? to[at + 1] : NULL, total));
    x = total ? total : to[at];
  }
  if (y) memcpy(rnn_tensor_data(y), rnn_tensor_data(x), (size_t)rnn_tensor_count(y) * sizeof(rnn_real));
  if (into) {
    lua_pushvalue(L, INTO);
    return 2;
  }
  lua_createtable(L, s->states, 0);
  for (int i = 1; i <= s->states; i++) {
    lua_pushvalue(L, STEPPER + i);
    lua_rawseti(L, -2, i);
  }
  lua_pushvalue(L, KIND);
  lua_setmetatable(L, -2);
  return 2;
}

static int call_step(lua_State *L) {
  /* The function called instead refuses an argument too many under its own name. */
  bool surplus = !lua_isnoneornil(L, 5) && !lua_isnil(L, lua_upvalueindex(3));
  if (!surplus) {
    lua_settop(L, INTO);
    int results = step(L);
    if (results > 0 || lua_isnil(L, lua_upvalueindex(3))) return results;
  }
  lua_settop(L, surplus ? 5 : 4);
  lua_pushvalue(L, lua_upvalueindex(3));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 2);
  return 2;
}

/*--- rnn.step([otherwise]) -> function(layer, x, state [, into]) -> y, state
---
--- A function for one time step with what rnn.stepper has prepared. A state is a list of tensors, h (and c) of each part,
--- with the metatable that the stepper was made for; y and the new state are new tensors, or those of into, another
--- state of the layer's or the same. Where there is no stepper, a weight has changed, or x or a state is of another size,
--- it returns otherwise(layer, x, state, into), or nothing.
--- Errors: an otherwise that is no function; its own.
---@param otherwise? function
---@return function */
static int lrnn_step(lua_State *L) {
  lua_settop(L, 1);
  if (!lua_isnil(L, 1) && !lua_isfunction(L, 1)) lrnn_argument_error(L, "step", 1, "otherwise", "a function");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, call_step, 3);
  return 1;
}

void lrnn_stepper_open(lua_State *L) {
  lrnn_class(L, NAME, stepper_gc);
  lrnn_push_metatable(L);
  lua_insert(L, -2);
  lua_pushcclosure(L, lrnn_step, 2);
  lua_setfield(L, -2, "step");
}

const lrnn_function lrnn_stepper_functions[] = {{"stepper", lrnn_stepper, 5}, {NULL, NULL, 0}};
