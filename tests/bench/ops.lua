-- Compares ops on tensors of 100 to ten million elements with PyTorch, on one and on two threads. Both run at the same
-- time, as two programs that take turns: what else the machine does meets both alike. Of each the least of many medians
-- counts.
--
--   RNNLUA_BENCH_PYTHON=python3 rnnlua tests/bench/ops.lua [RESULT.json]
--
-- RNNLUA_BENCH_SECONDS (0.2) is how long each op is measured at each size on each side. Times are microseconds an op,
-- forward, without recording; the ratio is PyTorch's time over ours. Without a Python with torch only ours are shown.
local core = require "rnn.core"
local rnn = require "rnn"

local FOLDER = arg[0]:match("^(.*/)") or "./"
local machine = dofile(FOLDER .. "machine.lua")
local PYTHON = os.getenv("RNNLUA_BENCH_PYTHON")
local RESULT = arg[1] or FOLDER .. "ops.json"
local SECONDS = tonumber(os.getenv("RNNLUA_BENCH_SECONDS")) or 0.2
local TURNS = 8
local SIZES = { 100, 1000, 10000, 100000, 1000000, 10000000 }

-- The op's name, what it is here, and what it is in PyTorch. x and y are float, positive is 0 to 1, m a mask of the
-- shape of x; the matrix a has rows of 100, row and column fit beside it.
local OPS = {
  { "add", function(v) return v.x + v.y end, "x + y" },
  { "mul", function(v) return v.x * v.y end, "x * y" },
  { "number", function(v) return v.x * 1.5 end, "x * 1.5" },
  { "row", function(v) return v.a + v.row end, "a + row" },
  { "column", function(v) return v.a + v.column end, "a + column" },
  { "exp", function(v) return v.x:exp() end, "x.exp()" },
  { "log", function(v) return v.positive:log() end, "positive.log()" },
  { "tanh", function(v) return v.x:tanh() end, "x.tanh()" },
  { "sigmoid", function(v) return v.x:sigmoid() end, "x.sigmoid()" },
  { "gelu", function(v) return v.x:gelu() end, "F.gelu(x)" },
  { "relu", function(v) return v.x:relu() end, "x.relu()" },
  { "less", function(v) return v.x:lt(v.y) end, "x < y" },
  { "where", function(v) return rnn.where(v.m, v.x, v.y) end, "torch.where(m, x, y)" },
  { "sum", function(v) return v.x:sum() end, "x.sum()" },
  { "mean", function(v) return v.x:mean() end, "x.mean()" },
  { "max", function(v) return v.x:max() end, "x.max()" },
  { "argmax", function(v) return v.x:argmax() end, "x.argmax()" },
  { "std", function(v) return v.x:std() end, "x.std()" },
  { "logsumexp", function(v) return v.x:logsumexp() end, "x.logsumexp(0)" },
}
for axis = 1, 2 do
  for _, name in ipairs { "sum", "mean", "max", "argmax", "std", "logsumexp" } do
    OPS[#OPS + 1] = { ("%s %d"):format(name, axis), function(v) return v.a[name](v.a, axis) end,
      ("a.%s(%d)"):format(name == "max" and "amax" or name, axis - 1) }
  end
end

-- Sums are carried in double here, in float there; and what PyTorch needs for the same digits.
OPS[#OPS + 1] = { "sum, in double", function(v) return v.x:sum() end, "x.sum(dtype=torch.double)" }
OPS[#OPS + 1] = { "sum 2, in double", function(v) return v.a:sum(2) end, "a.sum(1, dtype=torch.double)" }

local function values(n)
  local columns = 100
  return { x = rnn.randn(n), y = rnn.randn(n), positive = rnn.rand(n) + 0.01, m = rnn.randn(n):gt(0),
    a = rnn.randn(n // columns, columns), row = rnn.randn(columns), column = rnn.randn(n // columns, 1) }
end

-- The median of a turn, in seconds.
local function measure(f, v, seconds)
  local start = rnn.clock()
  f(v)
  local once = math.max(rnn.clock() - start, 1e-7)
  local block = math.max(1, math.min(1000, 2e-4 // once))
  local times, finish = {}, rnn.clock() + seconds
  while #times < 3 or rnn.clock() < finish do
    start = rnn.clock()
    for _ = 1, block do f(v) end
    times[#times + 1] = (rnn.clock() - start) / block
  end
  table.sort(times)
  return times[(#times + 1) // 2]
end

local peer = PYTHON and machine.peer(("'%s' '%speer_ops.py'"):format(PYTHON, FOLDER))
local results = { processor = machine.processor(), isa = rnn.isa(), date = os.date("!%Y-%m-%d"), cases = {},
  peer = peer and peer { op = "version" }.version }
print(("%s, kernels %s, peer %s"):format(results.processor, results.isa, results.peer or "none"))
print(("%-12s %9s %2s %12s %12s %7s"):format("us an op", "elements", "", "rnnlua", "torch", "ratio"))
rnn.no_grad(function()
  for _, n in ipairs(SIZES) do
    local v = values(n)
    if peer then peer { op = "values", n = n } end
    for _, op in ipairs(OPS) do
      local name, f, torch = table.unpack(op)
      for threads = 1, 2 do
        rnn.threads(threads)
        local ours, theirs = math.huge, nil
        for _ = 1, TURNS do
          ours = math.min(ours, measure(f, v, SECONDS / TURNS))
          if peer then
            local t = peer { op = torch, threads = threads, seconds = SECONDS / TURNS }.median
            theirs = math.min(t, theirs or t)
          end
        end
        local ratio = theirs and theirs / ours
        print(("%-12s %9d %2d %12.3f %12s %7s"):format(name, n, threads, ours * 1e6,
          theirs and ("%.3f"):format(theirs * 1e6) or "-", ratio and ("%.2f"):format(ratio) or "-"))
        io.stdout:flush()
        results.cases[#results.cases + 1] = { op = name, elements = n, threads = threads, ours = ours, peer = theirs,
          ratio = ratio }
      end
    end
    assert(core.file_write(RESULT, rnn.json_encode(results, { indent = 2, sort = true }) .. "\n"))
  end
end)
