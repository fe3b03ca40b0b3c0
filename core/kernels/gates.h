/* gates.h: the kernels of recurrent cells: gates element by element, and a whole step of few samples. */
#ifndef RNNI_GATES_H
#define RNNI_GATES_H

#include "products.h"

/* Slopes of tanh and sigmoid by their values. */
INLINE vec tanh_slope(vec y) { return 1 - y * y; }
INLINE vec sigmoid_slope(vec y) { return y * (1 - y); }

static void elman_forward(bool relu, int64_t n, real *h) {
#define TANH(GET, PUT) PUT(h + u, vtanh(GET(h + u)));
#define RELU(GET, PUT)   \
  vec x = GET(h + u);    \
  PUT(h + u, choose(x < (vec){0}, (vec){0}, x));
  if (relu) FOR_UNITS(n, RELU);
  else FOR_UNITS(n, TANH);
#undef TANH
#undef RELU
}

static void elman_backward(bool relu, int64_t n, const real *h, const real *dh, real *a) {
#define TANH(GET, PUT) PUT(a + u, GET(dh + u) * tanh_slope(GET(h + u)));
#define RELU(GET, PUT) PUT(a + u, GET(dh + u) * choose(GET(h + u) > (vec){0}, splat(1), (vec){0}));
  if (relu) FOR_UNITS(n, RELU);
  else FOR_UNITS(n, TANH);
#undef TANH
#undef RELU
}

/* The gates of a row are made one after the other: each is a long chain of operations, and a processor overlaps those of
   neighbours when it finds them together. */
static void sigmoid_row(int64_t n, real *a) {
#define BODY(GET, PUT) PUT(a + u, vsigmoid(GET(a + u)));
  FOR_UNITS(n, BODY);
#undef BODY
}

static void tanh_row(int64_t n, real *a) {
#define BODY(GET, PUT) PUT(a + u, vtanh(GET(a + u)));
  FOR_UNITS(n, BODY);
#undef BODY
}

static void lstm_forward(int64_t H, int64_t units, int64_t rows, real *a, const real *c_before, real *c, real *h) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, c_before += H, c += H, h += H) {
    sigmoid_row(units, a);
    sigmoid_row(units, a + H);
    tanh_row(units, a + 2 * H);
    sigmoid_row(units, a + 3 * H);
#define BODY(GET, PUT)                                                                          \
  vec now = madd(GET(a + H + u), GET(c_before + u), GET(a + u) * GET(a + 2 * H + u));            \
  PUT(c + u, now);                                                                              \
  PUT(h + u, GET(a + 3 * H + u) * vtanh(now));
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void lstm_backward(int64_t H, int64_t units, int64_t rows, real *a, const real *c_before, const real *c,
                          const real *dh, real *dc) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, c_before += H, c += H, dh += H, dc += H) {
#define BODY(GET, PUT)                                      \
  vec i = GET(a + u), f = GET(a + H + u);                   \
  vec n = GET(a + 2 * H + u), o = GET(a + 3 * H + u);       \
  vec s = vtanh(GET(c + u)), d = GET(dh + u);               \
  vec e = GET(dc + u) + d * o * tanh_slope(s);              \
  PUT(a + u, e * n * sigmoid_slope(i));                     \
  PUT(a + H + u, e * GET(c_before + u) * sigmoid_slope(f)); \
  PUT(a + 2 * H + u, e * i * tanh_slope(n));                \
  PUT(a + 3 * H + u, d * s * sigmoid_slope(o));             \
  PUT(dc + u, e * f);
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void gru_forward(int64_t H, int64_t units, int64_t rows, real *a, const real *h_before, real *h) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, h_before += H, h += H) {
    sigmoid_row(units, a);
    sigmoid_row(units, a + H);
#define BODY(GET, PUT)                                                \
  vec n = vtanh(GET(a + 2 * H + u) + GET(a + u) * GET(a + 3 * H + u)); \
  PUT(a + 2 * H + u, n);                                              \
  PUT(h + u, n + GET(a + H + u) * (GET(h_before + u) - n));
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

static void gru_backward(int64_t H, int64_t units, int64_t rows, real *a, const real *h_before, real *dh) {
  for (int64_t r = 0; r < rows; r++, a += 4 * H, h_before += H, dh += H) {
#define BODY(GET, PUT)                                            \
  vec reset = GET(a + u), z = GET(a + H + u);                     \
  vec n = GET(a + 2 * H + u), hn = GET(a + 3 * H + u);            \
  vec d = GET(dh + u);                                            \
  vec dn = d * (1 - z) * tanh_slope(n);                           \
  PUT(a + u, dn * hn * sigmoid_slope(reset));                     \
  PUT(a + H + u, d * (GET(h_before + u) - n) * sigmoid_slope(z)); \
  PUT(a + 2 * H + u, dn);                                         \
  PUT(a + 3 * H + u, dn * reset);                                 \
  PUT(dh + u, d * z);
    FOR_UNITS(units, BODY);
#undef BODY
  }
}

/* ---- a whole step of few samples: products and gates at once ------------------------------------------------------- */

#ifdef FAST
#if ROWS == 12
#define FEW_SAMPLES FEW
#else
#define FEW_SAMPLES 1 /* more would not fit the registers */
#endif

/* The chains of gates of a block of units go on through k products. Those of the last gate are number last. The sum of 0
   at the end of a block of k is what storing and going on makes of -0. */
INLINE void go_on(const int rows, const int halves, const int gates, const int last, int64_t k, const real *restrict x,
                  const real *restrict w, vec acc[FEW_SAMPLES][4][2]) {
  for (int64_t from = 0; from < k; from += K_BLOCK) {
    int64_t to = k - from < K_BLOCK ? k : from + K_BLOCK;
#pragma GCC unroll 3
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
      for (int g = 0; g < gates; g++)
#pragma GCC unroll 2
        for (int v = 0; v < halves; v++)
          if (from > 0 || gates == 4 || g < 2) acc[r][g == gates - 1 ? last : g][v] += (vec){0};
    for (int64_t p = from; p < to; p++, w += gates * COLS) {
      vec each[FEW_SAMPLES];
#pragma GCC unroll 3
      for (int r = 0; r < rows; r++) each[r] = splat(x[r * k + p]);
#pragma GCC unroll 4
      for (int g = 0; g < gates; g++)
#pragma GCC unroll 2
        for (int v = 0; v < halves; v++) {
          vec y = load(w + g * COLS + v * LANES);
#pragma GCC unroll 3
          for (int r = 0; r < rows; r++) MADD_INTO(acc[r][g == gates - 1 ? last : g][v], each[r], y);
        }
    }
  }
}

/* So many blocks are summed before their gates: each of these is a long chain of operations, and a processor overlaps
   those of neighbours when it finds them together. */
#define FEW_BLOCKS 4
typedef real few_sums[FEW_BLOCKS][4][COLS];

/* The sums of block b of all samples, or of its first half where that has all units that are left. */
INLINE void few_block(const bool gru, const int rows, const int halves, const rnni_few *s, int64_t b, few_sums *out, int64_t at) {
  const int gates = gru ? 3 : 4;
  int64_t H = s->units, first = b * COLS, left = H - first;
  vec acc[FEW_SAMPLES][4][2];
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++)
#pragma GCC unroll 2
      for (int v = 0; v < halves; v++) {
        int64_t n = left - v * LANES < LANES ? left - v * LANES : LANES;
        if (s->w || g == gates) acc[r][g][v] = load(s->bias + (b * 4 + g) * COLS + v * LANES);
        else acc[r][g][v] = n > 0 ? load_part(s->a + r * 4 * H + g * H + first + v * LANES, n) : (vec){0};
      }
  if (s->w) go_on(rows, halves, gates, gates - 1, s->inputs, s->x, s->w + b * s->inputs * gates * COLS, acc);
  go_on(rows, halves, gates, 3, H, s->h_before, s->u + b * H * gates * COLS, acc);
#pragma GCC unroll 3
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++)
#pragma GCC unroll 2
      for (int v = 0; v < halves; v++) store(out[r][at][g] + v * LANES, acc[r][g][v]);
}

