-- complete.lua: what the last word at the prompt can become. Values are looked at, functions never called: a Tab must
-- not start a computation.

-- The prompt works on when users give these names to things of their own.
local getmetatable, rawget, next, type, sort, globals = debug.getmetatable, rawget, next, type, table.sort, _G

local LINKS = 50 -- of a chain of __index tables; one that is longer has a cycle

local function index_of(value)
  local meta = getmetatable(value)
  local index = meta and rawget(meta, "__index")
  return type(index) == "table" and index or nil
end

-- value[key], through __index tables only.
local function field(value, key)
  for _ = 1, LINKS do
    local found
    if type(value) == "table" then found = rawget(value, key) end
    if found ~= nil then return found end
    value = index_of(value)
    if value == nil then return nil end
  end
end

-- The value of "rnn.nn" or "x:y", or nil.
local function resolve(path)
  local value = globals
  for name in path:gmatch("[^.:]+") do value = field(value, name) end
  return value
end

local function is_callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or (meta ~= nil and rawget(meta, "__call") ~= nil)
end

-- Adds the keys of t that are names beginning with prefix. Those with an underscore in front are for who asks for them.
local function add_keys(found, t, prefix, methods_only)
  for key, value in next, t do
    if type(key) == "string" and key:find("^[%a_][%w_]*$") and key:sub(1, #prefix) == prefix
      and (key:sub(1, 1) ~= "_" or prefix ~= "") and (not methods_only or is_callable(value)) then
      found[key] = true
    end
  end
end

-- The fields of value, its __index tables, and the names that lazy tables and tensors list in their metatable because
-- their __index is a function.
local function add_fields(found, value, prefix, methods_only)
  for _ = 1, LINKS do
    if type(value) == "table" then add_keys(found, value, prefix, methods_only) end
    local meta = getmetatable(value)
    local names = meta and rawget(meta, "names")
    if type(names) == "table" then add_keys(found, names, prefix, false) end
    value = index_of(value)
    if value == nil then return end
  end
end

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch("%a+") do keywords[word] = true end

--- complete(before) -> names
---
--- All that the last name of a text such as "y = rnn.nn.Li" or "x:tan" can become, sorted.
---@param before string
---@return string[]
local function complete(before)
  local path, separator, prefix = before:gsub(".*%.%.", ""):match("([%w_.:]-)([.:]?)([%w_]*)$")
  local found = {}
  if separator == "" then
    add_fields(found, globals, prefix)
    add_keys(found, keywords, prefix)
  elseif path ~= "" then
    local value = resolve(path)
    if value ~= nil then add_fields(found, value, prefix, separator == ":") end
  end
  local names = {}
  for name in next, found do names[#names + 1] = name end
  sort(names)
  return names
end

return complete
