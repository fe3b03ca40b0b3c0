-- Looks into the functions of the library.
-- held by: 4
local rnn = require "rnn"
print(debug.getupvalue(rnn.fit, 1) and "ESCAPED")
