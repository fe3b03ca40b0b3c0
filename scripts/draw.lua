-- Digits, drawn: a vector that says which digit, and in whose hand, becomes the movement of a pen.
--
-- 7,494 digits that 30 people wrote on a tablet (Alpaydin, Alimoglu 1998, "Pen-Based Recognition of Handwritten
-- Digits"), or the signs in train.tsv and test.tsv of --data FOLDER. A GRU begins with the vector, sees it at every
-- step, and goes on from where the pen is: x, y and whether a stroke begins. Of every writer one digit is left out of
-- training, to be drawn in a hand that nobody has seen write it. What is drawn is read by the nearest neighbour among
-- the digits of the 14 other people of test.tsv.
--
--   rnnlua scripts/draw.lua --plot digits.svg
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local options = rnn.args {
  about = "Draws handwritten digits, stroke by stroke, from their class and their writer.",
  epochs = 10,
  units = { 64, "units of the GRU" },
  lr = { 0.005, "learning rate of Adam" },
  forcing = { 0, "the share of steps that are told where the pen really was" },
  limit = { 0, "digits to train on; 0: all" },
}
local POINT, STEPS = "(%-?%d+%.?%d*) (%-?%d+%.?%d*)", 24

-- "x y x y ...|x y ..." -> STEPS points { x, y, 1 where a stroke begins }, at equal distances along the strokes and
-- within -1..1; nil without any
local function points(text)
  local left, right, low, high, total, parts, rows = math.huge, -math.huge, math.huge, -math.huge, 0, {}, {}
  for stroke in text:gmatch "[^|]*%d %-?%d[^|]*" do
    local from
    for x, y in stroke:gmatch(POINT) do
      local to = { x = tonumber(x), y = tonumber(y) }
      left, right, low, high = math.min(left, to.x), math.max(right, to.x), math.min(low, to.y), math.max(high, to.y)
      local way = from and math.sqrt((to.x - from.x) ^ 2 + (to.y - from.y) ^ 2) or 0
      parts[#parts + 1] = { from = from or to, to = to, way = way, begins = not from }
      total, from = total + way, to
    end
  end
  if not parts[1] then return nil end
  local half, mid_x, mid_y = math.max(right - left, high - low, 1) / 2, (left + right) / 2, (low + high) / 2
  local i, done, begins = 1, 0, true
  for step = 0, STEPS - 1 do
    local at = total * step / (STEPS - 1)
    while i < #parts and done + parts[i].way < at do
      done, i = done + parts[i].way, i + 1
      begins = begins or parts[i].begins
    end
    local part = parts[i]
    local share = part.way > 0 and math.min((at - done) / part.way, 1) or 0
    rows[#rows + 1] = { (part.from.x + share * (part.to.x - part.from.x) - mid_x) / half,
      (part.from.y + share * (part.to.y - part.from.y) - mid_y) / half, begins and 1 or 0 }
    begins = false
  end
  return rows
end

-- The digits of a file, those with a label in ids.
local function read(name, ids)
  local path = assert(data.find("pendigits", name, { data = options.data,
    source = "UCI Machine Learning Repository, data set 81, rewritten as label, writer, strokes" }))
  return assert(data.lines(path, "a label of train.tsv<TAB>writer<TAB>strokes", function(line)
    local label, writer, strokes = line:match "^([^\t]+)\t([^\t]+)\t([%d |.-]+)$"
    local rows = label and (not ids or ids[label]) and points(strokes)
    return rows and { label = label, writer = writer, points = rows } or nil
  end, { header = true }))
end
local training = read "train.tsv"
local classes, ids = data.classes(training, "label")
local writers, numbers = data.classes(training, "writer")
local testing = read("test.tsv", ids)
local function column(list, f)
  local values = {}
  for i, digit in ipairs(list) do values[i] = f(digit) end
  return rnn.tensor(values, type(values[1]) == "number" and "int32" or nil)
end
local function label(digit) return ids[digit.label] end
local function strokes(digit) return digit.points end

-- The vector: which digit, and whose hand.
local function vectors(class, writer)
  return rnn.concat({ rnn.one_hot(class, #classes), rnn.one_hot(writer, #writers) }, 2)
end
local seen = {}
local several = #classes > 1 and #writers > 1
local function is_left_out(class, writer) return several and (class - writer) % #classes == 0 end
for _, digit in ipairs(training) do
  if not is_left_out(ids[digit.label], numbers[digit.writer]) and (options.limit == 0 or #seen < options.limit) then
    seen[#seen + 1] = digit
  end
end
local train = data.arrays(vectors(column(seen, label), column(seen, function(d) return numbers[d.writer] end)),
  column(seen, strokes))

-- The nearest neighbour, by the places of all points and, a little, by where strokes begin.
local function places(drawn)
  return rnn.concat({ drawn:slice(3, 1, 2), drawn:slice(3, 3, 3) * 0.1 }, 3):reshape(#drawn, -1)
end
local known, answers = places(column(testing, strokes)), column(testing, label)
local function nearest(drawn)
  local distance = known:square():sum(2):reshape(1, -1) - 2 * places(drawn):matmul(known:transpose(1, 2))
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

local results, model, drawn = rnn.results(), nil, nil
-- What the model draws for vectors; notes the share of it that is read as what was asked for.
local function draw(name, v, wanted, weights)
  local y = model:decode(v)
  y = rnn.concat({ y:slice(3, 1, 2), y:slice(3, 3, 3):gt(0.5) }, 3)
  local right = nearest(y):eq(wanted)
  results:add(name, { accuracy = (weights and (right * weights):sum() / weights:sum() or right:mean()):item() })
  return y
end
for seed = options.seed, options.seed + options.seeds - 1 do
  rnn.seed(seed)
  local begun, width = rnn.clock(), #classes + #writers
  if options.load then
    local extra
    model, extra = assert(rnn.load(options.load))
    assert(table.concat(extra.classes, " ") == table.concat(classes, " "), "the model knows other labels")
  else
    model = nn.Decoder { outputs = 3, recurrent = nn.GRU(3 + width, options.units), condition = width,
      condition_as = "both", steps = STEPS }
    rnn.fit(model, { data = train:batches { size = 64, shuffle = true }, loss = { teacher_forcing = options.forcing },
      epochs = options.epochs, clip_norm = 1, optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
      schedule = optim.schedules.cosine(), callbacks = { results:training() } })
  end
  drawn = draw("drawn", vectors(class, writer), class)
  if several then draw("unseen", vectors(class, writer), class, unseen) end
  local each, nobody = rnn.arange(#classes), rnn.full({ #classes, #writers }, 1 / #writers)
  draw("average", rnn.concat({ rnn.one_hot(each, #classes), nobody }, 2), each)
  results:add("", { seconds = rnn.clock() - begun })
end
results:add("written", { accuracy = nearest(column(training, strokes)):eq(column(training, label)):mean():item() })

if options.save then assert(rnn.save(options.save, model, { classes = classes })) end
if options.plot then -- a row for each of the first hands
  local lines = {}
  for c = 1, #classes do
    for w = 1, math.min(#writers, 8) do
      for t, p in ipairs(drawn[(c - 1) * #writers + w]:totable()) do
        if t == 1 or p[3] == 1 then lines[#lines + 1] = { x = {}, y = {} } end
        table.insert(lines[#lines].x, p[1] + 2.6 * c)
        table.insert(lines[#lines].y, p[2] - 2.6 * w)
      end
    end
  end
  assert(rnn.plot.lines(lines, { title = "Drawn from class and writer", width = 800, height = 640,
    file = options.plot }))
end
print(([[
How much of it the nearest neighbour reads as what was asked for, medians of %d seed%s. drawn: every digit in every
hand; unseen: those that nobody saw this hand write; average: with no hand in particular; written: what people wrote.]])
  :format(options.seeds, options.seeds == 1 and "" or "s"))
io.write(results:table { { "accuracy", "%.3f", "read right" } })
if options.result then assert(results:write(options.result)) end
