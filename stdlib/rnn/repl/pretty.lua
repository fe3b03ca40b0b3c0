-- pretty.lua: values as the prompt shows them. Tables are opened, down to a depth and up to a number of items; what has
-- a __tostring says itself what it is.

-- The prompt works on when users give these names to things of their own.
local debug_getmetatable, rawlen, rawget, next, ipairs, type, tostring = debug.getmetatable, rawlen, rawget, next,
  ipairs, type, tostring
local concat, sort, min, math_type, utf8_len = table.concat, table.sort, math.min, math.type, utf8.len

local DEPTH = 4 -- tables inside tables that are opened
local ITEMS = 30 -- of one table
local TOTAL = 200 -- items after which no further table is opened
local TEXT = 200 -- bytes of a string inside a table

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch("%a+") do keywords[word] = true end

local render

local function quote(text)
  local tail = ""
  if #text > TEXT then
    tail = ("… (%d bytes)"):format(#text)
    text = text:sub(1, TEXT):gsub("[\xC2-\xF4]?[\x80-\xBF]*$", "") -- a whole character before the cut
  end
  return (("%q"):format(text):gsub("\\\n", "\\n")) .. tail
end

local function render_key(key, state, level)
  if type(key) ~= "string" then return "[" .. render(key, state, level) .. "]" end
  if key:find("^[%a_][%w_]*$") and not keywords[key] then return key end
  return "[" .. quote(key) .. "]"
end

-- The keys beside 1..count: strings in their order, then numbers, then the others as they come.
local function other_keys(t, count)
  local rank = { string = 1, number = 2 }
  local keys, ranks = {}, {}
  for key in next, t do
    if not (math_type(key) == "integer" and key >= 1 and key <= count) then
      keys[#keys + 1] = key
      ranks[key] = rank[type(key)] or 3
    end
  end
  sort(keys, function(a, b)
    if ranks[a] ~= ranks[b] then return ranks[a] < ranks[b] end
    return ranks[a] < 3 and a < b
  end)
  return keys
end

-- The names of a lazy table's fields that are not loaded yet.
local function unloaded(t)
  local meta = debug_getmetatable(t)
  local names = {}
  for name in next, meta and rawget(meta, "names") or {} do
    if rawget(t, name) == nil then names[#names + 1] = name end
  end
  sort(names)
  return names
end

local function entries_of(t, state, level)
  local entries, count = {}, rawlen(t)
  for i = 1, min(count, ITEMS) do entries[i] = render(rawget(t, i), state, level + 1) end
  local keys = other_keys(t, count)
  for _, key in ipairs(keys) do
    if #entries >= ITEMS then break end
    entries[#entries + 1] = render_key(key, state, level + 1) .. " = " .. render(rawget(t, key), state, level + 1)
  end
  local left = count + #keys - #entries
  for _, name in ipairs(unloaded(t)) do entries[#entries + 1] = name .. " = …" end
  state.total = state.total + #entries
  if left > 0 then entries[#entries + 1] = ("… %d more"):format(left) end
  return entries
end

local function width_of(text)
  return utf8_len(text) or #text
end

-- Entries in lines of at most width columns; one with several lines stands alone.
local function fill(entries, indent, width)
  local lines, line = {}, nil
  for i, entry in ipairs(entries) do
    local piece = i < #entries and entry .. "," or entry
    if line and not line:find("\n") and not piece:find("\n") and width_of(line) + 1 + width_of(piece) <= width then
      line = line .. " " .. piece
    else
      if line then lines[#lines + 1] = line end
      line = indent .. piece
    end
  end
  lines[#lines + 1] = line
  return concat(lines, "\n")
end

local function render_table(t, state, level)
  if state.open[t] then return "<cycle>" end
  if level >= DEPTH or state.total >= TOTAL then return next(t) == nil and "{}" or "{…}" end
  state.open[t] = true
  local entries = entries_of(t, state, level)
  state.open[t] = nil
  if #entries == 0 then return "{}" end
  local line = "{ " .. concat(entries, ", ") .. " }"
  local indent = ("  "):rep(level)
  if not line:find("\n") and #indent + width_of(line) <= state.width then return line end
  return "{\n" .. fill(entries, indent .. "  ", state.width) .. "\n" .. indent .. "}"
end

-- Inside a table only the first line of what an object says: "2×3 float" for a tensor.
local function render_object(value, level)
  if level == 0 then return tostring(value) end
  return type(value) == "function" and "function" or tostring(value):match("^[^\n]*")
end

function render(value, state, level)
  local meta = debug_getmetatable(value)
  if type(value) == "string" then return level == 0 and value or quote(value) end
  if type(value) ~= "table" or (meta and rawget(meta, "__tostring")) then return render_object(value, level) end
  return render_table(value, state, level)
end

--- pretty(value [, width]) -> text
---
--- The value as the prompt shows it, in lines of at most width columns (80) where that is possible. No function of the
--- value is called but __tostring.
---@param value any
---@param width? integer
---@return string
local function pretty(value, width)
  return render(value, { open = {}, total = 0, width = width or 80 }, 0)
end

return pretty
