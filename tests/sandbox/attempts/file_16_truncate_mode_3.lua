-- The same with the access mode 3, which neither reads nor writes.
-- held by: 1 2
local AT_FDCWD, O_TRUNC = -100, 0x200
local fd, why = raw("openat", AT_FDCWD, arg[3] .. "/data.txt", O_TRUNC + 3)
print(fd >= 0 and "ESCAPED" or why)
