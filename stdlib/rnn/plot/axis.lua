-- Scales: where a value lies between the ends of an axis, and which round values get a tick and a label.
-- A scale is { lo, hi, place = value -> 0..1, ticks = wanted count -> { {value, label}, ... } }.
local dates = require "rnn.calendar"

local axis = {}

local log10 = function(v) return math.log(v, 10) end

-- m * 10^e with m of 1, 2, 5: the smallest such step that is at least raw.
local function round_step(raw)
  local e = math.floor(log10(raw) + 1e-9)
  for _, m in ipairs { 1, 2, 5 } do
    if m * 10.0 ^ e >= raw * (1 - 1e-9) then return m * 10.0 ^ e, e end
  end
  return 10.0 ^ (e + 1), e + 1
end

local function minus(s) return (s:gsub("^%-", "−")) end

-- "1.50e+09" -> "1.5e9"
local function exponential(v, digits)
  local mantissa, exponent = (("%%.%de"):format(digits)):format(v):match "^(.-)e([+-]%d+)$"
  if digits > 0 then mantissa = mantissa:gsub("%.?0+$", "") end
  return mantissa .. "e" .. math.tointeger(tonumber(exponent))
end

-- Labels that differ from each other as far as step demands and no further. e: the power of ten of step.
local function number_label(v, e, largest)
  if math.abs(v) < 0.5 * 10.0 ^ e then return "0" end
  local top = math.floor(log10(largest) + 1e-9)
  if top >= 9 or top < -4 then return minus(exponential(v, math.max(0, math.floor(log10(math.abs(v)) + 1e-9) - e))) end
  local power, suffix = 0, ""
  if top >= 6 then power, suffix = 6, "M" elseif top >= 4 then power, suffix = 3, "k" end
  if power - e > 3 then power, suffix = 0, "" end
  return minus(("%%.%df"):format(math.max(0, power - e)):format(v / 10.0 ^ power)) .. suffix
end

local function round_ticks(lo, hi, count, min_step)
  local step, e = round_step(math.max((hi - lo) / count, min_step or 0))
  local first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
  local largest = math.max(math.abs(first), math.abs(last)) * step
  local ticks = {}
  for i = first, last do
    ticks[#ticks + 1] = { value = i * step, label = number_label(i * step, e, largest) }
  end
  return ticks
end

local TINY <const> = 1e-280 -- differences below this come near to numbers that lose precision

---Widens lo..hi so that it is a range that can be divided, also when it is empty (nil) or one value.
---@param lo? number
---@param hi? number
---@return number lo
---@return number hi
function axis.range(lo, hi)
  if not lo or not hi then return 0, 1 end
  local largest = math.max(math.abs(lo), math.abs(hi))
  if hi - lo > math.max(largest * 1e-10, TINY) then return lo, hi end
  local room = largest <= TINY and 1 or largest * 0.1
  return lo - room, hi + room
end

---One tick says little: asks for more until there are two.
---@param scale table
---@param count integer
function axis.some_ticks(scale, count)
  local ticks
  for more = count, count + 4 do
    ticks = scale.ticks(more)
    if #ticks >= 2 then break end
  end
  return ticks
end

-- The two ends of a scale as labels, with about so many digits of their distance.
local function ends(lo, hi, digits)
  local _, e = round_step((hi - lo) / 10.0 ^ (digits - 1))
  local largest = math.max(math.abs(lo), math.abs(hi))
  local function label(v)
    return (number_label(v, e, largest):gsub("(%.%d-)0+(%a*)$", "%1%2"):gsub("%.(%a*)$", "%1"))
  end
  return label(lo), label(hi)
end

---@param lo number less than hi
---@param hi number
---@param min_step? number no ticks closer than this (1 where values are whole)
function axis.linear(lo, hi, min_step)
  return {
    lo = lo, hi = hi,
    place = function(v) return (v - lo) / (hi - lo) end,
    ticks = function(count) return round_ticks(lo, hi, count, min_step) end,
    label = function(digits) return ends(lo, hi, digits) end,
  }
end

---@param lo number positive, less than hi
---@param hi number
function axis.log(lo, hi)
  local a, b = log10(lo), log10(hi)
  local function ticks(count)
    if b - a < 0.7 then return round_ticks(lo, hi, count) end -- less than a factor 5: ordinary steps read better
    local every = math.max(1, math.ceil((b - a) / count - 1e-9))
    local factors = (b - a) * 3 <= count and { 1, 2, 5 } or { 1 }
    local found = {}
    for e = math.floor(a) // every * every, math.ceil(b), every do
      for _, m in ipairs(factors) do
        local v = e < 0 and m / 10.0 ^ -e or m * 10.0 ^ e
        if v >= lo * (1 - 1e-9) and v <= hi * (1 + 1e-9) then
          found[#found + 1] = { value = v, label = number_label(v, e, v) }
        end
      end
    end
    return found
  end
  return { lo = lo, hi = hi, place = function(v) return (log10(v) - a) / (b - a) end, ticks = ticks }
end

---A scale of names: the first at 1. A tick of each, or of every second, third ... one.
---@param list string[]
function axis.names(list)
  local lo, hi = 0.5, math.max(#list, 1) + 0.5
  return {
    lo = lo, hi = hi, named = true,
    place = function(v) return (v - lo) / (hi - lo) end,
    ticks = function(count)
      local found = {}
      for i = 1, #list, math.max(1, math.ceil(#list / count)) do found[#found + 1] = { value = i, label = list[i] } end
      return found
    end,
  }
end

local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

-- Steps of a calendar axis: how many days apart they are about, and the first tick at or after a day and the next.
local CALENDAR = { { 1, "day", 1 }, { 2, "day", 2 }, { 7, "day", 7 }, { 14, "day", 14 }, { 30.4, "month", 1 },
  { 61, "month", 2 }, { 91.3, "month", 3 }, { 182.6, "month", 6 } }
for _, years in ipairs { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000 } do
  CALENDAR[#CALENDAR + 1] = { 365.25 * years, "month", 12 * years }
end

local MONDAY = 4 -- 1970-01-05

local function date_label(days, unit, n, previous)
  local y, m, d = dates.from_days(days)
  if unit == "month" and n % 12 == 0 then return ("%d"):format(y) end
  local label = unit == "day" and ("%d %s"):format(d, MONTHS[m]) or MONTHS[m]
  if not previous or dates.from_days(previous) ~= y then label = ("%s %d"):format(label, y) end
  return label
end

---A scale of calendar days; its ticks fall on Mondays, first days of months and round years.
---@param lo number days since 1970-01-01
---@param hi number
function axis.date(lo, hi)
  local function ticks(count)
    local unit, n
    for _, step in ipairs(CALENDAR) do
      unit, n = step[2], step[3]
      if (hi - lo) / step[1] <= count then break end
    end
    local found, previous = {}, nil
    local function add(days)
      if days >= lo and days <= hi then
        found[#found + 1] = { value = days, label = date_label(days, unit, n, previous) }
        previous = days
      end
    end
    if unit == "day" then
      for i = math.ceil((lo - MONDAY) / n), math.floor((hi - MONDAY) / n) do add(i * n + MONDAY) end
    else
      local y, m = dates.from_days(math.floor(lo))
      local month = (y * 12 + m - 1) // n * n
      repeat
        local days = dates.to_days(month // 12, month % 12 + 1, 1)
        add(days)
        month = month + n
      until days > hi
    end
    return found
  end
  return { lo = lo, hi = hi, place = function(v) return (v - lo) / (hi - lo) end, ticks = ticks }
end

return axis
