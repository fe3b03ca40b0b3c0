/* topk.c: the places of the largest elements. A heap of the best k so far, worst on top, sees each element once; taking
 * it apart from the top gives them in order. k = length sorts. */
#include "../internal.h"

static rnn_status topk_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t k = c->args.i[0], last = x->ndim - 1;
  if (x->ndim < 1) return rnni_fail(ctx, RNN_ESHAPE, "topk: expected a tensor with an axis, got a scalar");
  if (x->dims[last] > INT32_MAX) return rnni_fail(ctx, RNN_EARG, "topk: at most %d elements in a line", INT32_MAX);
  if (k < 1 || k > x->dims[last])
    return rnni_fail(ctx, RNN_EARG, "topk: k must be from 1 to the %lld elements of the last axis of %s, got %lld",
                     (long long)x->dims[last], RNNI_SHAPE(x), (long long)k);
  if (last == 1 && x->lengths)
    return rnni_fail(ctx, RNN_EARG, "topk: along time of %s with lengths; x:without_lengths() drops them on purpose",
                     RNNI_SHAPE(x));
  rnni_out_like(c, x);
  c->out_type = RNN_INT;
  c->out_dims[last] = k;
  return RNN_OK;
}

typedef struct line {
  const rnn_tensor *x;
  int64_t start;
} line;

/* Does place i come before place j? The larger first, then the first of equals; NaN last. */
static bool before(line l, int32_t i, int32_t j) {
  if (l.x->type == RNN_INT) {
    int32_t a = rnni_i(l.x)[l.start + i - 1], b = rnni_i(l.x)[l.start + j - 1];
    return a != b ? a > b : i < j;
  }
  real a = rnni_f(l.x)[l.start + i - 1], b = rnni_f(l.x)[l.start + j - 1];
  if (a > b || (a == a && b != b)) return true;
  return (a == b || (a != a && b != b)) && i < j;
}

/* Lets the place at the top of a heap of n sink to where no worse one is below it. */
static void sink(line l, int32_t *heap, int64_t n, int64_t at) {
  int32_t place = heap[at];
  for (int64_t below; (below = 2 * at + 1) < n; at = below) {
    if (below + 1 < n && before(l, heap[below], heap[below + 1])) below++;
    if (!before(l, place, heap[below])) break;
    heap[at] = heap[below];
  }
  heap[at] = place;
}

#define SINK 32 /* as much work as so many elements */

static rnn_status best_of_line(rnn_ctx *ctx, int64_t *done, line l, int64_t length, int32_t *best, int64_t k) {
  for (int64_t i = 0; i < k; i++) best[i] = (int32_t)i + 1;
  for (int64_t i = k / 2; i-- > 0;) {
    RNNI_TRY(rnni_pace(ctx, done, SINK));
    sink(l, best, k, i);
  }
  for (int64_t i = k; i < length; i++) {
    RNNI_TRY(rnni_pace(ctx, done, 1));
    if (!before(l, (int32_t)i + 1, best[0])) continue;
    RNNI_TRY(rnni_pace(ctx, done, SINK));
    best[0] = (int32_t)i + 1;
    sink(l, best, k, 0);
  }
  for (int64_t n = k - 1; n > 0; n--) {
    RNNI_TRY(rnni_pace(ctx, done, SINK));
    int32_t worst = best[0];
    best[0] = best[n];
    best[n] = worst;
    sink(l, best, n, 0);
  }
  return RNN_OK;
}

static rnn_status topk_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t length = x->dims[x->ndim - 1], k = c->args.i[0], done = 0;
  for (int64_t i = 0; i * length < x->count; i++)
    RNNI_TRY(best_of_line(ctx, &done, (line){x, i * length}, length, rnni_i(c->out[0]) + i * k, k));
  return RNN_OK;
}
const rnn_op rnni_op_topk = {.name = "topk", .args = "Ti",
                             .doc = "(x, k) -> int32. (..., V) -> (..., k): the places (from 1) of the k largest along the last axis, largest first, the first of equals first; NaN last."
                               " Errors: a k outside 1 .. V; along time of a batch with lengths.",
                             .shape = topk_shape, .forward = topk_forward, .lengths = RNNI_LENGTHS_KEEP};
