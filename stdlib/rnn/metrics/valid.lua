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

--- valid.check(fname, labels, lengths, padded)
---
--- A label 0 is padding, and where neither lengths nor the option padded say that there may be some it is an error.
---@param fname string
---@param labels rnn.Tensor int32
---@param lengths rnn.Tensor|nil
---@param padded boolean|nil
function valid.check(fname, labels, lengths, padded)
  if padded ~= nil then check.boolean(fname, "option 'padded'", padded) end
  if lengths or padded or labels:eq(0):sum():item() == 0 then return end
  core.fail("%s: there are labels 0: labels count from 1, and 0 is padding; where it is meant, give the labels lengths "
    .. "or the option padded = true", fname)
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
  valid.check(fname, labels, lengths, padded)
  local function clear(t) return (lengths and t:with_lengths(lengths):zero_padding() or t):without_lengths() end
  y, labels = clear(y:detach()), clear(labels)
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
