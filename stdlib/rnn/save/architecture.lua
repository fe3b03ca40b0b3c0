-- architecture.lua: models as data and back. A model becomes nested tables of names, numbers and strings; building from
-- them calls only the constructors listed here and those of classes that the running script has defined by nn.module
-- and nn.cell, or gives, so a file can never bring code of its own.

local core = require "rnn.core"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"
local scripted = require "rnn.nn.scripted"

local architecture = {}

-- The built-in classes that a file may name, beside those of rnn.cells.
local buildable = {}
for _, name in ipairs {
  "Module", "Sequential", "Linear", "Conv1d", "Embedding", "RNN", "LSTM", "GRU", "Recurrent", "Reservoir", "RNNCell",
  "LSTMCell", "GRUCell", "Attention", "Encoder", "Decoder", "Seq2Seq", "RepeatVector", "TimeDistributed", "LayerNorm",
  "BatchNorm", "Dropout", "Flatten", "Masking", "Tanh", "Sigmoid", "HardSigmoid", "ReLU", "LeakyReLU", "ELU", "SELU",
  "GELU", "SiLU", "Softplus", "Softsign", "Softmax", "LogSoftmax", "MADE", "MixtureOfSoftmaxes", "MaxPool1d",
  "AvgPool1d", "GlobalMaxPool1d", "GlobalAvgPool1d",
} do
  buildable["nn." .. name] = name
end

local function class_of(name, module)
  local field = buildable[name]
  if field then return require("rnn.nn")[field] end
  if name == "rnn.Ensemble" then return require "rnn.nn.ensemble" end
  local cell = tostring(name):match "^cells%.(%w+)$"
  if cell and getmetatable(require "rnn.cells").names[cell] then return require("rnn.cells")[cell] end
  return scripted.class(name, type(module) == "string" and module or nil)
end

local encode

local function is_plain(value)
  local kind = type(value)
  return kind == "string" or kind == "boolean" or kind == "number" and value - value == 0
end

