-- Handwritten digits from the movement of the pen: 44 people wrote on a tablet; which digit was it?
--
-- 10,992 digits as strokes of the pen (Alpaydin, Alimoglu 1998, "Pen-Based Recognition of Handwritten Digits"), or the
-- signs in train.tsv and test.tsv of --data FOLDER. Every one becomes points at equal distances along its strokes; a
-- bidirectional GRU reads them. Every fifth writer of train.tsv is for validation, on which all was chosen; those
-- of test.tsv are in neither, and the test accuracy is computed once, at the end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Recognises handwritten digits from pen strokes with a bidirectional GRU.",
  epochs = 15,
  units = { 64, "units in each direction and layer" },
  lr = { 0.003, "learning rate of Adam" },
  limit = { 0, "digits to train on; 0: all" },
}
local POINT, SPACING = "(%-?%d+%.?%d*) (%-?%d+%.?%d*)", 0.25 -- between points, in halves of a digit's longer side

-- "x y x y ...|x y ..." -> a list of points { x, y } for each stroke; nil without any
local function parse(text)
  local strokes = {}
  for stroke in text:gmatch "[^|]*%d %-?%d[^|]*" do
    strokes[#strokes + 1] = {}
    for x, y in stroke:gmatch(POINT) do table.insert(strokes[#strokes], { tonumber(x), tonumber(y) }) end
  end
  return strokes[1] and strokes
end

-- Strokes -> points (T, 3): place, within -1..1, and 1 where a stroke begins. Points were recorded every 100 ms, so a
-- slow hand leaves more of them; at equal distances, hands are alike.
local function points(strokes)
  local left, right, low, high, rows = math.huge, -math.huge, math.huge, -math.huge, {}
  for _, line in ipairs(strokes) do
    for _, p in ipairs(line) do
      left, right, low, high = math.min(left, p[1]), math.max(right, p[1]), math.min(low, p[2]), math.max(high, p[2])
    end
  end
  local half, mid_x, mid_y = math.max(right - left, high - low, 1) / 2, (left + right) / 2, (low + high) / 2
  local function add(x, y, begins) rows[#rows + 1] = { (x - mid_x) / half, (y - mid_y) / half, begins } end
  for _, line in ipairs(strokes) do
    local x, y, ahead = line[1][1], line[1][2], SPACING * half -- ahead: to the next point
    add(x, y, 1)
    for i = 2, #line do
      local next_x, next_y = table.unpack(line[i])
      local way = math.sqrt((next_x - x) ^ 2 + (next_y - y) ^ 2)
      while way >= ahead do
        x, y = x + (next_x - x) * ahead / way, y + (next_y - y) * ahead / way
        add(x, y, 0)
        way, ahead = way - ahead, SPACING * half
      end
      x, y, ahead = next_x, next_y, ahead - way
    end
  end
  return rnn.tensor(rows)
end

local function backwards(list) -- strokes, and the points of each
  local turned = {}
  for _, e in ipairs(list) do table.insert(turned, 1, type(e[1]) == "table" and backwards(e) or e) end
  return turned
end

-- The digits of a file, those with a label in ids; and whether it is the public file.
local function read(name, fingerprint, ids)
  local path, known = assert(data.find("pendigits", name, { data = options.data, fingerprint = fingerprint,
    source = "UCI Machine Learning Repository, data set 81, rewritten as label, writer, strokes" }))
  return assert(data.lines(path, "a label of train.tsv<TAB>writer<TAB>strokes", function(line)
    local label, writer, strokes = line:match "^([^\t]+)\t([^\t]+)\t([%d |.-]+)$"
    strokes = label and (not ids or ids[label]) and parse(strokes)
    return strokes and { label = label, writer = writer, strokes = strokes } or nil
  end, { header = true })), known
end
local training, known = read("train.tsv", "2466697:56005007f6fb27f5")
local classes, ids = data.classes(training, "label")
local writers, numbers = data.classes(training, "writer") -- fewer than five: every fifth digit is for validation
local testing, test_known = read("test.tsv", "1125826:b90532f501c317dd", ids)
known = known and test_known and options.limit == 0

-- For training, digits are drawn from either end: some writer will begin a 9 at its foot.
local function dataset(part, list)
  local xs, labels, limit = {}, {}, options.limit
  local function add(strokes, label) xs[#xs + 1], labels[#labels + 1] = points(strokes), ids[label] end
  for i, digit in ipairs(list) do
    local fifth = (#writers < 5 and i or numbers[digit.writer] or 0) % 5 == 0
    if (part == "test" or fifth == (part == "valid")) and (limit == 0 or #xs < limit) then
      add(digit.strokes, digit.label)
      if part == "train" then add(backwards(digit.strokes), digit.label) end
    end
  end
  return data.sequences(xs, labels)
end
local train, valid, test = dataset("train", training), dataset("valid", training), dataset("test", testing)
local Reader = nn.module("Reader", function(self)
  self.gru = nn.GRU(5, options.units, { layers = 2, bidirectional = true, returns = "both", dropout = 0.4 })
  self.dropout, self.head = nn.Dropout(0.4), nn.Linear(4 * options.units, #classes)
end)
-- Other hands: in training every digit is bent, turned, stretched and sheared a little, and each point trembles.
local function vary(place)
  local n, t = place:shape()
  place = place + 0.1 * (place:matmul(rnn.randn(n, 2, 2) * 1.5) + rnn.rand(n, 1, 2) * (2 * math.pi)):sin()
  return place:matmul(rnn.tensor { { { 1, 0 }, { 0, 1 } } } + rnn.randn(n, 2, 2) * 0.2) + rnn.randn(n, t, 2) * 0.03
end
function Reader:forward(x)
  local lengths = x:lengths()
  x = x:without_lengths()
  local place, begins, steps = x:slice(3, 1, 2), x:slice(3, 3, 3), x:size(2)
  if self.training then place = vary(place) end
  local before = rnn.concat({ place:slice(2, 1, 1), place:slice(2, 1, steps - 1) }, 2)
  local y, _, last = self.gru(rnn.concat({ place, 3 * (place - before), begins }, 3):with_lengths(lengths))
  local mean = y:without_lengths():sum(2) / lengths:to_float():reshape(-1, 1) -- steps past the length are 0
  return self.head(self.dropout(rnn.concat({ last, mean }, 2)))
end
local results, model, said = rnn.results(), nil, nil
for seed = options.seed, options.seed + options.seeds - 1 do
  rnn.seed(seed)
  model = Reader()
  local begun = rnn.clock()
  if options.load then
    local saved = select(2, assert(rnn.load(options.load, model)))
    assert(table.concat(saved.classes, " ") == table.concat(classes, " "), "the model knows other labels")
  else
    local history = rnn.fit(model, {
      data = train:batches { size = 64, shuffle = true }, valid = valid, loss = "cross_entropy",
      metrics = { "accuracy" }, epochs = options.epochs, clip_norm = 1, average = 0.99,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine(),
      callbacks = { results:training() },
    })
    results:add("valid", { accuracy = history.val_accuracy[#history] })
  end
  said = rnn.predict(model, test):argmax(2)
  results:add("test", { accuracy = said:eq(test.y):mean():item() })
  results:add("", { seconds = rnn.clock() - begun })
end
if options.save then assert(rnn.save(options.save, model, { classes = classes })) end
-- One of the digits that it got wrong, as it was written.
local wrong = said:ne(test.y):nonzero()
if #wrong > 0 then
  local id, strokes = wrong:get(1), {}
  for _, point in ipairs(points(testing[id].strokes):totable()) do
    if point[3] == 1 then strokes[#strokes + 1] = { x = {}, y = {}, label = "stroke " .. #strokes + 1 } end
    for axis, place in pairs { x = point[1], y = point[2] } do table.insert(strokes[#strokes][axis], place) end
  end
  assert(rnn.plot.lines(strokes, { title = ("Meant as %s, read as %s"):format(testing[id].label,
    classes[said:get(id)]), width = 420, file = options.plot }))
end
print(("%d of %d digits%s wrong; accuracy, median of %d: %.2f %%%s"):format(#wrong, #test,
  known and " of unseen writers" or "", options.seeds, 100 * results:median("test", "accuracy"),
  known and " (nearest neighbour: 97.8 %)" or ""))
if options.result then assert(results:write(options.result)) end
