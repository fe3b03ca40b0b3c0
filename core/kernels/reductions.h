/* reductions.h: the kernels of sums, means, extremes and other reductions, of columns and of lines. */
#ifndef RNNI_REDUCTIONS_H
#define RNNI_REDUCTIONS_H

#include "kernels.h"
#include "vmath.h"

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

/* The larger of two where it is not asked which: NaN before all, and of equals a. */
INLINE vec larger(vec a, vec b) {
#if defined(__AVX512F__) && !defined(RNN_DOUBLE)
  __m512 y = (__m512)b;
  return (vec)_mm512_mask_mov_ps(_mm512_max_ps(y, (__m512)a), _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), y);
#elif defined(__AVX2__) && !defined(RNN_DOUBLE)
  __m256 y = (__m256)b;
  return (vec)_mm256_blendv_ps(_mm256_max_ps(y, (__m256)a), y, _mm256_cmp_ps(y, y, _CMP_UNORD_Q));
#else
  return choose((b > a) | (b != b), b, a);
#endif
}

/* best, at the places at, takes in y, which is behind it at row. */
INLINE void meet(const bool wants_row, vec *best, veci *at, vec y, veci row) {
  veci m = beats(y, *best);
  *best = wants_row ? choose(m, y, *best) : larger(*best, y);
  if (wants_row) *at = (m & row) | (~m & *at);
}

typedef lane_int veci_loose __attribute__((vector_size(VEC_BYTES), aligned(sizeof(lane_int)), may_alias));

/* What the smallest is looked for in: x with its other sign, where sign is SIGN_BIT. */
INLINE vec flip(vec x, veci sign) { return (vec)((veci)x ^ sign); }

/* n columns, at most a vector, of which *top and *at know the rows before. */
INLINE void extreme_vector(const bool wants_row, int64_t n, veci sign, int64_t rows, const real *x, ptrdiff_t ld,
                           veci first, real *top, rnni_row *row) {
#define ROW(r) flip(load_part(x + (r) * ld, n), sign)
  vec best = flip(load(top), sign);
  veci at = {0};
  if (wants_row) at = *(veci_loose *)row;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    vec y[4] = {ROW(r), ROW(r + 1), ROW(r + 2), ROW(r + 3)};
    veci at0 = first + (lane_int)r, at2 = at0 + 2;
    meet(wants_row, &y[0], &at0, y[1], at0 + 1);
    meet(wants_row, &y[2], &at2, y[3], at2 + 1);
    meet(wants_row, &y[0], &at0, y[2], at2);
    meet(wants_row, &best, &at, y[0], at0);
  }
  for (; r < rows; r++) meet(wants_row, &best, &at, ROW(r), first + (lane_int)r);
#undef ROW
  store(top, flip(best, sign));
  if (wants_row) *(veci_loose *)row = at;
}

/* In blocks of rows that the nearest cache holds. */
INLINE void extreme_all(const bool wants_row, bool smallest, int64_t rows, int64_t n, const real *x, ptrdiff_t ld,
                        rnni_row first, real *top, rnni_row *row) {
  const veci sign = (veci){0} + (smallest ? SIGN_BIT : 0);
  const int64_t most = n < 512 ? 4096 / n : 8;
  memcpy(top, x, (size_t)n * sizeof *x);
  for (int64_t u = 0; u < n && wants_row; u++) row[u] = first;
  for (int64_t done = 0; done < rows; done += most, x += most * ld) {
    int64_t block = rows - done < most ? rows - done : most, u = 0;
    const veci start = (veci){0} + (first + (rnni_row)done);
    for (; u + LANES <= n; u += LANES)
      extreme_vector(wants_row, LANES, sign, block, x + u, ld, start, top + u, wants_row ? row + u : NULL);
    if (u < n) extreme_vector(wants_row, n - u, sign, block, x + u, ld, start, top + u, wants_row ? row + u : NULL);
  }
}

static void extreme(bool smallest, int64_t rows, int64_t n, const real *x, ptrdiff_t ld, rnni_row first, real *top,
                    rnni_row *row) {
  if (row) extreme_all(true, smallest, rows, n, x, ld, first, top, row);
  else extreme_all(false, smallest, rows, n, x, ld, first, top, NULL);
}

/* ---- reductions of lines: a line in lanes, whose number its length says ---- */

typedef int64_t dvec_lanes __attribute__((vector_size(VEC_BYTES)));
#ifdef __clang__
#define PICK(name, type, lanes, count)                                         \
  INLINE type name(type x, type y, lanes lane) {                               \
    type z = x;                                                                \
    for (int i = 0; i < count; i++) z[i] = lane[i] < count ? x[lane[i]] : y[lane[i] - count]; \
    return z;                                                                  \
  }
