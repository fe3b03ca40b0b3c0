-- panel.lua: what a Forecaster reads: series with equal steps of time, of frames, tensors or lists of numbers.
--
-- A series is { name, rows (up to the last one with a target), y (rows, K), past (rows, P), known (rows + ahead, F),
-- static { number ... }, frame }; missing values are nan. known goes as far ahead as is known, at most the horizon.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Frame = require "rnn.data.frame".Frame
local significance = require "rnn.forecast.significance"

local panel = {}

local LEAST_F <const> = 4 -- one of a thousand series without a week would pass

-- ---- columns ----

--- panel.column(frame, name) -> the column; frame[name] is a method where the names are alike
function panel.column(frame, name)
  return frame.columns[name] or frame:column(name) -- says which there are
end

local WHOLE <const> = 2 ^ 24 -- up to here the working precision has all whole numbers
local FINE <const> = 1000    -- times its range a level is so high that little of the range is left in it

-- Numbers less an offset as floats, rounded where they must be.
local function floats(values, offset)
  local d = values:describe()
  local size = math.max(math.abs((d.least or 0) - offset), math.abs((d.most or 0) - offset))
  values = values - offset
  if size <= WHOLE or size ~= size then return values:tensor():reshape(-1, 1) end
  local unit = 2.0 ^ (math.ceil(math.log(size, 2)) - 20) -- of a power of two nothing is lost
  return ((values:double() / unit):tensor() * unit):reshape(-1, 1)
end

--- panel.offsets(spec, source): notes in spec.offsets what is taken away from targets whose level is far beyond their
--- range, such as 1e8 of a counter, lest they are all the same in the working precision.
function panel.offsets(spec, source)
  spec.offsets = {}
  for _, name in ipairs(class.is_a(source, Frame) and spec.targets or {}) do
    local column = panel.column(source, name)
    local d = column.type == "number" and column.values:describe() or {}
    local level = d.least and math.max(math.abs(d.least), math.abs(d.most)) or 0
    if d.least and d.most > d.least and level > FINE * (d.most - d.least) then
      local unit = 2.0 ^ math.max(0, math.ceil(math.log(level, 2)) - 24) -- a float has the offset
      spec.offsets[name] = math.floor(d.least / unit) * unit
    end
  end
end

