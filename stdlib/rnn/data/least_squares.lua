-- least_squares.lua: linear models in closed form, without a matrix factorisation: conjugate gradients on the normal
-- equations (CGLS; Hestenes and Stiefel 1952), which only needs products with X and its transpose.

local core = require "rnn.core"

local RIDGE = 1e-6 -- of the mean square of X: for columns that are constant or repeat each other

-- W (P, K) that minimises |X W - Y|^2 + ridge |W|^2 for X (N, P), Y (N, K); each of the K columns steps on its own.
local function solve(x, y, ridge)
  local xt = x:transpose(1, 2)
  local w = core.zeros(x:size(2), y:size(2))
  local residual = y
  local gradient = core.matmul(xt, residual)
  local direction = gradient
  local square = gradient:square():sum(1, true)
  local enough = core.precision == "double" and 1e-24 or 1e-14
  local target = square * enough
  for _ = 1, math.max(100, 4 * x:size(2)) do
    local moved = core.matmul(x, direction)
    local curvature = moved:square():sum(1, true) + ridge * direction:square():sum(1, true)
    local step = square / curvature:maximum(1e-30)
    w = w + step * direction
    residual = residual - step * moved
    gradient = core.matmul(xt, residual) - ridge * w
    local next_square = gradient:square():sum(1, true)
    if (next_square - target):max():item() <= 0 then break end
    direction = gradient + next_square / square:maximum(1e-30) * direction
    square = next_square
  end
  return w
end

--- least_squares(x, y) -> predict
---
--- Fits y (N, K) as a linear function of x (N, P) with a constant; predict(x) gives (N, K).
---@param x rnn.Tensor
---@param y rnn.Tensor
---@return fun(x: rnn.Tensor): rnn.Tensor
return function(x, y)
  local x_mean, y_mean = x:mean(1), y:mean(1)
  local centred = x - x_mean
  local scale = math.sqrt(centred:square():mean():item())
  if scale == 0 then scale = 1 end
  local w = solve(centred / scale, y - y_mean, RIDGE * #x) / scale
  return function(new) return core.matmul(new - x_mean, w) + y_mean end
end
