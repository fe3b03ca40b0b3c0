-- plot.matrix: cells in the terminal and in files.
local core = require "rnn.core"
local rnn = require "rnn"

local weights = core.tensor { { 1, 0, 0 }, { 0, 0.5, 0.25 } }
local names = { rows = { "eins", "zwei" }, columns = { "one", "two", "three" }, title = "words" }

local function options(more)
  local all = {}
  for key, value in pairs(names) do all[key] = value end
  for key, value in pairs(more) do all[key] = value end
  return all
end

describe("plot.matrix", function()
  local path = os.tmpname() .. ".svg"
  local figure = assert(rnn.plot.matrix(weights, options { file = path }))
  after_each(function() os.remove(path) end)

  it("shades the cells in the terminal", function()
    assert.equal(table.concat({
      "words",
      "     one     two     three",
      "eins █ 1.00    0.00    0.00",
      "zwei   0.00  ▒ 0.50  ░ 0.25",
      "     0  ░▒▓█ 1",
      "",
    }, "\n"), figure:text())
    assert.truthy(figure:text { unicode = false }:find("\nzwei   0.00  + 0.50  . 0.25\n     0  .+#@ 1\n", 1, true))
    local plain = rnn.plot.matrix(weights, options { file = path, values = false, colorbar = false })
    assert.equal("eins █████\nzwei       ▒▒▒▒▒ ░░░░░\n", plain:text():match "(eins.*)$")
  end)

  it("draws them as SVG, white to blue, with the names", function()
    local svg = figure:svg()
    for _, word in ipairs { "words", "eins", "zwei", "one", "two", "three" } do
      assert.is_truthy(svg:find(">" .. word .. "<", 1, true), word)
    end
    local fills = {}
    local bare = rnn.plot.matrix(weights, options { file = path, colorbar = false }):svg()
    for fill, d in bare:gmatch '<path fill="(#%x+)" d="([^"]*)"' do
      fills[#fills + 1] = fill .. select(2, d:gsub("M", ""))
    end
    assert.same({ "#003a5c1", "#ffffff2", "#338ec21", "#8bbfdc1" }, fills) -- neighbours of one colour are one box
    assert.truthy(svg:find(">0.25<", 1, true))
  end)

  it("has white for 0 between negative and positive values", function()
    local svg = rnn.plot.matrix({ { -2, 0, 1 } }, { file = path, colorbar = false }):svg()
    assert.same({ "#003a5c", "#ffffff" }, { svg:match '<path fill="(#%x+)" d="[^"]*"/>%s*<path fill="(#%x+)"' })
    local dark, light = svg:match 'fill="(#%x+)" text%-anchor="middle">−2.-fill="(#%x+)" text%-anchor="middle">0'
    assert.same({ "#ffffff", "#000000" }, { dark, light }) -- what is written can be read
    assert.truthy(rnn.plot.matrix({ { -2, 0, 1 } }, { file = path, map = "sequential" }):svg():find "#003a5c")
  end)

  it("takes NaN, constants, one value and values beyond the range", function()
    local svg = rnn.plot.matrix({ { 0 / 0, 1, math.huge } }, { file = path }):svg()
    assert.truthy(svg:find "#d3d7dc")
    assert.is_nil(svg:find "nan")
    assert.matches("·", rnn.plot.matrix({ { 0 / 0, 1 } }, { file = path }):text())
    for _, v in ipairs { 0, 3, -3, 1e-300, 1e240 } do
      assert.is_nil(rnn.plot.matrix({ { v } }, { file = path }):svg():find "nan")
    end
    local clipped = rnn.plot.matrix({ { -5, 7 } }, { file = path, range = { 0, 1 }, colorbar = false }):svg()
    assert.truthy(clipped:find '"#ffffff" d="' and clipped:find '"#003a5c" d="')
  end)

  it("is bounded, however large the matrix is", function()
    local large = core.zeros(500, 900)
    large:assign(rnn.randn(500, 900))
    local picture = rnn.plot.matrix(large, { file = path })
    assert.is_true(#picture:svg() < 4e6)
    local text = picture:text { color = true }
    assert.is_true(select(2, text:gsub("\n", "")) <= 46)
    for line in text:gsub("\27%[[%d;]*m", ""):gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80) end
  end)

  it("thins the names of many rows and columns, and turns long names", function()
    local svg = rnn.plot.matrix(rnn.randn(100, 100), { file = path, colorbar = false }):svg()
    local labels = {}
    for label in svg:gmatch 'text%-anchor="middle">(%d+)<' do labels[#labels + 1] = label end
    assert.equal("5 10 15 20 25 30 35 40 45 50 55 60 65 70 75 80 85 90 95 100", table.concat(labels, " "))
    local names_of = {}
    for i = 1, 30 do names_of[i] = "a long name " .. i end
    svg = rnn.plot.matrix(rnn.randn(2, 30), { file = path, columns = names_of }):svg()
    assert.equal(30, select(2, svg:gsub('transform="rotate%(%-90', "")))
  end)

  it("never cuts a number that names a row or column in the terminal", function()
    local wide = rnn.plot.matrix(rnn.zeros(1, 300), { file = path })
    for width = 30, 80 do
      local before, step = 1, nil
      for label in wide:text({ width = width }):match("[^\n]*"):gmatch "%d+" do
        if before ~= tonumber(label) then
          step = step or label - before
          assert.equal(before + step, tonumber(label))
        end
        before = tonumber(label)
      end
    end
  end)

  it("has axes instead of names, with the first row at the bottom", function()
    local svg = rnn.plot.matrix({ { 0, 0 }, { 1, 1 } }, { file = path, x = { 0, 2 }, y = { 0, 4000 }, xlabel = "s",
      ylabel = "Hz", colorbar = false }):svg()
    local dark = tonumber(svg:match '<path fill="#003a5c" d="M%S+ (%d+)')
    local white = tonumber(svg:match '<path fill="#ffffff" d="M%S+ (%d+)')
    assert.is_true(dark < white)
    for _, s in ipairs { ">4000<", ">1.0<", ">s<", ">Hz<" } do assert.truthy(svg:find(s, 1, true), s) end
  end)

  it("takes numbers for names, and a matrix of zeros", function()
    assert.matches("^  1   ", assert(rnn.plot.matrix(core.zeros(2, 2), { file = path })):text())
  end)

  it("says what is wrong", function()
    local function message_of(...)
      local ok, message = pcall(rnn.plot.matrix, ...)
      assert.is_false(ok)
      return (message:gsub("^[^ ]*:%d+: ", ""))
    end
    assert.equal("plot.matrix: option 'x': expected { low, high }, got table (2)",
      (message_of(weights, { x = { 2, 1 } }):gsub("table.*", "table (2)")))
    assert.truthy(message_of(weights, options { y = { 0, 1 } }):find("option 'rows' has no effect", 1, true))
    assert.equal("plot.matrix: option 'rows': 1 names for 2 rows", message_of(weights, { rows = { "x" } }))
    assert.equal("plot.matrix: argument 1 (data): row 2 has 1 values, the first has 2", message_of { { 1, 2 }, { 3 } })
    assert.equal("plot.matrix: argument 1 (data): expected a float tensor of 2 axes, got tensor (3) float",
      (message_of(core.zeros(3)):gsub("a tensor of", "a float tensor of")))
  end)
end)
