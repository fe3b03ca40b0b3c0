-- rnn.plot: time series, curves, points, bars, boxes, histograms, matrices and images, in the terminal or as SVG, PNG
-- and PDF files.
--
-- Every function returns a figure: figure:print(), figure:text(), figure:svg(), figure:save "name.svg". With the option
-- file it saves the figure (nil, message, code when the file cannot be written); without, it draws in the terminal.
-- Values are arrays of numbers or tensors; NaN and infinity are gaps.
--
-- A chart, which layout.lua draws: { title, xlabel, ylabel, log_x, log_y, names, marks = nil (lines) | "points" |
-- "bars" | "boxes" | "histogram", x = "number" | "whole" | "date" | "names", drawing = boolean (no axes, x and y in one
-- scale), series = { { label, x, y }, ... } }; or a matrix, see matrix.lua.
local check = require "rnn.check"
local option = require "rnn.option"
local core = require "rnn.core"
local count = require "rnn.plot.bins"
local colormap = require "rnn.plot.colormap"
local new_figure = require "rnn.plot.figure"
local quartiles = require "rnn.plot.quartiles"
local scales = require "rnn.plot.scales"
local text = require "rnn.plot.text"
local values = require "rnn.plot.values"

local plot = {}

local label = option.kind("string", function(fname, argname, v) return text.clean(check.string(fname, argname, v)) end)

local HIGHEST <const> = 8000

local TITLE = { "title", nil, label, "above the plot" }
local WIDTH = { "width", 800, option.int(200, 8000), "of the picture" }
local FILE = { "file", nil, option.kind("string", option.any), "a name that ends in .svg, .png or .pdf" } -- see finish
local XLABEL, YLABEL = { "xlabel", nil, label, "below the x axis" }, { "ylabel", nil, label, "beside the y axis" }

local COMMON = {
  TITLE,
  XLABEL, YLABEL,
  { "log_y", false, check.boolean, "a logarithmic y axis" },
  WIDTH,
  { "height", 420, option.int(150, HIGHEST), "of the picture" },
  FILE,
}

local LOG_X = { { "log_x", false, check.boolean, "a logarithmic x axis" } }

local SERIES = option.of("plot.series", COMMON, LOG_X, {
  { "x", nil, option.any, "numbers or dates \"YYYY-MM-DD\" that all series share; 1, 2, 3 ..." },
  { "order", nil, option.kind("string[]", check.table), "names as the legend shall list them" },
})
local LINES = option.of("plot.lines", COMMON, LOG_X, {
  { "axes", true, check.boolean, "without them x and y have one scale: a drawing, such as handwriting" },
})
local SCATTER = option.of("plot.scatter", COMMON, LOG_X)
local POINTS = option.of("plot.scatter: points", {
  { "x", nil, option.any, "numbers or dates" }, { "y", nil, option.any, "numbers" },
  { "label", nil, option.any, "for the legend" },
})
local NAMES = option.kind("string[]", check.table)
local BAR = option.of("plot.bar", COMMON, { { "names", nil, NAMES, "below the bars; 1, 2, 3 ..." } })
local BARS = option.of("plot.bar: bars", {
  { "y", nil, option.any, "numbers" }, { "label", nil, option.any, "for the legend" },
})
local BOX = option.of("plot.box", COMMON, { { "names", nil, NAMES, "below the boxes; 1, 2, 3 ..." } })
local LINE = option.of("plot.lines: line", {
  { "x", nil, option.any, "numbers or dates" }, { "y", nil, option.any, "numbers" },
  { "label", nil, option.any, "for the legend" },
  { "bands", nil, check.table, "{ { low, high }, ... }: areas behind the line, the widest first: a fan chart" },
})
local HISTOGRAM = option.of("plot.histogram", COMMON, {
  { "bins", nil, option.int(1, 1000), "number of bars; the default grows with the cube root of the number of values, "
    .. "up to 60" },
})

-- Makes the figure and shows or saves it.
local function finish(fname, options, chart)
  chart.title, chart.xlabel, chart.ylabel = options.title, options.xlabel, options.ylabel
  chart.log_x, chart.log_y = options.log_x or false, options.log_y or false
  local figure, file = new_figure(chart, options.width, options.height), options.file
  if file == nil then
    figure:print()
    return figure
  end
  if not figure.kind(file) then check.expected(fname, "option 'file'", figure.ENDINGS, file) end
  local ok, message, code = figure:save(file)
  if not ok then return nil, message, code end
  return figure
