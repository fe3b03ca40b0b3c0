-- formula.lua: the step of a cell as a graph, from what core.trace noted: what of it belongs before the loop over time,
-- into it, and behind it.
--
-- A value of the graph is a table with a kind: "x", "t" (the inputs), "state" (before the step, index), "captured" (a
-- tensor with values, index), "number" (value), "mask" (of a state, index), "draw" (random numbers for each step),
-- "shift" (a state that is known for all steps, one step later), or "op" (op, inputs, place in the trace; each: it goes
-- element by element, so that a part of the result is the op of parts). width is its last axis. Captured tensors and
-- parts of them are the same in all steps; others have a row for each sample.

local core = require "rnn.core"

local formula = {}

local products = { linear = true, matmul = true }
formula.products = products

-- ---- captured tensors, and what they are beside a value (N, w) ----

local function product_of(dims, from)
  local count = 1
  for i = from or 1, #dims do count = count * dims[i] end
  return count
end

-- "number", "row" (w), "samples" (N, w) beside values of ndim axes; of a product's second factor, "matrix".
local function form_of(dims, samples, ndim)
  if product_of(dims) == 1 then return "number" end
  if #dims > ndim then return "other" end
  if #dims < ndim or dims[1] == 1 then return "row" end
  return dims[1] == samples and "samples" or "other"
end

-- The captured tensor as it stands beside values of ndim axes.
local function captured(graph, index, ndim)
  local all = graph.captured[index]
  if not all then all = {} graph.captured[index] = all end
  if not all[ndim] then
    local dims = graph.captured_dims[index]
    local form, inner = form_of(dims, graph.samples, ndim), {}
    for i = #dims == ndim and 2 or 1, #dims do inner[#inner + 1] = dims[i] end
    all[ndim] = { kind = "captured", index = index, dims = dims, inner = inner, form = form,
      width = product_of(inner), needs = graph.captured_needs[index] }
  end
  return all[ndim]
end

--- formula.inner(value): the sizes of the axes behind the samples.
function formula.inner(value) return value.inner or { value.width } end

--- formula.vectors(value): how many rows of its last axis a sample has.
function formula.vectors(value)
  local inner = formula.inner(value)
  return value.width // math.max(inner[#inner] or 1, 1)
end

-- ---- from the trace ----

--- formula.read(trace, y, states, about) -> graph
---
--- about: { samples, captured_dims, captured_needs, recorded }. graph.y and graph.new are the output and the new
--- states, graph.recorded what else is wanted at all steps, of the places about.recorded.
function formula.read(trace, y, states, about)
  local graph = { captured = {}, captured_dims = about.captured_dims, captured_needs = about.captured_needs,
    samples = about.samples, states = {}, values = {}, recorded = {} }
  for place, node in ipairs(core.trace_nodes(trace)) do
    local value = { kind = "op", op = node.op, place = place, line = node.line, integers = node.integers,
      numbers = node.numbers, shape = node.shape, inner = { table.unpack(node.dims, 2) }, ndim = #node.dims,
      width = product_of(node.dims, 2), each = node.each, inputs = {} }
    if node.op == "input" then
      value = { kind = place == 1 and "x" or place == 2 and "t" or "state", index = place - 2, width = value.width,
        inner = value.inner, ndim = 2 }
      if place > 2 then graph.states[place - 2] = value end
    end
    for i, input in ipairs(node.inputs) do
      local ndim = #node.dims -- of what stands beside it; a product's second factor stands alone
      if products[node.op] and i == 2 then ndim = #graph.captured_dims[-input] end
      value.inputs[i] = input > 0 and graph.values[input] or input < 0 and captured(graph, -input, ndim) or false
    end
    graph.values[place] = value
  end
  graph.y, graph.new = graph.values[core.trace_place(trace, y)], {}
  for k, state in ipairs(states) do graph.new[k] = graph.values[core.trace_place(trace, state)] end
  for i, place in ipairs(about.recorded or {}) do graph.recorded[i] = graph.values[place] end
  return graph
