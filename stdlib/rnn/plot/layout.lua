-- A chart becomes a display list: primitives in drawing order, in the lengths of a device (see style.lua).
--   { op = "rect", role, x, y, w, h, color, series, down = boolean (a bar from its top) }       filled
--   { op = "boxes", boxes = {x, y, w, h ...}, color }       rectangles of one colour, for pictures of matrices
--   { op = "cell", x, y, w, text, shade, color, below, series }       characters of a matrix, for terminals
--   { op = "line", role = "grid" | "axis" | "tick" | "sample" | "zero" | "whisker" | "cap" | "median", x1, y1, x2, y2,
--     color, width, series, round = boolean (its ends), side = "x" | "y" (of a tick), dash }
--   { op = "polyline", role = "series", points = {x, y, x, y ...}, color, width, series, dash }   round caps and joins
--   { op = "polygon", role = "band", points = {x, y ...}, color, series }   filled
--   { op = "points", role, points = {x, y ...}, color, size, series, square, alone = boolean (the only series) }
--   { op = "text", role, x, y, text, size, color, anchor = "start" | "middle" | "end", bold, turned }   y: baseline;
--     turned: it runs upwards
-- dash, in a list of numbers: lengths drawn and left out, in widths of the line.
-- All text is clean (text.clean) and cut to fit. The list knows its width, height and title.
local axis = require "rnn.plot.axis"
local marks = require "rnn.plot.marks"
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
    if s.label and chart.legend ~= false then
      local label = text.fit(s.label, room - device.sample - device.sample_gap, device.measure)
      local width = device.sample + device.sample_gap + device.measure(label)
      if used and x + width > device.width - device.right then
        if y + 2 * device.row > device.height / 2 then break end -- the plot comes first
        x, y = device.left, y + device.row
      end
      local middle, inset = y + device.ascent - device.middle, device.sample_inset
      if chart.marks == "points" then
        list:add { op = "points", role = "sample", points = { x + device.sample / 2, middle }, color = style.of(i).rgb,
          size = 1.4 * device.point, series = i, square = style.dash(i) ~= nil }
      elseif chart.marks == "bars" then
        list:add { op = "rect", role = "sample", x = x, y = y + device.ascent - device.sample_height, w = device.sample,
          h = device.sample_height, color = style.of(i).rgb, series = i }
      else
        list:line(x + inset, middle, x + device.sample - device.cell - inset, middle, "sample", style.of(i).rgb,
          (style.dash(i) and 1 or 1.5) * device.line, i)
      end
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

