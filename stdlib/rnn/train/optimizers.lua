-- optimizers.lua: several optimisers, each for parameters of its own, as one: what a GAN is trained with.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"

local optimizers = {}

--- optimizers.is(value) -> is it an optimiser?
function optimizers.is(value)
  return type(value) == "table" and type(value.step) == "function" and type(value.params) == "table"
end

--- Several(fname, { a, b } or { name = a, ... }): what rnn.fit asks of an optimiser. lr is the first one's; a schedule
--- that changes it keeps the ratio of the others to it.
---@class train.Several
---@field keys (string|integer)[] in their order
---@field each optim.Optimizer[]
---@field params rnn.Tensor[] of all
---@overload fun(fname: string, list: table): train.Several
local Several = class("train.Several")
optimizers.Several = Several

Several.defaults = { lr = true }

function Several:init(fname, list)
  self.keys, self.each, self.ratios, self.params = nest.keys(list), {}, {}, {}
  local seen = {}
  for i, key in ipairs(self.keys) do
    local argname, optimizer = ("option 'optimizer', entry '%s'"):format(key), list[key]
    if not optimizers.is(optimizer) then
      check.expected(fname, argname, "an optimiser, such as optim.SGD(model.part:parameters())", optimizer)
    end
    for _, p in ipairs(optimizer.params) do
      if seen[p] then
        core.fail("%s: %s has a parameter %s that entry '%s' has as well", fname, argname, check.shape(p), seen[p])
      end
      seen[p] = key
      self.params[#self.params + 1] = p
    end
    self.each[i] = optimizer
    self.ratios[i] = self.each[1].lr > 0 and optimizer.lr / self.each[1].lr or 1
  end
  self.lr = self.each[1].lr
  self.seen = self.lr
end

--- several:follow(): the rates of all, where a schedule has changed lr.
function Several:follow()
  if self.lr == self.seen then return end
  for i, optimizer in ipairs(self.each) do optimizer.lr = self.lr * self.ratios[i] end
  self.seen = self.lr
end

function Several:zero_grad()
  for _, optimizer in ipairs(self.each) do optimizer:zero_grad() end
end

function Several:state_dict()
  local state = { lr = self.lr, each = {} }
  for i, optimizer in ipairs(self.each) do state.each[i] = optimizer:state_dict() end
  return state
end

function Several:load_state_dict(state)
  if type(state) ~= "table" or type(state.each) ~= "table" or #state.each ~= #self.each then
    core.fail("the optimisers are %d, but were others", #self.each)
  end
  for i, optimizer in ipairs(self.each) do optimizer:load_state_dict(state.each[i]) end
  self.lr, self.seen = state.lr, state.lr
end

return optimizers
