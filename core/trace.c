/* trace.c: formulas. While a trace goes on, ops on its tensors are noted instead of computed: the step of a cell runs once
 * and gives the list of its ops, from which a plan of the whole loop over time is made (recurrent/scan.c).
 *
 * A tensor of a formula has a shape (N, ...), with a row for each sample, and no values: it is a view that never moves over
 * a single NaN, so nothing that reads it by mistake can crash. Ops on other tensors compute as always, once a call: what
 * depends on parameters only never enters the loop. Only ops whose rows do not mix may be noted, as the same op will also
 * run over the rows of all time steps at once. */
#include <stdio.h>

#include "internal.h"
#include "ops/ops.h"

/* How an op treats its first axis, of samples. */
typedef enum rows {
  EACH,    /* element by element, broadcast */
  AXIS,    /* along the axis i[0] */
  AXES,    /* over the axes of shape[], none for all */
  LAST,    /* along the last axis; other tensors are parameters of it */
  PRODUCT, /* of rows with a matrix that all have in common; of a matrix for each sample with one of its own */
  SHAPE    /* shape[0] is the number of samples, or -1 */
} rows;

#define OP(name) &rnni_op_##name
static const struct {
  const rnn_op *op;
  rows rows;
} known[] = {
    {OP(neg), EACH}, {OP(abs), EACH}, {OP(sign), EACH}, {OP(exp), EACH}, {OP(expm1), EACH}, {OP(log), EACH},
    {OP(log1p), EACH}, {OP(sqrt), EACH}, {OP(rsqrt), EACH}, {OP(square), EACH}, {OP(reciprocal), EACH},
    {OP(sin), EACH}, {OP(cos), EACH}, {OP(tan), EACH}, {OP(asin), EACH}, {OP(acos), EACH}, {OP(atan), EACH},
    {OP(sinh), EACH}, {OP(cosh), EACH}, {OP(erf), EACH}, {OP(floor), EACH}, {OP(ceil), EACH}, {OP(round), EACH},
    {OP(clamp), EACH}, {OP(is_finite), EACH}, {OP(tanh), EACH}, {OP(sigmoid), EACH}, {OP(relu), EACH},
    {OP(leaky_relu), EACH}, {OP(elu), EACH}, {OP(selu), EACH}, {OP(softplus), EACH}, {OP(gelu), EACH},
    {OP(silu), EACH}, {OP(log_sigmoid), EACH}, {OP(softsign), EACH}, {OP(hard_sigmoid), EACH}, {OP(add), EACH},
    {OP(sub), EACH}, {OP(mul), EACH}, {OP(div), EACH}, {OP(floor_div), EACH}, {OP(mod), EACH}, {OP(pow), EACH},
    {OP(atan2), EACH}, {OP(maximum), EACH}, {OP(minimum), EACH}, {OP(eq), EACH}, {OP(ne), EACH}, {OP(lt), EACH},
    {OP(le), EACH}, {OP(gt), EACH}, {OP(ge), EACH}, {OP(logical_and), EACH}, {OP(logical_or), EACH},
    {OP(logical_xor), EACH}, {OP(logical_not), EACH}, {OP(where), EACH}, {OP(fma), EACH}, {OP(sum), AXES},
    {OP(mean), AXES},
    {OP(prod), AXES}, {OP(max), AXES}, {OP(min), AXES}, {OP(any), AXES}, {OP(all), AXES}, {OP(norm), AXES},
    {OP(softmax), AXIS}, {OP(log_softmax), AXIS}, {OP(logsumexp), AXES}, {OP(cumsum), AXIS}, {OP(concat), AXIS},
    {OP(slice), AXIS}, {OP(layer_norm), LAST}, {OP(linear), PRODUCT}, {OP(matmul), PRODUCT}, {OP(reshape), SHAPE},
};
#undef OP

