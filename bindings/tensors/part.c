/* part.c: parts of tensors from Lua, as values and to write into: x[i], x[{ ... }], x[ids], x[mask], x:get, x:set, x:rows.
 * Indices count from 1. */
#include <stdio.h>
#include <string.h>

#include "../binding.h"
#include "ops/ops.h"

/* Place i of an axis of size n, from 1 or from -1 backwards, as one from 0; negative when there is none. */
static int64_t from_zero(int64_t i, int64_t n) {
  if (i < 0) i += n + 1;
  return i <= n ? i - 1 : -1;
}

/* The places (from 0) of element (i, j, ...) from arg 2 on. */
static void check_place(lua_State *L, const char *fname, const rnn_tensor *t, int64_t *index) {
  for (int axis = 0; axis < rnn_tensor_ndim(t); axis++) {
    int64_t n = rnn_tensor_dims(t)[axis];
    int ok;
    lua_Integer i = lua_type(L, axis + 2) == LUA_TNUMBER ? lua_tointegerx(L, axis + 2, &ok) : (ok = 0);
    char text[160];
    if (!ok) {
      snprintf(text, sizeof text, "index of axis %d", axis + 1);
      lrnn_argument_error(L, fname, axis + 2, text, "an integer");
    }
    index[axis] = from_zero(i, n);
    if (index[axis] < 0)
      lrnn_error(L, "%s: index %lld of axis %d is not within 1 to %lld, %s", fname, (long long)i, axis + 1, (long long)n,
                 rnn_tensor_describe(t, text, sizeof text));
  }
}

/* Pushes the number at the places (from 0). */
static void push_number(lua_State *L, rnn_tensor *t, const int64_t *index) {
  int64_t at = 0;
  for (int i = 0; i < rnn_tensor_ndim(t); i++) at += index[i] * rnn_tensor_strides(t)[i];
  lrnn_push_element(L, t, at);
}

/*--- x:get(i, j, ...) -> number
---
--- One element, without history; for the rows of a matrix there is x[i]. Errors: indices outside the axes, or too few of them.
---@param ... integer an index for each axis, from 1 or from -1 backwards
---@return number */
static int lrnn_tensor_get(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "get", 1);
  lrnn_check_count(L, "get", rnn_tensor_ndim(t) + 1);
  int64_t index[RNN_MAX_DIMS];
  check_place(L, "get", t, index);
  push_number(L, t, index);
  return 1;
}

/* Writes the number or tensor at arg into the part of t at the first n axes' places. */
static void assign_value(lua_State *L, const char *fname, rnn_tensor *t, int n, const int64_t *index, int arg) {
  rnn_tensor *value = lrnn_test_tensor(L, arg);
  rnn_ctx *ctx = lrnn_context(L);
  if (lua_type(L, arg) == LUA_TNUMBER) {
    lrnn_check(L, rnn_tensor_fill_part(ctx, t, n, index, lrnn_check_element(L, fname, t, arg)));
    return;
  }
  if (!value) lrnn_argument_error(L, fname, arg, "value", "a number");
  rnn_tensor **part = lrnn_box(L);
  lrnn_check(L, rnn_tensor_part(ctx, t, n, index, part));
  lrnn_check(L, rnn_tensor_assign(ctx, *part, value));
}

/*--- x:set(i, j, ..., value) -> x
---
--- Changes one element in place: x:set(2, 3, 0.5). A value with a history, a tensor of one element, keeps it. Errors:
--- indices outside the axes, a value that the type cannot hold.
---@param ... number|rnn.Tensor an index for each axis, from 1 or from -1 backwards, then the value
---@return rnn.Tensor x itself, of any shape */
static int lrnn_tensor_set(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "set", 1);
  lrnn_check_count(L, "set", rnn_tensor_ndim(t) + 2);
  int64_t index[RNN_MAX_DIMS];
  check_place(L, "set", t, index);
  if (lua_isnone(L, rnn_tensor_ndim(t) + 2)) lrnn_argument_error(L, "set", rnn_tensor_ndim(t) + 2, "value", "a number");
  assign_value(L, "set", t, rnn_tensor_ndim(t), index, rnn_tensor_ndim(t) + 2);
  lua_settop(L, 1);
  return 1;
}

