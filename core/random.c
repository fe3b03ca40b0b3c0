/* random.c: what is drawn from the bits of philox.c. Everything is computed in double with operations that IEEE 754
 * rounds exactly (this file is compiled without contraction and calls no transcendental function of the C library), so
 * the numbers are the same on every machine. One number uses one position of the counter. */
#include "internal.h"
#include "kernels/kernels.h"
#include "linalg/linalg.h"

static rnn_status need_float(rnn_ctx *ctx, const char *name, const rnn_tensor *t) {
  if (t->type == RNN_FLOAT) return RNN_OK;
  return rnni_fail(ctx, RNN_ETYPE, "%s: expected a float tensor, got int32 %s", name, RNNI_SHAPE(t));
}

static bool fits(double v) { return isfinite((real)v); }

/* What the functions below draw with, into a contiguous tensor; rnni_fill_by puts the position back when one fails. */
typedef struct draw {
  double a, b;
  int64_t blocks;
} draw;

static rnn_status uniform(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  double low = ((draw *)arg)->a, high = ((draw *)arg)->b;
  real below = (real)high; /* the largest number below high: rounding may lift others to high */
  if (low < high && (double)below >= high) below = RNNI_M(nextafter)(below, (real)-INFINITY);
  int64_t done = 0;
  for (int64_t i = 0; i < t->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 4));
    double u = (double)(rnni_random_bits(ctx) >> 40) * 0x1p-24; /* 24 bits: exact in a float, so never rounded to 1 */
    real v = (real)(low + (high - low) * u);
    rnni_f(t)[i] = RNNI_MIN(v, below);
  }
  return RNN_OK;
}

rnn_status rnn_tensor_uniform(rnn_ctx *ctx, rnn_tensor *t, double low, double high) {
  RNNI_NEED_TENSOR(ctx, t);
  if (!(low <= high) || !fits(low) || !fits(high) || !fits(high - low))
    return rnni_fail(ctx, RNN_EARG, "uniform_: expected low <= high, numbers that a %s can hold, got %s and %s",
                     RNN_PRECISION, rnni_number_text(low), rnni_number_text(high));
  RNNI_TRY(need_float(ctx, "uniform_", t));
  return rnni_fill_by(ctx, t, uniform, &(draw){low, high, 0});
}

/* Pairs of numbers of the normal distribution with mean 0 and this deviation. */
typedef struct pairs {
  rnn_random_state from;
  int64_t count;
  double deviation, *out;
  int tasks;
} pairs;

static void pairs_task(void *arg, int task) {
  const pairs *p = arg;
  int64_t end = rnni_cut(p->count, 8, task + 1, p->tasks);
  for (int64_t i = rnni_cut(p->count, 8, task, p->tasks); i < end; i += 32) {
    uint64_t bits[64];
    int64_t count = RNNI_MIN(32, end - i);
    rnni_random_bits_at(p->from.seed, p->from.position + (uint64_t)(2 * i), 2 * count, bits);
    rnni_kernel->normal_pairs(count, bits, p->deviation, p->out + 2 * i);
  }
}

#define PAIR 400 /* as much work as so many multiply-adds */

static void normal_pairs(rnn_ctx *ctx, int64_t count, double deviation, double *out) {
  pairs p = {ctx->random, count, deviation, out, rnni_threads_for(ctx, PAIR * (double)count)};
  rnni_parallel(ctx, p.tasks, pairs_task, &p);
  ctx->random.position += 2 * (uint64_t)count;
}
#define NORMAL_MOST 8.6 /* sqrt(-2 log 2^-53): no number lies further out */
#define PAIRS_MOST ((int64_t)1 << 14) /* that are drawn at a time */

static rnn_status normal(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  const double mean = ((draw *)arg)->a;
  double *drawn;
  rnn_status status = RNN_OK;
  int64_t room = 2 * RNNI_MIN((t->count + 1) / 2, PAIRS_MOST);
  RNNI_TRY(rnni_array(ctx, room, sizeof *drawn, &drawn));
  for (int64_t from = 0; from < t->count && status == RNN_OK; from += room) {
    int64_t count = RNNI_MIN(room, t->count - from);
    normal_pairs(ctx, (count + 1) / 2, ((draw *)arg)->b, drawn);
    for (int64_t i = 0; i < count; i++) rnni_f(t)[from + i] = (real)(mean + drawn[i]);
    status = rnni_poll(ctx);
  }
  rnni_free(ctx, drawn);
  return status;
}

