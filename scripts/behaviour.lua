-- What happens next, and when: an LSTM reads the events of a help desk's tickets one by one and says after each which
-- activity will follow and how many days it will take (Tax et al. 2017, "Predictive business process monitoring with
-- LSTM neural networks"). The first two thirds of the cases are for training, the last third is the test. All settings
-- were chosen within the training cases; a model trained without their last fifth gives the figures "valid". The model
-- that is tested and saved learns from all of them; the test cases are scored once, at the end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Predicts the next event of a help desk's tickets, or of another event log, and the days until it.",
  epochs = 35,
  units = { 64, "units of the LSTM" },
  lr = { 0.005, "learning rate" },
  end_weight = { 0.2, "weight of the end of a case in the loss, where an activity has 1" },
  limit = { 0, "train with so many cases (0: all)" },
}
assert(not (options.plot and options.load), "--plot draws the training; with --load there is none")
local path, known = assert(data.find("helpdesk-log", "helpdesk.csv", { data = options.data, sole = true,
  fingerprint = "367018:e06ad5acd7a9cf6c",
  source = "https://github.com/verenich/ProcessSequencePrediction/blob/master/data/helpdesk.csv" }))
local EVENT = "^([^,]+),([^,]+),(%d%d%d%d)%-(%d%d?)%-(%d%d?)[ T](%d%d?):(%d%d)(.*)"
local events = assert(data.lines(path, "case,activity,YYYY-MM-DD HH:MM:SS", function(line)
  local id, activity, year, month, day, hour, minute, rest = line:match(EVENT)
  if not id or month // 1 > 12 or day // 1 > 31 then return nil end
  local noon = os.time { year = year, month = month, day = day, hour = 12, isdst = false }
  local clock, weekday = hour / 24 + minute / 1440 + (rest:match "^:(%d+)" or 0) / 86400, os.date("*t", noon).wday
  return { id = id, activity = activity, days = noon // 86400 + clock, clock = clock, weekday = weekday }
end, { header = true }))
local names, ids = data.classes(events, "activity")
local ACTIVITIES, END, INPUTS = #names, #names + 1, #names + 10 -- END: no activity follows, the case is closed

-- The cases: lists of events { activity, days since 1970, share of the day, weekday 1 to 7 }, in order of time.
local cases, by_id = {}, {}
for i, event in ipairs(events) do
  local case = by_id[event.id] or {}
  if #case == 0 then cases[#cases + 1], by_id[event.id] = case, case end
  case[#case + 1], event.activity, event.line = event, ids[event.activity], i
end
for _, case in ipairs(cases) do
  table.sort(case, function(a, b) return a.days < b.days or a.days == b.days and a.line < b.line end)
end
local last = #cases * 2 // 3
local first = options.limit > 0 and math.max(1, last - options.limit + 1) or 1
local cut = first + (last - first + 1) * 4 // 5
assert(cut > first, ("%s: %d cases are too few, or --limit is"):format(path, #cases))
local function part(from, to) return table.move(cases, from, to, 1, {}) end
local train, test = part(first, last), part(last + 1, #cases)

-- For each event what the model is told, and what it is to say: follows, the activity that follows, or END; counted,
-- the same where the protocol counts it, after two events or more and not at the end; ends, the same with the end;
-- time, log(1 + days until then).
local function dataset(list)
  local xs, y = {}, { follows = {}, counted = {}, ends = {}, time = {} }
  for n, case in ipairs(list) do
    local x, follow, counted, ends, time = {}, {}, {}, {}, {}
    for i, event in ipairs(case) do
      local row, follows = {}, case[i + 1]
      local function days(from, to) return math.log(1 + math.max(to.days - from.days, 0)) end
      for k = 1, INPUTS do row[k] = 0 end
      row[event.activity], row[ACTIVITIES + event.weekday] = 1, 1
      row[INPUTS - 2], row[INPUTS - 1] = days(case[i - 1] or event, event), days(case[1], event)
      row[INPUTS] = event.clock
      local label = follows and follows.activity or END
      x[i], follow[i], ends[i], time[i] = row, label, i >= 2 and label or 0, { follows and days(event, follows) or 0 }
      counted[i] = follows and ends[i] or 0
    end
    xs[n], y.follows[n], y.counted[n], y.ends[n], y.time[n] = rnn.tensor(x), follow, counted, ends, rnn.tensor(time)
  end
  return data.sequences(xs, y)
end

-- p is what the model says, (N, T, END + 1): logits of what follows, then log(1 + days until it).
local function logits(p) return p:slice(3, 1, END) end
local weights = rnn.concat({ rnn.ones(ACTIVITIES), rnn.full({ 1 }, options.end_weight) }, 1)
-- To guess the end can only be wrong, as the protocol never counts it: it has a smaller weight. The absolute error of
-- the logarithm makes the time a median, which is what the absolute error in days asks for.
local function loss_of(p, y)
  local follows = y.follows:ne(0):without_lengths() * y.follows:ne(END):without_lengths()
  local far = (p:select(3, END + 1) - y.time:squeeze(3)):abs():without_lengths()
  return nn.cross_entropy(logits(p), y.follows, { weights = weights })
    + (far * follows):sum() / follows:sum():maximum(1)
end
-- The three ways to count, and the error of the time where the protocol counts.
local function measure(model, list)
  local x, y = dataset(list):all()
  model:eval()
  local p = rnn.no_grad(function() return model(x):detach() end)
  local counts, true_days = y.counted:ne(0):without_lengths(), y.time:squeeze(3):exp()
  local far = (p:select(3, END + 1):exp() - true_days):abs():without_lengths()
  return { accuracy = rnn.metrics.accuracy(logits(p), y.counted),
    accuracy_without_end = rnn.metrics.accuracy(p:slice(3, 1, ACTIVITIES), y.counted),
    accuracy_with_ends = rnn.metrics.accuracy(logits(p), y.ends),
    mae_days = (far * counts):sum():item() / counts:sum():item() }
end
-- A baseline: after each activity what most often followed it, as a model that says how often (and no time).
local function markov(list)
  local x, y = dataset(list):all()
  x, y = x:without_lengths():reshape(-1, INPUTS):slice(2, 1, ACTIVITIES), y.follows:without_lengths():reshape(-1)
  local counts = x:transpose(1, 2):matmul(y:one_hot(END))
  return nn.Module { forward = function(_, input)
    local p = input:slice(3, 1, ACTIVITIES):matmul(counts)
    return rnn.concat({ p, p:slice(3, 1, 1) * 0 }, 3)
  end }
end
local results, curves = rnn.results(), {}
local function learn(list, seed, title)
  rnn.seed(seed)
  local model = nn.Sequential { nn.LSTM(INPUTS, options.units), nn.Dropout(0.2), nn.Linear(options.units, END + 1) }
  local history = rnn.fit(model, { data = dataset(list):batches { size = 32, shuffle = true }, loss = loss_of,
    epochs = options.epochs, clip_norm = 1, optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.cosine(), callbacks = { results:training() } })
  curves[#curves + 1] = { y = history.loss, label = title }
  return model
end

results:add("markov", measure(markov(train), test))
local model, saved
if options.load then
  model, saved = assert(rnn.load(options.load))
  assert(table.concat(saved.names, ",") == table.concat(names, ","), "the model knows other activities")
  results:add("test", measure(model, test))
else
  for seed = options.seed, options.seed + options.seeds - 1 do
    local begun = rnn.clock()
    results:add("valid", measure(learn(part(first, cut - 1), seed, "first four fifths"), part(cut, last)))
    model = learn(train, seed, "all training cases")
    results:add("test", measure(model, test))
    results:add("", { seconds = rnn.clock() - begun })
  end
end
local function name(activity) return activity == END and "the end" or "activity " .. names[activity] end
local case = test[2] or test[1]
local p = rnn.predict(model, dataset { case }):without_lengths()[1]
print "The second case of the test:"
for i, event in ipairs(case) do
  local guess, days, follows = p[i]:rows(1, END):argmax(1):item(), math.exp(p:get(i, END + 1)) - 1, case[i + 1]
  local truth = follows and ("%s in %.1f days"):format(name(follows.activity), follows.days - event.days) or name(END)
  print(("  %s, then %s in %.1f days? It was %s"):format(name(event.activity), name(guess), math.max(days, 0), truth))
end
print(("\nAccuracy of the next activity after two events or more%s;\nwithout end: the model may not guess it; with "
  .. "ends: it is to be guessed, too."):format(known and " (the published LSTM: 0.7123, time within 3.75 days)" or ""))
for _, row in ipairs(options.load and { "markov", "test" } or { "markov", "valid", "test" }) do
  local function get(figure) return results:median(row, figure) end
  print(("%-6s  accuracy %.4f  without end %.4f  with ends %.4f  time within %.2f days"):format(row, get "accuracy",
    get "accuracy_without_end", get "accuracy_with_ends", get "mae_days"))
end
if options.save then assert(rnn.save(options.save, model, { names = names })) end
if options.plot then assert(rnn.plot.lines(curves, { title = "Loss", xlabel = "epoch", file = options.plot })) end
if options.result then assert(results:write(options.result)) end
