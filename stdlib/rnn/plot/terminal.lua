-- The terminal back end: a display list as lines of text. Curves are Braille dots (two by four in a character), bars
-- are eighth blocks; without UTF-8 both are plain ASCII. Pure: the same list and options give the same bytes anywhere.
local colormap = require "rnn.plot.colormap"
local style = require "rnn.plot.style"
local text = require "rnn.plot.text"

local BLANK <const> = 0x2800
local DOT = { [0] = { [0] = 0x01, 0x02, 0x04, 0x40 }, { [0] = 0x08, 0x10, 0x20, 0x80 } } -- [column][row] in its cell
local MARKS = { "*", "+", "o", "x", "#", "@", "%" }
local FILLS = { "█", "▒", "░", "▓" } -- of bars without colours
-- Without colours series are told apart by their dashes: dots drawn, dots left out.
local DASHES = { false, { 1, 1 }, { 4, 2 }, { 1, 3 }, { 6, 2 }, { 2, 2 }, { 3, 3 } }
local PLAIN = { ["─"] = "-", ["│"] = "|", ["┬"] = "+", ["┤"] = "+", ["└"] = "+", ["−"] = "-", ["…"] = "~",
  ["░"] = ".", ["▒"] = "+", ["▓"] = "#", ["█"] = "@", ["·"] = "?", ["–"] = "-", ["┌"] = "+", ["┐"] = "+", ["┘"] = "+",
  ["├"] = "+", ["┴"] = "+", ["▀"] = "#", ["▔"] = " ", ["•"] = "o" }
local DIM <const>, BOLD <const> = "2", "1"

local function round(v) return math.floor(v + 0.5) end

