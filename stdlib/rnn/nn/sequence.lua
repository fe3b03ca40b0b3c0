-- sequence.lua: training and decoding of a decoder that has its first state, whatever that came from.

local core = require "rnn.core"
local check = require "rnn.check"
local losses = require "rnn.nn.loss"

local sequence = {}

-- y (N, T) with start and stop -> the ids that the steps get and those that they should give, (N, T - 1).
local function shifted(decoder, y)
  local name = decoder:describe()
  check.tensor(name, "target ids", y, "int32", 2)
  local lengths, steps = y:lengths(), y:size(2)
  if lengths then y, lengths = y:zero_padding():without_lengths(), (lengths - 1):maximum(0) end
  if steps < 2 or y:select(2, 1):eq(decoder.start):sum():item() < #y then
    core.fail("%s: every target sequence must begin with the start %d and end with the stop %d; "
      .. "vocab:encode(s, { start = true, stop = true }) makes such", name, decoder.start, decoder.stop)
  end
  local inputs, target = core.slice(y, 2, 1, steps - 1), core.slice(y, 2, 2, steps)
  if lengths then return inputs:with_lengths(lengths), target:with_lengths(lengths) end
  return inputs, target
end

-- Step by step: where every step needs what the one before found. With forcing below 1 an id comes from the decoder
-- itself with the probability 1 - forcing (Bengio et al. 2015); its choice is the likeliest one.
local function step_by_step(decoder, state, inputs, forcing)
  local lengths = inputs:lengths()
  if lengths then inputs = inputs:without_lengths() end
  local features, logits, weights, ids = {}, {}, {}, inputs:select(2, 1)
  for t = 1, inputs:size(2) do
    if t > 1 then
      ids = inputs:select(2, t)
      if forcing < 1 then
        local own, coin = logits[t - 1]:detach():argmax(-1), core.rand(#ids):lt(forcing):to_int()
        ids = own + coin * (ids - own)
      end
    end
    features[t], state, weights[t] = decoder:run(ids:reshape(-1, 1), state)
    if forcing < 1 then logits[t] = decoder:logits(features[t]:reshape(#ids, -1)) end
  end
  local y = forcing < 1 and core.stack(logits, 2) or decoder:logits(core.concat(features, 2))
  return lengths and y:with_lengths(lengths) or y, weights[1] and core.concat(weights, 2)
end

--- sequence.forced(decoder, state, y [, forcing]) -> logits, target, weights
function sequence.forced(decoder, state, y, forcing)
  local inputs, target = shifted(decoder, y)
  local logits, weights
  if forcing and forcing < 1 or state.attended then
    logits, weights = step_by_step(decoder, state, inputs, forcing or 1)
  else
    local features, _
    features, _, weights = decoder:run(inputs, state)
    logits = decoder:logits(features)
  end
  return logits, target, weights
end

--- sequence.loss(decoder, state, y, options, training, weights) -> loss, logits, target
function sequence.loss(decoder, state, y, options, training, weights)
  options = check.options("loss", options, { teacher_forcing = 1, label_smoothing = 0, padded = false })
  local forcing = check.number("loss", "option 'teacher_forcing'", options.teacher_forcing, 0, 1)
  local logits, target = sequence.forced(decoder, state, y, training and forcing or 1)
  local smoothing = training and options.label_smoothing or 0
  local loss = losses.cross_entropy(logits, target, { label_smoothing = smoothing, padded = options.padded,
    sample_weights = weights })
  return loss, logits, target
end

--- sequence.decode(decoder, state, options) -> ids, scores, details
function sequence.decode(decoder, state, options)
  local all = { step = function(ids, s) return decoder:step(ids, s) end, state = state, start = decoder.start,
    stop = decoder.stop }
  if options ~= nil then check.table("decode", "options", options) end
  for name, value in pairs(options or {}) do
    if all[name] ~= nil then core.fail("decode: option '%s' is the decoder's own", name) end
    all[name] = value
  end
  return require("rnn.decode").generate(all)
end

return sequence
