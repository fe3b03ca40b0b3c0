-- lru.lua: the linear recurrent unit: a diagonal of complex numbers.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.LRU(inputs, units [, options])
---
--- h = lambda h' + gamma (B x), y = Re(C h) + D x, lambda = exp(-exp(nu) + i exp(theta)) and gamma = exp(gamma_log) one
--- by one. Orvieto et al. 2023, "Resurrecting recurrent neural networks for long sequences", arXiv 2303.06349, appendix
--- A. x (N, inputs), y (N, units); the state is { re, im } of h, (N, states) each. Parameters: nu, theta, gamma_log
--- (states), b_re, b_im (states, inputs), c_re, c_im (units, states), weight_d (units, inputs).
---@class cells.LRU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.LRU.Options): cells.LRU
local LRU = zoo.cell("LRU", {
  { "states", nil, option.int(1), "width of h; units where it is not given" },
  { "r_min", 0, option.number(), "from where on |lambda| starts" },
  { "r_max", 1, option.number(), "up to where |lambda| starts" },
  { "max_phase", 6.283, option.number(), "up to which angle, in radians, lambda starts" },
}, function(self, options)
  local n, inputs = options.states or self.units, self.inputs
  local low, high = options.r_min ^ 2, options.r_max ^ 2
  self.states = n
  local function normal(deviation) return function(t) t:normal_(0, deviation) end end
  self.nu = zoo.parameter(function(t) -- |lambda|^2 is uniform; at 0 and 1 there would be no gradient
    t:uniform_(low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    t:assign((t:log() * -0.5):log())
  end, n)
  self.theta = zoo.parameter(function(t)
    t:uniform_(1e-3 * options.max_phase, options.max_phase)
    t:assign(t:log())
  end, n)
  self.gamma_log = zoo.parameter(function(t) -- sqrt(1 - |lambda|^2): |h| stays as large as B x
    t:assign((1 - (self.nu:detach():exp() * -2):exp()):log() * 0.5)
  end, n)
  self.b_re = zoo.parameter(normal((2 * inputs) ^ -0.5), n, inputs)
  self.b_im = zoo.parameter(normal((2 * inputs) ^ -0.5), n, inputs)
  self.c_re = zoo.parameter(normal(n ^ -0.5), self.units, n)
  self.c_im = zoo.parameter(normal(n ^ -0.5), self.units, n)
  self.weight_d = zoo.parameter(normal(inputs ^ -0.5), self.units, inputs)
end)

function LRU:step(x, state)
  local re, im = zoo.state(self, state, "{re, im}")
  local size, angle, gamma = (-self.nu:exp()):exp(), self.theta:exp(), self.gamma_log:exp()
  local a, b = size * angle:cos(), size * angle:sin()
  local new_re = a * re - b * im + gamma * linear(x, self.b_re)
  local new_im = a * im + b * re + gamma * linear(x, self.b_im)
  local y = linear(new_re, self.c_re) - linear(new_im, self.c_im) + linear(x, self.weight_d)
  return y, { new_re, new_im }
end

function LRU:initial_state(batch) return zoo.zero_state(batch, self.states, self.states) end

return LRU
