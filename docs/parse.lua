-- parse.lua: documentation out of source text, when the program is built. A block is a run of lines that begin with
-- three dashes; what it belongs to follows from its first line, "name(arguments) -> results", or from the line of code
-- below it.

local parse = {}

-- Name, arguments and the rest of "nn.huber(y, target [, delta = 1]) -> scalar" and "rnn.experiment { ... } -> e".
local function split_signature(line)
  local name, rest = line:match("^([%a_][%w_.:]*)%s*(.*)$")
  if not name or name:find("[.:]$") then return nil end
  local arguments = rest:match("^%b()") or rest:match("^%b{}")
  if arguments then return name, arguments, rest:sub(#arguments + 1) end
  if rest == "" and name:find("[.]") then return name, "", "" end
  return nil
end

-- Does the line head a block? Then name, signature and, of "name(arguments): text", the text.
local function header(line)
  local metamethod, rest = line:match("^#([%a_]+)(.*)$")
  if metamethod then return metamethod .. ":__len", line, rest:match("^%s*%->") and "" or rest end
  local constant, meaning = line:match("^([%a_][%w_]*%.[%a_][%w_.]*):%s+(.+)$")
  if constant then return constant, constant, meaning end
  local name, arguments, after = split_signature(line)
  if not name then return nil end
  if after:find("^%s*%->") or after == "" then return name, line, "" end
  local text = after:match("^:%s+(.*)$")
  if text then return name, name .. arguments, text end
  -- several names for one thing: "nn.Tanh(), nn.tanh(x): what it is"
  local more, last = after:match("^(,%s.-%)):%s+(.*)$")
  if more then return name, name .. arguments .. more, last end
  local second = after:match("^,%s+[%a_][%w_.]*(%b().*)$")
  if second and (second:find("%)$") or second:find("%->")) then return name, line, "" end
  return nil
end

local function balanced(line)
  local _, open = line:gsub("[({]", "")
  local _, close = line:gsub("[)}]", "")
  return open <= close
end

-- Lines of text, and the tables of @param, @return ... lines.
local function sort_lines(lines)
  local text, tags = {}, {}
  for _, line in ipairs(lines) do
    local tag, rest = line:match("^@(%a+)%s*(.*)$")
    if not tag then
      text[#text + 1] = line
    else
      tags[#tags + 1] = { tag = tag, text = rest }
    end
  end
  return text, tags
end

-- The type at the beginning of text: brackets keep it together, as do "|" and ":" at its cuts.
local function split_type(text)
  local depth, i = 0, text:find("[%[%](){}<> ]")
  while i do
    local c = text:sub(i, i)
    if c == " " then
      if depth == 0 and not text:find("^[|:,]", i - 1) and not text:find("^ *|", i) then break end
    else
      depth = depth + (c:find("[%[({<]") and 1 or -1)
    end
    i = text:find("[%[%](){}<> ]", i + 1)
  end
  i = i or #text + 1
  return text:sub(1, i - 1), (text:sub(i + 1):gsub("^%s+", ""))
end

local function add_tag(entry, tag)
  if tag.tag == "param" then
    local name, rest = tag.text:match("^(%S+)%s+(.*)$")
    if not name then return end
    local kind, text = split_type(rest)
    table.insert(entry.params, { name = name:gsub("%?$", ""), optional = name:find("%?$") ~= nil, type = kind,
      text = text })
  elseif tag.tag == "return" then
    local kind, text = split_type(tag.text)
    table.insert(entry.returns, { type = kind, text = text })
  elseif tag.tag == "field" then
    local name, rest = tag.text:match("^(%S+)%s+(.*)$")
    if name == "[integer]" or not name then return end
    local kind, text = split_type(rest)
    table.insert(entry.fields, { name = name:gsub("%?$", ""), type = kind, text = text })
  elseif tag.tag == "class" then
    entry.class, entry.extends = tag.text:match("^([%w_.]+)%s*:?%s*([%w_.]*)")
  elseif tag.tag == "overload" then
    entry.overload = tag.text
  end
end

-- What the line of code below a block says: the variable before the dot, the name, the arguments.
local function code_of(line)
  local holder, separator, name, arguments = line:match("^%s*function ([%w_]+)([.:])([%w_]+)(%b())")
  if holder then return holder, separator, name, arguments end
  name, arguments = line:match("^%s*local function ([%w_]+)(%b())")
  if name then return nil, nil, name, arguments end
  holder, name = line:match("^%s*([%w_]+)%.([%w_]+)%s*=")
  return holder, ".", name, nil
end

-- The name under which the block is known, given the variables that hold classes.
local function name_of(entry, head, code, classes, module)
  if entry.class then return entry.class end
  local holder, separator, name = code_of(code)
  local class = holder and classes[holder]
  local method = head and head:match(":([%w_]+)$")
  if method then return (class or classes[1] or head:match("^(.-):")) .. ":" .. method end
  if head and head:find(".", 1, true) then return head end
  if class then return class .. (separator == ":" and ":" or ".") .. name end
  local short = module:gsub("^rnn%.", "")
  if not head and holder and holder == short:match("[%w_]+$") then return short .. "." .. name end
  return head or name
end

local function new_entry(lines, code, classes, module)
  local text, tags = sort_lines(lines)
  local entry = { module = module, params = {}, returns = {}, fields = {} }
  for _, tag in ipairs(tags) do add_tag(entry, tag) end
  while #text > 1 and not balanced(text[1]) and text[1]:find("^[%a_][%w_.:]*%s*[({]") do
    text[1] = text[1] .. " " .. table.remove(text, 2):gsub("^%s+", "")
  end
  local head, signature, rest
  if text[1] then head, signature, rest = header(text[1]) end
  if head then
    text[1] = rest
    if rest == "" and #text > 1 and text[2] ~= "" then head, signature = nil, nil end
    if not head then text[1] = lines[1] end
  end
  entry.name = name_of(entry, head, code, classes, module)
  if not entry.name then return nil end
  local _, _, _, arguments = code_of(code)
  entry.signature = signature or entry.name .. (not entry.class and arguments or "")
  entry.text = table.concat(text, "\n"):gsub("^%s*\n", ""):gsub("%s+$", "")
  return entry, head
end

-- Which variables of a file hold classes, by the lines that make them; [1] is the first. A file may give methods to the
-- class of another one in the same module: Frame in rnn.data.frame_time is data.Frame.
local function classes_of(source, module)
  local classes = {}
  local function add(variable, name)
    classes[variable] = name
    classes[1] = classes[1] or name
  end
  for variable, name in source:gmatch("\n%s*local ([%w_]+) = class%(%s*\"([^\"]+)\"") do add(variable, name) end
  local name -- of the class whose block of comments has just been read
  for line in source:gmatch("[^\n]+") do
    name = line:match("^%s*%-%-%-@class ([%w_.]+)") or name
    local variable = line:match("^%s*local ([%w_]+) = {") or line:match("^%s*local ([%w_]+) = [%w_.]+%(")
      or line:match("^%s*local ([%w_]+) = [%w_.]+$")
    if name and variable then add(variable, name) end
    if not line:find("^%s*%-%-%-") then name = nil end
  end
  for variable in source:gmatch "\nfunction (%u%w*):" do
    if not classes[variable] then add(variable, module:match "^rnn%.(%w+)" .. "." .. variable) end
  end
  return classes
end

--- parse.lua(source, module) -> array of entries
---
--- The documented things of a Lua file: name ("nn.mse", "nn.State:copy"), signature, text, params, returns, fields,
--- class and extends of classes, module.
---@param source string
---@param module string
---@return table[]
function parse.lua(source, module)
  local entries, block = {}, {}
  local classes = classes_of("\n" .. source, module)
  for line in (source .. "\n"):gmatch("(.-)\n") do
    local comment = line:match("^%s*%-%-%-(.*)$")
    if comment and not comment:find("^%-") then
      block[#block + 1] = comment:gsub("^ ", "")
    elseif #block > 0 then
      local entry, head = new_entry(block, line, classes, module)
      if entry then
        entries[#entries + 1] = entry
        -- "nn.Tanh(), nn.tanh(x): text" documents both
        for name in (head and entry.signature or ""):gmatch(",%s+([%a_][%w_]*%.[%w_.]+)%(") do
          local other = {}
          for key, value in pairs(entry) do other[key] = value end
          other.name = name
          entries[#entries + 1] = other
        end
      end
      block = {}
    end
  end
  return entries
end

--- parse.all(modules) -> name -> entry
---
--- The entries of Lua files, a list of { module, source }, by name. Of several with one name that with the longest text
--- counts; a class is also known by the name in its first line.
---@param modules { [1]: string, [2]: string }[]
---@return table<string, table>
function parse.all(modules)
  local found = {}
  local function add(name, entry)
    if not found[name] or #found[name].text < #entry.text then found[name] = entry end
  end
  for _, module in ipairs(modules) do
    for _, entry in ipairs(parse.lua(module[2], module[1])) do
      add(entry.name, entry)
      local head = entry.class and entry.signature:match("^[%a_][%w_.:]*")
      if head and not head:find(":") and head ~= entry.name and head:find(".", 1, true) then add(head, entry) end
    end
  end
  return found
end

--- parse.examples(entries, page)
---
--- Gives entries their examples, { code =, output = }, from a page of Markdown that has, below a heading with a name or
--- several, a block of Lua and one of what it prints. Errors: names without an entry, two examples of one.
---@param entries table<string, table>
---@param page string
function parse.examples(entries, page)
  for heading, code, output in page:gmatch "\n## (`[^\n]+`)\n\n[^\n`]*\n?```lua\n(.-)```\n\n```output\n(.-)```" do
    local example = { code = code:gsub('^local rnn = require "rnn"\n', ""), output = output }
    for name in heading:gmatch "`([^`]+)`" do
      local short = name:gsub("^rnn%.", "")
      local entry = entries[name] or entries[short] or entries["rnn." .. short]
        or entries[name:gsub("^rnn%.Tensor:", "rnn.")] or entries[name:gsub(":", ".")] or error("an example of nothing: " .. name)
      assert(not entry.example, "a second example of " .. name)
      entry.example = example
    end
  end
end

--- parse.c(source) -> array of texts
---
--- The blocks of a C file, comments that begin with /*---, as blocks of a Lua file.
---@param source string
---@return string[]
function parse.c(source)
  local texts = {}
  for block in source:gmatch("/%*(%-%-%- .-)%s*%*/") do texts[#texts + 1] = block end
  return texts
end

return parse
