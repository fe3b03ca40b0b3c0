-- lmu.lua: the Legendre memory unit: a sliding window of the past as polynomials.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

-- exp(a dt) and the integral of exp(a s) b over a step: the last column of the exponential of [a b; 0 0], by its series
-- for a part of the step and squaring.
local function discretised(order, theta)
  local rows = {}
  for i = 0, order do
    rows[i + 1] = {}
    for j = 0, order do
      local scale = (2 * i + 1) / theta
      local value = i < j and -scale or (i - j) % 2 == 0 and -scale or scale
      if j == order then value = i % 2 == 0 and scale or -scale end -- b
      rows[i + 1][j + 1] = i == order and 0 or value
    end
  end
  local a = core.tensor(rows)
  local halvings = math.max(0, math.ceil(math.log(a:abs():sum(2):max():item(), 2)) + 1)
  a = a / 2.0 ^ halvings
  local sum, term = core.eye(order + 1) + a, a
  for k = 2, 16 do
    term = term:matmul(a) / k
    sum = sum + term
  end
  for _ = 1, halvings do sum = sum:matmul(sum) end
  return sum:slice(1, 1, order):slice(2, 1, order):copy(), sum:slice(1, 1, order):select(2, order + 1):copy()
end

--- cells.LMU(inputs, units [, options])
---
--- u = e x + e h' + e m', m = A m' + B u, h = tanh(W x + W h' + W m): m holds the coefficients of Legendre polynomials
--- that draw u over the last theta steps; A and B are not trained. Voelker, Kajic, Eliasmith 2019, "Legendre memory
--- units", NeurIPS, held constant for a step. x (N, inputs), y = h (N, units); the state is { h, m }, m (N, order).
--- Parameters: encoder_x (1, inputs), encoder_h (1, units), encoder_m (1, order), which starts at 0, weight_ih (units,
--- inputs), weight_hh (units, units), weight_mh (units, order); buffers: memory_a (order, order), memory_b (order).
---@class cells.LMU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.LMU.Options): cells.LMU
local LMU = zoo.cell("LMU", {
  { "order", 16, option.int(1), "how many coefficients there are" },
  { "theta", 100, check.positive, "steps of the window" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self.order = options.order
  self.encoder_x = zoo.parameter(options.kernel, 1, self.inputs)
  self.encoder_h = zoo.parameter(options.kernel, 1, self.units)
  self.encoder_m = zoo.zeros(1, self.order)
  self.weight_ih = zoo.parameter(options.kernel, self.units, self.inputs)
  self.weight_hh = zoo.parameter(options.recurrent, self.units, self.units)
  self.weight_mh = zoo.parameter(options.kernel, self.units, self.order)
  self.memory_a, self.memory_b = discretised(self.order, options.theta)
end)

function LMU:step(x, state)
  local h, m = zoo.state(self, state, "{h, m}")
  local u = linear(x, self.encoder_x) + linear(h, self.encoder_h) + linear(m, self.encoder_m)
  m = linear(m, self.memory_a) + u * self.memory_b
  h = (linear(x, self.weight_ih) + linear(h, self.weight_hh) + linear(m, self.weight_mh)):tanh()
  return h, { h, m }
end

function LMU:initial_state(batch) return zoo.zero_state(batch, self.units, self.order) end

return LMU
