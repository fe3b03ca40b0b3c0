-- arrays.lua: two tensors with an instance in each row, as a dataset.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Batches = require "rnn.data.batches"

--- data.arrays(x [, y]) -> dataset
---
--- Row i of x belongs to row i of y: data.arrays(x, y):batches { size = 32, shuffle = true }.
--- Errors: x and y of unequal numbers of rows, or of none.
---@class data.Arrays
---@field x rnn.Tensor
---@field y? rnn.Tensor
---@overload fun(x: rnn.Tensor, y?: rnn.Tensor): data.Arrays
local Arrays = class("data.Arrays")

Arrays.fname = "data.arrays"

function Arrays:init(x, y)
  check.tensor("data.arrays", "argument 1 (x)", x)
  if y ~= nil then
    check.tensor("data.arrays", "argument 2 (y)", y)
    if #x ~= #y then
      core.fail("data.arrays: x and y must have as many rows, got %s and %s", check.shape(x), check.shape(y))
    end
  end
  if #x == 0 then check.expected("data.arrays", "argument 1 (x)", "a tensor with rows", x) end
  self.x, self.y, self.items = x, y, core.arange(#x)
end

--- #dataset -> number of instances
function Arrays:__len()
  return #self.items
end

--- dataset:batch(ids) -> x, y
---
--- The instances that ids (int32) names.
---@param ids rnn.Tensor
---@return rnn.Tensor x
---@return rnn.Tensor? y
function Arrays:batch(ids)
  check.tensor("data.arrays:batch", "argument 1 (ids)", ids, "int32", 1)
  return self.x:gather(1, ids), self.y and self.y:gather(1, ids)
end

--- dataset:all() -> x, y
---
--- Every instance, as x (N, ...) and y.
function Arrays:all()
  return self.x, self.y
end

--- dataset:batches { size = 32, shuffle = false, bucket = nil, seed = nil, drop_last = false } -> batches
---
--- Mini-batches, as data.Batches.
---@return data.Batches
function Arrays:batches(options)
  return Batches(self, options)
end

return Arrays
