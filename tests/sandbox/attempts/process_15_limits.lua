-- Raises its limits.
-- held by: 2 3
local RLIMIT_CORE, most = 4, string.pack("jj", 1, 1)
local done, why = raw("prlimit64", 0, RLIMIT_CORE, most, 0)
print(done == 0 and "ESCAPED" or why)
