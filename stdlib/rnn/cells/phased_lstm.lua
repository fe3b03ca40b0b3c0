-- phased_lstm.lua: an LSTM each of whose units is open for a part of its own period only.

local core = require "rnn.core"
local zoo = require "rnn.cells.zoo"
local LSTM = require "rnn.cells.lstm"

--- cells.PhasedLSTM(inputs, units [, options])
---
--- The h and c of an LSTM with peepholes, mixed with those before: c = k LSTM_c + (1 - k) c', h = k LSTM_h + (1 - k)
--- h'; of each period of a unit, k rises and falls between 0 and 1 in its first share, open, and is leak in the rest.
--- Neil, Pfeiffer, Liu 2016, "Phased LSTM", arXiv 1610.09513. x (N, inputs), y = h (N, units); the state is { h, c }.
--- Time is the number of the step, or what stands in the last column of x. Options: time = "step" or "input", open =
--- 0.05, leak = 0.001 (in training; 0 in evaluation), longest = 20 (periods start between 1 and this, logarithmically),
--- forget_bias = 1, kernel = "glorot_uniform", recurrent = "orthogonal". Parameters: those of cells.LSTM in lstm,
--- period_log, shift (units).
---@class cells.PhasedLSTM : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: table): cells.PhasedLSTM
local PhasedLSTM = zoo.cell("PhasedLSTM", {
  time = { "step", "input" }, open = 0.05, leak = 0.001, longest = 20.0, forget_bias = 1.0, kernel = "glorot_uniform",
  recurrent = "orthogonal",
}, function(self, options)
  self.time, self.open, self.leak = options.time, zoo.positive(self, options, "open"), options.leak
  self.lstm = LSTM(self.inputs, self.units, { peepholes = true, forget_bias = options.forget_bias,
    kernel = options.kernel, recurrent = options.recurrent })
  self.period_log = zoo.parameter(function(t) t:uniform_(0, math.log(options.longest)) end, self.units)
  self.shift = zoo.parameter(function(t)
    t:assign(core.rand(self.units) * self.period_log:detach():exp())
  end, self.units)
end)

function PhasedLSTM:step(x, state, t)
  local h, c = zoo.state(self, state, "{h, c}")
  if self.time == "input" then t = core.slice(x, 2, self.inputs, self.inputs) end
  local phase = (t - self.shift) / self.period_log:exp()
  phase = phase - phase:floor()
  local rising = phase * (2 / self.open)
  local leak = self.training and self.leak or 0
  local k = core.where(phase:lt(self.open / 2), rising,
    core.where(phase:lt(self.open), 2 - rising, leak * phase))
  local _, new = self.lstm:step(x, state)
  h, c = k * new[1] + (1 - k) * h, k * new[2] + (1 - k) * c
  return h, { h, c }
end

function PhasedLSTM:initial_state(batch) return zoo.zero_state(batch, self.units, self.units) end

return PhasedLSTM
