-- numbers.lua: what a decoder of numbers reads and writes: the outputs of the step before go in, beside inputs that are
-- known in advance; what its loss compares comes out, and of this the outputs go on.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local losses = require "rnn.nn.loss"
local Linear = require "rnn.nn.linear"
local sequence = require "rnn.nn.sequence"

local numbers = {}

-- What is behind a loss: the columns of the last layer for each output; of these, (..., outputs * columns), the
-- prediction that the loss takes; and of the prediction the outputs (..., outputs) that go on.
local function same(_, x) return x end
local point = { columns = 1, prediction = same, outputs = same }
local kinds = { mse = point, mae = point, huber = point,
  poisson_nll = { columns = 1, prediction = same, outputs = function(_, rate) return rate:exp() end },
  binary_cross_entropy = { columns = 1, prediction = same, outputs = function(_, logits) return logits:sigmoid() end },
  gaussian_nll = { columns = 2,
    prediction = function(decoder, x)
      local k = decoder.outputs
      return { x:slice(-1, 1, k), x:slice(-1, k + 1, 2 * k):softplus() }
    end,
    outputs = function(_, prediction) return prediction[1] end },
  quantile = {
    prediction = function(decoder, x)
      local shape = { x:shape() }
      shape[#shape], shape[#shape + 1] = decoder.outputs, #decoder.quantiles
      return x:reshape(table.unpack(shape))
    end,
    outputs = function(decoder, prediction) return prediction:select(-1, decoder.middle) end },
}
local names = {}
for name in pairs(kinds) do names[#names + 1] = name end
table.sort(names)

local a_loss = option.one_of(names)

local function check_quantiles(fname, argname, list)
  if type(list) ~= "table" or getmetatable(list) or #list == 0 then
    check.expected(fname, argname, "a list of numbers between 0 and 1", list)
  end
  for i, q in ipairs(list) do check.number(fname, ("%s, entry %d"):format(argname, i), q, 0, 1) end
  return table.move(list, 1, #list, 1, {})
end

--- Rows of options of a decoder of numbers.
numbers.options = {
  { "outputs", nil, option.int(1), "of numbers: how many a step gives" },
  { "inputs", 0, option.int(0), "how many numbers are known in advance for each step, such as what day it will be" },
  { "steps", nil, option.int(1), "how many steps it makes by itself, where known inputs do not say it" },
  { "loss", "mse", a_loss, "what the numbers are for; with gaussian_nll the last layer also says the variance, with "
    .. "binary_cross_entropy it gives logits, and probabilities go on, with poisson_nll logarithms of rates" },
  { "quantiles", nil, option.kind("number[]", check_quantiles), 'of loss = "quantile", { 0.1, 0.5, 0.9 } where they '
    .. "are not given; the middle one goes on" },
}

local LOSS = option.of("numbers.loss", {
  sequence.teacher_forcing,
  { "loss", nil, option.kind("string|function", function(fname, argname, value)
    return type(value) == "function" and value or a_loss(fname, argname, value)
  end, select(2, option.type_of { "loss", nil, a_loss })), "of numbers: another loss that compares the same, or a "
    .. "function (prediction, target, weights) -> scalar" },
})
numbers.loss_options = LOSS.rows

local DECODE = option.of("numbers.decode", {
  { "steps", nil, option.int(1), "of numbers: makes so many steps; where it is not given, as are known in advance, or "
    .. "the decoder's" },
  { "stop", nil, check.callback, "of numbers: function (y (N, outputs)) -> mask (N) of sequences that end with "
    .. "this step" },
})
numbers.decode_options = DECODE.rows

--- numbers.begin(decoder, declaration, options) -> features of a step's input
function numbers.begin(decoder, declaration, options)
  decoder.outputs, decoder.inputs, decoder.loss_name = options.outputs, options.inputs, options.loss
  if decoder.loss_name == "quantile" then
    local list, middle = options.quantiles or { 0.1, 0.5, 0.9 }, 1
    for i, q in ipairs(list) do
      if math.abs(q - 0.5) < math.abs(list[middle] - 0.5) then middle = i end
    end
    decoder.quantiles, decoder.middle = list, middle
  end
  declaration:effect(options, "quantiles", decoder.quantiles, ("option 'loss' is '%s'"):format(decoder.loss_name))
  if decoder.inputs == 0 then check.int(declaration.fname, "option 'steps'", options.steps, 1) end
  decoder.steps = options.steps
  return decoder.outputs + decoder.inputs
end

--- numbers.finish(decoder, units): the way from features to what the loss takes
function numbers.finish(decoder, units)
  local columns = decoder.quantiles and #decoder.quantiles or kinds[decoder.loss_name].columns
  decoder.output = Linear(units, decoder.outputs * columns)
end

function numbers.config(decoder)
  return { outputs = decoder.outputs, inputs = decoder.inputs, steps = decoder.steps, loss = decoder.loss_name,
    quantiles = decoder.quantiles }
end

--- numbers.read(decoder, x) -> x (N, T, outputs + inputs), checked
function numbers.read(decoder, x)
  local width = decoder.outputs + decoder.inputs
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= width then
    core.fail("%s: expected the numbers of the steps before, and known inputs, as (N, T, %d), got %s",
      decoder:describe(), width, check.input(x))
  end
  return x
end

--- numbers.write(decoder, features) -> (..., outputs * columns)
function numbers.write(decoder, features)
  return decoder.output(features)
end

--- numbers.outputs(decoder, logits) -> prediction
function numbers.outputs(decoder, logits)
  return kinds[decoder.loss_name].prediction(decoder, logits)
end

--- numbers.own(decoder, logits) -> outputs (..., outputs) that go on
function numbers.own(decoder, logits)
  return kinds[decoder.loss_name].outputs(decoder, numbers.outputs(decoder, logits))
end

--- numbers.shift(decoder, y, state) -> inputs, target
---
--- y (N, T, outputs), or (N, T * outputs) as data.windows gives it -> the outputs that the steps get and those that
--- they should give, (N, T, outputs).
function numbers.shift(decoder, y, state)
  local k, name = decoder.outputs, decoder:describe()
  local flat = core.is_tensor(y) and y:ndim() == 2 and y:size(2) % k == 0 and (k == 1 or not y:lengths())
  if not core.is_tensor(y) or y:type() ~= "float" or not flat and (y:ndim() ~= 3 or y:size(3) ~= k) then
    core.fail("%s: expected target numbers (N, T, %d), or (N, T * %d) without lengths, got %s", name, k, k,
      check.input(y))
  end
  if flat then y = y:reshape(#y, y:size(2) // k, k) end
  local lengths, steps = y:lengths(), y:size(2)
  if steps == 0 then core.fail("%s: expected targets of one step or more, got %s", name, check.shape(y)) end
  local bare = lengths and y:zero_padding():without_lengths() or y
  local inputs = (state.start or core.zeros(#y, k)):unsqueeze(2)
  if steps > 1 then inputs = core.concat({ inputs, bare:slice(2, 1, steps - 1) }, 2) end
  return lengths and inputs:with_lengths(lengths) or inputs, y
end

--- numbers.loss(decoder, options) -> share of steps that are told the true numbers, function (prediction, target,
--- weights) -> loss
---
--- In evaluation mode the decoder is told nothing, as when it forecasts.
function numbers.loss(decoder, options)
  options = LOSS:read(options, "loss")
  local name = options.loss or decoder.loss_name
  local f = name
  if type(f) ~= "function" then
    if kinds[name] ~= kinds[decoder.loss_name] then
      core.fail("loss: option 'loss': '%s' compares other numbers than '%s', for which the decoder was made", name,
        decoder.loss_name)
    end
    function f(prediction, target, weights)
      if name ~= "quantile" then return losses.named[name](prediction, target, weights) end
      return losses.quantile(prediction, target, decoder.quantiles, weights and { sample_weights = weights })
    end
  end
  return decoder.training and options.teacher_forcing or 0, f
end

-- How many steps a decoder that is told nothing makes.
local function count_of(decoder, known, steps)
  local most = known and known:size(2)
  steps = check.int("decode", "option 'steps'", steps or most or decoder.steps, 1)
  if most and steps > most then
    core.fail("%s: expected known inputs of %d steps, got %s", decoder:describe(), steps, check.shape(known))
  end
  return steps
end

--- numbers.free(decoder, state, known [, steps [, over]]) -> prediction, outputs, weights: told nothing but its start
function numbers.free(decoder, state, known, steps, over)
  local lengths = known and known:lengths()
  local count = count_of(decoder, known, steps)
  if lengths then known, lengths = known:zero_padding():without_lengths(), lengths:minimum(count) end
  local logits, weights, ended = sequence.steps(decoder, state, state.start:unsqueeze(2),
    { count = count, known = known, over = over })
  if ended and lengths then ended = ended:minimum(lengths) end
  if ended or lengths then logits = logits:with_lengths(ended or lengths) end
  local prediction = numbers.outputs(decoder, logits)
  return prediction, kinds[decoder.loss_name].outputs(decoder, prediction), weights
end

--- numbers.decode(decoder, state, known, options) -> outputs, prediction, weights
function numbers.decode(decoder, state, known, options)
  options = DECODE:read(options, "decode")
  local stop, over = options.stop, nil
  if stop then
    function over(y)
      local mask = check.tensor("decode", "option 'stop': its result", stop(y), "float", 1)
      if #mask ~= #y then
        core.fail("decode: option 'stop': its result: expected a mask (%d), got %s", #y, check.shape(mask))
      end
      return mask
    end
  end
  local prediction, outputs, weights = numbers.free(decoder, state, known, options.steps, over)
  return outputs:lengths() and outputs:zero_padding() or outputs, prediction, weights
end

return numbers
