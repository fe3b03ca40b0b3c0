-- significance.lua: is a difference more than chance?

local significance = {}

--- significance.standard_error(d, owner, lag) -> standard error of the mean of d, a list of numbers
---
--- Neighbours up to lag places away are alike, as overlapping forecasts are (Newey, West 1987; Diebold, Mariano 1995).
--- owner: to which series each belongs, or nil for one.
function significance.standard_error(d, owner, lag)
  local n, mean = #d, 0.0
  for i = 1, n do mean = mean + d[i] / n end
  local sum = 0.0
  for i = 1, n do
    sum = sum + (d[i] - mean) ^ 2
    for l = 1, lag do
      local j = i - l
      if j < 1 or owner and owner[j] ~= owner[i] then break end
      sum = sum + 2 * (1 - l / (lag + 1)) * (d[i] - mean) * (d[j] - mean)
    end
  end
  return math.sqrt(math.max(sum, 0)) / n
end

--- significance.groups(d, groups) -> F, the ratio of the variance between groups to that within (Fisher 1925)
---
--- d (N), groups (N, G): one column of each row is 1.
function significance.groups(d, groups)
  local counts = groups:sum(1)
  local used = counts:gt(0):sum():item()
  local n = #d
  if used < 2 or n <= used then return 0 end
  local means = (groups * d:unsqueeze(2)):sum(1) / counts:maximum(1)
  local mean = d:mean()
  local between = (counts * (means - mean):square()):sum():item() / (used - 1)
  local within = (d - (groups * means):sum(2)):square():sum():item() / (n - used)
  return within > 0 and between / within or between > 0 and math.huge or 0
end

return significance
