-- Reads through a link that lies in its folder.
-- held by: 1
local outside, inside = arg[1], arg[2]
local file, why = io.open(inside .. "/planted")
print(file and #file:read "a" > 0 and "ESCAPED" or why)
