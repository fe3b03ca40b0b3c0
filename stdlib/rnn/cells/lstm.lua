-- lstm.lua: long short-term memory and its variants.

local core = require "rnn.core"
local split = require "rnn.shapes".split
local check = require "rnn.check"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.LSTM(inputs, units [, options])
---
--- i f o = s(W x + b + U h' + b'), g = t(W x + b + U h' + b'), c = f c' + i g, m = o t(c), y = h = m. Hochreiter,
--- Schmidhuber 1997, "Long short-term memory"; forget gate: Gers et al. 2000, "Learning to forget"; the variants as
--- Greff et al. 2017, "LSTM: a search space odyssey", arXiv 1503.04069, names them. x (N, inputs), y (N, units); the
--- state is { h, c }.
--- Parameters, as nn.LSTM has them, gates in the order i f g o, without those that are missing, R the width of h:
--- weight_ih (4 units, inputs), weight_hh (4 units, R), bias_ih (4 units); with layer_norm gain_ih, gain_hh (4 units),
--- gain_c, bias_c (units); peephole (3, units) for i f o; weight_hr (R, units). bias_hh (4 units) stays as it is, for
--- it adds nothing new.
---@class cells.LSTM : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.LSTM.Options): cells.LSTM
local LSTM = zoo.cell("LSTM", {
  { "peepholes", false, check.boolean, "i and f see c', o sees c, unit by unit (Gers, Schmidhuber 2000)" },
  { "coupled", false, check.boolean, "i = 1 - f (CIFG)" },
  { "without", "nothing", option.one_of { "nothing", "input_gate", "forget_gate", "output_gate", "input_activation",
    "output_activation" }, "what is left out: i = 1 (NIG), f = 1 (NFG), o = 1 (NOG), g is its sum (NIAF), m = o c "
    .. "(NOAF)" },
  { "projection", nil, option.int(1), "y = h = W m of that width (Sak et al. 2014, arXiv 1402.1128)" },
  { "layer_norm", false, check.boolean, "LN(W x; g, b) + LN(U h'; g', b'), m = o t(LN(c)) (Ba et al. 2016, arXiv "
    .. "1607.06450, equations 20 to 22)" },
  { "forget_bias", 1, option.number(), "where b of f starts (Jozefowicz et al. 2015)" },
  { "chrono", nil, option.int(2), "steps of the longest memory: b of f starts at the logarithms of random times up to "
    .. "it, that of i at minus these (Tallec, Ollivier 2018, arXiv 1804.11188)" },
  { "activation", "tanh", zoo.activation, "t" },
  { "recurrent_activation", "sigmoid", zoo.activation, "s" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  local units, without = self.units, options.without
  if options.coupled and (without == "input_gate" or without == "forget_gate") then
    core.fail("cells.LSTM: option 'coupled' needs the gate that option 'without' takes away")
  end
  self.outputs = options.projection or units
  self:_prepare(options)
  local rows = self.count * units
  self.weight_ih = zoo.parameter(options.kernel, rows, self.inputs)
  self.weight_hh = zoo.parameter(options.recurrent, rows, self.outputs)
  self.bias_ih = zoo.zeros(rows)
  self.bias_hh = zoo.zeros(rows):requires_grad(false)
  if options.layer_norm then
    self.gain_ih, self.gain_hh = zoo.ones(rows), zoo.ones(rows)
    self.gain_c, self.bias_c = zoo.ones(units), zoo.zeros(units)
  end
  if options.peepholes then self.peephole = zoo.zeros(3, units) end
  if options.projection then self.weight_hr = zoo.parameter(options.kernel, self.outputs, units) end
  local rates = options.chrono and zoo.chrono(self, options.chrono)
  if self.gates.f then zoo.gate(self, self.gates.f, rates or options.forget_bias) end
  if self.gates.i and rates then zoo.gate(self, self.gates.i, -rates) end
end)

-- What the step has to know beside the parameters, of the options of this cell or of nn.LSTM.
function LSTM:_prepare(options)
  local without = options.without
  self.coupled = options.coupled
  self.t, self.s = zoo.activations[options.activation], zoo.activations[options.recurrent_activation]
  self.t_g = without == "input_activation" and zoo.activations.identity or self.t
  self.t_c = without == "output_activation" and zoo.activations.identity or self.t
  self.gates = {} -- their places among the sums
  local count = 0
  for _, gate in ipairs { "i", "f", "g", "o" } do
    local missing = gate == "i" and (options.coupled or without == "input_gate")
      or gate == "f" and without == "forget_gate" or gate == "o" and without == "output_gate"
    if not missing then count, self.gates[gate] = count + 1, count + 1 end
  end
  self.count = count
end

-- The sums of all gates, in the order of their weights.
local function sums_of(self, x, h)
  local bias = self.bias_ih + self.bias_hh
  if not self.gain_ih then return linear(h, self.weight_hh, linear(x, self.weight_ih, bias)) end
  return zoo.norm(linear(x, self.weight_ih), self.gain_ih, bias) + zoo.norm(linear(h, self.weight_hh), self.gain_hh)
end

function LSTM:step(x, state)
  local h, before = zoo.state(self, state, "{h, c}")
  local sums, at = split(sums_of(self, x, h), 2, self.count), self.gates
  local function gate(k, peephole, c)
    if not k then return nil end
    return self.s(self.peephole and sums[k] + self.peephole[peephole] * c or sums[k])
  end
  local f, i = gate(at.f, 2, before), gate(at.i, 1, before)
  local g = self.t_g(sums[at.g])
  if self.coupled then i = 1 - f end
  local new = i and i * g or g
  local c = f and core.fma(f, before, new) or before + new
  local o = gate(at.o, 3, c)
  h = self.t_c(self.gain_c and zoo.norm(c, self.gain_c, self.bias_c) or c)
  if o then h = o * h end
  if self.weight_hr then h = linear(h, self.weight_hr) end
  return h, { h, c }
end

function LSTM:initial_state(batch) return zoo.zero_state(batch, self.outputs, self.units) end

return LSTM
