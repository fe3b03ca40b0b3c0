-- picture.lua: heat maps of the gradient's norm, time steps back against training steps.

local core = require "rnn.core"
local beside = require "rnn.beside"
local check = require "rnn.check"
local option = require "rnn.option"

local picture = {}

-- Rows of a map: more steps than this are taken together, as many in each row but perhaps the last.
local ROWS = 100
local LEAST <const> = -30 -- the logarithm of what is 0

local function logarithm(x) return x > 0 and math.max(math.log(x, 10), LEAST) or LEAST end

-- The norms of a record as at most rows means of their logarithms, the last step first.
local function column(norms, last, rows, group)
  local values = {}
  for row = 1, rows do
    local sum, n = 0, 0
    for back = (row - 1) * group, math.min(row * group, last) - 1 do
      sum, n = sum + logarithm(norms[last - back]), n + 1
    end
    values[row] = n > 0 and sum / n or LEAST
  end
  return values
end

local function map_of(records, index, most)
  local name, longest = records[1].layers[index].name, 1
  for _, r in ipairs(records) do longest = math.max(longest, r.layers[index].steps) end
  local group = (longest + most - 1) // most
  local rows = (longest + group - 1) // group
  local map = { title = name .. ": gradient of h, by steps back", xlabel = "step", x = {}, values = {},
    note = group > 1 and ("each row: %d time steps"):format(group) or nil }
  for row = 1, rows do map.values[row] = {} end
  for j, r in ipairs(records) do
    map.x[j] = r.step
    local layer = r.layers[index]
    for row, value in ipairs(column(layer.norms, layer.steps, rows, group)) do map.values[row][j] = value end
  end
  return map, group
end

-- Records in which the layers ran; a batch without steps has none.
local function complete(records)
  local found, most = {}, 0
  for _, r in ipairs(records) do most = math.max(most, #r.layers) end
  for _, r in ipairs(records) do
    if #r.layers == most then found[#found + 1] = r end
  end
  return found, most
end

function picture.maps(records, most)
  local found, layers = complete(records)
  local maps, groups = {}, {}
  for index = 1, layers do maps[index], groups[index] = map_of(found, index, most or ROWS) end
  return maps, groups
end

-- At most n columns, evenly.
local function thin(map, n)
  local step = math.max(1, (#map.x + n - 1) // n)
  local names, rows = {}, {}
  for i in ipairs(map.values) do rows[i] = {} end
  for j = 1, #map.x, step do
    names[#names + 1] = tostring(map.x[j])
    for i, row in ipairs(map.values) do rows[i][#names] = row[j] end
  end
  return rows, names
end

local OPTIONS = option.of("rnn.Monitor:plot", {
  { "file", nil, check.string, "flow.svg or flow.png" },
  { "width", 800, option.int(200, 8000), "of the pictures" },
  { "height", nil, option.int(150, 8000), "of the pictures; as many rows take by default" },
  { "title", nil, check.string, "before the layer's name" },
})

function picture.plot(records, options)
  local fname = "monitor:plot"
  options = OPTIONS:read(options, fname)
  local maps, groups = picture.maps(records, options.file and 40 or 20)
  if #maps == 0 then core.fail("%s: nothing has been recorded yet", fname) end
  local plot = beside.plot()
  local figures = {}
  for k, map in ipairs(maps) do
    local rows, names = thin(map, 14)
    local back, low, high = {}, math.huge, -math.huge
    for _, row in ipairs(rows) do
      low, high = math.min(low, table.unpack(row)), math.max(high, table.unpack(row))
    end
    for i = 1, #rows do back[i] = tostring((i - 1) * groups[k]) end
    local file = options.file
    if file and #maps > 1 then file = file:gsub("%.%a+$", "-" .. map.title:match "^[^:]+" .. "%0") end
    local figure, message, code = plot.matrix(rows, { rows = back, columns = names, file = file,
      title = ("%s%s; norms 1e%.0f to 1e%.0f"):format(options.title and options.title .. ": " or "", map.title, low,
        high),
      width = options.width, height = options.height or (file and math.max(150, 90 + 14 * #rows)) or nil })
    if not figure then return nil, message, code end
    figures[k] = figure
  end
  return figures
end

return picture
