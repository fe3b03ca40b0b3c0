-- flatten.lua: all of a sample in one row.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

--- nn.Flatten()
---
--- (N, T, ...) -> (N, T ...): the numbers of a sample in one row, for an nn.Linear that sees all steps at once, so the
--- steps are as many for all. Errors: an argument.
---@class nn.Flatten : nn.Module
---@overload fun(): nn.Flatten
local Flatten = class("nn.Flatten", Module)

function Flatten:init(value) -- luacheck: no self
  if value ~= nil then check.expected("nn.Flatten", "argument 1", "no argument", value) end
end

--- flatten:forward(x) -> y
---
--- Errors: a scalar; sequences of different lengths, whose rows would mean different things.
---@param x rnn.Tensor (N, ...)
---@return rnn.Tensor y (N, the product of the others)
function Flatten:forward(x)
  if not core.is_tensor(x) or x:ndim() == 0 then
    core.fail("%s: expected input (N, ...), got %s", self:describe(), check.input(x))
  end
  if x:lengths() then
    core.fail("%s: the sequences are of different lengths; x:without_lengths() takes the padding as it is",
      self:describe())
  end
  local count, sizes = 1, { x:shape() }
  for axis = 2, #sizes do count = count * sizes[axis] end
  return x:reshape(sizes[1], count)
end

function Flatten:describe() -- luacheck: no self
  return "nn.Flatten()"
end

function Flatten:config() -- luacheck: no self
  return { class = "nn.Flatten" }
end

return Flatten
