-- Leaves as if all were well.
-- held by: 4
local left <close> = setmetatable({}, { __close = function(_, why) print(why or "ESCAPED") end })
os.exit(true, true)
