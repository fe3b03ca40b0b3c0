-- Pictures to sentences: a vector that describes a picture becomes the first state of a GRU, which
-- writes the caption word by word (Vinyals et al. 2015, "Show and tell"; Yin and Ordonez 2017,
-- "OBJ2TEXT", for objects only).
--
-- COCO photographs are known by their objects: which, how many, how large, where; with --data
-- emoji-captions the pictures are emoji, known by their pixels. Training stops at the epoch with
-- the best BLEU on the part dev, which also decided about sizes, dropout and the beam. The test
-- part is only captioned once, at the end.
--
--   rnnlua scripts/caption.lua --data rooms --save scribe.safetensors
--   rnnlua scripts/caption.lua --data rooms --evaluate scribe.safetensors
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local experiment = rnn.experiment {
  about = "Writes captions for pictures.",
  data = { folder = "coco-layout-captions",
    source = "https://cocodataset.org (captions and boxes of val2017)",
    format = [[
a folder with train-layouts.tsv and train-captions.tsv, dev-... and test-..., or layouts.tsv and
captions.tsv: picture<TAB>width<TAB>height<TAB>class:x,y,w,h class:...    and    picture<TAB>caption
or images.idx4-ubyte and captions.tsv: number from 0<TAB>train, dev or test<TAB>...<TAB>caption]] },
  split = "80/10/10",
  epochs = 10,
  hidden = { 256, "units of the GRU" },
  dropout = { 0.5, "share of the features dropped in training" },
  lr = { 0.002, "highest learning rate" },
  beam = { 5, "hypotheses of the beam search" },
}
local options, results = experiment.options, experiment.results

local function Writer(vocab, width)
  return nn.Decoder { vocab = vocab, dim = options.hidden, units = options.hidden, tied = true,
    dropout = options.dropout, condition = width }
end

local model, saved = experiment:load()
local function map(list, f)
  local result = {}
  for i, value in ipairs(list) do result[i] = f(value) end
  return result
end
local function lines(path, what, read)
  return experiment:check(data.lines(path, what, read, { header = "maybe" }))
end

