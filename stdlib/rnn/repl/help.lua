-- help.lua: the answer to "?" and "?name" at the prompt. Texts come from rnn.doc and, for ops, from the core; what has
-- none is described by what it is.

local core = require "rnn.core"
local pretty = require "rnn.repl.pretty"

local GENERAL = [[
Type an expression to see its value, or a statement to run it. An unfinished one goes on in the next line.
  ?name       help on a name: ?nn.LSTM  ?rnn.fit  ?matmul
  _           the last value
  Tab         completes names
  Up, Down    earlier entries, also those of several lines
  Ctrl-C      stops a computation, or clears the line
  Ctrl-D      leaves
rnn, nn, optim and data are there already. Variables stay when they are global: x = 1, not local x = 1.]]

-- The names under which the documentation may know a thing: "rnn.nn.LSTM", "nn.LSTM".
local function spellings(name)
  local short = name:gsub("^rnn%.", "")
  return { name, short, "rnn." .. short }
end

local function documented(name)
  local ok, doc = pcall(require, "rnn.doc")
  if ok and type(doc) == "table" and doc.lookup then
    for _, spelling in ipairs(spellings(name)) do
      local text = doc.lookup(spelling)
      if text then return text end
    end
  end
  local op = name:match("[%w_]+$")
  local text = op and core.op_doc and core.op_doc(op)
  return text and op .. text
end

local function value_of(name)
  local value = _G
  for key in name:gmatch("[^.:]+") do value = value[key] end
  return value
end

local function describe_function(name, f)
  local info, parameters = debug.getinfo(f, "Su"), {}
  if info.what == "C" then return name .. ": a function made in C, without documentation" end
  for i = 1, info.nparams do parameters[i] = debug.getlocal(f, i) end
  if info.isvararg then parameters[#parameters + 1] = "..." end
  return ("%s(%s)   %s:%d"):format(name, table.concat(parameters, ", "), info.short_src, info.linedefined)
end

local function described(name)
  local ok, value = pcall(value_of, name)
  if not ok or value == nil then return nil end
  if type(value) == "function" then return describe_function(name, value) end
  return name .. ": a " .. type(value) .. "\n" .. pretty(value, core.terminal_width())
end

--- help(name) -> text
---
--- The text for "?name", or for "?" when name is "".
---@param name string
---@return string
local function help(name)
  if name == "" then return GENERAL end
  local known = documented(name) or (name:find("^[%a_][%w_.:]*$") and described(name))
  return known or ("no help for '%s'; ? alone tells what can be asked"):format(name)
end

return help
