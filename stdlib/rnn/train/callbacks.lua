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
-- watched, where a callback has it, is the Better (optim/better.lua) that says what it monitors.
--
-- run has model, optimizer, history, options (those of rnn.fit), epoch (the one that runs or ran last), epochs, step,
-- folder (with option run), resumed (true when it goes on from a checkpoint) and, with option run, writer: the one of
-- the event file (rnn.logs.writer), for pictures and samples, as in run.writer:text("sample", text, run.step).

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Better = require "rnn.optim.better"
local Module = require "rnn.nn.module"
local save = require "rnn.save"
local interruption = require "rnn.train.interruption"

local callbacks = {}

-- ---- what they keep ----

--- Weights(model): a copy of all parameters and buffers of a model; keep() copies them again, restore() puts them back,
--- swap() exchanges the two.
---@class train.Weights
---@field names string[]
---@field kept rnn.Tensor[]
---@overload fun(model: nn.Module): train.Weights
local Weights = class("train.Weights")

function Weights:init(model)
  self.model, self.names, self.kept = model, {}, {}
  for i, pair in ipairs((model:named_tensors())) do
    self.names[i], self.kept[i] = pair[1], pair[2]:copy()
  end
end

--- weights:live() -> the tensors that the model has now: forward may put new ones into its fields.
---@return rnn.Tensor[]
function Weights:live()
  local now, live = {}, {}
  local tensors, aliases = self.model:named_tensors()
  for _, pair in ipairs(tensors) do now[pair[1]] = pair[2] end
  for i, name in ipairs(self.names) do
    live[i] = now[name] or now[aliases[name]]
    if not live[i] then core.fail("%s: its tensor '%s' is no longer there", self.model:describe(), name) end
  end
  return live
end

function Weights:keep()
  for i, live in ipairs(self:live()) do self.kept[i]:assign(live:detach()) end
end

function Weights:restore()
  for i, live in ipairs(self:live()) do live:assign(self.kept[i]) end
end

function Weights:swap()
  for i, live in ipairs(self:live()) do
    local copy = self.kept[i]:copy()
    self.kept[i]:assign(live:detach())
    live:assign(copy)
  end
end

--- weights:state() -> what pack can save; weights:load_state(saved) takes it back.
function Weights:state()
  return self.kept
end

