-- words.lua: a vocabulary of words.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local characters = require "rnn.text.characters"
local lowercase = require "rnn.lowercase"
local split = require "rnn.text.split"
local Vocab = require "rnn.text.vocab"

--- text.words(corpus [, options]) -> vocabulary
---
--- An id for each word of a corpus, the most frequent first, those of equal frequency in the order of their bytes. The
--- corpus is a string or a list; an entry of it, and what encode takes, is a string or a list of words. A word <unk>,
--- <s> or </s> of the text is the special id. decode puts a blank between words. A corpus without words raises an
--- error.
---@class text.Words : text.Vocab
---@field tokenize "words"|"spaces"|fun(s: string): string[]
---@overload fun(corpus: string|table, options?: text.words.Options): text.Words
local Words = class("text.Words", Vocab)

local OPTIONS = option.of("text.words", {
  { "size", nil, option.int(4), "at most so many ids, with the three special ones" },
  { "min_count", 1, option.int(1), "only words that are there so often" },
  { "tokenize", "words", option.kind('"words"|"spaces"|function', function(fname, argname, value)
    return type(value) == "function" and value or check.one_of(fname, argname, value, { "words", "spaces" })
  end, { '"words"', '"spaces"' }), "as text.tokens; what stands between white space; or a function s -> list of words, "
    .. "which a file cannot hold: after rnn.load set vocab.tokenize to it again" },
  { "lowercase", false, check.boolean, "all text, before it is cut" },
})

-- Words that somebody else has cut, in valid UTF-8.
local function given(fname, argname, words)
  local list = {}
  for i, word in ipairs(words) do
    list[i] = characters.clean(check.string(fname, ("%s, word %d"):format(argname, i), word))
  end
  return list
end

-- The words of one text.
local function words_of(self, fname, argname, s)
  if type(s) == "table" and not getmetatable(s) then return given(fname, argname, s) end
  if type(s) ~= "string" then check.expected(fname, argname, "a string or a list of words", s) end
  local tokenize, list = self.tokenize, {}
  if not tokenize then
    core.fail("%s: the vocabulary was made with a tokenize function, which its file does not hold; set "
      .. "vocab.tokenize to that function", fname)
  end
  s = characters.clean(s)
  if self.lowercase then s = lowercase(s) end
  if type(tokenize) == "function" then
    local what = "the result of the function 'tokenize'"
    return given(fname, what, check.table(fname, what, tokenize(s)))
  end
  for chunk in characters.blanks(s):gmatch(characters.CHUNK) do
    if tokenize == "words" then split(chunk, list) else list[#list + 1] = chunk end
  end
  return list
end

function Words:init(corpus, options)
  local fname = "text.words"
  options = OPTIONS:read(options)
  local size, least = options.size or math.huge, options.min_count
  self.tokenize, self.lowercase = options.tokenize, options.lowercase
  self:_begin()
  if type(corpus) == "string" then corpus = { corpus } end
  check.table(fname, "argument 1 (corpus)", corpus)
  local counts, list = {}, {}
  for i, s in ipairs(corpus) do
    for _, word in ipairs(words_of(self, fname, ("argument 1 (corpus), entry %d"):format(i), s)) do
      if not counts[word] then list[#list + 1] = word end
      counts[word] = (counts[word] or 0) + 1
    end
  end
  if #list == 0 then core.fail("%s: argument 1 (corpus): it has no word", fname) end
  table.sort(list, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  for _, word in ipairs(list) do
    if #self == size or counts[word] < least then break end
    if not self:id(word) then self:_add(word) end
  end
end

function Words:_append(fname, s, ids)
  local unknown, n = self.unknown, #ids
  for i, word in ipairs(words_of(self, fname, "argument 1", s)) do ids[n + i] = self:id(word) or unknown end
end

function Words._join(_, list)
  return table.concat(list, " ")
end

--- words:config() -> table
---
--- As that of text.Vocab, with the options; a tokenize function is left out.
---@return table
function Words:config()
  local config = Vocab.config(self)
  config.lowercase = self.lowercase
  config.tokenize = type(self.tokenize) == "string" and self.tokenize or nil
  return config
end

function Words:_restore(config)
  Vocab._restore(self, config)
  self.lowercase = config.lowercase == true
  if config.tokenize == "words" or config.tokenize == "spaces" then self.tokenize = config.tokenize end
end

return Words
