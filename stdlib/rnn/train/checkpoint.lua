-- checkpoint.lua: everything that the next step of a run depends on, in one file, checkpoint.safetensors in the folder
-- of the run. It is a model file (rnn.load reads it), whose extra table has a field checkpoint. Beside it,
-- best.safetensors has the model of the best epoch.
--
-- A file is replaced as a whole or not at all, so there is always one that loads; a write that fails is a warning. Only
-- a file that certainly does not exist counts as none: one that cannot be read, was altered or belongs to another run
-- is an error, and nothing is changed. Identical runs write identical files: times are in times.json instead.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local plain_json = require "rnn.plain_json"
local nest = require "rnn.nest"
local option = require "rnn.option"
local interruption = require "rnn.train.interruption"
local save = require "rnn.save"
local Weights = require("rnn.train.callbacks").Weights

local FORMAT = 2 -- 1, of version 0.1, had no checksum and no settings, and times in it

---@class train.Checkpoint
local Checkpoint = class("train.Checkpoint")

local OPTIONS = option.of("rnn.fit: option 'checkpoint'", {
  { "every_seconds", nil, check.positive, "seconds from one to the next" },
  { "every_steps", nil, option.int(1), "steps from one to the next" },
})

-- What tells the values of a source from others, as they are when the training begins.
local function values_of(source)
  local known = type(source) == "table" and source._fingerprint
  return known and ("%016x"):format(core.checksum(known(source))) or nil
end

--- Checkpoint(fname, folder, { every_seconds = 60, every_steps = nil }, data, valid)
function Checkpoint:init(fname, folder, options, data, valid)
  options = OPTIONS:read(options)
  self.values = { data = values_of(data), valid = values_of(valid) }
  self.every_steps, self.every_seconds = options.every_steps, options.every_seconds or not options.every_steps and 60
  self.fname, self.path, self.best_path = fname, folder .. "/checkpoint.safetensors", folder .. "/best.safetensors"
  self.times_path = folder .. "/times.json"
  self.saved_at = core.clock()
end

--- checkpoint:due_by_clock() -> is it time for one?
function Checkpoint:due_by_clock()
  return self.every_seconds and core.clock() - self.saved_at >= self.every_seconds
end

--- checkpoint:due_by_steps(run) -> is it time for one?
function Checkpoint:due_by_steps(run)
  return self.every_steps and run.step % self.every_steps == 0
end

--- checkpoint:due(run) -> is it time for one, by either?
function Checkpoint:due(run) return self:due_by_steps(run) or self:due_by_clock() end

-- Which batches a source gives depends on these; a source of another kind has to give the same ones by itself.
local function source_state(source, values)
  if type(source) ~= "table" then return {} end
  return { seed = source.seed, values = values, length = getmetatable(source).__len and #source or nil,
    settings = type(source.settings) == "function" and source:settings() or nil }
end

-- A loss as text: its name, or what it is; of several targets each.
local function loss_text(loss)
  if not nest.is_table(loss) then return type(loss) == "string" and loss or type(loss) end
  local texts = {}
  for i, key in ipairs(nest.keys(loss)) do texts[i] = ("%s = %s"):format(key, loss_text(loss[key])) end
  return ("{ %s }"):format(table.concat(texts, ", "))
end

-- Everything else that says what a place in the run means.
local function settings_of(run)
  return { loss = loss_text(run.options.loss), valid = run.valid ~= nil,
    accumulate = run.accumulate, shards = run.shards and run.shards.count or 1,
    tbptt = run.options.tbptt or false, metrics = table.concat(run.scores.names, ", "),
    ["schedule.per"] = run.schedule and run.schedule.per, bf16 = core.bf16() }
end

-- What is said of both and differs: "size is 8, but was 16"; or nil. skip is one that may.
local function difference(now, saved, skip)
  local names = {}
  for name, value in pairs(now) do
    if saved[name] ~= nil and saved[name] ~= value and name ~= skip then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = ("%s is %s, but was %s"):format(name, now[name], saved[name]) end
  return names[1] and table.concat(names, "; ")
end

local function check_source(argname, source, values, saved)
  if type(source) ~= "table" then return end
  local now = source_state(source, values)
  local differs = difference(now.settings or {}, saved.settings or {})
  if saved.length and now.length ~= saved.length then
    core.fail("%s: the checkpoint is of a run with %d batches in an epoch, these data have %s%s", argname, saved.length,
      now.length, differs and (" (%s)"):format(differs) or "")
  end
  if differs then core.fail("%s: %s when the checkpoint was written", argname, differs) end
  if saved.values and now.values ~= saved.values then
    core.fail("%s: the values are others than when the run began", argname)
  end
end

