-- complete.lua: what the last word at the prompt can become. Values are looked at, functions never called: a Tab must
-- not start a computation.

-- The prompt works on when users give these names to things of their own.
local getmetatable, rawget, next, type, ipairs, pcall, sort, globals = debug.getmetatable, rawget, next, type, ipairs,
  pcall, table.sort, _G

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

-- The value of "rnn.nn" or "x:y", or nil. environment: the globals, or the variables of a loop in front of them, whose
-- __index is ours and may be called.
local function resolve(path, environment)
  local root, rest = path:match("^([^.:]+)(.*)$")
  local value = environment[root]
  if environment == globals then value = field(globals, root) end
  for name in rest:gmatch("[^.:]+") do value = field(value, name) end
  return value
end

local function is_callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or (type(meta) == "table" and rawget(meta, "__call") ~= nil)
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

-- Text without its strings, and without the brackets that are closed in it.
local function open_text(text)
  text = text:gsub("\\.", ""):gsub('"[^"\n]*"', '""'):gsub("'[^'\n]*'", "''"):gsub("%[%[.-%]%]", '""')
  return (text:gsub("%b()", ""):gsub("%b{}", ""))
end

-- "nn.LSTM" when the cursor is where a key of the table of its options stands: nn.LSTM(3, 4, { la, or f { a = 1, la.
local function called_with_options(before)
  local text = open_text(before)
  local inside = text:match("^.*{(.*)$")
  if not inside or not (inside:find("^%s*[%w_]*$") or inside:find("[,;=]%s*[%w_]*$")) then return nil end
  local head = text:match("^(.*){[^{]*$")
  return head:match("([%a_][%w_.:]*)%s*%([^()]*$") or head:match("([%a_][%w_.:]*)%s*%(?%s*$")
end

-- The name of the class of an object, a tensor's too.
local function class_name(value)
  local meta = getmetatable(value)
  local name = meta and rawget(meta, "__name")
  return type(name) == "string" and name or nil
end

-- The options of what is called; or, behind "merge = ", the values of one.
local function add_options(found, name, before, prefix, environment)
  local ok, doc = pcall(require, "rnn.doc")
  if not ok then return end
  local holder, method = name:match("^(.*):([%w_]+)$")
  local class = holder and class_name(resolve(holder, environment))
  name = class and class .. ":" .. method or name
  local given = before:match("([%a_][%w_]*)%s*=%s*[%w_]*$")
  for _, value in ipairs(given and doc.values(name, given) or {}) do
    if value:gsub('"', ""):sub(1, #prefix) == prefix then found[value] = true end
  end
  for _, option in ipairs(given and {} or doc.options(name)) do
    if option:sub(1, #prefix) == prefix then found[option .. " = "] = true end
  end
end

-- The values of an option whose string is begun: nn.LSTM(3, 4, { merge = "su.
local function add_strings(found, before)
  local head, given, prefix = before:match("^(.*[{,;]%s*)([%a_][%w_]*)%s*=%s*[\"']([^\"']*)$")
  local name = head and called_with_options(head)
  local ok, doc = pcall(require, "rnn.doc")
  for _, value in ipairs(name and ok and doc.values(name, given) or {}) do
    local text = value:match('^"(.*)"$')
    if text and text:sub(1, #prefix) == prefix then found[text] = true end
  end
end

-- Modules of the library in require "...".
local function add_modules(found, prefix)
  for _, name in ipairs(require "rnn.sources"()) do
    if name:sub(1, #prefix) == prefix then found[name] = true end
  end
end

-- Does the text end inside a string of one line?
local function in_string(text)
  local quote
  for c in text:gsub("\\.", ""):gmatch("[\"'\n]") do
    if c == "\n" or c == quote then
      quote = nil
    elseif not quote then
      quote = c
    end
  end
  return quote ~= nil
end

--- complete(before [, environment]) -> names, word
---
--- All that the last name of a text such as "y = rnn.nn.Li", "x:tan" or "nn.LSTM(1, 2, { la" can become, sorted. In the
--- string after require it is a module's whole name, in that of an option its values, in others nothing. After % it
--- is a command. environment stands for the globals. word is the end of before that a name takes the place of.
---@param before string
---@param environment? table
---@return string[]
---@return string word
local function complete(before, environment)
  environment = environment or globals
  local path, separator, prefix = before:gsub(".*%.%.", ""):match("([%w_.:]-)([.:]?)([%w_]*)$")
  local found = {}
  local module = before:match("require%s*%(?%s*[\"']([%w_.]*)$")
  local called = separator == "" and called_with_options(before)
  if module then
    add_modules(found, module)
  elseif in_string(before) then
    add_strings(found, before)
  elseif before:find("^%s*%%%a*$") then
    for _, name in ipairs(require "rnn.repl.commands".names()) do
      if name:sub(1, #prefix) == prefix then found[name] = true end
    end
  elseif separator == "" then
    if called then add_options(found, called, before, prefix, environment) end
    if not next(found) or prefix == "" and not called then
      add_fields(found, environment, prefix)
      if environment ~= globals then add_fields(found, globals, prefix) end
      add_keys(found, keywords, prefix)
    end
  elseif path ~= "" then
    local value = resolve(path, environment)
    if value ~= nil then add_fields(found, value, prefix, separator == ":") end
  end
  local names = {}
  for name in next, found do names[#names + 1] = name end
  sort(names)
  return names, (module or in_string(before)) and before:match "[^\"']*$" or prefix
end

return complete