-- The most ticks whose labels keep their distance, and two where there is room for them.
local function x_ticks(scale, frame, device)
  local width, gap = frame.right - frame.left, scale.named and device.name_gap or device.x_tick_gap
  local function fit(ticks)
    local free = -math.huge
    for _, tick in ipairs(ticks) do
      local half, x = device.measure(tick.label) / 2, frame.x(tick.value)
      if x - half < free then return false end
      free = x + half + gap
    end
    return true
  end
  local most = math.max(1, width // (scale.named and device.name_room or device.x_tick_room))
  local ticks = axis.some_ticks(scale, most)
  if scale.named then -- as many names as there is room for, long ones cut
    for _, tick in ipairs(ticks) do tick.label = text.fit(tick.label, width / #ticks - gap, device.measure) end
    return ticks
  end
  for count = most, 0, -1 do
    if fit(ticks) then return ticks end
    ticks = count > 0 and scale.ticks(count) or {}
  end
  return ticks
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

local List = {}
List.__index = List

function List:add(primitive) self[#self + 1] = primitive end

function List:line(x1, y1, x2, y2, role, color, width, series, side)
  if self.snap and width == 1 then
    if x1 == x2 then x1, x2 = x1 // 1 + self.snap, x2 // 1 + self.snap end
    if y1 == y2 then y1, y2 = y1 // 1 + self.snap, y2 // 1 + self.snap end
  end
  self:add { op = "line", role = role, x1 = x1, y1 = y1, x2 = x2, y2 = y2, color = color, width = width,
    series = series, round = role == "sample", side = side, dash = role == "sample" and style.dash(series) or nil }
end

function List:text(x, y, s, role, color, anchor, bold)
  local size = bold and self.title_size or self.size
  self:add { op = "text", role = role, x = x, y = y, text = s, size = size, color = color, anchor = anchor,
    bold = bold }
end

-- A drawing has one scale for x and y, the largest that its frame has room for, and lies in the middle.
local function free_frame(device, frame, xs, ys)
  frame.left, frame.right, frame.bottom = device.left, device.width - device.right, device.height - device.bottom
  local width, height = frame.right - frame.left - device.cell, frame.bottom - frame.top - device.cell
  local unit = math.min(width / (xs.hi - xs.lo), height / (ys.hi - ys.lo))
  local left = frame.left + (width - unit * (xs.hi - xs.lo)) / 2
  local top = frame.top + (height - unit * (ys.hi - ys.lo)) / 2
  function frame.x(v) return left + unit * (v - xs.lo) end
  function frame.y(v) return top + unit * (ys.hi - v) end
end

-- The frame between the labels of the axes, and the ticks of y.
local function labelled_frame(chart, device, frame, xs, ys, whole)
  frame.bottom = device.height - device.bottom - device.row - device.tick - device.axis_height
    - (chart.xlabel and device.row or 0)
  -- In a terminal the last dot belongs to the frame, so lines end one dot before; bars fill whole dots.
  local height = frame.bottom - frame.top - (whole and 0 or device.cell)
  function frame.y(v) return frame.top + (1 - ys.place(v)) * height end
  local y_ticks = axis.some_ticks(ys, math.max(1, height // device.y_tick_room))
  local widest = 0
  for _, tick in ipairs(y_ticks) do widest = math.max(widest, device.measure(tick.label)) end
  frame.left = device.left + widest + device.label_gap + device.axis_width
  frame.right = device.width - device.right
  local width = frame.right - frame.left - (whole and 0 or device.cell)
  function frame.x(v) return frame.left + xs.place(v) * width end
  return y_ticks
end

-- The display list, and how high the plot itself is.
local function draw(chart, device)
  local list = setmetatable({ width = device.width, height = device.height, title = chart.title or chart.ylabel,
    size = device.size, title_size = device.title_size, snap = device.snap }, List)
  local xs, ys = scales.of(chart)
  local frame = { top = header(list, chart, device) }
  local whole, drawn = chart.marks == "histogram" or chart.marks == "bars", false
  if chart.drawing then
    free_frame(device, frame, xs, ys)
  else
    axes(list, chart, device, frame, xs, labelled_frame(chart, device, frame, xs, ys, whole))
    drawn = whole and marks[chart.marks](list, chart, device, frame)
    baseline(list, device, frame)
  end
  if not whole then drawn = (marks[chart.marks] or trace)(list, chart, device, frame) end
  if not drawn then
    list:text((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, "no data", "label", style.soft, "middle")
  end
  return list, frame.bottom - frame.top - (whole and 0 or device.cell)
end

local GIVES_WAY = { "colorbar", "xlabel", "ylabel", "legend", "title" }

---The display list of a chart on a device. Where the height leaves nothing of the plot, what is around it gives way.
---@param chart table
---@param device table of style.image or style.terminal
---@return table
local function layout(chart, device)
  local shown = setmetatable({}, { __index = chart })
  local drawer = chart.matrix and require "rnn.plot.matrix" or draw
  for i = 0, #GIVES_WAY do
    if i > 0 then shown[GIVES_WAY[i]] = false end
    local list, height = drawer(shown, device)
    if height >= device.least or i == #GIVES_WAY then return list end
  end
end

return layout
