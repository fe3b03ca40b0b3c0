-- Opens a TCP socket.
-- held by: 2
local fd, why = raw("socket", 2, 1, 0)
print(fd >= 0 and "ESCAPED" or why)
