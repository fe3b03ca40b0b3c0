-- shards.lua: a step of rnn.fit in parts. The rows of a batch are cut into shards, each of which has its own gradient,
-- batch statistics and random numbers; sums over shards are made in an order of their own. How many shards there are
-- belongs to the experiment; who computes them, one process or several ranks, changes nothing.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local ranks = require "rnn.ranks"
local Batches = require "rnn.data.batches"
local interruption = require "rnn.train.interruption"
local Scores = require "rnn.train.scores"
local valid = require "rnn.metrics.valid"

local FNAME = "rnn.fit"

---@class train.Shards
---@field count integer shards of a batch
---@overload fun(run: train.Run, count: integer): train.Shards
local Shards = class("train.Shards")

-- Tensors that are neither parameters nor frozen, which layers may change as they run.
local function buffers_of(model)
  local frozen, buffers = {}, {}
  for _, name in ipairs(model:frozen()) do frozen[name] = true end
  for _, pair in ipairs((model:named_tensors())) do
    if not pair[2]:requires_grad() and not frozen[pair[1]] then buffers[#buffers + 1] = pair[2] end
  end
  return buffers
end

function Shards:init(run, count)
  if run.turns then
    core.fail("%s: several optimisers, which take their steps in turn, cannot be trained in shards; shards = 1, in one "
      .. "process", FNAME)
  end
  if count == 1 and ranks.size > 1 then
    core.fail("%s: option 'shards': one shard leaves nothing for the other %d ranks", FNAME, ranks.size - 1)
  end
  self.count, self.params = count, run.optimizer.params
  self.buffers, self.before = buffers_of(run.model), {}
  self.states, self.spare, self.items = {}, {}, nil
  self.scores = Scores(FNAME, run.options.metrics, run.options.padded)
  self.scores:check_merge "option 'shards'"
  local n = 0
  for _, list in ipairs { self.params, self.buffers } do
    for _, t in ipairs(list) do n = n + t:count() end
  end
  self.elements, self.reducing, self.steps, self.begun = n, 0, 0, core.clock()
  -- Rows of a dataset are read by who computes with them; what else gives batches gives whole ones.
  if class.is_a(run.data, Batches) and not run.reader then self.batches = run.data end
end

--- shards:source(run) -> what the loop over batches goes over
function Shards:source(run)
  return self.batches and self.batches:by_items() or run.source
end

-- ---- who has which rows ----

--- How many shards a batch of n rows is cut into: with fewer than two rows a shard would have no statistics.
local function shards_for(count, n) return math.max(1, math.min(count, n // 2)) end

-- The rows of shard s of count, from 1: row i, from 0, is in shard i * count // n.
local function rows_of(s, count, n) return (s * n + count - 1) // count + 1, ((s + 1) * n + count - 1) // count end

local function rows_in(x)
  local first = nest.first(x)
  if not core.is_tensor(first) or first:ndim() == 0 then
    check.expected(FNAME, "option 'shards': x of a batch", "a tensor with rows, or a table of such", x)
  end
  return #first
end

local function cut(value, what, n, from, to)
  if value == nil then return nil end
  return nest.map(value, function(t)
    if not core.is_tensor(t) or t:ndim() == 0 or #t ~= n then
      check.expected(FNAME, ("option 'shards': %s of a batch"):format(what),
        ("tensors of %d rows, as x has"):format(n), t)
    end
    local lengths = t:lengths()
    if not lengths then return t:slice(1, from, to) end
    return t:without_lengths():slice(1, from, to):with_lengths(lengths:slice(1, from, to))
  end)
end

-- x, y and weights of a shard. batch: what the loop gave.
local function part_of(self, n, from, to, batch, y, weights)
  if self.batches then return self.batches.dataset:batch(batch:rows(from, to)) end
  return cut(batch, "x", n, from, to), cut(y, "y", n, from, to), cut(weights, "weights", n, from, to)
end

-- ---- random numbers ----

-- Every shard has numbers of its own; where the next step begins depends on all of them.
local function stream_of(seed, s) return (seed ~ (s + 1) * 0x9E3779B97F4A7C15) & math.maxinteger end

local function begin_stream(run, random, s)
  local seed = stream_of(random.seed, s)
  core.random_state { seed = seed, position = random.position }
  if random.lua then math.randomseed(seed, run.epoch << 32 | run.batch) end
end

-- ---- a step ----

-- One shard: its loss, what it weighs, and what it adds to the scores.
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
    self.scores:clear()
    core.no_grad(self.scores.add, self.scores, x, value, prediction, target, weights, parts)
    delta = self.scores:state()
  end
  if s == 0 and monitor and monitor.watching then monitor:_keep_flow() end
  return { loss = value, weight = weight, scores = delta }
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

-- Marks of what has a gradient anywhere.
local function marks(all)
  local marked
  for _, each in ipairs(all) do
    if each.there and marked and marked ~= each.there then
      local chars = {}
      for i = 1, #marked do chars[i] = marked:byte(i) | each.there:byte(i) end
      marked = string.char(table.unpack(chars))
    end
    marked = marked or each.there
  end
  return marked
end

local function take(self, nodes, s, rows)
  local there
  if not self.spare[1] then self.spare[1] = core.zeros(self.elements) end
  ranks.push(nodes, s, function(sum, adds)
    there = core.shard_take(self.params, self.buffers, self.before, rows, sum, adds)
  end, self.spare)
  return there
end

--- shards:step(run, x, y, weights) -> loss, failed
---
--- The gradients of a batch, as sums over its valid elements, whose number is added to run.weight. failed: the number
--- of the first shard whose loss is not finite.
function Shards:step(run, x, y, weights)
  local n = self.batches and #x or rows_in(x)
  local count = shards_for(self.count, n)
  local random, used = core.random_state(), 0
  local from, to = ranks.own(count)
  local mine, nodes = { shards = {} }, {}
  run.optimizer:zero_grad()
  for i, b in ipairs(self.buffers) do
    if self.before[i] then self.before[i]:assign(b:detach()) else self.before[i] = b:detach():copy() end
  end
  for s = from, to - 1 do
    begin_stream(run, random, s)
    local first, last = rows_of(s, count, n)
    mine.shards[#mine.shards + 1] = compute(self, run, s, part_of(self, n, first, last, x, y, weights))
    used = math.max(used, core.random_position() - random.position)
    mine.there = marks { mine, { there = take(self, nodes, s, last - first + 1) } }
  end
  mine.used = used
  local all = exchange(self, run, mine)
  local loss, weight, failed, s = 0.0, 0, nil, 0
  for _, each in ipairs(all) do
    used = math.max(used, each.used)
    for _, shard in ipairs(each.shards) do
      if shard.weight > 0 then
        if shard.loss - shard.loss ~= 0 then failed = failed or s end
        loss, weight = loss + shard.loss * shard.weight, weight + shard.weight
      end
      s = s + 1
    end
  end
  random.position = random.position + used
  core.random_state(random)
  self.steps = self.steps + 1
  if failed or weight == 0 then
    self.failed = { s = failed or 0, n = n, count = count, batch = x, y = y, weights = weights, seed = random.seed }
    return loss / weight, failed or 0
  end
  self:give(run, nodes, count, n, marks(all))
  run.weight = run.weight + weight
  for _, each in ipairs(all) do
    for _, shard in ipairs(each.shards) do
      if shard.scores then run.scores:merge(shard.scores) end
    end
  end
  return loss / weight
end

-- Adds up over shards, then over the batches of a group.
function Shards:give(run, nodes, count, n, there)
  local begun, params, spare = core.clock(), #self.params, self.spare
  if not spare[1] then spare[1] = core.zeros(self.elements) end
  local sum = ranks.reduce(nodes, count, spare)
  if ranks.size > 1 then self.reducing = self.reducing + core.clock() - begun end
  if self.buffers[1] then core.shard_give(nil, self.buffers, sum, there:sub(params + 1), n) end
  there = there:sub(1, params)
  if run.accumulate > 1 then
    if run.pending == 0 then self.group, self.marks = sum, there
    else
      core.shard_add(self.group, sum)
      self.marks = marks { { there = self.marks }, { there = there } }
      spare[#spare + 1] = sum
    end
  else
    core.shard_give(self.params, nil, sum, there, 1)
    spare[#spare + 1] = sum
  end
end

--- shards:end_group(): the gradients of a group of batches are those of the parameters.
function Shards:end_group()
  if not self.group then return end
  core.shard_give(self.params, nil, self.group, self.marks, 1)
  self.spare[#self.spare + 1], self.group = self.group, nil
end

--- shards:look_at_failure(run) -> position: run holds the shard that failed, with the random numbers before it.
function Shards:look_at_failure(run, position)
  local f = self.failed
  if not f then -- the gradient alone is not finite
    f = { s = 0, n = rows_in(run.input), count = 1, batch = run.input, y = run.target, weights = run.weights,
      seed = core.random_state().seed }
  end
  local from, to = rows_of(f.s, f.count, f.n)
  run.input, run.target, run.weights = part_of(self, f.n, from, to, f.batch, f.y, f.weights)
  run.items = self.batches and f.batch:rows(from, to) or nil
  if run.reader then run.reader.state = self.states[f.s] end
  core.random_state { seed = stream_of(f.seed, f.s), position = position }
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

-- The first rows of the data, as a number: data that ranks read in another order are other data.
local function fingerprint(self, run)
  local parts = {}
  for _, pair in ipairs((run.model:named_tensors())) do
    parts[#parts + 1] = ("%s %016x"):format(pair[1], core.checksum(pair[2]:detach()))
  end
  local weights = core.checksum(table.concat(parts, "\n"))
  local data = {}
  if self.batches then
    local x, y = self.batches.dataset:batch(self.batches.dataset.items:rows(1, math.min(64, #self.batches.dataset)))
    for name, value in pairs { x = x, y = y } do
      nest.each(value, function(t, path)
        data[#data + 1] = ("%s %016x"):format(path, core.checksum(t:detach():without_lengths()))
      end, name)
    end
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
  run:say(("%s, %d shards%s"):format(ranks.line(), self.count, self.count < ranks.size and (": %d ranks have nothing to "
    .. "do"):format(ranks.size - self.count) or ""))
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
    check.figure("%.3g MB", self.elements * (core.precision == "double" and 8 or 4) / 1e6)))
end

return Shards
