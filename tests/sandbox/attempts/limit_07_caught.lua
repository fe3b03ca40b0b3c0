-- Catches the error and asks again.
-- limits: --time 1s --memory 100M
while true do pcall(string.rep, "x", 1000000000) end
