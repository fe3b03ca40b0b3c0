-- Asks the kernel for the network devices.
-- held by: 2
local fd, why = raw("socket", 16, 3, 0)
print(fd >= 0 and "ESCAPED" or why)
