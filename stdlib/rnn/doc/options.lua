-- options.lua: which options does a text of documentation name? They stand in one of four places:
--
--   Options: bias = true, kernel = "glorot_uniform" (a name), depth.        a sentence
--   Options:
--     epochs      at most so many (1)                                       a list
--   rnn.EarlyStopping { monitor = "val_loss", patience = 10 }               the first line
--   ---@param options? { columns?: string[], separator?: string }          the type of the argument

-- Quoted strings and everything in brackets mean something inside an option, not options.
local function flat(text)
  text = text:gsub('"[^"]*"', '""'):gsub("%b()", ""):gsub("%b{}", "{}"):gsub("%b[]", "")
  return text
end

local function add_items(found, text)
  for item in (flat(text):gsub(";", ","):gsub("%s+with%s+", ","):gsub("%s+and%s+", ",") .. ","):gmatch("%s*(.-)%s*,") do
    local name = item:match("^([%a_][%w_]*)%s*=") or item:match("^([%a_][%w_]*)$")
    if name then found[name] = true end
  end
end

-- The sentence from position on: it ends with a full stop before white space or the end.
local function sentence(text)
  local plain = text:gsub('"[^"]*"', function(s) return ("x"):rep(#s) end)
    :gsub("%b()", function(s) return ("x"):rep(#s) end)
  local stop = (plain .. " "):find("%.%s")
  return stop and text:sub(1, stop - 1) or text
end

-- "   length, ahead = k    what they are" in the lines below "Options:".
local function add_list(found, lines)
  for line in (lines .. "\n"):gmatch("(.-)\n") do
    local indent, names = line:match("^(%s+)([%a_].-)%s%s")
    names = names or line:match("^%s+([%a_][%w_]*)$")
    if not line:find("^%s") then break end
    if not names and line:find("^%s+[%a_][%w_]* = ") then names = line end
    if names and (not indent or #indent <= 4) then add_items(found, names) end
  end
end

local function add_text(found, entry, lookup)
  local rest = entry.text:match("Options[^:.\n]*:(.*)$")
  while rest do
    if rest:find("^%s*\n%s%s+%S") then
      add_list(found, rest:gsub("^%s*\n", "", 1))
    else
      local words = sentence(rest)
      for base in words:gmatch("[aA]s ([%a_][%w_.]*[%w_])") do
        local other = lookup(base)
        if other and other ~= entry then add_text(found, other, lookup) end
      end
      add_items(found, (words:gsub("^%s*as [%w_.]+", "")))
    end
    rest = rest:match("Options[^:.\n]*:(.*)$")
  end
end

-- Keys at the first level of the braces in a first line: { a = 1, b =, c }.
local function add_braces(found, text)
  local inside = text:match("%b{}%s*%]?%)?%s*%->") or text:match("%b{}%s*%]?%)?$") or ""
  inside = inside:match("^{(.*)}") or ""
  for name in (", " .. flat(inside)):gmatch(",%s*([%a_][%w_]*)%s*=") do found[name] = true end
end

local function add_type(found, kind)
  local inside = kind:match("^{(.*)}") or ""
  inside = inside:gsub("%b{}", "{}"):gsub("%b()", "()")
  for name in (", " .. inside):gmatch("[,;]%s*([%a_][%w_]*)%??%s*:") do found[name] = true end
end

--- options_of(entry, lookup) -> set of names
---
--- lookup(name) gives the entry of another name, for "Options: as optim.Adam, ...".
---@param entry table
---@param lookup fun(name: string): table?
---@return table<string, true>
return function(entry, lookup)
  local found = {}
  add_text(found, entry, lookup)
  if not entry.signature:find("{ layer") then add_braces(found, entry.signature) end
  for _, param in ipairs(entry.params) do
    if param.name == "options" then add_type(found, param.type) end
  end
  local options = entry.overload and entry.overload:match("options%??:%s*(%b{})")
  if options then add_type(found, options) end
  return found
end
