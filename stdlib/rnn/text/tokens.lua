-- tokens.lua: words and punctuation.

local check = require "rnn.check"
local option = require "rnn.option"
local characters = require "rnn.text.characters"
local lowercase = require "rnn.lowercase"
local split = require "rnn.text.split"

local OPTIONS = option.of("text.tokens", { { "lowercase", false, check.boolean, "all text, before it is cut" } })

--- text.tokens(s [, options]) -> list of strings
---
--- Words, numbers, and each punctuation mark, symbol, emoji or ideograph by itself, without the white space: "Don't
--- panic, it's 3.14!" gives Don't, panic, ",", it's, 3.14, "!". An apostrophe stays between letters, a point or comma
--- between digits; <unk>, <s> and </s> stay whole. Bytes that are no UTF-8 become U+FFFD.
---@param s string
---@param options? text.tokens.Options
---@return string[]
return function(s, options)
  check.string("text.tokens", "argument 1", s)
  s = characters.blanks(characters.clean(s))
  if OPTIONS:read(options).lowercase then s = lowercase(s) end
  local list = {}
  for chunk in s:gmatch(characters.CHUNK) do split(chunk, list) end
  return list
end
