-- What plot functions return: a chart that can be shown and saved, as often and in as many forms as wanted.
local check = require "rnn.check"
local option = require "rnn.option"
local core = require "rnn.core"
local layout = require "rnn.plot.layout"
local style = require "rnn.plot.style"
local svg = require "rnn.plot.svg"
local terminal = require "rnn.plot.terminal"

---@class rnn.Figure
local Figure = {}
Figure.__index = Figure
Figure.__name = "rnn.Figure"

local COLUMNS <const> = 80
local NARROWEST <const> = 30 -- columns; below, labels would leave nothing of the plot
local PNG_SCALE <const> = 2  -- pixels of a PNG for each unit of width and height: sharp on today's screens

local function set(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= "" and value or nil
end

local function utf8_locale()
  local locale = (set "LC_ALL" or set "LC_CTYPE" or set "LANG" or ""):lower()
  return (locale:find("utf%-?8") ~= nil)
end

local TEXT = option.of("rnn.Figure:text", {
  { "width", COLUMNS, option.int(1, 1000), "columns" },
  { "height", nil, option.int(8, 1000), "rows" },
  { "color", false, check.boolean, "ANSI colours" },
  { "unicode", true, check.boolean, "Braille rather than ASCII" },
})

---The figure as lines of text. Depends on nothing but its options.
---@param options? rnn.Figure.text.Options
---@return string
function Figure:text(options)
  options = TEXT:read(options, "figure:text")
  local columns = math.max(NARROWEST, options.width)
  local rows = options.height or self.chart.matrix and #self.chart.matrix + (self.chart.title and 2 or 1)
    or math.max(14, math.min(26, columns // 5 + 5))
  local list = layout(self.chart, style.terminal(columns, rows))
  return terminal(list, options)
end

---Draws on standard output: as wide as the terminal, with its colours and characters. Output that is no terminal gets
---the same bytes everywhere: 80 columns, Braille, no colours.
function Figure:print()
  local tty, dumb = core.isatty(1), os.getenv "TERM" == "dumb"
  io.stdout:write(self:text {
    width = tty and core.terminal_width() or COLUMNS,
    color = tty and not dumb and not set "NO_COLOR",
    unicode = not tty or utf8_locale() and not dumb,
  })
end

local function image(self)
  return layout(self.chart, style.image(self.width, self.height))
end

---The figure as an SVG document.
---@return string
function Figure:svg() return svg(image(self)) end

---The kind of file that a name stands for.
---@param path any
---@return "svg"|"png"|nil
function Figure.kind(path)
  local ending = type(path) == "string" and path:lower():match "%.(%w+)$"
  return (ending == "svg" or ending == "png") and ending or nil
end

---Writes the figure to a file, as its name ends: .svg or .png.
---@param path string
---@return true? ok nil when the file could not be written
---@return string? message
---@return string? code
function Figure:save(path)
  local kind = Figure.kind(path)
  if not kind then check.expected("figure:save", "argument 1 (path)", "a name ending in .svg or .png", path) end
  if kind == "svg" then return core.file_write(path, self:svg()) end
  if not core.png_write then
    core.fail("figure:save: this rnnlua was built without cairo and cannot write PNG files; "
      .. "save an .svg and convert it (rsvg-convert %s > %s)", (path:gsub("%w+$", "svg")), path)
  end
  local list = image(self)
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
