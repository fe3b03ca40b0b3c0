/* int8.c: products of factors of eight bits, for inference; compiled once for each instruction set with
 * -DRNNI_INT8=rnni_int8_<set>. Only for single precision.
 *
 * B has a scale for each column, 1/127 of its largest element, and A one for each row: x is about q s, q from -127 to 127,
 * to nearest even. Sums of q are int32 and exact, in whatever order, so they are the same on every machine; then
 * C = sum (s of the row times s of the column) + what C begins with, each rounded to float. A row that has an element
 * which is not finite gives NaN; one that is smaller than 1e-30 counts as 0. */
#include "kernels.h"

#ifndef RNN_DOUBLE
#include "low.h"

#define GROUP RNNI_INT8_BLOCK      /* elements of k in a row of a tile of AMX: k is filled up with zeros to whole groups */
#define WORDS (GROUP / 4)
#define BUFFER (1 << 15)           /* words of A, packed */
#define ROWS_MOST 96
#define SMALLEST 1e-30f
#define FEW 8                      /* rows that tiles of AMX are too high for */

typedef int32_t ivec __attribute__((vector_size(VEC_BYTES)));
typedef int32_t ivec_loose __attribute__((vector_size(VEC_BYTES), aligned(4), may_alias));
INLINE ivec load_ints(const void *p) { return *(const ivec_loose *)p; }
INLINE void store_ints(void *p, ivec v) { *(ivec_loose *)p = v; }

/* ---- rounding ---- */

/* The largest |x| of n; NaN when an element is not finite. */
static float largest(int64_t n, const float *x) {
  vec top = {0}, odd = {0}; /* x - x is 0 for what is finite */
  for (int64_t i = 0; i < n; i += LANES) {
    vec v = n - i >= LANES ? load(x + i) : load_part(x + i, n - i), size = vabs(v);
    top = choose(size > top, size, top);
    odd += v - v;
  }
  float most = 0;
  for (int i = 0; i < LANES; i++) {
    if (top[i] > most) most = top[i];
    if (odd[i] != 0) return odd[i] - odd[i];
  }
  return most;
}

typedef int8_t bytes __attribute__((vector_size(VEC_BYTES / 4)));

/* q of n elements of a group, as bytes, and 0 up to its end; their sum. */
INLINE int32_t round_group(int64_t n, const float *x, float most, int8_t *to) {
  bool any = most >= SMALLEST;
  vec by = splat(any ? 127 / most : 0);
  ivec sums = {0};
#pragma GCC unroll 16
  for (int64_t i = 0; i < GROUP; i += LANES) {
    vec v = n - i >= LANES ? load(x + i) : n > i ? load_part(x + i, (n - i) % LANES) : (vec){0};
    /* 1.5 * 2^23 added rounds to an integer, whose low byte is that of the bits; not finite: any is false */
    ivec q = any ? (ivec)(v * by + splat(12582912.0f)) << 24 >> 24 : (ivec){0};
    bytes narrow = __builtin_convertvector(q, bytes);
    memcpy(to + i, &narrow, sizeof narrow);
    sums += q;
  }
  int32_t sum = 0;
  for (int k = 0; k < LANES; k++) sum += sums[k];
  return sum;
}

/* ---- B: a panel has k/4 rows of 32 words of four bytes, the scales of its columns, and -128 times their sums ---- */

