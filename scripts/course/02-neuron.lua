-- One recurrent neuron by hand (eq. 15-1), beside the same neuron as a layer.
--
--   ŷ(t) = φ(W_xᵀ x(t) + W_ŷᵀ ŷ(t - 1) + b),  ŷ(0) = 0,  φ = tanh
--
--   rnnlua scripts/course/02-neuron.lua      draws it here, and into 02-neuron.svg
local rnn = require "rnn"

local x = { { 1, 0 }, { 0, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 }, { 0, 0 } }   -- x(1) to x(6): two inputs each
local W_x, W_y, b = { 0.8, -0.6 }, 0.7, 0.1
print(("W_x = (%g, %g)   W_ŷ = %g   b = %g\n"):format(W_x[1], W_x[2], W_y, b))

-- With numbers alone. Lua has exp, so tanh is one line.
local function tanh(a) return 1 - 2 / (math.exp(2 * a) + 1) end

local now, before, outputs = {}, {}, {}
local y = 0                                    -- ŷ(0): there is nothing to remember yet
print(" t   x(t)     W_xᵀ x(t)   W_ŷ ŷ(t-1)      sum     ŷ(t)")
for t = 1, #x do
  now[t] = W_x[1] * x[t][1] + W_x[2] * x[t][2]
  before[t] = W_y * y
  y = tanh(now[t] + before[t] + b)
  outputs[t] = y
  print(("%2d   (%d, %d) %11.4f %12.4f %8.4f %8.4f"):format(t, x[t][1], x[t][2], now[t], before[t],
    now[t] + before[t] + b, y))
end

-- As a layer, with the same weights. It takes batches, (N, T, D): here 1 sequence, 6 steps, 2 inputs.
local layer = rnn.nn.RNN(2, 1)
layer.weight_ih_l0:detach():assign(rnn.tensor { W_x })         -- (1, 2): neurons, inputs
layer.weight_hh_l0:detach():fill_(W_y)                         -- (1, 1)
layer.bias_ih_l0:detach():fill_(b)                             -- (1)
local Y, state = rnn.no_grad(function() return layer(rnn.tensor { x }) end)

local difference = (Y:reshape(#x) - rnn.tensor(outputs)):abs():max():item()
print("\nlayer(x) has the shape " .. table.concat({ Y:shape() }, " × "))
print("its numbers are those above:        " .. tostring(difference < 1e-6))
print("the state it ends in is the last ŷ: " .. tostring(state[1]:item() == Y[1][6]:item()) .. "\n")

local figure = rnn.plot.lines({ { y = now, label = "W_xᵀ x(t), the input" },
  { y = before, label = "W_ŷ ŷ(t-1), the memory" }, { y = outputs, label = "ŷ(t), the output" } },
  { title = "One neuron, two inputs, six steps", xlabel = "t" })
assert(figure:save "02-neuron.svg")
