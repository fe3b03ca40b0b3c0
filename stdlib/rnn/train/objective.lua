-- objective.lua: what is made small, and by what: the loss of a batch, what metrics compare, and optimisers.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local named = require "rnn.nn.named_losses"

local objective = {}

local names = nest.keys(named)

local quoted = {}
for i, name in ipairs(names) do quoted[i] = ("%q"):format(name) end

-- Rows of options (see rnn.option) of all that measures a model; what a loss or metrics may be depends on the model,
-- and is checked where they meet.
objective.OPTIONS = {
  { "loss", nil, option.kind("string|function|table", option.any, quoted),
    "\"mse\", \"mae\", \"huber\", \"cross_entropy\", \"binary_cross_entropy\", \"kl_div\", \"poisson_nll\", "
    .. "\"gaussian_nll\" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that gives "
    .. "a table, as its targets are one: { demand = \"mse\", alarm = \"cross_entropy\" }, a loss for each target, "
    .. "whose sum is made small (history.demand_loss ...); one name stands for all of them. A model with a loss of its "
    .. "own needs none, or a table of options for it: model:loss(x, y, options, weights) -> loss, or loss, prediction, "
    .. "target for metrics; nn.Seq2Seq has one" },
  { "loss_weights", nil, option.any, "{ demand = 0.5 }: factors of the losses of targets (1)" },
  { "padded", false, check.boolean,
    "labels 0 in targets are padding; else they are an error, as labels count from 1, but "
    .. "behind lengths" },
  { "metrics", nil, option.any, "{ \"mae\", \"last_mae\" (of each sequence's last step), \"mse\", \"rmse\", "
    .. "\"smape\", \"accuracy\", \"top_5\", \"f1\", \"nats\", \"perplexity\", name = function (y, target) or an "
    .. "object such as metrics.F1 }; those of one of several targets stand in a list: { demand = { \"mae\" } } "
    .. "gives demand_mae" },
  { "tbptt", nil, option.unless_false(option.int(1)),
    "sequences of any length are cut into windows of that many steps, "
    .. "each read from the state in which the last one ended; targets have a value for each step. The model is an "
    .. "nn.Sequential, a recurrent layer, or has forward(x, state) -> y, state" },
}

local function one_element(fname, what, value)
  if not core.is_tensor(value) or value:count() ~= 1 then
    check.expected(fname, what, "a tensor of one element", value)
  end
  return value
end

-- The model's own loss.
local function own(fname, model, options)
  local what = ("%s:loss: its result"):format(model:describe())
  return function(_, x, y, weights)
    local loss, prediction, target
    if weights == nil then
      loss, prediction, target = model:loss(x, y, options)
    else
      loss, prediction, target = model:loss(x, y, options, weights)
    end
    return one_element(fname, what, loss), prediction, target
  end
end

-- A loss for each target: loss_of(key) is the function of one.
local function by_target(fname, keys, loss_of, factors)
  return function(call, x, y, weights)
    local prediction, total, parts = call(x), nil, {}
    if not nest.is_table(y) then check.expected(fname, "option 'loss': the target", "a table, by its entries", y) end
    for key in pairs(factors) do
      if y[key] == nil then core.fail("%s: option 'loss_weights': the batch has no target '%s'", fname, key) end
    end
    for i, key in ipairs(keys or nest.keys(y)) do
      if not nest.is_table(prediction) or prediction[key] == nil then
        check.expected(fname, ("the model's result for target '%s'"):format(key),
          "a table with an entry for each target", nest.is_table(prediction) and prediction[key] or prediction)
      end
      if y[key] == nil then core.fail("%s: option 'loss': the batch has no target '%s'", fname, key) end
      local loss, factor = loss_of(key)(prediction[key], y[key], nest.part(weights, key)), factors[key] or 1
      parts[i] = { name = tostring(key), key = key, loss = loss, factor = factor }
      loss = factor == 1 and loss or loss * factor
      total = total and total + loss or loss
    end
    for key in pairs(y) do
      if not loss_of(key) then core.fail("%s: option 'loss' has none for target '%s'", fname, key) end
    end
    return total, prediction, y, parts
  end
end

