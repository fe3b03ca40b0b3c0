-- Spoken numbers: strings of digits, joined from recordings of single ones, and no word of when
-- each was said. A two-way GRU gives every 20 ms a digit or nothing; CTC sums over all ways in
-- which that reads as the string (Graves, Fernández, Gomez, Schmidhuber 2006).
--
-- Recordings 0 to 4 of each speaker and digit are the test, 5 to 9 validation, on which all was
-- chosen. A string is of one speaker, with pauses; for training they are drawn anew each time.
--
--   rnnlua scripts/digit_strings.lua --save numbers.safetensors
local rnn = require "rnn"
local nn, data, optim, audio, ctc = rnn.nn, rnn.data, rnn.optim, rnn.audio, rnn.ctc

local experiment = rnn.experiment {
  about = "Recognises strings of spoken digits, or of other words, by CTC.",
  data = { folder = "free-spoken-digits",
    known = { ["recordings/0_george_0.wav"] = "4812:f4e541e81450ccaa" },
    source = "https://github.com/Jakobovski/free-spoken-digit-dataset (DOI 10.5281/zenodo.1342401)",
    format = [[
a folder of WAV files WORD_SPEAKER_NUMBER.wav, ten numbers or more of each word and speaker:
recordings/7_jackson_12.wav    (numbers from 0; 0 to 4 are the test, 5 to 9 validation)]] },
  split = false, plot = false,
  epochs = 24,
  strings = { 600, "strings of an epoch; a third as many for validation, two thirds for the test" },
  units = { 64, "units of each direction of each GRU layer" },
  dropout = { 0.3, "dropout between layers" },
  lr = { 0.005, "highest learning rate" },
}
local options, results = experiment.options, experiment.results

local function Ear(words) -- and one for "nothing", the blank
  return nn.Sequential {
    nn.GRU(40, options.units, { layers = 2, bidirectional = true, dropout = options.dropout }),
    nn.Dropout(options.dropout), nn.Linear(2 * options.units, words + 1) }
end

-- Single words by part and speaker.
local model, saved = experiment:load()
local folder, files = experiment:tree "wav"
local all = experiment:check(data.keep(folder, "files are WORD_SPEAKER_NUMBER.wav that can be read",
  files, function(r)
    local word, speaker, number = r.stem:match "^(.+)_([^_]+)_(%d+)$"
    r.word, r.speaker, r.number = word, speaker, tonumber(number)
    local message
    if word then r.samples, message = audio.read(folder .. r.name, { rate = 8000 }) end
    return r.samples and r.samples:ndim() == 1 and #r.samples > 0, message or r.name
  end))
local words, ids = experiment:classes({ all = all }, "word", saved and saved.words)
local speakers = data.classes(all, "speaker")
local parts = { train = {}, dev = {}, test = {} }
for _, r in ipairs(all) do
  local part = parts[r.number < 5 and "test" or r.number < 10 and "dev" or "train"]
  part[r.speaker] = part[r.speaker] or {}
  table.insert(part[r.speaker], r)
end
for name, part in pairs(parts) do
  experiment:check(next(part) ~= nil, "there are no recordings for " .. name)
end

-- A string of three to seven words of one speaker: its spectrum, less its mean, and the words.
local function string_of(part)
  local function draw(n) return math.floor(rnn.rand(1):item() * n) + 1 end
  local own
  repeat own = part[speakers[draw(#speakers)]] until own
  local sound, said = {}, {}
  for k = 1, 2 + draw(5) do
    local r = own[draw(#own)]
    sound[2 * k - 1], sound[2 * k], said[k] = r.samples, rnn.randn(draw(2400)) * 0.001, ids[r.word]
  end
  local spectrum = audio.log_mel(rnn.concat(sound, 1), { rate = 8000, bands = 40, window = 256,
    hop = 160, fmin = 100, fmax = 3400 })
  return (spectrum - spectrum:mean(1, true)) / 20, rnn.tensor(said, "int32")
end
local function strings(part, count, seed)
  local xs, ys = {}, {}
  rnn.seed(seed)
  for i = 1, count do xs[i], ys[i] = string_of(part) end
  return data.sequences(xs, ys), ys
end

local function loss(logits, labels) return ctc.loss(logits, labels) end
local function error_rate(ear, set, ys)
  local meant = {}
  for i, y in ipairs(ys) do meant[i] = y:totable() end
  local said = ctc.greedy(rnn.predict(ear, set))
  return rnn.metrics.error_rate(said, meant), said, meant
end
local valid, valid_labels = strings(parts.dev, options.strings // 3, 1)
local test, test_labels = strings(parts.test, options.strings * 2 // 3, 2)
local said, meant
for _ in experiment:seeds() do
  if not saved then
    local set = strings(parts.train, options.strings, options.seed)
    model = Ear(#words)
    experiment:fit("ear", model, { loss = loss, valid = valid, clip_norm = 1, average = 0.99,
      data = data.augment(set:batches { size = 16, shuffle = true }, function()
        return string_of(parts.train)
      end),
      optimizer = optim.AdamW(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.one_cycle { rise = 0.2, final = 0.01 } })
    results:add("valid", { error = (error_rate(model, valid, valid_labels)) })
  end
  local rate
  rate, said, meant = error_rate(model, test, test_labels)
  results:add("test", { error = rate })
end
for i = 1, 5 do
  local function text(list)
    local out = {}
    for k, id in ipairs(list) do out[k] = words[id] end
    return table.concat(out, " ")
  end
  print(("said %-14s heard %s"):format(text(meant[i]), text(said[i])))
end
print(("label error rate: %.2f %%"):format(100 * results:median("test", "error")))
experiment:finish { model = model, extra = { words = words } }
