-- metrics.lua: what is measured beside the loss, and how means over batches are taken.
--
-- Every value of a batch counts by its number of valid elements, so the mean over batches is the mean over the data,
-- whatever the sizes of the batches and however long their padding.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local valid = require "rnn.metrics.valid"

local metrics = {}

-- Elements of targets that count: labels other than 0, or all elements of valid steps.
local function count(fname, y, target, padded)
  local lengths = valid.lengths(y, target)
  if target:type() == "int32" then
    valid.check(fname, target, lengths, padded)
    local labelled = target:ne(0)
    return math.tointeger((lengths and labelled:with_lengths(lengths) or labelled):sum():item())
  end
  if not lengths then return target:count() end
  local sum, steps = 0, lengths:totable()
  for i = 1, #steps do sum = sum + steps[i] end
  return sum * (target:count() // (target:size(1) * target:size(2)))
end
metrics.count = count

-- The share of a prediction that is right: the most likely label, or the likelier of 0 and 1.
local function accuracy(y, target)
  if target:type() == "int32" then -- where padding may be, Scores has seen to
    return require("rnn.metrics").accuracy(y, target, { padded = true })
  end
  local lengths = valid.lengths(y, target)
  local function sum(t) return (lengths and t:without_lengths():with_lengths(lengths) or t):sum():item() end
  if sum(target:lt(0) + target:gt(1)) > 0 then
    core.fail("accuracy: targets that are not within 0 to 1; classes are int32 labels from 1, y:to_int()")
  end
  if sum(y:ne(y)) > 0 then core.fail("accuracy: a prediction is nan, which is on neither side of 0") end
  return sum(y:gt(0):eq(target:gt(0.5))) / count("accuracy", y, target)
end

-- The last valid step of each sequence, (N, T, D) -> (N', D); N' leaves out sequences without one.
local function last_steps(y, target)
  local lengths = target:lengths() or y:lengths()
  local batch, steps = y:size(1), y:size(2)
  local places = {}
  for n = 1, batch do
    local length = lengths and lengths:get(n) or steps
    if length > 0 then places[#places + 1] = (n - 1) * steps + length end
  end
  places = core.tensor(places, "int32")
  local function pick(t) return t:without_lengths():reshape(batch * steps, -1):gather(1, places) end
  return pick(y), pick(target)
end

local function last_mae(y, target)
  if y:ndim() > 2 then y, target = last_steps(y, target) end
  return core.mae(y, target), y:count()
end

-- Where padding may be, Scores has seen to.
local function likelihood(y, target) return core.cross_entropy(y, target, nil, 0, true) end

-- name -> function(y, target) -> number or scalar tensor, the mean over the valid elements of a batch; and how many
-- elements that are, where not all of them
local known = {
  mae = core.mae,
  last_mae = last_mae,
  mse = core.mse,
  rmse = core.mse,
  accuracy = accuracy,
  nats = likelihood,
  perplexity = likelihood,
  smape = function(y, target) return require("rnn.metrics").smape(y, target) end,
}

-- what is done to the mean over all batches
local finish = { rmse = math.sqrt, perplexity = math.exp }

-- fields of the history that are no metrics
local RESERVED = { loss = true, lr = true, seconds = true, epoch = true, count = true, best = true, stopped = true,
  forecast = true }

local NAMES = { "accuracy", "f1", "last_mae", "mae", "mse", "nats", "perplexity", "rmse", "smape", "top_5" }

-- The metric that a name stands for.
local function named(fname, name)
  local k = math.tointeger(tonumber(type(name) == "string" and name:match "^top_(%d+)$"))
  if k then return function(y, target) return require("rnn.metrics").top_k(y, target, k, { padded = true }) end end
  if name == "f1" then return require("rnn.metrics").F1 { padded = true } end
  return known[name] or check.one_of(fname, "option 'metrics'", name, NAMES)
end

-- An object that counts for itself: methods clear, add and read.
local function counts(metric)
  return type(metric) == "table" and metric.clear and metric.add and metric.read and true
end

--- metrics.losses: the losses that have a name
metrics.losses = {
  mse = core.mse,
  mae = core.mae,
  huber = function(y, target) return core.huber(y, target, 1) end,
  cross_entropy = core.cross_entropy,
  binary_cross_entropy = core.binary_cross_entropy,
}

--- metrics.loss(fname, loss, padded) -> function
---@param fname string for messages
---@param loss string|function
---@param padded boolean labels 0 are padding
---@return fun(y: rnn.Tensor, target: rnn.Tensor): rnn.Tensor
function metrics.loss(fname, loss, padded)
  if type(loss) == "function" then
    return function(y, target)
      local value = loss(y, target)
      if not core.is_tensor(value) or value:count() ~= 1 then
        check.expected(fname, "option 'loss': its result", "a tensor of one element", value)
      end
      return value
    end
  end
  local found = metrics.losses[loss]
  if not found then
    check.expected(fname, "option 'loss'",
      "a function or one of 'binary_cross_entropy', 'cross_entropy', 'huber', 'mae', 'mse'", loss)
  end
  if padded and loss == "cross_entropy" then return likelihood end
  return found
end

--- Scores(fname, metrics, padded): running means of the loss and of metrics over the batches of an epoch.
---
--- metrics lists names and, under names of their own, functions (y, target) -> mean over a batch, as a number or a
--- tensor of one element: { "mae", worst = function(y, target) ... end }. A second result says how many elements the
--- mean is of, when it leaves some out. An object with methods clear(), add(y, target) and read() -> number counts for
--- itself, for what is no mean over batches; with state() and load_state(saved) also over a checkpoint in an epoch.
---@class train.Scores
---@field names string[] of the metrics
local Scores = class("train.Scores")
metrics.Scores = Scores

function Scores:init(fname, wanted, padded)
  self.fname, self.padded = fname, check.boolean(fname, "option 'padded'", padded)
  self.names, self.functions, self.counters, self.sums, self.weights = {}, {}, {}, {}, {}
  if wanted ~= nil then check.table(fname, "option 'metrics'", wanted) end
  for key, metric in pairs(wanted or {}) do
    local name = type(key) == "string" and key or metric
    if type(key) ~= "string" then
      metric = named(fname, name)
    elseif not counts(metric) then
      check.callback(fname, ("option 'metrics': %s"):format(key), metric)
    end
    if RESERVED[name] then core.fail("%s: option 'metrics': the name '%s' is taken; use another", fname, name) end
    self.names[#self.names + 1] = name
    if counts(metric) then self.counters[name] = metric else self.functions[name] = metric end
  end
  table.sort(self.names)
  self:clear()
end

function Scores:clear()
  self.loss, self.weight = 0.0, 0
  for i = 1, #self.names do self.sums[i], self.weights[i] = 0.0, 0 end
  for _, counter in pairs(self.counters) do counter:clear() end
end

--- scores:add(loss, y, target): one batch; loss is its number.
function Scores:add(loss, y, target)
  local n = count(self.fname, y, target, self.padded)
  if n == 0 then return end -- nothing but padding: its mean is 0/0
  self.loss, self.weight = self.loss + loss * n, self.weight + n
  for i, name in ipairs(self.names) do
    if self.counters[name] then
      self.counters[name]:add(y, target)
    else
      local value, weight = self.functions[name](y, target)
      if type(value) ~= "number" then value = value:item() end
      weight = weight or n
      self.sums[i], self.weights[i] = self.sums[i] + value * weight, self.weights[i] + weight
    end
  end
end

--- scores:state() -> what a checkpoint in the middle of an epoch keeps; scores:load_state(saved) takes it back.
function Scores:state()
  local counters = {}
  for name, counter in pairs(self.counters) do counters[name] = counter.state and counter:state() end
  return { loss = self.loss, weight = self.weight, sums = self.sums, weights = self.weights, counters = counters }
end

function Scores:load_state(saved)
  self.loss, self.weight = saved.loss, saved.weight
  for i = 1, #self.names do self.sums[i], self.weights[i] = saved.sums[i], saved.weights[i] end
  for name, state in pairs(saved.counters) do self.counters[name]:load_state(state) end
end

--- scores:read(into, prefix): sets into.loss and into.NAME, the means so far, with prefix before each name.
---@param into table<string, number>
---@param prefix string
function Scores:read(into, prefix)
  into[prefix .. "loss"] = self.loss / self.weight
  for i, name in ipairs(self.names) do
    local counter = self.counters[name]
    local value = counter and counter:read() or self.sums[i] / self.weights[i]
    into[prefix .. name] = finish[name] and finish[name](value) or value
  end
  return into
end

return metrics
