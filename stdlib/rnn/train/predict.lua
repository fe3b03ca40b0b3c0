-- predict.lua: a model's answers, batch by batch, without history.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Module = require "rnn.nn.module"
local Batches = require "rnn.data.batches"
local arrays = require "rnn.data.arrays"
local evaluate = require "rnn.train.evaluate"
local evaluation = require "rnn.train.evaluation"

-- Outputs of batches of different lengths, (N, T, ...) each, padded to the longest.
local function join(parts)
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

-- The rows in the order of the dataset, where batches of equal lengths were given out in another one.
local function as_dataset(y, order)
  local places, lengths = order:argsort(), y:lengths()
  if not lengths then return y:gather(1, places) end
  return y:without_lengths():gather(1, places):with_lengths(lengths:gather(1, places))
end

local function run(model, source)
  local parts, items = {}, {}
  for x in source do parts[#parts + 1], items[#items + 1] = model(x):detach(), source.bucket and source:items(x) end
  return parts, items
end

--- rnn.predict(model, x [, { size = 256 }]) -> tensor
---
--- The model's outputs for every row of a tensor, every item of a dataset or every batch, in the order of the data,
--- also where batches are made of sequences of about the same length; outputs (N, T, ...) that know their lengths are
--- padded to the longest. Runs in evaluation mode, records nothing, and leaves the mode as it was.
--- Errors: batches that are shuffled.
---@param model nn.Module
---@param x rnn.Tensor|data.Windows|data.Arrays|data.Sequences|data.Batches
---@param options? { size?: integer }
---@return rnn.Tensor
return function(model, x, options)
  local fname = "rnn.predict"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local size = check.int(fname, "option 'size'", check.options(fname, options, { size = 256 }).size, 1)
  local source = core.is_tensor(x) and arrays(x) or x
  if type(source) == "table" and source.batches then source = evaluate.batches(source, size) end
  if not class.is_a(source, Batches) then
    check.expected(fname, "argument 2", "a tensor, a dataset or its batches", x)
  end
  if source.shuffle then
    core.fail("%s: argument 2: these batches are shuffled, so the order of the answers would mean nothing; take "
      .. "batches without shuffle", fname)
  end
  local parts, items = evaluation(fname, model, run, model, source)
  local y = #parts == 1 and parts[1] or join(parts)
  return source.bucket and as_dataset(y, core.concat(items, 1)) or y
end
