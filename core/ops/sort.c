/* sort.c: order: sorting, the largest, quantiles, different values, places in what is sorted.
 *
 * Elements are compared by keys, unsigned integers of the same order: NaN is the largest number, -0 is 0. Lines are
 * sorted digit by digit from the last (radix sort), which is stable, and takes as long whatever the elements are. */
#include "lines.h"

typedef struct item {
  uint64_t key;
  int64_t place;
} item;

#define SHORT 48 /* lines up to here are sorted by insertion */

static uint64_t key_of(const rnn_tensor *x, const void *data, int64_t i, bool descending) {
  const uint64_t top = (uint64_t)1 << (x->type == RNN_INT ? 31 : 8 * sizeof(real) - 1), all = top | (top - 1);
  uint64_t key = 0;
  if (x->type == RNN_INT) {
    key = (uint32_t)((const int32_t *)data)[i] ^ top;
  } else {
    real v = ((const real *)data)[i] + 0; /* no -0 */
    memcpy(&key, &v, sizeof v); /* little-endian, as all that we run on */
    key = v != v ? all : key & top ? ~key & all : key | top;
  }
  return descending ? ~key & all : key;
}

static rnn_status read_line(rnn_ctx *ctx, int64_t *work, const rnn_tensor *x, const void *data, int64_t at, int64_t step,
                            int64_t n, bool descending, item *out) {
  for (RNNI_PIECES(n, from, to)) {
    RNNI_TRY(rnni_pace(ctx, work, 4 * (to - from)));
    for (int64_t k = from; k < to; k++) out[k] = (item){key_of(x, data, at + k * step, descending), k};
  }
  return RNN_OK;
}

/* Sorts a, of n, with the room b; *sorted is one of them. */
static rnn_status sort_items(rnn_ctx *ctx, int64_t *work, rnn_type type, item *a, item *b, int64_t n, item **sorted) {
  *sorted = a;
  if (n <= SHORT) {
    for (int64_t i = 1; i < n; i++) {
      item v = a[i];
      int64_t j = i;
      for (; j > 0 && a[j - 1].key > v.key; j--) a[j] = a[j - 1];
      a[j] = v;
    }
    return rnni_pace(ctx, work, n * n / 4);
  }
  int digits = type == RNN_INT ? 4 : (int)sizeof(real);
  int64_t count[8][256] = {{0}};
  for (RNNI_PIECES(n, from, to)) {
    RNNI_TRY(rnni_pace(ctx, work, 8 * (to - from)));
    b[from].key = 0; /* new memory comes here, bit by bit, not for all 256 digits at once below */
    for (int64_t i = from; i < to; i++)
      for (int d = 0; d < digits; d++) count[d][a[i].key >> 8 * d & 255]++;
  }
  for (int d = 0; d < digits; d++) {
    int64_t at[256], next = 0;
    for (int v = 0; v < 256; v++) {
      at[v] = next;
      next += count[d][v];
    }
    if (count[d][a[0].key >> 8 * d & 255] == n) continue; /* a digit that all have */
    for (RNNI_PIECES(n, from, to)) {
      RNNI_TRY(rnni_pace(ctx, work, 8 * (to - from)));
      for (int64_t i = from; i < to; i++) b[at[a[i].key >> 8 * d & 255]++] = a[i];
    }
    item *other = a;
    a = b;
    b = other;
  }
  *sorted = a;
  return RNN_OK;
}

/* ---- sort and argsort ---- */

/* The axis in i[0], absent the last, of lines that are not too long for places. */
static rnn_status line_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  if (c->args.i[0] < 0) c->args.i[0] = x->ndim - 1;
  if (x->ndim > 0 && x->dims[c->args.i[0]] > INT32_MAX)
    return rnni_fail(ctx, RNN_EARG, "%s: at most %d elements in a line", c->op->name, INT32_MAX);
  if (x->lengths && c->args.i[0] < 2)
    return rnni_fail(ctx, RNN_EARG, "%s: along %s of %s with lengths; x:without_lengths() drops them on purpose",
                     c->op->name, c->args.i[0] ? "time" : "the batch", RNNI_SHAPE(x));
  rnni_out_like(c, x);
  c->out_type = RNN_INT;
  return RNN_OK;
}

/* A scalar is a line of its own. */
static void split(const rnn_tensor *x, int64_t axis, int64_t *outer, int64_t *length, int64_t *inner) {
  *outer = *length = *inner = 1;
  if (x->ndim > 0) rnni_split_at(x, (int)axis, outer, length, inner);
}

