-- Spoken digits: a two-way GRU hears a recording as a sequence of spectra and says which digit it
-- was. Or other words, of one's own: --data FOLDER has a folder of WAV files for each.
--
-- The official test part is recordings 0 to 4 of each speaker and digit. Harder is a voice never
-- heard before: each speaker is left out of training once, then tested. Settings were chosen with
-- recordings 5 to 9 as validation; the test figures are computed once, at the end.
--
--   rnnlua scripts/digits.lua --data words --save ear.safetensors
--   rnnlua scripts/digits.lua --data words --evaluate ear.safetensors
local rnn = require "rnn"
local nn, data, optim, audio = rnn.nn, rnn.data, rnn.optim, rnn.audio

local experiment = rnn.experiment {
  about = "Recognises spoken digits, or other words, of known and of unknown speakers.",
  data = { folder = "free-spoken-digits",
    known = { ["recordings/0_george_0.wav"] = "4812:f4e541e81450ccaa" },
    source = "https://github.com/Jakobovski/free-spoken-digit-dataset (DOI 10.5281/zenodo.1342401)",
    format = [[
a folder with a folder of WAV files for each word, SPEAKER_NUMBER.wav or any name:
words/yes/ann_1.wav    (or words/yes_ann_1.wav; with parts: words/train/yes/ann_1.wav)
words/no/ann_1.wav     (without, and with more than ten speakers, each is in one part only)]] },
  split = "80/10/10",
  epochs = 8,
  units = { 64, "units of each direction of each GRU layer" },
  dropout = { 0.4, "dropout between layers" },
  lr = { 0.004, "highest learning rate" },
}
local options, results = experiment.options, experiment.results

local function Ear(words)
  return nn.Sequential { nn.Dropout(0.1), -- spots of the spectrum that are not heard
    nn.GRU(40, options.units, { layers = 2, bidirectional = true, dropout = options.dropout,
      returns = "last" }),
    nn.Dropout(options.dropout), nn.Linear(2 * options.units, words) }
end

-- What the model hears: log-mel spectra, 32 ms every 20 ms. To say that a recording has 7040 or
-- 9040 samples a second instead of 8000 gives the same word spoken lower and slower, or higher and
-- faster: as good as another speaker, for nothing.
local RATES = { 8000, 7040, 7520, 8480, 9040 }
local function hear(recording, rate)
  recording[rate] = recording[rate] or audio.log_mel(recording.samples, { rate = rate,
    bands = 40, window = 256, hop = 160, fmin = 100, fmax = 3400 })
  return recording[rate]
end

-- The recordings: word, speaker and number from their names, or the word from that of their folder.
local model, saved = experiment:load()
local folder, files = experiment:tree "wav"
local several = #data.classes(files, "folder") > 1
local all = experiment:check(data.keep(folder, "files are WORD/SPEAKER_NUMBER.wav or "
  .. "WORD_SPEAKER_NUMBER.wav, of 32 ms or more, that can be read", files, function(r)
  local word, speaker, number = r.stem:match "^(.+)_([^_]+)_(%d+)$"
  if several then
    word, speaker, number = r.folder, r.stem:match "^([^_-]*)", r.stem:match "(%d+)$"
  end
  local message
  r.word, r.speaker, r.number = word, speaker, tonumber(number) or 0
  if word then r.samples, message = audio.read(folder .. r.name, { rate = 8000 }) end
  if r.samples and r.samples:ndim() == 2 then r.samples = r.samples:mean(2) end -- stereo
  local enough = r.samples and #r.samples >= 256 -- a window
  return enough, not r.samples and message or r.name
end))
local tables = { all = all }
local words, ids = experiment:classes(tables, "word", saved and saved.words, 2)
all = tables.all
local speakers, speaker_ids = data.classes(all, "speaker")
table.sort(all, function(a, b)
  if a.number ~= b.number then return a.number < b.number end
  if a.word ~= b.word then return ids[a.word] < ids[b.word] end
  return a.name < b.name
end)

-- Parts: the official ones, those of the folders, or as --split says.
local official, counts = experiment.known and #all == 3000, {}
experiment.known = official
for _, r in ipairs(all) do
  local key = r.word .. "_" .. r.speaker
  counts[key] = (counts[key] or 0) + 1
  if official then r.part = counts[key] <= 5 and "test" or "train" end
