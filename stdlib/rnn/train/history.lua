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
local History = class("rnn.History")

function History:init()
  self.count, self.loss, self.lr, self.seconds = 0, {}, {}, {}
end

function History:__len()
  return self.count
end

--- history:add(logs): one more epoch.
---@param logs table<string, number>
function History:add(logs)
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
  local logs = { epoch = e }
  for name, values in pairs(self) do
    if type(values) == "table" and name ~= "best" and name ~= "forecast" then logs[name] = values[e] end
  end
  return logs
end

-- What a checkpoint keeps, epoch by epoch: a metric may have come later than the first.
function History:state()
  local epochs = {}
  for e = 1, self.count do epochs[e] = self:epoch(e) end
  return epochs
end

function History:load_state(epochs)
  for _, logs in ipairs(epochs) do
    logs.epoch = nil
    self:add(logs)
  end
end

--- history:choose(monitor): sets best to the first epoch in which monitor was least.
---@param monitor string
function History:choose(monitor)
  local values, best = self[monitor], 1
  for e = 2, self.count do
    if values[e] < values[best] then best = e end
  end
  self.best = self.count > 0 and self:epoch(best) or nil
end

function History:__tostring()
  local best = self.best
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
