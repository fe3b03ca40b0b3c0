-- options.lua: what rnn.fit is told, checked and turned into a run.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local beside = require "rnn.beside"
local Better = require "rnn.optim.better"
local Module = require "rnn.nn.module"
local evaluate = require "rnn.train.evaluate"
local History = require "rnn.train.history"
local metrics = require "rnn.train.metrics"
local nest = require "rnn.nest"
local objective = require "rnn.train.objective"
local optimizers = require "rnn.train.optimizers"
local progress = require "rnn.train.progress"
local Run = require "rnn.train.run"
local trains = require "rnn.train.trains"

local FNAME = "rnn.fit"

local OPTIONS = {
  data = check.none, valid = check.none, loss = check.none, loss_weights = check.none, metrics = check.none,
  optimizer = check.none, epochs = 1,
  clip_norm = check.none, clip_value = check.none, callbacks = check.none, progress = check.none,
  on_epoch = check.none, schedule = check.none, accumulate = 1, average = check.none, tbptt = check.none,
  on_nan = "error", monitor = check.none, run = check.none, checkpoint = check.none, resume = true, log_every = 50,
  padded = false,
}

local function optional(name, value, f, ...)
  if value == nil or value == false then return nil end
  return f(FNAME, ("option '%s'"):format(name), value, ...)
end

local function sources(run, options)
  if type(options.data) == "table" and options.data.batches then
    core.fail("%s: option 'data': expected batches, got a dataset; write dataset:batches { size = 32, shuffle = true }",
      FNAME)
  end
  run.data = evaluate.source(FNAME, "option 'data'", options.data)
  run.valid = options.valid ~= nil and evaluate.source(FNAME, "option 'valid'", options.valid) or nil
  run.source, run.valid_source = run.data, run.valid
  local length = optional("tbptt", options.tbptt, check.int, 1)
  if not length then return end
  local tbptt = require "rnn.train.tbptt"
  run.source = tbptt.Windows(FNAME, run.data, length)
  run.reader = tbptt.Reader(FNAME, run.model, run.source)
  if run.valid then
    run.valid_source = tbptt.Windows(FNAME, run.valid, length)
    run.valid_reader = tbptt.Reader(FNAME, run.model, run.valid_source)
  end
end

-- Batches in an epoch, or nil: with tbptt, batches become as many windows as they are long, but for streams, which
-- are cut already.
local function batches_of(run, options)
  local data = run.data
  if type(data) ~= "table" or not getmetatable(data).__len then return nil end
  local cut = run.reader and not (data.continues and data.time and data.time <= options.tbptt)
  return not cut and #data or nil
end

