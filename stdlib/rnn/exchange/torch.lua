-- torch.lua: the layers of a PyTorch model. A state dict has names and shapes, but not what runs when: that is a chain,
-- which the user writes ("embed lstm last fc"), or which a recording of the model at work tells (recording.lua).
--
-- A step of a chain is { name = "fc", class = "Linear", options = {...} } of a module, which is what its class says,
-- whatever it is called; or, without a class, { name = "relu" } of a function, { name = "last" }. Of what is written by
-- hand (said = true) a name may be that of a module as well.

local core = require "rnn.core"
local single = require("rnn.exchange.recording").single

local torch = {}

local function sizes(t) return "(" .. table.concat({ t:shape() }, ", ") .. ")" end

-- ---- modules ----

local RECURRENT = { RNN = 1, GRU = 3, LSTM = 4 } -- gates

-- Which classes the tensors of a module may be of, by their names and shapes.
local function classes_of(tensors)
  local weight, bias = tensors.weight, tensors.bias
  if tensors.weight_ih_l0 and tensors.weight_hh_l0 then
    local rows = tensors.weight_ih_l0:size(1)
    local units = tensors.weight_hr_l0 and tensors.weight_hr_l0:size(-1) or tensors.weight_hh_l0:size(-1)
    for class, gates in pairs(RECURRENT) do
      if rows == gates * units then return { class } end
    end
    return {}
  end
  for name in pairs(tensors) do
    if name ~= "weight" and name ~= "bias" and not name:find "^running_" and name ~= "num_batches_tracked" then
      return {}
    end
  end
  if tensors.running_mean then return { "BatchNorm1d" } end
  if not weight then return {} end
  if weight:ndim() == 3 then return { "Conv1d" } end
  if weight:ndim() == 2 then return bias and { "Linear" } or { "Embedding", "Linear" } end
  if weight:ndim() == 1 and bias then return { "LayerNorm", "GroupNorm" } end
  return {}
end

local function refuse_parametrized(name)
  core.fail("'%s' is computed of others in a way that has no counterpart here; torch.nn.utils.parametrize."
    .. "remove_parametrizations, remove_spectral_norm or prune.remove makes one tensor of it", name)
end

