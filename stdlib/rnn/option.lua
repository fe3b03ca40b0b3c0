-- option.lua: the options of functions, declared once. A declaration checks what is given, and help, Tab, editors and
-- the manual know from it what there is:
--
--   local OPTIONS = option.of("nn.Dense", {
--     { "bias", true, check.boolean, "adds a bias" },
--     { "activation", nil, option.one_of { "tanh", "relu" }, "of the sums" },
--   })
--   local given = OPTIONS:read(argument)      -- { bias = true }, or an error at the user's line
--
-- A row has the name, the default (nil: none; it is checked once), a check as in check.lua, f(fname, argname, value) ->
-- value, and the meaning, a phrase. With required = true the option must be given, for then nil, too, is checked. was =
-- "hidden" is an earlier name, which still goes and says once how it is called now.

local core = require "rnn.core"
local check = require "rnn.check"

local option = {}

-- ---- checks with their types ----

-- check -> { type as LuaCATS writes it, values that Tab offers }
local kinds = {
  [check.boolean] = { "boolean", { "true", "false" } }, [check.string] = { "string" }, [check.table] = { "table" },
  [check.callback] = { "function" }, [check.positive] = { "number" }, [check.rate] = { "number" },
  [check.tensor] = { "rnn.Tensor" },
}

--- option.kind(type, f [, values]) -> check
---
--- f as a check with the type that it lets pass, as LuaCATS writes it, and values that Tab offers.
---@param type string
---@param f fun(fname: string, argname: string, value: any): any
---@param values? string[] as a script writes them: '"sum"', "true"
function option.kind(type, f, values)
  local checked = f
  if kinds[f] then checked = function(...) return f(...) end end -- one check, two types
  kinds[checked] = { type, values }
  return checked
end

--- option.int([min [, max]]) -> check of an integer within closed bounds
function option.int(min, max)
  return option.kind("integer", function(fname, argname, value) return check.int(fname, argname, value, min, max) end)
end

--- option.number([min [, max]]) -> check of a number within closed bounds
function option.number(min, max)
  return option.kind("number", function(fname, argname, value) return check.number(fname, argname, value, min, max) end)
end

--- option.one_of(choices) -> check of one of a list of strings
function option.one_of(choices)
  local quoted = {}
  for i, choice in ipairs(choices) do quoted[i] = ("%q"):format(choice) end
  return option.kind(table.concat(quoted, "|"), function(fname, argname, value)
    return check.one_of(fname, argname, value, choices)
  end, quoted)
end

--- option.or_boolean(f) -> check of true, false or what f lets pass
function option.or_boolean(f)
  local kind = kinds[f]
  return option.kind("boolean|" .. kind[1], function(fname, argname, value)
    return type(value) == "boolean" and value or value ~= false and f(fname, argname, value)
  end, { "true", "false", table.unpack(kind[2] or {}) })
end

--- option.unless_false(f) -> check of what f lets pass; false stands for nothing
function option.unless_false(f)
  local kind = kinds[f]
  return option.kind(kind[1] .. "|false", function(fname, argname, value)
    if value ~= false then return f(fname, argname, value) end
  end, kind[2])
end

--- option.any: no check; whoever reads the option sees to it.
function option.any(_, _, value) return value end
kinds[option.any] = { "any" }

-- ---- declarations ----

local Declaration = {}
Declaration.__index = Declaration

local declared = {} -- fname -> declaration