/* ids of every line, and its elements in their order when values is not NULL. */
static rnn_status sort_lines(rnn_ctx *ctx, const rnni_call *c, int32_t *ids, void *values) {
  const rnn_tensor *x = c->in[0];
  int64_t outer, length, inner, work = 0;
  item *room, *sorted;
  rnn_status status = RNN_OK;
  split(x, c->args.i[0], &outer, &length, &inner);
  RNNI_TRY(rnni_array(ctx, RNNI_MAX(length, 1), 2 * sizeof *room, &room));
  for (int64_t line = 0; line < outer * inner && length > 0; line++) {
    int64_t at = line / inner * length * inner + line % inner;
    RNNI_GOTO(read_line(ctx, &work, x, x->data, at, inner, length, c->args.i[1], room));
    RNNI_GOTO(sort_items(ctx, &work, x->type, room, room + length, length, &sorted));
    for (RNNI_PIECES(length, from, to)) {
      RNNI_GOTO(rnni_pace(ctx, &work, 4 * (to - from)));
      for (int64_t k = from; k < to; k++) {
        int64_t place = sorted[k].place;
        ids[at + k * inner] = (int32_t)place + 1;
        if (values && x->type == RNN_INT) ((int32_t *)values)[at + k * inner] = rnni_i(x)[at + place * inner];
        else if (values) ((real *)values)[at + k * inner] = rnni_f(x)[at + place * inner];
      }
    }
  }
done:
  rnni_free(ctx, room);
  return status;
}

static rnn_status argsort_forward(rnn_ctx *ctx, rnni_call *c) { return sort_lines(ctx, c, rnni_i(c->out[0]), NULL); }
#define ORDER " along axis, the last when it is not given: ascending, or with descending from the largest. Equal elements stay as" \
              " they are; NaN is the largest. Errors: an axis that x does not have, the batch or time of one with lengths."
const rnn_op rnni_op_argsort = {.name = "argsort", .args = "TX?b",
                                .doc = "(x [, axis [, descending]]) -> int32. The places (from 1) that put x in order" ORDER,
                                .shape = line_shape, .forward = argsort_forward, .lengths = RNNI_LENGTHS_KEEP};

static int two_outputs(const rnn_args *args) {
  (void)args;
  return 2;
}

static rnn_status sort_shape(rnn_ctx *ctx, rnni_call *c) {
  RNNI_TRY(line_shape(ctx, c));
  c->out_ndim = -1;
  return RNN_OK;
}

/* scratch 0, kept when recorded: the places. */
static rnn_status sort_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_tensor_raw(ctx, x->type, x->ndim, x->dims, &c->out[0]));
  RNNI_TRY(rnni_tensor_raw(ctx, RNN_INT, x->ndim, x->dims, &c->out[1]));
  RNNI_TRY(sort_lines(ctx, c, rnni_i(c->out[1]), c->out[0]->data));
  return c->keep ? rnn_tensor_copy(ctx, c->out[1], &c->scratch[0]) : RNN_OK;
}

static rnn_status sort_backward(rnn_ctx *ctx, rnni_call *c) {
  const int32_t *ids = rnni_i(c->scratch[0]);
  int64_t outer, length, inner, work = 0;
  split(c->in[0], c->args.i[0], &outer, &length, &inner);
  for (int64_t i = 0; i < c->dout[0]->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &work, 2));
    int64_t o = i / (length * inner);
    rnni_f(c->din[0])[(o * length + ids[i] - 1) * inner + i % inner] += rnni_f(c->dout[0])[i];
  }
  return RNN_OK;
}
const rnn_op rnni_op_sort = {.name = "sort", .args = "TX?b",
                             .doc = "(x [, axis [, descending]]) -> values, ids. x in order, and int32 the places (from 1) where its elements were," ORDER,
                             .shape = sort_shape, .forward = sort_forward, .backward = sort_backward,
                             .lengths = RNNI_LENGTHS_KEEP, .outputs = two_outputs};

/* ---- topk: a heap of the best k so far, worst on top, sees each element once; taking it apart gives them in order ---- */

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

/* Does i come before j? The first of equals. */
static bool before(item i, item j) { return i.key < j.key || (i.key == j.key && i.place < j.place); }

/* Lets the item at the top of a heap of n sink to where no worse one is below it. */
static void sink(item *heap, int64_t n, int64_t at) {
  item top = heap[at];
  for (int64_t below; (below = 2 * at + 1) < n; at = below) {
    if (below + 1 < n && before(heap[below], heap[below + 1])) below++;
    if (!before(top, heap[below])) break;
    heap[at] = heap[below];
  }
  heap[at] = top;
}

