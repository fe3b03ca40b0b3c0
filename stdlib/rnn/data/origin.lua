-- origin.lua: of which frame a tensor has the rows, so that data.windows knows where there are holes in time.

local origin = { of = setmetatable({}, { __mode = "k" }) }

--- origin.same(y, x) -> y
---
--- y has the rows of x.
function origin.same(y, x)
  origin.of[y] = origin.of[x]
  return y
end

return origin
