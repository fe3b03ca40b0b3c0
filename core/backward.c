/* backward.c: running the record of tape.c backwards, from a loss to parameters (rnn_backward) or to tensors that are
 * asked for (rnn_grad).
 *
 * A run takes the record with the largest number that has received a gradient; by then all its gradients have arrived.
 * Chains of a million records are a loop, and a run that fails has changed nothing. */
#include "tape.h"

/* A gradient that a run makes, of a leaf or of a result that retains its own, and what t had of a run that this one is
   inside of (a function of the user's, called by backward, may call it again). */
typedef struct made {
  rnn_tensor *t, *grad;
  bool reached; /* in rnn_grad: the loss depends on it */
  uint64_t mark;
  int64_t slot;
} made;

/* A record that rnn_grad has looked at, and what it had of an outer run. */
typedef struct visit {
  rnni_node *node;
  uint64_t seen;
  bool needed, asked;
} visit;

/* One run: the records that have received a gradient, largest number first (a binary heap), the gradients that it has
   made, and, in rnn_grad, the records on the way. Each item holds a reference. */
typedef struct run {
  rnn_ctx *ctx;
  const char *name; /* of the function, for messages */
  uint64_t mark;
  bool chosen; /* only the gradients of tensors, which come first in made where they are leaves */
  bool retain; /* the records stay as they are */
  rnn_tensor *const *tensors;
  rnn_tensor **arrived; /* the gradients of those that are results */
  int64_t tensor_count;
  rnni_node **items;
  int64_t count, room;
  made *made;
  int64_t made_count, made_room;
  visit *visits;
  int64_t visit_count, visit_room;
} run;

/* Room for one element more at the end of *array. */
static rnn_status grow(rnn_ctx *ctx, void *array, int64_t count, int64_t *room, size_t size) {
  if (count < *room) return RNN_OK;
  int64_t more = *room ? 2 * *room : 32;
  RNNI_TRY(rnni_realloc(ctx, (size_t)more * size, array));
  *room = more;
  return RNN_OK;
}

static rnn_status queue_push(run *r, rnni_node *node) {
  RNNI_TRY(grow(r->ctx, &r->items, r->count, &r->room, sizeof *r->items));
  node->refs++;
  int64_t i = r->count++;
  for (; i > 0 && r->items[(i - 1) / 2]->seq < node->seq; i = (i - 1) / 2) r->items[i] = r->items[(i - 1) / 2];
  r->items[i] = node;
  return RNN_OK;
}

static rnni_node *queue_pop(run *r) {
  rnni_node *top = r->items[0], *last = r->items[--r->count];
  int64_t i = 0;
  for (int64_t child; (child = 2 * i + 1) < r->count; i = child) {
    if (child + 1 < r->count && r->items[child + 1]->seq > r->items[child]->seq) child++;
    if (r->items[child]->seq < last->seq) break;
    r->items[i] = r->items[child];
  }
  r->items[i] = last;
  return top;
}

static rnn_status add_made(run *r, rnn_tensor *t, rnn_tensor *grad) {
  RNNI_TRY(grow(r->ctx, &r->made, r->made_count, &r->made_room, sizeof *r->made));
  made m = {.t = rnn_tensor_ref(t), .grad = rnn_tensor_ref(grad), .mark = t->mark, .slot = t->slot};
  r->made[r->made_count++] = m;
  return RNN_OK;
}

/* The leaf's gradient is made by this run from here on. */
static rnn_status begin_leaf(run *r, rnn_tensor *leaf) {
  if (leaf->mark == r->mark) return RNN_OK;
  RNNI_TRY(add_made(r, leaf, NULL));
  leaf->slot = r->made_count - 1;
  leaf->mark = r->mark;
  return RNN_OK;
}

