-- frame_time.lua: frames whose rows are moments: the step between them, holes, repetitions, and what counts steps.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local base = require "rnn.data.frame_base"
local dates = require "rnn.data.dates"
local steps = require "rnn.data.steps"

---@class data.Frame
local Frame = base.Frame

-- The date column that tells the time of rows, or nil: the one they are sorted by, or the only one.
local function time_of(frame)
  local found
  for _, column in ipairs(frame.columns) do
    if column.type == "date" then
      if column.name == frame.order then return column end
      if found then return nil end
      found = column
    end
  end
  return found
end

local function need_time(frame, fname)
  return time_of(frame) or base.date_column(frame, fname)
end

-- What is known of the frame's time: { step, positions, ascending, diffs } or { reason }. Kept, as frames never change.
local function about(frame)
  local known = rawget(frame, "_about")
  if known then return known end
  known = {}
  local column = time_of(frame)
  if not column then
    known.reason = "there is no date column, or there are several and the rows are sorted by none of them"
  elseif frame.count > 0 and #base.missing_mask(column):nonzero() > 0 then
    known.reason = ("'%s' has missing times"):format(column.name)
  else
    known.step, known.reason = steps.find(column)
  end
  if known.step then
    known.positions = steps.positions(known.step, column)
    known.diffs = known.positions:diff()
    known.ascending = #known.diffs:lt(0):nonzero() == 0
  end
  rawset(frame, "_about", known)
  return known
end

-- The same, or an error where the rows have no step or are not in order of time.
local function need_step(frame, fname)
  local column, known = need_time(frame, fname), about(frame)
  if not known.step then core.fail("%s: the rows have no equal steps of time: %s", fname, known.reason) end
  if not known.ascending then
    core.fail("%s: the rows are not in order of '%s'; use frame:sort('%s') first", fname, column.name, column.name)
  end
  return known, column
end

--- frame:time() -> name | nil
---
--- The date column that says when each row is: the one that the rows are sorted by, or the only one.
---@return string?
function Frame:time()
  local column = time_of(self)
  return column and column.name
end

--- frame:step() -> text | nil, message
---
--- The step of time from row to row, "1h", "15min", "1d", "7d", "1 month", "1 business day", as most rows have it and
--- all others have in whole multiples; days and longer are those of the calendar in the zone of the column. nil and
--- why where there is none.
---@return string?
---@return string? message
function Frame:step()
  local known = about(self)
  if not known.step then return nil, known.reason end
  return steps.text(known.step)
end

--- frame:season() -> rows | nil
---
--- How many steps the usual season has: 24 of hours, 7 of days, 52 of weeks, 12 of months, 4 of quarters, 5 of
--- business days, a day's of parts of an hour. nil where there is no step, or no usual season.
---@return integer?
function Frame:season()
  local step = about(self).step
  return step and steps.season(step)
end

--- frame:holes() -> array of { row =, from =, to =, missing = }
---
--- Where times are left out: after row, whose time is from, the next row is at to, and so many steps are missing
--- between. Errors: rows without a step, or not in order of time.
---@return { row: integer, from: string, to: string, missing: integer }[]
function Frame:holes()
  local known, column = need_step(self, "frame:holes")
  local list, at = {}, known.diffs:gt(1):nonzero():totable()
  for i, row in ipairs(at) do
    list[i] = { row = row, from = column:get(row), to = column:get(row + 1),
      missing = math.tointeger(known.diffs:get(row)) - 1 }
  end
  return list
end

--- frame:doubles() -> array of { row =, at = }
---
--- Rows whose time is that of the row before. Errors: rows without a step, or not in order of time.
---@return { row: integer, at: string }[]
function Frame:doubles()
  local known, column = need_step(self, "frame:doubles")
  local list = {}
  for i, row in ipairs(known.diffs:eq(0):nonzero():totable()) do
    list[i] = { row = row + 1, at = column:get(row + 1) }
  end
  return list
