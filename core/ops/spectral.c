/* spectral.c: Fourier transforms along the last axis. Complex numbers have an axis of 2 of their own, the last: real parts,
 * then imaginary ones.
 *
 * Both are linear, so each backward is the transposed matrix: that of rfft the inverse without its scale, with the inner
 * frequencies halved, for each stands for two; that of irfft is rfft with them doubled. */
#include "../fft.h"

#define ABSENT INT32_MIN /* for n: as the shape says */

static rnn_status need_last_axis(rnn_ctx *ctx, rnni_call *c, int axes) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(rnni_need_float(ctx, c, 0));
  if (x->ndim >= axes) return x->ndim < 2 + axes ? rnni_need_no_lengths(ctx, c, 0) : RNN_OK;
  return rnni_fail(ctx, RNN_ESHAPE, "%s: expected (..., %s), got %s", c->op->name, axes == 1 ? "n" : "frequencies, 2",
                   RNNI_SHAPE(x));
}

static rnn_status need_size(rnn_ctx *ctx, const rnni_call *c, int64_t n) {
  if (n >= 1 && n <= (int64_t)1 << 40) return RNN_OK;
  return rnni_fail(ctx, RNN_EARG, "%s: expected n of 1 or more, got %lld, with %s", c->op->name, (long long)n,
                   RNNI_SHAPE(c->in[0]));
}

/* A transform of rows: count of them, between real ones of width elements and spectra of bins, of which those that there
   are take part, and those of a full spectrum that are not there are 0. */
typedef struct rows {
  int64_t n, count, width, bins;
  rnni_fft *plan;
  double *x;              /* n */
  rnni_complex *spectrum; /* n / 2 + 1 */
} rows;

static rnn_status begin(rnn_ctx *ctx, int64_t n, int64_t width, int64_t bins, int64_t count, rows *r) {
  *r = (rows){.n = n, .count = count, .width = RNNI_MIN(width, n), .bins = RNNI_MIN(bins, n / 2 + 1)};
  RNNI_TRY(rnni_fft_plan(ctx, n, &r->plan));
  RNNI_TRY(rnni_array(ctx, n, sizeof *r->x, &r->x));
  return rnni_array(ctx, n / 2 + 1, sizeof *r->spectrum, &r->spectrum);
}

static void end(rnn_ctx *ctx, rows *r) {
  rnni_fft_free(ctx, r->plan);
  rnni_free(ctx, r->x);
  rnni_free(ctx, r->spectrum);
}

/* Is k the frequency 0 or, of an even n, the last, which are their own conjugates? */
static bool own_conjugate(const rows *r, int64_t k) { return k == 0 || 2 * k == r->n; }

static rnn_status to_spectrum(rnn_ctx *ctx, rows *r, const real *x) {
  for (int64_t j = 0; j < r->width; j++) r->x[j] = (double)x[j];
  for (int64_t j = r->width; j < r->n; j++) r->x[j] = 0;
  return rnni_fft_forward(ctx, r->plan, r->x, r->spectrum);
}

static rnn_status from_spectrum(rnn_ctx *ctx, rows *r, const real *spectrum, double inner) {
  memset(r->spectrum, 0, (size_t)(r->n / 2 + 1) * sizeof *r->spectrum);
  for (int64_t k = 0; k < r->bins; k++) {
    double scale = own_conjugate(r, k) ? 1 : inner;
    r->spectrum[k] = (rnni_complex){scale * (double)spectrum[2 * k], scale * (double)spectrum[2 * k + 1]};
  }
  return rnni_fft_backward(ctx, r->plan, r->spectrum, r->x);
}

/* ---- rfft ---- */

static int64_t rows_of(const rnn_tensor *t, int last) {
  int64_t count = 1;
  for (int i = 0; i < t->ndim - last; i++) count *= t->dims[i];
  return count;
}

static rnn_status rfft_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(need_last_axis(ctx, c, 1));
  if (c->args.i[0] == ABSENT) c->args.i[0] = x->dims[x->ndim - 1];
  RNNI_TRY(need_size(ctx, c, c->args.i[0]));
  if (x->ndim == RNN_MAX_DIMS)
    return rnni_fail(ctx, RNN_ESHAPE, "rfft: %s has no room for an axis of real and imaginary parts", RNNI_SHAPE(x));
  rnni_out_like(c, x);
  c->out_ndim = x->ndim + 1;
  c->out_dims[x->ndim - 1] = c->args.i[0] / 2 + 1;
  c->out_dims[x->ndim] = 2;
  return RNN_OK;
}

static rnn_status rfft_begin(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *x, rows *r) {
  return begin(ctx, c->args.i[0], x->dims[x->ndim - 1], INT64_MAX, rows_of(x, 1), r);
}

