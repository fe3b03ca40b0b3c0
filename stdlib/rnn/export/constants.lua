-- constants.lua: numbers as C writes them.

local core = require "rnn.core"

local constants = {}

--- constants.float(x) -> the text of a float constant that gives the same bits
function constants.float(x)
  local text = ("%.9g"):format(core.tensor(x + 0.0):item())
  if text:find "n" then core.fail("rnn.export_c: a weight is %s", text) end
  if not text:find "[.e]" then text = text .. ".0" end
  return text .. "f"
end

--- constants.texts(values, bytes) -> the same list, as texts of floats or of integers
function constants.texts(values, bytes)
  for i, x in ipairs(values) do values[i] = bytes and ("%d"):format(x) or constants.float(x) end
  return values
end

--- constants.listing(texts) -> lines of 8
function constants.listing(texts)
  local lines = {}
  for i = 1, #texts, 8 do lines[#lines + 1] = "  " .. table.concat(texts, ", ", i, math.min(i + 7, #texts)) end
  return table.concat(lines, ",\n")
end

return constants
