-- slstm.lua: the LSTM with exponential gates.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

local NOTHING = -1e30 -- the exponent before the first input

--- cells.sLSTM(inputs, units [, options])
---
--- i = exp(...), f = sigmoid(...) or exp(...), o = sigmoid(...), z = tanh(...), each of W x + b + U h'; c = f c' + i z,
--- n = f n' + i, h = o c / n. Beck et al. 2024, "xLSTM: extended long short-term memory", arXiv 2405.04517, equations 8
--- to 17; c and n are held divided by exp(m), m = max(log f + m', log i), which changes nothing but keeps them small. x
--- (N, inputs), y = h (N, units); the state is { h, c, n, m }, (N, units) each. Parameters, in the order i f o z:
--- weight_ih (4 units, inputs), weight_hh, one (4 units / heads, units / heads) for each head, bias_ih (4 units).
--- Errors: units that heads do not divide.
---@class cells.sLSTM : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.sLSTM.Options): cells.sLSTM
local sLSTM = zoo.cell("sLSTM", {
  { "forget", "sigmoid", option.one_of { "sigmoid", "exp" }, "what f is of its sum" },
  { "heads", 1, option.int(1), "U has so many blocks: units see those of their own head" },
  { "forget_bias", 1, option.number(), "where b of f starts" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self.heads, self.exponential = options.heads, options.forget == "exp"
  if self.units % self.heads ~= 0 then
    core.fail("cells.sLSTM: option 'heads': %d heads do not divide %d units", self.heads, self.units)
  end
  local width = self.units // self.heads
  self.weight_ih, self.weight_hh = zoo.parameter(options.kernel, 4 * self.units, self.inputs), {}
  self.bias_ih = zoo.zeros(4 * self.units)
  for k = 1, self.heads do self.weight_hh[k] = zoo.parameter(options.recurrent, 4 * width, width) end
  zoo.gate(self, 2, options.forget_bias)
end)

-- U h for each of the gates, head by head.
local function from_state(self, h)
  if self.heads == 1 then return zoo.split(linear(h, self.weight_hh[1]), 4) end
  local gates = { {}, {}, {}, {} }
  for k, part in ipairs { zoo.split(h, self.heads) } do
    for g, sum in ipairs { zoo.split(linear(part, self.weight_hh[k]), 4) } do gates[g][k] = sum end
  end
  for g = 1, 4 do gates[g] = core.concat(gates[g], 2) end
  return table.unpack(gates)
end

function sLSTM:step(x, state)
  local h, c, n, m = zoo.state(self, state, "{h, c, n, m}")
  local xi, xf, xo, xz = zoo.split(linear(x, self.weight_ih, self.bias_ih), 4)
  local hi, hf, ho, hz = from_state(self, h)
  local log_i, log_f = xi + hi, xf + hf
  if not self.exponential then log_f = log_f:log_sigmoid() end
  local new_m = core.maximum(log_f + m, log_i)
  local i, f = (log_i - new_m):exp(), (log_f + m - new_m):exp()
  c = f * c + i * (xz + hz):tanh()
  n = f * n + i
  h = (xo + ho):sigmoid() * (c / n)
  return h, { h, c, n, new_m }
end

function sLSTM:initial_state(batch)
  local state = zoo.zero_state(batch, self.units, self.units, self.units)
  state[4] = core.full({ batch, self.units }, NOTHING)
  return state
end

return sLSTM
