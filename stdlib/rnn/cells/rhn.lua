-- rhn.lua: the recurrent highway network: several layers from one step to the next.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.RHN(inputs, units [, options])
---
--- For each of depth micro-steps, with W x in the first: n = tanh(W x + R s + b), t = sigmoid(W x + R s + b), s = n t +
--- s (1 - t). Zilly et al. 2017, "Recurrent highway networks", arXiv 1607.03474, with coupled gates. x (N, inputs), y =
--- s (N, units); the state is s. Parameters, in the order n t: weight_ih (2 units, inputs), weight_hh, one (2 units,
--- units) for each micro-step, bias_hh, one (2 units) for each.
---@class cells.RHN : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.RHN.Options): cells.RHN
local RHN = zoo.cell("RHN", {
  { "depth", 3, option.int(1), "how many micro-steps a step has" },
  { "transform_bias", -2, option.number(), "where b of t starts: at first most is carried" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self.weight_ih, self.weight_hh, self.bias_hh = zoo.parameter(options.kernel, 2 * self.units, self.inputs), {}, {}
  for k = 1, options.depth do
    self.weight_hh[k] = zoo.parameter(options.recurrent, 2 * self.units, self.units)
    self.bias_hh[k] = zoo.parameter(function(t)
      t:rows(self.units + 1, 2 * self.units):fill_(options.transform_bias)
    end, 2 * self.units)
  end
end)

function RHN:step(x, s)
  for k, weight in ipairs(self.weight_hh) do
    local sums = linear(s, weight, self.bias_hh[k])
    if k == 1 then sums = linear(x, self.weight_ih) + sums end
    local n, t = zoo.split(sums, 2)
    s = s + t:sigmoid() * (n:tanh() - s)
  end
  return s, s
end

return RHN
