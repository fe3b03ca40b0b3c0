-- protobuf.lua: fields of messages in Protocol Buffers' wire format, as strings that are put one behind the other
-- (protobuf.dev/programming-guides/encoding). A field that has its default, 0 or "", may be left out by the caller.

local protobuf = {}

local VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5

-- Seven bits a byte, the lowest first; negative integers have ten bytes.
local function varint(n)
  local bytes = {}
  while n < 0 or n > 127 do
    bytes[#bytes + 1] = string.char(n & 127 | 128)
    n = n >> 7
  end
  return table.concat(bytes) .. string.char(n)
end

local function key(field, wire) return varint(field << 3 | wire) end

--- protobuf.integer(field, n): int32, int64, bool as 0 or 1, enum
---@param field integer
---@param n integer
---@return string
function protobuf.integer(field, n) return key(field, VARINT) .. varint(n) end

--- protobuf.double(field, v)
---@param field integer
---@param v number
---@return string
function protobuf.double(field, v) return key(field, EIGHT) .. ("<d"):pack(v) end

--- protobuf.float(field, v): what is beyond a float's range becomes infinite
---@param field integer
---@param v number
---@return string
function protobuf.float(field, v) return key(field, FOUR) .. ("<f"):pack(v) end

--- protobuf.bytes(field, s): bytes, string, and messages within messages
---@param field integer
---@param s string
---@return string
function protobuf.bytes(field, s) return key(field, BYTES) .. varint(#s) .. s end

--- protobuf.doubles(field, values): a packed list
---@param field integer
---@param values number[]
---@return string
function protobuf.doubles(field, values)
  local packed = {}
  for i, v in ipairs(values) do packed[i] = ("<d"):pack(v) end
  return protobuf.bytes(field, table.concat(packed))
end

return protobuf
