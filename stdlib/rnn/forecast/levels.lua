-- levels.lua: what a Forecaster that was trained foretells: from any row of series, for each of its levels.

local core = require "rnn.core"
local dates = require "rnn.data.dates"
local define = require "rnn.nn.define"
local train = require "rnn.train"
local interval = require "rnn.forecast.interval"
local lately = require "rnn.forecast.lately"
local panel = require "rnn.forecast.panel"

local levels = {}

--- Networks whose forecasts are averaged.
levels.Ensemble = define.module("rnn.forecast.Ensemble", function(self, members)
  self.members = members
end)

--- levels.raw(forecaster, x) -> outputs (N, outputs), the mean of all members; with Monte-Carlo dropout also the
--- deviation of the passes in the forecast itself, (N, horizon K)
function levels.raw(self, x)
  local count, total = self.options.samples, nil
  if count > 0 then return interval.dropout(self, x, count) end
  for _, network in ipairs(self.network.members) do
    local y = train.predict(network, x)
    total = total and total + y or y
  end
  return total / #self.network.members
end

--- levels.of(forecaster, x) -> list of (N, horizon K), a forecast for each level, on the scale of x, without margins;
--- raw outputs
function levels.of(self, x)
  local raw, doubt = levels.raw(self, x)
  local list = {}
  for k, q in ipairs(self.levels) do list[k] = self.distribution:quantile(raw, q) end
  interval.widen(self, list, doubt)
  return list, raw
end

