/* audio.c: recordings from Lua. stdlib/rnn/audio.lua has the functions for users, with their defaults. */
#include <limits.h>

#include "../binding.h"

/*--- rnn.audio_read(path) -> samples, rate | nil, message, code
---
--- What audio.read is made of. Errors: a path that is no string; a file that cannot be read gives nil and a message.
---@param path string
---@return rnn.Tensor? float (L), or (L, channels)
---@return integer|string rate or message
---@return string? code */
static int lrnn_audio_read(lua_State *L) {
  const char *path = lrnn_check_read(L, "audio.read", 1);
  rnn_tensor **box = lrnn_box(L);
  int rate;
  rnn_status status = rnn_audio_read(lrnn_context(L), path, box, &rate);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushinteger(L, rate);
  return 2;
}

/*--- rnn.audio_write(path, samples, rate) -> true | nil, message, code
---
--- What audio.write is made of. Errors: samples that are not finite floats (L) or (L, channels), a rate below 1; a file
--- that cannot be written gives nil and a message.
---@param path string
---@param samples rnn.Tensor
---@param rate integer
---@return true?
---@return string? message
---@return string? code */
static int lrnn_audio_write(lua_State *L) {
  const char *path = lrnn_check_write(L, "audio.write", 1);
  const rnn_tensor *x = lrnn_check_rows(L, "audio.write", 2);
  lua_Integer rate = lrnn_check_integer(L, "audio.write", 3, "rate");
  if (rate < 1 || rate > INT_MAX) lrnn_argument_error(L, "audio.write", 3, "rate", "a positive integer");
  rnn_status status = rnn_audio_write(lrnn_context(L), path, x, (int)rate);
  if (status != RNN_OK) return lrnn_fail(L, status);
  lua_pushboolean(L, 1);
  return 1;
}

/*--- rnn.audio_resample(samples, from, to) -> samples
---
--- What audio.resample is made of. Errors: samples that are not finite floats (L) or (L, channels), rates that are not
--- positive or further apart than a factor of 256.
---@param samples rnn.Tensor
---@param from number
---@param to number
---@return rnn.Tensor */
static int lrnn_audio_resample(lua_State *L) {
  const rnn_tensor *x = lrnn_check_rows(L, "audio.resample", 1);
  double from = lrnn_check_number(L, "audio.resample", 2, "from"), to = lrnn_check_number(L, "audio.resample", 3, "to");
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_audio_resample(lrnn_context(L), x, from, to, box));
  return 1;
}

/*--- rnn.audio_features(samples, options) -> (T, D)
---
--- What audio.log_mel and audio.mfcc are made of. Without coefficients, or with 0, it is log-mel. Errors: samples that
--- are not finite floats (L), options that do not fit together.
---@param samples rnn.Tensor (L)
---@param options { rate: number, window: integer, hop: integer, fft: integer, bands: integer, coefficients?: integer, fmin: number, fmax: number, top_db: number }
---@return rnn.Tensor */
static int lrnn_audio_features(lua_State *L) {
  const char *fname = "audio.features";
  static const char *const known[] = {"rate", "window", "hop", "fft", "bands", "coefficients", "fmin", "fmax", "top_db",
                                      NULL};
  lrnn_check_table(L, fname, 2, "options");
  lrnn_check_options(L, fname, 2, known);
  const rnn_tensor *x = lrnn_check_rows(L, fname, 1);
  rnn_features o = {.rate = lrnn_option_number(L, fname, 2, "rate", 0),
                    .window = lrnn_option_integer(L, fname, 2, "window", 0),
                    .hop = lrnn_option_integer(L, fname, 2, "hop", 0),
                    .fft = lrnn_option_integer(L, fname, 2, "fft", 0),
                    .bands = lrnn_option_integer(L, fname, 2, "bands", 0),
                    .coefficients = lrnn_option_integer(L, fname, 2, "coefficients", 0),
                    .fmin = lrnn_option_number(L, fname, 2, "fmin", 0),
                    .fmax = lrnn_option_number(L, fname, 2, "fmax", 0),
                    .top_db = lrnn_option_number(L, fname, 2, "top_db", 0)};
  rnn_tensor **box = lrnn_box(L);
  lrnn_check(L, rnn_audio_features(lrnn_context(L), &o, x, box));
  return 1;
}

const lrnn_function lrnn_audio_functions[] = {{"audio_read", lrnn_audio_read, 1},
                                              {"audio_write", lrnn_audio_write, 3},
                                              {"audio_resample", lrnn_audio_resample, 3},
                                              {"audio_features", lrnn_audio_features, 2},
                                              {NULL, NULL, 0}};
