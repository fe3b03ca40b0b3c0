/* kernels.c: every inner loop, in GCC vector extensions; compiled once for each instruction set with
 * -DRNNI_TABLE=rnni_kernels_<set> -DRNNI_ELEMENTS=rnni_elements_<set> -DRNNI_ISA="<set>", and once more with -DRNNI_EXACT. See kernels.h. */
#include "kernels.h"
#include "vmath.h"

/* ---- products ------------------------------------------------------------------------------------------------- */

/* Sets without fused multiply-adds are for checks and processors of old: there code is to be small. */
#if defined(__FMA__) || defined(__aarch64__)
#define FAST
#endif

/* A tile is ROWS x two vectors of accumulators, as many as registers allow beside two of B and one of A. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define ROWS 12
#define WIDE_PANELS 4
#else
#define ROWS 6
#define WIDE_PANELS 2
#endif
#define FEW 3 /* so many rows are multiplied with several panels at once: 4 of one row, WIDE_PANELS of more */
#define HALF (ROWS / 2)
#define COLS (2 * LANES)
#define K_BLOCK 256 /* a panel's block, COLS * K_BLOCK, stays in the first cache while rows pass by */
#define M_BLOCK 96  /* and this many rows of A in the second, */
#define N_BLOCK 1024 /* beside this many columns of B */
#define PACK_BLOCK 64 /* so many rows of a panel are packed while they stay in the first cache */
#define AHEAD 16 /* rows of A that pack_rows asks for early: they lie far apart */

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
    for (int64_t p0 = 0; p0 < k; p0 += PACK_BLOCK) { /* columns that lie in one piece are read so */
      int64_t p1 = k - p0 < PACK_BLOCK ? k : p0 + PACK_BLOCK;
      for (int64_t i = 0; i < COLS; i++)
        for (int64_t p = p0; p < p1; p++) out[p * COLS + i] = i < width ? from[p * rs + i * cs] : 0;
    }
    out += k * COLS;
  }
}

/* acc += x b. The instruction is named, so that the compiler keeps each accumulator in one register. */
#if defined(__FMA__) && defined(RNN_DOUBLE)
#define MADD_INTO(acc, x, b) __asm__("vfmadd231pd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(b))
#elif defined(__FMA__)
#define MADD_INTO(acc, x, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(x), "v"(b))
#else
#define MADD_INTO(acc, x, b) (acc) = madd(x, b, acc)
#endif

/* One tile: c (rows, n) over one block of k. rows is a constant wherever this is expanded. ahead: memory that will be
   needed soon, of which each four steps ask for a line. */
INLINE void tile(const int rows, int64_t n, int64_t k, const real *restrict a, ptrdiff_t ars, const bool packed,
                 const real *restrict b, ptrdiff_t b_step, const real *restrict bias, real *restrict c, ptrdiff_t ldc,
                 bool accumulate, const real *ahead) {
  vec acc[ROWS][2];
  vec bias0 = {0}, bias1 = {0};
  int64_t n0 = n < LANES ? n : LANES, n1 = n - n0;
  (void)ahead;
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
  /* Distances in bytes: with three bases of rows, one and three of them reach all. That they could change with each turn
     of the loop keeps the compiler from working out more of them than there are registers. */
  const char *row[3] = {(const char *)a, (const char *)(a + 4 * ars), (const char *)(a + 8 * ars)}, *at = (const char *)b;
  ptrdiff_t one = ars * (ptrdiff_t)sizeof *a, three = 3 * one, step = b_step * (ptrdiff_t)sizeof *b, steps = 3 * step;
  const ptrdiff_t next = packed ? ROWS * (ptrdiff_t)sizeof *a : (ptrdiff_t)sizeof *a;
#define REAL(p) (*(const real *)(p))
#define AT(i, q) (packed ? REAL(row[0] + (i) * (ptrdiff_t)sizeof *a + (q)*next) \
                         : REAL(row[(i) / 4] + ((i) % 4 == 3 ? three : (i) % 4 * one) + (q)*next))
#define STEP(q)                                                                                     \
  do {                                                                                              \
    const real *from = (const real *)(at + ((q) == 3 ? steps : (q)*step));                          \
    vec b0 = load(from), b1 = load(from + LANES);                                                   \
    _Pragma("GCC unroll 12")                                                                        \
    for (int i = 0; i < rows; i++) {                                                                \
      vec x = splat(AT(i, q));                                                                      \
      MADD_INTO(acc[i][0], x, b0);                                                                  \
      MADD_INTO(acc[i][1], x, b1);                                                                  \
    }                                                                                               \
  } while (0)
#define MOVE(n) row[0] += (n)*next, row[1] += (n)*next, row[2] += (n)*next, at += (n)*step
#ifdef FAST
  for (; k >= 4; k -= 4) {
    __asm__("" : "+r"(one), "+r"(three), "+r"(step), "+r"(steps));
    STEP(0);
    STEP(1);
    __builtin_prefetch(ahead, 0, 2);
    ahead += 64 / (int)sizeof *ahead;
    STEP(2);
    STEP(3);
    MOVE(4);
  }
#endif
  for (; k > 0; k--) {
    STEP(0);
    MOVE(1);
  }
#undef REAL
#undef AT
#undef STEP
#undef MOVE
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
                     const real *bias, real *c, ptrdiff_t ldc, bool accumulate, const real *ahead);

