-- decoder.lua: from a state, and perhaps a memory to look at, to a sequence of ids.

local core = require "rnn.core"
local split = require "rnn.shapes".split
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local State = require "rnn.nn.state"
local owner = require "rnn.nn.owner"
local Attention = require "rnn.nn.attention"
local Embedding = require "rnn.nn.embedding"
local Linear = require "rnn.nn.linear"
local initializers = require "rnn.nn.initializers"
local parameter = require "rnn.nn.parameter"
local sequence = require "rnn.nn.sequence"
local shared = require "rnn.nn.seq_options"

--- nn.Decoder { vocab = V, dim = 128, cell = "gru", hidden = 256, ... }
---
--- Writes sequences: for an nn.Seq2Seq, or by itself from a vector (condition). Options:
---   vocab                  number of ids, or a text.Vocab, which also says start and stop
---   start = 2, stop = 3    the ids around every sequence
---   dim = 128, cell = "gru" ("lstm", "rnn"), hidden = 256, layers = 1
---   attention = "none"     or "multiplicative" (Luong et al. 2015), "additive" (Bahdanau et al. 2015): looks at the
---                          memory with h of the top layer; tanh(W [context, h]) goes on to the logits
---   input_feeding = false  that vector is also part of the next step's input, so that the recurrence knows what was
---                          looked at, as in both papers; training then goes step by step and is slower
---   condition              C: a vector (N, C) makes the first state, through tanh(W v + b): vector -> sequence
---   tied = false           the logits' weights are the embedding's (Press and Wolf 2017)
---   dropout = 0            rate for vectors, between layers, before the logits
---   word_dropout = 0       rate at which whole ids are left out of the inputs in training
---   memory                 features of the memory; nn.Seq2Seq fills it in
---
---   local captioner = nn.Decoder { vocab = words, hidden = 256, condition = 80 }
---   local loss = captioner:loss(v, y)                     -- v (N, 80); y int32 with start and stop
---   local ids, scores = captioner:decode(v, { beam = 5, max_length = 20 })
--- Errors: input_feeding without attention, attention with condition.
---@class nn.Decoder : nn.Module
---@field start integer
---@field stop integer
---@overload fun(options: table): nn.Decoder
local Decoder = class("nn.Decoder", Module)

local DEFAULTS = { vocab = check.none, start = check.none, stop = check.none, dim = 128, cell = "gru", hidden = 256,
  layers = 1, attention = "none", input_feeding = false, condition = check.none, tied = false, dropout = 0,
  word_dropout = 0, memory = check.none }

function Decoder:init(options)
  local fname = "nn.Decoder"
  options = check.options(fname, options, DEFAULTS)
  local words = type(options.vocab) == "table" and options.vocab or { start = 2, stop = 3 }
  options.vocab = shared.vocabulary(fname, options.vocab)
  options.start = check.int(fname, "option 'start'", options.start or words.start, 1, options.vocab)
  options.stop = check.int(fname, "option 'stop'", options.stop or words.stop, 1, options.vocab)
  check.one_of(fname, "option 'attention'", options.attention, { "none", "multiplicative", "additive" })
  check.boolean(fname, "option 'input_feeding'", options.input_feeding)
  check.boolean(fname, "option 'tied'", options.tied)
  if options.input_feeding and options.attention == "none" then
    core.fail("%s: option 'input_feeding' feeds what attention found; there is none", fname)
  end
  check.effect(fname, options, DEFAULTS, "memory", options.attention ~= "none", "option 'attention' is 'none'")
  self.options, self.start, self.stop = options, options.start, options.stop
  self.dropout = shared.rate(fname, options, "dropout")
  self.word_dropout = shared.rate(fname, options, "word_dropout")
  self.embed = Embedding(options.vocab, options.dim)
  self.recurrent = shared.recurrent(fname, options, options.dim + (options.input_feeding and options.hidden or 0))
  if options.condition ~= nil then
    check.int(fname, "option 'condition'", options.condition, 1)
    if options.attention ~= "none" then
      core.fail("%s: option 'condition': one vector is nothing to attend to; leave attention out", fname)
    end
    local width = 0
    for _, slot in ipairs(shared.state_layout(self.recurrent)) do width = width + slot.size end
    self.bridge = Linear(options.condition, width)
  end
  self:_build_output()
  if options.memory ~= nil then self:connect(options.memory) end
end

function Decoder:_build_output()
  local o = self.options
  if not o.tied then
    self.output = Linear(o.hidden, o.vocab)
    return
  end
  if o.hidden ~= o.dim then self.project = Linear(o.hidden, o.dim, { bias = false }) end
  self.bias = parameter.new(initializers.zeros, o.vocab)
end

--- decoder:connect(features)
---
--- Makes the attention's parameters for a memory (N, S, features). nn.Seq2Seq does it.
--- Errors: a memory of other features than it was made for.
---@param features integer
function Decoder:connect(features)
  local o = self.options
  if o.attention == "none" or self.attention and o.memory == features then return end
  if self.attention then
    core.fail("%s: was made for a memory of %d features, not %d", self:describe(), o.memory, features)
  end
  o.memory = check.int("nn.Decoder", "option 'memory'", features, 1)
  self.attention = Attention(o.hidden, features, { score = o.attention })
  self.combine = Linear(features + o.hidden, o.hidden, { bias = false })
end

