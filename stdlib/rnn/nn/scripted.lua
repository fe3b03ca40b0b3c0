-- scripted.lua: the classes that scripts define by nn.module and nn.cell, and with which arguments their objects were
-- made, so that a file can say how a layer of a script's own is made again.

local class = require "rnn.class"
local check = require "rnn.check"

local scripted = {}

local classes = {} -- name -> the class that was defined last under it
local defined = setmetatable({}, { __mode = "k" }) -- class -> true
local arguments = setmetatable({}, { __mode = "k" }) -- object -> what its constructor was given, n of them

--- scripted.copy(value) -> what a constructor was given, to be kept: plain tables are copied, as it or the script may
--- change them
local function copy(value)
  if type(value) ~= "table" or getmetatable(value) then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end
scripted.copy = copy

--- scripted.define(fname, name, init, base) -> class, whose objects are made by init(self, ...)
function scripted.define(fname, name, init, base)
  check.string(fname, "argument 1 (name)", name)
  check.callback(fname, "argument 2 (init)", init)
  local cls = class(name, base)
  function cls.init(self, ...)
    if getmetatable(self) == cls then
      local given = copy { ... }
      given.n = select("#", ...)
      arguments[self] = given
    end
    init(self, ...)
  end
  classes[name], defined[cls] = cls, true
  return cls
end

-- Does what require gave have a class, itself or in a field? f(value) says which.
local function find(value, f)
  if f(value) then return value end
  for _, item in next, type(value) == "table" and value or {} do
    if f(item) then return item end
  end
end

--- scripted.class(name [, module]) -> the class of that name that a loaded module has; else the one that was defined
--- last under that name, or nil
function scripted.class(name, module)
  return find(package.loaded[module or ""], function(item) return defined[item] and item.__name == name end)
    or classes[name]
end

--- scripted.module(class) -> the name of a loaded module that has the class, or nil
function scripted.module(cls)
  local found
  for name, value in next, package.loaded do
    local ours = name == "_G" or name:find "^rnn%.?"
    if not ours and (not found or name < found) and find(value, function(item) return rawequal(item, cls) end) then
      found = name
    end
  end
  return found
end

--- scripted.arguments(object) -> what its constructor was given, n of them; nil for an object of no such class
function scripted.arguments(object) return arguments[object] end

--- scripted.same(object, other): object counts as made with the arguments of other.
function scripted.same(object, other) arguments[object] = arguments[other] end

return scripted
