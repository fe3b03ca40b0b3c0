/* tape.c: applying ops, and recording them for the way back (backward.c).
 *
 * A record (rnni_node) lives as long as something can still need it: a result of the op, or a later record. So a graph
 * that never sees backward costs nothing once its results are gone, and nothing here is recursive: chains of a million
 * records are freed by a loop. Records carry rising numbers. */
#include <stdio.h>

#include "tape.h"

/* ---- life of a record --------------------------------------------------------------------------------------------- */

void rnni_free_all(rnn_tensor **t, int n) {
  for (int i = 0; i < n; i++) {
    if (!t[i]) continue;
    rnn_tensor_free(t[i]);
    t[i] = NULL;
  }
}

void rnni_node_empty(rnn_ctx *ctx, rnni_node *node) {
  rnni_call *c = &node->call;
  rnni_free_all(c->in, c->nin);
  rnni_free_all(c->out, c->nout);
  rnni_free_all(c->dout, c->nout);
  rnni_free_all(c->scratch, RNNI_MAX_SCRATCH);
  if (node->hooks) rnni_hooks_free(&node->hooks);
  rnn_program_free(c->args.program);
  c->args.program = NULL;
  if (node->custom.free) node->custom.free(node->custom.self);
  node->custom.free = NULL;
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor_free(node->edges[i].leaf);
    if (node->edges[i].node) rnni_node_release(ctx, node->edges[i].node);
    node->edges[i] = (rnni_edge){0};
  }
}

void rnni_node_release(rnn_ctx *ctx, rnni_node *node) {
  if (--node->refs > 0) return;
  node->next_dead = ctx->dead;
  ctx->dead = node;
  if (ctx->reaping) return;
  ctx->reaping = true;
  while ((node = ctx->dead)) {
    ctx->dead = node->next_dead;
    rnni_node_empty(ctx, node);
    rnni_free(ctx, node->where);
    rnni_free(ctx, node);
  }
  ctx->reaping = false;
}

/* t dies: its share in its record goes. */
static void node_forget(rnn_tensor *t) {
  rnni_node *node = t->node;
  if (node->results[t->output] == t) node->results[t->output] = NULL;
  rnni_node_release(t->ctx, node);
}

/* One block holds the record and all its arrays. */
static rnn_status node_new(rnn_ctx *ctx, const rnni_call *c, rnni_node **out) {
  size_t nin = (size_t)c->nin, nout = (size_t)c->nout;
  size_t size = sizeof(rnni_node) + nin * (sizeof(rnn_tensor *) + sizeof(rnni_edge) + sizeof(uint32_t) + sizeof(bool)) +
                nout * (3 * sizeof(rnn_tensor *) + sizeof(uint32_t));
  rnni_node *node;
  RNNI_TRY(rnni_calloc(ctx, size, &node));
  node->refs = 1;
  node->seq = ctx->next_seq++;
  node->call = *c;
  char *p = (char *)(node + 1);
  node->edges = (rnni_edge *)p, p += nin * sizeof(rnni_edge);
  node->call.in = (rnn_tensor **)p, p += nin * sizeof(rnn_tensor *);
  node->call.out = (rnn_tensor **)p, p += nout * sizeof(rnn_tensor *);
  node->call.dout = (rnn_tensor **)p, p += nout * sizeof(rnn_tensor *);
  node->results = (rnn_tensor **)p, p += nout * sizeof(rnn_tensor *);
  node->versions = (uint32_t *)p, p += (nin + nout) * sizeof(uint32_t);
  node->wants = (bool *)p;
  node->call.wants = node->wants;
  node->call.args.t = node->call.in;
  if (c->args.recurrent) {
    node->recurrent = *c->args.recurrent;
    node->call.args.recurrent = &node->recurrent;
  }
  if (c->args.program) rnni_program_ref(c->args.program);
  ctx->drop_node = node_forget;
  *out = node;
  return RNN_OK;
}

static rnn_status save(rnn_ctx *ctx, rnn_tensor *t, bool values, rnn_tensor **out) {
  return values ? rnn_tensor_detach(ctx, t, out) : rnni_tensor_shell(ctx, t, out);
}

