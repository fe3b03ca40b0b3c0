-- antisymmetric.lua: a step of a stable differential equation.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.Antisymmetric(inputs, units [, options])
---
--- h = h' + step tanh(A h' + V x + b), A = U - U^T - damping I: its eigenvalues are imaginary but for the damping.
--- Gated h = h' + step z tanh(...), z = sigmoid(A h' + V x + b) with a V and b of its own. Chang, Chen, Haber, Chi
--- 2019, "AntisymmetricRNN: a dynamical system view on recurrent neural networks", arXiv 1902.09689. x (N, inputs), y =
--- h (N, units); the state is h. Parameters: weight_ih (units, inputs), bias_ih (units), gated twice as many rows, the
--- second for z; weight_hh (units, units).
---@class cells.Antisymmetric : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.Antisymmetric.Options): cells.Antisymmetric
local Antisymmetric = zoo.cell("Antisymmetric", {
  { "gated", false, check.boolean, "a gate z says how far each unit steps" },
  { "step", 0.1, option.number(), "step of the equation's solution" },
  { "damping", 0.01, option.number(), "how fast the state fades without input" },
  zoo.kernel,
  { "recurrent", "glorot_normal", zoo.recurrent[3], zoo.recurrent[4] },
}, function(self, options)
  self.gated, self.size, self.damping = options.gated, options.step, options.damping
  local rows = (self.gated and 2 or 1) * self.units
  self.weight_ih, self.bias_ih = zoo.parameter(options.kernel, rows, self.inputs), zoo.zeros(rows)
  self.weight_hh = zoo.parameter(options.recurrent, self.units, self.units)
end)

function Antisymmetric:step(x, h)
  local push = linear(h, self.weight_hh - self.weight_hh:transpose(1, 2)) - self.damping * h
  local v, z = zoo.split(linear(x, self.weight_ih, self.bias_ih), self.gated and 2 or 1)
  local change = (push + v):tanh()
  if z then change = (push + z):sigmoid() * change end
  h = h + self.size * change
  return h, h
end

return Antisymmetric
