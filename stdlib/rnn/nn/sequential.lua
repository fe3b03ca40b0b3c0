-- sequential.lua: layers one after the other.

local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

--- nn.Sequential { layer, layer, ... }
---
--- Gives the first result of each layer to the next and returns the first result of the last. A recurrent layer inside
--- starts at the zero state and its final state is dropped; call it yourself to carry state on. model[i] is layer i.
---@class nn.Sequential : nn.Module
---@field [integer] nn.Module
---@overload fun(layers: nn.Module[]): nn.Sequential
local Sequential = class("nn.Sequential", Module)

function Sequential:init(layers)
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
---@param x rnn.Tensor
---@return rnn.Tensor
function Sequential:forward(x)
  for i = 1, #self do x = self[i](x) end
  return x
end

function Sequential:input_type()
  return self[1]:input_type()
end

function Sequential:config()
  return { class = "nn.Sequential", layers = { table.unpack(self) } }
end

return Sequential
