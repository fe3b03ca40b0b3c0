-- terminal.lua: what the terminal behind a stream can show. One rule for plots, bars, sparks and the prompt.

local core = require "rnn.core"

-- The prompt works on when users give these names to things of their own.
local utf8_char, utf8_codes, utf8_len, utf8_offset, concat, getenv = utf8.char, utf8.codes, utf8.len, utf8.offset,
  table.concat, os.getenv

--- terminal.display(value): where there is a notebook instead of a terminal, shows a value as it can best; else nil.
---@class terminal
---@field display? fun(value: any, id?: string)
local terminal = {}

local function set(name)
  local value = getenv(name)
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

--- terminal.unicode(stream) -> boolean: whether more than ASCII can be shown, by TERM and the locale
---
--- Output that is no terminal gets the same bytes everywhere, in UTF-8.
---@type fun(stream: integer): boolean
terminal.unicode = core.unicode

--- terminal.portuguese() -> boolean: whether the locale says so
---@return boolean
function terminal.portuguese()
  local language = set "LC_ALL" or set "LC_MESSAGES" or set "LANG" or ""
  return language:find "^pt" ~= nil
end

local ASCII = { ["×"] = "x", ["…"] = "...", ["±"] = "+-", ["µ"] = "u", ["·"] = "-", ["—"] = "-", ["–"] = "-",
  ["−"] = "-", ["→"] = "->", ["∂"] = "d", ["≤"] = "<=", ["≥"] = ">=" }

--- terminal.plain(text [, stream]) -> text, in ASCII where the terminal shows no more
---@param text string
---@param stream? integer 1 standard output, 2 standard error
---@return string
function terminal.plain(text, stream)
  if not text:find "[\128-\255]" or terminal.unicode(stream or 1) then return text end
  if not utf8_len(text) then return (text:gsub("[\128-\255]", "?")) end
  local out = {}
  for _, code in utf8_codes(text) do
    local char = utf8_char(code)
    out[#out + 1] = code < 128 and char or ASCII[char] or "?"
  end
  return concat(out)
end

--- terminal.cut(text, columns) -> text, of at most so many columns; what is cut ends with "…", or "..."
---@param text string
---@param columns integer
---@return string
function terminal.cut(text, columns)
  if (utf8_len(text) or #text) <= columns then return text end
  local dots = terminal.plain "…"
  local kept = columns - utf8_len(dots)
  return text:sub(1, (utf8_offset(text, kept + 1) or kept + 1) - 1) .. dots
end

return terminal
