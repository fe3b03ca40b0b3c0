-- flat.lua: scalers of a Forecaster, fitted once to the training span, and series on these scales, as tensors of a row
-- for each step.
--
-- Columns of a step: targets; where some are missing a mask and the steps since one was seen, as a share of the window;
-- what is known up to the present, likewise; what is known in advance, at that step.

local core = require "rnn.core"
local class = require "rnn.class"
local nest = require "rnn.nest"
local Samples = require "rnn.forecast.samples"

-- Mean and deviation of each column of rows (R, C) over what is not missing; columns of 0 and 1 stay as they are.
local function moments(rows, keep_masks)
  local seen = rows:eq(rows)
  local count = seen:sum(1):maximum(1)
  local bare = core.where(seen, rows, 0)
  local mean = bare:sum(1) / count
  local deviation = (core.where(seen, rows - mean, 0):square():sum(1) / count):sqrt()
  if keep_masks then
    local mask = (bare * (bare - 1)):abs():max(1):eq(0)
    mean, deviation = core.where(mask, 0, mean), core.where(mask, 1, deviation)
  end
  return mean, core.where(deviation:gt(0), deviation, 1)
end

-- Missing values as the last one seen (at the beginning 0), a mask, and the share of a window since it was seen.
local function carried(values, length)
  local mask = values:eq(values)
  if mask:min():item() == 1 then return values, mask, core.zeros_like(values) end
  local rows, last, since, gaps = values:totable(), {}, {}, {}
  for t, row in ipairs(rows) do
    local gap = {}
    for c, v in ipairs(row) do
      if v == v then last[c], since[c] = v, 0
      else
        row[c], since[c] = last[c] or 0, math.min((since[c] or length - 1) + 1, length)
      end
      gap[c] = since[c] / length
    end
    gaps[t] = gap
  end
  return core.tensor(rows), mask, core.tensor(gaps)
end

--- Flat(forecaster): scaling is forecaster.scaling, a table that can be saved.
---@class forecast.Flat
---@overload fun(forecaster: rnn.Forecaster): forecast.Flat
local Flat = class("forecast.Flat")

function Flat:init(forecaster)
  self.forecaster, self.scaling = forecaster, forecaster.scaling
end

-- Shift and scale (K) of a series by its rows up to that one.
local function scale_of(self, series, rows)
  local kind, k = self.forecaster.options.scale, series.y:size(2)
  if kind == "none" or kind == "revin" then return core.zeros(k), core.ones(k) end
  local y = self:logarithm(series.y:rows(1, rows))
  local mean, deviation = moments(y)
  if kind == "standard" then return mean, deviation end
  local size = moments(y:abs())
  return core.zeros(k), core.where(size:gt(0), size, 1)
end

-- y, or its logarithm.
function Flat:logarithm(y)
  local f = self.forecaster
  if not f.options.log then return y end
  if y:le(0):max():item() > 0 then core.fail("%s: option 'log': there are values of 0 or less", f.spec.fname) end
  return y:log()
end

