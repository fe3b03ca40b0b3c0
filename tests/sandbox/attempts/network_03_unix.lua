-- Opens a UNIX socket.
-- held by: 2
local fd, why = raw("socket", 1, 1, 0)
print(fd >= 0 and "ESCAPED" or why)
