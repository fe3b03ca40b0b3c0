-- rnn.plot: what misuse says.
local core = require "rnn.core"
local plot = require "rnn.plot"

describe("rnn.plot", function()
  describe("misuse", function()
    local function says(message, f, ...)
      local args = table.pack(...)
      local ok, err = pcall(function() return f(table.unpack(args, 1, args.n)) end)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(message, 1, true), tostring(err))
    end

    it("of plot.series", function()
      says("plot.series: argument 1: expected a table, got number 3", plot.series, 3)
      says("plot.series: there is no series", plot.series, { title = "t" })
      says("plot.series: series need names", plot.series, { { 1, 2 } })
      says("plot.series: 'titel' is no option (file, height, log_x, log_y, order, title, width, x, xlabel, ylabel)",
        plot.series, { y = { 1 }, titel = "t" })
      says("got string 't'; did you mean 'title'?", plot.series, { y = { 1 }, titel = "t" })
      says("plot.series: 'y': expected an array of numbers or a tensor of one axis, got tensor (2, 2) float",
        plot.series, { y = core.tensor { { 1, 2 }, { 3, 4 } } })
      says("plot.series: 'y'[2]: expected a number, got string 'x'", plot.series, { y = { 1, "x" } })
      says("plot.series: 'y' has 2 values, but option 'x' has 3", plot.series, { y = { 1, 2 }, x = { 1, 2, 3 } })
      says("plot.series: option 'x'[2]: expected a date 'YYYY-MM-DD' like the first, got string '2019-02-30'",
        plot.series, { y = { 1, 2 }, x = { "2019-02-01", "2019-02-30" } })
      says("plot.series: order[1]: expected the name of a series, got string 'z'",
        plot.series, { y = { 1, 2 }, order = { "z" } })
      says("plot.series: option 'title': expected a string, got number 1", plot.series, { y = { 1 }, title = 1 })
      says("plot.series: option 'file': expected a name ending in .svg, .png or .pdf, got string 'a.gif'",
        plot.series, { y = { 1 }, file = "a.gif" })
      says("plot.series: option 'log_x' has no effect: the x axis has dates",
        plot.series, { y = { 1 }, x = { "2019-01-01" }, log_x = true })
    end)

    it("of plot.scatter, plot.bar, plot.box and plot.image", function()
      says("plot.scatter: argument 1 (points): expected an array of { x =, y =, label = }", plot.scatter, {})
      says("plot.scatter: points[1].y has 1 values, but points[1].x has 2", plot.scatter,
        { { x = { 1, 2 }, y = { 1 } } })
      says("unknown option 'bands'", plot.scatter, { { x = { 1 }, y = { 1 }, bands = {} } })
      says("plot.bar: argument 1 (bars): expected numbers", plot.bar, {})
      says("plot.bar: argument 1 (bars): expected an array of numbers or a tensor of one axis", plot.bar, "x")
      says("plot.bar: bars[2].y has 1 values, the first has 2", plot.bar, { { y = { 1, 2 } }, { y = { 1 } } })
      says("plot.bar: option 'names': 1 names for 2", plot.bar, { 1, 2 }, { names = { "a" } })
      says("plot.box: argument 1 (groups): expected an array of groups of numbers", plot.box, {})
      says("plot.box: groups[1]: expected an array of numbers or a tensor, got number 1", plot.box, { 1, 2 })
      says("plot.image: argument 1 (data): expected a tensor (rows, columns) or (3, rows, columns)", plot.image,
        core.zeros(2, 3, 4))
      says("plot.image: option 'map' has no effect", plot.image, core.zeros(3, 3, 4), { map = "diverging" })
      says("plot.image: argument 1 (data): expected a table", plot.image, 3)
    end)

    it("of plot.lines and plot.histogram", function()
      says("plot.lines: argument 1 (lines): expected an array of { x =, y =, label = }", plot.lines, {})
      says("plot.lines: lines[1]: unknown option 'lable'; did you mean 'label'? known: bands, label, x, y", plot.lines,
        { { y = {}, lable = "a" } })
      says("plot.lines: option 'xlabel' has no effect: a drawing has no axes", plot.lines, { { y = { 1 } } },
        { axes = false, xlabel = "x" })
      says("plot.lines: unknown option 'log'; known: ", plot.lines, { { y = { 1 } } }, { log = true })
      says("lines in one plot must have dates all or none", plot.lines,
        { { y = { 1 } }, { y = { 1 }, x = { "2019-01-01" } } })
      says("plot.histogram: option 'bins': expected an integer from 1 to 1000, got number 0",
        plot.histogram, { 1 }, { bins = 0 })
      says("plot.histogram: argument 1 (values): expected an array of numbers or a tensor, got nil", plot.histogram)
    end)
  end)
end)
