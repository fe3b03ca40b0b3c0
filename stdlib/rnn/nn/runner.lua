-- runner.lua: runs one cell over all steps, for nn.Recurrent and for nn.LSTM and the like where a formula runs in place
-- of the engine's own pass: by the plan of its formula (plan.lua), or step by step in Lua where it has none.
--
-- A layer has options (compile, recompute, recurrent_dropout), training, describe(), zones (index of a state -> rate of
-- zoneout) and _draws(states, steps, samples). A part is a cell of it in one direction: name, reverse, calls = 0,
-- initial (are its first states trained?), watch, recorded (names of local variables of the step); the runner leaves in
-- it why it runs step by step, taken (what was recorded), watched and last (what the last call was like).
--
-- A call is what plan.run takes, and start, the nest of its states.

local core = require "rnn.core"
local check = require "rnn.check"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local plan = require "rnn.nn.plan"
local locals = require "rnn.nn.locals"

local runner = {}

-- ---- states: any nest of tensors, and a flat list of them ----

local function flatten(state, list)
  if core.is_tensor(state) then
    list[#list + 1] = state
  elseif type(state) == "table" then
    for _, key in ipairs(nest.keys(state)) do flatten(state[key], list) end
  else
    core.fail("a state is %s, not a tensor", check.describe(state))
  end
  return list
end
runner.flatten = flatten

-- The same structure with the tensors of the list.
local function rebuild(template, list, at)
  at = at or { 0 }
  if core.is_tensor(template) then
    at[1] = at[1] + 1
    return list[at[1]]
  end
  local result = {}
  for _, key in ipairs(nest.keys(template)) do result[key] = rebuild(template[key], list, at) end
  return result
end
runner.rebuild = rebuild

-- The names of its tensors: "h", or the keys that lead to each.
local function names_of(state, prefix, list)
  if core.is_tensor(state) then
    list[#list + 1] = prefix or "h"
  else
    for _, key in ipairs(nest.keys(state)) do
      names_of(state[key], prefix and prefix .. "_" .. key or tostring(key), list)
    end
  end
  return list
end
runner.names_of = names_of

-- ---- the plan of a call ----

local function shape_text(list) -- as they would read with any number of samples
  local texts = {}
  for i, t in ipairs(list) do texts[i] = ("(N, %d)"):format(t:size(2)) end
  return table.concat(texts, ", ")
end

-- Raises what is wrong with a step as a whole, where it is defined.
local function refuse(cell, format, ...)
  local where = debug.getinfo(guard.inner(cell.step), "S")
  if where.source:find "^@%[rnn%]" then core.fail(format, ...) end
  error(("%s:%d: %s"):format(where.short_src, where.linedefined, format:format(...)), 0)
end

local DRAWS = "step draws random numbers; use the options zoneout and recurrent_dropout"
local UNSTEADY = "step is not the same at every time step: it runs once a call, not once a step; use t"

-- The cell's step, which leaves its local variables in found where they are asked for.
local function step_of(part, cell, found)
  local step = guard.inner(cell.step)
  if not part.recorded then return step end
  return function(...) return locals.run(found, step, ...) end
end

-- Raises what is wrong with results that are none.
local function refuse_results(cell, y, list, states, samples, t)
  for i = 1, math.max(#list, #states) do
    local new, was = list[i], states[i]
    if not new or not was or new:ndim() ~= 2 or new:size(1) ~= samples or new:size(2) ~= was:size(2) then
      refuse(cell, "state %d: %s in, %s out", i, was and shape_text { was } or "nothing",
        new and (new:ndim() == 2 and new:size(1) == samples and shape_text { new } or check.shape(new)) or "nothing")
    end
  end
  if not core.is_tensor(y) or y:ndim() ~= 2 or y:size(1) ~= samples then
    refuse(cell, "its output is %s, not a tensor (N, width)", check.describe(y))
  end
  for _, result in ipairs { y, table.unpack(list) } do
    if core.trace_place(t, result) == 0 then
      refuse(cell, "a result of the step depends on nothing that changes; return it as x * 0 + ...")
    end
  end
end

local lua_random = math.random -- whose state core.random_state has

-- Runs the step once on formulas: trace, y, states, local variables. It is refused if it draws random numbers, which
-- are then where they were before it; math.random is Lua's own meanwhile, whatever a script has put in its place.
local function trace(part, cell, call, lines)
  local start, states, samples = call.start, call.states, call.samples
  local found, given, alone = {}, math.random, core.is_tensor(start)
  local step = step_of(part, cell, found)
  rawset(math, "random", lua_random)
  local before = core.random_state()
  local ok, t, y, new = pcall(core.trace, samples, { call.x:size(2), 1, table.unpack(states) }, function(fx, ft, ...)
    return step(cell, fx, alone and ... or rebuild(start, { ... }), ft)
  end, lines)
  local _, word = core.random_position()
  local drawn = before.lua and before.lua[1] ~= word
  if drawn then core.random_state(before) end
  rawset(math, "random", given)
  if not ok then error(t, 0) end
  if drawn then refuse(cell, "%s", DRAWS) end
  if new == nil then refuse(cell, "its step returned no new state (output, state)") end
  local list = flatten(new, {})
  local function fit(value) return core.trace_place(t, value) > 0 and value:ndim() == 2 end
  local picked = part.recorded and locals.pick(found, part.recorded, fit, cell)
  if not core.trace_results(t, y, list, picked) then refuse_results(cell, y, list, states, samples, t) end
  return t, y, list, found, picked
end

-- The fields of a cell; and those that a step which was refused has left in it are taken back, before it runs step by
-- step.
local function fields_of(cell)
  local fields = {}
  for key, value in next, cell do fields[key] = value end
  return fields
end

local function restore(cell, fields)
  for key in next, fields_of(cell) do
    if fields[key] == nil then rawset(cell, key, nil) end
  end
  for key, value in next, fields do rawset(cell, key, value) end
end

-- Does a cell have other numbers, strings and booleans than its fields were? A step that counts does.
local function counts(cell, fields)
  for key, value in next, cell do
    local kind = type(value)
    if fields[key] ~= value and value == value and (kind == "number" or kind == "string" or kind == "boolean") then
      return true
    end
  end
  return false
end

-- Of each part its plans, the one that ran last at the end. They are no part of a module, and no tensors of one are in
-- them.
local plans = setmetatable({}, { __mode = "k" })
local MOST_PLANS = 16 -- of a part; a number in clamp, say, that is another at each call makes one each

-- Raises for a step that was found to be another at another time: what is so by chance would pass by chance.
local function check_steady(part, cell)
  if part.unsteady == guard.inner(cell.step) then refuse(cell, "%s", UNSTEADY) end
end

-- The plan of this call and its captured tensors. Anything new, and now and then a call like the others, raises the
-- doubt whether the step is the same at every time step: then it is traced again, as if for a second one.
local function plan_of(part, cell, call, about, fields)
  check_steady(part, cell)
  local t = trace(part, cell, call, false)
  local kept = plans[part] or {}
  local at = #kept
  while at > 0 and not (kept[at].key == about.key and core.trace_alike(t, kept[at].trace)) do at = at - 1 end
  local known, numbers = at > 0 and table.remove(kept, at) or nil, core.trace_numbers(t)
  part.calls = part.calls + 1
  if not known or at <= #kept or numbers ~= kept.numbers or part.calls & (part.calls - 1) == 0
    or counts(cell, fields) then
    fields = fields_of(cell)
    local t2, y, new, _, picked = trace(part, cell, call, true)
    if not core.trace_same(t, t2) or counts(cell, fields) then
      part.unsteady = guard.inner(cell.step)
      check_steady(part, cell)
    end
    if not known then
      about.trace, about.y, about.states, about.captured = t2, y, new, core.trace_captured(t2)
      about.samples = call.samples
      about.recorded = {}
      for i, value in ipairs(picked or {}) do about.recorded[i] = core.trace_place(t2, value) end
      known = plan.make(about)
      known.key = about.key
    end
  end
  kept[#kept + 1], kept.numbers = known, numbers
  if #kept > MOST_PLANS then table.remove(kept, 1) end
  plans[part] = kept
  return known, core.trace_captured(t)
end

-- What a plan depends on beside the formula, and its key: yes and no as bits, and, where there are more, a text.
local function about_of(self, part, records, x_needs, state_needs, padded)
  local about = { records = records, x_needs = x_needs, state_needs = state_needs,
    shifts = not (part.reverse and padded), watched = part.watch ~= nil,
    masks = self.training and self.options.recurrent_dropout > 0 }
  local key = (records and 1 or 0) | (x_needs and 2 or 0) | (about.shifts and 4 or 0) | (about.watched and 8 or 0)
    | (about.masks and 16 or 0)
  for k, needs in ipairs(state_needs) do key = key | (needs and 1 << (4 + k) or 0) end
  if next(self.zones) or part.recorded or #state_needs > 50 then
    key = { key, table.unpack(part.recorded or {}) }
    for k, needs in ipairs(state_needs) do
      local rate = self.zones[k]
      if rate then
        about.zoneout = about.zoneout or {}
        about.zoneout[k] = self.training and "draw" or rate
      end
      key[#key + 1] = ("%s %s"):format(needs, rate and about.zoneout[k])
    end
    key = table.concat(key, " ")
  end
  about.key = key
  return about
end

-- y (N, T, width), the final states and what is recorded, by the plan; raises where there is none. fields: of the
-- cell.
local function by_plan(self, part, cell, fields, call)
  local x, states, padded = call.x, call.states, call.lengths ~= nil
  if x:ndim() ~= 2 or x:type() ~= "float" then
    refuse(cell, "a formula needs x (N, T, features) of floats, got %s with %d axes; ids can go through nn.Embedding "
      .. "before the layer", x:type(), x:ndim() + 1)
  end
  local records, state_needs = core.recording(), {}
  for k, t in ipairs(states) do state_needs[k] = records and t:requires_grad() end
  local about = about_of(self, part, records, records and x:requires_grad(), state_needs, padded)
  part.last = { width = x:size(2), x_needs = about.x_needs, state_needs = state_needs, padded = padded,
    samples = call.samples }
  local made
  made, call.captured = plan_of(part, cell, call, about, fields)
  part.why = made.why
  if made.why and self.options.compile then error(made.why, 0) end
  local length = self.options.recompute
  part.watched = nil
  if not length or not records or core.check_finite() then return plan.run(made, call) end
  part.watched = {}
  call.watched = part.watched
  return plan.run_in_segments(made, call, length == true and math.ceil(math.sqrt(call.steps)) or length)
end

-- One step of zoneout: each new state that has a share keeps as much of the old one. Gives the output, which may be a
-- state.
local function zone(shares, old, new, y)
  for k, share in pairs(shares) do
    local zoned = share * old[k] + (1 - share) * new[k]
    if rawequal(y, new[k]) then y = zoned end
    new[k] = zoned
  end
  return y
end

-- valid (N), the sequences that go on, as a mask that a state (N, ...) is chosen by.
local function mask_for(state, valid, cell)
  if state:ndim() == 0 or state:size(1) ~= #valid then
    core.fail("%s: expected a state (%d, ...), for sequences end at different steps, got %s", cell:describe(), #valid,
      check.describe(state))
  end
  local shape = { #valid }
  for i = 2, state:ndim() do shape[i] = 1 end
  return valid:reshape(shape)
end

-- The same step by step, in Lua; what is no formula, and what is searched for NaN: the autopsy finds the layer in the
-- first argument and the step in t.
local function by_loop(_, part, cell, call)
  local x, samples, steps, lengths = call.x, call.samples, call.steps, call.lengths
  local outputs, list, shortest, found, recorded = {}, call.states, steps, {}, {}
  local step = step_of(part, cell, found)
  local function fit(value)
    return core.is_tensor(value) and value:type() == "float" and value:ndim() == 2 and value:size(1) == samples
  end
  for _, length in ipairs(lengths and lengths:totable() or {}) do shortest = math.min(shortest, length) end
  local from, to, by = 1, steps, 1
  if part.reverse then from, to, by = steps, 1, -1 end
  for t = from, to, by do
    local y, new = step(cell, core.slice(x, 1, (t - 1) * samples + 1, t * samples), rebuild(call.start, list),
      core.full({ samples, 1 }, t) + (call.counted or 0))
    if new == nil then core.fail("%s: its step returned no new state (output, state)", cell:describe()) end
    local after = flatten(new, {})
    local own = {}
    for k, share in pairs(call.draws or {}) do
      own[k] = type(share) == "number" and share or core.slice(share, 1, (t - 1) * samples + 1, t * samples)
    end
    y = zone(own, list, after, y)
    if t > shortest then
      local valid = core.ge(lengths, t)
      for k, new_state in ipairs(after) do
        after[k] = core.where(mask_for(list[k], valid, cell), new_state, list[k])
      end
    end
    list, outputs[t] = after, y
    for i, value in ipairs(part.recorded and locals.pick(found, part.recorded, fit, cell) or {}) do
      recorded[i] = recorded[i] or {}
      recorded[i][t] = value:detach()
    end
  end
  for i, values in ipairs(recorded) do recorded[i] = core.concat(values, 1) end
  return core.concat(outputs, 1), list, recorded
end

-- Drops the prefix "file:12: " of a message, to say the line behind.
local function with_line(message)
  local where, line, rest = tostring(message):match "^([^\n]-):(%d+): ([^\n]*)"
  if not where then return tostring(message) end
  return ("%s (line %s of %s)"):format(rest, line, where)
end

local said = setmetatable({}, { __mode = "k" }) -- cells' classes of which it was said

local function say(cell, why)
  local kind = getmetatable(cell)
  if said[kind] then return end
  said[kind] = true
  io.stderr:write(("%s runs step by step: %s\n"):format(cell:describe(), with_line(why)))
end

-- What was recorded at all steps, (T N, width) each, by name and as batches without history.
local function taken_of(part, recorded, samples, steps, lengths)
  local taken = {}
  for i, name in ipairs(part.recorded) do
    local values = plan.to_batch(recorded[i], samples, steps)
    taken[name] = lengths and values:with_lengths(lengths):zero_padding() or values
  end
  return taken
end

-- x without its lengths, a valid row in each place of padding: what a step computes there is as finite as of the
-- sequences, and 0 times it, in gradients, is 0.
local function filled(x, lengths)
  local samples, steps = x:size(1), x:size(2)
  if not lengths then return x end
  if samples == 0 or lengths:max():item() == 0 then return x:zero_padding():without_lengths() end
  local t, before = core.arange(steps):reshape(1, steps), (core.arange(samples) - 1):reshape(samples, 1) * steps
  local valid = (lengths:argmax(1):item() - 1) * steps + 1
  local places = core.where(t:le(lengths:reshape(samples, 1)), before + t, valid)
  local rows = x:without_lengths():reshape(samples * steps, table.unpack({ x:shape() }, 3))
  return rows:gather(1, places:reshape(-1)):reshape(x:shape())
end

--- runner.run(layer, part, cell, x, state, lengths, counted) -> y (N, T, width), state
---
--- counted (N, 1) is how many steps of each sequence there have been before x; nil is none.
--- x (N, T, ...) has one step or more; what it is behind the lengths does not matter, and y is 0 there. Errors: a step
--- that gives no state; options that need a formula where it is none; what the step raises.
function runner.run(layer, part, cell, x, state, lengths, counted)
  local samples, steps, states = x:size(1), x:size(2), flatten(state, {})
  local masks, shares = layer:_draws(states, steps, samples)
  local searching = core.check_finite()
  local call = { samples = samples, steps = steps, start = state, states = states, lengths = lengths, masks = masks,
    draws = shares, counted = counted, reverse = part.reverse, watch = part.watch,
    x = core.transpose(filled(x, lengths), 1, 2):reshape(steps * samples, table.unpack({ x:shape() }, 3)) }
  local function done(y, new, recorded)
    part.taken = part.recorded and taken_of(part, recorded, samples, steps, lengths)
    return lengths and y:with_lengths(lengths):zero_padding():without_lengths() or y, rebuild(state, new)
  end
  if samples > 0 and searching and masks then -- which loops have in products alone: the plan by ordinary ops
    return done(by_plan(layer, part, cell, fields_of(cell), call))
  end
  if samples > 0 and not searching then
    local fields = fields_of(cell)
    local results = table.pack(pcall(by_plan, layer, part, cell, fields, call))
    if results[1] then
      if part.why then say(cell, part.why) end
      return done(table.unpack(results, 2))
    end
    restore(cell, fields)
    if layer.options.compile or tostring(results[2]):find "interrupted!$" then error(results[2], 0) end
    part.why = results[2]
    local needing = masks and "recurrent_dropout" or layer.options.recompute and core.recording() and "recompute"
    if needing then
      core.fail("%s: option '%s' needs a step that is a formula: %s", layer:describe(), needing, with_line(part.why))
    end
  end
  local y, new, recorded = by_loop(layer, part, cell, call)
  if part.why and not searching then say(cell, part.why) end
  return done(plan.to_batch(y, samples, steps), new, recorded)
end

--- runner.step(layer, cell, x, state, t) -> y, state
---
--- One step, x (N, ...), t (N, 1); zoneout takes its expectation. y is no tensor of the state.
function runner.step(layer, cell, x, state, t)
  local y, new = guard.inner(cell.step)(cell, x, state, t)
  local after = flatten(new, {})
  if next(layer.zones) then
    y = zone(layer.zones, flatten(state, {}), after, y)
    new = rebuild(state, after)
  end
  for _, part in ipairs(after) do
    if rawequal(part, y) then y = y:copy() end
  end
  return y, new
end

-- The plan of a part after what the last call was like, from a first state of one sequence for each; and what explain
-- says of names.
local function plan_alone(self, part, cell, start)
  local states, last, records = flatten(start, {}), part.last, core.recording()
  local samples = last and last.samples or 1
  for k, state in ipairs(states) do states[k] = core.tile(state, samples, 1) end
  start = rebuild(start, states)
  local width = last and last.width or cell.inputs
  if math.type(width) ~= "integer" then
    core.fail("the width of its input is unknown before a first call")
  end
  local needs = {}
  for k in ipairs(states) do needs[k] = last and last.state_needs[k] or records and part.initial ~= nil end
  local x_needs = part.name:find "^l0" == nil
  if last then x_needs = last.x_needs end
  local about = about_of(self, part, records, x_needs, needs, last and last.padded)
  about.samples = samples
  check_steady(part, cell)
  local t, y, new, found = trace({ recorded = {} }, cell,
    { x = core.zeros(samples, width), start = start, states = states, samples = samples }, true)
  about.trace, about.y, about.states = t, y, new
  local tensors, names, says = cell:named_tensors(), {}, { captured = {}, results = {}, numbers = {}, locals = {} }
  for i, pair in ipairs(tensors) do tensors[i], names[i] = pair[2], pair[1] end
  local places
  about.captured, places = core.trace_captured(t, tensors)
  for i, captured in ipairs(about.captured) do
    says.captured[i] = names[places[i]]
    if captured:ndim() == 0 and places[i] == 0 then says.numbers[i] = captured:item()
    elseif not captured:is_leaf() then says.results[i] = "a tensor " .. check.shape(captured):gsub("^tensor ", "") end
  end
  for _, name in ipairs(nest.keys(found)) do
    local place = core.trace_place(t, found[name])
    if place > 2 then says.locals[place] = says.locals[place] or name end
  end
  says.states = names_of(start, nil, {})
  for k, name in ipairs(says.states) do
    if name:find "^%d" then says.states[k] = says.locals[2 + k] or "state " .. name end
  end
  return plan.make(about), says
end

--- runner.explain(layer, part, cell, state, list)
---
--- Appends lines on how the cell runs, from a state of one sample, to the list.
function runner.explain(layer, part, cell, state, list)
  local fields = fields_of(cell)
  local ok, made, says = pcall(plan_alone, layer, part, cell, state)
  if not ok then
    restore(cell, fields)
    made, says = nil, { why = with_line(made) }
  end
  says.library = debug.getinfo(guard.inner(cell.step), "S").source:find "^@%[rnn%]" ~= nil
  says.recompute = layer.options.recompute ~= false
  local title = ("%s: %s%s"):format(part.name, cell:describe(), part.reverse and ", backwards" or "")
  require "rnn.nn.explain"(list, title, made, says)
end

return runner
