-- monitor: what happens to gradients during training, at chosen steps. The engine records in its backward pass; here it
-- is kept, judged (doctor.lua) and drawn (picture.lua).

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local plain_json = require "rnn.plain_json"
local nest = require "rnn.nest"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Sequential = require "rnn.nn.sequential"
local doctor = require "rnn.monitor.doctor"
local picture = require "rnn.monitor.picture"
local named = require "rnn.nn.named_losses"

-- Records beyond this are thinned: every second one goes, and from then on half as many are made.
local KEPT = 128
-- Steps over which the share of clipped ones is counted.
local WINDOW = 200
-- Records in which a unit has no gradient at all before it counts as dead.
local DEAD = 5
-- From here on a state is far: the tanh of a tenth of it is 1.
local FAR = 30
-- Items that are compared with each other.
local COMPARED = 20000
-- Sequences that are measured one by one.
local ALONE = 2000
-- Targets from here on are far, where the loss is not below half of what an output of 0 costs.
local LARGE = 100
-- Targets of which this share lies where the last layer never comes are a mistake.
local BEYOND = 0.1
local RANGES = { ["nn.Sigmoid"] = { 0, 1 }, ["nn.HardSigmoid"] = { 0, 1 }, ["nn.Softmax"] = { 0, 1 },
  ["nn.Tanh"] = { -1, 1 }, ["nn.Softsign"] = { -1, 1 }, ["nn.ReLU"] = { 0, math.huge },
  ["nn.Softplus"] = { 0, math.huge }, ["nn.RNN"] = { -1, 1, true }, ["nn.LSTM"] = { -1, 1, true },
  ["nn.GRU"] = { -1, 1, true } }
local DISTANCES = { mse = named.mse, mae = named.mae, huber = named.huber } -- losses of the target's own size
-- Training has exploded when the mean of two losses in succession is this many times the first one; one batch out of
-- the ordinary does not do that.
local JUMP = 4

-- The next step is recorded: layers watch, and the weights before it are kept.
local function prepare(self)
  self.watching, self.before = true, {}
  for _, entry in ipairs(self.layers) do entry[2]:watch(true) end
  for i, entry in ipairs(self.parameters) do self.before[i] = entry[2]:detach():copy() end
end

--- rnn.monitor(model [, options]) -> monitor
---
--- Records at the first and then at every so many steps, for each nn.RNN, nn.LSTM and nn.GRU of the model: the norm of
--- the loss's gradient by h_t for each time step t, the shares of saturated gates and activations, and the effective
--- memory: how many steps back the norm has 1 % of its value at the last step; for each parameter the norms of weight
--- and gradient and how much an update changes the weight, relative to its norm. Every step it counts whether clipping
--- acted. With rnn.fit { monitor = true } all of this happens by itself, and the records are in gradients.json in the
--- run's folder; in a loop of one's own call monitor:step after each update. Errors: a model that is none.
---@class rnn.Monitor
---@field records table[] { step, epoch, layers = { { name, norms, gates, activations, memory } }, parameters = ... }
---@overload fun(model: nn.Module, options?: rnn.monitor.Options): rnn.Monitor
local Monitor = class("rnn.Monitor")

local OPTIONS = option.of("rnn.monitor", {
  { "every", 40, option.int(1), "steps from one record to the next" },
  { "clip", nil, option.unless_false(check.positive), "the max_norm of clip_grad_norm" },
  { "advise", true, check.boolean, "in rnn.fit, says what the records show" },
})

