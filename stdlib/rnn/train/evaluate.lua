-- evaluate.lua: a model in evaluation mode: loss and metrics over data it is not trained on, and its answers.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local arrays = require "rnn.data.arrays"
local Batches = require "rnn.data.batches"
local nest = require "rnn.nest"
local option = require "rnn.option"
local ranks = require "rnn.ranks"
local Module = require "rnn.nn.module"
local objective = require "rnn.train.objective"
local Scores = require "rnn.train.scores"

local evaluate = {}

-- ---- batches ----

-- Batches that a script's own function gives. It is called when an epoch begins, and may be an iterator,
-- which gives the batches itself, call by call, or make one: a function that returns what the loop `for x, y in ...`
-- takes, or a coroutine that yields x, y.

--- Source(fname, argname, f): called like batches, source(nil, nil) begins an epoch.
---@class train.Source
---@field plain boolean f is an iterator itself, which has but one place
---@overload fun(fname: string, argname: string, f: function): train.Source
local Source = class("train.Source")

function Source:init(fname, argname, f)
  self.fname, self.argname, self.f, self.plain = fname, argname, f, false
end

local function is_iterator(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(value) == "table" and type(meta) == "table" and meta.__call ~= nil
end

-- The next batch of a coroutine; its error is one of the caller's.
local function resume(thread)
  local ok, x, y, weights = coroutine.resume(thread)
  if not ok then error(x, 0) end
  if coroutine.status(thread) == "dead" then return nil end
  return x, y, weights
end

-- Objects are the script's own affair: its model knows them.
local function check_part(self, name, value)
  if value == nil or type(value) == "table" and getmetatable(value) then return end
  nest.check(self.fname, ("%s: a batch of it: %s"):format(self.argname, name), value)
end

-- x, y and weights as they are, or an error that says what is wrong with them.
local function checked(self, x, y, weights)
  check_part(self, "x", x)
  check_part(self, "y", y)
  check_part(self, "weights", weights)
  return x, y, weights
end

-- The first call in an epoch.
local function begin(self)
  local ok, a, b, c = pcall(self.f, nil, nil)
  if not ok then
    if tostring(a):find("cannot resume dead coroutine", 1, true) then
      core.fail("%s: %s: the coroutine ended in the epoch before; give a function that makes a new one for each epoch: "
        .. "function() return coroutine.wrap(f) end", self.fname, self.argname)
    end
    error(a, 0)
  end
  self.plain = false
  if type(a) == "thread" then
    self.next, self.state, self.control = function() return resume(a) end, nil, nil
  elseif is_iterator(a) then
    self.next, self.state, self.control = a, b, c
  else
    self.next, self.state, self.plain = self.f, nil, true
    return a, b, c
  end
  return self.next(self.state, self.control)
end

function Source.__call(self, _, before)
  if before == nil then
    self.next = nil
    return checked(self, begin(self))
  end
  return checked(self, self.next(self.state, before))
end

local ROUND = 8 -- batches of each rank from one exchange to the next

-- The batches of a source that this rank computes: f(number, x, y, weights) for each; round() after some of them.
local function share(source, f, round)
  local batches, number = class.is_a(source, Batches) and source, 0
  for x, y, weights in batches and batches:by_items() or source do
    number = number + 1
    if (number - 1) % ranks.size == ranks.rank then
      local items = x
      if batches then x, y, weights = batches.dataset:batch(items) end
      f(x, y, weights, batches and items)
    end
    if round and number % (ROUND * ranks.size) == 0 then round() end
  end
end

-- f over a batch; ranks that draw random numbers would draw others than one process.
local function without_draws(f)
  return function(...)
    local position = core.random_position()
    f(...)
    if core.random_position() ~= position then
      core.fail("the model draws random numbers in evaluation, so ranks cannot share its batches; start one process")
    end
  end
end

-- The same for several ranks, which take turns. What each batch adds to the scores is added in the order of the
-- batches, so that the result has the bits that one process gives.
local function shared_pass(call, source, objective_of, scores, see)
  local whole, mine = scores:state(), {}
  local function add_up()
    scores:load_state(whole)
    local all = ranks.gather("evaluation", mine)
    for i = 1, #all[1] do
      for _, list in ipairs(all) do
        if list[i] then scores:merge(list[i]) end
      end
    end
    whole, mine = scores:state(), {}
  end
  share(source, without_draws(function(x, y, weights)
    local loss, prediction, target, parts = objective_of(call, x, y, weights)
    scores:clear()
    scores:add(x, loss:item(), prediction, target, weights, parts)
    if see then see(loss, prediction, target) end
    mine[#mine + 1] = scores:state()
  end), add_up)
  add_up()
  return true
end

--- evaluate.pass(call, source, objective, scores [, stop [, see]]) -> true | false
---
--- One pass over a source; adds to scores. false when stop() was true before the end. see(loss, prediction, target) is
--- called for each batch. It is called by Module:_evaluated; call is the model, or a reader in its stead.
function evaluate.pass(call, source, objective_of, scores, stop, see)
  if ranks.size > 1 and Module.is(call) and scores:can_merge() then
    return shared_pass(call, source, objective_of, scores, see)
  end
  for x, y, weights in source do
    local loss, prediction, target, parts = objective_of(call, x, y, weights)
    scores:add(x, loss:item(), prediction, target, weights, parts)
    if see then see(loss, prediction, target) end
    if stop and stop() then return false end
  end
  return true
end

--- evaluate.batches(dataset, size) -> batches: for one pass, in the order that takes least time
function evaluate.batches(dataset, size)
  return dataset:batches { size = size, seed = 0, bucket = dataset.by_length and true or nil }
end

--- evaluate.reading: function -> the source by which rnn.fit is reading it: batches have a place for each loop, a
--- function that gives the batches itself has but one
evaluate.reading = setmetatable({}, { __mode = "k" })

--- evaluate.read(source, on): rnn.fit begins, or ends, to read it.
function evaluate.read(source, on)
  if class.is_a(source, Source) then evaluate.reading[source.f] = on and source or nil end
end

--- evaluate.source(fname, argname, value) -> batches
---
--- Batches as they are; those of a dataset, of a function or any other iterator.
function evaluate.source(fname, argname, value)
  if type(value) == "table" and value.batches then return evaluate.batches(value, 256) end
  if class.is_a(value, Batches) then return value end
  local callable = type(value) == "function"
    or (type(value) == "table" and getmetatable(value) and getmetatable(value).__call)
  if not callable then check.expected(fname, argname, "batches, as dataset:batches makes them", value) end
  local reading = evaluate.reading[value]
  if reading and reading.plain then
    core.fail("%s: %s: rnn.fit is in the middle of this function, which would lose its place; give batches, or another "
      .. "function", fname, argname)
  end
  return type(value) == "function" and Source(fname, argname, value) or value
end

local EVALUATE = option.of("rnn.evaluate", objective.OPTIONS, {
  { "dynamic", nil, option.unless_false(check.table), "{ optimizer =, decay = 0, clip_norm = nil }: the model goes on "
    .. "learning from each batch that was measured, as a text that is read; its weights move back by decay after each "
    .. "step, and are what they were at the end (Krause et al. 2018, \"Dynamic evaluation of neural sequence models\")"
  },
})
local DYNAMIC = option.of("rnn.evaluate.dynamic", {
  { "optimizer", nil, option.any, "of the model's parameters, such as optim.RMSprop", required = true },
  { "decay", 0, option.number(0, 1), "how far weights move back to where they began, of the way" },
  { "clip_norm", nil, option.unless_false(check.positive), "clips the gradients by their common norm" },
})

-- f with weights that learn from what they were measured on.
local function learning(model, given, f)
  local fname = "rnn.evaluate: option 'dynamic'"
  local o = DYNAMIC:read(given, fname)
  if not objective.is(o.optimizer) then check.expected(fname, "option 'optimizer'", "an optimiser", o.optimizer) end
  objective.trains(fname, o.optimizer, model)
  local params, start = o.optimizer.params, {}
  for i, p in ipairs(params) do start[i] = p:detach():copy() end
  return core.finally(fname, function()
    for i, p in ipairs(params) do
      p:zero_grad()
      p:assign(start[i])
    end
  end, f, function(loss)
    o.optimizer:zero_grad()
    loss:backward()
    if o.clip_norm then core.clip_grad_norm(params, o.clip_norm) end
    o.optimizer:step()
    if o.decay > 0 then core.average_step(params, start, 1 - o.decay) end
  end)
end

--- rnn.evaluate(model, data [, options]) -> table
---
--- Loss and metrics over batches or a whole dataset: rnn.evaluate(model, test, { loss = "huber" }).loss. Means count
--- every valid element once, however the data are cut. The options are those of rnn.fit; tbptt is for a
--- text.stream, and for sequences too long at once.
--- Errors: data without a valid element.
---@param model nn.Module
---@param data data.Windows|data.Arrays|data.Batches|function
---@param options? rnn.evaluate.Options
---@return table<string, number>
function evaluate.evaluate(model, data, options)
  local fname = "rnn.evaluate"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local source = evaluate.source(fname, "argument 2 (data)", data)
  options = EVALUATE:read(options)
  local scores = Scores(fname, options.metrics, options.padded)
  local objective_of = objective.of(fname, model, options)
  local reader
  if options.tbptt then
    local tbptt = require "rnn.train.tbptt"
    source = tbptt.Windows(fname, source, options.tbptt)
    reader = tbptt.Reader(fname, model, source)
  end
  local function pass(see)
    core.recording(see ~= nil)
    return evaluate.pass(reader or model, source, objective_of, scores, nil, see)
  end
  if options.dynamic then model:_evaluated(fname, learning, model, options.dynamic, pass)
  else model:_evaluated(fname, pass) end
  if scores.weight == 0 then core.fail("%s: argument 2 (data): it gave no batch with a valid element", fname) end
  return scores:read({}, "")
end

-- ---- predict ----

-- Outputs of batches, (N, T, ...) each, those of different lengths padded to the longest; of a table each entry.
local function join(parts)
  if nest.is_table(parts[1]) then
    local result = {}
    for _, key in ipairs(nest.keys(parts[1])) do
      local column = {}
      for i, part in ipairs(parts) do column[i] = part[key] end
      result[key] = join(column)
    end
    return result
  end
  if #parts == 1 then return parts[1] end
  local longest, lengths = 0, {}
  for i, y in ipairs(parts) do
    lengths[i] = y:lengths()
    if not lengths[i] then return core.concat(parts, 1) end
    longest = math.max(longest, y:size(2))
  end
  for i, y in ipairs(parts) do
    local dims = { y:shape() }
    dims[2], dims.type, y = longest - dims[2], y:type(), y:without_lengths()
    parts[i] = dims[2] > 0 and core.concat({ y, core.zeros(dims) }, 2) or y
  end
  return core.concat(parts, 1):with_lengths(core.concat(lengths, 1))
end

-- The same of several ranks, which take turns.
local function shared_answers(model, source)
  local parts, items, mine = {}, {}, {}
  share(source, without_draws(function(x, _, _, ids)
    local y = model(x)
    nest.check("rnn.predict", "the model's result", y)
    mine[#mine + 1] = { y = nest.map(y, function(t) return t:detach() end), items = source.bucket and ids }
  end))
  local all = ranks.gather("rnn.predict", mine)
  for i = 1, #all[1] do
    for _, list in ipairs(all) do
      if list[i] then parts[#parts + 1], items[#items + 1] = list[i].y, list[i].items or nil end
    end
  end
  return parts, items
end

local function answers(model, source)
  if ranks.size > 1 then return shared_answers(model, source) end
  local parts, items = {}, {}
  for x in source do
    local y = model(x)
    nest.check("rnn.predict", "the model's result", y)
    parts[#parts + 1] = nest.map(y, function(t) return t:detach() end)
    items[#items + 1] = source.bucket and source:items(x)
  end
  return parts, items
end

local PREDICT = option.of("rnn.predict", { { "size", 256, option.int(1), "rows at a time" } })

--- rnn.predict(model, x [, options]) -> tensor
---
--- The model's outputs for every row of a tensor or of a table of tensors, every item of a dataset or every batch, in
--- the order of the data, also where batches are made of sequences of about the same length; outputs (N, T, ...) that
--- know their lengths are padded to the longest. x may be a function as well, an iterator or one that makes an
--- iterator. Of a model that gives a table of tensors the result is such a table. Runs in evaluation mode, records
--- nothing, and leaves the mode as it was.
--- Errors: batches that are shuffled, none at all.
---@param model nn.Module
---@param x rnn.Tensor|table|function|data.Windows|data.Arrays|data.Sequences|data.Batches
---@param options? rnn.predict.Options
---@return rnn.Tensor|table
function evaluate.predict(model, x, options)
  local fname = "rnn.predict"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local size = PREDICT:read(options).size
  local source = (core.is_tensor(x) or nest.is_table(x) and nest.first(x) ~= nil) and arrays(x) or x
  if type(source) == "table" and source.batches then source = evaluate.batches(source, size) end
  if type(source) == "function" then source = evaluate.source(fname, "argument 2", source) end
  if not class.is_a(source, Batches) and not class.is_a(source, Source) then
    check.expected(fname, "argument 2", "a tensor, a dataset or its batches", x)
  end
  if source.shuffle then
    core.fail("%s: argument 2: these batches are shuffled, so the order of the answers would mean nothing; take "
      .. "batches without shuffle", fname)
  end
  local parts, items = model:_evaluated(fname, answers, model, source)
  if #parts == 0 then core.fail("%s: argument 2 gave no batch", fname) end
  local y = join(parts)
  if not source.bucket then return y end
  local places = core.concat(items, 1):argsort() -- batches of equal lengths were given out in another order
  return nest.rows(y, places)
end

return evaluate
