-- scores.lua: the means of an epoch so far: of the loss, of the losses of several targets, and of metrics.
--
-- Every value of a batch counts by its number of valid elements, so the mean over batches is the mean over the data,
-- whatever the sizes of the batches and however long their padding.

local core = require "rnn.core"
local class = require "rnn.class"
local nest = require "rnn.nest"
local Metrics = require("rnn.metrics.scores").Scores
local valid = require "rnn.metrics.valid"

-- fields of the history that are no metrics
local RESERVED = { loss = true, lr = true, seconds = true, epoch = true, count = true, best = true, stopped = true,
  forecast = true }

--- Scores(fname, list, padded): metrics and, before them, the loss.
---@class train.Scores : metrics.Scores
local Scores = class("train.Scores", Metrics)

Scores.what = "option 'metrics'"

function Scores:init(fname, list, padded)
  self.fname = fname
  Metrics.init(self, list == nil and {} or list, { padded = padded })
  for _, name in ipairs(self.names) do
    if RESERVED[name] then core.fail("%s: option 'metrics': the name '%s' is taken; use another", fname, name) end
  end
end

function Scores:clear()
  self.loss, self.weight, self.parts = 0.0, 0, {}
  Metrics.clear(self)
end

--- scores:weigh(x, y, target, weights) -> how much a batch counts in a mean over batches
function Scores:weigh(x, y, target, weights)
  if type(weights) == "table" or not core.is_tensor(target) then return valid.rows(x, weights) end
  return valid.count(self.fname, y, target, self.padded, weights)
end

-- The losses of several targets: each is a mean over its own elements.
local function add_parts(self, x, parts, y, target, weights)
  for _, part in ipairs(parts) do
    local key, own = part.key, weights
    if key ~= nil and nest.is_table(weights) then own = weights[key] end
    local n = key == nil and valid.rows(x, weights) or self:weigh(x, y[key], target[key], own)
    local sums = self.parts[part.name] or { loss = 0.0, weight = 0, factor = part.factor }
    self.parts[part.name] = sums
    local loss = type(part.loss) == "number" and part.loss or part.loss:item()
    if n > 0 then sums.loss, sums.weight = sums.loss + loss * n, sums.weight + n end
  end
end

--- scores:add(x, loss, y, target, weights, parts): one batch; loss is its number, parts are those of objective.lua.
function Scores:add(x, loss, y, target, weights, parts)
  local n = self:weigh(x, y, target, weights)
  if n == 0 then return end -- nothing but padding: its mean is 0/0
  self.loss, self.weight = self.loss + loss * n, self.weight + n
  if parts then add_parts(self, x, parts, y, target, weights) end
  if #self.names == 0 then return end
  if y == nil or target == nil then
    core.fail("%s: option 'metrics': they compare what the loss compares; the model's loss has to return loss, "
      .. "prediction, target", self.fname)
  end
  Metrics.add(self, y, target, weights, weights and self:weigh(x, y, target) or n)
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
  if self.counted > 0 then return Metrics.read(self, into, prefix) end
  for _, name in ipairs(self.names) do into[prefix .. name] = 0 / 0 end -- an epoch of nothing but padding
  return into
end

--- scores:state() -> what a checkpoint in the middle of an epoch keeps; scores:load_state(saved) takes it back.
function Scores:state()
  local parts = {}
  for name, sums in pairs(self.parts) do
    parts[name] = { loss = sums.loss, weight = sums.weight, factor = sums.factor }
  end
  return { loss = self.loss, weight = self.weight, parts = parts, metrics = Metrics.state(self) }
end

function Scores:load_state(saved)
  self.loss, self.weight, self.parts = saved.loss, saved.weight, saved.parts or {}
  local metrics = saved.metrics or { counted = saved.weight, metrics = saved.counters }
  for i, name in ipairs(self.names) do -- up to version 0.2 means stood in lists
    if saved.sums and saved.weights[i] then
      metrics.metrics[name] = { sum = saved.sums[i], weight = saved.weights[i] }
    end
  end
  Metrics.load_state(self, metrics)
end

return Scores
