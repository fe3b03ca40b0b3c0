-- Two days ahead in 414 hourly series of all kinds with one recurrent network for all of them.
--
-- The hourly series of the M4 forecasting competition (Makridakis et al. 2020): 700 or 960 values, then 48 to foretell.
-- The network reads the last two weeks, a day at each step, and corrects what yesterday and the same weekday of last
-- week would say. It works on logarithms: the series lie between 10 and 700,000, and what counts is a relative error.
--
--   rnnlua scripts/m4_hourly.lua
--
-- For validation the last 48 hours of each training series are held back; everything was chosen on them. The test file
-- is used once, at the end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Forecasts the 414 hourly series of the M4 competition with one GRU.",
  epochs = 9,
  units = { 128, "units in a layer" },
  lr = { 0.002, "learning rate of Adam" },
  members = { 3, "networks whose forecasts are averaged" },
  limit = { 0, "series to train on; 0: all" },
}
local DAY, WEEK, AHEAD, DAYS = 24, 168, 48, 14
local PAST = DAYS * DAY

-- The rows of a file as lists of numbers: "H1",605,586, ...
local function read(name)
  local rows, path = {}, assert(data.find("m4-hourly", name, {
    data = options.data, source = "https://github.com/Mcompetitions/M4-methods/tree/master/Dataset",
  }))
  for line in io.lines(path) do
    local row = {}
    for value in line:gmatch ',"?([%d.]+)"?' do row[#row + 1] = tonumber(value) end
    if #row > 0 then rows[#rows + 1] = row end -- the first line has names
    if #rows > 0 and #rows == options.limit then break end
  end
  return rows
end
local history, future = read "Hourly-train.csv", rnn.tensor(read "Hourly-test.csv")

-- Windows of the logarithm and, beside it, the number of the series. Those for training start every seventh hour, so
-- that after some weeks each hour of a day has been the first.
local train, valid, last = {}, {}, {}
for i, values in ipairs(history) do
  local log = rnn.tensor(values):log():reshape(-1, 1)
  local series, n = rnn.concat({ log, rnn.full({ #log, 1 }, i) }, 2), #log
  local function windows(from, to, stride)
    return data.windows(series:rows(from, to),
      { length = PAST, target = AHEAD, target_columns = { 1 }, stride = stride })
  end
  train[i], valid[i] = windows(1, n - AHEAD, 7), windows(n - AHEAD - PAST + 1, n, 1)
  last[i] = series:rows(n - PAST + 1, n)
end
train, last = train[1]:concat(table.unpack(train, 2)), rnn.stack(last, 1)
valid = data.arrays(valid[1]:concat(table.unpack(valid, 2)):all())

local Forecaster = nn.module("Forecaster", function(self)
  self.character = nn.Embedding(#history, 8) -- of each series, which the window may not show
  self.gru = nn.GRU(DAY + 8, options.units, { layers = 2, returns = "last", dropout = 0.1 })
  self.dropout = nn.Dropout(0.1)
  self.head = nn.Linear(options.units, 2 * AHEAD)
end)

function Forecaster:forward(x)
  local n = #x
  local past, id = x:select(3, 1), x:select(2, 1):select(2, 2):to_int()
  local level = past:slice(2, PAST - WEEK + 1, PAST):mean(2, true)
  past = past - level
  local character = self.character(id):reshape(n, 1, -1):broadcast_to(n, DAYS, 8)
  local state = self.dropout(self.gru(rnn.concat({ past:reshape(n, DAYS, DAY), character }, 3)))
  local trust, change = table.unpack(rnn.split(self.head(state), 2, 2))
  local yesterday = past:slice(2, PAST - DAY + 1, PAST)
  yesterday = rnn.concat({ yesterday, yesterday }, 2)
  local last_week = past:slice(2, PAST - WEEK + 1, PAST - WEEK + AHEAD)
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
for i, values in ipairs(history) do history[i] = rnn.tensor(values):reshape(-1, 1) end
local past = data.sequences(history):all()
past = past:without_lengths():reshape(#history, -1):with_lengths(past:lengths())

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

-- One series: its last three days and the two that follow, in truth and as foretold.
local shown = rnn.concat({ last[1]:slice(2, 1, 1):reshape(-1):exp():rows(PAST - 3 * DAY + 1, PAST), future[1] }, 1)
local hours = rnn.arange(5 * DAY)
assert(rnn.plot.lines({ { x = hours, y = shown, label = "actual" },
  { x = hours:rows(3 * DAY + 1, 5 * DAY), y = forecast[1], label = "forecast" } },
  { title = "Series H1, two days ahead", xlabel = "hours", file = options.plot }))
print(("sMAPE %.2f on validation, %.2f on the test file; MASE %.3f\n" ..
  "(seasonal naive 13.91, 1.193; the competition's MLP 13.84; its winner 9.33, 0.893)"):format(
  results:median("valid", "smape"), results:median("test", "smape"), results:median("test", "mase")))
if options.result then assert(results:write(options.result)) end
