-- layernorm.lua: normalises the features of every single step.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

--- nn.LayerNorm(features [, options])
---
--- (..., features) -> (..., features): y = (x - mean) / sqrt(variance + epsilon) * weight + bias, with mean and
--- variance over the last axis. Ba et al. 2016, "Layer normalization". Inside a recurrent cell it keeps gradients
--- stable. Parameters: weight (features), from 1, and bias (features), from 0.
---@class nn.LayerNorm : nn.Module
---@field features integer
---@overload fun(features: integer, options?: nn.LayerNorm.Options): nn.LayerNorm
local LayerNorm = class("nn.LayerNorm", Module)

local OPTIONS = option.of("nn.LayerNorm", {
  { "epsilon", 1e-3, check.positive, "is added to the variance" },
})

function LayerNorm:init(features, options)
  self.features = check.int("nn.LayerNorm", "argument 1 (features)", features, 1)
  self.epsilon = OPTIONS:read(options).epsilon
  self.weight = parameter.new(initializers.ones, self.features)
  self.bias = parameter.new(initializers.zeros, self.features)
end

--- layernorm:forward(x) -> y
---
--- x and y are (..., features). Errors: a last axis that is not features.
---@param x rnn.Tensor (..., features)
---@return rnn.Tensor
function LayerNorm:forward(x)
  if not core.is_tensor(x) or x:ndim() == 0 or x:size(-1) ~= self.features then
    core.fail("%s: expected input (..., %d), got %s", self:describe(), self.features, check.input(x))
  end
  return core.layer_norm(x, self.weight, self.bias, self.epsilon)
end

function LayerNorm:describe()
  return ("nn.LayerNorm(%d)"):format(self.features)
end

function LayerNorm:config()
  return { class = "nn.LayerNorm", args = { self.features }, options = { epsilon = self.epsilon } }
end

return LayerNorm
