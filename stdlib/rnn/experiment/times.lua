-- times.lua: points in time as people write them.

local core = require "rnn.core"

local times = {}

local DAY <const> = 86400000000 -- microseconds

-- Seconds or milliseconds since 1970, or YYYYMMDD, as microseconds; nil for other text.
local function of_number(text)
  local number = text:match "^%s*(%d%d%d%d%d%d%d%d+%.?%d*)%s*$"
  if not number then return nil end
  local year, month, day = number:match "^([12][09]%d%d)(%d%d)(%d%d)$"
  local date = year and core.date_read(("%s-%s-%s"):format(year, month, day))
  if date then return date end
  local seconds = tonumber(number)
  return math.floor((seconds >= 1e11 and seconds / 1000 or seconds) * 1e6)
end

--- times.day_first(texts) -> boolean | nil, message
---
--- Is 3/4/2024 in April? When some of the texts cannot be read otherwise. nil: none of them tells.
function times.day_first(texts)
  local open
  for _, text in ipairs(texts) do
    local month_first, day_first = core.date_read(text)
    if month_first ~= day_first then
      if not (month_first and day_first) then return month_first == nil end
      open = open or text
    end
  end
  if not open then return false end
  return nil, ("is '%s' the date with the month or with the day first? No line tells: write dates as 2024-12-31")
    :format(open)
end

--- times.read(text, day_first) -> days since 1970-01-01 (integer), share of the day | nil
---
--- What data.csv takes for a date, perhaps with a time of day (with an offset from UTC it is told in UTC); or 20240229,
--- or seconds or milliseconds since 1970.
---@param text string
---@param day_first boolean?
---@return integer?
---@return number? clock
function times.read(text, day_first)
  local micros = of_number(text)
  if not micros then
    local month_first, other = core.date_read(text)
    if day_first then micros = other else micros = month_first or other end
  end
  if not micros then return nil end
  return micros // DAY, micros % DAY / DAY
end

return times
