-- paint.lua: the colours of the prompt. Only the eight colours that every terminal's own theme chooses, so that they
-- are readable on light and on dark ones.

local terminal = require "rnn.terminal"

-- The prompt works on when users give these names to things of their own.
local type, getmetatable, rawget, utf8_charpattern, concat = type, debug.getmetatable, rawget, utf8.charpattern,
  table.concat

local CODES = { prompt = "1;32", error = "1;31", dim = "2", heading = "1", string = "32", number = "36", word = "35" }

local paint = {}

--- paint.on(stream) -> boolean: whether there are colours on 1, standard output, or 2, standard error
function paint.on(stream) return terminal.color(stream) ~= false end

--- paint.as(kind, text [, stream]) -> text in the colour of its kind: prompt, error, dim, heading, string, number, word
function paint.as(kind, text, stream)
  if text == "" or not paint.on(stream or 1) then return text end
  return "\27[" .. CODES[kind] .. "m" .. text:gsub("\n", "\27[0m\n\27[" .. CODES[kind] .. "m") .. "\27[0m"
end

local WORDS = { ["true"] = true, ["false"] = true, ["nil"] = true, ["function"] = true }

-- A table as pretty shows it, by its tokens.
local function painted_table(text)
  local out, at = {}, 1
  while at <= #text do
    local token = text:match('^"[^"\\]*"', at)
    if not token and text:find('^"', at) then -- with escapes
      local stop = at + 1
      while stop <= #text and text:sub(stop, stop) ~= '"' do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
      token = text:sub(at, stop)
    end
    local kind = token and "string"
    if not token then
      token = text:match("^[%a_][%w_]*", at)
      kind = token and WORDS[token] and "word"
    end
    if not token then
      token = text:match("^%-?%d[%w.]*[+-]?%d*", at)
      kind = token and "number"
    end
    if not token then
      token = text:match("^" .. utf8_charpattern, at) or text:sub(at, at)
      kind = token == "…" and "dim"
    end
    out[#out + 1] = kind and paint.as(kind, token) or token
    at = at + #token
  end
  return concat(out)
end

--- paint.value(value, text) -> text, which shows value, in colours
function paint.value(value, text)
  if not paint.on(1) then return text end
  local kind, meta = type(value), getmetatable(value)
  if kind == "number" then return paint.as("number", text) end
  if kind == "nil" or kind == "boolean" then return paint.as("word", text) end
  if kind == "string" then return text end
  if kind == "table" and not (meta and rawget(meta, "__tostring")) then return painted_table(text) end
  local head, rest = text:match("^([^\n]*)(.*)$")
  return paint.as("heading", head) .. rest
end

--- paint.failure(message) -> text
---
--- A message with its traceback for standard error: what is wrong, then the lines of the user's, then those inside.
function paint.failure(message)
  local what, trace = message:match("^(.-)\nstack traceback:\n?(.*)$")
  if not what then return paint.as("error", message, 2) end
  local own, inner = {}, {}
  for line in trace:gmatch("[^\n]+") do
    local list = (line:find("^%s*%[") or line:find("^%s*%(%.%.%.tail")) and inner or own
    list[#list + 1] = line
  end
  local text = paint.as("error", what, 2)
  if #own > 0 then text = text .. "\n" .. concat(own, "\n") end
  if #inner > 0 then text = text .. "\n" .. paint.as("dim", "inside:\n" .. concat(inner, "\n"), 2) end
  return text
end

return paint