end

-- ---- walking ----

-- Values that roots need, inputs first.
local function order(roots)
  local list, seen = {}, {}
  local function visit(value)
    if not value or seen[value] then return end
    seen[value] = true
    for _, input in ipairs(value.inputs or {}) do visit(input) end
    list[#list + 1] = value
  end
  for _, root in ipairs(roots) do visit(root) end
  return list
end
formula.order = order

local function roots_of(graph)
  local roots = { graph.y }
  for _, value in ipairs(graph.new) do roots[#roots + 1] = value end
  for _, value in ipairs(graph.recorded) do roots[#roots + 1] = value end
  return roots
end
formula.roots_of = roots_of

-- The graph with each value replaced by f(value, its new inputs).
local function rewrite(graph, f)
  local new = {}
  for _, value in ipairs(order(roots_of(graph))) do
    local inputs, changed = {}, false
    for i, input in ipairs(value.inputs or {}) do
      inputs[i] = input and new[input]
      changed = changed or inputs[i] ~= input
    end
    new[value] = f(value, inputs, changed)
  end
  graph.y = new[graph.y]
  for k, value in ipairs(graph.new) do graph.new[k] = new[value] end
  for k, value in ipairs(graph.recorded) do graph.recorded[k] = new[value] end
  return graph
end

local function with_inputs(value, inputs, changed)
  if not changed then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = item end
  copy.inputs = inputs
  return copy
end

--- formula.is_constant(value): the same at all steps?
function formula.is_constant(value)
  return value.kind == "captured" or value.kind == "number" or value.kind == "mask"
end

-- ---- options of the layer ----

local function op(name, inputs, width)
  return { kind = "op", op = name, each = true, inputs = inputs, width = width, ndim = 2,
    integers = {}, numbers = {} }
end

--- formula.drop(graph): states, where they go into a product and only there, times a mask (N, width) of their own:
--- recurrent dropout.
function formula.drop(graph)
  -- Does a value reach a result without passing a product?
  local direct = {}
  for _, root in ipairs(roots_of(graph)) do direct[root] = true end
  local list = order(roots_of(graph))
  for i = #list, 1, -1 do
    local value = list[i]
    for _, input in ipairs(value.inputs or {}) do
      if input and direct[value] and not products[value.op] then direct[input] = true end
    end
  end
  local dropped = {}
  for k, state in ipairs(graph.states) do
    local mask = { kind = "mask", index = k, width = state.width, form = "samples",
      dims = { graph.samples, state.width } }
    dropped[state] = op("mul", { state, mask }, state.width)
  end
  return rewrite(graph, function(value, inputs, changed)
    local enters = products[value.op] or not direct[value]
    for i, input in ipairs(inputs) do
      if enters and dropped[input] then inputs[i], changed = dropped[input], true end
    end
    return with_inputs(value, inputs, changed)
  end)
end

--- formula.zoneout(graph, shares): new states become share * old + (1 - share) * new. shares[k]: a rate, or "draw"
--- for a value of each element and step.
function formula.zoneout(graph, shares)
  for k, share in pairs(shares) do
    local old, new = graph.states[k], graph.new[k]
    local keep = type(share) == "number" and { kind = "number", value = share, width = 1 }
      or { kind = "draw", index = k, width = old.width, ndim = 2 }
    local others = type(share) == "number" and { kind = "number", value = 1 - share, width = 1 }
      or op("sub", { { kind = "number", value = 1, width = 1 }, keep }, keep.width)
    local rest = op("mul", { others, new }, old.width)
    local zoned = op("add", { op("mul", { keep, old }, old.width), rest }, old.width)
    if graph.y == new then graph.y = zoned end
    graph.new[k] = zoned
  end
  return graph
end

-- ---- parts ----

local function is_slice(value)
  return value.op == "slice" and value.integers[1] == 1 and value.integers[4] == 1 and value.ndim == 2
end

--- formula.parts(graph): slices of columns become op "part": width columns from .. of the input, counted from 0.
function formula.parts(graph)
  return rewrite(graph, function(value, inputs, changed)
    local new = with_inputs(value, inputs, changed or is_slice(value))
    if is_slice(value) then new.op, new.each, new.from = "part", false, value.integers[2] - 1 end
    return new
  end)
end

-- ---- classes ----

-- Does a value go element by element, and may its constants stand beside a row of a sample?
local function fits(value, takes)
  if not takes(value) or value.ndim ~= 2 then return false end
  for _, input in ipairs(value.inputs) do
    local alone = input and formula.is_constant(input) and input.kind ~= "number"
    if alone and (input.form == "other" or input.width ~= 1 and input.width ~= value.width) then return false end
    if input and input.ndim and input.ndim ~= 2 then return false end
  end
  return true
end

--- formula.classify(graph, shifts): each value gets class "before", "loop" or "behind". With shifts, a state whose
--- new value needs no state is a shifted sequence, and leaves the loop. takes(value): can the loop compute it, element
--- by element?
function formula.classify(graph, shifts, takes)
  local known = {} -- states whose values of all steps are known before the loop
  local function needs_state(value, memo)
    if value.kind == "state" then return not known[value] end
    if memo[value] ~= nil then return memo[value] end
    local found = false
    for _, input in ipairs(value.inputs or {}) do found = found or (input and needs_state(input, memo)) end
    memo[value] = found or false
    return memo[value]
  end
  local again = shifts
  while again do
    again = false
    local fresh = {}
    for k, state in ipairs(graph.states) do
      if not known[state] and graph.new[k] ~= state and not needs_state(graph.new[k], {}) then fresh[#fresh + 1] = k end
    end
    for _, k in ipairs(fresh) do
      known[graph.states[k]] = k
      again = true
    end
  end
  graph.shifted = {}
  for state, k in pairs(known) do graph.shifted[k] = state end
  if next(known) then
    local shift = {}
    rewrite(graph, function(value, inputs, changed)
      if known[value] then
        shift[known[value]] = { kind = "shift", index = known[value], width = value.width, ndim = 2 }
        return shift[known[value]]
      end
      return with_inputs(value, inputs, changed)
    end)
    for k, value in pairs(shift) do value.of = graph.new[k] end
  end
  local list, memo, feeds = order(roots_of(graph)), {}, {}
  for k, value in ipairs(graph.new) do
    if not graph.shifted[k] then feeds[value] = true end
  end
  for i = #list, 1, -1 do
    for _, input in ipairs(list[i].inputs or {}) do
      if input and feeds[list[i]] then feeds[input] = true end
    end
  end
  for _, value in ipairs(list) do
    local dependent = needs_state(value, memo)
    value.class = not dependent and "before" or feeds[value] and "loop" or "behind"
    if value.kind == "state" then value.class = "loop" end
  end
  -- What goes element by element, from what the loop has, or from parts, x and t into the loop alone, the loop
  -- computes: there it stays in the nearest cache, and parts are read where they lie.
  local light, outside = {}, {}
  for _, value in ipairs(list) do
    local here = fits(value, takes) and value.class ~= "loop"
    for _, input in ipairs(here and value.inputs or {}) do
      local constant = not input or formula.is_constant(input)
      if value.class == "behind" then here = here and (constant or input.class ~= "behind")
      else
        local given = constant or input.op == "part" or input.kind == "x" or input.kind == "t"
        here = here and (given or light[input])
      end
    end
    if here and value.class == "behind" then value.class = "loop" end
    light[value] = here
  end
  for _, root in ipairs(roots_of(graph)) do outside[root] = true end
  for state in pairs(known) do outside[graph.new[known[state]]] = true end
  for i = #list, 1, -1 do
    local value = list[i]
    if value.class == "before" and light[value] and not outside[value] then value.class = "loop" end
    for _, input in ipairs(value.class ~= "loop" and value.inputs or {}) do
      if input then outside[input] = true end
    end
  end
  return graph
end

return formula
