-- Spoken digits: a two-way GRU hears a recording as a sequence of spectra and says which digit it was.
--
--   rnnlua scripts/digits.lua              the official split, then every speaker left out once
--   rnnlua scripts/digits.lua --limit 60   a taste: few recordings, few epochs' worth of learning
--
-- The official test part is recordings 0 to 4 of each speaker and digit. Harder is a voice never heard before: each
-- of the six speakers is left out of training once, and only then tested. Settings were chosen with recordings 5 to 9
-- as validation; the test figures are computed once, at the end of training.
local rnn = require "rnn"
local nn, data, optim, audio = rnn.nn, rnn.data, rnn.optim, rnn.audio

local options = rnn.args {
  about = "Recognises spoken digits, of known and of unknown speakers.",
  epochs = 8,
  units = { 64, "units of each direction of each GRU layer" },
  dropout = { 0.4, "dropout between layers" },
  lr = { 0.004, "highest learning rate" },
  limit = { 0, "train and test with so many recordings at most (0: all)" },
}
local SPEAKERS = { "george", "jackson", "lucas", "nicolas", "theo", "yweweler" }
local first = assert(data.find("free-spoken-digits", "recordings/0_george_0.wav", {
  data = options.data, source = "https://github.com/Jakobovski/free-spoken-digit-dataset (DOI 10.5281/zenodo.1342401)",
}))
local folder = first:match "^(.*)0_george_0%.wav$"

local recordings = {} -- { speaker, digit, index, path }
for index = 0, 49 do
  for digit = 0, 9 do
    for _, speaker in ipairs(SPEAKERS) do
      recordings[#recordings + 1] = { speaker = speaker, digit = digit, index = index,
        path = ("%s%d_%s_%d.wav"):format(folder, digit, speaker, index) }
    end
  end
end

-- What the model hears: log-mel spectra, 32 ms every 20 ms, less their mean over the recording, which takes away most
-- of the microphone and some of the speaker. To say that a recording has 7040 or 9040 samples a second instead of 8000
-- gives the same word spoken lower and slower, or higher and faster: as good as another speaker, for nothing.
local RATES = { 8000, 7040, 7520, 8480, 9040 }
local function hear(recording, rate)
  recording[rate] = recording[rate] or audio.log_mel(recording.samples, { rate = rate, bands = 40, window = 256,
    hop = 160, fmin = 100, fmax = 3400 })
  return recording[rate] - recording[rate]:mean(1, true)
end

-- The recordings that keep(r) picks, as a dataset of standardised spectra; labels are digit + 1.
local function dataset(keep, rates, scaler)
  local xs, ys, kept = {}, {}, {}
  for _, r in ipairs(recordings) do
    if keep(r) and (options.limit == 0 or #kept < options.limit) then
      kept[#kept + 1] = r
      r.samples = r.samples or assert(audio.read(r.path, { rate = 8000 }))
      for _, rate in ipairs(rates) do xs[#xs + 1], ys[#ys + 1] = hear(r, rate), r.digit + 1 end
    end
  end
  scaler = scaler or data.Scaler():fit(rnn.concat(xs, 1))
  for i, x in ipairs(xs) do xs[i] = scaler:transform(x) end
  return data.sequences(xs, ys), scaler, kept
end

local results = rnn.results()

-- Trains on some recordings; returns the model and the scaler of its inputs.
local function train(keep, seed, callbacks)
  rnn.seed(seed)
  local set, scaler = dataset(keep, RATES)
  local model = nn.Sequential {
    nn.Dropout(0.1), -- spots of the spectrum that are not heard
    nn.GRU(40, options.units, { layers = 2, bidirectional = true, dropout = options.dropout, returns = "last" }),
    nn.Dropout(options.dropout),
    nn.Linear(2 * options.units, 10),
  }
  rnn.fit(model, {
    data = set:batches { size = 64, shuffle = true }, loss = "cross_entropy", metrics = { "accuracy" },
    epochs = options.epochs, clip_norm = 1, callbacks = callbacks,
    optimizer = optim.AdamW(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.one_cycle { rise = 0.2, final = 0.01 },
  })
  return model, scaler
end

local function test(model, scaler, keep)
  local set, _, kept = dataset(keep, { 8000 }, scaler)
  local logits = rnn.predict(model, set)
  return rnn.metrics.confusion(logits, set.y, { names = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" } }), kept,
    logits
end

-- ---- the official split ----
local begun = rnn.clock()
local model, scaler, confusion, kept, logits
if options.load then
  local saved
  model, saved = assert(rnn.load(options.load))
  scaler = data.Scaler { state = saved.scaler }
end
for seed = options.seed, options.seed + (options.load and 0 or options.seeds - 1) do
  if not options.load then
    model, scaler = train(function(r) return r.index >= 5 end, seed, { results:training() })
  end
  confusion, kept, logits = test(model, scaler, function(r) return r.index < 5 end)
  results:add("test", { accuracy = confusion:accuracy() })
end
if options.save then assert(rnn.save(options.save, model, { scaler = scaler:state() })) end
print(confusion)
if options.plot then
  assert(rnn.plot.matrix(confusion.counts:to_float(), { title = "Said, by row, and heard", rows = confusion.names,
    columns = confusion.names, file = options.plot }))
end

-- A recording as the model heard it: time to the right, low sounds below; with what it took it for.
local function draw(r, answer)
  local x = hear(r, 8000)
  local low, range = x:min():item(), (x:max() - x:min()):item()
  print(("%s says %d, heard as %d:"):format(r.speaker, r.digit, answer))
  for band = 39, 1, -3 do
    local cells = {}
    for t = 1, #x do cells[t] = ({ " ", "░", "▒", "▓", "█" })[1 + ((x:get(t, band) - low) / range * 4.99) // 1] end
    print("  " .. table.concat(cells))
  end
end
local answers = logits:argmax(-1):totable()
for i, r in ipairs(kept) do
  if answers[i] ~= r.digit + 1 then
    draw(r, answers[i] - 1)
    break
  end
end

-- ---- leave one speaker out ----
if not options.load then
  local sum = 0
  for _, left in ipairs(SPEAKERS) do
    local m, s = train(function(r) return r.speaker ~= left end, options.seed)
    local accuracy = test(m, s, function(r) return r.speaker == left end):accuracy()
    results:add("loso", { [left] = accuracy })
    print(("%-10s left out: %.1f %%"):format(left, 100 * accuracy))
    sum = sum + accuracy
  end
  results:add("loso", { accuracy = sum / #SPEAKERS })
end
results:add("", { seconds = rnn.clock() - begun })
print(("test: %.2f %% (kernel ridge 95.3, published CNN 97)"):format(100 * results:median("test", "accuracy")))
if not options.load then
  print(("speaker left out, mean: %.1f %% (kernel ridge 75.7)"):format(100 * results:median("loso", "accuracy")))
end
if options.result then assert(results:write(options.result)) end
