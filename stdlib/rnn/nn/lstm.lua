-- lstm.lua: long short-term memory.

local class = require "rnn.class"
local check = require "rnn.check"
local Base = require "rnn.nn.recurrent_base"

--- nn.LSTM(inputs, units [, options])
---
--- Long short-term memory: i f o = sigmoid(...), g = tanh(...), each of W x + b + U h' + b'; c = f c' + i g;
--- h = o tanh(c). Hochreiter, Schmidhuber 1997, "Long short-term memory"; forget gate: Gers et al. 2000, "Learning to
--- forget". local y, state = lstm(x, state): x (N, T, inputs), y (N, T, units), state {h1, c1, h2, c2, ...}.
--- Options of all three: layers = 1 (stacked; units = {128, 64} gives each its own width), returns = "sequence", "last"
--- (the output of the last step only, (N, outputs)) or "both" (y, state, last), bidirectional = false with merge =
--- "concat", "sum" or "mean" (Schuster, Paliwal 1997), residual = false (adds the input of each layer but the first),
--- dropout = 0 (between layers), recurrent_dropout = 0 (one mask for all steps; Gal, Ghahramani 2016), zoneout = 0
--- (Krueger et al. 2017), layer_norm = false (inside the cell; Ba et al. 2016), activation = "tanh" ("relu", "sigmoid",
--- "hard_sigmoid", "softsign", "leaky_relu", "selu", "identity"), initial_state = "zeros" or "trained", recompute =
--- false (true, or the steps of a segment: runs segments again in backward, so memory grows with the square root of T;
--- Chen et al. 2016), kernel = "glorot_uniform", recurrent = "orthogonal" (names in nn.initializers or functions).
--- Options of its own: recurrent_activation = "sigmoid" (of the gates), forget_bias = 1 (where the forget gate's bias
--- starts; Jozefowicz et al. 2015), zoneout_cell = 0, peepholes = false (Gers, Schmidhuber 2000), projection = 0 (the
--- width of h when it is not units; Sak et al. 2014), coupled = false (i = 1 - f; Greff et al. 2017), chrono = nil (the
--- steps of the longest memory: biases of f start at the logarithms of random times up to it, of i at minus these, in
--- place of forget_bias; Tallec, Ollivier 2018, "Can recurrent neural networks warp time?").
--- Parameters of layer k, from 0, gates in the order i f g o (f g o when coupled), R the width of h: weight_ih_lk
--- (4 units, D), weight_hh_lk (4 units, R), bias_ih_lk (4 units); with layer_norm gain_ih_lk, gain_hh_lk (4 units),
--- gain_c_lk, bias_c_lk (units); peephole_lk (3, units) for i f o; weight_hr_lk (R, units); backwards with the suffix
--- _reverse. bias_hh_lk (4 units) is there for weights from PyTorch and stays as it is: beside bias_ih_lk it would say
--- nothing new.
---@class nn.LSTM : nn.Module
---@overload fun(inputs: integer, units: integer|integer[], options?: table): nn.LSTM
local LSTM = class("nn.LSTM", Base)

LSTM.cell, LSTM.gates, LSTM.states = "lstm", 4, 2

local own = {
  recurrent_activation = "sigmoid", forget_bias = 1, zoneout_cell = 0, peepholes = false, projection = 0,
  coupled = false, chrono = check.none,
}

function LSTM:init(inputs, units, options)
  if type(options) == "table" and options.projection ~= nil then
    check.int("nn.LSTM", "option 'projection'", options.projection, 0)
  end
  options = self:_build(inputs, units, options, own)
  check.effect("nn.LSTM", options, own, "forget_bias", not options.chrono, "option 'chrono' sets these biases")
  local forget_bias = check.number("nn.LSTM", "option 'forget_bias'", options.forget_bias)
  for _, part in ipairs(self.parts) do
    local n = part.units
    local first = options.coupled and 0 or n -- f is the second gate, or the first
    local bias, rates = self[part.names[3]]:detach(), self:_chrono(options, n)
    bias:rows(first + 1, first + n):fill_(forget_bias)
    if rates then bias:rows(first + 1, first + n):assign(rates) end
    if rates and not options.coupled then bias:rows(1, n):assign(-rates) end
  end
end

return LSTM