static rnn_status node_fill(rnn_ctx *ctx, rnni_node *node, const rnni_call *c) {
  unsigned saves = c->saves;
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor *t = c->in[i];
    if (!t) continue;
    bool values = saves & (1u << RNNI_MIN(i, 15));
    RNNI_TRY(save(ctx, t, values, &node->call.in[i]));
    if (values) node->versions[i] = t->storage->version;
    if (!t->requires_grad) continue;
    node->wants[i] = true;
    if (t->node) {
      node->edges[i] = (rnni_edge){.node = t->node, .output = t->output};
      t->node->refs++;
    } else {
      node->edges[i] = (rnni_edge){.leaf = rnn_tensor_ref(t)};
    }
  }
  for (int i = 0; i < c->nout; i++) {
    RNNI_TRY(save(ctx, c->out[i], saves & RNNI_SAVE_OUT, &node->call.out[i]));
    node->versions[c->nin + i] = c->out[i]->storage->version;
  }
  memcpy(node->call.args.i, c->args.i, sizeof c->args.i); /* forward may note something for backward here */
  memcpy(node->call.scratch, c->scratch, sizeof c->scratch);
  return RNN_OK;
}

static void node_share(rnn_tensor *t, const rnn_tensor *from) {
  t->requires_grad = from->requires_grad;
  t->node = from->node;
  t->output = from->output;
  if (t->node) t->node->refs++;
}

rnn_status rnni_tensor_stand_in(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor **out) {
  if (t->contiguous) {
    *out = rnn_tensor_ref(t);
    return RNN_OK;
  }
  RNNI_TRY(rnn_tensor_copy(ctx, t, out));
  node_share(*out, t);
  return RNN_OK;
}

static void attach(rnni_node *node, rnn_tensor *result, int output) {
  result->requires_grad = true;
  result->node = node;
  result->output = output;
  node->refs++;
}

rnn_status rnni_record(rnn_ctx *ctx, const rnni_call *c, rnn_tensor *result) {
  rnni_node *node;
  bool retained = result->node && result->node->results[result->output] == result;
  RNNI_TRY(node_new(ctx, c, &node));
  rnn_status status = node_fill(ctx, node, c);
  if (status == RNN_OK) {
    if (result->node) node_forget(result);
    attach(node, result, 0);
    if (retained) node->results[0] = result;
  }
  rnni_node_release(ctx, node);
  return status;
}

rnn_status rnni_record_new(rnn_ctx *ctx, const rnni_call *c, rnni_node **node) {
  RNNI_TRY(node_new(ctx, c, node));
  rnn_status status = node_fill(ctx, *node, c);
  if (status == RNN_OK && ctx->checks_finite) status = rnni_strdup(ctx, ctx->where, &(*node)->where);
  for (int i = 0; status == RNN_OK && i < c->nout; i++)
    if (c->out[i]->type == RNN_FLOAT) attach(*node, c->out[i], i);
  bool last = (*node)->refs == 1;
  rnni_node_release(ctx, *node);
  if (last) *node = NULL;
  return status;
}

/* ---- applying -------------------------------------------------------------------------------------------------- */

static rnn_status find_lengths(rnn_ctx *ctx, const rnni_call *c, rnn_tensor **lengths) {
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor *l = c->in[i] ? c->in[i]->lengths : NULL;
    if (!l) continue;
    if (c->op->lengths == RNNI_LENGTHS_REFUSE)
      return rnni_fail(ctx, RNN_EARG,
                       "%s: would lose the lengths of its argument %s; x:without_lengths() drops them on purpose",
                       c->op->name, RNNI_SHAPE(c->in[i]));
    if (c->op->lengths != RNNI_LENGTHS_KEEP) continue;
    RNNI_TRY(rnni_need_same_lengths(ctx, c, *lengths, l));
    *lengths = l;
  }
  return RNN_OK;
}

static rnn_status keep_lengths(rnn_ctx *ctx, rnni_call *c, rnn_tensor *lengths) {
  for (int i = 0; lengths && i < c->nout; i++) {
    rnn_tensor *y = c->out[i];
    const rnn_tensor *x = NULL;
    for (int j = 0; j < c->nin && !x; j++)
      if (c->in[j] && c->in[j]->lengths) x = c->in[j];
    if (y->ndim < 2 || y->dims[0] != x->dims[0] || y->dims[1] != x->dims[1])
      return rnni_fail(ctx, RNN_ESHAPE,
                       "%s: would lose the lengths of its argument %s, as the result is %s; x:without_lengths() drops "
                       "them on purpose",
                       c->op->name, RNNI_SHAPE(x), RNNI_SHAPE(y));
    if (!y->lengths) y->lengths = rnn_tensor_ref(lengths);
  }
  return RNN_OK;
}