/* Rows of A as they lie, elements behind each other, and A packed into [k][ROWS]. */
#define TILE(R)                                                                                                    \
  static void tile_direct_##R(int64_t n, int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step,   \
                              const real *bias, real *c, ptrdiff_t ldc, bool accumulate, const real *ahead) {        \
    tile(R, n, k, a, ars, false, b, b_step, bias, c, ldc, accumulate, ahead);                                        \
  }                                                                                                                  \
  static void tile_packed_##R(int64_t n, int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step,   \
                              const real *bias, real *c, ptrdiff_t ldc, bool accumulate, const real *ahead) {        \
    (void)ars;                                                                                                       \
    tile(R, n, k, a, 1, true, b, b_step, bias, c, ldc, accumulate, ahead);                                           \
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

/* Few rows against several panels at once: alone, a panel's accumulators would wait for each other. rows and panels are
   constants wherever this is expanded. */
INLINE void wide(const int rows, const int panels, int64_t k, const real *restrict a, ptrdiff_t ars, const real *restrict b,
                 ptrdiff_t b_step, ptrdiff_t b_panel, const real *restrict bias, real *restrict c, ptrdiff_t ldc,
                 bool accumulate) {
  vec acc[FEW][8];
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
    for (int i = 0; i < 2 * panels; i++) {
      acc[r][i] = bias ? load(bias + i * LANES) : (vec){0};
      if (accumulate) acc[r][i] += load(c + r * ldc + i * LANES);
    }
  for (int64_t p = 0; p < k; p++, b += b_step) {
    vec x[FEW];
#pragma GCC unroll 3
    for (int r = 0; r < rows; r++) x[r] = splat(a[r * ars + p]);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * panels; i++) {
      vec y = load(b + i / 2 * b_panel + i % 2 * LANES);
#pragma GCC unroll 3
      for (int r = 0; r < rows; r++) MADD_INTO(acc[r][i], x[r], y);
    }
  }
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
    for (int i = 0; i < 2 * panels; i++) store(c + r * ldc + i * LANES, acc[r][i]);
}

typedef void wide_fn(int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step, ptrdiff_t b_panel,
                     const real *bias, real *c, ptrdiff_t ldc, bool accumulate);
#define WIDE(R, P)                                                                                                    \
  static void wide_##R(int64_t k, const real *a, ptrdiff_t ars, const real *b, ptrdiff_t b_step, ptrdiff_t b_panel,    \
                       const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {                                    \
    wide(R, P, k, a, ars, b, b_step, b_panel, bias, c, ldc, accumulate);                                               \
  }
WIDE(1, 4)
WIDE(2, WIDE_PANELS)
WIDE(3, WIDE_PANELS)
static wide_fn *const wide_tiles[FEW] = {wide_1, wide_2, wide_3};

/* m rows and k columns of A into tiles [k][ROWS], K_BLOCK apart, of heights as cut says. Where A lies by
   columns, its lines are read once, from end to end; ROWS are copied where that many lie behind each other (there, from
   a tile's first row), needed or not. */
static void pack_rows(const int64_t *cut, int64_t tiles, int64_t there, int64_t k, const real *a, ptrdiff_t ars,
                      ptrdiff_t acs, real *out) {
  for (int64_t p = 0; p < k; p++, a += acs, out += ROWS) {
    if (ars == 1)
      for (int64_t i = 0; i < cut[tiles]; i += 64 / (int64_t)sizeof *a) __builtin_prefetch(a + AHEAD * acs + i);
    for (int64_t t = 0; t < tiles; t++) {
      int64_t rows = cut[t + 1] - cut[t];
      const real *from = a + cut[t] * ars;
      real *to = out + t * ROWS * K_BLOCK;
      if (ars != 1 || rows < HALF) {
        for (int64_t i = 0; i < rows; i++) to[i] = from[i * ars];
      } else if (there - cut[t] >= ROWS) {
        memcpy(to, from, ROWS * sizeof *to);
      } else { /* two halves that overlap */
        memcpy(to, from, HALF * sizeof *to);
        memcpy(to + rows - HALF, from + rows - HALF, HALF * sizeof *to);
      }
    }
  }
}

/* One operand B with the place of its product. */
typedef struct side {
  rnni_panels b;
  int64_t n;
  const real *bias;
  real *c;
  ptrdiff_t ldc;
} side;

/* Asks for the next tile of C, which is read and written at once. */
INLINE void prefetch_rows(const real *c, ptrdiff_t ldc) {
  for (int i = 0; i < ROWS; i++, c += ldc) {
    __builtin_prefetch(c, 1);
    __builtin_prefetch(c + LANES, 1);
  }
}

/* Rows of A, cut into tiles, against all columns of a side, over one block of k. a is A at its first row and k, or, for
   those that do not lie by rows, the packed tiles. */
static void rows_against(const int64_t *cut, int64_t tiles, bool direct, int64_t k, const real *a, ptrdiff_t ars,
                         const side *s, bool accumulate) {
  int64_t done = 0, m = cut[tiles];
  if (direct && m <= FEW)
    for (int64_t at_once = (m == 1 ? 4 : WIDE_PANELS) * COLS; done + at_once <= s->n; done += at_once)
      wide_tiles[m - 1](k, a, ars, s->b.at + done / COLS * s->b.panel, s->b.step, s->b.panel,
                        s->bias ? s->bias + done : NULL, s->c + done, s->ldc, accumulate);
  for (int64_t j = done; j < s->n; j += COLS) {
    int64_t width = s->n - j < COLS ? s->n - j : COLS;
    const real *panel = s->b.at + j / COLS * s->b.panel, *add = s->bias ? s->bias + j : NULL;
    for (int64_t t = 0; t < tiles; t++) {
      int64_t from = cut[t], rows = cut[t + 1] - from;
      real *to = s->c + from * s->ldc + j;
      const real *ahead = panel + s->b.panel + t * (k * s->b.step / tiles); /* its share of the next panel */
      if (k >= K_BLOCK / 2) prefetch_rows(t + 1 < tiles ? to + rows * s->ldc : s->c + j + COLS, s->ldc);
      if (direct)
        tiles_direct[rows - 1](width, k, a + from * ars, ars, panel, s->b.step, add, to, s->ldc, accumulate, ahead);
      else
        tiles_packed[rows - 1](width, k, a + t * ROWS * K_BLOCK, 1, panel, s->b.step, add, to, s->ldc, accumulate, ahead);
    }
  }
}

/* m rows of A, at most M_BLOCK, against every side, over one block of k: packed once for all of them. below: how many
   rows of A there are from here on. */
