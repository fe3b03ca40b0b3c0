-- history.lua: what happened in training, epoch by epoch.

local class = require "rnn.class"
local check = require "rnn.check"

--- The result of rnn.fit. history.loss[e], history.val_loss[e], history.val_mae[e], history.lr[e], history.seconds[e]
--- belong to epoch e; #history is the number of epochs; history.best holds the values of the best epoch and its number
--- (best.epoch), by what EarlyStopping monitors, else by val_loss, else by loss. history.stopped says why it ended
--- before the last epoch.
---@class rnn.History
---@field loss number[]
---@field lr number[]
---@field seconds number[]
---@field best table<string, number>
---@field stopped? string
---@field forecast? rnn.ForecastReport baselines and skill, when the validation data are windows of a series
---@field advice? { epoch: integer, text: string }[] what the monitor said
local History = class("rnn.History")

local NOT_BY_EPOCH <const> = { advice = true, best = true, forecast = true }

function History:init()
  self.count, self.loss, self.lr, self.seconds = 0, {}, {}, {}
end

function History:__len()
  return self.count
end

--- history:add(logs): one more epoch.
---@param logs table<string, number>
function History:add(logs)
  check.table("history:add", "argument 1 (logs)", logs)
  self.count = self.count + 1
  for name, value in pairs(logs) do
    local values = self[name] or {}
    self[name] = values
    values[self.count] = value
  end
end

--- history:epoch(e) -> table of the values of epoch e
---
--- loss, lr and all the others, by their names.
---@param e integer
---@return table<string, number>
function History:epoch(e)
  check.int("history:epoch", "argument 1 (e)", e, 1)
  local logs = { epoch = e }
  for name, values in pairs(self) do
    if type(values) == "table" and not NOT_BY_EPOCH[name] then logs[name] = values[e] end
  end
  return logs
end

--- history:figures(e) -> table
---
--- The values of epoch e that identical runs have in common: all but the seconds.
---@param e integer
---@return table<string, number>
function History:figures(e)
  local logs = self:epoch(e)
  logs.seconds = nil
  return logs
end

-- What a checkpoint keeps, epoch by epoch: a metric may have come later than the first.
function History:state()
  local epochs = {}
  for e = 1, self.count do epochs[e] = self:figures(e) end
  return epochs
end

-- seconds are those of the epochs, as far as they are known.
function History:load_state(epochs, seconds)
  for e, logs in ipairs(epochs) do
    logs.epoch = nil
    logs.seconds = logs.seconds or tonumber(seconds[e]) or 0 / 0
    self:add(logs)
  end
end

-- The first epoch in which monitor was least, or nil.
local function best_of(self, monitor)
  local values, best = self[monitor], 1
  for e = 2, self.count do
    if values[e] < values[best] then best = e end
  end
  return self.count > 0 and self:epoch(best) or nil
end

--- history:choose(monitor): sets best to the first epoch in which monitor was least.
---@param monitor string
function History:choose(monitor)
  check.string("history:choose", "argument 1 (monitor)", monitor)
  if self.count > 0 then check.table("history:choose", ("the values of '%s'"):format(monitor), self[monitor]) end
  self.best = best_of(self, monitor)
end

function History:__tostring()
  local best = self.best or best_of(self, self.val_loss and "val_loss" or "loss") -- training may not have ended
  if not best then return "rnn.History of 0 epochs" end
  local parts = {}
  for name, value in pairs(best) do
    local shown = name ~= "epoch" and name ~= "lr" and name ~= "seconds"
    if shown then parts[#parts + 1] = ("%s %s"):format(name, check.figure("%.4g", value)) end
  end
  table.sort(parts)
  return ("rnn.History of %d epochs; best %d: %s"):format(self.count, best.epoch, table.concat(parts, ", "))
end

return History
