-- to_keras.lua: a model as a .weights.h5 file of Keras 3, and the Python that makes the model it is of. Rows are
-- columns there, gates r z n of a GRU z r h.

local core = require "rnn.core"
local chain = require "rnn.exchange.chain"
local tensors = require "rnn.exchange.tensors"

local bool, number = chain.bool, chain.number

local FNAME <const> = "rnn.export_keras_weights"

-- Layers of one Keras model: their expressions, and where their weights are.
local Writer = {}
Writer.__index = Writer

local function new_writer(top, path)
  return setmetatable({ top = top, path = path, expressions = {}, used = {} }, Writer)
end

-- Adds a layer; group is what Keras calls its class in files, groups the places of weights in it.
function Writer:add(group, expression, weights)
  self.used[group] = (self.used[group] or -1) + 1
  local name = self.used[group] > 0 and ("%s_%d"):format(group, self.used[group]) or group
  self.expressions[#self.expressions + 1] = expression
  for place, list in pairs(weights or {}) do
    self.top.weights[("%slayers/%s/%svars"):format(self.path, name, place == "" and "" or place .. "/")] = list
  end
  return ("%slayers/%s/"):format(self.path, name)
end

local WRITE = {}

function WRITE.Linear(w, layer)
  w:add("dense", ("layers.Dense(%d%s)"):format(layer.units, layer.bias and "" or ", use_bias=False"),
    { [""] = { layer.weight:transpose(1, 2), layer.bias } })
end

function WRITE.Embedding(w, layer, before)
  w.top.ids = true
  w:add("embedding", ("layers.Embedding(%d, %d%s)"):format(layer.vocab, layer.dim, before and ", mask_zero=True" or ""),
    { [""] = { layer.weight } })
end

-- r z n -> z r h, in columns.
local function columns(class, t)
  if class == "GRU" then
    local n = t:size(1) // 3
    t = core.concat({ t:slice(1, n + 1, 2 * n), t:slice(1, 1, n), t:slice(1, 2 * n + 1, 3 * n) }, 1)
  end
  return t:ndim() == 2 and t:transpose(1, 2) or t
end

local function weights_of(layer, class, part)
  local ih, hh, b, c = layer[part.names[1]], layer[part.names[2]], layer[part.names[3]], layer[part.names[4]]
  local bias = b + c
  if class == "GRU" and layer.options.reset == "after" then
    bias = core.stack({ columns(class, b), columns(class, c) }, 1)
  else
    bias = columns(class, bias)
  end
  return { columns(class, ih), columns(class, hh), bias }
end

local KERAS = { RNN = "SimpleRNN", LSTM = "LSTM", GRU = "GRU" }
local GROUPS = { RNN = "simple_rnn", LSTM = "lstm", GRU = "gru" }

local function activation(name) return name == "identity" and "linear" or name end

local function recurrent(class)
  return function(w, layer)
    local options = layer.options
    chain.plain(FNAME, layer, { reset = true })
    for k = 1, layer.layers do
      local more = ""
      if options.activation ~= "tanh" then more = more .. (", activation=%q"):format(activation(options.activation)) end
      if (options.recurrent_activation or "sigmoid") ~= "sigmoid" then
        more = more .. (", recurrent_activation=%q"):format(activation(options.recurrent_activation))
      end
      if options.recurrent_dropout > 0 then
        more = more .. (", recurrent_dropout=%s"):format(number(options.recurrent_dropout))
      end
      if class == "GRU" then more = more .. (", reset_after=%s"):format(bool(options.reset == "after")) end
      local returns = not (k == layer.layers and layer.returns == "last")
      local cell = ("layers.%s(%d, return_sequences=%s%s)"):format(KERAS[class], layer.widths[k], bool(returns), more)
      if k > 1 and options.dropout > 0 then
        w:add("dropout", ("layers.Dropout(%s)"):format(number(options.dropout)))
      end
      local at = (k - 1) * layer.directions
      if layer.directions == 1 then
        w:add(GROUPS[class], cell, { cell = weights_of(layer, class, layer.parts[at + 1]) })
      else
        local merge = ({ concat = "concat", sum = "sum", mean = "ave" })[layer.merge]
        w:add("bidirectional", ("layers.Bidirectional(%s, merge_mode=%q)"):format(cell, merge), {
          ["forward_layer/cell"] = weights_of(layer, class, layer.parts[at + 1]),
          ["backward_layer/cell"] = weights_of(layer, class, layer.parts[at + 2]) })
      end
    end
  end
end
for _, class in ipairs { "RNN", "LSTM", "GRU" } do WRITE[class] = recurrent(class) end

function WRITE.LayerNorm(w, layer)
  w:add("layer_normalization", ("layers.LayerNormalization(epsilon=%s)"):format(number(layer.epsilon)),
    { [""] = { layer.weight, layer.bias } })
end

function WRITE.BatchNorm(w, layer)
  w:add("batch_normalization", ("layers.BatchNormalization(epsilon=%s, momentum=%s)"):format(number(layer.epsilon),
    number(layer.momentum)), { [""] = { layer.weight, layer.bias, layer.running_mean, layer.running_var } })
end

function WRITE.Conv1d(w, layer)
  w:add("conv1d", ("layers.Conv1D(%d, %d, strides=%d, dilation_rate=%d, padding=%q%s%s)"):format(layer.filters,
    layer.kernel, layer.stride, layer.dilation, layer.padding, layer.bias and "" or ", use_bias=False",
    layer.activation and (", activation=%q"):format(layer.activation) or ""),
    { [""] = { layer.weight:permute(3, 2, 1), layer.bias } })
end

for class, name in pairs { MaxPool1d = "MaxPooling1D", AvgPool1d = "AveragePooling1D" } do
  WRITE[class] = function(w, layer)
    w:add("pooling1d", ("layers.%s(%d, strides=%d, padding=%q)"):format(name, layer.size, layer.stride, layer.padding))
  end
end
for class, name in pairs { GlobalMaxPool1d = "GlobalMaxPooling1D", GlobalAvgPool1d = "GlobalAveragePooling1D" } do
  WRITE[class] = function(w) w:add("global_pooling1d", ("layers.%s()"):format(name)) end
end

function WRITE.Masking(w, layer, following)
  if following and following.class == "Embedding" then -- ids: its mask_zero
    if layer.value ~= 1 then chain.refuse(FNAME, layer, "padding of ids that is not 1") end
    return
  end
  w:add("masking", ("layers.Masking(mask_value=%s)"):format(number(layer.value)))
end

for class, name in pairs { ReLU = "relu", Tanh = "tanh", Sigmoid = "sigmoid", HardSigmoid = "hard_sigmoid",
  ELU = "elu", SELU = "selu", GELU = "gelu", SiLU = "silu", Softplus = "softplus", Softsign = "softsign",
  Softmax = "softmax", LogSoftmax = "log_softmax" } do
  WRITE[class] = function(w) w:add("activation", ("layers.Activation(%q)"):format(name)) end
end

function WRITE.LeakyReLU(w, layer)
  w:add("leaky_re_lu", ("layers.LeakyReLU(negative_slope=%s)"):format(number(layer.slope)))
end

function WRITE.Dropout(w, layer) w:add("dropout", ("layers.Dropout(%s)"):format(number(layer.rate))) end
function WRITE.Flatten(w) w:add("flatten", "layers.Flatten()") end
function WRITE.RepeatVector(w, layer) w:add("repeat_vector", ("layers.RepeatVector(%d)"):format(layer.steps)) end

local function write_all(w, model)
  local list = chain.of(model)
  for i, entry in ipairs(list) do
    local write = WRITE[entry.class]
    if not write then chain.refuse(FNAME, entry.layer, "it") end
    if entry.class == "Embedding" then
      write(w, entry.layer, i > 1 and list[i - 1].class == "Masking")
    else
      write(w, entry.layer, list[i + 1])
    end
  end
end

function WRITE.TimeDistributed(w, layer)
  local place = w:add("time_distributed", "")
  local several = #chain.of(layer.module) > 1
  local inner = new_writer(w.top, place .. "layer/")
  write_all(inner, layer.module)
  local text = inner.expressions[1]
  if several or inner.expressions[2] then
    text = ("keras.Sequential([%s])"):format(table.concat(inner.expressions, ", "))
  else -- its weights are those of the layer itself
    local own = {}
    for path, list in pairs(w.top.weights) do
      local rest = path:match("^" .. (place .. "layer/layers/"):gsub("%p", "%%%0") .. "[^/]+/(.*)$")
      own[rest and place .. "layer/" .. rest or path] = list
    end
    w.top.weights = own
  end
  w.expressions[#w.expressions] = ("layers.TimeDistributed(%s)"):format(text)
end

-- ---- the input ----

local SEQUENCES = { RNN = true, LSTM = true, GRU = true, Conv1d = true, TimeDistributed = true, MaxPool1d = true,
  AvgPool1d = true, GlobalMaxPool1d = true, GlobalAvgPool1d = true }

-- How many features go into a layer, where it says so.
local function features_of(entry)
  if entry.class ~= "TimeDistributed" then return entry.layer.inputs or entry.layer.features end
  for _, inner in ipairs(chain.of(entry.layer.module)) do
    local features = features_of(inner)
    if features then return features end
  end
end

-- How many steps come out of a layer that says nothing of features.
local function steps_behind(entry, steps)
  local layer = entry.layer
  if entry.class:find "^Global" then return 1 end
  if not (entry.class == "MaxPool1d" or entry.class == "AvgPool1d") then return steps end
  return layer.padding == "same" and -(-steps // layer.stride) or (steps - layer.size) // layer.stride + 1
end

-- What goes into the model, as a shape of Keras without the batch.
local function input_of(model, options)
  local steps = options.steps and tostring(options.steps) or "None"
  local left = options.steps
  local features, ids, flat, vector = nil, false, false, false
  local sequences = options.steps ~= nil
  for _, entry in ipairs(chain.of(model)) do
    local class, found = entry.class, features_of(entry)
    if class == "Flatten" and not options.steps then
      core.fail("%s: option 'steps': expected how many steps a sequence has, for nn.Flatten", FNAME)
    end
    flat, vector = flat or class == "Flatten", vector or class == "RepeatVector"
    ids = ids or class == "Embedding" and not features
    if not features and vector and not flat then sequences = false end
    if not features and found then features = flat and found // left or found end
    left = left and not flat and steps_behind(entry, left) or left
    sequences = sequences or not vector and SEQUENCES[class]
  end
  if ids then return ("shape=(%s,), dtype=\"int32\""):format(steps) end
  if not features then core.fail("%s: %s: no layer says how many features the input has", FNAME, model:describe()) end
  return sequences and ("shape=(%s, %d)"):format(steps, features) or ("shape=(%d,)"):format(features)
end

local CODE = [[
import keras
from keras import layers
%s
model = keras.Sequential([
    keras.Input(%s),
    %s,
])
model.load_weights(%q)
]]

-- The tree of groups that paths and lists make.
local function tree_of(weights)
  local root, list, places = {}, {}, {}
  for path, each in pairs(weights) do
    local at = root
    for name in path:gmatch "[^/]+" do
      at[name] = at[name] or {}
      at = at[name]
    end
    for i, t in ipairs(each) do
      list[#list + 1], places[#places + 1] = t:detach():copy(), { at, tostring(i - 1) }
    end
  end
  for i, part in ipairs(tensors.bytes(FNAME, list)) do places[i][1][places[i][2]] = part end
  return root
end

--- to_keras(model, path, options) -> Python | nil, message, code
return function(model, path, options)
  local top = { weights = {} }
  local w = new_writer(top, "")
  local input = input_of(model, options)
  write_all(w, model)
  local text = require "rnn.exchange.hdf5_writer".text(tree_of(top.weights))
  local done, message, code = core.file_write(path, text)
  if not done then return nil, message, code end
  return CODE:format(top.ids and "\n# ids count from 0: one less than in rnnlua" or "", input,
    table.concat(w.expressions, ",\n    "), path:match "[^/]*$")
end