-- The mean absolute change of a series over a season, on its scale, in the training span.
local function change_of(self, series, shift, scale)
  local y = (self:logarithm(series.y:rows(1, series.train)) - shift) / scale
  local m = math.min(self.forecaster.season or 1, #y - 1)
  local d = (y:rows(m + 1, #y) - y:rows(1, #y - m)):abs()
  return core.where(d:eq(d), d, 0):mean():item()
end

local MOST <const> = 4 -- times the half that a series can count for

-- How much each series counts: half as all others, half by the inverse of its change.
local function balanced(changes)
  local sorted = table.move(changes, 1, #changes, 1, {})
  table.sort(sorted)
  local middle, weights = sorted[(#sorted + 1) // 2], {}
  for i, change in ipairs(changes) do
    weights[i] = 0.5 + 0.5 * (change > 0 and math.min(middle / change, MOST) or MOST)
  end
  return weights
end

--- flat:fit(list): scalers, on the training span of each series.
function Flat:fit(list)
  local names, shifts, scales, masked, statics = {}, {}, {}, false, {}
  local past, known, changes = {}, {}, {}
  for i, series in ipairs(list) do
    names[i] = series.name or ""
    shifts[i], scales[i] = scale_of(self, series, series.train)
    local y = series.y:rows(1, series.train)
    masked = masked or y:eq(y):min():item() == 0
    changes[i] = self.forecaster.options.balance and change_of(self, series, shifts[i], scales[i]) or nil
    past[i] = series.past and series.past:rows(1, series.train)
    known[i] = series.known and series.known:rows(1, series.train)
    statics[i] = series.static
  end
  local scaling = { names = names, shift = core.stack(shifts, 1), scale = core.stack(scales, 1), masked = masked,
    weights = changes[1] and balanced(changes) or nil, targets = list[1].y:size(2), past = 0, future = 0, static = 0 }
  if past[1] then
    local all = core.concat(past, 1)
    scaling.past, scaling.past_masked = all:size(2), all:eq(all):min():item() == 0
    scaling.past_shift, scaling.past_scale = moments(all, true)
  end
  if known[1] then
    local all = core.concat(known, 1)
    scaling.future = all:size(2)
    scaling.known_shift, scaling.known_scale = moments(all, true)
  end
  if statics[1] then
    local all = core.stack(statics, 1)
    scaling.static = all:size(2)
    scaling.static_shift, scaling.static_scale = moments(all, true)
  end
  self.scaling, self.forecaster.scaling = scaling, scaling
  return self
end

--- flat:sizes() -> what a model is made for
function Flat:sizes()
  local f, s = self.forecaster, self.scaling
  local k = s.targets
  return { inputs = k * (s.masked and 3 or 1) + s.past * (s.past_masked and 3 or 1) + s.future, targets = k,
    past = s.past, future = s.future, static = s.static, series = #s.names, masked = s.masked, length = f.length,
    horizon = f.horizon, columns = f.distribution.columns, centre = f.distribution.middle or 1,
    outputs = f.horizon * k * f.distribution.columns }
end

-- The number of a series, 0 when it was not there in training.
local function number_of(self, name)
  if not self.numbers then
    self.numbers = {}
    for i, known in ipairs(self.scaling.names) do self.numbers[known] = i end
  end
  return #self.scaling.names == 1 and 1 or self.numbers[name or ""] or 0
end

local function filled(values, shift, scale)
  local z = (values - shift) / scale
  return core.where(z:eq(z), z, 0)
end

-- All that stands for one series: inputs (T + ahead, C), targets, seen, future, static.
local function rows_of(self, series, shift, scale, ahead)
  local s, length = self.scaling, self.forecaster.length
  local y = (self:logarithm(series.y) - shift) / scale
  local value, mask, since = carried(y, length)
  local parts = { value }
  if s.masked then parts[2], parts[3] = mask, since end
  if s.past > 0 then
    local z, z_mask, z_since = carried((series.past - s.past_shift) / s.past_scale, length)
    parts[#parts + 1] = z
    if s.past_masked then parts[#parts + 1], parts[#parts + 2] = z_mask, z_since end
  end
  local rows, future = series.rows, nil
  if s.future > 0 then
    future = filled(series.known, s.known_shift, s.known_scale)
    local short = rows + ahead - #future
    if short > 0 then future = core.concat({ future, core.zeros(short, s.future) }, 1) end
    future = future:rows(1, rows + ahead)
    parts[#parts + 1] = future:rows(1, rows)
  end
  local inputs = #parts > 1 and core.concat(parts, 2) or parts[1]
  local function longer(t) return core.concat({ t, core.zeros(ahead, t:size(2)) }, 1) end
  return { inputs = longer(inputs), targets = longer(core.where(mask, y, 0)), seen = longer(mask), future = future,
    static = s.static > 0 and filled(series.static, s.static_shift, s.static_scale) or nil }
end

-- Series on their scales, one behind the other.
---@class forecast.Reading
---@overload fun(flat: forecast.Flat, list: table[]): forecast.Reading
local Reading = class("forecast.Reading")

function Reading:init(flat, list)
  local f, s = flat.forecaster, flat.scaling
  self.forecaster, self.list, self.first, self.earliest = f, list, {}, {}
  local parts = { inputs = {}, targets = {}, seen = {}, future = {} }
  local statics, ids, rows, shifts, scales = {}, {}, 0, {}, {}
  local ahead = f.horizon
  for i, series in ipairs(list) do
    local id = number_of(flat, series.name)
    if id > 0 then shifts[i], scales[i] = s.shift[id], s.scale[id]
    else shifts[i], scales[i] = scale_of(flat, series, series.rows) end
    local own = rows_of(flat, series, shifts[i], scales[i], ahead)
    local before = math.max(0, f.length - series.rows) -- of a short series the first row is repeated
    local count = #own.inputs + before
    for name, list_of in pairs(parts) do
      local t = own[name]
      if t and before > 0 then
        t = core.concat({ t:rows(1, 1):broadcast_to(before, t:size(2)) * (name == "seen" and 0 or 1), t }, 1)
      end
      list_of[i] = t
    end
    self.first[i] = rows + before -- the row behind which the series begins
    self.earliest[i] = f.length - before
    ids[i] = core.full({ count, type = "int32" }, i)
    if own.static then statics[i] = own.static:reshape(1, -1):broadcast_to(count, s.static) end
    rows = rows + count
  end
  local function all(t) return #t > 1 and core.concat(t, 1) or t[1] end
  self.index = all(ids) -- of the series that each row belongs to
  self.shift, self.scale = core.stack(shifts, 1), core.stack(scales, 1)
  local seen = all(parts.seen)
  if s.weights then -- what is seen counts as its series does
    local weights = {}
    for i, series in ipairs(list) do weights[i] = s.weights[number_of(flat, series.name)] or 1 end
    self.weights = core.tensor(weights):gather(1, self.index):unsqueeze(2) * seen
  end
  self.flat = { inputs = all(parts.inputs), targets = all(parts.targets), future = all(parts.future),
    static = all(statics), seen = seen }
  self.known = seen
  if #s.names > 1 then
    local numbers = {}
    for i, series in ipairs(list) do numbers[i] = number_of(flat, series.name) end
    self.flat.id = core.tensor(numbers, "int32"):gather(1, self.index)
  end
end

-- Shares of rows up to each one that have a target.
local function counts_of(self)
  self.counts = self.counts or core.concat({ core.zeros(1), self.known:max(2):cumsum(1) }, 1):totable()
  return self.counts
end

--- reading:start(i, t) -> the row where the window begins that ends with row t of series i. Errors: rows before its
--- first one would be read.
function Reading:start(i, t)
  local length, series = self.forecaster.length, self.list[i]
  if t < self.earliest[i] then
    core.fail("rnn.Forecaster: a forecast from row %d%s reads %d rows, of which there are %d: take a later one", t,
      series.name and (" of series '%s'"):format(series.name) or "", length, t)
  end
  return self.first[i] + t - length + 1
end

--- reading:samples(origins, stride [, any]) -> Samples: windows that end at the rows that origins(series) -> from, to
--- names, both included, of each series, of stride rows one. Left out are those that have no target behind them, unless
--- any, and those of which more than half is missing.
function Reading:samples(origins, stride, any)
  local f, starts, counts = self.forecaster, {}, counts_of(self)
  for i, series in ipairs(self.list) do
    local from, to = origins(series)
    for part = 0, (to - from) // stride do
      local t = math.max(from, to - part * stride - nest.within(part, stride))
      local first = self:start(i, t)
      local last = first + f.length - 1
      local seen = counts[last + 1] - counts[first]
      local targets = counts[math.min(last + f.horizon, #counts - 1) + 1] - counts[last + 1]
      if seen * 2 >= math.min(f.length, t) and (any or targets > 0) then starts[#starts + 1] = first end
    end
  end
  table.sort(starts)
  local flat = {}
  for key, value in pairs(self.flat) do flat[key] = value end
  local samples = Samples(flat, f.sizes, starts, f.options.scale == "revin")
  if #starts > 0 then -- what is all there needs no weights
    local lowest = core.windows(flat.seen, samples.items + f.length, f.horizon):min():item()
    if self.weights then flat.seen = self.weights
    elseif lowest == 1 then flat.seen = nil end
  end
  return samples
end

--- reading:ends() -> Samples: of each series the window that ends with it
function Reading:ends()
  local starts, f = {}, self.forecaster
  for i, series in ipairs(self.list) do starts[i] = self:start(i, series.rows) end
  local flat = {}
  for key, value in pairs(self.flat) do flat[key] = value end
  return Samples(flat, f.sizes, starts, f.options.scale == "revin")
end

--- reading:unscale(t, starts) -> t (N, H, K) of the windows at starts, in the units of the data; starts: those of ends
--- by default
function Reading:unscale(t, starts)
  local shift, scale
  if starts then
    local index = self.index:gather(1, starts + (self.forecaster.length - 1))
    shift, scale = self.shift:gather(1, index), self.scale:gather(1, index)
  else
    shift, scale = self.shift, self.scale
  end
  t = t * scale:unsqueeze(2) + shift:unsqueeze(2)
  return self.forecaster.options.log and t:exp() or t
end

--- flat:read(list) -> Reading
function Flat:read(list) return Reading(self, list) end

return Flat
