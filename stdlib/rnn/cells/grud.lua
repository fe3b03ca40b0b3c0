-- grud.lua: a gated recurrent unit of series with missing values.

local core = require "rnn.core"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.GRUD(inputs, units [, options])
---
--- A GRU whose inputs may be missing, nan: m is 1 where one is there, d the steps since it was. The last value seen,
--- x', decays to 0, the mean of scaled data, and so does h': g = exp(-max(0, w d + b)) for each input, k = exp(-max(0,
--- W d + b)); x = m x + (1 - m) g x', h' = k h', r z = sigmoid(W x + V m + U h' + b), n = tanh(W x + V m + U (r h') +
--- b), h = (1 - z) h' + z n. Che, Purushotham, Cho, Sontag, Liu 2018, "Recurrent neural networks for multivariate time
--- series with missing values", arXiv 1606.01865, equations 10 to 18. x (N, inputs), y = h (N, units); the state is
--- { h, x', d }. Parameters, in the order r z n: weight_ih (3 units, inputs), weight_mask (3 units, inputs), weight_hh
--- (3 units, units), bias_ih (3 units), input_decay, input_decay_bias (inputs), decay (units, inputs), decay_bias
--- (units).
---@class cells.GRUD : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.GRUD.Options): cells.GRUD
local GRUD = zoo.cell("GRUD", { zoo.kernel, zoo.recurrent }, function(self, options)
  zoo.weights(self, options, 3)
  self.weight_mask = zoo.parameter(options.kernel, 3 * self.units, self.inputs)
  self.input_decay = zoo.parameter(function(t) t:uniform_(0, 0.5) end, self.inputs)
  self.input_decay_bias = zoo.zeros(self.inputs)
  self.decay = zoo.parameter(options.kernel, self.units, self.inputs)
  self.decay_bias = zoo.zeros(self.units)
end)

function GRUD:step(x, state)
  local h, last, since = zoo.state(self, state, "{h, last, since}")
  local seen = core.eq(x, x)
  last = core.where(seen, x, last)
  local kept = (-(since * self.input_decay + self.input_decay_bias):relu()):exp()
  x = core.where(seen, last, kept * last)
  h = (-linear(since, self.decay, self.decay_bias):relu()):exp() * h
  local units = self.units
  local u, u_n = core.slice(self.weight_hh, 1, 1, 2 * units), core.slice(self.weight_hh, 1, 2 * units + 1, 3 * units)
  local from_x = linear(x, self.weight_ih, self.bias_ih) + linear(seen, self.weight_mask)
  local xr, xz, xn = zoo.split(from_x, 3)
  local hr, hz = zoo.split(linear(h, u), 2)
  local r, z = (xr + hr):sigmoid(), (xz + hz):sigmoid()
  h = (1 - z) * h + z * (xn + linear(r * h, u_n)):tanh()
  return h, { h, last, 1 + (1 - seen) * since }
end

function GRUD:initial_state(batch) return zoo.zero_state(batch, self.units, self.inputs, self.inputs) end

return GRUD
