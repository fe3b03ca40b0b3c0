/* op.c: one C function for every op. Its upvalues are the op's number and, as looking for them takes longer than a small op,
   who keeps the context and the metatable of boxes; arguments are read as the op's signature says. */
#include <string.h>

#include "../binding.h"

#define MAX_PLAIN 8 /* tensors of ops without a list */

typedef struct number {
  int k;
  rnn_type type;
  double value;
} number;

typedef struct reader {
  lua_State *L;
  const rnn_op *op;
  const char *name, *signature;
  rnn_args args;
  rnn_tensor **t;
  number *number;
  int scalars;
  int ints, numbers;
  int absent; /* what the next optional integer or number is when it is not there */
  int arg; /* the next Lua argument */
} reader;

/* A number in the place of tensor k becomes a scalar, an integer one of the type of the tensors beside it. It is made
   when nothing can raise any more, and lives as long as the op takes. */
static void note_number(reader *r, int arg, rnn_type type) {
  lua_State *L = r->L;
  lua_Integer integer = lua_isinteger(L, arg) ? lua_tointeger(L, arg) : 0;
  if (!lua_isinteger(L, arg) || integer != (int32_t)integer) type = RNN_FLOAT;
  /* A float literal like 1e12 is an approximation, an integer is not. */
  if (type == RNN_FLOAT && lua_isinteger(L, arg)) lrnn_check_real(L, r->name, (double)integer);
  r->number[r->scalars++] = (number){r->args.nt, type, lua_tonumber(L, arg)};
}

/* Of the first tensor that is no mask. */
static rnn_type neighbour_type(const reader *r) {
  for (int i = 1; i <= lua_gettop(r->L); i++) {
    rnn_tensor *t = r->signature[i - 1] == 'm' ? NULL : lrnn_test_shape(r->L, i);
    if (t) return rnn_tensor_type(t);
    if (!r->signature[i - 1]) break;
  }
  return RNN_FLOAT;
}

static void read_tensor(reader *r, bool number_allowed) {
  rnn_tensor *t = lrnn_test_shape(r->L, r->arg);
  bool is_number = !t && number_allowed && lua_type(r->L, r->arg) == LUA_TNUMBER;
  if (is_number) note_number(r, r->arg, neighbour_type(r));
  else if (!t) lrnn_argument_error(r->L, r->name, r->arg, NULL, number_allowed ? "a tensor or a number" : "a tensor");
  r->t[r->args.nt++] = t;
}

static void read_list(reader *r) {
  int n = lrnn_table_length(r->L, r->name, r->arg);
  if (n == 0) lrnn_argument_error(r->L, r->name, r->arg, NULL, "a table of at least one tensor");
  r->t = lrnn_scratch(r->L, n);
  r->args.nt = lrnn_push_tensors(r->L, r->name, r->arg, n, r->t);
}

static int first_ndim(const reader *r) { return r->args.nt ? rnn_tensor_ndim(r->t[0]) : 0; }

/* One axis, or a table of several. */
static void read_axes(reader *r) {
  lua_State *L = r->L;
  bool table = lua_istable(L, r->arg);
  if (table && lua_rawlen(L, r->arg) == 0) lrnn_argument_error(L, r->name, r->arg, NULL, "an axis, or a table of at least one");
  r->args.nshape = 1;
  if (table) r->args.nshape = lrnn_check_axes(L, r->name, r->arg, first_ndim(r), r->args.shape);
  else r->args.shape[0] = lrnn_check_axis(L, r->name, r->arg, first_ndim(r));
}

/* The number of the name among the op's choices. */
static int64_t read_choice(reader *r) {
  lua_State *L = r->L;
  const char *const *names = rnn_op_choices(r->op);
  for (int i = 0; lua_type(L, r->arg) == LUA_TSTRING && names[i]; i++)
    if (strcmp(lua_tostring(L, r->arg), names[i]) == 0) return i;
  lua_pushfstring(L, "one of '%s'", names[0]);
  for (int i = 1; names[i]; i++) {
    lua_pushfstring(L, "%s, '%s'", lua_tostring(L, -1), names[i]);
    lua_remove(L, -2);
  }
  return lrnn_argument_error(L, r->name, r->arg, NULL, lua_tostring(L, -1));
}

/* Reads one argument; false when an optional one is absent. */
static void read_argument(reader *r, char letter, bool optional) {
  lua_State *L = r->L;
  if (letter == 't' && !optional) { /* most of them */
    read_tensor(r, true);
    r->arg++;
    return;
  }
  bool absent = lua_isnoneornil(L, r->arg);
  switch (letter) {
    case 't':
    case 'T':
    case 'm':
      if (!optional || !absent) read_tensor(r, letter == 't');
      else r->t[r->args.nt++] = NULL;
      break;
    case 'L': read_list(r); break;
    case 'i':
      r->args.i[r->ints++] = optional && absent ? r->absent : lrnn_check_integer(L, r->name, r->arg, NULL);
      if (optional) r->absent = 0;
      break;
    case 'n':
      r->args.n[r->numbers++] = optional && absent ? r->absent : lrnn_check_number(L, r->name, r->arg, NULL);
      if (optional) r->absent = 0;
      break;
    case 'b': r->args.i[r->ints++] = lrnn_check_boolean(L, r->name, r->arg, NULL); break;
    case 'x': r->args.i[r->ints++] = lrnn_check_axis(L, r->name, r->arg, first_ndim(r)); break;
    case 'X': r->args.i[r->ints++] = absent ? -1 : lrnn_check_axis(L, r->name, r->arg, first_ndim(r)); break;
    case 'c': r->args.i[r->ints++] = absent ? 0 : read_choice(r); break;
    case 'a': r->args.nshape = lrnn_check_axes(L, r->name, r->arg, first_ndim(r), r->args.shape); break;
    case 'A':
      if (!absent) read_axes(r);
      break;
    case 's': r->args.nshape = lrnn_check_shape(L, r->name, r->arg, -1, r->args.shape); break;
    default: luaL_error(L, "op %s: unknown letter in its signature", r->name);
  }
  r->arg++;
}

