/* kernels.c: the table of every inner loop, in GCC vector extensions; compiled once for each instruction set with
 * -DRNNI_TABLE=rnni_kernels_<set> -DRNNI_ELEMENTS=rnni_elements_<set> -DRNNI_ISA="<set>", and once more with -DRNNI_EXACT. See kernels.h. */
#include "gates.h"
#include "products.h"
#include "reductions.h"

/* ---- functions --------------------------------------------------------------------------------------------------- */

#define MAP(name, expression)                                         \
  static void map_##name(int64_t n, const real *from, real *to) {     \
    for (int64_t i = 0; i < n; i += LANES) {                          \
      bool whole = n - i >= LANES;                                    \
      vec x = whole ? load(from + i) : load_part(from + i, n - i);    \
      vec y = expression;                                             \
      if (whole) store(to + i, y);                                    \
      else store_part(to + i, y, n - i);                              \
    }                                                                 \
  }
MAP(exp, vexp(x))
MAP(tanh, vtanh(x))
MAP(sigmoid, vsigmoid(x))
MAP(log, vlog(x))
MAP(sin, vsin(x))
MAP(cos, vcos(x))
MAP(expm1, vexpm1(x))
MAP(softplus, vsoftplus(x))
MAP(log1p, vlog1p(x))
MAP(erf, verf(x))
MAP(gelu, vgelu(x))

#define MAP_PAIR(name)                                                                                                \
  static void map_##name(int64_t n, const real *x, int step_x, const real *e, int step_e, real *y) {                  \
    for (int64_t i = 0; i < n; i += LANES) {                                                                          \
      int64_t left = n - i;                                                                                           \
      bool whole = left >= LANES;                                                                                     \
      vec a = !step_x ? splat(*x) : whole ? load(x + i) : load_part(x + i, left);                                     \
      vec b = !step_e ? splat(*e) : whole ? load(e + i) : load_part(e + i, left);                                     \
      vec z = v##name(a, b);                                                                                          \
      if (whole) store(y + i, z);                                                                                     \
      else store_part(y + i, z, left);                                                                                \
    }                                                                                                                 \
  }
MAP_PAIR(pow)
MAP_PAIR(atan2)

/* x^e with e one of those that most people write, where a product, a quotient or a root has it. */
#define POWERS(exponent, result)                                          \
  if (e == exponent) {                                                    \
    for (int64_t i = 0; i < n; i++) {                                     \
      double v = x[step * i];                                             \
      y[i] = (real)(result);                                              \
    }                                                                     \
    return true;                                                          \
  }
static bool short_power(int64_t n, const real *x, int step, real e, real *y) {
  POWERS(2, v * v)
  POWERS(1, v)
  POWERS(3, v * v * v)
  POWERS(-1, 1 / v)
  POWERS(0.5, v == -INFINITY ? INFINITY : sqrt(v + 0.0)) /* of -0, too, pow makes 0 */
  return false;
}

static void power(int64_t n, const real *x, int step_x, const real *e, int step_e, real *y) {
  if (step_e || !short_power(n, x, step_x, *e, y)) map_pow(n, x, step_x, e, step_e, y);
}

static void log_add(int64_t n, const double *x, double *y) {
  for (int64_t i = 0; i < n; i += DLANES) {
    size_t size = (size_t)(n - i < DLANES ? n - i : DLANES) * sizeof *x;
    dvec a = {0}, b = {0};
    memcpy(&a, x + i, size);
    memcpy(&b, y + i, size);
    dvec top = d_choose(a > b, a, b), rest = d_choose(a > b, b, a);
    dvec sum = top + d_log1p(d_exp(rest - top));
    sum = d_choose(rest == -INFINITY, top, sum);
    memcpy(y + i, &sum, size);
  }
}

/* ---- random numbers: by operations that IEEE 754 rounds exactly, several beside each other ---- */

