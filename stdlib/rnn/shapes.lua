-- shapes.lua: what cuts, joins, unrolls and fills tensors and is made of other ops.

local core = require "rnn.core"
local check = require "rnn.check"

local shapes = {}

-- The axis from 1.
local function check_axis(fname, x, axis)
  check.tensor(fname, "argument 1", x)
  local n = x:ndim()
  axis = check.int(fname, "argument 2 (axis)", axis, -n, n)
  if axis == 0 then check.expected(fname, "argument 2 (axis)", ("1 to %d or -1 to -%d"):format(n, n), 0) end
  return axis > 0 and axis or n + 1 + axis
end

-- Views of x along an axis with these sizes.
local function parts_of(x, axis, sizes)
  local parts, from = {}, 1
  for i, size in ipairs(sizes) do
    parts[i] = core.slice(x, axis, from, from + size - 1)
    from = from + size
  end
  return parts
end

-- As many sizes as n has, the last one what is left.
local function sizes_of(n, size)
  local sizes = {}
  for i = 1, math.max(-(-n // size), 1) do sizes[i] = math.min(size, n - (i - 1) * size) end
  return sizes
end

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
--- Cuts x along an axis into parts of the given sizes, which add up to the axis; with a number, into that many equal
--- parts; with { size = 3 }, into parts of 3, of which the last may be smaller. They share memory with x. The gates of
--- an LSTM: local i, f, g, o = table.unpack(rnn.split(sums, 2, 4)).
--- Errors: sizes that do not add up to the axis.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param sizes integer|integer[]|{ size: integer }
---@return rnn.Tensor[]
function shapes.split(x, axis, sizes)
  axis = check_axis("split", x, axis)
  local n = x:size(axis)
  if type(sizes) ~= "table" then
    sizes = equal_parts(n, axis, sizes)
  elseif sizes.size ~= nil then
    sizes = sizes_of(n, check.int("split", "size", sizes.size, 1))
  end
  local total = 0
  for i, size in ipairs(sizes) do total = total + check.int("split", ("size %d"):format(i), size, 0) end
  if total ~= n then
    core.fail("split: sizes {%s} do not add up to %d, axis %d of %s", table.concat(sizes, ", "), n, axis,
      check.shape(x))
  end
  return parts_of(x, axis, sizes)
end

--- rnn.chunk(x, axis, count) -> array of tensors
---
--- Cuts x along an axis into count parts of one size, of which the last may be smaller, or missing where the others
--- have taken all. They share memory with x. Errors: a count below 1.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param count integer
---@return rnn.Tensor[]
function shapes.chunk(x, axis, count)
  axis = check_axis("chunk", x, axis)
  local n = x:size(axis)
  check.int("chunk", "argument 3 (count)", count, 1)
  return parts_of(x, axis, sizes_of(n, math.max(-(-n // count), 1)))
end

--- rnn.flatten(x [, first = 1 [, last = -1]]) -> tensor
---
--- The axes from first to last made one; a scalar becomes (1). Shares memory as reshape does.
--- Errors: last before first.
---@param x rnn.Tensor
---@param first? integer from 1, or from -1 backwards
---@param last? integer likewise
---@return rnn.Tensor
function shapes.flatten(x, first, last)
  check.tensor("flatten", "argument 1", x)
  local n, sizes, flat = x:ndim(), { x:shape() }, 1
  if n == 0 then return x:reshape(1) end
  first = check_axis("flatten", x, first == nil and 1 or first)
  last = check.int("flatten", "argument 3 (last)", last == nil and -1 or last, -n, n)
  last = last < 0 and n + 1 + last or last
  if last < first then core.fail("flatten: last axis %d comes before the first, %d", last, first) end
  for axis = first, last do flat = flat * sizes[axis] end
  table.move(sizes, last + 1, n + last - first + 1, first + 1)
  sizes[first] = flat
  return x:reshape(table.move(sizes, 1, n - last + first, 1, {}))
end

--- rnn.outer(x, y) -> tensor
---
--- The products of each element of x with each of y: (n), (m) -> (n, m). Errors: other than vectors.
---@param x rnn.Tensor
---@param y rnn.Tensor
---@return rnn.Tensor
function shapes.outer(x, y)
  check.tensor("outer", "argument 1", x, nil, 1)
  check.tensor("outer", "argument 2", y, nil, 1)
  return x:unsqueeze(2) * y:unsqueeze(1)
end

--- rnn.meshgrid(x, y, ...) -> tensors
---
--- The coordinates of a grid: for vectors (n), (m) ... tensors (n, m, ...), in which each vector runs along its own
--- axis. Errors: other than vectors, more than 6 of them.
---@param ... rnn.Tensor
---@return rnn.Tensor ... one for each
function shapes.meshgrid(...)
  local vectors, sizes, grids = { ... }, {}, {}
  for i, x in ipairs(vectors) do sizes[i] = check.tensor("meshgrid", ("argument %d"):format(i), x, nil, 1):size(1) end
  if #vectors == 0 or #vectors < select("#", ...) then
    check.expected("meshgrid", ("argument %d"):format(#vectors + 1), "a tensor of 1 axis", nil)
  end
  for i, x in ipairs(vectors) do
    local shape = {}
    for k = 1, #vectors do shape[k] = k == i and -1 or 1 end
    grids[i] = core.concat({ x:reshape(shape):broadcast_to(sizes) }, 1)
  end
  return table.unpack(grids)
end

--- rnn.unfold(x, axis, size [, step = 1]) -> tensor
---
--- Windows of size places along an axis, the next one step further: the axis counts them, and their places come as a
--- new last axis. A copy. Errors: a size that is longer than the axis; time of a batch with lengths.
---@param x rnn.Tensor
---@param axis integer from 1, or from -1 backwards
---@param size integer
---@param step? integer
---@return rnn.Tensor
function shapes.unfold(x, axis, size, step)
  axis = check_axis("unfold", x, axis)
  local n = x:size(axis)
  size = check.int("unfold", "argument 3 (size)", size, 0, n)
  step = step == nil and 1 or check.int("unfold", "argument 4 (step)", step, 1)
  local count, shape, order = (n - size) // step + 1, { x:shape() }, {}
  local ids = (core.arange(count):unsqueeze(2) - 1) * step + core.arange(size)
  shape[axis] = size
  table.insert(shape, axis, count)
  for i = 1, #shape do order[i] = i end
  table.insert(order, table.remove(order, axis + 1))
  return x:gather(axis, ids:reshape(-1)):reshape(shape):permute(order)
end

--- rnn.masked_fill(x, mask, value) -> tensor
---
--- x with value where mask is 1; x[mask] = value does it in place. Errors: a mask that is not of 0 and 1, or cannot be
--- broadcast to x.
---@param x rnn.Tensor
---@param mask rnn.Tensor float, of 0 and 1
---@param value number
---@return rnn.Tensor of the shape of x
function shapes.masked_fill(x, mask, value)
  check.tensor("masked_fill", "argument 1", x)
  check.tensor("masked_fill", "argument 2 (mask)", mask)
  if type(value) ~= "number" then check.expected("masked_fill", "argument 3 (value)", "a number", value) end
  local y = core.where(mask, value, x)
  if check.shape(y) ~= check.shape(x) then
    core.fail("masked_fill: the mask %s cannot be broadcast to %s", check.shape(mask), check.shape(x))
  end
  return y
end

return shapes
