-- Asks for a thread of another kind than pthread_create makes.
-- held by: 2
local CLONE_THREAD = 0x10000
local id, why = raw("clone", CLONE_THREAD, 0, 0, 0, 0)
print(why == "EINVAL" and "ESCAPED" or why)
