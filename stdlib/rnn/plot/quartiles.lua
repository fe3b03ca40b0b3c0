-- The figures of a box plot.
local scales = require "rnn.plot.scales"

local WHISKER <const> = 1.5 -- heights of the box that a whisker is long, at most (Tukey 1977)

-- The quantile of sorted values, linear between neighbours.
local function quantile(sorted, share)
  local at = 1 + share * (#sorted - 1)
  local below = math.floor(at)
  local above = math.min(below + 1, #sorted)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
end

---@param values number[]
---@param positive boolean whether only those that a logarithmic axis can show count
---@return { q1: number, median: number, q3: number, low: number, high: number, outliers: number[] }? box nil without
---a value
return function(values, positive)
  local shown, sorted = positive and scales.positive or scales.finite, {}
  for _, v in ipairs(values) do
    if shown(v) then sorted[#sorted + 1] = v end
  end
  if #sorted == 0 then return nil end
  table.sort(sorted)
  local box = { outliers = {} }
  box.q1, box.median, box.q3 = quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)
  local reach = WHISKER * (box.q3 - box.q1)
  for _, v in ipairs(sorted) do
    if v < box.q1 - reach or v > box.q3 + reach then
      box.outliers[#box.outliers + 1] = v
    else
      box.low, box.high = box.low or v, v
    end
  end
  return box
end
