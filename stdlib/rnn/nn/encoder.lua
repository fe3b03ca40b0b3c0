-- encoder.lua: a sequence to a memory, a vector for each step, and a state at its end.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local Embedding = require "rnn.nn.embedding"
local shared = require "rnn.nn.seq_options"

--- nn.Encoder { vocab = V, dim = 128, cell = "gru", hidden = 256, ... }
---
--- Reads sequences for an nn.Seq2Seq. Options:
---   vocab              number of ids, or a text.Vocab; ids become vectors of dim features (128)
---   inputs             instead of vocab: the sequences are float (N, S, inputs) already
---   cell = "gru"       or "lstm", "rnn"
---   hidden = 256, layers = 1, bidirectional = false    of the recurrent layers
---   dropout = 0        rate for vectors, between layers, and of the memory
---   word_dropout = 0   rate at which whole ids are left out in training (Gal and Ghahramani 2016)
--- Errors: neither vocab nor inputs, or both.
---@class nn.Encoder : nn.Module
---@field outputs integer features of the memory
---@overload fun(options: table): nn.Encoder
local Encoder = class("nn.Encoder", Module)

local DEFAULTS = { vocab = check.none, inputs = check.none, dim = 128, cell = "gru", hidden = 256, layers = 1,
  bidirectional = false, dropout = 0, word_dropout = 0 }

function Encoder:init(options)
  local fname = "nn.Encoder"
  options = check.options(fname, options, DEFAULTS)
  if (options.vocab == nil) == (options.inputs == nil) then
    core.fail("%s: needs either option 'vocab' (ids) or option 'inputs' (features)", fname)
  end
  check.boolean(fname, "option 'bidirectional'", options.bidirectional)
  self.dropout = shared.rate(fname, options, "dropout")
  self.word_dropout = shared.rate(fname, options, "word_dropout")
  if options.vocab ~= nil then
    options.vocab = shared.vocabulary(fname, options.vocab)
    self.embed = Embedding(options.vocab, options.dim)
  else
    check.int(fname, "option 'inputs'", options.inputs, 1)
    for _, name in ipairs { "dim", "word_dropout" } do
      check.effect(fname, options, DEFAULTS, name, false, "option 'inputs' is for features, which have no ids")
    end
  end
  self.options = options
  self.recurrent = shared.recurrent(fname, options, options.inputs or options.dim)
  self.outputs = self.recurrent.outputs
end

--- encoder:forward(x [, state]) -> memory, state
---
--- Reads the batch x: what attention looks at, (N, S, features), and the last state.
---@param x rnn.Tensor int32 ids (N, S), or float (N, S, inputs); with lengths where it is padded
---@param state? nn.State
---@return rnn.Tensor memory (N, S, outputs)
---@return nn.State state of its recurrent layers
function Encoder:forward(x, state)
  if self.embed then
    check.tensor(self:describe(), "input", x, "int32", 2)
    x = shared.embed(self, x)
  end
  local memory, last = self.recurrent(x, state)
  return shared.drop(self, memory), last
end

function Encoder:input_type()
  return self.embed and "int32" or "float"
end

function Encoder:describe()
  local o = self.options
  return ("nn.Encoder(%d -> %s %d)"):format(o.vocab or o.inputs, o.cell, self.outputs)
end

function Encoder:config()
  return { class = "nn.Encoder", options = self.options }
end

return Encoder