static void pack(int64_t k, int64_t n, const real *b, ptrdiff_t rs, ptrdiff_t cs, real *out) {
  int64_t groups = (k + GROUP - 1) / GROUP;
  for (int64_t j = 0; j < n; j += COLS) {
    uint32_t *words = (uint32_t *)out;
    real *scales = out + groups * WORDS * COLS;
    int32_t *sums = (int32_t *)(scales + COLS);
    out += groups * WORDS * COLS + 2 * COLS;
    memset(scales, 0, COLS * sizeof *scales);
    memset(sums, 0, COLS * sizeof *sums);
    int64_t width = n - j < COLS ? n - j : COLS;
    for (int64_t i = 0; i < width; i++) {
      float most = 0;
      if (rs == 1) {
        most = largest(k, b + (j + i) * cs);
      } else {
        for (int64_t p = 0; p < k; p++) {
          float x = b[p * rs + (j + i) * cs], size = x < 0 ? -x : x;
          most = size > most || size != size ? size : most;
        }
        most += most - most;
      }
      scales[i] = most >= SMALLEST ? most / 127 : most != most ? most : 0;
    }
    for (int64_t g = 0; g < groups; g++) {
      uint32_t lines[COLS * WORDS];
      int64_t there = k - g * GROUP < GROUP ? k - g * GROUP : GROUP;
      memset(lines, 0, sizeof lines);
      for (int64_t i = 0; i < width; i++) {
        const real *from = b + g * GROUP * rs + (j + i) * cs;
        real line[GROUP];
        int8_t *q = (int8_t *)(lines + i * WORDS);
        if (rs != 1)
          for (int64_t p = 0; p < there; p++) line[p] = from[p * rs];
        sums[i] -= 128 * round_group(there, rs == 1 ? from : line, scales[i] * 127, q);
      }
      turn(lines, WORDS, words + g * WORDS * COLS, COLS);
      turn(lines + 16 * WORDS, WORDS, words + g * WORDS * COLS + 16, COLS);
    }
  }
}

/* ---- A ---- */

#ifdef __AVX512VNNI__
#define PER_WORD 1 /* q + 128 in the bytes of a word */
#else
#define PER_WORD 2 /* the first and third of four q in the halves of a word, the second and fourth in those of the next */
#endif

static void pack_row(int64_t k, const real *a, ptrdiff_t acs, uint32_t *to, float *scale) {
  float most = 0;
  if (acs == 1) {
    most = largest(k, a);
  } else {
    for (int64_t p = 0; p < k; p++) {
      float size = a[p * acs] < 0 ? -a[p * acs] : a[p * acs];
      most = size > most || size != size ? size : most;
    }
    most += most - most;
  }
  *scale = most >= SMALLEST ? most / 127 : most != most ? most : 0;
  for (int64_t p = 0; p < k; p += GROUP) {
    int8_t q[GROUP];
    real line[GROUP];
    int64_t there = k - p < GROUP ? k - p : GROUP;
    if (acs != 1)
      for (int64_t i = 0; i < there; i++) line[i] = a[(p + i) * acs];
    round_group(there, acs == 1 ? a + p : line, most, q);
#ifdef __AVX512VNNI__
    _mm512_storeu_si512(to, _mm512_xor_si512(_mm512_loadu_si512(q), _mm512_set1_epi8((char)0x80)));
    to += WORDS;
#else
    for (int i = 0; i < GROUP; i += 4) {
      *to++ = (uint32_t)(uint16_t)q[i] | (uint32_t)(uint16_t)q[i + 2] << 16;
      *to++ = (uint32_t)(uint16_t)q[i + 1] | (uint32_t)(uint16_t)q[i + 3] << 16;
    }
#endif
  }
}

/* sum + the products of four elements of a row of A with those of a vector of columns */
INLINE ivec dot(ivec sum, const uint32_t *a, ivec b) {
#if defined(__AVX512VNNI__)
  return (ivec)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32((int)*a), (__m512i)b);
#elif defined(__AVX512BW__)
  __m512i low = _mm512_srai_epi16(_mm512_slli_epi16((__m512i)b, 8), 8), high = _mm512_srai_epi16((__m512i)b, 8);
  return sum + (ivec)_mm512_madd_epi16(low, _mm512_set1_epi32((int)a[0])) +
         (ivec)_mm512_madd_epi16(high, _mm512_set1_epi32((int)a[1]));
#elif defined(__AVX2__)
  __m256i low = _mm256_srai_epi16(_mm256_slli_epi16((__m256i)b, 8), 8), high = _mm256_srai_epi16((__m256i)b, 8);
  return sum + (ivec)_mm256_madd_epi16(low, _mm256_set1_epi32((int)a[0])) +
         (ivec)_mm256_madd_epi16(high, _mm256_set1_epi32((int)a[1]));
