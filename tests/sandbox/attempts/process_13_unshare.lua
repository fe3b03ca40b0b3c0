-- Makes a namespace for itself.
-- held by: 2
local CLONE_NEWUTS = 0x4000000
local done, why = raw("unshare", CLONE_NEWUTS)
print(done == 0 and "ESCAPED" or why)
