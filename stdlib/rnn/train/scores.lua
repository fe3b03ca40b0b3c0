-- scores.lua: the means of an epoch so far: of the loss, of the losses of several targets, and of metrics.
--
-- Every value of a batch counts by its number of valid elements, so the mean over batches is the mean over the data,
-- whatever the sizes of the batches and however long their padding.

local core = require "rnn.core"
local class = require "rnn.class"
local nest = require "rnn.nest"
local valid = require "rnn.metrics.valid"

-- fields of the history that are no metrics
local RESERVED = { loss = true, lr = true, seconds = true, epoch = true, count = true, best = true, stopped = true,
  forecast = true }

--- Scores(fname, list, padded): list is the option metrics, nil for none.
---@class train.Scores
---@field names string[] of the metrics
---@field metrics? metrics.Scores
local Scores = class("train.Scores")

function Scores:init(fname, list, padded)
  self.fname, self.padded, self.names = fname, padded, {}
  self.loss, self.weight, self.parts = 0.0, 0, {}
  if list == nil then return end
  self.metrics = require("rnn.metrics.scores").of(fname, "option 'metrics'", list, padded)
  self.names = self.metrics.names
  for _, name in ipairs(self.names) do
    if RESERVED[name] then core.fail("%s: option 'metrics': the name '%s' is taken; use another", fname, name) end
  end
end

function Scores:clear()
  self.loss, self.weight, self.parts = 0.0, 0, {}
  if self.metrics then self.metrics:clear() end
end

-- The losses of several targets: each is a mean over its own elements.
local function add_parts(self, x, parts, y, target, weights)
  for _, part in ipairs(parts) do
    local key = part.key
    local n = key == nil and valid.rows(x, weights)
      or valid.count(self.fname, x, y[key], target[key], self.padded, nest.part(weights, key))
    local sums = self.parts[part.name] or { loss = 0.0, weight = 0, factor = part.factor }
    self.parts[part.name] = sums
    local loss = type(part.loss) == "number" and part.loss or part.loss:item()
    if n > 0 then sums.loss, sums.weight = sums.loss + loss * n, sums.weight + n end
  end
end

--- scores:add_loss(loss, n): a batch of n valid elements of which the loss alone counts.
function Scores:add_loss(loss, n)
  self.loss, self.weight = self.loss + loss * n, self.weight + n
end

--- scores:add(x, loss, y, target, weights, parts [, n]): one batch; loss is its number, parts are those of
--- objective.lua, n its valid elements.
function Scores:add(x, loss, y, target, weights, parts, n)
  n = n or valid.count(self.fname, x, y, target, self.padded, weights)
  if n == 0 then return end -- nothing but padding: its mean is 0/0
  self:add_loss(loss, n)
  if parts then add_parts(self, x, parts, y, target, weights) end
  if not self.names[1] then return end
  if y == nil or target == nil then
    core.fail("%s: option 'metrics': they compare what the loss compares; the model's loss has to return loss, "
      .. "prediction, target", self.fname)
  end
  self.metrics:add(y, target, weights, weights and valid.count(self.fname, x, y, target, self.padded) or n)
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
function Scores:read(into, prefix)
  into[prefix .. "loss"] = self:mean()
  for name, part in pairs(self.parts) do into[("%s%s_loss"):format(prefix, name)] = part.loss / part.weight end
  if self.metrics then self.metrics:_read(into, prefix) end
  return into
end

--- scores:state() -> what a checkpoint in the middle of an epoch keeps; scores:load_state(saved) takes it back.
function Scores:state()
  local parts = {}
  for name, sums in pairs(self.parts) do
    parts[name] = { loss = sums.loss, weight = sums.weight, factor = sums.factor }
  end
  return { loss = self.loss, weight = self.weight, parts = parts, metrics = self.metrics and self.metrics:state() }
end

--- scores:merge(saved): adds what another one has counted, as its state says.
function Scores:merge(saved)
  self.loss, self.weight = self.loss + saved.loss, self.weight + saved.weight
  for name, other in pairs(saved.parts) do
    local sums = self.parts[name] or { loss = 0.0, weight = 0, factor = other.factor }
    sums.loss, sums.weight = sums.loss + other.loss, sums.weight + other.weight
    self.parts[name] = sums
  end
  if self.metrics then self.metrics:merge(saved.metrics) end
end

--- scores:check_merge(what): an error where a metric cannot be counted in parts; scores:can_merge() -> can all?
function Scores:check_merge(what)
  local name = self.metrics and self.metrics:_whole()
  if not name then return end
  core.fail("%s: %s: the metric '%s' counts by itself and cannot be added up over shards; give it methods state(), "
    .. "load_state(saved) and merge(saved)", self.fname, what, name)
end

function Scores:can_merge() return not (self.metrics and self.metrics:_whole()) end

function Scores:load_state(saved)
  self.loss, self.weight, self.parts = saved.loss, saved.weight, saved.parts or {}
  if not self.metrics then return end
  local metrics = saved.metrics or { counted = saved.weight, metrics = saved.counters }
  for i, name in ipairs(self.names) do -- in version 0.1 means stood in lists
    if saved.sums and saved.weights[i] then
      metrics.metrics[name] = { sum = saved.sums[i], weight = saved.weights[i] }
    end
  end
  self.metrics:load_state(metrics)
end

return Scores
