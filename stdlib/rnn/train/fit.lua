-- fit.lua: training, epoch by epoch. options.lua checks what is asked for, step.lua has the steps, checkpoint.lua what
-- survives the process.

local core = require "rnn.core"
local class = require "rnn.class"
local Batches = require "rnn.data.batches"
local Windows = require "rnn.data.windows"
local clock = require "rnn.train.clock"
local evaluate = require "rnn.train.evaluate"
local interruption = require "rnn.train.interruption"
local prepare = require "rnn.train.options"
local report = require "rnn.train.forecast_report"
local step = require "rnn.train.step"
local Weights = require "rnn.train.weights"

-- The folder is ours, and what a checkpoint in it holds is back.
local function open_folder(run)
  local made, message = core.make_folder(run.folder)
  if made then run.lock, message = core.file_lock(run.folder .. "/lock") end
  if not run.lock then core.fail("rnn.fit: option 'run': %s", message) end
  for _, name in ipairs { "checkpoint.safetensors", "best.safetensors", "report.html", "times.json" } do
    core.file_sweep(run.folder .. "/" .. name)
  end
  if run.options.resume then run.checkpoint:restore(run) end
  if not run.resumed or run.quiet then return end
  run:say(("%s %s, epoch %d, step %d"):format(run.ended and "ended before:" or "goes on from", run.folder, run.epoch,
    run.step))
end

-- The settings of the optimiser that are plain values, as the script gave them: an lr that the schedule of an earlier
-- call has left is not the script's.
local function given(optimizer)
  local settings, scheduled = {}, optimizer.scheduled
  if scheduled and optimizer.lr == scheduled.lr then optimizer.lr = scheduled.given end
  for name in pairs(optimizer.defaults or { lr = true }) do settings[name] = optimizer[name] end
  return settings
end

local function begin(run)
  run.given = given(run.optimizer)
  if run.schedule then
    local total = run.schedule.per == "epoch" and run.epochs or run.steps and run.steps * run.epochs
    run.schedule:begin(run.optimizer, total)
  end
  if run.folder then open_folder(run) end
  run.start, run.start_is = Weights(run.model), "of the checkpoint"
  run.watched = true
  run:call("on_begin")
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
  run.epoch, run.batch, run.inside, run.begun = run.epoch + 1, 0, true, clock.now()
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
    if not evaluate.pass(run.model, run.valid_source, run.objective, run.valid_scores, run.valid_reader,
      interruption.held) then
      run.scores:load_state(state) -- a metric that counts for itself is one object for both
      return nil
    end
    run.valid_scores:read(logs, "val_")
  end
  logs.lr, logs.seconds = run.lr or run.optimizer.lr, clock.now() - run.begun
  return logs
end

-- History, callbacks, schedule. True when one of them ends training.
local function note(run, logs)
  run.history:add(logs)
  run.show:epoch(run.epoch, logs)
  if run.best and not run.best_is_shared then run.best:see(run, logs) end
  run.ended = run:call("on_epoch", logs)
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
  step.epoch(run)
  evaluate.read(run.data, false)
  if run.left then return end
  if run.batch == 0 then
    core.fail("rnn.fit: option 'data' gave no batch in epoch %d; an iterator must start anew for every epoch",
      run.epoch)
  end
  if run.average then run.average:swap() end
  local logs = measure(run)
  if logs then note(run, logs) end
  if run.average then run.average:swap() end
  if not logs then
    run.left = "signal"
    return
  end
  run.batch, run.inside = 0, false
  if run.epoch_schedule then run.epoch_schedule:advance(logs) end
  if interruption.held() then
    run.left = "signal"
  elseif run.checkpoint and run.checkpoint:due(run) then
    run.checkpoint:save(run)
  end
end

-- A signal, or `stop` at a prompt inside the loop. With a checkpoint it is said how to go on, and a signal ends the
-- script; without one Ctrl-C ends training only, as `stop` always does.
local function leave(run, saved, message)
  local name = interruption.held()
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
    if interruption.held() then run.left = "signal" end
  end
  if run.left == "signal" then leave(run, saved, message) end
  if run.average and run.left ~= "nan" then run.average:swap() end
  run:call("on_end")
  if not history.best then history:choose(run.valid and "val_loss" or "loss") end
  run.show:done(history.stopped)
end

-- Windows of a series always meet their baselines: training that does not beat them should not pass for success.
local function compare(run)
  local train_set = class.is_a(run.data, Batches) and run.data.dataset
  local valid_set = run.valid and class.is_a(run.valid, Batches) and run.valid.dataset
  if not class.is_a(train_set, Windows) or not class.is_a(valid_set, Windows) then return end
  run.history.forecast = report.after_fit(run.model, train_set, valid_set, run.quiet)
end