/* log(x) for x in (0, 1]: x = m 2^e with m near 1, log m = 2 atanh((m-1)/(m+1)) by its series; error below 1e-15. */
INLINE dvec log_of_unit(dvec x) {
  dbits bits = (dbits)x, power = (bits >> 52) - 1022;
  dvec m = (dvec)((bits & 0xfffffffffffff) | (int64_t)1022 << 52), sum = {0};
  dbits low = m < d_splat(0.70710678118654752);
  m = d_choose(low, 2 * m, m);
  power += low; /* -1 where true */
  dvec s = (m - 1) / (m + 1), s2 = s * s, e = __builtin_convertvector(power, dvec);
#pragma GCC unroll 12
  for (int k = 23; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
  return 2 * s * sum + e * 0.69314718055994531;
}

/* cos(2 pi u) and sin(2 pi u), u in [0, 1): Taylor series on the nearest quarter turn. */
INLINE void turn(dvec u, dvec *c, dvec *s) {
  dbits quarter = __builtin_convertvector(u * 4 + 0.5, dbits);
  dvec x = (u - __builtin_convertvector(quarter, dvec) * 0.25) * 6.2831853071795865, x2 = x * x;
  dvec cs = x2 * 0 + 1, sn = cs;
#pragma GCC unroll 8
  for (int k = 16; k >= 2; k -= 2) cs = 1 - cs * x2 / (double)(k * (k - 1));
#pragma GCC unroll 8
  for (int k = 17; k >= 3; k -= 2) sn = 1 - sn * x2 / (double)(k * (k - 1));
  sn *= x;
  dbits odd = (quarter & 1) != 0, first = ((quarter + 1) & 2) << 62, second = (quarter & 2) << 62; /* signs */
  *c = (dvec)((dbits)d_choose(odd, sn, cs) ^ first);
  *s = (dvec)((dbits)d_choose(odd, cs, sn) ^ second);
}

static void normal_pairs(int64_t pairs, const uint64_t *bits, double deviation, double *out) {
  for (int64_t from = 0; from < pairs; from += DLANES) {
    dvec u, v, c, s, root;
    int count = pairs - from < DLANES ? (int)(pairs - from) : DLANES;
    for (int i = 0; i < DLANES; i++) {
      const uint64_t *pair = bits + 2 * (from + (i < count ? i : 0));
      u[i] = 1 - (double)(int64_t)(pair[0] >> 11) * 0x1p-53;
      v[i] = (double)(int64_t)(pair[1] >> 11) * 0x1p-53;
    }
    dvec square = -2 * log_of_unit(u);
    for (int i = 0; i < DLANES; i++) root[i] = __builtin_sqrt(square[i]);
    root *= deviation;
    turn(v, &c, &s);
    c *= root;
    s *= root;
    for (int i = 0; i < count; i++) {
      out[2 * (from + i)] = c[i];
      out[2 * (from + i) + 1] = s[i];
    }
  }
}

static void add(int64_t n, const real *x, real *y) {
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) store(y + i, load(y + i) + load(x + i));
  for (; i < n; i++) y[i] += x[i];
}

/* A few rows at a time: rows that lie a power of two apart share places in the cache. */
static void swap_axes(int64_t A, int64_t B, int64_t width, const real *from, ptrdiff_t row, real *to, ptrdiff_t to_row) {
  for (int64_t a0 = 0; a0 < A; a0 += 8)
    for (int64_t b = 0; b < B; b++)
      for (int64_t a = a0; a < A && a < a0 + 8; a++) {
        const real *f = from + a * row + b * width;
        real *t = to + b * to_row + a * width;
        int64_t i = 0;
        for (; i + LANES <= width; i += LANES) store(t + i, load(f + i));
        for (; i < width; i++) t[i] = f[i];
      }
}

static void multiply_add(int64_t n, const real *a, const real *b, const real *c, real *out) {
#define BODY(GET, PUT) PUT(out + u, madd(GET(a + u), GET(b + u), GET(c + u)));
  FOR_UNITS(n, BODY);
#undef BODY
}

/* ---- layer normalisation: sums in 16 chains whatever the width of a vector, so that every set gives the same bits ---- */

#define CHAINS (16 / LANES)

INLINE real sum_chains(vec *chain) {
  real lanes[16], total = 0;
  for (int i = 0; i < CHAINS; i++) store(lanes + i * LANES, chain[i]);
  for (int i = 0; i < 16; i++) total += lanes[i];
  return total;
}

