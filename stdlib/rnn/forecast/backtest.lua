-- backtest.lua: rolling origins: a Forecaster and the simple forecasts, from the same places, against what came.

local core = require "rnn.core"
local check = require "rnn.check"
local columns = require "rnn.columns"
local class = require "rnn.class"
local nest = require "rnn.nest"
local option = require "rnn.option"
local Frame = require "rnn.data.frame".Frame
local methods = require "rnn.baselines.methods"
local forecast_levels = require "rnn.forecast.levels"
local panel = require "rnn.forecast.panel"
local significance = require "rnn.forecast.significance"
local Module = require "rnn.nn.module"

local FNAME = "forecaster:backtest"

local OPTIONS = option.of("rnn.Forecaster:backtest", {
  { "from", nil, option.kind("string|integer", option.any), "first row that is forecast: a date such as \"2015\", or "
    .. "its number; the first behind the training span" },
  { "to", nil, option.kind("string|integer", option.any), "the last one; the last there is" },
  { "cuts", nil, option.int(1), "so many origins, spread over all hours alike; all by default" },
  { "stride", 1, option.int(1), "steps from one origin to the next" },
  { "refit", 0, option.int(0), "trains anew at every so manieth origin, on all that is known by then; 0: never" },
  { "fit", nil, check.table, "settings of forecaster:fit for that" },
  { "season", nil, option.int(1), "of the baselines, steps" },
})

-- ---- what is forecast ----

-- First and last row of a series that is forecast; first > last where there is none.
local function span_of(self, series, options)
  local function row(name, before)
    local value = options[name]
    if type(value) ~= "string" or not (series.frame and self.spec.time) then return value end
    local rows = forecast_levels.rows_until(self, series, value, before)
    if not rows then check.expected(FNAME, ("option '%s'"):format(name), "a date such as '2024-02'", value) end
    return before and rows + 1 or rows
  end
  local from = row("from", true) or forecast_levels.trained_rows(self, series) + 1
  from = math.max(check.int(FNAME, "option 'from'", from, 1), 2)
  return from, math.min(check.int(FNAME, "option 'to'", row("to") or series.rows, 0), series.rows)
end