rnn_status rnn_tensor_normal(rnn_ctx *ctx, rnn_tensor *t, double mean, double deviation) {
  RNNI_NEED_TENSOR(ctx, t);
  if (!(deviation >= 0) || !fits(fabs(mean) + NORMAL_MOST * deviation))
    return rnni_fail(ctx, RNN_EARG,
                     "normal_: expected a mean and a deviation of at least 0 that keep the numbers within %s, got %s "
                     "and %s", RNN_PRECISION, rnni_number_text(mean), rnni_number_text(deviation));
  RNNI_TRY(need_float(ctx, "normal_", t));
  return rnni_fill_by(ctx, t, normal, &(draw){mean, deviation, 0});
}

static rnn_status exponential(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  int64_t done = 0;
  for (int64_t i = 0; i < t->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 16));
    rnni_f(t)[i] = (real)(-rnni_log(1 - rnni_to_unit(rnni_random_bits(ctx))) / ((draw *)arg)->a);
  }
  return RNN_OK;
}
#define EXPONENTIAL_MOST 36.8 /* -log 2^-53 */

rnn_status rnn_tensor_exponential(rnn_ctx *ctx, rnn_tensor *t, double rate) {
  RNNI_NEED_TENSOR(ctx, t);
  if (!(rate > 0) || !isfinite(rate) || !fits(EXPONENTIAL_MOST / rate))
    return rnni_fail(ctx, RNN_EARG, "exponential_: expected a positive rate that keeps the numbers within %s, got %s",
                     RNN_PRECISION, rnni_number_text(rate));
  RNNI_TRY(need_float(ctx, "exponential_", t));
  return rnni_fill_by(ctx, t, exponential, &(draw){.a = rate});
}

/* A standard normal number from low to high, by rejection: of normal numbers, of uniform ones where the interval is
   narrow, of exponential ones in a tail (Robert 1995, "Simulation of truncated normal variables"). */
static double truncated(rnn_ctx *ctx, double low, double high) {
  double x, pair[2];
  if (high < 0) return -truncated(ctx, -high, -low);
  bool tail = low > 0, narrow = tail ? (high - low) * (high + low) < 2 : high - low < 1.5;
  double slope = low < 1e8 ? (low + sqrt(low * low + 4)) / 2 : low; /* whose square may be beyond doubles */
  for (;;) {
    if (!tail && !narrow) {
      normal_pairs(ctx, 1, 1, pair);
      for (int i = 0; i < 2; i++)
        if (pair[i] >= low && pair[i] <= high) return pair[i];
      continue;
    }
    double u = rnni_to_unit(rnni_random_bits(ctx)), chance = rnni_to_unit(rnni_random_bits(ctx));
    x = narrow ? low + (high - low) * u : low - rnni_log(1 - u) / slope;
    double from = narrow ? (tail ? low : 0) : slope;
    double power = narrow ? from * from - x * x : -(x - from) * (x - from);
    if (x <= high && chance < rnni_exp(power / 2)) return x;
  }
}

typedef struct interval {
  double mean, deviation, low, high;
} interval;

static rnn_status truncated_normal(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  const interval *v = arg;
  double low = (v->low - v->mean) / v->deviation, high = (v->high - v->mean) / v->deviation;
  int64_t done = 0;
  for (int64_t i = 0; i < t->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 64));
    double x = v->mean + v->deviation * truncated(ctx, low, high);
    rnni_f(t)[i] = (real)RNNI_MIN(RNNI_MAX(x, v->low), v->high);
  }
  return RNN_OK;
}

