-- labels.lua: how often answers are right. y: logits (..., V), of which the largest is the answer, or answers as int32
-- labels (...); labels int32 (...) from 1; padding, behind lengths or, with the option padded, with label 0, does not
-- count.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local Confusion = require("rnn.metrics.confusion").Confusion
local valid = require "rnn.metrics.valid"
local choice = require "rnn.choice"

local metrics = {}

local function share(right, labels)
  local count = labels:ne(0):sum():item()
  return count > 0 and right:sum():item() / count or 0 / 0
end

local CLASSES, _, PADDED = table.unpack(Confusion._options)
local OPTIONS = {}
for _, name in ipairs { "accuracy", "top_k", "nats", "perplexity" } do
  OPTIONS[name] = option.of("metrics." .. name, { PADDED })
end
local CONFUSION = option.of("metrics.confusion", Confusion._options)
local AVERAGE = { "average", "macro", option.one_of(Confusion._averages), "mean over the classes that occur as label "
  .. "or answer; all answers together (with one label each, the accuracy); mean with each class as often as it is a "
  .. "label; or a list, the value of each class" }
for _, name in ipairs { "f1", "precision", "recall" } do
  OPTIONS[name] = option.of("metrics." .. name, { AVERAGE, CLASSES, PADDED })
end

--- metrics.accuracy(y, labels [, options]) -> number
---
--- Share of right answers, 0 to 1; nan when there is no label.
---@param y rnn.Tensor logits (..., V) or labels int32 (...)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.accuracy.Options
---@return number
function metrics.accuracy(y, labels, options)
  local fname, place = "metrics.accuracy"
  options = OPTIONS.accuracy:read(options)
  y, labels, place = valid.labels(fname, y, labels, options.padded)
  y = valid.answers(fname, y, labels, place)
  return share(y:eq(labels) * labels:ne(0), labels)
end

--- metrics.top_k(logits, labels, k [, options]) -> number
---
--- Share of labels among the k largest logits, 0 to 1; nan when there is no label.
---@param logits rnn.Tensor (..., V)
---@param labels rnn.Tensor int32 (...)
---@param k integer
---@param options? metrics.top_k.Options
---@return number
function metrics.top_k(logits, labels, k, options)
  check.tensor("metrics.top_k", "argument 1 (logits)", logits, "float")
  check.int("metrics.top_k", "argument 3 (k)", k, 1, logits:size(-1))
  options = OPTIONS.top_k:read(options)
  local place
  logits, labels, place = valid.labels("metrics.top_k", logits, labels, options.padded)
  choice.check("metrics.top_k", logits, labels:ne(0), place)
  return share(core.topk(logits, k):eq(labels:reshape(-1, 1)), labels)
end

--- metrics.confusion(y, labels [, options]) -> metrics.Confusion
---
--- How often each label got each answer: see metrics.Confusion. classes is needed when y is of labels.
---@param y rnn.Tensor logits (..., V) or labels int32 (...)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.confusion.Options
---@return metrics.Confusion
function metrics.confusion(y, labels, options)
  local confusion = Confusion(CONFUSION:read(options))
  confusion:_add("metrics.confusion", y, labels)
  return confusion
end

local function averaged(name, y, labels, options)
  options = OPTIONS[name]:read(options)
  local confusion = Confusion { classes = options.classes, padded = options.padded }
  confusion:_add("metrics." .. name, y, labels)
  return confusion[name](confusion, options.average)
end

--- metrics.f1(y, labels [, options]) -> number | number[]
---
--- F1, the harmonic mean of precision and recall; of a class that is neither label nor answer 0.
---@param y rnn.Tensor logits (..., V) or labels int32 (...)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.f1.Options
---@return number|number[]
function metrics.f1(y, labels, options)
  return averaged("f1", y, labels, options)
end

--- metrics.precision(y, labels [, options]) -> number | number[]
---
--- The share of a class's answers that are right; of a class without answers 0.
---@param y rnn.Tensor logits (..., V) or labels int32 (...)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.precision.Options
---@return number|number[]
function metrics.precision(y, labels, options)
  return averaged("precision", y, labels, options)
end

--- metrics.recall(y, labels [, options]) -> number | number[]
---
--- The share of a class's labels that are found; of a class without labels 0.
---@param y rnn.Tensor logits (..., V) or labels int32 (...)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.recall.Options
---@return number|number[]
function metrics.recall(y, labels, options)
  return averaged("recall", y, labels, options)
end

local function likelihood(name, logits, labels, options)
  local fname = "metrics." .. name
  check.tensor(fname, "argument 1 (logits)", logits, "float")
  check.tensor(fname, "argument 2 (labels)", labels, "int32")
  return core.cross_entropy(logits:detach(), labels, nil, 0, OPTIONS[name]:read(options).padded):item()
end

--- metrics.nats(logits, labels [, options]) -> number
---
--- Mean of -log p(label), in nats a symbol; divided by log(2) it is in bits.
---@param logits rnn.Tensor (..., V)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.nats.Options
---@return number
function metrics.nats(logits, labels, options)
  return likelihood("nats", logits, labels, options)
end

--- metrics.perplexity(logits, labels [, options]) -> number
---
--- e to the nats: among how many equally likely symbols the model seems to choose.
---@param logits rnn.Tensor (..., V)
---@param labels rnn.Tensor int32 (...)
---@param options? metrics.perplexity.Options
---@return number
function metrics.perplexity(logits, labels, options)
  return math.exp(likelihood("perplexity", logits, labels, options))
end

return metrics
