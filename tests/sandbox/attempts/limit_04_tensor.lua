-- Makes a tensor of 400 MB.
-- limits: --memory 100M
local x = require("rnn").zeros(10000, 10000)
print(x:size(1) == 10000 and "ESCAPED")
