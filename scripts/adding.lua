-- Long memory: which cell learns to add two numbers that lie hundreds of steps apart? No data
-- needed.
--
-- A sequence has random numbers in 0..1 in its first column and marks in its second: one mark in
-- the first half, one in the second. The answer is the sum of the two marked numbers (Hochreiter,
-- Schmidhuber 1997, "Long short-term memory", in the form of Le et al. 2015). Always saying 1 has a
-- mean squared error of 1/6: a network that does not remember stays there. Below 0.005 the task
-- counts as solved.
--
--   rnnlua scripts/adding.lua                the cells at T = 750, and their loss curves
--   rnnlua scripts/adding.lua --length 200 --cell rnn --clip 0 --lr 0.01 --flow flow.svg
--
-- Every batch is new, so training never sees a sequence twice; the test sequences are drawn once,
-- at the end.
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local NAMES = { "rnn", "lstm", "gru", "ln_lstm", "janet", "mingru" }
local experiment = rnn.experiment {
  about = "The adding problem: which cells learn to add two numbers far apart?",
  epochs = 20,
  steps = { 100, "batches of 50 sequences in an epoch" },
  cell = { NAMES, "train these" },
  length = { 750, "steps in a sequence", 2 },
  units = { 32, "units of the layer" },
  lr = { 0.01, "learning rate of Adam" },
  clip = { 1.0, "clip gradients to this norm; 0: not at all" },
  flow = { "", "watch the gradients, and draw how they flow back through time here: .svg or .png" },
}
local options, results = experiment.options, experiment.results
local BATCH, LENGTH, STEPS = 50, options.length, options.steps
local BASELINE, SOLVED = 1 / 6, 0.005

-- count new sequences: x (count, T, 2), y (count, 1)
local function sequences(count)
  local half = LENGTH // 2
  local first = (rnn.rand(count) * half):floor():to_int() + 1
  local second = (rnn.rand(count) * (LENGTH - half)):floor():to_int() + (half + 1)
  local marks = rnn.one_hot(first, LENGTH) + rnn.one_hot(second, LENGTH)
  local numbers = rnn.rand(count, LENGTH)
  return rnn.stack({ numbers, marks }, 3), (numbers * marks):sum(2, true)
end

-- An iterator over one epoch, and then the next.
local function stream()
  local step = 0
  return function()
    step = step + 1
    if step <= STEPS then return sequences(BATCH) end
    step = 0
  end
end

-- The logarithms of random times up to LENGTH: what chrono starts the gates of built-in layers at.
local function rates(units) return (rnn.rand(units) * (LENGTH - 2) + 1):log() end

-- Two cells of the script's own. JANET: an LSTM with nothing but its forget gate (van der
-- Westhuizen, Lasenby 2018).
local JANET = nn.cell("JANET", function(self, inputs, units)
  self.wx = nn.Linear(inputs, 2 * units)
  self.wh = nn.Linear(units, 2 * units, { bias = false })
  self.wx.bias:detach():rows(1, units):assign(rates(units))
end)

function JANET:step(x, h)
  local s, n = table.unpack((self.wx(x) + self.wh(h)):split(2, 2))
  h = s:sigmoid() * h + (1 - (s - 1):sigmoid()) * n:tanh()
  return h, h
end

-- minGRU: its gate sees the input alone (Feng et al. 2024).
local MinGRU = nn.cell("MinGRU", function(self, inputs, units)
  self.z, self.n = nn.Linear(inputs, units), nn.Linear(inputs, units)
  self.z.bias:detach():assign(-rates(units))
end)

function MinGRU:step(x, h)
  local z = self.z(x):sigmoid()
  h = (1 - z) * h + z * self.n(x)
  return h, h
end

