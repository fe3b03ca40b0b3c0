/* kernels.c: every inner loop, in GCC vector extensions; compiled once for each instruction set with
 * -DRNNI_TABLE=rnni_kernels_<set> -DRNNI_ISA="<set>". See kernels.h. */
#include "kernels.h"
#include "vmath.h"

/* ---- products ------------------------------------------------------------------------------------------------- */

/* A tile is ROWS x two vectors of accumulators, as many as registers allow beside two of B and one of A. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define ROWS 12
#else
#define ROWS 6
#endif
#define COLS (2 * LANES)
#define K_BLOCK 256 /* a panel's block, COLS * K_BLOCK, stays in the first cache while rows pass by */
#define M_BLOCK 96  /* and this many rows of A in the second */

static void pack(int64_t k, int64_t n, const real *b, ptrdiff_t rs, ptrdiff_t cs, real *out) {
  for (int64_t j = 0; j < n; j += COLS) {
    int64_t width = n - j < COLS ? n - j : COLS;
    const real *from = b + j * cs;
    if (cs == 1 && width == COLS) {
      for (int64_t p = 0; p < k; p++, out += COLS) {
        store(out, load(from + p * rs));
        store(out + LANES, load(from + p * rs + LANES));
      }
      continue;
    }
    for (int64_t p = 0; p < k; p++, out += COLS) {
      for (int64_t i = 0; i < width; i++) out[i] = from[p * rs + i * cs];
      for (int64_t i = width; i < COLS; i++) out[i] = 0;
    }
  }
}

/* One tile: c (rows, n) over one block of k. rows is a constant wherever this is expanded. */
INLINE void tile(const int rows, int64_t n, int64_t k, const real *restrict a, ptrdiff_t ars, ptrdiff_t acs,
                 const real *restrict b, ptrdiff_t b_step, const real *restrict bias, real *restrict c, ptrdiff_t ldc,
                 bool accumulate) {
  vec acc[ROWS][2];
  vec bias0 = {0}, bias1 = {0};
  int64_t n0 = n < LANES ? n : LANES, n1 = n - n0;
  if (bias) {
    bias0 = load_part(bias, n0);
    bias1 = load_part(bias + n0, n1);
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    acc[i][0] = bias0;
    acc[i][1] = bias1;
    if (accumulate) {
      const real *from = c + i * ldc;
      if (n == COLS) {
        acc[i][0] += load(from);
        acc[i][1] += load(from + LANES);
      } else {
        acc[i][0] += load_part(from, n0);
        acc[i][1] += load_part(from + n0, n1);
      }
    }
  }
  for (int64_t p = 0; p < k; p++) {
    vec b0 = load(b), b1 = load(b + LANES);
    b += b_step;
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
      vec x = splat(a[i * ars]);
      acc[i][0] += x * b0;
      acc[i][1] += x * b1;
    }
    a += acs;
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++) {
    real *to = c + i * ldc;
    if (n == COLS) {
      store(to, acc[i][0]);
      store(to + LANES, acc[i][1]);
    } else {
      store_part(to, acc[i][0], n0);
      store_part(to + n0, acc[i][1], n1);
    }
  }
}

typedef void tile_fn(int64_t n, int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step,
                     const real *bias, real *c, ptrdiff_t ldc, bool accumulate);

/* Rows of A as they lie (acs 1), and A packed into [k][ROWS]. */
#define TILE(R)                                                                                                    \
  static void tile_direct_##R(int64_t n, int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step,   \
                              const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {                           \
    tile(R, n, k, a, ars, 1, b, b_step, bias, c, ldc, accumulate);                                                   \
  }                                                                                                                  \
  static void tile_packed_##R(int64_t n, int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step,   \
                              const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {                           \
    (void)ars;                                                                                                       \
    tile(R, n, k, a, 1, ROWS, b, b_step, bias, c, ldc, accumulate);                                                  \
  }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
#if ROWS == 12
TILE(7)
TILE(8)
TILE(9)
TILE(10)
TILE(11)
TILE(12)
#define TILES(kind)                                                                                             \
  {                                                                                                             \
    tile_##kind##_1, tile_##kind##_2, tile_##kind##_3, tile_##kind##_4, tile_##kind##_5, tile_##kind##_6,       \
        tile_##kind##_7, tile_##kind##_8, tile_##kind##_9, tile_##kind##_10, tile_##kind##_11, tile_##kind##_12 \
  }
