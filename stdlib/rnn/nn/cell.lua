-- cell.lua: cells, one time step each, written from ordinary ops. nn.RNNCell, nn.LSTMCell and nn.GRUCell are the
-- readable twins of the engine: the same formulas and parameter names (without _l0), against which the engine is
-- tested. nn.cell (define.lua) makes a script's own from the same base.

local core = require "rnn.core"
local split = require "rnn.shapes".split
local class = require "rnn.class"
local check = require "rnn.check"
local guard = require "rnn.guard"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local owner = require "rnn.state"._owner
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

local cells = {}

--- nn.Cell
---
--- Base of all cells. cell(x, state [, t]) calls cell:step(x, state, t) -> output, new state; t (N, 1) is the number of
--- the step, which a cell whose step takes it has to be given with a state; nn.Recurrent counts by itself. The state is
--- a tensor or a table of tensors, (N, units) each. A call refuses a state that another layer made; nn.State(state)
--- hands it over.
---@class nn.Cell : nn.Module
local Cell = class("nn.Cell", Module)
cells.Cell = Cell

--- cell:step(x, state, t) -> y, state
---
--- One time step: x (N, inputs), y (N, units). Errors: a state of another structure.
---@param x rnn.Tensor (N, inputs)
---@param state any what the cell returned last, or cell:initial_state(N)
---@param t rnn.Tensor (N, 1), the number of the step, from 1
function Cell:step(_, _, _)
  core.fail("%s: has no step; write function %s:step(x, state)", self:describe(), self:describe())
end

-- Does its step take the number of the step?
function Cell:_takes_t()
  local step = guard.inner(self.step)
  local info = debug.getinfo(step, "u")
  return info.isvararg or info.nparams > 3 and debug.getlocal(step, 4) ~= "_"
end

function Cell:forward(x, state, t)
  check.tensor(self:describe(), "input", x)
  if t == nil and state ~= nil and self:_takes_t() then
    core.fail("%s: its step takes t, the number of the step, (N, 1): cell(x, state, t)", self:describe())
  end
  if t ~= nil then check.tensor(self:describe(), "argument 3 (t)", t, "float", 2) end
  local n = x:size(1)
  local y, new = guard.inner(self.step)(self, x, self:begin(owner.take(self, state), n), t or core.ones(n, 1))
  return y, owner.mark(self, new)
end

-- The state before a first step: given, or zeros. A table of one tensor will do where the state is a tensor.
function Cell:begin(state, batch)
  if state == nil then return self:initial_state(batch) end
  local alone = type(state) == "table" and core.is_tensor(state[1]) and next(state, next(state)) == nil
  if alone and (self.initial_state == Cell.initial_state or core.is_tensor(self:initial_state(batch))) then
    return state[1]
  end
  return state
end

--- cell:initial_state(batch) -> state
---
--- The zero state for a batch. A cell whose state is not one tensor (N, units) has its own.
---@param batch integer
---@return rnn.Tensor|table
function Cell:initial_state(batch)
  if math.type(self.units) ~= "integer" then
    core.fail("%s: has no field 'units', so its zero state is unknown: write function %s:initial_state(batch)",
      self:describe(), self:describe())
  end
  return core.zeros(check.int("nn.Cell:initial_state", "argument 1 (batch)", batch, 0), self.units)
end

--- cell:explain() -> text
---
--- How the cell runs over sequences: nn.Recurrent(cell):explain().
---@return string
function Cell:explain() return require "rnn.nn.recurrent"(self):explain() end

local FILLS = {
  { "kernel", "glorot_uniform", parameter.initializer, "first values of weight_ih" },
  { "recurrent", "orthogonal", parameter.initializer, "first values of weight_hh" },
}

