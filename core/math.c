/* math.c: functions of one double in the place of the C library's, which differ from machine to machine. */
#include "internal.h"
#include "kernels/dmath.h"

double rnni_exp(double x) { return d_exp(d_splat(x))[0]; }
double rnni_log(double x) { return d_log(d_splat(x))[0]; }
void rnni_logs(int64_t n, double *x) {
  int64_t i = 0;
  for (; i + DLANES <= n; i += DLANES) {
    dvec v;
    memcpy(&v, x + i, sizeof v);
    v = d_log(v);
    memcpy(x + i, &v, sizeof v);
  }
  for (; i < n; i++) x[i] = rnni_log(x[i]);
}
double rnni_log1p(double x) { return d_log1p(d_splat(x))[0]; }
double rnni_log10(double x) {
  dvec low, rest, high = d_log_pair(d_splat(x), &low), y = d_product(high, d_splat(M_LOG10E), &rest);
  return (y + (rest + (high * 1.098319650216765e-17 + low * M_LOG10E)))[0];
}
double rnni_sin(double x) { return d_sin(d_splat(x))[0]; }
double rnni_cos(double x) { return d_cos(d_splat(x))[0]; }
double rnni_pow(double x, double y) { return d_pow(d_splat(x), d_splat(y))[0]; }

/* The remainder of |x| by halving the multiples of |y|, each of which is exact. */
double rnni_fmod(double x, double y) {
  double size = fabs(y), r = fabs(x);
  if (!(r < INFINITY) || !(size > 0)) return (double)NAN;
  if (size < INFINITY) {
    double part = size;
    while (part <= 0.5 * r) part *= 2;
    for (; part >= size; part *= 0.5)
      if (r >= part) r -= part;
  }
  return x < 0 || (x == 0 && 1 / x < 0) ? -r : r;
}

double rnni_squares(const real *x, int64_t n) {
  double lanes[8] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; k++) lanes[k] += (double)x[i + k] * (double)x[i + k];
  for (int k = 0; i + k < n; k++) lanes[k] += (double)x[i + k] * (double)x[i + k];
  for (int k = 0; k < 8; k++) sum += lanes[k];
  return sum;
}
