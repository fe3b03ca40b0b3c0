-- valid.lua: which elements of answers and targets count. Padding behind lengths and labels 0 do not.

local core = require "rnn.core"
local check = require "rnn.check"

local valid = {}

--- valid.lengths(y, target) -> int32 (N) or nil
---
--- Those of the target, or else those of y where both have the same steps.
function valid.lengths(y, target)
  local lengths = target:lengths()
  if lengths then return lengths end
  return target:ndim() >= 2 and y:ndim() >= 2 and y:size(2) == target:size(2) and y:lengths() or nil
end

--- valid.labels(fname, y, labels) -> y, labels
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
  local function clear(t) return (lengths and t:with_lengths(lengths):zero_padding() or t):without_lengths() end
  y, labels = clear(y:detach()), clear(labels)
  y = classes and y:reshape(-1, classes) or y:reshape(-1)
  return y, labels:reshape(-1)
end

return valid
