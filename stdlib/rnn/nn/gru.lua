-- gru.lua: gated recurrent unit.

local class = require "rnn.class"
local check = require "rnn.check"
local Base = require "rnn.nn.recurrent_base"

--- nn.GRU(inputs, units [, options])
---
--- Gated recurrent unit: r z = sigmoid(W x + b + U h' + b'), n = tanh(W x + b + r (U h' + b')), h = (1-z) n + z h'.
--- Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", with the reset gate after the product
--- as in Keras and PyTorch. local y, state = gru(x, state): x (N, T, inputs), y (N, T, units).
--- Options of all three: layers = 1 (stacked; units = {128, 64} gives each its own width), returns = "sequence", "last"
--- (the output of the last step only, (N, outputs)) or "both" (y, state, last), bidirectional = false with merge =
--- "concat", "sum" or "mean" (Schuster, Paliwal 1997), residual = false (adds the input of each layer but the first),
--- dropout = 0 (between layers), recurrent_dropout = 0 (one mask for all steps; Gal, Ghahramani 2016), zoneout = 0
--- (Krueger et al. 2017), layer_norm = false (inside the cell; Ba et al. 2016), activation = "tanh" ("relu", "sigmoid",
--- "hard_sigmoid", "softsign", "leaky_relu", "selu", "identity"), initial_state = "zeros" or "trained", recompute =
--- false (true, or the steps of a segment: runs segments again in backward, so memory grows with the square root of T;
--- Chen et al. 2016), kernel = "glorot_uniform", recurrent = "orthogonal" (names in nn.initializers or functions).
--- Options of its own: recurrent_activation = "sigmoid" (of the gates), reset = "after" or "before" the product:
--- n = tanh(W x + b + U (r h') + b'), Cho's first reading; chrono = nil (the steps of the longest memory: biases of z
--- start at the logarithms of random times up to it; Tallec, Ollivier 2018, "Can recurrent neural networks warp
--- time?").
--- Parameters of layer k, from 0, gates in the order r z n: weight_ih_lk (3 units, D), weight_hh_lk (3 units, units),
--- bias_ih_lk, bias_hh_lk (3 units); with layer_norm gain_ih_lk, gain_hh_lk (3 units); backwards with the suffix
--- _reverse.
---@class nn.GRU : nn.Module
---@overload fun(inputs: integer, units: integer|integer[], options?: table): nn.GRU
local GRU = class("nn.GRU", Base)

GRU.cell, GRU.gates, GRU.states = "gru", 3, 1

local own = { recurrent_activation = "sigmoid", reset = "after", chrono = check.none }

function GRU:init(inputs, units, options)
  options = self:_build(inputs, units, options, own)
  check.one_of("nn.GRU", "option 'reset'", options.reset, { "after", "before" })
  for _, part in ipairs(self.parts) do
    local n = part.units
    local rates = self:_chrono(options, n)
    if rates then self[part.names[3]]:detach():rows(n + 1, 2 * n):assign(rates) end -- z is the second gate
  end
end

return GRU
