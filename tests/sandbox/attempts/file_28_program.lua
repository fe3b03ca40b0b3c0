-- Makes a program, which runs as its owner.
-- held by: 2
local AT_FDCWD, O_CREAT, O_WRONLY = -100, 0x40, 1
local fd, why = raw("openat", AT_FDCWD, arg[2] .. "/program", O_CREAT + O_WRONLY, 2541) -- 04755
print(fd >= 0 and "ESCAPED" or why)
