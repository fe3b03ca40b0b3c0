-- mapped.lua [MEGABYTES]: batches from files that are in the page cache against batches from memory, without a model:
-- data.arrays, data.windows and data.tokens, shuffled, and text.stream. The best of five passes each.
local rnn = require "rnn"
local core = require "rnn.core"
local data, text = rnn.data, rnn.text
local bytes = (tonumber(arg[1]) or 200) << 20
local folder = assert(core.folder_scratch())
rnn.seed(1)
local series = rnn.randn(bytes // 64, 16)
local ids = rnn.randint and (rnn.rand(bytes // 4) * 1000):floor():to_int() + 1
assert(rnn.npy_write(folder .. "/series.npy", series))
assert(rnn.npy_write(folder .. "/ids.npy", ids))
local file_series, file_ids = assert(data.open(folder .. "/series.npy")), assert(data.open(folder .. "/ids.npy"))
file_series:sum() file_ids:max() -- warms the cache
local shuffled = { size = 64, shuffle = true, seed = 1 }
local CASES = {
  { "data.arrays, rows of 64 bytes", function(s) return data.arrays(s):batches(shuffled) end },
  { "data.windows of 64 steps", function(s) return data.windows(s, { length = 64, stride = 8 }):batches(shuffled) end },
  { "data.tokens of 64", function(_, i) return data.tokens(i, { length = 64, stride = 16 }):batches(shuffled) end },
  { "text.stream of 64", function(_, i) return text.stream(i, { size = 64, length = 64 }) end },
}
for _, case in ipairs(CASES) do
  local sources, best = { case[2](series, ids), case[2](file_series, file_ids) }, { math.huge, math.huge }
  for _ = 1, 5 do
    for k, source in ipairs(sources) do
      local begun, n = rnn.clock(), 0
      for _ in source do
        n = n + 1
        if n == 3000 then break end
      end
      best[k] = math.min(best[k], (rnn.clock() - begun) / n)
    end
  end
  print(("%-32s memory %8.1f us a batch, file %8.1f us: %+.1f %%"):format(case[1], best[1] * 1e6, best[2] * 1e6,
    100 * (best[2] / best[1] - 1)))
end
core.folder_remove(folder)