#define SINK 32 /* as much work as so many elements */

static rnn_status best_of_line(rnn_ctx *ctx, int64_t *work, const rnni_call *c, int64_t start, item *best, int32_t *ids) {
  const rnn_tensor *x = c->in[0];
  int64_t length = x->dims[x->ndim - 1], k = c->args.i[0];
  bool largest = !c->args.i[1];
  RNNI_TRY(read_line(ctx, work, x, x->data, start, 1, k, largest, best));
  for (int64_t i = k / 2; i-- > 0;) {
    RNNI_TRY(rnni_pace(ctx, work, SINK));
    sink(best, k, i);
  }
  for (int64_t i = k; i < length; i++) {
    item next = {key_of(x, x->data, start + i, largest), i};
    RNNI_TRY(rnni_pace(ctx, work, 2));
    if (!before(next, best[0])) continue;
    RNNI_TRY(rnni_pace(ctx, work, SINK));
    best[0] = next;
    sink(best, k, 0);
  }
  for (int64_t n = k; n > 0; n--) {
    RNNI_TRY(rnni_pace(ctx, work, SINK));
    ids[n - 1] = (int32_t)best[0].place + 1;
    best[0] = best[n - 1];
    sink(best, n - 1, 0);
  }
  return RNN_OK;
}

static rnn_status topk_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  int64_t length = x->dims[x->ndim - 1], k = c->args.i[0], work = 0;
  item *best;
  rnn_status status = RNN_OK;
  RNNI_TRY(rnni_array(ctx, k, sizeof *best, &best));
  for (int64_t i = 0; i * length < x->count && status == RNN_OK; i++)
    status = best_of_line(ctx, &work, c, i * length, best, rnni_i(c->out[0]) + i * k);
  rnni_free(ctx, best);
  return status;
}
const rnn_op rnni_op_topk = {.name = "topk", .args = "Ti?b",
                             .doc = "(x, k [, smallest]) -> int32. (..., V) -> (..., k): the places (from 1) of the k largest along the last axis, largest first, or of the k smallest; the first of equals first; NaN is the largest."
                               " Errors: a k outside 1 .. V; along time of a batch with lengths.",
                             .shape = topk_shape, .forward = topk_forward, .lengths = RNNI_LENGTHS_KEEP};

/* ---- unique ---- */

static int three_outputs(const rnn_args *args) {
  (void)args;
  return 3;
}

static rnn_status unique_shape(rnn_ctx *ctx, rnni_call *c) {
  if (c->in[0]->count > INT32_MAX) return rnni_fail(ctx, RNN_EARG, "unique: at most %d elements", INT32_MAX);
  c->out_ndim = -1;
  return RNN_OK;
}

/* The items of all elements that count: how many. */
static rnn_status read_valid(rnn_ctx *ctx, int64_t *work, const rnn_tensor *x, item *out, int64_t *count) {
  int64_t width, rows = rnni_valid_rows(x, &width), n = 0;
  for (int64_t r = 0; r < rows; r++) {
    if (!rnni_is_valid_row(x, r)) continue;
    RNNI_TRY(read_line(ctx, work, x, x->data, r * width, 1, width, false, out + n));
    for (int64_t i = n; i < n + width; i++) out[i].place += r * width;
    n += width;
  }
  *count = n;
  return RNN_OK;
}

static rnn_status unique_results(rnn_ctx *ctx, rnni_call *c, const item *sorted, int64_t n) {
  const rnn_tensor *x = c->in[0];
  int64_t values = 0, work = 0;
  for (int64_t i = 0; i < n; i++) values += i == 0 || sorted[i].key != sorted[i - 1].key;
  RNNI_TRY(rnni_tensor_raw(ctx, x->type, 1, &values, &c->out[0]));
  RNNI_TRY(rnn_tensor_new(ctx, RNN_INT, 1, &values, &c->out[1]));
  RNNI_TRY(rnn_tensor_new(ctx, RNN_INT, x->ndim, x->dims, &c->out[2]));
  for (int64_t i = 0, id = 0; i < n; i++) {
    int64_t place = sorted[i].place;
    RNNI_TRY(rnni_pace(ctx, &work, 4));
    if (i == 0 || sorted[i].key != sorted[i - 1].key) {
      if (x->type == RNN_INT) rnni_i(c->out[0])[id++] = rnni_i(x)[place];
      else rnni_f(c->out[0])[id++] = rnni_f(x)[place];
    }
    rnni_i(c->out[1])[id - 1]++;
    rnni_i(c->out[2])[place] = (int32_t)id;
  }
  if (x->lengths) c->out[2]->lengths = rnn_tensor_ref(x->lengths);
  return RNN_OK;
}

