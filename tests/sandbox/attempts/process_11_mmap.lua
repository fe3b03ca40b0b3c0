-- Asks for memory that can be run.
-- held by: 2
local at, why = raw("mmap", 0, 4096, 7, 0x22, -1, 0)
print(at > 0 and "ESCAPED" or why)
