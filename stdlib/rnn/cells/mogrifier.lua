-- mogrifier.lua: an LSTM whose input and state gate each other first.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"
local LSTM = require "rnn.cells.lstm"

local linear = core.linear

--- cells.Mogrifier(inputs, units [, options])
---
--- Before an LSTM, in turn: x = 2 sigmoid(Q h') x, h' = 2 sigmoid(R x) h', x = ... Melis, Kocisky, Blunsom 2020,
--- "Mogrifier LSTM", arXiv 1909.01792, equations 1 and 2. x (N, inputs), y = h (N, units); the state is { h, c }.
--- Parameters: those of cells.LSTM in lstm, gate, for each round a matrix (to, from), Q and R in turn, or with rank
--- two, gate_left (to, rank), gate_right (rank, from).
---@class cells.Mogrifier : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.Mogrifier.Options): cells.Mogrifier
local Mogrifier = zoo.cell("Mogrifier", {
  { "rounds", 5, option.int(1), "how often one of x and h' is gated" },
  { "rank", nil, option.int(1), "Q and R are products of matrices of this rank" },
  { "forget_bias", 1, option.number(), "where b of the LSTM's f starts" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  local rank = options.rank
  self.rounds = options.rounds
  self.lstm = LSTM(self.inputs, self.units, { forget_bias = options.forget_bias, kernel = options.kernel,
    recurrent = options.recurrent })
  self.gate, self.gate_left, self.gate_right = not rank and {} or nil, rank and {} or nil, rank and {} or nil
  for k = 1, self.rounds do
    local to, from = self.inputs, self.units
    if k % 2 == 0 then to, from = from, to end
    if rank then
      self.gate_left[k] = zoo.parameter(options.kernel, to, rank)
      self.gate_right[k] = zoo.parameter(options.kernel, rank, from)
    else
      self.gate[k] = zoo.parameter(options.kernel, to, from)
    end
  end
end)

function Mogrifier:step(x, state)
  local h, c = zoo.state(self, state, "{h, c}")
  local function gate(k, from)
    if self.gate then return 2 * linear(from, self.gate[k]):sigmoid() end
    return 2 * linear(linear(from, self.gate_right[k]), self.gate_left[k]):sigmoid()
  end
  for k = 1, self.rounds do
    if k % 2 == 1 then x = gate(k, h) * x else h = gate(k, x) * h end
  end
  return self.lstm:step(x, { h, c })
end

function Mogrifier:initial_state(batch) return zoo.zero_state(batch, self.units, self.units) end

return Mogrifier
