/* features.c: what recognisers of speech hear of a recording: log-mel spectra and cepstral coefficients, to the
 * definitions of librosa 0.11 (McFee et al. 2015), so that recipes and published figures carry over:
 *
 *   frame t is centred at sample t*hop, zeros beyond both ends; periodic Hann window; power |FFT|^2;
 *   triangles on Slaney's mel scale (Auditory Toolbox, 1998), each of area 1;
 *   decibels 10 log10(max(1e-10, .)), nothing more than top_db below the loudest;
 *   coefficients: the orthonormal DCT-II over the bands.
 *
 * All of it is computed in double. */
#include "../fft.h"
#include "audio.h"

static const char *name_of(const rnn_features *o) { return o->coefficients ? "audio.mfcc" : "audio.log_mel"; }

/* Linear up to 1000 Hz, logarithmic above. */
static double to_mel(double hz) { return hz < 1000 ? hz * 3 / 200 : 15 + rnni_log(hz / 1000) * 27 / rnni_log(6.4); }
static double to_hz(double mel) { return mel < 15 ? mel * 200 / 3 : 1000 * rnni_exp((mel - 15) * rnni_log(6.4) / 27); }

/* filters (bands, bins), cosines (coefficients, bands), hann (window), power (bins), frame (fft): what frames share */
typedef struct tables {
  double *filters, *cosines, *hann, *power, *frame;
  rnni_complex *spectrum;
  rnni_fft *fft;
} tables;

static rnn_status make_filters(rnn_ctx *ctx, const rnn_features *o, double *filters) {
  const int64_t bins = o->fft / 2 + 1;
  const double low = to_mel(o->fmin), step = (to_mel(o->fmax) - low) / (double)(o->bands + 1);
  for (int64_t b = 0; b < o->bands; b++) {
    double left = to_hz(low + (double)b * step), middle = to_hz(low + (double)(b + 1) * step),
           right = to_hz(low + (double)(b + 2) * step), sum = 0;
    for (int64_t k = 0; k < bins; k++) {
      double hz = (double)k * o->rate / (double)o->fft;
      double height = RNNI_MIN((hz - left) / (middle - left), (right - hz) / (right - middle));
      sum += filters[b * bins + k] = RNNI_MAX(0, height) * 2 / (right - left);
    }
    if (sum <= 0)
      return rnni_fail(ctx, RNN_EARG,
                       "%s: band %lld of %lld, %.0f to %.0f Hz, lies between two frequencies of an FFT of %lld samples: "
                       "fewer bands, or a larger fft", name_of(o), (long long)b + 1, (long long)o->bands, left, right,
                       (long long)o->fft);
  }
  return RNN_OK;
}

static rnn_status make_tables(rnn_ctx *ctx, const rnn_features *o, tables *t) {
  const int64_t bins = o->fft / 2 + 1;
  RNNI_TRY(rnni_array(ctx, o->bands * bins, sizeof(double), &t->filters));
  RNNI_TRY(rnni_array(ctx, o->coefficients * o->bands, sizeof(double), &t->cosines));
  RNNI_TRY(rnni_array(ctx, o->window, sizeof(double), &t->hann));
  RNNI_TRY(rnni_array(ctx, bins, sizeof(double), &t->power));
  RNNI_TRY(rnni_array(ctx, o->fft, sizeof(double), &t->frame));
  RNNI_TRY(rnni_array(ctx, bins, sizeof *t->spectrum, &t->spectrum));
  RNNI_TRY(rnni_fft_plan(ctx, o->fft, &t->fft));
  RNNI_TRY(make_filters(ctx, o, t->filters));
  for (int64_t i = 0; i < o->window; i++) t->hann[i] = 0.5 - 0.5 * rnni_cos(2 * M_PI * (double)i / (double)o->window);
  for (int64_t c = 0; c < o->coefficients; c++)
    for (int64_t b = 0; b < o->bands; b++)
      t->cosines[c * o->bands + b] = sqrt((c ? 2.0 : 1.0) / (double)o->bands) *
                                     rnni_cos(M_PI * (double)(c * (2 * b + 1)) / (double)(2 * o->bands));
  return RNN_OK;
}

static void free_tables(rnn_ctx *ctx, tables *t) {
  rnni_free(ctx, t->filters);
  rnni_free(ctx, t->cosines);
  rnni_free(ctx, t->hann);
  rnni_free(ctx, t->power);
  rnni_free(ctx, t->frame);
  rnni_free(ctx, t->spectrum);
  rnni_fft_free(ctx, t->fft);
}

