-- Makes a FIFO, for somebody to wait at.
-- held by: 1 2
local outside, inside = arg[1], arg[2]
local AT_FDCWD, S_IFIFO = -100, 0x1000
local done, why = raw("mknodat", AT_FDCWD, inside .. "/fifo", S_IFIFO + 511, 0)
print(done == 0 and "ESCAPED" or why)
