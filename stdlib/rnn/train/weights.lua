-- weights.lua: a second set of a model's weights that can be put back.

local core = require "rnn.core"
local class = require "rnn.class"

--- Weights(model): a copy of all parameters and buffers of a model; keep() copies them again, restore() puts them back,
--- swap() exchanges the two.
---@class train.Weights
---@field live rnn.Tensor[] those of the model
---@field kept rnn.Tensor[]
---@overload fun(model: nn.Module): train.Weights
local Weights = class("train.Weights")

function Weights:init(model)
  self.live, self.kept = {}, {}
  for i, pair in ipairs((model:named_tensors())) do
    self.live[i], self.kept[i] = pair[2], pair[2]:copy()
  end
end

function Weights:keep()
  for i, kept in ipairs(self.kept) do kept:assign(self.live[i]:detach()) end
end

function Weights:restore()
  for i, kept in ipairs(self.kept) do self.live[i]:assign(kept) end
end

function Weights:swap()
  for i, kept in ipairs(self.kept) do
    local copy = kept:copy()
    kept:assign(self.live[i]:detach())
    self.live[i]:assign(copy)
  end
end

--- weights:state() -> what pack can save; weights:load_state(saved) takes it back.
function Weights:state()
  return self.kept
end

function Weights:load_state(saved)
  if #saved ~= #self.kept then
    core.fail("the model has %d tensors, the saved weights %d", #self.kept, #saved)
  end
  for i, kept in ipairs(self.kept) do kept:assign(saved[i]) end
end

return Weights