function Weights:load_state(saved)
  if #saved ~= #self.kept then
    core.fail("the model has %d tensors, the saved weights %d", #self.kept, #saved)
  end
  for i, kept in ipairs(self.kept) do kept:assign(saved[i]) end
end

callbacks.Weights = Weights

--- Best(fname, { monitor =, mode =, min_delta = }, keep): the best epoch so far, by what it monitors.
---@class train.Best
---@field best_epoch integer 0 before the first
---@field weights? train.Weights of that epoch, when keep is true
---@overload fun(fname: string, options: table, keep: boolean): train.Best
local Best = class("train.Best")

function Best:init(fname, options, keep)
  self.watched, self.keep, self.monitor = Better(fname, options), keep, options.monitor
  self:_clear()
end

function Best:_clear()
  self.watched:clear()
  self.best_epoch, self.weights = 0, nil
end

--- best:_see(run, logs) -> true when this epoch is the best one
function Best:_see(run, logs)
  if not self.watched:see(logs) then return false end
  self.best_epoch = run.epoch
  if self.keep then
    self.weights = self.weights or Weights(run.model)
    self.weights:keep()
  end
  return true
end

function Best:state()
  return { epoch = self.best_epoch, better = self.watched:state(), weights = self.weights and self.weights:state() }
end

function Best:load_state(saved, run)
  self.best_epoch = saved.epoch
  self.watched:load_state(saved.better)
  if self.keep and saved.weights then
    self.weights = Weights(run.model)
    self.weights:load_state(saved.weights)
  end
end

callbacks.Best = Best

local AVERAGE = option.of("rnn.Average", {
  { "decay", 0.999, option.number(0, 1), "share of an exponential average that stays at an update" },
  { "mean", false, option.kind('"step"|"epoch"|false', function(fname, argname, value)
    return value and check.one_of(fname, argname, value, { "step", "epoch" })
  end, { '"step"', '"epoch"' }), "instead, the plain mean of the weights after each step, or after each epoch, since "
    .. "it began" },
  { "start", 1, option.int(1), "in rnn.fit, the epoch in which a mean begins (Izmailov et al. 2018, stochastic weight "
    .. "averaging)" },
  { "patience", nil, option.int(1), "in rnn.fit, a mean begins when val_loss has not become better for that many "
    .. "epochs (Merity et al. 2018, NT-ASGD: SGD with mean = \"step\", patience = 5)" },
})

--- rnn.Average(model [, options])
---
--- An average of all weights (Polyak, Juditsky 1992), by default an exponential moving one: average:update() after each
--- step of the optimiser takes average = decay * average + (1 - decay) * weights; the first update copies them. With
--- mean it is the plain mean of all updates. average:swap() exchanges the model's weights and the averaged ones, where
--- there are some: to measure or to save the model with averaged weights, swap before and again after. rnn.fit has it
--- as option average. Errors: a decay outside 0 .. 1; options of a mean without one.
---@class rnn.Average
---@field decay number
---@field updates integer
---@overload fun(model: nn.Module, options?: rnn.Average.Options): rnn.Average
local Average = class("rnn.Average")

function Average:init(model, options)
  local fname = "rnn.Average"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  options = AVERAGE:read(options)
  self.decay, self.mean, self.start, self.patience = options.decay, options.mean, options.start, options.patience
  local none = "option 'mean' is not given"
  AVERAGE:effect(options, "start", self.mean and not self.patience, self.mean and "option 'patience' says when" or none)
  AVERAGE:effect(options, "patience", self.mean, none)
  AVERAGE:effect(options, "decay", not self.mean, "a mean has none")
  self.begun = not self.patience and self.start == 1
  self.stale, self.better = 0, Better(fname, { monitor = "val_loss" })
  self.weights, self.updates = Weights(model), 0
  self.running = self.begun and self.mean ~= "epoch" -- does each step count?
end

--- average:update(): takes in the weights that the model has now.
function Average:update()
  local decay = self.mean and self.updates / (self.updates + 1) or self.updates == 0 and 0 or self.decay
  core.average_step(self.weights.kept, self.weights:live(), decay)
  self.updates = self.updates + 1
end

--- average:swap(): exchanges the model's weights and the averaged ones, once there are some.
function Average:swap()
  if self.updates > 0 then self.weights:swap() end
end

-- An epoch of rnn.fit has ended, before it is measured.
function Average:_end_epoch()
  if self.begun and self.mean == "epoch" then self:update() end
end

-- And after; does the mean begin with the next one?
function Average:_see(epoch, logs)
  if self.begun then return end
  if self.patience then
    self.stale = self.better:see(logs) and 0 or self.stale + 1
    self.begun = self.stale >= self.patience
  else
    self.begun = epoch + 1 >= self.start
  end
  self.running = self.begun and self.mean ~= "epoch"
end

function Average:state()
  return { updates = self.updates, weights = self.weights:state(), begun = self.begun, stale = self.stale,
    better = self.better:state() }
end

function Average:load_state(saved, _)
  self.weights:load_state(saved.weights)
  self.updates = saved.updates
  if saved.better then
    self.begun, self.stale = saved.begun, saved.stale
    self.better:load_state(saved.better)
    self.running = self.begun and self.mean ~= "epoch"
  end
end

callbacks.Average = Average

-- ---- the callbacks ----

local EARLY = option.of("rnn.EarlyStopping", Better.OPTIONS, {
  { "patience", 10, option.int(1), "epochs without an improvement" },
  { "restore_best", true, check.boolean, "puts the weights of the best epoch back, also when training runs to its "
    .. "last epoch" },
})

--- rnn.EarlyStopping([options])
---
--- Ends training when monitor has not become better, by more than min_delta, for patience epochs.
---@class rnn.EarlyStopping
---@field best_epoch integer
---@overload fun(options?: rnn.EarlyStopping.Options): rnn.EarlyStopping
local EarlyStopping = class("rnn.EarlyStopping", Best)
callbacks.EarlyStopping = EarlyStopping

function EarlyStopping:init(options)
  options = EARLY:read(options)
  self.patience = options.patience
  Best.init(self, "rnn.EarlyStopping", options, options.restore_best)
end

function EarlyStopping:on_begin(_)
  self:_clear()
end

function EarlyStopping:on_epoch(run, logs)
  check.run("rnn.EarlyStopping:on_epoch", run)
  self:_see(run, logs)
  if run.epoch - self.best_epoch < self.patience then return false end
  run.history.stopped = ("%s did not become better for %d epochs"):format(self.monitor, self.patience)
  return true
end

function EarlyStopping:on_end(run)
  check.run("rnn.EarlyStopping:on_end", run)
  if self.weights then
    self.weights:restore()
    self.weights = nil
  end
  if self.best_epoch > 0 then run.history.best = run.history:epoch(self.best_epoch) end
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

-- Ranks go by the clock of the first, run.now.
function TimeLimit:on_begin(run)
  check.run("rnn.TimeLimit:on_begin", run)
  self.last = (run.now or interruption.now()) + self.seconds
end

function TimeLimit:on_step(run, _, _)
  check.run("rnn.TimeLimit:on_step", run)
  if (run.now or interruption.now()) < self.last then return false end
  run.history.stopped = ("the time limit of %g s"):format(self.seconds)
  return true
end

local MODEL_CHECKPOINT = option.of("rnn.ModelCheckpoint", Better.OPTIONS, {
  { "best_only", true, check.boolean, "saves after epochs in which monitor became better, not after every one" },
})

--- rnn.ModelCheckpoint(path [, options])
---
--- A callback that saves the model (rnn.save) after every epoch in which monitor became better, or, without best_only,
--- after every epoch. "{epoch}" in path stands for the number of the epoch. rnn.load(path) gives the model and a table
--- of that epoch's values (but its seconds). A write that fails is a warning; the old file stays, and the run goes on.
---@class rnn.ModelCheckpoint
---@overload fun(path: string, options?: rnn.ModelCheckpoint.Options): rnn.ModelCheckpoint
local ModelCheckpoint = class("rnn.ModelCheckpoint")

function ModelCheckpoint:init(path, options)
  local fname = "rnn.ModelCheckpoint"
  self.path = check.string(fname, "argument 1 (path)", path)
  options = MODEL_CHECKPOINT:read(options)
  self.best_only = options.best_only
  for _, name in ipairs { "monitor", "mode", "min_delta" } do
    MODEL_CHECKPOINT:effect(options, name, self.best_only, "with best_only = false every epoch is saved")
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

callbacks.ModelCheckpoint = ModelCheckpoint

return callbacks
