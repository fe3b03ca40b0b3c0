-- callbacks.lua: what may look at a training run. A callback is a table with any of these methods:
--
--   callback:on_begin(run)               before the first step, after what a checkpoint held is back
--   callback:on_step(run, step, values)  after each update of the weights, the step-th since training began; values has
--                                        loss and lr, with clip_norm also norm, and is the same table each time. A true
--                                        result leaves training there, in the middle of an epoch
--   callback:on_epoch(run, logs)         after each epoch; logs has loss, val_loss, val_mae ..., lr, seconds; a true
--                                        result ends training
--   callback:on_end(run)                 after the last one
--   callback:on_error(run, message)      instead of on_end, when an error or a signal ends it
--   callback:state() -> table            what a checkpoint shall keep of it (numbers, strings, tensors, tables of them)
--   callback:load_state(saved, run)      that table back, after on_begin
--
-- watched, where a callback has it, is the train.Better that says what it monitors.
--
-- run has model, optimizer, history, options (those of rnn.fit), epoch (the one that runs or ran last), epochs, step,
-- folder (with option run) and resumed (true when it goes on from a checkpoint).

local class = require "rnn.class"
local check = require "rnn.check"
local clock = require "rnn.train.clock"
local Best = require "rnn.train.best"

local callbacks = {}

--- rnn.EarlyStopping { monitor = "val_loss", patience = 10, mode = nil, min_delta = 0, restore_best = true }
---
--- Ends training when monitor has not become better, by more than min_delta, for patience epochs, and puts the weights
--- of the best epoch back; that also happens when training runs to its last epoch. mode "min" or "max" says what better
--- means; by default less, but more for accuracy, F1, top-k and BLEU.
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
  self.patience = check.int(fname, "option 'patience'", options.patience, 1)
  self.restore_best = check.boolean(fname, "option 'restore_best'", options.restore_best)
  self.best, self.best_epoch = Best(fname, options, self.restore_best), 0
  self.watched = self.best.better
end

function EarlyStopping:on_begin(_)
  self.best:clear()
  self.best_epoch = 0
end

function EarlyStopping:on_epoch(run, logs)
  check.run("rnn.EarlyStopping:on_epoch", run)
  if self.best:see(run, logs) then self.best_epoch = run.epoch end
  if run.epoch - self.best_epoch < self.patience then return false end
  run.history.stopped = ("%s did not become better for %d epochs"):format(self.best.monitor, self.patience)
  return true
end

function EarlyStopping:on_end(run)
  check.run("rnn.EarlyStopping:on_end", run)
  local best = self.best
  if best.weights then
    best.weights:restore()
    best.weights = nil
  end
  if best.epoch > 0 then run.history.best = run.history:epoch(best.epoch) end
end

function EarlyStopping:state()
  return self.best:state()
end

function EarlyStopping:load_state(saved, run)
  self.best:load_state(run, saved)
  self.best_epoch = self.best.epoch
end

--- rnn.TimeLimit(seconds)
---
--- Leaves training after so many seconds, at the end of a step. With option run of rnn.fit the same command goes on
--- from there.
---@class rnn.TimeLimit
---@overload fun(seconds: number): rnn.TimeLimit
local TimeLimit = class("rnn.TimeLimit")
callbacks.TimeLimit = TimeLimit

function TimeLimit:init(seconds)
  self.seconds = check.positive("rnn.TimeLimit", "argument 1 (seconds)", seconds)
end

function TimeLimit:on_begin(_)
  self.last = clock.now() + self.seconds
end

function TimeLimit:on_step(run, _, _)
  check.run("rnn.TimeLimit:on_step", run)
  if clock.now() < self.last then return false end
  run.history.stopped = ("the time limit of %g s"):format(self.seconds)
  return true
end

return callbacks
