-- decoder.lua: from a state, and perhaps a memory to look at, to a sequence. Of ids their vectors go in, logits come
-- out, and the likeliest goes on. Of numbers the outputs of the step before go in, beside inputs that are known in
-- advance; what the loss compares comes out, and of this the outputs go on.

local core = require "rnn.core"
local split = require "rnn.shapes".split
local class = require "rnn.class"
local check = require "rnn.check"
local decode = require "rnn.decode"
local option = require "rnn.option"
local State = require "rnn.state"
local owner = State._owner
local Module = require "rnn.nn.module"
local Attention = require "rnn.nn.attention"
local Dropout = require "rnn.nn.dropout"
local Embedding = require "rnn.nn.embedding"
local Linear = require "rnn.nn.linear"
local initializers = require "rnn.nn.initializers"
local layers = require "rnn.nn.layers"
local losses = require "rnn.nn.loss"
local named = require "rnn.nn.named_losses"
local parameter = require "rnn.nn.parameter"

--- nn.Decoder { vocab = V, recurrent = nn.GRU(128, 256), ... }, nn.Decoder { outputs = k, recurrent = ..., ... }
---
--- Writes sequences of ids or of numbers: for an nn.Seq2Seq, or by itself from a vector (condition). Layers in one
--- direction are given as recurrent, or made of the options cell, units and layers. A step of given ones takes the
--- vector of the id before (dim), or the numbers before and the known inputs (outputs + inputs), and behind these what
--- attention found (with input_feeding) or the condition.
---
---   local captioner = nn.Decoder { vocab = words, units = 256, condition = 80 }
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

-- ---- options ----