end
local unknown = #speakers > 10 and #speakers <= #all // 2
local parts = official and { train = {}, test = {} }
  or experiment:parts(tables, unknown and { "speaker" } or "word")
if official then
  for _, r in ipairs(all) do table.insert(parts[r.part], r) end
end

-- Recordings as a dataset. What all recordings of a speaker have in common, mean and deviation of
-- each band, is taken away: the microphone, and much of the voice. No label is needed for it.
local function dataset(list, rates)
  local xs, ys, voices = {}, {}, {}
  for _, r in ipairs(list) do
    for _, rate in ipairs(rates) do
      xs[#xs + 1], ys[#ys + 1], voices[#voices + 1] = hear(r, rate), ids[r.word], r.speaker .. rate
    end
  end
  return data.sequences(audio.cmvn(xs, voices), ys)
end

-- Trains on some recordings.
local function train(name, list, noted)
  local ear = Ear(#words)
  experiment:fit(name, ear, { clip_norm = 1, noted = noted,
    data = dataset(list, RATES):batches { size = 64, shuffle = true },
    loss = "cross_entropy", metrics = { "accuracy" },
    optimizer = optim.AdamW(ear:parameters(), { lr = options.lr }),
    schedule = optim.schedules.one_cycle { rise = 0.2, final = 0.01 } })
  return ear
end

local function test(ear, list)
  local set = dataset(list, { 8000 })
  local logits = rnn.predict(ear, set)
  return rnn.metrics.confusion(logits, set.y, { names = words }), logits
end

local confusion, logits
for _ in experiment:seeds() do
  if not saved then
    model = train("ear", parts.train)
    if parts.dev then
      results:add("valid", { accuracy = test(model, parts.dev):accuracy() })
    end
  end
  confusion, logits = test(model, parts.test)
  results:add("test", { accuracy = confusion:accuracy() })
end
print(confusion)
if options.plot then
  assert(rnn.plot.matrix(confusion.counts:to_float(), { title = "Said, by row, and heard",
    rows = words, columns = words, file = options.plot }))
end

-- A recording as the model heard it: time to the right, low sounds below; with what it took it for.
local function draw(r, answer)
  local x = hear(r, 8000)
  local low, range = x:min():item(), (x:max() - x:min()):item()
  print(("%s says %s, heard as %s:"):format(r.speaker, r.word, words[answer]))
  for band = 39, 1, -3 do
    local cells = {}
    for t = 1, #x do
      local shade = 1 + ((x:get(t, band) - low) / range * 4.99) // 1
      cells[t] = ({ " ", "░", "▒", "▓", "█" })[shade]
    end
    print("  " .. table.concat(cells))
  end
end
local answers, wrong, tested = logits:argmax(-1):totable(), 1, parts.test
while tested[wrong] and answers[wrong] == ids[tested[wrong].word] do wrong = wrong + 1 end
if tested[wrong] then draw(tested[wrong], answers[wrong]) end

-- ---- leave one speaker out ----
if not saved and #speakers > 1 and #speakers <= 10 then
  local sum = 0
  for i, speaker in ipairs(speakers) do
    local others, own = {}, {}
    for _, r in ipairs(all) do table.insert(speaker_ids[r.speaker] == i and own or others, r) end
    rnn.seed(options.seed)
    local accuracy = test(train("without-" .. speaker, others, false), own):accuracy()
    results:add("loso", { [speaker] = accuracy })
    print(("%-10s left out: %.1f %%"):format(speaker, 100 * accuracy))
    sum = sum + accuracy
  end
  results:add("loso", { accuracy = sum / #speakers })
end
print(("test: %.2f %%%s"):format(100 * results:median("test", "accuracy"),
  experiment:reference " (kernel ridge 95.3, published CNN 97)"))
local left_out = results:median("loso", "accuracy")
if left_out then
  print(("speaker left out, mean: %.1f %%%s"):format(100 * left_out,
    experiment:reference " (kernel ridge 75.7)"))
end
experiment:finish { model = model, extra = { words = words } }
