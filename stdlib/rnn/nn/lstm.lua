-- lstm.lua: long short-term memory.

local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Base = require "rnn.nn.recurrent_base"

--- nn.LSTM(inputs, units [, options])
---
--- Long short-term memory: i f o = sigmoid(...), g = tanh(...), each of W x + b + U h' + b'; c = f c' + i g;
--- h = o tanh(c). Hochreiter, Schmidhuber 1997, "Long short-term memory"; forget gate: Gers et al. 2000, "Learning to
--- forget". local y, state = lstm(x, state): x (N, T, inputs), y (N, T, units), state {h1, c1, h2, c2, ...}.
--- units = {128, 64} gives each layer its own width.
--- Parameters of layer k, from 0, gates in the order i f g o (f g o when coupled), R the width of h: weight_ih_lk
--- (4 units, D), weight_hh_lk (4 units, R), bias_ih_lk (4 units); with layer_norm gain_ih_lk, gain_hh_lk (4 units),
--- gain_c_lk, bias_c_lk (units); peephole_lk (3, units) for i f o; weight_hr_lk (R, units); backwards with the suffix
--- _reverse. bias_hh_lk (4 units) is there for weights from PyTorch and stays as it is: beside bias_ih_lk it would say
--- nothing new.
---@class nn.LSTM : nn.Module
---@overload fun(inputs: integer, units: integer|integer[], options?: nn.LSTM.Options): nn.LSTM
local LSTM = class("nn.LSTM", Base)

LSTM.cell, LSTM.gates, LSTM.states = "lstm", 4, 2

local OPTIONS = option.of("nn.LSTM", Base._stacking, Base._common, {
  Base._gate_activation,
  { "forget_bias", 1, check.number, "where the forget gate's bias starts (Jozefowicz et al. 2015)" },
  { "zoneout_cell", 0, check.rate, "rate at which units keep their c (Krueger et al. 2017)" },
  { "peepholes", false, check.boolean, "gates see c (Gers, Schmidhuber 2000)" },
  { "projection", 0, option.int(0), "the width of h, where it is not units (Sak et al. 2014)" },
  { "coupled", false, check.boolean, "i = 1 - f (Greff et al. 2017)" },
  { "chrono", nil, option.int(2), "the steps of the longest memory: biases of f start at the logarithms of random "
    .. "times up to it, of i at minus these (Tallec, Ollivier 2018, \"Can recurrent neural networks warp time?\")" },
})

function LSTM:init(inputs, units, options)
  options = self:_build(inputs, units, options, OPTIONS)
  OPTIONS:effect(options, "forget_bias", not options.chrono, "option 'chrono' sets these biases")
  for _, part in ipairs(self.parts) do
    local n = part.units
    local first = options.coupled and 0 or n -- f is the second gate, or the first
    local bias, rates = self[part.names[3]]:detach(), Base._chrono(options, n)
    bias:rows(first + 1, first + n):fill_(options.forget_bias)
    if rates then bias:rows(first + 1, first + n):assign(rates) end
    if rates and not options.coupled then bias:rows(1, n):assign(-rates) end
  end
end

return LSTM