rnn_status rnn_check_logits(rnn_ctx *ctx, const char *fname, const rnn_tensor *x, const char *taken) {
  RNNI_NEED(ctx, fname && x && taken, "check_logits: fname, x or taken is NULL");
  const rnni_node *node = x->node;
  while (node && node->call.op->view && node->edges[0].node) node = node->edges[0].node;
  const char *name = node ? node->call.op->name : "";
  bool softmax = strcmp(name, "softmax") == 0, hard = strcmp(name, "hard_sigmoid") == 0;
  if (!softmax && !hard && strcmp(name, "sigmoid") != 0) return RNN_OK;
  if (strcmp(taken, "log") == 0)
    return rnni_fail(ctx, RNN_EARG, "%s: expected logarithms, but %s gave these; log_softmax gives them", fname, name);
  if (softmax != (strcmp(taken, "softmax") == 0)) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: its logits are what %s gave, and it takes the %s itself: leave nn.%s out", fname, name,
                   taken, softmax ? "Softmax" : hard ? "HardSigmoid" : "Sigmoid");
}

rnn_status rnni_check_inputs(rnn_ctx *ctx, const rnni_call *c, bool *record) {
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor *t = c->in[i];
    if (!t || !ctx->recording) continue;
    RNNI_TRY(rnni_refresh(ctx, t));
    *record |= t->requires_grad && c->op->backward; /* argmax, comparisons ...: piecewise constant, nothing to record */
  }
  return c->op->logits ? rnn_check_logits(ctx, c->op->name, c->in[0], c->op->logits) : RNN_OK;
}

rnn_status rnni_check_fresh(rnn_ctx *ctx, const rnni_call *c, rnn_tensor *const *in) {
  for (int i = 0; i < c->nin; i++)
    if (in[i] && in[i]->requires_grad && in[i]->node && in[i]->node->consumed)
      return rnni_fail(ctx, RNN_ESTALE,
                       "%s: %s %s is a result of a computation that backward has already consumed; detach it to go on "
                       "from its values: x:detach(), nn.detach(state)",
                       c->op->name, rnni_input_name(c, i), RNNI_SHAPE(in[i]));
  return RNN_OK;
}

/* Does input i have to become float? Of where, a mask is none of the values. */
static bool becomes_float(const rnni_call *c, int i) {
  if (!c->op->mixes || c->in[i]->type != RNN_INT || c->op->args[i] == 'm') return false;
  bool any = c->op->mixes == RNNI_FLOATS;
  for (int k = 0; k < c->nin; k++) any |= c->op->args[k] != 'm' && c->in[k]->type == RNN_FLOAT;
  return any;
}

static rnn_status as_float(rnn_ctx *ctx, const rnni_call *c, int i, rnn_tensor *rows, rnn_tensor **out) {
  char what[80];
  snprintf(what, sizeof what, "%s: %s", c->op->name, rnni_input_name(c, i));
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, rows->ndim, rows->dims, out));
  (*out)->lengths = rnn_tensor_ref(rows->lengths);
  return rnni_to_float(ctx, what, rows, rnni_f(*out));
}

/* Ops read their inputs row by row, and some in one type: those that are otherwise get stand-ins, in an array of their
   own. */
static rnn_status stand_in(rnn_ctx *ctx, rnni_call *c, rnn_tensor ***made) {
  bool all = true;
  for (int i = 0; i < c->nin; i++) all &= !c->in[i] || (c->in[i]->contiguous && !becomes_float(c, i));
  if (all || c->op->view) return RNN_OK;
  RNNI_TRY(rnni_calloc(ctx, (size_t)c->nin * sizeof **made, made));
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor **t = &(*made)[i], *rows;
    if (!c->in[i]) continue;
    RNNI_TRY(rnni_tensor_stand_in(ctx, c->in[i], t));
    if (!becomes_float(c, i)) continue;
    rows = *t;
    *t = NULL;
    rnn_status status = as_float(ctx, c, i, rows, t);
    rnn_tensor_free(rows);
    RNNI_TRY(status);
  }
  c->in = *made;
  c->args.t = *made;
  return RNN_OK;
}

