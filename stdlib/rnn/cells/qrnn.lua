-- qrnn.lua: the quasi-recurrent network: a convolution, and pooling over time.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

--- cells.QRNN(inputs, units [, options])
---
--- z = tanh(W X), f o i = sigmoid(W X) of the last inputs X = x'' x' x side by side; c = f c' + (1 - f) z, y = o c.
--- Bradbury, Merity, Xiong, Socher 2017, "Quasi-recurrent neural networks", arXiv 1611.01576, section 2; with b, as its
--- implementations have it. x (N, inputs), y (N, units); the state is { c, x', x'' ... }, c (N, units), the inputs
--- before (N, inputs). Parameters, in the order z f (o i): weight_ih (gates units, window inputs), bias_ih (gates
--- units).
---@class cells.QRNN : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.QRNN.Options): cells.QRNN
local QRNN = zoo.cell("QRNN", {
  { "pooling", "fo", option.one_of { "fo", "f", "ifo" }, "as above, y = c, or c = f c' + i z" },
  { "window", 2, option.int(1), "inputs in X; 1: of this step alone, which may be convolved before" },
  zoo.kernel,
}, function(self, options)
  self.gates, self.window = #options.pooling + 1, options.window
  self.weight_ih = zoo.parameter(options.kernel, self.gates * self.units, self.window * self.inputs)
  self.bias_ih = zoo.zeros(self.gates * self.units)
end)

function QRNN:step(x, state)
  zoo.state(self, state, "{c, x' ...}")
  local c, seen, new = state[1], { x }, {}
  for k = 2, self.window do -- the newest comes first in the state, and last in X
    table.insert(seen, 1, state[k])
    new[k] = k == 2 and x or state[k - 1]
  end
  local X = self.window > 1 and core.concat(seen, 2) or x
  local z, f, o, i = zoo.split(core.linear(X, self.weight_ih, self.bias_ih), self.gates)
  f, z = f:sigmoid(), z:tanh()
  c = f * c + (i and i:sigmoid() or 1 - f) * z
  new[1] = c
  return o and o:sigmoid() * c or c, new
end

function QRNN:initial_state(batch)
  local state = { core.zeros(batch, self.units) }
  for k = 2, self.window do state[k] = core.zeros(batch, self.inputs) end
  return state
end

return QRNN
