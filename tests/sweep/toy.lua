-- toy.lua: a script for sweeps: a noisy sine, learnt in a tenth of a second. Each test adds a line to the file of
-- --tested.

local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local experiment = rnn.experiment { about = "A noisy sine.", epochs = 9, lr = { 0.01, "learning rate" },
  hidden = { 16, "units" }, cell = { { "RNN", "GRU" }, "the layer" }, clip = { false, "clips gradients" },
  tested = { "", "a file" } }
local options, results = experiment.options, experiment.results
local cell = next(options.cell)
for _ in experiment:seeds() do
  local series = (rnn.arange(400):to_float() * 0.3):sin():reshape(400, 1) + rnn.randn(400, 1) * 0.05
  local function part(from, to) return data.windows(series:rows(from, to), { length = 12, target = 1 }) end
  local train, valid, test = part(1, 260), part(261, 330), part(331, 400)
  local model = nn.Sequential { nn[cell](1, options.hidden, { returns = "last" }), nn.Linear(options.hidden, 1) }
  experiment:fit(cell, model, { data = train:batches { size = 32, shuffle = true }, valid = valid, loss = "mse",
    progress = "terminal", optimizer = optim.Adam(model:parameters(), { lr = options.lr }), metrics = { "mae" },
    clip_norm = options.clip and 1 or nil })
  results:add(cell, { val_rmse = rnn.mse(rnn.predict(model, valid), (select(2, valid:all()))):item() ^ 0.5 })
  results:add(cell, { test_mse = rnn.mse(rnn.predict(model, test), (select(2, test:all()))):item() })
  if options.tested ~= "" then
    local file <close> = assert(io.open(options.tested, "a"))
    file:write(("%g %d\n"):format(options.lr, options.hidden))
  end
end
experiment:finish()
