-- shards.lua: a step of rnn.fit in shards, which this process or several ranks compute; what ranks agree on between the
-- steps.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local ranks = require "rnn.ranks"
local shards = require "rnn.shards"
local Batches = require "rnn.data.batches"
local interruption = require "rnn.train.interruption"
local Scores = require "rnn.train.scores"
local valid = require "rnn.metrics.valid"

local FNAME = "rnn.fit"

---@class train.Shards
---@field count integer shards of a batch
---@overload fun(run: train.Run, count: integer): train.Shards
local Shards = class("train.Shards")

function Shards:init(run, count)
  if run.turns then
    core.fail("%s: several optimisers, which take their steps in turn, cannot be trained in shards; shards = 1, in one "
      .. "process", FNAME)
  end
  if count == 1 and ranks.size > 1 then
    core.fail("%s: option 'shards': one shard leaves nothing for the other %d ranks", FNAME, ranks.size - 1)
  end
  self.count, self.sums, self.states = count, shards.Sums(run.model, run.optimizer.params), {}
  self.scores = Scores(FNAME, run.options.metrics, run.options.padded)
  self.scores:check_merge "option 'shards'"
  self.reducing, self.steps, self.begun = 0, 0, core.clock()
  -- Rows of a dataset are read by who computes with them; what else gives batches gives whole ones.
  if class.is_a(run.data, Batches) and not run.reader then self.batches = run.data end
end

--- shards:source(run) -> what the loop over batches goes over
function Shards:source(run)
  return self.batches and self.batches:by_items() or run.source
end

-- x, y and weights of a shard. batch: what the loop gave.
local function part_of(self, n, from, to, batch, y, weights)
  if self.batches then return self.batches.dataset:batch(batch:rows(from, to)) end
  local cut = shards.cut
  return cut(FNAME, "x", batch, n, from, to), cut(FNAME, "y", y, n, from, to), cut(FNAME, "weights", weights, n, from,
    to)
end

-- ---- a step ----

-- One shard: its loss, what it weighs, and what it adds to the scores; nil where that is the loss alone.
local function compute(self, run, s, x, y, weights)
  local reader, monitor = run.reader, run.monitor
  if reader then reader.state = self.states[s] end
  local loss, prediction, target, parts = run.objective(reader or run.model, x, y, weights)
  if reader then self.states[s] = reader.state end
  local value, delta = loss:item(), nil
  local weight = valid.count(FNAME, x, prediction, target, run.scores.padded, weights)
  local finite = value - value == 0
  if weight > 0 and finite then
    loss = loss * weight
    loss:backward()
    if parts or self.scores.names[1] then
      self.scores:clear()
      core.no_grad(self.scores.add, self.scores, x, value, prediction, target, weights, parts, weight)
      delta = self.scores:state()
    end
  end
  if s == 0 and monitor and monitor.watching then monitor:_keep_flow() end
  return value, weight, delta
end

-- What ranks tell each other in a step, and what they agree on by it.
local function exchange(self, run, mine)
  local begun = core.clock()
  mine.signal = interruption.held()
  mine.due = ranks.rank == 0 and run.checkpoint and run.checkpoint:due_by_clock() or nil
  mine.now = ranks.rank == 0 and interruption.now() or nil
  local all = ranks.gather(("epoch %d, batch %d"):format(run.epoch, run.batch), mine)
  self.signal, self.due, run.now = nil, all[1].due, all[1].now
  for _, each in ipairs(all) do self.signal = self.signal or each.signal end
  self.reducing = self.reducing + core.clock() - begun
  return all
end

-- The sum over the shards of all ranks.
local function add_up(self)
  local begun = core.clock()
  local sum = self.sums:reduce()
  self.reducing = self.reducing + core.clock() - begun
  return sum
end

--- shards:step(run, x, y, weights) -> loss, failed
---
--- The gradients of a batch, as sums over its valid elements, whose number is added to run.weight. failed: the number
--- of the first shard whose loss is not finite.
function Shards:step(run, x, y, weights)
  local n = self.batches and #x or shards.rows_in(FNAME, x)
  local count, sums = shards.number(self.count, n), self.sums
  local random, used = core.random_state(), 0
  local from, to = ranks.own(count)
  local mine = {} -- loss, weight, scores or false of each shard, one behind the other: short to send
  sums:begin()
  for s = from, to - 1 do
    shards.draw(random, s, run.epoch << 32 | run.batch)
    local first, last = shards.rows(s, count, n)
    local i = 3 * (s - from)
    local delta
    mine[i + 1], mine[i + 2], delta = compute(self, run, s, part_of(self, n, first, last, x, y, weights))
    mine[i + 3] = delta or false
    used = math.max(used, core.random_position() - random.position)
    sums:take(s, last - first + 1)
  end
  mine.used, mine.there = used, sums.there
  sums:send(count)
  local all = exchange(self, run, mine)
  local sum = add_up(self)
  local loss, weight, failed, s = 0.0, 0, nil, 0
  for _, each in ipairs(all) do
    used = math.max(used, each.used)
    for i = 1, #each, 3 do
      local value, w = each[i], each[i + 1]
      if w > 0 then
        if value - value ~= 0 then failed = failed or s end
        loss, weight = loss + value * w, weight + w
      end
      s = s + 1
    end
  end
  random.position = random.position + used
  core.random_state(random)
  self.steps = self.steps + 1
  if failed or weight == 0 then
    sums:free(sum)
    self.failed = { s = failed or 0, n = n, count = count, batch = x, y = y, weights = weights, seed = random.seed }
    return loss / weight, failed or 0
  end
  self:give(run, sum, n, shards.marks(all))
  run.weight = run.weight + weight
  for _, each in ipairs(all) do
    for i = 1, #each, 3 do
      if each[i + 2] then run.scores:merge(each[i + 2])
      elseif each[i + 1] > 0 then run.scores:add_loss(each[i], each[i + 1]) end
    end
  end
  return loss / weight
