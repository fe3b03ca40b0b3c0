-- dates.lua: days as a frame holds them (int32, since 1970-01-01) to and from the text users write.

local calendar = require "rnn.calendar"

local dates = {}

--- What a missing cell of a date column holds: the least int32.
dates.MISSING = -2 ^ 31 | 0

--- dates.text(days) -> "2016-02-29"
---@param days integer
---@return string
function dates.text(days)
  if days == dates.MISSING then return "missing" end
  return ("%04d-%02d-%02d"):format(calendar.from_days(days))
end

--- dates.span(text) -> first, last
---
--- First and last day of a year "2016", a month "2016-02" or a day "2016-02-29"; nil when text is none of them.
---@param text any
---@return integer? first
---@return integer? last
function dates.span(text)
  if type(text) ~= "string" then return nil end
  local day = calendar.parse(text)
  if day then return day, day end
  local year, month = text:match "^(%d%d%d%d)%-(%d%d)$"
  year, month = math.tointeger(year or text:match "^%d%d%d%d$"), math.tointeger(month)
  if not year or (month and (month < 1 or month > 12)) then return nil end
  local last = month or 12
  return calendar.to_days(year, month or 1, 1), calendar.to_days(last == 12 and year + 1 or year, last % 12 + 1, 1) - 1
end

return dates
