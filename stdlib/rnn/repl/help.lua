-- help.lua: the answer to "?" and "?name" at the prompt. Texts come from rnn.doc, pages from
-- rnn.doc.pages; what has neither is described by what it is.

local core = require "rnn.core"
local check = require "rnn.check"
local guard = require "rnn.guard"
local pretty = require "rnn.repl.pretty"

local BEGINNING <const> = "Type an expression to see its value, or a statement to run it. An unfinished one goes on in "
  .. "the next line."
local KEYS <const> = {
  { "?name", "help on a name, also name?: ?nn.LSTM ?rnn.fit ?matmul; ??name its source" },
  { "?topic", "a page: ?tutorial ?howto ?padding ?course ?neuron ?faq; %apropos words finds them in all" },
  { "_", "the last value" },
  { "Tab", "completes names, options and their values, files in strings" },
  { "Up, Down", "earlier entries, also those of several lines" },
  { "Ctrl-C", "stops a computation, or clears the line; in training it opens a prompt inside the loop" },
  { "Ctrl-D", "leaves" },
  { ";command", "runs a command of the shell" },
  { "%time code", "time and memory of one run; %timeit code of many" },
  { "%who", "variables; %mem memory; %hist entries; %save file; %load file; %reset" },
}
local END <const> = "rnn, nn, optim and data are there already. Variables stay when they are global: x = 1, not local "
  .. "x = 1."

local WIDEST <const>, NAMES <const> = 112, 14 -- columns of a text, and of the names beside it

-- In lines as wide as the terminal.
local function general(doc, width)
  local lines = { "The prompt\n", doc.fill(BEGINNING, width) }
  for _, row in ipairs(KEYS) do
    local text = doc.fill(row[2], math.max(20, width - NAMES)):gsub("\n", "\n" .. (" "):rep(NAMES))
    lines[#lines + 1] = ("  %-" .. NAMES - 2 .. "s%s"):format(row[1], text)
  end
  lines[#lines + 1] = doc.fill(END, width)
  return table.concat(lines, "\n")
end

local function value_of(path, environment)
  local value = environment
  for key in path:gmatch("[^.:]+") do value = value[key] end
  return value
end

local function get(path, environment)
  local ok, value = pcall(value_of, path, environment)
  if ok then return value end
end

-- The name of a class or of the class of an object.
local function class_name(value)
  if core.is_tensor(value) then return "rnn.Tensor" end
  local class = type(value) == "table" and (rawget(value, "__name") and value or debug.getmetatable(value))
  local name = type(class) == "table" and class.__name
  return type(name) == "string" and name or nil
end

-- Is the path's first name the user's own, not a part of the library?
local function is_own(path, environment)
  local root = path:match("^[%a_][%w_]*")
  local value, rnn = get(root, environment), require "rnn"
  return value ~= nil and value ~= rnn and value ~= get(root, rnn)
end

local function documented(path, environment)
  local doc = require "rnn.doc"
  if not is_own(path, environment) then
    local entry = doc.entry(path)
    return entry and doc.text(entry, core.terminal_width())
  end
  local holder, method = path:match("^(.*)[.:]([%w_]+)$")
  local class = holder and class_name(get(holder, environment))
  local entry = class and doc.entry(class .. ":" .. method)
  if entry then return doc.text(entry, core.terminal_width()) end
  local value = get(path, environment)
  class = type(value) == "table" and class_name(value)
  entry = class and doc.entry(class)
  if not entry then return nil end
  if rawget(value, "__name") then return doc.text(entry, core.terminal_width()) end
  return ("%s: %s\n\n%s"):format(path, pretty(value, core.terminal_width()), doc.text(entry, core.terminal_width()))
end

local function describe_function(name, f)
  f = guard.inner(f)
  local info, parameters = debug.getinfo(f, "Su"), {}
  if info.what == "C" then return name .. ": a function made in C, without documentation" end
  for i = 1, info.nparams do parameters[i] = debug.getlocal(f, i) end
  if info.isvararg then parameters[#parameters + 1] = "..." end
  return ("%s(%s)   %s:%d"):format(name, table.concat(parameters, ", "), info.short_src, info.linedefined)
end

local function described(name, environment)
  local value = get(name, environment)
  if value == nil then return nil end
  if type(value) == "function" then return describe_function(name, value) end
  return name .. ": a " .. type(value) .. "\n" .. pretty(value, core.terminal_width())
end

local help = {}

--- help.signature(text, value, environment) -> text
---
--- A function as one line: as it is documented, when text is a name of the library's, else what Lua knows of it.
---@param text string what was typed
---@param value function
---@param environment table
---@return string
function help.signature(text, value, environment)
  local name = text:match "^%s*([%a_][%w_.]*)%s*$"
  if name and not is_own(name, environment) then
    local entry = require "rnn.doc".entry(name)
    if entry then return entry.signature end
  end
  return describe_function(name or "function", value)
end

-- What may have been meant where there is no help: the name in other letters, or nearly so, and a search in all texts.
local function instead(name)
  local doc, folded, known = require "rnn.doc", {}, {}
  for _, other in ipairs(doc.names()) do
    if doc.is_public(other) then
      known[#known + 1] = other
      for _, short in ipairs { other, other:match "[^.:]*$" } do
        short = short:lower()
        folded[short] = other:find "^r?nn%." and other or folded[short] or other -- cells.LSTM is seldom meant
      end
    end
  end
  local near = folded[name:lower()] or check.closest(name, known)
  if near then return ("; did you mean ?%s"):format(near) end
  local found = #require "rnn.doc.pages".search(name)
  return found > 0 and ("; %%apropos %s shows %d place%s"):format(name, found, found == 1 and "" or "s")
    or "; ? alone tells what can be asked"
end

--- help.of(name, environment) -> text, found
---
--- The text for "?name", or for "?" when name is ""; found: whether it is more than that there is none.
---@param name string
---@param environment table
---@return string
---@return boolean
function help.of(name, environment)
  local width = math.min(WIDEST, core.terminal_width())
  if name == "" then return general(require "rnn.doc", width), true end
  local is_path = name:find("^[%a_][%w_.:]*$")
  local known = is_path and documented(name, environment)
  if known then return known, true end
  local page = not (is_path and is_own(name, environment)) and require "rnn.doc.pages".find(name)
  known = page and require "rnn.doc".fill(page.text, width) or is_path and described(name, environment)
  return known or ("no help for '%s'%s"):format(name, instead(name)), known ~= nil
end

--- help.source(name, environment, entries) -> text
---
--- The text for "??name".
---@param name string
---@param environment table
---@param entries string[] texts of the prompt's entries so far
---@return string
function help.source(name, environment, entries)
  local rnn = require "rnn"
  local value = get(name, environment)
  if value == nil then value = get(name, rnn) end
  if value == nil then return ("no source for '%s': there is no such name"):format(name) end
  return require "rnn.repl.source"(name, value, entries)
end

return help
