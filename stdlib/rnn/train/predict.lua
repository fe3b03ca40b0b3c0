-- predict.lua: a model's answers, batch by batch, without history.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Module = require "rnn.nn.module"
local Batches = require "rnn.data.batches"
local arrays = require "rnn.data.arrays"
local evaluation = require "rnn.train.evaluation"

local function run(model, source)
  local parts = {}
  for x in source do parts[#parts + 1] = model(x):detach() end
  return parts
end

--- rnn.predict(model, x [, { size = 256 }]) -> tensor
---
--- The model's outputs for every row of a tensor, every item of a dataset or every batch, in order. Runs in evaluation
--- mode, records nothing, and leaves the mode as it was.
---@param model nn.Module
---@param x rnn.Tensor|data.Windows|data.Arrays|data.Batches
---@param options? { size?: integer }
---@return rnn.Tensor
return function(model, x, options)
  local fname = "rnn.predict"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local size = check.int(fname, "option 'size'", check.options(fname, options, { size = 256 }).size, 1)
  local source = core.is_tensor(x) and arrays(x) or x
  if type(source) == "table" and source.batches then source = source:batches { size = size, seed = 0 } end
  if not class.is_a(source, Batches) then
    check.expected(fname, "argument 2", "a tensor, a dataset or its batches", x)
  end
  if source.shuffle then
    core.fail("%s: argument 2: these batches are shuffled, so the order of the answers would mean nothing; take "
      .. "batches without shuffle", fname)
  end
  local _ <close> = evaluation(model)
  local parts = core.no_grad(run, model, source)
  return #parts == 1 and parts[1] or core.concat(parts, 1)
end
