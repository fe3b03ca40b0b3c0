-- metrics.lua: what is measured beside the loss, and how means over batches are taken.
--
-- Every value of a batch counts by its number of valid elements, so the mean over batches is the mean over the data,
-- whatever the sizes of the batches and however long their padding.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

local metrics = {}

-- Elements of targets that count: labels other than 0, or all elements of valid steps.
local function count(y, target)
  local lengths = target:lengths() or y:lengths()
  if target:type() == "int32" then
    local labelled = target:ne(0)
    return math.tointeger((lengths and labelled:with_lengths(lengths) or labelled):sum():item())
  end
  if not lengths then return target:count() end
  local valid, steps = 0, lengths:totable()
  for i = 1, #steps do valid = valid + steps[i] end
  return valid * (target:count() // (target:size(1) * target:size(2)))
end
metrics.count = count

-- 1 for each element of a prediction that is right, as float: the most likely label, or the likelier of 0 and 1.
local function right(y, target)
  if target:type() == "int32" then return y:argmax(-1):eq(target) * target:ne(0) end
  return y:gt(0):eq(target:gt(0.5))
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

-- name -> function(y, target) -> number or scalar tensor, the mean over the valid elements of a batch; and how many
-- elements that are, where not all of them
local known = {
  mae = core.mae,
  last_mae = last_mae,
  mse = core.mse,
  rmse = core.mse,
  accuracy = function(y, target) return right(y, target):sum():item() / count(y, target) end,
}

-- what is done to the mean over all batches
local finish = { rmse = math.sqrt }

-- fields of the history that are no metrics
local RESERVED = { loss = true, lr = true, seconds = true, epoch = true, count = true, best = true, stopped = true,
  forecast = true }

local NAMES = { "accuracy", "last_mae", "mae", "mse", "rmse" }

--- metrics.losses: the losses that have a name
metrics.losses = {
  mse = core.mse,
  mae = core.mae,
  huber = function(y, target) return core.huber(y, target, 1) end,
  cross_entropy = core.cross_entropy,
  binary_cross_entropy = core.binary_cross_entropy,
}

--- metrics.loss(fname, loss) -> function
---@param fname string for messages
---@param loss string|function
---@return fun(y: rnn.Tensor, target: rnn.Tensor): rnn.Tensor
function metrics.loss(fname, loss)
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
  return found
end

--- Scores(fname, metrics): running means of the loss and of metrics over the batches of an epoch.
---
--- metrics lists names and, under names of their own, functions (y, target) -> mean over a batch, as a number or a
--- tensor of one element: { "mae", worst = function(y, target) ... end }. A second result says how many elements the
--- mean is of, when it leaves some out.
---@class train.Scores
---@field names string[] of the metrics
local Scores = class("train.Scores")
metrics.Scores = Scores

function Scores:init(fname, wanted)
  self.names, self.functions, self.sums, self.weights = {}, {}, {}, {}
  if wanted ~= nil then check.table(fname, "option 'metrics'", wanted) end
  for key, metric in pairs(wanted or {}) do
    local name = type(key) == "string" and key or metric
    if type(key) == "string" then
      check.callback(fname, ("option 'metrics': %s"):format(key), metric)
    elseif not known[metric] then
      check.one_of(fname, "option 'metrics'", metric, NAMES)
    end
    if RESERVED[name] then core.fail("%s: option 'metrics': the name '%s' is taken; use another", fname, name) end
    self.names[#self.names + 1] = name
    self.functions[name] = known[metric] or metric
  end
  table.sort(self.names)
  self:clear()
end

function Scores:clear()
  self.loss, self.weight = 0.0, 0
  for i = 1, #self.names do self.sums[i], self.weights[i] = 0.0, 0 end
end

--- scores:add(loss, y, target): one batch; loss is its number.
function Scores:add(loss, y, target)
  local n = count(y, target)
  if n == 0 then return end -- nothing but padding: its mean is 0/0
  self.loss, self.weight = self.loss + loss * n, self.weight + n
  for i, name in ipairs(self.names) do
    local value, weight = self.functions[name](y, target)
    if type(value) ~= "number" then value = value:item() end
    weight = weight or n
    self.sums[i], self.weights[i] = self.sums[i] + value * weight, self.weights[i] + weight
  end
end

--- scores:state() -> what a checkpoint in the middle of an epoch keeps; scores:load_state(saved) takes it back.
function Scores:state()
  return { loss = self.loss, weight = self.weight, sums = self.sums, weights = self.weights }
end

function Scores:load_state(saved)
  self.loss, self.weight = saved.loss, saved.weight
  for i = 1, #self.names do self.sums[i], self.weights[i] = saved.sums[i], saved.weights[i] end
end

--- scores:read(into, prefix): sets into.loss and into.NAME, the means so far, with prefix before each name.
---@param into table<string, number>
---@param prefix string
function Scores:read(into, prefix)
  into[prefix .. "loss"] = self.loss / self.weight
  for i, name in ipairs(self.names) do
    local mean = self.sums[i] / self.weights[i]
    into[prefix .. name] = finish[name] and finish[name](mean) or mean
  end
  return into
end

return metrics
