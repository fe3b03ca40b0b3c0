-- Tools off and on (see tests/run_tools). A group is a small task on real data: run(o) trains with the options o of a
-- tool and returns a figure of validation. The first row of a group is without any tool; each other row has one.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim, text, audio, augment = rnn.nn, rnn.data, rnn.optim, rnn.text, rnn.audio, rnn.augment

local SEEDS = math.tointeger(tonumber(os.getenv "SEEDS" or 3))
local JSON, PAGE = "docs/tools.json", "docs/results.md"

local function path_of(name)
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    local file <close> = io.open(root .. "/" .. name)
    if file then return root .. "/" .. name end
  end
  error(("no %s in RNNLUA_DATA"):format(name), 0)
end

local function once(f) -- read when it is first needed
  local value
  return function()
    value = value or f()
    return value
  end
end

local function fit(model, settings)
  settings.progress, settings.clip_norm = false, 1
  settings.optimizer = settings.optimizer or optim.Adam(model:parameters(), { lr = settings.lr })
  settings.lr = nil
  if settings.cosine ~= false then settings.schedule = optim.schedules.cosine() end
  settings.cosine = nil
  rnn.fit(model, settings)
  return model
end

local function accuracy(model, set)
  return rnn.predict(model, set):argmax(2):eq(set.y):mean():item()
end

local groups = {}

-- ---- text: characters of Shakespeare ----

local shakespeare = once(function()
  local whole = assert(text.read(path_of "tiny-shakespeare/tiny-shakespeare.txt"))
  local vocab = text.chars(whole)
  local ids = rnn.tensor(vocab:encode(whole:sub(1, 61000)), "int32")
  return { vocab = vocab, train = ids:rows(1, 50000), valid = ids:rows(50001, 60000) }
end)
local function stream(ids, size) return text.stream(ids, { size = size, length = 50 }) end

local function writer(o)
  local size = #shakespeare().vocab
  local units = 96
  local model = nn.Sequential { nn.Embedding(size, o.tied and units or 48, { dropout = o.embedding_dropout }),
    nn.LSTM(o.tied and units or 48, units, { weight_dropout = o.weight_dropout }), nn.Dropout(0.2),
    o.mixtures and nn.MixtureOfSoftmaxes(units, size, { mixtures = o.mixtures, dim = 64 }) or nn.Linear(units, size) }
  if o.tied then model[4].weight = model[1].weight end
  local optimizer = o.sgd and optim.SGD(model:parameters(), { lr = 2 })
    or optim.Adam(model:parameters(), { lr = 0.004 })
  return fit(model, { data = stream(shakespeare().train, 20), valid = stream(shakespeare().valid, 4),
    loss = "cross_entropy", tbptt = 50, epochs = o.epochs or 6, penalty = o.penalty, average = o.average,
    optimizer = optimizer, cosine = not o.sgd })
end
local function nats(model, o)
  return rnn.evaluate(model, stream(shakespeare().valid, 4), { loss = "cross_entropy", tbptt = 50,
    dynamic = o.dynamic and o.dynamic(model) }).loss
end
local function cached(model, o) -- the cache sees what the last layer does
  local cache, sum, count, state = nn.NeuralCache(o.cache), 0, 0, nil
  model:eval()
  for x, y in stream(shakespeare().valid, 4) do
    rnn.no_grad(function()
      local hidden
      hidden, state = model[2](model[1](x), state)
      local logs = cache:read(model[4](hidden), hidden, y)
      sum = sum + nn.cross_entropy(logs, y, { reduction = "sum", padded = true }):item()
      count = count + y:ne(0):sum():item()
    end)
  end
  return sum / count
end

