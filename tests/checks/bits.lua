-- bits.lua: SHA-256 of what operations, layers and training compute, a line each. With --deterministic the lines are
-- the same on every machine (tests/checks/aarch64.sh compares them).
local rnn, core = require "rnn", require "rnn.core"

rnn.seed(1)
local function say(name, tensor) print(name, core.sha256(tensor)) end

local x, y = rnn.randn(67, 45), rnn.randn(45, 33)
say("randn", x)
say("matmul", x:matmul(y))
for _, name in ipairs { "exp", "sin", "cos", "tanh", "sigmoid", "erf", "softplus", "relu" } do say(name, x[name](x)) end
for _, name in ipairs { "log", "sqrt" } do say(name, (x * x + 0.1)[name](x * x + 0.1)) end
for _, name in ipairs { "sum", "mean", "cumsum", "softmax", "max", "sort", "var", "log_softmax", "logsumexp" } do
  say(name, (x[name](x, 2)))
end
say("solve", rnn.linalg.solve(x:transpose(1, 2):matmul(x), y))

local function train(name, model, input, target)
  local optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.01 })
  for _ = 1, 5 do
    optimizer:zero_grad()
    rnn.nn.mse(model(input), target):backward()
    optimizer:step()
  end
  for i, parameter in ipairs(model:parameters()) do say(("%s %d"):format(name, i), parameter) end
end
local nn = rnn.nn
for _, cell in ipairs { "LSTM", "GRU", "RNN" } do
  train(cell, nn.Sequential { nn[cell](5, 19, { returns = "last" }), nn.Linear(19, 2) }, rnn.randn(9, 13, 5),
    rnn.randn(9, 2))
end
