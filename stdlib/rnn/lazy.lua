-- lazy.lua: tables whose fields are modules loaded at their first use, so that require "rnn" takes milliseconds.

local guard = require "rnn.guard"

-- What reads an unknown name of a table: an error that suggests one.
local function unknown_of(prefix)
  return function(self, name)
    if type(name) ~= "string" or not name:find "^%a" then return nil end
    return require "rnn.names".field(prefix, self, name)
  end
end

--- lazy(prefix, t, whole, parts) -> t
---
--- Reading t.Linear loads the module whole.Linear, or takes the field Linear of the module parts.Linear, and keeps it
--- in t. Other names are errors that suggest one, also of whole modules that are plain tables. getmetatable(t).names
--- holds the names (as keys), for completion and for tests. All of it is what users call, so functions are guarded;
--- prefix is what stands before their names: "nn.".
---@param prefix string
---@param t table
---@param whole table<string, string> name -> module whose value it is
---@param parts table<string, string> name -> module that has it as a field
---@return table
local function lazy(prefix, t, whole, parts)
  local names, home, unknown = {}, { table = t, prefix = prefix }, unknown_of(prefix)
  for name in pairs(whole) do names[name] = true end
  for name in pairs(parts) do names[name] = true end
  return setmetatable(guard.all(prefix, t), {
    names = names,
    __index = function(self, name)
      local value
      if whole[name] then
        value = guard.value(name, require(whole[name]), home)
        if type(value) == "table" and not getmetatable(value) then
          setmetatable(value, { names = {}, __index = unknown_of(prefix .. name .. ".") })
        end
      elseif parts[name] then
        value = guard.value(name, require(parts[name])[name], home)
      else
        return unknown(self, name)
      end
      rawset(self, name, value)
      return value
    end,
  })
end

return lazy
