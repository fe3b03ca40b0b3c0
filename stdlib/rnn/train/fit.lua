-- fit.lua: training, epoch by epoch: rnn.fit. run.lua has the steps, checkpoint.lua what survives the process.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local beside = require "rnn.beside"
local nest = require "rnn.nest"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Better = require "rnn.optim.better"
local callbacks = require "rnn.train.callbacks"
local evaluate = require "rnn.train.evaluate"
local report = require "rnn.train.forecast_report"
local History = require "rnn.train.history"
local interruption = require "rnn.train.interruption"
local objective = require "rnn.train.objective"
local progress = require "rnn.train.progress"
local Windows = require "rnn.data.windows"
local record = require "rnn.record"
local trial = require "rnn.trial"
local Run = require "rnn.train.run"
local Scores = require "rnn.train.scores"
local ranks = require "rnn.ranks"

-- ---- what is asked for ----

local FNAME = "rnn.fit"

local OPTIONS = option.of(FNAME, {
  { "data", nil, option.any,
    "batches (dataset:batches { size = 32, shuffle = true }), any iterator of x, y, weights that "
    .. "begins again in each epoch, or a function that makes one for each: what `for x, y in` takes, such as a "
    .. "coroutine.wrap(f), or a coroutine. x, y and weights are tensors or tables of them (data.arrays)" },
  { "valid", nil, option.any, "batches or a dataset to measure after each epoch: val_loss, val_mae ..." },
}, objective.OPTIONS, {
  { "optimizer", nil, option.any,
    "optim.SGD(model:parameters(), { lr = 0.05, momentum = 0.9 }); or several for different "
    .. "parts, which take their steps in turn (by number, or by the alphabet), each by a loss of its own, as in a GAN: "
    .. "optimizer = { judge, maker } with loss = { f, g }, functions (model, x, y, weights) -> scalar" },
  { "schedule", nil, option.any, "optim.schedules.cosine(), or a function t -> factor of the lr after t steps" },
  { "epochs", 1, option.int(1), "at most that many" },
  { "clip_norm", nil, option.unless_false(check.positive), "clips the gradients by their common norm" },
  { "clip_value", nil, option.unless_false(check.positive), "clips the gradients one by one" },
  { "precision", nil, option.one_of { "float", "bf16" }, "what products are computed in, here and when it measures "
    .. "(rnn.precision); nil: as it is" },
  { "accumulate", 1, option.int(1),
    "one update for that many batches, by the mean gradient over all their valid elements" },
  { "penalty", nil, option.unless_false(check.table), "{ ar = 2, tar = 1, l1 =, l2 = { recurrent = 1e-6 } }: what is "
    .. "added to the loss in training and not to its figures: squares of activations and of their changes, sizes and "
    .. "squares of weights by kind (train/penalty.lua)" },
  { "shards", nil, option.int(1), "parts of a batch, each with its own gradient and batch statistics, which are added "
    .. "up in a fixed order: with as many shards one process and any number of ranks (mpirun) give the same bits. 1, "
    .. "or 8 under mpirun or srun, or what the variable RNNLUA_SHARDS says" },
  { "average", nil, option.kind("number|table", option.any),
    "decay, such as 0.999, or options of rnn.Average: an average of the weights is what "
    .. "is measured, kept as best and left in the model at the end" },
  { "on_nan", "error", option.one_of { "error", "stop" }, "a loss that is not finite: an error, or the end, which "
    .. "sets history.stopped. Either way the weights are those before that epoch" },
  { "monitor", nil, option.kind("boolean|table", function(fname, argname, value)
    return type(value) == "boolean" and value or value and check.table(fname, argname, value)
  end),
    "true, or options of rnn.monitor: what happens to the gradients at every 40th step; at most one advice an epoch on "
    .. "standard error, all of them in history.advice; heat maps in report.html" },
  { "callbacks", nil, option.any,
    "{ rnn.EarlyStopping { monitor = \"val_mae\", patience = 50 } }: tables of functions, "
    .. "see callbacks.lua" },
  { "on_epoch", nil, option.unless_false(check.callback),
    "function (epoch, logs), after each epoch; returning false ends "
    .. "training" },
  { "progress", nil, option.kind("boolean|integer|\"terminal\"|\"best\"", option.any,
    { "true", "false", '"terminal"', '"best"' }),
    "nil: a bar on a terminal, else a line an epoch, on standard error; n: a line every n epochs, \"best\": one for "
    .. "every improvement, on a terminal above a bar; \"terminal\": a bar or nothing; false: nothing. The last two "
    .. "leave out the comparison as well" },
  { "run", nil, option.unless_false(check.string), "\"runs/name\": a folder for checkpoint.safetensors, "
    .. "best.safetensors (the model of the best epoch), metrics.jsonl, report.html (the run, in any browser) and an "
    .. "event file (`tensorboard --logdir runs`)" },
  { "checkpoint", nil, option.unless_false(check.table),
    "{ every_seconds = 60 } or { every_steps = 500 }: how often; at "
    .. "the end it is saved anyway" },
  { "resume", true, check.boolean, "false: a run begins from the start, whatever is in its folder" },
  { "log_every", 50, option.int(1), "steps from one line in metrics.jsonl to the next, beside those of the epochs" },
})

