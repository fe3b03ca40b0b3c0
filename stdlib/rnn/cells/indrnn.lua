-- indrnn.lua: units that see only themselves.

local core = require "rnn.core"
local check = require "rnn.check"
local zoo = require "rnn.cells.zoo"

--- cells.IndRNN(inputs, units [, options])
---
--- h = f(W x + u h' + b), u h' unit by unit: units meet in the next layer. Li et al. 2018, "Independently recurrent
--- neural network (IndRNN)", arXiv 1803.04831. x (N, inputs), y = h (N, units); the state is h. Parameters: weight_ih
--- (units, inputs), weight_hh (units), uniform in 0..1, bias_ih (units).
---@class cells.IndRNN : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.IndRNN.Options): cells.IndRNN
local IndRNN = zoo.cell("IndRNN", {
  { "activation", "relu", zoo.activation, "f" },
  { "bound", nil, check.positive, "|u| is held below it; the paper has 2^(1/T) for T steps that are to be remembered" },
  zoo.kernel,
}, function(self, options)
  self.f, self.bound = zoo.activations[options.activation], options.bound
  zoo.weights(self, options, 1)
  self.weight_hh = zoo.parameter(function(t) t:uniform_(0, 1) end, self.units)
end)

function IndRNN:step(x, h)
  local u = self.bound and self.weight_hh:clamp(-self.bound, self.bound) or self.weight_hh
  h = self.f(core.linear(x, self.weight_ih, self.bias_ih) + u * h)
  return h, h
end

return IndRNN
