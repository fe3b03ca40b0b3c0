-- decoder.lua: from a state, and perhaps a memory to look at, to a sequence of ids or of numbers. ids.lua and
-- numbers.lua have what tells the two apart, sequence.lua the steps.

local core = require "rnn.core"
local split = require "rnn.shapes".split
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local State = require "rnn.state"
local owner = require "rnn.owner"
local Attention = require "rnn.nn.attention"
local Dropout = require "rnn.nn.dropout"
local Linear = require "rnn.nn.linear"
local layers = require "rnn.nn.layers"
local sequence = require "rnn.nn.sequence"
local ids = require "rnn.nn.ids"
local numbers = require "rnn.nn.numbers"

--- nn.Decoder { vocab = V, recurrent = nn.GRU(128, 256), ... }, nn.Decoder { outputs = k, recurrent = ..., ... }
---
--- Writes sequences of ids or of numbers: for an nn.Seq2Seq, or by itself from a vector (condition). Layers in one
--- direction are given as recurrent, or made of the options cell, hidden and layers. A step of given ones takes the
--- vector of the id before (dim), or the numbers before and the known inputs (outputs + inputs), and behind these what
--- attention found (with input_feeding) or the condition.
---
---   local captioner = nn.Decoder { vocab = words, hidden = 256, condition = 80 }
---   local loss = captioner:loss(v, y)                     -- v (N, 80); y int32 with start and stop
---   local ids, scores = captioner:decode(v, { beam = 5, max_length = 20 })
---
---   local pen = nn.Decoder { outputs = 2, recurrent = nn.LSTM(2 + 10, 128), steps = 40, condition = 10,
---     condition_as = "both" }
---   local loss = pen:loss(v, y, { teacher_forcing = 0.5 })  -- v (N, 10); y (N, T, 2)
---   local y = pen:decode(v)                               -- (N, 40, 2)
--- Errors: neither vocab nor outputs, or both; input_feeding without attention, attention with condition; layers that
--- read backwards or take other features.
---@class nn.Decoder : nn.Module
---@field recurrent nn.Module
---@field start integer
---@field stop integer
---@overload fun(options: nn.Decoder.Options): nn.Decoder
local Decoder = class("nn.Decoder", Module)

local OPTIONS = option.of("nn.Decoder", layers.options, {
  { "attention", "none", option.one_of { "none", "multiplicative", "additive" }, "looks at the memory with h of the "
    .. "top layer (Luong et al. 2015; Bahdanau et al. 2015); tanh(W [context, h]) goes on to the output" },
  { "input_feeding", false, check.boolean, "that vector is also part of the next step's input, so that the recurrence "
    .. "knows what was looked at, as in both papers; training then goes step by step and is slower" },
  { "condition", nil, option.int(1), "C: begins with a vector (N, C): vector -> sequence" },
  { "condition_as", "state", option.one_of { "state", "input", "both" }, "it makes the first state, through tanh(W v + "
    .. "b); it is part of the input of every step; or both" },
  { "dropout", 0, check.rate, "rate for vectors and before the output" },
  { "memory", nil, option.int(1), "features of the memory; nn.Seq2Seq fills it in" },
}, ids.options, numbers.options)

-- For help and for nn.Seq2Seq; ids.lua and numbers.lua read their own part.
Decoder._loss_options = option.of("nn.Decoder:loss", ids.loss_options, numbers.loss_options).rows
Decoder._decode_options = option.of("nn.Decoder:decode", ids.decode_options, numbers.decode_options).rows

-- What is told apart: ids.lua or numbers.lua.
function Decoder:_kind()
  return self.embed and ids or numbers
end