local function sources(run, options)
  if type(options.data) == "table" and options.data.batches then
    core.fail("%s: option 'data': expected batches, got a dataset; write dataset:batches { size = 32, shuffle = true }",
      FNAME)
  end
  run.data = evaluate.source(FNAME, "option 'data'", options.data)
  run.valid = options.valid ~= nil and evaluate.source(FNAME, "option 'valid'", options.valid) or nil
  run.source, run.valid_source = run.data, run.valid
  local length = options.tbptt
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
  local cut = run.reader and not (data.continues and data.length and data.length <= options.tbptt)
  return not cut and #data or nil
end

local function optimizer_of(run, options)
  local optimizer = options.optimizer
  if run.turns then
    optimizer = objective.Several(FNAME, optimizer)
    for _, name in ipairs { "accumulate", "tbptt", "loss_weights" } do
      OPTIONS:effect(options, name, false, "several optimisers take their steps in turn")
    end
  elseif not objective.is(optimizer) then
    check.expected(FNAME, "option 'optimizer'", "an optimiser, such as optim.SGD(model:parameters())", optimizer)
  end
  run.others = {}
  for _, each in ipairs(optimizer.each or { optimizer }) do
    table.move(objective.trains(FNAME, each, run.model), 1, #each.params, #run.others + 1, run.others)
  end
  return optimizer
end

-- What a batch comes to, and the names of the losses of several targets or optimisers, where they are known.
local function objective_of(run, options)
  local optimizer = options.optimizer
  if nest.is_table(optimizer) and not objective.is(optimizer) and next(optimizer) ~= nil then
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
  local checked = {}
  for i, callback in ipairs(list) do
    local argname = ("option 'callbacks', entry %d"):format(i)
    checked[i] = check.table(FNAME, argname, callback)
    check_callback(argname, callback)
  end
  return checked
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
  record.trainings = record.trainings + 1
  if record.folder and ranks.rank == 0 then
    table.insert(run.callbacks, require "rnn.train.recorder"(record.folder .. "/" .. record.trainings, true))
  end
  run.folder = options.run
  if not run.folder then
    for _, name in ipairs { "resume", "log_every" } do
      OPTIONS:effect(options, name, false, "option 'run', the folder of the run, is not given")
    end
    if options.checkpoint then core.fail("%s: option 'checkpoint' needs option 'run', the folder for it", FNAME) end
    return
  end
  if type(run.optimizer.state_dict) ~= "function" then
    check.expected(FNAME, "option 'optimizer'", "with option 'run', an optimiser that has a state_dict", run.optimizer)
  end
  run.checkpoint = require "rnn.train.checkpoint"(FNAME, run.folder, options.checkpoint, run.data, run.valid)
  if ranks.rank == 0 then
    table.insert(run.callbacks, require("rnn.train.records").MetricsLog(run.folder .. "/metrics.jsonl",
      options.log_every))
  end
  table.insert(run.callbacks, require "rnn.train.recorder"(run.folder, false))
  if ranks.rank == 0 then table.insert(run.callbacks, beside.logger())
  else run.writer = setmetatable({}, { __index = function() return function() end end }) end -- for callbacks
end

-- The best weights that a checkpoint keeps are those of early stopping, where it keeps some.
local function best_of(run)
  for _, callback in ipairs(run.callbacks) do
    if class.is_a(callback, callbacks.EarlyStopping) and callback.keep then
      run.best, run.best_is_shared = callback, true
      return
    end
  end
  local monitor = run.valid and "val_loss" or "loss"
  run.best = callbacks.Best(FNAME, { monitor = monitor }, true)
end

-- How many targets do not count, which are missing in the data.
local function say_missing(options)
  for _, name in ipairs { "data", "valid" } do
    local source = options[name]
    local ok, set = pcall(function() return source.dataset or source end)
    if ok and class.is_a(set, Windows) and (set.missing or 0) > 0 then
      io.stderr:write(("%s: %d of %d target values of option '%s' are missing: left out of loss and metrics\n"):format(
        FNAME, set.missing, set.targets:count(), name))
    end
  end
end

-- What the lines of progress call the best: what early stopping watches, else the loss.
local function better_of(run)
  for _, callback in ipairs(run.callbacks) do
    if class.is_a(callback, callbacks.EarlyStopping) then return Better(FNAME, callback.watched) end
  end
  return Better(FNAME, { monitor = run.valid and "val_loss" or "loss" })
end

-- The run of a call.
local function prepare(model, options)
  if not Module.is(model) then check.expected(FNAME, "argument 1 (model)", "a model (nn.Module)", model) end
  options = OPTIONS:read(options)
  local run = Run { model = model, options = options, history = History() }
  sources(run, options)
  local padded = options.padded
  run.scores = Scores(FNAME, options.metrics, padded)
  run.valid_scores = Scores(FNAME, options.metrics, padded)
  objective_of(run, options)
  run.optimizer = optimizer_of(run, options)
  schedule_of(run, options)
  run.epochs, run.accumulate, run.on_nan, run.on_epoch = options.epochs, options.accumulate, options.on_nan,
    options.on_epoch
  run.clip_norm, run.clip_value, run.precision = options.clip_norm, options.clip_value, options.precision
  if run.precision == "bf16" and core.precision ~= "float" then
    core.fail("%s: option 'precision': bf16 is for single precision; run without --double", FNAME)
  end
  run.callbacks = callbacks_of(options)
  check_monitors(run)
  if options.penalty then
    OPTIONS:effect(options, "penalty", not run.turns, "several optimisers take their steps in turn")
    run.penalty = require "rnn.train.penalty"(model, options.penalty)
  end
  if options.monitor and ranks.rank == 0 then
    local settings = options.monitor == true and {} or options.monitor
    settings.clip = settings.clip or run.clip_norm
    run.monitor = require "rnn.monitor"(model, settings)
    table.insert(run.callbacks, run.monitor)
  end
  local steps = batches_of(run, options)
  run.batches, run.steps = steps, steps and (steps + run.accumulate - 1) // run.accumulate
  run.show = progress.new(FNAME, options.progress, run.epochs, steps, better_of(run))
  run.quiet = options.progress == false or options.progress == "terminal"
  local shards = options.shards or math.tointeger(tonumber(os.getenv "RNNLUA_SHARDS")) or ranks.launched and 8 or 1
  if shards > 1 or ranks.size > 1 then
    run.shards = require "rnn.train.shards"(run, shards)
    run.source = run.shards:source(run)
  end
  if not run.quiet then say_missing(options) end
  folder_of(run, options)
  if run.checkpoint then best_of(run) end
  if options.average then
    local average = options.average
    run.average = callbacks.Average(model, type(average) == "table" and average or { decay = average })
    if not run.valid and run.average.patience then
      core.fail("%s: option 'average': its 'patience' watches val_loss, and there is no option 'valid'", FNAME)
    end
  end
  return run
end

-- ---- the epochs ----

-- The folder is ours, and what a checkpoint in it holds is back.
local function open_folder(run)
  local made, message = core.make_folder(run.folder)
  if ranks.rank > 0 then
    ranks.gather "the folder of the run"
    if run.options.resume then run.checkpoint:restore(run) end
    return
  end
  if made then run.lock, message = core.file_lock(run.folder .. "/lock") end
  if not run.lock then core.fail("rnn.fit: option 'run': %s", message) end
  for _, name in ipairs { "checkpoint.safetensors", "best.safetensors", "report.html", "times.json" } do
    core.file_sweep(run.folder .. "/" .. name)
  end
  ranks.gather "the folder of the run"
  if run.options.resume then run.checkpoint:restore(run) end
  if not run.resumed or run.quiet then return end
  run:say(("%s %s, epoch %d, step %d"):format(run.ended and "ended before:" or "goes on from", run.folder, run.epoch,
    run.step))
end

-- What the script gave the optimiser: its lr, where one that the schedule of an earlier call has left is not the
-- script's, and all its settings, in the form that a state_dict has them.
local function given(optimizer)
  local scheduled = optimizer.scheduled
  if scheduled and optimizer.lr == scheduled.lr then optimizer.lr = scheduled.given end
  return { lr = optimizer.lr, own = optimizer._settings and optimizer:_settings() or {} }
end

local function begin(run)
  if run.precision then run.bf16_before = core.bf16(run.precision == "bf16") end
  run.given = given(run.optimizer)
  run.settings = require "rnn.train.settings"(run)
  if run.schedule then
    local total = run.schedule.per == "epoch" and run.epochs or run.steps and run.steps * run.epochs
    run.schedule:begin(run.optimizer, total)
  end
  if run.folder then open_folder(run) end
  if run.shards then run.shards:begin(run) end
  run.start, run.start_is = callbacks.Weights(run.model), "of the checkpoint"
  run.watched = true
  run:call("on_begin")
  if run.resumed then run.show:resume(run.history) end
  if run.resumed then run.checkpoint:load_callbacks(run) end
  for _, callback in ipairs(run.callbacks) do
    if callback.on_step then
      run.watchers = run.watchers or {}
      table.insert(run.watchers, callback)
    end
  end
  run.held_before = interruption.hold(run.checkpoint and "save" or "stop")
end

local function begin_epoch(run)
  run.epoch, run.batch, run.inside, run.begun = run.epoch + 1, 0, true, interruption.now()
  run.start:keep()
  run.start_is = "before this epoch"
  run.scores:clear()
end

-- The figures of the epoch, or nil when a signal came before they were complete.
local function measure(run)
  local logs = run.scores:read({}, "")
  if run.valid then
    local state = run.scores:state()
    run.valid_scores:clear()
    run:begin_epoch_of(run.valid)
    local monitor = run.monitor
    local see = monitor and function(_, prediction, target) monitor:_see(prediction, target) end or nil
    if not run.model:_evaluated(FNAME, evaluate.pass, run.valid_reader or run.model, run.valid_source, run.objective,
      run.valid_scores, ranks.size == 1 and interruption.held or nil, see) then
      run.scores:load_state(state) -- a metric that counts for itself is one object for both
      return nil
    end
    run.valid_scores:read(logs, "val_")
  end
  logs.lr, logs.seconds = run.lr or run.optimizer.lr, interruption.now() - run.begun
  return logs
end

-- History, callbacks, schedule. True when one of them ends training.
local function note(run, logs)
  run.history:add(logs)
  run.show:epoch(run.epoch, logs)
  if run.best and not run.best_is_shared then run.best:_see(run, logs) end
  run.ended = run:call("on_epoch", logs)
  if record.epochs and run.epoch >= record.epochs and run.epoch < run.epochs then
    run:call("on_error", "these are all the epochs that are wanted")
    os.exit(0, true)
  end
  if run.on_epoch and run.on_epoch(run.epoch, logs) == false then
    run.ended = true
    run.history.stopped = run.history.stopped or "on_epoch returned false"
  end
end

local function epoch(run)
  run.moved = true
  if not run.inside then begin_epoch(run) end
  run.model:train()
  evaluate.read(run.data, true)
  run:train_epoch()
  evaluate.read(run.data, false)
  if run.left then return end
  if run.batch == 0 then
    core.fail("rnn.fit: option 'data' gave no batch in epoch %d; an iterator must start anew for every epoch",
      run.epoch)
  end
  if run.average then
    run.average:_end_epoch()
    run.average:swap()
  end
  local logs = measure(run)
  if logs then note(run, logs) end
  if run.average then
    run.average:swap()
    if logs then run.average:_see(run.epoch, logs) end
  end
  if not logs then
    run.left = "signal"
    return
  end
  run.batch, run.inside = 0, false
  if run.epoch_schedule then run.epoch_schedule:advance(logs) end
  local due
  run.signal = interruption.held()
  if run.shards then
    run.signal, due = run.shards:agree(run)
  else
    due = run.checkpoint and run.checkpoint:due(run)
  end
  if run.signal then
    run.left = "signal"
  elseif run.checkpoint and due then
    run.checkpoint:save(run)
  end
end

-- A signal, or `stop` at a prompt inside the loop. With a checkpoint it is said how to go on, and a signal ends the
-- script; without one Ctrl-C ends training only, as `stop` always does.
local function leave(run, saved, message)
  local name = run.signal or interruption.held()
  local text = ("%s in epoch %d, step %d"):format(name, run.epoch, run.step)
  local ends_script = run.checkpoint and name ~= "stop"
  if not ends_script then run.history.stopped = text end
  if run.checkpoint then
    local last = run.checkpoint.last
    if saved then
      text = ("%s; saved in %s. The same command goes on from there"):format(text, run.folder)
    elseif last then
      text = ("%s; it could not be saved: %s. The same command goes on from epoch %d, step %d"):format(text, message,
        table.unpack(last))
    else
      text = ("%s; it could not be saved: %s"):format(text, message)
    end
  end
  if ends_script then
    run.show:done()
    ranks.leave("rnn.fit: " .. text)
    interruption.leave("rnn.fit: " .. text)
  elseif run.checkpoint or run.quiet then
    run:say(run.checkpoint and text or text .. " ends training; the script goes on")
  end
end

local function finish(run)
  local history = run.history
  local saved, message = true, nil
  if run.checkpoint and run.left ~= "nan" and run.moved then
    saved, message = run.checkpoint:save(run)
    if ranks.size == 1 and interruption.held() then run.left = "signal" end
  end
  if run.left == "signal" then leave(run, saved, message) end
  if run.average and run.left ~= "nan" then run.average:swap() end
  run:call("on_end")
  if run.shards then run.shards:finish(run) end
  if not history.best then history:choose(run.valid and "val_loss" or "loss") end
  local page = run.folder and run.folder .. "/report.html"
  run.show:done(history.stopped, history, page and core.file_is_there(page) and page or nil)
end

-- A trial of a sweep stops between two epochs, where a later rung goes on.
local function goes_on(run)
  if trial.pauses(run) then run.left = "rung" end
  return run.epoch < run.epochs + (run.inside and 1 or 0) and not run.ended and not run.left
end

-- Windows of a series always meet their baselines: training that does not beat them should not pass for success.
local function compare(run)
  if not run.valid then return end
  run.history.forecast = report.after_fit(run.model, run.data, run.valid, run.quiet)
end

--- rnn.fit(model, options) -> history
---
--- Trains a model.
---
--- With option run the same command goes on from the checkpoint, as if nothing had been between: same weights, same
--- history. A checkpoint that cannot be read, was altered, or is of other data, another model, loss, optimiser, tbptt
--- or accumulate is an error, and nothing is changed; of data with more than four million numbers some are compared,
--- spread over all. Identical runs write identical .safetensors files: times are in times.json. Ctrl-C, SIGTERM,
--- SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU and a pipe that nobody reads end the step and save; a second one leaves at once.
---
--- When data and valid are windows of a series, the result is compared with simple forecasts (history.forecast).
---
--- Without run, Ctrl-C ends training after the step, and the history of the epochs so far is returned; a second one
--- ends the script. `stop` at the prompt inside the loop does so with run as well. history.stopped says it.
---
--- Settings of the optimiser that the script changed before a run goes on are taken from the script. Data given as a
--- function are run through up to the place. Random numbers of math.random go on, too.
---@param model nn.Module
---@param options rnn.fit.Options
---@return rnn.History
return function(model, options)
  local run <close> = prepare(model, options)
  if trial.plan then require "rnn.train.cost"(run) end
  begin(run)
  while goes_on(run) do epoch(run) end
  finish(run)
  model:train(run.training)
  compare(run)
  trial.learnt(run.history)
  return run.history
end
