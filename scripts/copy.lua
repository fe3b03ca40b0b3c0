-- Long memory: can a network repeat ten symbols after a hundred blanks? No data needed.
--
-- Ten symbols out of eight, T - 1 blanks, a sign "now", ten blanks; meanwhile the network has to
-- say T + 10 blanks and then the ten symbols in their order (Hochreiter, Schmidhuber 1997; in this
-- form Arjovsky et al. 2016, "Unitary evolution recurrent neural networks"). Who cannot remember
-- guesses the symbols: 10 ln 8 / (T + 20) nats a step.
--
--   rnnlua scripts/copy.lua
--   rnnlua scripts/copy.lua --length 200 --cell gru --epochs 60
--
-- Every batch is new, so training never sees a sequence twice; the test sequences are drawn once,
-- at the end.
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local NAMES = { "rnn", "lstm", "gru" }
local experiment = rnn.experiment {
  about = "The copying memory task: simple RNN, LSTM and GRU repeat ten symbols after many blanks.",
  epochs = 30,
  steps = { 100, "batches of 25 sequences in an epoch" },
  cell = { NAMES, "train these" },
  length = { 100, "blanks between the symbols and their repetition" },
  units = { 100, "units of the layer" },
  lr = { 0.01, "learning rate of Adam" },
  clip = { 0.1, "clip gradients to this norm; 0: not at all" },
}
local options, results = experiment.options, experiment.results
local BATCH, LENGTH, SYMBOLS, KINDS = 25, options.length, 10, 8
local BLANK, NOW = KINDS + 1, KINDS + 2
local STEPS = options.steps
local BASELINE = SYMBOLS * math.log(KINDS) / (LENGTH + 2 * SYMBOLS)

-- count new sequences: x one-hot (count, T + 20, 10), y labels (count, T + 20)
local function sequences(count)
  local function fill(width, id) return rnn.full({ count, width, type = "int32" }, id) end
  local symbols = (rnn.rand(count, SYMBOLS) * KINDS):floor():to_int() + 1
  local x = rnn.concat({ symbols, fill(LENGTH - 1, BLANK), fill(1, NOW), fill(SYMBOLS, BLANK) }, 2)
  return rnn.one_hot(x, NOW), rnn.concat({ fill(LENGTH + SYMBOLS, BLANK), symbols }, 2)
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

-- chrono starts the gates so that what units hold lasts up to LENGTH steps.
local layers = {
  rnn = function() return nn.RNN(NOW, options.units) end,
  lstm = function() return nn.LSTM(NOW, options.units, { chrono = LENGTH }) end,
  gru = function() return nn.GRU(NOW, options.units, { chrono = LENGTH }) end,
}

local lines, single = {}, next(options.cell, next(options.cell)) == nil
experiment:check(not options.save or single, "--save keeps one model: choose it by --cell")

-- Trains one cell with one seed; returns the model and the curve of its loss.
local function train(cell)
  local model = nn.Sequential { layers[cell](), nn.Linear(options.units, BLANK) }
  local begun = rnn.clock()
  local history = experiment:fit(cell, model, { data = stream(), loss = "cross_entropy",
    clip_norm = options.clip > 0 and options.clip or nil,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.cosine { final = 0.1 },
    on_epoch = function(_, logs) return logs.loss > BASELINE / 100 end, -- false: learnt, stop
  })
  results:add(cell, { epochs = #history, seconds = rnn.clock() - begun })
  return model, { label = cell, y = history.loss }
end

-- Nats a step, and the share of the ten symbols that are right.
local function test(cell, model)
  local x, y = sequences(1000)
  local said = rnn.predict(model, x)
  local from, to = LENGTH + SYMBOLS + 1, LENGTH + 2 * SYMBOLS
  results:add(cell, { test_nats = rnn.cross_entropy(said, y):item(),
    test_accuracy = rnn.metrics.accuracy(said:slice(2, from, to), y:slice(2, from, to)) })
end

local model, saved = experiment:load()
if saved then test("saved", model) end
for _, cell in ipairs(saved and {} or NAMES) do
  if options.cell[cell] then
    for seed in experiment:seeds() do
      local line
      model, line = train(cell)
      test(cell, model)
      if seed == options.seed then lines[#lines + 1] = line end
    end
  end
end

-- What the last model repeats of one sequence.
local function letters(ids)
  local text = ids:totable()
  for i, id in ipairs(text) do text[i] = ("abcdefgh.!"):sub(id, id) end
  return table.concat(text)
end
local x = sequences(1)
local answer = rnn.predict(model, x):argmax(3)[1]
print("seen:     " .. letters(x:argmax(3)[1]))
print("repeated: " .. letters(answer))
print(("On 1,000 new sequences with %d blanks; without memory %.4f nats a step and %.3f of the "
  .. "symbols:"):format(LENGTH, BASELINE, 1 / KINDS))
io.write(results:table { { "test_nats", "%.4f", "nats" },
  { "test_accuracy", "%.3f", "symbols right" }, { "epochs", "%.0f", "epochs" },
  { "seconds", "%.1f", "seconds" } })
if #lines > 0 then
  lines[#lines + 1] = { label = "without memory", x = { 1, math.max(2, #lines[#lines].y) },
    y = { BASELINE, BASELINE } }
  assert(rnn.plot.lines(lines, { title = ("Copying after %d steps: training loss"):format(LENGTH),
    log_y = true, xlabel = "epochs", ylabel = "nats", file = options.plot }))
end
experiment:finish { model = model }
