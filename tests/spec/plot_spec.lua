-- rnn.plot: what the three back ends draw. Ticks and messages: plot_axis_spec.lua, plot_misuse_spec.lua.
local core = require "rnn.core"
local plot = require "rnn.plot"

local NAN = 0 / 0

-- Read them with your eyes before you change them.
local GOLDEN_BRAILLE <const> = [[
Two lines
⠤⠤⠤⠤ down   ⠄⠄⠄⠄ up
4 ┤⠒⠤⣀                           ⡀⠄⠂
  │   ⠉⠒⠢⢄⡀                  ⡀⠄⠂⠁
  │       ⠈⠁           ⡀⡀⠄⠂⠁⠁
2 ┤               ⡀⠄⠄⠂⠁
  │          ⡀⡀⠄⠂⠁
  │     ⡀⠄⠄⠂⠁              ⠐⠢⢄⣀
0 ┤⡀⠄⠂⠂⠁                       ⠉⠑⠢⠤⣀
  └────────┬───────────────┬────────
           2               4
                  step
]]
local GOLDEN_ASCII <const> = [[
Two lines~
**** down   ++++ up
4 +**                            +++
  |  ****                    ++++
  |      ***           ++++++
2 +              ++++++
  |          ++++
  |    ++++++              ****
0 +++++                        *****
  +--------+---------------+--------
           2               4
                  step
]]
local GOLDEN_BARS <const> = [[
4 ┤                  ▆▆▆▆▆▆▆▆▆
  │                  █████████
  │                  █████████
2 ┤         ▃▃▃▃▃▃▃▃▃█████████
  │         ██████████████████
  │▅▅▅▅▅▅▅▅▅██████████████████
  │███████████████████████████
0 └─────────┬─────────────────
            2                4
]]

local function read(path)
  local f = assert(io.open(path, "rb"))
  local content = f:read "a"
  f:close()
  return content
end

