-- arrays.lua: tensors with an instance in each row, as a dataset.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local nest = require "rnn.nest"
local Batches = require "rnn.data.batches"

--- data.arrays(x [, y [, weights]]) -> dataset
---
--- Row i of x belongs to row i of y: data.arrays(x, y):batches { size = 32, shuffle = true }. Each is a tensor (N, ...)
--- or a table of tensors, by number or by name, for models of several inputs and targets:
---
---   local train = data.arrays({ features = x, station = ids }, { demand = y, alarm = labels }, weights)
---
--- Batches are then such tables. Tensors with lengths keep them. weights (N, ...), float, say how many times each row
--- counts in the loss; for several targets they may be a table with weights for some of them.
--- Errors: tensors of unequal numbers of rows, or of none.
---@class data.Arrays
---@field x rnn.Tensor|table
---@field y? rnn.Tensor|table
---@field weights? rnn.Tensor|table
---@overload fun(x: rnn.Tensor|table, y?: rnn.Tensor|table, weights?: rnn.Tensor|table): data.Arrays
local Arrays = class("data.Arrays")

option.of("data.Arrays:batches", Batches._options)

Arrays.fname = "data.arrays"

-- Every tensor of a nest has as many rows as the first of x, which is named in what is said.
local function check_rows(argname, value, first, first_name)
  nest.check("data.arrays", argname, value)
  nest.each(value, function(t, path)
    if t:ndim() == 0 then check.expected("data.arrays", path, "a tensor with rows", t) end
    if first and #t ~= #first then
      local name = path:gsub("^.-%((.-)%)", "%1")
      core.fail("data.arrays: %s and %s must have as many rows, got %s and %s", first_name, name,
        check.shape(first), check.shape(t))
    end
  end, argname)
end

function Arrays:init(x, y, weights)
  check_rows("argument 1 (x)", x)
  local first = nest.first(x)
  check_rows("argument 1 (x)", x, first, "x")
  if y ~= nil then check_rows("argument 2 (y)", y, first, "x") end
  if weights ~= nil then check_rows("argument 3 (weights)", weights, first, "x") end
  if #first == 0 then check.expected("data.arrays", "argument 1 (x)", "a tensor with rows", first) end
  self.x, self.y, self.weights, self.items = x, y, weights, core.arange(#first)
end

--- #dataset -> number of instances
function Arrays:__len()
  return #self.items
end

--- dataset:batch(ids) -> x, y, weights
---
--- The instances that ids (int32) names.
---@param ids rnn.Tensor
---@return rnn.Tensor|table x
---@return rnn.Tensor|table? y
---@return rnn.Tensor|table? weights
function Arrays:batch(ids)
  check.tensor("data.arrays:batch", "argument 1 (ids)", ids, "int32", 1)
  return nest.rows(self.x, ids), self.y and nest.rows(self.y, ids), self.weights and nest.rows(self.weights, ids)
end

--- dataset:all() -> x, y, weights
---
--- Every instance, as x (N, ...) and y.
function Arrays:all()
  return self.x, self.y, self.weights
end

--- dataset:batches([options]) -> batches
---
--- Mini-batches, as data.Batches.
---@param options? data.Arrays.batches.Options
---@return data.Batches
function Arrays:batches(options)
  return Batches(self, options)
end

return Arrays
