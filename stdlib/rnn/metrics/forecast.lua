-- forecast.lua: errors of forecasts, of points, intervals and distributions. Padding behind lengths does not count.

local core = require "rnn.core"
local check = require "rnn.check"
local baselines = require "rnn.baselines"
local valid = require "rnn.metrics.valid"

local metrics = {}

-- Both as tensors without history and without lengths, and the lengths that count.
local function pair(fname, forecast, actual)
  check.tensor(fname, "argument 1 (forecast)", forecast, "float")
  check.tensor(fname, "argument 2 (actual)", actual, "float")
  if check.shape(forecast) ~= check.shape(actual) then
    core.fail("%s: forecast %s and actual %s differ in shape", fname, check.shape(forecast), check.shape(actual))
  end
  local lengths = valid.lengths(forecast, actual)
  return forecast:detach():without_lengths(), actual:detach():without_lengths(), lengths
end

local function mean(errors, lengths, ...)
  if lengths then errors = errors:with_lengths(lengths) end
  return errors:mean(...)
end

--- metrics.mae(forecast, actual) -> number
---
--- Mean absolute error. forecast and actual are of one shape.
---@param forecast rnn.Tensor
---@param actual rnn.Tensor of equal shape
---@return number
function metrics.mae(forecast, actual)
  local f, a, lengths = pair("metrics.mae", forecast, actual)
  return mean((f - a):abs(), lengths):item()
end

--- metrics.smape(forecast, actual) -> number
---
--- Symmetric mean absolute percentage error, 0 to 200: the mean of 200 |f - a| / (|f| + |a|), 0 where both are 0
--- (Makridakis et al. 2020, "The M4 Competition").
---@param forecast rnn.Tensor
---@param actual rnn.Tensor of equal shape
---@return number
function metrics.smape(forecast, actual)
  local f, a, lengths = pair("metrics.smape", forecast, actual)
  local size = f:abs() + a:abs()
  return mean((f - a):abs() * 200 / (size + size:eq(0)), lengths):item()
end

-- For each series the mean of |x[t] - x[t - season]|.
local function scales(fname, history, season)
  local rows, steps = history:size(1), history:size(2)
  local lengths = history:lengths() and history:lengths():totable() or {}
  for n = 1, rows do
    lengths[n] = (lengths[n] or steps) - season
    if lengths[n] < 1 then
      core.fail("%s: series %d has %d values in its history; a season of %d needs more", fname, n, lengths[n] + season,
        season)
    end
  end
  local x = history:detach():without_lengths()
  local changes = (x:slice(2, season + 1, steps) - x:slice(2, 1, steps - season)):abs()
  return changes:with_lengths(lengths):mean(2):totable()
end

--- metrics.mase(forecast, actual, history [, season = 1]) -> number, left_out
---
--- Mean absolute scaled error: each series' mean absolute error over that of the forecast x[t - season] on its own
--- history; then the mean over the series (Hyndman, Koehler 2006). Below 1 is better than that forecast was. A series
--- whose history repeats itself without an error, as a constant one does, has no scale: it is left out, and the second
--- result counts such series; with no other series the first is nan. Errors: tensors of other shapes, a history of not
--- more than season values.
---@param forecast rnn.Tensor (N, H) or (H)
---@param actual rnn.Tensor of equal shape
---@param history rnn.Tensor (N, T) or (T), what came before; with lengths when series differ
---@param season? integer
---@return number
---@return integer left_out
function metrics.mase(forecast, actual, history, season)
  local fname = "metrics.mase"
  local f, a, lengths = pair(fname, forecast, actual)
  check.tensor(fname, "argument 3 (history)", history, "float", f:ndim())
  season = season == nil and 1 or check.int(fname, "argument 4 (season)", season, 1)
  if f:ndim() > 2 then check.expected(fname, "argument 1 (forecast)", "a tensor (N, H) or (H)", forecast) end
  if f:ndim() == 1 then f, a, history = f:reshape(1, -1), a:reshape(1, -1), history:reshape(1, -1) end
  if #history ~= #f then core.fail("%s: %d forecasts, but a history of %d series", fname, #f, #history) end
  local errors, scale = mean((f - a):abs(), lengths, 2):totable(), scales(fname, history, season)
  local ends = lengths and lengths:totable() or {}
  local sum, count, left_out = 0.0, 0, 0
  for n, err in ipairs(errors) do
    if ends[n] ~= 0 then
      if scale[n] == 0 then left_out = left_out + 1
      else sum, count = sum + err / scale[n], count + 1 end
    end
  end
  return count > 0 and sum / count or -(0 / 0), left_out
