-- gru.lua: the gated recurrent unit, in both readings.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.GRU(inputs, units [, options])
---
--- r z = s(W x + b + U h' + b'), n = t(W x + b + r (U h' + b')), h = (1 - z) n + z h'. Cho et al. 2014, "Learning
--- phrase representations using RNN encoder-decoder", arXiv 1406.1078, equations 5 to 8. x (N, inputs), y = h (N,
--- units); the state is h. Parameters, as nn.GRU has them, gates in the order r z n: weight_ih (3 units, inputs),
--- weight_hh (3 units, units), bias_ih, bias_hh (3 units); with layer_norm gain_ih, gain_hh (3 units). bias_hh stays as
--- it is with reset = "before", for it adds nothing new there.
---@class cells.GRU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.GRU.Options): cells.GRU
local GRU = zoo.cell("GRU", {
  { "reset", "after", option.one_of { "after", "before" }, "after the product, or before it: n = t(W x + b + U (r h') "
    .. "+ b'), as the paper has it" },
  { "layer_norm", false, check.boolean, "LN(W x; g, b) + LN(U h'; g', b') (Ba et al. 2016, arXiv 1607.06450)" },
  { "chrono", nil, option.int(2), "steps of the longest memory: b of z starts at the logarithms of random times up to "
    .. "it (Tallec, Ollivier 2018, arXiv 1804.11188)" },
  { "activation", "tanh", zoo.activation, "t" },
  { "recurrent_activation", "sigmoid", zoo.activation, "s" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  local rows = 3 * self.units
  self:_prepare(options)
  zoo.weights(self, options, 3)
  self.bias_hh = zoo.zeros(rows):requires_grad(not self.before)
  if options.chrono then zoo.gate(self, 2, zoo.chrono(self, options.chrono)) end
  if options.layer_norm then self.gain_ih, self.gain_hh = zoo.ones(rows), zoo.ones(rows) end
end)

-- What the step has to know beside the parameters, of the options of this cell or of nn.GRU.
function GRU:_prepare(options)
  self.before = options.reset == "before"
  self.t, self.s = zoo.activations[options.activation], zoo.activations[options.recurrent_activation]
end

-- Rows of a parameter: those of r and z, and those of n.
local function parts(self, t)
  local units = self.units
  return core.slice(t, 1, 1, 2 * units), core.slice(t, 1, 2 * units + 1, 3 * units)
end

-- The bias beside W x, and that of n beside U h, which is reset with it.
local function biases(self)
  if self.before then return self.bias_ih + self.bias_hh, nil end
  local rz, n = parts(self, self.bias_ih)
  local more, reset = parts(self, self.bias_hh)
  return core.concat({ rz + more, n }, 1), reset
end

function GRU:step(x, h)
  local bias, bias_n = biases(self)
  local u, u_n = parts(self, self.weight_hh)
  local xr, xz, xn, r, z, n
  if not self.gain_ih then
    local from_x = linear(x, self.weight_ih, bias)
    xn = core.slice(from_x, 2, 2 * self.units + 1, 3 * self.units)
    r, z = zoo.split(linear(h, u, core.slice(from_x, 2, 1, 2 * self.units)), 2)
    r, z = self.s(r), self.s(z)
    if self.before then n = linear(r * h, u_n, xn) else n = xn + r * linear(h, u_n, bias_n) end
  else
    xr, xz, xn = zoo.split(zoo.norm(linear(x, self.weight_ih), self.gain_ih, bias), 3)
    if self.before then
      local gain, gain_n = parts(self, self.gain_hh)
      r, z = zoo.split(zoo.norm(linear(h, u), gain), 2)
      r, z = self.s(xr + r), self.s(xz + z)
      n = xn + zoo.norm(linear(r * h, u_n), gain_n)
    else
      local none = core.zeros(2 * self.units)
      r, z, n = zoo.split(zoo.norm(linear(h, self.weight_hh), self.gain_hh, core.concat({ none, bias_n }, 1)), 3)
      r, z = self.s(xr + r), self.s(xz + z)
      n = xn + r * n
    end
  end
  n = self.t(n)
  h = n + z * (h - n)
  return h, h
end

return GRU