/* ---- parts ---- */

static rnn_args arguments(rnn_tensor *const *t, const int64_t *i) {
  return (rnn_args){.t = t, .nt = 1, .i = {i[0], i[1], i[2], i[3]}};
}

static rnn_tensor *apply(lua_State *L, const rnn_op *op, rnn_tensor *t, const int64_t *i) {
  rnn_args args = arguments(&t, i);
  lrnn_apply(L, op, &args);
  return lrnn_test_shape(L, -1);
}

/*--- x:rows(from, to) -> tensor
---
--- The places from .. to, both included, of the first axis; it shares memory with x. Errors: places outside the axis.
---@param from integer from 1, or from -1 backwards
---@param to integer likewise; from - 1 gives none
---@return rnn.Tensor of shape (to - from + 1, ...) */
static int lrnn_tensor_rows(lua_State *L) {
  rnn_tensor *t = lrnn_check_shape_of(L, "rows", 1);
  int64_t from = lrnn_check_integer(L, "rows", 2, "from"), to = lrnn_check_integer(L, "rows", 3, "to");
  int64_t n = rnn_tensor_ndim(t) ? rnn_tensor_dims(t)[0] : 0;
  int64_t first = from < 0 ? from + n + 1 : from, last = to < 0 ? to + n + 1 : to;
  if (first < 1 || last < first - 1 || last > n)
    return lrnn_error(L, "rows: %lld to %lld is not within 1 to %lld", (long long)from, (long long)to, (long long)n);
  apply(L, &rnni_op_slice, t, (int64_t[4]){0, first, last, 1});
  return 1;
}

/* Place i of the first axis, from 0. */
static int64_t check_row(lua_State *L, rnn_tensor *t, int64_t i) {
  char text[160];
  if (rnn_tensor_ndim(t) == 0) lrnn_error(L, "index %lld: a scalar tensor has no parts; x:item() is its number", (long long)i);
  int64_t rows = rnn_tensor_dims(t)[0], at = from_zero(i, rows);
  if (at < 0)
    lrnn_error(L, "index %lld is not within 1 to %lld, the first axis of %s", (long long)i, (long long)rows,
               rnn_tensor_describe(t, text, sizeof text));
  return at;
}

static char ipairs_key;

/* Pushes the function that ipairs gives to loops. */
static void push_step(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &ipairs_key) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_getglobal(L, "ipairs");
  lua_newtable(L);
  lua_call(L, 1, 1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ipairs_key);
}

/* Is it ipairs that asks for x[#x + 1], to see whether there is more? To all others it is an error. */
static bool ends_loop(lua_State *L, const rnn_tensor *t, int64_t i) {
  lua_Debug caller;
  if (rnn_tensor_ndim(t) == 0 || i != rnn_tensor_dims(t)[0] + 1 || !lua_getstack(L, 1, &caller)) return false;
  push_step(L);
  lua_getinfo(L, "f", &caller);
  bool asks = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return asks;
}

/* pairs(t) is ipairs(t). */
static int pairs(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "pairs", 1);
  if (rnn_tensor_ndim(t) == 0) return lrnn_error(L, "pairs: a scalar tensor has no elements to go over; x:item()");
  push_step(L);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

/* *t, the tensor of args, by what op makes of it. */
static rnn_status replace_by(rnn_ctx *ctx, rnn_tensor **t, const rnn_op *op, const rnn_args *args) {
  rnn_tensor *next;
  rnn_status status = rnn_apply(ctx, op, args, &next);
  if (status != RNN_OK) return status;
  rnn_tensor_free(*t);
  *t = next;
  return RNN_OK;
}

