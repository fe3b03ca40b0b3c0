-- forecaster.lua: rnn.Forecaster: from a frame as its owner has it to forecasts in the units of the data.
--
-- panel.lua reads series, flat.lua puts them on a common scale, samples.lua cuts windows, network.lua is the model that
-- is taken when none is given, interval.lua calibrates, backtest.lua compares.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local option = require "rnn.option"
local Frame = require "rnn.data.frame".Frame
local Flat = require "rnn.forecast.flat"
local panel = require "rnn.forecast.panel"
local interval = require "rnn.forecast.interval"
local significance = require "rnn.forecast.significance"
local Distribution = require "rnn.nn.distribution"
local Module = require "rnn.nn.module"
local define = require "rnn.nn.define"
local optim = require "rnn.optim"
local train = require "rnn.train"

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
    .. "network, but what of last value, season, drift, exponential smoothing and Theta foretells rows held out best; "
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

local Ensemble = define.module("rnn.forecast.Ensemble", function(self, members)
  self.members = members
end)

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
--- last seen. Errors: options that contradict each other.
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

-- ---- what is guessed ----

local GUESSES = { -- unit: horizon, length
  ["1h"] = { 24, 168 }, ["1d"] = { 7, 56 }, ["1 week"] = { 13, 52 }, ["1week"] = { 13, 52 }, ["7d"] = { 13, 52 },
  ["1month"] = { 12, 36 }, ["1 month"] = { 12, 36 }, ["1quarter"] = { 4, 12 }, ["3month"] = { 4, 12 },
  ["1 business day"] = { 5, 50 },
}

local function guess_time(self, source)
  local spec = self.spec
  if not class.is_a(source, Frame) then return end
  spec.time = spec.time or source:time()
  if not spec.time then
    say(self, "no column of dates: rows are steps, in their order (time = \"column\")")
    return
  end
  local one = source
  if spec.series then
    local column = panel.column(source, spec.series)
    one = source:filter(column.type == "text" and column.values:eq(column.values:get(1))
      or column.values:tensor():eq(column.values:get(1)))
  end
  one = one:sort(spec.time):unique(spec.time)
  if not spec.step then
    local step, message = one:step()
    if not step then core.fail("%s: %s; give option 'step', such as step = \"1d\"", FNAME, message) end
    spec.step = step
  end
  self.season = self.options.season or one:season()
end

