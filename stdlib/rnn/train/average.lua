-- average.lua: an average of a model's weights over its last steps, which is often better than the last weights.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local Weights = require "rnn.train.weights"

--- rnn.Average(model, { decay = 0.999 })
---
--- An exponential moving average of all weights (Polyak, Juditsky 1992): average:update() after each step of the
--- optimiser takes average = decay * average + (1 - decay) * weights; the first update copies them. average:swap()
--- exchanges the model's weights and the averaged ones: to measure or to save the model with averaged weights, swap
--- before and again after. rnn.fit has it as option average. Errors: a decay outside 0 .. 1.
---@class rnn.Average
---@field decay number
---@field updates integer
---@overload fun(model: nn.Module, options?: { decay?: number }): rnn.Average
local Average = class("rnn.Average")

function Average:init(model, options)
  local fname = "rnn.Average"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  self.decay = check.number(fname, "option 'decay'", check.options(fname, options, { decay = 0.999 }).decay, 0, 1)
  self.weights, self.updates = Weights(model), 0
end

--- average:update(): takes in the weights that the model has now.
function Average:update()
  local decay = self.updates == 0 and 0 or self.decay
  core.average_step(self.weights.kept, self.weights.live, decay)
  self.updates = self.updates + 1
end

--- average:swap(): exchanges the model's weights and the averaged ones.
function Average:swap()
  self.weights:swap()
end

function Average:state()
  return { updates = self.updates, weights = self.weights:state() }
end

function Average:load_state(saved, _)
  self.weights:load_state(saved.weights)
  self.updates = saved.updates
end

return { Average = Average }
