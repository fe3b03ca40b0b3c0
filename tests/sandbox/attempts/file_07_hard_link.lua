-- Makes a hard link into its folder.
-- held by: 1 2
local outside, inside = arg[1], arg[2]
local AT_FDCWD = -100
local made, why = raw("linkat", AT_FDCWD, outside .. "/secret.txt", AT_FDCWD, inside .. "/hard", 0)
print(made == 0 and io.open(inside .. "/hard") and "ESCAPED" or why)