end

--- frame:breaks() -> array of row numbers
---
--- The rows after which the next one is not one step later, or is earlier, as where the next series begins. None where
--- rows have no step or no time. Errors: rows that are not in order of time.
---@return integer[]
function Frame:breaks()
  local known = about(self)
  if not known.step then return {} end
  if not known.ascending and #known.diffs:lt(0):nonzero() > self.count / 10 then need_step(self, "frame:breaks") end
  return known.diffs:ne(1):nonzero():totable()
end

-- For each row the one k steps before, as ids; 0 where there is none. Where rows are not in order of time, that would
-- not be the past.
function Frame:_steps_before(fname, k)
  local n, known, column = self.count, about(self), time_of(self)
  if column and #column:_moments():diff():lt(0):nonzero() > 0 then
    core.fail("%s: the rows are not in order of '%s'; use frame:sort('%s') first, and where the frame has several "
      .. "series, frame:split", fname, column.name, column.name)
  end
  if known.step and known.ascending and #known.diffs:ne(1):nonzero() > 0 then
    return known.positions:match(known.positions - k)
  end
  local distance = math.min(math.abs(k), n)
  if distance == 0 then return core.arange(n) end
  local gap, ids = core.zeros { distance, type = "int32" }, core.arange(n)
  if distance == n then return gap end
  return core.concat(k > 0 and { gap, ids:rows(1, n - distance) } or { ids:rows(distance + 1, n), gap }, 1)
end

--- frame:lag(column, k) -> frame
---
--- With a new column "column_lag7" of the value k steps before, for k = 7, or several for a list { 1, 7 }. Steps are
--- counted as in frame:shift. Errors: as there; a new column that is there already.
---@param name string
---@param k integer|integer[]
---@return data.Frame
function Frame:lag(name, k)
  local column, frame = base.find(self, "frame:lag", name), self
  for _, steps_back in ipairs(type(k) == "table" and k or { k }) do
    steps_back = check.int("frame:lag", "argument 2 (k)", steps_back, 1)
    frame = base.add(frame, "frame:lag", base.with_values(column,
      base.values_at(column, self:_steps_before("frame:lag", steps_back)), ("%s_lag%d"):format(name, steps_back)))
  end
  return frame
end

--- frame:diff(column [, k]) -> frame
---
--- With a new column "column_diff1": the value less the one k steps before; k is 1 by default. Errors: as in
--- frame:lag.
---@param name string
---@param k? integer
---@return data.Frame
function Frame:diff(name, k)
  local column = base.find_typed(self, "frame:diff", name, "number")
  k = check.int("frame:diff", "argument 2 (k)", k or 1, 1)
  local values = column.values - column.values:gather(self:_steps_before("frame:diff", k))
  return base.add(self, "frame:diff", { name = ("%s_diff%d"):format(name, k), type = "number", values = values })
end

local HOW = { "count", "sum", "mean", "min", "max", "std", "var", "median", "first", "last" }

--- frame:rolling(column, steps, how) -> frame
---
--- With a new column "column_mean7": what the rows of the last 7 steps, the row itself included, come to, by how:
--- "mean", "sum", "min", "max", "median", "std", "var", "count", "first" or "last". steps is a number, or a span such
--- as "7d". Missing where not all of the steps are there yet, as at the beginning and after holes.
--- Errors: a column that is no number, another how, rows that are not in order of time or, for a span, have no equal
--- steps, a new column that is there already.
---@param name string
---@param span integer|string
---@param how string
---@return data.Frame
function Frame:rolling(name, span, how)
  local fname = "frame:rolling"
  local column = base.find_typed(self, fname, name, "number")
  how = check.one_of(fname, "argument 3 (how)", how, HOW)
  local title, n = span, span
  if type(span) == "string" then
    local known = need_step(self, fname)
    n = steps.count(steps.parse(span) or check.expected(fname, "argument 2 (steps)", "a span such as '7d'", span),
      known.step) or core.fail("%s: '%s' is no multiple of the step, %s", fname, span, steps.text(known.step))
  end
  n = check.int(fname, "argument 2 (steps)", n, 1)
  local last = core.arange(self.count)
  local first = self:_steps_before(fname, n - 1)
  first = core.where(first:eq(0), last + 1, first) -- an empty range: missing
  local values = column.values:ranges(first, last, how):double()
  return base.add(self, fname, { name = ("%s_%s%s"):format(name, how, title), type = "number", values = values })
