-- cost.lua: what a training would cost, measured for two seconds: rnnlua --plan. Nothing is trained; the script ends.

local core = require "rnn.core"
local class = require "rnn.class"
local columns = require "rnn.columns"
local Batches = require "rnn.data.batches"

local SECONDS <const> = 2 -- for all measurements together
local CUTS <const> = { 1, 2, 4 } -- parts that a batch is cut into
local WORTH <const> = 0.95 -- of the time: what is faster by less is noise

local function bytes(n)
  if n < 1e6 then return ("%.1f kB"):format(n / 1e3) end
  if n < 1e9 then return ("%.1f MB"):format(n / 1e6) end
  return ("%.2f GB"):format(n / 1e9)
end

local function duration(seconds)
  if seconds < 1 then return ("%.3g ms"):format(1000 * seconds) end
  if seconds < 100 then return ("%.3g s"):format(seconds) end
  if seconds < 5400 then return ("%.0f min"):format(seconds / 60) end
  return ("%.1f h"):format(seconds / 3600)
end

-- The first batch of an epoch as one part, { { x, y, weights } }, or as items of a dataset, which can be cut; where
-- sequences differ in length, the longest.
local function first_batch(run)
  local data = run.data
  if class.is_a(data, Batches) then
    local set, items = data.dataset, data.dataset.items
    if set.by_length then items = set:by_length(items) end
    local n = items:size(1)
    return { items = items:rows(math.max(1, n - data.size + 1), n), set = set }
  end
  run:begin_epoch_of(data)
  local x, y, weights = run.source(nil, nil)
  if x == nil then core.fail "rnn.fit: option 'data' gave no batch" end
  return { { x, y, weights } }
end

-- The batch in so many parts of about the same size, or nil where it cannot be cut.
local function cut(batch, parts)
  if not batch.set then return parts == 1 and batch or nil end
  local n, list = batch.items:size(1), {}
  if parts > n then return nil end
  for i = 1, parts do
    list[i] = { batch.set:batch(batch.items:rows((i - 1) * n // parts + 1, i * n // parts)) }
  end
  return list
end

local function step(run, parts)
  run.optimizer:zero_grad()
  for _, part in ipairs(parts) do
    local loss = run.objective(run.reader or run.model, table.unpack(part, 1, 3))
    loss:backward()
  end
  if run.clip_norm then core.clip_grad_norm(run.optimizer.params, run.clip_norm) end
  run.optimizer:step()
end

-- The median time of a step, and what it takes of memory at most beside what is there anyway.
local function measure(run, parts, seconds)
  local before, times, begun
  local function begin()
    collectgarbage()
    core.reset_peak()
    before, times, begun = core.memory().live, {}, core.clock()
  end
  local function timed()
    local t = core.clock()
    step(run, parts)
    times[#times + 1] = core.clock() - t
  end
  begin()
  timed() -- gradients and moments are there from now on
  if times[1] < seconds / 2 then -- else there is no time for another one
    begin()
    repeat timed() until core.clock() - begun > seconds
  end
  table.sort(times)
  return times[(#times + 1) // 2], core.memory().peak - before
end

-- 1, 2, 4 ... and as many as are there.
local function thread_counts()
  local most, list, n = core.threads(), {}, 1
  while n < most do
    list[#list + 1] = n
    n = 2 * n
  end
  list[#list + 1] = most
  return list
end

local function say(...) io.write(string.format(...), "\n") end

local function say_model(run)
  local count = 0
  for _, p in ipairs(run.model:parameters()) do count = count + p:count() end
  local size = core.precision == "double" and 8 or 4
  say("parameters  %s (%s)", columns.thousands(count), bytes(size * count))
end

local function say_data(run, batch)
  local x = batch.set and (batch.set:batch(batch.items)) or batch[1][1]
  if core.is_tensor(x) then say("a batch     (%s)", table.concat({ x:shape() }, ", "))
  elseif batch.items then say("a batch     %d items", batch.items:size(1)) end
  say("an epoch    %s", run.batches and ("%s batches"):format(columns.thousands(run.batches))
    or "as many batches as the data give, which is not known before")
end

--- cost(run): measures the training of rnn.fit, says it, and ends the script.
---
--- Tried are 1, 2, 4 ... threads, and the batch at once and in 2 and 4 parts whose gradients are added up: the same
--- step with less memory (up to rounding, and statistics of batch normalisation). The time of an epoch is that of its
--- steps, without validation.
---@param run train.Run
return function(run)
  if run.turns then core.fail "rnn.fit: --plan: not with several optimisers, which take turns" end
  say("%s: what its first training would cost; nothing is trained", (arg or {})[0] or "the script")
  say_model(run)
  run.model:train()
  local batch = first_batch(run)
  say_data(run, batch)
  local threads, list = thread_counts(), {}
  for _, parts in ipairs(CUTS) do
    local pieces = cut(batch, parts)
    for _, n in ipairs(pieces and threads or {}) do
      list[#list + 1] = { threads = n, parts = parts, pieces = pieces }
    end
  end
  local left, begun, best = {}, core.clock(), nil
  local rows = { { "threads", "batch", "a step", run.batches and "an epoch" or "", "memory of back-propagation" } }
  for i, try in ipairs(list) do
    local time = SECONDS - (core.clock() - begun)
    if best and time <= 0 then
      left[#left + 1] = try
    else
      core.threads(try.threads)
      local memory
      try.seconds, memory = measure(run, try.pieces, math.max(0, time / (#list - i + 1) * 0.8))
      rows[#rows + 1] = { tostring(try.threads), try.parts == 1 and "at once" or ("in %d parts"):format(try.parts),
        duration(try.seconds), run.batches and duration(try.seconds * run.batches) or "", bytes(memory) }
      if not best or try.seconds < WORTH * best.seconds then best = try end
    end
  end
  io.write("\n", table.concat(columns.lines(rows, function() return true end), "\n"), "\n\n")
  if #left > 0 then say("%d more were not tried, for the time was over.", #left) end
  local all = run.batches and ("; %d epochs take %s at most, validation not counted"):format(run.epochs,
    duration(best.seconds * run.batches * run.epochs)) or ""
  say("Fastest: rnnlua --threads %d, the batch %s%s", best.threads, best.parts == 1 and "at once"
    or ("in %d parts (size / %d and accumulate = %d)"):format(best.parts, best.parts, best.parts), all)
  os.exit(0, true)
end
