-- Two days ahead in 414 hourly series of all kinds with one recurrent network for all of them.
--
-- The hourly series of the M4 forecasting competition (Makridakis et al. 2020): 700 or 960 values, then 48 to foretell.
-- The network reads the last two weeks, a day at each step, and corrects what yesterday and the same weekday of last
-- week would say. It works on logarithms: the series lie between 10 and 700,000, and what counts is a relative error.
--
--   rnnlua scripts/m4_hourly.lua --data FOLDER --series Weekly --day 4 --week 52    FOLDER/Weekly-train.csv, -test.csv
--
-- For validation the last 48 hours of each training series are held back; everything was chosen on them. The test file
-- is used once, at the end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Forecasts the 414 hourly series of the M4 competition, or other ones, with one GRU.",
  epochs = 9,
  units = { 128, "units in a layer" },
  lr = { 0.002, "learning rate of Adam" },
  members = { 3, "networks whose forecasts are averaged" },
  series = { "Hourly", "the files are SERIES-train.csv and SERIES-test.csv" },
  day = { 24, "values that the network reads at a step; a series resembles itself after so many" },
  week = { 168, "and after so many" },
  days = { 14, "steps that it reads" },
  limit = { 0, "series to train on; 0: all" },
}
local DAY, WEEK, DAYS, PAST = options.day, options.week, options.days, options.days * options.day
assert(WEEK <= PAST, "--week is longer than --days times --day")

