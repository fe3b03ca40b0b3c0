-- map.lua: batches that are changed on their way to the model.

local check = require "rnn.check"
local guard = require "rnn.guard"
local place = require "rnn.place"

local fname = "data.map"

--- data.map(batches, f) -> batches
---
--- The same batches, each as f(x, y, weights) returns it: for noise, other keys, mirror images, drawn anew in every
--- epoch, so that few examples do for many. Where f draws with the generator that rnn.seed sets, a run repeats.
--- Everything else is as the batches have it: #, epochs, going on from a checkpoint.
---
---   local noisy = data.map(train:batches { size = 32, shuffle = true }, function(x, y)
---     return x + rnn.randn(x:shape()) * 0.1, y
---   end)
--- Errors: batches that are none, an f that is no function or gives no x.
---@param batches data.Batches|table
---@param f fun(x: rnn.Tensor|table, y?: rnn.Tensor|table, weights?: rnn.Tensor|table): any, any, any
---@return table
return function(batches, f)
  local meta = type(batches) == "table" and getmetatable(batches)
  if type(meta) ~= "table" or not meta.__call or not meta.__len then
    check.expected(fname, "argument 1 (batches)", "batches, as dataset:batches makes them", batches)
  end
  check.callback(fname, "argument 2 (f)", f)
  local places = place.new() -- of the loop over batches
  return setmetatable({}, {
    __index = function(_, key) return guard.inner(batches[key]) end, -- methods, too, of an object that is no Batches
    __newindex = batches,
    __len = function() return #batches end,
    __call = function(_, ...)
      local before = place.before(fname, ...)
      if before ~= nil then before = places[before] or before end -- what batches:seek gave is known to batches
      local from, y, weights = batches(nil, before)
      if from == nil then return nil end
      local x
      x, y, weights = f(from, y, weights)
      if x == nil then check.expected(fname, "the function's result", "x and y, as in a batch", x) end
      return place.keep(places, fname, x, from), y, weights
    end,
  })
end
