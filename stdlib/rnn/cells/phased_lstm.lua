-- phased_lstm.lua: an LSTM each of whose units is open for a part of its own period only.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"
local LSTM = require "rnn.cells.lstm"

--- cells.PhasedLSTM(inputs, units [, options])
---
--- The h and c of an LSTM with peepholes, mixed with those before: c = k LSTM_c + (1 - k) c', h = k LSTM_h + (1 - k)
--- h'; of each period of a unit, k rises and falls between 0 and 1 in its first share, open, and is leak in the rest.
--- Neil, Pfeiffer, Liu 2016, "Phased LSTM", arXiv 1610.09513. x (N, inputs), y = h (N, units); the state is { h, c }.
--- Parameters: those of cells.LSTM in lstm, period_log, shift (units).
---@class cells.PhasedLSTM : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.PhasedLSTM.Options): cells.PhasedLSTM
local PhasedLSTM = zoo.cell("PhasedLSTM", {
  { "time", "step", option.one_of { "step", "input" }, "the number of the step, or what stands in the last column of "
    .. "x" },
  { "open", 0.05, check.positive, "share of a period in which a unit is open" },
  { "leak", 0.001, option.number(), "k of a unit that is not open, in training; 0 in evaluation" },
  { "longest", 20, option.number(), "periods start between 1 and this, logarithmically" },
  { "forget_bias", 1, option.number(), "where b of the LSTM's f starts" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  self.time, self.open, self.leak = options.time, options.open, options.leak
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
