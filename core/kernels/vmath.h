/* vmath.h: vectors of the instruction set being compiled, and functions on them, at most 2 ulp wrong
 * (tests/c/test_vmath.c).
 *
 * float: exp, tanh, sigmoid, logarithms, erf and gelu by reduction and polynomials; the others, and double, are those of
 * dmath.h. */
#ifndef RNNI_VMATH_H
#define RNNI_VMATH_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "../rnn.h"
#include "dmath.h"

typedef rnn_real real;
#ifdef RNN_DOUBLE
#define RNNI_FMA fma
#else
#define RNNI_FMA fmaf
#endif

#define LANES ((int)(VEC_BYTES / sizeof(real)))

#ifdef RNN_DOUBLE
typedef int64_t lane_int;
#define SIGN_BIT INT64_MIN
#else
typedef int32_t lane_int;
#define SIGN_BIT INT32_MIN
#endif
typedef real vec __attribute__((vector_size(VEC_BYTES)));
typedef lane_int veci __attribute__((vector_size(VEC_BYTES)));
typedef real vec_loose __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));

INLINE vec load(const real *p) { return *(const vec_loose *)p; }
INLINE void store(real *p, vec v) { *(vec_loose *)p = v; }
INLINE vec splat(real x) { return x - (vec){0}; }
INLINE vec choose(veci mask, vec yes, vec no) { return (vec)((mask & (veci)yes) | (~mask & (veci)no)); }
INLINE vec vabs(vec x) { return (vec)((veci)x & ~SIGN_BIT); }

#if defined(RNNI_EXACT) && defined(__SSE2__) && !defined(RNN_DOUBLE)
/* Two of a*b + c: the product is exact in double, and the sum rounded to a double and then to a float is right but where
   the double lies in the middle of two floats, or is less than the least normal float, which has fewer digits; seldom. */
INLINE __m128d madd_wide(__m128d a, __m128d b, __m128d c, __m128i *doubtful) {
  __m128d sum = _mm_add_pd(_mm_mul_pd(a, b), c);
  __m128i bits = _mm_and_si128((__m128i)sum, _mm_setr_epi32(0x1fffffff, 0x7fffffff, 0x1fffffff, 0x7fffffff));
  __m128i middle = _mm_cmpeq_epi32(bits, _mm_setr_epi32(0x10000000, -1, 0x10000000, -1));
  __m128i little = _mm_and_si128(_mm_cmpgt_epi32(_mm_setr_epi32(-1, 0x38100000, -1, 0x38100000), bits),
                                 _mm_cmpgt_epi32(bits, _mm_setzero_si128()));
  *doubtful = _mm_or_si128(*doubtful, _mm_or_si128(middle, little));
  return sum;
}

INLINE __m128 madd_exact(__m128 a, __m128 b, __m128 c) {
  __m128i doubtful = _mm_setzero_si128();
  __m128d low = madd_wide(_mm_cvtps_pd(a), _mm_cvtps_pd(b), _mm_cvtps_pd(c), &doubtful);
  __m128d high = madd_wide(_mm_cvtps_pd(_mm_movehl_ps(a, a)), _mm_cvtps_pd(_mm_movehl_ps(b, b)),
                           _mm_cvtps_pd(_mm_movehl_ps(c, c)), &doubtful);
  __m128 sum = _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
  if (__builtin_expect(_mm_movemask_epi8(doubtful) != 0, 0))
    for (int i = 0; i < 4; i++) sum[i] = fmaf(a[i], b[i], c[i]);
  return sum;
}
#endif

/* a*b + c, rounded once. Every multiply-add that the kernels mean to fuse is written so, and the compiler fuses nothing by
   itself: that is why all instruction sets give the same bits. The plain set without fused instructions rounds twice;
   plain-exact rounds once in software, eight times as slowly, for --deterministic. */
INLINE vec madd(vec a, vec b, vec c) {
#if defined(__AVX512F__) && defined(RNN_DOUBLE)
  return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX512F__)
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && defined(RNN_DOUBLE)
  return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__FMA__)
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__) && defined(RNN_DOUBLE)
  return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__aarch64__)
  return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(RNNI_EXACT) && defined(__SSE2__) && !defined(RNN_DOUBLE)
  return (vec)madd_exact((__m128)a, (__m128)b, (__m128)c);