rnn_status rnn_tensor_truncated_normal(rnn_ctx *ctx, rnn_tensor *t, double mean, double deviation, double low,
                                       double high) {
  RNNI_NEED_TENSOR(ctx, t);
  low = (double)(real)low;
  high = (double)(real)high;
  if (!(deviation > 0) || !fits(fabs(mean) + NORMAL_MOST * deviation) || !(low < high) || low == INFINITY ||
      high == -INFINITY || (low > mean && !isfinite((low - mean) / deviation)) ||
      (high < mean && !isfinite((mean - high) / deviation)))
    return rnni_fail(ctx, RNN_EARG, "truncated_normal_: expected a mean, a positive deviation and low < high that keep the "
                     "numbers within %s, got %s, %s, %s and %s", RNN_PRECISION, rnni_number_text(mean),
                     rnni_number_text(deviation), rnni_number_text(low), rnni_number_text(high));
  RNNI_TRY(need_float(ctx, "truncated_normal_", t));
  return rnni_fill_by(ctx, t, truncated_normal, &(interval){mean, deviation, low, high});
}

/* t becomes 1 or 0 with the chances arg. */
static rnn_status bernoulli(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  int64_t done = 0;
  RNNI_TRY(rnni_move_new(ctx, t, arg));
  for (int64_t i = 0; i < t->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 4));
    rnni_f(t)[i] = rnni_to_unit(rnni_random_bits(ctx)) < (double)rnni_f(t)[i];
  }
  return RNN_OK;
}

rnn_status rnn_tensor_bernoulli(rnn_ctx *ctx, rnn_tensor *t, rnn_tensor *p) {
  RNNI_NEED_TENSOR(ctx, t);
  RNNI_NEED_TENSOR(ctx, p);
  RNNI_TRY(need_float(ctx, "bernoulli", t));
  RNNI_TRY(need_float(ctx, "bernoulli", p));
  rnn_tensor both, *rows;
  if (rnni_broadcast_dims(ctx, "bernoulli", t, p, &both.ndim, both.dims) != RNN_OK || !rnni_same_shape(&both, t))
    return rnni_fail(ctx, RNN_ESHAPE, "bernoulli: expected probabilities %s, or what can be broadcast to it, got %s",
                     RNNI_SHAPE(t), RNNI_SHAPE(p));
  RNNI_TRY(rnn_tensor_copy(ctx, p, &rows));
  rnn_status status = RNN_OK;
  int64_t done = 0, width, valid = rnni_valid_rows(rows, &width);
  for (int64_t r = 0; r < valid && status == RNN_OK; r++) {
    status = rnni_pace(ctx, &done, RNNI_ROW + width);
    for (int64_t i = r * width; i < (r + 1) * width && status == RNN_OK; i++) {
      real v = rnni_f(rows)[i];
      if (!rnni_is_valid_row(rows, r)) rnni_f(rows)[i] = 0;
      else if (!(v >= 0 && v <= 1))
        status = rnni_fail(ctx, RNN_EARG, "bernoulli: element %lld of the probabilities is %s, not within 0 to 1",
                           (long long)i + 1, rnni_number_text((double)v));
    }
  }
  if (status == RNN_OK) status = rnni_fill_by(ctx, t, bernoulli, rows);
  rnn_tensor_free(rows);
  return status;
}

/* A number below n without bias: the high half of a product, rejecting the uneven rest (Lemire 2019). */
static uint64_t below(rnn_ctx *ctx, uint64_t n) {
  for (;;) {
    __uint128_t product = (__uint128_t)rnni_random_bits(ctx) * n;
    if ((uint64_t)product >= -n % n) return (uint64_t)(product >> 64);
  }
}

static rnn_status randint(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  int64_t low = (int64_t)((draw *)arg)->a, high = (int64_t)((draw *)arg)->b, done = 0;
  for (int64_t i = 0; i < t->count; i++) {
    RNNI_TRY(rnni_pace(ctx, &done, 8));
    rnni_i(t)[i] = (int32_t)(low + (int64_t)below(ctx, (uint64_t)(high - low) + 1));
  }
  return RNN_OK;
}

rnn_status rnn_tensor_randint(rnn_ctx *ctx, rnn_tensor *t, int64_t low, int64_t high) {
  RNNI_NEED_TENSOR(ctx, t);
  if (t->type != RNN_INT) return rnni_fail(ctx, RNN_ETYPE, "randint: expected an int32 tensor, got %s", RNN_PRECISION);
  if (low < INT32_MIN || high > INT32_MAX || low > high)
    return rnni_fail(ctx, RNN_EARG, "randint: expected low <= high, both int32, got %lld and %lld", (long long)low,
                     (long long)high);
  return rnni_fill_by(ctx, t, randint, &(draw){(double)low, (double)high, 0});
}

