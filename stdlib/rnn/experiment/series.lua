-- series.lua: series of numbers as people write them: a row for each, or columns beside dates.

local core = require "rnn.core"
local dates = require "rnn.data.dates"
local lines = require "rnn.data.lines".lines
local read_frame = require "rnn.experiment.frame"
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

-- date,number ... or name,date,number: series of all number columns, or of the first one for each name, where several
-- rows are of one time.
local function columns(experiment, path)
  local frame, message = read_frame(experiment, path)
  if not frame then return nil, message end
  local date, name, numbers, list = frame:time(), nil, {}, {}
  for _, column in ipairs(frame.columns) do
    if column.type == "number" then numbers[#numbers + 1] = column
    elseif column.type == "text" then name = name or column.name end
  end
  if not date or not numbers[1] then
    return nil, ("%s: expected a column of dates and one of numbers or more, got %s"):format(path,
      table.concat(frame:names(), ", "))
  end
  frame = frame:sort(date)
  if #frame:unique(date) == #frame then name = nil end -- words beside one series
  for _, part in ipairs(name and frame:split(name) or { frame }) do
    for k = 1, name and 1 or #numbers do
      local row, missing = { name = name and part.key or numbers[k].name }, 0
      for _, value in ipairs(part:column(numbers[k].name):totable()) do
        if value == value then row[#row + 1] = value + 0.0 else missing = missing + 1 end
      end
      if missing > 0 then
        io.stderr:write(("%s: %d of %d values of '%s' are missing: they are left out\n"):format(path, missing, #part,
          row.name))
      end
      if row[1] then list[#list + 1] = row end
    end
  end
  local one = (name and frame:split(name)[1] or frame):unique(date)
  local at = one:column(date)
  local unit = core.is_tensor(at) and 1 or dates.DAY
  return list, #one > 1 and kind_of((at:get(#one) - at:get(#one - 1)) / unit) or nil
end

--- series.read(experiment, path) -> list of { name, number, number, ... }, kind | nil, message
---
--- kind is "hourly", "daily", "weekly", "monthly", "quarterly" or "yearly", by dates or the name of the file; or nil.
function series.read(experiment, path)
  local text, message = read_text(path)
  if not text then return nil, message end
  local heading, line = records.top(text)
  if not line then return nil, path .. ": expected a heading and at least one line" end
  local separator = records.separator(heading, line)
  local by_time = false -- the second line may have units
  for _, one in ipairs { line, text:match ".*[\r\n]([^\r\n]+)" } do
    local cells = records.cells(one, separator)
    by_time = by_time or is_time(cells[1]) or is_time(cells[2]) and not tonumber(cells[1])
  end
  local list, kind
  if by_time then
    list, kind = columns(experiment, path)
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
