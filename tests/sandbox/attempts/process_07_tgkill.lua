-- Sends a signal to a thread of another process.
-- held by: 1 2
local done, why = raw("tgkill", raw "getppid", raw "getppid", 0)
print(done == 0 and "ESCAPED" or why)
