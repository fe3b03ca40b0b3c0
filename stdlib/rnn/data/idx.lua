-- idx.lua: files of one array of numbers, as MNIST comes in.

local core = require "rnn.core"
local check = require "rnn.check"

local AT_ONCE = 4000 -- numbers that string.unpack gives in one call

-- What the third byte says: format of string.unpack, bytes, type of the tensor.
local KINDS = {
  [0x08] = { "B", 1, "int32" }, [0x09] = { "b", 1, "int32" }, [0x0B] = { "i2", 2, "int32" },
  [0x0C] = { "i4", 4, "int32" }, [0x0D] = { "f", 4, "float" }, [0x0E] = { "d", 8, "float" },
}

-- The file's numbers as a list, its shape and the type of its tensor; or nil and what is wrong.
local function parse(bytes)
  local zero, kind, ndim = 1, nil, nil
  if #bytes >= 4 then zero, kind, ndim = (">I2BB"):unpack(bytes) end
  kind = KINDS[kind]
  if zero ~= 0 or not kind or ndim < 1 or #bytes < 4 + 4 * ndim then return nil, "is no IDX file" end
  local shape, count = { (">" .. ("I4"):rep(ndim)):unpack(bytes, 5) }, 1.0 -- as a float the product never wraps
  local at = table.remove(shape)
  for _, size in ipairs(shape) do count = count * size end
  local format, width, type = table.unpack(kind)
  if #bytes - at + 1 ~= count * width then
    return nil, ("has %d bytes of numbers, but its head says %s of %d bytes"):format(#bytes - at + 1,
      table.concat(shape, " x "), width)
  end
  local values = {}
  count = count // 1 | 0
  for from = 1, count, AT_ONCE do
    local n = math.min(AT_ONCE, count - from + 1)
    local some = { (">" .. format:rep(n)):unpack(bytes, at) }
    at = table.remove(some)
    table.move(some, 1, n, from, values)
  end
  return values, shape, type
end

--- data.idx(path) -> tensor | nil, message
---
--- Reads a file in the IDX format of MNIST: one array, with its shape, of bytes, integers (int32) or floating-point
--- numbers (float). A file that cannot be read gives nil and a message: assert(data.idx(path)).
---@param path string
---@return rnn.Tensor?
---@return string? message
local function idx(path)
  check.string("data.idx", "argument 1 (path)", path)
  local bytes, message = core.file_read(path)
  if not bytes then return nil, "data.idx: " .. message end
  local values, shape, type = parse(bytes)
  if not values then return nil, ("data.idx: %s: %s"):format(path, shape) end
  if #values == 0 then
    shape.type = type
    return core.zeros(shape)
  end
  -- What the file holds may be more than a tensor does: too many axes, numbers beyond float.
  local ok, t = pcall(function() return core.tensor(values, type):reshape(table.unpack(shape)) end)
  if not ok then return nil, ("data.idx: %s: %s"):format(path, (t:gsub("^[^\n]-:%d+: ", "", 1))) end
  return t
end

return idx
