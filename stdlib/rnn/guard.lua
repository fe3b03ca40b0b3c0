-- guard.lua: what stands before every public function written in Lua: more arguments than the function has are an error,
-- and a method wants an object of its class. Classes and the tables of lazy.lua put it there, so no function sees to it
-- itself; those made in C have the same test in bindings/function.c.

local core = require "rnn.core"
local check = require "rnn.check"

local guard = {}

local PREFIX = "@[rnn]"

local inner = setmetatable({}, { __mode = "k" }) -- guarded function -> the one behind it

-- The guard of a function of n parameters, made by a tail call so that the stack shows only the function.
local function maker_of(n, is_method)
  local names = {}
  for i = 1, n do names[i] = "a" .. i end
  local list = table.concat(names, ", ")
  return load(([[local f, kin, refuse, getmetatable = ...
    return function(%s...)
      if ... ~= nil%s then refuse(%s, ...) end
      return f(%s)
    end]]):format(n > 0 and list .. ", " or "", is_method and " or not kin[getmetatable(a1)]" or "",
    is_method and "a1" or "nil", list), PREFIX .. "/guard.lua")
end

local makers = {}

--- guard.wrap(f, name [, cls]) -> function
---
--- f behind its guard. name is for messages; cls is the class of which f may be a method. What is not written in Lua by
--- the library, takes any number of arguments or has a last parameter "surplus", which it tests itself, is returned as
--- it is.
---@param f function
---@param name string
---@param cls? table
---@return function
function guard.wrap(f, name, cls)
  local info = debug.getinfo(f, "Su")
  local n = info.nparams
  if info.isvararg or inner[f] or info.source:sub(1, #PREFIX) ~= PREFIX then return f end
  if n > 0 and debug.getlocal(f, n) == "surplus" then return f end
  local is_method = cls and n > 0 and debug.getlocal(f, 1) == "self"
  local kin = {} -- the metatables of objects that were found to be of the class
  if cls then kin[cls] = true end

  local function refuse(self, ...)
    if is_method and not kin[getmetatable(self)] then
      if not require "rnn.class".is_a(self, cls) then
        core.fail("%s: expected an object of %s before the colon, got %s", name, cls.__name, check.describe(self))
      end
      kin[getmetatable(self)] = true
    end
    if ... ~= nil then guard.refuse(name, is_method and n - 1 or n, ...) end
  end

  local key = is_method and -n or n
  makers[key] = makers[key] or maker_of(n, is_method)
  local guarded = makers[key](f, kin, refuse, getmetatable)
  inner[guarded] = f
  return guarded
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
--- What users know by this name, guarded: a function, or a table of functions. A class and a lazy table have seen to it.
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
