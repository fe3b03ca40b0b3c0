-- training.lua: how a Forecaster is made for a source and trained: what is guessed, which rows are held out, networks
-- and how much of what they learnt is worth adding, calibration.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local nest = require "rnn.nest"
local option = require "rnn.option"
local Frame = require "rnn.data.frame".Frame
local Flat = require "rnn.forecast.flat"
local panel = require "rnn.forecast.panel"
local steps = require "rnn.data.steps"
local interval = require "rnn.forecast.interval"
local lately = require "rnn.forecast.lately"
local levels = require "rnn.forecast.levels"
local significance = require "rnn.forecast.significance"
local Module = require "rnn.nn.module"
local optim = require "rnn.optim"
local train = require "rnn.train"

local FNAME = "rnn.Forecaster"

-- ---- what is guessed ----

local GUESSES = { -- step: horizon, length
  ["1h"] = { 24, 168 }, ["1d"] = { 7, 56 }, ["7d"] = { 13, 52 }, ["1 month"] = { 12, 36 }, ["3 months"] = { 4, 12 },
  ["1 business day"] = { 5, 50 },
}

local function guess_time(self, source)
  local spec = self.spec
  if not class.is_a(source, Frame) then return end
  spec.time = spec.time or source:time()
  if not spec.time then
    spec.say("no column of dates: rows are steps, in their order (time = \"column\")")
    return
  end
  local one = source
  for _, part in ipairs(spec.series and source:split(spec.series) or {}) do -- the longest series tells most
    if one == source or #part > #one then one = part end
  end
  one = one:sort(spec.time):unique(spec.time)
  local step = spec.step and (steps.parse(spec.step)
    or check.expected(FNAME, "option 'step'", "a step such as \"1h\"", spec.step))
  if not step then
    local text, message = one:step()
    if not text then core.fail("%s: %s; give option 'step', such as step = \"1d\"", FNAME, message) end
    step = steps.parse(text)
  end
  spec.step, self.season = steps.text(step), steps.season(step)
end

