-- spark.lua: a vector as one line of bars.

local core = require "rnn.core"

local floor, huge, min, max, concat = math.floor, math.huge, math.min, math.max, table.concat

local ASCII = { "_", ".", "-", "=", "+", "*", "#", "@" }
local BARS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }

-- At most width numbers: the elements, or the means of equal parts of them. x (n) float without history.
local function heights(x, width)
  local n = #x
  if n <= width then return x:totable() end
  local part = n // width
  local columns = n // part
  columns = min(columns, width)
  return x:rows(1, columns * part):reshape(columns, part):mean(2):totable()
end

--- spark(x, width) -> line | nil
---
--- A tensor of one axis as bars from its least to its largest value; what is not finite is left blank. nil for all
--- else, and for vectors of less than two elements.
---@param x any
---@param width integer columns
---@param ascii? boolean
---@return string?
return function(x, width, ascii)
  if not core.is_tensor(x) or x:ndim() ~= 1 or #x < 2 then return nil end
  local values = core.no_grad(function()
    return heights((x:type() == "int32" and x:to_float() or x):detach(), max(8, width - 2))
  end)
  local low, high = huge, -huge
  for _, v in ipairs(values) do
    if v - v == 0 then low, high = min(low, v), max(high, v) end
  end
  if low > high then return nil end
  local bars = {}
  for i, v in ipairs(values) do
    local share = high > low and (v - low) / (high - low) or 0.5
    bars[i] = v - v == 0 and (ascii and ASCII or BARS)[1 + min(7, floor(share * 8))] or " "
  end
  return " " .. concat(bars)
end