-- Of a COCO picture, for each class of objects: the logarithm of 1 + the number of its objects, the
-- root of the share of the picture that they cover, and where the middle of the largest one is.
local classes = saved and saved.classes or { n = 0 }
local OBJECT = "(%S+):" .. ("(%-?%d+%.?%d*),"):rep(4):sub(1, -2)
local function describe(picture)
  local width, height = picture.width, picture.height
  local v, largest = rnn.zeros(4 * classes.n):totable(), {}
  for class, x, y, w, h in picture.objects:gmatch(OBJECT) do
    local at, area = classes[class], w * h / (width * height)
    if at then -- none that was not seen in training
      v[at + 1], v[at + 2] = math.log(math.exp(v[at + 1]) + 1), math.sqrt(v[at + 2] ^ 2 + area)
      if area >= (largest[class] or 0) then
        largest[class] = area
        v[at + 3], v[at + 4] = (x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5
      end
    end
  end
  return v
end
-- Pictures of a part with captions: words in lower case, no punctuation.
local function read_coco(layouts, captions)
  local of, row = {}, "picture<TAB>width<TAB>height<TAB>class:x,y,w,h ..."
  local pictures = lines(layouts, row, function(line)
    local id, width, height, objects = line:match "^([^\t]+)\t(%d+%.?%d*)\t(%d+%.?%d*)\t(.*)$"
    if not id or width * height == 0 then return nil end
    if objects ~= "" and not objects:find(OBJECT) then return nil end
    of[id] = { id = id, width = width, height = height, objects = objects, captions = {} }
    return of[id]
  end)
  lines(captions, "picture of the layouts<TAB>caption", function(line)
    local id, caption = line:match "^([^\t]+)\t(.*)$"
    caption = (caption or ""):lower():gsub("[^a-z0-9'\x80-\xFF]+", " ")
    caption = caption:gsub("^ ", ""):gsub(" $", "")
    if of[id] then table.insert(of[id].captions, caption) end
    return of[id] or nil
  end)
  return experiment:check(data.keep(layouts, "pictures have captions", pictures, function(p)
    return p.captions[1], p.id
  end))
end
-- Emoji: a file with all pixels, and a line with part and caption for each.
local function read_emoji(path, images)
  local pixels = experiment:check(data.idx(images)):to_float() / 127.5 - 1
  local row = "index of a picture<TAB>part<TAB>group<TAB>code<TAB>caption"
  return lines(path, row, function(line)
    local index, part, caption = line:match "^(%d+)\t(%w+)\t.*\t([^\t]*)$"
    if not index or index // 1 >= #pixels then return nil end
    return { part = part, vector = pixels[index // 1 + 1]:reshape(-1), captions = { caption } }
  end)
end
local PART = { train = "train", dev = "dev", valid = "dev", val = "dev", test = "test" }
local folder, files = experiment:tree "tsv"
local found = { layouts = {}, captions = {} }
for _, file in ipairs(files) do
  local stem = file.stem:lower()
  local kind = stem:find "layout" and "layouts" or stem:find "caption" and "captions"
  local part = PART[stem:match "^%a+" or ""] or file.part or "all"
  if kind then found[kind][part] = folder .. file.name end
end
local images, tables = folder .. "images.idx4-ubyte", {}
if found.captions.all and not found.layouts.all then
  tables.all = read_emoji(found.captions.all, images)
else
  for part, layouts in pairs(found.layouts) do
    local captions = experiment:check(found.captions[part], layouts .. ": its captions are missing")
    tables[part] = read_coco(layouts, captions)
  end
end
experiment:check(next(tables), folder .. ": there are no captions")
local parts = experiment:parts(tables)
for _, picture in ipairs(saved and {} or parts.train) do
  for class in (picture.objects or ""):gmatch(OBJECT) do
    if not classes[class] then classes.n, classes[class] = classes.n + 1, 4 * classes.n end
  end
end

-- A part as vectors (N, width) and lists of captions.
local function described(list)
  if not list[1] then return nil end
  return { captions = map(list, function(p) return p.captions end),
    vectors = list[1].vector and rnn.stack(map(list, function(p) return p.vector end), 1)
      or rnn.tensor(map(list, describe)) }
end
local train, dev, test = described(parts.train), described(parts.dev), described(parts.test)
-- Words of a large corpus that occur less than four times cannot be learnt.
local vocab = saved and saved.vocab
if not saved then
  local corpus = map(train.captions, function(captions) return table.concat(captions, " ") end)
  local _, words = table.concat(corpus, " "):gsub("%S+", "")
  vocab = text.words(corpus, { min_count = words > 50000 and 4 or 1, tokenize = "spaces" })
end
-- Each caption is an example: batches of vectors and captions. For unknown words these have 0,
-- which no loss counts.
local function examples(part, settings)
  local lists, rows = {}, {}
  for n, captions in ipairs(part.captions) do
    for _, caption in ipairs(captions) do
      local ids = vocab:encode(caption, { start = true, stop = true })
      lists[#lists + 1] = map(ids, function(id) return id == vocab.unknown and 0 or id end)
      rows[#rows + 1] = n
    end
  end
  local vectors = part.vectors:gather(1, rnn.tensor(rows, "int32"))
  local batches = data.sequences(lists, vectors):batches(settings)
  return data.map(batches, function(y, v) return v, y end) -- vectors first
end
-- Writes captions, greedily or by beam search: BLEU and the share that equals one of the picture's
-- own; the captions.
local function measure(part, beam)
  local captions = model:decode(part.vectors, { beam = beam, max_length = 25 })
  local same = 0
  for n, ids in ipairs(captions) do
    captions[n] = vocab:decode(ids)
    local own = "\n" .. table.concat(part.captions[n], "\n") .. "\n"
    same = same + (own:find("\n" .. captions[n] .. "\n", 1, true) and 1 or 0)
  end
  local bleu = rnn.metrics.bleu(captions, part.captions, { tokenize = "none" })
  return { bleu = bleu, exact = same / #captions }, captions
end

local curve
local function learn()
  model, curve = Writer(vocab, train.vectors:size(2)), {}
  local function on_epoch(_, run, logs) -- before early stopping, which looks at val_bleu
    logs.val_bleu = measure(dev).bleu
    curve[run.epoch] = logs.val_bleu
    io.stderr:write(("  dev: BLEU %.2f\n"):format(logs.val_bleu))
  end
  experiment:fit("writer", model, { data = examples(train, { size = 64, shuffle = true }),
    valid = examples(dev, { size = 64 }), loss = { label_smoothing = 0.1 }, padded = true,
    clip_norm = 5, optimizer = optim.Adam(model:parameters(), { lr = options.lr }),
    schedule = optim.schedules.cosine { final = 0.05 },
    callbacks = { { on_epoch = on_epoch }, rnn.EarlyStopping { monitor = "val_bleu" } } })
end
for _ in experiment:seeds() do
  if not saved then
    learn()
    results:add("dev", (measure(dev, options.beam)))
  end
  local figures, captions = measure(test, options.beam)
  results:add("test", figures)
  for n = 1, math.min(5, #captions) do
    print(captions[n] .. "\n  one of its own: " .. test.captions[n][1])
  end
end
io.write(results:table { { "bleu", "%.2f", "BLEU-4" },
  { "exact", "%.3f", "share equal to one of the picture's own" } })
if options.plot and curve then
  assert(rnn.plot.lines({ { y = curve } }, { title = "BLEU on dev", file = options.plot }))
end
experiment:finish { model = model, extra = { vocab = vocab, classes = classes } }