/* Calls body with u, get(p) for each vector of a row of n; chain is the number of its accumulator. */
#define FOR_CHAINS(n, body)                                  \
  do {                                                       \
    int64_t u = 0;                                           \
    for (int chain = 0; u < (n); u += LANES) {               \
      if (u + LANES <= (n)) {                                \
        body(load)                                           \
      } else {                                               \
        int64_t left = (n)-u;                                \
        body(LOAD_LEFT)                                      \
      }                                                      \
      chain = (chain + 1) % CHAINS;                          \
    }                                                        \
  } while (0)

/* A lane past the end must not count: the mask is 1 within the row. */
INLINE vec inside(int64_t n, int64_t u) {
  vec m = {0};
  for (int i = 0; i < LANES; i++) m[i] = u + i < n;
  return m;
}

/* Rows side by side, a constant number, while they are summed: the sums of a row alone wait for each other. They are
   written one by one, for a load waits for a store to a place a multiple of 4096 bytes away. */
#define NORM_ROWS 4
#define NORM_LEAST (sizeof(real) == sizeof(float) ? 1e-31 : 1e-292) /* variances whose squares have all their digits */
#define NORM_MOST (sizeof(real) == sizeof(float) ? 1e38 : 1e307)
#define FOR_ROWS _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++)

/* A row whose squares are beyond the range of real: all of it times a power of two that brings its greatest to 1. */
static void norm_far(int64_t n, double eps, const real *x, real *hat, real *scale) {
  double top = 0, sum = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) top = fabs((double)x[i]) <= top ? top : fabs((double)x[i]);
  int power = 0;
  if (isfinite(top)) frexp(top, &power);
  const double first = n > 0 ? ldexp((double)x[0], -power) : 0;
  for (int64_t i = 0; i < n; i++) sum += ldexp((double)x[i], -power) - first;
  const double mean = first + sum / (double)n;
  for (int64_t i = 0; i < n; i++) {
    double e = ldexp((double)x[i], -power) - mean;
    squares += e * e;
  }
  const double variance = squares / (double)n + ldexp(eps, -2 * power), s = variance == 0 ? 0 : 1 / sqrt(variance);
  for (int64_t i = 0; i < n; i++) hat[i] = (real)((ldexp((double)x[i], -power) - mean) * s);
  *scale = (real)ldexp(s, -power);
}

/* Distances from the first element are summed: those of a constant row are exactly 0, and then so is hat. */
INLINE void norm_some(const int rows, int64_t n, double eps, const real *x, ptrdiff_t ldx, real *hat, real *scale) {
  vec sum[NORM_ROWS][CHAINS] = {{{0}}}, squares[NORM_ROWS][CHAINS] = {{{0}}};
  real first[NORM_ROWS], mean[NORM_ROWS], s[NORM_ROWS];
  FOR_ROWS first[r] = n > 0 ? x[r * ldx] : 0;
#define BODY(GET)                                                           \
  FOR_ROWS {                                                                \
    vec e = GET(x + r * ldx + u) - first[r];                                \
    if (u + LANES > n) e = choose(inside(n, u) > 0, e, (vec){0});           \
    sum[r][chain] += e;                                                     \
  }
  FOR_CHAINS(n, BODY);
#undef BODY
  FOR_ROWS mean[r] = sum_chains(sum[r]) / (real)n;
#define BODY(GET)                                                           \
  FOR_ROWS {                                                                \
    vec e = (GET(x + r * ldx + u) - first[r]) - mean[r];                    \
    if (u + LANES > n) e = choose(inside(n, u) > 0, e, (vec){0});           \
    squares[r][chain] = madd(e, e, squares[r][chain]);                      \
  }
  FOR_CHAINS(n, BODY);
#undef BODY
#define BODY(GET, PUT) PUT(hat + r * n + u, ((GET(x + r * ldx + u) - first[r]) - mean[r]) * s[r]);
  FOR_ROWS {
    double variance = (double)(sum_chains(squares[r]) / (real)n) + eps;
    scale[r] = s[r] = (real)(1 / sqrt(variance));
    if (variance >= NORM_LEAST && variance <= NORM_MOST) FOR_UNITS(n, BODY);
    else norm_far(n, eps, x + r * ldx, hat + r * n, scale + r);
  }
#undef BODY
}

