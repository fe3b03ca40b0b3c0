-- Calendar days as numbers: days since 1970-01-01 in the proleptic Gregorian calendar
-- (formulas: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"; // rounds down, so no case for B.C.).
local dates = {}

---@param year integer
---@param month integer 1..12
---@param day integer
---@return integer days since 1970-01-01
function dates.to_days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
end

---@param days integer days since 1970-01-01
---@return integer year
---@return integer month
---@return integer day
function dates.from_days(days)
  local z = days + 719468
  local era = z // 146097
  local day_of_era = z - era * 146097
  local year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
  local day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
  local m = (5 * day_of_year + 2) // 153
  local month = m < 10 and m + 3 or m - 9
  return year_of_era + era * 400 + (month <= 2 and 1 or 0), month, day_of_year - (153 * m + 2) // 5 + 1
end

---Days of "YYYY-MM-DD", or nil when s is no such date.
---@param s any
---@return integer?
function dates.parse(s)
  if type(s) ~= "string" then return nil end
  local year, month, day = s:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not year then return nil end
  year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  local days = dates.to_days(year, month, day)
  local y, m, d = dates.from_days(days)
  return y == year and m == month and d == day and days or nil
end

return dates
