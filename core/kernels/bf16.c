/* bf16.c: products of factors that are rounded to bfloat16, summed in float; compiled once for each instruction set with
 * -DRNNI_BF16=rnni_bf16_<set>, as kernels.c is. Only for single precision.
 *
 * The same bits everywhere. Factors are rounded to nearest even; k goes in blocks of 32. In a block the products of the
 * elements 0, 2, 4 ... are one chain of multiply-adds from 0, those of 1, 3, 5 ... another, and the sum of the two is
 * added to C. Subnormal factors and results are 0. That is what TDPBF16PS (AMX) does with a row of its tiles. VDPBF16PS
 * (AVX512_BF16) adds first the product of the high half of a word, then that of the low half, to one sum: here its words
 * hold two elements of the same chain. Everywhere else both chains are multiply-adds of floats, for which a product of
 * two factors in bf16 is exact. */
#include "kernels.h"

#ifndef RNN_DOUBLE
#include "low.h"

#define BLOCK RNNI_BF16_BLOCK
#define PAIRS (BLOCK / 2)
#define K_BLOCK 512  /* of A, packed, with */
#define M_BLOCK 96   /* so many rows, stays in the second cache while panels pass by */
#define FEW 8        /* rows that tiles of AMX are too high for */

typedef uint32_t bfpair; /* two elements in bf16, the one of even number in the low half */
typedef bfpair wvec __attribute__((vector_size(VEC_BYTES)));
typedef bfpair wvec_loose __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));

INLINE wvec load_words(const bfpair *p) { return *(const wvec_loose *)p; }
INLINE void store_words(bfpair *p, wvec v) { *(wvec_loose *)p = v; }

/* ---- rounding ---- */

/* To bf16, in the high half; NaN stays one. */
INLINE wvec rounded(vec x) {
  wvec bits = (wvec)x, size = bits & 0x7fffffff;
  wvec to = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000;
  wvec nan = (wvec)((veci)size > 0x7f800000), tiny = (wvec)((veci)size < 0x00800000);
  to = (nan & ((bits & 0xffff0000) | 0x00400000)) | (~nan & to);
  return (tiny & (bits & 0x80000000)) | (~tiny & to);
}

/* Pairs of x and of y, element by element. */
INLINE wvec paired(vec x, vec y) {
#if defined(__AVX512BF16__)
  __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)y, (__m512)x); /* all of x, then all of y */
  const __m512i turns = _mm512_or_si512(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                                        _mm512_set_epi32(31 << 16, 30 << 16, 29 << 16, 28 << 16, 27 << 16, 26 << 16, 25 << 16,
                                                         24 << 16, 23 << 16, 22 << 16, 21 << 16, 20 << 16, 19 << 16,
                                                         18 << 16, 17 << 16, 16 << 16));
  return (wvec)_mm512_permutexvar_epi16(turns, both);
#else
  return rounded(x) >> 16 | rounded(y);
#endif
}

/* The words of up to 32 elements that lie behind each other. */
INLINE void words_of(const real *x, int64_t n, bfpair *to) {
#if defined(__AVX512BF16__)
  __mmask16 low = n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
  __mmask16 high = n >= 32 ? 0xffff : n <= 16 ? 0 : (__mmask16)((1u << (n - 16)) - 1);
  _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, x + 16), _mm512_maskz_loadu_ps(low, x)));
#else
  float r[BLOCK] = {0};
  bfpair bits[BLOCK];
  memcpy(r, x, (size_t)(n < BLOCK ? n : BLOCK) * sizeof *r);
  for (int i = 0; i < BLOCK; i += LANES) store_words(bits + i, rounded(load(r + i)));
  for (int i = 0; i < PAIRS; i++) to[i] = bits[2 * i] >> 16 | bits[2 * i + 1];
#endif
}

#if defined(__AVX512BF16__) && !defined(__AMX_TILE__)
#define BY_CHAIN 1 /* words of VDPBF16PS: two elements of the first chain, then two of the second */
#else
#define BY_CHAIN 0
#endif

