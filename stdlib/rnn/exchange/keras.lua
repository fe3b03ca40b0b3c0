-- keras.lua: models of Keras: .keras, .weights.h5 with the model's JSON, and the older .h5. The architecture is data:
-- each layer is known by its class here or refused by its name. Columns of Keras are rows here; gates z r h of a GRU
-- are r z n.

local core = require "rnn.core"
local hdf5 = require "rnn.exchange.hdf5"
local tensors_of = require "rnn.exchange.tensors".read

local keras = {}

local MOST <const> = 1 << 36 -- bytes of a file

local function is(value) return value ~= nil and value ~= core.null and value ~= false end

local function clean(text) return (tostring(text):gsub("[%c\x7f]", "?"):sub(1, 100)) end

-- "TimeDistributed" -> "time_distributed", as the groups of a file are called.
local function snake(class)
  return (class:gsub("%W+", ""):gsub("(.)(%u%l+)", "%1_%2"):gsub("(%l)(%u)", "%1_%2"):lower())
end

-- ---- weights ----

-- Arrays of a layer as tensors.
local function tensors_from(objects)
  local parts, list = {}, {}
  for i, object in ipairs(objects) do parts[i] = object:array() end
  local made = tensors_of(parts)
  for i in ipairs(objects) do list[i] = made[i] end
  return list
end

-- Where weights are in a file of Keras 3: layers/lstm/cell/vars/0.
local Paths = {}
Paths.__index = Paths

function Paths:below(name)
  return setmetatable({ root = self.root, path = self.path == "" and name or self.path .. "/" .. name }, Paths)
end

function Paths:take(what, count)
  local objects, at = {}, self:below(what == "" and "vars" or what .. "/vars").path
  for i = 1, count do
    objects[i] = self.root:get(("%s/%d"):format(at, i - 1))
    if not objects[i] then core.fail("the file has no weights %s/%d", at, i - 1) end
  end
  if self.root:get(("%s/%d"):format(at, count)) then core.fail("the file has more than %d weights in %s", count, at) end
  return tensors_from(objects)
end

-- And in the older one: model_weights/lstm with a list of names, taken in their order.
local Lists = {}
Lists.__index = Lists

