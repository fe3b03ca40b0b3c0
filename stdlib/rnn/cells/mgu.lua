-- mgu.lua: the minimal gated unit.

local core = require "rnn.core"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.MGU(inputs, units [, options])
---
--- f = sigmoid(W x + U h' + b), n = tanh(W x + U (f h') + b), h = (1 - f) h' + f n: a GRU whose gates are one. Zhou,
--- Wu, Zhang, Zhou 2016, "Minimal gated unit for recurrent neural networks", arXiv 1603.09420. x (N, inputs), y = h (N,
--- units); the state is h. Parameters, in the order f n: weight_ih (2 units, inputs), weight_hh (2 units, units),
--- bias_ih (2 units).
---@class cells.MGU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.MGU.Options): cells.MGU
local MGU = zoo.cell("MGU", { zoo.kernel, zoo.recurrent }, function(self, options)
  zoo.weights(self, options, 2)
end)

function MGU:step(x, h)
  local xf, xn = zoo.split(linear(x, self.weight_ih, self.bias_ih), 2)
  local to_f, to_n = zoo.rows(self.weight_hh, 2)
  local f = (xf + linear(h, to_f)):sigmoid()
  local n = (xn + linear(f * h, to_n)):tanh()
  h = h + f * (n - h)
  return h, h
end

return MGU
