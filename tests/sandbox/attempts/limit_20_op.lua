-- Computes for ever.
-- limits: --time 1s
local rnn = require "rnn"
local x = rnn.randn(1500, 1500)
while true do x = (x:matmul(x)):tanh() end