static rnn_status replace(rnn_ctx *ctx, rnn_tensor **t, const rnn_op *op, const int64_t *i) {
  rnn_args args = arguments(t, i);
  return replace_by(ctx, t, op, &args);
}

/* The element of t at the places from 0: a number, or, where ops on t are recorded, a scalar tensor with its history; a
   copy, which keeps its value when t changes. */
static void push_one(lua_State *L, rnn_tensor *t, const int64_t *index) {
  rnn_ctx *ctx = lrnn_context(L);
  int ndim = rnn_tensor_ndim(t), top = lua_gettop(L);
  if (rnn_ctx_recording(ctx) && rnn_tensor_requires_grad(t)) {
    rnn_tensor **line = lrnn_box(L), **id = lrnn_box(L), **one = lrnn_box(L);
    lrnn_note_position(L, ctx);
    lrnn_check(L, rnn_tensor_new(ctx, RNN_INT, 0, NULL, id));
    lrnn_check(L, rnn_tensor_fill(ctx, *id, (double)index[ndim - 1] + 1));
    rnn_status status = RNN_OK;
    *line = rnn_tensor_ref(t);
    for (int i = 0; i < ndim - 1 && status == RNN_OK; i++)
      status = replace(ctx, line, &rnni_op_select, (int64_t[4]){0, index[i] + 1});
    if (status == RNN_OK) status = rnn_tensor_pick(ctx, *line, 0, 1, id, one);
    if (status != RNN_ESTALE) {
      lrnn_check(L, status);
      return;
    }
    lua_settop(L, top); /* after backward it is as good as a number */
  }
  push_number(L, t, index);
}

/* Place i of the first axis; of a batch with lengths a sequence with its padding. */
static void push_row(lua_State *L, rnn_tensor *t, int64_t i) {
  int64_t at = check_row(L, t, i);
  if (rnn_tensor_ndim(t) == 1) {
    push_one(L, t, &at);
    return;
  }
  if (rnn_tensor_lengths(t)) t = lrnn_with_lengths(L, t, NULL);
  apply(L, &rnni_op_select, t, (int64_t[4]){0, at + 1});
}

/* ---- x[{ ... }]: an entry for each of the first axes ---- */

#define ENTRY "an integer, {}, { from, to [, step] }, int32 ids, a mask, \"...\" or \"newaxis\""

typedef enum place_kind { PLACE, RANGE, IDS, NEW } place_kind;

typedef struct places {
  int n;
  struct {
    place_kind kind; /* the axis of a place goes */
    int64_t from, to, step;
  } of[2 * RNN_MAX_DIMS];
  int chosen; /* entries that are ids, or a mask, which may stand for several axes */
  rnn_tensor *ids[RNN_MAX_DIMS];
} places;

static int axes_of_ids(const rnn_tensor *ids) { return rnn_tensor_type(ids) == RNN_FLOAT ? rnn_tensor_ndim(ids) : 1; }

/* How many axes "..." stands for in the n entries of the table at arg 2. */
static int axes_left(lua_State *L, int ndim, lua_Unsigned n) {
  for (lua_Unsigned k = 1; k <= n; k++) {
    int kind = lua_rawgeti(L, 2, (lua_Integer)k);
    rnn_tensor *ids = lrnn_test_shape(L, -1);
    ndim -= ids ? axes_of_ids(ids) : kind != LUA_TSTRING;
    lua_pop(L, 1);
  }
  return ndim;
}

static void add_place(places *p, place_kind kind, int64_t from, int64_t to, int64_t step) {
  p->of[p->n].kind = kind;
  p->of[p->n].from = from;
  p->of[p->n].to = to;
  p->of[p->n++].step = step;
}

