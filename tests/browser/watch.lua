-- watch.lua FOLDER EPOCHS [PAUSE]: a run of rnn.fit with a heat map and samples, and PAUSE seconds in each epoch.

local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local folder, epochs, pause = arg[1], tonumber(arg[2]), tonumber(arg[3] or 0)
local lr = ({ 0.003, 0.01, 0.03 })[tonumber(folder:match "%d+$" or 1)] or 0.003
rnn.seed(42)
local count = 800
local series = rnn.arange(count):to_float():mul(0.1):sin():reshape(count, 1) + rnn.randn(count, 1) * 0.02
local train = data.windows(series:rows(1, 600), { length = 20, target = 1 })
local valid = data.windows(series:rows(601, count), { length = 20, target = 1 })
local model = nn.Sequential { nn.RNN(1, 8, { returns = "last" }), nn.Linear(8, 1) }
local shows = {}
function shows.on_epoch(_, run)
  assert(run.writer:text("sample", ("epoch %d: <b>the</b> cat sat & sat"):format(run.epoch), run.step))
  local until_then = rnn.clock() + pause
  while rnn.clock() < until_then do end
end
rnn.fit(model, { data = train:batches { size = 32, shuffle = true }, valid = valid:batches { size = 32 },
  loss = "mse", metrics = { "mae" }, monitor = { every = 5 }, epochs = epochs, callbacks = { shows }, progress = false,
  optimizer = optim.Adam(model:parameters(), { lr = lr }), run = folder })
