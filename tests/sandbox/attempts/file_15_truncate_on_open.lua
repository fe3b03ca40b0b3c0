-- Empties a file that it may read, opening it to read (Landlock before ABI 3).
-- held by: 1 2
local AT_FDCWD, O_TRUNC = -100, 0x200
local fd, why = raw("openat", AT_FDCWD, arg[3] .. "/data.txt", O_TRUNC)
print(fd >= 0 and "ESCAPED" or why)