-- The series with rows that are forecast: of several those that are there then, and know enough before.
local function measured(self, list, options)
  local kept, last = {}, 0
  for _, series in ipairs(list) do
    series.from, series.to = span_of(self, series, options)
    if #list > 1 then series.from = math.max(series.from, math.min(self.length, series.rows) + 1) end
    if series.from <= series.to then kept[#kept + 1] = series end
    last = math.max(last, series.rows)
  end
  if #kept == 0 then
    local after = options.from and (" from %s on"):format(options.from) or self.trained_to
      and (" behind the training span, which ends at %s"):format(self.trained_to) or " behind the training span"
    core.fail("%s: there is no row%s; give a frame that has later rows, or option 'refit' and 'from'", FNAME, after)
  end
  if #kept < #list then
    self.spec.say("%d of %d series have no rows to measure on, or too few before them", #list - #kept, #list)
  end
  return kept
end

-- Rows that it was trained on may not be forecast.
local function check_leak(self, list, options)
  if options.refit > 0 then return end
  for _, series in ipairs(list) do
    if series.from <= forecast_levels.trained_rows(self, series) then
      core.fail("%s: row %d is in the training span%s, and errors there say nothing; take a later 'from', or 'refit'",
        FNAME, series.from, self.trained_to and (", which ends at %s"):format(self.trained_to) or "")
    end
  end
end

-- ---- forecasts of all kinds from the same origins ----

-- y as arrays, one for each target, without missing values.
local function arrays_of(y)
  local rows, out = y:totable(), {}
  for k = 1, #rows[1] do
    local column, last = {}, nil
    for t = 1, #rows do
      local v = rows[t][k]
      if v == v then last = v end
      column[t] = last or 0
    end
    out[k] = column
  end
  return out
end

local LABELS = { { "last", "last value" }, { "seasonal", "value of %d steps before" }, { "drift", "drift" },
  { "smoothing", "exponential smoothing" }, { "theta", "Theta" } }

-- name -> forecasts (N, H, K) as nested lists, of the origins of one series, in a unit; fitted to what is known before
-- known.
local function simple(series, origins, known, horizon, season, unit)
  local arrays, out = arrays_of(series.y / unit), {}
  for _, entry in ipairs(LABELS) do
    local name, by_origin = entry[1], {}
    for n in ipairs(origins) do by_origin[n] = {} end
    for k, x in ipairs(arrays) do
      local f = methods[name](x, known, season)
      for n, origin in ipairs(origins) do
        local steps = by_origin[n]
        for h = 1, horizon do
          steps[h] = steps[h] or {}
          steps[h][k] = f(x, origin, h)
        end
      end
    end
    out[name] = by_origin
  end
  return out
end

local INPUTS <const> = 2048 -- of the linear model

-- Forecasts of the linear model on the window (N, H, K), scaled: fitted to all windows before the rows that are
-- forecast. starts: of the windows, in the reading.
local function linear(self, reading, starts, known)
  local flat, h, l, k = reading.flat, self.horizon, self.length, self.sizes.targets
  local steps = math.min(l, math.max(1, INPUTS // k))
  local training = reading:samples(function(s) return math.min(steps, known(s)), known(s) - h end, 1)
  local x = flat.inputs:slice(2, 1, k)
  local rows = #x
  local n = rows - l - h + 1
  local futures = core.windows(flat.targets, core.arange(n) + l, h):reshape(n, h * k)
  local items = training.items
  if training.flat.seen then
    local seen = core.windows(reading.known, items + l, h):reshape(#items, -1):min(2)
    items = items:gather(1, seen:gt(0):nonzero())
  end
  if #items < 2 then return nil end
  items = nest.spread(items, 2 ^ 33 // ((steps * k) * (steps * k + h * k)))
  local skipped = l - steps
  local all = core.linear_forecast(x:rows(skipped + 1, rows), items, steps, futures, x:rows(skipped + 1, rows), starts)
  return all:reshape(#starts, h, k)
end

-- Everything from the origins of all series: names -> (N, H, K), actual (N, H, K), nan where missing or beyond the
-- span, owner: for each of N the number of its series.
local function forecasts(self, list, origins, season)
  local reading = self.flat:read(list)
  local starts, owner, targets = {}, {}, {}
  local h, k = self.horizon, self.sizes.targets
  local tables, found, unit = {}, {}, 1.0
  for _, series in ipairs(list) do -- a power of two: whole numbers that are no floats are none of tensors
    while core.where(series.y:eq(series.y), series.y, 0):abs():max():item() / unit > 2 ^ 20 do unit = unit * 16 end
  end
  for i, series in ipairs(list) do
    local rows = series.y:totable()
    for _, t in ipairs(origins[i]) do
      starts[#starts + 1], owner[#owner + 1] = reading:start(i, t), i
      local steps = {}
      for j = 1, h do
        local row = t + j <= series.to and rows[t + j]
        steps[j] = {}
        for c = 1, k do steps[j][c] = row and row[c] or 0 / 0 end
      end
      targets[#targets + 1] = steps
    end
    for name, by_origin in pairs(simple(series, origins[i], series.from - 1, h, season, unit)) do
      tables[name] = tables[name] or {}
      for _, steps in ipairs(by_origin) do table.insert(tables[name], steps) end
    end
  end
  if #starts == 0 then core.fail("%s: there is no origin from which to forecast", FNAME) end
  starts = core.tensor(starts, "int32")
  local levels = forecast_levels.at(self, reading, origins)
  for name, rows in pairs(tables) do found[name] = core.tensor(rows) * unit end
  local scaled = linear(self, reading, starts, function(s) return s.from - 1 end)
  found.linear = scaled and reading:unscale(scaled, starts) or nil
  return levels, found, core.tensor(targets), owner
end

-- ---- what comes of it ----

-- Mean of what counts, along an axis or of all.
local function mean_of(errors, seen, axis)
  local sum = axis and (errors * seen):sum(axis) or (errors * seen):sum()
  return sum / (axis and seen:sum(axis) or seen:sum()):maximum(1)
end

---@class rnn.Backtest.Row
---@field name string
---@field label string
---@field mae number
---@field smape number
---@field mase? number
---@field at number[] the mean absolute error of each step ahead
---@field skill? number of the model, against this baseline

---@class rnn.Backtest
---@field rows rnn.Backtest.Row[] the model first, then the baselines
---@field best string name of the baseline with the least error
---@field skill number 1 - error / error of that baseline
---@field coverage? number share of actual values within the interval
---@field width? number
---@field pinball number mean over the levels
---@field origins integer
---@field season? integer
---@field warnings string[]
---@overload fun(): rnn.Backtest
local Backtest = class("rnn.Backtest")

function Backtest:init() self.rows, self.warnings = {}, {} end

-- Steps ahead that a table shows: 1, 2, 4, 7 ... and the last.
local function shown(horizon)
  local list, seen = {}, {}
  for _, h in ipairs { 1, 2, 3, 6, 12, 24, 48, horizon } do
    if h <= horizon and not seen[h] then
      seen[h] = true
      list[#list + 1] = h
    end
  end
  table.sort(list)
  while #list > 6 do table.remove(list, 3) end
  return list
end

function Backtest:__tostring()
  local steps = shown(self.horizon)
  local lines = { ("backtest of '%s': %d origin%s%s, mean absolute error"):format(self.target, self.origins,
    self.origins == 1 and "" or "s", self.span and (", forecasts of %s to %s"):format(table.unpack(self.span)) or "") }
  local rows = { { "  steps ahead" } }
  for _, h in ipairs(steps) do table.insert(rows[1], "+" .. h) end
  table.move({ "mean", "MASE", "skill" }, 1, 3, #steps + 2, rows[1])
  for i, row in ipairs(self.rows) do
    local cells = { "  " .. row.label }
    for _, h in ipairs(steps) do cells[#cells + 1] = columns.short(row.at[h]) end
    table.move({ columns.short(row.mae), row.mase and ("%.3f"):format(row.mase) or "",
      row.skill and ("%+.3f"):format(row.skill) or "" }, 1, 3, #cells + 1, cells)
    rows[i + 1] = cells
  end
  table.move(columns.lines(rows, columns.all_but_first), 1, #rows, #lines + 1, lines)
  if self.coverage then
    lines[#lines + 1] = ("  %.4g %% interval: %.1f %% of the values within, %s wide in the mean"):format(
      100 * self.level, 100 * self.coverage, columns.short(self.width))
  end
  lines[#lines + 1] = "  " .. self.verdict
  for _, warning in ipairs(self.warnings) do lines[#lines + 1] = "warning: " .. warning end
  return table.concat(lines, "\n")
end

-- The mean absolute change over a season of the rows before from, by which errors of a series are scaled.
local function scale_of(series, season, k)
  local x = series.y:rows(1, series.from - 1):select(2, k)
  local m = math.min(season or 1, #x - 1)
  if m < 1 then return nil end
  local change = (x:rows(m + 1, #x) - x:rows(1, #x - m)):abs()
  local seen = change:eq(change)
  local sum, count = core.where(seen, change, 0):sum():item(), seen:sum():item()
  return sum > 0 and sum / count or nil
end

-- The report of target k.
local function judge(self, list, k, season, levels, found, actual, owner)
  local report = Backtest()
  local y, offset = actual:select(3, k), (self.spec.offsets or {})[self.spec.targets[k]] or 0
  local seen = y:eq(y)
  y = core.where(seen, y, 0)
  local scales, scaled = {}, false
  for i, series in ipairs(list) do
    scales[i] = scale_of(series, season, k) or false
    scaled = scaled or scales[i] ~= false
  end
  local weights = {}
  for n, i in ipairs(owner) do weights[n] = scales[i] and 1 / scales[i] or 0 end
  weights = core.tensor(weights):unsqueeze(2)
  local ranked = #list > 1 and scaled and "mase" or "mae"
  local losses = {}
  local function add(name, label, forecast)
    local f = forecast:select(3, k)
    local e = core.where(seen, (f - y):abs(), 0)
    local size = (f + offset):abs() + (y + offset):abs()
    local row = { name = name, label = label, at = mean_of(e, seen, 1):totable(), mae = mean_of(e, seen):item(),
      smape = mean_of(core.where(seen, e * 200 / (size + size:eq(0)), 0), seen):item(),
      mase = scaled and mean_of(e * weights, seen * weights:gt(0)):item() or nil }
    losses[name] = mean_of(ranked == "mase" and e * weights or e, seen, 2):reshape(-1):totable()
    report.rows[#report.rows + 1] = row
    return row
  end
  local model = add("model", "this forecaster", levels[self.middle])
  for _, entry in ipairs(LABELS) do
    if entry[1] ~= "seasonal" or season and season > 1 then add(entry[1], entry[2]:format(season), found[entry[1]]) end
  end
  if found.linear then add("linear", "linear model on the window", found.linear) end
  local best
  for i = 2, #report.rows do
    local row = report.rows[i]
    if not best or row[ranked] < best[ranked] then best = row end
  end
  local rounding = 1e-6 * mean_of(y:abs(), seen):item()
  for i = 2, #report.rows do
    local row = report.rows[i]
    row.skill = math.max(model.mae, row.mae) <= rounding and 0 or row[ranked] > 0 and 1 - model[ranked] / row[ranked]
      or -math.huge
  end
  report.best, report.skill, report.target = best.name, best.skill, self.spec.targets[k]
  report.horizon, report.origins, report.season, report.mae = self.horizon, #owner, season, model.mae
  report.forecast, report.actual = levels[self.middle]:select(3, k) + offset, actual:select(3, k) + offset
  -- is it more than chance?
  local d = {}
  for n in ipairs(owner) do d[n] = losses.model[n] - losses[best.name][n] end
  local gain, noise = 0.0, 2 * significance.standard_error(d, owner, self.horizon - 1)
  for n in ipairs(d) do gain = gain - d[n] / #d end
  local other = best[ranked]
  local function percent(v) return other > 0 and 100 * v / other or 0 end
  report.gain, report.noise = percent(gain), percent(noise)
  if math.abs(gain) <= noise or math.max(model.mae, best.mae) <= rounding then
    report.verdict = ("no different from the best of them, %s: %+.1f %% is within its noise, %.1f %%"):format(
      best.label, report.gain, report.noise)
  elseif gain > 0 then
    report.verdict = ("better than the best of them, %s, by %.1f %% (noise %.1f %%)"):format(best.label, report.gain,
      report.noise)
  else
    report.verdict = ("worse than %s by %.1f %% (noise %.1f %%)"):format(best.label, -report.gain, report.noise)
  end
  if best.skill <= 0 and model.mae > rounding then
    report.warnings[1] = ("the forecast is no better than %s, which costs nothing: use that"):format(
      best.label)
  end
  if self.low then
    local low, high = levels[self.low]:select(3, k), levels[self.high]:select(3, k)
    report.low, report.high = low + offset, high + offset
    report.level = self.levels[self.high] - self.levels[self.low]
    report.coverage = mean_of(low:le(y) * y:le(high), seen):item()
    report.width = mean_of(high - low, seen):item()
  end
  local loss = 0.0
  for j, q in ipairs(self.levels) do
    local e = y - levels[j]:select(3, k)
    loss = loss + mean_of(core.where(seen, (e * q):maximum(e * (q - 1)), 0), seen):item() / #self.levels
  end
  report.pinball = loss
  return report
end

-- Origins of each series: the last rows before what is forecast.
local function origins_of(self, list, options)
  local origins = {}
  for i, series in ipairs(list) do
    local all = {}
    local last = math.max(series.from - 1, series.to - (options.cuts and self.horizon or 1))
    for t = series.from - 1, last, options.stride do all[#all + 1] = t end
    local cuts = options.cuts
    if cuts and cuts < #all then
      local some, first = {}, 0
      for c = 1, cuts do
        local last_of = c * #all // cuts
        some[c] = all[first + 1 + nest.within(c - 1, last_of - first)]
        first = last_of
      end
      all = some
    end
    origins[i] = all
  end
  return origins
end

-- The forecaster trained on what is known at an origin.
local function refitted(self, series, origin, settings)
  local options = {}
  for key, value in pairs(self.options) do options[key] = value end
  options.horizon, options.length, options.season, options.quiet = self.horizon, self.length, self.season, true
  options.time, options.step, options.series = self.spec.time, self.spec.step, self.spec.series
  local other = getmetatable(self)(options)
  other.spec.offsets = self.spec.offsets
  return other:fit((series.frame or series.y):rows(1, origin), settings)
end

local backtest = {}

--- backtest.run(forecaster, source, options) -> Backtest
function backtest.run(self, source, options)
  options = OPTIONS:read(options)
  local list = panel.read(self.spec, source, self.horizon)
  if options.refit > 0 and #list > 1 then core.fail("%s: option 'refit' is for one series", FNAME) end
  if options.refit > 0 and Module.is(self.options.model) then
    core.fail("%s: option 'refit': the model was given ready made; a function that makes it can be trained anew", FNAME)
  end
  list = measured(self, list, options)
  check_leak(self, list, options)
  local season = options.season or self.season
  local origins = origins_of(self, list, options)
  local levels, found, actual, owner
  if options.refit == 0 then
    levels, found, actual, owner = forecasts(self, list, origins, season)
  else
    local all, parts_levels, parts_found, parts_actual = origins[1], {}, {}, {}
    owner = {}
    local series = list[1]
    local to = series.to
    for from = 1, #all, options.refit do
      local some = table.move(all, from, math.min(from + options.refit - 1, #all), 1, {})
      local other = refitted(self, series, some[1], options.fit)
      local own = panel.read(other.spec, source, self.horizon) -- which may know other words, and less of the calendar
      own[1].from, own[1].to = some[1] + 1, to
      local l, f, a = forecasts(other, own, { some }, season)
      for j, t in ipairs(l) do
        parts_levels[j] = parts_levels[j] or {}
        table.insert(parts_levels[j], t)
      end
      for name, t in pairs(f) do
        parts_found[name] = parts_found[name] or {}
        table.insert(parts_found[name], t)
      end
      parts_actual[#parts_actual + 1] = a
      for _ in ipairs(some) do owner[#owner + 1] = 1 end
    end
    levels, found = {}, {}
    for j, t in ipairs(parts_levels) do levels[j] = core.concat(t, 1) end
    for name, t in pairs(parts_found) do found[name] = core.concat(t, 1) end
    actual = core.concat(parts_actual, 1)
  end
  local reports = {}
  for k, name in ipairs(self.spec.targets) do
    reports[name] = judge(self, list, k, season, levels, found, actual, owner)
  end
  local report = reports[self.spec.targets[1]]
  if #self.spec.targets > 1 then report.targets = reports end
  if list[1].frame and class.is_a(list[1].frame, Frame) and self.spec.time then
    local frame = list[1].frame
    report.span = { frame:rows(list[1].from, list[1].from):dates(self.spec.time)[1],
      frame:rows(list[1].to, list[1].to):dates(self.spec.time)[1] }
    local dates = {}
    for n, t in ipairs(origins[1]) do dates[n] = frame:rows(t, t):dates(self.spec.time)[1] end
    report.dates = dates
  end
  return report
end

return backtest
