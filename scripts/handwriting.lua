-- Handwritten digits from the movement of the pen: 44 people wrote on a tablet; which digit was it?
--
-- 10,992 digits as strokes of the pen (Alpaydin, Alimoglu 1998, "Pen-Based Recognition of
-- Handwritten Digits"), or signs of any alphabet in --data. Every one becomes points at equal
-- distances along its strokes; a bidirectional GRU reads them. Every fifth writer of train.tsv is
-- for validation, on which all was chosen; those of test.tsv are in neither, and the test accuracy
-- is computed once, at the end.
--
--   rnnlua scripts/handwriting.lua --data letters.tsv --save reader.safetensors
--   rnnlua scripts/handwriting.lua --data letters.tsv --evaluate reader.safetensors
local rnn = require "rnn"
local nn, data, optim, strokes = rnn.nn, rnn.data, rnn.optim, rnn.strokes

local experiment = rnn.experiment {
  about = "Recognises handwritten digits, or other signs, from pen strokes.",
  data = { folder = "pendigits", known = { ["train.tsv"] = "2466697:56005007f6fb27f5",
      ["test.tsv"] = "1125826:b90532f501c317dd" },
    source = "UCI Machine Learning Repository, data set 81, rewritten as label, writer, strokes",
    format = [[
train.tsv, dev.tsv (or writers are set aside) and test.tsv, or one file
label<TAB>writer<TAB>strokes    (or label<TAB>strokes)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., a | between strokes)]] },
  split = "70/15/15",
  epochs = 15,
  units = { 64, "units in each direction and layer" },
  lr = { 0.003, "learning rate of Adam" },
}
local options, results = experiment.options, experiment.results

local Reader = nn.module("Reader", function(self, labels, units)
  self.gru = nn.GRU(5, units, { layers = 2, bidirectional = true, returns = "both", dropout = 0.4 })
  self.dropout, self.head = nn.Dropout(0.4), nn.Linear(4 * units, labels)
end)

-- Other hands: in training every digit is bent, turned, stretched and sheared a little, and each
-- point trembles.
local function vary(place)
  local n, t = place:shape()
  local waves = place:matmul(rnn.randn(n, 2, 2) * 1.5) + rnn.rand(n, 1, 2) * (2 * math.pi)
  place = place + 0.1 * waves:sin()
  local unit = rnn.tensor { { { 1, 0 }, { 0, 1 } } }
  return place:matmul(unit + rnn.randn(n, 2, 2) * 0.2) + rnn.randn(n, t, 2) * 0.03
end

function Reader:forward(x)
  local lengths = x:lengths()
  x = x:without_lengths()
  local place, begins, steps = x:slice(3, 1, 2), x:slice(3, 3, 3), x:size(2)
  if self.training then place = vary(place) end
  local before = rnn.concat({ place:slice(2, 1, 1), place:slice(2, 1, steps - 1) }, 2)
  local inputs = rnn.concat({ place, 3 * (place - before), begins }, 3):with_lengths(lengths)
  local y, _, last = self.gru(inputs)
  local mean = y:without_lengths():sum(2) / lengths:to_float():reshape(-1, 1) -- 0 past the length
  return self.head(self.dropout(rnn.concat({ last, mean }, 2)))
end

local function backwards(list) -- strokes, and the points of each
  local turned = {}
  for _, e in ipairs(list) do
    table.insert(turned, 1, type(e[1]) == "table" and backwards(e) or e)
  end
  return turned
end

local model, saved = experiment:load()
local tables = experiment:tables({
  { "label", "class", "letter", "sign", "character", "symbol", "word" },
  { "writer", "user", "person", "drawer", optional = true },
  { "strokes", "path", "drawing", "points" } }, function(row)
  local list = strokes.read(row.strokes)
  return list and { label = row.label, writer = row.writer, strokes = list }
end)
local classes, ids = experiment:classes(tables, "label", saved and saved.classes, 2)
-- Writers of one part are in no other, where there are enough of them.
local writers, numbers = {}, {}
local whole = tables.all or tables.train or {}
if whole[1] and whole[1].writer then writers, numbers = data.classes(whole, "writer") end
if tables.train and not tables.dev then -- every fifth writer, or digit
  tables.dev = {}
  local train = {}
  for i, digit in ipairs(tables.train) do
    local fifth = (#writers < 5 and i or numbers[digit.writer]) % 5 == 0
    table.insert(fifth and tables.dev or train, digit)
  end
  tables.train = train
end
local parts = experiment:parts(tables, #writers >= 10 and { "writer" } or "label")

-- Points were recorded every 100 ms, so a slow hand leaves more of them; at equal distances, hands
-- are alike. For training, digits are drawn from either end: someone will begin a 9 at its foot.
local function dataset(list, both_ways)
  local xs, labels = {}, {}
  for _, digit in ipairs(list) do
    for _, way in ipairs { digit.strokes, both_ways and backwards(digit.strokes) or nil } do
      xs[#xs + 1], labels[#labels + 1] = strokes.points(way), ids[digit.label]
    end
  end
  return data.sequences(xs, labels)
end
local test, said = dataset(parts.test), nil
for _ in experiment:seeds() do
  if not saved then
    model = Reader(#classes, options.units)
    local history = experiment:fit("reader", model, {
      data = dataset(parts.train, true):batches { size = 64, shuffle = true },
      valid = dataset(parts.dev), loss = "cross_entropy", metrics = { "accuracy" }, clip_norm = 1,
      average = 0.99, optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.cosine() })
    results:add("valid", { accuracy = history.val_accuracy[#history] })
  end
  said = rnn.predict(model, test):argmax(2)
  results:add("test", { accuracy = said:eq(test.y):mean():item() })
end
-- One of the digits that it got wrong, as it was written.
local wrong = said:ne(test.y):nonzero()
if #wrong > 0 then
  local id = wrong:get(1)
  local title = ("Meant as %s, read as %s"):format(parts.test[id].label, classes[said:get(id)])
  assert(rnn.plot.lines({ strokes.line(strokes.points(parts.test[id].strokes)) }, { title = title,
    axes = false, width = 420, file = options.plot }))
end
print(("%d of %d %s%s wrong; accuracy, median of %d: %.2f %%%s"):format(#wrong, #test,
  experiment.known and "digits" or "signs", experiment:reference " of unseen writers",
  options.seeds, 100 * results:median("test", "accuracy"),
  experiment:reference " (nearest neighbour: 97.8 %)"))
experiment:finish { model = model, extra = { classes = classes } }
