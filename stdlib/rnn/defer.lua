-- defer.lua: what is to be done when a block is left, however that happens.

--- defer(f) -> value to be closed
---
--- f runs at the end of the block, also when an error ends it: local _ <close> = defer(function() ... end).
---@param f function
return function(f)
  return setmetatable({}, { __close = function() f() end })
end
