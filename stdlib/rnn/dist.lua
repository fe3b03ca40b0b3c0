-- dist.lua: what a training loop of one's own needs in a job of several ranks; rnn.fit sees to it by itself.

local core = require "rnn.core"
local check = require "rnn.check"
local ranks = require "rnn.ranks"
local shards = require "rnn.shards"

--- dist.rank: this process, counted from 0; only rank 0 prints and writes files.

--- dist.size: how many ranks there are, 1 without mpirun.

local dist = { rank = ranks.rank, size = ranks.size }

local works = setmetatable({}, { __mode = "k" }) -- by model: what its shards have come to

local function work_of(fname, model)
  if type(model) ~= "table" or type(model.named_tensors) ~= "function" then
    check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model)
  end
  works[model] = works[model] or { sums = shards.Sums(model, model:parameters()), steps = 0 }
  return works[model]
end

-- The shard that the loop has just left has its gradients.
local function leave(work)
  if not work.s then return end
  local first, last = shards.rows(work.s, work.count, work.n)
  work.used = math.max(work.used, core.random_position() - work.random.position)
  core.scale_grad(work.sums.params, last - first + 1)
  work.sums:take(work.s, last - first + 1)
  work.s = nil
end

--- dist.shards(model, x [, y [, weights [, count]]]) -> iterator
---
--- The parts of a batch that this rank computes: `for x, y, weights in dist.shards(model, x, y) do`. The body calls
--- backward on the mean loss of its part, and dist.gradients adds up. Which rows are in which of count shards (8) does
--- not depend on the ranks, nor do the random numbers of each: results are the same bits for any number of ranks, one
--- included.
---
---   for x, y in batches do
---     for x, y in dist.shards(model, x, y) do rnn.mse(model(x), y):backward() end
---     dist.gradients(model)
---     opt:step()
---   end
---
--- Batches of fewer than 2 * count rows have fewer shards. Errors: a model that is none, tensors that do not
--- have as many rows as x.
---@param model nn.Module
---@param x rnn.Tensor|table (N, ...)
---@param y? rnn.Tensor|table (N, ...)
---@param weights? rnn.Tensor|table (N, ...)
---@param count? integer
---@return fun(): any, any, any
function dist.shards(model, x, y, weights, count)
  local fname = "dist.shards"
  local work = work_of(fname, model)
  count = count == nil and 8 or check.int(fname, "argument 5 (count)", count, 1)
  work.n = shards.rows_in(fname, x)
  work.count, work.used, work.random = shards.number(count, work.n), 0, core.random_state()
  work.steps = work.steps + 1
  work.sums:begin()
  local s, to = ranks.own(work.count)
  return function()
    leave(work)
    if s >= to then
      core.random_state(work.random)
      return nil
    end
    local from, last = shards.rows(s, work.count, work.n)
    shards.draw(work.random, s, work.steps)
    work.s, s = s, s + 1
    return shards.cut(fname, "x", x, work.n, from, last), shards.cut(fname, "y", y, work.n, from, last),
      shards.cut(fname, "weights", weights, work.n, from, last)
  end
end

--- dist.gradients(model [, weight])
---
--- The gradients of the model's parameters become those of the whole batch, in every rank: the mean over the rows of
--- all shards that dist.shards gave. Without dist.shards each rank is one shard: the mean over ranks, each counted
--- weight times (1), as DistributedDataParallel of PyTorch does; the result then depends on how many ranks there are.
--- Buffers, such as running means, become means as well. Every rank must call it at the same place. Errors: a model
--- that is none; ranks at different places.
---@param model nn.Module
---@param weight? number such as the rows that this rank's gradient is the mean of
function dist.gradients(model, weight)
  local fname = "dist.gradients"
  local work = work_of(fname, model)
  weight = weight == nil and 1 or check.number(fname, "argument 2 (weight)", weight, 0, math.huge)
  local sums = work.sums
  if work.random then
    leave(work)
  else
    if ranks.size == 1 then return end
    sums.nodes, sums.there = {}, nil
    for i, b in ipairs(sums.buffers) do sums.before[i] = b:detach():copy() end
    core.scale_grad(sums.params, weight)
    sums:take(ranks.rank, weight)
    work.count = ranks.size
  end
  sums:send(work.count)
  local all = ranks.gather("dist.gradients", { there = sums.there, used = work.used, weight = weight })
  local total, used = 0, 0
  for _, each in ipairs(all) do total, used = total + each.weight, math.max(used, each.used or 0) end
  if work.random then
    work.random.position = work.random.position + used
    core.random_state(work.random)
    total = work.n
  end
  local sum, there = sums:reduce(), shards.marks(all)
  sums:move_buffers(sum, there, total)
  sums:give(sum, there)
  sums:free(sum)
  core.scale_grad(sums.params, total > 0 and 1 / total or 0)
  work.random = nil
end

--- dist.gather(value) -> list
---
--- The values of all ranks, in their order, in every rank: numbers, strings, booleans, tensors, tables of them. Every
--- rank must call it at the same place. Errors: other values.
---@param value any
---@return any[]
function dist.gather(value)
  return ranks.gather("dist.gather", value)
end

return dist