-- Names for callbacks: the kind, and the how manieth of it; and by place and kind, as in version 0.1.
local function names_of(callbacks)
  local names, old, counts = {}, {}, {}
  for i, callback in ipairs(callbacks) do
    local kind = getmetatable(callback) and getmetatable(callback).__name or "callback"
    counts[kind] = (counts[kind] or 0) + 1
    names[i], old[i] = ("%s %d"):format(kind, counts[kind]), ("%d %s"):format(i, kind)
  end
  return names, old
end

local function collect(run)
  local state = {
    format = FORMAT, epoch = run.epoch, step = run.step, batch = run.batch, inside = run.inside, lr = run.lr,
    ended = run.ended, stopped = run.ended and run.history.stopped, settings = settings_of(run),
    random = core.random_state(), given = run.given, optimizer = run.optimizer:state_dict(),
    history = run.history:state(), scores = run.scores:state(), schedule = run.schedule and run.schedule:state(),
    schedule_kind = run.schedule and getmetatable(run.schedule).__name,
    average = run.average and run.average:state(), best = not run.best_is_shared and run.best:state() or nil,
    carried = run.reader and (run.shards and run.shards:carried() or not run.shards and run.reader.state) or nil,
    data = source_state(run.data, run.checkpoint.values.data),
    valid = source_state(run.valid, run.checkpoint.values.valid), callbacks = {},
  }
  local names = names_of(run.callbacks)
  for i, callback in ipairs(run.callbacks) do
    if callback.state then state.callbacks[names[i]] = callback:state() end
  end
  return state
end

local function save_best(self, run)
  local best = run.best
  if best.best_epoch == 0 or best.best_epoch == self.best_saved or not best.weights then return end
  best.weights:swap()
  local done, message = save.save(self.best_path, run.model, run.history:figures(best.best_epoch))
  best.weights:swap()
  if done then self.best_saved = best.best_epoch
  else run:warn(("the best model is not saved: %s; the run goes on"):format(message)) end
end

--- checkpoint:save(run) -> true | nil, message
function Checkpoint:save(run)
  core.file_write(self.times_path, plain_json { epochs = run.history.seconds, running = interruption.now() - run.begun,
    step = run.step }) -- first: then it is never the older one; without it only times are missing
  local done, message = save.checkpoint(self.path, run.model, { checkpoint = collect(run) })
  self.saved_at = core.clock()
  if not done then
    run:warn(("no checkpoint: %s; %s, and the run goes on"):format(message,
      self.last and ("that of epoch %d, step %d stays"):format(table.unpack(self.last)) or "there is none yet"))
    return nil, message
  end
  self.last = { run.epoch, run.step }
  save_best(self, run)
  return true
end

-- Puts into saved what is said now and was not, at every depth. True when that was something.
local function overlay(saved, now, was)
  local changed = false
  for name in pairs(was) do
    if now[name] == nil then saved[name], changed = nil, true end
  end
  for name, value in pairs(now) do
    local before = was[name]
    if type(value) ~= "table" then
      if value ~= before then saved[name], changed = value, true end
    elseif type(saved[name]) == "table" then
      changed = overlay(saved[name], value, type(before) == "table" and before or {}) or changed
    end
  end
  return changed
end

-- What the script says now and did not say when the run began wins over what was saved: a new lr, a new weight decay of
-- a group. Files of earlier versions have settings without groups.
local function load_optimizer(run, saved)
  local optimizer, now, was = run.optimizer, run.given, saved.given
  local changed = overlay(saved.optimizer, now.own, type(was.own) == "table" and was.own or { settings = was })
  optimizer:load_state_dict(saved.optimizer)
  if was.lr ~= now.lr then optimizer.lr = now.lr end
  if changed and optimizer.follow then optimizer.seen = nil end -- the rates of several, by their new ratios
end

-- The fields without which nothing goes on, and what they must be.
local FIELDS = { epoch = "integer", step = "integer", batch = "integer", inside = "boolean", random = "table",
  given = "table", optimizer = "table", history = "table", scores = "table", data = "table", valid = "table",
  callbacks = "table" }

local function check_state(run, state, sealed)
  local format = state.format
  if math.type(format) ~= "integer" or format < 1 then
    core.fail("format %s, of another version of this program", format)
  elseif format > FORMAT then
    core.fail("format %d, of a newer version of this program, which knows formats up to %d", format, FORMAT)
  elseif format > 1 and not sealed then
    core.fail("it is not as it was written: it has no checksum")
  end
  for name, kind in pairs(FIELDS) do
    if (math.type(state[name]) or type(state[name])) ~= kind or kind == "integer" and state[name] < 0 then
      core.fail("it is damaged: '%s' is %s", name, check.describe(state[name]))
    end
  end
  if state.settings then state.settings.shards = state.settings.shards or 1 end
  local differs = difference(settings_of(run), state.settings or {}, not state.inside and "metrics" or nil)
  if differs then core.fail("%s when the checkpoint was written", differs) end
  check_source("option 'data'", run.data, run.checkpoint.values.data, state.data)
  check_source("option 'valid'", run.valid, run.checkpoint.values.valid, state.valid)
