-- A network with a loop: it gets one pulse and then nothing. What is left of the pulse is memory.
--
--   rnnlua scripts/course/01-loop.lua        draws it here, and into 01-loop.svg
local rnn = require "rnn"

print [[
  without a loop      with a loop        the loop, unrolled through time

        ŷ              ŷ ──────┐           ŷ(1)      ŷ(2)      ŷ(3)
        │              │       │            │         │         │
     ┌──┴──┐        ┌──┴──┐    │         ┌──┴──┐   ┌──┴──┐   ┌──┴──┐
     │  φ  │        │  φ  │◄───┘    0 ──►│  φ  ├──►│  φ  ├──►│  φ  ├──► ...
     └──▲──┘        └──▲──┘    w_ŷ       └──▲──┘   └──▲──┘   └──▲──┘
        │              │                    │         │         │
        x              x                   x(1)      x(2)      x(3)
]]

local STEPS <const> = 20
local x = rnn.zeros(1, STEPS, 1)               -- one sequence of 20 steps with one number each
x[1][2]:fill_(1)                               -- a pulse at t = 2, nothing before and after

-- ŷ(t) = tanh(w_x x(t) + w_ŷ ŷ(t - 1)): one neuron whose weights are set by hand.
local function neuron(w_y)
  local layer = rnn.nn.RNN(1, 1)
  layer.weight_ih_l0:detach():fill_(1)         -- w_x; detach: a write that belongs to no training
  layer.weight_hh_l0:detach():fill_(w_y)       -- the loop; bias_ih_l0, b, begins at 0
  return rnn.no_grad(function() return layer(x):reshape(STEPS) end)
end

local lines = {}
print("  w_ŷ    ŷ(2)    ŷ(3)    ŷ(6)   ŷ(20)")
for i, w_y in ipairs { 0, 0.5, 0.9, 1.2 } do
  local y = neuron(w_y)
  print(("%5.1f %7.3f %7.3f %7.3f %7.3f"):format(w_y, y[2], y[3], y[6], y[20]))
  lines[i] = { y = y, label = ("w_ŷ = %g"):format(w_y) }
end
print()
local figure = rnn.plot.lines(lines, { title = "What a neuron remembers of a pulse at t = 2", xlabel = "t",
  ylabel = "ŷ(t)" })
assert(figure:save "01-loop.svg")
