-- steps.lua: steps of time: a fixed number of microseconds, months, or business days (Monday to Friday). A position is
-- the number of a step since some beginning: rows one step apart have positions that differ by 1. Steps of whole days
-- are counted on the calendar of the column's zone, shorter ones in time that passes.

local core = require "rnn.core"
local calendar = require "rnn.calendar"
local dates = require "rnn.data.dates"

local DAY = dates.DAY
local steps = {}

local UNITS = { -- longest first
  { "d", DAY }, { "h", 3600000000 }, { "min", 60000000 }, { "s", 1000000 }, { "ms", 1000 }, { "us", 1 },
}

--- steps.text(step) -> "15min"
function steps.text(step)
  if step.kind == "business" then return step.n == 1 and "1 business day" or step.n .. " business days" end
  if step.kind == "month" then
    if step.n % 12 == 0 then return step.n == 12 and "1 year" or step.n // 12 .. " years" end
    return step.n == 1 and "1 month" or step.n .. " months"
  end
  for _, unit in ipairs(UNITS) do
    if step.n % unit[2] == 0 then return step.n // unit[2] .. unit[1] end
  end
end

local NAMES = {
  us = 1, ms = 1000, s = 1000000, sec = 1000000, second = 1000000, min = 60000000, minute = 60000000, t = 60000000,
  h = 3600000000, hour = 3600000000, d = DAY, day = DAY, w = 7 * DAY, week = 7 * DAY,
}
local MONTHS = { month = 1, mo = 1, quarter = 3, q = 3, year = 12, y = 12 }

--- steps.parse("15min") -> step | nil
function steps.parse(text)
  if type(text) ~= "string" then return nil end
  local n, unit = text:match "^%s*(%d*)%s*(%a[%a ]*)$"
  n = n and (n == "" and 1 or math.tointeger(n))
  if not n or n < 1 then return nil end
  unit = unit:lower()
  local one = #unit > 2 and unit ~= "business" and unit:gsub("s$", "") or unit
  if NAMES[one] then return { kind = "fixed", n = n * NAMES[one] } end
  if MONTHS[one] then return { kind = "month", n = n * MONTHS[one] } end
  if one == "business day" or one == "b" then return { kind = "business", n = n } end
  return nil
end

--- steps.count(span, step) -> how many steps a span has | nil
function steps.count(span, step)
  if span.kind == step.kind then return span.n % step.n == 0 and span.n // step.n or nil end
  local days = span.n // (7 * DAY) * 5 -- of whole weeks
  local whole = step.kind == "business" and span.kind == "fixed" and span.n % (7 * DAY) == 0 and days % step.n == 0
  return whole and days // step.n or nil
end

--- steps.season(step) -> steps | nil
function steps.season(step)
  if step.kind == "business" then return step.n == 1 and 5 or nil end
  if step.kind == "month" then return step.n < 12 and 12 % step.n == 0 and 12 // step.n or nil end
  if step.n == 7 * DAY then return 52 end
  if step.n == DAY then return 7 end
  if step.n < DAY and step.n >= 1000000 and DAY % step.n == 0 then return DAY // step.n end
  return nil
end

-- Whole days and longer stand on the wall's calendar.
local function by_wall(step) return step.kind ~= "fixed" or step.n % DAY == 0 end

local function months_of(days) return days:date_part "year" * 12 + (days:date_part "month" - 1) end