static void norm_forward(int64_t rows, int64_t n, double eps, const real *x, ptrdiff_t ldx, real *hat, real *scale) {
  int64_t r = 0;
  for (; r + NORM_ROWS <= rows; r += NORM_ROWS) norm_some(NORM_ROWS, n, eps, x + r * ldx, ldx, hat + r * n, scale + r);
  for (; r < rows; r++) norm_some(1, n, eps, x + r * ldx, ldx, hat + r * n, scale + r);
}

static void scale_columns(int64_t rows, int64_t n, const real *gain, const real *x, const real *bias, real *y) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
#define BODY(GET, PUT) PUT(y + u, bias ? GET(gain + u) * GET(x + u) + GET(bias + u) : GET(gain + u) * GET(x + u));
    FOR_UNITS(n, BODY);
#undef BODY
  }
}

INLINE void norm_some_backward(const int rows, int64_t n, const real *dy, ptrdiff_t lddy, const real *gain, const real *hat,
                               const real *scale, real *dx) {
  vec sum[NORM_ROWS][CHAINS] = {{{0}}}, dot[NORM_ROWS][CHAINS] = {{{0}}};
  real mean_d[NORM_ROWS], mean_dh[NORM_ROWS];
#define BODY(GET)                                               \
  FOR_ROWS {                                                    \
    vec d = GET(dy + r * lddy + u) * GET(gain + u);             \
    sum[r][chain] += d;                                         \
    dot[r][chain] = madd(d, GET(hat + r * n + u), dot[r][chain]); \
  }
  FOR_CHAINS(n, BODY);
#undef BODY
  FOR_ROWS {
    mean_d[r] = sum_chains(sum[r]) / (real)n;
    mean_dh[r] = sum_chains(dot[r]) / (real)n;
  }
#define BODY(GET, PUT)                                                                                                     \
  PUT(dx + r * n + u, scale[r] * (GET(dy + r * lddy + u) * GET(gain + u) - mean_d[r] - GET(hat + r * n + u) * mean_dh[r]));
  FOR_ROWS FOR_UNITS(n, BODY);
#undef BODY
}

static void norm_backward(int64_t rows, int64_t n, const real *dy, ptrdiff_t lddy, const real *gain, const real *hat,
                          const real *scale, real *dx) {
  int64_t r = 0;
  for (; r + NORM_ROWS <= rows; r += NORM_ROWS)
    norm_some_backward(NORM_ROWS, n, dy + r * lddy, lddy, gain, hat + r * n, scale + r, dx + r * n);
  for (; r < rows; r++) norm_some_backward(1, n, dy + r * lddy, lddy, gain, hat + r * n, scale + r, dx + r * n);
}

extern const rnni_kernels RNNI_TABLE;
extern const rnni_elements RNNI_ELEMENTS;
const rnni_kernels RNNI_TABLE = {
    .isa = RNNI_ISA,
    .elements = &RNNI_ELEMENTS,
    .tile_rows = ROWS,
    .tile_cols = COLS,
    .peak = peak,
    .pack = pack,
    .product = product,
    .product_pair = product_pair,
    .exp = map_exp,
    .tanh = map_tanh,
    .sigmoid = map_sigmoid,
    .log = map_log,
    .sin = map_sin,
    .cos = map_cos,
    .expm1 = map_expm1,
    .softplus = map_softplus,
    .log1p = map_log1p,
    .erf = map_erf,
    .gelu = map_gelu,
    .pow = power,
    .atan2 = map_atan2,
    .log_add = log_add,
    .normal_pairs = normal_pairs,
    .add_product = add_product,
    .multiply_add = multiply_add,
    .add = add,
    .swap_axes = swap_axes,
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .scale_columns = scale_columns,
    .sum_columns = sum_columns,
    .fold = fold,
    .dots = dots,
    .mix = mix,
    .outer = outer,
    .extreme = extreme,
    .fold_lines = fold_lines,
    .extreme_lines = extreme_lines,
    .elman_forward = elman_forward,
    .elman_backward = elman_backward,
    .lstm_forward = lstm_forward,
    .lstm_backward = lstm_backward,
    .gru_forward = gru_forward,
    .gru_backward = gru_backward,
#ifdef FAST
    .few_samples = FEW_SAMPLES,
    .few = few,
#endif
};
