-- Keeps many coroutines.
-- limits: --memory 100M
local all = {}
for i = 1, 300000 do
  all[i] = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(all[i])
end
print "ESCAPED"