#elif defined(RNNI_EXACT)
  for (int i = 0; i < LANES; i++) c[i] = RNNI_FMA(a[i], b[i], c[i]);
  return c;
#else
  return a * b + c;
#endif
}

/* The last n <= LANES elements of a row: absent lanes read as 0 and are not written. */
#if defined(__AVX512F__) && defined(RNN_DOUBLE)
INLINE vec load_part(const real *p, int64_t n) { return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p); }
INLINE void store_part(real *p, vec v, int64_t n) { _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v); }
#elif defined(__AVX512F__)
INLINE vec load_part(const real *p, int64_t n) { return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void store_part(real *p, vec v, int64_t n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v); }
#elif defined(__AVX2__)
/* The first n of each kind of lane. */
INLINE __m256i first_lanes(int64_t n) {
  static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - n * (int64_t)(sizeof(real) / sizeof(int32_t))));
}
#ifdef RNN_DOUBLE
#define MASKED(name) _mm256_mask##name##_pd
#else
#define MASKED(name) _mm256_mask##name##_ps
#endif
INLINE vec load_part(const real *p, int64_t n) { return n == LANES ? load(p) : (vec)MASKED(load)(p, first_lanes(n)); }
INLINE void store_part(real *p, vec v, int64_t n) {
  if (n == LANES) store(p, v); /* which takes less time there */
  else MASKED(store)(p, first_lanes(n), v);
}
#undef MASKED
#else
INLINE vec load_part(const real *p, int64_t n) {
  vec v = {0};
  memcpy(&v, p, (size_t)n * sizeof(real));
  return v;
}
INLINE void store_part(real *p, vec v, int64_t n) { memcpy(p, &v, (size_t)n * sizeof(real)); }
#endif

#ifdef RNN_DOUBLE

#define WIDEN(name) \
  static __attribute__((noinline, unused)) vec v##name(vec x) { return d_##name(x); } /* large: once */
WIDEN(exp)
WIDEN(tanh)
WIDEN(sigmoid)
WIDEN(log)
WIDEN(log1p)
WIDEN(softplus)
WIDEN(gelu)
WIDEN(erf)
INLINE vec vpow(vec x, vec y) { return d_pow(x, y); }
INLINE vec vatan2(vec y, vec x) { return d_atan2(y, x); }

#else

