-- sru.lua: the simple recurrent unit: all products are of the input.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

--- cells.SRU(inputs, units [, options])
---
--- f = sigmoid(W x + v c' + b), c = f c' + (1 - f) W x, r = sigmoid(W x + v c' + b), h = r c + (1 - r) alpha x. Lei et
--- al. 2018, "Simple recurrent units for highly parallelizable recurrence", arXiv 1709.02755, equations 1 to 4. Where
--- inputs are not as many as units, a product of its own stands for x. x (N, inputs), y = h (N, units); the state is c
--- (N, units). Parameters, in the order f r c (x): weight_ih (3 or 4 units, inputs), weight_c (2 units) for v of f and
--- r, from within +-0.05, bias_ih (2 units).
---@class cells.SRU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.SRU.Options): cells.SRU
local SRU = zoo.cell("SRU", {
  { "highway_bias", 0, option.number(), "where b of r starts; alpha = sqrt(1 + 2 exp(highway_bias))" },
  zoo.kernel,
}, function(self, options)
  self.count = self.inputs == self.units and 3 or 4
  self.alpha = math.sqrt(1 + 2 * math.exp(options.highway_bias))
  self.weight_ih = zoo.parameter(options.kernel, self.count * self.units, self.inputs)
  self.weight_c = zoo.parameter(function(t) t:uniform_(-0.05, 0.05) end, 2 * self.units)
  self.bias_ih = zoo.zeros(2 * self.units)
  zoo.gate(self, 2, options.highway_bias)
end)

function SRU:step(x, before)
  local xf, xr, xc, way = zoo.split(core.linear(x, self.weight_ih), self.count)
  local vf, vr = zoo.rows(self.weight_c, 2)
  local bf, br = zoo.rows(self.bias_ih, 2)
  local f = (xf + vf * before + bf):sigmoid()
  local r = (xr + vr * before + br):sigmoid()
  local c = f * before + (1 - f) * xc
  return r * c + (1 - r) * (self.alpha * (way or x)), c
end

return SRU
