-- Three of the four shapes; the fourth, encoder-decoder, is the next lesson. Draws 05-shapes.svg as well.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
rnn.seed(5)

local function train(model, set, epochs, loss)
  rnn.fit(model, { data = set:batches { size = 32, shuffle = true }, loss = loss, epochs = epochs, clip_norm = 1,
    optimizer = optim.Adam(model:parameters(), { lr = 0.005 }), progress = false })
end

-- 1. Sequence → sequence: Chicago's riders; on every day the model says how many there will be on the next.
local path = assert(data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv"))
local frame = assert(data.csv(path)):sort("service_date"):unique()
local rail = frame:tensor { "rail_boardings" } / 1e6
local function windows(from, to)
  return data.windows(rail:rows(frame:between(from, to)), { length = 56, target = "sequence", ahead = 1 })
end
local riders = nn.Sequential { nn.RNN(1, 32), nn.Linear(32, 1) }  -- (N, T, 1) → (N, T, 1)
train(riders, windows("2016-01", "2018-12"), 10, "huber")
print(("sequence → sequence: tomorrow's riders on each of 56 days, off by %.0f on average"):format(
  1e6 * rnn.evaluate(riders, windows("2019-01", "2019-05"), { loss = "mae" }).loss))

-- 2. Sequence → vector: is a sentence for or against the film? Folds 0 to 2 to learn from, fold 9 is new.
local sentences, labels = { train = {}, test = {} }, { train = {}, test = {} }
for line in io.lines((assert(data.find("rt-polarity", "rt-polarity.tsv")))) do
  local label, fold, text = line:match "^(%d)\t(%d)\t(.*)$"
  local part = fold and (fold < "3" and "train" or fold == "9" and "test")
  if part then table.insert(sentences[part], text); table.insert(labels[part], label + 1) end
end
local vocab = rnn.text.words(sentences.train, { min_count = 2 })
local function encoded(part)
  local ids = {}
  for i, text in ipairs(sentences[part]) do ids[i] = vocab:encode(text) end
  return data.sequences(ids, labels[part])
end
local critic = nn.Sequential { nn.Embedding(#vocab, 32), nn.GRU(32, 32, { returns = "last" }), nn.Linear(32, 2) }
train(critic, encoded "train", 4, "cross_entropy")                  -- (N, T) → (N, 2)
local result = rnn.evaluate(critic, encoded "test", { loss = "cross_entropy", metrics = { "accuracy" } })
print(("sequence → vector:   for or against, right for %.1f %% of new sentences"):format(100 * result.accuracy))

-- 3. Vector → sequence, of words: the weather as two numbers, warmth and rain from 0 to 1, becomes a caption.
local words = rnn.text.words { "cold warm and but dry wet" }
local weather, captions = rnn.rand(400, 2), {}
for n, v in ipairs(weather) do
  captions[n] = words:encode((v[1] < 0.5 and "cold" or "warm") .. (v[1] + v[2] < 1 and " but " or " and ")
    .. (v[2] < 0.5 and "dry" or "wet"), { start = true, stop = true })
end
local speaker = nn.Decoder { vocab = words, units = 16, dim = 8, condition = 2 }  -- (N, 2) → (N, T)
train(speaker, data.arrays(weather, rnn.tensor(captions, "int32")), 30)
print("vector → sequence:   (0.1, 0.7) becomes " .. words:decode(speaker:decode(rnn.tensor { { 0.1, 0.7 } })[1]))

-- 4. Vector → sequence, of numbers: how high and how fast, two numbers, become a wave of 30 steps.
local how, t = rnn.rand(400, 2), rnn.arange(30):to_float():reshape(1, 30)
local waves = (how:slice(2, 1, 1) + 0.2) * ((how:slice(2, 2, 2) * 0.4 + 0.2) * t):sin()
local singer = nn.Decoder { outputs = 1, units = 32, condition = 2, condition_as = "both", steps = 30 }
train(singer, data.arrays(how, waves:reshape(400, 30, 1)), 40)
local figure = rnn.plot.series { ["the model"] = singer:decode(rnn.tensor { { 0.8, 0.5 } }):reshape(30),
  ["the true wave"] = (0.4 * t):sin():reshape(30), xlabel = "t", title = "Two numbers in, thirty out", height = 300 }
assert(figure:save "05-shapes.svg")
