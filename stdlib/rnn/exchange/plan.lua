-- plan.lua: what an importer has understood of a model: a list of layers, from which the model and its Lua text are
-- made.
--
-- A layer is { class = "LSTM", args = { 8, 16 }, options = { returns = "last" }, weights = { weight_ih_l0 = tensor },
-- from = "lstm_1" }: a class of rnn.nn, what its constructor takes, its parameters by their names in it, and what the
-- file calls it. args may have a layer, or a list of layers for nn.Sequential. An nn.Linear or nn.Conv1d without
-- weights for a bias has none.

local nest = require "rnn.nest"
local nn = require "rnn.nn"
local parameter = require "rnn.nn.parameter"

local plan = {}

local function is_layer(value) return type(value) == "table" and value.class ~= nil end

local function value_of(value)
  if is_layer(value) then return plan.construct(value) end
  if type(value) ~= "table" then return value end
  local list = {}
  for i, item in ipairs(value) do list[i] = value_of(item) end
  return list
end

-- The options of a layer, or nil.
local function options_of(layer)
  local options = {}
  for key, value in pairs(layer.options or {}) do options[key] = value end
  if (layer.class == "Linear" or layer.class == "Conv1d") and not layer.weights.bias then options.bias = false end
  return next(options) ~= nil and options or nil
end

--- plan.construct(layer) -> module
function plan.construct(layer)
  local args, n = {}, #(layer.args or {})
  for i = 1, n do args[i] = value_of(layer.args[i]) end
  local options = options_of(layer)
  if options then args[n + 1] = options end
  return nn[layer.class](table.unpack(args, 1, options and n + 1 or n))
end

-- The weights below a layer under the names of state_dict.
local function collect(layer, prefix, state)
  for name, tensor in pairs(layer.weights or {}) do state[prefix .. name] = tensor end
  if layer.class == "Sequential" then
    for i, inner in ipairs(layer.args[1]) do collect(inner, ("%s%d."):format(prefix, i), state) end
  elseif layer.class == "TimeDistributed" then
    collect(layer.args[1], prefix .. "module.", state)
  end
end

--- plan.build(layer) -> model with its weights, in evaluation mode
function plan.build(layer)
  local state, count = {}, 0
  collect(layer, "", state)
  for _, tensor in pairs(state) do count = count + tensor:count() end
  local model = parameter.to_be_loaded(count, function() return plan.construct(layer) end)
  model:load_state_dict(state)
  return model:eval()
end

-- ---- as Lua ----

local write

-- A name of the file, as a comment of ours.
local function comment(text) return (text:gsub("[%c\x7f]", "?"):sub(1, 80)) end

local function plain(value)
  if type(value) == "string" then return ("%q"):format(value) end
  local text = tostring(value)
  return math.type(value) == "float" and tonumber(text) ~= value and ("%.17g"):format(value) or text
end

local function options_text(options)
  local parts = {}
  for i, key in ipairs(nest.keys(options)) do
    parts[i] = ("%s = %s"):format(key, plain(options[key]))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function list_text(layers, indent)
  local lines = {}
  for i, layer in ipairs(layers) do
    local from = layer.from and " -- " .. comment(layer.from) or ""
    lines[i] = ("%s  %s,%s\n"):format(indent, write(layer, indent .. "  "), from)
  end
  return "{\n" .. table.concat(lines) .. indent .. "}"
end

function write(layer, indent)
  if layer.class == "Sequential" then return "nn.Sequential " .. list_text(layer.args[1], indent) end
  local parts = {}
  for i, value in ipairs(layer.args or {}) do
    parts[i] = is_layer(value) and write(value, indent) or type(value) == "table"
      and "{ " .. table.concat(value, ", ") .. " }" or plain(value)
  end
  local options = options_of(layer)
  if options then parts[#parts + 1] = options_text(options) end
  return ("nn.%s(%s)"):format(layer.class, table.concat(parts, ", "))
end

--- plan.text(layer) -> the expression that constructs it
function plan.text(layer) return write(layer, "") end

return plan
