-- bpe.lua: a vocabulary of byte pairs, or rather of parts of words: characters, of which the most frequent neighbours
-- were made one (R. Sennrich, B. Haddow, A. Birch 2016, "Neural Machine Translation of Rare Words with Subword Units").
--
-- A blank ends each word, as the paper's marker does: "low lower" is the two words "low " and "lower ". No word can
-- have a blank inside, so text that is put together again needs no other sign. A newline is a symbol by itself.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local characters = require "rnn.text.characters"
local merges = require "rnn.text.merges"
local Vocab = require "rnn.text.vocab"

--- text.bpe(corpus, options) -> vocabulary
---
--- Parts of words, learnt from a string or a list of strings: size ids at most, among them every character of the
--- corpus (the most frequent ones, where they are more), a newline and the blank that ends a word. Rare and new words
--- become several ids, so that only a new character is unknown. decode(encode(s)) is s, but that white space between
--- words becomes one blank and none is kept at the ends of lines; newlines stay.
---@class text.Bpe : text.Vocab
---@field merges integer[] pairs of ids, left << 16 | right, in the order they were learnt
---@overload fun(corpus: string|string[], options: text.bpe.Options): text.Bpe
local Bpe = class("text.Bpe", Vocab)

Bpe.unknown_text = characters.REPLACEMENT

local OPTIONS = option.of("text.bpe", {
  { "size", nil, option.int(6, merges.IDS), "ids at most, such as 8000; up to 65,535", required = true },
})

local CACHED = 50000 -- words whose ids are kept
local CACHED_BYTES = 64 -- of such a word

-- Calls each(word) for the words of s, with blanks behind, and newline() between its lines.
local function for_words(s, each, newline)
  local from = 1
  while true do
    local to = s:find("\n", from, true)
    for chunk in s:sub(from, (to or 0) - 1):gmatch(characters.CHUNK) do each(chunk .. " ") end
    if not to then return end
    newline()
    from = to + 1
  end
end

-- The size most frequent characters of words, in the order of Unicode, and the blank.
local function alphabet(words, size)
  local counts, list = { [" "] = math.huge }, { " " }
  for word, count in pairs(words) do
    for character in word:gmatch(utf8.charpattern) do
      if not counts[character] then list[#list + 1] = character end
      counts[character] = (counts[character] or 0) + count
    end
  end
  table.sort(list, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  for i = #list, size + 1, -1 do list[i] = nil end
  table.sort(list)
  return list
end

-- What encoding needs, from self.merges.
local function prepare(self)
  self.ranks, self.merged, self.cache, self.cached = {}, {}, {}, 0
  for rank, pair in ipairs(self.merges) do
    self.ranks[pair] = rank
    self.merged[pair] = self.ids[self.tokens[pair >> 16] .. self.tokens[pair & 0xFFFF]]
  end
end

-- The special ids, the newline and the characters.
local function start(self, list)
  self:_begin()
  self:_add "\n"
  for _, character in ipairs(list) do self:_add(character) end
  self.alphabet = list
end

function Bpe:init(corpus, options)
  local fname = "text.bpe"
  local size = OPTIONS:read(options).size
  local words = {}
  for _, s in ipairs(self._corpus(fname, corpus)) do
    for_words(characters.clean(s), function(word) words[word] = (words[word] or 0) + 1 end, function() end)
  end
  start(self, alphabet(words, size - 4))
  self.merges = merges.learn(self, words, size)
  prepare(self)
end

-- The ids of a word; frequent words are met again and again.
local function ids_of(self, word)
  local list = self.cache[word]
  if list then return list end
  list = merges.apply(word, self)
  if #word <= CACHED_BYTES then
    if self.cached == CACHED then self.cache, self.cached = {}, 0 end
    self.cache[word], self.cached = list, self.cached + 1
  end
  return list
end

function Bpe:_append(fname, s, ids)
  local n, newline = #ids, self.ids["\n"]
  for_words(characters.clean(check.string(fname, "argument 1", s)), function(word)
    local list = ids_of(self, word)
    table.move(list, 1, #list, n + 1, ids)
    n = n + #list
  end, function()
    n = n + 1
    ids[n] = newline
  end)
end

function Bpe._join(_, list)
  return (table.concat(list):gsub(" *\n", "\n"):gsub(" +$", ""))
end

--- bpe:config() -> table
---
--- As that of text.Vocab: the alphabet and the merges.
---@return table
function Bpe:config()
  return { alphabet = self.alphabet, merges = self.merges }
end

function Bpe:_restore(config)
  local list, pairs_ = config.alphabet, config.merges
  if type(list) ~= "table" or type(pairs_) ~= "table" then core.fail("a vocabulary without alphabet or merges") end
  for i, character in ipairs(list) do
    if type(character) ~= "string" or utf8.len(character) ~= 1 then
      core.fail("character %d of a vocabulary is none", i)
    end
  end
  start(self, list)
  local tokens = self.tokens
  for i, pair in ipairs(pairs_) do
    local whole = math.tointeger(pair) or 0
    local left, right = tokens[whole >> 16], tokens[whole & 0xFFFF]
    if whole < 1 << 16 or not left or not right or #left + #right > merges.LONGEST or #tokens == merges.IDS then
      core.fail("merge %d of a vocabulary is wrong", i)
    end
    pairs_[i] = whole
    self:_add(left .. right)
  end
  self.merges = pairs_
  prepare(self)
end

return Bpe
