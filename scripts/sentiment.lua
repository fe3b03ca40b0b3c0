-- Does the critic like the film? A bidirectional GRU reads one sentence of a review and says so.
--
-- 10,662 sentences from film reviews, half of them positive (Pang, Lee 2005, "Seeing stars"). Fold 0 is the test, 1 is
-- validation, on which everything was chosen; the test accuracy is computed once for each seed, at the end.
--
--   rnnlua scripts/sentiment.lua --seeds 5
--   rnnlua scripts/sentiment.lua --save critic.safetensors
--   rnnlua scripts/sentiment.lua --load critic.safetensors --sentence "a charming , funny film ."
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local options = rnn.args {
  about = "Tells positive from negative sentences of film reviews with a bidirectional GRU.",
  epochs = 10,
  units = { 64, "units in each direction" },
  lr = { 0.003, "highest learning rate of Adam" },
  dropout = { 0.5, "share of the features dropped in training" },
  sentence = { "it is not a bad film , and yet i could not wait for it to end .", "a sentence to be judged" },
  limit = { 0, "sentences to train on; 0: all" },
}

-- Sentences and labels (1 negative, 2 positive) by what they are for.
local parts = { train = { {}, {} }, valid = { {}, {} }, test = { {}, {} } }
local path = assert(data.find("rt-polarity", "rt-polarity.tsv", {
  data = options.data, source = "https://www.cs.cornell.edu/people/pabo/movie-review-data (label, fold, text)",
}))
for line in io.lines(path) do
  local label, fold, sentence = line:match "^(%d)\t(%d)\t(.*)$"
  local part = parts[fold == "0" and "test" or fold == "1" and "valid" or "train"]
  if label and not (part == parts.train and #part[1] == options.limit and options.limit > 0) then
    part[1][#part[1] + 1], part[2][#part[2] + 1] = sentence, label + 1
  end
end

local Critic = nn.module("Critic", function(self, words)
  self.embed = nn.Embedding(words, 64)
  self.gru = nn.GRU(64, options.units, { bidirectional = true })
  self.dropout = nn.Dropout(options.dropout)
  self.head = nn.Linear(2 * options.units, 2)
end)

-- 8,500 sentences are few for a vocabulary of 9,000 words: the model learns them by heart unless it must do without
-- some of the words each time. Dropped words become <unk>, which is what unknown words of new sentences are as well.
function Critic:forward(ids)
  if self.training then
    local keep = rnn.rand(ids:shape()):gt(0.3):to_int() * ids:ne(0):to_int():without_lengths()
    ids = (ids - 1) * keep + ids:ne(0):to_int() -- the id of <unk> is 1
  end
  local y = self.gru(self.dropout(self.embed(ids)))
  return self.head(self.dropout(y:max(2))) -- of each feature the largest value over the words
end

local critic, saved
local vocab = text.words(parts.train[1], { tokenize = "spaces", min_count = 2 }) -- they are cut into words already
if options.load then
  local found, extra = rnn.load(options.load, Critic(#vocab))
  critic, saved = assert(found, extra), extra
  vocab = saved.vocab
end
local function dataset(part)
  local ids = {}
  for i, sentence in ipairs(part[1]) do ids[i] = vocab:encode(sentence) end
  return data.sequences(ids, part[2])
end
local train, valid, test = dataset(parts.train), dataset(parts.valid), dataset(parts.test)

local results, said = rnn.results(), nil
for seed = options.seed, options.seed + options.seeds - 1 do
  rnn.seed(seed)
  local begun = rnn.clock()
  if not options.load then
    critic = Critic(#vocab)
    rnn.fit(critic, {
      data = train:batches { size = 50, shuffle = true }, valid = valid,
      loss = function(y, labels) return nn.cross_entropy(y, labels, { label_smoothing = 0.1 }) end,
      metrics = { "accuracy" }, epochs = options.epochs, clip_norm = 1, average = 0.99,
      optimizer = optim.Adam(critic:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine(),
      callbacks = { results:training() },
    })
  end
  said = rnn.predict(critic, test)
  results:add("valid", { accuracy = rnn.metrics.accuracy(rnn.predict(critic, valid), valid.y) })
  results:add("test", { accuracy = rnn.metrics.accuracy(said, test.y) })
  results:add("", { seconds = rnn.clock() - begun })
end
if options.save then assert(rnn.save(options.save, critic, { vocab = vocab })) end

-- Four sentences of the test, and the user's own.
local function show(probability, sentence, truth)
  print(("%3.0f %% positive%s  %s"):format(100 * probability, truth or "", sentence))
end
local probabilities = said:softmax(2):select(2, 2)
for i = 1, 4 do show(probabilities:get(i), parts.test[1][i], parts.test[2][i] == 2 and " (yes)" or " (no) ") end
show(rnn.predict(critic, data.sequences { vocab:encode(options.sentence) }):softmax(2):get(1, 2), options.sentence)
print(("accuracy, median of %d: %.2f %% on validation, %.2f %% on the test (naive Bayes 78.1 %%, with bigrams 79.7 %%)")
  :format(options.seeds, 100 * results:median("valid", "accuracy"), 100 * results:median("test", "accuracy")))
if options.result then assert(results:write(options.result)) end
