/* dmath.h: exp, log, sin ... of vectors of double, at most 1.5 ulp wrong (tests/c/test_vmath.c).
 *
 * Made of +, -, * and / alone, which IEEE 754 rounds exactly: every instruction set, processor and C library gives the
 * same bits. The float build computes what vmath.h has no shorter way for on them, too, and rounds once more. Methods and
 * coefficients of log, sin and cos: fdlibm (Sun Microsystems 1993). */
#ifndef RNNI_DMATH_H
#define RNNI_DMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef VEC_BYTES
#if defined(__AVX512F__)
#define VEC_BYTES 64
#elif defined(__AVX2__)
#define VEC_BYTES 32
#else
#define VEC_BYTES 16
#endif
#endif
#define INLINE static inline __attribute__((always_inline, unused))

typedef double dvec __attribute__((vector_size(VEC_BYTES)));
typedef int64_t dbits __attribute__((vector_size(VEC_BYTES)));
typedef uint64_t dword __attribute__((vector_size(VEC_BYTES)));
#define DLANES ((int)(VEC_BYTES / sizeof(double)))

#define D_SHIFT 0x1.8p52 /* added to a number below 2^51: rounds it to an integer, which its low bits then hold */

INLINE dvec d_splat(double x) { return x - (dvec){0}; }
INLINE dvec d_choose(dbits mask, dvec yes, dvec no) { return (dvec)((mask & (dbits)yes) | (~mask & (dbits)no)); }
INLINE dvec d_abs(dvec x) { return (dvec)((dbits)x & INT64_MAX); }
/* x within [least, most]; NaN stays. */
INLINE dvec d_within(double least, dvec x, double most) {
  x = d_choose(x > d_splat(most), d_splat(most), x);
  return d_choose(x < d_splat(least), d_splat(least), x);
}
INLINE dbits d_finite(dvec x) { return d_abs(x) < d_splat(INFINITY); }

/* 2^k for a whole k from -1022 to 1023. */
INLINE dvec d_power_of_two(dvec k) { return (dvec)(((dword)(k + D_SHIFT) + 1023) << 52); }
/* p 2^k, rounded once; in two factors, so that subnormal results and overflow come out right. */
INLINE dvec d_scale(dvec p, dvec k) {
  dvec half = k * 0.5 + D_SHIFT - D_SHIFT;
  return p * d_power_of_two(half) * d_power_of_two(k - half);
}

/* a + b and a b as a sum whose first part is the rounded result (Knuth; Dekker 1971). */
INLINE dvec d_sum(dvec a, dvec b, dvec *rest) {
  dvec sum = a + b, part = sum - a;
  *rest = (a - (sum - part)) + (b - part);
  return sum;
}
INLINE dvec d_product(dvec a, dvec b, dvec *rest) {
  dvec p = a * b, ta = a * 134217729.0, tb = b * 134217729.0; /* 2^27 + 1: halves of 26 bits */
  dvec ha = ta - (ta - a), hb = tb - (tb - b), la = a - ha, lb = b - hb;
  *rest = ((ha * hb - p) + ha * lb + la * hb) + la * lb;
  return p;
}

#define D_LN2_HIGH 0x1.62e42feep-1 /* its product with an exponent is exact */
#define D_LN2_LOW 0x1.a39ef35793c76p-33

/* x + more = k log 2 + r; e^r - 1 = r + the tail that is returned. */
INLINE dvec d_exp_tail(dvec x, dvec more, dvec *k, dvec *r) {
  *k = x * 0x1.71547652b82fep+0 + D_SHIFT - D_SHIFT;
  dvec high = x - *k * D_LN2_HIGH, low = *k * D_LN2_LOW;
  *r = high - low;
  dvec lost = ((high - *r) - low) + more, t = *r, q = d_splat(1.0 / 6227020800);
  q = q * t + 1.0 / 479001600;
  q = q * t + 1.0 / 39916800;
  q = q * t + 1.0 / 3628800;
  q = q * t + 1.0 / 362880;
  q = q * t + 1.0 / 40320;
  q = q * t + 1.0 / 5040;
  q = q * t + 1.0 / 720;
  q = q * t + 1.0 / 120;
  q = q * t + 1.0 / 24;
  q = q * t + 1.0 / 6;
  dvec tail = t * t * 0.5 + t * t * t * q;
  return tail + (lost + lost * (t + tail));
}

