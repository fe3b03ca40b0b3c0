-- What happens next, and when: an LSTM reads the events of a help desk's tickets one by one and
-- says after each which activity will follow and how many days it will take (Tax et al. 2017,
-- "Predictive business process monitoring with LSTM neural networks"). The first two thirds of the
-- cases are for training, the last third is the test. All settings were chosen within the training
-- cases; a model trained without their last fifth gives the figures "valid". The model that is
-- tested and saved learns from all of them; the test cases are scored once, at the end.
--
--   rnnlua scripts/behaviour.lua --data log.csv --save clerk.safetensors       any log of yours
--   rnnlua scripts/behaviour.lua --data new.csv --split 0/0/1 --evaluate clerk.safetensors
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local experiment = rnn.experiment {
  about = "Predicts the next event of a help desk's tickets, or another log, and when.",
  data = { folder = "helpdesk-log", known = { ["helpdesk.csv"] = "367018:e06ad5acd7a9cf6c" },
    source = "https://github.com/verenich/ProcessSequencePrediction/blob/master/data/helpdesk.csv",
    format = [[
a CSV file with a row for each event, whose columns (also --case, --activity, --time) are
case,activity,time
17,pay,2024-02-29 17:05:00]] },
  split = "8/2/5",
  epochs = 35,
  units = { 64, "units of the LSTM" },
  lr = { 0.005, "learning rate" },
  end_weight = { 0.2, "weight of the end of a case in the loss, where an activity has 1" },
  case = { "", "the column of cases" },
  activity = { "", "the column of what happens" },
  time = { "", "the column of when" },
}
local options, results = experiment.options, experiment.results

-- Reads events (N, T, inputs); says of each, (N, T, END + 1), logits of what follows, END among it,
-- then log(1 + days until it).
local function Predictor(inputs, END)
  return nn.Sequential { nn.LSTM(inputs, options.units), nn.Dropout(0.2),
    nn.Linear(options.units, END + 1) }
end

local model, saved = experiment:load()
local function given(name) return options[name] ~= "" and options[name] or nil end
local columns = {
  { "case", "case id", "trace", "session", "ticket", "order", "patient", "user", "who", "id",
    given = given "case" },
  { "activity", "event", "what", "action", "concept name", "task", "step",
    given = given "activity" },
  { "time", "timestamp", "date", "datetime", "when", given = given "time", time = true,
    form = "YYYY-MM-DD HH:MM:SS" } }

-- The cases: lists of events { activity, days since 1970, share of the day, weekday 1 to 7 }, in
-- order of time; cases are in the order of the log.
local function read(row)
  local day, clock = row.time, row.clock
  return { case = row.case, activity = row.activity, days = day + clock, clock = clock,
    weekday = (day + 4) % 7 + 1 }
