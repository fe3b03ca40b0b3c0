-- forecast_report.lua: is a forecast worth anything? Scores it against what needs no training, on the same windows.

local core = require "rnn.core"
local check = require "rnn.check"
local short = require("rnn.columns").short
local class = require "rnn.class"
local nest = require "rnn.nest"
local option = require "rnn.option"
local baselines = require "rnn.data.baselines"
local methods = require "rnn.baselines.methods"
local Batches = require "rnn.data.batches"
local Windows = require "rnn.data.windows"
local predict = require("rnn.train.evaluate").predict

local CHUNK = 1024 -- windows at a time

---@class rnn.ForecastReport
---@field mae? number of the model, like all errors here times scale
---@field baselines { name: string, label: string, mae: number, skill: number }[] last, seasonal, drift, smoothing,
--- theta, linear
---@field season? integer
---@field best string name of the baseline with the least error
---@field each? number[] the error of each column of the forecast
---@field forecast? rnn.Tensor (N, ahead * D); of sequences what they say after the last step
---@field skill? number 1 - mae / mae of the best baseline; when that has no error, 0 for the same and -inf otherwise
---@field warnings string[]

-- What a forecast (N, ahead * D) or, for sequence targets, (N, T, ahead * D) says after the last step of each window.
local function final(forecast)
  return forecast:ndim() == 3 and forecast:select(2, forecast:size(2)) or forecast
end

