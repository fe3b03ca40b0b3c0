-- Reads through /proc/self/root.
-- held by: 1
local outside = arg[1]
local file, why = io.open("/proc/self/root" .. outside .. "/secret.txt")
print(file and #file:read "a" > 0 and "ESCAPED" or why)
