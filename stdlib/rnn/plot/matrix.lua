-- The layout of a matrix: a cell for each value, darker for larger ones, with the names of its rows and columns. Gives
-- a display list, as layout.lua does for charts.
local style = require "rnn.plot.style"
local text = require "rnn.plot.text"

local SHADES = { [0] = " ", "░", "▒", "▓", "█" }

-- From white to the first colour of series.
local function color(share)
  local full = tonumber(style.of(1).rgb:sub(2), 16)
  local rgb = 0
  for shift = 16, 0, -8 do
    rgb = rgb | math.floor(255 + share * ((full >> shift & 255) - 255) + 0.5) << shift
  end
  return ("#%06x"):format(rgb)
end

local function widest(labels, measure)
  local most = 0
  for _, label in ipairs(labels) do most = math.max(most, measure(label)) end
  return most
end

-- Where the cells lie: their left and top edge and their width and height, in the lengths of the device.
local function frame_of(chart, device)
  local rows, columns = #chart.matrix, #chart.matrix[1]
  local room = device.width - device.left - device.right
  local names = math.min(widest(chart.rows, device.measure), room / 3)
  local frame = { names = names, left = device.left + names + device.label_gap,
    top = device.top + (chart.title and device.title_row or 0) + device.row }
  local share = (room - names - device.label_gap) / columns
  if device.grid then -- a picture is filled
    frame.width, frame.height = math.max(8, share), (device.height - frame.top - device.bottom) / rows
    return frame
  end
  local longest = widest(chart.columns, device.measure) + device.label_gap
  frame.width = math.max(2 * device.cell, math.min(longest, share)) // 2 * 2 -- whole characters
  frame.height = device.row
  return frame
end

local function cell(list, device, frame, share, x, y)
  if device.grid then
    list[#list + 1] = { op = "rect", role = "cell", x = x, y = y, w = frame.width, h = frame.height,
      color = color(share), series = 1 }
  else
    list[#list + 1] = { op = "text", role = "cell", x = x, y = y + device.ascent, anchor = "start", size = list.size,
      text = SHADES[math.floor(4 * share + 0.5)]:rep(math.max(1, frame.width // 2 - 1)), color = style.ink }
  end
end

---The display list of a matrix on a device.
---@param chart table { matrix, rows, columns, title }
---@param device table of style.image or style.terminal
---@return table
return function(chart, device)
  local list = { width = device.width, height = device.height, title = chart.title, size = device.size,
    title_size = device.title_size }
  local function put(x, y, s, ink, anchor, bold)
    list[#list + 1] = { op = "text", role = bold and "title" or "tick label", x = x, y = y, text = s, color = ink,
      size = bold and device.title_size or device.size, anchor = anchor, bold = bold }
  end
  local frame = frame_of(chart, device)
  if chart.title then
    put(device.left, device.top + device.title_ascent, text.fit(chart.title, device.width - device.left,
      function(s) return device.measure(s, true) end), style.ink, "start", true)
  end
  local low, high = 0, 0
  for _, row in ipairs(chart.matrix) do
    for _, v in ipairs(row) do low, high = math.min(low, v), math.max(high, v) end
  end
  for k, label in ipairs(chart.columns) do
    put(frame.left + (k - 1) * frame.width, frame.top - device.row + device.ascent,
      text.fit(label, frame.width - device.label_gap / 2, device.measure), style.soft, "start")
  end
  for i, row in ipairs(chart.matrix) do
    local y = frame.top + (i - 1) * frame.height
    put(frame.left - device.label_gap, y + (device.grid and frame.height / 2 + device.middle or device.ascent),
      text.fit(chart.rows[i], frame.names, device.measure), style.soft, "end")
    for k, v in ipairs(row) do
      cell(list, device, frame, high > low and (v - low) / (high - low) or 0, frame.left + (k - 1) * frame.width, y)
    end
  end
  return list
end