#else
  int32_t q0 = (int16_t)a[0], q2 = (int32_t)a[0] >> 16, q1 = (int16_t)a[1], q3 = (int32_t)a[1] >> 16;
  return sum + (b << 24 >> 24) * q0 + (b << 16 >> 24) * q1 + (b << 8 >> 24) * q2 + (b >> 24) * q3;
#endif
}

/* ---- C ---- */

typedef struct target {
  const real *bias;
  real *c;
  ptrdiff_t ldc;
  bool accumulate;
} target;

/* Columns from at on, of a vector: C = sums times both scales, + what it begins with. */
INLINE void put(const target *t, int64_t row, int64_t at, int64_t n, ivec sums, float scale, vec scales) {
  real *to = t->c + row * t->ldc + at;
  vec first = {0};
  if (t->bias) first = n >= LANES ? load(t->bias + at) : load_part(t->bias + at, n);
  if (t->accumulate) first += n >= LANES ? load(to) : load_part(to, n);
  vec y = __builtin_convertvector(sums, vec) * (splat(scale) * scales) + first;
  if (n >= LANES) store(to, y);
  else store_part(to, y, n);
}

/* rows x SIDE vectors; in chains that end in one sum, as one alone would wait for itself. */
INLINE void tile(const int rows, const int chains, int64_t words, const uint32_t *a, ptrdiff_t row, const uint32_t *b,
                 ivec sum[ROWS][SIDE]) {
  ivec acc[ROWS][SIDE][4];
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < SIDE; v++)
#pragma GCC unroll 4
      for (int k = 0; k < chains; k++) acc[i][v][k] = (ivec){0};
  for (int64_t p = 0; p < words; p += chains) { /* words: a multiple of 16 */
#pragma GCC unroll 4
    for (int k = 0; k < chains; k++)
#pragma GCC unroll 2
      for (int v = 0; v < SIDE; v++) {
        ivec w = load_ints(b + (p + k) * COLS + v * LANES);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) acc[i][v][k] = dot(acc[i][v][k], a + i * row + (p + k) * PER_WORD, w);
      }
  }
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < SIDE; v++) {
      sum[i][v] = acc[i][v][0];
#pragma GCC unroll 4
      for (int k = 1; k < chains; k++) sum[i][v] += acc[i][v][k];
    }
}

static void by_vectors(int64_t m, int64_t n, int64_t words, const uint32_t *a, ptrdiff_t row, const float *row_scales,
                       rnni_panels b, const target *t) {
  for (int64_t at = 0; at < n; at += SIDE * LANES) {
    const real *panel = b.at + at / COLS * b.panel, *scales = panel + words * COLS;
    const uint32_t *w = (const uint32_t *)panel + at % COLS;
    for (int64_t i = 0; i < m; i += ROWS) {
      int64_t rows = m - i < ROWS ? m - i : ROWS;
      ivec sum[ROWS][SIDE];
      const uint32_t *from = a + i * row;
      switch (rows) {
        case 1: tile(1, 4, words, from, row, w, sum); break;
        case 2: tile(2, 2, words, from, row, w, sum); break;
#if ROWS == 6
        case 3: tile(3, 2, words, from, row, w, sum); break;
        case 4: tile(4, 1, words, from, row, w, sum); break;
        case 5: tile(5, 1, words, from, row, w, sum); break;
        default: tile(6, 1, words, from, row, w, sum); break;
#endif
      }
      for (int64_t r = 0; r < rows; r++)
        for (int v = 0; v < SIDE && at + v * LANES < n; v++) {
          int64_t column = at % COLS + v * LANES;
          ivec s = sum[r][v];
          if (PER_WORD == 1) s += load_ints(scales + COLS + column);
          put(t, i + r, at + v * LANES, n - at - v * LANES, s, row_scales[i + r], load(scales + column));
        }
    }
  }
}

