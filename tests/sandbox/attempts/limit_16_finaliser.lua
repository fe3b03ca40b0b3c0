-- Never ends in a finaliser.
-- limits: --time 1s
setmetatable({}, { __gc = function() while true do end end })
collectgarbage()
print "ESCAPED"
while true do end