static rnn_status rfft_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t width = x->dims[x->ndim - 1];
  rows r;
  rnn_status status = rfft_begin(ctx, c, x, &r);
  for (int64_t i = 0; i < r.count && status == RNN_OK; i++) {
    status = to_spectrum(ctx, &r, rnni_f(x) + i * width);
    real *y = rnni_f(c->out[0]) + i * 2 * r.bins;
    for (int64_t k = 0; k < r.bins && status == RNN_OK; k++) {
      y[2 * k] = (real)r.spectrum[k].re;
      y[2 * k + 1] = (real)r.spectrum[k].im;
    }
  }
  end(ctx, &r);
  return status;
}

static rnn_status rfft_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t width = x->dims[x->ndim - 1];
  rows r;
  rnn_status status = rfft_begin(ctx, c, x, &r);
  for (int64_t i = 0; i < r.count && status == RNN_OK; i++) {
    status = from_spectrum(ctx, &r, rnni_f(c->dout[0]) + i * 2 * r.bins, 0.5);
    real *dx = rnni_f(c->din[0]) + i * width;
    for (int64_t j = 0; j < r.width && status == RNN_OK; j++) dx[j] += (real)r.x[j];
  }
  end(ctx, &r);
  return status;
}
const rnn_op rnni_op_rfft = {.name = "rfft", .args = "T?i", .doc = "(x [, n]). Fourier transform of real x (..., n) along its last axis: (..., n // 2 + 1, 2), the frequencies 0, 1 .. n // 2"
                             " of n samples, real and imaginary parts; X[k] = sum of x[j] exp(-2 pi i j k / n) with j and k from 0. Another n cuts x or puts zeros behind it."
                             " Errors: n below 1, int32, an axis that is time of a batch with lengths.",
                             .shape = rfft_shape, .forward = rfft_forward, .backward = rfft_backward,
                             .lengths = RNNI_LENGTHS_KEEP, .absent = ABSENT};

/* ---- irfft ---- */

static rnn_status irfft_shape(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  RNNI_TRY(need_last_axis(ctx, c, 2));
  if (x->dims[x->ndim - 1] != 2)
    return rnni_fail(ctx, RNN_ESHAPE, "irfft: expected (..., frequencies, 2), real and imaginary parts, got %s",
                     RNNI_SHAPE(x));
  if (c->args.i[0] == ABSENT) c->args.i[0] = 2 * (x->dims[x->ndim - 2] - 1);
  RNNI_TRY(need_size(ctx, c, c->args.i[0]));
  rnni_out_like(c, x);
  c->out_ndim = x->ndim - 1;
  c->out_dims[c->out_ndim - 1] = c->args.i[0];
  return RNN_OK;
}

static rnn_status irfft_begin(rnn_ctx *ctx, const rnni_call *c, const rnn_tensor *x, rows *r) {
  return begin(ctx, c->args.i[0], INT64_MAX, x->dims[x->ndim - 2], rows_of(x, 2), r);
}

static rnn_status irfft_forward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t width = 2 * x->dims[x->ndim - 2];
  rows r;
  rnn_status status = irfft_begin(ctx, c, x, &r);
  for (int64_t i = 0; i < r.count && status == RNN_OK; i++) {
    status = from_spectrum(ctx, &r, rnni_f(x) + i * width, 1);
    real *y = rnni_f(c->out[0]) + i * r.n;
    for (int64_t j = 0; j < r.n && status == RNN_OK; j++) y[j] = (real)(r.x[j] / (double)r.n);
  }
  end(ctx, &r);
  return status;
}

static rnn_status irfft_backward(rnn_ctx *ctx, rnni_call *c) {
  const rnn_tensor *x = c->in[0];
  const int64_t width = 2 * x->dims[x->ndim - 2];
  rows r;
  rnn_status status = irfft_begin(ctx, c, x, &r);
  for (int64_t i = 0; i < r.count && status == RNN_OK; i++) {
    status = to_spectrum(ctx, &r, rnni_f(c->dout[0]) + i * r.n);
    real *dx = rnni_f(c->din[0]) + i * width;
    for (int64_t k = 0; k < r.bins && status == RNN_OK; k++) {
      double scale = (own_conjugate(&r, k) ? 1 : 2) / (double)r.n;
      dx[2 * k] += (real)(scale * r.spectrum[k].re);
      dx[2 * k + 1] += (real)(scale * r.spectrum[k].im);
    }
  }
  end(ctx, &r);
  return status;
}
const rnn_op rnni_op_irfft = {.name = "irfft", .args = "T?i", .doc = "(X [, n]). The real sequences (..., n) whose rfft is X (..., frequencies, 2); n is 2 (frequencies - 1), or 2 frequencies - 1"
                              " for an odd one. Another n cuts X or puts zeros behind it; imaginary parts that rfft makes 0 are not looked at."
                              " Errors: n below 1, a last axis that is not 2, int32, an axis that is time of a batch with lengths.",
                              .shape = irfft_shape, .forward = irfft_forward, .backward = irfft_backward,
                              .lengths = RNNI_LENGTHS_KEEP, .absent = ABSENT};