struct rnn_trace {
  rnn_ctx *ctx;
  uint64_t id; /* of its tensors; another for each trace */
  int64_t samples;
  rnn_tensor *nothing; /* the NaN */
  rnn_trace_node *nodes; /* those of inputs first */
  int count, room;
  rnn_tensor **captured; /* tensors with values that the formula uses */
  int captured_count, captured_room;
  char *signature; /* all of the structure as bytes */
  size_t used, size;
  bool wrote, lines, records;
  rnn_random_state random;
};

static rnn_status grow(rnn_ctx *ctx, void *block, int count, int *room, size_t size) {
  if (count < *room) return RNN_OK;
  int more = *room ? 2 * *room : 32;
  RNNI_TRY(rnni_realloc(ctx, (size_t)more * size, block));
  *room = more;
  return RNN_OK;
}

static rnn_status sign(rnn_trace *t, const void *bytes, size_t size) {
  if (t->used + size > t->size) {
    size_t more = 2 * t->size + size + 1024;
    RNNI_TRY(rnni_realloc(t->ctx, more, &t->signature));
    t->size = more;
  }
  memcpy(t->signature + t->used, bytes, size);
  t->used += size;
  return RNN_OK;
}

/* ---- life ---- */

void rnn_trace_end(rnn_trace *t) {
  if (!t || t->ctx->trace != t) return;
  t->ctx->trace = NULL;
  t->wrote = t->ctx->trace_wrote;
  t->ctx->random = t->random; /* whoever drew is refused, and draws again step by step */
  t->ctx->recording = t->records;
}

void rnn_trace_forget(rnn_trace *t) {
  for (int i = 0; t && i < t->captured_count; i++) rnn_tensor_free(t->captured[i]);
  if (t) t->captured_count = 0;
}

void rnn_trace_free(rnn_trace *t) {
  if (!t) return;
  rnn_trace_end(t);
  rnn_trace_forget(t);
  rnn_tensor_free(t->nothing);
  rnni_free(t->ctx, t->captured);
  rnni_free(t->ctx, t->signature);
  rnni_free(t->ctx, t->nodes);
  rnni_free(t->ctx, t);
}

bool rnn_ctx_wants_lines(const rnn_ctx *ctx) { return ctx->checks_finite || (ctx->trace && ctx->trace->lines); }

rnn_status rnn_trace_begin(rnn_ctx *ctx, int64_t samples, bool lines, rnn_trace **out) {
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_NEED(ctx, samples >= 1, "samples is not 1 or more");
  if (ctx->trace) return rnni_fail(ctx, RNN_EARG, "a layer inside a step has no formula of its own");
  rnn_trace *t;
  RNNI_TRY(rnni_calloc(ctx, sizeof *t, &t));
  *t = (rnn_trace){.ctx = ctx, .samples = samples, .lines = lines, .id = ++ctx->traces, .random = ctx->random,
                   .records = ctx->recording};
  rnn_status status = rnni_tensor_raw(ctx, RNN_FLOAT, 0, NULL, &t->nothing);
  if (status != RNN_OK) {
    rnn_trace_free(t);
    return status;
  }
  rnni_f(t->nothing)[0] = (real)NAN;
  ctx->trace = t;
  ctx->trace_wrote = false;
  *out = t;
  return RNN_OK;
}

static const char writes[] = "step changes a tensor in place; write h = h + ... and return what is new as state";
static const char switches[] = "step switches recording off or on, and leaves it so";
static const char draws[] = "step draws random numbers; use the options zoneout and recurrent_dropout";

rnn_status rnni_trace_refuse_write(rnn_ctx *ctx) { return rnni_fail(ctx, RNN_EARG, "%s", writes); }

rnn_status rnni_trace_refuse_draw(rnn_ctx *ctx) { return rnni_fail(ctx, RNN_EARG, "%s", draws); }

const char *rnn_trace_side_effect(const rnn_trace *t) {
  if (t->ctx->trace == t ? t->ctx->trace_wrote : t->wrote) return writes;
  if (t->ctx->recording != t->records) return switches;
  bool drew = t->random.position != t->ctx->random.position || t->random.seed != t->ctx->random.seed;
  return drew ? draws : NULL;
}

