-- loss.lua: what training makes small. Each gives one number, the mean over all valid steps: padding and ids 0 do not
-- count, so more padding never changes a loss. All have the same two options: sample_weights, how many times each item,
-- step or element counts, and reduction, what is made of the values.

local core = require "rnn.core"
local check = require "rnn.check"
local guard = require "rnn.guard"

local losses = {}

local REDUCTIONS = { "mean", "sum", "none" }

-- Checks what all losses take, two tensors and options: sample_weights, reduction and, of a loss with more options than
-- these, all of them. Nothing where there are none.
local function checked(fname, y, y_name, target, target_name, options, more)
  check.tensor(fname, ("argument 1 (%s)"):format(y_name), y)
  check.tensor(fname, ("argument 2 (%s)"):format(target_name), target)
  if options == nil then return end
  local defaults = { sample_weights = check.none, reduction = "mean" }
  for name, default in pairs(more or {}) do defaults[name] = default end
  options = check.options(fname, options, defaults)
  local weights = options.sample_weights
  if weights ~= nil then check.tensor(fname, "option 'sample_weights'", weights, "float") end
  check.one_of(fname, "option 'reduction'", options.reduction, REDUCTIONS)
  if more then return weights, options.reduction, options end
  return weights, options.reduction
end

--- nn.mse(y, target [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- Mean squared error. Tensors of any shape; the result is a scalar.
---
--- All losses have these options: sample_weights, a float tensor with the first axes of the target, (N), (N, T) ...,
--- says how many times each item, step or element counts; a weight of 0 leaves it out, whatever it holds. reduction
--- says what is made of the values: "mean", the sum of weight times value over the sum of the weights; "sum"; or
--- "none", weight times value of each element (of each label, of each sequence in ctc.loss), 0 behind the lengths.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.mse(y, target, options)
  return core.mse(y, target, checked("nn.mse", y, "y", target, "target", options))
end

--- nn.mae(y, target [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- Mean absolute error. Tensors of any shape; the result is a scalar.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.mae(y, target, options)
  return core.mae(y, target, checked("nn.mae", y, "y", target, "target", options))
end

--- nn.huber(y, target [, delta = 1 [, { sample_weights = nil, reduction = "mean" }]]) -> scalar
---
--- e^2 / 2 for errors within delta, delta (|e| - delta / 2) beyond: the MSE that outliers cannot rule. Huber 1964.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param delta? number
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.huber(y, target, delta, options)
  if delta ~= nil then check.positive("nn.huber", "argument 3 (delta)", delta) end
  return core.huber(y, target, delta or 1, checked("nn.huber", y, "y", target, "target", options))
end

--- nn.quantile(y, target, q [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- The pinball loss: q (target - y) where y is below its target, (1 - q) (y - target) above, so that the best y is the
--- quantile q of the targets. Koenker, Bassett 1978. Several quantiles at once: q is a list, and the last axis of y has
--- a column for each, of a target without that axis or with one column in it; then the loss is the mean over them.
--- Errors: a q outside 0 .. 1, a y without a column for each.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape, or (..., 1) or (...) for y (..., Q)
---@param q number|number[] between 0 and 1
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.quantile(y, target, q, options)
  local fname = "nn.quantile"
  local weights, reduction = checked(fname, y, "y", target, "target", options)
  if type(q) ~= "table" then
    check.number(fname, "argument 3 (q)", q, 0, 1)
    return core.quantile_loss(y, target, q, weights, reduction)
  end
  if #q == 0 or y:ndim() == 0 or y:size(-1) ~= #q then
    core.fail("%s: %d quantiles want a y with as many columns, got %s", fname, #q, check.shape(y))
  end
  if target:ndim() == y:ndim() and target:size(-1) == 1 then target = target:select(-1, 1) end
  local columns = {}
  for k, level in ipairs(q) do
    check.number(fname, ("argument 3 (q[%d])"):format(k), level, 0, 1)
    columns[k] = core.quantile_loss(y:select(-1, k), target, level, weights, reduction)
  end
  if reduction == "none" then return core.stack(columns, columns[1]:ndim() + 1) end
  local total = columns[1]
  for k = 2, #columns do total = total + columns[k] end
  return reduction == "sum" and total or total / #columns
end

--- nn.kl_div(log_probabilities, target [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- t (log t - y) of log-probabilities y, such as x:log_softmax(-1), and probabilities t, both (..., V): by element, as
--- in PyTorch. The Kullback-Leibler divergence of whole distributions is the sum of their elements: with reduction
--- "sum", divided by their number.
---@param log_probabilities rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.kl_div(log_probabilities, target, options)
  return core.kl_div(log_probabilities, target,
    checked("nn.kl_div", log_probabilities, "log_probabilities", target, "target", options))
end

--- nn.poisson_nll(log_rate, target [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- e^y - t y: -log of the probability of counts t of a Poisson distribution of rate e^y, without the part that depends
--- on t alone. Tensors of any shape; of a rate r, r:log() is what it takes.
---@param log_rate rnn.Tensor
---@param target rnn.Tensor of equal shape, 0 or more
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.poisson_nll(log_rate, target, options)
  return core.poisson_nll(log_rate, target, checked("nn.poisson_nll", log_rate, "log_rate", target, "target", options))
end

--- nn.gaussian_nll(mean, target, variance [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- (log v + (mean - t)^2 / v) / 2: -log of the normal density of targets t, without its constant, for networks that say
--- how sure they are (Nix, Weigend 1994). The variance v, such as x:softplus() gives, is at least 0, and counts as 1e-6
--- below that. Tensors of any shape; the variance is broadcast to that of the mean. Instead of mean and variance the
--- first argument may be a table { mean, variance }, as a model for rnn.fit returns it.
--- Errors: a negative variance, shapes that do not fit.
---@param mean rnn.Tensor|rnn.Tensor[]
---@param target rnn.Tensor of the shape of mean
---@param variance? rnn.Tensor|number
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.gaussian_nll(mean, target, variance, options)
  local fname = "nn.gaussian_nll"
  if type(mean) == "table" and not getmetatable(mean) then
    if #mean ~= 2 or variance ~= nil then
      check.expected(fname, "argument 1", "the mean, or { mean, variance } without argument 3", mean)
    end
    mean, variance = table.unpack(mean)
  end
  local weights, reduction = checked(fname, mean, "mean", target, "target", options)
  if type(variance) == "number" then variance = core.full({}, variance) end
  check.tensor(fname, "argument 3 (variance)", variance, "float")
  if check.shape(variance) ~= check.shape(mean) then variance = variance:broadcast_to(mean:shape()) end
  return core.gaussian_nll(mean, target, variance, weights, reduction)
end

local OF_CLASSES = { weights = check.none, label_smoothing = 0, padded = false }

--- nn.cross_entropy(logits, labels [, { weights = nil, label_smoothing = 0, padded = false, sample_weights = nil,
--- reduction = "mean" }]) -> scalar
---
--- -log softmax(logits)[label]. logits (..., V) are plain sums, not probabilities; labels int32 (...) count from 1. A
--- label 0 is padding: it is not counted, and it is an error where neither lengths nor padded = true say that there may
--- be some (labels that were counted from 0 would pass for half of the data). weights, a tensor (V) or a list, count
--- class k weights[k] times: the mean is the sum of weights[label] times the loss over the sum of weights[label].
--- label_smoothing e gives each class e / V of the target and the label 1 - e more (Szegedy et al. 2016, "Rethinking
--- the Inception Architecture"). Both as in PyTorch. sample_weights and reduction are as in nn.mse.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? table
---@return rnn.Tensor
function losses.cross_entropy(logits, labels, options)
  local fname = "nn.cross_entropy"
  local sample_weights, reduction, more = checked(fname, logits, "logits", labels, "labels", options, OF_CLASSES)
  if not more then return core.cross_entropy(logits, labels) end
  local smoothing = check.number(fname, "option 'label_smoothing'", more.label_smoothing, 0, 1)
  local weights = more.weights
  if type(weights) == "table" then weights = core.tensor(weights) end
  if weights ~= nil then check.tensor(fname, "option 'weights'", weights, "float", 1) end
  local padded = check.boolean(fname, "option 'padded'", more.padded)
  return core.cross_entropy(logits, labels, weights, smoothing, padded, sample_weights, reduction)
end

--- nn.binary_cross_entropy(logits, targets [, { sample_weights = nil, reduction = "mean" }]) -> scalar
---
--- -t log p - (1 - t) log(1 - p) with p = sigmoid(logits), safe for large logits; targets are 0, 1 or between.
---@param logits rnn.Tensor
---@param targets rnn.Tensor of equal shape
---@param options? { sample_weights?: rnn.Tensor, reduction?: "mean"|"sum"|"none" }
---@return rnn.Tensor
function losses.binary_cross_entropy(logits, targets, options)
  return core.binary_cross_entropy(logits, targets,
    checked("nn.binary_cross_entropy", logits, "logits", targets, "targets", options))
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
