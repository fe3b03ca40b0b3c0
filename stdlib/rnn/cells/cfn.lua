-- cfn.lua: the chaos free network.

local core = require "rnn.core"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.CFN(inputs, units [, options])
---
--- f i = sigmoid(V x + U h' + b), h = f tanh(h') + i tanh(W x): without input it always comes to rest. Laurent, von
--- Brecht 2017, "A recurrent neural network without chaos", arXiv 1612.06212, equations 1 and 2. x (N, inputs), y = h
--- (N, units); the state is h. Parameters: weight_ih (3 units, inputs) for f, i and W, weight_hh (2 units, units) and
--- bias_ih (2 units) for f, i; b starts at 1 for f and at -1 for i.
---@class cells.CFN : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.CFN.Options): cells.CFN
local CFN = zoo.cell("CFN", { zoo.kernel, zoo.recurrent }, function(self, options)
  self.weight_ih = zoo.parameter(options.kernel, 3 * self.units, self.inputs)
  self.weight_hh = zoo.parameter(options.recurrent, 2 * self.units, self.units)
  self.bias_ih = zoo.zeros(2 * self.units)
  zoo.gate(self, 1, 1)
  zoo.gate(self, 2, -1)
end)

function CFN:step(x, h)
  local xf, xi, w = zoo.split(linear(x, self.weight_ih), 3)
  local hf, hi = zoo.split(linear(h, self.weight_hh, self.bias_ih), 2)
  h = (xf + hf):sigmoid() * h:tanh() + (xi + hi):sigmoid() * w:tanh()
  return h, h
end

return CFN