/* ---- tensors of a formula ---- */

static const int64_t still[RNN_MAX_DIMS];

static rnn_status formula(rnn_trace *t, int ndim, const int64_t *dims, rnn_tensor **out) {
  RNNI_TRY(rnni_tensor_view(t->ctx, t->nothing, ndim, dims, still, 0, out));
  (*out)->formula = t->id;
  (*out)->place = t->count;
  return RNN_OK;
}

bool rnn_tensor_is_formula(const rnn_tensor *t) { return t && t->formula; }

int rnn_trace_place(const rnn_trace *t, const rnn_tensor *x) { return x && x->formula == t->id ? x->place : 0; }

static rnn_status add_node(rnn_trace *t, const rnn_trace_node *node, rnn_tensor **out) {
  RNNI_TRY(grow(t->ctx, &t->nodes, t->count, &t->room, sizeof *t->nodes));
  t->nodes[t->count++] = *node;
  rnn_status status = formula(t, node->ndim, node->dims, out);
  if (status != RNN_OK) t->count--;
  return status;
}

rnn_status rnn_trace_input(rnn_trace *t, int ndim, const int64_t *dims, rnn_tensor **out) {
  RNNI_NEED(t ? t->ctx : NULL, out, "out is NULL");
  RNNI_NEED(t->ctx, ndim >= 2 && ndim <= RNN_MAX_DIMS && dims[0] == t->samples, "dims do not begin with the samples");
  rnn_trace_node node = {.ndim = ndim};
  memcpy(node.dims, dims, (size_t)ndim * sizeof *dims);
  int64_t described[RNN_MAX_DIMS + 1] = {ndim};
  memcpy(described + 1, dims + 1, (size_t)(ndim - 1) * sizeof *dims);
  size_t used = t->used;
  RNNI_TRY(sign(t, described, (size_t)ndim * sizeof *described));
  rnn_status status = add_node(t, &node, out);
  if (status != RNN_OK) t->used = used;
  return status;
}

/* ---- noting an op ---- */

static rnn_status mixes(rnn_ctx *ctx, const rnni_call *c) {
  return rnni_fail(ctx, RNN_EARG, "%s mixes samples of the batch", c->op->name);
}

static rnn_status rows_of(rnn_ctx *ctx, const rnni_call *c, rows *out) {
  const rnn_op *op = c->op;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].op == op) {
      *out = known[i].rows;
      return RNN_OK;
    }
  if (op == &rnni_op_select && c->args.i[0] == 0)
    return rnni_fail(ctx, RNN_EARG, "step takes a sample out of the batch; where(cond, a, b) decides for each of them");
  if (op == &rnni_op_dropout) return rnni_trace_refuse_draw(ctx);
  return rnni_fail(ctx, RNN_EARG, "%s has no rule for a formula", op->name);
}

/* May input i be a part of the formula? Parameters of an op may not. */
static bool made_of_rows(const rnni_call *c, rows how, int i) {
  return i == 0 || how == EACH || *c->op->args == 'L' || (c->op == &rnni_op_linear && i == 2);
}

/* Rows stay rows: of the result, and of what stands beside formulas. */
static rnn_status check_rows(rnn_trace *t, const rnni_call *c, rows how) {
  rnn_ctx *ctx = t->ctx;
  if (how == AXIS && c->args.i[0] == 0) return mixes(ctx, c);
  for (int i = 0; how == AXES && i < c->args.nshape; i++)
    if (c->args.shape[i] == 0) return mixes(ctx, c);
  if (how == AXES && c->args.nshape == 0) return mixes(ctx, c);
  for (int i = 0; i < c->nin; i++) {
    const rnn_tensor *x = c->in[i];
    if (!x) continue;
    if (x->type != RNN_FLOAT)
      return rnni_fail(ctx, RNN_EARG, "%s takes an int32 tensor; x:to_float() makes it a float", c->op->name);
    if (x->formula && !made_of_rows(c, how, i))
      return rnni_fail(ctx, RNN_EARG, "%s: %s is made by the step itself, for which there is no rule", c->op->name,
                       rnni_input_name(c, i));
    bool own = c->op == &rnni_op_matmul && x->ndim == 3 && c->in[0]->ndim == 3 && x->dims[0] == t->samples;
    if (how == PRODUCT && (i == 0 ? !x->formula : i == 1 && x->ndim != 2 && !own)) return mixes(ctx, c);
  }
  if (c->out_ndim < 2)
    return rnni_fail(ctx, RNN_EARG, "%s leaves no axis of features; keepdim = true does", c->op->name);
  return c->out_dims[0] == t->samples ? RNN_OK : mixes(ctx, c);
}

