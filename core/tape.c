/* tape.c: applying ops, recording them, and running the record backwards.
 *
 * A record (rnni_node) lives as long as something can still need it: a result of the op, or a later record. So a graph
 * that never sees backward costs nothing once its results are gone, and nothing here is recursive: chains of a million
 * records are freed and differentiated by loops. Records carry rising numbers; backward takes the largest number that
 * has received a gradient, and by then all its gradients have arrived. */
#include "tape.h"

bool rnn_ctx_recording(const rnn_ctx *ctx) { return ctx->recording; }

bool rnn_ctx_set_recording(rnn_ctx *ctx, bool on) {
  bool was = ctx->recording;
  ctx->recording = on;
  return was;
}

/* ---- life of a record --------------------------------------------------------------------------------------------- */

static void free_all(rnn_tensor **t, int n) {
  for (int i = 0; i < n; i++) {
    rnn_tensor_free(t[i]);
    t[i] = NULL;
  }
}

static void node_release(rnn_ctx *ctx, rnni_node *node);

/* Lets go of saved values and of earlier records; the record itself stays as long as its results do. */
static void node_empty(rnn_ctx *ctx, rnni_node *node) {
  rnni_call *c = &node->call;
  free_all(c->in, c->nin);
  free_all(c->out, c->nout);
  free_all(c->dout, c->nout);
  free_all(c->scratch, RNNI_MAX_SCRATCH);
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor_free(node->edges[i].leaf);
    if (node->edges[i].node) node_release(ctx, node->edges[i].node);
    node->edges[i] = (rnni_edge){0};
  }
}

static void node_release(rnn_ctx *ctx, rnni_node *node) {
  if (--node->refs > 0) return;
  node->next_dead = ctx->dead;
  ctx->dead = node;
  if (ctx->reaping) return;
  ctx->reaping = true;
  while ((node = ctx->dead)) {
    ctx->dead = node->next_dead;
    node_empty(ctx, node);
    rnni_free(ctx, node->where);
    rnni_free(ctx, node);
  }
  ctx->reaping = false;
}

void rnni_node_forget(rnn_tensor *t) {
  rnni_node *node = t->node;
  if (!node) return;
  if (node->results[t->output] == t) node->results[t->output] = NULL;
  node_release(t->ctx, node);
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

void rnni_node_share(rnn_tensor *t, const rnn_tensor *from) {
  t->requires_grad = from->requires_grad;
  t->node = from->node;
  t->output = from->output;
  if (t->node) t->node->refs++;
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
    rnni_node_forget(result);
    attach(node, result, 0);
    if (retained) node->results[0] = result;
  }
  node_release(ctx, node);
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

static rnn_status check_inputs(rnn_ctx *ctx, const rnni_call *c, bool *record) {
  for (int i = 0; i < c->nin; i++) {
    rnn_tensor *t = c->in[i];
    RNNI_TRY(rnni_refresh(ctx, t));
    if (!t || !t->requires_grad || !ctx->recording) continue;
    if (t->node && t->node->consumed)
      return rnni_fail(ctx, RNN_ESTALE,
                       "%s: %s %s is a result of a computation that backward has already consumed; detach it to go on "
                       "from its values: x:detach(), nn.detach(state)",
                       c->op->name, rnni_input_name(c, i), RNNI_SHAPE(t));
    *record = c->op->backward != NULL; /* argmax, comparisons ...: piecewise constant, so nothing to record */
  }
  return RNN_OK;
}

/* Ops read their inputs row by row: those that lie otherwise get stand-ins, in an array of their own. */
static rnn_status stand_in(rnn_ctx *ctx, rnni_call *c, rnn_tensor ***made) {
  bool all = true;
  for (int i = 0; i < c->nin; i++) all &= !c->in[i] || c->in[i]->contiguous;
  if (all || c->op->view) return RNN_OK;
  RNNI_TRY(rnni_calloc(ctx, (size_t)c->nin * sizeof **made, made));
  for (int i = 0; i < c->nin; i++)
    if (c->in[i]) RNNI_TRY(rnni_tensor_stand_in(ctx, c->in[i], &(*made)[i]));
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
  rnn_status status;
  c.nout = rnn_op_outputs(op, args);
  memset(out, 0, (size_t)c.nout * sizeof *out);
  RNNI_TRY(check_inputs(ctx, &c, &record));
  RNNI_TRY(find_lengths(ctx, &c, &lengths));
  c.out_type = RNN_FLOAT;
  RNNI_GOTO(stand_in(ctx, &c, &made));
  RNNI_GOTO(op->shape(ctx, &c));
  if (record) {
    RNNI_GOTO(node_new(ctx, &c, &node));
    for (int i = 0; i < c.nin; i++) node->wants[i] = c.in[i] && c.in[i]->requires_grad;
    c.wants = node->wants;
    c.keep = true;
  }
  if (c.out_ndim >= 0) RNNI_GOTO(rnni_tensor_raw(ctx, c.out_type, c.out_ndim, c.out_dims, &out[0]));
  RNNI_GOTO(op->forward(ctx, &c));
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
    free_all(out, c.nout);
    ctx->random = random;
  }
  free_all(c.scratch, RNNI_MAX_SCRATCH);
  if (node) node_release(ctx, node);
  if (made) free_all(made, c.nin);
  rnni_free(ctx, made);
  return status;
}

