-- What rnn.monitor costs: medians of training steps with the monitor off and on (every 40th step, as by default), in
-- turn in one process, so that what else runs on the machine meets both alike.
--
--   rnnlua monitor.lua
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local ROUNDS, STEPS = 20, 40 -- a round: so many steps without, so many with

local function measure(name, layer, inputs, batch, time)
  rnn.seed(1)
  local model = nn.Sequential { layer, nn.Linear(layer.outputs, 1) }
  local optimizer = optim.Adam(model:parameters(), { lr = 1e-3 })
  local x, target = rnn.randn(batch, time, inputs), rnn.randn(batch, 1)
  local function steps(monitor)
    local start = rnn.clock()
    for _ = 1, STEPS do
      optimizer:zero_grad()
      local loss = nn.mse(model(x), target)
      loss:backward()
      local norm = optim.clip_grad_norm(optimizer.params, 1)
      optimizer:step()
      if monitor then monitor:step { loss = loss:item(), norm = norm, lr = optimizer.lr } end
    end
    return (rnn.clock() - start) / STEPS * 1e3
  end
  steps()
  local off, on = {}, {}
  for i = 1, ROUNDS do
    off[i] = steps()
    local monitor = rnn.monitor(model, { clip = 1 })
    on[i] = steps(monitor)
    layer:watch(false)
  end
  table.sort(off)
  table.sort(on)
  local middle = ROUNDS // 2
  print(("%-28s off %8.3f ms  on %8.3f ms  %+.1f %%"):format(name, off[middle], on[middle],
    100 * (on[middle] / off[middle] - 1)))
end

rnn.threads(1)
measure("RNN 1->32, T56", nn.RNN(1, 32, { returns = "last" }), 1, 32, 56)
measure("GRU 32->32, T50", nn.GRU(32, 32, { returns = "last" }), 32, 32, 50)
measure("LSTM 64->256, T64", nn.LSTM(64, 256, { returns = "last" }), 64, 32, 64)
