-- ugrnn.lua: the update gate recurrent network.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.UGRNN(inputs, units [, options])
---
--- g = sigmoid(W x + U h' + b), c = tanh(W x + U h' + b), h = g h' + (1 - g) c. Collins, Sohl-Dickstein, Sussillo 2017,
--- "Capacity and trainability in recurrent neural networks", arXiv 1611.09913. x (N, inputs), y = h (N, units); the
--- state is h.
--- Parameters, in the order g c: weight_ih (2 units, inputs), weight_hh (2 units, units), bias_ih (2 units).
---@class cells.UGRNN : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.UGRNN.Options): cells.UGRNN
local UGRNN = zoo.cell("UGRNN", {
  { "forget_bias", 1, option.number(), "where b of g starts" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  zoo.weights(self, options, 2)
  zoo.gate(self, 1, options.forget_bias)
end)

function UGRNN:step(x, h)
  local g, c = zoo.split(linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh), 2)
  g, c = g:sigmoid(), c:tanh()
  h = g * h + (1 - g) * c
  return h, h
end

return UGRNN
