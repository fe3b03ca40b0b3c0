-- vocab.lua: what all vocabularies share: ids, their tokens, decoding, and the way into a file and back.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"

--- text.Vocab: ids for the parts of a text. text.chars, text.words and text.bpe make them.
---
--- Ids count from 1; 0 is padding. #v is the number of ids; the first three are v.unknown (<unk>), v.start (<s>) and
--- v.stop (</s>). rnn.save(path, model, { vocab = v }) keeps a vocabulary in the model's file; rnn.load gives it back.
---@class text.Vocab
---@field unknown integer what stands for what the vocabulary does not have
---@field start integer
---@field stop integer
local Vocab = class("text.Vocab")

local SPECIAL = { "<unk>", "<s>", "</s>" }

Vocab.unknown, Vocab.start, Vocab.stop = 1, 2, 3
Vocab._special = { [SPECIAL[1]] = 1, [SPECIAL[2]] = 2, [SPECIAL[3]] = 3 }
Vocab.unknown_text = SPECIAL[1] -- what decode gives for it

--- Vocab:_begin(): an object with the special ids only
function Vocab:_begin()
  self.tokens, self.ids = table.move(SPECIAL, 1, #SPECIAL, 1, {}), {}
end

--- Vocab:_add(token) -> id, that it has or now gets
function Vocab:_add(token)
  local id = self.ids[token]
  if not id then
    id = #self.tokens + 1
    self.tokens[id], self.ids[token] = token, id
  end
  return id
end

--- Vocab._corpus(fname, corpus) -> list of its parts, which are not empty all
function Vocab._corpus(fname, corpus)
  local list = type(corpus) == "string" and { corpus } or corpus
  if type(list) ~= "table" or getmetatable(list) then
    check.expected(fname, "argument 1 (corpus)", "a string or a list of strings", corpus)
  end
  for i, s in ipairs(list) do
    if type(s) ~= "string" then
      check.expected(fname, ("argument 1 (corpus), entry %d"):format(i), "a string", s)
    end
  end
  for _, s in ipairs(list) do
    if s ~= "" then return list end
  end
  core.fail("%s: argument 1 (corpus): it has no text", fname)
end

--- #vocab -> number of ids
function Vocab:__len()
  return #self.tokens
end

local ENCODE = option.of("text.Vocab:encode", {
  { "start", false, check.boolean, "<s> before the text" },
  { "stop", false, check.boolean, "</s> behind it" },
})

--- vocab:encode(s [, options]) -> list of ids
---
--- The ids of a text. What the vocabulary does not have becomes
--- v.unknown; a byte that is no UTF-8 counts as U+FFFD. An empty text has no ids.
---@param s string
---@param options? text.Vocab.encode.Options
---@return integer[]
function Vocab:encode(s, options)
  local fname = "vocab:encode"
  options = ENCODE:read(options, fname)
  local ids = options.start and { self.start } or {}
  self:_append(fname, s, ids)
  if options.stop then ids[#ids + 1] = self.stop end
  return ids
end

--- vocab:decode(ids) -> string
---
--- The text of a list of ids or an int32 tensor (T). Padding, <s> and </s> are left out. Any other number than an id or
--- 0 raises an error.
---@param ids integer[]|rnn.Tensor
---@return string
function Vocab:decode(ids)
  local fname = "vocab:decode"
  if core.is_tensor(ids) then ids = check.tensor(fname, "argument 1 (ids)", ids, "int32", 1):totable() end
  check.table(fname, "argument 1 (ids)", ids)
  local list, tokens, n = {}, self.tokens, 0
  for i, id in ipairs(ids) do
    local token = tokens[id]
    if not token and id ~= 0 then check.int(fname, ("id %d"):format(i), id, 0, #self) end
    if token and id ~= self.start and id ~= self.stop then
      n = n + 1
      list[n] = id == self.unknown and self.unknown_text or token
    end
  end
  return self:_join(list)
end

--- vocab:id(token) -> id | nil
---
--- The id of a token; nil where the vocabulary does not have it.
---@param token string
---@return integer?
function Vocab:id(token)
  check.string("vocab:id", "argument 1 (token)", token)
  return Vocab._special[token] or self.ids[token]
end

--- vocab:token(id) -> string | nil
---
--- The token of an id; nil where there is no such id. That of text.bpe has a blank behind where a word ends.
---@param id integer
---@return string?
function Vocab:token(id)
  return self.tokens[check.int("vocab:token", "argument 1 (id)", id)]
end

--- vocab:describe() -> string
---
--- What it is, in a word: "text.Chars(68 ids)".
---@return string
function Vocab:describe()
  return ("%s(%d ids)"):format(getmetatable(self).__name, #self)
end

function Vocab.__tostring(self)
  return self:describe()
end

--- vocab:config() -> table
---
--- The vocabulary as plain values, for rnn.save.
---@return table
function Vocab:config()
  return { tokens = table.move(self.tokens, #SPECIAL + 1, #self.tokens, 1, {}) }
end

--- Vocab:_restore(config): fills a new object with what config() gave; raises for anything else
function Vocab:_restore(config)
  self:_begin()
  if type(config.tokens) ~= "table" then core.fail("a vocabulary without its tokens") end
  for i, token in ipairs(config.tokens) do
    if type(token) ~= "string" or not utf8.len(token) or self.ids[token] then
      core.fail("token %d of a vocabulary is invalid, or there twice", i)
    end
    self:_add(token)
  end
end

--- Vocab._revive(cls, config) -> vocabulary, of the derived class cls
function Vocab._revive(cls, config)
  if type(config) ~= "table" then core.fail("a vocabulary that is no table") end
  local vocab = setmetatable({}, cls)
  vocab:_restore(config)
  return vocab
end

return Vocab
