-- Compares products in bf16 and int8 with those in float, and with PyTorch's bf16 (torch.autocast), case by case.
--
--   RNNLUA_BENCH_PYTHON=python3 rnnlua low.lua [RESULT.json]
--
-- Our ways take turns, step by step in one process, so that other work on the machine meets all alike; medians count,
-- and of 1 and 2 threads the better. PyTorch runs in a process of its own, just before. RNNLUA_BENCH_SECONDS (2) is how
-- long the ways of a case are measured. Without RNNLUA_BENCH_PYTHON only ours are shown.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local FOLDER = arg[0]:match("^(.*/)") or "./"
local machine = dofile(FOLDER .. "machine.lua")
local PYTHON = os.getenv("RNNLUA_BENCH_PYTHON")
local RESULT = arg[1] or FOLDER .. "low.json"
local SECONDS = tonumber(os.getenv("RNNLUA_BENCH_SECONDS")) or 2
local THREADS = { 1, 2 }

local CASES = {
  { kind = "training", cell = "lstm", inputs = 64, units = 256, layers = 2, batch = 32, time = 64 },
  { kind = "training", cell = "gru", inputs = 64, units = 256, layers = 2, batch = 32, time = 64 },
  { kind = "training", cell = "lstm", inputs = 128, units = 512, layers = 2, batch = 64, time = 64 },
  { kind = "inference", cell = "lstm", inputs = 64, units = 256, layers = 2, batch = 32, time = 64 },
  { kind = "inference", cell = "gru", inputs = 64, units = 256, layers = 2, batch = 32, time = 64 },
  { kind = "inference", cell = "lstm", inputs = 128, units = 512, layers = 2, batch = 64, time = 64 },
  { kind = "inference", cell = "lstm", inputs = 64, units = 256, layers = 2, batch = 1, time = 64 },
  { kind = "step", cell = "lstm", inputs = 64, units = 256, layers = 1, batch = 1, time = 1 },
  { kind = "step", cell = "lstm", inputs = 64, units = 256, layers = 1, batch = 32, time = 1 },
}

local LAYERS = { rnn = nn.RNN, lstm = nn.LSTM, gru = nn.GRU }

local function median(times)
  table.sort(times)
  local middle = #times // 2
  return #times % 2 == 1 and times[middle + 1] or (times[middle] + times[middle + 1]) / 2
end

-- A step of a case in a form.
local function way(case, form)
  rnn.seed(1)
  local layer = LAYERS[case.cell](case.inputs, case.units, { layers = case.layers, returns = "last" })
  local model = nn.Sequential { layer, nn.Linear(layer.outputs, 1) }
  local x, target = rnn.randn(case.batch, case.time, case.inputs), rnn.randn(case.batch, 1)
  if form == "int8" then model:quantise { quiet = true } end
  if form == "bf16" and case.kind ~= "training" then model:to "bf16" end
  model:train(case.kind == "training")
  if case.kind == "inference" then return function() rnn.no_grad(model, x) end end
  if case.kind == "step" then
    local one, state, _ = x:select(2, 1):copy(), nil, nil
    return function()
      for _ = 1, 100 do _, state = layer:step(one, state) end
    end
  end
  local params = model:parameters()
  local optimizer = optim.Adam(params, { lr = 1e-3 })
  return function()
    rnn.precision(form)
    optimizer:zero_grad()
    rnn.mse(model(x), target):backward()
    optim.clip_grad_norm(params, 1)
    optimizer:step()
    rnn.precision("float")
  end
end

-- Medians of the ways of a case, in milliseconds.
local function measure(case)
  local forms = case.kind == "training" and { "float", "bf16" } or { "float", "bf16", "int8" }
  local ways, times = {}, {}
  for i, form in ipairs(forms) do
    ways[i], times[i] = way(case, form), {}
    for _ = 1, 3 do ways[i]() end
  end
  local finish = rnn.clock() + SECONDS
  while #times[1] < 10 or rnn.clock() < finish do
    for i, run in ipairs(ways) do
      local start = rnn.clock()
      run()
      table.insert(times[i], 1e3 * (rnn.clock() - start) / (case.kind == "step" and 100 or 1))
    end
  end
  local medians = {}
  for i, form in ipairs(forms) do medians[form] = median(times[i]) end
  return medians
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- PyTorch's median of the case in bf16, in milliseconds; nil and what it said when it gave none.
local function peer(case, threads)
  local asked = { cell = case.cell, inputs = case.inputs, units = case.units, layers = case.layers, batch = case.batch,
    time = case.time, last = true, threads = threads, seconds = SECONDS / 2, precision = "bf16",
    infer = case.kind == "inference", stream = case.kind == "step" }
  local pipe = assert(io.popen(("%s %s %s 2>&1"):format(quote(PYTHON), quote(FOLDER .. "peer_torch.py"),
    quote(rnn.json_encode(asked)))))
  local text = pipe:read "a"
  pipe:close()
  local answer = rnn.json_decode(text:match("({[^\n]*})%s*$") or "")
  if not answer then io.stderr:write(text, "\n") end
  return answer and answer.median
end

local function least(best, new)
  for name, value in pairs(new) do best[name] = math.min(best[name] or value, value) end
end

local results = { processor = machine.processor(), low_isa = core.low_isa(), date = os.date("!%Y-%m-%d"),
  load = machine.load(), cases = {} }
print(("%s, %s, load %.2f"):format(results.processor, results.low_isa, results.load))
print(("%-42s %9s %9s %9s %9s %7s %7s %7s"):format("ms, median", "float", "bf16", "int8", "torch", "float/", "float/",
  "torch/"))
print(("%-42s %9s %9s %9s %9s %7s %7s %7s"):format("", "", "", "", "bf16", "bf16", "int8", "bf16"))
for i, case in ipairs(CASES) do
  local best, torch = {}, nil
  for _, threads in ipairs(THREADS) do
    if PYTHON then
      local time = peer(case, threads)
      torch = time and math.min(torch or time, time) or torch
    end
    rnn.threads(threads)
    least(best, measure(case))
    collectgarbage()
  end
  local function show(value, format) return value and format:format(value) or "-" end
  local function ratio(a, b) return a and b and a / b end
  local result = { case = case, ours = best, torch = torch, bf16 = ratio(best.float, best.bf16),
    int8 = ratio(best.float, best.int8), against_torch = ratio(torch, best.bf16) }
  results.cases[i] = result
  local name = ("%s, %s %d->%d x%d, N%d T%d"):format(case.kind, case.cell:upper(), case.inputs, case.units, case.layers,
    case.batch, case.time)
  print(("%-42s %9s %9s %9s %9s %7s %7s %7s"):format(name, show(best.float, "%.4f"), show(best.bf16, "%.4f"),
    show(best.int8, "%.4f"), show(torch, "%.4f"), show(result.bf16, "%.2f"), show(result.int8, "%.2f"),
    show(result.against_torch, "%.2f")))
  io.stdout:flush()
  assert(core.file_write(RESULT, rnn.json_encode(results, { indent = 2, sort = true }) .. "\n"))
end
