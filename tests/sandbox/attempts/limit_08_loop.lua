-- Never ends.
-- limits: --time 1s
while true do end
