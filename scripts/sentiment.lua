-- Does the critic like the film? A bidirectional GRU reads one sentence of a review and says so. It adds to what single
-- words and pairs of words say: these have a number each; that of a word begins as in naive Bayes.
--
-- 10,662 sentences from film reviews, half of them positive (Pang, Lee 2005, "Seeing stars"). Fold 0 is the test, 1 is
-- validation, on which everything was chosen; the test accuracy is computed once for each seed, at the end.
--
--   rnnlua scripts/sentiment.lua --seeds 5 --save critic.safetensors
--   rnnlua scripts/sentiment.lua --load critic.safetensors --sentence "a charming , funny film ."
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local options = rnn.args {
  about = "Tells positive from negative sentences of film reviews with a bidirectional GRU.",
  epochs = 6,
  units = { 64, "units in each direction" },
  lr = { 0.003, "highest learning rate of Adam" },
  dropout = { 0.5, "share of the features dropped in training" },
  sentence = { "it is not a bad film , and yet i could not wait for it to end .", "a sentence to be judged" },
  limit = { 0, "sentences to train on; 0: all" },
}
assert(not (options.plot and options.load), "--plot draws the training; with --load there is none")
-- Sentences and labels (1 negative, 2 positive) by what they are for.
local parts = { train = { {}, {} }, valid = { {}, {} }, test = { {}, {} } }
local FOLDS = { ["0"] = "test", test = "test", ["1"] = "valid", valid = "valid" } -- any other: train
local path, known = assert(data.find("rt-polarity", "rt-polarity.tsv", { data = options.data, sole = true,
  fingerprint = "1270792:e26bf382763f5d7c",
  source = "https://www.cs.cornell.edu/people/pabo/movie-review-data (label, fold, text)" }))
