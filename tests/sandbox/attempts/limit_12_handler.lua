-- Never ends in the handler of errors.
-- limits: --time 1s
xpcall(error, function() while true do end end)