static rnn_status shuffle(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  (void)arg;
  int32_t *p = rnni_i(t);
  int64_t done = 0;
  for (int64_t i = 0; i < t->count; i++) p[i] = (int32_t)i + 1;
  for (int64_t i = t->count - 1; i > 0; i--) {
    RNNI_TRY(rnni_pace(ctx, &done, 16));
    int64_t j = (int64_t)below(ctx, (uint64_t)i + 1);
    int32_t keep = p[i];
    p[i] = p[j];
    p[j] = keep;
  }
  return RNN_OK;
}

rnn_status rnn_tensor_shuffle(rnn_ctx *ctx, rnn_tensor *t) {
  RNNI_NEED_TENSOR(ctx, t);
  if (t->type != RNN_INT) return rnni_fail(ctx, RNN_ETYPE, "shuffle: expected an int32 tensor, got %s", RNN_PRECISION);
  if (t->count > INT32_MAX) return rnni_fail(ctx, RNN_EARG, "shuffle: at most %d elements", INT32_MAX);
  return rnni_fill_by(ctx, t, shuffle, NULL);
}

/* ---- places drawn by their weights ---- */

/* A place and when it comes; smaller keys come first. */
typedef struct arrival {
  double key;
  int32_t place;
} arrival;

static bool later(const arrival *a, const arrival *b) {
  return a->key > b->key || (a->key == b->key && a->place > b->place);
}

/* The heap of the n first, whose latest is heap[0]: puts what stands at i where it belongs. */
static void sink(arrival *heap, int64_t n, int64_t i) {
  for (int64_t child; (child = 2 * i + 1) < n;) {
    if (child + 1 < n && later(&heap[child + 1], &heap[child])) child++;
    if (!later(&heap[child], &heap[i])) return;
    arrival keep = heap[i];
    heap[i] = heap[child];
    heap[child] = keep;
    i = child;
  }
}

/* n places of a row in the order in which they come when each waits for an exponential time with its weight as rate: the
   order of draws without replacement (Efraimidis and Spirakis 2006). */
static rnn_status draw_distinct(rnn_ctx *ctx, const real *w, int64_t count, int64_t n, arrival *heap, int32_t *out,
                                int64_t *done) {
  int64_t size = 0;
  for (int64_t k = 0; k < count; k++) {
    RNNI_TRY(rnni_pace(ctx, done, 32));
    if (w[k] == 0) continue;
    arrival next = {-rnni_log(1 - rnni_to_unit(rnni_random_bits(ctx))) / (double)w[k], (int32_t)k + 1};
    if (size < n) {
      heap[size++] = next;
      for (int64_t i = size / 2 - 1; size == n && i >= 0; i--) {
        RNNI_TRY(rnni_pace(ctx, done, 32));
        sink(heap, n, i);
      }
    } else if (n > 0 && later(&heap[0], &next)) {
      heap[0] = next;
      sink(heap, n, 0);
    }
  }
  for (; size > 0; size--) {
    RNNI_TRY(rnni_pace(ctx, done, 64)); /* places far apart */
    out[size - 1] = heap[0].place;
    heap[0] = heap[size - 1];
    sink(heap, size - 1, 0);
  }
  return RNN_OK;
}

/* n places of a row, each drawn by itself, by the sums of the weights up to each place. */
static rnn_status draw_each(rnn_ctx *ctx, const real *w, int64_t count, int64_t n, double *sums, int32_t *out,
                            int64_t *done) {
  double sum = 0;
  int64_t last = 0;
  for (RNNI_PIECES(count, from, to)) {
    RNNI_TRY(rnni_pace(ctx, done, 4 * (to - from)));
    for (int64_t k = from; k < to; k++) {
      sums[k] = sum += (double)w[k];
      if (w[k] > 0) last = k;
    }
  }
  for (int64_t i = 0; i < n; i++) {
    RNNI_TRY(rnni_pace(ctx, done, 32));
    double at = sum * rnni_to_unit(rnni_random_bits(ctx));
    int64_t low = 0, high = last; /* the first place whose sum is larger, and rounding leads no further than the last */
    while (low < high) {
      int64_t middle = (low + high) / 2;
      if (sums[middle] > at) high = middle;
      else low = middle + 1;
    }
    out[i] = (int32_t)low + 1;
  }
  return RNN_OK;
}

