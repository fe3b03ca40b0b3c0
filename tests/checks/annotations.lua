-- annotations.lua: what editors are told. Every ---@param belongs to a parameter, in their order; every type is one of
-- Lua's or one that is declared (---@class, ---@alias, ---@generic).
--
--   rnnlua tests/checks/annotations.lua [ROOT]

local root = arg[1] or "."
local faults, count = {}, { types = 0, functions = 0 }
local place

local function fault(...) faults[#faults + 1] = place .. ": " .. (...):format(select(2, ...)) end

local known = {}
for name in ([[any nil boolean string number integer function table thread userdata lightuserdata self true false
  void file unknown]]):gmatch "%S+" do known[name] = true end

local function each_line(f)
  local pipe = assert(io.popen(("find '%s/stdlib' -name '*.lua' | LC_ALL=C sort"):format(root)))
  for path in pipe:lines() do
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      place = ("%s:%d"):format(path:sub(#root + 2), number)
      f(line)
    end
  end
  assert(pipe:close())
end

-- ---- types ----

-- The names in a type at the beginning of text, and what follows it; nil when it is none.
local read_type

local OPENING = { ["("] = "%b()", ["{"] = "%b{}" }

local function read_one(text, names)
  local rest = text:match '^"[^"]*"(.*)$' or text:match "^'[^']*'(.*)$" or text:match "^%-?%d+(.*)$"
  if rest then return rest end
  local arguments
  arguments, rest = text:match "^fun(%b())(.*)$"
  if arguments then
    for part in (arguments:sub(2, -2) .. ","):gmatch "%s*([^,]-)%s*," do
      local kind = part:match "^[%w_.]+%??%s*:%s*(.+)$"
      if kind and not kind:find "[%(%{<]" then read_type(kind, names) end
    end
    local result = rest:match "^%s*:%s*(.*)$"
    while result do
      rest = read_type(result, names)
      if not rest then return nil end
      result = rest:match "^,%s*(%a.*)$"
    end
    return rest
  end
  for opening, pair in pairs(OPENING) do
    if text:sub(1, 1) == opening then
      local inner
      inner, rest = text:match("^(" .. pair .. ")(.*)$")
      if not inner then return nil end
      if opening == "(" then return read_type(inner:sub(2, -2), names) and rest end
      for kind in inner:sub(2, -2):gmatch "[%w_]+%??:%s*([%a_][%w_.]*)" do names[#names + 1] = kind end
      return rest
    end
  end
  local name
  name, rest = text:match "^([%a_][%w_.]*)(.*)$"
  if not name then return nil end
  names[#names + 1] = name
  local inner, after = rest:match "^(%b<>)(.*)$"
  if inner then
    for part in (inner:sub(2, -2) .. ","):gmatch "%s*([^,]-)%s*," do read_type(part, names) end
    rest = after
  end
  return rest
end

function read_type(text, names)
  local rest = text
  repeat
    rest = read_one(rest, names)
    if not rest then return nil end
    rest = rest:gsub("^%[%]", ""):gsub("^%[%]", ""):gsub("^%?", "")
    local more = rest:match "^|(.*)$" -- with blanks it may be the description that begins with |u|
    rest = more or rest
  until not more
  return rest
end

each_line(function(line)
  local kind, name = line:match "^%-%-%-%s*@(%l+)%s+([%a_][%w_.]*)"
  if kind == "class" or kind == "alias" then known[name] = true end
  if kind == "generic" then
    for each in line:match "@generic%s+(.*)$":gmatch "([%a_][%w_]*)" do known[each] = true end
  end
end)

local function check_type(text)
  local names = {}
  count.types = count.types + 1
  if not read_type(text, names) then return fault("no type: %s", text) end
  for _, name in ipairs(names) do
    if not known[name] then fault("there is no type %s", name) end
  end
end

-- ---- annotations and what they stand above ----

local parameters
each_line(function(line)
  local tag, text = line:match "^%s*%-%-%-%s*@(%l+)%s*(.*)$"
  if tag == "param" then
    local name, kind = text:match "^([%a_.][%w_.]*)%??%s+(.*)$"
    if not name then return fault("no parameter: %s", text) end
    parameters = parameters or {}
    parameters[#parameters + 1] = name
    check_type(kind)
  elseif tag == "return" or tag == "type" then
    check_type(text)
  elseif tag == "field" then
    check_type(text:match "^[%a_][%w_]*%??%s+(.*)$" or text:match "^%[.-%]%s+(.*)$" or text)
  elseif not line:find "^%s*%-%-" then
    local list = parameters and (line:match "function[^%(]*(%b())" )
    if list then
      count.functions = count.functions + 1
      local own = {}
      for name in list:gmatch "[%a_.][%w_.]*" do own[#own + 1] = name end
      for i, name in ipairs(parameters) do
        if own[i] ~= name and name ~= "self" and own[i] ~= "_" then
          fault("@param %s, but the parameter is %s", name, own[i] or "not there")
          break
        end
      end
    end
    parameters = nil
  end
end)

print(("%d types, %d functions with parameters"):format(count.types, count.functions))
for _, text in ipairs(faults) do print("wrong: " .. text) end
os.exit(#faults == 0 and count.types > 3000 and count.functions > 500)
