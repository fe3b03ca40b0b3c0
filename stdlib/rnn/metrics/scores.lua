-- scores.lua: several metrics at once, by the names and functions that rnn.fit takes.
--
-- A metric is an object with methods clear(), add(y, target, weights) and read() -> number, such as metrics.F1; with
-- state() and load_state(saved) also over a checkpoint in an epoch. A function is a metrics.Mean of it.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local Mean = require "rnn.metrics.mean"
local labels = require "rnn.metrics.labels"
local valid = require "rnn.metrics.valid"

-- The share of a prediction that is right: the most likely label, or the likelier of 0 and 1.
local function accuracy(y, target)
  if target:type() == "int32" then return labels.accuracy(y, target, { padded = true }) end
  if valid.sum("accuracy", target:lt(0) + target:gt(1), y, target) > 0 then
    core.fail("accuracy: targets that are not within 0 to 1; classes are int32 labels from 1, y:to_int()")
  end
  if valid.sum("accuracy", y:ne(y), y, target) > 0 then
    core.fail("accuracy: a prediction is nan, which is on neither side of 0")
  end
  return y:gt(0):eq(target:gt(0.5))
end

-- Of the last valid step of each sequence.
local function last_mae(y, target)
  if y:ndim() < 3 then return core.mae(y, target), y:count() end
  local lengths = valid.lengths(y, target) or core.full({ #y, type = "int32" }, y:size(2))
  local dims = { #y }
  for axis = 2, y:ndim() do dims[axis] = 1 end
  local steps, ends = lengths:maximum(1):reshape(table.unpack(dims)), lengths:minimum(1)
  local function last(t) return t:without_lengths():take_along_axis(steps, 2):with_lengths(ends) end
  return core.mae(last(y), last(target)), ends:sum():item() * (y:count() // (#y * y:size(2)))
end

-- Where padding may be, count has seen to.
local function likelihood(y, target) return core.cross_entropy(y, target, nil, 0, true) end

-- name -> function, and what is done to the mean of all
local known = {
  mae = { core.mae },
  last_mae = { last_mae },
  mse = { core.mse },
  rmse = { core.mse, math.sqrt },
  accuracy = { accuracy },
  nats = { likelihood },
  perplexity = { likelihood, math.exp },
  kl_div = { core.kl_div },
  poisson_nll = { core.poisson_nll },
  gaussian_nll = { function(y, target) return require("rnn.nn.loss").gaussian_nll(y, target) end },
  smape = { function(y, target) return require("rnn.metrics.forecast").smape(y, target) end },
}

local NAMES = { "f1", "top_5" }
for name in pairs(known) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local OPTIONS = option.of("metrics.Scores", { { "padded", false, check.boolean,
  "labels 0 are padding; without it an error, but behind lengths" } })

--- metrics.Scores(list [, options]) -> scores
---
--- Metrics over any number of batches, by the list that rnn.fit takes as option metrics: names, { "mae", "top_5" };
--- under names of their own functions, as metrics.Mean takes them, and objects, such as metrics.F1. Where y and target
--- are tables, the metrics of one target stand in a list under its key, { demand = { "mae" } }, and are then named
--- demand_mae; functions and objects at the top see all targets.
---
---   local scores = rnn.metrics.Scores { "rmse", worst = function(y, target) return (y - target):abs():max() end }
---   for x, y in test:batches() do scores:add(model(x), y) end
---   print(scores:read().rmse)
---
--- An object has methods clear(), add(y, target, weights) and read() -> number.
---@class metrics.Scores
---@field names string[] of the metrics
---@overload fun(list: table, options?: metrics.Scores.Options): metrics.Scores
local Scores = class("metrics.Scores")

local METHODS = { "clear", "add", "read" }

-- Is it an object that counts for itself?
local function counts(metric)
  if type(metric) ~= "table" then return false end
  for _, name in ipairs(METHODS) do
    if not metric[name] then return false end
  end
  return true
end

-- The metric that a name stands for.
local function named(self, name)
  local k = math.tointeger(tonumber(type(name) == "string" and name:match "^top_(%d+)$"))
  if k then return Mean(function(y, target) return labels.top_k(y, target, k, { padded = true }) end) end
  if name == "f1" then return require("rnn.metrics.confusion").F1 { padded = true } end
  local entry = known[name] or check.one_of(self.fname, self.what, name, NAMES)
  return Mean(entry[1], { finish = entry[2] })
end

-- One metric, of the target of that key.
local function insert(self, name, given, key)
  local is_named, metric = type(name) == "number", given
  if is_named then name, metric = given, named(self, given) end
  local full = key and ("%s_%s"):format(key, name) or name
  local what = ("%s: %s"):format(self.what, full)
  if not counts(metric) then metric = Mean(check.callback(self.fname, what, metric)) end
  if class.is_a(metric, Mean) then metric.what = ("%s: %s"):format(self.fname, what) end
  table.insert(self.entries, { name = full, key = key, metric = metric, named = is_named })
end

-- fname and what are for messages: the function, and the argument that the list is.
local function fill(self, fname, what, list, padded)
  self.fname, self.what, self.padded, self.names, self.entries = fname, what, padded, {}, {}
  for key, metric in pairs(check.table(fname, what, list)) do
    if nest.is_table(metric) and not counts(metric) then
      for name, of_target in pairs(metric) do insert(self, name, of_target, key) end
    else
      insert(self, key, metric)
    end
  end
  table.sort(self.entries, function(a, b) return a.name < b.name end)
  for i, e in ipairs(self.entries) do self.names[i] = e.name end
  self:clear()
  return self
end

function Scores:init(list, options)
  fill(self, "metrics.Scores", "argument 1", list, OPTIONS:read(options).padded)
end

--- scores:clear(): nothing counted.
function Scores:clear()
  self.counted = 0
  for _, e in ipairs(self.entries) do e.metric:clear() end
end

-- The target of a key, and what belongs to it.
local function part(self, key, y, target, weights)
  if not nest.is_table(y) or not nest.is_table(target) or y[key] == nil or target[key] == nil then
    core.fail("%s: %s: there is no target '%s'", self.fname, self.what, key)
  end
  return y[key], target[key], nest.part(weights, key)
end

--- scores:add(y, target [, weights [, count]]): one batch. weights are sample weights, for the metrics that take them;
--- count is how many elements of it count, where that is known. Errors: what the metrics do not compare.
---@param y rnn.Tensor|table
---@param target rnn.Tensor|table
---@param weights? rnn.Tensor|table
---@param count? number
function Scores:add(y, target, weights, count)
  if not count then
    nest.check(self.fname .. ":add", "argument 1 (y)", y)
    nest.check(self.fname .. ":add", "argument 2 (target)", target)
    count = valid.count(self.fname, target, y, target, self.padded)
  end
  self.counted = self.counted + count
  for _, e in ipairs(self.entries) do
    if e.key ~= nil then
      local of_y, of_target, of_weights = part(self, e.key, y, target, weights)
      e.metric:add(of_y, of_target, of_weights, valid.count(self.fname, of_target, of_y, of_target, self.padded))
    elseif e.named and nest.is_table(target) then
      core.fail("%s: %s: '%s' of which target? Write metrics = { name = { '%s' } }", self.fname, self.what, e.name,
        e.name)
    else
      e.metric:add(y, target, weights, count)
    end
  end
end

--- scores:read([into [, prefix = ""]]) -> table: name -> number over all that was added
---
--- into is the table to write to, a new one when nil; prefix stands before each name. Errors: nothing that counts was
--- added.
---@param into? table<string, number>
---@param prefix? string
---@return table<string, number>
function Scores:read(into, prefix)
  into = into and check.table("metrics.Scores:read", "argument 1 (into)", into) or {}
  prefix = prefix and check.string("metrics.Scores:read", "argument 2 (prefix)", prefix) or ""
  if self.counted == 0 then core.fail("%s: nothing that counts was added", self.fname) end
  return self:_read(into, prefix)
end

-- An epoch of rnn.fit may be nothing but padding: its means are nan.
function Scores:_read(into, prefix)
  for _, e in ipairs(self.entries) do into[prefix .. e.name] = self.counted > 0 and e.metric:read() or 0 / 0 end
  return into
end

--- scores:state() -> what a checkpoint keeps; scores:load_state(saved) takes it back.
function Scores:state()
  local saved = { counted = self.counted, metrics = {} }
  for _, e in ipairs(self.entries) do saved.metrics[e.name] = e.metric.state and e.metric:state() or nil end
  return saved
end

--- scores:merge(saved): adds what other scores of the same metrics have counted, as their state says.
function Scores:merge(saved)
  self.counted = self.counted + saved.counted
  for _, e in ipairs(self.entries) do e.metric:merge(saved.metrics[e.name]) end
end

-- The first metric that cannot be added up, or nil.
function Scores:_whole()
  for _, e in ipairs(self.entries) do
    if not (e.metric.state and e.metric.load_state and e.metric.merge) then return e.name end
  end
end

function Scores:load_state(saved)
  self.counted = saved.counted + 0
  for _, e in ipairs(self.entries) do
    if saved.metrics[e.name] then e.metric:load_state(saved.metrics[e.name]) end
  end
end

-- The metrics of a function that has the list as an argument of its own.
local function of(...) return fill(setmetatable({}, Scores), ...) end

local MEASURE = option.of("metrics.measure", OPTIONS.rows, {
  { "sample_weights", nil, option.any, "float, with the first axes of the target, or a table of such; for the metrics "
    .. "that take them" },
})

--- metrics.measure(y, target, list [, options]) -> table
---
--- Metrics of answers at once, name -> number: rnn.metrics.measure(y, target, { "mae", mape = f }). The list is that of
--- metrics.Scores. Errors: what is no metric, tensors that do not fit.
---@param y rnn.Tensor|table
---@param target rnn.Tensor|table
---@param list table
---@param options? metrics.measure.Options
---@return table<string, number>
local function measure(y, target, list, options)
  nest.check("metrics.measure", "argument 1 (y)", y)
  nest.check("metrics.measure", "argument 2 (target)", target)
  options = MEASURE:read(options)
  local scores = of("metrics.measure", "argument 3", list, options.padded)
  scores:add(y, target, options.sample_weights)
  return scores:read()
end

return { Scores = Scores, measure = measure, of = of }