end
local function cases_of(events)
  local cases, by_id = {}, {}
  for i, event in ipairs(events) do
    local case = by_id[event.case] or {}
    if #case == 0 then cases[#cases + 1], by_id[event.case] = case, case end
    case[#case + 1], event.line = event, i
  end
  for _, case in ipairs(cases) do
    table.sort(case, function(a, b)
      return a.days < b.days or a.days == b.days and a.line < b.line
    end)
  end
  return cases
end
local tables = experiment:tables(columns, read)
local names, ids = experiment:classes(tables, "activity", saved and saved.names, 2)
for part, events in pairs(tables) do tables[part] = cases_of(events) end
local parts = experiment:parts(tables)
local ACTIVITIES, END, INPUTS = #names, #names + 1, #names + 10 -- END: the case is closed

-- For each event what the model is told, and what it is to say: follows, the activity that follows,
-- or END; counted, the same where the protocol counts it, after two events or more and not at the
-- end; ends, the same with the end; time, log(1 + days until then).
local function dataset(list)
  local xs, y = {}, { follows = {}, counted = {}, ends = {}, time = {} }
  for n, case in ipairs(list) do
    local x, follow, counted, ends, time = {}, {}, {}, {}, {}
    for i, event in ipairs(case) do
      local row, follows = {}, case[i + 1]
      local function days(from, to) return math.log(1 + math.max(to.days - from.days, 0)) end
      for k = 1, INPUTS do row[k] = 0 end
      row[ids[event.activity]], row[ACTIVITIES + event.weekday] = 1, 1
      row[INPUTS - 2], row[INPUTS - 1] = days(case[i - 1] or event, event), days(case[1], event)
      row[INPUTS] = event.clock
      local label = follows and ids[follows.activity] or END
      x[i], follow[i], ends[i] = row, label, i >= 2 and label or 0
      time[i] = { follows and days(event, follows) or 0 }
      counted[i] = follows and ends[i] or 0
    end
    xs[n], y.follows[n], y.counted[n], y.ends[n] = rnn.tensor(x), follow, counted, ends
    y.time[n] = rnn.tensor(time)
  end
  return data.sequences(xs, y)
end

-- p is what the model says.
local function logits(p) return p:slice(3, 1, END) end
local weights = rnn.concat({ rnn.ones(ACTIVITIES), rnn.full({ 1 }, options.end_weight) }, 1)
-- To guess the end can only be wrong, as the protocol never counts it: it has a smaller weight. The
-- absolute error of the logarithm makes the time a median, which is what the error in days asks
-- for.
local function loss_of(p, y)
  local follows = y.follows:ne(0):without_lengths() * y.follows:ne(END):without_lengths()
  local far = (p:select(3, END + 1) - y.time:squeeze(3)):abs():without_lengths()
  return nn.cross_entropy(logits(p), y.follows, { weights = weights })
    + (far * follows):sum() / follows:sum():maximum(1)
end
-- The three ways to count, and the error of the time where the protocol counts.
local function measure(list, other)
  local x, y = dataset(list):all()
  local said_by = other or model
  said_by:eval()
  local p = rnn.no_grad(function() return said_by(x):detach() end)
  local counts, true_days = y.counted:ne(0):without_lengths(), y.time:squeeze(3):exp()
  local far = (p:select(3, END + 1):exp() - true_days):abs():without_lengths()
  local function accuracy(of, labels) return rnn.metrics.accuracy(of, labels, { padded = true }) end
  return { accuracy = accuracy(logits(p), y.counted),
    accuracy_without_end = accuracy(p:slice(3, 1, ACTIVITIES), y.counted),
    accuracy_with_ends = accuracy(logits(p), y.ends),
    mae_days = (far * counts):sum():item() / counts:sum():item() }
end
-- A baseline: after each activity what most often followed it, as a model that says how often (and
-- no time).
local function markov(list)
  local x, y = dataset(list):all()
  x = x:without_lengths():reshape(-1, INPUTS):slice(2, 1, ACTIVITIES)
  y = y.follows:without_lengths():reshape(-1)
  local counts = x:transpose(1, 2):matmul(y:one_hot(END))
  return nn.Module { forward = function(_, input)
    local p = input:slice(3, 1, ACTIVITIES):matmul(counts)
    return rnn.concat({ p, p:slice(3, 1, 1) * 0 }, 3)
  end }
end
local function learn(name, list)
  model = Predictor(INPUTS, END)
  experiment:fit(name, model, { data = dataset(list):batches { size = 32, shuffle = true },
    loss = loss_of, clip_norm = 1,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.cosine() })
end

local learnt = table.move(parts.train, 1, #parts.train, 1, {})
table.move(parts.dev, 1, #parts.dev, #learnt + 1, learnt)
if learnt[1] then results:add("markov", measure(parts.test, markov(learnt))) end
for seed in experiment:seeds() do
  if not saved then
    learn("train", parts.train)
    results:add("valid", measure(parts.dev))
    rnn.seed(seed)
    learn("whole", learnt)
  end
  results:add("test", measure(parts.test))
end

local function name(id) return id == END and "the end" or "activity " .. names[id] end
local case = parts.test[2] or parts.test[1]
local p = rnn.predict(model, dataset { case }):without_lengths()[1]
print "The second case of the test:"
for i, event in ipairs(case) do
  local guess, days = p[i]:rows(1, END):argmax(1):item(), math.exp(p:get(i, END + 1)) - 1
  local follows = case[i + 1]
  local truth = follows and ("%s in %.1f days"):format(name(ids[follows.activity]),
    follows.days - event.days) or name(END)
  print(("  %s, then %s in %.1f days? It was %s"):format(name(ids[event.activity]), name(guess),
    math.max(days, 0), truth))
end
print(("\nAccuracy of the next activity after two events or more%s;\n"
  .. "without end: the model may not guess it; with ends: it is to be guessed, too."):format(
  experiment:reference " (the published LSTM: 0.7123, time within 3.75 days)"))
io.write(results:table { { "accuracy", "%.4f", "accuracy" },
  { "accuracy_without_end", "%.4f", "without end" }, { "accuracy_with_ends", "%.4f", "with ends" },
  { "mae_days", "%.2f", "time within, days" } })
experiment:finish { model = model, extra = { names = names }, plot = "Loss" }
