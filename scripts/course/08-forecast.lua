-- A simple forecast: tomorrow's riders from the last 56 days, by one recurrent neuron and by 32, beside simple rules.
--
--   rnnlua scripts/course/08-forecast.lua    draws it here, and into 08-forecast.svg
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

-- Training 2016 to 2018, validation the first five months of 2019, as in the book; millions of riders.
local path = assert(data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv"))
local frame = assert(data.csv(path)):sort("service_date"):unique()
local rail = frame:tensor { "rail_boardings" } / 1e6
local function windows(from, to) return data.windows(rail:rows(frame:between(from, to)), { length = 56 }) end
local train, valid = windows("2016-01", "2018-12"), windows("2019-01", "2019-05")

local models = {
  -- tanh(...) is all it can say: one neuron has one number for memory and output
  { "one neuron", function() return nn.RNN(1, 1, { returns = "last" }) end },
  { "32 neurons", function() return nn.Sequential { nn.RNN(1, 32, { returns = "last" }), nn.Linear(32, 1) } end },
}
local reports, forecasts = {}, {}
for i, entry in ipairs(models) do
  rnn.seed(42)
  local model = entry[2]()
  rnn.fit(model, { data = train:batches { size = 32, shuffle = true }, valid = valid, loss = "huber",
    optimizer = optim.SGD(model:parameters(), { lr = 0.05, momentum = 0.9 }), epochs = 200, metrics = { "mae" },
    callbacks = { rnn.EarlyStopping { monitor = "val_mae", patience = 50 } }, progress = false })
  forecasts[i] = rnn.predict(model, valid)
  reports[i] = rnn.forecast_report { train = train, test = valid, forecast = forecasts[i], season = 7, quiet = true }
end

print "mean absolute error, riders a day (2019-01 to 2019-05)"
for _, rule in ipairs(reports[1].baselines) do print(("  %-28s %7.0f"):format(rule.label, rule.mae * 1e6)) end
for i, entry in ipairs(models) do print(("  %-28s %7.0f"):format(entry[1], reports[i].mae * 1e6)) end
print()

local _, actual = valid:all()
local function last(t) return (t:reshape(-1):rows(#t - 41, #t)) end   -- six weeks
local figure = rnn.plot.series { actual = last(actual), ["one neuron"] = last(forecasts[1]),
  ["32 neurons"] = last(forecasts[2]), order = { "actual", "one neuron", "32 neurons" },
  title = "Six weeks of forecasts, one day ahead", xlabel = "day", ylabel = "millions of riders" }
assert(figure:save "08-forecast.svg")