/* Adds the new gradient of a parameter to the one that it had. */
static void deliver(const made *m) {
  rnn_tensor *t = m->t;
  if (t->grad && !t->node) {
    rnni_add(rnni_f(t->grad), rnni_f(m->grad), t->grad->count);
    rnn_tensor_changed(t->grad);
  } else {
    rnn_tensor_free(t->grad);
    t->grad = rnn_tensor_ref(m->grad);
  }
}

/* Ends a run, all or nothing: what it has made is delivered only when all of it is there. */
static void settle(run *r, bool deliver_all) {
  while (r->count > 0) { /* only after a failure: half a gradient must not be found by a later run */
    rnni_node *node = queue_pop(r);
    rnni_free_all(node->call.dout, node->call.nout);
    rnni_node_release(r->ctx, node);
  }
  for (int64_t i = r->made_count - 1; i >= 0; i--) {
    made *m = &r->made[i];
    m->t->mark = m->mark;
    m->t->slot = m->slot;
    if (deliver_all && m->grad) deliver(m);
    rnn_tensor_free(m->grad);
    rnn_tensor_free(m->t);
  }
  for (int64_t i = r->visit_count - 1; i >= 0; i--) {
    visit *v = &r->visits[i];
    v->node->seen = v->seen;
    v->node->needed = v->needed;
    v->node->asked = v->asked;
    rnni_node_release(r->ctx, v->node);
  }
  rnni_free(r->ctx, r->items);
  rnni_free(r->ctx, r->made);
  rnni_free(r->ctx, r->visits);
}

/* Does the gradient have to go along this edge? A leaf may be switched off since, and may have become a result. */
static bool goes_along(const run *r, const rnni_edge *e) {
  if (e->leaf) return r->chosen ? e->leaf->mark == r->mark : e->leaf->requires_grad && rnn_tensor_is_leaf(e->leaf);
  return e->node && (!r->chosen || (e->node->seen == r->mark && (e->node->needed || e->node->asked)));
}

static rnn_status check_not_consumed(const run *r, const rnni_node *node, const rnn_tensor *result) {
  if (!node->consumed) return RNN_OK;
  return rnni_fail(r->ctx, RNN_ESTALE,
                   "%s: the result %s of %s, on the way, was already consumed by another backward; "
                   "add the losses and run backward once, or keep it with the option retain_graph of rnn.grad",
                   r->name, RNNI_SHAPE(result), node->call.op->name);
}

/* Gradients that a run outside of this one has brought to a record are not for this one. */
static rnn_status check_not_busy(const run *r, const rnni_node *node) {
  if (node->mark == r->mark) return RNN_OK;
  for (int i = 0; i < node->call.nout; i++)
    if (node->call.dout[i])
      return rnni_fail(r->ctx, RNN_EARG, "%s: the result %s of %s, on the way, belongs to the backward that is running",
                       r->name, RNNI_SHAPE(node->call.out[i]), node->call.op->name);
  return RNN_OK;
}

/* The gradient that an input's gradient is added to: when it is the first, handed, or zeros; with raw, no values yet. */
static rnn_status gradient_of(run *r, const rnni_edge *e, const rnn_tensor *in, rnn_tensor *handed, bool *raw,
                              rnn_tensor **out) {
  if (e->leaf) {
    RNNI_TRY(begin_leaf(r, e->leaf));
  } else {
    RNNI_TRY(check_not_consumed(r, e->node, in));
    RNNI_TRY(check_not_busy(r, e->node));
  }
  rnn_tensor **slot = e->leaf ? &r->made[e->leaf->slot].grad : &e->node->call.dout[e->output];
  if (!*slot && handed) *slot = rnn_tensor_ref(handed);
  if (*slot) *raw = false;
  else if (*raw) RNNI_TRY(rnni_tensor_raw(r->ctx, RNN_FLOAT, in->ndim, in->dims, slot));
  else RNNI_TRY(rnn_tensor_new(r->ctx, RNN_FLOAT, in->ndim, in->dims, slot));
  if (e->node && e->node->mark != r->mark) {
    rnn_status status = queue_push(r, e->node);
    if (status != RNN_OK) {
      rnn_tensor_free(*slot);
      *slot = NULL;
      return status;
    }
    e->node->mark = r->mark;
  }
  *out = *slot;
  return RNN_OK;
}

