-- linear.lua: y = x W' + b, on the last axis.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

--- nn.Linear(inputs, units [, options])
---
--- A dense layer: (..., inputs) -> (..., units), the same at every time step.
--- Parameters: weight (units, inputs), bias (units), which starts at 0.
---@class nn.Linear : nn.Module
---@field inputs integer
---@field units integer
---@field weight rnn.Tensor
---@field bias? rnn.Tensor
---@overload fun(inputs: integer, units: integer, options?: nn.Linear.Options): nn.Linear
local Linear = class("nn.Linear", Module)

local OPTIONS = option.of("nn.Linear", {
  { "bias", true, check.boolean, "adds a bias" },
  { "kernel", "glorot_uniform", parameter.initializer, "first values of weight" },
})

function Linear:init(inputs, units, options)
  self.inputs = check.int("nn.Linear", "argument 1 (inputs)", inputs, 1)
  self.units = check.int("nn.Linear", "argument 2 (units)", units, 1)
  options = OPTIONS:read(options)
  self.weight = parameter.new(options.kernel, self.units, self.inputs)
  if options.bias then self.bias = parameter.new(initializers.zeros, self.units) end
end

--- linear:forward(x) -> y
---
--- Errors: an x whose last axis is not inputs.
---@param x rnn.Tensor (..., inputs)
---@return rnn.Tensor y (..., units)
function Linear:forward(x)
  if not core.is_tensor(x) or x:ndim() == 0 or x:size(-1) ~= self.inputs then
    core.fail("%s: expected input (..., %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  return core.linear(x, self.weight, self.bias)
end

function Linear:describe()
  return ("nn.Linear(%d -> %d%s)"):format(self.inputs, self.units, self.bias and "" or ", bias = false")
end

function Linear:config()
  return { class = "nn.Linear", args = { self.inputs, self.units }, options = { bias = self.bias ~= nil } }
end

return Linear
