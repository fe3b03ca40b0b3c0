-- cache.lua: a language model's memory of what it has just read.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local option = require "rnn.option"

--- nn.NeuralCache([options]) -> cache
---
--- Words that were read come again: beside the model's distribution one over the last words, each as likely as its
--- hidden state is like the present one. Grave, Joulin, Usunier 2017, "Improving neural language models with a
--- continuous cache", equations 2 and 3. It has no parameters and is not trained.
---@class nn.NeuralCache
---@overload fun(options?: nn.NeuralCache.Options): nn.NeuralCache
local Cache = class("nn.NeuralCache")

local OPTIONS = option.of("nn.NeuralCache", {
  { "size", 500, option.int(1), "words that are kept, of each row" },
  { "theta", 0.3, option.number(0), "factor of the products of hidden states: 0 makes all kept words alike" },
  { "weight", 0.1, option.number(0, 1), "share of the cache in the distribution" },
})

function Cache:init(options)
  options = OPTIONS:read(options)
  self.size, self.theta, self.weight = options.size, options.theta, options.weight
  self:clear()
end

--- cache:clear(): forgets everything, before another text.
function Cache:clear()
  self.keys, self.words = nil, nil
end

--- cache:read(logits, hidden, ids) -> log-probabilities (N, T, V)
---
--- Log-probabilities of the model and the cache together, at each step before its word is known; then the words are
--- kept. Nothing is recorded. Errors: shapes that do not fit, another number of rows than before, ids that are no
--- words.
---@param logits rnn.Tensor (N, T, V)
---@param hidden rnn.Tensor (N, T, H) what the last layer sees
---@param ids rnn.Tensor int32 (N, T), the words that came, 1 .. V; 0 is padding, and not kept
---@return rnn.Tensor
function Cache:read(logits, hidden, ids)
  local fname = "cache:read"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 3)
  check.tensor(fname, "argument 2 (hidden)", hidden, "float", 3)
  check.tensor(fname, "argument 3 (ids)", ids, "int32", 2)
  local n, steps, vocab = logits:shape()
  if hidden:size(1) ~= n or hidden:size(2) ~= steps or ids:size(1) ~= n or ids:size(2) ~= steps
    or self.keys and (self.keys:size(1) ~= n or self.keys:size(3) ~= hidden:size(3)) then
    core.fail("%s: logits %s, hidden %s and ids %s do not fit together, or not to what was read", fname,
      check.shape(logits), check.shape(hidden), check.shape(ids))
  end
  local wrong = ids:without_lengths():lt(0):logical_or(ids:without_lengths():gt(vocab))
  if ids:count() > 0 and wrong:max():item() > 0 then
    core.fail("%s: argument 3 (ids): words are 1 to %d, or 0 for padding, got %d", fname, vocab,
      ids:without_lengths():reshape(-1):get(wrong:reshape(-1):argmax(1):item()))
  end
  return core.no_grad(function()
    local own, log = logits:without_lengths():log_softmax(-1), {}
    hidden, ids = hidden:without_lengths(), ids:without_lengths()
    for t = 1, steps do
      local h, y = hidden:slice(2, t, t), own:select(2, t)
      if self.keys then
        local likeness = (self.keys:matmul(h:transpose(2, 3)):reshape(n, -1) * self.theta):softmax(-1)
        local cached = likeness:reshape(n, 1, -1):matmul(core.one_hot(self.words, vocab)):reshape(n, vocab)
        local sum = cached:sum(2, true) -- padding has no part in it
        local mixed = (1 - self.weight) * y:exp() + self.weight * cached / core.where(sum:gt(0), sum, 1)
        y = core.where(sum:gt(0), mixed:log(), y)
      end
      log[t] = y
      local word = ids:slice(2, t, t)
      self.keys = self.keys and core.concat({ self.keys, h }, 2) or h
      self.words = self.words and core.concat({ self.words, word }, 2) or word
      local over = self.keys:size(2) - self.size
      if over > 0 then
        self.keys = self.keys:slice(2, over + 1, self.keys:size(2))
        self.words = self.words:slice(2, over + 1, self.words:size(2))
      end
    end
    return core.stack(log, 2)
  end)
end

return Cache