-- Mean absolute difference of two functions of window starts, over all windows.
local function distance(windows, f, g)
  local total, count = 0.0, 0
  for from = 1, #windows, CHUNK do
    local to = math.min(from + CHUNK - 1, #windows)
    local items = windows.items:rows(from, to)
    local difference = (f(items, from, to) - g(items, from, to)):abs()
    total, count = total + difference:mean():item() * difference:count(), count + difference:count()
  end
  return total / count
end

local MOST <const> = 2 ^ 20 -- numbers that a method foretells; of more windows, some are measured

-- The mean absolute error of a method of the series, fitted to the first window of each span and going on from there.
local function method_error(name, windows, season)
  local columns, total, count = windows.targets:size(2), 0.0, 0
  local ahead, length = windows.ahead, windows.length
  local starts, spans, at = nest.spread(windows.items, MOST // (ahead * columns)):totable(), windows.spans, 1
  local rows, from, forecasts = nil, 0, {}
  for _, start in ipairs(starts) do
    while start > spans[at][2] do at, rows = at + 1, nil end
    if not rows then
      from, rows = spans[at][1], windows.targets:rows(spans[at][1], spans[at][2]):transpose(1, 2):totable()
      for c, x in ipairs(rows) do forecasts[c] = methods[name](x, math.min(length, #x), season) end
    end
    local origin = start - from + length
    for c, x in ipairs(rows) do
      for h = 1, ahead do total = total + math.abs(forecasts[c](x, origin, h) - x[origin + h]) end
    end
    count = count + ahead * columns
  end
  return total / count
end

-- test windows -> { train, season, list of { name, label, mae } }: the same for every model and seed
local known = setmetatable({}, { __mode = "k" })

local function score_baselines(train, test, season)
  local found = known[test]
  if found and found.train == train and found.asked == season then return found end
  local asked = season
  season = season or baselines.season(train)
  local list = { { "last", "last value", baselines.last(test) } }
  if season then
    list[2] = { "seasonal", ("value of %d steps before"):format(season), baselines.seasonal(test, season) }
  end
  for _, entry in ipairs { { "drift", "drift" }, { "smoothing", "exponential smoothing" }, { "theta", "Theta" } } do
    list[#list + 1] = entry
  end
  list[#list + 1] = { "linear", "linear model on the window", baselines.linear(train, test) }
  local function future(items) return test:future(items) end
  found = { train = train, asked = asked, season = season }
  for i, entry in ipairs(list) do
    found[i] = { name = entry[1], label = entry[2],
      mae = entry[3] and distance(test, entry[3], future) or method_error(entry[1], test, season or 1) }
  end
  known[test] = found
  return found
end

-- Less its mean and within -1 and 1, so that no square is too large or too small.
local function centred(t)
  t = t - t:mean():item()
  local most = t:abs():max():item()
  return most > 0 and t / most or t
end

-- Correlation of two tensors of equal shape.
local function correlation(a, b)
  a, b = centred(a), centred(b)
  local norm = math.sqrt(a:square():mean():item() * b:square():mean():item())
  return norm > 0 and (a * b):mean():item() / norm or 0
end

-- True when the forecast of the next step is the last value that the model saw rather than the next one: it lies much
-- closer to it, moves with it, and is hardly better than repeating it.
local function is_shifted(test, forecast, mae, last_mae)
  local columns = test.targets:size(2)
  local last = core.windows(test.targets, test.items + (test.length - 1), 1):reshape(-1, columns)
  local target, said = test:future(test.items):slice(2, 1, columns), forecast:slice(2, 1, columns)
  local to_last, to_target = (said - last):abs():mean():item(), (said - target):abs():mean():item()
  return to_last < 0.5 * to_target and mae > 0.9 * last_mae and correlation(said, last) > correlation(said, target)
end

-- 1 - mae / that of a baseline; to equal one without any error is no skill.
local function skill(mae, baseline)
  if baseline == 0 then return mae == 0 and 0 or -math.huge end
  return 1 - mae / baseline
end

local function make(train, test, forecast, season, scale)
  local found = score_baselines(train, test, season)
  local report, best = { baselines = {}, season = found.season, warnings = {} }, found[1]
  for i, entry in ipairs(found) do
    report.baselines[i] = { name = entry.name, label = entry.label, mae = entry.mae * scale }
    if entry.mae < best.mae then best = entry end
  end
  report.best = best.name
  if not forecast then return report end
  local function said(_, from, to) return forecast:rows(from, to) end
  local function future(items) return test:future(items) end
  local mae = distance(test, said, future)
  report.mae, report.skill, report.forecast = mae * scale, skill(mae, best.mae), forecast
  report.each = ((forecast - future(test.items)):abs():mean(1) * scale):totable()
  for i, entry in ipairs(found) do report.baselines[i].skill = skill(mae, entry.mae) end
  if report.skill <= 0 or mae ~= mae then
    report.warnings[1] = ("the forecast is no better than the %s, which costs nothing"):format(best.label)
  end
  if is_shifted(test, forecast, mae, found[1].mae) then
    report.warnings[#report.warnings + 1] = "the forecast is its input shifted by a step: it repeats the last value"
  end
  return report
end

-- The report as a small table.
local function text(report, name, windows, ahead)
  local rows = {}
  if report.mae then rows[1] = { name, short(report.mae), "skill against" } end
  for _, b in ipairs(report.baselines) do
    rows[#rows + 1] = { b.label, short(b.mae), b.skill and ("%+.3f"):format(b.skill) or "" }
  end
  local lines = { ("forecast of %d windows, %s: mean absolute error"):format(windows,
    ahead == 1 and "the next step" or ("the next %d steps"):format(ahead)) }
  for _, row in ipairs(rows) do lines[#lines + 1] = ("  %-28s %12s  %13s"):format(row[1], row[2], row[3]) end
  for _, warning in ipairs(report.warnings) do lines[#lines + 1] = "warning: " .. warning end
  return table.concat(lines, "\n") .. "\n"
end

local module = {}

local OPTIONS = option.of("rnn.forecast_report", {
  { "train", nil, option.any, "windows (data.windows) to which the linear model is fitted" },
  { "test", nil, option.any, "windows on which all are compared" },
  { "forecast", nil, option.any, "of the test windows (N, ahead * D), or (N, T, ahead * D); nil: the baselines alone" },
  { "season", nil, option.any, "steps; nil: the lag at which train repeats itself best" },
  { "scale", 1, check.positive, "multiplies all errors" },
  { "name", "model", check.string, "of the model in the table" },
  { "quiet", false, check.boolean, "prints nothing" },
})

--- rnn.forecast_report(options) -> report
---
--- Compares forecasts with the last value, the value of one season before, drift, exponential smoothing, Theta and a
--- linear model on the window, all on the windows of test; the linear model is fitted to the windows of train. Skill is
--- 1 - MAE / MAE of the baseline: 0 is no better, 1 is perfect. Prints a table, and warns when a baseline is better or
--- when the forecast is just its input shifted by a step. Errors: train or test that are no windows, or differ in
--- length or ahead; a forecast of another shape.
---@param options rnn.forecast_report.Options
---@return rnn.ForecastReport
function module.forecast_report(options)
  local fname = "rnn.forecast_report"
  options = OPTIONS:read(options)
  local train, test = options.train, options.test
  for _, name in ipairs { "train", "test" } do
    if not class.is_a(options[name], Windows) then
      check.expected(fname, ("option '%s'"):format(name), "windows (data.windows)", options[name])
    end
    if (options[name].missing or 0) > 0 then
      core.fail("%s: option '%s': %d target values are missing; forecaster:backtest of rnn.Forecaster leaves them out",
        fname, name, options[name].missing)
    end
  end
  for _, key in ipairs { "length", "ahead" } do
    if train[key] ~= test[key] then core.fail("%s: the windows of train and test differ in %s", fname, key) end
  end
  local forecast = options.forecast
  if forecast ~= nil then
    forecast = final(check.tensor(fname, "option 'forecast'", forecast, "float"))
    local shape = ("(%d, %d)"):format(#test, test.ahead * test.targets:size(2))
    if check.shape(forecast) ~= shape then
      check.expected(fname, "option 'forecast'", "the forecasts of the test windows, " .. shape, options.forecast)
    end
  end
  local season = options.season
  if season ~= nil then season = check.int(fname, "option 'season'", season, 1, test.length) end
  local report = make(train, test, forecast, season, options.scale)
  if not options.quiet then io.write(text(report, options.name, #test, test.ahead)) end
  return report
end

-- The windows behind batches, which data.map may have changed on their way; changed: it has.
local function windows_of(batches)
  local ok, set = pcall(function() return batches.dataset end)
  if ok and class.is_a(set, Windows) then return set, not class.is_a(batches, Batches) end
end

-- Are the targets of changed batches those of their windows?
local function same_targets(batches, windows)
  local _, y = batches(nil, nil)
  local _, own = windows:batch(windows.items:rows(1, core.is_tensor(y) and math.min(#y, #windows) or 1))
  return core.is_tensor(y) and check.shape(y) == check.shape(own) and (y - own):abs():max():item() == 0
end

--- What rnn.fit does at its end: the same for the model it trained on batches of windows; nil when they are others, or
--- the model's output is no such forecast.
function module.after_fit(model, data, valid_data, quiet)
  local train, valid, changed = windows_of(data), windows_of(valid_data)
  if not train or not valid or train.length ~= valid.length or train.ahead ~= valid.ahead then return nil end
  if train.missing or valid.missing then return nil end
  if changed and (valid_data.shuffle or not same_targets(valid_data, valid)) then return nil end
  local forecast = predict(model, changed and function() return valid_data end or valid)
  local columns = valid.ahead * valid.targets:size(2)
  if not core.is_tensor(forecast) or forecast:ndim() < 2 or forecast:ndim() > 3 or forecast:size(-1) ~= columns
    or #forecast ~= #valid then return nil end
  local report = make(train, valid, final(forecast), nil, 1)
  if not quiet then io.stderr:write(text(report, "this model", #valid, valid.ahead)) end
  return report
end

return module