/* Of two words in turn. */
INLINE void by_chain(bfpair *first, bfpair *second) {
  bfpair a = *first, b = *second;
  *first = a << 16 | (b & 0xffff);
  *second = (a & 0xffff0000) | b >> 16;
}

/* ---- B ---- */

static void pack(int64_t k, int64_t n, const real *b, ptrdiff_t rs, ptrdiff_t cs, real *room) {
  bfpair *out = (bfpair *)room;
  for (int64_t j = 0; j < n; j += COLS) {
    int64_t width = n - j < COLS ? n - j : COLS;
    for (int64_t p = 0; p < k; p += BLOCK, out += PAIRS * COLS) {
      const real *from = b + p * rs + j * cs;
      int64_t there = k - p < BLOCK ? k - p : BLOCK;
      if (rs == 1) { /* columns lie in one piece */
        bfpair words[COLS * PAIRS];
        for (int64_t i = 0; i < width; i++) words_of(from + i * cs, there, words + i * PAIRS);
        memset(words + width * PAIRS, 0, (size_t)((COLS - width) * PAIRS) * sizeof *words);
        turn(words, PAIRS, out, COLS);
        turn(words + 16 * PAIRS, PAIRS, out + 16, COLS);
      } else {
        float rows[2][COLS] = {{0}};
        for (int64_t q = 0; q < PAIRS; q++) {
          for (int64_t h = 0; h < 2; h++) {
            const real *row = from + (2 * q + h) * rs;
            if (2 * q + h >= there) memset(rows[h], 0, sizeof rows[h]);
            else if (cs == 1) memcpy(rows[h], row, (size_t)width * sizeof *row);
            else
              for (int64_t i = 0; i < width; i++) rows[h][i] = row[i * cs];
          }
          for (int64_t i = 0; i < COLS; i += LANES)
            store_words(out + q * COLS + i, paired(load(rows[0] + i), load(rows[1] + i)));
        }
      }
      for (int64_t q = 0; BY_CHAIN && q < PAIRS; q += 2)
        for (int64_t i = 0; i < COLS; i++) by_chain(out + q * COLS + i, out + (q + 1) * COLS + i);
    }
  }
}

/* ---- tiles of vectors ---- */

#define PER_PANEL (COLS / LANES)

#if BY_CHAIN
typedef bfpair left; /* A, packed: words as those of B */
#define LEFT_OF_BLOCK PAIRS
#else
typedef real left; /* A, packed: floats that are rounded */
#define LEFT_OF_BLOCK BLOCK
#endif

/* What a side by side with A gives: where B and C are. */
typedef struct side {
  const bfpair *b;
  ptrdiff_t panel; /* words from one of its panels to the next */
  int64_t n;
  const real *bias; /* NULL after the first block of k */
  real *c;
  ptrdiff_t ldc;
  bool accumulate;
} side;

/* rows x vectors of C, from column at on, over some blocks of k. Rows of A lie row apart, elements step. */
INLINE void tile(const int rows, const int vectors, int64_t blocks, const left *restrict a, ptrdiff_t row, ptrdiff_t step,
                 const side *s, int64_t at, real *restrict c) {
  const bfpair *b = s->b + at / COLS * s->panel + at % COLS;
  bool first = true;
  for (int64_t p = 0; p < blocks; p++, first = false) {
    vec even[ROWS][2 * SIDE], odd[ROWS][2 * SIDE];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) even[i][v] = odd[i][v] = (vec){0};
#if BY_CHAIN
    for (int q = 0; q < PAIRS; q += 2, a += 2 * step, b += 2 * COLS)
#pragma GCC unroll 6
      for (int i = 0; i < rows; i++) {
        __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[i * row]), y = (__m512bh)_mm512_set1_epi32((int)a[i * row + step]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
          const bfpair *w = b + v / PER_PANEL * s->panel + v % PER_PANEL * LANES;
          even[i][v] = (vec)_mm512_dpbf16_ps((__m512)even[i][v], x, (__m512bh)load_words(w));
          odd[i][v] = (vec)_mm512_dpbf16_ps((__m512)odd[i][v], y, (__m512bh)load_words(w + COLS));
        }
      }