groups.text = { where = "50,000 characters of Shakespeare, LSTM 96", figure = "nats a character",
  format = "%.3f", less = true,
  run = function(o)
    if o.ensemble then
      local list = {}
      for i = 1, o.ensemble do list[i] = writer(o) end
      return nats(rnn.Ensemble(list, { mean = "softmax" }), o)
    end
    local model = writer(o)
    return o.cache and cached(model, o) or nats(model, o)
  end,
  { "`nn.LSTM`, `weight_dropout = 0.3`", { weight_dropout = 0.3 } },
  { "`nn.Embedding`, `dropout = 0.1`", { embedding_dropout = 0.1 } },
  { "one matrix for characters in and out", { tied = true } },
  { "`penalty = { ar = 0.5, tar = 0.5 }`", { penalty = { ar = 0.5, tar = 0.5 } } },
  { "`penalty = { l2 = { recurrent = 1e-5 } }`", { penalty = { l2 = { recurrent = 1e-5 } } } },
  { "`penalty = { l1 = { input = 1e-5 } }`", { penalty = { l1 = { input = 1e-5 } } } },
  { "`average = 0.99`, moving", { average = 0.99 } },
  { "`average = { mean = \"epoch\", start = 4 }` (SWA)", { average = { mean = "epoch", start = 4 } } },
  { "`nn.MixtureOfSoftmaxes` of 3", { mixtures = 3 } },
  { "`rnn.evaluate`, `dynamic`", { dynamic = function(model)
    return { optimizer = optim.SGD(model:parameters(), { lr = 0.3 }), decay = 0.002, clip_norm = 1 }
  end } },
  { "`nn.NeuralCache`", { cache = { size = 300, theta = 0.3, weight = 0.05 } } },
  { "`rnn.Ensemble` of 3", { ensemble = 3 } },
  { "SGD with `average = { mean = \"step\", patience = 2 }` (NT-ASGD)", { sgd = true, epochs = 10,
    average = { mean = "step", patience = 2 } }, off = { sgd = true, epochs = 10 } },
}

-- ---- strokes: few digits, and other people's ----

local digits = once(function()
  local function read(name, most)
    local xs, ys = {}, {}
    for line in io.lines(path_of("pendigits/" .. name)) do
      local label, pen = line:match "^(%d)\t%d+\t(.*)$"
      if label and #xs < most then xs[#xs + 1], ys[#ys + 1] = rnn.strokes.points(rnn.strokes.read(pen)), label + 1 end
    end
    for i, y in ipairs(ys) do ys[i] = math.tointeger(y) end
    return data.sequences(xs, ys)
  end
  return { train = read("train.tsv", 300), valid = read("test.tsv", 2000) }
end)
local function reader(o)
  local model = nn.Sequential { nn.GRU(3, o.units or 48, { returns = "last" }), nn.Dropout(0.2),
    nn.Linear(o.units or 48, 10) }
  local batches, teacher = digits().train:batches { size = 20, shuffle = true }, o.teacher and o.teacher()
  if o.step then batches = data.augment(batches, o.step) end
  if teacher then
    batches = data.map(batches, function(x, y) return x, { label = y, teacher = rnn.no_grad(teacher, x) } end)
  end
  return fit(model, { data = batches, epochs = 25, lr = 0.01, loss = teacher and function(logits, y)
    return nn.distillation(logits, y.teacher, y.label, { temperature = 3 })
  end or o.loss or "cross_entropy" })
end
local function readers(o, count)
  local list = {}
  for i = 1, count do list[i] = reader(o) end
  return rnn.Ensemble(list, { mean = "softmax" }):eval()
end
groups.strokes = { where = "300 written digits, 2,000 of other people", figure = "accuracy", format = "%.1f %%",
  percent = true,
  run = function(o) return accuracy(o.ensemble and readers(o, o.ensemble) or reader(o), digits().valid) end,
  { "`augment.strokes`", { step = augment.strokes { rotation = 15, scale = 0.2, shear = 0.2, jitter = 0.03 } } },
  { "`nn.focal`", { loss = nn.focal } },
  { "labels as distributions, 0.1 for the others", { loss = function(logits, y)
    return nn.cross_entropy(logits, rnn.one_hot(y, 10) * 0.9 + 0.01)
  end } },
  { "`rnn.Ensemble` of 5", { ensemble = 5 } },
  { "`nn.distillation` of 5, into 16 units", { units = 16, teacher = function() return readers({}, 5) end },
    off = { units = 16 } },
}

-- ---- sound: words of speakers who were never heard ----

