-- times.lua: points in time as people write them.

local calendar = require "rnn.calendar"

local times = {}

--- times.day_first(texts) -> boolean: is 3/4/2024 in April? When some number before the first slash is beyond 12.
function times.day_first(texts)
  for _, text in ipairs(texts) do
    local first = tonumber(text:match "^%s*(%d%d?)/%d%d?/%d%d%d%d")
    if first and first > 12 then return true end
  end
  return false
end

--- times.read(text, day_first) -> days since 1970 (integer), share of the day | nil
---
--- 2024-02-29, 2024/02/29, 29.02.2024, 02/29/2024 (29/02/2024 with day_first), each with a time 17:05 or 17:05:00.25
--- behind a blank or a T, or without; or seconds or milliseconds since 1970.
---@param text string
---@param day_first boolean
---@return integer?
---@return number? clock
function times.read(text, day_first)
  local number = text:match "^%s*(%d%d%d%d%d%d%d%d+%.?%d*)%s*$"
  if number then
    local seconds = number + 0
    seconds = seconds >= 1e11 and seconds / 1000 or seconds
    return seconds // 86400 | 0, seconds % 86400 / 86400
  end
  local year, month, day, rest = text:match "^%s*(%d%d%d%d)[-/](%d%d?)[-/](%d%d?)(.*)$"
  if not year then day, month, year, rest = text:match "^%s*(%d%d?)%.(%d%d?)%.(%d%d%d%d)(.*)$" end
  if not year then
    month, day, year, rest = text:match "^%s*(%d%d?)/(%d%d?)/(%d%d%d%d)(.*)$"
    if day_first then month, day = day, month end
  end
  local hour, minute, seconds = (rest or ""):match "^[ T]+(%d%d?):(%d%d)(.*)$"
  if not year or rest:find "%S" and not hour then return nil end
  year, month, day = year // 1 | 0, month // 1 | 0, day // 1 | 0
  if month < 1 or month > 12 or day < 1 or day > 31 or (hour or 0) // 1 > 23 then return nil end
  local second = (seconds or ""):match "^:(%d+)" or 0
  return calendar.to_days(year, month, day), (hour or 0) / 24 + (minute or 0) / 1440 + second / 86400
end

return times
