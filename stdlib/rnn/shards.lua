-- shards.lua: a batch in shards: which rows belong to which, their random numbers, and the sums of their gradients. How
-- many shards there are belongs to the experiment; who computes them, one process or several ranks, changes nothing.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local ranks = require "rnn.ranks"

local shards = {}

-- ---- rows ----

--- shards.number(count, n) -> how many shards of at most count a batch of n rows is cut into
---
--- Two rows or more in each: of a single one nn.BatchNorm has no statistics.
function shards.number(count, n) return math.max(1, math.min(count, n // 2)) end

--- shards.rows(s, count, n) -> first, last row, from 1, of shard s, from 0: row i, from 0, is in shard i * count // n
function shards.rows(s, count, n) return (s * n + count - 1) // count + 1, ((s + 1) * n + count - 1) // count end

--- shards.rows_in(fname, x) -> rows of a batch
function shards.rows_in(fname, x)
  local first = nest.first(x)
  if not core.is_tensor(first) or first:ndim() == 0 then
    check.expected(fname, "shards: x of a batch", "a tensor with rows, or a table of such", x)
  end
  return #first
end

--- shards.cut(fname, what, value, n, from, to) -> those rows of tensors that all have n
function shards.cut(fname, what, value, n, from, to)
  if value == nil then return nil end
  return nest.map(value, function(t)
    if not core.is_tensor(t) or t:ndim() == 0 or #t ~= n then
      check.expected(fname, ("shards: %s of a batch"):format(what), ("tensors of %d rows, as x has"):format(n), t)
    end
    local lengths = t:lengths()
    if not lengths then return t:slice(1, from, to) end
    return t:without_lengths():slice(1, from, to):with_lengths(lengths:slice(1, from, to))
  end)
end

-- ---- random numbers ----

--- shards.seed(seed, s) -> seed of shard s, which has numbers of its own
function shards.seed(seed, s) return (seed ~ (s + 1) * 0x9E3779B97F4A7C15) & math.maxinteger end

--- shards.draw(random, s, step): from now on the numbers are those of shard s; random is core.random_state() before.
function shards.draw(random, s, step)
  local seed = shards.seed(random.seed, s)
  core.random_state { seed = seed, position = random.position }
  if random.lua then math.randomseed(seed, step) end
end

-- ---- sums ----

--- shards.marks(list) -> marks of what has a gradient in any of the entries, which have theirs in the field there
function shards.marks(list)
  local marked
  for _, each in ipairs(list) do
    if each.there and marked and marked ~= each.there then
      local chars = {}
      for i = 1, #marked do chars[i] = marked:byte(i) | each.there:byte(i) end
      marked = string.char(table.unpack(chars))
    end
    marked = marked or each.there
  end
  return marked
end

--- Sums(model, params): sums of the gradients of params, and of the changes of the model's buffers.
---@class rnn.ShardSums
---@overload fun(model: nn.Module, params: rnn.Tensor[]): rnn.ShardSums
local Sums = class("rnn.ShardSums")
shards.Sums = Sums

function Sums:init(model, params)
  self.params, self.buffers, self.before, self.spare = params, {}, {}, {}
  local frozen = {}
  for _, name in ipairs(model:frozen()) do frozen[name] = true end
  for _, pair in ipairs((model:named_tensors())) do
    if not pair[2]:requires_grad() and not frozen[pair[1]] then self.buffers[#self.buffers + 1] = pair[2] end
  end
  self.elements = 0
  for _, list in ipairs { self.params, self.buffers } do
    for _, t in ipairs(list) do self.elements = self.elements + t:count() end
  end
end

--- sums:begin(): a new batch: no parameter has a gradient, and buffers are what they were when a shard has ended.
function Sums:begin()
  self.nodes, self.there = {}, nil
  for _, p in ipairs(self.params) do p:zero_grad() end
  for i, b in ipairs(self.buffers) do
    if self.before[i] then self.before[i]:assign(b:detach()) else self.before[i] = b:detach():copy() end
  end
end

local function space(self)
  if not self.spare[1] then self.spare[1] = core.zeros(self.elements) end
end

--- sums:take(s, rows): shard s, of so many rows, has its gradients; then there are none any more.
function Sums:take(s, rows)
  local there
  space(self)
  ranks.push(self.nodes, s, function(sum, adds)
    there = core.shard_take(self.params, self.buffers, self.before, rows, sum, adds)
  end, self.spare)
  self.there = shards.marks { self, { there = there } }
end

--- sums:send(count): all shards of this rank, of count, are taken: their sums are on the way to the others.
function Sums:send(count)
  space(self)
  self.sending = ranks.send(self.nodes, count, self.spare)
end

--- sums:reduce() -> sum over all shards, of all ranks, to be given back by sums:free(sum)
function Sums:reduce() return ranks.reduce(self.sending) end

--- sums:move_buffers(sum, there, n): buffers of a batch of n rows have the mean of what they were in the shards.
function Sums:move_buffers(sum, there, n)
  if self.buffers[1] then core.shard_give(nil, self.buffers, sum, there:sub(#self.params + 1), n) end
end

--- sums:give(sum, there): the gradients of parameters are those of the sum.
function Sums:give(sum, there)
  core.shard_give(self.params, nil, sum, there:sub(1, #self.params), 1)
end

--- sums:free(sum): its memory is used again.
function Sums:free(sum) self.spare[#self.spare + 1] = sum end

return shards
