-- plain_json.lua: records of a run as JSON that any program reads. JSON has no word for what is not finite: such
-- figures become the texts "nan", "inf" and "-inf".

local core = require "rnn.core"

local function plain(value)
  if type(value) == "number" and value - value ~= 0 then return value ~= value and "nan" or tostring(value) end
  if type(value) ~= "table" then return value end
  local result = {}
  for key, each in pairs(value) do result[key] = plain(each) end
  return result
end

--- plain_json(record) -> JSON text with its keys in order
---@param record table
---@return string
return function(record) return core.json_encode(plain(record), { sort = true }) end
