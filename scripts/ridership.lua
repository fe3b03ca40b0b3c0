-- Tomorrow's riders of Chicago's buses and trains, from the last eight weeks: the slides' recurrent
-- models on the real series, as in chapter 15 of A. Géron's "Hands-On Machine Learning" (3rd
-- edition). Or another series with dates.
--
--   rnnlua scripts/ridership.lua --model rnn32 --seeds 5   one model, medians over five seeds
--   rnnlua scripts/ridership.lua --data shop.csv --model lstm --save lstm.safetensors
--
-- Models are trained on 2016-2018; January to May 2019 decides when to stop; what comes after is
-- only measured. Another series is cut as --split says.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local experiment = rnn.experiment {
  about = "Forecasts Chicago's daily boardings, or another series, with recurrent networks.",
  data = { folder = "cta-ridership",
    known = { ["CTA_-_Ridership_-_Daily_Boarding_Totals.csv"] = "268584:d4cb8493c757ae42" },
    source = "https://github.com/ageron/data/tree/main/ridership (City of Chicago, CTA totals)",
    format = [[
a CSV file with a heading and a row for each day, week or month; --date, --target, --other and
--kind name the columns (else the first date, two numbers and words, if there are any):
date,sold,visits,weather]] },
  split = "70/15/15",
  epochs = 500,
  csv = true,
  date = { "", "the column of dates" },
  target = { "", "the column to forecast" },
  other = { "", "a column of numbers beside it" },
  kind = { "", "a column of words, of which tomorrow's is told (default: the weekday or month)" },
  model = { { "rnn1", "rnn32", "deep", "multivariate", "multitask", "ahead14", "seq2seq", "ln_rnn",
    "lstm", "gru", "conv_gru", "wavenet", "decoder" },
    "train these; one only with --save and --evaluate" },
}
local options, results = experiment.options, experiment.results
local only, count = next(options.model), 0
for _ in pairs(options.model) do count = count + 1 end
experiment:check(not (options.save or options.evaluate) or count == 1,
  "--save and --evaluate are for one model: choose it by --model")

-- ---- the models, of windows with so many inputs and, of what is known of tomorrow, kinds ----

-- A cell of our own: the simple recurrent neuron with layer normalisation before the activation.
local LNCell = nn.cell("LNCell", function(self, inputs, units)
  self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
  self.norm = nn.LayerNorm(units)
end)
function LNCell:step(x, h)
  h = self.norm(self.wx(x) + self.wh(h)):tanh()
  return h, h -- output, new state
end
-- Encoder and decoder: the decoder goes on from the last day, is told what kind of day comes next,
-- and goes on from what it said itself, in training as well.
local Decoder = nn.module("Decoder", function(self, inputs, kinds)
  self.kinds = kinds
  self.seq2seq = nn.Seq2Seq { start = { 2 },
    encoder = nn.Encoder { inputs = inputs, recurrent = nn.GRU(inputs, 32) },
    decoder = nn.Decoder { outputs = 1, inputs = kinds, recurrent = nn.GRU(1 + kinds, 32) } }
end)
function Decoder:forward(x)
  local coming = x.coming:select(2, x.coming:size(2)) -- as the last day knows it
  return self.seq2seq({ x.series, coming:reshape(-1, 14, self.kinds) }):reshape(-1, 14)
end
-- Convolutions that look back 1, 2, 4, 8 days, and again, and see no later day (van den Oord et al.
-- 2016, "WaveNet").
local function wavenet(inputs)
  local layers = {}
  for i, back in ipairs { 1, 2, 4, 8, 1, 2, 4, 8 } do
    layers[i] = nn.Conv1d(i == 1 and inputs or 32, 32, 2, { padding = "causal", dilation = back,
      activation = "relu" })
  end
  return nn.Sequential(layers), nn.Conv1d(32, 14, 1)
