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
-- them. The test file is used once, at the end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

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

local Forecaster = nn.module("Forecaster", function(self, sizes)
  self.sizes = sizes
  self.character = nn.Embedding(sizes.series, 8) -- of each series, which the window may not show
  self.gru = nn.GRU(sizes.day + 8, sizes.units, { layers = 2, returns = "last", dropout = 0.1 })
  self.dropout = nn.Dropout(0.1)
  self.head = nn.Linear(sizes.units, 2 * sizes.ahead)
end)

function Forecaster:forward(x)
  local DAY, WEEK, DAYS, AHEAD = self.sizes.day, self.sizes.week, self.sizes.days, self.sizes.ahead
  local PAST = DAY * DAYS
  local past, id, n = x.series:select(3, 1), x.id:select(2, 1), #x.series
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

local Ensemble = nn.module("Ensemble", function(self, count, seed, sizes)
  self.members = {}
  for i = 1, count do
    rnn.seed(1000 * seed + i)
    self.members[i] = Forecaster(sizes)
  end
end)

-- The series, and what is to be foretold of each. Where there is one file, its last values are.
local ensemble, saved = experiment:load()
local found, kind = experiment:series(options.series ~= "" and options.series or nil)
local history, future, of = found.all or found.train or {}, found.test or {}, {}
local AHEAD = saved and saved.ahead or options.ahead > 0 and options.ahead
  or found.test and #found.test[1] or ({ hourly = 48, daily = 14, weekly = 13 })[kind] or 6
if found.all then
  for i, row in ipairs(history) do
    local n = math.max(#row - AHEAD, 0)
    future[i] = table.move(row, n + 1, #row, 1, { name = row.name })
    history[i] = table.move(row, 1, n, 1, { name = row.name })
  end
end
for _, row in ipairs(future) do of[row.name] = #row == AHEAD and row or nil end

-- How far a series is like itself, by its kind, and how much of it is read: two weeks.
local lengths = {}
for i, row in ipairs(history) do lengths[i] = #row end
table.sort(lengths)
local most = (lengths[#lengths // 5 + 1] or 0) - 2 * AHEAD -- of nearly all series
local DAY = saved and saved.day or options.day > 0 and options.day or kind == "hourly" and 24 or 1
local WEEK = saved and saved.week or options.week > 0 and options.week
  or ({ hourly = 168, daily = 7, weekly = 52, monthly = 12, quarterly = 4 })[kind] or DAY
if options.week == 0 and not saved and WEEK > most then WEEK = DAY end
local DAYS = saved and saved.days or options.days > 0 and options.days
  or math.max(math.min(math.max(2 * WEEK, AHEAD), most) // DAY, 1)
local PAST = DAY * DAYS
experiment:check(WEEK <= PAST, ("the week, %d values, is longer than the %d steps of %d that are "
  .. "read"):format(WEEK, DAYS, DAY))
local ids = {}
for i, name in ipairs(saved and saved.names or {}) do ids[name] = i end
history = experiment:check(data.keep("the series", ("series have %d values above 0, and %d more to "
  .. "foretell"):format(PAST + 2 * AHEAD, AHEAD), history, function(row)
  local enough = #row >= PAST + 2 * AHEAD and math.min(table.unpack(row)) > 0
  return enough and of[row.name] and (not saved or ids[row.name]), row.name
end))
local targets, names = {}, {}
for i, row in ipairs(history) do
  targets[i], names[i], ids[row.name] = of[row.name], row.name, ids[row.name] or i
end
future = rnn.tensor(targets)

-- Windows of the logarithm and, beside it, the number of the series. Those for training start every
-- seventh hour, so that after some weeks each hour of a day has been the first.
local train, valid, last, numbers = {}, {}, {}, {}
for i, values in ipairs(history) do
  local log = rnn.tensor(values):log():reshape(-1, 1)
  local n = #log
  local function windows(from, to, stride)
    return data.windows(log:rows(from, to), { length = PAST, target = AHEAD, stride = stride,
      beside = { id = rnn.full({ to - from + 1, type = "int32" }, ids[values.name]) } })
  end
  train[i], valid[i] = windows(1, n - AHEAD, 7), windows(n - AHEAD - PAST + 1, n, 1)
  last[i], numbers[i] = log:rows(n - PAST + 1, n), { ids[values.name] }
end
train = train[1]:concat(table.unpack(train, 2))
last = { series = rnn.stack(last, 1), id = rnn.tensor(numbers, "int32") }
valid = data.arrays(valid[1]:concat(table.unpack(valid, 2)):all())

local function smape(forecast, actual) return rnn.metrics.smape(forecast:exp(), actual:exp()) end

-- The mean forecast of all members, in logarithms.
local function predict(members, x)
  local sum = 0
  for _, member in ipairs(members) do sum = sum + rnn.predict(member, x) end
  return sum / #members
end

-- Histories for the MASE, padded to the same length.
local xs = {}
for i, values in ipairs(history) do xs[i] = rnn.tensor(values):reshape(-1, 1) end
local past = data.sequences(xs):all()
past = past:without_lengths():reshape(#history, -1):with_lengths(past:lengths())
local SEASON = (kind == "monthly" or kind == "quarterly") and WEEK or DAY
local left_out = select(2, rnn.metrics.mase(future, future, past, SEASON))
experiment:check(left_out < #history, "all series repeat themselves, so that errors have no scale")
if left_out > 0 then
  io.stderr:write(("%d series repeat themselves: MASE is of the others\n"):format(left_out))
end

local sizes = { series = #history, day = DAY, week = WEEK, days = DAYS, ahead = AHEAD,
  units = options.units }
local forecast
for seed in experiment:seeds() do
  if not saved then ensemble = Ensemble(options.members, seed, sizes) end
  for i, model in ipairs(saved and {} or ensemble.members) do
    experiment:fit("member-" .. i, model, { data = train:batches { size = 256, shuffle = true },
      valid = valid, loss = "mae", metrics = { smape = smape }, clip_norm = 1, average = 0.99,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.cosine() })
  end
  forecast = predict(ensemble.members, last):exp()
  results:add("valid", { smape = smape(predict(ensemble.members, valid.x), valid.y) })
  results:add("test", { smape = rnn.metrics.smape(forecast, future),
    mase = rnn.metrics.mase(forecast, future, past, SEASON) })
end

-- One series: its last values and those that follow, in truth and as foretold.
local before = math.min(PAST, math.max(3 * DAY, 2 * AHEAD))
local shown = rnn.concat({ last.series[1]:reshape(-1):exp():rows(PAST - before + 1, PAST),
  future[1] }, 1)
local hours = rnn.arange(before + AHEAD)
assert(rnn.plot.lines({ { x = hours, y = shown, label = "actual" },
  { x = hours:rows(before + 1, before + AHEAD), y = forecast[1], label = "forecast" } },
  { title = ("Series %s"):format(history[1].name), xlabel = "values", file = options.plot }))
io.write(results:table { { "smape", "%.2f", "sMAPE" }, { "mase", "%.3f", "MASE" } },
  experiment:reference [[
on the test: seasonal naive 13.91, 1.193; the competition's MLP 13.84; its winner 9.33, 0.893
]])
experiment:finish { model = ensemble, extra = { names = saved and saved.names or names, day = DAY,
  week = WEEK, days = DAYS, ahead = AHEAD } }
