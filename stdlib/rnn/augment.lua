-- augment.lua: examples made of examples, that are as good as others: few do for many. Each function here gives a step
-- for data.augment, a function of one item, which draws with the generator of the item; so may a script's own.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local augment = {}

local share = option.number(0, 1)

-- ---- what the steps share ----

local function uniform(low, high) return low + (high - low) * core.rand(1):item() end

-- A random integer in low .. high.
local function integer(low, high)
  return math.min(high, low + math.floor(core.rand(1):item() * (high - low + 1)))
end

-- x at positions along an axis, a float tensor of numbers from 1 to its size, between two elements on a straight line.
local function at_positions(x, axis, positions)
  local last = x:size(axis)
  positions = positions:clamp(1, last)
  local low = positions:floor()
  local shape = {}
  for k = 1, x:ndim() do shape[k] = k == axis and #positions or 1 end
  local part = (positions - low):reshape(table.unpack(shape))
  low = low:to_int()
  return x:gather(axis, low) * (1 - part) + x:gather(axis, (low + 1):minimum(last)) * part
end

local function check_steps(fname, x, ndim, what)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= ndim or #x == 0 then
    check.expected(fname, "an item", what, x)
  end
end

-- ---- sound ----

local SOUND = option.of("augment.sound", {
  { "speed", 0, option.number(0, 0.5), "the largest change, 0.1 for 0.9 to 1.1 times as fast and as high (Ko et al. "
    .. "2015, \"Audio augmentation for speech recognition\")" },
  { "pitch", 0, option.number(0, 12), "the most semitones higher or lower, at the same speed" },
  { "shift", 0, option.int(0), "the most samples earlier or later; what leaves is lost, silence enters" },
  { "noise", nil, option.number(-20, 100), "white noise, that many decibels below the sound or up to 30 more" },
})

