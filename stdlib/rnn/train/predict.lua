-- predict.lua: a model's answers, batch by batch, without history.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Module = require "rnn.nn.module"
local nest = require "rnn.nest"
local Batches = require "rnn.data.batches"
local arrays = require "rnn.data.arrays"
local evaluate = require "rnn.train.evaluate"
local Source = require "rnn.train.source"
local evaluation = require "rnn.nn.evaluation"

-- Outputs of batches, (N, T, ...) each, those of different lengths padded to the longest; of a table each entry.
local function join(parts)
  if nest.is_table(parts[1]) then
    local result = {}
    for _, key in ipairs(nest.keys(parts[1])) do
      local column = {}
      for i, part in ipairs(parts) do column[i] = part[key] end
      result[key] = join(column)
    end
    return result
  end
  if #parts == 1 then return parts[1] end
  local longest, lengths = 0, {}
  for i, y in ipairs(parts) do
    lengths[i] = y:lengths()
    if not lengths[i] then return core.concat(parts, 1) end
    longest = math.max(longest, y:size(2))
  end
  for i, y in ipairs(parts) do
    local dims = { y:shape() }
    dims[2], dims.type, y = longest - dims[2], y:type(), y:without_lengths()
    parts[i] = dims[2] > 0 and core.concat({ y, core.zeros(dims) }, 2) or y
  end
  return core.concat(parts, 1):with_lengths(core.concat(lengths, 1))
end

local function run(model, source)
  local parts, items = {}, {}
  for x in source do
    local y = model(x)
    nest.check("rnn.predict", "the model's result", y)
    parts[#parts + 1] = nest.map(y, function(t) return t:detach() end)
    items[#items + 1] = source.bucket and source:items(x)
  end
  return parts, items
end

--- rnn.predict(model, x [, { size = 256 }]) -> tensor
---
--- The model's outputs for every row of a tensor or of a table of tensors, every item of a dataset or every batch, in
--- the order of the data, also where batches are made of sequences of about the same length; outputs (N, T, ...) that
--- know their lengths are padded to the longest. x may be a function as well, an iterator or one that makes an
--- iterator. Of a model that gives a table of tensors the result is such a table. Runs in evaluation mode, records
--- nothing, and leaves the mode as it was.
--- Errors: batches that are shuffled, none at all.
---@param model nn.Module
---@param x rnn.Tensor|table|function|data.Windows|data.Arrays|data.Sequences|data.Batches
---@param options? { size?: integer }
---@return rnn.Tensor|table
return function(model, x, options)
  local fname = "rnn.predict"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local size = check.int(fname, "option 'size'", check.options(fname, options, { size = 256 }).size, 1)
  local source = (core.is_tensor(x) or nest.is_table(x) and nest.first(x) ~= nil) and arrays(x) or x
  if type(source) == "table" and source.batches then source = evaluate.batches(source, size) end
  if type(source) == "function" then source = evaluate.source(fname, "argument 2", source) end
  if not class.is_a(source, Batches) and not class.is_a(source, Source) then
    check.expected(fname, "argument 2", "a tensor, a dataset or its batches", x)
  end
  if source.shuffle then
    core.fail("%s: argument 2: these batches are shuffled, so the order of the answers would mean nothing; take "
      .. "batches without shuffle", fname)
  end
  local parts, items = evaluation(fname, model, run, model, source)
  if #parts == 0 then core.fail("%s: argument 2 gave no batch", fname) end
  local y = join(parts)
  if not source.bucket then return y end
  local places = core.concat(items, 1):argsort() -- batches of equal lengths were given out in another order
  return nest.rows(y, places)
end
