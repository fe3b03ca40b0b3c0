-- clockwork.lua: groups of units that work at rates of their own.

local core = require "rnn.core"
local option = require "rnn.option"
local zoo = require "rnn.cells.zoo"

local linear = core.linear

--- cells.Clockwork(inputs, units [, options])
---
--- h = tanh(W x + U h' + b) for the groups whose period divides the number of steps before this one, and h' for the
--- others; a group sees itself and slower ones. Periods are 1, 2, 4 ... Koutnik et al. 2014, "A clockwork RNN", arXiv
--- 1402.3511. x (N, inputs), y = h (N, units); the state is h. Parameters: weight_ih (units, inputs), weight_hh (units,
--- units), of which the lower blocks count as 0, bias_ih (units); buffers: periods (units), mask (units, units).
--- Errors: units that groups do not divide.
---@class cells.Clockwork : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: cells.Clockwork.Options): cells.Clockwork
local Clockwork = zoo.cell("Clockwork", {
  { "groups", 4, option.int(1), "how many groups there are, each with a period of its own" },
  zoo.kernel, zoo.recurrent,
}, function(self, options)
  if self.units % options.groups ~= 0 then
    core.fail("cells.Clockwork: option 'groups': %d groups do not divide %d units", options.groups, self.units)
  end
  zoo.weights(self, options, 1)
  local periods, width = {}, self.units // options.groups
  for k = 1, self.units do periods[k] = 2 ^ ((k - 1) // width) end
  self.periods = core.tensor(periods)
  self.mask = self.periods:reshape(1, -1):ge(self.periods:reshape(-1, 1))
end)

function Clockwork:step(x, h, t)
  local turns = core.sub(t, 1) / self.periods
  local new = (linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh * self.mask)):tanh()
  h = core.where(turns:eq(turns:floor()), new, h)
  return h, h
end

return Clockwork
