-- Fills a table.
-- limits: --memory 100M
local t = {}
for i = 1, 20000000 do t[i] = i end
print "ESCAPED"