rnn_status rnn_apply(rnn_ctx *ctx, const rnn_op *op, const rnn_args *args, rnn_tensor **out) {
  RNNI_NEED(ctx, op && args && out, "op, args or out is NULL");
  RNNI_TRY(rnni_check_args(ctx, op, args));
  rnni_call c = {.op = op, .args = *args, .nin = args->nt, .in = (rnn_tensor **)args->t, .out = out,
                 .saves = op->saves};
  rnni_node *node = NULL;
  rnn_tensor *lengths = NULL, **made = NULL;
  rnn_random_state random = ctx->random;
  bool record = false;
  const rnn_form low = ctx->low;
  rnn_status status;
  c.nout = rnn_op_outputs(op, args);
  memset(out, 0, (size_t)c.nout * sizeof *out);
  if (rnni_is_traced(args)) return rnni_trace_note(ctx, &c);
  RNNI_TRY(rnni_check_inputs(ctx, &c, &record));
  RNNI_TRY(find_lengths(ctx, &c, &lengths));
  c.out_type = RNN_FLOAT;
  RNNI_GOTO(stand_in(ctx, &c, &made));
  RNNI_GOTO(op->shape(ctx, &c));
  record &= !c.flat;
  if (record) {
    RNNI_GOTO(rnni_check_fresh(ctx, &c, args->t));
    RNNI_GOTO(node_new(ctx, &c, &node));
    for (int i = 0; i < c.nin; i++) node->wants[i] = c.in[i] && c.in[i]->requires_grad;
    c.wants = node->wants;
    c.keep = true;
  }
  if (c.out_ndim >= 0) RNNI_GOTO(rnni_tensor_raw(ctx, c.out_type, c.out_ndim, c.out_dims, &out[0]));
  ctx->low = op->products ? rnni_products_form(ctx, args->t, args->nt, op->integers && !record) : RNN_FORM_FLOAT;
  if (node) node->low = ctx->low;
  status = op->forward(ctx, &c);
  ctx->low = low;
  bool cut = atomic_load_explicit(&rnni_files_cut, memory_order_relaxed);
  for (int i = 0; cut && i < c.nin && status == RNN_OK; i++)
    if (rnni_is_cut(c.in[i]))
      status = rnni_fail(ctx, RNN_EIO, "%s: the file that argument %d lies in has been cut short", op->name, i + 1);
  if (status != RNN_OK) goto done;
  RNNI_GOTO(keep_lengths(ctx, &c, lengths));
  if (ctx->checks_finite) RNNI_GOTO(rnni_check_results(ctx, &c));
  if (record) {
    if (ctx->checks_finite) RNNI_GOTO(rnni_strdup(ctx, ctx->where, &node->where));
    RNNI_GOTO(node_fill(ctx, node, &c));
    for (int i = 0; i < c.nout; i++)
      if (out[i]->type == RNN_FLOAT) attach(node, out[i], i);
  }
  if (op->commit) op->commit(&c, args->t);
  if (record) memset(c.scratch, 0, sizeof c.scratch); /* the record owns it now */
done:
  if (status != RNN_OK) {
    if (node) memset(node->call.scratch, 0, sizeof node->call.scratch); /* c's below; may be the same */
    rnni_free_all(out, c.nout);
    ctx->random = random;
  }
  rnni_free_all(c.scratch, RNNI_MAX_SCRATCH);
  if (node) rnni_node_release(ctx, node);
  if (made) {
    rnni_free_all(made, c.nin);
    rnni_free(ctx, made);
  }
  return status;
}

/* ---- what a tensor says of its gradient --------------------------------------------------------------------------- */

rnn_status rnni_history_of(rnn_ctx *ctx, rnn_tensor *t) {
  bool was = rnn_ctx_set_recording(ctx, true);
  rnn_status status = rnni_refresh(ctx, t);
  rnn_ctx_set_recording(ctx, was);
  return status;
}

rnn_status rnn_tensor_set_requires_grad(rnn_ctx *ctx, rnn_tensor *t, bool on) {
  RNNI_NEED_TENSOR(ctx, t);
  if (t->type != RNN_FLOAT)
    return rnni_fail(ctx, RNN_ETYPE, "requires_grad: only float tensors have gradients, this is int32 %s", RNNI_SHAPE(t));
  if (t->node)
    return rnni_fail(ctx, RNN_EARG, "requires_grad: %s is a result of an op; x:detach() makes a new beginning",
                     RNNI_SHAPE(t));
  if (on && !t->contiguous)
    return rnni_fail(ctx, RNN_EARG, "requires_grad: this part %s does not lie in rows; x:copy() does", RNNI_SHAPE(t));
  if (on) { /* a beginning of its own */
    rnn_tensor_free(t->base);
    t->base = NULL;
  }
  t->requires_grad = on;
  return RNN_OK;
}

bool rnn_tensor_is_leaf(const rnn_tensor *t) { return t && !t->node && !(t->base && t->base->node); }
bool rnn_tensor_requires_grad(const rnn_tensor *t) {
  return t && (t->requires_grad || (t->base && t->writes != t->base->writes));
}
rnn_tensor *rnn_tensor_grad(const rnn_tensor *t) { return t ? t->grad : NULL; }

void rnn_tensor_clear_grad(rnn_tensor *t) {
  rnn_tensor_free(t->grad);
  t->grad = NULL;
}

rnn_status rnn_tensor_retain_grad(rnn_ctx *ctx, rnn_tensor *t) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_TRY(rnni_history_of(ctx, t));
  if (!t->requires_grad)
    return rnni_fail(ctx, RNN_EARG, "retain_grad: %s does not depend on a parameter", RNNI_SHAPE(t));
  if (t->node) t->node->results[t->output] = t;
  return RNN_OK;
}
