-- mixture_density.lua: points and bits that a network's outputs say, as handwriting is drawn.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local class = require "rnn.class"
local option = require "rnn.option"
local losses = require "rnn.nn.loss"
local rows_of = require "rnn.nn.rows"

local FNAME = "nn.MixtureDensity"

--- nn.MixtureDensity([options]) -> distribution
---
--- What a network's outputs say of a point to come (size numbers) and of bits beside it, such as a pen's lift: a
--- mixture of Gaussians, with correlation where the point has two numbers, and a probability for each bit. Bishop
--- 1994, "Mixture density networks"; Graves 2013, "Generating sequences with recurrent neural networks", equations 19
--- to 26.
---
---   local d = nn.MixtureDensity { size = 2, bits = 1, components = 20 }
---   local head = nn.Linear(256, d.columns)
---   rnn.fit(model, { data = batches, loss = function(raw, y, weights) return d:loss(raw, y, weights) end, ... })
---   local point = d:sample(raw, { bias = 1 })
---
--- Of raw (..., columns) the columns are, for M components: M logits of their weights, M size means, M size logarithms
--- of deviations, with size 2 M correlations before tanh, and the logits of the bits. It has no parameters of its own.
---@class nn.MixtureDensity
---@field columns integer
---@field size integer
---@field bits integer
---@field components integer
---@overload fun(options?: nn.MixtureDensity.Options): nn.MixtureDensity
local Density = class("nn.MixtureDensity")

local OPTIONS = option.of(FNAME, {
  { "size", 2, option.int(1), "numbers of a point" },
  { "components", 20, option.int(1), "Gaussians" },
  { "bits", 0, option.int(0), "numbers behind them that are 0 or 1" },
})

local LEAST <const> = -7 -- of the logarithm of a deviation

function Density:init(options)
  options = OPTIONS:read(options)
  self.size, self.components, self.bits = options.size, options.components, options.bits
  self.correlated = self.size == 2
  self.columns = self.components * (1 + 2 * self.size + (self.correlated and 1 or 0)) + self.bits
end

-- Rows (n, columns) -> weights as logarithms (n, M), means and logarithms of deviations (n, M, size), correlations
-- (n, M) or nil, logits of bits (n, bits) or nil.
local function parameters(self, rows, bias)
  local m, s, at = self.components, self.size, 0
  local function take(width)
    at = at + width
    return rows:slice(2, at - width + 1, at)
  end
  local weights = (take(m) * (1 + bias)):log_softmax(-1)
  local means = take(m * s):reshape(-1, m, s)
  local deviations = (take(m * s):reshape(-1, m, s) - bias):maximum(LEAST)
  local correlations = self.correlated and take(m):tanh() * 0.99 or nil
  return weights, means, deviations, correlations, self.bits > 0 and take(self.bits) or nil
end

local function check_columns(fname, argname, t, columns)
  check.tensor(fname, argname, t, "float")
  if t:ndim() == 0 or t:size(-1) ~= columns then
    core.fail("%s: %s: expected (..., %d), got %s", fname, argname, columns, check.shape(t))
  end
end

--- density:loss(raw, target [, weights]) -> scalar
---
--- -log of the density of the points plus -log of the probability of the bits, the mean over all valid steps. weights
--- say how many times each step counts. The result is a scalar. Errors: shapes that do not fit, bits outside 0 .. 1.
---@param raw rnn.Tensor (..., columns)
---@param target rnn.Tensor (..., size + bits)
---@param weights? rnn.Tensor (...)
---@return rnn.Tensor
function Density:loss(raw, target, weights)
  local fname = "density:loss"
  check_columns(fname, "argument 1 (raw)", raw, self.columns)
  check_columns(fname, "argument 2 (target)", target, self.size + self.bits)
  local steps, of_raw = { target:shape() }, { raw:shape() }
  steps[#steps], of_raw[#of_raw] = nil, nil
  if table.concat(steps, " ") ~= table.concat(of_raw, " ") then
    core.fail("%s: raw %s and target %s differ in their steps", fname, check.shape(raw), check.shape(target))
  end
  local lengths = target:lengths() or raw:lengths()
  local rows, y = rows_of(raw, lengths), rows_of(target, lengths)
  local logs, means, deviations, correlations, bits = parameters(self, rows, 0)
  local z = (y:slice(2, 1, self.size):reshape(-1, 1, self.size) - means) / deviations:exp()
  local log_density = -deviations:sum(3) - 0.5 * self.size * math.log(2 * math.pi)
  if correlations then
    local rest = 1 - correlations:square()
    local cross = z:select(3, 1) * z:select(3, 2) * correlations
    log_density = log_density - (z:square():sum(3) - 2 * cross) / (2 * rest) - 0.5 * rest:log()
  else
    log_density = log_density - 0.5 * z:square():sum(3)
  end
  local loss = -(logs + log_density):logsumexp(2)
  if bits then
    loss = loss + losses.binary_cross_entropy(bits, y:slice(2, self.size + 1, self.size + self.bits),
      { reduction = "none" }):sum(2)
  end
  local counts = weights and check.tensor(fname, "argument 3 (weights)", weights, "float"):detach() or nil
  if counts and check.shape(counts) ~= check.shape(core.zeros(steps)) then
    core.fail("%s: argument 3 (weights): expected one for each step, got %s", fname, check.shape(counts))
  end
  if lengths then
    counts = (counts and counts:without_lengths() or core.ones(steps)):with_lengths(lengths):zero_padding()
      :without_lengths()
  end
  if not counts then return loss:mean() end
  counts = counts:reshape(-1)
  return (core.where(counts:gt(0), loss, 0) * counts):sum() / counts:sum()
end

local SAMPLE = option.of("nn.MixtureDensity:sample", {
  { "bias", 0, option.number(0), "above 0 samples are neater and less varied (Graves 2013, section 5.4); bits, too, "
    .. "are then surer" },
})

--- density:sample(raw [, options]) -> (..., size + bits)
---
--- A point and bits for each step, drawn with the generator that rnn.seed sets. Nothing is recorded. Errors: outputs
--- of a step that hold nan, or give no component any weight.
---@param raw rnn.Tensor (..., columns)
---@param options? nn.MixtureDensity.sample.Options
---@return rnn.Tensor # (..., size + bits)
function Density:sample(raw, options)
  local fname = "density:sample"
  check_columns(fname, "argument 1 (raw)", raw, self.columns)
  local bias = SAMPLE:read(options).bias
  local rows, back = rows_of(raw:detach())
  local logs, means, deviations, correlations, bits = parameters(self, rows, bias)
  choice.drawable(fname, back(core.concat({ rows, logs }, 2)))
  local n = #rows
  local chosen = core.rand(n, 1):gt(logs:exp():cumsum(2)):sum(2):to_int():minimum(self.components - 1) + 1
  local pick = core.one_hot(chosen, self.components):reshape(n, self.components, 1)
  local noise = core.randn(n, self.size)
  if correlations then
    local r = (correlations * pick:select(3, 1)):sum(2)
    local first, second = noise:select(2, 1), noise:select(2, 2)
    noise = core.stack({ first, r * first + (1 - r:square()):sqrt() * second }, 2)
  end
  local y = (means * pick):sum(2) + noise * (deviations * pick):sum(2):exp()
  if bits then y = core.concat({ y, core.rand(n, self.bits):lt((bits * (1 + bias)):sigmoid()) }, 2) end
  return back(y)
end

return Density
