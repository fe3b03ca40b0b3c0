-- irnn.lua: rectified units that start by remembering everything.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

local function narrow(t) t:normal_(0, 0.001) end

--- cells.IRNN(inputs, units [, options])
---
--- h = relu(W x + b + U h'), U starting as the identity times scale. Le, Jaitly, Hinton 2015, "A simple way to
--- initialize recurrent networks of rectified linear units", arXiv 1504.00941. x (N, inputs), y = h (N, units); the
--- state is h. Parameters: weight_ih (units, inputs), weight_hh (units, units), bias_ih (units).
---@class cells.IRNN : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.IRNN.Options): cells.IRNN
local IRNN = zoo.cell("IRNN", {
  { "scale", 1, option.number(), "smaller where long memory is not wanted" },
  { "kernel", nil, zoo.kernel[3], "first values of weight_ih; normal, with deviation 0.001, where it is not given, as "
    .. "in the paper" },
}, function(self, options)
  options.kernel = options.kernel or narrow
  zoo.weights(self, options, 1)
  self.weight_hh = zoo.parameter(function(t) t:assign(core.eye(self.units) * options.scale) end, self.units, self.units)
end)

function IRNN:step(x, h)
  h = (linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh)):relu()
  return h, h
end

return IRNN
