-- Spoken digits: a two-way GRU hears a recording as a sequence of spectra and says which digit it was.
--
--   rnnlua scripts/digits.lua --limit 60   a taste: few recordings, few epochs' worth of learning
--
-- The official test part is recordings 0 to 4 of each speaker and digit. Harder is a voice never heard before: each
-- speaker is left out of training once, then tested. Settings were chosen with recordings 5 to 9 as validation;
-- the test figures are computed once, at the end. --data FOLDER may have other words, as WORD_SPEAKER_NUMBER.wav.
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
local folder = assert(data.find("free-spoken-digits", "recordings/", { data = options.data, sole = true,
  source = "https://github.com/Jakobovski/free-spoken-digit-dataset (DOI 10.5281/zenodo.1342401)" }))
local recordings = {}
for i, name in ipairs(assert(data.files(folder))) do
  local word, speaker, number = name:match "^(.+)_([^_]+)_(%d+)%.wav$"
  recordings[i] = { name = name, word = word, speaker = speaker, number = tonumber(number) }
end
recordings = assert(data.keep(folder, "files are WORD_SPEAKER_NUMBER.wav that can be read", recordings, function(r)
  local message
  if r.word then r.samples, message = audio.read(folder .. r.name, { rate = 8000 }) end
  return r.samples, message or r.name
end))
local words, ids = data.classes(recordings, "word")
local speakers, speaker_ids = data.classes(recordings, "speaker")
table.sort(recordings, function(a, b)
  if a.number ~= b.number then return a.number < b.number end
  return ids[a.word] < ids[b.word] or a.word == b.word and a.speaker < b.speaker
end)
local counts, tested = {}, false
for _, r in ipairs(recordings) do
  r.key, r.id, r.group = r.word .. "_" .. r.speaker, ids[r.word], (speaker_ids[r.speaker] - 1) % 10 + 1
  r.place = (counts[r.key] or 0) + 1
  counts[r.key] = r.place
end
for _, r in ipairs(recordings) do
  r.test = r.place <= math.min(5, counts[r.key] // 2) -- at most half of them
  tested = tested or r.test
end
assert(tested, folder .. ": there is only one recording of each word and speaker")
local known = #recordings == 3000 and select(2, data.find("free-spoken-digits", "recordings/0_george_0.wav",
  { data = options.data, fingerprint = "4812:f4e541e81450ccaa" })) == true and options.limit == 0

-- What the model hears: log-mel spectra, 32 ms every 20 ms, less their mean over the recording, which takes away most
-- of the microphone and some of the speaker. To say that a recording has 7040 or 9040 samples a second instead of 8000
-- gives the same word spoken lower and slower, or higher and faster: as good as another speaker, for nothing.
local RATES = { 8000, 7040, 7520, 8480, 9040 }
local function hear(recording, rate)
  recording[rate] = recording[rate] or audio.log_mel(recording.samples, { rate = rate, bands = 40, window = 256,
    hop = 160, fmin = 100, fmax = 3400 })
  return recording[rate] - recording[rate]:mean(1, true)
end

-- The recordings that keep(r) picks, as a dataset of standardised spectra.
local function dataset(keep, rates, scaler)
  local xs, ys, kept = {}, {}, {}
  for _, r in ipairs(recordings) do
    if keep(r) and (options.limit == 0 or #kept < options.limit) then
      kept[#kept + 1] = r
      for _, rate in ipairs(rates) do xs[#xs + 1], ys[#ys + 1] = hear(r, rate), r.id end
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
  local model = nn.Sequential { nn.Dropout(0.1), -- spots of the spectrum that are not heard
    nn.GRU(40, options.units, { layers = 2, bidirectional = true, dropout = options.dropout, returns = "last" }),
    nn.Dropout(options.dropout), nn.Linear(2 * options.units, #words) }
  rnn.fit(model, { data = set:batches { size = 64, shuffle = true }, loss = "cross_entropy", metrics = { "accuracy" },
    epochs = options.epochs, clip_norm = 1, callbacks = callbacks,
    optimizer = optim.AdamW(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.one_cycle { rise = 0.2, final = 0.01 } })
  return model, scaler
end

local function test(model, scaler, keep)
  local set, _, kept = dataset(keep, { 8000 }, scaler)
  local logits = rnn.predict(model, set)
  return rnn.metrics.confusion(logits, set.y, { names = words }), kept, logits
end

-- ---- the official split ----
local begun = rnn.clock()
local model, saved, scaler, confusion, kept, logits
if options.load then
  model, saved = assert(rnn.load(options.load))
  assert(table.concat(saved.words, " ") == table.concat(words, " "), "the model knows other words")
  scaler = data.Scaler { state = saved.scaler }
end
for seed = options.seed, options.seed + (options.load and 0 or options.seeds - 1) do
  if not options.load then
    model, scaler = train(function(r) return not r.test end, seed, { results:training() })
  end
  confusion, kept, logits = test(model, scaler, function(r) return r.test end)
  results:add("test", { accuracy = confusion:accuracy() })
end
if options.save then assert(rnn.save(options.save, model, { scaler = scaler:state(), words = words })) end
print(confusion)
local picture = { title = "Said, by row, and heard", rows = words, columns = words, file = options.plot }
if options.plot then assert(rnn.plot.matrix(confusion.counts:to_float(), picture)) end

-- A recording as the model heard it: time to the right, low sounds below; with what it took it for.
local function draw(r, answer)
  local x = hear(r, 8000)
  local low, range = x:min():item(), (x:max() - x:min()):item()
  print(("%s says %s, heard as %s:"):format(r.speaker, r.word, words[answer]))
  for band = 39, 1, -3 do
    local cells = {}
    for t = 1, #x do cells[t] = ({ " ", "░", "▒", "▓", "█" })[1 + ((x:get(t, band) - low) / range * 4.99) // 1] end
    print("  " .. table.concat(cells))
  end
end
local answers, wrong = logits:argmax(-1):totable(), 1
while kept[wrong] and answers[wrong] == kept[wrong].id do wrong = wrong + 1 end
if kept[wrong] then draw(kept[wrong], answers[wrong]) end

-- ---- leave one speaker out, or a tenth of them ----
if not options.load and #speakers > 1 then
  local sum, groups = 0, math.min(10, #speakers)
  for group = 1, groups do
    local m, s = train(function(r) return r.group ~= group end, options.seed)
    local accuracy = test(m, s, function(r) return r.group == group end):accuracy()
    results:add("loso", { [speakers[group]] = accuracy })
    print(("%-10s left out: %.1f %%"):format(speakers[group] .. (#speakers > 10 and " ..." or ""), 100 * accuracy))
    sum = sum + accuracy
  end
  results:add("loso", { accuracy = sum / groups })
end
results:add("", { seconds = rnn.clock() - begun })
print(("test: %.2f %%%s"):format(100 * results:median("test", "accuracy"),
  known and " (kernel ridge 95.3, published CNN 97)" or ""))
local left_out = results:median("loso", "accuracy")
local known_one = known and " (kernel ridge 75.7)" or ""
if left_out then print(("speaker left out, mean: %.1f %%%s"):format(100 * left_out, known_one)) end
if options.result then assert(results:write(options.result)) end
