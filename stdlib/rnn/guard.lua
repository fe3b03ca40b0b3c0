-- guard.lua: what stands before every public function written in Lua: more arguments than the function has are an
-- error, and a method wants an object of its class. Classes and the tables of lazy.lua put it there, so no function
-- sees to it itself; those made in C have the same test in bindings/function.c.

local core = require "rnn.core"
local check = require "rnn.check"

local guard = {}

local PREFIX = "@[rnn]"

local inner = setmetatable({}, { __mode = "k" }) -- guarded function -> the one behind it

-- The guard of a function of n parameters, or of n and any number more. It makes a tail call, so that the stack shows
-- only the function.
local function maker_of(n, is_method, any)
  local names, tests = {}, {}
  for i = 1, n do names[i] = "a" .. i end
  if not any then tests[1] = "... ~= nil" end
  if is_method then tests[#tests + 1] = "not kin[getmetatable(a1)]" end
  local list = table.concat(names, ", ")
  local all = n > 0 and list .. ", ..." or "..."
  return load(([[local f, kin, refuse, getmetatable = ...
    return function(%s)
      if %s then refuse(%s, ...) end
      return f(%s)
    end]]):format(all, table.concat(tests, " or "), is_method and "a1" or "nil", any and all or list),
    PREFIX .. "/guard.lua")
end

local makers = {}

-- head(lstm(x)) hands head a state as well; layers without one may drop it.
local function is_state(value)
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__name == "nn.State"
end

--- guard.wrap(f, name [, cls]) -> function
---
--- f behind its guard. name is for messages; cls is the class of which f may be a method. What is not written in Lua by
--- the library, or has a last parameter "surplus", which it tests itself, is returned as it is.
---@param f function
---@param name string
---@param cls? table
---@return function
function guard.wrap(f, name, cls)
  local info = debug.getinfo(f, "Su")
  local n = info.nparams
  if inner[f] or info.source:sub(1, #PREFIX) ~= PREFIX or n > 0 and debug.getlocal(f, n) == "surplus" then return f end
  local is_method, any = cls and n > 0 and debug.getlocal(f, 1) == "self", info.isvararg
  if any and not is_method then return f end
  local kin = {} -- the metatables of objects that were found to be of the class
  if cls then kin[cls] = true end

  local function refuse(self, ...)
    if is_method and not kin[getmetatable(self)] then
      if not require "rnn.class".is_a(self, cls) then
        core.fail("%s: expected an object of %s before the colon, got %s", name, cls.__name, check.describe(self))
      end
      kin[getmetatable(self)] = true
    end
    if any or ... == nil or name:find(":forward$") and is_state(...) then return end
    guard.refuse(name, is_method and n - 1 or n, ...)
  end

  local key = ("%d %s %s"):format(n, is_method, any)
  makers[key] = makers[key] or maker_of(n, is_method, any)
  local guarded = makers[key](f, kin, refuse, getmetatable)
  inner[guarded] = f
  return guarded
end

--- guard.restoring(f, name) -> function
---
--- A method load_state for which a saved state that does not fit is an argument error, whatever it stumbles over: such
--- states come from files.
---@param f fun(self: table, saved: any, more: any)
---@param name string
---@return function
function guard.restoring(f, name)
  return function(self, saved, more)
    check.table(name, "argument 1", saved)
    local ok, message = pcall(f, self, saved, more)
    if ok then return end
    message = tostring(message)
    if not message:find "^%[rnn%]" and not message:find "^attempt to" then error(message, 0) end
    core.fail("%s: expected what state() gave, got %s that does not fit", name, check.describe(saved))
  end
end

--- guard.refuse(name, most, ...)
---
--- Raises that there are more arguments than the most that there may be by ..., as ops do.
---@param name string
---@param most integer
function guard.refuse(name, most, ...)
  core.fail("%s: expected at most %d arguments, got %d", name, most, most + select("#", ...))
end

--- guard.value(name, value) -> value
---
--- What users know by this name, guarded: a function, or a table of functions. A class and a lazy table have seen to
--- it.
---@param name string
---@param value any
---@return any
function guard.value(name, value)
  if type(value) == "function" then return guard.wrap(value, name:find(".", 1, true) and name or "rnn." .. name) end
  if type(value) == "table" and not getmetatable(value) then return guard.all(name .. ".", value) end
  return value
end

--- guard.all(prefix, t) -> t
---
--- Guards everything in a table; prefix is what stands before the names.
---@param prefix string
---@param t table
---@return table
function guard.all(prefix, t)
  for key, value in next, t do
    if type(key) == "string" then t[key] = guard.value(prefix .. key, value) end
  end
  return t
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
