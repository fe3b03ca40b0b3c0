-- rnn.lua: the simple recurrent layer.

local class = require "rnn.class"
local Base = require "rnn.nn.recurrent_base"

--- nn.RNN(inputs, units [, options])
---
--- Simple recurrent layers: h = tanh(W x + b + U h' + b'), h' the h of the step before. Elman 1990, "Finding structure
--- in time". local y, state = rnn(x, state): x (N, T, inputs), y (N, T, units).
--- Options of all three: layers = 1 (stacked; units = {128, 64} gives each its own width), returns = "sequence", "last"
--- (the output of the last step only, (N, outputs)) or "both" (y, state, last), bidirectional = false with merge =
--- "concat", "sum" or "mean" (Schuster, Paliwal 1997), residual = false (adds the input of each layer but the first),
--- dropout = 0 (between layers), recurrent_dropout = 0 (one mask for all steps; Gal, Ghahramani 2016), zoneout = 0
--- (Krueger et al. 2017), layer_norm = false (inside the cell; Ba et al. 2016), activation = "tanh" ("relu", "sigmoid",
--- "hard_sigmoid", "softsign", "leaky_relu", "selu", "identity"), initial_state = "zeros" or "trained", recompute =
--- false (true, or the steps of a segment: runs segments again in backward, so memory grows with the square root of T;
--- Chen et al. 2016), kernel = "glorot_uniform", recurrent = "orthogonal" (names in nn.initializers or functions).
--- Parameters of layer k, from 0: weight_ih_lk (units, D), weight_hh_lk (units, units), bias_ih_lk (units); with
--- layer_norm gain_ih_lk, gain_hh_lk (units); backwards with the suffix _reverse. bias_hh_lk (units) is there for
--- weights from PyTorch and stays as it is: beside bias_ih_lk it would say nothing new.
---@class nn.RNN : nn.Module
---@overload fun(inputs: integer, units: integer|integer[], options?: table): nn.RNN
local RNN = class("nn.RNN", Base)

RNN.cell, RNN.gates, RNN.states = "rnn", 1, 1

function RNN:init(inputs, units, options)
  self:_build(inputs, units, options, {})
end

return RNN
