/* box.c: what comes in the place of a tensor is one, or an error. */
#include <string.h>

#include "binding.h"

#define CONTEXT "rnn.Context"

void *lrnn_check_class(lua_State *L, const char *fname, const char *class) {
  void *self = lrnn_test(L, 1, class);
  if (!self) lrnn_argument_error(L, fname, 1, NULL, lua_pushfstring(L, "a userdata of class %s", class));
  return self;
}

static int holder_gc(lua_State *L) {
  lrnn_context_end(lrnn_check_class(L, "__gc", CONTEXT));
  return 0;
}

/* What was a box before its finaliser ran. */
static bool is_ended(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TUSERDATA || !lua_getmetatable(L, arg)) return false;
  lrnn_push_metatable(L);
  return lua_rawequal(L, -1, -2);
}

static int box_gc(lua_State *L) {
  if (lrnn_box_end(L, 1) || is_ended(L, 1)) return 0;
  return lrnn_argument_error(L, "__gc", 1, NULL, "a tensor");
}

rnn_tensor *lrnn_check_shape_of(lua_State *L, const char *fname, int arg) {
  rnn_tensor *t = lrnn_test_shape(L, arg);
  if (!t) lrnn_argument_error(L, fname, arg, NULL, "a tensor");
  return t;
}

/* A tensor of a formula has no values to be read or written. */
static rnn_tensor *need_values(lua_State *L, const char *fname, rnn_tensor *t) {
  if (!rnn_tensor_is_formula(t)) return t;
  size_t n = fname ? strlen(fname) : 0;
  bool writes = n > 0 && (fname[n - 1] == '_' || strncmp(fname, "assign", 6) == 0 || strcmp(fname, "set") == 0);
  if (writes) lrnn_error(L, "%s changes its argument in place; write h = h + ...", fname);
  bool reads = !fname || !rnn_op_find(fname);
  static const char *const others[] = {"detach", "copy", "requires_grad", "retain_grad", "with_lengths", "recurrent", "backward"};
  for (size_t i = 0; reads && i < sizeof others / sizeof *others; i++) reads = strcmp(fname ? fname : "", others[i]) != 0;
  if (!reads) lrnn_error(L, "%s has no rule for a formula", fname);
  lrnn_error(L, "step reads a value: a formula has no values yet; use where(cond, a, b)");
  return NULL;
}

rnn_tensor *lrnn_test_tensor(lua_State *L, int arg) { return need_values(L, NULL, lrnn_test_shape(L, arg)); }

rnn_tensor *lrnn_check_tensor(lua_State *L, const char *fname, int arg) {
  return need_values(L, fname, lrnn_check_shape_of(L, fname, arg));
}

rnn_tensor *lrnn_check_rows(lua_State *L, const char *fname, int arg) {
  rnn_tensor *t = lrnn_check_tensor(L, fname, arg);
  if (rnn_tensor_floats(t) || rnn_tensor_ints(t)) return t;
  rnn_tensor **rows = lrnn_box(L);
  lrnn_check(L, rnn_tensor_contiguous(lrnn_context(L), t, rows));
  lua_replace(L, arg);
  return *rows;
}

int lrnn_table_length(lua_State *L, const char *fname, int arg) {
  lrnn_check_table(L, fname, arg, NULL);
  lua_Unsigned n = lua_rawlen(L, arg);
  if (n > 100000) lrnn_error(L, "%s: argument %d: a table of more than 100000 tensors", fname, arg);
  return (int)n;
}

int lrnn_push_tensors(lua_State *L, const char *fname, int arg, int max, rnn_tensor **out) {
  int n = lrnn_table_length(L, fname, arg);
  if (n > max) n = max; /* the table shrank or grew between two looks only if a finaliser did it */
  luaL_checkstack(L, n + 8, "too many tensors");
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, arg, i + 1);
    out[i] = lrnn_test_shape(L, -1);
    if (!out[i])
      lrnn_error(L, "%s: argument %d: expected a table of tensors, but element %d is %s", fname, arg, i + 1,
                 luaL_typename(L, -1));
  }
  return n;
}

void lrnn_box_open(lua_State *L) {
  /* Before any tensor: finalisers run in reverse order, so the context goes last. */
  lrnn_context_open(L, CONTEXT, holder_gc);

  lua_createtable(L, 0, 24);
  lua_pushliteral(L, "rnn.Tensor");
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable"); /* scripts cannot reach __gc and call it on something else */
  lrnn_metatable_open(L, box_gc);
}
