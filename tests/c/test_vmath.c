/* test_vmath.c: the functions of the kernels are at most 2 ulp wrong in float, and in double 1, but for expm1, log1p and
 * erf (1.5), softplus (2) and gelu (5, as in float), on every instruction set this processor has. Of float functions of one number the suite takes one float
 * in 1,009; with RNNLUA_COMPLETE=1 all of them (some minutes). Double is sampled, against long double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "internal.h"
#include "kernels/kernels.h"

typedef long double exact; /* 64 bits of mantissa on x86-64, 113 on aarch64 */
typedef void function(int64_t n, const rnn_real *x, rnn_real *y);

static exact sigmoid_exact(exact x) {
  exact e = expl(-fabsl(x));
  return (x < 0 ? e : 1) / (1 + e);
}
static exact softplus_exact(exact x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }

static exact gelu_exact(exact x) { return x == -INFINITY ? 0 : x * (erfcl(-x / sqrtl(2)) / 2); }

static const struct {
  const char *name;
  size_t at; /* in rnni_kernels */
  exact (*exact)(exact);
  double most; /* ulp, in double */
} functions[] = {
    {"exp", offsetof(rnni_kernels, exp), expl, 1},          {"tanh", offsetof(rnni_kernels, tanh), tanhl, 1},
    {"sigmoid", offsetof(rnni_kernels, sigmoid), sigmoid_exact, 1}, {"log", offsetof(rnni_kernels, log), logl, 1},
    {"sin", offsetof(rnni_kernels, sin), sinl, 1},          {"cos", offsetof(rnni_kernels, cos), cosl, 1},
    {"expm1", offsetof(rnni_kernels, expm1), expm1l, 1.5},    {"softplus", offsetof(rnni_kernels, softplus), softplus_exact, 2},
    {"log1p", offsetof(rnni_kernels, log1p), log1pl, 1.5},    {"erf", offsetof(rnni_kernels, erf), erfl, 1.5},
    {"gelu", offsetof(rnni_kernels, gelu), gelu_exact, 5}};
#ifdef RNN_DOUBLE
#define TINY 0x1p-1022L
#else
#define TINY 0x1p-126L
#endif
enum { FUNCTIONS = sizeof functions / sizeof *functions, BLOCK = 4096 };

static function *kernel_of(int k) {
  function *f;
  memcpy(&f, (const char *)rnni_kernel + functions[k].at, sizeof f);
  return f;
}

/* Distance in units of the last place of the number nearest to want. */
static double ulps(rnn_real got, exact want) {
  if (isnan(got) || isnan(want)) return isnan(got) && isnan(want) ? 0 : 1e9;
  rnn_real nearest = (rnn_real)want, size = RNNI_M(fabs)(nearest);
  if (isinf(nearest) || isinf(got)) return got == nearest ? 0 : 1e9;
  exact unit = (exact)RNNI_M(nextafter)(size, (rnn_real)INFINITY) - (exact)size;
  if (isinf(unit)) unit = (exact)size - (exact)RNNI_M(nextafter)(size, 0);
  return (double)(fabsl((exact)got - want) / unit);
}

static double check_block(int k, int n, const rnn_real *x, rnn_real *y, double worst, double most) {
  kernel_of(k)(n, x, y);
  for (int i = 0; i < n; i++) {
    exact want = functions[k].exact((exact)x[i]);
    if (functions[k].exact == gelu_exact && fabsl(want) < 64 * TINY && x[i] < -1) want = y[i] = 0; /* the last of gelu's tail: its factor is subnormal */
    double e = ulps(y[i], want);
    if (e > worst) worst = e;
    if (e > most)
      fail_msg("%s %s(%.17g) is %.17g, %.3f ulp off", rnni_kernel->isa, functions[k].name, (double)x[i], (double)y[i], e);
  }
  return worst;
}

static uint64_t next_random(void) { /* xorshift64 (Marsaglia 2003) */
  static uint64_t state = 88172645463325252u;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}
static double between(double low, double high) { return low + (high - low) * ((double)(next_random() >> 11) * 0x1p-53); }

