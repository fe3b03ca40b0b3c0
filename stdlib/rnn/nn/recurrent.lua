-- recurrent.lua: runs cells, built in or a script's own, over the steps of sequences: in one pass of the engine where the
-- step is a formula (plan.lua), else step by step.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local Module = require "rnn.nn.module"
local State = require "rnn.nn.state"
local owner = require "rnn.nn.owner"
local plan = require "rnn.nn.plan"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"
local scripted = require "rnn.nn.scripted"
local Cell = require("rnn.nn.cell").Cell

--- nn.Recurrent(cell [, options])
---
--- local y, state = layer(x, state): cell:step for every time step of x (N, T, inputs), its outputs stacked, y (N, T,
--- width). The step runs once a call, on tensors without values: its formula is then computed for all steps by the engine,
--- with the same bits as step by step. layer:explain() says how. A step that is no formula (it reads values, say) runs
--- step by step, which is said once. A nil state is cell:initial_state(N). Steps past a sequence's length give zeros and
--- leave its state alone. Options:
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
--- The state of one cell is as the cell has it; of several, a list of theirs, directions of a layer one after the other.
--- Parameters: cell, and for further ones cell_l0_reverse, cell_l1 ... Errors: a cell that nn.cell has not made.
---@class nn.Recurrent : nn.Module
---@field cell nn.Cell
---@overload fun(cell: nn.Cell, options?: table): nn.Recurrent
local Recurrent = class("nn.Recurrent", Module)

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

-- A cell like another one.
local function another(cell, inputs, units)
  local given = scripted.arguments(cell)
  if given then return getmetatable(cell)(inputs, units, table.unpack(given, 3, given.n)) end
  local config = cell:config()
  if not config then
    core.fail("nn.Recurrent: %s cannot be made again for another layer or direction; define it by nn.cell", cell:describe())
  end
  return getmetatable(cell)(inputs, units, config.options)
end

-- The features of a step of the cell's output, from its formula or by trying.
local function width_of(cell)
  if math.type(cell.outputs) == "integer" then return cell.outputs end
  if math.type(cell.inputs) ~= "integer" then return cell.units end
  local ok, y = pcall(function()
    return core.no_grad(guard.inner(cell.step), cell, core.zeros(1, cell.inputs), cell:initial_state(1), core.ones(1, 1))
  end)
  return ok and core.is_tensor(y) and y:ndim() == 2 and y:size(2) or cell.units
end

local function rate(name, value)
  local argname = ("option '%s'"):format(name)
  value = check.number("nn.Recurrent", argname, value, 0)
  if value >= 1 then check.expected("nn.Recurrent", argname, "a number from 0 up to but not 1", value) end
  return value
end

