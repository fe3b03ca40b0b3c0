-- callbacks.lua: what may look at a training run between two epochs.
--
-- A callback is a table with any of these methods; run has model, optimizer, history, epoch and epochs:
--   callback:on_begin(run)         before the first epoch
--   callback:on_epoch(run, logs)   after each one; logs has loss, val_loss, val_mae ...; a true result ends training
--   callback:on_end(run)           after the last one

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Weights = require "rnn.train.weights"

local callbacks = {}

--- rnn.EarlyStopping { monitor = "val_loss", patience = 10, mode = nil, min_delta = 0, restore_best = true }
---
--- Ends training when monitor has not become better, by more than min_delta, for patience epochs, and puts the weights
--- of the best epoch back; that also happens when training runs to its last epoch. mode "min" or "max" says what better
--- means; by default less, but more for accuracy.
---@class rnn.EarlyStopping
---@field best_epoch integer
---@overload fun(options?: table): rnn.EarlyStopping
local EarlyStopping = class("rnn.EarlyStopping")
callbacks.EarlyStopping = EarlyStopping

function EarlyStopping:init(options)
  local fname = "rnn.EarlyStopping"
  options = check.options(fname, options, {
    monitor = "val_loss", patience = 10, mode = check.none, min_delta = 0, restore_best = true,
  })
  self.monitor = check.string(fname, "option 'monitor'", options.monitor)
  self.patience = check.int(fname, "option 'patience'", options.patience, 1)
  self.mode = options.mode or (self.monitor:find("accuracy", 1, true) and "max" or "min")
  check.one_of(fname, "option 'mode'", self.mode, { "min", "max" })
  self.min_delta = check.number(fname, "option 'min_delta'", options.min_delta, 0)
  self.restore_best = check.boolean(fname, "option 'restore_best'", options.restore_best)
end

function EarlyStopping:on_begin()
  self.best, self.best_epoch, self.weights = math.huge, 0, nil
end

function EarlyStopping:on_epoch(run, logs)
  local value = logs[self.monitor]
  if value == nil then
    local names = {}
    for name in pairs(logs) do names[#names + 1] = name end
    table.sort(names)
    core.fail("rnn.EarlyStopping: option 'monitor': there is no '%s' in this run; there are %s", self.monitor,
      table.concat(names, ", "))
  end
  if self.mode == "max" then value = -value end
  if value < self.best - self.min_delta then
    self.best, self.best_epoch = value, run.epoch
    if self.restore_best then
      if self.weights then self.weights:keep() else self.weights = Weights(run.model) end
    end
  end
  if run.epoch - self.best_epoch < self.patience then return false end
  run.history.stopped = ("%s did not become better for %d epochs"):format(self.monitor, self.patience)
  return true
end

function EarlyStopping:on_end(run)
  if self.weights then
    self.weights:restore()
    self.weights = nil
  end
  if self.best_epoch > 0 then run.history.best = run.history:epoch(self.best_epoch) end
end

return callbacks
