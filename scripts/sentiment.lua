-- Does the critic like the film? A bidirectional GRU reads one sentence of a review and says so.
-- It adds to what single words and pairs of words say: these have a number each; that of a word
-- begins as in naive Bayes. Sentences may have any labels, two or more.
--
-- 10,662 sentences from film reviews, half of them positive (Pang, Lee 2005, "Seeing stars"). Fold
-- 0 is the test, 1 is validation, on which everything was chosen; the test accuracy is computed
-- once for each seed, at the end.
--
--   rnnlua scripts/sentiment.lua --seeds 5 --save critic.safetensors
--   rnnlua scripts/sentiment.lua --evaluate critic.safetensors --sentence "a charming film ."
--   rnnlua scripts/sentiment.lua --data phrases.tsv
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local experiment = rnn.experiment {
  about = "Tells positive from negative sentences of film reviews, or other labels of phrases.",
  data = { folder = "rt-polarity", known = { ["rt-polarity.tsv"] = "1270792:e26bf382763f5d7c" },
    source = "https://www.cs.cornell.edu/people/pabo/movie-review-data (label, fold, text)",
    format = [[
train.tsv, dev.tsv and test.tsv, or one file, which may say in a column part what a row is for
label<TAB>text    (or label<TAB>part<TAB>text; part: train, dev or test)
glad<TAB>what a day !]] },
  split = "80/10/10",
  epochs = 6,
  units = { 64, "units in each direction" },
  lr = { 0.003, "highest learning rate of Adam" },
  dropout = { 0.5, "share of the features dropped in training" },
  sentence = { "it is not a bad film , and yet i could not wait for it to end .",
    "a sentence to be judged" },
}
local options, results = experiment.options, experiment.results

-- Gives a logit for each label, or, of two labels, that of the second one.
local Critic = nn.module("Critic", function(self, words, pairs, labels, units, dropout)
  self.bayes = nn.Embedding(words, labels)
  self.pairs = nn.Embedding(pairs, labels, { kernel = "zeros" })
  self.embed = nn.Embedding(words, 64)
  self.gru = nn.GRU(64, units, { bidirectional = true })
  self.dropout = nn.Dropout(dropout)
  self.head = nn.Linear(2 * units, labels)
end)

-- 8,500 sentences are few for 9,000 words: the model learns them by heart unless it must do without
-- half of the words each time. Dropped words become <unk>, which is what unknown words of new
-- sentences are as well.
function Critic:forward(x)
  local lengths, ids = x.words:lengths(), x.words:without_lengths()
  local pairs = x.pairs:without_lengths()
  if self.training then
    local word = ids:ne(0):to_int()
    local keep = rnn.rand(ids:shape()):gt(0.5):to_int() * word
    ids, pairs = (ids - 1) * keep + word, pairs * keep -- the id of <unk> is 1
  end
  local y = self.gru(self.dropout(self.embed(ids)):with_lengths(lengths))
  local features = y:max(2) -- of each the largest value over the words
  return self.head(self.dropout(features)) + (self.bayes(ids) + self.pairs(pairs)):sum(2)
end

local critic, saved = experiment:load()
local tables = experiment:tables({ { "label", "class", "category", "sentiment", "emotion" },
  { "part", "fold", "split", "set", optional = true },
  { "text", "sentence", "phrase", "review" } }, function(row)
  return row.text:find "%S" and { label = row.label, sentence = row.text, part = row.part }
end)
local names, ids_of = experiment:classes(tables, "label", saved and saved.names, 2)
local parts = experiment:parts(tables, "label")
local CLASSES = #names
local function sentences_of(part)
  local list = {}
  for i, e in ipairs(part) do list[i] = e.sentence end
  return list
end

