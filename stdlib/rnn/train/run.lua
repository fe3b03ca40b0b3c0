-- run.lua: what a call of rnn.fit holds, the steps of its epochs, and what ends with it. No part of a step makes a
-- table or a closure: for small models a step is 100 microseconds.

local core = require "rnn.core"
local class = require "rnn.class"
local evaluate = require "rnn.train.evaluate"
local interruption = require "rnn.train.interruption"
local safe_place = require "rnn.train.safe_place"
local terminal = require "rnn.terminal"
local valid = require "rnn.metrics.valid"

local held = interruption.held

--- What callbacks are given; callbacks.lua lists the fields that are theirs.
---@class train.Run
---@field model nn.Module
---@field optimizer optim.Optimizer
---@field history rnn.History
---@field options table
---@field epoch integer the one that runs or ran last
---@field epochs integer
---@field step integer updates of the weights so far
---@field folder? string
---@field resumed? boolean
local Run = class("train.Run")

function Run:init(fields)
  for name, value in pairs(fields) do self[name] = value end
  self.epoch, self.step, self.batch, self.pending, self.weight = 0, 0, 0, 0, 0
  self.training, self.values, self.warned = self.model.training, {}, {}
end

--- run:say(text): a line of its own on standard error.
function Run:say(text) -- luacheck: no self
  io.stderr:write(terminal.moves(2) and "\r\27[K" or "", "rnn.fit: ", terminal.plain(text, 2), "\n")
end

--- run:warn(text): says it once.
function Run:warn(text)
  if self.warned[text] then return end
  self.warned[text] = true
  self:say(text)
end

--- run:call(method, ...) -> true when a callback returned so
function Run:call(method, ...)
  local stop = false
  for _, callback in ipairs(self.callbacks) do
    if callback[method] and callback[method](callback, self, ...) then stop = true end
  end
  return stop
end

--- run:begin_epoch_of(source): the next loop over it is that of this epoch, however often one was begun.
function Run:begin_epoch_of(source)
  if type(source) == "table" and type(source.epoch) == "function" then source:epoch(self.epoch) end
end

-- ---- the steps ----

-- The source and its control: what `for x, y in source, nil, control do` needs to go over the batches of this epoch
-- from run.batch on. Random numbers are then those of that place.
local function begin(run)
  local source, control = run.source, nil
  run:begin_epoch_of(run.data)
  if run.batch > 0 and type(source) == "table" and source.seek then
    control = source:seek(run.batch)
  else
    for _ = 1, run.batch do
      control = source(nil, control)
      if control == nil then
        core.fail("rnn.fit: option 'data' gave %d batches in epoch %d before, and fewer now", run.batch, run.epoch)
      end
    end
  end
  if run.random then
    core.random_state(run.random)
    run.random = nil
  end
  return source, control
end

-- A loss or a gradient that is no number any more; value is the loss, position that of the random numbers before the
-- step. The step is run again with checks, so that the message can say where it began; batch and weights are kept in
-- the run's folder. The weights of before the epoch are put back, and the run ends, with an error or, with
-- on_nan = "stop", with history.stopped.
local function diverged(run, value, position)
  if run.shards then run.shards:look_at_failure(run, position) end
  local cause, place = require "rnn.train.autopsy"(run, position)
  local advice = run.monitor and run.monitor:advice()
  if advice then cause = ("%s. Advice: %s"):format(cause, advice) end
  run.start:restore()
  local of = run.batches and (" of %d"):format(run.batches) or ""
  local what = value - value == 0 and "a gradient is not finite" or value ~= value and "the loss is nan"
    or "the loss is " .. tostring(value)
  local message = ("%s in epoch %d, step %d%s: %s. %sThe weights are again those %s"):format(what, run.epoch, run.batch,
    of, cause, place, run.start_is)
  if run.on_nan == "error" then
    run.show:done()
    core.fail("rnn.fit: %s", message)
  end
  run.history.stopped = message
  run.left = "nan"
end

-- A layer that was put into the model after the optimiser was made is not trained; the one before it has no gradient.
local function warn_of_others(run)
  local count = 0
  for _, p in ipairs(run.others) do
    if not p.grad then count = count + 1 end
  end
  if count == 0 then return end
  run:warn(("the optimiser has %d parameters that are not the model's and that the loss does not reach; was a layer "
    .. "replaced after it was made?"):format(count))
end

-- Gradients to weights.
local function move(run, optimizer)
  local params = optimizer.params
  if run.clip_value then core.clip_grad_value(params, run.clip_value) end
  if run.clip_norm then run.norm = core.clip_grad_norm(params, run.clip_norm) end
  optimizer:step()
end

-- What follows a step of the optimisers.
local function moved(run)
  if run.step == 0 then warn_of_others(run) end
  run.step, run.lr, run.pending, run.weight = run.step + 1, run.optimizer.lr, 0, 0
  if run.average and run.average.running then run.average:update() end
  if run.step_schedule then run.step_schedule:advance() end
