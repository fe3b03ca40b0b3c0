-- Writes for ever.
-- limits: --time 1s
while true do io.write(("x"):rep(10000)) end
