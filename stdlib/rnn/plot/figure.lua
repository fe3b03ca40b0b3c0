-- What plot functions return: a chart that can be shown and saved, as often and in as many forms as wanted.
local check = require "rnn.check"
local option = require "rnn.option"
local core = require "rnn.core"
local layout = require "rnn.plot.layout"
local style = require "rnn.plot.style"
local svg = require "rnn.plot.svg"
local draw = require "rnn.plot.terminal"
local terminal = require "rnn.terminal"

---@class rnn.Figure
local Figure = {}
Figure.__index = Figure
Figure.__name = "rnn.Figure"
Figure.ENDINGS = "a name ending in .svg, .png or .pdf"

local COLUMNS <const> = 80
local NARROWEST <const> = 30 -- columns; below, labels would leave nothing of the plot
local MATRIX_ROWS <const> = 40 -- of a matrix by default, at most
local PNG_SCALE <const> = 2  -- pixels of a PNG for each unit of width and height: sharp on today's screens

local COLOR = option.kind('boolean|"rgb"', function(fname, argname, v)
  if v == "rgb" then return v end
  return check.boolean(fname, argname, v)
end, { "true", "false", '"rgb"' })

local TEXT = option.of("rnn.Figure:text", {
  { "width", COLUMNS, option.int(1, 1000), "columns" },
  { "height", nil, option.int(3, 1000), "rows; where they are few, first the labels give way, then the title" },
  { "color", false, COLOR, "the 256 colours of terminals, or \"rgb\" for all" },
  { "unicode", true, check.boolean, "Braille rather than ASCII" },
})

---The figure as lines of text. Depends on nothing but its options.
---@param options? rnn.Figure.text.Options
---@return string
function Figure:text(options)
  options = TEXT:read(options, "figure:text")
  local columns = math.max(NARROWEST, options.width)
  local rows = options.height or self.chart.matrix and math.min(#self.chart.matrix, MATRIX_ROWS) + 6
    or math.max(14, math.min(26, columns // 5 + 5))
  return draw(layout(self.chart, style.terminal(columns, rows, options)), options)
end

---Draws on standard output: as wide as the terminal, with its colours and characters, unless options say otherwise.
---Output that is no terminal gets the same bytes everywhere: 80 columns, Braille, no colours. In a notebook the figure
---is shown as a picture.
---@param options? rnn.Figure.text.Options
function Figure:print(options)
  if terminal.display then return terminal.display(self) end
  local given = {}
  for name, value in pairs(options == nil and {} or check.table("figure:print", "argument 1 (options)", options)) do
    given[name] = value
  end
  if given.width == nil then given.width = core.isatty(1) and core.terminal_width() or COLUMNS end
  if given.color == nil then given.color = terminal.color(1) end
  if given.unicode == nil then given.unicode = terminal.unicode(1) end
  io.stdout:write(self:text(TEXT:read(given, "figure:print")))
end

local function image(self)
  return layout(self.chart, style.image(self.width, self.height))
end

---The figure as an SVG document.
---@return string
function Figure:svg() return svg(image(self)) end

---The kind of file that a name stands for.
---@param path any
---@return "svg"|"png"|"pdf"|nil
function Figure.kind(path)
  local ending = type(path) == "string" and path:lower():match "%.(%w+)$"
  return (ending == "svg" or ending == "png" or ending == "pdf") and ending or nil
end

---Writes the figure to a file, as its name ends: .svg, .png or .pdf (one page, of width x height points).
---@param path string
---@return true? ok nil when the file could not be written
---@return string? message
---@return string? code
function Figure:save(path)
  local kind = Figure.kind(path)
  if not kind then check.expected("figure:save", "argument 1 (path)", Figure.ENDINGS, path) end
  if kind == "svg" then return core.file_write(path, self:svg()) end
  if not core.png_write then
    core.fail("figure:save: this rnnlua was built without cairo and cannot write %s files; "
      .. "save an .svg and convert it (rsvg-convert -f %s %s > %s)", kind:upper(), kind, (path:gsub("%w+$", "svg")),
      path)
  end
  local list = image(self)
  if kind == "pdf" then return core.pdf_write(path, list.width, list.height, list) end
  list.scale = PNG_SCALE
  return core.png_write(path, list.width * PNG_SCALE, list.height * PNG_SCALE, list)
end

function Figure:__tostring()
  local matrix = self.chart.matrix
  if matrix then return ("rnn.Figure: a matrix of %d x %d"):format(#matrix, #matrix[1]) end
  local n = #self.chart.series
  return ("rnn.Figure: %d series%s"):format(n, self.chart.title and (', "%s"'):format(self.chart.title) or "")
end

---@param chart table see init.lua
---@param width number
---@param height number
---@return rnn.Figure
return function(chart, width, height)
  return setmetatable({ chart = chart, width = width, height = height }, Figure)
end