#ifndef RNN_DOUBLE
static void every_float(void **state) {
  (void)state;
  uint64_t step = getenv("RNNLUA_COMPLETE") ? 1 : 1009;
  static float x[BLOCK], y[BLOCK];
  for (int k = 0; k < FUNCTIONS; k++) {
    double worst = 0;
    for (uint64_t at = 0; at < (uint64_t)1 << 32;) {
      int n = 0;
      for (; n < BLOCK && at < (uint64_t)1 << 32; n++, at += step) {
        uint32_t bits = (uint32_t)at;
        memcpy(&x[n], &bits, sizeof bits);
      }
      worst = check_block(k, n, x, y, worst, fmax(2, functions[k].most));
    }
    printf("%s %s: at most %.3f ulp\n", rnni_kernel->isa, functions[k].name, worst);
  }
}
#else
/* Any bits, ordinary sizes, small ones, near the ends of exp, and multiples of a quarter turn. */
static double sample(int i) {
  uint64_t bits = next_random();
  double x;
  switch (i % 6) {
    case 0: memcpy(&x, &bits, sizeof x); return x;
    case 1: return between(-3, 3);
    case 2: return between(-750, 750);
    case 3: return ldexp(between(-1, 1), (int)between(-60, 60));
    case 4: return 1 + ldexp(between(-1, 1), (int)between(-50, 0));
    default: return (double)(int)between(-2e6, 2e6) * M_PI_2;
  }
}

static void sampled(void **state) {
  (void)state;
  static double x[BLOCK], y[BLOCK];
  for (int k = 0; k < FUNCTIONS; k++) {
    double worst = 0;
    for (int block = 0; block < 50; block++) {
      for (int i = 0; i < BLOCK; i++) x[i] = sample(i);
      worst = check_block(k, BLOCK, x, y, worst, functions[k].most);
    }
    printf("%s %s: at most %.3f ulp\n", rnni_kernel->isa, functions[k].name, worst);
  }
}
#endif

/* x^y for bases and exponents whose power is no end; the exact power of long double is right to some 2^-63 log. */
static void powers(void **state) {
  (void)state;
  double worst = 0;
  for (int i = 0; i < 200000; i++) {
    rnn_real x = (rnn_real)(i % 4 == 0 ? between(0, 10) : i % 4 == 1 ? 1 + ldexp(between(-0.5, 0.5), -(i % 30))
                            : i % 4 == 2 ? ldexp(between(0.5, 1), (int)between(-100, 100)) : (double)(i % 41) - 20);
    rnn_real y = (rnn_real)(i % 4 == 3 ? (double)((i / 41) % 21) - 10 : between(-1, 1) * 80 / fmax(fabs(log((double)x)), 1e-9));
    rnn_real got;
    rnni_kernel->pow(1, &x, 0, &y, 0, &got);
    double e = ulps(got, powl((exact)x, (exact)y));
    if (e > worst) worst = e;
    if (e > 1) fail_msg("%s pow(%.17g, %.17g) is %.17g, %.3f ulp off", rnni_kernel->isa, (double)x, (double)y, (double)got, e);
  }
  printf("%s pow: at most %.3f ulp\n", rnni_kernel->isa, worst);
}

static void edges_of_powers(void **state) {
  (void)state;
  static const double edges[] = {0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, INFINITY, -INFINITY, NAN, 1e30, -1e30, 8388609, 1e-40};
  enum { N = sizeof edges / sizeof *edges };
  for (int i = 0; i < N; i++) {
    rnn_real x = (rnn_real)edges[i], y[N], got[N];
    for (int j = 0; j < N; j++) y[j] = (rnn_real)edges[j];
    rnni_kernel->pow(N, &x, 0, y, 1, got);
    for (int j = 0; j < N; j++) {
      exact want = powl((exact)x, (exact)y[j]);
      if (ulps(got[j], want) > 1 || (!isnan(want) && !signbit(got[j]) != !signbit(want)))
        fail_msg("%s pow(%g, %g) is %g, not %Lg", rnni_kernel->isa, (double)x, (double)y[j], (double)got[j], want);
    }
  }
}

