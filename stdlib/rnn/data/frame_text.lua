-- frame_text.lua: how a frame looks at the prompt: its size, its names, its first rows.

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

local function width(text) return utf8.len(text) or #text end

-- The lines of one column, all of one width: its name, then the shown cells; numbers to the right.
local function column_lines(column, shown)
  local lines, widest = { column.name }, width(column.name)
  for row = 1, shown do
    lines[row + 1] = cell(column, row)
    widest = math.max(widest, width(lines[row + 1]))
  end
  for i, text in ipairs(lines) do
    local pad = (" "):rep(widest - width(text))
    lines[i] = column.type == "number" and pad .. text or text .. pad
  end
  return lines
end

--- The text of a frame: "7639 rows × 5 columns" and a table of its first rows.
---@param frame data.Frame
---@return string
return function(frame)
  local shown = math.min(#frame, SHOWN)
  local lines = { ("%d rows × %d columns"):format(#frame, #frame.columns) }
  for _, column in ipairs(frame.columns) do
    for i, text in ipairs(column_lines(column, shown)) do lines[i + 1] = (lines[i + 1] or "") .. "  " .. text end
  end
  if #frame > shown then lines[#lines + 1] = "  …" end
  return table.concat(lines, "\n")
end