end

local PARTS = { "year", "quarter", "month", "week", "day", "dayofyear", "weekday", "hour", "minute", "holiday" }

--- frame:calendar({ part, part, ... } [, holidays]) -> frame
---
--- With a number column for each part of the rows' times, as clocks of the column's zone show them: "year", "quarter"
--- 1 .. 4, "month" 1 .. 12, "week" of ISO 8601, "day" 1 .. 31, "dayofyear", "weekday" 1 (Monday) .. 7, "hour" 0 .. 23,
--- "minute", and "holiday", 1 on the days of the list holidays ("2024-12-25"), else 0. Errors: no
--- date column, unknown parts, hours of days without a time, holidays that are no dates, a column of that name.
---@param parts string[]
---@param holidays? string[]
---@return data.Frame
function Frame:calendar(parts, holidays)
  local fname = "frame:calendar"
  local column, frame = need_time(self, fname), self
  check.table(fname, "argument 1", parts)
  local wall = column:_wall()
  local days, seconds = wall // dates.DAY, wall % dates.DAY // 1000000
  for i, part in ipairs(parts) do
    local values
    check.one_of(fname, ("argument 1, entry %d"):format(i), part, PARTS)
    if (part == "hour" or part == "minute") and not column:_is_clock() then
      core.fail("%s: '%s' has days without a time of day, which have no %s", fname, column.name, part)
    end
    if part == "hour" then values = seconds // 3600
    elseif part == "minute" then values = seconds // 60 % 60
    elseif part == "weekday" then values = (days + 3) % 7 + 1
    elseif part == "quarter" then values = (days:date_part "month" + 2) // 3
    elseif part == "holiday" then
      local list = {}
      for k, text in ipairs(check.table(fname, "argument 2 (holidays)", holidays)) do
        local first, last = dates.span(text)
        list[k] = first and first == last and first
          or check.expected(fname, ("argument 2 (holidays), entry %d"):format(k), "a day such as '2024-12-25'", text)
      end
      values = #list > 0 and core.numbers(core.numbers(list):match(days):gt(0)) or days * 0
    else values = days:date_part(part) end
    frame = base.add(frame, fname, { name = part, type = "number", values = values:double() })
  end
  return frame
end

-- A frame of the time column alone, at these positions.
local function times_at(known, column, positions)
  local values = steps.times(known.step, column, positions)
  return base.with_values(column, values)
end

--- frame:after(n) -> frame
---
--- A frame of the time column alone: the n steps after the last row.
---@param n integer
---@return data.Frame
function Frame:after(n)
  n = check.int("frame:after", "argument 1 (n)", n, 1)
  local known, column = need_step(self, "frame:after")
  local positions = core.numbers(core.arange(n)) + known.positions:get(self.count)
  return Frame({ times_at(known, column, positions) }, n, column.name)
end

local REGULAR = option.of("frame:regular", {
  { "step", nil, check.string, "such as \"1h\"; that of the frame by default" },
  { "fill", nil, option.one_of { "last", "linear", "mean of hour and weekday" }, "what number columns have in new rows "
    .. "and missing cells; nothing by default. Words are repeated" },
  { "mark", false, check.boolean, "adds a column \"filled\", 1 in rows that were put in, else 0" },
})

