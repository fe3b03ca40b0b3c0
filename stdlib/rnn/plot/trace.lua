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

-- The areas of one series, the first the palest; each stretch without a gap is one.
local function bands(list, chart, frame, index)
  local s = chart.series[index]
  local shown = chart.log_y and scales.positive or scales.finite
  local placed = chart.log_x and scales.positive or scales.finite
  for k, band in ipairs(s.bands or {}) do
    local there, back = {}, {}
    local function finish()
      for i = #back - 1, 1, -2 do
        there[#there + 1], there[#there + 2] = back[i], back[i + 1]
      end
      if #there > 0 then
        list:add { op = "polygon", role = "band", points = there, series = index,
          color = style.pale(index, 0.1 + 0.4 * k / (#s.bands + 1)) }
      end
      there, back = {}, {}
    end
    for i = 1, #s.x do
      if placed(s.x[i]) and shown(band[1][i]) and shown(band[2][i]) then
        local x, n = frame.x(s.x[i]), #there
        there[n + 1], there[n + 2] = x, frame.y(band[1][i])
        back[n + 1], back[n + 2] = x, frame.y(band[2][i])
      else
        finish()
      end
    end
    finish()
  end
end

---Adds the lines of all series to list.
---@param list table
---@param chart table
---@param device table
---@param frame table
---@return boolean drawn whether there was anything to draw
return function(list, chart, device, frame)
  local drawn = false
  for index in ipairs(chart.series) do bands(list, chart, frame, index) end
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
        width = lone and device.point or line, series = index, dash = not lone and style.dash(index) or nil }
      points = {}
    end
    local xs, ys, finite = s.x, s.y, scales.finite
    local shown = chart.log_y and scales.positive or finite
    local placed = chart.log_x and scales.positive or finite
    for i = 1, #ys do
      local x, y = xs[i], ys[i]
      if placed(x) and shown(y) then
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
