-- sequence.lua: the steps of a decoder that has its first state, whatever that came from and whatever it writes.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local sequence = {}

--- The row of an option of losses.
sequence.teacher_forcing = { "teacher_forcing", 1, option.number(0, 1), "in training, probability that a step is told "
  .. "the true id or numbers before it, and not what the decoder gave itself (scheduled sampling, Bengio et al. 2015)" }

--- sequence.steps(decoder, state, told, options) -> logits, weights, lengths
---
--- Step by step, where a step needs what the one before found. told (N, T, ...) has what steps are told; options:
--- count, how many there are to be (T); forcing, the probability that a step is told and does not go on from what the
--- decoder gave (1; scheduled sampling, Bengio et al. 2015); known, beside what is told; over(own) -> mask (N) of
--- sequences that end with this step, whose number of steps is then in lengths.
function sequence.steps(decoder, state, told, options)
  local forcing, known, over, count = options.forcing or 1, options.known, options.over, options.count or told:size(2)
  local alone = forcing < 1 or over or count > told:size(2) -- some step goes on from what the decoder gave
  local features, logits, weights, own, going, lengths = {}, {}, {}, nil, nil, nil
  for t = 1, count do
    local x = own
    if not own or forcing > 0 and t <= told:size(2) then
      x = told:slice(2, t, t)
      if own and forcing < 1 then
        local coin = core.rand(#x):lt(forcing)
        x = core.where(x:ndim() == 2 and coin:reshape(-1, 1) or coin:reshape(-1, 1, 1), x, own)
      end
    end
    features[t], state, weights[t] = decoder:run(known and core.concat({ x, known:slice(2, t, t) }, 3) or x, state)
    if alone then
      logits[t] = decoder:logits(features[t])
      own = decoder:_kind().own(decoder, logits[t])
    end
    if over then
      going = going or core.ones(#x)
      lengths = lengths and lengths + going or going
      going = going * (1 - over(own:select(2, 1)))
      if #x == 0 or going:max():item() == 0 then break end
    end
  end
  return alone and core.concat(logits, 2) or decoder:logits(core.concat(features, 2)),
    weights[1] and core.concat(weights, 2), lengths and lengths:to_int()
end

--- sequence.told(decoder, state, y, known, forcing) -> logits, target, weights: every step, or the share forcing of
--- them, is told what the one before should have given.
function sequence.told(decoder, state, y, known, forcing)
  local told, target = decoder:_kind().shift(decoder, y, state)
  local lengths = told:lengths()
  if known and known:size(2) ~= told:size(2) then
    core.fail("%s: expected known inputs of %d steps, as the target has, got %s", decoder:describe(), told:size(2),
      check.shape(known))
  end
  if lengths and known then known = known:with_lengths(lengths) end
  if forcing == 1 and not state.attended then
    local features, _, weights = decoder:run(known and core.concat({ told, known }, 3) or told, state)
    return decoder:logits(features), target, weights
  end
  if lengths then told, known = told:without_lengths(), known and known:zero_padding():without_lengths() end
  local logits, weights = sequence.steps(decoder, state, told, { forcing = forcing, known = known })
  return lengths and logits:with_lengths(lengths) or logits, target, weights
end

return sequence
