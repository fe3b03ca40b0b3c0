-- Doubles a string until it is 500 MB.
-- limits: --memory 100M
local s = ("x"):rep(1000)
while #s < 500000000 do s = s .. s end
print "ESCAPED"
