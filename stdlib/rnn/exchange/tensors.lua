-- tensors.lua: bytes of other programs' files as tensors. A safetensors file is made of them, which the core's reader
-- turns into our types with all its checks.

local core = require "rnn.core"

local WIDTHS = { F64 = 8, F32 = 4, F16 = 2, BF16 = 2, I64 = 8, I32 = 4, I16 = 2, I8 = 1, U64 = 8, U32 = 4, U16 = 2,
  U8 = 1, BOOL = 1 }

--- tensors(parts) -> tensors by name
---
--- parts[name] = { element = "F32", shape = { 2, 3 }, bytes = text }. Raises for bytes that are not those of the shape.
return function(parts)
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
    header[i] = ("%s:{\"dtype\":%s,\"shape\":[%s],\"data_offsets\":[%d,%d]}"):format(core.json_encode("t" .. i),
      core.json_encode(part.element), table.concat(part.shape, ","), at, at + #part.bytes)
    bytes[i], at = part.bytes, at + #part.bytes
  end
  local text = "{" .. table.concat(header, ",") .. "}"
  text = text .. (" "):rep(-#text % 8)
  local folder = core.folder_scratch()
  if not folder then core.fail "no folder for temporary files" end
  return core.finally("rnn.import", function() core.folder_remove(folder) end, function()
    local path = folder .. "/parts.safetensors"
    local done, message = core.file_write(path, string.pack("<s8", text) .. table.concat(bytes))
    if not done then core.fail("%s", message) end
    local read, why = core.archive_read(path)
    if not read then core.fail("%s", (why:gsub("^" .. path:gsub("%p", "%%%0") .. ": ", ""))) end
    local made = {}
    for i, name in ipairs(names) do made[name] = read["t" .. i] end
    return made
  end)
end
