-- run.lua: what a call of rnn.fit holds, and what ends with it.

local core = require "rnn.core"
local class = require "rnn.class"
local evaluate = require "rnn.train.evaluate"
local interruption = require "rnn.train.interruption"

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
  io.stderr:write(core.isatty(2) and "\r\27[K" or "", "rnn.fit: ", text, "\n")
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

--- run:position() -> source, control: what `for x, y in source, nil, control do` needs to go over the batches of this
--- epoch from run.batch on. Random numbers are then those of that place.
function Run:position()
  local source, control = self.source, nil
  self:begin_epoch_of(self.data)
  if self.batch > 0 and type(source) == "table" and source.seek then
    control = source:seek(self.batch)
  else
    for _ = 1, self.batch do
      control = source(nil, control)
      if control == nil then
        core.fail("rnn.fit: option 'data' gave %d batches in epoch %d before, and fewer now", self.batch, self.epoch)
      end
    end
  end
  if self.random then
    core.random_state(self.random)
    self.random = nil
  end
  return source, control
end

-- However it ended.
function Run.__close(self, message)
  if self.held_before then interruption.release(self.held_before) end
  if self.schedule and self.given then self.optimizer.scheduled = { lr = self.optimizer.lr, given = self.given.lr } end
  if self.lock then self.lock:close() end
  evaluate.read(self.data, false)
  self.model:train(self.training)
  if message ~= nil and self.watched then self:call("on_error", message) end
end

return Run
