-- A layer of five neurons over a mini-batch of four instances: both forms of eq. 15-2 give the same numbers.
--
--   Ŷ(t) = φ(X(t) W_x + Ŷ(t - 1) W_ŷ + b)
--        = φ([X(t)  Ŷ(t - 1)] W + b)         with W = [W_x; W_ŷ], one above the other
--
--   rnnlua scripts/course/03-layer.lua       draws it here, and into 03-layer.svg
local rnn = require "rnn"
rnn.seed(15)

-- The two steps of the book: 4 instances, 3 inputs. In X(2) the second instance sees nothing but zeros.
local X = {
  rnn.tensor { { 0, 1, 2 }, { 3, 4, 5 }, { 6, 7, 8 }, { 9, 0, 1 } } / 10,
  rnn.tensor { { 9, 8, 7 }, { 0, 0, 0 }, { 6, 5, 4 }, { 3, 2, 1 } } / 10,
}
local m, inputs, neurons = 4, 3, 5
local W_x, W_y, b = rnn.randn(inputs, neurons), rnn.randn(neurons, neurons) * 0.5, rnn.randn(neurons) * 0.1

-- 1. Two products.
local separate, Y = {}, rnn.zeros(m, neurons)                     -- Ŷ(0) = 0
for t = 1, 2 do
  Y = (X[t]:matmul(W_x) + Y:matmul(W_y) + b):tanh()
  separate[t] = Y
end

-- 2. One product: inputs and outputs side by side, the weights one above the other.
local W = rnn.concat({ W_x, W_y }, 1)                             -- (3 + 5, 5)
local joined
joined, Y = {}, rnn.zeros(m, neurons)
for t = 1, 2 do
  Y = (rnn.concat({ X[t], Y }, 2):matmul(W) + b):tanh()           -- (4, 3 + 5) times (8, 5)
  joined[t] = Y
end

-- 3. The layer keeps its weights as (neurons, inputs), so they come in transposed.
local layer = rnn.nn.RNN(inputs, neurons)
layer.weight_ih_l0:detach():assign(W_x:transpose(1, 2))
layer.weight_hh_l0:detach():assign(W_y:transpose(1, 2))
layer.bias_ih_l0:detach():assign(b)
local all = rnn.no_grad(function() return (layer(rnn.stack(X, 2))) end)   -- (4, 2, 3) -> (4, 2, 5)

local function same(a, c) return tostring((a - c):abs():max():item() < 1e-6) end
print("X(t) is 4 × 3, W_x 3 × 5, Ŷ(t) 4 × 5, W_ŷ 5 × 5, W 8 × 5, b has 5 numbers")
print("the two forms agree:      " .. same(separate[2], joined[2]))
print("the layer agrees:         " .. same(separate[2], all:select(2, 2)))
print("weights to be learnt:     " .. W:count() + b:count() .. ", for any number of instances and steps")
print("\nŶ(2) of instance 2, whose input is zero at t = 2, and φ(b), what it would be without memory:")
print(separate[2][2])
print(b:tanh())

local names = {}
for t = 1, 2 do for i = 1, m do names[#names + 1] = ("Ŷ(%d), instance %d"):format(t, i) end end
local figure = rnn.plot.matrix(rnn.concat(separate, 1), { rows = names, title = "Five neurons, four instances" })
assert(figure:save "03-layer.svg")
