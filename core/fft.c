/* fft.c: discrete Fourier transforms of real sequences, in double.
 *
 * A sequence of even length n is a complex one of n / 2 (Cooley, Lewis and Welch 1970), one of odd length a complex one of
 * n. That is transformed by Stockham's self-sorting algorithm, a pass for each factor 4 or prime; lengths with a large
 * prime factor by a convolution (Bluestein 1970). KISS FFT is not used here: its library is single precision only, takes
 * sines from the C library, whose bits differ from machine to machine, and does not see an interrupt. */
#include "fft.h"

#define LARGEST_FACTOR 31 /* a pass takes a time of n * factor: from here on the convolution is quicker */

typedef rnni_complex cpx;

typedef struct transform {
  int64_t n;           /* complex elements */
  int64_t turn;        /* roots[turn * k] = e^(-2 pi i k / n) */
  const cpx *roots;
  cpx *z, *scratch;    /* n each: the transform of z, in place */
  struct bluestein *b; /* NULL: by passes */
} transform;

typedef struct bluestein {
  transform wide; /* of 2^m >= 2 n - 1 */
  cpx *chirp;     /* n: e^(-pi i k^2 / n) */
  cpx *kernel;    /* the transform of its conjugate, over the width */
  cpx *roots;     /* of the width */
} bluestein;

struct rnni_fft {
  int64_t n;
  cpx *roots; /* n: e^(-2 pi i k / n) */
  transform t;
  bluestein b;
  int64_t done; /* for rnni_pace */
};

