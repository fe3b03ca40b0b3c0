-- Series to polylines: gaps where values are missing, dots for lone values, and never many more points than pixels.
local scales = require "rnn.plot.scales"
local style = require "rnn.plot.style"

-- Of all consecutive points within one pixel column the first, lowest, highest and last: the same picture with a
-- bounded number of points (Jugel et al. 2014, "M4").
local function thin(points)
  local out, i, n = {}, 1, #points
  while i < n do
    local column, first, last, low, high = points[i] // 1, i, i, i, i
    while last + 2 < n and points[last + 2] // 1 == column do
      last = last + 2
      if points[last + 1] < points[low + 1] then low = last end
      if points[last + 1] > points[high + 1] then high = last end
    end
    local kept = { first, math.min(low, high), math.max(low, high), last }
    for k, at in ipairs(kept) do
      if at ~= kept[k - 1] then
        out[#out + 1] = points[at]
        out[#out + 1] = points[at + 1]
      end
    end
    i = last + 2
  end
  return out
end

---Adds the lines of all series to list.
---@param list table
---@param chart table
---@param device table
---@param frame table
---@return boolean drawn whether there was anything to draw
return function(list, chart, device, frame)
  local drawn = false
  for index, s in ipairs(chart.series) do
    local points = {}
    local line = #s.y * 3 > frame.right - frame.left and device.fine_line or device.line
    local function finish()
      if #points == 0 then return end
      drawn = true
      local lone = #points == 2
      if lone then points[3], points[4] = points[1], points[2] end
      if #points > 8 * (frame.right - frame.left) then points = thin(points) end
      list:add { op = "polyline", role = "series", points = points, color = style.of(index).rgb,
        width = lone and device.point or line, series = index }
      points = {}
    end
    local xs, ys, finite = s.x, s.y, scales.finite
    local shown = chart.log_y and scales.positive or finite
    for i = 1, #ys do
      local x, y = xs[i], ys[i]
      if finite(x) and shown(y) then
        local n = #points
        points[n + 1], points[n + 2] = frame.x(x), frame.y(y)
      else
        finish()
      end
    end
    finish()
  end
  return drawn
end
