/* file.c: recordings from files and to files, through libsndfile. */
#include "audio.h"

#ifdef RNNLUA_SNDFILE
#include <limits.h>
#include <sndfile.h>
#include <unistd.h>

#define PIECE ((int64_t)1 << 16) /* frames between two looks at an interrupt */

static struct {
  __typeof__(&sf_open_fd) open_fd;
  __typeof__(&sf_close) close;
  __typeof__(&sf_strerror) strerror;
#ifdef RNN_DOUBLE
  __typeof__(&sf_readf_double) readf;
#else
  __typeof__(&sf_readf_float) readf;
#endif
  __typeof__(&sf_writef_short) writef;
} sf;

static const rnni_symbol symbols[] = {{"sf_open_fd", (void **)&sf.open_fd},
                                      {"sf_close", (void **)&sf.close},
                                      {"sf_strerror", (void **)&sf.strerror},
#ifdef RNN_DOUBLE
                                      {"sf_readf_double", (void **)&sf.readf},
#else
                                      {"sf_readf_float", (void **)&sf.readf},
#endif
                                      {"sf_writef_short", (void **)&sf.writef},
                                      {NULL, NULL}};

static rnni_library library = {"libsndfile.so.1", "libsndfile1", symbols, false, NULL};

static int64_t number_at(const unsigned char *bytes) {
  return (int64_t)bytes[0] | (int64_t)bytes[1] << 8 | (int64_t)bytes[2] << 16 | (int64_t)bytes[3] << 24;
}

/* libsndfile reads what is left of a file that was cut short and says nothing. The header of a WAV file tells: a file
   is cut short when both the size of the whole and that of the samples go past its end. One alone is a slip of the
   program that wrote it: a pad byte left out, a size that counts its own bytes. 0 and 0xFFFFFFFF: "not known". */
static rnn_status check_size(rnn_ctx *ctx, const char *path, int fd, int64_t size) {
  if (size == 0) return rnni_fail(ctx, RNN_EFORMAT, "%.300s is empty, not a sound file", path);
  unsigned char head[12];
  if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head, "RIFF", 4) != 0) return RNN_OK;
  int64_t promised = number_at(head + 4);
  if (promised == 0 || promised == UINT32_MAX || promised + 8 <= size) return RNN_OK;
  for (int64_t at = 12; pread(fd, head, 8, at) == 8; at += 8 + number_at(head + 4) + (number_at(head + 4) & 1))
    if (memcmp(head, "data", 4) == 0) {
      if (number_at(head + 4) <= size - at - 8) return RNN_OK;
      break;
    }
  return rnni_fail(ctx, RNN_EFORMAT, "%.300s is cut short: its header promises %lld bytes, but it has %lld", path,
                   (long long)promised + 8, (long long)size);
}

/* Everything of the open file. The number of frames in its header is not believed: memory grows with what comes. */
static rnn_status read_frames(rnn_ctx *ctx, const char *path, SNDFILE *file, const SF_INFO *info, rnn_tensor **out) {
  const int64_t channels = info->channels;
  real *samples = NULL;
  int64_t frames = 0, room = 0, got;
  rnn_status status = RNN_OK;
  do {
    RNNI_GOTO(rnni_poll(ctx));
    if (frames + PIECE > room) {
      int64_t wanted = RNNI_MAX(2 * room, PIECE);
      if (wanted > INT64_MAX / 2 / channels / (int64_t)sizeof(real)) {
        status = rnni_fail(ctx, RNN_ENOMEM, "cannot read %.300s: too long", path);
        goto done;
      }
      RNNI_GOTO(rnni_realloc(ctx, (size_t)(wanted * channels) * sizeof(real), &samples));
      room = wanted;
    }
    got = sf.readf(file, samples + frames * channels, PIECE);
    frames += RNNI_MAX(got, 0);
  } while (got == PIECE);
  if (info->frames > 0 && info->frames < SF_COUNT_MAX && frames < info->frames) {
    status = rnni_fail(ctx, RNN_EFORMAT, "%.300s is cut short or damaged: %lld of %lld samples could be read", path,
                       (long long)frames, (long long)info->frames);
    goto done;
  }
  RNNI_GOTO(rnni_tensor_raw(ctx, RNN_FLOAT, channels == 1 ? 1 : 2, (int64_t[]){frames, channels}, out));
  memcpy(rnni_f(*out), samples, (size_t)(frames * channels) * sizeof(real));
done:
  rnni_free(ctx, samples);
  return status;
}

