-- protobuf.lua: Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding). Fields are written as strings
-- that are put one behind the other; a field that has its default, 0 or "", may be left out by the caller. Whole
-- messages are tables, by a schema that is a list of rows { number, name, kind [, many] }:
--
--   local Dim = { { 1, "value", "integer" }, { 2, "param", "bytes" } }
--   local Shape = { { 1, "dim", Dim, true } }
--   protobuf.encode(Shape, { dim = { { param = "N" }, { value = 3 } } })
--
-- A kind is "integer", "float", "bytes", another schema, or "packed": numbers of a fixed size as their bytes.

local core = require "rnn.core"

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

-- ---- whole messages ----

local writers = { integer = protobuf.integer, float = protobuf.float, bytes = protobuf.bytes, packed = protobuf.bytes }

--- protobuf.encode(schema, message) -> bytes
---
--- Fields in the order of the schema; nil is left out. Errors: none, of a message that the schema fits.
---@param schema table[]
---@param message table
---@return string
function protobuf.encode(schema, message)
  local list = {}
  for _, row in ipairs(schema) do
    local number, name, kind, many = table.unpack(row, 1, 4)
    local value = message[name]
    for _, item in ipairs(many and value or { value }) do
      list[#list + 1] = writers[kind] and writers[kind](number, item)
        or protobuf.bytes(number, protobuf.encode(kind, item))
    end
  end
  return table.concat(list)
end

local DEPTH = 64 -- messages within messages

local function read_varint(s, at, to)
  local n, shift = 0, 0
  repeat
    local byte = at <= to and s:byte(at)
    if not byte then core.fail("it ends in the middle of a number, at byte %d", at) end
    if shift > 63 then core.fail("a number of more than ten bytes, before byte %d", at) end
    n = n | (byte & 127) << shift
    at, shift = at + 1, shift + 7
  until byte < 128
  return n, at
end

local SIZES = { [EIGHT] = 8, [FOUR] = 4 }
local formats = { float = "<f" }

-- The bytes of a field whose number of bytes is known: from, to, and where the next one begins.
local function extent(s, at, to, wire)
  local size = SIZES[wire]
  if not size then size, at = read_varint(s, at, to) end
  if size < 0 or size > to - at + 1 then
    core.fail("a field of %d bytes at byte %d, where %d are left", size, at, to - at + 1)
  end
  return at, at + size - 1, at + size
end

local decode

-- What a field of that kind holds, given to put one by one; or nil for a wire type that it cannot have.
local function read_field(s, kind, wire, from, to, depth, put)
  if type(kind) == "table" and wire == BYTES then put(decode(kind, s, from, to, depth + 1))
  elseif kind == "bytes" and wire == BYTES or kind == "packed" and wire ~= VARINT then put(s:sub(from, to))
  elseif kind == "integer" and wire == BYTES then -- packed
    while from <= to do
      local n
      n, from = read_varint(s, from, to)
      put(n)
    end
  elseif formats[kind] and (wire == FOUR or wire == BYTES and (to - from + 1) % 4 == 0) then
    for at = from, to, 4 do put((formats[kind]:unpack(s, at))) end
  else
    return false
  end
  return true
end

function decode(schema, s, at, to, depth)
  if depth > DEPTH then core.fail("messages within messages, more than %d deep", DEPTH) end
  local by_number, message = {}, {}
  for _, row in ipairs(schema) do
    by_number[row[1]] = row
    if row[4] then message[row[2]] = {} end
  end
  while at <= to do
    local head, from, last
    local start = at
    head, at = read_varint(s, at, to)
    local number, wire = head >> 3, head & 7
    local row = by_number[number]
    local function put(value)
      local list = row[4] and message[row[2]]
      if list then list[#list + 1] = value else message[row[2]] = value end
    end
    if number == 0 or wire ~= VARINT and wire ~= BYTES and not SIZES[wire] then
      core.fail("byte %d begins no field", start)
    end
    local fits = true
    if wire == VARINT then
      local n
      n, at = read_varint(s, at, to)
      if row then fits = row[3] == "integer" end
      if row and fits then put(n) end
    else
      from, last, at = extent(s, at, to, wire)
      if row then fits = read_field(s, row[3], wire, from, last, depth, put) end
    end
    if not fits then core.fail("field '%s' at byte %d is of another type", row[2], start) end
  end
  return message
end

--- protobuf.decode(schema, bytes) -> message
---
--- Fields that the schema does not have are skipped; those of many are lists, empty where there are none. Errors: bytes
--- that end too early, lie about sizes, or are no message of the schema, with the place.
---@param schema table[]
---@param bytes string
---@return table
function protobuf.decode(schema, bytes) return decode(schema, bytes, 1, #bytes, 1) end

return protobuf