static void product_block(int64_t m, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, int64_t below,
                          const side *sides, int count, bool accumulate) {
  real rows_packed[M_BLOCK * K_BLOCK] __attribute__((aligned(64)));
  bool direct = acs == 1;
  int64_t tiles = (m + ROWS - 1) / ROWS, cut[M_BLOCK / ROWS + 1];
  cut[0] = 0;
  cut[tiles] = m;
  for (int64_t t = 1; t < tiles; t++) cut[t] = t * m / tiles; /* of nearly equal height: none is left with one row */
  if (!direct) pack_rows(cut, tiles, below, k, a, ars, acs, rows_packed);
  for (int i = 0; i < count; i++)
    rows_against(cut, tiles, direct, k, direct ? a : rows_packed, ars, sides + i, accumulate);
}

/* A block of B, K_BLOCK x N_BLOCK, stays in the second cache while all rows of A pass by. */
static void product(int64_t m, int64_t n, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, rnni_panels b,
                    const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {
  int64_t k0 = 0;
  do { /* k 0 still writes bias or zeros */
    int64_t kn = k - k0 < K_BLOCK ? k - k0 : K_BLOCK;
    for (int64_t n0 = 0; n0 < n; n0 += N_BLOCK) {
      side s = {.b = {b.at + n0 / COLS * b.panel + k0 * b.step, b.step, b.panel, b.form},
                .n = n - n0 < N_BLOCK ? n - n0 : N_BLOCK, .bias = bias && k0 == 0 ? bias + n0 : NULL, .ldc = ldc};
      for (int64_t m0 = 0; m0 < m; m0 += M_BLOCK) {
        s.c = c + m0 * ldc + n0;
        product_block(m - m0 < M_BLOCK ? m - m0 : M_BLOCK, kn, a + m0 * ars + k0 * acs, ars, acs, m - m0, &s, 1,
                      accumulate || k0 > 0);
      }
    }
    k0 += K_BLOCK;
  } while (k0 < k);
}

static void product_pair(int64_t m, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, const rnni_target *to) {
  for (int64_t k0 = 0; k0 < k; k0 += K_BLOCK)
    for (int64_t m0 = 0; m0 < m; m0 += M_BLOCK) {
      side sides[2];
      for (int i = 0; i < 2; i++)
        sides[i] = (side){.b = {to[i].b.at + k0 * to[i].b.step, to[i].b.step, to[i].b.panel, to[i].b.form}, .n = to[i].n,
                          .c = to[i].c + m0 * to[i].ldc, .ldc = to[i].ldc};
      product_block(m - m0 < M_BLOCK ? m - m0 : M_BLOCK, k - k0 < K_BLOCK ? k - k0 : K_BLOCK,
                    a + m0 * ars + k0 * acs, ars, acs, m - m0, sides, 2, true);
    }
}

/* Independent chains, more than any processor has in flight. */
static int64_t peak(int64_t rounds, real *result) {
  enum { CHAINS_AT_ONCE = ROWS == 12 ? 24 : 12 };
  vec acc[CHAINS_AT_ONCE], x = splat((real)0.999), y = splat((real)0.001), sum = {0};
#pragma GCC unroll 24
  for (int i = 0; i < CHAINS_AT_ONCE; i++) acc[i] = splat(result[i]);
  for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 24
    for (int i = 0; i < CHAINS_AT_ONCE; i++) MADD_INTO(acc[i], x, y);
  }
#pragma GCC unroll 24
  for (int i = 0; i < CHAINS_AT_ONCE; i++) sum += acc[i];
  store_part(result, sum, 1);
  return rounds * CHAINS_AT_ONCE * LANES;
}

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

/* ---- products of doubles, unfused ---- */

#if defined(__AVX512F__) || defined(__aarch64__)
#define DROWS 8
#else
#define DROWS 4
#endif
#define DCOLS (2 * DLANES)
#define DK_BLOCK 256 /* so many rows of a strip of B stay in the first cache */

INLINE dvec d_load(const double *x) {
  dvec v;
  memcpy(&v, x, sizeof v);
  return v;
}
INLINE void d_store(double *x, dvec v) { memcpy(x, &v, sizeof v); }

/* rows x (vecs vectors) of C over one block of k; rows and vecs are constants wherever this is expanded. */
INLINE void d_tile(const int rows, const int vecs, int64_t k, const double *restrict a, ptrdiff_t ars, ptrdiff_t acs,
                   const double *restrict b, ptrdiff_t ldb, double *restrict c, ptrdiff_t ldc) {
  dvec acc[DROWS][2];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < vecs; v++) acc[i][v] = d_load(c + i * ldc + v * DLANES);
  for (int64_t p = 0; p < k; p++, a += acs, b += ldb) {
    dvec row[2];
#pragma GCC unroll 2
    for (int v = 0; v < vecs; v++) row[v] = d_load(b + v * DLANES);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      dvec x = d_splat(a[i * ars]);
#pragma GCC unroll 2
      for (int v = 0; v < vecs; v++) acc[i][v] += x * row[v];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < vecs; v++) d_store(c + i * ldc + v * DLANES, acc[i][v]);
}

/* A strip of C: m rows of two vectors, of one, or of fewer columns. */
static void d_strip(int64_t m, int64_t n, int64_t k, const double *a, ptrdiff_t ars, ptrdiff_t acs, const double *b,
                    ptrdiff_t ldb, double *c, ptrdiff_t ldc) {
  int64_t i = 0;
  if (n == DCOLS)
    for (; i + DROWS <= m; i += DROWS) d_tile(DROWS, 2, k, a + i * ars, ars, acs, b, ldb, c + i * ldc, ldc);
  for (; n == DCOLS && i < m; i++) d_tile(1, 2, k, a + i * ars, ars, acs, b, ldb, c + i * ldc, ldc);
  if (n == DLANES)
    for (; i + DROWS <= m; i += DROWS) d_tile(DROWS, 1, k, a + i * ars, ars, acs, b, ldb, c + i * ldc, ldc);
  for (; n == DLANES && i < m; i++) d_tile(1, 1, k, a + i * ars, ars, acs, b, ldb, c + i * ldc, ldc);
  for (; i < m; i++)
    for (int64_t p = 0; p < k; p++)
      for (int64_t j = 0; j < n; j++) c[i * ldc + j] += a[i * ars + p * acs] * b[p * ldb + j];
}