end

-- x of 1, 2, 3 ... as long as y, unless the user gave positions.
local function positions(fname, x_name, x, y_name, y)
  if x == nil then
    local out = {}
    for i = 1, #y do out[i] = i end
    return out, "whole"
  end
  local out, kind = values.positions(fname, x_name, x)
  if #out ~= #y then core.fail("%s: %s has %d values, but %s has %d", fname, y_name, #y, x_name, #out) end
  return out, kind
end

-- Dates have no logarithm.
local function numbers_for_log(declaration, options, chart)
  declaration:effect(options, "log_x", chart.x ~= "date", "the x axis has dates")
end

-- Names of series: first those of order, then the others by name.
local function ordered(fname, fields, order)
  local rank, names = {}, {}
  for i, name in ipairs(order or {}) do
    if fields[name] == nil or SERIES.by_name[name] then
      check.expected(fname, ("order[%d]"):format(i), "the name of a series", name)
    end
    rank[name] = i
  end
  for name in pairs(fields) do
    if not SERIES.by_name[name] then names[#names + 1] = name end
  end
  table.sort(names, function(a, b)
    local ra, rb = rank[a] or math.huge, rank[b] or math.huge
    if ra ~= rb then return ra < rb end
    return a < b
  end)
  return names
end

-- The names of the options of series.
local function known_options()
  local names = {}
  for i, row in ipairs(SERIES.rows) do names[i] = row[1] end
  table.sort(names)
  return names
end

---Named series over time: plot.series { actual = t, forecast = u, title = "Ridership", file = "forecast.svg" }.
---
---Every field that is no option is a series. They share x. Errors: no series, series of unequal lengths.
---@param fields plot.series.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.series(fields)
  local fname, options = "plot.series", {}
  check.table(fname, "argument 1", fields)
  for name, v in pairs(fields) do
    if type(name) ~= "string" then
      core.fail("%s: series need names, as in { actual = values }; there is one at [%s]", fname, tostring(name))
    elseif SERIES.by_name[name] then
      options[name] = v
    elseif type(v) ~= "table" and not core.is_tensor(v) and not core.is_numbers(v) then
      local known = known_options()
      core.fail("%s: '%s' is no option (%s), and as a series it must be an array of numbers or a tensor, got %s%s",
        fname, name, table.concat(known, ", "), check.describe(v), check.nearest(name, known))
    end
  end
  options = SERIES:read(options)
  local chart = { series = {}, x = "whole" }
  for i, name in ipairs(ordered(fname, fields, options.order)) do
    local quoted = ("'%s'"):format(name)
    local y = values.numbers(fname, quoted, fields[name])
    local x, kind = positions(fname, "option 'x'", options.x, quoted, y)
    chart.x = kind
    chart.series[i] = { label = text.clean(name), x = x, y = y }
  end
  if #chart.series == 0 then core.fail("%s: there is no series; give some, as in { actual = values }", fname) end
  numbers_for_log(SERIES, options, chart)
  return finish(fname, options, chart)
end

-- Areas as arrays of numbers, as long as their line.
local function bands_of(fname, name, given, length)
  local out = {}
  for k, band in ipairs(given) do
    local what = ("%s[%d]"):format(name, k)
    if type(band) ~= "table" or getmetatable(band) or #band ~= 2 then
      check.expected(fname, what, "{ low, high }", band)
    end
    out[k] = {}
    for e, which in ipairs { "low", "high" } do
      local values_of = values.numbers(fname, what .. ": " .. which, band[e])
      if #values_of ~= length then
        core.fail("%s: %s: %s has %d values, its line %d", fname, what, which, #values_of, length)
      end
      out[k][e] = values_of
    end
  end
  return out
end

-- Reads lists of { x, y, label } into the series of a chart, and what kind of x they share.
local function place_all(fname, what, declaration, lists, chart)
  local kinds = {}
  for i, given in ipairs(lists) do
    local name = ("%s[%d]"):format(what, i)
    check.table(fname, name, given)
    given = declaration:read(given, fname .. ": " .. name)
    local y = values.numbers(fname, name .. ".y", given.y)
    local x, kind = positions(fname, name .. ".x", given.x, name .. ".y", y)
    kinds[kind] = true
    if kinds.date and (kinds.number or kinds.whole) then
      core.fail("%s: %s.x: lines in one plot must have dates all or none", fname, name)
    end
    chart.series[i] = { label = given.label ~= nil and label(fname, name .. ".label", given.label) or nil, x = x, y = y,
      bands = given.bands and bands_of(fname, name .. ".bands", given.bands, #y) or nil }
  end
  chart.x = kinds.date and "date" or kinds.number and "number" or "whole"
end

---Curves with their own positions: plot.lines({ { y = losses, label = "train" }, { x = epochs, y = valid } }, options).
---
---A forecast with its interval is { x = days, y = middle, bands = { { low, high } } }. A drawing has no axes:
---plot.lines({ strokes.line(points) }, { axes = false }).
---
---Errors: no line, x and y of unequal lengths, dates in some lines only.
---@param lines { x?: any, y: any, label?: string, bands?: any[][] }[]
---@param options? plot.lines.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.lines(lines, options)
  local fname = "plot.lines"
  options = LINES:read(options)
  if type(lines) ~= "table" or #lines == 0 then
    check.expected(fname, "argument 1 (lines)", "an array of { x =, y =, label = }", lines)
  end
  local chart = { series = {} }
  place_all(fname, "lines", LINE, lines, chart)
  numbers_for_log(LINES, options, chart)
  for _, name in ipairs { "xlabel", "ylabel", "log_x", "log_y" } do
    LINES:effect(options, name, options.axes, "a drawing has no axes")
  end
  chart.drawing = not options.axes
  return finish(fname, options, chart)
end

---Points: plot.scatter({ { x = lengths, y = errors, label = "valid" } }, { xlabel = "length", log_x = true }).
---
---Errors: no points, x and y of unequal lengths, dates in some of them only.
---@param points { x: any, y: any, label?: string }[]
---@param options? plot.scatter.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.scatter(points, options)
  local fname = "plot.scatter"
  options = SCATTER:read(options)
  if type(points) ~= "table" or #points == 0 then
    check.expected(fname, "argument 1 (points)", "an array of { x =, y =, label = }", points)
  end
  local chart = { series = {}, marks = "points" }
  place_all(fname, "points", POINTS, points, chart)
  numbers_for_log(SCATTER, options, chart)
  return finish(fname, options, chart)
end

-- Names below the axis: given, or 1, 2, 3 ...
local function names_below(fname, list, wanted)
  if list and #list ~= wanted then core.fail("%s: option 'names': %d names for %d", fname, #list, wanted) end
  local out = {}
  for i = 1, wanted do out[i] = list and label(fname, "option 'names'", list[i]) or tostring(i) end
  return out
end

---Bars from 0: plot.bar({ 3, 5, 2 }, { names = { "GRU", "LSTM", "RNN" } }), or groups of them, with a legend:
---plot.bar({ { y = train, label = "train" }, { y = valid, label = "valid" } }, { names = models }).
---
---Errors: no bar, groups of unequal lengths.
---@param bars any numbers, or an array of { y, label }
---@param options? plot.bar.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.bar(bars, options)
  local fname = "plot.bar"
  options = BAR:read(options)
  local grouped = type(bars) == "table" and not core.is_tensor(bars) and type(bars[1]) == "table"
  local chart, length = { series = {}, marks = "bars", x = "names" }, nil
  for i, group in ipairs(grouped and bars or { { y = bars } }) do
    local name, y_name = ("bars[%d]"):format(i), "argument 1 (bars)"
    if grouped then
      group, y_name = BARS:read(check.table(fname, name, group), fname .. ": " .. name), name .. ".y"
    end
    local y = values.numbers(fname, y_name, group.y)
    length = length or #y
    if #y ~= length then core.fail("%s: %s has %d values, the first has %d", fname, y_name, #y, length) end
    chart.series[i] = { label = group.label ~= nil and label(fname, name .. ".label", group.label) or nil,
      x = positions(fname, "", nil, y_name, y), y = y }
  end
  if length == 0 then check.expected(fname, "argument 1 (bars)", "numbers", bars) end
  chart.names = names_below(fname, options.names, length)
  return finish(fname, options, chart)
end

---How several groups of values are distributed, as box plots: plot.box({ first, second }, { names = { "a", "b" } }).
---
---A box reaches from the first to the third quartile (linear between values) and has a line at the median; whiskers
---reach to the outermost values within 1.5 times the height of the box; values beyond are points (Tukey 1977). Values
---that are not finite are left out. Errors: no group.
---@param groups any[] arrays of numbers or tensors
---@param options? plot.box.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.box(groups, options)
  local fname = "plot.box"
  options = BOX:read(options)
  if type(groups) ~= "table" or core.is_tensor(groups) or #groups == 0 then
    check.expected(fname, "argument 1 (groups)", "an array of groups of numbers", groups)
  end
  local chart = { series = {}, marks = "boxes", x = "names", names = names_below(fname, options.names, #groups) }
  for i, group in ipairs(groups) do
    local y = values.all(fname, ("groups[%d]"):format(i), group)
    chart.series[i] = { x = { i }, y = y, box = quartiles(y, options.log_y) }
  end
  return finish(fname, options, chart)
end

---How values are distributed: plot.histogram(weights, { bins = 30, title = "weights" }).
---
---Values that are not finite are left out.
---@param data any an array of numbers or a tensor of any shape
---@param options? plot.histogram.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.histogram(data, options)
  local fname = "plot.histogram"
  options = HISTOGRAM:read(options)
  local edges, counts = count(values.all(fname, "argument 1 (values)", data), options.bins)
  return finish(fname, options, { marks = "histogram", x = "number", series = { { x = edges, y = counts } } })
end

-- Two numbers, the first below the second.
local SPAN = option.kind("number[]", function(fname, argname, v)
  local ok = type(v) == "table" and #v == 2 and type(v[1]) == "number" and type(v[2]) == "number" and v[1] < v[2]
    and scales.finite(v[1]) and scales.finite(v[2])
  return ok and v or check.expected(fname, argname, "{ low, high }", v)
end)
local COLORS = {
  { "range", nil, SPAN, "{ low, high }: the values at the ends of the colours; the least and the largest one" },
  { "colorbar", true, check.boolean, "shows which colour stands for which value" },
}
local MATRIX = option.of("plot.matrix", {
  { "rows", nil, NAMES, "names of the rows; numbers by default" },
  { "columns", nil, NAMES, "names of the columns" },
  { "x", nil, SPAN, "{ from, to }: an axis below instead of names: what the columns span, such as seconds" },
  { "y", nil, SPAN, "{ from, to }: an axis at the left, with the first row at the bottom: what the rows span, such "
    .. "as hertz" },
  TITLE, { "xlabel", nil, label, "of the columns" }, { "ylabel", nil, label, "of the rows" },
  { "map", nil, option.one_of(colormap.names), "of colours; diverging, with white for 0, where there are values on "
    .. "both sides of 0, else sequential" },
  { "values", nil, check.boolean, "writes the values into the cells; by default where there are at most 12 x 12 and "
    .. "they have room" },
  WIDTH,
  { "height", nil, option.int(150, HIGHEST), "of the picture; as many rows take by default, up to 640" },
  FILE,
}, COLORS)

-- The names of rows or columns: given, or their numbers.
local function names(fname, name, list, wanted)
  local argname, out = ("option '%s'"):format(name), {}
  if list and #list ~= wanted then core.fail("%s: %s: %d names for %d %s", fname, argname, #list, wanted, name) end
  for i = 1, wanted do out[i] = list and label(fname, argname, list[i]) or tostring(i) end
  return out, list == nil
end

-- Rows of numbers, all as long as the first.
local function rows_of(fname, argname, data)
  if core.is_tensor(data) then
    data = check.tensor(fname, argname, data, nil, 2)
    if data:lengths() then
      core.fail("%s: %s: the tensor is padded and its padding would show; drop the lengths with :without_lengths()",
        fname, argname)
    end
    data = data:totable()
  end
  check.table(fname, argname, data)
  local matrix, columns = {}, nil
  for i, row in ipairs(data) do
    matrix[i] = values.numbers(fname, ("%s, row %d"):format(argname, i), row)
    columns = columns or #matrix[i]
    if #matrix[i] ~= columns then
      core.fail("%s: %s: row %d has %d values, the first has %d", fname, argname, i, #matrix[i], columns)
    end
  end
  if not columns or columns == 0 then check.expected(fname, argname, "a matrix with values", data) end
  return matrix
end

local function reversed(list)
  local out = {}
  for i = #list, 1, -1 do out[#out + 1] = list[i] end
  return out
end

---A matrix as cells of colours: attention, confusion, gates, a spectrogram.
---
---plot.matrix(weights, { rows = words, columns = source_words }); plot.matrix(decibels, { x = { 0, seconds }, y = { 0,
---hertz / 2 } }). What is not finite is gray. Errors: rows of unequal lengths, no value.
---@param data any a tensor (rows, columns), or an array of arrays of numbers
---@param options? plot.matrix.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.matrix(data, options)
  local fname = "plot.matrix"
  options = MATRIX:read(options)
  local matrix = rows_of(fname, "argument 1 (data)", data)
  local columns, axes = #matrix[1], nil
  if options.x or options.y then
    for _, name in ipairs { "rows", "columns" } do
      MATRIX:effect(options, name, false, "with x or y there are axes instead of names")
    end
    local x, y = options.x or { 0.5, columns + 0.5 }, options.y or { 0.5, #matrix + 0.5 }
    axes, matrix = { x[1], x[2], y[1], y[2] }, reversed(matrix)
  end
  options.height = options.height or axes and 420 or math.min(math.max(150, 90 + 28 * #matrix), 640)
  local chart = { matrix = matrix, axes = axes, map = options.map, range = options.range, values = options.values,
    colorbar = options.colorbar }
  chart.rows, chart.rows_numbered = names(fname, "rows", options.rows, #matrix)
  chart.columns, chart.columns_numbered = names(fname, "columns", options.columns, columns)
  return finish(fname, options, chart)
end

local IMAGE = option.of("plot.image", {
  TITLE, WIDTH,
  { "height", nil, option.int(150, HIGHEST), "of the picture; as the image needs by default" },
  { "map", "gray", option.one_of(colormap.names), "of colours" },
  FILE,
}, COLORS, { { "colorbar", false, check.boolean, "shows which colour stands for which value" } })

-- "#rrggbb" of each pixel of red, green and blue from 0 to 1.
local function colors_of(fname, planes, range)
  local matrix, lo, hi = {}, range and range[1] or 0, range and range[2] or 1
  local function byte(v)
    if not scales.finite(v) then core.fail("%s: argument 1 (data): a value is not finite", fname) end
    return math.floor(255 * math.max(0, math.min(1, (v - lo) / (hi - lo))) + 0.5)
  end
  for i = 1, #planes[1] do
    matrix[i] = {}
    for k = 1, #planes[1][i] do
      matrix[i][k] = ("#%02x%02x%02x"):format(byte(planes[1][i][k]), byte(planes[2][i][k]), byte(planes[3][i][k]))
    end
  end
  return matrix
end

---An image in its own proportions: plot.image(digit) of a tensor (rows, columns), black for the least and white for the
---largest value, or plot.image(photo) of (3, rows, columns), red, green and blue from 0 to 1.
---
---Errors: another number of axes or channels; in colour, values that are not finite.
---@param data any a tensor (rows, columns), (1, rows, columns) or (3, rows, columns), or arrays of arrays of numbers
---@param options? plot.image.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.image(data, options)
  local fname, argname = "plot.image", "argument 1 (data)"
  options = IMAGE:read(options)
  local chart = { pixels = true, map = options.map, range = options.range, colorbar = options.colorbar }
  local channels = core.is_tensor(data) and data:ndim() == 3 and data:shape() or nil
  if channels == 3 then
    local planes = {}
    for c = 1, 3 do planes[c] = rows_of(fname, argname, data[c]) end
    for _, name in ipairs { "map", "colorbar" } do
      IMAGE:effect(options, name, false, "an image of three channels has its own colours")
    end
    chart.matrix = colors_of(fname, planes, options.range)
  elseif core.is_tensor(data) and (data:ndim() ~= 2 and channels ~= 1) then
    check.expected(fname, argname, "a tensor (rows, columns) or (3, rows, columns)", data)
  else
    chart.matrix = rows_of(fname, argname, channels == 1 and data[1] or data)
  end
  chart.rows, chart.columns = {}, {}
  if not options.height then
    local wide = (options.width - 48) / #chart.matrix[1] -- without the margins
    options.height = math.min(math.max(150, math.floor(math.min(wide * #chart.matrix, 640)) + 40
      + (options.title and 28 or 0)), HIGHEST)
  end
  return finish(fname, options, chart)
end

return plot
