-- baselines.lua: what a forecast has to beat. Each is a function of the same windows that the model sees.

local core = require "rnn.core"
local nest = require "rnn.nest"

local baselines = {}

local ELEMENTS = 2 ^ 22 -- of training windows that season looks at; of more windows, some are taken
local PRODUCTS = 2 ^ 34 -- a few seconds of least squares; the same
local INPUTS = 2048 -- of the linear model, so that these are more windows than inputs

-- The forecast that repeats step `index(j)` of the window for the j-th step ahead: (N, T, D) -> (N, ahead * D).
local function repeating(windows, index)
  local ids = {}
  for j = 1, windows.ahead do ids[j] = index(j) end
  ids = core.tensor(ids, "int32")
  return function(items)
    return windows:past(items):gather(2, ids):reshape(#items, -1)
  end
end

--- baselines.season(windows) -> steps
---
--- The lag, from 2 steps on, at which the series repeats itself best: over these windows the value so long before the
--- first target has the least mean absolute error; of several such lags the shortest. nil for windows of one step.
---@param windows data.Windows
---@return integer?
function baselines.season(windows)
  if windows.length < 2 then return nil end
  local columns = windows.targets:size(2)
  local items = nest.spread(windows.items, ELEMENTS / (windows.length * columns))
  local past, future = windows:past(items), windows:future(items)
  local first = future:reshape(#items, windows.ahead, columns):slice(2, 1, 1) -- (N, 1, D) against (N, T, D)
  local errors = (past - first):abs():mean(3):mean(1):totable()
  local best = windows.length - 1
  for step = best - 1, 1, -1 do
    if errors[step] < errors[best] then best = step end
  end
  return windows.length - best + 1
end

--- baselines.last(windows) -> forecast
---
--- forecast(items) -> (N, ahead * D): every step ahead is the last value of the window.
---@param windows data.Windows
function baselines.last(windows)
  return repeating(windows, function() return windows.length end)
end

--- baselines.seasonal(windows, season) -> forecast
---
--- The value one season before; further ahead than a season the last whole season is repeated.
---@param windows data.Windows
---@param season integer at most the length of a window
function baselines.seasonal(windows, season)
  return repeating(windows, function(j) return windows.length - season + (j - 1) % season + 1 end)
end

--- baselines.linear(train, test) -> forecast
---
--- A linear model on all inputs of the window, fitted to the training windows by least squares, exactly. Of windows
--- with more than 2048 numbers it sees the last steps, of very many training windows some: it takes some seconds
--- at most. forecast(items, from, to) gives those of the windows number from to to of test.
---@param train data.Windows
---@param test data.Windows
function baselines.linear(train, test)
  local rows, columns = train.inputs:shape()
  local steps = math.min(train.length, math.max(1, INPUTS // columns))
  local inputs, skipped = steps * columns, train.length - steps
  local items = nest.spread(train.items, PRODUCTS / (inputs * (inputs + train.after_window:size(2))))
  local all = core.linear_forecast(train.inputs:rows(skipped + 1, rows), items, steps, train.after_window,
    test.inputs:rows(skipped + 1, #test.inputs), test.items)
  return function(_, from, to) return all:rows(from, to) end
end

return baselines
