-- Unstable gradients: what is left of the gradient 100 steps back, by initial weights and activation.
--
--   rnnlua scripts/course/11-unstable.lua    draws it here, and into 11-unstable.svg
local rnn = require "rnn"
local nn = rnn.nn

local T <const>, UNITS <const> = 100, 32
local CASES <const> = { -- name, activation, initial recurrent weights, their factor
  { "tanh, uniform ±0.05 (too small)", "tanh", "uniform", 1 },
  { "tanh, Glorot", "tanh", "glorot_uniform", 1 },
  { "tanh, orthogonal", "tanh", "orthogonal", 1 },
  { "tanh, orthogonal × 1.5", "tanh", "orthogonal", 1.5 },
  { "ReLU, He", "relu", "he_normal", 1 },
  { "ReLU, orthogonal × 0.5", "relu", "orthogonal", 0.5 },
  { "ReLU, orthogonal × 1.5", "relu", "orthogonal", 1.5 },
}

local lines = {}
print "                                  |∂C/∂h(1)| / |∂C/∂h(100)|    largest h(100)"
for i, case in ipairs(CASES) do
  local name, activation, recurrent, factor = table.unpack(case)
  rnn.seed(11)
  local layer = nn.RNN(4, UNITS, { activation = activation, recurrent = recurrent, returns = "both" }):watch()
  local W = layer.weight_hh_l0:detach()
  W:assign(W * factor)
  local _, _, last = layer(rnn.randn(64, T, 4) * 0.3)      -- 64 sequences; C looks at the last step alone
  last:square():mean():backward()
  local flow = layer:flow()[1][2]:select(2, 1)             -- |∂C/∂h(t)| for each t
  local y = flow / flow[T]
  print(("%-34s %16.1e %21.2g"):format(name, y[1], last:detach():abs():max():item()))
  lines[i] = { y = y:clamp(1e-20, 1e20), label = name }
end
print()
local figure = rnn.plot.lines(lines, { title = "The gradient on its way back", xlabel = "t",
  ylabel = "|∂C/∂h(t)| / |∂C/∂h(100)|", log_y = true })
assert(figure:save "11-unstable.svg")
