-- repeatvector.lua: a vector as the input of every step.

local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

--- nn.RepeatVector(steps)
---
--- (N, C) -> (N, steps, C): the same vector at every step, for a recurrent layer behind it that makes a sequence of a
--- vector: nn.Sequential { nn.RepeatVector(20), nn.GRU(8, 64), nn.Linear(64, 2) }.
--- Errors: a number of steps that is not positive.
---@class nn.RepeatVector : nn.Module
---@field steps integer
---@overload fun(steps: integer): nn.RepeatVector
local RepeatVector = class("nn.RepeatVector", Module)

function RepeatVector:init(steps)
  self.steps = check.int("nn.RepeatVector", "argument 1 (steps)", steps, 1)
end

--- repeatvector:forward(x) -> y
---
--- Errors: an x of other than two axes.
---@param x rnn.Tensor (N, C)
---@return rnn.Tensor y (N, steps, C)
function RepeatVector:forward(x)
  check.tensor(self:describe(), "input", x, nil, 2)
  local batch, width = x:shape()
  return x:reshape(batch, 1, width):tile(1, self.steps, 1)
end

function RepeatVector:describe()
  return ("nn.RepeatVector(%d)"):format(self.steps)
end

function RepeatVector:config()
  return { class = "nn.RepeatVector", args = { self.steps } }
end

return RepeatVector