-- The rate of each tensor of a state, or nil without zoneout.
local function zones_of(zoneout, state)
  if type(zoneout) ~= "table" then return rate("zoneout", zoneout) > 0 and zoneout or nil end
  local names, rates = names_of(state, nil, {}), {}
  for name, value in pairs(zoneout) do
    local at
    for k, known in ipairs(names) do
      if known == tostring(name) then at = k end
    end
    if not at then
      core.fail("nn.Recurrent: option 'zoneout': the state has no '%s'; it has %s", tostring(name), table.concat(names, ", "))
    end
    rates[at] = rate("zoneout", value)
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
      core.fail("nn.Recurrent: %d widths in option 'widths', but option 'layers' is %d", #options.widths, options.layers)
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
  rate("dropout", options.dropout)
  rate("recurrent_dropout", options.recurrent_dropout)
  local several = "it acts between layers, and there is one"
  check.effect(fname, options, DEFAULTS, "dropout", options.layers > 1, several)
  check.effect(fname, options, DEFAULTS, "residual", options.layers > 1, several)
  check.effect(fname, options, DEFAULTS, "merge", options.bidirectional, "it joins two directions; option "
    .. "'bidirectional' is false")
  if type(options.recompute) ~= "boolean" then check.int(fname, "option 'recompute'", options.recompute, 1) end
end

local function add_part(self, cell, k, reverse)
  local name = ("l%d%s"):format(k - 1, reverse and "_reverse" or "")
  local field = k == 1 and not reverse and "cell" or "cell_" .. name
  self[field] = cell
  local part = { field = field, name = name, reverse = reverse, plans = {}, calls = 0 }
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
  self.options, self.returns, self.layers = options, options.returns, options.layers
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
  if options.zoneout ~= 0 then zones_of(options.zoneout, cell:initial_state(1)) end
end

-- ---- one cell over all steps ----

-- A sequence's draws of random numbers, the same step by step: recurrent dropout, then zoneout of each state.
function Recurrent:_draws(states, steps, samples)
  local o, masks, shares, rates = self.options, nil, nil, nil
  if self.training and o.recurrent_dropout > 0 then
    masks = {}
    for k, t in ipairs(states) do masks[k] = core.dropout(core.ones(samples, t:size(2)), o.recurrent_dropout) end
  end
  if o.zoneout ~= 0 then
    rates = zones_of(o.zoneout, self.cell:initial_state(1)) -- a table of rates, or one for all
    shares = {}
    for k, t in ipairs(states) do
      local own = type(rates) == "table" and rates[k] or type(rates) == "number" and rates or nil
      if own and own > 0 then
        own = core.tensor(own):item() -- in working precision, so that 1 - own is the same wherever it is computed
        shares[k] = self.training and core.zeros(steps * samples, t:size(2)):bernoulli_(own) or own
      end
    end
  end
  return masks, shares
end

local function shape_text(list) -- as they would read with any number of samples
  local texts = {}
  for i, t in ipairs(list) do texts[i] = ("(N, %d)"):format(t:size(2)) end
  return table.concat(texts, ", ")
end

-- Runs the step once on formulas.
local function trace(self, cell, x, start, states, samples, lines)
  local widths = { x:size(2), 1 }
  for i, t in ipairs(states) do
    if t:ndim() ~= 2 or t:type() ~= "float" then core.fail("a state is a tensor %s, not (N, width)", check.shape(t)) end
    widths[i + 2] = t:size(2)
  end
  local step = guard.inner(cell.step)
  return core.trace(samples, widths, function(fx, ft, ...)
    local y, new = step(cell, fx, rebuild(start, { ... }), ft)
    if new == nil then core.fail("its step returned no new state (output, state)") end
    local list = flatten(new, {})
    for i = 1, math.max(#list, #states) do
      local t, was = list[i], states[i]
      if not t or not was or t:ndim() ~= 2 or t:size(1) ~= samples or t:size(2) ~= was:size(2) then
        core.fail("state %d: %s in, %s out", i, was and shape_text { was } or "nothing",
          t and (t:ndim() == 2 and t:size(1) == samples and shape_text { t } or check.shape(t)) or "nothing")
      end
    end
    if not core.is_tensor(y) or y:ndim() ~= 2 or y:size(1) ~= samples then
      core.fail("its output is %s, not a tensor (N, width)", check.describe(y))
    end
    return y, list
  end, lines)
end

local function is_number(t) return t:ndim() == 0 end

local function same_numbers(a, b)
  for i, t in ipairs(a) do
    if is_number(t) and not (t:item() == b[i]:item()) then return false end
  end
  return true
end

local UNSTEADY = "step is not the same at every time step: it runs once a call, not once a step; use t"

-- The plan of this call and its captured tensors.
local function plan_of(self, part, cell, x, start, states, samples, about)
  local made = { trace(self, cell, x, start, states, samples) }
  local t, y, new = made[1], made[2], made[3]
  for _, result in ipairs { y, table.unpack(new) } do
    if core.trace_place(t, result) == 0 then core.fail("a result of the step depends on nothing that changes; return it "
      .. "as x * 0 + ...") end
  end
  local key = core.trace_key(t, y, table.unpack(new)) .. about.key
  local captured = core.trace_captured(t)
  part.calls = part.calls + 1
  local known = part.plans[key]
  local again = known == nil or part.calls & (part.calls - 1) == 0
  if again then
    local t2, y2, new2 = trace(self, cell, x, start, states, samples, true)
    local captured2 = core.trace_captured(t2)
    if core.trace_key(t2, y2, table.unpack(new2)) .. about.key ~= key or not same_numbers(captured, captured2) then
      core.fail("%s", UNSTEADY)
    end
    if not known then
      local why
      about.trace, about.y, about.states, about.captured, about.samples = t2, y2, new2, captured2, samples
      known, why = plan.make(about)
      part.plans[key] = known
      if not known.loop and why then known.why = why end
    end
  end
  return known, captured
end

local function any_requires_grad(list)
  for _, t in ipairs(list) do
    if t:requires_grad() then return true end
  end
  return false
end

-- y (N, T, width) and the final states, by the plan; raises where there is none.
local function by_plan(self, part, cell, x, start, states, samples, steps, lengths, masks, shares)
  local state_needs, bits = {}, {}
  local records = core.recording()
  for k, t in ipairs(states) do
    state_needs[k] = records and t:requires_grad()
    bits[#bits + 1] = state_needs[k] and "1" or "0"
  end
  local about = { records = records, x_needs = records and x:requires_grad(), state_needs = state_needs,
    shifts = not (part.reverse and lengths ~= nil) }
  bits[#bits + 1] = ("%s %s %s"):format(records, about.x_needs, about.shifts)
  if shares then
    about.zoneout = {}
    for k, share in pairs(shares) do about.zoneout[k] = type(share) == "number" and share or "draw" end
    for k in ipairs(states) do bits[#bits + 1] = tostring(about.zoneout[k]) end
  end
  if masks then bits[#bits + 1] = "masks" end
  about.masks = masks
  about.key = table.concat(bits, " ")
  about.recorded = part.recorded
  local made, captured = plan_of(self, part, cell, x, start, states, samples, about)
  return plan.run(made, { steps = steps, samples = samples, x = x, states = states, captured = captured,
    reverse = part.reverse, lengths = lengths, watch = part.watch, draws = shares, masks = masks })
end

-- The same step by step, in Lua; what is no formula, and what is searched for NaN.
function Recurrent:_by_loop(part, cell, x, start, states, samples, steps, lengths, shares)
  local step, outputs, list, shortest = guard.inner(cell.step), {}, states, steps
  for _, length in ipairs(lengths and lengths:totable() or {}) do shortest = math.min(shortest, length) end
  local from, to, by = 1, steps, 1
  if part.reverse then from, to, by = steps, 1, -1 end
  for t = from, to, by do
    local y, new = step(cell, core.slice(x, 1, (t - 1) * samples + 1, t * samples), rebuild(start, list),
      core.full({ samples, 1 }, t))
    if new == nil then core.fail("%s: its step returned no new state (output, state)", cell:describe()) end
    local after = flatten(new, {})
    for k, share in pairs(shares or {}) do
      local own = type(share) == "number" and share or core.slice(share, 1, (t - 1) * samples + 1, t * samples)
      local zoned = own * list[k] + (1 - own) * after[k]
      if rawequal(y, after[k]) then y = zoned end
      after[k] = zoned
    end
    if t > shortest then
      local valid = core.reshape(core.ge(lengths, t), -1, 1)
      for k, new_state in ipairs(after) do after[k] = core.where(valid, new_state, list[k]) end
    end
    list, outputs[t] = after, y
  end
  return core.concat(outputs, 1), list
end

local said = setmetatable({}, { __mode = "k" }) -- cells' classes of which it was said

local function say(cell, why)
  local kind = getmetatable(cell)
  if said[kind] then return end
  said[kind] = true
  io.stderr:write(("%s runs step by step: %s\n"):format(cell:describe(), why))
end

-- Drops the prefix "file:12: " of a message, to say the line behind.
local function with_line(message)
  local where, line, rest = tostring(message):match "^([^\n]-):(%d+): ([^\n]*)"
  if not where then return tostring(message) end
  return ("%s (line %s of %s)"):format(rest, line, where)
end

-- Padding is 0.
local function clean(y, lengths)
  return lengths and y:with_lengths(lengths):zero_padding():without_lengths() or y
end

-- Of a layer of its own, or of nn.LSTM and the like, whose parts have cells.
local function run_cell(self, part, x, state, samples, steps, lengths)
  local cell = part.cell or self[part.field]
  local start = state
  local states = flatten(start, {})
  local masks, shares = self:_draws(states, steps, samples)
  local searching = core.check_finite()
  if samples > 0 and (not searching or masks) then
    local results = table.pack(pcall(by_plan, self, part, cell, x, start, states, samples, steps, lengths, masks, shares))
    if results[1] then return clean(results[2], lengths), rebuild(start, results[3]) end
    if self.options.compile then error(results[2], 0) end
    part.why = with_line(results[2])
  end
  if masks then
    core.fail("%s: option 'recurrent_dropout' needs a step that is a formula: %s", self:describe(),
      part.why or "there are no samples")
  end
  local y, new = self:_by_loop(part, cell, x, start, states, samples, steps, lengths, shares)
  if part.why and not searching then say(cell, part.why) end
  return clean(plan.to_batch(y, samples, steps), lengths), rebuild(start, new)
end

-- ---- forward ----

-- (N, T, ...) to (T N, ...).
local function to_steps(x) return core.transpose(x, 1, 2):reshape(x:size(1) * x:size(2), table.unpack({ x:shape() }, 3)) end

-- The output of the step that was computed last, (N, width), of y (N, T, width); 0 of an empty sequence.
local function last_of(y, part, lengths)
  if part.reverse then return core.select(y, 2, 1) end
  return lengths and y:with_lengths(lengths):last() or core.select(y, 2, -1)
end

local function merge(self, first, second)
  if not second then return first end
  if self.options.merge == "concat" then return core.concat({ first, second }, -1) end
  local sum = first + second
  return self.options.merge == "mean" and sum * 0.5 or sum
end

-- The state of each part before the first step.
local function first_states(self, state, samples)
  owner.check(self, state)
  local starts = {}
  for i, part in ipairs(self.parts) do
    local cell = self[part.field]
    local given = #self.parts == 1 and state or type(state) == "table" and state[i] or nil
    if given == nil and state ~= nil then
      core.fail("%s: expected a list of the states of %d cells, got %s", self:describe(), #self.parts, check.describe(state))
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
    y = merge(self, outputs[1], outputs[2])
    last = ends[1] and merge(self, ends[1], ends[2])
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
  if fits and math.type(inputs) == "integer" and x:type() == "float" and x:ndim() == 3 then fits = x:size(3) == inputs end
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
  local new = #self.parts == 1 and states[1] or states
  if not core.is_tensor(new) and getmetatable(new) == nil then new = setmetatable(new, State) end
  new = owner.mark(self, new)
  if self.returns == "last" then return last, new end
  return lengths and y:with_lengths(lengths) or y, new, last
end

--- recurrent:stream(x, state) -> y, state
---
--- As forward, for sequences that come in pieces, which a bidirectional layer cannot take.
function Recurrent:stream(x, state)
  if self.directions == 2 then
    core.fail("%s: stream: a bidirectional layer needs the whole sequence", self:describe())
  end
  return self:forward(x, state)
end

--- recurrent:step(x [, state [, t]]) -> y, state
---
--- One time step, for streams. Nothing is recorded; zoneout takes its expectation, dropout is off.
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
      local list, out = flatten(starts[i], {}), nil
      out, states[i] = guard.inner(cell.step)(cell, y, starts[i], number)
      local rates = self.options.zoneout ~= 0 and zones_of(self.options.zoneout, starts[i]) or nil
      if rates then
        local after = flatten(states[i], {})
        for k, was in ipairs(list) do
          local own = type(rates) == "table" and rates[k] or type(rates) == "number" and rates or 0
          if own > 0 then
            local zoned = own * was + (1 - own) * after[k]
            if rawequal(out, after[k]) then out = zoned end
            after[k] = zoned
          end
        end
        states[i] = rebuild(starts[i], after)
      end
      y = self.options.residual and i > 1 and out + y or out
    end
    local new = #self.parts == 1 and states[1] or states
    if not core.is_tensor(new) and getmetatable(new) == nil then new = setmetatable(new, State) end
    return y, owner.mark(self, new)
  end)
end

-- ---- looking inside ----

-- Cells are told apart by numbers; those of nn.LSTM and the like are small.
local watches = 1 << 20

--- recurrent:watch([on = true]) -> layer
---
--- As nn.LSTM's: has backward record what it meets, for layer:flow().
---@param on? boolean
---@return nn.Recurrent
function Recurrent:watch(on)
  if on ~= nil then check.boolean(self:describe() .. ": watch", "argument 1 (on)", on) end
  for _, part in ipairs(self.parts) do
    watches = watches + 1
    part.watch = on ~= false and watches or nil
  end
  return self
end

--- recurrent:flow() -> array of { name, figures }
---
--- As nn.LSTM's: of each cell (T, 3): the norm of the loss's gradient by the first tensor of the state, the share of
--- saturated gates (values of sigmoid in its step) and of saturated activations (tanh, ReLU). A cell that ran step by step
--- has none.
---@return { [1]: string, [2]: rnn.Tensor }[]
function Recurrent:flow()
  local found = {}
  for _, part in ipairs(self.parts) do
    local figures = part.watch and core.watched(part.watch)
    if figures then found[#found + 1] = { part.name, figures } end
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

-- For nn.LSTM and the like.
Recurrent._run_cell, Recurrent._to_steps = run_cell, to_steps

return Recurrent
