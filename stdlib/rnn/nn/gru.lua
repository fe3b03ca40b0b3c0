-- gru.lua: gated recurrent unit.

local class = require "rnn.class"
local option = require "rnn.option"
local Base = require "rnn.nn.recurrent_base"

--- nn.GRU(inputs, units [, options])
---
--- Gated recurrent unit: r z = sigmoid(W x + b + U h' + b'), n = tanh(W x + b + r (U h' + b')), h = (1-z) n + z h'.
--- Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", with the reset gate after the product
--- as in Keras and PyTorch. local y, state = gru(x, state): x (N, T, inputs), y (N, T, units).
--- units = {128, 64} gives each layer its own width.
--- Parameters of layer k, from 0, gates in the order r z n: weight_ih_lk (3 units, D), weight_hh_lk (3 units, units),
--- bias_ih_lk, bias_hh_lk (3 units); with layer_norm gain_ih_lk, gain_hh_lk (3 units); backwards with the suffix
--- _reverse.
---@class nn.GRU : nn.Module
---@overload fun(inputs: integer, units: integer|integer[], options?: nn.GRU.Options): nn.GRU
local GRU = class("nn.GRU", Base)

GRU.cell, GRU.gates, GRU.states = "gru", 3, 1

local OPTIONS = option.of("nn.GRU", Base._stacking, Base._common, {
  Base._gate_activation,
  { "reset", "after", option.one_of { "after", "before" }, "before the product: n = tanh(W x + b + U (r h') + b'), "
    .. "Cho's first reading" },
  { "chrono", nil, option.int(2), "the steps of the longest memory: biases of z start at the logarithms of random "
    .. "times up to it (Tallec, Ollivier 2018, \"Can recurrent neural networks warp time?\")" },
})

function GRU:init(inputs, units, options)
  options = self:_build(inputs, units, options, OPTIONS)
  for _, part in ipairs(self.parts) do
    local n = part.units
    local rates = Base._chrono(options, n)
    if rates then self[part.names[3]]:detach():rows(n + 1, 2 * n):assign(rates) end -- z is the second gate
  end
end

return GRU
