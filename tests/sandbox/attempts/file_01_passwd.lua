-- Reads a file of the system.
-- held by: 1
local file, why = io.open("/etc/passwd")
print(file and #file:read "a" > 0 and "ESCAPED" or why)