static bool check_range(lua_State *L, int64_t *numbers) {
  lua_Unsigned n = lua_rawlen(L, -1);
  lua_pushnil(L);
  bool named = n == 0 && lua_next(L, -2);
  if (n == 0) lua_pop(L, named ? 2 : 0);
  else lua_pop(L, 1);
  for (lua_Unsigned k = 0; k < n && n <= 3; k++) {
    int ok;
    numbers[k] = lua_rawgeti(L, -1, (lua_Integer)k + 1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &ok) : (ok = 0);
    lua_pop(L, 1);
    if (!ok) return false;
  }
  return !named && n != 1 && n <= 3;
}

/* The entries of the table at arg 2; what stands for ids stays on the stack. */
static places check_places(lua_State *L, rnn_tensor *t) {
  places p = {0};
  char text[160];
  int ndim = rnn_tensor_ndim(t), axis = 0;
  bool left_out = false;
  lua_Unsigned n = lua_rawlen(L, 2);
  for (lua_Unsigned k = 1; k <= n; k++) {
    int64_t range[3] = {1, -1, 1};
    int kind = lua_rawgeti(L, 2, (lua_Integer)k), whole = 0;
    const char *word = kind == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool rest = strcmp(word, "...") == 0, new = strcmp(word, "newaxis") == 0;
    if (rest && left_out) lrnn_error(L, "index: entry %d: \"...\" twice", (int)k);
    left_out |= rest;
    if (rest) {
      int left = axes_left(L, ndim, n);
      for (int i = 0; i < left; i++, axis++) add_place(&p, RANGE, 1, -1, 1);
    }
    if ((!rest && !new && axis >= ndim) || p.n >= 2 * RNN_MAX_DIMS || p.chosen == RNN_MAX_DIMS)
      lrnn_error(L, "index: more entries than the %d axes of %s", ndim, rnn_tensor_describe(t, text, sizeof text));
    if (new) add_place(&p, NEW, 0, 0, 0);
    rnn_tensor *ids = lrnn_test_tensor(L, -1);
    if (kind == LUA_TNUMBER) {
      range[0] = lua_tointegerx(L, -1, &whole);
      if (whole && from_zero(range[0], rnn_tensor_dims(t)[axis]) < 0)
        lrnn_error(L, "index: %lld is not within 1 to %lld, axis %d of %s", (long long)range[0],
                   (long long)rnn_tensor_dims(t)[axis], axis + 1, rnn_tensor_describe(t, text, sizeof text));
    } else if (ids) {
      p.ids[p.chosen++] = ids;
    }
    if (!(kind == LUA_TNUMBER ? whole : ids || rest || new || (kind == LUA_TTABLE && check_range(L, range))))
      lrnn_error(L, "index: entry %d: expected " ENTRY ", got %s", (int)k, lrnn_describe(L, -1));
    if (!ids) lua_pop(L, 1);
    if (rest || new) continue;
    add_place(&p, ids ? IDS : kind == LUA_TNUMBER ? PLACE : RANGE, range[0], range[1], range[2]);
    axis += ids ? axes_of_ids(ids) : 1;
  }
  return p;
}

/* *t with the axes of all ids first, where they do not lie side by side. */
static rnn_status gather_axes(rnn_ctx *ctx, rnn_tensor **t, const places *p, const int *axes) {
  bool beside = true, first[RNN_MAX_DIMS] = {false};
  int ndim = rnn_tensor_ndim(*t);
  rnn_args args = {.t = t, .nt = 1};
  for (int k = 0; k < p->chosen; k++) {
    beside &= k == 0 || axes[k] == axes[k - 1] + axes_of_ids(p->ids[k - 1]);
    for (int i = axes[k]; i < axes[k] + axes_of_ids(p->ids[k]) && i < ndim; i++) {
      args.shape[args.nshape++] = i;
      first[i] = true;
    }
  }
  if (beside) return RNN_OK;
  for (int i = 0; i < ndim; i++)
    if (!first[i]) args.shape[args.nshape++] = i;
  return replace_by(ctx, t, &rnni_op_permute, &args);
}

