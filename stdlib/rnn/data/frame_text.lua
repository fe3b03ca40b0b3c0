-- frame_text.lua: how a frame looks at the prompt: its size, its names, its first rows.

local columns = require "rnn.columns"
local dates = require "rnn.data.dates"

local SHOWN = 5

-- The shortest text that reads back as the number.
local function number(value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  for digits = 1, 16 do
    local text = ("%%.%dg"):format(digits):format(value)
    if tonumber(text) == value then
      -- 1700000000 and not 1.7e+09
      return value == math.floor(value) and math.abs(value) < 2 ^ 53 and ("%.0f"):format(value) or text
    end
  end
  return ("%.17g"):format(value)
end

local function cell(column, row)
  local value = column.values:get(row)
  if column.type == "date" then return dates.text(value) end
  if column.type == "text" then return value == 0 and "missing" or column.words[value] end
  return value ~= value and "missing" or number(value)
end

--- The text of a frame: "7639 rows × 5 columns" and a table of its first rows.
---@param frame data.Frame
---@return string
return function(frame)
  local shown = math.min(#frame, SHOWN)
  local rows = {}
  for i = 0, shown do
    rows[i + 1] = {}
    for j, column in ipairs(frame.columns) do rows[i + 1][j] = i == 0 and column.name or cell(column, i) end
  end
  local lines = columns.lines(rows, function(j) return frame.columns[j].type == "number" end)
  for i, line in ipairs(lines) do lines[i] = "  " .. line end
  table.insert(lines, 1, ("%d rows × %d columns"):format(#frame, #frame.columns))
  if #frame > shown then lines[#lines + 1] = "  …" end
  return table.concat(lines, "\n")
end