-- What each word says of a sentence that has it, as naive Bayes counts it: the logarithm of
-- p(word | label), less the mean of all labels; of two labels log p(word | 2) / p(word | 1).
local function log_ratios(vocab)
  local logs = {}
  for label = 1, CLASSES do
    local counts = {}
    for id = 1, #vocab do counts[id] = 1 end
    for _, e in ipairs(parts.train) do
      local seen = {}
      for _, id in ipairs(ids_of[e.label] == label and vocab:encode(e.sentence) or {}) do
        if not seen[id] then seen[id], counts[id] = true, counts[id] + 1 end
      end
    end
    counts = rnn.tensor(counts)
    logs[label] = (counts / counts:sum()):log()
  end
  local ratios = CLASSES == 2 and (logs[2] - logs[1]):reshape(-1, 1) or rnn.stack(logs, 2)
  if CLASSES > 2 then ratios = ratios - ratios:mean(2, true) end
  ratios[vocab.unknown]:assign(ratios[vocab.unknown] * 0)
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

local function loss_of(logits, labels) -- 0.05 and 0.95 in place of 0 and 1: critics are not so sure
  if CLASSES > 2 then return nn.cross_entropy(logits, labels, { label_smoothing = 0.1 }) end
  return nn.binary_cross_entropy(logits, (labels:to_float():reshape(-1, 1) - 1) * 0.9 + 0.05)
end
local function accuracy(logits, labels)
  if CLASSES > 2 then return rnn.metrics.accuracy(logits, labels) end
  return logits:reshape(-1):gt(0):eq(labels:eq(2)):mean():item()
end

local vocab, both = saved and saved.vocab, saved and saved.both
if not saved then
  local sentences, lists = sentences_of(parts.train), {}
  vocab = text.words(sentences, { tokenize = "spaces", min_count = 2 }) -- they are cut already
  for i, sentence in ipairs(sentences) do lists[i] = pairs_of(sentence) end
  both = text.words(lists, { min_count = 2 })
end

-- Sentences as the ids of their words and of their pairs.
local function encode(sentences)
  local x = { words = {}, pairs = {} }
  for i, sentence in ipairs(sentences) do
    x.words[i], x.pairs[i] = vocab:encode(sentence), both:encode(pairs_of(sentence))
  end
  return x
end
local function dataset(part)
  local labels = {}
  for i, e in ipairs(part) do labels[i] = ids_of[e.label] end
  return data.sequences(encode(sentences_of(part)), labels)
end
local test, said = dataset(parts.test), nil
for _ in experiment:seeds() do
  if not saved then
    local train, valid = dataset(parts.train), dataset(parts.dev)
    critic = Critic(#vocab, #both, CLASSES == 2 and 1 or CLASSES, options.units, options.dropout)
    -- alone it is too sure of itself
    critic.bayes.weight:detach():assign(0.3 * log_ratios(vocab))
    experiment:fit("critic", critic, { data = train:batches { size = 50, shuffle = true },
      valid = valid, loss = loss_of, metrics = { accuracy = accuracy }, clip_norm = 1,
      average = 0.99, optimizer = optim.Adam(critic:parameters(), { lr = options.lr }),
      schedule = optim.schedules.cosine() })
    results:add("valid", { accuracy = accuracy(rnn.predict(critic, valid), valid.y) })
  end
  said = rnn.predict(critic, test)
  results:add("test", { accuracy = accuracy(said, test.y) })
end

-- Four sentences of the test, and the user's own.
local function show(logits, sentence, truth)
  local best, share = names[2], logits:sigmoid():get(1)
  if experiment.known then best = "positive" end
  if CLASSES > 2 then
    best, share = names[logits:argmax(1):item()], logits:softmax(1):max():item()
  end
  print(("%3.0f %% %s  %s%s"):format(100 * share, best, sentence,
    truth and (" (%s)"):format(truth) or ""))
end
for i = 1, math.min(4, #parts.test) do
  show(said[i], parts.test[i].sentence, parts.test[i].label)
end
show(rnn.predict(critic, data.sequences(encode { options.sentence }))[1], options.sentence)
io.write(results:table { { "accuracy", "%.4f", "accuracy" } },
  experiment:reference "on the test: naive Bayes 0.781, with bigrams 0.797\n")
experiment:finish { model = critic, extra = { vocab = vocab, both = both, names = names },
  plot = "Loss" }
