-- strokes.lua: movements of a pen, read from text, as points at equal distances, as text again and as a line of a plot.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local strokes = {}

local function point(x, y)
  x, y = tonumber(x), tonumber(y)
  return x and y and math.abs(x) < 1e30 and math.abs(y) < 1e30 and { x, y } or nil
end

-- "[[[x, x ...], [y, y ...]], ...]", a pair of lists for each stroke.
local function of_json(text)
  local list, found = core.json_decode(text), {}
  for i, stroke in ipairs(type(list) == "table" and list or {}) do
    local xs, ys = type(stroke) == "table" and stroke[1], type(stroke) == "table" and stroke[2]
    if type(xs) ~= "table" or type(ys) ~= "table" or #xs ~= #ys or #xs == 0 then return nil end
    found[i] = {}
    for k = 1, #xs do
      found[i][k] = point(xs[k], ys[k])
      if not found[i][k] then return nil end
    end
  end
  return found[1] and found
end

--- strokes.read(text) -> strokes | nil
---
--- "x y x y ...|x y ...", a | between strokes, or "[[[x, x ...], [y, y ...]], ...]", a pair of lists for each stroke,
--- as a list of strokes, each a list of points { x, y }. nil where the text is anything else, or has no point.
---@param text string
---@return number[][][]?
function strokes.read(text)
  check.string("strokes.read", "argument 1 (text)", text)
  if text:find "^%s*%[" then return of_json(text) end
  local list = {}
  for part in text:gmatch "[^|]+" do
    local points, x = {}, nil
    for cell in part:gmatch "[^%s,]+" do
      if x then
        x = point(x, cell) or false
        if not x then return nil end
        points[#points + 1], x = x, nil
      else
        x = cell
      end
    end
    if x then return nil end
    if points[1] then list[#list + 1] = points end
  end
  return list[1] and list
end

-- Points at equal distances along each stroke, from its first point on.
local function by_distance(list, distance, add)
  for _, points in ipairs(list) do
    local x, y, ahead = points[1][1], points[1][2], distance -- ahead: to the next point
    add(x, y, 1)
    for i = 2, #points do
      local next_x, next_y = points[i][1], points[i][2]
      local way = math.sqrt((next_x - x) ^ 2 + (next_y - y) ^ 2)
      while way >= ahead do
        x, y = x + (next_x - x) * ahead / way, y + (next_y - y) * ahead / way
        add(x, y, 0)
        way, ahead = way - ahead, distance
      end
      x, y, ahead = next_x, next_y, ahead - way
    end
  end
end

-- count points at equal distances along all strokes, from the very first to the very last.
local function by_count(list, count, add)
  local total, parts = 0, {}
  for _, points in ipairs(list) do
    for i, to in ipairs(points) do
      local from = points[i - 1] or to
      local way = math.sqrt((to[1] - from[1]) ^ 2 + (to[2] - from[2]) ^ 2)
      parts[#parts + 1], total = { from = from, to = to, way = way, begins = i == 1 }, total + way
    end
  end
  local i, done, begins = 1, 0, true
  for step = 0, count - 1 do
    local at = total * step / math.max(count - 1, 1)
    while i < #parts and done + parts[i].way < at do
      done, i = done + parts[i].way, i + 1
      begins = begins or parts[i].begins
    end
    local part = parts[i]
    local share = part.way > 0 and math.min((at - done) / part.way, 1) or 0
    add(part.from[1] + share * (part.to[1] - part.from[1]), part.from[2] + share * (part.to[2] - part.from[2]),
      begins and 1 or 0)
    begins = false
  end
end

local POINTS = option.of("strokes.points", {
  { "spacing", 0.25, option.number(0.001), "distance between points along a stroke, in halves of the longer side" },
  { "count", nil, option.int(1), "so many points in all instead, from the first to the last" },
})

--- strokes.points(strokes [, options]) -> tensor (T, 3)
---
--- Places x, y within -1 .. 1, the longer side from end to end, and 1 where a stroke begins. A slow hand leaves more
--- points in a recording than a quick one; at equal distances they are alike. Errors: no point.
---@param list number[][][] as strokes.read gives them
---@param options? strokes.points.Options
---@return rnn.Tensor (T, 3)
function strokes.points(list, options)
  local fname = "strokes.points"
  check.table(fname, "argument 1 (strokes)", list)
  local o = POINTS:read(options)
  local left, right, low, high, rows = math.huge, -math.huge, math.huge, -math.huge, {}
  for i, points in ipairs(list) do
    check.table(fname, ("argument 1 (strokes), stroke %d"):format(i), points)
    for k, p in ipairs(points) do
      if type(p) ~= "table" or math.type(p[1]) == nil or math.type(p[2]) == nil then
        check.expected(fname, ("argument 1 (strokes), stroke %d, point %d"):format(i, k), "{ x, y }", p)
      end
      left, right, low, high = math.min(left, p[1]), math.max(right, p[1]), math.min(low, p[2]), math.max(high, p[2])
    end
    if #points == 0 then core.fail("%s: argument 1 (strokes): stroke %d has no point", fname, i) end
  end
  if #list == 0 then check.expected(fname, "argument 1 (strokes)", "a list of strokes", list) end
  local longer = math.max(right - left, high - low)
  local half, mid_x, mid_y = (longer > 0 and longer or 1) / 2, (left + right) / 2, (low + high) / 2
  local function add(x, y, begins) rows[#rows + 1] = { (x - mid_x) / half, (y - mid_y) / half, begins } end
  if o.count then by_count(list, o.count, add) else by_distance(list, o.spacing * half, add) end
  return core.tensor(rows)
end

local function check_columns(fname, argname, t, columns)
  check.tensor(fname, argname, t, "float", 2)
  if t:size(2) ~= columns then check.expected(fname, argname, ("rows (T, %d)"):format(columns), t) end
end

local function check_unit(fname, unit)
  return unit == nil and 1 or check.positive(fname, "argument 2 (unit)", unit)
end

--- strokes.moves(points [, unit = 1]) -> (T, 4)
---
--- What networks that write learn (Graves 2013, section 4): the way from each point to the next, x and y, the first one
--- from 0, in units of unit; 1 where a stroke begins; 1 at the last point, where all ends. Errors: another shape.
---@param points rnn.Tensor (T, 3) as strokes.points gives them
---@param unit? number
---@return rnn.Tensor
function strokes.moves(points, unit)
  check_columns("strokes.moves", "argument 1 (points)", points, 3)
  unit = check_unit("strokes.moves", unit)
  local steps, place = #points, points:slice(2, 1, 2)
  local before = core.concat({ core.zeros(math.min(steps, 1), 2), place:rows(1, math.max(steps - 1, 0)) }, 1)
  return core.concat({ (place - before) / unit, points:slice(2, 3, 3), core.arange(steps):eq(steps):reshape(-1, 1) }, 2)
end

--- strokes.follow(moves [, unit = 1]) -> points (T, 3)
---
--- Where moves lead, up to the first one that says that all ends; the first point begins a stroke. Errors: another
--- shape.
---@param moves rnn.Tensor (T, 4) as strokes.moves gives them, or a network draws them
---@param unit? number
---@return rnn.Tensor
function strokes.follow(moves, unit)
  check_columns("strokes.follow", "argument 1 (moves)", moves, 4)
  unit = check_unit("strokes.follow", unit)
  local ends = moves:select(2, 4):gt(0.5):nonzero()
  if #ends > 0 then moves = moves:rows(1, ends:get(1)) end
  local begins = moves:select(2, 3):maximum(core.arange(#moves):eq(1)):reshape(-1, 1)
  return core.concat({ moves:slice(2, 1, 2):cumsum(1) * unit, begins }, 2)
end

-- Calls f(stroke number, x, y) for each point; a stroke begins where column 3 is above a half, and at the first point.
local function each(fname, points, f)
  check.tensor(fname, "argument 1 (points)", points, "float", 2)
  if points:size(2) < 3 then check.expected(fname, "argument 1 (points)", "points (T, 3)", points) end
  local number = 0
  for t, p in ipairs(points:totable()) do
    if t == 1 or p[3] > 0.5 then number = number + 1 end
    f(number, p[1], p[2])
  end
end

--- strokes.text(points) -> text
---
--- What strokes.read reads: with three digits behind the point. Errors: another shape.
---@param points rnn.Tensor (T, 3) or more columns, as strokes.points gives them
---@return string
function strokes.text(points)
  local list = {}
  each("strokes.text", points, function(number, x, y)
    list[number] = (list[number] and list[number] .. " " or "") .. ("%.3f %.3f"):format(x, y)
  end)
  return table.concat(list, "|")
end

--- strokes.line(points) -> { x = {...}, y = {...} }
---
--- For plot.lines with axes = false: the pen's way, with a gap before each stroke. Errors: another shape.
---@param points rnn.Tensor (T, 3) or more columns; several signs may follow each other
---@return { x: number[], y: number[] }
function strokes.line(points)
  local line, before = { x = {}, y = {} }, 1
  each("strokes.line", points, function(number, x, y)
    if number > before then
      before = number
      table.insert(line.x, 0 / 0)
      table.insert(line.y, 0 / 0)
    end
    table.insert(line.x, x)
    table.insert(line.y, y)
  end)
  return line
end

return strokes
