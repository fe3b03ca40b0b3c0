/* trace.c: formulas and programs in Lua: what nn.Recurrent makes of a cell's step. */
#include <string.h>

#include "../binding.h"

#define TRACE "rnn.Trace"
#define PROGRAM "rnn.Program"
#define MOST 64 /* inputs of a step: x, t and the tensors of a state */

typedef struct holder {
  rnn_trace *trace;
} holder;

static int trace_gc(lua_State *L) {
  holder *h = lrnn_check_class(L, "__gc", TRACE);
  rnn_trace_free(h->trace);
  h->trace = NULL;
  return 0;
}

static rnn_trace *check_trace(lua_State *L, const char *fname) {
  holder *h = lrnn_test(L, 1, TRACE);
  if (!h || !h->trace) lrnn_argument_error(L, fname, 1, "trace", "what rnn.trace gave");
  return h->trace;
}

/*--- rnn.trace(samples, widths, f [, lines]) -> trace, results
---
--- Runs f once on tensors (samples, width) without values, one for each of widths, in which a tensor (N, width) stands for its
--- own, and notes the ops that it applies to them instead of computing them. Ops on other tensors compute as always. results are what f returned. With lines each op
--- knows the script's line. Errors: those of f; what has no meaning for all time steps at once: a value that is read,
--- a change in place, random numbers, an op without a rule or one that mixes samples.
---@param samples integer
---@param widths (integer|rnn.Tensor)[]
---@param f function
---@param lines? boolean
---@return userdata trace
---@return any ... */
static int lrnn_trace(lua_State *L) {
  const char *fname = "trace";
  lua_settop(L, 4);
  lua_Integer samples = lrnn_check_integer(L, fname, 1, "samples");
  if (samples < 1 || samples > 1 << 30) lrnn_argument_error(L, fname, 1, "samples", "an integer from 1 to 1073741824");
  lrnn_check_table(L, fname, 2, "widths");
  if (!lua_isfunction(L, 3)) lrnn_argument_error(L, fname, 3, "f", "a function");
  bool lines = lua_toboolean(L, 4);
  int n = (int)lua_rawlen(L, 2);
  if (n < 1 || n > MOST) return lrnn_error(L, "trace: argument 2 (widths): expected 1 to %d widths, got %d", MOST, n);
  luaL_checkstack(L, n + 8, NULL);
  holder *h = lrnn_new(L, TRACE, sizeof *h, 0, trace_gc); /* at 5 */
  lua_pushvalue(L, 3);
  int64_t widths[MOST];
  rnn_tensor **boxes[MOST];
  for (int i = 0; i < n; i++) {
    int whole = 1;
    lua_rawgeti(L, 2, i + 1);
    rnn_tensor *like = lrnn_test_shape(L, -1);
    char text[160];
    if (like && (rnn_tensor_ndim(like) != 2 || rnn_tensor_type(like) != RNN_FLOAT))
      return lrnn_error(L, "a state is a tensor %s, not (N, width)", rnn_tensor_describe(like, text, sizeof text));
    widths[i] = like ? rnn_tensor_dims(like)[1] : lua_tointegerx(L, -1, &whole);
    if (!whole || widths[i] < 1 || widths[i] > INT32_MAX)
      return lrnn_error(L, "trace: input %d: expected a width from 1 on, got %d", i + 1, (int)widths[i]);
    lua_pop(L, 1);
    boxes[i] = lrnn_new_box(L, 0); /* without values: what it takes is nothing */
  }
  /* From here to its end nothing raises: a trace that goes on refuses random numbers everywhere. */
  lrnn_check(L, rnn_trace_begin(lrnn_context(L), samples, lines, &h->trace));
  rnn_status status = RNN_OK;
  for (int i = 0; i < n && status == RNN_OK; i++)
    status = rnn_trace_input(h->trace, 2, (int64_t[]){samples, widths[i]}, boxes[i]);
  if (status != RNN_OK) {
    rnn_trace_end(h->trace);
    return lrnn_check(L, status), 0;
  }
  int failed = lua_pcall(L, n, LUA_MULTRET, 0);
  const char *effect = rnn_trace_side_effect(h->trace);
  rnn_trace_end(h->trace);
  if (failed != LUA_OK) return lua_error(L);
  if (effect) return lrnn_error(L, "%s", effect);
  return lua_gettop(L) - 4;
}

