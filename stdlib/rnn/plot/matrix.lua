-- The layout of a matrix: a cell for each value, with the names of its rows and columns or with axes, and the colour
-- bar that says what the colours mean. Gives a display list, as layout.lua does for charts.
local axis = require "rnn.plot.axis"
local colormap = require "rnn.plot.colormap"
local scales = require "rnn.plot.scales"
local style = require "rnn.plot.style"
local text = require "rnn.plot.text"

local SHADES = { [0] = " ", "░", "▒", "▓", "█" }
local WRITTEN <const> = 12 -- rows and columns of a matrix whose values are written into it, at most
local MISSING <const> = "#d3d7dc" -- the colour of what is not finite
local BAR <const>, BAR_GAP <const> = 14, 16 -- of a picture: width of the colour bar, and its distance
local BAR_STEPS <const> = 64
local LEAST_CELL <const> = 2 -- of a picture: smaller cells are drawn as their mean

local function finite(v) return type(v) == "number" and scales.finite(v) end

-- ---- values to colours ----

-- From what to what the colours run: a diverging map lies evenly around 0.
local function limits(chart)
  if chart.range then return chart.range[1], chart.range[2] end
  local lo, hi
  for _, row in ipairs(chart.matrix) do
    for _, v in ipairs(row) do
      if finite(v) then lo, hi = math.min(lo or v, v), math.max(hi or v, v) end
    end
  end
  lo, hi = lo or 0, hi or 1
  if lo == hi then lo, hi = math.min(lo, 0), math.max(hi, 0, lo == 0 and 1 or 0) end
  if chart.map == "diverging" or not chart.map and lo < 0 and hi > 0 then
    local most = math.max(-lo, hi)
    return -most, most
  end
  return lo, hi
end

local function shades_of(chart)
  local lo, hi = limits(chart)
  local map = chart.map or (lo < 0 and hi > 0 and "diverging" or "sequential")
  local shades = { lo = lo, hi = hi, map = map }
  function shades.share(v) return math.max(0, math.min(1, (v - lo) / (hi - lo))) end
  function shades.color(v)
    if type(v) == "string" then return v end -- of an image in colour
    return finite(v) and colormap.color(map, shades.share(v)) or MISSING
  end
  -- Without colours: how much ink; of a diverging map the distance from its middle.
  function shades.ink(v)
    if type(v) == "string" then return SHADES[math.floor(4 * colormap.luminance(v) ^ 0.5 + 0.5)] end
    if not finite(v) then return "·" end
    local share = shades.share(v)
    return SHADES[math.floor(4 * (map == "diverging" and math.abs(2 * share - 1) or share) + 0.5)]
  end
  return shades
end