#else
    for (int q = 0; q < PAIRS; q++, a += 2 * step, b += COLS) {
      vec low[2 * SIDE], high[2 * SIDE];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        wvec w = load_words(b + v / PER_PANEL * s->panel + v % PER_PANEL * LANES);
        low[v] = (vec)(w << 16);
        high[v] = (vec)(w & 0xffff0000);
      }
#pragma GCC unroll 6
      for (int i = 0; i < rows; i++) {
        vec x = splat(a[i * row]), y = splat(a[i * row + step]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
          even[i][v] = madd(x, low[v], even[i][v]);
          odd[i][v] = madd(y, high[v], odd[i][v]);
        }
      }
    }
#endif
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) {
        int64_t from = at + v * LANES, n = s->n - from;
        if (n <= 0) continue;
        real *to = c + i * s->ldc + from;
        bool whole = n >= LANES;
        vec sum = {0};
        if (first && s->bias) sum = whole ? load(s->bias + from) : load_part(s->bias + from, n);
        if (!first || s->accumulate) sum += whole ? load(to) : load_part(to, n);
        sum += even[i][v] + odd[i][v];
        if (whole) store(to, sum);
        else store_part(to, sum, n);
      }
  }
}

typedef void tile_fn(int64_t blocks, const left *a, ptrdiff_t row, ptrdiff_t step, const side *s, int64_t at, real *c);
#define TILE(R, V)                                                                                                     \
  static void tile_##R##_##V(int64_t blocks, const left *a, ptrdiff_t row, ptrdiff_t step, const side *s, int64_t at,  \
                             real *c) {                                                                                \
    tile(R, V, blocks, a, row, step, s, at, c);                                                                        \
  }
#if SIDE == 2
TILE(1, 4)
TILE(1, 2)
TILE(2, 2)
TILE(3, 2)
TILE(4, 2)
TILE(5, 2)
TILE(6, 2)
static tile_fn *const tiles[ROWS] = {tile_1_2, tile_2_2, tile_3_2, tile_4_2, tile_5_2, tile_6_2};
#define WIDE tile_1_4
#else
TILE(1, 2)
TILE(1, 1)
TILE(2, 1)
#if ROWS == 6
TILE(3, 1)
TILE(4, 1)
TILE(5, 1)
TILE(6, 1)
static tile_fn *const tiles[ROWS] = {tile_1_1, tile_2_1, tile_3_1, tile_4_1, tile_5_1, tile_6_1};
#else
static tile_fn *const tiles[ROWS] = {tile_1_1, tile_2_1};
#endif
#define WIDE tile_1_2
#endif

/* m rows of A, packed, against a side. */
static void by_vectors(int64_t m, int64_t blocks, const left *a, ptrdiff_t row, ptrdiff_t step, const side *s) {
  int64_t at = 0;
  if (m == 1)
    for (; at + 2 * SIDE * LANES <= s->n; at += 2 * SIDE * LANES) WIDE(blocks, a, row, step, s, at, s->c);
  for (; at < s->n; at += SIDE * LANES)
    for (int64_t i = 0; i < m; i += ROWS) {
      int64_t rows = m - i < ROWS ? m - i : ROWS;
      tiles[rows - 1](blocks, a + i * row, row, step, s, at, s->c + i * s->ldc);
    }
}

/* ---- A ---- */

#if BY_CHAIN || defined(__AMX_TILE__)
/* Words of m rows of A over some blocks of k, which has there elements: [row][pair], rows to_row apart. Rows of A lie in
   one piece, or, where ars is 1, its columns. */
