/* resample.c: another sampling rate, through libsamplerate's best band-limited interpolation. */
#include "audio.h"

#ifdef RNNLUA_SAMPLERATE
#include <samplerate.h>

#define PIECE ((int64_t)1 << 14) /* frames at a time, between two looks at an interrupt */

static struct {
  __typeof__(&src_new) new;
  __typeof__(&src_delete) delete;
  __typeof__(&src_process) process;
  __typeof__(&src_strerror) strerror;
  __typeof__(&src_is_valid_ratio) is_valid_ratio;
} src;

static const rnni_symbol symbols[] = {{"src_new", (void **)&src.new},
                                      {"src_delete", (void **)&src.delete},
                                      {"src_process", (void **)&src.process},
                                      {"src_strerror", (void **)&src.strerror},
                                      {"src_is_valid_ratio", (void **)&src.is_valid_ratio},
                                      {NULL, NULL}};

static rnni_library library = {"libsamplerate.so.0", "libsamplerate0", symbols, false, NULL};

/* The library works in float: in the double build its buffers are converted. */
static rnn_status convert(rnn_ctx *ctx, SRC_STATE *state, const rnn_tensor *x, double ratio, rnn_tensor *y, float *in,
                          float *out) {
  const int64_t channels = x->ndim == 2 ? x->dims[1] : 1, frames = x->dims[0];
  int64_t read = 0, wrote = 0;
  while (wrote < y->dims[0]) {
    RNNI_TRY(rnni_poll(ctx));
    const int64_t n = RNNI_MIN(PIECE, frames - read);
    for (int64_t i = 0; i < n * channels; i++) in[i] = (float)rnni_f(x)[read * channels + i];
    SRC_DATA piece = {.data_in = in, .input_frames = (long)n, .data_out = out,
                      .output_frames = (long)RNNI_MIN(PIECE, y->dims[0] - wrote), .src_ratio = ratio,
                      .end_of_input = read + n == frames};
    int error = src.process(state, &piece);
    if (error) return rnni_fail(ctx, RNN_EARG, "audio.resample: %s", src.strerror(error));
    if (piece.input_frames_used == 0 && piece.output_frames_gen == 0) break; /* the rest is silence */
    for (int64_t i = 0; i < piece.output_frames_gen * channels; i++) rnni_f(y)[wrote * channels + i] = (real)out[i];
    read += piece.input_frames_used;
    wrote += piece.output_frames_gen;
  }
  return RNN_OK;
}

rnn_status rnn_audio_resample(rnn_ctx *ctx, const rnn_tensor *x, double from, double to, rnn_tensor **out) {
  RNNI_NEED(ctx, out, "out is NULL");
  RNNI_NEED_TENSOR(ctx, x);
  RNNI_TRY(rnni_need_rows(ctx, "audio_resample", x));
  RNNI_TRY(rnni_need_samples(ctx, "audio.resample", x));
  RNNI_TRY(rnni_library_need(ctx, "audio.resample", &library));
  const double ratio = to / from;
  if (!(from > 0) || !(to > 0) || !isfinite(from) || !isfinite(to) || !src.is_valid_ratio(ratio))
    return rnni_fail(ctx, RNN_EARG, "audio.resample: rates must be positive and their ratio from 1/256 to 256, got %s "
                     "and %s", rnni_number_text(from), rnni_number_text(to));
  const int64_t channels = x->ndim == 2 ? x->dims[1] : 1;
  if (channels > 128)
    return rnni_fail(ctx, RNN_EARG, "audio.resample: %lld channels are too many", (long long)channels);
  const int64_t frames = (int64_t)ceil((double)x->dims[0] * ratio - 1e-9);
  rnn_tensor *y = NULL;
  float *buffer = NULL;
  SRC_STATE *state = NULL;
  rnn_status status;
  RNNI_GOTO(rnn_tensor_new(ctx, RNN_FLOAT, x->ndim, (int64_t[]){frames, channels}, &y));
  RNNI_GOTO(rnni_array(ctx, 2 * PIECE * channels, sizeof *buffer, &buffer));
  int error;
  state = src.new(SRC_SINC_BEST_QUALITY, (int)channels, &error);
  if (!state) {
    status = rnni_fail(ctx, RNN_ENOMEM, "audio.resample: %s", src.strerror(error));
    goto done;
  }
  RNNI_GOTO(convert(ctx, state, x, ratio, y, buffer, buffer + PIECE * channels));
  *out = y;
  y = NULL;
done:
  if (state) src.delete(state);
  rnni_free(ctx, buffer);
  rnn_tensor_free(y);
  return status;
}

#else

rnn_status rnn_audio_resample(rnn_ctx *ctx, const rnn_tensor *x, double from, double to, rnn_tensor **out) {
  (void)x, (void)from, (void)to, (void)out;
  return rnni_library_missing(ctx, "audio.resample", "libsamplerate", "libsamplerate0-dev");
}

#endif
