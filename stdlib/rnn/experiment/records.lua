-- records.lua: tables that somebody else wrote: which column is which, and what their rows come to.

local lines = require "rnn.data.lines"
local times = require "rnn.experiment.times"
local read_text = require "rnn.text.read"

local records = {}

local LOOKED_AT <const> = 1000 -- lines, to know headings

-- The cells of a line; with commas and semicolons they may be in quotes, which are doubled inside.
local function cells_of(line, separator)
  local cells, at = {}, 1
  while at <= #line + 1 do
    local cell, after
    if separator ~= "\t" and line:sub(at, at) == '"' then
      local from, to = at + 1, nil -- luacheck: ignore
      cell = ""
      repeat
        to = line:find('"', from, true) or #line + 1
        local doubled = line:sub(to + 1, to + 1) == '"'
        cell = cell .. line:sub(from, doubled and to or to - 1)
        from = to + 2
      until not doubled
      after = to + 1
    else
      after = line:find(separator, at, true) or #line + 1
      cell = line:sub(at, after - 1)
    end
    cells[#cells + 1] = cell
    at = after + 1
  end
  return cells
end

local function separator_of(line, second)
  line = line .. (second or "")
  if line:find("\t", 1, true) then return "\t" end
  local commas, semicolons = select(2, line:gsub(",", "")), select(2, line:gsub(";", ""))
  return semicolons > commas and ";" or ","
end

records.cells, records.separator = cells_of, separator_of

-- May the first line be headings, of which only some have the words that are looked for among others? Not when it has
-- a number or a time, nor when one of its cells is there again below: the first sentence of a table has words, too.
local function may_be_headings(first, below)
  for _, cell in ipairs(first) do
    if tonumber(cell) or times.read(cell, false) then return false end
  end
  for cells in below() do
    for i, cell in ipairs(first) do
      if cell ~= "" and cells[i] == cell then return false end
    end
  end
  return true
end

-- The place of a column among the headings: of the very word, or when words is true of a heading that has it among its
-- words.
local function by_heading(column, headings, taken, words)
  for _, whole in ipairs(words and { true, false } or { true }) do
    for _, word in ipairs(column.given and { column.given } or column) do
      for i, heading in ipairs(headings) do
        local plain = #heading <= 40 and heading:gsub("(%l)(%u)", "%1 %2"):gsub("[_%-.:]", " "):lower() or ""
        local has = not whole and not column.given and (" " .. plain .. " "):find(" " .. word .. " ", 1, true)
        if not taken[i] and (heading == word or not column.given and plain == word or has) then return i end
      end
    end
  end
end

-- Which cell is which column: places by name, whether the first line has headings, and which of these were only
-- guessed; or nil and a message. Columns are told by their headings; of the others, that of the time by its cells, and
-- the rest come in their usual order.
local function understand(columns, first, second, below, convert)
  local words = may_be_headings(first, below)
  local places, taken, asked = {}, {}, {}
  for _, column in ipairs(columns) do
    if column.given then table.insert(asked, 1, column) else asked[#asked + 1] = column end
  end
  for _, column in ipairs(asked) do -- first what the user named
    local place = by_heading(column, first, taken, words)
    if place then places[column[1]], taken[place] = place, true
    elseif column.given then
      return nil, ("there is no column '%s'; the columns are '%s'"):format(column.given, table.concat(first, "', '"))
    end
  end
  local named, guessed = next(places) ~= nil, {}
  for _, column in ipairs(columns) do
    for i = 1, #first do
      if column.time and not places[column[1]] and not taken[i] and times.read(second[i] or "", false) then
        places[column[1]], taken[i] = i, true
      end
    end
  end
  local at, spare = 1, named and 0 or math.max(#first, #second) -- cells for columns that may be missing
  for _, column in ipairs(columns) do spare = spare - (column.optional and 0 or 1) end
  for _, column in ipairs(columns) do
    if not places[column[1]] and (not column.optional or spare > 0) then
      while taken[at] do at = at + 1 end
      places[column[1]], taken[at] = at, true
      guessed[#guessed + 1] = ("'%s' for the %s"):format(first[at] or "nothing", column[1])
      spare = spare - (column.optional and 1 or 0)
    end
  end
  local heading = named or not convert(first, places)
  return places, heading, heading and first[2] and guessed[1] and table.concat(guessed, ", ")
end

--- records.top(text) -> the first two lines, nil for those that are not there
function records.top(text)
  local lines_of = text:gmatch "[^\r\n]+"
  return lines_of(), lines_of()
end

--- records.read(path, columns, read) -> list | nil, message
---
--- See experiment:tables. What read gives gets the field part, when the table says so. Of a column with time = true
--- row has the days since 1970, and row.clock the share of the day.
function records.read(path, columns, read)
  local text, message = read_text(path)
  if not text then return nil, message end
  local head, line = records.top(text)
  if not head then return nil, path .. ": the file is empty" end
  local separator, day_first = separator_of(head, line), false
  local quoted = separator ~= "\t" and separator or nil
  local function convert(cells, places)
    local row = {}
    for _, column in ipairs(columns) do
      local name = column[1]
      row[name] = cells[places[name] or 0]
      if not column.optional and (row[name] or "") == "" then return nil end
      if column.time then row[name], row.clock = times.read(row[name], day_first) end
      if column.time and not row[name] then return nil end
    end
    local record = read(row)
    if record and row.part then record.part = row.part:lower() end
    return record
  end
  local first, second = cells_of(head, separator), cells_of(line or head, separator)
  local function below()
    local each, count = lines.each(text, quoted), 0
    return function()
      repeat
        local _, more = each()
        if more ~= "" then count = count + 1 end
        if not more or count > LOOKED_AT then return nil end
        if more ~= "" and count > 1 then return cells_of(more, separator) end
      until false
    end
  end
  local places, heading, guessed = understand(columns, first, second, below, convert)
  if not places then return nil, ("%s: %s"):format(path, heading) end
  if guessed then io.stderr:write(("%s: takes the column %s\n"):format(path, guessed)) end
  local names = {}
  for _, column in ipairs(columns) do
    local place = places[column[1]]
    if place then names[#names + 1] = { place, column.form or column[1] } end
    if column.time then
      local texts = {}
      for _, each in lines.each(text, quoted) do texts[#texts + 1] = cells_of(each, separator)[place] end
      day_first, message = times.day_first(texts)
      if day_first == nil then return nil, ("%s: %s"):format(path, message) end
    end
  end
  table.sort(names, function(x, y) return x[1] < y[1] end)
  for i, name in ipairs(names) do names[i] = name[2] end
  return lines.lines(path, table.concat(names, separator == "\t" and "<TAB>" or separator), function(each)
    return convert(cells_of(each, separator), places)
  end, { header = heading, quoted = quoted })
end

return records
