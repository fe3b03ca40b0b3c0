-- Digits, drawn: a vector that says which digit, and in whose hand, becomes the movement of a pen.
--
-- 7,494 digits that 30 people wrote on a tablet (Alpaydin, Alimoglu 1998, "Pen-Based Recognition of
-- Handwritten Digits"), or signs of any alphabet in --data. A GRU begins with the vector, sees it
-- at every step, and goes on from where the pen is: x, y and whether a stroke begins. Of every
-- writer one digit is left out of training, to be drawn in a hand that nobody has seen write it.
-- What is drawn is read by the nearest neighbour among the digits of the 14 other people of
-- test.tsv.
--
--   rnnlua scripts/draw.lua --plot digits.svg
--   rnnlua scripts/draw.lua --data letters.tsv --save pen.safetensors
local rnn = require "rnn"
local nn, data, optim, strokes = rnn.nn, rnn.data, rnn.optim, rnn.strokes

local experiment = rnn.experiment {
  about = "Draws handwritten digits, or other signs, stroke by stroke, from class and writer.",
  data = { folder = "pendigits", known = { ["train.tsv"] = "2466697:56005007f6fb27f5",
      ["test.tsv"] = "1125826:b90532f501c317dd" },
    source = "UCI Machine Learning Repository, data set 81, rewritten as label, writer, strokes",
    format = [[
train.tsv (with dev.tsv, if there is one) and test.tsv, or one file
label<TAB>writer<TAB>strokes    (or label<TAB>strokes)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., a | between strokes)]] },
  split = "70/15/15",
  epochs = 10,
  units = { 64, "units of the GRU" },
  lr = { 0.005, "learning rate of Adam" },
  forcing = { 0, "the share of steps that are told where the pen really was" },
}
local options, results = experiment.options, experiment.results
local STEPS = 24

-- width: classes and writers together
local function Pen(width)
  return nn.Decoder { outputs = 3, recurrent = nn.GRU(3 + width, options.units), condition = width,
    condition_as = "both", steps = STEPS }
end

local model, saved = experiment:load()
local tables = experiment:tables({
  { "label", "class", "letter", "sign", "character", "symbol", "word" },
  { "writer", "user", "person", "drawer", optional = true },
  { "strokes", "path", "drawing", "points" } }, function(row)
  local list = strokes.read(row.strokes)
  local points = list and strokes.points(list, { count = STEPS })
  return list and { label = row.label, writer = row.writer or "somebody", points = points }
end)
local classes, ids = experiment:classes(tables, "label", saved and saved.classes)
local training, testing = tables.train or {}, tables.test
if tables.all or not saved then
  local parts = tables.all and experiment:parts(tables, "label") or tables
  training, testing = parts.train, parts.test
  for _, digit in ipairs(parts.dev or {}) do training[#training + 1] = digit end
end
local writers = saved and saved.writers
if not writers then writers = data.classes(training, "writer") end
local numbers = {}
for i, writer in ipairs(writers) do numbers[writer] = i end
local function column(list, f)
  local values = {}
  for i, digit in ipairs(list) do values[i] = f(digit) end
  return type(values[1]) == "number" and rnn.tensor(values, "int32") or rnn.stack(values, 1)
end
local function label(digit) return ids[digit.label] end
local function points_of(digit) return digit.points end

-- The vector: which digit, and whose hand.
local function vectors(class, writer)
  return rnn.concat({ rnn.one_hot(class, #classes), rnn.one_hot(writer, #writers) }, 2)
end
local several = #classes > 1 and #writers > 1
local function is_left_out(class, writer) return several and (class - writer) % #classes == 0 end
local seen = {}
for _, digit in ipairs(training) do
  if not is_left_out(ids[digit.label], numbers[digit.writer]) then seen[#seen + 1] = digit end
end

-- The nearest neighbour, by the places of all points and, a little, by where strokes begin.
local function places(drawn)
  return rnn.concat({ drawn:slice(3, 1, 2), drawn:slice(3, 3, 3) * 0.1 }, 3):reshape(#drawn, -1)
end
local read, answers = places(column(testing, points_of)), column(testing, label)
local function nearest(drawn)
  local products = places(drawn):matmul(read:transpose(1, 2))
  local distance = read:square():sum(2):reshape(1, -1) - 2 * products
  return answers:gather(1, distance:argmin(2))
end

-- Every digit in every hand; which of these nobody has seen.
local class, writer, unseen = {}, {}, {}
for c = 1, #classes do
  for w = 1, #writers do
    class[#class + 1], writer[#writer + 1] = c, w
    unseen[#unseen + 1] = is_left_out(c, w) and 1 or 0
  end
end
class, writer, unseen = rnn.tensor(class, "int32"), rnn.tensor(writer, "int32"), rnn.tensor(unseen)

-- What the model draws for vectors; notes the share of it that is read as what was asked for.
local function draw(name, v, wanted, weights)
  local y = model:decode(v)
  y = rnn.concat({ y:slice(3, 1, 2), y:slice(3, 3, 3):gt(0.5) }, 3)
  local right = nearest(y):eq(wanted)
  local share = weights and (right * weights):sum() / weights:sum() or right:mean()
  results:add(name, { accuracy = share:item() })
  return y
end
local drawn
for _ in experiment:seeds() do
  if not saved then
    model = Pen(#classes + #writers)
    local train = data.arrays(vectors(column(seen, label),
      column(seen, function(d) return numbers[d.writer] end)), column(seen, points_of))
    experiment:fit("pen", model, { data = train:batches { size = 64, shuffle = true },
      loss = { teacher_forcing = options.forcing }, clip_norm = 1,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.cosine() })
  end
  drawn = draw("drawn", vectors(class, writer), class)
  if several then draw("unseen", vectors(class, writer), class, unseen) end
  local each = rnn.arange(#classes)
  local nobody = rnn.full({ #classes, #writers }, 1 / #writers)
  draw("average", rnn.concat({ rnn.one_hot(each, #classes), nobody }, 2), each)
end
if training[1] then
  local right = nearest(column(training, points_of)):eq(column(training, label))
  results:add("written", { accuracy = right:mean():item() })
end
if options.plot then -- a row for each of the first hands
  local page = {}
  for c = 1, #classes do
    for w = 1, math.min(#writers, 8) do
      local place = rnn.tensor { { 2.6 * c, -2.6 * w, 0 } }
      local points = drawn[(c - 1) * #writers + w] + place
      points[{ 1, 3 }] = 1 -- where it ends another one begins
      page[#page + 1] = points
    end
  end
  assert(rnn.plot.lines({ strokes.line(rnn.concat(page, 1)) }, { axes = false, width = 800,
    height = 640, title = "Drawn from class and writer", file = options.plot }))
end
print(([[
How much of it the nearest neighbour reads as what was asked for, medians of %d seed%s. drawn: every
digit in every hand; unseen: those that nobody saw this hand write; average: with no hand in
particular; written: what people wrote.]])
  :format(options.seeds, options.seeds == 1 and "" or "s"))
io.write(results:table { { "accuracy", "%.3f", "read right" } })
experiment:finish { model = model, extra = { classes = classes, writers = writers } }
