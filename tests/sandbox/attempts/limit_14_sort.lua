-- Sorts with a comparator that lies and never ends.
-- limits: --time 1s
local t = {}
for i = 1, 1000 do t[i] = i end
while true do pcall(table.sort, t, function() return true end) end
