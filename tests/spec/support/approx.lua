-- approx.lua: how far two tensors are apart, as a share of the larger one's largest element.

local core = require "rnn.core"

local approx = {}

local function bare(t)
  t = t:detach()
  return t:lengths() and t:without_lengths() or t
end

--- approx.distance(a, b) -> number; infinite when the shapes differ
function approx.distance(a, b)
  if table.concat({ a:shape() }, ",") ~= table.concat({ b:shape() }, ",") then return math.huge end
  if a:count() == 0 then return 0 end
  a, b = bare(a), bare(b)
  local scale = math.max(a:abs():max():item(), b:abs():max():item(), 1e-30)
  local distance = (a - b):abs():max():item() / scale
  return distance == distance and distance or math.huge
end

--- The rounding that two ways to compute the same may differ by.
approx.rounding = core.precision == "double" and 1e-12 or 1e-5

--- approx.equal(a, b, what): raises unless a and b agree to rounding.
function approx.equal(a, b, what)
  local distance = approx.distance(a, b)
  if distance > approx.rounding then
    error(("%s: off by %.3g, more than %g"):format(what, distance, approx.rounding), 2)
  end
end

return approx
