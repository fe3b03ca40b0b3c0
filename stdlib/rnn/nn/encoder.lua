-- encoder.lua: a sequence to a memory, a vector for each step, and a state at its end.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Dropout = require "rnn.nn.dropout"
local Embedding = require "rnn.nn.embedding"
local layers = require "rnn.nn.layers"

--- nn.Encoder { vocab = V, recurrent = nn.GRU(128, 256), ... }
---
--- Reads sequences for an nn.Seq2Seq: ids (vocab), or features (inputs, which layers given as recurrent say as well).
--- Layers in one direction or both are given as recurrent, or made of the options cell, hidden, layers and
--- bidirectional.
--- Errors: neither vocab nor inputs, or both; layers that take other features.
---@class nn.Encoder : nn.Module
---@field recurrent nn.Module
---@field outputs integer features of the memory
---@overload fun(options: nn.Encoder.Options): nn.Encoder
local Encoder = class("nn.Encoder", Module)

local OPTIONS = option.of("nn.Encoder", {
  { "vocab", nil, option.kind("integer|text.Vocab", function(_, _, value) return value end), "number of ids, or a "
    .. "text.Vocab; ids become vectors" },
  { "dim", nil, option.int(1), "features of these vectors; where it is not given, as recurrent takes them, or 128" },
  { "inputs", nil, option.int(1), "instead of vocab: the sequences are float (N, S, inputs) already; where it is not "
    .. "given, as recurrent takes them" },
  { "dropout", 0, check.rate, "rate for vectors, and of the memory" },
  { "word_dropout", 0, check.rate, "rate at which whole ids are left out in training (Gal, Ghahramani 2016)" },
}, layers.options, {
  { "bidirectional", false, check.boolean, "in place of recurrent: further cells read backwards" },
})

function Encoder:init(options)
  options = OPTIONS:read(options)
  if options.vocab == nil and options.inputs == nil then options.inputs = layers.inputs(options) end
  if (options.vocab == nil) == (options.inputs == nil) then
    core.fail "nn.Encoder: needs either option 'vocab' (ids) or option 'inputs' (features)"
  end
  self.dropout = Dropout(options.dropout)
  if options.vocab ~= nil then
    self.embed = Embedding(options.vocab, options.dim or layers.inputs(options) or 128,
      { word_dropout = options.word_dropout })
  else
    self.inputs = options.inputs
    if options.dim == 128 then options.dim = nil end -- what files of earlier versions say of every encoder
    for _, name in ipairs { "dim", "word_dropout" } do
      OPTIONS:effect(options, name, false, "option 'inputs' is for features, which have no ids")
    end
  end
  self.recurrent = layers.of(OPTIONS, options, self.inputs or self.embed.dim)
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