static void words_of_rows(int64_t m, int64_t there, int64_t blocks, const real *a, ptrdiff_t ars, ptrdiff_t acs, bfpair *to,
                          ptrdiff_t to_row) {
  if (acs == 1) {
    for (int64_t i = 0; i < m; i++)
      for (int64_t p = 0; p < blocks; p++) {
        int64_t n = there - p * BLOCK;
        words_of(a + i * ars + p * BLOCK, n < BLOCK ? n : BLOCK, to + i * to_row + p * PAIRS);
      }
    return;
  }
  for (int64_t i = 0; i < m; i += 16)
    for (int64_t p = 0; p < blocks; p++) {
      bfpair words[PAIRS * 16];
      float rows[2][16] = {{0}};
      int64_t n = m - i < 16 ? m - i : 16;
      for (int64_t q = 0; q < PAIRS; q++) {
        for (int64_t h = 0; h < 2; h++) {
          int64_t k = p * BLOCK + 2 * q + h;
          const real *from = a + i * ars + k * acs;
          if (k >= there) memset(rows[h], 0, sizeof rows[h]);
          else if (ars == 1 && n == 16) memcpy(rows[h], from, sizeof rows[h]);
          else
            for (int64_t r = 0; r < n; r++) rows[h][r] = from[r * ars];
        }
        for (int64_t r = 0; r < 16; r += LANES) store_words(words + q * 16 + r, paired(load(rows[0] + r), load(rows[1] + r)));
      }
      turn(words, 16, to + i * to_row + p * PAIRS, to_row);
    }
}
#endif

#if !BY_CHAIN
/* The same as floats: [row][k], or, where columns of A lie in one piece, [k][row]. */
static void floats_of_rows(int64_t m, int64_t there, int64_t blocks, const real *a, ptrdiff_t ars, ptrdiff_t acs, real *to,
                           ptrdiff_t row, ptrdiff_t step) {
  int64_t all = blocks * BLOCK, outer = step == 1 ? m : all, inner = step == 1 ? all : m;
  int64_t is = step == 1 ? ars : acs, js = step == 1 ? acs : ars, os = step == 1 ? row : step;
  int64_t real_outer = step == 1 ? m : there, real_inner = step == 1 ? there : m;
  for (int64_t i = 0; i < outer; i++) {
    real *line = to + i * os;
    const real *from = a + i * is;
    int64_t n = i < real_outer ? real_inner : 0;
    if (js == 1) memcpy(line, from, (size_t)n * sizeof *line);
    else
      for (int64_t j = 0; j < n; j++) line[j] = from[j * js];
    memset(line + n, 0, (size_t)(inner - n) * sizeof *line);
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) store(line + j, (vec)rounded(load(line + j)));
    if (j < n) store_part(line + j, (vec)rounded(load_part(line + j, n - j)), n - j);
  }
}
#endif

/* ---- tiles of AMX ---- */

#ifdef __AMX_TILE__
#define A_ROW (K_BLOCK / 2 + 16) /* words from one row of A to the next: not a power of two, for the cache */

