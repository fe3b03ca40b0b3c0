-- elements.lua: functions of elements that are made of other ops.

local core = require "rnn.core"
local check = require "rnn.check"

local elements = {}

--- rnn.lerp(a, b, weight) -> tensor
---
--- a + weight (b - a): a where weight is 0, b where it is 1. Broadcast.
--- Errors: shapes that do not fit together.
---@param a rnn.Tensor
---@param b rnn.Tensor
---@param weight rnn.Tensor|number
---@return rnn.Tensor
function elements.lerp(a, b, weight)
  check.tensor("lerp", "argument 1", a)
  check.tensor("lerp", "argument 2", b)
  if type(weight) ~= "number" then check.tensor("lerp", "argument 3 (weight)", weight) end
  return a + (b - a) * weight
end

--- rnn.diff(x [, axis = -1]) -> tensor
---
--- The differences of neighbours along an axis: the second less the first, and so on. Shape: that of x, one less along
--- axis. Errors: an axis that x does not have, or without elements; padded batches along their steps.
---@param x rnn.Tensor float or int32
---@param axis? integer from 1, or from -1 backwards
---@return rnn.Tensor
function elements.diff(x, axis)
  check.tensor("diff", "argument 1", x)
  if x:ndim() == 0 then core.fail "diff: expected a tensor of at least one axis, got a scalar" end
  axis = axis == nil and -1 or check.int("diff", "argument 2 (axis)", axis, -x:ndim(), x:ndim())
  if axis == 0 then core.fail "diff: argument 2 (axis): axes count from 1, or from -1 backwards, got 0" end
  local n = x:size(axis)
  if n == 0 then core.fail("diff: axis %d of %s has no elements", axis, check.shape(x)) end
  return core.slice(x, axis, 2, n) - core.slice(x, axis, 1, n - 1)
end

return elements