static void add_product(int64_t m, int64_t n, int64_t k, const double *a, ptrdiff_t ars, ptrdiff_t acs, const double *b,
                        ptrdiff_t ldb, double *c, ptrdiff_t ldc) {
  for (int64_t k0 = 0; k0 < k; k0 += DK_BLOCK) {
    int64_t steps = k - k0 < DK_BLOCK ? k - k0 : DK_BLOCK;
    for (int64_t j = 0, width; j < n; j += width) {
      width = n - j >= DCOLS ? DCOLS : n - j >= DLANES ? DLANES : n - j;
      d_strip(m, width, steps, a + k0 * acs, ars, acs, b + k0 * ldb + j, ldb, c + j, ldc);
    }
  }
}

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

#define LOAD_LEFT(p) load_part(p, left)
#define STORE_LEFT(p, v) store_part(p, v, left)

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
#define FOR_ROWS _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++)

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
  FOR_ROWS {
    double variance = (double)(sum_chains(squares[r]) / (real)n) + eps;
    scale[r] = s[r] = (real)(variance == 0 ? 0 : 1 / sqrt(variance));
  }
#define BODY(GET, PUT) PUT(hat + r * n + u, ((GET(x + r * ldx + u) - first[r]) - mean[r]) * s[r]);
  FOR_ROWS FOR_UNITS(n, BODY);
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

/* ---- sums of columns: 64 rows at a time, so that long sums keep their digits ---- */

#define SUM_BLOCK 64
#define STRIPS 4

INLINE void column_strip(const int strips, int64_t last, int64_t rows, const real *a, ptrdiff_t lda, const real *b,
                         ptrdiff_t ldb, real *sums) {
#define AT(p, i) ((i) < strips - 1 || last == LANES ? load((p) + (i) * LANES) : load_part((p) + (i) * LANES, last))
  for (int64_t from = 0; from < rows; from += SUM_BLOCK) {
    vec acc[STRIPS] = {{0}};
    for (int64_t r = from; r < rows && r < from + SUM_BLOCK; r++) {
#pragma GCC unroll 4
      for (int i = 0; i < strips; i++)
        acc[i] = b ? madd(AT(a + r * lda, i), AT(b + r * ldb, i), acc[i]) : acc[i] + AT(a + r * lda, i);
    }
#pragma GCC unroll 4
    for (int i = 0; i < strips; i++) {
      vec total = AT(sums, i) + acc[i];
      store_part(sums + i * LANES, total, i < strips - 1 ? LANES : last);
    }
  }
#undef AT
}

static void sum_columns(int64_t rows, int64_t n, const real *a, ptrdiff_t lda, const real *b, ptrdiff_t ldb,
                        real *sums) {
  int64_t u = 0;
  for (; u + STRIPS * LANES <= n; u += STRIPS * LANES)
    column_strip(STRIPS, LANES, rows, a + u, lda, b ? b + u : NULL, ldb, sums + u);
  for (; u < n; u += LANES)
    column_strip(1, n - u < LANES ? n - u : LANES, rows, a + u, lda, b ? b + u : NULL, ldb, sums + u);
}

/* ---- reductions of columns ---------------------------------------------------------------------------------------- */

#ifdef RNN_DOUBLE
INLINE dvec load_wide(const real *p) { return load(p); }
#elif defined(__AVX512F__) /* what GCC makes of __builtin_convertvector takes five instructions */
INLINE dvec load_wide(const real *p) { return (dvec)_mm512_cvtps_pd(_mm256_loadu_ps(p)); }
#elif defined(__AVX2__)
INLINE dvec load_wide(const real *p) { return (dvec)_mm256_cvtps_pd(_mm_loadu_ps(p)); }
#else
typedef float half_vec __attribute__((vector_size(VEC_BYTES / 2), aligned(sizeof(float)), may_alias));
INLINE dvec load_wide(const real *p) { return __builtin_convertvector(*(const half_vec *)p, dvec); }
#endif

/* The first n < DLANES lanes. */
typedef int64_t dvec_int __attribute__((vector_size(VEC_BYTES), aligned(sizeof(int64_t)), may_alias));
INLINE dvec_int load_mask(int64_t n) {
  static const int64_t masks[2 * DLANES] = {[0 ... DLANES - 1] = -1};
  return *(const dvec_int *)(masks + DLANES - n);
}
/* The first n < DLANES; absent lanes read as 0. */
INLINE dvec load_wide_part(const real *p, int64_t n) {
#if defined(__AVX512F__) && !defined(RNN_DOUBLE)
  return (dvec)_mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)((1 << n) - 1), p));
#else
  real all[DLANES] = {0};
  for (int64_t i = 0; i < n; i++) all[i] = p[i];
  return load_wide(all);
#endif
}
typedef double dvec_loose __attribute__((vector_size(VEC_BYTES), aligned(sizeof(double)), may_alias));
INLINE dvec load_doubles(const double *p) { return *(const dvec_loose *)p; }
INLINE void store_doubles(double *p, dvec v) { *(dvec_loose *)p = v; }

INLINE dvec fold_term(const rnni_fold how, dvec x, dvec shift) {
  if (how == RNNI_SIZES) return d_abs(x);
  if (how == RNNI_SQUARES) return (x - shift) * (x - shift);
  return x;
}
INLINE dvec fold_two(const rnni_fold how, dvec a, dvec b) { return how == RNNI_PRODUCT ? a * b : a + b; }

/* The same of one. */
INLINE double fold_one(const rnni_fold how, double x, double shift) {
  return how == RNNI_SIZES ? fabs(x) : how == RNNI_SQUARES ? (x - shift) * (x - shift) : x;
}
INLINE double join(const rnni_fold how, double a, double b) { return how == RNNI_PRODUCT ? a * b : a + b; }