end
local last, half = { returns = "last" }, { stride = 2, activation = "relu" }
local three = { layers = 3, returns = "last" }
local MODELS = { -- name, windows, learning rate, layers, optimiser (SGD with momentum)
  { "rnn1", "next", 0.02, function() return nn.RNN(1, 1, last) end },
  { "rnn32", "next", 0.05, function() return nn.RNN(1, 32, last), nn.Linear(32, 1) end },
  { "deep", "next", 0.01, function() return nn.RNN(1, 32, three), nn.Linear(32, 1) end },
  { "multivariate", "next_of_five", 0.05, function(n)
    return nn.RNN(n, 32, last), nn.Linear(32, 1)
  end },
  { "multitask", "next_both", 0.02, function(n) return nn.RNN(n, 32, last), nn.Linear(32, 2) end },
  { "ahead14", "next_14", 0.02, function(n) return nn.RNN(n, 32, last), nn.Linear(32, 14) end },
  { "seq2seq", "each_14", 0.1, function(n) return nn.RNN(n, 32), nn.Linear(32, 14) end },
  { "ln_rnn", "each_14", 0.1, function(n)
    return nn.Recurrent(LNCell(n, 32)), nn.Linear(32, 14)
  end },
  { "lstm", "each_14", 0.5, function(n) return nn.LSTM(n, 32), nn.Linear(32, 14) end },
  { "gru", "each_14", 0.5, function(n) return nn.GRU(n, 32), nn.Linear(32, 14) end },
  { "conv_gru", "halved", 0.1, function(n)
    return nn.Conv1d(n, 32, 4, half), nn.GRU(32, 32), nn.Linear(32, 14)
  end },
  { "wavenet", "long", 0.1, wavenet },
  { "decoder", "next_14_known", 0.01, function(n, kinds) return Decoder(n, kinds) end, optim.Adam },
}

