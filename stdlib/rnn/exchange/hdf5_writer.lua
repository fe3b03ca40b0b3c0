-- hdf5_writer.lua: HDF5 files of groups and arrays, as every release of the library since 1.8 reads them: object
-- headers of version 1, whose links stand in them.

local writer = {}

local NONE <const> = ("\xff"):rep(8)

local function message(kind, body)
  body = body .. ("\0"):rep(-#body % 8)
  return string.pack("<I2I2I4", kind, #body, 0) .. body
end

local function header(messages)
  local body = table.concat(messages)
  return string.pack("<BBI2I4I4I4", 1, 0, #messages, 1, #body, 0) .. body
end

local FLOATS = { F32 = { 4, 32, 23, 8, 127 }, F64 = { 8, 64, 52, 11, 1023 } }

local function type_of(element)
  local float = FLOATS[element]
  if not float then return string.pack("<BI3I4I2I2", 0x10, 8, 4, 0, 32) end -- int32
  local size, bits, mantissa, exponent, bias = table.unpack(float)
  return string.pack("<BI3I4I2I2BBBBI4", 0x11, 0x20 | (bits - 1) << 8, size, 0, bits, mantissa, exponent, 0, mantissa,
    bias)
end

local function shape_of(shape)
  local text = string.pack("<BBBBI4", 1, #shape, 0, 0, 0)
  for _, n in ipairs(shape) do text = text .. string.pack("<i8", n) end
  return text
end

-- Puts an object into the pieces of the file; returns its address.
local function put(out, item)
  local function add(text)
    local at = out.size
    text = text .. ("\0"):rep(-#text % 8)
    out[#out + 1], out.size = text, out.size + #text
    return at
  end
  if item.bytes then
    local at = #item.bytes > 0 and string.pack("<i8", add(item.bytes)) or NONE
    return add(header { message(0x01, shape_of(item.shape)), message(0x03, type_of(item.element)),
      message(0x05, "\2\2\2\0"), message(0x08, string.pack("<BB", 3, 1) .. at .. string.pack("<i8", #item.bytes)) })
  end
  local names, messages = {}, { message(0x02, "\0\0" .. NONE .. NONE), message(0x0a, "\0\0") }
  for name in pairs(item) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    messages[#messages + 1] = message(0x06, string.pack("<BBs2i8", 1, 1, name, put(out, item[name])))
  end
  return add(header(messages))
end

--- writer.text(root) -> a file
---
--- root is a group, { name = group or array }, arrays as tensors.bytes gives them.
function writer.text(root)
  local out = { size = 96 } -- the superblock is in front
  local address = put(out, root)
  local start = "\x89HDF\r\n\x1a\n" .. string.pack("<BBBBBBBBI2I2I4", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0)
    .. string.pack("<i8", 0) .. NONE .. string.pack("<i8", out.size) .. NONE
    .. string.pack("<i8i8I4I4", 0, address, 0, 0) .. ("\0"):rep(16)
  return start .. table.concat(out)
end

return writer