-- Raises what options say that does not go together.
local function check_options(options)
  if (options.vocab == nil) == (options.outputs == nil) then
    core.fail "nn.Decoder: needs either option 'vocab' (ids) or option 'outputs' (numbers)"
  end
  for _, row in ipairs((options.vocab and numbers or ids).options) do
    OPTIONS:effect(options, row[1], false, options.vocab and "option 'vocab' is for ids"
      or "option 'outputs' is for numbers")
  end
  local attends = options.attention ~= "none"
  if options.input_feeding and not attends then
    core.fail "nn.Decoder: option 'input_feeding' feeds what attention found; there is none"
  end
  OPTIONS:effect(options, "memory", attends, "option 'attention' is 'none'")
  OPTIONS:effect(options, "condition_as", options.condition, "option 'condition' is not given")
  if options.condition and attends then
    core.fail "nn.Decoder: option 'condition': one vector is nothing to attend to; leave attention out"
  end
end

function Decoder:init(options)
  options = OPTIONS:read(options)
  check_options(options)
  self.score, self.input_feeding = options.attention, options.input_feeding
  self.condition, self.condition_as = options.condition, options.condition_as
  self.dropout = Dropout(options.dropout)
  local given, beside = layers.inputs(options), 0
  if self.condition and self.condition_as ~= "state" then beside = self.condition end
  if self.input_feeding then beside = layers.units(options) end
  local kind = options.vocab and ids or numbers
  local width = kind.begin(self, OPTIONS, options, options.dim or given and math.max(given - beside, 1))
  self.recurrent = layers.of(OPTIONS, options, width + beside)
  if self.recurrent.directions == 2 then
    core.fail("nn.Decoder: option 'recurrent': a decoder knows no later steps, and %s reads backwards as well",
      self.recurrent:describe())
  end
  self.units = self.recurrent.outputs
  if self.condition and self.condition_as ~= "input" then
    local total = 0
    for _, slot in ipairs(layers.slots(self.recurrent)) do total = total + slot.size end
    self.bridge = Linear(self.condition, total)
  end
  kind.finish(self, self.units)
  if options.memory ~= nil then self:connect(options.memory) end
end

--- decoder:connect(features)
---
--- Makes the attention's parameters for a memory (N, S, features). nn.Seq2Seq does it.
--- Errors: a memory of other features than it was made for.
---@param features integer
function Decoder:connect(features)
  if self.score == "none" or self.attention and self.memory == features then return end
  if self.attention then
    core.fail("%s: was made for a memory of %d features, not %d", self:describe(), self.memory, features)
  end
  self.memory = check.int("nn.Decoder", "option 'memory'", features, 1)
  self.attention = Attention(self.units, features, { score = self.score })
  self.combine = Linear(features + self.units, self.units, { bias = false })
end

-- The first state of the layers from vectors (N, C).
local function bridged(self, v)
  local slots, sizes = layers.slots(self.recurrent), {}
  for i, slot in ipairs(slots) do sizes[i] = slot.size end
  return State(layers.state(slots, split(self.bridge(v):tanh(), 2, sizes)))
end

