-- zoo.lua: what the files of the zoo share: classes with checked arguments, their parameters, and short forms.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local split = require "rnn.shapes".split
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"
local scripted = require "rnn.nn.scripted"
local Cell = require "rnn.nn.cell".Cell

local zoo = {}

local function identity(x) return x end

--- zoo.activations: name -> function of a tensor of any shape, the names of option activation of nn.LSTM.
zoo.activations = {
  tanh = core.tanh, relu = core.relu, sigmoid = core.sigmoid, hard_sigmoid = core.hard_sigmoid,
  softsign = core.softsign, identity = identity,
  selu = function(x) -- as the layers of nn have always rounded it
    local below = x:lt(0)
    return 1.0507009873554805 * core.where(below, 1.6732632423543772 * (core.where(below, x, 0):exp() - 1), x)
  end,
  leaky_relu = function(x) return core.leaky_relu(x, 0.2) end,
}

local names = {}
for name in pairs(zoo.activations) do names[#names + 1] = name end
table.sort(names)

--- zoo.activation: the check of an option that has such a name.
zoo.activation = option.one_of(names)

--- zoo.kernel, zoo.recurrent: rows of options for the first values of parameters.
zoo.kernel = { "kernel", "glorot_uniform", parameter.initializer, "first values of weight_ih and other matrices" }
zoo.recurrent = { "recurrent", "orthogonal", parameter.initializer, "first values of weight_hh" }

local Base = class("cells.Cell", Cell)

function Base:describe() return ("%s(%d -> %d)"):format(getmetatable(self).__name, self.inputs, self.units) end

--- zoo.cell(name, rows, init) -> class
---
--- The class cells.NAME: its constructor (inputs, units [, options]) checks all three and calls init(cell, options).
--- rows: those of its options, as option.of takes them.
---@param name string
---@param rows table[]
---@param init fun(self: nn.Cell, options: table)
---@return table
function zoo.cell(name, rows, init)
  local fname = "cells." .. name
  local declaration = option.of(fname, rows)
  return scripted.define(fname, fname, function(self, inputs, units, options)
    self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
    self.units = check.int(fname, "argument 2 (units)", units, 1)
    init(self, declaration:read(options))
  end, Base)
end

--- zoo.parameter(fill, ...) -> tensor of the sizes ... that requires a gradient, filled by fill
zoo.parameter = parameter.new

--- zoo.zeros(...), zoo.ones(...): parameters of the sizes ... that start at 0 and at 1
function zoo.zeros(...) return parameter.new(initializers.zeros, ...) end
function zoo.ones(...) return parameter.new(initializers.ones, ...) end

--- zoo.weights(cell, options, gates)
---
--- Gives the cell weight_ih (gates units, inputs), weight_hh (gates units, units) where there is an option recurrent,
--- and bias_ih (gates units), from 0.
function zoo.weights(cell, options, gates)
  cell.weight_ih = parameter.new(options.kernel, gates * cell.units, cell.inputs)
  if options.recurrent then cell.weight_hh = parameter.new(options.recurrent, gates * cell.units, cell.units) end
  cell.bias_ih = zoo.zeros(gates * cell.units)
end

--- zoo.gate(cell, k, value): the bias of gate k starts at value, a number or a tensor (units).
function zoo.gate(cell, k, value)
  local rows = cell.bias_ih:detach():rows((k - 1) * cell.units + 1, k * cell.units)
  if core.is_tensor(value) then rows:assign(value) else rows:fill_(value) end
end

--- zoo.chrono(cell, steps) -> tensor (units)
---
--- log(u), u uniform in 1 .. steps - 1: with such a bias a unit forgets within about u steps. Tallec, Ollivier 2018,
--- "Can recurrent neural networks warp time?".
function zoo.chrono(cell, steps)
  return (core.rand(cell.units) * (steps - 2) + 1):log()
end

--- zoo.state(cell, state, text) -> the tensors of a state that is an array of them; text: "{h, c}"
function zoo.state(cell, state, text)
  if type(state) ~= "table" then check.expected(cell:describe(), "state", text, state) end
  return table.unpack(state)
end

--- zoo.zero_state(batch, ...) -> a state of zeros, of the widths ...
function zoo.zero_state(batch, ...)
  local state = {}
  for i, width in ipairs { ... } do state[i] = core.zeros(batch, width) end
  return state
end

--- zoo.split(x, n) -> n tensors (N, width / n) of x (N, width)
function zoo.split(x, n) return table.unpack(split(x, 2, n)) end

--- zoo.rows(x, n) -> n tensors of consecutive rows of x (rows, ...): the parts of gates in a parameter
function zoo.rows(x, n) return table.unpack(split(x, 1, n)) end

--- zoo.norm(x, gain [, bias]) -> x (N, width), each row normalised; gain, bias (width)
function zoo.norm(x, gain, bias) return core.layer_norm(x, gain, bias, 1e-5) end

return zoo
