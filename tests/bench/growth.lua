-- How time and memory of a training step grow with the batch, the steps, the units, the layers and the words of a
-- softmax head: one picture with logarithmic axes, on which straight lines are powers.
--
--   rnnlua --threads 1 growth.lua [PICTURE.svg [RESULT.json]]
--
-- The network is an LSTM 32 -> 64 on 32 sequences of 64 steps; one number changes at a time. Times are the least of
-- several of the processor, memory is the peak in use. The head is linear_cross_entropy of 512 rows of 64 features.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local SWEEPS = {
  { "N", { 8, 16, 32, 64, 128, 256 } }, { "T", { 16, 32, 64, 128, 256, 512 } }, { "H", { 16, 32, 64, 128, 256, 512 } },
  { "layers", { 1, 2, 4, 8 } }, { "V", { 1000, 3000, 10000, 30000, 100000 } },
}

local function network(o)
  local model = nn.Sequential { nn.LSTM(32, o.H, { layers = o.layers, returns = "last" }), nn.Linear(o.H, 1) }
  local params, x, target = model:parameters(), rnn.randn(o.N, o.T, 32), rnn.randn(o.N, 1)
  local optimizer = optim.Adam(params)
  return function()
    optimizer:zero_grad()
    rnn.mse(model(x), target):backward()
    optimizer:step()
  end
end

local function head(o)
  local x, labels = rnn.randn(512, 64):requires_grad(true), rnn.randint(1, o.V, 512)
  local w, b = (rnn.randn(o.V, 64) * 0.1):requires_grad(true), rnn.zeros(o.V):requires_grad(true)
  return function() core.linear_cross_entropy(x, labels, w, b):backward() end
end

local function measure(step)
  local best = math.huge
  step()
  collectgarbage()
  core.reset_peak()
  for _ = 1, 5 do
    local start = os.clock()
    step()
    best = math.min(best, os.clock() - start)
  end
  return 1e3 * best, rnn.memory().peak / 2 ^ 20
end

local results, lines = {}, {}
for k, sweep in ipairs(SWEEPS) do
  local name, values = table.unpack(sweep)
  local x, ms, mb = {}, {}, {}
  for i, value in ipairs(values) do
    local o = { N = 32, T = 64, H = 64, layers = 1, V = 1000 }
    o[name] = value
    ms[i], mb[i] = measure(name == "V" and head(o) or network(o))
    x[i] = value / values[1]
    print(("%-7s %7d %10.3f ms %9.2f MB"):format(name, value, ms[i], mb[i]))
    collectgarbage()
  end
  local slope = math.log(ms[#ms] / ms[#ms - 1]) / math.log(x[#x] / x[#x - 1])
  print(("%-7s the last two: time grows with the power %.2f"):format(name, slope))
  results[k] = { name = name, values = values, milliseconds = ms, megabytes = mb }
  for what, y in pairs { time = ms, memory = mb } do
    local line = { x = x, y = {}, label = ("%s %d to %d: %s"):format(name, values[1], values[#values], what) }
    for i = 1, #y do line.y[i] = y[i] / y[1] end
    lines[2 * k - (what == "time" and 1 or 0)] = line
  end
end

if arg[2] then assert(core.file_write(arg[2], rnn.json_encode(results, { indent = 2, sort = true }) .. "\n")) end
if arg[1] then
  assert(rnn.plot.lines(lines, { file = arg[1], log_x = true, log_y = true, xlabel = "times the first value",
    ylabel = "times the first time, or memory", title = "How a training step grows" }))
end
