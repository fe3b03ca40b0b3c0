-- Compares training steps of rnnlua with those of PyTorch, case by case, one program at a time, each in a process of
-- its own with 1 and with 2 threads, in two rounds; of each the best median counts, for something else may have run.
--
--   RNNLUA_BENCH_PYTHON=python3 rnnlua run.lua [RESULT.json]
--
-- RNNLUA_BENCH_SECONDS (2) is how long each case is warmed up, and then measured, in each process.
-- RNNLUA_BENCH_PYTHON names a Python with torch; without one the table shows only ours. Medians are in milliseconds a
-- step. "Limit" is the share of what the processor can do: the step's multiply-adds at the rate that one core reaches,
-- just before, with numbers in registers alone (core.peak); "memory" the most bytes in use over those that inputs,
-- gates and states of the layers, weights, gradients and Adam's moments take. Everything measured goes into RESULT.json
-- (results.json beside this file).
local core = require "rnn.core"
local rnn = require "rnn"

local FOLDER = arg[0]:match("^(.*/)") or "./"
local machine = dofile(FOLDER .. "machine.lua")
local RNNLUA = arg[-1]
local PYTHON = os.getenv("RNNLUA_BENCH_PYTHON")
local RESULT = arg[1] or FOLDER .. "results.json"
local THREADS, ROUNDS = { 1, 2 }, 2
local SECONDS = tonumber(os.getenv("RNNLUA_BENCH_SECONDS"))

-- n lengths from low to high, the same for both sides.
local function lengths(n, low, high)
  math.randomseed(1)
  local all = { high }
  for i = 2, n do all[i] = math.random(low, high) end
  return all
end

local CASES = {
  { name = "RNN 1->32, T56, last", cell = "rnn", inputs = 1, units = 32, layers = 1, batch = 32, time = 56 },
  { name = "RNN 1->32->32->32, T56, last", cell = "rnn", inputs = 1, units = 32, layers = 3, batch = 32, time = 56 },
  { name = "LSTM 32->32, T50, last", cell = "lstm", inputs = 32, units = 32, layers = 1, batch = 32, time = 50 },
  { name = "GRU 32->32, T50, last", cell = "gru", inputs = 32, units = 32, layers = 1, batch = 32, time = 50 },
  { name = "LSTM 64->256->256, T64, last", cell = "lstm", inputs = 64, units = 256, layers = 2, batch = 32, time = 64 },
  { name = "GRU 64->256->256, T64, last", cell = "gru", inputs = 64, units = 256, layers = 2, batch = 32, time = 64 },
  { name = "LSTM 128->512->512, N64, T64, last", cell = "lstm", inputs = 128, units = 512, layers = 2, batch = 64,
    time = 64 },
  { name = "layer-norm LSTM 64->256, T64, last", cell = "lstm", inputs = 64, units = 256, layers = 1, batch = 32,
    time = 64, layer_norm = true },
  { name = "two-way LSTM 64->128, lengths 5..64", cell = "lstm", inputs = 64, units = 128, layers = 1, batch = 32,
    time = 64, bidirectional = true, lengths = lengths(32, 5, 64) },
  { name = "one step of LSTM 32->32, N1", cell = "lstm", inputs = 32, units = 32, layers = 1, batch = 1, time = 1,
    stream = true },
  { name = "one step of LSTM 64->256, N1", cell = "lstm", inputs = 64, units = 256, layers = 1, batch = 1, time = 1,
    stream = true },
}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- The answer of one program to one case, or nil and what it said instead. Settings that force one OpenBLAS kernel are
-- taken away: both sides choose for this processor.
local function ask(program, script, case)
  local pipe = assert(io.popen(("env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE %s %s %s 2>&1"):format(quote(program),
    quote(FOLDER .. script), quote(rnn.json_encode(case)))))
  local text = pipe:read("a")
  pipe:close()
  local answer = rnn.json_decode(text:match("({[^\n]*})%s*$") or "")
  if not answer then return nil, text end
  return answer
end