/* rows is 4 or 1. */
INLINE void fold_rows(const rnni_fold how, const int64_t rows, int64_t n, const real *x, ptrdiff_t ld,
                      const double *shift, double *acc) {
  int64_t u = 0;
  for (; u + DLANES <= n; u += DLANES) {
    dvec by = {0};
    if (shift) by = load_doubles(shift + u);
#define TERM(r) fold_term(how, load_wide(x + (r) * ld + u), by)
    dvec all = TERM(0);
    if (rows == 4) all = fold_two(how, fold_two(how, all, TERM(1)), fold_two(how, TERM(2), TERM(3)));
#undef TERM
    store_doubles(acc + u, fold_two(how, load_doubles(acc + u), all));
  }
  for (; u < n; u++) { /* columns past the last vector, one by one */
    double by = shift ? shift[u] : 0;
#define TERM(r) fold_one(how, (double)x[(r) * ld + u], by)
    double all = TERM(0);
    if (rows == 4) all = join(how, join(how, all, TERM(1)), join(how, TERM(2), TERM(3)));
#undef TERM
    acc[u] = join(how, acc[u], all);
  }
}

INLINE void fold_all(const rnni_fold how, int64_t rows, int64_t n, const real *x, ptrdiff_t ld, const double *shift,
                     double *acc) {
  for (; rows >= 4; rows -= 4, x += 4 * ld) fold_rows(how, 4, n, x, ld, shift, acc);
  for (; rows > 0; rows--, x += ld) fold_rows(how, 1, n, x, ld, shift, acc);
}

static void fold(rnni_fold how, int64_t rows, int64_t n, const real *x, ptrdiff_t ld, const double *shift, double *acc) {
  switch (how) {
    case RNNI_SUM: fold_all(RNNI_SUM, rows, n, x, ld, NULL, acc); break;
    case RNNI_SIZES: fold_all(RNNI_SIZES, rows, n, x, ld, NULL, acc); break;
    case RNNI_SQUARES:
      if (shift) fold_all(RNNI_SQUARES, rows, n, x, ld, shift, acc);
      else fold_all(RNNI_SQUARES, rows, n, x, ld, NULL, acc);
      break;
    case RNNI_PRODUCT: fold_all(RNNI_PRODUCT, rows, n, x, ld, NULL, acc); break;
  }
}

/* Where b, of a later row, takes the place of a. */
INLINE veci beats(vec b, vec a) { return (b > a) | ((b != b) & (a == a)); }

typedef lane_int veci_loose __attribute__((vector_size(VEC_BYTES), aligned(sizeof(lane_int)), may_alias));

/* One vector of columns. */
INLINE void extreme_vector(const bool smallest, const bool wants_row, int64_t rows, const real *x, ptrdiff_t ld,
                           lane_int first, vec *top, veci *row) {
#define ROW(r) (smallest ? -load(x + (r) * ld) : load(x + (r) * ld))
  vec best = ROW(0);
  veci at = (veci){0} + first;
  int64_t r = 1;
  for (; r + 4 <= rows; r += 4) {
    vec x0 = ROW(r), x1 = ROW(r + 1), x2 = ROW(r + 2), x3 = ROW(r + 3);
    veci m1 = beats(x1, x0), m3 = beats(x3, x2);
    vec y0 = choose(m1, x1, x0), y2 = choose(m3, x3, x2);
    veci m2 = beats(y2, y0);
    vec y = choose(m2, y2, y0);
    veci m = beats(y, best);
    best = choose(m, y, best);
    if (wants_row) { /* m1 is -1 where the second of two wins */
      veci i = (first + (lane_int)r) + ((m2 & (2 - m3)) | (~m2 & -m1));
      at = (m & i) | (~m & at);
    }
  }
  for (; r < rows; r++) {
    vec y = ROW(r);
    veci m = beats(y, best);
    best = choose(m, y, best);
    if (wants_row) at = (m & (first + (lane_int)r)) | (~m & at);
  }
#undef ROW
  *top = smallest ? -best : best;
  *row = at;
}

INLINE void extreme_all(const bool smallest, const bool wants_row, int64_t rows, int64_t n, const real *x, ptrdiff_t ld,
                        lane_int first, real *top, rnni_row *row) {
  vec best;
  veci at;
  int64_t u = 0;
  for (; u + LANES <= n; u += LANES) {
    extreme_vector(smallest, wants_row, rows, x + u, ld, first, &best, &at);
    store(top + u, best);
    if (wants_row) *(veci_loose *)(row + u) = at;
  }
  for (; u < n; u++) { /* columns past the last vector, one by one */
    real b = x[u];
    rnni_row place = first;
    for (int64_t r = 1; r < rows; r++) {
      real v = x[r * ld + u];
      if ((smallest ? v < b : v > b) || (v != v && b == b)) b = v, place = first + (rnni_row)r;
    }
    top[u] = b;
    if (wants_row) row[u] = place;
  }
}

static void extreme(bool smallest, int64_t rows, int64_t n, const real *x, ptrdiff_t ld, rnni_row first, real *top,
                    rnni_row *row) {
  if (smallest && row) extreme_all(true, true, rows, n, x, ld, first, top, row);
  else if (smallest) extreme_all(true, false, rows, n, x, ld, first, top, NULL);
  else if (row) extreme_all(false, true, rows, n, x, ld, first, top, row);
  else extreme_all(false, false, rows, n, x, ld, first, top, NULL);
}

/* ---- reductions of lines: a line in lanes, whose number its length says ---- */

typedef int64_t dvec_lanes __attribute__((vector_size(VEC_BYTES)));
#ifdef __clang__
INLINE vec turn_real(vec x, veci lane) {
  vec y = x;
  for (int i = 0; i < LANES; i++) y[i] = x[lane[i]];
  return y;
}
INLINE veci turn_int(veci x, veci lane) {
  veci y = x;
  for (int i = 0; i < LANES; i++) y[i] = x[lane[i]];
  return y;
}
#ifdef RNN_DOUBLE
#define SHUFFLED(x, lane) _Generic((x), vec: turn_real, veci: turn_int)(x, lane)
#else
INLINE dvec turn_double(dvec x, dvec_lanes lane) {
  dvec y = x;
  for (int i = 0; i < DLANES; i++) y[i] = x[lane[i]];
  return y;
}
#define SHUFFLED(x, lane) _Generic((x), vec: turn_real, veci: turn_int, dvec: turn_double)(x, lane)
#endif
#else
#define SHUFFLED(x, lane) __builtin_shuffle(x, lane)
#endif