-- Levels of windows on scales of their own, on that of the series.
local function on_scale(self, list, level, spread)
  if not level then return list end
  local h = self.horizon
  local function flat(t) return t:broadcast_to(#t, h, t:size(3)):reshape(#t, -1) end
  local shift, scale = flat(level), flat(spread)
  for k, t in ipairs(list) do list[k] = t * scale + shift end
  return list
end

local CHUNK <const> = 512
local FOLLOWED <const> = 2000 -- origins, at most, that come before those that are asked for

--- levels.at(forecaster, reading, origins) -> list of (N, horizon, K), in the units of the data: the forecasts
--- from these rows, a list for each series. Of one series forecasts and margins follow what came since training.
function levels.at(self, reading, origins)
  local h, k, starts, rows, asked = self.horizon, self.sizes.targets, {}, {}, {}
  local follows = self.margins and #reading.list == 1
  for i, list in ipairs(origins) do
    if follows and #list > 0 then
      local wanted, trained = {}, levels.trained_rows(self, reading.list[1])
      local first = math.max(trained, list[1] - FOLLOWED, reading.earliest[1])
      for _, t in ipairs(list) do wanted[t] = true end
      local all = {}
      for t = math.min(first, list[1]), list[#list] do all[#all + 1] = t end
      for _, t in ipairs(all) do asked[#asked + 1] = wanted[t] and 1 or 0 end
      list = all
    end
    for _, t in ipairs(list) do
      starts[#starts + 1], rows[#rows + 1] = reading:start(i, t), t
    end
  end
  starts = core.tensor(starts, "int32")
  local samples, parts = reading:ends(), {}
  local function keep(name, t)
    parts[name] = parts[name] or {}
    table.insert(parts[name], t)
  end
  local function each_chunk(f)
    for from = 1, #starts, CHUNK do
      local to = math.min(from + CHUNK - 1, #starts)
      f(from, to, samples:batch(starts:rows(from, to)))
    end
  end
  each_chunk(function(_, _, x, y, weights, level, spread)
    local found = levels.of(self, x)
    for j, t in ipairs(found) do keep(j, t) end
    if follows then
      keep("y", y)
      keep("weights", weights)
      keep("errors", lately.errors(self, x, found[self.middle], y, weights))
    end
    if level then keep("level", level) keep("spread", spread) end
  end)
  for name, list in pairs(parts) do parts[name] = #list > 1 and core.concat(list, 1) or list[1] end
  local list = table.move(parts, 1, #self.levels, 1, {})
  local shares = follows and lately.shares(self, parts.errors, rows)
  if shares then
    local change = {}
    each_chunk(function(from, to, x)
      change[#change + 1] = lately.change(self, x, list[self.middle]:rows(from, to), shares:rows(from, to))
    end)
    change = core.concat(change, 1)
    for j, t in ipairs(list) do list[j] = t + change end
  end
  local margins = follows and interval.follow(self, list, parts.y, parts.weights, rows) or self.margins
  interval.widen(self, list, nil, margins)
  on_scale(self, list, parts.level, parts.spread)
  for j, t in ipairs(list) do list[j] = reading:unscale(t:reshape(#t, h, k), starts) end
  if not follows then return list end
  local kept = core.tensor(asked):nonzero()
  for j, t in ipairs(list) do list[j] = t:gather(1, kept) end
  return list
end

--- levels.trained_rows(self, series) -> how many of its rows are in the training span
function levels.trained_rows(self, series)
  if not (self.trained_to and series.frame) then
    return math.min(self.ends[#self.scaling.names == 1 and next(self.ends) or series.name or ""] or 0, series.rows)
  end
  return levels.rows_until(self, series, self.trained_to)
end

--- levels.rows_until(forecaster, series, text [, before]) -> how many rows of a series have times up to the end of a
--- date, or before it begins; nil where text is no date
function levels.rows_until(self, series, text, before)
  local first, last, zoned = dates.moments(text)
  if not first then return nil end
  local column = panel.column(series.frame, self.spec.time)
  local at = zoned and column:_moments() or column:_wall()
  return #(before and at:lt(first) or at:le(last)):nonzero()
end

-- Forecasts of each series from its end, (S, n, K) for each level: those of the network and, beyond its horizon, paths
-- that go on from what they drew.
local PATHS <const> = 100

local function beyond(self, list, steps, first)
  local h, k, paths = self.horizon, self.sizes.targets, PATHS
  local out = {}
  for i, series in ipairs(list) do
    local copies = {}
    for p = 1, paths do
      copies[p] = { name = series.name, rows = series.rows, y = series.y, past = series.past, known = series.known,
        static = series.static, ahead = math.huge }
    end
    local drawn = {}
    for from = 1, steps, h do
      local flat = self.flat:read(copies)
      local samples = flat:ends()
      local x, level, spread = samples:inputs(samples.items)
      local raw = levels.raw(self, x)
      local y = interval.draw(self, raw):reshape(paths, h, k)
      if level then y = y * spread + level end
      y = flat:unscale(y)
      drawn[#drawn + 1] = y
      if from + h <= steps then
        for p, copy in ipairs(copies) do
          copy.y = core.concat({ copy.y:rows(math.max(1, #copy.y - self.length), #copy.y), y[p] }, 1)
          local dropped = copy.rows + h - #copy.y
          if copy.known then copy.known = copy.known:rows(dropped + 1, #copy.known) end
          if copy.past then -- nobody knows what comes: the last value stays
            local last = copy.past:rows(#copy.past, #copy.past):broadcast_to(h, copy.past:size(2))
            copy.past = core.concat({ copy.past:rows(dropped + 1, #copy.past), last }, 1)
          end
          copy.rows = #copy.y
        end
      end
    end
    local all = core.concat(drawn, 2):slice(2, 1, steps)
    for j, q in ipairs(self.levels) do
      out[j] = out[j] or {}
      local value = core.quantile(all, q, 1)
      if h < steps then -- the first steps are the network's own
        value = core.concat({ first[j][i], value:rows(h + 1, steps) }, 1)
      end
      out[j][i] = value
    end
  end
  for j, parts in ipairs(out) do out[j] = core.stack(parts, 1) end
  return out
end

--- levels.forecast(forecaster, list, steps) -> list of (S, steps, K), in the units of the data
function levels.forecast(self, list, steps)
  local reading, origins = self.flat:read(list), {}
  for i, series in ipairs(list) do origins[i] = { series.rows } end
  local found = levels.at(self, reading, origins)
  if steps > self.horizon then return beyond(self, list, steps, found) end
  if steps < self.horizon then
    for j, t in ipairs(found) do found[j] = t:slice(2, 1, steps) end
  end
  return found
end

return levels