-- Blocks of rows x columns values as one: their mean, or of colours the one in the middle.
local function reduced(matrix, rows, columns)
  if rows <= 1 and columns <= 1 then return matrix end
  local out = {}
  for top = 1, #matrix, rows do
    local line = {}
    for left = 1, #matrix[1], columns do
      local bottom, right = math.min(top + rows - 1, #matrix), math.min(left + columns - 1, #matrix[1])
      local sum, count = 0, 0
      for i = top, bottom do
        for k = left, right do
          local v = matrix[i][k]
          if finite(v) then sum, count = sum + v, count + 1 end
        end
      end
      line[#line + 1] = count > 0 and sum / count or matrix[(top + bottom) // 2][(left + right) // 2]
    end
    out[#out + 1] = line
  end
  return out
end

-- The values as text: whole numbers as they are, others with as many digits as tell them apart. nil: no room or wish.
local function written(chart)
  local matrix = chart.matrix
  local small = #matrix <= WRITTEN and #matrix[1] <= WRITTEN
  if chart.values == false or chart.pixels or chart.values == nil and (not small or chart.axes) then return nil end
  local whole, most = true, 0
  for _, row in ipairs(matrix) do
    for _, v in ipairs(row) do
      if finite(v) then whole, most = whole and v == v // 1, math.max(most, math.abs(v)) end
    end
  end
  local form = whole and most < 1e6 and "%.0f" or most >= 1e4 and "%.1e" or most >= 100 and "%.0f"
    or most >= 10 and "%.1f" or (most >= 0.1 or most == 0) and "%.2f" or "%.1e"
  local out, longest = {}, 1
  for i, row in ipairs(matrix) do
    out[i] = {}
    for k, v in ipairs(row) do
      local s = finite(v) and form:format(v) or "–"
      s = s:gsub("^%-([0.]*)$", "%1"):gsub("^%-", "−"):gsub("e([+-])0*(%d)", "e%1%2"):gsub("e%+", "e")
      out[i][k], longest = s, math.max(longest, utf8.len(s))
    end
  end
  return out, longest
end

-- ---- names ----

local function widest(labels, measure)
  local most = 0
  for _, label in ipairs(labels) do most = math.max(most, measure(label)) end
  return most
end

-- How many names share one label: numbers are shown at multiples of 1, 2, 5, 10 ...
local function every(numbered, needed)
  local step = math.max(1, math.ceil(needed - 1e-9))
  if not numbered then return step end
  local power = 10 ^ math.floor(math.log(step, 10) + 1e-9)
  for _, m in ipairs { 1, 2, 5, 10 } do
    if m * power >= step then return math.tointeger(m * power) end
  end
end

local function labelled(i, numbered, step)
  if numbered then return i % step == 0 or step == 1 end
  return (i - 1) % step == 0
end

-- ---- drawing ----

local List = {}
List.__index = List

function List:text(x, y, s, role, color, anchor, bold, turned)
  self[#self + 1] = { op = "text", role = role, x = x, y = y, text = s, color = color, anchor = anchor, bold = bold,
    size = bold and self.title_size or self.size, turned = turned }
end

local function new_list(chart, device)
  return setmetatable({ width = device.width, height = device.height, title = chart.title, size = device.size,
    title_size = device.title_size }, List)
end

local function title(list, chart, device)
  if not chart.title then return device.top end
  local s = text.fit(chart.title, device.width - device.left, function(t) return device.measure(t, true) end)
  list:text(device.left, device.top + device.title_ascent, s, "title", style.ink, "start", true)
  return device.top + device.title_row
end

-- The gradient at the right edge of a picture, with its ticks.
local function picture_bar(list, device, shades, frame)
  local scale = axis.linear(shades.lo, shades.hi)
  local x, height = frame.right + BAR_GAP, frame.bottom - frame.top
  for i = 0, BAR_STEPS - 1 do
    local from, to = height * i // BAR_STEPS, height * (i + 1) // BAR_STEPS
    if to > from then
      list[#list + 1] = { op = "boxes", boxes = { x, frame.bottom - to, BAR, to - from },
        color = shades.color(shades.lo + (shades.hi - shades.lo) * (i + 0.5) / BAR_STEPS) }
    end
  end
  for _, tick in ipairs(frame.bar_ticks) do
    local y = frame.bottom - scale.place(tick.value) * height
    list[#list + 1] = { op = "line", role = "tick", x1 = x + BAR, y1 = y, x2 = x + BAR + 3, y2 = y, color = style.axis,
      width = 1 }
    list:text(x + BAR + 6, y + device.middle, tick.label, "tick label", style.soft, "start")
  end
end

-- Cells of one colour beside each other are one box, boxes of one colour one primitive. Edges are whole pixels, so that
-- no seam shows.
local function picture_cells(list, matrix, shades, frame)
  local by_color, order = {}, {}
  local function edge(from, to, n, i) return math.floor(from + (to - from) * i / n + 0.5) end
  for i, row in ipairs(matrix) do
    local y, y2 = edge(frame.top, frame.bottom, #matrix, i - 1), edge(frame.top, frame.bottom, #matrix, i)
    local k = 1
    while k <= #row do
      local color, last = shades.color(row[k]), k
      while last < #row and shades.color(row[last + 1]) == color do last = last + 1 end
      local x, x2 = edge(frame.left, frame.right, #row, k - 1), edge(frame.left, frame.right, #row, last)
      if not by_color[color] then
        order[#order + 1] = color
        by_color[color] = {}
      end
      local boxes = by_color[color]
      for _, v in ipairs { x, y, x2 - x, y2 - y } do boxes[#boxes + 1] = v end
      k = last + 1
    end
  end
  for _, color in ipairs(order) do list[#list + 1] = { op = "boxes", boxes = by_color[color], color = color } end
end

local function picture_values(list, chart, device, shades, frame)
  local strings, longest = written(chart)
  if not strings then return end
  local width, height = (frame.right - frame.left) / #chart.matrix[1], (frame.bottom - frame.top) / #chart.matrix
  local room = device.measure(("0"):rep(longest))
  if room > width - 4 or height < device.size + 3 then return end
  for i, row in ipairs(strings) do
    for k, s in ipairs(row) do
      list:text(frame.left + (k - 0.5) * width, frame.top + (i - 0.5) * height + device.middle, s, "value",
        colormap.ink(shades.color(chart.matrix[i][k])), "middle")
    end
  end
end

-- Numbers on the axes of a matrix that spans ranges: x below, y at the left from the bottom up.
local function picture_axes(list, chart, device, frame, xs, ys)
  for _, tick in ipairs(frame.y_ticks) do
    local y = frame.bottom - ys.place(tick.value) * (frame.bottom - frame.top)
    list[#list + 1] = { op = "line", role = "tick", x1 = frame.left - 5, y1 = y, x2 = frame.left, y2 = y,
      color = style.axis, width = 1 }
    list:text(frame.left - device.label_gap, y + device.middle, tick.label, "tick label", style.soft, "end")
  end
  local room = math.max(1, (frame.right - frame.left) // device.x_tick_room)
  for _, tick in ipairs(axis.some_ticks(xs, room)) do
    local x = frame.left + xs.place(tick.value) * (frame.right - frame.left)
    list[#list + 1] = { op = "line", role = "tick", x1 = x, y1 = frame.bottom, x2 = x, y2 = frame.bottom + 5,
      color = style.axis, width = 1 }
    list:text(x, frame.bottom + 5 + device.ascent, tick.label, "tick label", style.soft, "middle")
  end
  if chart.xlabel then
    list:text((frame.left + frame.right) / 2, frame.bottom + 5 + device.ascent + device.row,
      text.fit(chart.xlabel, frame.right - frame.left, device.measure), "label", style.soft, "middle")
  end
end

local function picture_names(list, chart, device, frame, names)
  local rows, columns = #chart.matrix, #chart.matrix[1]
  local width, height = (frame.right - frame.left) / columns, (frame.bottom - frame.top) / rows
  local step = every(chart.rows_numbered, device.size * 1.15 / height)
  for i, label in ipairs(chart.rows) do
    if labelled(i, chart.rows_numbered, step) then
      list:text(frame.left - device.label_gap, frame.top + (i - 0.5) * height + device.middle,
        text.fit(label, names, device.measure), "tick label", style.soft, "end")
    end
  end
  local base = frame.top - 6
  step = every(chart.columns_numbered, (frame.turned and device.size * 1.15
    or widest(chart.columns, device.measure) + (chart.columns_numbered and 14 or 6)) / width)
  for k, label in ipairs(chart.columns) do
    if labelled(k, chart.columns_numbered, step) then
      local x = frame.left + (k - 0.5) * width
      if frame.turned then
        list:text(x + device.middle, base, text.fit(label, frame.turned, device.measure), "tick label", style.soft,
          "start", nil, true)
      else
        list:text(x, base, label, "tick label", style.soft, "middle")
      end
    end
  end
  if chart.ylabel then
    list:text(frame.left - device.label_gap, base, text.fit(chart.ylabel, names, device.measure), "label", style.soft,
      "end")
  end
end

-- The largest whole frame of the image's own proportions.
local function keep_proportions(frame, matrix)
  local side = math.min((frame.right - frame.left) / #matrix[1], (frame.bottom - frame.top) / #matrix)
  if side >= 1 then side = math.floor(side) end
  frame.right, frame.bottom = frame.left + side * #matrix[1], frame.top + side * #matrix
end

local function picture(chart, device)
  local list, shades = new_list(chart, device), shades_of(chart)
  local frame = { top = title(list, chart, device), left = device.left, right = device.width - device.right,
    bottom = device.height - device.bottom }
  local measure, names = device.measure, 0
  local xs, ys
  if chart.axes then
    xs, ys = axis.linear(chart.axes[1], chart.axes[2]), axis.linear(chart.axes[3], chart.axes[4])
    if chart.ylabel then
      list:text(device.left, frame.top + device.ascent, text.fit(chart.ylabel, frame.right - frame.left, measure),
        "label", style.soft, "start")
      frame.top = frame.top + device.row
    end
    frame.top = frame.top + device.header_gap
    frame.bottom = frame.bottom - device.row - 5 - (chart.xlabel and device.row or 0)
    frame.y_ticks = axis.some_ticks(ys, math.max(1, (frame.bottom - frame.top) // device.y_tick_room))
    for _, tick in ipairs(frame.y_ticks) do names = math.max(names, measure(tick.label)) end
  elseif not chart.pixels then
    names = math.min(math.max(widest(chart.rows, measure), chart.ylabel and measure(chart.ylabel) or 0),
      (frame.right - frame.left) / 3)
  end
  if names > 0 then frame.left = frame.left + names + device.label_gap end
  frame.bar_ticks = {}
  if chart.colorbar then
    frame.bar_ticks = axis.some_ticks(axis.linear(shades.lo, shades.hi), math.max(2, (frame.bottom - frame.top) // 60))
    local room = 0
    for _, tick in ipairs(frame.bar_ticks) do room = math.max(room, measure(tick.label)) end
    frame.right = frame.right - BAR_GAP - BAR - 6 - room
  end
  if not chart.axes and not chart.pixels then
    if chart.xlabel then
      list:text((frame.left + frame.right) / 2, frame.top + device.ascent,
        text.fit(chart.xlabel, frame.right - frame.left, measure), "label", style.soft, "middle")
      frame.top = frame.top + device.row
    end
    local longest, width = widest(chart.columns, measure), (frame.right - frame.left) / #chart.matrix[1]
    if longest + 6 > width and not chart.columns_numbered then
      frame.turned = math.min(longest, (frame.bottom - frame.top) / 3)
      frame.top = frame.top + frame.turned + 6
    else
      frame.top = frame.top + device.row
    end
  end
  if chart.pixels then keep_proportions(frame, chart.matrix) end
  for _, side in ipairs { "left", "right", "top", "bottom" } do frame[side] = math.floor(frame[side] + 0.5) end
  local least = chart.pixels and 1 or LEAST_CELL
  local shown = reduced(chart.matrix, math.ceil(#chart.matrix * least / (frame.bottom - frame.top)),
    math.ceil(#chart.matrix[1] * least / (frame.right - frame.left)))
  picture_cells(list, shown, shades, frame)
  picture_values(list, chart, device, shades, frame)
  if chart.axes then
    picture_axes(list, chart, device, frame, xs, ys)
  elseif not chart.pixels then
    picture_names(list, chart, device, frame, names)
  end
  if chart.colorbar then picture_bar(list, device, shades, frame) end
  return list, frame.bottom - frame.top
end

-- ---- in a terminal: everything in characters ----

-- With colours a character of a picture holds two cells, one above the other.
local function characters(chart, device)
  local list, shades = new_list(chart, device), shades_of(chart)
  local columns, row = device.width // 2, title(list, chart, device) // 4
  local function put(column, s, role, anchor) -- in the current row
    list:text(column * 2, row * 4 + device.ascent, s, role, style.soft, anchor or "start")
  end
  local function fit(s, room) return text.fit(s, room, text.columns) end
  local framed = chart.axes ~= nil or chart.pixels
  local row_names = chart.rows
  if chart.axes then
    row_names = { axis.linear(chart.axes[3], chart.axes[4]).label(4) }
  elseif chart.pixels then
    row_names = {}
  end
  local names = math.min(math.max(widest(row_names, text.columns),
    chart.ylabel and not framed and text.columns(chart.ylabel) or 0), columns // 3)
  local left = names > 0 and names + 1 or 0
  local room = math.max(1, columns - left)
  local strings, longest = written(chart)
  local footer = (chart.colorbar and 1 or 0) + (chart.axes and 1 or 0) + (chart.axes and chart.xlabel and 1 or 0)
  local header = (chart.xlabel and not framed and 1 or 0) + (chart.ylabel and chart.axes and 1 or 0)
    + (framed and 0 or 1)
  local room_below = device.height - 4 * (row + header + footer)
  local rows = math.max(1, room_below // 4)
  local half = framed and device.color -- two cells in a character
  local by_row = math.ceil(#chart.matrix / (half and 2 * rows or rows))
  local by_column = math.ceil(#chart.matrix[1] / room)
  if chart.pixels then
    by_row = math.max(by_row, half and by_column or (by_column + 1) // 2)
    by_column = half and by_row or math.max(by_column, by_row // (half and 1 or 2))
  end
  if framed and not half and by_row == 1 and chart.pixels then by_row = 2 end -- characters are twice as high as wide
  if by_row > 1 or by_column > 1 then strings = nil end
  local matrix = reduced(chart.matrix, by_row, by_column)
  local width = math.max(1, room // #matrix[1])
  if framed then
    width = chart.pixels and 1 or math.min(width, math.max(1, 60 // #matrix[1]))
  else
    local wanted = math.max(by_column == 1 and widest(chart.columns, text.columns) + 1 or 1,
      strings and longest + (device.color and 2 or 4) or 2)
    if strings and width < longest + (device.color and 1 or 3) then strings = nil end
    width = math.min(width, wanted)
  end
  if chart.ylabel and chart.axes then
    put(0, fit(chart.ylabel, columns), "label")
    row = row + 1
  end
  if not framed then
    if chart.xlabel then
      put(left, fit(chart.xlabel, room), "label")
      row = row + 1
    end
    if chart.ylabel then put(names, fit(chart.ylabel, names), "label", "end") end
    local needed = chart.columns_numbered and (widest(chart.columns, text.columns) + 1) / width
      or math.min(widest(chart.columns, text.columns) + 1, 5) / width
    local step = every(chart.columns_numbered, needed)
    for k = 1, #matrix[1] do
      local at = (k - 1) * by_column + 1
      if by_column == 1 and labelled(k, chart.columns_numbered, step)
        or by_column > 1 and (k - 1) % math.ceil(needed) == 0 then
        local from, label = left + (k - 1) * width, chart.columns[at]
        if not chart.columns_numbered then -- a number is whole or not there
          label = fit(label, math.min(width * math.max(1, step) - 1, columns - from))
        end
        if from + text.columns(label) <= columns then put(from, label, "tick label") end
      end
    end
    row = row + 1
  end
  local cells_width = #matrix[1] * width
  for i = 1, #matrix, half and 2 or 1 do
    if not framed then
      put(names, fit(chart.rows[(i - 1) * by_row + 1], names), "tick label", "end")
    elseif chart.axes and (i == 1 or i >= #matrix - (half and 1 or 0)) then
      put(names, row_names[i == 1 and 2 or 1], "tick label", "end")
    end
    for k, v in ipairs(matrix[i]) do
      local shade = shades.ink(v)
      local cell = { op = "cell", x = (left + (k - 1) * width) * 2, y = row * 4, color = shades.color(v),
        w = not framed and not device.color and math.max(1, width - 1) or width }
      if strings then
        local s = (" "):rep(longest - utf8.len(strings[i][k])) .. strings[i][k]
        cell.text = device.color and (" "):rep(width - 1 - longest) .. s .. " " or shade .. " " .. s
      else
        cell.shade = shade
      end
      if half then cell.below = matrix[i + 1] and shades.color(matrix[i + 1][k]) or style.background end
      list[#list + 1] = cell
    end
    row = row + 1
  end
  if chart.axes then
    local xs = axis.linear(chart.axes[1], chart.axes[2])
    local from, to = xs.label(4)
    put(left, from, "tick label")
    put(left + cells_width, to, "tick label", "end")
    row = row + 1
    if chart.xlabel then
      put(left + cells_width // 2, fit(chart.xlabel, cells_width), "label", "middle")
      row = row + 1
    end
  end
  if chart.colorbar then
    local from, to = axis.linear(shades.lo, shades.hi).label(4)
    local steps = math.max(5, math.min(24, room - #from - #to - 2))
    put(left, from, "tick label")
    local at = left + text.columns(from) + 1
    if not device.color then steps = shades.map == "diverging" and 9 or 5 end
    for i = 0, steps - 1 do
      local v = shades.lo + (shades.hi - shades.lo) * i / (steps - 1)
      list[#list + 1] = { op = "cell", x = (at + i) * 2, y = row * 4, w = 1, color = shades.color(v),
        shade = shades.ink(v) }
    end
    put(at + steps + 1, to, "tick label")
    row = row + 1
  end
  list.height = row * 4
  return list, room_below >= 4 * #chart.matrix and math.max(room_below, device.least) or room_below
end

---The display list of a matrix on a device.
---@param chart table { matrix, rows, columns, rows_numbered, columns_numbered, axes = { x from, x to, y from, y to },
---  pixels = boolean, title, xlabel, ylabel, map, range, values, colorbar }
---@param device table of style.image or style.terminal
---@return table list
---@return number height of the cells, or more where they need no more
return function(chart, device) return (device.grid and picture or characters)(chart, device) end