/* Row r of the weights: how many count, 0 in padding. A sequence of weights ends where its length says. */
static int64_t weights_of(const rnn_tensor *w, int64_t r) {
  int64_t count = w->dims[w->ndim - 1];
  if (!w->lengths) return count;
  if (w->ndim == 2) return rnni_i(w->lengths)[r];
  int64_t inner = 1;
  for (int i = 2; i < w->ndim - 1; i++) inner *= w->dims[i];
  return rnni_is_valid_row(w, r / inner) ? count : 0;
}

static rnn_status check_weights(rnn_ctx *ctx, const real *w, int64_t r, int64_t count, int64_t need, int64_t *done) {
  double sum = 0;
  int64_t positive = 0;
  for (int64_t k = 0; k < count; k++) {
    if (k % RNNI_PIECE == 0) RNNI_TRY(rnni_pace(ctx, done, RNNI_ROW + 4 * RNNI_MIN(RNNI_PIECE, count - k)));
    if (!(w[k] >= 0))
      return rnni_fail(ctx, RNN_EARG, "multinomial: row %lld, place %lld: expected a weight of at least 0, got %s",
                       (long long)r + 1, (long long)k + 1, rnni_number_text((double)w[k]));
    sum += (double)w[k];
    positive += w[k] > 0;
  }
  if (!(sum > 0) || !isfinite(sum))
    return rnni_fail(ctx, RNN_EARG, "multinomial: the weights of row %lld add up to %s", (long long)r + 1,
                     rnni_number_text(sum));
  if (positive >= need) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "multinomial: row %lld has %lld places with a weight, so %lld cannot be drawn without "
                   "replacement", (long long)r + 1, (long long)positive, (long long)need);
}

static rnn_status draw_rows(rnn_ctx *ctx, const rnn_tensor *w, int64_t n, bool replacement, int32_t *out) {
  int64_t count = w->dims[w->ndim - 1], rows = 1, done = 0;
  size_t size = RNNI_MAX((size_t)count * sizeof(double), (size_t)n * sizeof(arrival));
  rnn_status status = RNN_OK;
  void *room;
  for (int i = 0; i < w->ndim - 1; i++) rows *= w->dims[i];
  RNNI_TRY(rnni_alloc(ctx, size, &room));
  for (int64_t r = 0; r < rows; r++, out += n) {
    const real *weights = rnni_f(w) + r * count;
    int64_t valid = weights_of(w, r);
    RNNI_GOTO(rnni_copy(ctx, out, NULL, (size_t)n * sizeof *out));
    if (valid == 0 && w->lengths) continue;
    RNNI_GOTO(check_weights(ctx, weights, r, valid, replacement ? 0 : n, &done));
    if (replacement) RNNI_GOTO(draw_each(ctx, weights, valid, n, room, out, &done));
    else RNNI_GOTO(draw_distinct(ctx, weights, valid, n, room, out, &done));
  }
done:
  rnni_free(ctx, room);
  return status;
}

rnn_status rnn_multinomial(rnn_ctx *ctx, rnn_tensor *weights, int64_t n, bool replacement, rnn_tensor **out) {
  RNNI_NEED_TENSOR(ctx, weights);
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_TRY(need_float(ctx, "multinomial", weights));
  int64_t dims[RNN_MAX_DIMS];
  int last = weights->ndim - 1;
  if (last < 0 || weights->dims[last] > INT32_MAX)
    return rnni_fail(ctx, RNN_ESHAPE, "multinomial: expected weights (..., K), got %s", RNNI_SHAPE(weights));
  if (n < 0 || (!replacement && n > weights->dims[last]))
    return rnni_fail(ctx, RNN_EARG, "multinomial: of %lld places, %lld cannot be drawn%s", (long long)weights->dims[last],
                     (long long)n, n < 0 ? "" : " without replacement");
  memcpy(dims, weights->dims, sizeof dims);
  dims[last] = n;
  rnn_tensor *rows = NULL, *made = NULL;
  rnn_random_state before = ctx->random;
  rnn_status status = rnni_tensor_raw(ctx, RNN_INT, last + 1, dims, &made);
  if (status == RNN_OK) status = rnni_tensor_stand_in(ctx, weights, &rows);
  if (status == RNN_OK) status = draw_rows(ctx, rows, n, replacement, rnni_i(made));
  if (status == RNN_OK && last >= 2 && weights->lengths) made->lengths = rnn_tensor_ref(weights->lengths);
  rnn_tensor_free(rows);
  if (status == RNN_OK) {
    *out = made;
    return RNN_OK;
  }
  rnn_tensor_free(made);
  ctx->random = before;
  return status;
}