-- chrono starts the gates so that what units hold lasts up to LENGTH steps. A simple RNN has no
-- gates: its state is squeezed through tanh at every step, and the gradient with it.
local layers = {
  rnn = function() return nn.RNN(2, options.units, { returns = "last" }) end,
  lstm = function() return nn.LSTM(2, options.units, { returns = "last", chrono = LENGTH }) end,
  gru = function() return nn.GRU(2, options.units, { returns = "last", chrono = LENGTH }) end,
  ln_lstm = function()
    return nn.LSTM(2, options.units, { returns = "last", chrono = LENGTH, layer_norm = true })
  end,
  janet = function() return nn.Recurrent(JANET(2, options.units), { returns = "last" }) end,
  mingru = function() return nn.Recurrent(MinGRU(2, options.units), { returns = "last" }) end,
}

local lines, single = {}, next(options.cell, next(options.cell)) == nil
experiment:check(not options.save or single, "--save keeps one model: choose it by --cell")

-- The file for one of several pictures: flow.svg, or flow-lstm-42.svg.
local function picture(cell, seed)
  if single and options.seeds == 1 then return options.flow end
  local ending = ("-%s%s%%0"):format(cell, options.seeds > 1 and "-" .. seed or "")
  return (options.flow:gsub("%.%w+$", ending))
end

-- Trains one cell with one seed; returns the model and the curve of its loss.
local function train(cell, seed)
  local model = nn.Sequential { layers[cell](), nn.Linear(options.units, 1) }
  local steps, curve, sum, begun = {}, {}, 0, rnn.clock()
  local every = math.max(1, STEPS // 10) -- a point of the curve is the mean of so many steps
  local clip = options.clip > 0 and options.clip or nil
  local monitor = options.flow ~= "" and rnn.monitor(model, { clip = clip }) or nil
  local history = experiment:fit(cell, model, {
    data = stream(), loss = "mse", clip_norm = clip,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
    on_nan = "stop", callbacks = { { on_step = function(_, _, step, values)
      sum = sum + values.loss
      if step % every == 0 then
        steps[#steps + 1], curve[#curve + 1], sum = step, sum / every, 0
      end
    end }, monitor },
    on_epoch = function(_, logs) return logs.loss > SOLVED / 5 end, -- false: learnt, stop
  })
  if history.stopped then io.stderr:write(cell, ": ", history.stopped, "\n") end
  if monitor then assert(monitor:plot { file = picture(cell, seed), title = cell }) end
  results:add(cell, { epochs = #history, seconds = rnn.clock() - begun })
  return model, { label = cell, x = steps, y = curve }
end

local function test(cell, model)
  local x, y = sequences(1000)
  results:add(cell, { test_mse = rnn.mse(rnn.predict(model, x), y):item() })
end

local model, saved = experiment:load()
if saved then test("saved", model) end
for _, cell in ipairs(saved and {} or NAMES) do
  if options.cell[cell] then
    for seed in experiment:seeds() do
      local line
      model, line = train(cell, seed)
      test(cell, model)
      if seed == options.seed then lines[#lines + 1] = line end
    end
  end
end

-- What the last model says of three sequences.
local x, y = sequences(3)
local said, marks = rnn.predict(model, x), x:select(3, 2)
for i = 1, 3 do
  local at = marks[i]:nonzero():totable()
  print(("%.3f at step %d + %.3f at step %d = %.3f; the model says %.3f"):format(x:get(i, at[1], 1),
    at[1], x:get(i, at[2], 1), at[2], y:get(i, 1), said:get(i, 1)))
end
print(("Mean squared error on 1,000 new sequences of %d steps; without memory %.4f, solved at "
  .. "%.3f:"):format(LENGTH, BASELINE, SOLVED))
io.write(results:table { { "test_mse", "%.5f", "MSE" }, { "epochs", "%.0f", "epochs" },
  { "seconds", "%.1f", "seconds" } })
if #lines > 0 then
  local title = ("Adding two numbers in %d steps: training loss"):format(LENGTH)
  assert(rnn.plot.lines(lines, { title = title, log_y = true, xlabel = "steps", ylabel = "MSE",
    file = options.plot }))
end
experiment:finish { model = model }