static inline cpx add(cpx a, cpx b) { return (cpx){a.re + b.re, a.im + b.im}; }
static inline cpx sub(cpx a, cpx b) { return (cpx){a.re - b.re, a.im - b.im}; }
static inline cpx mul(cpx a, cpx b) { return (cpx){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
static inline cpx conjugate(cpx a) { return (cpx){a.re, -a.im}; }

/* e^(-2 pi i k / n), from an angle of at most an eighth of a turn, so that symmetric ones are so to the last bit. */
static cpx root(int64_t k, int64_t n) {
  int64_t eighths = 8 * k; /* of n */
  bool lower = eighths > 4 * n, left, swapped;
  if (lower) eighths = 8 * n - eighths;
  left = eighths > 2 * n;
  if (left) eighths = 4 * n - eighths;
  swapped = eighths > n;
  if (swapped) eighths = 2 * n - eighths;
  double angle = M_PI / 4 * ((double)eighths / (double)n), c = rnni_cos(angle), s = rnni_sin(angle);
  double re = swapped ? s : c, im = swapped ? c : s;
  return (cpx){left ? -re : re, lower ? im : -im};
}

static rnn_status make_roots(rnn_ctx *ctx, int64_t n, cpx **out) {
  int64_t done = 0;
  RNNI_TRY(rnni_array(ctx, n, sizeof **out, out));
  for (int64_t k = 0; k < n; k++) {
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    (*out)[k] = root(k, n);
  }
  return RNN_OK;
}

/* ---- passes ---- */

/* One pass of factor p: l runs of the former factors, m of those that are left. */
typedef struct pass {
  int64_t p, l, m;
  const transform *t;
  const cpx *from;
  cpx *to;
  cpx roots[LARGEST_FACTOR]; /* e^(-2 pi i q / p), of an odd p */
} pass;

static void by_2(const pass *s, int64_t j, int64_t start, int64_t end) {
  const cpx *a = s->from + s->l * j, *b = a + s->l * s->m, w = s->t->roots[s->t->turn * s->l * j];
  cpx *y = s->to + s->l * 2 * j, *z = y + s->l;
  for (int64_t k = start; k < end; k++) {
    cpx sum = add(a[k], b[k]), difference = sub(a[k], b[k]);
    y[k] = sum;
    z[k] = mul(difference, w);
  }
}

static void by_4(const pass *s, int64_t j, int64_t start, int64_t end) {
  const int64_t step = s->l * s->m, turn = s->t->turn * s->l * j;
  const cpx *a = s->from + s->l * j, w1 = s->t->roots[turn], w2 = s->t->roots[2 * turn], w3 = s->t->roots[3 * turn];
  cpx *y = s->to + s->l * 4 * j;
  for (int64_t k = start; k < end; k++) {
    cpx even = add(a[k], a[k + 2 * step]), odd = add(a[k + step], a[k + 3 * step]);
    cpx u = sub(a[k], a[k + 2 * step]), v = sub(a[k + step], a[k + 3 * step]);
    y[k] = add(even, odd);
    y[k + s->l] = mul((cpx){u.re + v.im, u.im - v.re}, w1); /* u - iv */
    y[k + 2 * s->l] = mul(sub(even, odd), w2);
    y[k + 3 * s->l] = mul((cpx){u.re - v.im, u.im + v.re}, w3);
  }
}

/* Elements r and p - r meet roots that are conjugates: only their sum and difference are multiplied. */
static void by_odd(const pass *s, int64_t j, int64_t start, int64_t end) {
  const int64_t p = s->p, half = p / 2, step = s->l * s->m, turn = s->t->turn * s->l * j;
  const cpx *a = s->from + s->l * j, *roots = s->t->roots;
  cpx *y = s->to + s->l * p * j, sums[LARGEST_FACTOR / 2 + 1], differences[LARGEST_FACTOR / 2 + 1];
  for (int64_t k = start; k < end; k++) {
    cpx total = a[k];
    for (int64_t r = 1; r <= half; r++) {
      sums[r] = add(a[k + r * step], a[k + (p - r) * step]);
      differences[r] = sub(a[k + r * step], a[k + (p - r) * step]);
      total = add(total, sums[r]);
    }
    y[k] = total;
    for (int64_t q = 1; q <= half; q++) {
      cpx even = a[k], odd = {0, 0};
      for (int64_t r = 1, at = q; r <= half; r++, at = at + q < p ? at + q : at + q - p) {
        cpx w = s->roots[at];
        even = (cpx){even.re + w.re * sums[r].re, even.im + w.re * sums[r].im};
        odd = (cpx){odd.re + w.im * differences[r].re, odd.im + w.im * differences[r].im};
      }
      y[k + q * s->l] = mul((cpx){even.re - odd.im, even.im + odd.re}, roots[turn * q]); /* even + i odd */
      y[k + (p - q) * s->l] = mul((cpx){even.re + odd.im, even.im - odd.re}, roots[turn * (p - q)]);
    }
  }
}

static int64_t factor_of(int64_t n) {
  if (n % 4 == 0) return 4;
  if (n % 2 == 0) return 2;
  for (int64_t p = 3; p * p <= n; p += 2)
    if (n % p == 0) return p;
  return n;
}

static rnn_status run_passes(rnn_ctx *ctx, transform *t, int64_t *done) {
  for (int64_t l = 1, left = t->n; left > 1;) {
    const int64_t p = factor_of(left);
    pass s = {.p = p, .l = l, .m = left / p, .t = t, .from = t->z, .to = t->scratch};
    for (int64_t q = 0; q < p && p % 2; q++) s.roots[q] = t->roots[t->turn * (t->n / p * q)];
    for (int64_t j = 0; j < s.m; j++)
      for (RNNI_PIECES(l, start, end)) {
        RNNI_TRY(rnni_pace(ctx, done, p * p / 2 * (end - start)));
        if (p == 4) by_4(&s, j, start, end);
        else if (p == 2) by_2(&s, j, start, end);
        else by_odd(&s, j, start, end);
      }
    t->z = s.to;
    t->scratch = (cpx *)s.from;
    l *= p;
    left /= p;
  }
  return RNN_OK;
}

/* ---- by convolution ---- */

/* jk = (j^2 + k^2 - (k - j)^2) / 2 turns the sum over j into a convolution with a chirp. */
static rnn_status run_bluestein(rnn_ctx *ctx, transform *t, int64_t *done) {
  const bluestein *b = t->b;
  transform w = b->wide;
  for (RNNI_PIECES(w.n, from, to)) {
    RNNI_TRY(rnni_pace(ctx, done, to - from));
    for (int64_t k = from; k < to; k++) w.z[k] = k < t->n ? mul(t->z[k], b->chirp[k]) : (cpx){0, 0};
  }
  RNNI_TRY(run_passes(ctx, &w, done));
  for (RNNI_PIECES(w.n, from, to)) {
    RNNI_TRY(rnni_pace(ctx, done, to - from));
    for (int64_t k = from; k < to; k++) w.z[k] = conjugate(mul(w.z[k], b->kernel[k]));
  }
  RNNI_TRY(run_passes(ctx, &w, done)); /* the inverse, conjugated */
  for (RNNI_PIECES(t->n, from, to)) {
    RNNI_TRY(rnni_pace(ctx, done, to - from));
    for (int64_t k = from; k < to; k++) {
      cpx y = mul(conjugate(w.z[k]), b->chirp[k]);
      t->z[k] = (cpx){y.re / (double)w.n, y.im / (double)w.n};
    }
  }
  return RNN_OK;
}

static rnn_status run(rnn_ctx *ctx, transform *t, int64_t *done) {
  return t->b ? run_bluestein(ctx, t, done) : run_passes(ctx, t, done);
}

static rnn_status make_transform(rnn_ctx *ctx, int64_t n, int64_t turn, const cpx *roots, transform *t) {
  *t = (transform){.n = n, .turn = turn, .roots = roots};
  RNNI_TRY(rnni_array(ctx, n, sizeof *t->z, &t->z));
  return rnni_array(ctx, n, sizeof *t->scratch, &t->scratch);
}

static rnn_status make_bluestein(rnn_ctx *ctx, int64_t n, bluestein *b) {
  int64_t width = 1, done = 0;
  while (width < 2 * n - 1) width *= 2;
  RNNI_TRY(make_roots(ctx, width, &b->roots));
  RNNI_TRY(make_transform(ctx, width, 1, b->roots, &b->wide));
  RNNI_TRY(rnni_array(ctx, n, sizeof *b->chirp, &b->chirp));
  RNNI_TRY(rnni_array(ctx, width, sizeof *b->kernel, &b->kernel));
  memset(b->wide.z, 0, (size_t)width * sizeof *b->wide.z);
  for (int64_t k = 0, square = 0; k < n; k++) { /* square = k^2 modulo 2 n */
    RNNI_TRY(rnni_pace(ctx, &done, RNNI_ROW));
    b->chirp[k] = root(square, 2 * n);
    b->wide.z[k] = b->wide.z[(width - k) % width] = conjugate(b->chirp[k]);
    square = (square + 2 * k + 1) % (2 * n);
  }
  transform w = b->wide;
  RNNI_TRY(run_passes(ctx, &w, &done));
  memcpy(b->kernel, w.z, (size_t)width * sizeof *w.z);
  return RNN_OK;
}

/* ---- plans ---- */

void rnni_fft_free(rnn_ctx *ctx, rnni_fft *f) {
  if (!f) return;
  rnni_free(ctx, f->b.wide.z);
  rnni_free(ctx, f->b.wide.scratch);
  rnni_free(ctx, f->b.chirp);
  rnni_free(ctx, f->b.kernel);
  rnni_free(ctx, f->b.roots);
  rnni_free(ctx, f->t.z);
  rnni_free(ctx, f->t.scratch);
  rnni_free(ctx, f->roots);
  rnni_free(ctx, f);
}

rnn_status rnni_fft_plan(rnn_ctx *ctx, int64_t n, rnni_fft **out) {
  rnni_fft *f;
  const int64_t halves = n % 2 == 0 ? 2 : 1, length = n / halves;
  RNNI_TRY(rnni_calloc(ctx, sizeof *f, &f));
  f->n = n;
  int64_t largest = 1;
  for (int64_t left = length, p; left > 1; left /= p) {
    p = factor_of(left);
    largest = RNNI_MAX(largest, p);
  }
  rnn_status status = make_roots(ctx, n, &f->roots);
  if (status == RNN_OK) status = make_transform(ctx, length, halves, f->roots, &f->t);
  if (status == RNN_OK && largest > LARGEST_FACTOR) {
    status = make_bluestein(ctx, length, &f->b);
    f->t.b = &f->b;
  }
  if (status == RNN_OK) *out = f;
  else rnni_fft_free(ctx, f);
  return status;
}

/* ---- real sequences ---- */

rnn_status rnni_fft_forward(rnn_ctx *ctx, rnni_fft *f, const double *x, rnni_complex *spectrum) {
  transform *t = &f->t;
  const int64_t n = t->n;
  if (f->n % 2) {
    for (int64_t k = 0; k < n; k++) t->z[k] = (cpx){x[k], 0};
    RNNI_TRY(run(ctx, t, &f->done));
    memcpy(spectrum, t->z, (size_t)(n / 2 + 1) * sizeof *spectrum);
    spectrum[0].im = 0;
    return RNN_OK;
  }
  memcpy(t->z, x, (size_t)n * sizeof *t->z); /* even places are real parts, odd ones imaginary */
  RNNI_TRY(run(ctx, t, &f->done));
  const cpx *z = t->z;
  spectrum[0] = (cpx){z[0].re + z[0].im, 0};
  spectrum[n] = (cpx){z[0].re - z[0].im, 0};
  for (int64_t k = 1; k < n; k++) {
    cpx a = z[k], b = conjugate(z[n - k]), even = add(a, b), odd = mul(sub(a, b), f->roots[k]);
    spectrum[k] = (cpx){(even.re + odd.im) / 2, (even.im - odd.re) / 2};
  }
  return rnni_pace(ctx, &f->done, n);
}

/* The inverse by the forward transform of conjugates. */
rnn_status rnni_fft_backward(rnn_ctx *ctx, rnni_fft *f, const rnni_complex *spectrum, double *x) {
  transform *t = &f->t;
  const int64_t n = t->n;
  const cpx *s = spectrum;
  if (f->n % 2) {
    t->z[0] = (cpx){s[0].re, 0};
    for (int64_t k = 1; k <= n / 2; k++) {
      t->z[k] = conjugate(s[k]);
      t->z[n - k] = s[k];
    }
    RNNI_TRY(run(ctx, t, &f->done));
    for (int64_t k = 0; k < n; k++) x[k] = t->z[k].re;
    return RNN_OK;
  }
  t->z[0] = (cpx){s[0].re + s[n].re, s[n].re - s[0].re};
  for (int64_t k = 1; k < n; k++) {
    cpx a = s[k], b = conjugate(s[n - k]), even = add(a, b), odd = mul(sub(a, b), conjugate(f->roots[k]));
    t->z[k] = (cpx){even.re - odd.im, -(even.im + odd.re)};
  }
  RNNI_TRY(run(ctx, t, &f->done));
  for (int64_t k = 0; k < n; k++) {
    x[2 * k] = t->z[k].re;
    x[2 * k + 1] = -t->z[k].im;
  }
  return rnni_pace(ctx, &f->done, n);
}
