-- baselines.lua: rnn.baselines: the simple forecasts as functions of a tensor of series.

local core = require "rnn.core"
local check = require "rnn.check"
local guard = require "rnn.guard"
local methods = require "rnn.baselines.methods"

local baselines = {}

-- Rows of history as arrays; the last value stands for a missing one.
local function series_of(fname, history)
  check.tensor(fname, "argument 1 (history)", history, "float")
  if history:ndim() < 1 or history:ndim() > 2 then
    check.expected(fname, "argument 1 (history)", "series (N, T), or one (T)", history)
  end
  local lengths = history:lengths() and history:lengths():totable() or {}
  local bare = history:detach():without_lengths()
  local rows = (bare:ndim() == 1 and bare:reshape(1, -1) or bare):totable()
  for i, row in ipairs(rows) do
    local kept = {}
    for t = 1, lengths[i] or #row do
      local v = row[t]
      if v ~= v or v == math.huge or v == -math.huge then v = kept[#kept] end
      kept[#kept + 1] = v
    end
    if #kept == 0 then core.fail("%s: series %d has no value in its history", fname, i) end
    rows[i] = kept
  end
  return rows
end

local function run(name, history, horizon, season)
  local fname = "baselines." .. name
  local rows = series_of(fname, history)
  horizon = check.int(fname, "argument 2 (horizon)", horizon, 1)
  season = season == nil and 1 or check.int(fname, "argument 3 (season)", season, 1)
  local out = {}
  for i, row in ipairs(rows) do
    local forecast, steps = methods[name](row, #row, season), {}
    for h = 1, horizon do steps[h] = forecast(row, #row, h) end
    out[i] = steps
  end
  local result = core.tensor(out)
  return history:ndim() == 1 and result:reshape(horizon) or result
end

--- baselines.last(history, horizon [, season]) -> forecast
---
--- The last value of each series, again and again. Missing values (nan) count as the one before. Errors: a series
--- without a value.
---@param history rnn.Tensor (N, T), with lengths where series differ, or (T)
---@param horizon integer steps ahead
---@param season? integer not used
---@return rnn.Tensor (N, horizon) or (horizon)
function baselines.last(history, horizon, season)
  return run("last", history, horizon, season)
end

--- baselines.seasonal(history, horizon, season) -> forecast
---
--- The value one season before; the last season is repeated. Series shorter than a season repeat the last value.
---@param history rnn.Tensor (N, T), with lengths where series differ, or (T)
---@param horizon integer steps ahead
---@param season? integer steps (1)
---@return rnn.Tensor (N, horizon) or (horizon)
function baselines.seasonal(history, horizon, season)
  return run("seasonal", history, horizon, season)
end

--- baselines.drift(history, horizon [, season]) -> forecast
---
--- The line through the first and the last value.
---@param history rnn.Tensor (N, T), with lengths where series differ, or (T)
---@param horizon integer steps ahead
---@param season? integer not used
---@return rnn.Tensor (N, horizon) or (horizon)
function baselines.drift(history, horizon, season)
  return run("drift", history, horizon, season)
end

--- baselines.smoothing(history, horizon [, season]) -> forecast
---
--- Simple exponential smoothing, of the series without its season where the autocorrelation at that lag is beyond its
--- 90 % limits; alpha has the least squares of errors one step ahead (Brown 1956; as in the M4 competition).
---@param history rnn.Tensor (N, T), with lengths where series differ, or (T)
---@param horizon integer steps ahead
---@param season? integer steps (1)
---@return rnn.Tensor (N, horizon) or (horizon)
function baselines.smoothing(history, horizon, season)
  return run("smoothing", history, horizon, season)
end

--- baselines.theta(history, horizon [, season]) -> forecast
---
--- The classical Theta method, of the series without its season: the mean of a straight line and of the exponential
--- smoothing of what deviates from it, doubled (Assimakopoulos, Nikolopoulos 2000, "The theta model").
---@param history rnn.Tensor (N, T), with lengths where series differ, or (T)
---@param horizon integer steps ahead
---@param season? integer steps (1)
---@return rnn.Tensor (N, horizon) or (horizon)
function baselines.theta(history, horizon, season)
  return run("theta", history, horizon, season)
end

--- baselines.naive2(history, horizon [, season]) -> forecast
---
--- The last value of the series without its season: the benchmark of the M4 competition (Makridakis et al. 2020).
---@param history rnn.Tensor (N, T), with lengths where series differ, or (T)
---@param horizon integer steps ahead
---@param season? integer steps (1)
---@return rnn.Tensor (N, horizon) or (horizon)
function baselines.naive2(history, horizon, season)
  return run("naive2", history, horizon, season)
end

return guard.all("baselines.", baselines)