--- decoder:begin(state [, memory]) -> state of decoding
---
--- state: the first state of the recurrent layers, whichever layer made it (nil: zeros), or with option condition the
--- vectors (N, C). What it gives is a value as other states are: { recurrent, attended, memory }, all tensors batch
--- first.
--- Errors: attention without a memory.
---@param state nn.State|rnn.Tensor|nil
---@param memory? rnn.Tensor (N, S, features), for attention
---@return nn.State
function Decoder:begin(state, memory)
  local s = {}
  if self.bridge then
    local v = check.tensor(self:describe(), "the vectors", state, "float", 2)
    local sums, sizes = self.bridge(v):tanh(), {}
    for i, slot in ipairs(shared.state_layout(self.recurrent)) do sizes[i] = slot.size end
    s.recurrent = setmetatable(split(sums, 2, sizes), State)
  else
    s.recurrent = state and State(state)
  end
  if self.options.attention ~= "none" then
    if not self.attention then
      core.fail("%s: its attention has no memory: put it into an nn.Seq2Seq, or give option 'memory'",
        self:describe())
    end
    s.memory = self.attention:prepare(memory)
    if self.options.input_feeding then s.attended = core.zeros(#memory, self.options.hidden) end
  end
  return owner.mark(self, s)
end

--- decoder:run(ids, state) -> features, state, weights
---
--- All steps of the ids at once, up to the features (N, T, hidden) that logits takes. With input feeding one step only
--- (T = 1). Errors: a state that begin or run did not give.
---@param ids rnn.Tensor int32 (N, T)
---@param state nn.State
---@return rnn.Tensor features
---@return nn.State state
---@return rnn.Tensor? weights (N, T, S), with attention
function Decoder:run(ids, state)
  if not class.is_a(state, State) then
    check.expected(self:describe() .. ":run", "argument 2 (state)", "a state that decoder:begin gave", state)
  end
  owner.check(self, state)
  local x = shared.embed(self, ids)
  if state.attended then x = core.concat({ x, state.attended:reshape(#ids, 1, -1) }, 3) end
  local h, recurrent = self.recurrent(x, state.recurrent)
  local new, weights = owner.mark(self, { recurrent = recurrent, memory = state.memory }), nil
  if self.attention then
    local context
    context, weights = self.attention:attend(h, state.memory)
    h = self.combine(core.concat({ context, h }, 3)):tanh()
    if state.attended then new.attended = h:reshape(#ids, -1) end
  end
  return h, new, weights
end

--- decoder:logits(features) -> (..., vocab)
---
--- From the features that step or forward gives, (..., hidden), to (..., vocab).
---@param features rnn.Tensor (..., hidden)
---@return rnn.Tensor
function Decoder:logits(features)
  features = shared.drop(self, features)
  if self.output then return self.output(features) end
  if self.project then features = self.project(features) end
  return core.linear(features, self.embed.weight, self.bias)
end

--- decoder:step(ids, state) -> logits, state
---
--- One step, as decode.generate asks for it.
---@param ids rnn.Tensor int32 (N)
---@param state nn.State
---@return rnn.Tensor logits (N, vocab)
---@return nn.State state
function Decoder:step(ids, state)
  check.tensor(self:describe() .. ":step", "argument 1 (ids)", ids, "int32", 1)
  local features, new = self:run(ids:reshape(-1, 1), state)
  return self:logits(features:reshape(#ids, -1)), new
end

local function need_condition(self, method)
  if not self.bridge then
    core.fail("%s:%s: needs option 'condition'; a decoder of an nn.Seq2Seq is asked through it", self:describe(),
      method)
  end
end

--- decoder:forward(v, y) -> logits, target
---
--- Vectors to sequences, each step told the true id before it (teacher forcing). y has start and stop.
---@param v rnn.Tensor float (N, C)
---@param y rnn.Tensor int32 (N, T)
---@return rnn.Tensor logits (N, T - 1, vocab)
---@return rnn.Tensor target int32 (N, T - 1): y from its second id on
function Decoder:forward(v, y)
  need_condition(self, "forward")
  return sequence.forced(self, self:begin(v), y)
end

--- decoder:loss(v, y [, options [, weights]]) -> loss, logits, target
---
--- As nn.Seq2Seq's loss, for vectors v (N, C).
---@param v rnn.Tensor
---@param y rnn.Tensor
---@param options? { teacher_forcing?: number, label_smoothing?: number, padded?: boolean }
---@param weights? rnn.Tensor float (N) or (N, T - 1), how many times each sequence or id counts
---@return rnn.Tensor loss
---@return rnn.Tensor logits
---@return rnn.Tensor target
function Decoder:loss(v, y, options, weights)
  need_condition(self, "loss")
  return sequence.loss(self, self:begin(v), y, options, self.training, weights)
end

--- decoder:decode(v [, options]) -> ids, scores, details
---
--- As nn.Seq2Seq's decode, for vectors v (N, C).
---@param v rnn.Tensor
---@param options? table
---@return integer[][] ids
---@return number[] scores
---@return table[] details
function Decoder:decode(v, options)
  need_condition(self, "decode")
  return require "rnn.train.evaluation"(self:describe() .. ":decode", self, function()
    return sequence.decode(self, self:begin(v), options)
  end)
end

function Decoder:describe()
  local o = self.options
  return ("nn.Decoder(%s %d -> %d, attention %s)"):format(o.cell, o.hidden, o.vocab, o.attention)
end

function Decoder:config()
  return { class = "nn.Decoder", options = self.options }
end

return Decoder