-- A class of this file, with the parameters that all three have; more: rows of further options.
local function builtin(name, gates, more)
  local cls = class("nn." .. name, Cell)
  local declaration = option.of("nn." .. name, more, FILLS)
  function cls:_build(inputs, units, options)
    local fname = cls.__name
    self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
    self.units = check.int(fname, "argument 2 (units)", units, 1)
    options = declaration:read(options)
    self.weight_ih = parameter.new(options.kernel, gates * self.units, self.inputs)
    self.weight_hh = parameter.new(options.recurrent, gates * self.units, self.units)
    self.bias_ih = parameter.new(initializers.zeros, gates * self.units)
    self.bias_hh = parameter.new(initializers.zeros, gates * self.units)
    return options
  end
  function cls:describe()
    return ("nn.%s(%d -> %d)"):format(name, self.inputs, self.units)
  end
  function cls:config()
    return { class = cls.__name, args = { self.inputs, self.units },
      options = self.activation and { activation = self.activation } }
  end
  cells[name] = cls
  return cls
end

--- nn.RNNCell(inputs, units [, options])
---
--- One step of nn.RNN: x (N, inputs), h (N, units) -> h, h.
---@class nn.RNNCell : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: nn.RNNCell.Options): nn.RNNCell
local RNNCell = builtin("RNNCell", 1, {
  { "activation", "tanh", option.one_of { "tanh", "relu" }, "of the new values" },
})

function RNNCell:init(inputs, units, options)
  self.activation = self:_build(inputs, units, options).activation
end

function RNNCell:step(x, h, _)
  h = core.linear(x, self.weight_ih, self.bias_ih) + core.linear(h, self.weight_hh, self.bias_hh)
  h = core[self.activation](h)
  return h, h
end

--- nn.LSTMCell(inputs, units [, options])
---
--- One step of nn.LSTM: x (N, inputs), {h, c} -> h, {h, c}.
---@class nn.LSTMCell : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: nn.LSTMCell.Options): nn.LSTMCell
local LSTMCell = builtin("LSTMCell", 4, {
  { "forget_bias", 1, option.number(), "where the biases of f start" },
})

function LSTMCell:init(inputs, units, options)
  options = self:_build(inputs, units, options)
  self.bias_ih:detach():rows(self.units + 1, 2 * self.units):fill_(options.forget_bias)
end

function LSTMCell:step(x, state, _)
  -- A tensor has entries 1 and 2 as well: rows.
  if type(state) ~= "table" then check.expected(self:describe(), "state", "{h, c}", state) end
  local h, c = state[1], state[2]
  local sums = core.linear(x, self.weight_ih, self.bias_ih) + core.linear(h, self.weight_hh, self.bias_hh)
  local i, f, g, o = table.unpack(split(sums, 2, 4))
  i, f, g, o = i:sigmoid(), f:sigmoid(), g:tanh(), o:sigmoid() -- names that layer:record takes
  c = f * c + i * g
  h = o * c:tanh()
  return h, { h, c }
end

function LSTMCell:initial_state(batch)
  check.int("nn.LSTMCell:initial_state", "argument 1 (batch)", batch, 0)
  return { core.zeros(batch, self.units), core.zeros(batch, self.units) }
end

--- nn.GRUCell(inputs, units [, options])
---
--- One step of nn.GRU: x (N, inputs), h (N, units) -> h, h.
---@class nn.GRUCell : nn.Cell
---@overload fun(inputs: integer, units: integer, options?: nn.GRUCell.Options): nn.GRUCell
local GRUCell = builtin("GRUCell", 3, {})

GRUCell.init = GRUCell._build

function GRUCell:step(x, h, _)
  local xr, xz, xn = table.unpack(split(core.linear(x, self.weight_ih, self.bias_ih), 2, 3))
  local hr, hz, hn = table.unpack(split(core.linear(h, self.weight_hh, self.bias_hh), 2, 3))
  local r, z = (xr + hr):sigmoid(), (xz + hz):sigmoid()
  local n = (xn + r * hn):tanh()
  h = (1 - z) * n + z * h
  return h, h
end

return cells
