-- Reads from a file that was open when it started.
-- held by: the parent
local buffer = ("."):rep(16)
local n, why = raw("read", 9, buffer, 6)
print(n > 0 and "ESCAPED" or why)