/* lanes and how are constants wherever this is expanded. */
INLINE double fold_line(const rnni_fold how, const int lanes, int64_t n, const real *x, double shift) {
  enum { MOST = 32 / DLANES };
  dvec acc[MOST], s = d_splat(shift);
  int64_t k = 0;
#pragma GCC unroll 16
  for (int v = 0; v < lanes / DLANES; v++) acc[v] = d_splat(how == RNNI_PRODUCT);
  for (; k + lanes <= n; k += lanes) {
#pragma GCC unroll 16
    for (int v = 0; v < lanes / DLANES; v++)
      acc[v] = fold_two(how, acc[v], fold_term(how, load_wide(x + k + v * DLANES), s));
  }
#pragma GCC unroll 16
  for (int v = 0; v < lanes / DLANES; v++) {
    if (k + DLANES <= n) {
      acc[v] = fold_two(how, acc[v], fold_term(how, load_wide(x + k), s));
      k += DLANES;
    } else if (k < n) { /* the last ones, in the lanes that are next */
      dvec_int there = load_mask(n - k);
      dvec term = fold_term(how, load_wide_part(x + k, n - k), s);
      term = (dvec)((there & (dvec_int)term) | (~there & (dvec_int)d_splat(how == RNNI_PRODUCT)));
      acc[v] = fold_two(how, acc[v], term);
      k = n;
    }
  }
#pragma GCC unroll 16
  for (int left = lanes / DLANES / 2; left > 0; left /= 2) {
#pragma GCC unroll 16
    for (int v = 0; v < left; v++) acc[v] = fold_two(how, acc[v], acc[v + left]);
  }
  dvec_lanes first;
  for (int i = 0; i < DLANES; i++) first[i] = i;
#pragma GCC unroll 16
  for (int by = DLANES / 2; by > 0; by /= 2) acc[0] = fold_two(how, acc[0], SHUFFLED(acc[0], first ^ by));
  return acc[0][0];
}

INLINE double fold_short(const rnni_fold how, int64_t n, const real *x, double shift) {
  double start = how == RNNI_PRODUCT, chain[4] = {start, start, start, start};
  int64_t k = 0;
  for (; k + 4 <= n; k += 4)
    for (int i = 0; i < 4; i++) chain[i] = join(how, chain[i], fold_one(how, (double)x[k + i], shift));
  for (int i = 0; k < n; i++, k++) chain[i] = join(how, chain[i], fold_one(how, (double)x[k], shift));
  return join(how, join(how, chain[0], chain[2]), join(how, chain[1], chain[3]));
}

INLINE void fold_all_lines(const rnni_fold how, int64_t lines, int64_t n, const real *x, ptrdiff_t stride,
                           const double *shift, double *acc) {
  for (int64_t i = 0; i < lines; i++, x += stride) {
    double s = shift ? shift[i] : 0;
    acc[i] = n < 16 ? fold_short(how, n, x, s) : n < 64 ? fold_line(how, 8, n, x, s) : fold_line(how, 32, n, x, s);
  }
}

static void fold_lines(rnni_fold how, int64_t lines, int64_t n, const real *x, ptrdiff_t stride, const double *shift,
                       double *acc) {
  switch (how) {
    case RNNI_SUM: fold_all_lines(RNNI_SUM, lines, n, x, stride, NULL, acc); break;
    case RNNI_SIZES: fold_all_lines(RNNI_SIZES, lines, n, x, stride, NULL, acc); break;
    case RNNI_SQUARES: fold_all_lines(RNNI_SQUARES, lines, n, x, stride, shift, acc); break;
    case RNNI_PRODUCT: fold_all_lines(RNNI_PRODUCT, lines, n, x, stride, NULL, acc); break;
  }
}

/* best, at the places at, takes in other, which is there: of equals the one in front. */
INLINE void meet_lanes(const bool wants_row, vec *best, veci *at, vec other, veci there) {
  veci m = beats(other, *best);
  if (wants_row) {
    m |= ((other == *best) | ((other != other) & (*best != *best))) & (there < *at);
    *at = (m & there) | (~m & *at);
  }
  *best = choose(m, other, *best);
}

/* n is at least lanes, of which each keeps its best element and the step where it met it. */
INLINE void extreme_line(const bool smallest, const bool wants_row, const int lanes, int64_t n, const real *x, real *top,
                         rnni_row *row) {
  enum { MOST = 64 / LANES };
  vec best[MOST];
  veci at[MOST], first;
  lane_int step = 1;
  int64_t k = lanes;
  for (int i = 0; i < LANES; i++) first[i] = i;
#define PART(p) (smallest ? -load(p) : load(p))
#define MEET(v, p)                                            \
  do {                                                        \
    vec y = PART(p);                                          \
    veci m = beats(y, best[v]);                               \
    best[v] = choose(m, y, best[v]);                          \
    if (wants_row) at[v] = (m & step) | (~m & at[v]);         \
  } while (0)
#pragma GCC unroll 16
  for (int v = 0; v < lanes / LANES; v++) best[v] = PART(x + v * LANES), at[v] = (veci){0};
  for (; k + lanes <= n; k += lanes, step++) {
#pragma GCC unroll 16
    for (int v = 0; v < lanes / LANES; v++) MEET(v, x + k + v * LANES);
  }
#pragma GCC unroll 16
  for (int v = 0; v < lanes / LANES; v++)
    if (k + LANES <= n) {
      MEET(v, x + k);
      k += LANES;
    }
#undef MEET
  at[0] = at[0] * lanes + first;
#pragma GCC unroll 16
  for (int v = 1; v < lanes / LANES; v++)
    meet_lanes(wants_row, &best[0], &at[0], best[v], at[v] * lanes + (first + v * LANES));
  if (k < n) /* the last elements, with some of those before once more */
    meet_lanes(wants_row, &best[0], &at[0], PART(x + n - LANES), first + (lane_int)(n - LANES));
#undef PART
  for (lane_int by = LANES / 2; by > 0; by /= 2) /* each lane and its partner, until all have the same */
    meet_lanes(wants_row, &best[0], &at[0], SHUFFLED(best[0], first ^ by), SHUFFLED(at[0], first ^ by));
  *top = smallest ? -best[0][0] : best[0][0];
  *row = at[0][0];
}