end

-- The sum over the shards of a batch is that of the group of batches, or added to it.
function Shards:give(run, sum, n, there)
  local sums = self.sums
  sums:move_buffers(sum, there, n)
  if run.accumulate == 1 then
    sums:give(sum, there)
    sums:free(sum)
  elseif run.pending == 0 then
    self.group, self.there = sum, there
  else
    core.shard_add(self.group, sum)
    self.there = shards.marks { self, { there = there } }
    sums:free(sum)
  end
end

--- shards:end_group(): the gradients of a group of batches are those of the parameters.
function Shards:end_group()
  if not self.group then return end
  self.sums:give(self.group, self.there)
  self.sums:free(self.group)
  self.group = nil
end

--- shards:look_at_failure(run) -> position: run holds the shard that failed, with the random numbers before it.
function Shards:look_at_failure(run, position)
  local f = self.failed
  if not f then -- the gradient alone is not finite
    f = { s = 0, n = #(nest.first(run.input)), count = 1, batch = run.input, y = run.target, weights = run.weights,
      seed = core.random_state().seed }
  end
  local from, to = shards.rows(f.s, f.count, f.n)
  run.input, run.target, run.weights = part_of(self, f.n, from, to, f.batch, f.y, f.weights)
  run.items = self.batches and f.batch:rows(from, to) or nil
  if run.reader then run.reader.state = self.states[f.s] end
  core.random_state { seed = shards.seed(f.seed, f.s), position = position }
end

-- ---- between the steps ----

--- shards:agree(run): signals, and whether it is time for a checkpoint, at the end of an epoch.
function Shards:agree(run)
  exchange(self, run, {})
  return self.signal, self.due
end

--- shards:carried() -> the states that go from window to window, of all shards
function Shards:carried()
  if ranks.size == 1 then return self.states[0] ~= nil and self:list() or nil end
  local all = ranks.gather("a checkpoint", self.states)
  for _, each in ipairs(all) do
    for s, state in pairs(each) do
      if self.states[s] == nil then self.states[s] = state end
    end
  end
  return self.states[0] ~= nil and self:list() or nil
end

function Shards:list()
  local list = {}
  for s = 0, self.count - 1 do list[s + 1] = self.states[s] end
  return list
end

function Shards:load_carried(list)
  self.states = {}
  for i, state in ipairs(list or {}) do self.states[i - 1] = state end
end

-- Weights and data as numbers: data that ranks read in another order are other data.
local function fingerprint(self, run)
  local parts = {}
  for _, pair in ipairs((run.model:named_tensors())) do
    parts[#parts + 1] = ("%s %016x"):format(pair[1], core.checksum(pair[2]:detach()))
  end
  local weights = core.checksum(table.concat(parts, "\n"))
  local data = {}
  if self.batches then
    data[1] = self.batches:_fingerprint()
    for name, value in pairs(self.batches:settings()) do data[#data + 1] = ("%s %s"):format(name, value) end
    data[#data + 1] = ("seed %s"):format(self.batches.seed)
    table.sort(data)
  end
  return ("%016x"):format(weights), ("%016x"):format(core.checksum(table.concat(data, "\n")))
end

--- shards:begin(run): what runs where, on standard error; an error where ranks would learn from other data.
function Shards:begin(run)
  if ranks.size == 1 then return end
  local weights, data = fingerprint(self, run)
  ranks.agree("weights", weights)
  ranks.agree("data", data)
  exchange(self, run, {})
  self.reducing = 0
  if run.quiet then return end
  local idle = ranks.size - self.count
  run:say(("%s, %d shards%s"):format(ranks.line(), self.count,
    idle > 0 and (": %d ranks have nothing to do"):format(idle) or ""))
end

--- shards:finish(run): how much of the time went into adding up.
function Shards:finish(run)
  if ranks.size == 1 then return end
  local weights = fingerprint(self, run)
  ranks.agree("weights", weights)
  if run.quiet or self.steps == 0 then return end
  local spent = math.max(core.clock() - self.begun, 1e-9)
  run:say(("%.1f %% of the time went into exchanges of ranks, waiting included: %.2f ms a step for %s"):format(
    100 * self.reducing / spent, 1000 * self.reducing / self.steps,
    check.figure("%.3g MB", self.sums.elements * (core.precision == "double" and 8 or 4) / 1e6)))
end

return Shards
