/* module.c: the whole Lua surface of the core on one page: require "rnn.core". */
#include <string.h>

#include "binding.h"
#include "host/interrupt.h"

#ifdef RNN_DOUBLE
#define OPEN luaopen_rnn_core_double
#else
#define OPEN luaopen_rnn_core
#endif

static const lrnn_function *const functions[] = {
    lrnn_check_functions, lrnn_tensor_functions, lrnn_print_functions, lrnn_like_functions, lrnn_grad_functions, lrnn_custom_functions,
    lrnn_train_functions, lrnn_shard_functions, lrnn_trace_functions, lrnn_stepper_functions, lrnn_system_functions,
    lrnn_terminal_functions, lrnn_csv_functions,
    lrnn_numbers_functions, lrnn_archive_functions, lrnn_json_functions, lrnn_events_functions,
    lrnn_runfile_functions, lrnn_bundle_functions, lrnn_audio_functions,
#ifdef RNNLUA_CAIRO
    lrnn_picture_functions,
#endif
    NULL};

static void interrupt(void *ctx) { rnn_ctx_interrupt(ctx); }
static bool clear(void *ctx) { return rnn_ctx_clear_interrupt(ctx); }
static uint64_t trained(void *ctx) {
  (void)ctx;
  return lrnn_backward_calls;
}

static char methods_key, module_key;

/* Adds to the table on top the functions of every op, or of those whose name begins with family and a dot. */
static void set_ops(lua_State *L, const char *family) {
  for (int i = 0; rnn_op_at(i); i++) {
    const rnn_op *op = rnn_op_at(i);
    const char *name = rnn_op_name(op), *dot = strchr(name, '.');
    if (strchr("RP", *rnn_op_signature(op))) continue; /* recurrent and scan have functions of their own */
    if (family ? !dot || strncmp(name, family, (size_t)(dot - name)) != 0 : dot != NULL) continue;
    lrnn_push_op(L, i);
    lua_setfield(L, -2, family ? dot + 1 : name);
  }
}

/* From the table of methods on top to the metatable below it. */
static void set_operators(lua_State *L) {
  static const char *const names[][2] = {{"__add", "add"}, {"__sub", "sub"}, {"__mul", "mul"},
                                         {"__div", "div"}, {"__pow", "pow"}, {"__idiv", "floor_div"},
                                         {"__mod", "mod"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lua_getfield(L, -1, names[i][1]);
    lua_setfield(L, -3, names[i][0]);
  }
  lrnn_push_negation(L);
  lua_setfield(L, -3, "__unm");
}

/* Likewise; with the methods as an upvalue. */
static void set_metamethods(lua_State *L, const luaL_Reg *list) {
  for (; list->name; list++) {
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, list->func, 1);
    lua_setfield(L, -3, list->name);
  }
}

static void open_metatable(lua_State *L) {
  lrnn_box_open(L); /* metatable */
  lua_newtable(L);  /* methods */
  set_ops(L, NULL);
  lrnn_set_functions(L, lrnn_tensor_methods);
  lrnn_set_functions(L, lrnn_part_methods);
  lrnn_set_functions(L, lrnn_like_functions);
  lrnn_set_functions(L, lrnn_grad_methods);
  lrnn_set_functions(L, lrnn_custom_methods);
  set_metamethods(L, lrnn_tensor_metamethods);
  set_metamethods(L, lrnn_part_metamethods);
  set_operators(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key);
  lua_setfield(L, -2, "names"); /* for completion, as in lazy tables: __index is a function */
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int OPEN(lua_State *L);

int OPEN(lua_State *L) {
  luaL_checkversion(L);
  /* One context for a state: a second would leave the tensors of the first without theirs. */
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key) == LUA_TTABLE) return 1;
  lua_pop(L, 1);
  open_metatable(L);
  lrnn_custom_open(L);
  lrnn_events_open_class(L);
  lrnn_runfile_open(L);
  lrnn_numbers_open(L);
  lrnn_locale_open(L);
  lrnn_format_open(L);
  lrnn_trace_open(L);
  lrnn_nil_open(L);
  lua_newtable(L);
  set_ops(L, NULL);
  lua_newtable(L);
  set_ops(L, "linalg");
  lua_setfield(L, -2, "_linalg"); /* for rnn.linalg */
  for (int i = 0; functions[i]; i++) lrnn_set_functions(L, functions[i]);
  lrnn_stepper_open(L);
  lua_pushliteral(L, RNN_PRECISION);
  lua_setfield(L, -2, "precision");
  lua_pushliteral(L, RNN_VERSION);
  lua_setfield(L, -2, "version");
#ifdef __SANITIZE_ADDRESS__
  lua_pushboolean(L, 1); /* freed memory stays in quarantine, so tests do not look at the process's size */
#else
  lua_pushboolean(L, 0);
#endif
  lua_setfield(L, -2, "sanitized");
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key); /* the stdlib adds those made of other ops: split */
  lua_setfield(L, -2, "methods");
  lrnn_interrupt *i = lua_newuserdatauv(L, sizeof *i, 0);
  *i = (lrnn_interrupt){interrupt, clear, trained, lrnn_context(L)};
  lua_setfield(L, LUA_REGISTRYINDEX, LRNN_INTERRUPT);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
  return 1;
}
