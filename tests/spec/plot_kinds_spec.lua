-- rnn.plot: every kind of plot as tests/golden/plot/NAME.svg and NAME.txt hold it. To renew them: RENEW_GOLDEN=1; look
-- at each before you commit it.
local core = require "rnn.core"
local plot = require "rnn.plot"

local FOLDER <const> = "tests/golden/plot/"

local function wave(n, step, shift)
  local out = {}
  for i = 1, n do out[i] = math.floor(1000 * math.sin(i * step + shift) + 0.5) / 1000 end
  return out
end

local function grid(rows, columns, f)
  local out = {}
  for i = 1, rows do
    out[i] = {}
    for k = 1, columns do out[i][k] = f(i, k) end
  end
  return out
end

local nine, clouds = {}, {}
for s = 1, 9 do nine[s] = { y = wave(12, 0.4, s / 2), label = "run " .. s } end
for s = 1, 2 do
  local x = {}
  for i = 1, 30 do x[i] = 2.0 ^ (i % 11) end
  clouds[s] = { x = x, y = wave(30, 0.7 * s, s), label = "model " .. s }
end

local spiral = { x = {}, y = {} }
for i = 1, 60 do spiral.x[i], spiral.y[i] = i == 40 and 0 / 0 or math.cos(i / 4) * i, math.sin(i / 4) * i end

