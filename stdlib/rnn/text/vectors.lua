-- vectors.lua: word vectors that somebody else has trained: GloVe, word2vec and fastText as text files.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Vocab = require "rnn.text.vocab"

-- The word and the numbers of a line, which are dim when that is known; or nil. A word of some files has blanks within.
local function read(line, dim)
  local values = {}
  for number in line:gmatch "%S+" do values[#values + 1] = number end
  local first = 2
  if dim then first = #values - dim + 1 end
  if first < 2 or #values < first then return nil end
  local word, numbers = table.concat(values, " ", 1, first - 1), {}
  for i = first, #values do
    numbers[i - first + 1] = tonumber(values[i])
    if not numbers[i - first + 1] then return nil end
  end
  return word, numbers
end

--- text.vectors(path, vocab) -> weight (#vocab, dim), found (#vocab) | nil, message
---
--- Word vectors for the ids of a vocabulary, from a text file that has a word and its numbers in each line, as GloVe,
--- word2vec and fastText write them (.txt, .vec), with or without a line of counts before; embedding.weight:assign(w)
--- puts them into an nn.Embedding. found is 1 where the file has the token of an id, as it is written or else in lower
--- case, and 0 elsewhere; such rows are drawn from a normal distribution as wide as the numbers found. Of the file only
--- what is needed is kept. The message names a first line that is none, or says that no token was found.
--- Errors: a path that is no string, a vocabulary that is none. Pennington, Socher, Manning 2014, "GloVe"; Bojanowski
--- et al. 2017, "Enriching word vectors with subword information".
---@param path string
---@param vocab text.Vocab
---@return rnn.Tensor? weight
---@return rnn.Tensor|string found
local function vectors(path, vocab)
  local fname = "text.vectors"
  check.string(fname, "argument 1 (path)", path)
  if not class.is_a(vocab, Vocab) then check.expected(fname, "argument 2 (vocab)", "a vocabulary", vocab) end
  local file <close>, message = io.open(path, "rb")
  if not file then return nil, message end
  local ids, rows, dim, number = {}, {}, nil, 0 -- ids: those of a token in the file
  local function want(token, id)
    ids[token] = ids[token] or {}
    table.insert(ids[token], id)
  end
  for id = 1, #vocab do
    local token = vocab:token(id)
    want(token, id)
    if token:lower() ~= token then want(token:lower(), id) end
  end
  local exact = {}
  for line in file:lines() do
    number = number + 1
    if not (number == 1 and line:find "^%d+ %d+%s*$") then
      local word, numbers = nil, nil
      if not dim or ids[line:match "^%S+"] then word, numbers = read(line, dim) end
      if not dim then
        if not word then
          return nil, ("%s: line %d: expected a word and its numbers, got '%.40s'"):format(path, number,
            line:gsub("[^\x20-\x7e]", "?"))
        end
        dim = #numbers
      end
      for _, id in ipairs(word and ids[word] or {}) do
        local same = vocab:token(id) == word
        if not rows[id] or same and not exact[id] then rows[id], exact[id] = numbers, same end
      end
    end
  end
  local list, places = {}, {}
  for id = 1, #vocab do
    list[#list + 1] = rows[id]
    if rows[id] then places[#places + 1] = id end
  end
  if #list == 0 then return nil, ("%s: none of the %d tokens of the vocabulary is in it"):format(path, #vocab) end
  local known, at = core.tensor(list), core.tensor(places, "int32")
  local weight, found = core.randn(#vocab, dim) * known:square():mean():sqrt():item(), core.zeros(#vocab)
  weight[at], found[at] = known, 1
  return weight, found
end

return vectors