/* As many lines side by side as a vector has lanes. */
INLINE void extreme_beside(const bool smallest, int64_t n, const real *x, ptrdiff_t stride, vec *top, veci *row) {
  vec best = {0};
  veci at = {0};
  for (lane_int k = 0; k < n; k++) {
    vec y;
    for (int i = 0; i < LANES; i++) y[i] = x[i * stride + k];
    if (smallest) y = -y;
    veci m = k == 0 ? ~at : beats(y, best);
    best = choose(m, y, best);
    at = (m & k) | (~m & at);
  }
  *top = smallest ? -best : best;
  *row = at;
}

INLINE void extreme_all_lines(const bool smallest, const bool wants_row, int64_t lines, int64_t n, const real *x,
                              ptrdiff_t stride, rnni_row first, real *top, rnni_row *row) {
  int64_t i = 0;
  for (; n < 16 && i + LANES <= lines; i += LANES) {
    vec best;
    veci at;
    extreme_beside(smallest, n, x + i * stride, stride, &best, &at);
    store(top + i, best + 0); /* which of 0 and -0 comes first depends on the width of a vector */
    if (wants_row) *(veci_loose *)(row + i) = at + first;
  }
  for (; i < lines; i++) {
    rnni_row place;
    real best, few[16];
    const real *line = x + i * stride;
    if (n < 16) { /* the first again and again behind them: it loses against itself */
      for (int k = 0; k < 16; k++) few[k] = line[k < n ? k : 0];
      extreme_line(smallest, wants_row, 16, 16, few, &best, &place);
    } else if (n < 64) {
      extreme_line(smallest, wants_row, 16, n, line, &best, &place);
    } else {
      extreme_line(smallest, wants_row, 64, n, line, &best, &place);
    }
    top[i] = best + 0;
    if (wants_row) row[i] = first + place;
  }
}

static void extreme_lines(bool smallest, int64_t lines, int64_t n, const real *x, ptrdiff_t stride, rnni_row first,
                          real *top, rnni_row *row) {
  if (smallest && row) extreme_all_lines(true, true, lines, n, x, stride, first, top, row);
  else if (smallest) extreme_all_lines(true, false, lines, n, x, stride, first, top, NULL);
  else if (row) extreme_all_lines(false, true, lines, n, x, stride, first, top, row);
  else extreme_all_lines(false, false, lines, n, x, stride, first, top, NULL);
}

/* ---- gates ------------------------------------------------------------------------------------------------------- */

/* Slopes of tanh and sigmoid by their values. */
INLINE vec tanh_slope(vec y) { return 1 - y * y; }
INLINE vec sigmoid_slope(vec y) { return y * (1 - y); }

static void elman_forward(bool relu, int64_t n, real *h) {
#define TANH(GET, PUT) PUT(h + u, vtanh(GET(h + u)));
#define RELU(GET, PUT)   \
  vec x = GET(h + u);    \
  PUT(h + u, choose(x < (vec){0}, (vec){0}, x));
  if (relu) FOR_UNITS(n, RELU);
  else FOR_UNITS(n, TANH);
#undef TANH
#undef RELU
}

static void elman_backward(bool relu, int64_t n, const real *h, const real *dh, real *a) {
#define TANH(GET, PUT) PUT(a + u, GET(dh + u) * tanh_slope(GET(h + u)));
#define RELU(GET, PUT) PUT(a + u, GET(dh + u) * choose(GET(h + u) > (vec){0}, splat(1), (vec){0}));
  if (relu) FOR_UNITS(n, RELU);
  else FOR_UNITS(n, TANH);
#undef TANH
#undef RELU
}

