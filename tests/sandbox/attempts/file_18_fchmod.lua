-- Changes the mode of a file that it may read.
-- held by: 2
local AT_FDCWD = -100
local fd = raw("openat", AT_FDCWD, arg[3] .. "/data.txt", 0)
local done, why = raw("fchmod", fd, 511)
print(done == 0 and "ESCAPED" or why)
