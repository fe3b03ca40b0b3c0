-- guard.lua: what stands before every public function written in Lua: more arguments than the function has are an
-- error, and a method wants an object of its class. Classes and the tables of lazy.lua put it there, so no function
-- sees to it itself; those made in C have the same test in bindings/check.c.
--
-- A guard is one closure over two values, f and home, as the collector goes over all of them. home says where f is:
-- { class = cls }, which also has the metatables of objects that were found to be of the class, as keys;
-- { table = t, prefix = "nn." }; or { name = "split" }.

local core = require "rnn.core"
local check = require "rnn.check"

local guard = {}

local PREFIX = "@[rnn]"

local inner = {} -- guarded function -> the one behind it

-- As users write it: "nn.Linear:forward", "metrics.mae", of a constructor "nn.Linear".
local function name_of(f, home)
  local class = home.class
  for key, value in next, class or home.table or {} do
    if inner[value] == f then
      if not class then return (home.prefix == "" and "rnn." or home.prefix) .. key end
      return key == "init" and class.__name or class.__name .. ":" .. key
    end
  end
  return home.name or class and class.__name or home.prefix -- step stands behind a function made in C
end

-- head(lstm(x)) hands head a state as well; layers without one may drop it.
local function is_dropped(name, value)
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__name == "nn.State" and name:find ":forward$"
end

local function check_count(f, home, most, ...)
  local name = name_of(f, home)
  if ... == nil or is_dropped(name, (...)) then return end
  core.fail("%s: expected at most %d argument%s, got %d", name, most, most == 1 and "" or "s", most + select("#", ...))
end

-- The object may be the first of its class that comes here.
local function check_object(f, home, self)
  local class = home.class
  if not guard.is_a(self, class) then
    local name = name_of(f, home)
    core.fail("%s: expected an object of %s before the colon, got %s; write %s:%s(), with a colon", name, class.__name,
      check.describe(self), class.__name:match "[^.]*$":lower(), name:match "[^:]*$")
  end
  home[getmetatable(self)] = true
end

-- Makes the guards of functions of n parameters, or of n and any number more. Their tail call leaves only f on the
-- stack.
local function maker_of(n, is_method, any)
  local names, lines = {}, {}
  for i = 1, n do names[i] = "a" .. i end
  local list = table.concat(names, ", ")
  local all = n > 0 and list .. ", ..." or "..."
  if is_method then lines[1] = "if not home[getmetatable(a1)] then check_object(f, home, a1) end" end
  if not any then
    lines[#lines + 1] = ("if ... ~= nil then check_count(f, home, %d, ...) end"):format(is_method and n - 1 or n)
  end
  return load(([[local getmetatable, check_object, check_count = ...
    return function(f, home)
      return function(%s) %s return f(%s) end
    end]]):format(all, table.concat(lines, " "), any and all or list), PREFIX .. "/guard.lua")(getmetatable,
    check_object, check_count)
end

local makers = {}

--- guard.wrap(f, home) -> function
---
--- f behind its guard. What is not written in Lua by the library, or has a last parameter "surplus", which it tests
--- itself, is returned as it is.
---@param f function
---@param home { class?: table, table?: table, prefix?: string, name?: string }
---@return function
function guard.wrap(f, home)
  local info = debug.getinfo(f, "Su")
  local n = info.nparams
  if inner[f] or info.source:sub(1, #PREFIX) ~= PREFIX or n > 0 and debug.getlocal(f, n) == "surplus" then return f end
  local is_method, any = home.class and n > 0 and debug.getlocal(f, 1) == "self", info.isvararg
  if any and not is_method then return f end
  local key = n * 4 + (is_method and 2 or 0) + (any and 1 or 0)
  makers[key] = makers[key] or maker_of(n, is_method, any)
  local guarded = makers[key](f, home)
  inner[guarded] = f
  return guarded
end

--- guard.restoring(f, class, key) -> function
---
--- A method load_state or merge for which a saved state that does not fit is an argument error, whatever it stumbles
--- over: such states come from files.
---@param f fun(self: table, saved: any, more: any)
---@param class table
---@param key string
---@return function
function guard.restoring(f, class, key)
  return function(self, saved, more)
    local name = ("%s:%s"):format(class.__name, key)
    check.table(name, "argument 1", saved)
    local ok, message = pcall(f, self, saved, more)
    if ok then return end
    message = tostring(message)
    if not message:find "^%[rnn%]" and not message:find "^attempt to" then error(message, 0) end
    core.fail("%s: expected what state() gave, got %s that does not fit", name, check.describe(saved))
  end
end

--- guard.all(prefix, t) -> t
---
--- Guards the functions in a table and in those in it; prefix is what stands before their names.
---@param prefix string
---@param t table
---@return table
function guard.all(prefix, t)
  local home = { table = t, prefix = prefix }
  for key, value in next, t do
    if type(key) == "string" then t[key] = guard.value(key, value, home) end
  end
  return t
end

--- guard.value(key, value, home) -> value
---
--- What the table of home has or gets under a key, guarded. Classes and lazy tables have seen to it themselves.
---@param key string
---@param value any
---@param home { table: table, prefix: string }
---@return any
function guard.value(key, value, home)
  if type(value) == "function" then return guard.wrap(value, home) end
  if type(value) == "table" and not getmetatable(value) then return guard.all(home.prefix .. key .. ".", value) end
  return value
end

--- guard.inner(f) -> function
---
--- The function behind a guard; any other value itself.
---@param f any
---@return any
function guard.inner(f)
  return inner[f] or f
end

return guard
