-- tokens.lua: words and punctuation.

local check = require "rnn.check"
local characters = require "rnn.text.characters"
local lowercase = require "rnn.lowercase"
local split = require "rnn.text.split"

--- text.tokens(s [, { lowercase = false }]) -> list of strings
---
--- Words, numbers, and each punctuation mark, symbol, emoji or ideograph by itself, without the white space: "Don't
--- panic, it's 3.14!" gives Don't, panic, ",", it's, 3.14, "!". An apostrophe stays between letters, a point or comma
--- between digits. Bytes that are no UTF-8 become U+FFFD.
---@param s string
---@param options? { lowercase?: boolean }
---@return string[]
return function(s, options)
  check.string("text.tokens", "argument 1", s)
  s = characters.blanks(characters.clean(s))
  local lower = check.options("text.tokens", options, { lowercase = false }).lowercase
  if check.boolean("text.tokens", "option 'lowercase'", lower) then s = lowercase(s) end
  local list = {}
  for chunk in s:gmatch(characters.CHUNK) do split(chunk, list) end
  return list
end
