-- lstm.lua: long short-term memory.

local class = require "rnn.class"
local check = require "rnn.check"
local Base = require "rnn.nn.recurrent_base"

--- nn.LSTM(inputs, units [, options])
---
--- Long short-term memory: i f o = sigmoid(...), g = tanh(...), each of W x + b + U h' + b'; c = f c' + i g;
--- h = o tanh(c). Hochreiter, Schmidhuber 1997, "Long short-term memory"; forget gate: Gers et al. 2000, "Learning to
--- forget". local y, state = lstm(x, state): x (N, T, inputs), y (N, T, units), state {h1, c1, h2, c2, ...}.
--- Options: layers = 1 (stacked), returns = "sequence" or "last" (the output of the last step only, (N, units)),
--- kernel = "glorot_uniform", recurrent = "orthogonal" (names in nn.initializers or functions), forget_bias = 1 (where
--- the forget gate's bias starts; Jozefowicz et al. 2015). Parameters of layer k, from 0, gates in the order i f g o:
--- weight_ih_lk (4 units, D), weight_hh_lk (4 units, units), bias_ih_lk, bias_hh_lk (4 units).
---@class nn.LSTM : nn.Module
---@overload fun(inputs: integer, units: integer, options?: table): nn.LSTM
local LSTM = class("nn.LSTM", Base)

LSTM.cell, LSTM.gates, LSTM.states = "lstm", 4, 2

function LSTM:init(inputs, units, options)
  options = self:build(inputs, units, options, { forget_bias = 1 })
  local forget_bias = check.number("nn.LSTM", "option 'forget_bias'", options.forget_bias)
  for layer = 0, self.layers - 1 do
    self["bias_ih_l" .. layer]:detach():rows(self.units + 1, 2 * self.units):fill_(forget_bias)
  end
end

return LSTM
