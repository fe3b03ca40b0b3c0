-- frame_groups.lua: frames of other rows or columns: filters, new columns, groups, joins, resampling.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local base = require "rnn.data.frame_base"
local time = require "rnn.data.frame_time"
local Column = require "rnn.data.column"
local dates = require "rnn.data.dates"
local steps = require "rnn.data.steps"
local text = require "rnn.data.frame_text"

---@class data.Frame
local Frame = base.Frame
local take, put = base.take, base.put

--- frame:head([n]) -> frame
---
--- The first n rows, 5 by default.
---@param n? integer
---@return data.Frame
function Frame:head(n)
  n = math.min(check.int("frame:head", "argument 1 (n)", n or 5, 0), self.count)
  return take(self, core.arange(n), self.order)
end

--- frame:tail([n]) -> frame
---
--- The last n rows, 5 by default.
---@param n? integer
---@return data.Frame
function Frame:tail(n)
  n = math.min(check.int("frame:tail", "argument 1 (n)", n or 5, 0), self.count)
  if n == 0 then return take(self, core.arange(0), self.order) end
  return take(self, core.arange(self.count):rows(self.count - n + 1, self.count), self.order)
end

--- frame:select { column, column, ... } -> frame
---
--- These columns, in this order.
---@param names string[]
---@return data.Frame
function Frame:select(names)
  local columns = {}
  for i, name in ipairs(check.table("frame:select", "argument 1", names)) do
    columns[i] = base.find(self, "frame:select", name)
  end
  return Frame(columns, self.count, self.order)
end

