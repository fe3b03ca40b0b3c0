-- mean.lua: a metric that is a mean over all elements that count, whatever batches they come in.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local valid = require "rnn.metrics.valid"

local OPTIONS = option.of("metrics.Mean", {
  { "finish", nil, check.callback, "what is done to the mean: math.sqrt makes a root mean "
    .. "square" },
  { "weighted", false, check.boolean, "sample weights count; without it each element counts once" },
  { "padded", false, check.boolean, "labels 0 are padding; without it an error, but behind lengths" },
})

--- metrics.Mean(f [, options]) -> metric
---
--- A metric of one's own. f(y, target) gives a value for each element, step or row, as a tensor with the first axes of
--- the target; padding is left out. Or it gives the mean over those that count, as a number or a tensor of one element,
--- and, when it is of others, how many as a second result.
---
---   local mape = rnn.metrics.Mean(function(y, target) return ((y - target) / target):abs() * 100 end)
---   mape:add(y, target)       for each batch
---   mape:read()               the mean of all
---   rnn.evaluate(model, test, { loss = "mse", metrics = { mape = mape } }).mape
---
--- In rnn.fit, rnn.evaluate and metrics.measure f alone does as well. Errors: values of another shape; a nan among
--- them where answers and targets are finite. A number may be nan: so is the mean then.
---@class metrics.Mean
---@field what? string for messages, where it stands in a list of metrics
---@overload fun(f: function, options?: metrics.Mean.Options): metrics.Mean
local Mean = class("metrics.Mean")

function Mean:init(f, options)
  self.f = check.callback("metrics.Mean", "argument 1 (f)", f)
  options = OPTIONS:read(options)
  self.finish, self.weighted, self.padded = options.finish, options.weighted, options.padded
  self:clear()
end

--- mean:clear(): nothing counted.
function Mean:clear()
  self.sum, self.weight = 0.0, 0
end

local function is_finite(value)
  local all = true
  nest.each(value, function(t) all = all and core.is_tensor(t) and t:is_finite():min():item() == 1 end)
  return all
end

--- mean:add(y, target [, weights [, count]]): one batch. weights are sample weights; count is how many elements count,
--- where that is known. Errors: tensors that do not fit.
---@param y rnn.Tensor|table
---@param target rnn.Tensor|table
---@param weights? rnn.Tensor|table
---@param count? number
function Mean:add(y, target, weights, count)
  local fname = self.what or "metrics.Mean:add"
  if not self.weighted then weights = nil end
  if not count or weights then
    nest.check(fname, "argument 1 (y)", y)
    nest.check(fname, "argument 2 (target)", target)
    if weights ~= nil then check.tensor(fname, "argument 3 (weights)", weights, "float") end
    count = valid.count(fname, target, y, target, count ~= nil or self.padded, weights)
  end
  if count == 0 then return end -- nothing but padding: its mean is 0/0
  local value, n = self.f(y, target, weights)
  local sum
  if core.is_tensor(value) and valid.has_first_axes(value, nest.is_table(target) and value or target) then
    if nest.is_table(target) then y, target = value, value end
    sum, n = valid.sum(fname, value, y, target, true, weights)
    if sum ~= sum and is_finite(y) and is_finite(target) then
      core.fail("%s: the metric's function gave nan for finite answers and targets", fname)
    end
  else
    if core.is_tensor(value) and value:count() == 1 then value = value:item() end
    if type(value) ~= "number" then
      check.expected(fname, "the result of the metric's function",
        "a number, or a tensor of one element or with the first axes of the target", value)
    end
    n = check.number(fname, "the second result of the metric's function", n or count, 0)
    sum = n > 0 and value * n or 0.0
  end
  self.sum, self.weight = self.sum + sum, self.weight + n
end

--- mean:read() -> number
---
--- The mean over all that was added since clear. Errors: nothing that counts was added; in a list of metrics, of which
--- others may have counted, that is nan.
---@return number
function Mean:read()
  if self.weight == 0 and not self.what then core.fail("metrics.Mean: nothing that counts was added") end
  local mean = self.sum / self.weight
  return self.finish and self.finish(mean) or mean
end

--- mean:state() -> what a checkpoint keeps; mean:load_state(saved) takes it back.
function Mean:state()
  return { sum = self.sum, weight = self.weight }
end

--- mean:merge(saved): adds what another one of the same function has counted, as its state says.
function Mean:merge(saved)
  self.sum, self.weight = self.sum + saved.sum, self.weight + saved.weight
end

function Mean:load_state(saved)
  self.sum, self.weight = saved.sum + 0.0, saved.weight + 0
end

return Mean
