-- Two days ahead in 414 hourly series of all kinds with one recurrent network for all of them.
--
-- The hourly series of the M4 forecasting competition (Makridakis et al. 2020): 700 or 960 values,
-- then 48 to foretell. The network reads the last two weeks, a day at each step, and corrects what
-- yesterday and the same weekday of last week would say. It works on logarithms: the series lie
-- between 10 and 700,000, and what counts is a relative error.
--
--   rnnlua scripts/m4_hourly.lua --data FOLDER     with Weekly-train.csv and Weekly-test.csv
--   rnnlua scripts/m4_hourly.lua --data sales.csv --ahead 8     its last 8 values are the test
--
-- For validation the last 48 hours of each training series are held back; everything was chosen on
-- them, and they say how wide the intervals are. The test file is used once, at the end.
local rnn = require "rnn"
local nn, data = rnn.nn, rnn.data

local experiment = rnn.experiment {
  about = "Forecasts the 414 hourly series of the M4 competition, or others, with one GRU.",
  data = { folder = "m4-hourly", known = { ["Hourly-train.csv"] = "2347115:1b84529f33a383eb",
      ["Hourly-test.csv"] = "132820:6b13232e6aaedb90" },
    source = "https://github.com/Mcompetitions/M4-methods/tree/master/Dataset",
    format = [[
NAME-train.csv and NAME-test.csv, which goes on from it, or one CSV file, all with a heading:
name,number,number ...    a row for each series; or date,number,number: a column for each
2024-02-26,17,203.5       (or name,date,number); numbers above 0, the same dates for all]] },
  epochs = 9,
  csv = true,
  units = { 128, "units in a layer" },
  lr = { 0.002, "learning rate of Adam" },
  members = { 3, "networks whose forecasts are averaged" },
  series = { "", "of several pairs of files, those with this in their names" },
  ahead = { 0, "values to foretell; 0: as many as the test file has" },
  day = { 0, "values that the network reads at a step; 0: by the kind of series, hourly 24" },
  week = { 0, "a series resembles itself after so many; 0: by its kind, 168 of hourly ones" },
  days = { 0, "steps that it reads; 0: as many as make two weeks" },
}
local options, results = experiment.options, experiment.results

-- What the forecaster's samples are read by: x.series (N, past, 1), logarithms, and x.id (N, 1).
local Network = nn.module("Network", function(self, sizes)
  self.sizes = sizes
  self.character = nn.Embedding(sizes.series, 8) -- of each series, which the window may not show
  self.gru = nn.GRU(sizes.day + 8, sizes.units, { layers = 2, returns = "last", dropout = 0.1 })
  self.dropout = nn.Dropout(0.1)
  self.head = nn.Linear(sizes.units, 2 * sizes.ahead)
end)

function Network:forward(x)
  local DAY, WEEK, DAYS, AHEAD = self.sizes.day, self.sizes.week, self.sizes.days, self.sizes.ahead
  local PAST = DAY * DAYS
  local past, n = x.series:select(3, 1), #x.series
  local id = x.id and x.id:select(2, 1) or rnn.ones { n, type = "int32" }
  local level = past:slice(2, PAST - WEEK + 1, PAST):mean(2, true)
  past = past - level
  local character = self.character(id):reshape(n, 1, -1):broadcast_to(n, DAYS, 8)
  local state = self.dropout(self.gru(rnn.concat({ past:reshape(n, DAYS, DAY), character }, 3)))
  local trust, change = table.unpack(rnn.split(self.head(state), 2, 2))
  local function repeated(season) -- what came last, as often as needed
    local first, parts = PAST - season + 1, {}
    local part = past:slice(2, first, math.min(first + AHEAD - 1, PAST))
    for i = 1, math.ceil(AHEAD / part:size(2)) do parts[i] = part end
    return rnn.concat(parts, 2):slice(2, 1, AHEAD)
  end
  local yesterday, last_week = repeated(DAY), repeated(WEEK)
  return level + yesterday + trust:sigmoid() * (last_week - yesterday) + change
end

-- The series, and what is to be foretold of each. Where there is one file, its last values are.
local saved = options.evaluate and experiment:check(rnn.load_forecaster(options.evaluate))
local found, kind = experiment:series(options.series ~= "" and options.series or nil)
local history, future, of = found.all or found.train or {}, found.test or {}, {}
local AHEAD = saved and saved.horizon or options.ahead > 0 and options.ahead
  or found.test and #found.test[1] or ({ hourly = 48, daily = 14, weekly = 13 })[kind] or 6
