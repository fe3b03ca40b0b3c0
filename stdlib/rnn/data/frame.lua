-- frame.lua: a table of typed columns, as a CSV file gives it, and the way from it to tensors.
--
-- A frame never changes: every method returns a new one that shares the columns it kept. Cells are worked on by core
-- operations on whole columns, never one by one. Numbers stay what the file says; only tensors have the working
-- precision. A missing cell is NaN in a number column, dates.MISSING in a date column and id 0 in a text column; it
-- does not get into a float tensor unnoticed.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local dates = require "rnn.data.dates"

---@class data.Column
---@field name string
---@field type "number"|"date"|"text"
---@field values rnn.Numbers|rnn.Tensor (rows): numbers, int32 days since 1970-01-01, or int32 ids of words
---@field words? string[] of a text column: its distinct words in the order of their first appearance
---@field odd? { row: integer, text: string } the cell that made a column text, and its row in the file

--- A table of typed columns; data.csv makes one.
---@class data.Frame
---@field columns data.Column[]
---@field order? string the column it was sorted by
local Frame = class("data.Frame")

function Frame:init(columns, rows, order)
  self.columns, self.count, self.order = columns, rows, order
end

local CSV = option.of("data.csv", {
  { "columns", nil, check.table, "keeps only these, { \"a\", \"b\" }" },
  { "types", nil, check.table, "of columns by name, \"number\", \"date\" or \"text\": { zip = \"text\" }; or a format "
    .. "that says which number of a date is the month, where no day is beyond 12: { when = \"%d/%m/%Y\" }" },
  { "separator", ",", check.string, "between cells, one byte" },
})

--- data.csv(path [, options]) -> frame | nil, message, code
---
--- Reads a CSV file with a header line, in UTF-8, packed by gzip or not; "/dev/stdin" is standard input. A column of
--- which every cell is a date (YYYY-MM-DD, MM/DD/YYYY or DD/MM/YYYY) or a number becomes one, any other is text;
--- types says otherwise.
--- A file that cannot be read gives nil and a message that names file, row and column: assert(data.csv(path)).
---@param path string
---@param options? data.csv.Options
---@return data.Frame?
---@return string? message
---@return string? code
local function csv(path, options)
  check.string("data.csv", "argument 1 (path)", path)
  local columns, message, code = core.csv_read(path, CSV:read(options))
  if not columns then return nil, message, code end
  local rows = columns.rows
  columns.rows = nil
  return Frame(columns, rows)
end

local function quoted(names)
  return "'" .. table.concat(names, "', '") .. "'"
end

-- The column called name, or an error that lists the columns there are.
local function find(frame, fname, name)
  check.string(fname, "argument 1 (column)", name)
  for _, column in ipairs(frame.columns) do
    if column.name == name then return column end
  end
  core.fail("%s: there is no column '%s'; the columns are %s", fname, name, quoted(frame:names()))
end

-- " ('-' in row 3 of the file)", where a cell made a column text.
local function odd_text(column)
  return column.odd and (" ('%s' in row %d of the file)"):format(column.odd.text, column.odd.row) or ""
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
local function missing_mask(column)
  if column.type == "number" then return column.values:missing() end
  return column.values:eq(column.type == "date" and dates.MISSING or 0)
end

local function with_values(column, values)
  return { name = column.name, type = column.type, values = values, words = column.words, odd = column.odd }
end

-- The column's values at the places ids (int32), where 0 is a missing one.
local function values_at(column, ids)
  if column.type == "number" then return column.values:gather(ids) end
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
  return found or core.fail("%s: there is no date column; the columns are %s", fname, quoted(frame:names()))
end

-- "row 12 (2016-01-12)"
local function row_text(frame, row)
  for _, column in ipairs(frame.columns) do
    if column.type == "date" then return ("row %d (%s)"):format(row, dates.text(column.values:get(row))) end
  end
  return ("row %d"):format(row)
end

--- #frame -> number of rows
function Frame:__len()
  return self.count
end

function Frame:__tostring()
  return require "rnn.data.frame_text"(self)
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

--- frame:sort(column) -> frame
---
--- The rows in ascending order of a number or date column; rows of equal value keep their order. Errors: a text column.
---@param name string
---@return data.Frame
function Frame:sort(name)
  local column = find(self, "frame:sort", name)
  if column.type == "text" then
    core.fail("frame:sort: expected a number or date column, but '%s' holds words%s, which have no order", name,
      odd_text(column))
  end
  return take(self, column.values:argsort(), name)
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