/* ---- backward --------------------------------------------------------------------------------------------------- */

/* A tensor whose gradient this run makes, and the gradient it had before. */
typedef struct touched {
  rnn_tensor *t, *before;
} touched;

/* The records that have received a gradient, largest number first (a binary heap), and the gradients that this run has
   made. Each item holds a reference. */
typedef struct queue {
  rnni_node **items;
  int64_t count, room;
  touched *made;
  int64_t made_count, made_room;
} queue;

static rnn_status queue_push(rnn_ctx *ctx, queue *q, rnni_node *node) {
  if (q->count == q->room) {
    int64_t room = q->room ? 2 * q->room : 64;
    RNNI_TRY(rnni_realloc(ctx, (size_t)room * sizeof *q->items, &q->items));
    q->room = room;
  }
  node->refs++;
  int64_t i = q->count++;
  for (; i > 0 && q->items[(i - 1) / 2]->seq < node->seq; i = (i - 1) / 2) q->items[i] = q->items[(i - 1) / 2];
  q->items[i] = node;
  return RNN_OK;
}

/* t.grad is this run's own from here on, until settle(). */
static rnn_status begin_gradient(rnn_ctx *ctx, queue *q, rnn_tensor *t) {
  if (q->made_count == q->made_room) {
    int64_t room = q->made_room ? 2 * q->made_room : 32;
    RNNI_TRY(rnni_realloc(ctx, (size_t)room * sizeof *q->made, &q->made));
    q->made_room = room;
  }
  q->made[q->made_count++] = (touched){rnn_tensor_ref(t), t->grad};
  t->grad = NULL;
  return RNN_OK;
}

/* All or nothing: adds the new gradients of parameters to those they had, or puts these back. */
static void settle(rnn_ctx *ctx, queue *q, bool done) {
  for (int64_t i = 0; i < q->made_count; i++) {
    rnn_tensor *t = q->made[i].t, *before = q->made[i].before;
    if (done && before && !t->node) {
      rnni_add(rnni_f(before), rnni_f(t->grad), before->count);
      rnn_tensor_changed(before);
    }
    if (!done || (before && !t->node)) {
      rnn_tensor_free(t->grad);
      t->grad = before;
    } else {
      rnn_tensor_free(before);
    }
    rnn_tensor_free(t);
  }
  rnni_free(ctx, q->made);
}

static rnni_node *queue_pop(queue *q) {
  rnni_node *top = q->items[0], *last = q->items[--q->count];
  int64_t i = 0;
  for (int64_t child; (child = 2 * i + 1) < q->count; i = child) {
    if (child + 1 < q->count && q->items[child + 1]->seq > q->items[child]->seq) child++;
    if (q->items[child]->seq < last->seq) break;
    q->items[i] = q->items[child];
  }
  q->items[i] = last;
  return top;
}