local function list_of(group, name)
  local objects = {}
  local names = group:texts(name) or {}
  for part = 0, 1000 do -- long lists are in pieces
    local more = group:texts(name .. part)
    if not more then break end
    table.move(more, 1, #more, #names + 1, names)
  end
  for i, weight in ipairs(names) do
    objects[i] = group:get(weight)
    if not objects[i] then core.fail("the file has no weights %s", clean(weight)) end
  end
  return objects
end

function Lists:below() return self end

function Lists:take(_, count)
  local objects = {}
  for i = 1, count do
    self.at = self.at + 1
    objects[i] = self.objects[self.at]
    if not objects[i] then core.fail("the file has only %d weights", #self.objects) end
  end
  return tensors_from(objects)
end

-- ---- parts of layers ----

local function shape(t) return "(" .. table.concat({ t:shape() }, ", ") .. ")" end

local function expect(layer, t, ...)
  local wanted = { ... }
  local fits = t:ndim() == #wanted
  for axis, n in ipairs(wanted) do fits = fits and t:size(axis) == n end
  if not fits then
    core.fail("'%s': weights %s, where (%s) is expected", layer.name, shape(t), table.concat(wanted, ", "))
  end
  return t
end

local function natural(layer, value, what)
  if type(value) == "table" and #value == 1 then value = value[1] end
  local n = type(value) == "number" and math.tointeger(value)
  if not n or n < 1 then core.fail("'%s': %s is no positive integer", layer.name, what) end
  return n
end

local function refuse(layer, format, ...)
  core.fail("'%s' (%s): " .. format .. " has no counterpart here", layer.name, layer.class, ...)
end

local function in_old_format(layer)
  core.fail("'%s': the weights of a model in a model, in this older format, are not told apart; save it as .keras",
    layer.name)
end

-- Settings that have a counterpart for some values only.
local function need(layer, name, ...)
  local value = layer.config[name]
  if value == nil or value == core.null then return end
  for _, good in ipairs { ... } do
    if value == good then return end
  end
  refuse(layer, "%s = %s", name, type(value) == "table" and "..." or clean(value))
end

local ACTIVATIONS = { relu = "ReLU", tanh = "Tanh", sigmoid = "Sigmoid", hard_sigmoid = "HardSigmoid", elu = "ELU",
  selu = "SELU", softplus = "Softplus", softsign = "Softsign", softmax = "Softmax", log_softmax = "LogSoftmax",
  gelu = "GELU", silu = "SiLU", swish = "SiLU", leaky_relu = "LeakyReLU" }

local function name_of_activation(layer, value)
  if value == nil or value == core.null then return "linear" end
  if type(value) == "table" then
    core.fail("refused: '%s': its activation is a function of its own, %s, whose code would have to run", layer.name,
      clean(type(value.config) == "string" and value.config or value.class_name))
  end
  return value
end

-- The layer of an activation, if it is one.
local function activation(layer, value)
  local name = name_of_activation(layer, value)
  if name == "linear" then return nil end
  local class = ACTIVATIONS[name]
  if not class then refuse(layer, "the activation '%s'", clean(name)) end
  if class == "HardSigmoid" and layer.old then refuse(layer, "hard_sigmoid of Keras 2, 0.2 x + 0.5,") end
  return { class = class, args = class == "LeakyReLU" and { 0.2 } or nil }
end

local INSIDE = { tanh = true, relu = true, sigmoid = true, hard_sigmoid = true, softsign = true, leaky_relu = true,
  selu = true }

local function inner_activation(layer, name, usual)
  local value = name_of_activation(layer, layer.config[name])
  if layer.config[name] == nil then value = usual end
  if value == "linear" then return "identity" end
  if not INSIDE[value] or value == "hard_sigmoid" and layer.old then
    refuse(layer, "%s = '%s'", name, clean(value))
  end
  return value ~= usual and value or nil
end

-- ---- recurrent layers ----

local CELLS = { SimpleRNN = "RNN", LSTM = "LSTM", GRU = "GRU" }
local GATES = { RNN = 1, LSTM = 4, GRU = 3 }

-- z r h -> r z n, in rows.
local function gates(class, t)
  if class ~= "GRU" then return t end
  local n = t:size(1) // 3
  return core.concat({ t:slice(1, n + 1, 2 * n), t:slice(1, 1, n), t:slice(1, 2 * n + 1, 3 * n) }, 1)
end

-- Kernel, recurrent kernel and bias of a layer in one direction into weights; returns its inputs.
local function cell_weights(layer, class, store, path, suffix, weights)
  local units = natural(layer, layer.config.units, "units")
  local rows, biased = GATES[class] * units, layer.config.use_bias ~= false
  local after = class == "GRU" and layer.config.reset_after ~= false
  local list = store:take(path, biased and 3 or 2)
  local inputs = list[1]:size(1)
  weights["weight_ih_l0" .. suffix] = gates(class, expect(layer, list[1], inputs, rows):transpose(1, 2))
  weights["weight_hh_l0" .. suffix] = gates(class, expect(layer, list[2], units, rows):transpose(1, 2))
  local zeros = core.zeros(rows)
  if not biased then
    weights["bias_ih_l0" .. suffix], weights["bias_hh_l0" .. suffix] = zeros, zeros
  elseif after then
    expect(layer, list[3], 2, rows)
    weights["bias_ih_l0" .. suffix] = gates(class, list[3]:select(1, 1))
    weights["bias_hh_l0" .. suffix] = gates(class, list[3]:select(1, 2))
  else
    weights["bias_ih_l0" .. suffix], weights["bias_hh_l0" .. suffix] = gates(class, expect(layer, list[3], rows)), zeros
  end
  return inputs
end

local known -- checks a config and makes a layer of it

-- A layer of RNN(cell) as one of the cell's name.
local function unwrap(layer)
  if layer.class ~= "RNN" then return layer end
  local cell = known(layer.config.cell, layer)
  local class = cell.class:match "^(%w+)Cell$"
  if not CELLS[class] then refuse(layer, "a cell %s", clean(cell.class)) end
  local config = {}
  for key, value in pairs(cell.config) do config[key] = value end
  for key, value in pairs(layer.config) do config[key] = config[key] == nil and value or config[key] end
  for _, key in ipairs { "return_sequences", "go_backwards" } do config[key] = layer.config[key] end
  return { class = class, name = layer.name, config = config, old = layer.old, context = layer.context }
end

local function recurrent(layer, store, directions)
  local class, config = CELLS[layer.class], layer.config
  need(layer, "go_backwards", false)
  need(layer, "time_major", false)
  local options = { activation = inner_activation(layer, "activation", "tanh"),
    returns = config.return_sequences ~= true and "last" or nil }
  if class ~= "RNN" then options.recurrent_activation = inner_activation(layer, "recurrent_activation", "sigmoid") end
  if class == "GRU" and config.reset_after == false then options.reset = "before" end
  local rate = config.recurrent_dropout
  if type(rate) == "number" and rate > 0 and rate < 1 then options.recurrent_dropout = rate end
  if type(config.dropout) == "number" and config.dropout > 0 then
    layer.context.note("'%s': dropout of its input, %g, is left out; it acts in training only", layer.name,
      config.dropout)
  end
  local weights, inputs = {}, nil
  for i, path in ipairs(directions or { "cell" }) do
    inputs = cell_weights(layer, class, store, path, i == 2 and "_reverse" or "", weights)
  end
  if is(config.stateful) then
    layer.context.note("'%s' keeps its state from batch to batch there (stateful); here model:stream does that",
      layer.name)
  end
  if options.returns then
    if layer.context.masked and is(config.zero_output_for_mask) then refuse(layer, "zero_output_for_mask") end
    layer.context.masked = false
  end
  return { class = class, args = { inputs, natural(layer, config.units, "units") }, options = options,
    weights = weights }
end

-- ---- layers ----

local MAKE = {}

for _, class in ipairs { "SimpleRNN", "LSTM", "GRU" } do MAKE[class] = recurrent end

function MAKE.RNN(layer, store)
  local cell = layer.config.cell
  if type(cell) ~= "table" or cell.class_name ~= "StackedRNNCells" then return recurrent(unwrap(layer), store) end
  local cells, list, used = type(cell.config) == "table" and cell.config.cells or {}, {}, {}
  for i, inner in ipairs(cells) do
    local config = {}
    for key, value in pairs(layer.config) do config[key] = value end
    config.cell, config.return_sequences = inner, i < #cells or layer.config.return_sequences
    local one = unwrap { class = "RNN", name = layer.name, config = config, old = layer.old, context = layer.context }
    local group = snake(one.class .. "Cell")
    used[group] = (used[group] or -1) + 1
    list[i] = recurrent(one, store, { ("cell/cells/%s%s"):format(group, used[group] > 0 and "_" .. used[group] or "") })
  end
  return table.unpack(list)
end

local make_model -- the layers of a model
local MODELS = { Sequential = true, Functional = true, Model = true }

function MAKE.Bidirectional(layer, store)
  local inner = unwrap(known(layer.config.layer, layer))
  if not CELLS[inner.class] then refuse(layer, "a layer %s", inner.class) end
  local back = layer.config.backward_layer
  if is(back) then
    local other = unwrap(known(back, layer))
    for _, key in ipairs { "units", "activation", "recurrent_activation", "use_bias", "reset_after",
      "return_sequences" } do
      if other.class ~= inner.class or other.config[key] ~= inner.config[key] then
        refuse(layer, "a backward_layer that is another")
      end
    end
  end
  inner.context, inner.name = layer.context, layer.name
  local made = recurrent(inner, store, { "forward_layer/cell", "backward_layer/cell" })
  local merge = ({ concat = "concat", sum = "sum", ave = "mean" })[layer.config.merge_mode or "concat"]
  if not merge then refuse(layer, "merge_mode = %s", clean(layer.config.merge_mode)) end
  made.options.bidirectional, made.options.merge = true, merge ~= "concat" and merge or nil
  return made
end

function MAKE.Dense(layer, store)
  need(layer, "lora_rank")
  local units, biased = natural(layer, layer.config.units, "units"), layer.config.use_bias ~= false
  local list = store:take("", biased and 2 or 1)
  local inputs = list[1]:size(1)
  expect(layer, list[1], inputs, units)
  return { class = "Linear", args = { inputs, units }, weights = { weight = list[1]:transpose(1, 2),
    bias = biased and expect(layer, list[2], units) or nil } }, activation(layer, layer.config.activation)
end

function MAKE.Embedding(layer, store)
  need(layer, "lora_rank")
  local count, dim = natural(layer, layer.config.input_dim, "input_dim"), natural(layer, layer.config.output_dim,
    "output_dim")
  local weight = expect(layer, store:take("", 1)[1], count, dim)
  local made = { class = "Embedding", args = { count, dim }, weights = { weight = weight } }
  if layer.config.mask_zero ~= true then return made end
  layer.context.masked = true
  return { class = "Masking", args = { 1 }, from = "mask_zero of the next: id 0 there is 1 here" }, made
end

function MAKE.Conv1D(layer, store)
  need(layer, "data_format", "channels_last")
  need(layer, "groups", 1)
  need(layer, "padding", "valid", "same", "causal")
  need(layer, "lora_rank")
  if layer.context.masked then refuse(layer, "a mask in front of it, which it forgets,") end
  local config = layer.config
  local filters, kernel = natural(layer, config.filters, "filters"), natural(layer, config.kernel_size, "kernel_size")
  local biased = config.use_bias ~= false
  local list = store:take("", biased and 2 or 1)
  local inputs = list[1]:ndim() == 3 and list[1]:size(2) or 0
  expect(layer, list[1], kernel, inputs, filters)
  local stride, dilation = natural(layer, config.strides or 1, "strides"), natural(layer, config.dilation_rate or 1,
    "dilation_rate")
  return { class = "Conv1d", args = { inputs, filters, kernel }, options = {
    stride = stride > 1 and stride or nil, dilation = dilation > 1 and dilation or nil,
    padding = is(config.padding) and config.padding ~= "valid" and config.padding or nil },
    weights = { weight = list[1]:permute(3, 2, 1), bias = biased and expect(layer, list[2], filters) or nil } },
    activation(layer, config.activation)
end

-- Of a mask in front of them all but GlobalAveragePooling1D know nothing.
for name, class in pairs { MaxPooling1D = "MaxPool1d", AveragePooling1D = "AvgPool1d",
  GlobalMaxPooling1D = "GlobalMaxPool1d", GlobalAveragePooling1D = "GlobalAvgPool1d" } do
  MAKE[name] = function(layer)
    need(layer, "data_format", "channels_last")
    if layer.context.masked and name ~= "GlobalAveragePooling1D" then
      refuse(layer, "a mask in front of it, which it forgets,")
    end
    if class:find "^Global" then
      need(layer, "keepdims", false)
      layer.context.masked = false
      return { class = class }
    end
    local config = layer.config
    need(layer, "padding", "valid", "same")
    local size = natural(layer, config.pool_size, "pool_size")
    return { class = class, args = { size }, options = { padding = config.padding,
      stride = is(config.strides) and natural(layer, config.strides, "strides") or nil } }
  end
end

local function last_axis(layer)
  local axis = layer.config.axis
  if type(axis) == "table" and #axis == 1 then axis = axis[1] end
  if axis == nil or axis == -1 then return end
  -- Keras writes the axis counted from the front, once the layer is built.
  local built = layer.built
  if type(built) == "table" and axis == #built - 1 then return end
  refuse(layer, "axis = %s", type(axis) == "table" and "several" or clean(axis))
end

function MAKE.LayerNormalization(layer, store)
  last_axis(layer)
  need(layer, "rms_scaling", false)
  local config = layer.config
  local scaled, centred = config.scale ~= false, config.center ~= false
  if not scaled and not centred then refuse(layer, "neither scale nor center") end
  local list = store:take("", (scaled and 1 or 0) + (centred and 1 or 0))
  local n = list[1]:count()
  return { class = "LayerNorm", args = { n }, options = { epsilon = config.epsilon or 1e-3 }, weights = {
    weight = scaled and expect(layer, list[1], n) or core.ones(n),
    bias = centred and expect(layer, list[#list], n) or core.zeros(n) } }
end

function MAKE.BatchNormalization(layer, store)
  last_axis(layer)
  need(layer, "renorm", false)
  local config = layer.config
  local scaled, centred = config.scale ~= false, config.center ~= false
  local list = store:take("", 2 + (scaled and 1 or 0) + (centred and 1 or 0))
  local n = list[1]:count()
  for _, t in ipairs(list) do expect(layer, t, n) end
  return { class = "BatchNorm", args = { n }, options = { epsilon = config.epsilon or 1e-3,
    momentum = config.momentum or 0.99 }, weights = { weight = scaled and list[1] or core.ones(n),
    bias = centred and list[scaled and 2 or 1] or core.zeros(n), running_mean = list[#list - 1],
    running_var = list[#list] } }
end

-- The numbers of a setting, however deep they lie.
local function given_numbers(layer, name)
  local list = {}
  local function add(value)
    if type(value) == "number" then list[#list + 1] = value + 0.0
    elseif type(value) == "table" then
      for _, inner in ipairs(value) do add(inner) end
    end
  end
  add(layer.config[name])
  if #list == 0 then core.fail("'%s': %s is no list of numbers", layer.name, name) end
  return core.tensor(list)
end

function MAKE.Normalization(layer, store)
  last_axis(layer)
  need(layer, "invert", false)
  local list, n
  if is(layer.config.mean) then
    list = { given_numbers(layer, "mean"), given_numbers(layer, "variance") }
  else
    list = store:take("", 3) -- the third says how many samples these are of
  end
  n = type(layer.built) == "table" and layer.built[#layer.built] or list[1]:count()
  for i = 1, 2 do list[i] = list[i]:count() == 1 and list[i]:reshape(1):broadcast_to(n) or list[i] end
  return { class = "BatchNorm", args = { n }, options = { epsilon = 1e-14 }, weights = { weight = core.ones(n),
    bias = core.zeros(n), running_mean = expect(layer, list[1], n), running_var = expect(layer, list[2], n) } }
end

function MAKE.Masking(layer)
  layer.context.masked = true
  local value = layer.config.mask_value
  return { class = "Masking", args = { is(value) and value or 0 } }
end

function MAKE.Dropout(layer)
  local rate = layer.config.rate
  if type(rate) ~= "number" or rate <= 0 or rate >= 1 then return nil end
  return { class = "Dropout", args = { rate } }
end
MAKE.SpatialDropout1D = MAKE.Dropout

function MAKE.Activation(layer) return activation(layer, layer.config.activation) end

function MAKE.ReLU(layer)
  need(layer, "max_value")
  need(layer, "threshold", 0, 0.0)
  local slope = layer.config.negative_slope
  if type(slope) == "number" and slope ~= 0 then return { class = "LeakyReLU", args = { slope } } end
  return { class = "ReLU" }
end

function MAKE.LeakyReLU(layer)
  local slope = layer.config.negative_slope or layer.config.alpha
  return { class = "LeakyReLU", args = { type(slope) == "number" and slope or 0.3 } }
end

function MAKE.ELU(layer)
  need(layer, "alpha", 1, 1.0)
  return { class = "ELU" }
end

function MAKE.Softmax(layer)
  need(layer, "axis", -1)
  return { class = "Softmax" }
end

function MAKE.Flatten(layer)
  need(layer, "data_format", "channels_last")
  if layer.context.masked then refuse(layer, "a mask in front of it, which it forgets,") end
  return { class = "Flatten" }
end

function MAKE.RepeatVector(layer)
  return { class = "RepeatVector", args = { natural(layer, layer.config.n, "n") } }
end

function MAKE.TimeDistributed(layer, store)
  local inner = known(layer.config.layer, layer)
  local list
  if MODELS[inner.class] then
    if getmetatable(store) == Lists then in_old_format(inner) end
    list = make_model(inner, store:below "layer", layer.context, {}, 2)
  else
    list = layer.context.make(inner, store:below "layer", layer.context)
  end
  local first = list[1]
  if #list == 0 then return nil end
  return { class = "TimeDistributed", args = { list[2] and { class = "Sequential", args = { list } } or first } }
end

-- At work these do nothing.
for _, class in ipairs { "InputLayer", "Identity", "ActivityRegularization", "GaussianNoise", "GaussianDropout",
  "AlphaDropout" } do
  MAKE[class] = function() return nil end
end

-- ---- models ----

function known(description, outer)
  if type(description) ~= "table" or type(description.config) ~= "table" then
    core.fail("'%s' has a layer that is none", outer.name)
  end
  local class = tostring(description.class_name)
  local name = clean(description.config.name or description.name or class)
  if class == "Lambda" then
    core.fail("refused: '%s' is a Lambda layer, whose code would have to run", name)
  end
  local module, registered = description.module, description.registered_name
  if is(module) and not tostring(module):find "^keras%.?" or is(registered) and registered ~= class
    or tostring(registered):find ">" then
    core.fail("refused: '%s' is of a class of its own, %s, whose code would have to run", name,
      clean(is(registered) and registered or tostring(module) .. "." .. class))
  end
  local policy = description.config.dtype
  local dtype = type(policy) == "table" and type(policy.config) == "table" and policy.config.name or policy
  if type(dtype) == "string" and dtype:find "^[u]?int[48]" or type(policy) == "table"
    and tostring(policy.class_name):find "Quantized" then
    core.fail("'%s' has quantised weights, which have no counterpart here", name)
  end
  if type(dtype) == "string" and dtype:find "float16" and outer.context then
    outer.context.note("'%s' computes in %s there, in %s here", name, clean(dtype), core.precision)
  end
  local built = type(description.build_config) == "table" and description.build_config.input_shape or nil
  return { class = class, name = name, config = description.config, nodes = description.inbound_nodes, old = outer.old,
    built = built }
end

-- What a layer is applied to: the name of the layer before it, and which of its outputs. Names of what makes its masks
-- go into masks.
local function source_of(layer, masks)
  local nodes = layer.nodes
  if type(nodes) ~= "table" or #nodes ~= 1 then
    core.fail("'%s' is used %d times, where a chain of layers has it once", layer.name,
      type(nodes) == "table" and #nodes or 0)
  end
  local found = {}
  local function look(value, key)
    if type(value) ~= "table" then return end
    if value.class_name == "__keras_tensor__" then
      local history = value.config and value.config.keras_history
      if key == "mask" then masks[#masks + 1] = type(history) == "table" and history[1] or "?"
      else found[#found + 1] = history end
    else
      for k, item in pairs(value) do look(item, type(k) == "string" and k or key) end
    end
  end
  local kwargs = nodes[1].kwargs
  if nodes[1].args ~= nil then
    look(nodes[1])
  else -- Keras 2: { { "lstm", 0, 0, {} } }
    for _, entry in ipairs(nodes[1]) do
      found[#found + 1], kwargs = entry, entry[4]
      if type(kwargs) == "table" and is(kwargs.mask) then masks[#masks + 1] = "?" end
    end
  end
  if type(kwargs) == "table" and kwargs.training == true then
    core.fail("'%s' is called with training = True, which has no counterpart here", layer.name)
  end
  if #found ~= 1 or type(found[1]) ~= "table" then
    core.fail("'%s' takes %d tensors, where a chain of layers has one", layer.name, #found)
  end
  return found[1][1], found[1][3]
end

-- { "dense", 0, 0 }, also in lists of one: the name of a layer, and which of its outputs.
local function only_end(value, what)
  while type(value) == "table" and type(value[1]) == "table" and #value == 1 do value = value[1] end
  if type(value) ~= "table" or type(value[1]) ~= "string" then core.fail("a model with several %s", what) end
  return value[1], value[3]
end

-- The layer of which that output goes on: the first, or of a recurrent one the state h, its last output.
local function output_of(layer, index)
  if index == 0 then return layer end
  if index ~= 1 or not CELLS[unwrap(layer).class] or not is(layer.config.return_state) then
    core.fail("'%s' (%s): output %s of it has no counterpart here", layer.name, layer.class, clean(index))
  end
  local config = {}
  for key, value in pairs(layer.config) do config[key] = value end
  config.return_sequences = false
  local last = {}
  for key, value in pairs(layer) do last[key] = value end
  last.config = config
  return last
end

-- Is it the mask that a layer of the chain makes of its input, not_equal(x, value), of features any of it? With mixed
-- precision x is rounded first.
local function is_mask_of(maskers, by_name, name)
  local layer = by_name[name]
  layer = layer and layer[1]
  if layer and layer.class == "Any" then
    name = source_of(layer, {})
    layer = by_name[name] and by_name[name][1]
  end
  if not layer or layer.class ~= "NotEqual" then return false end
  local of, value = source_of(layer, {}), layer.nodes[1].args[2]
  local before = by_name[of] and by_name[of][1]
  if before and before.class == "Cast" then of = source_of(before, {}) end
  for _, masker in ipairs(maskers) do
    if masker.of == of and masker.value == value then return true end
  end
  return false
end

-- The layers of a functional model in the order in which they run.
local function chain(model, layers)
  local by_name, order, at, index = {}, {}, only_end(model.config.output_layers, "outputs")
  local first = only_end(model.config.input_layers, "inputs")
  for i, layer in ipairs(layers) do by_name[layer.key] = { layer, i } end
  local seen, masked, maskers = {}, {}, {}
  while at ~= first do
    local entry = by_name[at]
    if not entry or seen[at] then core.fail("'%s' is no layer of the chain", clean(at)) end
    local layer, masks = entry[1], {}
    table.insert(order, 1, output_of(layer, index))
    seen[at] = true
    at, index = source_of(layer, masks)
    for _, mask in ipairs(masks) do masked[#masked + 1] = { layer, mask } end
    if layer.class == "Embedding" and layer.config.mask_zero == true then
      maskers[#maskers + 1] = { of = at, value = 0 }
    elseif layer.class == "Masking" then
      maskers[#maskers + 1] = { of = at, value = is(layer.config.mask_value) and layer.config.mask_value or 0 }
    end
  end
  if index ~= 0 then core.fail("output %s of the input", clean(index)) end
  for _, pair in ipairs(masked) do
    if pair[2] == "?" or not is_mask_of(maskers, by_name, pair[2]) then
      core.fail("'%s' is given a mask that no layer before it makes of its own", pair[1].name)
    end
  end
  for _, layer in ipairs(layers) do
    local of_masks = #masked > 0 and (layer.class == "NotEqual" or layer.class == "Any" or layer.class == "Cast")
    if not seen[layer.key] and layer.class ~= "InputLayer" and not of_masks then
      core.fail("'%s' (%s) stands beside the chain of layers from input to output", layer.name, layer.class)
    end
  end
  return order
end

-- The layers of a model, with weights, appended to list.
function make_model(model, store, context, list, depth)
  if depth > 8 then core.fail "models in models, more than 8 deep" end
  local layers, used = {}, {}
  if type(model.config.layers) ~= "table" then core.fail("'%s' has no layers", model.name) end
  for i, description in ipairs(model.config.layers) do
    local layer = known(description, { name = model.name, old = model.old, context = context })
    layer.key = description.name or layer.name
    local group = snake(layer.class)
    used[group] = (used[group] or -1) + 1
    layer.group = "layers/" .. (used[group] > 0 and group .. "_" .. used[group] or group)
    layers[i] = layer
  end
  local order = layers
  if model.class ~= "Sequential" then order = chain(model, layers) end
  for _, layer in ipairs(order) do
    local own = store.of and store.of(layer) or store:below(layer.group)
    if MODELS[layer.class] then
      if store.of then in_old_format(layer) end
      make_model(layer, own, context, list, depth + 1)
    else
      table.move(context.make(layer, own, context), 1, 16, #list + 1, list)
    end
  end
  return list
end

-- A layer with its weights: a list of ours, for one may stand for several.
local function make_layer(layer, store, context)
  local make = MAKE[layer.class]
  if not make then core.fail("'%s': a layer %s has no counterpart here", layer.name, clean(layer.class)) end
  layer.context = context
  local list = {}
  local made = table.pack(make(layer, store))
  for i = 1, made.n do
    if made[i] then
      made[i].from = made[i].from or layer.name
      list[#list + 1] = made[i]
    end
  end
  return list
end

local function json(text, what)
  local value, message = core.json_decode(text)
  if type(value) ~= "table" then core.fail("%s: %s", what, message or "no JSON object") end
  return value
end

-- ---- files ----

local function read_archive(path)
  local files, message = core.bundle_read(path, MOST, true)
  if not files then core.fail("%s", message) end
  local found = {}
  for _, file in ipairs(files) do
    if found[file.name] then core.fail("it has %s twice", clean(file.name)) end
    found[file.name] = file.bytes
  end
  if not found["config.json"] then core.fail "no model of Keras 3: it has no config.json" end
  if not found["model.weights.h5"] then core.fail "it has no model.weights.h5" end
  local metadata = found["metadata.json"] and json(found["metadata.json"], "metadata.json") or {}
  return json(found["config.json"], "config.json"), setmetatable({ root = hdf5.read(found["model.weights.h5"]),
    path = "" }, Paths), metadata.keras_version
end

local function read_file(path)
  local text, message = core.file_read(path)
  if not text then core.fail("%s", message) end
  return text
end

-- An .h5 file: a whole model of the older kind, or weights of either.
local function read_h5(path, config_path)
  local root = hdf5.read(read_file(path))
  local config = root:text "model_config"
  local group = root:get "model_weights"
  if not config and not config_path then
    core.fail("a file of weights does not say what model they are of: write model.to_json() of it into a file, and "
      .. "give that: --config model.json; or save it as model.keras")
  end
  config = config_path and json(read_file(config_path), "--config") or json(config, "model_config")
  local version = root:text "keras_version" or config.keras_version
  group = group or root:texts "layer_names" and root
  if not group then return config, setmetatable({ root = root, path = "" }, Paths), version end
  local old = tostring(version):find "^[12]%." ~= nil
  return config, { of = function(layer)
    local own = group:get(layer.key)
    return setmetatable({ objects = own and list_of(own, "weight_names") or {}, at = 0 }, Lists)
  end }, version, old
end

--- keras.read(path, options) -> source: what exchange/init.lua makes a model of
function keras.read(path, options)
  local config, store, version, old
  if path:find "%.keras$" then config, store, version = read_archive(path)
  else config, store, version, old = read_h5(path, options.config) end
  local notes = {}
  local context = { masked = false, make = make_layer }
  function context.note(...)
    local text = string.format(...)
    for _, note in ipairs(notes) do
      if note == text then return end
    end
    notes[#notes + 1] = text
  end
  local model = known(config, { name = "the model", old = old })
  if not MODELS[model.class] then core.fail("'%s': a model of class %s has no counterpart here", model.name,
    clean(model.class)) end
  local layers = make_model(model, store, context, {}, 1)
  return { from = "Keras" .. (version and " " .. clean(version) or ""), layers = layers, notes = notes }
end

return keras