/* e^(x + more), more far smaller than x, and what rounding took from it. */
INLINE dvec d_exp_pair(dvec x, dvec more, dvec *low) {
  dvec k, r, tail = d_exp_tail(d_within(-746, x, 710), more, &k, &r), sum = r + 1.0;
  tail = (r - (sum - 1.0)) + tail;
  dvec y = sum + tail;
  *low = d_scale((sum - y) + tail, k);
  return d_scale(y, k);
}
INLINE dvec d_exp(dvec x) {
  dvec low;
  return d_exp_pair(x, (dvec){0}, &low);
}

/* e^x - 1 = (r + tail + 1 - 2^-k) 2^k */
INLINE dvec d_expm1_pair(dvec x, dvec *low) {
  dvec k, r, tail = d_exp_tail(d_within(-50, x, 710), (dvec){0}, &k, &r), rest;
  dvec sum = d_sum(1.0 - d_power_of_two(-d_within(-80, k, 80)), r, &rest), y = sum + (rest + tail);
  *low = d_scale((sum - y) + (rest + tail), k);
  return d_choose(x == 0.0, x, d_scale(y, k)); /* -0 stays */
}
INLINE dvec d_expm1(dvec x) {
  dvec low;
  return d_expm1_pair(x, &low);
}

/* (a + a_low) / (b + b_low) */
INLINE dvec d_quotient(dvec a, dvec a_low, dvec b, dvec b_low) {
  dvec rest, q = a / b, p = d_product(q, b, &rest);
  return q + ((((a - p) - rest) + a_low) - q * b_low) / b;
}

INLINE dvec d_tanh(dvec x) {
  dvec low, rest, t = d_expm1_pair(d_within(0, 2.0 * d_abs(x), 50), &low), d = d_sum(t, d_splat(2), &rest);
  return (dvec)((dbits)d_quotient(t, low, d, rest + low) | ((dbits)x & INT64_MIN));
}

INLINE dvec d_sigmoid(dvec x) {
  dvec low, rest, zero = {0}, e = d_exp_pair(-d_abs(x), zero, &low), d = d_sum(d_splat(1), e, &rest);
  return d_quotient(d_choose(x < 0.0, e, d_splat(1)), d_choose(x < 0.0, low, zero), d, rest + low);
}

