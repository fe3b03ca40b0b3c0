-- Everything that is drawn into a frame but lines (trace.lua): points, bars, histograms and boxes. Each function is
-- f(list, chart, device, frame) -> whether there was anything to draw.
local scales = require "rnn.plot.scales"
local style = require "rnn.plot.style"

local marks = {}

---Bars of a histogram: x holds the edges, one more than there are values.
function marks.histogram(list, chart, device, frame)
  local s = chart.series[1]
  for i, v in ipairs(s.y) do
    local from, to, top = frame.x(s.x[i]), frame.x(s.x[i + 1]), frame.y(v)
    local gap = to - from > 4 * device.bar_gap and device.bar_gap or 0
    if v > 0 then
      list:add { op = "rect", role = "bar", x = from + gap / 2, y = top, w = to - from - gap, h = frame.bottom - top,
        color = style.of(1).rgb, series = 1 }
    end
  end
  return #s.y > 0
end

local SLOT <const> = 0.8 -- of the room of a name, for its bars

---Bars side by side, from 0 up or down.
function marks.bars(list, chart, device, frame)
  local shown, drawn = chart.log_y and scales.positive or scales.finite, false
  local zero = chart.log_y and frame.bottom or frame.y(0)
  if not device.grid then zero = math.floor(zero + 0.5) // device.row * device.row end -- the row of its label
  local share = SLOT / #chart.series
  for index, s in ipairs(chart.series) do
    for i, v in ipairs(s.y) do
      if shown(v) then
        local from = frame.x(i - SLOT / 2 + share * (index - 1))
        local top, w = frame.y(v), frame.x(i - SLOT / 2 + share * index) - from
        local gap = w > 4 * device.bar_gap and #chart.series > 1 and device.bar_gap or 0
        local down = v < 0 and not chart.log_y
        list:add { op = "rect", role = "bar", x = from + gap / 2, y = down and zero or math.min(top, zero), w = w - gap,
          h = math.max(0, down and top - zero or zero - top), down = down, color = style.of(index).rgb, series = index }
        drawn = true
      end
    end
  end
  if drawn and zero < frame.bottom - 1 then
    list:line(frame.left, zero, frame.right, zero, "zero", style.axis, 1)
  end
  return drawn
end

---Boxes of Tukey (1977): quartiles with the median, whiskers to the outermost values within 1.5 times the distance of
---the quartiles, and the values beyond as points.
function marks.boxes(list, chart, device, frame)
  local drawn = false
  for index, s in ipairs(chart.series) do
    local box = s.box
    if box then
      drawn = true
      local middle = frame.x(index)
      local half = math.min(frame.x(index + 0.3) - middle, 60)
      local low, q1, median, q3, high = frame.y(box.low), frame.y(box.q1), frame.y(box.median), frame.y(box.q3),
        frame.y(box.high)
      local color = style.of(1).rgb
      local function line(x1, y1, x2, y2, role, width) list:line(x1, y1, x2, y2, role, color, width, 1) end
      line(middle, high, middle, q3, "whisker", device.fine_line)
      line(middle, q1, middle, low, "whisker", device.fine_line)
      line(middle - half / 2, high, middle + half / 2, high, "cap", device.fine_line)
      line(middle - half / 2, low, middle + half / 2, low, "cap", device.fine_line)
      list:add { op = "rect", role = "box", x = middle - half, y = q3, w = 2 * half, h = q1 - q3,
        color = style.pale(1, 0.4), series = 1 }
      line(middle - half, median, middle + half, median, "median", device.line)
      local points = {}
      for _, v in ipairs(box.outliers) do
        points[#points + 1] = middle
        points[#points + 1] = frame.y(v)
      end
      if #points > 0 then
        list:add { op = "points", role = "series", points = points, color = color, size = device.point, series = 1 }
      end
    end
  end
  return drawn
end

---Points; of those that fall on the same place one.
function marks.points(list, chart, device, frame)
  local drawn = false
  local shown_x = chart.log_x and scales.positive or scales.finite
  local shown_y = chart.log_y and scales.positive or scales.finite
  for index, s in ipairs(chart.series) do
    local points, taken = {}, {}
    for i, y in ipairs(s.y) do
      if shown_x(s.x[i]) and shown_y(y) then
        local px, py = frame.x(s.x[i]), frame.y(y)
        local place = (px * 2 + 0.5) // 1 * 65536 + (py * 2 + 0.5) // 1
        if not taken[place] then
          taken[place] = true
          points[#points + 1] = px
          points[#points + 1] = py
        end
      end
    end
    if #points > 0 then
      drawn = true
      list:add { op = "points", role = "series", points = points, color = style.of(index).rgb,
        size = #points > 2000 and device.point / 2 or device.point, series = index, alone = #chart.series == 1,
        square = style.dash(index) ~= nil }
    end
  end
  return drawn
end

return marks