local words = once(function()
  local sets = { train = { xs = {}, ys = {}, who = {} }, valid = { xs = {}, ys = {}, who = {} } }
  for i, speaker in ipairs { "george", "jackson", "nicolas", "theo", "yweweler", "lucas" } do
    for digit = 0, 9 do
      for number = 10, i <= 4 and 17 or 29 do
        local name = ("free-spoken-digits/recordings/%d_%s_%d.wav"):format(digit, speaker, number)
        local set = i <= 4 and sets.train or sets.valid
        set.xs[#set.xs + 1] = assert(audio.read(path_of(name))):reshape(-1, 1)
        set.ys[#set.ys + 1], set.who[#set.who + 1] = digit + 1, speaker
      end
    end
  end
  return sets
end)
local function spectrum(samples)
  return audio.log_mel(samples:reshape(-1), { rate = 8000, bands = 30, window = 256, hop = 200, fmin = 100,
    fmax = 3400 })
end
local function heard(set, by_speaker) -- less the mean of each recording, or of each speaker
  local xs = {}
  for i, samples in ipairs(set.xs) do xs[i] = spectrum(samples) end
  if by_speaker then return data.sequences(audio.cmvn(xs, set.who), set.ys) end
  for i, x in ipairs(xs) do xs[i] = (x - x:mean(1, true)) / 20 end
  return data.sequences(xs, set.ys)
end
groups.sound = { where = "320 spoken digits of four people, 400 of two others", figure = "accuracy",
  format = "%.1f %%", percent = true,
  run = function(o)
    local train, valid = words().train, heard(words().valid, o.cmvn)
    local model = nn.Sequential { nn.GRU(30, 40, { bidirectional = true, returns = "last" }),
      nn.Dropout(0.3), nn.Linear(80, 10) }
    local batches = o.sound and data.augment(data.sequences(train.xs, train.ys):batches { size = 20, shuffle = true },
      o.sound, function(samples, y)
        local x = spectrum(samples)
        return (x - x:mean(1, true)) / 20, y
      end) or heard(train, o.cmvn):batches { size = 20, shuffle = true }
    if o.step then batches = data.augment(batches, o.step) end
    return accuracy(fit(model, { data = batches, epochs = 15, lr = 0.01, loss = "cross_entropy" }), valid)
  end,
  { "`audio.cmvn` by speaker", { cmvn = true } },
  { "`augment.sound`", { sound = augment.sound { speed = 0.1, pitch = 2, shift = 400, noise = 15 } } },
  { "`augment.spectrum`", { step = augment.spectrum { warp = 0.1, stretch = 0.1, time = 4, bands = 4 } } },
}

-- ---- music: chords of chorales ----

local chorales = once(function()
  local sets = {}
  for _, part in ipairs { "train", "valid" } do
    local xs, ys = {}, {}
    local rolls = assert(rnn.music.read_rolls(path_of(("jsb-chorales/pianoroll/%s.txt"):format(part)), 2))
    for i = 1, math.min(#rolls, 60) do
      local roll = rolls[i]:slice(2, 22, 109)
      xs[i], ys[i] = roll:rows(1, #roll - 1), roll:rows(2, #roll)
    end
    sets[part] = data.sequences(xs, ys)
  end
  return sets
end)
local Chords = nn.module("ToolsChords", function(self, joint)
  self.joint, self.lstm, self.dropout = joint, nn.LSTM(88, 128), nn.Dropout(0.3)
  self.head = joint and nn.MADE(128, 88) or nn.Linear(128, 88)
end)
function Chords:loss(x, y)
  local h = self.dropout((self.lstm(x)))
  return nn.binary_cross_entropy(self.joint and self.head(h, y) or self.head(h), y) * 88
end
groups.music = { where = "60 chorales, LSTM 128", figure = "nats a chord", format = "%.2f", less = true,
  run = function(o)
    local model = Chords(o.joint)
    local batches = chorales().train:batches { size = 8, shuffle = true }
    if o.step then batches = data.augment(batches, o.step) end
    return rnn.evaluate(fit(model, { data = batches, epochs = 30, lr = 0.006 }), chorales().valid).loss
  end,
  { "`augment.transpose`", { step = augment.transpose { semitones = 6 } } },
  { "`nn.MADE` in place of independent keys", { joint = true } },
}

-- ---- sentences: is the critic pleased? ----

local reviews = once(function()
  local lists = { train = { {}, {} }, valid = { {}, {} } }
  for line in io.lines(path_of "rt-polarity/rt-polarity.tsv") do
    local label, fold, sentence = line:match "^(%d)\t(%d)\t(.*)$"
    local list = fold == "1" and lists.valid or tonumber(fold or 0) > 6 and lists.train
    if list then
      table.insert(list[1], sentence)
      table.insert(list[2], math.tointeger(label) + 1)
    end
  end
  return lists
end)
local function critic(vocab, step)
  local function set(part)
    local ids = {}
    for i, sentence in ipairs(reviews()[part][1]) do ids[i] = vocab:encode(sentence) end
    return data.sequences(ids, reviews()[part][2])
  end
  local model = nn.Sequential { nn.Embedding(#vocab, 32), nn.Dropout(0.4), nn.GRU(32, 32, { returns = "last" }),
    nn.Dropout(0.4), nn.Linear(32, 2) }
  local batches = set("train"):batches { size = 40, shuffle = true }
  if step then batches = data.augment(batches, step) end
  return accuracy(fit(model, { data = batches, epochs = 6, lr = 0.004, loss = "cross_entropy" }), set "valid")
end
local whole_words = once(function()
  return text.words(reviews().train[1], { tokenize = "spaces", min_count = 2 })
end)
local pieces = once(function() return text.bpe(table.concat(reviews().train[1], "\n"), { size = 2000 }) end)
groups.sentences = { where = "3,200 sentences of critics, GRU 32", figure = "accuracy", format = "%.1f %%",
  percent = true,
  run = function(o)
    local vocab = o.bpe and pieces() or whole_words()
    return critic(vocab, o.rate and (o.bpe and augment.bpe(vocab, o.rate) or augment.words(o.rate)))
  end,
  { "`augment.words(0.3)`", { rate = 0.3 } },
  { "`augment.bpe(vocab, 0.1)`", { bpe = true, rate = 0.1 }, off = { bpe = true } },
}

-- ---- series: Chicago's riders, and Seattle's weather in classes ----

local riders = once(function()
  local frame = assert(data.csv(path_of "cta-ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv"))
  local date = frame:names()[1]
  frame = frame:sort(date):unique()
  local function part(from, to)
    local first, last = frame:between(from, to)
    local rows = frame:tensor { "bus", "rail_boardings" }:rows(first, last) / 1e6
    return data.windows(rows, { length = 56, target = 1, target_columns = { 2 } })
  end
  return { train = part("2016-01", "2018-12"), valid = part("2019-01", "2019-05") }
end)
groups.series = { where = "Chicago's riders, rnn32 of two series", figure = "MAE, riders a day", format = "%.0f",
  less = true,
  run = function(o)
    local model = nn.Sequential { nn.RNN(2, 32, { returns = "last" }), nn.Linear(32, 1) }
    local batches = riders().train:batches { size = 32, shuffle = true }
    if o.step then batches = data.augment(batches, o.step) end
    fit(model, { data = batches, epochs = 60, loss = "huber", average = o.average, cosine = false,
      optimizer = optim.SGD(model:parameters(), { lr = 0.02, momentum = 0.9 }) })
    return rnn.evaluate(model, riders().valid, { loss = "mae" }).loss * 1e6
  end,
  { "`augment.series { jitter = 0.02 }`", { step = augment.series { jitter = 0.02 } } },
  { "`augment.series { scaling = 0.1 }`", { step = augment.series { scaling = 0.1 } } },
  { "`augment.series { warp = 0.1 }`", { step = augment.series { warp = 0.1 } } },
  { "`average = 0.99`, moving", { average = 0.99 } },
}

local CLASSES <const> = 7 -- of tomorrow's warmest hour, equally many days in each
local weather = once(function()
  local frame = assert(data.csv(path_of "seattle-weather/seattle-weather.csv"))
  local x = frame:tensor { "precipitation", "temp_max", "temp_min", "wind" }
  local warm = x:select(2, 2)
  local sorted = warm:sort(1)
  local class = rnn.ones(#x)
  for k = 1, CLASSES - 1 do class = class + warm:gt(sorted:get(#x * k // CLASSES)) end
  x = (x - x:mean(1, true)) / x:std(1, true)
  local function part(from, to)
    local xs, ys = {}, {}
    for t = from, to do xs[#xs + 1], ys[#ys + 1] = x:rows(t - 13, t), math.tointeger(class:get(t + 1)) end
    return data.arrays(rnn.stack(xs, 1), rnn.tensor(ys, "int32"))
  end
  return { train = part(14, 700), valid = part(715, 1095) }
end)
groups.classes = { where = "tomorrow's warmest hour in seven classes, GRU 16", figure = "mean error, classes",
  format = "%.3f", less = true,
  run = function(o)
    local model = nn.Sequential { nn.GRU(4, 16, { returns = "last" }), nn.Dropout(0.2),
      nn.Linear(16, o.loss == nn.ordinal and CLASSES - 1 or CLASSES) }
    fit(model, { data = weather().train:batches { size = 32, shuffle = true }, epochs = 20, lr = 0.01,
      loss = o.loss or "cross_entropy" })
    local y = rnn.predict(model, weather().valid)
    local said = o.loss == nn.ordinal and y:gt(0):sum(2) + 1 or y:argmax(2):to_float()
    return (said - weather().valid.y:to_float()):abs():mean():item()
  end,
  { "`nn.ordinal`", { loss = nn.ordinal } },
  { "labels as distributions over neighbours", { loss = function(logits, y)
    local away = rnn.arange(CLASSES):to_float():reshape(1, -1) - y:to_float():reshape(-1, 1)
    return nn.cross_entropy(logits, (-away:square()):softmax(2))
  end } },
  { "`nn.focal`", { loss = nn.focal } },
}

-- ---- the table ----

local ORDER <const> = { "text", "strokes", "sound", "music", "sentences", "series", "classes" }

local function median(group, o)
  local figures = {}
  for seed = 1, SEEDS do
    rnn.seed(seed)
    figures[seed] = group.run(o)
  end
  table.sort(figures)
  return figures[(SEEDS + 1) // 2]
end

local function slurp(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

local function rows_of(group, entry)
  local lines = {}
  for _, row in ipairs(group) do
    local e = entry[row[1]]
    if e then
      local times = group.percent and 100 or 1
      local gain = (e.on - e.off) * (group.less and -1 or 1) * times
      local shown = (group.percent and "%+.1f" or "%+" .. group.format:sub(2)):format(gain)
      local where = ("%s; %s"):format(group.where, entry.seeds == 1 and "one seed" or entry.seeds .. " seeds")
      lines[#lines + 1] = ("| %s | %s | %s | %s | %s | %s |"):format(row[1], #lines == 0 and where or "",
        #lines == 0 and group.figure or "", group.format:format(e.off * times), group.format:format(e.on * times),
        tonumber(shown) == 0 and "0" or shown)
    end
  end
  return lines
end

local chosen = {}
for _, name in ipairs(arg) do
  assert(groups[name], "there is no group " .. name .. ": " .. table.concat(ORDER, ", "))
  chosen[name] = true
end
local entries = slurp(JSON) and assert(rnn.json_decode(slurp(JSON))) or {}
for _, name in ipairs(ORDER) do
  local group = groups[name]
  if #arg == 0 or chosen[name] then
    local entry, plain = { seeds = SEEDS, date = os.date "%Y-%m-%d" }, nil
    entries[name] = entry
    for _, row in ipairs(group) do
      local begun = rnn.clock()
      local off = row.off and median(group, row.off) or plain or median(group, {})
      plain = row.off and plain or off
      entry[row[1]] = { off = off, on = median(group, row[2]) }
      io.stderr:write(("%s: %s: %g, %g (%.0f s)\n"):format(name, row[1], off, entry[row[1]].on, rnn.clock() - begun))
      assert(core.file_write(JSON, rnn.json_encode(entries, { indent = 2, sort = true }) .. "\n"))
    end
  end
end
local lines = { "| tool | where | figure | off | on | gain |", "| --- | --- | --- | --- | --- | --- |" }
for _, name in ipairs(ORDER) do
  local rows = entries[name] and rows_of(groups[name], entries[name]) or {}
  table.move(rows, 1, #rows, #lines + 1, lines)
end
local page = assert(slurp(PAGE))
local from, to = select(2, page:find("<!-- tools -->\n", 1, true)), page:find("<!-- /tools -->", 1, true)
assert(from and to, PAGE .. " has no marks for the table")
assert(core.file_write(PAGE, page:sub(1, from) .. table.concat(lines, "\n") .. "\n" .. page:sub(to)))
print(table.concat(lines, "\n"))
