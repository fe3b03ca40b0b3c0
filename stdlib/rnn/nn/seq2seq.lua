-- seq2seq.lua: encoder and decoder as one model, which trains, translates and shows where it looked.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local State = require "rnn.nn.state"
local Linear = require "rnn.nn.linear"
local sequence = require "rnn.nn.sequence"
local shared = require "rnn.nn.seq_options"

--- nn.Seq2Seq { encoder = nn.Encoder {...}, decoder = nn.Decoder {...} }
---
--- Encoder-decoder (Sutskever et al. 2014, Cho et al. 2014), with attention when the decoder has it. The decoder's
--- layers begin with the states in which the encoder's ended, both directions together; where sizes differ, through a
--- Linear (and, for h, tanh) of the bridge. rnn.fit needs no loss for it: fit(model, { data = ..., loss =
--- { label_smoothing = 0.1 } }).
---
---   local translator = nn.Seq2Seq {
---     encoder = nn.Encoder { vocab = src, hidden = 256, bidirectional = true },
---     decoder = nn.Decoder { vocab = dst, hidden = 256, attention = "multiplicative" },
---   }
---   local loss = translator:loss(x, y)                  -- y with start and stop
---   local ids, scores = translator:decode(x, { beam = 5, max_length = 40 })
--- Errors: parts of other classes, a decoder that begins with a vector.
---@class nn.Seq2Seq : nn.Module
---@field encoder nn.Encoder
---@field decoder nn.Decoder
---@overload fun(parts: { encoder: nn.Encoder, decoder: nn.Decoder }): nn.Seq2Seq
local Seq2Seq = class("nn.Seq2Seq", Module)

