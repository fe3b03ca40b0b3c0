-- architecture.lua: models as data and back. A model made of built-in layers becomes nested tables of names, numbers
-- and strings; building from them calls only the constructors listed here, so a file can never run code.

local core = require "rnn.core"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"

local architecture = {}

-- The classes that a file may name.
local buildable = {}
for _, name in ipairs {
  "Module", "Sequential", "Linear", "Conv1d", "Embedding", "RNN", "LSTM", "GRU", "Recurrent", "Reservoir", "RNNCell",
  "LSTMCell", "GRUCell", "Attention", "Encoder", "Decoder", "Seq2Seq", "LayerNorm", "BatchNorm", "Dropout", "Tanh",
  "Sigmoid", "HardSigmoid", "ReLU", "LeakyReLU", "ELU", "SELU", "Softplus", "Softsign", "Softmax", "LogSoftmax",
} do
  buildable["nn." .. name] = name
end

local function class_of(name)
  local field = buildable[name]
  return field and require("rnn.nn")[field]
end

local encode

local function encode_all(values)
  local result = {}
  for key, value in pairs(values) do
    if Module.is(value) then
      local config, reason = encode(value)
      if not config then return nil, reason end
      value = config
    end
    result[key] = value
  end
  return result
end

-- nil and the reason where a layer is not built in. A class derived by a script inherits config, so the class must be
-- the listed one itself.
function encode(module)
  local config, reason = module:config()
  if not config then return nil, reason end
  if class_of(config.class) ~= getmetatable(module) then
    return nil, ("%s is a class of a script's own, and a file holds no code"):format(getmetatable(module).__name)
  end
  for _, part in ipairs { "args", "layers", "fields" } do
    if config[part] then
      local encoded, why = encode_all(config[part])
      if not encoded then return nil, why end
      config[part] = encoded
    end
  end
  return config
end

--- architecture.of(model) -> config | nil, reason
---
--- The configuration of the model, or why rnn.load could not rebuild it.
---@param model nn.Module
function architecture.of(model)
  local config, reason = encode(model)
  if not config then return nil, reason end
  local _, aliases = model:named_tensors()
  if next(aliases) then config.shared = aliases end
  return config
end

local function build(config)
  if type(config) ~= "table" then return config end
  local cls = class_of(config.class)
  if not cls then core.fail("unknown layer '%s'", tostring(config.class)) end
  local args = {}
  for i, value in ipairs(config.args or {}) do args[i] = build(value) end
  for _, part in ipairs { "layers", "fields" } do
    if config[part] then
      args[1] = {}
      for key, value in pairs(config[part]) do args[1][key] = build(value) end
    end
  end
  if config.options then args[#args + 1] = config.options end
  return cls(table.unpack(args))
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

--- architecture.build(config, weights) -> model
---
--- Raises for a config that is not one, or that needs more than weights; parameters are zero.
---@param config table
---@param weights table<string, rnn.Tensor>
---@return nn.Module
function architecture.build(config, weights)
  local model = parameter.to_be_loaded(count_numbers(config, weights), function() return build(config) end)
  if not Module.is(model) then core.fail("no layer at the top") end
  for alias, name in pairs(config.shared or {}) do
    local from, from_key = locate(model, name)
    local to, to_key = locate(model, alias)
    rawset(to, to_key, rawget(from, from_key))
  end
  return model
end

return architecture
