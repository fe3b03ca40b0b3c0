-- Handwritten digits from the movement of the pen: 44 people wrote on a tablet; which digit was it?
--
-- 10,992 digits as strokes of the pen (Alpaydin, Alimoglu 1998, "Pen-Based Recognition of Handwritten Digits"). Every
-- digit becomes points at equal distances along its strokes; a bidirectional GRU reads them.
--
-- Writers 5, 10 ... 30 of the training file are for validation, on which everything was chosen; the writers of the test
-- file are in neither, and the test accuracy is computed once, at the end.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Recognises handwritten digits from pen strokes with a bidirectional GRU.",
  epochs = 15,
  units = { 64, "units in each direction and layer" },
  lr = { 0.003, "learning rate of Adam" },
  limit = { 0, "digits to train on; 0: all" },
}
local SPACING = 0.25 -- between points, in halves of a digit's longer side

-- "x y x y ...|x y ...", one stroke after the other -> points (T, 3): place, within -1..1, and 1 where a stroke begins.
-- Points were recorded every 100 ms, so a slow hand leaves more of them; at equal distances, hands are alike.
local function points(text)
  local strokes, left, right, low, high = {}, math.huge, -math.huge, math.huge, -math.huge
  for stroke in text:gmatch "[^|]+" do
    local line = {}
    for x, y in stroke:gmatch "(%d+) (%d+)" do
      x, y = tonumber(x), tonumber(y)
      line[#line + 1] = { x, y }
      left, right, low, high = math.min(left, x), math.max(right, x), math.min(low, y), math.max(high, y)
    end
    strokes[#strokes + 1] = line
  end
  local half, rows = math.max(right - left, high - low, 1) / 2, {}
  local function add(x, y, begins)
    rows[#rows + 1] = { (x - (left + right) / 2) / half, (y - (low + high) / 2) / half, begins }
  end
  for _, line in ipairs(strokes) do
    local x, y = table.unpack(line[1])
    local ahead = SPACING * half -- to the next point
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

-- The same digit drawn from its other end.
local function backwards(text)
  local strokes = {}
  for stroke in text:gmatch "[^|]+" do
    local line = {}
    for point in stroke:gmatch "%d+ %d+" do table.insert(line, 1, point) end
    table.insert(strokes, 1, table.concat(line, " "))
  end
  return table.concat(strokes, "|")
end

-- The digits of a file, of the writers that are wanted; with both, drawn from either end: some writer will begin a 9
-- at its foot.
local function read(name, limit, both, wanted)
  local path = assert(data.find("pendigits", name, {
    data = options.data, source = "UCI Machine Learning Repository, data set 81, rewritten as label, writer, strokes",
  }))
  local xs, labels = {}, {}
  for line in io.lines(path) do
    local label, writer, strokes = line:match "^(%d)\t(%d+)\t([%d |]+)"
    if label and wanted(tonumber(writer)) and (limit == 0 or #xs < limit) then
      xs[#xs + 1], labels[#labels + 1] = points(strokes), label + 1
      if both then xs[#xs + 1], labels[#labels + 1] = points(backwards(strokes)), label + 1 end
    end
  end
  return data.sequences(xs, labels)
end
local train = read("train.tsv", options.limit, true, function(writer) return writer % 5 ~= 0 end)
local valid = read("train.tsv", options.limit, false, function(writer) return writer % 5 == 0 end)
local test = read("test.tsv", options.limit, false, function() return true end)

local Reader = nn.module("Reader", function(self)
  self.gru = nn.GRU(5, options.units, { layers = 2, bidirectional = true, returns = "both", dropout = 0.4 })
  self.dropout = nn.Dropout(0.4)
  self.head = nn.Linear(4 * options.units, 10)
end)
local ONE = rnn.tensor { { { 1, 0 }, { 0, 1 } } }

-- Other hands: in training every digit is bent, turned, stretched and sheared a little, and each point trembles.
local function vary(place)
  local n, t = place:shape()
  place = place + 0.1 * (place:matmul(rnn.randn(n, 2, 2) * 1.5) + rnn.rand(n, 1, 2) * (2 * math.pi)):sin()
  return place:matmul(ONE + rnn.randn(n, 2, 2) * 0.2) + rnn.randn(n, t, 2) * 0.03
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

local results, model, wrong = rnn.results(), nil, nil
for seed = options.seed, options.seed + options.seeds - 1 do
  rnn.seed(seed)
  model = Reader()
  local begun = rnn.clock()
  if options.load then
    assert(rnn.load(options.load, model))
  else
    local history = rnn.fit(model, {
      data = train:batches { size = 64, shuffle = true }, valid = valid, loss = "cross_entropy",
      metrics = { "accuracy" }, epochs = options.epochs, clip_norm = 1, average = 0.99,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine(),
      callbacks = { results:training() },
    })
    results:add("valid", { accuracy = history.val_accuracy[#history] })
  end
  local said = rnn.predict(model, test):argmax(2)
  results:add("test", { accuracy = said:eq(test.y):mean():item() })
  results:add("", { seconds = rnn.clock() - begun })
  wrong = { ids = said:ne(test.y):nonzero(), said = said }
end
if options.save then assert(rnn.save(options.save, model)) end

-- One of the digits that it got wrong, as it was written.
if #wrong.ids > 0 then
  local id, strokes = wrong.ids:get(1), {}
  local written = test:batch(rnn.tensor({ id }, "int32"))[1]
  for i = 1, #written do
    if written:get(i, 3) == 1 then strokes[#strokes + 1] = { x = {}, y = {}, label = "stroke " .. #strokes + 1 } end
    local x, y = strokes[#strokes].x, strokes[#strokes].y
    x[#x + 1], y[#y + 1] = written:get(i, 1), written:get(i, 2)
  end
  assert(rnn.plot.lines(strokes, { title = ("Meant as %d, read as %d"):format(test.y:get(id) - 1,
    wrong.said:get(id) - 1), width = 420, file = options.plot }))
end
print(("%d of %d digits of unseen writers wrong; accuracy, median of %d: %.2f %% (nearest neighbour: 97.8 %%)"):format(
  #wrong.ids, #test, options.seeds, 100 * results:median("test", "accuracy")))
if options.result then assert(results:write(options.result)) end
