-- Back-propagation through time by hand, beside the engine. The loss looks at Ŷ(2), Ŷ(3), Ŷ(4) only.
--
--   rnnlua scripts/course/07-bptt.lua        draws it here, and into 07-bptt.svg
local rnn = require "rnn"
rnn.seed(7)

local m, inputs, neurons = 8, 3, 4
local X, target = rnn.randn(m, 5, inputs), rnn.randn(m, 3, neurons)          -- X(0) to X(4), Y(2) to Y(4)
local layer = rnn.nn.RNN(inputs, neurons)
local W_x, W_y, b = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0

-- 1. The network unrolled: one copy of the weights for each step, so that each step has gradients of its own.
local W, Y, H, before = {}, {}, {}, rnn.zeros(m, neurons)
for t = 0, 4 do
  W[t] = { x = W_x:detach():copy():requires_grad(true), y = W_y:detach():copy():requires_grad(true),
    b = b:detach():copy():requires_grad(true) }
  H[t] = (rnn.linear(X:select(2, t + 1), W[t].x, W[t].b) + rnn.linear(before, W[t].y)):tanh():retain_grad()
  Y[t] = (H[t] * 1):retain_grad()                                            -- what leaves the layer as Ŷ(t)
  before = H[t]                                                              -- what goes on to the next step
end
local loss = (rnn.stack({ Y[2], Y[3], Y[4] }, 2) - target):square():mean()   -- C(Ŷ(2), Ŷ(3), Ŷ(4))
loss:backward()

local outs, flows = {}, {}
print " t   |∂C/∂Ŷ(t)|   |∂C/∂h(t)|   |∂C/∂W_x| of step t"
for t = 0, 4 do
  local out = Y[t].grad and Y[t].grad:norm():item() or 0                     -- nil: C does not look at Ŷ(t)
  outs[t + 1], flows[t + 1] = out, H[t].grad:norm():item()
  print(("%2d %12.5f %12.5f %14.5f"):format(t, out, flows[t + 1], W[t].x.grad:norm():item()))
end

-- 2. The weights are shared: their gradient is the sum over all steps.
local sum_x, sum_y = rnn.zeros(neurons, inputs), rnn.zeros(neurons, neurons)
for t = 0, 4 do
  sum_x = sum_x + W[t].x.grad
  if W[t].y.grad then sum_y = sum_y + W[t].y.grad end
end

-- 3. The engine: the same network as a layer, and one call of backward.
local all = layer(X):retain_grad()                                           -- (8, 5, 4)
local cost = (all:slice(2, 3, 5) - target):square():mean()                   -- Ŷ(2..4) are the steps 3 to 5
cost:backward()
local function same(a, c) return tostring((a - c):abs():max():item() < 1e-6) end
print("\nthe same loss:                      " .. same(loss:detach(), cost:detach()))
print("∂C/∂W_x is the sum over the steps:  " .. same(sum_x, W_x.grad))
print("∂C/∂W_ŷ is the sum over the steps:  " .. same(sum_y, W_y.grad))
print("∂C/∂Ŷ(0) and ∂C/∂Ŷ(1) of the layer: " .. all.grad:slice(2, 1, 2):abs():max():item())

print()
local figure = rnn.plot.lines({ { x = { 0, 1, 2, 3, 4 }, y = flows, label = "|∂C/∂h(t)|" },
  { x = { 0, 1, 2, 3, 4 }, y = outs, label = "|∂C/∂Ŷ(t)|" } },
  { title = "The gradient arrives at steps whose output the loss ignores", xlabel = "t", height = 300 })
assert(figure:save "07-bptt.svg")