PICK(pick_real, vec, veci, LANES)
PICK(pick_int, veci, veci, LANES)
#ifdef RNN_DOUBLE
#define PICKED(x, y, lane) _Generic((x), vec: pick_real, veci: pick_int)(x, y, lane)
#else
PICK(pick_double, dvec, dvec_lanes, DLANES)
#define PICKED(x, y, lane) _Generic((x), vec: pick_real, veci: pick_int, dvec: pick_double)(x, y, lane)
#endif
#undef PICK
#else
#define PICKED(x, y, lane) __builtin_shuffle(x, y, lane)
#endif

/* Of two vectors the lanes that meet others at a distance of by, of x in front and of y behind; those others lie by
   further on. A vector for each of as many lines as it has lanes, two at a time, ends as one with a lane for each. */
INLINE veci near_lanes(int by) {
  veci lane;
  for (int i = 0; i < LANES; i++) lane[i] = i / by * 2 * by + i % by;
  return lane;
}

/* ---- a matrix of one's own with vectors ---- */

/* So many vectors as rows become columns. */
INLINE void turn_square(vec *x) {
#pragma GCC unroll 16
  for (int by = 1; by < LANES; by *= 2) {
    veci low, high;
    for (int k = 0; k < LANES; k++) low[k] = k & by ? k - by + LANES : k, high[k] = k & by ? k + LANES : k + by;
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
      if (i & by) continue;
      vec a = x[i], b = x[i + by];
      x[i] = PICKED(a, b, low);
      x[i + by] = PICKED(a, b, high);
    }
  }
}

/* A lane for each row. */
static void dots(int64_t m, int64_t n, const real *a, const real *b, const real *from, real *y) {
  for (int64_t i = 0; i < m; i += LANES) {
    const int64_t rows = m - i < LANES ? m - i : LANES;
    vec sum = {0};
    if (from) sum = load_part(from + i, rows);
    for (int64_t k = 0; k < n; k += LANES) {
      const int64_t columns = n - k < LANES ? n - k : LANES;
      vec x[LANES];
      for (int r = 0; r < LANES; r++) x[r] = r < rows ? load_part(a + (i + r) * n + k, columns) : (vec){0};
      turn_square(x);
      for (int c = 0; c < columns; c++) sum = madd(x[c], splat(b[k + c]), sum);
    }
    store_part(y + i, sum, rows);
  }
}

static void mix(int64_t m, int64_t n, const real *a, const real *c, real *y) {
  for (int64_t k = 0; k < n; k += LANES) {
    const int64_t columns = n - k < LANES ? n - k : LANES;
    vec sum = {0};
    for (int64_t i = 0; i < m; i++) sum = madd(splat(c[i]), load_part(a + i * n + k, columns), sum);
    store_part(y + k, sum, columns);
  }
}

static void outer(int64_t m, int64_t n, const real *c, const real *b, real *y) {
  for (int64_t i = 0; i < m; i++, y += n)
    for (int64_t k = 0; k < n; k++) y[k] = c[i] * b[k];
}

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
  dvec_lanes lane;
  for (int i = 0; i < DLANES; i++) lane[i] = i;
#pragma GCC unroll 16
  for (int by = DLANES / 2; by > 0; by /= 2) acc[0] = fold_two(how, acc[0], PICKED(acc[0], acc[0], lane ^ by));
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
  *best = wants_row ? choose(m, other, *best) : larger(*best, other);
}

/* n is at least lanes, of which each keeps its best element and the step where it met it. */
INLINE void extreme_line(const bool wants_row, const int lanes, veci sign, int64_t n, const real *x, vec *top,
                         veci *row) {
  enum { MOST = 64 / LANES };
  vec best[MOST];
  veci at[MOST], first;
  lane_int step = 1;
  int64_t k = lanes;
  for (int i = 0; i < LANES; i++) first[i] = i;
#define PART(p) flip(load(p), sign)
#pragma GCC unroll 16
  for (int v = 0; v < lanes / LANES; v++) best[v] = PART(x + v * LANES), at[v] = (veci){0};
  for (; k + lanes <= n; k += lanes, step++) {
#pragma GCC unroll 16
    for (int v = 0; v < lanes / LANES; v++) meet(wants_row, &best[v], &at[v], PART(x + k + v * LANES), (veci){0} + step);
  }
#pragma GCC unroll 16
  for (int v = 0; v < lanes / LANES; v++)
    if (k + LANES <= n) {
      meet(wants_row, &best[v], &at[v], PART(x + k), (veci){0} + step);
      k += LANES;
    }
  at[0] = at[0] * lanes + first;
#pragma GCC unroll 16
  for (int v = 1; v < lanes / LANES; v++)
    meet_lanes(wants_row, &best[0], &at[0], best[v], at[v] * lanes + (first + v * LANES));
  if (k < n) /* the last elements, with some of those before once more */
    meet_lanes(wants_row, &best[0], &at[0], PART(x + n - LANES), first + (lane_int)(n - LANES));
#undef PART
  *top = best[0];
  *row = at[0];
}

