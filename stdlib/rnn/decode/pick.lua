-- pick.lua: elements of each row by their places.

local core = require "rnn.core"

--- pick(x, places) -> tensor
---
--- For each row of x the elements at its own places: x (N, V), places int32 (N, k) -> (N, k).
---@param x rnn.Tensor
---@param places rnn.Tensor
---@return rnn.Tensor
return function(x, places)
  local rows, k = places:shape()
  local starts = ((core.arange(rows) - 1) * x:size(2)):reshape(rows, 1)
  return x:reshape(-1):gather(1, (places + starts):reshape(-1)):reshape(rows, k)
end