end

--- metrics.owa(forecast, actual, history [, season = 1 [, benchmark]]) -> number
---
--- Overall weighted average: the mean of sMAPE and MASE, each over that of the benchmark, which is Naive2 of the
--- history unless it is given: 1 is as good as Naive2 (Makridakis et al. 2020, "The M4 Competition"). Errors: as
--- metrics.mase.
---@param forecast rnn.Tensor (N, H) or (H)
---@param actual rnn.Tensor of equal shape
---@param history rnn.Tensor (N, T) or (T), what came before; with lengths when series differ
---@param season? integer
---@param benchmark? rnn.Tensor forecasts of equal shape
---@return number
function metrics.owa(forecast, actual, history, season, benchmark)
  local fname = "metrics.owa"
  pair(fname, forecast, actual)
  season = season == nil and 1 or check.int(fname, "argument 4 (season)", season, 1)
  local scaled = metrics.mase(forecast, actual, history, season)
  if benchmark == nil then benchmark = baselines.naive2(history, forecast:size(-1), season)
  else check.tensor(fname, "argument 5 (benchmark)", benchmark, "float") end
  return (metrics.smape(forecast, actual) / metrics.smape(benchmark, actual)
    + scaled / metrics.mase(benchmark, actual, history, season)) / 2
end

-- ---- quantiles, intervals, distributions ----

-- Forecasts (..., Q) of an actual (...), both bare, the latter as (..., 1), and the lengths that count.
local function several(fname, what, forecast, actual, columns)
  check.tensor(fname, ("argument 1 (%s)"):format(what), forecast, "float")
  check.tensor(fname, "argument 2 (actual)", actual, "float")
  local shape = { forecast:shape() }
  local last = table.remove(shape)
  local same = last and (not columns or last == columns) and last > 0 and #shape == actual:ndim()
  for i, n in ipairs(shape) do same = same and n == actual:size(i) end
  if not same then
    core.fail("%s: expected %s (..., %s) and actual (...), got %s and %s", fname, what, columns or "S",
      check.shape(forecast), check.shape(actual))
  end
  return forecast:detach():without_lengths(), actual:detach():without_lengths():unsqueeze(-1),
    valid.lengths(forecast, actual)
end

-- A list of levels between 0 and 1, or one.
local function levels_of(fname, argname, q)
  if type(q) ~= "table" then q = { q } end
  if getmetatable(q) or #q == 0 then check.expected(fname, argname, "a number or a list of numbers, 0 to 1", q) end
  for i, level in ipairs(q) do check.number(fname, ("%s, entry %d"):format(argname, i), level, 0, 1) end
  return core.tensor(q)
end

