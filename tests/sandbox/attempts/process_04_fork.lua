-- Makes another process.
-- held by: 2
local SIGCHLD = 17
local id, why = raw("clone", SIGCHLD, 0, 0, 0, 0)
if id == 0 then os.exit(true, false) end
print(id > 0 and "ESCAPED" or why)
