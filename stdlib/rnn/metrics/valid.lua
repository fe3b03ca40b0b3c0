-- valid.lua: which elements of answers and targets count. Padding behind lengths and labels 0 do not.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"

local valid = {}

--- valid.lengths(y, target) -> int32 (N) or nil
---
--- Those of the target, or else those of y where both have the same steps.
function valid.lengths(y, target)
  local lengths = target:lengths()
  if lengths then return lengths end
  return target:ndim() >= 2 and y:ndim() >= 2 and y:size(2) == target:size(2) and y:lengths() or nil
end

--- valid.labels(fname, y, labels) -> y, labels, place; place(n) names element n of the labels
---
--- y: logits (..., V), float, or predicted labels (...), int32; given back with one row for each label: (n, V) or (n).
--- labels: int32 (n), 0 where nothing counts.
---@param fname string
---@param y rnn.Tensor
---@param labels rnn.Tensor
---@return rnn.Tensor
---@return rnn.Tensor
function valid.labels(fname, y, labels)
  check.tensor(fname, "argument 1 (y)", y)
  check.tensor(fname, "argument 2 (labels)", labels, "int32")
  local lengths = valid.lengths(y, labels)
  local shape = { y:shape() }
  local classes = y:type() == "float" and table.remove(shape) or nil
  if table.concat(shape, ",") ~= table.concat({ labels:shape() }, ",") then
    core.fail("%s: expected logits (..., V), or predicted labels int32 (...), and labels (...), got %s and %s", fname,
      check.describe(y), check.shape(labels))
  end
  y, labels = y:detach():without_lengths(), labels:without_lengths()
  if lengths then
    local rows, steps = labels:size(1), labels:size(2)
    local inside = core.arange(steps):reshape(1, steps):le(lengths:reshape(rows, 1)):to_int()
    labels = labels:reshape(rows, steps, -1) * inside:reshape(rows, steps, 1)
  end
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