local function guess_sizes(self, list, reserved)
  local options, spec = self.options, self.spec
  local rows = 0
  for _, series in ipairs(list) do rows = math.max(rows, series.rows) end
  local guess = GUESSES[spec.step or ""]
  local season = self.season or options.season
  local horizon = options.horizon or guess and guess[1] or season or 8
  local free = rows - reserved
  horizon = options.horizon or math.max(1, math.min(horizon, free // 8))
  local length = options.length or guess and guess[2] or season and math.min(2 * season, 400) or 3 * horizon
  length = options.length or math.max(1, math.min(math.max(length, horizon), free // 3))
  if not options.length and season and length < season and season <= free // 2 then length = season end
  if not options.horizon then say(self, "forecasts %d steps ahead (horizon = n)", horizon) end
  if not options.length then say(self, "reads the last %d steps (length = n)", length) end
  return horizon, length
end

-- ---- training ----

local FIT = option.of("rnn.Forecaster:fit", {
  { "valid", 0.1, check.positive, "the last share of the rows, or number of rows, that says when to stop" },
  { "calibrate", 0.1, option.number(0), "the share, or number, of rows behind them, to which intervals are "
    .. "calibrated" },
  { "epochs", 60, option.int(1), "at most" },
  { "patience", 8, option.int(1), "epochs without an improvement" },
  { "batch", nil, option.int(1), "windows of a batch; 32 to 256 by their number" },
  { "lr", 0.003, check.positive, "learning rate of Adam, which falls to nothing (cosine)" },
  { "weight_decay", 0, option.number(0), "of Adam" },
  { "average", nil, option.number(0, 1), "decay of a moving average of the weights, see rnn.fit" },
  { "stride", nil, option.int(1), "steps from a training window to the next; more than 1 where there are very many" },
  { "seconds", nil, check.positive, "of training, at most" },
  { "seed", nil, option.int(0), "of member i seed + i; nil: goes on from where the generator is" },
  { "refit", nil, check.boolean, "trains anew on all rows in the end; by default, unless the model is given ready "
    .. "made" },
  { "progress", nil, option.any, "see rnn.fit" },
  { "callbacks", {}, check.table, "of rnn.fit, for every training" },
  { "run", nil, check.string, "a folder: checkpoints of rnn.fit, a folder below it for each member" },
})

local function share(value, rows) return value < 1 and math.floor(value * rows + 0.5) or math.floor(value) end

-- Ends of the training and the validation span of each series.
local function cut(self, list, settings)
  local h, l, short = self.horizon, self.length, 0
  local kept = {}
  for _, series in ipairs(list) do
    local n = series.rows
    local valid = math.max(share(settings.valid, n), h)
    local calibrate = self.options.conformal and settings.calibrate > 0 and math.max(share(settings.calibrate, n), h)
      or 0
    series.train, series.valid = n - valid - calibrate, n - calibrate
    if series.train >= l + h then kept[#kept + 1] = series else short = short + 1 end
  end
  if #kept == 0 then
    local n = list[1].rows
    core.fail("%s:fit: %d rows are too few to read %d steps and forecast %d, with rows held out to validate and to "
      .. "calibrate; take a smaller length or horizon", FNAME, n, l, h)
  end
  if short > 0 then say(self, "%d of %d series are too short and are left out", short, #list) end
  return kept
end

local MOST <const> = 800000 -- steps of all training windows of an epoch

local function sets_of(self, list, settings)
  local h, count = self.horizon, 0
  for _, series in ipairs(list) do count = count + series.train - h - self.length + 1 end
  local stride = settings.stride or math.max(1, math.ceil(count * self.length / MOST))
  local reading = self.flat:read(list)
  local training = reading:samples(function(s) return self.length, s.train - h end, stride)
  local validation = reading:samples(function(s) return s.train, s.valid - h end, math.min(stride, h))
  local calibration = reading:samples(function(s) return s.valid, s.rows - h end, math.min(stride, h))
  local function everything() return reading:samples(function(s) return self.length, s.rows - h end, stride) end
  local held_out = reading:samples(function(s) return s.train, s.rows - h end, math.min(stride, h))
  return training, validation, calibration, everything, held_out
end

local function new_network(self, index)
  local options, sizes = self.options, self.sizes
  if type(options.model) == "string" then
    return require "rnn.forecast.network" { inputs = sizes.inputs, targets = sizes.targets, length = sizes.length,
      horizon = sizes.horizon, future = sizes.future, static = sizes.static, series = sizes.series,
      columns = sizes.columns, centre = sizes.centre, season = self.season, units = options.units,
      cell = options.model == "simple" and "RNN" or options.model,
      layers = options.layers, dropout = options.dropout }
  end
  if Module.is(options.model) then
    if options.members > 1 then
      core.fail("%s: option 'members': %d networks want a function that makes them, not a model", FNAME,
        options.members)
    end
    return options.model
  end
  local copy = {}
  for key, value in pairs(sizes) do copy[key] = value end
  local network = options.model(copy, index)
  if not Module.is(network) then check.expected(FNAME, "option 'model': its result", "a model (nn.Module)", network) end
  return network
end

-- Outputs of a network for samples or their inputs, (N, outputs), checked.
local function outputs_of(self, network, x)
  local y = train.predict(network, x)
  if not core.is_tensor(y) or y:ndim() ~= 2 or y:size(2) ~= self.sizes.outputs then
    core.fail("%s: option 'model': expected outputs (N, %d), got %s", FNAME, self.sizes.outputs,
      core.is_tensor(y) and check.shape(y) or check.describe(y))
  end
  return y
end

-- One training: history. The schedule ends with the last epoch.
local function run(self, network, sets, settings, name, epochs, callbacks, on_epoch)
  local distribution, training = self.distribution, sets[1]
  for _, each in ipairs(settings.callbacks) do callbacks[#callbacks + 1] = each end
  local batch = settings.batch or math.max(32, math.min(256, #training // 64))
  if settings.seconds then callbacks[#callbacks + 1] = train.TimeLimit(settings.seconds) end
  return train.fit(network, {
    data = training:batches { size = batch, shuffle = true }, valid = sets[2], epochs = epochs, clip_norm = 1,
    loss = function(y, target, weights) return distribution:loss(y, target, weights) end,
    optimizer = optim.Adam(network:parameters(), { lr = settings.lr, weight_decay = settings.weight_decay }),
    average = settings.average, schedule = optim.schedules.cosine(), progress = settings.progress,
    callbacks = callbacks, run = settings.run and ("%s/%s"):format(settings.run, name) or nil, on_epoch = on_epoch })
end

-- The absolute errors of a network in windows, a mean for each.
local function errors_of(self, network, samples)
  local x, y, weights = samples:some(4000)
  local e = (self.distribution:quantile(outputs_of(self, network, x), 0.5) - y):abs()
  return weights and (e * weights):sum(2) / weights:sum(2):maximum(1) or e:mean(2)
end

-- How much of what a network has learnt beside its linear model is worth adding: the share with the least errors in all
-- rows that were held out, and nothing where these are not less by more than twice their standard error.
local function choose_trust(self, network, samples)
  local function at(trust)
    network.trust:fill_(trust)
    return errors_of(self, network, samples)
  end
  local none = at(0)
  local best, gain, least = 0, nil, none:mean():item()
  for _, trust in ipairs { 0.5, 1 } do
    local e = at(trust)
    if e:mean():item() < least then best, gain, least = trust, none - e, e:mean():item() end
  end
  if gain then
    local noise = significance.standard_error(gain:reshape(-1):totable(), nil, self.horizon - 1)
    if gain:mean():item() <= 2 * noise then best = 0 end
  end
  network.trust:fill_(best)
  return best
end

-- A member, what came of it, and how it is made again with more data.
local function train_member(self, index, sets, settings)
  local training, validation = sets[1], sets[2]
  if settings.seed then core.seed(settings.seed + index) end
  local network, how = new_network(self, index), {}
  outputs_of(self, network, (training:some(2)))
  local held_out = #sets[3] > 0 and sets[3] or validation
  if self.options.model == "simple" then
    how.base, how.trust, how.epochs = network:begin(training, held_out, "simple"), 0, 0
    network.trust:fill_(0)
    return network, { stopped = false }, how
  end
  if network.begin then how.base = network:begin(training, held_out) end
  local begun = core.clock()
  local history = run(self, network, sets, settings, "member-" .. index, settings.epochs,
    { train.EarlyStopping { monitor = "val_loss", patience = settings.patience } }, function(epoch)
      if epoch > 1 or index > 1 then return end
      local seconds = core.clock() - begun
      local most = seconds * settings.epochs * self.options.members * (settings.refit and 2 or 1)
      say(self, "an epoch takes %.1f s; all take %.0f s at most (Ctrl-C ends a training and keeps what was learnt)",
        seconds, settings.seconds and math.min(most, 2 * settings.seconds * self.options.members) or most)
    end)
  how.epochs = history.best and history.best.epoch or math.max(#history, 1)
  if how.base then how.trust = choose_trust(self, network, sets[3]) end
  return network, history, how
end

-- The same network trained on all rows.
local function train_again(self, index, everything, validation, settings, how)
  if settings.seed then core.seed(settings.seed + index) end
  local network = new_network(self, index)
  if how.base then network:begin(everything, validation, how.base) end
  if how.epochs > 0 then run(self, network, { everything }, settings, "again-" .. index, how.epochs, {}) end
  if how.trust then network.trust:fill_(how.trust) end
  return network
end

--- forecaster:fit(source [, settings]) -> forecaster
---
--- Trains on a frame (or a tensor (T) or (T, K), or a list of them or of { name = ..., number, number ... }, without
--- dates). Its last rows decide when to stop, and intervals are calibrated on those behind them, which the network
--- never saw; then, with refit, it is trained anew on all of them for as many epochs. forecaster.history is a list of
--- what rnn.fit gave for each member. Ctrl-C ends a member's training, not the script. Errors: columns that are not
--- there, too few rows.
---@param source data.Frame|rnn.Tensor|table
---@param settings? rnn.Forecaster.fit.Options
---@return rnn.Forecaster
function Forecaster:fit(source, settings)
  settings = FIT:read(settings)
  if self.network then core.fail("%s:fit: it was fitted before; make another one", FNAME) end
  local options, spec = self.options, self.spec
  guess_time(self, source)
  if options.calendar and spec.time then spec.calendar = panel.calendar_of(spec.step, #source) end
  local list = panel.read(spec, source, options.horizon or 400)
  if #spec.calendar > 0 then
    local kept = panel.kept(spec, list, self.season or 1)
    if #kept < #spec.calendar then
      spec.calendar = kept
      list = panel.read(spec, source, options.horizon or 400)
    end
    say(self, "%s known in advance (calendar = false: nothing)", #kept > 0
      and "by the calendar, " .. table.concat(kept, " and ") .. " are" or "the calendar says nothing that is")
  end
  self.season = options.season or self.season
  local longest = 0
  for _, series in ipairs(list) do longest = math.max(longest, series.rows) end
  self.horizon, self.length = guess_sizes(self, list,
    share(settings.valid, longest) + share(settings.calibrate, longest))
  list = cut(self, list, settings)
  self.flat = Flat(self):fit(list)
  self.sizes = self.flat:sizes()
  local training, validation, calibration, everything, held_out = sets_of(self, list, settings)
  if training.flat.seen then
    local missing = 0
    for _, series in ipairs(list) do
      local y = series.y:rows(1, series.train)
      missing = missing + y:ne(y):sum():item()
    end
    say(self, "%d target values of the training span are missing: left out of loss and errors", missing)
  end
  if settings.refit == nil then settings.refit = not Module.is(options.model) end
  local members, history, how = {}, {}, {}
  for i = 1, options.members do
    members[i], history[i], how[i] = train_member(self, i, { training, validation, held_out }, settings)
  end
  local linear = 0
  for _, each in ipairs(how) do linear = linear + (each.trust == 0 and 1 or 0) end
  local base = type(how[1].base) == "table" and how[1].base.label or "their linear model"
  if base ~= "their linear model" then say(self, "of the simple forecasts %s foretells rows held out best", base) end
  if linear > 0 and options.model ~= "simple" then
    say(self, "%d of %d networks learnt nothing that counts beyond %s, which stays", linear, #how, base)
  end
  self.network, self.history = Ensemble(members), history
  self.ends = {}
  for _, series in ipairs(list) do self.ends[#self.ends + 1] = series.rows end
  self.trained_to = spec.time and self:_last_time(list) or nil
  if options.conformal then interval.calibrate(self, #calibration > 0 and calibration or validation) end
  if settings.refit then
    local all = everything()
    for i = 1, options.members do members[i] = train_again(self, i, all, validation, settings, how[i]) end
    self.network = Ensemble(members)
  end
  self.network:eval()
  self.recent = self:_tail(source, list)
  return self
end

function Forecaster:_last_time(list)
  local last
  for _, series in ipairs(list) do
    local dates = series.frame:rows(series.rows, series.rows):dates(self.spec.time)[1]
    if not last or dates > last then last = dates end
  end
  return last
end

-- What forecasts may go on from: the last rows of the training data, where there is one series.
function Forecaster:_tail(source, list)
  if #list > 1 then return nil end
  local series, keep = list[1], self.length + self.horizon
  if class.is_a(source, Frame) then
    return series.frame:rows(math.max(1, series.rows - keep + 1), series.rows)
  end
  return series.y:rows(math.max(1, series.rows - keep + 1), series.rows)
end

-- ---- forecasting ----

local function fitted(self, fname)
  if not self.network then core.fail("%s: it was not fitted; call forecaster:fit(frame) first", fname) end
end

--- self:_raw(x) -> outputs (N, outputs), the mean of all members; with Monte-Carlo dropout also the deviation of the
--- passes in the forecast itself, (N, horizon K)
function Forecaster:_raw(x)
  local count, total = self.options.samples, nil
  if count > 0 then return interval.dropout(self, x, count) end
  for _, network in ipairs(self.network.members) do
    local y = outputs_of(self, network, x)
    total = total and total + y or y
  end
  return total / #self.network.members
end

--- self:_levels(x) -> list of (N, horizon K), a forecast for each level, on the scale of x, without margins; raw
--- outputs
function Forecaster:_levels(x)
  local raw, doubt = self:_raw(x)
  local list = {}
  for k, q in ipairs(self.levels) do list[k] = self.distribution:quantile(raw, q) end
  interval.widen(self, list, doubt)
  return list, raw
end

-- Levels of windows on scales of their own, on that of the series.
local function on_scale(self, list, level, spread)
  if not level then return list end
  local h = self.horizon
  local function flat(t) return t:broadcast_to(#t, h, t:size(3)):reshape(#t, -1) end
  local shift, scale = flat(level), flat(spread)
  for k, t in ipairs(list) do list[k] = t * scale + shift end
  return list
end

local CHUNK <const> = 512
local FOLLOWED <const> = 2000 -- origins, at most, that come before those that are asked for

--- self:_at(reading, origins) -> list of (N, horizon, K), in the units of the data: the forecasts from these rows, a
--- list for each series. Of one series margins follow what came since training.
function Forecaster:_at(reading, origins)
  local h, k, starts, rows, asked = self.horizon, self.sizes.targets, {}, {}, {}
  local follows = self.margins and #reading.list == 1
  for i, list in ipairs(origins) do
    if follows and #list > 0 then
      local wanted, first = {}, math.max(self:_trained_rows(reading.list[1]), list[1] - FOLLOWED, reading.earliest[1])
      for _, t in ipairs(list) do wanted[t] = true end
      local all = {}
      for t = math.min(first, list[1]), list[#list] do all[#all + 1] = t end
      for _, t in ipairs(all) do asked[#asked + 1] = wanted[t] and 1 or 0 end
      list = all
    end
    for _, t in ipairs(list) do
      starts[#starts + 1], rows[#rows + 1] = reading:start(i, t), t
    end
  end
  starts = core.tensor(starts, "int32")
  local samples, parts = reading:ends(), {}
  local function keep(name, t)
    parts[name] = parts[name] or {}
    table.insert(parts[name], t)
  end
  for from = 1, #starts, CHUNK do
    local some = starts:rows(from, math.min(from + CHUNK - 1, #starts))
    local x, y, weights, level, spread = samples:batch(some)
    for j, t in ipairs((self:_levels(x))) do keep(j, t) end
    if follows then keep("y", y) keep("weights", weights) end
    if level then keep("level", level) keep("spread", spread) end
  end
  for name, list in pairs(parts) do parts[name] = #list > 1 and core.concat(list, 1) or list[1] end
  local list = table.move(parts, 1, #self.levels, 1, {})
  local margins = follows and interval.follow(self, list, parts.y, parts.weights, rows) or self.margins
  interval.widen(self, list, nil, margins)
  on_scale(self, list, parts.level, parts.spread)
  for j, t in ipairs(list) do list[j] = reading:unscale(t:reshape(#t, h, k), starts) end
  if not follows then return list end
  local kept = core.tensor(asked):nonzero()
  for j, t in ipairs(list) do list[j] = t:gather(1, kept) end
  return list
end

--- self:_trained_rows(series) -> how many of its rows are in the training span
function Forecaster:_trained_rows(series)
  if not (self.trained_to and series.frame) then
    return self.stream and 0 or math.min(self.ends[1], series.rows)
  end
  local first = series.frame:rows(1, 1):dates(self.spec.time)[1]
  if first > self.trained_to then return 0 end
  return (select(2, series.frame:between(nil, self.trained_to, self.spec.time)))
end

-- Forecasts of each series from its end, (S, n, K) for each level: those of the network and, beyond its horizon, paths
-- that go on from what they drew.
local PATHS <const> = 100

local function beyond(self, list, steps, first)
  local h, k, paths = self.horizon, self.sizes.targets, PATHS
  local out = {}
  for i, series in ipairs(list) do
    local copies = {}
    for p = 1, paths do
      copies[p] = { name = series.name, rows = series.rows, y = series.y, past = series.past, known = series.known,
        static = series.static, ahead = math.huge }
    end
    local drawn = {}
    for from = 1, steps, h do
      local flat = self.flat:read(copies)
      local samples = flat:ends()
      local x, level, spread = samples:inputs(samples.items)
      local raw = self:_raw(x)
      local y = interval.draw(self, raw):reshape(paths, h, k)
      if level then y = y * spread + level end
      y = flat:unscale(y)
      drawn[#drawn + 1] = y
      if from + h <= steps then
        for p, copy in ipairs(copies) do
          copy.y = core.concat({ copy.y:rows(math.max(1, #copy.y - self.length), #copy.y), y[p] }, 1)
          local dropped = copy.rows + h - #copy.y
          if copy.known then copy.known = copy.known:rows(dropped + 1, #copy.known) end
          if copy.past then -- nobody knows what comes: the last value stays
            local last = copy.past:rows(#copy.past, #copy.past):broadcast_to(h, copy.past:size(2))
            copy.past = core.concat({ copy.past:rows(dropped + 1, #copy.past), last }, 1)
          end
          copy.rows = #copy.y
        end
      end
    end
    local all = core.concat(drawn, 2):slice(2, 1, steps)
    for j, q in ipairs(self.levels) do
      out[j] = out[j] or {}
      local value = core.quantile(all, q, 1)
      if h < steps then -- the first steps are the network's own
        value = core.concat({ first[j][i], value:rows(h + 1, steps) }, 1)
      end
      out[j][i] = value
    end
  end
  for j, parts in ipairs(out) do out[j] = core.stack(parts, 1) end
  return out
end

--- self:_forecast(list, steps) -> list of (S, steps, K), in the units of the data
function Forecaster:_forecast(list, steps)
  local reading, origins = self.flat:read(list), {}
  for i, series in ipairs(list) do origins[i] = { series.rows } end
  local levels = self:_at(reading, origins)
  if steps > self.horizon then return beyond(self, list, steps, levels) end
  if steps < self.horizon then
    for j, t in ipairs(levels) do levels[j] = t:slice(2, 1, steps) end
  end
  return levels
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

local function to_frame(self, list, levels, steps)
  local result
  for i, series in ipairs(list) do
    local frame = series.frame:after(steps)
    if self.spec.series then
      local name_column = {}
      for row = 1, steps do name_column[row] = series.name end
      frame = frame:with(self.spec.series, name_column)
    end
    for k, target in ipairs(self.spec.targets) do
      local column = column_names(self, target)
      local order = { self.middle }
      for j = 1, #self.levels do if j ~= self.middle then order[#order + 1] = j end end
      for _, j in ipairs(order) do
        local values = levels[j][i]:select(2, k):totable()
        for row, v in ipairs(values) do values[row] = tonumber(("%.6g"):format(v)) end
        frame = frame:with(column[j], values)
      end
    end
    result = result and result:concat(frame) or frame
  end
  return result
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
  local levels = self:_forecast(list, steps)
  if class.is_a(source, Frame) and self.spec.time then return to_frame(self, list, levels, steps) end
  return { forecast = levels[self.middle], low = self.low and levels[self.low] or nil,
    high = self.high and levels[self.high] or nil, quantiles = levels }
end

--- forecaster:update(row) -> forecaster
---
--- One more row, or more, of the series that it was fitted to: a frame, or of the next step alone a table { temp_max =
--- 12.5, wind = 3 }; of a tensor's numbers a number or a list. Rows at the end of a frame without a target say what is
--- known in advance; rows that come for their times later take their places. forecaster:predict() then goes on from
--- there; nothing is trained. Errors: a forecaster of several series.
---@param row data.Frame|table|number
---@return rnn.Forecaster
function Forecaster:update(row)
  local fname = "forecaster:update"
  fitted(self, fname)
  local recent = self.recent
  if recent == nil then core.fail("%s: it has several series; give their frame to predict", fname) end
  local keep = self.length + self.horizon
  if class.is_a(recent, Frame) then
    local time, seen = self.spec.time, panel.last_seen(self.spec, recent)
    local past, ahead = recent:rows(1, seen), seen < #recent and recent:rows(seen + 1, #recent) or nil
    if not class.is_a(row, Frame) then
      check.table(fname, "argument 1 (row)", row)
      local frame = ahead and ahead:rows(1, 1) or past:after(1)
      for _, name in ipairs(recent:names()) do
        local value = row[name]
        if value == nil and not ahead then value = panel.column(recent, name).type == "text" and "" or 0 / 0 end
        if name ~= time and value ~= nil then frame = frame:with(name, { value }) end
      end
      row = frame
    end
    row = row:select(recent:names())
    if ahead and time then row = row:concat(ahead):unique(time):sort(time)
    elseif ahead and #ahead > #row then row = row:concat(ahead:rows(#row + 1, #ahead)) end
    recent = past:concat(row)
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
