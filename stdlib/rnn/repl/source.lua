-- source.lua: the answer to "??name" at the prompt: the text of a function or of a class's file.

local guard = require "rnn.guard"

local debug, io_open, type, ipairs, tonumber, concat = debug, io.open, type, ipairs, tonumber, table.concat

local function text_of_file(path)
  local file = io_open(path, "r")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- The text that a chunk was loaded from. Entries at the prompt have no name of their own: it is the last one in which
-- the function can stand.
local function text_of(info, entries)
  local inner = info.source:match("^@%[rnn%]/(.*)%.lua$")
  if inner then return require "rnn.sources"("rnn." .. inner:gsub("/init$", ""):gsub("/", ".")) end
  if info.source:find("^@") then return text_of_file(info.source:sub(2)) end
  local cell = info.source:match("^=In%[(%d+)%]$") -- of a notebook
  if cell then return entries[tonumber(cell)] end
  if info.source ~= "=stdin" then return info.source end
  for i = #entries, 1, -1 do
    local number = 0
    for line in (entries[i] .. "\n"):gmatch("(.-)\n") do
      number = number + 1
      if number == info.linedefined and line:find("function", 1, true) then return entries[i] end
    end
  end
end

-- Lines first..last of text, with the comment above them.
local function cut(text, first, last)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
  while first > 1 and lines[first - 1]:find("^%s*%-%-") do first = first - 1 end
  return concat(lines, "\n", first, math.min(last, #lines))
end

local function of_function(name, f, entries)
  local info = debug.getinfo(guard.inner(f), "S")
  if info.what == "C" then return name .. " is made in C; ?" .. name .. " tells what it does" end
  local text = text_of(info, entries)
  if not text then return ("the text of %s is not known: %s:%d"):format(name, info.short_src, info.linedefined) end
  return ("-- %s:%d\n%s"):format(info.short_src, info.linedefined, cut(text, info.linedefined, info.lastlinedefined))
end

--- source(name, value, entries) -> text
---
--- The source of a value, which name stands for; entries: texts of the prompt's entries so far.
---@param name string
---@param value any
---@param entries string[]
---@return string
return function(name, value, entries)
  if type(value) == "function" then return of_function(name, value, entries) end
  local class = type(value) == "table" and (rawget(value, "__name") and value or debug.getmetatable(value))
  local entry = type(class) == "table" and type(class.__name) == "string" and require "rnn.doc".entry(class.__name)
  if entry and entry.module == "rnn.meta" then return name .. " is made in C; ?" .. name .. " tells what it does" end
  if entry then return require "rnn.sources"(entry.module) end
  for _, key in ipairs { "init", "forward", "step", "__call" } do
    local f = type(class) == "table" and class[key]
    if type(f) == "function" then return of_function(name .. ":" .. key, f, entries) end
  end
  return ("no source for '%s': it is %s"):format(name, value == nil and "nil" or "a " .. type(value))
end
