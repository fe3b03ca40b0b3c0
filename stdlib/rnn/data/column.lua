-- column.lua: one column of a frame: what frame.temp_max gives.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local dates = require "rnn.data.dates"

--- A column of a frame: frame.temp_max. Its cells are numbers, dates or words, column[3] that of row 3 as in totable;
--- frame:column(name) gives them as they are held. Comparisons give masks (rows) of 0 and 1, which frame:filter takes
--- and which combine by :logical_and, :logical_or and :logical_not; + - * / // % ^ of number columns give rnn.Numbers,
--- which frame:with takes. .. joins cells as text: frame.date .. " " .. frame.hour is a column of words, or of dates
--- where all are dates.
---@class data.Column
---@field name string
---@field type "number"|"date"|"text"
---@field values rnn.Numbers|rnn.Tensor (rows): numbers; int32 days since 1970-01-01, or with a time of day whole
---  rnn.Numbers, microseconds since then in UTC, or of the wall clock where there is no zone; int32 ids of words
---@field words? string[] of a text column: its distinct words in the order of their first appearance
---@field zone? string of a date column: "UTC", "+02:00", "Europe/Berlin"
---@field odd? { row: integer, text: string } the cell that made a column text, and its row in the file
local Column = class("data.Column")

function Column:init(fields)
  check.table("data.Column", "argument 1", fields)
  for key, value in pairs(fields) do self[key] = value end
end

-- column[row], or a method.
function Column.__index(column, key)
  if math.type(key) ~= "integer" then return rawget(Column, key) end
  if key < 1 or key > #column then return nil end
  return column:get(key) or false
end

function Column.__newindex(column, key, value)
  if type(key) == "number" then
    core.fail("column[%s] = ...: a frame never changes; frame:with makes one with other values", key)
  end
  rawset(column, key, value)
end

function Column.__describe(column)
  return ("the column '%s' of a frame, of which frame:tensor { '%s' } makes a tensor"):format(column.name, column.name)
end

--- #column -> number of rows
function Column:__len()
  return self.values and #self.values or 0
end

function Column:__tostring()
  return require("rnn.data.frame_text").column(self)
end

-- Is it a date column with a time of day?
function Column:_is_clock()
  return self.type == "date" and core.is_numbers(self.values)
end

-- Microseconds since 1970-01-01, whole numbers, of a date column.
function Column:_moments()
  if self:_is_clock() then return self.values end
  return core.numbers(self.values, dates.MISSING) * dates.DAY
end

-- The same as the wall clock shows them.
function Column:_wall()
  if self:_is_clock() then return dates.wall(self.values, self.zone) end
  return self:_moments()
end

