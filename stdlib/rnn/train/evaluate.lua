-- evaluate.lua: loss and metrics of a model over data it is not trained on.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Module = require "rnn.nn.module"
local Batches = require "rnn.data.batches"
local evaluation = require "rnn.nn.evaluation"
local metrics = require "rnn.train.metrics"
local objective = require "rnn.train.objective"
local Source = require "rnn.train.source"

local evaluate = {}

local function pass(call, source, objective_of, scores, stop)
  for x, y, weights in source do
    local loss, prediction, target, parts = objective_of(call, x, y, weights)
    scores:add(x, loss:item(), prediction, target, weights, parts)
    if stop and stop() then return false end
  end
  return true
end

--- evaluate.pass(model, source, objective, scores [, reader [, stop]]) -> true | false
---
--- One pass in evaluation mode, nothing recorded; adds to scores. A reader is called in the model's stead; false when
--- stop() was true before the end.
function evaluate.pass(model, source, objective_of, scores, reader, stop)
  return evaluation("rnn.evaluate", model, pass, reader or model, source, objective_of, scores, stop)
end

--- evaluate.batches(dataset, size) -> batches: for one pass, in the order that takes least time
function evaluate.batches(dataset, size)
  return dataset:batches { size = size, seed = 0, bucket = dataset.by_length and true or nil }
end

--- evaluate.reading: function -> the source by which rnn.fit is reading it: batches have a place for each loop, a
--- function that gives the batches itself has but one
evaluate.reading = setmetatable({}, { __mode = "k" })

--- evaluate.read(source, on): rnn.fit begins, or ends, to read it.
function evaluate.read(source, on)
  if class.is_a(source, Source) then evaluate.reading[source.f] = on and source or nil end
end

--- evaluate.source(fname, argname, value) -> batches
---
--- Batches as they are; those of a dataset, of a function or any other iterator.
function evaluate.source(fname, argname, value)
  if type(value) == "table" and value.batches then return evaluate.batches(value, 256) end
  if class.is_a(value, Batches) then return value end
  local callable = type(value) == "function"
    or (type(value) == "table" and getmetatable(value) and getmetatable(value).__call)
  if not callable then check.expected(fname, argname, "batches, as dataset:batches makes them", value) end
  local reading = evaluate.reading[value]
  if reading and reading.plain then
    core.fail("%s: %s: rnn.fit is in the middle of this function, which would lose its place; give batches, or another "
      .. "function", fname, argname)
  end
  return type(value) == "function" and Source(fname, argname, value) or value
end

--- rnn.evaluate(model, data, { loss = "mse", loss_weights = nil, metrics = { "mae" }, tbptt = nil,
--- padded = false }) -> table
---
--- Loss and metrics over batches or a whole dataset: rnn.evaluate(model, test, { loss = "huber" }).loss. Means count
--- every valid element once, however the data are cut. With tbptt = n sequences are read in windows of n steps, each
--- from the state in which the one before ended, as in rnn.fit: for a text.stream, and for sequences too long at once.
--- loss, loss_weights, metrics and padded are as in rnn.fit.
--- Errors: data without a valid element.
---@param model nn.Module
---@param data data.Windows|data.Arrays|data.Batches|function
---@param options { loss?: string|function|table, metrics?: table, tbptt?: integer, padded?: boolean }
---@return table<string, number>
function evaluate.evaluate(model, data, options)
  local fname = "rnn.evaluate"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local source = evaluate.source(fname, "argument 2 (data)", data)
  options = check.options(fname, options, { loss = check.none, loss_weights = check.none, metrics = check.none,
    tbptt = check.none, padded = false })
  local scores = metrics.Scores(fname, options.metrics, options.padded)
  local objective_of = objective.of(fname, model, options)
  local reader
  if options.tbptt then
    local tbptt = require "rnn.train.tbptt"
    source = tbptt.Windows(fname, source, check.int(fname, "option 'tbptt'", options.tbptt, 1))
    reader = tbptt.Reader(fname, model, source)
  end
  evaluate.pass(model, source, objective_of, scores, reader)
  if scores.weight == 0 then core.fail("%s: argument 2 (data): it gave no batch with a valid element", fname) end
  return scores:read({}, "")
end

return evaluate