/* The number of a tensor with values: -1, -2 ... in the order of their first use. */
static rnn_status capture(rnn_trace *t, rnn_tensor *x, int *input) {
  for (int i = 0; i < t->captured_count; i++)
    if (t->captured[i] == x && x->ndim > 0) { /* numbers are new each time */
      *input = -1 - i;
      return RNN_OK;
    }
  RNNI_TRY(grow(t->ctx, &t->captured, t->captured_count, &t->captured_room, sizeof *t->captured));
  t->captured[t->captured_count++] = rnn_tensor_ref(x);
  *input = -t->captured_count;
  int64_t described[RNN_MAX_DIMS + 2] = {x->ndim, x->requires_grad};
  for (int i = 0; i < x->ndim; i++) described[i + 2] = i == 0 && x->ndim > 1 && x->dims[0] == t->samples && x->dims[0] > 1 ? -1 : x->dims[i];
  return sign(t, described, (size_t)(x->ndim + 2) * sizeof *described);
}

/* From axis on, of what begins at these bytes. */
static bool same_part(const rnn_tensor *a, const rnn_tensor *b, int axis, const char *x, const char *y) {
  int64_t size = (int64_t)rnni_type_size(a->type);
  if (axis == a->ndim) return memcmp(x, y, (size_t)size) == 0;
  for (int64_t i = 0; i < a->dims[axis]; i++)
    if (!same_part(a, b, axis + 1, x + i * a->strides[axis] * size, y + i * b->strides[axis] * size)) return false;
  return true;
}

static bool same_values(const rnn_tensor *a, const rnn_tensor *b) {
  if (a == b) return true;
  if (a->type != b->type || !rnni_same_shape(a, b)) return false;
  if (!a->contiguous || !b->contiguous) return a->data == b->data || same_part(a, b, 0, a->data, b->data);
  return memcmp(a->data, b->data, (size_t)a->count * rnni_type_size(a->type)) == 0;
}

rnn_status rnn_trace_results(rnn_trace *t, rnn_tensor *const *results, int count) {
  RNNI_NEED_TENSORS(t ? t->ctx : NULL, results, count);
  for (int i = 0; i < count; i++) {
    int place = rnn_trace_place(t, results[i]);
    RNNI_TRY(sign(t, &place, sizeof place));
  }
  return RNN_OK;
}

bool rnn_trace_alike(const rnn_trace *a, const rnn_trace *b) {
  return a->used == b->used && (!a->used || memcmp(a->signature, b->signature, a->used) == 0);
}

bool rnn_trace_same(const rnn_trace *a, const rnn_trace *b) {
  if (!rnn_trace_alike(a, b) || a->captured_count != b->captured_count) return false;
  for (int i = 0; i < a->captured_count; i++)
    if (!same_values(a->captured[i], b->captured[i])) return false;
  return true;
}

bool rnni_is_traced(const rnn_args *args) {
  for (int i = 0; i < args->nt; i++)
    if (args->t[i] && args->t[i]->formula) return true;
  return false;
}