local function guess_sizes(self, free)
  local options, spec = self.options, self.spec
  local guess = GUESSES[spec.step or ""]
  local season = self.season
  local horizon = options.horizon or guess and guess[1] or season and (season > 288 and 60 or season) or 8
  horizon = options.horizon or math.max(1, math.min(horizon, free // 8))
  local length = options.length or guess and guess[2] or season and math.min(2 * season, 400) or 3 * horizon
  length = options.length or math.max(1, math.min(math.max(length, horizon), free // 3))
  if not options.length and season and length < season and season <= free // 2 then length = season end
  if not options.horizon then spec.say("forecasts %d steps ahead (horizon = n)", horizon) end
  if not options.length then spec.say("reads the last %d steps (length = n)", length) end
  return horizon, length
end

-- ---- training ----

local FIT = option.of("rnn.Forecaster:fit", {
  { "valid", 0.1, check.positive, "the last share of the rows, or number of rows, that says when to stop" },
  { "calibrate", 0.1, option.number(0), "the share, or number, of rows behind them, to which intervals are "
    .. "calibrated; where these are few for the horizon, also to those that say when to stop" },
  { "epochs", 60, option.int(1), "at most" },
  { "patience", 8, option.int(1), "epochs without an improvement" },
  { "batch", nil, option.int(1), "windows of a batch; 32 to 256 by their number" },
  { "lr", 0.003, check.positive, "learning rate of Adam, which falls to nothing (cosine)" },
  { "weight_decay", 0, option.number(0), "of Adam" },
  { "average", nil, option.number(0, 1), "decay of a moving average of the weights, see rnn.fit" },
  { "stride", nil, option.int(1), "of so many windows one is trained on, of all hours alike; more than 1 where "
    .. "there are very many" },
  { "seconds", nil, check.positive, "of training, at most" },
  { "seed", nil, option.int(0), "of member i seed + i; nil: goes on from where the generator is" },
  { "refit", nil, check.boolean, "trains anew on all rows in the end; by default, unless the model is given ready "
    .. "made" },
  { "progress", nil, option.any, "see rnn.fit" },
  { "callbacks", {}, check.table, "of rnn.fit, for every training" },
  { "run", nil, check.string, "a folder: checkpoints of rnn.fit, a folder below it for each member" },
})

local function share(value, rows) return value < 1 and math.floor(value * rows + 0.5) or math.floor(value) end

-- Ends of the training and the validation span of each series.
local function cut(self, list, settings)
  local h, l, short = self.horizon, self.length, 0
  local kept = {}
  for _, series in ipairs(list) do
    local n = series.rows
    local valid = math.max(share(settings.valid, n), h)
    local calibrate = self.options.conformal and settings.calibrate > 0 and math.max(share(settings.calibrate, n), h)
      or 0
    series.train, series.valid = n - valid - calibrate, n - calibrate
    if series.train >= l + h then kept[#kept + 1] = series else short = short + 1 end
  end
  if #kept == 0 then
    local n = list[1].rows
    core.fail("%s:fit: %d rows are too few to read %d steps and forecast %d, with rows held out to validate and to "
      .. "calibrate; take a smaller length or horizon", FNAME, n, l, h)
  end
  if short > 0 then self.spec.say("%d of %d series are too short and are left out", short, #list) end
  return kept
end

local MOST <const> = 800000 -- steps of all training windows of an epoch

local function sets_of(self, list, settings)
  local h, count = self.horizon, 0
  for _, series in ipairs(list) do count = count + series.train - h - self.length + 1 end
  local stride = settings.stride or math.max(1, math.ceil(count * self.length / MOST))
  local reading = self.flat:read(list)
  local training = reading:samples(function(s) return self.length, s.train - h end, stride)
  local validation = reading:samples(function(s) return s.train, s.valid - h end, math.min(stride, h))
  local calibration = reading:samples(function(s) return s.valid, s.rows - h end, math.min(stride, h))
  local function everything() return reading:samples(function(s) return self.length, s.rows - h end, stride) end
  local held_out = reading:samples(function(s) return s.train, s.rows - h end, math.min(stride, h))
  return training, validation, calibration, everything, held_out
end

local function new_network(self, index)
  local options, sizes = self.options, self.sizes
  if type(options.model) == "string" then
    return require "rnn.forecast.network" { inputs = sizes.inputs, targets = sizes.targets, length = sizes.length,
      horizon = sizes.horizon, future = sizes.future, static = sizes.static, series = sizes.series,
      columns = sizes.columns, centre = sizes.centre, season = self.season, units = options.units,
      cell = options.model == "simple" and "RNN" or options.model,
      layers = options.layers, dropout = options.dropout }
  end
  if Module.is(options.model) then
    if options.members > 1 then
      core.fail("%s: option 'members': %d networks want a function that makes them, not a model", FNAME,
        options.members)
    end
    return options.model
  end
  local copy = {}
  for key, value in pairs(sizes) do copy[key] = value end
  local network = options.model(copy, index)
  if not Module.is(network) then check.expected(FNAME, "option 'model': its result", "a model (nn.Module)", network) end
  return network
end

-- Outputs of a network for samples or their inputs, (N, outputs), checked.
local function outputs_of(self, network, x)
  local y = train.predict(network, x)
  if not core.is_tensor(y) or y:ndim() ~= 2 or y:size(2) ~= self.sizes.outputs then
    core.fail("%s: option 'model': expected outputs (N, %d), got %s", FNAME, self.sizes.outputs,
      core.is_tensor(y) and check.shape(y) or check.describe(y))
  end
  return y
end

-- One training: history. The schedule ends with the last epoch.
local function run(self, network, sets, settings, name, epochs, callbacks, on_epoch)
  local distribution, training = self.distribution, sets[1]
  for _, each in ipairs(settings.callbacks) do callbacks[#callbacks + 1] = each end
  local batch = settings.batch or math.max(32, math.min(256, #training // 64))
  if settings.seconds then callbacks[#callbacks + 1] = train.TimeLimit(settings.seconds) end
  return train.fit(network, {
    data = training:batches { size = batch, shuffle = true }, valid = sets[2], epochs = epochs, clip_norm = 1,
    loss = function(y, target, weights) return distribution:loss(y, target, weights) end,
    optimizer = optim.Adam(network:parameters(), { lr = settings.lr, weight_decay = settings.weight_decay }),
    average = settings.average, schedule = optim.schedules.cosine(), progress = settings.progress,
    callbacks = callbacks, run = settings.run and ("%s/%s"):format(settings.run, name) or nil, on_epoch = on_epoch })
end

-- The absolute errors of a network in windows, a mean for each.
local function errors_of(self, network, samples)
  local x, y, weights = samples:some(4000)
  local e = (self.distribution:quantile(outputs_of(self, network, x), 0.5) - y):abs()
  return weights and (e * weights):sum(2) / weights:sum(2):maximum(1) or e:mean(2)
end

-- How much of what a network has learnt beside its linear model is worth adding: the share with the least errors in all
-- rows that were held out, and nothing where these are not less by more than twice their standard error.
local function choose_trust(self, network, samples)
  local function at(trust)
    network.trust:fill_(trust)
    return errors_of(self, network, samples)
  end
  local none = at(0)
  local best, gain, least = 0, nil, none:mean():item()
  for _, trust in ipairs { 0.5, 1 } do
    local e = at(trust)
    if e:mean():item() < least then best, gain, least = trust, none - e, e:mean():item() end
  end
  if gain then
    local noise = significance.standard_error(gain:reshape(-1):totable(), nil, self.horizon - 1)
    if gain:mean():item() <= 2 * noise then best = 0 end
  end
  network.trust:fill_(best)
  return best
end

-- A member, what came of it, and how it is made again with more data.
local function train_member(self, index, sets, settings)
  local training, validation = sets[1], sets[2]
  if settings.seed then core.seed(settings.seed + index) end
  local network, how = new_network(self, index), {}
  outputs_of(self, network, (training:some(2)))
  local held_out = #sets[3] > 0 and sets[3] or validation
  if self.options.model == "simple" then
    how.base, how.trust, how.epochs = network:begin(training, held_out, "simple"), 0, 0
    network.trust:fill_(0)
    return network, { stopped = false }, how
  end
  if network.begin then how.base = network:begin(training, held_out) end
  local begun = core.clock()
  local history = run(self, network, sets, settings, "member-" .. index, settings.epochs,
    { train.EarlyStopping { monitor = "val_loss", patience = settings.patience } }, function(epoch)
      if epoch > 1 or index > 1 then return end
      local seconds = core.clock() - begun
      local most = seconds * settings.epochs * self.options.members * (settings.refit and 2 or 1)
      self.spec.say("an epoch takes %.1f s; all take %.0f s at most (Ctrl-C ends a training and keeps what was learnt)",
        seconds, settings.seconds and math.min(most, 2 * settings.seconds * self.options.members) or most)
    end)
  how.epochs = history.best and history.best.epoch or math.max(#history, 1)
  if how.base then how.trust = choose_trust(self, network, sets[3]) end
  return network, history, how
end

-- The same network trained on all rows.
local function train_again(self, index, everything, validation, settings, how)
  if settings.seed then core.seed(settings.seed + index) end
  local network = new_network(self, index)
  if how.base then network:begin(everything, validation, how.base) end
  if how.epochs > 0 then run(self, network, { everything }, settings, "again-" .. index, how.epochs, {}) end
  if how.trust then network.trust:fill_(how.trust) end
  return network
end

-- What of the calendar is known in advance and tells anything; the series with it.
local function read(self, source)
  local spec, options = self.spec, self.options
  local ahead = options.horizon or 400
  local list = panel.read(spec, source, ahead)
  local longest = 0
  for _, series in ipairs(list) do longest = math.max(longest, series.rows) end
  if not (options.calendar and spec.time) then return list, longest end
  spec.calendar = panel.calendar_of(spec.step, longest)
  if #spec.calendar == 0 then return list, longest end
  list = panel.read(spec, source, ahead)
  local kept = panel.kept(spec, list, self.season or 1)
  if #kept < #spec.calendar then
    spec.calendar = kept
    list = panel.read(spec, source, ahead)
  end
  spec.say("%s known in advance (calendar = false: nothing)", #kept > 0
    and "by the calendar, " .. table.concat(kept, " and ") .. (#kept > 1 and " are" or " is")
    or "the calendar says nothing that is")
  return list, longest
end

local function say_missing(self, list)
  local missing = 0
  for _, series in ipairs(list) do
    local y = series.y:rows(1, series.train)
    missing = missing + y:ne(y):sum():item()
  end
  self.spec.say("%d target values of the training span are missing: left out of loss and errors", missing)
end

local function say_base(self, how)
  local linear, base = 0, how[1].base and how[1].base.label
  for _, each in ipairs(how) do linear = linear + (each.trust == 0 and 1 or 0) end
  if base then
    self.spec.say("of the simple forecasts %s foretells rows held out best; others nearly as good have a share", base)
  end
  if linear > 0 and self.options.model ~= "simple" then
    self.spec.say("%d of %d networks learnt nothing that counts beyond the forecast they begin with, which stays",
      linear, #how)
  end
end

-- Where training ended: the last rows of series by their names, and the last time of all.
local function note_ends(self, list)
  self.ends, self.trained_to = {}, nil
  for _, series in ipairs(list) do
    self.ends[series.name or ""] = series.rows
    local last = self.spec.time and series.frame:rows(series.rows, series.rows):dates(self.spec.time)[1]
    if last and (not self.trained_to or last > self.trained_to) then self.trained_to = last end
  end
end

local FEW <const> = 10 -- windows that do not overlap: they say little of one value in ten

-- What the networks foretell of windows that were held out: those that training did not see, where there are any, and
-- where these are few also those that said when to stop.
local function foretold(self, calibration, validation, held_out)
  local function starts_of(samples)
    local starts = nest.spread(samples.items, interval.MOST)
    local list = starts:totable()
    return starts, list, interval.apart(list, self.horizon)
  end
  local samples = #calibration > 0 and calibration or validation
  local starts, list, apart = starts_of(samples)
  local own = samples == calibration
  if own and apart < FEW then
    samples = held_out
    starts, list, apart = starts_of(samples)
  end
  if #self.levels > 1 then
    self.spec.say(not own and "intervals are calibrated on the %d windows that said when to stop, and may be narrow"
      or samples == calibration and "intervals are calibrated on %d windows that training did not see"
      or "intervals are calibrated on %d windows that training did not see, some of which said when to stop", #list)
    if apart < FEW then
      self.spec.say("only %d of these windows do not overlap: %d steps ahead intervals are a guess, and wider for it "
        .. "(more rows or a smaller horizon tell more)", apart, self.horizon)
    end
  end
  local x, y, weights = samples:batch(starts)
  local found, raw = levels.of(self, x)
  return { x = x, y = y, weights = weights, levels = found, raw = raw, starts = list }
end

-- Moves the ends of intervals so that enough of what was held out lies within. Networks that were trained again have
-- seen it: their ends are set about the middle that the first ones foretold.
local function calibrate(self, held, again)
  if again then
    local now, middle = levels.of(self, held.x), held.levels[self.middle]
    for k, level in ipairs(now) do held.levels[k] = middle + (level - now[self.middle]) end
  end
  interval.calibrate(self, held.levels, held.raw, held.y, held.weights, held.starts)
end

-- What forecasts may go on from: the last rows of the training data, where there is one series.
local function tail_of(self, source, list)
  if #list > 1 then return nil end
  local series = list[1]
  local first = math.max(1, series.rows - lately.rows(self) + 1)
  return (class.is_a(source, Frame) and series.frame or series.y):rows(first, series.rows)
end

--- training(forecaster, source, settings): see forecaster:fit.
return function(self, source, settings)
  settings = FIT:read(settings)
  if self.network then core.fail("%s:fit: it was fitted before; make another one", FNAME) end
  local options = self.options
  guess_time(self, source)
  local shifted = (options.scale == "standard" or options.scale == "revin") and not options.log
  if shifted and not self.spec.offsets then panel.offsets(self.spec, source) end
  local list, longest = read(self, source)
  self.season = options.season or self.season
  self.horizon, self.length = guess_sizes(self,
    longest - share(settings.valid, longest) - share(settings.calibrate, longest))
  list = cut(self, list, settings)
  self.flat = Flat(self):fit(list)
  self.sizes = self.flat:sizes()
  local training, validation, calibration, everything, held_out = sets_of(self, list, settings)
  if training.flat.seen then say_missing(self, list) end
  if settings.refit == nil then settings.refit = not Module.is(options.model) end
  local members, history, how = {}, {}, {}
  for i = 1, options.members do
    members[i], history[i], how[i] = train_member(self, i, { training, validation, held_out }, settings)
  end
  say_base(self, how)
  self.network, self.history = levels.Ensemble(members), history
  note_ends(self, list)
  local held = options.conformal and foretold(self, calibration, validation, held_out)
  if settings.refit then
    local all = everything()
    for i = 1, options.members do members[i] = train_again(self, i, all, validation, settings, how[i]) end
    self.network = levels.Ensemble(members)
  end
  if held then calibrate(self, held, settings.refit) end
  self.network:eval()
  self.recent = tail_of(self, source, list)
end