--- metrics.pinball(forecast, actual, q) -> number
---
--- Mean quantile loss: q (a - f) where the forecast is below the actual, (1 - q) (f - a) above (Koenker, Bassett 1978).
--- q is a number, for a forecast of the shape of actual, or a list of Q numbers for one of (..., Q): then the mean over
--- them.
---@param forecast rnn.Tensor (...) or (..., Q)
---@param actual rnn.Tensor (...)
---@param q number|number[] between 0 and 1
---@return number
function metrics.pinball(forecast, actual, q)
  local fname = "metrics.pinball"
  local levels = levels_of(fname, "argument 3 (q)", q)
  if type(q) == "number" and core.is_tensor(forecast) then forecast = forecast:unsqueeze(-1) end
  local f, a, lengths = several(fname, "forecast", forecast, actual, #levels)
  local e = a - f
  return mean((levels * e):maximum((levels - 1) * e):mean(-1), lengths):item()
end

--- metrics.crps(forecast, actual [, quantiles]) -> number
---
--- Mean continuous ranked probability score, in the unit of the data; of one sample it is the absolute error. forecast
--- has samples of what may come in its last axis; with a list of quantiles it has these, and the score is twice their
--- pinball loss, which is what the integral comes to when they lie closely (Gneiting, Raftery 2007, equations 20, 21;
--- of samples as crps_sample of scoringRules).
---@param forecast rnn.Tensor (..., S)
---@param actual rnn.Tensor (...)
---@param quantiles? number[] S numbers between 0 and 1
---@return number
function metrics.crps(forecast, actual, quantiles)
  local fname = "metrics.crps"
  if quantiles ~= nil then
    levels_of(fname, "argument 3 (quantiles)", check.table(fname, "argument 3 (quantiles)", quantiles))
    return 2 * metrics.pinball(forecast, actual, quantiles)
  end
  local x, a, lengths = several(fname, "samples", forecast, actual)
  local m = x:size(-1)
  x = x:sort(-1)
  local place = core.arange(m):to_float() - 0.5
  return mean(((x - a) * (a:lt(x) * m - place)):mean(-1) * (2 / m), lengths):item()
end

--- metrics.crps_gaussian(mean, deviation, actual) -> number
---
--- Mean continuous ranked probability score of normal distributions, in the unit of the data (Gneiting et al. 2005,
--- equation 5). Errors: a deviation that is not above 0.
---@param mean rnn.Tensor (...)
---@param deviation rnn.Tensor of equal shape
---@param actual rnn.Tensor of equal shape
---@return number
function metrics.crps_gaussian(mean, deviation, actual) -- luacheck: ignore mean
  local fname = "metrics.crps_gaussian"
  check.tensor(fname, "argument 2 (deviation)", deviation, "float")
  local f, a, lengths = pair(fname, mean, actual)
  if check.shape(deviation) ~= check.shape(mean) then
    core.fail("%s: mean %s and deviation %s differ in shape", fname, check.shape(mean), check.shape(deviation))
  end
  local s = deviation:detach():without_lengths()
  local bad = s:gt(0):logical_not()
  if lengths then bad = bad:with_lengths(lengths):zero_padding():without_lengths() end
  if bad:sum():item() > 0 then check.expected(fname, "argument 2 (deviation)", "numbers above 0", deviation) end
  local z = (a - f) / s
  local density = (z:square() * -0.5):exp() * (1 / math.sqrt(2 * math.pi))
  local score = s * (z * (z * math.sqrt(0.5)):erf() + 2 * density - 1 / math.sqrt(math.pi))
  if lengths then score = score:with_lengths(lengths) end
  return score:mean():item()
end

-- Both ends of intervals as bare tensors, the actual values, and the lengths that count.
local function interval(fname, low, high, actual)
  check.tensor(fname, "argument 1 (low)", low, "float")
  check.tensor(fname, "argument 2 (high)", high, "float")
  if check.shape(low) ~= check.shape(high) then
    core.fail("%s: low %s and high %s differ in shape", fname, check.shape(low), check.shape(high))
  end
  if actual == nil then
    return low:detach():without_lengths(), high:detach():without_lengths(), nil, valid.lengths(low, high)
  end
  check.tensor(fname, "argument 3 (actual)", actual, "float")
  local l, a, lengths = pair(fname, low, actual)
  return l, high:detach():without_lengths(), a, lengths
end

--- metrics.coverage(low, high, actual) -> number
---
--- Share of actual values within their intervals, the ends included, 0 to 1; nan where one of them is. Tensors of one
--- shape.
---@param low rnn.Tensor
---@param high rnn.Tensor of equal shape
---@param actual rnn.Tensor of equal shape
---@return number
function metrics.coverage(low, high, actual)
  local l, h, a, lengths = interval("metrics.coverage", low, high, check.tensor("metrics.coverage",
    "argument 3 (actual)", actual, "float"))
  local there = l:eq(l) * a:eq(a) * h:eq(h)
  return mean(core.where(there:gt(0), l:le(a) * a:le(h), 0 / 0), lengths):item()
end

--- metrics.width(low, high) -> number
---
--- Mean width of intervals, in the unit of the data. Tensors of one shape.
---@param low rnn.Tensor
---@param high rnn.Tensor of equal shape
---@return number
function metrics.width(low, high)
  local l, h, _, lengths = interval("metrics.width", low, high)
  return mean(h - l, lengths):item()
end

--- metrics.interval_score(low, high, actual, level) -> number
---
--- Mean width of intervals, and what values outside miss them by, times 2 / (1 - level): the least for the true ends of
--- an interval of that level (Gneiting, Raftery 2007, equation 43; over the scale of metrics.mase it is M4's MSIS).
--- Errors: shapes that differ, a level that is not between 0 and 1.
---@param low rnn.Tensor
---@param high rnn.Tensor of equal shape
---@param actual rnn.Tensor of equal shape
---@param level number such as 0.9
---@return number
function metrics.interval_score(low, high, actual, level)
  local fname = "metrics.interval_score"
  local l, h, a, lengths = interval(fname, low, high, check.tensor(fname, "argument 3 (actual)", actual, "float"))
  if check.number(fname, "argument 4 (level)", level, 0, 1) >= 1 then
    check.expected(fname, "argument 4 (level)", "a number below 1", level)
  end
  return mean(h - l + ((l - a):relu() + (a - h):relu()) * (2 / (1 - level)), lengths):item()
end

return metrics