local examples = assert(data.lines(path, "label<TAB>fold<TAB>text", function(line)
  local label, fold, sentence = line:match "^([^\t]+)\t([^\t]+)\t(.*%S.*)$"
  return label and { label = label, part = parts[FOLDS[fold] or "train"], sentence = sentence }
end, { header = true }))
local names, ids_of = data.classes(examples, "label")
assert(#names == 2, ("%s: expected two labels, got %d: %s"):format(path, #names, table.concat(names, ", ")))
for _, e in ipairs(examples) do
  if not (e.part == parts.train and #e.part[1] == options.limit and options.limit > 0) then
    e.part[1][#e.part[1] + 1], e.part[2][#e.part[2] + 1] = e.sentence, ids_of[e.label]
  end
end
for name, part in pairs(parts) do assert(#part[1] > 0, ("%s: no line has a fold for %s"):format(path, name)) end

-- What each word says of a sentence that has it, as naive Bayes counts it: log p(word | positive) / p(word | negative).
local function log_ratios(vocab)
  local counts = { {}, {} }
  for id = 1, #vocab do counts[1][id], counts[2][id] = 1, 1 end
  for i, sentence in ipairs(parts.train[1]) do
    local seen, count = {}, counts[parts.train[2][i]]
    for _, id in ipairs(vocab:encode(sentence)) do
      if not seen[id] then seen[id], count[id] = true, count[id] + 1 end
    end
  end
  local negative, positive = rnn.tensor(counts[1]), rnn.tensor(counts[2])
  local ratios = (positive / positive:sum()):log() - (negative / negative:sum()):log()
  ratios:set(vocab.unknown, 0)
  return ratios
end

-- The words of a sentence, each with the one before: "so bad" says something else than "bad".
local function pairs_of(sentence)
  local list, before = {}, "<s>"
  for word in sentence:gmatch "%S+" do
    list[#list + 1], before = before .. " " .. word, word
  end
  return list
end

local Critic = nn.module("Critic", function(self, words, pairs)
  self.bayes, self.pairs = nn.Embedding(words, 1), nn.Embedding(pairs, 1, { kernel = "zeros" })
  self.embed = nn.Embedding(words, 64)
  self.gru = nn.GRU(64, options.units, { bidirectional = true })
  self.dropout = nn.Dropout(options.dropout)
  self.head = nn.Linear(2 * options.units, 1)
end)

-- 8,500 sentences are few for 9,000 words: the model learns them by heart unless it must do without half of the words
-- each time. Dropped words become <unk>, which is what unknown words of new sentences are as well.
function Critic:forward(x)
  local lengths, ids, pairs = x.words:lengths(), x.words:without_lengths(), x.pairs:without_lengths()
  if self.training then
    local word = ids:ne(0):to_int()
    local keep = rnn.rand(ids:shape()):gt(0.5):to_int() * word
    ids, pairs = (ids - 1) * keep + word, pairs * keep -- the id of <unk> is 1
  end
  local y = self.gru(self.dropout(self.embed(ids)):with_lengths(lengths))
  local features = y:max(2) -- of each the largest value over the words
  return self.head(self.dropout(features)) + (self.bayes(ids) + self.pairs(pairs)):sum(2)
end
local function loss_of(logits, labels) -- 0.05 and 0.95 in place of 0 and 1: critics are not so sure either
  return nn.binary_cross_entropy(logits, (labels:to_float():reshape(-1, 1) - 1) * 0.9 + 0.05)
end
local function accuracy(logits, labels) return logits:reshape(-1):gt(0):eq(labels:eq(2)):mean():item() end

local vocab = text.words(parts.train[1], { tokenize = "spaces", min_count = 2 }) -- they are cut into words already
local both = {}
for i, sentence in ipairs(parts.train[1]) do both[i] = pairs_of(sentence) end
both = text.words(both, { min_count = 2 })

-- Sentences as the ids of their words and of their pairs.
local function encode(sentences)
  local x = { words = {}, pairs = {} }
  for i, sentence in ipairs(sentences) do
    x.words[i], x.pairs[i] = vocab:encode(sentence), both:encode(pairs_of(sentence))
  end
  return x
end
local function dataset(part) return data.sequences(encode(part[1]), part[2]) end
local results, critic, said, history = rnn.results(), nil, nil, nil
if options.load then
  local tensors = assert(rnn.archive_read(options.load)) -- as large as its own vocabularies
  local saved
  critic, saved = assert(rnn.load(options.load, Critic(#tensors["bayes.weight"], #tensors["pairs.weight"])))
  vocab, both = saved.vocab, saved.both
end
local train, valid, test = dataset(parts.train), dataset(parts.valid), dataset(parts.test)
for seed = options.seed, options.seed + options.seeds - 1 do
  rnn.seed(seed)
  local begun = rnn.clock()
  if not options.load then
    critic = Critic(#vocab, #both)
    critic.bayes.weight:detach():assign(0.3 * log_ratios(vocab):reshape(-1, 1)) -- alone it is too sure of itself
    history = rnn.fit(critic, { data = train:batches { size = 50, shuffle = true }, valid = valid, loss = loss_of,
      metrics = { accuracy = accuracy }, epochs = options.epochs, clip_norm = 1, average = 0.99,
      optimizer = optim.Adam(critic:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine(),
      callbacks = { results:training() } })
  end
  said = rnn.predict(critic, test)
  results:add("valid", { accuracy = accuracy(rnn.predict(critic, valid), valid.y) })
  results:add("test", { accuracy = accuracy(said, test.y) })
  results:add("", { seconds = rnn.clock() - begun })
end
if options.save then assert(rnn.save(options.save, critic, { vocab = vocab, both = both })) end
if options.plot then
  assert(rnn.plot.lines({ { y = history.loss, label = "training" }, { y = history.val_loss, label = "validation" } },
    { title = "Loss", xlabel = "epoch", file = options.plot }))
end

-- Four sentences of the test, and the user's own.
local function show(probability, sentence, truth)
  print(("%3.0f %% %s%s  %s"):format(100 * probability, known and "positive" or names[2], truth or "", sentence))
end
local probabilities = said:sigmoid():reshape(-1)
for i = 1, math.min(4, #parts.test[1]) do
  show(probabilities:get(i), parts.test[1][i], parts.test[2][i] == 2 and " (yes)" or " (no) ")
end
show(rnn.predict(critic, data.sequences(encode { options.sentence })):sigmoid():item(), options.sentence)
print(("accuracy, median of %d: %.2f %% on validation, %.2f %% on the test%s"):format(options.seeds,
  100 * results:median("valid", "accuracy"), 100 * results:median("test", "accuracy"),
  known and " (naive Bayes 78.1 %, with bigrams 79.7 %)" or ""))
if options.result then assert(results:write(options.result)) end
