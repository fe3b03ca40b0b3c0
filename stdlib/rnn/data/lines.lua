-- lines.lua: files that somebody else wrote. What is dropped is counted and said; sizes come from what is kept.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local characters = require "rnn.text.characters"
local read_text = require "rnn.text.read"

local module = {}

-- true, or nil and a message when nothing is kept; what is dropped is said.
local function say(where, kept, total, what, first)
  if kept == total and total > 0 then return true end
  local text = ("%s: %d of %d %s"):format(where, kept, total, what)
  if kept == 0 then return nil, text .. (first and "; the first is " .. first or "") end
  io.stderr:write(text, "; the others are left out, the first of them is ", first, "\n")
  return true
end

local OPTIONS = option.of("data.lines", {
  { "header", false, option.or_boolean(option.one_of { "maybe" }),
    "the first line that is not empty does not count; \"maybe\": it does when read makes something of it" },
  { "quoted", nil, check.string, "the sign between cells, which may be in quotes: a line that ends in them goes on" },
})

-- How many cells a line has, and whether it ends within quotes. A cell is in quotes that begins with them; within, two
-- stand for one. 0 cells: something follows closed quotes.
local function cells_of(line, separator)
  local count, at = 0, 1
  repeat
    count = count + 1
    if line:sub(at, at) == '"' then
      repeat
        at = line:find('"', at + 1, true)
        if not at then return count, true end
        at = at + 1
      until line:sub(at, at) ~= '"'
      if at <= #line and line:sub(at, at + #separator - 1) ~= separator then return 0, false end
    end
    at = line:find(separator, at, true)
    at = at and at + #separator
  until not at
  return count, false
end

local MOST <const> = 200 -- lines of a cell; more are quotes that nobody closed

--- lines.each(text [, quoted]) -> iterator of number, line
---
--- number is that of the first line that it was in the file. quoted: see data.lines; what goes on has as many cells as
--- the first line.
function module.each(text, quoted)
  local next_line, number, waiting, width = text:gmatch "([^\n]*)\n?", 0, {}, nil
  local function take()
    local line = table.remove(waiting, 1) or next_line()
    return line and line:gsub("\r$", "")
  end
  return function()
    local line = take()
    number = number + 1
    if not line or not quoted then return line and number, line end
    width = width or cells_of(line, quoted)
    local odd = select(2, line:gsub('"', "")) % 2 == 1
    if not odd or not select(2, cells_of(line, quoted)) then return number, line end
    local parts = { line }
    repeat
      local more = take()
      parts[#parts + 1] = more
      local whole = table.concat(parts, "\n")
      local count, open = cells_of(whole, quoted)
      if not open and count == width then
        number = number + #parts - 1
        return number - #parts + 1, whole
      end
    until not open or not more or #parts == MOST
    table.move(waiting, 1, #waiting, #parts)
    table.move(parts, 2, #parts, 1, waiting)
    return number, line
  end
end

--- data.lines(path, what, read [, options]) -> list | nil, message
---
--- What read(line) makes of every line of a text file in UTF-8, in order. Lines of which it makes nil are counted and
--- said on standard error: "a.tsv: 97 of 100 lines read 'label, text'; the others are left out, the first of them is
--- line 7: ...". Empty ones do not count. When it makes nil of all, there is a message that shows the first. what says
--- how lines should be: "label, text".
---@param path string
---@param what string
---@param read fun(line: string): any
---@param options? data.lines.Options
---@return any[]?
---@return string? message
function module.lines(path, what, read, options)
  check.string("data.lines", "argument 2 (what)", what)
  if type(read) ~= "function" then check.expected("data.lines", "argument 3 (read)", "a function", read) end
  options = OPTIONS:read(options)
  local text, message = read_text(path)
  if not text then return nil, message end
  local list, total, first, head = {}, 0, nil, options.header -- head: it is still to come
  for number, line in module.each(text, options.quoted) do
    local heading, value = head and line ~= "", nil
    head = head and not heading
    if options.header ~= true or not heading then value = read(line) end
    if value ~= nil then
      list[#list + 1], total = value, total + 1
    elseif line ~= "" and not heading then
      total = total + 1
      first = first or ("line %d: %s"):format(number, utf8.len(line) <= 60 and line
        or line:sub(1, utf8.offset(line, 58) - 1) .. "...")
    end
  end
  local ok
  ok, message = say(path, #list, total, ("lines read '%s'"):format(what), first)
  if not ok then return nil, message end
  return list
end

--- data.keep(where, what, list, test) -> list | nil, message
---
--- The entries for which test(entry) is true. The others are counted and said on standard error; without any that is
--- kept, the result is nil and a message. what says what they are or do: "series are long enough"; test may name an
--- entry by its second result.
---@param where string what the list is of: a file, mostly
---@param what string
---@param list any[]
---@param test fun(entry: any): any, string?
---@return any[]?
---@return string? message
function module.keep(where, what, list, test)
  check.string("data.keep", "argument 1 (where)", where)
  check.string("data.keep", "argument 2 (what)", what)
  check.table("data.keep", "argument 3 (list)", list)
  if type(test) ~= "function" then check.expected("data.keep", "argument 4 (test)", "a function", test) end
  local kept, first = {}, nil
  for i, entry in ipairs(list) do
    local ok, name = test(entry)
    if ok then kept[#kept + 1] = entry
    else first = first or name or "number " .. i end
  end
  local ok, message = say(where, #kept, #list, what, first)
  if not ok then return nil, message end
  return kept
end

--- data.classes(labels [, key]) -> names, ids
---
--- The distinct labels of a list, in order: as numbers when all of them are, otherwise as text; ids[label] is the place
--- of a label among them, from 1. With key the list is of tables whose field of that name is the label. Errors: labels
--- that are no strings in UTF-8.
---@param labels any[]
---@param key? string
---@return string[] names
---@return table<string, integer> ids
function module.classes(labels, key)
  check.table("data.classes", "argument 1 (labels)", labels)
  local names, ids, numbers = {}, {}, true
  for i, label in ipairs(labels) do
    if key ~= nil then label = check.table("data.classes", ("argument 1 (labels), entry %d"):format(i), label)[key] end
    check.string("data.classes", ("argument 1 (labels), entry %d"):format(i), label)
    local at = characters.invalid(label)
    if at then
      core.fail("data.classes: argument 1 (labels), entry %d: byte %d is 0x%02X, which is no UTF-8; rnn.text.read says "
        .. "where a file has such bytes, data.csv reads other encodings", i, at, label:byte(at))
    end
    if not ids[label] then
      names[#names + 1], ids[label] = label, true
      numbers = numbers and tonumber(label) ~= nil
    end
  end
  table.sort(names, function(a, b)
    if numbers and tonumber(a) ~= tonumber(b) then return tonumber(a) < tonumber(b) end
    return a < b
  end)
  for id, name in ipairs(names) do ids[name] = id end
  return names, ids
end

--- data.files(folder) -> names in order | nil, message
---
--- The names of the files of a folder, without those that begin with a dot.
---@param folder string
---@return string[]?
---@return string? message
function module.files(folder)
  check.string("data.files", "argument 1 (folder)", folder)
  local list, message = core.folder_list(folder)
  if not list then return nil, ("data.files: the folder %s cannot be read: %s"):format(folder, message) end
  local names = {}
  for _, name in ipairs(list) do
    if name:sub(1, 1) ~= "." then names[#names + 1] = name:gsub("/$", "") end
  end
  return names
end

return module