static rnn_trace *check_other(lua_State *L, const char *fname) {
  holder *h = lrnn_test(L, 2, TRACE);
  if (!h || !h->trace) lrnn_argument_error(L, fname, 2, "other", "what rnn.trace gave");
  return h->trace;
}

/* Is x a tensor (samples, width) of the formula? */
static bool is_result(const rnn_trace *t, rnn_tensor *x) {
  return x && rnn_trace_place(t, x) > 0 && rnn_tensor_ndim(x) == 2 &&
         rnn_tensor_dims(x)[0] == rnn_trace_node_at(t, 1)->dims[0];
}

/*--- rnn.trace_results(trace, y, states [, more]) -> boolean
---
--- Are y and states results of a step: (samples, width) each, and as many states, as wide, as the formula has inputs behind the
--- first two? Then they, and more, are a part of its structure from now on. Errors: what rnn.trace did not give.
---@param trace userdata
---@param y any
---@param states table
---@param more? rnn.Tensor[] (samples, width) each
---@return boolean */
static int lrnn_trace_results(lua_State *L) {
  const char *fname = "trace_results";
  lua_settop(L, 4);
  rnn_trace *t = check_trace(L, fname);
  lrnn_check_table(L, fname, 3, "states");
  int states = (int)lua_rawlen(L, 3), more = lua_istable(L, 4) ? (int)lua_rawlen(L, 4) : 0, n = 0;
  rnn_tensor **results = lrnn_scratch(L, 1 + states + more);
  const rnn_trace_node *after = rnn_trace_node_at(t, 3 + states);
  bool right = states <= MOST && rnn_trace_count(t) >= 2 + states && !(after && !after->op);
  results[n++] = lrnn_test_shape(L, 2);
  for (int i = 1; i <= states && right; i++) {
    lua_rawgeti(L, 3, i);
    rnn_tensor *x = results[n++] = lrnn_test_shape(L, -1);
    const rnn_trace_node *before = rnn_trace_node_at(t, 2 + i);
    right = is_result(t, x) && !before->op && rnn_tensor_dims(x)[1] == before->dims[1];
    lua_pop(L, 1);
  }
  for (int i = 1; i <= more && right; i++) {
    lua_rawgeti(L, 4, i);
    right = is_result(t, results[n++] = lrnn_test_shape(L, -1));
    lua_pop(L, 1);
  }
  right = right && is_result(t, results[0]);
  if (right) lrnn_check(L, rnn_trace_results(t, results, n));
  lua_pushboolean(L, right);
  return 1;
}

/*--- rnn.trace_alike(trace, other) -> boolean
---
--- Have two formulas the same structure, results included? Then they differ in the values of captured tensors alone.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param other userdata
---@return boolean */
static int lrnn_trace_alike(lua_State *L) {
  lua_settop(L, 2);
  lua_pushboolean(L, rnn_trace_alike(check_trace(L, "trace_alike"), check_other(L, "trace_alike")));
  return 1;
}

/*--- rnn.trace_same(trace, other) -> boolean
---
--- Are two formulas the same, with the same values in their captured tensors, which neither has given away?
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param other userdata
---@return boolean */
static int lrnn_trace_same(lua_State *L) {
  lua_settop(L, 2);
  lua_pushboolean(L, rnn_trace_same(check_trace(L, "trace_same"), check_other(L, "trace_same")));
  return 1;
}

