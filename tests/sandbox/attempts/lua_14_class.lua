-- Lets the library make what has a finaliser.
-- held by: 4
local Class = require "rnn".nn.module("Class", function() end)
Class.__gc = function() print "ESCAPED" end
Class()
collectgarbage()