/* One block of a matrix: random orthonormal rows, or columns where tall, times gain: Q of the QR, with a positive diagonal
   of R, of a normal matrix, whose columns are those rows or columns. a has room for it, q for Q, t for the reflections. */
static rnn_status orthogonal_block(rnn_ctx *ctx, real *w, int64_t rows, int64_t columns, double gain, double *a, double *q,
                                   double *t) {
  const bool tall = rows > columns;
  const int64_t m = RNNI_MAX(rows, columns), n = RNNI_MIN(rows, columns), ld = rnni_apart(n);
  int64_t done = 0;
  for (int64_t from = 0; from < m * n; from += 2 * PAIRS_MOST) { /* q (n, m) for now */
    normal_pairs(ctx, (RNNI_MIN(2 * PAIRS_MOST, m * n - from) + 1) / 2, 1, q + from);
    RNNI_TRY(rnni_poll(ctx));
  }
  for (int64_t b = 0; b < n; b += 16) /* a few at a time: what lies far apart shares places in the cache */
    for (int64_t i = 0; i < m; i++) {
      RNNI_TRY(rnni_pace(ctx, &done, 16 * RNNI_ROW)); /* each may lie on a page of its own */
      for (int64_t j = b; j < RNNI_MIN(b + 16, n); j++) a[i * ld + j] = q[j * m + i];
    }
  RNNI_TRY(rnni_own_qr(ctx, m, n, a, ld, t));
  RNNI_TRY(rnni_own_qr_q(ctx, m, n, a, ld, t, q, ld));
  for (int64_t b = 0; b < m; b += 16)
    for (int64_t j = 0; j < n; j++)
      for (int64_t i = b; i < RNNI_MIN(b + 16, m); i++) {
        double v = gain * q[i * ld + j];
        w[tall ? i * n + j : j * m + i] = (real)(a[j * ld + j] < 0 ? -v : v);
      }
  return RNN_OK;
}

static rnn_status orthogonal(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  int64_t blocks = ((draw *)arg)->blocks, rows = t->dims[0] / blocks, columns = t->dims[1];
  const int64_t size = RNNI_MAX(rows, columns) * rnni_apart(RNNI_MIN(rows, columns));
  rnn_status status = RNN_OK;
  double *a;
  RNNI_TRY(rnni_array(ctx, 2 * size + rnni_own_qr_room(rows, columns), sizeof *a, &a));
  for (int64_t b = 0; b < blocks && status == RNN_OK; b++)
    status = orthogonal_block(ctx, rnni_f(t) + b * rows * columns, rows, columns, ((draw *)arg)->a, a, a + size,
                              a + 2 * size);
  rnni_free(ctx, a);
  return status;
}

rnn_status rnn_tensor_orthogonal(rnn_ctx *ctx, rnn_tensor *t, int64_t blocks, double gain) {
  RNNI_NEED_TENSOR(ctx, t);
  if (!isfinite(gain))
    return rnni_fail(ctx, RNN_EARG, "orthogonal_: expected a finite gain, got %s", rnni_number_text(gain));
  RNNI_TRY(need_float(ctx, "orthogonal_", t));
  if (t->ndim != 2) return rnni_fail(ctx, RNN_ESHAPE, "orthogonal_: expected a matrix, got %s", RNNI_SHAPE(t));
  if (blocks < 1 || t->dims[0] % blocks != 0)
    return rnni_fail(ctx, RNN_EARG, "orthogonal_: %lld blocks do not divide the rows of %s", (long long)blocks,
                     RNNI_SHAPE(t));
  if (t->count == 0) return RNN_OK;
  return rnni_fill_by(ctx, t, orthogonal, &(draw){.a = gain, .blocks = blocks});
}
