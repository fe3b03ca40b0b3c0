-- locals.lua: the local variables of a step at its return, for layer:record.

local core = require "rnn.core"
local check = require "rnn.check"

local locals = {}

--- locals.run(found, f, ...) -> results of f
---
--- Calls f(...) and puts the values of its local variables into the table found, by name, as they are when it returns.
--- A function that ends in a call of another one has none left by then. While a signal waits, whose hook must stay,
--- nothing is found.
---@param found table<string, any>
---@param f function
---@param ... any
---@return any ...
function locals.run(found, f, ...)
  local hook, mask, count = debug.gethook()
  if type(hook) == "string" then return f(...) end -- that of a signal
  local function look()
    if debug.getinfo(2, "f").func ~= f then return end
    local k, name, value = 1, debug.getlocal(2, 1)
    while name do
      if name:sub(1, 1) ~= "(" then found[name] = value end
      k = k + 1
      name, value = debug.getlocal(2, k)
    end
  end
  debug.sethook(look, "r")
  return core.finally("record", function()
    if debug.gethook() ~= look then return end
    if hook then debug.sethook(hook, mask, count) else debug.sethook() end
  end, f, ...)
end

--- locals.names(fname, names) -> the names that are asked for, or nil for none
function locals.names(fname, names)
  local list = {}
  for i, name in ipairs(check.table(fname, "argument 1 (names)", names or {})) do
    list[i] = check.string(fname, ("argument 1 (names)[%d]"):format(i), name)
  end
  return list[1] and list or nil
end

--- locals.pick(found, names, fit, cell) -> the values of names among those found that are fit, in their order
function locals.pick(found, names, fit, cell)
  local list, there = {}, {}
  for name, value in pairs(found) do there[#there + 1] = fit(value) and name or nil end
  table.sort(there)
  for i, name in ipairs(names) do
    list[i] = found[name]
    if not fit(list[i]) then
      core.fail("%s: record: its step has no local variable '%s' with a row for each sample when it returns; it has %s",
        cell:describe(), name, #there > 0 and table.concat(there, ", ")
        or "none, as one that ends in a call, return f(x), has lost them by then")
    end
  end
  return list
end

return locals
