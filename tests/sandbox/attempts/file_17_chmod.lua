-- Opens a file to all.
-- held by: 2
local outside, inside = arg[1], arg[2]
local AT_FDCWD = -100
local done, why = raw("fchmodat", AT_FDCWD, outside .. "/target.txt", 511)
print(done == 0 and "ESCAPED" or why)
