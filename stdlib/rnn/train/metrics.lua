-- metrics.lua: what is measured beside the loss, and how means over batches are taken.
--
-- Every value of a batch counts by its number of valid elements, so the mean over batches is the mean over the data,
-- whatever the sizes of the batches and however long their padding.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local valid = require "rnn.metrics.valid"

local metrics = {}

-- The sum of the weights of the elements that count.
local function weigh(target, lengths, weights)
  local counts = target:type() == "int32" and target:without_lengths():ne(0) or core.ones { target:shape() }
  if lengths then counts = counts:with_lengths(lengths):zero_padding():without_lengths() end
  if weights:count() == 0 then return 0 end
  local times = weights:detach():without_lengths():reshape(-1, 1)
  return core.where(counts:reshape(#times, -1):gt(0), times, 0):sum():item()
end

-- Elements of targets that count: labels other than 0, or all elements of valid steps; with weights, what these add up
-- to.
local function count(fname, y, target, padded, weights)
  if type(y) == "table" then y = nest.first(y) end
  local lengths = valid.lengths(y, target)
  if target:type() == "int32" then
    valid.check(fname, target, lengths, padded)
    if weights then return weigh(target, lengths, weights) end
    local labelled = target:ne(0)
    return math.tointeger((lengths and labelled:with_lengths(lengths) or labelled):sum():item())
  end
  if weights then return weigh(target, lengths, weights) end
  if not lengths then return target:count() end
  local sum, steps = 0, lengths:totable()
  for i = 1, #steps do sum = sum + steps[i] end
  return sum * (target:count() // (target:size(1) * target:size(2)))
end

-- Rows of a batch, or what their weights add up to.
local function rows(x, weights)
  if core.is_tensor(weights) then return weights:detach():without_lengths():sum():item() end
  return #nest.first(x)
end

--- metrics.weight(fname, x, y, target, padded, weights) -> how much a batch counts in a mean over batches: its valid
--- elements, or, where there is no one target, its rows; with weights what these add up to
function metrics.weight(fname, x, y, target, padded, weights)
  if type(weights) == "table" or not core.is_tensor(target) then return rows(x, weights) end
  return count(fname, y, target, padded, weights)
end

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
  kl_div = core.kl_div,
  poisson_nll = core.poisson_nll,
  gaussian_nll = function(y, target) return require("rnn.nn.loss").gaussian_nll(y, target) end,
  smape = function(y, target) return require("rnn.metrics").smape(y, target) end,
}

-- what is done to the mean over all batches
local finish = { rmse = math.sqrt, perplexity = math.exp }

-- fields of the history that are no metrics
local RESERVED = { loss = true, lr = true, seconds = true, epoch = true, count = true, best = true, stopped = true,
  forecast = true }

local NAMES = { "accuracy", "f1", "gaussian_nll", "kl_div", "last_mae", "mae", "mse", "nats", "perplexity",
  "poisson_nll", "rmse", "smape", "top_5" }

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

--- metrics.losses: the losses that have a name, function (y, target, sample_weights)
metrics.losses = {
  mse = core.mse,
  mae = core.mae,
  huber = function(y, target, weights) return core.huber(y, target, 1, weights) end,
  cross_entropy = function(y, target, weights) return core.cross_entropy(y, target, nil, 0, false, weights) end,
  binary_cross_entropy = core.binary_cross_entropy,
  kl_div = core.kl_div,
  poisson_nll = core.poisson_nll,
  gaussian_nll = function(y, target, weights)
    return require("rnn.nn.loss").gaussian_nll(y, target, nil, { sample_weights = weights })
  end,
}

local loss_names = {}
for name in pairs(metrics.losses) do loss_names[#loss_names + 1] = ("%q"):format(name) end
table.sort(loss_names)

-- Rows of options (see rnn.option) of all that measures a model; what a loss or metrics may be depends on the model,
-- and is checked where they meet.
metrics.OPTIONS = {
  { "loss", nil, option.kind("string|function|table", option.any, loss_names),
    "\"mse\", \"mae\", \"huber\", \"cross_entropy\", \"binary_cross_entropy\", \"kl_div\", \"poisson_nll\", "
    .. "\"gaussian_nll\" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that gives "
    .. "a table, as its targets are one: { demand = \"mse\", alarm = \"cross_entropy\" }, a loss for each target, "
    .. "whose sum is made small (history.demand_loss ...); one name stands for all of them. A model with a loss of its "
    .. "own needs none, or a table of options for it: model:loss(x, y, options, weights) -> loss, or loss, prediction, "
    .. "target for metrics; nn.Seq2Seq has one" },
  { "loss_weights", nil, option.any, "{ demand = 0.5 }: factors of the losses of targets (1)" },
  { "padded", false, check.boolean,
    "labels 0 in targets without lengths are padding; else they are an error, as labels "
    .. "count from 1" },
  { "metrics", nil, option.any, "{ \"mae\", \"last_mae\" (of each sequence's last step), \"mse\", \"rmse\", "
    .. "\"smape\", \"accuracy\", \"top_5\", \"f1\", \"nats\", \"perplexity\", name = function (y, target) or an "
    .. "object such as metrics.F1 }; those of one of several targets stand in a list: { demand = { \"mae\" } } "
    .. "gives demand_mae" },
  { "tbptt", nil, option.unless_false(option.int(1)),
    "sequences of any length are cut into windows of that many steps, "
    .. "each read from the state in which the last one ended; targets have a value for each step. The model is an "
    .. "nn.Sequential, a recurrent layer, or has forward(x, state) -> y, state" },
}

--- metrics.loss(fname, loss, padded) -> function
---@param fname string for messages
---@param loss string|function
---@param padded boolean labels 0 are padding
---@return fun(y: rnn.Tensor, target: rnn.Tensor, weights?: rnn.Tensor): rnn.Tensor
function metrics.loss(fname, loss, padded)
  if type(loss) == "function" then
    return function(y, target, weights)
      local value
      if weights == nil then value = loss(y, target) else value = loss(y, target, weights) end
      if not core.is_tensor(value) or value:count() ~= 1 then
        check.expected(fname, "option 'loss': its result", "a tensor of one element", value)
      end
      return value
    end
  end
  local found = metrics.losses[loss]
  if not found then
    local names = {}
    for name in pairs(metrics.losses) do names[#names + 1] = ("'%s'"):format(name) end
    table.sort(names)
    check.expected(fname, "option 'loss'", "a function or one of " .. table.concat(names, ", "), loss)
  end
  if padded and loss == "cross_entropy" then
    return function(y, target, weights) return core.cross_entropy(y, target, nil, 0, true, weights) end
  end
  return found
end

--- Scores(fname, metrics, padded): running means of the loss and of metrics over the batches of an epoch.
---
--- metrics lists names and, under names of their own, functions (y, target) -> mean over a batch, as a number or a
--- tensor of one element: { "mae", worst = function(y, target) ... end }. A second result says how many elements the
--- mean is of, when it leaves some out. An object with methods clear(), add(y, target) and read() -> number counts for
--- itself, for what is no mean over batches; with state() and load_state(saved) also over a checkpoint in an epoch.
--- With several targets the metrics of one stand in a list under its key, { demand = { "mae" } }, and are then named
--- demand_mae; functions at the top see all targets.
---@class train.Scores
---@field names string[] of the metrics
local Scores = class("train.Scores")
metrics.Scores = Scores

local function is_list(value) return nest.is_table(value) and not counts(value) end

-- One metric, of the target of that key.
local function entry(self, name, metric, given, key)
  local fname = self.fname
  local full = key and ("%s_%s"):format(key, name) or name
  if type(given) ~= "string" then
    metric = named(fname, name)
  elseif not counts(metric) then
    check.callback(fname, ("option 'metrics': %s"):format(full), metric)
  end
  if RESERVED[full] then core.fail("%s: option 'metrics': the name '%s' is taken; use another", fname, full) end
  return { name = full, key = key, metric = metric, counts = counts(metric), finish = finish[name],
    named = type(given) ~= "string" }
end

function Scores:init(fname, wanted, padded)
  self.fname, self.padded = fname, padded
  self.names, self.entries = {}, {}
  if wanted ~= nil then check.table(fname, "option 'metrics'", wanted) end
  for key, metric in pairs(wanted or {}) do
    if is_list(metric) then
      for name, of_target in pairs(metric) do
        table.insert(self.entries, entry(self, type(name) == "string" and name or of_target, of_target, name, key))
      end
    else
      table.insert(self.entries, entry(self, type(key) == "string" and key or metric, metric, key))
    end
  end
  table.sort(self.entries, function(a, b) return a.name < b.name end)
  for i, e in ipairs(self.entries) do self.names[i] = e.name end
  self:clear()
end

function Scores:clear()
  self.loss, self.weight, self.sums, self.weights, self.parts = 0.0, 0, {}, {}, {}
  for i, e in ipairs(self.entries) do
    self.sums[i], self.weights[i] = 0.0, 0
    if e.counts then e.metric:clear() end
  end
end

-- The losses of several targets: each is a mean over its own elements.
local function add_parts(self, x, parts, y, target, weights)
  for _, part in ipairs(parts) do
    local n
    if part.key == nil then
      n = rows(x, weights)
    else
      local key_weights = weights
      if nest.is_table(weights) then key_weights = weights[part.key] end
      n = metrics.weight(self.fname, x, y[part.key], target[part.key], self.padded, key_weights)
    end
    local sums = self.parts[part.name] or { loss = 0.0, weight = 0, factor = part.factor }
    self.parts[part.name] = sums
    local loss = type(part.loss) == "number" and part.loss or part.loss:item()
    if n > 0 then sums.loss, sums.weight = sums.loss + loss * n, sums.weight + n end
  end
end

-- What a metric compares, and how many elements that are.
local function seen_by(self, e, x, y, target, n)
  if y == nil or target == nil then
    core.fail("%s: option 'metrics': they compare what the loss compares; the model's loss has to return loss, "
      .. "prediction, target", self.fname)
  end
  if e.key == nil then
    if e.named and nest.is_table(target) then
      core.fail("%s: option 'metrics': '%s' of which target? Write metrics = { name = { '%s' } }", self.fname, e.name,
        e.name)
    end
    return y, target, n
  end
  if not nest.is_table(y) or not nest.is_table(target) or y[e.key] == nil or target[e.key] == nil then
    core.fail("%s: option 'metrics': there is no target '%s'", self.fname, e.key)
  end
  return y[e.key], target[e.key], metrics.weight(self.fname, x, y[e.key], target[e.key], self.padded)
end

--- scores:add(x, loss, y, target, weights, parts): one batch; loss is its number, parts are those of objective.lua.
function Scores:add(x, loss, y, target, weights, parts)
  local n = metrics.weight(self.fname, x, y, target, self.padded, weights)
  if n == 0 then return end -- nothing but padding: its mean is 0/0
  self.loss, self.weight = self.loss + loss * n, self.weight + n
  if parts then add_parts(self, x, parts, y, target, weights) end
  if weights and #self.entries > 0 then n = metrics.weight(self.fname, x, y, target, self.padded) end
  for i, e in ipairs(self.entries) do
    local prediction, wanted, count_of = seen_by(self, e, x, y, target, n)
    if e.counts then
      e.metric:add(prediction, wanted)
    elseif count_of > 0 then
      local value, weight = e.metric(prediction, wanted)
      if type(value) ~= "number" then value = value:item() end
      weight = weight or count_of
      self.sums[i], self.weights[i] = self.sums[i] + value * weight, self.weights[i] + weight
    end
  end
end

--- scores:state() -> what a checkpoint in the middle of an epoch keeps; scores:load_state(saved) takes it back.
function Scores:state()
  local counters, parts = {}, {}
  for _, e in ipairs(self.entries) do counters[e.name] = e.counts and e.metric.state and e.metric:state() or nil end
  for name, sums in pairs(self.parts) do
    parts[name] = { loss = sums.loss, weight = sums.weight, factor = sums.factor }
  end
  return { loss = self.loss, weight = self.weight, sums = self.sums, weights = self.weights, counters = counters,
    parts = parts }
end

function Scores:load_state(saved)
  self.loss, self.weight, self.parts = saved.loss, saved.weight, saved.parts or {}
  for i, e in ipairs(self.entries) do
    self.sums[i], self.weights[i] = saved.sums[i], saved.weights[i]
    if saved.counters[e.name] then e.metric:load_state(saved.counters[e.name]) end
  end
end

--- scores:mean() -> the mean of the loss so far; of several targets the sum of their means
function Scores:mean()
  if not next(self.parts) then return self.loss / self.weight end
  local sum = 0
  for _, name in ipairs(nest.keys(self.parts)) do
    local part = self.parts[name]
    if part.weight > 0 then sum = sum + part.factor * part.loss / part.weight end
  end
  return sum
end

--- scores:read(into, prefix): sets into.loss and into.NAME, the means so far, with prefix before each name; and the
--- loss of each of several targets, into.TARGET_loss.
---@param into table<string, number>
---@param prefix string
function Scores:read(into, prefix)
  into[prefix .. "loss"] = self:mean()
  for name, part in pairs(self.parts) do into[("%s%s_loss"):format(prefix, name)] = part.loss / part.weight end
  for i, e in ipairs(self.entries) do
    local value = e.counts and e.metric:read() or self.sums[i] / self.weights[i]
    into[prefix .. e.name] = e.finish and e.finish(value) or value
  end
  return into
end

return metrics
