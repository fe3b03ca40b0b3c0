-- forecaster.lua: rnn.Forecaster: from a frame as its owner has it to forecasts in the units of the data.
--
-- panel.lua reads series, flat.lua puts them on a common scale, samples.lua cuts windows, training.lua makes and trains
-- networks, network.lua is the one that is taken when none is given, levels.lua forecasts, lately.lua gives way
-- to simple forecasts, interval.lua calibrates, backtest.lua compares.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local option = require "rnn.option"
local Frame = require "rnn.data.frame".Frame
local lately = require "rnn.forecast.lately"
local levels = require "rnn.forecast.levels"
local panel = require "rnn.forecast.panel"
local train = require "rnn.forecast.training"
local Distribution = require "rnn.nn.distribution"
local Module = require "rnn.nn.module"

local FNAME = "rnn.Forecaster"

-- ---- what is asked for ----

local function name_list(fname, argname, value)
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" or getmetatable(value) then
    check.expected(fname, argname, "the name of a column, or a list of names", value)
  end
  for i, name in ipairs(value) do check.string(fname, ("%s, entry %d"):format(argname, i), name) end
  return table.move(value, 1, #value, 1, {})
end
local names = option.kind("string|string[]", name_list)

local share_of = option.kind("number", function(fname, argname, value)
  check.number(fname, argname, value, 0, 1)
  if value == 0 or value == 1 then check.expected(fname, argname, "a number between 0 and 1", value) end
  return value
end)

local DISTRIBUTION = { "quantile", "gaussian", "student_t", "negative_binomial", "point" }

local OPTIONS = option.of(FNAME, {
  { "target", nil, names, "column to forecast, or several; of tensors and lists their names" },
  { "horizon", nil, option.int(1), "steps ahead that the network foretells at once; default by the step: a day of "
    .. "hours, a week of days, 13 weeks, 12 months" },
  { "length", nil, option.int(1), "steps that it reads; default by the step: a week of hours, 8 weeks of days" },
  { "time", nil, check.string, "column of dates and times; the only one there is, else rows are steps" },
  { "series", nil, check.string, "column that says which of several series a row belongs to: one network for all" },
  { "step", nil, check.string, "between rows, such as \"1h\"; as the frame has it" },
  { "past", {}, names, "columns beside the target, numbers or words, that are known up to the present" },
  { "future_known", {}, names, "columns that are known in advance, such as what day it will be: rows that have them "
    .. "and no target stand at the end of the frame" },
  { "static", {}, names, "columns that say what a series is, the same in all of its rows" },
  { "calendar", true, check.boolean, "hour, weekday, month and the time of the year are known in advance" },
  { "holidays", nil, check.table, "{ \"2024-12-25\", ... }, known in advance" },
  { "model", "GRU", option.kind('"GRU"|"LSTM"|"RNN"|"simple"|function', function(fname, argname, value)
    if type(value) == "function" or Module.is(value) then return value end
    return check.one_of(fname, argname, value, { "GRU", "LSTM", "RNN", "simple" })
  end, { '"GRU"', '"LSTM"', '"RNN"', '"simple"' }), "the recurrent layer beside the linear model; \"simple\": no "
    .. "network, but the mean of what of last value, season, drift, exponential smoothing and Theta foretells rows "
    .. "held out best; "
    .. "or a function (sizes) -> model, of x = { series = (N, length, sizes.inputs), future = (N, horizon, "
    .. "sizes.future), static = (N, sizes.static), id = int32 (N, 1) }, which has what there is, to (N, outputs)" },
  { "units", 32, option.int(1), "of the recurrent layer" },
  { "layers", 1, option.int(1), "of it" },
  { "dropout", 0.1, check.rate, "of features" },
  { "members", 1, option.int(1), "networks whose forecasts are averaged" },
  { "scale", "standard", option.one_of { "standard", "mean", "revin", "none" }, "mean 0 and deviation 1, of each "
    .. "series in the training span; over the mean size there; of each window by itself (Kim et al. 2022, RevIN); "
    .. "none" },
  { "log", false, check.boolean, "the network sees logarithms: for what grows by shares, all above 0" },
  { "balance", false, check.boolean, "of many series, those that a season before foretells well count more in the "
    .. "loss, half by their MASE" },
  { "season", nil, option.int(1), "steps after which the series is like itself, for baselines; as the frame has it" },
  { "distribution", "quantile", option.one_of(DISTRIBUTION), "what the network says, see nn.Distribution" },
  { "quantiles", nil, check.table, "of the forecast, ascending, such as { 0.1, 0.5, 0.9 }; the ends of interval and "
    .. "0.5" },
  { "interval", 0.9, share_of, "share of the actual values that lie between low and high" },
  { "conformal", true, check.boolean, "the ends are moved so that as many values of a span held out lie between them "
    .. "(Romano et al. 2019)" },
  { "samples", 0, option.int(0), "Monte-Carlo dropout: forecasts are means over so many passes with dropout, and "
    .. "their spread widens intervals (Gal, Ghahramani 2016); 0: none" },
  { "quiet", false, check.boolean, "says nothing of what was guessed" },
})

--- rnn.Forecaster(options) -> forecaster
---
--- Forecasts series of numbers, one or many, with intervals:
---
---   local f = rnn.Forecaster { target = "temp_max", horizon = 7 }
---   f:fit(frame)
---   print(f:predict(frame, 7))        -- a frame: date, temp_max, temp_max_low, temp_max_high
---   print(f:backtest(frame, { from = "2015" }))
---   f:save "seattle.safetensors"
---
--- What is not given is guessed and said. Scalers are fitted to the training span only; holes between rows are missing
--- values, which are left out of the loss and which the network is told of by a mask and the time since a value was
--- last seen. Of one series, forecasts and intervals follow what came since training: simple forecasts that erred less
--- than the network lately take a share by their likelihood, and the ends of intervals move after hits and misses
--- (Gibbs, Candès 2021). Errors: options that contradict each other.
---@class rnn.Forecaster
---@field notes string[] what was guessed
---@overload fun(options: rnn.Forecaster.Options): rnn.Forecaster
local Forecaster = class(FNAME)

-- nil -> the text, said once.
local function say(self, text, ...)
  text = select("#", ...) > 0 and text:format(...) or text
  for _, known in ipairs(self.notes) do
    if known == text then return end
  end
  self.notes[#self.notes + 1] = text
  if not self.options.quiet then io.stderr:write("  ", text, "\n") end
end

local function levels_of(options)
  local half = (1 - options.interval) / 2
  half = math.floor(half * 1e6 + 0.5) / 1e6
  local list, low, high, middle = options.quantiles or { half, 0.5, 1 - half }, nil, nil, nil
  list = table.move(list, 1, #list, 1, {})
  for k, q in ipairs(list) do
    check.number(FNAME, ("option 'quantiles', entry %d"):format(k), q, 0, 1)
    if q <= (list[k - 1] or 0) or q >= 1 then
      check.expected(FNAME, "option 'quantiles'", "numbers between 0 and 1 in ascending order", q)
    end
    if math.abs(q - 0.5) < 1e-9 then middle = k end
  end
  if not middle then core.fail("%s: option 'quantiles': there is no 0.5, which is the forecast", FNAME) end
  if #list > 1 then low, high = 1, #list end
  return list, middle, low, high
end

function Forecaster:init(options)
  options = OPTIONS:read(options)
  if options.target == nil then options.target = { "value" } end
  if #options.target == 0 then check.expected(FNAME, "option 'target'", "a column to forecast", options.target) end
  self.options, self.notes = options, {}
  self.levels, self.middle, self.low, self.high = levels_of(options)
  self.distribution = Distribution(options.distribution == "quantile" and { quantiles = self.levels }
    or { kind = options.distribution })
  if options.distribution == "negative_binomial" and (options.log or options.scale == "standard") then
    if options.log then core.fail("%s: counts have no logarithm: distribution = 'negative_binomial', log", FNAME) end
    options.scale = "none"
  end
  self.spec = { fname = FNAME, targets = options.target, past = options.past, future_known = options.future_known,
    static = options.static, series = options.series, time = options.time, step = options.step, words = {},
    calendar = {}, holidays = options.holidays, say = function(...) say(self, ...) end }
end

--- forecaster:fit(source [, settings]) -> forecaster
---
--- Trains on a frame (or a tensor (T) or (T, K), or a list of them or of { name = ..., number, number ... }, without
--- dates). Its last rows decide when to stop, and intervals are calibrated on those behind them, which the network
--- never saw; then, with refit, it is trained anew on all of them for as many epochs, and its intervals are as wide as
--- the errors that it made there before call for. forecaster.history is a list of what rnn.fit gave for each member.
--- Ctrl-C ends a member's training, not the script. Errors: columns that are not there, too few rows.
---@param source data.Frame|rnn.Tensor|table
---@param settings? rnn.Forecaster.fit.Options
---@return rnn.Forecaster
function Forecaster:fit(source, settings)
  train(self, source, settings)
  return self
end

-- ---- forecasting ----

local function fitted(self, fname)
  if not self.network then core.fail("%s: it was not fitted; call forecaster:fit(frame) first", fname) end
end

-- The names of the columns of a forecast: target, target_low ... or target_0.1 ...
local function column_names(self, target)
  local list = {}
  for j, q in ipairs(self.levels) do
    list[j] = j == self.middle and target or #self.levels == 3 and not self.options.quantiles
      and target .. (j == 1 and "_low" or "_high") or ("%s_%g"):format(target, q)
  end
  return list
end

local function to_frame(self, list, found, steps)
  local frames = {}
  for i, series in ipairs(list) do
    local frame = series.frame:after(steps)
    if self.spec.series then
      local name_column = {}
      for row = 1, steps do name_column[row] = series.name end
      frame = frame:with(self.spec.series, name_column)
    end
    for k, target in ipairs(self.spec.targets) do
      local column, offset = column_names(self, target), (self.spec.offsets or {})[target] or 0
      local order = { self.middle }
      for j = 1, #self.levels do if j ~= self.middle then order[#order + 1] = j end end
      for _, j in ipairs(order) do
        local values = found[j][i]:select(2, k):totable()
        for row, v in ipairs(values) do values[row] = tonumber(("%.6g"):format(v)) + offset end
        frame = frame:with(column[j], values)
      end
    end
    frames[i] = frame
  end
  return #frames > 1 and frames[1]:concat(table.unpack(frames, 2)) or frames[1]
end

--- forecaster:predict([source [, steps]]) -> frame | table
---
--- The next steps after the last row of source that has a target, or after what forecaster:fit and forecaster:update
--- saw. Of a frame the result is one: the times of the steps, the target, its median, and the ends of the interval,
--- target_low and target_high (of option quantiles: target_0.1 ...). Of tensors and lists it is { forecast = (S, steps,
--- K), low = ..., high = ..., quantiles = list of such }; S series. More steps than the horizon are made by going on
--- from what was forecast, with 100 paths drawn. Errors: columns known in advance that are not known for these steps.
---@param source? data.Frame|rnn.Tensor|table
---@param steps? integer (the horizon)
---@return data.Frame|table
function Forecaster:predict(source, steps)
  local fname = "forecaster:predict"
  fitted(self, fname)
  steps = steps == nil and self.horizon or check.int(fname, "argument 2 (steps)", steps, 1)
  if source == nil then
    source = self.recent
    if source == nil then core.fail("%s: of several series, give the frame to go on from", fname) end
  end
  local block = math.ceil(steps / self.horizon) * self.horizon
  local list = panel.read(self.spec, source, block)
  for _, series in ipairs(list) do
    if series.ahead < steps then
      core.fail("%s: the forecast of %d steps%s needs '%s' in advance, which is known for %d: add rows that have it "
        .. "and no '%s'", fname, steps, series.name and (" of '%s'"):format(series.name) or "",
        table.concat(self.spec.future_known, "', '"), series.ahead, self.spec.targets[1])
    end
  end
  local found = levels.forecast(self, list, steps)
  if class.is_a(source, Frame) and self.spec.time then return to_frame(self, list, found, steps) end
  for k, target in ipairs(self.spec.targets) do
    local offset = (self.spec.offsets or {})[target]
    for j = 1, offset and #found or 0 do found[j] = found[j] + offset * core.arange(#self.spec.targets):eq(k) end
  end
  return { forecast = found[self.middle], low = self.low and found[self.low] or nil,
    high = self.high and found[self.high] or nil, quantiles = found }
end

--- forecaster:update(row) -> forecaster
---
--- One more row, or more, of the series that it was fitted to: a frame, or of the next step alone a table { temp_max =
--- 12.5, wind = 3 }; of a tensor's numbers a number or a list. Rows at the end of a frame without a target say what is
--- known in advance; rows that come for the times of others take their places. forecaster:predict() then goes on from
--- there; nothing is trained. Errors: a forecaster of several series, values of columns that it did not see.
---@param row data.Frame|table|number
---@return rnn.Forecaster
function Forecaster:update(row)
  local fname = "forecaster:update"
  fitted(self, fname)
  local recent = self.recent
  if recent == nil then core.fail("%s: it has several series; give their frame to predict", fname) end
  local keep = lately.rows(self)
  if class.is_a(recent, Frame) then
    local time, seen = self.spec.time, panel.last_seen(self.spec, recent)
    local past, ahead = recent:rows(1, seen), seen < #recent and recent:rows(seen + 1, #recent) or nil
    if not class.is_a(row, Frame) then
      check.table(fname, "argument 1 (row)", row)
      for name in pairs(row) do panel.column(recent, name) end -- is there such a column?
      local frame = ahead and ahead:rows(1, 1) or time and past:after(1) or past:rows(seen, seen)
      for _, name in ipairs(recent:names()) do
        local value = row[name]
        if value == nil and not ahead then value = panel.column(recent, name).type == "text" and "" or 0 / 0 end
        if name ~= time and value ~= nil then frame = frame:with(name, { value }) end
      end
      row = frame
    end
    row = row:select(recent:names())
    if time then recent = row:concat(recent):unique(time):sort(time) -- of rows of one time the new one
    else recent = past:concat(row, ahead and #ahead > #row and ahead:rows(#row + 1, #ahead) or nil) end
    self.recent = recent:rows(math.max(1, panel.last_seen(self.spec, recent) - keep + 1), #recent)
  else
    local more = core.tensor(type(row) == "table" and row or { row }):reshape(-1, recent:size(2))
    recent = core.concat({ recent, more }, 1)
    self.recent = recent:rows(math.max(1, #recent - keep + 1), #recent)
  end
  return self
end

--- forecaster:backtest(source [, options]) -> report
---
--- Forecasts from one origin after the other, each with what was known by then, against last value, season, drift,
--- exponential smoothing, Theta and a linear model on the window from the same origins. print(report) is a table of
--- the errors at some horizons; report.rows, a list of { name, mae, mase, smape, at = { error of each step }, skill };
--- report.coverage, report.width, report.best, report.warnings. Errors: rows that it was trained on, unless it is
--- trained anew.
---@param source data.Frame|rnn.Tensor|table
---@param options? rnn.Forecaster.backtest.Options
---@return rnn.Backtest
function Forecaster:backtest(source, options)
  fitted(self, "forecaster:backtest")
  return require "rnn.forecast.backtest".run(self, source, options)
end

--- forecaster:save(path) -> true | nil, message, code
---
--- Everything, in one safetensors file: networks, scalers, words, calibration, the last rows. rnn.load_forecaster(path)
--- gives it back.
---@param path string
---@return true|nil
---@return string? message
---@return string? code
function Forecaster:save(path)
  fitted(self, "forecaster:save")
  return require "rnn.forecast.files".save(self, path)
end

function Forecaster:__tostring()
  return ("rnn.Forecaster of '%s'%s"):format(table.concat(self.spec.targets, "', '"), self.network
    and (": reads %d steps, forecasts %d"):format(self.length, self.horizon) or ", not fitted")
end

return Forecaster