--- column:get(row) -> number | string | nil
---
--- One cell: a number (nan where missing), a date as text, or a word (nil where missing). Errors: a row that is not
--- there.
---@param row integer
---@return number|string|nil
function Column:get(row)
  local value = self.values:get(check.int("column:get", "argument 1 (row)", row, 1, #self.values))
  if self.type == "number" then return value end
  if self.type == "text" then return self.words[value] end
  if core.is_tensor(self.values) then return value ~= dates.MISSING and dates.text(value) or nil end
  if value ~= value then return nil end
  local wall = self.zone and core.numbers { value }:to_wall(self.zone):get(1) or value
  return dates.moment(wall, self.zone and wall - value)
end

--- column:totable() -> array
---
--- All cells, as get gives them, but false in place of nil.
---@return (number|string|false)[]
function Column:totable()
  if self.type == "date" then
    local texts = dates.texts(self)
    for i, text in ipairs(texts) do texts[i] = text ~= "missing" and text end
    return texts
  end
  local list = self.values:totable()
  if self.type == "text" then
    for i, id in ipairs(list) do list[i] = self.words[id] or false end
  end
  return list
end

--- column:tensor() -> tensor (rows)
---
--- The numbers of a number column as a float tensor of shape (rows), missing cells as NaN; frame:tensor takes several
--- columns, and refuses missing cells. Errors: dates or words, a number that a float cannot hold.
---@return rnn.Tensor
function Column:tensor()
  if self.type ~= "number" then
    core.fail("column:tensor: the column '%s' holds %ss, not numbers", self.name,
      self.type == "text" and "word" or "date")
  end
  return self.values:tensor()
end

--- column:missing() -> mask (rows)
---
--- 1 where the cell is missing, else 0; a mask of shape (rows).
---@return rnn.Tensor
function Column:missing()
  if core.is_numbers(self.values) then return self.values:missing() end
  return self.values:eq(self.type == "date" and dates.MISSING or 0)
end

-- A word compared, equal or not.
local function compare_words(self, fname, op, word)
  check.string(fname, "argument 1", word)
  if op ~= "eq" and op ~= "ne" then core.fail("%s: words have no order; '%s' holds words", fname, self.name) end
  local id = 0
  for i, known in ipairs(self.words) do
    if known == word then id = i end
  end
  local equal = id > 0 and self.values:eq(id) or core.zeros(#self.values)
  return op == "eq" and equal or 1 - equal
end

-- A date compared with text, which may mean a whole day, month or year.
local function compare_dates(self, fname, op, text)
  local first, last, zoned = dates.moments(text)
  if not first then
    check.expected(fname, "argument 1", "a date such as '2016', '2016-02-29' or '2016-02-29 13:00'", text)
  end
  if zoned and not self.zone then
    core.fail("%s: '%s' has an offset from UTC, but the column '%s' has no zone", fname, text, self.name)
  end
  local at = zoned and self:_moments() or self:_wall()
  if op == "eq" then return at:ge(first) * at:le(last) end
  if op == "ne" then return 1 - at:ge(first) * at:le(last) end
  return at[op](at, (op == "lt" or op == "ge") and first or last)
end

local function compare(self, op, other)
  local fname = "column:" .. op
  if class.is_a(other, Column) then
    if other.type ~= self.type or self.type == "text" then
      core.fail("%s: expected two number or two date columns, got a %s and a %s column", fname, self.type, other.type)
    end
    if self.type == "date" then return self:_moments()[op](self:_moments(), other:_moments()) end
    other = other.values
  end
  if self.type == "text" then return compare_words(self, fname, op, other) end
  if self.type == "date" then return compare_dates(self, fname, op, other) end
  if type(other) ~= "number" and not core.is_numbers(other) then
    check.expected(fname, "argument 1", "a number or a number column", other)
  end
  return self.values[op](self.values, other)
end

--- column:eq(other) -> mask (rows)
---
--- 1 where the cell is other, else 0, of shape (rows). other: a number, a word, a date as text, of which "2016-02"
--- means all days of the month, or a column of the same type. A missing cell equals nothing.
---@param other any
---@return rnn.Tensor
function Column:eq(other) return compare(self, "eq", other) end

--- column:ne(other) -> mask (rows)
---
--- 1 where the cell is not other, or missing; as eq, of shape (rows).
---@param other any
---@return rnn.Tensor
function Column:ne(other) return compare(self, "ne", other) end

--- column:lt(other) -> mask (rows)
---
--- 1 where the cell is less than other, or before it, of shape (rows). Errors: words.
---@param other any
---@return rnn.Tensor
function Column:lt(other) return compare(self, "lt", other) end

--- column:le(other) -> mask (rows)
---
--- 1 where the cell is at most other, or not after it, of shape (rows). Errors: words.
---@param other any
---@return rnn.Tensor
function Column:le(other) return compare(self, "le", other) end

--- column:gt(other) -> mask (rows)
---
--- 1 where the cell is greater than other, or after it, of shape (rows). Errors: words.
---@param other any
---@return rnn.Tensor
function Column:gt(other) return compare(self, "gt", other) end

--- column:ge(other) -> mask (rows)
---
--- 1 where the cell is at least other, or not before it, of shape (rows). Errors: words.
---@param other any
---@return rnn.Tensor
function Column:ge(other) return compare(self, "ge", other) end

-- The numbers of an operand.
local function operand(value)
  if not class.is_a(value, Column) then return value end
  if value.type ~= "number" then
    core.fail("arithmetic: the column '%s' holds %ss, not numbers", value.name, value.type)
  end
  return value.values
end

function Column.__add(a, b) return operand(a) + operand(b) end
function Column.__sub(a, b) return operand(a) - operand(b) end
function Column.__mul(a, b) return operand(a) * operand(b) end
function Column.__div(a, b) return operand(a) / operand(b) end
function Column.__idiv(a, b) return operand(a) // operand(b) end
function Column.__mod(a, b) return operand(a) % operand(b) end
function Column.__pow(a, b) return operand(a) ^ operand(b) end
function Column.__unm(a) return -operand(a) end

-- The cells of an operand of .. as text, false where missing, or one text for all rows.
local function texts_of(value)
  local number = require "rnn.data.frame_text".number
  if not class.is_a(value, Column) then
    return type(value) == "number" and tostring(value) or check.string("..", "a side", value)
  end
  local list = value:totable()
  for i, cell in ipairs(list) do
    if type(cell) == "number" then list[i] = cell == cell and number(cell) end
  end
  return list
end

-- The moments of words that are all dates, none with an offset from UTC; in one order of day and month.
local function moments_of(words)
  local found
  for order = 1, 2 do
    local list = {}
    for id, word in ipairs(words) do
      list[id] = not word:find ":%d%d.*[Zz+-]" and select(order, core.date_read(word)) or nil
      if not list[id] then break end
    end
    if #list == #words and found then
      for id, micros in ipairs(list) do
        if micros ~= found[id] then return nil end
      end
    end
    found = #list == #words and list or found
  end
  return found
end

function Column.__concat(a, b)
  local left, right = texts_of(a), texts_of(b)
  local n = type(left) == "table" and #left or #right
  if type(left) == "table" and type(right) == "table" and #left ~= #right then
    core.fail("..: columns of %d and %d rows", #left, #right)
  end
  local ids, words, known = {}, {}, {}
  for i = 1, n do
    local before, behind = left, right
    if type(left) == "table" then before = left[i] end
    if type(right) == "table" then behind = right[i] end
    local word = before and behind and before .. behind
    if word and not known[word] then
      words[#words + 1] = word
      known[word] = #words
    end
    ids[i] = word and known[word] or 0
  end
  local moments = #words > 0 and moments_of(words)
  if not moments then
    return Column { name = "text", type = "text", values = core.tensor(ids, "int32"), words = words }
  end
  local days = true
  for _, micros in ipairs(moments) do days = days and micros % dates.DAY == 0 end
  for i, id in ipairs(ids) do
    if days then ids[i] = id > 0 and moments[id] // dates.DAY or dates.MISSING
    else ids[i] = moments[id] or math.mininteger end
  end
  return Column { name = "date", type = "date", values = days and core.tensor(ids, "int32") or core.numbers(ids) }
end

return Column
