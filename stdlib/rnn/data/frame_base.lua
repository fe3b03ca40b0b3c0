-- frame.lua: a table of typed columns and the way from it to tensors.
--
-- A frame never changes: every method returns a new one that shares the columns it kept. Cells are worked on by core
-- operations on whole columns, never one by one. Numbers stay what the file says; only tensors have the working
-- precision. A missing cell is NaN in a number column, dates.MISSING in a date column and id 0 in a text column; it
-- does not get into a float tensor unnoticed. What has to do with time is in frame_time.lua, what makes other rows in
-- frame_groups.lua.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local guard = require "rnn.guard"
local Column = require "rnn.data.column"
local dates = require "rnn.data.dates"
local origin = require "rnn.data.origin"

--- A table of typed columns; data.csv makes one. frame.temp_max is the column of that name, and so is
--- frame.columns.temp_max, also where a method has the name: frame.columns.time.
---@class data.Frame
---@field columns data.Column[] in their order, and by their names
---@field order? string the column it was sorted by
---@field notes string[] what data.csv decided by itself
local Frame = class("data.Frame")

-- The columns by their names.
local BY_NAME = { __index = function(columns, name)
  for _, column in ipairs(type(name) == "string" and columns or {}) do
    if column.name == name then return column end
  end
end }

function Frame:init(columns, rows, order)
  check.table("data.Frame", "argument 1 (columns)", columns)
  check.int("data.Frame", "argument 2 (rows)", rows, 0)
  for i, column in ipairs(columns) do
    if not class.is_a(column, Column) then columns[i] = Column(column) end
  end
  rawset(self, "columns", setmetatable(columns, BY_NAME))
  rawset(self, "count", rows)
  rawset(self, "order", order or false)
  rawset(self, "notes", {})
end

-- A frame never changes.
function Frame.__newindex(_, key)
  core.fail("frame.%s = ...: a frame never changes; frame = frame:with(\"%s\", ...) makes one with that column",
    tostring(key), tostring(key))
end

local function quoted(names)
  return "'" .. table.concat(names, "', '") .. "'"
end

-- The column called name, or an error that lists the columns there are.
local function find(frame, fname, name)
  if not class.is_a(frame, Frame) then check.expected(fname, "argument 1 (frame)", "a frame", frame) end
  check.string(fname, "argument 1 (column)", name)
  local column = frame.columns[name]
  if column then return column end
  core.fail("%s: there is no column '%s'; the columns are %s", fname, name, quoted(frame:names()))
end

-- " ('-' in row 3 of the file)", where a cell made a column text, and what may help.
local function odd_text(column)
  local odd = column.odd
  if not odd then return "" end
  local bare = odd.text:gsub("\u{a0}", " "):gsub("\u{202f}", " ")
  local number, help = bare:gsub("[-+%d.,' ]", "") == "" and bare:find "%d", ""
  local mark = number and bare:match "%d([ '])%d%d%d"
  if mark then
    help = (", which thousands = \"%s\"%s in data.csv reads"):format(mark,
      bare:find ",%d" and " with decimal = ','" or "")
  elseif number and odd.text:find ",%d" then
    help = ", which decimal = ',' or thousands = ',' in data.csv may read"
  elseif #odd.text <= 4 and not odd.text:find "[%w'\\]" then
    help = (", which missing = { '%s' } in data.csv reads as missing"):format(odd.text)
  end
  return (" ('%s' in row %d of the file)%s"):format(odd.text, odd.row, help)
end

local function find_typed(frame, fname, name, kind, remedy)
  local column = find(frame, fname, name)
  if column.type ~= kind then
    core.fail("%s: expected a %s column, but '%s' holds %ss%s%s", fname, kind, name,
      column.type == "text" and "word" or column.type, odd_text(column), remedy or "")
  end
  return column
end

-- (rows) float, 1 where the cell is missing.
local missing_mask = guard.inner(Column.missing)

local function with_values(column, values, name)
  return Column { name = name or column.name, type = column.type, values = values, words = column.words,
    odd = column.odd, zone = column.zone }
end

-- The column's values at the places ids (int32), where 0 is a missing one.
local function values_at(column, ids)
  if core.is_numbers(column.values) then return column.values:gather(ids) end
  local missing = core.full({ 1, type = "int32" }, column.type == "date" and dates.MISSING or 0)
  return core.concat({ missing, column.values }, 1):gather(1, ids + 1)
end

