-- write.lua FOLDER: a run of rnn.fit whose FOLDER/report.html has everything that such a page can have: losses over
-- decades, metrics, a schedule, clipping, gaps, and a heat map that a callback gives.

local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
rnn.seed(42)

local count, epochs = 2000, 40
local series = rnn.arange(count):to_float():mul(0.1):sin():reshape(count, 1) + rnn.randn(count, 1) * 0.02
local train = data.windows(series:rows(1, 1500), { length = 40, target = 1 })
local valid = data.windows(series:rows(1501, count), { length = 40, target = 1 })
local model = nn.Sequential { nn.RNN(1, 16, { returns = "last" }), nn.Linear(16, 1) }

-- Gradients that vanish the less the longer it trains; every tenth epoch is not recorded.
local flow = { values = {}, x = {} }
function flow:on_epoch(run)
  self.x[run.epoch] = run.epoch
  for back = 0, 39 do
    local row = self.values[back + 1] or {}
    self.values[back + 1] = row
    row[run.epoch] = run.epoch % 10 == 0 and 0 / 0 or -0.5 - back * 0.2 * math.exp(-run.epoch / 30)
  end
  run.heat_maps = { { title = "1 · nn.RNN(1 -> 16)", x = self.x, values = self.values,
    unit = "norm of the gradient of h, by colour" } }
end

rnn.fit(model, {
  data = train:batches { size = 32, shuffle = true }, valid = valid:batches { size = 32 }, loss = "huber",
  metrics = { "mae", gaps = function(y, target) return rnn.mae(y, target):item() > 0.2 and 0 / 0 or 1 end },
  optimizer = optim.Adam(model:parameters(), { lr = 0.003 }), schedule = optim.schedules.cosine(), clip_norm = 1,
  epochs = epochs, callbacks = { flow }, progress = false, run = arg[1],
})
