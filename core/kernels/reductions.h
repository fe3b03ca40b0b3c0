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

#endif