local words = { "null", "eins", "zwei", "drei" }
local KINDS = {
  lines = { plot.lines, nine, { title = "Nine lines", xlabel = "epoch", ylabel = "loss" } },
  log = { plot.lines, { { x = { 1, 10, 100, 1000 }, y = { 5, 3, 0, 0.5 } } }, { log_x = true, log_y = true } },
  scatter = { plot.scatter, clouds, { log_x = true, xlabel = "length" } },
  bar = { plot.bar, { 3, 5, -2.4, 4 }, { names = { "GRU", "LSTM", "RNN", "a very long name" }, title = "Bars" } },
  groups = { plot.bar, { { y = { 3, 5 }, label = "train" }, { y = { 2, 4 }, label = "valid" } }, {} },
  box = { plot.box, { wave(40, 1, 0), { 1, 2, 3, 4, 20 }, {} }, { names = { "wave", "far", "none" } } },
  histogram = { plot.histogram, wave(60, 0.3, 0), { title = "Values" } },
  attention = { plot.matrix, grid(4, 4, function(i, k) return math.max(0, 1 - math.abs(i - k) / 2) end),
    { rows = words, columns = words, xlabel = "heard", ylabel = "said", title = "Confusion" } },
  weights = { plot.matrix, grid(20, 30, function(i, k) return math.floor(100 * math.sin(i * k)) / 100 end),
    { xlabel = "input", ylabel = "unit" } },
  spectrogram = { plot.matrix, grid(16, 40, function(i, k) return -3 * math.abs(i - 8 - k // 8) end),
    { x = { 0, 2.5 }, y = { 0, 4000 }, xlabel = "s", ylabel = "Hz", title = "Spectrogram" } },
  drawing = { plot.lines, { spiral }, { axes = false, title = "A drawing" } },
  image = { plot.image, grid(14, 14, function(i, k) return (i - 7) ^ 2 + (k - 7) ^ 2 < 30 and 1 or 0 end),
    { colorbar = true } },
}

local path
local function figure(name, width, height)
  local kind, options = KINDS[name], { file = path, width = width, height = height }
  for key, value in pairs(kind[3]) do options[key] = value end
  return assert(kind[1](kind[2], options))
end

local function read(name)
  local f = assert(io.open(name, "rb"))
  local content = f:read "a"
  f:close()
  return content
end

local function compare(name, content)
  if os.getenv "RENEW_GOLDEN" then
    local f = assert(io.open(name, "wb"))
    f:write(content)
    f:close()
  end
  assert.equal(read(name), content)
end

local function lines_of(text) return select(2, text:gsub("\n", "")) end

describe("rnn.plot", function()
  setup(function() path = os.tmpname() .. ".svg" end)
  teardown(function() os.remove(path) end)

  for name in pairs(KINDS) do
    it("draws " .. name .. " as it did", function()
      local fig = figure(name, 320, 240)
      compare(FOLDER .. name .. ".svg", fig:svg())
      compare(FOLDER .. name .. ".txt", fig:text { width = 60, height = 14 })
    end)

    it("draws " .. name .. " within its edges, at any size, with and without colours and Unicode", function()
      for _, size in ipairs { { 200, 150 }, { 800, 420 }, { 1600, 900 } } do
        local w, h = size[1], size[2]
        local svg = figure(name, w, h):svg()
        assert.is_nil(svg:find "nan")
        for x, y in svg:gmatch '<text x="([^"]*)" y="([^"]*)"' do
          assert.is_true(tonumber(x) >= 0 and tonumber(x) <= w and tonumber(y) > 0 and tonumber(y) <= h, x .. " " .. y)
        end
      end
      local fig = figure(name, 320, 240)
      for _, width in ipairs { 30, 80, 200 } do
        for _, height in ipairs { 3, 4, 8, 60 } do
          for _, color in ipairs { false, true, "rgb" } do
            for _, unicode in ipairs { true, false } do
              local text = fig:text { width = width, height = height, color = color, unicode = unicode }
              assert.is_true(lines_of(text) <= height, ("%d rows of %d"):format(lines_of(text), height))
              local plain = text:gsub("\27%[[%d;]*m", "")
              assert.equal(color ~= false, text ~= plain)
              if not unicode then assert.is_nil(plain:find "[^\n -~]") end
              for line in plain:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= width) end
            end
          end
        end
      end
    end)
  end

  it("writes every kind as PNG and PDF, equal figures as equal files", function()
    if not core.pdf_write then return pending "built without cairo" end
    for name in pairs(KINDS) do
      local fig = figure(name, 320, 240)
      for _, ending in ipairs { ".png", ".pdf" } do
        local first, second = path .. "1" .. ending, path .. "2" .. ending
        assert(fig:save(first))
        assert(fig:save(second))
        local content = read(first)
        assert.equal(content, read(second))
        assert.truthy(content:find(ending == ".pdf" and "^%%PDF%-1" or "^\137PNG"))
        if ending == ".pdf" then assert.is_nil(content:find "CreationDate") end
        os.remove(first)
        os.remove(second)
      end
    end
  end)

  it("tells lines apart beyond the colours: dashes in files and in colour terminals", function()
    local svg = figure("lines", 320, 240):svg()
    assert.equal(4, select(2, svg:gsub("stroke%-dasharray", ""))) -- two lines, twice in the legend
    local colored = figure("lines", 320, 240):text { color = true, width = 60 }
    local solid, dashed = colored:match "m([^\27]*) \27%[0mrun 1", colored:match "m([^\27]*) \27%[0mrun 8"
    assert.truthy(solid and dashed and solid ~= dashed)
  end)

  it("puts points and ticks of a logarithmic x axis where they belong", function()
    local line = { x = { 1, 10, 100, -1, 0 }, y = { 1, 1, 1, 1, 1 } }
    local svg = plot.lines({ line }, { log_x = true, file = path }):svg()
    local a, b, c = svg:match 'points="([%d.]+),%S+ ([%d.]+),%S+ ([%d.]+),%S+"'
    assert.is_true(math.abs((b - a) - (c - b)) < 0.02) -- what has no logarithm is left out
    assert.truthy(plot.scatter({ { x = { 0 }, y = { 1 } } }, { log_x = true, file = path }):svg():find "no data")
  end)

  it("draws box plots by Tukey", function()
    local box = require "rnn.plot.quartiles"({ 1, 2, 3, 4, 100, 0 / 0 }, false)
    assert.same({ q1 = 2, median = 3, q3 = 4, low = 1, high = 4, outliers = { 100 } }, box)
    assert.is_nil(require "rnn.plot.quartiles"({ 0 / 0 }, false))
    assert.same({ 5, 5, 5 }, (function(b) return { b.low, b.median, b.high } end)(require "rnn.plot.quartiles"({ 5 })))
  end)

  it("draws bars up and down from 0, and no bar for what is not finite", function()
    local svg = plot.bar({ 1, -1, 0 / 0, 2 }, { file = path }):svg()
    assert.equal(3, select(2, svg:gsub('<rect x="[^"]*" y="[^"]*" width="[^"]*" height="[^"]*" fill="#0072b2"', "")))
    local y1, h1 = svg:match '<rect x="[^"]*" y="([^"]*)" width="[^"]*" height="([^"]*)" fill="#0072b2"'
    local y2 = svg:match('fill="#0072b2"/>\n<rect x="[^"]*" y="([^"]*)"')
    assert.is_true(math.abs(y1 + h1 - y2) < 0.02)
  end)

  it("puts the zero of bars into the row of its label, and bars of little height on their side of it", function()
    for height = 8, 30 do
      local text = plot.bar({ 5, 0.01, -2.4 }, { file = path }):text { width = 40, height = height }
      assert.truthy(text:match "\n *0 ┤[^\n]*──", text)
      local above = text:match "\n([^\n]*)\n *0 ┤"
      assert.truthy(above:find "▁" or above:find " ▂", text)
    end
  end)

  it("draws without axes in one scale for x and y, in the middle", function()
    local x, y = { 0, 3, 3, 0, 0 }, { 0, 0, 1, 1, 0 }
    for _, size in ipairs { { 300, 900 }, { 900, 300 } } do
      local fig = plot.lines({ { x = x, y = y } }, { axes = false, file = path, width = size[1], height = size[2] })
      local svg, points = fig:svg(), {}
      assert.is_nil(svg:find "<line" or svg:find "<text")
      for px, py in svg:match('points="([^"]*)"'):gmatch "([%d.]+),([%d.]+)" do
        points[#points + 1] = { tonumber(px), tonumber(py) }
      end
      local w, h = points[2][1] - points[1][1], points[2][2] - points[3][2]
      assert.is_true(math.abs(w - 3 * h) < 0.02, w .. " " .. h)
      assert.is_true(math.abs(points[1][1] + points[2][1] - size[1]) < 0.02)
    end
  end)

  it("has two ticks on an axis where one would stand alone", function()
    local svg = plot.histogram(wave(60, 0.3, 0), { file = path, width = 320, height = 200 }):svg()
    assert.equal(3, select(2, svg:gsub('text%-anchor="middle"', "")))
    svg = plot.matrix(grid(8, 8, function(i, k) return i * k end),
      { x = { 0, 2.5 }, y = { 0, 4000 }, file = path, width = 320, height = 170 }):svg()
    assert.truthy(svg:find ">2000<" and svg:find ">4000<")
  end)

  it("shows images in their proportions, gray and in colours", function()
    local photo = core.zeros(3, 2, 4)
    photo[1]:assign(core.tensor { { 1, 1, 0, 0 }, { 0, 0, 0, 0 } })
    local svg = plot.image(photo, { file = path, width = 448 }):svg()
    assert.truthy(svg:find('<path fill="#ff0000" d="M24 22h200v100h-200z"/>', 1, true), svg)
    assert.equal("▀", plot.image(photo, { file = path }):text { color = "rgb" }:match "255;0;0;48;2;0;0;0m(▀)▀")
    assert.truthy(plot.image(core.zeros(1, 2, 2), { file = path }))
    assert.error_matches(function() plot.image(photo * (0 / 0), { file = path }) end, "a value is not finite")
  end)
end)
