-- What more cores would give, from measurements on one: training steps of rnnlua with their parallel parts taken apart.
--
--   rnnlua scaling.lua [RESULT.json]
--
-- For each number of cores the work is cut as it would be there, but the tasks run one after the other on one core
-- (core.regions). A step then takes the serial rest, for each parallel part its longest task, and half a microsecond
-- to hand tasks out; caches and memory that cores share are not counted. "Even" is the same with tasks of equal length:
-- what is left when other work on the machine, which makes the longest longer, is not there. For 2 threads the step is
-- also timed as it is.
-- Of each case the table then lists the parts that cost most on 16 cores, and how many tasks they are cut into there.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local CORES = { 1, 2, 4, 8, 16, 64 }
local HAND_OUT = 0.5e-6
local CASES = {
  { "LSTM 64->256->256, N32, T64", nn.LSTM, 64, 256, 2, 32, 64 },
  { "LSTM 128->512->512, N64, T64", nn.LSTM, 128, 512, 2, 64, 64 },
  { "GRU 64->256->256, N32, T64", nn.GRU, 64, 256, 2, 32, 64 },
  { "LSTM 32->32, N32, T50", nn.LSTM, 32, 32, 1, 32, 50 },
}

local function training(Layer, inputs, units, layers, N, T)
  local model = nn.Sequential { Layer(inputs, units, { layers = layers, returns = "last" }), nn.Linear(units, 1) }
  local params = model:parameters()
  local optimizer, x, target = optim.Adam(params), rnn.randn(N, T, inputs), rnn.randn(N, 1)
  return function()
    optimizer:zero_grad()
    rnn.mse(model(x), target):backward()
    optim.clip_grad_norm(params, 1)
    optimizer:step()
  end
end

-- The least time of a step by clock, and what else take gives of the same step.
local function least(step, clock, before, take)
  local best, found = math.huge, nil
  step()
  for _ = 1, 7 do
    before()
    local start = clock()
    step()
    local took = clock() - start
    if took < best then best, found = took, take() end
  end
  return best, found
end
local function nothing() end

local results = {}
print(("%-30s %8s%s"):format("times faster than on one core", "1 (ms)", (" %7d"):rep(#CORES - 1):format(
  table.unpack(CORES, 2))))
for _, case in ipairs(CASES) do
  local step, entry, cells, evens = training(table.unpack(case, 2)), { name = case[1], cores = {} }, {}, {}
  local single
  for i, cores in ipairs(CORES) do
    rnn.threads(cores)
    local all, regions = least(step, os.clock, function() core.regions(true) end, core.regions)
    core.regions(false)
    local work, path, even, calls = 0, 0, 0, 0
    for _, r in ipairs(regions) do
      work, path, calls = work + r.work, path + r.longest, calls + r.calls
      even = even + r.work / math.max(r.tasks / r.calls, 1)
    end
    local serial = math.max(all - work, 0)
    local time = serial + path + (cores > 1 and calls * HAND_OUT or 0)
    single = single or time
    even = time - path + even
    cells[i] = i == 1 and ("%8.2f"):format(1e3 * time) or (" %7.2f"):format(single / time)
    evens[i] = i == 1 and (" "):rep(8) or (" %7.2f"):format(single / even)
    entry.cores[i] = { cores = cores, seconds = time, even = even, serial = serial, regions = regions }
  end
  print(("%-30s %s"):format(case[1], table.concat(cells)))
  print(("%-30s %s"):format("  even", table.concat(evens)))
  local real = {}
  for threads = 1, 2 do
    rnn.threads(threads)
    real[threads] = least(step, rnn.clock, nothing, nothing)
  end
  entry.measured = real
  print(("%-30s %8.2f %7.2f"):format("  as it is", 1e3 * real[1], real[1] / real[2]))
  local sixteen = entry.cores[5]
  table.sort(sixteen.regions, function(a, b) return a.longest > b.longest end)
  print(("  on 16: %.2f ms serial"):format(1e3 * sixteen.serial))
  for k = 1, math.min(4, #sixteen.regions) do
    local r = sixteen.regions[k]
    print(("  on 16: %.2f ms %s, %.1f times faster, %.1f tasks a call"):format(1e3 * r.longest,
      r.name:match "[^/]*$", r.work / r.longest, r.tasks / r.calls))
  end
  results[#results + 1] = entry
end
if arg[1] then
  assert(core.file_write(arg[1], rnn.json_encode({ cases = results }, { indent = 2, sort = true }) .. "\n"))
end
