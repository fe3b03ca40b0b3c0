-- Numbers that depend on every bit of products in bf16 and int8, forwards and backwards: they are the same on every
-- processor. rnnlua low_bits.lua
local core = require "rnn.core"
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

rnn.seed(5)
local marks = {}
local function mark(t) marks[#marks + 1] = ("%016x"):format(core.checksum(t)) end

-- Sizes around those of tiles and blocks; numbers of all sizes, subnormal and beyond the largest, but no NaN.
rnn.precision "bf16"
for _, size in ipairs { { 1, 1, 1 }, { 1, 70, 33 }, { 7, 33, 32 }, { 8, 31, 65 }, { 17, 64, 513 }, { 33, 5, 31 },
  { 40, 96, 130 } } do
  local m, n, k = table.unpack(size)
  local a, b = rnn.randn(m, k), rnn.randn(k, n)
  mark(rnn.matmul(a, b))
  mark(rnn.matmul(a:transpose(1, 2):copy():transpose(1, 2), b:transpose(1, 2):copy():transpose(1, 2)))
  mark(rnn.matmul(a * 1e-19, b * 1e-20))
  mark(rnn.matmul(a:abs() * 1e19, b:abs() * 3e18))
  mark(rnn.linear(a, b:transpose(1, 2):copy(), rnn.randn(n)))
end

local function train(make, ...)
  local model = make(...)
  local optimizer = optim.Adam(model:parameters(), { lr = 0.01 })
  local x, y = rnn.randn(9, 11, 5):with_lengths { 11, 3, 4, 11, 1, 0, 7, 8, 9 }, rnn.randn(9, 3)
  for _ = 1, 3 do
    optimizer:zero_grad()
    rnn.mse(model(x), y):backward()
    optimizer:step()
  end
  for _, p in ipairs(model:parameters()) do mark(p) end
  return model
end
local models = {}
for _, name in ipairs { "RNN", "LSTM", "GRU" } do
  models[#models + 1] = train(function()
    return nn.Sequential { nn[name](5, 33, { layers = 2, returns = "last" }), nn.Linear(33, 3) }
  end)
end
models[#models + 1] = train(function() return nn.Sequential { nn.LSTM(5, 40, { layer_norm = true, returns = "last" }),
  nn.Linear(40, 3) } end)
models[#models + 1] = train(function() return nn.Sequential { nn.Conv1d(5, 6, 3, { padding = "causal" }),
  nn.GRU(6, 8, { returns = "last" }), nn.Linear(8, 3) } end)
rnn.precision "float"

for _, model in ipairs(models) do
  model:eval():quantise { quiet = true }
  for _, n in ipairs { 1, 2, 9, 40 } do mark(rnn.no_grad(model, rnn.randn(n, 6, 5) * 3)) end
end
print(table.concat(marks, " "))
