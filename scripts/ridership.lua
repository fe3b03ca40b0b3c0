-- Tomorrow's riders of Chicago's buses and trains, from the last eight weeks: the slides' recurrent models on the real
-- series, as in chapter 15 of A. Géron's "Hands-On Machine Learning" (3rd edition).
--
--   rnnlua scripts/ridership.lua --model rnn32 --seeds 5   one model, medians over five seeds
--
-- Models are trained on 2016-2018; January to May 2019 decides when to stop; what comes after is only measured. Of
-- another daily series, whose columns options name, they are trained on the first 70 %, and the next 15 % decide.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Forecasts the daily boardings of the Chicago Transit Authority with recurrent networks.",
  epochs = 500, save = false, load = false, -- there are thirteen models
  date = { "service_date", "the column of dates" },
  target = { "rail_boardings", "the column to forecast" },
  other = { "bus", "a column of numbers beside it" },
  kind = { "day_type", "a column of words, of which tomorrow's is told" },
  model = { { "rnn1", "rnn32", "deep", "multivariate", "multitask", "ahead14", "seq2seq", "ln_rnn", "lstm", "gru",
    "conv_gru", "wavenet", "decoder" }, "train these" },
}

-- The data: a row a day, in order, 62 repeated days taken out; and what kind of day tomorrow is.
local path, known = assert(data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv", {
  data = options.data, sole = true, fingerprint = "268584:d4cb8493c757ae42",
  source = "https://github.com/ageron/data/tree/main/ridership (City of Chicago, CTA daily boarding totals)" }))
