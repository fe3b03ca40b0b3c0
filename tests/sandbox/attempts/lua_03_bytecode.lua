-- Loads bytecode.
-- held by: 4
local f, why = load(string.dump(function() return 1 end), "x", "b")
print(f and "ESCAPED" or string.dump and "ESCAPED" or why)