-- ---- the data: a row a day, in order, 62 repeated days taken out ----
local model, saved = experiment:load()
local path = experiment:files { "csv" }.all
experiment:check(path, "expected one file")
local cta = experiment:frame(path)
-- The first column of a type; of numbers and words, one that is not taken yet.
local function column(type, asked, taken)
  local names = {}
  for i, c in ipairs(cta.columns) do
    names[i] = c.name
    local fits = c.type == type and (type ~= "text" or #c.words > 1 and #c.words <= 31)
    if asked == c.name or asked == "" and fits and c.name ~= taken then
      local every = ("%s: expected a %s in every row of '%s'%s"):format(path, type, c.name,
        c.odd and (", got '%s' in row %d"):format(c.odd.text, c.odd.row) or "")
      experiment:check(c.type == type, every)
      return c.name
    end
  end
  experiment:check(asked == "", ("%s: there is no column '%s'; the columns are '%s'"):format(path,
    asked, table.concat(names, "', '")))
end
if experiment.known and options.target == "" then options.target = "rail_boardings" end
local DATE = experiment:check(column("date", options.date), path .. ": there is no column of dates")
local TARGET = experiment:check(column("number", options.target), path .. ": no column of numbers")
local OTHER = column("number", options.other, TARGET) or TARGET
local KIND = column("text", options.kind)
cta = cta:drop_missing(DATE):sort(DATE):unique()
for _, name in ipairs { TARGET, OTHER } do
  if cta:missing(name) > 0 then
    io.stderr:write(("%s: %d values of '%s' are missing: those before stand for them\n"):format(
      path, cta:missing(name), name))
    while #cta > 0 and cta:rows(1, 1):missing(name) > 0 do cta = cta:rows(2, #cta) end
    cta = cta:fill(name, "previous")
  end
end
local days = cta:dates(DATE)
experiment:check(#days > 30, path .. ": there are fewer than 30 rows")

-- What kind of day each is: 0 where nobody knows.
local numbers = cta:column(DATE)
local daily = numbers:get(#days) - numbers:get(#days - 1) == 1
local function kinds_of_days()
  if KIND then return cta:column(KIND), cta:words(KIND) end
  local list, names = {}, {}
  for i, day in ipairs(days) do
    list[i] = daily and (numbers:get(i) + 4) % 7 + 1 or tonumber(day:sub(6, 7))
  end
  for i = 1, daily and 7 or 12 do names[i] = tostring(i) end
  return rnn.tensor(list, "int32"), names
end
local ids, words = kinds_of_days()
if saved then -- by the numbers that the model knows them by
  local places, list = {}, ids:totable()
  for i, word in ipairs(saved.words) do places[word] = i end
  for i, id in ipairs(list) do list[i] = places[words[id]] or 0 end
  ids, words = rnn.tensor(list, "int32"), saved.words
end
local KINDS = #words
local kinds = rnn.one_hot(ids, KINDS)
local tomorrow = rnn.concat({ kinds:rows(2, #kinds), rnn.zeros(1, KINDS) }, 1)
-- After each day, what kinds of days the next 14 are; none behind the last one.
local coming = rnn.windows(rnn.concat({ kinds:rows(2, #kinds), rnn.zeros(14, KINDS) }, 1),
  rnn.arange(#kinds), 14):reshape(#kinds, 14 * KINDS)

local rail = cta:tensor { TARGET }
local largest = rail:abs():max():item()
experiment:check(largest > 0, path .. ": all that is to be forecast is 0")
local UNIT = saved and saved.unit or 10 ^ math.floor(math.log(largest, 10)) -- a million riders
local five = rnn.concat({ cta:tensor { OTHER, TARGET } / UNIT, tomorrow }, 2) -- U, W, A
local INPUTS = five:size(2)
experiment:check(not saved or saved.inputs == INPUTS, "the model knows other columns")

-- The periods of Chicago, calm being the part of the test before the pandemic, or what --split
-- says.
local cut, till = experiment:cuts(#days)
local PERIODS = experiment.known and { train = { "2016-01", "2018-12" },
  val = { "2019-01", "2019-05" }, test = { "2019-06" }, calm = { "2019-06", "2020-02" } }
  or { train = { nil, days[cut] }, val = { days[cut + 1], days[till] }, test = { days[till + 1] },
    calm = { days[till + 1] } }
local shortest = experiment.known and #days or math.min(cut, till - cut, #days - till)
local LENGTH = saved and saved.length or math.min(56, (shortest - 14) // 4 * 2)
experiment:check(LENGTH >= 4 and shortest >= 2 * LENGTH + 14, ("%s: %d rows are too few for "
  .. "a part; see --split"):format(path, shortest))
-- Windows, of 56 days mostly, of each period; none crosses from one to the next.
local function windows(series, settings)
  local sets, beside = {}, settings.beside
  settings.length = settings.length or LENGTH
  for name, p in pairs(PERIODS) do
    local from, to = cta:between(p[1], p[2])
    settings.beside = beside and { coming = beside:rows(from, to) }
    sets[name] = data.windows(series:rows(from, to), settings)
  end
  return sets
end
local function each_14(length, first, every) -- a forecast after each day, or after some of them
  return windows(five, { length = length, target = "sequence", ahead = 14, target_columns = { 2 },
    first = first, every = every })
end
local WINDOWS = {
  next = windows(rail / UNIT, { target = 1 }),
  next_of_five = windows(five, { target = 1, target_columns = { 2 } }),
  next_both = windows(five, { target = 1, target_columns = { 1, 2 } }),
  next_14 = windows(five, { target = 14, target_columns = { 2 } }),
  next_14_known = windows(five, { target = 14, target_columns = { 2 }, beside = coming }),
  each_14 = each_14(LENGTH), long = each_14(2 * LENGTH), halved = each_14(2 * LENGTH, 4, 2),
}

-- Errors in riders, beside those of simple forecasts of the very same windows.
local SEASON = daily and LENGTH >= 7 and 7 or nil
local function judge(sets, period, forecast)
  return rnn.forecast_report { train = sets.train, test = sets[period], forecast = forecast,
    season = SEASON, scale = UNIT, quiet = true }
end

-- Trains one model with one seed; returns its forecasts of the validation period. What counts is
-- the forecast after the last day of a window; those made on the days before only help to learn.
local function train(name, sets, lr, layers, optimizer)
  local begun, epochs = rnn.clock(), nil
  if not saved then
    model = nn.Sequential { layers(INPUTS, KINDS) }
    local history = experiment:fit(name, model, { loss = "huber", metrics = { "last_mae" },
      data = sets.train:batches { size = 32, shuffle = true }, valid = sets.val,
      progress = "terminal", optimizer = (optimizer or optim.SGD)(model:parameters(), { lr = lr,
        momentum = not optimizer and 0.9 or nil }),
      callbacks = { rnn.EarlyStopping { monitor = "val_last_mae", patience = 50 } } })
    epochs = #history
  end
  local figures, val = { epochs = epochs, seconds = rnn.clock() - begun }, nil
  for _, period in ipairs { "calm", "test", "val" } do
    val = judge(sets, period, rnn.predict(model, sets[period]))
    figures[period .. "_mae"], figures[period .. "_skill"] = val.mae, val.skill
  end
  local each = val.each -- the error of each target
  if #each == 2 then figures.val_mae_bus, figures.val_mae_rail = each[1], each[2] end
  if #each == 14 then figures.val_mae_1, figures.val_mae_14 = each[1], each[14] end
  results:add(name, figures)
  io.stderr:write(("%-12s %d epochs in %.2f s, validation MAE %.0f, skill %+.3f\n"):format(name,
    epochs or 0, figures.seconds, val.mae, val.skill))
  for _, warning in ipairs(val.warnings) do io.stderr:write("  warning: ", warning, "\n") end
  return val.forecast
end
-- What needs no training, for tomorrow's rail; and last week's value in the months for which the
-- book gives it.
for _, period in ipairs { "val", "calm", "test" } do
  for _, plain in ipairs(judge(WINDOWS.next, period).baselines) do
    local name = plain.name == "seasonal" and "naive" or plain.name
    results:add(name, { [period .. "_mae"] = plain.mae })
  end
end
if experiment.known then
  local from, to = cta:between("2019-03", "2019-05")
  local naive = rail:rows(from, to) - rail:rows(from - 7, to - 7)
  results:add("naive", { book_mae = naive:abs():mean():item() })
end

local from, to = cta:between(PERIODS.val[1], PERIODS.val[2])
local dates = table.move(days, from + LENGTH, to, 1, {})
local actual = rail:rows(from + LENGTH, to):reshape(-1) / UNIT
local lines = { { x = dates, y = actual, label = "actual" } }
for _, entry in ipairs(MODELS) do
  local name, kind, lr, layers, optimizer = table.unpack(entry)
  if options.model[name] then
    local sets, forecast = WINDOWS[kind], nil
    for _ in experiment:seeds() do forecast = train(name, sets, lr, layers, optimizer) end
    results:add(name, { val_mae_best = results:least(name, "val_mae") })
    local next_day = forecast:select(2, name == "multitask" and 2 or 1)
    local first = sets.val.length - LENGTH + 1 -- of days
    lines[#lines + 1] = { x = table.move(dates, first, first + #next_day - 1, 1, {}), y = next_day,
      label = name }
  end
end
print(([[
Mean absolute errors of %s, medians of %d seed%s. Skill: 1 - error / error of the best of last,
naive (same day last week, or season) and linear, on the same windows.%s]]):format(
  experiment.known and "riders a day" or TARGET, options.seeds, options.seeds == 1 and "" or "s",
  experiment:reference [[
 Validation: January to May 2019;
calm: June 2019 to February 2020; test: June 2019 to November 2021, with the pandemic.]]))
local SHOWN = UNIT >= 1000 and "%.0f" or "%.4g"
io.write(results:table { { "val_mae", SHOWN, "validation" }, { "val_mae_best", SHOWN, "best seed" },
  { "val_skill", "%+.3f", "skill" }, { "val_mae_1", SHOWN, "+1 day" },
  { "val_mae_14", SHOWN, "+14 days" }, { "calm_mae", SHOWN, "calm" },
  { "calm_skill", "%+.3f", "skill" }, { "test_mae", SHOWN, "test" },
  { "test_skill", "%+.3f", "skill" }, { "epochs", "%.0f", "epochs" },
  { "seconds", "%.2f", "seconds" } })
if options.plot then
  assert(rnn.plot.lines(lines, { title = "One day ahead", file = options.plot }))
end
experiment:finish { model = model, extra = { model = only, words = words, unit = UNIT,
  length = LENGTH, inputs = INPUTS } }
