-- Lets the library write.
-- held by: 1
local outside, inside = arg[1], arg[2]
local rnn = require "rnn"
local done, why = rnn.save(outside .. "/model.safetensors", rnn.nn.Linear(1, 1))
print(done and "ESCAPED" or why)
