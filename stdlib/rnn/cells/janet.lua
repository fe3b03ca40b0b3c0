-- janet.lua: just another network: an LSTM with nothing but its forget gate.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.JANET(inputs, units [, options])
---
--- s = W x + U h' + b, n = tanh(W x + U h' + b), h = sigmoid(s) h' + (1 - sigmoid(s - beta)) n. Van der Westhuizen,
--- Lasenby 2018, "The unreasonable effectiveness of the forget gate", arXiv 1804.04849. x (N, inputs), y = h (N,
--- units); the state is h. Parameters, in the order s n: weight_ih (2 units, inputs), weight_hh (2 units, units),
--- bias_ih (2 units).
---@class cells.JANET : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.JANET.Options): cells.JANET
local JANET = zoo.cell("JANET", {
  { "beta", 1, option.number(), "lets in a little more than is forgotten" },
  { "chrono", nil, option.int(2), "steps of the longest memory: b of s starts at the logarithms of random times up to "
    .. "it, in place of forget_bias; the paper has it" },
  { "forget_bias", 1, option.number(), "where b of s starts" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self.beta = options.beta
  zoo.weights(self, options, 2)
  zoo.gate(self, 1, options.chrono and zoo.chrono(self, options.chrono) or options.forget_bias)
end)

function JANET:step(x, h)
  local s, n = zoo.split(linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh), 2)
  h = s:sigmoid() * h + (1 - (s - self.beta):sigmoid()) * n:tanh()
  return h, h
end

return JANET
