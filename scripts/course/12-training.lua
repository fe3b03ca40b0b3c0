-- Training that stays on its feet: the learning rate, SGD and Adam, clipping, and what the monitor says.
--
--   rnnlua scripts/course/12-training.lua    draws it here, and into 12-training.svg
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

-- The adding problem over 10 steps: numbers, and two marks; what is the sum of the two marked numbers?
local T <const> = 10
local function sequences(count)
  local number, mark = rnn.rand(count, T), rnn.zeros(count, T)
  for n = 1, count do
    mark[n][math.random(T // 2)], mark[n][T // 2 + math.random(T // 2)] = 1, 1
  end
  return rnn.stack({ number, mark }, 3), (number * mark):sum(2):reshape(count, 1)
end
rnn.seed(12)
local x, y = sequences(2000)
local function batches() return rnn.data.arrays(x, y):batches { size = 32, shuffle = true } end
local function new()
  rnn.seed(12)
  return nn.Sequential { nn.RNN(2, 32, { returns = "last" }), nn.Linear(32, 1) }
end

-- 1. Which rate? One short run through all of them.
local model = new()
local range = rnn.find_lr(model, { data = batches(), loss = "mse", optimizer = optim.Adam(model:parameters()), to = 1 })
print(("learning rate finder, Adam: %.4f"):format(range.suggestion))

-- 2. The same weights at the start, five ways to go on; the error of no memory at all is 0.167.
local CASES <const> = { { "SGD 0.01", "SGD", 0.01 }, { "SGD 0.3", "SGD", 0.3 }, { "SGD 0.3 clipped", "SGD", 0.3, 1 },
  { "Adam 0.01", "Adam", 0.01 }, { "Adam 0.1", "Adam", 0.1 } }
local lines = {}
for _, case in ipairs(CASES) do
  local name, kind, lr, clip = table.unpack(case)
  model = new()
  local history = rnn.fit(model, { data = batches(), loss = "mse", epochs = 15, clip_norm = clip, on_nan = "stop",
    optimizer = optim[kind](model:parameters(), { lr = lr }), monitor = true, progress = false,
    run = "runs/" .. name:gsub(" ", "-"), resume = false })           -- a folder each, for TensorBoard
  local loss = history.loss[#history]
  print(("%-16s "):format(name) .. (loss and ("loss %.4f after 15 epochs"):format(loss) or "exploded"))
  if history.advice then print("                 advice: " .. history.advice[1].text) end
  if loss then lines[#lines + 1] = { y = history.loss, label = name } end
end
print "\nruns/*/report.html shows each run in a browser, tensorboard --logdir runs all of them side by side\n"
local figure = rnn.plot.lines(lines, { title = "One model, trained in four ways", xlabel = "epoch", ylabel = "loss",
  log_y = true })
assert(figure:save "12-training.svg")
