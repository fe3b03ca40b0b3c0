-- Catches what would end it.
-- limits: --time 1s
while true do pcall(function() while true do end end) end
