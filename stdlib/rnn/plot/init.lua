-- rnn.plot: time series, curves, histograms and matrices, in the terminal or as SVG and PNG files.
--
-- Every function returns a figure: figure:print(), figure:text(), figure:svg(), figure:save "name.svg". With the option
-- file it saves the figure (nil, message, code when the file cannot be written); without, it draws in the terminal.
-- Values are arrays of numbers or tensors; NaN and infinity are gaps.
--
-- A chart, which layout.lua draws: { title, xlabel, ylabel, log_y, bars = boolean, x = "number" | "whole" | "date",
-- series = { { label, x, y }, ... } }.
local check = require "rnn.check"
local core = require "rnn.core"
local count = require "rnn.plot.bins"
local new_figure = require "rnn.plot.figure"
local text = require "rnn.plot.text"
local values = require "rnn.plot.values"

local plot = {}

local function options_and(own)
  local known = { title = check.none, xlabel = check.none, ylabel = check.none, log_y = false, file = check.none,
    width = 800, height = 420 }
  for name, default in pairs(own) do known[name] = default end
  return known
end

local SERIES = options_and { x = check.none, order = check.none }
local LINES = options_and {}
local HISTOGRAM = options_and { bins = check.none }

local function label(fname, argname, v) return v ~= nil and text.clean(check.string(fname, argname, v)) or nil end

-- Checks the common options, makes the figure and shows or saves it.
local function finish(fname, options, chart)
  for _, name in ipairs { "title", "xlabel", "ylabel" } do
    chart[name] = label(fname, ("option '%s'"):format(name), options[name])
  end
  chart.log_y = options.log_y and check.boolean(fname, "option 'log_y'", options.log_y) or false
  local width = check.int(fname, "option 'width'", options.width, 200, 8000)
  local height = check.int(fname, "option 'height'", options.height, 150, 8000)
  local figure, file = new_figure(chart, width, height), options.file
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
  for i, name in ipairs(order and check.table(fname, "option 'order'", order) or {}) do
    if fields[name] == nil or SERIES[name] ~= nil then
      check.expected(fname, ("order[%d]"):format(i), "the name of a series", name)
    end
    rank[name] = i
  end
  for name in pairs(fields) do
    if SERIES[name] == nil then names[#names + 1] = name end
  end
  table.sort(names, function(a, b)
    local ra, rb = rank[a] or math.huge, rank[b] or math.huge
    if ra ~= rb then return ra < rb end
    return a < b
  end)
  return names
end

local function listed(known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

---Named series over time: plot.series { actual = t, forecast = u, title = "Ridership", file = "forecast.svg" }.
---
---Every field that is no option is a series. They share x (default 1, 2, 3 ...): numbers or dates "YYYY-MM-DD".
---Options: title, xlabel, ylabel, x, order (names as the legend shall list them), log_y, width, height, file.
---Errors: no series, series of unequal lengths.
---@param fields table
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.series(fields)
  local fname, options = "plot.series", {}
  check.table(fname, "argument 1", fields)
  for name, v in pairs(fields) do
    if type(name) ~= "string" then
      core.fail("%s: series need names, as in { actual = values }; there is one at [%s]", fname, tostring(name))
    elseif SERIES[name] ~= nil then
      options[name] = v
    elseif type(v) ~= "table" and not core.is_tensor(v) and not core.is_numbers(v) then
      core.fail("%s: '%s' is no option (%s), and as a series it must be an array of numbers or a tensor, got %s", fname,
        name, listed(SERIES), check.describe(v))
    end
  end
  options = check.options(fname, options, SERIES)
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

---Curves with their own positions: plot.lines({ { y = losses, label = "train" }, { x = epochs, y = valid } }, options).
---
---Options: title, xlabel, ylabel, log_y (logarithmic y axis), width, height, file.
---Errors: no line, x and y of unequal lengths, dates in some lines only.
---@param lines { x?: any, y: any, label?: string }[]
---@param options? table
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.lines(lines, options)
  local fname = "plot.lines"
  options = check.options(fname, options, LINES)
  if type(lines) ~= "table" or #lines == 0 then
    check.expected(fname, "argument 1 (lines)", "an array of { x =, y =, label = }", lines)
  end
  local chart, kinds = { series = {} }, {}
  for i, line in ipairs(lines) do
    local name = ("lines[%d]"):format(i)
    check.table(fname, name, line)
    line = check.options(fname .. ": " .. name, line, { x = check.none, y = check.none, label = check.none })
    local y = values.numbers(fname, name .. ".y", line.y)
    local x, kind = positions(fname, name .. ".x", line.x, name .. ".y", y)
    kinds[kind] = true
    if kinds.date and (kinds.number or kinds.whole) then
      core.fail("%s: %s.x: lines in one plot must have dates all or none", fname, name)
    end
    chart.series[i] = { label = label(fname, name .. ".label", line.label), x = x, y = y }
  end
  chart.x = kinds.date and "date" or kinds.number and "number" or "whole"
  return finish(fname, options, chart)
end

---How values are distributed: plot.histogram(weights, { bins = 30, title = "weights" }).
---
---Values that are not finite are left out. Options: bins (number of bars; the default grows with the cube root of the
---number of values, up to 60), title, xlabel, ylabel, log_y, width, height, file.
---@param data any an array of numbers or a tensor of any shape
---@param options? table
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.histogram(data, options)
  local fname = "plot.histogram"
  options = check.options(fname, options, HISTOGRAM)
  local bins = options.bins and check.int(fname, "option 'bins'", options.bins, 1, 1000)
  local edges, counts = count(values.all(fname, "argument 1 (values)", data), bins)
  return finish(fname, options, { bars = true, x = "number", series = { { x = edges, y = counts } } })
end

local MATRIX = { rows = check.none, columns = check.none, title = check.none, file = check.none, width = 800,
  height = check.none }

-- The names of rows or columns: given, or their numbers.
local function names(fname, option, list, wanted)
  local argname, out = ("option '%s'"):format(option), {}
  if list ~= nil and #check.table(fname, argname, list) ~= wanted then
    core.fail("%s: %s: %d names for %d %s", fname, argname, #list, wanted, option)
  end
  for i = 1, wanted do out[i] = list and label(fname, argname, list[i]) or tostring(i) end
  return out
end

---A matrix as cells, darker for larger values: plot.matrix(weights, { rows = words, columns = source_words }).
---
---Options: rows and columns (names), title, width, height, file. Errors: rows of unequal lengths, no value.
---@param data any a tensor (rows, columns), or an array of arrays of numbers
---@param options? table
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function plot.matrix(data, options)
  local fname = "plot.matrix"
  options = check.options(fname, options, MATRIX)
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
  options.height = options.height or math.max(150, 90 + 28 * #matrix)
  local chart = { matrix = matrix, rows = names(fname, "rows", options.rows, #matrix),
    columns = names(fname, "columns", options.columns, columns) }
  return finish(fname, options, chart)
end

return plot
