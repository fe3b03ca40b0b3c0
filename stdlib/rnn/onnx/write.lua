-- write.lua: stages (export/graph.lua) as nodes of ONNX, opset 17. Over whole sequences a stage without a state is
-- nodes that know nothing of time; layers that ONNX has are one node; what else has a state is a Scan. Step by step,
-- all is one graph from a row and states to a row and states.

local core = require "rnn.core"
local graph = require "rnn.export.graph"
local recurrent = require "rnn.onnx.recurrent"
local schema = require "rnn.onnx.schema"

local FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9

local Writer = {}
Writer.__index = Writer

-- ---- nodes and constants ----

local function attribute(name, value)
  local kind = math.type(value)
  local field = kind == "integer" and "i" or kind == "float" and "f" or type(value) == "string" and "s"
  if not field then
    local first = value[1]
    field = value.node and "g" or type(first) == "string" and "strings" or math.type(first) == "float" and "floats"
      or "ints"
  end
  return { name = name, [field] = value, type = schema.attribute[field] }
end

function Writer:fresh(hint)
  self.count = self.count + 1
  return ("%s_%d"):format(hint, self.count)
end

-- self:node { "Concat", a, b, axis = 0 } -> name of its output. mark begins the node's name, outs are how many outputs
-- there are, or their names; with several a list of them is returned.
function Writer:node(n)
  local name = self:fresh(n.mark or n[1]:lower())
  local outputs = type(n.outs) == "table" and n.outs or {}
  for i = 1, math.type(n.outs) == "integer" and n.outs or 1 do
    outputs[i] = outputs[i] or (i == 1 and name or ("%s_%d"):format(name, i))
  end
  local attributes, keys = {}, {}
  for key in pairs(n) do
    if type(key) == "string" and key ~= "mark" and key ~= "outs" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for i, key in ipairs(keys) do attributes[i] = attribute(key, n[key]) end
  self.nodes[#self.nodes + 1] = { op_type = n[1], name = name, input = { table.unpack(n, 2) }, output = outputs,
    attribute = attributes }
  return n.outs and outputs or outputs[1]
end

