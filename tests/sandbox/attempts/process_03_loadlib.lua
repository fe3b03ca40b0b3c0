-- Loads a library.
-- held by: 4
local f, why = package.loadlib("libz.so.1", "zlibVersion")
print(f and "ESCAPED" or why)