-- Factors for the losses of targets.
local function factors_of(fname, given, keys)
  if given == nil then return {} end
  for key, factor in pairs(check.table(fname, "option 'loss_weights'", given)) do
    check.number(fname, ("option 'loss_weights', entry '%s'"):format(key), factor, 0, math.huge)
    local known = not keys
    for _, name in ipairs(keys or {}) do known = known or name == key end
    if not known then core.fail("%s: option 'loss_weights': there is no loss '%s'", fname, key) end
  end
  return given
end

local function without_targets(fname)
  core.fail("%s: option 'loss_weights' goes with a loss for each target, loss = { name = ... }", fname)
end

-- Labels are targets of cross-entropies, and what functions may want.
local function check_padded(fname, loss)
  for _, one in pairs(nest.is_table(loss) and loss or { loss }) do
    if type(one) ~= "string" or one == "cross_entropy" then return end
  end
  core.fail("%s: option 'padded' has no effect: labels are targets of the loss 'cross_entropy', or of a function",
    fname)
end

-- The function of a loss, (y, target, weights) -> scalar; with padded, labels 0 are padding.
local function function_of(fname, loss, padded)
  if type(loss) == "function" then
    return function(y, target, weights)
      if weights == nil then return one_element(fname, "option 'loss': its result", (loss(y, target))) end
      return one_element(fname, "option 'loss': its result", (loss(y, target, weights)))
    end
  end
  local f = named[loss]
  if not f then
    check.expected(fname, "option 'loss'", ("a function or one of '%s'"):format(table.concat(names, "', '")), loss)
  end
  if loss ~= "cross_entropy" then return f end
  return function(y, target, weights) return f(y, target, weights, padded) end
end

--- objective.of(fname, model, options) -> function (call, x, y, weights) -> loss, prediction, target, parts; names
---
--- options has loss, loss_weights and padded. call(x) is the model's prediction, which the loss compares with y. A
--- model with a loss of its own, model:loss(x, y, options, weights) -> loss [, prediction, target], is asked for it
--- when loss is nil or a table, the options; padded is one of them. With several targets parts has the loss of each, by
--- name: { name, key, loss, factor }; names lists them where they are known before.
---@param fname string for messages
---@param model nn.Module
---@param options { loss: any, loss_weights?: table<any, number>, padded: boolean }
function objective.of(fname, model, options)
  local loss, padded = options.loss, options.padded
  local is_table = nest.is_table(loss)
  if type(model.loss) == "function" and (loss == nil or is_table) then
    if options.loss_weights then core.fail("%s: option 'loss_weights': the model has a loss of its own", fname) end
    if padded then
      local with = { padded = true }
      for name, value in pairs(loss or {}) do with[name] = value end
      loss = with
    end
    return own(fname, model, loss)
  end
  if padded then check_padded(fname, loss) end
  if is_table and next(loss) ~= nil then
    local keys, functions = nest.keys(loss), {}
    for _, key in ipairs(keys) do functions[key] = function_of(fname, loss[key], padded) end
    local factors = factors_of(fname, options.loss_weights, keys)
    return by_target(fname, keys, function(key) return functions[key] end, factors), keys
  end
  local loss_of = function_of(fname, loss, padded)
  if type(loss) == "function" and options.loss_weights then without_targets(fname) end
  local by_name, factors, each = type(loss) ~= "function", factors_of(fname, options.loss_weights), nil
  return function(call, x, y, weights)
    if by_name and type(y) == "table" then
      each = each or by_target(fname, nil, function() return loss_of end, factors)
      return each(call, x, y, weights)
    end
    if next(factors) ~= nil then without_targets(fname) end
    local prediction = call(x)
    return loss_of(prediction, y, weights), prediction, y
  end
end

--- objective.turns(fname, losses, keys) -> list of function (model, x, y, weights) -> loss; an objective of all of them
---
--- For several optimisers: each has a loss of its own, under its key.
function objective.turns(fname, losses, keys)
  local functions = {}
  if not nest.is_table(losses) then
    check.expected(fname, "option 'loss'", "a function (model, x, y, weights) for each optimiser", losses)
  end
  for i, key in ipairs(keys) do
    local what = ("option 'loss', entry '%s'"):format(key)
    local f = check.callback(fname, what, losses[key])
    functions[i] = function(...) return one_element(fname, what .. ": its result", (f(...))) end
  end
  for key in pairs(losses) do
    local known = false
    for _, name in ipairs(keys) do known = known or name == key end
    if not known then core.fail("%s: option 'loss', entry '%s': there is no such optimiser", fname, key) end
  end
  return functions, function(model, x, y, weights)
    local total, parts = nil, {}
    for i, f in ipairs(functions) do
      local loss = f(model, x, y, weights)
      parts[i] = { name = tostring(keys[i]), loss = loss, factor = 1 }
      total = total and total + loss or loss
    end
    return total, nil, nil, parts
  end
