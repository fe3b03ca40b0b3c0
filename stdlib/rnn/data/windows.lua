-- windows.lua: all windows of a series, with what comes after them, as a dataset.
--
-- Windows are cut when a batch is made and are never stored. A window and its target lie inside one series: cut the
-- series into training, validation and test spans first, and no window can see across a split.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local nest = require "rnn.nest"
local base = require "rnn.data.frame"
local origin = require "rnn.data.origin"
local Batches = require "rnn.data.batches"

--- data.windows(series, options) -> dataset
---
--- series is (L, D), one row for each time step, or a frame, of which columns are then named. No window crosses a hole
--- in the time of a frame, nor in that of the frame whose frame:tensor the series is; across = true lets them.
--- x of a batch is (N, length, inputs); y is the k rows after the window, (N, k * targets), earlier steps first; with
--- target = "sequence" it gives each step of the window the rows after it, (N, length, ahead * targets).
--- Errors: a series that is no float (L, D), without a window, or columns that it does
--- not have.
---@class data.Windows
---@field length integer
---@field ahead integer how many rows ahead the targets go
---@field sequence boolean
---@field first integer
---@field every integer
---@overload fun(series: rnn.Tensor, options: data.windows.Options): data.Windows
local Windows = class("data.Windows")

Windows.fname = "data.windows"

local numbers = option.kind("integer[]|string[]", function(fname, argname, value)
  if type(value) ~= "table" or #value == 0 then check.expected(fname, argname, "a list of column numbers", value) end
  return value
end)

local OPTIONS = option.of("data.windows", {
  { "length", nil, option.int(1), "steps in a window", required = true },
  { "target", 1, option.kind('integer|"sequence"', function(fname, argname, value)
    if value ~= "sequence" and (math.type(value) ~= "integer" or value < 1) then
      check.expected(fname, argname, "a positive integer or 'sequence'", value)
    end
    return value
  end), "how many rows after the window y has; or \"sequence\"" },
  { "ahead", nil, option.int(1), "with target = \"sequence\": rows after each step that y has" },
  { "stride", 1, option.int(1), "rows from the start of one window to the start of the next" },
  { "first", 1, option.int(1), "with target = \"sequence\": y has only the steps first, first + every, ... to the "
    .. "last, for models whose output is shorter than their input (strided nn.Conv1d)" },
  { "every", 1, option.int(1), "see first" },
  { "input_columns", nil, numbers, "columns of the series that x has, by number, or of a frame by name; all by "
    .. "default, of a frame all number columns" },
  { "target_columns", nil, numbers, "columns that y has" },
  { "missing", nil, option.kind('true|"mask"', function(fname, argname, value)
    if value ~= true and value ~= "mask" then check.expected(fname, argname, "true or 'mask'", value) end
    return value
  end), "the series may have missing values, nan. Targets that are missing have weight 0 in batches, so rnn.fit and "
    .. "rnn.evaluate leave them out of loss and metrics; windows without any target are left out. Inputs are nan with "
    .. "true, which cells.GRUD reads; with \"mask\" they have the value that was seen last, 0 before the first, and "
    .. "behind all columns of the series a column for each, 1 where it was there, and one with the steps since" },
  { "across", false, check.boolean, "windows may cross holes in the time of a frame" },
  { "breaks", nil, check.table, "rows after which there is a hole, as frame:breaks gives them, for a series that was "
    .. "changed since it was a frame's" },
  { "beside", nil, check.table, "{ hour = int32 (L), ... }: what each step has beside the series, such as ids for an "
    .. "embedding; float (L, D) as well. x is then a table { series = (N, length, inputs), hour = (N, length) ... }" },
})
option.of("data.Windows:batches", Batches._options)

local CHECKED <const> = 1 << 22 -- elements at a time: a series may be larger than memory

