-- elman.lua: the simple recurrent network.

local core = require "rnn.core"
local check = require "rnn.check"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.Elman(inputs, units [, options])
---
--- h = f(W x + b + U h' + b'). Elman 1990, "Finding structure in time", Cognitive Science 14. x (N, inputs), y = h (N,
--- units); the state is h. Parameters, as nn.RNN has them: weight_ih (units, inputs), weight_hh (units, units), bias_ih
--- (units), with layer_norm gain_ih, gain_hh (units); bias_hh (units) stays as it is, for it adds nothing new.
---@class cells.Elman : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.Elman.Options): cells.Elman
local Elman = zoo.cell("Elman", {
  { "activation", "tanh", zoo.activation, "f" },
  { "layer_norm", false, check.boolean, "h = f(LN(W x; g, b) + LN(U h'; g', b')) (Ba et al. 2016, arXiv 1607.06450, as "
    .. "in their LSTM)" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self:_prepare(options)
  zoo.weights(self, options, 1)
  self.bias_hh = zoo.zeros(self.units):requires_grad(false)
  if options.layer_norm then self.gain_ih, self.gain_hh = zoo.ones(self.units), zoo.ones(self.units) end
end)

-- What the step has to know beside the parameters, of the options of this cell or of nn.RNN.
function Elman:_prepare(options) self.f = zoo.activations[options.activation] end

function Elman:step(x, h)
  local bias = self.bias_ih + self.bias_hh
  if self.gain_ih then
    h = zoo.norm(linear(x, self.weight_ih), self.gain_ih, bias) + zoo.norm(linear(h, self.weight_hh), self.gain_hh)
  else
    h = linear(h, self.weight_hh, linear(x, self.weight_ih, bias))
  end
  h = self.f(h)
  return h, h
end

return Elman