--- option.of(fname, rows ...) -> declaration
---
--- The options of a function, by the name that users write. Several lists of rows follow each other; a row of a later
--- one takes the place of an earlier one of its name.
---@param fname string
---@param ... table[]
function option.of(fname, ...)
  local self = setmetatable({ fname = fname, rows = {}, by_name = {}, by_earlier_name = {}, defaults = {} },
    Declaration)
  for _, rows in ipairs { ... } do
    for _, row in ipairs(rows) do
      local known = self.by_name[row[1]]
      if known then
        for i, other in ipairs(self.rows) do self.rows[i] = other == known and row or other end
      else
        self.rows[#self.rows + 1] = row
      end
      self.by_name[row[1]] = row
      if row.was then self.by_earlier_name[row.was] = row end
    end
  end
  declared[fname] = self
  return self
end

--- option.declared(fname) -> declaration | nil
function option.declared(fname) return declared[fname] end

--- option.type_of(row) -> type, values that Tab offers | nil
function option.type_of(row)
  local kind = kinds[row[3]] or kinds[option.any]
  return kind[1], kind[2]
end

-- Raises what is wrong with an unknown name.
local function unknown(self, fname, name)
  local known, all = {}, {}
  for i, row in ipairs(self.rows) do
    known[i], all[#all + 1] = row[1], row[1]
    all[#all + 1] = row.was
  end
  table.sort(known)
  if type(name) ~= "string" then
    core.fail("%s: options: expected name = value, got an entry without a name; known: %s", fname,
      table.concat(known, ", "))
  end
  local near = require "rnn.names".option(name, self.by_name) or check.closest(name, all)
  near = near and ("; did you mean '%s'?"):format((self.by_name[near] or self.by_earlier_name[near])[1]) or ""
  core.fail("%s: unknown option '%s'%s known: %s", fname, name, near == "" and ";" or near,
    table.concat(known, ", "))
end

local said = {}

-- An option under its earlier name.
local function earlier(fname, row, given)
  if given[row[1]] ~= nil then
    core.fail("%s: option '%s' is an earlier name of '%s', which is given as well", fname, row.was, row[1])
  end
  local text = ("%s: option '%s' is an earlier name; write '%s'\n"):format(fname, row.was, row[1])
  if not said[text] then io.stderr:write(text) end
  said[text] = true
end

--- declaration:read(given [, fname]) -> table
---
--- A new table of what is given over the defaults, each value checked. nil stands for no options. Errors: a name that
--- is not declared, with the nearest one that is; what the checks raise. fname: that of the function in messages.
---@param given table|nil
---@param fname? string
---@return table
function Declaration:read(given, fname)
  fname = fname or self.fname
  local meta = getmetatable(given)
  if given ~= nil and (type(given) ~= "table" or meta) then
    if type(meta) == "table" and meta.__name == "nn.State" then
      core.fail("%s: options: expected a table, got a state, the second result of a layer: (layer(x)) is the first",
        fname)
    end
    check.expected(fname, "options", "a table", given)
  end
  for name in pairs(given or {}) do
    if self.by_earlier_name[name] then
      earlier(fname, self.by_earlier_name[name], given)
    elseif not self.by_name[name] then
      unknown(self, fname, name)
    end
  end
  local merged = {}
  for _, row in ipairs(self.rows) do
    local name = row[1]
    local written = row.was and given and given[row.was] ~= nil and row.was or name
    local value = given and given[written]
    if value ~= nil or row.required then
      merged[name] = row[3](fname, ("option '%s'"):format(written), value)
    elseif row[2] ~= nil then
      if self.defaults[name] == nil then self.defaults[name] = row[3](fname, ("option '%s'"):format(name), row[2]) end
      merged[name] = self.defaults[name]
    end
    if written ~= name then merged[written] = merged[name] end -- so that messages have the name that was written
  end
  return merged
end

--- declaration:effect(merged, name, acts, reason [, fname])
---
--- Raises when an option is given, and not as its default, where it cannot have any effect. merged is what read gave.
---@param merged table
---@param name string
---@param acts any whether it has an effect
---@param reason string why it has none
---@param fname? string
function Declaration:effect(merged, name, acts, reason, fname)
  if acts or merged[name] == nil or merged[name] == self.by_name[name][2] then return end
  local was = self.by_name[name].was
  if was and merged[was] ~= nil then name = was end
  core.fail("%s: option '%s' has no effect: %s", fname or self.fname, name, reason)
end

return option
