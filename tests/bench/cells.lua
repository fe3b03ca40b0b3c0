-- Cells that are written in Lua: against the built-in layers, and against the same cells in PyTorch and JAX, which run
-- beside as programs of their own that take turns with ours: what else the machine does meets all alike. N 32, T 64, as
-- many inputs as units. A training step is forward and backward of a random projection of all outputs.
--
--   RNNLUA_BENCH_PYTHON=python3 rnnlua tests/bench/cells.lua [--part layers,zoo] [--cell minGRU] [--units 256] ...
--
-- Three parts. layers: nn.Recurrent of cells against nn.RNN, nn.LSTM and nn.GRU, the ratio ours over theirs. zoo: every
-- cell of rnn.cells against PyTorch's loop over time as it is (eager), with its step under torch.compile (step), all of
-- it so (compiled), and jax.jit of lax.scan (jax); the ratio is the faster one of the last two over ours. The same
-- weights come first and have to give the same outputs to 1e-5, and ten times that for gradients. Beside the times of
-- steps, in ms,
-- is what each needs before its first one: ours to trace and plan, the others to compile. plan: the time of the first
-- trace and plan of a call, and of later ones beside the Lua step itself.
--
-- --seconds is how long each way is measured; of the medians of eight turns the least counts. Without a Python, only
-- ours. It gets torch 2.13.0 and jax from PyPI where it has none. Everything goes into cells.json beside this file.
local rnn = require "rnn"
local cells, core, plan = require "rnn.cells", require "rnn.core", require "rnn.nn.plan"
local nn = rnn.nn

local FOLDER = arg[0]:match("^(.*/)") or "./"
local machine = dofile(FOLDER .. "machine.lua")
local PYTHON = os.getenv("RNNLUA_BENCH_PYTHON")
local N, T, TURNS = 32, 64, 8

