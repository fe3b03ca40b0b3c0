-- sequential.lua: layers one after the other.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local owner = require "rnn.state"._owner

--- nn.Sequential { layer, layer, ... }
---
--- Gives the first result of each layer to the next and returns the first result of the last. A recurrent layer inside
--- starts at the zero state and its final state is dropped; stream carries states on. model[i] is layer i.
--- Errors: an entry that is no layer, or none.
---@class nn.Sequential : nn.Module
---@field [integer] nn.Module
---@overload fun(layers: nn.Module[]): nn.Sequential
local Sequential = class("nn.Sequential", Module)

function Sequential:init(layers, surplus)
  if surplus ~= nil then core.fail "nn.Sequential: layers go into one table: nn.Sequential { a, b, c }" end
  if type(layers) ~= "table" or getmetatable(layers) or #layers == 0 then
    check.expected("nn.Sequential", "argument 1", "a table with at least one layer", layers)
  end
  for key, layer in pairs(layers) do
    if type(key) ~= "number" then check.expected("nn.Sequential", "layer", "a list without names", key) end
    if not Module.is(layer) then check.expected("nn.Sequential", ("layer %s"):format(key), "a layer", layer) end
    self[key] = layer
  end
  for i = 1, #layers do -- a hole (a misspelt layer is nil) would cut the model short in silence
    if not layers[i] then check.expected("nn.Sequential", ("layer %d"):format(i), "a layer", layers[i]) end
  end
end

--- sequential:forward(x) -> y
---
--- x and y are of the shapes of the first and the last layer.
---@param x rnn.Tensor
---@return rnn.Tensor
function Sequential:forward(x)
  local _ <close> = self.training and self._undo_draws() or nil
  for i = 1, #self do x = self[i](x) end
  return x
end

--- sequential:stream(x [, states]) -> y, states
---
--- As forward, for sequences that come in pieces: each recurrent layer and causal nn.Conv1d goes on from its state.
--- states is what the piece before gave; nil is the zero state of all. A Sequential without such layers gives no
--- states. Errors: states that another model made, which nn.State(states) hands over; more or fewer than recurrent
--- layers. x and y are of the shapes of the first and the last layer.
---@param x rnn.Tensor
---@param states? table
---@return rnn.Tensor
---@return table? states
function Sequential:stream(x, states)
  local after, n = {}, 0
  for i = 1, #self do n = n + (self[i].stream and 1 or 0) end
  if states ~= nil and (type(owner.check(self, states)) ~= "table" or #states ~= n) then
    check.expected(self:describe() .. ": stream", "argument 2", ("the states of %d layers"):format(n), states)
  end
  for i = 1, #self do
    local layer, k = self[i], #after + 1
    if layer.stream then
      x, after[k] = layer:stream(x, states and states[k])
    else
      x = layer(x)
    end
  end
  return x, after[1] and owner.mark(self, after)
end

function Sequential:input_type()
  return self[1]:input_type()
end

function Sequential:config()
  return { class = "nn.Sequential", layers = { table.unpack(self) } }
end

return Sequential
