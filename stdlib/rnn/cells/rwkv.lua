-- rwkv.lua: the time mixing of RWKV-4: attention as a running mean.

local core = require "rnn.core"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

local NOTHING = -1e30 -- the exponent of weights that nothing has yet

--- cells.RWKV(inputs, units [, options])
---
--- r k v = W (m x + (1 - m) x'), each with its own m; wkv is the mean of all v so far, by the weights exp(k - w age)
--- and exp(k + u) for the newest, w = exp(decay); y = W (sigmoid(r) wkv). Peng et al. 2023, "RWKV: reinventing RNNs for
--- the transformer era", arXiv 2305.13048; computed as in its appendix, with the largest exponent taken out. x (N,
--- inputs), y (N, units); the state is { x', a, b, p }: the input before (N, inputs), sums of weighted v and of
--- weights, divided by exp(p), and p (N, units). Parameters, of which the vectors start as in the first layer of the
--- paper's models: mix (3, inputs), weight_ih (3 units, inputs) in the order r k v, decay, bonus u (units), weight_out
--- (units, units).
---@class cells.RWKV : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.RWKV.Options): cells.RWKV
local RWKV = zoo.cell("RWKV", { zoo.kernel }, function(self, options)
  local inputs, units = self.inputs, self.units
  self.mix = zoo.parameter(function(t)
    local place = (core.arange(inputs):to_float() - 1) / inputs
    t:assign(core.stack({ place:sqrt(), place, place }, 1))
  end, 3, inputs)
  self.weight_ih = zoo.parameter(options.kernel, 3 * units, inputs)
  self.decay = zoo.parameter(function(t)
    t:assign(((core.arange(units):to_float() - 1) / math.max(units - 1, 1)) ^ 0.7 * 8 - 5)
  end, units)
  self.bonus = zoo.parameter(function(t)
    for k = 1, units do t:set(k, math.log(0.3) + 0.5 * (k % 3 - 1)) end
  end, units)
  self.weight_out = zoo.parameter(options.kernel, units, units)
end)

function RWKV:step(x, state)
  local last, a, b, p = zoo.state(self, state, "{x', a, b, p}")
  local mixed = {}
  for i, weight in ipairs { zoo.rows(self.weight_ih, 3) } do
    local m = core.select(self.mix, 1, i)
    mixed[i] = linear(m * x + (1 - m) * last, weight)
  end
  local r, k, v = table.unpack(mixed)
  local now = k + self.bonus
  local most = core.maximum(p, now)
  local old, new = (p - most):exp(), (now - most):exp()
  local wkv = (old * a + new * v) / (old * b + new)
  local faded = p - self.decay:exp()
  most = core.maximum(faded, k)
  old, new = (faded - most):exp(), (k - most):exp()
  return linear(r:sigmoid() * wkv, self.weight_out), { x, old * a + new * v, old * b + new, most }
end

function RWKV:initial_state(batch)
  return { core.zeros(batch, self.inputs), core.zeros(batch, self.units), core.zeros(batch, self.units),
    core.full({ batch, self.units }, NOTHING) }
end

return RWKV
