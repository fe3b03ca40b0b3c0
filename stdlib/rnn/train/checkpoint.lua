-- checkpoint.lua: everything that the next step of a run depends on, in one file, checkpoint.safetensors in the folder
-- of the run. It is a model file (rnn.load reads it), whose extra table has a field checkpoint. Beside it,
-- best.safetensors has the model of the best epoch.
--
-- A file is replaced as a whole or not at all, so there is always one that loads; a write that fails is a warning.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local save = require "rnn.nn.save"

local FORMAT = 1

---@class train.Checkpoint
local Checkpoint = class("train.Checkpoint")

--- Checkpoint(fname, folder, { every_seconds = 60, every_steps = nil })
function Checkpoint:init(fname, folder, options)
  options = check.options(fname .. ": option 'checkpoint'", options or {},
    { every_seconds = check.none, every_steps = check.none })
  self.every_steps = options.every_steps and check.int(fname, "option 'checkpoint.every_steps'", options.every_steps, 1)
  self.every_seconds = options.every_seconds
    and check.positive(fname, "option 'checkpoint.every_seconds'", options.every_seconds)
    or not self.every_steps and 60 or nil
  self.fname, self.path, self.best_path = fname, folder .. "/checkpoint.safetensors", folder .. "/best.safetensors"
  self.saved_at = core.clock()
end

--- checkpoint:due(run) -> is it time for one?
function Checkpoint:due(run)
  local steps, seconds = self.every_steps, self.every_seconds
  if steps and run.step % steps == 0 then return true end
  return seconds and core.clock() - self.saved_at >= seconds
end

-- Which batches a source gives depends on these; a source of another kind has to give the same ones by itself.
local function source_state(source)
  if type(source) ~= "table" then return {} end
  return { seed = source.seed, length = getmetatable(source).__len and #source or nil }
end

local function load_source(fname, source, saved)
  if type(source) ~= "table" then return end
  local length = source_state(source).length
  if saved.length and length ~= saved.length then
    core.fail("%s: the checkpoint is of a run with %d batches in an epoch, these data have %s", fname, saved.length,
      length)
  end
  if saved.seed then source.seed = saved.seed end
end

-- Callbacks by their place and kind.
local function key_of(i, callback)
  local meta = getmetatable(callback)
  return ("%d %s"):format(i, meta and meta.__name or "callback")
end

local function collect(run)
  local state = {
    format = FORMAT, epoch = run.epoch, step = run.step, batch = run.batch, inside = run.inside, lr = run.lr,
    ended = run.ended, stopped = run.ended and run.history.stopped, seconds = core.clock() - run.begun,
    random = core.random_state(), given = run.given, optimizer = run.optimizer:state_dict(),
    history = run.history:state(), scores = run.scores:state(), schedule = run.schedule and run.schedule:state(),
    schedule_kind = run.schedule and getmetatable(run.schedule).__name,
    average = run.average and run.average:state(), best = not run.best_is_shared and run.best:state() or nil,
    carried = run.reader and run.reader.state,
    data = source_state(run.data), valid = source_state(run.valid), callbacks = {},
  }
  for i, callback in ipairs(run.callbacks) do
    if callback.state then state.callbacks[key_of(i, callback)] = callback:state() end
  end
  return state
end

local function save_best(self, run)
  local best = run.best
  if best.epoch == 0 or best.epoch == self.best_saved or not best.weights then return end
  best.weights:swap()
  local done, message = save.save(self.best_path, run.model, run.history:epoch(best.epoch))
  best.weights:swap()
  if done then self.best_saved = best.epoch
  else run:warn(("the best model is not saved: %s; the run goes on"):format(message)) end
end

--- checkpoint:save(run) -> true | nil, message
function Checkpoint:save(run)
  local done, message = save.save(self.path, run.model, { checkpoint = collect(run) })
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

-- What the script says now and did not say when the run began wins over what was saved: a new lr, a new weight decay.
local function load_optimizer(run, saved)
  run.optimizer:load_state_dict(saved.optimizer)
  for name, value in pairs(run.given) do
    if saved.given[name] ~= value then run.optimizer[name] = value end
  end
end

local function apply(run, state)
  if state.format ~= FORMAT then core.fail("format %s, of another version of this program", state.format) end
  load_source("option 'data'", run.data, state.data)
  load_source("option 'valid'", run.valid, state.valid)
  load_optimizer(run, state)
  if run.schedule and getmetatable(run.schedule).__name == state.schedule_kind then -- another one begins anew
    run.schedule:load_state(state.schedule, state.given.lr ~= run.given.lr and run.given.lr or nil)
  end
  if run.average and state.average then run.average:load_state(state.average) end
  if state.best and not run.best_is_shared then run.best:load_state(run, state.best) end
  run.history:load_state(state.history)
  run.epoch, run.step, run.batch, run.inside, run.lr = state.epoch, state.step, state.batch, state.inside, state.lr
  if run.inside then run.scores:load_state(state.scores) end
  run.begun, run.ended, run.history.stopped = core.clock() - state.seconds, state.ended, state.stopped or nil
  if run.reader then run.reader.state = state.carried end
  run.random, run.callback_states = state.random, state.callbacks
end

--- checkpoint:restore(run): takes back what the file holds, when there is one; sets run.resumed. Raises for a file that
--- is damaged or of another model.
function Checkpoint:restore(run)
  local file = io.open(self.path)
  if not file then return end
  file:close()
  local model, extra = save.load(self.path, run.model)
  local ok, message = model ~= nil, extra
  if ok then
    ok, message = pcall(apply, run, type(extra) == "table" and extra.checkpoint or {})
    message = not ok and tostring(message):gsub("^[^\n]-:%d+: ", "", 1)
  end
  if not ok then
    core.fail("%s: cannot go on from '%s': %s. Take another name for the run, or resume = false to begin anew",
      self.fname, self.path, message)
  end
  run.resumed, self.last = true, { run.epoch, run.step }
end

--- checkpoint:load_callbacks(run): their states, after on_begin.
function Checkpoint:load_callbacks(run) -- luacheck: no self
  for i, callback in ipairs(run.callbacks) do
    local saved = run.callback_states[key_of(i, callback)]
    if saved and callback.load_state then callback:load_state(saved, run) end
  end
  run.callback_states = nil
end

return Checkpoint