local names = { "NormLSTM" } -- cells.LSTM { layer_norm = true }
for name in pairs(getmetatable(cells).names) do names[#names + 1] = name end
table.sort(names, function(a, b) return a:lower() < b:lower() end)

local options = rnn.experiment {
  about = "Times cells written in Lua.", epochs = false, seeds = false, threads = false, save = false, plot = false,
  result = FOLDER .. "cells.json",
  part = { { "layers", "zoo", "plan" }, "these" },
  cell = { names, "of the zoo, these" },
  units = { { "32", "256" }, "at these" },
  processors = { { "1", "2" }, "on so many threads" },
  mode = { { "training", "inference" }, "these" },
  way = { { "eager", "step", "compiled", "jax" }, "peers" },
  seconds = { 1.0, "how long each way is measured" },
  limit = { 120, "seconds that a peer has to compile" },
}.options

-- ---- cases ----

local function zoo_cell(name, units)
  if name == "NormLSTM" then return cells.LSTM(units, units, { layer_norm = true }) end
  return cells[name](units, units)
end

-- A case: the layer, x, weights of the loss; run(training) is a step.
local function case_of(layer, units)
  rnn.seed(2)
  local case = { layer = layer, x = rnn.randn(N, T, units), weights = rnn.randn(N, T, units) }
  function case.train()
    layer:zero_grad()
    local y = layer(case.x)
    ;(y * case.weights):sum():backward()
    return y
  end
  function case.infer() return rnn.no_grad(layer.forward, layer, case.x) end
  function case.run(training) return training and case.train or case.infer end
  return case
end

local function zoo_case(name, units)
  rnn.seed(1)
  local cell = zoo_cell(name, units)
  local memory = name == "Attention" and rnn.randn(N, 20, units)
  if memory then cell:attend(memory) end
  local case = case_of(nn.Recurrent(cell), units)
  case.cell, case.memory = cell, memory
  return case
end

-- What the peers have to know: see class Case of peer_cells.py.
local function write_case(case, path)
  local tensors = { x = case.x, weights = case.weights, y = case.train():detach() }
  local state = case.cell:initial_state(N)
  for k, t in ipairs(rnn.is_tensor(state) and { state } or state) do tensors["state." .. k] = t end
  for _, entry in ipairs(case.cell:named_tensors()) do tensors["p." .. entry[1]] = entry[2]:detach() end
  for _, entry in ipairs(case.cell:named_parameters()) do
    if entry[2].grad then tensors["g." .. entry[1]] = entry[2].grad end
  end
  if case.memory then tensors["p.memory"] = case.memory end
  assert(rnn.npz_write(path, tensors))
end

-- ---- measuring ----

local function median(times)
  table.sort(times)
  return times[(#times + 1) // 2]
end

local function measure(f, seconds)
  local times, finish = {}, rnn.clock() + seconds
  while #times < 3 or rnn.clock() < finish do
    local start = rnn.clock()
    f()
    times[#times + 1] = 1e3 * (rnn.clock() - start)
  end
  return median(times)
end

-- ways: name -> function of seconds that gives a median; the least of each one's turns.
local function compare(ways)
  local best, order = {}, {}
  for name in pairs(ways) do order[#order + 1] = name end
  table.sort(order)
  for _ = 1, TURNS do
    for _, name in ipairs(order) do
      best[name] = math.min(ways[name](options.seconds / TURNS), best[name] or math.huge)
    end
  end
  return best
end

-- Calls f with the times of the engine's parts: first, ms of the first trace and plan; later, us of one beside the step
-- of the cell, and step, us of that. The clock runs from the start of a trace to the start of plan.run.
local function plan_times(cell, f, calls)
  local trace, run, step = core.trace, plan.run, require("rnn.guard").inner(cell.step)
  local from, to, inside
  function core.trace(...)
    from = from or rnn.clock()
    return trace(...)
  end
  function plan.run(...)
    to = to or rnn.clock()
    return run(...)
  end
  function cell.step(...)
    local start = rnn.clock()
    local y, state = step(...)
    inside = inside + rnn.clock() - start
    return y, state
  end
  local first, later, steps = nil, {}, {}
  for k = 0, calls do
    from, to, inside = nil, nil, 0
    f()
    if not to then break end -- it is no formula
    if k == 0 then first = 1e3 * (to - from)
    else later[k], steps[k] = 1e6 * (to - from - inside), 1e6 * inside end
  end
  core.trace, plan.run, cell.step = trace, run, nil
  return { first = first, later = median(later), step = median(steps) }
end

-- ---- the peers ----

local function open_peer(threads)
  return machine.peer(("'%s' '%speer_cells.py' %d"):format(PYTHON, FOLDER, threads))
end

-- ---- the table, and what is kept: results of other runs stay where this one has none ----

local results = rnn.json_decode(core.file_read(options.result) or "{}") or {}
results.cases = results.cases or {}

local function keep(name, entry)
  entry.load, entry.date = machine.load(), os.date("!%Y-%m-%d")
  results.processor, results.system = machine.processor(), ("rnnlua %s, %s"):format(rnn.version, rnn.isa())
  local known = results.cases[name] or {}
  for key, value in pairs(entry) do
    if type(value) == "table" and type(known[key]) == "table" then
      for inner, v in pairs(value) do known[key][inner] = v end
    else
      known[key] = value
    end
  end
  results.cases[name] = known
  assert(core.file_write(options.result, rnn.json_encode(results, { indent = 2, sort = true }) .. "\n"))
end

local function number(format, value) return value and format:format(value) or "-" end

local function each_setting(f)
  for _, units in ipairs { 32, 256 } do
    for _, threads in ipairs { 1, 2 } do
      for _, mode in ipairs { "training", "inference" } do
        if options.units[tostring(units)] and options.processors[tostring(threads)] and options.mode[mode] then
          f(units, threads, mode)
        end
      end
    end
  end
end

-- ---- the parts ----

print(("%s, kernels %s, load %.1f"):format(machine.processor(), rnn.isa(), machine.load()))

-- name, the built-in layer, the layer of a cell
local LAYERS = {
  { "nn.RNNCell", nn.RNN, nn.RNNCell }, { "nn.LSTMCell", nn.LSTM, nn.LSTMCell }, { "nn.GRUCell", nn.GRU, nn.GRUCell },
  { "cells.Elman", nn.RNN, cells.Elman }, { "cells.LSTM", nn.LSTM, cells.LSTM }, { "cells.GRU", nn.GRU, cells.GRU },
  { "cells.LSTM, layer norm", nn.LSTM, cells.LSTM, { layer_norm = true } },
}

local function layers()
  print(("\n%-24s %5s %2s %-9s %10s %10s %7s"):format("ms a step", "units", "", "", "cell", "built in", "ratio"))
  for _, row in ipairs(LAYERS) do
    local name, Layer, Cell, o = table.unpack(row)
    each_setting(function(units, threads, mode)
      rnn.threads(threads)
      local ours = case_of(nn.Recurrent(Cell(units, units, o)), units)
      local theirs = case_of(Layer(units, units, o), units)
      local best = compare {
        cell = function(seconds) return measure(ours.run(mode == "training"), seconds) end,
        layer = function(seconds) return measure(theirs.run(mode == "training"), seconds) end,
      }
      print(("%-24s %5d %2d %-9s %10.3f %10.3f %7.2f"):format(name, units, threads, mode, best.cell, best.layer,
        best.cell / best.layer))
      io.stdout:flush()
      keep(("%s, %d units, %d threads, %s"):format(name, units, threads, mode), { ms = best,
        ratio = best.cell / best.layer })
    end)
  end
end

-- How near the outputs have to be, where a step makes differences of rounding larger.
local ROUGH = { NormLSTM = 2e-4, PhasedLSTM = 1e-4 }
local PEERS = { "eager", "step", "compiled", "jax" }
local peers = {}

-- Ways of the peers to run the case, what they need before, and whether they compute the same.
local function ask_peers(name, case, threads, mode, ways)
  peers[threads] = peers[threads] or open_peer(threads)
  local peer, path, first = peers[threads], os.tmpname(), {}
  write_case(case, path)
  peer { op = "open", cell = name, path = path }
  os.remove(path)
  for _, way in ipairs(PEERS) do
    if options.way[way] then
      local task = { op = "prepare", way = way, training = mode == "training", limit = options.limit }
      local answer = peer(task)
      first[way] = answer.seconds or answer.why
      if answer.y then
        local near = ROUGH[name] or 1e-5
        if not (answer.y <= near and answer.gradients <= 10 * near) then
          print(("%s, %s: NOT THE SAME: y by %.1e, gradients by %.1e"):format(name, way, answer.y, answer.gradients))
        end
      end
      if answer.seconds then
        ways[way] = function(seconds)
          task.op, task.seconds = "measure", seconds
          return peer(task).median
        end
      end
    end
  end
  return first
end

local function zoo()
  print(("\n%-14s %5s %2s %-9s %8s %8s %8s %8s %8s %6s   %s"):format("ms a step", "units", "", "", "rnnlua", "eager",
    "step", "compiled", "jax", "ratio", "before the first: ours, step, compiled, jax"))
  for _, name in ipairs(names) do
    each_setting(options.cell[name] and function(units, threads, mode)
      rnn.threads(threads)
      local case = zoo_case(name, units)
      local run = case.run(mode == "training")
      local times = plan_times(case.cell, run, 1)
      local ways = { ours = function(seconds) return measure(run, seconds) end }
      local first = PYTHON and ask_peers(name, case, threads, mode, ways) or {}
      local best = compare(ways)
      local peer = math.min(best.compiled or math.huge, best.jax or math.huge)
      local ratio = peer < math.huge and peer / best.ours or nil
      local function before(way)
        return type(first[way]) == "string" and first[way] or number("%.1f s", first[way])
      end
      print(("%-14s %5d %2d %-9s %8.3f %8s %8s %8s %8s %6s   %s, %s, %s, %s"):format(name, units, threads, mode,
        best.ours, number("%.3f", best.eager), number("%.3f", best.step), number("%.3f", best.compiled),
        number("%.3f", best.jax), number("%.2f", ratio), number("%.2f ms", times.first), before "step",
        before "compiled", before "jax"))
      io.stdout:flush()
      first.ours = times.first and times.first / 1e3
      keep(("%s, %d units, %d threads, %s"):format(name, units, threads, mode), { ms = best, seconds_before = first })
    end or function() end)
  end
end

local function plans()
  print(("\n%-14s %12s %22s %16s"):format("trace and plan", "first, ms", "later, us beside step", "Lua step, us"))
  rnn.threads(1)
  for _, name in ipairs(names) do
    if options.cell[name] then
      local firsts, times = {}, nil
      for k = 1, 9 do
        local case = zoo_case(name, 32)
        times = plan_times(case.cell, case.train, k == 9 and 50 or 0)
        firsts[k] = times.first
      end
      times.first = median(firsts)
      print(("%-14s %12s %22s %16s"):format(name, number("%.2f", times.first), number("%.1f", times.later),
        number("%.1f", times.step)))
      io.stdout:flush()
      keep(name .. ", trace and plan", { first_ms = times.first, later_us = times.later, step_us = times.step })
    end
  end
end

if options.part.layers then layers() end
if options.part.plan then plans() end
if options.part.zoo then zoo() end
