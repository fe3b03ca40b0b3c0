-- plan.lua: runs a cell over all time steps as its formula allows: what needs no state before the loop, by ordinary
-- ops on all steps at once; the loop in one op, core.scan; what feeds no state behind it. Plans are kept by the
-- structure of the formula, which is traced at every call: so nothing that a script changes can make one stale.

local core = require "rnn.core"
local formula = require "rnn.nn.formula"
local program = require "rnn.nn.program"
local rules = require "rnn.nn.program_rules"

local plan = { loops = 0 } -- loops that have become programs

-- ---- making one ----

-- about: samples, records, x_needs, state_needs, shifts, watched, masks, zoneout, recorded (places in order), trace, y,
-- states, captured
function plan.make(about)
  local dims, needs = {}, {}
  for k, t in ipairs(about.captured) do dims[k], needs[k] = { t:shape() }, about.records and t:requires_grad() end
  about.captured_dims, about.captured_needs = dims, needs
  local graph = formula.read(about.trace, about.y, about.states, about)
  if about.masks then formula.drop(graph) end
  if about.zoneout then formula.zoneout(graph, about.zoneout) end
  formula.parts(graph)
  formula.classify(graph, about.shifts, rules.takes)
  local made = { graph = graph, trace = about.trace, any = false, inputs = {} } -- any: is there a loop at all?
  for k in ipairs(graph.new) do made.any = made.any or not graph.shifted[k] end
  if made.any then made.loop, made.why = program.build(graph, about) end
  if made.loop then plan.loops = plan.loops + 1 end
  for _, value in ipairs(formula.order(formula.roots_of(graph))) do
    if value.kind == "x" or value.kind == "t" or value.kind == "draw" then made.inputs[#made.inputs + 1] = value end
  end
  return made
end

-- ---- evaluating what is outside of the loop ----

-- An environment of one call: T steps of N samples, tensors of the captured, and what has been computed.
local Call = {}
Call.__index = Call

-- (T N, 1): 1, 2 ... for each sample, after those that it has had.
function Call:numbers_of_steps()
  local t = (core.arange(self.steps) + (self.before or 0)):to_float():reshape(self.steps, 1)
  t = core.broadcast_to(t, self.steps, self.samples)
  if self.counted then t = t + self.counted:reshape(1, self.samples) end
  return t:reshape(self.steps * self.samples, 1)
end

-- A captured tensor or its part; a number.
function Call:constant(value)
  local known = self.done[value]
  if known then return known end
  if value.kind == "number" then known = core.tensor(value.value)
  elseif value.kind == "mask" then known = self.masks[value.index]
  else
    known = self.captured[value.index]
  end
  self.done[value] = known
  return known
end

-- The same beside all steps: what has a row for each sample is repeated. Of one sample, such a row looks like one for
-- all; rows: does the op take it as one row for each sample?
function Call:beside(value, rows)
  local t = self:constant(value)
  if self.steps == 1 or not (value.form == "samples" or rows and t:ndim() == 2) then return t end
  local known = self.repeated[value]
  if not known then
    known = core.tile(t, self.steps, table.unpack({ 1, 1, 1, 1, 1, 1, 1 }, 1, t:ndim() - 1))
    self.repeated[value] = known
  end
  return known
end

-- The op of a value on tensors; one that an option of the layer has made has no place in the trace. Where results are
-- checked for NaN, an error names the step's line and the time step.
function Call:apply(value, inputs)
  if not value.place then return core[value.op](table.unpack(inputs)) end
  local count = #value.inputs
  if not core.check_finite() then return core.trace_apply(self.trace, value.place, table.unpack(inputs, 1, count)) end
  local ok, result = pcall(core.trace_apply, self.trace, value.place, table.unpack(inputs, 1, count))
  if ok then return result end
  error(("%s: %s%s"):format(value.line, tostring(result):gsub("^[^\n]-:%d+: ", "", 1),
    self.now and (", at time step %d"):format(self.now) or ""), 0)
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
  else
    local inputs = {}
    local rows = value.op == "concat" or value.op == "linear"
    for i, input in ipairs(value.inputs) do
      if formula.products[value.op] and i == 2 and #input.dims == 2 then inputs[i] = self:constant(input)
      elseif input and formula.is_constant(input) then inputs[i] = self:beside(input, rows)
      else inputs[i] = input and self:all(input) or nil end
    end
    known = self:apply(value, inputs)
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

--- plan.run(made, call) -> y (N, T, width), final states, what was to be recorded, (T N, width) each
---
--- call: { steps, samples, x (T N, inputs), states, captured, reverse, lengths, watch, draws, masks, before, counted };
--- before: the steps of this call that there are before its first one; counted: those of earlier calls, (N, 1). What y
--- is behind the lengths may be anything.
function plan.run(made, call)
  local graph, loop = made.graph, not (plan.eager or core.check_finite()) and made.loop
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
      else
        local inner = formula.inner(r.value)
        local t = results[loop.states + j]
        call.done[r.value] = #inner > 1 and t:reshape(t:size(1), table.unpack(inner)) or t
      end
    end
  end
  for k, value in ipairs(graph.new) do
    if graph.shifted[k] then final[k] = call:last(call:all(value), call.states[k]) end
  end
  local recorded = {}
  local y = batch or to_batch(call:all(graph.y), call.samples, call.steps)
  core.no_grad(function()
    for i, value in ipairs(graph.recorded) do recorded[i] = call:all(value):detach() end
  end)
  return y, final, recorded
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
        self.now = t
        env[value] = self:apply(value, inputs)
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
  self.now = nil
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

-- ---- segments that run again in backward: Chen et al. 2016, "Training deep nets with sublinear memory cost" ----

-- Of a call its steps from .. to.
local function cut(call, from, to, x, states, captured)
  local n, draws, lengths = call.samples, nil, call.lengths
  for k, draw in pairs(call.draws or {}) do
    draws = draws or {}
    draws[k] = type(draw) == "number" and draw or core.slice(draw, 1, (from - 1) * n + 1, to * n)
  end
  lengths = lengths and core.minimum(core.maximum(lengths - (from - 1), 0), to - from + 1)
  return { steps = to - from + 1, samples = n, x = x, states = states, captured = captured, reverse = call.reverse,
    lengths = lengths, watch = call.watch, draws = draws, masks = call.masks, before = from - 1,
    counted = call.counted }
end

-- The tensors of a segment, x, first states and captured, as one list; and its run on such a list.
local function run_list(made, call, from, to, list)
  local states, count = {}, #call.states
  for k = 1, count do states[k] = list[1 + k] end
  local y, final, recorded = plan.run(made, cut(call, from, to, list[1], states, { table.unpack(list, count + 2) }))
  local results = { y, table.unpack(final) }
  for _, t in ipairs(recorded) do results[#results + 1] = t end
  return results
end

-- All that the way back needs is among its arguments, so no gradient can be lost.
local segment = core.custom {
  forward = function(ctx, made, call, from, to, ...)
    ctx.made, ctx.call, ctx.from, ctx.to, ctx.list = made, call, from, to, { ... }
    return table.unpack(run_list(made, call, from, to, ctx.list))
  end,
  backward = function(ctx, ...)
    local list, wanted, places, gradients = {}, {}, {}, { n = 4 + #ctx.list }
    core.recording(true)
    for i, t in ipairs(ctx.list) do
      list[i] = t:detach()
      if ctx.needs_input_grad[4 + i] then
        list[i] = list[i]:reshape(t:shape()):requires_grad(true) -- which copies what does not lie in rows
        wanted[#wanted + 1], places[#places + 1] = list[i], 4 + i
      end
    end
    local results, sum = run_list(ctx.made, ctx.call, ctx.from, ctx.to, list), nil
    for i, dy in ipairs { ... } do
      if results[i]:requires_grad() then
        local part = (results[i] * dy):sum()
        sum = sum and sum + part or part
      end
    end
    for i, g in ipairs(sum and core.grad(sum, wanted, { allow_unused = true }) or {}) do gradients[places[i]] = g end
    if ctx.call.watch then ctx.call.watched[ctx.from] = core.watched(ctx.call.watch) end
    return table.unpack(gradients, 1, gradients.n)
  end,
}

--- plan.run_in_segments(made, call, length) -> as plan.run
---
--- The same bits, keeping of each segment of that many steps no more than its first states: backward runs it again.
--- call.watched[t] gets what is watched of the segment that begins at step t.
function plan.run_in_segments(made, call, length)
  local states, outputs, recorded = call.states, {}, {}
  local count = (call.steps + length - 1) // length
  for i = 1, count do
    local k = call.reverse and count + 1 - i or i
    local from, to = (k - 1) * length + 1, math.min(k * length, call.steps)
    local x = core.slice(call.x, 1, (from - 1) * call.samples + 1, to * call.samples)
    local list = { x, table.unpack(states) }
    for _, t in ipairs(call.captured) do list[#list + 1] = t end
    local results = { segment(made, call, from, to, table.unpack(list)) }
    outputs[k] = results[1]
    states = { table.unpack(results, 2, 1 + #states) }
    for j = 2 + #states, #results do
      local place = j - 1 - #states
      recorded[place] = recorded[place] or {}
      recorded[place][k] = results[j]:detach()
    end
  end
  for j, parts in ipairs(recorded) do recorded[j] = core.concat(parts, 1) end
  return core.concat(outputs, 2), states, recorded
end

return plan
