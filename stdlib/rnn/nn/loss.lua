-- loss.lua: what training makes small. Each gives one number, the mean over all valid steps: padding and ids 0 do not
-- count, so more padding never changes a loss.

local core = require "rnn.core"
local check = require "rnn.check"
local guard = require "rnn.guard"

local losses = {}

local function tensors(name, a, a_name, b, b_name)
  check.tensor(name, ("argument 1 (%s)"):format(a_name), a)
  check.tensor(name, ("argument 2 (%s)"):format(b_name), b)
end

--- nn.mse(y, target) -> scalar
---
--- Mean squared error. Tensors of any shape; the result is a scalar.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@return rnn.Tensor
function losses.mse(y, target)
  tensors("nn.mse", y, "y", target, "target")
  return core.mse(y, target)
end

--- nn.mae(y, target) -> scalar
---
--- Mean absolute error. Tensors of any shape; the result is a scalar.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@return rnn.Tensor
function losses.mae(y, target)
  tensors("nn.mae", y, "y", target, "target")
  return core.mae(y, target)
end

--- nn.huber(y, target [, delta = 1]) -> scalar
---
--- e^2 / 2 for errors within delta, delta (|e| - delta / 2) beyond: the MSE that outliers cannot rule. Huber 1964.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param delta? number
---@return rnn.Tensor
function losses.huber(y, target, delta)
  tensors("nn.huber", y, "y", target, "target")
  if delta ~= nil then check.positive("nn.huber", "argument 3 (delta)", delta) end
  return core.huber(y, target, delta or 1)
end

--- nn.cross_entropy(logits, labels [, { weights = nil, label_smoothing = 0, padded = false }]) -> scalar
---
--- -log softmax(logits)[label]. logits (..., V) are plain sums, not probabilities; labels int32 (...) count from 1. A
--- label 0 is padding: it is not counted, and it is an error where neither lengths nor padded = true say that there may
--- be some (labels that were counted from 0 would pass for half of the data). weights, a tensor (V) or a list, count
--- class k weights[k] times: the mean is the sum of weights[label] times the loss over the sum of weights[label].
--- label_smoothing e gives each class e / V of the target and the label 1 - e more (Szegedy et al. 2016, "Rethinking
--- the Inception Architecture"). Both as in PyTorch.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? { weights?: rnn.Tensor|number[], label_smoothing?: number, padded?: boolean }
---@return rnn.Tensor
function losses.cross_entropy(logits, labels, options)
  local fname = "nn.cross_entropy"
  tensors(fname, logits, "logits", labels, "labels")
  if options == nil then return core.cross_entropy(logits, labels) end
  options = check.options(fname, options, { weights = check.none, label_smoothing = 0, padded = false })
  local smoothing = check.number(fname, "option 'label_smoothing'", options.label_smoothing, 0, 1)
  local weights = options.weights
  if type(weights) == "table" then weights = core.tensor(weights) end
  if weights ~= nil then check.tensor(fname, "option 'weights'", weights, "float", 1) end
  local padded = check.boolean(fname, "option 'padded'", options.padded)
  return core.cross_entropy(logits, labels, weights, smoothing, padded)
end

--- nn.binary_cross_entropy(logits, targets) -> scalar
---
--- -t log p - (1 - t) log(1 - p) with p = sigmoid(logits), safe for large logits; targets are 0, 1 or between.
---@param logits rnn.Tensor
---@param targets rnn.Tensor of equal shape
---@return rnn.Tensor
function losses.binary_cross_entropy(logits, targets)
  tensors("nn.binary_cross_entropy", logits, "logits", targets, "targets")
  return core.binary_cross_entropy(logits, targets)
end

local names = {}
for name in pairs(losses) do names[#names + 1] = name end
table.sort(names)

--- nn.loss(name) -> function
---
--- The loss of that name; a function is returned as it is, so that options may be either.
---@param name string|function
---@return function
function losses.loss(name)
  if type(name) == "function" then return name end
  return losses[check.one_of("nn.loss", "argument 1 (name)", name, names)]
end

return guard.all("nn.", losses)
