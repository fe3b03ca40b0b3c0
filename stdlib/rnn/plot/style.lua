-- The look: colours and sizes. Layout code reads lengths from a device, so one layout serves pixels and terminal dots.
local text = require "rnn.plot.text"

local style = {}

-- Okabe and Ito (2008), "Color Universal Design": told apart with every common kind of colour vision. Yellow is left
-- out, being too pale for lines on white. Each with its like in the 256 colours of terminals: those that are told apart
-- best of all that have contrast on black as on white (tests/spec/plot_color_spec.lua).
style.series = {
  { rgb = "#0072b2", ansi = 25 }, { rgb = "#d55e00", ansi = 124 }, { rgb = "#009e73", ansi = 35 },
  { rgb = "#cc79a7", ansi = 132 }, { rgb = "#e69f00", ansi = 172 }, { rgb = "#56b4e9", ansi = 110 },
  { rgb = "#4d4d4d", ansi = 239 },
}

---@param index integer of a series; past the last colour they start again
---@return table
function style.of(index) return style.series[(index - 1) % #style.series + 1] end

local DASHES = { { 4, 3 }, { 1, 3 }, { 6, 3, 1, 3 } }

---The dashes of a line: the colours begin again after the last, with dashes that tell the lines apart.
---@param index integer of a series
---@return number[]? dash
function style.dash(index)
  local round = (index - 1) // #style.series
  return round > 0 and DASHES[(round - 1) % #DASHES + 1] or nil
end

---@param index integer of a series
---@param share number of its colour, the rest being white
---@return string
function style.pale(index, share)
  return (style.of(index).rgb:gsub("%x%x", function(pair)
    return ("%02x"):format(math.floor(255 - share * (255 - tonumber(pair, 16)) + 0.5))
  end))
end

style.background, style.ink, style.soft = "#ffffff", "#1f2933", "#616e7c"
style.axis, style.grid = "#7b8794", "#e4e7eb"

---Lengths of a picture of width x height pixels.
---@param width number
---@param height number
function style.image(width, height)
  local device = {
    width = width, height = height,
    left = 24, right = 24, top = 22, bottom = 18, -- margins
    row = 19, title_row = 28, ascent = 13, middle = 4.2, -- of a row of text: height, baseline, centre above baseline
    title_size = 17, title_ascent = 16, size = 12.5,
    grid = true, snap = 0.5, axis_width = 0, axis_height = 0, -- snap: lines 1 wide fill whole pixels
    label_gap = 9, header_gap = 10, tick = 5,
    -- of the legend; inset: for round ends
    sample = 22, sample_height = 10, sample_inset = 1.5, sample_gap = 7, item_gap = 22,
    y_tick_room = 44, x_tick_room = 64, x_tick_gap = 16, name_room = 48, name_gap = 6,
    least = 40, -- height of a plot, for which labels give way
    -- fine_line: for series with a point every three pixels or closer
    cell = 0, line = 2, fine_line = 1.3, point = 5, bar_gap = 1,
  }
  function device.measure(s, bold) return text.width(s, bold and device.title_size or device.size, bold) end
  return device
end

---Lengths of a terminal picture in Braille dots; a character is 2 dots wide and 4 high.
---@param columns integer
---@param rows integer
---@param options { color: boolean|"rgb" }
function style.terminal(columns, rows, options)
  return {
    color = options.color, width = columns * 2, height = rows * 4,
    left = 0, right = 0, top = 0, bottom = 0,
    row = 4, title_row = 4, ascent = 2, middle = 0,
    title_size = 4, title_ascent = 2, size = 4,
    grid = false, axis_width = 2, axis_height = 4,
    label_gap = 2, header_gap = 0, tick = 0,
    sample = 8, sample_height = 2, sample_inset = 0, sample_gap = 2, item_gap = 6,
    y_tick_room = 12, x_tick_room = 20, x_tick_gap = 4, name_room = 12, name_gap = 2, least = 8,
    cell = 1, line = 1, fine_line = 1, point = 1, bar_gap = 0,
    measure = function(s) return text.columns(s) * 2 end,
  }
end

return style
