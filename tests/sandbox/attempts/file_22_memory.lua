-- Reads its own memory as a file.
-- held by: 1
local file, why = io.open "/proc/self/mem"
print(file and "ESCAPED" or why)
