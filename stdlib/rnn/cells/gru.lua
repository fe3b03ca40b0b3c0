-- gru.lua: the gated recurrent unit, in both readings.

local core = require "rnn.core"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.GRU(inputs, units [, options])
---
--- r z = s(W x + b + U h' + b'), n = t(W x + b + r (U h' + b')), h = (1 - z) n + z h'. Cho et al. 2014, "Learning
--- phrase representations using RNN encoder-decoder", arXiv 1406.1078, equations 5 to 8. x (N, inputs), y = h (N,
--- units); the state is h. Options: reset = "after" the product, or "before": n = t(W x + b + U (r h') + b'), as the
--- paper has it; layer_norm = false (LN(W x; g, b) + LN(U h'; g', b'); Ba et al. 2016, arXiv 1607.06450), chrono = nil
--- (the steps of the longest memory: b of z starts at the logarithms of random times up to it; Tallec, Ollivier 2018,
--- arXiv 1804.11188), activation = "tanh" (t, a name of nn.GRU), recurrent_activation = "sigmoid" (s), kernel =
--- "glorot_uniform", recurrent = "orthogonal". Parameters, as nn.GRU has them, gates in the order r z n: weight_ih (3
--- units, inputs), weight_hh (3 units, units), bias_ih, bias_hh (3 units); with layer_norm gain_ih, gain_hh (3 units).
--- bias_hh stays as it is with reset = "before", for it adds nothing new there.
---@class cells.GRU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: table): cells.GRU
local GRU = zoo.cell("GRU", {
  reset = { "after", "before" }, layer_norm = false, chrono = zoo.unset, activation = zoo.activation_names "tanh",
  recurrent_activation = zoo.activation_names "sigmoid", kernel = "glorot_uniform", recurrent = "orthogonal",
}, function(self, options)
  local rows = 3 * self.units
  self.before = options.reset == "before"
  self.t, self.s = zoo.activations[options.activation], zoo.activations[options.recurrent_activation]
  zoo.weights(self, options, 3)
  self.bias_hh = zoo.zeros(rows):requires_grad(not self.before)
  if options.chrono then zoo.gate(self, 2, zoo.chrono(self, options.chrono)) end
  if options.layer_norm then self.gain_ih, self.gain_hh = zoo.ones(rows), zoo.ones(rows) end
end)

-- The sums of the gates first to last that h gives, normalised together.
local function from_state(self, h, first, last)
  local from, to = (first - 1) * self.units + 1, last * self.units
  local function part(t) return core.slice(t, 1, from, to) end
  if not self.gain_hh then return linear(h, part(self.weight_hh), part(self.bias_hh)) end
  return zoo.norm(linear(h, part(self.weight_hh)), part(self.gain_hh), part(self.bias_hh))
end

function GRU:step(x, h)
  local from_x = self.gain_ih and zoo.norm(linear(x, self.weight_ih), self.gain_ih, self.bias_ih)
    or linear(x, self.weight_ih, self.bias_ih)
  local xr, xz, xn = zoo.split(from_x, 3)
  local hr, hz, hn, r, z
  if self.before then
    hr, hz = zoo.split(from_state(self, h, 1, 2), 2)
    r, z = self.s(xr + hr), self.s(xz + hz)
    hn = from_state(self, r * h, 3, 3)
  else
    hr, hz, hn = zoo.split(from_state(self, h, 1, 3), 3)
    r, z = self.s(xr + hr), self.s(xz + hz)
    hn = r * hn
  end
  local n = self.t(xn + hn)
  h = n + z * (h - n)
  return h, h
end

return GRU
