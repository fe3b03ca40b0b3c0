-- merges.lua: which pairs of symbols to make one symbol, learnt from a corpus (Sennrich et al. 2016, algorithm 1), and
-- the merging of a word.
--
-- The most frequent pair comes next; of equally frequent ones that of the least ids. A pair is the integer
-- left << 16 | right. What a merge changes is counted where it happens, so learning takes time for the places of pairs,
-- not for the corpus at each merge: a word may be 100,000 characters long.

local heap = require "rnn.text.heap"

local merges = {}

merges.IDS = 0xFFFF -- so many at most

-- Symbols of more bytes are not made. "aaaa..." would become one of half its length, and a hostile file could ask for
-- one that fills the memory.
merges.LONGEST = 256

local MOST = (1 << 31) - 1 -- of counts

-- All words as chains of symbols: symbol[p] at place p (0: it went into the one before), before[p], after[p] (0: none),
-- weight[p], how often the word is there. Pairs: counts[pair], places[pair], where its left symbol is or was.
local function lay_out(words, ids)
  local symbol, before, after, weight, counts, places, n = {}, {}, {}, {}, {}, {}, 0
  local function pair_at(p, pair, count)
    counts[pair] = (counts[pair] or 0) + count
    local list = places[pair]
    if not list then
      list = {}
      places[pair] = list
    end
    list[#list + 1] = p
  end
  for word, count in pairs(words) do
    local first = n + 1
    for character in word:gmatch(utf8.charpattern) do
      n = n + 1
      local id = ids[character]
      symbol[n], after[n], weight[n] = id or 0, 0, count
      local left = n > first and n - 1 or 0
      before[n] = left
      if left > 0 then
        after[left] = n
        -- an unknown character is in no pair
        if id and symbol[left] > 0 then pair_at(left, symbol[left] << 16 | id, count) end
      end
    end
  end
  return { symbol = symbol, before = before, after = after, weight = weight, counts = counts, places = places,
    pair_at = pair_at }
end

-- Makes pair one symbol, merged, wherever it is; returns the pairs that became more.
local function merge(chains, pair, merged)
  local symbol, before, after, weight = chains.symbol, chains.before, chains.after, chains.weight
  local counts, pair_at = chains.counts, chains.pair_at
  local a, b, more = pair >> 16, pair & 0xFFFF, {}
  local places = chains.places[pair]
  chains.places[pair] = nil
  table.sort(places) -- of "aaa" the first two a are the pair
  for i = 1, #places do
    local p = places[i]
    local q = after[p]
    if symbol[p] == a and q > 0 and symbol[q] == b then
      local left, right, count = before[p], after[q], weight[p]
      if left > 0 and symbol[left] > 0 then
        local old, new = symbol[left] << 16 | a, symbol[left] << 16 | merged
        counts[old] = counts[old] - count
        pair_at(left, new, count)
        more[new] = true
      end
      if right > 0 then
        if symbol[right] > 0 then
          local old, new = b << 16 | symbol[right], merged << 16 | symbol[right]
          counts[old] = counts[old] - count
          pair_at(p, new, count)
          more[new] = true
        end
        before[right] = p
      end
      symbol[p], symbol[q], after[p] = merged, 0, right
    end
  end
  counts[pair] = nil
  return more
end

--- merges.learn(vocab, words, size) -> list of pairs
---
--- Learns merges until the vocabulary has size ids, or no pair is there twice. words are those of the corpus with the
--- numbers of times; the vocabulary has the characters.
---@param vocab text.Vocab
---@param words table<string, integer>
---@param size integer
---@return integer[]
function merges.learn(vocab, words, size)
  local tokens, chains, found, learnt, queue = vocab.tokens, lay_out(words, vocab.ids), {}, {}, {}
  local counts = chains.counts
  local function propose(pair)
    local count = counts[pair]
    if count < 2 or #tokens[pair >> 16] + #tokens[pair & 0xFFFF] > merges.LONGEST then return end
    heap.push(queue, (MOST - math.min(count, MOST)) << 32 | pair)
  end
  for pair in pairs(counts) do propose(pair) end
  while #tokens < size do
    local first = heap.pop(queue)
    if not first then break end
    local pair, count = first & 0xFFFFFFFF, MOST - (first >> 32)
    local now = counts[pair]
    if now == count then
      -- A pair comes back when one of its symbols is made in a second way: "ab" + "c" and "a" + "bc".
      if not learnt[pair] then found[#found + 1], learnt[pair] = pair, true end
      local merged = vocab:_add(tokens[pair >> 16] .. tokens[pair & 0xFFFF])
      for changed in pairs(merge(chains, pair, merged)) do propose(changed) end
    elseif now and now < count then
      propose(pair) -- it became less since; where it became more, it is in the queue again
    end
  end
  return found
end

--- merges.apply(word, vocab [, skips]) -> list of ids
---
--- The symbols of a word: its characters, of which the pair learnt first is merged first. vocab.ranks and vocab.merged
--- say for each pair when it was learnt and what it becomes. Time grows with n log n. skips() says of each merge
--- whether it is left out.
---@param word string
---@param vocab text.Bpe
---@param skips? fun(): boolean
---@return integer[]
function merges.apply(word, vocab, skips)
  local ids, unknown, ranks = vocab.ids, vocab.unknown, vocab.ranks
  local symbol, before, after, n, queue = {}, {}, {}, 0, {}
  for character in word:gmatch(utf8.charpattern) do
    n = n + 1
    symbol[n], before[n], after[n] = ids[character] or unknown, n - 1, n + 1
  end
  local function propose(p, q)
    local rank = p >= 1 and q <= n and ranks[symbol[p] << 16 | symbol[q]]
    if rank then heap.push(queue, rank << 32 | p) end
  end
  for p = 1, n - 1 do propose(p, p + 1) end
  for first in heap.pop, queue do
    local p = first & 0xFFFFFFFF
    local q = after[p]
    local pair = q <= n and symbol[p] << 16 | symbol[q]
    if ranks[pair] == first >> 32 and not (skips and skips()) then
      symbol[p], symbol[q], after[p] = vocab.merged[pair], 0, after[q]
      if after[q] <= n then before[after[q]] = p end
      propose(before[p], p)
      propose(p, after[p])
    end
  end
  local list = {}
  for p = 1, n do
    if symbol[p] > 0 then list[#list + 1] = symbol[p] end
  end
  return list
end

return merges