-- An initializer; what has the same key is there once.
function Writer:initializer(key, hint, fields)
  local known = self.known[key]
  if known then return known end
  local name = self:fresh(hint)
  fields.name = name
  self.known[key] = name
  self.initializers[#self.initializers + 1] = fields
  return name
end

function Writer:tensor(t, hint)
  return self:initializer(t, hint or "constant", { dims = { t:shape() }, data_type = FLOAT,
    raw_data = core.tensor_bytes(t) })
end

-- A table of something made of a tensor, once for each.
function Writer:made_of(t, what, hint, f)
  self.made[what] = self.made[what] or {}
  self.made[what][t] = self.made[what][t] or f(t)
  return self:tensor(self.made[what][t], hint)
end

function Writer:number(value)
  value = value + 0.0
  return self:initializer(("f%a"):format(value), "number", { dims = {}, data_type = FLOAT,
    raw_data = ("<f"):pack(value) })
end

local function integers(self, values, dims, type)
  local format = type == INT32 and "<i4" or "<i8"
  local packed = {}
  for i, n in ipairs(values) do packed[i] = format:pack(n) end
  return self:initializer(("i%d %d %s"):format(type, #dims, table.concat(values, " ")), "shape",
    { dims = dims, data_type = type, raw_data = table.concat(packed) })
end
function Writer:integers(...) return integers(self, { ... }, { select("#", ...) }, INT64) end
function Writer:integer(n, type) return integers(self, { n }, {}, type or INT64) end

-- ---- shapes ----

-- The sizes of axes from .. to - 1 of a value, counted from 0, as a vector.
function Writer:size(name, from, to) return self:node { "Shape", name, start = from, ["end"] = to } end

-- A tensor (1, width) for each of the batch.
function Writer:for_batch(name, width)
  local shape = self:node { "Concat", self:size(self.batch, 0, 1), self:integers(width), axis = 0 }
  return self:node { "Expand", name, shape }
end

-- (N, T, 1), bool: is a step within its sequence?
function Writer:mask(value)
  local key = value.name
  if not self.masks[key] then
    local steps = self:node { "Squeeze", self:size(value.name, 1, 2), self:integers(0) }
    local places = self:node { "Range", self:integer(0), steps, self:integer(1) }
    local lengths = self:node { "Cast", value.lengths, to = INT64 }
    local mask = self:node { "Less", places, self:node { "Unsqueeze", lengths, self:integers(1) } }
    self.masks[key] = self:node { "Unsqueeze", mask, self:integers(2) }
  end
  return self.masks[key]
end

-- ---- states ----

-- The next state, from start (1, width): its name before, and a function that takes its name after.
function Writer:state(start)
  local k, width = #self.states + 1, start:size(2)
  if not self.stated then return self:for_batch(self:tensor(start), width), function() end end
  local state = { name = ("state_%d"):format(k), width = width, start = start }
  self.states[k] = state
  return state.name, function(name) state.after = self:node { "Identity", name, outs = { "new_state_" .. k } }[1] end
end

local function is_zero(t) return t:count() == 0 or t:abs():max():item() == 0 end

-- ---- ops of a step ----

local function plain(name) return function(w, _, ...) return w:node { name, ... } end end
local function compare(name)
  return function(w, _, a, b) return w:node { "Cast", w:node { name, a, b }, to = FLOAT } end
end
local function reduce(name)
  return function(w, _, a) return w:node { name, a, axes = { -1 }, keepdims = 1 } end
end

local ops = {
  add = plain "Add", sub = plain "Sub", mul = plain "Mul", div = plain "Div", neg = plain "Neg", exp = plain "Exp",
  log = plain "Log", tanh = plain "Tanh", sigmoid = plain "Sigmoid", sqrt = plain "Sqrt", abs = plain "Abs",
  relu = plain "Relu", elu = plain "Elu", softplus = plain "Softplus", softsign = plain "Softsign",
  erf = plain "Erf", sin = plain "Sin", cos = plain "Cos", floor = plain "Floor", ceil = plain "Ceil",
  sign = plain "Sign", reciprocal = plain "Reciprocal", round = plain "Round", maximum = plain "Max",
  minimum = plain "Min", selu = plain "Selu",
  eq = compare "Equal", lt = compare "Less", le = compare "LessOrEqual", gt = compare "Greater",
  ge = compare "GreaterOrEqual", logical_and = plain "Mul", logical_or = plain "Max",
  mean = reduce "ReduceMean", max = reduce "ReduceMax", min = reduce "ReduceMin",
  sum = function(w, _, a) return w:node { "ReduceSum", a, w:integers(-1), keepdims = 1 } end,
  square = function(w, _, a) return w:node { "Mul", a, a } end,
  rsqrt = function(w, _, a) return w:node { "Reciprocal", w:node { "Sqrt", a } } end,
  silu = function(w, _, a) return w:node { "Mul", a, w:node { "Sigmoid", a } } end,
  log1p = function(w, _, a) return w:node { "Log", w:node { "Add", a, w:number(1) } } end,
  expm1 = function(w, _, a) return w:node { "Sub", w:node { "Exp", a }, w:number(1) } end,
  log_sigmoid = function(w, _, a) return w:node { "Neg", w:node { "Softplus", w:node { "Neg", a } } } end,
  leaky_relu = function(w, v, a) return w:node { "LeakyRelu", a, alpha = v.numbers[1] + 0.0 } end,
  hard_sigmoid = function(w, _, a) return w:node { "HardSigmoid", a, alpha = 1 / 6, beta = 0.5 } end,
  ne = function(w, _, a, b) return w:node { "Cast", w:node { "Not", w:node { "Equal", a, b } }, to = FLOAT } end,
  logical_not = function(w, _, a) return w:node { "Sub", w:number(1), a } end,
  where = function(w, _, m, a, b) return w:node { "Where", w:node { "Cast", m, to = BOOL }, a, b } end,
  fma = function(w, _, a, b, c)
    return w:node { "Add", w:node { "Mul", a, b, mark = "fma" }, c, mark = "fma" }
  end,
  clamp = function(w, v, a)
    local low, high = v.numbers[1], v.numbers[2]
    return w:node { "Clip", a, low > -math.huge and w:number(low) or "", high < math.huge and w:number(high) or nil }
  end,
  mod = function(w, _, a, b)
    local whole = w:node { "Floor", w:node { "Div", a, b } }
    return w:node { "Sub", a, w:node { "Mul", whole, b } }
  end,
  floor_div = function(w, _, a, b) return w:node { "Floor", w:node { "Div", a, b } } end,
  gelu = function(w, _, a) -- x (1 + erf(x / sqrt 2)) / 2
    local erf = w:node { "Erf", w:node { "Mul", a, w:number(math.sqrt(0.5)) } }
    return w:node { "Mul", a, w:node { "Mul", w:node { "Add", erf, w:number(1) }, w:number(0.5) } }
  end,
  is_finite = function(w, _, a)
    local bad = w:node { "Or", w:node { "IsNaN", a }, w:node { "IsInf", a } }
    return w:node { "Cast", w:node { "Not", bad }, to = FLOAT }
  end,
  concat = function(w, _, ...) return w:node { "Concat", axis = -1, ... } end,
  softmax = function(w, _, a) return w:node { "Softmax", a, axis = -1 } end,
  log_softmax = function(w, _, a) return w:node { "LogSoftmax", a, axis = -1 } end,
  part = function(w, v, a)
    return w:node { "Slice", a, w:integers(v.from), w:integers(v.from + v.width), w:integers(-1) }
  end,
  layer_norm = function(w, v, a, gain, bias)
    return w:node { "LayerNormalization", a, gain, bias, axis = -1, epsilon = v.numbers[1] + 0.0 }
  end,
}

local function transposed(t) return t:transpose(1, 2):copy() end
local function with_zero(t) return core.concat({ core.zeros(1, t:size(2)), t }, 1) end

function ops.linear(w, v, x, _, bias)
  local weight = v.inputs[2].tensor
  if bias and w.rows then return w:node { "Gemm", x, w:tensor(weight, "weight"), bias, transB = 1, mark = "linear" } end
  local y = w:node { "MatMul", x, w:made_of(weight, "transposed", "weight", transposed), mark = "linear" }
  return bias and w:node { "Add", y, bias, mark = "linear" } or y
end
function ops.matmul(w, v, x)
  return w:node { "MatMul", x, w:tensor(v.inputs[2].tensor, "weight"), mark = "linear" }
end
-- Id 0 is padding: a row of zeros.
function ops.embedding(w, v, x)
  return w:node { "Gather", w:made_of(v.inputs[2].tensor, "with zero", "weight", with_zero), x, axis = 0,
    mark = "embedding" }
end

function Writer:refuse(value, format, ...) -- luacheck: no self
  core.fail("onnx.save: %s%s: %s", value.line and value.line ~= "" and value.line .. ": " or "", value.op,
    format:format(...))
end

local WEIGHTED = { linear = true, matmul = true, embedding = true }

local function check(self, v)
  if not ops[v.op] then self:refuse(v, "this operation cannot be exported") end
  local over_last = { softmax = true, log_softmax = true, concat = true }
  if over_last[v.op] and v.integers[1] ~= 1 then self:refuse(v, "along another axis than the last") end
  local w = WEIGHTED[v.op] and v.inputs[2]
  if w and (w.kind ~= "constant" or #w.dims ~= 2) then self:refuse(v, "a product of two values that both change") end
end

-- The nodes of a step's graph: names of x, of the states and of the number of the step -> names of y and of new states.
-- rows: x is (N, width), and not (N, T, width).
function Writer:graph(g, x, states, t, rows)
  local names, varies = {}, {}
  self.rows = rows
  for _, v in ipairs(graph.order(g)) do
    if v.kind == "x" then names[v], varies[v] = x, true
    elseif v.kind == "state" then names[v], varies[v] = states[v.index], true
    elseif v.kind == "t" then names[v], varies[v] = t, self.stated and t ~= "t"
    elseif v.kind == "number" then names[v] = self:number(v.value)
    elseif v.kind == "constant" then
      names[v] = function() return self:tensor(v.tensor) end -- not every one is there as it is
    else
      check(self, v)
      local inputs = {}
      for i, input in ipairs(v.inputs) do
        local used = not (WEIGHTED[v.op] and i == 2)
        local name = input and used and names[input] or nil
        inputs[i] = type(name) == "function" and name() or name or ""
        varies[v] = varies[v] or input and varies[input]
      end
      while inputs[#inputs] == "" do inputs[#inputs] = nil end
      if v.op == "concat" then -- what is the same for all has to be there for each
        for i, input in ipairs(v.inputs) do
          if not varies[input] and rows then inputs[i] = self:for_batch(inputs[i], input.width) end
        end
      end
      names[v] = ops[v.op](self, v, table.unpack(inputs))
    end
  end
  local function result(v)
    local name = type(names[v]) == "function" and names[v]() or names[v]
    return varies[v] and name or self:for_batch(name, v.width)
  end
  local new = {}
  for k, v in ipairs(g.new) do new[k] = result(v) end
  return result(g.y), new
end

local function needs_t(g)
  for _, v in ipairs(graph.order(g)) do
    if v.kind == "t" then return true end
  end
end

-- ---- stages over whole sequences ----
-- A value: name, steps (of (N, T, width) what T is called, or its number; of (N, width) nil), lengths, width.

local stages = {}

local function named(name) return { name = name, type = { tensor = { elem_type = FLOAT, shape = {
  dim = { { param = "N" }, { param = "W" } } } } } } end

-- A graph with states, in one direction; its outputs (N, T, width).
local function scan(self, g, value, backwards)
  local outer, body = self.nodes, {}
  local states, done, inputs, before = {}, {}, { "Scan" }, {}
  local starts, asks = { table.unpack(g.start) }, needs_t(g)
  local counts = asks and self.stated -- then the steps that there have been are a state
  if counts then starts[#starts + 1] = core.zeros(1, 1) end
  for k, start in ipairs(starts) do
    inputs[1 + k], done[k] = self:state(start)
    before[k] = self:fresh "before"
    states[k] = named(before[k])
  end
  local axes, t, mask, count = {}, nil, nil, #starts
  local body_inputs = { table.unpack(states) }
  local function stream(name, hint, axis, type)
    local inner = self:fresh(hint)
    inputs[#inputs + 1], axes[#axes + 1] = name, axis
    local info = named(inner)
    if type then info.type.tensor.elem_type = type end
    body_inputs[#body_inputs + 1] = info
    return inner, info
  end
  if asks and not counts then
    local steps = self:node { "Squeeze", self:size(value.name, 1, 2), self:integers(0) }
    steps = self:node { "Cast", steps, to = FLOAT }
    local places = self:node { "Range", self:number(1), self:node { "Add", steps, self:number(1) }, self:number(1) }
    t = stream(self:node { "Reshape", places, self:integers(-1, 1, 1) }, "t", 0)
  end
  if value.lengths then mask = stream(self:mask(value), "valid", 1, BOOL) end
  local x, info = stream(value.name, "row", 1, g.x.ids and INT64 or nil)
  if g.x.ids then info.type.tensor.shape = { dim = { { param = "N" } } } end
  -- the batch is that of the row: an outer name would do, but not every run-time looks there
  self.nodes = body
  local batch = self.batch
  self.batch = x
  if counts then t = self:node { "Add", before[count], self:number(1) } end
  local y, new = self:graph(g, x, before, t, true)
  if counts then new[count] = t end
  local zero = mask and self:number(0)
  for k, name in ipairs(new) do
    new[k] = self:node { mask and "Where" or "Identity", mask or name, mask and name, mask and before[k] }
  end
  y = self:node { mask and "Where" or "Identity", mask or y, mask and y, zero }
  self.nodes, self.batch = outer, batch
  local outputs = {}
  for k, name in ipairs(new) do outputs[k] = named(name) end
  outputs[#outputs + 1] = named(y)
  inputs.body = { node = body, name = self:fresh "step", input = body_inputs, output = outputs }
  inputs.num_scan_inputs, inputs.scan_input_axes, inputs.scan_output_axes = #axes, axes, { 1 }
  if backwards then
    inputs.scan_input_directions, inputs.scan_output_directions = {}, { 1 }
    for i = 1, #axes do inputs.scan_input_directions[i] = 1 end
  end
  inputs.outs = count + 1
  local results = self:node(inputs)
  for k = 1, count do done[k](results[k]) end
  return results[count + 1], results
end

-- y + value, where there is a residual.
local function plus(self, stage, y, value) return stage.residual and self:node { "Add", y, value.name } or y end

function stages.forward(self, stage, value)
  local g = stage.graph
  local name = #g.states > 0 and scan(self, g, value) or self:graph(g, value.name, {}, nil, not value.steps)
  return { name = name, steps = value.steps, lengths = value.lengths, width = g.y.width }
end

local merges = {
  concat = function(self, f, b) return self:node { "Concat", f, b, axis = -1 } end,
  sum = function(self, f, b) return self:node { "Add", f, b } end,
  mean = function(self, f, b) return self:node { "Mul", self:node { "Add", f, b }, self:number(0.5) } end,
}

-- The last valid row, 0 of an empty sequence where all behind it is.
local function last_row(self, value)
  if not value.lengths then return self:node { "Gather", value.name, self:integer(-1), axis = 1 } end
  local at = self:node { "Sub", self:node { "Cast", value.lengths, to = INT64 }, self:integer(1) }
  return self:node { "GatherND", value.name, self:node { "Unsqueeze", at, self:integers(1) }, batch_dims = 1 }
end

function stages.both(self, stage, value)
  local f, b = scan(self, stage.graph, value), scan(self, stage.backward, value, true)
  local width = stage.graph.y.width * (stage.merge == "concat" and 2 or 1)
  if stage.last then
    f = last_row(self, { name = f, lengths = value.lengths })
    b = self:node { "Gather", b, self:integer(0), axis = 1 }
  end
  return { name = plus(self, stage, merges[stage.merge](self, f, b), value),
    steps = not stage.last and value.steps or nil, lengths = not stage.last and value.lengths or nil, width = width }
end

stages["last"] = function(self, _, value)
  return { name = last_row(self, value), width = value.width }
end

stages["repeat"] = function(self, stage, value)
  local y = self:node { "Unsqueeze", value.name, self:integers(1) }
  return { name = self:node { "Expand", y, self:integers(1, stage.steps, 1) }, steps = stage.steps,
    width = value.width }
end

-- x with the zeros around it that make ceil(T / stride) steps of a window that reaches so far.
local function padded(self, name, stride, reach)
  local function with(op, a, n) return self:node { op, a, self:integers(n) } end
  local steps = self:size(name, 1, 2)
  local made = with("Div", with("Add", steps, stride - 1), stride)
  local missing = with("Add", with("Mul", with("Sub", made, 1), stride), reach + 1)
  missing = with("Max", self:node { "Sub", missing, steps }, 0)
  local left = with("Div", missing, 2)
  local none = self:integers(0)
  local right = self:node { "Sub", missing, left }
  return self:node { "Pad", name, self:node { "Concat", none, left, none, none, right, none, axis = 0 },
    self:number(0) }
end

-- The windows that each sequence has: of size steps, or, size 1, as many as begin within it.
local function windows(self, lengths, size, stride)
  if not lengths then return nil end
  local more = stride - size
  if more ~= 0 then lengths = self:node { "Add", lengths, self:integer(more, INT32) } end
  if more < 0 then lengths = self:node { "Max", lengths, self:integer(0, INT32) } end
  return stride > 1 and self:node { "Div", lengths, self:integer(stride, INT32) } or lengths
end

-- A node over time, between two changes of the order of axes.
local function over_time(self, fields, name)
  fields[2] = self:node { "Transpose", name, perm = { 0, 2, 1 } }
  return self:node { "Transpose", self:node(fields), perm = { 0, 2, 1 } }
end

local function refuse_same(layer)
  core.fail("onnx.save: %s: its padding depends on each sequence's length, which ONNX cannot say; leave out option "
    .. "'lengths'", layer:describe())
end

local function convolve(self, layer, value)
  local reach, name = (layer.kernel - 1) * layer.dilation, value.name
  local fields = { "Conv", nil, self:tensor(layer.weight:detach(), "weight"),
    layer.bias and self:tensor(layer.bias:detach(), "bias") or nil, kernel_shape = { layer.kernel },
    strides = { layer.stride }, dilations = { layer.dilation } }
  local lengths = value.lengths
  if lengths then name = self:node { "Where", self:mask(value), name, self:number(0) } end
  if layer.padding == "causal" and layer.stride == 1 and reach > 0 and self.stated then
    local before, done = self:state(core.zeros(1, reach * layer.inputs))
    local rows = self:node { "Reshape", before, self:integers(0, reach, layer.inputs) }
    name = self:node { "Concat", rows, name, axis = 1 }
    local after
    if lengths then -- the rows before the end of each sequence
      local ends = self:node { "Unsqueeze", self:node { "Cast", lengths, to = INT64 }, self:integers(1, 2) }
      local places = {}
      for i = 1, reach do places[i] = i - 1 end
      local at = self:node { "Add", ends, integers(self, places, { 1, reach, 1 }, INT64) }
      after = self:node { "GatherND", name, at, batch_dims = 1 }
    else
      after = self:node { "Slice", name, self:integers(-reach), self:integers(math.maxinteger), self:integers(1) }
    end
    done(self:node { "Reshape", after, self:integers(0, reach * layer.inputs) })
  elseif layer.padding == "causal" then fields.pads = { reach, 0 }
  elseif layer.padding == "same" and layer.stride == 1 then fields.pads = { reach // 2, reach - reach // 2 }
  elseif layer.padding == "same" then
    if lengths then refuse_same(layer) end
    if layer.dilation == 1 then fields.auto_pad = "SAME_UPPER"
    else name = padded(self, name, layer.stride, reach) end -- run-times have no SAME_UPPER with a dilation
  end
  lengths = windows(self, lengths, layer.padding == "valid" and reach + 1 or 1, layer.stride)
  local y = over_time(self, fields, name)
  if layer.activation then y = ops[layer.activation](self, {}, y) end
  local same = layer.stride == 1 and (layer.padding ~= "valid" or reach == 0)
  return { name = y, steps = same and value.steps or "T_out", lengths = lengths, width = layer.filters }
end

-- The last outputs of a node's directions, (directions, N, H), or those of all steps, (T, directions, N, H), as one.
local function joined(self, name, merge, directions, last)
  if directions == 1 then
    name = self:node { "Squeeze", name, self:integers(last and 0 or 1) }
    return last and name or self:node { "Transpose", name, perm = { 1, 0, 2 } }
  end
  if merge == "concat" then
    name = self:node { "Transpose", name, perm = last and { 1, 0, 2 } or { 2, 0, 1, 3 } }
    return self:node { "Reshape", name, last and self:integers(0, -1) or self:integers(0, 0, -1) }
  end
  name = self:node { "ReduceSum", name, self:integers(last and 0 or 1), keepdims = 0 }
  if merge == "mean" then name = self:node { "Mul", name, self:number(0.5) } end
  return last and name or self:node { "Transpose", name, perm = { 1, 0, 2 } }
end

function stages.pool(self, stage, value)
  local layer = stage.layer
  local same = layer.padding == "same"
  if value.lengths and same then refuse_same(layer) end
  if same and layer.stride > layer.size then
    core.fail("onnx.save: %s: run-times refuse padding 'same' where windows leave steps out", layer:describe())
  end
  local y = over_time(self, { stage.how == "max" and "MaxPool" or "AveragePool", nil, kernel_shape = { layer.size },
    strides = { layer.stride }, auto_pad = same and "SAME_UPPER" or nil }, value.name)
  return { name = y, steps = layer.stride == 1 and (same or layer.size == 1) and value.steps or "T_out",
    lengths = windows(self, value.lengths, layer.size, layer.stride), width = value.width }
end

stages["pool all"] = function(self, stage, value)
  local largest, lengths = stage.how == "max", value.lengths
  local name = value.name
  if lengths then name = self:node { "Where", self:mask(value), name, self:number(largest and -math.huge or 0) } end
  local y
  if largest then y = self:node { "ReduceMax", name, axes = { 1 }, keepdims = 0 }
  elseif not lengths then y = self:node { "ReduceMean", name, axes = { 1 }, keepdims = 0 }
  else y = self:node { "ReduceSum", name, self:integers(1), keepdims = 0 } end
  if lengths then
    lengths = self:node { "Unsqueeze", lengths, self:integers(1) }
    if largest then
      y = self:node { "Where", self:node { "Greater", lengths, self:integer(0, INT32) }, y, self:number(0) }
    else
      local count = self:node { "Cast", self:node { "Max", lengths, self:integer(1, INT32) }, to = FLOAT }
      y = self:node { "Div", y, count, mark = "mean" }
    end
  end
  return { name = y, width = value.width }
end

function stages.layer(self, stage, value)
  local layer, parts = stage.layer, stage.parts
  if not parts then return convolve(self, layer, value) end
  local n, kinds = recurrent.node(layer, parts), #parts[1][1].sizes
  local before, done, zero = {}, {}, true
  for d, entry in ipairs(parts) do
    for k = 1, kinds do
      local start = kinds == 2 and entry[3][k] or entry[3]
      zero = zero and is_zero(start)
    end
    before[d], done[d] = {}, {}
  end
  local firsts = {}
  if self.stated or not zero then
    for d, entry in ipairs(parts) do
      for k = 1, kinds do
        local name
        name, done[d][k] = self:state(kinds == 2 and entry[3][k] or entry[3])
        before[d][k] = self:node { "Unsqueeze", name, self:integers(0) }
      end
    end
    for k = 1, kinds do
      firsts[k] = parts[2] and self:node { "Concat", before[1][k], before[2][k], axis = 0 } or before[1][k]
    end
  end
  local fields = { n.op, self:node { "Transpose", value.name, perm = { 1, 0, 2 } }, self:tensor(n.W, "weight"),
    self:tensor(n.R, "weight"), self:tensor(n.B, "bias"), value.lengths or "", firsts[1] or "", firsts[2] }
  if n.P then fields[8], fields[9] = fields[8] or "", self:tensor(n.P, "peepholes") end
  while fields[#fields] == "" do fields[#fields] = nil end
  for key, item in pairs(n.attributes) do fields[key] = item end
  fields.outs = 1 + kinds
  local outputs = self:node(fields)
  for d = 1, self.stated and #parts or 0 do
    for k = 1, kinds do done[d][k](self:node { "Gather", outputs[1 + k], self:integer(d - 1), axis = 0 }) end
  end
  local y = joined(self, stage.last and outputs[2] or outputs[1], layer.merge, #parts, stage.last)
  if stage.last and value.lengths and firsts[1] then -- the last output of an empty sequence is 0, not its first state
    local any = self:node { "Greater", value.lengths, self:integer(0, INT32) }
    y = self:node { "Where", self:node { "Unsqueeze", any, self:integers(1) }, y, self:number(0) }
  end
  return { name = plus(self, stage, y, value), steps = not stage.last and value.steps or nil,
    lengths = not stage.last and value.lengths or nil,
    width = layer.units * (parts[2] and layer.merge == "concat" and 2 or 1) }
end

-- ---- the file ----

local function info(name, type, ...)
  local dims = {}
  for i, size in ipairs { ... } do dims[i] = { [math.type(size) and "value" or "param"] = size } end
  return { name = name, type = { tensor = { elem_type = type, shape = { dim = dims } } } }
end

--- write(made, about) -> message of schema.model: made of graph.of
---
--- about: form, state, lengths, metadata, name.
return function(made, about)
  local self = setmetatable({ nodes = {}, initializers = {}, known = {}, made = {}, masks = {}, states = {}, count = 0,
    batch = "x", stated = about.state }, Writer)
  local step = about.form == "step"
  local inputs, y = {}
  local ids = made.x.ids
  local axes = step and { "N" } or { "N", "T" }
  if not ids then axes[#axes + 1] = made.x.width end
  inputs[1] = info("x", ids and INT64 or FLOAT, table.unpack(axes))
  local metadata = about.metadata
  if step then
    local g, before, done = made.stages[1].graph, {}, {}
    for k, start in ipairs(g.start) do before[k], done[k] = self:state(start) end
    local t
    if needs_t(g) then
      t = "t"
      inputs[2] = info("t", FLOAT, 1, 1)
    end
    local name, new = self:graph(g, "x", before, t, true)
    for k, state in ipairs(new) do done[k](state) end
    y = { name = name, width = made.width }
  else
    local value = { name = "x", steps = "T", width = made.x.width, lengths = about.lengths and "lengths" or nil }
    if about.lengths then inputs[2] = info("lengths", INT32, "N") end
    for _, stage in ipairs(made.stages) do value = stages[stage.kind](self, stage, value) end
    y = made.last and value.steps and stages.last(self, nil, value) or value
  end
  self:node { "Identity", y.name, outs = { "y" } }
  local outputs = { info("y", FLOAT, table.unpack(y.steps and { "N", y.steps, y.width } or { "N", y.width })) }
  local starts = {}
  for k, state in ipairs(self.states) do
    inputs[#inputs + 1] = info(state.name, FLOAT, "N", state.width)
    outputs[1 + k] = info(state.after, FLOAT, "N", state.width)
    if not is_zero(state.start) then starts[state.name] = state.start:reshape(-1):totable() end
  end
  if next(starts) then metadata["rnnlua.initial"] = core.json_encode(starts, { sort = true }) end
  local pairs_of, keys = {}, {}
  for key in pairs(metadata) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do pairs_of[i] = { key = key, value = metadata[key] } end
  return { ir_version = 8, producer_name = "rnnlua", producer_version = core.version,
    opset_import = { { domain = "", version = 17 } }, metadata_props = pairs_of,
    graph = { name = about.name, node = self.nodes, initializer = self.initializers, input = inputs,
      output = outputs } }
end
