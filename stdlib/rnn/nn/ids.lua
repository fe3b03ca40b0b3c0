-- ids.lua: what a decoder of ids reads and writes: their vectors go in, logits come out, the likeliest goes on.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local losses = require "rnn.nn.loss"
local Embedding = require "rnn.nn.embedding"
local Linear = require "rnn.nn.linear"
local initializers = require "rnn.nn.initializers"
local parameter = require "rnn.nn.parameter"
local sequence = require "rnn.nn.sequence"
local rows = require "rnn.decode.options"

local ids = {}

--- Rows of options of a decoder of ids.
ids.options = {
  { "vocab", nil, option.kind("integer|text.Vocab", function(_, _, value) return value end), "of ids: their number, or "
    .. "a text.Vocab, which also says start and stop" },
  { "start", nil, option.int(1), "the id before every sequence; 2 where no text.Vocab says it" },
  { "stop", nil, option.int(1), "the id behind every sequence; 3 where no text.Vocab says it" },
  { "dim", nil, option.int(1), "features of an id's vector; where it is not given, as recurrent takes them, or 128" },
  { "tied", false, check.boolean, "the logits' weights are the embedding's (Press, Wolf 2017)" },
  { "word_dropout", 0, check.rate, "rate at which whole ids are left out of the inputs in training" },
}

local LOSS = option.of("ids.loss", {
  sequence.teacher_forcing,
  { "label_smoothing", 0, option.number(0, 1), "of ids, in training: as in nn.cross_entropy" },
  { "padded", false, check.boolean, "of ids: 0 is padding in a y without lengths" },
})
ids.loss_options = LOSS.rows

local DECODE = option.of("ids.decode", rows.search, rows.sampling)
ids.decode_options = DECODE.rows

--- ids.begin(decoder, declaration, options, dim) -> features of a step's input; dim is how many are wanted, if anybody
--- says
function ids.begin(decoder, declaration, options, dim)
  local words = type(options.vocab) == "table" and options.vocab or { start = 2, stop = 3 }
  decoder.embed = Embedding(options.vocab, dim or 128, { word_dropout = options.word_dropout })
  local vocab, fname = decoder.embed.vocab, declaration.fname
  decoder.start = check.int(fname, "option 'start'", options.start or words.start, 1, vocab)
  decoder.stop = check.int(fname, "option 'stop'", options.stop or words.stop, 1, vocab)
  decoder.tied = options.tied
  return decoder.embed.dim
end

--- ids.finish(decoder, units): the way from features to logits
function ids.finish(decoder, units)
  local embed = decoder.embed
  if not decoder.tied then
    decoder.output = Linear(units, embed.vocab)
    return
  end
  if units ~= embed.dim then decoder.project = Linear(units, embed.dim, { bias = false }) end
  decoder.bias = parameter.new(initializers.zeros, embed.vocab)
end

function ids.config(decoder)
  return { vocab = decoder.embed.vocab, dim = decoder.embed.dim, word_dropout = decoder.embed.word_dropout,
    start = decoder.start, stop = decoder.stop, tied = decoder.tied }
end

--- ids.read(decoder, x) -> vectors (N, T, dim) of ids (N, T)
function ids.read(decoder, x)
  return decoder.dropout(decoder.embed(x))
end

--- ids.write(decoder, features) -> logits
function ids.write(decoder, features)
  if decoder.output then return decoder.output(features) end
  if decoder.project then features = decoder.project(features) end
  return core.linear(features, decoder.embed.weight, decoder.bias)
end

ids.outputs = function(_, logits) return logits end

--- ids.own(decoder, logits) -> the decoder's choice
function ids.own(_, logits)
  return logits:detach():argmax(-1)
end

--- ids.shift(decoder, y) -> inputs, target
---
--- y (N, T) with start and stop -> the ids that the steps get and those that they should give, (N, T - 1).
function ids.shift(decoder, y)
  local name = decoder:describe()
  check.tensor(name, "target ids", y, "int32", 2)
  local lengths, steps = y:lengths(), y:size(2)
  if lengths then y, lengths = y:zero_padding():without_lengths(), (lengths - 1):maximum(0) end
  if steps < 2 or y:select(2, 1):eq(decoder.start):sum():item() < #y then
    core.fail("%s: every target sequence must begin with the start %d and end with the stop %d; "
      .. "vocab:encode(s, { start = true, stop = true }) makes such", name, decoder.start, decoder.stop)
  end
  local inputs, target = core.slice(y, 2, 1, steps - 1), core.slice(y, 2, 2, steps)
  if lengths then return inputs:with_lengths(lengths), target:with_lengths(lengths) end
  return inputs, target
end

--- ids.loss(decoder, options) -> share of steps that are told the true id, function (logits, target, weights) -> loss
---
--- In evaluation mode every step is told, and nothing is smoothed: the plain loss, in nats an id.
function ids.loss(decoder, options)
  options = LOSS:read(options, "loss")
  local smoothing = decoder.training and options.label_smoothing or 0
  return decoder.training and options.teacher_forcing or 1, function(logits, target, weights)
    return losses.cross_entropy(logits, target, { label_smoothing = smoothing, padded = options.padded,
      sample_weights = weights })
  end
end

--- ids.decode(decoder, state, _, options) -> ids, scores, details
function ids.decode(decoder, state, _, options)
  local all = { step = function(x, s) return decoder:step(x, s) end, state = state, start = decoder.start,
    stop = decoder.stop }
  if options ~= nil then check.table("decode", "options", options) end
  for name in pairs(options or {}) do
    if all[name] ~= nil then core.fail("decode: option '%s' is the decoder's own", name) end
  end
  for name, value in pairs(DECODE:read(options, "decode")) do all[name] = value end
  return require("rnn.decode").generate(all)
end

return ids
