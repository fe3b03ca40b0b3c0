-- Pictures to sentences: a vector that describes a picture becomes the first state of a GRU, which writes the caption
-- word by word (Vinyals et al. 2015, "Show and tell"; Yin and Ordonez 2017, "OBJ2TEXT", for objects only).
--
-- COCO photographs are known by their objects: which, how many, how large, where; with --data FOLDER/emoji-captions the
-- pictures are emoji, known by their pixels. Training stops at the epoch with the best BLEU on the dev part, which also
-- decided about sizes, dropout and the beam. The test part is only captioned once, at the end.
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local options = rnn.args {
  about = "Writes captions for pictures.",
  epochs = 10,
  hidden = { 256, "units of the GRU" },
  dropout = { 0.5, "share of the features dropped in training" },
  lr = { 0.002, "highest learning rate" },
  beam = { 5, "hypotheses of the beam search" },
  limit = { 0, "use only so many training pictures (0: all)" },
}

assert(not (options.plot and options.load), "--plot draws the training; with --load there is none")
local model, saved
if options.load then model, saved = assert(rnn.load(options.load)) end
local function map(list, f)
  local result = {}
  for i, value in ipairs(list) do result[i] = f(value) end
  return result
end
-- Of a COCO picture, for each class of objects: the logarithm of 1 + the number of its objects, the root of the share
-- of the picture that they cover, and where the middle of the largest one is.
local classes, OBJECT = saved and saved.classes or { n = 0 }, "(%S+):" .. ("(%-?%d+%.?%d*),"):rep(4):sub(1, -2)
local function describe(width, height, objects)
  local v, largest = rnn.zeros(4 * classes.n):totable(), {}
  for class, x, y, w, h in objects:gmatch(OBJECT) do
    local at, area = classes[class], w * h / (width * height)
    v[at + 1], v[at + 2] = math.log(math.exp(v[at + 1]) + 1), math.sqrt(v[at + 2] ^ 2 + area)
    if area >= (largest[class] or 0) then
      largest[class], v[at + 3], v[at + 4] = area, (x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5
    end
  end
  return v
end
-- Pictures of a part: { name, width, height, objects, captions }; captions are words in lower case, no punctuation.
local function read_coco(part)
  local function lines(kind, what, read)
    local path = assert(data.find("coco-layout-captions", ("%s-%s.tsv"):format(part, kind),
      { data = options.data, source = "https://cocodataset.org (captions and boxes of val2017)" }))
    return assert(data.lines(path, what, read, { header = true }))
  end
  local of = {}
  local pictures = lines("layouts", "picture<TAB>width<TAB>height<TAB>class:x,y,w,h ...", function(line)
    local id, width, height, objects = line:match "^([^\t]+)\t(%d+%.?%d*)\t(%d+%.?%d*)\t(.*)$"
    of[id or ""] = id and (objects == "" or objects:find(OBJECT)) and { id, width, height, objects, captions = {} }
    return of[id or ""] or nil
  end)
  lines("captions", "picture of the layouts<TAB>caption", function(line)
    local id, caption = line:match "^([^\t]+)\t(.*)$"
    caption = (caption or ""):lower():gsub("[^a-z0-9'\x80-\xFF]+", " "):gsub("^ ", ""):gsub(" $", "")
    if of[id] then table.insert(of[id].captions, caption) end
    return of[id] or nil
  end)
  for class in table.concat(map(pictures, function(p) return p[4] end), " "):gmatch(OBJECT) do
    assert(classes[class] or not saved, "the model knows no " .. class)
    if not classes[class] then classes.n, classes[class] = classes.n + 1, 4 * classes.n end
  end
  return assert(data.keep(part, "pictures have captions", pictures, function(p) return p.captions[1], p[1] end))
end
-- Emoji: a file with all pixels, a line with part and caption for each. Parts have vectors (N, C), lists of captions.
local function read_emoji(path)
  local pixels = assert(data.idx((path:gsub("captions.tsv$", "images.idx4-ubyte")))):to_float() / 127.5 - 1
  local parts = { train = { captions = {} }, dev = { captions = {} }, test = { captions = {} } }
  assert(data.lines(path, "index of a picture<TAB>part<TAB>group<TAB>code<TAB>caption", function(line)
    local index, part, caption = line:match "^(%d+)\t(%w+)\t[^\t]*\t[^\t]*\t(.*)$"
    if not parts[part] or index // 1 >= #pixels then return nil end
    table.insert(parts[part], index // 1 + 1)
    table.insert(parts[part].captions, { caption })
    return true
  end, { header = true }))
  for name, part in pairs(parts) do
    assert(#part > 0, ("%s: no line has the part %s"):format(path, name))
    part.vectors = pixels:gather(1, rnn.tensor(table.move(part, 1, #part, 1, {}), "int32")):reshape(#part, -1)
  end
  return parts
end
local emoji = options.data and data.find("emoji-captions", "captions.tsv", { data = options.data })
local parts = emoji and read_emoji(emoji) or map({ "train", "dev", "test" }, read_coco)
for i, name in ipairs(emoji and {} or { "train", "dev", "test" }) do
  parts[name] = { captions = map(parts[i], function(p) return p.captions end),
    vectors = rnn.tensor(map(parts[i], function(p) return describe(table.unpack(p, 2, 4)) end)) }
end
local train = parts.train
if options.limit > 0 then train.captions = table.move(train.captions, 1, options.limit, 1, {}) end
train.vectors = train.vectors:rows(1, #train.captions)
-- Words that occur less than four times cannot be learnt; emoji are called by rarer ones.
local corpus = map(train.captions, function(captions) return table.concat(captions, " ") end)
local vocab = saved and saved.vocab or text.words(corpus, { min_count = emoji and 1 or 4, tokenize = "spaces" })
-- Each caption is an example: batches of vectors and captions. For unknown words these have 0, which no loss counts.
local function examples(part, settings)
  local lists, rows = {}, {}
  for n, captions in ipairs(part.captions) do
    for _, caption in ipairs(captions) do
      local ids = vocab:encode(caption, { start = true, stop = true })
      lists[#lists + 1] = map(ids, function(id) return id == vocab.unknown and 0 or id end)
      rows[#rows + 1] = n
    end
  end
  local batches = data.sequences(lists, part.vectors:gather(1, rnn.tensor(rows, "int32"))):batches(settings)
  return data.map(batches, function(y, v) return v, y end) -- vectors first
end
-- Writes captions, greedily or by beam search: BLEU and the share that equals one of the picture's own; the captions.
local function measure(part, beam)
  local captions, same = model:decode(part.vectors, { beam = beam, max_length = 25 }), 0
  for n, ids in ipairs(captions) do
    captions[n] = vocab:decode(ids)
    local own = "\n" .. table.concat(part.captions[n], "\n") .. "\n"
    same = same + (own:find("\n" .. captions[n] .. "\n", 1, true) and 1 or 0)
  end
  local bleu = rnn.metrics.bleu(captions, part.captions, { tokenize = "none" })
  return { bleu = bleu, exact = same / #captions }, captions
end
local results, curve = rnn.results(), {}
local function learn(seed)
  local begun, units, dropout, width = rnn.clock(), options.hidden, options.dropout, train.vectors:size(2)
  rnn.seed(seed)
  model = nn.Decoder { vocab = vocab, dim = units, hidden = units, tied = true, dropout = dropout, condition = width }
  local function on_epoch(_, run, logs) -- before early stopping, which looks at val_bleu
    logs.val_bleu = measure(parts.dev).bleu
    curve[run.epoch] = logs.val_bleu
    io.stderr:write(("  dev: BLEU %.2f\n"):format(logs.val_bleu))
  end
  rnn.fit(model, { data = examples(train, { size = 64, shuffle = true }), valid = examples(parts.dev, { size = 64 }),
    loss = { label_smoothing = 0.1 }, epochs = options.epochs, clip_norm = 5,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine { final = 0.05 },
    callbacks = { { on_epoch = on_epoch }, rnn.EarlyStopping { monitor = "val_bleu" }, results:training() } })
  results:add("", { seconds = rnn.clock() - begun })
end
for seed = options.seed, options.seed + (saved and 0 or options.seeds - 1) do
  if not saved then learn(seed) end
  results:add("dev", (measure(parts.dev, options.beam)))
  local figures, captions = measure(parts.test, options.beam)
  results:add("test", figures)
  for n = 1, math.min(5, #captions) do print(captions[n] .. "\n  one of its own: " .. parts.test.captions[n][1]) end
end
io.write(results:table { { "bleu", "%.2f", "BLEU-4" }, { "exact", "%.3f", "share equal to one of the picture's own" } })
if options.save then assert(rnn.save(options.save, model, { vocab = vocab, classes = classes })) end
if options.plot then assert(rnn.plot.lines({ { y = curve } }, { title = "BLEU on dev", file = options.plot })) end
if options.result then assert(results:write(options.result)) end