/* Saved values share memory with the tensors that they were saved from. */
static rnn_status check_unchanged(const run *r, const rnni_node *node) {
  const rnni_call *c = &node->call;
  for (int i = 0; i < c->nin + c->nout; i++) {
    const rnn_tensor *t = i < c->nin ? c->in[i] : c->out[i - c->nin];
    if (!t || !t->storage || t->storage->version == node->versions[i]) continue;
    if (i >= c->nin)
      return rnni_fail(r->ctx, RNN_EARG, "%s: the result %s of %s was changed in place before backward", r->name,
                       RNNI_SHAPE(t), c->op->name);
    return rnni_fail(r->ctx, RNN_EARG, "%s: %s of %s, %s, was changed in place after it was used", r->name,
                     rnni_input_name(c, i), c->op->name, RNNI_SHAPE(t));
  }
  return RNN_OK;
}

/* The gradient of a tensor that was written into becomes that of the tensor before, where nobody else has either: not
   what was written, which may be that tensor itself. */
static rnn_tensor *handed_on(const rnni_node *node, int input) {
  const rnni_edge *e = &node->edges[0], *written = &node->edges[1];
  rnn_tensor *whole = node->call.dout[0];
  if (input != 0 || node->call.op != &rnni_op_assign || !e->node) return NULL;
  bool itself = written->node == e->node && written->output == e->output;
  return whole->refs == 1 && !itself ? whole : NULL;
}

static rnn_status node_backward(run *r, rnni_node *node) {
  enum { FEW = 16 };
  rnni_call *c = &node->call;
  rnn_tensor *few[FEW], **din = few;
  bool few_wants[2 * FEW], *wants = few_wants, *raw, wanted = false;
  rnn_status status = RNN_OK;
  RNNI_TRY(check_unchanged(r, node));
  if (c->nin > FEW) {
    RNNI_TRY(rnni_array(r->ctx, c->nin, sizeof *din + 2 * sizeof *wants, &din));
    wants = (bool *)(din + c->nin);
  }
  raw = wants + c->nin;
  for (int i = 0; i < c->nin; i++) {
    din[i] = NULL;
    raw[i] = c->op->fills;
    wants[i] = goes_along(r, &node->edges[i]);
    wanted |= wants[i];
    if (c->op->adds_steps && c->in[i] && c->in[i]->storage) {
      RNNI_GOTO(rnni_clean(r->ctx, &c->in[i]));
      node->versions[i] = c->in[i]->storage->version; /* it may be another one, to be gone through again */
    }
    if (wants[i]) RNNI_GOTO(gradient_of(r, &node->edges[i], c->in[i], handed_on(node, i), &raw[i], &din[i]));
    for (int k = 0; wants[i] && !raw[i] && k < i; k++) {
      if (din[k] != din[i] || !raw[k]) continue; /* one tensor for two inputs: both add */
      RNNI_GOTO(rnni_copy(r->ctx, din[k]->data, NULL, (size_t)din[k]->count * sizeof(real)));
      raw[k] = false;
    }
  }
  c->din = din;
  c->wants = wants;
  c->raw = raw;
  c->keep = r->retain;
  const rnn_form low = r->ctx->low;
  r->ctx->low = node->low;
  if (wanted) status = c->op->backward(r->ctx, c);
  r->ctx->low = low;
  for (int i = 0; i < c->nin; i++)
    if (din[i]) rnni_clear_padding(rnni_f(din[i]), c->in[i]);
  if (status == RNN_OK) status = rnni_poll(r->ctx); /* some loops only leave early */
  if (status == RNN_OK && node->where) status = rnni_check_gradients(r->ctx, c, node->where);
done:
  c->din = NULL;
  c->wants = node->wants;
  if (din != few) rnni_free(r->ctx, din);
  return status;
}