if found.all then
  for i, row in ipairs(history) do
    local n = math.max(#row - AHEAD, 0)
    future[i] = table.move(row, n + 1, #row, 1, { name = row.name })
    history[i] = table.move(row, 1, n, 1, { name = row.name })
  end
end
for _, row in ipairs(future) do of[row.name] = #row == AHEAD and row or nil end
history = experiment:check(data.keep("the series", ("series have %d values above 0, and %d more to "
  .. "foretell"):format(2 * AHEAD, AHEAD), history, function(row)
  local least = math.huge
  for _, value in ipairs(row) do least = math.min(least, value) end
  return #row >= 2 * AHEAD and least > 0 and of[row.name], row.name
end))
local targets = {}
for i, row in ipairs(history) do targets[i] = of[row.name] end
future = rnn.tensor(targets)

-- How far a series is like itself, by its kind, and how much of it is read: two weeks. Of shorter
-- series the first value is repeated before them.
local lengths = {}
for i, row in ipairs(history) do lengths[i] = #row end
table.sort(lengths)
local most = lengths[#lengths // 5 + 1] - 2 * AHEAD -- of nearly all series
local DAY = options.day > 0 and options.day or kind == "hourly" and 24 or 1
local WEEK = options.week > 0 and options.week
  or ({ hourly = 168, daily = 7, weekly = 52, monthly = 12, quarterly = 4 })[kind] or DAY
if options.week == 0 and WEEK > most then WEEK = DAY end
local DAYS = options.days > 0 and options.days
  or math.max(math.min(math.max(2 * WEEK, AHEAD), most) // DAY, 1)
experiment:check(WEEK <= DAY * DAYS, ("the week, %d values, is longer than the %d steps of %d that "
  .. "are read"):format(WEEK, DAYS, DAY))

-- Histories for the MASE, padded to the same length.
local xs = {}
for i, values in ipairs(history) do
  xs[i] = rnn.tensor(table.move(values, 1, #values, 1, {})):reshape(-1, 1)
end
local past = data.sequences(xs):all()
past = past:without_lengths():reshape(#history, -1):with_lengths(past:lengths())
local SEASON = (kind == "monthly" or kind == "quarterly") and WEEK or DAY
local left_out = select(2, rnn.metrics.mase(future, future, past, SEASON))
experiment:check(left_out < #history, "all series repeat themselves, so that errors have no scale")
if left_out > 0 then
  io.stderr:write(("%d series repeat themselves: MASE is of the others\n"):format(left_out))
end

local function judge(name, forecast)
  results:add(name, { smape = rnn.metrics.smape(forecast, future),
    mase = rnn.metrics.mase(forecast, future, past, SEASON),
    owa = rnn.metrics.owa(forecast, future, past, SEASON) })
end

-- What the network is mixed with, and its share: what has the least error on the values held back.
local function blend(forecaster)
  local before, cut, actual = {}, {}, {}
  for i, row in ipairs(history) do
    local n = #row - AHEAD
    before[i] = table.move(row, 1, n, 1, { name = row.name })
    cut[i] = rnn.tensor(table.move(row, 1, n, 1, {})):reshape(-1, 1)
    actual[i] = table.move(row, n + 1, #row, 1, {})
  end
  local known, own = data.sequences(cut):all(), forecaster:predict(before, AHEAD).forecast
  own = own:select(3, 1)
  known, actual = known:without_lengths():reshape(#history, -1):with_lengths(known:lengths()),
    rnn.tensor(actual)
  local least, base, share = math.huge, nil, nil
  for _, name in ipairs { "last", "seasonal", "naive2", "theta" } do
    local other = rnn.baselines[name](known, AHEAD, SEASON)
    for tenths = 10, 0, -1 do
      local e = rnn.metrics.smape(own * (tenths / 10) + other * (1 - tenths / 10), actual)
      if e < least then least, base, share = e, name, tenths / 10 end
    end
  end
  return base, share
end

-- Windows for training start every seventh hour, so that after some weeks each hour of a day has
-- been the first.
local forecaster, result = saved, nil
for seed in experiment:seeds() do
  if not saved then
    forecaster = rnn.Forecaster { horizon = AHEAD, length = DAY * DAYS, season = SEASON, log = true,
      scale = "none", distribution = "point", balance = true, members = options.members,
      quiet = true,
      model = function(sizes)
        return Network { series = sizes.series, day = DAY, week = WEEK, days = DAYS, ahead = AHEAD,
          units = options.units }
      end }
    forecaster:fit(history, { valid = AHEAD, calibrate = 0, epochs = options.epochs, batch = 256,
      lr = options.lr, average = 0.99, stride = kind == "hourly" and 7 or nil, seed = 1000 * seed,
      refit = false, progress = "terminal", callbacks = { results:training() },
      run = experiment:folder("m4", seed) })
  end
  result = forecaster:predict(history, AHEAD)
  local base, share = blend(forecaster)
  local plain = rnn.baselines[base](past, AHEAD, SEASON):unsqueeze(3)
  local shift = (1 - share) * (plain - result.forecast)
  for _, name in ipairs { "forecast", "low", "high" } do result[name] = result[name] + shift end
  io.stderr:write(("%.0f %% network, %.0f %% %s\n"):format(100 * share, 100 - 100 * share, base))
  judge("test", result.forecast:select(3, 1))
  results:add("interval", { coverage = rnn.metrics.coverage(result.low:select(3, 1),
    result.high:select(3, 1), future) })
end
for _, name in ipairs { "last", "seasonal", "naive2", "theta" } do
  judge(name, rnn.baselines[name](past, AHEAD, SEASON))
end

-- One series: its last values and those that follow, in truth and as foretold.
local one = history[1]
local before = math.min(#one, math.max(3 * DAY, 2 * AHEAD))
local hours = rnn.arange(before + AHEAD)
local shown = table.move(one, #one - before + 1, #one, 1, {})
table.move(of[one.name], 1, AHEAD, before + 1, shown)
local coming = hours:rows(before + 1, before + AHEAD)
assert(rnn.plot.lines({ { x = hours, y = shown, label = "actual" },
  { x = coming, y = result.forecast[1]:reshape(-1), label = "forecast",
    bands = { { result.low[1]:reshape(-1), result.high[1]:reshape(-1) } } } },
  { title = ("Series %s"):format(one.name), xlabel = "values", file = options.plot }))
io.write(results:table { { "smape", "%.2f", "sMAPE" }, { "mase", "%.3f", "MASE" },
  { "owa", "%.3f", "OWA" }, { "coverage", "%.3f", "within 90 %" } }, experiment:reference [[
on the test: seasonal naive 13.91, 1.193; the competition's MLP 13.84; its winner 9.33, 0.893
]])
experiment:finish { forecaster = forecaster }
