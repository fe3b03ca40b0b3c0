-- baselines.lua: what a forecast has to beat. Each is a function of the same windows that the model sees.

local core = require "rnn.core"
local least_squares = require "rnn.data.least_squares"

local baselines = {}

local MOST = 2 ^ 22 -- elements of training windows that are looked at; of more, every n-th window is taken

-- Up to so many window starts that all of them together have MOST elements, evenly spread.
local function sample(windows, columns)
  local items = windows.items
  local every = math.ceil(#items * windows.length * columns / MOST)
  if every <= 1 then return items end
  local n = #items // every
  return items:rows(1, n * every):reshape(n, every):select(2, 1)
end

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
--- first target has the least mean absolute error. nil for windows of one step.
---@param windows data.Windows
---@return integer?
function baselines.season(windows)
  if windows.length < 2 then return nil end
  local columns = windows.targets:size(2)
  local items = sample(windows, columns)
  local past, future = windows:past(items), windows:future(items)
  local first = future:reshape(#items, windows.ahead, columns):slice(2, 1, 1) -- (N, 1, D) against (N, T, D)
  local errors = (past - first):abs():mean(3):mean(1)
  return windows.length - errors:rows(1, windows.length - 1):argmin(1):item() + 1
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
--- A linear model on all inputs of the window, fitted to the training windows by least squares.
---@param train data.Windows
---@param test data.Windows
function baselines.linear(train, test)
  local items = sample(train, train.inputs:size(2))
  local predict = least_squares(core.windows(train.inputs, items, train.length):reshape(#items, -1),
    train:future(items))
  return function(chosen)
    return predict(core.windows(test.inputs, chosen, test.length):reshape(#chosen, -1))
  end
end

return baselines