/*--- rnn.trace_place(trace, x) -> integer
---
--- The number of the op that gives x, from 1; inputs come first. 0 when x is no tensor of the formula.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param x any
---@return integer */
static int lrnn_trace_place(lua_State *L) {
  lua_settop(L, 2);
  lua_pushinteger(L, rnn_trace_place(check_trace(L, "trace_place"), lrnn_test_shape(L, 2)));
  return 1;
}

static void push_integers(lua_State *L, const int64_t *list, int n) {
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushinteger(L, (lua_Integer)list[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

/*--- rnn.trace_nodes(trace) -> table
---
--- The ops of a formula in order: { op, inputs, dims, integers, numbers, shape, each, line }. inputs are places, or minus the
--- place of a captured tensor; 0 where an optional one is absent. Axes and places count from 0 here.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@return table[] */
static int lrnn_trace_nodes(lua_State *L) {
  rnn_trace *t = check_trace(L, "trace_nodes");
  int n = rnn_trace_count(t);
  lua_createtable(L, n, 0);
  for (int k = 1; k <= n; k++) {
    const rnn_trace_node *node = rnn_trace_node_at(t, k);
    lua_createtable(L, 0, 8);
    if (node->op) lua_pushstring(L, rnn_op_name(node->op));
    else lua_pushliteral(L, "input");
    lua_setfield(L, -2, "op");
    lua_createtable(L, node->nt, 0);
    for (int i = 0; i < node->nt; i++) {
      lua_pushinteger(L, node->inputs[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "inputs");
    push_integers(L, node->dims, node->ndim);
    lua_setfield(L, -2, "dims");
    push_integers(L, node->args.i, 4);
    lua_setfield(L, -2, "integers");
    lua_createtable(L, 2, 0);
    for (int i = 0; i < 2; i++) {
      lua_pushnumber(L, node->args.n[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "numbers");
    push_integers(L, node->args.shape, node->args.nshape);
    lua_setfield(L, -2, "shape");
    lua_pushboolean(L, node->each);
    lua_setfield(L, -2, "each");
    lua_pushstring(L, node->where);
    lua_setfield(L, -2, "line");
    lua_rawseti(L, -2, k);
  }
  return 1;
}

/*--- rnn.trace_captured(trace [, tensors]) -> table [, places]
---
--- The tensors with values that the formula uses, in the order of their places; from then on it holds them no longer. places
--- says of each which of tensors it is, 0 for none of them.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@param tensors? rnn.Tensor[] of any shape
---@return rnn.Tensor[] of any shape
---@return integer[]? places */
static int lrnn_trace_captured(lua_State *L) {
  lua_settop(L, 2);
  rnn_trace *t = check_trace(L, "trace_captured");
  int n = rnn_trace_captured_count(t), known = lua_isnil(L, 2) ? -1 : lrnn_table_length(L, "trace_captured", 2);
  rnn_tensor **in = lrnn_scratch(L, known);
  known = known < 0 ? -1 : lrnn_push_tensors(L, "trace_captured", 2, known, in);
  lua_createtable(L, n, 0);
  for (int k = 1; k <= n; k++) {
    rnn_tensor **box = lrnn_new_box(L, 0);
    *box = rnn_tensor_ref(rnn_trace_captured(t, k));
    lua_rawseti(L, -2, k);
  }
  if (known >= 0) {
    lua_createtable(L, n, 0);
    for (int k = 1; k <= n; k++) {
      int found = 0;
      for (int i = 0; i < known && !found; i++) found = in[i] == rnn_trace_captured(t, k) ? i + 1 : 0;
      lua_pushinteger(L, found);
      lua_rawseti(L, -2, k);
    }
  }
  rnn_trace_forget(t);
  return known >= 0 ? 2 : 1;
}

/*--- rnn.trace_numbers(trace) -> string
---
--- The values of the numbers (tensors without axes) that the formula uses, as bytes, until rnn.trace_captured.
--- Errors: what rnn.trace did not give.
---@param trace userdata
---@return string */
static int lrnn_trace_numbers(lua_State *L) {
  rnn_trace *t = check_trace(L, "trace_numbers");
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (int k = 1; k <= rnn_trace_captured_count(t); k++) {
    rnn_tensor *x = rnn_trace_captured(t, k);
    if (rnn_tensor_ndim(x) == 0) luaL_addlstring(&text, rnn_tensor_data(x), sizeof(rnn_real));
  }
  luaL_pushresult(&text);
  return 1;
}

/*--- rnn.trace_apply(trace, place, tensors ...) -> tensor
---
--- Computes the op of a place on tensors with values, of any number of rows; nil where an optional one is absent.
--- Errors: a place without an op; those of the op.
---@param trace userdata
---@param place integer
---@param ... rnn.Tensor (rows, width) each, or parameters of the op
---@return rnn.Tensor (rows, width) */
static int lrnn_trace_apply(lua_State *L) {
  rnn_trace *t = check_trace(L, "trace_apply");
  lua_Integer place = lrnn_check_integer(L, "trace_apply", 2, "place");
  int n = lua_gettop(L) - 2;
  rnn_tensor *in[RNN_TRACE_INPUTS];
  if (place < 1 || place > rnn_trace_count(t) || !rnn_trace_node_at(t, (int)place)->op)
    return lrnn_argument_error(L, "trace_apply", 2, "place", "the place of an op");
  if (n > RNN_TRACE_INPUTS) return lrnn_error(L, "trace_apply: at most %d tensors, got %d", RNN_TRACE_INPUTS, n);
  for (int i = 0; i < n; i++) in[i] = lua_isnil(L, 3 + i) ? NULL : lrnn_check_tensor(L, "trace_apply", 3 + i);
  while (n > 0 && !in[n - 1]) n--;
  rnn_tensor **box = lrnn_box(L);
  lrnn_note_position(L, lrnn_context(L));
  const char *where = rnn_trace_node_at(t, (int)place)->where;
  if (*where && rnn_ctx_wants_lines(lrnn_context(L))) rnn_ctx_note(lrnn_context(L), where);
  lrnn_check(L, rnn_trace_apply(t, (int)place, in, n, box));
  return 1;
}

/* ---- programs ---- */

typedef struct program_holder {
  rnn_program *program;
} program_holder;

static int program_gc(lua_State *L) {
  program_holder *h = lrnn_check_class(L, "__gc", PROGRAM);
  rnn_program_free(h->program);
  h->program = NULL;
  return 0;
}

/* The integer in a field of the table on top; otherwise when it is absent. */
static int64_t field(lua_State *L, const char *name, int64_t otherwise) {
  int whole;
  lua_getfield(L, -1, name);
  int64_t v = lua_isnil(L, -1) ? (whole = 1, otherwise) : lua_tointegerx(L, -1, &whole);
  if (!whole || v < INT32_MIN || v > INT32_MAX) lrnn_error(L, "program: field '%s' is no integer", name);
  lua_pop(L, 1);
  return v;
}

static bool flag(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  bool v = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}

/* The number of a field's name in a list. */
static int choice(lua_State *L, const char *name, const char *const *list, bool optional) {
  int found = -1;
  lua_getfield(L, -1, name);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  for (int i = 0; text && list[i]; i++)
    if (strcmp(text, list[i]) == 0) found = i;
  if (found < 0 && !(optional && lua_isnil(L, -1))) lrnn_error(L, "program: field '%s' is none of its names", name);
  lua_pop(L, 1);
  return found < 0 ? 0 : found;
}

/* Pushes the list in a field of the program's table, at 1, and zeroed memory for what it holds. */
static void *list(lua_State *L, const char *name, size_t size, int *count) {
  if (lua_getfield(L, 1, name) != LUA_TTABLE) lrnn_error(L, "program: field '%s' is no list", name);
  lua_Unsigned n = lua_rawlen(L, -1);
  if (n > 4096) lrnn_error(L, "program: field '%s' has more than 4096 entries", name);
  *count = (int)n;
  return memset(lua_newuserdatauv(L, (size_t)(n + 1) * size, 0), 0, (size_t)(n + 1) * size);
}

/* Entry i of the list below what is on top. */
static void entry(lua_State *L, int i, const char *name) {
  if (lua_rawgeti(L, -2, i + 1) != LUA_TTABLE) lrnn_error(L, "program: entry %d of '%s' is no table", i + 1, name);
}

static const rnn_instruction *read_code(lua_State *L, const char *name, int *count) {
  rnn_instruction *code = list(L, name, sizeof *code, count);
  for (int i = 0; i < *count; i++) {
    rnn_instruction *to = &code[i];
    entry(L, i, name);
    lua_getfield(L, -1, "op"); /* stays alive in its table */
    to->name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    to->to = (int)field(L, "to", 0) - 1;
    to->in[0] = (int)field(L, "a", 0) - 1;
    to->in[1] = (int)field(L, "b", 0) - 1;
    to->in[2] = (int)field(L, "c", 0) - 1;
    to->add = flag(L, "add");
    to->turned = flag(L, "turned");
    static const char *const numbers[] = {"p", "q"};
    for (int k = 0; k < 2; k++) {
      lua_getfield(L, -1, numbers[k]);
      to->numbers[k] = lua_tonumber(L, -1);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  return code;
}

/*--- rnn.program(text) -> program
---
--- Compiles what rnn.scan runs. text has counts inputs, states; flow, the value that a watch takes for the gradient of the
--- first state; values, a list of { kind, index, width, rows, form, from };
--- forward and backward, lists of instructions { op, to, a, b, c, p, q, add, turned } on values by their number;
--- products, { left, matrix, gradient, turned } each; results, { value, batch } each; watched, { value, activation, gate } each. See core/rnn.h.
--- Errors: what would reach outside of a value or read one that nobody wrote.
---@param text table
---@return userdata */
static int lrnn_program(lua_State *L) {
  static const char *const kinds[] = {"stream", "constant", "matrix", "before", "after", "saved", "temporary",
                                      "d_after", "d_before", "d_result", "d_stream", "d_product", "part", NULL};
  static const char *const forms[] = {"number", "row", "samples", NULL};
  static const char *const functions[] = {"tanh", "relu", "sigmoid", "hard_sigmoid", "softsign", NULL};
  lua_settop(L, 1);
  lrnn_check_table(L, "program", 1, "text");
  rnn_program_text t = {0};
  lua_pushvalue(L, 1);
  t.inputs = (int)field(L, "inputs", 0);
  t.states = (int)field(L, "states", 0);
  t.flow = (int)field(L, "flow", 0) - 1;
  rnn_value *values = list(L, "values", sizeof *values, &t.value_count);
  for (int i = 0; i < t.value_count; i++) {
    entry(L, i, "values");
    values[i] = (rnn_value){.kind = (rnn_value_kind)choice(L, "kind", kinds, false), .index = (int)field(L, "index", 1) - 1,
                            .width = field(L, "width", 0), .rows = field(L, "rows", 0), .from = field(L, "from", 0),
                            .form = (rnn_constant_form)choice(L, "form", forms, true)};
    lua_pop(L, 1);
  }
  t.values = values;
  t.forward = read_code(L, "forward", &t.forward_count);
  t.backward = read_code(L, "backward", &t.backward_count);
  rnn_program_product *products = list(L, "products", sizeof *products, &t.product_count);
  for (int i = 0; i < t.product_count; i++) {
    entry(L, i, "products");
    products[i] = (rnn_program_product){.left = (int)field(L, "left", 0) - 1, .matrix = (int)field(L, "matrix", 0) - 1,
                                        .gradient = (int)field(L, "gradient", 0) - 1, .turned = flag(L, "turned")};
    lua_pop(L, 1);
  }
  t.products = products;
  rnn_program_result *results = list(L, "results", sizeof *results, &t.result_count);
  for (int i = 0; i < t.result_count; i++) {
    entry(L, i, "results");
    results[i] = (rnn_program_result){.value = (int)field(L, "value", 0) - 1, .batch = flag(L, "batch")};
    lua_pop(L, 1);
  }
  t.results = results;
  rnn_watched_value *watched = list(L, "watched", sizeof *watched, &t.watched_count);
  for (int i = 0; i < t.watched_count; i++) {
    entry(L, i, "watched");
    static const int activations[] = {RNN_TANH, RNN_RELU, RNN_SIGMOID, RNN_HARD_SIGMOID, RNN_SOFTSIGN};
    watched[i] = (rnn_watched_value){.value = (int)field(L, "value", 0) - 1,
                                     .function = activations[choice(L, "activation", functions, false)], .gate = flag(L, "gate")};
    lua_pop(L, 1);
  }
  t.watched = watched;
  program_holder *h = lrnn_new(L, PROGRAM, sizeof *h, 0, program_gc);
  lrnn_check(L, rnn_program_new(lrnn_context(L), &t, &h->program));
  return 1;
}

/*--- rnn.scan(program, tensors, steps [, reverse [, lengths [, watch]]]) -> tensors ...
---
--- Runs a program over all steps, time-major: tensors are its inputs and the first state of each. Gives the last state of
--- each, (N, width), and the results, (steps N, width) or (N, steps, width). watch is a number as for rnn.recurrent.
--- Errors: tensors that do not fit the program.
---@param program userdata
---@param tensors rnn.Tensor[]
---@param steps integer
---@param reverse? boolean
---@param lengths? rnn.Tensor int32 (N)
---@param watch? integer
---@return rnn.Tensor ... */
static int lrnn_scan(lua_State *L) {
  const char *fname = "scan";
  lua_settop(L, 6);
  program_holder *h = lrnn_test(L, 1, PROGRAM);
  if (!h || !h->program) return lrnn_argument_error(L, fname, 1, "program", "what rnn.program gave");
  int n = lrnn_table_length(L, fname, 2);
  rnn_args args = {.program = h->program, .i = {lrnn_check_integer(L, fname, 3, "steps"), lua_toboolean(L, 4), 0}};
  if (args.i[0] < 1 || args.i[0] > INT32_MAX) return lrnn_argument_error(L, fname, 3, "steps", "an integer from 1 on");
  rnn_tensor **in = lrnn_scratch(L, n + 1);
  n = lrnn_push_tensors(L, fname, 2, n, in);
  in[n] = lua_isnil(L, 5) ? NULL : lrnn_check_tensor(L, fname, 5);
  if (!lua_isnil(L, 6)) args.i[2] = lrnn_check_integer(L, fname, 6, "watch");
  args.t = in;
  args.nt = n + 1;
  luaL_checkstack(L, RNN_MAX_OUTPUTS + 8, NULL);
  return lrnn_apply(L, rnn_op_find("scan"), &args);
}

void lrnn_trace_open(lua_State *L) {
  lrnn_class(L, TRACE, trace_gc);
  lrnn_class(L, PROGRAM, program_gc);
  lua_pop(L, 2);
}

const lrnn_function lrnn_trace_functions[] = {
    {"trace", lrnn_trace, 4},           {"trace_results", lrnn_trace_results, 4}, {"trace_alike", lrnn_trace_alike, 2},
    {"trace_same", lrnn_trace_same, 2},
    {"trace_place", lrnn_trace_place, 2},
    {"trace_nodes", lrnn_trace_nodes, 1}, {"trace_captured", lrnn_trace_captured, 2},
    {"trace_numbers", lrnn_trace_numbers, 1},
    {"trace_apply", lrnn_trace_apply, LRNN_ANY}, {"program", lrnn_program, 1}, {"scan", lrnn_scan, 6}, {NULL, NULL, 0}};