local files = {}
local function temporary(ending)
  local name = os.tmpname()
  os.remove(name)
  files[#files + 1] = name .. ending
  return name .. ending
end

-- Runs f and returns what it printed, then its results.
local function printed(f, ...)
  local stdout, out = io.stdout, {}
  io.stdout = { write = function(_, s) out[#out + 1] = s end } -- luacheck: ignore 122
  local results = table.pack(pcall(f, ...))
  io.stdout = stdout -- luacheck: ignore 122
  assert(results[1], results[2])
  return table.concat(out), table.unpack(results, 2, results.n)
end

local function figure(f, ...)
  local _, fig = printed(f, ...)
  return fig
end

-- Every element is closed, nothing stands between elements, and text has no stray < or &.
local function assert_well_formed(svg)
  local open = {}
  for before, slash, name, rest in svg:gmatch "([^<]*)<(/?)(%a+)([^<>]*)>" do
    assert.is_nil(before:gsub("&%a+;", ""):gsub("&#%d+;", ""):find "&")
    if slash == "/" then
      assert.equal(table.remove(open), name)
    elseif rest:sub(-1) ~= "/" then
      open[#open + 1] = name
    end
  end
  assert.same({}, open)
  assert.equal("</svg>\n", svg:sub(-7))
end

local function uint32(s, at) return (string.unpack(">I4", s, at)) end

describe("rnn.plot", function()
  after_each(function()
    for _, name in ipairs(files) do os.remove(name) end
    files = {}
  end)

  describe("in the terminal", function()
    local up, down = { 0, 1, 2, 3, 4 }, { 4, 3, NAN, 1, 0 }

    it("draws Braille lines with axes, title and legend", function()
      local fig = figure(plot.series, { up = up, down = down, title = "Two lines", xlabel = "step" })
      assert.equal(GOLDEN_BRAILLE, fig:text { width = 36, height = 12 })
    end)

    it("draws ASCII without UTF-8", function()
      local fig = figure(plot.series, { up = up, down = down, title = "Two lines…", xlabel = "step" })
      assert.equal(GOLDEN_ASCII, fig:text { width = 36, height = 12, unicode = false })
    end)

    it("colours series only when asked", function()
      local fig = figure(plot.series, { up = up, down = down })
      assert.is_nil(fig:text():find "\27")
      local colored = fig:text { color = true }
      assert.truthy(colored:find("\27[38;5;25m", 1, true))
      assert.truthy(colored:find("\27[38;5;124m", 1, true))
    end)

    it("prints and returns the figure when there is no file", function()
      local out, fig = printed(plot.series, { up = up, title = "shown" })
      assert.truthy(out:find("shown", 1, true))
      assert.equal('rnn.Figure: 1 series, "shown"', tostring(fig))
      if not core.isatty(1) then assert.equal(fig:text(), out) end
    end)

    it("draws histograms of blocks", function()
      local fig = figure(plot.histogram, { 1, 2, 2, 3, 3, 3, 4 }, { bins = 3 })
      assert.equal(GOLDEN_BARS, fig:text { width = 30, height = 9 })
    end)

    it("keeps room for the plot beside a long legend", function()
      local series = {}
      for i = 1, 60 do series["a name of some length " .. i] = { 0, 1 } end
      local fig = figure(plot.series, series)
      local _, axis_rows = fig:text({ width = 40, height = 16 }):gsub("[│┤]", "")
      assert.is_true(axis_rows >= 6)
      for y in fig:svg():gmatch ' y="([^"]*)"' do assert.is_true(tonumber(y) <= 420) end
    end)

    it("never draws beyond its width", function()
      local fig = figure(plot.lines, { { y = { 1e-7, 2e-7 }, label = ("long "):rep(40) } }, { title = ("t"):rep(200) })
      for line in fig:text({ width = 40 }):gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 40) end
    end)
  end)

  describe("as SVG", function()
    it("is well-formed and carries title, labels and series", function()
      local path = temporary ".svg"
      plot.lines({ { y = { 1, 2, 3 }, label = "a < b & \"c\"" }, { y = core.tensor { 3, 2, 1 } } },
        { title = "Curves", xlabel = "epoch", ylabel = "loss", file = path })
      local svg = read(path)
      assert_well_formed(svg)
      for _, s in ipairs { "Curves", "epoch", "loss", "a &lt; b &amp; &quot;c&quot;", "#0072b2", "#d55e00" } do
        assert.truthy(svg:find(s, 1, true), s)
      end
      assert.equal(2, select(2, svg:gsub("<polyline", "")))
      assert.truthy(svg:find('width="800" height="420"', 1, true))
    end)

    it("breaks lines at what is not finite and shows lone points", function()
      local fig = figure(plot.series, { y = { 1, 2, NAN, 3, math.huge, 4, 5 } })
      local svg = fig:svg()
      assert.equal(3, select(2, svg:gsub("<polyline", "")))
      assert.truthy(svg:find 'stroke%-width="5"')
      assert.is_nil(svg:find "nan")
      assert.is_nil(svg:find "inf")
    end)

    it("is cleaned of bytes that no viewer takes", function()
      local svg = figure(plot.series, { y = { 1 }, title = "bad \xff byte\n\27[31m" }):svg()
      assert_well_formed(svg)
      assert.truthy(svg:find("bad ? byte  [31m", 1, true))
    end)

    it("holds a bounded number of points for any length of series", function()
      local y = {}
      for i = 1, 100000 do y[i] = i % 1000 end
      local svg = figure(plot.series, { y = y }):svg()
      assert.is_true(#svg < 60000)
    end)

    it("says when there is nothing to draw", function()
      for _, y in ipairs { {}, { NAN, NAN } } do
        assert.truthy(figure(plot.series, { y = y }):svg():find("no data", 1, true))
      end
      assert.truthy(figure(plot.lines, { { y = { -1, 0 } } }, { log_y = true }):svg():find("no data", 1, true))
      assert.truthy(figure(plot.histogram, {}):text():find("no data", 1, true))
    end)

    it("draws constants, also large and tiny ones", function()
      for _, v in ipairs { 0, 5, -1e-12, 1e249 } do
        local svg = figure(plot.series, { y = { v, v, v } }):svg()
        assert.equal(1, select(2, svg:gsub("<polyline", "")))
        assert.is_nil(svg:find "nan")
      end
    end)
  end)

  describe("as PNG", function()
    it("has the signature and twice the size in pixels", function()
      if not core.png_write then
        pending "built without cairo"
        return
      end
      local path = temporary ".png"
      local fig = plot.histogram(core.tensor { { 1, 2 }, { 2, 3 } }, { file = path, width = 300, height = 200 })
      assert.truthy(fig)
      local png = read(path)
      assert.equal("\137PNG\r\n\26\n", png:sub(1, 8))
      assert.same({ 600, 400 }, { uint32(png, 17), uint32(png, 21) })
      assert.error_matches(function() core.png_write(path, 8, 8, { { op = "rect", color = "#00000g" } }) end, "#rrggbb")
      assert.error_matches(function() core.png_write(path, 8, 8, { { op = "star", color = "#000000" } }) end, "star")
    end)
  end)

  it("returns nil, message and code when a file cannot be written", function()
    for _, kind in ipairs { "svg", core.png_write and "png" } do
      local fig, message, code = plot.series { y = { 1 }, file = "/no/such/folder/a." .. kind }
      assert.is_nil(fig)
      assert.truthy(message:find("/no/such/folder", 1, true))
      assert.equal("EIO", code)
    end
  end)

  it("orders series by the list, then by name", function()
    local svg = figure(plot.series, { a = { 1 }, b = { 1 }, c = { 1 }, order = { "c" } }):svg()
    assert.truthy(svg:find ">c<.*>a<.*>b<")
  end)

  it("takes tensors (L) and (L, 1) and dates for x", function()
    local fig = figure(plot.series, { p = core.tensor { 1, 2 }, q = core.tensor { { 3 }, { 4 } },
      x = { "2019-01-01", "2019-03-01" } })
    assert.truthy(fig:svg():find("Jan 2019", 1, true))
  end)
end)