#else
#define TILES(kind) \
  { tile_##kind##_1, tile_##kind##_2, tile_##kind##_3, tile_##kind##_4, tile_##kind##_5, tile_##kind##_6 }
#endif
static tile_fn *const tiles_direct[ROWS] = TILES(direct);
static tile_fn *const tiles_packed[ROWS] = TILES(packed);

/* ROWS x k of A into [k][ROWS]; ROWS are copied where that many lie behind each other, needed or not. */
static void pack_rows(int64_t m, int64_t there, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, real *out) {
  if (ars == 1 && there >= ROWS)
    for (int64_t p = 0; p < k; p++, out += ROWS, a += acs) memcpy(out, a, ROWS * sizeof *out);
  else
    for (int64_t p = 0; p < k; p++, out += ROWS, a += acs)
      for (int64_t i = 0; i < m; i++) out[i] = a[i * ars];
}

static void product(int64_t m, int64_t n, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, rnni_panels b,
                    const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {
  real rows_packed[M_BLOCK * K_BLOCK] __attribute__((aligned(64)));
  bool direct = acs == 1;
  int64_t k0 = 0;
  do { /* k 0 still writes bias or zeros */
    int64_t kn = k - k0 < K_BLOCK ? k - k0 : K_BLOCK;
    for (int64_t m0 = 0; m0 < m; m0 += M_BLOCK) {
      int64_t mn = m - m0 < M_BLOCK ? m - m0 : M_BLOCK;
      int64_t tiles = (mn + ROWS - 1) / ROWS;
      if (!direct)
        for (int64_t t = 0; t < tiles; t++) {
          int64_t from = t * mn / tiles, rows = (t + 1) * mn / tiles - from;
          pack_rows(rows, m - m0 - from, kn, a + (m0 + from) * ars + k0 * acs, ars, acs,
                    rows_packed + t * ROWS * K_BLOCK);
        }
      for (int64_t j = 0; j < n; j += COLS) {
        int64_t width = n - j < COLS ? n - j : COLS;
        const real *panel = b.at + j / COLS * b.panel + k0 * b.step;
        for (int64_t t = 0; t < tiles; t++) { /* tiles of nearly equal height: none is left with one row */
          int64_t from = t * mn / tiles, rows = (t + 1) * mn / tiles - from;
          real *to = c + (m0 + from) * ldc + j;
          const real *add = bias && k0 == 0 ? bias + j : NULL;
          if (direct)
            tiles_direct[rows - 1](width, kn, a + (m0 + from) * ars + k0, ars, panel, b.step, add, to, ldc,
                                   accumulate || k0 > 0);
          else
            tiles_packed[rows - 1](width, kn, rows_packed + t * ROWS * K_BLOCK, 1, panel, b.step, add, to, ldc,
                                   accumulate || k0 > 0);
        }
      }
    }
    k0 += K_BLOCK;
  } while (k0 < k);
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

#define MAP(name, expression)                                         \
  static void map_##name(int64_t n, const real *from, real *to) {     \
    int64_t i = 0;                                                    \
    for (; i + LANES <= n; i += LANES) {                              \
      vec x = load(from + i);                                         \
      store(to + i, expression);                                      \
    }                                                                 \
    if (i < n) {                                                      \
      vec x = load_part(from + i, n - i);                             \
      store_part(to + i, expression, n - i);                          \
    }                                                                 \
  }
MAP(exp, vexp(x))
MAP(tanh, vtanh(x))
MAP(sigmoid, vsigmoid(x))

/* ---- gates ------------------------------------------------------------------------------------------------------- */

/* Runs body for every vector of units of a row; GET and PUT hide whether it is the last, partial one. */
#define FOR_UNITS(units, body)                                   \
  do {                                                           \
    int64_t u = 0;                                               \
    for (; u + LANES <= (units); u += LANES) {                   \
      body(load, store)                                          \
    }                                                            \
    if (u < (units)) {                                           \
      int64_t left = (units)-u;                                  \
      body(LOAD_LEFT, STORE_LEFT)                                \
    }                                                            \
  } while (0)
#define LOAD_LEFT(p) load_part(p, left)
#define STORE_LEFT(p, v) store_part(p, v, left)

static void lstm_forward(int64_t rows, int64_t units, real *a, const real *c_before, real *c, real *h) {
  for (int64_t r = 0; r < rows; r++, a += 4 * units, c_before += units, c += units, h += units) {
#define BODY(GET, PUT)                                \
  vec i = vsigmoid(GET(a + u));                       \
  vec f = vsigmoid(GET(a + units + u));               \
  vec g = vtanh(GET(a + 2 * units + u));              \
  vec o = vsigmoid(GET(a + 3 * units + u));           \
  vec now = f * GET(c_before + u) + i * g;            \
  PUT(a + u, i);                                      \
  PUT(a + units + u, f);                              \
  PUT(a + 2 * units + u, g);                          \
  PUT(a + 3 * units + u, o);                          \
  PUT(c + u, now);                                    \
  PUT(h + u, o * vtanh(now));
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void lstm_backward(int64_t rows, int64_t units, real *a, const real *c_before, const real *c, const real *dh,
                          const real *dy, ptrdiff_t lddy, real *dc) {
  for (int64_t r = 0; r < rows; r++, a += 4 * units, c_before += units, c += units, dh += units, dc += units) {
#define BODY(GET, PUT)                                          \
  vec i = GET(a + u), f = GET(a + units + u);                   \
  vec g = GET(a + 2 * units + u), o = GET(a + 3 * units + u);   \
  vec s = vtanh(GET(c + u));                                    \
  vec d = GET(dh + u);                                          \
  if (dy) d += GET(dy + r * lddy + u);                          \
  vec e = GET(dc + u) + d * o * (1 - s * s);                    \
  PUT(a + u, e * g * i * (1 - i));                              \
  PUT(a + units + u, e * GET(c_before + u) * f * (1 - f));      \
  PUT(a + 2 * units + u, e * i * (1 - g * g));                  \
  PUT(a + 3 * units + u, d * s * o * (1 - o));                  \
  PUT(dc + u, e * f);
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void gru_forward(int64_t rows, int64_t units, real *a, const real *h_before, real *h) {
  for (int64_t r = 0; r < rows; r++, a += 4 * units, h_before += units, h += units) {
#define BODY(GET, PUT)                                                    \
  vec reset = vsigmoid(GET(a + u));                                       \
  vec z = vsigmoid(GET(a + units + u));                                   \
  vec n = vtanh(GET(a + 2 * units + u) + reset * GET(a + 3 * units + u)); \
  PUT(a + u, reset);                                                      \
  PUT(a + units + u, z);                                                  \
  PUT(a + 2 * units + u, n);                                              \
  PUT(h + u, n + z * (GET(h_before + u) - n));
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void gru_backward(int64_t rows, int64_t units, real *a, const real *h_before, real *dh, const real *dy,
                         ptrdiff_t lddy) {
  for (int64_t r = 0; r < rows; r++, a += 4 * units, h_before += units, dh += units) {
#define BODY(GET, PUT)                                               \
  vec reset = GET(a + u), z = GET(a + units + u);                    \
  vec n = GET(a + 2 * units + u), hn = GET(a + 3 * units + u);       \
  vec d = GET(dh + u);                                               \
  if (dy) d += GET(dy + r * lddy + u);                               \
  vec dn = d * (1 - z) * (1 - n * n);                                \
  PUT(a + u, dn * hn * reset * (1 - reset));                         \
  PUT(a + units + u, d * (GET(h_before + u) - n) * z * (1 - z));     \
  PUT(a + 2 * units + u, dn);                                        \
  PUT(a + 3 * units + u, dn * reset);                                \
  PUT(dh + u, d * z);
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

extern const rnni_kernels RNNI_TABLE;
const rnni_kernels RNNI_TABLE = {
    .isa = RNNI_ISA,
    .tile_rows = ROWS,
    .tile_cols = COLS,
    .pack = pack,
    .product = product,
    .exp = map_exp,
    .tanh = map_tanh,
    .sigmoid = map_sigmoid,
    .lstm_forward = lstm_forward,
    .lstm_backward = lstm_backward,
    .gru_forward = gru_forward,
    .gru_backward = gru_backward,
};
