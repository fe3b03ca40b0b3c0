-- dist_step.lua UNITS BATCH SHARDS SECONDS: a training step of rnn.fit, in this process or in each rank: LSTM 64 ->
-- UNITS over 64 steps (with 32 units 32 -> 32 over 50), Adam. Prints milliseconds, the least, the lower quartile and
-- the median, and the share of the time that went into exchanges.
local rnn = require "rnn"
local nn, ranks = rnn.nn, require "rnn.ranks"
local units, batch, shards, seconds = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3]), tonumber(arg[4])
local inputs, time = units == 32 and 32 or 64, units == 32 and 50 or 64
rnn.seed(1)
local model = nn.Sequential { nn.LSTM(inputs, units, { returns = "last" }), nn.Linear(units, 10) }
local x, y = rnn.randn(8 * batch, time, inputs), (rnn.rand(8 * batch) * 10):floor():to_int() + 1
local times, last, begun = {}, nil, nil
local waited, from = 0, 0
local watch = { on_step = function(_, run)
  local now = rnn.clock()
  if last then times[#times + 1] = now - last end
  last = now
  if #times == 20 then waited, from = ranks.waited(), now end
  -- ranks leave together: by the clock that they agree on
  begun = begun or run.now or now
  if (run.now or now) - begun > seconds then return true end
end }
rnn.fit(model, { data = rnn.data.arrays(x, y):batches { size = batch }, loss = "cross_entropy", epochs = 1000000,
  optimizer = rnn.optim.Adam(model:parameters()), shards = shards, progress = false, callbacks = { watch } })
local spent = last - from
local share = (ranks.waited() - waited) / spent
times = table.move(times, 21, #times, 1, {})
table.sort(times)
print(("%.4f %.4f %.4f %.4f"):format(1000 * times[1], 1000 * times[#times // 4 + 1], 1000 * times[#times // 2 + 1],
  share))