--- rnn.fit(model, options) -> history
---
--- Trains a model. Options:
---   data        batches (dataset:batches { size = 32, shuffle = true }), any iterator of x, y, weights that starts
---               anew in each epoch, or a function that makes one for each: what `for x, y in` takes, such as a
---               coroutine.wrap(f), or a coroutine. x, y and weights are tensors or tables of them (data.arrays)
---   valid       batches or a dataset to measure after each epoch: val_loss, val_mae ...
---   loss        "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy", "kl_div", "poisson_nll",
---               "gaussian_nll" (of { mean, variance }), or a function (y, target, weights) -> scalar. For a model that
---               gives a table, as its targets are one: { demand = "mse", alarm = "cross_entropy" }, a loss for each
---               target, whose sum is made small (history.demand_loss ...); one name stands for all of them.
---               A model with a loss of its own needs none, or a table of options for it: model:loss(x, y, options,
---               weights) -> loss, or loss, prediction, target for metrics; nn.Seq2Seq has one
---   loss_weights  { demand = 0.5 }: factors of the losses of targets (1)
---   metrics     { "mae", "last_mae" (of each sequence's last step), "mse", "rmse", "smape", "accuracy", "top_5", "f1",
---               "nats", "perplexity", name = function (y, target) or an object such as metrics.F1 }, for both; those
---               of one of several targets stand in a list: { demand = { "mae" } } gives demand_mae
---   padded      true: labels 0 in targets without lengths are padding; else they are an error, as labels count from 1
---   optimizer   optim.SGD(model:parameters(), { lr = 0.05, momentum = 0.9 }); or several for different parts, which
---               take their steps in turn (by number, or by the alphabet), each by a loss of its own, as in a GAN:
---               optimizer = { judge, maker } with loss = { f, g }, functions (model, x, y, weights) -> scalar
---   schedule    optim.schedules.cosine(), or a function t -> factor of the lr after t steps
---   epochs      at most so many (1)
---   clip_norm, clip_value    clipping of the gradients by their common norm, or one by one
---   accumulate  n: one update for n batches (1), by the mean gradient over all their valid elements
---   average     decay, such as 0.999: an exponential moving average of the weights (rnn.Average) is what is measured,
---               kept as best and left in the model at the end
---   tbptt       n: sequences of any length are cut into windows of n steps, each a step of training that goes on from
---               the state in which the last one ended; targets have a value for each step. The model is an
---               nn.Sequential, a recurrent layer, or has forward(x, state) -> y, state
---   on_nan      a loss that is not finite: "error", or "stop", which ends training and sets history.stopped. Either
---               way the weights are those before that epoch
---   monitor     true, or options of rnn.monitor: what happens to the gradients at every 40th step; at most one advice
---               an epoch on standard error, all of them in history.advice; heat maps in report.html
---   callbacks   { rnn.EarlyStopping { monitor = "val_mae", patience = 50 } }: tables of functions, see callbacks.lua
---   on_epoch    function (epoch, logs), after each epoch; returning false ends training
---   progress    nil: a bar on a terminal, else a line an epoch, on standard error; n: a line every n epochs;
---               "terminal": a bar or nothing; false: nothing. The last two leave out the comparison as well
---   run         "runs/name": a folder for checkpoint.safetensors, best.safetensors (the model of the best epoch),
---               metrics.jsonl, report.html (the run, in any browser) and an event file (`tensorboard --logdir runs`).
---               The same command goes on from the checkpoint, as if nothing had been between: same weights, same
---               history. A checkpoint that cannot be read, was altered, or is of other data, another model, loss,
---               optimiser, tbptt or accumulate is an error, and nothing is changed. Identical runs write identical
---               .safetensors files: times are in times.json. Ctrl-C, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU and
---               a pipe that nobody reads end the step and save; a second one leaves at once
---   checkpoint  { every_seconds = 60 } or { every_steps = 500 }: how often; at the end it is saved anyway
---   resume      false: a run begins anew, whatever is in its folder
---   log_every   a line in metrics.jsonl every so many steps (50), beside those of the epochs
--- When data and valid are windows of a series, the result is compared with simple forecasts (history.forecast).
---
--- Without run, Ctrl-C ends training after the step, and the history of the epochs so far is returned; a second one
--- ends the script. `stop` at the prompt inside the loop does so with run as well. history.stopped says it.
---
--- Settings of the optimiser that the script changed before a run goes on are taken from the script. Data given as a
--- function are run through up to the place; random numbers of math.random are not kept.
---@param model nn.Module
---@param options table
---@return rnn.History
return function(model, options)
  local run <close> = prepare(model, options)
  begin(run)
  while run.epoch < run.epochs + (run.inside and 1 or 0) and not run.ended and not run.left do epoch(run) end
  finish(run)
  model:train(run.training)
  compare(run)
  return run.history
end
