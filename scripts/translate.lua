-- Translation between two languages: an encoder reads a sentence, a decoder with attention writes it in the other
-- language (Bahdanau et al. 2015; the attention is that of Luong et al. 2015, behind the recurrent layer).
--
--   rnnlua scripts/translate.lua --save en-pt.safetensors            strings of LibreOffice, English to Portuguese
--   rnnlua scripts/translate.lua --direction pt-en --data tatoeba-en-pt    everyday sentences, Portuguese to English
--   rnnlua scripts/translate.lua --load en-pt.safetensors            measure and translate with a trained model
--
-- A data set is a folder with train.tsv, dev.tsv and test.tsv, whose name ends in its languages, those of the first and
-- the second column. dev.tsv decided about the learning rate and the size of batches, and says which epoch's weights
-- are kept. test.tsv is translated once, at the end.
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local options = rnn.args {
  about = "Translates between two languages with an encoder, attention and a decoder.",
  epochs = 25,
  direction = { "", "such as pt-en (default: from the first column to the second, en-pt)" },
  size = { 3000, "ids of each vocabulary: words and parts of words" },
  units = { 256, "units of the recurrent layers" },
  dropout = { 0.3, "share of elements dropped in training" },
  lr = { 0.002, "highest learning rate" },
  limit = { 0, "train with so many pairs (0: all)" },
  beam = { 5, "translations that the search keeps in sight" },
}

local model, saved
if options.load then
  model, saved = assert(rnn.load(options.load))
  options.direction = saved.direction
end

-- --data is a folder, or the name of a data set in one of the folders of RNNLUA_DATA.
local function find(name) return data.find("libreoffice-ui-en-pt", name, { data = options.data }) end
local files = { train = assert(find "train.tsv"), dev = assert(find "dev.tsv"), test = assert(find "test.tsv") }
local first, second = files.train:match "%f[%a](%a%a%a?)%-(%a%a%a?)/+[^/]*$"
first, second = first or "first", second or "second"
local directions = { [first .. "-" .. second] = true, [second .. "-" .. first] = false }
if options.direction == "" then options.direction = first .. "-" .. second end
local forward = directions[options.direction]
assert(forward ~= nil, ("%s has %s-%s and %s-%s, not --direction %s"):format(files.train, first, second, second, first,
  options.direction))

local function map(list, f)
  local result = {}
  for i, value in ipairs(list) do result[i] = f(value) end
  return result
end

-- Appends the sentences of a file to two lists, those to translate and their translations.
local function read(path, from, to)
  for _, pair in ipairs(assert(data.lines(path, first .. "<TAB>" .. second, function(line)
    local a, b = line:match "^([^\t]*%S[^\t]*)\t([^\t]*%S[^\t]*)"
    return a and (forward and { a, b } or { b, a })
  end))) do from[#from + 1], to[#to + 1] = pair[1], pair[2] end
  return from, to
end
local train_from, train_to = read(files.train, {}, {})
local dev_from, dev_to = read(files.dev, {}, {})
local test_from, test_to = read(files.test, {}, {})
local pivot = find "train-pivot.tsv" -- need not be there
if pivot then read(pivot, train_from, train_to) end
if options.limit > 0 then
  train_from = table.move(train_from, 1, options.limit, 1, {})
  train_to = table.move(train_to, 1, options.limit, 1, {})
end

-- Punctuation gets a blank, so that "file" and "file." begin with the same id; and loses it again.
local function apart(s) return (s:gsub("([^ ])([.,!?;:)%]])", "%1 %2"):gsub("([(%[])([^ ])", "%1 %2")) end
local function together(s) return (s:gsub(" ([.,!?;:)%]])", "%1"):gsub("([(%[]) ", "%1")) end

-- The vocabularies that belong to the model: new ones, or those of its file.
local source = saved and saved.source or text.bpe(map(train_from, apart), { size = options.size })
local target = saved and saved.target or text.bpe(map(train_to, apart), { size = options.size })
local function ids_of(vocab, list, ends)
  return map(list, function(s) return vocab:encode(apart(s), ends) end)
end
local function pairs_of(from, to)
  return data.sequences(ids_of(source, from), ids_of(target, to, { start = true, stop = true }))
end
local dev = pairs_of(dev_from, dev_to):batches { size = 64, bucket = true }
local results = rnn.results()

local function learn(seed)
  rnn.seed(seed)
  local dropout, units = options.dropout, options.units
  model = nn.Seq2Seq {
    encoder = nn.Encoder { vocab = source, dim = 256, hidden = units, bidirectional = true, dropout = dropout,
      word_dropout = 0.05 },
    decoder = nn.Decoder { vocab = target, dim = 256, hidden = units, attention = "multiplicative", tied = true,
      dropout = dropout, word_dropout = 0.05 },
  }
  local begun = rnn.clock()
  rnn.fit(model, {
    data = pairs_of(train_from, train_to):batches { size = 32, shuffle = true }, valid = dev,
    loss = { label_smoothing = 0.1 }, epochs = options.epochs, clip_norm = 1,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine(),
    callbacks = { rnn.EarlyStopping { patience = 4 }, results:training() },
  })
  results:add("", { seconds = rnn.clock() - begun })
end

-- BLEU as the data's README counts it: small letters, runs of letters and digits, single other signs.
local function words(s)
  local list = {}
  for _, token in ipairs(text.tokens(s)) do
    for part in token:gsub("['.,]", " %0 "):gsub("’", " ’ "):gmatch "%S+" do list[#list + 1] = part end
  end
  return list
end
local function measure(name, from, to)
  local found = model:decode(ids_of(source, from), { beam = options.beam, max_length = 80 })
  local sentences = map(found, function(ids) return together(target:decode(ids)) end)
  results:add(name, { bleu = (rnn.metrics.bleu(sentences, to, { tokenize = words, lowercase = true })),
    sacrebleu = (rnn.metrics.bleu(sentences, to)) })
  return sentences
end

local sentences
for seed = options.seed, options.seed + options.seeds - 1 do
  if not options.load then learn(seed) end
  results:add("valid", { nats = rnn.evaluate(model, dev, {}).loss })
  measure("valid", dev_from, dev_to)
  sentences = measure("test", test_from, test_to)
end

-- Some of the test's sentences, the model's translations and those of the data; and where the decoder looked.
for i = 1, #test_from, math.max(1, #test_from // 10) do
  print(("%s\n  %s\n  (%s)\n"):format(test_from[i], sentences[i], test_to[i]))
end
local shown = test_from[1]
for _, s in ipairs(test_from) do
  if #s >= 25 and #s <= 40 and s:find "^[%a ,.]+$" then shown = s end
end
local asked = source:encode(apart(shown))
local found, _, details = model:decode({ asked }, { beam = options.beam, max_length = 80, weights = true })
local names = map(found[1], function(id) return target:token(id) end)
if details[1].finished then names[#names + 1] = "(end)" end
local picture = { title = "Where the decoder looked", rows = names,
  columns = map(asked, function(id) return source:token(id) end) }
rnn.plot.matrix(details[1].weights, picture)
picture.file = options.plot
if options.plot then assert(rnn.plot.matrix(details[1].weights, picture)) end
print(("\nBLEU %s: validation %.1f, test %.1f (sacreBLEU of the test: %.1f)"):format(options.direction,
  results:median("valid", "bleu"), results:median("test", "bleu"), results:median("test", "sacrebleu")))
local extra = { source = source, target = target, direction = options.direction }
if options.save then assert(rnn.save(options.save, model, extra)) end
if options.result then assert(results:write(options.result)) end
