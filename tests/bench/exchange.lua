-- exchange.lua: what the exchanges of a step cost between the ranks that run it (mpirun -n 2 rnnlua exchange.lua), and
-- a table of what they would cost over 10 Gb Ethernet, which is an extrapolation: the time of our own code is measured
-- here, latency and bandwidth of the network are assumed (25 us, 1.18 GB/s, full duplex, no contention).
local rnn = require "rnn"
local core, ranks = require "rnn.core", require "rnn.ranks"
local LATENCY <const>, BANDWIDTH <const> = 25e-6, 1.18e9
local WIDTH <const> = core.precision == "double" and 8 or 4

local function least(times, f)
  local best = math.huge
  for _ = 1, times do
    local begun = rnn.clock()
    f()
    best = math.min(best, rnn.clock() - begun)
  end
  return best
end

local message = { shards = { { loss = 1.5, weight = 32, scores = { loss = 1.5, weight = 32, parts = {} } } },
  used = 100 }
local small = least(2000, function() ranks.gather("bench", message) end)
print(("%d ranks: the small exchange of a step %.1f us at best"):format(ranks.size, small * 1e6))
local models = { { "LSTM 32 -> 32", 8650 }, { "LSTM 64 -> 256", 330506 }, { "2 LSTM 128 -> 512", 3420000 } }
local rows = {}
for _, model in ipairs(models) do
  local n, spare = model[2], { core.zeros(model[2]) }
  local best = least(math.max(50, 10000000 // n), function()
    local nodes = { { low = ranks.rank, size = 1, sum = spare[1] } }
    spare = {}
    spare[1] = ranks.reduce(ranks.send(nodes, ranks.size, spare))
  end)
  local row = { ("%-18s %6.2f MB  here %7.0f us"):format(model[1], n * WIDTH / 1e6, best * 1e6) }
  for _, nodes in ipairs { 4, 16, 64 } do
    -- Each node sends and gets (nodes - 1) / nodes of the sum twice; messages to all others leave one after the other.
    local wire = 2 * n * WIDTH * (nodes - 1) / nodes / BANDWIDTH + 3 * LATENCY + 3 * (nodes - 1) * 1e-6
    row[#row + 1] = ("%7.2f ms"):format((small + best + wire) * 1e3)
  end
  rows[#rows + 1] = table.concat(row, "  ")
end
print "extrapolated, ms a step on        4          16          64 nodes of 10 Gb Ethernet"
for _, row in ipairs(rows) do print(row) end