static rnn_status make_scalars(rnn_ctx *ctx, const number *n, int count, rnn_tensor **t) {
  for (int i = 0; i < count; i++) {
    rnn_status status = rnn_tensor_new(ctx, n[i].type, 0, NULL, &t[n[i].k]);
    if (status != RNN_OK) return status;
    if (n[i].type == RNN_INT) *rnn_tensor_ints(t[n[i].k]) = (int32_t)n[i].value;
    else *rnn_tensor_floats(t[n[i].k]) = (rnn_real)n[i].value;
  }
  return RNN_OK;
}

static rnn_status apply_once(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args, const number *n, int scalars,
                             rnn_tensor **t, rnn_tensor **out) {
  rnn_status status = make_scalars(ctx, n, scalars, t);
  if (status == RNN_OK) status = rnn_apply(ctx, op, args, out);
  for (int i = 0; i < scalars; i++) {
    rnn_tensor_free(t[n[i].k]);
    t[n[i].k] = NULL;
  }
  return status;
}

/* The tensors of args, t, lack the scalars. metatable: see lrnn_new_box. */
static int apply(lua_State *L, rnn_ctx *ctx, int metatable, const rnn_op *op, const rnn_args *args, const number *n,
                 int scalars, rnn_tensor **t) {
  rnn_tensor **boxes[RNN_MAX_OUTPUTS], *out[RNN_MAX_OUTPUTS];
  int count = rnn_op_outputs(op, args);
  for (int i = 0; i < count; i++) boxes[i] = lrnn_new_box(L, metatable);
  lrnn_note_position(L, ctx);
  rnn_status status = apply_once(ctx, op, args, n, scalars, t, out);
  if (status == RNN_ENOMEM) { /* perhaps garbage holds what is missing */
    lua_gc(L, LUA_GCCOLLECT);
    status = apply_once(ctx, op, args, n, scalars, t, out);
  }
  lrnn_check(L, status);
  for (int i = 0; i < count; i++) *boxes[i] = out[i];
  return count;
}

int lrnn_apply(lua_State *L, const rnn_op *op, const rnn_args *args) {
  return apply(L, lrnn_collect_sometimes(L), 0, op, args, NULL, 0, NULL);
}

enum { NUMBER = 1, HOLDER, METATABLE }; /* upvalues */

static int op_call(lua_State *L) {
  lua_Integer index = lua_tointeger(L, lua_upvalueindex(NUMBER));
  const rnn_op *op = index == (int)index ? rnn_op_at((int)index) : NULL;
  if (!op || !lua_istable(L, lua_upvalueindex(METATABLE))) return luaL_error(L, "no such op");
  rnn_tensor *plain[MAX_PLAIN];
  number numbers[MAX_PLAIN];
  reader r = {.L = L, .op = op, .name = rnn_op_name(op), .signature = rnn_op_signature(op), .t = plain,
              .number = numbers, .absent = rnn_op_absent(op), .arg = 1};
  int most = 0;
  for (const char *s = r.signature; *s; s++) {
    if ((*s == 's' || *s == 'a') && !lua_istable(L, most + 1)) most = lua_gettop(L); /* one by one, to the last */
    else if (*s != '?') most++;
  }
  int top = lua_gettop(L), given = top > most ? lrnn_count(L, most) : top;
  if (top != most) lua_settop(L, most); /* what is absent is nil, whatever comes onto the stack meanwhile */
  for (const char *s = r.signature; *s; s++) {
    bool optional = *s == '?';
    if (optional) s++;
    read_argument(&r, *s, optional);
  }
  int last = r.scalars ? r.number[r.scalars - 1].k : -1;
  while (r.args.nt > 0 && !r.t[r.args.nt - 1] && r.args.nt - 1 != last) r.args.nt--;
  if (given > most) return lrnn_count_error(L, r.name, most, given); /* a wrong argument explains more */
  r.args.t = r.t;
  rnn_ctx *ctx = lrnn_collect_for(L, lua_upvalueindex(HOLDER));
  return apply(L, ctx, lua_upvalueindex(METATABLE), op, &r.args, r.number, r.scalars, r.t);
}

/* -x comes with x twice. */
static int negate(lua_State *L) {
  lua_settop(L, 1);
  return op_call(L);
}

static void push(lua_State *L, int index, lua_CFunction call) {
  lua_pushinteger(L, index);
  lrnn_push_holder(L);
  lrnn_push_metatable(L);
  lua_pushcclosure(L, call, 3);
}

void lrnn_push_op(lua_State *L, int index) { push(L, index, op_call); }

void lrnn_push_negation(lua_State *L) {
  int neg = 0;
  while (strcmp(rnn_op_name(rnn_op_at(neg)), "neg") != 0) neg++;
  push(L, neg, negate);
}
