-- batches.lua: a dataset cut into mini-batches, in a fresh order for each epoch.
--
-- The order depends on seed and epoch alone, so an epoch can be repeated, and shuffling takes nothing from the random
-- numbers of dropout and initialisers. A dataset has a length, items (int32) and dataset:batch(items) -> x, y; one of
-- sequences also has dataset:by_length(items), for batches of about the same length.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

--- dataset:batches { size = 32, shuffle = false, seed = nil, drop_last = false } -> batches
---
--- A source of mini-batches for rnn.fit and for own loops: `for x, y in batches do ... end` runs over one
--- epoch, each loop over the next; #batches is their number in an epoch. Without a seed one is drawn when it is made.
--- data.sequences adds bucket: batches of sequences of about the same length (on where shuffle is).
---@class data.Batches
---@field dataset table
---@field shuffle boolean
---@field bucket boolean
---@field seed integer
---@field order rnn.Tensor int32: the items of the epoch, as they were given out
local Batches = class("data.Batches")

-- 48 random bits of the generator that rnn.seed sets.
local function draw_seed()
  local r = core.rand(2)
  return math.floor(r:get(1) * 2 ^ 24) << 24 | math.floor(r:get(2) * 2 ^ 24)
end

-- With bucket and shuffle, so many batches are sorted by length at a time: more would always put the same sequences
-- together, fewer would pad more.
local POOL = 50

local function permutation(n, seed)
  local state = core.random_state()
  core.random_state { seed = seed }
  local ids = core.randperm(n)
  core.random_state(state)
  return ids
end

function Batches:init(dataset, options)
  local fname = dataset.fname .. ":batches"
  options = check.options(fname, options, { size = 32, shuffle = false, seed = check.none, drop_last = false,
    bucket = check.none })
  self.dataset = dataset
  self.size = check.int(fname, "option 'size'", options.size, 1)
  self.shuffle = check.boolean(fname, "option 'shuffle'", options.shuffle)
  self.drop_last = check.boolean(fname, "option 'drop_last'", options.drop_last)
  if options.bucket ~= nil then check.boolean(fname, "option 'bucket'", options.bucket) end
  if options.bucket and not dataset.by_length then
    core.fail("%s: option 'bucket' is for sequences of different lengths, as data.sequences has", fname)
  end
  self.bucket = dataset.by_length ~= nil and (options.bucket == nil and self.shuffle or options.bucket == true)
  self.seed = options.seed ~= nil and check.int(fname, "option 'seed'", options.seed, 0) or draw_seed()
  if self.drop_last and #dataset < self.size then
    core.fail("%s: with drop_last nothing is left: the dataset has %d items, a batch %d", fname, #dataset, self.size)
  end
  self.number = 0 -- of the epoch that runs, or ran last
  self.last = self.drop_last and #dataset // self.size * self.size or #dataset
  self.at = self.last -- items given out
end

-- order with sequences of about the same length together, and the batches in an order of their own.
local function bucketed(self, order, seed)
  local dataset, last, size = self.dataset, self.last, self.size
  order = order:rows(1, last) -- with drop_last, which ones are left out must not depend on their lengths
  if not self.shuffle then return dataset:by_length(order) end
  local parts = {}
  for from = 1, last, POOL * size do
    parts[#parts + 1] = dataset:by_length(order:rows(from, math.min(from + POOL * size - 1, last)))
  end
  order = core.concat(parts, 1)
  local whole = last // size -- a batch that is not full stays the last
  if whole == 0 then return order end
  local mixed = order:rows(1, whole * size):reshape(whole, size):gather(1, permutation(whole, seed ~ 1)):reshape(-1)
  return whole * size == last and mixed or core.concat({ mixed, order:rows(whole * size + 1, last) }, 1)
end

-- What the next epoch begins with.
local function begin(self)
  self.number, self.at, self.order = self.number + 1, 0, self.dataset.items
  local seed
  if self.shuffle then
    seed = (self.seed + self.number * 0x9E3779B97F4A7C15) & math.maxinteger
    self.order = self.order:gather(1, permutation(#self.order, seed))
  end
  if self.bucket then self.order = bucketed(self, self.order, seed) end
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

--- batches:seek(n) -> control value
---
--- Begins an epoch as a loop would, with the first n batches given out already: `for x, y in batches, nil,
--- batches:seek(n) do ... end`.
---@param n integer
---@return any
function Batches:seek(n)
  begin(self)
  self.at = math.min(check.int("batches:seek", "argument 1", n, 0) * self.size, self.last)
  return true
end

-- What `for` calls: x, the value before, is nil when a loop begins.
function Batches.__call(self, _, x)
  if x == nil then begin(self) end
  local from, last = self.at + 1, self.last
  if from > last then return nil end
  local to = self.at + self.size
  if to > last then to = last end
  self.at = to
  return self.dataset:batch(self.order:rows(from, to))
end

return Batches
