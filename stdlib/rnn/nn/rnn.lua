-- rnn.lua: the simple recurrent layer.

local class = require "rnn.class"
local check = require "rnn.check"
local Base = require "rnn.nn.recurrent_base"

--- nn.RNN(inputs, units [, options])
---
--- Simple recurrent layers: h = tanh(W x + b + U h' + b'), h' the h of the step before. Elman 1990, "Finding structure
--- in time". local y, state = rnn(x, state): x (N, T, inputs), y (N, T, units).
--- Options: layers = 1 (stacked), returns = "sequence" or "last" (the output of the last step only, (N, units)),
--- activation = "tanh" or "relu", kernel = "glorot_uniform", recurrent = "orthogonal" (names in nn.initializers or
--- functions). Parameters of layer k, from 0: weight_ih_lk (units, D), weight_hh_lk (units, units), bias_ih_lk,
--- bias_hh_lk (units).
---@class nn.RNN : nn.Module
---@overload fun(inputs: integer, units: integer, options?: table): nn.RNN
local RNN = class("nn.RNN", Base)

RNN.cell, RNN.gates, RNN.states = "rnn", 1, 1

function RNN:init(inputs, units, options)
  options = self:build(inputs, units, options, { activation = "tanh" })
  self.activation = check.one_of("nn.RNN", "option 'activation'", options.activation, { "tanh", "relu" })
end

return RNN