/* x = m 2^e, m near 1; x positive and finite. */
INLINE dvec d_mantissa(dvec x, dvec *e) {
  dbits tiny = x < 0x1p-1022;
  x = d_choose(tiny, x * 0x1p54, x);
  dword bits = (dword)x - 0x3fe6a09e667f3bcd; /* of the square root of 1/2 */
  dword exponent = ((bits + ((uint64_t)1100 << 52)) >> 52) + 0x4338000000000000; /* of D_SHIFT */
  *e = (dvec)exponent - D_SHIFT - 1100.0 - d_choose(tiny, d_splat(54), (dvec){0});
  return (dvec)((bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd);
}

/* log(x (1 + more)), more tiny */
INLINE dvec d_log_sum(dvec x, dvec more) {
  dvec e, f = d_mantissa(x, &e) - 1.0, s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
  dvec r = d_splat(1.479819860511658591e-01);
  r = r * z + 1.531383769920937332e-01;
  r = r * z + 1.818357216161805012e-01;
  r = r * z + 2.222219843214978396e-01;
  r = r * z + 2.857142874366239149e-01;
  r = r * z + 3.999999999940941908e-01;
  r = r * z + 6.666666666666735130e-01;
  dvec y = e * D_LN2_HIGH - ((half - (s * (half + r * z) + (e * D_LN2_LOW + more))) - f);
  y = d_choose(x == INFINITY, x, y);
  y = d_choose(x == 0.0, d_splat(-INFINITY), y);
  return d_choose(x >= 0.0, y, d_splat(NAN));
}
INLINE dvec d_log(dvec x) { return d_log_sum(x, (dvec){0}); }
INLINE dvec d_log1p(dvec x) {
  dvec u = 1.0 + x, lost = d_choose(x > 1.0, 1.0 - (u - x), x - (u - 1.0)) / u;
  return d_log_sum(u, d_choose(d_finite(lost), lost, (dvec){0}));
}
/* log(1 + e^x) */
INLINE dvec d_softplus(dvec x) { return d_choose(x > 0.0, x, (dvec){0}) + d_log1p(d_exp(-d_abs(x))); }

/* ---- powers ---- */

/* log x as a sum of two, far more exact than one double: x = m 2^e, log m = 2 (s + s^3/3 + ...), s = (m - 1)/(m + 1). */
INLINE dvec d_log_pair(dvec x, dvec *low) {
  dvec e, f = d_mantissa(x, &e) - 1.0, over, r1, r2, r3, r4;
  dvec d = d_sum(d_splat(2), f, &over), s = f / d;
  dvec back = d_product(s, d, &r1), s_low = ((f - back) - r1 - s * over) / d;
  dvec z = d_product(s, s, &r1), z_low = r1 + 2.0 * s * s_low;
  dvec cube = d_product(s, z, &r2), cube_low = r2 + s * z_low + z * s_low;
  dvec third = d_product(cube, d_splat(0x1.5555555555555p-1), &r3); /* 2/3 */
  dvec third_low = r3 + cube * 0x1.5555555555555p-55 + cube_low * 0x1.5555555555555p-1;
  dvec q = d_splat(2.0 / 27);
  for (int k = 25; k >= 5; k -= 2) q = q * z + 2.0 / k;
  dvec sum = d_sum(2.0 * s, third, &r1), high = d_sum(e * D_LN2_HIGH, sum, &r4);
  dvec rest = r4 + (r1 + (e * D_LN2_LOW + (2.0 * s_low + (third_low + cube * z * q))));
  return d_sum(high, rest, low);
}

/* x^y where power is |x|^y, right where x and y are ordinary: the edges are those of C's pow. */
INLINE dvec d_edges(dvec x, dvec y, dvec power) {
  dvec size = d_abs(x), one = d_splat(1), zero = {0};
  dbits grows = (y > 0.0) == (size > 1.0);
  dbits end = (size == 0.0) | (size == INFINITY) | (d_abs(y) == INFINITY);
  power = d_choose(end, d_choose(size == 1.0, one, d_choose(grows, d_splat(INFINITY), zero)), power);
  dvec whole = d_abs(y), half = 0.5 * whole;
  dbits even = (half + 0x1p52) - 0x1p52 == half;
  dbits integer = (whole >= 0x1p52) | ((whole + 0x1p52) - 0x1p52 == whole);
  dbits odd = integer & ~even & (whole < 0x1p53);
  power = d_choose((x < 0.0) & ~end & ~integer, d_splat(NAN), power);
  power = (dvec)((dbits)power | (odd & (dbits)x & INT64_MIN));
  power = d_choose((x != x) | (y != y), d_splat(NAN), power);
  return d_choose((y == 0.0) | (x == 1.0), one, power);
}

INLINE dvec d_pow(dvec x, dvec y) {
  dvec low, rest, lost, zero = {0}, bounded = d_within(-0x1p65, y, 0x1p65); /* beyond, all but 1 is 0 or infinite */
  dvec log = d_log_pair(d_abs(x), &low), p = d_product(bounded, log, &rest);
  rest = d_choose(d_abs(p) < 800.0, rest + bounded * low, zero);
  return d_edges(x, y, d_exp_pair(p, rest, &lost));
}
/* As exact as a float has to be. */
INLINE dvec d_short_pow(dvec x, dvec y) { return d_edges(x, y, d_exp(y * d_log(d_abs(x)))); }

/* ---- the normal distribution and erf; polynomials of tests/reference/make_polynomials.py ---- */

/* What is left of z >= 0 under the normal distribution, e^-energy times a ratio. energy = z^2/2 as a sum of two. */
INLINE dvec d_tail(dvec z, dvec energy, dvec more) {
  dvec t = (z - 5.0) / (z + 5.0), low;
  dvec p = d_splat(0x1.3dcab1d7e50c7p-34);
  p = p * t + 0x1.bb781e15b577ep-36;
  p = p * t + -0x1.ca11e45feddecp-31;
  p = p * t + -0x1.dc983b8651285p-32;
  p = p * t + 0x1.83cd95c283b1dp-28;
  p = p * t + 0x1.148e54d19ee00p-28;
  p = p * t + -0x1.1ada130dc114ap-25;
  p = p * t + -0x1.cde135e8b3eacp-26;
  p = p * t + 0x1.a9d300baf0bb3p-23;
  p = p * t + 0x1.13d88f72a6e44p-23;
  p = p * t + -0x1.5f5533b881e94p-20;
  p = p * t + -0x1.2fb05830c2772p-24;
  p = p * t + 0x1.3004b6dda1b1ep-17;
  p = p * t + -0x1.4c0d861461971p-17;
  p = p * t + -0x1.c1b1d2a0b9301p-15;
  p = p * t + 0x1.7e61e047b1705p-13;
  p = p * t + 0x1.0571a6a761d82p-17;
  p = p * t + -0x1.b75f4f7ea9017p-10;
  p = p * t + 0x1.ab6d038d2b10ep-8;
  p = p * t + -0x1.f11aab030d549p-7;
  p = p * t + 0x1.92037bab4777cp-6;
  p = p * t + -0x1.b08e0007b4c2dp-6;
  p = p * t + 0x1.47c1d03054878p-7;
  p = p * t + 0x1.fc66cc64a13dep-6;
  p = p * t + -0x1.76ff86859eb14p-4;
  p = p * t + 0x1.d8979b0f2b39dp-2;
  return d_exp_pair(-energy, -more, &low) * (p / (1.0 + z));
}
/* x times the share of the normal distribution that is below x. */
INLINE dvec d_gelu(dvec x) {
  dvec z = d_within(0, d_abs(x), 40), more, energy = d_product(z, z, &more);
  dvec tail = d_tail(z, 0.5 * energy, 0.5 * more), y = x * d_choose(x < 0.0, tail, 1.0 - tail);
  return d_choose(x == -INFINITY, (dvec){0}, y);
}
INLINE dvec d_erf(dvec x) {
  dvec a = d_within(0, d_abs(x), 7), more, s = d_product(a, a, &more);
  dvec p = d_splat(0x1.05ffd737fb32ep-34);
  p = p * s + -0x1.389d4f2641625p-30;
  p = p * s + 0x1.f7b4bf3b13964p-27;
  p = p * s + -0x1.5f1ecb6f0764cp-23;
  p = p * s + 0x1.b9df224ca4b97p-20;
  p = p * s + -0x1.f4d1e3183f7aep-17;
  p = p * s + 0x1.f9a321d5b8e1ep-14;
  p = p * s + -0x1.c02db3dac435fp-11;
  p = p * s + 0x1.565bcd0dbaa38p-8;
  p = p * s + -0x1.b82ce31284e00p-6;
  p = p * s + 0x1.ce2f21a042b30p-4;
  p = p * s + -0x1.812746b0379e6p-2;
  p = p * s + 0x1.06eba8214db69p-3; /* and x times 1 */
  dvec far = 1.0 - 2.0 * d_tail(a * 0x1.6a09e667f3bcdp+0, s, more);
  far = (dvec)((dbits)far | ((dbits)x & INT64_MIN));
  return d_choose(a < 1.0, x + x * p, far);
}

/* ---- the angle of (x, y) ---- */

INLINE dvec d_atan2(dvec y, dvec x) {
  dvec ax = d_abs(x), ay = d_abs(y), zero = {0}, one = zero + 1.0;
  dbits both = ((ax == INFINITY) & (ay == INFINITY)), steep = ay > ax, left = (dbits)x < 0;
  dvec a = d_choose(steep, ax, ay), b = d_choose(steep, ay, ax); /* a / b is within 0 to 1 */
  a = d_choose(both, one, a);
  b = d_choose(both | (b == 0.0), one, b);
  dbits half = a > b * 0x1.a827999fcef32p-2; /* tan(pi/8): then from pi/4 on */
  dbits huge = b > 0x1p1000; /* a + b stays finite */
  a = d_choose(huge, a * 0x1p-100, a);
  b = d_choose(huge, b * 0x1p-100, b);
  dvec r = d_choose(half, a - b, a) / d_choose(half, a + b, b), s = r * r;
  dvec p = d_splat(0x1.0ad36a455caf9p-6);
  p = p * s + -0x1.1b33b923aa953p-5;
  p = p * s + 0x1.74ddd408bb4c0p-5;
  p = p * s + -0x1.ac7a938b69c93p-5;
  p = p * s + 0x1.e19a13b9fc6dfp-5;
  p = p * s + -0x1.110e880a7a521p-4;
  p = p * s + 0x1.3b1392d9e785cp-4;
  p = p * s + -0x1.745d165df3f95p-4;
  p = p * s + 0x1.c71c71c304b68p-4;
  p = p * s + -0x1.249249248d7eep-3;
  p = p * s + 0x1.9999999999953p-3;
  p = p * s + -0x1.5555555555555p-2;
  dvec high = d_choose(half, d_splat(0x1.921fb54442d18p-1), zero), low = d_choose(half, d_splat(0x1.1a62633145c07p-55), zero);
  dvec small = r * s * p + low; /* the angle is high + r + small; then pi/2 or pi less it */
  dvec turn = d_choose(left, d_splat(0x1.921fb54442d18p+1), zero), rest = d_choose(left, d_splat(0x1.1a62633145c07p-53), zero);
  turn = d_choose(steep, d_splat(0x1.921fb54442d18p+0), turn);
  rest = d_choose(steep, d_splat(0x1.1a62633145c07p-54), rest);
  dbits less = steep ^ left; /* beyond pi/2 the angle is added to it */
  dvec sign = d_choose(less, -one, one), e1, e2;
  dvec sum = d_sum(turn, sign * high, &e1);
  sum = d_sum(sum, sign * r, &e2);
  dvec angle = sum + (e1 + e2 + rest + sign * small);
  angle = (dvec)((dbits)angle | ((dbits)y & INT64_MIN));
  return d_choose((x != x) | (y != y), d_splat(NAN), angle);
}

/* ---- sine and cosine: on what x is beyond the nearest quarter turn, as the sum y + *rest ---- */

/* For any x: 2/pi to as many places as matter (Payne and Hanek 1983). */
static inline double d_far_quarters(double x, double *rest, uint64_t *quarters) {
  static const uint64_t two_over_pi[] = { /* after the point */
      0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
      0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
      0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
      0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab};
  uint64_t bits, w[3];
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52 & 2047) - 1075; /* |x| = mantissa 2^exponent */
  uint64_t mantissa = (bits & 0xfffffffffffff) | (uint64_t)1 << 52;
  /* Bits of 2/pi before this one only make whole turns. */
  int first = exponent < 2 ? 0 : exponent - 2, word = first / 64, shift = first % 64;
  for (int i = 0; i < 3; i++) /* 192 places from there on */
    w[i] = two_over_pi[word + i] << shift | (shift ? two_over_pi[word + i + 1] >> (64 - shift) : 0);
  uint64_t p[3]; /* mantissa w, after the point, and over before it; the point is then moved by whole bits */
  unsigned __int128 carry = 0;
  for (int i = 2; i >= 0; i--) {
    carry += (unsigned __int128)mantissa * w[i];
    p[i] = (uint64_t)carry;
    carry >>= 64;
  }
  uint64_t over = (uint64_t)carry;
  int whole = exponent - first; /* 2, or less where x is small */
  unsigned __int128 fraction;
  if (whole > 0) {
    *quarters = over << whole | p[0] >> (64 - whole);
    fraction = ((unsigned __int128)(p[0] << whole | p[1] >> (64 - whole)) << 64) | (p[1] << whole | p[2] >> (64 - whole));
  } else { /* -32 < whole */
    *quarters = over >> -whole;
    uint64_t top = whole ? over << (64 + whole) : 0;
    fraction = ((unsigned __int128)(top | p[0] >> -whole) << 64) | (whole ? p[0] << (64 + whole) | p[1] >> -whole : p[1]);
  }
  bool beyond = (uint64_t)(fraction >> 127) != 0; /* nearer to the next quarter */
  if (beyond) {
    fraction = -fraction;
    ++*quarters;
  }
  double high = (double)(uint64_t)(fraction >> 75) * 0x1p-53; /* 53 bits, then the 64 that follow */
  double low = (double)(uint64_t)(fraction >> 11) * 0x1p-117;
  double y = high * 0x1.921fb54442d18p+0;
  /* high times pi/2 once more, exactly: in halves */
  double split = high * 134217729.0, hh = split - (split - high), hl = high - hh;
  double ph = 0x1.921fb58p+0, pl = -0x1.dde974p-27; /* the halves of pi/2 as a double */
  double error = ((hh * ph - y) + hh * pl + hl * ph) + hl * pl;
  *rest = error + high * 0x1.1a62633145c07p-54 + low * 0x1.921fb54442d18p+0;
  double sum = y + *rest;
  *rest -= sum - y;
  if (beyond) sum = -sum, *rest = -*rest;
  if (x < 0) {
    sum = -sum, *rest = -*rest;
    *quarters = -*quarters;
  }
  return sum;
}

