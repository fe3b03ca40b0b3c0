-- Makes a link to a file and reads through it.
-- held by: 1 2
local outside, inside = arg[1], arg[2]
local AT_FDCWD = -100
local made, why = raw("symlinkat", outside .. "/secret.txt", AT_FDCWD, inside .. "/link")
local file, also = io.open(inside .. "/link")
print(file and "ESCAPED" or ("%s %s"):format(why, also))