static rnn_status unique_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  item *room, *sorted;
  int64_t work = 0, n;
  rnn_status status;
  RNNI_TRY(rnni_array(ctx, RNNI_MAX(x->count, 1), 2 * sizeof *room, &room));
  RNNI_GOTO(read_valid(ctx, &work, x, room, &n));
  RNNI_GOTO(sort_items(ctx, &work, x->type, room, room + x->count, n, &sorted));
  status = unique_results(ctx, c, sorted, n);
done:
  rnni_free(ctx, room);
  return status;
}
const rnn_op rnni_op_unique = {.name = "unique", .args = "T",
                               .doc = "(x) -> values, counts, ids. The different values of x, (n), ascending, all NaN as one, the last; int32 how often each comes, (n), and, of the shape of x, which of them stands there (from 1). Padding of a batch with lengths is not counted; its ids are 0. Errors: too little memory.",
                               .shape = unique_shape, .forward = unique_forward, .lengths = RNNI_LENGTHS_OWN,
                               .outputs = three_outputs};

/* ---- quantiles ---- */

/* Element low of a sorted line and the next one share in its quantile. */
typedef struct share {
  int64_t low, high;
  double of_high;
} share;

static share share_of(double q, int64_t n) {
  double at = q * (double)(n - 1), low = floor(at);
  return (share){(int64_t)low, RNNI_MIN((int64_t)low + 1, n - 1), at - low};
}

static real between(real low, real high, double of_high) {
  return of_high == 0 || low == high ? low : (real)((double)low + ((double)high - (double)low) * of_high);
}

/* scratch 0, kept when recorded: the two places of each quantile in the lines, each an int64 in two int32; -1 of nothing. */
static rnn_status quantile_of_lines(rnn_ctx *ctx, rnni_call *c, const rnni_lines *l, double q, item *room, int64_t *places) {
  static const rnn_tensor floats = {.type = RNN_FLOAT};
  const real *x = l->x;
  int64_t work = 0;
  for (int64_t i = 0; i < c->out[0]->count; i++) {
    int64_t o = i / l->inner, at = o * l->length * l->inner + i % l->inner, n = rnni_line_valid(l, o);
    share s = share_of(q, n);
    item *sorted;
    rnni_f(c->out[0])[i] = (real)NAN;
    if (places) places[2 * i] = places[2 * i + 1] = -1;
    if (n == 0) continue;
    RNNI_TRY(read_line(ctx, &work, &floats, x, at, l->inner, n, false, room));
    RNNI_TRY(sort_items(ctx, &work, RNN_FLOAT, room, room + n, n, &sorted));
    int64_t last = at + sorted[n - 1].place * l->inner, low = last, high = last;
    if (x[last] == x[last]) { /* no NaN */
      low = at + sorted[s.low].place * l->inner;
      high = at + sorted[s.high].place * l->inner;
    }
    rnni_f(c->out[0])[i] = between(x[low], x[high], s.of_high);
    if (!places) continue;
    places[2 * i] = low;
    places[2 * i + 1] = high;
  }
  return RNN_OK;
}

