-- recurrent.lua: runs a cell, built in or a script's own, over the steps of a sequence.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local guard = require "rnn.guard"
local Module = require "rnn.nn.module"
local State = require "rnn.nn.state"
local owner = require "rnn.nn.owner"
local Cell = require("rnn.nn.cell").Cell

--- nn.Recurrent(cell [, options])
---
--- local y, state = layer(x, state): calls cell:step for every time step of x (N, T, inputs) and stacks the outputs,
--- y (N, T, units). A nil state is cell:initial_state(N). Steps past a sequence's length give zeros and leave its state
--- alone. Options: returns = "sequence" or "last" (the output of each sequence's last step, (N, units)).
--- Errors: a cell that nn.cell has not made.
---@class nn.Recurrent : nn.Module
---@field cell nn.Cell
---@overload fun(cell: nn.Cell, options?: { returns?: "sequence"|"last" }): nn.Recurrent
local Recurrent = class("nn.Recurrent", Module)

function Recurrent:init(cell, options)
  if not class.is_a(cell, Cell) then
    check.expected("nn.Recurrent", "argument 1 (cell)", "a cell, made by nn.cell", cell)
  end
  options = check.options("nn.Recurrent", options, { returns = "sequence" })
  self.cell = cell
  self.returns = check.one_of("nn.Recurrent", "option 'returns'", options.returns, { "sequence", "last" })
end

--- recurrent:forward(x [, state]) -> y, state
---
--- Runs the cell over x (N, T, inputs); y is (N, T, units), or (N, units) of the last step. Errors: another shape; a
--- step that returns no state; a state that another layer made, which nn.State(state) hands over.
---@param x rnn.Tensor (N, T, ...)
---@param state? any
---@return rnn.Tensor y
---@return nn.State|rnn.Tensor state
function Recurrent:forward(x, state)
  if not core.is_tensor(x) or x:ndim() < 2 or x:size(2) == 0 then
    core.fail("%s: expected input (N, T, %s) of one step or more, got %s", self:describe(),
      tostring(self.cell.inputs or "..."), check.input(x))
  end
  local lengths = x:lengths()
  local shortest = x:size(2)
  if lengths then
    for _, length in ipairs(lengths:totable()) do shortest = math.min(shortest, length) end
    x = x:zero_padding():without_lengths()
  end
  state = self.cell:begin(owner.check(self, state), x:size(1))
  local outputs, last, step = {}, nil, guard.inner(self.cell.step) -- whose cells may leave out t
  for t = 1, x:size(2) do
    local y, new_state = step(self.cell, core.select(x, 2, t), state, core.full({ x:size(1), 1 }, t))
    if new_state == nil then core.fail("%s: its step returned no new state (output, state)", self.cell:describe()) end
    if t > shortest then
      local valid = core.reshape(core.ge(lengths, t), -1, 1)
      state = State.map(function(new, old) return core.where(valid, new, old) end, new_state, state)
      last = core.where(valid, y, last or 0)
      y = core.where(valid, y, 0)
    else
      state, last = new_state, y
    end
    outputs[t] = y
  end
  state = owner.mark(self, state)
  if self.returns == "last" then return last, state end
  local y = core.stack(outputs, 2)
  return lengths and y:with_lengths(lengths) or y, state
end

Recurrent.stream = Recurrent.forward

function Recurrent:describe()
  local returns = self.returns ~= "sequence" and (", returns = %q"):format(self.returns) or ""
  return ("nn.Recurrent(%s%s)"):format(self.cell:describe(), returns)
end

function Recurrent:config()
  return { class = "nn.Recurrent", args = { self.cell }, options = { returns = self.returns } }
end

return Recurrent