-- The peer's median when it runs a cell in a loop, as its users do who have not compiled it; nil for other cases.
local function loop_median(answers)
  local best
  for _, answer in pairs(answers) do
    local median = answer.ways and answer.ways.loop
    best = median and math.min(median, best or median) or best
  end
  return best
end

local function better(a, b) return a and (not b or a.median < b.median) and a or b end

-- The better answer for each number of threads, after one more round.
local function measure(program, script, case, best)
  for i, threads in ipairs(THREADS) do
    case.threads = threads
    local answer, message = ask(program, script, case)
    if not answer then
      io.stderr:write(("%s, %s, threads %d: no answer:\n%s\n"):format(script, case.name, threads, message))
      return
    end
    best[i] = better(answer, best[i])
  end
end

-- What a step has to do and to keep. Of a layer with D inputs, G rows of weights and R outputs, each of its steps costs
-- G (D + R) multiply-adds forwards, and backwards the same for the weights, G R for the state, and G D for the input,
-- unless that is the data.
local function demands(case)
  local gates, states = ({ rnn = 1, lstm = 4, gru = 3 })[case.cell], case.cell == "lstm" and 2 or 1
  local steps = case.batch * case.time
  if case.lengths then
    steps = 0
    for _, length in ipairs(case.lengths) do steps = steps + length end
  end
  local H, inputs, directions = case.units, case.inputs, case.bidirectional and 2 or 1
  local macs, parameters, kept = 0, H * directions + 1, 0
  for layer = 1, case.layers do
    local G = gates * H
    local once = G * (inputs + H)
    macs = macs + directions * steps * (case.stream and once or 2 * once + G * H + (layer > 1 and G * inputs or 0))
    parameters = parameters + directions * (G * (inputs + H) + 2 * G)
    kept = kept + case.batch * case.time * (inputs + directions * (states * H + (case.cell == "rnn" and 0 or 4 * H)))
    inputs = H * directions
  end
  return macs, 4 * (kept + 4 * parameters)
end

local function cell(answer) return answer and ("%10.4f"):format(answer.median) or ("%10s"):format("-") end

local results = { processor = machine.processor(), date = os.date("!%Y-%m-%d"), load = machine.load(), cases = {} }
print(("%s, load %.2f"):format(results.processor, results.load))
print(("%-36s %10s %10s %10s %10s %8s %8s %8s"):format("ms a step, median", "rnnlua 1", "rnnlua 2", "torch 1",
  "torch 2", "ratio", "limit", "memory"))
for i, case in ipairs(CASES) do
  case.last, case.seconds = true, SECONDS
  local ours, peer = {}, {}
  local rate, macs, bytes = core.peak(), demands(case)
  for _ = 1, ROUNDS do
    measure(RNNLUA, "step.lua", case, ours)
    if PYTHON then measure(PYTHON, "peer_torch.py", case, peer) end
  end
  local our_best, peer_best = better(ours[1], ours[2]), better(peer[1], peer[2])
  local ratio = our_best and peer_best and peer_best.median / our_best.median
  local loop = loop_median(peer)
  local loop_ratio = our_best and loop and loop / our_best.median
  local limit = ours[1] and macs / rate / (ours[1].median / 1e3)
  local memory = ours[1] and not case.stream and ours[1].peak_bytes / bytes
  local function number(format, value) return value and format:format(value) or "-" end
  print(("%-36s %s %s %s %s %8s %8s %8s"):format(case.name, cell(ours[1]), cell(ours[2]), cell(peer[1]),
    cell(peer[2]), number("%.2f", ratio), number("%.0f %%", limit and 100 * limit), number("%.2f", memory)))
  if loop_ratio then print(("%36s %.2f times its cell in a loop, %.1f ms"):format("", loop_ratio, loop)) end
  io.stdout:flush()
  results.cases[i] = { case = case, ours = ours, peer = peer, ratio = ratio or nil, loop_ratio = loop_ratio or nil,
    limit = limit or nil, memory = memory or nil, bytes_needed = not case.stream and bytes or nil, multiply_adds = macs,
    peak_multiply_adds_per_second = rate }
  assert(core.file_write(RESULT, rnn.json_encode(results, { indent = 2, sort = true }) .. "\n"))
end
