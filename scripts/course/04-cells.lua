-- Memory cells: h(t) = f(x(t), h(t - 1)), and an output ŷ(t) that need not be the state h(t).
--
-- A sensor shows a slow signal and much noise. The cell keeps a mean that follows: its memory. It says how much x(t)
-- surprises it: its output. How fast it shall forget, a, is found by gradient descent, and theory knows the answer.
--
--   rnnlua scripts/course/04-cells.lua       draws it here, and into 04-cells.svg
local rnn = require "rnn"
local nn = rnn.nn
rnn.seed(4)

local Surprise = nn.cell("Surprise", function(self)
  self.a = rnn.full({ 1 }, 0.9):requires_grad(true)          -- a parameter; it begins far too high
end)

function Surprise:step(x, h)
  local y = x - h                                            -- ŷ(t): x(t) less what the memory expected
  h = h + self.a * y                                         -- h(t) = h(t - 1) + a (x(t) - h(t - 1))
  return y, h                                                -- the output, and the new state: two things
end

-- 200 sensors of 100 steps: the signal walks by steps of 0.1, the noise has the deviation 0.5.
local N <const>, T <const> = 200, 100
local signal = (rnn.randn(N, T, 1) * 0.1):cumsum(2)
local x = signal + rnn.randn(N, T, 1) * 0.5

local layer = nn.Recurrent(Surprise(1, 1))                   -- runs the cell over all steps
local opt = rnn.optim.SGD(layer:parameters(), { lr = 0.5 })
print "epoch       a    mean surprise²"
for epoch = 0, 40 do
  local loss = layer(x):square():mean()                      -- to be surprised as little as possible
  if epoch % 8 == 0 then print(("%5d  %.4f  %12.4f"):format(epoch, layer.cell.a:item(), loss:item())) end
  opt:zero_grad()
  loss:backward()                                            -- through 100 steps
  opt:step()
end

-- The best a of a steady Kalman filter, with q the variance of the walk and r that of the noise.
local q, r = 0.1 ^ 2, 0.5 ^ 2
print(("theory %.4f\n"):format((math.sqrt(q * q + 4 * q * r) - q) / (2 * r)))

layer:record { "h" }                                         -- keep what the state was at each step
local y = rnn.no_grad(function() return layer(x) end)
local h = layer:recorded().h
print(("error of the sensor %.3f, of the memory %.3f\n"):format((x - signal):square():mean():sqrt():item(),
  (h - signal):square():mean():sqrt():item()))
local function row(v) return v[1]:reshape(T):rows(1, 50) end    -- the first sensor, half of its steps
local figure = rnn.plot.series { ["x(t), the sensor"] = row(x), ["h(t), the memory"] = row(h), xlabel = "t",
  ["ŷ(t), the surprise"] = row(y), order = { "x(t), the sensor", "h(t), the memory" },
  title = "A cell whose output is not its state" }
assert(figure:save "04-cells.svg")
