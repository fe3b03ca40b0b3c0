-- audio.lua: recordings, and what is heard of them. Samples are float tensors (L), or (L, channels) for more than one
-- channel, mostly from -1 to 1.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local audio = {}

local READ = option.of("audio.read", {
  { "rate", nil, check.positive, "samples a second that the recording is brought to" },
})

--- audio.read(path [, options]) -> samples, rate | nil, message, code
---
--- A sound file: WAV, FLAC, Ogg and whatever else libsndfile knows. Samples are (L), or (L, channels) for more than one
--- channel: x:mean(2) mixes them. Whole numbers become fractions of the largest, so 16 bits come as multiples of
--- 1/32768. rate is in samples a second. A file that is cut short, empty or no sound gives nil and a message.
---@param path string
---@param options? audio.read.Options
---@return rnn.Tensor? samples
---@return number|string rate or message
---@return string? code
function audio.read(path, options)
  local wanted = READ:read(options).rate
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

local SPECTROGRAM = {
  { "rate", nil, check.positive, "of x, in samples a second", required = true },
  { "bands", 40, option.int(1), "triangles on the mel scale" },
  { "window", nil, option.int(2), "in samples; 25 ms by default" },
  { "hop", nil, option.int(1), "in samples; 10 ms by default" },
  { "fft", nil, option.int(2), "in samples, even, at least window; the next power of 2 by default" },
  { "fmin", 0, option.number(0), "in Hz" },
  { "fmax", nil, option.number(0), "in Hz; rate / 2 by default" },
  { "top_db", 80, option.unless_false(option.number(0)), "what is further below the loudest value, in dB, is raised "
    .. "to that distance; false: nothing is" },
}
local MEL = option.of("audio.log_mel", SPECTROGRAM)
local MFCC = option.of("audio.mfcc", {
  { "coefficients", 13, option.int(1), "at most bands" },
  { "deltas", 0, option.int(0, 2), "1 adds first differences (audio.deltas), 2 second ones as well" },
}, SPECTROGRAM)

-- The settings with what follows from others put in.
local function settings(fname, o)
  o.window = check.int(fname, "option 'window'", o.window or math.max(2, math.floor(o.rate * 0.025 + 0.5)), 2)
  o.hop = check.int(fname, "option 'hop'", o.hop or math.max(1, math.floor(o.rate * 0.01 + 0.5)), 1)
  if not o.fft then
    o.fft = 2
    while o.fft < o.window do o.fft = 2 * o.fft end
  end
  check.int(fname, "option 'fft'", o.fft, o.window)
  o.fmax = check.number(fname, "option 'fmax'", o.fmax or o.rate / 2, 0, o.rate / 2)
  o.top_db = o.top_db or math.huge
  return o
end

--- audio.log_mel(x, options) -> (T, bands)
---
--- The log-mel spectrogram of one channel x (L) in decibels, a row every hop samples: T = 1 + L // hop. As
--- librosa.power_to_db(librosa.feature.melspectrogram(...)) of librosa 0.11: frames centred, zeros beyond the ends,
--- periodic Hann window, power spectrum, triangles of area 1 on Slaney's mel scale. nan, infinite or no samples are
--- errors. There is no gradient: features are computed before training.
---@param x rnn.Tensor
---@param options audio.log_mel.Options
---@return rnn.Tensor
function audio.log_mel(x, options)
  check.tensor("audio.log_mel", "argument 1 (x)", x, "float")
  return core.audio_features(x, settings("audio.log_mel", MEL:read(options)))
end

local DELTAS = option.of("audio.deltas", {
  { "width", 9, option.int(3), "steps, an odd number" },
  { "order", 1, option.int(1, 2), "1: the slope of a line, 2: the second derivative of a parabola" },
})

--- audio.deltas(x [, options]) -> (T, D)
---
--- How features x (T, D) change: at every step the slope of a line, or the second derivative of a parabola, that fits
--- the width steps around it best (Savitzky and Golay 1964), as librosa.feature.delta. The first and last width // 2
--- steps take the value of their neighbour that has all of them. T must be at least width, which is odd. Errors: an
--- even width, fewer steps than width.
---@param x rnn.Tensor
---@param options? audio.deltas.Options
---@return rnn.Tensor
function audio.deltas(x, options)
  local fname = "audio.deltas"
  check.tensor(fname, "argument 1 (x)", x, "float", 2)
  options = DELTAS:read(options)
  local width, order = options.width, options.order
  if width % 2 == 0 then check.expected(fname, "option 'width'", "an odd number", width) end
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
--- librosa.feature.mfcc. Errors: as audio.log_mel.
---@param x rnn.Tensor
---@param options audio.mfcc.Options
---@return rnn.Tensor
function audio.mfcc(x, options)
  check.tensor("audio.mfcc", "argument 1 (x)", x, "float")
  local o = settings("audio.mfcc", MFCC:read(options))
  check.int("audio.mfcc", "option 'coefficients'", o.coefficients, 1, o.bands)
  local deltas = o.deltas
  o.deltas = nil
  local parts = { core.audio_features(x, o) }
  for order = 1, deltas do parts[1 + order] = audio.deltas(parts[1], { order = order }) end
  return #parts == 1 and parts[1] or core.concat(parts, 2)
end

--- audio.cmvn(features [, speakers]) -> features
---
--- Cepstral mean and variance normalisation: a list of features (T, D) less the mean, and divided by the standard
--- deviation, of each feature over all recordings of the same speaker; without speakers over each recording. What a
--- voice and its microphone have in common with all that they say goes away (Viikki, Laurila 1998). Errors: what are no
--- features, as many speakers as recordings are missing.
---@param features rnn.Tensor[]
---@param speakers? any[] one for each recording: a name or a number
---@return rnn.Tensor[]
function audio.cmvn(features, speakers)
  local fname = "audio.cmvn"
  check.table(fname, "argument 1 (features)", features)
  if speakers ~= nil and #check.table(fname, "argument 2 (speakers)", speakers) ~= #features then
    core.fail("%s: argument 2 (speakers): expected one for each of %d recordings, got %d", fname, #features, #speakers)
  end
  local groups, order = {}, {}
  for i, x in ipairs(features) do
    check.tensor(fname, ("argument 1 (features), entry %d"):format(i), x, "float", 2)
    local key = speakers and speakers[i] or i
    if not groups[key] then groups[key], order[#order + 1] = {}, key end
    table.insert(groups[key], i)
  end
  local result = {}
  for _, key in ipairs(order) do
    local own = {}
    for k, i in ipairs(groups[key]) do own[k] = features[i] end
    local all = core.concat(own, 1)
    local mean = all:mean(1, true)
    local deviation = (all - mean):square():mean(1, true):sqrt():maximum(1e-5)
    for k, i in ipairs(groups[key]) do result[i] = (own[k] - mean) / deviation end
  end
  return result
end

return audio