#ifdef __AMX_TILE__
/* 32 rows of A or fewer, in tiles 4 and 5, against a panel, in 6 and 7: sums are tiles 0 to 3. */
static void by_tiles(int64_t m, int64_t n, int64_t words, const uint32_t *a, ptrdiff_t row, const float *row_scales,
                     rnni_panels b, const target *t) {
  for (int64_t at = 0; at < n; at += COLS) {
    const real *panel = b.at + at / COLS * b.panel, *scales = panel + words * COLS;
    for (int64_t i = 0; i < m; i += 32) {
      int32_t sums[32 * COLS] __attribute__((aligned(64)));
      const uint32_t *from = a + i * row, *w = (const uint32_t *)panel;
      bool high = m - i > 16;
      __asm__ volatile("" : : "r"(a), "r"(sums) : "memory");
      _tile_loadd(0, scales + COLS, 0); /* every row begins with -128 times the sums */
      _tile_loadd(1, scales + COLS + 16, 0);
      _tile_loadd(2, scales + COLS, 0);
      _tile_loadd(3, scales + COLS + 16, 0);
      for (int64_t p = 0; p < words; p += WORDS) {
        _tile_loadd(6, w + p * COLS, 4 * COLS);
        _tile_loadd(7, w + p * COLS + 16, 4 * COLS);
        _tile_loadd(4, from + p, 4 * row);
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        if (high) {
          _tile_loadd(5, from + p + 16 * row, 4 * row);
          _tile_dpbusd(2, 5, 6);
          _tile_dpbusd(3, 5, 7);
        }
      }
      _tile_stored(0, sums, 4 * COLS);
      _tile_stored(1, sums + 16, 4 * COLS);
      if (high) {
        _tile_stored(2, sums + 16 * COLS, 4 * COLS);
        _tile_stored(3, sums + 16 * COLS + 16, 4 * COLS);
      }
      for (int64_t r = 0; r < 32 && i + r < m; r++)
        for (int64_t v = 0; v < COLS && at + v < n; v += LANES)
          put(t, i + r, at + v, n - at - v, load_ints(sums + r * COLS + v), row_scales[i + r], load(scales + v));
    }
  }
}
#endif

static void product(int64_t m, int64_t n, int64_t k, const real *a, ptrdiff_t ars, ptrdiff_t acs, rnni_panels b,
                    const real *bias, real *c, ptrdiff_t ldc, bool accumulate) {
  uint32_t buffer[BUFFER + 16 * ROWS_MOST] __attribute__((aligned(64)));
  float scales[ROWS_MOST];
  int64_t words = (k + GROUP - 1) / GROUP * WORDS, row = words * PER_WORD, most = BUFFER / (row > 0 ? row : 1);
  if (most >= 16) most = most / 16 * 16, row += 16; /* lines that do not meet in the cache */
  if (most > ROWS_MOST) most = ROWS_MOST;
#ifdef __AMX_TILE__
  bool tiles = m >= FEW && most >= 16;
  if (tiles) tiles_begin();
#endif
  for (int64_t from = 0; from < m; from += most) {
    int64_t rows = m - from < most ? m - from : most;
    target t = {.bias = bias, .c = c + from * ldc, .ldc = ldc, .accumulate = accumulate};
    for (int64_t i = 0; i < rows; i++) pack_row(k, a + (from + i) * ars, acs, buffer + i * row, scales + i);
#ifdef __AMX_TILE__
    if (tiles) {
      for (int64_t i = rows; i < (rows + 15) / 16 * 16; i++) memset(buffer + i * row, 0, (size_t)words * sizeof *buffer);
      by_tiles(rows, n, words, buffer, row, scales, b, &t);
      continue;
    }
#endif
    by_vectors(rows, n, words, buffer, row, scales, b, &t);
  }
#ifdef __AMX_TILE__
  if (tiles) _tile_release();
#endif
}

extern const rnni_low RNNI_INT8;
const rnni_low RNNI_INT8 = {.isa = RNNI_ISA, .pack = pack, .product = product};
#endif
