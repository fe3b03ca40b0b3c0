-- train.lua: short trainings that have all that shards and ranks must agree on; prints weights, history and what is
-- measured, every digit, but no times. run.sh compares what one process and several ranks print.
--
--   rnnlua tests/mpi/train.lua WHAT [FOLDER of the run]

local rnn = require "rnn"
local core = require "rnn.core"
local nn, data, optim, text, dist = rnn.nn, rnn.data, rnn.optim, rnn.text, rnn.dist

local function show(model, history)
  local sums = {}
  for _, pair in ipairs((model:named_tensors())) do
    sums[#sums + 1] = ("%s %016x"):format(pair[1], core.checksum(pair[2]:detach()))
  end
  print(("weights %016x"):format(core.checksum(table.concat(sums, "\n"))))
  for e = 1, history and #history or 0 do
    local figures = {}
    for name, value in pairs(history:figures(e)) do figures[#figures + 1] = ("%s %.17g"):format(name, value) end
    table.sort(figures)
    print(table.concat(figures, " "))
  end
  if history then print(history.stopped, history.best and history.best.epoch) end
  print(("random numbers %.17g %.17g"):format(rnn.rand(1):item(), math.random()))
end

local what = {}

-- Dropout, batch norm, clipping, early stopping, an uneven last batch and a shard of one row less.
function what.layers(folder)
  local x, y = rnn.randn(203, 7, 3), rnn.randn(203, 2)
  local model = nn.Sequential { nn.LSTM(3, 16, { returns = "last", recurrent_dropout = 0.1 }), nn.BatchNorm(16),
    nn.Dropout(0.3), nn.Linear(16, 2) }
  local batches = data.arrays(x, y):batches { size = 32, shuffle = true }
  local history = rnn.fit(model, { data = batches, valid = data.arrays(x:rows(1, 50), y:rows(1, 50)), loss = "mse",
    metrics = { "mae", "rmse" }, optimizer = optim.Adam(model:parameters(), { lr = 0.01 }), epochs = 5, clip_norm = 0.5,
    clip_value = 0.1, monitor = true, average = 0.9, progress = false, run = folder, shards = 8,
    callbacks = { rnn.EarlyStopping { patience = 2 } } })
  show(model, history)
  print(("predicted %016x"):format(core.checksum(rnn.predict(model, x, { size = 20 }))))
end

-- A stream whose states go from window to window, and rows of unequal length at its end.
function what.stream(folder)
  local ids = (rnn.rand(2001) * 10):floor():to_int() + 1
  local model = nn.Sequential { nn.Embedding(12, 8), nn.GRU(8, 16), nn.Dropout(0.2), nn.Linear(16, 12) }
  local history = rnn.fit(model, { data = text.stream(ids:rows(1, 1600), { size = 20, length = 16 }),
    valid = text.stream(ids:rows(1601, 2001), { size = 5, length = 16 }), tbptt = 16, loss = "cross_entropy",
    metrics = { "accuracy", "f1" }, optimizer = optim.Adam(model:parameters(), { lr = 0.01 }), epochs = 3,
    clip_norm = 0.5, schedule = optim.schedules.cosine(), progress = false, run = folder, shards = 8 })
  show(model, history)
end

-- Sequences of unequal lengths, some empty, in batches of about the same length.
function what.sequences(folder)
  local xs, ys = {}, {}
  for i = 1, 77 do
    xs[i], ys[i] = {}, i % 3 + 1
    for t = 1, i * 7 % 11 do xs[i][t] = i * t % 9 + 1 end
  end
  local set = data.sequences(xs, ys)
  local model = nn.Sequential { nn.Embedding(12, 8), nn.LSTM(8, 16, { returns = "last" }), nn.Linear(16, 3) }
  local history = rnn.fit(model, { data = set:batches { size = 10, shuffle = true }, valid = set,
    loss = "cross_entropy", metrics = { "accuracy", "f1", "top_2" }, optimizer = optim.RMSprop(model:parameters()),
    epochs = 3, progress = false, run = folder, shards = 8 })
  show(model, history)
  print(("predicted %016x"):format(core.checksum(rnn.predict(model, set, { size = 7 }))))
  print(("%.17g"):format(rnn.evaluate(model, set, { loss = "cross_entropy" }).loss))
end

-- Several targets with weights, a model that draws from math.random, data that are changed on their way or come from a
-- function, groups of batches.
function what.own()
  local x, y, w = rnn.randn(61, 5, 2), rnn.randn(61, 1), rnn.rand(61, 1)
  local Two = nn.module("Two", function(self)
    self.layer, self.a, self.b = nn.LSTM(2, 6, { returns = "last" }), nn.Linear(6, 1), nn.Linear(6, 2)
  end)
  function Two:forward(input)
    local h = self.layer(input)
    if self.training then h = h * (1 + 0.1 * math.random()) end
    return { a = self.a(h), b = self.b(h) }
  end
  local model = Two()
  local function targets(of) return { a = of, b = of:gt(0):to_int():reshape(-1) + 1 } end
  local set = data.arrays(x, targets(y), { a = w })
  local noisy = data.map(set:batches { size = 16, shuffle = true }, function(input, target, weights)
    return input + rnn.randn(input:shape()) * 0.1, target, weights
  end)
  local loss = { a = "mse", b = "cross_entropy" }
  show(model, rnn.fit(model, { data = noisy, valid = set, loss = loss, metrics = { a = { "mae" }, b = { "accuracy" } },
    optimizer = optim.Adam(model:parameters()), epochs = 3, accumulate = 2, progress = false, shards = 8 }))
  local function five()
    local i = 0
    return function()
      i = i + 1
      if i > 5 then return nil end
      local input, target = rnn.randn(9, 5, 2), rnn.randn(9, 1)
      return input, targets(target)
    end
  end
  show(model, rnn.fit(model, { data = five, loss = loss, optimizer = optim.SGD(model:parameters(), { lr = 0.1 }),
    epochs = 2, progress = false, shards = 5 }))
end

-- A loop of one's own.
function what.loop()
  local x, y = rnn.randn(50, 5, 2), rnn.randn(50, 1)
  local model = nn.Sequential { nn.GRU(2, 8, { returns = "last" }), nn.BatchNorm(8), nn.Dropout(0.2), nn.Linear(8, 1) }
  local opt = optim.Adam(model:parameters())
  local batches = data.arrays(x, y):batches { size = 16, shuffle = true }
  for _ = 1, 3 do
    for bx, by in batches do
      for sx, sy in dist.shards(model, bx, by) do rnn.mse(model(sx), sy):backward() end
      dist.gradients(model)
      optim.clip_grad_norm(model:parameters(), 0.5)
      opt:step()
    end
  end
  show(model)
end

rnn.seed(3)
if arg[1] then
  what[arg[1]](arg[2])
else
  for _, name in ipairs { "layers", "stream", "sequences", "own", "loop" } do
    print(name)
    what[name]()
  end
end
