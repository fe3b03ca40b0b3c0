-- series.lua: series of numbers as people write them: a row for each, or columns beside dates.

local lines = require "rnn.data.lines".lines
local records = require "rnn.experiment.records"
local read_text = require "rnn.text.read"
local times = require "rnn.experiment.times"

local series = {}

--- Days between two values -> "hourly", ..., "yearly", or nil.
local function kind_of(days)
  for _, each in ipairs { { "hourly", 1 / 24, 1 / 24 }, { "daily", 1, 1 }, { "weekly", 7, 7 }, { "monthly", 28, 31 },
    { "quarterly", 89, 92 }, { "yearly", 365, 366 } } do
    if days >= each[2] * 0.99 and days <= each[3] * 1.01 then return each[1] end
  end
end

local function is_time(cell) return cell ~= nil and not tonumber(cell) and times.read(cell, false) ~= nil end

-- name,number,number ...: a series a row; empty cells at the end do not count.
local function rows(path, separator)
  return lines(path, "name,number,number ...", function(line)
    local cells, row = records.cells(line, separator), {}
    while #cells > 0 and not cells[#cells]:find "%S" do cells[#cells] = nil end
    row.name = cells[1]
    for i = 2, #cells do
      row[i - 1] = tonumber(cells[i])
      if not row[i - 1] then return nil end
    end
    return row[1] and row
  end, { header = true })
end

-- date,number ... or name,date,number: series of all number columns, or of the first one for each name.
local function columns(path, separator, headings, first, text)
  local date, name, numbers, all = nil, nil, {}, {}
  for i, cell in ipairs(first) do
    if not date and is_time(cell) then date = i
    elseif tonumber(cell) then numbers[#numbers + 1] = i
    elseif cell ~= "" then name = name or i end
  end
  for line in text:gmatch "[^\r\n]+" do all[#all + 1] = records.cells(line, separator)[date] end
  local day_first, reason = times.day_first(all)
  if day_first == nil then return nil, ("%s: %s"):format(path, reason) end
  local at, of, list = {}, {}, {}
  local form = (name and "name," or "") .. "date,number" .. (#numbers > 1 and " ..." or "")
  local found, message = lines(path, form, function(line)
    local cells = records.cells(line, separator)
    local day, clock = times.read(cells[date] or "", day_first)
    local row = { time = day and day + clock, name = name and cells[name] }
    for k, i in ipairs(numbers) do row[k] = tonumber(cells[i]) end
    return day and #row == #numbers and row[1] and row or nil
  end, { header = true })
  if not found then return nil, message end
  for i, row in ipairs(found) do row.place = i end
  table.sort(found, function(x, y) return x.time < y.time or x.time == y.time and x.place < y.place end)
  for _, row in ipairs(found) do
    for k = 1, name and 1 or #numbers do
      local key = row.name or headings[numbers[k]] or "column " .. numbers[k]
      if not of[key] then
        of[key] = { name = key }
        list[#list + 1] = of[key]
      end
      table.insert(of[key], row[k])
      if at[key] then of[key].step = row.time - at[key] end -- the last one counts
      at[key] = row.time
    end
  end
  return list, kind_of(list[1].step or 0)
end

--- series.read(path) -> list of { name, number, number, ... }, kind | nil, message
---
--- kind is "hourly", "daily", "weekly", "monthly", "quarterly" or "yearly", by dates or the name of the file; or nil.
function series.read(path)
  local text, message = read_text(path)
  if not text then return nil, message end
  local heading, line = records.top(text)
  if not line then return nil, path .. ": expected a heading and at least one line" end
  local separator = records.separator(heading, line)
  local headings, first = records.cells(heading, separator), records.cells(line, separator)
  local list, kind
  if is_time(first[1]) or is_time(first[2]) and not tonumber(first[1]) then
    list, kind = columns(path, separator, headings, first, text)
  else
    list, kind = rows(path, separator)
  end
  if not list then return nil, kind end
  for _, name in ipairs { "hourly", "daily", "weekly", "monthly", "quarterly", "yearly" } do
    if not kind and path:lower():match("[^/]*/?[^/]*$"):find(name, 1, true) then kind = name end
  end
  return list, kind
end

return series
