-- encoder.lua: a sequence to a memory, a vector for each step, and a state at its end.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local Dropout = require "rnn.nn.dropout"
local Embedding = require "rnn.nn.embedding"
local layers = require "rnn.nn.layers"

--- nn.Encoder { vocab = V, recurrent = nn.GRU(128, 256), ... }
---
--- Reads sequences for an nn.Seq2Seq.
--- Options:
---   vocab              number of ids, or a text.Vocab; ids become vectors
---   dim                features of these vectors (as recurrent takes them, or 128)
---   inputs             instead of vocab: the sequences are float (N, S, inputs) already (as recurrent takes them)
---   recurrent          nn.RNN, nn.LSTM, nn.GRU, or nn.Recurrent of any cell, in one direction or both
---   dropout = 0        rate for vectors, and of the memory
---   word_dropout = 0   rate at which whole ids are left out in training (Gal and Ghahramani 2016)
--- Options in place of recurrent, its short form:
---   cell = "gru"       or "lstm", "rnn"
---   hidden = 256       units of each layer and direction
---   layers = 1         dropout is between them, too
---   bidirectional = false
--- Errors: neither vocab nor inputs, or both; layers that take other features.
---@class nn.Encoder : nn.Module
---@field recurrent nn.Module
---@field outputs integer features of the memory
---@overload fun(options: table): nn.Encoder
local Encoder = class("nn.Encoder", Module)

local DEFAULTS = layers.options { vocab = check.none, inputs = check.none, dim = 128, dropout = 0, word_dropout = 0,
  bidirectional = check.none }

function Encoder:init(options)
  local fname, dim = "nn.Encoder", type(options) == "table" and options.dim
  options = check.options(fname, options, DEFAULTS)
  if options.vocab == nil and options.inputs == nil then options.inputs = layers.inputs(fname, options) end
  if (options.vocab == nil) == (options.inputs == nil) then
    core.fail("%s: needs either option 'vocab' (ids) or option 'inputs' (features)", fname)
  end
  self.dropout = Dropout(check.rate(fname, "option 'dropout'", options.dropout))
  if options.vocab ~= nil then
    self.embed = Embedding(options.vocab, dim or layers.inputs(fname, options) or options.dim,
      { word_dropout = options.word_dropout })
  else
    self.inputs = check.int(fname, "option 'inputs'", options.inputs, 1)
    for _, name in ipairs { "dim", "word_dropout" } do
      check.effect(fname, options, DEFAULTS, name, false, "option 'inputs' is for features, which have no ids")
    end
  end
  self.recurrent = layers.of(fname, options, self.inputs or self.embed.dim)
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
    x = self.dropout(self.embed(x))
  end
  local memory, last = self.recurrent(x, state)
  return self.dropout(memory), last
end

function Encoder:input_type()
  return self.embed and "int32" or "float"
end

function Encoder:describe()
  return ("nn.Encoder(%d -> %s %d)"):format(self.inputs or self.embed.vocab, layers.name(self.recurrent), self.outputs)
end

function Encoder:config()
  local embed = self.embed or {}
  return { class = "nn.Encoder", fields = { vocab = embed.vocab, dim = embed.dim, word_dropout = embed.word_dropout,
    inputs = self.inputs, recurrent = self.recurrent, dropout = self.dropout.rate } }
end

return Encoder
