-- A chart becomes a display list: primitives in drawing order, in the lengths of a device (see style.lua).
--   { op = "rect", role, x, y, w, h, color, series }       filled
--   { op = "line", role = "grid" | "axis" | "tick" | "sample", x1, y1, x2, y2, color, width, series,
--     round = boolean (its ends), side = "x" | "y" (of a tick) }
--   { op = "polyline", role = "series", points = {x, y, x, y ...}, color, width, series }   round caps and joins
--   { op = "polygon", role = "band", points = {x, y ...}, color, series }   filled
--   { op = "text", role, x, y, text, size, color, anchor = "start" | "middle" | "end", bold }   y: baseline
-- All text is clean (text.clean) and cut to fit. The list knows its width, height and title.
local scales = require "rnn.plot.scales"
local style = require "rnn.plot.style"
local text = require "rnn.plot.text"
local trace = require "rnn.plot.trace"

-- Title, legend and y label stand above the plot, flush left: nothing is turned, and nothing covers the data.
local function header(list, chart, device)
  local y, room = device.top, device.width - device.left - device.right
  local function put(x, s, role, color, bold)
    list:text(x, y + (bold and device.title_ascent or device.ascent), s, role, color, "start", bold)
  end
  if chart.title then
    local s = text.fit(chart.title, room, function(t) return device.measure(t, true) end)
    put(device.left, s, "title", style.ink, true)
    y = y + device.title_row
  end
  local x, used = device.left, false
  for i, s in ipairs(chart.series) do
    if s.label then
      local label = text.fit(s.label, room - device.sample - device.sample_gap, device.measure)
      local width = device.sample + device.sample_gap + device.measure(label)
      if used and x + width > device.width - device.right then
        if y + 2 * device.row > device.height / 2 then break end -- the plot comes first
        x, y = device.left, y + device.row
      end
      local middle, inset = y + device.ascent - device.middle, device.sample_inset
      list:line(x + inset, middle, x + device.sample - device.cell - inset, middle, "sample", style.of(i).rgb,
        1.5 * device.line, i)
      put(x + device.sample + device.sample_gap, label, "label", style.ink)
      x, used = x + width + device.item_gap, true
    end
  end
  if used then y = y + device.row end
  if chart.ylabel then
    if y > device.top then y = y + device.header_gap / 2 end
    put(device.left, text.fit(chart.ylabel, room, device.measure), "label", style.soft)
    y = y + device.row
  end
  return y > device.top and y + device.header_gap or y
end

-- One tick says little: ask for more until there are two.
local function some_ticks(scale, count)
  local ticks
  for more = count, count + 4 do
    ticks = scale.ticks(more)
    if #ticks >= 2 then break end
  end
  return ticks
end

-- The most ticks whose labels keep their distance.
local function x_ticks(scale, frame, device)
  for count = math.max(1, (frame.right - frame.left) // device.x_tick_room), 1, -1 do
    local ticks, free, fits = scale.ticks(count), -math.huge, true
    for _, tick in ipairs(ticks) do
      local half = device.measure(tick.label) / 2
      local x = frame.x(tick.value)
      fits = fits and x - half >= free
      free = x + half + device.x_tick_gap
    end
    if fits then return ticks end
  end
  return {}
end

local function axes(list, chart, device, frame, xs, y_ticks)
  local axis_y, label_x = frame.bottom + device.axis_height / 2, frame.left - device.axis_width
  for _, tick in ipairs(y_ticks) do
    local y = frame.y(tick.value)
    if device.grid then
      list:line(frame.left, y, frame.right, y, "grid", style.grid, 1)
    else
      list:line(label_x, y, label_x, y, "tick", style.axis, 1, nil, "y")
    end
    list:text(label_x - device.label_gap, y + device.middle, tick.label, "tick label", style.soft, "end")
  end
  local row = frame.bottom + device.axis_height + device.tick + device.ascent
  for _, tick in ipairs(x_ticks(xs, frame, device)) do
    local x = frame.x(tick.value)
    list:line(x, axis_y, x, axis_y + device.tick, "tick", style.axis, 1, nil, "x")
    local half = device.measure(tick.label) / 2
    local at = math.max(half, math.min(x, device.width - half))
    list:text(at, row, tick.label, "tick label", style.soft, "middle")
  end
  if chart.xlabel then
    local label = text.fit(chart.xlabel, device.width, device.measure)
    local half = device.measure(label) / 2
    local at = math.max(half, math.min((frame.left + frame.right) / 2, device.width - half))
    list:text(at, row + device.row, label, "label", style.soft, "middle")
  end
end

local function baseline(list, device, frame)
  local y = frame.bottom + device.axis_height / 2
  if not device.grid then list:line(frame.left - 1, frame.top, frame.left - 1, y, "axis", style.axis, 1) end
  list:line(frame.left - device.axis_width / 2, y, frame.right, y, "axis", style.axis, 1)
end

-- Bars of a histogram: x holds the edges, one more than there are values.
local function bars(list, chart, device, frame)
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

local List = {}
List.__index = List

function List:add(primitive) self[#self + 1] = primitive end

function List:line(x1, y1, x2, y2, role, color, width, series, side)
  if self.snap and width == 1 then
    if x1 == x2 then x1, x2 = x1 // 1 + self.snap, x2 // 1 + self.snap end
    if y1 == y2 then y1, y2 = y1 // 1 + self.snap, y2 // 1 + self.snap end
  end
  self:add { op = "line", role = role, x1 = x1, y1 = y1, x2 = x2, y2 = y2, color = color, width = width,
    series = series, round = role == "sample", side = side }
end

function List:text(x, y, s, role, color, anchor, bold)
  local size = bold and self.title_size or self.size
  self:add { op = "text", role = role, x = x, y = y, text = s, size = size, color = color, anchor = anchor,
    bold = bold }
end

---The display list of a chart on a device.
---@param chart table
---@param device table of style.image or style.terminal
---@return table
local function layout(chart, device)
  if chart.matrix then return require "rnn.plot.matrix"(chart, device) end
  local list = setmetatable({ width = device.width, height = device.height, title = chart.title or chart.ylabel,
    size = device.size, title_size = device.title_size, snap = device.snap }, List)
  local xs, ys = scales.of(chart)
  local frame = { top = header(list, chart, device) }
  frame.bottom = device.height - device.bottom - device.row - device.tick - device.axis_height
    - (chart.xlabel and device.row or 0)
  -- In a terminal the last dot belongs to the frame, so lines end one dot before; bars fill whole dots.
  local height = frame.bottom - frame.top - (chart.bars and 0 or device.cell)
  function frame.y(v) return frame.top + (1 - ys.place(v)) * height end
  local y_ticks = some_ticks(ys, math.max(1, height // device.y_tick_room))
  local widest = 0
  for _, tick in ipairs(y_ticks) do widest = math.max(widest, device.measure(tick.label)) end
  frame.left = device.left + widest + device.label_gap + device.axis_width
  frame.right = device.width - device.right
  local width = frame.right - frame.left - (chart.bars and 0 or device.cell)
  function frame.x(v) return frame.left + xs.place(v) * width end

  axes(list, chart, device, frame, xs, y_ticks)
  local drawn = chart.bars and bars(list, chart, device, frame)
  baseline(list, device, frame)
  if not chart.bars then drawn = trace(list, chart, device, frame) end
  if not drawn then
    list:text((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, "no data", "label", style.soft, "middle")
  end
  return list
end

return layout
