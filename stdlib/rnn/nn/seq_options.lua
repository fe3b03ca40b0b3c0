-- seq_options.lua: what nn.Encoder and nn.Decoder share: ids to vectors, a stack of recurrent layers, dropout.

local core = require "rnn.core"
local check = require "rnn.check"

local shared = {}

shared.CELLS = { rnn = "rnn.nn.rnn", gru = "rnn.nn.gru", lstm = "rnn.nn.lstm" }

--- shared.rate(fname, options, name) -> number: an option that is a share of elements
function shared.rate(fname, options, name)
  local argname = ("option '%s'"):format(name)
  local value = check.number(fname, argname, options[name], 0)
  if value >= 1 then check.expected(fname, argname, "a number from 0 up to but not 1", value) end
  return value
end

--- shared.vocabulary(fname, vocab) -> integer: the number of ids; vocab is one, or a text.Vocab
function shared.vocabulary(fname, vocab)
  return check.int(fname, "option 'vocab'", type(vocab) == "table" and #vocab or vocab, 1)
end

--- shared.recurrent(fname, options, inputs) -> nn.RNN, nn.GRU or nn.LSTM as the options say
function shared.recurrent(fname, options, inputs)
  check.one_of(fname, "option 'cell'", options.cell, { "rnn", "gru", "lstm" })
  check.int(fname, "option 'hidden'", options.hidden, 1)
  check.int(fname, "option 'layers'", options.layers, 1, 32)
  return require(shared.CELLS[options.cell])(inputs, options.hidden, { layers = options.layers,
    bidirectional = options.bidirectional, dropout = options.layers > 1 and options.dropout or 0 })
end

--- shared.embed(module, ids) -> vectors
---
--- Vectors of ids. In training whole ids are left out with the rate word_dropout, elements with the rate dropout.
function shared.embed(module, ids)
  if module.training and module.word_dropout > 0 then
    ids = ids * core.rand { ids:shape() }:ge(module.word_dropout):to_int()
  end
  return shared.drop(module, module.embed(ids))
end

--- shared.drop(module, x) -> x, thinned out in training
function shared.drop(module, x)
  return module.training and module.dropout > 0 and core.dropout(x, module.dropout) or x
end

--- shared.state_layout(recurrent) -> list of { layer, kind, size, first, directions }
---
--- What its state consists of, the directions of a layer together: kind 1 is h, 2 is c; the tensors are first and, with
--- two directions, first + step.
function shared.state_layout(recurrent)
  local list = {}
  for k = 1, recurrent.layers do
    local part = recurrent.parts[(k - 1) * recurrent.directions + 1]
    for kind, size in ipairs(part.sizes) do
      list[#list + 1] = { layer = k, kind = kind, size = size * recurrent.directions, step = #part.sizes,
        first = (k - 1) * recurrent.directions * #part.sizes + kind }
    end
  end
  return list
end

return shared
