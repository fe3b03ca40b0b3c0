-- The four shapes side by side. Draws 05-shapes.svg as well.
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
local learn, new = rail:rows(frame:between("2016-01", "2018-12")), rail:rows(frame:between("2019-01", "2019-05"))
local every <const> = { length = 56, target = "sequence", ahead = 1 }
local riders = nn.Sequential { nn.RNN(1, 32), nn.Linear(32, 1) }  -- (N, T, 1) → (N, T, 1)
train(riders, data.windows(learn, every), 10, "huber")
print(("sequence → sequence: tomorrow's riders on each of 56 days, off by %.0f on average"):format(
  1e6 * rnn.evaluate(riders, data.windows(new, every), { loss = "mae" }).loss))
-- 2. Sequence → vector: is a sentence for or against the film? Folds 0 to 2 to learn from, fold 9 is new.
local sets = { train = { {}, {} }, test = { {}, {} } }
for line in io.lines((assert(data.find("rt-polarity", "rt-polarity.tsv")))) do
  local label, fold, text = line:match "^(%d)\t(%d)\t(.*)$"
  local set = fold and sets[fold < "3" and "train" or fold == "9" and "test"]
  if set then table.insert(set[1], text); table.insert(set[2], label + 1) end
end
local vocab = rnn.text.words(sets.train[1], { min_count = 2 })
local function encoded(set)
  for i, text in ipairs(set[1]) do set[1][i] = vocab:encode(text) end
  return data.sequences(set[1], set[2])
end
local critic = nn.Sequential { nn.Embedding(#vocab, 32), nn.GRU(32, 32, { returns = "last" }), nn.Linear(32, 2) }
train(critic, encoded(sets.train), 4, "cross_entropy")                  -- (N, T) → (N, 2)
local result = rnn.evaluate(critic, encoded(sets.test), { loss = "cross_entropy", metrics = { "accuracy" } })
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
-- And of numbers: how high and how fast, two numbers, become a wave of 30 steps.
local how, t = rnn.rand(400, 2), rnn.arange(30):to_float():reshape(1, 30)
local waves = (how:slice(2, 1, 1) + 0.2) * ((how:slice(2, 2, 2) * 0.4 + 0.2) * t):sin()
local singer = nn.Decoder { outputs = 1, units = 32, condition = 2, condition_as = "both", steps = 30 }
train(singer, data.arrays(how, waves:reshape(400, 30, 1)), 40)
local figure = rnn.plot.series { ["the model"] = singer:decode(rnn.tensor { { 0.8, 0.5 } }):reshape(30),
  ["the true wave"] = (0.4 * t):sin():reshape(30), xlabel = "t", title = "Two numbers in, thirty out", height = 300 }
assert(figure:save "05-shapes.svg")
-- 4. Encoder–decoder: first all of 56 days are read, then the riders of the next 14 are written.
local planner = nn.Seq2Seq { encoder = nn.Encoder { inputs = 1, units = 32 },
  decoder = nn.Decoder { outputs = 1, units = 32, steps = 14 }, start = { 1 } }  -- (N, 56, 1) → (N, 14, 1)
train(planner, data.windows(learn, { length = 56, target = 14 }), 20)
local x, y = data.windows(new, { length = 56, target = 14 }):all()
print(("encoder–decoder:     the next 14 days, off by %.0f on average"):format(
  1e6 * rnn.mae(planner:decode(x), y:reshape(-1, 14, 1)):item()))
