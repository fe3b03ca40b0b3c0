-- rnn.plot: time series, curves, histograms and matrices, in the terminal or as SVG and PNG files.
--
-- Every function returns a figure: figure:print(), figure:text(), figure:svg(), figure:save "name.svg". With the option
-- file it saves the figure (nil, message, code when the file cannot be written); without, it draws in the terminal.
-- Values are arrays of numbers or tensors; NaN and infinity are gaps.
--
-- A chart, which layout.lua draws: { title, xlabel, ylabel, log_y, bars = boolean, x = "number" | "whole" | "date",
-- series = { { label, x, y }, ... } }.
local check = require "rnn.check"
local option = require "rnn.option"
local core = require "rnn.core"
local count = require "rnn.plot.bins"
local new_figure = require "rnn.plot.figure"
local text = require "rnn.plot.text"
local values = require "rnn.plot.values"

local plot = {}

local label = option.kind("string", function(fname, argname, v) return text.clean(check.string(fname, argname, v)) end)

local HIGHEST <const> = 8000

local TITLE = { "title", nil, label, "above the plot" }
local WIDTH = { "width", 800, option.int(200, 8000), "of the picture" }
local FILE = { "file", nil, option.kind("string", option.any), "a name that ends in .svg or .png" } -- finish checks

local COMMON = {
  TITLE,
  { "xlabel", nil, label, "below the x axis" },
  { "ylabel", nil, label, "beside the y axis" },
  { "log_y", false, check.boolean, "a logarithmic y axis" },
  WIDTH,
  { "height", 420, option.int(150, HIGHEST), "of the picture" },
  FILE,
}

local SERIES = option.of("plot.series", COMMON, {
  { "x", nil, option.any, "numbers or dates \"YYYY-MM-DD\" that all series share; 1, 2, 3 ..." },
  { "order", nil, option.kind("string[]", check.table), "names as the legend shall list them" },
})
local LINES = option.of("plot.lines", COMMON)
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
  chart.log_y = options.log_y or false
  local figure, file = new_figure(chart, options.width, options.height), options.file
  if file == nil then
    figure:print()
    return figure
  end
  if not figure.kind(file) then check.expected(fname, "option 'file'", "a name ending in .svg or .png", file) end
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

---Curves with their own positions: plot.lines({ { y = losses, label = "train" }, { x = epochs, y = valid } }, options).
---
---A forecast with its interval is { x = days, y = middle, bands = { { low, high } } }.
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
  local chart, kinds = { series = {} }, {}
  for i, line in ipairs(lines) do
    local name = ("lines[%d]"):format(i)
    check.table(fname, name, line)
    line = LINE:read(line, fname .. ": " .. name)
    local y = values.numbers(fname, name .. ".y", line.y)
    local x, kind = positions(fname, name .. ".x", line.x, name .. ".y", y)
    kinds[kind] = true
    if kinds.date and (kinds.number or kinds.whole) then
      core.fail("%s: %s.x: lines in one plot must have dates all or none", fname, name)
    end
    chart.series[i] = { label = line.label ~= nil and label(fname, name .. ".label", line.label) or nil, x = x, y = y,
      bands = line.bands and bands_of(fname, name .. ".bands", line.bands, #y) or nil }
  end
  chart.x = kinds.date and "date" or kinds.number and "number" or "whole"
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
  return finish(fname, options, { bars = true, x = "number", series = { { x = edges, y = counts } } })
end

local NAMES = option.kind("string[]", check.table)
local MATRIX = option.of("plot.matrix", {
  { "rows", nil, NAMES, "names of the rows; numbers by default" },
  { "columns", nil, NAMES, "names of the columns" },
  TITLE, WIDTH,
  { "height", nil, option.int(150, HIGHEST), "of the picture; as many rows take by default" },
  FILE,
})

-- The names of rows or columns: given, or their numbers.
local function names(fname, name, list, wanted)
  local argname, out = ("option '%s'"):format(name), {}
  if list and #list ~= wanted then core.fail("%s: %s: %d names for %d %s", fname, argname, #list, wanted, name) end
  for i = 1, wanted do out[i] = list and label(fname, argname, list[i]) or tostring(i) end
  return out
end

---A matrix as cells, darker for larger values: plot.matrix(weights, { rows = words, columns = source_words }).
---
---Errors: rows of unequal lengths, no value.
---@param data any a tensor (rows, columns), or an array of arrays of numbers
---@param options? plot.matrix.Options
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.matrix(data, options)
  local fname = "plot.matrix"
  options = MATRIX:read(options)
  if core.is_tensor(data) then data = check.tensor(fname, "argument 1 (data)", data, nil, 2):totable() end
  check.table(fname, "argument 1 (data)", data)
  local matrix, columns = {}, nil
  for i, row in ipairs(data) do
    matrix[i] = values.numbers(fname, ("argument 1 (data), row %d"):format(i), row)
    columns = columns or #matrix[i]
    if #matrix[i] ~= columns then
      core.fail("%s: argument 1 (data): row %d has %d values, the first has %d", fname, i, #matrix[i], columns)
    end
  end
  if not columns or columns == 0 then check.expected(fname, "argument 1 (data)", "a matrix with values", data) end
  options.height = options.height or math.min(math.max(150, 90 + 28 * #matrix), HIGHEST)
  local chart = { matrix = matrix, rows = names(fname, "rows", options.rows, #matrix),
    columns = names(fname, "columns", options.columns, columns) }
  return finish(fname, options, chart)
end

return plot
