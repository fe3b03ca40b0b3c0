/* test_vmath.c: exp, tanh and sigmoid of the kernels are at most 2 ulp wrong, on every instruction set this processor
 * has. The suite takes one float in 1,009; RNNLUA_COMPLETE=1 takes all of them (some minutes). In double the kernels
 * are the C library's functions, and only the special values are looked at. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kernels.h"

typedef void function(int64_t n, const rnn_real *x, rnn_real *y);

static double exact_sigmoid(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

#ifndef RNN_DOUBLE
/* Distance in units of the last place of the float nearest to want. */
static double ulps(float got, double want) {
  float nearest = (float)want;
  if (isinf(nearest) || isinf(got)) return got == nearest ? 0 : 1e9;
  float size = fabsf(nearest);
  double unit = (double)nextafterf(size, INFINITY) - (double)size;
  return fabs((double)got - want) / unit;
}

enum { BLOCK = 4096 };

static void sweep(function *f, double (*exact)(double), const char *name) {
  uint64_t step = getenv("RNNLUA_COMPLETE") ? 1 : 1009;
  static float x[BLOCK], y[BLOCK];
  double worst = 0;
  for (uint64_t at = 0; at < (uint64_t)1 << 32;) {
    int n = 0;
    for (; n < BLOCK && at < (uint64_t)1 << 32; n++, at += step) {
      uint32_t bits = (uint32_t)at;
      memcpy(&x[n], &bits, sizeof bits);
    }
    f(n, x, y);
    for (int i = 0; i < n; i++) {
      if (isnan(x[i])) {
        if (!isnan(y[i])) fail_msg("%s %s: NaN becomes %g", rnni_kernel->isa, name, (double)y[i]);
        continue;
      }
      double e = ulps(y[i], exact((double)x[i]));
      if (e > worst) worst = e;
      if (e > 2) fail_msg("%s %s(%.9g) is %.9g, %.3f ulp off %.9g", rnni_kernel->isa, name, (double)x[i], (double)y[i], e,
                          exact((double)x[i]));
    }
  }
  printf("%s %s: at most %.3f ulp\n", rnni_kernel->isa, name, worst);
}

static void every_float(void **state) {
  (void)state;
  sweep(rnni_kernel->exp, exp, "exp");
  sweep(rnni_kernel->tanh, tanh, "tanh");
  sweep(rnni_kernel->sigmoid, exact_sigmoid, "sigmoid");
}
#endif

/* Lengths around the width of a vector, in place; nothing behind the end is touched. */
static void parts_of_vectors(void **state) {
  (void)state;
  struct {
    function *f;
    double (*exact)(double);
  } all[] = {{rnni_kernel->exp, exp}, {rnni_kernel->tanh, tanh}, {rnni_kernel->sigmoid, exact_sigmoid}};
  for (int k = 0; k < 3; k++)
    for (int n = 0; n < 40; n++) {
      rnn_real x[41];
      for (int i = 0; i <= n; i++) x[i] = (rnn_real)(0.3 * i - 4);
      all[k].f(n, x, x);
      for (int i = 0; i < n; i++) {
        double want = all[k].exact((double)(rnn_real)(0.3 * i - 4));
        assert_true(fabs((double)x[i] - want) <= 1e-6 * fmax(1, want));
      }
      assert_true(x[n] == (rnn_real)(0.3 * n - 4));
    }
}

static void special_values(void **state) {
  (void)state;
  rnn_real x[4] = {INFINITY, -INFINITY, NAN, 0}, y[4];
  rnni_kernel->exp(4, x, y);
  assert_true(isinf(y[0]) && y[1] == 0 && isnan(y[2]) && y[3] == 1);
  rnni_kernel->tanh(4, x, y);
  assert_true(y[0] == 1 && y[1] == -1 && isnan(y[2]) && y[3] == 0);
  rnni_kernel->sigmoid(4, x, y);
  assert_true(y[0] == 1 && y[1] == 0 && isnan(y[2]) && y[3] == (rnn_real)0.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#ifndef RNN_DOUBLE
      cmocka_unit_test(every_float),
#endif
      cmocka_unit_test(parts_of_vectors), cmocka_unit_test(special_values)};
  static const char *const sets[] = {"x86-64-v4", "x86-64-v3", "plain"};
  int failures = 0;
  for (int i = 0; i < 3; i++) {
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