static rnn_status quantile(rnn_ctx *ctx, rnni_call *c, double q) {
  rnni_lines l;
  item *room = NULL;
  rnn_status status;
  RNNI_TRY(rnni_lines_open_floats(ctx, c, &l));
  RNNI_GOTO(rnni_array(ctx, RNNI_MAX(l.length, 1), 2 * sizeof *room, &room));
  if (c->keep) RNNI_GOTO(rnni_tensor_raw(ctx, RNN_INT, 2, (int64_t[]){c->out[0]->count, 4}, &c->scratch[0]));
  RNNI_GOTO(quantile_of_lines(ctx, c, &l, q, room, c->keep ? c->scratch[0]->data : NULL));
  status = rnni_reduced_lengths(ctx, c);
done:
  rnni_free(ctx, room);
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status backward(rnn_ctx *ctx, rnni_call *c, double q) {
  const int64_t *places = c->scratch[0]->data;
  rnni_lines l;
  int64_t work = 0;
  rnn_status status;
  RNNI_TRY(rnni_lines_open(ctx, c, &l));
  RNNI_GOTO(rnni_lines_gradient(ctx, c, &l));
  for (int64_t i = 0; i < c->dout[0]->count; i++) {
    real dy = rnni_f(c->dout[0])[i], of_high = (real)share_of(q, rnni_line_valid(&l, i / l.inner)).of_high;
    RNNI_GOTO(rnni_pace(ctx, &work, 2));
    if (places[2 * i] < 0) continue;
    l.dx[places[2 * i]] += dy * (1 - of_high);
    l.dx[places[2 * i + 1]] += dy * of_high;
  }
  status = rnni_lines_give(ctx, c, &l);
done:
  rnni_lines_close(ctx, &l);
  return status;
}

static rnn_status quantile_shape(rnn_ctx *ctx, rnni_call *c) {
  double q = c->args.n[0];
  if (!(q >= 0 && q <= 1))
    return rnni_fail(ctx, RNN_EARG, "quantile: expected a share q from 0 to 1, got %s", rnni_number_text(q));
  return rnni_reduced_shape(ctx, c);
}

#define QUANTILE " nan of nothing, and where an element is; its gradient goes to the elements it is made of; int32 gives float."
static rnn_status quantile_forward(rnn_ctx *ctx, rnni_call *c) { return quantile(ctx, c, c->args.n[0]); }
static rnn_status quantile_backward(rnn_ctx *ctx, rnni_call *c) { return backward(ctx, c, c->args.n[0]); }
const rnn_op rnni_op_quantile = {.name = "quantile", .args = "tnA?b",
                                 .doc = "(x, q [, axes [, keep]]). What the share q, 0 to 1, of the elements is not above; between two elements linear, as in NumPy. Along" RNNI_AXES QUANTILE RNNI_AXES_ERRORS ", a q outside 0 .. 1.",
                                 .shape = quantile_shape, .forward = quantile_forward, .backward = quantile_backward,
                                 .lengths = RNNI_LENGTHS_OWN};

static rnn_status median_forward(rnn_ctx *ctx, rnni_call *c) { return quantile(ctx, c, 0.5); }
static rnn_status median_backward(rnn_ctx *ctx, rnni_call *c) { return backward(ctx, c, 0.5); }
const rnn_op rnni_op_median = {.name = "median", .args = "tA?b",
                               .doc = "(x [, axes [, keep]]). The middle element, or the mean of the two in the middle, as in NumPy (PyTorch takes the lower). Along" RNNI_AXES QUANTILE RNNI_AXES_ERRORS ".",
                               .shape = rnni_reduced_shape, .forward = median_forward, .backward = median_backward,
                               .lengths = RNNI_LENGTHS_OWN};

/* ---- searchsorted ---- */

static rnn_status searchsorted_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *sorted = c->in[0];
  int64_t work = 0;
  RNNI_TRY(rnni_need_ndim(ctx, c, 0, 1));
  if (sorted->type != c->in[1]->type)
    return rnni_fail(ctx, RNN_ETYPE, "searchsorted: expected two tensors of one type, got %s and %s",
                     rnni_type_text(sorted->type), rnni_type_text(c->in[1]->type));
  if (sorted->count >= INT32_MAX) return rnni_fail(ctx, RNN_EARG, "searchsorted: at most %d elements", INT32_MAX - 1);
  for (int64_t i = 1; i < sorted->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &work, 2));
    if (key_of(sorted, sorted->data, i, false) < key_of(sorted, sorted->data, i - 1, false))
      return rnni_fail(ctx, RNN_EARG, "searchsorted: expected ascending elements, but element %lld is below the one before it",
                       (long long)i + 1);
  }
  rnni_out_like(c, c->in[1]);
  c->out_type = RNN_INT;
  return RNN_OK;
}

static rnn_status searchsorted_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *sorted = c->in[0], *x = c->in[1];
  int64_t work = 0;
  for (int64_t i = 0; i < x->count; i++) {
    uint64_t key = key_of(x, x->data, i, false);
    int64_t low = 0, high = sorted->count;
    RNNI_TRY(rnni_pace(ctx, &work, 64));
    while (low < high) {
      int64_t middle = low + (high - low) / 2;
      uint64_t there = key_of(sorted, sorted->data, middle, false);
      if (there < key || (there == key && c->args.i[0])) low = middle + 1;
      else high = middle;
    }
    rnni_i(c->out[0])[i] = (int32_t)low + 1;
  }
  return RNN_OK;
}
const rnn_op rnni_op_searchsorted = {.name = "searchsorted", .args = "TT?b",
                                     .doc = "(sorted, x [, right]) -> int32. The place (from 1 to n + 1), of the shape of x, where each element can be put into sorted, (n), ascending, so that it stays in order: before those equal to it, or with right behind them. NaN is the largest. Errors: sorted that is not, two types.",
                                     .shape = searchsorted_shape, .forward = searchsorted_forward,
                                     .lengths = RNNI_LENGTHS_KEEP};
