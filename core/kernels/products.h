/* products.h: the kernels of products of matrices: packing, tiles, and products of doubles. */
#ifndef RNNI_PRODUCTS_H
#define RNNI_PRODUCTS_H

#include "kernels.h"
#include "vmath.h"

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

#endif