-- For each tensor of the decoder's state the encoder's layer it comes from, and a Linear where sizes differ.
local function build_bridge(self)
  local from, plan = {}, {}
  for _, slot in ipairs(shared.state_layout(self.encoder.recurrent)) do
    from[slot.layer] = from[slot.layer] or {}
    from[slot.layer][slot.kind] = slot
  end
  self.bridge = {}
  for i, slot in ipairs(shared.state_layout(self.decoder.recurrent)) do
    local layer = from[math.min(slot.layer, #from)]
    local source = layer[slot.kind] or layer[1]
    local name = (slot.kind == 1 and "h" or "c") .. slot.layer
    if source.size ~= slot.size then self.bridge[name] = Linear(source.size, slot.size) end
    plan[i] = { name = name, source = source, squash = slot.kind == 1 }
  end
  self.plan = plan
end

function Seq2Seq:init(parts)
  local fname = "nn.Seq2Seq"
  parts = check.options(fname, parts, { encoder = check.none, decoder = check.none })
  for name, cls in pairs { encoder = "rnn.nn.encoder", decoder = "rnn.nn.decoder" } do
    if not class.is_a(parts[name], require(cls)) then
      check.expected(fname, ("option '%s'"):format(name), "an nn." .. name:gsub("^%l", string.upper), parts[name])
    end
  end
  self.encoder, self.decoder = parts.encoder, parts.decoder
  if self.decoder.bridge then
    core.fail("%s: option 'decoder': one with option 'condition' begins with a vector, not with an encoder", fname)
  end
  self.decoder:connect(self.encoder.outputs)
  build_bridge(self)
end

--- model:encode(x) -> state of decoding
---
--- What decode begins with: the decoder's first state, and the memory. For decode.generate with a step of one's own.
--- x is int32 (N, S) or float (N, S, features), as the encoder reads it.
---@param x rnn.Tensor
---@return nn.State
function Seq2Seq:encode(x)
  local memory, state = self.encoder(x)
  local first = {}
  for i, entry in ipairs(self.plan) do
    local source = entry.source
    local h = state[source.first]
    if self.encoder.recurrent.directions == 2 then h = core.concat({ h, state[source.first + source.step] }, 2) end
    local bridge = self.bridge[entry.name]
    if bridge then
      h = bridge(h)
      if entry.squash then h = h:tanh() end
    end
    first[i] = h
  end
  return self.decoder:begin(setmetatable(first, State), memory)
end

--- model:forward(x, y) -> logits, target, weights
---
--- Every step told the true id before it (teacher forcing).
---@param x rnn.Tensor what the encoder takes
---@param y rnn.Tensor int32 (N, T), each sequence with start and stop
---@return rnn.Tensor logits (N, T - 1, vocab)
---@return rnn.Tensor target int32 (N, T - 1): y from its second id on
---@return rnn.Tensor? weights (N, T - 1, S) of the attention
function Seq2Seq:forward(x, y)
  return sequence.forced(self.decoder, self:encode(x), y)
end

--- model:loss(x, y [, options [, weights]]) -> loss, logits, target
---
--- Mean cross entropy of an id, padding not counted. Options, both for training only (in evaluation mode the loss is
--- the plain one, in nats an id): teacher_forcing = 1, the probability that a step is told the true id and not the
--- decoder's own choice (scheduled sampling, Bengio et al. 2015); label_smoothing = 0. In both
--- modes padded = true says that 0 is padding in a y without lengths.
---@param x rnn.Tensor
---@param y rnn.Tensor int32 (N, T), each sequence with start and stop
---@param options? { teacher_forcing?: number, label_smoothing?: number, padded?: boolean }
---@param weights? rnn.Tensor float (N) or (N, T - 1), how many times each sequence or id counts
---@return rnn.Tensor loss
---@return rnn.Tensor logits (N, T - 1, vocab)
---@return rnn.Tensor target int32 (N, T - 1)
function Seq2Seq:loss(x, y, options, weights)
  return sequence.loss(self.decoder, self:encode(x), y, options, self.training, weights)
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

local function decode(self, x, options, with_weights)
  local ids, scores, details = sequence.decode(self.decoder, self:encode(x), options)
  if with_weights then add_weights(self, x, ids, details) end
  return ids, scores, details
end

-- Many sequences: in batches of about equal length, the results in the order of the list.
local function decode_list(self, list, size, options, with_weights)
  local dataset = require("rnn.data").sequences(list)
  local order, ids, scores, details = dataset:by_length(dataset.items), {}, {}, {}
  for from = 1, #list, size do
    local items = order:rows(from, math.min(from + size - 1, #list))
    local found = { decode(self, dataset:batch(items), options, with_weights) }
    for i, at in ipairs(items:totable()) do ids[at], scores[at], details[at] = found[1][i], found[2][i], found[3][i] end
  end
  return ids, scores, details
end

--- model:decode(x [, options]) -> ids, scores, details
---
--- Sequences for x, a batch as the encoder takes it, or a list of id lists (or tensors), which is cut into batches of
--- size sequences (64). Options are those of decode.generate: beam, length_penalty, max_length (100), temperature,
--- top_k, top_p, prefix, on_token; and weights = true, which gives details[n].weights, the attention's weights
--- (ids and stop, source steps). Runs in evaluation mode and records nothing.
--- Errors: a prefix or on_token for a list of sequences.
---@param x rnn.Tensor|table
---@param options? table
---@return integer[][] ids without start and stop
---@return number[] scores log probability / length ^ length_penalty
---@return table[] details { logp, count, finished, beams, weights }
function Seq2Seq:decode(x, options)
  local fname, given = self:describe() .. ":decode", {}
  if options ~= nil then check.table(fname, "options", options) end
  for name, value in pairs(options or {}) do given[name] = value end
  local size = check.int(fname, "option 'size'", given.size or 64, 1)
  local with_weights = check.boolean(fname, "option 'weights'", given.weights or false)
  given.size, given.weights = nil, nil
  local evaluation = require "rnn.train.evaluation"
  if core.is_tensor(x) then return evaluation(fname, self, decode, self, x, given, with_weights) end
  check.table(fname, "argument 1", x)
  if (given.prefix and type(given.prefix[1]) == "table") or given.on_token then
    core.fail("%s: a prefix for each sequence and on_token need a batch, not a list of sequences", fname)
  end
  return evaluation(fname, self, decode_list, self, x, size, given, with_weights)
end

function Seq2Seq:input_type()
  return self.encoder:input_type()
end

function Seq2Seq:config()
  return { class = "nn.Seq2Seq", fields = { encoder = self.encoder, decoder = self.decoder } }
end

return Seq2Seq
