-- forecast.lua: errors of forecasts. Padding behind lengths does not count.

local core = require "rnn.core"
local check = require "rnn.check"
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

return metrics