-- The rows that ids (int32) name, in that order.
local function take(frame, ids, order)
  local columns = {}
  for i, column in ipairs(frame.columns) do columns[i] = with_values(column, values_at(column, ids)) end
  return Frame(columns, #ids, order)
end

-- The frame with one column in the place of another of this name, or added at the end.
local function put(frame, column)
  local columns = table.move(frame.columns, 1, #frame.columns, 1, {})
  local at = #columns + 1
  for i, other in ipairs(columns) do
    if other.name == column.name then at = i end
  end
  columns[at] = column
  return Frame(columns, frame.count, frame.order)
end

-- The frame with a column at the end, or an error where there is one of this name.
local function add(frame, fname, column)
  if frame.columns[column.name] then
    core.fail("%s: there is a column '%s' already; frame:rename or frame:drop first", fname, column.name)
  end
  return put(frame, column)
end

local STAMPS <const> = { -- whole numbers that are written dates with a time of day: least, most, the format
  { 1900010100, 2100123123, "%Y%m%d%H" }, { 190001010000, 210012312359, "%Y%m%d%H%M" },
  { 19000101000000, 21001231235959, "%Y%m%d%H%M%S" },
}

-- The format in which all numbers of a column are dates with a time of day, or nil.
local function stamp_format(values, least, most)
  for _, stamp in ipairs(STAMPS) do
    if least >= stamp[1] and most <= stamp[2] then
      for _, v in ipairs(values:totable()) do
        local month, day, hour, rest = ("%.0f"):format(v):match "^%d%d%d%d(%d%d)(%d%d)(%d%d)(%d*)$"
        local minute, second = (rest or ""):match "^(%d?%d?)(%d?%d?)$"
        if v == v and not (month and month + 0 >= 1 and month + 0 <= 12 and day + 0 >= 1 and day + 0 <= 31
          and hour + 0 <= 24 and (minute == "" or minute + 0 <= 59) and (second == "" or second + 0 <= 59)) then
          return nil
        end
      end
      return stamp[3]
    end
  end
end

-- "; 't' may be seconds since 1970: types = ..." where a number column looks like it.
local function epoch_hint(frame)
  for _, column in ipairs(frame.columns) do
    local odd, first = column.odd, column.type == "text" and column.words[1] or ""
    if odd and odd.text ~= first and first:find "^%d+[-/.]%d+[-/.]%d" then
      return (", but '%s' would be dates without '%s' in row %d of the file; types = { [\"%s\"] = \"date\" } with "
        .. "missing = { '%s' } in data.csv leaves it out"):format(column.name, odd.text, odd.row, column.name, odd.text)
    end
    local found = column.type == "number" and column.values:describe() or {}
    local least, most = found.least or 0, found.most or 0
    local stamp = stamp_format(column.values, least, most)
    if stamp then
      return (", but '%s' may be dates with a time of day; types = { [\"%s\"] = \"%s\" } in data.csv reads them so")
        :format(column.name, column.name, stamp)
    end
    for unit, size in pairs { seconds = 1, milliseconds = 1e3, microseconds = 1e6, nanoseconds = 1e9 } do
      if least >= 3e8 * size and most <= 5e9 * size and least == math.floor(least) then -- 1979 to 2128
        return (", but '%s' may be %s since 1970, %s to %s; types = { [\"%s\"] = \"%s\" } in data.csv reads it so")
          :format(column.name, unit, dates.text(least // size // 86400 | 0), dates.text(most // size // 86400 | 0),
            column.name, unit)
      end
    end
    if least >= 1500 and most <= 2200 and column.type == "number" and least == math.floor(least)
      and #column.values:diff():le(0):nonzero() == 0 and column.values:diff():describe().missing <= 1 then
      return (", but '%s' may be years; types = { [\"%s\"] = \"%%Y\" } in data.csv reads them so"):format(column.name,
        column.name)
    end
    if least >= 19000101 and most <= 21001231 and least == math.floor(least) and least // 100 % 100 <= 12
      and least % 100 <= 31 then
      return (", but '%s' may be dates; types = { [\"%s\"] = \"%%Y%%m%%d\" } in data.csv reads them so")
        :format(column.name, column.name)
    end
  end
  return ""
end

-- The column of dates that is meant: the named one, the one the rows are sorted by, or the only one.
local function date_column(frame, fname, name)
  if name then return find_typed(frame, fname, name, "date") end
  local found
  for _, column in ipairs(frame.columns) do
    if column.type == "date" then
      if column.name == frame.order then return column end
      if found then core.fail("%s: there are several date columns; name the one that is meant", fname) end
      found = column
    end
  end
  return found or core.fail("%s: there is no date column%s; the columns are %s", fname, epoch_hint(frame),
    quoted(frame:names()))
end

-- "row 12 (2016-01-12)"
local function row_text(frame, row)
  for _, column in ipairs(frame.columns) do
    if column.type == "date" then return ("row %d (%s)"):format(row, column:get(row) or "missing") end
  end
  return ("row %d"):format(row)
end

--- #frame -> number of rows
function Frame:__len()
  return self.count
end

function Frame:__tostring()
  return require("rnn.data.frame_text").frame(self)
end

function Frame:__describe()
  return ("data.Frame of %d rows and %d columns"):format(#self, #rawget(self, "columns"))
end

local DESCRIBE = option.of("frame:describe", {
  { "quiet", false, check.boolean, "returns what it would print, an array with a table for each column" },
})

--- frame:describe([options]) -> array of { name =, type =, missing =, least =, most =, mean =, distinct =, odd = }
---
--- Prints what was understood: of each column its type, how many cells are missing, the least, the greatest and the
--- mean value, how many differ, and the cell that made it text, with its row in the file; then the step of time with
--- holes and repetitions, and what data.csv guessed. With quiet = true it returns that in place of printing.
---@param options? frame.describe.Options
---@return table[]?
function Frame:describe(options)
  local text = require "rnn.data.frame_text"
  if DESCRIBE:read(options).quiet then return text.facts(self) end
  io.stdout:write(text.describe(self), "\n")
end

local TO_CSV = option.of("frame:to_csv", {
  { "separator", ",", check.string, "between cells" },
  { "decimal", ".", check.string, "sign in numbers" },
})

--- frame:to_csv(path [, options]) -> true | nil, message
---
--- Writes the frame as CSV, which data.csv reads back to the same cells: numbers in as few digits as that takes, dates
--- as YYYY-MM-DD, with a time of day as frame:dates has it.
---@param path string
---@param options? frame.to_csv.Options
---@return true?
---@return string? message
function Frame:to_csv(path, options)
  check.string("frame:to_csv", "argument 1 (path)", path)
  options = TO_CSV:read(options)
  if options.separator == options.decimal then core.fail("frame:to_csv: separator and decimal are the same") end
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local ok, why = require("rnn.data.frame_text").write(self, file, options)
  local closed, late = file:close()
  if not ok or not closed then return nil, ("%s: %s"):format(path, why or late) end
  return true
end

--- frame:names() -> array of the columns' names
---
--- In their order, those of data.csv first.
---@return string[]
function Frame:names()
  local names = {}
  for i, column in ipairs(self.columns) do names[i] = column.name end
  return names
end

local SORT = option.of("frame:sort", {
  { "descending", false, check.boolean, "the greatest or latest first" },
})

--- frame:sort(column [, options]) -> frame
---
--- The rows in ascending order of a number or date column; rows of equal value keep their order, and missing ones stand
--- last. Errors: a text column.
---@param name string
---@param options? frame.sort.Options
---@return data.Frame
function Frame:sort(name, options)
  options = SORT:read(options)
  local column = find(self, "frame:sort", name)
  if column.type == "text" then
    core.fail("frame:sort: expected a number or date column, but '%s' holds words%s, which have no order", name,
      odd_text(column))
  end
  local values = column.values
  if options.descending then
    values = -(core.is_numbers(values) and values or core.numbers(values, dates.MISSING))
  end
  return take(self, values:argsort(), name)
end

--- frame:unique([column]) -> frame
---
--- Without repetitions: of all rows with the same cells, or with the same cell in one column, the first is kept.
---@param name? string
---@return data.Frame
function Frame:unique(name)
  local keys = name and { find(self, "frame:unique", name) } or self.columns
  local n = self.count
  if n < 2 then return self end
  local ids = core.arange(n) -- after stable sorts by every key, equal rows are neighbours, the first of them first
  for i = #keys, 1, -1 do ids = ids:gather(1, values_at(keys[i], ids):argsort()) end
  local again, before, after = core.ones(n - 1), ids:rows(1, n - 1), ids:rows(2, n)
  for _, key in ipairs(keys) do
    local missing = missing_mask(key)
    local both_missing = missing:gather(1, before) * missing:gather(1, after)
    again = again * values_at(key, before):eq(values_at(key, after)):maximum(both_missing)
  end
  local kept = ids:gather(1, core.concat({ core.ones(1), 1 - again }, 1):nonzero())
  return take(self, kept:gather(1, kept:argsort()), self.order)
end

--- frame:rows(from, to) -> frame
---
--- The rows from..to, both included. frame:rows(frame:between("2016-01", "2016-03")) takes three months.
---@param from integer
---@param to integer
---@return data.Frame
function Frame:rows(from, to)
  from = check.int("frame:rows", "argument 1 (from)", from, 1, self.count)
  to = check.int("frame:rows", "argument 2 (to)", to, from, self.count)
  return take(self, core.arange(to):rows(from, to), self.order)
end

local function span(column, argname, text)
  local first, last, zoned = dates.moments(text)
  if not first then
    check.expected("frame:between", argname, "a date such as '2016', '2016-02-29' or '2016-02-29 13:00'", text)
  end
  if zoned and not column.zone then
    core.fail("frame:between: %s: '%s' has an offset from UTC, but the column '%s' has no zone", argname, text,
      column.name)
  end
  return first, last, zoned
end

-- Mask of rows whose time is op than an end of a span.
local function beside(column, op, micros, zoned)
  local at = zoned and column:_moments() or column:_wall()
  return at[op](at, micros)
end

--- frame:between(from, to [, column]) -> first, last
---
--- The numbers of the first and the last row whose date lies between two dates, both included, as tensor:rows and
--- frame:rows take them. A month or a year means all its days: ("2016-01", "2018-12") ends on 31 December 2018; so
--- does an hour, ("2016-02-29 13:00", "2016-02-29 14:00") has the first minute of 14 hours. Times are those of the
--- column's zone. nil leaves an end open. The rows must be in order of date.
--- Errors: rows that are not in order of date, no row between.
---@param from? string
---@param to? string
---@param name? string the date column, when there are several and the frame is sorted by none of them
---@return integer first
---@return integer last
function Frame:between(from, to, name)
  local column = date_column(self, "frame:between", name)
  local n, first, last = self.count, 1, self.count
  local low, high, low_zoned, high_zoned, _
  if from ~= nil then low, _, low_zoned = span(column, "argument 1 (from)", from) end
  if to ~= nil then _, high, high_zoned = span(column, "argument 2 (to)", to) end
  if #column:_moments():diff():lt(0):nonzero() > 0 then
    core.fail("frame:between: the rows are not in order of '%s'; use frame:sort('%s') first", column.name, column.name)
  end
  if low then first = #beside(column, "lt", low, low_zoned):nonzero() + 1 end
  if high then last = #beside(column, "le", high, high_zoned):nonzero() end
  if first > last then
    core.fail("frame:between: no row has a '%s' between %s and %s%s", column.name, from or "the beginning",
      to or "the end", n == 0 and ": the frame is empty"
      or ("; there are rows from %s to %s"):format(column:get(1) or "missing", column:get(n) or "missing"))
  end
  return first, last
end

--- frame:column(name) -> numbers | tensor (rows)
---
--- The values as they are. A number column gives rnn.Numbers, which hold what the file says: :get(i), :totable(), and
--- :tensor(), which is a float tensor; (numbers - offset) / scale brings what is too large for one into its range.
--- Dates with a time of day are such numbers, of microseconds since 1970-01-01: in UTC, or of the wall clock where
--- the column has no zone. Of other columns it is a tensor: int32 days since 1970-01-01 (the least int32 where
--- missing), or int32 ids of the words of frame:words(name) (0 where missing).
---@param name string
---@return rnn.Numbers|rnn.Tensor
function Frame:column(name)
  return find(self, "frame:column", name).values
end

--- frame:words(column) -> array of strings
---
--- The distinct words of a text column, in the order of their first appearance in the file.
---@param name string
---@return string[]
function Frame:words(name)
  local words = find_typed(self, "frame:words", name, "text").words
  return table.move(words, 1, #words, 1, {})
end

local TENSOR = option.of("frame:tensor", {
  { "missing", false, check.boolean, "a missing value is nan in place of an error" },
})

--- frame:tensor({ column, column, ... } [, options]) -> tensor (rows, columns)
---
--- Number columns side by side, in the working precision; fractions are rounded. The shape is (rows, columns).
--- data.windows of it does not cut windows across holes in the time of the frame.
--- Errors: a missing value, a whole number that float would round, a number beyond its range; the message says where.
---@param names string[]
---@param options? frame.tensor.Options
---@return rnn.Tensor
function Frame:tensor(names, options)
  options = TENSOR:read(options)
  if type(names) ~= "table" or #names == 0 then
    check.expected("frame:tensor", "argument 1", "a list of column names", names)
  end
  local parts = {}
  for i, name in ipairs(names) do
    local column = find_typed(self, "frame:tensor", name, "number", "; frame:one_hot makes numbers of words")
    local missing = missing_mask(column):nonzero()
    if #missing > 0 and not options.missing then
      core.fail("frame:tensor: column '%s' has %d missing value%s, the first in %s; fill with the value before, "
        .. "frame:fill('%s', 'previous'), or with a number, or take other rows", name, #missing,
        #missing == 1 and "" or "s", row_text(self, missing:get(1)), name)
    end
    parts[i] = column.values:tensor(("frame:tensor: column '%s'"):format(name))
  end
  local tensor = core.stack(parts, 2)
  if self:time() then origin.of[tensor] = self end
  return tensor
end

--- frame:one_hot(column) -> tensor (rows, V), words
---
--- A text column as a column of 0 and 1 for each of its V words; a missing cell gives only zeros.
--- The result is (rows, V).
---@param name string
---@return rnn.Tensor
---@return string[] words the meaning of the V columns
function Frame:one_hot(name)
  local column = find_typed(self, "frame:one_hot", name, "text")
  return core.one_hot(column.values, #column.words), self:words(name)
end

--- frame:dates([column]) -> array of "YYYY-MM-DD"
---
--- The dates of all rows as text, with a time of day as "2016-02-29 13:00", and in a zone "2016-02-29 13:00+02:00".
---@param name? string
---@return string[]
function Frame:dates(name)
  return dates.texts(date_column(self, "frame:dates", name))
end

--- frame:shift(column, k, name) -> frame
---
--- With a column of that name, in the place of the one that has it or at the end: each row gets the value of the row k
--- above it (k > 0, the past) or -k below it (k < 0, the future). frame:shift("day_type", -1, "next_day_type") tells
--- a model what kind of day tomorrow is.
--- In a frame with a step of time k counts steps, not rows: across a hole no value is taken for that of another time.
--- Rows without such a neighbour miss the cell. Errors: rows that are not in order of time.
---@param name string
---@param k integer
---@param new_name string
---@return data.Frame
function Frame:shift(name, k, new_name)
  local column = find(self, "frame:shift", name)
  k = check.int("frame:shift", "argument 2 (k)", k)
  check.string("frame:shift", "argument 3 (name)", new_name)
  return put(self, with_values(column, values_at(column, self:_steps_before("frame:shift", k)), new_name))
end

--- frame:missing(column) -> number of missing cells
---
--- How many cells of a column are empty.
---@param name string
---@return integer
function Frame:missing(name)
  return #missing_mask(find(self, "frame:missing", name)):nonzero()
end

--- frame:fill(column, "previous" | number) -> frame
---
--- The missing cells of a number column get the last value above them, or a number.
--- Errors: a first value that is missing, when it shall be the previous one.
---@param name string
---@param with "previous"|number
---@return data.Frame
function Frame:fill(name, with)
  local column = find_typed(self, "frame:fill", name, "number")
  local missing = missing_mask(column)
  if type(with) == "number" and with == with then
    return put(self, with_values(column, column.values:fill(with)))
  elseif with ~= "previous" then
    check.expected("frame:fill", "argument 2", "'previous' or a number", with)
  end
  if self.count == 0 then return self end
  if missing:get(1) == 1 then
    core.fail("frame:fill: nothing comes before the missing value of column '%s' in %s; fill with a number, or take "
      .. "later rows", name, row_text(self, 1))
  end
  return put(self, with_values(column, column.values:fill()))
end

--- frame:drop_missing([column, ...]) -> frame
---
--- Without the rows that miss a cell in one of these columns, or in any. The rows left may have gaps in time.
---@param ... string
---@return data.Frame
function Frame:drop_missing(...)
  local names = select("#", ...) > 0 and { ... } or self:names()
  local complete = core.ones(self.count)
  for _, name in ipairs(names) do complete = complete * (1 - missing_mask(find(self, "frame:drop_missing", name))) end
  return take(self, complete:nonzero(), self.order)
end

-- frame.name: a method, or the column of that name.
local methods = Frame.__index
function Frame.__index(frame, key)
  local value = methods[key]
  if value ~= nil or type(key) ~= "string" or key:find "^_" then return value end
  local column = (rawget(frame, "columns") or {})[key]
  if column then return column end
  local known = {}
  for name in pairs(methods) do known[#known + 1] = not name:find "^_" and name or nil end
  for i, name in ipairs(guard.inner(Frame.names)(frame)) do known[#known + i] = name end
  core.fail("a frame has no column or method '%s'%s; the columns are %s", key, check.nearest(key, known),
    quoted(guard.inner(Frame.names)(frame)))
end

return {
  Frame = Frame, find = find, find_typed = find_typed, values_at = values_at, take = take, put = put, add = add,
  with_values = with_values, missing_mask = missing_mask, date_column = date_column, quoted = quoted,
  odd_text = odd_text,
}
