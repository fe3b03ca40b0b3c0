-- Makes a file without a name, to run it.
-- held by: 2
local fd, why = raw("memfd_create", "x", 0)
print(fd >= 0 and "ESCAPED" or why)