static void lstm_forward(int64_t H, int64_t units, int64_t rows, real *a, const real *c_before, real *c, real *h) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, c_before += H, c += H, h += H) {
#define BODY(GET, PUT)                                                 \
  vec i = vsigmoid(GET(a + u)), f = vsigmoid(GET(a + H + u));          \
  vec n = vtanh(GET(a + 2 * H + u)), o = vsigmoid(GET(a + 3 * H + u)); \
  vec now = madd(f, GET(c_before + u), i * n);                         \
  PUT(a + u, i);                                                       \
  PUT(a + H + u, f);                                                   \
  PUT(a + 2 * H + u, n);                                               \
  PUT(a + 3 * H + u, o);                                               \
  PUT(c + u, now);                                                     \
  PUT(h + u, o * vtanh(now));
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void lstm_backward(int64_t H, int64_t units, int64_t rows, real *a, const real *c_before, const real *c,
                          const real *dh, real *dc) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, c_before += H, c += H, dh += H, dc += H) {
#define BODY(GET, PUT)                                      \
  vec i = GET(a + u), f = GET(a + H + u);                   \
  vec n = GET(a + 2 * H + u), o = GET(a + 3 * H + u);       \
  vec s = vtanh(GET(c + u)), d = GET(dh + u);               \
  vec e = GET(dc + u) + d * o * tanh_slope(s);              \
  PUT(a + u, e * n * sigmoid_slope(i));                     \
  PUT(a + H + u, e * GET(c_before + u) * sigmoid_slope(f)); \
  PUT(a + 2 * H + u, e * i * tanh_slope(n));                \
  PUT(a + 3 * H + u, d * s * sigmoid_slope(o));             \
  PUT(dc + u, e * f);
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void gru_forward(int64_t H, int64_t units, int64_t rows, real *a, const real *h_before, real *h) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, h_before += H, h += H) {
#define BODY(GET, PUT)                                            \
  vec reset = vsigmoid(GET(a + u)), z = vsigmoid(GET(a + H + u)); \
  vec n = vtanh(GET(a + 2 * H + u) + reset * GET(a + 3 * H + u)); \
  PUT(a + u, reset);                                              \
  PUT(a + H + u, z);                                              \
  PUT(a + 2 * H + u, n);                                          \
  PUT(h + u, n + z * (GET(h_before + u) - n));
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void gru_backward(int64_t H, int64_t units, int64_t rows, real *a, const real *h_before, real *dh) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, h_before += H, dh += H) {
#define BODY(GET, PUT)                                            \
  vec reset = GET(a + u), z = GET(a + H + u);                     \
  vec n = GET(a + 2 * H + u), hn = GET(a + 3 * H + u);            \
  vec d = GET(dh + u);                                            \
  vec dn = d * (1 - z) * tanh_slope(n);                           \
  PUT(a + u, dn * hn * sigmoid_slope(reset));                     \
  PUT(a + H + u, d * (GET(h_before + u) - n) * sigmoid_slope(z)); \
  PUT(a + 2 * H + u, dn);                                         \
  PUT(a + 3 * H + u, dn * reset);                                 \
  PUT(dh + u, d * z);
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

/* ---- a whole step of few samples: products and gates at once ------------------------------------------------------- */

#ifdef FAST
#if ROWS == 12
#define FEW_SAMPLES FEW
#else
#define FEW_SAMPLES 1 /* more would not fit the registers */
#endif

/* The chains of gates of a block of units go on through k products. Those of the last gate are number last. The sum of 0
   at the end of a block of k is what storing and going on makes of -0. */
INLINE void go_on(const int rows, const int gates, const int last, int64_t k, const real *restrict x,
                  const real *restrict w, vec acc[FEW_SAMPLES][4][2]) {
  for (int64_t from = 0; from < k; from += K_BLOCK) {
    int64_t to = k - from < K_BLOCK ? k : from + K_BLOCK;
#pragma GCC unroll 3
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
      for (int g = 0; g < gates; g++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++)
          if (from > 0 || gates == 4 || g < 2) acc[r][g == gates - 1 ? last : g][v] += (vec){0};
    for (int64_t p = from; p < to; p++, w += gates * COLS) {
      vec each[FEW_SAMPLES];
#pragma GCC unroll 3
      for (int r = 0; r < rows; r++) each[r] = splat(x[r * k + p]);
#pragma GCC unroll 4
      for (int g = 0; g < gates; g++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
          vec y = load(w + g * COLS + v * LANES);
#pragma GCC unroll 3
          for (int r = 0; r < rows; r++) MADD_INTO(acc[r][g == gates - 1 ? last : g][v], each[r], y);
        }
    }
  }
}

/* The gates of n units of sample r from first on, whose sums are a0 to a3. */
INLINE void few_gates(const bool gru, const rnni_few *s, int r, int64_t first, int64_t n, vec a0, vec a1, vec a2, vec a3) {
  int64_t at = r * s->units + first;
  real *a = s->a + r * 4 * s->units + first;
  vec g0 = vsigmoid(a0), g1 = vsigmoid(a1), g2, g3 = a3;
  if (gru) {
    g2 = vtanh(a2 + g0 * a3);
    store_part(s->h + at, g2 + g1 * (load_part(s->h_before + at, n) - g2), n);
  } else {
    g2 = vtanh(a2);
    g3 = vsigmoid(a3);
    vec now = madd(g1, load_part(s->c_before + at, n), g0 * g2);
    store_part(s->c + at, now, n);
    store_part(s->h + at, g3 * vtanh(now), n);
  }
  if (!s->keep) return;
  store_part(a, g0, n);
  store_part(a + s->units, g1, n);
  store_part(a + 2 * s->units, g2, n);
  store_part(a + 3 * s->units, g3, n);
}

/* A block of COLS units, or as many as are left. */
INLINE void few_block(const bool gru, const int rows, const rnni_few *s, int64_t b) {
  const int gates = gru ? 3 : 4;
  int64_t H = s->units, first = b * COLS, left = H - first;
  vec acc[FEW_SAMPLES][4][2];
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++)
#pragma GCC unroll 2
      for (int v = 0; v < 2; v++) {
        int64_t n = left - v * LANES < LANES ? left - v * LANES : LANES;
        if (s->w || g == gates) acc[r][g][v] = load(s->bias + (b * 4 + g) * COLS + v * LANES);
        else acc[r][g][v] = n > 0 ? load_part(s->a + r * 4 * H + g * H + first + v * LANES, n) : (vec){0};
      }
  if (s->w) go_on(rows, gates, gates - 1, s->inputs, s->x, s->w + b * s->inputs * gates * COLS, acc);
  go_on(rows, gates, 3, H, s->h_before, s->u + b * H * gates * COLS, acc);
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++) {
    few_gates(gru, s, r, first, left < LANES ? left : LANES, acc[r][0][0], acc[r][1][0], acc[r][2][0], acc[r][3][0]);
    if (left <= LANES) continue;
    int64_t n = left - LANES;
    few_gates(gru, s, r, first + LANES, n < LANES ? n : LANES, acc[r][0][1], acc[r][1][1], acc[r][2][1], acc[r][3][1]);
  }
}

#define FEW_OF(R)                                                                                       \
  static void few_##R(const rnni_few *s, int64_t from, int64_t to) {                                    \
    if (s->gru)                                                                                         \
      for (int64_t b = from; b < to; b++) few_block(true, R, s, b);                                     \
    else                                                                                                \
      for (int64_t b = from; b < to; b++) few_block(false, R, s, b);                                    \
  }
FEW_OF(1)
#if FEW_SAMPLES == 3
FEW_OF(2)
FEW_OF(3)
#endif

static void few(const rnni_few *s, int64_t from, int64_t to) {
  switch (s->rows) {
#if FEW_SAMPLES == 3
    case 3: few_3(s, from, to); break;
    case 2: few_2(s, from, to); break;
#endif
    default: few_1(s, from, to);
  }
}
#endif

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
    .pow = map_pow,
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
