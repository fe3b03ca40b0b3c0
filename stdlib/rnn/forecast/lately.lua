-- lately.lua: a forecast of one series that erred more than simple ones have since training gives way to them: what it
-- has learnt may hold no longer.

local core = require "rnn.core"
local simple = require "rnn.forecast.simple"

local lately = {}

local MEMORY <const> = 12 -- horizons, or seasons where these are longer, that are looked back on
local LONGEST <const> = 1000 -- rows, at most
local DOUBT <const> = 0.05 -- share of all simple forecasts together where nothing speaks for them
local MOST <const> = 1e6 -- times that one errs more than another

local known = setmetatable({}, { __mode = "k" }) -- forecaster -> weights (C H, steps) of its simple forecasts

local function weights_of(self)
  if not known[self] then
    local list = {}
    for i, each in ipairs(simple.all(self.length, self.horizon, self.season)) do list[i] = each.weights end
    known[self] = core.concat(list, 1)
  end
  return known[self]
end

-- The simple forecasts of windows (N, steps, inputs): (N, K, C, H).
local function forecasts(self, series)
  local targets = series:slice(3, 1, self.sizes.targets):transpose(2, 3)
  local last = targets:slice(3, self.length, self.length)
  local all = (targets - last):matmul(weights_of(self):transpose(1, 2)) + last
  return all:reshape(#series, self.sizes.targets, -1, self.horizon)
end

-- (N, H K) -> (N, K, 1, H)
local function by_target(self, t)
  return t:reshape(#t, self.horizon, self.sizes.targets):transpose(2, 3):unsqueeze(3)
end

--- lately.errors(forecaster, x, centre, y [, weights]) -> (N, 1 + C): of each window the mean absolute error of its
--- forecast, centre (N, H K), and of the simple ones
function lately.errors(self, x, centre, y, weights)
  local all = core.concat({ by_target(self, centre), forecasts(self, x.series) }, 3)
  local e = (all - by_target(self, y)):abs()
  if not weights then return e:mean { 2, 4 } end
  local seen = by_target(self, weights)
  return (e * seen):sum { 2, 4 } / seen:sum { 2, 4 }
end

-- Rows of a horizon, or of a season where that is longer.
local function long(self) return math.max(self.horizon, self.season or 1) end

local function memory(self) return math.min(MEMORY * long(self), LONGEST) end

--- lately.rows(forecaster) -> how many rows a forecast depends on
function lately.rows(self) return self.length + memory(self) + self.horizon end

-- Sums of the errors that were known at the last origin.
local function add(sums, errors, sign)
  if errors[1] ~= errors[1] then return end
  for c, e in ipairs(errors) do sums[c] = sums[c] + sign * e end
  sums.count = sums.count + sign
end

--- lately.shares(forecaster, errors, rows) -> (N, C), shares of the simple forecasts in those of consecutive origins,
--- or nil where they have none. rows: of the origins. A share is that of a likelihood, see network.lua, of the last
--- windows whose end was known then.
function lately.shares(self, errors, rows)
  local h, of_each, any = self.horizon, errors:totable(), false
  local most, unit = memory(self), long(self)
  local simples, sums, first, next_known = errors:size(2) - 1, { count = 0 }, 1, 1
  for c = 1, simples + 1 do sums[c] = 0.0 end
  local shares = {}
  for n, row in ipairs(rows) do
    while next_known < n and rows[next_known] + h <= row do
      add(sums, of_each[next_known], 1)
      next_known = next_known + 1
      if next_known - first > most then
        add(sums, of_each[first], -1)
        first = first + 1
      end
    end
    local values, total, each = simple.VALUES * sums.count / unit, 1.0, {}
    for c = 1, simples do
      local times = math.min(sums[1] / math.max(sums[c + 1], 1e-30), MOST)
      each[c] = DOUBT / simples * times ^ values
      total = total + each[c]
    end
    for c = 1, simples do
      local share = each[c] / total
      each[c] = share >= simple.LEAST and share or 0
      any = any or each[c] > 0
    end
    shares[n] = each
  end
  return any and core.tensor(shares) or nil
end

--- lately.change(forecaster, x, centre, shares) -> (N, H K), what is added to a forecast
function lately.change(self, x, centre, shares)
  local n, simples = shares:shape()
  local apart = forecasts(self, x.series) - by_target(self, centre)
  return (apart * shares:reshape(n, 1, simples, 1)):sum(3):transpose(2, 3):reshape(n, -1)
end

return lately
