-- Lets the library read a file.
-- held by: 1
local outside, inside = arg[1], arg[2]
local rnn = require "rnn"
local frame, why = rnn.data.csv(outside .. "/table.csv")
print(frame and "ESCAPED" or why)