-- The rows of a file, lists of numbers with a name: "H1",605,586, ... and empty fields at the end; and is it M4's?
local function read(part, fingerprint)
  local path, known = assert(data.find("m4-hourly", ("%s-%s.csv"):format(options.series, part), { data = options.data,
    fingerprint = fingerprint, source = "https://github.com/Mcompetitions/M4-methods/tree/master/Dataset" }))
  local rows = assert(data.lines(path, "name,number,number ...", function(line)
    local fields, row = line:gsub('"', ""):gsub("[, ]+$", ""), {}
    row.name = fields:match "^[^,]*"
    for field in fields:gmatch ",([^,]*)" do
      row[#row + 1] = tonumber(field)
      if not tonumber(field) then return nil end
    end
    return row[1] and row
  end, { header = true }))
  return table.move(rows, 1, options.limit > 0 and math.min(options.limit, #rows) or #rows, 1, {}), known
end
local history, known = read("train", "2347115:1b84529f33a383eb")
local future, test_known = read("test", "132820:6b13232e6aaedb90")
known = known and test_known and options.limit == 0
local AHEAD, of, targets = #future[1], {}, {}
for _, row in ipairs(future) do of[row.name] = #row == AHEAD and row or nil end
history = assert(data.keep(options.series, ("series have %d values above 0, and %d more to foretell in the other file")
  :format(PAST + 2 * AHEAD, AHEAD), history, function(row)
    return #row >= PAST + 2 * AHEAD and math.min(table.unpack(row)) > 0 and of[row.name], row.name
  end))
for i, row in ipairs(history) do targets[i] = of[row.name] end
future = rnn.tensor(targets)

-- Windows of the logarithm and, beside it, the number of the series. Those for training start every seventh hour, so
-- that after some weeks each hour of a day has been the first.
local train, valid, last = {}, {}, {}
for i, values in ipairs(history) do
  local log = rnn.tensor(values):log():reshape(-1, 1)
  local n = #log
  local function windows(from, to, stride)
    return data.windows(log:rows(from, to), { length = PAST, target = AHEAD, stride = stride,
      beside = { id = rnn.full({ to - from + 1, type = "int32" }, i) } })
  end
  train[i], valid[i] = windows(1, n - AHEAD, 7), windows(n - AHEAD - PAST + 1, n, 1)
  last[i] = log:rows(n - PAST + 1, n)
end
train = train[1]:concat(table.unpack(train, 2))
last = { series = rnn.stack(last, 1), id = rnn.arange(#history):reshape(-1, 1) }
valid = data.arrays(valid[1]:concat(table.unpack(valid, 2)):all())

local Forecaster = nn.module("Forecaster", function(self)
  self.character = nn.Embedding(#history, 8) -- of each series, which the window may not show
  self.gru = nn.GRU(DAY + 8, options.units, { layers = 2, returns = "last", dropout = 0.1 })
  self.dropout = nn.Dropout(0.1)
  self.head = nn.Linear(options.units, 2 * AHEAD)
end)

function Forecaster:forward(x)
  local past, id, n = x.series:select(3, 1), x.id:select(2, 1), #x.series
  local level = past:slice(2, PAST - WEEK + 1, PAST):mean(2, true)
  past = past - level
  local character = self.character(id):reshape(n, 1, -1):broadcast_to(n, DAYS, 8)
  local state = self.dropout(self.gru(rnn.concat({ past:reshape(n, DAYS, DAY), character }, 3)))
  local trust, change = table.unpack(rnn.split(self.head(state), 2, 2))
  local function repeated(season) -- what came last, as often as needed
    local part, parts = past:slice(2, PAST - season + 1, math.min(PAST - season + AHEAD, PAST)), {}
    for i = 1, math.ceil(AHEAD / part:size(2)) do parts[i] = part end
    return rnn.concat(parts, 2):slice(2, 1, AHEAD)
  end
  local yesterday, last_week = repeated(DAY), repeated(WEEK)
  return level + yesterday + trust:sigmoid() * (last_week - yesterday) + change
end

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
local left_out = select(2, rnn.metrics.mase(future, future, past, DAY))
assert(left_out < #history, "all series repeat themselves, so that errors have no scale")
if left_out > 0 then io.stderr:write(("%d series repeat themselves: MASE is of the others\n"):format(left_out)) end

local results, ensemble, forecast = rnn.results(), nil, nil
for seed = options.seed, options.seed + options.seeds - 1 do
  local begun, members = rnn.clock(), {}
  ensemble = nn.Module { members = members }
  for i = 1, options.members do
    rnn.seed(1000 * seed + i)
    members[i] = Forecaster()
  end
  if options.load then assert(rnn.load(options.load, ensemble)) end
  for _, model in ipairs(options.load and {} or members) do
    rnn.fit(model, {
      data = train:batches { size = 256, shuffle = true }, valid = valid, loss = "mae", metrics = { smape = smape },
      epochs = options.epochs, clip_norm = 1, average = 0.99,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine(),
      callbacks = { results:training() },
    })
  end
  forecast = predict(members, last):exp()
  results:add("valid", { smape = smape(predict(members, valid.x), valid.y) })
  results:add("test", { smape = rnn.metrics.smape(forecast, future),
    mase = rnn.metrics.mase(forecast, future, past, DAY) })
  results:add("", { seconds = rnn.clock() - begun })
end
if options.save then assert(rnn.save(options.save, ensemble)) end

-- One series: its last values and those that follow, in truth and as foretold.
local before = math.min(PAST, 3 * DAY)
local shown = rnn.concat({ last.series[1]:reshape(-1):exp():rows(PAST - before + 1, PAST), future[1] }, 1)
local hours = rnn.arange(before + AHEAD)
assert(rnn.plot.lines({ { x = hours, y = shown, label = "actual" },
  { x = hours:rows(before + 1, before + AHEAD), y = forecast[1], label = "forecast" } },
  { title = ("Series %s"):format(history[1].name), xlabel = "hours", file = options.plot }))
print(("sMAPE %.2f on validation, %.2f on the test file; MASE %.3f%s"):format(results:median("valid", "smape"),
  results:median("test", "smape"), results:median("test", "mase"), known and "\n(seasonal naive 13.91, 1.193; "
  .. "the competition's MLP 13.84; its winner 9.33, 0.893)" or ""))
if options.result then assert(results:write(options.result)) end
