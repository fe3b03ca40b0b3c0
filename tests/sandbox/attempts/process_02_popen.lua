-- Reads what a program says.
-- held by: 1 2 4
local pipe, why = io.popen "echo said"
print(pipe and pipe:read "a" == "said\n" and "ESCAPED" or why)
