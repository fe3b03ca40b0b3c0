-- audio.lua: recordings, and what is heard of them. Samples are float tensors (L), or (L, channels) for more than one
-- channel, mostly from -1 to 1.

local core = require "rnn.core"
local check = require "rnn.check"

local audio = {}

--- audio.read(path [, { rate = nil }]) -> samples, rate | nil, message, code
---
--- A sound file: WAV, FLAC, Ogg and whatever else libsndfile knows. Samples are (L), or (L, channels) for more than one
--- channel: x:mean(2) mixes them. Whole numbers become fractions of the largest, so 16 bits come as multiples of
--- 1/32768. rate is in samples a second; with option rate the recording is brought to that one. A file that is cut
--- short, empty or no sound gives nil and a message.
---@param path string
---@param options? { rate?: number }
---@return rnn.Tensor? samples
---@return number|string rate or message
---@return string? code
function audio.read(path, options)
  options = check.options("audio.read", options, { rate = check.none })
  local wanted = options.rate and check.positive("audio.read", "option 'rate'", options.rate)
  local samples, rate, code = core.audio_read(path)
  if not samples or not wanted or wanted == rate then return samples, rate, code end
  return core.audio_resample(samples, rate, wanted), wanted
end

--- audio.write(path, samples, rate) -> true | nil, message, code
---
--- Writes samples (L) or (L, channels) as a WAV file of 16 bits, rate samples a second. What is beyond -1 and 1 is cut
--- off; a sample that is nan or infinite is an error. The file is the old one or the whole new one, never half of it.
---@param path string
---@param samples rnn.Tensor
---@param rate integer
---@return true?
---@return string? message
---@return string? code
function audio.write(path, samples, rate)
  return core.audio_write(path, samples, rate)
end

--- audio.resample(x, from, to) -> samples
---
--- The same sound at another rate: x (L) or (L, channels) at from samples a second becomes ceil(L * to / from) samples
--- at to. Band-limited interpolation (libsamplerate, best quality); the ratio may be from 1/256 to 256. Given other
--- rates than the true ones it changes speed and pitch.
---@param x rnn.Tensor
---@param from number
---@param to number
---@return rnn.Tensor
function audio.resample(x, from, to)
  check.tensor("audio.resample", "argument 1 (x)", x, "float")
  check.positive("audio.resample", "argument 2 (from)", from)
  check.positive("audio.resample", "argument 3 (to)", to)
  return core.audio_resample(x, from, to)
end

local MEL = { rate = check.none, bands = 40, window = check.none, hop = check.none, fft = check.none, fmin = 0,
  fmax = check.none, top_db = 80 }
local MFCC = { coefficients = 13, deltas = 0 }
for name, default in pairs(MEL) do MFCC[name] = default end

-- The settings with what follows from others put in.
local function settings(fname, options, known)
  local o = check.options(fname, options, known)
  check.positive(fname, "option 'rate'", o.rate)
  o.window = check.int(fname, "option 'window'", o.window or math.max(2, math.floor(o.rate * 0.025 + 0.5)), 2)
  o.hop = check.int(fname, "option 'hop'", o.hop or math.max(1, math.floor(o.rate * 0.01 + 0.5)), 1)
  if not o.fft then
    o.fft = 2
    while o.fft < o.window do o.fft = 2 * o.fft end
  end
  check.int(fname, "option 'fft'", o.fft, o.window)
  check.int(fname, "option 'bands'", o.bands, 1)
  check.number(fname, "option 'fmin'", o.fmin, 0)
  o.fmax = check.number(fname, "option 'fmax'", o.fmax or o.rate / 2, 0, o.rate / 2)
  if o.top_db == false then o.top_db = math.huge end
  check.number(fname, "option 'top_db'", o.top_db, 0)
  return o
end

--- audio.log_mel(x, options) -> (T, bands)
---
--- The log-mel spectrogram of one channel x (L) in decibels, a row every hop samples: T = 1 + L // hop. As
--- librosa.power_to_db(librosa.feature.melspectrogram(...)) of librosa 0.11: frames centred, zeros beyond the ends,
--- periodic Hann window, power spectrum, triangles of area 1 on Slaney's mel scale. Options:
---
---   rate     of x, in samples a second; must be given
---   bands    40
---   window   in samples; 25 ms
---   hop      in samples; 10 ms
---   fft      even, at least window; the next power of 2
---   fmin, fmax  in Hz; 0, rate / 2
---   top_db   80: what is further below the loudest value is raised to that distance; false: nothing is
---
--- nan, infinite or no samples are errors. There is no gradient: features are computed before training.
---@param x rnn.Tensor
---@param options table
---@return rnn.Tensor
function audio.log_mel(x, options)
  check.tensor("audio.log_mel", "argument 1 (x)", x, "float")
  return core.audio_features(x, settings("audio.log_mel", options, MEL))
end

--- audio.deltas(x [, { width = 9, order = 1 }]) -> (T, D)
---
--- How features x (T, D) change: at every step the slope of a line (order 2: the second derivative of a parabola) that
--- fits the width steps around it best (Savitzky and Golay 1964), as librosa.feature.delta. The first and last
--- width // 2 steps take the value of their neighbour that has all of them. T must be at least width, which is odd.
--- Errors: an even width, fewer steps than width.
---@param x rnn.Tensor
---@param options? { width?: integer, order?: integer }
---@return rnn.Tensor
function audio.deltas(x, options)
  local fname = "audio.deltas"
  check.tensor(fname, "argument 1 (x)", x, "float", 2)
  options = check.options(fname, options, { width = 9, order = 1 })
  local width = check.int(fname, "option 'width'", options.width, 3)
  if width % 2 == 0 then check.expected(fname, "option 'width'", "an odd number", width) end
  local order = check.int(fname, "option 'order'", options.order, 1, 2)
  local steps, half = #x, width // 2
  if steps < width then
    core.fail("%s: x has %d steps, but width %d needs as many", fname, steps, width)
  end
  -- Both polynomials are even or odd around the middle, so the fit is a weighted sum.
  local mean, squares, weights = order == 2 and half * (half + 1) / 3 or 0, 0, {}
  for n = -half, half do
    weights[n] = order == 2 and n * n - mean or n
    squares = squares + weights[n] ^ 2
  end
  local inner = 0
  for n = -half, half do
    if weights[n] ~= 0 then
      inner = inner + x:rows(1 + half + n, steps - half + n) * (weights[n] * order / squares)
    end
  end
  local ids = core.arange(steps):sub(half):maximum(1):minimum(#inner)
  return inner:gather(1, ids)
end

--- audio.mfcc(x, options) -> (T, coefficients * (1 + deltas))
---
--- Mel-frequency cepstral coefficients of one channel x (L): the orthonormal DCT of audio.log_mel, as
--- librosa.feature.mfcc. Options are those of audio.log_mel, and
---
---   coefficients  13, at most bands
---   deltas        0; 1 adds first differences (audio.deltas), 2 second ones as well
---@param x rnn.Tensor
---@param options table
---@return rnn.Tensor
function audio.mfcc(x, options)
  check.tensor("audio.mfcc", "argument 1 (x)", x, "float")
  local o = settings("audio.mfcc", options, MFCC)
  check.int("audio.mfcc", "option 'coefficients'", o.coefficients, 1, o.bands)
  check.int("audio.mfcc", "option 'deltas'", o.deltas, 0, 2)
  local parts = { core.audio_features(x, o) }
  for order = 1, o.deltas do parts[1 + order] = audio.deltas(parts[1], { order = order }) end
  return #parts == 1 and parts[1] or core.concat(parts, 2)
end

return audio