/* The gradient of a result, added to the one that it had: parts of a parameter meet several runs. */
static rnn_status add_retained(run *r, rnn_tensor *t, rnn_tensor *grad) {
  if (!t->grad) return add_made(r, t, grad);
  rnn_tensor *sum;
  RNNI_TRY(rnn_tensor_copy(r->ctx, t->grad, &sum));
  rnn_status status = rnni_add_tensor(r->ctx, sum, grad);
  if (status == RNN_OK) status = add_made(r, t, sum);
  rnn_tensor_free(sum);
  return status;
}

/* A record has all its gradients: to those who wait for them. */
static rnn_status hand_out(run *r, rnni_node *node) {
  for (int i = 0; i < node->call.nout && node->hooks; i++)
    if (node->call.dout[i])
      RNNI_TRY(rnni_hooks_run(r->ctx, node->hooks, i, node->call.out[i]->lengths, &node->call.dout[i]));
  for (int i = 0; i < node->call.nout && !r->chosen; i++)
    if (node->results[i] && node->call.dout[i]) RNNI_TRY(add_retained(r, node->results[i], node->call.dout[i]));
  for (int64_t i = 0; i < r->tensor_count && node->asked; i++)
    if (r->tensors[i]->node == node) r->arrived[i] = rnn_tensor_ref(node->call.dout[r->tensors[i]->output]);
  return RNN_OK;
}

/* Is it the record of a part of a parameter? That holds no values but those of the parameter, and is never used up. */
static bool is_part_of_parameter(const rnni_node *node) {
  for (; node && node->call.op->view; node = node->edges[0].node)
    if (node->edges[0].leaf) return true;
  return false;
}

static rnn_status run_backward(run *r) {
  while (r->count > 0) {
    rnni_node *node = queue_pop(r);
    rnn_status status = rnni_poll(r->ctx);
    bool passed = !r->chosen || node->needed;
    if (status == RNN_OK) status = hand_out(r, node);
    if (status == RNN_OK && passed) status = node_backward(r, node);
    if (passed && !r->retain && !is_part_of_parameter(node)) {
      node->consumed = true;
      rnni_node_empty(r->ctx, node);
    } else {
      rnni_free_all(node->call.dout, node->call.nout);
    }
    rnni_node_release(r->ctx, node);
    RNNI_TRY(status);
  }
  for (int64_t i = 0; i < r->made_count; i++) {
    const rnn_tensor *t = r->made[i].t;
    if (t->hooks && r->made[i].grad) RNNI_TRY(rnni_hooks_run(r->ctx, t->hooks, 0, t->lengths, &r->made[i].grad));
  }
  return RNN_OK;
}

static rnn_status check_loss(const run *r, const rnn_tensor *loss, const rnn_tensor *dloss) {
  if (!loss->requires_grad)
    return rnni_fail(r->ctx, RNN_EARG,
                     "%s: the result %s does not depend on a parameter, or was computed without recording; gradients "
                     "have no history, as there are no second derivatives: rnn.hvp gives their products with a vector",
                     r->name, RNNI_SHAPE(loss));
  if (loss->node && loss->node->consumed)
    return rnni_fail(r->ctx, RNN_ESTALE, "%s: the history of this result %s was already consumed by backward", r->name,
                     RNNI_SHAPE(loss));
  if (!dloss && loss->count != 1)
    return rnni_fail(r->ctx, RNN_ESHAPE, "%s: expected a loss of one element, got %s; give its gradient as argument",
                     r->name, RNNI_SHAPE(loss));
  if (dloss && (dloss->type != RNN_FLOAT || !rnni_same_shape(dloss, loss)))
    return rnni_fail(r->ctx, RNN_ESHAPE, "%s: expected a float gradient %s, got %s %s", r->name, RNNI_SHAPE(loss),
                     RNNI_SHAPE(dloss), rnni_type_text(dloss->type));
  return RNN_OK;
}

