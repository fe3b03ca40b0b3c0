-- split.lua: cuts a tensor along an axis.

local core = require "rnn.core"
local check = require "rnn.check"

-- The sizes of count equal parts of n.
local function equal_parts(n, axis, count)
  check.int("split", "argument 3 (sizes)", count, 1)
  if n % count ~= 0 then core.fail("split: axis %d of size %d does not divide into %d equal parts", axis, n, count) end
  local sizes = {}
  for i = 1, count do sizes[i] = n // count end
  return sizes
end

--- rnn.split(x, axis, sizes) -> array of tensors
---
--- Cuts x along an axis into parts of the given sizes, which add up to the axis, or, with a number, into that many
--- equal parts. The gates of an LSTM: local i, f, g, o = table.unpack(rnn.split(sums, 2, 4)).
--- Errors: sizes that do not add up to the axis.
---@param x rnn.Tensor
---@param axis integer
---@param sizes integer|integer[]
---@return rnn.Tensor[]
local function split(x, axis, sizes)
  check.tensor("split", "argument 1", x)
  axis = check.int("split", "argument 2 (axis)", axis, -x:ndim(), x:ndim())
  local n = x:size(axis)
  if type(sizes) ~= "table" then sizes = equal_parts(n, axis, sizes) end
  local total = 0
  for i, size in ipairs(sizes) do total = total + check.int("split", ("size %d"):format(i), size, 0) end
  if total ~= n then
    core.fail("split: sizes {%s} do not add up to %d, axis %d of %s", table.concat(sizes, ", "), n, axis,
      check.shape(x))
  end
  local parts, from = {}, 1
  for i, size in ipairs(sizes) do
    parts[i] = core.slice(x, axis, from, from + size - 1)
    from = from + size
  end
  return parts
end

return split