end

local function update(run)
  if run.shards then run.shards:end_group() end
  if run.accumulate > 1 or run.shards then
    core.scale_grad(run.optimizer.params, run.weight > 0 and 1 / run.weight or 0)
  end
  move(run, run.optimizer)
  moved(run)
end

-- Several optimisers: each in turn takes a step by its own loss, which sees what those before have changed. The sum of
-- the losses, and each; or nil when one was not finite.
local function take_turns(run, x, y, weights, random)
  local several, total, parts = run.optimizer, 0, {}
  several:follow()
  for i, optimizer in ipairs(several.each) do
    optimizer:zero_grad()
    local loss = run.turns[i](run.model, x, y, weights)
    local value = loss:item()
    if value - value == 0 then loss:backward() end
    if value - value ~= 0 or not core.grads_finite(optimizer.params) then
      diverged(run, value, random)
      return nil
    end
    move(run, optimizer)
    parts[i], total = { name = tostring(several.keys[i]), loss = value, factor = 1 }, total + value
  end
  return total, parts
end

-- What looks at a step that is done: callbacks, the clock of the checkpoint, signals. Sets run.left to leave the epoch.
local function look(run, value)
  local watchers = run.watchers
  if watchers then
    local values = run.values
    values.loss, values.lr, values.norm = value, run.lr, run.norm
    for i = 1, #watchers do
      if watchers[i]:on_step(run, run.step, values) then run.left = "callback" end
    end
  end
  local checkpoint, shards = run.checkpoint, run.shards
  local due
  if checkpoint and shards then due = shards.due or checkpoint:due_by_steps(run)
  elseif checkpoint then due = checkpoint:due(run) end
  if shards then run.signal = shards.signal else run.signal = held() end
  if run.signal then
    run.left = "signal"
  elseif due then
    checkpoint:save(run)
  end
end

-- The update of what shards have added up; false when it is not finite.
function Run:update_shards(value, random)
  self.shards:end_group()
  if not core.grads_finite(self.optimizer.params) then
    diverged(self, value, random)
    return false
  end
  update(self)
  return true
end

--- run:train_epoch(): trains over the batches from run.batch on, until they end or run.left says why it left before.
function Run:train_epoch()
  local run, model, objective, optimizer = self, self.reader or self.model, self.objective, self.optimizer
  local scores, show = run.scores, run.show
  local epoch, accumulate, no_grad = run.epoch, run.accumulate, core.no_grad
  local source, control = begin(run)
  local value
  for x, y, weights in source, nil, control do
    run.batch, run.input, run.target, run.weights = run.batch + 1, x, y, weights
    local random = core.random_position()
    local loss, prediction, target, parts
    local complete = true
    if run.turns then
      value, parts = take_turns(run, x, y, weights, random)
      if not value then return end
      moved(run)
    elseif run.shards then
      local failed
      value, failed = run.shards:step(run, x, y, weights)
      if failed then
        diverged(run, value, random)
        return
      end
      run.pending = run.pending + 1
      complete = run.pending == accumulate
      if complete and not run:update_shards(value, random) then return end
    else
      if run.pending == 0 then optimizer:zero_grad() end
      loss, prediction, target, parts = objective(model, x, y, weights)
      value = loss:item()
      if value - value ~= 0 then
        diverged(run, value, random)
        return
      end
      if run.penalty then loss = run.penalty:add(loss) end
      if accumulate > 1 then -- the mean over the group: each batch counts by its valid elements
        local weight = valid.count("rnn.fit", x, prediction, target, scores.padded, weights)
        loss, run.weight = loss * weight, run.weight + weight
      end
      loss:backward()
      if not core.grads_finite(optimizer.params) then
        diverged(run, value, random)
        return
      end
      run.pending = run.pending + 1
      complete = run.pending == accumulate
      if complete then update(run) end
    end
    if not run.shards then
      no_grad(scores.add, scores, x, value, prediction, target, weights, parts)
    end
    show:step(epoch, run.batch, scores:mean())
    if complete then
      safe_place(run)
      look(run, value)
      if run.left then return end
    end
  end
  if run.pending > 0 then
    if run.shards then
      if not run:update_shards(value, (core.random_position())) then return end
    else
      update(run)
    end
    look(run, value)
  end
end

-- ---- the end ----

-- However it ended.
function Run.__close(self, message)
  if self.bf16_before ~= nil then core.bf16(self.bf16_before) end
  if self.held_before then interruption.release(self.held_before) end
  if self.schedule and self.given then self.optimizer.scheduled = { lr = self.optimizer.lr, given = self.given.lr } end
  if self.lock then self.lock:close() end
  if self.penalty then self.penalty:close() end
  evaluate.read(self.data, false)
  self.model:train(self.training)
  if message ~= nil and self.watched then self:call("on_error", message) end
end

return Run
