-- augment.lua: batches whose items are changed at random, each by a generator of its own.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local padded = require "rnn.padded"
local map = require "rnn.data.map"
local Batches = require "rnn.data.batches"

local fname = "data.augment"

-- Row i as an item by itself: a sequence without its padding.
local function row(value, i)
  return nest.map(value, function(t)
    local lengths = t:lengths()
    local own = t:without_lengths():select(1, i)
    return lengths and own:rows(1, lengths:get(i)) or own
  end)
end

-- Items as a batch again, padded where the batch before was.
local function joined(items, like)
  if nest.is_table(like) then
    local result = {}
    for _, key in ipairs(nest.keys(like)) do
      local column = {}
      for i, item in ipairs(items) do column[i] = item[key] end
      result[key] = joined(column, like[key])
    end
    return result
  end
  return like:lengths() and padded(items) or core.stack(items, 1)
end

--- data.augment(batches, step, ...) -> batches
---
--- The same batches with each item changed by steps, one after the other: functions of one item, (x, y) -> x, y, of
--- rnn.augment or a script's own. x and y are the item's tensors (or tables of them), sequences without padding; a
--- sequence may become longer or shorter. While a step runs, the random numbers are the item's own, which depend on the
--- seed of the batches, the epoch and the item alone: not on the size of batches, on threads, or on where a run was
--- interrupted, and nothing else draws others because of it.
---
---   local louder = data.augment(train:batches { size = 32, shuffle = true }, rnn.augment.sound { noise = 10 },
---     function(x, y) return x * (0.5 + rnn.rand(1):item()), y end)
--- Errors: batches that dataset:batches has not made; a step that is no function or gives no x.
---@param batches data.Batches
---@param ... fun(x: rnn.Tensor|table, y?: rnn.Tensor|table): any, any
---@return table
return function(batches, ...)
  if not class.is_a(batches, Batches) then
    check.expected(fname, "argument 1 (batches)", "batches, as dataset:batches makes them", batches)
  end
  local steps = table.pack(...)
  for i = 1, math.max(steps.n, 1) do check.callback(fname, ("argument %d (step)"):format(i + 1), steps[i]) end
  local function change(x, y, weights)
    local items, epoch = batches:items(x)
    local xs, ys = {}, {}
    for i, item in ipairs(items:totable()) do
      core.random_state { seed = (batches.seed ~ epoch * 0x9E3779B97F4A7C15 ~ item * 0x2545F4914F6CDD1D)
        & math.maxinteger }
      local own, target = row(x, i), y ~= nil and row(y, i) or nil
      for k = 1, steps.n do
        own, target = steps[k](own, target)
        if own == nil then check.expected(fname, ("the result of step %d"):format(k), "x and y of an item", own) end
      end
      xs[i], ys[i] = own, target
    end
    return joined(xs, x), y ~= nil and joined(ys, y) or nil, weights
  end
  return map(batches, function(x, y, weights)
    local before = core.random_state()
    return core.finally(fname, function() core.random_state(before) end, change, x, y, weights)
  end)
end
