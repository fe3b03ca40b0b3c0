-- lazy.lua: tables whose fields are modules loaded at their first use, so that require "rnn" takes milliseconds.

local guard = require "rnn.guard"

--- lazy(prefix, t, whole, parts) -> t
---
--- Reading t.Linear loads the module whole.Linear, or takes the field Linear of the module parts.Linear, and keeps it
--- in t. Other names are errors that suggest one. getmetatable(t).names holds the names (as keys), for completion and
--- for tests. All of it is what users call, so functions are guarded; prefix is what stands before their names: "nn.".
---@param prefix string
---@param t table
---@param whole table<string, string> name -> module whose value it is
---@param parts table<string, string> name -> module that has it as a field
---@return table
local function lazy(prefix, t, whole, parts)
  local names, home = {}, { table = t, prefix = prefix }
  for name in pairs(whole) do names[name] = true end
  for name in pairs(parts) do names[name] = true end
  return setmetatable(guard.all(prefix, t), {
    names = names,
    __index = function(self, name)
      local value
      if whole[name] then
        value = require(whole[name])
      elseif parts[name] then
        value = require(parts[name])[name]
      elseif type(name) == "string" and name:find "^%a" then
        return require "rnn.names".field(prefix, self, name)
      else
        return nil
      end
      value = guard.value(name, value, home)
      rawset(self, name, value)
      return value
    end,
  })
end

return lazy