local function check_finite(series, missing)
  local all, bad = series:reshape(-1), {}
  for from = 1, #all, CHECKED do
    local flat = all:rows(from, math.min(from + CHECKED - 1, #all))
    local places = (missing and flat:abs():eq(math.huge) or 1 - flat:is_finite()):nonzero()
    if #places > 0 then bad[#bad + 1] = places + (from - 1) end
  end
  if #bad == 0 then return end
  bad = core.concat(bad, 1)
  local columns, first = series:size(2), bad:get(1) - 1
  if missing then
    core.fail("data.windows: the series has %d infinite value%s, the first in row %d, column %d", #bad,
      #bad == 1 and "" or "s", first // columns + 1, first % columns + 1)
  end
  core.fail("data.windows: the series has %d value%s that are missing or infinite, the first in row %d, column %d; "
    .. "fill missing ones first, as frame:fill(column, 'previous') does, or missing = true leaves missing targets "
    .. "out", #bad, #bad == 1 and "" or "s",
    first // columns + 1, first % columns + 1)
end

local function pick(series, argname, wanted)
  if not wanted then return series end
  for i, c in ipairs(wanted) do
    check.int("data.windows", ("%s, entry %d"):format(argname, i), c, 1, series:size(2))
  end
  return series:gather(2, core.tensor(wanted, "int32"))
end

-- Inputs (L, D) with missing values as (L, 3 D): what was seen last, 1 where it is there, and the steps since it was
-- seen, or since the series began.
local function with_mask(inputs, spans)
  local rows, columns = inputs:shape()
  local began = {}
  for _, span in ipairs(spans) do
    for row = span[1], span[2] do began[row] = span[1] end
  end
  began = core.tensor(began, "int32")
  local values, masks, since = {}, {}, {}
  for c = 1, columns do
    local x, row = inputs:select(2, c), core.arange(rows)
    local seen = x:eq(x)
    local last = core.numbers(core.where(seen, row:to_float(), 0 / 0)):fill():tensor()
    last = core.where(last:eq(last), last, 0):to_int()
    local known = last:ge(began)
    values[c] = core.where(known, core.where(seen, x, 0):gather(1, last:maximum(1)), 0)
    masks[c], since[c] = seen, (row - core.where(known, last, began - 1)):to_float()
  end
  return core.concat({ core.stack(values, 2), core.stack(masks, 2), core.stack(since, 2) }, 2)
end

-- What the steps have beside the series, by name: a tensor with its rows.
local function check_beside(beside, rows)
  if not nest.is_table(beside) or type(next(beside)) ~= "string" or beside.series then
    check.expected("data.windows", "option 'beside'", "a table of tensors by names other than 'series'", beside)
  end
  for _, name in ipairs(nest.keys(beside)) do
    local argname, t = ("option 'beside', entry '%s'"):format(name), beside[name]
    check.tensor("data.windows", argname, t)
    if t:ndim() ~= 1 and (t:ndim() ~= 2 or t:type() ~= "float") or #t ~= rows then
      check.expected("data.windows", argname, ("int32 (%d) or float (%d, D), a row for each of the series"):format(rows,
        rows), t)
    end
  end
  return beside
end

-- The numbers of the rows where windows start, in one series that lies in rows from..to.
local function starts(self, from, to)
  local room = to - from + 1 - self.length - self.ahead + 1
  if room < 1 then return nil end
  local n = (room - 1) // self.stride + 1
  local ids = core.arange(from + n * self.stride - 1):rows(from, from + n * self.stride - 1)
  return self.stride == 1 and ids or ids:reshape(n, self.stride):select(2, 1)
end

-- The steps of a window that have targets, where that is not every one.
local function pick_steps(self, options)
  local fname = "data.windows"
  self.first, self.every = check.int(fname, "option 'first'", options.first, 1, self.length), options.every
  if self.first == 1 and self.every == 1 then return end
  if not self.sequence then core.fail("%s: options 'first' and 'every' go with target = 'sequence' only", fname) end
  if (self.length - self.first) % self.every ~= 0 then
    core.fail("%s: with first = %d and every = %d the last of %d steps has no target", fname, self.first, self.every,
      self.length)
  end
end

-- What comes after each row, and after the window that begins there.
local function futures_of(self, targets)
  local rows, columns = targets:shape()
  local futures, n = targets, rows - self.ahead + 1 -- futures[i] is what comes at the rows i..i+ahead-1
  if self.ahead > 1 then
    futures = core.windows(futures, core.arange(n), self.ahead):reshape(n, self.ahead * columns)
  end
  return futures:rows(2, n), futures:rows(self.length + 1, n)
end

-- y of a batch, or of a tensor of the targets' shape.
local function targets_at(self, items, after_start, after_window)
  if not self.sequence then return after_window:gather(1, items) end
  local y = core.windows(after_start, items, self.length)
  return self.steps and y:gather(2, self.steps) or y
end

-- Makes ready for batch(): inputs and targets are (L, D); spans lists first and last row of each series in them.
local function build(self)
  local parts, longest = {}, 0
  for _, span in ipairs(self.spans) do
    parts[#parts + 1] = starts(self, span[1], span[2])
    longest = math.max(longest, span[2] - span[1] + 1)
  end
  if #parts == 0 then
    core.fail("data.windows: a series of %d rows is too short for windows of %d steps with %d more to forecast%s",
      longest, self.length, self.ahead, #self.spans == 1 and "" or (": it is the longest of %d that holes in time "
      .. "leave; frame:regular { fill = 'last' } closes them, across = true goes over them"):format(#self.spans))
  end
  self.items = #parts == 1 and parts[1] or core.concat(parts, 1)
  self.after_start, self.after_window = futures_of(self, self.targets)
  if self.first > 1 or self.every > 1 then
    local steps = {}
    for step = self.first, self.length, self.every do steps[#steps + 1] = step end
    self.steps = core.tensor(steps, "int32")
  end
  if not self.seen then return end
  self.seen_start, self.seen_window = futures_of(self, self.seen)
  local used = targets_at(self, self.items, self.seen_start, self.seen_window)
  local kept = used:reshape(#used, -1):max(2):gt(0):nonzero()
  if #kept == 0 then core.fail("data.windows: every target of the %d windows is missing", #used) end
  self.items = self.items:gather(1, kept)
end

-- The columns of a frame as a series, and the options with numbers in place of their names.
local function series_of(frame, options)
  local names, places, given = {}, {}, {}
  local function place(name)
    if not places[name] then
      names[#names + 1] = name
      places[name] = #names
    end
    return places[name]
  end
  for _, key in ipairs { "input_columns", "target_columns" } do
    local list = {}
    for i, name in ipairs(options[key] or {}) do
      list[i] = place(check.string("data.windows", ("option '%s', entry %d"):format(key, i), name))
    end
    given[key] = options[key] and list
  end
  if not given.input_columns then
    local list = {}
    for _, column in ipairs(frame.columns) do
      if column.type == "number" then list[#list + 1] = place(column.name) end
    end
    given.input_columns = list
    given.target_columns = given.target_columns or list
  end
  if #names == 0 then core.fail("data.windows: the frame has no number column") end
  options.input_columns = given.input_columns
  options.target_columns = given.target_columns or given.input_columns
  return frame:tensor(names, { missing = options.missing ~= nil })
end

-- First and last row of each part of the series without a hole in time.
local function spans_of(series, frame, options)
  local spans, from = {}, 1
  local breaks = options.breaks or frame and not options.across and frame:breaks() or {}
  for i, row in ipairs(breaks) do
    row = check.int("data.windows", ("option 'breaks', entry %d"):format(i), row, from, #series)
    spans[i], from = { from, row }, row + 1
  end
  spans[#spans + 1] = { from, #series }
  return spans
end

function Windows:init(series, options)
  local fname = "data.windows"
  options = OPTIONS:read(options)
  local frame = class.is_a(series, base.Frame) and series
  if frame then
    local _, why = frame:step()
    if frame:time() and not options.across and #frame > 1 and why then
      core.fail("%s: the rows have no equal steps of time: %s; across = true takes rows as they stand", fname, why)
    end
    series = series_of(frame, options)
  end
  check.tensor(fname, "argument 1 (series)", series, "float")
  frame = frame or origin.of[series]
  if series:ndim() == 1 then series = series:reshape(-1, 1) end
  check.tensor(fname, "argument 1 (series)", series, "float", 2)
  self.length, self.stride = options.length, options.stride
  self.sequence = options.target == "sequence"
  if self.sequence then
    self.ahead = check.int(fname, "option 'ahead' (with target = 'sequence')", options.ahead, 1)
  else
    self.ahead = options.target
    if options.ahead then core.fail("%s: option 'ahead' goes with target = 'sequence' only", fname) end
  end
  pick_steps(self, options)
  check_finite(series, options.missing)
  self.inputs = pick(series, "option 'input_columns'", options.input_columns)
  self.targets = pick(series, "option 'target_columns'", options.target_columns)
  self.beside = options.beside ~= nil and check_beside(options.beside, #series) or nil
  self.spans = spans_of(series, frame, options)
  if options.missing then
    self.seen = self.targets:eq(self.targets)
    self.targets = core.where(self.seen, self.targets, 0)
    self.missing = #self.seen * self.seen:size(2) - math.tointeger(self.seen:sum():item())
    if options.missing == "mask" then self.inputs = with_mask(self.inputs, self.spans) end
  end
  build(self)
end

--- #windows -> number of windows
function Windows:__len()
  return #self.items
end

-- x of a batch.
local function inputs_at(self, items)
  local x = core.windows(self.inputs, items, self.length)
  if not self.beside then return x end
  local all = nest.map(self.beside, function(t)
    local cut = core.windows(t:reshape(#t, -1), items, self.length)
    return t:ndim() == 1 and cut:reshape(#items, self.length) or cut
  end)
  all.series = x
  return all
end

--- windows:batch(starts) -> x, y, weights
---
--- The windows that begin at these rows (int32) of the series. weights only with the option missing: of the shape of y,
--- 0 where a target is missing, which is then 0 in y, else 1.
---@param items rnn.Tensor
---@return rnn.Tensor|table x (N, length, inputs), or a table of it and what is beside it
---@return rnn.Tensor y (N, ahead * targets) or (N, steps with targets, ahead * targets)
---@return rnn.Tensor? weights
function Windows:batch(items)
  check.tensor("data.windows:batch", "argument 1 (items)", items, "int32", 1)
  local weights = self.seen and targets_at(self, items, self.seen_start, self.seen_window) or nil
  return inputs_at(self, items), targets_at(self, items, self.after_start, self.after_window), weights
end

--- windows:all() -> x, y, weights
---
--- Every window at once. x is (N, length, inputs); weights as in windows:batch.
---@return rnn.Tensor x
---@return rnn.Tensor y
---@return rnn.Tensor? weights
function Windows:all()
  return self:batch(self.items)
end

--- windows:past(items) -> tensor (N, length, targets)
---
--- The target columns within windows: what a forecast could simply repeat.
--- items: int32 (N). The result is (N, length, targets).
---@param items rnn.Tensor
---@return rnn.Tensor
function Windows:past(items)
  return core.windows(self.targets, items, self.length)
end

--- windows:future(items) -> tensor (N, ahead * targets)
---
--- The targets after the last step of windows, for both kinds of targets.
--- items: int32 (N). The result is (N, ahead * targets).
---@param items rnn.Tensor
---@return rnn.Tensor
function Windows:future(items)
  return self.after_window:gather(1, items)
end

-- Have two datasets the same beside their series?
local function beside_alike(a, b)
  for name in pairs(a or {}) do
    if not b or not b[name] then return false end
  end
  for name, t in pairs(b or {}) do
    local other = a and a[name]
    if not other or other:type() ~= t:type() or other:ndim() ~= t:ndim() or t:ndim() == 2 and other:size(2) ~= t:size(2)
    then return false end
  end
  return true
end

--- windows:concat(other, ...) -> dataset
---
--- The windows of several series, or of the parts of one before and after a gap; none crosses from one to the next.
--- Errors: windows of other columns or lengths.
---@param ... data.Windows
---@return data.Windows
function Windows:concat(...)
  local inputs, targets, spans, offset = {}, {}, {}, 0
  for i, part in ipairs { self, ... } do
    local same = class.is_a(part, Windows)
    for _, key in ipairs { "length", "ahead", "sequence", "stride", "first", "every" } do
      same = same and part[key] == self[key]
    end
    same = same and part.inputs:size(2) == self.inputs:size(2) and part.targets:size(2) == self.targets:size(2)
      and beside_alike(part.beside, self.beside)
    if not same then
      core.fail("windows:concat: argument %d: expected windows of the same options and numbers of columns", i - 1)
    end
    inputs[i], targets[i] = part.inputs, part.targets
    for _, span in ipairs(part.spans) do spans[#spans + 1] = { span[1] + offset, span[2] + offset } end
    offset = offset + #part.inputs
  end
  local parts, beside = { self, ... }, nil
  for name in pairs(self.beside or {}) do
    local list = {}
    for i, part in ipairs(parts) do list[i] = part.beside[name] end
    beside = beside or {}
    beside[name] = core.concat(list, 1)
  end
  local whole = setmetatable({
    length = self.length, ahead = self.ahead, sequence = self.sequence, stride = self.stride, first = self.first,
    every = self.every,
    inputs = core.concat(inputs, 1), targets = core.concat(targets, 1), spans = spans, beside = beside,
  }, Windows)
  for i, part in ipairs(parts) do
    if part.seen then whole.missing = (whole.missing or 0) + part.missing end
    targets[i] = part.seen or core.ones { part.targets:shape() }
  end
  if whole.missing then whole.seen = core.concat(targets, 1) end
  build(whole)
  return whole
end

--- windows:batches([options]) -> batches
---
--- Mini-batches, as data.Batches.
---@param options? data.Windows.batches.Options
---@return data.Batches
function Windows:batches(options)
  return Batches(self, options)
end

return Windows