/* The op as a node and in the signature; what it fails at is half done. */
static rnn_status note(rnn_trace *t, rnni_call *c, rows how) {
  rnn_trace_node node = {.op = c->op, .args = c->args, .nt = c->nin, .ndim = c->out_ndim, .each = how == EACH};
  memcpy(node.dims, c->out_dims, sizeof node.dims);
  for (int i = 0; i < c->nin; i++) {
    if (!c->in[i]) continue;
    if (c->in[i]->formula) node.inputs[i] = c->in[i]->place;
    else RNNI_TRY(capture(t, c->in[i], &node.inputs[i]));
  }
  node.args.t = NULL;
  if (t->lines) memcpy(node.where, t->ctx->where, sizeof node.where);
  RNNI_TRY(sign(t, &node.op, sizeof node.op));
  RNNI_TRY(sign(t, node.inputs, (size_t)node.nt * sizeof *node.inputs));
  RNNI_TRY(sign(t, node.args.i, sizeof node.args.i));
  RNNI_TRY(sign(t, node.args.n, sizeof node.args.n));
  if (node.args.nshape) RNNI_TRY(sign(t, node.args.shape, (size_t)node.args.nshape * sizeof *node.args.shape));
  RNNI_TRY(sign(t, node.dims + 1, (size_t)(node.ndim - 1) * sizeof *node.dims));
  return add_node(t, &node, &c->out[0]);
}

rnn_status rnni_trace_note(rnn_ctx *ctx, rnni_call *c) {
  rnn_trace *t = ctx->trace;
  rows how = EACH;
  for (int i = 0; i < c->nin; i++)
    if (c->in[i] && c->in[i]->formula && (!t || c->in[i]->formula != t->id))
      return rnni_fail(ctx, RNN_EARG, "%s uses a tensor of an earlier step; return it as state", c->op->name);
  if (ctx->recording != t->records)
    return rnni_fail(ctx, RNN_EARG, "step switches recording for %s (rnn.no_grad), for which there is no rule", c->op->name);
  RNNI_TRY(rows_of(ctx, c, &how));
  if (c->nin > RNN_TRACE_INPUTS) return rnni_fail(ctx, RNN_EARG, "%s takes more than %d tensors", c->op->name, RNN_TRACE_INPUTS);
  c->out_type = RNN_FLOAT;
  RNNI_TRY(c->op->shape(ctx, c));
  if (c->op == &rnni_op_slice) c->out_ndim = c->in[0]->ndim; /* views are made by forward */
  if (how == SHAPE) c->out_ndim = c->args.nshape;
  RNNI_TRY(check_rows(t, c, how));
  for (int i = 0; how == SHAPE && i < c->args.nshape; i++) c->args.shape[i] = i ? c->out_dims[i] : -1;
  size_t used = t->used;
  int captured = t->captured_count;
  rnn_status status = note(t, c, how);
  if (status == RNN_OK) return status;
  while (t->captured_count > captured) rnn_tensor_free(t->captured[--t->captured_count]);
  t->used = used;
  return status;
}

/* ---- reading ---- */

const char *rnn_trace_signature(const rnn_trace *t, size_t *size) {
  *size = t->used;
  return t->signature;
}

int rnn_trace_count(const rnn_trace *t) { return t->count; }
const rnn_trace_node *rnn_trace_node_at(const rnn_trace *t, int place) {
  return place >= 1 && place <= t->count ? &t->nodes[place - 1] : NULL;
}
int rnn_trace_captured_count(const rnn_trace *t) { return t->captured_count; }
rnn_tensor *rnn_trace_captured(const rnn_trace *t, int k) {
  return k >= 1 && k <= t->captured_count ? t->captured[k - 1] : NULL;
}

rnn_status rnn_trace_apply(rnn_trace *t, int place, rnn_tensor *const *in, int count, rnn_tensor **out) {
  const rnn_trace_node *node = rnn_trace_node_at(t, place);
  RNNI_NEED(t->ctx, node && node->op && out, "there is no such op");
  rnn_args args = node->args;
  args.t = in;
  args.nt = count;
  return rnn_apply(t->ctx, node->op, &args, out);
}
