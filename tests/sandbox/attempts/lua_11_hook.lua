-- Sets a hook, which would run inside of the library.
-- held by: 4
local seen
debug.sethook(function() seen = true end, "", 1)
local x = 1 + 1
debug.sethook()
print(seen and "ESCAPED")