local function span(argname, text)
  local first, last = dates.span(text)
  if not first then
    check.expected("frame:between", argname, "a date such as '2016', '2016-02' or '2016-02-29'", text)
  end
  return first, last
end

--- frame:between(from, to [, column]) -> first, last
---
--- The numbers of the first and the last row whose date lies between two dates, both included, as tensor:rows and
--- frame:rows take them. A month or a year means all its days: ("2016-01", "2018-12") ends on 31 December 2018.
--- nil leaves an end open. The rows must be in order of date.
--- Errors: rows that are not in order of date, no row between.
---@param from? string
---@param to? string
---@param name? string the date column, when there are several and the frame is sorted by none of them
---@return integer first
---@return integer last
function Frame:between(from, to, name)
  local column = date_column(self, "frame:between", name)
  local values, n = column.values, self.count
  local low, high = dates.MISSING + 1, nil
  if from ~= nil then low = span("argument 1 (from)", from) end
  if to ~= nil then high = select(2, span("argument 2 (to)", to)) end
  if n > 1 and #values:rows(1, n - 1):gt(values:rows(2, n)):nonzero() > 0 then
    core.fail("frame:between: the rows are not in order of '%s'; use frame:sort('%s') first", column.name, column.name)
  end
  local first = #values:lt(low):nonzero() + 1
  local last = high and #values:le(high):nonzero() or n
  if first > last then
    core.fail("frame:between: no row has a '%s' between %s and %s%s", column.name, from or "the beginning",
      to or "the end", n == 0 and ": the frame is empty"
      or ("; there are rows from %s to %s"):format(dates.text(values:get(1)), dates.text(values:get(n))))
  end
  return first, last
end

--- frame:column(name) -> numbers | tensor (rows)
---
--- The values as they are. A number column gives rnn.Numbers, which hold what the file says: :get(i), :totable(), and
--- :tensor(), which is a float tensor; (numbers - offset) / scale brings what is too large for one into its range. Of
--- other columns it is a tensor: int32 days since 1970-01-01 (the least int32 where missing), or int32 ids of the words
--- of frame:words(name) (0 where missing).
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

--- frame:tensor { column, column, ... } -> tensor (rows, columns)
---
--- Number columns side by side, in the working precision; fractions are rounded. The shape is (rows, columns).
--- Errors: a missing value, a whole number that float would round, a number beyond its range; the message says where.
---@param names string[]
---@return rnn.Tensor
function Frame:tensor(names)
  if type(names) ~= "table" or #names == 0 then
    check.expected("frame:tensor", "argument 1", "a list of column names", names)
  end
  local parts = {}
  for i, name in ipairs(names) do
    local column = find_typed(self, "frame:tensor", name, "number", "; frame:one_hot makes numbers of words")
    local missing = missing_mask(column):nonzero()
    if #missing > 0 then
      core.fail("frame:tensor: column '%s' has %d missing value%s, the first in %s; fill with the value before, "
        .. "frame:fill('%s', 'previous'), or with a number, or take other rows", name, #missing,
        #missing == 1 and "" or "s", row_text(self, missing:get(1)), name)
    end
    parts[i] = column.values:tensor(("frame:tensor: column '%s'"):format(name))
  end
  return core.stack(parts, 2)
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
--- The dates of all rows as text.
---@param name? string
---@return string[]
function Frame:dates(name)
  local days = date_column(self, "frame:dates", name).values:totable()
  for i, day in ipairs(days) do days[i] = dates.text(day) end
  return days
end

--- frame:shift(column, k, name) -> frame
---
--- With a new column of that name: each row gets the value of the row k above it (k > 0, the past) or -k below it
--- (k < 0, the future). frame:shift("day_type", -1, "next_day_type") tells a model what kind of day tomorrow is.
--- Rows without such a neighbour miss the cell.
---@param name string
---@param k integer
---@param new_name string
---@return data.Frame
function Frame:shift(name, k, new_name)
  local column = find(self, "frame:shift", name)
  k = check.int("frame:shift", "argument 2 (k)", k)
  check.string("frame:shift", "argument 3 (name)", new_name)
  local values, n = column.values, self.count
  local distance = math.min(math.abs(k), n)
  if distance > 0 then
    local gap, ids = core.zeros { distance, type = "int32" }, core.arange(n)
    ids = core.concat(k > 0 and { gap, ids:rows(1, n - distance) } or { ids:rows(distance + 1, n), gap }, 1)
    values = values_at(column, ids)
  end
  return put(self, { name = new_name, type = column.type, values = values, words = column.words, odd = column.odd })
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

return { csv = csv, Frame = Frame }