-- An argument, a field or a layer as JSON can have it, or nil and why it cannot be. A table with a field class would be
-- taken for a layer. known gets the layers that are in it.
local function encode_value(value, known)
  if value == nil then return core.null end
  if is_plain(value) then return value end
  if Module.is(value) then return encode(value, known) end
  if type(value) ~= "table" or getmetatable(value) or value.class ~= nil then
    return nil, check.describe(value) .. " is nothing that a file can hold"
  end
  local result = {}
  for key, item in pairs(value) do
    local named = type(key) == "string" and #value == 0
    if not named and not (math.type(key) == "integer" and key >= 1 and key <= #value) then
      return nil, "a table has keys that are neither 1, 2, 3 ... nor names"
    end
    local encoded, why = encode_value(item, known)
    if encoded == nil then return nil, why end
    result[key] = encoded
  end
  return result
end

-- A layer of a class of a script's own that nn.module or nn.cell has made.
local function encode_scripted(module, given, known)
  local name, args = getmetatable(module).__name, {}
  local home = scripted.module(getmetatable(module))
  if class_of(name, home) ~= getmetatable(module) then
    return nil, ("%s is not the class that has this name now"):format(name)
  end
  for i = 1, given.n do
    local encoded, why = encode_value(given[i], known)
    if encoded == nil then return nil, ("argument %d of %s: %s"):format(i, name, why) end
    args[i] = encoded
  end
  return { class = name, args = args, module = home }
end

-- nil and the reason where a layer is not built in. A class derived by a script inherits config, so the class must be
-- the listed one itself.
function encode(module, known)
  known[module] = true
  local given = scripted.arguments(module)
  if given then return encode_scripted(module, given, known) end
  local config, reason = module:config()
  if not config then return nil, reason end
  if class_of(config.class) ~= getmetatable(module) then
    return nil, ("%s is a class of a script's own, and a file holds no code"):format(getmetatable(module).__name)
  end
  for _, part in ipairs { "args", "layers", "fields" } do
    for key, value in pairs(config[part] or {}) do
      local encoded, why = encode_value(value, known)
      if encoded == nil then
        return nil, Module.is(value) and why or ("%s: '%s': %s"):format(module:describe(), key, why)
      end
      config[part][key] = encoded
    end
  end
  return config
end

-- Why the layers below are not those that the constructors would make again, or nil. One that is described in the file
-- itself, as it is known, may be anywhere, and one may stand for another that is made alike.
local function changed(model, known)
  local found = {}
  for _, pair in ipairs(model:modules()) do
    local name, module = pair[1], pair[2]
    local is_made = scripted.arguments(module) ~= nil
    module:_changed_layers(function(path, layer, made)
      if known[layer or made] or not layer and not is_made then return end
      local alike = layer and made and core.json_encode(encode(layer, {}) or {}, { sort = true })
      if alike and alike ~= "{}" and alike == core.json_encode(encode(made, {}) or {}, { sort = true }) then return end
      found[#found + 1] = ("the constructor of %s makes %s as '%s', where there is %s now"):format(
        getmetatable(module).__name, made and made:describe() or "nothing",
        name == "" and path or name .. "." .. path, layer and layer:describe() or "nothing")
    end)
  end
  table.sort(found)
  return found[1]
end

--- architecture.of(model) -> config | nil, reason
---
--- The configuration of the model, or why rnn.load could not rebuild it.
---@param model nn.Module
function architecture.of(model)
  local known = {}
  local config, reason = encode(model, known)
  reason = reason or changed(model, known)
  if reason then return nil, reason end
  local _, aliases = model:named_tensors()
  if next(aliases) then config.shared = aliases end
  return config
end

local build

-- What an argument, a field or a layer is: a layer, or a table of such, or a plain value.
local function build_value(value, classes)
  if type(value) ~= "table" then
    if value ~= core.null then return value end
    return nil
  end
  if value.class ~= nil then return build(value, classes) end
  local result = {}
  for key, item in pairs(value) do result[key] = build_value(item, classes) end
  return result
end

local function fail_unknown(config)
  local name = tostring(config.class)
  local from = type(config.module) == "string" and (", of module '%s'; require \"%s\" first"):format(config.module,
    config.module) or "; one of a script's own has to be defined, by nn.module or nn.cell, before its file is loaded"
  core.fail("unknown layer '%s'%s, or give the class: rnn.load(path, { classes = { %s } })", name, from, name)
end

function build(config, classes)
  local cls = classes[config.class] or class_of(config.class, config.module)
  if not cls then fail_unknown(config) end
  local args, count = {}, #(config.args or {})
  for i = 1, count do args[i] = build_value(config.args[i], classes) end
  for _, part in ipairs { "layers", "fields" } do
    if config[part] then
      args[1], count = {}, 1
      for key, value in pairs(config[part]) do args[1][key] = build_value(value, classes) end
    end
  end
  if config.options then args[count + 1], count = config.options, count + 1 end
  return cls(table.unpack(args, 1, count))
end

-- The table that holds the tensor at the end of a dotted path, and its key. Raw access: a path from a file must not
-- reach the classes behind the objects.
local function locate(model, path)
  local holder, key = nil, nil
  local at = model
  for step in path:gmatch("[^.]+") do
    holder = type(at) == "table" and at or {}
    key = math.tointeger(tonumber(step))
    if key == nil or rawget(holder, key) == nil then key = step end
    at = rawget(holder, key)
  end
  if not core.is_tensor(at) then core.fail("no tensor '%s'", path) end
  return holder, key
end

-- How many numbers there are for the parameters: shared ones are in the file once, but made for each name.
local function count_numbers(config, weights)
  local count = 0
  for _, tensor in pairs(weights) do count = count + tensor:count() end
  for _, name in pairs(config.shared or {}) do
    if weights[name] then count = count + weights[name]:count() end
  end
  return count
end

--- architecture.build(config, weights, classes) -> model
---
--- Raises for a config that is not one, or that needs more than weights; parameters are zero. classes go before those
--- that are defined.
---@param config table
---@param weights table<string, rnn.Tensor>
---@param classes table<string, table>
---@return nn.Module
function architecture.build(config, weights, classes)
  local model = parameter.to_be_loaded(count_numbers(config, weights), function()
    return build_value(config, classes)
  end)
  if not Module.is(model) then core.fail("no layer at the top") end
  for alias, name in pairs(config.shared or {}) do
    local from, from_key = locate(model, name)
    local to, to_key = locate(model, alias)
    rawset(to, to_key, rawget(from, from_key))
  end
  return model
end

return architecture