/* Frame number at of x, in decibels. */
static rnn_status hear(rnn_ctx *ctx, const rnn_features *o, const tables *t, const rnn_tensor *x, int64_t at, double *decibels) {
  const int64_t bins = o->fft / 2 + 1, from = (o->fft - o->window) / 2; /* a shorter window lies in the middle */
  const int64_t shift = at * o->hop - o->fft / 2 + from; /* sample under the first place of the window */
  memset(t->frame, 0, (size_t)o->fft * sizeof *t->frame);
  for (int64_t i = RNNI_MAX(0, -shift); i < o->window && shift + i < x->count; i++)
    t->frame[from + i] = (double)rnni_f(x)[shift + i] * t->hann[i];
  RNNI_TRY(rnni_fft_forward(ctx, t->fft, t->frame, t->spectrum));
  for (int64_t k = 0; k < bins; k++) {
    double re = t->spectrum[k].re, im = t->spectrum[k].im;
    t->power[k] = re * re + im * im;
  }
  for (int64_t b = 0; b < o->bands; b++) {
    const double *filter = t->filters + b * bins;
    double sum = 0;
    for (int64_t k = 0; k < bins; k++) sum += filter[k] * t->power[k];
    decibels[b] = 10 * rnni_log10(RNNI_MAX(1e-10, sum));
  }
  return RNN_OK;
}

static rnn_status compute(rnn_ctx *ctx, const rnn_features *o, const rnn_tensor *x, int64_t frames, const tables *t,
                          double *decibels, rnn_tensor *y) {
  const int64_t bands = o->bands;
  for (int64_t at = 0; at < frames; at++) {
    RNNI_TRY(rnni_poll(ctx));
    RNNI_TRY(hear(ctx, o, t, x, at, decibels + at * bands));
  }
  double loudest = -INFINITY;
  for (int64_t i = 0; i < frames * bands; i++) loudest = RNNI_MAX(loudest, decibels[i]);
  for (int64_t i = 0; i < frames * bands; i++) decibels[i] = RNNI_MAX(decibels[i], loudest - o->top_db);
  real *out = rnni_f(y);
  if (!o->coefficients) {
    for (int64_t i = 0; i < frames * bands; i++) out[i] = (real)decibels[i];
    return RNN_OK;
  }
  for (int64_t at = 0; at < frames; at++)
    for (int64_t c = 0; c < o->coefficients; c++) {
      double sum = 0;
      for (int64_t b = 0; b < bands; b++) sum += t->cosines[c * bands + b] * decibels[at * bands + b];
      *out++ = (real)sum;
    }
  return RNN_OK;
}

rnn_status rnn_audio_features(rnn_ctx *ctx, const rnn_features *o, const rnn_tensor *x, rnn_tensor **out) {
  RNNI_NEED(ctx, o && out, "o or out is NULL");
  RNNI_NEED_TENSOR(ctx, x);
  RNNI_TRY(rnni_need_rows(ctx, "audio_features", x));
  const char *name = name_of(o);
  RNNI_TRY(rnni_need_samples(ctx, name, x));
  if (x->ndim != 1)
    return rnni_fail(ctx, RNN_EARG, "%s: expected one channel (L), got %s: x:mean(2) mixes them", name, RNNI_SHAPE(x));
  if (x->count == 0) return rnni_fail(ctx, RNN_EARG, "%s: the recording has no samples", name);
  if (!(o->rate > 0) || o->hop < 1 || o->window < 2 || o->fft < o->window || o->fft % 2 != 0 || o->fft > 1 << 24 ||
      o->bands < 1 || o->bands > o->fft || o->coefficients < 0 || o->coefficients > o->bands || !(o->fmin >= 0) ||
      !(o->fmax > o->fmin) || !(o->fmax <= o->rate / 2) || !(o->top_db > 0))
    return rnni_fail(ctx, RNN_EARG,
                     "%s: settings do not fit together: rate %s, hop %lld, window %lld, fft %lld (even, of at least "
                     "window), bands %lld, coefficients %lld (at most bands), fmin %s, fmax %s (at most rate / 2), "
                     "top_db %s", name, rnni_number_text(o->rate), (long long)o->hop, (long long)o->window,
                     (long long)o->fft, (long long)o->bands, (long long)o->coefficients, rnni_number_text(o->fmin),
                     rnni_number_text(o->fmax), rnni_number_text(o->top_db));
  const int64_t frames = 1 + x->count / o->hop;
  tables t = {0};
  double *decibels = NULL;
  rnn_tensor *y = NULL;
  rnn_status status;
  RNNI_GOTO(make_tables(ctx, o, &t));
  RNNI_GOTO(rnni_array(ctx, frames * o->bands, sizeof *decibels, &decibels));
  RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, 2, (int64_t[]){frames, o->coefficients ? o->coefficients : o->bands}, &y));
  RNNI_GOTO(compute(ctx, o, x, frames, &t, decibels, y));
  *out = y;
  y = NULL;
done:
  rnn_tensor_free(y);
  rnni_free(ctx, decibels);
  free_tables(ctx, &t);
  return status;
}
