-- ways.lua: the three ways in which nn.Recurrent runs a cell, and how they differ: by its plan, by the plan's graph in
-- ordinary ops, by the plain loop over its step.

local rnn = require "rnn"
local core = require "rnn.core"
local nest = require "rnn.nest"
local plan = require "rnn.nn.plan"

local ways = {}

local run = {}
function run.plan(f) return f() end

function run.graph(f)
  plan.eager = true
  local results = table.pack(pcall(f))
  plan.eager = false
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- While results are searched for NaN, each step runs by itself; here nothing is searched.
function run.loop(f)
  local real = core.check_finite
  core.check_finite = function() return true end
  local results = table.pack(pcall(f))
  core.check_finite = real
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

ways.run = run

--- ways.tensors(value) -> the tensors in any nest of tables, in order
function ways.tensors(value, list)
  list = list or {}
  if core.is_tensor(value) then list[#list + 1] = value
  elseif type(value) == "table" then
    for _, key in ipairs(nest.keys(value)) do ways.tensors(value[key], list) end
  end
  return list
end

-- f() gives a nest of results; their random weighted sum is the loss. Gives results, then gradients of inputs.
local function outcome(f, inputs, seed)
  rnn.seed(seed)
  local results = ways.tensors { f() }
  rnn.seed(seed + 1)
  local loss = nil
  for k, t in ipairs(results) do
    local bare = t:lengths() and t:without_lengths() or t
    if t:count() > 0 and (k == 1 or k % 3 ~= seed % 3) then
      local part = (bare * core.randn { t:shape() }):sum()
      loss = loss and loss + part or part
    end
  end
  local gradients = {}
  for _, t in ipairs(inputs) do t:zero_grad() end
  if loss and loss:requires_grad() then
    loss:backward()
    for k, t in ipairs(inputs) do
      gradients[k] = t.grad and t.grad:copy() or false
      t:zero_grad()
    end
  end
  for k, t in ipairs(results) do
    t = t:detach()
    results[k] = (t:lengths() and t:without_lengths() or t):copy()
  end
  return results, gradients
end

local function text_of(t) return ("(%s)"):format(table.concat({ t:shape() }, ", ")) end

local function difference(what, k, a, b)
  if text_of(a) ~= text_of(b) then return ("%s %d is %s, not %s"):format(what, k, text_of(a), text_of(b)) end
  return ("%s %d differs by %g"):format(what, k, (a - b):abs():max():item())
end

local function finite(t) return t:count() == 0 or core.is_finite(t):min():item() == 1 end

-- Of gradients, as a share of the largest of all of them.
local ROUNDING = core.precision == "double" and 1e-12 or 1e-4

--- ways.compare(f, inputs, seed [, list]) -> nil, or in what two ways differ
---
--- f runs a layer; inputs require gradients. list: the ways, the first of which is held against the others.
function ways.compare(f, inputs, seed, list)
  list = list or { "plan", "graph", "loop" }
  local results, gradients = outcome(function() return run[list[1]](f) end, inputs, seed)
  for i = 2, #list do
    local others, wanted = outcome(function() return run[list[i]](f) end, inputs, seed)
    local against = ("%s against %s: "):format(list[1], list[i])
    if #results ~= #others then return against .. "other results" end
    for k, t in ipairs(results) do
      if text_of(t) ~= text_of(others[k]) or core.checksum(t) ~= core.checksum(others[k]) then
        return against .. difference("result", k, t, others[k])
      end
    end
    local scale = 1e-3
    for k = 1, #inputs do
      if wanted[k] and finite(wanted[k]) and wanted[k]:count() > 0 then scale = math.max(scale,
        wanted[k]:abs():max():item()) end
    end
    for k = 1, #inputs do
      local a, b = gradients[k], wanted[k]
      if a and b and finite(b) and b:count() > 0 then
        local d = (a - b):abs():max():item()
        if d > ROUNDING * scale or d ~= d then return against .. difference("gradient", k, a, b) end
      elseif (not a) ~= (not b) then
        local there = a or b
        if there:count() > 0 and there:abs():max():item() ~= 0 then
          return against .. ("gradient %d is there only %s"):format(k, a and "first" or "second")
        end
      end
    end
  end
end

return ways
