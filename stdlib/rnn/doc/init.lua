-- doc/init.lua: help on names. rnn.doc.entries is data, made from the comments in the code when the program is built
-- (docs/help.lua), and loaded when help is first asked for.

local beside = require "rnn.beside"
local check = require "rnn.check"
local option = require "rnn.option"

local doc = {}

local function entries() return require "rnn.doc.entries" end -- name -> entry

local function read(value, name) return value[name] end

-- The value of "nn.LSTM" or "rnn.fit", or nil.
local function value_of(path)
  local value = beside.rnn
  for name in path:gsub("^rnn%.", ""):gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    local ok, found = pcall(read, value, name) -- modules do not take other names
    if not ok then return nil end
    value = found
  end
  return value
end

-- The entry of a method of a class or of those that it is derived from.
local function method_entry(class_name, method)
  local found = entries()
  local cls = value_of(class_name)
  for _ = 1, 20 do -- bases of bases
    local entry = found[class_name .. ":" .. method] or found[class_name .. "." .. method]
    if entry then return entry end
    local meta = type(cls) == "table" and getmetatable(cls)
    cls = meta and meta.base
    local extends = found[class_name] and found[class_name].extends
    class_name = type(cls) == "table" and rawget(cls, "__name") or extends
    if not class_name or class_name == "" then return nil end
  end
end

--- rnn.doc.entry(name) -> entry | nil
---
--- The documentation of a name as users write it: "nn.LSTM", "rnn.fit", "matmul", "nn.LSTM:step", "rnn.Tensor:shape".
--- Methods of a base class are found under the names of its derived ones.
---@param name string
---@return { name: string, signature: string, text: string, params: table[], returns: table[], fields: table[] }?
function doc.entry(name)
  check.string("doc.entry", "argument 1 (name)", name)
  local found = entries()
  local short = name:gsub("^rnn%.", "")
  local entry = found[name] or found[short] or found["rnn." .. short]
  if entry then return entry end
  local class_name, method = short:match("^(.*)[.:]([%w_]+)$")
  if not class_name then return nil end
  if class_name == "Tensor" then return found["rnn.Tensor:" .. method] or found["rnn." .. method] end
  return method_entry(class_name, method) or method_entry("rnn." .. class_name, method)
end

local WIDTH <const>, LEAST_WIDTH <const> = 112, 40