/* The gates of sample r from unit first on, n of them, whose sums are in a. */
INLINE void few_gates(const bool gru, const rnni_few *s, int r, int64_t first, int64_t n, few_sums a) {
  int64_t at = r * s->units + first;
#define EACH(BODY)                                                                     \
  for (int64_t u = 0; u < n; u += LANES) {                                             \
    real *g = a[u / COLS][0] + u % COLS; /* gate k is k * COLS further */              \
    int64_t some = n - u < LANES ? n - u : LANES;                                      \
    (void)some;                                                                        \
    BODY                                                                               \
  }
  EACH(store(g, vsigmoid(load(g)));)
  EACH(store(g + COLS, vsigmoid(load(g + COLS)));)
  if (gru) {
    EACH(store(g + 2 * COLS, vtanh(load(g + 2 * COLS) + load(g) * load(g + 3 * COLS)));)
    EACH(vec new = load(g + 2 * COLS);
         store_part(s->h + at + u, new + load(g + COLS) * (load_part(s->h_before + at + u, some) - new), some);)
  } else {
    EACH(store(g + 2 * COLS, vtanh(load(g + 2 * COLS)));)
    EACH(store(g + 3 * COLS, vsigmoid(load(g + 3 * COLS)));)
    EACH(vec now = madd(load(g + COLS), load_part(s->c_before + at + u, some), load(g) * load(g + 2 * COLS));
         store_part(s->c + at + u, now, some);
         store_part(s->h + at + u, load(g + 3 * COLS) * vtanh(now), some);)
  }
  if (!s->keep) return;
  real *kept = s->a + r * 4 * s->units + first;
  EACH(for (int k = 0; k < 4; k++) store_part(kept + k * s->units + u, load(g + k * COLS), some);)
#undef EACH
}

/* Blocks [from, to). */
INLINE void few_blocks(const bool gru, const int rows, const rnni_few *s, int64_t from, int64_t to) {
  few_sums sums[FEW_SAMPLES];
  for (int64_t b = from; b < to; b += FEW_BLOCKS) {
    int64_t end = b + FEW_BLOCKS < to ? b + FEW_BLOCKS : to, first = b * COLS, left = s->units - first;
    for (int64_t k = b; k < end; k++)
      if (s->units - k * COLS > LANES) few_block(gru, rows, 2, s, k, sums, k - b);
      else few_block(gru, rows, 1, s, k, sums, k - b);
    for (int r = 0; r < rows; r++)
      few_gates(gru, s, r, first, left < (end - b) * COLS ? left : (end - b) * COLS, sums[r]);
  }
}

#define FEW_OF(R)                                                          \
  static void few_##R(const rnni_few *s, int64_t from, int64_t to) {       \
    if (s->gru) few_blocks(true, R, s, from, to);                          \
    else few_blocks(false, R, s, from, to);                                \
  }
FEW_OF(1)
#if FEW_SAMPLES == 3
FEW_OF(2)
FEW_OF(3)
#endif

static void few(const rnni_few *s, int64_t from, int64_t to) {
  switch (s->rows) {
#if FEW_SAMPLES == 3
    case 3: few_3(s, from, to); break;
    case 2: few_2(s, from, to); break;
#endif
    default: few_1(s, from, to);
  }
}
#endif

#endif
