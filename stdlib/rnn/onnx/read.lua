-- read.lua: the message of an ONNX file as instructions on values. An instruction has op (one of ops.lua, or "layer",
-- "recurrent", "view", "last", "merge", "fma", "scan"), inputs, outputs, fields. What is known here is computed here:
-- constants, and the order of axes: most files turn (N, T, C) into (T, N, C) and back around each layer, and a value
-- that is another one with its axes in another order is noted as a view of it. Layers work on (N, T, C), and where all
-- views cancel out the layers follow each other as those of nn.Sequential do.

local core = require "rnn.core"
local ops = require "rnn.onnx.ops"
local recurrent = require "rnn.onnx.recurrent"
local schema = require "rnn.onnx.schema"

local NODES, DEPTH = 100000, 8

local Reader = {}
Reader.__index = Reader

-- ---- values ----
-- A value: constant (a tensor), long (a list of integers, where int32 cannot hold them), by and index (which output of
-- which instruction), input (which input of the graph), steps (is it (N, T, C)?), view.
-- view: base (another value), labels (the axes of the base), axes (the same in their order here), directions. With an
-- axis "D" among them the last axis of the base is seen as two, directions and the rest.

local function constant(t) return { constant = t } end

-- A new instruction -> its outputs.
function Reader:emit(op, inputs, fields, count)
  local instruction = { op = op, inputs = inputs, outputs = {}, fields = fields or {}, label = self.label }
  for i = 1, count or 1 do instruction.outputs[i] = { by = instruction, index = i } end
  table.insert(self.code, instruction)
  return table.unpack(instruction.outputs)
end

-- The value itself, in its own order of axes.
function Reader:plain(value)
  local view = value and value.view
  if not view then return value end
  view.made = view.made or {} -- by where it is made: in a graph within this one it is not there outside
  local made = view.made[self.code]
  if not made then
    local perm = {}
    for i, label in ipairs(view.axes) do
      for k, other in ipairs(view.labels) do perm[i] = label == other and k or perm[i] end
    end
    made = self:emit("view", { view.base }, { perm = perm, directions = view.directions })
    view.made[self.code] = made
  end
  return made
end

local function view_of(base, labels, axes, directions)
  local same = not directions
  for i, label in ipairs(labels) do same = same and axes[i] == label end
  return same and base or { view = { base = base, labels = labels, axes = axes, directions = directions } }
end

