-- Matrix products by our kernels and by OpenBLAS, one thread, both precisions: what rnn.blas chooses between.
--
--   rnnlua blas.lua     prints a table in Markdown, in multiply-adds a nanosecond: the best of several runs, by turns
--
-- OpenBLAS chooses its own kernels for the processor: variables that say otherwise are taken away. Products of less
-- than 64 x 64 x 64 multiply-adds, and of one row, are ours whatever is chosen. The recurrent shapes are those of an
-- LSTM with 256 units and 64 inputs, batches of 32 and 64 steps: x W for all steps, the gradients of W and of U,
-- of x, and one step.
local rnn = require "rnn"

local SHAPES = { -- rows, columns, inner
  { 64, 64, 64 }, { 128, 128, 128 }, { 256, 256, 256 }, { 512, 512, 512 }, { 1024, 1024, 1024 },
  { 2048, 2048, 2048 }, { 4096, 4096, 4096 }, { 2048, 1024, 64 }, { 1024, 64, 2048 }, { 1024, 256, 2048 },
  { 2048, 64, 1024 }, { 32, 1024, 256 },
}

-- Seconds of the processor for one product, the best of as many as fit into a moment: other programs do not count.
local function seconds(a, b, work)
  local times, best = math.max(1, math.floor(2e7 / work)), math.huge
  local finish = os.clock() + 0.15
  repeat
    local start = os.clock()
    for _ = 1, times do rnn.matmul(a, b) end
    best = math.min(best, (os.clock() - start) / times)
  until os.clock() > finish
  return best
end

if arg[1] == "measure" then
  rnn.threads(1)
  for _, shape in ipairs(SHAPES) do
    local m, n, k = table.unpack(shape)
    local a, b, best = rnn.randn(m, k), rnn.randn(k, n), { own = math.huge, openblas = math.huge }
    for _ = 1, m * n * k > 1e10 and 1 or 3 do
      for name in pairs(best) do
        rnn.blas(name)
        best[name] = math.min(best[name], seconds(a, b, m * n * k))
      end
    end
    local work = m * n * k * 1e-9
    print(work / best.own, work / best.openblas)
  end
  return
end

local columns = {}
for i, precision in ipairs { "", " --double" } do
  local command = ("env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE %s%s %s measure"):format(arg[-1], precision, arg[0])
  local pipe, rows = assert(io.popen(command)), {}
  for line in pipe:lines() do
    local own, openblas = line:match "(%S+)%s+(%S+)"
    rows[#rows + 1] = { tonumber(own), tonumber(openblas) }
  end
  assert(pipe:close())
  columns[i] = rows
end
print "| m x n x k | float: own | OpenBLAS | double: own | OpenBLAS |"
print "|---|---:|---:|---:|---:|"
for i, shape in ipairs(SHAPES) do
  print(("| %d x %d x %d | %.1f | %.1f | %.1f | %.1f |"):format(shape[1], shape[2], shape[3], columns[1][i][1],
    columns[1][i][2], columns[2][i][1], columns[2][i][2]))
end