local cta = assert(data.csv(path)):sort(options.date):unique():shift(options.kind, -1, "next")
local rail = cta:tensor { options.target }
local UNIT = 10 ^ math.floor(math.log(rail:abs():max():item(), 10)) -- a million riders
local five = rnn.concat({ cta:tensor { options.other, options.target } / UNIT, (cta:one_hot("next")) }, 2) -- U, W, A
local INPUTS = five:size(2)
-- After each day, what kinds of days the next 14 are, which is known in advance; none behind the last one.
local kinds = cta:one_hot(options.kind)
local KINDS = kinds:size(2)
local coming = rnn.windows(rnn.concat({ kinds:rows(2, #kinds), rnn.zeros(14, KINDS) }, 1), rnn.arange(#kinds), 14)
  :reshape(#kinds, 14 * KINDS)

-- The periods of Chicago, calm being the part of the test before the pandemic, or 70, 15 and 15 % of another series.
local days = cta:dates()
local cut, till, rest = days[#days * 7 // 10], days[#days * 17 // 20], days[#days * 17 // 20 + 1]
local PERIODS = known and { train = { "2016-01", "2018-12" }, val = { "2019-01", "2019-05" }, test = { "2019-06" },
  calm = { "2019-06", "2020-02" } }
  or { train = { nil, cut }, val = { days[#days * 7 // 10 + 1], till }, test = { rest }, calm = { rest } }
-- Windows, of 56 days mostly, of each period; none crosses from one to the next.
local function windows(series, settings)
  local sets, beside = {}, settings.beside
  settings.length = settings.length or 56
  for name, p in pairs(PERIODS) do
    local from, to = cta:between(p[1], p[2])
    settings.beside = beside and { coming = beside:rows(from, to) }
    sets[name] = data.windows(series:rows(from, to), settings)
  end
  return sets
end
local next_rail = windows(rail / UNIT, { target = 1 })
local next_rail_of_five = windows(five, { target = 1, target_columns = { 2 } })
local next_both = windows(five, { target = 1, target_columns = { 1, 2 } })
local next_14 = windows(five, { target = 14, target_columns = { 2 } })
local next_14_known = windows(five, { target = 14, target_columns = { 2 }, beside = coming })
local function each_14(length, first, every) -- a forecast after each day, or after some of them only
  return windows(five, { length = length, target = "sequence", ahead = 14, target_columns = { 2 }, first = first,
    every = every })
end
local each_next_14, long, halved = each_14(56), each_14(112), each_14(112, 4, 2)
-- A cell of our own: the simple recurrent neuron with layer normalisation before the activation.
local LNCell = nn.cell("LNCell", function(self, inputs, units)
  self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
  self.norm = nn.LayerNorm(units)
end)
function LNCell:step(x, h)
  h = self.norm(self.wx(x) + self.wh(h)):tanh()
  return h, h -- output, new state
end
-- Encoder and decoder: the decoder goes on from the last day, is told what kind of day comes next, and goes on from
-- what it said itself, in training as well.
local Decoder = nn.module("Decoder", function(self)
  self.seq2seq = nn.Seq2Seq { encoder = nn.Encoder { inputs = INPUTS, recurrent = nn.GRU(INPUTS, 32) },
    decoder = nn.Decoder { outputs = 1, inputs = KINDS, recurrent = nn.GRU(1 + KINDS, 32) }, start = { 2 } }
end)
function Decoder:forward(x)
  local next_14_kinds = x.coming:select(2, x.coming:size(2)):reshape(-1, 14, KINDS) -- as the last day knows them
  return self.seq2seq({ x.series, next_14_kinds }):reshape(-1, 14)
end
-- Convolutions that look back 1, 2, 4, 8 days, and again, and see no later day (van den Oord et al. 2016, "WaveNet").
local function wavenet()
  local layers = {}
  for i, back in ipairs { 1, 2, 4, 8, 1, 2, 4, 8 } do
    layers[i] = nn.Conv1d(i == 1 and INPUTS or 32, 32, 2, { padding = "causal", dilation = back, activation = "relu" })
  end
  return nn.Sequential(layers), nn.Conv1d(32, 14, 1)
end
local last, half = { returns = "last" }, { stride = 2, activation = "relu" }
local models = { -- name, windows, learning rate, layers, optimiser (SGD with momentum)
  { "rnn1", next_rail, 0.02, function() return nn.RNN(1, 1, last) end },
  { "rnn32", next_rail, 0.05, function() return nn.RNN(1, 32, last), nn.Linear(32, 1) end },
  { "deep", next_rail, 0.01, function() return nn.RNN(1, 32, { layers = 3, returns = "last" }), nn.Linear(32, 1) end },
  { "multivariate", next_rail_of_five, 0.05, function() return nn.RNN(INPUTS, 32, last), nn.Linear(32, 1) end },
  { "multitask", next_both, 0.02, function() return nn.RNN(INPUTS, 32, last), nn.Linear(32, 2) end },
  { "ahead14", next_14, 0.02, function() return nn.RNN(INPUTS, 32, last), nn.Linear(32, 14) end },
  { "seq2seq", each_next_14, 0.1, function() return nn.RNN(INPUTS, 32), nn.Linear(32, 14) end },
  { "ln_rnn", each_next_14, 0.1, function() return nn.Recurrent(LNCell(INPUTS, 32)), nn.Linear(32, 14) end },
  { "lstm", each_next_14, 0.5, function() return nn.LSTM(INPUTS, 32), nn.Linear(32, 14) end },
  { "gru", each_next_14, 0.5, function() return nn.GRU(INPUTS, 32), nn.Linear(32, 14) end },
  { "conv_gru", halved, 0.1, function() return nn.Conv1d(INPUTS, 32, 4, half), nn.GRU(32, 32), nn.Linear(32, 14) end },
  { "wavenet", long, 0.1, wavenet },
  { "decoder", next_14_known, 0.01, function() return Decoder() end, optim.Adam },
}
local results = rnn.results()
-- Errors in riders, beside those of simple forecasts of the very same windows.
local function judge(sets, period, forecast)
  return rnn.forecast_report { train = sets.train, test = sets[period], forecast = forecast, season = 7, scale = UNIT,
    quiet = true }
end

-- Trains one model with one seed; returns its forecasts of the validation period. What counts is the forecast after
-- the last day of a window; those made on the days before only help to learn.
local function train(seed, name, sets, lr, layers, optimizer)
  rnn.seed(seed)
  local model, begun = nn.Sequential { layers() }, rnn.clock()
  local history = rnn.fit(model, { data = sets.train:batches { size = 32, shuffle = true }, valid = sets.val,
    loss = "huber", metrics = { "last_mae" }, epochs = options.epochs, progress = "terminal",
    optimizer = (optimizer or optim.SGD)(model:parameters(), { lr = lr, momentum = not optimizer and 0.9 or nil }),
    callbacks = { rnn.EarlyStopping { monitor = "val_last_mae", patience = 50 } } })
  local figures, val = { epochs = #history, seconds = rnn.clock() - begun }, nil
  for _, period in ipairs { "calm", "test", "val" } do
    val = judge(sets, period, rnn.predict(model, sets[period]))
    figures[period .. "_mae"], figures[period .. "_skill"] = val.mae, val.skill
  end
  local each = val.each -- the error of each target
  if #each == 2 then figures.val_mae_bus, figures.val_mae_rail = each[1], each[2] end
  if #each == 14 then figures.val_mae_1, figures.val_mae_14 = each[1], each[14] end
  results:add(name, figures)
  io.stderr:write(("%-12s seed %d: %d epochs in %.2f s, validation MAE %.0f, skill %+.3f\n"):format(name, seed,
    #history, figures.seconds, val.mae, val.skill))
  for _, warning in ipairs(val.warnings) do io.stderr:write("  warning: ", warning, "\n") end
  return val.forecast
end
-- What needs no training, for tomorrow's rail; and last week's value in the months for which the book gives it.
for _, period in ipairs { "val", "calm", "test" } do
  local plain = judge(next_rail, period).baselines
  for i, name in ipairs { "last", "naive", "linear" } do results:add(name, { [period .. "_mae"] = plain[i].mae }) end
end
if known then
  local from, to = cta:between("2019-03", "2019-05")
  results:add("naive", { book_mae = (rail:rows(from, to) - rail:rows(from - 7, to - 7)):abs():mean():item() })
end

local from, to = cta:between(PERIODS.val[1], PERIODS.val[2])
local dates = table.move(days, from + 56, to, 1, {})
local lines = { { x = dates, y = rail:rows(from + 56, to):reshape(-1) / UNIT, label = "actual" } }
for _, entry in ipairs(models) do
  local name, sets = table.unpack(entry)
  if options.model[name] then
    local forecast
    for seed = options.seed, options.seed + options.seeds - 1 do forecast = train(seed, table.unpack(entry)) end
    results:add(name, { val_mae_best = results:least(name, "val_mae") })
    local tomorrow, first = forecast:select(2, name == "multitask" and 2 or 1), sets.val.length - 55 -- of days
    lines[#lines + 1] = { x = table.move(dates, first, first + #tomorrow - 1, 1, {}), y = tomorrow, label = name }
  end
end
print(([[
Mean absolute errors in riders a day, medians of %d seed%s. Skill: 1 - error / error of the best of last, naive (same
day last week) and linear, on the same windows.%s]]):format(options.seeds, options.seeds == 1 and "" or "s",
  known and [[ Validation: January to May 2019; calm: June 2019 to February 2020;
test: June 2019 to November 2021, with the pandemic.]] or ""))
io.write(results:table { { "val_mae", "%.0f", "validation" }, { "val_mae_best", "%.0f", "best seed" },
  { "val_skill", "%+.3f", "skill" }, { "val_mae_1", "%.0f", "+1 day" }, { "val_mae_14", "%.0f", "+14 days" },
  { "calm_mae", "%.0f", "calm" }, { "calm_skill", "%+.3f", "skill" }, { "test_mae", "%.0f", "test" },
  { "test_skill", "%+.3f", "skill" }, { "epochs", "%.0f", "epochs" }, { "seconds", "%.2f", "seconds" } })
if options.plot then assert(rnn.plot.lines(lines, { title = "One day ahead", file = options.plot })) end
if options.result then assert(results:write(options.result)) end
