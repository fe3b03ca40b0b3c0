-- model_checkpoint.lua: the model in a file, whenever it became better.

local class = require "rnn.class"
local check = require "rnn.check"
local Better = require "rnn.optim.better"
local save = require "rnn.save"

--- rnn.ModelCheckpoint(path [, { monitor = "val_loss", mode = nil, min_delta = 0, best_only = true }])
---
--- A callback that saves the model (rnn.save) after every epoch in which monitor became better, or, without best_only,
--- after every epoch. "{epoch}" in path stands for the number of the epoch. rnn.load(path) gives the model and a table
--- of that epoch's values (but its seconds). A write that fails is a warning; the old file stays, and the run goes on.
---@class rnn.ModelCheckpoint
---@overload fun(path: string, options?: table): rnn.ModelCheckpoint
local ModelCheckpoint = class("rnn.ModelCheckpoint")

local DEFAULTS = { monitor = "val_loss", mode = check.none, min_delta = 0, best_only = true }

function ModelCheckpoint:init(path, options)
  local fname = "rnn.ModelCheckpoint"
  self.path = check.string(fname, "argument 1 (path)", path)
  options = check.options(fname, options, DEFAULTS)
  self.best_only = check.boolean(fname, "option 'best_only'", options.best_only)
  for _, name in ipairs { "monitor", "mode", "min_delta" } do
    check.effect(fname, options, DEFAULTS, name, self.best_only, "with best_only = false every epoch is saved")
  end
  self.better = Better(fname, options)
  self.watched = self.best_only and self.better or nil
end

function ModelCheckpoint:on_begin(_)
  self.better:clear()
end

function ModelCheckpoint:on_epoch(run, logs)
  check.run("rnn.ModelCheckpoint:on_epoch", run)
  if self.best_only and not self.better:see(logs) then return end
  local values = { epoch = run.epoch }
  for name, value in pairs(logs) do values[name] = value end
  values.seconds = nil -- identical runs write identical files
  local done, message = save.save(self.path:gsub("{epoch}", run.epoch), run.model, values)
  if not done then run:warn(("the model of epoch %d is not saved: %s; the run goes on"):format(run.epoch, message)) end
end

function ModelCheckpoint:state()
  return self.better:state()
end

function ModelCheckpoint:load_state(saved, _)
  self.better:load_state(saved)
end

return { ModelCheckpoint = ModelCheckpoint }
