-- Sends its parent a signal.
-- held by: 1 2
local done, why = raw("kill", raw "getppid", 0)
print(done == 0 and "ESCAPED" or why)
