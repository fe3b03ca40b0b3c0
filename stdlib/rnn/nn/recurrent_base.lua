-- recurrent_base.lua: what nn.RNN, nn.LSTM and nn.GRU share: options, parameters, the call of the engine. Their own
-- files say the formulas. The same formulas in ordinary ops stand in cell.lua; the tests hold one against the other.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local State = require "rnn.nn.state"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

-- A derived class sets cell (the engine's name of it), gates and states (tensors of state for each layer).
local Base = class("nn.RecurrentBase", Module)

local parts = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" }
local names_of = {} -- number of layers -> names of the parameters in the engine's order

local function parameter_names(layers)
  if not names_of[layers] then
    local names = {}
    for layer = 0, layers - 1 do
      for _, part in ipairs(parts) do names[#names + 1] = ("%s_l%d"):format(part, layer) end
    end
    names_of[layers] = names
  end
  return names_of[layers]
end

-- more: options of the derived class with their defaults.
function Base:build(inputs, units, options, more)
  local fname = getmetatable(self).__name
  local defaults = { layers = 1, returns = "sequence", kernel = "glorot_uniform", recurrent = "orthogonal" }
  for name, default in pairs(more) do defaults[name] = default end
  self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
  self.units = check.int(fname, "argument 2 (units)", units, 1)
  options = check.options(fname, options, defaults)
  self.layers = check.int(fname, "option 'layers'", options.layers, 1, 32)
  self.returns = check.one_of(fname, "option 'returns'", options.returns, { "sequence", "last" })
  local kernel = parameter.initializer(fname, "kernel", options.kernel)
  local recurrent = parameter.initializer(fname, "recurrent", options.recurrent)
  local rows = self.gates * self.units
  for layer = 0, self.layers - 1 do
    local width = layer == 0 and self.inputs or self.units
    self["weight_ih_l" .. layer] = parameter.new(kernel, rows, width)
    self["weight_hh_l" .. layer] = parameter.new(recurrent, rows, self.units)
    self["bias_ih_l" .. layer] = parameter.new(initializers.zeros, rows)
    self["bias_hh_l" .. layer] = parameter.new(initializers.zeros, rows)
  end
  return options
end

-- The state as the engine takes it, checked. A single tensor will do where there is one.
local function given_state(self, state, batch)
  if state == nil then return nil end
  local count = self.layers * self.states
  local tensors = core.is_tensor(state) and { state } or state
  local fits = type(tensors) == "table" and #tensors == count
  for i = 1, fits and count or 0 do
    local t = tensors[i]
    fits = fits and core.is_tensor(t) and t:ndim() == 2 and t:size(1) == batch and t:size(2) == self.units
  end
  if not fits then
    local got = check.describe(state)
    if type(state) == "table" and #state > 0 then
      local shapes = {}
      for i, t in ipairs(state) do shapes[i] = check.describe(t) end
      got = table.concat(shapes, ", ")
    end
    core.fail("%s: expected a state of %d tensor%s (%d, %d), got %s", self:describe(), count, count == 1 and "" or "s",
      batch, self.units, got)
  end
  return tensors
end

--- lstm:forward(x [, state]) -> y, state
---
--- The same for nn.RNN, nn.LSTM and nn.GRU. A nil state is the zero state. Steps past a sequence's length give zeros
--- and leave its state alone.
---@param x rnn.Tensor (N, T, inputs)
---@param state? nn.State|rnn.Tensor[]
---@return rnn.Tensor y (N, T, units), or with returns = "last" the output of each sequence's last step (N, units)
---@return nn.State state after the last step
function Base:forward(x, state)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= self.inputs then
    core.fail("%s: expected input (N, T, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  local weights = {}
  for i, name in ipairs(parameter_names(self.layers)) do weights[i] = self[name] end
  local y, new_state = core.recurrent({
    cell = self.cell,
    activation = self.activation,
    layers = self.layers,
    units = self.units,
    returns = self.returns,
  }, x, weights, given_state(self, state, x:size(1)))
  return y, setmetatable(new_state, State)
end

function Base:describe()
  local text = ("%s(%d -> %d"):format(getmetatable(self).__name, self.inputs, self.units)
  if self.layers > 1 then text = text .. (", layers = %d"):format(self.layers) end
  if self.activation and self.activation ~= "tanh" then text = text .. (", activation = %q"):format(self.activation) end
  if self.returns ~= "sequence" then text = text .. (", returns = %q"):format(self.returns) end
  return text .. ")"
end

function Base:config()
  return {
    class = getmetatable(self).__name,
    args = { self.inputs, self.units },
    options = { layers = self.layers, returns = self.returns, activation = self.activation },
  }
end

return Base