/* What n lines have in their lanes, each compared to one, which its top is. */
INLINE void extreme_lanes(const bool wants_row, int64_t n, vec *best, veci *at, real *top, rnni_row *row) {
  if (n == LANES) {
#pragma GCC unroll 16
    for (int by = LANES / 2; by > 0; by /= 2) {
      const veci near = near_lanes(by);
#pragma GCC unroll 16
      for (int i = 0; i < by; i++) {
        vec a = PICKED(best[2 * i], best[2 * i + 1], near), b = PICKED(best[2 * i], best[2 * i + 1], near + by);
        veci at_a = at[0], at_b = at[0];
        if (wants_row) at_a = PICKED(at[2 * i], at[2 * i + 1], near), at_b = PICKED(at[2 * i], at[2 * i + 1], near + by);
        meet_lanes(wants_row, &a, &at_a, b, at_b);
        best[i] = a;
        if (wants_row) at[i] = at_a;
      }
    }
    store(top, best[0]);
    if (wants_row) *(veci_loose *)row = at[0];
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    veci lane;
    for (int k = 0; k < LANES; k++) lane[k] = k;
#pragma GCC unroll 16
    for (int by = LANES / 2; by > 0; by /= 2) /* each lane and its partner, until all have the same */
      meet_lanes(wants_row, &best[i], &at[i], PICKED(best[i], best[i], lane ^ by), PICKED(at[i], at[i], lane ^ by));
    top[i] = best[i][0];
    if (wants_row) row[i] = at[i][0];
  }
}

/* As many lines side by side as a vector has lanes. */
INLINE void extreme_beside(veci sign, int64_t n, const real *x, ptrdiff_t stride, vec *top, veci *row) {
  vec best = {0};
  veci at = {0};
  for (lane_int k = 0; k < n; k++) {
    vec y;
    for (int i = 0; i < LANES; i++) y[i] = x[i * stride + k];
    y = flip(y, sign);
    veci m = k == 0 ? ~at : beats(y, best);
    best = choose(m, y, best);
    at = (m & k) | (~m & at);
  }
  *top = flip(best, sign);
  *row = at;
}

INLINE void extreme_all_lines(const bool wants_row, bool smallest, int64_t lines, int64_t n, const real *x,
                              ptrdiff_t stride, rnni_row first, real *top, rnni_row *row) {
  const veci sign = (veci){0} + (smallest ? SIGN_BIT : 0);
  int64_t i = 0;
  for (; n < 16 && i + LANES <= lines; i += LANES) {
    vec best;
    veci at;
    extreme_beside(sign, n, x + i * stride, stride, &best, &at);
    store(top + i, best + 0); /* which of 0 and -0 comes first depends on the width of a vector */
    if (wants_row) *(veci_loose *)(row + i) = at + first;
  }
  for (int64_t count; i < lines; i += count) {
    vec best[LANES];
    veci at[LANES];
    count = lines - i < LANES ? lines - i : LANES;
    for (int64_t k = 0; k < count; k++) {
      const real *line = x + (i + k) * stride;
      real few[16];
      if (n < 16) { /* the first again and again behind them: it loses against itself */
        for (int e = 0; e < 16; e++) few[e] = line[e < n ? e : 0];
        extreme_line(wants_row, 16, sign, 16, few, &best[k], &at[k]);
      } else if (n < 64) {
        extreme_line(wants_row, 16, sign, n, line, &best[k], &at[k]);
      } else {
        extreme_line(wants_row, 64, sign, n, line, &best[k], &at[k]);
      }
    }
    extreme_lanes(wants_row, count, best, at, top + i, row ? row + i : NULL);
    for (int64_t k = i; k < i + count; k++) {
      top[k] = (smallest ? -top[k] : top[k]) + 0;
      if (wants_row) row[k] += first;
    }
  }
}

static void extreme_lines(bool smallest, int64_t lines, int64_t n, const real *x, ptrdiff_t stride, rnni_row first,
                          real *top, rnni_row *row) {
  if (row) extreme_all_lines(true, smallest, lines, n, x, stride, first, top, row);
  else extreme_all_lines(false, smallest, lines, n, x, stride, first, top, NULL);
}

#endif
