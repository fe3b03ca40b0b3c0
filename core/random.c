/* random.c: Philox4x32-10 and what is drawn from it. Everything is computed in double with operations that IEEE 754
 * rounds exactly (this file is compiled without contraction and calls no transcendental function of the C library), so
 * the numbers are the same on every machine. One number uses one position of the counter. */
#include "internal.h"
#include "kernels/kernels.h"

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
    memcpy(c, next, sizeof next);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

static uint64_t bits_at(uint64_t seed, uint64_t position) {
  uint64_t block = position >> 1; /* a block of 128 bits holds two positions */
  uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), 0, 0};
  philox(c, (uint32_t)seed, (uint32_t)(seed >> 32));
  return position & 1 ? (uint64_t)c[3] << 32 | c[2] : (uint64_t)c[1] << 32 | c[0];
}

uint64_t rnni_random_bits(rnn_ctx *ctx) { return bits_at(ctx->random.seed, ctx->random.position++); }

static double to_unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

double rnni_random_at(uint64_t seed, uint64_t position) { return to_unit(bits_at(seed, position)); }

void rnn_seed(rnn_ctx *ctx, uint64_t seed) { ctx->random = (rnn_random_state){.seed = seed}; }
rnn_random_state rnn_random_get(const rnn_ctx *ctx) { return ctx->random; }
void rnn_random_set(rnn_ctx *ctx, rnn_random_state state) { ctx->random = state; }

/* log(x) for x in (0, 1]: x = m 2^e with m near 1, log m = 2 atanh((m-1)/(m+1)) by its series; error below 1e-15. */
static double log_exactly(double x) {
  int e;
  double m = frexp(x, &e);
  if (m < 0.70710678118654752) {
    m *= 2;
    e--;
  }
  double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
  return 2 * s * sum + e * 0.69314718055994531;
}

/* cos(2 pi u) and sin(2 pi u), u in [0, 1): Taylor series on the nearest quarter turn. */
static void turn(double u, double *c, double *s) {
  int quarter = (int)(u * 4 + 0.5);
  double x = (u - quarter * 0.25) * 6.2831853071795865, x2 = x * x, cs = 1, sn = 1;
  for (int k = 16; k >= 2; k -= 2) cs = 1 - cs * x2 / (k * (k - 1));
  for (int k = 17; k >= 3; k -= 2) sn = 1 - sn * x2 / (k * (k - 1));
  sn *= x;
  switch (quarter & 3) {
    case 0: *c = cs, *s = sn; break;
    case 1: *c = -sn, *s = cs; break;
    case 2: *c = -cs, *s = -sn; break;
    default: *c = sn, *s = -cs; break;
  }
}

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

/* Two numbers of the normal distribution with mean 0 and this deviation (Box and Muller 1958). */
static void two_normal(rnn_ctx *ctx, double deviation, double *a, double *b) {
  double u = 1 - to_unit(rnni_random_bits(ctx)), c, s;
  turn(to_unit(rnni_random_bits(ctx)), &c, &s);
  double radius = deviation * sqrt(-2 * log_exactly(u));
  *a = radius * c;
  *b = radius * s;
}
#define NORMAL_MOST 8.6 /* sqrt(-2 log 2^-53): no number lies further out */

static rnn_status normal(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  double mean = ((draw *)arg)->a, deviation = ((draw *)arg)->b, x, y;
  int64_t done = 0;
  for (int64_t i = 0; i < t->count; i += 2) {
    RNNI_TRY(rnni_pace(ctx, &done, 32));
    two_normal(ctx, deviation, &x, &y);
    rnni_f(t)[i] = (real)(mean + x);
    if (i + 1 < t->count) rnni_f(t)[i + 1] = (real)(mean + y);
  }
  return RNN_OK;
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

#define TOGETHER 16 /* rows that take an earlier one away while the caches hold it */

/* Gram-Schmidt, twice (Giraud et al. 2005: twice is enough), on the rows of a (rows, n) normal matrix, rows <= n. */
static rnn_status orthonormal_rows(rnn_ctx *ctx, double *a, int64_t rows, int64_t n) {
  int64_t done = 0;
  for (int64_t from = 0; from < rows; from += TOGETHER) {
    int64_t to = RNNI_MIN(from + TOGETHER, rows);
    for (int pass = 0; pass < 2; pass++)
      for (int64_t j = 0; j < from; j++)
        for (int64_t i = from; i < to; i++) {
          RNNI_TRY(rnni_pace(ctx, &done, n));
          rnni_kernel->take_away(n, a + j * n, a + i * n);
        }
    for (int64_t i = from; i < to; i++) {
      double *x = a + i * n, norm = 0;
      for (int pass = 0; pass < 2; pass++)
        for (int64_t j = from; j < i; j++) rnni_kernel->take_away(n, a + j * n, x);
      for (int64_t k = 0; k < n; k++) norm += x[k] * x[k];
      norm = sqrt(norm);
      for (int64_t k = 0; k < n; k++) x[k] /= norm;
    }
  }
  return RNN_OK;
}

/* One block of a matrix: random orthonormal rows, or columns where tall, times gain. a has room for its elements. */
static rnn_status orthogonal_block(rnn_ctx *ctx, real *w, int64_t rows, int64_t columns, double gain, double *a) {
  bool tall = rows > columns; /* then the columns are orthonormal: work on the transpose */
  int64_t m = tall ? columns : rows, n = tall ? rows : columns, done = 0;
  for (int64_t i = 0; i < m * n; i += 2) {
    double last;
    RNNI_TRY(rnni_pace(ctx, &done, 32));
    two_normal(ctx, 1, a + i, i + 1 < m * n ? a + i + 1 : &last);
  }
  RNNI_TRY(orthonormal_rows(ctx, a, m, n));
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) w[i * columns + j] = (real)(gain * (tall ? a[j * n + i] : a[i * n + j]));
  return RNN_OK;
}

static rnn_status orthogonal(rnn_ctx *ctx, rnn_tensor *t, void *arg) {
  int64_t blocks = ((draw *)arg)->blocks, rows = t->dims[0] / blocks, columns = t->dims[1];
  rnn_status status = RNN_OK;
  double *a;
  RNNI_TRY(rnni_array(ctx, rows * columns, sizeof *a, &a));
  for (int64_t b = 0; b < blocks && status == RNN_OK; b++)
    status = orthogonal_block(ctx, rnni_f(t) + b * rows * columns, rows, columns, ((draw *)arg)->a, a);
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