static rnni_edge edge_to(rnn_tensor *t) {
  return (rnni_edge){.node = t->node, .output = t->output, .leaf = t->node ? NULL : t};
}

static rnn_status run_from(run *r, rnn_tensor *loss, rnn_tensor *dloss) {
  rnni_edge to_loss = edge_to(loss);
  rnn_tensor *seed;
  bool raw = false;
  if (!goes_along(r, &to_loss)) return RNN_OK;
  RNNI_TRY(gradient_of(r, &to_loss, loss, NULL, &raw, &seed));
  if (dloss) rnni_move(seed, dloss);
  else rnni_f(seed)[0] = 1;
  rnni_clear_padding(rnni_f(seed), loss);
  r->ctx->runs++;
  rnn_status status = run_backward(r);
  r->ctx->runs--;
  return status;
}

rnn_status rnn_backward(rnn_ctx *ctx, rnn_tensor *loss, rnn_tensor *dloss) {
  RNNI_NEED_TENSOR(ctx, loss);
  if (dloss) RNNI_NEED_TENSOR(ctx, dloss);
  run r = {.ctx = ctx, .name = "backward"};
  RNNI_TRY(rnni_history_of(ctx, loss));
  RNNI_TRY(check_loss(&r, loss, dloss));
  r.mark = ctx->next_seq++;
  rnn_status status = run_from(&r, loss, dloss);
  settle(&r, status == RNN_OK);
  return status;
}

/* ---- gradients as values ---- */

/* The records that loss depends on, largest number first: no way leads from one to another with a larger number, so none
   is looked at that was recorded before all of tensors. */
static rnn_status find_records(run *r, rnn_tensor *loss) {
  uint64_t least = UINT64_MAX;
  for (int64_t i = 0; i < r->tensor_count; i++)
    least = RNNI_MIN(least, r->tensors[i]->node ? r->tensors[i]->node->seq : 0);
  if (loss->node) RNNI_TRY(queue_push(r, loss->node));
  while (r->count > 0) {
    rnni_node *node = r->items[0];
    RNNI_TRY(grow(r->ctx, &r->visits, r->visit_count, &r->visit_room, sizeof *r->visits));
    queue_pop(r);
    if (node->seen == r->mark) {
      rnni_node_release(r->ctx, node);
      continue;
    }
    r->visits[r->visit_count++] = (visit){node, node->seen, node->needed, node->asked};
    node->seen = r->mark;
    node->needed = node->asked = false;
    if (r->visit_count % 1024 == 0) RNNI_TRY(rnni_poll(r->ctx));
    for (int i = 0; i < node->call.nin; i++) {
      rnni_node *before = node->edges[i].node;
      if (!before || before->seq < least || before->seen == r->mark) continue;
      RNNI_TRY(check_not_consumed(r, before, node->call.in[i]));
      RNNI_TRY(queue_push(r, before));
    }
  }
  return RNN_OK;
}

/* Which of them lie on a way to one of tensors. */
static void find_ways(run *r) {
  for (int64_t i = 0; i < r->tensor_count; i++) {
    rnni_node *node = r->tensors[i]->node;
    if (node && node->seen == r->mark) node->asked = true;
  }
  for (int64_t at = r->visit_count - 1; at >= 0; at--) {
    rnni_node *node = r->visits[at].node;
    for (int i = 0; i < node->call.nin; i++) {
      const rnni_edge *e = &node->edges[i];
      bool along = goes_along(r, e);
      node->needed |= along;
      if (along && e->leaf) r->made[e->leaf->slot].reached = true;
    }
  }
}