-- What weight_norm keeps apart, g v / |v|, as one tensor again; names in their order.
local function folded(tensors, names, notes)
  local kept, pairs_of = {}, {}
  for _, full in ipairs(names) do
    local computed = full:match "^(.*)_orig$" or full:match "^(.*parametrizations%.[^.]+)%.original$"
    if computed then refuse_parametrized((computed:gsub("parametrizations%.", ""))) end
    local module, leaf, which = full:match "^(.*)parametrizations%.([^.]+)%.original([01])$"
    if not module then
      module, leaf, which = full:match "^(.-)([^.]*)_([gv])$"
      which = which == "g" and "0" or which == "v" and "1"
      local other = which and module .. leaf .. (which == "0" and "_v" or "_g")
      if not other or not tensors[other] or tensors[module .. leaf .. "_orig"] then module = nil end
    end
    local name = module and module .. leaf
    if name and not pairs_of[name] then pairs_of[name], kept[#kept + 1] = {}, name end
    if name then pairs_of[name][which] = tensors[full] else kept[#kept + 1] = full end
  end
  local all = {}
  for _, name in ipairs(kept) do
    local pair = pairs_of[name]
    all[name] = tensors[name]
    if pair then
      local g, v, over = pair["0"], pair["1"], {}
      if not g or not v or g:ndim() ~= v:ndim() and g:count() ~= 1 then refuse_parametrized(name) end
      for axis = 1, v:ndim() do
        if g:ndim() ~= v:ndim() or g:size(axis) == 1 then over[#over + 1] = axis
        elseif g:size(axis) ~= v:size(axis) then core.fail("'%s': g %s does not fit v %s", name, sizes(g), sizes(v)) end
      end
      all[name] = v * (g / v:square():sum(over, true):sqrt())
      notes[#notes + 1] = ("'%s' was taken as weight_norm has it, g v / |v|, and is one tensor here"):format(name)
    end
  end
  return all, kept
end

--- torch.modules(tensors, names, notes) -> list of { name, tensors, classes }, in the order of names; by their names
function torch.modules(tensors, names, notes)
  local list, by_name = {}, {}
  tensors, names = folded(tensors, names, notes)
  for _, full in ipairs(names) do
    local name, leaf = full:match "^(.*)%.([^.]+)$"
    if not name then name, leaf = "", full end
    if not by_name[name] then
      by_name[name] = { name = name, tensors = {} }
      list[#list + 1] = by_name[name]
    end
    by_name[name].tensors[leaf] = tensors[full]
  end
  for _, module in ipairs(list) do module.classes = classes_of(module.tensors) end
  return list, by_name
end

-- ---- layers ----

-- Takes a tensor of a module, and checks its shape.
local function take(module, name, ...)
  local t = module.tensors[name]
  if not t then core.fail("'%s' has no %s", module.name, name) end
  module.left[name] = nil
  local wanted = { ... }
  for axis, n in ipairs(wanted) do
    if t:ndim() ~= #wanted or t:size(axis) ~= n then
      core.fail("'%s.%s' is %s, where (%s) is expected", module.name, name, sizes(t), table.concat(wanted, ", "))
    end
  end
  return t
end

local function refuse(module, name, value)
  local text = value == core.null and "None" or tostring(value)
  if type(value) == "table" then text = value.t and "a tensor" or core.json_encode(value) end
  core.fail("'%s': %s = %s has no counterpart here", module.name, name, text)
end

local function need(module, options, name, ...)
  local value = options[name]
  for _, good in ipairs { ... } do
    if value == good then return end
  end
  if value ~= nil then refuse(module, name, value) end
end

-- The rate of a dropout; nil: none.
local function rate_of(module, options, name)
  local rate = options[name]
  if type(rate) ~= "number" or rate == 0 then return nil end
  if rate < 0 or rate >= 1 then refuse(module, name, rate) end
  return rate
end

-- An option, or PyTorch's default, which goes into module.unsaid.
local function said(module, options, name, usual)
  local value = single(options[name])
  if value ~= nil then return value end
  table.insert(module.unsaid, ("%s=%s"):format(name, usual))
  return usual
end

local function recurrent(class)
  return function(module, options)
    local gates, layers = RECURRENT[class], 0
    local tensors = module.tensors
    while tensors["weight_ih_l" .. layers] do layers = layers + 1 end
    local both = tensors.weight_ih_l0_reverse ~= nil
    local first = take(module, "weight_ih_l0")
    local units, inputs = first:size(1) // gates, first:size(2)
    local projection = tensors.weight_hr_l0 and tensors.weight_hr_l0:size(1)
    local width, wanted, weights = projection or units, inputs, {}
    need(module, options, "bidirectional", both)
    need(module, options, "num_layers", layers)
    for k = 0, layers - 1 do
      for direction = 1, both and 2 or 1 do
        local suffix = ("_l%d%s"):format(k, direction == 2 and "_reverse" or "")
        weights["weight_ih" .. suffix] = take(module, "weight_ih" .. suffix, gates * units, wanted)
        weights["weight_hh" .. suffix] = take(module, "weight_hh" .. suffix, gates * units, width)
        for _, name in ipairs { "bias_ih", "bias_hh" } do
          name = name .. suffix
          weights[name] = tensors.bias_ih_l0 and take(module, name, gates * units) or core.zeros(gates * units)
        end
        if projection then weights["weight_hr" .. suffix] = take(module, "weight_hr" .. suffix, width, units) end
      end
      wanted = width * (both and 2 or 1)
    end
    local given = { layers = layers > 1 and layers or nil, bidirectional = both or nil, projection = projection }
    local rate = rate_of(module, options, "dropout")
    if layers > 1 then given.dropout = rate end
    if class == "RNN" then
      local activation = options.nonlinearity
      if activation ~= "tanh" and activation ~= "relu" then
        core.fail("'%s': a state dict does not say the nonlinearity of an nn.RNN: %s(nonlinearity=tanh) or "
          .. "%s(nonlinearity=relu) in --chain", module.name, module.name, module.name)
      end
      given.activation = activation ~= "tanh" and activation or nil
    end
    return { class = class, args = { inputs, units }, options = given, weights = weights }
  end
end

local LAYERS = { RNN = recurrent "RNN", GRU = recurrent "GRU", LSTM = recurrent "LSTM" }

function LAYERS.Linear(module)
  local units, inputs = take(module, "weight"):shape()
  local bias = module.tensors.bias and take(module, "bias", units)
  return { class = "Linear", args = { inputs, units }, weights = { weight = module.tensors.weight, bias = bias } }
end

function LAYERS.Embedding(module, options)
  local count, dim = take(module, "weight"):shape()
  need(module, options, "max_norm", core.null)
  return { class = "Embedding", args = { count, dim }, weights = { weight = module.tensors.weight } }
end

function LAYERS.Conv1d(module, options)
  local filters, inputs, kernel = take(module, "weight"):shape()
  local stride, padding, dilation = said(module, options, "stride", 1), said(module, options, "padding", 0),
    said(module, options, "dilation", 1)
  need(module, options, "groups", 1)
  need(module, options, "padding_mode", "zeros")
  local kind
  if module.pad then
    if padding ~= 0 or module.pad ~= (kernel - 1) * dilation then
      core.fail("'%s': %d zeros in front of it are not those of a causal convolution", module.name, module.pad)
    end
    kind = "causal"
  elseif padding == 0 or padding == "valid" then kind = "valid"
  elseif padding == "same" or stride == 1 and 2 * padding == (kernel - 1) * dilation then kind = "same" -- odd: behind
  else core.fail("'%s': padding = %s has no counterpart here", module.name, tostring(padding)) end
  local bias = module.tensors.bias and take(module, "bias", filters)
  return { class = "Conv1d", args = { inputs, filters, kernel }, weights = { weight = module.tensors.weight,
    bias = bias }, options = { stride = stride > 1 and stride or nil, dilation = dilation > 1 and dilation or nil,
    padding = kind ~= "valid" and kind or nil } }
end

function LAYERS.LayerNorm(module, options)
  local n = take(module, "weight"):shape()
  if type(options.normalized_shape) == "table" and #options.normalized_shape ~= 1 then
    core.fail("'%s': a layer norm over %d axes has no counterpart here", module.name, #options.normalized_shape)
  end
  return { class = "LayerNorm", args = { n }, options = { epsilon = said(module, options, "eps", 1e-5) },
    weights = { weight = module.tensors.weight,
      bias = module.tensors.bias and take(module, "bias", n) or core.zeros(n) } }
end

function LAYERS.BatchNorm1d(module, options)
  local n = take(module, "running_mean"):shape()
  local affine = module.tensors.weight ~= nil
  module.left.num_batches_tracked = nil
  local momentum = options.momentum or 0.1
  if type(momentum) ~= "number" then refuse(module, "momentum", momentum) end
  return { class = "BatchNorm", args = { n }, options = { epsilon = said(module, options, "eps", 1e-5),
    momentum = 1 - momentum }, weights = { weight = affine and take(module, "weight", n) or core.ones(n),
      bias = affine and take(module, "bias", n) or core.zeros(n),
      running_mean = module.tensors.running_mean, running_var = take(module, "running_var", n) } }
end

-- ---- what has no tensors ----

local FUNCTIONS = {
  relu = "ReLU", tanh = "Tanh", sigmoid = "Sigmoid", hardsigmoid = "HardSigmoid", hard_sigmoid = "HardSigmoid",
  selu = "SELU", softsign = "Softsign", silu = "SiLU", softmax = "Softmax", log_softmax = "LogSoftmax",
  gelu = "GELU", elu = "ELU", softplus = "Softplus", leaky_relu = "LeakyReLU",
}
for _, class in pairs { "ReLU", "Tanh", "Sigmoid", "SELU", "Softsign", "SiLU", "Softmax", "LogSoftmax", "GELU", "ELU",
  "Softplus", "LeakyReLU" } do
  FUNCTIONS[class] = class
end
FUNCTIONS.Hardsigmoid = "HardSigmoid"
FUNCTIONS.MaxPool1d, FUNCTIONS.max_pool1d = "MaxPool1d", "MaxPool1d"
FUNCTIONS.AvgPool1d, FUNCTIONS.avg_pool1d = "AvgPool1d", "AvgPool1d"
FUNCTIONS.global_max, FUNCTIONS.global_mean = "GlobalMaxPool1d", "GlobalAvgPool1d" -- words of recording.lua and chains

local NOTHING = { Identity = true, identity = true, contiguous = true }
local DROPOUTS = { Dropout = true, dropout = true, Dropout1d = true, AlphaDropout = true, FeatureAlphaDropout = true }

-- The class of what has no tensors, if a layer here is it; and what stands in which place behind the input of its
-- function.
local function class_of(step)
  local word = step.class or step.name
  return FUNCTIONS[word] or DROPOUTS[word] and "Dropout", word
end
local PLACES = { ELU = { "alpha", "inplace" }, LeakyReLU = { "negative_slope", "inplace" }, SELU = { "inplace" },
  Softplus = { "beta", "threshold" }, Softmax = { "dim" }, LogSoftmax = { "dim" }, ReLU = { "inplace" },
  SiLU = { "inplace" }, HardSigmoid = { "inplace" }, Dropout = { "p", "training", "inplace" },
  MaxPool1d = { "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices" },
  AvgPool1d = { "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad" } }

-- A layer of windows.
local function pool_of(module, class, options)
  local size, stride = single(options.kernel_size), single(options.stride)
  if stride == core.null or type(stride) == "table" and #stride == 0 then stride = nil end -- None, or (): the size
  if math.type(size) ~= "integer" then refuse(module, "kernel_size", size) end
  need(module, { padding = single(options.padding) }, "padding", 0)
  need(module, { dilation = single(options.dilation) }, "dilation", 1)
  need(module, options, "ceil_mode", false)
  need(module, options, "return_indices", false)
  need(module, options, "count_include_pad", true, false) -- there is none
  return { class = class, args = { size }, options = { stride = stride } }
end

-- The layer of what has no tensors, or nil.
local function function_of(step)
  local module, options, class, word = { name = step.name }, step.options or {}, class_of(step)
  need(module, options, "training", false)
  if class == "GELU" then need(module, options, "approximate", "none") end
  if class == "ELU" then need(module, options, "alpha", 1) end
  if class == "Softplus" then
    need(module, options, "beta", 1)
    need(module, options, "threshold", 20)
  end
  if class == "Softmax" or class == "LogSoftmax" then
    local dim = options.dim -- where it was recorded the axis has been looked at
    if step.said then need(module, { dim = dim }, "dim", -1) end
  end
  if class == "MaxPool1d" or class == "AvgPool1d" then return pool_of(module, class, options) end
  if class == "LeakyReLU" then return { class = class, args = { options.negative_slope or 0.01 } } end
  if class == "Dropout" then
    local rate = rate_of(module, options, "p")
    return rate and { class = "Dropout", args = { rate } } or { nothing = true }
  end
  if class then return { class = class } end
  if NOTHING[word] then return { nothing = true } end
  if word == "flatten" or word == "Flatten" then return { class = "Flatten" } end
end

-- Layers that treat each step by itself: the last step of their output is their output of the last step.
local STEPWISE = { Linear = true, LayerNorm = true, BatchNorm = true, Dropout = true, ReLU = true, Tanh = true,
  Sigmoid = true, HardSigmoid = true, SELU = true, Softsign = true, SiLU = true, Softmax = true, LogSoftmax = true,
  GELU = true, ELU = true, Softplus = true, LeakyReLU = true }

-- The recurrent layer behind which only such layers stand gives its last outputs alone.
local function take_last(layers, final)
  for i = #layers, 1, -1 do
    local layer = layers[i]
    if RECURRENT[layer.class] then
      if layer.options.bidirectional and not final then
        core.fail("'%s': the last step of both directions, y[:, -1], has seen one step of the sequence backwards, and "
          .. "no layer here gives that; torch.cat((h[-2], h[-1]), 1), --chain: final, is what both have seen",
          layer.from)
      end
      layer.options.returns = "last"
      return
    end
    if not STEPWISE[layer.class] or final then break end
  end
  core.fail "the last step is taken of something that is no recurrent layer"
end

-- Columns of a Linear behind a flattened (N, C, T) as those behind (N, T, C).
local function reorder(layer, flat)
  local weight = layer.weights.weight
  local units, inputs = weight:shape()
  local steps = flat.steps or inputs // flat.channels
  if inputs ~= flat.channels * steps then
    core.fail("'%s' takes %d features, behind %d channels of %d steps", layer.from, inputs, flat.channels, steps)
  end
  layer.weights.weight = weight:reshape(units, flat.channels, steps):transpose(2, 3):reshape(units, inputs)
end

-- What was one in the file and is several here.
local function note_shared(modules, used, notes)
  local first = {}
  for _, module in ipairs(modules) do
    if used[module.name] > 1 then
      notes[#notes + 1] = ("'%s' ran %d times and became as many layers, which training changes apart"):format(
        module.name, used[module.name])
    end
    for leaf, t in pairs(module.tensors) do
      if first[t] then
        notes[#notes + 1] = ("'%s.%s' and '%s' are one there and two here"):format(module.name, leaf, first[t])
      end
      first[t] = first[t] or module.name .. "." .. leaf
    end
  end
end

-- Options that change nothing here, and those of a recording that tensors and shapes tell as well.
local INDIFFERENT, TOLD = {}, {}
for name in ("batch_first padding_idx inplace"):gmatch "%S+" do INDIFFERENT[name] = true end
for name in ([[training bias in_features out_features num_embeddings embedding_dim norm_type scale_grad_by_freq sparse
  in_channels out_channels kernel_size transposed output_padding mode input_size hidden_size proj_size
  normalized_shape elementwise_affine num_features affine track_running_stats start_dim end_dim]]):gmatch "%S+" do
  TOLD[name] = true
end

-- A step with its options by name, of which is known which ones somebody asked for.
local function watched(step)
  local seen, given, places = {}, {}, PLACES[class_of(step)] or {}
  for key, value in pairs(step.options or {}) do given[places[key] or key] = value end
  return setmetatable({ seen = seen, given = given, options = setmetatable({}, { __index = function(_, key)
    seen[key] = true
    return given[key]
  end }) }, { __index = step })
end

-- Raises for an option that nobody asked for.
local function refuse_unseen(step)
  for name, value in pairs(step.given) do
    if step.seen[name] or INDIFFERENT[name] then goto next end
    if step.said then
      core.fail("--chain: '%s' has no option '%s' that would change anything here", step.name, name)
    elseif not TOLD[name] and value ~= core.null and not tostring(name):find "^_" then
      refuse(step, name, value)
    end
    ::next::
  end
end

local function describe(module)
  local class, t = module.classes[1], module.tensors
  if not class then
    local names = {}
    for name in pairs(t) do names[#names + 1] = name end
    table.sort(names)
    return "not known: it has " .. table.concat(names, ", ")
  end
  return ("%s of %s"):format(table.concat(module.classes, " or "), sizes(t.weight or t.weight_ih_l0 or t.running_mean))
end

-- A module by its name, or by the end of it where one module alone has that: "lstm" is "module.lstm".
local function find(by_name, name)
  if by_name[name] then return by_name[name] end
  local found
  for full, module in pairs(by_name) do
    if full:sub(-#name - 1) == "." .. name then
      if found then return nil end
      found = module
    end
  end
  return found
end

-- The layer of a module with tensors.
local function layer_of(module, step, pad)
  local class = step.class or #module.classes == 1 and module.classes[1]
  need(module, step.options, "training", false)
  if not class and #module.classes == 0 then
    core.fail("'%s': %s; --chain \"... %s=CLASS ...\" says what it is", module.name, describe(module), module.name)
  elseif not class then
    core.fail("'%s': its tensors do not say whether it is %s: --chain \"... %s=%s ...\"", module.name,
      table.concat(module.classes, " or "), module.name, module.classes[1])
  end
  class = class:gsub("^Lazy", "")
  if not LAYERS[class] then core.fail("'%s': nn.%s has no counterpart here", module.name, class) end
  if pad and class ~= "Conv1d" then
    core.fail("'%s': zeros in front of it have no counterpart here", module.name)
  end
  module.left, module.unsaid, module.pad = {}, {}, pad
  for name in pairs(module.tensors) do module.left[name] = true end
  local made = LAYERS[class](module, step.options)
  local left = next(module.left)
  if left then core.fail("'%s' is no nn.%s: it has a tensor '%s'", module.name, class, left) end
  made.from = module.name
  return made
end

-- What a state dict does not say and nobody has said either.
local function note_unsaid(module, class, notes)
  if #module.unsaid == 0 then return end
  notes[#notes + 1] = ("'%s': a state dict does not say %s; PyTorch's defaults for an nn.%s were taken, and --chain "
    .. "\"%s(%s)\" says others"):format(module.name, (table.concat(module.unsaid, ", "):gsub("=[^,]+", "")), class,
    module.name, table.concat(module.unsaid, ", "))
end

-- (N, C, T) or (N, T, C): a chain does not say how what is flattened lies.
local function order_of(step, layers)
  local order = step.options[1] or step.options.order
  if order == "ntc" then return nil end
  for i = #layers, 1, -1 do
    if layers[i].class == "Conv1d" then
      if order == "nct" then return { channels = layers[i].args[2] } end
      core.fail("--chain: does flatten see (N, C, T), as nn.Conv1d gives it, or (N, T, C)? flatten(nct), flatten(ntc)")
    end
    if RECURRENT[layers[i].class] then break end
  end
end

--- torch.layers(modules, by_name, steps, notes) -> list of layers (plan.lua)
---
--- What a user should know goes into notes. Raises for modules that no step uses, and for what has no counterpart, by
--- name.
function torch.layers(modules, by_name, steps, notes)
  local layers, used, pad, flat = {}, {}, nil, nil
  for _, each in ipairs(steps) do
    local step = watched(each)
    local module = (step.said or step.class and not class_of(step)) and find(by_name, step.name)
    local word, made = not step.class and step.name, nil
    if module then
      made, pad = layer_of(module, step, pad), nil
      if not used[module.name] then note_unsaid(module, made.class, notes) end
      used[module.name] = (used[module.name] or 0) + 1
      if flat and made.class ~= "Linear" then
        core.fail("'%s': nn.%s behind a flattened (N, C, T) has no counterpart here", module.name, made.class)
      end
      if flat then flat = reorder(made, flat) end
    elseif word == "last" or word == "final" then
      take_last(layers, word == "final")
      made = { nothing = true }
    elseif word == "pad" then
      made, pad = { nothing = true }, step.steps
    elseif step.class == "LayerNorm" or step.class == "BatchNorm1d" then -- without weights
      core.fail("'%s': nn.%s without weights has no counterpart here", step.name, step.class)
    else
      made = function_of(step)
      if made and made.class == "Flatten" then flat = step.said and order_of(step, layers) or flat end
    end
    if not made then core.fail("'%s'%s has no counterpart here", step.name, step.class and " (nn." .. step.class .. ")"
      or "") end
    if not made.nothing then layers[#layers + 1] = made end
    if step.channels then flat = step end
    refuse_unseen(step)
  end
  if flat then core.fail "the features of a flattened (N, C, T) would come out in another order" end
  if pad then core.fail "zeros in front of what is no convolution have no counterpart here" end
  for _, module in ipairs(modules) do
    if not used[module.name] then
      core.fail("'%s' has tensors, and nothing in the chain uses it", module.name)
    end
  end
  note_shared(modules, used, notes)
  return layers
end

-- ---- chains ----

local WORDS = { True = true, ["true"] = true, False = false, ["false"] = false, None = core.null }

--- torch.chain(text, by_name) -> steps: of "embed lstm(dropout=0.2) last relu fc=Linear"
function torch.chain(text, by_name)
  local steps, at = {}, 1
  while true do
    at = text:find("[^%s,]", at)
    if not at then break end
    local name, to = text:match("^([^%s,=()]+)()", at)
    if not name then core.fail("--chain: expected a name at '%s'", text:sub(at)) end
    local class, after = text:match("^=([%w_]+)()", to)
    to = after or to
    local inside, behind = text:match("^(%b())()", to)
    to = behind or to
    local given = {}
    for part in (inside or "()"):sub(2, -2):gmatch "[^,]+" do
      local key, value = part:match "^%s*([%w_]+)%s*=%s*(.-)%s*$"
      value = value or part:match "^%s*(.-)%s*$"
      local word = WORDS[value]
      if word == nil then word = math.tointeger(tonumber(value)) or tonumber(value) or value end
      given[key or #given + 1] = word
    end
    local step = { name = name, class = class, options = given, said = true }
    local known = find(by_name, name) or function_of(step) or not class and (name == "last" or name == "final")
    if not known then
      core.fail("--chain: '%s' is no module of the file and no function that is known", name)
    end
    steps[#steps + 1], at = step, to
  end
  if #steps == 0 then core.fail "--chain: it is empty" end
  return steps
end

--- torch.only(modules) -> steps, of a file with one module alone; raises, and says what there is, for others
function torch.only(modules)
  if #modules == 1 and #modules[1].classes == 1 then return { { name = modules[1].name, said = true } } end
  local lines, names = {}, {}
  for i, module in ipairs(modules) do
    lines[i] = ("  %s: %s"):format(module.name, describe(module))
    names[i] = #module.classes > 1 and ("%s=%s"):format(module.name, module.classes[1]) or module.name
  end
  core.fail("a state dict does not say what runs when. It has\n%s\nSay it: --chain \"%s\", with what stands between "
    .. "these (last, final, relu, tanh, flatten ...); or record it: rnnlua import --recipe torch, then --check",
    table.concat(lines, "\n"), table.concat(names, " "))
end

return torch