local function mark(series) return MARKS[(series - 1) % #MARKS + 1] end

-- The code of a colour, in the foreground (38) or the background (48). depth: as the option color.
local function sgr_code(where, depth, rgb, ansi)
  if depth ~= "rgb" then return ("%d;5;%d"):format(where, ansi or colormap.ansi(rgb)) end
  return ("%d;2;%d;%d;%d"):format(where, colormap.parts(rgb))
end

local Canvas = {}
Canvas.__index = Canvas

local function new_canvas(list, options)
  local canvas = setmetatable({ columns = list.width // 2, rows = list.height // 4, cells = {}, heights = {},
    unicode = options.unicode, color = options.color }, Canvas)
  for row = 0, canvas.rows - 1 do canvas.cells[row] = {} end
  return canvas
end

function Canvas:color_of(series)
  local look = style.of(series)
  return sgr_code(38, self.color, look.rgb, look.ansi)
end

function Canvas:put(column, row, char, sgr)
  local cells = self.cells[row]
  if not cells or column < 0 or column >= self.columns then return end
  cells[column] = { char = self.unicode and char or PLAIN[char] or (#char == 1 and char or "?"), sgr = sgr }
end

function Canvas:dot(x, y, series)
  if not self.unicode then return self:put(x, y, mark(series), self:color_of(series)) end
  local cells = self.cells[y // 4]
  if not cells or x < 0 or x >= 2 * self.columns then return end
  local old = cells[x // 2]
  local bits = old and old.bits or 0
  cells[x // 2] = { bits = bits | DOT[x % 2][y % 4], sgr = self:color_of(series) }
end

-- Bresenham's line from (x, y) to (x2, y2); travelled counts dots, so that dashes run on from segment to segment.
function Canvas:segment(x, y, x2, y2, series, travelled)
  local kind = self.color and (series - 1) // #style.series or series - 1
  local dash = self.unicode and DASHES[kind % #DASHES + 1]
  local dx, dy = math.abs(x2 - x), -math.abs(y2 - y)
  local sx, sy = x < x2 and 1 or -1, y < y2 and 1 or -1
  local err = dx + dy
  while true do
    if not dash or travelled % (dash[1] + dash[2]) < dash[1] then self:dot(x, y, series) end
    if x == x2 and y == y2 then return travelled end
    travelled = travelled + 1
    local e2 = 2 * err
    if e2 >= dy then err, x = err + dy, x + sx end
    if e2 <= dx then err, y = err + dx, y + sy end
  end
end

function Canvas:polyline(points, series)
  local cell_x, cell_y = self.unicode and 1 or 2, self.unicode and 1 or 4
  if #points == 4 and points[1] == points[3] and points[2] == points[4] then -- one dot alone is easily overlooked
    local char = self.unicode and "•" or mark(series)
    return self:put(round(points[1]) // 2, round(points[2]) // 4, char, self:color_of(series))
  end
  local travelled, x, y = 0, nil, nil
  for i = 1, #points, 2 do
    local x2, y2 = round(points[i]) // cell_x, round(points[i + 1]) // cell_y
    travelled = self:segment(x or x2, y or y2, x2, y2, series, travelled)
    x, y = x2, y2
  end
end

-- Axis lines run through the middle of characters; where they meet stands a corner.
function Canvas:rule(p)
  local c1, c2, r1, r2 = round(p.x1) // 2, round(p.x2) // 2, round(p.y1) // 4, round(p.y2) // 4
  local horizontal = p.y1 == p.y2
  for row = r1, r2 do
    for column = c1, c2 do
      local old = self.cells[row] and self.cells[row][column]
      if not old then
        self:put(column, row, horizontal and "─" or "│", DIM)
      elseif old.char == "│" or old.char == "|" then
        self:put(column, row, "└", DIM)
      end
    end
  end
end

function Canvas:tick(p)
  local column, row = round(p.x1) // 2, round(p.y1) // 4
  local old = self.cells[row] and self.cells[row][column]
  if old and old.char ~= "└" then self:put(column, row, p.side == "y" and "┤" or "┬", DIM) end
end

-- A character that is full to so many eighths. Without colours only the first series has eighths.
function Canvas:block(part, series)
  if self.unicode and (self.color or series == 1) then return utf8.char(0x2580 + part) end
  if part < 4 then return " " end
  return self.unicode and FILLS[(series - 1) % #FILLS + 1] or series == 1 and "#" or mark(series)
end

function Canvas:bar(p)
  local from, to = round(p.x / 2), math.max(round(p.x / 2), round((p.x + p.w) / 2) - 1)
  local floor, sgr = round(p.y + p.h) // 4, self:color_of(p.series)
  local eighths = math.max(1, round(p.h * 2))
  if p.down then return self:bar_down(p, from, to, eighths, sgr) end
  for column = from, to do
    if eighths > (self.heights[column] or 0) then -- narrow bars share a character: the tallest shows
      self.heights[column] = eighths
      for row = floor - 1, floor - (eighths + 7) // 8, -1 do
        local part = math.min(8, eighths - 8 * (floor - 1 - row))
        self:put(column, row, self:block(part, p.series), sgr)
      end
    end
  end
end

-- A bar below its zero: Unicode has only halves and eighths from above.
function Canvas:bar_down(p, from, to, eighths, sgr)
  for row = round(p.y) // 4, round(p.y) // 4 + (eighths + 7) // 8 - 1 do
    local part = eighths - 8 * (row - round(p.y) // 4)
    local half = part < 7 and (self.color or p.series == 1) -- only the first series has halves without colours
    local char = half and (part >= 3 and "▀" or "▔") or self:block(part >= 3 and 8 or 0, p.series)
    for column = from, to do self:put(column, row, char, sgr) end
  end
end

-- A box of quartiles as its outline; its median and whiskers are lines across it and on it.
function Canvas:box(p)
  local left, right, sgr = round(p.x / 2), round((p.x + p.w) / 2), self:color_of(p.series)
  local top, bottom = round(p.y) // 4, round(p.y + p.h) // 4
  for column = left, right do
    self:put(column, top, "─", sgr)
    self:put(column, bottom, "─", sgr)
  end
  for row = top + 1, bottom - 1 do
    for column = left, right do self:put(column, row, (column == left or column == right) and "│" or " ", sgr) end
  end
  if top < bottom then
    self:put(left, top, "┌", sgr)
    self:put(right, top, "┐", sgr)
    self:put(left, bottom, "└", sgr)
    self:put(right, bottom, "┘", sgr)
  end
end

function Canvas:stroke(p)
  local sgr, across = self:color_of(p.series or 1), p.y1 == p.y2
  local left, right = round(p.x1 / 2), round(p.x2 / 2)
  for row = round(math.min(p.y1, p.y2)) // 4, round(math.max(p.y1, p.y2)) // 4 do
    for column = left, right do self:put(column, row, across and "─" or "│", sgr) end
  end
  if p.role == "median" then
    local row = round(p.y1) // 4
    self:put(left, row, "├", sgr)
    self:put(right, row, "┤", sgr)
  end
end

-- Points are dots, where colours or being alone tells whose they are; else marks.
function Canvas:points(p)
  for i = 1, #p.points, 2 do
    local x, y = round(p.points[i]), round(p.points[i + 1])
    if p.role == "sample" and self.unicode and self.color then
      self:put(x // 2, y // 4, "•", self:color_of(p.series))
    elseif self.unicode and (self.color or p.alone) then
      self:dot(x, y, p.series)
    else
      self:put(x // 2, y // 4, mark(p.series), self:color_of(p.series))
    end
  end
end

function Canvas:cell(p)
  local column, row, sgr = round(p.x) // 2, round(p.y) // 4, nil
  if self.color and p.below then
    sgr = sgr_code(38, self.color, p.color) .. ";" .. sgr_code(48, self.color, p.below)
  elseif self.color then
    sgr = sgr_code(48, self.color, p.color) .. ";" .. sgr_code(38, self.color, colormap.ink(p.color))
  end
  local shown = p.text or (p.below and "▀" or self.color and " " or p.shade):rep(p.w)
  local n = 0
  for _, point in utf8.codes(shown) do
    if n >= p.w then break end
    self:put(column + n, row, utf8.char(point), sgr)
    n = n + 1
  end
end

function Canvas:write(p)
  local width = text.columns(p.text)
  local shift = p.anchor == "end" and width or p.anchor == "middle" and width / 2 or 0
  local column, row = round(p.x / 2 - shift), round(p.y) // 4
  local sgr = p.bold and BOLD or (p.role == "tick label" and DIM) or nil
  for _, code in utf8.codes(p.text) do
    local char, n = utf8.char(code), text.columns_of(code)
    if n == 0 then -- combines with the character before
      local before = self.cells[row] and self.cells[row][column - 1]
      if before and before.char and self.unicode then before.char = before.char .. char end
    else
      self:put(column, row, char, sgr)
      if n == 2 then self:put(column + 1, row, self.unicode and "" or "?", sgr) end
      column = column + n
    end
  end
end

function Canvas:line(row)
  local cells, last = self.cells[row], -1
  for column in pairs(cells) do last = math.max(last, column) end
  local out, now = {}, nil
  for column = 0, last do
    local cell = cells[column] or { char = " ", sgr = now }
    local sgr = self.color and cell.sgr or nil
    if sgr ~= now then
      out[#out + 1] = (now and "\27[0m" or "") .. (sgr and "\27[" .. sgr .. "m" or "")
      now = sgr
    end
    out[#out + 1] = cell.bits and utf8.char(BLANK + cell.bits) or cell.char
  end
  if now then out[#out + 1] = "\27[0m" end
  return (table.concat(out):gsub(" +$", ""))
end

---A display list, made for style.terminal, as text.
---@param list table
---@param options { unicode: boolean, color: boolean }
---@return string
return function(list, options)
  local canvas = new_canvas(list, options)
  for _, p in ipairs(list) do
    if p.op == "polyline" or p.op == "polygon" then -- of an area its edge
      canvas:polyline(p.points, p.series)
    elseif p.op == "rect" then
      if p.role == "box" then
        canvas:box(p)
      elseif p.role == "sample" then
        for i = 0, p.w // 2 - 2 do
          canvas:put(p.x // 2 + i, p.y // 4, canvas:block(8, p.series), canvas:color_of(p.series))
        end
      else
        canvas:bar(p)
      end
    elseif p.op == "points" then
      canvas:points(p)
    elseif p.op == "cell" then
      canvas:cell(p)
    elseif p.op == "text" then
      canvas:write(p)
    elseif p.role == "sample" then
      canvas:polyline({ p.x1, p.y1, p.x2, p.y2 }, p.series)
    elseif p.role == "axis" or p.role == "zero" then
      canvas:rule(p)
    elseif p.role == "whisker" or p.role == "cap" or p.role == "median" then
      canvas:stroke(p)
    end
  end
  for _, p in ipairs(list) do
    if p.role == "tick" then canvas:tick(p) end
  end
  local lines = {}
  for row = 0, canvas.rows - 1 do lines[row + 1] = canvas:line(row) end
  return table.concat(lines, "\n") .. "\n"
end
