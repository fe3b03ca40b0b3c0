-- zoo.lua: what the files of the zoo share: classes with checked arguments, their parameters, and short forms.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local split = require "rnn.shapes".split
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"
local scripted = require "rnn.nn.scripted"
local Cell = require "rnn.nn.cell".Cell

local zoo = {}

--- zoo.unset: the default of an option that has none.
zoo.unset = check.none

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

--- zoo.activation_names(default) -> the names, default first
function zoo.activation_names(default)
  local names = { default }
  for name in pairs(zoo.activations) do
    if name ~= default then names[#names + 1] = name end
  end
  table.sort(names, function(a, b) return b ~= default and (a == default or a < b) end)
  return names
end

local Base = class("cells.Cell", Cell)

function Base:describe() return ("%s(%d -> %d)"):format(getmetatable(self).__name, self.inputs, self.units) end

-- An option as its default says: of a list one, the first of which is the default; a number, a boolean, a name.
local function checked(fname, name, value, default)
  local argname = ("option '%s'"):format(name)
  if name == "kernel" or name == "recurrent" then
    return parameter.initializer(fname, ("option '%s'"):format(name), value)
  end
  if type(default) == "table" and default ~= check.none then return check.one_of(fname, argname, value, default) end
  if type(default) == "boolean" then return check.boolean(fname, argname, value) end
  if math.type(default) == "integer" then return check.int(fname, argname, value, 1) end
  if type(default) == "number" then return check.number(fname, argname, value) end
  return value
end

--- zoo.cell(name, defaults, init) -> class
---
--- The class cells.NAME: its constructor (inputs, units [, options]) checks all three and calls init(cell, options).
--- defaults: option -> false or true; an integer, for integers from 1; a float, for any number; a list of names, of
--- which the first is the default; a function or the name of one in nn.initializers, for kernel and recurrent;
--- check.none.
---@param name string
---@param defaults table
---@param init fun(self: nn.Cell, options: table)
---@return table
function zoo.cell(name, defaults, init)
  local fname, plain = "cells." .. name, {}
  for key, default in pairs(defaults) do
    plain[key] = type(default) == "table" and default ~= check.none and default[1] or default
  end
  return scripted.define(fname, fname, function(self, inputs, units, options)
    self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
    self.units = check.int(fname, "argument 2 (units)", units, 1)
    options = check.options(fname, options, plain)
    for key, value in pairs(options) do options[key] = checked(fname, key, value, defaults[key]) end
    init(self, options)
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

--- zoo.width(cell, options, name, default) -> the integer of an option without a fixed default
function zoo.width(cell, options, name, default)
  return check.int(getmetatable(cell).__name, ("option '%s'"):format(name), options[name] or default, 1)
end

--- zoo.positive(cell, options, name) -> the number of an option that may be nil
function zoo.positive(cell, options, name)
  if options[name] == nil then return nil end
  return check.positive(getmetatable(cell).__name, ("option '%s'"):format(name), options[name])
end

--- zoo.chrono(cell, steps) -> tensor (units)
---
--- log(u), u uniform in 1 .. steps - 1: with such a bias a unit forgets within about u steps. Tallec, Ollivier 2018,
--- "Can recurrent neural networks warp time?".
function zoo.chrono(cell, steps)
  steps = check.int(getmetatable(cell).__name, "option 'chrono'", steps, 2)
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
function zoo.norm(x, gain, bias) return core.layer_norm(x, gain, bias or core.zeros(gain:size(1)), 1e-5) end

return zoo
