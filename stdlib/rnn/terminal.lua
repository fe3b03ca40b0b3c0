-- terminal.lua: what the terminal behind a stream can show. One rule for plots, bars, sparks and the prompt.

local core = require "rnn.core"

--- terminal.display(value): where there is a notebook instead of a terminal, shows a value as it can best; else nil.
---@class terminal
---@field display? fun(value: any, id?: string)
local terminal = {}

local function set(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= "" and value or nil
end

local function dumb()
  local term = set "TERM"
  return term == nil or term == "dumb"
end

--- terminal.moves(stream) -> boolean: whether lines can be drawn over, with control codes
---@param stream integer 1 standard output, 2 standard error
---@return boolean
function terminal.moves(stream) return core.isatty(stream) and not dumb() end

--- terminal.color(stream) -> false, true (256 colours) or "rgb" (24 bits, as COLORTERM says)
---
--- NO_COLOR (no-color.org), TERM=dumb and output that is no terminal mean false.
---@param stream integer 1 standard output, 2 standard error
---@return boolean|"rgb"
function terminal.color(stream)
  if not terminal.moves(stream) or set "NO_COLOR" then return false end
  local depth = set "COLORTERM"
  return (depth == "truecolor" or depth == "24bit") and "rgb" or true
end

--- terminal.unicode(stream) -> boolean: whether more than ASCII can be shown, by the locale
---
--- Output that is no terminal gets the same bytes everywhere, in UTF-8.
---@param stream integer 1 standard output, 2 standard error
---@return boolean
function terminal.unicode(stream)
  if not core.isatty(stream) then return true end
  local locale = (set "LC_ALL" or set "LC_CTYPE" or set "LANG" or ""):lower()
  return not dumb() and locale:find "utf%-?8" ~= nil
end

return terminal