--- doc.fill(text, width) -> text
---
--- Its paragraphs and the items of its lists filled anew, in lines of at most width columns. Other lines that begin
--- with a blank, and tables, stay as they are. Errors: a text that is no string, a width below 1.
---@param text string
---@param width integer
---@return string
function doc.fill(text, width)
  check.string("doc.fill", "argument 1 (text)", text)
  check.int("doc.fill", "argument 2 (width)", width, 1)
  local out, line, hanging = {}, nil, nil
  local function finish()
    out[#out + 1] = line
    line, hanging = nil, nil
  end
  for given in (text .. "\n"):gmatch "(.-)\n" do
    local item = given:match "^ ?[*-] +" or given:match "^ ?%d+%. +"
    local indent = given:match "^ *"
    if item then
      finish()
      line, hanging = item:gsub(" +$", ""), (" "):rep(#item)
      given = given:sub(#item + 1)
    elseif given == "" or given:find "^[|#]" or indent ~= "" and indent ~= hanging then
      finish()
      out[#out + 1] = given
      given = ""
    elseif indent == "" and hanging then
      finish()
    end
    for word in given:gmatch "%S+" do
      if line and utf8.len(line) + 1 + utf8.len(word) > width then out[#out + 1], line = line, nil end
      line = line and line .. " " .. word or (hanging or "") .. word
    end
  end
  finish()
  return table.concat(out, "\n")
end

-- Rows of a name and a text, which goes on below itself where it is long.
local function column(lines, heading, rows, most)
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, math.min(#row[1], 34)) end
  for i, row in ipairs(rows) do
    local line = ("%-9s %-" .. width .. "s "):format(i == 1 and heading or "", row[1])
    local indent = math.min(#line, width + 11)
    if indent > most - 24 then -- too narrow for two columns: the text stands below
      lines[#lines + 1], indent = line:gsub("%s+$", ""), 13
      line = (" "):rep(indent)
    end
    for word in row[2]:gmatch "%S+" do
      if #line + #word + 1 > most and #line > indent then
        lines[#lines + 1], line = line, (" "):rep(indent)
      end
      line = line .. " " .. word
    end
    lines[#lines + 1] = (line:gsub("%s+$", ""))
  end
end

local function rows_of(list)
  local rows = {}
  for _, item in ipairs(list) do
    if not item.name then
      rows[#rows + 1] = { item.type, item.text }
    elseif not item.type:find("^fun%(self") then -- methods are listed by their names
      rows[#rows + 1] = { item.name, item.type .. " " .. item.text }
    end
  end
  return rows
end

-- What an entry's function declares as its options, or nil.
local function declaration_of(entry)
  local name = entry.signature:match "^[%w_.:]+" or entry.name
  if entry.module ~= "rnn.meta" then pcall(require, entry.module) end -- what is made in C has no module
  return option.declared(name) or option.declared("rnn." .. name) or option.declared(entry.name)
end

local function written(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return value == nil and "" or tostring(value) end
  local texts = {}
  for i, part in ipairs(value) do texts[i] = written(part) end
  return #texts == 0 and "{}" or ("{ %s }"):format(table.concat(texts, ", "))
end

-- name = default, what may be written, and the meaning below where it is long.
local function option_rows(declaration)
  local rows = {}
  for _, row in ipairs(declaration.rows) do
    local _, values = option.type_of(row)
    local choices = values and type(row[2]) == "string" and (" (%s)"):format(table.concat(values, ", "))
    rows[#rows + 1] = { row[2] == nil and row[1] or ("%s = %s"):format(row[1], written(row[2])),
      row[4] .. (choices or "") .. (row.required and "; must be given" or "") }
  end
  return rows
end

local function methods_of(name)
  local names = {}
  for _, field in ipairs(entries()[name].fields) do
    if field.type:find("^fun%(self") then names[#names + 1] = field.name end
  end
  for key in pairs(entries()) do
    local method = key:sub(1, #name + 1) == name .. ":" and key:sub(#name + 2)
    if method and not method:find("^_") then names[#names + 1] = method end
  end
  table.sort(names)
  return names
end

--- rnn.doc.text(entry [, width]) -> text
---
--- An entry as the prompt shows it, in lines of at most width columns (112) where that is possible; 40 is the least.
--- Errors: anything but an entry.
---@param entry table
---@param width? integer
---@return string
function doc.text(entry, width)
  if type(entry) ~= "table" or not entry.signature then
    check.expected("doc.text", "argument 1 (entry)", "what doc.entry gives", entry)
  end
  width = check.int("doc.text", "argument 2 (width)", width == nil and WIDTH or width, 1)
  local narrow = width < WIDTH
  width = math.max(LEAST_WIDTH, math.min(width, WIDTH))
  local lines = { entry.signature }
  if entry.text ~= "" then lines[#lines + 1] = "" end
  if entry.text ~= "" then lines[#lines + 1] = narrow and doc.fill(entry.text, width) or entry.text end
  if #entry.params + #entry.returns + #entry.fields > 0 or declaration_of(entry) then lines[#lines + 1] = "" end
  column(lines, "arguments", rows_of(entry.params), width)
  local declaration = declaration_of(entry)
  if declaration then column(lines, "options", option_rows(declaration), width) end
  column(lines, "returns", rows_of(entry.returns), width)
  column(lines, "fields", rows_of(entry.fields), width)
  local methods = entry.class and methods_of(entry.name) or {}
  local line = "methods  "
  for i, name in ipairs(methods) do
    if #line + #name + 2 > width then
      lines[#lines + 1], line = line, "         "
    end
    line = line .. " " .. name .. (i < #methods and "," or "")
  end
  if #methods > 0 then lines[#lines + 1] = line end
  if entry.example then
    lines[#lines + 1] = "\nexample\n"
    for text in entry.example.code:gmatch "([^\n]*)\n" do lines[#lines + 1] = "  " .. text end
    lines[#lines + 1] = ""
    for text in entry.example.output:gmatch "([^\n]*)\n" do lines[#lines + 1] = "  > " .. text end
  end
  return table.concat(lines, "\n")
end

--- rnn.doc.lookup(name) -> text | nil
---
--- The documentation of a name, as text; nil for a name that has none.
---@param name string
---@return string?
function doc.lookup(name)
  check.string("doc.lookup", "argument 1 (name)", name)
  local entry = doc.entry(name)
  return entry and doc.text(entry)
end

--- rnn.doc.is_public(name) -> boolean
---
--- Whether users can reach what is documented under a name: a function is in rnn or in a module that rnn has, a class
--- or a method belongs to one of them; the core's and what begins with an underscore is nobody's.
---@param name string
---@return boolean
function doc.is_public(name)
  check.string("doc.is_public", "argument 1 (name)", name)
  local entry, module = entries()[name], name:match "^(%w+)[.:]"
  if not entry or not module or module == "core" or name:find "[.:]_" or entry.module:find "^rnn%.core" then
    return false
  end
  if name:find(":", 1, true) or name:find "%.%u[^.]*$" then return module == "rnn" or value_of(module) ~= nil end
  return value_of(name) ~= nil
end

--- rnn.doc.names() -> array of names
---
--- Every name that is documented, sorted, those of the library's inner modules too.
---@return string[]
function doc.names()
  local names = {}
  for name in pairs(entries()) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- rnn.doc.declaration(name) -> declaration | nil
---
--- What rnn.option has of the options of a function or class; nil for a name that has none of its own.
---@param name string
---@return table?
function doc.declaration(name)
  local entry = doc.entry(check.string("doc.declaration", "argument 1 (name)", name))
  local found = entry and declaration_of(entry)
  return found and (found.fname == name or found.fname == "rnn." .. name) and found or nil
end

--- rnn.doc.options(name) -> array of names
---
--- The options of a function or class, sorted.
---@param name string
---@return string[]
function doc.options(name)
  check.string("doc.options", "argument 1 (name)", name)
  local entry = doc.entry(name)
  local found, list = {}, {}
  local declaration = entry and declaration_of(entry)
  for _, row in ipairs(declaration and declaration.rows or {}) do found[row[1]] = true end
  for _, param in ipairs(entry and not declaration and entry.params or {}) do -- read in C: { columns?: string[], ... }
    local fields = param.name == "options" and param.type:match "^{(.*)}" or ""
    for field in (", " .. fields:gsub("%b{}", "")):gmatch "[,;]%s*([%a_][%w_]*)%??%s*:" do found[field] = true end
  end
  for each in pairs(found) do list[#list + 1] = each end
  table.sort(list)
  return list
end

--- rnn.doc.values(name, option) -> array of texts
---
--- What may be written for an option where there is a choice: '"sum"', "true".
---@param name string
---@param wanted string
---@return string[]
function doc.values(name, wanted)
  local entry = doc.entry(check.string("doc.values", "argument 1 (name)", name))
  local declaration = entry and declaration_of(entry)
  local row = declaration and declaration.by_name[wanted]
  return row and select(2, option.type_of(row)) or {}
end

return doc
