-- batches.lua: a dataset cut into mini-batches, in a fresh order for each epoch.
--
-- The order depends on seed and epoch alone, so an epoch can be repeated, and shuffling takes nothing from the random
-- numbers of dropout and initialisers. A dataset has a length, items (int32) and dataset:batch(items) -> x, y.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

--- dataset:batches { size = 32, shuffle = false, seed = nil, drop_last = false } -> batches
---
--- A source of mini-batches for rnn.fit and for own loops: `for x, y in batches do ... end` runs over one
--- epoch, each loop over the next; #batches is their number in an epoch. Without a seed one is drawn when it is made.
---@class data.Batches
---@field dataset table
---@field shuffle boolean
---@field seed integer
local Batches = class("data.Batches")

-- 48 random bits of the generator that rnn.seed sets.
local function draw_seed()
  local r = core.rand(2)
  return math.floor(r:get(1) * 2 ^ 24) << 24 | math.floor(r:get(2) * 2 ^ 24)
end

local function permutation(n, seed)
  local state = core.random_state()
  core.seed(seed)
  local ids = core.randperm(n)
  core.random_state(state)
  return ids
end

function Batches:init(dataset, options)
  local fname = dataset.fname .. ":batches"
  options = check.options(fname, options, { size = 32, shuffle = false, seed = check.none, drop_last = false })
  self.dataset = dataset
  self.size = check.int(fname, "option 'size'", options.size, 1)
  self.shuffle = check.boolean(fname, "option 'shuffle'", options.shuffle)
  self.drop_last = check.boolean(fname, "option 'drop_last'", options.drop_last)
  self.seed = options.seed ~= nil and check.int(fname, "option 'seed'", options.seed, 0) or draw_seed()
  if self.drop_last and #dataset < self.size then
    core.fail("%s: with drop_last nothing is left: the dataset has %d items, a batch %d", fname, #dataset, self.size)
  end
  self.number = 0 -- of the epoch that runs, or ran last
  self.last = self.drop_last and #dataset // self.size * self.size or #dataset
  self.at = self.last -- items given out
end

--- #batches -> number of batches in an epoch
function Batches:__len()
  return (self.last + self.size - 1) // self.size
end

--- batches:epoch(e) -> batches
---
--- Makes the next loop run over epoch e, in the order that belongs to it.
---@param e integer
---@return data.Batches
function Batches:epoch(e)
  self.number = check.int("batches:epoch", "argument 1", e, 1) - 1
  return self
end

-- What `for` calls: x, the value before, is nil when a loop begins.
function Batches.__call(self, _, x)
  if x == nil then
    self.number, self.at, self.order = self.number + 1, 0, self.dataset.items
    if self.shuffle then
      local seed = (self.seed + self.number * 0x9E3779B97F4A7C15) & math.maxinteger
      self.order = self.order:gather(1, permutation(#self.order, seed))
    end
  end
  local from, last = self.at + 1, self.last
  if from > last then return nil end
  local to = self.at + self.size
  if to > last then to = last end
  self.at = to
  return self.dataset:batch(self.order:rows(from, to))
end

return Batches