#define D_NEAR 0x1p20
INLINE dvec d_quarters(dvec x, dvec *rest, dword *quarters) {
  dvec k = x * 0x1.45f306dc9c883p-1 + D_SHIFT, r1, r2;
  *quarters = (dword)k;
  k = k - D_SHIFT;
  dvec y = d_sum(x - k * 0x1.921fb544p+0, k * -0x1.0b4611a6p-34, &r1); /* products with parts of pi/2 are exact */
  y = d_sum(y, k * -0x1.3198a2ep-69, &r2);
  dvec low = (r1 + r2) - k * 0x1.b839a252049c1p-104, sum = y + low;
  *rest = (y - sum) + low;
  for (int i = 0; i < DLANES; i++) {
    if (fabs(x[i]) < D_NEAR) continue;
    double far_rest = NAN, far = NAN;
    uint64_t n = 0;
    if (fabs(x[i]) < INFINITY) far = d_far_quarters(x[i], &far_rest, &n);
    sum[i] = far;
    (*rest)[i] = far_rest;
    (*quarters)[i] = n;
  }
  return sum;
}

/* sin(x + ahead pi/2) */
INLINE dvec d_turned_sine(dvec x, uint64_t ahead) {
  dvec low;
  dword n;
  dvec y = d_quarters(x, &low, &n), z = y * y;
  n = n + ahead;
  dvec r = d_splat(1.58969099521155010221e-10);
  r = r * z + -2.50507602534068634195e-08;
  r = r * z + 2.75573137070700676789e-06;
  r = r * z + -1.98412698298579493134e-04;
  r = r * z + 8.33333333332248946124e-03;
  dvec sine = y - ((z * (0.5 * low - z * y * r) - low) - z * y * -1.66666666666666324348e-01);
  r = d_splat(-1.13596475577881948265e-11);
  r = r * z + 2.08757232129817482790e-09;
  r = r * z + -2.75573143513906633035e-07;
  r = r * z + 2.48015872894767294178e-05;
  r = r * z + -1.38888888888741095749e-03;
  r = r * z + 4.16666666666666019037e-02;
  dvec half = 0.5 * z, w = 1.0 - half;
  dvec cosine = w + (((1.0 - w) - half) + (z * (r * z) - y * low));
  dvec result = d_choose(-(dbits)(n & 1), cosine, sine);
  return (dvec)((dword)result ^ (n & 2) << 62);
}
INLINE dvec d_sin(dvec x) { return d_choose(x == 0.0, x, d_turned_sine(x, 0)); }
INLINE dvec d_cos(dvec x) { return d_turned_sine(x, 1); }

#endif
