-- Makes a device of its own, the disk.
-- held by: 1 2
local AT_FDCWD, S_IFBLK = -100, 0x6000
local done, why = raw("mknodat", AT_FDCWD, arg[2] .. "/disk", S_IFBLK + 511, 254 << 8)
print(done == 0 and "ESCAPED" or why)