/* The gradient that an input's gradient is added to, made of zeros when it is the first. */
static rnn_status gradient_of(rnn_ctx *ctx, queue *q, const rnni_edge *e, const rnn_tensor *in, uint64_t mark,
                              rnn_tensor **out) {
  if (e->node && e->node->consumed)
    return rnni_fail(ctx, RNN_ESTALE,
                     "backward: the result %s of %s, on the way, was already consumed by another backward; "
                     "add the losses and run backward once",
                     RNNI_SHAPE(in), e->node->call.op->name);
  if (e->leaf && e->leaf->mark != mark) {
    RNNI_TRY(begin_gradient(ctx, q, e->leaf));
    e->leaf->mark = mark;
  }
  rnn_tensor **slot = e->leaf ? &e->leaf->grad : &e->node->call.dout[e->output];
  if (!*slot) RNNI_TRY(rnn_tensor_new(ctx, RNN_FLOAT, in->ndim, in->dims, slot));
  if (e->node && e->node->mark != mark) {
    RNNI_TRY(queue_push(ctx, q, e->node));
    e->node->mark = mark;
  }
  *out = *slot;
  return RNN_OK;
}

/* Saved values share memory with the tensors that they were saved from. */
static rnn_status check_unchanged(rnn_ctx *ctx, const rnni_node *node) {
  const rnni_call *c = &node->call;
  for (int i = 0; i < c->nin + c->nout; i++) {
    const rnn_tensor *t = i < c->nin ? c->in[i] : c->out[i - c->nin];
    if (!t || !t->storage || t->storage->version == node->versions[i]) continue;
    if (i >= c->nin)
      return rnni_fail(ctx, RNN_EARG, "backward: the result %s of %s was changed in place before backward",
                       RNNI_SHAPE(t), c->op->name);
    return rnni_fail(ctx, RNN_EARG, "backward: %s of %s, %s, was changed in place after it was used",
                     rnni_input_name(c, i), c->op->name, RNNI_SHAPE(t));
  }
  return RNN_OK;
}

/* The gradient of a tensor that was written into becomes that of the tensor before, where nobody else has either: not
   what was written, which may be that tensor itself. */
static void hand_on(rnni_node *node) {
  rnni_edge *e = &node->edges[0], *written = &node->edges[1];
  rnn_tensor *whole = node->call.dout[0];
  bool itself = written->node == e->node && written->output == e->output;
  if (whole->refs == 1 && !itself && e->node && !e->node->consumed && !e->node->call.dout[e->output])
    e->node->call.dout[e->output] = rnn_tensor_ref(whole);
}

static rnn_status node_backward(rnn_ctx *ctx, queue *q, rnni_node *node, uint64_t mark) {
  rnni_call *c = &node->call;
  rnn_tensor *few[16];
  rnn_tensor **din = few;
  rnn_status status = RNN_OK;
  RNNI_TRY(check_unchanged(ctx, node));
  if (c->nin > 16) RNNI_TRY(rnni_array(ctx, c->nin, sizeof *din, &din));
  bool wanted = false;
  for (int i = 0; i < c->nin; i++) {
    din[i] = NULL;
    if (node->edges[i].leaf && !node->edges[i].leaf->requires_grad) node->wants[i] = false; /* switched off since */
    wanted |= node->wants[i];
    if (i == 0 && node->wants[0] && c->op == &rnni_op_assign) hand_on(node);
    if (c->op->adds_steps && c->in[i] && c->in[i]->storage) RNNI_GOTO(rnni_clean(ctx, &c->in[i]));
    if (node->wants[i]) RNNI_GOTO(gradient_of(ctx, q, &node->edges[i], c->in[i], mark, &din[i]));
  }
  c->din = din;
  if (wanted) status = c->op->backward(ctx, c);
  for (int i = 0; i < c->nin; i++)
    if (din[i]) rnni_clear_padding(rnni_f(din[i]), c->in[i]);
  if (status == RNN_OK) status = rnni_poll(ctx); /* some loops only leave early */
  if (status == RNN_OK && node->where) status = rnni_check_gradients(ctx, c, node->where);
done:
  c->din = NULL;
  if (din != few) rnni_free(ctx, din);
  return status;
}

