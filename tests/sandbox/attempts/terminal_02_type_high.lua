-- The same with bits that a careless filter does not see.
-- held by: 2
local TIOCSTI = 0x5412
local done, why = raw("ioctl", 1, TIOCSTI | 1 << 32, "x")
print((done == 0 or why == "ENOTTY" or why == "EIO") and "ESCAPED" or why)
