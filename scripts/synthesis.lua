-- Handwriting that nobody wrote: an LSTM is told which digit, and where the pen just went, and says
-- where it goes next: a mixture of Gaussians, from which the move is drawn, with the chances that a
-- stroke begins and that the digit ends; so each digit that it writes is another one (Graves 2013,
-- "Generating sequences with recurrent neural networks"). Can it be read?
--
--   rnnlua scripts/handwriting.lua --save reader.safetensors
--   rnnlua scripts/synthesis.lua --plot digits.svg
--   rnnlua scripts/handwriting.lua --evaluate reader.safetensors --data written.tsv --split 0/0/100
local rnn = require "rnn"
local nn, data, strokes = rnn.nn, rnn.data, rnn.strokes

local experiment = rnn.experiment {
  about = "Writes digits, or other signs, by drawing every move of the pen from what it has seen.",
  data = { folder = "pendigits", known = { ["train.tsv"] = "2466697:56005007f6fb27f5",
      ["test.tsv"] = "1125826:b90532f501c317dd" },
    source = "UCI Machine Learning Repository, data set 81, rewritten as label, writer, strokes",
    format = [[
train.tsv, dev.tsv (or a part of train.tsv is taken) and test.tsv, or one file
label<TAB>writer<TAB>strokes    (or label<TAB>strokes)
A<TAB>ada<TAB>10 80 20 20.5 30 80|12 50 28 50    (x y x y ..., a | between strokes)]] },
  split = "70/15/15",
  epochs = 20,
  units = { 200, "units of the LSTM" },
  bias = { 1.0, "neatness: with 0 it writes as differently as people do" },
  each = { 50, "how many of each sign it writes" },
  written = { "written.tsv", "the file of what it writes, for --data" },
}
local options, results = experiment.options, experiment.results
local SPACING, LONGEST = 0.25, 150 -- of points, in halves of a sign's longer side; most of them

local density = nn.MixtureDensity { size = 2, bits = 2, components = 20 }
local Pen = nn.module("Pen", function(self, signs, units)
  self.signs, self.lstm = signs, nn.LSTM(4 + signs, units)
  self.head = nn.Linear(units, density.columns)
end)
function Pen:forward(before, sign, state) -- moves (N, T, 4), (N) -> what it says of those to come
  local n, t = before:shape()
  local told = rnn.one_hot(sign, self.signs):reshape(n, 1, -1):broadcast_to(n, t, self.signs)
  local y, after = self.lstm(rnn.concat({ before, told }, 3), state)
  return self.head(y), after
end
function Pen:loss(moves, sign)
  local n, t = moves:shape()
  local before = rnn.concat({ rnn.zeros(n, 1, 4), moves:without_lengths():slice(2, 1, t - 1) }, 2)
  return density:loss((self(before:with_lengths(moves:lengths()), sign)), moves)
end
function Pen:write(sign) -- one sign after the other: points (T, 3)
  local move, moves, written, state = rnn.zeros(#sign, 1, 4), {}, {}, nil
  for t = 1, LONGEST do
    local raw, after = self(move, sign, state)
    move, state = density:sample(raw, { bias = options.bias }), after
    moves[t] = move
  end
  moves = rnn.concat(moves, 2)
  for i = 1, #sign do written[i] = strokes.follow(moves[i], SPACING) end
  return written
end

local model, saved = experiment:load()
local tables = experiment:tables({ { "label", "class", "letter", "sign", "character", "symbol" },
  { "writer", "user", "person", "drawer", optional = true },
  { "strokes", "path", "drawing", "points" } }, function(row)
  local list = strokes.read(row.strokes)
  return list and { label = row.label, points = strokes.points(list, { spacing = SPACING }) }
end)
local classes, ids = experiment:classes(tables, "label", saved and saved.classes)
local parts, asked, written = experiment:parts(tables, "label"), {}, nil
local function moves_of(points, sign) return strokes.moves(points, SPACING), sign end
local function dataset(list, form)
  local xs, labels = {}, {}
  for i, sign in ipairs(list) do xs[i], labels[i] = form(sign.points), ids[sign.label] end
  return data.sequences(xs, labels)
end
for k = 1, #classes * options.each do asked[k] = (k - 1) // options.each + 1 end
for _ in experiment:seeds() do
  if not saved then
    model = Pen(#classes, options.units)
    local seen = dataset(parts.train, function(points) return points end)
    experiment:fit("pen", model, { clip_norm = 1, average = 0.99,
      data = data.augment(seen:batches { size = 64, shuffle = true }, rnn.augment.strokes {
        rotation = 8, scale = 0.1, shear = 0.1, jitter = 0.01 }, moves_of),
      valid = dataset(parts.dev, moves_of),
      optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.005 }),
      schedule = rnn.optim.schedules.cosine() })
  end
  results:add("test", { nats = rnn.evaluate(model, dataset(parts.test, moves_of)).loss })
  written = rnn.no_grad(model.write, model:eval(), rnn.tensor(asked, "int32"))
end

local file <close>, page = experiment:check(io.open(options.written, "w")), {}
for k, points in ipairs(written) do
  local row, column = asked[k], (k - 1) % options.each -- a row of twelve for each sign
  file:write(classes[row], "\t", strokes.text(points), "\n")
  page[#page + 1] = column < 12 and points + rnn.tensor { { 2.4 * column, -2.6 * row, 0 } } or nil
end
if options.plot then
  assert(rnn.plot.lines({ strokes.line(rnn.concat(page, 1)) }, { title = "Written by nobody",
    axes = false, width = 900, height = math.min(70 + 78 * #classes, 8000), file = options.plot }))
end
print(("%d signs in %s; nats a move: %.3f"):format(#written, options.written,
  results:median("test", "nats")))
experiment:finish { model = model, extra = { classes = classes } }
