-- Reads with .. out of its folder.
-- held by: 1
local outside, inside = arg[1], arg[2]
local file, why = io.open(inside .. "/../outside/secret.txt")
print(file and #file:read "a" > 0 and "ESCAPED" or why)
