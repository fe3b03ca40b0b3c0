-- batchnorm.lua: normalises each feature over the batch.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

--- nn.BatchNorm(features [, options])
---
--- (..., features) -> (..., features): each feature less its mean over all rows and valid steps, over its deviation,
--- times weight, plus bias. In evaluation the running statistics take the batch's place. Ioffe, Szegedy 2015, "Batch
--- normalization". Between recurrent layers, not over time inside them. Parameters: weight, bias (features); buffers:
--- running_mean, running_var (features).
---@class nn.BatchNorm : nn.Module
---@field features integer
---@field running_mean rnn.Tensor
---@field running_var rnn.Tensor
---@overload fun(features: integer, options?: nn.BatchNorm.Options): nn.BatchNorm
local BatchNorm = class("nn.BatchNorm", Module)

local OPTIONS = option.of("nn.BatchNorm", {
  { "momentum", 0.99, option.number(0, 1), "running = momentum * running + (1 - momentum) * batch" },
  { "epsilon", 1e-3, check.positive, "is added to the variance" },
})

function BatchNorm:init(features, options)
  self.features = check.int("nn.BatchNorm", "argument 1 (features)", features, 1)
  options = OPTIONS:read(options)
  self.momentum, self.epsilon = options.momentum, options.epsilon
  self.weight = parameter.new(initializers.ones, self.features)
  self.bias = parameter.new(initializers.zeros, self.features)
  self.running_mean = core.zeros(self.features)
  self.running_var = core.ones(self.features)
end

--- batchnorm:forward(x) -> y
---
--- x and y are (..., features). Errors: a last axis that is not features; in training, one valid row only, for it is
--- its own mean: leave a last batch of one row out by drop_last, or take larger batches.
---@param x rnn.Tensor (..., features)
---@return rnn.Tensor
function BatchNorm:forward(x)
  if not core.is_tensor(x) or x:ndim() == 0 or x:size(-1) ~= self.features then
    core.fail("%s: expected input (..., %d), got %s", self:describe(), self.features, check.input(x))
  end
  return core.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.momentum, self.epsilon,
    self.training)
end

function BatchNorm:describe()
  return ("nn.BatchNorm(%d)"):format(self.features)
end

function BatchNorm:config()
  return {
    class = "nn.BatchNorm",
    args = { self.features },
    options = { momentum = self.momentum, epsilon = self.epsilon },
  }
end

return BatchNorm