rnn_status rnn_audio_read(rnn_ctx *ctx, const char *path, rnn_tensor **out, int *rate) {
  RNNI_NEED(ctx, path && out && rate, "path or out or rate is NULL");
  RNNI_TRY(rnni_library_need(ctx, "audio.read", &library));
  int fd;
  int64_t size;
  RNNI_TRY(rnni_file_open(ctx, path, false, &fd, &size));
  rnn_status status = check_size(ctx, path, fd, size);
  if (status != RNN_OK) {
    close(fd);
    return status;
  }
  SF_INFO info = {0};
  SNDFILE *file = sf.open_fd(fd, SFM_READ, &info, SF_FALSE);
  if (!file)
    status = rnni_fail(ctx, RNN_EFORMAT, "%.300s is not a sound file that libsndfile knows: %.150s", path,
                       sf.strerror(NULL));
  else if (info.channels < 1 || info.samplerate < 1)
    status = rnni_fail(ctx, RNN_EFORMAT, "%.300s: %d channels at %d Hz", path, info.channels, info.samplerate);
  else
    status = read_frames(ctx, path, file, &info, out);
  if (file) sf.close(file);
  close(fd);
  if (status == RNN_OK) *rate = info.samplerate;
  return status;
}

/* 16 bits, so that what was read from such a file is written as the same bits: 1 is 32768, which libsndfile's own
   conversion takes for 32767. */
static rnn_status put_frames(rnn_ctx *ctx, const char *path, SNDFILE *file, const rnn_tensor *x, int64_t channels) {
  const real *v = rnni_f(x);
  const int64_t frames = x->dims[0];
  short *piece;
  RNNI_TRY(rnni_array(ctx, PIECE * channels, sizeof *piece, &piece));
  rnn_status status = RNN_OK;
  for (int64_t at = 0; at < frames && status == RNN_OK; at += PIECE) {
    const int64_t n = RNNI_MIN(PIECE, frames - at);
    for (int64_t i = 0; i < n * channels; i++) {
      double s = rint((double)v[at * channels + i] * 32768);
      piece[i] = (short)(s > 32767 ? 32767 : s < -32768 ? -32768 : s);
    }
    if (sf.writef(file, piece, n) != n)
      status = rnni_fail(ctx, RNN_EIO, "cannot write %.300s: %.150s", path, sf.strerror(file));
    else
      status = rnni_poll(ctx);
  }
  rnni_free(ctx, piece);
  return status;
}

rnn_status rnn_audio_write(rnn_ctx *ctx, const char *path, const rnn_tensor *x, int rate) {
  RNNI_NEED(ctx, path, "path is NULL");
  RNNI_NEED_TENSOR(ctx, x);
  RNNI_TRY(rnni_need_rows(ctx, "audio_write", x));
  RNNI_TRY(rnni_need_samples(ctx, "audio.write", x));
  const int64_t channels = x->ndim == 2 ? x->dims[1] : 1;
  if (channels > 1024) return rnni_fail(ctx, RNN_EARG, "audio.write: %lld channels are too many", (long long)channels);
  if (rate < 1) return rnni_fail(ctx, RNN_EARG, "audio.write: rate %d is not positive", rate);
  if (x->dims[0] > (UINT32_MAX - 4096) / 2 / channels)
    return rnni_fail(ctx, RNN_EARG, "audio.write: %s is too long for a WAV file, which ends at 4 GB", RNNI_SHAPE(x));
  RNNI_TRY(rnni_library_need(ctx, "audio.write", &library));
  rnni_file f;
  RNNI_TRY(rnni_file_begin(ctx, path, &f));
  SF_INFO info = {.samplerate = rate, .channels = (int)channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
  SNDFILE *file = sf.open_fd(f.fd, SFM_WRITE, &info, SF_FALSE);
  rnn_status status;
  if (!file) {
    status = rnni_fail(ctx, RNN_EIO, "cannot write %.300s: %.150s", path, sf.strerror(NULL));
  } else {
    status = put_frames(ctx, path, file, x, channels);
    if (sf.close(file) != 0 && status == RNN_OK)
      status = rnni_fail(ctx, RNN_EIO, "cannot write %.300s: the last samples were refused", path);
  }
  rnn_status finished = rnni_file_finish(ctx, &f, status == RNN_OK);
  return status != RNN_OK ? status : finished;
}

#else

rnn_status rnn_audio_read(rnn_ctx *ctx, const char *path, rnn_tensor **out, int *rate) {
  (void)path, (void)out, (void)rate;
  return rnni_library_missing(ctx, "audio.read", "libsndfile", "libsndfile1-dev");
}

rnn_status rnn_audio_write(rnn_ctx *ctx, const char *path, const rnn_tensor *x, int rate) {
  (void)path, (void)x, (void)rate;
  return rnni_library_missing(ctx, "audio.write", "libsndfile", "libsndfile1-dev");
}

#endif
