-- tensors.lua: bytes of other programs' files as tensors, and back, by way of a safetensors file, which the core
-- reads with all its checks.

local core = require "rnn.core"

local WIDTHS = { F64 = 8, F32 = 4, F16 = 2, BF16 = 2, I64 = 8, I32 = 4, I16 = 2, I8 = 1, U64 = 8, U32 = 4, U16 = 2,
  U8 = 1, BOOL = 1 }

local tensors = {}

-- f(path) with the path of a file that is there for that long.
local function with_file(fname, f)
  local folder, message = core.folder_scratch()
  if not folder then core.fail("%s", message) end
  return core.finally(fname, function() core.folder_remove(folder) end, f, folder .. "/parts.safetensors")
end

--- tensors.width(element) -> bytes of an element, by its name in safetensors files
function tensors.width(element) return WIDTHS[element] end

--- tensors.read(parts) -> tensors by name
---
--- parts[name] = { element = "F32", shape = { 2, 3 }, bytes = text }. Raises for bytes that are not those of the shape.
function tensors.read(parts)
  local names, header, bytes, at = {}, {}, {}, 0
  for name in pairs(parts) do names[#names + 1] = name end
  if #names == 0 then return {} end
  table.sort(names)
  for i, name in ipairs(names) do
    local part, count = parts[name], WIDTHS[parts[name].element] + 0.0 -- as a float the product never wraps
    for _, n in ipairs(part.shape) do count = count * n end
    if count ~= #part.bytes then
      core.fail("'%s' has %d bytes, where %s elements (%s) take %.0f", name, #part.bytes, part.element,
        table.concat(part.shape, ", "), count)
    end
    header[i] = ("\"t%d\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}"):format(i, part.element,
      table.concat(part.shape, ","), at, at + #part.bytes)
    bytes[i], at = part.bytes, at + #part.bytes
  end
  local text = "{" .. table.concat(header, ",") .. "}"
  text = text .. (" "):rep(-#text % 8)
  return with_file("rnn.import", function(path)
    local file = assert(io.open(path, "wb")) -- gone in a moment, so it need not reach the disk
    file:write(string.pack("<s8", text))
    for _, part in ipairs(bytes) do file:write(part) end
    assert(file:close())
    local read, why = core.archive_read(path)
    if not read then core.fail("%s", (why:gsub("^.-/parts%.safetensors: ", ""))) end
    local made = {}
    for i, name in ipairs(names) do made[name] = read["t" .. i] end
    return made
  end)
end

--- tensors.bytes(fname, list) -> parts: of each tensor of a list { element, shape, bytes }
function tensors.bytes(fname, list)
  local named, parts = {}, {}
  for i, t in ipairs(list) do named["t" .. i] = t end
  local text = with_file(fname, function(path)
    local done, message = core.archive_write(path, named)
    if not done then core.fail("%s", message) end
    return assert(core.file_read(path))
  end)
  local header, data = string.unpack("<s8", text)
  for name, entry in pairs(core.json_decode(header)) do
    local i = tonumber(name:match "^t(%d+)$")
    if i then
      parts[i] = { element = entry.dtype, shape = { list[i]:shape() },
        bytes = text:sub(data + entry.data_offsets[1], data + entry.data_offsets[2] - 1) }
    end
  end
  return parts
end

return tensors