-- Missing cells between two others, on the line between them.
local function fill_linear(values)
  local missing = values:missing()
  local n = #values
  local there = (1 - missing):nonzero()
  if #there == 0 or #there == n then return values end
  local list, before = values:double():totable(), nil
  for row = 1, n do
    if list[row] == list[row] then
      if before and row - before > 1 then
        local from, slope = list[before], (list[row] - list[before]) / (row - before)
        for k = before + 1, row - 1 do list[k] = from + slope * (k - before) end
      end
      before = row
    end
  end
  return core.numbers(list):double()
end

-- Missing cells get the mean of all others at their hour of their day of the week.
local function fill_mean(values, column)
  local wall = column:_wall()
  local key = (wall // dates.DAY + 3) % 7 * 1440 + wall % dates.DAY // 60000000
  local sums, counts, keys, list = {}, {}, key:totable(), values:double():totable()
  for i, v in ipairs(list) do
    if v == v then sums[keys[i]], counts[keys[i]] = (sums[keys[i]] or 0) + v, (counts[keys[i]] or 0) + 1 end
  end
  for i, v in ipairs(list) do
    if v ~= v and counts[keys[i]] then list[i] = sums[keys[i]] / counts[keys[i]] end
  end
  return core.numbers(list):double()
end

--- frame:regular([options]) -> frame
---
--- The same with a row for each step of time from the first to the last: new ones in holes, with missing cells or what
--- fill says. Errors: rows without a step, not in order of time, not on the steps, or two of the same time.
---@param options? frame.regular.Options
---@return data.Frame
function Frame:regular(options)
  local fname = "frame:regular"
  options = REGULAR:read(options)
  local known, column
  if options.step then
    column = need_time(self, fname)
    local step = steps.parse(options.step)
      or check.expected(fname, "option 'step'", "a step such as '1h'", options.step)
    local off = steps.off_grid(step, column)
    if off then
      core.fail("%s: row %d (%s) is not on the steps of %s from the first row on; frame:resample('%s', 'mean') brings "
        .. "rows together", fname, off, column:get(off), options.step, options.step)
    end
    known = { step = step, positions = steps.positions(step, column) }
  else
    known, column = need_step(self, fname)
  end
  local n = self.count
  if n == 0 then return self end
  local first, last = known.positions:get(1), known.positions:get(n)
  local ids = known.positions:match(core.numbers(core.arange(math.tointeger(last - first + 1))) + (first - 1))
  local back = known.positions:diff():le(0):nonzero()
  if #back > 0 then
    local row = back:get(1) + 1
    core.fail("%s: row %d (%s) is at the time of the row before, or earlier; %s", fname, row, column:get(row),
      column.zone and "frame:unique('" .. column.name .. "') keeps the first of each time" or "frame:unique('"
      .. column.name .. "') keeps the first of each time; where clocks were set back, zone = \"Europe/Berlin\" or its "
      .. "like in data.csv tells the two hours apart")
  end
  local frame = base.take(self, ids, column.name)
  local new_time = times_at(known, column, core.numbers(core.arange(#ids)) + (first - 1))
  frame = base.put(frame, new_time)
  if options.mark then
    frame = base.add(frame, fname, { name = "filled", type = "number", values = core.numbers(ids:eq(0)) })
  end
  if not options.fill then return frame end
  for _, other in ipairs(frame.columns) do
    local values = other.values
    if other.type == "number" and other.name ~= "filled" then
      if options.fill == "linear" then values = fill_linear(values)
      elseif options.fill == "last" then values = values:fill()
      else values = fill_mean(values, new_time) end
      frame = base.put(frame, base.with_values(other, values))
    elseif other.type == "text" then
      local list, before = values:totable(), 0
      for i, id in ipairs(list) do
        if id ~= 0 then before = id elseif ids:get(i) == 0 then list[i] = before end
      end
      frame = base.put(frame, base.with_values(other, core.tensor(list, "int32")))
    end
  end
  return frame
end

return { need_time = need_time, need_step = need_step }
