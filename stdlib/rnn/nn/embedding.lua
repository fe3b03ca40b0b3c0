-- embedding.lua: a vector for every id.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"

--- nn.Embedding(vocab, dim [, options])
---
--- Ids 1 .. vocab, an int32 tensor of any shape (...), -> their vectors (..., dim). Id 0 is padding and gives zeros.
--- vocab is their number, or a text.Vocab. Parameter: weight (vocab, dim).
---@class nn.Embedding : nn.Module
---@field vocab integer
---@field dim integer
---@field weight rnn.Tensor
---@field word_dropout number
---@field dropout number
---@overload fun(vocab: integer|text.Vocab, dim: integer, options?: nn.Embedding.Options): nn.Embedding
local Embedding = class("nn.Embedding", Module)

local OPTIONS = option.of("nn.Embedding", {
  { "word_dropout", 0, check.rate, "rate at which single places of ids are left out in training" },
  { "dropout", 0, check.rate, "rate at which ids are left out in training wherever they stand in the batch, the others "
    .. "enlarged (Gal, Ghahramani 2016; Merity et al. 2018)" },
  { "kernel", "uniform", parameter.initializer, "first values of weight, within ±0.05" },
})

function Embedding:init(vocab, dim, options)
  self.vocab = check.int("nn.Embedding", "argument 1 (vocab)", type(vocab) == "table" and #vocab or vocab, 1)
  self.dim = check.int("nn.Embedding", "argument 2 (dim)", dim, 1)
  options = OPTIONS:read(options)
  self.word_dropout, self.dropout = options.word_dropout, options.dropout
  self.weight = parameter.new(options.kernel, self.vocab, self.dim)
end

--- embedding:forward(ids) -> y
---
--- Errors: ids outside 0 .. vocab.
---@param ids rnn.Tensor int32 (...)
---@return rnn.Tensor y (..., dim)
function Embedding:forward(ids)
  if not core.is_tensor(ids) or ids:type() ~= "int32" then
    core.fail("%s: expected an int32 tensor of ids from 0 to %d, got %s", self:describe(), self.vocab,
      check.describe(ids))
  end
  if self.training and self.word_dropout > 0 then
    ids = ids * core.rand { ids:shape() }:ge(self.word_dropout):to_int()
  end
  local weight = self.weight
  if self.training and self.dropout > 0 then
    weight = weight * core.dropout(core.ones(self.vocab, 1), self.dropout)
  end
  return core.embedding(weight, ids)
end

function Embedding:input_type() -- luacheck: no self
  return "int32"
end

function Embedding:describe()
  local dropped = ""
  for _, name in ipairs { "word_dropout", "dropout" } do
    if self[name] > 0 then dropped = dropped .. (", %s = %g"):format(name, self[name]) end
  end
  return ("nn.Embedding(%d -> %d%s)"):format(self.vocab, self.dim, dropped)
end

function Embedding:config()
  return { class = "nn.Embedding", args = { self.vocab, self.dim }, options = { word_dropout = self.word_dropout,
    dropout = self.dropout } }
end

return Embedding