-- What is behind a loss: the columns of the last layer for each output; of these, (..., outputs * columns), the
-- prediction that the loss takes; and of the prediction the outputs (..., outputs) that go on.
local function same(_, x) return x end
local point = { columns = 1, prediction = same, outputs = same }
local KINDS = { mse = point, mae = point, huber = point,
  poisson_nll = { columns = 1, prediction = same, outputs = function(_, rate) return rate:exp() end },
  binary_cross_entropy = { columns = 1, prediction = same, outputs = function(_, logits) return logits:sigmoid() end },
  gaussian_nll = { columns = 2,
    prediction = function(decoder, x)
      local k = decoder.outputs
      return { x:slice(-1, 1, k), x:slice(-1, k + 1, 2 * k):softplus() }
    end,
    outputs = function(_, prediction) return prediction[1] end },
  quantile = {
    prediction = function(decoder, x)
      local shape = { x:shape() }
      shape[#shape], shape[#shape + 1] = decoder.outputs, #decoder.quantiles
      return x:reshape(table.unpack(shape))
    end,
    outputs = function(decoder, prediction) return prediction:select(-1, decoder.middle) end },
}
local names = {}
for name in pairs(KINDS) do names[#names + 1] = name end
table.sort(names)

local a_loss = option.one_of(names)

local function check_quantiles(fname, argname, list)
  if type(list) ~= "table" or getmetatable(list) or #list == 0 then
    check.expected(fname, argname, "a list of numbers between 0 and 1", list)
  end
  for i, q in ipairs(list) do check.number(fname, ("%s, entry %d"):format(argname, i), q, 0, 1) end
  return table.move(list, 1, #list, 1, {})
end

local NUMBERS = {
  { "outputs", nil, option.int(1), "of numbers: how many a step gives" },
  { "inputs", 0, option.int(0), "how many numbers are known in advance for each step, such as what day it will be" },
  { "steps", nil, option.int(1), "how many steps it makes by itself, where known inputs do not say it" },
  { "loss", "mse", a_loss, "what the numbers are for; with gaussian_nll the last layer also says the variance, with "
    .. "binary_cross_entropy it gives logits, and probabilities go on, with poisson_nll logarithms of rates" },
  { "quantiles", nil, option.kind("number[]", check_quantiles), 'of loss = "quantile", { 0.1, 0.5, 0.9 } where they '
    .. "are not given; the middle one goes on" },
}

local IDS = {
  { "vocab", nil, option.kind("integer|text.Vocab", function(_, _, value) return value end), "of ids: their number, or "
    .. "a text.Vocab, which also says start and stop" },
  { "start", nil, option.int(1), "the id before every sequence; 2 where no text.Vocab says it" },
  { "stop", nil, option.int(1), "the id behind every sequence; 3 where no text.Vocab says it" },
  { "dim", nil, option.int(1), "features of an id's vector; where it is not given, as recurrent takes them, or 128" },
  { "tied", false, check.boolean, "the logits' weights are the embedding's (Press, Wolf 2017)" },
  { "word_dropout", 0, check.rate, "rate at which whole ids are left out of the inputs in training" },
}

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
}, IDS, NUMBERS)

local FORCING = { "teacher_forcing", 1, option.number(0, 1), "in training, probability that a step is told "
  .. "the true id or numbers before it, and not what the decoder gave itself (scheduled sampling, Bengio et al. 2015)" }

-- What a loss and decode are told, of ids and of numbers apart.
local LOSS = { ids = option.of("nn.Decoder:loss of ids", { FORCING,
  { "label_smoothing", 0, option.number(0, 1), "of ids, in training: as in nn.cross_entropy" },
  { "padded", false, check.boolean, "of ids: 0 is padding in a y without lengths" },
}), numbers = option.of("nn.Decoder:loss of numbers", { FORCING,
  { "loss", nil, option.kind("string|function", function(fname, argname, value)
    return type(value) == "function" and value or a_loss(fname, argname, value)
  end, select(2, option.type_of { "loss", nil, a_loss })), "of numbers: another loss that compares the same, or a "
    .. "function (prediction, target, weights) -> scalar" },
}) }
local DECODE = { ids = option.of("nn.Decoder:decode of ids", table.unpack(decode._options)),
  numbers = option.of("nn.Decoder:decode of numbers", {
    { "steps", nil, option.int(1), "of numbers: makes so many steps; where it is not given, as are known in advance, "
      .. "or the decoder's" },
    { "stop", nil, check.callback, "of numbers: function (y (N, outputs)) -> mask (N) of sequences that end with "
      .. "this step" },
  }) }

-- For help, and for nn.Seq2Seq.
Decoder._loss_options = option.of("nn.Decoder:loss", LOSS.ids.rows, LOSS.numbers.rows).rows
Decoder._of_ids = DECODE.ids.rows
Decoder._decode_options = option.of("nn.Decoder:decode", DECODE.ids.rows, DECODE.numbers.rows).rows

-- Raises what options say that does not go together.
local function check_options(options)
  if (options.vocab == nil) == (options.outputs == nil) then
    core.fail "nn.Decoder: needs either option 'vocab' (ids) or option 'outputs' (numbers)"
  end
  for _, row in ipairs(options.vocab and NUMBERS or IDS) do
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

-- ---- layers ----

-- What only a decoder of ids has, or one of numbers -> features of a step's input.

local function make_ids(self, options, dim)
  local words = type(options.vocab) == "table" and options.vocab or { start = 2, stop = 3 }
  self.embed = Embedding(options.vocab, dim or 128, { word_dropout = options.word_dropout })
  self.start = check.int("nn.Decoder", "option 'start'", options.start or words.start, 1, self.embed.vocab)
  self.stop = check.int("nn.Decoder", "option 'stop'", options.stop or words.stop, 1, self.embed.vocab)
  self.tied = options.tied
  return self.embed.dim
end

local function make_numbers(self, options)
  self.outputs, self.inputs, self.loss_name = options.outputs, options.inputs, options.loss
  if self.loss_name == "quantile" then
    local list, middle = options.quantiles or { 0.1, 0.5, 0.9 }, 1
    for i, q in ipairs(list) do
      if math.abs(q - 0.5) < math.abs(list[middle] - 0.5) then middle = i end
    end
    self.quantiles, self.middle = list, middle
  end
  OPTIONS:effect(options, "quantiles", self.quantiles, ("option 'loss' is '%s'"):format(self.loss_name))
  if self.inputs == 0 then check.int("nn.Decoder", "option 'steps'", options.steps, 1) end
  self.steps = options.steps
  return self.outputs + self.inputs
end

-- The way from features to what the loss takes: a Linear, or the vectors of the ids.
local function make_output(self, units)
  local embed = self.embed
  if self.outputs then
    self.output = Linear(units, self.outputs * (self.quantiles and #self.quantiles or KINDS[self.loss_name].columns))
  elseif not self.tied then
    self.output = Linear(units, embed.vocab)
  else
    if units ~= embed.dim then self.project = Linear(units, embed.dim, { bias = false }) end
    self.bias = parameter.new(initializers.zeros, embed.vocab)
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
  local make = options.vocab and make_ids or make_numbers
  local width = make(self, options, options.dim or given and math.max(given - beside, 1))
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
  make_output(self, self.units)
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

-- ---- steps ----

-- The state of layers in one direction: a tensor (N, size) for each of their slots.
function Decoder._state(slots, tensors)
  local state = {}
  for i, slot in ipairs(slots) do
    local path, holder = slot.paths[1], state
    if #path == 0 then return tensors[i] end
    for k = 1, #path - 1 do
      holder[path[k]] = holder[path[k]] or {}
      holder = holder[path[k]]
    end
    holder[path[#path]] = tensors[i]
  end
  return state
end

-- The first state of the layers from vectors (N, C).
local function bridged(self, v)
  local slots, sizes = layers.slots(self.recurrent), {}
  for i, slot in ipairs(slots) do sizes[i] = slot.size end
  return Decoder._state(slots, split(self.bridge(v):tanh(), 2, sizes))
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
    if self.condition_as ~= "state" then s.condition = state end
    state = self.bridge and bridged(self, state)
  end
  s.recurrent = state and State(state) or nil
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
  return setmetatable(s, owner.kind(self))
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
  if self.embed then
    x = self.embed(x)
    if self.dropout.rate > 0 then x = self.dropout(x) end
  elseif not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= self.outputs + self.inputs then
    core.fail("%s: expected the numbers of the steps before, and known inputs, as (N, T, %d), got %s",
      self:describe(), self.outputs + self.inputs, check.input(x))
  end
  if state.attended then x = core.concat({ x, state.attended:reshape(batch, 1, self.units) }, 3) end
  if state.condition then
    x = core.concat({ x, state.condition:reshape(batch, 1, self.condition)
      :broadcast_to(batch, x:size(2), self.condition) }, 3)
  end
  local h, recurrent = self.recurrent(x, state.recurrent)
  local weights
  local new = setmetatable({ recurrent = recurrent, memory = state.memory, condition = state.condition },
    owner.kind(self))
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
  if self.dropout.rate > 0 then features = self.dropout(features) end
  if self.output then return self.output(features) end
  if self.project then features = self.project(features) end
  return core.linear(features, self.embed.weight, self.bias)
end

-- Of ids logits, of numbers what the loss compares.
local function prediction_of(self, logits)
  return self.outputs and KINDS[self.loss_name].prediction(self, logits) or logits
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
  local logits = self:logits(features:select(2, 1))
  return self.outputs and prediction_of(self, logits) or logits, new
end

-- What goes on from a step: the likeliest id, or the outputs of the prediction.
local function own_of(self, logits)
  if not self.outputs then return logits:detach():argmax(-1) end
  return KINDS[self.loss_name].outputs(self, prediction_of(self, logits))
end

-- run_steps(decoder, state, told, options) -> logits, weights, lengths
--
-- Step by step, where a step needs what the one before found. told (N, T, ...) has what steps are told; options: count,
-- how many there are to be (T); forcing, the probability that a step is told and does not go on from what the decoder
-- gave (1; scheduled sampling, Bengio et al. 2015); known, beside what is told; over(own) -> mask (N) of sequences that
-- end with this step, whose number of steps is then in lengths.
local function run_steps(decoder, state, told, options)
  local forcing, known, over, count = options.forcing or 1, options.known, options.over, options.count or told:size(2)
  local alone = forcing < 1 or over or count > told:size(2) -- some step goes on from what the decoder gave
  local features, logits, weights, own, going, lengths = {}, {}, {}, nil, nil, nil
  for t = 1, count do
    local x = own
    if not own or forcing > 0 and t <= told:size(2) then
      x = told:slice(2, t, t)
      if own and forcing < 1 then
        local coin = core.rand(#x):lt(forcing)
        x = core.where(x:ndim() == 2 and coin:reshape(-1, 1) or coin:reshape(-1, 1, 1), x, own)
      end
    end
    features[t], state, weights[t] = decoder:run(known and core.concat({ x, known:slice(2, t, t) }, 3) or x, state)
    if alone then
      logits[t] = decoder:logits(features[t])
      own = own_of(decoder, logits[t])
    end
    if over then
      going = going or core.ones(#x)
      lengths = lengths and lengths + going or going
      going = going * (1 - over(own:select(2, 1)))
      if #x == 0 or going:max():item() == 0 then break end
    end
  end
  return alone and core.concat(logits, 2) or decoder:logits(core.concat(features, 2)),
    weights[1] and core.concat(weights, 2), lengths and lengths:to_int()
end

-- y (N, T) with start and stop -> the ids that the steps get and those that they should give, (N, T - 1). Without the
-- stop a model would not learn to end; in evaluation a beginning may be scored.
local function shift_ids(decoder, y)
  local name = decoder:describe()
  check.tensor(name, "target ids", y, "int32", 2)
  local lengths, steps = y:lengths(), y:size(2)
  if lengths then y, lengths = y:zero_padding():without_lengths(), (lengths - 1):maximum(0) end
  local right = steps >= 2 and y:select(2, 1):eq(decoder.start)
  if right and decoder.training and #y > 0 then
    local last = (y:ne(0) * core.arange(steps)):max(2, true):maximum(1):to_int()
    local ends = y:take_along_axis(last, 2):eq(decoder.stop):logical_or(last:eq(1)) -- the start alone trains nothing
    right = right:logical_and(ends:reshape(-1))
  end
  if not right or right:sum():item() < #y then
    core.fail("%s: every target sequence must begin with the start %d and, in training, end with the stop %d; sequence "
      .. "%d does not; vocab:encode(s, { start = true, stop = true }) makes such", name, decoder.start, decoder.stop,
      right and right:argmin(1):item() or 1)
  end
  local inputs, target = core.slice(y, 2, 1, steps - 1), core.slice(y, 2, 2, steps)
  if lengths then return inputs:with_lengths(lengths), target:with_lengths(lengths) end
  return inputs, target
end

-- y (N, T, outputs), or (N, T * outputs) as data.windows gives it -> the outputs that the steps get and those that they
-- should give, (N, T, outputs).
local function shift_numbers(decoder, y, state)
  local k, name = decoder.outputs, decoder:describe()
  local flat = core.is_tensor(y) and y:ndim() == 2 and y:size(2) % k == 0 and (k == 1 or not y:lengths())
  if not core.is_tensor(y) or y:type() ~= "float" or not flat and (y:ndim() ~= 3 or y:size(3) ~= k) then
    core.fail("%s: expected target numbers (N, T, %d), or (N, T * %d) without lengths, got %s", name, k, k,
      check.input(y))
  end
  if flat then y = y:reshape(#y, y:size(2) // k, k) end
  local lengths, steps = y:lengths(), y:size(2)
  if steps == 0 then core.fail("%s: expected targets of one step or more, got %s", name, check.shape(y)) end
  local bare = lengths and y:zero_padding():without_lengths() or y
  local inputs = (state.start or core.zeros(#y, k)):unsqueeze(2)
  if steps > 1 then inputs = core.concat({ inputs, bare:slice(2, 1, steps - 1) }, 2) end
  return lengths and inputs:with_lengths(lengths) or inputs, y
end

-- tell(decoder, state, y, known, forcing) -> logits, target, weights: every step, or the share forcing of them, is told
-- what the one before should have given.
local function tell(decoder, state, y, known, forcing)
  local told, target = (decoder.outputs and shift_numbers or shift_ids)(decoder, y, state)
  local lengths = told:lengths()
  if known and known:size(2) ~= told:size(2) then
    core.fail("%s: expected known inputs of %d steps, as the target has, got %s", decoder:describe(), told:size(2),
      check.shape(known))
  end
  if lengths and known then known = known:with_lengths(lengths) end
  if forcing == 1 and not state.attended then
    local features, _, weights = decoder:run(known and core.concat({ told, known }, 3) or told, state)
    return decoder:logits(features), target, weights
  end
  if lengths then told, known = told:without_lengths(), known and known:zero_padding():without_lengths() end
  local logits, weights = run_steps(decoder, state, told, { forcing = forcing, known = known })
  return lengths and logits:with_lengths(lengths) or logits, target, weights
end

-- How many steps a decoder that is told nothing makes.
local function count_of(decoder, known, steps)
  local most = known and known:size(2)
  steps = check.int("decode", "option 'steps'", steps or most or decoder.steps, 1)
  if most and steps > most then
    core.fail("%s: expected known inputs of %d steps, got %s", decoder:describe(), steps, check.shape(known))
  end
  return steps
end

-- The prediction, the outputs and the attention's weights of a decoder of numbers that is told nothing but its start.
local function free(decoder, state, known, wanted, over)
  local lengths = known and known:lengths()
  local count = count_of(decoder, known, wanted)
  if lengths then known, lengths = known:zero_padding():without_lengths(), lengths:minimum(count) end
  local logits, weights, ended = run_steps(decoder, state, state.start:unsqueeze(2),
    { count = count, known = known, over = over })
  if ended and lengths then ended = ended:minimum(lengths) end
  if ended or lengths then logits = logits:with_lengths(ended or lengths) end
  local prediction = prediction_of(decoder, logits)
  return prediction, KINDS[decoder.loss_name].outputs(decoder, prediction), weights
end

-- ---- sequences ----

-- What was given in place of x: x itself and, for a decoder with inputs, what is known in advance, (N, T, inputs).
function Decoder:_parts(x)
  if self.inputs == 0 then return x end
  local known = type(x) == "table" and not getmetatable(x) and x[2]
  if not core.is_tensor(known) or known:type() ~= "float" or known:ndim() ~= 3 or known:size(3) ~= self.inputs then
    core.fail("%s: expected { x, known } with the inputs that are known in advance, (N, T, %d), got %s",
      self:describe(), self.inputs, known and check.input(known) or check.input(x))
  end
  return x[1], known
end

-- The share of steps that are told what is true, and function (prediction, target, weights) -> loss. In evaluation mode
-- all are told of ids, and nothing is smoothed: the plain loss, in nats an id. Of numbers none is, as in a forecast.

local function loss_of_ids(self, options)
  options = LOSS.ids:read(options, "loss")
  local smoothing = self.training and options.label_smoothing or 0
  return self.training and options.teacher_forcing or 1, function(logits, target, weights)
    return losses.cross_entropy(logits, target, { label_smoothing = smoothing, padded = options.padded,
      sample_weights = weights })
  end
end

local function loss_of_numbers(self, options)
  options = LOSS.numbers:read(options, "loss")
  local name = options.loss or self.loss_name
  local f = name
  if type(f) ~= "function" then
    if KINDS[name] ~= KINDS[self.loss_name] then
      core.fail("loss: option 'loss': '%s' compares other numbers than '%s', for which the decoder was made", name,
        self.loss_name)
    end
    function f(prediction, target, weights)
      if name ~= "quantile" then return named[name](prediction, target, weights) end
      return losses.quantile(prediction, target, self.quantiles, weights and { sample_weights = weights })
    end
  end
  return self.training and options.teacher_forcing or 0, f
end

-- What forward, loss and decode are, for decoders that begin with vectors and for those of an nn.Seq2Seq, which has the
-- state.

function Decoder:_forward(state, known, y)
  if y == nil and self.outputs then
    local prediction, _, weights = free(self, state, known)
    return prediction, nil, weights
  end
  local logits, target, weights = tell(self, state, y, known, 1)
  return prediction_of(self, logits), target, weights
end

function Decoder:_loss(state, known, y, options, weights)
  local forcing, loss = (self.outputs and loss_of_numbers or loss_of_ids)(self, options)
  local logits, target = tell(self, state, y, known, forcing)
  local prediction = prediction_of(self, logits)
  return loss(prediction, target, weights), prediction, target
end

-- The options of decode; of ids those of a declaration, which may have more than decode itself.
function Decoder:_read(fname, options, of_ids)
  if self.outputs then return DECODE.numbers:read(options, fname) end
  for _, name in ipairs(type(options) == "table" and { "step", "state", "start", "stop" } or {}) do
    if options[name] ~= nil then core.fail("%s: option '%s' is the decoder's own", fname, name) end
  end
  return of_ids:read(options, fname)
end

-- Ids, scores and details; or numbers, prediction and the attention's weights.
function Decoder:_decode(fname, state, known, options)
  if not self.outputs then
    options.step, options.state = function(x, s) return self:step(x, s) end, state
    options.start, options.stop = self.start, self.stop
    return decode._run(fname, options)
  end
  local stop, over = options.stop, nil
  if stop then
    function over(y)
      local mask = check.tensor(fname, "option 'stop': its result", stop(y), "float", 1)
      if #mask ~= #y then
        core.fail("%s: option 'stop': its result: expected a mask (%d), got %s", fname, #y, check.shape(mask))
      end
      return mask
    end
  end
  local prediction, outputs, weights = free(self, state, known, options.steps, over)
  return outputs:lengths() and outputs:zero_padding() or outputs, prediction, weights
end

local function begin(self, method, v)
  if not self.condition then
    core.fail("%s:%s: needs option 'condition'; a decoder of an nn.Seq2Seq is asked through it", self:describe(),
      method)
  end
  local known
  if self.inputs then v, known = self:_parts(v) end
  return self:begin(v), known
end

--- decoder:forward(v, y) -> logits, target
---
--- Vectors to sequences, each step told the true id or numbers before it (teacher forcing). Of ids y has start and
--- stop; in evaluation also a beginning without the stop. Of numbers y may be nil: then each step goes on from what the
--- decoder gave itself, for as many steps as are known in advance or as option steps says, and the prediction is all
--- that comes.
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
  local fname = self:describe() .. ":decode"
  options = self:_read(fname, options, DECODE.ids)
  return self:_evaluated(fname, function()
    local state, known = begin(self, "decode", v)
    return self:_decode(fname, state, known, options)
  end)
end

function Decoder:describe()
  return ("nn.Decoder(%s %d -> %d, attention %s)"):format(layers.name(self.recurrent), self.units,
    self.outputs or self.embed.vocab, self.score)
end

function Decoder:config()
  local fields = self.outputs and { outputs = self.outputs, inputs = self.inputs, steps = self.steps,
    loss = self.loss_name, quantiles = self.quantiles } or { vocab = self.embed.vocab, dim = self.embed.dim,
    word_dropout = self.embed.word_dropout, start = self.start, stop = self.stop, tied = self.tied }
  fields.attention, fields.input_feeding, fields.memory = self.score, self.input_feeding, self.memory
  fields.condition, fields.condition_as = self.condition, self.condition and self.condition_as
  fields.dropout, fields.recurrent = self.dropout.rate, self.recurrent
  return { class = "nn.Decoder", fields = fields }
end

return Decoder