local function optimizer_of(run, options)
  local optimizer = options.optimizer
  if run.turns then
    optimizer = optimizers.Several(FNAME, optimizer)
    for _, name in ipairs { "accumulate", "tbptt", "loss_weights" } do
      check.effect(FNAME, options, OPTIONS, name, false, "several optimisers take their steps in turn")
    end
  elseif not optimizers.is(optimizer) then
    check.expected(FNAME, "option 'optimizer'", "an optimiser, such as optim.SGD(model:parameters())", optimizer)
  end
  run.others = {}
  for _, each in ipairs(optimizer.each or { optimizer }) do
    table.move(trains(FNAME, each, run.model), 1, #each.params, #run.others + 1, run.others)
  end
  return optimizer
end

-- What a batch comes to, and the names of the losses of several targets or optimisers, where they are known.
local function objective_of(run, options)
  local optimizer = options.optimizer
  if nest.is_table(optimizer) and not optimizers.is(optimizer) and next(optimizer) ~= nil then
    run.part_names = nest.keys(optimizer)
    run.turns, run.objective = objective.turns(FNAME, options.loss, run.part_names)
  else
    run.objective, run.part_names = objective.of(FNAME, run.model, options)
  end
end

local function schedule_of(run, options)
  local schedule = options.schedule
  if schedule == nil then return end
  local schedules = require "rnn.optim.schedules"
  if type(schedule) == "function" then schedule = schedules.own(schedule) end
  if not class.is_a(schedule, schedules.Schedule) then
    check.expected(FNAME, "option 'schedule'", "a schedule, such as optim.schedules.cosine(), or a function", schedule)
  end
  run.schedule = schedule
  if schedule.per == "step" then run.step_schedule = schedule else run.epoch_schedule = schedule end
end

local METHODS = { "on_begin", "on_step", "on_epoch", "on_end", "on_error", "state", "load_state" }

-- A method under another name would never be called.
local function check_callback(argname, callback)
  local known, any = {}, false
  for _, name in ipairs(METHODS) do
    known[name] = true
    any = any or callback[name] ~= nil
    if callback[name] ~= nil then check.callback(FNAME, ("%s: %s"):format(argname, name), callback[name]) end
  end
  for name, value in next, callback do
    local method = type(name) == "string" and type(value) == "function" and not getmetatable(callback)
    if method and not known[name] then
      core.fail("%s: %s: nothing calls its '%s'%s; known: %s", FNAME, argname, name, check.nearest(name, METHODS),
        table.concat(METHODS, ", "))
    end
  end
  if not any and next(callback) ~= nil then
    core.fail("%s: %s: it has none of the methods that are called: %s", FNAME, argname, table.concat(METHODS, ", "))
  end
end

local function callbacks_of(options)
  local list = check.table(FNAME, "option 'callbacks'", options.callbacks or {})
  if next(list) ~= nil and #list == 0 then check.expected(FNAME, "option 'callbacks'", "a list of callbacks", list) end
  local callbacks = {}
  for i, callback in ipairs(list) do
    local argname = ("option 'callbacks', entry %d"):format(i)
    callbacks[i] = check.table(FNAME, argname, callback)
    check_callback(argname, callback)
  end
  return callbacks
end

-- What is monitored has to be there before an epoch is spent. Callbacks of the script's own may add to what there is.
local function check_monitors(run)
  local names = { "loss", "lr", "seconds" }
  local measured = { table.unpack(run.scores.names) }
  for _, name in ipairs(run.part_names or {}) do measured[#measured + 1] = name .. "_loss" end
  table.move(measured, 1, #measured, #names + 1, names)
  if run.valid then
    names[#names + 1] = "val_loss"
    for _, name in ipairs(measured) do names[#names + 1] = "val_" .. name end
  end
  for _, callback in ipairs { run.epoch_schedule or {}, table.unpack(run.callbacks) } do
    if class.is_a(callback.watched, Better) then
      callback.watched:check(names)
    elseif callback.on_epoch and not getmetatable(callback) then
      return
    end
  end
end

-- The folder of the run, the checkpoint and the files that are written beside it.
local function folder_of(run, options)
  run.folder = optional("run", options.run, check.string)
  if not run.folder then
    for _, name in ipairs { "resume", "log_every" } do
      check.effect(FNAME, options, OPTIONS, name, false, "option 'run', the folder of the run, is not given")
    end
    if options.checkpoint then core.fail("%s: option 'checkpoint' needs option 'run', the folder for it", FNAME) end
    return
  end
  if type(run.optimizer.state_dict) ~= "function" then
    check.expected(FNAME, "option 'optimizer'", "with option 'run', an optimiser that has a state_dict", run.optimizer)
  end
  check.boolean(FNAME, "option 'resume'", options.resume)
  run.checkpoint = require "rnn.train.checkpoint"(FNAME, run.folder, options.checkpoint)
  local every = check.int(FNAME, "option 'log_every'", options.log_every, 1)
  table.insert(run.callbacks, require "rnn.train.metrics_log"(run.folder .. "/metrics.jsonl", every))
  table.insert(run.callbacks, beside.logger())
end

-- The best weights that a checkpoint keeps are those of early stopping, where it keeps some.
local function best_of(run)
  for _, callback in ipairs(run.callbacks) do
    local best = callback.restore_best and callback.best
    if best then
      run.best, run.best_is_shared = best, true
      return
    end
  end
  local monitor = run.valid and "val_loss" or "loss"
  run.best = require "rnn.train.best"(FNAME, { monitor = monitor }, true)
end

--- options(model, options) -> run
return function(model, options)
  if not Module.is(model) then check.expected(FNAME, "argument 1 (model)", "a model (nn.Module)", model) end
  options = check.options(FNAME, options, OPTIONS)
  local run = Run { model = model, options = options, history = History() }
  sources(run, options)
  local padded = options.padded
  run.scores = metrics.Scores(FNAME, options.metrics, padded)
  run.valid_scores = metrics.Scores(FNAME, options.metrics, padded)
  objective_of(run, options)
  run.optimizer = optimizer_of(run, options)
  schedule_of(run, options)
  run.epochs = check.int(FNAME, "option 'epochs'", options.epochs, 1)
  run.accumulate = check.int(FNAME, "option 'accumulate'", options.accumulate, 1)
  run.clip_norm = optional("clip_norm", options.clip_norm, check.positive)
  run.clip_value = optional("clip_value", options.clip_value, check.positive)
  run.on_nan = check.one_of(FNAME, "option 'on_nan'", options.on_nan, { "error", "stop" })
  run.on_epoch = optional("on_epoch", options.on_epoch, check.callback)
  run.callbacks = callbacks_of(options)
  check_monitors(run)
  if options.monitor then
    local settings = options.monitor == true and {} or check.table(FNAME, "option 'monitor'", options.monitor)
    settings.clip = settings.clip or run.clip_norm
    run.monitor = require "rnn.monitor"(model, settings)
    table.insert(run.callbacks, run.monitor)
  end
  local steps = batches_of(run, options)
  run.batches, run.steps = steps, steps and (steps + run.accumulate - 1) // run.accumulate
  run.show = progress.new(FNAME, options.progress, run.epochs, steps)
  run.quiet = options.progress == false or options.progress == "terminal"
  folder_of(run, options)
  if run.checkpoint then best_of(run) end
  if options.average then
    run.average = require "rnn.train.average".Average(model, { decay = options.average })
  end
  return run
end
