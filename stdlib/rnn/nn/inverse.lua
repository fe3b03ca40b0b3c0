-- inverse.lua: quantiles of distributions, of one number at a time.

local inverse = {}

-- ---- the normal distribution ----

local function normal_density(z) return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) end

-- The part of it below z < 0, by Lentz' continued fraction or the series (Abramowitz, Stegun 26.2.11, 26.2.14).
local function normal_below(z)
  if z > 0 then return 1 - normal_below(-z) end
  if z > -3 then
    local term, sum, k = -z, -z, 1
    repeat
      term, k = term * z * z / (2 * k + 1), k + 1
      sum = sum + term
    until math.abs(term) < 1e-17 * math.abs(sum) or term == 0
    return 0.5 - sum * normal_density(z)
  end
  local f = 0.0
  for k = 60, 1, -1 do f = k / (-z + f) end
  return normal_density(z) / (-z + f)
end

--- inverse.normal(q) -> z, below which lies the share q of the standard normal distribution
---@param q number between 0 and 1
---@return number
function inverse.normal(q)
  if q <= 0 or q >= 1 then return q <= 0 and -math.huge or math.huge end
  if q > 0.5 then return -inverse.normal(1 - q) end
  local t = math.sqrt(-2 * math.log(q))
  local z = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) -- Abramowitz, Stegun 26.2.23
    / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))))
  for _ = 1, 3 do
    local e = (normal_below(z) - q) / normal_density(z)
    z = z - e / (1 + z * e / 2) -- Halley
  end
  return z
end

-- ---- the incomplete beta function ----

-- log of the gamma function of x > 0.
local function log_gamma(x)
  local product = 1.0
  while x < 10 do product, x = product * x, x + 1 end
  local r = 1 / (x * x)
  return (x - 0.5) * math.log(x) - x + 0.5 * math.log(2 * math.pi) - math.log(product)
    + (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r / 1680))) / x
end

-- The regularised incomplete beta function, by Lentz' continued fraction.
local function beta_share(x, a, b)
  if x <= 0 or x >= 1 then return x <= 0 and 0.0 or 1.0 end
  if x > (a + 1) / (a + b + 2) then return 1 - beta_share(1 - x, b, a) end
  local front = math.exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * math.log(x) + b * math.log(1 - x)) / a
  local c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
  local f = d
  for m = 1, 1000 do
    local even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / (1 + even * d)
    c = 1 + even / c
    f = f * d * c
    local odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / (1 + odd * d)
    c = 1 + odd / c
    f = f * d * c
    if math.abs(d * c - 1) < 1e-13 then break end
  end
  return front * f
end

-- Where an increasing f reaches q, between low and high.
local function bisect(f, q, low, high)
  for _ = 1, 200 do
    local middle = (low + high) / 2
    if middle == low or middle == high or high - low < 1e-12 * (1 + math.abs(low)) then break end
    if f(middle) < q then low = middle else high = middle end
  end
  return (low + high) / 2
end

--- inverse.student_t(q, freedom) -> t, below which lies the share q of Student's t distribution
---@param q number between 0 and 1
---@param freedom number above 0
---@return number
function inverse.student_t(q, freedom)
  if q <= 0 or q >= 1 then return q <= 0 and -math.huge or math.huge end
  if q == 0.5 then return 0.0 end
  if q < 0.5 then return -inverse.student_t(1 - q, freedom) end
  -- of x = freedom / (freedom + t^2), half the incomplete beta function lies above t
  local x = bisect(function(x) return beta_share(x, freedom / 2, 0.5) / 2 end, 1 - q, 0, 1)
  return math.sqrt(freedom * (1 - x) / x)
end

--- inverse.negative_binomial(q, mean, dispersion) -> the least count at or below which lies the share q; nan of nan
---@param q number between 0 and 1
---@param mean number above 0
---@param dispersion number above 0
---@return number
function inverse.negative_binomial(q, mean, dispersion)
  if mean ~= mean or dispersion ~= dispersion then return 0 / 0 end
  if q <= 0 or q >= 1 then return q <= 0 and 0 or math.huge end
  local r = 1 / dispersion
  local p = r / (r + mean)
  local function below(k) return beta_share(p, r, k + 1) end
  local high = 1
  while below(high - 1) < q do high = high * 2 end
  local low = high == 1 and -1 or high // 2 - 1 -- below(low) < q <= below(high - 1)
  high = high - 1
  while high - low > 1 do
    local middle = (low + high) // 2
    if below(middle) < q then low = middle else high = middle end
  end
  return high
end

return inverse
