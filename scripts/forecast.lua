-- One step ahead in a made-up series: how much do recurrent neurons help? No data needed.
--
-- 10,000 series, each the sum of two sine waves of random frequency and phase and of noise within 0.05; a model sees
-- 50 steps and says the 51st (A. Géron, "Hands-On Machine Learning", 2nd edition, chapter 15). Nobody can get below the
-- mean square of the noise, 0.0008.
--
--   rnnlua scripts/forecast.lua
--   rnnlua scripts/forecast.lua --seeds 3 --plot forecast.svg
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args { about = "Forecasts generated time series one step ahead.", epochs = 20,
  data = false, save = false, load = false }

local STEPS = 50

-- count series of length steps, one after the other: (count * steps, 1)
local function generate(count, steps)
  local function random() return rnn.rand(count, 1) end -- one number for each series, for all its steps
  local time = (rnn.arange(steps):to_float() - 1) / (steps - 1)
  local series = 0.5 * ((time - random()) * (random() * 10 + 10)):sin()
    + 0.2 * ((time - random()) * (random() * 20 + 20)):sin()
    + 0.1 * (rnn.rand(count, steps) - 0.5)
  return series:reshape(-1, 1)
end

-- Windows that start every 51 steps cover each series exactly once, and none begins in one and ends in the next.
local function dataset(count)
  return data.windows(generate(count, STEPS + 1), { length = STEPS, stride = STEPS + 1 })
end

-- A linear model of the 50 values.
local Linear = nn.module("Linear", function(self) self.linear = nn.Linear(STEPS, 1) end)
function Linear:forward(x) return self.linear(x:reshape(-1, STEPS)) end

local models = { -- name, learning rate of Adam, model
  { "linear", 0.003, function() return Linear() end },
  { "rnn1", 0.005, function() return nn.RNN(1, 1, { returns = "last" }) end },
  { "deep", 0.003, function()
    return nn.Sequential { nn.RNN(1, 20, { layers = 2, returns = "last" }), nn.Linear(20, 1) }
  end },
}

local results, forecasts = rnn.results(), {}
local train, valid, test

for seed = options.seed, options.seed + options.seeds - 1 do
  rnn.seed(seed)
  train, valid, test = dataset(7000), dataset(2000), dataset(1000)
  local _, target = test:all()
  local last = test:past(test.items):select(2, STEPS)
  results:add("last", { test_mse = rnn.mse(last, target):item(), test_mae = rnn.mae(last, target):item(), seconds = 0 })

  for _, entry in ipairs(models) do
    local name, lr, new = table.unpack(entry)
    local model = new()
    local begun = rnn.clock()
    local history = rnn.fit(model, {
      data = train:batches { size = 32, shuffle = true }, valid = valid, loss = "mse", epochs = options.epochs,
      optimizer = optim.Adam(model:parameters(), { lr = lr }), progress = "terminal",
      callbacks = { rnn.EarlyStopping { monitor = "val_loss", patience = options.epochs } },
    })
    local seconds = rnn.clock() - begun
    forecasts[name] = rnn.predict(model, test)
    local report = rnn.forecast_report { train = train, test = test, forecast = forecasts[name], quiet = true }
    results:add(name, {
      test_mse = rnn.mse(forecasts[name], target):item(), test_mae = report.mae, skill = report.skill,
      val_mse = history.best.val_loss, seconds = seconds,
    })
    io.stderr:write(("%-6s seed %d: %d epochs in %.2f s, validation MSE %.5f\n"):format(name, seed, #history, seconds,
      history.best.val_loss))
    for _, warning in ipairs(report.warnings) do io.stderr:write("  warning: ", warning, "\n") end
  end
end

print(("Errors over 1,000 test series, medians of %d seed%s. Skill: 1 - mean absolute error / that of the best of last"
  .. "\nvalue, best lag and least squares."):format(options.seeds, options.seeds == 1 and "" or "s"))
io.write(results:table {
  { "test_mse", "%.4f", "MSE" }, { "test_mae", "%.4f", "MAE" }, { "skill", "%+.3f", "skill" },
  { "seconds", "%.2f", "seconds" },
})
if options.plot then -- the last ten steps of a test series, and what the models make of the next
  local series, truth = test:batch(test.items:rows(1, 1))
  local steps = rnn.arange(STEPS + 1):rows(STEPS - 9, STEPS + 1)
  local shown = rnn.concat({ series:reshape(-1), truth:reshape(-1) }, 1):rows(STEPS - 9, STEPS + 1)
  local lines = { { x = steps, y = shown, label = "series" } }
  for _, entry in ipairs(models) do
    lines[#lines + 1] = { x = { STEPS, STEPS + 1 }, y = { series:get(1, STEPS, 1), forecasts[entry[1]]:get(1, 1) },
      label = entry[1] }
  end
  assert(rnn.plot.lines(lines, { title = "One step ahead", file = options.plot }))
end
if options.result then assert(results:write(options.result)) end
