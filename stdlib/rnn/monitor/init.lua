-- monitor: what happens to gradients during training, at chosen steps. The engine records in its backward pass; here it
-- is kept, judged (doctor.lua) and drawn (picture.lua).

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local plain_json = require "rnn.plain_json"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local doctor = require "rnn.monitor.doctor"
local picture = require "rnn.monitor.picture"

-- Records beyond this are thinned: every second one goes, and from then on half as many are made.
local KEPT = 128
-- Steps over which the share of clipped ones is counted.
local WINDOW = 200
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

local function record(self, step, values)
  self.watching = false
  local r = { step = step, epoch = values.epoch, loss = values.loss, norm = values.norm, lr = values.lr }
  r.layers, r.parameters = core.no_grad(layers_of, self), core.no_grad(parameters_of, self)
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
  if not self.largest and core.is_tensor(values.x) and values.x:type() == "float" then
    self.largest = core.no_grad(function() return values.x:abs():max():item() end)
  end
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

function Monitor:on_begin(run)
  check.run("rnn.Monitor:on_begin", run)
  local own = {}
  for _, p in ipairs(run.model:parameters()) do own[p] = true end
  for _, entry in ipairs(self.parameters) do
    if own[entry[2]] then return end
  end
  core.fail("rnn.monitor: it watches another model than %s, which is trained", run.model:describe())
end

function Monitor:on_step(run, _, values)
  check.run("rnn.Monitor:on_step", run)
  local seen = self.seen -- values belongs to all callbacks
  seen.loss, seen.norm, seen.lr, seen.epoch, seen.x = values.loss, values.norm, values.lr, run.epoch, run.input
  self:step(seen)
end

-- All records in the run's folder, for whoever wants to draw something else.
local function write(self, run)
  if not run.folder then return end
  local ok, message = core.file_write(run.folder .. "/gradients.json", plain_json(self.records))
  if not ok then run:warn(("%s; the run goes on"):format(message)) end
end

function Monitor:on_epoch(run, _)
  check.run("rnn.Monitor:on_epoch", run)
  local latest = self.records[#self.records]
  if latest ~= self.shown or not run.heat_maps then -- an epoch may be shorter than it is from record to record
    run.heat_maps, self.shown = self:heat_maps(), latest
    write(self, run)
  end
  local text = self.advise and self:advice()
  if text then
    run.show:pause()
    run:say("advice: " .. text)
    run.history.advice = run.history.advice or {}
    table.insert(run.history.advice, { epoch = run.epoch, text = text })
  end
end

local KEPT_FIELDS = { "records", "count", "clipped", "told", "every", "largest", "first_loss", "last_loss", "jump" }

function Monitor:state()
  local saved = {}
  for _, name in ipairs(KEPT_FIELDS) do saved[name] = self[name] end
  return saved
end

function Monitor:load_state(saved, _)
  for _, name in ipairs(KEPT_FIELDS) do self[name] = saved[name] end
  if self.count % self.every == 0 then return end
  self.watching, self.before = false, nil
  for _, entry in ipairs(self.layers) do entry[2]:watch(false) end
end

function Monitor:on_end(_)
  for _, entry in ipairs(self.layers) do entry[2]:watch(false) end
end

return Monitor
