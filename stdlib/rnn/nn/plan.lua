-- plan.lua: runs a cell over all time steps as its formula allows: what needs no state before the loop, by ordinary ops on
-- all steps at once; the loop in one op, core.scan; what feeds no state behind it. Plans are kept by the structure of the
-- formula, which is traced at every call: so nothing that a script changes can make one stale.

local core = require "rnn.core"
local formula = require "rnn.nn.formula"
local program = require "rnn.nn.program"

local plan = {}

-- ---- making one ----

local Plan = {} -- with a metatable, so that nobody looks for a module's tensors in it

local function shape_of(t) return { t:shape() } end

-- about: samples, records, x_needs, state_needs, shifts, masks, zoneout, recorded (places), trace, y, states, captured
local function make(about)
  local dims, needs = {}, {}
  for k, t in ipairs(about.captured) do dims[k], needs[k] = shape_of(t), about.records and t:requires_grad() end
  about.captured_dims, about.captured_needs = dims, needs
  local graph = formula.read(about.trace, about.y, about.states, about)
  graph.recorded = {}
  for name, place in pairs(about.recorded or {}) do
    graph.recorded[#graph.recorded + 1] = graph.values[place]
    graph.names = graph.names or {}
    graph.names[#graph.recorded] = name
  end
  if about.masks then formula.drop(graph) end
  if about.zoneout then formula.zoneout(graph, about.zoneout) end
  formula.split(graph)
  formula.classify(graph, about.shifts)
  local made = setmetatable({ graph = graph, trace = about.trace }, Plan)
  local any = false
  for k in ipairs(graph.new) do any = any or not graph.shifted[k] end
  if any then made.loop, made.why = program.build(graph, about) end
  made.any, made.inputs = any, {}
  for _, value in ipairs(formula.order(formula.roots_of(graph))) do
    if value.kind == "x" or value.kind == "t" or value.kind == "draw" then made.inputs[#made.inputs + 1] = value end
  end
  return made
end

-- ---- evaluating what is outside of the loop ----

-- An environment of one call: T steps of N samples, tensors of the captured, and what has been computed.
local Call = {}
Call.__index = Call

local function numbers(t) return core.tensor(t.value + 0.0) end

-- (T N, 1): 1, 2 ... for each sample.
function Call:numbers_of_steps()
  local t = core.arange(self.steps):to_float():reshape(self.steps, 1)
  return core.broadcast_to(t, self.steps, self.samples):reshape(self.steps * self.samples, 1)
end

-- A captured tensor or its part; a number.
function Call:constant(value)
  local known = self.done[value]
  if known then return known end
  if value.kind == "number" then known = numbers(value)
  elseif value.kind == "mask" then known = self.masks[value.index]
  else
    known = self.captured[value.index]
    if value.from then known = core.slice(known, value.axis, value.from + 1, value.to) end
  end
  self.done[value] = known
  return known
end

-- The same beside all steps: what has a row for each sample is repeated.
function Call:beside(value)
  local t = self:constant(value)
  if value.form ~= "samples" or self.steps == 1 then return t end
  local known = self.repeated[value]
  if not known then
    known = core.tile(t, self.steps, 1)
    self.repeated[value] = known
  end
  return known
end

-- (T N, width): a value outside of the loop at all steps.
function Call:all(value)
  if formula.is_constant(value) then return self:beside(value) end
  local known = self.done[value]
  if known then return known end
  if value.kind == "shift" then
    local first, rest = self.states[value.index], self:all(value.of)
    if self.steps == 1 then known = first
    elseif self.reverse then known = core.concat({ core.slice(rest, 1, self.samples + 1, -1), first }, 1)
    else known = core.concat({ first, core.slice(rest, 1, 1, (self.steps - 1) * self.samples) }, 1) end
  elseif value.op == "part" then
    known = core.slice(self:all(value.inputs[1]), 2, value.from + 1, value.from + value.width)
  elseif value.place then
    local inputs = {}
    for i, input in ipairs(value.inputs) do inputs[i] = input and self:all(input) or nil end
    if value.op == "linear" or value.op == "matmul" then inputs[2] = self:constant(value.inputs[2]) end
    if value.op == "linear" and value.inputs[3] and value.inputs[3].kind == "captured" and value.inputs[3].form ~= "samples" then
      inputs[3] = self:constant(value.inputs[3])
    end
    known = core.trace_apply(self.trace, value.place, table.unpack(inputs, 1, #value.inputs))
  else -- made by an option of the layer
    local inputs = {}
    for i, input in ipairs(value.inputs) do inputs[i] = self:all(input) end
    known = core[value.op](table.unpack(inputs))
  end
  self.done[value] = known
  return known
end

-- ---- running ----

plan.eager = false -- the loop by ordinary ops, to be compared with

-- (T N, ...) to (N, T, ...).
local function to_batch(y, samples, steps)
  return core.concat({ core.transpose(y:reshape(steps, samples, table.unpack({ y:shape() }, 2)), 1, 2) }, 1)
end
plan.to_batch = to_batch

--- plan.run(made, call) -> y (N, T, width), final states
---
--- call: { steps, samples, x (T N, inputs), states, captured, reverse, lengths, watch, draws, masks }. What y is behind the
--- lengths may be anything.
function plan.run(made, call)
  local graph, loop = made.graph, not plan.eager and made.loop
  setmetatable(call, Call)
  call.trace, call.done, call.repeated = made.trace, {}, {}
  for _, value in ipairs(made.inputs) do
    if value.kind == "x" then call.done[value] = call.x
    elseif value.kind == "t" then call.done[value] = call:numbers_of_steps()
    else call.done[value] = call.draws[value.index] end
  end
  local final, batch = {}, nil
  if made.any and not loop then
    final = call:step_by_step(graph)
  elseif loop then
    local tensors = {}
    for i, value in ipairs(loop.inputs) do
      tensors[i] = formula.is_constant(value) and call:constant(value) or call:all(value)
    end
    for k = 1, #graph.new do
      if loop.slots[k] then tensors[#loop.inputs + loop.slots[k]] = call.states[k] end
    end
    local results = { core.scan(loop.program, tensors, call.steps, call.reverse, call.lengths, call.watch) }
    for k = 1, #graph.new do
      if loop.slots[k] then final[k] = results[loop.slots[k]] end
    end
    for j, r in ipairs(loop.results) do
      if r.batch then batch = results[loop.states + j]
      else call.done[r.value] = results[loop.states + j] end
    end
  end
  for k, value in ipairs(graph.new) do
    if graph.shifted[k] then final[k] = call:last(call:all(value), call.states[k]) end
  end
  return batch or to_batch(call:all(graph.y), call.samples, call.steps), final
end

-- The loop by ordinary ops, for what scan has no rule for: of each value of the loop, all steps.
function Call:step_by_step(graph)
  local n, current, collected = self.samples, {}, {}
  local list = {}
  for _, value in ipairs(formula.order(formula.roots_of(graph))) do
    if value.class == "loop" then list[#list + 1] = value end
  end
  for k in ipairs(graph.states) do current[k] = self.states[k] end
  local from, to, by = 1, self.steps, 1
  if self.reverse then from, to, by = self.steps, 1, -1 end
  for t = from, to, by do
    local env = {}
    local function now(value)
      if not value then return nil end
      if value.class == "loop" then return env[value] end
      if formula.is_constant(value) then return self:constant(value) end
      return core.slice(self:all(value), 1, (t - 1) * n + 1, t * n)
    end
    for _, value in ipairs(list) do
      if value.kind == "state" then
        env[value] = current[value.index]
      elseif value.op == "part" then
        env[value] = core.slice(now(value.inputs[1]), 2, value.from + 1, value.from + value.width)
      else
        local inputs = {}
        for i, input in ipairs(value.inputs) do inputs[i] = now(input) end
        if value.place then env[value] = core.trace_apply(self.trace, value.place, table.unpack(inputs, 1, #value.inputs))
        else env[value] = core[value.op](table.unpack(inputs)) end
      end
      collected[value] = collected[value] or {}
      collected[value][t] = env[value]
    end
    local valid = self.lengths and core.reshape(core.ge(self.lengths, t), n, 1)
    local new = {}
    for k, value in ipairs(graph.new) do
      if not graph.shifted[k] then
        new[k] = now(value)
        if valid then new[k] = core.where(valid, new[k], current[k]) end
      end
    end
    current = new
  end
  for value, steps in pairs(collected) do self.done[value] = core.concat(steps, 1) end
  return current
end

-- Of a value at all steps, that after the last step of each sample; first where there is none.
function Call:last(all, first)
  if not self.lengths then
    local from = self.reverse and 1 or (self.steps - 1) * self.samples + 1
    return core.slice(all, 1, from, from + self.samples - 1)
  end
  local n = self.samples
  local at = (self.lengths - 1) * n + core.arange(n)
  local none = self.lengths:eq(0):reshape(n, 1)
  return core.where(none, first, core.gather(all, 1, core.maximum(at, 1)))
end

plan.make = make

return plan