--- frame:drop { column, column, ... } -> frame
---
--- Without these columns.
---@param names string[]
---@return data.Frame
function Frame:drop(names)
  local dropped, columns = {}, {}
  for _, name in ipairs(check.table("frame:drop", "argument 1", names)) do
    dropped[base.find(self, "frame:drop", name)] = true
  end
  for _, column in ipairs(self.columns) do columns[#columns + 1] = not dropped[column] and column or nil end
  return Frame(columns, self.count, self.order)
end

--- frame:rename { old = "new", ... } -> frame
---
--- With other names of columns. Errors: a name that is there already.
---@param names table<string, string>
---@return data.Frame
function Frame:rename(names)
  local columns, seen, order = {}, {}, self.order
  for old, new in pairs(check.table("frame:rename", "argument 1", names)) do
    base.find(self, "frame:rename", old)
    check.string("frame:rename", ("the new name of '%s'"):format(old), new)
    if old == self.order then order = new end
  end
  for i, column in ipairs(self.columns) do
    local name = names[column.name] or column.name
    if seen[name] then core.fail("frame:rename: there would be two columns '%s'", name) end
    seen[name] = true
    columns[i] = base.with_values(column, column.values, name)
  end
  return Frame(columns, self.count, order)
end

-- A table row.name that reads the cells of row number at[1].
local function row_of(frame, at)
  local columns = {}
  for _, column in ipairs(frame.columns) do columns[column.name] = column end
  return setmetatable({}, { __index = function(_, name)
    local column = columns[name]
    if not column then
      core.fail("row.%s: there is no column '%s'; the columns are %s", tostring(name), tostring(name),
        base.quoted(frame:names()))
    end
    return column:get(at[1])
  end, __newindex = function() core.fail("a row of a frame is for reading; frame:with adds columns") end })
end

-- What f says of each row, or the expression "temp_max > 20 and weather == 'rain'".
local function each_row(frame, fname, f, store)
  local at = { 0 }
  local row = row_of(frame, at)
  if type(f) == "string" then
    local chunk, message = load("return " .. f, "=" .. fname, "t", row)
    if not chunk then core.fail("%s: '%s' is no expression: %s", fname, f, message) end
    f = chunk
  end
  for i = 1, frame.count do
    at[1] = i
    store(i, f(row))
  end
end

--- frame:filter(condition) -> frame
---
--- The rows for which the condition holds: a function of the row, function(row) return row.temp_max > 20 end; the
--- same as text, "temp_max > 20 and weather == 'rain'", in which only columns have names; or a mask (rows), as
--- comparisons of columns give, frame:filter(frame.temp_max:gt(20) * frame.weather:eq "rain"), which is the fastest. A
--- missing number is nan, another missing cell nil, a date text. Errors: text that is no expression of the columns, a
--- mask of another length.
---@param condition (fun(row: table): any)|string|rnn.Tensor
---@return data.Frame
function Frame:filter(condition)
  local fname = "frame:filter"
  local kept = condition
  if type(condition) == "function" or type(condition) == "string" then
    kept = {}
    each_row(self, fname, condition, function(i, holds) kept[i] = holds and 1 or 0 end)
    kept = self.count > 0 and core.tensor(kept, "int32") or core.zeros { 0, type = "int32" }
  elseif not core.is_tensor(condition) or condition:ndim() ~= 1 or #condition ~= self.count then
    local what = ("a function, an expression or a mask of %d rows"):format(self.count)
    check.expected(fname, "argument 1", what, condition)
  end
  return take(self, kept:ne(0):nonzero(), self.order)
end

-- Doubles, or int64 where one is no double, as data.csv has them; an error where there are fractions as well.
local function numbers_of(fname, name, list)
  for i, v in ipairs(list) do
    local double = v + 0.0
    list[i] = v == double and double or v
  end
  return core.numbers(list, nil, ("%s: column '%s'"):format(fname, name))
end

-- A column of an array of numbers, or of strings; false and nil are missing.
local function column_of_list(fname, name, list, n)
  local kind
  for i = 1, n do
    local this = type(list[i])
    if list[i] and this ~= "number" and this ~= "string" then
      core.fail("%s: row %d: expected a number or a string, got %s", fname, i, check.describe(list[i]))
    end
    kind = kind or list[i] and this
    if list[i] and this ~= kind then
      core.fail("%s: row %d: expected a %s, as in the rows before, got %s", fname, i, kind, check.describe(list[i]))
    end
  end
  if kind ~= "string" then
    for i = 1, n do list[i] = list[i] or 0 / 0 end
    return Column { name = name, type = "number", values = numbers_of(fname, name, list) }
  end
  local ids, words, known = {}, {}, {}
  for i = 1, n do
    local word = list[i]
    if word and word ~= "" and not known[word] then
      words[#words + 1] = word
      known[word] = #words
    end
    ids[i] = word and known[word] or 0
  end
  return Column { name = name, type = "text", values = core.tensor(ids, "int32"), words = words }
end

--- frame:with(name, values) -> frame
---
--- With a column of that name, in the place of the one that has it or at the end. values: a function of the row,
--- function(row) return row.temp_max - row.temp_min end, or such an expression as text "temp_max - temp_min"; numbers,
--- as arithmetic of columns gives, frame.temp_max - frame.temp_min; a column of a frame; a tensor (rows); or an array
--- of numbers or strings, where nil is missing. Errors: values of another length, or neither numbers nor strings.
---@param name string
---@param values any
---@return data.Frame
function Frame:with(name, values)
  local fname, n = "frame:with", self.count
  check.string(fname, "argument 1 (name)", name)
  if type(values) == "function" or type(values) == "string" then
    local list = {}
    each_row(self, fname, values, function(i, value) list[i] = value or false end)
    return put(self, column_of_list(fname, name, list, n))
  end
  local column
  if class.is_a(values, Column) then column = base.with_values(values, values.values, name)
  elseif core.is_numbers(values) then column = Column { name = name, type = "number", values = values }
  elseif core.is_tensor(values) then
    if values:ndim() == 2 and values:size(2) == 1 then values = values:reshape(-1) end
    if values:ndim() ~= 1 then check.expected(fname, "argument 2", ("a tensor (%d)"):format(n), values) end
    column = Column { name = name, type = "number", values = core.numbers(values:detach()):double() }
  elseif type(values) == "table" and not getmetatable(values) then
    local list = table.move(values, 1, math.max(n, #values), 1, {})
    if #list > n then core.fail("%s: %d values for %d rows", fname, #list, n) end
    return put(self, column_of_list(fname, name, list, n))
  else
    check.expected(fname, "argument 2", "a function, an expression, numbers, a column, a tensor or an array", values)
  end
  if #column.values ~= n then core.fail("%s: %d values for %d rows", fname, #column.values, n) end
  return put(self, column)
end

-- ---- rows of several frames ----

-- The columns of parts, which are alike, one behind the other.
local function joined(fname, parts)
  local first = parts[1]
  if first.type == "number" or first:_is_clock() then
    local lists = {}
    for _, part in ipairs(parts) do
      if part.type == "date" and part.zone ~= first.zone then
        core.fail("%s: the column '%s' has the zones %s and %s", fname, first.name, first.zone or "none",
          part.zone or "none")
      end
      local values = part.type == "date" and part:_moments() or part.values
      table.move(values:totable(), 1, #values, #lists + 1, lists)
    end
    if first.type == "number" then return base.with_values(first, numbers_of(fname, first.name, lists)) end
    for i, v in ipairs(lists) do lists[i] = v == v and v or math.mininteger end
    return base.with_values(first, core.numbers(lists))
  end
  if first.type == "date" then
    local list = {}
    for i, part in ipairs(parts) do list[i] = part.values end
    return base.with_values(first, core.concat(list, 1))
  end
  local words, known, list = {}, {}, {}
  for i, part in ipairs(parts) do
    local map = { 0 }
    for id, word in ipairs(part.words) do
      if not known[word] then
        words[#words + 1] = word
        known[word] = #words
      end
      map[id + 1] = known[word]
    end
    list[i] = core.tensor(map, "int32"):gather(1, part.values + 1)
  end
  return Column { name = first.name, type = "text", values = core.concat(list, 1), words = words }
end

-- A column of nothing but missing cells, as one of another type.
local function blank_like(column, n)
  local values = column.type == "number" and core.numbers(core.zeros(n) / 0):double()
    or core.full({ n, type = "int32" }, column.type == "date" and dates.MISSING or 0)
  return Column { name = column.name, type = column.type, values = values, words = column.words and {},
    zone = column.zone }
end

local function clock_like(column)
  if column.type ~= "date" or column:_is_clock() then return column end
  return base.with_values(column, column:_moments())
end

-- The rows of frames, which have the same columns, one behind the other. Where all cells of a column are missing, any
-- type fits the other frames' columns.
local function stacked(fname, frames)
  local columns, count = {}, 0
  for _, frame in ipairs(frames) do count = count + frame.count end
  for k, column in ipairs(frames[1].columns) do
    local parts, like, clock = {}, nil, false
    for i, frame in ipairs(frames) do
      parts[i] = base.find(frame, fname, column.name)
      if not like and frame.count > frame:missing(column.name) then like = parts[i] end
    end
    like = like or parts[1]
    for i, frame in ipairs(frames) do
      if parts[i].type ~= like.type and frame.count == frame:missing(column.name) then
        parts[i] = blank_like(like, frame.count)
      end
      if parts[i].type ~= like.type then base.find_typed(frame, fname, column.name, like.type) end
      clock = clock or parts[i]:_is_clock()
    end
    if clock then
      for i, part in ipairs(parts) do parts[i] = clock_like(part) end
    end
    columns[k] = joined(fname, parts)
  end
  return Frame(columns, count)
end

--- frame:concat(other, ...) -> frame
---
--- The rows of frames one behind the other. Errors: columns that are not there in all, or have other types, but for one
--- of which all cells are missing.
---@param ... data.Frame
---@return data.Frame
function Frame:concat(...)
  local fname, frames = "frame:concat", { self, ... }
  for i, frame in ipairs(frames) do
    if not class.is_a(frame, Frame) then check.expected(fname, ("argument %d"):format(i - 1), "a frame", frame) end
    if #frame.columns ~= #self.columns then
      core.fail("%s: argument %d has %d columns, not %d", fname, i - 1, #frame.columns, #self.columns)
    end
  end
  return stacked(fname, frames)
end

-- A number for each row, the same for rows that have the same cells in these columns; -1 where one is missing.
local function codes(columns)
  local total
  for _, column in ipairs(columns) do
    local values = column:_is_clock() and column.values or column.type == "number" and column.values
      or core.numbers(column.values)
    local n = #values
    local order = values:argsort()
    local sorted = values:gather(order)
    local ids = n > 1 and core.concat({ core.zeros { 1, type = "int32" },
      sorted:gather(core.arange(n):rows(2, n)):ne(sorted:gather(core.arange(n - 1))):to_int():cumsum(1) }, 1)
      or core.zeros { n, type = "int32" }
    local code = core.numbers(ids:gather(1, order:argsort()))
    total = total and total * (n + 1) + code or code
  end
  return total
end

local function key_columns(frame, fname, argname, keys)
  if type(keys) == "string" then keys = { keys } end
  if type(keys) ~= "table" or #keys == 0 then check.expected(fname, argname, "a column or a list of columns", keys) end
  local columns = {}
  for i, key in ipairs(keys) do columns[i] = base.find(frame, fname, key) end
  return columns, keys
end

-- Rows in the order of groups, and where each begins and ends in it; groups in the order of their first row.
local function groups_of(columns, n)
  if n == 0 then return core.arange(0), core.arange(0), core.arange(0) end
  local code = codes(columns)
  local order = code:match(code) -- the first row of each group
  local rows = order:argsort()
  local sorted = order:gather(1, rows)
  local starts = n > 1 and core.concat({ core.ones(1), sorted:rows(2, n):ne(sorted:rows(1, n - 1)) }, 1):nonzero()
    or core.arange(1)
  local ends = #starts > 1 and core.concat({ starts:rows(2, #starts) - 1, core.full({ 1, type = "int32" }, n) }, 1)
    or core.full({ 1, type = "int32" }, n)
  return rows, starts, ends
end

-- The first or last rows of ranges in which the column has a cell, as ids; 0 where there is none.
local function cell_rows(column, how, rows, starts, ends)
  local there = 1 - base.missing_mask(column)
  if rows then there = there:gather(1, rows) end
  local kept, nothing = there:nonzero(), core.zeros { 1, type = "int32" }
  local count = core.concat({ nothing, there:to_int():cumsum(1) }, 1) -- of cells up to each row
  local before, up_to = count:gather(1, starts:maximum(1)), count:gather(1, ends:maximum(0) + 1)
  local at = core.where(up_to:gt(before), how == "first" and before + 1 or up_to, 0)
  local ids = core.concat({ nothing, kept }, 1):gather(1, at + 1)
  return rows and core.concat({ nothing, rows }, 1):gather(1, ids + 1) or ids
end

local HOW = { "count", "sum", "mean", "min", "max", "std", "var", "median", "first", "last" }

-- What a column comes to in ranges of rows (in the order rows, or as they stand).
local function summed(fname, column, how, rows, starts, ends, name)
  if how == "first" or how == "last" then
    return base.with_values(column, base.values_at(column, cell_rows(column, how, rows, starts, ends)), name)
  end
  local values = column.values
  if column.type == "text" and how == "count" then values = core.numbers(values, 0)
  elseif column.type == "date" and (how == "count" or how == "min" or how == "max") then
    values = column:_is_clock() and values or core.numbers(values)
  elseif column.type ~= "number" then
    core.fail("%s: '%s' holds %ss, of which there is no %s", fname, column.name, column.type, how)
  end
  values = (rows and values:gather(rows) or values):ranges(starts, ends, how)
  if column.type == "date" and how ~= "count" then
    return base.with_values(column, column:_is_clock() and values or values:int32(), name)
  end
  if how ~= "sum" and how ~= "min" and how ~= "max" or values:type() == "double" then values = values:double() end
  return Column { name = name, type = "number", values = values }
end

-- A number or date column as a whole.
local function whole(column, how)
  local ends = core.full({ 1, type = "int32" }, #column)
  return summed("column:" .. how, column, how, nil, core.arange(1), ends, how):get(1)
end

--- column:mean() -> number
---
--- The mean of the cells that are not missing, nan where there are none. Errors: dates or words.
---@return number
function Column:mean() return whole(self, "mean") end

--- column:sum() -> number
---
--- The sum of the cells that are not missing, nan where there are none. Errors: dates or words.
---@return number
function Column:sum() return whole(self, "sum") end

--- column:std() -> number
---
--- The standard deviation of the cells that are not missing, of a sample (n - 1). Errors: dates or words.
---@return number
function Column:std() return whole(self, "std") end

--- column:median() -> number
---
--- The median of the cells that are not missing, nan where there are none. Errors: dates or words.
---@return number
function Column:median() return whole(self, "median") end

--- column:min() -> number | string
---
--- The least number, or the first date as text; nan or nil where all are missing. Errors: words.
---@return number|string|nil
function Column:min() return whole(self, "min") end

--- column:max() -> number | string
---
--- The greatest number, or the last date as text; nan or nil where all are missing. Errors: words.
---@return number|string|nil
function Column:max() return whole(self, "max") end

-- The columns that how asks for: "mean" of all number columns but the keys, or { column = "mean" or { "min", "max" } }.
local function summary(frame, fname, how, skip, rows, starts, ends, into)
  if type(how) == "string" then
    check.one_of(fname, "argument 2 (how)", how, HOW)
    for _, column in ipairs(frame.columns) do
      if not skip[column.name] and (column.type == "number" or how == "first" or how == "last") then
        into[#into + 1] = summed(fname, column, how, rows, starts, ends, column.name)
      end
    end
    return into
  end
  check.table(fname, "argument 2 (how)", how)
  for name in pairs(how) do base.find(frame, fname, name) end
  for _, column in ipairs(frame.columns) do
    local wanted = how[column.name]
    for _, one in ipairs(type(wanted) == "table" and wanted or { wanted }) do
      check.one_of(fname, ("argument 2 (how), '%s'"):format(column.name), one, HOW)
      into[#into + 1] = summed(fname, column, one, rows, starts, ends,
        type(wanted) == "table" and column.name .. "_" .. one or column.name)
    end
  end
  return into
end

--- frame:group(keys, how) -> frame
---
--- A row for each group of rows with the same cells in the key column, or columns { "a", "b" }, in the order of their
--- first rows. how is what becomes of the other columns: "mean", "sum", "min", "max", "median", "std", "var", "count",
--- "first" or "last" of all number columns, or of some by name, { rain = "sum", temp = { "min", "max" } }, where a list
--- gives columns temp_min and temp_max. Missing cells do not count, nor are they the first or last.
---@param keys string|string[]
---@param how string|table<string, string|string[]>
---@return data.Frame
function Frame:group(keys, how)
  local fname, skip, into = "frame:group", {}, {}
  local columns = key_columns(self, fname, "argument 1 (keys)", keys)
  local rows, starts, ends = groups_of(columns, self.count)
  for i, column in ipairs(columns) do
    skip[column.name] = true
    into[i] = summed(fname, column, "first", rows, starts, ends, column.name)
  end
  return Frame(summary(self, fname, how, skip, rows, starts, ends, into), #starts)
end

--- frame:split(keys) -> array of frames
---
--- The rows of each group, as frame:group makes them, as a frame with the field key: its cell, or its cells with " "
--- between. Many series in one file become many frames.
---@param keys string|string[]
---@return data.Frame[]
function Frame:split(keys)
  local columns = key_columns(self, "frame:split", "argument 1 (keys)", keys)
  local rows, starts, ends = groups_of(columns, self.count)
  local list = {}
  for i = 1, #starts do
    local frame, cells = take(self, rows:rows(starts:get(i), ends:get(i)), self.order), {}
    for k, column in ipairs(columns) do cells[k] = tostring(column:get(rows:get(starts:get(i)))) end
    rawset(frame, "key", table.concat(cells, " "))
    list[i] = frame
  end
  return list
end

local JOIN = option.of("frame:join", {
  { "missing", "keep", option.one_of { "keep", "drop" }, "rows without a partner stay, with missing cells, or go" },
})

--- frame:join(other, keys [, options]) -> frame
---
--- With the columns of another frame, from its row with the same cells in the key column, or columns { "a", "b" }.
--- Errors: a key that is there twice in the other frame, columns that both have.
---@param other data.Frame
---@param keys string|string[]
---@param options? frame.join.Options
---@return data.Frame
function Frame:join(other, keys, options)
  local fname = "frame:join"
  if not class.is_a(other, Frame) then check.expected(fname, "argument 1 (other)", "a frame", other) end
  options = JOIN:read(options)
  local _, names = key_columns(self, fname, "argument 2 (keys)", keys)
  local mine, theirs = self:select(names), other:select(names)
  local both = codes(stacked(fname, { mine, theirs }).columns)
  local n, m = self.count, other.count
  local left = both:gather(core.arange(n))
  local right = both:gather(n + m > 0 and core.arange(n + m):rows(n + 1, n + m) or core.arange(0))
  local again = right:match(right):ne(core.arange(m)):nonzero()
  if #again > 0 then
    core.fail("%s: the key %s of row %d is there before in the other frame; frame:unique or frame:group makes keys "
      .. "unique", fname, base.quoted(names), again:get(1))
  end
  local ids, frame, is_key = right:match(left), self, {}
  for _, name in ipairs(names) do is_key[name] = true end
  for _, column in ipairs(other.columns) do
    if not is_key[column.name] then
      for _, own in ipairs(self.columns) do
        if own.name == column.name then
          core.fail("%s: both frames have a column '%s'; frame:rename or frame:drop first", fname, column.name)
        end
      end
      frame = put(frame, base.with_values(column, base.values_at(column, ids)))
    end
  end
  return options.missing == "keep" and frame or take(frame, ids:ne(0):nonzero(), self.order)
end

--- frame:pivot(keys, names, value) -> frame
---
--- From long to wide: a row for each key, which is the cell of a column or those of columns { "a", "b" }, and a column
--- for each word, number or date of the column names, with what the column value has there; missing where there is no
--- such row. Errors: two rows of the same key and name, a missing name, a name that a key column has.
---@param keys string|string[]
---@param names string
---@param value string
---@return data.Frame
function Frame:pivot(keys, names, value)
  local fname = "frame:pivot"
  local columns, list = key_columns(self, fname, "argument 1 (keys)", keys)
  local name = base.find(self, fname, check.string(fname, "argument 2 (names)", names))
  base.find(self, fname, check.string(fname, "argument 3 (value)", value))
  local missing = base.missing_mask(name):nonzero()
  if #missing > 0 then core.fail("%s: row %d has no '%s'", fname, missing:get(1), names) end
  local rows, starts = groups_of(columns, self.count)
  local wide = take(self:select(list), rows:gather(1, starts), self.order)
  local code = codes(table.move(columns, 1, #columns, 2, { name }))
  local again = self.count > 0 and code:match(code):ne(core.arange(self.count)):nonzero() or {}
  if #again > 0 then
    core.fail("%s: row %d has the key and the '%s' of a row before; frame:group or frame:unique first", fname,
      again:get(1), names)
  end
  for _, part in ipairs(self:split(names)) do
    local cells, column, new = part:select(list), part.columns[value], part.columns[names]:get(1)
    new = type(new) == "number" and text.number(new) or new
    if cells.columns[new] then core.fail("%s: there would be two columns '%s'", fname, new) end
    wide = wide:join(put(cells, base.with_values(column, column.values, new)), list)
  end
  return wide
end

local MELT = option.of("frame:melt", {
  { "name", "name", check.string, "the column of the names of columns" },
  { "value", "value", check.string, "the column of their cells" },
})

--- frame:melt(keys [, options]) -> frame
---
--- From wide to long, what frame:pivot undoes: for each column but the keys, one after the other, all rows with the
--- keys, the column's name and its cell. Many series that stand side by side come to stand below each other. Errors:
--- columns of several types, a name that a key column has.
---@param keys string|string[]
---@param options? frame.melt.Options
---@return data.Frame
function Frame:melt(keys, options)
  local fname = "frame:melt"
  options = MELT:read(options)
  local _, list = key_columns(self, fname, "argument 1 (keys)", keys)
  local kept, parts = self:select(list), {}
  for _, column in ipairs(self.columns) do
    if not kept.columns[column.name] then
      local name = Column { name = options.name, type = "text", words = { column.name },
        values = core.ones { self.count, type = "int32" } }
      parts[#parts + 1] = base.add(base.add(kept, fname, name), fname,
        base.with_values(column, column.values, options.value))
    end
  end
  if #parts == 0 then core.fail("%s: there is no column but the keys", fname) end
  return stacked(fname, parts)
end

--- frame:resample(step, how) -> frame
---
--- A row for each step of time, "1d", "1h", "15min", "1 month", from the first to the last row: the number columns as
--- frame:group has them, "mean", or by name { rain = "sum", temp = "mean" }. The time is where the step begins, days
--- and longer on the calendar of the column's zone, as dates without a time of day. Steps without rows have missing
--- cells.
--- Errors: rows that are not in order of time.
---@param step string
---@param how string|table<string, string|string[]>
---@return data.Frame
function Frame:resample(step, how)
  local fname = "frame:resample"
  local wanted = steps.parse(step) or check.expected(fname, "argument 1 (step)", "a step such as '1d'", step)
  local column, n = time.need_time(self, fname), self.count
  if n == 0 then return self end
  if #base.missing_mask(column):nonzero() > 0 then
    core.fail("%s: the column '%s' has missing times; frame:drop_missing('%s') leaves them out", fname, column.name,
      column.name)
  end
  local positions, times = steps.buckets(wanted, column)
  if #positions:diff():lt(0):nonzero() > 0 then
    core.fail("%s: the rows are not in order of '%s'; use frame:sort('%s') first", fname, column.name, column.name)
  end
  local first, last = math.tointeger(positions:get(1)), math.tointeger(positions:get(n))
  local all = core.numbers(core.arange(last - first + 1)) + (first - 1)
  local starts = positions:match(all)
  local ends = core.tensor { n }:to_int()
  if #all > 1 then -- up to the row before the next step that has rows
    local list, after = starts:totable(), n + 1
    for i = #list, 1, -1 do
      local start = list[i]
      list[i] = start > 0 and after - 1 or -1
      after = start > 0 and start or after
    end
    ends = core.tensor(list, "int32")
  end
  local begins = times(all)
  local into = { Column { name = column.name, type = "date", values = begins,
    zone = core.is_numbers(begins) and column.zone or nil } }
  return Frame(summary(self, fname, how, { [column.name] = true }, nil, starts, ends, into), #all, column.name)
end
