-- public.lua: for the manual and for tests, every name that users can reach: what rnn and its modules hold, the methods
-- of classes, of tensors too.
-- Names that begin with an underscore are nobody's.

local core = require "rnn.core"
local beside = require "rnn.beside"

-- Methods that the library calls, as train/callbacks.lua and save/init.lua say, not its users.
local INNER = {}
for name in ([[on_begin on_step on_epoch on_end on_error state load_state merge init begin_epoch see stream
  wall]]):gmatch("%S+") do INNER[name] = true end

local function is_class(value)
  return type(value) == "table" and type(rawget(value, "__name")) == "string" and rawget(value, "__index") ~= nil
end

-- The names of a module's fields, those that are not loaded yet too.
local function keys_of(t)
  local keys, seen = {}, {}
  local function add(key)
    if type(key) ~= "string" or key:find("^_") or seen[key] then return end
    seen[key], keys[#keys + 1] = true, key
  end
  for key in next, t do add(key) end
  local meta = getmetatable(t)
  for key in next, meta and rawget(meta, "names") or {} do add(key) end
  table.sort(keys)
  return keys
end

local function add(list, name, value)
  if list[name] == nil then
    list[name] = true
    list[#list + 1] = { name = name, value = value }
  end
end

local function add_class(list, cls)
  if list[cls] then return end
  list[cls] = true
  for _, key in ipairs(keys_of(cls)) do
    local value = rawget(cls, key)
    if type(value) == "function" and not INNER[key] then add(list, cls.__name .. ":" .. key, value) end
  end
end

local function add_module(list, prefix, module)
  for _, key in ipairs(keys_of(module)) do
    local value = module[key]
    if value ~= core.methods then
      local name = prefix .. "." .. key
      if is_class(value) then
        if value.__name:match("[%w_]+$") == key then name = value.__name end
        add(list, name, value)
        add_class(list, value)
      elseif type(value) == "table" and (getmetatable(value) or { names = true }).names then
        if prefix ~= "rnn" then add(list, name, value) end
        add_module(list, prefix == "rnn" and key or name, value)
      else
        add(list, name, value)
      end
    end
  end
end

-- Classes whose objects functions return, found through their documentation: rnn.History, data.Batches.
local function add_returned(list, prefixes)
  local doc = require "rnn.doc"
  for _, name in ipairs(doc.names()) do
    local entry = doc.entry(name)
    if entry.class == name and prefixes[name:match("^[^.]+")] and entry.module ~= "rnn.meta" then
      local ok, value = pcall(require, entry.module)
      if ok and is_class(value) and value.__name == name then add_class(list, value) end
    end
  end
end

--- public() -> array of { name =, value = }
---
--- Sorted by name: "rnn.fit", "nn.LSTM", "nn.State:copy", "rnn.Tensor:shape".
---@return { name: string, value: any }[]
return function()
  local rnn, list = beside.rnn, {}
  add_module(list, "rnn", rnn)
  for _, key in ipairs(keys_of(core.methods)) do add(list, "rnn.Tensor:" .. key, core.methods[key]) end
  local prefixes = { rnn = true }
  for _, key in ipairs(keys_of(rnn)) do
    if type(rnn[key]) == "table" then prefixes[key] = true end
  end
  add_returned(list, prefixes)
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end
