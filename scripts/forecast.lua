-- One step ahead in a made-up series: how much do recurrent neurons help? No data needed.
--
-- 10,000 series, each the sum of two sine waves of random frequency and phase and of noise within
-- 0.05; a model sees 50 steps and says the 51st (A. Géron, "Hands-On Machine Learning", 2nd
-- edition, chapter 15). Nobody can get below the mean square of the noise, 0.0008.
--
--   rnnlua scripts/forecast.lua --seeds 3 --plot forecast.svg
--   rnnlua scripts/forecast.lua --data sales.csv --model deep --save deep.safetensors
--
-- With --data the series are somebody's: each is learnt from its beginning and tested at its end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local experiment = rnn.experiment {
  about = "Forecasts generated time series, or those of --data, one step ahead.",
  data = { format = [[
a CSV file with a heading, and no gaps: date,number,number, a series a column;
or name,date,number; or name,number,number ..., a series a row
2024-02-26,17,203.5]] },
  split = "70/20/10",
  csv = true,
  epochs = 20,
  model = { { "linear", "rnn1", "deep" }, "train these; one only with --save and --evaluate" },
}
local options, results = experiment.options, experiment.results
local chosen = {}
for _, name in ipairs { "linear", "rnn1", "deep" } do
  if options.model[name] then chosen[#chosen + 1] = name end
end
local one = not (options.save or options.evaluate) or #chosen == 1
experiment:check(one, "--save and --evaluate are for one model: choose it by --model")

-- A linear model of the values of a window.
local Linear = nn.module("Linear", function(self, steps)
  self.steps, self.linear = steps, nn.Linear(steps, 1)
end)
function Linear:forward(x) return self.linear(x:reshape(-1, self.steps)) end

local models = { -- learning rate of Adam, model
  linear = { 0.003, function(steps) return Linear(steps) end },
  rnn1 = { 0.005, function() return nn.RNN(1, 1, { returns = "last" }) end },
  deep = { 0.003, function()
    return nn.Sequential { nn.RNN(1, 20, { layers = 2, returns = "last" }), nn.Linear(20, 1) }
  end },
}

local saved_model, saved = experiment:load()
local STEPS = saved and saved.steps or 50

-- count series of length steps, one after the other: (count * steps, 1)
local function generate(count, steps)
  local function random() return rnn.rand(count, 1) end -- one for each series, for all its steps
  local time = (rnn.arange(steps):to_float() - 1) / (steps - 1)
  local series = 0.5 * ((time - random()) * (random() * 10 + 10)):sin()
    + 0.2 * ((time - random()) * (random() * 20 + 20)):sin()
    + 0.1 * (rnn.rand(count, steps) - 0.5)
  return series:reshape(-1, 1)
end

-- Windows that start every 51 steps cover each series exactly once, and none begins in one and ends
-- in the next.
local function generated(count)
  return data.windows(generate(count, STEPS + 1), { length = STEPS, stride = STEPS + 1 })
end

-- The user's series, each less its mean and over its deviation in training, as windows of each
-- part.
local function own()
  local found = experiment:series()
  local list, of = found.all or found.train or {}, {}
  for _, row in ipairs(list) do of[row.name] = row end
  for _, part in ipairs { "dev", "test" } do -- they go on from where training ended
    for _, row in ipairs(found[part] or {}) do
      local before = of[row.name]
      if before then table.move(row, 1, #row, #before + 1, before)
      else list[#list + 1], of[row.name] = row, row end
    end
  end
  local shortest = math.huge
  for _, row in ipairs(list) do
    local train, dev = experiment:cuts(#row)
    shortest = math.min(shortest, train, dev - train, #row - dev)
  end
  STEPS = saved and STEPS or math.min(STEPS, shortest // 2)
  experiment:check(STEPS >= 2 and shortest > STEPS, ("a series is too short: %d values for a part, "
    .. "with windows of %d; see --split"):format(shortest, STEPS))
  local sets = { {}, {}, {} }
  for i, row in ipairs(list) do
    local values, train, dev = rnn.tensor(row):reshape(-1, 1), experiment:cuts(#row)
    local early = values:rows(1, train)
    values = (values - early:mean()) / early:var():sqrt():maximum(1e-6)
    for k, ends in ipairs { { 1, train }, { train + 1, dev }, { dev + 1, #row } } do
      sets[k][i] = data.windows(values:rows(ends[1], ends[2]), { length = STEPS })
    end
  end
  for k, set in ipairs(sets) do sets[k] = set[1]:concat(table.unpack(set, 2)) end
  return table.unpack(sets)
end

local forecasts, last_model = {}, saved_model
local train, valid, test
for seed in experiment:seeds() do
  if options.data then train, valid, test = own()
  else train, valid, test = generated(7000), generated(2000), generated(1000) end
  local _, target = test:all()
  local last = test:past(test.items):select(2, STEPS)
  results:add("last", { test_mse = rnn.mse(last, target):item(),
    test_mae = rnn.mae(last, target):item(), seconds = 0 })

  for _, name in ipairs(chosen) do
    local lr, new = table.unpack(models[name])
    local model, begun = saved_model or new(STEPS), rnn.clock()
    if not saved then
      local history = experiment:fit(name, model, {
        data = train:batches { size = 32, shuffle = true }, valid = valid, loss = "mse",
        optimizer = optim.Adam(model:parameters(), { lr = lr }), progress = "terminal",
        callbacks = { rnn.EarlyStopping { monitor = "val_loss", patience = options.epochs } } })
      results:add(name, { val_mse = history.best.val_loss, seconds = rnn.clock() - begun })
      io.stderr:write(("%-6s seed %d: %d epochs in %.2f s, validation MSE %.5f\n"):format(name,
        seed, #history, rnn.clock() - begun, history.best.val_loss))
    end
    forecasts[name], last_model = rnn.predict(model, test), model
    local report = rnn.forecast_report { train = train, test = test, forecast = forecasts[name],
      quiet = true }
    results:add(name, { test_mse = rnn.mse(forecasts[name], target):item(), test_mae = report.mae,
      skill = report.skill })
    for _, warning in ipairs(report.warnings) do io.stderr:write("  warning: ", warning, "\n") end
  end
end

print(([[
Errors over %d test windows, medians of %d seed%s. Skill: 1 - mean absolute error / that of the best
of last value, best lag and least squares.]]):format(#test, options.seeds,
  options.seeds == 1 and "" or "s"))
io.write(results:table {
  { "test_mse", "%.4f", "MSE" }, { "test_mae", "%.4f", "MAE" }, { "skill", "%+.3f", "skill" },
  { "seconds", "%.2f", "seconds" },
})
if options.plot then -- the last ten steps of a test series, and what the models make of the next
  local series, truth = test:batch(test.items:rows(1, 1))
  local from = math.max(1, STEPS - 9)
  local steps = rnn.arange(STEPS + 1):rows(from, STEPS + 1)
  local shown = rnn.concat({ series:reshape(-1), truth:reshape(-1) }, 1):rows(from, STEPS + 1)
  local lines = { { x = steps, y = shown, label = "series" } }
  for _, name in ipairs(chosen) do
    lines[#lines + 1] = { x = { STEPS, STEPS + 1 }, label = name,
      y = { series:get(1, STEPS, 1), forecasts[name]:get(1, 1) } }
  end
  assert(rnn.plot.lines(lines, { title = "One step ahead", file = options.plot }))
end
experiment:finish { model = last_model, extra = { steps = STEPS } }
