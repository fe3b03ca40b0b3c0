-- mingru.lua: a GRU whose gate does not see the state.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

--- cells.minGRU(inputs, units [, options])
---
--- z = sigmoid(W x + b), n = W x + b, h = (1 - z) h' + z n: no product of the state, so all products are done at once.
--- Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201, section 3.1. x (N, inputs), y = h (N, units); the
--- state is h. Parameters, in the order z n: weight_ih (2 units, inputs), bias_ih (2 units).
---@class cells.minGRU : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.minGRU.Options): cells.minGRU
local minGRU = zoo.cell("minGRU", {
  { "chrono", nil, option.int(2), "steps of the longest memory: b of z starts at minus the logarithms of random times "
    .. "up to it (Tallec, Ollivier 2018, arXiv 1804.11188)" },
  zoo.kernel,
}, function(self, options)
  zoo.weights(self, options, 2)
  if options.chrono then zoo.gate(self, 1, -zoo.chrono(self, options.chrono)) end
end)

function minGRU:step(x, h)
  local z, n = zoo.split(core.linear(x, self.weight_ih, self.bias_ih), 2)
  z = z:sigmoid()
  h = (1 - z) * h + z * n
  return h, h
end

return minGRU
