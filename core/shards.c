/* shards.c: a batch in parts, the shards, whose gradients are computed one by one, here or by other processes, and then
 * added up. A sum holds the gradients of all parameters one behind the other, and behind them, for each buffer, how far
 * the shard has moved it, times the shard's rows. */
#include "internal.h"

static rnn_status check_sum(rnn_ctx *ctx, const char *name, rnn_tensor *const *t, int count, int64_t from,
                            const rnn_tensor *sum) {
  RNNI_TRY(rnni_need_rows(ctx, name, sum));
  for (int i = 0; i < count; i++) {
    RNNI_TRY(rnni_need_rows(ctx, name, t[i]));
    from += t[i]->count;
  }
  if (sum->type == RNN_FLOAT && from <= sum->count) return RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: expected a float tensor of %lld elements or more, got %s", name, (long long)from,
                   RNNI_SHAPE(sum));
}

typedef struct addition {
  real *to;
  const real *from;
  int64_t count;
  int tasks;
} addition;

static void add_task(void *arg, int task) {
  const addition *a = arg;
  int64_t end = rnni_cut(a->count, 16, task + 1, a->tasks);
  for (int64_t i = rnni_cut(a->count, 16, task, a->tasks); i < end; i++) a->to[i] += a->from[i];
}

static void add(rnn_ctx *ctx, real *to, const real *from, int64_t count) {
  addition a = {to, from, count, rnni_threads_for_elements(ctx, (double)count / 4)};
  rnni_parallel(ctx, a.tasks, add_task, &a);
}

rnn_status rnn_shard_add(rnn_ctx *ctx, rnn_tensor *sum, const rnn_tensor *other) {
  RNNI_NEED_TENSOR(ctx, sum);
  RNNI_NEED_TENSOR(ctx, other);
  RNNI_TRY(check_sum(ctx, "shard_add", NULL, 0, 0, sum));
  RNNI_TRY(check_sum(ctx, "shard_add", NULL, 0, sum->count, other));
  RNNI_TRY(rnni_poll(ctx));
  rnn_tensor_changed(sum);
  add(ctx, rnni_f(sum), rnni_f(other), sum->count);
  return RNN_OK;
}

rnn_status rnn_shard_take(rnn_ctx *ctx, rnn_tensor *const *params, int count, rnn_tensor *const *buffers,
                          rnn_tensor *const *before, int buffer_count, double rows, bool adds, rnn_tensor *sum,
                          char *there) {
  RNNI_NEED_TENSOR(ctx, sum);
  RNNI_NEED_TENSORS(ctx, params, count);
  RNNI_NEED_TENSORS(ctx, buffers, buffer_count);
  RNNI_NEED_TENSORS(ctx, before, buffer_count);
  RNNI_NEED(ctx, there, "there is NULL");
  int64_t from = 0;
  for (int i = 0; i < count; i++) from += params[i]->count;
  RNNI_TRY(check_sum(ctx, "shard_take", params, count, 0, sum));
  RNNI_TRY(check_sum(ctx, "shard_take", buffers, buffer_count, from, sum));
  for (int i = 0; i < buffer_count; i++) {
    const rnn_tensor *b = buffers[i], *was = before[i];
    RNNI_TRY(rnni_need_rows(ctx, "shard_take", was));
    if (b->type != was->type || b->count != was->count)
      return rnni_fail(ctx, RNN_ESHAPE, "shard_take: buffer %d and what it was differ in shape or type", i + 1);
    there[count + i] = memcmp(b->data, was->data, (size_t)b->count * rnni_type_size(b->type)) != 0;
    if (there[count + i] && b->type != RNN_FLOAT)
      return rnni_fail(ctx, RNN_ETYPE, "an int32 buffer %s of the model changed, which cannot be added up over shards",
                       RNNI_SHAPE(b));
  }
  rnn_tensor_changed(sum);
  real *to = rnni_f(sum);
  for (int i = 0; i < count; i++) {
    int64_t n = params[i]->count;
    const rnn_tensor *g = params[i]->grad;
    there[i] = g != NULL;
    if (g && adds) add(ctx, to, rnni_f(g), n);
    else if (g) RNNI_TRY(rnni_copy(ctx, to, rnni_f(g), (size_t)n * sizeof *to));
    else
      for (int64_t k = 0; k < n; k++) to[k] = (adds ? to[k] : 0) + 0; /* -0 + 0 is 0, wherever it is added */
    to += n;
    rnn_tensor_clear_grad(params[i]);
  }
  for (int i = 0; i < buffer_count; i++) {
    const rnn_tensor *b = buffers[i], *was = before[i];
    int64_t n = b->count;
    for (int64_t k = 0; k < n; k++) {
      real moved = there[count + i] ? (real)(rows * ((double)rnni_f(b)[k] - (double)rnni_f(was)[k])) : 0;
      to[k] = (adds ? to[k] : 0) + moved;
    }
    if (there[count + i]) {
      rnn_tensor_changed(buffers[i]);
      memcpy(b->data, was->data, (size_t)n * sizeof *to);
    }
    to += n;
  }
  return rnni_poll(ctx);
}

rnn_status rnn_shard_gradients(rnn_ctx *ctx, rnn_tensor *const *params, int count, const rnn_tensor *sum,
                               const char *there) {
  RNNI_NEED_TENSOR(ctx, sum);
  RNNI_NEED_TENSORS(ctx, params, count);
  RNNI_NEED(ctx, there, "there is NULL");
  RNNI_TRY(check_sum(ctx, "shard_gradients", params, count, 0, sum));
  const real *from = rnni_f(sum);
  for (int i = 0; i < count; i++) {
    rnn_tensor *p = params[i];
    rnn_tensor_clear_grad(p);
    if (there[i]) {
      RNNI_TRY(rnni_tensor_raw(ctx, RNN_FLOAT, p->ndim, p->dims, &p->grad));
      RNNI_TRY(rnni_copy(ctx, rnni_f(p->grad), from, (size_t)p->count * sizeof *from));
    }
    from += p->count;
  }
  return RNN_OK;
}

rnn_status rnn_shard_buffers(rnn_ctx *ctx, rnn_tensor *const *buffers, int count, const rnn_tensor *sum, const char *there,
                             double rows) {
  RNNI_NEED_TENSOR(ctx, sum);
  RNNI_NEED_TENSORS(ctx, buffers, count);
  RNNI_NEED(ctx, there, "there is NULL");
  RNNI_TRY(check_sum(ctx, "shard_buffers", buffers, count, 0, sum));
  int64_t all = 0;
  for (int i = 0; i < count; i++) all += buffers[i]->count;
  const real *from = rnni_f(sum) + sum->count - all; /* the last ones */
  for (int i = 0; i < count; i++) {
    rnn_tensor *b = buffers[i];
    if (there[i]) {
      rnn_tensor_changed(b);
      for (int64_t k = 0; k < b->count; k++) rnni_f(b)[k] = (real)((double)rnni_f(b)[k] + (double)from[k] / rows);
    }
    from += b->count;
  }
  return RNN_OK;
}
