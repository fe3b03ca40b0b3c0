-- Writes beside its folder.
-- held by: 1
local outside, inside = arg[1], arg[2]
local file, why = io.open(outside .. "/new.txt", "w")
print(file and file:write "x" and "ESCAPED" or why)
