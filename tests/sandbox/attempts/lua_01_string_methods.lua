-- Puts its own format behind every string.
-- held by: 4
local methods = getmetatable("").__index
local real = methods.format
methods.format = function(...) return "mine" end
print(("%d"):format(3) == "mine" and "ESCAPED")
