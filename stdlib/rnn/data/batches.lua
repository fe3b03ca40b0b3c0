-- batches.lua: a dataset cut into mini-batches, in a fresh order for each epoch.
--
-- The order depends on seed and epoch alone, so an epoch can be repeated, and shuffling takes nothing from the random
-- numbers of dropout and initialisers. A dataset has a length, items (int32) and dataset:batch(items) -> x, y, weights;
-- one of sequences also has dataset:by_length(items), for batches of about the same length.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local place = require "rnn.place"

--- dataset:batches([options]) -> batches
---
--- A source of mini-batches for rnn.fit and for own loops: `for x, y, weights in batches do ... end` runs over one
--- epoch, each loop over the next, and loops may run inside one another; #batches is their number in an epoch. One by
--- one they are x, y, weights = batches(nil, x), where x is nil at first; batches() is an error.
---@class data.Batches
---@field dataset table
---@field shuffle boolean
---@field bucket boolean
---@field seed integer
---@field number integer of the epoch that was begun last
local Batches = class("data.Batches")

-- Rows of options (see rnn.option) of the method batches of every dataset.
Batches._options = {
  { "size", 32, option.int(1), "items of a batch" },
  { "shuffle", false, check.boolean, "a fresh order for each epoch" },
  { "bucket", nil, check.boolean, "of data.sequences: batches of sequences of about the same length; by default where "
    .. "shuffle is on" },
  { "seed", nil, option.int(0), "of the orders; by default one is drawn when the batches are made" },
  { "drop_last", false, check.boolean, "leaves out a last batch that is not full" },
}

local OPTIONS = option.of("data.Batches", Batches._options)

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
  options = OPTIONS:read(options, fname)
  self.dataset, self.size, self.shuffle, self.drop_last = dataset, options.size, options.shuffle, options.drop_last
  if options.bucket and not dataset.by_length then
    core.fail("%s: option 'bucket' is for sequences of different lengths, as data.sequences has", fname)
  end
  self.bucket = dataset.by_length ~= nil and (options.bucket == nil and self.shuffle or options.bucket == true)
  self.given_seed = options.seed
  self.seed = self.given_seed or draw_seed()
  if self.drop_last and #dataset < self.size then
    core.fail("%s: with drop_last nothing is left: the dataset has %d items, a batch %d", fname, #dataset, self.size)
  end
  self.number, self.places = 0, place.new()
  self.last = self.drop_last and #dataset // self.size * self.size or #dataset
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

-- The order of the next epoch.
local function begin(self)
  self.number = self.number + 1
  local order, seed = self.dataset.items, nil
  if self.shuffle then
    seed = (self.seed + self.number * 0x9E3779B97F4A7C15) & math.maxinteger
    order = order:gather(1, permutation(#order, seed))
  end
  return self.bucket and bucketed(self, order, seed) or order
end

--- #batches -> number of batches in an epoch
function Batches:__len()
  return (self.last + self.size - 1) // self.size
end

--- batches:settings() -> table
---
--- By name, the plain values that the batches depend on: those of the iterator, and of the dataset. A run that goes on
--- must find the same.
---@return table<string, number|boolean|string>
function Batches:settings()
  local settings = { items = #self.dataset, size = self.size, shuffle = self.shuffle, bucket = self.bucket,
    drop_last = self.drop_last, seed = self.given_seed }
  for name, value in pairs(self.dataset) do
    local kind = type(value)
    if kind == "number" or kind == "boolean" or kind == "string" then settings[name] = value end
  end
  return settings
end

local LOOKED_AT <const> = 1 << 22 -- elements

-- Text that differs when the values of the dataset do: of all items, or of those spread over it that have so many
-- elements.
function Batches:_fingerprint()
  local dataset, elements = self.dataset, 0
  local items = nest.spread(dataset.items, 64)
  nest.each({ dataset:batch(items) }, function(t) elements = elements + t:count() end)
  if #items > 0 then items = nest.spread(dataset.items, math.max(64, LOOKED_AT * #items // math.max(elements, 1))) end
  return nest.checksum { dataset:batch(items) }
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
  local given, order = math.min(check.int("batches:seek", "argument 1", n, 0) * self.size, self.last), begin(self)
  return place.keep(self.places, "batches", {}, { order = order, given = given, epoch = self.number })
end

--- batches:items(x) -> int32 (N), epoch
---
--- Which items of the dataset the N rows of a batch are, int32 (N), and the number of the epoch; x is the batch, as
--- this iterator gave it.
---@param x any
---@return rnn.Tensor
---@return integer epoch
function Batches:items(x)
  local at = place.of(self.places, "batches:items", x)
  return at.order:rows(at.from, at.given), at.epoch
end

-- The items of the next batch and their place, or nothing; x, the value before, is nil when a loop begins. A place has
-- the order of its epoch and how many items of it were given out.
local function next_items(self, x)
  local order, given, epoch
  if x == nil then
    order, given = begin(self), 0
    epoch = self.number
  else
    local at = place.of(self.places, "batches", x)
    order, given, epoch = at.order, at.given, at.epoch
  end
  local last = self.last
  if given >= last then return nil end
  local from, to = given + 1, given + self.size
  if to > last then to = last end
  return order:rows(from, to), { order = order, from = from, given = to, epoch = epoch }
end

-- What `for` calls.
function Batches.__call(self, ...)
  local items, at = next_items(self, place.before("batches", ...))
  if not items then return nil end
  local x, y, weights = self.dataset:batch(items)
  return place.keep(self.places, "batches", x, at), y, weights
end

-- The same batches, of which a loop is given the items alone, int32 (N): for those who read a part of each batch, by
-- dataset:batch(items:rows(from, to)).
local ByItems = {}
ByItems.__index = ByItems

function ByItems.__call(self, ...)
  local before = place.before("batches:by_items", ...)
  local items, at = next_items(self.batches, before)
  local places = self.batches.places
  if before then places[before] = nil end -- nobody asks for it again: left to the collector they would pile up
  return items and place.keep(places, "batches", items, at)
end

function ByItems:seek(n) return self.batches:seek(n) end

--- batches:by_items() -> iterator: `for items in batches:by_items() do`
---
--- The items of each batch, int32 (N), in place of the batch.
function Batches:by_items()
  return setmetatable({ batches = self }, ByItems)
end

return Batches
