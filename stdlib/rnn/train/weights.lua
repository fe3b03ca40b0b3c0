-- weights.lua: a second set of a model's weights that can be put back.

local class = require "rnn.class"

--- Weights(model): a copy of all parameters and buffers of a model; keep() copies them again, restore() puts them back.
---@class train.Weights
---@overload fun(model: nn.Module): train.Weights
local Weights = class("train.Weights")

function Weights:init(model)
  self.live, self.kept = {}, {}
  for i, pair in ipairs((model:named_tensors())) do
    self.live[i], self.kept[i] = pair[2], pair[2]:copy()
  end
end

function Weights:keep()
  for i, kept in ipairs(self.kept) do kept:assign(self.live[i]) end
end

function Weights:restore()
  for i, kept in ipairs(self.kept) do self.live[i]:assign(kept) end
end

return Weights