static rnn_status hand_to_results(rnn_ctx *ctx, queue *q, rnni_node *node) {
  for (int i = 0; i < node->call.nout; i++) {
    rnn_tensor *t = node->results[i];
    if (!t || !node->call.dout[i]) continue;
    RNNI_TRY(begin_gradient(ctx, q, t));
    t->grad = rnn_tensor_ref(node->call.dout[i]);
  }
  return RNN_OK;
}

static rnn_status run_backward(rnn_ctx *ctx, queue *q, uint64_t mark) {
  while (q->count > 0) {
    rnni_node *node = queue_pop(q);
    rnn_status status = rnni_poll(ctx);
    if (status == RNN_OK) status = hand_to_results(ctx, q, node);
    if (status == RNN_OK) status = node_backward(ctx, q, node, mark);
    node->consumed = true;
    node_empty(ctx, node);
    node_release(ctx, node);
    RNNI_TRY(status);
  }
  return RNN_OK;
}

static rnn_status check_loss(rnn_ctx *ctx, const rnn_tensor *loss, const rnn_tensor *dloss) {
  if (!loss->requires_grad)
    return rnni_fail(ctx, RNN_EARG,
                     "backward: the result %s does not depend on a parameter, or was computed without recording",
                     RNNI_SHAPE(loss));
  if (loss->node && loss->node->consumed)
    return rnni_fail(ctx, RNN_ESTALE, "backward: the history of this result %s was already consumed by backward",
                     RNNI_SHAPE(loss));
  if (!dloss && loss->count != 1)
    return rnni_fail(ctx, RNN_ESHAPE, "backward: expected a loss of one element, got %s; give its gradient as argument",
                     RNNI_SHAPE(loss));
  if (dloss && (dloss->type != RNN_FLOAT || !rnni_same_shape(dloss, loss)))
    return rnni_fail(ctx, RNN_ESHAPE, "backward: expected a float gradient %s, got %s %s", RNNI_SHAPE(loss),
                     RNNI_SHAPE(dloss), rnni_type_text(dloss->type));
  return RNN_OK;
}

/* A view's own history, also under no_grad. */
static rnn_status history_of(rnn_ctx *ctx, rnn_tensor *t) {
  bool was = rnn_ctx_set_recording(ctx, true);
  rnn_status status = rnni_refresh(ctx, t);
  rnn_ctx_set_recording(ctx, was);
  return status;
}

rnn_status rnn_backward(rnn_ctx *ctx, rnn_tensor *loss, rnn_tensor *dloss) {
  RNNI_NEED_TENSOR(ctx, loss);
  if (dloss) RNNI_NEED_TENSOR(ctx, dloss);
  RNNI_TRY(history_of(ctx, loss));
  RNNI_TRY(check_loss(ctx, loss, dloss));
  queue q = {0};
  uint64_t mark = ctx->next_seq++;
  rnni_edge to_loss = {.node = loss->node, .output = loss->output, .leaf = loss->node ? NULL : loss};
  rnn_tensor *seed;
  rnn_status status;
  RNNI_GOTO(gradient_of(ctx, &q, &to_loss, loss, mark, &seed));
  if (dloss) rnni_move(seed, dloss);
  else rnni_f(seed)[0] = 1;
  rnni_clear_padding(rnni_f(seed), loss);
  RNNI_GOTO(run_backward(ctx, &q, mark));
done:
  while (q.count > 0) { /* only after a failure: half a gradient must not be found by a later run */
    rnni_node *node = queue_pop(&q);
    free_all(node->call.dout, node->call.nout);
    node_release(ctx, node);
  }
  settle(ctx, &q, status == RNN_OK);
  rnni_free(ctx, q.items);
  return status;
}

/* ---- gradients of tensors ------------------------------------------------------------------------------------------ */

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
  RNNI_TRY(history_of(ctx, t));
  if (!t->requires_grad)
    return rnni_fail(ctx, RNN_EARG, "retain_grad: %s does not depend on a parameter", RNNI_SHAPE(t));
  if (t->node) t->node->results[t->output] = t;
  return RNN_OK;
}
