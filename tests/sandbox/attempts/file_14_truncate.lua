-- Empties a file that it may not write.
-- held by: 1 2
local outside, inside = arg[1], arg[2]
local done, why = raw("truncate", outside .. "/target.txt", 0)
print(done == 0 and "ESCAPED" or why)
