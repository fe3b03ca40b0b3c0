-- recurrent_base.lua: what nn.RNN, nn.LSTM and nn.GRU share: options, parameters, stacks, directions. nn.Recurrent has
-- streams, the outputs of two directions and looking inside from here. The engine runs one layer in one direction;
-- with options that it has no pass for, a cell of the zoo (rnn.cells) with the layer's parameters runs in its place, as
-- a formula. Everything around is composed here from ordinary ops. The layers' own files say the formulas. The same
-- formulas in ordinary ops stand in cell.lua; the tests hold one against the other.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local owner = require "rnn.state"._owner
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"
local scripted = require "rnn.nn.scripted"

local step = core.step()

-- A derived class sets cell (the engine's name of it), gates and states (tensors of state of a layer).
---@class nn.RecurrentBase: nn.Module
local Base = class("nn.RecurrentBase", Module)

local activation = option.one_of { "tanh", "relu", "sigmoid", "hard_sigmoid", "softsign", "leaky_relu", "selu",
  "identity" }

-- Options of every layer of cells, nn.Recurrent too.
Base._stacking = {
  { "layers", 1, option.int(1, 32), "layers, each on the outputs of the one before" },
  { "bidirectional", false, check.boolean, "further cells read backwards (Schuster, Paliwal 1997)" },
  { "merge", "concat", option.one_of { "concat", "sum", "mean" }, "how two directions are joined" },
  { "returns", "sequence", option.one_of { "sequence", "last", "both" }, "the outputs of all steps; of each "
    .. "sequence's last one alone, (N, outputs); or both: y, state, last" },
  { "residual", false, check.boolean, "adds the input of each layer but the first to its output" },
  { "dropout", 0, check.rate, "rate between layers" },
  { "recurrent_dropout", 0, check.rate, "rate of the states in products, one mask for all steps (Gal, Ghahramani "
    .. "2016)" },
  { "zoneout", 0, check.rate, "rate at which units keep their h (Krueger et al. 2017)" },
  { "initial_state", "zeros", option.one_of { "zeros", "trained" }, "the state before the first step" },
  { "recompute", false, option.or_boolean(option.int(1)), "runs segments again in backward, of that many steps or of "
    .. "the square root of T: less memory (Chen et al. 2016)" },
}

-- Further ones of nn.RNN, nn.LSTM and nn.GRU.
Base._common = {
  { "layer_norm", false, check.boolean, "normalises the sums inside the cell (Ba et al. 2016)" },
  { "weight_dropout", 0, check.rate, "rate at which elements of weight_hh are left out, the same for all steps of a "
    .. "batch (Wan et al. 2013, DropConnect; Merity et al. 2018, AWD-LSTM)" },
  { "activation", "tanh", activation, "of the new values" },
  { "kernel", "glorot_uniform", parameter.initializer, "first values of weight_ih" },
  { "recurrent", "orthogonal", parameter.initializer, "first values of weight_hh" },
}
Base._gate_activation = { "recurrent_activation", "sigmoid", activation, "of the gates" }

-- Raises where options of stacks or directions have no effect.
function Base._check_stacking(declaration, options, layers)
  local several = "it acts between layers, and there is one"
  declaration:effect(options, "dropout", layers > 1, several)
  declaration:effect(options, "residual", layers > 1, several)
  declaration:effect(options, "merge", options.bidirectional, "it joins two directions; option 'bidirectional' is "
    .. "false")
end

-- The widths of the layers: one number for all of them, or a table with one for each.
local function widths_of(fname, units, layers)
  if type(units) ~= "table" then
    local widths = {}
    for k = 1, layers do widths[k] = check.int(fname, "argument 2 (units)", units, 1) end
    return widths
  end
  if layers > 1 and layers ~= #units then
    core.fail("%s: %d widths in argument 2 (units), but option 'layers' is %d", fname, #units, layers)
  end
  check.int(fname, "the number of widths in argument 2 (units)", #units, 1, 32)
  local widths = {}
  for k, width in ipairs(units) do
    widths[k] = check.int(fname, ("width %d of argument 2 (units)"):format(k), width, 1)
  end
  return widths
end

-- ---- parts: one layer in one direction ----

-- The engine has passes of its own for these layers as they are; with any of these options they run as formulas.
local function is_variant(self, options)
  return options.layer_norm or options.peepholes or options.coupled or (options.projection or 0) > 0
    or options.reset == "before" or options.recurrent_dropout > 0 or options.zoneout > 0
    or (options.zoneout_cell or 0) > 0 or (options.recurrent_activation or "sigmoid") ~= "sigmoid"
    or not (options.activation == "tanh" or options.activation == "relu" and self.cell == "rnn")
end

-- A cell of the zoo whose parameters are those of a layer: as cell.layer has them with its suffix.
local View = {}
function View.__index(view, name)
  local layer, full = rawget(view, "layer"), name .. rawget(view, "suffix")
  return layer.dropped and layer.dropped[full] or layer[full]
end

-- The cell of a part.
local function cell_of(self, part)
  if part.cell then return part.cell end
  local kind = require("rnn.cells." .. (self.cell == "rnn" and "elman" or self.cell))
  local suffix = "_" .. part.name
  local view = { layer = self, suffix = suffix, inputs = part.inputs, units = part.units, outputs = part.width,
    step = guard.inner(kind.step), describe = function() return self:describe() end }
  function view.named_tensors()
    local list = {}
    for i, name in ipairs(part.names) do list[i] = { name:sub(1, -1 - #suffix), self[name] } end
    return list
  end
  part.cell = setmetatable(view, View)
  guard.inner(kind._prepare)(view, self.options)
  return view
end

-- The rates of zoneout of h and c that are not 0, in working precision: 1 - rate is the same wherever it is computed.
local function zones_of(h, c)
  local zones = {}
  for k, rate in ipairs { h, c } do zones[k] = rate > 0 and core.tensor(rate + 0.0):item() or nil end
  return zones
end

-- A part has the names of its parameters in the engine's order, and what else the engine wants (description), if it has
-- a pass for it.
local function new_part(self, options, k, inputs, units, reverse)
  local width = options.projection and options.projection > 0 and options.projection or units
  local place = ("l%d%s"):format(k - 1, reverse and "_reverse" or "")
  local part = { name = place, width = width, units = units, inputs = inputs, reverse = reverse, names = {}, calls = 0 }
  local suffix = "_" .. place
  local function add(name, fill, ...)
    self[name .. suffix] = parameter.new(fill, ...)
    part.names[#part.names + 1] = name .. suffix
  end
  local rows = (options.coupled and 3 or self.gates) * units
  add("weight_ih", options.kernel, rows, inputs)
  add("weight_hh", options.recurrent, rows, width)
  add("bias_ih", initializers.zeros, rows)
  add("bias_hh", initializers.zeros, rows)
  -- Where both biases are added to the same sum, one says it all, and training both would only double its learning
  -- rate. The second stays for weights from PyTorch: a constant of 0. The GRU needs it where it is reset with U h.
  if self.cell ~= "gru" or options.reset == "before" then self[part.names[4]]:requires_grad(false) end
  if options.layer_norm then
    add("gain_ih", initializers.ones, rows)
    add("gain_hh", initializers.ones, rows)
    if self.states == 2 then
      add("gain_c", initializers.ones, units)
      add("bias_c", initializers.zeros, units)
    end
  end
  if options.peepholes then add("peephole", initializers.zeros, 3, units) end
  if options.projection and options.projection > 0 then add("weight_hr", options.kernel, width, units) end
  part.sizes = self.states == 2 and { width, units } or { width }
  if not is_variant(self, options) then
    part.description = { cell = self.cell, units = units, reverse = reverse, activation = options.activation }
  end
  if options.initial_state == "trained" then
    part.initial = { "initial_h" .. suffix, self.states == 2 and "initial_c" .. suffix or nil }
    for i, name in ipairs(part.initial) do self[name] = parameter.new(initializers.zeros, 1, part.sizes[i]) end
  end
  return part
end

-- declaration: the options of the derived class.
function Base:_build(inputs, units, given, declaration)
  local fname = getmetatable(self).__name
  self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
  self.given = scripted.copy(given) -- a script may go on with its table
  local options = declaration:read(given)
  self.widths = widths_of(fname, units, options.layers)
  self.layers, self.units = #self.widths, self.widths[#self.widths]
  self.returns, self.merge, self.recompute = options.returns, options.merge, options.recompute
  Base._check_stacking(declaration, options, self.layers)
  self.activation, self.dropout, self.residual = options.activation, options.dropout, options.residual
  self.options, self.zones = options, zones_of(options.zoneout, options.zoneout_cell)
  self.directions = options.bidirectional and 2 or 1
  self.parts = {}
  local width = self.inputs
  for k, layer_units in ipairs(self.widths) do
    local part
    for direction = 1, self.directions do
      part = new_part(self, options, k, width, layer_units, direction == 2)
      self.parts[#self.parts + 1] = part
    end
    local made = part.width * (self.directions == 2 and self.merge == "concat" and 2 or 1)
    if self.residual and k > 1 and made ~= width then
      core.fail("%s: option 'residual': layer %d makes %d features of %d, so they cannot be added", fname, k, made,
        width)
    end
    width = made
  end
  self.outputs = width
  return options
end

--- Base._chrono(options, units) -> tensor (units), or nil without the option chrono
---
--- Gate biases log(u), u uniform in 1..chrono - 1: a unit with such a bias forgets within about u steps.
function Base._chrono(options, units)
  if options.chrono == nil then return nil end
  return (core.rand(units) * (options.chrono - 2) + 1):log()
end

-- ---- state ----

local function describe_state(state)
  if type(state) ~= "table" or #state == 0 then return check.describe(state) end
  local shapes = {}
  for i, t in ipairs(state) do shapes[i] = check.describe(t) end
  return table.concat(shapes, ", ")
end

-- The state as an array of tensors, checked. One tensor will do where there is one.
local function given_state(self, state, batch)
  owner.check(self, state)
  local tensors = core.is_tensor(state) and { state } or state
  local fits, i = type(tensors) == "table", 0
  for _, part in ipairs(self.parts) do
    for _, size in ipairs(part.sizes) do
      i = i + 1
      local t = fits and tensors[i]
      fits = fits and core.is_tensor(t) and t:ndim() == 2 and t:size(1) == batch and t:size(2) == size
    end
  end
  if fits and #tensors == i then return tensors end
  local wanted = {}
  for _, part in ipairs(self.parts) do
    for _, size in ipairs(part.sizes) do wanted[#wanted + 1] = ("(%d, %d)"):format(batch, size) end
  end
  core.fail("%s: expected a state of %d tensor%s %s, got %s", self:describe(), i, i == 1 and "" or "s",
    table.concat(wanted, ", "), describe_state(state))
end

local function state_of(self, part, state, first, batch)
  if state then return { state[first], part.sizes[2] and state[first + 1] or nil } end
  local start = {}
  for i, name in ipairs(part.initial) do start[i] = self[name]:broadcast_to(batch, part.sizes[i]) end
  return start
end

-- ---- forward ----

-- The outputs of two directions as one.
function Base:_merge(forwards, backwards)
  if self.merge == "concat" then return core.concat({ forwards, backwards }, -1) end
  local sum = forwards + backwards
  return self.merge == "mean" and sum * 0.5 or sum
end

-- A sequence's draws, numbered as the engine's once were: recurrent dropout of h; zoneout of h, then of c, or of none.
function Base:_draws(states, steps, samples)
  local rate, zones, masks, shares = self.options.recurrent_dropout, self.zones, nil, {}
  if self.training and rate > 0 then masks = { core.dropout(core.ones(samples, states[1]:size(2)), rate) } end
  for k = 1, next(zones) and 2 or 0 do
    local draws = self.training and core.ones(steps * samples, (states[k] or states[1]):size(2))
    local share = draws and core.dropout(draws, zones[k] or 0):eq(0)
    if zones[k] then shares[k] = share or zones[k] end
  end
  return masks, next(shares) and shares
end

-- The state of a part as its cell has it.
local function state_of_cell(part, state, samples)
  local list = {}
  for i, size in ipairs(part.sizes) do list[i] = state and state[i] or core.zeros(samples, size) end
  return part.sizes[2] and list or list[1]
end

local last_step

-- A part of a layer over x by its cell's formula: the outputs and the new state.
local function run_formula(self, part, x, state, returns)
  local samples, steps, lengths = x:size(1), x:size(2), x:lengths()
  local y, new = core.zeros(samples, steps, part.width), state_of_cell(part, state, samples)
  if samples > 0 and steps > 0 then
    y, new = require "rnn.nn.runner".run(self, part, cell_of(self, part), x, new, lengths)
  end
  if lengths then y = y:with_lengths(lengths) end
  new = part.sizes[2] and new or { new }
  if returns == "last" then -- the output is the state h, and no gradient of the others' zeros goes back
    y = steps > 0 and core.concat({ new[1] }, 1) or last_step(y)
    if lengths then y = y * lengths:gt(0):reshape(samples, 1) end
  end
  return y, new
end

-- The same by the engine.
local function run_engine(self, part, x, state, returns)
  local description, weights = part.description, {}
  description.returns, description.watch = returns, part.watch
  -- √T segments of √T steps hold least; a number says how long they are.
  description.recompute = self.recompute == true and math.ceil(math.sqrt(x:size(2))) or self.recompute or 0
  for i, name in ipairs(part.names) do weights[i] = self.dropped and self.dropped[name] or self[name] end
  return core.recurrent(description, x, weights, state)
end

-- The recurrent weights of a batch in training, some of their elements left out.
local function dropped_of(self)
  local dropped = {}
  for _, part in ipairs(self.parts) do
    dropped[part.names[2]] = core.dropout(self[part.names[2]], self.options.weight_dropout)
  end
  return dropped
end

-- Layer k over x, all directions; the new states are appended to states.
local function run_layer(self, k, x, state, states, returns)
  local outputs = {}
  for direction = 1, self.directions do
    local part = self.parts[(k - 1) * self.directions + direction]
    local own = (state or part.initial) and state_of(self, part, state, #states + 1, x:size(1)) or nil
    local run = part.description and not part.recorded and run_engine or run_formula
    local y, new = run(self, part, x, own, returns)
    outputs[direction] = y
    for _, t in ipairs(new) do states[#states + 1] = t end
  end
  return self.directions == 1 and outputs[1] or self:_merge(outputs[1], outputs[2])
end

-- The output of each sequence's last valid step, a copy: y (N, T, H) -> (N, H).
function last_step(y)
  local lengths, steps = y:lengths(), y:size(2)
  if steps == 0 then return core.zeros(y:size(1), y:size(3)) end
  if not lengths then return core.concat({ y:select(2, steps) }, 1) end
  local at = core.one_hot(lengths, steps):reshape(y:size(1), steps, 1)
  return (y:without_lengths() * at):sum(2)
end

local function forward(self, x, state)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= self.inputs then
    core.fail("%s: expected input (N, T, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  if state ~= nil then state = given_state(self, state, x:size(1)) end
  local states, y, last = {}, x, nil
  for k = 1, self.layers do
    local top, input = k == self.layers, y
    if k > 1 and self.training and self.dropout > 0 then input = core.dropout(input, self.dropout) end
    local add = self.residual and k > 1
    -- The engine can give the last output alone; where the residual is added, it is taken afterwards.
    local only_last = top and self.returns == "last" and not add
    y = run_layer(self, k, input, state, states, only_last and "last" or "sequence")
    if add then y = y + input end
    if top and not only_last and self.returns ~= "sequence" then
      -- Backwards, the step computed last is the first one.
      last = self.directions == 1 and last_step(y) or self:_last_of_directions(states, y, add and input)
    end
  end
  setmetatable(states, owner.kind(self))
  if self.heard then self:_tell(y, states) end
  if self.returns == "last" then return last or y, states end
  return y, states, last
end

--- lstm:forward(x [, state]) -> y, state [, last]
---
--- The same for nn.RNN, nn.LSTM and nn.GRU. A nil state is the zero state, or the trained one. Steps past a sequence's
--- length give zeros and leave its state alone. Errors: a state that another layer made, which nn.State(state) hands
--- over.
---@param x rnn.Tensor (N, T, inputs)
---@param state? nn.State|rnn.Tensor[]
---@return rnn.Tensor y (N, T, outputs), or with returns = "last" the output of each sequence's last step (N, outputs)
---@return nn.State state after the last step
---@return rnn.Tensor? last with returns = "both": the output of each sequence's last step, (N, outputs)
function Base:forward(x, state)
  local o = self.options
  local draws = self.training and (next(self.zones) or o.dropout + o.recurrent_dropout + o.weight_dropout > 0)
  local _ <close> = draws and self._undo_draws() or nil
  if not self.training or o.weight_dropout == 0 then return forward(self, x, state) end
  rawset(self, "dropped", dropped_of(self))
  return core.finally(self:describe(), function() rawset(self, "dropped", nil) end, forward, self, x, state)
end

--- lstm:stream(x, state) -> y, state
---
--- As forward, for sequences that come in pieces, which a bidirectional layer cannot take.
function Base:stream(x, state)
  if self.directions == 2 then
    core.fail("%s: stream: a bidirectional layer needs the whole sequence", self:describe())
  end
  return self:forward(x, state)
end

-- Of two directions the outputs that each computed last: their final h, merged; plus, with residual, the input there.
function Base:_last_of_directions(states, y, added)
  local n = #states
  local forwards, backwards = states[n - 2 * self.states + 1], states[n - self.states + 1]
  local lengths = y:lengths()
  if lengths then -- the last output of an empty sequence is 0, not its initial state
    local any = lengths:gt(0):reshape(#lengths, 1)
    forwards, backwards = forwards * any, backwards * any
  end
  local last = self:_merge(forwards, backwards)
  return added and last + last_step(added) or last
end

-- ---- one step at a time ----

-- The state before a first step: given, zeros, or what was trained.
local function first_state(self, given, batch)
  local start = setmetatable({}, owner.kind(self))
  for _, part in ipairs(self.parts) do
    local own = (given or part.initial) and state_of(self, part, given, #start + 1, batch)
    for k, size in ipairs(part.sizes) do start[#start + 1] = own and own[k] or core.zeros(batch, size) end
  end
  return start
end

-- The parts with their cells, nil for a pass of the engine unless all are asked for, and the states before a first step
-- of one sample.
function Base:_cells(all)
  local start, list, at = first_state(self, nil, 1), {}, 0
  for i, part in ipairs(self.parts) do
    local own = { table.unpack(start, at + 1, at + #part.sizes) }
    list[i] = { part, (all or not part.description) and cell_of(self, part) or nil, state_of_cell(part, own) }
    at = at + #own
  end
  return list
end

local function step_of_cells(self, x, start)
  local states, at = {}, 0
  for i, part in ipairs(self.parts) do
    local before = { table.unpack(start, at + 1, at + #part.sizes) }
    local y, new = require "rnn.nn.runner".step(self, cell_of(self, part), x, state_of_cell(part, before))
    for k, t in ipairs(part.sizes[2] and new or { new }) do states[at + k] = t end
    at = at + #before
    x = self.residual and i > 1 and y + x or y
  end
  return x, setmetatable(states, owner.kind(self))
end

--- lstm:step(x [, state [, into]]) -> y, state
---
--- One time step, for streams: the same for nn.RNN, nn.LSTM and nn.GRU. Nothing is recorded: nn.GRUCell and its like
--- are for training step by step. y and state are new each time: any number of streams may go through one layer.
--- Zoneout takes its expectation, dropout is off. With into, a state that step gave, often the same, its tensors are
--- overwritten instead, and y is the last h among them (with residual still a new one): a step makes no memory. Errors:
--- a state that another layer made; in training mode, while ops are recorded, an x or a state with a history.
---@param x rnn.Tensor (N, inputs)
---@param state? nn.State|rnn.Tensor[] what step or forward gave; nil: the zero state, or the trained one
---@param into? nn.State of the same batch, which step or forward gave
---@return rnn.Tensor y (N, units)
---@return nn.State state
function Base:step(x, state, into)
  if self.directions == 2 then
    core.fail("%s: step: a bidirectional layer needs the whole sequence", self:describe())
  end
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 2 or x:size(2) ~= self.inputs then
    core.fail("%s: step: expected input (N, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  owner.check_stream(self, x, state)
  local start = first_state(self, state ~= nil and given_state(self, state, #x), #x)
  if into ~= nil and not owner.is_of(self, into) then
    core.fail("%s: step: argument 3 (into): expected a state that this layer made, got %s", self:describe(),
      check.describe(into))
  end
  if into ~= nil then given_state(self, into, #x) end
  local y, new
  if self.parts[1].description then
    y, new = step(self, x, start)
    if not y then
      core.stepper(self, self.parts, #x, owner.kind(self), self.residual) -- another batch, or weights that changed
      y, new = step(self, x, start)
    end
  else
    y, new = core.no_grad(step_of_cells, self, x, start)
  end
  if into == nil then return y, new end
  for i, t in ipairs(into) do t:assign(new[i]) end
  return self.residual and self.layers > 1 and y or into[#into - self.states + 1], into
end
Base.step = core.step(Base.step) -- in the middle of a stream it is a single call

--- lstm:hear(f [, on = true])
---
--- From now on forward gives its outputs and the new state to f(y, state) as well, with their history: what penalties
--- of rnn.fit and rnn.monitor look at; false ends it. y is (N, T, outputs), or (N, outputs) of a layer that computes no
--- more. The same for nn.RNN, nn.LSTM, nn.GRU and nn.Recurrent. Errors: an f that is no function.
---@param f fun(y: rnn.Tensor, state: any)
---@param on? boolean
function Base:hear(f, on)
  check.callback(self:describe() .. ": hear", "argument 1 (f)", f)
  if on ~= nil then check.boolean(self:describe() .. ": hear", "argument 2 (on)", on) end
  local list = {}
  for _, other in ipairs(self.heard or {}) do
    if other ~= f then list[#list + 1] = other end
  end
  if on ~= false then list[#list + 1] = f end
  rawset(self, "heard", list[1] and list or nil)
end

-- Who hears or watches the layer does not hear or watch its copy, and the cells look at the parameters of the layer.
function Base:_cloned()
  rawset(self, "heard", nil)
  for _, part in ipairs(self.parts) do part.cell, part.watch, part.watched = nil, nil, nil end
end

-- Tells all who hear.
function Base:_tell(y, state)
  for _, f in ipairs(self.heard) do f(y, state) end
end

-- Layers are told apart by numbers.
local watches = 0

--- lstm:watch([on = true]) -> layer
---
--- Has backward record what it meets in each layer and direction, for layer:flow(): the same for nn.RNN, nn.LSTM,
--- nn.GRU and nn.Recurrent. It costs a pass over the gates in backward; off, nothing. rnn.monitor does this at chosen
--- steps.
---@param on? boolean
---@return nn.RecurrentBase
function Base:watch(on)
  if on ~= nil then check.boolean(self:describe() .. ": watch", "argument 1 (on)", on) end
  for _, part in ipairs(self.parts) do
    watches = watches + 1
    part.watch = on ~= false and watches or nil
  end
  return self
end

--- lstm:flow() -> array of { name, figures }
---
--- What the last backward pass met, for each watched layer and direction (name "l0", "l0_reverse", ...): figures
--- (T, 3), for each step the norm of the loss's gradient by h_t over the batch, the share of saturated gates (sigmoid
--- below 0.05 or above 0.95) and of saturated activations (tanh beyond 0.95, ReLU at 0). Reading takes it away; a layer
--- that ran several times before shows its last pass. Of nn.Recurrent h is the first tensor of the cell's state, gates
--- are the sigmoids in its step. Empty without a backward pass, and for a cell that ran step by step.
---@return { [1]: string, [2]: rnn.Tensor }[]
function Base:flow()
  local found = {}
  for _, part in ipairs(self.parts) do
    local figures = part.watch and core.watched(part.watch)
    if part.watched then -- of segments
      local list = {}
      for _, from in ipairs(nest.keys(part.watched)) do list[#list + 1] = part.watched[from] end
      part.watched, figures = {}, list[1] and core.concat(list, 1)
    end
    if figures then found[#found + 1] = { part.name, figures } end
  end
  return found
end

--- lstm:record(names) -> layer
---
--- From the next forward on, layer:recorded() has the values over time of the local variables of the cell's step that
--- have these names, as they are when it returns: layer:record { "f", "c" } for a step with local f = ...; nil ends it.
--- What a forget gate keeps and erases: plot.matrix(layer:recorded().f[1]:transpose(1, 2), { title = "f" }).
--- The step must end in return y, state. nn.LSTM has the names of cells.LSTM (i f g o c h), nn.GRU those of cells.GRU
--- (r z n h), nn.RNN that of cells.Elman (h), and runs as a formula meanwhile, with the same bits. Errors, of
--- forward: a name that is no local variable with a row for each sample.
---@param names? string[]
---@return nn.RecurrentBase
function Base:record(names)
  names = require "rnn.nn.locals".names(self:describe() .. ": record", names)
  for _, part in ipairs(self.parts) do part.recorded, part.taken = names, nil end
  return self
end

--- lstm:recorded() -> table of tensors by name
---
--- What layer:record asked for, (N, T, width) each, at the last forward, without history; 0 behind the end of a
--- sequence. With several layers or directions the names end in theirs: f_l0, f_l0_reverse, f_l1. Errors: no forward
--- since layer:record.
---@return table<string, rnn.Tensor>
function Base:recorded()
  local found = {}
  for _, part in ipairs(self.parts) do
    if not part.taken then
      core.fail("%s: recorded: nothing is recorded; layer:record { \"h\" }, then a forward", self:describe())
    end
    for name, values in pairs(part.taken) do found[#self.parts > 1 and name .. "_" .. part.name or name] = values end
  end
  return found
end

--- lstm:explain() -> text
---
--- How each cell runs, in lines of less than 100 columns: what is computed once a call, before the loop, in it
--- (products with a common left side, and which elementwise instructions make one pass), behind it; what is kept for
--- backward, with bytes for each sample and step; the lines of the script that each comes from; or why a step is no
--- formula. It is traced for it as it is now, with gradients and lengths as at the last call: print(layer:explain()).
--- nn.RNN, nn.LSTM and nn.GRU without further options run in passes of the engine that are written by hand. A cell has
--- it, too: cell:explain().
---@return string
function Base:explain()
  local list = { self:describe() }
  for _, entry in ipairs(self:_cells()) do
    local part, cell, state = table.unpack(entry, 1, 3)
    if cell then require "rnn.nn.runner".explain(self, part, cell, state, list)
    else list[#list + 1] = ("%s: a pass of the engine%s"):format(part.name, part.reverse and ", backwards" or "") end
  end
  return table.concat(list, "\n") .. "\n"
end

function Base:describe()
  local widths = table.concat(self.widths, ", ")
  local text = ("%s(%d -> %s"):format(getmetatable(self).__name, self.inputs, self.widths[self.layers] == self.widths[1]
    and tostring(self.units) or "{" .. widths .. "}")
  if self.layers > 1 then text = text .. (", layers = %d"):format(self.layers) end
  if self.directions == 2 then text = text .. (", bidirectional") end
  if self.activation ~= "tanh" then text = text .. (", activation = %q"):format(self.activation) end
  if self.returns ~= "sequence" then text = text .. (", returns = %q"):format(self.returns) end
  return text .. ")"
end

function Base:config()
  local options = {}
  for key, value in pairs(self.given or {}) do
    if type(value) ~= "function" then options[key] = value end -- how weights once started is no part of a model
  end
  local same = true
  for _, width in ipairs(self.widths) do same = same and width == self.units end
  options.layers = self.layers
  local args = { self.inputs, same and self.units or self.widths }
  return { class = getmetatable(self).__name, args = args, options = options }
end

return Base
