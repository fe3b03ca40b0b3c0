-- frame_text.lua: frames as text: at the prompt, in frame:describe, and as CSV.

local core = require "rnn.core"
local dates = require "rnn.data.dates"
local terminal = require "rnn.terminal"

local SHOWN = 5
local module = {}

-- The shortest text that reads back as the number.
local function number(value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if value == math.floor(value) and math.abs(value) <= 2 ^ 63 then return ("%.0f"):format(value) end -- and not 1.7e+09
  for digits = 1, 16 do
    local text = ("%%.%dg"):format(digits):format(value)
    if tonumber(text) == value then return text end
  end
  return ("%.17g"):format(value)
end
module.number = number

local function cell(column, row)
  local value = column:get(row)
  if value == nil or value ~= value then return "missing" end
  return type(value) == "number" and number(value) or value
end

local function width(text) return utf8.len(text) or #text end

-- Text of the data's, at most so many columns of it: what a terminal would obey is a blank.
local function cut(text, most) return terminal.cut(text:gsub("%c", " "):gsub("\xC2[\x80-\x9F]", " "), most) end

-- Lines of one column, all of one width.
local function aligned(lines, right)
  local widest = 0
  for _, text in ipairs(lines) do widest = math.max(widest, width(text)) end
  for i, text in ipairs(lines) do
    local pad = (" "):rep(widest - width(text))
    lines[i] = right and pad .. text or text .. pad
  end
  return lines, widest
end

-- Columns of lines side by side, as many as the terminal has room for; the number of those that have not.
local function beside(columns)
  local lines, used, left = {}, 0, 0
  local room = core.terminal_width()
  for k, column in ipairs(columns) do
    local cells, widest = aligned(column, column.right)
    if k > 1 and used + widest + 2 > room then
      left = #columns - k + 1
      break
    end
    used = used + widest + 2
    for i, text in ipairs(cells) do lines[i] = (lines[i] or "") .. "  " .. text end
  end
  for i, line in ipairs(lines) do lines[i] = line:gsub("%s+$", "") end
  return lines, left
end

--- The text of a frame: "7639 rows × 5 columns" and a table of its first rows, as wide as the terminal.
---@param frame data.Frame
---@return string
function module.frame(frame)
  local shown, columns = math.min(#frame, SHOWN), {}
  for k, column in ipairs(frame.columns) do
    local lines = { column.name, right = column.type == "number" }
    for row = 1, shown do lines[row + 1] = cell(column, row) end
    for i, text in ipairs(lines) do lines[i] = cut(text, 40) end
    columns[k] = lines
  end
  local lines, left = beside(columns)
  local head = ("%d rows × %d columns"):format(#frame, #frame.columns)
  if left > 0 then
    local names = {}
    for i = #columns - left + 1, #columns do names[#names + 1] = frame.columns[i].name end
    head = head .. cut("; not shown: " .. table.concat(names, ", "), math.max(20, core.terminal_width() - width(head)))
  end
  if #frame > shown then lines[#lines + 1] = "  …" end
  return terminal.plain(head .. "\n" .. table.concat(lines, "\n"))
end

--- The text of a column: its name, type, size, and first cells.
function module.column(column)
  local cells = {}
  for row = 1, math.min(#column, SHOWN) do cells[row] = cut(cell(column, row), 40) end
  return terminal.plain(("%s: %d %s%s: %s%s"):format(column.name, #column, column.type, #column == 1 and "" or "s",
    table.concat(cells, ", "), #column > SHOWN and ", …" or ""))
end

-- ---- describe ----

-- What there is to say of a column.
local function facts(column)
  local fact = { name = column.name, type = column.type }
  if column.type == "text" then
    local s = core.numbers(column.values, 0):describe()
    fact.missing, fact.distinct = s.missing, s.distinct
    if s.least then -- words have an order for this only
      local list = table.move(column.words, 1, #column.words, 1, {})
      table.sort(list)
      fact.least, fact.most = list[1], list[#list]
    end
    fact.odd = column.odd
    return fact
  end
  local clock = column.type == "date" and core.is_numbers(column.values)
  local s = (core.is_tensor(column.values) and core.numbers(column.values, dates.MISSING) or column.values):describe()
  fact.missing, fact.distinct, fact.least, fact.most, fact.mean = s.missing, s.distinct, s.least, s.most, s.mean
  if column.type == "date" then
    fact.mean = nil
    fact.type = clock and (column.zone and "date, " .. column.zone or "date, no zone") or "date"
    for _, key in ipairs { "least", "most" } do
      local at = fact[key]
      if at then
        local wall = clock and column.zone and core.numbers { at }:to_wall(column.zone):get(1) or at
        fact[key] = clock and dates.moment(wall, column.zone and wall - at) or dates.text(at)
      end
    end
  elseif column.values:type() == "int64" then
    fact.type = "number, int64"
  end
  return fact
end

local function figure(value)
  if value == nil then return "" end
  return cut(type(value) == "number" and number(value) or tostring(value), 32)
end

--- module.facts(frame) -> array of what frame:describe says of each column
function module.facts(frame)
  local list = {}
  for i, column in ipairs(frame.columns) do list[i] = facts(column) end
  return list
end

--- module.describe(frame) -> text
function module.describe(frame)
  local list = module.facts(frame)
  local names = { "column", "type", "missing", "least", "most", "mean", "distinct", "odd" }
  local columns = {}
  for k, key in ipairs(names) do
    local lines = { key == "odd" and "first odd cell" or key, right = key == "missing" or key == "distinct" }
    for i, fact in ipairs(list) do
      local value = key == "column" and fact.name or fact[key]
      if key == "mean" and value then value = ("%.6g"):format(value)
      elseif key == "distinct" then value = value or "> 65536"
      elseif key == "odd" then value = value and ("'%s' in row %d"):format(cut(value.text, 20), value.row) end
      lines[i + 1] = figure(value)
    end
    columns[k] = lines
  end
  local lines = {}
  for i = 1, #list + 1 do lines[i] = "" end
  for _, column in ipairs(columns) do -- all of it, also where the terminal is narrow
    for i, text in ipairs((aligned(column, column.right))) do lines[i] = lines[i] .. "  " .. text end
  end
  for i, line in ipairs(lines) do lines[i] = line:gsub("%s+$", "") end
  table.insert(lines, 1, ("%d rows × %d columns"):format(#frame, #frame.columns))
  for _, note in ipairs(frame.notes) do lines[#lines + 1] = note end
  local name = frame:time()
  local step, why
  if name then step, why = frame:step() end
  if step then
    lines[#lines + 1] = ("time: '%s', step %s"):format(name, step)
    local ok, holes = pcall(frame.holes, frame)
    if ok then
      local doubles, missing = frame:doubles(), 0
      for _, hole in ipairs(holes) do missing = missing + hole.missing end
      if #holes > 0 then
        lines[#lines + 1] = ("  %d hole%s, %d steps missing; the first between row %d (%s) and the next (%s)"):format(
          #holes, #holes == 1 and "" or "s", missing, holes[1].row, holes[1].from, holes[1].to)
      end
      if #doubles > 0 then
        lines[#lines + 1] = ("  %d time%s there twice; the first is row %d (%s)"):format(#doubles,
          #doubles == 1 and " is" or "s are", doubles[1].row, doubles[1].at)
      end
    else
      lines[#lines + 1] = ("  the rows are not in order of '%s'"):format(name)
    end
  elseif why then
    lines[#lines + 1] = ("time: '%s', no equal steps: %s"):format(name, why)
  end
  return terminal.plain(table.concat(lines, "\n"))
end

-- ---- CSV ----

local function quoted(text, separator)
  if text:find('["\r\n]') or text:find(separator, 1, true) or text:find "^%s" or text:find "%s$" then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

-- The cells of some rows of a column, as texts.
local function cells_of(column, options)
  if column.type == "date" then
    local texts = dates.texts(column)
    for i, text in ipairs(texts) do texts[i] = text == "missing" and "" or text end
    return texts
  end
  local list = column.values:totable()
  if column.type == "text" then
    for i, id in ipairs(list) do list[i] = id == 0 and "" or quoted(column.words[id], options.separator) end
    return list
  end
  for i, value in ipairs(list) do
    local text = value == value and number(value) or ""
    list[i] = options.decimal ~= "." and text:gsub("%.", options.decimal) or text
  end
  return list
end

local PART = 10000

--- module.write(frame, file, options) -> true | nil, message
function module.write(frame, file, options)
  local names = {}
  for i, column in ipairs(frame.columns) do names[i] = quoted(column.name, options.separator) end
  local ok, message = file:write(table.concat(names, options.separator), "\n")
  for from = 1, #frame, PART do
    if not ok then return nil, message end
    local to = math.min(from + PART - 1, #frame)
    local part, lists, lines = frame:rows(from, to), {}, {}
    for k, column in ipairs(part.columns) do lists[k] = cells_of(column, options) end
    for row = 1, to - from + 1 do
      local cells = {}
      for k, list in ipairs(lists) do cells[k] = list[row] end
      lines[row] = #cells == 1 and cells[1] == "" and '""' or table.concat(cells, options.separator)
    end
    ok, message = file:write(table.concat(lines, "\n"), "\n")
  end
  return ok and true, message
end

return module
