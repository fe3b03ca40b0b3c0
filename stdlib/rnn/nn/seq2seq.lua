-- seq2seq.lua: encoder and decoder as one model, which trains, translates and shows where it looked.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Dropout = require "rnn.nn.dropout"
local Embedding = require "rnn.nn.embedding"
local Linear = require "rnn.nn.linear"
local layers = require "rnn.nn.layers"
local Decoder = require "rnn.nn.decoder"

-- ---- the encoder: a sequence to a memory, a vector for each step, and a state at its end ----

--- nn.Encoder { vocab = V, recurrent = nn.GRU(128, 256), ... }
---
--- Reads sequences for an nn.Seq2Seq: ids (vocab), or features (inputs, which layers given as recurrent say as well).
--- Layers in one direction or both are given as recurrent, or made of the options cell, units, layers and
--- bidirectional.
--- Errors: neither vocab nor inputs, or both; layers that take other features.
---@class nn.Encoder : nn.Module
---@field recurrent nn.Module
---@field outputs integer features of the memory
---@overload fun(options: nn.Encoder.Options): nn.Encoder
local Encoder = class("nn.Encoder", Module)

local ENCODER = option.of("nn.Encoder", {
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
  options = ENCODER:read(options)
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
      ENCODER:effect(options, name, false, "option 'inputs' is for features, which have no ids")
    end
  end
  self.recurrent = layers.of(ENCODER, options, self.inputs or self.embed.dim)
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
    if not core.is_tensor(x) or x:type() ~= "int32" or x:ndim() ~= 2 then -- describe takes its time
      check.tensor(self:describe(), "input", x, "int32", 2)
    end
    x = self.embed(x)
    if self.dropout.rate > 0 then x = self.dropout(x) end
  end
  local memory, last = self.recurrent(x, state)
  if self.dropout.rate > 0 then memory = self.dropout(memory) end
  return memory, last
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

-- ---- both ----

--- nn.Seq2Seq { encoder = nn.Encoder {...}, decoder = nn.Decoder {...}, start = {...} }
---
--- Encoder-decoder (Sutskever et al. 2014, Cho et al. 2014), with attention when the decoder has it. The decoder's
--- layers begin with the states in which the encoder's ended, both directions together; where sizes differ, through a
--- Linear (and, for h, tanh) of the bridge. rnn.fit needs no loss for it: fit(model, { data = ..., loss =
--- { label_smoothing = 0.1 } }).
---
---   local translator = nn.Seq2Seq {
---     encoder = nn.Encoder { vocab = src, recurrent = nn.GRU(128, 256, { bidirectional = true }) },
---     decoder = nn.Decoder { vocab = dst, recurrent = nn.GRU(128, 256), attention = "multiplicative" },
---   }
---   local loss = translator:loss(x, y)                  -- y with start and stop
---   local ids, scores = translator:decode(x, { beam = 5, max_length = 40 })
---
--- Of numbers, the next 14 days of column 2 from 5 columns, of which 3 say what day it will be:
---
---   local forecaster = nn.Seq2Seq {
---     encoder = nn.Encoder { inputs = 5, recurrent = nn.GRU(5, 32) },
---     decoder = nn.Decoder { outputs = 1, inputs = 3, recurrent = nn.GRU(1 + 3, 32), steps = 14 },
---     start = { 2 },
---   }
---   local loss = forecaster:loss({ x, known }, y)       -- x (N, S, 5), known (N, 14, 3), y (N, 14, 1)
---   local y = forecaster:decode { x, known }
---
--- Errors: parts of other classes, a decoder that begins with a vector, columns that the encoder's input does not have.
---@class nn.Seq2Seq : nn.Module
---@field encoder nn.Encoder
---@field decoder nn.Decoder
---@overload fun(parts: nn.Seq2Seq.Options): nn.Seq2Seq
local Seq2Seq = class("nn.Seq2Seq", Module)

local function part(cls)
  return option.kind(cls.__name, function(fname, argname, value)
    if class.is_a(value, cls) then return value end
    check.expected(fname, argname, "an " .. cls.__name, value)
  end)
end

local PARTS = option.of("nn.Seq2Seq", {
  { "encoder", nil, part(Encoder), "what reads", required = true },
  { "decoder", nil, part(Decoder), "what writes", required = true },
  { "start", nil, check.table, "for each output of a decoder of numbers the column of the encoder's input whose last "
    .. "value its first step goes on from; without it these are zeros" },
})

option.of("nn.Seq2Seq:loss", Decoder._loss_options)

local LISTS = {
  { "size", 64, option.int(1), "of ids: how many sequences of a list are decoded at a time" },
  { "weights", false, check.boolean, "of ids: gives details[n].weights, the attention's (ids and stop, source steps)" },
}
local DECODE = option.of("nn.Seq2Seq:decode of ids", Decoder._of_ids, LISTS)
option.of("nn.Seq2Seq:decode", Decoder._decode_options, LISTS)

-- For each tensor of the decoder's state the encoder's layer it comes from, and a Linear where sizes differ. h is what
-- goes where the encoder has nothing of that name.
local function build_bridge(self)
  local from, plan = {}, {}
  for _, slot in ipairs(layers.slots(self.encoder.recurrent)) do
    from[slot.layer] = from[slot.layer] or { first = slot }
    from[slot.layer][slot.name] = slot
  end
  self.bridge, self.slots = {}, layers.slots(self.decoder.recurrent)
  for i, slot in ipairs(self.slots) do
    local layer = from[math.min(slot.layer, #from)]
    local source = layer[slot.name] or layer.h or layer.first
    local name = ("%s%s%d"):format(slot.name, slot.name:find "%d$" and "_" or "", slot.layer)
    if source.size ~= slot.size then self.bridge[name] = Linear(source.size, slot.size) end
    plan[i] = { name = name, source = source, squash = slot.name == "h" }
  end
  self.plan = plan
end

-- The columns of the encoder's input that the decoder starts with.
local function check_start(self, fname, start)
  if start == nil then return nil end
  local outputs, inputs = self.decoder.outputs, self.encoder.inputs
  if not outputs or not inputs then
    core.fail("%s: option 'start' is for an encoder and a decoder of numbers", fname)
  end
  if type(start) ~= "table" or getmetatable(start) or #start ~= outputs then
    check.expected(fname, "option 'start'", ("a list of %d columns of the encoder's input"):format(outputs), start)
  end
  for i, column in ipairs(start) do
    check.int(fname, ("option 'start', entry %d"):format(i), column, 1, inputs)
  end
  return table.move(start, 1, #start, 1, {})
end

function Seq2Seq:init(parts)
  local fname = "nn.Seq2Seq"
  parts = PARTS:read(parts)
  self.encoder, self.decoder = parts.encoder, parts.decoder
  if self.decoder.condition then
    core.fail("%s: option 'decoder': one with option 'condition' begins with a vector, not with an encoder", fname)
  end
  self.start = check_start(self, fname, parts.start)
  self.decoder:connect(self.encoder.outputs)
  build_bridge(self)
end

-- The values (N, #columns) of the last valid step of x (N, S, D).
local function last_of(x, columns)
  x = x:gather(3, core.tensor(columns, "int32"))
  local lengths, steps = x:lengths(), x:size(2)
  if not lengths then return x:select(2, steps) end
  return (x:zero_padding():without_lengths() * core.one_hot(lengths, steps):reshape(#x, steps, 1)):sum(2)
end

--- model:encode(x) -> state of decoding, known
---
--- What decode begins with: the decoder's first state, and the memory. For decode.generate with a step of one's own.
--- x is int32 (N, S) or float (N, S, features), as the encoder reads it; for a decoder with inputs it is { x, known },
--- and known is given back.
---@param x rnn.Tensor|rnn.Tensor[]
---@return nn.State
---@return rnn.Tensor? known
function Seq2Seq:encode(x)
  local first, known = {}, nil
  if self.decoder.inputs then x, known = self.decoder:_parts(x) end
  local memory, state = self.encoder(x)
  for i, entry in ipairs(self.plan) do
    local parts, bridge = {}, self.bridge[entry.name]
    for d, path in ipairs(entry.source.paths) do -- of both directions
      parts[d] = state
      for _, key in ipairs(path) do parts[d] = parts[d][key] end
    end
    local h = parts[2] and core.concat(parts, 2) or parts[1]
    if bridge then
      h = bridge(h)
      if entry.squash then h = h:tanh() end
    end
    first[i] = h
  end
  local start = self.start and last_of(x, self.start)
  return self.decoder:begin(Decoder._state(self.slots, first), memory, start), known
end

--- model:forward(x, y) -> logits, target, weights
---
--- Every step told the true id or number before it (teacher forcing). Of a decoder of numbers y may be nil: then each
--- step goes on from what it gave itself, and there is no target.
---@param x rnn.Tensor|rnn.Tensor[] what the encoder takes, or { x, known (N, T, inputs) } for a decoder with inputs
---@param y? rnn.Tensor int32 (N, T), each sequence with start and stop; or float (N, T, outputs) or (N, T * outputs)
---@return rnn.Tensor|rnn.Tensor[] logits (N, T - 1, vocab); or the prediction: (N, T, outputs), of gaussian_nll { mean,
--- variance }, of quantile (N, T, outputs, quantiles)
---@return rnn.Tensor? target int32 (N, T - 1), y from its second id on; or y as (N, T, outputs)
---@return rnn.Tensor? weights (N, T - 1, S) or (N, T, S) of the attention
function Seq2Seq:forward(x, y)
  local state, known = self:encode(x)
  return self.decoder:_forward(state, known, y)
end

--- model:loss(x, y [, options [, weights]]) -> loss, logits, target
---
--- Of ids: mean cross entropy of an id, padding not counted; in evaluation mode every step is told, and the loss is the
--- plain one, in nats an id.
---
--- Of numbers: the decoder's loss, or option loss. teacher_forcing = 0 lets it run free; the gradient goes through the
--- numbers that it gave itself. In evaluation mode it runs free: the error is that of a forecast.
---@param x rnn.Tensor|rnn.Tensor[] what the encoder takes, (N, S) or (N, S, features), or { x, known }
---@param y rnn.Tensor int32 (N, T), each sequence with start and stop; or float (N, T, outputs) or (N, T * outputs)
---@param options? nn.Seq2Seq.loss.Options
---@param weights? rnn.Tensor float (N), or one for each id (N, T - 1) or number, how many times each counts
---@return rnn.Tensor loss a scalar
---@return rnn.Tensor logits (N, T - 1, vocab), or the prediction
---@return rnn.Tensor target int32 (N, T - 1), or float (N, T, outputs)
function Seq2Seq:loss(x, y, options, weights)
  local state, known = self:encode(x)
  return self.decoder:_loss(state, known, y, options, weights)
end

-- The weights of the attention for what was decoded: details[n].weights (ids, with the stop; source steps).
local function add_weights(self, x, ids, details)
  local rows, sequences, width = {}, {}, 0
  for n, list in ipairs(ids) do
    rows[n] = { self.decoder.start, table.unpack(list) }
    if details[n].finished then table.insert(rows[n], self.decoder.stop) end
    sequences[n], width = #rows[n], math.max(width, #rows[n])
  end
  if width < 2 then return end
  for _, row in ipairs(rows) do
    for t = #row + 1, width do row[t] = 0 end
  end
  local y = core.tensor(rows, "int32"):with_lengths(sequences)
  local _, _, weights = self:forward(x, y)
  if not weights then core.fail("%s:decode: option 'weights': its decoder has no attention", self:describe()) end
  local lengths = x:lengths()
  for n, detail in ipairs(details) do
    local steps = lengths and lengths:get(n) or x:size(2)
    if steps > 0 and sequences[n] > 1 then
      detail.weights = core.slice(weights[n], 2, 1, steps):rows(1, sequences[n] - 1)
    end
  end
end

local function decode(self, fname, x, options)
  local state, known = self:encode(x)
  if not options.weights then return self.decoder:_decode(fname, state, known, options) end
  local ids, scores, details = self.decoder:_decode(fname, state, known, options)
  add_weights(self, x, ids, details)
  return ids, scores, details
end

-- Many sequences: in batches of about equal length, the results in the order of the list.
local function decode_list(self, fname, list, options)
  local dataset = require("rnn.data.sequences").sequences(list)
  local order, ids, scores, details = dataset:by_length(dataset.items), {}, {}, {}
  for from = 1, #list, options.size do
    local items = order:rows(from, math.min(from + options.size - 1, #list))
    local found = { decode(self, fname, dataset:batch(items), options) }
    for i, at in ipairs(items:totable()) do ids[at], scores[at], details[at] = found[1][i], found[2][i], found[3][i] end
  end
  return ids, scores, details
end

--- model:decode(x [, options]) -> ids, scores, details
---
--- Sequences for x, a batch as the encoder takes it, or a list of id lists (or tensors), which is cut into batches of
--- size sequences. The options are those of decode.generate and two more. Runs in evaluation mode and records nothing.
---
--- Of numbers x is a batch, and the options are steps and stop, with which the numbers have lengths. It gives the
--- numbers, the prediction that a loss compares, and the attention's weights (N, T, S).
--- Errors: a prefix or on_token for a list of sequences.
---@param x rnn.Tensor|table
---@param options? nn.Seq2Seq.decode.Options
---@return integer[][]|rnn.Tensor ids without start and stop, or numbers (N, T, outputs)
---@return number[]|rnn.Tensor|table scores log probability / length ^ length_penalty, or the prediction
---@return table[]|rnn.Tensor details { logp, count, finished, beams, weights }, or the attention's weights
function Seq2Seq:decode(x, options)
  local fname = self:describe() .. ":decode"
  options = self.decoder:_read(fname, options, DECODE)
  if self.decoder.outputs or core.is_tensor(x) then return self:_evaluated(fname, decode, self, fname, x, options) end
  check.table(fname, "argument 1", x)
  if (options.prefix and type(options.prefix[1]) == "table") or options.on_token then
    core.fail("%s: a prefix for each sequence and on_token need a batch, not a list of sequences", fname)
  end
  return self:_evaluated(fname, decode_list, self, fname, x, options)
end

function Seq2Seq:input_type()
  return self.encoder:input_type()
end

function Seq2Seq:config()
  return { class = "nn.Seq2Seq", fields = { encoder = self.encoder, decoder = self.decoder,
    start = self.start } }
end

return { Encoder = Encoder, Seq2Seq = Seq2Seq }