-- Months since year 0 at step.n a position; where in them rows are must agree (see find).
local function month_positions(step, column)
  return (months_of(column:_wall() // DAY) - (step.origin or 0)) // step.n
end

-- Business days since 1970-01-01, a Thursday.
local function business_positions(step, column)
  local days = column:_wall() // DAY + 3
  local weekday = days % 7
  local over = core.numbers(weekday:gt(4)):int32() -- a weekend counts as its Friday
  return (days // 7 * 5 + weekday - (weekday - 4) * core.numbers(over)) // step.n
end

--- steps.positions(step, column) -> numbers
---
--- Whole numbers; of a fixed step they count from the first row on.
function steps.positions(step, column)
  if step.kind == "month" then return month_positions(step, column) end
  if step.kind == "business" then return business_positions(step, column) end
  local at = by_wall(step) and column:_wall() or column:_moments()
  if #at == 0 then return at end
  return (at - (step.origin or at:get(1))) // step.n
end

--- steps.times(step, column, positions) -> values of a date column
---
--- The times at positions, in the form that the column has them.
function steps.times(step, column, positions)
  local wall
  local first = column:_wall():get(1)
  if step.kind == "fixed" then
    local at = by_wall(step) and column:_wall() or column:_moments()
    at = positions * step.n + at:get(1)
    if not by_wall(step) then
      return column:_is_clock() and at or (at // DAY):int32()
    end
    wall = at
  elseif step.kind == "business" then
    positions = positions * step.n
    wall = (positions // 5 * 7 + positions % 5 - 3) * DAY + first % DAY
  else
    local months, list = (positions * step.n + (step.origin or 0)):totable(), {}
    local day = core.numbers { first // DAY }:date_part "day":get(1)
    for i, month in ipairs(months) do
      month = math.tointeger(month)
      local start = calendar.to_days(month // 12, month % 12 + 1, 1)
      local after = calendar.to_days((month + 1) // 12, (month + 1) % 12 + 1, 1)
      list[i] = math.min(start + (step.month_end and 31 or day) - 1, after - 1) * DAY + first % DAY
    end
    wall = core.numbers(list)
  end
  if not column:_is_clock() then return (wall // DAY):int32() end
  return column.zone and assert(wall:to_utc(column.zone)) or wall
end

--- steps.buckets(step, column) -> positions, times(positions)
---
--- The step in which each row lies, steps beginning at midnight, on Mondays, or on the first of months; and a function
--- from positions to values of a date column at which they begin: days, where steps are of whole days.
function steps.buckets(step, column)
  local function values(wall) return (wall // DAY):int32() end
  if step.kind == "month" then
    local function begin(positions)
      local list = (positions * step.n):totable()
      for i, month in ipairs(list) do
        month = math.tointeger(month)
        list[i] = calendar.to_days(month // 12, month % 12 + 1, 1) * DAY
      end
      return values(core.numbers(list))
    end
    return months_of(column:_wall() // DAY) // step.n, begin
  elseif step.kind == "business" then
    return business_positions(step, column), function(positions)
      positions = positions * step.n
      return values((positions // 5 * 7 + positions % 5 - 3) * DAY)
    end
  elseif by_wall(step) then
    local origin = step.n % (7 * DAY) == 0 and -3 * DAY or column:_wall():get(1) // DAY * DAY
    return (column:_wall() - origin) // step.n, function(positions) return values(positions * step.n + origin) end
  end
  local at = column:_moments()
  local shift = #at > 0 and column:_wall():get(1) - at:get(1) or 0 -- hours begin where the wall's do
  return (at + shift) // step.n, function(positions)
    local moments = positions * step.n - shift
    return moments
  end
end

-- Differing times between neighbours in time, in ascending order without 0, and how often each is there; nil: too many.
local function runs(values)
  local diffs = values:diff()
  if #diffs:lt(0):nonzero() > 0 then diffs = values:gather(values:argsort()):diff() end
  local found, counts = diffs:counts()
  if not found then return nil end
  local list = {}
  counts = counts:totable()
  for i, value in ipairs(found:totable()) do
    value = math.tointeger(value)
    if value > 0 then list[#list + 1] = { value = value, count = math.tointeger(counts[i]) } end
  end
  return list
end

-- The one of which all others are multiples: the most frequent one, else the least.
local function common(list)
  local most, total = list[1], 0
  for _, run in ipairs(list) do
    total = total + run.count
    if run.count > most.count then most = run end
  end
  for _, candidate in ipairs { most, list[1] } do
    local all = candidate.count * 10 >= total
    for _, run in ipairs(list) do all = all and run.value % candidate.value == 0 end
    if all then return candidate.value end
  end
  return nil
end

local ROUND = { 1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800 } -- seconds

-- The round step that is next to the middle one of differing times.
local function nearest(list)
  local all, count, middle = 0, 0, nil
  for _, run in ipairs(list) do all = all + run.count end
  for _, run in ipairs(list) do
    count = count + run.count
    if not middle and count * 2 >= all then middle = run.value end
  end
  local best, least = middle, math.huge
  for _, seconds in ipairs(middle >= 500000 and ROUND or {}) do
    local value = seconds * 1000000
    local far = math.max(value / middle, middle / value)
    if far < least then best, least = value, far end
  end
  return best
end

-- A step of months: the same time of day, and the same day of each month, or the last.
local function find_months(wall)
  local days, clock = wall // DAY, (wall % DAY):describe()
  if clock.least ~= clock.most then return nil end
  local day = days:date_part("day"):describe()
  local last = (days + 1):date_part("day"):describe()
  local at_end = last.least == 1 and last.most == 1
  if day.least ~= day.most and not at_end then return nil end
  local list = runs(months_of(days))
  local n = list and #list > 0 and common(list)
  if not n then return nil end
  return { kind = "month", n = n, month_end = at_end and day.least ~= day.most,
    origin = math.tointeger(months_of(days):get(1)) % n }
end

local function find_business(wall, list)
  local days = wall // DAY
  local weekend = ((days + 3) % 7):ge(5)
  if #weekend:nonzero() > 0 then return nil end
  for _, run in ipairs(list) do
    if run.value == 3 * DAY then return { kind = "business", n = 1 } end
  end
  return nil
end

--- steps.find(column) -> step | nil, why
---
--- The step of the times of a date column, in whatever order they are; none of them is missing.
function steps.find(column)
  local wall = column:_wall()
  if #wall < 2 then return nil, "there are fewer than two rows" end
  local list = runs(wall)
  if not list then return nil, "the times have no common step" end
  if #list == 0 then return nil, "all rows have the same time" end
  local most = list[1]
  for _, run in ipairs(list) do most = run.count > most.count and run or most end
  if most.value >= 28 * DAY then
    local step = find_months(wall)
    if step then return step end
  end
  if most.value == DAY and #wall > 5 then
    local step = find_business(wall, list)
    if step then return step end
  end
  if most.value < DAY and column.zone then list = runs(column:_moments()) end
  local step = common(list)
  if step then return { kind = "fixed", n = step } end
  local near = steps.text { kind = "fixed", n = nearest(list) }
  return nil, ("the rows are about %s apart, but not at equal steps; frame:resample('%s', 'mean') makes them equal")
    :format(near, near)
end

--- steps.off_grid(step, column) -> row | nil
---
--- The first row that is not a whole number of steps after the first one.
function steps.off_grid(step, column)
  if step.kind ~= "fixed" or #column.values == 0 then return nil end
  local at = by_wall(step) and column:_wall() or column:_moments()
  local off = ((at - at:get(1)) % step.n):ne(0):nonzero()
  return #off > 0 and off:get(1) or nil
end

return steps