-- The largest size in the state of each sequence, (N), of a tensor or any nest of them; nil where there is none.
local function sizes_of(state)
  if core.is_tensor(state) then
    return state:count() > 0 and state:detach():abs():reshape(#state, -1):max(2) or nil
  end
  local most
  for _, part in pairs(state) do
    local own = sizes_of(part)
    most = most and own and most:maximum(own) or most or own
  end
  return most
end

-- Has each recurrent layer tell its states, in training and in validation, and looks at what makes training harder.
local function listen(self, model)
  self.tables = {} -- of embeddings: rows without a gradient are words that did not occur
  for _, entry in ipairs(model:modules()) do
    local layer = entry[2]
    if layer.vocab and core.is_tensor(layer.weight) then self.tables[layer.weight] = true end
    for _, name in ipairs { "rate", "dropout", "word_dropout" } do
      self.regularised = self.regularised or type(layer[name]) == "number" and layer[name] > 0
    end
    for _, name in ipairs { "recurrent_dropout", "zoneout", "weight_dropout" } do
      local value = type(layer.options) == "table" and layer.options[name]
      self.regularised = self.regularised or value and value ~= 0
    end
  end
  self.listeners, self.states = {}, {}
  for i, entry in ipairs(self.layers) do
    local name, layer = entry[1], entry[2]
    self.listeners[i] = function(_, state)
      local sizes = core.no_grad(sizes_of, state)
      if not sizes then return end
      local most, usual, known = sizes:max():item(), sizes:median():item(), self.states[name]
      self.reached = math.max(self.reached or 0, most)
      if most >= FAR and (not known or most / usual > known.most / known.usual) then
        self.states[name] = { name = name == "" and layer:describe() or name, most = most, usual = usual,
          training = layer.training, kind = getmetatable(layer).__name }
      end
    end
    layer:hear(self.listeners[i])
  end
end

function Monitor:init(model, options)
  local fname = "rnn.monitor"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  options = OPTIONS:read(options)
  self.every, self.clip, self.advise = options.every, options.clip, options.advise
  self.records, self.count, self.clipped = {}, 0, {}
  self.layers = {}
  for _, entry in ipairs(model:modules()) do
    local name, layer = entry[1], entry[2]
    if layer.flow then self.layers[#self.layers + 1] = { name, layer } end
  end
  self.parameters = model:named_parameters()
  self.told, self.seen = {}, {}
  self.curve, self.dead, self.alive = {}, {}, {}
  listen(self, model)
  prepare(self)
end

local function norm_of(t) return math.sqrt(t:square():sum():item()) end

-- How many steps back from the last one the norm has 1 % of what it is there; all of them when it never falls so low.
local function memory_of(norms)
  local last = #norms
  while last > 0 and norms[last] == 0 do last = last - 1 end -- padding
  for back = 1, last - 1 do
    if norms[last - back] < 0.01 * norms[last] then return back - 1, last end
  end
  return math.max(last - 1, 0), last
end

-- What layers have met since the last reading, for one who lets others run before the step is complete: of the shards
-- of a batch the first one counts.
function Monitor:_keep_flow()
  self.flow = {}
  for i, entry in ipairs(self.layers) do self.flow[i] = entry[2]:flow() end
end

local function layers_of(self)
  local found, kept = {}, self.flow
  self.flow = nil
  for n, entry in ipairs(self.layers) do
    for _, part in ipairs(kept and kept[n] or entry[2]:flow()) do
      local figures, steps = part[2]:reshape(-1):totable(), part[2]:size(1)
      local r = { name = entry[1] == "" and part[1] or entry[1] .. "." .. part[1], norms = {}, gates = 0,
        activations = 0, kind = getmetatable(entry[2]).__name }
      for t = 1, steps do
        r.norms[t] = figures[3 * t - 2]
        r.gates, r.activations = r.gates + figures[3 * t - 1] / steps, r.activations + figures[3 * t] / steps
      end
      if part[1]:find "_reverse$" then -- the step computed last is the first one
        for i = 1, #r.norms // 2 do r.norms[i], r.norms[#r.norms + 1 - i] = r.norms[#r.norms + 1 - i], r.norms[i] end
      end
      r.memory, r.steps = memory_of(r.norms)
      found[#found + 1] = r
    end
    entry[2]:watch(false)
  end
  return found
end

local function parameters_of(self)
  local found = {}
  for i, entry in ipairs(self.parameters) do
    local name, p = entry[1], entry[2]
    local weight = norm_of(self.before[i])
    local r = { name = name, weight = weight, update = norm_of(p:detach() - self.before[i]) }
    if p.grad then r.gradient = norm_of(p.grad) end
    r.ratio = weight > 0 and r.update / weight or nil
    found[i] = r
  end
  return found
end

-- Rows of matrices, the units, that had a gradient in one of the last records: in the matrix or, where all its inputs
-- are 0, in the bias. Of a few units some may be without one.
local function look_for_dead(self)
  local last, by_name = nil, {}
  for _, entry in ipairs(self.parameters) do
    by_name[entry[1]] = entry[2]
    if entry[2]:ndim() == 2 then last = entry[1] end
  end
  for _, entry in ipairs(self.parameters) do
    local name, p = entry[1], entry[2]
    if p:ndim() == 2 and p.grad and not self.tables[p] then
      local own = self.alive[name] or { rows = core.zeros(#p), count = 0 }
      local bias = by_name[name:gsub("weight", "bias")]
      own.rows, own.count = own.rows:maximum(p.grad:ne(0):max(2)), own.count + 1
      if bias and bias.grad and bias:count() == #p then own.rows = own.rows:maximum(bias.grad:reshape(-1):ne(0)) end
      if own.count == DEAD then
        local share = 1 - own.rows:mean():item()
        if #p >= 8 or share == 1 then
          self.dead[#self.dead + 1] = { name = name, share = share, count = DEAD, last = name == last }
        end
        own = nil
      end
      self.alive[name] = own
    end
  end
end

local function record(self, step, values)
  self.watching = false
  local r = { step = step, epoch = values.epoch, loss = values.loss, norm = values.norm, lr = values.lr }
  r.layers, r.parameters = core.no_grad(layers_of, self), core.no_grad(parameters_of, self)
  self.dead = {}
  core.no_grad(look_for_dead, self)
  self.before = nil
  self.records[#self.records + 1] = r
  if #self.records < KEPT then return end
  local thinner = {}
  for i = 1, #self.records, 2 do thinner[#thinner + 1] = self.records[i] end
  self.records, self.every = thinner, self.every * 2
end

-- Keeps the first loss that is many times what it was at the beginning, for that may last only a few steps.
local function look_for_jump(self, loss)
  if type(loss) ~= "number" or loss - loss ~= 0 then return end -- not finite: that is the autopsy's
  self.first_loss = self.first_loss or loss
  local mean = (loss + (self.last_loss or loss)) / 2
  self.last_loss = loss
  if self.jump or self.first_loss <= 0 or mean <= JUMP * self.first_loss then return end
  local params = {}
  for i, entry in ipairs(self.parameters) do params[i] = entry[2] end
  self.jump = { step = self.count, loss = loss, times = loss / self.first_loss,
    norm = core.clip_grad_norm(params, 0) } -- 0: measured, not clipped
end

-- What there is to say of the inputs of the first batch.
local function look_at_inputs(self, x)
  if self.largest or not core.is_tensor(x) or x:type() ~= "float" or x:count() == 0 then return end
  self.largest = x:abs():max():item()
  local first = x:max():item()
  if x:count() > 1 and first == x:min():item() then self.constant = first end
end

-- The last layer of a model that is a list of layers, and between which numbers all that it gives lies; or nil.
local function range_of(model)
  while class.is_a(model, Sequential) and #model > 0 do model = model[#model] end
  local kind, options = getmetatable(model).__name, model.options
  local range = RANGES[kind]
  if range and range[3] and (options.activation ~= "tanh" or options.residual or options.merge == "sum"
    or (options.projection or 0) > 0) then
    return nil
  end
  return range and { kind = kind, least = range[1], most = range[2], recurrent = range[3] }
end

-- Whether targets lie where the last layer never comes; whether the loss of a step is near that of an output of 0, with
-- targets far from it.
local function look_at_targets(self, run, loss)
  local y, f = run.target, DISTANCES[run.options.loss]
  self.far = nil
  if not f or not core.is_tensor(y) or y:type() ~= "float" or y:count() == 0 then return end
  local range = range_of(run.model)
  if range then
    range.outside = (y:lt(range.least) + y:gt(range.most)):mean():item()
    self.beyond = range.outside >= BEYOND and range or nil
  end
  local largest = y:abs():max():item()
  if largest <= LARGE then return end
  local zero = f(y * 0, y, run.weights):item()
  if loss > 0.5 * zero then self.far = { largest = largest, loss = loss, zero = zero } end
end

-- Backward adds in place to a gradient that is there; after zero_grad it makes another one. The first steps tell.
local function look_for_unzeroed(self)
  local held = self.held
  self.held = nil
  if self.count > 3 then return end
  for _, entry in ipairs(self.parameters) do
    local grad = entry[2].grad
    if grad then
      local sum = core.checksum(grad)
      if held and held.name == entry[1] and held.sum ~= sum and core.checksum(held.grad) == sum then
        self.unzeroed = true
      end
      self.held = { name = entry[1], grad = grad, sum = sum }
      return
    end
  end
end

local VALUES = option.of("rnn.Monitor:step", {
  { "loss", nil, option.any, "of the step" },
  { "norm", nil, option.any, "what clip_grad_norm gave" },
  { "lr", nil, option.any, "learning rate of the step" },
  { "epoch", nil, option.any, "that the step is in" },
  { "x", nil, option.any, "the input" },
})

--- monitor:step([values])
---
--- After an update of the weights, whose values are optional. Records when it is time and prepares the next recording.
---@param values? rnn.Monitor.step.Options
function Monitor:step(values)
  values = VALUES:read(values, "monitor:step")
  self.count = self.count + 1
  if self.clip and values.norm then
    self.clipped[(self.count - 1) % WINDOW + 1] = values.norm > self.clip and 1 or 0
  end
  core.no_grad(look_at_inputs, self, values.x)
  look_for_unzeroed(self)
  if values.loss then look_for_jump(self, values.loss) end
  if self.watching then record(self, self.count, values) end
  if self.count % self.every == 0 then prepare(self) end
end

--- monitor:clipped_share() -> number, steps
---
--- In what share of the last steps (200 at most) clipping acted.
---@return number share from 0 to 1
---@return integer steps
function Monitor:clipped_share()
  local sum = 0
  for _, one in ipairs(self.clipped) do sum = sum + one end
  return #self.clipped > 0 and sum / #self.clipped or 0, #self.clipped
end

--- monitor:advice() -> text, or nil
---
--- The most important thing to say about the records so far that has not been said yet: one sentence with the evidence
--- and a remedy.
---@return string?
function Monitor:advice()
  for _, rule in ipairs(doctor) do
    if not self.told[rule.name] then
      local text = rule.judge(self)
      if text then
        self.told[rule.name] = true
        return text
      end
    end
  end
end

--- monitor:heat_maps() -> array of maps
---
--- For each layer and direction, ready for rnn.logs.report: values[i][j] is the decimal logarithm of the norm of the
--- gradient i - 1 steps back from the last one (with long sequences: of the mean over some steps) at record j.
---@return table[]
function Monitor:heat_maps() return picture.maps(self.records) end

--- monitor:plot([options]) -> figures | nil, message, code
---
--- Draws the heat maps in the terminal, or into files; with several layers their names are put into the files' names.
--- Errors: nothing recorded yet.
---@param options? rnn.Monitor.plot.Options
function Monitor:plot(options) return picture.plot(self.records, options) end

-- ---- as a callback of rnn.fit ----

local function checksum_of(dataset, i)
  local sums, found = {}, nil
  nest.each((dataset:batch(core.tensor({ i }, "int32"))), function(t)
    found = t:count() > 8 -- two of the same few ids are no wonder
    sums[#sums + 1] = ("%x"):format(core.checksum(t:without_lengths()))
  end)
  return found and table.concat(sums, " ") or nil
end

-- Items that are in both datasets, where these are of single items.
local function look_for_same(self, run)
  local own, other = type(run.data) == "table" and run.data.dataset, type(run.valid) == "table" and run.valid.dataset
  for _, set in ipairs { own or {}, other or {} } do
    if not set.batch or not set.items or set.series or #set > COMPARED then return end
    if set.fname ~= "data.arrays" and set.fname ~= "data.sequences" then return end
  end
  if not own or not other or own == other then return end
  local known, count, twice = {}, 0, 0
  for i = 1, #own do
    local sum = checksum_of(own, i)
    if sum and known[sum] then twice = twice + 1 end
    if sum then known[sum] = true end
  end
  for i = 1, #other do count = count + (known[checksum_of(other, i) or 0] and 1 or 0) end
  self.same = { count = count, of = #other, usual = twice / #own } -- items of few different values repeat anyway
end

-- What a batch of validation was answered, of a few classes.
local MOST_CLASSES = 50
function Monitor:_see(prediction, target)
  if not core.is_tensor(prediction) or not core.is_tensor(target) or target:type() ~= "int32"
    or prediction:type() ~= "float" or prediction:ndim() ~= target:ndim() + 1 or prediction:size(-1) > MOST_CLASSES
    or target:count() == 0 then
    return
  end
  self.answers = self.answers or { all = 0, labels = {}, given = {} }
  local lengths = target:lengths() or prediction:lengths()
  if lengths then target = target:without_lengths():with_lengths(lengths):zero_padding() end
  local a = self.answers
  local given = prediction:detach():without_lengths():argmax(-1):reshape(-1):totable()
  for i, label in ipairs(target:without_lengths():reshape(-1):totable()) do
    if label > 0 then
      a.all, a.labels[label], a.given[given[i]] = a.all + 1, (a.labels[label] or 0) + 1, true
    end
  end
end

-- Which sequence of validation costs most, by itself, and what is usual beside it; asked where validation is the worse
-- for something, at epochs 1, 2, 4, 8 ..., for it takes a pass over single ones. state: where it went far.
local function look_for_costly(self, run, logs)
  local set = type(run.valid) == "table" and run.valid.dataset
  if not logs.val_loss or logs.val_loss < 1.25 * logs.loss or run.epoch & (run.epoch - 1) ~= 0 or not set
    or set.fname ~= "data.sequences" or run.valid_reader or not run.objective or #set < 4 or #set > ALONE then
    return
  end
  local losses, costly = {}, { loss = 0 }
  run.model:_evaluated("rnn.monitor", function()
    for i = 1, #set do
      self.reached = 0
      losses[i] = run.objective(run.model, set:batch(core.tensor({ i }, "int32"))):item()
      if losses[i] > costly.loss then costly = { item = i, loss = losses[i], state = self.reached } end
    end
  end)
  table.sort(losses)
  costly.usual = losses[(#losses + 1) // 2]
  if costly.item and costly.state < FAR then costly.state = nil end
  self.costly = costly.loss >= (costly.state and 4 or 20) * costly.usual and costly.item and costly or self.costly
end

function Monitor:on_begin(run)
  check.run("rnn.Monitor:on_begin", run)
  local own = {}
  for _, p in ipairs(run.model:parameters()) do own[p] = true end
  self.regularised = self.regularised or not (type(run.data) == "table" and run.data.dataset) or getmetatable(run.data)
    .__name == nil -- data.map and data.augment change what is trained on
  for _, entry in ipairs(self.parameters) do
    if own[entry[2]] then return core.no_grad(look_for_same, self, run) end
  end
  core.fail("rnn.monitor: it watches another model than %s, which is trained", run.model:describe())
end

function Monitor:on_step(run, _, values)
  check.run("rnn.Monitor:on_step", run)
  local seen = self.seen -- values belongs to all callbacks
  seen.loss, seen.norm, seen.lr, seen.epoch, seen.x = values.loss, values.norm, values.lr, run.epoch, run.input
  if self.watching then core.no_grad(look_at_targets, self, run, values.loss) end
  self:step(seen)
end

-- All records in the run's folder, for whoever wants to draw something else.
local function write(self, run)
  if not run.folder then return end
  local ok, message = core.file_write(run.folder .. "/gradients.json", plain_json(self.records))
  if not ok then run:warn(("%s; the run goes on"):format(message)) end
end

function Monitor:on_epoch(run, logs)
  check.run("rnn.Monitor:on_epoch", run)
  self.curve[#self.curve + 1] = { epoch = run.epoch, loss = logs.loss, val_loss = logs.val_loss }
  look_for_costly(self, run, logs)
  local latest = self.records[#self.records]
  if latest ~= self.shown or not run.heat_maps then -- an epoch may be shorter than it is from record to record
    run.heat_maps, self.shown = self:heat_maps(), latest
    write(self, run)
  end
  local text = self.advise and self:advice()
  self.answers = nil
  if text then
    run.show:pause()
    run:say("advice: " .. text)
    run.history.advice = run.history.advice or {}
    table.insert(run.history.advice, { epoch = run.epoch, text = text })
  end
end

local KEPT_FIELDS = { "records", "count", "clipped", "told", "every", "largest", "first_loss", "last_loss", "jump",
  "curve", "alive", "dead", "states", "costly", "constant", "far" }

function Monitor:state()
  local saved = {}
  for _, name in ipairs(KEPT_FIELDS) do saved[name] = self[name] end
  return saved
end

function Monitor:load_state(saved, _)
  for _, name in ipairs(KEPT_FIELDS) do self[name] = saved[name] or self[name] end
  if self.count % self.every == 0 then return end
  self.watching, self.before = false, nil
  for _, entry in ipairs(self.layers) do entry[2]:watch(false) end
end

function Monitor:on_end(_)
  for i, entry in ipairs(self.layers) do
    entry[2]:watch(false)
    entry[2]:hear(self.listeners[i], false)
  end
end

function Monitor:on_error(run, _) self:on_end(run) end

return Monitor
