-- Leaves a function that runs when all has ended.
-- held by: 4
setmetatable({}, { __gc = function() print "ESCAPED" end })
collectgarbage()
