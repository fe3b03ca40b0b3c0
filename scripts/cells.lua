-- The zoo on trial: what every cell of rnn.cells learns, at which cost, and how far back it looks.
--
-- Three tasks. adding: the sum of two marked numbers among random ones (Hochreiter, Schmidhuber
-- 1997; without memory 1/6). copy: ten symbols again, in order, after many blanks (Arjovsky et al.
-- 2016; without memory 1/8 are right). ridership: tomorrow's boardings of Chicago's trains from the
-- last eight weeks, June 2019 to February 2020, the mean error in riders.
--
-- Effective memory: how the output of the last step depends on the input k steps before it, |dy_T /
-- dx_(T-k)|, the root of the mean square over 100 test sequences (and of all outputs, by random
-- signs); the largest k at which it is not below 1/e of its largest value. --plot draws it over k.
--
--   rnnlua scripts/cells.lua --task adding --cell minGRU,JANET,LSTM --length 200
--   rnnlua scripts/cells.lua --task ridership --seeds 5
--
-- Batches of the first two are new every time, so training never sees a sequence twice.
local rnn = require "rnn"
local cells = require "rnn.cells"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local names = {}
for name in pairs(getmetatable(cells).names) do
  if name ~= "Attention" then names[#names + 1] = name end -- which wants a memory beside x
end
table.sort(names, function(a, b) return a:lower() < b:lower() end)

local experiment = rnn.experiment {
  about = "Trains cells of rnn.cells on three tasks, and measures how far back they look.",
  data = { folder = "cta-ridership",
    known = { ["CTA_-_Ridership_-_Daily_Boarding_Totals.csv"] = "268584:d4cb8493c757ae42" },
    source = "https://github.com/ageron/data/tree/main/ridership (City of Chicago, CTA totals)",
    format = [[
for the task ridership this very file is needed; scripts/ridership.lua takes others
service_date,day_type,bus,rail_boardings,total_rides
01/01/2001,U,297192,126455,423647]] },
  epochs = 20, save = false, -- there are many models
  steps = { 100, "batches of 50 in an epoch of the first two tasks" },
  cell = { names, "train these" },
  task = { { "adding", "copy", "ridership" }, "on these" },
  length = { 100, "steps of adding" },
  blanks = { 30, "blanks of copy" },
  units = { 32, "units of the cell" },
  lr = { 0.01, "learning rate of Adam" },
  clip = { 1.0, "clip gradients to this norm" },
}
local options, results = experiment.options, experiment.results
local count_of_tasks = 0
for _ in pairs(options.task) do count_of_tasks = count_of_tasks + 1 end
experiment:check(not options.plot or count_of_tasks == 1,
  "--plot draws one task: choose it by --task")
local BATCH, STEPS = 50, options.steps

-- What the papers say of long sequences, for cells that have a say in it: T, the steps of the task.
local function settings(name, T)
  return ({
    LSTM = { chrono = T }, GRU = { chrono = T }, JANET = { chrono = T }, minGRU = { chrono = T },
    IndRNN = { bound = 2 ^ (1 / T) }, LMU = { theta = T }, LRU = { r_min = 0.9 },
    PhasedLSTM = { longest = T },
  })[name]
end

-- ---- the tasks: T, inputs, outputs, what rnn.fit takes, test(model) -> figure, x of 100 test
-- sequences ----

-- An iterator over one epoch, and then the next.
local function stream(sequences)
  local step = 0
  return function()
    step = step + 1
    if step <= STEPS then return sequences(BATCH) end
    step = 0
  end
end

local tasks = {}

function tasks.adding()
  local T = options.length
  local half = T // 2
  local function sequences(count) -- x (count, T, 2), y (count, 1)
    local first = (rnn.rand(count) * half):floor():to_int() + 1
    local second = (rnn.rand(count) * (T - half)):floor():to_int() + (half + 1)
    local marks, numbers = rnn.one_hot(first, T) + rnn.one_hot(second, T), rnn.rand(count, T)
    return rnn.stack({ numbers, marks }, 3), (numbers * marks):sum(2, true)
  end
  return { T = T, inputs = 2, outputs = 1, returns = "last", x = (sequences(100)),
    fit = { data = stream(sequences), loss = "mse",
      on_epoch = function(_, logs) return logs.loss > 0.001 end },
    test = function(model)
      local x, y = sequences(1000)
      return rnn.mse(rnn.predict(model, x), y):item()
    end }
end

function tasks.copy()
  local SYMBOLS, KINDS = 10, 8
  local T, BLANK, NOW = options.blanks + 2 * SYMBOLS, KINDS + 1, KINDS + 2
  local function sequences(count) -- x one-hot (count, T, 10), labels (count, T)
    local function fill(width, id) return rnn.full({ count, width, type = "int32" }, id) end
    local symbols = (rnn.rand(count, SYMBOLS) * KINDS):floor():to_int() + 1
    local x = rnn.concat({ symbols, fill(options.blanks - 1, BLANK), fill(1, NOW),
      fill(SYMBOLS, BLANK) }, 2)
    return rnn.one_hot(x, NOW), rnn.concat({ fill(options.blanks + SYMBOLS, BLANK), symbols }, 2)
  end
  return { T = T, inputs = NOW, outputs = BLANK, returns = "sequence", x = (sequences(100)),
    fit = { data = stream(sequences), loss = "cross_entropy",
      on_epoch = function(_, logs) return logs.loss > 0.002 end },
    test = function(model)
      local x, y = sequences(500)
      local from = T - SYMBOLS + 1
      return rnn.metrics.accuracy(rnn.predict(model, x):slice(2, from, T), y:slice(2, from, T))
    end }
end

function tasks.ridership()
  local path = experiment:files { "csv" }.all
  experiment:check(experiment.known, (path or options.data) .. " is another file")
  local cta = assert(data.csv(path)):sort("service_date"):unique():shift("day_type", -1, "next")
  local UNIT = 1e6
  local two, kinds = cta:tensor { "bus", "rail_boardings" } / UNIT, cta:one_hot("next")
  local five = rnn.concat({ two, kinds }, 2)
  local function windows(from, to)
    return data.windows(five:rows(cta:between(from, to)), { length = 56, target = 1,
      target_columns = { 2 } })
  end
  local train, valid = windows("2016-01", "2018-12"), windows("2019-01", "2019-05")
  local test = windows("2019-06", "2020-02")
  return { T = 56, inputs = five:size(2), outputs = 1, returns = "last", x = (test:all()),
    fit = { data = train:batches { size = 32, shuffle = true }, valid = valid, loss = "huber",
      metrics = { "last_mae" }, epochs = 5 * options.epochs, patience = "val_last_mae" },
    test = function(model)
      return rnn.forecast_report { train = train, test = test, season = 7, scale = UNIT,
        forecast = rnn.predict(model, test), quiet = true }.mae
    end }
end

-- ---- effective memory ----

-- |dy_T / dx_(T-k)| for k = 0, 1, ..., T - 1, and the largest k at which it is not below 1/e of its
-- largest.
local function influence(model, x)
  model:eval()
  x = x:copy():requires_grad(true)
  local y = model(x)
  if y:ndim() == 3 then y = y:select(2, y:size(2)) end
  (y * (rnn.rand { y:shape() }:lt(0.5) * 2 - 1)):sum():backward()
  local by_lag = x.grad:square():sum(3):mean(1):sqrt():flip(1)
  local near = by_lag:ge(by_lag:max():item() / math.exp(1)):nonzero()
  return by_lag, near[#near] - 1
end

-- ---- all of it ----

local lines, plan = {}, {}
for _, task in ipairs { "adding", "copy", "ridership" } do
  if options.task[task] then
    rnn.seed(options.seed)
    plan[#plan + 1] = { task, tasks[task]() }
  end
end

local function train(name, task, set, seed)
  local cell = cells[name](set.inputs, options.units, settings(name, set.T))
  local model = nn.Sequential { nn.Recurrent(cell, { returns = set.returns }),
    nn.Linear(cell.outputs or options.units, set.outputs) }
  local begun, fit = rnn.clock(), {}
  for key, value in pairs(set.fit) do fit[key] = value end
  fit.patience, fit.on_nan = nil, "stop"
  fit.optimizer, fit.clip_norm = optim.Adam(model:parameters(), { lr = options.lr }), options.clip
  fit.callbacks = { set.fit.patience
    and rnn.EarlyStopping { monitor = set.fit.patience, patience = 20 } or nil }
  local history = experiment:fit(("%s-%s"):format(name, task), model, fit)
  if history.stopped then io.stderr:write(name, ", ", task, ": ", history.stopped, "\n") end
  local seconds, parameters = rnn.clock() - begun, 0
  for _, p in ipairs(cell:parameters()) do parameters = parameters + p:count() end
  local by_lag, memory = influence(model, set.x)
  results:add(name, { [task] = set.test(model), [task .. "_memory"] = memory,
    [task .. "_seconds"] = seconds, [task .. "_parameters"] = parameters,
    [task .. "_epochs"] = #history })
  if seed == options.seed then
    lines[#lines + 1] = { label = name, x = rnn.arange(set.T) - 1, y = by_lag:maximum(1e-12) }
  end
end

for _, name in ipairs(names) do
  for _, entry in ipairs(options.cell[name] and plan or {}) do
    for seed in experiment:seeds() do
      io.stderr:write(("%s, %s, seed %d\n"):format(name, entry[1], seed))
      train(name, entry[1], entry[2], seed)
    end
  end
end

local titles = { adding = { "%.4f", "adding MSE" }, copy = { "%.3f", "copied" },
  ridership = { "%.0f", "riders MAE" } }
local columns = {}
for _, entry in ipairs(plan) do
  local task = entry[1]
  columns[#columns + 1] = { task, table.unpack(titles[task]) }
  columns[#columns + 1] = { task .. "_memory", "%.0f", "memory" }
  columns[#columns + 1] = { task .. "_seconds", "%.1f", "seconds" }
  columns[#columns + 1] = { task .. "_parameters", "%.0f", "numbers" }
end
print(("%d units; memory: the steps from the last one back to where an input still counts for 1/e "
  .. "of the most."):format(options.units))
io.write(results:table(columns))
if options.plot then
  assert(rnn.plot.lines(lines, { title = ("|dy_T / dx_(T-k)|: %s"):format(plan[1][1]), log_y = true,
    xlabel = "steps back", ylabel = "influence", file = options.plot }))
end
experiment:finish {}
