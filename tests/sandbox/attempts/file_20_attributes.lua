-- Writes an attribute of a file that it may read.
-- held by: 2
local done, why = raw("setxattr", arg[3] .. "/data.txt", "user.x", "1", 1, 0)
print(done == 0 and "ESCAPED" or why)
