-- Changes the times of a file.
-- held by: 2
local outside, inside = arg[1], arg[2]
local AT_FDCWD = -100
local done, why = raw("utimensat", AT_FDCWD, outside .. "/target.txt", string.pack("i8i8i8i8", 1, 0, 1, 0), 0)
print(done == 0 and "ESCAPED" or why)