/* The smaller, or larger, of x and a number; NaN stays. */
INLINE vec below(vec x, float most) {
#if defined(__AVX512F__)
  return (vec)_mm512_min_ps((__m512)splat(most), (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_min_ps((__m256)splat(most), (__m256)x);
#else
  return choose(x > splat(most), splat(most), x);
#endif
}
INLINE vec above(vec x, float least) {
#if defined(__AVX512F__)
  return (vec)_mm512_max_ps((__m512)splat(least), (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_max_ps((__m256)splat(least), (__m256)x);
#else
  return choose(x < splat(least), splat(least), x);
#endif
}
INLINE vec within(float least, vec x, float most) { return above(below(x, most), least); }

/* p 2^k for a whole number k, rounded once; in two factors, so that subnormal results and overflow come out right. */
INLINE vec scale(vec p, vec k) {
#if defined(__AVX512F__)
  return (vec)_mm512_scalef_ps((__m512)p, (__m512)k);
#else
  veci n = __builtin_convertvector(k, veci), half = n >> 1;
  return p * (vec)((half + 127) << 23) * (vec)((n - half + 127) << 23);
#endif
}

/* exp(x) = exp(r) 2^k for -104 <= x <= 104. */
INLINE vec reduce_exp(vec x, vec *k) {
  vec shifted = madd(x, splat(1.44269504088896341f), splat(12582912.0f)); /* 1.5 * 2^23: rounds to an integer in the low bits */
  *k = shifted - 12582912.0f;
  return madd(*k, splat(2.12194440e-4f), madd(*k, splat(-0.693359375f), x));
}

/* exp(r) for such an r. Polynomials here and below: tests/reference/make_polynomials.py. */
INLINE vec exp_of_reduced(vec r) {
  vec p = madd(splat(0.00139336416f), r, splat(0.00836914871f));
  p = madd(p, r, splat(0.0416664667f));
  p = madd(p, r, splat(0.166665047f));
  p = madd(p, r, splat(0.5f));
  p = madd(p, r, splat(1.0f));
  return madd(p, r, splat(1.0f));
}

/* exp(x) = p 2^k */
INLINE vec exp_reduced(vec x, vec *k) {
  vec r = reduce_exp(x, k);
  return exp_of_reduced(r);
}

INLINE vec vexp(vec x) {
  vec k, p = exp_reduced(within(-104.0f, x, 89.0f), &k);
  return scale(p, k);
}

INLINE vec vtanh(vec x) {
  vec size = vabs(x);
  vec k, p = exp_reduced(below(size + size, 20.0f), &k); /* beyond it has long been 1 */
  vec large = (vec)((veci)(1.0f - 2.0f / (scale(p, k) + 1.0f)) | ((veci)x & SIGN_BIT));
  vec s = x * x;
  vec q = madd(s, splat(-5.70498872745e-3f), splat(2.06390887954e-2f));
  q = madd(q, s, splat(-5.37397155531e-2f));
  q = madd(q, s, splat(1.33314422036e-1f));
  q = madd(q, s, splat(-3.33332819422e-1f));
  vec small = madd(x, s * q, x);
  return choose(size < splat(0.625f), small, large);
}

/* 1 / (1 + e), e = exp(-x) = p 2^k, as 2^-k / (2^-k + p): so it is right where e is too large for a float. One step of
   Newton's iteration puts right what rounding took from the sum. */
INLINE vec vsigmoid(vec x) {
  vec k, p = exp_reduced(-within(-104.0f, x, 30.0f), &k);
  vec t = scale(splat(1.0f), -k), y = 1.0f / (p + t);
  vec wrong = madd(-y, p, madd(-y, t, splat(1.0f)));
  return scale(madd(wrong, y, y), -k);
}

/* log(m 2^e) for f = m - 1, from -1/4 to 1/2; more, tiny, is added. */
INLINE vec log_reduced(vec f, vec e, vec more) {
  vec p = madd(splat(0.0428719781f), f, splat(-0.0956133977f));
  p = madd(p, f, splat(0.11680682f));
  p = madd(p, f, splat(-0.12639311f));
  p = madd(p, f, splat(0.142683059f));
  p = madd(p, f, splat(-0.16660817f));
  p = madd(p, f, splat(0.200001404f));
  p = madd(p, f, splat(-0.250000566f));
  p = madd(p, f, splat(0.333333343f));
  vec s = f * f, low = madd(s * f, p, madd(e, splat(-2.12194440e-4f), more));
  vec small = madd(s, splat(-0.5f), low), sum = f + small;
  return madd(e, splat(0.693359375f), sum);
}

typedef uint32_t word __attribute__((vector_size(VEC_BYTES))); /* wraps around */

/* x as m 2^e, m from 3/4 to 3/2, and anything for an x that is not positive and finite. Gives m - 1. */
INLINE vec mantissa(vec x, vec *e) {
#if defined(__AVX512F__)
  __m512 m = _mm512_getmant_ps((__m512)x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  *e = (vec)_mm512_getexp_ps((__m512)x) - (vec)_mm512_getexp_ps(m);
  return (vec)m - 1.0f;
#else
  veci tiny = x < splat(0x1p-126f);
  x = choose(tiny, x * 0x1p23f, x);
  veci bits = (veci)((word)x - 0x3f400000); /* of 3/4 */
  *e = __builtin_convertvector(bits >> 23, vec) - choose(tiny, splat(23.0f), (vec){0});
  return (vec)((bits & 0x7fffff) + 0x3f400000) - 1.0f;
#endif
}

/* What log gives for what is not positive and finite. */
INLINE vec log_edges(vec x, vec y) {
#if defined(__AVX512F__) /* of zero -infinity, of infinity itself */
  y = (vec)_mm512_fixupimm_ps((__m512)y, (__m512)x, _mm512_set1_epi32(0x00100400), 0);
#else
  y = choose(x == splat(INFINITY), x, y);
  y = choose(x == (vec){0}, splat(-INFINITY), y);
#endif
  return choose(x >= (vec){0}, y, splat(NAN));
}

INLINE vec vlog(vec x) {
  vec e, f = mantissa(x, &e);
  return log_edges(x, log_reduced(f, e, (vec){0}));
}

INLINE vec vlog1p(vec x) {
  vec u = 1.0f + x, e, f = mantissa(u, &e), lost = choose(x > splat(1.0f), 1.0f - (u - x), x - (u - 1.0f)) / u;
  veci near = (x > splat(-0.25f)) & (x < splat(0.5f));
  f = choose(near, x, f);
  e = choose(near, (vec){0}, e);
  vec y = log_edges(u, log_reduced(f, e, choose(near | (u == splat(INFINITY)), (vec){0}, lost)));
  return choose(x == (vec){0}, x, y); /* -0 stays */
}

/* log(1 + e^x) = max(x, 0) + log(1 + t), t = e^-|x|, 1 + t without its rounding. */
INLINE vec vsoftplus(vec x) {
  vec t = vexp(-vabs(x)), zero = {0};
  veci large = t > splat(0.5f);
  vec y = log_reduced(choose(large, 0.5f * (t - 1.0f), t), choose(large, splat(1.0f), zero), zero);
  return choose(x > zero, x, zero) + choose(x != x, x, y);
}

/* What is left of z >= 0, at most 14.5, under the normal distribution: e^(-z^2/2) times a ratio. The exponent in two parts:
   z^2 with z cut to 12 bits is exact. */
INLINE vec tail(vec z) {
  vec cut = (vec)((veci)z & ~0xfff), k, r = reduce_exp(-0.5f * cut * cut, &k);
  r = madd(splat(-0.5f), (z - cut) * (z + cut), r);
  vec e = exp_of_reduced(r);
  vec quotient = 1.0f / (z + 4.0f), u = madd(z, quotient, splat(-0.375f));
  vec p = madd(splat(-0.0629673749f), u, splat(0.120707572f));
  p = madd(p, u, splat(0.115583725f));
  p = madd(p, u, splat(-0.369123489f));
  p = madd(p, u, splat(-0.0132195223f));
  p = madd(p, u, splat(1.05155706f));
  p = madd(p, u, splat(-2.00265193f));
  p = madd(p, u, splat(2.20248175f));
  p = madd(p, u, splat(-1.68067443f));
  p = madd(p, u, splat(0.934612095f));
  return scale(e * (p * quotient), k);
}
/* max(x, 0) - |x| tail(|x|) */
INLINE vec vgelu(vec x) {
  vec size = below(vabs(x), 14.5f);
  return madd(-size, tail(size), above(x, 0.0f));
}
INLINE vec verf(vec x) {
  vec a = below(vabs(x), 4.0f), s = a * a;
  vec p = madd(splat(7.87587487e-05f), s, splat(-0.00080168643f));
  p = madd(p, s, splat(0.00518908724f));
  p = madd(p, s, splat(-0.0268542115f));
  p = madd(p, s, splat(0.112835944f));
  p = madd(p, s, splat(-0.37612626f));
  p = madd(p, s, splat(0.128379166f)); /* and x times 1 */
  vec far = madd(splat(-2.0f), tail(a * 1.41421356f), splat(1.0f));
  far = (vec)((veci)far | ((veci)x & SIGN_BIT));
  return choose(a < splat(1.0f), madd(x, p, x), far);
}

/* The two halves of x as doubles, and back. */
typedef float half __attribute__((vector_size(VEC_BYTES / 2)));
INLINE void widen(vec x, dvec *y) {
  half h[2];
  memcpy(h, &x, sizeof x);
  for (int i = 0; i < 2; i++) y[i] = __builtin_convertvector(h[i], dvec);
}
INLINE vec narrow(const dvec *y) {
  half h[2];
  vec x;
  for (int i = 0; i < 2; i++) h[i] = __builtin_convertvector(y[i], half);
  memcpy(&x, h, sizeof x);
  return x;
}
#define WIDEN(name)             \
  INLINE vec v##name(vec x) {   \
    dvec y[2];                  \
    widen(x, y);                \
    y[0] = d_##name(y[0]);      \
    y[1] = d_##name(y[1]);      \
    return narrow(y);           \
  }
#define WIDEN_PAIR(name, f)             \
  INLINE vec v##name(vec x, vec y) {    \
    dvec a[2], b[2];                    \
    widen(x, a);                        \
    widen(y, b);                        \
    a[0] = f(a[0], b[0]);               \
    a[1] = f(a[1], b[1]);               \
    return narrow(a);                   \
  }
WIDEN_PAIR(pow, d_short_pow)
WIDEN_PAIR(atan2, d_atan2)

#endif

WIDEN(sin)
WIDEN(cos)
WIDEN(expm1)

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

#endif
