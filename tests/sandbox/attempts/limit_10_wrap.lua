-- Never ends, in a coroutine that catches all.
-- limits: --time 1s
while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end
