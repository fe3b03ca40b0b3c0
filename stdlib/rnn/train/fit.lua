-- fit.lua: training. The loop makes no table and no closure in a step: for small models a step is 100 microseconds.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Module = require "rnn.nn.module"
local Batches = require "rnn.data.batches"
local Windows = require "rnn.data.windows"
local evaluate = require "rnn.train.evaluate"
local History = require "rnn.train.history"
local metrics = require "rnn.train.metrics"
local progress = require "rnn.train.progress"
local report = require "rnn.train.forecast_report"
local Weights = require "rnn.train.weights"

local OPTIONS = {
  data = check.none, valid = check.none, loss = check.none, metrics = check.none, optimizer = check.none, epochs = 1,
  clip_norm = check.none, clip_value = check.none, callbacks = check.none, progress = check.none,
  on_epoch = check.none,
}

-- Everything that the options say, checked.
local function prepare(model, options)
  local fname = "rnn.fit"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  options = check.options(fname, options, OPTIONS)
  local run = { model = model, history = History(), epoch = 0 }
  if type(options.data) == "table" and options.data.batches then
    core.fail("%s: option 'data': expected batches, got a dataset; write dataset:batches { size = 32, shuffle = true }",
      fname)
  end
  run.data = evaluate.source(fname, "option 'data'", options.data)
  run.valid = options.valid ~= nil and evaluate.source(fname, "option 'valid'", options.valid) or nil
  run.loss_of = metrics.loss(fname, options.loss)
  run.scores, run.valid_scores = metrics.Scores(fname, options.metrics), metrics.Scores(fname, options.metrics)
  local optimizer = options.optimizer
  if type(optimizer) ~= "table" or type(optimizer.step) ~= "function" or type(optimizer.params) ~= "table" then
    check.expected(fname, "option 'optimizer'", "an optimiser, such as optim.SGD(model:parameters())", optimizer)
  end
  run.optimizer = optimizer
  run.epochs = check.int(fname, "option 'epochs'", options.epochs, 1)
  run.clip_norm = options.clip_norm and check.positive(fname, "option 'clip_norm'", options.clip_norm)
  run.clip_value = options.clip_value and check.positive(fname, "option 'clip_value'", options.clip_value)
  run.callbacks = check.table(fname, "option 'callbacks'", options.callbacks or {})
  if next(run.callbacks) ~= nil and #run.callbacks == 0 then
    check.expected(fname, "option 'callbacks'", "a list of callbacks", run.callbacks)
  end
  for i, callback in ipairs(run.callbacks) do
    check.table(fname, ("option 'callbacks', entry %d"):format(i), callback)
  end
  run.on_epoch = options.on_epoch and check.callback(fname, "option 'on_epoch'", options.on_epoch)
  local steps = class.is_a(run.data, Batches) and #run.data or nil
  run.show = progress.new(fname, options.progress, run.epochs, steps)
  run.quiet = options.progress == false or options.progress == "terminal"
  return run
end

local function call(run, method, ...)
  local stop = false
  for _, callback in ipairs(run.callbacks) do
    if callback[method] and callback[method](callback, run, ...) then stop = true end
  end
  return stop
end

-- A loss that is no number any more: the weights of the last epoch are put back, and the message says where it was.
local function diverged(run, step, x, loss)
  run.start:restore()
  run.show:done()
  local of = class.is_a(run.data, Batches) and (" of %d"):format(#run.data) or ""
  local bad_input = core.is_tensor(x) and x:type() == "float" and x:without_lengths():is_finite():min():item() == 0
  core.fail("rnn.fit: the loss is %s in epoch %d, step %d%s; %s. The weights are again those before this epoch",
    loss ~= loss and "nan" or tostring(loss), run.epoch, step, of,
    bad_input and "the batch itself holds values that are not finite"
    or "a smaller lr, or clip_norm, or scaled data may help")
end

-- One epoch of steps; returns how many there were.
local function train(run)
  local model, loss_of, optimizer, params = run.model, run.loss_of, run.optimizer, run.optimizer.params
  local scores, show, epoch = run.scores, run.show, run.epoch
  local clip_norm, clip_value, no_grad = run.clip_norm, run.clip_value, core.no_grad
  local step = 0
  for x, y in run.data do
    step = step + 1
    optimizer:zero_grad()
    local prediction = model(x)
    local loss = loss_of(prediction, y)
    local value = loss:item()
    if value - value ~= 0 then diverged(run, step, x, value) end
    loss:backward()
    if clip_value then core.clip_grad_value(params, clip_value) end
    if clip_norm then core.clip_grad_norm(params, clip_norm) end
    optimizer:step()
    no_grad(scores.add, scores, value, prediction, y)
    show:step(epoch, step, scores.loss / scores.weight)
  end
  return step
end

-- Trains for an epoch and measures it.
local function epoch(run)
  run.epoch = run.epoch + 1
  local begun, logs = core.clock(), {}
  run.start:keep()
  run.scores:clear()
  run.model:train()
  if class.is_a(run.data, Batches) then run.data:epoch(run.epoch) end
  if train(run) == 0 then
    core.fail("rnn.fit: option 'data' gave no batch in epoch %d; an iterator must start anew for every epoch",
      run.epoch)
  end
  run.scores:read(logs, "")
  if run.valid then
    run.valid_scores:clear()
    evaluate.pass(run.model, run.valid, run.loss_of, run.valid_scores)
    run.valid_scores:read(logs, "val_")
  end
  logs.lr, logs.seconds = run.optimizer.lr, core.clock() - begun
  run.history:add(logs)
  run.show:epoch(run.epoch, logs)
  return logs
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
---   data        batches (dataset:batches { size = 32, shuffle = true }), or any iterator of x, y that starts anew in
---               each epoch
---   valid       batches or a dataset to measure after each epoch: val_loss, val_mae ...
---   loss        "mse", "mae", "huber", "cross_entropy", "binary_cross_entropy", or a function (y, target) -> scalar
---   metrics     { "mae", "last_mae" (of each sequence's last step), "mse", "rmse", "accuracy", name =
---               function(y, target) }, for both
---   optimizer   optim.SGD(model:parameters(), { lr = 0.05, momentum = 0.9 })
---   epochs      at most so many (1)
---   clip_norm, clip_value    clipping of the gradients by their common norm, or one by one
---   callbacks   { rnn.EarlyStopping { monitor = "val_mae", patience = 50 } }
---   on_epoch    function (epoch, logs), after each epoch; returning false ends training
---   progress    nil: a bar on a terminal, else a line an epoch, on standard error; n: a line every n epochs;
---               "terminal": a bar or nothing; false: nothing. The last two leave out the comparison as well
--- A loss that is not finite stops with an error, with the weights as they were before that epoch. When data and valid
--- are windows of a series, the result is compared with simple forecasts (history.forecast).
---@param model nn.Module
---@param options table
---@return rnn.History
return function(model, options)
  local run = prepare(model, options)
  local history, training = run.history, model.training
  run.start = Weights(model)
  call(run, "on_begin")
  local stop = false
  while run.epoch < run.epochs and not stop do
    local logs = epoch(run)
    stop = call(run, "on_epoch", logs)
    if run.on_epoch and run.on_epoch(run.epoch, logs) == false then
      stop = true
      history.stopped = history.stopped or "on_epoch returned false"
    end
  end
  call(run, "on_end")
  if not history.best then history:choose(run.valid and "val_loss" or "loss") end
  run.show:done()
  model:train(training)
  compare(run)
  return history
end
