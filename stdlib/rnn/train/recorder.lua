-- recorder.lua: what a training leaves for others: run.json, which says what decided its numbers, the script, and the
-- model as the training left it. record.lua finds it out.

local core = require "rnn.core"
local class = require "rnn.class"
local record = require "rnn.record"
local save = require "rnn.save"
local MetricsLog = require("rnn.train.records").MetricsLog

--- Recorder(folder, alone): a callback of rnn.fit. alone: no other one writes metrics.jsonl there, and only the epochs
--- count.
---@class train.Recorder
---@overload fun(folder: string, alone: boolean): train.Recorder
local Recorder = class("train.Recorder")

function Recorder:init(folder, alone)
  self.folder, self.number, self.alone = folder, record.trainings, alone
  self.log = alone and MetricsLog(folder .. "/metrics.jsonl", math.huge) or nil
end

local function write(self, run, ended)
  local history = run.history
  local weights, tensors = nil, nil
  if ended then weights, tensors = record.weights(run.model) end
  local done, message = record.write(self.folder, { folder = not self.alone and self.folder or nil,
    training = self.number, seed = self.seed, epochs = #history, of_epochs = run.epochs, best = run.best
    and run.best.epoch or nil, stopped = history.stopped, ended = ended,
    weights = weights, tensors = tensors, resumed = run.resumed or nil, settings = run.settings, left = run.left })
  if not done then run:warn(("%s; the run goes on"):format(message)) end
end

function Recorder:on_begin(run)
  self.idle = run.resumed and (run.ended or run.epoch >= run.epochs and not run.inside) and not self.alone
  if self.idle then return end
  self.seed = core.random_state().seed
  if self.alone then
    assert(core.make_folder(self.folder))
    self.log:on_begin(run)
  end
  write(self, run, false)
end

function Recorder:on_epoch(run, logs)
  if self.log then self.log:on_epoch(run, logs) end
end

function Recorder:on_end(run)
  if self.idle then return end
  if self.log then self.log:on_end(run) end
  local done, message = save.of_run(self.folder .. "/model.safetensors", run.model, nil, run.folder)
  if not done then run:warn(("%s; the run goes on"):format(message)) end
  write(self, run, not run.left)
end

function Recorder:on_error(run, _)
  if self.idle then return end
  if self.log then self.log:on_end(run) end
  if run.left and not self.alone then write(self, run, false) end -- it was saved, and can go on
end

return Recorder
