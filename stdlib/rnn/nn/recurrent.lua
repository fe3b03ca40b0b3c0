-- recurrent.lua: runs cells, built in or a script's own, over the steps of sequences: in one pass of the engine where
-- the step is a formula (plan.lua), else step by step.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local Base = require "rnn.nn.recurrent_base"
local State = require "rnn.nn.state"
local owner = require "rnn.nn.owner"
local plan = require "rnn.nn.plan"
local locals = require "rnn.nn.locals"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"
local scripted = require "rnn.nn.scripted"
local Cell = require("rnn.nn.cell").Cell

--- nn.Recurrent(cell [, options])
---
--- local y, state = layer(x, state): cell:step for every time step of x (N, T, inputs), its outputs stacked, y (N, T,
--- width). The step runs once a call, on tensors without values: its formula is then computed for all steps by the
--- engine, with the same bits as step by step. A step that is no formula (it reads values, say) runs step by step,
--- which is said once. A nil state is cell:initial_state(N). Steps past a sequence's length
--- give zeros and leave its state alone. Options:
---   layers = 1                further cells like the first one, each on the outputs of the one before
---   widths = nil              the units of each layer, { 128, 64 }
---   bidirectional = false     a second cell of each layer reads backwards (Schuster, Paliwal 1997)
---   merge = "concat"          or "sum", "mean" of two directions
---   returns = "sequence"      or "last" (the output of each sequence's last step, (N, width)), "both" (y, state, last)
---   residual = false          adds the input of each layer but the first
---   dropout = 0               rate between layers
---   recurrent_dropout = 0     rate of the states that enter products, one mask for all steps (Gal, Ghahramani 2016)
---   zoneout = 0               rate at which units keep their state (Krueger et al. 2017); { h = 0.1, c = 0.2 } by the
---                             names or numbers of a state that is a table
---   initial_state = "zeros"   what cell:initial_state gives, or "trained"
---   recompute = false         true, or the steps of a segment: segments run again in backward (Chen et al. 2016)
---   compile = false           true: a step that is no formula is an error
--- The state of one cell is as the cell has it; of several, a list of theirs, directions of a layer one after the
--- other. Parameters: cell, and for further ones cell_l0_reverse, cell_l1 ... Errors: a cell that nn.cell has not made.
---@class nn.Recurrent : nn.RecurrentBase
---@field cell nn.Cell
---@overload fun(cell: nn.Cell, options?: table): nn.Recurrent
local Recurrent = class("nn.Recurrent", Base)

local DEFAULTS = { layers = 1, widths = check.none, bidirectional = false, merge = "concat", returns = "sequence",
  residual = false, dropout = 0, recurrent_dropout = 0, zoneout = 0, initial_state = "zeros", recompute = false,
  compile = false }

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

-- ---- making the layer ----

local plans = setmetatable({}, { __mode = "k" }) -- of each part, by their keys; no tensors of a model are in them

-- A cell like another one.
local function another(cell, inputs, units)
  local given = scripted.arguments(cell)
  if given then return getmetatable(cell)(inputs, units, table.unpack(given, 3, given.n)) end
  local config = cell:config()
  if not config then
    core.fail("nn.Recurrent: %s cannot be made again for another layer or direction; define it by nn.cell",
      cell:describe())
  end
  return getmetatable(cell)(inputs, units, config.options)
end

-- The features of a step of the cell's output: as it says, or as a step gives.
local function width_of(cell)
  if math.type(cell.outputs) == "integer" then return cell.outputs end
  if math.type(cell.inputs) ~= "integer" then return cell.units end
  local ok, y = pcall(function()
    return core.no_grad(guard.inner(cell.step), cell, core.zeros(1, cell.inputs), cell:initial_state(1),
      core.ones(1, 1))
  end)
  return ok and core.is_tensor(y) and y:ndim() == 2 and y:size(2) or cell.units
end

local function rate(name, value) return check.rate("nn.Recurrent", ("option '%s'"):format(name), value) end

-- The rate of each tensor of a state that has one.
local function zones_of(zoneout, state)
  local names, rates = names_of(state, nil, {}), {}
  if type(zoneout) ~= "table" then
    local all = rate("zoneout", zoneout)
    for k in ipairs(names) do rates[k] = all > 0 and all or nil end
    return rates
  end
  for name, value in pairs(zoneout) do
    local at
    for k, known in ipairs(names) do
      if known == tostring(name) then at = k end
    end
    if not at then
      core.fail("nn.Recurrent: option 'zoneout': the state has no '%s'; it has %s", tostring(name),
        table.concat(names, ", "))
    end
    rates[at] = rate("zoneout", value) > 0 and value or nil
  end
  return rates
end

local function check_options(self, options)
  local fname = "nn.Recurrent"
  options.layers = check.int(fname, "option 'layers'", options.layers, 1, 32)
  if options.widths ~= nil then
    check.table(fname, "option 'widths'", options.widths)
    if options.layers == 1 then options.layers = #options.widths end
    if #options.widths ~= options.layers then
      core.fail("nn.Recurrent: %d widths in option 'widths', but option 'layers' is %d", #options.widths,
        options.layers)
    end
    if options.widths[1] ~= self.cell.units then
      core.fail("nn.Recurrent: option 'widths': the first cell has %s units, not %s", tostring(self.cell.units),
        tostring(options.widths[1]))
    end
  end
  for _, name in ipairs { "bidirectional", "residual", "compile" } do
    check.boolean(fname, ("option '%s'"):format(name), options[name])
  end
  check.one_of(fname, "option 'merge'", options.merge, { "concat", "sum", "mean" })
  check.one_of(fname, "option 'returns'", options.returns, { "sequence", "last", "both" })
  check.one_of(fname, "option 'initial_state'", options.initial_state, { "zeros", "trained" })
  if type(options.recompute) ~= "boolean" then check.int(fname, "option 'recompute'", options.recompute, 1) end
  rate("dropout", options.dropout)
  rate("recurrent_dropout", options.recurrent_dropout)
  local several = "it acts between layers, and there is one"
  check.effect(fname, options, DEFAULTS, "dropout", options.layers > 1, several)
  check.effect(fname, options, DEFAULTS, "residual", options.layers > 1, several)
  check.effect(fname, options, DEFAULTS, "merge", options.bidirectional, "it joins two directions; option "
    .. "'bidirectional' is false")
end

local function add_part(self, cell, k, reverse)
  local name = ("l%d%s"):format(k - 1, reverse and "_reverse" or "")
  local field = k == 1 and not reverse and "cell" or "cell_" .. name
  self[field] = cell
  local part = { field = field, name = name, reverse = reverse, calls = 0 }
  plans[part] = {}
  if self.options.initial_state == "trained" then
    part.initial = {}
    local start = cell:initial_state(1)
    for i, t in ipairs(flatten(start, {})) do
      part.initial[i] = ("initial_%s_%s"):format(names_of(start, nil, {})[i], name)
      self[part.initial[i]] = parameter.new(initializers.zeros, 1, t:size(2)) -- its values, where they are no zeros:
      self[part.initial[i]]:detach():assign(t)
    end
  end
  self.parts[#self.parts + 1] = part
end

function Recurrent:init(cell, options)
  if not class.is_a(cell, Cell) then
    check.expected("nn.Recurrent", "argument 1 (cell)", "a cell, made by nn.cell", cell)
  end
  self.cell, self.given = cell, options
  options = check.options("nn.Recurrent", options, DEFAULTS)
  check_options(self, options)
  self.options, self.returns, self.layers, self.merge = options, options.returns, options.layers, options.merge
  self.directions, self.inputs = options.bidirectional and 2 or 1, cell.inputs
  self.parts = {}
  local width = cell.inputs
  for k = 1, self.layers do
    local units = options.widths and options.widths[k] or cell.units
    for direction = 1, self.directions do
      local own = k == 1 and direction == 1 and cell or another(cell, width, units)
      add_part(self, own, k, direction == 2)
    end
    local made = width_of(self[self.parts[#self.parts].field])
    if made then made = made * (self.directions == 2 and options.merge == "concat" and 2 or 1) end
    if options.residual and k > 1 and made ~= width then
      core.fail("nn.Recurrent: option 'residual': layer %d makes %s features of %s, so they cannot be added", k,
        tostring(made), tostring(width))
    end
    width = made
  end
  self.outputs = width
  self.zones = options.zoneout == 0 and {} or zones_of(options.zoneout, cell:initial_state(1))
end

-- ---- one cell over all steps ----

-- A sequence's draws of random numbers, the same step by step: recurrent dropout, then zoneout of each state.
local function draws_of(self, states, steps, samples)
  local o, masks, shares = self.options, nil, nil
  if self.training and o.recurrent_dropout > 0 then
    masks = {}
    for k, t in ipairs(states) do masks[k] = core.dropout(core.ones(samples, t:size(2)), o.recurrent_dropout) end
  end
  for k, t in ipairs(states) do
    local own = self.zones[k]
    if own then
      shares = shares or {}
      shares[k] = self.training and core.zeros(steps * samples, t:size(2)):bernoulli_(own) or own
    end
  end
  return masks, shares
end

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

local UNSTEADY = "step is not the same at every time step: it runs once a call, not once a step; use t"

local function no_random() core.fail("step draws random numbers; use the options zoneout and recurrent_dropout") end

-- The cell's step, which leaves its local variables in found where they are asked for.
local function step_of(part, cell, found)
  local step = guard.inner(cell.step)
  if not part.recorded then return step end
  return function(...) return locals.run(found, step, ...) end
end

-- Runs the step once on formulas: trace, y, states, local variables.
local function trace(part, cell, x, start, states, samples, lines)
  local widths = { x:size(2), 1 }
  for i, t in ipairs(states) do
    if t:ndim() ~= 2 or t:type() ~= "float" then core.fail("a state is a tensor %s, not (N, width)", check.shape(t)) end
    widths[i + 2] = t:size(2)
  end
  local found, random = {}, math.random
  local step = step_of(part, cell, found)
  rawset(math, "random", no_random)
  local results = table.pack(pcall(core.trace, samples, widths, function(fx, ft, ...)
    local y, new = step(cell, fx, rebuild(start, { ... }), ft)
    if new == nil then refuse(cell, "its step returned no new state (output, state)") end
    local list = flatten(new, {})
    for i = 1, math.max(#list, #states) do
      local t, was = list[i], states[i]
      if not t or not was or t:ndim() ~= 2 or t:size(1) ~= samples or t:size(2) ~= was:size(2) then
        refuse(cell, "state %d: %s in, %s out", i, was and shape_text { was } or "nothing",
          t and (t:ndim() == 2 and t:size(1) == samples and shape_text { t } or check.shape(t)) or "nothing")
      end
    end
    if not core.is_tensor(y) or y:ndim() ~= 2 or y:size(1) ~= samples then
      refuse(cell, "its output is %s, not a tensor (N, width)", check.describe(y))
    end
    return y, list, found
  end, lines))
  rawset(math, "random", random)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- The plan of this call and its captured tensors.
local function plan_of(part, cell, x, start, states, samples, about)
  local function traced(lines)
    local t, y, new, found = trace(part, cell, x, start, states, samples, lines)
    local results, places = { y, table.unpack(new) }, {}
    for _, result in ipairs(results) do
      if core.trace_place(t, result) == 0 then
        refuse(cell, "a result of the step depends on nothing that changes; return it as x * 0 + ...")
      end
    end
    local function fit(value) return core.trace_place(t, value) > 0 and value:ndim() == 2 end
    for i, value in ipairs(part.recorded and locals.pick(found, part.recorded, fit, cell) or {}) do
      results[#results + 1], places[i] = value, core.trace_place(t, value)
    end
    return core.trace_key(t, table.unpack(results)) .. about.key, t, y, new, places
  end
  local key, t = traced(false)
  part.calls = part.calls + 1
  local known = plans[part][key]
  if known == nil or part.calls & (part.calls - 1) == 0 then
    local key2, t2, y2, new2, places = traced(true)
    if not core.trace_same(t, t2) or key2 ~= key then refuse(cell, "%s", UNSTEADY) end
    if not known then
      about.trace, about.y, about.states, about.captured, about.samples = t2, y2, new2, core.trace_captured(t2), samples
      about.recorded = places
      known = plan.make(about)
      plans[part][key] = known
      about.trace, about.y, about.states, about.captured = nil, nil, nil, nil
    end
  end
  return known, core.trace_captured(t)
end

-- What a plan depends on beside the formula, and its key.
local function about_of(self, part, records, x_needs, state_needs, padded)
  local about = { records = records, x_needs = x_needs, state_needs = state_needs,
    shifts = not (part.reverse and padded), watched = part.watch ~= nil,
    masks = self.training and self.options.recurrent_dropout > 0 }
  local bits = { tostring(records), tostring(x_needs), tostring(about.shifts), tostring(about.watched),
    tostring(about.masks) }
  for k, needs in ipairs(state_needs) do
    local rate = self.zones[k]
    if rate then
      about.zoneout = about.zoneout or {}
      about.zoneout[k] = self.training and "draw" or rate
    end
    bits[#bits + 1] = ("%s %s"):format(needs, rate and about.zoneout[k])
  end
  for _, name in ipairs(part.recorded or {}) do bits[#bits + 1] = name end
  about.key = table.concat(bits, " ")
  return about
end

-- y (N, T, width), the final states and what is recorded, by the plan; raises where there is none.
local function by_plan(self, part, cell, x, start, states, samples, steps, lengths, masks, shares)
  local records, state_needs = core.recording(), {}
  for k, t in ipairs(states) do state_needs[k] = records and t:requires_grad() end
  local about = about_of(self, part, records, records and x:requires_grad(), state_needs, lengths ~= nil)
  part.last = { width = x:size(2), x_needs = about.x_needs, state_needs = state_needs, padded = lengths ~= nil }
  local made, captured = plan_of(part, cell, x, start, states, samples, about)
  part.why = made.why
  if made.why and self.options.compile then error(made.why, 0) end
  local call = { steps = steps, samples = samples, x = x, states = states, captured = captured,
    reverse = part.reverse, lengths = lengths, watch = part.watch, draws = shares, masks = masks }
  local length = self.options.recompute
  part.watched = nil
  if not length or not records or core.check_finite() then return plan.run(made, call) end
  part.watched = {}
  call.watched = part.watched
  return plan.run_in_segments(made, call, length == true and math.ceil(math.sqrt(steps)) or length)
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

-- The same step by step, in Lua; what is no formula, and what is searched for NaN: the autopsy finds the layer in the
-- first argument and the step in t.
local function by_loop(_, part, cell, x, start, states, samples, steps, lengths, shares)
  local outputs, list, shortest, found, recorded = {}, states, steps, {}, {}
  local step = step_of(part, cell, found)
  local function fit(value)
    return core.is_tensor(value) and value:type() == "float" and value:ndim() == 2 and value:size(1) == samples
  end
  for _, length in ipairs(lengths and lengths:totable() or {}) do shortest = math.min(shortest, length) end
  local from, to, by = 1, steps, 1
  if part.reverse then from, to, by = steps, 1, -1 end
  for t = from, to, by do
    local y, new = step(cell, core.slice(x, 1, (t - 1) * samples + 1, t * samples), rebuild(start, list),
      core.full({ samples, 1 }, t))
    if new == nil then core.fail("%s: its step returned no new state (output, state)", cell:describe()) end
    local after = flatten(new, {})
    local own = {}
    for k, share in pairs(shares or {}) do
      own[k] = type(share) == "number" and share or core.slice(share, 1, (t - 1) * samples + 1, t * samples)
    end
    y = zone(own, list, after, y)
    if t > shortest then
      local valid = core.reshape(core.ge(lengths, t), -1, 1)
      for k, new_state in ipairs(after) do after[k] = core.where(valid, new_state, list[k]) end
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

-- What a step that was refused has left in its cell is taken back, before it runs step by step.
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

-- Padding is 0.
local function clean(y, lengths)
  return lengths and y:with_lengths(lengths):zero_padding():without_lengths() or y
end

local function run_cell(self, part, x, state, samples, steps, lengths)
  local cell = self[part.field]
  local start = state
  local states = flatten(start, {})
  local masks, shares = draws_of(self, states, steps, samples)
  local searching = core.check_finite()
  local function done(y, new, recorded)
    part.taken = part.recorded and { values = recorded, samples = samples, steps = steps, lengths = lengths }
    return clean(y, lengths), rebuild(start, new)
  end
  if samples > 0 and searching and masks then -- which loops have in products alone: the plan by ordinary ops
    return done(by_plan(self, part, cell, x, start, states, samples, steps, lengths, masks, shares))
  end
  if samples > 0 and not searching then
    local fields = (part.calls == 0 or part.why) and fields_of(cell)
    local results = table.pack(pcall(by_plan, self, part, cell, x, start, states, samples, steps, lengths, masks,
      shares))
    if results[1] then
      if part.why then say(cell, part.why) end
      return done(table.unpack(results, 2))
    end
    if fields then restore(cell, fields) end
    if self.options.compile or tostring(results[2]):find "interrupted!$" then error(results[2], 0) end
    part.why = results[2]
  end
  local needing = masks and "recurrent_dropout" or self.options.recompute and core.recording() and "recompute"
  if needing and samples > 0 and not searching then
    core.fail("%s: option '%s' needs a step that is a formula: %s", self:describe(), needing, with_line(part.why))
  end
  local y, new, recorded = by_loop(self, part, cell, x, start, states, samples, steps, lengths, shares)
  if part.why and not searching then say(cell, part.why) end
  return done(plan.to_batch(y, samples, steps), new, recorded)
end

-- ---- forward ----

-- (N, T, ...) to (T N, ...).
local function to_steps(x)
  return core.transpose(x, 1, 2):reshape(x:size(1) * x:size(2), table.unpack({ x:shape() }, 3))
end

-- The output of the step that was computed last, (N, width), of y (N, T, width); 0 of an empty sequence. A copy, that
-- keeps no other steps alive.
local function last_of(y, part, lengths)
  if lengths and not part.reverse then return y:with_lengths(lengths):last() end
  return core.concat({ core.select(y, 2, part.reverse and 1 or -1) }, 1)
end

-- The state of each part before the first step.
local function first_states(self, state, samples)
  owner.check(self, state)
  local starts = {}
  for i, part in ipairs(self.parts) do
    local cell = self[part.field]
    local given = #self.parts == 1 and state or type(state) == "table" and state[i] or nil
    if given == nil and state ~= nil then
      core.fail("%s: expected a list of the states of %d cells, got %s", self:describe(), #self.parts,
        check.describe(state))
    end
    if given == nil and part.initial then
      local list = {}
      for k, name in ipairs(part.initial) do list[k] = self[name]:broadcast_to(samples, self[name]:size(2)) end
      given = rebuild(cell:initial_state(1), list)
    end
    starts[i] = cell:begin(given, samples)
    if not pcall(flatten, starts[i], {}) then
      core.fail("%s: expected a state of tensors, got %s", self:describe(), check.describe(starts[i]))
    end
  end
  return starts
end

-- The states of the parts as the layer gives them.
local function state_of(self, states)
  local new = #self.parts == 1 and states[1] or states
  if not core.is_tensor(new) and getmetatable(new) == nil then new = setmetatable(new, State) end
  return owner.mark(self, new)
end

--- recurrent:initial_state(batch) -> list of the states of its cells before a first step, (batch, width) each
---
--- One for each layer and direction. Errors: a cell that has none.
---@param batch integer
---@return table
function Recurrent:initial_state(batch)
  return first_states(self, nil, check.int("nn.Recurrent:initial_state", "argument 1 (batch)", batch, 0))
end

-- All layers over x (N, T, ...); y likewise, the new states and the last outputs.
local function run_layers(self, x, starts, samples, steps, lengths)
  local states, y, last = {}, x, nil
  for k = 1, self.layers do
    local input, outputs, ends = y, {}, {}
    if k > 1 and self.training and self.options.dropout > 0 then input = core.dropout(input, self.options.dropout) end
    for direction = 1, self.directions do
      local i = (k - 1) * self.directions + direction
      outputs[direction], states[i] = run_cell(self, self.parts[i], to_steps(input), starts[i], samples, steps, lengths)
      if k == self.layers and self.returns ~= "sequence" then
        ends[direction] = last_of(outputs[direction], self.parts[i], lengths)
      end
    end
    y = self:_merge(outputs[1], outputs[2])
    last = ends[1] and self:_merge(ends[1], ends[2])
    if self.options.residual and k > 1 then
      y = y + input
      last = last and last + last_of(input, { reverse = false }, lengths)
    end
  end
  return y, states, last
end

local function check_input(self, x)
  local inputs = self.cell.inputs
  local fits = core.is_tensor(x) and x:ndim() >= 2 and x:size(2) > 0
  if fits and math.type(inputs) == "integer" and x:type() == "float" and x:ndim() == 3 then
    fits = x:size(3) == inputs
  end
  if not fits then
    core.fail("%s: expected input (N, T, %s) of one step or more, got %s", self:describe(), tostring(inputs or "..."),
      check.input(x))
  end
end

--- recurrent:forward(x [, state]) -> y, state [, last]
---
--- Runs the cells over x (N, T, inputs); y is (N, T, width), or (N, width) of the last step. Errors: another shape; a
--- step that returns no state; a state that another layer made, which nn.State(state) hands over.
---@param x rnn.Tensor (N, T, ...)
---@param state? any
---@return rnn.Tensor y
---@return nn.State|rnn.Tensor state
---@return rnn.Tensor? last with returns = "both"
function Recurrent:forward(x, state)
  check_input(self, x)
  local lengths, samples, steps = x:lengths(), x:size(1), x:size(2)
  if lengths then x = x:zero_padding():without_lengths() end
  local starts = first_states(self, state, samples)
  local y, states, last = run_layers(self, x, starts, samples, steps, lengths)
  local new = state_of(self, states)
  if self.returns == "last" then return last, new end
  return lengths and y:with_lengths(lengths) or y, new, last
end

--- recurrent:step(x [, state [, t]]) -> y, state
---
--- One time step, for streams. Nothing is recorded; zoneout takes its expectation, dropout is off. Errors: a
--- bidirectional layer; a state that another layer made.
---@param x rnn.Tensor (N, inputs)
---@param state? any what step or forward gave
---@param t? integer the number of the step, from 1, for cells that ask for it
---@return rnn.Tensor y (N, width)
---@return any state
function Recurrent:step(x, state, t)
  if self.directions == 2 then
    core.fail("%s: step: a bidirectional layer needs the whole sequence", self:describe())
  end
  check.tensor(self:describe() .. ":step", "argument 1 (x)", x)
  return core.no_grad(function()
    local samples = x:size(1)
    local starts, states, y = first_states(self, state, samples), {}, x
    local number = core.full({ samples, 1 }, t or 1)
    for i, part in ipairs(self.parts) do
      local cell = self[part.field]
      local out, new = guard.inner(cell.step)(cell, y, starts[i], number)
      if next(self.zones) then
        local after = flatten(new, {})
        out = zone(self.zones, flatten(starts[i], {}), after, out)
        new = rebuild(starts[i], after)
      end
      states[i] = new
      y = self.options.residual and i > 1 and out + y or out
    end
    return y, state_of(self, states)
  end)
end

-- ---- looking inside ----

-- The plan of a part for one sequence, after what the last call was like; and what explain says of names.
local function plan_alone(self, part, start)
  local cell, states, last, records = self[part.field], flatten(start, {}), part.last, core.recording()
  local width = last and last.width or cell.inputs
  if math.type(width) ~= "integer" then
    core.fail("the width of its input is unknown before a first call")
  end
  local needs = last and last.state_needs or {}
  for k in ipairs(states) do needs[k] = needs[k] or records and part.initial ~= nil end
  local x_needs = part.name:find "^l0" == nil
  if last then x_needs = last.x_needs end
  local about = about_of(self, part, records, x_needs, needs, last and last.padded)
  about.samples = 1
  local t, y, new, found = trace({ recorded = {} }, cell, core.zeros(1, width), start, states, 1, true)
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

--- recurrent:explain() -> text
---
--- How each cell runs, in lines of less than 100 columns: what is computed once a call, before the loop, in it
--- (products with a common left side, and which elementwise instructions make one pass), behind it; what is kept for
--- backward, with bytes for each sample and step; the lines of the script that each comes from; or why a step is no
--- formula. It is traced for it as it is now, with gradients and lengths as at the last call: print(layer:explain()). A
--- cell has it, too: cell:explain().
---@return string
function Recurrent:explain()
  local list, starts = { self:describe() }, first_states(self, nil, 1)
  for i, part in ipairs(self.parts) do
    local cell, fields = self[part.field], fields_of(self[part.field])
    local ok, made, says = pcall(plan_alone, self, part, starts[i])
    if not ok then
      restore(cell, fields)
      made, says = nil, { why = with_line(made) }
    end
    says.library = debug.getinfo(guard.inner(cell.step), "S").source:find "^@%[rnn%]" ~= nil
    says.recompute = self.options.recompute ~= false
    local title = ("%s: %s%s"):format(part.name, cell:describe(), part.reverse and ", backwards" or "")
    require "rnn.nn.explain"(list, title, made, says)
  end
  return table.concat(list, "\n") .. "\n"
end

--- recurrent:record(names) -> layer
---
--- From the next forward on, layer:recorded() has the values over time of the local variables of the cell's step that
--- have these names, as they are when it returns: layer:record { "f", "c" } for a step with local f = ...; nil ends it.
--- The step must end in return y, state. Errors, of forward: a name that is no local variable with a row for each
--- sample.
---@param names? string[]
---@return nn.Recurrent
function Recurrent:record(names)
  names = locals.names(self:describe() .. ": record", names)
  for _, part in ipairs(self.parts) do part.recorded, part.taken = names, nil end
  return self
end

--- recurrent:recorded() -> table of tensors by name
---
--- What layer:record asked for, (N, T, width) each, at the last forward, without history; 0 behind the end of a
--- sequence. With several layers or directions the names end in theirs: f_l0, f_l0_reverse, f_l1. Errors: no forward
--- since layer:record.
---@return table<string, rnn.Tensor>
function Recurrent:recorded()
  local found = {}
  for _, part in ipairs(self.parts) do
    local taken = part.taken
    if not taken then
      core.fail("%s: recorded: nothing is recorded; layer:record { \"h\" }, then a forward", self:describe())
    end
    for i, name in ipairs(part.recorded) do
      local values = plan.to_batch(taken.values[i], taken.samples, taken.steps)
      if taken.lengths then values = values:with_lengths(taken.lengths):zero_padding() end
      found[#self.parts > 1 and name .. "_" .. part.name or name] = values
    end
  end
  return found
end

function Recurrent:describe()
  local text = self.cell:describe()
  if self.layers and self.layers > 1 then text = text .. (", layers = %d"):format(self.layers) end
  if self.directions == 2 then text = text .. ", bidirectional" end
  if self.returns ~= "sequence" then text = text .. (", returns = %q"):format(self.returns) end
  return ("nn.Recurrent(%s)"):format(text)
end

function Recurrent:config()
  local options = {}
  for key, value in pairs(self.given or {}) do options[key] = value end
  options.returns = self.returns
  return { class = "nn.Recurrent", args = { self.cell }, options = options }
end

return Recurrent
