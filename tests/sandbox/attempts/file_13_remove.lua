-- Removes a file.
-- held by: 1
local outside, inside = arg[1], arg[2]
local done, why = os.remove(outside .. "/target.txt")
print(done and "ESCAPED" or why)
