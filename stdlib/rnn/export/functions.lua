-- functions.lua: the functions of core/kernels/vmath.h and dmath.h for one number, as C99 text: each does the same
-- operations in the same order, so it gives the same bits where FMA rounds once.
--
-- PRE stands for the prefix of all names. A function needs those of its list.

local functions = {}

local list, by_name = {}, {}

local function define(name, needs, text)
  list[#list + 1] = { name = name, needs = needs, text = text:gsub("^\n", "") }
  by_name[name] = list[#list]
end

define("bits", {}, [[
/* A number by its bits, and its bits. */
PRE_INLINE float PRE_number(uint32_t bits) {
  union { uint32_t bits; float number; } u;
  u.bits = bits;
  return u.number;
}
PRE_INLINE uint32_t PRE_bits(float x) {
  union { uint32_t bits; float number; } u;
  u.number = x;
  return u.bits;
}
PRE_INLINE float PRE_abs(float x) { return PRE_number(PRE_bits(x) & 0x7fffffffu); }
/* Both are computed, so that compilers can make vectors of it. */
PRE_INLINE float PRE_choose(int32_t first, float a, float b) {
  uint32_t mask = (uint32_t)-first;
  return PRE_number((PRE_bits(a) & mask) | (PRE_bits(b) & ~mask));
}
PRE_INLINE float PRE_signed(float x, float sign) {
  return PRE_number(PRE_bits(x) | (PRE_bits(sign) & 0x80000000u));
}
]])

define("exp_parts", { "bits" }, [[
/* p 2^k, rounded once. */
PRE_INLINE float PRE_scale(float p, float k) {
  int32_t n = (int32_t)k, half = n >> 1;
  return p * PRE_number((uint32_t)(half + 127) << 23) * PRE_number((uint32_t)(n - half + 127) << 23);
}
PRE_INLINE float PRE_reduce(float x, float *k) {
  float shifted = PRE_FMA(x, 1.44269504f, 12582912.0f);
  *k = shifted - 12582912.0f;
  return PRE_FMA(*k, 2.1219444e-4f, PRE_FMA(*k, -0.693359375f, x));
}
PRE_INLINE float PRE_exp_of_reduced(float r) {
  float p = PRE_FMA(0.00139336416f, r, 0.00836914871f);
  p = PRE_FMA(p, r, 0.0416664667f);
  p = PRE_FMA(p, r, 0.166665047f);
  p = PRE_FMA(p, r, 0.5f);
  p = PRE_FMA(p, r, 1.0f);
  return PRE_FMA(p, r, 1.0f);
}
]])

define("exp", { "exp_parts" }, [[
PRE_INLINE float PRE_exp(float x) {
  float k, r;
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  r = PRE_reduce(x, &k);
  return PRE_scale(PRE_exp_of_reduced(r), k);
}
]])

define("tanh", { "exp_parts" }, [[
PRE_INLINE float PRE_tanh(float x) {
  float size = PRE_abs(x), k, r, p, large, s = x * x, q, small;
  r = size + size;
  r = PRE_reduce(r > 20.0f ? 20.0f : r, &k);
  p = PRE_exp_of_reduced(r);
  p = p * PRE_number((uint32_t)((int32_t)k + 127) << 23); /* k from 0 to 29 */
  large = PRE_signed(1.0f - 2.0f / (p + 1.0f), x);
  q = PRE_FMA(s, -5.70498872745e-3f, 2.06390887954e-2f);
  q = PRE_FMA(q, s, -5.37397155531e-2f);
  q = PRE_FMA(q, s, 1.33314422036e-1f);
  q = PRE_FMA(q, s, -3.33332819422e-1f);
  small = PRE_FMA(x, s * q, x);
  return PRE_choose(size < 0.625f, small, large);
}
]])

define("sigmoid", { "exp_parts" }, [[
PRE_INLINE float PRE_sigmoid(float x) {
  float k, p, t, y, wrong;
  x = x > 30.0f ? 30.0f : x;
  x = x < -104.0f ? -104.0f : x;
  p = PRE_exp_of_reduced(PRE_reduce(-x, &k));
  t = PRE_scale(1.0f, -k);
  y = 1.0f / (p + t);
  wrong = PRE_FMA(-y, p, PRE_FMA(-y, t, 1.0f));
  return PRE_scale(PRE_FMA(wrong, y, y), -k);
}
]])

define("log_parts", { "bits" }, [[
PRE_INLINE float PRE_log_reduced(float f, float e, float more) {
  float p = PRE_FMA(0.0428719781f, f, -0.0956133977f), s, low, small, sum;
  p = PRE_FMA(p, f, 0.11680682f);
  p = PRE_FMA(p, f, -0.12639311f);
  p = PRE_FMA(p, f, 0.142683059f);
  p = PRE_FMA(p, f, -0.16660817f);
  p = PRE_FMA(p, f, 0.200001404f);
  p = PRE_FMA(p, f, -0.250000566f);
  p = PRE_FMA(p, f, 0.333333343f);
  s = f * f;
  low = PRE_FMA(s * f, p, PRE_FMA(e, -2.1219444e-4f, more));
  small = PRE_FMA(s, -0.5f, low);
  sum = f + small;
  return PRE_FMA(e, 0.693359375f, sum);
}
]])

define("mantissa", { "bits" }, [[
/* x = m 2^e, m from 3/4 to 3/2: gives m - 1. What is not positive and finite: any. */
PRE_INLINE float PRE_mantissa(float x, float *e) {
  int tiny = x < 1.17549435e-38f;
  uint32_t bits = PRE_bits(tiny ? x * 8388608.0f : x) - 0x3f400000u;
  *e = (float)((int32_t)bits >> 23) - (tiny ? 23.0f : 0.0f);
  return PRE_number((bits & 0x7fffffu) + 0x3f400000u) - 1.0f;
}
PRE_INLINE float PRE_log_edges(float x, float y) {
  if (x == PRE_number(0x7f800000u)) return x;
  if (x == 0.0f) return PRE_number(0xff800000u);
  return x >= 0.0f ? y : PRE_number(0x7fc00000u);
}
]])

define("log", { "log_parts", "mantissa" }, [[
PRE_INLINE float PRE_log(float x) {
  float e, f = PRE_mantissa(x, &e);
  return PRE_log_edges(x, PRE_log_reduced(f, e, 0.0f));
}
]])

define("log1p", { "log_parts", "mantissa" }, [[
PRE_INLINE float PRE_log1p(float x) {
  float u = 1.0f + x, e, f = PRE_mantissa(u, &e), lost, y;
  int near_one = x > -0.25f && x < 0.5f;
  lost = (x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f)) / u;
  f = near_one ? x : f;
  e = near_one ? 0.0f : e;
  y = PRE_log_edges(u, PRE_log_reduced(f, e, near_one || u == PRE_number(0x7f800000u) ? 0.0f : lost));
  return x == 0.0f ? x : y;
}
]])

define("softplus", { "exp", "log_parts" }, [[
PRE_INLINE float PRE_softplus(float x) {
  float t = PRE_exp(-PRE_abs(x)), y;
  y = PRE_log_reduced(t > 0.5f ? 0.5f * (t - 1.0f) : t, t > 0.5f ? 1.0f : 0.0f, 0.0f);
  return (x > 0.0f ? x : 0.0f) + (x != x ? x : y);
}
]])

define("tail", { "exp_parts" }, [[
/* What is left of z >= 0 under the normal distribution. */
PRE_INLINE float PRE_tail(float z) {
  float cut = PRE_number(PRE_bits(z) & ~(uint32_t)0xfff), k, r, e, quotient, u, p;
  r = PRE_reduce(-0.5f * cut * cut, &k);
  r = PRE_FMA(-0.5f, (z - cut) * (z + cut), r);
  e = PRE_exp_of_reduced(r);
  quotient = 1.0f / (z + 4.0f);
  u = PRE_FMA(z, quotient, -0.375f);
  p = PRE_FMA(-0.0629673749f, u, 0.120707572f);
  p = PRE_FMA(p, u, 0.115583725f);
  p = PRE_FMA(p, u, -0.369123489f);
  p = PRE_FMA(p, u, -0.0132195223f);
  p = PRE_FMA(p, u, 1.05155706f);
  p = PRE_FMA(p, u, -2.00265193f);
  p = PRE_FMA(p, u, 2.20248175f);
  p = PRE_FMA(p, u, -1.68067443f);
  p = PRE_FMA(p, u, 0.934612095f);
  return PRE_scale(e * (p * quotient), k);
}
]])

define("gelu", { "tail" }, [[
PRE_INLINE float PRE_gelu(float x) {
  float size = PRE_abs(x);
  size = size > 14.5f ? 14.5f : size;
  return PRE_FMA(-size, PRE_tail(size), x < 0.0f ? 0.0f : x);
}
]])

define("erf", { "tail" }, [[
PRE_INLINE float PRE_erf(float x) {
  float a = PRE_abs(x), s, p, far_away;
  a = a > 4.0f ? 4.0f : a;
  s = a * a;
  p = PRE_FMA(7.87587487e-05f, s, -0.00080168643f);
  p = PRE_FMA(p, s, 0.00518908724f);
  p = PRE_FMA(p, s, -0.0268542115f);
  p = PRE_FMA(p, s, 0.112835944f);
  p = PRE_FMA(p, s, -0.37612626f);
  p = PRE_FMA(p, s, 0.128379166f);
  far_away = PRE_signed(PRE_FMA(-2.0f, PRE_tail(a * 1.41421356f), 1.0f), x);
  return PRE_choose(a < 1.0f, PRE_FMA(x, p, x), far_away);
}
]])

-- Those of doubles: 1.5 2^52 rounds to an integer.
define("double_bits", {}, [[
PRE_INLINE double PRE_double(uint64_t bits) {
  union { uint64_t bits; double number; } u;
  u.bits = bits;
  return u.number;
}
PRE_INLINE uint64_t PRE_double_bits(double x) {
  union { uint64_t bits; double number; } u;
  u.number = x;
  return u.bits;
}
]])

define("double_exp", { "double_bits" }, [[
#define PRE_SHIFT 6755399441055744.0 /* 1.5 2^52: its sum with a number rounds that to an integer */
PRE_INLINE double PRE_power_of_two(double k) {
  return PRE_double((PRE_double_bits(k + PRE_SHIFT) + 1023u) << 52);
}
PRE_INLINE double PRE_double_scale(double p, double k) {
  double half = k * 0.5 + PRE_SHIFT - PRE_SHIFT;
  return p * PRE_power_of_two(half) * PRE_power_of_two(k - half);
}
PRE_INLINE double PRE_sum_of_two(double a, double b, double *rest) {
  double sum = a + b, part = sum - a;
  *rest = (a - (sum - part)) + (b - part);
  return sum;
}
static double PRE_exp_tail(double x, double *k, double *r) {
  double high, low, lost, t, q, tail;
  *k = x * LOG2E + PRE_SHIFT - PRE_SHIFT;
  high = x - *k * LN2_HIGH;
  low = *k * LN2_LOW;
  *r = high - low;
  lost = ((high - *r) - low) + 0.0;
  t = *r;
  q = 1.0 / 6227020800.0;
  q = q * t + 1.0 / 479001600.0;
  q = q * t + 1.0 / 39916800.0;
  q = q * t + 1.0 / 3628800.0;
  q = q * t + 1.0 / 362880.0;
  q = q * t + 1.0 / 40320.0;
  q = q * t + 1.0 / 5040.0;
  q = q * t + 1.0 / 720.0;
  q = q * t + 1.0 / 120.0;
  q = q * t + 1.0 / 24.0;
  q = q * t + 1.0 / 6.0;
  tail = t * t * 0.5 + t * t * t * q;
  return tail + (lost + lost * (t + tail));
}
]])

define("expm1", { "double_exp" }, [[
static float PRE_expm1(float argument) {
  double x = (double)argument, k, r, tail, rest, sum, y, most;
  double bounded = x > 710.0 ? 710.0 : x;
  bounded = bounded < -50.0 ? -50.0 : bounded;
  tail = PRE_exp_tail(bounded, &k, &r);
  most = k > 80.0 ? 80.0 : k;
  most = most < -80.0 ? -80.0 : most;
  sum = PRE_sum_of_two(1.0 - PRE_power_of_two(-most), r, &rest);
  y = sum + (rest + tail);
  return x == 0.0 ? argument : (float)PRE_double_scale(y, k);
}
]])

define("double_log", { "double_bits" }, [[
/* The logarithm of a positive number. */
static double PRE_double_log(double x) {
  uint64_t bits = PRE_double_bits(x) - 0x3fe6a09e667f3bcdu;
  double e = (double)(int32_t)((bits + ((uint64_t)1100 << 52)) >> 52) - 1100.0, f, s, z, half, r;
  f = PRE_double((bits & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
  s = f / (2.0 + f);
  z = s * s;
  half = 0.5 * f * f;
  r = 1.479819860511658591e-01;
  r = r * z + 1.531383769920937332e-01;
  r = r * z + 1.818357216161805012e-01;
  r = r * z + 2.222219843214978396e-01;
  r = r * z + 2.857142874366239149e-01;
  r = r * z + 3.999999999940941908e-01;
  r = r * z + 6.666666666666735130e-01;
  return e * LN2_HIGH - ((half - (s * (half + r * z) + (e * LN2_LOW + 0.0))) - f);
}
]])

define("sin", { "double_bits" }, [[
/* sin(x + ahead pi/2), for |x| < 2^20 */
static float PRE_turned_sine(float argument, uint32_t ahead) {
  double x = (double)argument, k, y, r1, r2, part, low, sum, rest, z, r, sine, cosine, half, w, a, result;
  uint64_t n;
  k = x * TWO_OVER_PI + 6755399441055744.0;
  n = PRE_double_bits(k) + ahead;
  k = k - 6755399441055744.0;
  a = x - k * HALF_PI_1;
  r = k * HALF_PI_2;
  y = a + r;
  part = y - a;
  r1 = (a - (y - part)) + (r - part);
  a = y;
  r = k * HALF_PI_3;
  y = a + r;
  part = y - a;
  r2 = (a - (y - part)) + (r - part);
  low = (r1 + r2) - k * HALF_PI_4;
  sum = y + low;
  rest = (y - sum) + low;
  y = sum;
  low = rest;
  z = y * y;
  r = 1.58969099521155010221e-10;
  r = r * z + -2.50507602534068634195e-08;
  r = r * z + 2.75573137070700676789e-06;
  r = r * z + -1.98412698298579493134e-04;
  r = r * z + 8.33333333332248946124e-03;
  sine = y - ((z * (0.5 * low - z * y * r) - low) - z * y * -1.66666666666666324348e-01);
  r = -1.13596475577881948265e-11;
  r = r * z + 2.08757232129817482790e-09;
  r = r * z + -2.75573143513906633035e-07;
  r = r * z + 2.48015872894767294178e-05;
  r = r * z + -1.38888888888741095749e-03;
  r = r * z + 4.16666666666666019037e-02;
  half = 0.5 * z;
  w = 1.0 - half;
  cosine = w + (((1.0 - w) - half) + (z * (r * z) - y * low));
  result = (n & 1u) ? cosine : sine;
  return (float)((n & 2u) ? -result : result);
}
PRE_INLINE float PRE_sin(float x) { return x == 0.0f ? x : PRE_turned_sine(x, 0); }
PRE_INLINE float PRE_cos(float x) { return PRE_turned_sine(x, 1); }
]])
define("cos", { "sin" }, "")

define("sqrt", { "double_bits" }, [[
/* The square root, rounded once: digit by digit, of integers. */
static double PRE_double_sqrt(double x) {
  uint64_t bits = PRE_double_bits(x), m, root = 0, rest = 0;
  int32_t e = (int32_t)(bits >> 52) & 2047;
  int i;
  if (sizeof(double) != 8 || !(x > 0.0) || e == 2047) { /* short doubles: by Newton's iteration */
    double y = x > 1.0 ? x : 1.0;
    if (!(x > 0.0) || x > 3e38) return x == 0.0 || x > 0.0 ? x : x - x + PRE_double(0x7ff8000000000000u);
    for (i = 0; i < 80; i++) y = 0.5 * (y + x / y);
    return y;
  }
  m = bits & 0xfffffffffffffu;
  if (e == 0) e = 1;
  else m |= (uint64_t)1 << 52;
  while (!(m >> 52)) m <<= 1, e--;
  e -= 1075;
  if (e & 1) m <<= 1, e--;
  /* 54 digits of the root of m 2^54: two digits of that at a time, then zeros */
  for (i = 0; i < 54; i++) {
    uint64_t two = i < 27 ? m >> (52 - 2 * i) & 3 : 0, trial;
    rest = rest << 2 | two;
    trial = root << 2 | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  root = (root >> 1) + (root & 1);
  e = (e - 54) / 2 + 1;
  return (double)root * PRE_double((uint64_t)(e + 1023) << 52);
}
PRE_INLINE float PRE_sqrt(float x) { return (float)PRE_double_sqrt((double)x); }
]])

define("floor", {}, [[
PRE_INLINE float PRE_floor(float x) {
  float t;
  if (!(x < 8388608.0f && x > -8388608.0f)) return x;
  t = (float)(int32_t)x;
  return t == x ? x : t > x ? t - 1.0f : t;
}
]])
define("round", { "bits" }, [[
PRE_INLINE float PRE_round(float x) {
  float size = PRE_abs(x);
  return size < 4194304.0f ? PRE_signed((size + 8388608.0f) - 8388608.0f, x) : x;
}
]])

define("mod", {}, [[
/* x - floor(x / y) y, of y's sign; a quotient below 2^53. */
static float PRE_mod(float a, float b) {
  double x = (double)a, y = (double)b, r = x < 0.0 ? -x : x, size = y < 0.0 ? -y : y, q = r / size;
  double p, tx, ty, hx, hy, lx, ly;
  if (!(q < 9007199254740992.0)) return (float)(x - x + (y - y));
  q = (double)(int64_t)q;
  p = q * size;
  tx = q * 134217729.0;
  ty = size * 134217729.0;
  hx = tx - (tx - q);
  hy = ty - (ty - size);
  lx = q - hx;
  ly = size - hy;
  r = r - p;
  r = r - (((hx * hy - p) + hx * ly + lx * hy) + lx * ly);
  r = r < 0.0 ? r + size : r >= size ? r - size : r;
  r = x < 0.0 ? -r : r;
  return (float)((r > 0.0 && y < 0.0) || (r < 0.0 && y > 0.0) ? r + y : r);
}
]])

-- Of whole rows.
define("sum_part", {}, [[
/* The sum of places first to last - 1 of n, step numbers apart, in 4, 8 or 32 lanes as n says; x is the first. */
static double PRE_sum_part(int32_t n, int32_t first, int32_t last, const float *x, int32_t step) {
  double lane[32];
  int32_t lanes = n < 16 ? 4 : n < 64 ? 8 : 32, i;
  for (i = 0; i < lanes; i++) lane[i] = 0.0;
  for (i = first; i < last; i++) lane[i % lanes] += (double)x[(i - first) * step];
  for (lanes /= 2; lanes > 0; lanes /= 2)
    for (i = 0; i < lanes; i++) lane[i] += lane[i + lanes];
  return lane[0];
}
]])
define("sum", { "sum_part" }, [[
static double PRE_sum(int32_t n, const float *x) { return PRE_sum_part(n, 0, n, x, 1); }
]])
define("extreme", {}, [[
static float PRE_extreme(int32_t n, const float *x, int smallest) {
  float best = x[0];
  int32_t i;
  for (i = 1; i < n; i++)
    if ((smallest ? x[i] < best : x[i] > best) || (x[i] != x[i] && best == best)) best = x[i];
  return best + 0.0f;
}
]])
-- Over steps of x (rows, width), each column for itself.
define("pool_max", {}, [[
/* The largest of size steps from that one on, of those that there are. */
static void PRE_pool_max(int32_t width, int32_t rows, int32_t from, int32_t size, const float *x, float *y) {
  int32_t first = from < 0 ? 0 : from, last = from + size < rows ? from + size : rows, i, j;
  for (j = 0; j < width; j++) {
    float best = x[first * width + j];
    for (i = first + 1; i < last; i++) {
      float other = x[i * width + j];
      if (other > best || (other != other && best == best)) best = other;
    }
    y[j] = best + 0.0f;
  }
}
]])
define("pool_all_max", { "pool_max" }, [[
static void PRE_pool_all_max(int32_t width, int32_t rows, const float *x, float *y) {
  PRE_pool_max(width, rows, 0, rows, x, y);
}
]])
define("pool_mean", { "sum_part" }, [[
/* The mean of them. */
static void PRE_pool_mean(int32_t width, int32_t rows, int32_t from, int32_t size, const float *x, float *y) {
  int32_t first = from < 0 ? -from : 0, last = from + size < rows ? size : rows - from, j;
  for (j = 0; j < width; j++)
    y[j] = (float)PRE_sum_part(size, first, last, x + (from + first) * width + j, width) / (float)(last - first);
}
]])
define("pool_all_mean", {}, [[
/* The mean of all steps; sums go four steps at a time. */
static void PRE_pool_all_mean(int32_t width, int32_t rows, const float *x, float *y) {
  int32_t i, j;
  for (j = 0; j < width; j++) {
    const float *at = x + j;
    double sum = 0.0;
    for (i = 0; i + 4 <= rows; i += 4, at += 4 * width)
      sum += ((double)at[0] + (double)at[width]) + ((double)at[2 * width] + (double)at[3 * width]);
    for (; i < rows; i++, at += width) sum += (double)*at;
    y[j] = (float)(sum / (double)rows);
  }
}
]])

define("exponentials", { "exp" }, [[
/* y = e^(x - *top), *top the largest; gives their sum. */
static double PRE_exponentials(int32_t n, const float *x, float *y, float *top) {
  float most = PRE_number(0xff800000u);
  double sum = 0.0;
  int32_t i;
  for (i = 0; i < n; i++)
    if (x[i] > most) most = x[i];
  for (i = 0; i < n; i++) y[i] = PRE_exp(x[i] - most);
  for (i = 0; i < n; i++) sum += (double)y[i];
  *top = most;
  return sum;
}
]])
define("softmax", { "exponentials" }, [[
static void PRE_softmax(int32_t n, const float *x, float *y) {
  float top, scale = (float)(1.0 / PRE_exponentials(n, x, y, &top));
  int32_t i;
  for (i = 0; i < n; i++) y[i] = y[i] * scale;
}
]])
define("log_softmax", { "exponentials", "double_log" }, [[
static void PRE_log_softmax(int32_t n, const float *x, float *y) {
  float top, shift = (float)PRE_double_log(PRE_exponentials(n, x, y, &top));
  int32_t i;
  for (i = 0; i < n; i++) y[i] = x[i] - top - shift;
}
]])
define("layer_norm", { "sqrt" }, [[
/* Sums in 16 chains; distances from the first number. bias may be NULL. */
static void PRE_layer_norm(int32_t n, const float *x, const float *gain, const float *bias, double eps, float *y) {
  float chain[16], mean = 0.0f, squares = 0.0f, s;
  double variance;
  int32_t i;
  for (i = 0; i < 16; i++) chain[i] = 0.0f;
  for (i = 0; i < n; i++) chain[i % 16] += x[i] - x[0];
  for (i = 0; i < 16; i++) mean += chain[i];
  mean = mean / (float)n;
  for (i = 0; i < 16; i++) chain[i] = 0.0f;
  for (i = 0; i < n; i++) {
    float e = (x[i] - x[0]) - mean;
    chain[i % 16] = PRE_FMA(e, e, chain[i % 16]);
  }
  for (i = 0; i < 16; i++) squares += chain[i];
  variance = (double)(squares / (float)n) + eps;
  s = (float)(variance == 0.0 ? 0.0 : 1.0 / PRE_double_sqrt(variance));
  for (i = 0; i < n; i++) {
    float hat = ((x[i] - x[0]) - mean) * s;
    y[i] = bias ? gain[i] * hat + bias[i] : gain[i] * hat;
  }
}
]])

local numbers = { LOG2E = 0x1.71547652b82fep+0, LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33,
  TWO_OVER_PI = 0x1.45f306dc9c883p-1, HALF_PI_1 = 0x1.921fb544p+0, HALF_PI_2 = -0x1.0b4611a6p-34,
  HALF_PI_3 = -0x1.3198a2ep-69, HALF_PI_4 = 0x1.b839a252049c1p-104 }

--- functions.text(wanted) -> text of the functions in a set of names, with those that they need
function functions.text(wanted)
  local needed, lines = {}, {}
  local function need(name)
    if needed[name] then return end
    needed[name] = true
    for _, other in ipairs(by_name[name].needs) do need(other) end
  end
  for name in pairs(wanted) do need(name) end
  for _, f in ipairs(list) do
    if needed[f.name] then
      lines[#lines + 1] = f.text:gsub("%f[%w_][%u][%u%d_]+%f[^%w_]", function(word)
        return numbers[word] and ("%.17g"):format(numbers[word])
      end)
    end
  end
  return table.concat(lines)
end

--- functions.known(name): is there such a function?
function functions.known(name) return by_name[name] ~= nil end

return functions