static rnn_status check_reached(const run *r, const rnn_tensor *loss) {
  for (int64_t i = 0; i < r->tensor_count; i++) {
    const rnn_tensor *t = r->tensors[i];
    if (t == loss || (t->node ? t->node->seen == r->mark : r->made[t->slot].reached)) continue;
    return rnni_fail(r->ctx, RNN_EARG, "grad: the result %s does not depend on tensor %lld, %s; allow_unused gives zeros",
                     RNNI_SHAPE(loss), (long long)i + 1, RNNI_SHAPE(t));
  }
  return RNN_OK;
}

static rnn_status check_tensors(rnn_ctx *ctx, rnn_tensor *const *tensors, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    rnn_tensor *t = tensors[i];
    RNNI_TRY(rnni_history_of(ctx, t));
    if (!t->requires_grad)
      return rnni_fail(ctx, RNN_EARG, "grad: tensor %lld, %s %s, does not require a gradient; x:requires_grad(true) "
                       "before it is used", (long long)i + 1, RNNI_SHAPE(t), rnni_type_text(t->type));
    if (t->node && t->node->consumed)
      return rnni_fail(ctx, RNN_ESTALE, "grad: the history of tensor %lld, %s, was already consumed by backward",
                       (long long)i + 1, RNNI_SHAPE(t));
  }
  return RNN_OK;
}

/* Each a tensor of its own, with the lengths of the one whose gradient it is. */
static rnn_status take_gradients(run *r, rnn_tensor **out) {
  for (int64_t i = 0; i < r->tensor_count; i++) {
    rnn_tensor *t = r->tensors[i], *grad = t->node ? r->arrived[i] : r->made[t->slot].grad;
    if (!grad) RNNI_TRY(rnn_tensor_new(r->ctx, RNN_FLOAT, t->ndim, t->dims, &out[i]));
    else if (grad->refs == 1) out[i] = rnn_tensor_ref(grad);
    else RNNI_TRY(rnn_tensor_copy(r->ctx, grad, &out[i]));
    rnn_tensor_free(out[i]->lengths);
    out[i]->lengths = rnn_tensor_ref(t->lengths);
  }
  return RNN_OK;
}

static rnn_status run_grad(run *r, rnn_tensor *loss, rnn_tensor *dloss, bool allow_unused, rnn_tensor **out) {
  for (int64_t i = 0; i < r->tensor_count; i++)
    if (!r->tensors[i]->node) RNNI_TRY(begin_leaf(r, r->tensors[i]));
  rnn_status status = find_records(r, loss);
  while (r->count > 0) rnni_node_release(r->ctx, queue_pop(r)); /* only after a failure */
  RNNI_TRY(status);
  find_ways(r);
  if (!allow_unused) RNNI_TRY(check_reached(r, loss));
  RNNI_TRY(run_from(r, loss, dloss));
  return take_gradients(r, out);
}

rnn_status rnn_grad(rnn_ctx *ctx, rnn_tensor *loss, rnn_tensor *dloss, rnn_tensor *const *tensors, int count,
                    bool retain, bool allow_unused, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, loss);
  if (dloss) RNNI_NEED_TENSOR(ctx, dloss);
  RNNI_NEED_TENSORS(ctx, tensors, count);
  RNNI_NEED(ctx, out, "out is NULL");
  run r = {.ctx = ctx, .name = "grad", .chosen = true, .retain = retain, .tensors = tensors, .tensor_count = count};
  RNNI_TRY(rnni_history_of(ctx, loss));
  RNNI_TRY(check_loss(&r, loss, dloss));
  RNNI_TRY(check_tensors(ctx, tensors, count));
  RNNI_TRY(rnni_calloc(ctx, (size_t)count * sizeof *r.arrived, &r.arrived));
  memset(out, 0, (size_t)count * sizeof *out);
  r.mark = ctx->next_seq++;
  rnn_status status = run_grad(&r, loss, dloss, allow_unused, out);
  rnni_free_all(r.arrived, count);
  rnni_free(ctx, r.arrived);
  settle(&r, false);
  if (status != RNN_OK) rnni_free_all(out, count);
  return status;
}