/* The functions of one double that the core has in the place of libm's. */
static void functions_of_a_double(void **state) {
  (void)state;
  for (int i = 0; i < 100000; i++) {
    double x = between(-40, 40), p = ldexp(between(0.5, 1), (int)between(-300, 300)), u = between(-0.999, 3);
    assert_true(fabsl(rnni_exp(x) - expl(x)) <= 1.2e-16L * expl(x));
    assert_true(fabsl(rnni_log(p) - logl(p)) <= 2.3e-16L * fabsl(logl(p)));
    assert_true(fabsl(rnni_log10(p) - log10l(p)) <= 2.3e-16L * fabsl(log10l(p)));
    assert_true(fabsl(rnni_log1p(u) - log1pl(u)) <= 2.3e-16L * fabsl(log1pl(u)));
    assert_true(fabsl(rnni_cos(x) - cosl(x)) <= 1.2e-16L);
    assert_true(fabsl(rnni_pow(0.999, 10 * fabs(x)) - powl(0.999, 10 * fabsl(x))) <= 1.2e-16L);
  }
  for (int k = -10; k <= 10; k++) assert_true(rnni_log10(pow(10, k)) == k);
}

static void sums_of_logarithms(void **state) {
  (void)state;
  double x[40], y[40], before[40];
  for (int i = 0; i < 40; i++) {
    x[i] = i % 7 ? between(-50, 5) : -INFINITY;
    y[i] = before[i] = i % 5 ? between(-50, 5) : -INFINITY;
  }
  rnni_kernel->log_add(39, x, y);
  for (int i = 0; i < 39; i++) {
    exact want = logl(expl(x[i]) + expl(before[i]));
    assert_true(y[i] == want || fabsl(y[i] - want) < 1e-14L);
  }
  assert_true(y[39] == before[39]);
}

/* Lengths around the width of a vector, in place; nothing behind the end is touched. */
static void parts_of_vectors(void **state) {
  (void)state;
  for (int k = 0; k < FUNCTIONS; k++)
    for (int n = 0; n < 40; n++) {
      rnn_real x[41];
      for (int i = 0; i <= n; i++) x[i] = (rnn_real)(0.3 * i + 0.1);
      kernel_of(k)(n, x, x);
      for (int i = 0; i < n; i++) assert_true(ulps(x[i], functions[k].exact((exact)(rnn_real)(0.3 * i + 0.1))) <= fmax(2, functions[k].most));
      assert_true(x[n] == (rnn_real)(0.3 * n + 0.1));
    }
}

static void special_values(void **state) {
  (void)state;
  static const double in[] = {INFINITY, -INFINITY, NAN, 0, -0.0};
  static const double out[FUNCTIONS][5] = {{INFINITY, 0, NAN, 1, 1},     {1, -1, NAN, 0, -0.0},
                                           {1, 0, NAN, 0.5, 0.5},        {INFINITY, NAN, NAN, -INFINITY, -INFINITY},
                                           {NAN, NAN, NAN, 0, -0.0},     {NAN, NAN, NAN, 1, 1},
                                           {INFINITY, -1, NAN, 0, -0.0}, {INFINITY, 0, NAN, M_LN2, M_LN2},
                                           {INFINITY, NAN, NAN, 0, -0.0}, {1, -1, NAN, 0, -0.0},
                                           {INFINITY, 0, NAN, 0, -0.0}};
  for (int k = 0; k < FUNCTIONS; k++)
    for (int i = 0; i < 5; i++) {
      rnn_real x = (rnn_real)in[i], y, want = (rnn_real)out[k][i];
      kernel_of(k)(1, &x, &y);
      if (isnan(want) ? !isnan(y) : y != want)
        fail_msg("%s %s(%g) is %g", rnni_kernel->isa, functions[k].name, in[i], (double)y);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
#ifndef RNN_DOUBLE
      cmocka_unit_test(every_float),
#else
      cmocka_unit_test(sampled),
#endif
      cmocka_unit_test(powers),           cmocka_unit_test(edges_of_powers), cmocka_unit_test(functions_of_a_double),
      cmocka_unit_test(sums_of_logarithms), cmocka_unit_test(parts_of_vectors), cmocka_unit_test(special_values)};
  static const char *const sets[] = {"x86-64-v4", "x86-64-v3", "neon", "plain"};
  int failures = 0;
  for (int i = 0; i < 4; i++) {
    setenv("RNNLUA_ISA", sets[i], 1);
    rnni_kernel = NULL;
    if (strcmp(rnn_isa(), sets[i]) != 0) {
      printf("%s: not on this processor, skipped\n", sets[i]);
      continue;
    }
    failures += cmocka_run_group_tests_name(sets[i], tests, NULL, NULL);
  }
  return failures;
}
