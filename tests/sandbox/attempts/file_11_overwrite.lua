-- Writes over a file.
-- held by: 1
local outside, inside = arg[1], arg[2]
local file, why = io.open(outside .. "/target.txt", "a")
print(file and file:write "x" and "ESCAPED" or why)
