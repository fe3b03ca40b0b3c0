-- rnn.lua: the simple recurrent layer.

local class = require "rnn.class"
local option = require "rnn.option"
local Base = require "rnn.nn.recurrent_base"

--- nn.RNN(inputs, units [, options])
---
--- Simple recurrent layers: h = tanh(W x + b + U h' + b'), h' the h of the step before. Elman 1990, "Finding structure
--- in time". local y, state = rnn(x, state): x (N, T, inputs), y (N, T, units).
--- units = {128, 64} gives each layer its own width.
--- Parameters of layer k, from 0: weight_ih_lk (units, D), weight_hh_lk (units, units), bias_ih_lk (units); with
--- layer_norm gain_ih_lk, gain_hh_lk (units); backwards with the suffix _reverse. bias_hh_lk (units) is there for
--- weights from PyTorch and stays as it is: beside bias_ih_lk it would say nothing new.
---@class nn.RNN : nn.Module
---@overload fun(inputs: integer, units: integer|integer[], options?: nn.RNN.Options): nn.RNN
local RNN = class("nn.RNN", Base)

RNN.cell, RNN.gates, RNN.states = "rnn", 1, 1

local OPTIONS = option.of("nn.RNN", Base._stacking, Base._common)

function RNN:init(inputs, units, options)
  self:_build(inputs, units, options, OPTIONS)
end

return RNN
