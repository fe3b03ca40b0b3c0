/* elements.c: functions of two numbers, element by element, as plain loops that the compiler makes vectors of; compiled
 * for each instruction set as kernels.c is. Nothing here is fused, so all sets give the same bits. See kernels.h. */
#include <math.h>

#include "../internal.h"
#include "kernels.h"

/* statement with x of a and y of b, each of which moves on (step 1) or stands still (step 0): a loop for each way. */
#define EACH(T, statement)                    \
  if (sa && sb) {                             \
    for (int64_t i = 0; i < n; i++) {         \
      const T x = a[i], y = b[i];             \
      statement;                              \
    }                                         \
  } else if (sa) {                            \
    const T y = *b;                           \
    for (int64_t i = 0; i < n; i++) {         \
      const T x = a[i];                       \
      statement;                              \
    }                                         \
  } else {                                    \
    const T x = *a;                           \
    for (int64_t i = 0; i < n; i++) {         \
      const T y = b[i];                       \
      statement;                              \
    }                                         \
  }

#define FUNCTION(name, T, R, f)                                                                                       \
  static void name(int64_t n, const T *restrict a, int sa, const T *restrict b, int sb, R *restrict out) {            \
    EACH(T, out[i] = (R)(f))                                                                                          \
  }
FUNCTION(add_real, real, real, x + y)
FUNCTION(sub_real, real, real, x - y)
FUNCTION(mul_real, real, real, x *y)
FUNCTION(div_real, real, real, x / y)
FUNCTION(floor_div_real, real, real, RNNI_M(floor)(x / y))
FUNCTION(maximum_real, real, real, x >= y || x != x ? x : y)
FUNCTION(minimum_real, real, real, x <= y || x != x ? x : y)
FUNCTION(eq_real, real, real, x == y)
FUNCTION(ne_real, real, real, x != y)
FUNCTION(lt_real, real, real, x < y)
FUNCTION(le_real, real, real, x <= y)
FUNCTION(tanh_back, real, real, y *(1 - x * x))
FUNCTION(sigmoid_back, real, real, y *(x * (1 - x)))
FUNCTION(eq_int, int32_t, real, x == y)
FUNCTION(ne_int, int32_t, real, x != y)
FUNCTION(lt_int, int32_t, real, x < y)
FUNCTION(le_int, int32_t, real, x <= y)

/* The exact product of two numbers as a sum whose first part is the rounded one (Dekker 1971). */
static inline double product(double x, double y, double *rest) {
  double p = x * y, tx = x * 134217729.0, ty = y * 134217729.0; /* 2^27 + 1: halves of 26 bits */
  double hx = tx - (tx - x), hy = ty - (ty - y), lx = x - hx, ly = y - hy;
  *rest = ((hx * hy - p) + hx * ly + lx * hy) + lx * ly;
  return p;
}

/* r - q size, for a q that may be one too large or too small, is exact; for the largest quotients there is a longer way. */
static void mod_real(int64_t n, const real *restrict a, int sa, const real *restrict b, int sb, real *restrict out) {
  for (int64_t i = 0; i < n; i++) {
    double x = (double)a[sa * i], y = (double)b[sb * i], r = fabs(x), size = fabs(y), q = floor(r / size), rest;
    if (q < 0x1p53 && r < 0x1p900 && size < 0x1p900 && size > 0x1p-900) {
      r = r - product(q, size, &rest);
      r = r - rest;
      r = r < 0 ? r + size : r >= size ? r - size : r;
      r = x < 0 ? -r : r;
    } else {
      r = rnni_fmod(x, y);
    }
    out[i] = (real)((r > 0 && y < 0) || (r < 0 && y > 0) ? r + y : r);
  }
}

/* The same of int32; false when a result is none. */
#define WHOLE(name, f, wrong)                                                                                          \
  static bool name(int64_t n, const int32_t *restrict a, int sa, const int32_t *restrict b, int sb,                    \
                   int32_t *restrict out) {                                                                            \
    int32_t bad = 0;                                                                                                   \
    EACH(int32_t, const int32_t z = (f); bad |= (wrong); out[i] = z)                                                   \
    return bad >= 0;                                                                                                   \
  }
WHOLE(add_int, (int32_t)((uint32_t)x + (uint32_t)y), (z ^ x) & (z ^ y))
WHOLE(sub_int, (int32_t)((uint32_t)x - (uint32_t)y), (x ^ y) & (x ^ z))
WHOLE(mul_int, (int32_t)((uint32_t)x * (uint32_t)y), (int64_t)x *y == z ? 0 : -1)
WHOLE(maximum_int, x > y ? x : y, 0)
WHOLE(minimum_int, x < y ? x : y, 0)

static void where_32(int64_t n, const real *restrict mask, const void *restrict a, const void *restrict b,
                     void *restrict out) {
  const uint32_t *x = a, *y = b;
  uint32_t *z = out;
  for (int64_t i = 0; i < n; i++) {
    uint32_t yes = x[i], no = y[i];
    z[i] = mask[i] != 0 ? yes : no;
  }
}

#ifdef RNN_DOUBLE
static void where_real(int64_t n, const real *restrict mask, const void *restrict a, const void *restrict b,
                       void *restrict out) {
  const uint64_t *x = a, *y = b;
  uint64_t *z = out;
  for (int64_t i = 0; i < n; i++) {
    uint64_t yes = x[i], no = y[i];
    z[i] = mask[i] != 0 ? yes : no;
  }
}
#else
#define where_real where_32
#endif

static void floors(int64_t n, const real *x, real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = RNNI_M(floor)(x[i]);
}
static void rounds(int64_t n, const real *x, real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = RNNI_M(rint)(x[i]);
}

static bool is_mask(int64_t n, const real *x) {
  int bad = 0;
  for (int64_t i = 0; i < n; i++) bad |= !((x[i] == 0) | (x[i] == 1));
  return !bad;
}

extern const rnni_elements RNNI_ELEMENTS;
const rnni_elements RNNI_ELEMENTS = {
    .real = {add_real, sub_real, mul_real, div_real, floor_div_real, mod_real, maximum_real, minimum_real, eq_real, ne_real,
             lt_real, le_real, tanh_back, sigmoid_back},
    .whole = {[RNNI_ADD] = add_int, [RNNI_SUB] = sub_int, [RNNI_MUL] = mul_int, [RNNI_MAXIMUM] = maximum_int,
              [RNNI_MINIMUM] = minimum_int},
    .compare = {eq_int, ne_int, lt_int, le_int},
    .where = {[RNN_FLOAT] = where_real, [RNN_INT] = where_32},
    .floor = floors,
    .round = rounds,
    .is_mask = is_mask,
};
