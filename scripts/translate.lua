-- Translation between two languages: an encoder reads a sentence, a decoder with attention writes
-- it in the other language (Bahdanau et al. 2015; the attention is that of Luong et al. 2015,
-- behind the recurrent layer).
--
--   rnnlua scripts/translate.lua --save en-pt.safetensors          LibreOffice, to Portuguese
--   rnnlua scripts/translate.lua --direction pt-en --data tatoeba-en-pt      everyday sentences
--   rnnlua scripts/translate.lua --evaluate en-pt.safetensors      measure, translate
--
-- The name of a folder or file of data may end in its languages, those of the first and the second
-- column. The part dev decided about the learning rate and the size of batches, and says which
-- epoch's weights are kept. The test is translated once, at the end.
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local experiment = rnn.experiment {
  about = "Translates between two languages with an encoder, attention and a decoder.",
  data = { folder = "libreoffice-ui-en-pt",
    source = "the Debian package libreoffice-l10n-pt-br (English and Portuguese, side by side)",
    format = [[
a folder such as my-de-en with train.tsv, dev.tsv and test.tsv, or one file such as de-en.tsv
sentence<TAB>its translation    (or files in twos, train.de and train.en, a line for a line)
Guten Morgen.<TAB>Good morning.]] },
  split = "90/5/5",
  epochs = 25,
  direction = { "", "such as pt-en (default: from the first column to the second, en-pt)" },
  size = { 3000, "ids of each vocabulary: words and parts of words" },
  units = { 256, "units of the recurrent layers" },
  dropout = { 0.3, "share of elements dropped in training" },
  lr = { 0.002, "highest learning rate" },
  beam = { 5, "translations that the search keeps in sight" },
}
local options, results = experiment.options, experiment.results

local function Translator(source, target)
  local dropout, units = options.dropout, options.units
  return nn.Seq2Seq {
    encoder = nn.Encoder { vocab = source, dim = 256, units = units, bidirectional = true,
      dropout = dropout, word_dropout = 0.05 },
    decoder = nn.Decoder { vocab = target, dim = 256, units = units,
      attention = "multiplicative", tied = true, dropout = dropout, word_dropout = 0.05 },
  }
end

local model, saved = experiment:load()
if saved then options.direction = saved.direction end
local tables, first, second = experiment:pairs()
first, second = first or "first", second or "second"
local directions = { [first .. "-" .. second] = true, [second .. "-" .. first] = false }
if options.direction == "" then options.direction = first .. "-" .. second end
local forward = directions[options.direction]
if saved and forward == nil then forward = saved.forward end
experiment:check(forward ~= nil, ("the data have %s-%s and %s-%s, not --direction %s"):format(first,
  second, second, first, options.direction))

local function map(list, f)
  local result = {}
  for i, value in ipairs(list) do result[i] = f(value) end
  return result
end

local parts = experiment:parts(tables)
local function from(pair) return pair[forward and 1 or 2] end
local function to(pair) return pair[forward and 2 or 1] end

-- Punctuation gets a blank, so that "file" and "file." begin with the same id; and loses it again.
local function apart(s)
  return (s:gsub("([^ ])([.,!?;:)%]])", "%1 %2"):gsub("([(%[])([^ ])", "%1 %2"))
end
local function together(s) return (s:gsub(" ([.,!?;:)%]])", "%1"):gsub("([(%[]) ", "%1")) end

-- The vocabularies that belong to the model: new ones, or those of its file.
local source, target = saved and saved.source, saved and saved.target
if not saved then
  source = text.bpe(map(map(parts.train, from), apart), { size = options.size })
  target = text.bpe(map(map(parts.train, to), apart), { size = options.size })
end
local function ids_of(vocab, list, ends)
  return map(list, function(s) return vocab:encode(apart(s), ends) end)
end
local function dataset(list)
  return data.sequences(ids_of(source, map(list, from)),
    ids_of(target, map(list, to), { start = true, stop = true }))
end

-- BLEU as the data's README counts it: small letters, runs of letters and digits, single signs.
local function words(s)
  local list = {}
  for _, token in ipairs(text.tokens(s)) do
    local spaced = token:gsub("['.,]", " %0 "):gsub("’", " ’ ")
    for part in spaced:gmatch "%S+" do list[#list + 1] = part end
  end
  return list
end
local function measure(name, list)
  local settings = { beam = options.beam, max_length = 80 }
  local found, truth = model:decode(ids_of(source, map(list, from)), settings), map(list, to)
  local sentences = map(found, function(ids) return together(target:decode(ids)) end)
  local bleu = rnn.metrics.bleu(sentences, truth, { tokenize = words, lowercase = true })
  results:add(name, { bleu = bleu, sacrebleu = (rnn.metrics.bleu(sentences, truth)) })
  return sentences
end

local sentences
local dev = not saved and dataset(parts.dev):batches { size = 64, bucket = true }
for _ in experiment:seeds() do
  if not saved then
    model = Translator(source, target)
    experiment:fit("translator", model, {
      data = dataset(parts.train):batches { size = 32, shuffle = true }, valid = dev,
      loss = { label_smoothing = 0.1 }, clip_norm = 1,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.cosine(), callbacks = { rnn.EarlyStopping { patience = 4 } } })
    results:add("valid", { nats = rnn.evaluate(model, dev, {}).loss })
    measure("valid", parts.dev)
  end
  sentences = measure("test", parts.test)
end

-- Some of the test's sentences, the model's translations and those of the data; and where the
-- decoder looked.
local test = parts.test
for i = 1, #test, math.max(1, #test // 10) do
  print(("%s\n  %s\n  (%s)\n"):format(from(test[i]), sentences[i], to(test[i])))
end
local shown = from(test[1])
for _, pair in ipairs(test) do
  local s = from(pair)
  if #s >= 25 and #s <= 40 and s:find "^[%a ,.]+$" then shown = s end
end
local asked = source:encode(apart(shown))
local found, _, details = model:decode({ asked }, { beam = options.beam, max_length = 80,
  weights = true })
local names = map(found[1], function(id) return target:token(id) end)
if details[1].finished then names[#names + 1] = "(end)" end
local picture = { title = "Where the decoder looked", rows = names,
  columns = map(asked, function(id) return source:token(id) end) }
rnn.plot.matrix(details[1].weights, picture)
picture.file = options.plot
if options.plot then assert(rnn.plot.matrix(details[1].weights, picture)) end
print(("\nBLEU %s"):format(options.direction))
io.write(results:table { { "bleu", "%.1f", "BLEU" }, { "sacrebleu", "%.1f", "sacreBLEU" } })
experiment:finish { model = model, extra = { source = source, target = target,
  direction = options.direction, forward = forward } }
