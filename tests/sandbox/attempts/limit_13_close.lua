-- Never ends when a variable goes.
-- limits: --time 1s
do local x <close> = setmetatable({}, { __close = function() while true do end end }) end