-- A view of which the axis "D" is gone, as it is of size 1, or has become one with "H".
local function without_d(view, axes)
  local labels = {}
  for _, label in ipairs(view.labels) do
    if label ~= "D" then labels[#labels + 1] = label == "H" and "C" or label end
  end
  for i, label in ipairs(axes) do axes[i] = label == "H" and "C" or label end
  return view_of(view.base, labels, axes)
end

-- f(base) with the view of value: for what acts on each element, or with last = true on each row.
function Reader:through(value, last, f)
  local view = value.view
  if not view then
    local y = f(value)
    y.steps = value.steps
    return y
  end
  local n = #view.axes
  if last and (view.directions or view.axes[n] ~= view.labels[n]) then return f(self:plain(value)) end
  local base = f(view.base)
  base.steps = view.base.steps
  return view_of(base, view.labels, view.axes, view.directions)
end

local function base_of(value) return value.view and value.view.base or value end

function Reader:fail(format, ...)
  core.fail("%s: %s", self.label, format:format(...))
end

-- A constant's tensor, or nil.
local function tensor_of(value) return value and value.constant end

-- A constant's integers, or nil.
local function integers_of(value)
  if not value then return nil end
  if value.long then return value.long end
  local t = value.constant
  return t and t:type() == "int32" and t:count() <= 64 and t:reshape(-1):totable() or nil
end

local function is_scalar(value, number)
  local t = tensor_of(value)
  return t and t:count() == 1 and t:reshape(1):select(1, 1):item() == number
end

-- ---- tensors of the file ----

local function little(format, list)
  local packed = {}
  for i, n in ipairs(list) do packed[i] = format:pack(n) end
  return table.concat(packed)
end

local LAID = { F32 = "float_data", F64 = "double_data", I64 = "int64_data", U32 = "uint64_data", U64 = "uint64_data" }
local FORMATS = { I64 = "<i8", U64 = "<i8", I32 = "<i4", I16 = "<i2", I8 = "<i1", U32 = "<I4", U16 = "<I2", U8 = "<I1",
  BOOL = "<I1", F16 = "<I2", BF16 = "<I2" }

-- A file beside the model, of which a tensor is a part: its name may not lead out of the folder.
function Reader:beside(t, what)
  local at = {}
  for _, pair in ipairs(t.external_data) do at[pair.key or ""] = pair.value or "" end
  local name = at.location or ""
  if name == "" or name:find "^[/~]" or name:find "[\\%c]" or ("/" .. name .. "/"):find("/../", 1, true) then
    core.fail("refused: %s lies in '%s', which is no file beside the model", what, name:gsub("%c", "?"))
  end
  if not self.folder then core.fail("%s lies in another file, '%s'", what, name) end
  local bytes = self.files[name]
  if not bytes then
    local message
    bytes, message = core.file_read(self.folder .. name)
    if not bytes then core.fail("%s lies in a file beside the model: %s", what, message) end
    self.files[name] = bytes
  end
  local from = at.offset and math.tointeger(tonumber(at.offset)) or not at.offset and 0
  local size = at.length and math.tointeger(tonumber(at.length)) or not at.length and from and #bytes - from
  if not from or not size or from < 0 or size < 0 or from > #bytes or size > #bytes - from then
    core.fail("%s lies outside of '%s'", what, name)
  end
  return bytes:sub(from + 1, from + size)
end

-- The bytes of the elements, wherever they lie.
local function bytes_of(self, t, type, what)
  if t.segment then core.fail("%s is a segment of a tensor", what) end
  local field = LAID[type] or "int32_data"
  local given = 0
  for _, name in ipairs { "float_data", "int32_data", "int64_data", "double_data", "uint64_data" } do
    given = given + (#t[name] > 0 and 1 or 0)
  end
  if (t.data_location or 0) ~= 0 or #t.external_data > 0 then
    if given > 0 or t.raw_data then core.fail("%s has its elements twice", what) end
    return self:beside(t, what)
  end
  if t.raw_data then
    if given > 0 then core.fail("%s has its elements twice", what) end
    return t.raw_data
  end
  if given > 1 or given == 1 and #t[field] == 0 then core.fail("%s has elements of another type", what) end
  if field == "float_data" or field == "double_data" then return table.concat(t[field]) end
  local format, list = FORMATS[type], t[field]
  local mask = (1 << 8 * format:packsize()) - 1
  if format:packsize() < 8 and format:find "I" then
    for i, n in ipairs(list) do
      if n & ~mask ~= 0 then core.fail("%s: element %d is %d, which %s cannot be", what, i, n, type) end
    end
  end
  local ok, packed = pcall(little, format, list)
  return ok and packed or core.fail("%s has elements that %s cannot be", what, type)
end

-- A constant value.
function Reader:tensor(t, what)
  local type = schema.types[t.data_type or 0]
  if not type then core.fail("%s is of type %d of ONNX, which is not read", what, t.data_type or 0) end
  if #t.dims > 6 then core.fail("%s has %d axes; there can be 6", what, #t.dims) end
  for _, size in ipairs(t.dims) do
    if size < 0 then core.fail("%s has a size of %d", what, size) end
  end
  local bytes = bytes_of(self, t, type[1], what)
  local made, message = core.tensor_of_bytes(bytes, type[1], t.dims)
  if made then return constant(made) end
  if type[1] == "I64" and #t.dims <= 1 and #bytes <= 512 and #bytes == 8 * (t.dims[1] or 1) then
    local long = {}
    for i = 1, #bytes // 8 do long[i] = ("<i8"):unpack(bytes, 8 * i - 7) end
    return { long = long }
  end
  core.fail("%s: %s", what, message)
end

-- ---- nodes ----

-- The shortest number that is x in single precision: what somebody wrote as 0.001 is 0.001 again.
local function short(x)
  for digits = 1, 9 do
    local y = tonumber(("%%.%dg"):format(digits):format(x))
    if y and ("<f"):pack(y) == ("<f"):pack(x) then return y end
  end
  return x
end

local lower = {} -- op -> function(reader, a, inputs, node) -> values; false: as any other

local function attributes_of(self, node)
  local a = { opset = self.opset, outputs = #node.output }
  for _, field in ipairs(node.attribute) do
    local name = field.name or ""
    if (field.ref_attr_name or "") ~= "" then self:fail("attribute '%s' is that of a function", name) end
    if not ops.knows(node.op_type, name) and not recurrent.knows(node.op_type) then
      self:fail("attribute '%s' is not known", name)
    end
    if a[name] ~= nil then self:fail("attribute '%s' is there twice, or has no name of an attribute", name) end
    local key = ops.kind(node.op_type, name)
    local value = field[key]
    if (field.type or 0) ~= 0 and field.type ~= schema.attribute[key] then
      self:fail("attribute '%s' is of type %d of ONNX, and should be of type %d", name, field.type,
        schema.attribute[key])
    end
    if value == nil then value = key == "f" and 0.0 or key == "i" and 0 or key == "s" and "" or nil end
    if value == nil then self:fail("attribute '%s' has no value", name) end
    if key == "f" then value = short(value) end
    for i, x in ipairs(key == "floats" and value or {}) do value[i] = short(x) end
    if not ops.takes(node.op_type, name, value) then
      local list = type(value) == "table"
      self:fail("attribute '%s' %s, which is not known", name, list and ("is of %d numbers"):format(#value)
        or ("is '%s'"):format(value))
    end
    if key == "t" then value = self:tensor(value, ("attribute '%s'"):format(name)) end
    a[name] = value
  end
  return a
end

-- All other ops: their constants are inputs like any other.
function Reader:generic(op, a, inputs)
  local plain = {}
  for i = 1, #inputs do
    local value = inputs[i]
    if value and value.long then
      if op ~= "Slice" then self:fail("input %d has integers beyond int32", i) end
      local list = {}
      for k, n in ipairs(value.long) do list[k] = math.max(math.min(n, 0x7fffffff), -0x7fffffff) end
      value = constant(core.tensor(list, "int32"))
    end
    plain[i] = self:plain(value) or false
  end
  for name, value in pairs(a) do
    if type(value) == "table" and value.constant then a[name] = value.constant end
  end
  return { self:emit(op, plain, a, a.outputs) }
end

function Reader:node(node)
  local op = node.op_type or ""
  self.label = ("node '%s' (%s)"):format(node.name ~= "" and node.name or node.output[1] or "", op)
  local inputs = {}
  for i, name in ipairs(node.input) do
    inputs[i] = name ~= "" and (self.values[name]
      or self:fail("input '%s' is made by no node before it", name)) or false
  end
  if #node.output == 0 then self:fail "it has no output" end
  for i = 1, ops.needs(op) do
    if not inputs[i] then self:fail("input %d is missing", i) end
  end
  local a = attributes_of(self, node)
  local results = lower[op] and lower[op](self, a, inputs, node) or self:generic(op, a, inputs)
  for i, name in ipairs(node.output) do
    if name ~= "" then
      if rawget(self.values, name) then self:fail("output '%s' is there twice", name) end
      self.values[name] = results[i] or self:fail("output %d, '%s', cannot be had", i, name)
    end
  end
end

-- How often each name is used, in graphs within a graph as well.
function Reader:count(graph, depth)
  local function used(name) self.uses[name] = (self.uses[name] or 0) + 1 end
  if #graph.node > NODES then core.fail("more than %d nodes", NODES) end
  for _, output in ipairs(graph.output) do used(output.name or "") end
  for _, node in ipairs(graph.node) do
    for _, name in ipairs(node.input) do used(name) end
    for _, field in ipairs(node.attribute) do
      if field.g and depth < DEPTH then self:count(field.g, depth + 1) end
    end
  end
end

-- Nodes of a graph, in their order; what a later one makes is not there yet, so that there can be no cycle.
function Reader:nodes(graph)
  for _, t in ipairs(graph.initializer) do
    local name = t.name or ""
    if rawget(self.values, name) then core.fail("initializer '%s' is there twice", name) end
    self.values[name] = self:tensor(t, ("initializer '%s'"):format(name))
  end
  if #graph.sparse_initializer > 0 then core.fail("sparse initializers are not read") end
  for _, node in ipairs(graph.node) do self:node(node) end
end

-- ---- ops that vanish ----

lower.Identity = function(_, _, inputs) return { inputs[1] } end
lower.Dropout = function(self, _, inputs)
  if inputs[3] and not is_scalar(inputs[3], 0) then self:fail "it is that of training" end
  return { inputs[1] }
end
lower.Constant = function(self, a)
  local value = a.value
  if not value then
    local number = a.value_float or a.value_int or a.value_floats or a.value_ints
    if not number then self:fail "it is no tensor of numbers" end
    local list = type(number) == "table" and number or { number }
    local whole = a.value_int or a.value_ints
    local bytes = little(whole and "<i8" or "<f", list)
    value = self:tensor({ dims = type(number) == "table" and { #list } or {}, data_type = whole and 7 or 1,
      raw_data = bytes, external_data = {}, float_data = {}, int32_data = {}, int64_data = {}, double_data = {},
      uint64_data = {} }, "the constant")
  end
  return { value }
end
lower.Cast = function(self, a, inputs)
  local t = tensor_of(inputs[1])
  if inputs[1].long then return { inputs[1] } end
  if t and t:count() <= 64 then return { constant(ops.Cast(a, t)) } end
  return self:generic("Cast", a, inputs)
end

-- ---- the order of axes ----

local function plain_view(value, n)
  if value.view then return value.view end
  local labels = {}
  for i = 1, n do labels[i] = i end
  return { base = value, labels = labels, axes = labels }
end

lower.Transpose = function(self, a, inputs)
  local x, perm = inputs[1], a.perm
  if not perm or tensor_of(x) then return self:generic("Transpose", a, inputs) end
  local view, axes, seen = plain_view(x, #perm), {}, {}
  for i, place in ipairs(perm) do
    axes[i] = view.axes[place + 1]
    if axes[i] == nil or seen[place] or #perm ~= #view.axes then
      self:fail "attribute 'perm' is no order of the axes"
    end
    seen[place] = true
  end
  return { view_of(view.base, view.labels, axes, view.directions) }
end

-- The axes of a view, without that of the directions.
local function dropped(view, at)
  local axes = { table.unpack(view.axes) }
  table.remove(axes, at)
  return axes
end

lower.Squeeze = function(self, a, inputs)
  local view = inputs[1].view
  local axes = inputs[2] and integers_of(inputs[2]) or a.axes
  if view and view.directions == 1 and axes and #axes == 1 then
    local at = axes[1] < 0 and axes[1] + #view.axes + 1 or axes[1] + 1
    if view.axes[at] == "D" then return { without_d(view, dropped(view, at)) } end
  end
  return self:generic("Squeeze", a, inputs)
end

lower.Reshape = function(self, a, inputs)
  local view, shape = inputs[1].view, integers_of(inputs[2])
  if view and view.directions and shape and #shape == #view.axes - 1 and (a.allowzero or 0) == 0 then
    local n = #shape
    local width = view.base.by.fields.units * view.directions
    local fits = view.axes[n] == "D" and view.axes[n + 1] == "H" and (shape[n] == -1 or shape[n] == width)
    for i = 1, n - 1 do fits = fits and shape[i] == 0 end
    if fits then return { without_d(view, dropped(view, n)) } end
  end
  return self:generic("Reshape", a, inputs)
end

lower.Gather = function(self, a, inputs, node)
  local x, ids, axis = inputs[1], inputs[2], a.axis or 0
  local place = tensor_of(ids) and ids.constant:ndim() == 0 and ids.constant:item()
  local view = x.view
  if view and view.directions == 1 and (place == 0 or place == -1) then
    local at = axis < 0 and axis + #view.axes + 1 or axis + 1
    if view.axes[at] == "D" then return { without_d(view, dropped(view, at)) } end
  end
  if place == -1 and base_of(x).steps and not (view and view.directions) then
    local labels = view and view.axes or { "N", "T", "C" }
    if axis < 0 then axis = axis + 3 end
    if labels[axis + 1] == (view and view.labels[2] or "T") then
      local last = self:emit("last", { base_of(x) })
      local rest = { table.unpack(labels) }
      table.remove(rest, axis + 1)
      return { rest[1] == (view and view.labels[1] or "N") and last
        or view_of(last, { "N", "C" }, { "C", "N" }) }
    end
  end
  local table_of = tensor_of(x)
  if table_of and table_of:ndim() == 2 and table_of:type() == "float" and axis == 0 and not tensor_of(ids) then
    if self.own and (node.name or ""):find "^embedding" then
      if table_of:size(1) < 2 or table_of:slice(1, 1, 1):abs():max():item() ~= 0 then
        self:fail "its first row is not that of padding"
      end
      local y = self:layer("Embedding", { table_of:size(1) - 1, table_of:size(2) }, nil, self:plain(ids),
        { weight = table_of:slice(1, 2, table_of:size(1)) })
      y.steps = ids.rows
      return { y }
    end
  end
  return self:generic("Gather", a, inputs)
end

-- ---- layers ----

-- An instruction that is a layer of nn: class, its arguments, options, input, parameters by name.
function Reader:layer(class, args, options, input, parameters)
  return (self:emit("layer", { input }, { class = class, args = args, options = options,
    fill = function(layer)
      for name, value in pairs(parameters or {}) do layer[name]:detach():assign(value) end
    end, numbers = self.count_of(parameters) }))
end

function Reader.count_of(parameters)
  local n = 0
  for _, t in pairs(parameters or {}) do n = n + t:count() end
  return n
end

-- x W' + b on the last axis; b may come later.
function Reader:linear(x, weight, bias)
  local units, width = weight:shape()
  local parameters = { weight = weight, bias = bias }
  local options = { bias = bias ~= nil }
  return self:through(x, true, function(base)
    return self:layer("Linear", { width, units }, options, base, parameters)
  end)
end

-- Names that the exporter gives: in files of others everything that can be one layer is one.
local function is_marked(self, node, mark) return not self.own or (node.name or ""):find("^" .. mark) end

lower.MatMul = function(self, a, inputs, node)
  local weight = tensor_of(inputs[2])
  if weight and weight:ndim() == 2 and weight:type() == "float" and not tensor_of(inputs[1]) and weight:count() > 0 then
    local y = self:linear(inputs[1], weight:transpose(1, 2):copy())
    base_of(y).open = is_marked(self, node, "linear") and node.output[1]
    return { y }
  end
  return self:generic("MatMul", a, inputs)
end

lower.Gemm = function(self, a, inputs)
  local weight, bias = tensor_of(inputs[2]), inputs[3] and tensor_of(inputs[3])
  if weight and weight:ndim() == 2 and weight:count() > 0 and (a.alpha or 1) == 1 and (a.beta or 1) == 1
    and (a.transA or 0) == 0 and (not inputs[3] or bias) then
    if (a.transB or 0) == 0 then weight = weight:transpose(1, 2):copy() end
    local units = weight:size(1)
    if not bias or bias:count() == units and bias:size(-1) == units then
      return { self:linear(inputs[1], weight, bias and bias:reshape(-1)) }
    end
  end
  return self:generic("Gemm", a, inputs)
end

lower.Add = function(self, a, inputs, node)
  for i = 1, 2 do
    local x, bias = inputs[i], tensor_of(inputs[3 - i])
    local base = x and base_of(x)
    local view = x and x.view
    if view and view.axes[#view.axes] ~= view.labels[#view.labels] then bias = nil end -- of another axis
    if bias and base.open and self.uses[base.open] == 1 and is_marked(self, node, "linear")
      and bias:ndim() == 1 and bias:count() == base.by.fields.args[2] then
      local fields = base.by.fields
      local fill = fields.fill
      fields.options, fields.numbers, base.open = { bias = true }, fields.numbers + bias:count(), nil
      fields.fill = function(layer)
        fill(layer)
        layer.bias:detach():assign(bias)
      end
      return { x }
    end
  end
  local x = inputs[1]
  if self.own and (node.name or ""):find "^fma" and x.by and x.by.op == "Mul" then
    return { self:emit("fma", { x.by.inputs[1], x.by.inputs[2], self:plain(inputs[2]) }) }
  end
  return self:generic("Add", a, inputs)
end

for op, class in pairs { Tanh = "Tanh", Sigmoid = "Sigmoid", Relu = "ReLU", Softplus = "Softplus",
  Softsign = "Softsign" } do
  lower[op] = function(self, _, inputs)
    return { self:through(inputs[1], false, function(base) return self:layer(class, {}, nil, base) end) }
  end
end
lower.Elu = function(self, a, inputs)
  if (a.alpha or 1) ~= 1 then return self:generic("Elu", a, inputs) end
  return { self:through(inputs[1], false, function(base) return self:layer("ELU", {}, nil, base) end) }
end
lower.LeakyRelu = function(self, a, inputs)
  return { self:through(inputs[1], false, function(base)
    return self:layer("LeakyReLU", { a.alpha or 0.01 }, nil, base)
  end) }
end
lower.HardSigmoid = function(self, a, inputs)
  if math.abs((a.alpha or 0.2) - 1 / 6) > 1e-7 or (a.beta or 0.5) ~= 0.5 then
    return self:generic("HardSigmoid", a, inputs)
  end
  return { self:through(inputs[1], false, function(base) return self:layer("HardSigmoid", {}, nil, base) end) }
end
lower.Selu = function(self, a, inputs)
  if a.alpha or a.gamma then return self:generic("Selu", a, inputs) end
  return { self:through(inputs[1], false, function(base) return self:layer("SELU", {}, nil, base) end) }
end
for op, class in pairs { Softmax = "Softmax", LogSoftmax = "LogSoftmax" } do
  lower[op] = function(self, a, inputs)
    if (a.axis or (self.opset >= 13 and -1 or 1)) ~= -1 then return self:generic(op, a, inputs) end
    return { self:through(inputs[1], true, function(base) return self:layer(class, {}, nil, base) end) }
  end
end
lower.LayerNormalization = function(self, a, inputs, node)
  local gain, bias = tensor_of(inputs[2]), inputs[3] and tensor_of(inputs[3])
  local others = 0
  for i = 2, a.outputs do others = others + #node.output[i] end
  if others == 0 then a.outputs = 1 end
  if others == 0 and (a.axis or -1) == -1 and gain and gain:ndim() == 1 and gain:count() > 0
    and bias and bias:ndim() == 1 and bias:count() == gain:count() then
    return { self:through(inputs[1], true, function(base)
      return self:layer("LayerNorm", { gain:count() }, { epsilon = a.epsilon or 1e-5 }, base,
        { weight = gain, bias = bias })
    end) }
  end
  return self:generic("LayerNormalization", a, inputs)
end
lower.BatchNormalization = function(self, a, inputs)
  a.outputs = 1
  return self:generic("BatchNormalization", a, inputs)
end

-- A layer over the time of x (N, C, T).
local function over_time(self, x, class, args, options, parameters)
  local turned = lower.Transpose(self, { perm = { 0, 2, 1 } }, { x })[1]
  local y = self:layer(class, args, options, self:plain(turned), parameters)
  y.steps = true
  return { view_of(y, { "N", "T", "C" }, { "N", "C", "T" }) }
end

lower.Conv = function(self, a, inputs)
  local weight, bias = tensor_of(inputs[2]), inputs[3] and tensor_of(inputs[3])
  if weight and weight:ndim() ~= 3 then
    self:fail("a convolution over %d axes; it can be over one", weight:ndim() - 2)
  end
  if not weight or (a.group or 1) ~= 1 or inputs[3] and not bias or weight:count() == 0 then
    return self:generic("Conv", a, inputs)
  end
  local filters, width, kernel = weight:shape()
  local stride, dilation = a.strides and a.strides[1] or 1, a.dilations and a.dilations[1] or 1
  local reach, pads, auto = (kernel - 1) * dilation, a.pads or { 0, 0 }, a.auto_pad or "NOTSET"
  if bias and bias:count() ~= filters or #pads ~= 2 or stride < 1 or dilation < 1 then
    self:fail "sizes that do not fit"
  end
  local padding
  if auto == "SAME_UPPER" then padding = "same"
  elseif auto == "NOTSET" or auto == "VALID" then
    if auto == "VALID" or pads[1] == 0 and pads[2] == 0 then padding = "valid"
    elseif pads[1] == reach and pads[2] == 0 then padding = "causal"
    elseif stride == 1 and pads[1] == reach // 2 and pads[2] == reach - reach // 2 then padding = "same" end
  end
  if not padding then return self:generic("Conv", a, inputs) end
  return over_time(self, inputs[1], "Conv1d", { width, filters, kernel }, { stride = stride, dilation = dilation,
    padding = padding, bias = bias ~= nil }, { weight = weight, bias = bias })
end

-- Of windows of x (N, C, T).
for op, class in pairs { MaxPool = "MaxPool1d", AveragePool = "AvgPool1d" } do
  lower[op] = function(self, a, inputs)
    local size, stride, auto = (a.kernel_shape or { 0 })[1], a.strides and a.strides[1] or 1, a.auto_pad or "NOTSET"
    local pads = a.pads or { 0, 0 }
    local inside = auto == "VALID" or auto == "NOTSET" and pads[1] == 0 and pads[2] == 0
    local plain = (inside or auto == "SAME_UPPER") and (a.dilations or { 1 })[1] == 1 and (a.ceil_mode or 0) == 0
    if not plain or size < 1 or stride < 1 then return self:generic(op, a, inputs) end
    return over_time(self, inputs[1], class, { size }, { stride = stride, padding = inside and "valid" or "same" })
  end
end

-- Of all steps, where they are the second axis of three.
for op, class in pairs { ReduceMax = "GlobalMaxPool1d", ReduceMean = "GlobalAvgPool1d" } do
  lower[op] = function(self, a, inputs)
    local x, axes = inputs[1], inputs[2] and integers_of(inputs[2]) or a.axes
    if x.view or not base_of(x).steps or (a.keepdims or 1) ~= 0 or not axes or #axes ~= 1 or axes[1] ~= 1 then
      return self:generic(op, a, inputs)
    end
    return { self:layer(class, {}, nil, self:plain(x)) }
  end
end

-- What input k of the instruction that makes a value is, if that is such an op.
local function behind(value, op, k)
  local by = value and value.by
  return by and by.op == op and by.inputs[k] or nil
end

-- Of the steps within the lengths: sum and division of our own files round as one.
lower.Div = function(self, a, inputs, node)
  local x = behind(behind(inputs[1], "ReduceSum", 1), "Where", 2)
  local lengths = behind(behind(behind(inputs[2], "Cast", 1), "Max", 1), "Unsqueeze", 1)
  if self.own and (node.name or ""):find "^mean" and x and lengths then return { self:emit("mean", { x, lengths }) } end
  return self:generic("Div", a, inputs)
end

-- ---- recurrent layers ----

-- Weights of a node: constants, which fit together; or values of which the sizes are seen later.
local function weights_of(self, kind, a, inputs)
  local W, R, B, P = inputs[2], inputs[3], inputs[4] or nil, kind == "LSTM" and inputs[8] or nil
  local given = { W, R, B, P }
  for i = 1, 4 do
    if given[i] and not tensor_of(given[i]) then return nil, { W, R, B or false, P or false } end
  end
  local gates = kind == "LSTM" and 4 or kind == "GRU" and 3 or 1
  local directions = a.direction == "bidirectional" and 2 or 1
  local function fits(value, name, ...)
    if not value then return end
    local t, dims, list = tensor_of(value), { ... }, {}
    local same = t:ndim() == #dims and t:type() == "float"
    for i, size in ipairs(dims) do
      same = same and (size == "*" or t:size(i) == size)
      list[i] = tostring(size)
    end
    if not same then
      self:fail("%s is %s, expected (%s)", name, require "rnn.check".describe(t), table.concat(list, ", "))
    end
  end
  fits(R, "R", directions, "*", "*")
  local units = tensor_of(R):size(3)
  if (a.hidden_size or units) ~= units or units == 0 then
    self:fail("hidden_size is %d, R has %d", a.hidden_size or 0, units)
  end
  fits(R, "R", directions, gates * units, units)
  fits(W, "W", directions, gates * units, "*")
  fits(B, "B", directions, 2 * gates * units)
  fits(P, "P", directions, 3 * units)
  if tensor_of(W):size(3) == 0 then self:fail "W has no inputs" end
  return { W = tensor_of(W), R = tensor_of(R), B = tensor_of(B), P = tensor_of(P), units = units,
    inputs = tensor_of(W):size(3) }
end

-- x as (N, T, C).
local function rows_first(self, x, layout)
  if layout == 1 then return self:plain(x) end
  return self:plain(lower.Transpose(self, { perm = { 1, 0, 2 } }, { x })[1])
end

local function lower_recurrent(kind)
  return function(self, a, inputs)
    local opset, outputs, layout = a.opset, a.outputs, a.layout or 0
    a.opset, a.outputs = nil, nil
    local options, reverse = recurrent.options(kind, a, kind == "LSTM" and inputs[8] and true or nil)
    local directions, states = a.direction == "bidirectional" and 2 or 1, kind == "LSTM" and 2 or 1
    local weights, values, step = weights_of(self, kind, a, inputs)
    if not options then -- no layer: its weights are values like others
      local why = reverse
      step = recurrent.runs(a) and require "rnn.onnx.steps"(kind, a, directions)
      if not step then self:fail("%s is not known", why) end
      options, reverse = {}, false
      values = { inputs[2], inputs[3], inputs[4] or false, inputs[8] or false }
    end
    local fields = { class = kind, options = options, reverse = reverse, directions = directions, states = states,
      units = weights and weights.units or a.hidden_size, layout = layout, opset = opset }
    fields.step = step
    if weights and not step then
      fields.args = { weights.inputs, weights.units }
      fields.numbers = self.count_of { weights.W, weights.R } + 13 * directions * weights.units -- and what is of rows
      fields.fill = function(layer)
        recurrent.fill(layer, kind, weights.W, weights.R, weights.B, weights.P)
      end
    end
    if not fields.units then self:fail "hidden_size is needed" end
    local list = { rows_first(self, inputs[1], layout), self:plain(inputs[5] or false), self:plain(inputs[6] or false),
      self:plain(states == 2 and inputs[7] or false) }
    for i = 1, 4 do list[4 + i] = values and self:plain(values[i]) or false end
    if outputs > 1 + states then self:fail("it has %d outputs", outputs) end
    local results = { self:emit("recurrent", list, fields, 1 + states) }
    results[1].steps = true
    local y, h = { "N", "T", "D", "H" }, { "N", "D", "H" }
    local order = layout == 1 and y or { "T", "D", "N", "H" }
    local views = { view_of(results[1], y, order, directions) }
    for k = 2, #results do
      views[k] = view_of(results[k], h, layout == 1 and h or { "D", "N", "H" }, directions)
    end
    return views
  end
end
for _, kind in ipairs { "RNN", "LSTM", "GRU" } do lower[kind] = lower_recurrent(kind) end

-- Two directions added up.
lower.ReduceSum = function(self, a, inputs)
  local view, axes = inputs[1].view, inputs[2] and integers_of(inputs[2]) or a.axes
  if view and view.directions == 2 and axes and #axes == 1 and (a.keepdims or 1) == 0 then
    local at = axes[1] < 0 and axes[1] + #view.axes + 1 or axes[1] + 1
    if view.axes[at] == "D" then
      local sum = self:emit("merge", { view.base }, { merge = "sum" })
      sum.steps = view.base.steps
      return { without_d({ base = sum, labels = view.labels }, dropped(view, at)) }
    end
  end
  return self:generic("ReduceSum", a, inputs)
end
lower.Mul = function(self, a, inputs)
  local base = base_of(inputs[1])
  if is_scalar(inputs[2], 0.5) and base.by and base.by.op == "merge" and base.by.fields.merge == "sum" then
    return { self:through(inputs[1], false, function(sum)
      return self:emit("merge", sum.by.inputs, { merge = "mean" })
    end) }
  end
  return self:generic("Mul", a, inputs)
end

-- ---- scans ----

lower.Scan = function(self, a, inputs)
  local body = a.body
  if type(body) ~= "table" or not body.node then self:fail "it has no body" end
  local count = a.num_scan_inputs or 0
  local states = #inputs - count
  local results = #body.output - states
  if count < 1 or states < 0 or results < 0 or #body.input ~= #inputs or a.outputs ~= #body.output then
    self:fail "its body has other inputs or outputs than it"
  end
  if self.depth >= DEPTH then self:fail("graphs within graphs, more than %d deep", DEPTH) end
  local label, plain = self.label, {}
  for i = 1, #inputs do plain[i] = self:plain(inputs[i]) or self:fail("input %d is missing", i) end
  local inner = setmetatable({ code = {}, depth = self.depth + 1,
    values = setmetatable({}, { __index = self.values }) }, { __index = self })
  local fields = { states = states, axes = a.scan_input_axes or {}, directions = a.scan_input_directions or {},
    output_axes = a.scan_output_axes or {}, output_directions = a.scan_output_directions or {}, before = {},
    after = {} }
  for i, info in ipairs(body.input) do
    fields.before[i] = {}
    inner.values[info.name or ""] = fields.before[i]
  end
  inner:nodes(body)
  for i, info in ipairs(body.output) do
    fields.after[i] = inner:plain(inner.values[info.name or ""] or self:fail("its body makes no '%s'", info.name or ""))
  end
  fields.code, self.label = inner.code, label
  return { self:emit("scan", plain, fields, #body.output) }
end

-- ---- the file ----

local function known(op) return lower[op] or ops[op] and op:find "^%u%l" or op == "PRelu" end

-- Names of ops that are not known, with their nodes, of a graph and those in it.
local function unknown_of(graph, list, depth)
  for _, node in ipairs(graph.node) do
    local domain = node.domain or ""
    if domain ~= "" and domain ~= "ai.onnx" or not known(node.op_type or "") then
      if #list < 10 then
        local name = domain ~= "" and ("%s of %s"):format(node.op_type, domain) or node.op_type
        list[#list + 1] = ("%s (node '%s')"):format(name, node.name or node.output[1] or "")
      end
    end
    for _, field in ipairs(node.attribute) do
      if field.g and depth < DEPTH then unknown_of(field.g, list, depth + 1) end
    end
  end
  return list
end

local function opset_of(message)
  for _, set in ipairs(message.opset_import) do
    if (set.domain or "") == "" or set.domain == "ai.onnx" then return set.version or 1 end
  end
  core.fail "it does not say which version of the operators it means"
end

-- What an input or an output is: { name, type, dims }, sizes that vary by their names.
local function describe(info)
  local t = info.type and info.type.tensor
  if not t then core.fail("'%s' is no tensor", info.name or "") end
  local kind = schema.types[t.elem_type or 0]
  if not kind or kind[3] then
    core.fail("'%s' is of type %d of ONNX, which is not read", info.name or "", t.elem_type or 0)
  end
  local dims
  if t.shape then
    dims = {}
    for i, dim in ipairs(t.shape.dim) do dims[i] = dim.value or dim.param or "?" end
  end
  return { name = info.name or "", type = kind[2], dims = dims }
end

--- read(message, folder) -> { inputs, outputs, code, info }: message of schema.model, folder where its file is
---
--- inputs: { name, type, dims, value }; outputs: { name, value }. Errors: what is no sound graph of known ops.
return function(message, folder)
  local graph = message.graph or core.fail "it has no graph"
  local unknown = unknown_of(graph, {}, 0)
  if #unknown > 0 then
    core.fail("operators that are not known here: %s", table.concat(unknown, ", "))
  end
  local opset = opset_of(message)
  if opset < 7 then core.fail("its operators are of version %d; 7 and later are read", opset) end
  local self = setmetatable({ opset = opset, own = message.producer_name == "rnnlua", values = {}, uses = {}, code = {},
    depth = 0, folder = folder, files = {} }, Reader)
  local initial = {}
  for _, t in ipairs(graph.initializer) do initial[t.name or ""] = true end
  local made = { inputs = {}, outputs = {}, code = self.code }
  for _, info in ipairs(graph.input) do
    local name = info.name or ""
    if not initial[name] then -- a constant, of early versions, which could be replaced
      if self.values[name] then core.fail("input '%s' is there twice", name) end
      local input = describe(info)
      local axes = #(input.dims or {})
      input.value = { input = #made.inputs + 1, steps = axes == 3, rows = axes == 2 }
      made.inputs[#made.inputs + 1], self.values[name] = input, input.value
    end
  end
  self:count(graph, 0)
  self:nodes(graph)
  if #graph.output == 0 then core.fail "its graph has no output" end
  for i, info in ipairs(graph.output) do
    self.label = ("output '%s'"):format(info.name or "")
    local value = self.values[info.name or ""] or self:fail "no node makes it"
    if value.long then self:fail "integers beyond int32" end
    made.outputs[i] = { name = info.name or "", value = self:plain(value) }
  end
  made.opset = opset
  return made
end