-- The whole sound x (n, channels) in length samples at the same pitch: pieces, each where it goes on best from the one
-- before, are faded into each other (Verhelst, Roelands 1993, WSOLA). Silence is put around x, for the fade before the
-- first piece and for sounds that are shorter than a piece; of longer ones no piece reaches into it.
local PIECE <const>, SEARCH <const> = 256, 64
local function stretched(x, length)
  local hop, count = PIECE // 2, #x
  local silence = core.zeros(hop, x:size(2))
  x = core.concat({ silence, x, silence, silence, silence }, 1)
  local fade = (core.arange(PIECE):to_float() - 0.5) * (math.pi / PIECE)
  fade = fade:sin():square():reshape(-1, 1)
  local mono = x:mean(2, true)
  local function piece(from) return x:rows(from, from + PIECE - 1) * fade end
  local sum, from, before = {}, 1, piece(1)
  for done = 0, length - 1, hop do
    local target = hop + 1 + done * count // length
    local last = hop + 1 + count - math.min(PIECE, length - done) -- from there it ends with the sound
    local low = math.max(hop + 1, math.min(target - SEARCH, last))
    local high = math.max(low, math.min(target + SEARCH, last))
    local candidates = core.windows(mono, core.arange(high - low + 1) + (low - 1), PIECE):reshape(-1, PIECE)
    local fit = candidates:matmul(mono:rows(from + hop, from + hop + PIECE - 1)):reshape(-1)
    from = low - 1 + (fit / (candidates:square():sum(2):sqrt() + 1e-9)):argmax(1):item()
    local this = piece(from)
    sum[#sum + 1] = before:rows(hop + 1, PIECE) + this:rows(1, hop)
    before = this
  end
  return core.concat(sum, 1):rows(1, length)
end

--- augment.sound([options]) -> step
---
--- Recordings x (L), or (L, channels), as another speaker or microphone would have them: each change is drawn anew.
--- Only speed changes L. Errors, of the step: an item of another shape, or without samples.
---@param options? augment.sound.Options
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.sound(options)
  local fname = "augment.sound"
  local o = SOUND:read(options)
  return function(x, y)
    local alone = core.is_tensor(x) and x:ndim() == 1
    check_steps(fname, x, alone and 1 or 2, "samples (L) or (L, channels)")
    if alone then x = x:reshape(-1, 1) end
    if o.speed > 0 then x = core.audio_resample(x, uniform(1 - o.speed, 1 + o.speed), 1) end
    if o.pitch > 0 then
      x = stretched(core.audio_resample(x, 2 ^ (uniform(-o.pitch, o.pitch) / 12), 1), #x)
    end
    if o.shift > 0 then
      local most = math.min(o.shift, #x - 1)
      local k = integer(-most, most)
      local silence = core.zeros(math.abs(k), x:size(2))
      x = k >= 0 and core.concat({ silence, x:rows(1, #x - k) }, 1) or core.concat({ x:rows(1 - k, #x), silence }, 1)
    end
    if o.noise then
      local level = 10 ^ (-uniform(o.noise, o.noise + 30) / 20)
      x = x + core.randn(x:shape()) * (x:square():mean():sqrt() * level)
    end
    return alone and x:reshape(-1) or x, y
  end
end

local SPECTRUM = option.of("augment.spectrum", {
  { "warp", 0, option.number(0, 0.5), "bands are read at places up to that share higher or lower: a longer or shorter "
    .. "vocal tract (Jaitly, Hinton 2013)" },
  { "stretch", 0, option.number(0, 0.5), "the largest change of the number of steps, as a share" },
  { "time", 0, option.int(0), "the most steps of a mask" },
  { "bands", 0, option.int(0), "the most bands of a mask" },
  { "masks", 1, option.int(1), "masks of each kind; what they cover becomes 0 (Park et al. 2019, SpecAugment)" },
})

-- x with a run of up to most elements along an axis set to 0.
local function masked(x, axis, most)
  local size = x:size(axis)
  local width = integer(0, math.min(most, size))
  local from = integer(1, size - width + 1)
  local ids = core.arange(size)
  local keep = ids:lt(from):logical_or(ids:ge(from + width))
  return x * (axis == 1 and keep:reshape(-1, 1) or keep:reshape(1, -1))
end

--- augment.spectrum([options]) -> step
---
--- Spectra x (T, bands), such as audio.log_mel gives, less their mean (a mask makes them 0). stretch changes T.
--- Errors, of the step: an item of another shape, or without steps.
---@param options? augment.spectrum.Options
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.spectrum(options)
  local fname = "augment.spectrum"
  local o = SPECTRUM:read(options)
  SPECTRUM:effect(o, "masks", o.time > 0 or o.bands > 0, "options 'time' and 'bands' are 0")
  return function(x, y)
    check_steps(fname, x, 2, "spectra (T, bands)")
    if o.warp > 0 then
      x = at_positions(x, 2, core.arange(x:size(2)):to_float() * uniform(1 - o.warp, 1 + o.warp))
    end
    if o.stretch > 0 then
      local steps = math.max(1, math.floor(#x * uniform(1 - o.stretch, 1 + o.stretch) + 0.5))
      x = at_positions(x, 1, (core.arange(steps):to_float() - 0.5) * (#x / steps) + 0.5)
    end
    for _ = 1, o.masks do
      if o.time > 0 then x = masked(x, 1, o.time) end
      if o.bands > 0 then x = masked(x, 2, o.bands) end
    end
    return x, y
  end
end

-- ---- strokes ----

local STROKES = option.of("augment.strokes", {
  { "rotation", 0, option.number(0, 180), "the largest angle, in degrees" },
  { "scale", 0, option.number(0, 0.9), "the largest change of width and of height, each by itself" },
  { "shear", 0, option.number(0, 1), "how far a point one higher leans to a side at most" },
  { "jitter", 0, option.number(0), "standard deviation of each point's trembling" },
  { "drop", 0, check.rate, "rate at which points are left out, of those whose further columns are 0" },
})

--- augment.strokes([options]) -> step
---
--- Movements of a pen x (T, D), the place in columns 1 and 2, in other hands. Further columns, such as the beginnings
--- of strokes, stay; the first point is never left out. Errors, of the step: an item of another shape.
---@param options? augment.strokes.Options
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.strokes(options)
  local fname = "augment.strokes"
  local o = STROKES:read(options)
  return function(x, y)
    check_steps(fname, x, 2, "points (T, D)")
    if x:size(2) < 2 then check.expected(fname, "an item", "points (T, D) of two columns or more", x) end
    local angle, lean = math.rad(uniform(-o.rotation, o.rotation)), uniform(-o.shear, o.shear)
    local wide, high = uniform(1 - o.scale, 1 + o.scale), uniform(1 - o.scale, 1 + o.scale)
    local cos, sin = math.cos(angle), math.sin(angle)
    -- rows are points: sheared and stretched, then turned
    local turn = core.tensor { { wide * cos, wide * sin }, { high * (lean * cos - sin), high * (lean * sin + cos) } }
    local place = x:slice(2, 1, 2):matmul(turn)
    if o.jitter > 0 then place = place + core.randn(place:shape()) * o.jitter end
    x = x:size(2) > 2 and core.concat({ place, x:slice(2, 3, x:size(2)) }, 2) or place
    if o.drop > 0 then
      local keep = core.rand(#x):ge(o.drop):logical_or(core.arange(#x):eq(1))
      if x:size(2) > 2 then keep = keep:logical_or(x:slice(2, 3, x:size(2)):ne(0):any(2)) end
      x = x:gather(1, keep:nonzero():reshape(-1))
    end
    return x, y
  end
end

-- ---- music ----

local TRANSPOSE = option.of("augment.transpose", {
  { "semitones", 6, option.int(1, 127), "the most, up or down" },
  { "lowest", 1, option.int(1), "of pitches as numbers: the lowest and" },
  { "highest", 127, option.int(1), "the highest that there are; 0 is silence" },
})

-- The lowest and highest pitch, of a roll (T, keys) its keys from 1; nil when all is silent.
local function reach_of(x)
  if x:type() == "int32" then
    if x:max():item() <= 0 then return nil end
    return core.where(x:gt(0), x, 1 << 30):min():item(), x:max():item()
  end
  local keys = x:max(1):gt(0):nonzero():reshape(-1)
  if #keys == 0 then return nil end
  return keys:get(1), keys:get(#keys)
end

local function transposed(x, k)
  if x:type() == "int32" then return x + x:gt(0):to_int() * k end
  local gap, keys = core.zeros(#x, math.abs(k)), x:size(2)
  if k >= 0 then return core.concat({ gap, x:slice(2, 1, keys - k) }, 2) end
  return core.concat({ x:slice(2, 1 - k, keys), gap }, 2)
end

--- augment.transpose([options]) -> step
---
--- Music in another key: piano rolls (T, keys), float, or pitches (T) or (T, voices), int32, with 0 for silence; the
--- target moves along where it is music of the same form. It never moves so far that a note would leave the keys, or
--- lowest and highest. Errors, of the step: an item that is no music.
---@param options? augment.transpose.Options
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.transpose(options)
  local fname = "augment.transpose"
  local o = TRANSPOSE:read(options)
  return function(x, y)
    if not core.is_tensor(x) or x:ndim() == 0 or x:type() == "float" and x:ndim() ~= 2 or x:count() == 0 then
      check.expected(fname, "an item", "a piano roll (T, keys) or pitches int32", x)
    end
    local both = core.is_tensor(y) and y:type() == x:type() and y:ndim() == x:ndim() and y:count() > 0
    local ids = x:type() == "int32"
    local down, up = -o.semitones, o.semitones
    for _, part in ipairs { x, both and y or nil } do
      local lowest, highest = reach_of(part)
      local low, high = ids and o.lowest or 1, ids and o.highest or part:size(2)
      if lowest then down, up = math.max(down, low - lowest), math.min(up, high - highest) end
    end
    local k = integer(math.min(down, 0), math.max(up, 0))
    return transposed(x, k), both and transposed(y, k) or y
  end
end

-- ---- text ----

--- augment.words(rate [, unknown = 1]) -> step
---
--- Each word of ids x (T), int32, becomes the id unknown at that rate: a model must do without single words (Iyyer et
--- al. 2015, "word dropout"). 0 stays padding. Errors, of the step: an item that is not of ids.
---@param rate number
---@param unknown? integer the id that text.words gives what it does not know
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.words(rate, unknown)
  local fname = "augment.words"
  check.rate(fname, "argument 1 (rate)", rate)
  unknown = unknown == nil and 1 or check.int(fname, "argument 2 (unknown)", unknown, 1)
  return function(x, y)
    check.tensor(fname, "an item", x, "int32")
    return core.where(core.rand { x:shape() }:lt(rate):logical_and(x:gt(0)), unknown, x), y
  end
end

--- augment.bpe(vocab, rate) -> step
---
--- BPE dropout (Provilkov, Emelianenko, Voita 2020): the ids x (T) of a text.bpe are cut anew, each merge left out at
--- that rate, so that a model meets words in other parts. Errors: another vocabulary; of the step: no ids.
---@param vocab text.Bpe
---@param rate number
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.bpe(vocab, rate)
  local fname = "augment.bpe"
  if type(vocab) ~= "table" or type(vocab.merged) ~= "table" then
    check.expected(fname, "argument 1 (vocab)", "a vocabulary of text.bpe", vocab)
  end
  check.rate(fname, "argument 2 (rate)", rate)
  local merges = require "rnn.text.merges"
  local function skips() return core.rand(1):item() < rate end
  return function(x, y)
    check.tensor(fname, "an item", x, "int32", 1)
    local ids, word = {}, {}
    local function flush()
      local list = word[1] and merges.apply(table.concat(word), vocab, skips) or {}
      table.move(list, 1, #list, #ids + 1, ids)
      word = {}
    end
    for _, id in ipairs(x:totable()) do
      if id <= vocab.stop or not vocab.tokens[id] then -- padding, unknown, the ends
        flush()
        ids[#ids + 1] = id
      else
        word[#word + 1] = vocab.tokens[id]
        if vocab.tokens[id]:find "[ \n]$" then flush() end
      end
    end
    flush()
    return ids[1] and core.tensor(ids, "int32") or x, y
  end
end

-- ---- series ----

local SERIES = option.of("augment.series", {
  { "jitter", 0, option.number(0), "standard deviation of noise that is added" },
  { "scaling", 0, option.number(0, 0.9), "the largest change of each feature's size" },
  { "warp", 0, share, "share of the steps that are made twice or half as long; the whole is then brought back to its "
    .. "length" },
})

--- augment.series([options]) -> step
---
--- Series x (T, D) as other sensors or other days would have them (Um et al. 2017, jitter and scaling; Le Guennec et
--- al. 2016, window warping). T stays. Errors, of the step: an item of another shape, or without steps.
---@param options? augment.series.Options
---@return fun(x: rnn.Tensor, y?: any): rnn.Tensor, any
function augment.series(options)
  local fname = "augment.series"
  local o = SERIES:read(options)
  return function(x, y)
    check_steps(fname, x, 2, "a series (T, D)")
    local steps = #x
    local width = math.floor(o.warp * steps)
    if width > 1 then
      local from, speed = integer(0, steps - width), integer(0, 1) == 1 and 2 or 0.5
      local long = width * speed
      -- The place in x of each step, where the window from .. from + width takes long steps of all.
      local t = (core.arange(steps):to_float() - 0.5) * ((steps - width + long) / steps)
      local inside = core.where(t:lt(from + long), (t - from) / speed + from, t - long + width)
      x = at_positions(x, 1, core.where(t:lt(from), t, inside) + 0.5)
    end
    if o.scaling > 0 then x = x * ((core.rand(1, x:size(2)) * 2 - 1) * o.scaling + 1) end
    if o.jitter > 0 then x = x + core.randn(x:shape()) * o.jitter end
    return x, y
  end
end

return augment
