-- valid.lua: which elements of answers and targets count. Padding behind lengths and labels 0 do not.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local nest = require "rnn.nest"

local valid = {}

--- valid.lengths(y, target) -> int32 (N) or nil
---
--- Those of the target, or else those of y where both have the same steps.
function valid.lengths(y, target)
  local lengths = target:lengths()
  if lengths then return lengths end
  return target:ndim() >= 2 and y:ndim() >= 2 and y:size(2) == target:size(2) and y:lengths() or nil
end

-- x with 0 behind the lengths, if there are any, and without them.
local function clear(x, lengths)
  x = x:without_lengths()
  return lengths and x:with_lengths(lengths):zero_padding():without_lengths() or x
end

-- Labels that are not said to be padded have a 0 behind their lengths only: one before would be a class counted from 0.
local function check_labels(fname, labels, lengths)
  if clear(labels:without_lengths():eq(0), lengths):sum():item() == 0 then return end
  core.fail("%s: there are labels 0%s: labels count from 1, and 0 is padding; where it is meant, give the labels "
    .. "lengths that end before it or the option padded = true", fname, lengths and " within their sequences" or "")
end

--- valid.mask(fname, y, target, padded) -> float tensor of the target's shape, 1 where an element counts and 0 where it
--- is padding; nil when all count. y may be a table, whose first tensor has the lengths. Errors: labels 0 before the
--- end of a sequence, where the option padded does not say that they are padding.
function valid.mask(fname, y, target, padded)
  local lengths = valid.lengths(nest.is_table(y) and nest.first(y) or y, target)
  local labels = target:type() == "int32"
  if labels and not padded then check_labels(fname, target, lengths) end
  if labels and padded then return clear(target:without_lengths():ne(0), lengths) end
  return lengths and clear(core.ones { target:shape() }, lengths) or nil
end

-- Weights with the first axes of a mask in its stead: each element counts as often as its weight says.
local function weighted(mask, weights)
  local times = weights:detach():without_lengths():reshape(-1, 1)
  return core.where(mask:reshape(#times, -1):gt(0), times, 0)
end

--- valid.rows(x, weights) -> the rows of a batch, or what their weights add up to
function valid.rows(x, weights)
  if core.is_tensor(weights) then return weights:detach():without_lengths():sum():item() end
  return #nest.first(x)
end

--- valid.count(fname, x, y, target, padded, weights) -> how much a batch counts in a mean over batches
---
--- Its valid elements; with weights what these add up to; where there is no one target the rows of x, or what their
--- weights add up to.
function valid.count(fname, x, y, target, padded, weights)
  if type(weights) == "table" or not core.is_tensor(target) then return valid.rows(x, weights) end
  local mask = valid.mask(fname, y, target, padded)
  if not weights then return mask and math.tointeger(mask:sum():item()) or target:count() end
  if weights:count() == 0 then return 0 end
  return weighted(mask or core.ones { target:shape() }, weights):sum():item()
end

--- valid.has_first_axes(values, target) -> does a tensor have a value for each element, step or row of the target?
function valid.has_first_axes(values, target)
  if values:ndim() == 0 or values:ndim() > target:ndim() then return false end
  for axis = 1, values:ndim() do
    if values:size(axis) ~= target:size(axis) then return false end
  end
  return true
end

--- valid.sum(fname, values, y, target, padded, weights) -> the sum of the values that count, and how much they count
---
--- values have the first axes of the target: a step, or a row, counts when any of its elements does.
function valid.sum(fname, values, y, target, padded, weights)
  local mask = valid.mask(fname, y, target, padded) or core.ones { target:shape() }
  values = values:detach():without_lengths():reshape(-1)
  if mask:count() == 0 then return 0.0, 0 end
  mask = mask:reshape(#values, -1):max(2)
  if weights then
    if #values % weights:count() ~= 0 then
      core.fail("%s: weights %s for a metric of values of fewer axes", fname, check.shape(weights))
    end
    mask = weighted(mask, weights):reshape(-1)
  end
  return (core.where(mask:gt(0), values, 0) * mask):sum():item(), mask:sum():item()
end

--- valid.labels(fname, y, labels, padded) -> y, labels, place; place(n) names element n of the labels
---
--- y: logits (..., V), float, or predicted labels (...), int32; given back with one row for each label: (n, V) or (n).
--- labels: int32 (n), 0 where nothing counts.
---@param fname string
---@param y rnn.Tensor
---@param labels rnn.Tensor
---@param padded boolean|nil
---@return rnn.Tensor
---@return rnn.Tensor
function valid.labels(fname, y, labels, padded)
  check.tensor(fname, "argument 1 (y)", y)
  check.tensor(fname, "argument 2 (labels)", labels, "int32")
  local lengths = valid.lengths(y, labels)
  local shape = { y:shape() }
  local classes = y:type() == "float" and table.remove(shape) or nil
  if table.concat(shape, ",") ~= table.concat({ labels:shape() }, ",") then
    core.fail("%s: expected logits (..., V), or predicted labels int32 (...), and labels (...), got %s and %s", fname,
      check.describe(y), check.shape(labels))
  end
  if classes == 1 then
    core.fail("%s: logits %s of one class, which is then every answer", fname, check.shape(y))
  end
  if not padded then check_labels(fname, labels, lengths) end
  y, labels = clear(y:detach(), lengths), clear(labels, lengths)
  y = classes and y:reshape(-1, classes) or y:reshape(-1)
  return y, labels:reshape(-1), choice.place(shape)
end

--- valid.answers(fname, y, labels, place) -> int32 (N)
---
--- What valid.labels returned as labels: the largest of each row of logits. Errors: a row that counts without one.
function valid.answers(fname, y, labels, place)
  if y:type() == "int32" then return y end
  return choice.best(fname, y, labels:ne(0), place)
end

return valid
