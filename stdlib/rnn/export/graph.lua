-- graph.lua: a model as stages, for programs that run elsewhere. A stage goes over the steps of a sequence; its graph
-- says what one step computes, from one row to one row.
--
-- A value of a graph is a table with a kind: "x" (the row of the step: width numbers, or an id), "t" (the number of the
-- step), "state" (index), "constant" (tensor), "number" (value), or "op" (op, inputs, numbers, integers). width is the
-- number of its columns. op "part" is the columns from .. of its input, counted from 0.
--
-- Stages: { kind = "forward", graph [, reach, stride, padding] } (the last three of a convolution that is not causal),
-- { kind = "both", graph, backward, merge, last }, { kind = "last" }, { kind = "repeat", steps }, { kind = "pool" or
-- "pool all", layer, how }, how "max" or "mean"; and for who wants them so (about.whole), { kind = "layer", layer,
-- parts, residual, last }: an nn.Conv1d, or a layer of recurrent ones, of which parts are the directions, as
-- layer:_cells gives them.

local core = require "rnn.core"
local guard = require "rnn.guard"
local nest = require "rnn.nest"

local graph = {}

-- ---- values ----

local function number(value) return { kind = "number", value = value, width = 1 } end

local function constant(tensor)
  local dims = { tensor:shape() }
  return { kind = "constant", tensor = tensor:detach(), dims = dims, width = dims[#dims] or 1, count = tensor:count() }
end

local function op(name, inputs, width, fields)
  local value = fields or {}
  value.kind, value.op, value.inputs, value.width = "op", name, inputs, width
  value.numbers, value.integers = value.numbers or {}, value.integers or {}
  return value
end
graph.op, graph.number, graph.constant = op, number, constant

local function part(value, from, width)
  if from == 0 and width == value.width then return value end
  return op("part", { value }, width, { from = from })
end

--- graph.order(g) -> the values that its results need, inputs first
function graph.order(g)
  local list, seen = {}, {}
  local function visit(value)
    if not value or seen[value] then return end
    seen[value] = true
    for _, input in ipairs(value.inputs or {}) do visit(input) end
    list[#list + 1] = value
  end
  visit(g.y)
  for _, value in ipairs(g.new) do visit(value) end
  return list
end

-- ---- a model under construction ----

local Builder = {}
Builder.__index = Builder

-- Does a layer become a stage of its own?
function Builder.whole() return false end

function Builder:refuse(format, ...)
  core.fail("%s: %s: %s", self.fname, self.layer:describe(), format:format(...))
end

-- A new graph for rows of that width, or for ids.
function Builder:open(width, ids)
  local x = { kind = "x", width = width, ids = ids }
  self.graph = { x = x, states = {}, start = {}, new = {} }
  self.value = x
  return self.graph
end

-- The stage at hand, if it does anything.
function Builder:close(fields)
  local g = self.graph
  g.y = self.value
  if g.y ~= g.x or #g.states > 0 then
    local stage = fields or {}
    stage.kind, stage.graph = "forward", g
    self.stages[#self.stages + 1] = stage
  end
end

-- A further stage that is no graph, and a new graph behind it.
function Builder:put(stage, width)
  self.stages[#self.stages + 1] = stage
  self:open(width or self.value.width)
end

function Builder:state(start)
  local g = self.graph
  local k = #g.states + 1
  g.states[k] = { kind = "state", index = k, width = start:size(2) }
  g.start[k] = start:detach()
  return g.states[k]
end

-- ---- the step of a cell ----

local function flatten(state, list)
  if core.is_tensor(state) then list[#list + 1] = state
  else
    for _, key in ipairs(nest.keys(state)) do flatten(state[key], list) end
  end
  return list
end

local function rebuild(template, list, at)
  if core.is_tensor(template) then
    at[1] = at[1] + 1
    return list[at[1]]
  end
  local result = {}
  for _, key in ipairs(nest.keys(template)) do result[key] = rebuild(template[key], list, at) end
  return result
end

-- What a traced op is here; others keep their names.
local function read_node(self, node, inputs, values)
  local dims = node.dims
  local width = dims[#dims]
  local rows = 1
  for i = 1, #dims - 1 do rows = rows * dims[i] end
  if rows ~= 1 then
    self:refuse("%s: %s gives a tensor of %d axes, which one row of numbers cannot be", node.line, node.op, #dims)
  end
  if node.op == "reshape" then return values[node.inputs[1]] end
  if node.op == "slice" then
    if node.integers[1] ~= #dims - 1 then return values[node.inputs[1]] end
    if node.integers[4] ~= 1 then self:refuse("%s: a slice with a stride", node.line) end
    return part(inputs[1], node.integers[2] - 1, width)
  end
  local fields = { numbers = node.numbers, integers = node.integers, each = node.each, line = node.line }
  return op(node.op, inputs, width, fields)
end

--- Builder:cell(cell, x, start, zones) -> y: the step of a cell on a value, whose states go into the graph.
function Builder:cell(cell, x, start, zones)
  local states, alone = flatten(start, {}), core.is_tensor(start)
  local step = guard.inner(cell.step)
  local ok, t, y, new = pcall(core.trace, 1, { x.width, 1, table.unpack(states) }, function(fx, ft, ...)
    return step(cell, fx, alone and ... or rebuild(start, { ... }, { 0 }), ft)
  end, true)
  if not ok then self:refuse("its step is no formula: %s", tostring(t)) end
  if new == nil then self:refuse("its step returned no new state") end
  local after = flatten(new, {})
  if not core.trace_results(t, y, after) then self:refuse("its step gives states or an output of other shapes") end
  local nodes, own, values = core.trace_nodes(t), {}, { x, { kind = "t", width = 1 } }
  for k, state in ipairs(states) do
    own[k] = self:state(state)
    values[2 + k] = own[k]
  end
  local captured = {}
  for k, tensor in ipairs((core.trace_captured(t))) do captured[k] = constant(tensor) end
  for place = 3 + #states, #nodes do
    local node, inputs = nodes[place], {}
    for i, input in ipairs(node.inputs) do
      inputs[i] = input > 0 and values[input] or input < 0 and captured[-input] or false
    end
    while #inputs > 0 and not inputs[#inputs] do inputs[#inputs] = nil end
    values[place] = read_node(self, node, inputs, values)
  end
  local output = values[core.trace_place(t, y)]
  for k, tensor in ipairs(after) do
    local value, rate = values[core.trace_place(t, tensor)], zones and zones[k]
    if rate then -- the expectation of zoneout
      local w = value.width
      local zoned = op("add", { op("mul", { number(rate), own[k] }, w, { each = true }),
        op("mul", { number(1 - rate), value }, w, { each = true }) }, w, { each = true })
      if output == value then output = zoned end
      value = zoned
    end
    self.graph.new[own[k].index] = value
  end
  return output
end

-- ---- layers ----

local function each(name, value, fields)
  fields = fields or {}
  fields.each = true
  return op(name, { value }, value.width, fields)
end

local function pair(name, a, b) return op(name, { a, b }, a.width, { each = true }) end

local function linear(x, weight, bias)
  return op("linear", { x, constant(weight), bias and constant(bias) }, weight:size(1))
end

-- The rows of a sequence are needed: behind the last one of them there is none.
function Builder:sequence()
  if self.is_last then self:refuse("it needs a sequence, and the layer before it gives the last step alone") end
end

-- From here on there is one row, the last; pending: as long as no stage has picked it.
function Builder:last(pending) self.is_last, self.pending = true, pending end

local function both(self, k, entries, residual)
  local layer, input = self.layer, self.value
  self:close()
  local stage = { kind = "both", merge = layer.merge }
  local width = input.width
  for d, name in ipairs { "graph", "backward" } do
    local g = self:open(width)
    local entry = entries[d]
    g.y = self:cell(entry[2], g.x, entry[3], layer.zones)
    self.parts[#self.parts + 1] = { graph = g, first = 1 }
    stage[name] = g
  end
  local out = stage.graph.y.width * (layer.merge == "concat" and 2 or 1)
  local top = k == layer.layers
  if residual then stage.residual = true end
  if top and layer.returns ~= "sequence" then
    if residual then self:refuse("option 'residual' with two directions and returns = 'last'") end
    if layer.returns == "both" then self:refuse("returns = 'both'") end
    stage.last = true
    self:last(false)
  end
  self:put(stage, out)
end

-- Layer k of recurrent ones as it is.
local function keep(self, k, entries, residual)
  local layer = self.layer
  local top = k == layer.layers
  local stage = { kind = "layer", layer = layer, parts = entries, residual = residual }
  stage.last = top and layer.returns == "last" and (layer.directions == 2 or not residual)
  if stage.last and residual then self:refuse("option 'residual' with two directions and returns = 'last'") end
  if top and layer.returns == "both" then self:refuse("returns = 'both'") end
  if top and layer.returns == "last" then self:last(not stage.last) end
  self:close()
  self:put(stage, (k < layer.layers and layer.widths[k] or layer.units)
    * (layer.directions == 2 and layer.merge == "concat" and 2 or 1))
end

local function recurrent(self, layer)
  self:sequence()
  self.parts = {} -- where the states of its parts are
  local cells = layer:_cells(true)
  local whole = self.whole(layer)
  for k = 1, layer.layers do
    local input = self.value
    local residual = k > 1 and layer.options.residual
    if whole then
      local d = layer.directions
      keep(self, k, { table.unpack(cells, d * (k - 1) + 1, d * k) }, residual)
    elseif layer.directions == 2 then
      both(self, k, { table.unpack(cells, 2 * k - 1, 2 * k) }, residual)
    else
      local entry = cells[k]
      self.parts[k] = { graph = self.graph, first = #self.graph.states + 1 }
      self.value = self:cell(entry[2], input, entry[3], layer.zones)
      if residual then self.value = pair("add", self.value, input) end
    end
  end
  if layer.directions == 1 and not whole then
    if layer.returns == "both" then self:refuse("returns = 'both'; 'sequence' and 'last' can be exported") end
    if layer.returns == "last" then self:last(true) end
    if self.apart then
      self:close()
      self:open(self.value.width)
    end
  end
end

local lower = {}

lower["nn.RNN"], lower["nn.LSTM"], lower["nn.GRU"], lower["nn.Recurrent"] = recurrent, recurrent, recurrent, recurrent

lower["nn.Sequential"] = function(self, layer)
  for i = 1, #layer do self:lower(layer[i]) end
end
lower["nn.TimeDistributed"] = function(self, layer)
  self:sequence()
  local states = #self.graph.states
  self:lower(layer.module)
  self.layer = layer
  if #self.graph.states > states or self.is_last then self:refuse("its module is more than a function of one row") end
end
lower["nn.Dropout"] = function() end
lower["nn.Linear"] = function(self, layer) self.value = linear(self.value, layer.weight, layer.bias) end
lower["nn.Embedding"] = function(self, layer)
  if not self.value.ids then self:refuse("it takes ids, and there are none at this place of the model") end
  self.value = op("embedding", { self.value, constant(layer.weight) }, layer.dim)
end
lower["nn.LayerNorm"] = function(self, layer)
  self.value = op("layer_norm", { self.value, constant(layer.weight), constant(layer.bias) }, self.value.width,
    { numbers = { layer.epsilon } })
end
lower["nn.BatchNorm"] = function(self, layer)
  local scale = {}
  for i, variance in ipairs(layer.running_var:totable()) do scale[i] = 1 / math.sqrt(variance + layer.epsilon) end
  local y = pair("mul", pair("sub", self.value, constant(layer.running_mean)), constant(core.tensor(scale)))
  self.value = pair("add", pair("mul", y, constant(layer.weight)), constant(layer.bias))
end

for class, name in pairs { Tanh = "tanh", Sigmoid = "sigmoid", HardSigmoid = "hard_sigmoid", ReLU = "relu",
  ELU = "elu", SELU = "selu", GELU = "gelu", SiLU = "silu", Softplus = "softplus", Softsign = "softsign" } do
  lower["nn." .. class] = function(self) self.value = each(name, self.value) end
end
lower["nn.LeakyReLU"] = function(self, layer)
  self.value = each("leaky_relu", self.value, { numbers = { layer.slope } })
end
for class, name in pairs { Softmax = "softmax", LogSoftmax = "log_softmax" } do
  lower["nn." .. class] = function(self)
    self.value = op(name, { self.value }, self.value.width, { integers = { 1 } })
  end
end

lower["nn.Conv1d"] = function(self, layer)
  self:sequence()
  if self.whole(layer) then
    self:close()
    return self:put({ kind = "layer", layer = layer }, layer.filters)
  end
  local reach, width = (layer.kernel - 1) * layer.dilation, layer.inputs
  local causal = layer.padding == "causal" and layer.stride == 1
  if not causal then
    self:close()
    self:open(self.value.width, self.value.ids)
  end
  local x, seen = self.value, self.value
  if reach > 0 then -- the state is the rows before, the oldest first
    local state = self:state(core.zeros(1, reach * width))
    seen = op("concat", { state, x }, (reach + 1) * width, { integers = { 1 } })
    self.graph.new[state.index] = part(seen, width, reach * width)
  end
  if layer.dilation > 1 and layer.kernel > 1 then
    local taps = {}
    for k = 1, layer.kernel do taps[k] = part(seen, (k - 1) * layer.dilation * width, width) end
    seen = op("concat", taps, layer.kernel * width, { integers = { 1 } })
  end
  local weight = layer.weight:detach():permute(1, 3, 2):reshape(layer.filters, layer.kernel * width)
  self.value = linear(seen, weight, layer.bias)
  if layer.activation then self.value = each(layer.activation, self.value) end
  if not causal then
    self:close { reach = reach, stride = layer.stride, padding = layer.padding }
    self:open(layer.filters)
  end
end

-- The largest or the mean of windows, or of all steps.
for class, how in pairs { MaxPool1d = "max", AvgPool1d = "mean" } do
  lower["nn." .. class] = function(self, layer)
    self:sequence()
    self:close()
    self:put { kind = "pool", layer = layer, how = how }
  end
  lower["nn.Global" .. class] = function(self, layer)
    self:sequence()
    self:close()
    self:put { kind = "pool all", layer = layer, how = how }
    self:last(false)
  end
end

lower["nn.RepeatVector"] = function(self, layer)
  self:close()
  if self.pending then self.stages[#self.stages + 1] = { kind = "last" } end
  self.is_last, self.pending = false, false
  self:put({ kind = "repeat", steps = layer.steps })
end

lower["nn.Reservoir"] = function(self, layer)
  self:sequence()
  local x = self.value
  local h = self:cell(layer:_cell(), x, core.zeros(1, layer.units))
  self.value = h
  if layer.outputs then
    local seen = op("concat", { h, x }, layer.units + layer.inputs, { integers = { 1 } })
    self.value = linear(seen, layer.weight_out, layer.bias_out)
  end
end

-- How a layer is lowered, or an error.
function Builder:way(layer)
  local f = lower[getmetatable(layer).__name]
  self.layer = layer
  if not f then
    self:refuse("there is no way to export this layer; a step of one's own can be, as a cell (nn.cell)")
  end
  return f
end

function Builder:lower(layer) self:way(layer)(self, layer) end

-- Refuses a model with a layer that cannot be exported, before anything is asked of the others.
function Builder:look(layer)
  local name = getmetatable(layer).__name
  self:way(layer)
  for i = 1, name == "nn.Sequential" and #layer or 0 do self:look(layer[i]) end
  if name == "nn.TimeDistributed" then self:look(layer.module) end
end

-- Refuses a scaler of other columns than there are; a single one, as of a factor, fits any.
function Builder:scaler(name, scaler, width, ids)
  local n = scaler and #scaler.scale
  if n and ids then self:refuse("option '%s': the model takes ids, which have no scale", name) end
  if n and n ~= 1 and n ~= width then
    self:refuse("option '%s': the scaler has %d columns, the model %s %d", name, n,
      name == "scaler" and "takes" or "gives", width)
  end
  return scaler
end

-- The features that a model's first layer takes; those that do not say it give as many as they take.
local function width_of(layer)
  if getmetatable(layer).__name == "nn.Sequential" then
    local width
    for i = 1, #layer do width = width or width_of(layer[i]) end
    return width
  end
  if getmetatable(layer).__name == "nn.TimeDistributed" then return width_of(layer.module) end
  return layer.inputs or layer.features
end

--- graph.of(fname, model, about) -> { stages, x, width, last, streams }
---
--- about: inputs (the features of a step, where the model does not say it), scaler (of inputs), target_scaler (what the
--- outputs were scaled by), whole (layer -> does it become a stage of its own? With it, what follows a cell is a
--- further stage as well). streams: a single stage, that runs step by step. Errors: a layer that cannot be exported.
function graph.of(fname, model, about)
  model:_in_float(fname)
  local self = setmetatable({ fname = fname, stages = {}, layer = model, whole = about.whole, apart = about.whole },
    Builder)
  self:look(model)
  self.layer = model
  local ids = model:input_type() == "int32"
  local width = ids and 1 or width_of(model) or about.inputs
  if not width then self:refuse("its first layer does not say how many features a step has; give option 'inputs'") end
  local x = self:open(width, ids).x
  return core.no_grad(function()
    local scaler = self:scaler("scaler", about.scaler, width, ids)
    if scaler then
      self.value = pair("div", pair("sub", self.value, constant(scaler.shift)), constant(scaler.scale))
    end
    self:lower(model)
    self.layer = model
    scaler = self:scaler("target_scaler", about.target_scaler, self.value.width)
    if scaler then
      self.value = pair("add", pair("mul", self.value, constant(scaler.scale)), constant(scaler.shift))
    end
    local only = #self.stages == 0
    self:close()
    if #self.stages == 0 then self:refuse("it computes nothing") end
    if not only and self.pending then self.stages[#self.stages + 1] = { kind = "last" } end
    return { stages = self.stages, x = x, width = self.value.width, last = self.is_last or false,
      streams = only and #self.stages == 1 }
  end)
end

-- ---- encoders and decoders of ids ----

-- The graph of f(builder) on rows of a width, or on ids.
local function alone(self, width, ids, f)
  local g = self:open(width, ids)
  f(self)
  g.y = self.value
  return g
end

-- Where the state of a decoder's layers comes from: { graph, index } of the encoder's directions, in order.
local function sources_of(parts, source, slots, directions)
  local before, list = 0, {}
  for _, slot in ipairs(slots) do
    if slot == source or slot.layer == source.layer and slot.name == source.name then break end
    if slot.layer == source.layer then before = before + 1 end
  end
  for d = 1, directions do
    local at = parts[(source.layer - 1) * directions + d]
    list[d] = { graph = at.graph, index = at.first + before }
  end
  return list
end

--- graph.translator(fname, model) -> { stages, x, width, decoder }: of an nn.Seq2Seq
---
--- stages lead to the memory. decoder: step (id -> h of the top layer), start and stop, head (features or h -> logits),
--- bridges { graph, from, to } of first states, and with attention keys (row of memory -> key), query (h -> what it
--- asks with, or nil), energy (constant, or nil), feeds (is what attention found a state of step, its last one?).
function graph.translator(fname, model)
  model:_in_float(fname)
  local self = setmetatable({ fname = fname, stages = {}, layer = model }, Builder)
  local encoder, decoder = model.encoder, model.decoder
  if decoder.outputs then self:refuse("a decoder of numbers cannot be exported; one of ids can") end
  return core.no_grad(function()
    local x = self:open(encoder.embed and 1 or encoder.inputs, encoder.embed ~= nil).x
    if encoder.embed then self:lower(encoder.embed) end
    self:lower(encoder.recurrent)
    self:close()
    local parts, slots = self.parts, require "rnn.nn.layers".slots(encoder.recurrent)
    local d = { start = decoder.start, stop = decoder.stop, vocab = decoder.embed.vocab, units = decoder.units,
      bridges = {}, memory = encoder.outputs }
    d.step = alone(self, 1, true, function()
      self:lower(decoder.embed)
      local fed
      if decoder.input_feeding then
        local embedded, width = self.value, decoder.units
        fed = self:state(core.zeros(1, width))
        self.graph.new[fed.index] = fed
        self.value = op("concat", { embedded, fed }, embedded.width + width, { integers = { 1 } })
      end
      self:lower(decoder.recurrent)
    end)
    d.feeds = decoder.input_feeding
    local first = d.feeds and 1 or 0
    for i, entry in ipairs(model.plan) do
      local bridge = model.bridge[entry.name]
      local b = { from = sources_of(parts, entry.source, slots, encoder.recurrent.directions), to = first + i,
        width = entry.source.size }
      b.graph = bridge and alone(self, entry.source.size, false, function()
        self.layer = model
        self.value = linear(self.value, bridge.weight, bridge.bias)
        if entry.squash then self.value = each("tanh", self.value) end
      end)
      d.bridges[i] = b
    end
    local attention = decoder.attention
    if attention then
      local function through(layer)
        return alone(self, layer.weight:size(2), false, function() self:lower(layer) end)
      end
      d.keys, d.query = through(attention.key), attention.query and through(attention.query)
      d.energy = attention.energy and constant(attention.energy.weight)
    end
    d.head = alone(self, attention and d.memory + d.units or d.units, false, function()
      if attention then
        self:lower(decoder.combine)
        self.value = each("tanh", self.value)
        if d.feeds then self.graph.new[self:state(core.zeros(1, d.units)).index] = self.value end
      end
      if decoder.output then self:lower(decoder.output)
      else
        if decoder.project then self:lower(decoder.project) end
        self.value = linear(self.value, decoder.embed.weight, decoder.bias)
      end
    end)
    return { stages = self.stages, x = x, width = d.vocab, decoder = d }
  end)
end

-- ---- weights of 8 bits ----

-- A matrix (rows, columns) as integers of -127 to 127, and what 1 is in each row: an integer from 1 to 127 times a
-- number.
local function quantised(weight)
  local size = weight:abs():max(2)
  local unit = core.tensor(math.max(size:max():item(), 1e-30) / (127 * 127)):item()
  local scale = (size / (127 * unit)):ceil():clamp(1, 127)
  local q, steps = constant((weight / (scale * unit):reshape(-1, 1)):round():clamp(-127, 127)), constant(scale)
  q.bytes, steps.bytes = true, true
  return q, steps, number(unit)
end

--- graph.quantise(stages): matrices become integers of 8 bits with a scale for each row: linear(x, W, b) =
--- fma(linear(x, Q), scale, b).
function graph.quantise(stages)
  for _, stage in ipairs(stages) do
    for _, g in ipairs { stage.graph, stage.backward } do
      for _, value in ipairs(graph.order(g)) do
        local w = value.op and value.inputs[2]
        if value.op == "linear" or value.op == "matmul" then
          local q, steps, unit = quantised(value.op == "matmul" and w.tensor:transpose(1, 2) or w.tensor)
          local product = op("linear", { value.inputs[1], q }, value.width)
          local scale, bias = op("mul", { steps, unit }, value.width, { each = true }), value.inputs[3]
          value.op, value.each, value.inputs = bias and "fma" or "mul", true, { product, scale, bias }
        elseif value.op == "embedding" then
          local q, steps, unit = quantised(w.tensor)
          local row = op("embedding", { value.inputs[1], q }, value.width)
          local scale = op("embedding", { value.inputs[1], constant(steps.tensor:reshape(-1, 1)) }, 1)
          scale.inputs[2].bytes = true
          value.op, value.each = "mul", true
          value.inputs = { row, op("mul", { scale, unit }, 1, { each = true }) }
        end
      end
    end
  end
end

return graph
