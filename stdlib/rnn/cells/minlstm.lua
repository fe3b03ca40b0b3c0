-- minlstm.lua: an LSTM whose gates do not see the state.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

--- cells.minLSTM(inputs, units [, options])
---
--- f i = sigmoid(W x + b), n = W x + b, h = f / (f + i) h' + i / (f + i) n: the gates add up to 1. Feng et al. 2024,
--- "Were RNNs all we needed?", arXiv 2410.01201, section 3.2. x (N, inputs), y = h (N, units); the state is h.
--- Parameters, in the order f i n: weight_ih (3 units, inputs), bias_ih (3 units).
---@class cells.minLSTM : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.minLSTM.Options): cells.minLSTM
local minLSTM = zoo.cell("minLSTM", {
  { "forget_bias", 0, option.number(), "where b of f starts" },
  zoo.kernel,
}, function(self, options)
  zoo.weights(self, options, 3)
  zoo.gate(self, 1, options.forget_bias)
end)

function minLSTM:step(x, h)
  local f, i, n = zoo.split(core.linear(x, self.weight_ih, self.bias_ih), 3)
  f = (f:log_sigmoid() - i:log_sigmoid()):sigmoid() -- sigmoid(f) / (sigmoid(f) + sigmoid(i)), which may be 0 / 0
  h = f * h + (1 - f) * n
  return h, h
end

return minLSTM
