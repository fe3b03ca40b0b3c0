-- dropout.lua: forgets a random share of its input while training.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

--- nn.Dropout(rate)
---
--- In training each element becomes 0 with probability rate and is divided by 1 - rate otherwise; after model:eval()
--- the input passes unchanged. Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
--- overfitting". 0 <= rate < 1. Errors: a rate outside 0 .. 1, or 1.
---@class nn.Dropout : nn.Module
---@field rate number
---@overload fun(rate: number): nn.Dropout
local Dropout = class("nn.Dropout", Module)

function Dropout:init(rate)
  self.rate = check.rate("nn.Dropout", "argument 1 (rate)", rate)
end

--- dropout:forward(x) -> y
---
--- In training zeroes elements, of any shape, and enlarges the others; else y is x.
---@param x rnn.Tensor
---@return rnn.Tensor
function Dropout:forward(x)
  if not core.is_tensor(x) or x:type() ~= "float" then check.tensor(self:describe(), "input", x, "float") end
  if not self.training or self.rate == 0 then return x end
  return core.dropout(x, self.rate)
end

function Dropout:describe()
  return ("nn.Dropout(%g)"):format(self.rate)
end

function Dropout:config()
  return { class = "nn.Dropout", args = { self.rate } }
end

return Dropout
