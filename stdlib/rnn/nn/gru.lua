-- gru.lua: gated recurrent unit.

local class = require "rnn.class"
local Base = require "rnn.nn.recurrent_base"

--- nn.GRU(inputs, units [, options])
---
--- Gated recurrent unit: r z = sigmoid(W x + b + U h' + b'), n = tanh(W x + b + r (U h' + b')), h = (1-z) n + z h'.
--- Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", with the reset gate after the product
--- as in Keras and PyTorch. local y, state = gru(x, state): x (N, T, inputs), y (N, T, units).
--- Options: layers = 1 (stacked), returns = "sequence" or "last" (the output of the last step only, (N, units)),
--- kernel = "glorot_uniform", recurrent = "orthogonal" (names in nn.initializers or functions). Parameters of layer k,
--- from 0, gates in the order r z n: weight_ih_lk (3 units, D), weight_hh_lk (3 units, units), bias_ih_lk, bias_hh_lk
--- (3 units).
---@class nn.GRU : nn.Module
---@overload fun(inputs: integer, units: integer, options?: table): nn.GRU
local GRU = class("nn.GRU", Base)

GRU.cell, GRU.gates, GRU.states = "gru", 3, 1

function GRU:init(inputs, units, options)
  self:build(inputs, units, options, {})
end

return GRU
