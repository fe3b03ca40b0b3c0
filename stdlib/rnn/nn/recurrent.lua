-- recurrent.lua: layers of cells, built in or a script's own: stacks, directions, dropout, states. runner.lua runs each
-- cell over the steps.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local guard = require "rnn.guard"
local option = require "rnn.option"
local Base = require "rnn.nn.recurrent_base"
local State = require "rnn.state"
local owner = State._owner
local runner = require "rnn.nn.runner"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"
local scripted = require "rnn.nn.scripted"
local Cell = require("rnn.nn.cell").Cell

--- nn.Recurrent(cell [, options])
---
--- local y, state = layer(x, state): cell:step for every time step of x (N, T, inputs), its outputs stacked, y (N, T,
--- width). The step runs once a call, on tensors without values: its formula is then computed for all steps by the
--- engine, with the same bits as step by step. A step that is no formula (it reads values, say) runs step by step,
--- which is said once. So does one that draws random numbers, from math.random too, or counts in a field of its cell.
--- Of a generator of a script's own, only what makes the formula or its numbers differ is seen: the calls before a coin
--- first falls otherwise have it fall once for all steps. A nil state is cell:initial_state(N). Steps past a sequence's
--- length give zeros and leave its state alone.
--- The state of one cell is as the cell has it; of several, a list of theirs, directions of a layer one after the
--- other. Of a cell whose step takes t it is a table with steps (N, 1) beside: how many steps each sequence has had, so
--- that a call goes on counting; one without steps is counted from 1, and so is each call of a bidirectional layer,
--- where t is the place in x. Parameters: cell, and for further ones cell_l0_reverse, cell_l1 ... Errors: a cell that
--- nn.cell has not made.
---@class nn.Recurrent : nn.RecurrentBase
---@field cell nn.Cell
---@overload fun(cell: nn.Cell, options?: nn.Recurrent.Options): nn.Recurrent
local Recurrent = class("nn.Recurrent", Base)

local flatten, rebuild, names_of = runner.flatten, runner.rebuild, runner.names_of

local OPTIONS = option.of("nn.Recurrent", Base._stacking, {
  { "widths", nil, check.table, "the units of each layer, { 128, 64 }" },
  { "zoneout", 0, option.kind("number|table", function(fname, argname, value)
    return type(value) == "table" and value or check.rate(fname, argname, value)
  end), "rate at which units keep their state (Krueger et al. 2017); { h = 0.1, c = 0.2 } by the names or numbers of a "
    .. "state that is a table" },
  { "compile", false, check.boolean, "a step that is no formula is an error" },
})

-- ---- making the layer ----

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

-- The sizes of a state (N, ...) behind the first axis.
local function behind(state) return table.unpack({ state:shape() }, 2) end

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

