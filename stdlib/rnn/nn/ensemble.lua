-- ensemble.lua: several models that answer as one.

local core = require "rnn.core"
local beside = require "rnn.beside"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local owner = require "rnn.state"._owner
local Module = require "rnn.nn.module"

--- rnn.Ensemble(models [, options])
---
--- A list of models of the same task, trained from different beginnings or on different data, as one model: its answer
--- is the mean of theirs, so that rnn.predict, rnn.evaluate, rnn.save and rnn.load take it as any other. Hansen,
--- Salamon 1990, "Neural network ensembles"; Lakshminarayanan et al. 2017, "deep ensembles". nn.distillation makes one
--- small model of it. ensemble[i] is model i. Errors: an entry that is no model, or none.
---@class rnn.Ensemble : nn.Module
---@field [integer] nn.Module
---@overload fun(models: nn.Module[], options?: rnn.Ensemble.Options): rnn.Ensemble
local Ensemble = class("rnn.Ensemble", Module)

local OPTIONS = option.of("rnn.Ensemble", {
  { "mean", "outputs", option.one_of { "outputs", "softmax", "sigmoid" }, "the mean of what: of the outputs as they "
    .. "are; or of the probabilities that logits say, of classes or each by itself, and the result is again logits" },
})

function Ensemble:init(models, options)
  if type(models) ~= "table" or getmetatable(models) or #models == 0 then
    check.expected("rnn.Ensemble", "argument 1 (models)", "a list of models", models)
  end
  for i = 1, #models do
    if not Module.is(models[i]) then
      check.expected("rnn.Ensemble", ("argument 1 (models), entry %d"):format(i), "a model", models[i])
    end
    self[i] = models[i]
  end
  self.mean = OPTIONS:read(options).mean
end

-- The logarithm of the mean of probabilities, whose logarithms f gives of each answer.
local function log_mean(list, f)
  local logs = {}
  for i, y in ipairs(list) do logs[i] = f(y:without_lengths()) end
  return core.stack(logs, 1):logsumexp(1) - math.log(#list)
end
local function log_sigmoid(y) return -(-y):softplus() end

-- The mean of tensors of one shape.
local function mean_of(kind, list)
  local lengths, y = list[1]:lengths(), list[1]
  if kind == "outputs" then
    for i = 2, #list do y = y + list[i] end
    return y / #list
  elseif kind == "softmax" then
    y = log_mean(list, function(logits) return logits:log_softmax(-1) end)
  else
    y = log_mean(list, log_sigmoid) - log_mean(list, function(logits) return log_sigmoid(-logits) end)
  end
  return lengths and y:with_lengths(lengths) or y
end

local function combined(kind, answers)
  if not nest.is_table(answers[1]) then return mean_of(kind, answers) end
  local result = {}
  for _, key in ipairs(nest.keys(answers[1])) do
    local list = {}
    for i, answer in ipairs(answers) do list[i] = answer[key] end
    result[key] = combined(kind, list)
  end
  return result
end

--- ensemble:forward(x) -> y
---
--- The mean of the models' first results, tensors of their shapes or tables of them.
---@param x any
---@return rnn.Tensor|table
function Ensemble:forward(x)
  local answers = {}
  for i, model in ipairs(self) do answers[i] = (model(x)) end
  return combined(self.mean, answers)
end

--- ensemble:stream(x [, states]) -> y, states
---
--- As forward, for sequences that come in pieces, such as a text that is read or written: each model goes on from its
--- state. states is what the piece before gave; nil is the zero state of all. Errors: states that another model made.
---@param x any
---@param states? table
---@return rnn.Tensor|table
---@return table? states
function Ensemble:stream(x, states)
  local answers, after = {}, {}
  if states ~= nil and (type(owner.check(self, states)) ~= "table" or #states ~= #self) then
    check.expected(self:describe() .. ": stream", "argument 2", ("the states of %d models"):format(#self), states)
  end
  for i, model in ipairs(self) do
    local run = model.stream or model.forward
    if states then answers[i], after[i] = run(model, x, states[i]) else answers[i], after[i] = run(model, x) end
  end
  return combined(self.mean, answers), after[1] and owner.mark(self, after)
end

--- ensemble:fit(options) -> list of histories
---
--- Trains each model by itself: options(model, i) returns those of rnn.fit for model i, its optimiser among them.
--- Errors: those of rnn.fit.
---@param options fun(model: nn.Module, i: integer): table
---@return rnn.History[]
function Ensemble:fit(options)
  check.callback("rnn.Ensemble:fit", "argument 1 (options)", options)
  local histories = {}
  for i, model in ipairs(self) do
    histories[i] = beside.rnn.fit(model, check.table("rnn.Ensemble:fit", "the function's result", options(model, i)))
  end
  return histories
end

function Ensemble:input_type() return self[1]:input_type() end

function Ensemble:describe() return ("rnn.Ensemble of %d"):format(#self) end

function Ensemble:config()
  return { class = "rnn.Ensemble", layers = { table.unpack(self) }, options = { mean = self.mean } }
end

return Ensemble
