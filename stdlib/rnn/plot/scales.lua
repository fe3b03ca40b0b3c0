-- From the data of a chart to its two scales: ranges over what can be drawn, with a little room around.
local axis = require "rnn.plot.axis"

local scales = {}

-- Larger numbers would overflow in differences and in the room around them; like infinities they are drawn as gaps.
-- So are smaller ones on a logarithmic axis.
local LARGEST <const>, LEAST <const> = 1e250, 1e-250

---@param v number
---@return boolean
function scales.finite(v) return v >= -LARGEST and v <= LARGEST end

---Whether a logarithmic axis can show v.
---@param v number
---@return boolean
function scales.positive(v) return v >= LEAST and v <= LARGEST end

local function extent(lo, hi, values, usable)
  for i = 1, #values do
    local v = values[i]
    if usable(v) then
      if not lo or v < lo then lo = v end
      if not hi or v > hi then hi = v end
    end
  end
  return lo, hi
end

local function y_range(chart)
  local lo, hi
  local usable = chart.log_y and scales.positive or scales.finite
  for _, s in ipairs(chart.series) do
    lo, hi = extent(lo, hi, s.y, usable)
    for _, band in ipairs(s.bands or {}) do
      for k = 1, 2 do lo, hi = extent(lo, hi, band[k], usable) end
    end
  end
  local bars = chart.marks == "bars"
  if chart.log_y then
    if not lo then return 0.1, 1 end
    if chart.marks == "histogram" or bars or hi < lo * 1.0001 then return lo / 2, hi * 2 end
    local room = hi ^ 0.04 / lo ^ 0.04
    return lo / room, hi * room
  end
  if chart.marks == "histogram" then return 0, (hi and hi > 0 and hi or 1) * 1.04 end
  if bars and lo then lo, hi = math.min(lo, 0), math.max(hi, 0, lo == 0 and hi == 0 and 1 or 0) end
  local a, b = axis.range(lo, hi)
  if not lo then return a, b end
  local room = (b - a) * 0.05
  -- 0 is a natural floor or ceiling: room beyond it would suggest values that are not there
  local from, to = a - room, b + room
  if lo >= 0 then
    from = math.max(0, from)
  elseif hi <= 0 then
    to = math.min(0, to)
  end
  return from, to
end

---@param chart table
---@return table x scale
---@return table y scale
function scales.of(chart)
  local lo, hi
  local usable = chart.log_x and scales.positive or scales.finite
  for _, s in ipairs(chart.series) do lo, hi = extent(lo, hi, s.x, usable) end
  local x
  if chart.x == "names" then
    x = axis.names(chart.names)
  elseif chart.log_x then
    lo, hi = lo or 0.1, hi or 1
    if hi < lo * 1.0001 then lo, hi = lo / 2, hi * 2 end
    x = axis.log(lo, hi)
  elseif chart.x == "number" then
    x = axis.linear(axis.range(lo, hi))
  else
    if not lo then
      lo, hi = 1, 2
    elseif lo == hi then
      local room = math.max(1, math.abs(lo) * 1e-6)
      lo, hi = lo - room, hi + room
    end
    x = chart.x == "date" and axis.date(lo, hi) or axis.linear(lo, hi, 1)
  end
  local from, to = y_range(chart)
  return x, chart.log_y and axis.log(from, to) or axis.linear(from, to, chart.marks == "histogram" and 1 or nil)
end

return scales