--- decoder:begin(state [, memory [, start]]) -> state of decoding
---
--- state: the first state of the recurrent layers, whichever layer made it (nil: zeros), or with option condition the
--- vectors (N, C). What it gives is a value as other states are: { recurrent, attended, memory, condition, start }, all
--- tensors batch first.
--- Errors: attention without a memory, vectors or a start of another width.
---@param state nn.State|rnn.Tensor|nil
---@param memory? rnn.Tensor (N, S, features), for attention
---@param start? rnn.Tensor (N, outputs): the numbers that the first step goes on from (zeros)
---@return nn.State
function Decoder:begin(state, memory, start)
  local s, batch = {}, nil
  if self.condition then
    check.tensor(self:describe(), "the vectors", state, "float", 2)
    if state:size(2) ~= self.condition then
      core.fail("%s: expected vectors (N, %d), got %s", self:describe(), self.condition, check.input(state))
    end
    batch = #state
    if self.bridge then s.recurrent = bridged(self, state) end
    if self.condition_as ~= "state" then s.condition = state end
  else
    s.recurrent = state and State(state)
  end
  if self.attention then
    s.memory = self.attention:prepare(memory)
    if self.input_feeding then s.attended = core.zeros(#memory, self.units) end
  elseif self.score ~= "none" then
    core.fail("%s: its attention has no memory: put it into an nn.Seq2Seq, or give option 'memory'", self:describe())
  end
  if self.outputs then
    batch = batch or memory and #memory
    if start ~= nil and check.tensor(self:describe() .. ":begin", "argument 3 (start)", start, "float", 2):size(2)
      ~= self.outputs then
      core.fail("%s:begin: argument 3 (start): expected (N, %d), got %s", self:describe(), self.outputs,
        check.input(start))
    end
    s.start = start or batch and core.zeros(batch, self.outputs)
  end
  return owner.mark(self, s)
end

--- decoder:run(x, state) -> features, state, weights
---
--- All steps of the ids (N, T), or of numbers (N, T, outputs + inputs), at once, up to the features (N, T, units) that
--- logits takes. With input feeding one step only (T = 1). Errors: a state that begin or run did not give.
---@param x rnn.Tensor int32 (N, T), or float (N, T, outputs + inputs)
---@param state nn.State
---@return rnn.Tensor features
---@return nn.State state
---@return rnn.Tensor? weights (N, T, S), with attention
function Decoder:run(x, state)
  if not class.is_a(state, State) then
    check.expected(self:describe() .. ":run", "argument 2 (state)", "a state that decoder:begin gave", state)
  end
  owner.check(self, state)
  local batch = #x
  x = self:_kind().read(self, x)
  if state.attended then x = core.concat({ x, state.attended:reshape(batch, 1, self.units) }, 3) end
  if state.condition then
    x = core.concat({ x, state.condition:reshape(batch, 1, self.condition)
      :broadcast_to(batch, x:size(2), self.condition) }, 3)
  end
  local h, recurrent = self.recurrent(x, state.recurrent)
  local new = owner.mark(self, { recurrent = recurrent, memory = state.memory, condition = state.condition })
  local weights
  if self.attention then
    local context
    context, weights = self.attention:attend(h, state.memory)
    h = self.combine(core.concat({ context, h }, 3)):tanh()
    if state.attended then new.attended = h:select(2, 1) end
  end
  return h, new, weights
end

--- decoder:logits(features) -> (..., vocab)
---
--- From the features that run gives, (..., units), to logits (..., vocab) of ids, or for numbers to what the prediction
--- is made of, (..., outputs) or more for losses that compare more.
---@param features rnn.Tensor (..., units)
---@return rnn.Tensor
function Decoder:logits(features)
  return self:_kind().write(self, self.dropout(features))
end

--- decoder:step(x, state) -> logits, state
---
--- One step: of ids, as decode.generate asks for it, or of numbers, beside which the known inputs stand; then what it
--- gives is the prediction of the step.
---@param x rnn.Tensor int32 (N), or float (N, outputs + inputs)
---@param state nn.State
---@return rnn.Tensor|rnn.Tensor[] logits (N, vocab), or a prediction for (N, outputs)
---@return nn.State state
function Decoder:step(x, state)
  local kind, axes = self.outputs and "float" or "int32", self.outputs and 2 or 1
  if not core.is_tensor(x) or x:type() ~= kind or x:ndim() ~= axes then -- describe takes its time
    check.tensor(self:describe() .. ":step", ("argument 1 (%s)"):format(self.outputs and "numbers" or "ids"), x, kind,
      axes)
  end
  local features, new = self:run(x:unsqueeze(2), state)
  return self:_kind().outputs(self, self:logits(features:select(2, 1))), new
end

-- What was given in place of x: x itself and, for a decoder with inputs, what is known in advance, (N, T, inputs).
function Decoder:_parts(x)
  if not self.inputs or self.inputs == 0 then return x end
  local known = type(x) == "table" and not getmetatable(x) and x[2]
  if not core.is_tensor(known) or known:type() ~= "float" or known:ndim() ~= 3 or known:size(3) ~= self.inputs then
    core.fail("%s: expected { x, known } with the inputs that are known in advance, (N, T, %d), got %s",
      self:describe(), self.inputs, known and check.input(known) or check.input(x))
  end
  return x[1], known
end

-- What forward, loss and decode are, for decoders that begin with vectors and for those of an nn.Seq2Seq, which has the
-- state.

function Decoder:_forward(state, known, y)
  if y == nil and self.outputs then
    local prediction, _, weights = numbers.free(self, state, known)
    return prediction, nil, weights
  end
  local logits, target, weights = sequence.told(self, state, y, known, 1)
  return self:_kind().outputs(self, logits), target, weights
end

function Decoder:_loss(state, known, y, options, weights)
  local forcing, loss = self:_kind().loss(self, options)
  local logits, target = sequence.told(self, state, y, known, forcing)
  local prediction = self:_kind().outputs(self, logits)
  return loss(prediction, target, weights), prediction, target
end

local function begin(self, method, v)
  if not self.condition then
    core.fail("%s:%s: needs option 'condition'; a decoder of an nn.Seq2Seq is asked through it", self:describe(),
      method)
  end
  local known
  v, known = self:_parts(v)
  return self:begin(v), known
end

--- decoder:forward(v, y) -> logits, target
---
--- Vectors to sequences, each step told the true id or numbers before it (teacher forcing). Of ids y has start and
--- stop. Of numbers y may be nil: then each step goes on from what the decoder gave itself, for as many steps as are
--- known in advance or as option steps says, and the prediction is all that comes.
---@param v rnn.Tensor|table float (N, C), or { v, known (N, T, inputs) } for a decoder with inputs
---@param y? rnn.Tensor int32 (N, T), or float (N, T, outputs) or (N, T * outputs)
---@return rnn.Tensor|rnn.Tensor[] logits (N, T - 1, vocab), or the prediction: (N, T, outputs), of gaussian_nll
--- { mean, variance }, of quantile (N, T, outputs, quantiles)
---@return rnn.Tensor? target int32 (N, T - 1), y from its second id on; or y as (N, T, outputs)
function Decoder:forward(v, y)
  local state, known = begin(self, "forward", v)
  local prediction, target = self:_forward(state, known, y)
  return prediction, target
end

--- decoder:loss(v, y [, options [, weights]]) -> loss, logits, target
---
--- As nn.Seq2Seq's loss, for vectors v (N, C).
---@param v rnn.Tensor|table
---@param y rnn.Tensor
---@param options? nn.Decoder.loss.Options
---@param weights? rnn.Tensor float (N), or one for each id (N, T - 1) or number, how many times each counts
---@return rnn.Tensor loss
---@return rnn.Tensor logits
---@return rnn.Tensor target
function Decoder:loss(v, y, options, weights)
  local state, known = begin(self, "loss", v)
  return self:_loss(state, known, y, options, weights)
end

--- decoder:decode(v [, options]) -> ids, scores, details
---
--- As nn.Seq2Seq's decode, for vectors v (N, C).
---@param v rnn.Tensor|table
---@param options? nn.Decoder.decode.Options
---@return integer[][]|rnn.Tensor ids, or numbers (N, T, outputs)
---@return number[]|rnn.Tensor|table scores, or the prediction
---@return table[]? details of ids
function Decoder:decode(v, options)
  return require "rnn.nn.evaluation"(self:describe() .. ":decode", self, function()
    local state, known = begin(self, "decode", v)
    return self:_kind().decode(self, state, known, options)
  end)
end

function Decoder:describe()
  return ("nn.Decoder(%s %d -> %d, attention %s)"):format(layers.name(self.recurrent), self.units,
    self.outputs or self.embed.vocab, self.score)
end

function Decoder:config()
  local fields = self:_kind().config(self)
  fields.attention, fields.input_feeding, fields.memory = self.score, self.input_feeding, self.memory
  fields.condition, fields.condition_as = self.condition, self.condition and self.condition_as
  fields.dropout, fields.recurrent = self.dropout.rate, self.recurrent
  return { class = "nn.Decoder", fields = fields }
end

return Decoder
