-- dates.lua: days (int32, since 1970-01-01) and moments (microseconds since then) as a frame holds them, to and from
-- the text users write.

local core = require "rnn.core"
local calendar = require "rnn.calendar"

local dates = {}

--- What a missing cell of a date column holds: the least int32; of moments the least int64.
dates.MISSING = -2 ^ 31 | 0

--- Microseconds of a day.
dates.DAY = 86400000000

local DAY = dates.DAY

--- dates.text(days) -> "2016-02-29"
---@param days integer
---@return string
function dates.text(days)
  if days == dates.MISSING then return "missing" end
  return ("%04d-%02d-%02d"):format(calendar.from_days(days))
end

--- dates.moment(wall [, offset]) -> "2016-02-29 13:00"
---
--- wall: microseconds; seconds and their fraction are left out where they are 0. offset: microseconds to the east, as
--- "+02:00" at the end; nil for none.
function dates.moment(wall, offset)
  if wall ~= wall then return "missing" end
  local day, rest = wall // DAY, wall % DAY
  local seconds = rest // 1000000
  local text = ("%s %02d:%02d"):format(dates.text(day), seconds // 3600, seconds // 60 % 60)
  if rest % 60000000 ~= 0 then text = text .. (":%02d"):format(seconds % 60) end
  if rest % 1000000 ~= 0 then text = text .. (".%06d"):format(rest % 1000000):gsub("0+$", "") end
  if not offset then return text end
  local minutes = math.abs(offset) // 60000000
  return text .. ("%s%02d:%02d"):format(offset < 0 and "-" or "+", minutes // 60, minutes % 60)
end

-- First microsecond of a clock "13", "13:05" or "13:05:59.5", and how many more of them it means.
local function clock_span(text)
  local hour, minute, second = text:match "^(%d%d):?(%d?%d?):?([%d.]*)$"
  if not hour or tonumber(hour) > 23 then return nil end
  if minute == "" then
    if text ~= hour then return nil end
    return tonumber(hour) * 3600000000, 3600000000
  end
  if #minute ~= 2 or tonumber(minute) > 59 then return nil end
  local start = (tonumber(hour) * 60 + tonumber(minute)) * 60000000
  if second == "" then return text == hour .. ":" .. minute and start or nil, 60000000 end
  if not second:find "^%d%d%.?%d*$" or tonumber(second) >= 60 then return nil end
  return start + math.floor(tonumber(second) * 1000000 + 0.5), second:find "%." and 1 or 1000000
end

-- Microseconds of "+02:00" or "Z" at the end of text, and the text before it.
local function split_offset(text)
  if text:find "[Zz]$" and text:find "%d" then return 0, text:sub(1, -2) end
  local before, sign, hours, minutes = text:match "^(.*%d%d?:%d%d[%d:.]*)([+-])(%d%d):?(%d%d)$"
  if not before then return nil, text end
  return (sign == "-" and -1 or 1) * (tonumber(hours) * 60 + tonumber(minutes)) * 60000000 | 0, before
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

--- dates.moments(text) -> first, last, offset
---
--- The first and the last microsecond of a year, month, day, or time of a day "2016-02-29 13", "2016-02-29T13:05:00";
--- of the wall clock, or with an offset from UTC at the end in UTC, and then offset is true. nil for other text.
---@param text any
---@return integer? first
---@return integer? last
---@return boolean? offset
function dates.moments(text)
  local first, last = dates.span(text)
  if first then return first * DAY, last * DAY + DAY - 1 end
  if type(text) ~= "string" then return nil end
  local day, rest = text:match "^(%d%d%d%d%-%d%d%-%d%d)[T ](.+)$"
  day = calendar.parse(day)
  if not day then return nil end
  local offset, clock = split_offset(rest)
  local start, length = clock_span(clock)
  if not start then return nil end
  first = day * DAY + start - (offset or 0)
  return math.tointeger(first), math.tointeger(first + length - 1), offset ~= nil
end

--- dates.wall(values, zone) -> numbers
---
--- What clocks show at moments (numbers) of a column of a zone, or of none.
function dates.wall(values, zone)
  return zone and values:to_wall(zone) or values
end

--- dates.texts(column) -> array of texts
---
--- Of every cell of a date column, "missing" for one that is.
function dates.texts(column)
  local values = column.values
  if core.is_tensor(values) then
    values = values:totable()
    for i, day in ipairs(values) do values[i] = dates.text(day) end
    return values
  end
  local texts, zone = dates.wall(values, column.zone):totable(), column.zone
  local at = zone and values:totable()
  for i, wall in ipairs(texts) do texts[i] = dates.moment(wall, zone and wall == wall and wall - at[i] or nil) end
  return texts
end

return dates
