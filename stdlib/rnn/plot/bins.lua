-- Counting for histograms.
local axis = require "rnn.plot.axis"
local scales = require "rnn.plot.scales"

local MOST <const> = 60 -- bars by default; more would be thinner than the eye wants

---Bars of equal width from the least to the largest value.
---@param values number[]
---@param bins? integer
---@return number[] edges one more than counts; both are empty when no value is finite
---@return integer[] counts
return function(values, bins)
  local n, lo, hi = 0, nil, nil
  for _, v in ipairs(values) do
    if scales.finite(v) then
      n, lo, hi = n + 1, math.min(lo or v, v), math.max(hi or v, v)
    end
  end
  if n == 0 then return {}, {} end
  lo, hi = axis.range(lo, hi)
  bins = bins or math.min(MOST, math.ceil(2 * n ^ (1 / 3))) -- Rice's rule
  local edges, counts = {}, {}
  for i = 1, bins do edges[i], counts[i] = lo + (hi - lo) * (i - 1) / bins, 0 end
  edges[bins + 1] = hi
  for _, v in ipairs(values) do
    if scales.finite(v) then
      local i = math.min(bins, math.floor((v - lo) / (hi - lo) * bins) + 1)
      counts[i] = counts[i] + 1
    end
  end
  return edges, counts
end