local function check_widths(self, options)
  if not options.widths then return end
  if options.layers == 1 then options.layers = #options.widths end
  if #options.widths ~= options.layers then
    core.fail("nn.Recurrent: %d widths in option 'widths', but option 'layers' is %d", #options.widths, options.layers)
  end
  if options.widths[1] ~= self.cell.units then
    core.fail("nn.Recurrent: option 'widths': the first cell has %s units, not %s", tostring(self.cell.units),
      tostring(options.widths[1]))
  end
end

local function add_part(self, cell, k, reverse)
  local name = ("l%d%s"):format(k - 1, reverse and "_reverse" or "")
  local field = k == 1 and not reverse and "cell" or "cell_" .. name
  self[field] = cell
  local part = { field = field, name = name, reverse = reverse, calls = 0 }
  if self.options.initial_state == "trained" then
    part.initial = {}
    local start = cell:initial_state(1)
    for i, t in ipairs(flatten(start, {})) do
      part.initial[i] = ("initial_%s_%s"):format(names_of(start, nil, {})[i], name)
      self[part.initial[i]] = parameter.new(initializers.zeros, t:shape()) -- its values, where they are no zeros:
      self[part.initial[i]]:detach():assign(t)
    end
  end
  self.parts[#self.parts + 1] = part
end

function Recurrent:init(cell, options)
  if not class.is_a(cell, Cell) then
    check.expected("nn.Recurrent", "argument 1 (cell)", "a cell, made by nn.cell", cell)
  end
  self.cell, self.given = cell, scripted.copy(options) -- a script may go on with its table
  options = OPTIONS:read(options)
  check_widths(self, options)
  Base._check_stacking(OPTIONS, options, options.layers)
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
function Recurrent:_draws(states, steps, samples)
  local o, masks, shares = self.options, nil, nil
  if self.training and o.recurrent_dropout > 0 then
    masks = {}
    for k, t in ipairs(states) do masks[k] = core.dropout(core.ones(samples, behind(t)), o.recurrent_dropout) end
  end
  for k, t in ipairs(states) do
    local own = self.zones[k]
    if own then
      shares = shares or {}
      shares[k] = self.training and core.zeros(steps * samples, behind(t)):bernoulli_(own) or own
    end
  end
  return masks, shares
end

-- ---- forward ----

-- The output of the step that was computed last, (N, width), of y (N, T, width); 0 of an empty sequence. A copy, that
-- keeps no other steps alive.
local function last_of(y, part, lengths)
  local of_all = lengths and not part.reverse
  return core.concat({ of_all and y:with_lengths(lengths):last() or core.select(y, 2, part.reverse and 1 or -1) }, 1)
end

-- Does the layer count the steps of a sequence?
function Recurrent:_counts() return self.directions == 1 and self.cell:_takes_t() end

-- A state without its steps; and these, (N, 1).
local function split_steps(self, state, samples)
  state = owner.take(self, state)
  if not self:_counts() then return state end
  local steps = type(state) == "table" and state.steps
  if not steps then return state, core.zeros(samples, 1) end
  if not core.is_tensor(steps) or steps:type() ~= "float" or steps:ndim() ~= 2 or #steps ~= samples then
    core.fail("%s: expected steps (%d, 1) in a state, got %s", self:describe(), samples, check.describe(steps))
  end
  local bare = {}
  for key, value in pairs(state) do bare[key] = key ~= "steps" and value or nil end
  return bare, steps:detach()
end

-- The state of each part before the first step; where the layer counts, the steps that there have been, (N, 1).
local function first_states(self, state, samples)
  local starts, counted = {}
  state, counted = split_steps(self, state, samples)
  for i, part in ipairs(self.parts) do
    local cell = self[part.field]
    local given = #self.parts == 1 and state or type(state) == "table" and state[i] or nil
    if given == nil and state ~= nil then
      core.fail("%s: expected a list of the states of %d cells, got %s", self:describe(), #self.parts,
        check.describe(state))
    end
    if given == nil and part.initial then
      local list = {}
      for k, name in ipairs(part.initial) do list[k] = self[name]:broadcast_to(samples, behind(self[name])) end
      given = rebuild(cell:initial_state(1), list)
    end
    starts[i] = cell:begin(given, samples)
    if not pcall(flatten, starts[i], {}) then
      local entry = starts[i]
      for k, value in pairs(type(entry) == "table" and entry or {}) do
        if not core.is_tensor(value) and type(value) ~= "table" then
          core.fail("%s: expected a state of tensors, got %s in entry %s", self:describe(), check.describe(value),
            tostring(k))
        end
      end
      core.fail("%s: expected a state of tensors, got %s", self:describe(), check.describe(entry))
    end
  end
  return starts, counted
end

-- Behind it working precision has not every whole number.
local MOST_STEPS <const> = core.precision == "double" and 1 << 53 or 1 << 24

-- The states of the parts as the layer gives them, counted beside.
local function state_of(self, states, counted)
  local new = #self.parts == 1 and states[1] or states
  if counted then
    new = core.is_tensor(new) and { new } or rebuild(new, flatten(new, {}))
    if new.steps then
      core.fail("%s: a state of a cell whose step takes t has no 'steps' of its own", self:describe())
    end
    if #counted > 0 and counted:max():item() >= MOST_STEPS then
      core.fail("%s: t has reached %d, and what comes behind are not all whole numbers; begin with a new state",
        self:describe(), MOST_STEPS)
    end
    new.steps = counted
  end
  if not core.is_tensor(new) and getmetatable(new) == nil then new = setmetatable(new, State) end
  return owner.mark(self, new)
end

--- recurrent:initial_state(batch) -> list of the states of its cells before a first step, (batch, width) each
---
--- One for each layer and direction. Errors: a cell that has none.
---@param batch integer
---@return table
function Recurrent:initial_state(batch)
  return (first_states(self, nil, check.int("nn.Recurrent:initial_state", "argument 1 (batch)", batch, 0)))
end

-- All layers over x (N, T, ...); y likewise, the new states and the last outputs.
local function run_layers(self, x, starts, lengths, counted)
  local states, y, last = {}, x, nil
  for k = 1, self.layers do
    local input, outputs, ends = y, {}, {}
    if k > 1 and self.training and self.options.dropout > 0 then input = core.dropout(input, self.options.dropout) end
    for direction = 1, self.directions do
      local i = (k - 1) * self.directions + direction
      local part = self.parts[i]
      outputs[direction], states[i] = runner.run(self, part, self[part.field], input, starts[i], lengths, counted)
      if k == self.layers and self.returns ~= "sequence" then
        ends[direction] = last_of(outputs[direction], self.parts[i], lengths)
      end
    end
    y, last = outputs[1], ends[1]
    if self.directions == 2 then y, last = self:_merge(y, outputs[2]), last and self:_merge(last, ends[2]) end
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
  local _ <close> = self.training and self._undo_draws() or nil
  local lengths = x:lengths()
  local starts, counted = first_states(self, state, x:size(1))
  local y, states, last = run_layers(self, x, starts, lengths, counted)
  local new = state_of(self, states, counted and counted + (lengths and lengths:reshape(-1, 1) or x:size(2)))
  if lengths then y = y:with_lengths(lengths) end
  if self.heard then self:_tell(y, #states == 1 and states[1] or states) end
  if self.returns == "last" then return last, new end
  return y, new, last
end

--- recurrent:step(x [, state [, t]]) -> y, state
---
--- One time step, for streams. Nothing is recorded; zoneout takes its expectation, dropout is off. Errors: a
--- bidirectional layer; a state that another layer made; in training mode, while ops are recorded, an x or a state with
--- a history.
---@param x rnn.Tensor (N, inputs)
---@param state? any what step or forward gave
---@param t? integer the number of the step, from 1, for cells that take it; nil: the one after those of the state
---@return rnn.Tensor y (N, width)
---@return any state
function Recurrent:step(x, state, t)
  if self.directions == 2 then
    core.fail("%s: step: a bidirectional layer needs the whole sequence", self:describe())
  end
  check.tensor(self:describe() .. ":step", "argument 1 (x)", x)
  owner.check_stream(self, x, state)
  return core.no_grad(function()
    local samples = x:size(1)
    local starts, counted = first_states(self, state, samples)
    local number, states, y = t and core.full({ samples, 1 }, t) or counted and counted + 1, {}, x
    for i, part in ipairs(self.parts) do
      local out
      out, states[i] = runner.step(self, self[part.field], y, starts[i], number)
      y = self.options.residual and i > 1 and out + y or out
    end
    return y, state_of(self, states, counted and number)
  end)
end

-- Its cells, with the states before a first step of one sample.
function Recurrent:_cells()
  local starts, list = first_states(self, nil, 1), {}
  for i, part in ipairs(self.parts) do list[i] = { part, self[part.field], starts[i] } end
  return list
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
