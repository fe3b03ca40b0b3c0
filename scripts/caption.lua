-- Pictures to sentences: a vector that describes a picture becomes the first state of a GRU, which writes the caption
-- word by word (Vinyals et al. 2015, "Show and tell"; Yin and Ordonez 2017, "OBJ2TEXT", for objects only).
--
-- COCO photographs are known by their objects: which, how many, how large, where. With --data FOLDER/emoji-captions the
-- pictures are emoji, known by their 16 x 16 pixels. Training stops at the epoch with the best BLEU on the dev part,
-- which also decided about sizes, dropout and the beam. The test part is only captioned once, at the end. There the
-- caption of the nearest training picture has a BLEU-4 of 11.0 (COCO), or is never the right one (emoji).
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

-- Of a COCO picture, for each of the 80 classes: the logarithm of 1 + the number of its objects, the root of the share
-- of the picture that they cover, and where the middle of the largest one is.
local classes = { n = 0 }
local function describe(width, height, objects)
  local v, largest = {}, {}
  for i = 1, 320 do v[i] = 0 end
  for class, x, y, w, h in objects:gmatch "(%S+):(%d+),(%d+),(%d+),(%d+)" do
    if not classes[class] then classes.n, classes[class] = classes.n + 1, 4 * classes.n end
    local at, area = classes[class], w * h / (width * height)
    v[at + 1], v[at + 2] = math.log(math.exp(v[at + 1]) + 1), math.sqrt(v[at + 2] ^ 2 + area)
    if area >= (largest[class] or 0) then
      largest[class], v[at + 3], v[at + 4] = area, (x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5
    end
  end
  return v
end

-- A part is { vectors = tensor (N, C), captions = a list for each picture }: words in lower case, no punctuation.
local function read_coco(part)
  local function lines(kind)
    return io.lines(assert(data.find("coco-layout-captions", ("%s-%s.tsv"):format(part, kind),
      { data = options.data, source = "https://cocodataset.org (captions and boxes of val2017)" })))
  end
  local vectors, captions, of = {}, {}, {}
  for line in lines "layouts" do
    local id, width, height, objects = line:match "^(%d+)\t(%d+)\t(%d+)\t(.*)$"
    if id then
      of[id] = {}
      vectors[#vectors + 1], captions[#captions + 1] = describe(width, height, objects), of[id]
    end
  end
  for line in lines "captions" do
    local id, caption = line:lower():match "^(%d+)\t(.*)$"
    if id then table.insert(of[id], (caption:gsub("[^a-z0-9']+", " "):gsub("^ ", ""):gsub(" $", ""))) end
  end
  return { vectors = rnn.tensor(vectors), captions = captions }
end

-- Emoji: a file with all pixels, and a line with part and caption for each picture.
local function read_emoji(path)
  local pixels = assert(data.idx((path:gsub("captions.tsv$", "images.idx4-ubyte")))):to_float() / 127.5 - 1
  local captions, ids, parts = { train = {}, dev = {}, test = {} }, { train = {}, dev = {}, test = {} }, {}
  for line in io.lines(path) do
    local index, part, caption = line:match "^(%d+)\t(%w+)\t[^\t]*\t[^\t]*\t(.*)$"
    if index then
      table.insert(captions[part], { caption })
      table.insert(ids[part], index + 1)
    end
  end
  for part, list in pairs(ids) do
    local vectors = pixels:gather(1, rnn.tensor(list, "int32"))
    parts[part] = { vectors = vectors:reshape(#list, -1), captions = captions[part] }
  end
  return parts
end

local emoji = options.data and data.find("emoji-captions", "captions.tsv", { data = options.data })
local parts = emoji and read_emoji(emoji)
  or { train = read_coco "train", dev = read_coco "dev", test = read_coco "test" }
local train = parts.train
if options.limit > 0 then
  train.captions = table.move(train.captions, 1, options.limit, 1, {})
  train.vectors = train.vectors:rows(1, #train.captions)
end
-- Words that occur less than four times cannot be learnt from so few; emoji are called by words that are rarer.
local model, saved, corpus = nil, nil, {}
for _, captions in ipairs(train.captions) do table.move(captions, 1, #captions, #corpus + 1, corpus) end
if options.load then model, saved = assert(rnn.load(options.load)) end
local vocab = saved and saved.vocab or text.words(corpus, { min_count = emoji and 1 or 4, tokenize = "spaces" })

-- Each caption is an example of its own: batches of vectors and captions. In the place of unknown words captions have
-- 0, "nothing", which no loss counts; so the model never learns to write <unk>.
local function examples(part, settings)
  local lists, rows = {}, {}
  for n, captions in ipairs(part.captions) do
    for _, caption in ipairs(captions) do
      local ids = vocab:encode(caption, { start = true, stop = true })
      for i, id in ipairs(ids) do ids[i] = id == vocab.unknown and 0 or id end
      lists[#lists + 1], rows[#rows + 1] = ids, n
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
    if own:find("\n" .. captions[n] .. "\n", 1, true) then same = same + 1 end
  end
  local bleu = rnn.metrics.bleu(captions, part.captions, { tokenize = "none" }) -- tokens are the words above
  return { bleu = bleu, exact = same / #captions }, captions
end
local results, curve = rnn.results(), {}
local function learn(seed)
  local begun = rnn.clock()
  rnn.seed(seed)
  model = nn.Decoder { vocab = vocab, dim = options.hidden, hidden = options.hidden, tied = true,
    condition = train.vectors:size(2), dropout = options.dropout }
  local function on_epoch(_, run, logs) -- before early stopping, which looks at val_bleu
    logs.val_bleu = measure(parts.dev).bleu
    curve[run.epoch] = logs.val_bleu
    io.stderr:write(("  dev: BLEU %.2f\n"):format(logs.val_bleu))
  end
  rnn.fit(model, {
    data = examples(train, { size = 64, shuffle = true }), valid = examples(parts.dev, { size = 64 }),
    loss = { label_smoothing = 0.1 }, epochs = options.epochs, clip_norm = 5,
    optimizer = optim.Adam(model:parameters(), { lr = options.lr }), schedule = optim.schedules.cosine { final = 0.05 },
    callbacks = { { on_epoch = on_epoch }, rnn.EarlyStopping { monitor = "val_bleu" }, results:training() },
  })
  results:add("", { seconds = rnn.clock() - begun })
end
for seed = options.seed, options.seed + (saved and 0 or options.seeds - 1) do
  if not saved then learn(seed) end
  results:add("dev", (measure(parts.dev, options.beam)))
  local figures, captions = measure(parts.test, options.beam)
  results:add("test", figures)
  for n = 1, 5 do print(("%s\n  one of its own: %s"):format(captions[n], parts.test.captions[n][1])) end
end
io.write(results:table { { "bleu", "%.2f", "BLEU-4" }, { "exact", "%.3f", "share equal to one of the picture's own" } })
if options.save then assert(rnn.save(options.save, model, { vocab = vocab })) end
if options.plot then assert(rnn.plot.lines({ { y = curve } }, { title = "BLEU on dev", file = options.plot })) end
if options.result then assert(results:write(options.result)) end
