/* random.c: Philox4x32-10 and what is drawn from it. Everything is computed in double with operations that IEEE 754
 * rounds exactly (this file is compiled without contraction and calls no transcendental function of the C library), so
 * the numbers are the same on every machine. One number uses one position of the counter. */
#include "internal.h"
#include "kernels/kernels.h"
#include "linalg/linalg.h"

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
    memcpy(c, next, sizeof next);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/* Those of n positions: a block of 128 bits holds two. */
static void bits_from(uint64_t seed, uint64_t position, int64_t n, uint64_t *bits) {
  for (int64_t i = 0; i < n;) {
    uint64_t block = (position + (uint64_t)i) >> 1;
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
    philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    if (((position + (uint64_t)i) & 1) == 0) bits[i++] = (uint64_t)c[1] << 32 | c[0];
    if (i < n) bits[i++] = (uint64_t)c[3] << 32 | c[2];
  }
}

static uint64_t bits_at(uint64_t seed, uint64_t position) {
  uint64_t bits;
  bits_from(seed, position, 1, &bits);
  return bits;
}

uint64_t rnni_random_bits(rnn_ctx *ctx) { return bits_at(ctx->random.seed, ctx->random.position++); }

static double to_unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

double rnni_random_at(uint64_t seed, uint64_t position) { return to_unit(bits_at(seed, position)); }

void rnn_seed(rnn_ctx *ctx, uint64_t seed) { ctx->random = (rnn_random_state){.seed = seed}; }
rnn_random_state rnn_random_get(const rnn_ctx *ctx) { return ctx->random; }
void rnn_random_set(rnn_ctx *ctx, rnn_random_state state) { ctx->random = state; }

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
    bits_from(p->from.seed, p->from.position + (uint64_t)(2 * i), 2 * count, bits);
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

/* A number below n without bias: the high half of a product, rejecting the uneven rest (Lemire 2019). */
static uint64_t below(rnn_ctx *ctx, uint64_t n) {
  for (;;) {
    __uint128_t product = (__uint128_t)rnni_random_bits(ctx) * n;
    if ((uint64_t)product >= -n % n) return (uint64_t)(product >> 64);
  }
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

/* One block of a matrix: random orthonormal rows, or columns where tall, times gain: Q of the QR, with a positive diagonal
   of R, of a normal matrix, whose columns are those rows or columns. a has room for it, q for Q, t for the reflections. */
static rnn_status orthogonal_block(rnn_ctx *ctx, real *w, int64_t rows, int64_t columns, double gain, double *a, double *q,
                                   double *t) {
  const bool tall = rows > columns;
  const int64_t m = RNNI_MAX(rows, columns), n = RNNI_MIN(rows, columns), ld = rnni_apart(n);
  for (int64_t from = 0; from < m * n; from += 2 * PAIRS_MOST) { /* column by column; q holds them as drawn */
    int64_t count = RNNI_MIN(2 * PAIRS_MOST, m * n - from);
    normal_pairs(ctx, (count + 1) / 2, 1, q);
    for (int64_t i = 0; i < count; i++) a[(from + i) % m * ld + (from + i) / m] = q[i];
    RNNI_TRY(rnni_poll(ctx));
  }
  RNNI_TRY(rnni_own_qr(ctx, m, n, a, ld, t));
  RNNI_TRY(rnni_own_qr_q(ctx, m, n, a, ld, t, q, ld));
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
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