/* 32 or fewer rows of A against one panel: tiles 0 to 3 are C, 4 and 5 A, 6 and 7 B. */
INLINE void amx_tile(const int high, const int wide, int64_t blocks, const bfpair *a, const bfpair *b, const real *from,
                     ptrdiff_t from_bytes, real *to, ptrdiff_t to_bytes) {
  __asm__ volatile("" : : "r"(a), "r"(from) : "memory");
  if (from) {
    const char *lower = (const char *)from + 16 * from_bytes;
    _tile_loadd(0, from, from_bytes);
    if (wide) _tile_loadd(1, from + 16, from_bytes);
    if (high) _tile_loadd(2, lower, from_bytes);
    if (high && wide) _tile_loadd(3, lower + 64, from_bytes);
  } else {
    _tile_zero(0);
    if (wide) _tile_zero(1);
    if (high) _tile_zero(2);
    if (high && wide) _tile_zero(3);
  }
  for (int64_t p = 0; p < blocks; p++, a += PAIRS, b += PAIRS * COLS) {
    _tile_loadd(6, b, 4 * COLS);
    _tile_loadd(4, a, 4 * A_ROW);
    _tile_dpbf16ps(0, 4, 6);
    if (wide) {
      _tile_loadd(7, b + 16, 4 * COLS);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (high) {
      _tile_loadd(5, a + 16 * A_ROW, 4 * A_ROW);
      _tile_dpbf16ps(2, 5, 6);
      if (wide) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, to, to_bytes);
  if (wide) _tile_stored(1, to + 16, to_bytes);
  if (high) _tile_stored(2, (char *)to + 16 * to_bytes, to_bytes);
  if (high && wide) _tile_stored(3, (char *)to + 16 * to_bytes + 64, to_bytes);
}

static void amx_tiles(bool high, bool wide, int64_t blocks, const bfpair *a, const bfpair *b, const real *from,
                      ptrdiff_t from_bytes, real *to, ptrdiff_t to_bytes) {
  if (high && wide) amx_tile(1, 1, blocks, a, b, from, from_bytes, to, to_bytes);
  else if (wide) amx_tile(0, 1, blocks, a, b, from, from_bytes, to, to_bytes);
  else if (high) amx_tile(1, 0, blocks, a, b, from, from_bytes, to, to_bytes);
  else amx_tile(0, 0, blocks, a, b, from, from_bytes, to, to_bytes);
}

/* m rows of A, packed, against a side. */
static void by_tiles(int64_t m, int64_t blocks, const bfpair *a, const side *s) {
  for (int64_t j = 0; j < s->n; j += COLS) {
    const bfpair *b = s->b + j / COLS * s->panel;
    int64_t width = s->n - j < COLS ? s->n - j : COLS;
    bool wide = width > 16;
    for (int64_t i = 0; i < m; i += 32) {
      int64_t rows = m - i < 32 ? m - i : 32;
      bool high = rows > 16;
      real *c = s->c + i * s->ldc + j;
      if (width % 16 == 0 && rows % 16 == 0 && !(s->bias && s->accumulate)) {
        const real *from = s->bias ? s->bias + j : s->accumulate ? c : NULL;
        amx_tiles(high, wide, blocks, a + i * A_ROW, b, from, s->bias ? 0 : 4 * s->ldc, c, 4 * s->ldc);
        continue;
      }
      real edge[32 * COLS];
      for (int64_t r = 0; r < 32; r++)
        for (int64_t l = 0; l < COLS; l++) {
          bool there = r < rows && l < width;
          real x = there && s->bias ? s->bias[j + l] : 0;
          edge[r * COLS + l] = there && s->accumulate ? x + c[r * s->ldc + l] : x;
        }
      amx_tiles(high, wide, blocks, a + i * A_ROW, b, edge, 4 * COLS, edge, 4 * COLS);
      for (int64_t r = 0; r < rows; r++) memcpy(c + r * s->ldc, edge + r * COLS, (size_t)width * sizeof *c);
    }
  }
}
#endif

/* ---- products ---- */

/* m rows of A, at most M_BLOCK, over at most K_BLOCK of k, which a is at: packed once for all sides. */
static void block(int64_t m, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, const side *sides, int count) {
  int64_t blocks = (k + BLOCK - 1) / BLOCK;
#ifdef __AMX_TILE__
  if (m >= FEW) {
    bfpair rows[M_BLOCK * A_ROW] __attribute__((aligned(64)));
    int64_t all = (m + 15) / 16 * 16;
    words_of_rows(m, k, blocks, a, ars, acs, rows, A_ROW);
    for (int64_t i = m; acs == 1 && i < all; i++) memset(rows + i * A_ROW, 0, (size_t)(blocks * PAIRS) * sizeof *rows);
    for (int i = 0; i < count; i++) by_tiles(m, blocks, rows, sides + i);
    return;
  }
#endif
#if BY_CHAIN
  left rows[M_BLOCK * K_BLOCK / 2] __attribute__((aligned(64)));
  ptrdiff_t row = blocks * PAIRS, step = 1;
  words_of_rows(m, k, blocks, a, ars, acs, rows, row);
  for (int64_t i = 0; i < m; i++)
    for (int64_t q = 0; q < row; q += 2) by_chain(rows + i * row + q, rows + i * row + q + 1);
#else
  left rows[M_BLOCK * K_BLOCK] __attribute__((aligned(64)));
  bool lies = acs == 1 || ars != 1; /* by rows */
  ptrdiff_t row = lies ? blocks * BLOCK : 1, step = lies ? 1 : m;
  floats_of_rows(m, k, blocks, a, ars, acs, rows, row, step);
#endif
  for (int i = 0; i < count; i++) by_vectors(m, blocks, rows, row, step, sides + i);
}

/* Subnormals are 0 meanwhile; gives the mode of before. */
INLINE uint64_t flush(void) {
#if defined(__x86_64__)
  uint64_t mode = _mm_getcsr();
  if ((mode & 0x8040) != 0x8040) _mm_setcsr((unsigned)mode | 0x8040);
  return mode;
#elif defined(__aarch64__)
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  __asm__ volatile("msr fpcr, %0" : : "r"(mode | 1u << 24));
  return mode;
#else
  return 0;
#endif
}
INLINE void unflush(uint64_t mode) {
#if defined(__x86_64__)
  if ((mode & 0x8040) != 0x8040) _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
  (void)mode;
#endif
}

static void products(int64_t m, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, side *sides, int count) {
  uint64_t mode = flush();
#ifdef __AMX_TILE__
  bool uses_tiles = m >= FEW;
  if (uses_tiles) tiles_begin();
#endif
  for (int64_t k0 = 0; k0 < k; k0 += K_BLOCK) {
    for (int64_t m0 = 0; m0 < m; m0 += M_BLOCK) {
      side now[2];
      for (int i = 0; i < count; i++) {
        now[i] = sides[i];
        now[i].b += k0 / 2 * COLS;
        now[i].c += m0 * sides[i].ldc;
        if (k0 > 0) now[i].bias = NULL;
        if (k0 > 0) now[i].accumulate = true;
      }
      block(m - m0 < M_BLOCK ? m - m0 : M_BLOCK, k - k0 < K_BLOCK ? k - k0 : K_BLOCK, a + m0 * ars + k0 * acs, ars, acs, now,
            count);
    }
  }
#ifdef __AMX_TILE__
  if (uses_tiles) _tile_release();
#endif
  unflush(mode);
}

static side side_of(rnni_panels b, int64_t n, const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {
  return (side){.b = (const bfpair *)b.at, .panel = b.panel, .n = n, .bias = bias, .c = c, .ldc = ldc,
                .accumulate = accumulate};
}

static void product(int64_t m, int64_t n, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, rnni_panels b,
                    const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {
  side s = side_of(b, n, bias, c, ldc, accumulate);
  for (int64_t i = 0; k == 0 && !accumulate && i < m; i++)
    for (int64_t j = 0; j < n; j++) c[i * ldc + j] = bias ? bias[j] : 0;
  products(m, k, a, ars, acs, &s, 1);
}

static void product_pair(int64_t m, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, const rnni_target *to) {
  side sides[2];
  for (int i = 0; i < 2; i++) sides[i] = side_of(to[i].b, to[i].n, NULL, to[i].c, to[i].ldc, true);
  products(m, k, a, ars, acs, sides, 2);
}

extern const rnni_low RNNI_BF16;
const rnni_low RNNI_BF16 = {.isa = RNNI_ISA, .pack = pack, .product = product, .product_pair = product_pair};
#endif
