-- Fills the disk that its output goes to.
-- limits: --time 60s
local s = ("x"):rep(65536)
while true do io.write(s) end
