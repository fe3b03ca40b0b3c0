-- Puts its own function where the library calls one.
-- held by: 4
local taken
math.floor = function(...) taken = true return ... // 1 end
ipairs = function(t) taken = true return function(t, i) i = i + 1 if t[i] then return i, t[i] end end, t, 0 end
local rnn = require "rnn"
rnn.nn.LSTM(2, 3)
print(taken and "ESCAPED" or "the library has its own")