-- The column of that name as a column of numbers, or of words a column for each: (rows, n), with the words that spec
-- knows; spec.words[name] is made where it is not there.
local function numbers_of(spec, frame, name)
  local column = panel.column(frame, name)
  if column.type == "number" then return floats(column.values, (spec.offsets or {})[name] or 0) end
  if column.type == "date" then
    core.fail("%s: column '%s' holds dates; a forecaster reads numbers and words", spec.fname, name)
  end
  local own = frame:words(name)
  local words = spec.words[name]
  if not words then
    words = own
    spec.words[name] = words
  end
  local places, map = {}, { 0 }
  for i, word in ipairs(words) do places[word] = i end
  for i, word in ipairs(own) do map[i + 1] = places[word] or 0 end
  local ids = core.tensor(map, "int32"):gather(1, column.values + 1)
  return core.one_hot(ids, #words)
end

local function columns_of(spec, frame, names)
  local parts = {}
  for i, name in ipairs(names) do parts[i] = numbers_of(spec, frame, name) end
  return #parts > 1 and core.concat(parts, 2) or parts[1]
end

-- ---- what the calendar says ----

local function waves(t, period, count)
  local parts = {}
  for k = 1, count do
    local angle = t * (2 * math.pi * k / period)
    parts[2 * k - 1], parts[2 * k] = angle:sin(), angle:cos()
  end
  return core.stack(parts, 2)
end

local A_YEAR = { s = 31557600, min = 525960, h = 8766, d = 365.25, ["business day"] = 261 } -- steps

-- What of the calendar tells steps of this length apart in so many rows.
function panel.calendar_of(step, rows)
  local count, unit = step:match "^(%d*)%s*(.-)s?$"
  if step:find "s$" and unit == "" then unit = "s" end
  count = tonumber(count) or 1
  if unit == "month" then return { "month" } end
  local kinds = unit == "d" and (count % 7 == 0 and {} or { "weekday" })
    or unit == "business day" and { "weekday" } or A_YEAR[unit] and { "hour", "weekday" } or {}
  if A_YEAR[unit] and rows * count > 1.4 * A_YEAR[unit] then kinds[#kinds + 1] = "year" end
  return kinds
end

local WIDTH = { hour = 24, weekday = 7, month = 12, year = 4 } -- columns

--- panel.kept(spec, list) -> those of spec.calendar that tell anything: between the hours, or the days of the week, the
--- change of the target differs by more than chance
function panel.kept(spec, list, season)
  local kept = {}
  local at = list[1].known:size(2) - (spec.holidays and 1 or 0)
  for _, kind in ipairs(spec.calendar) do at = at - WIDTH[kind] end
  for _, kind in ipairs(spec.calendar) do
    local width, changes, groups = WIDTH[kind], {}, {}
    local lag = kind == "weekday" and spec.calendar[1] == "hour" and season or 1 -- of days, one hour of each
    for i, series in ipairs(list) do
      local y = series.y:select(2, 1)
      local count = math.max(0, (#y - 1) // lag)
      local ids = core.arange(math.max(count, 1)):rows(1, count) * lag + 1
      local d = y:gather(1, ids) - y:gather(1, ids - lag)
      local seen = d:eq(d):nonzero()
      d, ids = d:gather(1, seen), ids:gather(1, seen)
      local size = #d > 0 and d:abs():mean():item() or 0
      changes[i] = size > 0 and d / size or d
      groups[i] = series.known:slice(2, at + 1, at + width):gather(1, ids)
    end
    if kind == "year" or significance.groups(core.concat(changes, 1), core.concat(groups, 1)) > LEAST_F then
      kept[#kept + 1] = kind
    end
    at = at + width
  end
  return kept
end

-- (rows, n): what the calendar says of each row.
local function calendar(spec, frame)
  local parts = {}
  frame = frame:select { spec.time } -- others may be called month
  local function column(name)
    return frame:calendar { name }:tensor { name }:reshape(-1)
  end
  for _, kind in ipairs(spec.calendar) do
    if kind == "hour" then parts[#parts + 1] = core.one_hot(column("hour"):to_int() + 1, 24)
    elseif kind == "weekday" then parts[#parts + 1] = core.one_hot(column("weekday"):to_int(), 7)
    elseif kind == "month" then parts[#parts + 1] = core.one_hot(column("month"):to_int(), 12)
    elseif kind == "year" then parts[#parts + 1] = waves(column("dayofyear"), 365.25, 2) end
  end
  if spec.holidays then
    parts[#parts + 1] = frame:calendar({ "holiday" }, spec.holidays):tensor { "holiday" }
  end
  return #parts > 1 and core.concat(parts, 2) or parts[1]
end

-- ---- frames ----

-- The number of the last row with a target.
local function last_seen(y)
  local seen = y:eq(y):max(2):nonzero()
  return #seen > 0 and seen:get(#seen) or 0
end

local function of_frame(spec, name, frame, horizon)
  local fname = spec.fname
  local time = spec.time
  if time then
    frame = frame:sort(time)
    local doubles = frame:doubles()
    if #doubles > 0 then
      local before = #frame
      frame = frame:unique(time)
      spec.say("%d rows have the time of another row, the first at %s: the first of each is kept", before - #frame,
        doubles[1].at)
    end
    local rows = #frame
    frame = frame:regular { step = spec.step }
    if #frame > rows then
      spec.say("%s%d of %d steps are missing from the rows: they count as missing values",
        name and ("series '%s': "):format(name) or "", #frame - rows, #frame)
    end
  end
  local y = columns_of(spec, frame, spec.targets)
  local rows = last_seen(y)
  if rows == 0 then core.fail("%s: there is no value of '%s'%s", fname, spec.targets[1],
    name and (" in series '%s'"):format(name) or "") end
  local series = { name = name, rows = rows, y = y:rows(1, rows), frame = frame:rows(1, rows) }
  if #spec.past > 0 then series.past = columns_of(spec, frame, spec.past):rows(1, rows) end
  local known = #spec.future_known > 0 and columns_of(spec, frame, spec.future_known)
  local ahead = math.min(#frame - rows, horizon)
  if known then known = known:rows(1, rows + ahead) end
  if time and (#spec.calendar > 0 or spec.holidays) then
    local of_time = core.concat({ calendar(spec, series.frame), calendar(spec, series.frame:after(horizon)) }, 1)
    if not known then known, ahead = of_time, horizon
    else known = core.concat({ known, of_time:rows(1, rows + ahead) }, 2) end
  end
  series.known, series.ahead = known or nil, known and ahead or horizon
  if #spec.static > 0 then
    series.static = columns_of(spec, frame:rows(1, 1), spec.static):reshape(-1)
  end
  return series
end

--- panel.last_seen(spec, frame) -> the number of its last row with a target, 0 without one
function panel.last_seen(spec, frame) return last_seen(columns_of(spec, frame, spec.targets)) end

-- ---- all kinds ----

local function of_numbers(spec, name, values, index)
  if type(values) ~= "table" and not core.is_tensor(values) then
    check.expected(spec.fname, ("series %d"):format(index), "a tensor or a list of numbers", values)
  end
  local y = core.is_tensor(values) and values or core.tensor(table.move(values, 1, #values, 1, {}))
  y = check.tensor(spec.fname, ("series %d"):format(index), y, "float")
  if y:ndim() == 1 then y = y:reshape(-1, 1) end
  if y:ndim() ~= 2 or y:size(2) ~= #spec.targets then
    core.fail("%s: series %d: expected numbers (T) or (T, %d), got %s", spec.fname, index, #spec.targets,
      check.shape(y))
  end
  local rows = last_seen(y)
  if rows == 0 then core.fail("%s: series %d has no value", spec.fname, index) end
  return { name = name or tostring(index), rows = rows, y = y:rows(1, rows), ahead = math.huge }
end

--- panel.read(spec, source, horizon) -> list of series
---
--- source: a frame; a tensor (T) or (T, K); or a list of tensors or of { name = ..., number, number ... }.
function panel.read(spec, source, horizon)
  local list = {}
  if class.is_a(source, Frame) then
    if not spec.series then return { of_frame(spec, nil, source, horizon) } end
    local column = panel.column(source, spec.series)
    local unknown = source:missing(spec.series)
    if unknown > 0 then
      spec.say("%d rows have no '%s': they are left out", unknown, spec.series)
      source = source:drop_missing(spec.series)
    end
    for i, frame in ipairs(source:split(spec.series)) do
      local name = column.type == "number" and ("%.14g"):format(panel.column(frame, spec.series):get(1)) or frame.key
      list[i] = of_frame(spec, name, frame, horizon)
    end
    return list
  end
  if core.is_tensor(source) then return { of_numbers(spec, nil, source, 1) } end
  if type(source) ~= "table" or getmetatable(source) or #source == 0 then
    check.expected(spec.fname, "argument 1", "a frame (data.csv), a tensor of numbers or a list of series", source)
  end
  for i, values in ipairs(source) do
    local named = type(values) == "table" and not getmetatable(values) and values.name
    list[i] = of_numbers(spec, named or nil, values, i)
  end
  return list
end

return panel