/* Replaces *t, of which it takes the reference, by a view of its part at places but for ids, the first of whose axes goes
   to *axis. A place of a batch with lengths is a sequence with its padding. bare: of what is written to, all padding
   counts. */
static rnn_status take(rnn_ctx *ctx, rnn_tensor **t, const places *p, bool bare, int *axis) {
  bool drop = rnn_tensor_lengths(*t) && (bare || (p->n && p->of[0].kind == PLACE)), viewed = drop;
  rnn_status status = RNN_OK;
  int axes[RNN_MAX_DIMS], at = 0, k = 0;
  if (drop) status = replace(ctx, t, &rnni_op_transpose, (int64_t[4]){0});
  if (drop && status == RNN_OK) status = rnn_tensor_set_lengths(ctx, *t, NULL);
  for (int i = 0; i < p->n && status == RNN_OK; i++) {
    int64_t from = p->of[i].from, to = p->of[i].to, step = p->of[i].step;
    bool whole = p->of[i].kind == RANGE && from == 1 && to == -1 && step == 1;
    if (p->of[i].kind == PLACE) status = replace(ctx, t, &rnni_op_select, (int64_t[4]){at, from});
    if (p->of[i].kind == RANGE && !whole) status = replace(ctx, t, &rnni_op_slice, (int64_t[4]){at, from, to, step});
    viewed |= p->of[i].kind != IDS && !whole;
    at += p->of[i].kind == IDS ? axes_of_ids(p->ids[k++]) : p->of[i].kind == RANGE;
  }
  at = k = 0;
  for (int i = 0; i < p->n && status == RNN_OK; i++) { /* now there is room for them */
    if (p->of[i].kind == NEW) status = replace(ctx, t, &rnni_op_unsqueeze, (int64_t[4]){at + 1});
    if (p->of[i].kind == IDS) axes[k] = at;
    at += p->of[i].kind == IDS ? axes_of_ids(p->ids[k++]) : p->of[i].kind != PLACE;
  }
  if (!viewed && status == RNN_OK)
    status = replace(ctx, t, rnn_tensor_ndim(*t) ? &rnni_op_transpose : &rnni_op_reshape, (int64_t[4]){0});
  if (!p->chosen || status != RNN_OK) return status;
  rnn_tensor *before = *t;
  status = gather_axes(ctx, t, p, axes);
  *axis = *t == before ? axes[0] : 0;
  return status;
}

static void push_part(lua_State *L, rnn_tensor *t) {
  places p = check_places(L, t);
  int64_t index[RNN_MAX_DIMS];
  int axis = 0, single = 0;
  for (; single < p.n && p.of[single].kind == PLACE; single++)
    index[single] = from_zero(p.of[single].from, rnn_tensor_dims(t)[single]);
  if (single && single == rnn_tensor_ndim(t)) {
    push_one(L, t, index);
    return;
  }
  rnn_ctx *ctx = lrnn_context(L);
  rnn_tensor **part = lrnn_box(L), **picked = p.chosen ? lrnn_box(L) : NULL;
  lrnn_note_position(L, ctx);
  *part = rnn_tensor_ref(t);
  lrnn_check(L, take(ctx, part, &p, false, &axis));
  if (picked) lrnn_check(L, rnn_tensor_pick(ctx, *part, axis, p.chosen, p.ids, picked));
}

/* Writes the number or tensor at arg into places that ids or a mask chooses. */
static void put_value(lua_State *L, rnn_tensor *t, int axis, int n, rnn_tensor *const *which, int arg) {
  rnn_tensor *value = lrnn_test_tensor(L, arg);
  if (!value) {
    rnn_tensor **box = lrnn_box(L);
    double v = lrnn_check_element(L, "assignment", t, arg);
    lrnn_check(L, rnn_tensor_new(lrnn_context(L), rnn_tensor_type(t), 0, NULL, box));
    lrnn_check(L, rnn_tensor_fill(lrnn_context(L), *box, v));
    value = *box;
  }
  lrnn_check(L, rnn_tensor_put(lrnn_context(L), t, axis, n, which, value));
}