end

-- ---- optimisers ----

-- Does an optimiser train the model? One that was made for another, or before the model was made again,
-- changes nothing.

--- objective.trains(fname, optimizer, model) -> array of tensors
---
--- The optimiser's parameters that are not the model's: a loss may have some of its own. None in common is an error; a
--- model that is trained in part is not.
---@param fname string
---@param optimizer optim.Optimizer
---@param model nn.Module
---@return rnn.Tensor[]
function objective.trains(fname, optimizer, model)
  local inside, others = {}, {}
  for _, entry in ipairs((model:named_tensors())) do inside[entry[2]] = true end
  for _, p in ipairs(optimizer.params) do
    if not inside[p] then others[#others + 1] = p end
  end
  if #others == #optimizer.params then
    core.fail("%s: option 'optimizer': it has no parameter of the model, %s, which would not be trained; make it with "
      .. "that model's parameters()", fname, model:describe())
  end
  for _, p in ipairs(optimizer.params) do
    if p:requires_grad() then return others end
  end
  core.fail("%s: option 'optimizer': all of its parameters are frozen, so nothing would be trained; model:unfreeze() "
    .. "or a part of it makes them learn", fname)
end

-- Several optimisers, each for parameters of its own, as one: what a GAN is trained with.

--- objective.is(value) -> is it an optimiser?
function objective.is(value)
  return type(value) == "table" and type(value.step) == "function" and type(value.params) == "table"
end

--- Several(fname, { a, b } or { name = a, ... }): what rnn.fit asks of an optimiser. lr is the first one's; a schedule
--- that changes it keeps the ratio of the others to it.
---@class train.Several
---@field keys (string|integer)[] in their order
---@field each optim.Optimizer[]
---@field params rnn.Tensor[] of all
---@overload fun(fname: string, list: table): train.Several
local Several = class("train.Several")
objective.Several = Several

function Several:init(fname, list)
  self.keys, self.each, self.ratios, self.params = nest.keys(list), {}, {}, {}
  local seen = {}
  for i, key in ipairs(self.keys) do
    local argname, optimizer = ("option 'optimizer', entry '%s'"):format(key), list[key]
    if not objective.is(optimizer) then
      check.expected(fname, argname, "an optimiser, such as optim.SGD(model.part:parameters())", optimizer)
    end
    for _, p in ipairs(optimizer.params) do
      if seen[p] then
        core.fail("%s: %s has a parameter %s that entry '%s' has as well", fname, argname, check.shape(p), seen[p])
      end
      seen[p] = key
      self.params[#self.params + 1] = p
    end
    self.each[i] = optimizer
    self.ratios[i] = self.each[1].lr > 0 and optimizer.lr / self.each[1].lr or 1
  end
  self.lr = self.each[1].lr
  self.seen = self.lr
end

--- several:follow(): the rates of all, where a schedule has changed lr.
function Several:follow()
  if self.lr == self.seen then return end
  for i, optimizer in ipairs(self.each) do optimizer.lr = self.lr * self.ratios[i] end
  self.seen = self.lr
end

function Several:zero_grad()
  for _, optimizer in ipairs(self.each) do optimizer:zero_grad() end
end

function Several:_settings()
  local given = { each = {} }
  for i, optimizer in ipairs(self.each) do given.each[i] = optimizer._settings and optimizer:_settings() or {} end
  return given
end

function Several:state_dict()
  local state = { lr = self.lr, each = {} }
  for i, optimizer in ipairs(self.each) do state.each[i] = optimizer:state_dict() end
  return state
end

function Several:load_state_dict(state)
  if type(state) ~= "table" or type(state.each) ~= "table" or #state.each ~= #self.each then
    core.fail("the optimisers are %d, but were others", #self.each)
  end
  for i, optimizer in ipairs(self.each) do optimizer:load_state_dict(state.each[i]) end
  self.lr, self.seen = state.lr, state.lr
end

return objective
