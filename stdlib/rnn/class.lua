-- class.lua: classes in thirty lines. A class is called to construct; single inheritance; nothing else.
--
--   local Linear = class("nn.Linear", Module)
--   function Linear:init(inputs, units) ... end
--   local layer = Linear(10, 2)

local core = require "rnn.core"
local guard = require "rnn.guard"

local meta = {}

function meta.__call(cls, ...)
  if not cls.init then core.fail("%s: makes nothing; classes that are derived from it do", cls.__name) end
  local self = setmetatable({}, cls)
  local _ <close> = cls._undo_draws and cls._undo_draws() or nil
  self:init(...)
  if self._made then self:_made() end
  return self
end

-- A new field of a class: a method.
function meta.__newindex(cls, key, value)
  if type(value) == "function" and not key:find("^_") then
    if key == "load_state" or key == "merge" then value = guard.restoring(value, cls, key) end
    value = guard.wrap(value, getmetatable(cls).home)
  end
  rawset(cls, key, value)
end

function meta.__tostring(cls)
  return "class " .. cls.__name
end

--- class(name [, base]) -> class
---
--- Makes a class. A method _made is called when an object is complete. Its methods and metamethods are those of base
--- until they are overwritten; its metamethods must be written before a class is derived from it, as Lua looks them
--- up in the metatable itself. An object's metatable is its class; class.__name is its name.
---@param name string as users write it: "nn.Linear"
---@param base? table
---@return table
local function class(name, base)
  local cls = {}
  for key, value in pairs(base or {}) do
    if type(key) == "string" and key:find("^__") then cls[key] = value end
  end
  cls.__index, cls.__name = cls, name
  return setmetatable(cls, { __index = base, base = base, __call = meta.__call, __newindex = meta.__newindex,
    __tostring = meta.__tostring, home = { class = cls, [cls] = true } })
end

-- derives(at, cls) -> is the class at cls itself, or derived from it?
local function derives(at, cls)
  while at and at ~= cls do
    local above = getmetatable(at)
    at = type(above) == "table" and above.base or nil
  end
  return at == cls
end

--- is_a(value, cls) -> boolean
---
--- True when value is an object of cls or of a class derived from it.
---@param value any
---@param cls table
---@return boolean
local function is_a(value, cls)
  return type(value) == "table" and derives(getmetatable(value), cls)
end

guard.is_a = is_a -- a guard asks, and is there first

return setmetatable({ is_a = is_a, derives = derives }, {
  __call = function(_, name, base) return class(name, base) end,
})
