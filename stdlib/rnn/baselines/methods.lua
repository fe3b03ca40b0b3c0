-- methods.lua: forecasts that need no training to speak of: what a network has to beat. Each is fitted once to the
-- beginning of a series and then forecasts from any later place in it, as a rolling origin asks.
--
-- A series is an array of numbers, none missing; a method is fit(x, n, season) -> function (x, origin, h) -> number,
-- where x[1 .. n] is known when it is fitted and x[1 .. origin] when it forecasts h steps ahead.

local methods = {}

-- ---- season (the test and the decomposition of the M4 competition) ----

-- Is x[1 .. n] like itself a season before? The autocorrelation at that lag is beyond its 90 % limits (Bartlett).
local function is_seasonal(x, n, season)
  if season < 2 or n < 3 * season then return false end
  local mean, r, squares = 0.0, nil, 0.0
  for t = 1, n do mean = mean + x[t] / n end
  local variance = 0.0
  for t = 1, n do variance = variance + (x[t] - mean) ^ 2 end
  if variance == 0 then return false end
  for lag = 1, season do
    local sum = 0.0
    for t = 1, n - lag do sum = sum + (x[t] - mean) * (x[t + lag] - mean) end
    r = sum / variance
    if lag < season then squares = squares + r * r end
  end
  return math.abs(r) > 1.645 * math.sqrt((1 + 2 * squares) / n)
end

-- The share, or the surplus where values are not all above 0, of each place in a season: classical decomposition
-- by a centred moving average. nil when there is no season.
local function indices(x, n, season)
  if not is_seasonal(x, n, season) then return nil end
  local multiplies = true
  for t = 1, n do multiplies = multiplies and x[t] > 0 end
  local half, sums, counts = season // 2, {}, {}
  for k = 1, season do sums[k], counts[k] = 0.0, 0 end
  for t = half + 1, n - half do
    local trend = 0.0
    for k = t - half, t + half do trend = trend + x[k] end
    if season % 2 == 0 then trend = trend - (x[t - half] + x[t + half]) / 2 end
    trend = trend / season
    local k = (t - 1) % season + 1
    sums[k], counts[k] = sums[k] + (multiplies and x[t] / trend or x[t] - trend), counts[k] + 1
  end
  local mean = 0.0
  for k = 1, season do
    if counts[k] == 0 then return nil end
    sums[k] = sums[k] / counts[k]
    mean = mean + sums[k] / season
  end
  for k = 1, season do sums[k] = multiplies and sums[k] / mean or sums[k] - mean end
  return sums, multiplies
end

-- remove(value, t), restore(value, t): without the season at step t, and with it.
local function adjustment(x, n, season)
  local s, multiplies = indices(x, n, season or 1)
  if not s then
    local function same(v) return v end
    return same, same
  end
  local function at(t) return s[(t - 1) % #s + 1] end
  if multiplies then
    return function(v, t) return v / at(t) end, function(v, t) return v * at(t) end
  end
  return function(v, t) return v - at(t) end, function(v, t) return v + at(t) end
end

-- ---- exponential smoothing ----

-- The mean square of the errors of simple exponential smoothing one step ahead of get(1 .. n).
local function smoothing_error(values, n, alpha)
  local level, sum = values[1], 0.0
  for t = 2, n do
    local e = values[t] - level
    sum, level = sum + e * e, level + alpha * e
  end
  return sum
end

-- The best alpha, by golden sections.
local function best_alpha(values, n)
  local a, b, ratio = 1e-4, 1 - 1e-4, (math.sqrt(5) - 1) / 2
  local c, d = b - ratio * (b - a), a + ratio * (b - a)
  local at_c, at_d = smoothing_error(values, n, c), smoothing_error(values, n, d)
  for _ = 1, 24 do
    if at_c <= at_d then
      b, d, at_d = d, c, at_c
      c = b - ratio * (b - a)
      at_c = smoothing_error(values, n, c)
    else
      a, c, at_c = c, d, at_d
      d = a + ratio * (b - a)
      at_d = smoothing_error(values, n, d)
    end
  end
  return (a + b) / 2
end

-- Levels of values(x, t) up to any step; they are computed once, as far as they are asked for.
local function levels_of(value, x, n)
  local first = {}
  for t = 1, n do first[t] = value(x, t) end
  local alpha = best_alpha(first, n)
  local known, series = {}, nil
  return function(y, origin)
    if series ~= y then known, series = { value(y, 1) }, y end
    for t = #known + 1, origin do known[t] = known[t - 1] + alpha * (value(y, t) - known[t - 1]) end
    return known[origin]
  end
end

-- ---- the methods ----

--- The last value.
function methods.last()
  return function(x, origin) return x[origin] end
end

--- The value one season before; the last season is repeated. Within the first season the last value.
function methods.seasonal(_, _, season)
  return function(x, origin, h)
    if not season or origin < season then return x[origin] end
    return x[origin - season + (h - 1) % season + 1]
  end
end

--- The last value, and the mean change of a step from the first value on.
function methods.drift()
  return function(x, origin, h)
    return origin > 1 and x[origin] + h * (x[origin] - x[1]) / (origin - 1) or x[origin]
  end
end

--- Simple exponential smoothing of the series without its season (M4's SES).
function methods.smoothing(x, n, season)
  local remove, restore = adjustment(x, n, season)
  local level = levels_of(function(y, t) return remove(y[t], t) end, x, n)
  return function(y, origin, h) return restore(level(y, origin), origin + h) end
end

--- The classical Theta method of the series without its season (Assimakopoulos, Nikolopoulos 2000).
function methods.theta(x, n, season)
  local remove, restore = adjustment(x, n, season)
  local st, sx, stt, stx = 0.0, 0.0, 0.0, 0.0
  for t = 1, n do
    local v = remove(x[t], t)
    st, sx, stt, stx = st + t, sx + v, stt + t * t, stx + t * v
  end
  local slope = n > 1 and (n * stx - st * sx) / (n * stt - st * st) or 0
  local constant = (sx - slope * st) / n
  local function line(t) return constant + slope * t end
  local level = levels_of(function(y, t) return 2 * remove(y[t], t) - line(t) end, x, n)
  return function(y, origin, h)
    return restore((level(y, origin) + line(origin + h)) / 2, origin + h)
  end
end

--- The last value of the series without its season (M4's Naive2, by which its OWA is scaled).
function methods.naive2(x, n, season)
  local remove, restore = adjustment(x, n, season)
  return function(y, origin, h) return restore(remove(y[origin], origin), origin + h) end
end

return methods
