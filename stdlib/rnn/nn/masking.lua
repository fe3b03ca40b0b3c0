-- masking.lua: the lengths of padded sequences, found by the value of the padding.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

--- nn.Masking([value = 0])
---
--- (N, T, D), or ids (N, T), -> the same with lengths: steps at the end of a sequence whose numbers are all value are
--- its padding, and no later layer sees them. In front of nn.Embedding ids are 1 .. vocab, so a padding of 0 needs no
--- value. Where lengths are known, x:with_lengths(lengths) says the same without a search.
---@class nn.Masking : nn.Module
---@field value number
---@overload fun(value?: number): nn.Masking
local Masking = class("nn.Masking", Module)

function Masking:init(value)
  self.value = check.number("nn.Masking", "argument 1 (value)", value == nil and 0 or value)
end

--- masking:forward(x) -> x with lengths
---
--- Errors: padding in front of a step that is none: sequences begin at their first step here.
---@param x rnn.Tensor (N, T, D), or int32 (N, T)
---@return rnn.Tensor of the same shape
function Masking:forward(x)
  local ids = core.is_tensor(x) and x:type() == "int32"
  if not core.is_tensor(x) or x:ndim() ~= (ids and 2 or 3) then
    core.fail("%s: expected input (N, T, D), or ids (N, T), got %s", self:describe(), check.input(x))
  end
  local samples, steps = x:shape()
  local bare = x:detach():without_lengths()
  local real = bare:ne(self.value):reshape(samples, steps, ids and 1 or x:size(3)):any(3)
  local places = (real * core.arange(steps):to_float():reshape(1, steps)):to_int()
  local lengths = steps > 0 and samples > 0 and places:max(2) or core.zeros { samples, type = "int32" }
  if x:lengths() then lengths = lengths:minimum(x:lengths()) end
  local count = (real * core.arange(steps):le(lengths:reshape(-1, 1))):sum(2):to_int()
  local gaps = count:ne(lengths):nonzero()
  if #gaps > 0 then
    core.fail("%s: sequence %d has padding in front of a step that is none, where it must be at the end",
      self:describe(), gaps:get(1))
  end
  return x:with_lengths(lengths)
end

function Masking:describe()
  return self.value == 0 and "nn.Masking()" or ("nn.Masking(%g)"):format(self.value)
end

function Masking:config()
  return { class = "nn.Masking", args = { self.value } }
end

return Masking
