-- jordan.lua: the network that is fed its output.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.Jordan(inputs, units [, options])
---
--- h = f(W x + U s' + b), y = f_y(V h + c), s = decay s' + y: the network sees its outputs, not its hidden units.
--- Jordan 1986, "Serial order: a parallel distributed processing approach", ICS report 8604. x (N, inputs), y (N,
--- outputs); the state is s (N, outputs). Parameters: weight_ih (units, inputs), weight_hh (units, outputs), bias_ih
--- (units), weight_out (outputs, units), bias_out (outputs).
---@class cells.Jordan : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.Jordan.Options): cells.Jordan
local Jordan = zoo.cell("Jordan", {
  { "outputs", nil, option.int(1), "width of y; units where it is not given" },
  { "decay", 0, option.number(), "how much of older outputs stays" },
  { "activation", "tanh", zoo.activation, "f" },
  { "output_activation", "identity", zoo.activation, "f_y" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self.outputs, self.decay = options.outputs or self.units, options.decay
  self.f, self.f_y = zoo.activations[options.activation], zoo.activations[options.output_activation]
  self.weight_ih = zoo.parameter(options.kernel, self.units, self.inputs)
  self.weight_hh = zoo.parameter(options.recurrent, self.units, self.outputs)
  self.bias_ih = zoo.zeros(self.units)
  self.weight_out = zoo.parameter(options.kernel, self.outputs, self.units)
  self.bias_out = zoo.zeros(self.outputs)
end)

function Jordan:step(x, s)
  local h = self.f(linear(x, self.weight_ih, self.bias_ih) + linear(s, self.weight_hh))
  local y = self.f_y(linear(h, self.weight_out, self.bias_out))
  return y, self.decay == 0 and y or self.decay * s + y
end

function Jordan:initial_state(batch) return core.zeros(batch, self.outputs) end

return Jordan