end

-- Where two architectures first differ: the path, and what stands there in each.
local function fork(mine, saved, path)
  if type(mine) ~= "table" or type(saved) ~= "table" then
    if mine ~= saved then return path, mine, saved end
    return nil
  end
  local names = {}
  for name in pairs(mine) do names[#names + 1] = name end
  for name in pairs(saved) do if mine[name] == nil then names[#names + 1] = name end end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local at, here, there = fork(mine[name], saved[name], ("%s.%s"):format(path, name))
    if at then return at, here, there end
  end
end

-- Weights of the same names and shapes may belong to another model all the same.
local function check_model(model, config)
  local mine = save.config(model)
  if mine == config then return end
  local path, here, there = fork(mine and core.json_decode(mine) or {}, config and core.json_decode(config) or {},
    "model")
  core.fail("it is of another model: %s is %s, but was %s", path, check.describe(here), check.describe(there))
end

-- Times are no part of a checkpoint. Those of epochs stay true when the run went on after it.
local function load_times(self, run, state)
  local file = io.open(self.times_path)
  local times = file and core.json_decode(file:read "a")
  if file then file:close() end
  if type(times) ~= "table" then times = {} end
  run.history:load_state(state.history, type(times.epochs) == "table" and times.epochs or {})
  run.begun = interruption.now() - (state.seconds or times.step == state.step and tonumber(times.running) or 0)
end

local function apply(self, run, state)
  for name, source in pairs { data = run.data, valid = run.valid } do
    if type(source) == "table" and state[name].seed then source.seed = state[name].seed end
  end
  load_optimizer(run, state)
  if run.schedule and getmetatable(run.schedule).__name == state.schedule_kind then -- another one begins anew
    run.schedule:load_state(state.schedule, state.given.lr ~= run.given.lr and run.given.lr or nil)
  end
  if run.average and state.average then run.average:load_state(state.average) end
  if state.best and not run.best_is_shared then run.best:load_state(state.best, run) end
  load_times(self, run, state)
  run.epoch, run.step, run.batch, run.inside, run.lr = state.epoch, state.step, state.batch, state.inside, state.lr
  if run.inside then run.scores:load_state(state.scores) end
  run.ended, run.history.stopped = state.ended, state.stopped or nil
  if run.shards then run.shards:load_carried(state.carried)
  elseif run.reader then run.reader.state = state.carried end
  run.random, run.callback_states = state.random, state.callbacks
end

local function take(self, run)
  local weights, extra, config, sealed, frozen = save.read(self.path)
  local state = type(extra) == "table" and extra.checkpoint
  if type(state) ~= "table" then state = {} end
  check_state(run, state, sealed)
  run.model:load_state_dict(weights)
  save.freeze(run.model, frozen)
  if sealed then check_model(run.model, config) end
  apply(self, run, state)
end

--- checkpoint:restore(run): takes back what the file holds, when there is one; sets run.resumed. Raises for a file that
--- cannot be read, is damaged or of another run; model and optimiser are then as they were, and so is the folder.
function Checkpoint:restore(run)
  local there, message = core.file_is_there(self.path)
  if there == false then return end
  local ok = there
  if there then
    local weights, optimizer, frozen = Weights(run.model), run.optimizer:state_dict(), run.model:frozen()
    ok, message = pcall(take, self, run)
    if not ok then
      weights:restore()
      save.freeze(run.model, frozen)
      run.optimizer:load_state_dict(optimizer)
    end
  end
  if not ok then
    core.fail("%s: cannot go on from '%s': %s. Take another name for the run, or resume = false to begin anew; to keep "
      .. "the file, move it away first. Nothing was changed", self.fname, self.path,
      tostring(message):gsub("^[^\n]-:%d+: ", "", 1))
  end
  run.resumed, self.last = true, { run.epoch, run.step }
end

--- checkpoint:load_callbacks(run): their states, after on_begin.
function Checkpoint:load_callbacks(run) -- luacheck: no self
  local names, old = names_of(run.callbacks)
  for i, callback in ipairs(run.callbacks) do
    local saved = run.callback_states[names[i]] or run.callback_states[old[i]]
    if saved and callback.load_state then callback:load_state(saved, run) end
  end
  run.callback_states = nil
end

return Checkpoint