static void assign_part(lua_State *L, rnn_tensor *t) {
  places p = check_places(L, t);
  rnn_ctx *ctx = lrnn_context(L);
  rnn_tensor **part = lrnn_box(L);
  int axis = 0;
  *part = rnn_tensor_ref(t);
  bool recording = rnn_ctx_set_recording(ctx, false);
  rnn_status status = take(ctx, part, &p, true, &axis);
  rnn_ctx_set_recording(ctx, recording);
  lrnn_check(L, status);
  if (p.chosen) put_value(L, *part, axis, p.chosen, p.ids, 3);
  else assign_value(L, "assignment", *part, 0, NULL, 3);
}

/* ---- x[...] ---- */

/* t[i], t[{ ... }], t[ids], t[mask], t.grad, t:method. Upvalue 1: the methods. */
static int tensor_index(lua_State *L) {
  int whole, kind = lua_type(L, 2);
  if (kind == LUA_TSTRING) { /* before all else, as most of them are methods */
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  }
  rnn_tensor *t = lrnn_check_shape_of(L, "index", 1), *which;
  switch (kind) {
    case LUA_TNUMBER: {
      lua_Integer i = lua_tointegerx(L, 2, &whole);
      if (!whole) break;
      if (ends_loop(L, t, i)) return 0;
      push_row(L, t, i);
      return 1;
    }
    case LUA_TSTRING: {
      const char *key = lua_tostring(L, 2);
      if (strcmp(key, "grad") == 0) {
        if (!rnn_tensor_grad(t)) return 1;
        rnn_tensor **box = lrnn_box(L); /* a finaliser that it runs may take the gradient away */
        if (rnn_tensor_grad(t)) *box = rnn_tensor_ref(rnn_tensor_grad(t));
        else lua_pushnil(L);
        return 1;
      }
      lua_pushvalue(L, 2);
      lua_gettable(L, lua_upvalueindex(1)); /* an error that suggests another name */
      return lrnn_error(L, "a tensor has no method or field '%s'", key);
    }
    case LUA_TTABLE: push_part(L, t); return 1;
    default:
      if (!(which = lrnn_test_tensor(L, 2))) break;
      rnn_tensor **box = lrnn_box(L);
      lrnn_check(L, rnn_tensor_pick(lrnn_context(L), t, 0, 1, &which, box));
      return 1;
  }
  return lrnn_argument_error(L, "index", 2, NULL, "an integer, a table of places, int32 ids, a mask or a name");
}

/* t[i] = v, t[{ ... }] = v, t[ids] = v, t[mask] = v */
static int tensor_newindex(lua_State *L) {
  rnn_tensor *t = lrnn_check_tensor(L, "assignment", 1), *which = lrnn_test_tensor(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING)
    return lrnn_error(L, "a tensor has no fields to change, got '%s'; x:requires_grad(true), x:zero_grad() and x:assign(y) "
                      "are methods", lua_tostring(L, 2));
  if (lua_istable(L, 2)) {
    assign_part(L, t);
  } else if (which) {
    put_value(L, t, 0, 1, &which, 3);
  } else {
    int64_t i = check_row(L, t, lrnn_check_integer(L, "assignment", 2, "index"));
    assign_value(L, "assignment", t, 1, &i, 3);
  }
  return 0;
}

const lrnn_function lrnn_part_methods[] = {
    {"get", lrnn_tensor_get, LRNN_ANY}, {"set", lrnn_tensor_set, LRNN_ANY}, {"rows", lrnn_tensor_rows, 3}, {NULL, NULL, 0}};

/* Upvalue 1 of each: the methods, which module.c has. */
const luaL_Reg lrnn_part_metamethods[] = {
    {"__index", tensor_index}, {"__newindex", tensor_newindex}, {"__pairs", pairs}, {NULL, NULL}};
