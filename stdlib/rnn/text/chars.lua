-- chars.lua: a vocabulary of characters.

local class = require "rnn.class"
local check = require "rnn.check"
local characters = require "rnn.text.characters"
local Vocab = require "rnn.text.vocab"

--- text.chars(corpus) -> vocabulary
---
--- An id for each character of a string or a list of strings, in the order of Unicode, newlines and blanks among them.
--- decode(encode(s)) is s, with U+FFFD for unknown characters.
---@class text.Chars : text.Vocab
---@overload fun(corpus: string|string[]): text.Chars
local Chars = class("text.Chars", Vocab)

Chars.unknown_text = characters.REPLACEMENT

function Chars:init(corpus)
  local seen, list = {}, {}
  for _, s in ipairs(self._corpus("text.chars", corpus)) do
    for character in characters.clean(s):gmatch(utf8.charpattern) do
      if not seen[character] then
        seen[character], list[#list + 1] = true, character
      end
    end
  end
  table.sort(list) -- the order of bytes is that of code points
  self:_begin()
  for _, character in ipairs(list) do self:_add(character) end
end

function Chars:_append(fname, s, ids)
  local known, unknown, n = self.ids, self.unknown, #ids
  for character in characters.clean(check.string(fname, "argument 1", s)):gmatch(utf8.charpattern) do
    n = n + 1
    ids[n] = known[character] or unknown
  end
end

function Chars._join(_, list)
  return table.concat(list)
end

return Chars
